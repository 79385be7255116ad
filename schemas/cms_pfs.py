"""Medicare Physician Fee Schedule: the relative value file and its companions (CMS record layout RVU25D)."""

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from schemas.base import KNOWN_FROM, Table, TableFacts, column
from schemas.vocabulary import CODE_PATTERN, CODE_SYSTEMS, COMPONENTS

_ATTACHMENT = "RVU record layout, attachment A"
_WHOLE = 100
_APM_STATUS = "For clinicians with this status in an advanced payment model; `any` before 2026."
APM_STATUSES = ("any", "non_qualifying", "qualifying")
STATUS_CODES = tuple("ABCDEFGHIJMNPRTX")
PAID_BY_RVU = ("A", "R", "T")
"""Status codes whose relative values Medicare pays by (record layout, STATUS CODE)."""


class PfsIndicator(Table):
    """Status, payment policy indicators and relative values per code, component and release of the fee schedule."""

    code_system: str = column("CPT or HCPCS.", values=CODE_SYSTEMS)
    code: str = column("The code.", pattern=CODE_PATTERN, references="code.code")
    component: str = column("Row of the code: MOD blank is `global`.", values=COMPONENTS)
    release_id: str = column("Release of the fee schedule.", pattern=r"^[0-9]{4}-[0-9]{2}[A-Za-z0-9_-]*$")
    valid_from: pl.Date = column("First service date of the release's period.")
    valid_to: pl.Date = column("Last service date of the release's period.")
    known_from: pl.Date = column(KNOWN_FROM, nullable=True)
    status_code: str = column(f"STATUS CODE ({_ATTACHMENT}).", values=STATUS_CODES)
    is_not_used_for_payment: bool = column("The file's '+': relative values are shown but Medicare does not pay by them.")
    work_rvu: pl.Decimal(9, 2) = column("Work.", unit="RVU", at_least=0)
    nonfacility_pe_rvu: pl.Decimal(9, 2) = column("Practice expense outside facilities.", unit="RVU", at_least=0)
    is_rare_in_nonfacility: bool = column("NA indicator: rarely or never performed outside facilities.")
    facility_pe_rvu: pl.Decimal(9, 2) = column("Practice expense in facilities.", unit="RVU", at_least=0)
    is_rare_in_facility: bool = column("NA indicator: rarely or never performed in facilities.")
    malpractice_rvu: pl.Decimal(9, 2) = column("Malpractice.", unit="RVU", at_least=0)
    nonfacility_total_rvu: pl.Decimal(9, 2) = column("Total outside facilities.", unit="RVU", at_least=0)
    facility_total_rvu: pl.Decimal(9, 2) = column("Total in facilities.", unit="RVU", at_least=0)
    pctc_code: str = column("PCTC IND: professional and technical component.", values=tuple("0123456789"))
    global_days_code: str = column("GLOB DAYS, text.", values=("000", "010", "090", "MMM", "XXX", "YYY", "ZZZ"))
    preoperative_percent: pl.Decimal(5, 2) = column(
        "PRE OP share of the global package.", unit="percent", at_least=0, at_most=100
    )
    intraoperative_percent: pl.Decimal(5, 2) = column("INTRA OP share.", unit="percent", at_least=0, at_most=100)
    postoperative_percent: pl.Decimal(5, 2) = column("POST OP share.", unit="percent", at_least=0, at_most=100)
    multiple_procedure_code: str = column("MULT PROC, modifier 51.", values=tuple("012345679"))
    bilateral_code: str = column("BILAT SURG, modifier 50.", values=tuple("01239"))
    assistant_code: str = column("ASST SURG, modifiers 80, 81, 82, AS.", values=tuple("0129"))
    co_surgeon_code: str = column("CO-SURG, modifier 62.", values=tuple("0129"))
    team_surgeon_code: str = column("TEAM SURG, modifier 66.", values=tuple("0129"))
    pricing_code: str = column(
        "PRIC IND; empty before 2026, when the file had no such column.", nullable=True, pattern=r"^[0-9A-Z]$"
    )
    endoscopic_base_code: str = column("ENDO BASE: base of the endoscopy family.", nullable=True, pattern=CODE_PATTERN)
    conversion_factor_usd: pl.Decimal(9, 4) = column(
        "CONV FACTOR as printed on the row; where a release has two files, that of the file for clinicians who do not qualify.",
        unit="USD per RVU",
        at_least=0,
    )
    supervision_code: str = column("PHYSICIAN SUPERVISION OF DIAGNOSTIC PROCEDURES.", pattern=r"^[0-9][0-9A]$")
    calculation_flag: str = column("CALCULATION FLAG.", pattern=r"^[0-9]$")
    imaging_family_code: str = column("DIAGNOSTIC IMAGING FAMILY INDICATOR.", pattern=r"^[0-9]{2}$")
    opps_nonfacility_pe_rvu: pl.Decimal(9, 2) = column("Practice expense used for the OPPS cap outside facilities.", unit="RVU")
    opps_facility_pe_rvu: pl.Decimal(9, 2) = column("Practice expense used for the OPPS cap in facilities.", unit="RVU")
    opps_malpractice_rvu: pl.Decimal(9, 2) = column("Malpractice used for the OPPS cap.", unit="RVU")
    source_file: str = column("Path of the raw file below raw/.", references="raw_file.source_file")
    source_row: pl.Int64 = column("Line of the file.", at_least=1)

    class Config:
        """Facts about the table."""

        name = "pfs_indicator"
        unique = ["code", "component", "release_id"]
        metadata = {
            "facts": TableFacts(
                "Medicare facts",
                "code, component and release",
                ("code_system", "code", "component", "valid_from"),
                "US-GOV",
                (300, 1_000_000),
            )
        }

    @pa.dataframe_check(name="endoscopic_base_with_multiple_3", description="ENDO BASE is filled exactly where MULT PROC is 3.")
    def _endoscopy(cls, data: PolarsData) -> pl.LazyFrame:
        family = pl.col("endoscopic_base_code").is_not_null()
        return data.lazyframe.select((pl.col("multiple_procedure_code") == "3") == family)

    @pa.dataframe_check(name="phases_sum", description="PRE, INTRA and POST shares add up to 0 or 100 percent.")
    def _phases(cls, data: PolarsData) -> pl.LazyFrame:
        phases = ("preoperative_percent", "intraoperative_percent", "postoperative_percent")
        total = pl.sum_horizontal(phases)
        return data.lazyframe.select((total == 0) | (total == _WHOLE))

    @pa.dataframe_check(
        name="unused_rvu_flag", description="The '+' stands exactly where a status outside A, R, T shows relative values."
    )
    def _unused(cls, data: PolarsData) -> pl.LazyFrame:
        shown = (pl.col("nonfacility_total_rvu") > 0) | (pl.col("facility_total_rvu") > 0)
        unpaid = ~pl.col("status_code").is_in(PAID_BY_RVU)
        return data.lazyframe.select(pl.col("is_not_used_for_payment") == (shown & unpaid))


