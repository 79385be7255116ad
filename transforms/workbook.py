"""Excel workbooks as rows of text: every cell as it stands, nothing inferred, no formula taken for a value."""

import io
import re
import zipfile
from collections.abc import Sequence
from typing import NamedTuple

import fastexcel
import polars as pl

from transforms.archive import BOUNDS, Bounds, content_of, judged
from transforms.errors import StructureError
from transforms.gate import WHOLE_ROW, findings_frame
from transforms.read import TextTable

_END_OF_FILE = ("\x1a", "_x001A_")
"""The DOS end-of-file sign, and how a workbook spells it (CMS's workbooks of 2024)."""
_FORMULA = re.compile(rb"<f[\s/>]")


class Sheet(NamedTuple):
    """The first visible sheet of a workbook: every row, blank ones too, so row `i` of the frame is row `i + 1` of the sheet."""

    source_file: str
    rows: pl.DataFrame
    """Text columns `column_1`, `column_2`, ...; an empty cell is null."""
    hidden: tuple[str, ...]
    """Names of hidden sheets, which are not read."""


def read_sheet(content: bytes, *, source_file: str, bounds: Bounds = BOUNDS) -> Sheet:
    """The first visible sheet. Raises StructureError for what is no workbook, has formulas, or leaves the bounds."""
    _judge_workbook(content, source_file=source_file, bounds=bounds)
    try:
        book = fastexcel.read_excel(content)
        sheets = [(name, book.load_sheet(name, header_row=None, n_rows=0).visible) for name in book.sheet_names]
        shown = [name for name, visibility in sheets if visibility == "visible"]
        if not shown:
            raise _refused(source_file, "a visible sheet", "none")
        loaded = book.load_sheet(shown[0], header_row=None, skip_rows=0, dtypes="string")
        frame = loaded.to_polars()
    except fastexcel.FastExcelError as error:
        raise _refused(source_file, "an Excel workbook", str(error).splitlines()[0]) from error
    rows = frame.rename({name: f"column_{index}" for index, name in enumerate(frame.columns, start=1)})
    return Sheet(source_file, rows, tuple(name for name, visibility in sheets if visibility != "visible"))


def sheet_cells(sheet: Sheet, line: int) -> list[str]:
    """Cells of one row, counted from 1, stripped, empty ones as ''."""
    return [(cell or "").strip() for cell in sheet.rows.row(line - 1)]


def sheet_table(sheet: Sheet, columns: Sequence[str], *, first_line: int, table: str) -> TextTable:
    """Rows from `first_line` on under the given names, with `source_file` and `source_row`, without blank and end-of-file rows.

    Cells are as wide as the header: a row with a filled cell beyond it is refused.
    """
    cells = sheet.rows.columns
    numbered = sheet.rows.with_row_index("source_row", offset=1).cast({"source_row": pl.Int64}).slice(first_line - 1)
    filled = numbered.filter(_has_any(cells) & ~pl.col(cells[0]).fill_null("").str.strip_chars().is_in(_END_OF_FILE))
    is_long = _has_any(cells[len(columns) :])
    long = filled.filter(is_long)
    named = filled.filter(~is_long).select(
        *(pl.col(cell).fill_null("").alias(name) for cell, name in zip(cells, columns, strict=False)),
        *(pl.lit("").alias(name) for name in columns[len(cells) :]),
        "source_row",
        source_file=pl.lit(sheet.source_file),
    )
    findings = findings_frame(
        {
            "source_file": sheet.source_file,
            "source_row": row,
            "column_name": WHOLE_ROW,
            "rule_id": f"{table}.row.cell_count",
            "severity": "refused",
            "value": None,
            "reason": f"A row must have {len(columns)} cells.",
        }
        for row in long["source_row"]
    )
    return TextTable(named, findings, filled.height)


def hidden_sheet_findings(sheet: Sheet, *, table: str) -> pl.DataFrame:
    """A finding for every hidden sheet: it is reported and not read."""
    return findings_frame(
        {
            "source_file": sheet.source_file,
            "source_row": 0,
            "column_name": WHOLE_ROW,
            "rule_id": f"{table}.workbook.hidden_sheet",
            "severity": "info",
            "value": name[:8],
            "reason": f"The hidden sheet {index} of the workbook was not read.",
        }
        for index, name in enumerate(sheet.hidden, start=1)
    ).unique(["source_file", "source_row", "column_name", "rule_id"], keep="first", maintain_order=True)


def _has_any(cells: Sequence[str]) -> pl.Expr:
    """At least one of the cells holds something."""
    return pl.any_horizontal(pl.lit(value=False), *(pl.col(name).fill_null("").str.strip_chars() != "" for name in cells))


def _judge_workbook(content: bytes, *, source_file: str, bounds: Bounds) -> None:
    """A workbook is a zip archive: the same bounds hold, and no cell may be a formula."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise _refused(source_file, "an Excel workbook", str(error)) from error
    with archive:
        for entry in judged(archive, source_file=source_file, bounds=bounds):
            is_sheet = entry.filename.startswith("xl/worksheets/") and entry.filename.endswith(".xml")
            if is_sheet and _FORMULA.search(content_of(archive, entry, source_file=source_file)):
                raise _refused(f"{source_file}/{entry.filename}", "values", "a formula")


def _refused(where: str, expected: str, found: str) -> StructureError:
    return StructureError(where, expected=expected, found=found, advice="Fetch the workbook from its publisher again.")
