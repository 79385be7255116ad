"""What differs between a table in two releases of the dataset, as a feed that turns the earlier table into the later one.

The table `change` tells what a publisher changed between two of its releases. This feed tells what the dataset itself changed,
whatever the reason, and loses nothing: applied to the earlier table it gives the later one, cell by cell.
"""

from collections.abc import Sequence

import polars as pl

from schemas.base import Table
from transforms.answer_sets import AnswerSets

FEED = {
    "changed_table": pl.String(),
    "change_kind": pl.String(),
    "record_key": pl.String(),
    "column_name": pl.String(),
    "old_value": pl.String(),
    "new_value": pl.String(),
    "payer_id": pl.String(),
}
"""Columns of a feed, all of them text. `record_key` is a JSON object of the key columns. A row that came or went is one row with
`column_name` `*` and its other columns as a JSON object; a changed cell is one row with both values. `payer_id` repeats the payer
of the record where its table has one."""
COUNTS = {"payer_id": pl.String(), "change_kind": pl.String(), "records": pl.Int64(), "cells": pl.Int64(), "moved": pl.Int64()}
"""Columns of counted changes: records added, changed or removed by payer, cells that differ in changed records, and of how many
records nothing changed but the line on which they stand: one new line of a file moves all below it."""
_NUMBERS = ("records", "cells", "moved")
_PLACE = "source_row"
_OLD = "_old"
_CODED = ("code_system", "code", "component")


def differences(old: pl.DataFrame, new: pl.DataFrame, model: type[Table]) -> pl.DataFrame:
    """Feed from `old` to `new`, ordered by record and column. Both hold the model's columns and each key once."""
    key = list(model.facts().key)
    values = [name for name in model.column_names() if name not in key]
    payer = _payer(model)
    both = new.join(old, on=key, how="inner", suffix=_OLD)
    whole = [
        _whole(new.join(old, on=key, how="anti"), key, values, payer, kind="added"),
        _whole(old.join(new, on=key, how="anti"), key, values, payer, kind="removed"),
    ]
    cells = [_changed(both, key, name, payer) for name in values]
    feed = pl.concat([*whole, *cells]).with_columns(changed_table=pl.lit(model.table_name()))
    return feed.select(list(FEED)).sort("record_key", "column_name")


def applied(old: pl.DataFrame, feed: pl.DataFrame, model: type[Table]) -> pl.DataFrame:
    """The later table from the earlier one and the feed, rows in the order of the key."""
    key, names = list(model.facts().key), model.column_names()
    own = feed.filter(pl.col("changed_table") == model.table_name())
    gone = own.filter(pl.col("change_kind") == "removed").select("record_key")
    rows = old.with_columns(record_key=_as_json(key)).join(gone, on="record_key", how="anti")
    cells = own.filter(pl.col("change_kind") == "changed")
    for name in cells["column_name"].unique(maintain_order=True):
        given = cells.filter(pl.col("column_name") == name).select("record_key", _new="new_value", _is_new=pl.lit(value=True))
        chosen = pl.when(pl.col("_is_new")).then(from_text("_new", model.polars_schema()[name])).otherwise(pl.col(name))
        rows = rows.join(given, on="record_key", how="left").with_columns(chosen.alias(name)).drop("_new", "_is_new")
    came = _read_back(own.filter(pl.col("change_kind") == "added"), model)
    return pl.concat([rows.select(names), came]).sort(key, nulls_last=False)


def aligned(rows: pl.DataFrame, model: type[Table]) -> pl.DataFrame:
    """Rows of an earlier release of the same major schema version: columns it did not have yet are empty."""
    empty = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in model.polars_schema().items() if name not in rows.columns]
    return rows.with_columns(empty).select(model.column_names())


def counted(feed: pl.DataFrame) -> pl.DataFrame:
    """Records and cells of a feed of one table, by payer and kind."""
    by = ("payer_id", "change_kind")
    column = pl.col("column_name")
    records = feed.group_by(*by, "record_key").agg(cells=(column != "*").sum(), moved=(column == _PLACE).all())
    grouped = records.group_by(by).agg(records=pl.len(), cells=pl.col("cells").sum(), moved=pl.col("moved").sum())
    return grouped.cast(dict.fromkeys(_NUMBERS, pl.Int64)).select(list(COUNTS)).sort(by)


