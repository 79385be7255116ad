"""Names of payers resolved by what a release holds. Imports Polars, so whoever wants to start at once imports it late."""

from datetime import date
from typing import NamedTuple

import duckdb
import polars as pl

from flows.settings import NoAnswerError
from transforms.payer_names import Meant, meant, resolved


class NameTables(NamedTuple):
    """What names are resolved by."""

    aliases: pl.DataFrame
    organizations: pl.DataFrame
    words: pl.DataFrame


def name_tables(connection: duckdb.DuckDBPyConnection) -> NameTables:
    """The tables of a release. Raises NoAnswerError for a release made before names had words."""
    try:
        return NameTables(*(_rows(connection, name) for name in ("payer_alias", "payer_organization", "name_word")))
    except duckdb.CatalogException as error:
        raise NoAnswerError("This release cannot resolve names. Refresh once with --force.") from error


def meaning(
    connection: duckdb.DuckDBPyConnection, name: str, *, plan: str | None = None, state: str | None = None, on: date | None = None
) -> Meant:
    """Whom a name means by a release."""
    return meant(name, plan=plan, state=state, on=on, **name_tables(connection)._asdict())


def meanings(connection: duckdb.DuckDBPyConnection, names: pl.DataFrame) -> pl.DataFrame:
    """Names (see `transforms.payer_names.resolved`) with whom they mean by a release."""
    return resolved(names, **name_tables(connection)._asdict())


def _rows(connection: duckdb.DuckDBPyConnection, table: str) -> pl.DataFrame:
    rows: pl.DataFrame = connection.sql(f"FROM {table} ORDER BY source_file, source_row").pl()
    return rows
