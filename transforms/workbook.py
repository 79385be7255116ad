"""Excel workbooks as rows of text: every cell as it stands, nothing inferred, no formula taken for a value."""

import io
import re
import zipfile
from collections.abc import Sequence
from typing import NamedTuple
from xml.etree.ElementTree import ParseError

import defusedxml
import defusedxml.ElementTree
import fastexcel
import polars as pl

from transforms.archive import BOUNDS, Bounds, content_of, judged
from transforms.errors import StructureError
from transforms.gate import WHOLE_ROW, findings_frame
from transforms.read import TextTable

_END_OF_FILE = ("\x1a", "_x001A_")
"""The DOS end-of-file sign, and how a workbook spells it (CMS's workbooks of 2024)."""
_CONTENTS = "xl/workbook.xml"
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
    hidden = _judge_workbook(content, source_file=source_file, bounds=bounds)
    try:
        book = fastexcel.read_excel(content)
        shown = [name for name in book.sheet_names if name not in hidden]
        if not shown:
            raise _refused(source_file, "a visible sheet", "none")
        frame = book.load_sheet(shown[0], header_row=None, skip_rows=0, dtypes="string").to_polars()
    except fastexcel.FastExcelError as error:
        raise _refused(source_file, "an Excel workbook", str(error).splitlines()[0]) from error
    rows = frame.rename({name: f"column_{index}" for index, name in enumerate(frame.columns, start=1)})
    return Sheet(source_file, rows, hidden)


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


def _judge_workbook(content: bytes, *, source_file: str, bounds: Bounds) -> tuple[str, ...]:
    """Names of the hidden sheets. A workbook is a zip archive: the same bounds hold, and no cell may be a formula."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise _refused(source_file, "an Excel workbook", str(error)) from error
    with archive:
        entries = {entry.filename: entry for entry in judged(archive, source_file=source_file, bounds=bounds)}
        for name, entry in entries.items():
            is_sheet = name.startswith("xl/worksheets/") and name.endswith(".xml")
            if is_sheet and _has_formula(content_of(archive, entry, source_file=source_file)):
                raise _refused(f"{source_file}/{name}", "values", "a formula")
        if _CONTENTS not in entries:
            raise _refused(source_file, "an Excel workbook", f"an archive without {_CONTENTS}")
        return _hidden(content_of(archive, entries[_CONTENTS], source_file=source_file), source_file=source_file)


def _has_formula(sheet: bytes) -> bool:
    return b"<f" in sheet and _FORMULA.search(sheet) is not None


def _hidden(contents: bytes, *, source_file: str) -> tuple[str, ...]:
    """Sheets that the workbook's table of contents marks as hidden."""
    try:
        root = defusedxml.ElementTree.fromstring(contents)
    except (defusedxml.DefusedXmlException, ParseError) as error:
        raise _refused(f"{source_file}/{_CONTENTS}", "XML without entities", str(error)) from error
    sheets = (element for element in root.iter() if element.tag.rsplit("}", 1)[-1] == "sheet")
    return tuple(element.get("name", "") for element in sheets if element.get("state", "visible") != "visible")


def _refused(where: str, expected: str, found: str) -> StructureError:
    return StructureError(where, expected=expected, found=found, advice="Fetch the workbook from its publisher again.")
