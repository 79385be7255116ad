"""The server for assistants as its own client sees it: a real process over standard input and output."""

import asyncio
import shutil
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pytest
from mcp import Client, StdioServerParameters

from flows import PROJECT
from flows.database_name import DATABASE
from flows.mcp_server import server

TOOLS = {"lookup_code", "modifiers_for", "explain", "resolve_payer", "search", "price", "changes"}
QUESTIONS: dict[str, dict[str, Any]] = {
    "lookup_code": {"code": "96405", "on": "2025-10-01"},
    "modifiers_for": {"code": "00406", "payer": "cigna", "on": "2023-03-12"},
    "explain": {"code": "33533", "payer": "medicare", "modifier": "62", "on": "2025-10-01"},
    "resolve_payer": {"name": "Anthem Blue Cross Blue Shield", "state": "OH"},
    "search": {"text": "chemo leson", "limit": 2},
    "price": {"code": "99213", "on": "2025-10-01"},
    "changes": {"code": "19307"},
}
UNPUBLISHED = {"code": "33533", "payer": "aetna", "modifier": "62", "on": "2025-10-01"}
ANESTHESIA = {"code": "00406", "modifiers": ["QZ"], "on": "2025-10-01", "base_units": 13, "minutes": 60}
WITHOUT_UNITS = {"code": "00406", "modifiers": ["QZ"], "on": "2025-10-01"}
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("explain", {"code": "33533", "payer": "nobody at all", "modifier": "62"}, "Unknown payer 'nobody at all'"),
    ("explain", {"code": "33533", "payer": "medicare", "modifier": "ZZ"}, "Unknown modifier 'ZZ': expected one of 1P, 22"),
    (
        "explain",
        {"code": "33533", "payer": "medicare"},
        "The arguments of explain cannot be understood. modifier: Field required.",
    ),
    ("explain", {"code": "33533", "payer": "medicare", "modifier": "6" * 9_999}, "modifier is too long: expected at most 300"),
    (
        "modifiers_for",
        {"code": "19307", "payer": "uhc", "on": "yesterday"},
        "'yesterday' is no date here: expected year-month-day such as 2025-10-01.",
    ),
    (
        "modifiers_for",
        {"code": "19307", "payer": "uhc", "on": ""},
        "'' is no date here: expected year-month-day such as 2025-10-01.",
    ),
    ("modifiers_for", {"code": "19307", "payer": "bcbs", "organization": "nobody"}, "Unknown organization of bcbs 'nobody'"),
    ("modifiers_for", {"code": "19307", "payer": "uhc", "line_of_business": "x"}, "Unknown line of business 'x'"),
    ("modifiers_for", {"code": "19307", "payer": "uhc", "component": "XX"}, "Unknown component 'XX'"),
    ("explain", {"code": "19307", "payer": "uhc", "modifier": "62", "market": "XX"}, "Unknown market 'XX': expected two letters"),
    ("lookup_code", {"code": ""}, "code is empty: expected a text."),
    ("lookup_code", {"code": "99999"}, "Code 99999 is not among the 235 codes of this release"),
    ("lookup_code", {"code": "99213", "on": "2025-02-30"}, "'2025-02-30' is no date"),
    ("changes", {"code": " "}, "code is empty"),
    (
        "changes",
        {"code": "19307", "limit": "many"},
        "The arguments of changes cannot be understood. limit: Input should be a valid integer",
    ),
    ("changes", {"code": "19307", "limit": 0}, "limit is 0: expected 1 to "),
    ("search", {"text": "x", "limit": -1}, "limit is -1: expected 1 to "),
    ("search", {"text": ""}, "text is empty"),
    ("search", {"text": "x" * 100_000}, "text is too long: expected at most 300 characters, found 100,000."),
    ("search", {"text": "x", "kinds": ["cod"]}, "Unknown kind 'cod': expected one of code, modifier, payer, organization."),
    ("search", {"text": "x", "kinds": ["code"] * 99}, "kinds has 99 parts: expected at most 10."),
    ("resolve_payer", {"name": ""}, "name is empty"),
    ("resolve_payer", {"name": "x" * 10_000}, "name is too long"),
    ("price", {"code": "99213", "modifiers": ["ZZ"]}, "Unknown modifier 'ZZ'"),
    ("price", {"code": "99213", "setting": "moon"}, "Unknown setting 'moon': expected one of nonfacility, facility."),
    ("price", {"code": "99213", "locality": "nowhere"}, "Unknown locality 'nowhere'"),
]
"""Tool, arguments, and how its sentence begins."""


