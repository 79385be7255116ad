"""Tools of the Model Context Protocol over the current release, read-only. Every answer says of which release and day it is."""

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import duckdb
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field, ValidationError

from flows import mcp_answers
from flows.answers import Question
from flows.days import day_from
from flows.mcp_answers import Told
from flows.price import Line
from flows.release_query import opened, release_of
from flows.settings import NoAnswerError, UnknownNameError

_MOST_ROWS = 200
_MOST_PARTS = 10
_LONGEST = 300
_INSTRUCTIONS = (
    "Reference data on billing codes, payers and modifiers. Pass on release, as_of, tier and citation with every answer. "
    "not_published means that nobody published an answer: say so, do not guess. "
    "No medical or legal advice, and no guarantee of payment."
)
Answer = dict[str, Any]
Asked = Callable[[duckdb.DuckDBPyConnection, date], Told]


class _Server(MCPServer[Any]):
    """A server that says in a sentence which argument is not of the declared type."""

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            if not isinstance(error.__cause__, ValidationError):
                raise
            wrong = "; ".join(
                f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.__cause__.errors()[:_MOST_PARTS]
            )
            raise ToolError(f"The arguments of {name} cannot be understood. {wrong}.") from error


def server(output: Path) -> MCPServer[Any]:
    """A server over the current release in `output`, opened anew for each question, so that a refresh is seen at once."""
    made = _Server("payer-reference", instructions=_INSTRUCTIONS, log_level="WARNING")
    for name, tool in {**_tools_of_codes(output), **_tools_of_payers(output)}.items():
        made.tool(name=name)(tool)
    return made


def _tools_of_codes(output: Path) -> dict[str, Callable[..., Answer]]:
    """Tools about codes and what the dataset says of them."""

    def lookup_code(code: str, on: str | None = None) -> Answer:
        """What a code is: section, validity and the texts that this build may carry, on a service date (YYYY-MM-DD)."""
        _check(code=code)
        return _answer(output, on, lambda connection, day: mcp_answers.code_on(connection, code, day))

    def search_text(text: str, kinds: list[str] | None = None, limit: int = 20) -> Answer:
        """Codes, modifiers, payers and organizations whose words come closest; kinds: code, modifier, payer, organization."""
        _check(text=text, kinds=kinds)
        return _answer(output, None, lambda connection, _: mcp_answers.found_for(connection, text, kinds, _most(limit)))

    def price_line(
        code: str,
        modifiers: list[str] | None = None,
        setting: str = "nonfacility",
        locality: str | None = None,
        on: str | None = None,
        base_units: Annotated[float | None, Field(ge=0, le=100)] = None,
        minutes: Annotated[int | None, Field(ge=0, le=10_000)] = None,
        at_induction: bool = False,
    ) -> Answer:
        """What the Medicare fee schedule pays for a line, with every number; setting is nonfacility or facility.

        Anesthesia needs base_units, which no public file of CMS states, and minutes; at_induction counts for modifier AD.
        """
        _check(code=code, modifiers=modifiers, setting=setting, locality=locality)
        units = None if base_units is None else Decimal(str(base_units))
        line = Line(code, date.today(), tuple(modifiers or ()), setting, locality)._replace(
            base_units=units, minutes=minutes, is_at_induction=at_induction
        )
        return _answer(output, on, lambda connection, day: mcp_answers.paid(connection, line._replace(on=day)))

    def changes(code: str, limit: int = 50) -> Answer:
        """What the loaded releases of the sources changed about a code, the newest first; status says where nothing did."""
        _check(code=code)
        return _answer(output, None, lambda connection, _: mcp_answers.changed(connection, code, _most(limit)))

    return {"lookup_code": lookup_code, "search": search_text, "price": price_line, "changes": changes}


def _tools_of_payers(output: Path) -> dict[str, Callable[..., Answer]]:
    """Tools about payers and what they take."""

    def modifiers_for_payer(
        code: str,
        payer: str,
        on: str | None = None,
        component: str | None = None,
        line_of_business: str | None = None,
        market: str = "any",
        organization: str = "any",
    ) -> Answer:
        """Which modifiers a payer takes with a code on a day. Only modifiers with an answer of the payer or of Medicare.

        component is the row of the fee schedule (global, 26, TC, 53), market the state of the plan, organization a licensee.
        """
        _check(code=code, payer=payer, **(scope := _scope(component, line_of_business, market, organization)))
        return _answer(
            output, on, lambda connection, day: mcp_answers.modifiers(connection, Question(code, payer, day, None, **scope))
        )

    def explain_cell(
        code: str,
        payer: str,
        modifier: str,
        on: str | None = None,
        component: str | None = None,
        line_of_business: str | None = None,
        market: str = "any",
        organization: str = "any",
    ) -> Answer:
        """Why a payer takes or refuses a modifier with a code: rules considered, the one that won, and who says so.

        component is the row of the fee schedule (global, 26, TC, 53), market the state of the plan, organization a licensee.
        """
        scope = _scope(component, line_of_business, market, organization)
        _check(code=code, payer=payer, modifier=modifier, **scope)
        return _answer(
            output,
            on,
            lambda connection, day: mcp_answers.rules(connection, Question(code, payer, day, modifier.upper(), **scope)),
        )

    def resolve_payer(name: str, state: str | None = None, plan: str | None = None, on: str | None = None) -> Answer:
        """Whom a payer's name as spelt in a file or on a card means, with the evidence, or why nobody for certain."""
        _check(name=name, state=state, plan=plan)
        return _answer(output, on, lambda connection, day: mcp_answers.whom(connection, name, state, plan, day))

    return {"modifiers_for": modifiers_for_payer, "explain": explain_cell, "resolve_payer": resolve_payer}


def _scope(component: str | None, line_of_business: str | None, market: str, organization: str) -> dict[str, Any]:
    return {"component": component, "line_of_business": line_of_business, "market": market, "organization": organization}


def _answer(output: Path, on: str | None, asked: Asked) -> Answer:
    """The answer with release and day; a question that cannot be answered becomes a sentence for the assistant."""
    day = _day(on)
    try:
        with opened(output) as connection:
            told, release = asked(connection, day), release_of(connection)
    except (NoAnswerError, UnknownNameError) as error:
        raise ToolError(str(error)) from error
    answer = {"release": release, "as_of": day.isoformat(), **told._asdict()}
    plain: Answer = json.loads(json.dumps(answer, default=_plain))
    return plain


def _check(**given: str | list[str] | None) -> None:
    """Raises ToolError where an argument is an empty text, or longer than anything that could be answered."""
    for name, value in given.items():
        parts = value if isinstance(value, list) else [value]
        if len(parts) > _MOST_PARTS:
            raise ToolError(f"{name} has {len(parts):,} parts: expected at most {_MOST_PARTS}.")
        for part in parts:
            if part is not None and not part.strip():
                raise ToolError(f"{name} is empty: expected a text. Leave it out where it is optional.")
            if part is not None and len(part) > _LONGEST:
                raise ToolError(f"{name} is too long: expected at most {_LONGEST} characters, found {len(part):,}.")


def _most(limit: int) -> int:
    if limit < 1:
        raise ToolError(f"limit is {limit}: expected 1 to {_MOST_ROWS}.")
    return min(limit, _MOST_ROWS)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    return value.hex() if isinstance(value, bytes) else str(value)


def _day(on: str | None) -> date:
    try:
        return day_from(on) if on is not None else date.today()
    except ValueError as error:
        raise ToolError(f"'{on[:40] if on else ''}' is no date here: {error}.") from error
