"""What each stage of a refresh took and gave: one line for people, or one JSON object for a collector of logs."""

import json
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

being_made: ContextVar[str | None] = ContextVar("being_made", default=None)
"""Release that the running refresh makes; None until its inputs are known."""


class Log(StrEnum):
    """How progress is written."""

    TEXT = "text"
    JSON = "json"


class Stage(NamedTuple):
    """One stage that ended. Counts are None where the stage has none."""

    stage: str
    seconds: float
    rows_read: int | None = None
    rows_accepted: int | None = None
    rows_refused: int | None = None
    rows_loaded: int | None = None
    """Rows of all tables that the stage wrote into the database."""
    release: str | None = None
    error: str | None = None
    """First line of what stopped it."""

    def text(self) -> str:
        """The line for people."""
        counts = [f"{rows:,} {words}" for words, rows in zip(_WORDS, self[2:6], strict=True) if rows is not None]
        told = [*counts, *([f"stopped: {self.error}"] if self.error else [])]
        return f"  {self.stage:<22} {self.seconds:6.1f} s  {', '.join(told)}".rstrip()

    def json(self) -> str:
        """The line for machines: every field, whether known or not."""
        return json_line("stage", **{**self._asdict(), "seconds": round(self.seconds, 3)})


_WORDS = ("rows read", "accepted", "refused", "rows loaded")


def json_line(event: str, **fields: Any) -> str:
    """An event as one line of JSON with the time at which it is written."""
    return json.dumps({"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **fields}, ensure_ascii=False)


def measured(tell: Callable[[Stage], None], name: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Run a stage and tell how it ended, also where it raises."""
    began = time.monotonic()
    try:
        result = function(*arguments, **options)
    except BaseException as error:
        said = (str(error) or type(error).__name__).splitlines()[0]
        tell(Stage(name, time.monotonic() - began, release=being_made.get(), error=said))
        raise
    tell(Stage(name, time.monotonic() - began, *_counts(result), release=being_made.get()))
    return result


def _counts(result: Any) -> tuple[int | None, int | None, int | None, int | None]:
    """Rows read, accepted, refused and loaded, of those a stage counted. Judged by shape, to import nothing."""
    if isinstance(result, dict) and result and all(isinstance(rows, int) for rows in result.values()):
        return None, None, None, sum(result.values())
    first = result[0] if isinstance(result, tuple) and result else result
    counts = getattr(getattr(first, "built", first), "counts", None)
    if not isinstance(counts, (list, tuple)):
        return None, None, None, None
    read, accepted, refused = (sum(getattr(count, name) for count in counts) for name in Stage._fields[2:5])
    return read, accepted, refused, None
