"""The commands that answer questions: `payref lookup`, `explain`, `price`, `search` and `sql`."""

import csv
import sys
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path
from textwrap import shorten
from typing import Annotated, Any

import typer

from flows.answers import Question, checked, elsewhere, explain, modifiers_for, positions
from flows.cells import harmless
from flows.options import (
    AsJson,
    Code,
    Component,
    LineOfBusiness,
    Market,
    On,
    Organization,
    Output,
    Payer,
    leave,
    print_json,
    screen,
)
from flows.price import APM_STATUSES, SETTINGS, Line, in_words, price
from flows.release_query import Found, Row, asked, opened
from flows.screen import effect, show_answers, show_staleness
from flows.search import MOST_ROWS, search
from flows.settings import ExitCode, UnknownNameError

_SHOWN_ROWS = 200
_SHOWN_SIGNS = 100


def add_commands(app: typer.Typer) -> None:
    """Make the commands known."""
    app.command("lookup")(lookup_command)
    app.command("explain")(explain_command)
    app.command("price")(price_command)
    app.command("search")(search_command)
    app.command("sql")(sql_command)


def lookup_command(
    code: Code,
    payer: Payer,
    modifier: Annotated[str | None, typer.Option(help="One modifier; all governed ones where none is given.")] = None,
    on: On = None,
    component: Component = None,
    line_of_business: LineOfBusiness = None,
    market: Market = "any",
    organization: Organization = "any",
    output: Output = Path("output"),
    complete: Annotated[bool, typer.Option("--all", help="List the modifiers, too, about which nothing is published.")] = False,
    as_json: AsJson = False,
) -> None:
    """Which modifiers a payer takes with a code on a day, with what effect."""
    given = _question(code, payer, modifier, on, component, line_of_business, market, organization)
    with opened(output) as connection:
        question = checked(connection, given)
        answers = modifiers_for(connection, question) or _ungoverned(question)
        others = elsewhere(connection, question, answers[0]) if question.modifier else []
        order = _concerning(positions(connection, question), answers)
    if as_json:
        print_json({"question": question._asdict(), "answers": answers, "elsewhere": others, "positions": order})
        return
    if "valid_from" not in answers[0]:
        screen.say_answer(answers[0]["reason"])
        return
    show_answers(screen, question, answers, is_complete=complete)
    if others:
        shown = [{**row, "effect": effect({**row, "effect_kind": ""})} for row in others]
        screen.table(
            "Other scopes on that day",
            shown,
            ("organization_id", "line_of_business", "market", "disposition", "effect", "rule_id"),
        )
    if order and question.modifier is None:
        screen.table("Order on the line", order, ("position", "modifiers", "reason", "citation_title"))


def explain_command(
    code: Code,
    payer: Payer,
    modifier: Annotated[str, typer.Option(help="The modifier.")],
    on: On = None,
    component: Component = None,
    line_of_business: LineOfBusiness = None,
    market: Market = "any",
    organization: Organization = "any",
    output: Output = Path("output"),
    as_json: AsJson = False,
) -> None:
    """Why: the rules considered, which won, with indicators, file, row and citation."""
    given = _question(code, payer, modifier, on, component, line_of_business, market, organization)
    with opened(output) as connection:
        question = checked(connection, given)
        considered = explain(connection, question)
    if as_json:
        print_json({"question": question._asdict(), "rules": considered})
        return
    if not considered:
        screen.say_answer(_ungoverned(question)[0]["reason"])
        return
    for row in considered:
        _print_rule(row)
    show_staleness(screen, considered[0])


def price_command(
    code: Code,
    modifier: Annotated[list[str] | None, typer.Option(help="Modifier of the line; also several.")] = None,
    setting: Annotated[str, typer.Option(help="nonfacility or facility.")] = SETTINGS[0],
    locality: Annotated[str | None, typer.Option(help="Contractor and locality such as 10112-00, or a state with one.")] = None,
    on: On = None,
    apm: Annotated[str, typer.Option(help="non_qualifying or qualifying; matters from 2026 on.")] = APM_STATUSES[0],
    base_units: Annotated[float | None, typer.Option(min=0, max=100, help="Anesthesia base units.")] = None,
    minutes: Annotated[int | None, typer.Option(min=0, max=10_000, help="Anesthesia time.")] = None,
    at_induction: Annotated[bool, typer.Option("--at-induction", help="Present at induction, for modifier AD.")] = False,
    output: Output = Path("output"),
    as_json: AsJson = False,
) -> None:
    """What the Medicare fee schedule pays for a line, with formula and sources."""
    if "" in map(str.strip, modifier or ()):
        raise UnknownNameError("A modifier is empty: leave --modifier out where the line has none.")
    units = None if base_units is None else Decimal(str(base_units))
    day = on or date.today()
    line = Line(code, day, tuple(modifier or ()), setting, locality, apm, units, minutes, at_induction)
    with opened(output) as connection:
        answer = price(connection, line)
    if as_json:
        print_json({"question": line._asdict(), "answer": answer})
        return
    screen.say_answer(in_words(answer))
    show_staleness(screen, {**answer, "release_used": answer["release_id"]})


