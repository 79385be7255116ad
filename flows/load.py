"""The DuckDB file: tables from their declarations, rows sorted by key, keys as a second judge, macros and comments."""

from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa

from flows.dataset import Dataset
from schemas import TABLES, CodePayerModifier
from schemas.base import Table
from schemas.derive.ddl import add_key, comments, create_table, quoted
from transforms.errors import BrokenCheckError
from transforms.rules import written_out

STORAGE_VERSION = "v1.5.0"
"""Storage format of the published file: clients of that version and newer read it."""
_MACROS = Path(__file__).parent / "sql" / "macros.sql"
_CUBE = CodePayerModifier.table_name()
_MEMORY_LIMIT = "1000MB"
_CHUNK_ROWS = 1_200_000
"""Smaller pieces leave the second processor idle, larger ones cost memory: these took two thirds of the time of 600,000."""
ROW_GROUP_ROWS = 122_880
"""Rows of a row group, in the database and in Parquet; fixed, so that bytes do not depend on threads."""


def load(dataset: Dataset, path: Path, *, threads: int) -> dict[str, int]:
    """A new database file at `path` with every table; rows by table. Raises duckdb.Error where a declaration is broken."""
    with duckdb.connect() as connection:
        configure(connection, threads=threads, temporary=path.parent / "spill")
        connection.execute(f"ATTACH {quoted(str(path))} AS release (STORAGE_VERSION '{STORAGE_VERSION}')")
        connection.execute("USE release")
        for model in TABLES:
            connection.execute(create_table(model))
            if model is CodePayerModifier:
                _insert_cube(connection, dataset)
            else:
                _append(connection, model, dataset.tables[model.table_name()])
                connection.execute(add_key(model))
            for comment in comments(model):
                connection.execute(comment)
        connection.execute(_MACROS.read_text(encoding="utf-8"))
        rows = {model.table_name(): _count(connection, model) for model in TABLES}
        connection.execute("USE memory")
        connection.execute("DETACH release")
    return rows


def configure(connection: duckdb.DuckDBPyConnection, *, threads: int, temporary: Path | None = None) -> None:
    """Settings of every connection: bounded memory, no extension from outside, nothing printed."""
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute("SET autoload_known_extensions = false")
    connection.execute(f"SET threads = {int(threads)}")
    connection.execute(f"SET memory_limit = '{_MEMORY_LIMIT}'")
    if temporary is not None:
        connection.execute(f"SET temp_directory = {quoted(str(temporary))}")


def _insert_cube(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    """Cells of profiles written out for every code, piece by piece, so that memory stays bounded.

    An index over nine texts and millions of rows would double the file, so the key is judged on the cells beforehand.
    """
    key = ", ".join(("profile_id", *CodePayerModifier.facts().key[3:]))
    connection.register("cells", dataset.cells.to_arrow())
    duplicates = connection.execute(f"SELECT {key} FROM cells GROUP BY ALL HAVING count(*) > 1").fetchall()
    connection.unregister("cells")
    if duplicates:
        raise BrokenCheckError(f"{_CUBE}: {len(duplicates)} keys occur twice, the first is {duplicates[0]}")
    for rows in written_out(dataset.cells, dataset.tables["code_profile"], chunk_rows=_CHUNK_ROWS):
        _append(connection, CodePayerModifier, rows)


def _append(connection: duckdb.DuckDBPyConnection, model: type[Table], rows: pl.DataFrame) -> None:
    """Rows into a table in their order, as batches of a row group so that both threads can work."""
    whole = rows.to_arrow(compat_level=pl.CompatLevel.newest()).combine_chunks()
    connection.register("frame", pa.Table.from_batches(whole.to_batches(ROW_GROUP_ROWS), schema=whole.schema))
    connection.execute(f"INSERT INTO {model.table_name()} SELECT {', '.join(model.column_names())} FROM frame")
    connection.unregister("frame")


def _count(connection: duckdb.DuckDBPyConnection, model: type[Table]) -> int:
    (count,) = connection.execute(f"SELECT count(*) FROM {model.table_name()}").fetchall()[0]
    return int(count)
