"""README and docs say what is true: their commands exist, their SQL gives the answers shown, their tables are complete."""

import csv
import io
import re
from pathlib import Path

import duckdb
import polars as pl
import pytest
import typer
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

from flows import PROJECT, cli
from flows.registry import SOURCES
from flows.release_query import rows
from flows.settings import ExitCode
from schemas import TABLES
from schemas.claim import CHECK_RULES, CLAIM_SEVERITIES, OPTIONAL, REQUIRED, ClaimFinding
from schemas.vocabulary import DISPOSITIONS, TIERS
from transforms.predicates import CODE_FACTS, INDICATOR_FACTS

README = (PROJECT / "README.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"```sql\n(.*?)```\n\n```csv\n(.*?)```", README, flags=re.DOTALL)


def test_there_are_five_questions() -> None:
    assert len(QUESTIONS) == 5


@pytest.mark.parametrize(("query", "shown"), QUESTIONS, ids=range(1, len(QUESTIONS) + 1))
def test_a_question_has_the_answer_shown(connection: duckdb.DuckDBPyConnection, query: str, shown: str) -> None:
    found = rows(connection, query)
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([list(found[0]), *(list(row.values()) for row in found)])
    assert written.getvalue() == shown


def test_the_look_ups_shown_print_what_is_shown(output: object, published: object) -> None:
    shown = re.findall(r"\$ \.venv/bin/payref (.*)\n((?:(?!\$ |```).*\n)*)", README)
    assert len(shown) == 2
    for command, text in shown:
        assert CliRunner().invoke(cli.app, [*command.split(), "--output", str(output)]).stdout == text


def test_the_summary_shown_is_the_one_printed(connection: duckdb.DuckDBPyConnection, published: object) -> None:
    shown = re.findall(r"^ (aetna|bcbs|cigna|medicare|uhc) +([\d,]+) +([\d,]+) +([\d,]+) +([\d,]+)$", README, flags=re.MULTILINE)
    query = """
        SELECT payer_id, count(*), count(*) FILTER (WHERE disposition <> 'not_published'),
            count(*) FILTER (WHERE disposition = 'not_published'), count(DISTINCT rule_id)
        FROM code_payer_modifier GROUP BY ALL ORDER BY ALL
    """
    found = connection.execute(query).fetchall()
    assert [(payer, *(int(number.replace(",", "")) for number in numbers)) for payer, *numbers in shown] == found
    assert "235 codes, 247 rules, 6 contradictions, 2 rows refused (table finding)." in README


def test_every_command_named_exists() -> None:
    named = set(re.findall(r"payref ([a-z]+)", README))
    registered = {command.name or command.callback.__name__ for command in cli.app.registered_commands if command.callback}
    assert named == registered | {str(group.name) for group in cli.app.registered_groups}


def test_every_option_named_exists() -> None:
    commands = [name for name in typer.main.get_command(cli.app).commands if name != "payers"]
    names = [*commands, "payers resolve"]
    helps = "".join(CliRunner().invoke(cli.app, [*name.split(), "--help"]).stdout for name in names)
    for option in set(re.findall(r"`(--[a-z-]+)", README)):
        assert option in helps, option


def test_every_exit_code_is_listed() -> None:
    assert re.findall(r"^\| (\d) \|", README, flags=re.MULTILINE) == [str(int(code)) for code in ExitCode]


def test_every_rule_of_the_makefile_named_exists() -> None:
    rules = re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert {"refresh", "test", "bench"} <= set(re.findall(r"(?:`|^)make ([a-z]+)", README, flags=re.MULTILINE)) <= set(rules)


def test_every_disposition_is_explained_by_name() -> None:
    assert all(disposition in README for disposition in DISPOSITIONS)


def test_every_source_and_pattern_is_documented() -> None:
    text = (PROJECT / "docs" / "sources.md").read_text(encoding="utf-8")
    for source in SOURCES:
        assert f"`{source.name}/" in text
        assert all(f"`{pattern}`" in text for pattern in source.files)


def test_every_fact_and_tier_is_documented() -> None:
    text = (PROJECT / "docs" / "predicates.md").read_text(encoding="utf-8")
    assert all(f"`{word}`" in text for word in (*CODE_FACTS, *INDICATOR_FACTS, *TIERS))


def test_every_rule_and_column_of_a_claim_check_is_documented() -> None:
    text = (PROJECT / "docs" / "check.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", text, flags=re.MULTILINE) == [rule.rule_id for rule in CHECK_RULES]
    assert re.findall(r"^\| `([a-z]+)` \|", text.partition("## Severities")[2], flags=re.MULTILINE) == list(CLAIM_SEVERITIES)
    assert all(f"`{name}`" in text for name in (*REQUIRED, "modifier_1", *OPTIONAL[3:], *ClaimFinding.column_names()))


def test_the_claim_check_shown_gives_what_is_shown(output: Path, published: object, tmp_path: Path) -> None:
    claims, shown = re.findall(r"```csv\n(.*?)```", (PROJECT / "docs" / "check.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    (tmp_path / "claims.csv").write_text(claims, encoding="utf-8")
    found = tmp_path / "findings.csv"
    CliRunner().invoke(cli.app, ["check", str(tmp_path / "claims.csv"), "--out", str(found), "--output", str(output)])
    expected = pl.read_csv(io.StringIO(shown), infer_schema=False)
    assert_frame_equal(pl.read_csv(found, infer_schema=False).select(expected.columns), expected)


def test_the_changelog_counts_the_tables() -> None:
    assert f"{len(TABLES)} tables" in (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_lock_is_complete_and_has_no_address() -> None:
    lock = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    packages = re.findall(r"^([a-z0-9-]+)==", lock, flags=re.MULTILINE)
    assert {"prefect", "fastapi", "polars", "duckdb", "pandera", "pyarrow", "pytest", "hatchling"} <= set(packages)
    assert len(re.findall(r"--hash=sha256:", lock)) >= len(packages)
    assert "://" not in lock


def test_notice_names_the_owners_of_the_marks() -> None:
    notice = " ".join((PROJECT / "NOTICE").read_text(encoding="utf-8").split())
    assert all(name in notice for name in ("American Medical Association", "American Dental Association", "NUCC", "CC0"))
    assert (PROJECT / "LICENSE").read_text(encoding="utf-8").lstrip().startswith("Apache License")
