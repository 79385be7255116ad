"""What Medicare pays for a line: the macro `medicare_payment` and the command `payref price`."""

import json
import shutil
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import Result
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from flows import PROJECT, SHIPPED_RAW, cli
from flows.database_name import DATABASE
from schemas import TABLES, ModifierRule
from schemas.cms_pfs import PAID_BY_RVU, STATUS_CODES
from schemas.derive.ddl import create_table
from tests.databases import database_of

Connection = duckdb.DuckDBPyConnection
Answer = dict[str, Any]
SCRIPTS = ("cube.sql", "macros.sql", "payment_line.sql", "payment.sql")
OCTOBER = date(2025, 10, 1)
LAST_DAY = date(2025, 12, 31)
FEES = "cms_pfs/2025-10/PPRRVU2025_Oct.csv"
CENT = Decimal("0.01")
NATIONAL_NOTE = "National amount: no locality was given, so no geographic adjustment is in it."
ALABAMA_NOTE = "AL has one locality in this release."


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of releases whose current one is made of the shipped raw files."""
    folder = tmp_path_factory.mktemp("payment")
    (folder / "current").mkdir()
    database = database_of(SHIPPED_RAW, folder / "current" / DATABASE)
    with duckdb.connect(str(database)) as connection:
        run_scripts(connection)
    shutil.rmtree(folder / "current" / "cache", ignore_errors=True)
    return folder


@pytest.fixture(scope="module")
def database(output: Path) -> Iterator[Connection]:
    """The same tables in memory, declared as they are in a release."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{output / 'current' / DATABASE}' AS kept (READ_ONLY)")
        for model in TABLES:
            if not model.facts().is_view:
                connection.execute(create_table(model))
                connection.execute(f"INSERT INTO {model.table_name()} BY NAME SELECT * FROM kept.{model.table_name()}")
        connection.execute("DETACH kept")
        run_scripts(connection)
        yield connection


@pytest.fixture
def scratch(database: Connection) -> Iterator[Connection]:
    """The tables in memory, free to be changed: what a test changes is undone."""
    database.execute("BEGIN")
    yield database
    database.execute("ROLLBACK")


def run_scripts(connection: Connection) -> None:
    for name in SCRIPTS:
        connection.execute((PROJECT / "flows" / "sql" / name).read_text(encoding="utf-8"))


def price(
    connection: Connection,
    code: str | None,
    modifiers: Any = None,
    *,
    setting: str | None = "facility",
    locality: str | None = "AL",
    on: date | None = OCTOBER,
    **options: Any,
) -> Answer:
    """The one row of the macro."""
    named = "".join(f", {name} := ${number}" for number, name in enumerate(options, start=6))
    cursor = connection.execute(
        f"SELECT * FROM medicare_payment($1, $2, $3, $4, $5{named})",
        [code, modifiers, setting, locality, on, *options.values()],
    )
    names = [column[0] for column in cursor.description or []]
    (row,) = cursor.fetchall()
    return dict(zip(names, row, strict=True))


def outcome(answer: Answer) -> tuple[str, Decimal | None, str]:
    return answer["payment_status"], answer["amount_usd"], answer["reason"]


# ---------------------------------------------------------------- the row


def test_a_row_in_full(database: Connection) -> None:
    # [17.99 x 1 + 13.22 x 0.869 + 4.50 x 0.575] x 32.3465 = 32.06568 x 32.3465 = 1037.21251812; 62.5 % of it = 648.2578...
    co_surgeons = "Modifier 62: Two surgeons are paid 62.5 percent each where documents show that both were needed; no assistant is paid then."
    assert price(database, "19307", "62") == {
        "code": "19307",
        "component": "global",
        "modifiers": "62",
        "setting": "facility",
        "locality": "10112-00",
        "locality_name": "ALABAMA",
        "service_date": OCTOBER,
        "payment_status": "paid",
        "amount_usd": Decimal("648.26"),
        "reason": f"Status A: Paid by relative values where Medicare covers the service. {co_surgeons}",
        "condition": co_surgeons,
        "notes": [
            ALABAMA_NOTE,
            "Other procedures of the day can change the amount, which is not applied here (MULT PROC 2): "
            "100/50/50/50/50 percent by rank, then by report.",
        ],
        "status_code": "A",
        "work_rvu": Decimal("17.99"),
        "pe_rvu": Decimal("13.22"),
        "malpractice_rvu": Decimal("4.50"),
        "work_gpci": Decimal(1),
        "pe_gpci": Decimal("0.869"),
        "malpractice_gpci": Decimal("0.575"),
        "conversion_factor_usd": Decimal("32.3465"),
        "apm_status": "any",
        "fee_usd": Decimal("1037.21"),
        "opps_pe_rvu": Decimal(0),
        "opps_malpractice_rvu": Decimal(0),
        "opps_cap_usd": None,
        "is_capped": False,
        "effect_percent": Decimal("62.5"),
        "base_units": None,
        "time_units": None,
        "added_units": None,
        "total_units": None,
        "release_id": "2025-10",
        "release_last_day": LAST_DAY,
        "is_stale": False,
        "indicator_file": FEES,
        "indicator_row": 78,
        "gpci_file": "cms_pfs/2025-10/GPCI2025.csv",
        "gpci_row": 4,
        "factor_file": FEES,
        "factor_row": None,
        "rule_id": "medicare.co_surgeon.1",
        "rule_file": "payer_rules/medicare.csv",
        "rule_row": 63,
    }


