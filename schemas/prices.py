"""What payers' and hospitals' machine-readable price files show: evidence beside the rules, never a rule by itself.

Transparency in Coverage files (45 CFR 147.212) and hospital standard charges (45 CFR 180.50).
"""

import polars as pl

from schemas.base import KNOWN_FROM, Table, TableFacts, column
from schemas.vocabulary import MARKETS, PAYERS

MODIFIER_SET_PATTERN = r"^[0-9A-Z]{2}(\|[0-9A-Z]{2})*$"
FILE_KINDS = ("hpt", "tic")
CODE_SYSTEMS_SEEN = ("CPT", "HCPCS", "RC", "NDC", "MS-DRG", "APR-DRG", "APC", "ICD", "CDT", "LOCAL", "OTHER")
"""Systems that a reported code is recognised as; never inferred from the shape of a code alone."""
VERDICTS = ("clear", "contradicts_note", "boilerplate", "placeholder", "unreadable")
RATE_KINDS = ("dollars", "percent", "none")


class ModifierObservation(Table):
    """Prices that a published file shows for a code and a set of modifiers, summed up over providers and plans."""

    payer_id: str = column("The payer; empty where the name did not resolve.", nullable=True, values=PAYERS)
    organization_id: str = column("The organization, where the name means one.", nullable=True)
    file_kind: str = column("Transparency in Coverage or hospital price transparency.", values=FILE_KINDS)
    reporting_entity: str = column("Payer or plan as the file spells it.", free_text=True)
    publisher: str = column("Who published the file: the insurer, or the hospital.", free_text=True)
    line_of_business: str = column("Line of business the plan's name states; `any` where it states none.")
    market: str = column("Market of the plan or state of the hospital; `any` where not stated.", values=MARKETS)
    plan_market: str = column(
        "Market in which the plan is sold as a payer's file states it, lower case: individual, group; empty where not stated.",
        nullable=True,
        free_text=True,
    )
    reported_code_system: str = column("Code system as the file says it.", free_text=True)
    code_system: str = column("What it was recognised as.", values=CODE_SYSTEMS_SEEN)
    code: str = column("The code as reported.", free_text=True)
    modifiers: str = column(
        "Modifiers in canonical order, joined by `|`; empty for none.", pattern=r"^([0-9A-Z]{2}(\|[0-9A-Z]{2})*)?$"
    )
    published_modifiers: str = column(
        "The modifiers as the file writes them, one spelling of the set.", nullable=True, free_text=True
    )
    negotiated_type: str = column("How the rate is agreed, lower case.", free_text=True)
    rate_kind: str = column("What the rates are; `none` for a percentage of 0, which is no rate.", values=RATE_KINDS)
    billing_class: str = column("professional, institutional or both as published; empty where not stated.", nullable=True)
    setting: str = column("inpatient, outpatient or both as published; empty where not stated.", nullable=True)
    price_count: pl.Int64 = column("Prices.", unit="prices", at_least=1)
    distinct_rate_count: pl.Int64 = column("Different rates among them.", unit="rates", at_least=0)
    min_rate: pl.Decimal(18, 4) = column("Lowest rate.", unit="as rate_kind", nullable=True)
    median_rate: pl.Decimal(18, 4) = column(
        "Exact median; of an even count the mean of the middle two.", unit="as rate_kind", nullable=True
    )
    max_rate: pl.Decimal(18, 4) = column("Highest rate.", unit="as rate_kind", nullable=True)
    first_expiration: pl.Date = column("Earliest expiration.", nullable=True)
    last_expiration: pl.Date = column("Latest expiration; 9999-12-31 is none.", nullable=True)
    known_from: pl.Date = column(KNOWN_FROM, nullable=True)
    source_file: str = column("Path of the raw file below raw/.", references="raw_file.source_file")
    source_row: pl.Int64 = column("Place of the row in the unit's result, counted from 1.", at_least=1)

    class Config:
        """Facts about the table."""

        name = "modifier_observation"
        metadata = {
            "facts": TableFacts(
                "evidence",
                "file, code, modifier set, entity, type and setting",
                ("source_file", "source_row"),
                "CC0-1.0",
                (0, 100_000_000),
            )
        }


