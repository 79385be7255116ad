"""Files of NCCI: what their names say, their notice and header, and rows of small files in either format."""

import re
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import polars as pl

from schemas import Finding
from transforms.errors import StructureError
from transforms.gate import WHOLE_ROW, findings_frame
from transforms.read import Row, TextTable, check_header, records, text_table
from transforms.sources import Period, SourceFile
from transforms.workbook import hidden_sheet_findings, read_sheet, sheet_table

HEAD_LINES = 40
"""Lines in which notice and header must stand."""
_NAMES = {
    r"^ccipra": ("ncci_ptp", "practitioner"),
    r"^ccioph": ("ncci_ptp", "outpatient_hospital"),
    r"mue.*practitioner": ("ncci_mue", "practitioner"),
    r"mue.*outpatient": ("ncci_mue", "outpatient_hospital"),
    r"mue.*dme": ("ncci_mue", "dme"),
    r"^aoc.*mcr": ("ncci_addon", "any"),
}
"""Patterns of file names in lower case; flows/sql/ncci.sql knows releases by the same ones."""
_EXPECTED_NAMES = "ccipra-v*, ccioph-v*, MCR_MUE_*Services_* or AOC_V*-MCR"


class Named(NamedTuple):
    """What the name of a file says."""

    table: str
    setting: str
    """Setting of the whole file; `any` for add-on codes."""
    version: str | None = None
    """Version and revision of a file of pairs, such as `v302r0`."""
    part: int | None = None
    """Number of a part of the pairs."""
    first_day: date | None = None
    """First day of the quarter the name states."""


class Listed(NamedTuple):
    """Rows of a file below its header, and the notice above it."""

    table: TextTable
    header: tuple[str, ...]
    notice: str


def named(file: SourceFile) -> Named:
    """What the name says, whatever the case of its letters. Raises StructureError for a name that says nothing."""
    name = file.name.lower()
    found = next((what for pattern, what in _NAMES.items() if re.search(pattern, name)), None)
    if found is None:
        raise StructureError(
            file.source_file, expected=f"a file named {_EXPECTED_NAMES}", found=file.name, advice="Give it CMS's name again."
        )
    version = re.search(r"-(v\d+r\d+)", name)
    part = re.search(r"-f(\d+)\.", name)
    return Named(*found, version[1] if version else None, int(part[1]) if part else None, _first_day(name))


def period_of(file: SourceFile) -> Period:
    """The release's period. Raises StructureError without one."""
    if file.period is None:
        raise StructureError(
            file.source_file,
            expected="a release folder named YYYY-MM, or an origin.json that gives its period",
            found="neither",
            advice="Move the file to cms_ncci/<year>-<first month of its quarter>/.",
        )
    return file.period


def period_findings(file: SourceFile, what: Named) -> pl.DataFrame:
    """A warning where the name of a file states another quarter than its release: it may lie in the wrong folder."""
    if what.first_day is None or what.first_day == period_of(file).valid_from:
        return findings_frame()
    stated = f"{what.first_day:%Y-%m}"
    reason = "The name of the file states a quarter that starts in another month than its release."
    return findings_frame(
        [finding(file.source_file, 0, WHOLE_ROW, f"{what.table}.file.period", stated, reason, severity="warning")]
    )


def finding(
    source_file: str, row: int, column: str, rule: str, value: str | None, reason: str, *, severity: str = "refused"
) -> dict[str, str | int | None]:
    """One row of the table finding."""
    values = (source_file, row, column, rule, severity, value, reason)
    names = ("source_file", "source_row", "column_name", "rule_id", "severity", "value", "reason")
    return dict(zip(names, values, strict=True))


def refused_cells(
    rows: pl.DataFrame, mask: pl.Expr | pl.Series, *, table: str, column: str, check: str, reason: str
) -> pl.DataFrame:
    """A refusal for every row where the mask holds, with the text of the cell."""
    return (
        rows.filter(mask)
        .select(
            "source_file",
            "source_row",
            column_name=pl.lit(column),
            rule_id=pl.lit(f"{table}.{column}.{check}"),
            severity=pl.lit("refused"),
            value=pl.col(column),
            reason=pl.lit(reason),
        )
        .select(Finding.column_names())
    )


