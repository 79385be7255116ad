"""Medicare's National Correct Coding Initiative (NCCI): pairs of codes, units limits and add-on codes (CMS files and manual)."""

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from schemas.base import KNOWN_FROM, Table, TableFacts, column
from schemas.vocabulary import CODE_PATTERN

PTP_SETTINGS = ("outpatient_hospital", "practitioner")
"""Settings with pairs of codes of their own: the files ccioph and ccipra."""
MUE_SETTINGS = ("dme", "outpatient_hospital", "practitioner")
"""Settings with units limits of their own."""
ADJUDICATIONS = ("day_absolute", "day_appealable", "line")
"""What a units limit is counted over, and whether an appeal can lift it."""
CONTRACTOR_DEFINED = "CCCCC"
"""Stands in the file for a primary code that each contractor chooses itself."""
_IN_FORCE = "False where the edit never was in force, because CMS deleted it with its own effective date"
_SOURCE_FILE = "Path of the raw file below raw/."


class NcciPtp(Table):
    """Procedure-to-procedure edits: of two codes of one day, column one is paid and column two is denied.

    CMS's deletion date is the last day in force: every deleted edit with indicator 0 or 1 of the third quarter of 2024 ends on
    the last day of a quarter. An edit deleted retroactively has its effective date as its deletion date and the indicator 9; it
    never was in force on any day, that one included, and `is_ever_in_force` says so.
    """

    setting: str = column("Whose claims the edit is for.", values=PTP_SETTINGS)
    column_one_code: str = column("The code that is paid.", pattern=CODE_PATTERN)
    column_two_code: str = column("The code that is denied.", pattern=CODE_PATTERN)
    valid_from: pl.Date = column("Effective date of the edit.")
    edit_number: pl.Int64 = column(
        "1; counts on where the file lists further edits of the pair from the same date, in the order of their deletion dates.",
        at_least=1,
    )
    valid_to: pl.Date = column("Deletion date: last day in force; empty where the edit is in force.", nullable=True)
    known_from: pl.Date = column(KNOWN_FROM, nullable=True)
    modifier_indicator: str = column(
        "Whether an NCCI-associated modifier may bypass the edit: 0 no, 1 yes where clinically justified, 9 not applicable.",
        values=("0", "1", "9"),
    )
    is_ever_in_force: bool = column(f"{_IN_FORCE} (indicator 9).")
    is_prior_to_1996: bool = column("The pair was bundled before NCCI began in 1996.")
    rationale: str = column("PTP edit rationale.", free_text=True)
    release_id: str = column("Release that first said so.")
    source_file: str = column(_SOURCE_FILE, references="raw_file.source_file")
    source_row: pl.Int64 = column("Line of the file.", at_least=1)

    class Config:
        """Facts about the table."""

        name = "ncci_ptp"
        unique = ["setting", "column_one_code", "column_two_code", "valid_from", "edit_number"]
        metadata = {
            "facts": TableFacts(
                "Medicare facts",
                "setting, pair of codes and effective date",
                ("setting", "column_one_code", "column_two_code", "valid_from", "edit_number"),
                "US-GOV",
                (0, 20_000_000),
            )
        }

    @pa.dataframe_check(name="ends_after_start", description="The deletion date must not be before the effective date.")
    def _dates(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select((pl.col("valid_to") >= pl.col("valid_from")).fill_null(value=True))

    @pa.dataframe_check(name="two_codes", description="Column one and column two must be different codes.")
    def _codes(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("column_one_code") != pl.col("column_two_code"))


class NcciMue(Table):
    """Medically unlikely edits: the most units of a code that are paid per line or day.

    CMS keeps some limits confidential. A code that is not in this table may have a limit that is not published.
    """

    setting: str = column("Whose claims the limit is for.", values=MUE_SETTINGS)
    code: str = column("The code.", pattern=CODE_PATTERN)
    valid_from: pl.Date = column("First service date of the first release that says so.")
    valid_to: pl.Date = column("Day before the first release that no longer says so.", nullable=True)
    known_from: pl.Date = column(KNOWN_FROM, nullable=True)
    mue_value: pl.Int64 = column("Most units; 0 means that none is paid.", unit="units of service", at_least=0)
    adjudication_indicator: str = column("MUE adjudication indicator (MAI).", values=("1", "2", "3"))
    adjudication: str = column(
        "What the limit is counted over: `line` each claim line (MAI 1), `day_absolute` the date of service without exception "
        "(MAI 2), `day_appealable` the date of service, more on appeal (MAI 3).",
        values=ADJUDICATIONS,
    )
    rationale: str = column("MUE rationale.", free_text=True)
    release_id: str = column("Release that first said so.")
    source_file: str = column(_SOURCE_FILE, references="raw_file.source_file")
    source_row: pl.Int64 = column("Line of the file.", at_least=1)

    class Config:
        """Facts about the table."""

        name = "ncci_mue"
        unique = ["setting", "code", "valid_from"]
        metadata = {
            "facts": TableFacts(
                "Medicare facts", "setting, code and validity", ("setting", "code", "valid_from"), "US-GOV", (0, 5_000_000)
            )
        }


class NcciAddon(Table):
    """Add-on code edits: an add-on code is paid only beside one of its primary codes."""

    addon_code: str = column("The add-on code.", pattern=CODE_PATTERN)
    primary_code: str = column(
        f"A primary code; `{CONTRACTOR_DEFINED}` where each contractor chooses the primary codes.",
        pattern=rf"{CODE_PATTERN}|^{CONTRACTOR_DEFINED}$",
    )
    valid_from: pl.Date = column("Effective date of the edit.")
    valid_to: pl.Date = column("Deletion date of the edit: last day in force; empty where it is in force.", nullable=True)
    known_from: pl.Date = column(KNOWN_FROM, nullable=True)
    primary_kind: str = column("A code, or left to the contractor.", values=("code", "contractor_defined"))
    edit_type: str = column(
        "1 the primary codes are listed, 2 contractors choose them, 3 some are listed and contractors may add more.",
        values=("1", "2", "3"),
    )
    is_ever_in_force: bool = column(f"{_IN_FORCE}.")
    addon_deletion_date: pl.Date = column("Last day of the add-on code.", nullable=True)
    primary_deletion_date: pl.Date = column("Last day of the primary code.", nullable=True)
    special_instruction: str = column("CMS's note, quotation marks included.", nullable=True, free_text=True)
    release_id: str = column("Release that first said so.")
    source_file: str = column(_SOURCE_FILE, references="raw_file.source_file")
    source_row: pl.Int64 = column("Line of the file.", at_least=1)

    class Config:
        """Facts about the table."""

        name = "ncci_addon"
        unique = ["addon_code", "primary_code", "valid_from"]
        metadata = {
            "facts": TableFacts(
                "Medicare facts",
                "add-on code, primary code and effective date",
                ("addon_code", "primary_code", "valid_from"),
                "US-GOV",
                (0, 500_000),
            )
        }

    @pa.dataframe_check(name="ends_after_start", description="The deletion date must not be before the effective date.")
    def _dates(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select((pl.col("valid_to") >= pl.col("valid_from")).fill_null(value=True))

    @pa.dataframe_check(
        name="kind_of_primary", description=f"The kind is contractor_defined exactly where {CONTRACTOR_DEFINED} stands."
    )
    def _kind(cls, data: PolarsData) -> pl.LazyFrame:
        left_open = pl.col("primary_code") == CONTRACTOR_DEFINED
        return data.lazyframe.select(left_open == (pl.col("primary_kind") == "contractor_defined"))