def search_command(
    text: Annotated[str, typer.Argument(help="Words, a code or its beginning; misspellings are tolerated.")],
    kind: Annotated[
        list[str] | None, typer.Option(help="code, modifier, payer or organization; all where none is given.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_ROWS, help="Most rows.")] = 20,
    output: Output = Path("output"),
    as_json: AsJson = False,
) -> None:
    """Codes, modifiers and payers whose words come closest to a text."""
    with opened(output) as connection:
        found = search(connection, text, kinds=kind, limit=limit)
    if as_json:
        print_json(found)
    elif found:
        shown = [{**row, "text": shorten(row["text"] or "", _SHOWN_SIGNS), "source": _source(row)} for row in found]
        screen.table(None, shown, ("kind", "id", "matched", "text", "source"))
        for source, title in sorted({(_source(row), row["source_title"]) for row in found if row["source_title"]}):
            screen.say(f"{source}: {title}")
    else:
        screen.say(
            "Nothing is near. An open build carries no official descriptors, so many codes are found by their number only."
        )
    if not found:
        raise SystemExit(int(ExitCode.NO_ANSWER))


def _source(row: Row) -> str:
    """The source that a text comes from: the first part of its file's path."""
    return str(row["source_file"] or "").partition("/")[0]


def sql_command(
    query: Annotated[str, typer.Argument(help="A query; tables and macros are in DICTIONARY.md and README.")],
    output: Output = Path("output"),
    as_json: AsJson = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV; an apostrophe stands before what a spreadsheet would run.")
    ] = False,
    findings: Annotated[Path | None, typer.Option(help="Findings of payref check, read as the table claim_finding.")] = None,
) -> None:
    """Ask the current release in SQL, read-only."""
    import duckdb

    if as_csv and as_json:
        raise UnknownNameError("Give either --csv or --json.")
    beside = _findings(findings) if findings else {}
    with opened(output) as connection:
        try:
            if (count := len(connection.extract_statements(query))) > 1:
                leave(f"Expected one query, found {count}: ask them one by one.", ExitCode.USAGE)
            found = asked(connection, query, beside=beside)
            if as_csv:
                _print_csv(found)
                return
            values = islice(found.values, None if as_json else _SHOWN_ROWS + 1)
            kept = [dict(zip(found.names, cells, strict=True)) for cells in values]
        except duckdb.Error as error:
            leave(str(error), ExitCode.USAGE)
    if as_json:
        print_json(kept)
        return
    screen.table(None, kept[:_SHOWN_ROWS], found.names)
    if len(kept) > _SHOWN_ROWS:
        screen.say(f"The first {_SHOWN_ROWS} rows; --csv or --json prints all.")


def _findings(path: Path) -> dict[str, Any]:
    """The findings of a claim file under their table's name."""
    from flows.claim_findings import read_findings
    from schemas.claim import ClaimFinding

    return {ClaimFinding.table_name(): read_findings(path).to_arrow()}


def _question(
    code: str,
    payer: str,
    modifier: str | None,
    on: date | None,
    component: str | None,
    line_of_business: str | None,
    market: str,
    organization: str,
) -> Question:
    day = on or date.today()
    return Question(code, payer, day, modifier, component, line_of_business, market, organization)


def _concerning(order: list[Row], answers: list[Row]) -> list[Row]:
    """Positions of modifiers that the payer, or Medicare where the payer says nothing, takes with the code."""
    taken = {"allowed", "allowed_with_documentation", "informational", "required"}
    used = {row["modifier"] for row in answers if {row["disposition"], row.get("medicare_disposition")} & taken}
    return [row for row in order if used & set(row["modifiers"].split())]


def _ungoverned(question: Question) -> list[Row]:
    """The answer for a modifier that exists and that no rule names."""
    reason = f"No rule of any payer in this release names modifier {question.modifier}: not published."
    return [
        {
            "disposition": "not_published",
            "modifier": question.modifier,
            "component": question.component or "global",
            "rule_id": None,
            "reason": reason,
        }
    ]


def _print_rule(row: Row) -> None:
    lines = [
        f"{row['verdict']}: {row['rule_id'] or 'no rule'}: {row['why']}",
        f"  says       {row['disposition']} {effect(row)}".rstrip(),
    ]
    if row["rule_id"]:
        scope = ", ".join((row["organization_id"], row["line_of_business"], row["market"]))
        dates = f"from {row['effective_from']} ({row['effective_from_basis']}) to {row['effective_to'] or 'open'}"
        source = ", ".join((row["citation_title"], row["citation_publisher"], row["citation_where"]))
        lines += [
            f"  because    {row['reason']}",
            f"  covers     {row['predicate']} ({row['indicator_values'] or 'no indicator'})",
            f"  scope      {scope}; {dates}",
            f"  source     {source} ({row['tier']}, read {row['read_date'] or 'not'})",
            f"  rule in    {row['rule_file']} line {row['rule_row']}",
        ]
    if row["indicator_file"]:
        lines.append(f"  indicators {row['indicator_file']} line {row['indicator_row']}")
    screen.say_answer("\n".join(lines))


def _print_csv(found: Found) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(map(harmless, found.names))
    writer.writerows(map(harmless, values) for values in found.values)
