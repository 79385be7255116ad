"""Modifiers, and rules about several of them on one line."""

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from schemas.base import KNOWN_FROM, Cited, Table, TableFacts, column
from schemas.cms_hcpcs import ACTION_CODES, COVERAGE_CODES
from schemas.vocabulary import BEGINNING, LINES_OF_BUSINESS, MARKETS, MODIFIER_PATTERN, PAYERS, TIERS

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
    """Level I (CPT) and Level II (HCPCS) modifiers: in own words where curated here, otherwise in CMS's, with their dates.

    A modifier that was retired keeps its row. One that came back with another meaning has a row for each. Rows that stand in no
    curated file cite the alpha-numeric file that was read by its `source_file` and `source_row`, and have no `read_date`.
    """

    modifier: str = column("The two characters of the modifier.", pattern=MODIFIER_PATTERN)
    modifier_level: str = column("Code set that defines it.", values=("CPT", "HCPCS"))
    modifier_name: str = column("What it says.", free_text=True)
    category: str = column("What kind of statement it makes; `other` also where nobody sorted it.", values=CATEGORIES)
    is_payment_affecting: bool = column(
        "Medicare's payment can change because of it; empty where nobody looked, which only `other` may be.", nullable=True
    )
    is_ncci_associated: bool = column("May bypass a procedure-to-procedure edit whose indicator is 1.")
    valid_from: pl.Date = column(f"First service date, {BEGINNING} where it is not stated.")
    valid_from_basis: str = column("Whether a source states the first service date.", values=("stated", "not_stated"))
    valid_to: pl.Date = column("Last service date; empty is in force.", nullable=True)
    source_row: pl.Int64 = column("Line of the file.", at_least=1)

    class Config:
        """Facts about the table."""

        name = "modifier"
        unique = ["modifier", "valid_from"]
        metadata = {
            "facts": TableFacts("modifiers", "modifier and validity", ("modifier", "valid_from"), "CC0-1.0", (100, 4_000))
        }

    @pa.dataframe_check(name="ends_after_start", description="valid_to must not be before valid_from.")
    def _dates(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("valid_to").is_null() | (pl.col("valid_to") >= pl.col("valid_from")))

    @pa.dataframe_check(
        name="beginning_where_not_stated", description=f"valid_from must be {BEGINNING} where its basis is `not_stated`."
    )
    def _basis(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select((pl.col("valid_from_basis") != "not_stated") | (pl.col("valid_from") == BEGINNING))

    @pa.dataframe_check(
        name="payment_is_judged", description="is_payment_affecting must be stated, except in the category `other`."
    )
    def _judged(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("is_payment_affecting").is_not_null() | (pl.col("category") == "other"))


class ModifierListing(Table):
    """Modifiers as CMS's alpha-numeric file lists them, in CMS's words; `modifier` takes its dates from here.

    Where CMS rewords a modifier and gives the new words a later ACT EFF DT, each wording has a row.
    """

    modifier: str = column("The two characters of the modifier.", pattern=MODIFIER_PATTERN, references="modifier.modifier")
    valid_from: pl.Date = column("ADD DT, ACT EFF DT where that is blank; the ACT EFF DT of other words, where they came later.")
    valid_to: pl.Date = column(
        "TERM DT, else the day before other words or before the first release that lacks it; empty is in force.", nullable=True
    )
    known_from: pl.Date = column(KNOWN_FROM, nullable=True)
    modifier_name: str = column("Long description.", free_text=True)
    short_name: str = column("Short description.", nullable=True, free_text=True)
    added_date: pl.Date = column("ADD DT: day on which the modifier was added.", nullable=True)
    action_effective_date: pl.Date = column(
        "ACT EFF DT: day on which the last action took effect; ADD DT where it is blank and there was no action.", nullable=True
    )
    action_code: str = column("ACTION CD: what the release did to the modifier.", nullable=True, values=ACTION_CODES)
    coverage_code: str = column("COV: Medicare's coverage.", nullable=True, values=COVERAGE_CODES)
    processing_note_code: str = column("PROCNOTE: number of a processing note.", nullable=True, pattern=r"^[0-9]{4}$")
    coverage_issues_sections: str = column(
        "CIM1 to CIM3: sections of the Coverage Issues Manual, separated by semicolons.", nullable=True, free_text=True
    )
    carriers_manual_sections: str = column(
        "MCM1 to MCM3: sections of the Medicare Carriers Manual, separated by semicolons.", nullable=True, free_text=True
    )
    cross_reference: str = column("XREF1 to XREF5, separated by semicolons.", nullable=True, free_text=True)
    release_id: str = column("Release that first said so.")
    source_file: str = column("Path of the raw file below raw/.", references="raw_file.source_file")
    source_row: pl.Int64 = column("Line of the file.", at_least=1)

    class Config:
        """Facts about the table."""

        name = "modifier_listing"
        unique = ["modifier", "valid_from"]
        metadata = {"facts": TableFacts("modifiers", "modifier and validity", ("modifier", "valid_from"), "US-GOV", (0, 10_000))}

    @pa.dataframe_check(name="ends_after_start", description="TERM DT must not be before the modifier's first day.")
    def _dates(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("valid_to").is_null() | (pl.col("valid_to") >= pl.col("valid_from")))


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
