"""Is a release what its manifest says, and do Parquet, CSV and DuckDB hold the same rows?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import duckdb
import polars as pl
import pyarrow.parquet as pq

from flows.database_name import DATABASE
from flows.export_cube import sets_of
from flows.file_hash import sha256_of
from flows.load import ROW_GROUP_ROWS, configure
from flows.publish import DIFFER_BY_RUN, stated_hash
from flows.release_feed import Manifest, manifest_of, rows_by_table
from flows.releases import json_object
from flows.settings import StopError
from flows.tables import csv_cells
from schemas import TABLES, CodePayerModifier
from schemas.base import Table
from transforms.answer_sets import cube_rows


class Verdict(NamedTuple):
    """What was looked at and what is wrong with it."""

    release: str
    files: int
    tables: int
    rows: int
    damages: tuple[str, ...]
    """One sentence each; none where the release is whole."""


def verify(folder: Path, *, threads: int = 2) -> Verdict:
    """Every file hashed, every table read three times. Damage is returned, not raised; the folder is not written to."""
    try:
        described = manifest_of(folder)
    except StopError as error:
        return Verdict(folder.name, 0, 0, 0, (str(error),))
    damages = [*_of_name(folder, described), *_of_files(folder, described), *_of_strays(folder, described)]
    rows = rows_by_table(described)
    damages += [damage for model in TABLES if model.table_name() in rows for damage in _of_csv(folder, model, rows)]
    damages += _of_database(folder, rows, threads=threads)
    return Verdict(folder.name, len(_stated(folder, described)), len(rows), sum(rows.values()), tuple(damages))


def _of_name(folder: Path, described: Manifest) -> list[str]:
    if described["release"] == folder.name:
        return []
    return [f"manifest.json: expected release {folder.name}, the name of the folder, found {described['release']}."]


def _stated(folder: Path, described: Manifest) -> list[tuple[str, str, int | None]]:
    """Files with path, hash and, where one is stated, size: exports, documents, the database, the change feed."""
    entries = [*described["files"], *described.get("documents", []), *_feed_files(folder)]
    stated = [(entry["path"], entry["sha256"], entry["size_bytes"]) for entry in entries]
    return [*stated, *((name, stated_hash(folder, name), None) for name in DIFFER_BY_RUN)]


def _feed_files(folder: Path) -> list[dict[str, Any]]:
    files: list[dict[str, Any]] = json_object(folder / "changes.json").get("files", [])
    return files


def _of_files(folder: Path, described: Manifest) -> list[str]:
    found = []
    for name, digest, size in _stated(folder, described):
        path = folder / name
        if not path.is_file():
            found.append(f"{name}: expected a file, found none.")
        elif size is not None and path.stat().st_size != size:
            found.append(f"{name}: expected {size:,} bytes, found {path.stat().st_size:,}.")
        elif (now := sha256_of(path)) != digest:
            found.append(f"{name}: expected SHA-256 {digest}, found {now}.")
    return found


def _of_strays(folder: Path, described: Manifest) -> list[str]:
    known = {entry["path"] for entry in described["files"]}
    there = {path.relative_to(folder).as_posix() for part in ("parquet", "csv") for path in (folder / part).glob("*")}
    return [f"{name}: expected no such file, the manifest does not name it." for name in sorted(there - known)]


def _of_csv(folder: Path, model: type[Table], rows: dict[str, int]) -> list[str]:
    """The CSV file beside the Parquet file of a table, and the rows of both beside the manifest."""
    name = model.table_name()
    parquet, sheet = folder / "parquet" / f"{name}.parquet", folder / "csv" / f"{name}.csv"
    if not parquet.is_file() or not sheet.is_file():
        return []
    try:
        with sheet.open("rb") as stream:
            count, damage = _compared(stream, parquet, model)
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        return [f"parquet/{name}.parquet: cannot be read: {_first_line(error)}."]
    if damage is None and count != rows[name]:
        damage = f"parquet/{name}.parquet: expected {rows[name]:,} rows by the manifest, found {count:,}."
    return [damage] if damage else []


def _compared(stream: BinaryIO, parquet: Path, model: type[Table]) -> tuple[int, str | None]:
    """CSV is what Parquet gives when it is written again, byte for byte: cells, quotes, order, ends of lines. Rows and damage."""
    name, count = model.table_name(), 0
    header = (",".join(model.column_names()) + "\n").encode()
    if (found := stream.read(len(header))) != header:
        return count, f"csv/{name}.csv: expected the header {header!r}, found {found!r}."
    for part in _parts(parquet):
        expected = part.select(csv_cells(model)).write_csv(include_header=False).encode()
        if (found := stream.read(len(expected))) != expected:
            return count, _first_difference(name, expected, found, line=count + 2)
        count += part.height
    rest = stream.readline()
    return count, f"csv/{name}.csv: expected no line after the {count:,} rows of Parquet, found {rest!r}." if rest else None


def _first_difference(name: str, expected: bytes, found: bytes, *, line: int) -> str:
    pairs = zip([*expected.split(b"\n"), b""], [*found.split(b"\n"), b""], strict=False)
    at, (wanted, seen) = next((number, pair) for number, pair in enumerate(pairs) if pair[0] != pair[1])
    return f"csv/{name}.csv: line {line + at} differs from Parquet: expected {wanted!r}, found {seen!r}."


def _of_database(folder: Path, rows: dict[str, int], *, threads: int) -> list[str]:
    try:
        with duckdb.connect(str(folder / DATABASE), read_only=True) as connection:
            configure(connection, threads=threads)
            return [
                damage
                for model in TABLES
                if model.table_name() in rows and (folder / "parquet" / f"{model.table_name()}.parquet").is_file()
                for damage in _of_table(connection, folder, model)
            ]
    except duckdb.Error as error:
        return [f"{DATABASE}: cannot be read: {_first_line(error)}."]


def _of_table(connection: duckdb.DuckDBPyConnection, folder: Path, model: type[Table]) -> list[str]:
    """Rows of the database in their order beside those of Parquet."""
    name, count = model.table_name(), 0
    try:
        held = _cube(connection) if model is CodePayerModifier else _held(connection, model)
        for part in _parts(folder / "parquet" / f"{name}.parquet"):
            beside = next(held, part.clear())
            if not beside.equals(part):
                return [_different_row(name, part, beside, first=count)]
            count += part.height
        more = sum(part.height for part in held)
    except (OSError, ValueError, pl.exceptions.PolarsError):
        return []  # said already by the comparison with CSV
    except duckdb.Error as error:
        return [f"{DATABASE}: table {name} cannot be read: {_first_line(error)}."]
    return [f"{DATABASE}: table {name}: expected {count:,} rows as in Parquet, found {count + more:,}."] if more else []


def _different_row(name: str, part: pl.DataFrame, beside: pl.DataFrame, *, first: int) -> str:
    shared = min(part.height, beside.height)
    same = part.head(shared).with_row_index("_at").rows()
    at = next((row[0] for row, other in zip(same, beside.head(shared).iter_rows(), strict=True) if row[1:] != other), shared)
    seen = beside.row(at) if at < beside.height else "no row"
    wanted = part.row(at) if at < part.height else "no row"
    return f"{DATABASE}: table {name}: row {first + at + 1} differs from Parquet: expected {wanted}, found {seen}."


def _held(connection: duckdb.DuckDBPyConnection, model: type[Table]) -> Iterator[pl.DataFrame]:
    """A table of the database in pieces of a row group."""
    columns = ", ".join(model.column_names())
    rows = connection.cursor().sql(f"SELECT {columns} FROM {model.table_name()}")
    reader = rows.to_arrow_reader(ROW_GROUP_ROWS)
    waiting = pl.DataFrame(schema=model.polars_schema())
    for batch in reader:
        waiting = pl.concat([waiting, pl.DataFrame(pl.from_arrow(batch))])
        while waiting.height >= ROW_GROUP_ROWS:
            yield waiting.head(ROW_GROUP_ROWS)
            waiting = waiting.slice(ROW_GROUP_ROWS)
    yield waiting


def _cube(connection: duckdb.DuckDBPyConnection) -> Iterator[pl.DataFrame]:
    """The rows of the cube in the order of its key, from the two tables that its view joins."""
    sets = sets_of(connection)
    for part in cube_rows(sets).iter_slices(ROW_GROUP_ROWS):
        picked = [sets.code_answer_set[part["code_at"]], sets.answer[part["answer_at"]]]
        together = pl.concat([rows.drop("answer_set_id") for rows in picked], how="horizontal")
        yield together.select(CodePayerModifier.column_names())


def _parts(path: Path) -> Iterator[pl.DataFrame]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(ROW_GROUP_ROWS):
            plain = pl.DataFrame(pl.from_arrow(batch))
            yield plain.cast({pl.Categorical: pl.String})


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