def test_money_and_factors_are_exact_numbers(database: Connection) -> None:
    described = database.execute("DESCRIBE SELECT * FROM medicare_payment('99213')").fetchall()
    kinds = {name: kind for name, kind, *_ in described}
    assert not [name for name, kind in kinds.items() if kind in ("DOUBLE", "FLOAT")]
    assert {name for name in kinds if name.endswith("_usd")} == {"amount_usd", "fee_usd", "opps_cap_usd", "conversion_factor_usd"}
    assert all(
        kinds[name].startswith("DECIMAL") for name in kinds if name.endswith(("_usd", "_rvu", "_gpci", "_percent", "_units"))
    )


@pytest.mark.parametrize(
    "macro", ["fee_schedule_setting_limits", "fee_schedule_status", "medicare_line", "medicare_localities", "medicare_payment"]
)
def test_every_macro_has_a_comment(database: Connection, macro: str) -> None:
    query = "SELECT comment IS NOT NULL FROM duckdb_functions() WHERE function_name = $1"
    assert database.execute(query, [macro]).fetchall() == [(True,)]


@pytest.mark.parametrize(
    ("code", "modifiers", "options"),
    [
        (None, None, {}),
        ("", None, {}),
        ("99213", ["25", None], {}),
        ("A9999", "26", {}),
        ("99213", "QQ ZZ 1", {"locality": "nowhere"}),
        ("99213", None, {"setting": None}),
        ("99213", None, {"on": None}),
        ("99213", None, {"locality": ""}),
        ("99213", None, {"for_apm": None}),
        ("00406", "AA", {"base_units": -1, "minutes": 10}),
    ],
)
def test_there_is_always_one_row_with_a_reason(database: Connection, code: str | None, modifiers: Any, options: Answer) -> None:
    answer = price(database, code, modifiers, **options)
    assert answer["payment_status"] == "not_published"
    assert answer["amount_usd"] is None
    assert answer["reason"]


def test_every_code_of_a_query_gets_one_row(database: Connection) -> None:
    query = """
        SELECT listed.code, listed.component, count(*), count(*) FILTER (answer.code = listed.code AND answer.component = listed.component)
        FROM pfs_indicator AS listed, medicare_payment(listed.code, nullif(listed.component, 'global'), 'facility', 'AL', DATE '2025-10-01') AS answer
        GROUP BY ALL HAVING count(*) <> 1 OR min(answer.component) <> listed.component
    """
    assert database.execute(query).fetchall() == []


@pytest.mark.parametrize("modifiers", ["26 80", "26,80", ["26", "80"], "26-80", " 26  80 80 ", ["26", "80", "26"]])
def test_modifiers_may_be_a_text_or_a_list(database: Connection, modifiers: Any) -> None:
    assert price(database, "71046", modifiers)["modifiers"] == "26 80"


def test_code_modifier_and_locality_in_small_letters(database: Connection) -> None:
    assert price(database, "g0283", "tc", locality="al")["reason"] == price(database, "G0283", "TC")["reason"]
    assert price(database, "71046", "tc", locality="al")["amount_usd"] == Decimal("19.58")


# ---------------------------------------------------------------- what a status means


def test_statuses_are_those_of_the_fee_schedule(database: Connection) -> None:
    routes = dict(database.execute("SELECT status_code, route FROM fee_schedule_status()").fetchall())
    assert sorted(routes) == sorted(STATUS_CODES)
    assert sorted(code for code, route in routes.items() if route == "relative_values") == sorted(PAID_BY_RVU)


def test_rules_that_exclude_a_status_agree_with_its_meaning(database: Connection) -> None:
    """A status that Medicare's rules exclude whatever the modifier is one that is never paid, and the other way round."""
    query = f"""
        SELECT DISTINCT unnest(string_split(regexp_extract(predicate, 'status_code=([A-Z|]+)', 1), '|'))
        FROM {ModifierRule.table_name()} WHERE payer_id = 'medicare' AND modifier = 'any'
    """
    never = "SELECT status_code FROM fee_schedule_status() WHERE route = 'never'"
    assert sorted(database.execute(query).fetchall()) == sorted(database.execute(never).fetchall())


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("94150", "not_paid", "Status B: Payment is always bundled into another service."),
        ("0042T", "not_published", "Status C: The Medicare contractor sets the price, case by case."),
        (
            "J1100",
            "not_paid",
            "Status E: A regulation excludes the service from the fee schedule; another Medicare benefit may pay it.",
        ),
        ("0001F", "not_paid", "Status I: Medicare does not accept the code and pays the service under another one."),
        ("G2091", "not_paid", "Status M: A measurement code serves reporting only."),
        ("78350", "not_paid", "Status N: Medicare does not cover the service."),
        ("A4465", "not_paid", "Status P: The service is bundled or excluded and never paid separately."),
        ("36415", "not_paid", "Status X: By statute the service is no physician service; another Medicare benefit may pay it."),
        (
            "D0120",
            "not_published",
            "Status R without relative values in this setting: Coverage is restricted; where covered, the contractor prices what has no relative values.",
        ),
    ],
)
def test_a_status_without_an_amount(database: Connection, code: str, status: str, reason: str) -> None:
    for modifiers in (None, "59"):
        answer = price(database, code, modifiers)
        assert answer["amount_usd"] is None
        if modifiers is None or status == "not_paid":
            assert outcome(answer) == (status, None, reason)
    assert answer["indicator_file"] == FEES


def test_relative_values_that_are_not_used_for_payment_pay_nothing(scratch: Connection) -> None:
    scratch.execute("UPDATE pfs_indicator SET work_rvu = 1, is_not_used_for_payment = true WHERE code = '94150'")
    assert price(scratch, "94150")["payment_status"] == "not_paid"
    assert price(scratch, "94150")["fee_usd"] is None


