"""Results of price files put together: paths filled in, names resolved, one review of every name."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from schemas import NameReview, table
from schemas.base import NOT_STATED
from transforms.gate import ensure
from transforms.payer_names import resolved
from transforms.sources import Tables

_PLACES = ("source_file", "value", "reason")
"""Columns that may name the file."""
_OUTCOME = ("payer_id", "organization_id", "line_of_business")


def placed(frame: pl.DataFrame, stand_in: str, source_file: str, *, published: date | None = None) -> pl.DataFrame:
    """Rows of a result under the path of their file; a day of publication that is stated beside the file goes before its own."""
    named = [pl.col(name).str.replace(stand_in, source_file, literal=True) for name in _PLACES if name in frame.columns]
    known = [pl.lit(published, pl.Date).alias("known_from")] if published and "known_from" in frame.columns else []
    return frame.with_columns(*named, *known)


def price_table(name: str, rows: pl.DataFrame, review: pl.DataFrame) -> pl.DataFrame:
    """Rows of a table with whom their names mean. Raises BrokenCheckError where they break its declaration."""
    model = table(name)
    meant = review.select(payer_name="name", plan_name="plan_name", _state="state", **{n: n for n in (*_OUTCOME, "market")})
    given = rows.drop(*_OUTCOME, strict=False).with_columns(
        _plan=pl.col("plan_name").fill_null("") if "plan_name" in rows.columns else pl.lit(""), _state=_state(rows)
    )
    found = given.join(
        meant.rename({"plan_name": "_plan", "market": "_market"}),
        on=["payer_name", "_plan", "_state"],
        how="left",
        maintain_order="left",
    )
    if "market" in rows.columns:
        found = found.with_columns(market=pl.coalesce("_market", "market"))
    return ensure(found, model)


def name_review(frames: Sequence[pl.DataFrame], tables: Tables) -> pl.DataFrame:
    """Every name in the frames with whom it means: `name_review`. A frame has `payer_name` and may have plan, market and day.

    A name means whom it meant on the newest day on which a file carries it: an alias that had ended by then does not hold.
    """
    counted = pl.concat([pl.DataFrame(schema=_COUNTED), *(_counted(frame) for frame in frames)])
    summed = counted.group_by("name", "plan_name", "state").agg(
        pl.col("source_file").n_unique().cast(pl.Int64).alias("file_count"), pl.col("row_count").sum(), day=pl.col("day").max()
    )
    asked = summed.sort("name", "plan_name", "state").with_columns(
        plan=pl.col("plan_name").replace("", None), asked_state=pl.col("state"), state=pl.col("state").replace(NOT_STATED, None)
    )
    found = resolved(asked, aliases=tables["payer_alias"], organizations=tables["payer_organization"], words=tables["name_word"])
    return ensure(found.with_columns(state="asked_state", last_seen="day"), NameReview)


_COUNTED = {
    "name": pl.String, "plan_name": pl.String, "state": pl.String, "source_file": pl.String, "row_count": pl.Int64,
    "day": pl.Date,
}  # fmt: skip


def _counted(frame: pl.DataFrame) -> pl.DataFrame:
    """Names of a frame with its files, the number of rows and the newest day on which a file says it was updated."""
    day = pl.col("known_from") if "known_from" in frame.columns else pl.lit(None, pl.Date)
    plan = pl.col("plan_name").fill_null("") if "plan_name" in frame.columns else pl.lit("")
    return (
        frame.group_by(name="payer_name", plan_name=plan, state=_state(frame), source_file="source_file")
        .agg(row_count=pl.len().cast(pl.Int64), day=day.max())
        .select(list(_COUNTED))
    )


def _state(frame: pl.DataFrame) -> pl.Expr:
    """State in which a name was seen."""
    column = next((name for name in ("hospital_market", "market") if name in frame.columns), None)
    return pl.col(column) if column else pl.lit(NOT_STATED)
