"""The list of codes."""

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.builders import section_table, shipped_tables
from transforms.code import code_list, code_system, copyright_holder, short_descriptions, with_section
from transforms.errors import BrokenCheckError

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


def listing(*rows: tuple[str, int, str]) -> pl.DataFrame:
    """Rows of releases: code, month of the release in 2025, file."""
    made: list[dict[str, Any]] = [
        {"code": code, "valid_from": date(2025, month, 1), "valid_to": date(2025, month + 2, 28), "source_file": file}
        for code, month, file in rows
    ]
    return pl.DataFrame(made).with_columns(code_system=code_system())


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


def test_code_list_spans_the_releases_of_a_code() -> None:
    listed = code_list(listing(("71046", 4, "april"), ("71046", 1, "january"), ("00406", 1, "january")), section_table())
    assert listed.rows(named=True) == [
        {
            "code_system": "CPT",
            "code": "00406",
            "valid_from": date(2025, 1, 1),
            "valid_to": date(2025, 3, 28),
            "section": "anesthesia",
            "copyright_holder": "AMA",
            "source_file": "january",
        },
        {
            "code_system": "CPT",
            "code": "71046",
            "valid_from": date(2025, 1, 1),
            "valid_to": date(2025, 6, 28),
            "section": "radiology",
            "copyright_holder": "AMA",
            "source_file": "april",
        },
    ]


def test_code_without_a_section_stops_the_list() -> None:
    with pytest.raises(BrokenCheckError) as caught:
        code_list(listing(("02000", 1, "january")), section_table())
    assert str(caught.value).startswith("code breaks its declaration:\n")
    assert "not_nullable" in str(caught.value)


def test_descriptors_carry_the_licence_of_their_owner() -> None:
    rows = codes("00406", "A0428", "D0120").with_columns(code_system=code_system(), description=pl.lit("own words"))
    described = short_descriptions(rows)
    assert described.select("code", "kind", "copyright_holder", "licence").rows() == [
        ("00406", "short", "AMA", "AMA"),
        ("A0428", "short", "CMS", "US-GOV"),
        ("D0120", "short", "ADA", "ADA"),
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
