"""NCCI: pairs of codes, units limits and add-on codes, in every format in which they are published."""

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from schemas import NcciAddon, NcciMue, NcciPtp
from tests.transforms.builders import finding, listed
from transforms.cms_ncci import build, combine
from transforms.errors import StructureError
from transforms.history import Kind, ReleaseTables, changes, history, ordered
from transforms.ncci_files import named
from transforms.ncci_ptp import COLUMNS, tab_table
from transforms.periods import quarter
from transforms.sources import Built, FileCount, Period, SourceFile, Statement

Q3_2026 = Period("2026-07", date(2026, 7, 1), date(2026, 9, 30), date(2026, 6, 2))
FOLDER = "cms_ncci/2026-07"
PAIRS = f"{FOLDER}/ccipra-v322r0-f1.TXT"
PAIRS_SHEET = f"{FOLDER}/ccipra-v322r0-f1.xlsx"
LIMITS = f"{FOLDER}/MCR_MUE_PractitionerServices_Eff_07-01-2026.csv"
LIMITS_SHEET = f"{FOLDER}/MCR_MUE_PractitionerServices_Eff_07-01-2026.xlsx"
ADDONS = f"{FOLDER}/AOC_V2026Q3-MCR.xlsx"
ADDONS_TEXT = f"{FOLDER}/AOC_V2026Q3-MCR.csv"
PROVENANCE = ("source_file", "source_row")
COMPARE = "Compare the file with the publisher's record layout before changing the declaration."

PAIR_NOTICE = "Codes only copyright 2025 First Owner.  All rights reserved."
PAIR_HEAD: tuple[tuple[str, ...], ...] = (
    (PAIR_NOTICE, "", "", "", "", "", ""),
    ("Column1/Column2 Edits", "", "", "", "", "", ""),
    ("Column 1", "Column 2", "*=in existence", "Effective", "Deletion", "Modifier", "PTP Edit Rationale"),
    ("", "", "prior to 1996", "Date", "Date", "0=not allowed", ""),
    ("", "", "", "", "*=no data", "1=allowed", ""),
    ("", "", "", "", "", "9=not applicable", ""),
)
MISUSE = "Misuse of Column Two code with Column One code"
MANUAL = "CPT Manual or CMS manual coding instruction"
PAIR_ROWS: tuple[tuple[str, ...], ...] = (
    ("0001A", "0591T", "", "20220101", "20231231", "1", MANUAL),
    ("0001A", "36591", "", "20220101", "20231231", "0", MANUAL),
    ("0001A", "90473", "", "20220101", "20220101", "9", MANUAL),
    ("0001T", "36000", "*", "20021001", "20041231", "1", "Standards of medical/surgical practice"),
    ("0001U", "0030U", "", "20180701", "*", "1", MISUSE),
)
LIMIT_NOTICE = 'Codes are copyright 2025 First Owner.\n\nCPT® is a "mark".\n\nRestrictions, some, apply.'
LIMIT_HEADER = ("HCPCS/\nCPT Code", "Practitioner Services MUE Values", "MUE Adjudication Indicator", "MUE Rationale")
LIMIT_ROWS: tuple[tuple[str, ...], ...] = (
    ("0001U", "1", "2 Date of Service Edit: Policy", "Code Descriptor / CPT Instruction"),
    ("0010U", "2", "3 Date of Service Edit: Clinical", "Nature of Service/Procedure"),
    ("V5364", "0", "1 Line Edit", "CMS Policy"),
)
ADDON_NOTICE = "Codes are copyright 2025 First Owner. \nCPT® is a mark."
ADDON_HEADER = (
    "AOC_Edit_Type", "Add-On_Code", "AOC_DelDT", "Primary_Code", "Primary_Code_DelDT", "AOC_Edit_EffDT", "AOC_Edit_DelDT",
    "Special_Instruction_Notes",
)  # fmt: skip
ADDON_ROWS: tuple[tuple[str, ...], ...] = (
    ("2", "0054T", "", "CCCCC", "", "2013091", "", "Contractor Defined Primary Codes"),
    ("1", "0071U", "", "0070U", "", "2018274", "", ""),
    ("1", "0079T", "2013365", "0078T", "2013365", "2013091", "2013365", ""),
    ("1", "69990", "", "61304", "", "2012366", "", '"Based on a manual, section 20.4.5"'),
    ("1", "96131", "", "96130", "", "2019001", "2019001", "(Suspended from 1/1/2019)"),
)


def tabbed(rows: Sequence[Sequence[str]], *, head: Sequence[Sequence[str]] = PAIR_HEAD, end: str = "\r\n") -> bytes:
    return "".join("\t".join(row) + end for row in (*head, *rows)).encode()


def comma(notice: str, header: Sequence[str], rows: Sequence[Sequence[str]], *, encoding: str = "cp1252") -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written).writerows([[notice, *[""] * (len(header) - 1)], header, *rows])
    return written.getvalue().encode(encoding)


def sheet(rows: Sequence[Sequence[str]]) -> bytes:
    """A workbook with one sheet of text cells; an empty text is no cell, as in the published workbooks."""
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, {"in_memory": True}) as book:
        page = book.add_worksheet()
        for at, row in enumerate(rows):
            for place, cell in enumerate(row):
                if cell:
                    page.write_string(at, place, cell)
    return stream.getvalue()


def file(content: bytes, name: str, *, period: Period | None = Q3_2026) -> SourceFile:
    return SourceFile(name, content, period, "US-GOV", allow_cp1252=True)


def pairs(*rows: Sequence[str], name: str = PAIRS, **layout: Any) -> Built:
    return build([file(tabbed(rows, **layout), name)], {})


def limits(*rows: Sequence[str], header: Sequence[str] = LIMIT_HEADER, name: str = LIMITS) -> Built:
    return build([file(comma(LIMIT_NOTICE, header, rows), name)], {})


def addons(*rows: Sequence[str], header: Sequence[str] = ADDON_HEADER) -> Built:
    return build([file(sheet([(ADDON_NOTICE,), header, *rows]), ADDONS)], {})


