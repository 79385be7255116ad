"""The list of codes: code system, section and owner of the descriptor."""

from datetime import date

import polars as pl

from schemas import Code, CodeDescription
from transforms.gate import ensure
from transforms.sources import Period

_OPEN = date(9999, 12, 31)


def code_system() -> pl.Expr:
    """Code system of the column `code` in a HCPCS file: a leading letter is Level II, everything else Level I, which is CPT.

    Holds for files that list HCPCS codes only; nothing is inferred for lists that mix code systems.
    """
    return pl.when(pl.col("code").str.contains("^[A-Z]")).then(pl.lit("HCPCS")).otherwise(pl.lit("CPT"))


def copyright_holder() -> pl.Expr:
    """Owner of the descriptor of the column `code`: D codes are the ADA's, other Level II codes CMS's, Level I the AMA's."""
    return (
        pl.when(pl.col("code").str.starts_with("D"))
        .then(pl.lit("ADA"))
        .when(pl.col("code_system") == "HCPCS")
        .then(pl.lit("CMS"))
        .otherwise(pl.lit("AMA"))
    )


def with_section(codes: pl.DataFrame, sections: pl.DataFrame) -> pl.DataFrame:
    """Rows with their `section`; a code outside every range has none (null)."""
    keyed = codes.select("code").unique().with_columns(digits=_digits(), suffix=_suffix())
    matched = (
        keyed.join(sections.select("section", "code_from", "code_to", "suffix"), on="suffix", how="inner", nulls_equal=True)
        .filter(pl.col("digits").is_between(pl.col("code_from"), pl.col("code_to")))
        .filter(pl.col("digits").str.len_bytes() == pl.col("code_from").str.len_bytes())
        .unique("code", keep="first", maintain_order=True)
    )
    return codes.join(matched.select("code", "section"), on="code", how="left", maintain_order="left")


def code_list(listings: pl.DataFrame, sections: pl.DataFrame) -> pl.DataFrame:
    """`code` rows: spans of days on which at least one source lists the code. `listings` are `code_listing` rows.

    Spans that overlap or touch are one; a code that was retired and came back has a row for each.
    """
    last = pl.col("valid_to").fill_null(_OPEN)
    ordered = listings.sort("code_system", "code", "valid_from", last).with_columns(last=last)
    reached = pl.col("last").cum_max().shift(1).over("code_system", "code")
    begins = reached.is_null() | (pl.col("valid_from") > reached + pl.duration(days=1))
    spans = (
        ordered.with_columns(span=begins.cum_sum())
        .group_by("span", maintain_order=True)
        .agg(
            pl.col("code_system", "code", "valid_from").first(),
            pl.col("last").max().alias("valid_to"),
            pl.col("known_from", "source_file").first(),
        )
        .with_columns(valid_to=pl.when(pl.col("valid_to") != _OPEN).then("valid_to"))
    )
    placed = with_section(spans, sections).with_columns(copyright_holder=copyright_holder())
    return ensure(placed.sort("code_system", "code", "valid_from"), Code)


def descriptions(descriptors: pl.DataFrame, *, kind: str, source: str, period: Period) -> pl.DataFrame:
    """`code_description` rows of one release with the licence that goes with the owner of each descriptor.

    `descriptors` are code_system, code, description and source_file.
    """
    described = descriptors.with_columns(
        kind=pl.lit(kind),
        source=pl.lit(source),
        copyright_holder=copyright_holder(),
        licence=copyright_holder().replace("CMS", "US-GOV"),
        valid_from=pl.lit(period.valid_from),
        valid_to=pl.lit(None, dtype=pl.Date),
        known_from=pl.lit(period.published, dtype=pl.Date),
        release_id=pl.lit(period.release_id),
    )
    return described.select(CodeDescription.column_names())


def _digits() -> pl.Expr:
    return pl.when(pl.col("code").str.contains("^[0-9]{4}[A-Z]$")).then(pl.col("code").str.slice(0, 4)).otherwise(pl.col("code"))


def _suffix() -> pl.Expr:
    return pl.when(pl.col("code").str.contains("^[0-9]{4}[A-Z]$")).then(pl.col("code").str.slice(4, 1))
