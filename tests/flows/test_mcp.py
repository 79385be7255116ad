"""The server for assistants as its own client sees it: a real process over standard input and output."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from flows import PROJECT

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
WRONG = {"code": "33533", "payer": "nobody at all", "modifier": "62"}


@pytest.fixture(scope="module")
def told(output: Path, published: object) -> dict[str, Any]:
    """What one process of the server says to every question."""

    async def ask() -> dict[str, Any]:
        command = ["-m", "flows.cli", "mcp", "--output", str(output)]
        process = StdioServerParameters(command=sys.executable, args=command, cwd=str(PROJECT))
        async with Client(process) as client:
            listed = await client.list_tools()
            answers = {name: await client.call_tool(name, given) for name, given in QUESTIONS.items()}
            more = {
                "unpublished": await client.call_tool("explain", UNPUBLISHED),
                "wrong": await client.call_tool("explain", WRONG),
            }
            return {"tools": {tool.name for tool in listed.tools}, **answers, **more}

    # A thread of its own: where the tests of pages ran before in this process, their browser still holds this thread's loop.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(ask())).result(120)


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
    assert bool(answer["citation"]) == bool(answer["answers"]) == (tool != "changes")


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
    assert told["changes"].structured_content["status"].startswith("not published")


def test_an_unknown_payer_is_an_error_in_a_sentence(told: dict[str, Any]) -> None:
    assert told["wrong"].is_error
    assert "Unknown payer 'nobody at all'" in told["wrong"].content[0].text
