"""Localities of a release: anesthesia factors (ANES) and geographic indices (GPCI), each as csv, text and workbook.

What formats differ in: the anesthesia text file cuts names at 40 characters and has no national factor; workbooks lose leading
zeros, which are put back; footnote marks of names, which some formats have, are taken off.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from schemas import AnesthesiaLocality, Gpci
from schemas.base import Table
from transforms.errors import StructureError
from transforms.gate import Gated, typed_and_gated
from transforms.pfs_layouts import (
    ANESTHESIA,
    ANESTHESIA_FACTORS,
    ANESTHESIA_TEXT,
    INDICES,
    INDICES_TEXT,
    anesthesia_factor_name,
    index_name,
    layout_of,
    reader_of,
)
from transforms.pfs_records import record_table, text_lines
from transforms.pfs_tables import Companion, from_sheet, header_at, is_footnote, sheet_rows, without_lines
from transforms.read import Row, TextTable, records, text_table
from transforms.sources import Period, SourceFile
from transforms.workbook import read_sheet

_NATIONAL = re.compile(r"\bCF\b.* of (\S+)$")
_FACTOR = re.compile(r"^[0-9]{1,3}\.[0-9]{2,6}$")
_FACTOR_COLUMNS = tuple(ANESTHESIA_FACTORS.values())
_FINDING_KEY = ("source_file", "source_row", "column_name", "rule_id")


class _AsRead(NamedTuple):
    table: TextTable
    national_factors: Mapping[str, Decimal]


def anesthesia_localities(file: SourceFile, *, period: Period) -> Companion:
    """The ANES file. The name of the last column changes every year and may hold the national factor."""
    read = reader_of(file, _ANESTHESIA_READERS)(file)
    present = [name for name in _FACTOR_COLUMNS if name in read.table.rows.columns]
    kept = [name for name in read.table.rows.columns if name not in present]
    factors = read.table.rows.unpivot(present, index=kept, variable_name="apm_status", value_name="conversion_factor_usd")
    judged = _judged(factors.sort("source_row", maintain_order=True), AnesthesiaLocality, period=period)
    refused = pl.concat([read.table.findings, judged.findings]).unique(_FINDING_KEY, keep="first", maintain_order=True)
    whole = judged.accepted.join(refused, on=["source_file", "source_row"], how="anti", maintain_order="left")
    return Companion(Gated(whole, refused), read.table.rows_read, read.national_factors)


def geographic_indices(file: SourceFile, *, period: Period) -> Companion:
    """The GPCI file: a title, a blank line, the header with the year in its names, localities, then footnotes."""
    table = reader_of(file, _INDEX_READERS)(file)
    shown = table.rows
    if "work_gpci_without_floor" not in shown.columns:
        shown = shown.with_columns(work_gpci_without_floor=pl.lit(""))
    judged = _judged(shown, Gpci, period=period)
    return Companion(Gated(judged.accepted, pl.concat([table.findings, judged.findings])), table.rows_read)


def _anesthesia_csv(file: SourceFile) -> _AsRead:
    rows = records(file.raw)
    columns, national = _anesthesia_header(rows[0], file)
    return _AsRead(text_table(rows[1:], columns, source_file=file.source_file, table="anesthesia_locality"), national)


def _anesthesia_workbook(file: SourceFile) -> _AsRead:
    sheet = read_sheet(file.content, source_file=file.source_file)
    rows = sheet_rows(sheet)
    at = header_at(rows, "Contractor", file=file, expected="a header beginning with 'Contractor'", kind="ANES")
    columns, national = _anesthesia_header(rows[at], file)
    return _AsRead(from_sheet(sheet, columns, below=rows[at].line, table="anesthesia_locality"), national)


def _anesthesia_text(file: SourceFile) -> _AsRead:
    table = record_table(text_lines(file.raw), ANESTHESIA_TEXT, source_file=file.source_file, table="anesthesia_locality")
    factor = pl.col("any").str.strip_chars().str.replace("^([0-9]+)([0-9]{2})$", "$1.$2")
    return _AsRead(table._replace(rows=table.rows.with_columns(factor)), {})


_ANESTHESIA_READERS = {".csv": _anesthesia_csv, ".txt": _anesthesia_text, ".xlsx": _anesthesia_workbook}


def _anesthesia_header(row: Row, file: SourceFile) -> tuple[list[str], dict[str, Decimal]]:
    """Columns, and the national factor of each column of factors whose name holds one."""
    names = [anesthesia_factor_name(cell) for cell in row.cells]
    layout = layout_of(names, ANESTHESIA, source_file=file.source_file, line=row.line)
    columns = list(layout.values())
    found = {column: _NATIONAL.search(" ".join(cell.split())) for column, cell in zip(columns, row.cells, strict=True)}
    return columns, {column: _national(match[1], row, file) for column, match in found.items() if match}


def _national(text: str, row: Row, file: SourceFile) -> Decimal:
    if not _FACTOR.match(text):
        raise StructureError(
            f"{file.source_file} line {row.line}",
            expected="a national factor of two to six decimals at the end of the column's name",
            found=repr(text),
            advice="Compare the file with the one of another year.",
        )
    return Decimal(text)


def _indices_csv(file: SourceFile) -> TextTable:
    rows = records(file.raw)
    at = _index_header(rows, file)
    columns = _index_columns(rows[at], file)
    localities = [row for row in rows[at + 1 :] if not is_footnote(row.cells)]
    return text_table(localities, columns, source_file=file.source_file, table="gpci")


def _indices_workbook(file: SourceFile) -> TextTable:
    sheet = read_sheet(file.content, source_file=file.source_file)
    rows = sheet_rows(sheet)
    at = _index_header(rows, file)
    columns = _index_columns(rows[at], file)
    notes = [row.line for row in rows[at + 1 :] if is_footnote(row.cells)]
    return without_lines(from_sheet(sheet, columns, below=rows[at].line, table="gpci"), notes)


def _indices_text(file: SourceFile) -> TextTable:
    lines = text_lines(file.raw)
    at = lines.filter(pl.col("text").str.starts_with("Medicare Admi"))["source_row"]
    if at.is_empty():
        rows = [Row(line, [text]) for line, text in lines.head(1).iter_rows()]
        header_at(rows, "Medicare Admi", file=file, expected="a header beginning with 'Medicare Admi'", kind="GPCI")
    # A footnote is prose: it begins with no digit and is not as long as a record.
    is_record = pl.col("text").str.contains(r"^\s*[0-9]") | (pl.col("text").str.len_chars() == INDICES_TEXT.length)
    below = lines.filter((pl.col("source_row") > at[0]) & is_record)
    return record_table(below, INDICES_TEXT, source_file=file.source_file, table="gpci")


_INDEX_READERS = {".csv": _indices_csv, ".txt": _indices_text, ".xlsx": _indices_workbook}


def _index_header(rows: Sequence[Row], file: SourceFile) -> int:
    start = "Medicare Administrative Contractor"
    return header_at(rows, start, file=file, expected=f"a header beginning with '{start} (MAC)'", kind="GPCI")


def _index_columns(row: Row, file: SourceFile) -> list[str]:
    names = [index_name(cell) for cell in row.cells]
    return list(layout_of(names, INDICES, source_file=file.source_file, line=row.line).values())


def _judged(rows: pl.DataFrame, model: type[Table], *, period: Period) -> Gated:
    """Localities of a release, names without footnote marks."""
    named = rows.with_columns(
        pl.col("contractor_code", "locality_code").str.strip_chars(),
        locality_name=pl.col("locality_name").str.strip_chars(" *"),
        release_id=pl.lit(period.release_id),
        valid_from=pl.lit(period.valid_from),
        valid_to=pl.lit(period.valid_to),
        known_from=pl.lit(period.published, dtype=pl.Date),
    )
    return typed_and_gated(named, model)
