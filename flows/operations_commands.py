"""Commands for whoever runs the refresh: what is left behind, how things stand, and serving a schedule."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.options import AsJson, Output, leave, print_json, screen
from flows.settings import ExitCode

if TYPE_CHECKING:
    from flows.run_record import LastRun
    from flows.status import Status


def add_commands(app: typer.Typer) -> None:
    """Make the commands known."""
    app.command("clean")(clean_command)
    app.command("status")(status_command)


def clean_command(
    output: Output = Path("output"),
    yes: Annotated[bool, typer.Option("--yes", help="Remove what is listed.")] = False,
) -> None:
    """List what killed refreshes left behind, with --yes remove it; never a release."""
    from flows.leftovers import leftovers, remove_leftovers
    from flows.settings import LockedError, NoReleaseError, StopError

    if not output.is_dir():
        raise NoReleaseError(output)
    try:
        found = remove_leftovers(output) if yes else leftovers(output)
    except LockedError as error:
        leave(str(error), ExitCode.LOCKED)
    except StopError as error:
        leave(str(error), ExitCode.STOPPED)
    for leftover in found:
        screen.say_answer(f"{leftover.path}  {leftover.reason}")
    if not found:
        screen.say_answer(f"Nothing is left behind in {output}.")
    elif yes:
        screen.say_answer(f"{len(found)} removed.")
    else:
        screen.say_answer(f"{len(found)} to remove with: payref clean --yes")


def status_command(output: Output = Path("output"), as_json: AsJson = False) -> None:
    """Current release, last run, ages of inputs; exit code 1 where a run failed or a source is overdue, for a health check."""
    from flows.refresh_command import FETCHED_RAW
    from flows.run_record import last_run
    from flows.settings import NoAnswerError
    from flows.status import advice, status

    run = last_run(output)
    try:
        found = status(output, today=date.today())
    except NoAnswerError as error:
        raise NoAnswerError(f"{error} {run.text() if run else ''}".rstrip()) from error
    if as_json:
        told = {**run.told(), "is_running": run.is_running} if run else None
        sources = [source._asdict() for source in found.sources]
        print_json({**found._asdict(), "sources": sources, "overdue": found.overdue, "last_run": told})
    else:
        _say_status(found, run)
    troubles = [run.text()] if run and run.is_failure else []
    troubles += [advice(found.overdue, raw=FETCHED_RAW, output=output)] if found.overdue else []
    if troubles:
        leave("\n".join(troubles), ExitCode.NO_ANSWER)


def _say_status(found: "Status", run: "LastRun | None") -> None:
    from flows.release_commands import age

    told = ", ".join(f"{count} {severity}" for severity, count in found.findings.items()) or "none"
    made = age(datetime.now(UTC) - found.made)
    screen.say_answer(f"Release {found.release} ({found.build}), made {made} ago. Findings: {told}.")
    if run and not run.is_failure:
        screen.say_answer(run.text())
    rows = [{**source._asdict(), "is_overdue": "overdue" if source.is_overdue else ""} for source in found.sources]
    screen.table(None, rows)
