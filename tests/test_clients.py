"""docs/clients.md: every block of SQL and Python prints what is shown, every address of the API answers."""

import contextlib
import io
import re
from pathlib import Path

import duckdb
import httpx
import pytest

from flows import PROJECT
from flows.release_query import asked
from tests.explore.conftest import served
from tests.test_questions import as_csv

TEXT = (PROJECT / "docs" / "clients.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```\n\n```csv\n(.*?)```", TEXT, flags=re.DOTALL)
PROGRAMS = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", TEXT, flags=re.DOTALL)
ADDRESSES = re.findall(r"^curl 'http://127\.0\.0\.1:8420(.*)'$", TEXT, flags=re.MULTILINE)


def test_no_block_is_left_out() -> None:
    assert len(QUERIES) == TEXT.count("```sql") == 6
    assert len(PROGRAMS) == TEXT.count("```python") == 4
    assert len(ADDRESSES) == TEXT.count("curl") == 4


@pytest.mark.parametrize(("query", "shown"), QUERIES, ids=range(1, len(QUERIES) + 1))
def test_a_query_has_the_answer_shown(
    connection: duckdb.DuckDBPyConnection, release: Path, monkeypatch: pytest.MonkeyPatch, query: str, shown: str
) -> None:
    monkeypatch.chdir(release)
    assert as_csv(asked(connection, query)) == shown


@pytest.mark.parametrize(("program", "shown"), PROGRAMS, ids=range(1, len(PROGRAMS) + 1))
def test_a_program_prints_what_is_shown(release: Path, monkeypatch: pytest.MonkeyPatch, program: str, shown: str) -> None:
    monkeypatch.chdir(release)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(program, "docs/clients.md", "exec"), {})  # noqa: S102  the page's own programs
    assert printed.getvalue() == shown


@pytest.mark.slow
def test_every_address_answers(output: Path, published: object) -> None:
    with served(output) as site:
        answers = [httpx.get(site + address).raise_for_status().json() for address in ADDRESSES]
    explained, modifiers, resolved, found = answers
    assert explained["rows"][0]["rule_id"] == "cigna.anesthesia.QZ.2023"
    assert (len(modifiers["rows"]), modifiers["next_offset"]) == (48, None)
    assert (resolved["payer_id"], resolved["organization_id"]) == ("bcbs", "anthem_oh")
    assert "QZ" in found["rows"][0].values()


def test_the_storage_version_named_is_the_one_written(release: Path) -> None:
    assert '"storage_version": "v1.5.0"' in (release / "manifest.json").read_text(encoding="utf-8")
    assert "storage format of DuckDB 1.5.0" in TEXT
