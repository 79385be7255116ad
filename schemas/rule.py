"""Rules of payers about modifiers, each dated and cited."""

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from schemas.base import Cited, TableFacts, column
from schemas.vocabulary import (
    DISPOSITIONS,
    EFFECT_KINDS,
    LINES_OF_BUSINESS,
    MARKETS,
    PAYERS,
    TARGET_LINES,
    TIERS,
)

PHASES = ("preoperative_percent", "intraoperative_percent", "postoperative_percent")
"""Columns of `pfs_indicator` from which an effect's percentage may be taken."""
EFFECT_SOURCES = ("intraoperative", "postoperative", "preoperative", "preoperative+intraoperative")


class ModifierRule(Cited):
    """One statement of a payer about a modifier: which codes, which dates, what follows, who says so."""

    rule_id: str = column("Identifier of the rule.", pattern=r"^[a-z0-9_]+(\.[a-zA-Z0-9_]+)+$")
    payer_id: str = column("Payer whose rule it is.", values=PAYERS, references="payer.payer_id")
    organization_id: str = column("Organization; `any` for the whole payer.", references="payer_organization.organization_id")
    line_of_business: str = column("Line of business; `any` for all.", values=LINES_OF_BUSINESS)
    market: str = column("USPS code of the market; `any` for all.", values=MARKETS)
    modifier: str = column(
        "The modifier; `any` for every governed one.", references="modifier.modifier", pattern=r"^(any|[0-9A-Z]{2})$"
    )
    predicate: str = column("Which rows of the fee schedule it covers; docs/predicates.md gives the language.")
    precedence: pl.Int64 = column("Rank among rules of one scope; a general exclusion outranks.", at_least=0, at_most=9)
    rank: pl.Int64 = column(
        "Scope, precedence and quality of the source in one number: the highest in force answers. Below 0 for what hospitals "
        "publish, which no rule of the payer's is.",
        at_least=-100_000,
    )
    disposition: str = column("What follows for a line that carries the modifier.", values=DISPOSITIONS)
    effect_kind: str = column("How payment changes.", values=EFFECT_KINDS)
    effect_percent: pl.Decimal(7, 2) = column("Share of the allowed amount paid.", unit="percent", nullable=True, at_least=0)
    effect_percent_from: str = column(
        "Phases of the code's global package that make the percentage.", nullable=True, values=EFFECT_SOURCES
    )
    effect_units: pl.Decimal(7, 2) = column("Anesthesia units added.", unit="anesthesia units", nullable=True, at_least=0)
    effect_formula: str = column("Formula where neither a percentage nor units say it.", nullable=True, free_text=True)
    target_line: str = column("Line whose payment changes.", values=TARGET_LINES)
    effective_from: pl.Date = column("First service date.")
    effective_from_basis: str = column(
        "`stated` by the source, or `attested`: in force on that day, start not published.", values=("attested", "stated")
    )
    effective_to: pl.Date = column("Last service date; empty is in force.", nullable=True)
    state: str = column("Only `effective` rules answer.", values=("announced", "effective", "withdrawn"))
    tier: str = column("How good the source is.", values=TIERS)
    reason: str = column("The rule in one sentence.", free_text=True)
    source_row: pl.Int64 = column("Line of the file, or place in the modifier section of a hospital's file.", at_least=1)

    class Config:
        """Facts about the table."""

        name = "modifier_rule"
        unique = ["rule_id"]
        metadata = {"facts": TableFacts("rules", "rule", ("rule_id",), "CC0-1.0", (100, 100_000))}

    @pa.dataframe_check(name="ends_after_start", description="effective_to must not be before effective_from.")
    def _dates(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("effective_to").is_null() | (pl.col("effective_to") >= pl.col("effective_from")))

    @pa.dataframe_check(name="phases_exist", description="A percentage from phases needs has_phases=true in the predicate.")
    def _phases(cls, data: PolarsData) -> pl.LazyFrame:
        has_phases = pl.col("predicate").str.contains("has_phases=true", literal=True)
        return data.lazyframe.select(pl.col("effect_percent_from").is_null() | has_phases)

    @pa.dataframe_check(
        name="effect_is_stated", description="The effect kind must come with its percentage, units or formula and with no other."
    )
    def _effect(cls, data: PolarsData) -> pl.LazyFrame:
        kind = pl.col("effect_kind")
        percent = pl.col("effect_percent").is_not_null() ^ pl.col("effect_percent_from").is_not_null()
        units, formula = pl.col("effect_units").is_not_null(), pl.col("effect_formula").is_not_null()
        return data.lazyframe.select(
            ((kind == "percent") == percent) & ((kind == "units") == units) & ((kind == "formula") == formula)
        )
