"""Every published source at full size, two releases of the fee schedule side by side, as one release of the dataset."""

import os
import re
import shutil
import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import polars as pl
import pytest

from flows.database_name import DATABASE
from flows.pipeline import Outcome, run
from flows.release_query import asked
from flows.settings import Settings
from schemas import table
from tests.end_to_end.raw_folder import exported_hashes
from tests.test_questions import QUESTIONS, as_csv
from transforms.archive import members

pytestmark = pytest.mark.full
CANARY = re.compile(rb"A(MA|DA) TEXT [0-9D]")
BEFORE, AFTER = date(2025, 9, 30), date(2025, 10, 1)
RELEASES = ("cms_pfs", "cms_hcpcs", "cms_ncci", "cms_icd10cm", "nucc", "cms_pos")


class Full(NamedTuple):
    """The release of everything."""

    raw: Path
    output: Path
    outcome: Outcome
    folder: Path


def linked(files: Path, raw: Path, place: str) -> None:
    """Files of a source or release under second names in a raw folder."""
    for path in sorted(path for path in (files / place).rglob("*") if path.is_file()):
        link = raw / path.relative_to(files)
        link.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path.resolve(), link)
        except OSError:  # another file system
            shutil.copy(path, link)


@pytest.fixture(scope="module")
def full(full_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Full:
    raw, output = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("all")
    for source in RELEASES:
        linked(full_files, raw, source)
    outcome = run(Settings(raw, output))
    return Full(raw, output, outcome, output / "releases" / outcome.release)


@pytest.fixture
def database(full: Full) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(full.folder / DATABASE), read_only=True) as opened:
        yield opened


def rows(database: duckdb.DuckDBPyConnection, query: str, *given: Any) -> list[tuple[Any, ...]]:
    return database.execute(query, list(given)).fetchall()


def test_every_row_of_every_file_is_read_and_none_refused(database: duckdb.DuckDBPyConnection) -> None:
    counts = (
        "SELECT regexp_extract(source_file, '[^/]+$'), rows_read FROM raw_file WHERE source IN (SELECT unnest($1)) ORDER BY ALL"
    )
    assert rows(database, counts, list(RELEASES)) == [
        ("2020_10_anweb.xlsx", 7_196),
        ("ANES2024.csv", 109),
        ("ANES2025.csv", 109),
        ("AOC_V2026Q2-MCR.xlsx", 9_000),
        ("GPCI2024.csv", 109),
        ("GPCI2025.csv", 109),
        ("HCPC2018_CONTR_ANWEB_disc.txt", 6_559),
        ("HCPC2019_CONTR_ANWEB.txt", 6_800),
        ("MCR_MUE_PractitionerServices_Eff_07-01-2024.csv", 14_677),
        ("PPRRVU2025_Oct.csv", 19_090),
        ("PPRRVU24_APR.csv", 18_534),
        ("ccipra-v302r0-f1.TXT", 636_505),
        ("ccipra-v302r0-f2.TXT", 636_505),
        ("ccipra-v302r0-f3.TXT", 636_505),
        ("ccipra-v302r0-f4.TXT", 636_502),
        ("cs-CMS-PlaceofServiceCodes.xml", 52),
        ("icd10cm_codes_2026.txt", 74_719),
        ("icd10cm_codes_addenda_2026.txt", 591),
        ("icd10cm_order_2026.txt", 98_186),
        ("icd10cm_order_addenda_2026.txt", 748),
        ("nucc_taxonomy_251.csv", 883),
    ]
    refused = "SELECT sum(rows_refused) FROM raw_file WHERE source IN (SELECT unnest($1))"
    assert rows(database, refused, list(RELEASES)) == [(0,)]


def test_counts_of_the_published_layouts(database: duckdb.DuckDBPyConnection) -> None:
    assert rows(database, "SELECT count(*) FROM ncci_ptp") == [(2_546_017,)]
    by_indicator = "SELECT adjudication_indicator, count(*) FROM ncci_mue GROUP BY ALL ORDER BY ALL"
    assert rows(database, by_indicator) == [("1", 41), ("2", 5_157), ("3", 9_479)]
    by_type = "SELECT edit_type, count(*) FROM ncci_addon GROUP BY ALL ORDER BY ALL"
    assert rows(database, by_type) == [("1", 8_293), ("2", 47), ("3", 660)]
    assert rows(database, "SELECT count(*), count(*) FILTER (WHERE is_billable) FROM diagnosis") == [(98_186, 74_719)]
    assert rows(database, "SELECT count(*) FROM taxonomy") == [(883,)]
    assert rows(database, "SELECT count(*) FROM place_of_service") == [(52,)]


