"""What the commands share: options, the screen, JSON, and how a command leaves."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from flows.screen import Screen
from flows.settings import ExitCode

screen = Screen()

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


def print_json(content: Any) -> None:
    """Print as JSON; bytes as hexadecimal digits, dates and amounts as text."""
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False, default=_plain))


class Left(SystemExit):
    """A command that ends early, with the sentence it said."""

    def __init__(self, sentence: str, code: ExitCode) -> None:
        super().__init__(int(code))
        self.sentence = sentence


def leave(message: str, code: ExitCode) -> NoReturn:
    """Say why, and leave with an exit code."""
    screen.say(message)
    raise Left(message, code)


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
