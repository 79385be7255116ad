"""This project's own reading, gating and loading of the published files: one DuckDB file and one Parquet file per table.

A side of `bench.sources`. Everything a refresh does to these sources is done: archives judged and unpacked, every layout and
row judged, releases laid side by side and compared. Left out is what a refresh derives from them: the cube, CSV, documents.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import polars as pl

from bench.sources import TABLES
from flows.dataset import in_order
from flows.discover import discover
from flows.load import ROW_GROUP_ROWS, STORAGE_VERSION, UNKEYED_ROWS, append, configure
from flows.reading import read_files
from flows.registry import SOURCES, Source
from schemas import TABLES as DECLARED
from schemas import table
from schemas.base import Table
from schemas.derive.ddl import add_key, comments, create_table, quoted
from transforms.sources import empty


def main() -> None:
    """Read, judge, load, export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    write(read(given.raw), given.output, threads=given.threads)
    _say("written")


def read(raw: Path) -> dict[str, pl.DataFrame]:
    """The tables of every source with releases, by name; sources that need no other beside the rest, as a refresh reads them."""
    inputs = discover(raw)
    _say("files found and hashed")
    tables: dict[str, pl.DataFrame] = {model.table_name(): empty(model.table_name()) for model in DECLARED}

    def tables_of(source: Source) -> Mapping[str, pl.DataFrame]:
        built, _, _ = read_files(source, [file for file in inputs.files if file.source == source.name], tables)
        _say(f"{source.name} read")
        return built.tables

    apart = [source for source in _wanted() if source.has_releases and not source.needs]
    with ThreadPoolExecutor(max_workers=1) as beside:
        running = [beside.submit(tables_of, source) for source in apart]
        for source in _wanted():
            if source not in apart:
                _add(tables, tables_of(source))
        for each in running:
            _add(tables, each.result())
    return {name: tables[name] for name in TABLES}


def _add(tables: dict[str, pl.DataFrame], found: Mapping[str, pl.DataFrame]) -> None:
    for name, frame in found.items():
        tables[name] = pl.concat([tables[name], frame]) if tables[name].height else frame


def write(tables: dict[str, pl.DataFrame], output: Path, *, threads: int) -> None:
    """`tables.duckdb`, rows sorted by key, and `parquet/<table>.parquet`. Frames are dropped once written."""
    with duckdb.connect() as connection:
        configure(connection, threads=threads, temporary=output / "spill")
        connection.execute(f"ATTACH {quoted(str(output / 'tables.duckdb'))} AS release (STORAGE_VERSION '{STORAGE_VERSION}')")
        connection.execute("USE release")
        for name in list(tables):
            _load(connection, table(name), tables.pop(name))
            connection.execute(
                f"COPY {name} TO {quoted(str(output / 'parquet' / f'{name}.parquet'))} "
                f"(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, ROW_GROUP_SIZE {ROW_GROUP_ROWS})"
            )
            _say(f"{name} exported")
        connection.execute("USE memory")
        connection.execute("DETACH release")


def _load(connection: duckdb.DuckDBPyConnection, model: type[Table], rows: pl.DataFrame) -> None:
    """As `flows.load` does it: NOT NULL and CHECK from the declaration, the key where an index is worth its memory."""
    ordered = in_order(rows, model.table_name())
    _say(f"{model.table_name()} sorted")
    connection.execute(create_table(model))
    append(connection, model, ordered)
    if ordered.height < UNKEYED_ROWS:
        connection.execute(add_key(model))
    for comment in comments(model):
        connection.execute(comment)
    _say(f"{model.table_name()} loaded")


def _wanted() -> list[Source]:
    """Sources with releases and those that they need, in their order."""
    wanted = {source.name for source in SOURCES if source.has_releases}
    for source in reversed(SOURCES):
        if source.name in wanted:
            wanted |= set(source.needs)
    return [source for source in SOURCES if source.name in wanted]


def _say(what: str) -> None:
    """A line of the log: seconds since the process began to work."""
    print(f"{time.perf_counter() - _BEGAN:8.2f} s  {what}", file=sys.stderr)


_BEGAN = time.perf_counter()

if __name__ == "__main__":
    main()