def answered(asked: Any, questions: Iterable[tuple[str, dict[str, Any]]]) -> list[Any]:
    """What a server, or the process that is to be started, says to each question, before it the list of its tools."""

    async def ask() -> list[Any]:
        async with Client(asked) as client:
            return [await client.list_tools(), *[await client.call_tool(tool, given) for tool, given in questions]]

    # A thread of its own: where the tests of pages ran before in this process, their browser still holds this thread's loop.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(ask())).result(240)


@pytest.fixture(scope="module")
def told(output: Path, published: object) -> dict[str, Any]:
    """What one process of the server says to every question."""
    command = ["-m", "flows.cli", "mcp", "--output", str(output)]
    process = StdioServerParameters(command=sys.executable, args=command, cwd=str(PROJECT))
    questions = [*QUESTIONS.items(), ("explain", UNPUBLISHED), ("price", ANESTHESIA), ("price", WITHOUT_UNITS)]
    listed, *answers = answered(process, [*questions, *[(tool, given) for tool, given, _ in WRONG]])
    names = [*QUESTIONS, "unpublished", "anesthesia", "without units", *range(len(WRONG))]
    return {"tools": {tool.name for tool in listed.tools}, **dict(zip(names, answers, strict=True))}


@pytest.fixture
def changed(release: Path, tmp_path: Path) -> Path:
    """A folder whose release has two fee schedules, between which 99213 changed and the contractor 01112."""
    (tmp_path / "releases" / "two").mkdir(parents=True)
    (tmp_path / "current").symlink_to("releases/two")
    shutil.copy(release / DATABASE, tmp_path / "current" / DATABASE)
    with duckdb.connect(str(tmp_path / "current" / DATABASE)) as connection:
        connection.execute("""
            INSERT INTO release BY NAME SELECT * REPLACE ('2024-04' AS release_id, DATE '2024-04-01' AS valid_from)
            FROM release WHERE source = 'cms_pfs';
            UPDATE code SET code = '01112' WHERE code = '01967';
            UPDATE code_listing SET code = '01112' WHERE code = '01967';
            INSERT INTO change BY NAME SELECT * FROM (VALUES
                ('pfs_indicator', 'CPT|99213|global', 'changed', 'work_rvu', '1.30', '1.29', '2024-04', '2025-10', DATE '2025-10-01', 'cms_pfs'),
                ('anesthesia_locality', '01112|05|any', 'changed', 'locality_name', 'A', 'B', '2024-04', '2025-10', DATE '2025-10-01', 'cms_pfs')
            ) AS given (changed_table, record_key, change_kind, column_name, old_value, new_value, from_release, to_release, changed_on, source)
        """)
    return tmp_path


def test_texts_are_cited_with_what_kind_of_page_they_are_from(told: dict[str, Any]) -> None:
    samples = "Sample pages about codes, invented in the two layouts, some wrong on purpose"
    page = {"source_file": "code_pages/96405_coding.txt", "title": samples, "publisher": "payer-reference contributors"}
    looked_up, found = told["lookup_code"].structured_content, told["search"].structured_content
    assert page in looked_up["citation"]
    assert page in found["citation"]
    assert [text["source_title"] for text in looked_up["answers"][0]["texts"]] == [samples]
    assert {row["source_title"] for row in found["answers"]} == {samples}


def test_component_and_market_are_taken(output: Path, published: object) -> None:
    given = {"code": "71046", "payer": "medicare", "on": "2025-10-01"}
    questions = [("modifiers_for", {**given, "component": component}) for component in ("global", "26")]
    _, *answers = answered(
        server(output), [*questions, ("explain", {**given, "modifier": "26", "component": "26", "market": "TX"})]
    )
    for answer, component in zip(answers, ("global", "26", "26"), strict=True):
        assert {row["component"] for row in answer.structured_content["answers"]} == {component}


def test_the_tools_are_those_documented(told: dict[str, Any]) -> None:
    assert told["tools"] == TOOLS
    text = (PROJECT / "docs" / "assistants.md").read_text(encoding="utf-8")
    assert all(f"`{tool}`" in text for tool in TOOLS)


@pytest.mark.parametrize("tool", sorted(TOOLS))
def test_every_answer_says_release_day_tier_and_citation(told: dict[str, Any], tool: str, published: Any) -> None:
    assert not told[tool].is_error, told[tool].content
    answer = told[tool].structured_content
    assert answer["release"] == published.release
    assert answer["as_of"] == QUESTIONS[tool].get("on", answer["as_of"])
    assert {"tier", "citation", "status", "answers"} <= answer.keys()
    assert answer["citation"]
    assert bool(answer["answers"]) == (tool != "changes")


