"""The command `payref`. Prefect is imported only by the command that runs a flow."""

import atexit
import csv
import json
import os
import sys
import time
from datetime import date, datetime
from decimal import Decimal
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
from flows.payers_command import payers
from flows.price import APM_STATUSES, SETTINGS, Line, in_words, price
from flows.screen import Screen, effect, show_answers, show_staleness, show_summary
from flows.settings import ExitCode

if TYPE_CHECKING:
    from flows.pipeline import Outcome
    from flows.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
app.add_typer(payers, name="payers")
screen = Screen()
FETCHED_RAW = Path("my-raw")
"""Where published files are downloaded to where no folder is named: what comes with the project is an extract."""
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
    raw: Annotated[Path | None, typer.Option(help="Folder of the raw files; what comes with the project if none.")] = None,
    output: Output = Path("output"),
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Download the newest published files into the raw folder first.")
    ] = False,
    accept_licence: Annotated[bool, typer.Option("--accept-licence", help="With --fetch: accept the AMA's licence.")] = False,
    base_url: Annotated[str | None, typer.Option(help="With --fetch: a mirror, as for the command fetch.")] = None,
    licensed: Annotated[
        bool, typer.Option("--licensed", help="Carry AMA and ADA descriptors; for holders of the licences.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 4 where rows were refused.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Build even where nothing changed.")] = False,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Threads of the database.")] = 2,
    direct: Annotated[bool, typer.Option("--direct", help="Without Prefect: no server, no run record.")] = False,
    prices: Annotated[str | None, typer.Option(help="Price files elsewhere: a path or address with tic/ and hpt/.")] = None,
    units: Annotated[str | None, typer.Option(help="Path or address that keeps the results of price files.")] = None,
    dask: Annotated[str | None, typer.Option(help="Scheduler whose workers read price files: tcp://host:8786.")] = None,
) -> None:
    """Read the raw files and publish a release."""
    from flows.pipeline import exit_code, unchanged
    from flows.settings import Settings

    began = time.monotonic()
    folder = raw or (FETCHED_RAW if fetch else SHIPPED_RAW)
    fetched = _fetched(folder, is_licence_accepted=accept_licence, base_url=base_url) if fetch else ExitCode.OK
    settings = Settings(folder, output, licensed, strict, force, threads, dask, prices, units)
    try:
        release = unchanged(settings)
        if release is not None:
            screen.say_answer(f"Nothing changed: {output / 'current'} is release {release}.")
            _leave_where_not_fetched(fetched)
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
    _leave_where_not_fetched(fetched)


@app.command("fetch")
def fetch_command(
    sources: Annotated[list[str] | None, typer.Argument(help="Sources such as cms_pfs; all if none is given.")] = None,
    release: Annotated[list[str] | None, typer.Option(help="Release such as 2025-10, also several; the newest if none.")] = None,
    raw: Annotated[Path, typer.Option(help="Folder of the raw files.")] = FETCHED_RAW,
    accept_licence: Annotated[bool, typer.Option("--accept-licence", help="Accept the AMA's licence; needed once.")] = False,
    take_changed: Annotated[bool, typer.Option("--take-changed", help="Put files that changed into force.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be fetched.")] = False,
    timeout: Annotated[float, typer.Option(min=1, max=3600, help="Seconds without a byte before a new attempt.")] = 60,
    max_bytes: Annotated[int, typer.Option(min=1, help="Largest file taken.")] = 512 * 1024 * 1024,
    base_url: Annotated[str | None, typer.Option(help="Mirror: takes the place of scheme and host of every address.")] = None,
    worklist: Annotated[Path | None, typer.Option(help="Take in-network files from a price_file_worklist.csv instead.")] = None,
    payer: Annotated[list[str] | None, typer.Option(help="With --worklist: of this payer only, also several.")] = None,
    most: Annotated[int, typer.Option(min=1, help="With --worklist: most files taken.")] = 10,
    host: Annotated[list[str] | None, typer.Option(help="With --worklist: allow this host, too, also several.")] = None,
) -> None:
    """Download published files into the raw folder; nothing there is overwritten."""
    from flows.fetch import FetchSettings
    from flows.fetch_report import fetch_and_report
    from flows.web import Limits

    limits = Limits(timeout=timeout, max_bytes=max_bytes)
    settings = FetchSettings(accept_licence, take_changed, dry_run, base_url, limits)
    listed = (worklist, tuple(payer or ()), most, tuple(host or ())) if worklist else None
    raise typer.Exit(int(fetch_and_report(screen, sources or [], release or [], raw, settings, listed=listed)))


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


@app.command("price")
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
    units = None if base_units is None else Decimal(str(base_units))
    day = on.date() if on else date.today()
    line = Line(code, day, tuple(modifier or ()), setting, locality, apm, units, minutes, at_induction)
    with opened(output) as connection:
        answer = price(connection, line)
    if as_json:
        _print_json({"question": line._asdict(), "answer": answer})
        return
    screen.say_answer(in_words(answer))
    show_staleness(screen, {**answer, "release_used": answer["release_id"]})


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


def _fetched(raw: Path, *, is_licence_accepted: bool, base_url: str | None) -> ExitCode:
    """Newest files of every source; what could not be had does not keep the rest from being refreshed."""
    from flows.fetch import FetchSettings
    from flows.fetch_report import fetch_and_report

    code = fetch_and_report(screen, [], [], raw, FetchSettings(is_licence_accepted, base_url=base_url))
    if code == ExitCode.USAGE:
        raise SystemExit(int(code))
    return code


def _leave_where_not_fetched(code: ExitCode) -> None:
    if code != ExitCode.OK:
        _leave("Not every file could be fetched, see above; the release is made of what is there.", code)


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
        dask=settings.dask,
        prices=settings.prices,
        units=settings.units,
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