def cube_counts(old: AnswerSets, new: AnswerSets) -> pl.DataFrame:
    """Changed rows of the cube by payer and kind, without writing it out.

    Codes that go from one set of answers to the same other set are compared once and counted as often as there are of them.
    """
    codes = old.code_answer_set.join(new.code_answer_set, on=list(_CODED), how="full", coalesce=True, suffix="_new")
    pairs = codes.group_by("answer_set_id", "answer_set_id_new").agg(codes=pl.len()).with_row_index("pair")
    key = ["pair", "payer_id", "modifier", "organization_id", "line_of_business", "market", "valid_from"]
    before = pairs.select("pair", "codes", "answer_set_id").join(old.answer, on="answer_set_id")
    after = pairs.select("pair", "codes", answer_set_id="answer_set_id_new").join(new.answer, on="answer_set_id")
    values = [name for name in old.answer.columns if name not in (*key, "answer_set_id")]
    differing = pl.sum_horizontal(pl.col(name).ne_missing(pl.col(name + _OLD)).cast(pl.Int64) for name in values)
    changed = after.join(before, on=key, suffix=_OLD).select("payer_id", "codes", cells=differing).filter(pl.col("cells") > 0)
    came = after.join(before, on=key, how="anti").select("payer_id", "codes", cells=pl.lit(0, dtype=pl.Int64))
    went = before.join(after, on=key, how="anti").select("payer_id", "codes", cells=pl.lit(0, dtype=pl.Int64))
    kinds = {"added": came, "changed": changed, "removed": went}
    every = pl.concat(rows.with_columns(change_kind=pl.lit(kind)) for kind, rows in kinds.items())
    summed = every.group_by("payer_id", "change_kind").agg(
        records=pl.col("codes").sum(), cells=(pl.col("cells") * pl.col("codes")).sum(), moved=pl.lit(0)
    )
    return summed.cast(dict.fromkeys(_NUMBERS, pl.Int64)).select(list(COUNTS)).sort("payer_id", "change_kind")


def from_text(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column of text as its type; the inverse of a cast to text."""
    text = pl.col(name)
    if isinstance(dtype, pl.Date):
        return text.str.to_date("%Y-%m-%d")
    return text == "true" if isinstance(dtype, pl.Boolean) else text.cast(dtype)


def _payer(model: type[Table]) -> pl.Expr:
    nobody = pl.lit(None, dtype=pl.String)
    return (pl.col("payer_id") if "payer_id" in model.column_names() else nobody).alias("payer_id")


def _as_json(names: Sequence[str]) -> pl.Expr:
    """Columns as text in a JSON object."""
    if not names:
        return pl.lit("{}")
    return pl.struct(pl.col(name).cast(pl.String) for name in names).struct.json_encode()


def _whole(rows: pl.DataFrame, key: list[str], values: list[str], payer: pl.Expr, *, kind: str) -> pl.DataFrame:
    """Rows that came or went."""
    nothing, all_values = pl.lit(None, dtype=pl.String), _as_json(values)
    return rows.select(
        change_kind=pl.lit(kind),
        record_key=_as_json(key),
        column_name=pl.lit("*"),
        old_value=all_values if kind == "removed" else nothing,
        new_value=all_values if kind == "added" else nothing,
        payer_id=payer,
    )


def _changed(both: pl.DataFrame, key: list[str], name: str, payer: pl.Expr) -> pl.DataFrame:
    """Cells of one column that differ."""
    differing = both.filter(pl.col(name).ne_missing(pl.col(name + _OLD)))
    return differing.select(
        change_kind=pl.lit("changed"),
        record_key=_as_json(key),
        column_name=pl.lit(name),
        old_value=pl.col(name + _OLD).cast(pl.String),
        new_value=pl.col(name).cast(pl.String),
        payer_id=payer,
    )


def _read_back(came: pl.DataFrame, model: type[Table]) -> pl.DataFrame:
    """Rows that came, in their types."""
    key, schema = model.facts().key, model.polars_schema()
    values = [name for name in schema if name not in key]
    parts = [_unpacked(came, "record_key", key), _unpacked(came, "new_value", values)]
    texts = pl.concat([part for part in parts if part.width], how="horizontal")
    return texts.select(from_text(name, schema[name]).alias(name) for name in schema)


def _unpacked(rows: pl.DataFrame, column: str, names: Sequence[str]) -> pl.DataFrame:
    texts = pl.Struct(dict.fromkeys(names, pl.String))
    return rows.select(pl.col(column).str.json_decode(texts)).unnest(column) if names else pl.DataFrame()
