"""The list of codes."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from schemas import Code, CodeListing
from tests.transforms.builders import section_table, shipped_tables
from transforms.code import code_list, code_system, copyright_holder, descriptions, with_section
from transforms.errors import BrokenCheckError
from transforms.sources import Period

SECTIONED = {
    "00100": "anesthesia",
    "01999": "anesthesia",
    "10180": "surgery",
    "19307": "surgery",
    "71046": "radiology",
    "88305": "pathology",
    "96406": "medicine",
    "98000": "evaluation_management",
    "98940": "medicine",
    "99100": "medicine",
    "99213": "evaluation_management",
    "99600": "medicine",
    "0001F": "category_2",
    "0042T": "category_3",
    "0001U": "proprietary_laboratory",
    "0002M": "administrative_laboratory",
    "0001A": "vaccine_administration",
    "A0428": "level_2",
    "D0120": "level_2",
    "V5251": "level_2",
}


def codes(*names: str) -> pl.DataFrame:
    return pl.DataFrame({"code": list(names)}, schema={"code": pl.String})


def listing(code: str, first: date, last: date | None, **cells: Any) -> dict[str, Any]:
    """A row of `code_listing`."""
    common = {"source": "cms_pfs", "code_system": "CPT", "known_from": None, "action_code": None, "release_id": "2025-10"}
    row = {**common, "code": code, "valid_from": first, "valid_to": last, "source_file": "a.csv", "source_row": 1}
    return {**row, **cells}


def spans(*rows: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Validity of the codes of these listings."""
    listings = pl.DataFrame(rows, schema=CodeListing.polars_schema(), orient="row")
    return code_list(listings, section_table()).select("code", "valid_from", "valid_to").rows()


@pytest.mark.parametrize(
    ("code", "system", "holder"),
    [
        ("00406", "CPT", "AMA"),
        ("0042T", "CPT", "AMA"),
        ("0001F", "CPT", "AMA"),
        ("A0428", "HCPCS", "CMS"),
        ("G0105", "HCPCS", "CMS"),
        ("D0120", "HCPCS", "ADA"),
    ],
)
def test_code_has_one_system_and_one_owner(code: str, system: str, holder: str) -> None:
    judged = codes(code).with_columns(code_system=code_system()).with_columns(holder=copyright_holder())
    assert judged.rows() == [(code, system, holder)]


def test_codes_fall_into_their_sections() -> None:
    placed = with_section(codes(*SECTIONED), shipped_tables()["code_section"])
    assert dict(placed.iter_rows()) == SECTIONED


def test_code_outside_every_range_has_no_section() -> None:
    placed = with_section(codes("02000", "0042X", "19307", "99999"), section_table())
    assert placed.rows() == [("02000", None), ("0042X", None), ("19307", "surgery"), ("99999", None)]


def test_range_holds_only_codes_of_its_own_length() -> None:
    shorter = (
        section_table().filter(pl.col("section") == "surgery").with_columns(code_from=pl.lit("1000"), code_to=pl.lit("1999"))
    )
    assert with_section(codes("10004"), shorter).rows() == [("10004", None)]


def test_rows_of_a_code_keep_their_order_and_number() -> None:
    placed = with_section(codes("71046", "00406", "71046"), section_table())
    assert placed.rows() == [("71046", "radiology"), ("00406", "anesthesia"), ("71046", "radiology")]


JANUARY, MARCH_31, APRIL, JUNE_30 = date(2025, 1, 1), date(2025, 3, 31), date(2025, 4, 1), date(2025, 6, 30)


