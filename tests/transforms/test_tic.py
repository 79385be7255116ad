"""Both readers of price files against a naive one, on files of every spelling and in chunks of every size."""

import gzip
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.transforms import tic_builders as builders
from transforms import tic_plain
from transforms.tic import PriceFileError, Read, compiled_reader, observe

WINDOWS = (64, 700, 2 * 1024 * 1024)


def readers() -> list[Read]:
    """The plain reader with windows of several sizes, and the compiled one where it can be had."""
    compiled = compiled_reader()
    plain = [partial(tic_plain.read, size=size) for size in WINDOWS]
    return [*plain, partial(compiled, least=1), compiled] if compiled else plain


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), size=st.integers(1, 4000))
def test_readers_agree_with_the_naive_one(seed: int, size: int) -> None:
    content = builders.document(random.Random(seed))  # noqa: S311 - repeatable
    expected = builders.naive(content)
    for read in readers():
        found = observe(builders.pieces(content, size), read=read)
        assert_frame_equal(found.observations.drop("code_system"), expected)


def test_without_numba_the_plain_reader_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transforms.tic_scan", None)
    monkeypatch.delattr("transforms.tic_scan", raising=False)
    assert compiled_reader() is None
    assert observe([builders.document(random.Random(1))]).header.kind == "in_network"  # noqa: S311 - repeatable


def told(read: object) -> str:
    """A reader's name that is the same in every process."""
    function, options = getattr(read, "func", read), getattr(read, "keywords", {})
    return "-".join([f"{function.__module__}.{function.__qualname__}", *(f"{name}={value}" for name, value in options.items())])


