"""Modifiers: what the curated file must say, and how it is completed by what CMS lists."""

from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from schemas import Modifier, ModifierListing
from schemas.vocabulary import BEGINNING
from tests.transforms.builders import curated_text, finding, listed, shipped_tables, source_file
from tests.transforms.test_cms_hcpcs import full_built
from transforms import cms_hcpcs
from transforms.curated import curated
from transforms.history import ReleaseTables
from transforms.modifiers import complete
from transforms.periods import quarter
from transforms.sources import Built

FILE = "modifiers/modifier.csv"
QZ = {
    "modifier": "QZ",
    "modifier_level": "HCPCS",
    "modifier_name": "Nurse anesthetist alone",
    "category": "anesthesia_performer",
    "is_payment_affecting": "true",
    "is_ncci_associated": "false",
    "valid_from": "2002-01-01",
    "valid_from_basis": "stated",
}
UNDATED = {**QZ, "valid_from": "1966-07-01", "valid_from_basis": "not_stated"}


def read(*rows: Mapping[str, str]) -> Built:
    return curated([source_file(curated_text(Modifier, *rows), FILE)], Modifier)


def listing(*rows: tuple[str, str, date, date | None] | tuple[str, str, date, date | None, date]) -> pl.DataFrame:
    """Rows of `modifier_listing`: modifier, words, first and last day and, where it is another, the day of the last action."""
    made = [
        {
            "modifier": row[0],
            "modifier_name": row[1],
            "valid_from": row[2],
            "valid_to": row[3],
            "action_effective_date": row[4] if len(row) > 4 else row[2],
            "release_id": "2020-10",
            "source_file": "cms_hcpcs/2020-10/2020_10_anweb.xlsx",
            "source_row": number,
        }
        for number, row in enumerate(rows, start=12)
    ]
    return pl.DataFrame(made, schema=ModifierListing.polars_schema(), orient="row")


def completed(*own: Mapping[str, str], by: pl.DataFrame) -> list[tuple[Any, ...]]:
    made = complete(read(*own).tables["modifier"], by)
    assert made.columns == list(Modifier.column_names())
    return made.select("modifier", "modifier_name", "valid_from", "valid_to", "valid_from_basis").rows()


@pytest.mark.parametrize(
    ("cells", "column", "rule", "value", "reason"),
    [
        ({"valid_from": ""}, "valid_from", "valid_from.not_empty", None, "Must not be empty."),
        ({"valid_from_basis": ""}, "valid_from_basis", "valid_from_basis.not_empty", None, "Must not be empty."),
        (
            {"valid_from_basis": "guessed"},
            "valid_from_basis",
            "valid_from_basis.isin",
            "guessed",
            "Must be one of stated, not_stated.",
        ),
        ({"valid_to": "2001-12-31"}, "*", "ends_after_start", None, "valid_to must not be before valid_from."),
        (
            {"valid_from_basis": "not_stated"},
            "*",
            "beginning_where_not_stated",
            None,
            "valid_from must be 1966-07-01 where its basis is `not_stated`.",
        ),
        (
            {"is_payment_affecting": ""},
            "*",
            "payment_is_judged",
            None,
            "is_payment_affecting must be stated, except in the category `other`.",
        ),
    ],
    ids=["no day", "no basis", "another basis", "order", "a day that is not stated", "not judged"],
)
def test_wrong_modifier_is_refused_with_the_reason(
    cells: dict[str, str], column: str, rule: str, value: str | None, reason: str
) -> None:
    made = read({**QZ, "modifier": "AA"}, {**QZ, **cells})
    assert made.tables["modifier"]["modifier"].to_list() == ["AA"]
    assert listed(made.findings) == [finding(FILE, 3, column, f"modifier.{rule}", value, reason)]


def test_modifier_may_have_a_row_for_each_meaning_and_no_day_twice() -> None:
    made = read({**QZ, "valid_from": "1990-01-01", "valid_to": "1995-12-31"}, QZ, {**QZ, "modifier_name": "Again"})
    assert made.tables["modifier"]["valid_from"].to_list() == [date(1990, 1, 1)]
    reason = "The key (modifier, valid_from) must occur once."
    assert listed(made.findings) == [finding(FILE, row, "*", "modifier.key.unique", None, reason) for row in (3, 4)]


