"""What every source is given and gives back."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import PurePosixPath
from typing import NamedTuple

import polars as pl

from schemas import TABLES
from transforms.errors import BrokenCheckError
from transforms.gate import findings_frame
from transforms.read import RawText, decode

Tables = Mapping[str, pl.DataFrame]
"""Accepted rows by table name."""


class Period(NamedTuple):
    """Release of a source and the service dates it covers."""

    release_id: str
    valid_from: date
    valid_to: date
    published: date | None = None
    """Day of publication: since when it is known. None for local files that do not say it themselves."""


@dataclass(frozen=True)
class SourceFile:
    """A raw file ready to be read: its bytes, its release and under which licence its own words stand."""

    source_file: str
    """Path below raw/; a member of an archive stands behind the archive's path."""
    given: bytes | Callable[[], bytes]
    """The bytes, or what gives them: members of an archive are unpacked when they are asked for and not held."""
    period: Period | None
    licence: str
    allow_cp1252: bool = False
    may_be_blank: bool = False

    @property
    def content(self) -> bytes:
        """The bytes of the file."""
        return self.given if isinstance(self.given, bytes) else self.given()

    @cached_property
    def raw(self) -> RawText:
        """The decoded text. Raises StructureError for what is not text (see `read.decode`)."""
        return decode(self.content, source_file=self.source_file, allow_cp1252=self.allow_cp1252, may_be_blank=self.may_be_blank)

    @property
    def name(self) -> str:
        """File name without its folder."""
        return PurePosixPath(self.source_file).name

    @property
    def suffix(self) -> str:
        """Ending of the name in lower case, with its dot."""
        return PurePosixPath(self.source_file).suffix.lower()


class FileCount(NamedTuple):
    """Rows of one file: read = accepted + refused."""

    source_file: str
    rows_read: int
    rows_accepted: int
    rows_refused: int


class Statement(NamedTuple):
    """What a published file says about itself."""

    source_file: str
    notice: str
    released: date | None = None
    """Day of publication, where the file prints it."""


class Built(NamedTuple):
    """Normalised rows of a source, findings, and the count of rows of each file."""

    tables: Tables
    findings: pl.DataFrame
    counts: Sequence[FileCount]
    statements: Sequence[Statement] = ()


def counted(source_file: str, *, rows_read: int, accepted: pl.DataFrame, findings: pl.DataFrame) -> FileCount:
    """The count of one file. Raises BrokenCheckError where accepted and refused rows do not add up to the rows read."""
    here = pl.col("source_file") == source_file
    refused = findings.filter(here & (pl.col("severity") == "refused")).select("source_row").n_unique()
    kept = int(accepted.select(here.sum()).item())
    if kept + refused != rows_read:
        raise BrokenCheckError(f"{source_file}: {rows_read} rows read, but {kept} accepted and {refused} refused.")
    return FileCount(source_file, rows_read, kept, refused)


def merged(parts: Iterable[Built]) -> Built:
    """Several results as one; rows of a table stand in the order of the parts."""
    results = list(parts)
    names = dict.fromkeys(name for part in results for name in part.tables)
    return Built(
        tables={name: pl.concat([part.tables[name] for part in results if name in part.tables]) for name in names},
        findings=pl.concat([findings_frame(), *(part.findings for part in results)]),
        counts=[count for part in results for count in part.counts],
        statements=[statement for part in results for statement in part.statements],
    )


def empty(name: str) -> pl.DataFrame:
    """A table without rows."""
    model = {declared.table_name(): declared for declared in TABLES}[name]
    return pl.DataFrame(schema=model.polars_schema())
