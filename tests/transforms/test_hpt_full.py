"""The full published files, against an independent reading with the csv and json modules."""

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from schemas.prices import ModifierObservation, PublishedModifierEffect
from transforms.errors import StructureError
from transforms.gate import gate
from transforms.hpt import HospitalFile, read_hospital_file
from transforms.hpt_rows import RowCounts

pytestmark = pytest.mark.full
ANDERSON, ADVENT, MARTHA = (
    "md-anderson_reassembled.csv.gz", "adventhealth-orlando_reassembled.json.gz", "marthas-vineyard_standardcharges.csv",
)  # fmt: skip
EXAMPLES = {
    "archive/examples/CSV/Tall Format Examples/V2.0.0_Tall_CSV_Format_Example.csv": ("tall", 31),
    "archive/examples/CSV/Wide Format Examples/V2.0.0_Wide_CSV_Format_Example.csv": ("wide", 20),
    "archive/examples/JSON/V2.0.0_JSON_Format_Example.json": ("json", 17),
    "examples/CSV/Tall Format Examples/V3.0.0_Tall_CSV_Format_Example.csv": ("tall", 45),
    "examples/CSV/Wide Format Examples/V3.0.0_Wide_CSV_Format_Example.csv": ("wide", 26),
    "examples/JSON/v3_json_format_example.json": ("json", 28),
}


def chunks(path: Path) -> Iterator[bytes]:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            yield chunk


@cache
def read(path: Path) -> HospitalFile:
    return read_hospital_file(chunks(path), source_file=f"hpt/{path.name}")


