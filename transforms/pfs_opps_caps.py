"""Payments after the outpatient cap (OPPSCAP) as csv, text of fixed width and workbook."""

import polars as pl

from schemas import OppsCap
from transforms.code import code_system
from transforms.gate import Gated, typed_and_gated
from transforms.pfs_layouts import OPPS_CAPS, OPPS_CAPS_TEXT, layout_of, reader_of
from transforms.pfs_records import record_table, text_lines
from transforms.pfs_tables import TOP_ROWS, Companion, from_sheet, header_at, sheet_rows
from transforms.read import Row, TextTable, records, text_table
from transforms.sources import Period, SourceFile
from transforms.workbook import read_sheet

_TABLE = "opps_cap"


def opps_caps(file: SourceFile, *, period: Period) -> Companion:
    """Rows of `opps_cap` with refusals. Raises StructureError for another layout."""
    table = reader_of(file, _READERS)(file)
    cells = table.rows.with_columns(pl.all().exclude("source_row").str.strip_chars())
    dated = cells.with_columns(
        code_system=code_system(),
        component=pl.col("component").replace("", "global"),
        release_id=pl.lit(period.release_id),
        valid_from=pl.lit(period.valid_from),
        valid_to=pl.lit(period.valid_to),
        known_from=pl.lit(period.published, dtype=pl.Date),
    )
    judged = typed_and_gated(dated, OppsCap)
    return Companion(Gated(judged.accepted, pl.concat([table.findings, judged.findings])), table.rows_read)


def _from_csv(file: SourceFile) -> TextTable:
    rows = records(file.raw)
    at = _header(rows, file)
    return text_table(rows[at + 1 :], _columns(rows[at], file), source_file=file.source_file, table=_TABLE)


def _from_text(file: SourceFile) -> TextTable:
    return record_table(text_lines(file.raw), OPPS_CAPS_TEXT, source_file=file.source_file, table=_TABLE)


def _from_workbook(file: SourceFile) -> TextTable:
    sheet = read_sheet(file.content, source_file=file.source_file)
    rows = sheet_rows(sheet, first=TOP_ROWS)
    at = _header(rows, file)
    return from_sheet(sheet, _columns(rows[at], file), below=rows[at].line, table=_TABLE)


_READERS = {".csv": _from_csv, ".txt": _from_text, ".xlsx": _from_workbook}


def _header(rows: list[Row], file: SourceFile) -> int:
    return header_at(rows, "HCPCS", file=file, expected="a header beginning with 'HCPCS'", kind="OPPSCAP")


def _columns(row: Row, file: SourceFile) -> list[str]:
    names = [" ".join(cell.split()) for cell in row.cells]
    return list(layout_of(names, OPPS_CAPS, source_file=file.source_file, line=row.line).values())
