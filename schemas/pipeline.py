"""What the pipeline says about itself: releases of sources, raw files, refused rows."""

import polars as pl

from schemas.base import ABOUT_THE_RUN, OF_ITS_TEXTS, Table, TableFacts, column
from schemas.vocabulary import SEVERITIES


class Release(Table):
    """Releases of sources that this release of the dataset is made from."""

    source: str = column("The source.")
    release_id: str = column("Release of the source; `current` for curated sources.")
    publisher: str = column("Who published it.", free_text=True)
    title: str = column("Title of the publication.", free_text=True)
    published_date: pl.Date = column("Day of publication; empty for local files.", nullable=True)
    valid_from: pl.Date = column("First service date of its period.", nullable=True)
    valid_to: pl.Date = column("Last service date of its period.", nullable=True)
    licence: str = column("Licence of the files.")
    url: str = column("Where it was published.", nullable=True, free_text=True)
    notice: str = column("Copyright notice printed in the file.", nullable=True, free_text=True)

    class Config:
        """Facts about the table."""

        name = "release"
        unique = ["source", "release_id"]
        metadata = {
            "facts": TableFacts(
                "pipeline", "release of a source", ("source", "release_id"), "CC0-1.0", (5, 10_000), limits=ABOUT_THE_RUN
            )
        }


class RawFile(Table):
    """Raw files read, with their hash and how many rows they gave."""

    source_file: str = column("Path below raw/; a member of an archive stands behind the archive's path.", free_text=True)
    archive_file: str = column("Path of the archive it was in.", nullable=True, free_text=True)
    source: str = column("The source.")
    release_id: str = column("Release of the source.")
    sha256: str = column("SHA-256 of the bytes.", pattern=r"^[0-9a-f]{64}$")
    size_bytes: pl.Int64 = column("Size.", unit="bytes", at_least=0)
    origin: str = column(
        "`published` or `curated` by origin.json, or `local` without it.", values=("curated", "local", "published")
    )
    encoding: str = column("Encoding of the text, or `xlsx` for a workbook.", values=("cp1252", "utf-8", "utf-8-sig", "xlsx"))
    rows_read: pl.Int64 = column("Rows or pages found.", unit="rows", at_least=0)
    rows_accepted: pl.Int64 = column("Rows or pages that became data.", unit="rows", at_least=0)
    rows_refused: pl.Int64 = column("Rows or pages refused; each has a finding.", unit="rows", at_least=0)

    class Config:
        """Facts about the table."""

        name = "raw_file"
        unique = ["source_file"]
        metadata = {
            "facts": TableFacts("pipeline", "raw file", ("source_file",), "CC0-1.0", (5, 1_000_000), limits=ABOUT_THE_RUN)
        }


class Change(Table):
    """What changed between consecutive releases of a source, cell by cell."""

    changed_table: str = column("The table.")
    record_key: str = column("Key of the row without its dates, parts joined by `|`.", free_text=True)
    column_name: str = column("The column; `*` for a row that came or went.")
    to_release: str = column("The later release.")
    from_release: str = column("The release before it.")
    change_kind: str = column("What happened.", values=("added", "changed", "removed"))
    old_value: str = column("Value in the earlier release.", nullable=True, free_text=True)
    new_value: str = column("Value in the later release.", nullable=True, free_text=True)
    changed_on: pl.Date = column("First service date of the later release.")
    known_from: pl.Date = column("Publication date of the later release, where one is stated.", nullable=True)
    source: str = column("The source.")

    class Config:
        """Facts about the table."""

        name = "change"
        unique = ["changed_table", "record_key", "column_name", "to_release"]
        metadata = {
            "facts": TableFacts(
                "pipeline",
                "changed cell and release",
                ("changed_table", "record_key", "column_name", "to_release"),
                OF_ITS_TEXTS,
                (0, 100_000_000),
                limits=ABOUT_THE_RUN,
            )
        }


class Finding(Table):
    """Refused rows and warnings: the quarantine. Nothing is dropped without a row here."""

    source_file: str = column("Path below raw/.", references="raw_file.source_file", free_text=True)
    source_row: pl.Int64 = column("Line of the file.", at_least=0)
    column_name: str = column("Column at fault; `*` for a whole row.")
    rule_id: str = column("Rule broken, as table.column.check.")
    severity: str = column("`refused` rows are not in the data.", values=SEVERITIES)
    value: str = column("Value found.", nullable=True, free_text=True)
    reason: str = column("What was expected, in one sentence.", free_text=True)

    class Config:
        """Facts about the table."""

        name = "finding"
        unique = ["source_file", "source_row", "column_name", "rule_id"]
        metadata = {
            "facts": TableFacts(
                "pipeline",
                "finding",
                ("source_file", "source_row", "rule_id", "column_name"),
                OF_ITS_TEXTS,
                (0, 1_000_000),
                limits=ABOUT_THE_RUN,
            )
        }
