"""The one place where a frame is judged against its declaration: accepted rows on one side, findings on the other."""

from collections.abc import Iterable, Mapping
from copy import copy
from functools import reduce
from typing import Any, NamedTuple

import polars as pl
from pandera.errors import SchemaErrors
from pandera.polars import DataFrameSchema

from schemas import Finding
from schemas.base import NOT_STATED, Column, Table
from transforms.errors import BrokenCheckError

WHOLE_ROW = "*"
"""Stands for the column of a finding that concerns a row as a whole."""
_JUDGED_ROWS = 200_000
"""Rows judged at a time where the key is known to hold; every other check is about one row."""
_CHECKS = {
    "isin": "isin",
    "str_matches": "pattern",
    "not_nullable": "not_empty",
    "greater_than_or_equal_to": "at_least",
    "less_than_or_equal_to": "at_most",
    "multiple_fields_uniqueness": "unique",
}


class Gated(NamedTuple):
    """What a gate lets through and what it refuses. A row is in one of them, never in both."""

    accepted: pl.DataFrame
    findings: pl.DataFrame


def findings_frame(rows: Iterable[Mapping[str, Any]] = ()) -> pl.DataFrame:
    """Findings as a frame in the declared columns."""
    return pl.DataFrame(list(rows), schema=Finding.polars_schema(), orient="row")


def typed(rows: pl.DataFrame, model: type[Table]) -> Gated:
    """Text cells as the declared types. Blank cells are null; a cell that is not of its type refuses its row."""
    kept = [column for column in model.columns() if column.name in rows.columns]
    textual = [column for column in kept if rows.schema[column.name] == pl.String]
    texts = rows.with_columns(pl.col(column.name).str.strip_chars().replace("", None) for column in textual)
    cast = texts.select(_cast(column, texts) for column in kept)
    retyped = [column for column in textual if not isinstance(column.dtype, pl.String)]
    lost = pl.concat([findings_frame(), *(_lost(texts, cast, column, table=model.table_name()) for column in retyped)])
    return Gated(_without(cast, lost), lost)


def gate(rows: pl.DataFrame, model: type[Table], *, known: Mapping[str, pl.Series] | None = None) -> Gated:
    """Rows that satisfy the declaration, and a finding for every broken rule.

    `known` gives, per column that refers to another table, the values that exist there; 'any' and empty cells always pass.
    Rows carry `source_file` and `source_row`. Raises BrokenCheckError where a check itself fails or columns are wrong.
    """
    ordered = rows.select(model.column_names())
    broken = _pandera_findings(ordered, model)
    unknown = [_unknown(ordered, model, name, values) for name, values in (known or {}).items()]
    findings = pl.concat([broken, *unknown]).unique(maintain_order=True)
    return Gated(_without(ordered, findings), findings)


def typed_and_gated(rows: pl.DataFrame, model: type[Table], *, known: Mapping[str, pl.Series] | None = None) -> Gated:
    """`typed`, then `gate`."""
    cast = typed(rows, model)
    judged = gate(cast.accepted, model, known=known)
    return Gated(judged.accepted, pl.concat([cast.findings, judged.findings]))


def ensure(rows: pl.DataFrame, model: type[Table]) -> pl.DataFrame:
    """Rows of a table that this program derived itself. A broken rule there is our fault, so it raises BrokenCheckError."""
    ordered = rows.select(model.column_names())
    try:
        model.validate(ordered, lazy=True)
    except SchemaErrors as errors:
        raise BrokenCheckError(f"{model.table_name()} breaks its declaration:\n{errors.failure_cases.head(20)}") from errors
    return ordered


def _cast(column: Column, texts: pl.DataFrame) -> pl.Expr:
    text = pl.col(column.name)
    if texts.schema[column.name] != pl.String or isinstance(column.dtype, pl.String):
        return text
    if isinstance(column.dtype, pl.Date):
        return text.str.to_date("%Y-%m-%d", strict=False, exact=True)
    if isinstance(column.dtype, pl.Boolean):
        return text.replace_strict({"true": True, "false": False}, default=None, return_dtype=pl.Boolean)
    if isinstance(column.dtype, pl.Decimal):
        return _decimal(text, column.dtype).alias(column.name)
    return text.cast(column.dtype, strict=False)


def _decimal(text: pl.Expr, dtype: pl.Decimal) -> pl.Expr:
    """Decimals without rounding: more digits than the column holds are refused, not rounded."""
    plain = text.str.contains(rf"^-?[0-9]*\.?[0-9]{{0,{dtype.scale}}}0*$") & text.str.contains("[0-9]")
    return pl.when(plain).then(text).cast(dtype, strict=False)


def _lost(texts: pl.DataFrame, cast: pl.DataFrame, column: Column, *, table: str) -> pl.DataFrame:
    mask = texts[column.name].is_not_null() & cast[column.name].is_null()
    return (
        texts.filter(mask)
        .select(
            "source_file",
            "source_row",
            column_name=pl.lit(column.name),
            rule_id=pl.lit(f"{table}.{column.name}.type"),
            severity=pl.lit("refused"),
            value=pl.col(column.name),
            reason=pl.lit(f"Must be {_type_in_words(column.dtype)}."),
        )
        .select(Finding.column_names())
    )