def stopped(*files: SourceFile) -> str:
    with pytest.raises(StructureError) as caught:
        build(files, {})
    return str(caught.value)


def frame(model: Any, rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=model.polars_schema(), orient="row").select(model.column_names())


def changed(row: Sequence[str], **cells: str) -> tuple[str, ...]:
    """A row of `PAIR_ROWS` with some cells, by column name, exchanged."""
    given_row = dict(zip(COLUMNS.values(), row, strict=True)) | cells
    return tuple(given_row.values())


# ---------------------------------------------------------------- pairs


def test_pairs_become_exact_rows() -> None:
    built = pairs(*PAIR_ROWS)
    d, said = date, ("2026-07", PAIRS)
    expected = [
        ("practitioner", "0001A", "0591T", d(2022, 1, 1), 1, d(2023, 12, 31), Q3_2026.published, "1", True, False, MANUAL, *said, 7),
        ("practitioner", "0001A", "36591", d(2022, 1, 1), 1, d(2023, 12, 31), Q3_2026.published, "0", True, False, MANUAL, *said, 8),
        ("practitioner", "0001A", "90473", d(2022, 1, 1), 1, d(2022, 1, 1), Q3_2026.published, "9", False, False, MANUAL, *said, 9),
        (
            "practitioner", "0001T", "36000", d(2002, 10, 1), 1, d(2004, 12, 31), Q3_2026.published, "1", True, True,
            "Standards of medical/surgical practice", *said, 10,
        ),
        ("practitioner", "0001U", "0030U", d(2018, 7, 1), 1, None, Q3_2026.published, "1", True, False, MISUSE, *said, 11),
    ]  # fmt: skip
    few = ("setting", "modifier_indicator", "rationale", "release_id", "source_file")  # columns that keep each text once
    assert_frame_equal(built.tables["ncci_ptp"], frame(NcciPtp, expected).with_columns(pl.col(few).cast(pl.Categorical)))
    assert listed(built.findings) == []
    assert built.counts == [FileCount(PAIRS, 5, 5, 0)]
    assert built.statements == [Statement(PAIRS, "Codes only copyright 2025 First Owner. All rights reserved.")]
    assert list(built.tables) == ["ncci_ptp"]


def test_the_workbook_of_pairs_gives_the_same_rows() -> None:
    of_sheet = build([file(sheet([*PAIR_HEAD, *PAIR_ROWS]), PAIRS_SHEET)], {})
    assert_frame_equal(of_sheet.tables["ncci_ptp"].drop("source_file"), pairs(*PAIR_ROWS).tables["ncci_ptp"].drop("source_file"))
    assert of_sheet.counts == [FileCount(PAIRS_SHEET, 5, 5, 0)]
    assert of_sheet.statements == [Statement(PAIRS_SHEET, "Codes only copyright 2025 First Owner. All rights reserved.")]


def test_a_header_on_one_row_with_breaks_in_its_cells_is_the_same_header() -> None:
    header = ("Column 1", "Column 2", "*=in existence\nprior to 1996", "Effective\nDate", "Deletion\nDate\n*=no data")
    ends = ("Modifier\n0=not allowed\n1=allowed\n9=not applicable", "PTP Edit Rationale")
    built = build([file(sheet([(PAIR_NOTICE,), (*header, *ends), *PAIR_ROWS]), PAIRS_SHEET)], {})
    rows = built.tables["ncci_ptp"]
    assert rows["source_row"].to_list() == [3, 4, 5, 6, 7]
    assert_frame_equal(rows.drop(PROVENANCE), pairs(*PAIR_ROWS).tables["ncci_ptp"].drop(PROVENANCE))


def test_hospital_pairs_are_a_setting_of_their_own() -> None:
    name = f"{FOLDER}/ccioph-v322r0-f1.txt"
    built = build([file(tabbed(PAIR_ROWS[:1]), PAIRS), file(tabbed(PAIR_ROWS[:1]), name)], {})
    assert built.tables["ncci_ptp"]["setting"].to_list() == ["outpatient_hospital", "practitioner"]


@pytest.mark.parametrize(
    "content",
    [
        tabbed(PAIR_ROWS, end="\n"),
        tabbed(PAIR_ROWS).rstrip(b"\r\n"),
        tabbed(PAIR_ROWS) + b"\x1a",
        tabbed(PAIR_ROWS) + b"\r\n\t\t\t\t\t\t\r\n",
        b"\xef\xbb\xbf" + tabbed(PAIR_ROWS),
        tabbed(PAIR_ROWS, head=[(*row[:-1], f"{row[-1]} ") for row in PAIR_HEAD]),
        tabbed([[f" {cell} " if cell else cell for cell in row] for row in PAIR_ROWS]),
    ],
    ids=["lf", "no_last_line_end", "dos_end", "blank_lines", "byte_order_mark", "blanks_in_header", "blanks_around_cells"],
)
def test_harmless_differences_between_text_files(content: bytes) -> None:
    built = build([file(content, PAIRS)], {})
    assert_frame_equal(built.tables["ncci_ptp"], pairs(*PAIR_ROWS).tables["ncci_ptp"])
    assert listed(built.findings) == []


def test_text_beyond_ascii_is_read_in_utf_8_and_in_cp1252() -> None:
    row = changed(PAIR_ROWS[0], rationale="Café")
    for encoding in ("utf-8", "cp1252"):
        built = build([file(tabbed([row]).decode().encode(encoding), PAIRS)], {})
        assert built.tables["ncci_ptp"]["rationale"].to_list() == ["Café"]


