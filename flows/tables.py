"""How a declared table is written out: cells of CSV, metadata of Parquet."""

import json
import re

import polars as pl

from flows.cells import FORMULA_STARTS
from schemas.base import Column, Table
from schemas.derive.ddl import described

_FORMULA_START = f"^[{re.escape(FORMULA_STARTS)}]"


def csv_cells(model: type[Table]) -> list[pl.Expr]:
    """Columns as they stand in CSV: text that a spreadsheet would run as a formula gets an apostrophe in front.

    Codes, dates and words of a fixed vocabulary cannot start that way, so only free columns are guarded.
    """
    return [_guarded(column) for column in model.columns()]


def metadata(model: type[Table]) -> dict[str, str]:
    """What a Parquet file says about its table and columns."""
    facts = model.facts()
    columns = {column.name: described(column) for column in model.columns()}
    return {
        "description": f"{model.summary()} One row per {facts.row}.",
        "key": ", ".join(facts.key),
        "licence": facts.licence,
        "columns": json.dumps(columns, ensure_ascii=False),
    }


def _guarded(column: Column) -> pl.Expr:
    cell = pl.col(column.name)
    if not isinstance(column.dtype, pl.String) or column.values or column.pattern:
        return cell
    return harmless_text(column.name)


def harmless_text(name: str) -> pl.Expr:
    """A column of texts, in which an apostrophe stands before what a spreadsheet would run as a formula."""
    cell = pl.col(name)
    return pl.when(cell.str.contains(_FORMULA_START)).then(pl.lit("'") + cell).otherwise(cell).alias(name)