def test_what_was_asked_is_answered(told: dict[str, Any]) -> None:
    won = told["explain"].structured_content["answers"][0]
    assert (won["verdict"], won["rule_id"], won["disposition"]) == ("won", "medicare.co_surgeon.0", "not_allowed")
    cut = {row["modifier"]: row for row in told["modifiers_for"].structured_content["answers"]}
    assert (cut["QZ"]["effect_percent"], cut["QZ"]["tier"]) == ("85.00", "trade_press")
    assert {row["id"] for row in told["search"].structured_content["answers"]} == {"96405", "96406"}
    assert told["price"].structured_content["answers"][0]["amount_usd"] == "88.95"
    assert told["resolve_payer"].structured_content["answers"][0]["payer_id"] == "bcbs"


def test_what_nobody_published_is_said_as_such(told: dict[str, Any]) -> None:
    (row,) = told["unpublished"].structured_content["answers"]
    assert row["disposition"] == "not_published"
    assert row["status"].startswith("not published")
    assert told["unpublished"].structured_content["status"] == row["status"]


def test_anesthesia_is_priced_by_units_and_says_where_they_are_missing(told: dict[str, Any]) -> None:
    (priced,) = told["anesthesia"].structured_content["answers"]
    assert (priced["payment_status"], priced["amount_usd"]) == ("paid", "345.40")  # (13 + 4) x 20.3178, rounded once
    (asked,) = told["without units"].structured_content["answers"]
    assert asked["payment_status"] == "not_published"
    assert asked["reason"] == "Base units are in no public file of CMS: give them (base_units, --base-units)."


def test_where_there_is_no_earlier_release_the_status_says_so(told: dict[str, Any]) -> None:
    answer = told["changes"].structured_content
    assert answer["status"].startswith("no earlier release: ")
    assert (answer["answers"], answer["citation"], answer["tier"]) == ([], ["cms_pfs 2025-10"], [])


def test_what_changed_and_what_did_not(changed: Path) -> None:
    """A contractor whose number is that of a code is not the code."""
    _, first, second, third = answered(
        server(changed), [("changes", {"code": "99213"}), ("changes", {"code": "19307"}), ("changes", {"code": "01112"})]
    )
    answers = [answer.structured_content for answer in (first, second, third)]
    assert [answer["status"].partition(":")[0] for answer in answers] == ["changed", "unchanged", "unchanged"]
    assert [answer["citation"] for answer in answers] == [["cms_pfs 2024-04 to 2025-10"]] * 3
    assert [row["column_name"] for row in answers[0]["answers"]] == ["work_rvu"]
    assert {answer["release"] for answer in answers} == {"two"}


def test_a_status_says_what_kind_of_answer_it_is(output: Path, published: object) -> None:
    questions = [
        ("search", {"text": "zzzzqqqq"}),
        ("resolve_payer", {"name": "nobody at all"}),
        ("lookup_code", {"code": "99213", "on": "1990-01-01"}),
        ("explain", {"code": "00406", "payer": "cigna", "modifier": "QZ", "on": "2020-01-01"}),
        ("modifiers_for", {"code": "19307", "payer": "medicare", "on": "2025-10-01"}),
    ]
    _, *answers = answered(server(output), questions)
    told = [answer.structured_content for answer in answers]
    kinds = [answer["status"].partition(":")[0] for answer in told]
    assert kinds == ["not found", "not resolved", "not listed", "not published", "published"]
    assert {row["status"] for row in told[3]["answers"]} == {"does not answer: not_in_force"}
    assert told[2]["answers"][0]["valid_from"] == "2025-10-01"


def test_the_longest_answers_are_bounded(output: Path, published: object) -> None:
    questions = [
        ("search", {"text": "a", "limit": 10**9}),
        ("modifiers_for", {"code": "19307", "payer": "medicare"}),
        ("changes", {"code": "19307", "limit": 1}),
    ]
    _, *answers = answered(server(output), questions)
    assert [answer.is_error for answer in answers] == [False] * 3
    assert len(answers[0].structured_content["answers"]) <= 200
    assert max(len(answer.content[0].text) for answer in answers) < 250_000


@pytest.mark.parametrize("number", range(len(WRONG)), ids=[f"{tool} {number}" for number, (tool, _, _) in enumerate(WRONG)])
def test_what_cannot_be_answered_is_said_in_a_sentence(told: dict[str, Any], number: int) -> None:
    tool, _, said = WRONG[number]
    answer = told[number]
    text = answer.content[0].text
    assert answer.is_error
    assert text.removeprefix(f"Error executing tool {tool}: ").startswith(said)
    assert len(text) < 500
    assert not any(word in text for word in ("Traceback", "pydantic", "\n"))


def test_without_a_release_it_says_so(tmp_path: Path) -> None:
    _, answer = answered(server(tmp_path), [("lookup_code", {"code": "99213"})])
    assert answer.is_error
    assert "There is no release in" in answer.content[0].text