def test_short_and_long_rows_are_refused_and_never_filled_up() -> None:
    short, long = PAIR_ROWS[1][:6], (*PAIR_ROWS[2], "more")
    built = pairs(PAIR_ROWS[0], short, long, ("0001A",), PAIR_ROWS[3])
    assert listed(built.findings) == [
        finding(PAIRS, row, "*", "ncci_ptp.row.cell_count", f"{cells} cells", "A row must have 7 cells.")
        for row, cells in ((8, 6), (9, 8), (10, 1))
    ]
    assert built.tables["ncci_ptp"]["source_row"].to_list() == [7, 11]
    assert built.counts == [FileCount(PAIRS, 5, 2, 3)]


def test_a_workbook_row_with_a_cell_beyond_the_header_is_refused() -> None:
    built = build([file(sheet([*PAIR_HEAD, (*PAIR_ROWS[0], "more"), PAIR_ROWS[1]]), PAIRS_SHEET)], {})
    assert listed(built.findings) == [finding(PAIRS_SHEET, 7, "*", "ncci_ptp.row.cell_count", None, "A row must have 7 cells.")]
    assert built.counts == [FileCount(PAIRS_SHEET, 2, 1, 1)]


_DATE = "Must be a date as YYYYMMDD."
_DELETION = "Must be a date as YYYYMMDD, or * for an edit in force."
_CODE = "Must look like ^([0-9]{5}|[0-9]{4}[A-Z]|[A-Z][0-9]{4})$."


@pytest.mark.parametrize(
    ("cells", "column", "check", "value", "reason"),
    [
        ({"valid_from": "2022011"}, "valid_from", "valid_from.type", "2022011", _DATE),
        ({"valid_from": "20220230"}, "valid_from", "valid_from.type", "20220230", _DATE),
        ({"valid_from": "2022-101"}, "valid_from", "valid_from.type", "2022-101", _DATE),
        ({"valid_from": "*"}, "valid_from", "valid_from.type", "*", _DATE),
        ({"valid_from": ""}, "valid_from", "valid_from.type", None, _DATE),
        ({"valid_to": ""}, "valid_to", "valid_to.type", None, _DELETION),
        ({"valid_to": "**"}, "valid_to", "valid_to.type", "**", _DELETION),
        ({"valid_to": "20211231"}, "*", "ends_after_start", None, "The deletion date must not be before the effective date."),
        ({"is_prior_to_1996": "x"}, "is_prior_to_1996", "is_prior_to_1996.type", "x", "Must be * or blank."),
        ({"modifier_indicator": "2"}, "modifier_indicator", "modifier_indicator.isin", "2", "Must be one of 0, 1, 9."),
        ({"column_one_code": "0001"}, "column_one_code", "column_one_code.pattern", "0001", _CODE),
        ({"column_two_code": "0591t"}, "column_two_code", "column_two_code.pattern", "0591t", _CODE),
        ({"column_two_code": "0001A"}, "*", "two_codes", None, "Column one and column two must be different codes."),
        ({"column_two_code": ""}, "column_two_code", "column_two_code.not_empty", None, "Must not be empty."),
        ({"rationale": ""}, "rationale", "rationale.not_empty", None, "Must not be empty."),
    ],
)
def test_a_pair_that_is_none_is_refused(cells: dict[str, str], column: str, check: str, value: str | None, reason: str) -> None:
    built = pairs(PAIR_ROWS[1], changed(PAIR_ROWS[0], **cells), PAIR_ROWS[4])
    assert listed(built.findings) == [finding(PAIRS, 8, column, f"ncci_ptp.{check}", value, reason)]
    assert built.tables["ncci_ptp"]["source_row"].to_list() == [7, 9]
    assert built.counts == [FileCount(PAIRS, 3, 2, 1)]


def test_a_row_with_two_bad_cells_is_refused_once() -> None:
    built = pairs(changed(PAIR_ROWS[0], valid_from="x", valid_to="y"))
    assert [found["rule_id"] for found in listed(built.findings)] == ["ncci_ptp.valid_from.type", "ncci_ptp.valid_to.type"]
    assert built.counts == [FileCount(PAIRS, 1, 0, 1)]


def test_edits_of_a_pair_from_one_date_are_numbered_by_their_deletion_dates() -> None:
    open_one = changed(PAIR_ROWS[0], valid_to="*")
    later = changed(PAIR_ROWS[0], valid_from="20240101", valid_to="*")
    built = pairs(open_one, PAIR_ROWS[1], PAIR_ROWS[0], changed(PAIR_ROWS[0], valid_to="20221231"), later)
    rows = built.tables["ncci_ptp"]
    assert rows.select("source_row", "edit_number").rows() == [(7, 3), (8, 1), (9, 2), (10, 1), (11, 1)]
    reason = "So many rows list a further edit of a pair from the same effective date; edit_number tells them apart."
    assert listed(built.findings) == [
        finding(PAIRS, 7, "edit_number", "ncci_ptp.edit_number.recurs", "2", reason, severity="warning")
    ]


def test_edits_of_a_pair_that_differ_in_their_rationale_are_both_kept() -> None:
    built = pairs(changed(PAIR_ROWS[2], rationale="Zebra"), PAIR_ROWS[2])
    assert built.tables["ncci_ptp"].select("rationale", "edit_number").rows() == [("Zebra", 2), (MANUAL, 1)]


def test_an_edit_that_stands_twice_is_refused_the_second_time() -> None:
    other = f"{FOLDER}/ccipra-v322r0-f2.TXT"
    built = build([file(tabbed(PAIR_ROWS), PAIRS), file(tabbed([PAIR_ROWS[4], PAIR_ROWS[0]]), other)], {})
    reason = "The same edit stands in an earlier row."
    assert listed(built.findings) == [finding(other, row, "*", "ncci_ptp.row.repeated", None, reason) for row in (7, 8)]
    assert built.counts == [FileCount(PAIRS, 5, 5, 0), FileCount(other, 2, 0, 2)]
    assert built.tables["ncci_ptp"]["edit_number"].unique().to_list() == [1]


