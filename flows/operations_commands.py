"""Commands for whoever runs the refresh: what is left behind, how things stand, and serving a schedule."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from flows.options import AsJson, Output, leave, print_json, screen
from flows.settings import ExitCode


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
    from flows.settings import LockedError, StopError

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
    """Current release, ages of its inputs, what is overdue; exit code 1 where something is, for a health check."""
    from flows.release_commands import age
    from flows.status import status

    found = status(output, today=date.today())
    if as_json:
        print_json({**found._asdict(), "sources": [source._asdict() for source in found.sources], "overdue": found.overdue})
    else:
        told = ", ".join(f"{count} {severity}" for severity, count in found.findings.items()) or "none"
        made = age(datetime.now(UTC) - found.made)
        screen.say_answer(f"Release {found.release} ({found.build}), made {made} ago. Findings: {told}.")
        rows = [{**source._asdict(), "is_overdue": "overdue" if source.is_overdue else ""} for source in found.sources]
        screen.table(None, rows)
    if found.overdue:
        advice = "payref refresh --fetch gets newer ones."
        leave(f"Overdue: {', '.join(found.overdue)}. {advice}", ExitCode.NO_ANSWER)
