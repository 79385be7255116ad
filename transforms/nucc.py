"""NUCC Health Care Provider Taxonomy in the layouts of 6, 8 and 11 columns."""

from collections.abc import Sequence

import polars as pl

from schemas import Taxonomy
from transforms.gate import typed_and_gated
from transforms.history import Kind, combined
from transforms.read import check_header, records, text_table
from transforms.released import of_release, only_file
from transforms.sources import Built, SourceFile, Tables, counted

_NAMES = {
    "Code": "taxonomy_code",
    "Grouping": "grouping",
    "Classification": "classification",
    "Specialization": "specialization",
    "Definition": "definition",
    "Effective Date": "effective_date",
    "Deactivation Date": "deactivation_date",
    "Last Modified Date": "last_modified_date",
    "Notes": "notes",
    "Display Name": "display_name",
    "Section": "section",
}
_DATES = ("effective_date", "deactivation_date", "last_modified_date")
_FIRST = ("Code", "Grouping", "Classification", "Specialization", "Definition")
_NOW = ("Notes", "Display Name", "Section")
LAYOUTS = {
    "from version 24.0": (*_FIRST, *_NOW),
    "about version 22.1": tuple(_NAMES),
    "up to version 20.1": (*_FIRST, "Notes"),
}
"""Columns of each layout the publisher has used. Columns are found by name, so their order does not matter."""

combine = combined("nucc", {Taxonomy: Kind.SNAPSHOT})


def build(files: Sequence[SourceFile], _tables: Tables) -> Built:
    """`taxonomy` rows of one release. Raises StructureError where the columns are those of no layout."""
    file = only_file(files)
    header, *rows = records(file.raw)
    names = [cell.strip() for cell in header.cells]
    _check_columns(names, source_file=file.source_file, line=header.line)
    table = text_table(rows, [_NAMES[name] for name in names], source_file=file.source_file, table="taxonomy")
    judged = typed_and_gated(of_release(_every_column(table.rows), file), Taxonomy)
    findings = pl.concat([table.findings, judged.findings])
    count = counted(file.source_file, rows_read=table.rows_read, accepted=judged.accepted, findings=findings)
    return Built({"taxonomy": judged.accepted}, findings, [count])


def _check_columns(names: Sequence[str], *, source_file: str, line: int) -> None:
    """Stop unless the columns are those of a layout, in any order, and say the difference to the nearest one."""
    nearest = min(LAYOUTS.values(), key=lambda layout: len(set(layout) ^ set(names)))
    if sorted(names) != sorted(nearest):
        check_header(names, nearest, source_file=source_file, line=line)


def _every_column(cells: pl.DataFrame) -> pl.DataFrame:
    """Cells with the columns that the layout lacks as blanks, and dates as the gate reads them."""
    lacking = [name for name in _NAMES.values() if name not in cells.columns]
    return cells.with_columns(pl.lit("").alias(name) for name in lacking).with_columns(_iso_date(name) for name in _DATES)


def _iso_date(name: str) -> pl.Expr:
    """`7/1/2003` as `2003-07-01`; a cell that is no such date stays as it is, for the gate to judge."""
    cell = pl.col(name).str.strip_chars()
    iso = cell.str.replace(r"^(\d{1,2})/(\d{1,2})/(\d{4})$", "${3}-0${1}-0${2}").str.replace_all(r"-0(\d\d)", "-${1}")
    return pl.when(iso.str.to_date("%Y-%m-%d", strict=False).is_not_null()).then(iso).otherwise(cell).alias(name)