def test_conditional_statuses_say_their_condition(scratch: Connection) -> None:
    # [0.00 x 1 + 0.82 x 1 + 0.01 x 1] x 32.3465 = 26.847595
    injection = price(scratch, "36591", setting="nonfacility", locality=None)
    assert (injection["amount_usd"], injection["condition"]) == (
        Decimal("26.85"),
        "Paid only where the same provider bills no other service of the fee schedule for that day.",
    )
    scratch.execute("UPDATE pfs_indicator SET work_rvu = 1 WHERE code = 'D0120'")
    restricted = price(scratch, "D0120", locality=None)
    assert (restricted["amount_usd"], restricted["condition"]) == (
        Decimal("32.35"),
        "Coverage is restricted: special instructions decide whether Medicare pays.",
    )


# ---------------------------------------------------------------- modifiers


@pytest.mark.parametrize(
    ("code", "modifiers", "expected"),
    [
        ("33533", "62", ("not_paid", "Modifier 62: Co-surgeons are not permitted for this procedure.")),
        ("96406", "80", ("not_paid", "Modifier 80: By statute no assistant at surgery is paid for this procedure.")),
        ("99213", "26", ("not_paid", "Modifier 26: A physician service cannot be split into components.")),
        ("71046", "26 TC", ("not_paid", "Modifier TC: The line is already billed as 26 or as discontinued, which excludes TC.")),
        (
            "00406",
            "AA QZ",
            (
                "not_paid",
                "AA and QZ exclude each other: Each of these states who performed or directed the anesthesia, "
                "and one line can have only one such answer.",
            ),
        ),
        ("63030", "66", ("not_paid", "Modifier 66: A surgical team is not permitted for this procedure.")),
        ("50360", "66", ("not_published", "Modifier 66: A team is permitted and paid by report.")),
        ("00406", "AA 50", ("not_published", "Modifier 50: The concept of a bilateral procedure does not apply.")),
        (
            "43239",
            "53",
            (
                "not_published",
                "Modifier 53: There is no row for the discontinued procedure; the contractor reviews and prices it.",
            ),
        ),
        (
            "19307",
            "51",
            (
                "not_published",
                "Modifier 51: Ranked by fee schedule amount with other procedures of indicator 1, 2 or 3 on the day; "
                "Medicare ranks by itself. Formula: 100/50/50/50/50 percent by rank, then by report.",
            ),
        ),
        (
            "19307",
            "50 80",
            (
                "not_published",
                "Medicare publishes no percentage for 50 (150 %) and 80 (16 %) together, "
                "and percentages are not multiplied unless the payer says so.",
            ),
        ),
        (
            "19307",
            "62 50",
            (
                "not_published",
                "Medicare publishes no percentage for 62 (62.5 %) and 50 (150 %) together, "
                "and percentages are not multiplied unless the payer says so.",
            ),
        ),
        ("19307", "LT", ("not_published", "No rule here says what modifier LT does to a Medicare amount.")),
        ("19307", "7X", ("not_published", "7X is no modifier that this release knows.")),
        (
            "71046",
            "FY",
            (
                "not_published",
                "Modifier FY: The technical component pays 90 percent for computed radiography; "
                "the fee schedule does not list the codes concerned.",
            ),
        ),
    ],
)
def test_modifiers_without_an_amount(database: Connection, code: str, modifiers: str, expected: tuple[str, str]) -> None:
    answer = price(database, code, modifiers, base_units=5, minutes=15)
    assert (answer["payment_status"], answer["reason"]) == expected
    assert answer["amount_usd"] is None
    assert answer["fee_usd"] is not None, "what the line pays without the modifier stays visible"


def test_exclusions_that_cms_does_not_state_leave_the_amount_open(scratch: Connection) -> None:
    assert outcome(price(scratch, "19307", "54 55")) == (
        "not_published",
        None,
        "54 and 55 exclude each other: 54 says the aftercare was handed over, so the same surgeon does not also bill 55; "
        "Moda states this as its policy.",
    )
    scratch.execute("DELETE FROM modifier_group WHERE group_id = 'not_together.54_55'")
    assert price(scratch, "19307", "54 55")["reason"].startswith(
        "Medicare publishes no percentage for 54 (81 %) and 55 (19 %) together"
    )


def test_a_percentage_of_100_is_no_second_percentage(database: Connection) -> None:
    # 79 is paid in full, so only the assistant's 16 % of 1037.21251812 counts: 165.9540...
    assert price(database, "19307", "79 80")["amount_usd"] == Decimal("165.95")


def test_two_statements_about_one_global_period_are_no_amount(database: Connection) -> None:
    # 58 and 79 start a new global period and are paid in full, 78 does not and is paid in part: 19307 has all three.
    for modifiers in ("58 78", "78 79"):
        answer = price(database, "19307", modifiers)
        assert (answer["payment_status"], answer["amount_usd"]) == ("not_published", None)
        assert "percentages are not multiplied unless the payer says so" in answer["reason"]


def test_a_component_and_one_percentage(database: Connection) -> None:
    # [1.62 x 1 + 0.59 x 0.869 + 0.07 x 0.575] x 32.3465 = 70.28765064; both sides in full: 140.57530128
    answer = price(database, "73219", "26 50")
    assert (answer["component"], answer["fee_usd"], answer["effect_percent"], answer["amount_usd"]) == (
        "26",
        Decimal("70.29"),
        Decimal(200),
        Decimal("140.58"),
    )


