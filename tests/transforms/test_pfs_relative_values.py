"""Relative value files: rows, header, refusals, and the same rows whatever the format."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from schemas import PfsIndicator
from tests.transforms.builders import OCTOBER, PFS_ROWS, PPRRVU, PREAMBLE, STACKED_HEADER, finding, listed, pfs_row, pfs_text
from tests.transforms.pfs_builders import (
    COMPARE,
    HEADER_2026,
    HEADER_RECORDS,
    JULY,
    NON_QPP,
    RECORDS,
    csv_file,
    file_2026,
    pfs_workbook,
    read,
    records_file,
    row_2026,
    text_file,
    workbook_file,
)
from transforms.errors import StructureError
from transforms.pfs_relative_values import RelativeValues, relative_values
from transforms.sources import SourceFile

TEXT, WORKBOOK = PPRRVU.replace(".csv", ".txt"), PPRRVU.replace(".csv", ".xlsx")


def structure_error(text: str) -> str:
    return file_error(csv_file(text))


def file_error(file: SourceFile) -> str:
    with pytest.raises(StructureError) as caught:
        relative_values(file, period=OCTOBER)
    return str(caught.value)


def test_row_becomes_exact_indicators() -> None:
    values = read(PFS_ROWS["19307"])
    row = {
        "code_system": "CPT",
        "code": "19307",
        "component": "global",
        "release_id": "2025-10",
        "valid_from": date(2025, 10, 1),
        "valid_to": date(2025, 12, 31),
        "known_from": date(2025, 9, 11),
        "status_code": "A",
        "is_not_used_for_payment": False,
        "work_rvu": Decimal("17.99"),
        "nonfacility_pe_rvu": Decimal("13.22"),
        "is_rare_in_nonfacility": True,
        "facility_pe_rvu": Decimal("13.22"),
        "is_rare_in_facility": False,
        "malpractice_rvu": Decimal("4.50"),
        "nonfacility_total_rvu": Decimal("35.71"),
        "facility_total_rvu": Decimal("35.71"),
        "pctc_code": "0",
        "global_days_code": "090",
        "preoperative_percent": Decimal("10.00"),
        "intraoperative_percent": Decimal("71.00"),
        "postoperative_percent": Decimal("19.00"),
        "multiple_procedure_code": "2",
        "bilateral_code": "1",
        "assistant_code": "2",
        "co_surgeon_code": "1",
        "team_surgeon_code": "0",
        "pricing_code": None,
        "endoscopic_base_code": None,
        "conversion_factor_usd": Decimal("32.3465"),
        "supervision_code": "09",
        "calculation_flag": "0",
        "imaging_family_code": "99",
        "opps_nonfacility_pe_rvu": Decimal("0.00"),
        "opps_facility_pe_rvu": Decimal("0.00"),
        "opps_malpractice_rvu": Decimal("0.00"),
        "source_file": PPRRVU,
        "source_row": 11,
    }
    expected = pl.DataFrame([row], schema=PfsIndicator.polars_schema(), orient="row")
    assert_frame_equal(values.indicators.accepted, expected)
    assert listed(values.indicators.findings) == []


def test_preamble_gives_notice_and_day_of_release() -> None:
    values = read(PFS_ROWS["00406"])
    assert values.notice == (
        "Codes are copyright 2024 First Owner. All Rights Reserved. Dental codes are COPYRIGHT 2025/26 Second Owner."
    )
    assert values.released == date(2025, 9, 11)


def test_components_of_a_code_are_rows_of_their_own() -> None:
    names = ("45378", "45378-53", "71046", "71046-26", "71046-TC", "00406", "43239", "70551-TC")
    values = read(*(PFS_ROWS[name] for name in names))
    columns = ("code", "component", "supervision_code", "is_rare_in_facility", "endoscopic_base_code", "imaging_family_code")
    assert values.indicators.accepted.select(*columns, "source_row").rows() == [
        ("45378", "global", "09", False, None, "99", 11),
        ("45378", "53", "09", False, None, "99", 12),
        ("71046", "global", "09", True, None, "99", 13),
        ("71046", "26", "09", False, None, "99", 14),
        ("71046", "TC", "01", True, None, "99", 15),
        ("00406", "global", "09", False, None, "99", 16),
        ("43239", "global", "09", False, "43235", "99", 17),
        ("70551", "TC", "09", True, None, "88", 18),
    ]
    assert (values.rows_read, values.indicators.findings.height) == (8, 0)


def test_descriptors_stand_apart_once_per_code() -> None:
    values = read(pfs_row("71046", description=" Two pictures "), pfs_row("71046-26", description="Reading"), PFS_ROWS["00406"])
    assert "description" not in values.indicators.accepted.columns
    assert values.descriptors.rows() == [("CPT", "71046", "Two pictures", PPRRVU)]


def test_header_is_found_by_content_not_by_line() -> None:
    values = read(
        PFS_ROWS["00406"],
        preamble=(
            ",,Another title",
            *PREAMBLE[1:],
        ),
    )
    text = "title\r\n\r\n" + pfs_text(PFS_ROWS["00406"]) + "\x1a" + "," * 30 + "\r\n"
    later = relative_values(csv_file(text), period=OCTOBER)
    assert values.indicators.accepted["source_row"].to_list() == [11]
    assert later.indicators.accepted["source_row"].to_list() == [13]
    assert later.rows_read == 1


def test_cells_may_be_padded() -> None:
    padded = ",".join(f" {cell} " for cell in PFS_ROWS["19307"].split(","))
    assert_frame_equal(read(padded).indicators.accepted, read(PFS_ROWS["19307"]).indicators.accepted)


def edited_header(old: str, new: str) -> tuple[str, ...]:
    return tuple(line.replace(old, new) for line in STACKED_HEADER)


def dropped(column: int) -> tuple[str, ...]:
    """The stacked header without one column."""
    return tuple(",".join(cell for at, cell in enumerate(line.split(",")) if at != column) for line in STACKED_HEADER)


def inserted(column: int, words: Sequence[str]) -> tuple[str, ...]:
    cells = [line.split(",") for line in STACKED_HEADER]
    return tuple(",".join([*row[:column], word, *row[column:]]) for row, word in zip(cells, words, strict=True))


def swapped(left: int, right: int) -> tuple[str, ...]:
    rows = [line.split(",") for line in STACKED_HEADER]
    for row in rows:
        row[left], row[right] = row[right], row[left]
    return tuple(",".join(row) for row in rows)


@pytest.mark.parametrize(
    ("header", "column", "difference", "expected", "found"),
    [
        (dropped(23), 24, "missing: ENDO BASE", "'ENDO BASE'", "'CONV FACTOR'"),
        (
            dropped(30),
            31,
            "missing: MP USED FOR OPPS PAYMENT AMOUNT",
            "'MP USED FOR OPPS PAYMENT AMOUNT'",
            "the end of the header",
        ),
        (edited_header("BILAT", "BOTH"), 20, "missing: BILAT SURG; unknown: BOTH SURG", "'BILAT SURG'", "'BOTH SURG'"),
        (inserted(23, ("", "", "", "PRICE", "IND")), 24, "unknown: PRICE IND", "'ENDO BASE'", "'PRICE IND'"),
        (inserted(5, ("", "", "", "PRIC", "IND")), 6, "the order changed", "'WORK RVU'", "'PRIC IND'"),
        (swapped(20, 21), 21, "the order changed", "'ASST SURG'", "'CO- SURG'"),
    ],
    ids=["missing", "missing last", "renamed", "unknown", "elsewhere", "order"],
)
def test_changed_header_stops_the_file(header: tuple[str, ...], column: int, difference: str, expected: str, found: str) -> None:
    assert structure_error(pfs_text(PFS_ROWS["00406"], header=header)) == (
        f"{PPRRVU} line 10 column {column}: the header changed ({difference}): expected {expected}, found {found}. {COMPARE}"
    )


def test_file_without_header_stops() -> None:
    assert structure_error(pfs_text(PFS_ROWS["00406"], header=())) == (
        f"{PPRRVU}: expected a header line whose first cell is 'HCPCS', found none. "
        "Check that this is the PPRRVU csv file of a fee schedule release."
    )


def test_file_without_released_line_stops() -> None:
    assert structure_error(pfs_text(PFS_ROWS["00406"], preamble=PREAMBLE[:4])) == (
        f"{PPRRVU}: expected a preamble line 'RELEASED mm/dd/yyyy', found none. "
        "Check that this is the PPRRVU csv file of a fee schedule release."
    )


def test_day_of_release_that_is_no_date_stops() -> None:
    preamble = (*PREAMBLE[:4], ",,RELEASED in autumn" + "," * 28)
    assert structure_error(pfs_text(PFS_ROWS["00406"], preamble=preamble)) == (
        f"{PPRRVU} line 5: expected RELEASED mm/dd/yyyy, found 'in autumn'. Fetch the file again."
    )


def test_text_layout_of_the_release_stops() -> None:
    assert structure_error("HDR 2025 National Physician Fee Schedule\r\n00406  J\r\n") == (
        f"{PPRRVU}: expected a preamble line 'RELEASED mm/dd/yyyy', found none. "
        "Check that this is the PPRRVU csv file of a fee schedule release."
    )


CODE_LOOKS = "Must look like ^([0-9]{5}|[0-9]{4}[A-Z]|[A-Z][0-9]{4})$."
TWO_DECIMALS = "Must be a number with at most 2 decimals."


@pytest.mark.parametrize(
    ("name", "cells", "column", "rule", "value", "reason"),
    [
        ("00406", {"code": "406"}, "code", "code.pattern", "406", CODE_LOOKS),
        ("00406", {"code": ""}, "code", "code.not_empty", None, "Must not be empty."),
        ("00406", {"component": "22"}, "component", "component.isin", "22", "Must be one of global, 26, TC, 53."),
        (
            "00406",
            {"status_code": "Q"},
            "status_code",
            "status_code.isin",
            "Q",
            "Must be one of A, B, C, D, E, F, G, H, I, J, M, N, P, R, T, X.",
        ),
        (
            "00406",
            {"global_days_code": "0"},
            "global_days_code",
            "global_days_code.isin",
            "0",
            "Must be one of 000, 010, 090, MMM, XXX, YYY, ZZZ.",
        ),
        ("00406", {"bilateral_code": "4"}, "bilateral_code", "bilateral_code.isin", "4", "Must be one of 0, 1, 2, 3, 9."),
        (
            "00406",
            {"supervision_code": "9"},
            "supervision_code",
            "supervision_code.pattern",
            "9",
            "Must look like ^[0-9][0-9A]$.",
        ),
        ("19307", {"work_rvu": "17.995"}, "work_rvu", "work_rvu.type", "17.995", TWO_DECIMALS),
        ("19307", {"work_rvu": "a lot"}, "work_rvu", "work_rvu.type", "a lot", TWO_DECIMALS),
        ("19307", {"work_rvu": ""}, "work_rvu", "work_rvu.not_empty", None, "Must not be empty."),
        ("19307", {"work_rvu": "-17.99"}, "work_rvu", "work_rvu.at_least", "-17.99", "Must be at least 0."),
        (
            "19307",
            {"conversion_factor_usd": "32.34651"},
            "conversion_factor_usd",
            "conversion_factor_usd.type",
            "32.34651",
            "Must be a number with at most 4 decimals.",
        ),
        (
            "19307",
            {"preoperative_percent": "0.20"},
            "*",
            "phases_sum",
            None,
            "PRE, INTRA and POST shares add up to 0 or 100 percent.",
        ),
        (
            "43239",
            {"endoscopic_base_code": ""},
            "*",
            "endoscopic_base_with_multiple_3",
            None,
            "ENDO BASE is filled exactly where MULT PROC is 3.",
        ),
        (
            "19307",
            {"is_not_used_for_payment": "+"},
            "*",
            "unused_rvu_flag",
            None,
            "The '+' stands exactly where a status outside A, R, T shows relative values.",
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_wrong_row_is_refused_and_the_others_stay(
    name: str, cells: dict[str, str], column: str, rule: str, value: str | None, reason: str
) -> None:
    values = read(PFS_ROWS["45378"], pfs_row(name, **cells), PFS_ROWS["71046"])
    assert values.indicators.accepted["code"].to_list() == ["45378", "71046"]
    assert listed(values.indicators.findings) == [finding(PPRRVU, 12, column, f"pfs_indicator.{rule}", value, reason)]


def test_duplicate_code_and_component_refuses_both_rows() -> None:
    values = read(PFS_ROWS["19307"], PFS_ROWS["45378"], PFS_ROWS["45378-53"], PFS_ROWS["19307"])
    reason = "The key (code, component, release_id) must occur once."
    assert values.indicators.accepted["component"].to_list() == ["global", "53"]
    assert listed(values.indicators.findings) == [
        finding(PPRRVU, line, "*", "pfs_indicator.key.unique", None, reason) for line in (11, 14)
    ]


def test_rows_of_another_width_are_refused() -> None:
    values = read(PFS_ROWS["19307"], PFS_ROWS["00406"] + ",", PFS_ROWS["45378"].rsplit(",", 1)[0])
    reason = "A row must have 31 cells."
    assert values.rows_read == 3
    assert values.indicators.accepted["code"].to_list() == ["19307"]
    assert listed(values.indicators.findings) == [
        finding(PPRRVU, 12, "*", "pfs_indicator.row.cell_count", "32 cells", reason),
        finding(PPRRVU, 13, "*", "pfs_indicator.row.cell_count", "30 cells", reason),
    ]


ODD_CELLS = st.fixed_dictionaries(
    {
        "code": st.sampled_from(["00406", "406", "A0021", "0042T", ""]),
        "component": st.sampled_from(["", "26", "99"]),
        "status_code": st.sampled_from(["J", "Q", ""]),
        "work_rvu": st.sampled_from(["0.00", "0.001", "x", ""]),
        "preoperative_percent": st.sampled_from(["0.00", "0.5", "x", "."]),
    }
)


@settings(deadline=None, max_examples=10)
@given(st.lists(ODD_CELLS, max_size=5))
def test_every_row_is_accepted_or_refused(rows: list[dict[str, str]]) -> None:
    values = read(*(pfs_row("00406", **row) for row in rows))
    refused = set(values.indicators.findings["source_row"])
    assert sorted([*values.indicators.accepted["source_row"], *refused]) == list(range(11, 11 + len(rows)))


def test_released_line_below_the_header_stops() -> None:
    text = pfs_text(PFS_ROWS["19307"], preamble=PREAMBLE[:4], after=(PREAMBLE[4],))
    with pytest.raises(StructureError, match="expected the header below the line 'RELEASED mm/dd/yyyy'"):
        relative_values(csv_file(text), period=OCTOBER)


def test_phase_with_more_decimals_than_the_column_holds_is_refused() -> None:
    assert read(pfs_row("19307", preoperative_percent="0.10006")).indicators.accepted.height == 0


def test_phases_are_added_up_exactly() -> None:
    assert read(pfs_row("19307", preoperative_percent="0.105")).indicators.accepted.height == 0


def test_phase_that_is_no_number_shows_its_value() -> None:
    found = listed(read(pfs_row("19307", preoperative_percent="x")).indicators.findings)
    (first, *_) = [row for row in found if row["column_name"] != "*"]
    assert (first["value"], first["rule_id"]) == ("x", "pfs_indicator.preoperative_percent.type")


@pytest.mark.parametrize(("column", "mark"), [("is_rare_in_facility", "N/A"), ("is_not_used_for_payment", "x")])
def test_flag_nobody_knows_is_refused(column: str, mark: str) -> None:
    assert read(pfs_row("19307", **{column: mark})).indicators.accepted.height == 0


def test_publication_of_the_release_comes_before_the_day_in_the_file() -> None:
    published = OCTOBER._replace(published=date(2025, 9, 10))
    values = relative_values(csv_file(pfs_text(PFS_ROWS["00406"])), period=published)
    assert values.indicators.accepted["known_from"].to_list() == [date(2025, 9, 10)]


def test_layout_since_2026_has_a_pricing_indicator() -> None:
    values = relative_values(file_2026(row_2026("43239"), row_2026("00406")), period=JULY)
    columns = ("code", "pricing_code", "endoscopic_base_code", "conversion_factor_usd", "supervision_code", "valid_from")
    assert values.indicators.accepted.select(*columns).rows() == [
        ("43239", "9", "43235", Decimal("33.4009"), "09", date(2026, 7, 1)),
        ("00406", "9", None, Decimal("33.4009"), "09", date(2026, 7, 1)),
    ]
    assert listed(values.indicators.findings) == []


def test_unknown_header_is_compared_with_the_layout_that_it_resembles_most() -> None:
    header = tuple(line.replace("BILAT", "BOTH") for line in HEADER_2026)
    with pytest.raises(StructureError) as caught:
        relative_values(csv_file(pfs_text(row_2026("00406"), header=header), NON_QPP), period=JULY)
    assert str(caught.value) == (
        f"{NON_QPP} line 10 column 20: the header changed (missing: BILAT SURG; unknown: BOTH SURG): "
        f"expected 'BILAT SURG', found 'BOTH SURG'. {COMPARE}"
    )


def test_wider_row_of_the_older_layout_is_refused_under_the_newer_one() -> None:
    values = relative_values(file_2026(row_2026("00406"), PFS_ROWS["19307"]), period=JULY)
    assert listed(values.indicators.findings) == [
        finding(NON_QPP, 12, "*", "pfs_indicator.row.cell_count", "31 cells", "A row must have 32 cells.")
    ]


def in_every_format(names: Sequence[str]) -> tuple[RelativeValues, RelativeValues, RelativeValues]:
    rows = [PFS_ROWS[name] for name in names]
    files = (csv_file(pfs_text(*rows)), records_file(*(RECORDS[name] for name in names)), pfs_workbook(*rows))
    csv, text, workbook = (relative_values(file, period=OCTOBER._replace(published=date(2025, 9, 11))) for file in files)
    return csv, text, workbook


def test_formats_give_the_same_rows() -> None:
    csv, text, workbook = in_every_format(list(PFS_ROWS))
    expected = csv.indicators.accepted.drop("source_file", "source_row")
    assert expected.height == 9
    for other in (text, workbook):
        assert_frame_equal(other.indicators.accepted.drop("source_file", "source_row"), expected)
        assert (other.rows_read, listed(other.indicators.findings)) == (9, [])
        assert_frame_equal(other.listed, csv.listed)


def test_formats_differ_in_file_line_day_of_release_and_wording_of_the_notice() -> None:
    csv, text, workbook = in_every_format(["00406", "19307"])
    assert [part.indicators.accepted["source_row"].to_list() for part in (csv, text, workbook)] == [[11, 12], [4, 5], [11, 12]]
    assert [part.source_file for part in (csv, text, workbook)] == [PPRRVU, TEXT, WORKBOOK]
    assert [part.released for part in (csv, text, workbook)] == [date(2025, 9, 11), None, date(2025, 9, 11)]
    assert workbook.notice == csv.notice
    assert text.notice == "CODES AND DESCRIPTIONS ARE COPYRIGHT 2026 FIRST OWNER. ALL RIGHTS RESERVED."


def test_text_file_of_a_local_release_is_known_since_an_unknown_day() -> None:
    values = relative_values(records_file(RECORDS["19307"]), period=OCTOBER)
    assert values.indicators.accepted["known_from"].to_list() == [None]


@pytest.mark.parametrize("end", ["\x1a", "", "   "])
def test_end_of_file_line_is_no_record(end: str) -> None:
    values = relative_values(records_file(RECORDS["00406"], end=end), period=OCTOBER)
    assert (values.rows_read, values.indicators.accepted["code"].to_list()) == (1, ["00406"])


@pytest.mark.parametrize("end", ["\x1a", "_x001A_"])
def test_end_of_file_row_of_a_sheet_is_no_row(end: str) -> None:
    values = relative_values(pfs_workbook(PFS_ROWS["00406"], end=end), period=OCTOBER)
    assert (values.rows_read, values.indicators.accepted["code"].to_list()) == (1, ["00406"])


def test_hidden_sheet_is_reported() -> None:
    values = relative_values(pfs_workbook(PFS_ROWS["00406"], hidden=True), period=OCTOBER)
    assert [(row["rule_id"], row["severity"]) for row in listed(values.indicators.findings)] == [
        ("pfs_indicator.workbook.hidden_sheet", "info")
    ]


@pytest.mark.parametrize(
    ("cells", "column", "rule", "value"),
    [
        ({"code": "406"}, "code", "pattern", "406"),
        ({"global_days_code": "0"}, "global_days_code", "isin", "0"),
        ({"supervision_code": "9"}, "supervision_code", "pattern", "9"),
    ],
)
def test_number_of_a_sheet_that_lost_its_zeros_is_refused(cells: dict[str, str], column: str, rule: str, value: str) -> None:
    values = relative_values(pfs_workbook(PFS_ROWS["19307"], pfs_row("00406", **cells)), period=OCTOBER)
    assert values.indicators.accepted["code"].to_list() == ["19307"]
    assert [(row["source_row"], row["rule_id"], row["value"]) for row in listed(values.indicators.findings)] == [
        (12, f"pfs_indicator.{column}.{rule}", value)
    ]


def test_cell_beyond_the_header_of_a_sheet_refuses_its_row() -> None:
    values = relative_values(pfs_workbook(PFS_ROWS["19307"], PFS_ROWS["00406"] + ",7"), period=OCTOBER)
    assert values.indicators.accepted["code"].to_list() == ["19307"]
    assert [row["rule_id"] for row in listed(values.indicators.findings)] == ["pfs_indicator.row.cell_count"]


def test_changed_header_of_a_sheet_stops_the_file() -> None:
    file = workbook_file(*PREAMBLE, *edited_header("BILAT", "BOTH"), PFS_ROWS["00406"])
    assert file_error(file) == (
        f"{WORKBOOK} line 10 column 20: the header changed (missing: BILAT SURG; unknown: BOTH SURG): "
        f"expected 'BILAT SURG', found 'BOTH SURG'. {COMPARE}"
    )


def test_sheet_without_the_header_stops() -> None:
    assert file_error(workbook_file(*PREAMBLE, PFS_ROWS["00406"])) == (
        f"{WORKBOOK}: expected a header line whose first cell is 'HCPCS', found none. "
        "Check that this is the PPRRVU xlsx file of a fee schedule release."
    )


def test_records_of_another_length_or_between_fields_are_refused() -> None:
    between = RECORDS["43239"][:120] + "9" + RECORDS["43239"][121:]
    values = relative_values(
        records_file(RECORDS["19307"], RECORDS["00406"] + "  ", RECORDS["45378"][:-1], between), period=OCTOBER
    )
    gaps = "Positions 66, 75, 84, 90, 121-127, 141, 145, 148-151, 158, 165 must be blank."
    assert (values.rows_read, values.indicators.accepted["code"].to_list()) == (4, ["19307"])
    assert listed(values.indicators.findings) == [
        finding(TEXT, 5, "*", "pfs_indicator.row.length", "173", "A record must have 171 characters."),
        finding(TEXT, 6, "*", "pfs_indicator.row.length", "170", "A record must have 171 characters."),
        finding(TEXT, 7, "*", "pfs_indicator.row.gap", None, gaps),
    ]


def test_text_file_with_other_records_stops() -> None:
    priced = RECORDS["43239"][:120] + "9" + RECORDS["43239"][121:]
    assert file_error(records_file(RECORDS["00406"] + " " * 29)) == (
        f"{TEXT} line 4: the record layout changed: expected records of 171 characters, found one of 200. {COMPARE}"
    )
    assert file_error(records_file(priced, RECORDS["00406"] + " ")) == (
        f"{TEXT} line 4: the record layout changed: expected blanks at positions 121 to 127, found '9      '. {COMPARE}"
    )


def test_text_file_without_records_or_without_header_stops() -> None:
    assert file_error(records_file()) == f"{TEXT}: expected records of 171 characters, found none. Fetch the file again."
    assert file_error(records_file(RECORDS["00406"], header=())) == (
        f"{TEXT}: expected header records that begin with 'HDR ', found none. "
        "Check that this is the PPRRVU text file of a fee schedule release."
    )


def test_file_in_another_format_stops() -> None:
    assert file_error(csv_file(pfs_text(PFS_ROWS["00406"]), PPRRVU.replace(".csv", ".prn"))) == (
        f"{PPRRVU.replace('.csv', '.prn')}: expected a name that ends in .csv, .txt, .xlsx, found .prn. "
        "Take the file in one of these formats."
    )


def test_text_file_under_the_name_of_a_workbook_stops() -> None:
    with pytest.raises(StructureError, match="expected an Excel workbook"):
        relative_values(text_file(*HEADER_RECORDS, RECORDS["00406"], name=WORKBOOK), period=OCTOBER)
