"""Modifiers, and sets of modifiers that exclude each other, are required, or stand in an order."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import PurePosixPath

import polars as pl

from schemas import Modifier, ModifierGroup
from transforms.curated import curated
from transforms.gate import ensure
from transforms.sources import Built, SourceFile, Tables, merged

_OPEN = date(9999, 12, 31)
_DAY = timedelta(days=1)
_KEY = ("modifier", "valid_from")


def build(files: Sequence[SourceFile], tables: Tables) -> Built:
    """`modifier` and `modifier_group` rows; members, payers and organizations of a group exist."""
    named = {PurePosixPath(file.raw.source_file).stem: [file] for file in files}
    modifiers = curated(named["modifier"], Modifier)
    known = {
        "modifier": modifiers.tables["modifier"]["modifier"],
        "payer_id": tables["payer"]["payer_id"],
        "organization_id": tables["payer_organization"]["organization_id"],
    }
    return merged([modifiers, curated(named["modifier_group"], ModifierGroup, known=known)])


def complete(curated: pl.DataFrame, listed: pl.DataFrame) -> pl.DataFrame:
    """`modifier` rows: the curated ones with the dates of `listed`, and what nobody curated in CMS's own words.

    `curated` are `modifier` rows, `listed` `modifier_listing` rows. A curated row describes one span of days on which the
    modifier is listed without a gap: the one it starts in, otherwise the newest that it overlaps; it takes the dates of the span.
    Words of CMS that were given up before the curated row starts are those of another meaning and get a row of their own. A last
    day that only the curated row states stays, because an older file cannot know it.
    """
    spans = _spans(listed)
    pairs = _pairs(curated, spans)
    alone = curated.join(pairs, on=_KEY, how="anti")
    in_own_words = _with_listed_dates(curated.join(pairs, on=_KEY), spans)
    described = pairs.group_by("span").agg(described_from=pl.col("valid_from").min())
    others = spans.join(described, on="span", how="left").filter(
        pl.col("described_from").is_null() | (pl.col("last") < pl.col("described_from"))
    )
    parts = [part.select(Modifier.column_names()) for part in (alone, in_own_words, _in_words_of_cms(others))]
    return ensure(pl.concat(parts).sort(_KEY), Modifier)


def _spans(listed: pl.DataFrame) -> pl.DataFrame:
    """Listed rows with their `last` day and the `span` of days without a gap that they are part of, `starts` to `ends`."""
    ordered = listed.sort(_KEY).with_columns(last=pl.col("valid_to").fill_null(_OPEN))
    before = pl.col("last").shift(1).over("modifier")
    begins = (pl.col("valid_from") > before + _DAY).fill_null(value=True)
    return ordered.with_columns(span=begins.cum_sum()).with_columns(
        starts=pl.col("valid_from").min().over("span"), ends=pl.col("last").max().over("span")
    )


def _pairs(curated: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """Curated rows, by their key, and the span that each describes; one that overlaps no span has none."""
    last = pl.col("valid_to").fill_null(_OPEN)
    overlapped = (
        curated.select(*_KEY, "valid_to")
        .join(spans.select("modifier", "span", "starts", "ends").unique(), on="modifier")
        .filter((pl.col("valid_from") <= pl.col("ends")) & (last >= pl.col("starts")))
    )
    starts_there = pl.col("valid_from").is_between("starts", "ends")
    return (
        overlapped.sort(*_KEY, starts_there, "starts", descending=[False, False, True, True])
        .unique(_KEY, keep="first", maintain_order=True)
        .select(*_KEY, "span", "ends")
    )


def _with_listed_dates(paired: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """Curated rows with the first day of the words they describe and the last day of their span.

    ADD DT stays when CMS reuses a modifier at once, but ACT EFF DT is the first day of the new meaning: a curated row that starts
    on that day starts there. Of several curated rows in a span each ends where it says so, at the latest before the next.
    """
    words = spans.select("span", "last", listed_from="valid_from", acted="action_effective_date")
    first = (
        paired.select(*_KEY, "span")
        .join(words, on="span")
        .filter(pl.col("last") >= pl.col("valid_from"))
        .sort(*_KEY, "listed_from")
        .unique(_KEY, keep="first", maintain_order=True)
        .select(*_KEY, "listed_from", is_reused=pl.col("acted").eq_missing(pl.col("valid_from")))
    )
    rows = paired.join(first, on=_KEY).sort("span", "valid_from")
    is_first = pl.col("span") != pl.col("span").shift(1).fill_null(0)
    next_start = pl.col("valid_from").shift(-1).over("span")
    listed_end = pl.when(pl.col("ends") != _OPEN).then("ends")
    until_next = pl.min_horizontal("valid_to", next_start - _DAY)
    return rows.with_columns(
        valid_from=pl.when(is_first & ~pl.col("is_reused")).then("listed_from").otherwise("valid_from"),
        valid_from_basis=pl.lit("stated"),
        valid_to=pl.when(next_start.is_null()).then(pl.coalesce(listed_end, "valid_to")).otherwise(until_next),
    )


def _in_words_of_cms(listed: pl.DataFrame) -> pl.DataFrame:
    """Listed rows as `modifier` rows; whether they change a payment is not judged, and NCCI's modifiers are all curated."""
    return listed.with_columns(
        modifier_level=pl.lit("HCPCS"),
        category=pl.lit("other"),
        is_payment_affecting=pl.lit(None, dtype=pl.Boolean),
        is_ncci_associated=pl.lit(value=False),
        valid_from_basis=pl.lit("stated"),
        citation_title=pl.format("Healthcare Common Procedure Coding System, alpha-numeric file, release {}", "release_id"),
        citation_publisher=pl.lit("CMS"),
        citation_where=pl.format("modifier record {}", "modifier"),
        read_date=pl.lit(None, dtype=pl.Date),
    )
