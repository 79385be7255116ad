"""The view policy_vs_observed: what rules say beside what price files show."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import polars as pl
import pytest

from flows import SHIPPED_RAW
from flows.database_name import DATABASE
from flows.load import configure
from schemas import ModifierObservation
from tests.databases import database_of

Row = dict[str, Any]
SEEN: Row = {
    "payer_id": "uhc",
    "organization_id": None,
    "file_kind": "tic",
    "reporting_entity": "UHC",
    "publisher": "UHC",
    "line_of_business": "any",
    "market": "any",
    "plan_market": None,
    "reported_code_system": "CPT",
    "code_system": "CPT",
    "code": "00406",
    "modifiers": "QZ",
    "published_modifiers": "QZ",
    "negotiated_type": "negotiated",
    "rate_kind": "dollars",
    "billing_class": "professional",
    "setting": None,
    "price_count": 10,
    "distinct_rate_count": 2,
    "min_rate": Decimal(80),
    "median_rate": Decimal(85),
    "max_rate": Decimal(90),
    "first_expiration": None,
    "last_expiration": None,
    "known_from": date(2025, 11, 1),
    "source_file": "tic/uhc.json",
    "source_row": 1,
}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    path = database_of(SHIPPED_RAW, tmp_path_factory.mktemp("observed") / DATABASE)
    with duckdb.connect(str(path)) as connection:
        configure(connection, threads=2)
        yield connection


@pytest.fixture
def database(shipped: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    shipped.execute("DELETE FROM modifier_observation")
    return shipped


def shown(database: duckdb.DuckDBPyConnection, *observations: Row) -> list[Row]:
    rows = [{**SEEN, "source_row": number, **row} for number, row in enumerate(observations, start=1)]
    frame = pl.DataFrame(rows, schema=ModifierObservation.polars_schema(), orient="row")
    database.register("observations", frame.to_arrow())
    database.execute("INSERT INTO modifier_observation BY NAME SELECT * FROM observations")
    return database.sql("FROM policy_vs_observed ORDER BY ALL").pl().to_dicts()


def test_a_row_in_full(database: duckdb.DuckDBPyConnection) -> None:
    plain = {"modifiers": "", "median_rate": Decimal(100), "price_count": 7}
    pair = {"modifiers": "QZ|QS", "price_count": 3, "min_rate": Decimal(70), "max_rate": Decimal(95), "source_file": "tic/b.json"}
    found = shown(database, {}, plain, pair)
    assert [row["modifier"] for row in found] == ["QS", "QZ"]
    assert found[1] == {
        "payer_id": "uhc",
        "organization_id": "any",
        "line_of_business": "any",
        "market": "any",
        "code": "00406",
        "modifier": "QZ",
        "disposition": "allowed",
        "effect_percent": Decimal("85.00"),
        "rule_id": "uhc.anesthesia.QZ.2025",
        "tier": found[1]["tier"],
        "reason": found[1]["reason"],
        "file_kinds": "tic",
        "file_count": 2,
        "publisher_count": 1,
        "price_count": 13,
        "alone_price_count": 10,
        "min_rate": Decimal("70.0000"),
        "median_of_medians": 85.0,
        "max_rate": Decimal("95.0000"),
        "observed_percent": 85.0,
        "compared_count": 1,
        "seen_on": date(2025, 11, 1),
        "finding": "same_percent",
    }


@pytest.mark.parametrize(
    ("observations", "expected"),
    [
        ([{"median_rate": Decimal(100)}, {"modifiers": "", "median_rate": Decimal(100)}], ("other_percent", 100.0)),
        ([{}], ("not_comparable", None)),
        ([{}, {"modifiers": "", "median_rate": Decimal(0)}], ("not_comparable", None)),
        ([{}, {"modifiers": "", "billing_class": "institutional"}], ("not_comparable", None)),
        ([{"rate_kind": "percent"}], ("not_comparable", None)),
        ([{"market": "AR"}], ("not_comparable", None)),
        ([{"payer_id": "aetna"}], ("no_rule", None)),
        ([{"known_from": date(2020, 1, 1)}], ("no_rule", None)),
        ([{"line_of_business": "medicaid"}], ("no_rule", None)),
        ([{"code": "ATP02"}], ("no_rule", None)),
    ],
)
def test_the_finding(database: duckdb.DuckDBPyConnection, observations: list[Row], expected: tuple[Any, ...]) -> None:
    (found,) = shown(database, *observations)
    assert (found["finding"], found["observed_percent"]) == expected


def test_what_a_payer_does_not_take_and_yet_prices_is_a_finding(database: duckdb.DuckDBPyConnection) -> None:
    medicare = {
        "payer_id": "medicare",
        "code": "71046",
        "line_of_business": "medicare_ffs",
        "modifiers": "62",
        "price_count": 4_000,
    }
    (found,) = shown(database, medicare)
    assert (found["finding"], found["disposition"], found["price_count"]) == ("priced_though_not_allowed", "not_allowed", 4_000)
    assert found["rule_id"] is not None


def test_the_narrowest_cell_of_the_organization_speaks(database: duckdb.DuckDBPyConnection) -> None:
    (found,) = shown(database, {"payer_id": "bcbs", "organization_id": "anthem_oh"})
    assert (found["rule_id"], found["effect_percent"]) == ("bcbs.anthem_oh.anesthesia.QZ", Decimal("85.00"))


def test_unresolved_payers_and_prices_without_modifier_are_left_out(database: duckdb.DuckDBPyConnection) -> None:
    assert shown(database, {"payer_id": None}, {"modifiers": ""}) == []