def test_an_edit_deleted_with_its_effective_date_never_was_in_force() -> None:
    built = pairs(changed(PAIR_ROWS[2], valid_from="19960101"), changed(PAIR_ROWS[0], valid_to="20220101"), PAIR_ROWS[2])
    rows = built.tables["ncci_ptp"]
    assert rows["is_ever_in_force"].to_list() == [False, False, False]
    assert rows["valid_to"].to_list() == [date(2022, 1, 1)] * 3
    lost = "So many rows with indicator 9 are not deleted with their effective date; they are taken as never in force."
    kept = "So many rows deleted with their effective date have not indicator 9; they are taken as never in force."
    assert listed(built.findings) == [
        finding(PAIRS, 7, "valid_to", "ncci_ptp.valid_to.indicator_9", "1", lost, severity="warning"),
        finding(PAIRS, 8, "modifier_indicator", "ncci_ptp.modifier_indicator.retroactive", "1", kept, severity="warning"),
    ]


def test_an_open_edit_with_indicator_9_never_was_in_force_either() -> None:
    built = pairs(changed(PAIR_ROWS[2], valid_to="*"))
    assert built.tables["ncci_ptp"].select("is_ever_in_force", "valid_to").rows() == [(False, None)]
    assert [found["rule_id"] for found in listed(built.findings)] == ["ncci_ptp.valid_to.indicator_9"]


@pytest.mark.parametrize(
    ("at", "cell", "by", "message"),
    [
        (2, 3, "Start", "line 3 column 4: the header changed (missing: Effective Date; unknown: Start Date): expected 'Effective Date', found 'Start Date'"),
        (5, 5, "9=deleted", "line 3 column 6: the header changed (missing: Modifier 0=not allowed 1=allowed 9=not applicable; unknown: Modifier 0=not allowed 1=allowed 9=deleted): "
         "expected 'Modifier 0=not allowed 1=allowed 9=not applicable', found 'Modifier 0=not allowed 1=allowed 9=deleted'"),
        (2, 6, "", "line 3 column 7: the header changed (missing: PTP Edit Rationale): expected 'PTP Edit Rationale', found the end of the header"),
    ],
)  # fmt: skip
def test_a_changed_header_stops_with_the_exact_difference(at: int, cell: int, by: str, message: str) -> None:
    head = [list(line) for line in PAIR_HEAD]
    head[at][cell] = by
    for content, name in ((tabbed(PAIR_ROWS, head=head), PAIRS), (sheet([*head, *PAIR_ROWS]), PAIRS_SHEET)):
        assert stopped(file(content, name)) == f"{name} {message}. {COMPARE}"


def test_a_new_column_stops() -> None:
    head = [(*line, "New" if at == 2 else "") for at, line in enumerate(PAIR_HEAD)]
    message = "line 3 column 8: the header changed (unknown: New): expected no further column, found 'New'"
    assert stopped(file(tabbed([(*row, "x") for row in PAIR_ROWS], head=head), PAIRS)) == f"{PAIRS} {message}. {COMPARE}"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (tabbed(PAIR_ROWS, head=PAIR_HEAD[:2]), "expected a header whose first cell is 'Column 1' in the first 40 lines, found"),
        (b"<!DOCTYPE html><p>Sorry</p>", "expected the text its name promises, found an HTML page"),
        (b"", "expected at least a header, found an empty file"),
        (sheet(PAIR_HEAD), "expected the text its name promises, found a zip archive or Excel workbook"),
        (tabbed(PAIR_ROWS) + b"\x00", "expected the text its name promises, found a NUL byte"),
        (tabbed(()), "expected edits below the header, found none"),
        (tabbed(()) + b"\r\n", "expected edits below the header, found none"),
        (tabbed((), end="\n").rstrip(b"\n"), "expected edits below the header, found none"),
    ],
    ids=["no_header", "html", "empty", "workbook", "nul", "no_rows", "blank_row", "header_without_line_end"],
)
def test_a_file_that_is_none_stops(content: bytes, found: str) -> None:
    message = stopped(file(content, PAIRS))
    assert message.startswith(f"{PAIRS}: ")
    assert found in message


def test_a_workbook_that_is_none_stops() -> None:
    assert "expected an Excel workbook" in stopped(file(tabbed(PAIR_ROWS), PAIRS_SHEET))


def test_parts_are_read_in_their_order_and_are_one_set() -> None:
    first, second = file(tabbed(PAIR_ROWS[:2]), PAIRS), file(tabbed(PAIR_ROWS[2:]), f"{FOLDER}/CCIPRA-V322R0-F2.txt")
    built = build([second, first], {})
    assert_frame_equal(built.tables["ncci_ptp"].drop(PROVENANCE), pairs(*PAIR_ROWS).tables["ncci_ptp"].drop(PROVENANCE))
    assert [count.rows_read for count in built.counts] == [2, 3]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ("ccipra-v322r0-f1.txt", "ccipra-v322r0-f3.txt"),
            f"{FOLDER}/ccipra-v322r0-f1.txt: expected parts f1, f2, ... of the pairs without a gap, each once, "
            "found ccipra-v322r0-f1.txt, ccipra-v322r0-f3.txt. Fetch every part from CMS's page of PTP edits.",
        ),
        (
            ("ccipra-v322r0-f2.txt",),
            f"{FOLDER}/ccipra-v322r0-f2.txt: expected parts f1, f2, ... of the pairs without a gap, each once, "
            "found ccipra-v322r0-f2.txt. Fetch every part from CMS's page of PTP edits.",
        ),
        (
            ("ccipra-v322r0-f1.txt", "ccipra-v322r1-f2.txt"),
            f"{FOLDER}/ccipra-v322r1-f2.txt: expected a part of version v322r0, as ccipra-v322r0-f1.txt is, found version v322r1. "
            "Keep one version in a release folder.",
        ),
        (
            ("a/ccipra-v322r0-f1.txt", "b/ccipra-v322r0-f1.txt"),
            f"{FOLDER}/a/ccipra-v322r0-f1.txt: expected parts f1, f2, ... of the pairs without a gap, each once, "
            "found ccipra-v322r0-f1.txt, ccipra-v322r0-f1.txt. Fetch every part from CMS's page of PTP edits.",
        ),
    ],
    ids=["gap", "no_first", "versions", "twice"],
)
def test_parts_that_are_not_one_set_stop(names: Sequence[str], message: str) -> None:
    assert stopped(*(file(tabbed([row]), f"{FOLDER}/{name}") for name, row in zip(names, PAIR_ROWS, strict=False))) == message


