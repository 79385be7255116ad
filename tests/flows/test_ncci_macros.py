"""The questions about NCCI that the database answers: ncci_pairs, ncci_bypass, units_limit, addon_primaries."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import flows
from flows.load import configure
from schemas import Answer, CodeAnswerSet, Modifier, ModifierRule, NcciAddon, NcciMue, NcciPtp, RawFile, Release
from schemas.base import Table
from schemas.derive.ddl import create_table
from transforms.ncci_files import named
from transforms.sources import SourceFile

Connection = duckdb.DuckDBPyConnection
MACROS = Path(flows.__file__).parent / "sql" / "ncci.sql"
MODELS = (Answer, CodeAnswerSet, Release, RawFile, Modifier, ModifierRule, NcciPtp, NcciMue, NcciAddon)
MISUSE = "Misuse of Column Two code with Column One code"
FIRST, SECOND = "2024-07", "2026-04"
PERIODS = {FIRST: (date(2024, 7, 1), date(2024, 9, 30)), SECOND: (date(2026, 4, 1), date(2026, 6, 30))}
FILES = {
    FIRST: ("x.zip/ccipra-v302r0-f1.TXT", "MCR_MUE_PractitionerServices_Eff_07-01-2024.csv"),
    SECOND: ("x.zip/CCIPRA-v321r0-f1.txt", "MCR_MUE_PractitionerServices_Eff_04-01-2026.csv", "AOC_V2026Q2-MCR.xlsx"),
}
INDICATOR_0 = "Indicator 0: no modifier bypasses the edit."
INDICATOR_1 = "Indicator 1: an NCCI-associated modifier bypasses the edit where clinically justified."


def sample(model: type[Table], row: Mapping[str, Any]) -> list[Any]:
    """Values of a whole row; a column it does not name is empty where it may be, else the first of its values or a harmless one."""
    harmless = {pl.Int64(): 2, pl.Boolean(): False, pl.Date(): date(2026, 1, 1), pl.String(): "x"}
    left_out = {c.name: None if c.nullable else (c.values or (harmless[c.dtype],))[0] for c in model.columns()}
    return [row.get(name, value) for name, value in left_out.items()]


def insert(connection: Connection, model: type[Table], *rows: Mapping[str, Any]) -> None:
    marks = ", ".join("?" for _ in model.column_names())
    for row in rows:
        connection.execute(f"INSERT INTO {model.table_name()} VALUES ({marks})", sample(model, row))


def edit(one: str, two: str, start: date, end: date | None, indicator: str, **more: Any) -> dict[str, Any]:
    said = {
        "setting": "practitioner",
        "edit_number": 1,
        "rationale": MISUSE,
        "release_id": FIRST,
        "source_file": "f",
        "source_row": 7,
    }
    row = {"column_one_code": one, "column_two_code": two, "valid_from": start, "valid_to": end, "modifier_indicator": indicator}
    return {**said, **row, "is_ever_in_force": indicator != "9", **more}


EDITS = (
    edit("0001A", "0591T", date(2022, 1, 1), date(2023, 12, 31), "1"),
    edit("0001A", "36591", date(2022, 1, 1), date(2023, 12, 31), "0"),
    edit("0001A", "90473", date(2022, 1, 1), date(2022, 1, 1), "9"),
    edit("0001U", "0030U", date(2018, 7, 1), None, "1", source_row=11),
    edit("0007U", "0328U", date(2023, 7, 1), None, "1"),
    edit("0328U", "0007U", date(2022, 4, 1), date(2023, 6, 30), "0"),
    edit("10000", "10001", date(2020, 1, 1), None, "0"),
    edit("10000", "10001", date(2020, 1, 1), date(2025, 12, 31), "1", edit_number=2),
    edit("20000", "20001", date(2025, 1, 1), None, "1"),
    edit("20000", "20002", date(2020, 1, 1), date(2024, 12, 31), "1"),
    edit("20000", "20002", date(2020, 1, 1), None, "1", edit_number=2, source_row=12),
)
RULE = {
    "rule_id": "medicare.ncci.59", "payer_id": "medicare", "modifier": "59", "effective_from": date(2019, 7, 1), "precedence": 0,
    "effective_from_basis": "stated",
}  # fmt: skip
MODIFIERS = (
    {"modifier": "59", "category": "ncci", "is_ncci_associated": True, "valid_from": date(1966, 7, 1)},
    {"modifier": "LT", "category": "anatomic", "is_ncci_associated": True, "valid_from": date(1984, 1, 1)},
    {
        "modifier": "LT",
        "category": "other",
        "is_ncci_associated": True,
        "valid_from": date(1970, 1, 1),
        "valid_to": date(1983, 12, 31),
    },
    {"modifier": "XE", "category": "ncci", "is_ncci_associated": True, "valid_from": date(2019, 1, 1)},
    {"modifier": "22", "category": "general"},
)
LIMITS = (
    {"code": "0001U", "valid_from": date(2024, 7, 1), "mue_value": 1, "adjudication_indicator": "2", "adjudication": "day_absolute"},
    {
        "code": "0010U", "valid_from": date(2024, 7, 1), "valid_to": date(2026, 3, 31), "mue_value": 2,
        "adjudication_indicator": "3", "adjudication": "day_appealable",
    },
    {"code": "0010U", "valid_from": date(2026, 4, 1), "mue_value": 3, "adjudication_indicator": "1", "adjudication": "line"},
)  # fmt: skip
ADDONS = (
    {"addon_code": "0054T", "primary_code": "CCCCC", "valid_from": date(2013, 4, 1), "primary_kind": "contractor_defined", "edit_type": "2"},
    {"addon_code": "0071U", "primary_code": "0070U", "valid_from": date(2018, 10, 1), "edit_type": "1"},
    {"addon_code": "0079T", "primary_code": "0078T", "valid_from": date(2013, 4, 1), "valid_to": date(2013, 12, 31), "edit_type": "1"},
    {"addon_code": "20701", "primary_code": "11010", "valid_from": date(2020, 1, 1), "valid_to": date(2022, 12, 31), "edit_type": "1"},
    {"addon_code": "20701", "primary_code": "11010", "valid_from": date(2023, 1, 1), "edit_type": "3"},
    {"addon_code": "20701", "primary_code": "11011", "valid_from": date(2023, 1, 1), "edit_type": "3"},
    {
        "addon_code": "96131", "primary_code": "96130", "valid_from": date(2019, 1, 1), "valid_to": date(2019, 1, 1), "edit_type": "1",
        "is_ever_in_force": False,
    },
)  # fmt: skip


def opened(releases: Sequence[str]) -> Connection:
    connection = duckdb.connect()
    configure(connection, threads=1)
    for model in MODELS:
        connection.execute(create_table(model))
    for release in releases:
        first, last = PERIODS[release]
        insert(connection, Release, {"source": "cms_ncci", "release_id": release, "valid_from": first, "valid_to": last})
        for name in FILES[release]:
            where = {"source_file": f"cms_ncci/{release}/{name}", "source": "cms_ncci", "release_id": release, "rows_accepted": 1}
            insert(connection, RawFile, {**where, "sha256": "0" * 64})
    insert(connection, Modifier, *MODIFIERS)
    insert(connection, ModifierRule, RULE)
    for script in (MACROS.with_name("cube.sql"), MACROS):
        connection.execute(script.read_text(encoding="utf-8"))
    return connection


@pytest.fixture(scope="module")
def database() -> Iterator[Connection]:
    with opened([FIRST, SECOND]) as connection:
        insert(connection, NcciPtp, *EDITS)
        insert(connection, NcciMue, *({"setting": "practitioner", "release_id": FIRST, **row} for row in LIMITS))
        insert(
            connection,
            NcciAddon,
            *({"primary_kind": "code", "is_ever_in_force": True, "release_id": SECOND, **row} for row in ADDONS),
        )
        yield connection


@pytest.fixture(scope="module")
def nothing() -> Iterator[Connection]:
    """No release of NCCI."""
    with opened([]) as connection:
        yield connection


def rows(connection: Connection, query: str, *given: Any) -> list[tuple[Any, ...]]:
    return connection.execute(query, list(given)).fetchall()


def only(connection: Connection, query: str, *given: Any) -> dict[str, Any]:
    cursor = connection.execute(query, list(given))
    names = [column[0] for column in cursor.description or []]
    (row,) = cursor.fetchall()
    return dict(zip(names, row, strict=True))


# ---------------------------------------------------------------- releases


def test_releases_by_table_and_setting(database: Connection) -> None:
    assert rows(database, "FROM ncci_releases()") == [
        ("ncci_addon", "any", SECOND, *PERIODS[SECOND]),
        *(("ncci_mue", "practitioner", release, *PERIODS[release]) for release in (FIRST, SECOND)),
        *(("ncci_ptp", "practitioner", release, *PERIODS[release]) for release in (FIRST, SECOND)),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "ccipra-v322r0-f1.TXT",
        "CCIOPH-V322R0-F1.xlsx",
        "MCR_MUE_PractitionerServices_Eff_07-01-2026.csv",
        "MCR_MUE_OutpatientHospitalServices_Eff_07-01-2026.csv",
        "MCR_MUE_DMESupplierServices_Eff_07-01-2026.xlsx",
        "AOC_V2026Q2-MCR.xlsx",
    ],
)
def test_names_of_files_mean_the_same_as_where_they_are_read(name: str) -> None:
    what = named(SourceFile(f"cms_ncci/2026-07/x.zip/{name}", b"", None, "US-GOV"))
    with opened([]) as connection:
        insert(connection, Release, {"source": "cms_ncci", "release_id": "r", "valid_from": date(2026, 7, 1)})
        file = {
            "source_file": f"cms_ncci/r/x.zip/{name}",
            "source": "cms_ncci",
            "release_id": "r",
            "sha256": "0" * 64,
            "rows_accepted": 1,
        }
        insert(connection, RawFile, file)
        assert rows(connection, "SELECT table_name, setting FROM ncci_releases()") == [(what.table, what.setting)]


def test_every_macro_is_described(database: Connection) -> None:
    made = set(re.findall(r"CREATE OR REPLACE MACRO (\w+)\(", MACROS.read_text(encoding="utf-8")))
    described = rows(database, "SELECT DISTINCT function_name FROM duckdb_functions() WHERE NOT internal AND comment IS NOT NULL")
    assert (
        {name for (name,) in described}
        == made
        == {"ncci_releases", "ncci_release_at", "ncci_pairs", "ncci_bypass", "units_limit", "addon_primaries"}
    )


# ---------------------------------------------------------------- ncci_pairs


def test_a_pair_in_full(database: Connection) -> None:
    assert only(database, "FROM ncci_pairs('0030U', DATE '2026-06-30', for_setting := 'practitioner')") == {
        "setting": "practitioner",
        "code": "0030U",
        "stands_in": "column_two",
        "other_code": "0001U",
        "disposition": "allowed_with_documentation",
        "reason": INDICATOR_1,
        "modifier_indicator": "1",
        "rationale": MISUSE,
        "is_prior_to_1996": False,
        "valid_from": date(2018, 7, 1),
        "valid_to": None,
        "edit_number": 1,
        "release_id": FIRST,
        "source_file": "f",
        "source_row": 11,
        "is_stale": False,
        "release_used": SECOND,
        "release_last_day": date(2026, 6, 30),
    }


@pytest.mark.parametrize(
    ("code", "on", "expected"),
    [
        (
            "0001A",
            date(2022, 1, 1),
            [("column_one", "0591T", "allowed_with_documentation"), ("column_one", "36591", "not_allowed")],
        ),
        (
            "0001A",
            date(2023, 12, 31),
            [("column_one", "0591T", "allowed_with_documentation"), ("column_one", "36591", "not_allowed")],
        ),
        ("0001A", date(2024, 7, 1), [(None, None, "not_published")]),
        ("90473", date(2022, 1, 1), [(None, None, "not_published")]),
        ("0007U", date(2023, 6, 30), [("column_two", "0328U", "not_allowed")]),
        ("0007U", date(2023, 7, 1), [("column_one", "0328U", "allowed_with_documentation")]),
    ],
)
def test_pairs_of_a_code_on_a_day(database: Connection, code: str, on: date, expected: list[tuple[Any, ...]]) -> None:
    query = "SELECT stands_in, other_code, disposition FROM ncci_pairs($1, $2, for_setting := 'practitioner')"
    assert rows(database, query, code, on) == expected


def test_pairs_are_given_for_every_setting(database: Connection) -> None:
    query = "SELECT setting, disposition, reason, is_stale, release_used FROM ncci_pairs('0030U', DATE '2026-07-01')"
    assert rows(database, query) == [
        ("practitioner", "allowed_with_documentation", INDICATOR_1, True, SECOND),
        ("outpatient_hospital", "not_published", "No release of the pairs of this setting is loaded.", False, None),
    ]


@pytest.mark.parametrize(
    ("on", "reason"),
    [
        (
            date(2018, 6, 30),
            "The oldest NCCI release here starts on 2024-07-01 and lists no edit of the code that covers that day.",
        ),
        (date(2026, 7, 1), "No edit of the code is published for that day."),
    ],
)
def test_a_code_without_pairs_on_a_day(database: Connection, on: date, reason: str) -> None:
    query = "SELECT disposition, reason FROM ncci_pairs('0591T', $1, for_setting := 'practitioner')"
    assert rows(database, query, on) == [("not_published", reason)]


# ---------------------------------------------------------------- ncci_bypass


def test_a_bypass_in_full(database: Connection) -> None:
    assert only(database, "FROM ncci_bypass('0030U', '0001U', DATE '2019-07-01') WHERE modifier = '59'") == {
        "setting": "practitioner",
        "column_one_code": "0001U",
        "column_two_code": "0030U",
        "modifier": "59",
        "disposition": "allowed_with_documentation",
        "reason": INDICATOR_1,
        "denied_code": "0030U",
        "modifier_stands_on": "column_one_or_two",
        "on_either_from": date(2019, 7, 1),
        "placement_rule_id": "medicare.ncci.59",
        "modifier_indicator": "1",
        "rationale": MISUSE,
        "valid_from": date(2018, 7, 1),
        "valid_to": None,
        "release_id": FIRST,
        "source_file": "f",
        "source_row": 11,
        "is_stale": False,
        "release_used": None,
        "release_last_day": None,
    }


def test_there_is_a_row_for_every_modifier_that_ncci_associates(database: Connection) -> None:
    query = "SELECT modifier, disposition, modifier_stands_on, reason FROM ncci_bypass('0001U', '0030U', $1)"
    assert rows(database, query, date(2019, 6, 30)) == [
        ("59", "allowed_with_documentation", "column_two", INDICATOR_1),
        ("LT", "allowed_with_documentation", "not_published", INDICATOR_1),
        ("XE", "allowed_with_documentation", "not_published", INDICATOR_1),
    ]
    assert rows(database, query, date(2018, 12, 31))[2] == (
        "XE", "not_allowed", "not_applicable", "The modifier is valid from 2019-01-01, not on that day.",
    )  # fmt: skip


_NEVER = "CMS deleted the edit with its effective date, so it never was in force."
_OLDEST = "The oldest NCCI release here starts on 2024-07-01 and lists no edit of the pair that covers that day."


@pytest.mark.parametrize(
    ("one", "two", "on", "disposition", "reason", "denied"),
    [
        ("0001A", "0591T", date(2022, 1, 1), "allowed_with_documentation", INDICATOR_1, "0591T"),
        ("36591", "0001A", date(2023, 12, 31), "not_allowed", INDICATOR_0, "36591"),
        ("0001A", "90473", date(2022, 1, 1), "not_applicable", _NEVER, None),
        ("0001A", "90473", date(2021, 1, 1), "not_applicable", _NEVER, None),
        ("0001A", "0591T", date(2024, 7, 1), "not_applicable", "The edit was in force until 2023-12-31, not on that day.", None),
        ("0001A", "0591T", date(2021, 12, 31), "not_published", _OLDEST, None),
        ("20000", "20001", date(2024, 12, 31), "not_applicable", "The edit is in force from 2025-01-01 on, not on that day.", None),
        ("0007U", "0328U", date(2023, 6, 30), "not_allowed", INDICATOR_0, "0007U"),
        ("0007U", "0328U", date(2023, 7, 1), "allowed_with_documentation", INDICATOR_1, "0328U"),
        ("99213", "99214", date(2025, 1, 1), "not_published", "No edit of this pair is published; that does not say that both codes are paid.", None),
        ("99213", "99214", date(2024, 6, 30), "not_published", _OLDEST, None),
        ("10000", "10001", date(2025, 12, 31), "not_published", "The table lists 2 edits of the pair in force on that day, and they differ.", None),
        ("10000", "10001", date(2026, 1, 1), "not_allowed", INDICATOR_0, "10001"),
        ("20000", "20002", date(2024, 12, 31), "allowed_with_documentation", INDICATOR_1, "20002"),
    ],
)  # fmt: skip
def test_whether_59_bypasses(
    database: Connection, one: str, two: str, on: date, disposition: str, reason: str, denied: str | None
) -> None:
    query = "SELECT disposition, reason, denied_code FROM ncci_bypass($1, $2, $3) WHERE modifier = '59'"
    assert rows(database, query, one, two, on) == [(disposition, reason, denied)]


def test_a_day_after_the_release_used_is_answered_from_it_and_says_so(database: Connection) -> None:
    query = "SELECT disposition, is_stale, release_used, release_last_day FROM ncci_bypass('0001U', '0030U', DATE '2026-07-01') LIMIT 1"
    assert rows(database, query) == [("allowed_with_documentation", True, SECOND, date(2026, 6, 30))]


def test_a_setting_that_is_not_loaded_is_not_published(database: Connection) -> None:
    query = "SELECT DISTINCT setting, disposition, reason, is_stale FROM ncci_bypass('0001U', '0030U', DATE '2026-06-30', for_setting := 'outpatient_hospital')"
    assert rows(database, query) == [
        ("outpatient_hospital", "not_published", "No release of the pairs of this setting is loaded.", False)
    ]


# ---------------------------------------------------------------- units_limit


@pytest.mark.parametrize(
    ("code", "on", "value", "adjudication", "reason", "is_stale", "release"),
    [
        ("0001U", date(2024, 7, 1), 1, "day_absolute", "Counted over the date of service; no appeal lifts it.", False, FIRST),
        ("0010U", date(2024, 9, 30), 2, "day_appealable", "Counted over the date of service; more may be paid on appeal.", False, FIRST),
        ("0010U", date(2025, 1, 1), 2, "day_appealable", "Counted over the date of service; more may be paid on appeal.", True, FIRST),
        ("0010U", date(2026, 4, 1), 3, "line", "Counted on each claim line.", False, SECOND),
        ("0010U", date(2026, 7, 1), 3, "line", "Counted on each claim line.", True, SECOND),
        ("0010U", date(2024, 6, 30), None, "not_published", "The oldest release of units limits here starts on 2024-07-01.", False, None),
        ("99999", date(2026, 4, 1), None, "not_published", "No limit is published; that is not 'no limit', since CMS keeps some limits confidential.", False, SECOND),
    ],
)  # fmt: skip
def test_units_limits(
    database: Connection,
    code: str,
    on: date,
    value: int | None,
    adjudication: str,
    reason: str,
    is_stale: bool,
    release: str | None,
) -> None:
    query = "SELECT status, mue_value, adjudication, reason, is_stale, release_used FROM units_limit($1, $2)"
    status = "not_published" if value is None else "published"
    assert rows(database, query, code, on) == [(status, value, adjudication, reason, is_stale, release)]


def test_a_limit_in_full(database: Connection) -> None:
    assert only(database, "FROM units_limit('0010U', DATE '2026-06-30')") == {
        "setting": "practitioner",
        "code": "0010U",
        "status": "published",
        "mue_value": 3,
        "adjudication": "line",
        "adjudication_indicator": "1",
        "reason": "Counted on each claim line.",
        "rationale": "x",
        "valid_from": date(2026, 4, 1),
        "valid_to": None,
        "release_id": FIRST,
        "source_file": "x",
        "source_row": 2,
        "is_stale": False,
        "release_used": SECOND,
        "release_last_day": date(2026, 6, 30),
    }


# ---------------------------------------------------------------- addon_primaries


@pytest.mark.parametrize(
    ("code", "on", "expected"),
    [
        ("0054T", date(2026, 6, 30), [("CCCCC", "contractor_defined", "2", False)]),
        ("0071U", date(2026, 7, 1), [("0070U", "code", "1", True)]),
        ("20701", date(2022, 12, 31), [("11010", "code", "1", False)]),
        ("20701", date(2023, 1, 1), [("11010", "code", "3", False), ("11011", "code", "3", False)]),
        ("0079T", date(2026, 4, 1), [(None, "not_published", None, False)]),
        ("96131", date(2019, 1, 1), [(None, "not_published", None, False)]),
    ],
)
def test_primaries_of_an_addon(database: Connection, code: str, on: date, expected: list[tuple[Any, ...]]) -> None:
    query = "SELECT primary_code, primary_kind, edit_type, is_stale FROM addon_primaries($1, $2)"
    assert rows(database, query, code, on) == expected


@pytest.mark.parametrize(
    ("code", "on", "reason"),
    [
        ("0054T", date(2013, 4, 1), "Paid only beside a primary code that the contractor chooses."),
        ("0071U", date(2018, 9, 30), "The oldest release of add-on codes here starts on 2026-04-01 and lists no edit of the code that covers that day."),
        ("99213", date(2026, 4, 1), "No add-on edit of the code is published for that day."),
    ],
)  # fmt: skip
def test_why_an_addon_has_the_answer_it_has(database: Connection, code: str, on: date, reason: str) -> None:
    assert rows(database, "SELECT reason FROM addon_primaries($1, $2)", code, on) == [(reason,)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT DISTINCT disposition, reason FROM ncci_pairs('0001U', DATE '2026-01-01')", ("not_published", "No release of the pairs of this setting is loaded.")),
        ("SELECT DISTINCT disposition, reason FROM ncci_bypass('0001U', '0030U')", ("not_published", "No release of the pairs of this setting is loaded.")),
        ("SELECT adjudication, reason FROM units_limit('0001U')", ("not_published", "No release of the units limits of this setting is loaded.")),
        ("SELECT primary_kind, reason FROM addon_primaries('0001U')", ("not_published", "No release of add-on codes is loaded.")),
    ],
)  # fmt: skip
def test_without_a_release_nothing_is_published(nothing: Connection, query: str, expected: tuple[str, str]) -> None:
    assert rows(nothing, query) == [expected]
