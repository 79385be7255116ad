"""Payers x modifiers of codes in HTML, made once for all codes that answer alike, and ahead where several are asked for."""

import logging
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from secrets import token_hex
from threading import Event, Lock
from typing import Any, NamedTuple

import duckdb
from markupsafe import Markup

from flows.answers import Question
from flows.explore import questions
from flows.explore.alike import Alike, alike, matrices
from flows.explore.kept import Kept
from flows.explore.releases import Releases
from flows.explore.rendering import choices_of, named
from flows.release_query import Row

_PLACE = f"code-{token_hex(8)}"
"""Stands for the code in HTML that many codes share; no text of a release can hold it."""
_ENOUGH = 3
"""After so many tables with the same choices the others are made ahead."""
_TOGETHER = 10
"""Codes asked about in one query: a tenth of a second, for which readers and a new release may have to wait."""
_PATIENCE = 1.0
"""Seconds that tables made ahead wait for readers, before each query."""
_MOST_CHOICES = 1_000
_BEGUN = -1_000_000_000
_log = logging.getLogger("payref.explore")
_Connection = duckdb.DuckDBPyConnection
_Pieces = Kept[Any, Any]


class Choices(NamedTuple):
    """All that a table depends on besides the code and the release."""

    question: Question
    """About all payers and no code, as `questions.scope` spells it."""
    organization: str
    """It counts for its own payer."""
    query: tuple[tuple[str, str], ...]
    """Values of the address, which links keep."""


def shown(found: list[Row], *, is_complete: bool) -> dict[str, dict[str, Row]]:
    """Answers by modifier and payer; modifiers of which nobody says anything only where all are asked for."""
    cells: dict[str, dict[str, Row]] = {}
    for row in found:
        cells.setdefault(row["modifier"], {})[row["payer_id"]] = row
    return {name: by for name, by in cells.items() if is_complete or any(_says(row) for row in by.values())}


def _says(row: Row) -> bool:
    """Whether a cell says more than that the modifier is not meant for the code or that nobody published an answer."""
    return row["disposition"] not in {"not_published", "not_applicable"} or (row["effect_percent"] is not None)


class CodeTables:
    """Tables of codes."""

    def __init__(self, releases: Releases) -> None:
        """What is made is kept with the open release."""
        self._releases = releases
        self._asked: Counter[tuple[int, Choices]] = Counter()
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="tables-ahead")
        self._is_busy = Lock()
        self._stop = Event()

    def tables(self, connection: _Connection, codes: list[str], choices: Choices) -> dict[str, Markup]:
        """Each code's table. The connection is a cursor of the open release, which lists the codes."""
        pieces = self._releases.pieces
        known: dict[str, Alike] = pieces.get(_of_day(choices)) or alike(connection, choices.question, codes)
        made: dict[Alike, str] = {}
        missing: dict[Alike, str] = {}
        for decides, code in {known[code]: code for code in codes}.items():
            kept: str | None = pieces.get((choices, decides))
            if kept is None:
                missing[decides] = code
            else:
                made[decides] = kept
        made |= _made(connection, missing, choices, pieces)
        self._count(len(missing), choices, pieces)
        return {code: Markup(made[known[code]].replace(_PLACE, code)) for code in codes}  # noqa: S704 - the template has escaped

    def close(self) -> None:
        """End what is being made ahead."""
        self._stop.set()
        self._ahead.shutdown()

    def _count(self, more: int, choices: Choices, pieces: _Pieces) -> None:
        """Begin to make the tables of all other codes where several were asked for with the same choices."""
        key = (id(pieces), choices)
        if len(self._asked) > _MOST_CHOICES:
            self._asked.clear()
        self._asked[key] += more
        if self._asked[key] >= _ENOUGH and not self._stop.is_set() and self._is_busy.acquire(blocking=False):
            self._asked[key] = _BEGUN
            self._ahead.submit(self._make_ahead, choices, pieces).add_done_callback(self._done)

    def _done(self, made: Future[None]) -> None:
        self._is_busy.release()
        if not made.cancelled() and (error := made.exception()) is not None:
            _log.warning("Tables could not be made ahead: %s", error)

    def _make_ahead(self, choices: Choices, pieces: _Pieces) -> None:
        """Tables of all codes, the most frequent first, with as long a rest after each query as it took: readers come first.

        Ends where another release is open or the application ends.
        """
        with self._releases.cursor() as connection:
            known = alike(connection, choices.question)
        pieces.keep(_of_day(choices), known, size=100 * len(known))
        codes = {decides: code for code, decides in known.items()}
        order = [decides for decides in most_frequent(known) if pieces.get((choices, decides)) is None]
        for first in range(0, len(order), _TOGETHER):
            self._releases.wait_for_quiet(_PATIENCE)
            began = time.monotonic()
            with self._releases.cursor() as connection:
                if self._stop.is_set() or self._releases.pieces is not pieces:
                    return
                _made(connection, {decides: codes[decides] for decides in order[first : first + _TOGETHER]}, choices, pieces)
            self._stop.wait(time.monotonic() - began)


def most_frequent(known: dict[str, Alike]) -> list[Alike]:
    """What decides the answers of all codes, of most of them first: of 665 tables of one day, 300 are those of 97 in 100."""
    return [decides for decides, _ in Counter(known.values()).most_common()]


def _of_day(choices: Choices) -> tuple[Any, ...]:
    return ("alike", choices.question.on, choices.question.component)


def _made(connection: _Connection, codes: dict[Alike, str], choices: Choices, pieces: _Pieces) -> dict[Alike, str]:
    """A table for each, of its code, with a placeholder for the code, so that links are the same in all and made once."""
    if not codes:
        return {}
    found = matrices(connection, codes.values(), choices.question, choices.organization)
    is_complete = ("all", "1") in choices.query
    common = {
        **choices_of(dict(choices.query)),
        "path": f"/codes/{_PLACE}",
        "code": _PLACE,
        "payers": questions.payers(connection),
        "names": questions.modifier_names(connection),
    }
    made = {decides: _made_one(found[code], common, is_complete=is_complete) for decides, code in codes.items()}
    for decides, table in made.items():
        pieces.keep((choices, decides), table, size=len(table))
    return made


def _made_one(found: list[Row], common: dict[str, Any], *, is_complete: bool) -> str:
    cells = shown(found, is_complete=is_complete)
    hidden = len({row["modifier"] for row in found}) - len(cells)
    return named("matrix.html").render(**common, cells=cells, hidden=hidden, first=found[0])
