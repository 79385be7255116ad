"""The compiled reader of price files, behind the same function as the plain one: chunks in, counts out."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numba import njit

from transforms import tic_compiled_levels as levels
from transforms import tic_compiled_prices as compiled_prices
from transforms import tic_compiled_rates, tic_compiled_text
from transforms.tic_compiled_text import pointer
from transforms.tic_errors import FETCH_AGAIN, TELL_PUBLISHER, PriceFileError
from transforms.tic_reader import HEADER_KEYS, KINDS, LONGEST_VALUE, MOST_DISTINCT, Reading, Structures
from transforms.tic_totals import ROW, Totals
from transforms.tic_values import RawPrice

_PADDING = 2 * tic_compiled_text.VECTOR
_ROOM = 4 * 1024 * 1024
_MARK = b"\xef\xbb\xbf"
_SHOWN = 40
_EXPECTED = {
    compiled_prices.NOT_JSON: "valid JSON",
    compiled_prices.NO_OBJECT: "an object",
    compiled_prices.NO_LIST: "a list",
    compiled_prices.KEY_AGAIN: "every key once",
    compiled_prices.NO_CODE: "an item with a billing_code",
    compiled_prices.NO_NUMBER: "negotiated_rate to be a number",
    compiled_prices.TOO_MANY: f"at most {MOST_DISTINCT:,} different codes, and sets of attributes",
    compiled_prices.NO_TEXT: "text",
    compiled_prices.NOT_THE_END: "nothing after the end of the document",
    compiled_prices.TOO_LONG: f"a code of at most {levels.MOST_CODE_BYTES} bytes",
}


def _revision() -> str:
    """Changes with anything that is compiled: numba itself looks at the one function it keeps, not at those that it calls."""
    parts = []
    for module in (tic_compiled_text, tic_compiled_rates, compiled_prices, levels):
        for name, value in sorted(vars(module).items()):
            code = getattr(getattr(value, "py_func", None), "__code__", None)
            if code is not None:
                parts.append(repr((name, sorted(value.targetoptions.items()), code.co_code, code.co_consts, code.co_names)))
            elif isinstance(value, (int, str, tuple)):
                parts.append(repr((name, value)))
    return f"{zlib.crc32(''.join(parts).encode()):08x}"


def _kept(revision: str) -> Callable[..., None]:
    """The scanner, compiled once and kept on disk where there is a place for it."""

    def scan(
        text: Any, end: Any, state: Any, work: Any, item: Any, codes: Any, prices: Any, known: Any, counted: Any, out: Any
    ) -> None:
        """Go on until something must be taken, more text is needed or the text is wrong; why is `state[STATUS]`."""
        at_text = pointer(text)
        at_codes, at_prices = levels.table_pointers(codes), levels.table_pointers(prices)
        at_work, at_item, at_out = levels.pointers(work, item, out)
        at_known, at_counted = levels.price_pointers(known, counted)
        state[levels.STATUS] = (
            levels.HUNGRY if len(revision) else levels.WRONG
        )  # part of the key that the compiled code is kept under
        work.reason[0] = compiled_prices.NOT_JSON
        while state[levels.STATUS] == levels.HUNGRY:
            at, level = state[levels.AT], state[levels.LEVEL]
            if level == levels.PRICES:
                after = levels.price_steps(at_text, at, end, pointer(state), at_work, at_known, at_prices, at_counted, at_out)
            else:
                after = levels.step(at_text, at, end, pointer(state), at_work, at_item, at_codes, at_counted, at_out)
            if after < tic_compiled_text.MORE:
                state[levels.AT], state[levels.STATUS] = -2 - after, levels.WRONG
            elif after == tic_compiled_text.MORE or (after == at and state[levels.LEVEL] == level):
                return
            else:
                state[levels.AT] = after

    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        made: Callable[..., None] = njit(cache=True, **options)(scan)
    except RuntimeError:  # there is no folder that could be written to
        made = njit(**options)(scan)
    return made


_scan = _kept(_revision())


def read(chunks: Iterable[bytes], totals: Totals, structures: Structures, *, least: int = 1024 * 1024) -> Reading:
    """Read a file to its end; prices go to `totals`, entries of a table of contents to `structures`.

    Small chunks are put together to `least` bytes. Raises PriceFileError for a file that is not whole and right.
    """
    scanner = _Scanner(totals, structures)
    for block in _without_mark(chunks, least=least, scanner=scanner):
        for at in range(0, len(block), _ROOM):
            scanner.take(block[at : at + _ROOM])
    return scanner.reading()


def _without_mark(chunks: Iterable[bytes], *, least: int, scanner: "_Scanner") -> Iterator[bytes]:
    """Chunks of some size, a byte order mark before the first one dropped."""
    waiting: list[bytes] = []
    size, is_first = 0, True
    for chunk in (*chunks, b"") if isinstance(chunks, (list, tuple)) else _ended(chunks):
        waiting.append(chunk)
        size += len(chunk)
        if size >= (max(least, len(_MARK)) if is_first else least) or (not chunk and size):
            block = b"".join(waiting) if len(waiting) > 1 else waiting[0]
            if is_first and block.startswith(_MARK):
                scanner.begin_at(len(_MARK))
                block = block[len(_MARK) :]
            waiting, size, is_first = [], 0, False
            yield block


def _ended(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Chunks that are not empty, and an empty one at the end."""
    yield from filter(None, chunks)
    yield b""


