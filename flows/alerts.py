"""Telling somebody that a refresh failed or warns: a command of theirs, which gets a JSON document on standard input."""

import json
import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from flows.run_record import LastRun

VARIABLE = "PAYREF_ALERT_COMMAND"
"""Variable of the environment that names the command where no option does."""
TIMEOUT_VARIABLE = "PAYREF_ALERT_TIMEOUT"
SECONDS = 30.0
"""How long the command may take where nothing else is asked for."""


class Alert(NamedTuple):
    """A command and how long it may take."""

    words: tuple[str, ...]
    """Program and arguments; no shell reads them."""
    seconds: float = SECONDS


def words_of(command: str) -> tuple[str, ...]:
    """Words of a command as a shell would split them. Raises ValueError where there are none or a quote is not closed."""
    words = tuple(shlex.split(command))
    if not words:
        raise ValueError("expected a program and its arguments, found nothing")
    return words


def from_environment(variables: Mapping[str, str]) -> Alert | None:
    """The command that variables of the environment name, None where they name none. Raises ValueError."""
    command = variables.get(VARIABLE)
    return Alert(words_of(command), float(variables.get(TIMEOUT_VARIABLE, SECONDS))) if command else None


def document(run: LastRun, output: Path, *, warnings: Sequence[str] = ()) -> dict[str, Any]:
    """What the command gets: how the run ended, which release is current now, and where."""
    current = output / "current"
    name = current.resolve().name if current.is_symlink() else None
    return {**run.told(), "warnings": list(warnings), "current": name, "output": str(output.resolve())}


def send(alert: Alert, document: Mapping[str, Any]) -> str | None:
    """Run the command with the document. None where it left with exit code 0, else a sentence that says what went wrong.

    The sentence names the program, no argument and nothing of what the command says, because both may carry a secret.
    """
    program, content = Path(alert.words[0]).name, json.dumps(document, ensure_ascii=False).encode() + b"\n"
    quiet = subprocess.DEVNULL
    try:
        process = subprocess.Popen(  # noqa: S603 - whoever runs the refresh names the command
            alert.words, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, start_new_session=True
        )
    except (OSError, ValueError) as error:
        return f"The alert command {program} could not be started: {getattr(error, 'strerror', None) or error}."
    try:
        process.communicate(content, alert.seconds)
    except subprocess.TimeoutExpired:
        return f"The alert command {program} took longer than {alert.seconds:g} s and was ended."
    finally:
        _end(process)
    return f"The alert command {program} left with exit code {process.returncode}." if process.returncode else None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the command, where it still runs, with everything it started."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdin:
        with suppress(OSError):
            process.stdin.close()
