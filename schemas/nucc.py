"""Provider specialties: the NUCC Health Care Provider Taxonomy, whose words are copyrighted by the AMA."""

import polars as pl

from schemas.base import KNOWN_FROM, Table, TableFacts, column

_SECTIONS = ("Individual", "Non-Individual")


class Taxonomy(Table):
    """NUCC provider taxonomy codes, with the service dates on which they hold."""

    taxonomy_code: str = column("NUCC code of ten characters.", pattern=r"^[0-9A-Z]{9}X$")
    valid_from: pl.Date = column("First day of the first release that says so.")
    valid_to: pl.Date = column("Day before the release that no longer says so; empty is still listed.", nullable=True)
    known_from: pl.Date = column(KNOWN_FROM, nullable=True)
    section: str = column("Who bears the code; empty in layouts that lack it.", values=_SECTIONS, nullable=True)
    grouping: str = column("Level I of the taxonomy.", nullable=True, free_text=True, owner="AMA")
    classification: str = column("Level II of the taxonomy.", nullable=True, free_text=True, owner="AMA")
    specialization: str = column("Level III of the taxonomy, where there is one.", nullable=True, free_text=True, owner="AMA")
    display_name: str = column("Name for consumers.", nullable=True, free_text=True, owner="AMA")
    definition: str = column("What the code stands for.", nullable=True, free_text=True, owner="AMA")
    notes: str = column("Sources and history, line breaks as `<br/>`.", nullable=True, free_text=True, owner="AMA")
    effective_date: pl.Date = column("Day from which NUCC says the code may be used, in layouts that have it.", nullable=True)
    deactivation_date: pl.Date = column("Day on which NUCC withdrew the code, in layouts that have it.", nullable=True)
    last_modified_date: pl.Date = column("Day of NUCC's last change, in layouts that have it.", nullable=True)
    release_id: str = column("Release that first said so.")
    source_file: str = column("Path of the raw file below raw/.", references="raw_file.source_file")
    source_row: pl.Int64 = column("Line on which the row ends.", at_least=2)

    class Config:
        """Facts about the table."""

        name = "taxonomy"
        unique = ["taxonomy_code", "valid_from"]
        metadata = {"facts": TableFacts("codes", "specialty and validity", ("taxonomy_code", "valid_from"), "NUCC", (0, 100_000))}
