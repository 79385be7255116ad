"""Amounts worked out by hand on real rows of the October 2025 fee schedule, in SQL, on the command line and on the full file."""

import csv
import json
import shutil
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from flows import cli
from flows.database_name import DATABASE
from tests.databases import database_of

KNOWN = list(csv.DictReader((Path(__file__).parent / "payment.csv").read_text(encoding="utf-8").splitlines()))
each = pytest.mark.parametrize("known", KNOWN, ids=[" ".join(list(row.values())[:5]) for row in KNOWN])
OCTOBER = date(2025, 10, 1)


def in_sql(connection: duckdb.DuckDBPyConnection, known: dict[str, str]) -> tuple[str, str]:
    query = """
        SELECT payment_status, coalesce(CAST(amount_usd AS VARCHAR), '')
        FROM medicare_payment($1, $2, $3, $4, $5, base_units := $6, minutes := $7)
    """
    given = [known[name] or None for name in ("code", "modifiers", "setting", "locality", "on", "base_units", "minutes")]
    (row,) = connection.execute(query, given).fetchall()
    return row


@each
def test_in_sql(connection: duckdb.DuckDBPyConnection, known: dict[str, str]) -> None:
    assert in_sql(connection, known) == (known["status"], known["amount_usd"])


def test_on_the_command_line(output: Path, published: object) -> None:
    wrong = []
    for known in KNOWN[::4]:
        options = [
            part for name in ("setting", "locality", "on", "base-units", "minutes") if known[name.replace("-", "_")]
            for part in (f"--{name}", known[name.replace("-", "_")])
        ]  # fmt: skip
        modifiers = [part for modifier in known["modifiers"].split() for part in ("--modifier", modifier)]
        done = CliRunner().invoke(cli.app, ["price", known["code"], *modifiers, *options, "--output", str(output), "--json"])
        answer = json.loads(done.stdout)["answer"]
        if (answer["payment_status"], answer["amount_usd"] or "") != (known["status"], known["amount_usd"]):
            wrong.append((known, answer))
    assert wrong == []


# ---------------------------------------------------------------- the full file


@pytest.fixture(scope="module")
def full(full_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("raw") / "cms_pfs" / "2025-10"
    folder.mkdir(parents=True)
    for name in ("PPRRVU2025_Oct.csv", "ANES2025.csv", "GPCI2025.csv"):
        shutil.copy(full_files / "cms_pfs" / "2025-10" / name, folder / name)
    database = database_of(folder.parents[1], tmp_path_factory.mktemp("full") / DATABASE)
    with duckdb.connect(str(database), read_only=True) as opened:
        yield opened


@pytest.mark.full
@pytest.mark.parametrize("setting", ["facility", "nonfacility"])
def test_national_amounts_are_the_printed_totals_times_the_factor(full: duckdb.DuckDBPyConnection, setting: str) -> None:
    """Of every row of status A, for the row as it stands: indices 1 leave work + practice + malpractice = TOTAL RVU."""
    query = f"""
        SELECT
            count(*),
            count(*) FILTER (answer.payment_status <> 'paid'),
            count(*) FILTER (answer.fee_usd <> CAST(round(fee.{setting}_total_rvu * CAST(32.3465 AS DECIMAL(9, 4)), 2) AS DECIMAL(12, 2))),
            count(*) FILTER (answer.is_capped),
            count(*) FILTER (answer.is_capped AND answer.amount_usd >= answer.fee_usd),
            count(*) FILTER (NOT answer.is_capped AND answer.amount_usd <> answer.fee_usd)
        FROM pfs_indicator AS fee,
            medicare_payment(fee.code, nullif(fee.component, 'global'), '{setting}', NULL, DATE '2025-10-01') AS answer
        WHERE fee.status_code = 'A' AND fee.pctc_code NOT IN (
            SELECT limits.pctc_code FROM fee_schedule_setting_limits() AS limits WHERE limits.setting = '{setting}'
        )
    """
    assert full.execute(query).fetchall() == [({"facility": 8_886, "nonfacility": 9_020}[setting], 0, 0, 58, 0, 0)]


@pytest.mark.full
def test_amounts_that_cms_published_itself(full: duckdb.DuckDBPyConnection) -> None:
    """76145 in San Francisco stands in PFREV25C with 1339.81 in both settings, 0633T-TC in OPPSCAP with 150.69."""
    query = """
        SELECT answer.amount_usd FROM unnest(['facility', 'nonfacility']) AS asked(setting),
            medicare_payment('76145', NULL, asked.setting, '01112-05', $1) AS answer
    """
    assert full.execute(query, [OCTOBER]).fetchall() == [(Decimal("1339.81"),)] * 2
    cap = "SELECT opps_cap_usd FROM medicare_payment('0633T', 'TC', 'facility', '01112-05', $1)"
    assert full.execute(cap, [OCTOBER]).fetchall() == [(Decimal("150.69"),)]


@pytest.mark.full
def test_states_with_one_locality(full: duckdb.DuckDBPyConnection) -> None:
    query = """
        SELECT count(*) FILTER (answer.payment_status = 'paid'), count(*) FILTER (answer.payment_status = 'not_published')
        FROM (SELECT DISTINCT state FROM gpci) AS listed, medicare_payment('99213', NULL, 'facility', listed.state, $1) AS answer
    """
    assert full.execute(query, [OCTOBER]).fetchall() == [(37, 16)]


@pytest.mark.full
def test_known_amounts_on_the_full_file(full: duckdb.DuckDBPyConnection) -> None:
    found = [(known, in_sql(full, known)) for known in KNOWN]
    assert [(known, answer) for known, answer in found if answer != (known["status"], known["amount_usd"])] == []