def test_a_share_of_the_technical_component_needs_its_row(scratch: Connection) -> None:
    scratch.execute(
        "UPDATE answer SET disposition = 'allowed' WHERE modifier = 'FY' AND payer_id = 'medicare' AND effect_percent = 90"
    )
    assert price(scratch, "71046", "FY")["payment_status"] == "not_published"
    # [0 + 0.69 x 0.869 + 0.01 x 0.575] x 32.3465 = 19.58127724; 90 % of it = 17.623...
    assert price(scratch, "71046", "TC FY")["amount_usd"] == Decimal("17.62")


def test_a_code_with_a_component_only(database: Connection) -> None:
    assert outcome(price(database, "86153")) == (
        "not_published",
        None,
        "Release 2025-10 has no row of 86153 without a modifier, only 26.",
    )
    assert price(database, "86153", "26")["payment_status"] == "paid"


def test_a_code_that_the_release_lacks(database: Connection) -> None:
    assert outcome(price(database, "99999")) == (
        "not_published",
        None,
        "Release 2025-10 of the fee schedule has no accepted row of 99999.",
    )


def test_notes_on_the_setting(database: Connection) -> None:
    rare = "NA indicator: the service is rarely or never performed in this setting."
    assert rare in price(database, "19307", setting="nonfacility")["notes"]
    assert rare not in price(database, "19307")["notes"]
    incident = (
        "Not paid by the fee schedule for hospital inpatients and outpatients: incident to a physician's service (PC/TC 5)."
    )
    hospital = price(database, "90471")
    assert (hospital["payment_status"], hospital["amount_usd"]) == ("not_published", None)
    assert hospital["reason"] == f"{incident} Which of these the patient is was not asked."
    assert price(database, "90471", setting="nonfacility")["payment_status"] == "paid"


@pytest.mark.parametrize("setting", ["nonfacility", "non-facility", "Non Facility", "NON_FACILITY"])
def test_spellings_of_the_setting(database: Connection, setting: str) -> None:
    assert price(database, "99213", setting=setting, locality=None)["amount_usd"] == Decimal("88.95")


# ---------------------------------------------------------------- localities


@pytest.mark.parametrize("locality", ["10112-00", "10112/00", "10112 00", "1011200", " 10112-00 ", "AL"])
def test_spellings_of_a_locality(database: Connection, locality: str) -> None:
    # [1.30 x 1 + 0.57 x 0.869 + 0.10 x 0.575] x 32.3465 = 1.85283 x 32.3465 = 59.93256...
    answer = price(database, "99213", locality=locality)
    assert (answer["locality"], answer["locality_name"], answer["amount_usd"]) == ("10112-00", "ALABAMA", Decimal("59.93"))
    assert (ALABAMA_NOTE in answer["notes"]) == (locality == "AL")


def test_without_a_locality_the_amount_is_national_and_says_so(database: Connection) -> None:
    answer = price(database, "99213", locality=None)
    assert (answer["locality"], answer["amount_usd"], answer["notes"]) == ("national", Decimal("63.72"), [NATIONAL_NOTE])
    assert (answer["work_gpci"], answer["pe_gpci"], answer["malpractice_gpci"], answer["gpci_file"]) == (1, 1, 1, None)


def test_a_state_with_several_localities_lists_them(database: Connection) -> None:
    status, amount, reason = outcome(price(database, "99213", locality="CA"))
    assert (status, amount) == ("not_published", None)
    assert reason.startswith("CA has 6 localities; give one of 01112-05 SAN FRANCISCO-OAKLAND-BERKELEY (")
    assert reason.endswith(", 01112-66 SANTA CRUZ-WATSONVILLE, 01112-69 VISALIA.")


@pytest.mark.parametrize("locality", ["ZZ", "99999-00", "Alabama"])
def test_an_unknown_locality(database: Connection, locality: str) -> None:
    assert outcome(price(database, "99213", locality=locality)) == (
        "not_published",
        None,
        f"Release 2025-10 has no locality {locality.upper()}: give contractor and locality, such as 10112-00, or a state with one locality.",
    )


def test_without_indices_a_locality_has_no_amount(scratch: Connection) -> None:
    scratch.execute("DELETE FROM gpci WHERE state = 'AL'")
    reason = "Release 2025-10 states no geographic indices for 10112-00."
    assert outcome(price(scratch, "99213", locality="10112-00")) == ("not_published", None, reason)
    assert price(scratch, "99213", locality=None)["payment_status"] == "paid"


def test_indices_of_another_period_are_not_taken(scratch: Connection) -> None:
    scratch.execute("UPDATE gpci SET valid_from = DATE '2024-01-01', valid_to = DATE '2024-12-31'")
    assert price(scratch, "99213", locality="AL")["reason"].startswith("Release 2025-10 has no locality AL:")


# ---------------------------------------------------------------- dates and releases


def add_release(connection: Connection, name: str, first: date, last: date, *factors: tuple[str, str, str]) -> None:
    """Another release with the rows of the shipped one and its own factors (kind, APM status, dollars)."""
    period = f"'{name}' AS release_id, DATE '{first}' AS valid_from, DATE '{last}' AS valid_to"
    for table in ("pfs_indicator", "gpci"):
        connection.execute(f"INSERT INTO {table} BY NAME SELECT * REPLACE ({period}) FROM {table} WHERE release_id = '2025-10'")
    for kind, status, dollars in factors:
        connection.execute(
            f"INSERT INTO conversion_factor BY NAME SELECT '{kind}' AS factor_kind, '{status}' AS apm_status, {period}, "
            f"{dollars} AS conversion_factor_usd, 'cms_pfs/{name}/made.csv' AS source_file"
        )


