"""Releases of one source side by side: what held when, since when it is known, and what changed from one to the next.

Two clocks: `valid_from` and `valid_to` are service dates, `known_from` is the day on which the release that first said so was
published. A row that a later release lacks is closed on the day before that release, never deleted.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from enum import Enum
from typing import NamedTuple

import polars as pl

from schemas import Change
from schemas.base import Table
from transforms.errors import StructureError
from transforms.sources import Built, Period, merged

_RELEASE = ("release_id", "known_from", "source_file", "source_row")
"""Columns that say which release a row comes from, not what it says."""
_DATES = ("valid_from", "valid_to")
_DAY = timedelta(days=1)
_PLACE, _RUN = "_place", "_run"


class Kind(Enum):
    """What a row of one release says about time."""

    SNAPSHOT = "holds in the period of its release, and on until a release says otherwise"
    DATED = "carries service dates of its own, so the newest release that lists it decides"
    PER_RELEASE = "stays one row per release"


class ReleaseTables(NamedTuple):
    """What one release of a source gave."""

    period: Period
    built: Built


Combine = Callable[[Sequence[ReleaseTables]], Built]
"""The releases of a source, oldest first, as one set of tables."""


def combined(source: str, kinds: dict[type[Table], Kind]) -> Combine:
    """How the releases of a source become one set of tables with their history, and rows of `change` between them."""

    def combine(parts: Sequence[ReleaseTables]) -> Built:
        built = merged(part.built for part in parts)
        finished = {}
        found = [no_change()]
        for model, kind in kinds.items():
            name = model.table_name()
            releases = ordered([part.period for part in parts if part.built.tables.get(name) is not None])
            if kind is not Kind.PER_RELEASE:
                _check_starts(releases, source=source)
            if name in built.tables:
                finished[name] = history(built.tables[name], model, kind, releases)
                found.append(changes(built.tables[name], model, kind, releases, source=source))
        return built._replace(tables={**built.tables, **finished, "change": pl.concat(found)})

    return combine


def history(rows: pl.DataFrame, model: type[Table], kind: Kind, releases: pl.DataFrame) -> pl.DataFrame:
    """Rows of several releases as rows over time. `releases` come from `ordered`; every row carries its `release_id`."""
    if kind is Kind.PER_RELEASE:
        return rows.select(model.column_names())
    if kind is Kind.SNAPSHOT:
        return _until_next(_runs(rows, model, kind, releases), releases).select(model.column_names())
    if releases.height <= 1:
        return rows.select(model.column_names())
    last = _runs(rows, model, kind, releases).unique(list(model.facts().key), keep="last", maintain_order=True)
    withdrawn = _until_next(last.rename({"valid_to": "_stated"}), releases)
    # A row withdrawn before its first day held on no day; only `change` tells of it.
    held = withdrawn.filter(pl.col("valid_to").is_null() | (pl.col("valid_to") >= pl.col("valid_from")))
    return held.with_columns(valid_to=pl.min_horizontal("_stated", "valid_to")).select(model.column_names())


def changes(rows: pl.DataFrame, model: type[Table], kind: Kind, releases: pl.DataFrame, *, source: str) -> pl.DataFrame:
    """`change` rows between each release and the one before it."""
    if releases.height <= 1:
        return no_change()
    key, marked = _entity(model, kind), _marked(rows, model, kind, releases)
    newest = releases[_PLACE].max()
    came = marked.filter(~pl.col("_continues") & (pl.col(_PLACE) > 0)).select("record_key", _PLACE, change_kind=pl.lit("added"))
    went = marked.filter(~pl.col("_is_continued") & (pl.col(_PLACE) < newest))
    gone = went.select("record_key", pl.col(_PLACE) + 1, change_kind=pl.lit("removed"))
    nothing = pl.lit(None, dtype=pl.String)
    whole = pl.concat([came, gone]).with_columns(column_name=pl.lit("*"), old_value=nothing, new_value=nothing)
    cells = [_changed_cells(marked, name).select(whole.columns) for name in _values(model, kind, key)]
    return (
        pl.concat([whole, *cells])
        .join(releases, on=_PLACE)
        .with_columns(changed_table=pl.lit(model.table_name()), source=pl.lit(source))
        .select(Change.column_names())
        .sort(Change.facts().key)
    )


def ordered(periods: Sequence[Period]) -> pl.DataFrame:
    """Releases with their place in time, the release before and the first day of the next."""
    rows = sorted({(period.valid_from, period.release_id, period.published) for period in periods})
    named = pl.DataFrame(
        [(release, start, published) for start, release, published in rows],
        schema={"to_release": pl.String, "changed_on": pl.Date, "known_from": pl.Date},
        orient="row",
    )
    return named.with_columns(
        pl.int_range(pl.len(), dtype=pl.Int64).alias(_PLACE),
        from_release=pl.col("to_release").shift(1),
        _next_start=pl.col("changed_on").shift(-1),
    )


def no_change() -> pl.DataFrame:
    """The table `change` without rows."""
    return pl.DataFrame(schema=Change.polars_schema()).select(Change.column_names())


def _check_starts(releases: pl.DataFrame, *, source: str) -> None:
    """Stop where two releases start on one day: neither of them is the newer one."""
    twice = releases.filter(pl.col("changed_on") == pl.col("changed_on").shift(1))
    for release, before, day in twice.select("to_release", "from_release", "changed_on").head(1).iter_rows():
        raise StructureError(
            f"{source}/{release}",
            expected="a first service date of its own",
            found=f"that of release {before}, {day}",
            advice="Keep the release that is meant, or state valid_from in the origin.json of both.",
        )


def _entity(model: type[Table], kind: Kind) -> list[str]:
    """Columns that identify what a row is about, over releases."""
    return [name for name in model.facts().key if kind is Kind.DATED or name != "valid_from"]


def _values(model: type[Table], kind: Kind, key: Sequence[str]) -> list[str]:
    """Columns that say something: neither key nor provenance nor, where they are the release's own, dates."""
    silent = {*key, *_RELEASE, *(() if kind is Kind.DATED else _DATES)}
    return [name for name in model.column_names() if name not in silent]


