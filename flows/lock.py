"""One refresh at a time on an output folder. The system drops the lock with the process, however it ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from flows.settings import LockedError, StopError

LOCK = ".lock"
_TRIES_EVERY_SECONDS = 0.2


@contextmanager
def locked(output: Path, *, wait_seconds: float = 0) -> Iterator[None]:
    """The output folder for this process alone, after at most `wait_seconds`.

    The file stays and says who held the lock last; only the lock on it counts, so a process that died holds none.
    Raises LockedError where another process works on, StopError where the folder cannot be written.
    """
    with _opened(output) as stream:
        _take(stream, output, wait_seconds=wait_seconds)
        stream.truncate(0)
        stream.write(f"process {os.getpid()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
        stream.flush()
        yield


def _opened(output: Path) -> TextIO:
    try:
        return (output / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise StopError(
            f"{output}: expected a folder that can be written, found: {error.strerror}. Choose another with --output."
        ) from error


def _take(stream: TextIO, output: Path, *, wait_seconds: float) -> None:
    until = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= until:
                stream.seek(0)
                holder = stream.read().strip() or "unknown process"
                raise LockedError(f"Another refresh ({holder}) works on {output}.") from error
            time.sleep(_TRIES_EVERY_SECONDS)
        else:
            return
