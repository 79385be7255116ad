"""The same questions over all 19,090 rows of the October 2025 file, and the counts of its domain."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from flows.database_name import DATABASE
from tests.databases import database_of
from tests.golden.known import ANSWERS, CHECKED, asked_in_sql

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def full(full_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    raw = tmp_path_factory.mktemp("raw")
    (raw / "cms_pfs" / "2025-10").mkdir(parents=True)
    for name in ("PPRRVU2025_Oct.csv", "ANES2025.csv", "GPCI2025.csv"):
        shutil.copy(full_files / "cms_pfs" / "2025-10" / name, raw / "cms_pfs" / "2025-10" / name)
    database = database_of(raw, tmp_path_factory.mktemp("full") / DATABASE)
    with duckdb.connect(str(database), read_only=True) as opened:
        yield opened


def test_known_answers(full: duckdb.DuckDBPyConnection) -> None:
    wrong = [
        (list(known.values())[:5], found)
        for known in ANSWERS
        if (found := asked_in_sql(full, known)) != {name: known[name] for name in CHECKED}
    ]
    assert wrong == []


def test_every_row_and_every_code(full: duckdb.DuckDBPyConnection) -> None:
    assert full.execute(
        "SELECT sum(rows_read), sum(rows_refused) FROM raw_file WHERE source_file LIKE '%PPRRVU%'"
    ).fetchall() == [(19_090, 0)]
    by_payer = "SELECT payer_id, count(DISTINCT code) FROM code_payer_modifier GROUP BY ALL ORDER BY ALL"
    assert full.execute(by_payer).fetchall() == [(payer, 16_852) for payer in ("aetna", "bcbs", "cigna", "medicare", "uhc")]


def test_counts_of_the_record_layout(full: duckdb.DuckDBPyConnection) -> None:
    counts = """
        SELECT
            count(*) FILTER (WHERE component = '26'), count(*) FILTER (WHERE component = 'TC'),
            count(*) FILTER (WHERE status_code = 'J'), count(*) FILTER (WHERE bilateral_code = '1'),
            count(*) FILTER (WHERE multiple_procedure_code = '3'), count(*) FILTER (WHERE imaging_family_code = '88'),
            count(*) FILTER (WHERE is_not_used_for_payment), count(*) FILTER (WHERE preoperative_percent > 0 AND component = 'global'),
            count(*) FILTER (WHERE global_days_code = '090' AND postoperative_percent = 0 AND intraoperative_percent = 0)
        FROM pfs_indicator
    """
    assert full.execute(counts).fetchall() == [(1_127, 1_108, 276, 2_227, 370, 477, 148, 4_226, 12)]


def test_split_care_reaches_every_code_with_phases(full: duckdb.DuckDBPyConnection) -> None:
    query = """
        SELECT count(*) FROM code_payer_modifier AS cell JOIN pfs_indicator AS fee USING (code, component)
        WHERE cell.payer_id = 'medicare' AND cell.modifier = '54' AND cell.component = 'global' AND cell.valid_to IS NULL
            AND cell.effect_percent = fee.preoperative_percent + fee.intraoperative_percent AND cell.disposition = 'allowed'
    """
    unpaid = """
        SELECT count(*) FROM pfs_indicator
        WHERE component = 'global' AND preoperative_percent > 0 AND status_code IN ('I', 'N', 'B', 'P', 'M', 'E', 'X')
    """
    (reached,), (excluded,) = full.execute(query).fetchall()[0], full.execute(unpaid).fetchall()[0]
    assert reached == 4_226 - excluded


def test_tests_with_components(full: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT count(*) FROM pfs_indicator AS a WHERE component = 'TC' AND NOT EXISTS (SELECT 1 FROM pfs_indicator AS b WHERE b.code = a.code AND b.component = '26')"
    assert full.execute(query).fetchall() == [(0,)]
    sums = """
        SELECT count(*) FILTER (WHERE g.nonfacility_total_rvu = p.nonfacility_total_rvu + t.nonfacility_total_rvu), count(*)
        FROM pfs_indicator g JOIN pfs_indicator p USING (code) JOIN pfs_indicator t USING (code)
        WHERE g.component = 'global' AND p.component = '26' AND t.component = 'TC'
            AND g.status_code = 'A' AND p.status_code = 'A' AND t.status_code = 'A'
    """
    assert full.execute(sums).fetchall() == [(815, 815)]
