"""How a declared table is written out: cells of CSV, metadata of Parquet."""

import json

from schemas.base import Column, Table
from schemas.derive.ddl import described, sql_type

_FORMULA_STARTS = "['=', '+', '-', '@', chr(9), chr(10), chr(13), '＝', '＋', '－', '＠']"  # noqa: RUF001 - full-width signs start formulas too


def csv_cell(column: Column) -> str:
    """A column as it stands in CSV: text that a spreadsheet would run as a formula gets an apostrophe in front.

    Codes, dates and words of a fixed vocabulary cannot start that way, so only free columns are guarded.
    """
    if sql_type(column.dtype) != "VARCHAR" or column.values or column.pattern:
        return column.name
    name, guarded = column.name, f"list_contains({_FORMULA_STARTS}, left({column.name}, 1))"
    return f"CASE WHEN {guarded} THEN '''' || {name} ELSE {name} END AS {name}"


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
