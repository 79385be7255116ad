"""Commands for whoever runs the refresh: what is left behind, how things stand, and serving a schedule."""

from pathlib import Path
from typing import Annotated

import typer

from flows.options import Output, leave, screen
from flows.settings import ExitCode


def add_commands(app: typer.Typer) -> None:
    """Make the commands known."""
    app.command("clean")(clean_command)


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