def test_pairs_in_one_file_need_no_part() -> None:
    assert build([file(tabbed(PAIR_ROWS), f"{FOLDER}/ccipra-v322r0.txt")], {}).counts[0].rows_accepted == 5


_CELL = st.text(st.characters(codec="utf-8", exclude_characters="\t\n\r\x00\x1a"), max_size=3).map(str.strip)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(_CELL, min_size=1, max_size=9), min_size=1, max_size=12), st.sampled_from(["\n", "\r\n"]))
def test_lines_are_cut_as_a_naive_reader_cuts_them(lines: list[list[str]], end: str) -> None:
    content = ("head\n" + "".join("\t".join(cells) + end for cells in lines)).encode()
    table = tab_table(content, first_line=2, source_file="f")
    filled = [(at, cells) for at, cells in enumerate(lines, start=2) if any(cell.strip() for cell in cells)]
    right = [(*(cell or None for cell in cells), "f", at) for at, cells in filled if len(cells) == len(COLUMNS)]
    assert table.rows.rows() == right
    assert table.findings["source_row"].to_list() == [at for at, cells in filled if len(cells) != len(COLUMNS)]
    assert table.rows_read == len(filled)


@settings(max_examples=60, deadline=None)
@given(st.text("0123456789* -", max_size=9))
def test_a_deletion_date_is_a_day_or_refused(text: str) -> None:
    built = pairs(changed(PAIR_ROWS[0], valid_to=text))
    stripped = text.strip()
    day = None
    if re.fullmatch(r"[0-9]{8}", stripped):
        try:
            day = date(int(stripped[:4]), int(stripped[4:6]), int(stripped[6:]))
        except ValueError:
            day = None
    is_kept = stripped == "*" or (day is not None and day >= date(2022, 1, 1))
    assert built.tables["ncci_ptp"]["valid_to"].to_list() == ([day] if is_kept else [])
    assert built.counts == [FileCount(PAIRS, 1, int(is_kept), int(not is_kept))]


# ---------------------------------------------------------------- names of files


@pytest.mark.parametrize(
    ("name", "table", "setting", "first_day"),
    [
        ("ccipra-v322r0-f1.TXT", "ncci_ptp", "practitioner", date(2026, 7, 1)),
        ("CCIOPH-V300R1-F2.XLSX", "ncci_ptp", "outpatient_hospital", date(2024, 1, 1)),
        ("MCR_MUE_PractitionerServices_Eff_07-01-2026.csv", "ncci_mue", "practitioner", date(2026, 7, 1)),
        ("MCR_MUE_OutpatientHospitalServices_Eff_04-01-2026.xlsx", "ncci_mue", "outpatient_hospital", date(2026, 4, 1)),
        ("MCR_MUE_DMESupplierServices_Eff_10-01-2025.csv", "ncci_mue", "dme", date(2025, 10, 1)),
        ("AOC_V2026Q2-MCR.xlsx", "ncci_addon", "any", date(2026, 4, 1)),
    ],
)
def test_a_name_says_what_the_file_is(name: str, table: str, setting: str, first_day: date) -> None:
    what = named(file(b"", f"{FOLDER}/x.zip/{name}"))
    assert (what.table, what.setting, what.first_day) == (table, setting, first_day)


def test_a_name_that_says_nothing_stops() -> None:
    assert stopped(file(tabbed(PAIR_ROWS), f"{FOLDER}/pairs.txt")) == (
        f"{FOLDER}/pairs.txt: expected a file named ccipra-v*, ccioph-v*, MCR_MUE_*Services_* or AOC_V*-MCR, found pairs.txt. "
        "Give it CMS's name again."
    )


def test_a_file_in_the_folder_of_another_quarter_is_warned_of() -> None:
    name = f"{FOLDER}/ccipra-v321r0-f1.txt"
    reason = "The name of the file states a quarter that starts in another month than its release."
    assert listed(pairs(*PAIR_ROWS, name=name).findings) == [
        finding(name, 0, "*", "ncci_ptp.file.period", "2026-04", reason, severity="warning")
    ]


def test_a_release_without_a_period_stops() -> None:
    assert stopped(file(tabbed(PAIR_ROWS), PAIRS, period=None)) == (
        f"{PAIRS}: expected a release folder named YYYY-MM, or an origin.json that gives its period, found neither. "
        "Move the file to cms_ncci/<year>-<first month of its quarter>/."
    )


# ---------------------------------------------------------------- units limits


def test_limits_become_exact_rows() -> None:
    built = limits(*LIMIT_ROWS)
    start, said = date(2026, 7, 1), ("2026-07", LIMITS)
    expected = [
        ("practitioner", "0001U", start, None, Q3_2026.published, 1, "2", "day_absolute", LIMIT_ROWS[0][3], *said, 8),
        ("practitioner", "0010U", start, None, Q3_2026.published, 2, "3", "day_appealable", LIMIT_ROWS[1][3], *said, 9),
        ("practitioner", "V5364", start, None, Q3_2026.published, 0, "1", "line", LIMIT_ROWS[2][3], *said, 10),
    ]
    assert_frame_equal(built.tables["ncci_mue"], frame(NcciMue, expected))
    assert listed(built.findings) == []
    assert built.counts == [FileCount(LIMITS, 3, 3, 0)]
    notice = 'Codes are copyright 2025 First Owner. CPT® is a "mark". Restrictions, some, apply.'
    assert built.statements == [Statement(LIMITS, notice)]


