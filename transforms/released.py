"""What the sources share whose releases are lists of codes without dates of their own."""

from collections.abc import Sequence
from pathlib import PurePosixPath

import polars as pl

from transforms.errors import StructureError
from transforms.sources import Period, SourceFile


def period_of(file: SourceFile) -> Period:
    """The release's period. Raises StructureError where neither its folder nor an origin.json gives one."""
    if file.period is None:
        folder = PurePosixPath(file.source_file).parent
        raise StructureError(
            file.source_file,
            expected="a release folder whose name gives its period, or an origin.json that states it",
            found=f"the folder {folder.name!r}",
            advice="docs/sources.md says how the folders of the source are named.",
        )
    return file.period


def of_release(rows: pl.DataFrame, file: SourceFile) -> pl.DataFrame:
    """Rows with `release_id`, `valid_from`, an open `valid_to` and `known_from` of the file's release."""
    period = period_of(file)
    return rows.with_columns(
        release_id=pl.lit(period.release_id),
        valid_from=pl.lit(period.valid_from),
        valid_to=pl.lit(None, dtype=pl.Date),
        known_from=pl.lit(period.published, dtype=pl.Date),
    )


def only_file(files: Sequence[SourceFile]) -> SourceFile:
    """The one file of a release. Raises StructureError where there are several: which of them is the code set?"""
    if len(files) > 1:
        raise StructureError(
            str(PurePosixPath(files[0].source_file).parent),
            expected="one file in a release folder",
            found=", ".join(file.name for file in files),
            advice="Keep the one that is meant, or give each release a folder.",
        )
    return files[0]
