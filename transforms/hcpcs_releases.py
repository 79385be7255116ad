"""Dates of codes and modifiers over several releases of the alpha-numeric file."""

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from schemas import ModifierListing
from schemas.base import Table
from transforms.curated import comparison_form
from transforms.gate import ensure
from transforms.history import ReleaseTables

_OPEN = date(9999, 12, 31)
_DAY = timedelta(days=1)
_KEY = ("modifier", "valid_from")


def with_meanings(parts: Sequence[ReleaseTables]) -> list[ReleaseTables]:
    """Releases in whose `modifier_listing` a modifier starts anew where it got other words with a later ACT EFF DT.

    CMS reuses modifiers without a new ADD DT: CS meant an oil spill from 2011 on and cost sharing in the pandemic from
    1 March 2020 on, and the file of October 2020 still says that it was added in 2011.
    """
    name = ModifierListing.table_name()
    placed = _placed(parts, name)
    acted, words = pl.col("action_effective_date"), comparison_form(pl.col("modifier_name"))
    is_other = (words != words.shift(1)) & (acted > acted.shift(1)) & (acted > pl.col("valid_from"))
    marked = placed.sort(*_KEY, "place").with_columns(is_anew=is_other.over(_KEY))
    starts = marked.with_columns(anew=pl.when("is_anew").then(acted)).with_columns(pl.col("anew").forward_fill().over(_KEY))
    is_in_force = pl.col("anew") <= pl.col("valid_to").fill_null(_OPEN)
    is_single = pl.len().over("modifier", "place") == 1
    dated = starts.with_columns(valid_from=pl.when(is_in_force & is_single).then("anew").otherwise("valid_from")).sort(
        "source_row"
    )
    rows = {
        part.period.release_id: ensure(dated.filter(pl.col("release_id") == part.period.release_id), ModifierListing)
        for part in parts
    }
    return [
        part._replace(built=part.built._replace(tables={**part.built.tables, name: rows[part.period.release_id]}))
        for part in parts
    ]


def without_restated(finished: pl.DataFrame, parts: Sequence[ReleaseTables], model: type[Table]) -> pl.DataFrame:
    """Rows over time of which no two about the same code or modifier hold on one day.

    The newest release that lists a code decides. A first day that only older releases state is left out where the newest says
    the code held then, too; a row that would last into the next one ends on the day before it.
    """
    key = list(model.facts().key)
    about = [name for name in key if name != "valid_from"]
    placed = _placed(parts, model.table_name())
    newest = placed.filter(pl.col("place") == pl.col("place").max().over(about))
    said = newest.select(*about, starts="valid_from", ends=pl.col("valid_to").fill_null(_OPEN))
    older = finished.join(newest, on=key, how="anti")
    covered = older.join(said, on=about).filter(pl.col("valid_from").is_between("starts", "ends"))
    kept = finished.join(covered, on=key, how="anti").join(newest.select(*key, is_newest=True), on=key, how="left").sort(key)
    day_before = pl.col("valid_from").shift(-1).over(about) - _DAY
    overlaps = pl.col("is_newest").is_null() & (day_before < pl.col("valid_to").fill_null(_OPEN))
    ended = kept.with_columns(valid_to=pl.when(overlaps).then(day_before).otherwise("valid_to"))
    return ended.select(model.column_names())


def _placed(parts: Sequence[ReleaseTables], name: str) -> pl.DataFrame:
    """Rows of a table in all releases with the release's place in time."""
    in_order = sorted(parts, key=lambda part: (part.period.valid_from, part.period.release_id))
    return pl.concat([part.built.tables[name].with_columns(place=pl.lit(place)) for place, part in enumerate(in_order)])