def test_before_the_oldest_release(database: Connection) -> None:
    assert outcome(price(database, "99213", on=OCTOBER - timedelta(days=1))) == (
        "not_published",
        None,
        "The oldest fee schedule release here starts on 2025-10-01.",
    )


@pytest.mark.parametrize(
    ("on", "is_stale"), [(OCTOBER, False), (LAST_DAY, False), (date(2026, 1, 1), True), (date(2031, 5, 5), True)]
)
def test_after_the_newest_release_its_answer_is_marked(database: Connection, on: date, *, is_stale: bool) -> None:
    answer = price(database, "99213", on=on)
    found = (answer["amount_usd"], answer["is_stale"], answer["release_id"], answer["release_last_day"])
    assert found == (Decimal("59.93"), is_stale, "2025-10", LAST_DAY)


def test_in_a_gap_between_releases_the_earlier_one_answers(scratch: Connection) -> None:
    add_release(scratch, "2026-04", date(2026, 4, 1), date(2026, 6, 30), ("physician_fee_schedule", "any", "40"))
    answers = [price(scratch, "99213", on=on) for on in (LAST_DAY, date(2026, 2, 1), date(2026, 4, 1), date(2026, 7, 1))]
    # [1.30 + 0.57 x 0.869 + 0.10 x 0.575] x 40 = 1.85283 x 40 = 74.1132
    assert [
        (answer["amount_usd"], answer["is_stale"], answer["release_id"], answer["release_last_day"]) for answer in answers
    ] == [
        (Decimal("59.93"), False, "2025-10", LAST_DAY),
        (Decimal("59.93"), True, "2025-10", LAST_DAY),
        (Decimal("74.11"), False, "2026-04", date(2026, 6, 30)),
        (Decimal("74.11"), True, "2026-04", date(2026, 6, 30)),
    ]


def test_two_conversion_factors_from_2026_on(scratch: Connection) -> None:
    two = [("physician_fee_schedule", "non_qualifying", "33.4009"), ("physician_fee_schedule", "qualifying", "33.5675")]
    add_release(scratch, "2026-01", date(2026, 1, 1), date(2026, 3, 31), *two)
    january = date(2026, 1, 1)
    # 2.75 RVU x 33.4009 = 91.852475 and x 33.5675 = 92.310625
    default = price(scratch, "99213", setting="nonfacility", locality=None, on=january)
    assert (default["amount_usd"], default["apm_status"]) == (Decimal("91.85"), "non_qualifying")
    assert default["notes"] == [
        NATIONAL_NOTE,
        "Conversion factor of APM status non_qualifying; the other status has another one.",
    ]
    qualifying = price(scratch, "99213", setting="nonfacility", locality=None, on=january, for_apm="qualifying")
    assert (qualifying["amount_usd"], qualifying["apm_status"]) == (Decimal("92.31"), "qualifying")
    assert qualifying["factor_file"] == "cms_pfs/2026-01/made.csv"
    assert outcome(price(scratch, "99213", locality=None, on=january, for_apm="any")) == (
        "not_published",
        None,
        "Release 2026-01 states no conversion factor for APM status any.",
    )
    before = price(scratch, "99213", setting="nonfacility", locality=None, for_apm="qualifying")
    assert (before["amount_usd"], before["apm_status"]) == (Decimal("88.95"), "any")


def test_a_factor_that_changed_within_a_release(scratch: Connection) -> None:
    scratch.execute("UPDATE conversion_factor SET valid_to = DATE '2025-11-08'")
    scratch.execute(
        "INSERT INTO conversion_factor BY NAME SELECT * REPLACE (DATE '2025-11-09' AS valid_from, DATE '2025-12-31' AS valid_to, "
        "CAST(33 AS DECIMAL(9, 4)) AS conversion_factor_usd) FROM conversion_factor"
    )
    # 1.97 RVU x 32.3465 = 63.722605, x 33 = 65.01
    assert [price(scratch, "99213", locality=None, on=date(2025, 11, day))["amount_usd"] for day in (8, 9)] == [
        Decimal("63.72"),
        Decimal("65.01"),
    ]


def test_without_a_conversion_factor(scratch: Connection) -> None:
    scratch.execute("DELETE FROM conversion_factor")
    reason = "Release 2025-10 states no conversion factor for AL, APM status non_qualifying."
    assert outcome(price(scratch, "99213")) == ("not_published", None, reason)


def test_without_a_fee_schedule(scratch: Connection) -> None:
    scratch.execute("DELETE FROM pfs_indicator")
    assert outcome(price(scratch, "99213")) == ("not_published", None, "There is no fee schedule here.")


def test_the_default_day_is_today(database: Connection) -> None:
    ((on, today),) = database.execute("SELECT service_date, current_date FROM medicare_payment('99213')").fetchall()
    assert on == today


# ---------------------------------------------------------------- the cap of imaging


def test_the_opps_amount_caps_a_higher_fee(scratch: Connection) -> None:
    scratch.execute(
        "UPDATE pfs_indicator SET opps_facility_pe_rvu = 3, opps_malpractice_rvu = 0.02 WHERE code = '70551' AND component = 'TC'"
    )
    # fee [3.88 x 0.869 + 0.02 x 0.575] x 32.3465 = 109.43...; cap [3.00 x 0.869 + 0.02 x 0.575] x 32.3465 = 84.6993...
    capped = price(scratch, "70551", "TC")
    assert (capped["fee_usd"], capped["opps_cap_usd"], capped["is_capped"], capped["amount_usd"]) == (
        Decimal("109.44"),
        Decimal("84.70"),
        True,
        Decimal("84.70"),
    )
    assert "The OPPS amount is lower and caps the fee." in capped["notes"]


