"""Localities and their counties (LOCCO) as csv and workbook. The text file leaves out a state and is not read."""

import polars as pl

from schemas import LocalityCounty
from transforms.errors import StructureError
from transforms.gate import Gated, typed_and_gated
from transforms.pfs_layouts import COUNTIES, county_name, layout_of, reader_of
from transforms.pfs_tables import Companion, from_sheet, header_at, is_footnote, sheet_rows, with_zeros, without_lines
from transforms.read import Row, TextTable, records, text_table
from transforms.sources import Period, SourceFile
from transforms.workbook import read_sheet

_TABLE = "locality_county"


def locality_counties(file: SourceFile, *, period: Period) -> Companion:
    """Rows of `locality_county` with refusals.

    A state stands on its first row only and is filled down. Raises StructureError for another header, and for a row of another
    width: with a row that may hold a state missing, the states below would be wrong.
    """
    table = reader_of(file, _READERS)(file)
    _check_whole(table, file)
    state = pl.col("state_name").str.strip_chars()
    area = pl.col("fee_schedule_area").str.strip_chars()
    named = with_zeros(table.rows).with_columns(
        state_name=pl.when(state != "").then(state).forward_fill(),
        fee_schedule_area=area.str.strip_chars(" *"),
        is_split_between_contractors=pl.when(area.str.ends_with("*")).then(pl.lit("true")).otherwise(pl.lit("false")),
        release_id=pl.lit(period.release_id),
        valid_from=pl.lit(period.valid_from),
        valid_to=pl.lit(period.valid_to),
        known_from=pl.lit(period.published, dtype=pl.Date),
    )
    parts = pl.col("source_row").cum_count().over("contractor_code", "locality_code").cast(pl.Int64)
    judged = typed_and_gated(named.with_columns(part_number=parts), LocalityCounty)
    return Companion(Gated(judged.accepted, pl.concat([table.findings, judged.findings])), table.rows_read)


def _from_csv(file: SourceFile) -> TextTable:
    rows = records(file.raw)
    at = _header(rows, file)
    below = [row for row in rows[at + 1 :] if not is_footnote(row.cells)]
    return text_table(below, _columns(rows[at], file), source_file=file.source_file, table=_TABLE)


def _from_workbook(file: SourceFile) -> TextTable:
    sheet = read_sheet(file.content, source_file=file.source_file)
    rows = sheet_rows(sheet)
    at = _header(rows, file)
    notes = [row.line for row in rows[at + 1 :] if is_footnote(row.cells)]
    return without_lines(from_sheet(sheet, _columns(rows[at], file), below=rows[at].line, table=_TABLE), notes)


_READERS = {".csv": _from_csv, ".xlsx": _from_workbook}


def _header(rows: list[Row], file: SourceFile) -> int:
    expected = "a header beginning with 'Medicare Adminstrative Contractor'"
    return header_at(rows, "Medicare Admin", file=file, expected=expected, kind="LOCCO")


def _columns(row: Row, file: SourceFile) -> list[str]:
    names = [county_name(cell) for cell in row.cells]
    return list(layout_of(names, COUNTIES, source_file=file.source_file, line=row.line).values())


def _check_whole(table: TextTable, file: SourceFile) -> None:
    wrong = table.findings.filter(pl.col("severity") == "refused")
    if not wrong.is_empty():
        row = wrong.row(0, named=True)
        raise StructureError(
            f"{file.source_file} line {row['source_row']}",
            expected="five cells, since the states of the rows below are filled down",
            found=row["value"] or "more",
            advice="Mend the row or fetch the file again.",
        )
