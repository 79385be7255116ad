"""`payref sql`: one query at a time."""

from pathlib import Path

from typer.testing import CliRunner

from flows.cli import app
from flows.pipeline import Outcome


def test_several_statements_are_refused(output: Path, published: Outcome) -> None:
    assert published.release
    done = CliRunner().invoke(app, ["sql", "SELECT 1 a; SELECT 2 b", "--output", str(output)])
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", "Expected one query, found 2: ask them one by one.\n")
    assert CliRunner().invoke(app, ["sql", "SELECT 1 a;", "--output", str(output)]).exit_code == 0


def test_texts_that_a_spreadsheet_would_run_are_printed_harmless_in_csv(output: Path, published: Outcome) -> None:
    assert published.release
    done = CliRunner().invoke(
        app, ["sql", "SELECT '=1+1' AS a, -1 AS b, '@x' AS c, 'x=1' AS d", "--csv", "--output", str(output)]
    )
    assert done.stdout == "a,b,c,d\n'=1+1,-1,'@x,x=1\n"
