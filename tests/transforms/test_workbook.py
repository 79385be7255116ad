"""Workbooks as text: nothing inferred, no formula, hidden sheets reported, rows numbered as in the sheet."""

import io
from datetime import date
from typing import Any

import pytest
import xlsxwriter

from tests.transforms.builders import finding, listed
from transforms.archive import Bounds
from transforms.errors import StructureError
from transforms.workbook import hidden_sheet_findings, read_sheet, sheet_cells, sheet_table


def workbook(*rows: list[Any], hidden: tuple[str, ...] = (), hide_first: bool = False) -> bytes:
    """A workbook with one sheet of rows; a cell that begins with '=' is a formula."""
    written = io.BytesIO()
    with xlsxwriter.Workbook(written, {"in_memory": True}) as book:
        days = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet = book.add_worksheet("Data")
        for at, row in enumerate(rows):
            for column, cell in enumerate(row):
                if isinstance(cell, date):
                    sheet.write_datetime(at, column, cell, days)  # type: ignore[arg-type]
                elif cell is not None:
                    sheet.write(at, column, cell)
        for name in hidden:
            book.add_worksheet(name).hide()
        if hide_first:
            other = book.add_worksheet("Shown")
            other.write(0, 0, "shown")
            other.activate()
            other.set_first_sheet()
            sheet.hide()
    return written.getvalue()


def refused(content: bytes, **options: Any) -> str:
    with pytest.raises(StructureError) as caught:
        read_sheet(content, source_file="s/r/b.xlsx", **options)
    return str(caught.value)


def test_cells_stay_what_they_are_and_rows_keep_their_numbers() -> None:
    sheet = read_sheet(
        workbook([], ["Title"], [], ["CODE", "MOD"], ["00100", 26], ["0001F", None], [10004, "TC"]), source_file="b.xlsx"
    )
    assert sheet.rows.height == 7
    assert sheet_cells(sheet, 4) == ["CODE", "MOD"]
    table = sheet_table(sheet, ["code", "modifier"], first_line=5, table="t")
    assert table.rows.rows() == [("00100", "26", 5, "b.xlsx"), ("0001F", "", 6, "b.xlsx"), ("10004", "TC", 7, "b.xlsx")]
    assert (listed(table.findings), table.rows_read) == ([], 3)


def test_blank_rows_and_the_end_of_file_sign_are_no_data() -> None:
    sheet = read_sheet(workbook(["A"], ["1"], [" "], ["_x001A_"], ["2"]), source_file="b.xlsx")
    table = sheet_table(sheet, ["a"], first_line=2, table="t")
    assert table.rows.select("a", "source_row").rows() == [("1", 2), ("2", 5)]
    assert table.rows_read == 2


def test_a_row_with_a_cell_beyond_the_header_is_refused_and_a_short_one_is_filled() -> None:
    sheet = read_sheet(workbook(["A", "B"], ["1", "2", "3"], ["4"]), source_file="b.xlsx")
    table = sheet_table(sheet, ["a", "b"], first_line=2, table="t")
    assert table.rows.select("a", "b", "source_row").rows() == [("4", "", 3)]
    assert listed(table.findings) == [finding("b.xlsx", 2, "*", "t.row.cell_count", None, "A row must have 2 cells.")]
    assert table.rows_read == 2


def test_a_date_where_a_code_belongs_stays_a_date_so_that_the_code_is_refused() -> None:
    sheet = read_sheet(workbook(["CODE"], [date(2020, 10, 4)]), source_file="b.xlsx")
    (cell,) = sheet_cells(sheet, 2)
    assert cell.startswith("2020-10-04")


def test_a_formula_is_no_value() -> None:
    assert refused(workbook(["A"], ["=1+1"])) == (
        "s/r/b.xlsx/xl/worksheets/sheet1.xml: expected values, found a formula. Fetch the workbook from its publisher again."
    )


def test_hidden_sheets_are_reported_and_not_read() -> None:
    sheet = read_sheet(workbook(["A"], hidden=("Secret",)), source_file="b.xlsx")
    assert sheet.hidden == ("Secret",)
    assert listed(hidden_sheet_findings(sheet, table="t")) == [
        finding("b.xlsx", 0, "*", "t.workbook.hidden_sheet", "Secret", "The hidden sheet 1 of the workbook was not read.", "info")
    ]
    assert sheet_cells(read_sheet(workbook(["A"], hide_first=True), source_file="b.xlsx"), 1) == ["shown"]


@pytest.mark.parametrize("content", [b"", b"plain text", b"PK\x03\x04 but broken"])
def test_what_is_no_workbook_is_refused(content: bytes) -> None:
    assert refused(content).startswith("s/r/b.xlsx: expected an Excel workbook, found ")


def test_a_workbook_keeps_the_bounds_of_archives() -> None:
    content = workbook(*(["x" * 50] for _ in range(2_000)))
    assert "expected at most 100 bytes unpacked" in refused(content, bounds=Bounds(member_bytes=100))
