"""The questions that the database answers: modifiers_for, explain, position_rules."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows import SHIPPED_RAW
from flows.database_name import DATABASE
from flows.load import configure
from schemas.vocabulary import MARKETS
from tests.databases import database_of

Connection = duckdb.DuckDBPyConnection
OCTOBER_2025 = date(2025, 10, 1)
LAST_DAY = date(2025, 12, 31)
FEE_SCHEDULE = "cms_pfs/2025-10/PPRRVU2025_Oct.csv"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """The shipped raw files as a database, read-only."""
    path = database_of(SHIPPED_RAW, tmp_path_factory.mktemp("macros") / DATABASE)
    with duckdb.connect(str(path), read_only=True) as connection:
        configure(connection, threads=2)
        yield connection


def rows(connection: Connection, query: str, *given: Any) -> list[tuple[Any, ...]]:
    return connection.execute(query, list(given)).fetchall()


def answers(
    connection: Connection, columns: str, code: str, payer: str, *modifiers: str, on: date, **options: str
) -> list[tuple[Any, ...]]:
    """Columns of modifiers_for for some modifiers, in the order of the modifiers."""
    named = "".join(f", {name} := '{value}'" for name, value in options.items())
    query = (
        f"SELECT {columns} FROM modifiers_for($1, $2, on_date := $3{named}) WHERE list_contains($4, modifier) ORDER BY modifier"
    )
    return rows(connection, query, code, payer, on, list(modifiers))


# ---------------------------------------------------------------- modifiers_for


def test_a_row_of_modifiers_for_in_full(database: Connection) -> None:
    cursor = database.execute("SELECT * FROM modifiers_for('00406', 'cigna', on_date := DATE '2023-03-12') WHERE modifier = 'QZ'")
    names = [column[0] for column in cursor.description or []]
    (row,) = cursor.fetchall()
    assert dict(zip(names, row, strict=True)) == {
        "code": "00406",
        "component": "global",
        "payer_id": "cigna",
        "modifier": "QZ",
        "disposition": "allowed",
        "effect_kind": "percent",
        "effect_percent": Decimal("85.00"),
        "effect_units": None,
        "effect_formula": None,
        "target_line": "anesthesia",
        "rule_id": "cigna.anesthesia.QZ.2023",
        "tier": "trade_press",
        "reason": (
            "A nurse anesthetist without medical direction is paid 85 percent; Medicare Advantage and Medicaid are not affected."
        ),
        "organization_id": "any",
        "line_of_business": "commercial",
        "market": "any",
        "valid_from": date(2023, 3, 12),
        "valid_to": date(2025, 9, 30),
        "effective_from": date(2023, 3, 12),
        "effective_from_basis": "stated",
        "effective_to": None,
        "medicare_disposition": "not_published",
        "medicare_effect_percent": None,
        "is_stale": False,
        "release_used": None,
        "release_last_day": None,
        "listed_until": None,
    }


@pytest.mark.parametrize(
    ("payer", "on", "options", "expected"),
    [
        ("cigna", date(2022, 12, 31), {}, ("not_published", None, None)),
        ("cigna", date(2023, 3, 11), {}, ("allowed", Decimal(100), "cigna.anesthesia.QZ.before_2023")),
        ("cigna", date(2023, 3, 12), {}, ("allowed", Decimal(85), "cigna.anesthesia.QZ.2023")),
        ("cigna", date(2023, 3, 12), {"for_line": "medicaid"}, ("not_published", None, None)),
        ("uhc", date(2025, 9, 30), {"in_market": "TX"}, ("allowed", Decimal(100), "uhc.anesthesia.QZ.before_2025")),
        ("uhc", OCTOBER_2025, {"in_market": "TX"}, ("allowed", Decimal(85), "uhc.anesthesia.QZ.2025")),
        ("uhc", OCTOBER_2025, {"in_market": "OH"}, ("allowed", Decimal(100), "uhc.anesthesia.QZ.2025.oh")),
        ("uhc", OCTOBER_2025, {}, ("allowed", Decimal(85), "uhc.anesthesia.QZ.2025")),
        ("uhc", OCTOBER_2025, {"in_market": "OH", "for_line": "medicaid"}, ("not_published", None, None)),
        ("bcbs", date(2024, 10, 31), {"for_organization": "anthem_oh"}, ("not_published", None, None)),
        ("bcbs", date(2024, 11, 1), {"for_organization": "anthem_oh"}, ("allowed", Decimal(85), "bcbs.anthem_oh.anesthesia.QZ")),
        ("bcbs", date(2024, 11, 1), {}, ("not_published", None, None)),
    ],
)
def test_a_nurse_anesthetist_alone(
    database: Connection, payer: str, on: date, options: dict[str, str], expected: tuple[Any, ...]
) -> None:
    found = answers(database, "disposition, effect_percent, rule_id", "00406", payer, "QZ", on=on, **options)
    assert found == [expected]


def test_an_organization_inherits_the_rules_of_its_parent(database: Connection) -> None:
    columns = "disposition, organization_id, rule_id"
    found = answers(database, columns, "00406", "bcbs", "AD", on=date(2026, 11, 21), for_organization="anthem_oh")
    assert found == [("not_allowed", "anthem", "bcbs.anthem.anesthesia.AD")]


def test_shares_of_the_global_package(database: Connection) -> None:
    columns = "modifier, disposition, effect_kind, effect_percent, rule_id"
    assert answers(database, columns, "19307", "medicare", "54", "55", "78", on=OCTOBER_2025) == [
        ("54", "allowed", "percent", Decimal(81), "medicare.split_care.54.phases"),
        ("55", "allowed", "percent", Decimal(19), "medicare.split_care.55.phases"),
        ("78", "allowed", "percent", Decimal(71), "medicare.return_to_room.phases"),
    ]


def test_a_minor_procedure(database: Connection) -> None:
    modifiers = ("26", "50", "62", "66", "80", "AS", "TC")
    columns = "modifier, disposition, effect_percent, rule_id"
    assert answers(database, columns, "96406", "medicare", *modifiers, on=OCTOBER_2025) == [
        ("26", "not_allowed", None, "medicare.component.26.pctc_0"),
        ("50", "allowed", Decimal(100), "medicare.bilateral.0"),
        ("62", "not_allowed", None, "medicare.co_surgeon.0"),
        ("66", "not_allowed", None, "medicare.team.0"),
        ("80", "not_paid", None, "medicare.assistant.80.1"),
        ("AS", "not_paid", None, "medicare.assistant.AS.1"),
        ("TC", "not_allowed", None, "medicare.component.TC.pctc_0"),
    ]


def test_the_component_asked_for_or_the_first_that_the_code_has(database: Connection) -> None:
    columns = "code, component, disposition"
    assert answers(database, columns, "71046", "medicare", "26", on=OCTOBER_2025) == [("71046", "global", "allowed")]
    assert answers(database, columns, "71046", "medicare", "TC", on=OCTOBER_2025, as_component="26") == [
        ("71046", "26", "not_allowed")
    ]
    assert answers(database, columns, "86153", "medicare", "26", on=OCTOBER_2025) == [("86153", "26", "allowed")]


def test_every_governed_modifier_has_one_row_in_order(database: Connection) -> None:
    governed = rows(database, "SELECT DISTINCT modifier FROM modifier_rule WHERE modifier <> 'any' ORDER BY ALL")
    assert rows(database, "SELECT modifier FROM modifiers_for('99213', 'aetna', on_date := DATE '2025-10-01')") == governed


def test_a_component_without_a_row_says_so(database: Connection) -> None:
    columns = "disposition, effect_kind, target_line, rule_id, reason, valid_from, medicare_disposition"
    assert answers(database, columns, "99213", "medicare", "50", on=OCTOBER_2025, as_component="TC") == [
        (
            "not_published",
            "none",
            "line",
            None,
            "No accepted row of the fee schedule in force on that day has this code in component TC; "
            "the table finding lists refused rows.",
            None,
            "not_published",
        )
    ]


def test_a_day_before_the_oldest_release_says_which_one_that_is(database: Connection) -> None:
    query = "SELECT DISTINCT disposition, rule_id, is_stale FROM modifiers_for('99213', 'uhc', on_date := $1)"
    assert rows(database, query, date(1970, 1, 1)) == [("not_published", None, False)]
    ((reason,),) = rows(database, "SELECT DISTINCT reason FROM modifiers_for('99213', 'uhc', on_date := $1)", date(1970, 1, 1))
    assert reason.startswith("The oldest fee schedule release here starts on 2025-10-01 ")


@pytest.mark.parametrize(("on", "is_stale"), [(LAST_DAY, False), (LAST_DAY + timedelta(days=1), True), (date(2030, 1, 1), True)])
def test_a_day_after_the_release_used_is_answered_and_marked(database: Connection, on: date, *, is_stale: bool) -> None:
    columns = "is_stale, release_used, release_last_day"
    expected = [(is_stale, "2025-10", LAST_DAY)]
    assert rows(database, f"SELECT DISTINCT {columns} FROM modifiers_for('19307', 'medicare', on_date := $1)", on) == expected
    assert rows(database, f"SELECT DISTINCT {columns} FROM explain('19307', 'medicare', '54', on_date := $1)", on) == expected
    assert answers(database, "effect_percent", "19307", "medicare", "54", on=on) == [(Decimal(81),)]


@pytest.mark.parametrize(
    "question",
    [
        "modifiers_for('A9999', 'medicare')",
        "modifiers_for('', 'medicare')",
        "modifiers_for('19307', 'nobody')",
        "modifiers_for(NULL, NULL)",
        "explain('A9999', 'medicare', '50')",
        "explain('19307', 'nobody', '50')",
        "explain('19307', 'any', '50')",
        "explain('19307', 'medicare', 'ZZ')",
        "position_rules('nobody')",
    ],
)
def test_unknown_names_give_no_rows(database: Connection, question: str) -> None:
    assert rows(database, f"SELECT * FROM {question}") == []


@pytest.mark.parametrize("options", ["", ", for_line := 'medicaid'", ", in_market := 'OH'"])
@pytest.mark.parametrize("on", [date(2025, 10, 5), date(2023, 3, 12), date(1990, 1, 1)])
def test_the_payer_any_means_each_of_them(database: Connection, on: date, options: str) -> None:
    codes = "(SELECT DISTINCT code FROM code) AS codes"
    together = f"SELECT answer.* FROM {codes}, modifiers_for(codes.code, 'any', on_date := $1{options}) AS answer"
    one_by_one = (
        f"SELECT answer.* FROM {codes}, payer, modifiers_for(codes.code, payer.payer_id, on_date := $1{options}) AS answer"
    )
    assert rows(database, f"({together} EXCEPT ALL {one_by_one}) UNION ALL ({one_by_one} EXCEPT ALL {together})", on) == []
    ((payers,),) = rows(database, f"SELECT count(DISTINCT payer_id) FROM ({together})", on)
    assert payers == 5


@pytest.mark.parametrize(
    "macro",
    [
        "modifiers_for('00406', 'uhc'{})",
        "explain('00406', 'uhc', 'QZ'{})",
        "position_rules('bcbs', for_organization := 'bcbs_nc'{})",
    ],
)
def test_the_default_day_is_today(database: Connection, macro: str) -> None:
    today = rows(database, f"SELECT * FROM {macro.format(', on_date := current_date')}")
    assert rows(database, f"SELECT * FROM {macro.format('')}") == today
    assert today


# ---------------------------------------------------------------- explain


def test_explain_lists_the_rules_considered_the_winner_first(database: Connection) -> None:
    columns = "verdict, why, rule_id, effect_percent, rank, indicator_values, indicator_file, rule_file"
    query = f"SELECT {columns} FROM explain('00406', 'uhc', 'QZ', on_date := DATE '2025-10-01', in_market := 'OH')"
    found = rows(database, query)
    common = ("section=anesthesia", FEE_SCHEDULE, "payer_rules/uhc.csv")
    assert found[0] == ("won", "Highest rank in force: 301.", "uhc.anesthesia.QZ.2025.oh", Decimal(100), 301, *common)
    assert found[1] == ("outranked", "Rank 101 is below 301.", "uhc.anesthesia.QZ.2025", Decimal(85), 101, *common)
    assert found[2:-1] == [
        (
            "other_scope",
            f"Holds for any, commercial, {state} only.",
            f"uhc.anesthesia.QZ.2025.{state.lower()}",
            Decimal(100),
            301,
            *common,
        )
        for state in ("AR", "CA", "CO", "HI", "MA", "NH", "WY")
    ]
    assert found[-1] == (
        "not_in_force",
        "In force from 2025-01-01 to 2025-09-30.",
        "uhc.anesthesia.QZ.before_2025",
        Decimal(100),
        101,
        *common,
    )


def test_explain_shows_the_indicators_that_a_rule_reads(database: Connection) -> None:
    columns = "verdict, rule_id, effect_percent, predicate, indicator_values, indicator_file, indicator_row"
    ((verdict, rule, percent, predicate, values, file, line),) = rows(
        database, f"SELECT {columns} FROM explain('19307', 'medicare', '54', on_date := DATE '2025-10-01')"
    )
    assert (verdict, rule, percent) == ("won", "medicare.split_care.54.phases", Decimal(81))
    assert (predicate, values, file) == (
        "global_days_code=010|090; has_phases=true",
        "global_days_code=090; has_phases=true",
        FEE_SCHEDULE,
    )
    assert (SHIPPED_RAW / Path(file)).read_text(encoding="cp1252").splitlines()[line - 1].startswith("19307,")


def test_explain_without_a_rule_repeats_the_reason(database: Connection) -> None:
    query = (
        "SELECT verdict, why, rule_id, disposition, effect_kind FROM explain('99213', 'uhc', 'QZ', on_date := DATE '1970-01-01')"
    )
    ((reason,),) = answers(database, "reason", "99213", "uhc", "QZ", on=date(1970, 1, 1))
    assert rows(database, query) == [("no_rule", reason, None, "not_published", "none")]


def test_explain_names_withdrawn_rules_without_letting_them_answer(database: Connection) -> None:
    query = "SELECT verdict, why, rule_id FROM explain('99213', 'aetna', 'SA', on_date := DATE '2026-11-21')"
    assert rows(database, query) == [
        ("withdrawn", "The rule was withdrawn, so it does not answer.", "aetna.nonphysician.SA"),
    ]
    assert answers(database, "disposition, rule_id", "99213", "aetna", "SA", on=date(2026, 11, 21)) == [("not_published", None)]


EVERY_CELL = """
    WITH codes AS (SELECT DISTINCT code FROM code),
    governed AS (SELECT DISTINCT modifier FROM modifier_rule WHERE modifier <> 'any'),
    answered AS (
        SELECT answer.*
        FROM codes, payer,
            modifiers_for(codes.code, payer.payer_id, on_date := $1, for_line := $2, in_market := $3, for_organization := $4)
                AS answer
    ),
    explained AS (
        SELECT considered.*
        FROM codes, payer, governed,
            explain(
                codes.code, payer.payer_id, governed.modifier,
                on_date := $1, for_line := $2, in_market := $3, for_organization := $4
            ) AS considered
    ),
    won AS (
        SELECT
            code, payer_id, modifier,
            count(*) FILTER (verdict = 'won') AS winners,
            any_value(struct_pack(rule_id, component, disposition, effect_kind, effect_percent, effect_units, effect_formula,
                target_line, organization_id, line_of_business, market, tier, reason)) FILTER (verdict = 'won') AS winner
        FROM explained
        GROUP BY ALL
    ),
    compared AS (
        SELECT
            answered.rule_id IS NOT NULL AS has_rule,
            coalesce(won.winners, 0) AS winners,
            won.winner IS NOT DISTINCT FROM CASE WHEN answered.rule_id IS NOT NULL THEN
                struct_pack(answered.rule_id, answered.component, answered.disposition, answered.effect_kind,
                answered.effect_percent, answered.effect_units, answered.effect_formula, answered.target_line,
                answered.organization_id, answered.line_of_business, answered.market, answered.tier, answered.reason)
            END AS agrees
        FROM answered FULL JOIN won USING (code, payer_id, modifier)
    )
    SELECT
        (SELECT count(*) FROM codes) * (SELECT count(*) FROM payer) * (SELECT count(*) FROM governed) AS expected,
        count(*),
        count(*) FILTER (has_rule AND winners = 1 AND agrees),
        count(*) FILTER (NOT has_rule AND winners = 0)
    FROM compared