class PublishedModifierEffect(Table):
    """How a hospital's file says that a payer pays a modifier: rows with a modifier and no item."""

    hospital: str = column("Hospital that published the file.", free_text=True)
    hospital_market: str = column("USPS code of the hospital's state.", values=MARKETS)
    payer_name: str = column("Payer as the file spells it.", free_text=True)
    plan_name: str = column("Plan as the file spells it.", nullable=True, free_text=True)
    payer_id: str = column("The payer; empty where the name did not resolve.", nullable=True, values=PAYERS)
    organization_id: str = column("The organization, where the name means one.", nullable=True)
    line_of_business: str = column("Line of business the plan's name states; `any` where it states none.")
    modifier: str = column(
        "The modifier; several in order, joined by `|`, where the row is about them together.", pattern=MODIFIER_SET_PATTERN
    )
    published_modifier: str = column("The modifier cell as the file writes it.", free_text=True)
    billing_class: str = column("professional, facility or both as published; empty where not stated.", nullable=True)
    setting: str = column("inpatient, outpatient or both as published; empty where not stated.", nullable=True)
    published_percent: pl.Decimal(9, 4) = column("Percentage as published.", unit="percent", nullable=True)
    published_dollars: pl.Decimal(18, 4) = column("Dollar amount as published.", unit="USD", nullable=True)
    effect_percent: pl.Decimal(9, 4) = column("Share of the rate that is paid, as understood.", unit="percent", nullable=True)
    note: str = column("What was recognised in the file's note, in words of ours.", nullable=True)
    verdict: str = column("Whether the row can be taken at its word.", values=VERDICTS)
    reason: str = column("Why, in one sentence.", free_text=True)
    known_from: pl.Date = column("Day on which the file says it was last updated.", nullable=True)
    source_file: str = column("Path of the raw file below raw/.", references="raw_file.source_file")
    source_row: pl.Int64 = column("Line of the file, or place in its modifier section.", at_least=1)
    source_column: pl.Int64 = column("First column of the payer, or place in the modifier's list of payers.", at_least=1)

    class Config:
        """Facts about the table."""

        name = "published_modifier_effect"
        unique = ["source_file", "source_row", "source_column"]
        metadata = {
            "facts": TableFacts(
                "evidence",
                "file, modifier row and payer in it",
                ("source_file", "source_row", "source_column"),
                "CC0-1.0",
                (0, 10_000_000),
            )
        }


class NameReview(Table):
    """Names of payers and plans in price files, and what they resolve to or why they do not."""

    name: str = column("Name of the payer as published.", free_text=True)
    plan_name: str = column("Name of the plan as published; empty where the file names none.", free_text=True)
    state: str = column("State of the hospital; `any` where not stated.", values=MARKETS)
    file_count: pl.Int64 = column("Files that carry it.", unit="files", at_least=1)
    row_count: pl.Int64 = column("Observations, published effects and listed files under it.", unit="rows", at_least=1)
    last_seen: pl.Date = column("Newest day of a file that carries it, on which it was resolved; empty is now.", nullable=True)
    payer_id: str = column("The payer; empty where unresolved.", nullable=True, values=PAYERS)
    organization_id: str = column("The organization; empty where none is meant.", nullable=True)
    line_of_business: str = column("Line of business stated by the name.")
    market: str = column("Market stated by the name, else the state it was seen in.", values=MARKETS)
    alias: str = column("The alias used.", nullable=True, free_text=True)
    evidence: str = column("Who says that the alias means this payer.", nullable=True, free_text=True)
    status: str = column(
        "Whether it resolved, and if not, why.", values=("ambiguous", "licensee_open", "other_payer", "resolved", "unknown")
    )
    reason: str = column("How it resolved, or why not.", free_text=True)

    class Config:
        """Facts about the table."""

        name = "name_review"
        unique = ["name", "plan_name", "state"]
        metadata = {
            "facts": TableFacts(
                "evidence", "payer name, plan name and state", ("name", "plan_name", "state"), "CC0-1.0", (0, 1_000_000)
            )
        }


class PriceFileWorklist(Table):
    """In-network files that payers' tables of contents name: what `payref fetch --worklist` takes."""

    url: str = column("Address as published, often signed and valid for some days.", free_text=True)
    reporting_entity: str = column("Who publishes the table of contents.", free_text=True)
    payer_id: str = column("The payer; empty where the name did not resolve.", nullable=True, values=PAYERS)
    plan_count: pl.Int64 = column("Plans that the file holds prices for.", unit="plans", at_least=0)
    description: str = column("What the table of contents says of the file.", nullable=True, free_text=True)
    source_file: str = column("Path of the table of contents below raw/.", references="raw_file.source_file")
    source_row: pl.Int64 = column("Place among the different addresses of the file, counted from 1.", at_least=1)

    class Config:
        """Facts about the table."""

        name = "price_file_worklist"
        unique = ["source_file", "source_row"]
        metadata = {
            "facts": TableFacts(
                "evidence", "table of contents and address", ("source_file", "source_row"), "CC0-1.0", (0, 10_000_000)
            )
        }