class _Scanner:
    """The state of the scanner and the text it looks at."""

    def __init__(self, totals: Totals, structures: Structures) -> None:
        self._totals, self._structures = totals, structures
        self._header: dict[str, bytes] = {}
        self._text = np.zeros(2 * _ROOM + _PADDING, np.uint8)
        self._end = 0
        self._state = np.zeros(levels.STATE_SIZE, np.int64)
        self._work = compiled_prices.Work.new()
        self._item = levels.ItemText(np.zeros(2 * levels.MOST_CODE_BYTES + _PADDING, np.uint8), np.zeros(4, np.int64))
        self._codes, self._prices = compiled_prices.Interned.of(2), compiled_prices.Interned.of(len(RawPrice._fields))
        self._remembered, self._counted = compiled_prices.Remembered.nothing(), compiled_prices.Counted.nothing()
        self._out = levels.Out(
            np.zeros(levels.OUT_ROWS, np.int32),
            np.zeros(levels.OUT_ROWS, np.int32),
            np.zeros(levels.OUT_ROWS, np.int64),
            np.zeros(levels.OUT_ROWS, np.int64),
        )

    def begin_at(self, byte: int) -> None:
        """Say where in the file the text begins."""
        self._state[levels.BASE] = byte

    def take(self, block: bytes) -> None:
        """Scan what is left over and a block as far as it goes."""
        self._make_room(len(block))
        self._text[self._end : self._end + len(block)] = np.frombuffer(block, np.uint8)
        self._end += len(block)
        self._text[self._end : self._end + _PADDING] = 0
        while True:
            _scan(
                self._text, self._end, self._state, self._work, self._item, self._codes, self._prices, self._remembered,
                self._counted, self._out,
            )  # fmt: skip
            if self._state[levels.STATUS] == levels.HUNGRY:
                break
            self._serve()
        self._drop_read()

    def reading(self) -> Reading:
        """What was read, once the text has ended."""
        state = self._state
        if state[levels.LEVEL] != levels.DONE:
            raise PriceFileError(
                int(state[levels.BASE]) + self._end,
                expected="a JSON object" if state[levels.LEVEL] == levels.START else "the rest of the document",
                found="the end of the file",
                advice=FETCH_AGAIN,
            )
        self._hand_over()
        return Reading(
            self._header,
            frozenset(key for at, key in enumerate(KINDS, len(HEADER_KEYS)) if int(state[levels.SEEN_TOP]) >> at & 1),
            [(texts[0], texts[1], byte) for texts, byte in self._codes.texts()],
            [(RawPrice(*texts), byte) for texts, byte in self._prices.texts()],
            int(state[levels.ITEM_COUNT]),
            int(state[levels.PRICE_COUNT]),
            int(state[levels.ROUNDED]),
            int(state[levels.TEXTUAL]),
        )

    def _serve(self) -> None:
        """Do what the scanner stopped for."""
        state = self._state
        status = state[levels.STATUS]
        found = slice(int(state[levels.FROM]), int(state[levels.TO]))
        if status == levels.HEADER:
            self._header[HEADER_KEYS[state[levels.KEY]]] = self._text[found].tobytes()
        elif status == levels.ENTRY:
            self._structures.add(self._text[found].tobytes(), byte=int(state[levels.BASE]) + found.start)
        elif status == levels.SETTLED:
            self._totals.settle(int(state[levels.LATE]), int(state[levels.FOUND]))
        elif status == levels.FULL:
            self._hand_over()
        else:
            self._refuse()

    def _hand_over(self) -> None:
        size = int(self._state[levels.OUT])
        rows = np.empty(size, ROW)
        rows["code"], rows["attributes"] = self._out.codes[:size], self._out.attributes[:size]
        rows["rate"], rows["prices"] = self._out.rates[:size], self._out.prices[:size]
        self._state[levels.OUT] = 0
        self._totals.add(rows)

    def _make_room(self, size: int) -> None:
        """Have room for as many bytes more. Raises PriceFileError where one value is longer than what is held whole."""
        if self._end + size + _PADDING <= len(self._text):
            return
        if self._end > LONGEST_VALUE:
            raise PriceFileError(
                int(self._state[levels.BASE]), expected=f"a value of at most {LONGEST_VALUE:,} bytes", found="a longer one"
            )
        wider = np.zeros(2 * (self._end + size) + _PADDING, np.uint8)
        wider[: self._end] = self._text[: self._end]
        self._text = wider

    def _drop_read(self) -> None:
        at = int(self._state[levels.AT])
        rest = self._end - at
        self._text[:rest] = self._text[at : self._end].copy()
        self._end = rest
        self._state[levels.BASE] += at
        self._state[levels.AT] = 0

    def _refuse(self) -> None:
        at, reason = int(self._state[levels.AT]), int(self._work.reason[0])
        byte = int(self._state[levels.ITEM_AT]) if reason == compiled_prices.NO_CODE else int(self._state[levels.BASE]) + at
        shown = repr(self._text[at : min(at + _SHOWN, self._end)].tobytes().decode("utf-8", "replace"))
        is_ours = reason in (compiled_prices.NOT_JSON, compiled_prices.NOT_THE_END)
        raise PriceFileError(
            byte,
            expected=_EXPECTED[reason],
            found="none" if reason == compiled_prices.NO_CODE else shown,
            advice=FETCH_AGAIN if is_ours else TELL_PUBLISHER,
        )