def test_code_is_listed_with_section_owner_and_the_first_source_that_lists_it() -> None:
    listings = pl.DataFrame(
        [
            listing("71046", APRIL, None, source_file="april.csv", known_from=date(2025, 3, 15)),
            listing("71046", JANUARY, MARCH_31, source_file="january.csv", known_from=date(2024, 12, 20)),
            listing("00406", JANUARY, MARCH_31),
        ],
        schema=CodeListing.polars_schema(),
        orient="row",
    )
    anesthesia = {"section": "anesthesia", "source_file": "a.csv", "known_from": None, "valid_to": MARCH_31}
    radiology = {"section": "radiology", "source_file": "january.csv", "known_from": date(2024, 12, 20), "valid_to": None}
    rows = [
        {"code_system": "CPT", "code": code, "valid_from": JANUARY, "copyright_holder": "AMA", **cells}
        for code, cells in (("00406", anesthesia), ("71046", radiology))
    ]
    assert_frame_equal(code_list(listings, section_table()), pl.DataFrame(rows, schema=Code.polars_schema(), orient="row"))


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ([(JANUARY, MARCH_31), (APRIL, JUNE_30)], [(JANUARY, JUNE_30)]),
        ([(JANUARY, MARCH_31), (date(2025, 3, 1), JUNE_30)], [(JANUARY, JUNE_30)]),
        ([(JANUARY, JUNE_30), (date(2025, 2, 1), MARCH_31)], [(JANUARY, JUNE_30)]),
        ([(JANUARY, JUNE_30), (date(2025, 2, 1), MARCH_31), (date(2025, 5, 1), None)], [(JANUARY, None)]),
        ([(JANUARY, None), (APRIL, JUNE_30)], [(JANUARY, None)]),
        ([(JANUARY, None), (APRIL, None)], [(JANUARY, None)]),
        ([(JANUARY, date(2025, 3, 30)), (APRIL, JUNE_30)], [(JANUARY, date(2025, 3, 30)), (APRIL, JUNE_30)]),
        ([(JANUARY, MARCH_31), (date(2025, 7, 1), None)], [(JANUARY, MARCH_31), (date(2025, 7, 1), None)]),
        ([(JANUARY, JANUARY), (date(2025, 1, 2), date(2025, 1, 2))], [(JANUARY, date(2025, 1, 2))]),
    ],
    ids=[
        "touching",
        "overlap",
        "inside",
        "inside then later",
        "open over closed",
        "both open",
        "gap of a day",
        "returned",
        "days",
    ],
)
def test_spans_that_overlap_or_touch_are_one_and_a_returned_code_has_two(
    listed: list[tuple[date, date | None]], expected: list[tuple[date, date | None]]
) -> None:
    for order in (listed, listed[::-1]):
        rows = [listing("71046", first, last, source_row=at) for at, (first, last) in enumerate(order, start=1)]
        assert spans(*rows) == [("71046", first, last) for first, last in expected]


def test_spans_of_one_code_do_not_reach_into_the_next() -> None:
    rows = [listing("00406", JANUARY, None), listing("71046", APRIL, JUNE_30), listing("19307", JANUARY, MARCH_31)]
    assert spans(*rows) == [("00406", JANUARY, None), ("19307", JANUARY, MARCH_31), ("71046", APRIL, JUNE_30)]


def test_codes_of_several_sources_are_listed_once() -> None:
    rows = [
        listing("71046", APRIL, JUNE_30, known_from=date(2025, 4, 20)),
        listing("71046", JANUARY, MARCH_31, source="cms_hcpcs", known_from=None, source_file="b.csv"),
    ]
    listed = code_list(pl.DataFrame(rows, schema=CodeListing.polars_schema(), orient="row"), section_table())
    assert listed.select("valid_from", "valid_to", "source_file", "known_from").rows() == [(JANUARY, JUNE_30, "b.csv", None)]


def test_no_listing_gives_no_code() -> None:
    assert spans() == []


DAYS = st.integers(0, 40).map(lambda days: JANUARY + timedelta(days=days))
LISTED = st.tuples(st.sampled_from(["00406", "71046"]), DAYS, st.none() | st.integers(0, 10))


