"""What the files of a fee schedule release share: headers found by their text, footnotes, and sheets as rows."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from transforms.errors import StructureError
from transforms.gate import Gated
from transforms.read import Row, TextTable
from transforms.sources import SourceFile
from transforms.workbook import Sheet, hidden_sheet_findings, sheet_cells, sheet_table

TOP_ROWS = 40
"""Rows of a large sheet among which its header is looked for."""


class Companion(NamedTuple):
    """A file beside the relative values: its rows with refusals, and what its header carries."""

    rows: Gated
    rows_read: int
    national_factors: Mapping[str, Decimal] = {}
    """National anesthesia factors by `apm_status`."""


def header_at(rows: Sequence[Row], start: str, *, file: SourceFile, expected: str, kind: str) -> int:
    """Place of the first row whose first cell begins so. Raises StructureError where none does."""
    for index, row in enumerate(rows):
        if row.cells[0].strip().startswith(start):
            return index
    raise StructureError(
        file.source_file,
        expected=expected,
        found=repr(",".join(rows[0].cells)[:60]) if rows else "none",
        advice=f"Check that this is the {kind} file.",
    )


def is_footnote(cells: Sequence[str]) -> bool:
    """A line of prose in the first cell and nothing beside it, below the localities."""
    return not re.match(r"\s*[0-9]", cells[0]) and not any(cell.strip() for cell in cells[1:])


def sheet_rows(sheet: Sheet, *, first: int | None = None) -> list[Row]:
    """Rows of a sheet, or its first rows, that hold something, each up to its last filled cell, as csv records would be."""
    until = sheet.rows.height if first is None else min(first, sheet.rows.height)
    rows = [Row(line, _up_to_last(sheet_cells(sheet, line))) for line in range(1, until + 1)]
    return [row for row in rows if row.cells]


def from_sheet(sheet: Sheet, columns: Sequence[str], *, below: int, table: str) -> TextTable:
    """Rows below the header's line, contractor and locality with the leading zeros that a workbook loses."""
    read = sheet_table(sheet, columns, first_line=below + 1, table=table)
    findings = pl.concat([read.findings, hidden_sheet_findings(sheet, table=table)])
    return read._replace(rows=with_zeros(read.rows), findings=findings)


def without_lines(table: TextTable, lines: Sequence[int]) -> TextTable:
    """The table without the rows of these lines, which are no data."""
    kept = table.rows.filter(~pl.col("source_row").is_in(list(lines)))
    return table._replace(rows=kept, rows_read=table.rows_read - (table.rows.height - kept.height))


def with_zeros(rows: pl.DataFrame) -> pl.DataFrame:
    """Contractor and locality, where they are digits, with their leading zeros: five and two digits."""
    return rows.with_columns(_zero_filled("contractor_code", 5), _zero_filled("locality_code", 2))


def _zero_filled(name: str, digits: int) -> pl.Expr:
    cell = pl.col(name).str.strip_chars()
    return pl.when(cell.str.contains("^[0-9]+$")).then(cell.str.zfill(digits)).otherwise(cell).alias(name)


def _up_to_last(cells: Sequence[str]) -> list[str]:
    """Cells up to the last filled one: a sheet is as wide as its widest row."""
    filled = [index for index, cell in enumerate(cells) if cell]
    return list(cells[: filled[-1] + 1]) if filled else []
