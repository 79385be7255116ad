"""Tools of the Model Context Protocol over the current release, read-only. Every answer says of which release and day it is."""

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from flows.answers import NoAnswerError, Question, Row, UnknownNameError, checked, explain, modifiers_for, opened, rows
from flows.names import meaning
from flows.price import Line, price, sources
from flows.publish import current_release
from flows.search import search

_MOST_ROWS = 200
_NOT_PUBLISHED = "not published: no source in this release says so; that is neither yes nor no"
_INSTRUCTIONS = (
    "Reference data on billing codes, payers and modifiers. Pass on release, as_of, tier and citation with every answer. "
    "not_published means that nobody published an answer: say so, do not guess. "
    "No medical or legal advice, and no guarantee of payment."
)
Answer = dict[str, Any]
Told = Callable[[duckdb.DuckDBPyConnection], tuple[list[Row], list[Any]]]


def server(output: Path) -> MCPServer[Any]:
    """A server over the current release in `output`, opened anew for each question, so that a refresh is seen at once."""
    made: MCPServer[Any] = MCPServer("payer-reference", instructions=_INSTRUCTIONS, log_level="WARNING")
    for name, tool in {**_tools_of_codes(output), **_tools_of_payers(output)}.items():
        made.tool(name=name)(tool)
    return made


def _tools_of_codes(output: Path) -> dict[str, Callable[..., Answer]]:
    """Tools about codes and what the dataset says of them."""

    def lookup_code(code: str, on: str | None = None) -> Answer:
        """What a code is: section, validity and the texts that this build may carry, on a service date (YYYY-MM-DD)."""
        return _answer(output, on, lambda connection: _code(connection, code, _day(on)))

    def search_text(text: str, kinds: list[str] | None = None, limit: int = 20) -> Answer:
        """Codes, modifiers, payers and organizations whose words come closest; kinds: code, modifier, payer, organization."""
        most = max(1, min(limit, _MOST_ROWS))
        return _answer(output, None, lambda connection: _cited_by_file(search(connection, text, kinds=kinds, limit=most)))

    def price_line(
        code: str,
        modifiers: list[str] | None = None,
        setting: str = "nonfacility",
        locality: str | None = None,
        on: str | None = None,
    ) -> Answer:
        """What the Medicare fee schedule pays for a line, with every number; setting is nonfacility or facility."""
        line = Line(code, _day(on), tuple(modifiers or ()), setting, locality)
        return _answer(output, on, lambda connection: _price(connection, line))

    def changes(code: str, limit: int = 50) -> Answer:
        """What the loaded releases of the sources changed about a code, the newest first."""
        return _answer(output, None, lambda connection: _changes(connection, code.upper(), max(1, min(limit, _MOST_ROWS))))

    return {"lookup_code": lookup_code, "search": search_text, "price": price_line, "changes": changes}


def _tools_of_payers(output: Path) -> dict[str, Callable[..., Answer]]:
    """Tools about payers and what they take."""

    def modifiers_for_payer(
        code: str, payer: str, on: str | None = None, line_of_business: str | None = None, organization: str = "any"
    ) -> Answer:
        """Which modifiers a payer takes with a code on a day. Only modifiers with an answer of the payer or of Medicare."""
        asked = Question(code, payer, _day(on), line_of_business=line_of_business, organization=organization)
        return _answer(output, on, lambda connection: _modifiers(connection, asked))

    def explain_cell(
        code: str,
        payer: str,
        modifier: str,
        on: str | None = None,
        line_of_business: str | None = None,
        organization: str = "any",
    ) -> Answer:
        """Why a payer takes or refuses a modifier with a code: rules considered, the one that won, and who says so."""
        asked = Question(code, payer, _day(on), modifier.upper(), line_of_business=line_of_business, organization=organization)
        return _answer(output, on, lambda connection: _rules(explain(connection, checked(connection, asked))))

    def resolve_payer(name: str, state: str | None = None, plan: str | None = None, on: str | None = None) -> Answer:
        """Whom a payer's name as spelt in a file or on a card means, with the evidence, or why nobody for certain."""
        return _answer(output, on, lambda connection: _meant(connection, name, state, plan, _day(on)))

    return {"modifiers_for": modifiers_for_payer, "explain": explain_cell, "resolve_payer": resolve_payer}


