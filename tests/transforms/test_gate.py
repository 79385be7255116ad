"""The gate: text to types, and rows judged against their declaration."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.polars import PolarsData
from polars.testing import assert_frame_equal

from schemas.base import Table, TableFacts, column
from tests.transforms.builders import finding, listed
from transforms.errors import BrokenCheckError
from transforms.gate import ensure, findings_frame, gate, typed, typed_and_gated

FACTS = {"facts": TableFacts("tests", "row", ("name",), "CC0-1.0", (0, 10))}


class Sample(Table):
    """One column of every kind and every kind of check."""

    name: str = column("Name.", pattern="^[a-z]+$")
    kind: str = column("Kind.", values=("good", "bad"))
    note: str = column("Note.", nullable=True, references="other.note")
    count: pl.Int64 = column("Count.", at_least=0, at_most=9)
    price: pl.Decimal(5, 2) = column("Price.", nullable=True)
    day: pl.Date = column("Day.", nullable=True)
    is_open: bool = column("Open.")
    source_file: str = column("File.")
    source_row: pl.Int64 = column("Line.")

    class Config:
        """Facts about the table."""

        name = "sample"
        unique = ["name"]  # noqa: RUF012 - pandera
        metadata = FACTS

    @pa.dataframe_check(name="bad_counts_nothing", description="A bad row must count 0.")
    def _bad(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805 - pandera
        return data.lazyframe.select((pl.col("kind") != "bad") | (pl.col("count") == 0))


class Crashing(Table):
    """Its check fails to run."""

    name: str = column("Name.")
    source_file: str = column("File.")
    source_row: pl.Int64 = column("Line.")

    class Config:
        """Facts about the table."""

        name = "crashing"
        unique = ["name"]  # noqa: RUF012 - pandera
        metadata = FACTS

    @pa.dataframe_check(name="crashes", description="Never said.")
    def _crashes(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: ARG002, N805 - pandera
        raise ZeroDivisionError("the check itself is wrong")


GOOD = {"name": "a", "kind": "good", "note": "", "count": "1", "price": "1.50", "day": "2025-10-01", "is_open": "true"}


def texts(*rows: Mapping[str, str]) -> pl.DataFrame:
    numbered = [{**GOOD, **row, "source_file": "raw.csv", "source_row": line} for line, row in enumerate(rows, start=2)]
    schema = {**dict.fromkeys([*GOOD, "source_file"], pl.String), "source_row": pl.Int64}
    return pl.DataFrame(numbered, schema=schema, orient="row")


def frame(*rows: Mapping[str, Any]) -> pl.DataFrame:
    good = {"name": "a", "kind": "good", "note": None, "count": 1, "price": Decimal("1.50"), "day": None, "is_open": True}
    numbered = [{**good, **row, "source_file": "raw.csv", "source_row": line} for line, row in enumerate(rows, start=2)]
    return pl.DataFrame(numbered, schema=Sample.polars_schema(), orient="row")


def test_typed_gives_the_declared_types() -> None:
    cast = typed(texts({"name": " a ", "note": "  "}), Sample)
    expected = frame({"day": date(2025, 10, 1)})
    assert_frame_equal(cast.accepted, expected)
    assert listed(cast.findings) == []


@pytest.mark.parametrize(
    ("cell", "value", "reason"),
    [
        ("count", "many", "Must be a whole number."),
        ("count", "1.0", "Must be a whole number."),
        ("count", "99999999999999999999", "Must be a whole number."),
        ("day", "01/10/2025", "Must be a date as YYYY-MM-DD."),
        ("day", "2025-02-30", "Must be a date as YYYY-MM-DD."),
        ("day", "2025-10-01T00:00:00", "Must be a date as YYYY-MM-DD."),
        ("is_open", "TRUE", "Must be true or false."),
        ("is_open", "1", "Must be true or false."),
        ("price", "1.505", "Must be a number with at most 2 decimals."),
        ("price", "0.004", "Must be a number with at most 2 decimals."),
        ("price", "1,50", "Must be a number with at most 2 decimals."),
        ("price", "1e2", "Must be a number with at most 2 decimals."),
        ("price", "$1.50", "Must be a number with at most 2 decimals."),
        ("price", "NaN", "Must be a number with at most 2 decimals."),
        ("price", ".", "Must be a number with at most 2 decimals."),
        ("price", "-", "Must be a number with at most 2 decimals."),
        ("price", "1000.00", "Must be a number with at most 2 decimals."),
    ],
)
def test_cell_that_is_not_of_its_type_refuses_its_row(cell: str, value: str, reason: str) -> None:
    cast = typed(texts({}, {"name": "b", cell: value}), Sample)
    assert cast.accepted["name"].to_list() == ["a"]
    assert listed(cast.findings) == [finding("raw.csv", 3, cell, f"sample.{cell}.type", value, reason)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5", "1.50"),
        (".5", "0.50"),
        ("1.5000", "1.50"),
        ("-0.25", "-0.25"),
        ("999.99", "999.99"),
        ("0", "0.00"),
        ("007", "7.00"),
    ],
)
def test_money_is_exact(text: str, value: str) -> None:
    assert typed(texts({"price": text}), Sample).accepted["price"].to_list() == [Decimal(value)]


def test_row_with_two_wrong_cells_is_refused_once_with_two_findings() -> None:
    cast = typed(texts({"count": "x", "day": "y"}), Sample)
    assert cast.accepted.height == 0
    assert listed(cast.findings) == [
        finding("raw.csv", 2, "count", "sample.count.type", "x", "Must be a whole number."),
        finding("raw.csv", 2, "day", "sample.day.type", "y", "Must be a date as YYYY-MM-DD."),
    ]


@pytest.mark.parametrize(
    ("row", "column_name", "rule", "value", "reason"),
    [
        ({"name": "A1"}, "name", "name.pattern", "A1", "Must look like ^[a-z]+$."),
        ({"kind": "ugly"}, "kind", "kind.isin", "ugly", "Must be one of good, bad."),
        ({"name": None}, "name", "name.not_empty", None, "Must not be empty."),
        ({"count": -1}, "count", "count.at_least", "-1", "Must be at least 0."),
        ({"count": 10}, "count", "count.at_most", "10", "Must be at most 9."),
        ({"kind": "bad"}, "*", "bad_counts_nothing", None, "A bad row must count 0."),
    ],
)
def test_broken_rule_becomes_a_finding(row: dict[str, Any], column_name: str, rule: str, value: str | None, reason: str) -> None:
    judged = gate(frame({"name": "z"}, row), Sample)
    assert_frame_equal(judged.accepted, frame({"name": "z"}))
    assert listed(judged.findings) == [finding("raw.csv", 3, column_name, f"sample.{rule}", value, reason)]


def test_every_row_of_a_duplicate_key_is_refused() -> None:
    judged = gate(frame({}, {"name": "b"}, {"count": 2}), Sample)
    assert judged.accepted["name"].to_list() == ["b"]
    assert listed(judged.findings) == [
        finding("raw.csv", line, "*", "sample.key.unique", None, "The key (name) must occur once.") for line in (2, 4)
    ]


def test_findings_of_one_row_name_every_broken_rule() -> None:
    judged = gate(frame({"kind": "ugly", "count": 10}), Sample)
    assert judged.accepted.height == 0
    assert listed(judged.findings) == [
        finding("raw.csv", 2, "count", "sample.count.at_most", "10", "Must be at most 9."),
        finding("raw.csv", 2, "kind", "sample.kind.isin", "ugly", "Must be one of good, bad."),
    ]


def test_value_that_does_not_exist_elsewhere_is_refused() -> None:
    rows = frame({"name": "a", "note": "here"}, {"name": "b", "note": "gone"}, {"name": "c", "note": "any"}, {"name": "d"})
    judged = gate(rows, Sample, known={"note": pl.Series(["here"])})
    assert judged.accepted["name"].to_list() == ["a", "c", "d"]
    assert listed(judged.findings) == [finding("raw.csv", 3, "note", "sample.note.known", "gone", "Must exist in other.note.")]


def test_typed_and_gated_keeps_both_kinds_of_findings() -> None:
    judged = typed_and_gated(texts({"count": "x"}, {"name": "b", "kind": "ugly"}, {"name": "c"}), Sample)
    assert judged.accepted["name"].to_list() == ["c"]
    assert listed(judged.findings) == [
        finding("raw.csv", 2, "count", "sample.count.type", "x", "Must be a whole number."),
        finding("raw.csv", 3, "kind", "sample.kind.isin", "ugly", "Must be one of good, bad."),
    ]


def test_check_that_crashes_is_a_broken_check() -> None:
    rows = pl.DataFrame({"name": ["a"], "source_file": ["raw.csv"], "source_row": [2]})
    with pytest.raises(BrokenCheckError) as caught:
        gate(rows, Crashing)
    assert str(caught.value).startswith("crashing: a check failed to run:\n")
    assert "ZeroDivisionError" in str(caught.value)


def test_column_of_a_wrong_type_is_a_broken_check() -> None:
    with pytest.raises(BrokenCheckError) as caught:
        gate(frame({}).with_columns(pl.col("count").cast(pl.Int32)), Sample)
    assert str(caught.value).startswith("sample: a check failed to run:\n")


def test_ensure_returns_rows_in_declared_columns() -> None:
    rows = frame({})
    assert_frame_equal(ensure(rows.select(reversed(rows.columns)), Sample), rows)


def test_ensure_stops_at_a_broken_rule() -> None:
    with pytest.raises(BrokenCheckError) as caught:
        ensure(frame({"kind": "ugly"}), Sample)
    assert str(caught.value).startswith("sample breaks its declaration:\n")


def test_findings_frame_without_rows_has_the_declared_columns() -> None:
    assert listed(findings_frame()) == []


def places(rows: pl.DataFrame) -> list[int]:
    return sorted(set(rows["source_row"]))


CELLS = {
    name: st.sampled_from(values)
    for name, values in {
        "name": ["a", "b", "", "A"],
        "kind": ["good", "bad", "ugly", " "],
        "count": ["0", "9", "10", "-1", "x", "1.5", ""],
        "price": ["1.5", "1.505", "x", "", "1000"],
        "day": ["2025-10-01", "2025-13-01", "soon", ""],
        "is_open": ["true", "false", "yes", ""],
    }.items()
}


@settings(deadline=None, max_examples=40)
@given(st.lists(st.fixed_dictionaries(CELLS), max_size=6))
def test_typed_never_loses_a_row(rows: list[dict[str, str]]) -> None:
    given_rows = texts(*rows)
    cast = typed(given_rows, Sample)
    assert sorted([*cast.accepted["source_row"], *places(cast.findings)]) == places(given_rows)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.fixed_dictionaries(CELLS), max_size=6))
def test_typed_and_gated_never_loses_a_row(rows: list[dict[str, str]]) -> None:
    given_rows = texts(*rows)
    judged = typed_and_gated(given_rows, Sample)
    assert sorted([*judged.accepted["source_row"], *places(judged.findings)]) == places(given_rows)


@settings(deadline=None, max_examples=40)
@given(st.decimals(min_value=-2000, max_value=2000, places=4))
def test_money_is_kept_exactly_or_refused(value: Decimal) -> None:
    text = f"{value:f}"
    cast = typed(texts({"price": text}), Sample)
    fits = value == value.quantize(Decimal("0.01")) and abs(value) < 1000
    assert cast.accepted["price"].to_list() == ([value] if fits else [])


JUDGED = {
    "name": st.sampled_from(["a", "b", "c", "A", None]),
    "kind": st.sampled_from(["good", "bad", "ugly", None]),
    "note": st.sampled_from(["here", "gone", "any", None]),
    "count": st.sampled_from([-1, 0, 9, 10]),
    "is_open": st.sampled_from([True, False, None]),
}


@settings(deadline=None, max_examples=50)
@given(st.lists(st.fixed_dictionaries(JUDGED), max_size=6))
def test_gate_splits_as_hand_written_expressions_do(rows: list[dict[str, Any]]) -> None:
    given_rows = frame(*rows)
    judged = gate(given_rows, Sample, known={"note": pl.Series(["here"])})
    is_right = (
        pl.col("name").str.contains("^[a-z]+$")
        & (pl.len().over("name") == 1)
        & pl.col("kind").is_in(["good", "bad"])
        & (pl.col("note").is_null() | pl.col("note").is_in(["here", "any"]))
        & pl.col("count").is_between(0, 9)
        & pl.col("is_open").is_not_null()
        & ((pl.col("kind") != "bad") | (pl.col("count") == 0))
    ).fill_null(value=False)
    assert_frame_equal(judged.accepted, given_rows.filter(is_right))
    assert places(judged.findings) == places(given_rows.filter(~is_right))