def test_the_workbook_of_limits_gives_the_same_rows() -> None:
    of_sheet = build([file(sheet([(LIMIT_NOTICE,), LIMIT_HEADER, *LIMIT_ROWS]), LIMITS_SHEET)], {})
    rows = of_sheet.tables["ncci_mue"]
    assert rows["source_row"].to_list() == [3, 4, 5]
    assert_frame_equal(rows.drop(PROVENANCE), limits(*LIMIT_ROWS).tables["ncci_mue"].drop(PROVENANCE))
    assert [statement.notice for statement in of_sheet.statements] == [s.notice for s in limits(*LIMIT_ROWS).statements]


@pytest.mark.parametrize(
    ("name", "column", "setting"),
    [
        ("MCR_MUE_OutpatientHospitalServices", "Outpatient Hospital Services MUE Values", "outpatient_hospital"),
        ("MCR_MUE_DMESupplierServices", "DME Supplier Services MUE Values", "dme"),
    ],
)
def test_limits_of_every_setting(name: str, column: str, setting: str) -> None:
    header = (LIMIT_HEADER[0], column, *LIMIT_HEADER[2:])
    built = limits(*LIMIT_ROWS, header=header, name=f"{FOLDER}/{name}_Eff_07-01-2026.csv")
    assert built.tables["ncci_mue"]["setting"].unique().to_list() == [setting]
    assert listed(built.findings) == []


def test_limits_whose_header_is_of_another_setting_stop() -> None:
    header = (LIMIT_HEADER[0], "DME Supplier Services MUE Values", *LIMIT_HEADER[2:])
    assert stopped(file(comma(LIMIT_NOTICE, header, LIMIT_ROWS), LIMITS)) == (
        f"{LIMITS}: expected the limits of practitioner, as the name says, found the column 'DME Supplier Services MUE Values'. "
        "Give the file CMS's name again."
    )


def test_a_changed_header_of_limits_stops() -> None:
    header = (*LIMIT_HEADER[:2], "MAI", LIMIT_HEADER[3])
    message = "(missing: MUE Adjudication Indicator; unknown: MAI): expected 'MUE Adjudication Indicator', found 'MAI'"
    assert stopped(file(comma(LIMIT_NOTICE, header, LIMIT_ROWS), LIMITS)) == (
        f"{LIMITS} line 7 column 3: the header changed {message}. {COMPARE}"
    )


@pytest.mark.parametrize(
    ("row", "column", "check", "value", "reason"),
    [
        (("0002U", "1.5", LIMIT_ROWS[0][2], "x"), "mue_value", "type", "1.5", "Must be a whole number."),
        (("0002U", "1,000", LIMIT_ROWS[0][2], "x"), "mue_value", "type", "1,000", "Must be a whole number."),
        (("0002U", "", LIMIT_ROWS[0][2], "x"), "mue_value", "not_empty", None, "Must not be empty."),
        (("0002U", "-1", LIMIT_ROWS[0][2], "x"), "mue_value", "at_least", "-1", "Must be at least 0."),
        (("002U", "1", LIMIT_ROWS[0][2], "x"), "code", "pattern", "002U", _CODE),
        (
            ("0002U", "1", "4 Other", "x"), "adjudication_indicator", "isin", "4 Other",
            "Must be one of 1 Line Edit, 2 Date of Service Edit: Policy, 3 Date of Service Edit: Clinical.",
        ),
    ],
)  # fmt: skip
def test_a_limit_that_is_none_is_refused(row: Sequence[str], column: str, check: str, value: str | None, reason: str) -> None:
    built = limits(LIMIT_ROWS[0], row)
    assert listed(built.findings) == [finding(LIMITS, 9, column, f"ncci_mue.{column}.{check}", value, reason)]
    assert built.counts == [FileCount(LIMITS, 2, 1, 1)]


def test_a_code_with_two_limits_has_none() -> None:
    built = limits(LIMIT_ROWS[0], LIMIT_ROWS[1], ("0001U", "7", *LIMIT_ROWS[0][2:]))
    reason = "The key (setting, code, valid_from) must occur once."
    assert listed(built.findings) == [finding(LIMITS, row, "*", "ncci_mue.key.unique", None, reason) for row in (8, 10)]
    assert built.tables["ncci_mue"]["code"].to_list() == ["0010U"]


def test_a_limit_with_too_few_cells_is_refused() -> None:
    built = limits(LIMIT_ROWS[0], ("0002U", "1"))
    assert listed(built.findings) == [finding(LIMITS, 9, "*", "ncci_mue.row.cell_count", "2 cells", "A row must have 4 cells.")]


def test_two_files_of_one_kind_stop() -> None:
    content = comma(LIMIT_NOTICE, LIMIT_HEADER, LIMIT_ROWS)
    second = f"{FOLDER}/MCR_MUE_PractitionerServices_Eff_04-01-2026.csv"
    assert stopped(file(content, LIMITS), file(content, second)) == (
        f"{second}: expected one file of its kind in a release folder, found MCR_MUE_PractitionerServices_Eff_07-01-2026.csv "
        "beside it. Keep the one that is meant, or give each release a folder."
    )


# ---------------------------------------------------------------- add-on codes


def test_addons_become_exact_rows() -> None:
    built = addons(*ADDON_ROWS)
    known, said, d = Q3_2026.published, ("2026-07", ADDONS), date
    note = '"Based on a manual, section 20.4.5"'
    expected = [
        ("0054T", "CCCCC", d(2013, 4, 1), None, known, "contractor_defined", "2", True, None, None, ADDON_ROWS[0][7], *said, 3),
        ("0071U", "0070U", d(2018, 10, 1), None, known, "code", "1", True, None, None, None, *said, 4),
        (
            "0079T",
            "0078T",
            d(2013, 4, 1),
            d(2013, 12, 31),
            known,
            "code",
            "1",
            True,
            d(2013, 12, 31),
            d(2013, 12, 31),
            None,
            *said,
            5,
        ),
        ("69990", "61304", d(2012, 12, 31), None, known, "code", "1", True, None, None, note, *said, 6),
        ("96131", "96130", d(2019, 1, 1), d(2019, 1, 1), known, "code", "1", False, None, None, ADDON_ROWS[4][7], *said, 7),
    ]
    assert_frame_equal(built.tables["ncci_addon"], frame(NcciAddon, expected))
    assert listed(built.findings) == []
    assert built.counts == [FileCount(ADDONS, 5, 5, 0)]
    assert built.statements == [Statement(ADDONS, "Codes are copyright 2025 First Owner. CPT® is a mark.")]


