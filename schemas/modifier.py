"""Modifiers, and rules about several of them on one line."""

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from schemas.base import Cited, TableFacts, column
from schemas.vocabulary import LINES_OF_BUSINESS, MARKETS, MODIFIER_PATTERN, PAYERS, TIERS

CATEGORIES = (
    "ambulance",
    "anatomic",
    "anesthesia_care",
    "anesthesia_performer",
    "assistant",
    "component",
    "discontinued",
    "drug",
    "equipment",
    "general",
    "global_period",
    "imaging",
    "laboratory",
    "liability",
    "multiple_surgeon",
    "ncci",
    "other",
    "performance_measure",
    "physical_status",
    "supervision",
    "telehealth",
    "therapy",
)


class Modifier(Cited):
    """Level I (CPT) and Level II (HCPCS) modifiers with names in the project's own words."""

    modifier: str = column("The two characters of the modifier.", pattern=MODIFIER_PATTERN)
    modifier_level: str = column("Code set that defines it.", values=("CPT", "HCPCS"))
    modifier_name: str = column("What it says, in own words.", free_text=True)
    category: str = column("What kind of statement it makes.", values=CATEGORIES)
    is_payment_affecting: bool = column("Medicare's payment can change because of it.")
    is_ncci_associated: bool = column("May bypass a procedure-to-procedure edit whose indicator is 1.")
    valid_from: pl.Date = column("First service date; empty is not known.", nullable=True)
    valid_to: pl.Date = column("Last service date; empty is in force.", nullable=True)

    class Config:
        """Facts about the table."""

        name = "modifier"
        unique = ["modifier"]
        metadata = {"facts": TableFacts("modifiers", "modifier", ("modifier",), "CC0-1.0", (100, 2_000))}


class ModifierGroup(Cited):
    """Sets of modifiers that exclude each other, of which one is required, or that stand in a fixed order on a line."""

    group_id: str = column("Identifier of the set.", pattern=r"^[a-z0-9_.]+$")
    modifier: str = column("A member of the set.", pattern=MODIFIER_PATTERN, references="modifier.modifier")
    group_kind: str = column("What the set says about its members.", values=("exclusive", "position", "required_one_of"))
    position: pl.Int64 = column("Order on the line, lower first, for kind `position`.", nullable=True, at_least=1, at_most=4)
    payer_id: str = column("Payer whose rule it is; `any` for all.", values=("any", *PAYERS), references="payer.payer_id")
    organization_id: str = column("Organization whose rule it is.", references="payer_organization.organization_id")
    line_of_business: str = column("Line of business.", values=LINES_OF_BUSINESS)
    market: str = column("USPS code of the market.", values=MARKETS)
    effective_from: pl.Date = column("First service date; empty is not stated.", nullable=True)
    effective_to: pl.Date = column("Last service date; empty is in force.", nullable=True)
    applies_to: str = column("What the set is counted over.", values=("claim", "line", "surgeon"))
    tier: str = column("How good the source is.", values=TIERS)
    reason: str = column("The rule in one sentence.", free_text=True)

    class Config:
        """Facts about the table."""

        name = "modifier_group"
        unique = ["group_id", "modifier"]
        metadata = {"facts": TableFacts("modifiers", "member of a set", ("group_id", "modifier"), "CC0-1.0", (20, 5_000))}

    @pa.dataframe_check(name="ends_after_start", description="effective_to must not be before effective_from.")
    def _dates(cls, data: PolarsData) -> pl.LazyFrame:
        ends, starts = pl.col("effective_to"), pl.col("effective_from")
        return data.lazyframe.select(ends.is_null() | starts.is_null() | (ends >= starts))