def test_a_higher_opps_amount_changes_nothing(database: Connection) -> None:
    # [2.68 x 0.869 + 0.04 x 0.575] x 32.3465 = 76.0760...
    answer = price(database, "71046", "TC")
    assert (answer["fee_usd"], answer["opps_cap_usd"], answer["is_capped"], answer["amount_usd"]) == (
        Decimal("19.58"),
        Decimal("76.08"),
        False,
        Decimal("19.58"),
    )


def test_a_contractors_price_has_the_opps_amount_as_its_ceiling(database: Connection) -> None:
    # CMS's OPPSCAP file of 2025 prints 150.69 for this row: [3.28 x 1.419 + 0.01 x 0.445] x 32.3465 = 150.6949...
    answer = price(database, "0633T", "TC", setting="nonfacility", locality="01112-05")
    assert (answer["payment_status"], answer["opps_cap_usd"], answer["fee_usd"]) == ("not_published", Decimal("150.69"), None)
    assert answer["notes"] == ["The contractor's price cannot exceed the OPPS amount."]


# ---------------------------------------------------------------- anesthesia


def test_an_anesthesia_row(database: Connection) -> None:
    # 13 base units + 48 minutes / 15 = 3.2 time units + 0 for P3 = 16.2 units x 19.31 = 312.822; half of it = 156.411
    answer = price(database, "00406", "QK P3", base_units=13, minutes=48)
    names = (
        "base_units",
        "time_units",
        "added_units",
        "total_units",
        "conversion_factor_usd",
        "fee_usd",
        "effect_percent",
        "amount_usd",
    )
    assert [answer[name] for name in names] == [
        Decimal(number) for number in ("13", "3.2", "0", "16.2", "19.31", "312.82", "50", "156.41")
    ]
    assert (answer["factor_file"], answer["factor_row"], answer["rule_id"]) == (
        "cms_pfs/2025-10/ANES2025.csv",
        2,
        "medicare.anesthesia.QK",
    )


@pytest.mark.parametrize(
    ("minutes", "units"),
    [
        (0, "0"),
        (1, "0.1"),
        (3, "0.2"),
        (7, "0.5"),
        (8, "0.5"),
        (15, "1"),
        (16, "1.1"),
        (48, "3.2"),
        (50, "3.3"),
        (52, "3.5"),
        (0.75, "0.1"),
    ],
)
def test_time_units_have_one_decimal(database: Connection, minutes: float, units: str) -> None:
    assert price(database, "00406", "AA", base_units=4, minutes=minutes)["time_units"] == Decimal(units)


@pytest.mark.parametrize(
    ("modifiers", "options", "reason"),
    [
        ("AA", {"minutes": 10}, "Base units are in no public file of CMS: give them (base_units, --base-units)."),
        ("AA", {"base_units": 4}, "The anesthesia time is missing: give the minutes (minutes, --minutes)."),
        ("AA", {"base_units": 4, "minutes": -1}, "Base units and minutes cannot be negative."),
        (
            "P3",
            {"base_units": 4, "minutes": 10},
            "The amount depends on one of the modifiers AA, AD, QK, QX, QY, QZ, and none was given.",
        ),
    ],
)
def test_anesthesia_without_an_amount(database: Connection, modifiers: str, options: Answer, reason: str) -> None:
    assert outcome(price(database, "00406", modifiers, **options)) == ("not_published", None, reason)


@pytest.mark.parametrize(("present", "units", "amount"), [(False, "3", "57.93"), (True, "4", "77.24"), (None, "3", "57.93")])
def test_supervision_of_many_cases_has_its_own_units(database: Connection, present: bool | None, units: str, amount: str) -> None:
    # 3 base units, and 1 time unit if present at induction, x 19.31
    answer = price(database, "00406", "AD", base_units=13, minutes=480, at_induction=present)
    assert (answer["total_units"], answer["amount_usd"]) == (Decimal(units), Decimal(amount))


def test_a_formula_in_other_words_is_not_guessed(scratch: Connection) -> None:
    scratch.execute(
        "UPDATE answer SET effect_formula = 'three units' WHERE modifier = 'AD' AND payer_id = 'medicare' AND effect_formula IS NOT NULL"
    )
    answer = price(scratch, "00406", "AD", base_units=13, minutes=48)
    assert answer["payment_status"] == "not_published"
    assert answer["reason"].endswith("Formula: three units.")


def test_the_national_anesthesia_factor(scratch: Connection) -> None:
    # 16.2 units x 20.3178 = 329.14836
    answer = price(scratch, "00406", "AA", locality=None, base_units=13, minutes=48)
    assert (answer["amount_usd"], answer["notes"], answer["factor_file"]) == (
        Decimal("329.15"),
        [NATIONAL_NOTE],
        "cms_pfs/2025-10/ANES2025.csv",
    )
    scratch.execute("DELETE FROM conversion_factor WHERE factor_kind = 'anesthesia'")
    assert outcome(price(scratch, "00406", "AA", locality=None, base_units=13, minutes=48)) == (
        "not_published",
        None,
        "Release 2025-10 states no anesthesia conversion factor for APM status non_qualifying.",
    )


def test_a_locality_without_an_anesthesia_factor(scratch: Connection) -> None:
    scratch.execute("DELETE FROM anesthesia_locality WHERE contractor_code = '10112'")
    assert outcome(price(scratch, "00406", "AA", base_units=13, minutes=48)) == (
        "not_published",
        None,
        "Release 2025-10 states no anesthesia conversion factor for AL, APM status non_qualifying.",
    )


