"""docs/questions.md: every question has the answer shown."""

import csv
import io
import re

import duckdb
import pytest

from flows import PROJECT
from flows.release_query import Found, asked

TEXT = (PROJECT / "docs" / "questions.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"^## \d+\. [^\n]*\n\n```sql\n(.*?)```\n\n```csv\n(.*?)```", TEXT, flags=re.DOTALL | re.MULTILINE)


def as_csv(found: Found) -> str:
    """An answer as the page shows it."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([found.names, *found.values])
    return written.getvalue()


def test_every_view_and_macro_has_a_question(connection: duckdb.DuckDBPyConnection) -> None:
    query = """
        SELECT view_name FROM duckdb_views() WHERE NOT internal
        UNION SELECT function_name FROM duckdb_functions() WHERE function_type = 'table_macro' AND NOT internal
    """
    names = {name for (name,) in connection.execute(query).fetchall()}
    asked_for = {name for name in names for query, _ in QUESTIONS if re.search(rf"\b(FROM|JOIN) {name}\b", query)}
    assert names == asked_for
    assert len(names) > 25


def test_there_are_at_least_25_and_every_one_is_run() -> None:
    assert len(QUESTIONS) == len(re.findall(r"^## ", TEXT, flags=re.MULTILINE)) >= 25


@pytest.mark.parametrize(("query", "shown"), QUESTIONS, ids=range(1, len(QUESTIONS) + 1))
def test_a_question_has_the_answer_shown(connection: duckdb.DuckDBPyConnection, query: str, shown: str) -> None:
    assert as_csv(asked(connection, query)) == shown