@settings(deadline=None, max_examples=60)
@given(st.lists(LISTED, max_size=8))
def test_a_code_is_valid_on_exactly_the_days_on_which_it_is_listed(rows: list[tuple[str, date, int | None]]) -> None:
    made = [
        listing(code, first, None if days is None else first + timedelta(days=days), source_row=at)
        for at, (code, first, days) in enumerate(rows, start=1)
    ]
    found = spans(*made)

    def days_of(validity: list[tuple[Any, ...]]) -> set[tuple[str, date]]:
        every = [JANUARY + timedelta(days=day) for day in range(60)]
        return {(code, day) for code, first, last in validity for day in every if first <= day <= (last or date.max)}

    assert days_of(found) == days_of([(row["code"], row["valid_from"], row["valid_to"]) for row in made])
    for (code, _, last), (other, first, _) in pairwise(found):
        assert code != other or (last is not None and first > last + timedelta(days=1))


def test_code_without_a_section_stops_the_list() -> None:
    with pytest.raises(BrokenCheckError) as caught:
        spans(listing("02000", JANUARY, None))
    assert str(caught.value).startswith("code breaks its declaration:\n")
    assert "not_nullable" in str(caught.value)


def test_descriptors_carry_the_licence_of_their_owner() -> None:
    rows = codes("00406", "A0428", "D0120").with_columns(
        code_system=code_system(), description=pl.lit("own words"), source_file=pl.lit("a.csv")
    )
    period = Period("2025-10", date(2025, 10, 1), date(2025, 12, 31), date(2025, 9, 11))
    described = descriptions(rows, kind="short", source="cms_pfs", period=period)
    assert described.select("code", "kind", "copyright_holder", "licence", "valid_from", "known_from").rows() == [
        ("00406", "short", "AMA", "AMA", period.valid_from, period.published),
        ("A0428", "short", "CMS", "US-GOV", period.valid_from, period.published),
        ("D0120", "short", "ADA", "ADA", period.valid_from, period.published),
    ]


def test_every_shipped_code_is_listed_once_with_one_section() -> None:
    tables = shipped_tables()
    listed, rows = tables["code"], tables["pfs_indicator"]
    assert listed["code"].to_list() == sorted(set(rows["code"]), key=lambda code: (code[0].isalpha(), code))
    assert listed["section"].null_count() == 0
    assert listed.filter(pl.col("code").str.contains("^[A-Z]"))["section"].unique().to_list() == ["level_2"]


def test_sections_overlap_nowhere() -> None:
    ranges = tables_of_ranges()
    pairs = ranges.join(ranges, how="cross", suffix="_other").filter(pl.col("index") < pl.col("index_other"))
    same_kind = (pl.col("suffix").fill_null("") == pl.col("suffix_other").fill_null("")) & (
        pl.col("code_from").str.len_bytes() == pl.col("code_from_other").str.len_bytes()
    )
    touching = (pl.col("code_from") <= pl.col("code_to_other")) & (pl.col("code_from_other") <= pl.col("code_to"))
    overlapping = pairs.filter(same_kind & touching)
    assert overlapping.select("code_from", "code_to", "code_from_other", "code_to_other").rows() == []


def tables_of_ranges() -> pl.DataFrame:
    return shipped_tables()["code_section"].select("code_from", "code_to", "suffix").with_row_index()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.from_regex(r"([0-9]{5}|[0-9]{4}[A-Z]|[A-Z][0-9]{4})", fullmatch=True), max_size=6))
def test_sections_are_those_of_a_hand_written_search(names: list[str]) -> None:
    sections = section_table().select("section", "code_from", "code_to", "suffix").rows()

    def section_of(code: str) -> str | None:
        digits, suffix = (code[:4], code[4]) if code[0].isdigit() and code[4].isalpha() else (code, None)
        return next(
            (
                section
                for section, low, high, letter in sections
                if letter == suffix and len(low) == len(digits) and low <= digits <= high
            ),
            None,
        )

    assert with_section(codes(*names), section_table()).rows() == [(code, section_of(code)) for code in names]
