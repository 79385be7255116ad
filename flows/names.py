"""Names of payers resolved by what a release holds. Imports Polars, so whoever wants to start at once imports it late."""

import re
from datetime import date
from typing import NamedTuple

import duckdb
import polars as pl

from flows.search import search
from flows.settings import NoAnswerError
from transforms.payer_names import Meant, meant, resolved

_MOST_SUGGESTED = 3
_MOST_SEARCHED = 12
_LONGEST_NAME = 300


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


def suggested(connection: duckdb.DuckDBPyConnection, name: str, found: Meant) -> list[str]:
    """Names close to one that is unknown, each of which means somebody. They are questions to the reader, never an answer.

    A name that is known to be another insurer's, or that is known and needs a state, has no closer spelling.
    """
    if found.status != "unknown" or not name.strip() or len(name) > _LONGEST_NAME:
        return []
    try:
        near = search(connection, name, kinds=["payer", "organization"], limit=_MOST_SEARCHED)
    except NoAnswerError:
        return []
    most = max((row["words_found"] for row in near), default=0)
    closest = sorted((row for row in near if row["words_found"] == most), key=lambda row: row["kind"] != "payer")
    names = list(dict.fromkeys(_without_payer(row["text"]) for row in closest))
    asked = pl.DataFrame({"name": names}, schema={"name": pl.String})
    seen = meanings(connection, asked.with_columns(state=pl.lit(None, pl.String), day=pl.lit(date.today())))
    return seen.filter(pl.col("payer_id").is_not_null())["name"].head(_MOST_SUGGESTED).to_list()


def _without_payer(text: str) -> str:
    """`Banner|Aetna`, which the search tells as `Banner|Aetna (aetna)`."""
    return re.sub(r" \([a-z]+\)$", "", text)


def _rows(connection: duckdb.DuckDBPyConnection, table: str) -> pl.DataFrame:
    rows: pl.DataFrame = connection.sql(f"FROM {table} ORDER BY source_file, source_row").pl()
    return rows