def test_addons_as_csv_give_the_same_rows() -> None:
    of_text = build([file(comma(ADDON_NOTICE, ADDON_HEADER, ADDON_ROWS), ADDONS_TEXT)], {})
    assert_frame_equal(of_text.tables["ncci_addon"].drop(PROVENANCE), addons(*ADDON_ROWS).tables["ncci_addon"].drop(PROVENANCE))


_ORDINAL = "Must be a date as YYYYDDD, a year and a day of the year."


@pytest.mark.parametrize(
    ("place", "value", "column"),
    [
        (5, "2013366", "valid_from"),
        (5, "2013000", "valid_from"),
        (5, "201391", "valid_from"),
        (5, "20130401", "valid_from"),
        (6, "*", "valid_to"),
        (2, "2013 91", "addon_deletion_date"),
        (4, "x", "primary_deletion_date"),
    ],
)
def test_a_date_that_is_no_day_of_a_year_is_refused(place: int, value: str, column: str) -> None:
    row = [*ADDON_ROWS[1]]
    row[place] = value
    built = addons(ADDON_ROWS[0], row)
    assert listed(built.findings) == [finding(ADDONS, 4, column, f"ncci_addon.{column}.type", value, _ORDINAL)]
    assert built.counts == [FileCount(ADDONS, 2, 1, 1)]


@pytest.mark.parametrize(
    ("place", "value", "column", "check", "reason"),
    [
        (0, "4", "edit_type", "edit_type.isin", "Must be one of 1, 2, 3."),
        (1, "71U", "addon_code", "addon_code.pattern", _CODE),
        (3, "CCCC", "primary_code", "primary_code.pattern", "Must look like ^([0-9]{5}|[0-9]{4}[A-Z]|[A-Z][0-9]{4})$|^CCCCC$."),
        (3, "", "primary_code", "primary_code.not_empty", "Must not be empty."),
        (5, "", "valid_from", "valid_from.not_empty", "Must not be empty."),
        (6, "2018273", "*", "ends_after_start", "The deletion date must not be before the effective date."),
    ],
)
def test_an_addon_edit_that_is_none_is_refused(place: int, value: str, column: str, check: str, reason: str) -> None:
    row = [*ADDON_ROWS[1]]
    row[place] = value
    built = addons(ADDON_ROWS[0], row)
    shown = value if column != "*" and value else None
    assert listed(built.findings) == [finding(ADDONS, 4, column, f"ncci_addon.{check}", shown, reason)]
    assert built.counts == [FileCount(ADDONS, 2, 1, 1)]


def test_an_unknown_column_of_addons_stops() -> None:
    header = (*ADDON_HEADER, "Status")
    message = "the header changed (unknown: Status): expected no further column, found 'Status'"
    assert (
        stopped(file(sheet([(ADDON_NOTICE,), header, *ADDON_ROWS]), ADDONS)) == f"{ADDONS} line 2 column 9: {message}. {COMPARE}"
    )


@settings(max_examples=25, deadline=None)
@given(st.dates(date(1990, 1, 1), date(2090, 12, 31)), st.integers(0, 4_000))
def test_every_day_of_every_year_is_read_back(start: date, days: int) -> None:
    end = start + timedelta(days=days)
    row = ("1", "0071U", "", "0070U", "", f"{start:%Y%j}", f"{end:%Y%j}", "")
    built = build([file(comma("", ADDON_HEADER, [row]), ADDONS_TEXT)], {})
    assert built.tables["ncci_addon"].select("valid_from", "valid_to", "is_ever_in_force").rows() == [(start, end, days > 0)]
    assert built.statements == []


# ---------------------------------------------------------------- several releases


def release(name: str, *files: tuple[bytes, str]) -> ReleaseTables:
    period = quarter(name)
    assert period is not None
    return ReleaseTables(period, build([file(content, f"cms_ncci/{name}/{at}", period=period) for content, at in files], {}))


def test_releases_over_time() -> None:
    closed = changed(PAIR_ROWS[4], valid_to="20260630")
    first = comma(LIMIT_NOTICE, LIMIT_HEADER, LIMIT_ROWS[:2])
    second = comma(LIMIT_NOTICE, LIMIT_HEADER, [LIMIT_ROWS[0], ("0010U", "3", *LIMIT_ROWS[1][2:])])
    limits_name = "MCR_MUE_PractitionerServices_Eff_01-01-2026.csv"
    built = combine(
        [
            release("2026-01", (tabbed([PAIR_ROWS[4]]), "ccipra-v320r0-f1.txt"), (first, limits_name)),
            release("2026-04", (tabbed([closed]), "ccipra-v321r0-f1.txt"), (second, limits_name)),
        ]
    )
    said = ("column_two_code", "valid_from", "valid_to", "release_id")
    assert built.tables["ncci_ptp"].select(said).rows() == [("0030U", date(2018, 7, 1), date(2026, 6, 30), "2026-04")]
    assert built.tables["ncci_mue"].select("code", "mue_value", "valid_from", "valid_to", "release_id").rows() == [
        ("0001U", 1, date(2026, 1, 1), None, "2026-01"),
        ("0010U", 2, date(2026, 1, 1), date(2026, 3, 31), "2026-01"),
        ("0010U", 3, date(2026, 4, 1), None, "2026-04"),
    ]
    assert built.tables["change"].select("changed_table", "record_key", "column_name", "old_value", "new_value").rows() == [
        ("ncci_ptp", "practitioner|0001U|0030U|2018-07-01|1", "valid_to", None, "2026-06-30"),
        ("ncci_mue", "practitioner|0010U", "mue_value", "2", "3"),
    ]


