"""Curated sources: csv files kept with the project, whose every row cites who says so."""

import re
from collections.abc import Mapping, Sequence

import polars as pl

from schemas.base import PROVENANCE, Table
from transforms.errors import StructureError
from transforms.gate import gate, typed
from transforms.read import TextTable, csv_table
from transforms.sources import Built, SourceFile, counted

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029]")
_DERIVED = {"source_file", "source_row", "comparison_form", "rank"}
"""Columns of curated tables that no file holds."""


def file_columns(model: type[Table]) -> list[str]:
    """Header of the curated file behind a table: its columns as declared, citation last, without the derived ones."""
    declared = [name for name in model.to_schema().columns if name not in PROVENANCE]
    return [name for name in (*declared, *PROVENANCE) if name not in _DERIVED]


def comparison_form(spelling: pl.Expr, *, letters: str = "a-z") -> pl.Expr:
    """Lower case, bracketed ids dropped, every run of other signs one blank: 'AETNA [1001]' and 'Aetna' are equal."""
    unbracketed = spelling.str.to_lowercase().str.replace_all(r"\[[^\]]*\]", " ")
    return unbracketed.str.replace_all(rf"[^{letters}0-9]+", " ").str.strip_chars()


def curated(files: Sequence[SourceFile], model: type[Table], *, known: Mapping[str, pl.Series] | None = None) -> Built:
    """Rows of curated csv files that are typed, complete and refer only to what exists, and findings for the others.

    Raises StructureError where a header differs from `file_columns`, a file has no row, or a text holds a control character.
    """
    name, columns = model.table_name(), file_columns(model)
    tables = [_table(file, columns, table=name) for file in files]
    rows = pl.concat([table.rows for table in tables])
    cast = typed(_with_derived(rows, model), model)
    judged = gate(cast.accepted, model, known=known)
    return as_built(files, tables, name, judged.accepted, pl.concat([cast.findings, judged.findings]))


def as_built(
    files: Sequence[SourceFile], tables: Sequence[TextTable], name: str, accepted: pl.DataFrame, findings: pl.DataFrame
) -> Built:
    """Accepted rows of one table with all findings and the count of each file."""
    every = pl.concat([*(table.findings for table in tables), findings])
    counts = [
        counted(file.raw.source_file, rows_read=table.rows_read, accepted=accepted, findings=every)
        for file, table in zip(files, tables, strict=True)
    ]
    return Built({name: accepted}, every, counts)


def _table(file: SourceFile, columns: Sequence[str], *, table: str) -> TextTable:
    """Rows of one file. One without rows would take away all that it said, and nobody empties a file by intention."""
    _check_printable(file)
    read = csv_table(file.raw, columns, table=table)
    if not read.rows_read:
        raise StructureError(
            file.source_file,
            expected="at least one row below the header",
            found="none",
            advice="Put its rows back; a file that shall say nothing must go with its source.",
        )
    return read


def _check_printable(file: SourceFile) -> None:
    """Stop at a control character: it is never meant, cannot be seen, and other programs break lines at some of them."""
    found = _CONTROL.search(file.raw.text)
    if found is not None:
        line = file.raw.text.count("\n", 0, found.start()) + 1
        raise StructureError(
            f"{file.source_file} line {line}",
            expected="text without control characters",
            found=f"U+{ord(found[0]):04X}",
            advice="Take it out; editors show it as a box or not at all.",
        )


def _with_derived(rows: pl.DataFrame, model: type[Table]) -> pl.DataFrame:
    derived = {"comparison_form": comparison_form(pl.col("alias")), "rank": pl.lit(0, dtype=pl.Int64)}
    return rows.with_columns(expression.alias(name) for name, expression in derived.items() if name in model.column_names())