def _marked(rows: pl.DataFrame, model: type[Table], kind: Kind, releases: pl.DataFrame) -> pl.DataFrame:
    """Rows in the order of what they are about and of their release, with whether the releases beside list it too."""
    key = _entity(model, kind)
    places = releases.select(_PLACE, release_id=pl.col("to_release").cast(rows.schema["release_id"]))
    placed = rows.join(places, on="release_id").sort(*key, _PLACE)
    return placed.with_columns(
        record_key=pl.concat_str([pl.col(name).cast(pl.String).fill_null("") for name in key], separator="|"),
        _continues=_beside(key, 1),
        _is_continued=_beside(key, -1),
    )


def _beside(key: Sequence[str], step: int) -> pl.Expr:
    """The neighbouring row is about the same and stands in the neighbouring release."""
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(step)) for name in key)
    return (same & (pl.col(_PLACE) == pl.col(_PLACE).shift(step) + step)).fill_null(value=False)


def _runs(rows: pl.DataFrame, model: type[Table], kind: Kind, releases: pl.DataFrame) -> pl.DataFrame:
    """First row of each run of consecutive releases that say the same; `_last` is the place of the run's last release."""
    marked, key = _marked(rows, model, kind, releases), _entity(model, kind)
    same = pl.all_horizontal(
        pl.lit(value=True), *(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in _values(model, kind, key))
    )
    begins = ~(pl.col("_continues") & same.fill_null(value=False))
    return (
        marked.with_columns(begins.cum_sum().alias(_RUN))
        .with_columns(_last=pl.col(_PLACE).last().over(_RUN))
        .unique(_RUN, keep="first", maintain_order=True)
    )


def _until_next(runs: pl.DataFrame, releases: pl.DataFrame) -> pl.DataFrame:
    """Runs with `valid_to`: the day before the release after their last one, none for the newest."""
    ends = releases.select(_last=_PLACE, valid_to=pl.col("_next_start") - _DAY)
    return runs.drop("valid_to", strict=False).join(ends, on="_last", how="left", maintain_order="left")


def _changed_cells(marked: pl.DataFrame, name: str) -> pl.DataFrame:
    """Cells of one column that differ from the release before, as text."""
    before = pl.col(name).shift(1)
    return (
        marked.filter(pl.col("_continues") | pl.col("_is_continued"))
        .select(
            "record_key",
            _PLACE,
            "_continues",
            change_kind=pl.lit("changed"),
            column_name=pl.lit(name),
            differs=pl.col(name).ne_missing(before),
            old_value=before.cast(pl.String),
            new_value=pl.col(name).cast(pl.String),
        )
        .filter(pl.col("_continues") & pl.col("differs"))
    )