"""


@pytest.mark.parametrize(
    ("on", "line", "market", "organization", "least"),
    [
        (date(2023, 3, 12), None, "any", "any", 300),
        (OCTOBER_2025, None, "any", "any", 300),
        (date(2026, 11, 21), "commercial", "OH", "anthem_oh", 40),
        (date(2026, 11, 21), "medicaid", "any", "any", 40),
    ],
)
def test_explain_agrees_with_modifiers_for_in_every_cell(
    database: Connection, on: date, line: str | None, market: str, organization: str, least: int
) -> None:
    ((expected, cells, answered, unanswered),) = rows(database, EVERY_CELL, on, line, market, organization)
    assert cells == expected
    assert answered + unanswered == cells
    assert answered > least


# ---------------------------------------------------------------- position_rules

PERFORMERS, PHYSICAL_STATUS = "AA AD QK QX QY QZ", "P1 P2 P3 P4 P5 P6"
COMMERCIAL_2026 = [
    ("bcbs_nc.position.2026.commercial", 1, PERFORMERS, "commercial", date(2026, 4, 1), None),
    ("bcbs_nc.position.2026.commercial", 2, PHYSICAL_STATUS, "commercial", date(2026, 4, 1), None),
    ("bcbs_nc.position.2026.commercial", 3, "QS", "commercial", date(2026, 4, 1), None),
]
UNTIL_MARCH_2026 = [
    ("bcbs_nc.position.2012.commercial", 1, PHYSICAL_STATUS, "commercial", date(2012, 1, 1), date(2026, 3, 31)),
    ("bcbs_nc.position.2012.commercial", 2, PERFORMERS, "commercial", date(2012, 1, 1), date(2026, 3, 31)),
]
MEDICARE_ADVANTAGE = [
    ("bcbs_nc.position.2012.medicare_advantage", 1, PHYSICAL_STATUS, "medicare_advantage", date(2012, 1, 1), None),
    ("bcbs_nc.position.2012.medicare_advantage", 2, PERFORMERS, "medicare_advantage", date(2012, 1, 1), None),
]


@pytest.mark.parametrize(
    ("on", "line", "expected"),
    [
        (date(2011, 12, 31), None, []),
        (date(2026, 3, 31), None, UNTIL_MARCH_2026),
        (date(2026, 3, 31), "medicare_advantage", MEDICARE_ADVANTAGE),
        (date(2026, 4, 1), None, COMMERCIAL_2026),
        (date(2026, 4, 1), "medicare_advantage", MEDICARE_ADVANTAGE),
        (
            date(2026, 4, 1),
            "fep",
            [
                ("bcbs_nc.position.2026.fep", place, modifiers, "fep", start, end)
                for _, place, modifiers, _, start, end in COMMERCIAL_2026
            ],
        ),
    ],
)
def test_a_licensees_order_changes_on_its_day(
    database: Connection, on: date, line: str | None, expected: list[tuple[Any, ...]]
) -> None:
    columns = "group_id, position, modifiers, line_of_business, effective_from, effective_to"
    found = rows(
        database,
        f"SELECT {columns} FROM position_rules('bcbs', on_date := $1, for_line := $2, for_organization := 'bcbs_nc')",
        on,
        line,
    )
    assert found[: len(expected)] == expected
    assert {row[0] for row in found[len(expected) :]} == {"any.position.58_82", "any.position.general"}


def test_a_licensees_order_holds_for_nobody_else(database: Connection) -> None:
    groups = rows(database, "SELECT DISTINCT group_id FROM position_rules('bcbs', on_date := DATE '2026-04-01') ORDER BY ALL")
    assert groups == [("any.position.58_82",), ("any.position.general",)]


# ---------------------------------------------------------------- words beside the data


@pytest.mark.parametrize("kind", ["tables", "columns", "functions"])
def test_every_table_column_and_macro_has_a_comment(database: Connection, kind: str) -> None:
    name = {"tables": "table_name", "columns": "table_name || '.' || column_name", "functions": "function_name"}[kind]
    query = f"SELECT {name}, comment FROM duckdb_{kind}() WHERE NOT internal"
    described = rows(database, query)
    assert described
    assert [what for what, comment in described if not comment] == []


@pytest.mark.parametrize(
    ("payer", "options", "reason"),
    [
        ("uhc", {"in_market": "Arkansas"}, "The market ARKANSAS is no state: two letters such as TX, or any."),
        ("uhc", {"in_market": "zz"}, "The market ZZ is no state: two letters such as TX, or any."),
        ("uhc", {"in_market": "TX", "for_organization": "uhc_oh"}, "The organization uhc_oh is in OH only."),
        (
            "uhc",
            {"for_line": "comercial"},
            "The line of business comercial is none of commercial, exchange, fep, medicaid, medicare_advantage, medicare_ffs.",
        ),
        ("uhc", {"for_organization": "anthem_oh"}, "The organization anthem_oh belongs to bcbs."),
        ("uhc", {"for_organization": "nobody"}, "The organization nobody is not in payer_organization."),
        (
            "medicare",
            {"for_line": "medicare_advantage"},
            "Medicare has only the line of business medicare_ffs; a plan of another line is a product of its insurer.",
        ),
    ],
)
def test_nobody_answers_for_a_scope_that_there_is_not(
    database: Connection, payer: str, options: dict[str, str], reason: str
) -> None:
    columns = "disposition, effect_percent, rule_id, tier, reason"
    assert answers(database, columns, "00406", payer, "QZ", on=OCTOBER_2025, **options) == [
        ("not_published", None, None, None, reason)
    ]
    named = ", ".join(f"{name} := '{value}'" for name, value in options.items())
    told = rows(database, f"SELECT verdict, why FROM explain('00406', $1, 'QZ', on_date := $2, {named})", payer, OCTOBER_2025)
    assert {verdict for verdict, _ in told} <= {"other_scope", "not_in_force"}
    assert {why for verdict, why in told if verdict == "other_scope"} == {reason}


def test_every_state_is_a_market(database: Connection) -> None:
    query = "SELECT market FROM unnest($1::VARCHAR[]) AS given(market) WHERE no_such_scope('uhc', 'uhc', NULL, market, 'any') IS NOT NULL"
    assert rows(database, query, list(MARKETS)) == []


@pytest.mark.parametrize("organization", ["any", "uhc_oh"])
def test_a_scope_that_is_null_or_any_is_none(database: Connection, organization: str) -> None:
    query = "SELECT * FROM modifiers_for('00406', 'uhc', on_date := $1, for_line := $2, in_market := $3, for_organization := $4)"
    plain = rows(database, query, OCTOBER_2025, None, "any", organization)
    assert rows(database, query, OCTOBER_2025, "any", None, organization) == plain
    if organization == "any":
        assert rows(database, query, OCTOBER_2025, None, None, None) == plain


def test_an_organization_is_asked_about_in_its_only_state_and_line(database: Connection) -> None:
    """Without a market, as with it: Anthem in Ohio is in Ohio alone, Aetna Better Health of Texas sells Medicaid alone."""
    columns = "modifier, disposition, effect_percent, rule_id, market, line_of_business, reason"
    for payer, organization, scope in (
        ("bcbs", "anthem_oh", {"in_market": "OH"}),
        ("aetna", "aetna_better_health_tx", {"in_market": "TX", "for_line": "medicaid"}),
    ):
        plain = f"SELECT {columns} FROM modifiers_for('00406', $1, on_date := $2, for_organization := $3)"
        named = "".join(f", {name} := '{value}'" for name, value in scope.items())
        stated = f"SELECT {columns} FROM modifiers_for('00406', $1, on_date := $2, for_organization := $3{named})"
        given = (payer, date(2026, 11, 21), organization)
        assert rows(database, plain, *given) == rows(database, stated, *given)


def test_the_macros_are_these(database: Connection) -> None:
    query = "SELECT DISTINCT function_name FROM duckdb_functions() WHERE NOT internal ORDER BY ALL"
    assert {"codes_on", "explain", "modifiers_for", "position_rules"} <= {name for (name,) in rows(database, query)}
