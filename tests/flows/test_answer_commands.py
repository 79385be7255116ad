"""What the commands that answer say where nobody can answer, and where somebody can, word for word, as a shell gets it."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest
from typer.testing import CliRunner

from flows.answers import Question, checked
from flows.cli import app
from flows.pipeline import Outcome
from flows.settings import UnknownNameError

OF_PAGE = ("93010", "--payer", "medicare", "--on", "2025-10-01")
NO_ROW = "93010 has no row of component 26 on 2025-10-01; it has: global.\n"


class Said(NamedTuple):
    """How a command ended, its answer, and what it said beside the answer."""

    code: int
    answer: str
    message: str


def said(output: Path, *arguments: str, columns: int | None = None) -> Said:
    command = [sys.executable, "-m", "flows.cli", *arguments, "--output", str(output)]
    settings = {**os.environ, "COLUMNS": str(columns)} if columns else {**os.environ}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=settings)
    return Said(done.returncode, done.stdout, done.stderr)


def test_a_name_of_one_organization_with_another_one_is_wrong_usage(connection: duckdb.DuckDBPyConnection) -> None:
    told = "'Anthem' means the organization anthem, of which ibx is no part: give one of them."
    with pytest.raises(UnknownNameError, match=f"^{told}$"):
        checked(connection, Question("19307", "Anthem", date(2025, 10, 1), organization="ibx"))
    part = checked(connection, Question("19307", "Anthem", date(2025, 10, 1), organization="anthem_oh"))
    assert (part.payer, part.organization) == ("bcbs", "anthem_oh")


# ---------------------------------------------------------------- rows of the fee schedule


@pytest.mark.parametrize(
    "arguments",
    [
        ("lookup", *OF_PAGE, "--component", "26"),
        ("lookup", *OF_PAGE, "--component", "26", "--modifier", "26"),
        ("lookup", *OF_PAGE, "--component", "26", "--json"),
        ("explain", *OF_PAGE, "--component", "26", "--modifier", "26"),
    ],
)
def test_a_component_that_the_code_lacks_is_no_answer(output: Path, published: Outcome, arguments: tuple[str, ...]) -> None:
    assert said(output, *arguments) == (1, "", NO_ROW)


@pytest.mark.parametrize("command", ["lookup", "explain"])
def test_a_component_that_there_is_not_is_wrong_usage_and_all_are_named(output: Path, published: Outcome, command: str) -> None:
    done = said(output, command, *OF_PAGE, "--modifier", "26", "--component", "2")
    assert done == (2, "", "Unknown component '2': expected one of global, 26, TC, 53.\n")


def test_a_component_is_taken_as_people_spell_it(connection: duckdb.DuckDBPyConnection) -> None:
    for given, component in (("Global", "global"), ("tc", "TC"), (" 26", "26")):
        assert checked(connection, Question("0507T", "medicare", date(2025, 10, 1), component=given)).component == component


def test_on_a_day_without_a_fee_schedule_it_stays_not_published(output: Path, published: Outcome) -> None:
    done = said(output, "lookup", "93010", "--payer", "medicare", "--on", "2024-01-01", "--component", "26", "--modifier", "26")
    assert (done.code, done.message) == (0, "")
    assert "not_published" in done.answer


# ---------------------------------------------------------------- days


@pytest.mark.parametrize(
    "command",
    [
        ("lookup", "00406", "--payer", "uhc"),
        ("explain", "00406", "--payer", "uhc", "--modifier", "QZ"),
        ("price", "19307"),
        ("payers", "resolve", "Aetna"),
        ("check", "claims.csv", "--out", "findings.csv"),
    ],
)
@pytest.mark.parametrize("day", ["10/01/2025", "2025-02-30", ""])
def test_a_day_in_another_form_is_told_the_form(tmp_path: Path, command: tuple[str, ...], day: str) -> None:
    done = CliRunner().invoke(app, [*command, "--on", day])
    sentence = f"Error: Invalid value for '--on': expected year-month-day such as 2025-10-01, found {day or 'nothing'}"
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (2, sentence)


def test_the_help_names_the_form_of_a_day() -> None:
    for command in (["lookup"], ["explain"], ["price"], ["payers", "resolve"], ["check"]):
        assert "--on YYYY-MM-DD" in " ".join(CliRunner().invoke(app, [*command, "--help"]).stdout.split())


# ---------------------------------------------------------------- pipes


def test_a_row_in_a_pipe_is_one_line_whatever_the_width_of_the_screen(output: Path, published: Outcome) -> None:
    asked = ("lookup", "00406", "--payer", "cigna", "--on", "2023-03-12")
    assert said(output, *asked, columns=80) == said(output, *asked)
    (line,) = [line for line in said(output, *asked).answer.splitlines() if line.startswith(" QZ")]
    assert "A nurse anesthetist without medical direction is paid 85 percent; Medicare Advantage and Medicaid are not" in line


# ---------------------------------------------------------------- as people type


LONG = "x" * 4000
MODIFIERS = "1P, 22, 23, 24, 25, 26, 27, 2P, 32, 33, 3P, 47"


def test_a_question_is_taken_as_people_type_it(connection: duckdb.DuckDBPyConnection) -> None:
    day = date(2025, 10, 1)
    given = Question(
        " 0507t ", "bcbs", day, modifier=" qz ", line_of_business="Commercial", market="ANY", organization="Anthem_OH"
    )
    expected = Question("0507T", "bcbs", day, modifier="QZ", line_of_business="commercial", market="OH", organization="anthem_oh")
    assert checked(connection, given) == expected
    assert checked(connection, Question("00406", "uhc", day, organization="ANY")).organization == "any"


@pytest.mark.parametrize(
    ("arguments", "code", "start"),
    [
        (("lookup", "00406", "--payer", "uhc", "--modifier", ""), 2, f"Unknown modifier '': expected one of {MODIFIERS} and "),
        (("explain", "00406", "--payer", "uhc", "--modifier", " "), 2, f"Unknown modifier '': expected one of {MODIFIERS} and "),
        (("lookup", "00406", "--payer", "uhc", "--modifier", LONG), 2, f"Unknown modifier '{'X' * 60}...': expected one of "),
        (("lookup", LONG, "--payer", "uhc"), 1, f"'{'X' * 60}...' is no code: codes have five figures, "),
        (("lookup", "00406", "--payer", "uhc", "--market", LONG), 2, f"Unknown market '{LONG[:60]}...': expected two letters "),
        (("price", "19307", "--modifier", ""), 2, "A modifier is empty: leave --modifier out where the line has none.\n"),
        (("price", "19307", "--locality", ""), 2, "Unknown locality '': expected contractor and locality such as 10112-00, "),
        (("price", "19307", "--locality", LONG), 2, f"Unknown locality '{LONG[:60]}...': expected contractor and locality "),
        (("sql", "SELECT 1", "--csv", "--json"), 2, "Give either --csv or --json.\n"),
    ],
)
def test_what_is_empty_or_endless_is_told_in_a_sentence(
    output: Path, published: Outcome, arguments: tuple[str, ...], code: int, start: str
) -> None:
    done = said(output, *arguments)
    assert (done.code, done.answer, done.message[: len(start)]) == (code, "", start)
    assert len(done.message) < 300


def test_an_endless_payer_is_told_in_some_sentences(output: Path, published: Outcome) -> None:
    done = said(output, "lookup", "00406", "--payer", LONG)
    assert (done.code, done.answer) == (2, "")
    assert done.message.startswith(f"Unknown payer '{LONG[:60]}...': expected one of aetna, bcbs, cigna, medicare, uhc, or ")
    assert len(done.message) < 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["refresh", "--accept-licence"], "--accept-licence and --base-url go with --fetch."),
        (["serve", "--base-url", "https://mirror.example"], "--accept-licence and --base-url go with --fetch."),
        (["fetch", "--payer", "uhc"], "--payer and --host go with --worklist."),
        (["fetch", "--host", "example.org"], "--payer and --host go with --worklist."),
        (["fetch", "cms_pfs", "--worklist", "list.csv"], "Give either sources with --release, or --worklist."),
    ],
)
def test_options_that_would_do_nothing_are_wrong_usage(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, UnknownNameError)
    assert str(done.exception) == message
