"""Diagnoses: the ICD-10-CM code set as CMS publishes it (order file and codes file of a fiscal year)."""

import polars as pl

from schemas.base import KNOWN_FROM, Table, TableFacts, column
from schemas.vocabulary import DIAGNOSIS_PATTERN


class Diagnosis(Table):
    """ICD-10-CM codes and the categories above them, with the service dates on which they hold."""

    diagnosis_code: str = column("ICD-10-CM code with its dot.", pattern=DIAGNOSIS_PATTERN)
    valid_from: pl.Date = column("First day of the first release that says so.")
    valid_to: pl.Date = column("Day before the release that no longer says so; empty is still listed.", nullable=True)
    known_from: pl.Date = column(KNOWN_FROM, nullable=True)
    is_billable: bool = column("Valid on a claim; a category above such codes is not.")
    short_description: str = column(
        "At most 60 characters; empty where only the codes file of the release is there.", nullable=True, free_text=True
    )
    long_description: str = column("Full description.", free_text=True)
    release_id: str = column("Release that first said so.")
    source_file: str = column("Path of the raw file below raw/.", references="raw_file.source_file")
    source_row: pl.Int64 = column("Line of the file.", at_least=1)

    class Config:
        """Facts about the table."""

        name = "diagnosis"
        unique = ["diagnosis_code", "valid_from"]
        metadata = {
            "facts": TableFacts("codes", "diagnosis and validity", ("diagnosis_code", "valid_from"), "US-GOV", (0, 2_000_000))
        }
