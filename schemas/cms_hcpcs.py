"""HCPCS Level II: what CMS's alpha-numeric file says about each code (CMS record layout HCPCS16C)."""

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from schemas.base import KNOWN_FROM, Table, TableFacts, column
from schemas.vocabulary import CODE_PATTERN, CODE_SYSTEMS

COVERAGE_CODES = ("C", "D", "I", "M", "S")
"""COV: carrier's judgment, special instructions, not payable, not covered, not covered by statute."""
ACTION_CODES = tuple("ABCDFNPRST")
"""ACTION CD: added, two changes, long text, discontinued, administrative, none, payment, reactivated, short text, other."""
_PRICE = "PRICE{}: how Part B prices the code, `00` where it does not price it separately."
_TYPE = "TOS{}: Medicare's type of service."
_CROSS_REFERENCE = "XREF{}: code or beginning of codes to use in place of a deleted or invalid one."


def _price(number: int) -> str:
    return column(_PRICE.format(number), nullable=True, pattern=r"^[0-9]{2}$")  # type: ignore[no-any-return]


def _type_of_service(number: int) -> str:
    return column(_TYPE.format(number), nullable=True, pattern=r"^[0-9A-Z]$")  # type: ignore[no-any-return]


def _cross_reference(number: int) -> str:
    return column(_CROSS_REFERENCE.format(number), nullable=True, pattern=r"^[0-9A-Z]{2,5}$")  # type: ignore[no-any-return]


class HcpcsCode(Table):
    """Pricing, coverage, types of service and dates of every Level II code, as the alpha-numeric file states them.

    A code that the file lists as terminated has a row, too; its own dates are in `code_listing`.
    """

    code_system: str = column("HCPCS, or CPT where the file lists a Level I code.", values=CODE_SYSTEMS)
    code: str = column("The code.", pattern=CODE_PATTERN, references="code.code")
    valid_from: pl.Date = column("First day of the first release that says so.")
    valid_to: pl.Date = column("Day before the first release that says something else; empty is still said.", nullable=True)
    known_from: pl.Date = column(KNOWN_FROM, nullable=True)
    added_date: pl.Date = column("ADD DT: day on which the code was added.", nullable=True)
    action_effective_date: pl.Date = column(
        "ACT EFF DT: day on which the last action took effect; ADD DT where it is blank and there was no action.", nullable=True
    )
    termination_date: pl.Date = column(
        "TERM DT: last day of the code; it may lie a day before ACT EFF DT, the day the termination took effect.", nullable=True
    )
    action_code: str = column("ACTION CD: what this release did to the code.", nullable=True, values=ACTION_CODES)
    coverage_code: str = column(
        "COV: C carrier's judgment, D special instructions, I not payable by Medicare, M not covered, S not covered by statute.",
        nullable=True,
        values=COVERAGE_CODES,
    )
    price_1_code: str = _price(1)
    price_2_code: str = _price(2)
    price_3_code: str = _price(3)
    price_4_code: str = _price(4)
    multiple_pricing_code: str = column(
        "MULT_PI: whether several methods price the code, `9` not priced, `A` one method.",
        nullable=True,
        values=("9", *"ABCDEFG"),
    )
    betos_code: str = column("BETOS: Berenson-Eggers type of service.", nullable=True, pattern=r"^[A-Z][0-9][A-Z]?$")
    type_of_service_1_code: str = _type_of_service(1)
    type_of_service_2_code: str = _type_of_service(2)
    type_of_service_3_code: str = _type_of_service(3)
    type_of_service_4_code: str = _type_of_service(4)
    type_of_service_5_code: str = _type_of_service(5)
    anesthesia_base_unit_count: pl.Int64 = column(
        "ANEST_BU: 0 on every Level II code, because anesthesia is billed with Level I codes.",
        nullable=True,
        unit="units",
        at_least=0,
    )
    asc_group_code: str = column(
        "ASC_GRP: `YY` where ambulatory surgical centers may be paid for the code.", nullable=True, pattern=r"^[0-9A-Z]{2}$"
    )
    asc_date: pl.Date = column("ASC_DT: day on which the code came into its ASC group.", nullable=True)
    outpatient_group_code: str = column("OPPS: Medicare outpatient group.", nullable=True, pattern=r"^[0-9]{3}$")
    outpatient_policy_code: str = column("OPPS_PI: payment policy of the outpatient group.", nullable=True, pattern=r"^[0-9A-Z]$")
    outpatient_group_date: pl.Date = column("OPPS_DT: day on which the code came into its outpatient group.", nullable=True)
    statute: str = column("STATUTE: law on coverage, as the file spells it.", nullable=True, free_text=True)
    processing_note_code: str = column("PROCNOTE: number of a processing note.", nullable=True, pattern=r"^[0-9]{4}$")
    coverage_issues_sections: str = column(
        "CIM1 to CIM3: sections of the Coverage Issues Manual, separated by semicolons.", nullable=True, free_text=True
    )
    carriers_manual_sections: str = column(
        "MCM1 to MCM3: sections of the Medicare Carriers Manual, separated by semicolons.", nullable=True, free_text=True
    )
    laboratory_certifications: str = column(
        "LABCERT1 to LABCERT8: specialties in which a laboratory must be certified, separated by semicolons.",
        nullable=True,
        pattern=r"^[0-9]{3}(;[0-9]{3})*$",
    )
    cross_reference_1: str = _cross_reference(1)
    cross_reference_2: str = _cross_reference(2)
    cross_reference_3: str = _cross_reference(3)
    cross_reference_4: str = _cross_reference(4)
    cross_reference_5: str = _cross_reference(5)
    release_id: str = column("Release that first said so.")
    source_file: str = column("Path of the raw file below raw/.", references="raw_file.source_file")
    source_row: pl.Int64 = column("Line of the file.", at_least=1)

    class Config:
        """Facts about the table."""

        name = "hcpcs_code"
        unique = ["code_system", "code", "valid_from"]
        metadata = {
            "facts": TableFacts(
                "Medicare facts", "code and validity", ("code_system", "code", "valid_from"), "US-GOV", (0, 1_000_000)
            )
        }

    @pa.dataframe_check(name="first_day_stated", description="ADD DT or ACT EFF DT must be stated: one is the code's first day.")
    def _first_day(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("added_date").is_not_null() | pl.col("action_effective_date").is_not_null())

    @pa.dataframe_check(name="ends_after_start", description="TERM DT must not be before the code's first day.")
    def _dates(cls, data: PolarsData) -> pl.LazyFrame:
        ends, starts = pl.col("termination_date"), pl.coalesce("added_date", "action_effective_date")
        return data.lazyframe.select(ends.is_null() | starts.is_null() | (ends >= starts))