def _answer(output: Path, on: str | None, told: Told) -> Answer:
    """The answer with release and day; a question that cannot be answered becomes a sentence for the assistant."""
    try:
        with opened(output) as connection:
            found, citations = told(connection)
    except (NoAnswerError, UnknownNameError) as error:
        raise ToolError(str(error)) from error
    release = current_release(output)
    answer = {
        "release": release["release"] if release else None,
        "as_of": _day(on).isoformat(),
        "status": "published" if found else _NOT_PUBLISHED,
        "answers": found,
        "tier": sorted({str(row["tier"]) for row in found if row.get("tier")}),
        "citation": citations,
    }
    plain: Answer = json.loads(json.dumps(answer, default=_plain))
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    return value.hex() if isinstance(value, bytes) else str(value)


def _day(on: str | None) -> date:
    try:
        return date.fromisoformat(on) if on else date.today()
    except ValueError as error:
        raise ToolError(f"'{on}' is no date: expected YYYY-MM-DD.") from error


def _code(connection: duckdb.DuckDBPyConnection, code: str, day: date) -> tuple[list[Row], list[Any]]:
    found = rows(connection, "SELECT * FROM codes_on($1) WHERE code = $2", [day, code.upper()])
    texts = """
        SELECT kind, description, licence, source_file FROM code_description
        WHERE code = $1 AND $2 BETWEEN valid_from AND coalesce(valid_to, DATE '9999-12-31') ORDER BY ALL
    """
    told = rows(connection, texts, [code.upper(), day])
    note = None if told else "No text: an open build carries no descriptor of the AMA or the ADA."
    return [{**row, "texts": told, "note": note} for row in found], sorted({row["source_file"] for row in (*found, *told)})


def _modifiers(connection: duckdb.DuckDBPyConnection, question: Question) -> tuple[list[Row], list[Any]]:
    answers = modifiers_for(connection, checked(connection, question))
    said = [row for row in answers if row["rule_id"] or row["medicare_disposition"] != "not_published"]
    told = [{**row, "status": _status(row["disposition"])} for row in said]
    return told, _of_rules(connection, [row["rule_id"] for row in said if row["rule_id"]])


def _of_rules(connection: duckdb.DuckDBPyConnection, rules: list[str]) -> list[Row]:
    query = """
        SELECT rule_id, tier, citation_title, citation_publisher, citation_where, source_file, source_row
        FROM modifier_rule WHERE list_contains($1, rule_id) ORDER BY rule_id
    """
    return rows(connection, query, [rules])


def _rules(considered: list[Row]) -> tuple[list[Row], list[Any]]:
    told = [{**row, "status": _status(row["disposition"])} for row in considered]
    cited = ("rule_id", "tier", "citation_title", "citation_publisher", "citation_where", "rule_file", "rule_row")
    return told, [{name: row[name] for name in cited} for row in considered if row["rule_id"]]


def _status(disposition: str) -> str:
    return _NOT_PUBLISHED if disposition == "not_published" else "published"


def _meant(
    connection: duckdb.DuckDBPyConnection, name: str, state: str | None, plan: str | None, day: date
) -> tuple[list[Row], list[Any]]:
    found = meaning(connection, name, plan=plan, state=state.upper() if state else None, on=day)
    return [found._asdict()], [found.evidence] if found.evidence else []


def _cited_by_file(found: list[Row]) -> tuple[list[Row], list[Any]]:
    return found, sorted({row["source_file"] for row in found if row["source_file"]})


def _price(connection: duckdb.DuckDBPyConnection, line: Line) -> tuple[list[Row], list[Any]]:
    found = price(connection, line)
    return [{**found, "status": _status(found["payment_status"])}], sources(found)


def _changes(connection: duckdb.DuckDBPyConnection, code: str, limit: int) -> tuple[list[Row], list[Any]]:
    query = """
        SELECT * FROM change WHERE list_contains(regexp_extract_all(record_key, '[A-Za-z0-9]+'), $1)
        ORDER BY changed_on DESC, changed_table, record_key, column_name LIMIT $2
    """
    found = rows(connection, query, [code, limit])
    return found, sorted({f"{row['source']} {row['from_release']} to {row['to_release']}" for row in found})