class ConversionFactor(Table):
    """Dollars per relative value unit, by period: the fee schedule's own factor and the national anesthesia factor.

    A factor that no file of a release states has no row.
    """

    factor_kind: str = column("What is multiplied by it.", values=("anesthesia", "physician_fee_schedule"))
    apm_status: str = column(_APM_STATUS, values=APM_STATUSES)
    valid_from: pl.Date = column("First service date.")
    valid_to: pl.Date = column("Last service date.")
    known_from: pl.Date = column(KNOWN_FROM, nullable=True)
    conversion_factor_usd: pl.Decimal(9, 6) = column("The factor.", unit="USD per RVU or per anesthesia unit", at_least=0)
    release_id: str = column("Release that states it.")
    source_file: str = column("Path of the raw file below raw/.", references="raw_file.source_file")

    class Config:
        """Facts about the table."""

        name = "conversion_factor"
        unique = ["factor_kind", "apm_status", "valid_from"]
        metadata = {
            "facts": TableFacts(
                "Medicare facts", "kind of factor and period", ("factor_kind", "apm_status", "valid_from"), "US-GOV", (1, 1_000)
            )
        }


class Gpci(Table):
    """Geographic practice cost indices per Medicare contractor and locality."""

    contractor_code: str = column("Medicare administrative contractor, five digits.", pattern=r"^[0-9]{5}$")
    locality_code: str = column("Locality, two digits.", pattern=r"^[0-9]{2}$")
    valid_from: pl.Date = column("First service date.")
    valid_to: pl.Date = column("Last service date.")
    known_from: pl.Date = column(KNOWN_FROM, nullable=True)
    state: str = column("USPS code.", pattern=r"^[A-Z]{2}$")
    locality_name: str = column("Name without footnote marks.", free_text=True)
    work_gpci: pl.Decimal(7, 4) = column("Index for work, floor included, as payment uses it.", unit="ratio", at_least=0)
    work_gpci_without_floor: pl.Decimal(7, 4) = column(
        "Index for work without the floor of 1.0; empty where the file does not show it.", nullable=True, unit="ratio", at_least=0
    )
    pe_gpci: pl.Decimal(7, 4) = column("Index for practice expense.", unit="ratio", at_least=0)
    malpractice_gpci: pl.Decimal(7, 4) = column("Index for malpractice.", unit="ratio", at_least=0)
    release_id: str = column("Release that states it.")
    source_file: str = column("Path of the raw file below raw/.", references="raw_file.source_file")
    source_row: pl.Int64 = column("Line of the file.", at_least=1)

    class Config:
        """Facts about the table."""

        name = "gpci"
        unique = ["contractor_code", "locality_code", "valid_from"]
        metadata = {
            "facts": TableFacts(
                "Medicare facts",
                "contractor, locality and period",
                ("contractor_code", "locality_code", "valid_from"),
                "US-GOV",
                (0, 5_000),
            )
        }


