"""What an open build may carry: facts of every source, words only under an open licence."""

from collections.abc import Collection
from typing import NamedTuple

import polars as pl

from schemas.base import Table

WITHHELD = "[withheld: the text is not openly licensed]"
_SHOWN_VALUE = r"^([0-9A-Z+.,*-]{0,8}|[0-9]+ (cells|sections))$"
"""A refused value from a file whose text may be licensed is shown where it can only be a code or a number."""


class LeftOut(NamedTuple):
    """Rows of a table, or words in them, that an open build does not carry."""

    table: str
    reason: str
    rows: int


class OpenTable(NamedTuple):
    """A table fit for an open build, and what was left out of it."""

    rows: pl.DataFrame
    left_out: list[LeftOut]


def open_table(
    rows: pl.DataFrame, model: type[Table], *, open_licences: Collection[str], closed_files: Collection[str]
) -> OpenTable:
    """Rows without descriptions, claims and values whose words are AMA's, ADA's, a third party's or of unknown terms.

    Rows with a column `licence` stay only under an open one, columns that somebody owns are emptied. `closed_files` are the raw
    files without an open licence.
    """
    name = model.table_name()
    kept, without = _openly_licensed(rows, name, open_licences)
    emptied, owned = _without_owned_words(kept, model)
    is_closed_file = pl.col("source_file").is_in(list(closed_files))
    if name == "code_claim":
        emptied = _withheld_claims(emptied, is_closed_file)
    if name == "finding":
        hidden = is_closed_file & ~pl.col("value").str.contains(_SHOWN_VALUE)
        emptied = emptied.with_columns(value=pl.when(hidden).then(pl.lit(WITHHELD)).otherwise("value"))
    return OpenTable(emptied, [*without, *owned])


def open_changes(changes: pl.DataFrame, models: Collection[type[Table]]) -> pl.DataFrame:
    """Rows of `change` without the words of columns that somebody owns."""
    owned = [f"{model.table_name()}.{column.name}" for model in models for column in model.columns() if column.owner]
    described = [f"code_description.{name}" for name in ("description", "copyright_holder")]
    is_owned = pl.concat_str("changed_table", pl.lit("."), "column_name").is_in([*owned, *described])
    hidden = (
        pl.when(is_owned & pl.col(name).is_not_null()).then(pl.lit(WITHHELD)).otherwise(name).alias(name) for name in _CELLS
    )
    return changes.with_columns(*hidden)


_CELLS = ("old_value", "new_value")


def _openly_licensed(rows: pl.DataFrame, name: str, open_licences: Collection[str]) -> tuple[pl.DataFrame, list[LeftOut]]:
    """Rows under an open licence where the table states one per row; the licences of sources are facts about them."""
    if name != "code_description":
        return rows, []
    is_open = pl.col("licence").is_in(list(open_licences))
    counts = rows.filter(~is_open).group_by("licence").len().sort("licence")
    return rows.filter(is_open), [LeftOut(name, f"licence {licence}", count) for licence, count in counts.iter_rows()]


def _without_owned_words(rows: pl.DataFrame, model: type[Table]) -> tuple[pl.DataFrame, list[LeftOut]]:
    owned = [column for column in model.columns() if column.owner]
    emptied = rows.with_columns(pl.lit(None, dtype=pl.String).alias(column.name) for column in owned)
    left_out = [
        LeftOut(model.table_name(), f"column {column.name}, owned by {column.owner}", count)
        for column in owned
        if (count := rows.height - rows[column.name].null_count())
    ]
    return emptied, left_out


def _withheld_claims(claims: pl.DataFrame, is_closed_file: pl.Expr) -> pl.DataFrame:
    """Claims in prose reduced to what they were understood to mean."""
    is_prose = pl.col("kind").is_in(["service_type", "site_of_service"])
    meaning = pl.col("resolved").fill_null(WITHHELD)
    return claims.with_columns(claim=pl.when(is_prose & is_closed_file).then(meaning).otherwise("claim")).unique(
        ["code_system", "code", "kind", "claim", "source_file"], keep="first", maintain_order=True
    )
