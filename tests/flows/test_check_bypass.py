"""payref check: where a modifier may stand that bypasses a pair is told as the macro ncci_bypass answers it."""

import re
from datetime import date
from itertools import combinations
from pathlib import Path

import duckdb
import polars as pl
import pytest

from flows.claim_check import findings, judge
from flows.database_name import DATABASE
from flows.release_query import opened
from schemas import NcciPtp
from tests.flows.claim_builders import checked, enriched, picked
from tests.flows.test_ncci_macros import edit, insert

PAIRS = 200
DAYS = ("2014-12-31", "2019-06-30", "2019-07-01", "2025-10-15")
Places = tuple[set[str], set[str]]
"""Modifiers that may stand on column two and on column one."""
_BY_MACRO = """
    SELECT
        bypass.modifier,
        CASE WHEN bypass.disposition = 'allowed_with_documentation' THEN bypass.modifier_stands_on END AS place,
        EXISTS (
            FROM code_payer_modifier AS cell
            WHERE cell.code = bypass.column_two_code AND cell.modifier = bypass.modifier AND cell.component = 'global'
                AND cell.payer_id = 'medicare' AND cell.organization_id = 'any' AND cell.line_of_business = 'any'
                AND cell.market = 'any' AND cell.disposition = 'not_allowed'
                AND CAST($3 AS DATE) BETWEEN cell.valid_from AND coalesce(cell.valid_to, DATE '9999-12-31')
        ) AS is_refused_on_two
    FROM ncci_bypass($1, $2, $3) AS bypass
"""
"""Since when the undated ones count on column one nobody published; on column two they count where Medicare takes them."""


def told_places(sentence: str, one: str, two: str) -> Places:
    """What a sentence names."""
    named = dict(re.findall(r"on ([0-9A-Z]{5}) \(([0-9A-Z, ]+)\)", sentence))
    assert set(named) <= {one, two}, sentence
    on_two, on_one = (set(filter(None, named.get(code, "").split(", "))) for code in (two, one))
    return on_two, on_one


def places_by_macro(connection: duckdb.DuckDBPyConnection, one: str, two: str, day: str) -> Places:
    """What the macro answers."""
    rows = connection.execute(_BY_MACRO, [one, two, day]).fetchall()
    on_two = {
        name for name, place, refused in rows if place in ("column_two", "column_one_or_two", "not_published") and not refused
    }
    return on_two, {name for name, place, _ in rows if place in ("column_one", "column_one_or_two")}


def bypassable(connection: duckdb.DuckDBPyConnection, day: str) -> list[tuple[str, str]]:
    """Pairs with indicator 1 on a day, drawn over the whole table, but for those listed twice."""
    query = """
        SELECT edit.column_one_code, edit.column_two_code FROM ncci_ptp AS edit
        WHERE edit.setting = 'practitioner' AND edit.is_ever_in_force
            AND CAST($1 AS DATE) BETWEEN edit.valid_from AND coalesce(edit.valid_to, DATE '9999-12-31')
        GROUP BY edit.column_one_code, edit.column_two_code
        HAVING bool_and(edit.modifier_indicator = '1')
        ORDER BY hash(edit.column_one_code || edit.column_two_code)
        LIMIT $2
    """
    return connection.execute(query, [day, PAIRS]).fetchall()


def compared(output: Path, folder: Path, day: str) -> int:
    """How many pairs have the places that the macro answers; fails at the first that has others."""
    with opened(output) as connection:
        pairs = bypassable(connection, day)
        lines = [(f"{one} {two}", code) for one, two in pairs for code in (one, two)]
        claims = pl.DataFrame(lines, schema=["claim", "code"], orient="row").with_columns(
            line=pl.int_range(pl.len()), payer=pl.lit("Medicare"), units=pl.lit(1), service_date=pl.lit(day)
        )
        claims.write_csv(folder / "claims.csv")
        found = pl.concat(findings(connection, judge(connection, folder / "claims.csv", on=None)))
        told = {row["claim"]: row["sentence"] for row in found.filter(rule_id="ncci.pair_without_modifier").to_dicts()}
        for one, two in pairs:
            assert told_places(told[f"{one} {two}"], one, two) == places_by_macro(connection, one, two, day), (one, two, day)
        return len(pairs)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = enriched(tmp_path_factory.mktemp("check"))
    with duckdb.connect(str(folder / "current" / DATABASE)) as connection:
        codes = [code for (code,) in connection.execute("SELECT DISTINCT code FROM code ORDER BY hash(code)").fetchall()]
        listed = {
            frozenset(pair) for pair in connection.execute("SELECT column_one_code, column_two_code FROM ncci_ptp").fetchall()
        }
        new = [pair for pair in combinations(codes, 2) if frozenset(pair) not in listed]
        drawn = pl.Series(new, dtype=pl.List(pl.String)).sample(PAIRS, seed=1)
        insert(connection, NcciPtp, *(edit(one, two, date(2014, 1, 1), None, "1") for one, two in drawn))
    return folder


@pytest.mark.parametrize("day", DAYS)
def test_the_places_told_are_those_of_the_macro(output: Path, tmp_path: Path, day: str) -> None:
    assert compared(output, tmp_path, day) == PAIRS


ON_A_VISIT = (
    "24, 25, 27, 57, 78, 91, E1, E2, E3, E4, F1, F2, F3, F4, F5, F6, F7, F8, F9, FA, LC, LD, LM, LT, RC, RI, RT, T1, T2, T3, T4, T5, T6, "
    "T7, T8, T9, TA, XE, XP, XS, XU"
)


def test_59_is_told_of_the_procedure_and_not_of_the_visit(output: Path, tmp_path: Path) -> None:
    """Medicare takes 59 on no visit."""
    with duckdb.connect(str(output / "current" / DATABASE)) as connection:
        connection.execute("DELETE FROM ncci_ptp WHERE '99213' IN (column_one_code, column_two_code)")
        insert(connection, NcciPtp, edit("43235", "99213", date(2014, 1, 1), None, "1"))
    lines = ("A,1,Medicare,43235,,,1,2025-10-15,", "A,2,Medicare,99213,59,,1,2025-10-15,")
    _, _, found = checked(output, tmp_path, *lines)
    assert picked(found, "source_row", "severity", "sentence", family="ncci.pair_without_modifier") == [
        (
            "3",
            "error",
            "99213 is denied beside 43235 on one claim and day without an NCCI-associated modifier. Where clinically justified one may "
            f"stand on 99213 ({ON_A_VISIT}) or on 43235 (59, XE, XP, XS, XU).",
        )
    ]
