"""Relative value files (PPRRVU) as csv, as text of fixed width and as workbook: one set of rows whatever the format.

The text file carries no day of release, and its notice is worded otherwise; all else is the same (CMS record layout RVU25D).
"""

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

import polars as pl

from schemas import PfsIndicator
from transforms.code import code_system
from transforms.errors import StructureError
from transforms.gate import Gated, findings_frame, typed_and_gated
from transforms.pfs_layouts import RELATIVE_VALUES, RELATIVE_VALUES_TEXT, layout_of, reader_of
from transforms.pfs_records import record_table, text_lines
from transforms.pfs_tables import TOP_ROWS, sheet_rows
from transforms.read import Row, TextTable, records, text_table
from transforms.sources import Period, SourceFile
from transforms.workbook import hidden_sheet_findings, read_sheet, sheet_table

_TABLE = "pfs_indicator"
_FLAGS = {"is_not_used_for_payment": "+", "is_rare_in_nonfacility": "NA", "is_rare_in_facility": "NA"}
_PHASES = ("preoperative_percent", "intraoperative_percent", "postoperative_percent")
_HEADER_RECORD = "HDR "


class RelativeValues(NamedTuple):
    """A relative value file: indicators with refusals, descriptors apart from them, and what the file says about itself."""

    source_file: str
    indicators: Gated
    listed: pl.DataFrame
    """code and component of every row of the right shape, refused ones, too."""
    descriptors: pl.DataFrame
    """code_system, code, description and source_file, once per code."""
    notice: str
    released: date | None
    """Day of release; the text file does not carry it."""
    rows_read: int


class _AsRead(NamedTuple):
    """Cells of a file under the names of the columns, and what stands above them."""

    table: TextTable
    notice: str
    released: date | None


def relative_values(file: SourceFile, *, period: Period) -> RelativeValues:
    """Rows of `pfs_indicator`, known since the publication of the release or else since the file's day of release.

    Binds to the header's text, not to line numbers. Raises StructureError for another layout, header or preamble.
    """
    read = reader_of(file, _READERS)(file)
    cells = _cells(read.table.rows)
    known = period._replace(published=period.published or read.released)
    judged = typed_and_gated(_indicators(cells, period=known), PfsIndicator)
    return RelativeValues(
        source_file=file.source_file,
        indicators=Gated(judged.accepted, pl.concat([read.table.findings, judged.findings])),
        listed=cells.select("code", _component()),
        descriptors=_descriptors(cells),
        notice=read.notice,
        released=read.released,
        rows_read=read.table.rows_read,
    )


def _from_csv(file: SourceFile) -> _AsRead:
    rows = records(file.raw)
    top, header = _preamble(rows, file)
    layout = layout_of(
        _stacked_names(rows[top + 1 : header + 1]), RELATIVE_VALUES, source_file=file.source_file, line=rows[header].line
    )
    table = text_table(rows[header + 1 :], list(layout.values()), source_file=file.source_file, table=_TABLE)
    return _AsRead(table, _notice(rows[1:top]), _released_date(rows[top], file))


def _from_workbook(file: SourceFile) -> _AsRead:
    sheet = read_sheet(file.content, source_file=file.source_file)
    rows = sheet_rows(sheet, first=TOP_ROWS)
    top, header = _preamble(rows, file)
    line = rows[header].line
    names = _stacked_names(rows[top + 1 : header + 1])
    layout = layout_of(names, RELATIVE_VALUES, source_file=file.source_file, line=line)
    table = sheet_table(sheet, list(layout.values()), first_line=line + 1, table=_TABLE)
    hidden = hidden_sheet_findings(sheet, table=_TABLE)
    return _AsRead(
        table._replace(findings=pl.concat([findings_frame(), table.findings, hidden])),
        _notice(rows[1:top]),
        _released_date(rows[top], file),
    )


def _from_text(file: SourceFile) -> _AsRead:
    lines = text_lines(file.raw)
    is_header = pl.col("text").str.starts_with(_HEADER_RECORD)
    headers = lines.filter(is_header)
    if headers.is_empty():
        raise StructureError(
            file.source_file,
            expected="header records that begin with 'HDR '",
            found="none",
            advice="Check that this is the PPRRVU text file of a fee schedule release.",
        )
    table = record_table(lines.filter(~is_header), RELATIVE_VALUES_TEXT, source_file=file.source_file, table=_TABLE)
    notice = " ".join(" ".join(headers["text"].str.slice(len(_HEADER_RECORD))).split())
    return _AsRead(table, notice, None)


_READERS = {".csv": _from_csv, ".txt": _from_text, ".xlsx": _from_workbook}


