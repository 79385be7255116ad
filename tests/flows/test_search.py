"""Search in SQL on the shipped release: what comes first, misspellings, and that no text breaks it."""

import json
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from flows import cli
from flows.search import KINDS, search
from flows.settings import UnknownNameError

Connection = duckdb.DuckDBPyConnection


@pytest.mark.parametrize("text", ["chemo lesion", "chemo leson", "LESIONS, chemo!", "chemotherapie of the lesions"])
def test_chemo_lesion_finds_both_codes_first(connection: Connection, text: str) -> None:
    found = connection.execute("SELECT code FROM search_codes($1)", [text]).fetchall()
    assert {code for (code,) in found[:2]} == {"96405", "96406"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("ekg", "93010"),
        ("colonoscopy", "45378"),
        ("brest canser operation", "19307"),
        ("ambulanse", "A0428"),
        ("cabg", "33533"),
        ("drawing blood", "36415"),
        ("93000", "93000"),
        ("a0428", "A0428"),
    ],
)
def test_the_code_that_comes_first(connection: Connection, text: str, code: str) -> None:
    assert connection.execute("SELECT code FROM search_codes($1, max_rows := 1)", [text]).fetchall() == [(code,)]


def test_every_code_is_found_first_by_its_number(connection: Connection) -> None:
    codes = [code for (code,) in connection.execute("SELECT code FROM code USING SAMPLE 25 ROWS (reservoir, 7)").fetchall()]
    assert [connection.execute("SELECT code FROM search_codes($1, max_rows := 1)", [code]).fetchall() for code in codes] == [
        [(code,)] for code in codes
    ]


def test_the_beginning_of_a_number_finds_its_codes_and_no_other(connection: Connection) -> None:
    found = {code for (code,) in connection.execute("SELECT code FROM search_codes('964')").fetchall()}
    assert found == {code for (code,) in connection.execute("SELECT code FROM code WHERE code LIKE '964%'").fetchall()}


@pytest.mark.parametrize(("text", "modifier"), [("both sides", "50"), ("qz", "QZ"), ("as", "AS"), ("two surgeons", "62")])
def test_the_modifier_that_comes_first(connection: Connection, text: str, modifier: str) -> None:
    assert connection.execute("SELECT modifier FROM search_modifiers($1, max_rows := 1)", [text]).fetchall() == [(modifier,)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("aetna", ("payer", "aetna")),
        ("anthem ohio", ("organization", "anthem_oh")),
        ("blue cros texas", ("organization", "hcsc_tx")),
    ],
)
def test_the_payer_that_comes_first(connection: Connection, text: str, found: tuple[str, str]) -> None:
    assert connection.execute("SELECT kind, id FROM search_payers($1, max_rows := 1)", [text]).fetchall() == [found]


def test_a_row_in_full(connection: Connection) -> None:
    (row,) = search(connection, "qz", limit=1)
    assert {**row, "score": float(row["score"]) > 0} == {
        "place": 1,
        "kind": "modifier",
        "id": "QZ",
        "score": True,
        "words_found": 1,
        "matched": "qz",
        "text": "CRNA working without medical direction",
        "licence": "CC0-1.0",
        "source_file": "modifiers/modifier.csv",
        "source_title": "Modifiers and sets of modifiers",
    }


def test_a_code_without_a_text_has_none(connection: Connection) -> None:
    assert connection.execute("SELECT text, licence FROM search_codes('20553', max_rows := 1)").fetchall() == [(None, None)]


SAMPLES = "Sample pages about codes, invented in the two layouts, some wrong on purpose"


def test_texts_say_what_kind_of_page_they_are_from(connection: Connection, output: Path) -> None:
    found = connection.execute("SELECT source_file, source_title FROM search_codes('chemo lesion', max_rows := 1)").fetchall()
    assert found == [("code_pages/96406_coding.txt", SAMPLES)]
    run = CliRunner().invoke(cli.app, ["search", "chemo lesion", "--limit", "1", "--output", str(output)])
    assert run.stdout.rstrip().endswith(" code_pages")
    assert f"code_pages: {SAMPLES}\n" in run.stderr


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60).filter(str.strip), kinds=st.lists(st.sampled_from(KINDS), unique=True))
def test_any_text_has_an_answer_in_order(connection: Connection, text: str, kinds: list[str]) -> None:
    found = search(connection, text, kinds=kinds, limit=7)
    assert [row["place"] for row in found] == list(range(1, len(found) + 1))
    assert len(found) <= 7
    assert {row["kind"] for row in found} <= set(kinds or KINDS)
    assert sorted(found, key=lambda row: (-row["words_found"], -row["score"], row["kind"], row["id"])) == found


def test_an_empty_text_and_an_unknown_kind_are_said(connection: Connection) -> None:
    with pytest.raises(UnknownNameError, match=r"^The text to search for is empty\.$"):
        search(connection, " ")
    with pytest.raises(UnknownNameError, match=r"^Unknown kind 'cod': expected one of code, modifier, payer, organization\.$"):
        search(connection, "x", kinds=["cod"])


def test_the_command_prints_json_and_leaves_with_one_where_nothing_is_near(output: Path, published: object) -> None:
    run = CliRunner().invoke(cli.app, ["search", "chemo lesion", "--limit", "2", "--json", "--output", str(output)])
    assert {row["id"] for row in json.loads(run.stdout)} == {"96405", "96406"}
    assert CliRunner().invoke(cli.app, ["search", "zzzzqqqq", "--output", str(output)]).exit_code == 1


def test_the_words_of_a_question_are_taken_apart_as_those_of_the_texts(connection: Connection) -> None:
    """Every name of a modifier finds the modifier among those that hold all of its words."""
    names = connection.execute(
        "SELECT modifier, modifier_name FROM modifier WHERE modifier IN ('26', 'LT', 'QK', 'XE')"
    ).fetchall()
    for modifier, name in names:
        assert (modifier,) in connection.execute("SELECT modifier FROM search_modifiers($1, max_rows := 3)", [name]).fetchall()
