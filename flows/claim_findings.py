"""Files of findings, CSV or Parquet: written by `payref check`, read again by `payref sql --findings`."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from flows.settings import UnknownNameError
from flows.tables import csv_cells, metadata
from schemas.claim import ClaimFinding

FORMATS = (".csv", ".parquet")


def known_format(path: Path) -> None:
    """Raise UnknownNameError where a name tells no format."""
    if path.suffix.lower() not in FORMATS:
        raise UnknownNameError(f"{path} has no known format: expected a name that ends in {' or '.join(FORMATS)}.")


def read_findings(path: Path) -> pl.DataFrame:
    """Findings as `ClaimFinding` has them. Raises UnknownNameError for any other file."""
    known_format(path)
    if not path.is_file():
        raise UnknownNameError(f"{path} is not there: expected findings that payref check wrote.")
    try:
        found = pl.read_parquet(path) if path.suffix.lower() == ".parquet" else _from_csv(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UnknownNameError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    if found.columns != list(ClaimFinding.column_names()):
        raise UnknownNameError(f"{path} holds no findings: expected the columns that payref check writes.")
    return found


def _from_csv(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, schema_overrides=ClaimFinding.polars_schema(), infer_schema=False)


def write_findings(pieces: Iterator[pa.Table], out: Path) -> None:
    """Findings as one file, which stands under its name only when it is whole."""
    unfinished = out.with_name(f".{out.name}.unfinished")
    try:
        if out.suffix.lower() == ".parquet":
            _write_parquet(pieces, unfinished)
        else:
            _write_csv(pieces, unfinished)
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)


def _write_parquet(pieces: Iterator[pa.Table], path: Path) -> None:
    schema = pl.DataFrame(schema=ClaimFinding.polars_schema()).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    described = schema.with_metadata(metadata(ClaimFinding))
    with pq.ParquetWriter(path, described, compression="zstd") as writer:
        for piece in pieces:
            writer.write_table(piece.cast(described))


def _write_csv(pieces: Iterator[pa.Table], path: Path) -> None:
    """Cells that a spreadsheet would run as a formula get an apostrophe in front."""
    with path.open("wb") as sink:
        sink.write((",".join(ClaimFinding.column_names()) + "\n").encode())
        for piece in pieces:
            pl.DataFrame(piece).select(csv_cells(ClaimFinding)).write_csv(sink, include_header=False)
