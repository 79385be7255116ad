"""Known answers on real rows of the October 2025 fee schedule and on dated payer rules, in SQL and on the command line."""

import json
from datetime import date
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from flows import cli
from tests.golden.known import ANSWERS, CHECKED, asked_in_sql

each_answer = pytest.mark.parametrize("known", ANSWERS, ids=[" ".join(list(row.values())[:5]) for row in ANSWERS])


def options(known: dict[str, str]) -> list[str]:
    names = ("payer", "modifier", "on", "component", "line_of_business", "market", "organization")
    return [part for name in names if known[name] for part in (f"--{name.replace('_', '-')}", known[name])]


@each_answer
def test_in_sql(connection: duckdb.DuckDBPyConnection, known: dict[str, str]) -> None:
    assert asked_in_sql(connection, known) == {name: known[name] for name in CHECKED}


@each_answer
def test_on_the_command_line(output: Path, published: object, known: dict[str, str]) -> None:
    done = CliRunner().invoke(cli.app, ["lookup", known["code"], *options(known), "--output", str(output), "--json"])
    assert done.exit_code == 0, done.output
    (answer,) = json.loads(done.stdout)["answers"]
    assert {name: answer[name] or "" for name in CHECKED} == {name: known[name] for name in CHECKED}


def test_the_base_of_an_endoscopy_family(connection: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT multiple_procedure_code, endoscopic_base_code FROM pfs_indicator WHERE code = '43239'"
    assert connection.execute(query).fetchall() == [("3", "43235")]


def test_a_discontinued_procedure_has_a_row_only_where_the_file_has_one(connection: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT code FROM pfs_indicator WHERE component = '53' ORDER BY code"
    assert connection.execute(query).fetchall() == [("44388",), ("45378",), ("G0105",), ("G0121",)]


@pytest.mark.parametrize(
    ("on", "order"),
    [
        ("2026-03-31", [(1, "P1 P2 P3 P4 P5 P6"), (2, "AA AD QK QX QY QZ")]),
        ("2026-04-01", [(1, "AA AD QK QX QY QZ"), (2, "P1 P2 P3 P4 P5 P6"), (3, "QS")]),
    ],
)
def test_the_order_of_modifiers_at_blue_cross_nc_turned_round(
    connection: duckdb.DuckDBPyConnection, output: Path, on: str, order: list[tuple[int, str]]
) -> None:
    query = "SELECT position, modifiers FROM position_rules('bcbs', $1, for_organization := 'bcbs_nc') WHERE organization_id = 'bcbs_nc'"
    assert connection.execute(query, [date.fromisoformat(on)]).fetchall() == order
    asked = ["lookup", "00406", "--payer", "bcbs", "--organization", "bcbs_nc", "--on", on, "--output", str(output), "--json"]
    found = json.loads(CliRunner().invoke(cli.app, asked).stdout)["positions"]
    assert [(row["position"], row["modifiers"]) for row in found if row["organization_id"] == "bcbs_nc"] == order


def test_fee_for_stacked_modifiers_is_never_multiplied(connection: duckdb.DuckDBPyConnection) -> None:
    """No rule speaks of two modifiers at once, so no product of percentages is in the data (50 and 62 are not 93.75)."""
    query = "SELECT count(*) FROM code_payer_modifier WHERE effect_percent = 93.75"
    assert connection.execute(query).fetchall() == [(0,)]