def plain_rows(path: Path, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """Line and cells of the names of the columns, without blanks round their bars, and of every row."""
    text = io.StringIO(b"".join(chunks(path)).decode(encoding), newline="")
    rows = csv.reader(text, strict=True)
    next(rows), next(rows)
    yield 3, ["|".join(part.strip() for part in name.split("|")) for name in next(rows)]
    yield from ((rows.line_num, cells) for cells in rows)


def percents(effects: pl.DataFrame, modifier: str, payer: str) -> set[Decimal]:
    """Shares that a payer's plans pay for a modifier, by rows taken at their word."""
    at_their_word = effects.filter(modifier=modifier, payer_name=payer, verdict="clear")
    return set(at_their_word["effect_percent"].to_list())


def test_marthas_vineyard(full_files: Path) -> None:
    path = full_files / "hpt" / MARTHA
    file = read(path)
    assert (file.encoding, file.layout, file.facts.market, file.facts.version) == ("cp1252", "tall", "MA", "3.0.0")
    assert file.rows == RowCounts(read=10_452, without_modifier=10_380, with_modifier=72)
    expected: Counter[tuple[str, ...]] = Counter()
    (_, names), *rows = plain_rows(path, "cp1252")
    for _, cells in rows:
        row = dict(zip(names, cells, strict=True))
        if row["modifiers"]:
            codes = [row[f"code|{n}"] for n in range(1, 5) if row[f"code|{n}|type"] == "CPT"]
            modifiers = "|".join(sorted(row["modifiers"].split("|")))
            dollars = str(Decimal(row["standard_charge|negotiated_dollar"]).quantize(Decimal("0.0001")))
            expected[codes[0], modifiers, row["payer_name"], row["plan_name"], row["setting"], dollars] += 1
    seen = file.observations.filter(pl.col("distinct_rate_count") == 1)
    columns = ("code", "modifiers", "payer_name", "plan_name", "setting", "min_rate")
    assert file.observations["price_count"].sum() == expected.total() == 72
    assert {tuple(map(str, row)) for row in seen.select(columns).rows()} <= expected.keys()
    groups = {key[:-1] for key in expected}
    assert {tuple(row) for row in file.observations.select(columns[:-1]).rows()} == groups
    assert set(file.observations["modifiers"]) == {"AS", "50", "25", "80", "80|AS", "50|80", "76", "50|AS", "95", "XS"}
    assert file.findings.is_empty()


def test_md_anderson_counts(full_files: Path) -> None:
    path = full_files / "hpt" / ANDERSON
    file = read(path)
    count, prices, alone = 0, 0, Counter[tuple[int, str, str]]()
    rows = plain_rows(path, "utf-8")
    _, names = next(rows)
    payers: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        if name.startswith("standard_charge|") and name.endswith(
            ("negotiated_dollar", "negotiated_percentage", "negotiated_algorithm")
        ):
            payers.setdefault(name.rpartition("|")[0].partition("|")[2].lower(), []).append(place)
    modifier = names.index("modifiers")
    for line, cells in rows:
        priced = [payer for payer, places in payers.items() if any(cells[place] for place in places)]
        count += 1
        if cells[modifier]:
            alone.update((line, cells[modifier], payer) for payer in priced)
        else:
            prices += len(priced)
    assert file.rows == RowCounts(read=count, without_modifier=count - 20, of_effects=20)
    assert (count, len(payers), prices) == (31_501, 140, file.prices_without_modifier)
    name = pl.concat_str("payer_name", "plan_name", separator="|", ignore_nulls=True).str.to_lowercase()
    seen = file.effects.select("source_row", "modifier", name)
    assert Counter(seen.rows()) == alone
    assert alone.total() == 436
    assert file.effects["plan_name"].null_count() == 26
    assert file.effects["modifier"].n_unique() == 20
    assert (file.facts.market, file.layout, file.encoding, file.observations.height) == ("TX", "wide", "utf-8", 0)


@pytest.mark.parametrize(
    ("modifier", "payer", "percent"),
    [
        ("AS", "Aetna", "12"), ("AS", "BlueCrossBlueShield", "13.6"), ("AS", "Cigna", "13.6"), ("AS", "UnitedHealthcare", "13.6"),
        ("AS", "Humana", "10"), ("QK", "Aetna", "50"), ("QK", "Cigna", "50"), ("QK", "UnitedHealthcare", "50"),
        ("22", "Aetna", "115"), ("22", "Cigna", "120"), ("22", "UnitedHealthcare", "120"), ("22", "BlueCrossBlueShield", "125"),
    ],
)  # fmt: skip
def test_md_anderson_publishes_these_shares(full_files: Path, modifier: str, payer: str, percent: str) -> None:
    assert percents(read(full_files / "hpt" / ANDERSON).effects, modifier, payer) == {Decimal(percent)}


def test_md_anderson_has_percentages_in_the_dollar_column(full_files: Path) -> None:
    effects = read(full_files / "hpt" / ANDERSON).effects
    assert dict(effects["verdict"].value_counts().rows()) == {"clear": 395, "contradicts_note": 17, "unreadable": 24}
    misplaced = effects.filter(verdict="contradicts_note")
    assert set(misplaced.select("payer_name", "plan_name").rows()) == {("Aetna", "PPO_Professional_MD")}
    assert misplaced["published_dollars"].equals(misplaced["effect_percent"].cast(pl.Decimal(18, 4)), check_names=False)
    unreadable = effects.filter(verdict="unreadable")
    assert set(unreadable["payer_name"]) == {"BlueCrossBlueShield"}
    assert set(unreadable["modifier"]) == {"AD", "QK", "QY"}
    assert Decimal("310.01") in unreadable["published_dollars"].to_list()


def test_adventhealth(full_files: Path) -> None:
    path = full_files / "hpt" / ADVENT
    file = read(path)
    with gzip.open(path) as stream:
        document = json.load(stream)
    charges = [charge for item in document["standard_charge_information"] for charge in item["standard_charges"]]
    modified = [charge for charge in charges if charge.get("modifier_code")]
    rates = sorted(Decimal(str(price["standard_charge_dollar"])) for charge in modified for price in charge["payers_information"])
    plain = sum(len(charge.get("payers_information", ())) for charge in charges if charge not in modified)
    assert file.rows == RowCounts(read=len(charges) + 74, without_modifier=len(charges) - 5, with_modifier=5, of_effects=74)
    assert (file.prices_with_modifier, file.prices_without_modifier) == (len(rates), plain) == (35, 136_257)
    assert sorted(file.observations["min_rate"].to_list()) == rates
    assert set(file.observations["modifiers"]) == {"TC"}
    assert dict(file.effects["verdict"].value_counts().rows()) == {"boilerplate": 74}
    assert file.findings.is_empty()


@pytest.mark.parametrize(("name", "layout", "read_rows"), [(name, *facts) for name, facts in EXAMPLES.items()])
def test_examples_of_cms_say_the_same_in_every_layout(full_files: Path, name: str, layout: str, read_rows: int) -> None:
    file = read(full_files / "hpt" / "cms_examples" / name)
    assert (file.layout, file.rows_read, file.facts.hospital, file.facts.market) == (
        layout,
        read_rows,
        "West Mercy Hospital",
        "CA",
    )
    payer = pl.col("payer_name").str.replace_all("_", " ")
    effects = file.effects.select("modifier", payer, "plan_name", "effect_percent", "verdict").sort("modifier", "payer_name")
    platform, region = ("Platform Health Insurance", "PPO"), ("Region Health Insurance", "HMO")
    shares = [("50", "150", "145"), ("50|62", "93.75", "87"), ("62", "62.5", "60")]
    assert effects.rows() == [
        (modifier, *payer, Decimal(share), "clear")
        for modifier, *both in shares
        for payer, share in zip((platform, region), both, strict=True)
    ]


def test_every_file_is_read_or_refused_with_a_reason(full_files: Path) -> None:
    found: dict[str, Any] = {}
    for path in sorted((full_files / "hpt").rglob("*")):
        if path.suffix in {".csv", ".json"}:
            try:
                found[path.name] = read(path).rows_read
            except StructureError as error:
                found[path.name] = str(error)
    refused = {name: why for name, why in found.items() if isinstance(why, str)}
    assert len(found) - len(refused) == 14
    assert all(why.startswith(f"hpt/{name}") for name, why in refused.items())
    assert all("Template" in name or "schema" in name for name in refused)
    headers = {name: found[name] for name in found if ".header." in name}
    assert headers == {
        "grady.header.csv": 0, "kaiser-oakland.header.csv": 0, "michigan-medicine.header.csv": 0, "uab-hospital.header.csv": 0,
        "mount-sinai.header.json": 2_275, "nyp-columbia.header.json": 17, "stanford.header.json": 108,
    }  # fmt: skip


def test_new_york_presbyterian_states_one_share_and_two_discounts_that_depend(full_files: Path) -> None:
    effects = read(full_files / "hpt" / "headers" / "nyp-columbia.header.json").effects
    assert set(effects.filter(verdict="clear").select("modifier", "effect_percent").rows()) == {("50", Decimal(150))}
    assert effects.filter(verdict="unreadable")["modifier"].to_list() == ["LT", "RT"]


@pytest.mark.parametrize("name", [ANDERSON, ADVENT, MARTHA])
def test_rows_satisfy_the_tables(full_files: Path, name: str) -> None:
    file = read(full_files / "hpt" / name)
    assert gate(file.observations.drop("payer_name", "plan_name"), ModifierObservation).findings.is_empty()
    assert gate(file.effects, PublishedModifierEffect).findings.is_empty()


def test_no_words_of_a_file_reach_its_rows(full_files: Path) -> None:
    for name in (ANDERSON, MARTHA):
        path = full_files / "hpt" / name
        file = read(path)
        rows = plain_rows(path, file.encoding)
        _, columns = next(rows)
        words = {cells[columns.index("description")] for _, cells in rows}
        prose = {word for word in words if " " in word}
        texts = {text for column in file.effects.select(pl.col(pl.String)) for text in column.unique().to_list()}
        assert not prose & (
            texts | set(file.findings["value"].to_list()) | set(file.observations["published_modifiers"].to_list())
        )