def test_anesthesia_needs_no_geographic_indices(scratch: Connection) -> None:
    scratch.execute("DELETE FROM gpci")
    assert price(scratch, "00406", "AA", locality="10112-00", base_units=13, minutes=48)["amount_usd"] == Decimal("312.82")


def test_two_anesthesia_factors_of_a_locality(scratch: Connection) -> None:
    scratch.execute("UPDATE anesthesia_locality SET apm_status = 'non_qualifying'")
    scratch.execute(
        "INSERT INTO anesthesia_locality BY NAME SELECT * REPLACE ('qualifying' AS apm_status, CAST(20 AS DECIMAL(9, 4)) AS conversion_factor_usd) "
        "FROM anesthesia_locality"
    )
    found = [
        price(scratch, "00406", "AA", base_units=13, minutes=48, for_apm=status) for status in ("non_qualifying", "qualifying")
    ]
    assert [(row["amount_usd"], row["apm_status"]) for row in found] == [
        (Decimal("312.82"), "non_qualifying"),
        (Decimal(324), "qualifying"),
    ]


def test_units_on_another_code_are_named_and_not_used(database: Connection) -> None:
    answer = price(database, "99213", locality=None, base_units=5, minutes=30)
    assert answer["amount_usd"] == Decimal("63.72")
    assert "Base units and minutes concern anesthesia codes and are not used." in answer["notes"]
    assert answer["base_units"] is None


# ---------------------------------------------------------------- rounding


def test_half_a_cent_is_rounded_up(scratch: Connection) -> None:
    """10 RVU x 32.3465 = 323.465: as a float that is 323.46499..., which rounds down, and to the even cent would, too."""
    scratch.execute("UPDATE pfs_indicator SET work_rvu = 4, facility_pe_rvu = 5, malpractice_rvu = 1 WHERE code = '19307'")
    assert price(scratch, "19307", locality=None)["amount_usd"] == Decimal("323.47")
    assert round(323.465, 2) == 323.46


def test_the_amount_is_rounded_once_at_the_end(scratch: Connection) -> None:
    """150 % of 323.465 is 485.1975; of the rounded fee 323.47 it would be 485.205."""
    scratch.execute("UPDATE pfs_indicator SET work_rvu = 4, facility_pe_rvu = 5, malpractice_rvu = 1 WHERE code = '19307'")
    assert price(scratch, "19307", "50", locality=None)["amount_usd"] == Decimal("485.20")


def test_large_numbers_do_not_overflow(scratch: Connection) -> None:
    scratch.execute("UPDATE pfs_indicator SET work_rvu = 9999999.99 WHERE code = '19307'")
    scratch.execute("UPDATE gpci SET work_gpci = 999.9999, pe_gpci = 0, malpractice_gpci = 0")
    scratch.execute("UPDATE conversion_factor SET conversion_factor_usd = 99.999999")
    expected = reference([("9999999.99", "999.9999")], "99.999999", "62.5")
    assert price(scratch, "19307", "62")["amount_usd"] == expected


def reference(pairs: Sequence[tuple[Any, Any]], factor: Any, percent: Any = 100) -> Decimal:
    """The published formula in exact decimals: relative values with their indices, the factor, a share, one rounding."""
    with localcontext() as context:
        context.prec = 60
        summed = sum((Decimal(value) * Decimal(index) for value, index in pairs), Decimal(0))
        return (summed * Decimal(factor) * Decimal(percent) / 100).quantize(CENT, ROUND_HALF_UP)


values = st.decimals(0, 400, places=2)
ratios = st.decimals("0.1", 3, places=4)
lines = st.lists(st.tuples(values, values, values), min_size=12, max_size=12)


@settings(max_examples=6, deadline=None)
@given(lines, ratios, ratios, ratios, st.decimals(1, 99, places=6))
def test_the_formula_agrees_with_exact_decimals(
    database: Connection, rows: list[tuple[Decimal, ...]], work: Decimal, practice: Decimal, malpractice: Decimal, factor: Decimal
) -> None:
    asked = "SELECT code FROM pfs_indicator WHERE status_code = 'A' AND component = 'global' AND opps_facility_pe_rvu = 0 ORDER BY code LIMIT 12"
    codes = [code for (code,) in database.execute(asked).fetchall()]
    database.execute("BEGIN")
    try:
        database.executemany(
            "UPDATE pfs_indicator SET work_rvu = $1, facility_pe_rvu = $2, malpractice_rvu = $3 WHERE code = $4 AND component = 'global'",
            [[*row, code] for row, code in zip(rows, codes, strict=True)],
        )
        database.execute("UPDATE gpci SET work_gpci = $1, pe_gpci = $2, malpractice_gpci = $3", [work, practice, malpractice])
        database.execute("UPDATE conversion_factor SET conversion_factor_usd = $1", [factor])
        query = """
            SELECT asked.code, answer.amount_usd
            FROM (SELECT unnest($1) AS code) AS asked, medicare_payment(asked.code, NULL, 'facility', 'AL', DATE '2025-10-01') AS answer
        """
        found = dict(database.execute(query, [codes]).fetchall())
    finally:
        database.execute("ROLLBACK")
    indices = (work, practice, malpractice)
    assert found == {
        code: reference(list(zip(row, indices, strict=True)), factor) if any(row) else None
        for row, code in zip(rows, codes, strict=True)
    }


