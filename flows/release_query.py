"""Queries of the current release, read-only. Imports neither Prefect nor Polars, so that a look-up answers at once."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from flows.database_name import DATABASE
from flows.leases import leased
from flows.settings import NoAnswerError, NoReleaseError, UnknownNameError

Row = dict[str, Any]
_PIECE_ROWS = 10_000


@contextmanager
def opened(output: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The current release's database, read-only, under a lease. Raises NoAnswerError where there is none."""
    path = output / "current" / DATABASE
    if not path.is_file():
        raise NoReleaseError(output)
    path = path.resolve()  # what is leased is what is read, also where another release becomes current now
    with leased(output, path.parent.name), _connected(path) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET enable_external_access = false")
        yield connection


def release_of(connection: duckdb.DuckDBPyConnection) -> str:
    """Name of the release that an open connection reads."""
    ((path,),) = connection.execute("SELECT path FROM duckdb_databases() WHERE NOT internal").fetchall()
    return Path(path).parent.name


def _connected(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise NoAnswerError(f"{path} cannot be opened ({str(error).splitlines()[0]}). Refresh again with --force.") from error


class Found(NamedTuple):
    """Columns and rows of a query, the rows as they are fetched."""

    names: list[str]
    values: Iterator[tuple[Any, ...]]


def asked(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[Any] = (), *, beside: Mapping[str, Any] | None = None
) -> Found:
    """A query's columns and rows; rows are fetched in pieces, so that a large answer costs no memory.

    `beside` are Arrow tables by the name under which the query reads them.
    """
    if not query.strip(" ;\n\t"):
        raise UnknownNameError("The query is empty.")
    cursor = connection.cursor()
    for name, table in (beside or {}).items():
        cursor.register(name, table)
    cursor.execute(query, list(parameters))
    names = _told_apart([column[0] for column in cursor.description or []])
    pieces = iter(lambda: cursor.fetchmany(_PIECE_ROWS), [])
    return Found(names, (values for piece in pieces for values in piece))


def _told_apart(names: Sequence[str]) -> list[str]:
    """Names of columns, a name that comes again with its number: `effect_percent`, `effect_percent_2`."""
    told: list[str] = []
    for name in names:
        count = 2
        fresh = name
        while fresh in told:
            fresh, count = f"{name}_{count}", count + 1
        told.append(fresh)
    return told


def rows(connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[Any] = ()) -> list[Row]:
    """Rows of a query as dictionaries."""
    found = asked(connection, query, parameters)
    return [dict(zip(found.names, values, strict=True)) for values in found.values]
