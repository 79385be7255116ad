"""What the last refresh of an output folder did, in a small file beside the releases. No release depends on it.

It is written by whoever holds the lock of the folder: when a run begins, and again when it ends. So a run that found another at
work leaves the other's record alone, and one that was killed stays behind as a run that began and did not end.
"""

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from flows.leases import began, holds
from flows.lock import locked
from flows.settings import ExitCode, LockedError, StopError

RECORD = "last-run.json"
FAULT = 1
"""Exit code of a fault of this program, which Python gives."""


class Result(StrEnum):
    """How a refresh ended."""

    PUBLISHED = "published"
    NOTHING_NEW = "nothing new"
    REFUSED = "refused"
    """Stopped with a sentence: by a source, a limit, a lack of space, a licence that nobody accepted."""
    STOPPED = "stopped"
    """By a signal."""
    FAILED = "failed"
    """By a fault of this program."""
    LOCKED = "locked"
    """Another refresh was at work; never in the record, which is the other's."""


class LastRun(NamedTuple):
    """A run as its record tells it. Without `ended` it goes on or was killed."""

    begun: datetime
    ended: datetime | None = None
    outcome: Result | None = None
    exit_code: int | None = None
    sentence: str | None = None
    """Why it ended with another exit code than 0."""
    release: str | None = None
    """The release it published or found current."""
    is_running: bool = False

    @property
    def is_failure(self) -> bool:
        """It ended with another exit code than 0, or did not end and is gone."""
        return self.exit_code != 0 if self.ended else not self.is_running

    def told(self) -> dict[str, Any]:
        """What is written of it, times as text."""
        times = {"begun": self.begun.isoformat(), "ended": self.ended.isoformat() if self.ended else None}
        return {name: value for name, value in {**self._asdict(), **times}.items() if name != "is_running"}

    def text(self) -> str:
        """The run in one sentence."""
        start = f"{self.begun:%Y-%m-%d %H:%M:%S} UTC"
        if self.ended is None or self.outcome is None:
            return f"Last run: began {start}, {'goes on' if self.is_running else 'did not end'}."
        about = f", release {self.release}" if self.release else ""
        told = f", exit code {self.exit_code}: {self.sentence}" if self.exit_code else "."
        return f"Last run: began {start}, {self.outcome} after {(self.ended - self.begun).total_seconds():.0f} s{about}{told}"


class Note:
    """The record of a run that holds the lock."""

    def __init__(self, output: Path) -> None:
        """Note that a run begins. Raises StopError where that cannot be written."""
        self._output, self._run = output, LastRun(datetime.now(UTC))
        try:
            _write(output, self._run)
        except OSError as error:
            raise StopError(f"{output / RECORD}: expected a file that can be written, found: {error.strerror}.") from error

    def reached(self, outcome: Result, release: str) -> None:
        """What there is to tell if nothing else happens."""
        self._run = self._run._replace(outcome=outcome, exit_code=int(ExitCode.OK), release=release)

    def ended(self, outcome: Result | None = None, exit_code: int = 0, sentence: str | None = None) -> None:
        """Note how it ended. Where that cannot be written, the run counts as one that did not end."""
        run = self._run._replace(ended=datetime.now(UTC))
        if outcome:
            run = run._replace(outcome=outcome, exit_code=exit_code, sentence=sentence)
        with suppress(OSError):  # on a full disk what stopped the run is worth more than this
            _write(self._output, run)


@contextmanager
def recorded(output: Path, *, code_of: Callable[[BaseException], ExitCode | None]) -> Iterator[Note]:
    """The record of what happens meanwhile; the caller holds the lock. `code_of` knows exit codes of errors."""
    note = Note(output)
    try:
        yield note
    except BaseException as error:
        code = code_of(error)
        if code is not None:
            note.ended(Result.REFUSED, int(code), str(error))
        elif isinstance(error, Exception):
            note.ended(Result.FAILED, FAULT, fault_of(error))
        else:
            note.ended(Result.STOPPED, stop_code(error), fault_of(error))
        raise
    note.ended()


def fault_of(error: BaseException) -> str:
    """Kind and words of an error on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")


def stop_code(error: BaseException) -> int:
    """Exit code of a process that a signal ends: 128 and its number. Prefect's error for SIGTERM carries it."""
    return 128 + int(getattr(error, "signal", signal.SIGINT))


def last_run(output: Path) -> LastRun | None:
    """The record, None where there is none that can be read."""
    said = _said(output)
    try:
        ended = datetime.fromisoformat(said["ended"]) if said["ended"] else None
        outcome = Result(said["outcome"]) if said["outcome"] else None
        is_running = ended is None and holds(said["by"], output / RECORD)
        code, sentence, release = said["exit_code"], said["sentence"], said["release"]
        return LastRun(datetime.fromisoformat(said["begun"]), ended, outcome, code, sentence, release, is_running)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def settle_record(output: Path, run: LastRun) -> None:
    """Note how a run ended, whether it ever held the lock or not. Where another one began meanwhile, its record stays."""
    with suppress(OSError):
        before = last_run(output)
        if before is not None and before.is_running and _is_own(output):  # torn out of its work, with the lock
            _write(output, run._replace(begun=before.begun))
            return
        with suppress(LockedError, StopError), locked(output):
            before = last_run(output)
            if before is None or before.begun < run.begun:
                _write(output, run)
            elif _is_own(output):
                _write(output, run._replace(begun=before.begun))


def _said(output: Path) -> dict[str, Any]:
    try:
        said = json.loads((output / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _is_own(output: Path) -> bool:
    return bool(_said(output).get("by") == _process())


def _process() -> dict[str, str | int | None]:
    return {"process": os.getpid(), "host": socket.gethostname(), "began": began(os.getpid())}


def _write(output: Path, run: LastRun) -> None:
    """Replace the record in one rename."""
    draft = output / f"{RECORD}.part"
    with draft.open("w", encoding="utf-8") as stream:
        stream.write(json.dumps({**run.told(), "by": _process()}, indent=2, ensure_ascii=False) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(output / RECORD)