@settings(max_examples=6, deadline=None)
@given(st.lists(st.tuples(st.decimals(0, 50, places=2), st.integers(0, 1_500)), min_size=8, max_size=8))
def test_anesthesia_agrees_with_exact_decimals(database: Connection, asked: list[tuple[Decimal, int]]) -> None:
    query = """
        SELECT line.place, answer.time_units, answer.amount_usd
        FROM (SELECT unnest($1::DECIMAL(9, 2)[]) AS base, unnest($2::INTEGER[]) AS spent, generate_subscripts($2::INTEGER[], 1) AS place) AS line,
            medicare_payment('00406', 'QX', 'facility', 'AL', DATE '2025-10-01', base_units := line.base, minutes := line.spent) AS answer
        ORDER BY line.place
    """
    found = database.execute(query, [[base for base, _ in asked], [spent for _, spent in asked]]).fetchall()
    times = [(Decimal(spent) / 15).quantize(Decimal("0.1"), ROUND_HALF_UP) for _, spent in asked]
    assert [(time, amount) for _, time, amount in found] == [
        (time, reference([(base + time, 1)], "19.31", 50)) for (base, _), time in zip(asked, times, strict=True)
    ]


# ---------------------------------------------------------------- the command


def called(output: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli.app, ["price", *arguments, "--output", str(output)])


def test_the_command_prints_amount_formula_and_sources(output: Path) -> None:
    done = called(output, "19307", "--modifier", "80", "--setting", "facility", "--locality", "AL", "--on", "2026-02-01")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "19307 (global), modifier 80, facility, 10112-00 (ALABAMA), on 2026-02-01:",
        "  amount    165.95 USD (rates of 2025-10)",
        "  because   Status A: Paid by relative values where Medicare covers the service. Modifier 80: Assistance is paid 16 percent of the fee.",
        "  formula   [17.99 x 1 + 13.22 x 0.869 + 4.50 x 0.575] x 32.3465 = 1037.21 USD",
        "  share     16 % of 1037.21 USD, rounded once at the end = 165.95 USD",
        "  note      AL has one locality in this release.",
        "  note      Other procedures of the day can change the amount, which is not applied here (MULT PROC 2): 100/50/50/50/50 percent by rank, then by report.",
        f"  source    relative values and status A: {FEES} line 78",
        "  source    geographic indices: cms_pfs/2025-10/GPCI2025.csv line 4",
        f"  source    conversion factor: {FEES}",
        "  source    rule medicare.assistant.80.2: payer_rules/medicare.csv line 48",
        "Answered from fee schedule release 2025-10, whose last day is 2025-12-31.",
    ]


def test_the_command_prints_anesthesia_units(output: Path) -> None:
    done = called(
        output, "00406", "--modifier", "AA", "--modifier", "P3", "--base-units", "13", "--minutes", "48", "--on", "2025-10-01"
    )
    assert "  formula   (13 + 3.2) x 20.3178 = 329.15 USD" in done.stdout.splitlines()
    supervised = called(output, "00406", "--modifier", "AD", "--at-induction", "--locality", "10112-00", "--on", "2025-10-01")
    assert "  formula   (3 + 1) x 19.31 = 77.24 USD" in supervised.stdout.splitlines()


def test_the_command_prints_the_cap_and_the_condition(output: Path) -> None:
    capped = called(output, "71046", "--modifier", "TC", "--locality", "AL", "--on", "2025-10-01").stdout.splitlines()
    assert "  OPPS cap  [0.00 x 1 + 2.68 x 0.869 + 0.04 x 0.575] x 32.3465 = 76.08 USD; the lower amount is paid" in capped
    injection = called(output, "36591", "--on", "2025-10-01").stdout.splitlines()
    assert "  provided  Paid only where the same provider bills no other service of the fee schedule for that day." in injection


def test_the_command_says_why_there_is_no_amount(output: Path) -> None:
    done = called(output, "33533", "--modifier", "62", "--on", "2025-10-01")
    assert done.exit_code == 0
    assert "  amount    not_paid" in done.stdout.splitlines()
    assert "  because   Modifier 62: Co-surgeons are not permitted for this procedure." in done.stdout.splitlines()


def test_the_command_as_json(output: Path) -> None:
    done = called(
        output, "00406", "--modifier", "qk,p3", "--base-units", "13.5", "--minutes", "48", "--on", "2025-10-01", "--json"
    )
    found = json.loads(done.stdout)
    assert found["question"]["base_units"] == "13.5"
    # 13.5 + 3.2 = 16.7 units x 20.3178 = 339.30726; half of it = 169.65363
    assert (found["answer"]["amount_usd"], found["answer"]["modifiers"], found["answer"]["payment_status"]) == (
        "169.65",
        "QK P3",
        "paid",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("99213", "--setting", "office"), "Unknown setting 'office': expected one of nonfacility, facility."),
        (("99213", "--apm", "both"), "Unknown APM status 'both': expected one of non_qualifying, qualifying."),
        (
            ("99213", "--locality", "Alabama"),
            "Unknown locality 'Alabama': expected contractor and locality such as 10112-00, or a state such as AL.",
        ),
        (("99213", "--modifier", "7X"), "Unknown modifier '7X': expected one of "),
    ],
)
def test_names_that_are_not_understood(output: Path, arguments: tuple[str, ...], message: str) -> None:
    done = called(output, *arguments)
    assert str(done.exception).startswith(message)
    assert type(done.exception).__name__ == "UnknownNameError"


def test_an_unknown_code_and_a_missing_release(output: Path, tmp_path: Path) -> None:
    assert type(called(output, "99999").exception).__name__ == "NoAnswerError"
    assert type(called(tmp_path, "99213").exception).__name__ == "NoReleaseError"