class AnesthesiaLocality(Table):
    """Anesthesia conversion factors per Medicare contractor, locality and status in an advanced payment model."""

    contractor_code: str = column("Medicare administrative contractor, five digits.", pattern=r"^[0-9]{5}$")
    locality_code: str = column("Locality, two digits.", pattern=r"^[0-9]{2}$")
    apm_status: str = column(_APM_STATUS, values=APM_STATUSES)
    valid_from: pl.Date = column("First service date.")
    valid_to: pl.Date = column("Last service date.")
    known_from: pl.Date = column(KNOWN_FROM, nullable=True)
    locality_name: str = column("Name without footnote marks.", free_text=True)
    conversion_factor_usd: pl.Decimal(9, 4) = column("The locality's factor.", unit="USD per anesthesia unit", at_least=0)
    release_id: str = column("Release that states it.")
    source_file: str = column("Path of the raw file below raw/.", references="raw_file.source_file")
    source_row: pl.Int64 = column("Line of the file.", at_least=1)

    class Config:
        """Facts about the table."""

        name = "anesthesia_locality"
        unique = ["contractor_code", "locality_code", "apm_status", "valid_from"]
        metadata = {
            "facts": TableFacts(
                "Medicare facts",
                "contractor, locality, status and period",
                ("contractor_code", "locality_code", "apm_status", "valid_from"),
                "US-GOV",
                (0, 5_000),
            )
        }


class OppsCap(Table):
    """Payment of imaging services after the cap by outpatient hospital rates, per locality (record layout RVU25D, OPPSCAP).

    Where contractors price the code themselves (status C), the prices are the caps alone.
    """

    code_system: str = column("CPT or HCPCS.", values=CODE_SYSTEMS)
    code: str = column("The code.", pattern=CODE_PATTERN)
    component: str = column("Row of the code: MOD blank is `global`.", values=COMPONENTS)
    contractor_code: str = column("Medicare administrative contractor, five digits.", pattern=r"^[0-9]{5}$")
    locality_code: str = column("Locality, two digits.", pattern=r"^[0-9]{2}$")
    valid_from: pl.Date = column("First service date.")
    valid_to: pl.Date = column("Last service date.")
    known_from: pl.Date = column(KNOWN_FROM, nullable=True)
    status_code: str = column(f"PROCSTAT, the STATUS CODE of the row ({_ATTACHMENT}).", values=STATUS_CODES)
    facility_price_usd: pl.Decimal(9, 2) = column("Price in facilities.", unit="USD", at_least=0)
    nonfacility_price_usd: pl.Decimal(9, 2) = column("Price outside facilities.", unit="USD", at_least=0)
    release_id: str = column("Release that states it.")
    source_file: str = column("Path of the raw file below raw/.", references="raw_file.source_file")
    source_row: pl.Int64 = column("Line of the file.", at_least=1)

    class Config:
        """Facts about the table."""

        name = "opps_cap"
        unique = ["code_system", "code", "component", "contractor_code", "locality_code", "valid_from"]
        metadata = {
            "facts": TableFacts(
                "Medicare facts",
                "code, component, contractor, locality and period",
                ("code_system", "code", "component", "contractor_code", "locality_code", "valid_from"),
                "US-GOV",
                (0, 20_000_000),
            )
        }


class LocalityCounty(Table):
    """Which counties a Medicare locality covers, in the words of the file."""

    contractor_code: str = column("Medicare administrative contractor, five digits.", pattern=r"^[0-9]{5}$")
    locality_code: str = column("Locality, two digits.", pattern=r"^[0-9]{2}$")
    part_number: pl.Int64 = column("Place of the row among the rows of its locality.", at_least=1)
    valid_from: pl.Date = column("First service date.")
    valid_to: pl.Date = column("Last service date.")
    known_from: pl.Date = column(KNOWN_FROM, nullable=True)
    state_name: str = column("State; where the file leaves it blank, that of the rows above.", free_text=True)
    fee_schedule_area: str = column("Name of the locality without footnote marks.", free_text=True)
    counties: str = column("Its counties.", free_text=True)
    is_split_between_contractors: bool = column("The file's `*`: two contractors serve the locality.")
    release_id: str = column("Release that states it.")
    source_file: str = column("Path of the raw file below raw/.", references="raw_file.source_file")
    source_row: pl.Int64 = column("Line of the file.", at_least=1)

    class Config:
        """Facts about the table."""

        name = "locality_county"
        unique = ["contractor_code", "locality_code", "part_number", "valid_from"]
        metadata = {
            "facts": TableFacts(
                "Medicare facts",
                "contractor, locality, row and period",
                ("contractor_code", "locality_code", "part_number", "valid_from"),
                "US-GOV",
                (0, 50_000),
            )
        }