def test_pairs_are_as_many_as_lines_below_the_header(full: Full, database: duckdb.DuckDBPyConnection) -> None:
    archive = (full.raw / "cms_ncci" / "2024-07" / "ccipra-v302r0-layout.zip").read_bytes()
    lines = [member.content.count(b"\n") - 6 for member in members(archive, source_file="archive", patterns=["*.txt"])]
    counted = rows(database, "SELECT rows_read FROM raw_file WHERE source_file LIKE '%ccipra%' ORDER BY source_file")
    assert [count for (count,) in counted] == lines


def test_every_code_is_in_the_cube_for_five_payers(database: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT payer_id, count(DISTINCT code) FROM code_payer_modifier GROUP BY ALL ORDER BY ALL"
    ((codes,),) = rows(database, "SELECT count(DISTINCT code) FROM code")
    assert rows(database, query) == [(payer, codes) for payer in ("aetna", "bcbs", "cigna", "medicare", "uhc")]


@pytest.mark.parametrize(
    ("modifier", "before", "after"),
    [
        ("50", ("allowed", Decimal("100.00")), ("allowed", Decimal("150.00"))),
        ("51", ("not_applicable", None), ("allowed", None)),
        ("80", ("allowed_with_documentation", Decimal("16.00")), ("not_paid", None)),
    ],
)
def test_a_code_that_changed_is_judged_by_the_rules_of_its_day(
    database: duckdb.DuckDBPyConnection, modifier: str, before: tuple[Any, ...], after: tuple[Any, ...]
) -> None:
    """67516: BILAT 0 to 1, MULT 0 to 2, ASST 0 to 1 between the releases of April 2024 and October 2025."""
    query = "SELECT disposition, effect_percent FROM modifiers_for('67516', 'medicare', on_date := $1) WHERE modifier = $2"
    assert [rows(database, query, day, modifier) for day in (BEFORE, AFTER)] == [[before], [after]]


def test_what_changed_stands_in_the_change_feed_with_both_releases(database: duckdb.DuckDBPyConnection) -> None:
    query = """
        SELECT column_name, old_value, new_value, from_release, to_release, changed_on FROM change
        WHERE changed_table = 'pfs_indicator' AND record_key = 'CPT|67516|global' AND column_name LIKE '%_code'
        ORDER BY column_name
    """
    assert rows(database, query) == [
        (name, old, new, "2024-04", "2025-10", AFTER)
        for name, old, new in [("assistant_code", "0", "1"), ("bilateral_code", "0", "1"), ("multiple_procedure_code", "0", "2")]
    ]
    flipped = "SELECT count(*) FROM change WHERE column_name = 'bilateral_code' AND (old_value, new_value) = ('0', '1')"
    assert rows(database, flipped) == [(2,)]


def test_a_day_between_two_releases_is_answered_by_the_earlier_one_and_marked(database: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT DISTINCT is_stale, release_used, release_last_day FROM modifiers_for('67516', 'medicare', on_date := $1)"
    assert rows(database, query, date(2024, 6, 30)) == [(False, "2024-04", date(2024, 6, 30))]
    assert rows(database, query, BEFORE) == [(True, "2024-04", date(2024, 6, 30))]
    assert rows(database, query, AFTER) == [(False, "2025-10", date(2025, 12, 31))]


def test_codes_that_left_are_closed_and_new_ones_begin(database: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT count(*) FROM codes_on($1) WHERE code_system = 'CPT' AND code NOT IN (SELECT code FROM codes_on($2))"
    gone, came = rows(database, query, BEFORE, AFTER), rows(database, query, AFTER, BEFORE)
    listed = "SELECT count(*) FILTER (WHERE change_kind = 'removed'), count(*) FILTER (WHERE change_kind = 'added') FROM change WHERE changed_table = 'code_listing' AND source = 'cms_pfs' AND record_key LIKE '%CPT%'"
    assert rows(database, listed) == [(*gone[0], *came[0])]
    assert rows(database, "SELECT valid_from, valid_to FROM code WHERE code = '0398T'") == [(date(2024, 4, 1), BEFORE)]


def test_retired_and_reused_modifiers_stay_dated(database: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT modifier, valid_from, valid_to FROM modifier WHERE modifier IN ('CS', 'GD') ORDER BY ALL"
    assert rows(database, query) == [
        ("CS", date(2011, 1, 1), date(2020, 2, 29)),
        ("CS", date(2020, 3, 1), None),
        ("GD", date(2008, 1, 1), date(2019, 12, 31)),
    ]
    listed = "SELECT count(*) FROM modifier_listing AS listed WHERE listed.modifier NOT IN (SELECT modifier FROM modifier)"
    assert rows(database, listed) == [(0,)]


@pytest.mark.parametrize("name", ["code_payer_modifier", "answer", "ncci_ptp"])
def test_the_largest_csv_files_hold_the_rows_of_the_database_in_the_order_of_the_key(full: Full, name: str) -> None:
    """Millions of rows at two threads, where rows could be paired or ordered wrongly without being fewer."""
    columns = table(name).column_names()
    parquet = pl.scan_parquet(full.folder / "parquet" / f"{name}.parquet").select(pl.all().cast(pl.String).fill_null(""))
    csv = pl.scan_csv(full.folder / "csv" / f"{name}.csv", infer_schema=False).select(pl.all().fill_null(""))
    for first in range(0, len(columns), 4):
        some = list(columns[first : first + 4])
        assert csv.select(some).collect().equals(parquet.select(some).collect()), some
    key = list(table(name).facts().key)
    ordered = pl.read_parquet(full.folder / "parquet" / f"{name}.parquet", columns=key)
    assert ordered.equals(ordered.sort(key))


def test_no_exported_file_carries_a_descriptor(full: Full) -> None:
    found = [path.name for path in full.folder.rglob("*") if path.is_file() and _has_canary(path)]
    assert found == []


def test_a_change_in_one_file_costs_that_file_and_an_older_release_loaded_later_gives_the_same(
    full: Full, tmp_path: Path
) -> None:
    """NUCC and the older fee schedule come later: what was read stays in the cache, and the end is the same bytes."""
    raw, output = tmp_path / "raw", tmp_path / "output"
    for source in RELEASES:
        if source not in {"nucc", "cms_pfs"}:
            linked(full.raw, raw, source)
    linked(full.raw, raw, "cms_pfs/2025-10")
    run(Settings(raw, output))
    linked(full.raw, raw, "cms_pfs/2024-04")
    run(Settings(raw, output))
    linked(full.raw, raw, "nucc")
    steps: list[str] = []

    def noted(name: str, function: Any, *arguments: Any, **options: Any) -> Any:
        steps.append(name)
        return function(*arguments, **options)

    outcome = run(Settings(raw, output), step=noted)
    assert [step for step in steps if step.startswith(("read cms", "read nucc", "resolve"))] == ["read nucc"]
    assert outcome.release == full.outcome.release
    assert exported_hashes(output / "releases" / outcome.release) == exported_hashes(full.folder)


def _has_canary(path: Path) -> bool:
    before = b""
    with path.open("rb") as stream:
        while block := stream.read(1 << 24):
            if CANARY.search(before + block):
                return True
            before = block[-16:]
    return False


def test_the_questions_of_analysts_have_answers_in_less_than_a_second(database: duckdb.DuckDBPyConnection) -> None:
    """docs/questions.md on everything: where the shipped extract does not cut the answer short, it is the answer shown."""
    others = {}
    for number, (query, shown) in enumerate(QUESTIONS, start=1):
        began = time.process_time()
        answer = as_csv(asked(database, query))
        assert time.process_time() - began < 1, number
        if answer != shown:
            others[number] = answer.splitlines()[1]
    assert set(others) == {1, 2, 4, 5, 7, 13, 14, 15, 21, 30, 31, 35, 36, 40, 41, 42, 43, 44}
    assert (others[1], others[2], others[4]) == ("1108,0075T,Q0035", "70015", "6")
    assert others[40] == "practitioner,published,2,Counted over the date of service; more may be paid on appeal."
    assert others[42].startswith("59,allowed_with_documentation,97597,column_one_or_two,Indicator 1")
    assert others[44] == "2024-07,2024-07-01,2024-09-30"
    assert (others[14], others[15]) == ("64483,code,Paid only beside one of the listed primary codes.", "000,1243")
