"""Macros called for each row of a table, as people write it."""

import duckdb
import pytest

Connection = duckdb.DuckDBPyConnection


@pytest.mark.parametrize(
    ("macro", "column", "values"),
    [
        ("modifiers_for('00406', {}, DATE '2025-10-01')", "payer_id", ["aetna", "bcbs", "cigna", "medicare", "uhc"]),
        ("modifiers_for({}, 'medicare', DATE '2025-10-01')", "code", ["00406", "19307", "33533"]),
        ("modifiers_for('19307', 'bcbs', for_organization := {})", "organization_id", ["ibx", "anthem_oh", "any"]),
        ("modifiers_for('00406', 'uhc', DATE '2026-01-01', in_market := {})", "market", ["TX", "CA", "any"]),
        ("explain({}, 'medicare', '62', DATE '2025-10-01')", "code", ["00406", "19307", "33533"]),
        ("explain('33533', 'medicare', {}, DATE '2025-10-01')", "modifier", ["62", "80", "QZ"]),
        ("explain('00406', {}, 'QZ', DATE '2023-03-12')", "payer_id", ["cigna", "medicare", "uhc"]),
        ("position_rules({}, DATE '2025-10-01')", "payer_id", ["bcbs", "medicare"]),
        ("units_limit({}, DATE '2025-10-01')", "code", ["19307", "33533"]),
        ("addon_primaries({}, DATE '2025-10-01')", "addon_code", ["64484", "19307"]),
        ("medicare_payment({}, on_date := DATE '2025-10-01')", "asked.given", ["99213", "19307"]),
        ("search_codes({}, max_rows := 3)", "word", ["knee", "chemo leson", "964"]),
    ],
)
def test_a_macro_called_for_each_row_answers_as_one_call_each(
    connection: Connection, macro: str, column: str, values: list[str]
) -> None:
    """A bare column of the query that calls is not taken for a column of the macro's own tables."""
    together = f"SELECT asked.*, answer.* FROM (SELECT unnest($1) AS {column.removeprefix('asked.')}) AS asked, LATERAL (FROM {macro.format(column)}) AS answer"
    alone = [(value, *row) for value in values for row in connection.execute(f"FROM {macro.format('$1')}", [value]).fetchall()]
    assert sorted(map(str, connection.execute(together, [values]).fetchall())) == sorted(map(str, alone))
    assert len({row[0] for row in alone}) == len(values)
