"""Exports of a release: Parquet, CSV, data package, dictionary. The same rows give the same bytes at any thread count."""

import json
import os
import shutil
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from flows.dataset import in_order
from flows.export_cube import write_cube_csv, write_cube_parquet
from flows.file_hash import sha256_of
from flows.load import ROW_GROUP_ROWS, configure
from flows.tables import csv_cells, metadata
from schemas import TABLES
from schemas.base import Table
from schemas.derive.ddl import quoted
from schemas.derive.documents import dictionary, package, resource

LICENCES = {
    "CC0-1.0": "CC0 1.0 for the curated facts and everything derived from them",
    "US-GOV": "Works of the United States Government, not protected by copyright",
    "NUCC": "Health Care Provider Taxonomy of the NUCC, codes as identifiers; names and definitions only in a licensed build",
}
"""Licences of tables; those of files and of rows are narrower."""


class ExportedFile(NamedTuple):
    """One exported file of one table."""

    path: str
    """Path below the release folder."""
    table: str
    rows: int
    columns: int
    size_bytes: int
    sha256: str


class Before(NamedTuple):
    """A release made before, from which files of tables that did not change are taken."""

    folder: Path
    files: tuple[ExportedFile, ...]
    tables: frozenset[str]
    """Tables whose rows are the same."""


def export(database: Path, folder: Path, *, release: str, threads: int, before: Before | None = None) -> list[ExportedFile]:
    """Every table as Parquet and CSV, with datapackage.json and DICTIONARY.md. Raises duckdb.Error or OSError.

    Two files are written at a time, because writing CSV keeps one processor busy and no more.
    """
    (folder / "parquet").mkdir()
    (folder / "csv").mkdir()
    taken = [_taken(file, before.folder, folder) for file in before.files if file.table in before.tables] if before else []
    missing = [model for model in TABLES if model.table_name() not in {file.table for file in taken}]
    with duckdb.connect(str(database), read_only=True) as connection, ThreadPoolExecutor(max_workers=2) as workers:
        configure(connection, threads=threads, temporary=folder / "spill")
        jobs = [(write, model) for model in _largest_first(missing) for write in (_write_csv, _write_parquet)]
        written = list(workers.map(lambda job: job[0](connection.cursor(), job[1], folder), jobs))
    files = sorted([*taken, *written], key=lambda file: file.path)
    sheets = [
        (model, file) for model in TABLES for file in files if file.table == model.table_name() and file.path.endswith(".csv")
    ]
    resources = [resource(model, path=file.path, sha256=file.sha256, size_bytes=file.size_bytes) for model, file in sheets]
    write_json(folder / "datapackage.json", package(resources, release=release, licences=LICENCES))
    (folder / "DICTIONARY.md").write_text(dictionary(TABLES), encoding="utf-8", newline="\n")
    return files


def write_json(path: Path, content: Any) -> None:
    """JSON with a stable layout."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


def _largest_first(models: Collection[type[Table]]) -> list[type[Table]]:
    return sorted(models, key=lambda model: -model.facts().expected_rows[1])


def _taken(file: ExportedFile, old: Path, new: Path) -> ExportedFile:
    """A file of the release before, by a second name for the same bytes or, across file systems, a copy."""
    source, target = old / file.path, new / file.path
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    return file


def _write_parquet(connection: duckdb.DuckDBPyConnection, model: type[Table], folder: Path) -> ExportedFile:
    path = folder / "parquet" / f"{model.table_name()}.parquet"
    entries = ", ".join(f"{key}: {quoted(value)}" for key, value in metadata(model).items())
    copy = (
        f"COPY {model.table_name()} TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, "
        f"ROW_GROUP_SIZE {ROW_GROUP_ROWS}, KV_METADATA {{{entries}}})"
    )
    return _written(connection, model, path, folder=folder, by=write_cube_parquet if model.facts().is_view else _copied(copy))


def _write_csv(connection: duckdb.DuckDBPyConnection, model: type[Table], folder: Path) -> ExportedFile:
    path = folder / "csv" / f"{model.table_name()}.csv"
    return _written(connection, model, path, folder=folder, by=write_cube_csv if model.facts().is_view else _sheet(model))


def _sheet(model: type[Table]) -> Callable[[duckdb.DuckDBPyConnection, Path], int]:
    """Writes a table as CSV through Polars: DuckDB's own writer loses the order of rows when two threads work on many."""

    def write(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
        rows = in_order(connection.sql(f"SELECT * FROM {model.table_name()}").pl(), model.table_name())
        rows.select(csv_cells(model)).write_csv(path)
        return rows.height

    return write


def _copied(statement: str) -> Callable[[duckdb.DuckDBPyConnection, Path], int]:
    def copy(connection: duckdb.DuckDBPyConnection, _path: Path) -> int:
        rows: Sequence[tuple[int]] = connection.execute(statement).fetchall()
        return int(rows[0][0])

    return copy


def _written(
    connection: duckdb.DuckDBPyConnection,
    model: type[Table],
    path: Path,
    *,
    folder: Path,
    by: Callable[[duckdb.DuckDBPyConnection, Path], int],
) -> ExportedFile:
    rows = by(connection, path)
    connection.close()
    return ExportedFile(
        path=path.relative_to(folder).as_posix(),
        table=model.table_name(),
        rows=rows,
        columns=len(model.columns()),
        size_bytes=path.stat().st_size,
        sha256=sha256_of(path),
    )
