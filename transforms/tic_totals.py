"""Prices counted per code, attributes and rate, and the observations that follow: exact medians from counts per distinct rate.

Counts of rates are many where keys are few. They are set aside in parts by code once there are too many to hold, and put together
part by part at the end, so that memory is bounded by the rates of the codes of one part.
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.void]
"""Counts: `code` and `attributes` are places in the reader's lists, `rate` is in ten-thousandths."""
ROW = np.dtype([("code", "<i4"), ("attributes", "<i4"), ("rate", "<i8"), ("prices", "<i8")])
PARTS = 64
_MOST_HELD = 1_500_000


class Aside(Protocol):
    """Where counts wait. Parts are numbered; what was put comes back in any order."""

    def put(self, part: int, rows: Rows) -> None:
        """Set rows aside."""

    def take(self, part: int) -> Rows:
        """All rows of a part, which is given up."""


class InMemory:
    """Counts that wait in memory, for files that are not large."""

    def __init__(self) -> None:
        self._parts: dict[int, list[Rows]] = {}

    def put(self, part: int, rows: Rows) -> None:
        """Set rows aside."""
        self._parts.setdefault(part, []).append(rows)

    def take(self, part: int) -> Rows:
        """All rows of a part, which is given up."""
        return np.concatenate([np.empty(0, ROW), *self._parts.pop(part, [])])


class Totals:
    """Counts as they come from a reader. Codes below zero stand for items whose code is not known yet."""

    def __init__(self, aside: Aside, *, most_held: int = _MOST_HELD) -> None:
        self._aside, self._most_held = aside, most_held
        self._held: list[Rows] = []
        self._rows = 0
        self._is_aside = False
        self._late: dict[int, int] = {}

    def add(self, rows: Rows) -> None:
        """Take counts over; the array is the caller's no longer."""
        self._held.append(rows)
        self._rows += len(rows)
        if self._rows >= self._most_held:
            self._set_aside()

    def settle(self, late: int, code: int) -> None:
        """Say which code the rows under a number below zero belong to."""
        self._late[late] = code

    def parts(self) -> Iterator[Rows]:
        """All counts, those of one code in one part only."""
        if not self._is_aside:
            yield self._settled(np.concatenate([np.empty(0, ROW), *self._held]))
            return
        self._set_aside()
        for part in range(PARTS):
            late = [number for number, code in self._late.items() if code % PARTS == part]
            taken = [self._aside.take(part), *(self._aside.take(PARTS - number) for number in late)]
            yield self._settled(np.concatenate(taken))

    def _set_aside(self) -> None:
        """Rows of known codes by part; those of an item whose code is not known yet in a part of their own."""
        rows = np.concatenate([np.empty(0, ROW), *self._held])
        self._held, self._rows, self._is_aside = [], 0, True
        numbers = np.where(rows["code"] >= 0, rows["code"] % PARTS, PARTS - rows["code"])
        is_small = len(numbers) == 0 or int(numbers.max()) <= np.iinfo(np.uint16).max
        order = np.argsort(numbers.astype(np.uint16) if is_small else numbers, kind="stable")  # small ones are sorted by counting
        words = rows.view(np.int64).reshape(-1, ROW.itemsize // 8)
        ordered, parts = words.take(order, axis=0).reshape(-1).view(ROW), numbers[order]
        starts = np.flatnonzero(np.r_[True, parts[1:] != parts[:-1]]) if len(parts) else np.empty(0, np.int64)
        for start, end in zip(starts, [*starts[1:], len(parts)], strict=True):
            self._aside.put(int(parts[start]), ordered[start:end])

    def _settled(self, rows: Rows) -> Rows:
        for late in np.unique(rows["code"][rows["code"] < 0]):
            rows["code"][rows["code"] == late] = self._late[int(late)]
        return rows