def _cells(rows: pl.DataFrame) -> pl.DataFrame:
    """Cells without blanks round them, with their code system and, where the layout has no PRIC IND, a blank one."""
    priced = rows if "pricing_code" in rows.columns else rows.with_columns(pricing_code=pl.lit(""))
    return priced.with_columns(pl.all().exclude("source_row").str.strip_chars()).with_columns(code_system=code_system())


def _descriptors(cells: pl.DataFrame) -> pl.DataFrame:
    return (
        cells.filter(pl.col("description") != "")
        .select("code_system", "code", "description", "source_file")
        .unique(["code_system", "code"], keep="first", maintain_order=True)
    )


def _indicators(cells: pl.DataFrame, *, period: Period) -> pl.DataFrame:
    """Text cells with flags as booleans, phases as percent, blank MOD as `global`, and the release's period."""
    return cells.with_columns(
        *(_flag(name, mark) for name, mark in _FLAGS.items()),
        *(_percent(name) for name in _PHASES),
        _component(),
        release_id=pl.lit(period.release_id),
        valid_from=pl.lit(period.valid_from),
        valid_to=pl.lit(period.valid_to),
        known_from=pl.lit(period.published, dtype=pl.Date),
    )


def _component() -> pl.Expr:
    return pl.col("component").replace("", "global")


def _flag(name: str, mark: str) -> pl.Expr:
    """`true` for the mark, `false` for a blank cell; anything else stays as it is and is refused as no truth value."""
    cell = pl.col(name)
    return pl.when(cell == mark).then(pl.lit("true")).when(cell == "").then(pl.lit("false")).otherwise(cell).alias(name)


def _percent(name: str) -> pl.Expr:
    """A share such as 0.71 or .71 as 71.00; a cell that is no share of at most four decimals stays and is refused."""
    cell = pl.col(name)
    is_share = cell.str.contains(r"^[0-9]*\.?[0-9]{0,4}0*$") & cell.str.contains("[0-9]")
    share = pl.when(is_share).then(cell).cast(pl.Decimal(9, 4), strict=False)
    percent = (share * 100).cast(pl.Decimal(9, 2)).cast(pl.String)
    return pl.when(is_share).then(percent).otherwise(cell).alias(name)


def _preamble(rows: Sequence[Row], file: SourceFile) -> tuple[int, int]:
    """Places of the line of release and of the header, which stands below it."""
    top, header = _released_row(rows, file), _header_row(rows, file)
    if header <= top:
        raise StructureError(
            f"{file.source_file} line {rows[header].line}",
            expected="the header below the line 'RELEASED mm/dd/yyyy'",
            found=f"it above line {rows[top].line}",
            advice="Fetch the file again.",
        )
    return top, header


def _header_row(rows: Sequence[Row], file: SourceFile) -> int:
    for index, row in enumerate(rows):
        if row.cells and row.cells[0].strip() == "HCPCS":
            return index
    raise StructureError(
        file.source_file,
        expected="a header line whose first cell is 'HCPCS'",
        found="none",
        advice=f"Check that this is the PPRRVU {_format(file)} file of a fee schedule release.",
    )


def _released_row(rows: Sequence[Row], file: SourceFile) -> int:
    for index, row in enumerate(rows):
        if any(cell.startswith("RELEASED ") for cell in row.cells):
            return index
    raise StructureError(
        file.source_file,
        expected="a preamble line 'RELEASED mm/dd/yyyy'",
        found="none",
        advice=f"Check that this is the PPRRVU {_format(file)} file of a fee schedule release.",
    )


def _format(file: SourceFile) -> str:
    return file.suffix.removeprefix(".")


def _released_date(row: Row, file: SourceFile) -> date:
    text = next(cell for cell in row.cells if cell.startswith("RELEASED ")).removeprefix("RELEASED ").strip()
    try:
        return datetime.strptime(text, "%m/%d/%Y").date()  # noqa: DTZ007 - a date has no zone
    except ValueError as error:
        raise StructureError(
            f"{file.source_file} line {row.line}",
            expected="RELEASED mm/dd/yyyy",
            found=repr(text),
            advice="Fetch the file again.",
        ) from error


def _notice(rows: Sequence[Row]) -> str:
    """The copyright lines, each blank stretch as one space."""
    return " ".join(" ".join(cell.split()) for row in rows for cell in row.cells if re.search("copyright", cell, re.IGNORECASE))


def _stacked_names(stacked: Sequence[Row]) -> list[str]:
    """Names of the columns: the words of the stacked header lines, top to bottom."""
    width = len(stacked[-1].cells)
    return [" ".join(" ".join(row.cells[i] for row in stacked if i < len(row.cells)).split()) for i in range(width)]