def words(cell: str | None) -> str:
    """A cell of a header on one line."""
    return " ".join((cell or "").split())


def notice_of(lines: Sequence[Sequence[str | None]]) -> str:
    """Cells above the header that speak of copyright, on one line."""
    return " ".join(text for line in lines for text in map(words, line) if "copyright" in text.lower())


def listed(file: SourceFile, columns: dict[str, str], *, table: str, rename: dict[str, str] | None = None) -> Listed:
    """A csv file or a workbook whose header stands below a notice, under the names of `columns`.

    `rename` gives names that may stand in place of one of `columns`. Raises StructureError where the header is not as declared.
    """
    if file.suffix == ".xlsx":
        return _listed_sheet(file, columns, table=table, rename=rename or {})
    rows = records(file.raw)
    at = header_line([row.cells for row in rows], next(iter(columns)), source_file=file.source_file)
    header = _checked_header(rows[at].cells, columns, rename or {}, source_file=file.source_file, line=rows[at].line)
    body = [Row(row.line, [cell.strip() for cell in row.cells]) for row in rows[at + 1 :]]
    kept = text_table(body, list(columns.values()), source_file=file.source_file, table=table)
    return Listed(kept, header, notice_of([row.cells for row in rows[:at]]))


def header_line(lines: Sequence[Sequence[str | None]], first: str, *, source_file: str) -> int:
    """Index of the line whose first cell is the header's. Raises StructureError where there is none."""
    for index, cells in enumerate(lines[:HEAD_LINES]):
        if cells and header_name(cells[0]) == first:
            return index
    raise StructureError(
        source_file,
        expected=f"a header whose first cell is {first!r} in the first {HEAD_LINES} lines",
        found=repr(" ".join(map(words, lines[0]))[:60]) if lines else "no line",
        advice="Check that this is the file its name promises.",
    )


def header_name(cell: str | None) -> str:
    """Name of a column: the words of the cell, and no blank behind a slash where the cell breaks the line."""
    return words(cell).replace("/ ", "/")


def _listed_sheet(file: SourceFile, columns: dict[str, str], *, table: str, rename: dict[str, str]) -> Listed:
    sheet = read_sheet(file.content, source_file=file.source_file)
    lines = sheet.rows.head(HEAD_LINES).rows()
    at = header_line(lines, next(iter(columns)), source_file=file.source_file)
    header = _checked_header(lines[at], columns, rename, source_file=file.source_file, line=at + 1)
    kept = sheet_table(sheet, list(columns.values()), first_line=at + 2, table=table)
    findings = pl.concat([kept.findings, hidden_sheet_findings(sheet, table=table)])
    return Listed(kept._replace(findings=findings), header, notice_of(lines[:at]))


def _checked_header(
    cells: Sequence[str | None], columns: dict[str, str], rename: dict[str, str], *, source_file: str, line: int
) -> tuple[str, ...]:
    found = [header_name(cell) for cell in cells]
    while found and not found[-1]:
        found.pop()
    check_header([rename.get(name, name) for name in found], list(columns), source_file=source_file, line=line)
    return tuple(found)


def _first_day(name: str) -> date | None:
    """First day of the quarter in a name: `v302` is the third of 2024, since version 30 is that of 2024."""
    if version := re.search(r"-v(\d{2})([0-3])r\d", name):
        return date(int(version[1]) + 1994, int(version[2]) * 3 + 1, 1)
    if effective := re.search(r"eff_(0[1-9]|1[0-2])-01-(\d{4})", name):
        return date(int(effective[2]), int(effective[1]), 1)
    if quarter := re.search(r"v(\d{4})q([1-4])", name):
        return date(int(quarter[1]), int(quarter[2]) * 3 - 2, 1)
    return None