@pytest.mark.parametrize("read", readers()[2:], ids=told)
def test_an_item_with_more_rates_than_are_held_and_its_code_behind_them(read: Read) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"in_network":[{"negotiated_rates":[{"negotiated_prices":['
        for first in range(0, 600_000, 10_000):
            prices = (f'{{"negotiated_type":"negotiated","negotiated_rate":{at}.5}}' for at in range(first, first + 10_000))
            yield (("," if first else "") + ",".join(prices)).encode()
        yield b']}],"billing_code":"99213","billing_code_type":"CPT"},{"billing_code":"99213","billing_code_type":"CPT"}]}'

    found = observe(chunks(), read=read)
    row = found.observations.row(0, named=True)
    assert found.observations.height == 1
    assert (row["code"], row["price_count"], row["distinct_rate_count"]) == ("99213", 600_000, 600_000)
    assert (row["min_rate"], row["median_rate"], row["max_rate"]) == (Decimal("0.5"), Decimal(300_000), Decimal("599999.5"))
    assert found.counts["items"] == 2


@pytest.mark.parametrize("read", readers(), ids=told)
def test_a_table_of_contents(read: Read) -> None:
    plan = {"plan_name": "  ***Gold 8 ", "plan_id_type": "hios", "plan_id": 64353, "plan_market_type": "individual"}
    entry = {
        "reporting_plans": [plan, {"plan_name": "Silver"}],
        "in_network_files": [{"description": "in network", "location": "https://example.org/a.json.gz"}],
        "allowed_amount_file": {"description": "allowed", "location": "https://example.org/b.json"},
    }
    made = {"reporting_entity_name": "Plan ", "last_updated_on": "2022-08-5", "reporting_structure": [entry, entry, {}]}
    found = observe(builders.pieces(json.dumps(made).encode(), 37), read=read)
    assert (found.header.kind, found.header.reporting_entity_name, found.header.last_updated_on) == (
        "table_of_contents",
        "Plan",
        date(2022, 8, 5),
    )
    assert found.listed_files.rows() == [
        ("https://example.org/a.json.gz", "in network", "in_network", 4),
        ("https://example.org/b.json", "allowed", "allowed_amounts", 4),
    ]
    assert found.listed_plans.rows() == [
        ("***Gold 8", "hios", "64353", "individual", None, None, 2),
        ("Silver", None, None, None, None, None, 2),
    ]
    with pytest.raises(PriceFileError, match=r"byte 24: expected an entry of a table of contents, found Expected"):
        observe([b'{"reporting_structure":[{"reporting_plans":1}]}'], read=read)


@pytest.mark.parametrize("read", readers(), ids=told)
def test_what_is_refused_and_what_is_remarkable_is_counted(read: Read) -> None:
    def price(modifier: str, **given: object) -> dict[str, object]:
        return {"negotiated_type": "negotiated", "negotiated_rate": 1, "billing_code_modifier": [modifier], **given}

    prices = [
        *[price("360")] * 3,
        price("", negotiated_rate=1e14),
        price("26", negotiated_rate="2.00005"),
        price("26", expiration_date="soon"),
        price("26", negotiated_type="case rate"),
        price("", negotiated_type="percentage", negotiated_rate=0.0),
    ]
    item = {"billing_code_type": "CPT", "billing_code": "ATP02", "negotiated_rates": [{"negotiated_prices": prices}]}
    found = observe([json.dumps({"in_network": [item]}).encode()], read=read)
    assert found.counts == {
        "items": 1, "prices_read": 8, "prices_kept": 4, "prices_refused": 4, "rates_rounded": 1, "rates_as_text": 1,
        "prices_of_contradicted_codes": 4, "prices_with_unreadable_expiration": 1, "prices_of_unknown_type": 1,
    }  # fmt: skip
    assert found.refusals.rows() == [
        ("modifier_observation.modifiers.unreadable", '["360"]', "CPT", "ATP02", 3),
        ("modifier_observation.rate.out_of_range", "more than 14 digits before the point", "CPT", "ATP02", 1),
    ]
    kinds = found.observations.select(
        "code_system", "modifiers", "negotiated_type", "rate_kind", "price_count", "distinct_rate_count", "max_rate"
    )
    assert kinds.rows() == [
        ("LOCAL", "", "percentage", "none", 1, 0, None),
        ("LOCAL", "26", "case rate", "none", 1, 0, None),
        ("LOCAL", "26", "negotiated", "dollars", 2, 2, Decimal("2.0000")),
    ]


FULL = {
    "carefirst/examplefile.json.gz": (1_773, 122_310),
    "molina_oh_2022/innetwork-S-QMXCT19675-1.json.gz": (583, 583),
    "molina_oh_2022/innetwork-S-QMXCT21544-1.json.gz": (3_200, 3_200),
}


@pytest.mark.full
@pytest.mark.parametrize("name", FULL)
@pytest.mark.parametrize("read", readers()[1:], ids=told)
def test_published_files(full_files: Path, name: str, read: Read) -> None:
    content = gzip.decompress((full_files / "tic" / name).read_bytes())
    found = observe(builders.pieces(content, 1_000_000), read=read)
    assert (found.counts["items"], found.counts["prices_kept"]) == FULL[name]
    assert_frame_equal(found.observations.drop("code_system"), builders.naive(content))


@pytest.mark.full
def test_molinas_percentages_of_nothing_are_no_rates(full_files: Path) -> None:
    content = gzip.decompress((full_files / "tic/molina_oh_2022/innetwork-S-QMXCT21544-1.json.gz").read_bytes())
    found = observe([content]).observations
    revenue = found.filter(pl.col("reported_code_system") == "RC")
    assert revenue["price_count"].sum() == content.count(b'"billing_code_type":"RC"')
    assert set(revenue["rate_kind"]) <= {"none", "percent"}
    assert found.filter(rate_kind="percent")["min_rate"].min() > 0


@pytest.mark.full
def test_every_example_and_schema_of_the_guide_is_read_or_refused_with_a_reason(full_files: Path) -> None:
    kinds = Counter[str]()
    for path in sorted((full_files / "tic").glob("cms_guide_v*/**/*.json")):
        if "schemas" in path.parts:
            with pytest.raises(PriceFileError, match="found a JSON object without any"):
                observe([path.read_bytes()])
            kinds["refused"] += 1
        else:
            kinds[observe([path.read_bytes()]).header.kind] += 1
    assert kinds == {"in_network": 11, "allowed_amounts": 7, "table_of_contents": 2, "provider_reference": 1, "refused": 7}
