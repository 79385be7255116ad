"""Exports of a release: Parquet, CSV, data package, dictionary. The same rows give the same bytes at any thread count."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from flows.load import ROW_GROUP_ROWS, configure
from schemas import TABLES
from schemas.base import Column, Table
from schemas.derive.ddl import described, quoted, sql_type
from schemas.derive.documents import dictionary, package, resource

LICENCES = {
    "CC0-1.0": "CC0 1.0 for the curated facts and everything derived from them",
    "US-GOV": "Works of the United States Government, not protected by copyright",
}
_FORMULA_STARTS = "['=', '+', '-', '@', chr(9), chr(10), chr(13), '＝', '＋', '－', '＠']"  # noqa: RUF001 - full-width signs start formulas too


class ExportedFile(NamedTuple):
    """One exported file of one table."""

    path: str
    """Path below the release folder."""
    table: str
    rows: int
    columns: int
    size_bytes: int
    sha256: str


def export(database: Path, folder: Path, *, release: str, threads: int) -> list[ExportedFile]:
    """Every table as Parquet and CSV, with datapackage.json and DICTIONARY.md. Raises duckdb.Error or OSError.

    Two files are written at a time, because writing CSV keeps one processor busy and no more.
    """
    (folder / "parquet").mkdir()
    (folder / "csv").mkdir()
    with duckdb.connect(str(database), read_only=True) as connection, ThreadPoolExecutor(max_workers=2) as workers:
        configure(connection, threads=threads, temporary=folder / "spill")
        largest_first = sorted(TABLES, key=lambda model: -model.facts().expected_rows[1])
        jobs = [(write, model) for model in largest_first for write in (_write_csv, _write_parquet)]
        written = list(workers.map(lambda job: job[0](connection.cursor(), job[1], folder), jobs))
    files = sorted(written, key=lambda file: file.path)
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


def sha256_of(path: Path) -> str:
    """Hash of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def csv_cell(column: Column) -> str:
    """A column as it stands in CSV: text that a spreadsheet would run as a formula gets an apostrophe in front.

    Codes, dates and words of a fixed vocabulary cannot start that way, so only free columns are guarded.
    """
    if sql_type(column.dtype) != "VARCHAR" or column.values or column.pattern:
        return column.name
    name, guarded = column.name, f"list_contains({_FORMULA_STARTS}, left({column.name}, 1))"
    return f"CASE WHEN {guarded} THEN '''' || {name} ELSE {name} END AS {name}"


def _write_parquet(connection: duckdb.DuckDBPyConnection, model: type[Table], folder: Path) -> ExportedFile:
    path = folder / "parquet" / f"{model.table_name()}.parquet"
    connection.execute(
        f"COPY {model.table_name()} TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, "
        f"ROW_GROUP_SIZE {ROW_GROUP_ROWS}, KV_METADATA {_metadata(model)})"
    )
    return _described(connection, path, model, folder=folder)


def _write_csv(connection: duckdb.DuckDBPyConnection, model: type[Table], folder: Path) -> ExportedFile:
    path = folder / "csv" / f"{model.table_name()}.csv"
    cells = ", ".join(csv_cell(column) for column in model.columns())
    connection.execute(f"COPY (SELECT {cells} FROM {model.table_name()}) TO {quoted(str(path))} (FORMAT csv, HEADER true)")
    return _described(connection, path, model, folder=folder)


def _described(connection: duckdb.DuckDBPyConnection, path: Path, model: type[Table], *, folder: Path) -> ExportedFile:
    (rows,) = connection.execute(f"SELECT count(*) FROM {model.table_name()}").fetchall()[0]
    connection.close()
    return ExportedFile(
        path=path.relative_to(folder).as_posix(),
        table=model.table_name(),
        rows=int(rows),
        columns=len(model.columns()),
        size_bytes=path.stat().st_size,
        sha256=sha256_of(path),
    )


def _metadata(model: type[Table]) -> str:
    facts = model.facts()
    columns = {column.name: described(column) for column in model.columns()}
    entries = {
        "description": f"{model.summary()} One row per {facts.row}.",
        "key": ", ".join(facts.key),
        "licence": facts.licence,
        "columns": json.dumps(columns, ensure_ascii=False),
    }
    return "{" + ", ".join(f"{key}: {quoted(value)}" for key, value in entries.items()) + "}"
