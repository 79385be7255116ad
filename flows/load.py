"""The DuckDB file: tables from their declarations, rows sorted by key, keys as a second judge, views, macros and comments."""

from collections.abc import Collection
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa

from flows.dataset import Dataset
from schemas import TABLES
from schemas.base import Table
from schemas.derive.ddl import add_key, comments, create_table, quoted

STORAGE_VERSION = "v1.5.0"
"""Storage format of the published file: clients of that version and newer read it."""
_SQL = Path(__file__).parent / "sql"
SCRIPTS = ("cube.sql", "macros.sql", "ncci.sql", "payment_line.sql", "payment.sql", "observed.sql", "search.sql")
"""Views and macros, in the order in which they are made; a later one may use an earlier one."""
_MEMORY_LIMIT = "1000MB"
ROW_GROUP_ROWS = 122_880
"""Rows of a row group, in the database and in Parquet; fixed, so that bytes do not depend on threads."""
_PIECE_ROWS = 8 * ROW_GROUP_ROWS
"""Rows handed over at a time."""
UNKEYED_ROWS = 1_000_000
"""From here on only the gate judges the key: an index over 2.5 million pairs makes 257 MB of 14 and takes 5 seconds."""


def load(dataset: Dataset, path: Path, *, threads: int, before: Path | None = None, kept: Collection[str] = ()) -> dict[str, int]:
    """A new database file at `path` with every table; rows by table. Raises duckdb.Error where a declaration is broken.

    `before` is the database of another release, whose tables `kept` are taken as they are. Their rows are copied, never the
    file: blocks that it no longer uses may hold words that this release must not carry.
    """
    with duckdb.connect() as connection:
        configure(connection, threads=threads, temporary=path.parent / "spill")
        connection.execute(f"ATTACH {quoted(str(path))} AS release (STORAGE_VERSION '{STORAGE_VERSION}')")
        connection.execute("USE release")
        if before is not None:
            connection.execute(f"ATTACH {quoted(str(before))} AS before (READ_ONLY)")
        for model in TABLES:
            if not model.facts().is_view:
                _make(connection, model, None if model.table_name() in kept else dataset)
        for script in SCRIPTS:
            connection.execute((_SQL / script).read_text(encoding="utf-8"))
        connection.execute("BEGIN")  # hundreds of statements would be as many times on the disk
        for comment in (comment for model in TABLES for comment in comments(model)):
            connection.execute(comment)
        connection.execute("COMMIT")
        rows = {model.table_name(): _count(connection, model) for model in TABLES}
        connection.execute("USE memory")
        connection.execute("DETACH release")
        if before is not None:
            connection.execute("DETACH before")
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


def _make(connection: duckdb.DuckDBPyConnection, model: type[Table], dataset: Dataset | None) -> None:
    """A table with its rows and its key, from its frame or, without a dataset, from the database `before`.

    Its frame is forgotten afterwards, so that large tables do not pile up in memory.
    """
    name = model.table_name()
    connection.execute(create_table(model))
    if dataset is None:
        connection.execute(f"INSERT INTO {name} SELECT {', '.join(model.column_names())} FROM before.main.{name}")
    else:
        append(connection, model, dataset.tables[name])
        dataset.tables.drop(name)
    if _count(connection, model) < UNKEYED_ROWS:
        connection.execute(add_key(model))


def append(connection: duckdb.DuckDBPyConnection, model: type[Table], rows: pl.DataFrame) -> None:
    """Rows into a table in their order: piece by piece, in batches of a row group so that both threads can work."""
    for piece in rows.iter_slices(_PIECE_ROWS):
        whole = piece.to_arrow(compat_level=pl.CompatLevel.newest()).combine_chunks()
        connection.register("frame", pa.Table.from_batches(whole.to_batches(ROW_GROUP_ROWS), schema=whole.schema))
        connection.execute(f"INSERT INTO {model.table_name()} SELECT {', '.join(model.column_names())} FROM frame")
        connection.unregister("frame")


def _count(connection: duckdb.DuckDBPyConnection, model: type[Table]) -> int:
    (count,) = connection.execute(f"SELECT count(*) FROM {model.table_name()}").fetchall()[0]
    return int(count)
