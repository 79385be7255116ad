"""Every table is documented, keyed and licensed, and what is derived from the declarations agrees with them."""

import duckdb
import polars as pl
import pytest

from flows import PROJECT
from flows.export import LICENCES
from schemas import TABLES, table
from schemas.base import OF_ITS_TEXTS, Table
from schemas.derive.ddl import add_key, comments, create_table
from schemas.derive.documents import dictionary, table_of_tables
from schemas.vocabulary import PAYERS

EVERY = pytest.mark.parametrize("model", TABLES, ids=[model.table_name() for model in TABLES])


@EVERY
def test_a_table_says_what_it_is(model: type[Table]) -> None:
    facts = model.facts()
    assert model.summary().endswith(".")
    assert facts.group
    assert facts.row
    assert facts.licence in {*LICENCES, "as the column licence", OF_ITS_TEXTS}
    assert 0 <= facts.expected_rows[0] <= facts.expected_rows[1]


@EVERY
def test_a_key_is_never_empty_and_stands_first(model: type[Table]) -> None:
    key = model.facts().key
    assert model.column_names()[: len(key)] == key
    assert not [column.name for column in model.columns() if column.name in key and column.nullable]


@EVERY
def test_every_column_is_described_and_typed(model: type[Table]) -> None:
    for column in model.columns():
        assert column.description.endswith((".", "?")), column.name
        assert isinstance(column.dtype, (pl.String, pl.Int64, pl.Boolean, pl.Date, pl.Decimal)), column.name


@EVERY
def test_references_lead_to_columns_that_exist(model: type[Table]) -> None:
    for column in model.columns():
        if column.references:
            name, _, referred = column.references.partition(".")
            assert referred in table(name).column_names()


@EVERY
def test_names_of_kinds_follow_one_rule(model: type[Table]) -> None:
    for column in model.columns():
        assert column.name.startswith("is_") == (isinstance(column.dtype, pl.Boolean) and column.name != "has_money_effect")
        if column.name.endswith(("_date", "valid_from", "valid_to", "effective_to")):
            assert isinstance(column.dtype, pl.Date), column.name
        if column.name.endswith(("_percent", "_usd", "_rvu", "_gpci", "_units")):
            assert isinstance(column.dtype, pl.Decimal), column.name


def test_the_database_accepts_every_declaration() -> None:
    with duckdb.connect() as connection:
        for model in TABLES:
            connection.execute(create_table(model))
            connection.execute(add_key(model))
            for comment in comments(model):
                connection.execute(comment)
        uncommented = connection.execute(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE comment IS NULL AND NOT internal"
        ).fetchall()
    assert uncommented == []


def test_the_database_is_a_second_judge() -> None:
    good = "INSERT INTO payer VALUES ('uhc', 'U', 'insurer', 'commercial', true, NULL, 't', 'p', 'w', NULL, 'f', 2)"
    with duckdb.connect() as connection:
        connection.execute(create_table(table("payer")))
        connection.execute(add_key(table("payer")))
        connection.execute(good)
        with pytest.raises(duckdb.ConstraintException, match="Duplicate key"):
            connection.execute(good)
        with pytest.raises(duckdb.ConstraintException, match="CHECK constraint failed"):
            connection.execute(good.replace("'uhc'", "'united'"))
        with pytest.raises(duckdb.ConstraintException, match="NOT NULL constraint failed"):
            connection.execute(good.replace("'U'", "NULL").replace("'uhc'", "'aetna'"))


def test_the_dictionary_names_every_table_and_column() -> None:
    text = dictionary(TABLES)
    for model in TABLES:
        assert f"## {model.table_name()}\n" in text
        for column in model.columns():
            assert f"| {column.name} | " in text


def test_the_readme_shows_the_tables_as_they_are() -> None:
    assert table_of_tables(TABLES) in (PROJECT / "README.md").read_text(encoding="utf-8")


def test_the_five_payers_are_the_vocabulary() -> None:
    rows = (PROJECT / "raw" / "payers" / "payer.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert sorted(row.split(",")[0] for row in rows) == list(PAYERS)
