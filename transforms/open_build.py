"""What an open build may carry: facts of every source, words only under an open licence."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import polars as pl

WITHHELD = "[withheld: the text is not openly licensed]"
_SHOWN_VALUE = r"^([0-9A-Z+.,*-]{0,8}|[0-9]+ (cells|sections))$"
"""A refused value from a file whose text may be licensed is shown where it can only be a code or a number."""


class OpenTables(NamedTuple):
    """Tables fit for an open build, and what was left out: (table, reason, rows)."""

    tables: dict[str, pl.DataFrame]
    findings: pl.DataFrame
    left_out: list[tuple[str, str, int]]


def open_tables(
    tables: Mapping[str, pl.DataFrame], findings: pl.DataFrame, *, open_licences: Collection[str], closed_files: Collection[str]
) -> OpenTables:
    """Without descriptions, claims and refused values whose words are AMA's, ADA's, a third party's or of unknown terms.

    `closed_files` are the raw files without an open licence.
    """
    descriptions = tables["code_description"]
    is_open = pl.col("licence").is_in(list(open_licences))
    is_closed_file = pl.col("source_file").is_in(list(closed_files))
    kept = {
        **tables,
        "code_description": descriptions.filter(is_open),
        "code_claim": _withheld_claims(tables["code_claim"], is_closed_file),
    }
    counts = descriptions.filter(~is_open).group_by("licence").len().sort("licence")
    left_out = [("code_description", f"licence {licence}", rows) for licence, rows in counts.iter_rows()]
    hidden = is_closed_file & ~pl.col("value").str.contains(_SHOWN_VALUE)
    shown = findings.with_columns(value=pl.when(hidden).then(pl.lit(WITHHELD)).otherwise("value"))
    return OpenTables(kept, shown, left_out)


def _withheld_claims(claims: pl.DataFrame, is_closed_file: pl.Expr) -> pl.DataFrame:
    """Claims in prose reduced to what they were understood to mean."""
    is_prose = pl.col("kind").is_in(["service_type", "site_of_service"])
    meaning = pl.col("resolved").fill_null(WITHHELD)
    return claims.with_columns(claim=pl.when(is_prose & is_closed_file).then(meaning).otherwise("claim")).unique(
        ["code_system", "code", "kind", "claim", "source_file"], keep="first", maintain_order=True
    )
