"""The set-based judge and the reference that goes line by line find the same, in every column of every finding."""

import csv
import io
import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from bench.check_reference import reference_findings
from bench.claim_generator import generated
from flows import PROJECT
from flows.claim_check import findings, judge
from flows.pipeline import run
from flows.release_query import opened
from flows.settings import Settings
from schemas.claim import CHECK_RULES, ClaimFinding
from tests.flows.claim_builders import enriched
from tests.flows.test_check_bypass import PAIRS, compared
from tests.golden.test_all_sources import RELEASES, linked

_COLUMNS = list(ClaimFinding.column_names())
_FAMILIES = {
    "payer",
    "code",
    "modifier",
    "modifiers",
    "anesthesia",
    "ncci",
    "units",
    "addon",
    "place_of_service",
    "diagnosis",
    "line",
}
CODES = (
    "00406",
    "33533",
    "36620",
    "33518",
    "43239",
    "43235",
    "19307",
    "19303",
    "71046",
    "71045",
    "99213",
    "29826",
    "93000",
    "XX",
    "406",
    "99213-25",
    "00000",
)
MODIFIERS = (
    "",
    "25",
    "26",
    "50",
    "51",
    "59",
    "62",
    "80",
    "AA",
    "AS",
    "G8",
    "LT",
    "P3",
    "QS",
    "QZ",
    "TC",
    "XE",
    "54",
    "55",
    "ZZ",
    "9",
    "25.0",
    "25 59",
)
PAYERS = ("Medicare", "Aetna", "BCBS of NC", "UHC", "Cigna", "Blue Cross", "Humana")
LINES = st.tuples(
    st.sampled_from(("A", "B", "")),
    st.sampled_from(("1", "2", "3")),
    st.sampled_from(PAYERS),
    st.sampled_from(CODES),
    *(st.sampled_from(MODIFIERS) for _ in range(4)),
    st.sampled_from(("1", "2", "2.5", "0", "12")),
    st.sampled_from(
        ("2025-10-15", "20251015", "2025-11-03", "2026-04-01", "2019-06-30", "1983-01-01", "2025-02-30", "10/1/25", "45931")
    ),
    st.sampled_from(("", "NC", "tx", "Texas")),
    st.sampled_from(("", "commercial", "Medicare Advantage", "fep", "none")),
    st.sampled_from(("", "11", "22", "99")),
    st.sampled_from(("", "A00.0", "a000, Z9", "Z00.00", '"')),
    st.sampled_from(("whole", "quoted", "broken", "short")),
)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return enriched(tmp_path_factory.mktemp("check"))


def both(output: Path, claims: Path, *, on: date | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Findings of the judge and of the reference, in one order."""
    with opened(output) as connection:
        done = judge(connection, claims, on=on)
        judged = pl.concat([pl.DataFrame(schema=ClaimFinding.polars_schema()), *findings(connection, done)])
    with opened(output) as connection:
        expected = reference_findings(connection, claims, on=on)
    return judged.sort(_COLUMNS), expected.sort(_COLUMNS)


def written(cells: tuple[str, ...]) -> str:
    """A line of a CSV file: quoted where a cell needs it, quoted everywhere, with a quotation mark too many, or a cell short."""
    *values, form = cells
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL if form == "quoted" else csv.QUOTE_MINIMAL, lineterminator="").writerow(values)
    if form == "broken":
        return text.getvalue().replace("2025", '"2025', 1)
    return text.getvalue().rpartition(",")[0] if form == "short" else text.getvalue()


def undocumented(found: pl.DataFrame) -> list[tuple[str, str]]:
    """Rules found with a severity that docs/check.md does not give them."""
    text = (PROJECT / "docs" / "check.md").read_text(encoding="utf-8")
    said = dict(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \| ([^|]*) \|", text, flags=re.MULTILINE))
    return [pair for pair in found.select("rule_id", "severity").unique().rows() if pair[1] not in said[pair[0]]]


def families(found: pl.DataFrame) -> set[str]:
    return set(found["rule_id"].str.split(".").list.first())


@pytest.mark.parametrize(("seed", "on"), [(1, None), (2, date(2025, 11, 1)), (3, date(2019, 1, 1))])
def test_generated_lines_are_judged_alike(output: Path, tmp_path: Path, seed: int, on: date | None) -> None:
    with opened(output) as connection:
        generated(connection, lines=600, seed=seed).write_csv(tmp_path / "claims.csv")
    judged, expected = both(output, tmp_path / "claims.csv", on=on)
    assert_frame_equal(judged, expected)
    assert judged.height > 600
    assert undocumented(judged) == []


@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(LINES, min_size=20, max_size=60))
def test_any_lines_are_judged_alike(output: Path, tmp_path: Path, lines: Iterable[tuple[str, ...]]) -> None:
    header = "claim,line,payer,code,modifier_1,modifier_2,modifier_3,modifier_4,units,service_date,state,line_of_business,place_of_service,diagnosis"
    (tmp_path / "claims.csv").write_text("\n".join([header, *map(written, lines)]), encoding="utf-8")
    assert_frame_equal(*both(output, tmp_path / "claims.csv"))


@pytest.mark.full
@pytest.mark.timeout(900)
def test_five_thousand_lines_are_judged_alike_by_every_source(full_files: Path, tmp_path: Path) -> None:
    raw, output = tmp_path / "raw", tmp_path / "output"
    for source in RELEASES:
        linked(full_files, raw, source)
    run(Settings(raw, output))
    with opened(output) as connection:
        generated(connection, lines=5_000, seed=1).write_csv(tmp_path / "claims.csv")
    judged, expected = both(output, tmp_path / "claims.csv")
    assert_frame_equal(judged, expected)
    assert undocumented(judged) == []
    assert compared(output, tmp_path, "2025-10-15") == PAIRS
    assert families(judged) == _FAMILIES == {rule.rule_id.split(".")[0] for rule in CHECK_RULES}