def test_a_release_without_a_setting_says_nothing_about_it() -> None:
    built = combine(
        [
            release("2026-01", (tabbed(PAIR_ROWS), "ccipra-v320r0-f1.txt")),
            release("2026-04", (tabbed(PAIR_ROWS), "ccioph-v321r0-f1.txt")),
            release("2026-07", (sheet([ADDON_HEADER, *ADDON_ROWS]), "AOC_V2026Q3-MCR.xlsx")),
        ]
    )
    assert Counter(built.tables["ncci_ptp"]["setting"]) == {"practitioner": 5, "outpatient_hospital": 5}
    assert built.tables["ncci_ptp"]["valid_to"].null_count() == 2
    assert built.tables["ncci_addon"].height == 5
    assert built.tables["change"].is_empty()


_EDIT = st.tuples(
    st.sampled_from("ABC"), st.sampled_from(["20200101", "20220101"]), st.sampled_from(["*", "20221231"]), st.sampled_from("01")
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(_EDIT, min_size=1, max_size=4, unique_by=lambda edit: edit[:2]), min_size=1, max_size=3))
def test_what_every_release_says_alike_is_kept_as_the_history_of_all_rows_has_it(quarters: list[list[tuple[str, ...]]]) -> None:
    """Rows that no release changes take a short cut; the whole history must come out the same."""
    parts = [
        release(
            f"2026-{month:02}",
            (
                tabbed([(f"0001{two}", "36000", "", start, end, bypass, MANUAL) for two, start, end, bypass in edits]),
                "ccipra-v320r0-f1.txt",
            ),
        )
        for month, edits in zip((1, 4, 7), quarters, strict=False)
    ]
    built = combine(parts)
    releases = ordered([part.period for part in parts])
    rows = pl.concat([part.built.tables["ncci_ptp"] for part in parts])
    key = NcciPtp.facts().key
    assert_frame_equal(built.tables["ncci_ptp"].sort(key), history(rows, NcciPtp, Kind.DATED, releases).sort(key))
    assert_frame_equal(built.tables["change"], changes(rows, NcciPtp, Kind.DATED, releases, source="cms_ncci"))


def test_releases_of_which_every_row_was_refused_make_no_rows() -> None:
    built = combine(
        [release("2026-01", (sheet([ADDON_HEADER, changed_row := ("9", *ADDON_ROWS[1][1:])]), "AOC_V2026Q1-MCR.xlsx"))]
    )
    assert changed_row[0] == "9"
    assert built.tables["ncci_addon"].is_empty()


# ---------------------------------------------------------------- the full published files


def members(path: Path) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


@pytest.mark.full
def test_every_pair_of_a_quarter(full_files: Path) -> None:
    period = quarter("2024-07")
    archive = "cms_ncci/2024-07/ccipra-v302r0-layout.zip"
    contents = members(full_files / archive)
    built = build([file(content, f"{archive}/{name}", period=period) for name, content in contents], {})
    rows = built.tables["ncci_ptp"]
    lines = [line for _, content in contents for line in content.split(b"\r\n")[6:] if line]
    indicators = Counter(line.split(b"\t")[5].decode() for line in lines)
    assert len(lines) == rows.height == 2_546_017
    assert dict(rows["modifier_indicator"].value_counts().rows()) == indicators == {"0": 739_553, "1": 1_707_611, "9": 98_853}
    assert rows["valid_to"].null_count() == sum(line.split(b"\t")[4] == b"*" for line in lines)
    assert sum(count.rows_refused for count in built.counts) == 0
    last_days = rows.filter(pl.col("modifier_indicator") != "9")["valid_to"].drop_nulls()
    assert (last_days == last_days.dt.month_end()).all()
    assert set(last_days.dt.month()) == {3, 6, 9, 12}


@pytest.mark.full
def test_every_limit_of_a_quarter(full_files: Path) -> None:
    name = "cms_ncci/2024-07/MCR_MUE_PractitionerServices_Eff_07-01-2024.csv"
    content = (full_files / name).read_bytes()
    rows = build([file(content, name, period=quarter("2024-07"))], {}).tables["ncci_mue"]
    lines = [line.split(b",") for line in content.split(b"\r\n") if re.match(rb"^[0-9A-Z]{5},", line)]
    assert len(lines) == rows.height == 14_677
    counted = Counter(line[2][:1].decode() for line in lines)
    assert dict(rows["adjudication_indicator"].value_counts().rows()) == counted == {"1": 41, "2": 5_157, "3": 9_479}
    assert rows["mue_value"].sum() == sum(int(line[1]) for line in lines)


@pytest.mark.full
def test_every_addon_edit_of_a_quarter(full_files: Path) -> None:
    name = "cms_ncci/2026-04/AOC_V2026Q2-MCR.xlsx"
    content = (full_files / name).read_bytes()
    rows = build([file(content, name, period=quarter("2026-04"))], {}).tables["ncci_addon"]
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        text = book.read("xl/worksheets/sheet1.xml")
        shared = re.findall(rb"<si>.*?</si>", book.read("xl/sharedStrings.xml"), re.DOTALL)
    texts = [re.sub(rb"<[^>]*>", b"", entry).decode() for entry in shared]
    cells = {
        kind: Counter(texts[int(at)] for at in re.findall(rb'<c r="%s\d+"[^>]*t="s"[^>]*><v>(\d+)</v>' % kind, text))
        for kind in (b"A", b"D")
    }
    kinds = {kind: count for kind, count in cells[b"A"].items() if kind in "123"}
    assert dict(rows["edit_type"].value_counts().rows()) == kinds == {"1": 8_293, "2": 47, "3": 660}
    assert rows.filter(pl.col("primary_kind") == "contractor_defined").height == cells[b"D"]["CCCCC"] == 55
    assert rows["special_instruction"].drop_nulls().str.starts_with('"').sum() == 205
