"""A code that no source lists on a day is not answered for on that day, whatever rules on sections say."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import duckdb
import pytest

from flows.database_name import DATABASE
from tests.databases import database_of
from tests.end_to_end.raw_folder import PFS, copied
from tests.transforms.hcpcs_builders import code, txt

RETIRED, LISTED = "A9998", "A9999"
LEFT = "19307"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Two Level II codes outside the fee schedule, one of them retired, and a later fee schedule without a code."""
    folder = tmp_path_factory.mktemp("retired")
    raw = copied(folder)
    level_2, later = raw / "cms_hcpcs" / "2025-10", raw / "cms_pfs" / "2026-01"
    for place in (level_2, later):
        place.mkdir(parents=True)
    records = [code(RETIRED, termination_date="20161231", action_code="D"), code(LISTED)]
    (level_2 / "HCPC2025_OCT_ANWEB.txt").write_text(txt(records), encoding="utf-8")
    lines = (raw / PFS).read_text(encoding="utf-8").splitlines(keepends=True)
    kept = "".join(line for line in lines if not line.startswith(f"{LEFT},"))
    (later / "PPRRVU2026_Jan.csv").write_text(kept, encoding="utf-8")
    with duckdb.connect(str(database_of(raw, folder / DATABASE)), read_only=True) as connection:
        yield connection


def answer(database: duckdb.DuckDBPyConnection, code_: str, payer: str, modifier: str, on: date) -> tuple[Any, ...]:
    query = "SELECT disposition, rule_id, listed_until FROM modifiers_for($1, $2, on_date := $3) WHERE modifier = $4"
    (row,) = database.execute(query, [code_, payer, on, modifier]).fetchall()
    return row


def test_a_rule_on_a_section_does_not_answer_for_a_retired_code(database: duckdb.DuckDBPyConnection) -> None:
    today = date(2026, 12, 1)
    assert answer(database, LISTED, "uhc", "52", today) == ("allowed", "uhc.reduced.52", None)
    assert answer(database, RETIRED, "uhc", "52", today) == ("not_published", None, date(2016, 12, 31))


def test_a_code_that_left_the_fee_schedule_is_answered_until_the_day_before(database: duckdb.DuckDBPyConnection) -> None:
    last = date(2025, 12, 31)
    assert answer(database, LEFT, "medicare", "50", last) == ("allowed", "medicare.bilateral.1", None)
    assert answer(database, LEFT, "medicare", "50", date(2026, 1, 1)) == ("not_published", None, last)


def test_the_reason_and_the_verdict_name_the_last_day(database: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT DISTINCT reason FROM modifiers_for($1, 'uhc', on_date := DATE '2026-12-01')"
    assert database.execute(query, [RETIRED]).fetchall() == [
        ("No source lists the code on that day; it was listed until 2016-12-31.",)
    ]
    verdicts = "SELECT verdict, why FROM explain($1, 'uhc', '52', on_date := DATE '2026-12-01')"
    assert database.execute(verdicts, [RETIRED]).fetchall() == [("not_listed", "The code was listed until 2016-12-31 only.")]
