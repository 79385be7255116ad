"""The command `payref`. Prefect is imported only by the command that runs a flow."""

import atexit
import csv
import json
import os
import sys
import time
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows import SHIPPED_RAW
from flows.answers import (
    Found,
    NoAnswerError,
    Question,
    Row,
    UnknownNameError,
    asked,
    checked,
    elsewhere,
    explain,
    modifiers_for,
    opened,
    positions,
)
from flows.screen import Screen, effect, show_answers, show_staleness, show_summary
from flows.settings import ExitCode

if TYPE_CHECKING:
    from flows.pipeline import Outcome
    from flows.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
screen = Screen()
_SHOWN_ROWS = 200

Output = Annotated[Path, typer.Option(help="Folder of the releases.")]
Code = Annotated[str, typer.Argument(help="CPT or HCPCS code with its zeros, such as 00406.")]
Payer = Annotated[str, typer.Option(help="aetna, bcbs, cigna, medicare, uhc, or a name that means one of them.")]
On = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Service date; today where none is given.")]
Component = Annotated[str | None, typer.Option(help="Row of the fee schedule: global, 26, TC or 53.")]
LineOfBusiness = Annotated[
    str | None, typer.Option(help="commercial, exchange, fep, medicaid, medicare_advantage or medicare_ffs.")
]
Market = Annotated[str, typer.Option(help="State of the plan, such as TX.")]
Organization = Annotated[str, typer.Option(help="Licensee or subsidiary, such as anthem_oh.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """Run the command; known failures become one sentence and an exit code."""
    try:
        app()
    except UnknownNameError as error:
        _leave(str(error), ExitCode.USAGE)
    except NoAnswerError as error:
        _leave(str(error), ExitCode.NO_ANSWER)


@app.command()
def refresh(
    raw: Annotated[Path, typer.Option(help="Folder of the raw files.")] = SHIPPED_RAW,
    output: Output = Path("output"),
    licensed: Annotated[
        bool, typer.Option("--licensed", help="Carry AMA and ADA descriptors; for holders of the licences.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 4 where rows were refused.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Build even where nothing changed.")] = False,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Threads of the database.")] = 2,
    direct: Annotated[bool, typer.Option("--direct", help="Without Prefect: no server, no run record.")] = False,
) -> None:
    """Read the raw files and publish a release."""
    from flows.pipeline import exit_code, unchanged
    from flows.settings import Settings

    began = time.monotonic()
    settings = Settings(raw, output, is_licensed=licensed, is_strict=strict, is_forced=force, threads=threads)
    try:
        release = unchanged(settings)
        if release is not None:
            screen.say_answer(f"Nothing changed: {output / 'current'} is release {release}.")
            return
        outcome = _run_directly(settings) if direct else _run_with_prefect(settings)
    except Exception as error:
        code = exit_code(error)
        if code is None:
            raise
        _leave(str(error), code)
    seconds = f"Pipeline {outcome.seconds:.1f} s" + ("." if direct else f", with Prefect {time.monotonic() - began:.1f} s.")
    show_summary(screen, output, release=outcome.release, refused=outcome.refused, seconds=seconds)
    if strict and outcome.refused:
        _leave(
            f"{outcome.refused} rows were refused and --strict was given; the release is published. See the table finding.",
            ExitCode.REFUSED_ROWS,
        )


@app.command()
def lookup(
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
        _print_json({"question": question._asdict(), "answers": answers, "elsewhere": others, "positions": order})
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


@app.command("explain")
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
        _print_json({"question": question._asdict(), "rules": considered})
        return
    if not considered:
        screen.say_answer(_ungoverned(question)[0]["reason"])
        return
    for row in considered:
        _print_rule(row)
    show_staleness(screen, considered[0])


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="A query; tables and macros are in DICTIONARY.md and README.")],
    output: Output = Path("output"),
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Ask the current release in SQL, read-only."""
    import duckdb

    with opened(output) as connection:
        try:
            found = asked(connection, query)
            if as_csv:
                _print_csv(found)
                return
            values = islice(found.values, None if as_json else _SHOWN_ROWS + 1)
            kept = [dict(zip(found.names, cells, strict=True)) for cells in values]
        except duckdb.Error as error:
            _leave(str(error), ExitCode.USAGE)
    if as_json:
        _print_json(kept)
        return
    screen.table(None, kept[:_SHOWN_ROWS], found.names)
    if len(kept) > _SHOWN_ROWS:
        screen.say(f"The first {_SHOWN_ROWS} rows; --csv or --json prints all.")


def _run_directly(settings: "Settings") -> "Outcome":
    from flows.pipeline import run

    return run(settings, step=screen.watch)


def _run_with_prefect(settings: "Settings") -> "Outcome":
    from flows.prefect_settings import has_server, use_embedded_server

    use_embedded_server(settings.output)
    atexit.register(_close_messages)  # before Prefect registers its own, so after they ran
    if not has_server():
        screen.say("Starting Prefect's embedded server; this takes 10 to 40 seconds, the pipeline itself a few.")
    from flows.refresh import refresh as flow
    from flows.refresh import watching

    watching.set(screen.watch)
    return flow(
        raw=settings.raw,
        output=settings.output,
        is_licensed=settings.is_licensed,
        is_forced=settings.is_forced,
        threads=settings.threads,
    )


def _close_messages() -> None:
    """Nothing is left to say. Prefect's threads keep modules alive, of which the database's binding would complain at length."""
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _question(
    code: str,
    payer: str,
    modifier: str | None,
    on: datetime | None,
    component: str | None,
    line_of_business: str | None,
    market: str,
    organization: str,
) -> Question:
    day = on.date() if on else date.today()
    return Question(code, payer, day, modifier.upper() if modifier else None, component, line_of_business, market, organization)


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


def _print_json(content: Any) -> None:
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False, default=_plain))


def _print_csv(found: Found) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(found.names)
    writer.writerows(found.values)


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _leave(message: str, code: ExitCode) -> None:
    screen.say(message)
    raise SystemExit(int(code))


if __name__ == "__main__":
    main()