def _type_in_words(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Decimal):
        return f"a number with at most {dtype.scale} decimals"
    return {pl.Date: "a date as YYYY-MM-DD", pl.Boolean: "true or false", pl.Int64: "a whole number"}[type(dtype)]


def _without(rows: pl.DataFrame, findings: pl.DataFrame) -> pl.DataFrame:
    """Rows that no finding refuses; the same frame where there is none, because millions of rows need not be copied."""
    if findings.is_empty():
        return rows
    refused = findings.select(pl.col("source_file").cast(rows.schema["source_file"]), "source_row").unique()
    return rows.join(refused, on=["source_file", "source_row"], how="anti", maintain_order="left")


def _pandera_findings(rows: pl.DataFrame, model: type[Table]) -> pl.DataFrame:
    schema = _schema(rows, model)
    pieces = rows.iter_slices(_JUDGED_ROWS) if schema.unique is None and rows.height else [rows]
    return pl.concat([findings_frame(), *(_findings_of(_spelled_out(piece), model, schema) for piece in pieces)])


def _spelled_out(rows: pl.DataFrame) -> pl.DataFrame:
    """Texts in full where a column of few texts keeps each of them once."""
    return rows.with_columns(pl.col(pl.Categorical).cast(pl.String))


def _findings_of(rows: pl.DataFrame, model: type[Table], schema: DataFrameSchema) -> pl.DataFrame:
    try:
        schema.validate(rows, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
        if cases["index"].null_count():
            raise BrokenCheckError(f"{model.table_name()}: a check failed to run:\n{cases}") from errors
        return _as_findings(cases, rows, model)
    return findings_frame()


def _schema(rows: pl.DataFrame, model: type[Table]) -> DataFrameSchema:
    """The model's checks; the one of its key is left out where it holds already.

    Different hashes belong to different keys, so hashes that are all different prove the key in a quarter of the time.
    """
    schema = model.to_schema()
    if not schema.unique or has_repeats(_hashes(rows, schema.unique)):
        return schema
    judged = copy(schema)
    judged.unique = None
    return judged


def _hashes(rows: pl.DataFrame, names: Iterable[str]) -> pl.Series:
    """One number per row made of some columns, one after the other: equal rows have equal numbers."""
    each = (rows[name].hash(seed) for seed, name in enumerate(names))
    return reduce(lambda joined, hashes: joined ^ hashes, each)


def has_repeats(values: pl.Series) -> bool:
    """Some value stands more than once: sorting numbers takes a fraction of the memory of a set of them."""
    ordered = values.sort()
    return bool((ordered == ordered.shift(1)).any())


def _as_findings(cases: pl.DataFrame, rows: pl.DataFrame, model: type[Table]) -> pl.DataFrame:
    places = rows.select("source_file", "source_row").with_row_index("index")
    rules = {
        (column, check): _rule(model, column, check) for column, check in cases.select("column", "check").unique().iter_rows()
    }
    named = pl.DataFrame(
        [(column, check, *rule) for (column, check), rule in sorted(rules.items())],
        schema=["column", "check", "column_name", "rule_id", "reason"],
        orient="row",
    )
    return (
        cases.with_columns(pl.col("index").cast(pl.UInt32))
        .join(places, on="index")
        .join(named, on=["column", "check"])
        .sort("index", "rule_id")
        .select(
            "source_file",
            "source_row",
            "column_name",
            "rule_id",
            severity=pl.lit("refused"),
            value=pl.when(pl.col("column_name") != WHOLE_ROW).then(pl.col("failure_case")),
            reason="reason",
        )
        .select(Finding.column_names())
    )


def _rule(model: type[Table], column: str, check: str) -> tuple[str, str, str]:
    """Column at fault, stable rule id and the sentence that says what was expected."""
    table, kind = model.table_name(), _CHECKS.get(check.split("(", maxsplit=1)[0])
    if kind == "unique":
        key = model.to_schema().unique or []
        return WHOLE_ROW, f"{table}.key.unique", f"The key ({', '.join(key)}) must occur once."
    if kind is None:
        sentence = next(str(c.description) for c in model.to_schema().checks if c.name == check)
        return WHOLE_ROW, f"{table}.{check}", sentence
    declared = next(c for c in model.columns() if c.name == column)
    sentences = {
        "isin": f"Must be one of {', '.join(declared.values or ())}.",
        "pattern": f"Must look like {declared.pattern}.",
        "not_empty": "Must not be empty.",
        "at_least": f"Must be at least {declared.at_least}.",
        "at_most": f"Must be at most {declared.at_most}.",
    }
    return column, f"{table}.{column}.{kind}", sentences[kind]


def _unknown(rows: pl.DataFrame, model: type[Table], name: str, values: pl.Series) -> pl.DataFrame:
    reference = next(column.references for column in model.columns() if column.name == name)
    known = pl.Series([*values.unique().to_list(), NOT_STATED], dtype=pl.String)
    return (
        rows.filter(pl.col(name).is_not_null() & ~pl.col(name).is_in(known.implode()))
        .select(
            "source_file",
            "source_row",
            column_name=pl.lit(name),
            rule_id=pl.lit(f"{model.table_name()}.{name}.known"),
            severity=pl.lit("refused"),
            value=pl.col(name),
            reason=pl.lit(f"Must exist in {reference}."),
        )
        .select(Finding.column_names())
    )
