"""The current release, kept open, and opened anew when `current` is switched."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Condition
from typing import Any, NamedTuple

import duckdb

from flows.database_name import DATABASE
from flows.explore.kept import Kept
from flows.explore.questions import Titles, titles_of_texts
from flows.release_query import opened
from flows.settings import NoReleaseError

_PIECES_BYTES = 64 * 2**20


class Identity(NamedTuple):
    """What tells one database from the next: also a release made again under the same name."""

    release: str
    file: int
    changed: int


def identity(output: Path) -> Identity:
    """The database that is current now. Raises NoReleaseError where there is none."""
    current = output / "current"
    try:
        found = (current / DATABASE).stat()
        return Identity(Path(current.readlink() if current.is_symlink() else current).name, found.st_ino, found.st_mtime_ns)
    except OSError as error:
        raise NoReleaseError(output) from error


class Releases:
    """One connection to the current release, shared by all threads; every question takes a cursor of its own."""

    def __init__(self, output: Path) -> None:
        """`output` is the folder of the releases."""
        self._output = output
        self._condition = Condition()
        self._asking = 0
        self._stack = ExitStack()
        self._open: tuple[Identity, duckdb.DuckDBPyConnection] | None = None
        self._pieces: Kept[Any, Any] = Kept(_PIECES_BYTES)

    @property
    def output(self) -> Path:
        """Folder of the releases."""
        return self._output

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor in the current release. A switch waits for questions that run, and new ones wait for the switch."""
        connection = self._taken()
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            with self._condition:
                self._asking -= 1
                self._condition.notify_all()

    @property
    def release(self) -> str:
        """Name of the open release. Only to be asked for while a cursor is held. Raises NoReleaseError where none is open."""
        if self._open is None:
            raise NoReleaseError(self._output)
        return self._open[0].release

    @property
    def pieces(self) -> Kept[Any, Any]:
        """What was made of the open release. Only to be asked for while a cursor is held: a switch begins anew."""
        return self._pieces

    def wait_for_quiet(self, seconds: float) -> None:
        """Wait until nobody asks anything, at most so long: for work that may wait."""
        with self._condition:
            self._condition.wait_for(lambda: not self._asking, seconds)

    def titles(self, connection: duckdb.DuckDBPyConnection) -> Titles:
        """Titles of the files that texts come from, read once for a release. The connection is a cursor of the open one."""
        found: Titles | None = self._pieces.get("titles")
        if found is None:
            found = titles_of_texts(connection)
            self._pieces.keep("titles", found, size=0)
        return found

    def close(self) -> None:
        """Let go of the database."""
        with self._condition:
            self._stack.close()
            self._open = None

    def _taken(self) -> duckdb.DuckDBPyConnection:
        with self._condition:
            current = identity(self._output)
            while self._open is not None and self._open[0] != current and self._asking:
                self._condition.wait()
                current = identity(self._output)
            if self._open is None or self._open[0] != current:
                self._stack.close()
                self._open = None
                connection = self._stack.enter_context(opened(self._output))
                connection.execute("SET threads = 1")  # Questions are small, and many come at once.
                self._open = (current, connection)
                self._pieces = Kept(_PIECES_BYTES)
            self._asking += 1
            return self._open[1]