def test_shipped_modifiers_without_a_stated_day_hold_since_the_first_day_of_medicare() -> None:
    rows = shipped_tables()["modifier"]
    assert rows.filter(pl.col("valid_from") == BEGINNING)["valid_from_basis"].unique().to_list() == ["not_stated"]
    assert rows.group_by("valid_from_basis").len().sort("valid_from_basis").rows() == [("not_stated", 46), ("stated", 378)]


def test_without_a_list_of_cms_the_curated_rows_stay_as_they_are() -> None:
    own = shipped_tables()["modifier"]
    assert_frame_equal(complete(own, listing()), own.sort("modifier", "valid_from"))


def test_dates_come_from_the_list_and_words_from_the_curated_row() -> None:
    by = listing(("QZ", "Words of CMS", date(2001, 1, 1), date(2030, 12, 31)))
    for own in (QZ, UNDATED):
        assert completed(own, by=by) == [("QZ", "Nurse anesthetist alone", date(2001, 1, 1), date(2030, 12, 31), "stated")]


def test_listed_modifier_that_nobody_curated_is_there_in_the_words_of_cms() -> None:
    made = complete(read(QZ).tables["modifier"], listing(("Z1", "Words of CMS", date(2024, 1, 1), date(2025, 12, 31))))
    assert made.filter(modifier="Z1").to_dicts() == [
        {
            "modifier": "Z1",
            "valid_from": date(2024, 1, 1),
            "modifier_level": "HCPCS",
            "modifier_name": "Words of CMS",
            "category": "other",
            "is_payment_affecting": None,
            "is_ncci_associated": False,
            "valid_from_basis": "stated",
            "valid_to": date(2025, 12, 31),
            "citation_title": "Healthcare Common Procedure Coding System, alpha-numeric file, release 2020-10",
            "citation_publisher": "CMS",
            "citation_where": "modifier record Z1",
            "read_date": None,
            "source_file": "cms_hcpcs/2020-10/2020_10_anweb.xlsx",
            "source_row": 12,
        }
    ]
    assert made["modifier"].to_list() == ["QZ", "Z1"]


def test_last_day_that_only_the_curated_row_states_stays() -> None:
    own = {**QZ, "valid_to": "2024-12-31"}
    assert completed(own, by=listing(("QZ", "x", date(2002, 1, 1), None))) == [
        ("QZ", "Nurse anesthetist alone", date(2002, 1, 1), date(2024, 12, 31), "stated")
    ]


RETIRED_AND_BACK = listing(("QZ", "Old words", date(1990, 1, 1), date(1999, 12, 31)), ("QZ", "New words", date(2002, 1, 1), None))


@pytest.mark.parametrize("own", [QZ, {**QZ, "valid_from": "2002-03-01"}, UNDATED], ids=["same day", "other day", "not stated"])
def test_modifier_that_came_back_is_two_rows_and_the_curated_words_are_of_the_newer(own: dict[str, str]) -> None:
    assert completed(own, by=RETIRED_AND_BACK) == [
        ("QZ", "Old words", date(1990, 1, 1), date(1999, 12, 31), "stated"),
        ("QZ", "Nurse anesthetist alone", date(2002, 1, 1), None, "stated"),
    ]


def test_curated_words_of_both_meanings_take_the_dates_of_each() -> None:
    old = {**QZ, "modifier_name": "Something else", "valid_from": "1991-01-01", "valid_to": "1998-12-31"}
    assert completed(old, QZ, by=RETIRED_AND_BACK) == [
        ("QZ", "Something else", date(1990, 1, 1), date(1999, 12, 31), "stated"),
        ("QZ", "Nurse anesthetist alone", date(2002, 1, 1), None, "stated"),
    ]


def test_curated_meaning_outside_the_listed_days_stays_beside_the_listed_one() -> None:
    by = listing(("QZ", "Old words", date(1990, 1, 1), date(1999, 12, 31)))
    assert completed(QZ, by=by) == [
        ("QZ", "Old words", date(1990, 1, 1), date(1999, 12, 31), "stated"),
        ("QZ", "Nurse anesthetist alone", date(2002, 1, 1), None, "stated"),
    ]


REWORDED = listing(
    ("QZ", "Old words", date(1990, 1, 1), date(2001, 12, 31)), ("QZ", "New words", date(2002, 1, 1), date(2020, 12, 31))
)


def test_words_before_the_curated_row_starts_are_of_another_meaning() -> None:
    assert completed(QZ, by=REWORDED) == [
        ("QZ", "Old words", date(1990, 1, 1), date(2001, 12, 31), "stated"),
        ("QZ", "Nurse anesthetist alone", date(2002, 1, 1), date(2020, 12, 31), "stated"),
    ]


