"""What the commands share: options, the screen, JSON, and how a command leaves."""

import json
import shlex
from datetime import date
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from flows.alerts import TIMEOUT_VARIABLE, VARIABLE, words_of
from flows.days import day_from
from flows.screen import Screen
from flows.settings import ExitCode, UnknownNameError

screen = Screen()


def _command_line(command: str | None) -> str | None:
    """A command that can be split into words. An empty one is none, as an empty variable of the environment is."""
    try:
        return shlex.join(words_of(command)) if command else None
    except ValueError as error:
        raise typer.BadParameter(f"{error}: {command}") from error


def _day(text: str) -> date:
    try:
        return day_from(text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}, found {text or 'nothing'}") from error


def day_option(help_text: str) -> Any:
    """An option that takes a day; use it in `Annotated[date | None, ...]`."""
    return typer.Option(parser=_day, metavar="YYYY-MM-DD", help=help_text)


Output = Annotated[Path, typer.Option(help="Folder of the releases.")]
Code = Annotated[str, typer.Argument(help="CPT or HCPCS code with its zeros, such as 00406.")]
Payer = Annotated[str, typer.Option(help="aetna, bcbs, cigna, medicare, uhc, or a name that means one of them.")]
On = Annotated[date | None, day_option("Service date; today where none is given.")]
Component = Annotated[str | None, typer.Option(help="Row of the fee schedule: global, 26, TC or 53.")]
LineOfBusiness = Annotated[
    str | None, typer.Option(help="commercial, exchange, fep, medicaid, medicare_advantage or medicare_ffs.")
]
Market = Annotated[str, typer.Option(help="State of the plan, such as TX.")]
Organization = Annotated[str, typer.Option(help="Licensee or subsidiary, such as anthem_oh.")]
AlertCommand = Annotated[
    str | None,
    typer.Option(
        envvar=VARIABLE, callback=_command_line, help="Program to run when a refresh fails or warns; it gets JSON on its input."
    ),
]
AlertTimeout = Annotated[
    float, typer.Option(envvar=TIMEOUT_VARIABLE, min=0.1, max=3600, help="Seconds that the alert command may take.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def check_fetching(*, is_asked: bool, is_licence_accepted: bool, base_url: str | None) -> None:
    """Raises UnknownNameError for options that would do nothing, because they only matter where files are fetched."""
    if not is_asked and (is_licence_accepted or base_url is not None):
        raise UnknownNameError("--accept-licence and --base-url go with --fetch.")


def print_json(content: Any) -> None:
    """Print as JSON; bytes as hexadecimal digits, dates and amounts as text."""
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False, default=_plain))


class Left(SystemExit):
    """A command that ends early, with the sentence it said."""

    def __init__(self, sentence: str, code: ExitCode) -> None:
        super().__init__(int(code))
        self.code: ExitCode = code
        self.sentence = sentence


def leave(message: str, code: ExitCode) -> NoReturn:
    """Say why, and leave with an exit code."""
    screen.say(message)
    raise Left(message, code)


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
