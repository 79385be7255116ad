"""Payers x modifiers of a code in HTML, made once for all codes that answer alike, and ahead where several are asked for."""

import logging
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import accumulate
from secrets import token_hex
from threading import Event, Lock
from typing import Any

import duckdb
from fastapi import Request
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
_SHARE = 0.97
_PATIENCE = 1.0
"""Seconds that tables made ahead wait for readers, before each query."""
_MOST_CHOICES = 1_000
_BEGUN = -1_000_000_000
_log = logging.getLogger("payref.explore")
_Connection = duckdb.DuckDBPyConnection
_Pieces = Kept[Any, Any]
_Choices = tuple[Any, ...]


def shown(request: Request, found: list[Row]) -> dict[str, dict[str, Row]]:
    """Answers by modifier and payer; modifiers of which nobody says anything only where the address asks for all."""
    cells: dict[str, dict[str, Row]] = {}
    for row in found:
        cells.setdefault(row["modifier"], {})[row["payer_id"]] = row
    is_complete = request.query_params.get("all") == "1"
    return {name: by for name, by in cells.items() if is_complete or any(_says(row) for row in by.values())}


def _says(row: Row) -> bool:
    """Whether a cell says more than that the modifier is not meant for the code or that nobody published an answer."""
    return row["disposition"] not in {"not_published", "not_applicable"} or (row["effect_percent"] is not None)


class CodeTables:
    """Tables of codes. A question is one of `questions.of_every_payer`, the organization counts for its own payer."""

    def __init__(self, releases: Releases) -> None:
        """What is made is kept with the open release."""
        self._releases = releases
        self._asked: Counter[tuple[int, _Choices]] = Counter()
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="tables-ahead")
        self._is_busy = Lock()
        self._stop = Event()

    def table(self, request: Request, connection: _Connection, question: Question, organization: str) -> Markup:
        """The table of one code. The connection is a cursor of the open release."""
        pieces, choices = self._releases.pieces, _choices(request, question, organization)
        known: dict[str, Alike] = pieces.get(_of_day(question)) or alike(connection, question, question.code)
        key = (choices, known[question.code])
        made: str | None = pieces.get(key)
        if made is None:
            found = {question.code: questions.matrix(connection, question, organization)}
            made = _made(request, connection, found)[question.code]
            pieces.keep(key, made, size=len(made))
            self._count(request, question, organization, pieces)
        return Markup(made.replace(_PLACE, question.code))  # noqa: S704 - the template has escaped what it shows

    def close(self) -> None:
        """End what is being made ahead."""
        self._stop.set()
        self._ahead.shutdown()

    def _count(self, request: Request, question: Question, organization: str, pieces: _Pieces) -> None:
        """Begin to make the tables of most other codes where several were asked for with the same choices."""
        key = (id(pieces), _choices(request, question, organization))
        if len(self._asked) > _MOST_CHOICES:
            self._asked.clear()
        self._asked[key] += 1
        if self._asked[key] >= _ENOUGH and not self._stop.is_set() and self._is_busy.acquire(blocking=False):
            self._asked[key] = _BEGUN
            self._ahead.submit(self._make, request, question, organization, pieces).add_done_callback(self._done)

    def _done(self, made: Future[None]) -> None:
        self._is_busy.release()
        if not made.cancelled() and (error := made.exception()) is not None:
            _log.warning("Tables could not be made ahead: %s", error)

    def _make(self, request: Request, question: Question, organization: str, pieces: _Pieces) -> None:
        """Tables of most codes, the most frequent first. Ends where another release is open or the application ends."""
        with self._releases.cursor() as connection:
            known = alike(connection, question)
        pieces.keep(_of_day(question), known, size=100 * len(known))
        codes = {decides: code for code, decides in known.items()}
        choices = _choices(request, question, organization)
        order = [decides for decides in most_frequent(known) if pieces.get((choices, decides)) is None]
        for first in range(0, len(order), _TOGETHER):
            self._releases.wait_for_quiet(_PATIENCE)
            with self._releases.cursor() as connection:
                if self._stop.is_set() or self._releases.pieces is not pieces:
                    return
                asked = [codes[decides] for decides in order[first : first + _TOGETHER]]
                made = _made(request, connection, matrices(connection, asked, question, organization))
            for code, table in made.items():
                pieces.keep((choices, known[code]), table, size=len(table))


def most_frequent(known: dict[str, Alike]) -> list[Alike]:
    """What decides the answers of most codes: of 665 tables of one day, 300 are those of 97 in 100 codes."""
    counts = Counter(known.values()).most_common()
    before = accumulate((count for _, count in counts), initial=0)
    return [decides for (decides, _), seen in zip(counts, before, strict=False) if seen < _SHARE * len(known)]


def _choices(request: Request, question: Question, organization: str) -> _Choices:
    """All that a table depends on besides the code and the release."""
    return ("table", question._replace(code=""), organization, *sorted(request.query_params.multi_items()))


def _of_day(question: Question) -> _Choices:
    return ("alike", question.on, question.component)


def _made(request: Request, connection: _Connection, found: dict[str, list[Row]]) -> dict[str, str]:
    """Tables of codes with a placeholder for the code, so that links are the same in all of them and made once."""
    common = {
        **choices_of(request),
        "path": f"/codes/{_PLACE}",
        "code": _PLACE,
        "payers": questions.payers(connection),
        "names": questions.modifier_names(connection),
    }
    return {code: _made_one(request, rows, common) for code, rows in found.items()}


def _made_one(request: Request, found: list[Row], common: dict[str, Any]) -> str:
    cells = shown(request, found)
    hidden = len({row["modifier"] for row in found}) - len(cells)
    return named("matrix.html").render(**common, cells=cells, hidden=hidden, first=found[0])