@pytest.mark.parametrize("own", [{**QZ, "valid_from": "1990-01-01"}, {**QZ, "valid_from": "1995-01-01"}, UNDATED])
def test_other_words_within_the_curated_row_are_the_same_meaning(own: dict[str, str]) -> None:
    assert completed(own, by=REWORDED) == [("QZ", "Nurse anesthetist alone", date(1990, 1, 1), date(2020, 12, 31), "stated")]


def test_curated_row_that_starts_on_the_day_of_an_action_is_a_meaning_reused_at_once() -> None:
    by = listing(("QZ", "New words", date(1990, 1, 1), None, date(2002, 1, 1)))
    assert completed(QZ, by=by) == [("QZ", "Nurse anesthetist alone", date(2002, 1, 1), None, "stated")]


def test_several_curated_meanings_within_one_listed_span_follow_one_another() -> None:
    first = {**QZ, "modifier_name": "First", "valid_from": "1995-01-01"}
    by = listing(("QZ", "Words of CMS", date(1990, 1, 1), date(2020, 12, 31)))
    assert completed(first, QZ, by=by) == [
        ("QZ", "First", date(1990, 1, 1), date(2001, 12, 31), "stated"),
        ("QZ", "Nurse anesthetist alone", date(2002, 1, 1), date(2020, 12, 31), "stated"),
    ]


SPANS = st.lists(st.integers(0, 400), min_size=2, max_size=8, unique=True).map(sorted)


def spans_of(days: list[int], *, is_open: bool) -> list[tuple[date, date | None]]:
    """Spans of days from an increasing list, each at least two days long; the last one open where asked for."""
    pairs = [(day(first), day(last)) for first, last in zip(days[::2], days[1::2], strict=False)]
    return [*pairs[:-1], (pairs[-1][0], None if is_open else pairs[-1][1])]


def day(number: int) -> date:
    return date.fromordinal(date(2000, 1, 1).toordinal() + 10 * number)


@settings(deadline=None, max_examples=20)
@given(SPANS, SPANS, st.booleans(), st.booleans())
def test_a_modifier_has_one_meaning_on_every_day_and_no_listed_day_is_lost(
    own: list[int], by: list[int], is_open: bool, is_listed_open: bool
) -> None:
    meanings = [
        {**QZ, "valid_from": first.isoformat(), "valid_to": last.isoformat() if last else ""}
        for first, last in spans_of(own, is_open=is_open)
    ]
    said = spans_of(by, is_open=is_listed_open)
    rows = completed(*meanings, by=listing(*(("QZ", "Words of CMS", first, last, date(1999, 1, 1)) for first, last in said)))
    periods = [(first, last or date.max) for _, _, first, last, _ in rows]
    assert all(last < later for (_, last), (later, _) in pairwise(periods))
    assert all(any(first <= stated <= last for first, last in periods) for stated, _ in said)


@pytest.mark.full
def test_every_modifier_that_cms_publishes_is_there(full_files: Path) -> None:
    files = {"2018-01": "HCPC2018_CONTR_ANWEB_disc.txt", "2019-01": "HCPC2019_CONTR_ANWEB.txt", "2020-10": "2020_10_anweb.xlsx"}
    parts = []
    for release, name in files.items():
        period = quarter(release)
        assert period is not None
        parts.append(ReleaseTables(period, full_built(full_files, release, name)))
    by = cms_hcpcs.combine(parts).tables["modifier_listing"]
    own = shipped_tables()["modifier"]
    made = complete(own, by)
    reused = made.filter(pl.col("modifier").is_duplicated())
    assert reused.select("modifier", "valid_from", "valid_to", "category").rows() == [
        ("CS", date(2011, 1, 1), date(2020, 2, 29), "other"),
        ("CS", date(2020, 3, 1), None, "other"),
    ]
    moved = own.join(made, on=["modifier", "valid_from", "valid_to"], how="anti", nulls_equal=True)
    assert moved["modifier"].to_list() == ["P1", "P2", "P3", "P4", "P5", "P6"]
    known = pl.read_csv(full_files / "modifiers" / "modifier_codes_and_categories.csv", infer_schema=False)["mod_code"]
    assert (known.len(), known.n_unique(), made["modifier"].n_unique()) == (433, 426, 424)
    assert sorted(set(known) - set(made["modifier"])) == ["N1", "N2", "N3"]
    assert sorted(set(made["modifier"]) - set(known)) == ["AC"]
