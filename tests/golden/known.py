"""The known answers, and how they are asked in SQL."""

import csv
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

ANSWERS = list(csv.DictReader((Path(__file__).parent / "answers.csv").read_text(encoding="utf-8").splitlines()))
CHECKED = ("disposition", "effect_kind", "effect_percent", "effect_units")


def asked_in_sql(connection: duckdb.DuckDBPyConnection, known: dict[str, str]) -> dict[str, Any]:
    query = """
        SELECT disposition, effect_kind, CAST(effect_percent AS VARCHAR), CAST(effect_units AS VARCHAR)
        FROM modifiers_for($1, $2, on_date := $3, as_component := $4, for_line := $5, in_market := $6, for_organization := $7)
        WHERE modifier = $8
    """
    given = [
        known["code"],
        known["payer"],
        date.fromisoformat(known["on"]),
        known["component"],
        known["line_of_business"] or None,
    ]
    (row,) = connection.execute(query, [*given, known["market"], known["organization"], known["modifier"]]).fetchall()
    return dict(zip(CHECKED, (value or "" for value in row), strict=True))
