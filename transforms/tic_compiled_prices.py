# mypy: disable-error-code="untyped-decorator,misc,no-any-return,no-untyped-def"
"""Compiled reading of price objects: the text of recent ones is remembered, so that of most only the number is read.

Nearly all price objects repeat the text of a recent one apart from the rate, and equal text means the same. Of any other the keys
are read, and the texts of what is kept get a number.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from transforms.tic_compiled_rates import plain_rate_end, read_rate
from transforms.tic_compiled_text import (
    BACKSLASH,
    CLOSE_OBJECT,
    COLON,
    COMMA,
    MORE,
    QUOTE,
    SCRATCH_BYTES,
    VECTOR,
    blanks,
    compiled,
    copy,
    equal,
    hashed,
    key_end,
    string_end,
    unescaped,
    value_end,
    wrong,
)
from transforms.tic_reader import HEADER_KEYS, KINDS, MOST_DISTINCT
from transforms.tic_values import RawPrice

KEYS = (
    *HEADER_KEYS,
    *KINDS,
    *("billing_code_type", "billing_code", "negotiated_rates"),
    "negotiated_prices",
    *RawPrice._fields,
    "negotiated_rate",
)
"""Every key that matters, by number."""
TOP_KEYS, ITEM_KEYS, RATE_KEYS, PRICE_KEYS = 0, len(HEADER_KEYS) + len(KINDS), len(KEYS) - 7, len(KEYS) - 6
_FIELDS = len(RawPrice._fields)
_RATE_SPAN = 2 * _FIELDS
_REMEMBERED = 24
_SLOT = 4096
_ANY = 1 << 40
"""Says that an object has any key at all."""
_PATIENCE = 64
"""After so many objects in a row that repeat nothing, only the last one is compared."""
MOST_COUNTED = 1 << 19
_COUNT_SLOTS = 2 * MOST_COUNTED
_FEWEST_SLOTS = 1 << 10
_INTERNED_SLOTS = 1 << (2 * MOST_DISTINCT - 1).bit_length()
_ARENA_BYTES = 192 * 1024 * 1024
NOT_JSON, NO_OBJECT, NO_LIST, KEY_AGAIN, NO_CODE, NO_NUMBER, TOO_MANY, NO_TEXT, NOT_THE_END, TOO_LONG = range(10)
Numbers = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
_K1, _K2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_HALF, _LOW = np.uint64(32), np.uint64(29)


class Interned(NamedTuple):
    """Different texts by number. Pages that are never touched cost no memory, so that there is room for the most there may be."""

    slots: npt.NDArray[np.int32]
    hashes: npt.NDArray[np.uint64]
    starts: Numbers
    sizes: npt.NDArray[np.int32]
    seen_at: Numbers
    arena: Bytes
    used: Numbers
    """How many texts, how many bytes."""

    @classmethod
    def of(cls, fields: int) -> "Interned":
        """Room for sets of so many texts."""
        return cls(
            np.zeros(_INTERNED_SLOTS, np.int32),
            np.zeros(MOST_DISTINCT, np.uint64),
            np.zeros(MOST_DISTINCT, np.int64),
            np.zeros(MOST_DISTINCT * fields, np.int32),
            np.zeros(MOST_DISTINCT, np.int64),
            np.zeros(_ARENA_BYTES, np.uint8),
            np.zeros(2, np.int64),
        )

    def texts(self) -> list[tuple[list[bytes], int]]:
        """The sets of texts by number, and the byte where each was first seen."""
        found, fields = [], len(self.sizes) // MOST_DISTINCT
        for at in range(int(self.used[0])):
            sizes = self.sizes[at * fields : (at + 1) * fields]
            ends = np.cumsum(sizes) + self.starts[at]
            parts = [self.arena[end - size : end].tobytes() for end, size in zip(ends, sizes, strict=True)]
            found.append((parts, int(self.seen_at[at])))
        return found


class Remembered(NamedTuple):
    """Texts of recent price objects before and behind the number, the most recent first in `order`."""

    text: Bytes
    sizes: Numbers
    attributes: Numbers
    fronts: Numbers
    """The same number where the text before the rate is the same."""
    order: Numbers
    misses: Numbers

    @classmethod
    def nothing(cls) -> "Remembered":
        """Before the first price."""
        return cls(
            np.zeros(_REMEMBERED * _SLOT + VECTOR, np.uint8),
            np.zeros(2 * _REMEMBERED, np.int64),
            np.zeros(_REMEMBERED, np.int64),
            np.arange(_REMEMBERED, dtype=np.int64),
            np.arange(_REMEMBERED, dtype=np.int64),
            np.zeros(1, np.int64),
        )


class Counted(NamedTuple):
    """Prices of the current item by attributes and rate."""

    slots: npt.NDArray[np.int32]
    attributes: npt.NDArray[np.int32]
    rates: Numbers
    prices: Numbers
    places: npt.NDArray[np.int32]
    used: Numbers
    """How many, and the mask of the slots in use."""

    @classmethod
    def nothing(cls) -> "Counted":
        """Before the first price of an item."""
        return cls(
            np.zeros(_COUNT_SLOTS, np.int32),
            np.zeros(MOST_COUNTED, np.int32),
            np.zeros(MOST_COUNTED, np.int64),
            np.zeros(MOST_COUNTED, np.int64),
            np.zeros(MOST_COUNTED, np.int32),
            np.array([0, _FEWEST_SLOTS - 1]),
        )


class Work(NamedTuple):
    """Arrays that steps write to."""

    key_text: Bytes
    key_starts: Numbers
    stack: Bytes
    inside: Numbers
    scratch: Bytes
    spans: Numbers
    """Start and end of each text that is kept of a price, the rate last."""
    rate: Numbers
    found: Numbers
    """Number of the attributes of a price."""
    reason: Numbers
    """Why a place is wrong."""

    @classmethod
    def new(cls) -> "Work":
        """Arrays of the right sizes."""
        joined = "".join(KEYS).encode() + bytes(2 * VECTOR)
        return cls(
            np.frombuffer(joined, np.uint8).copy(),
            np.cumsum([0, *map(len, KEYS)]),
            np.zeros(512, np.uint8),
            np.zeros(2, np.int64),
            np.zeros(SCRATCH_BYTES, np.uint8),
            np.zeros(2 * _FIELDS + 2, np.int64),
            np.zeros(3, np.int64),
            np.zeros(1, np.int64),
            np.zeros(1, np.int64),
        )


@compiled
def key_number(text, start, end, first, last, work):
    """Number of the key between two places among `first` to `last`, -1 for any other. Escapes are undone where there are any."""
    for key in range(first, last):
        at = work.key_starts[key]
        if work.key_starts[key + 1] - at == end - start and equal(text, start, work.key_text, at, end - start):
            return key
    for place in range(start, end):
        if text[place] == BACKSLASH:
            size = unescaped(text, start, end, work.scratch)
            for key in range(first, last):
                at = work.key_starts[key]
                if work.key_starts[key + 1] - at == size and equal(work.scratch, 0, work.key_text, at, size):
                    return key
            return -1
    return -1


@compiled
def interned(source, spans, fields, table, seen_at):
    """Number of a set of texts; -1 where there is no room for another one."""
    code = _K1
    size = 0
    for field in range(fields):
        size += spans[2 * field + 1] - spans[2 * field]
        code = (code ^ np.uint64(spans[2 * field + 1] - spans[2 * field])) * _K2
        code = hashed(source, spans[2 * field], spans[2 * field + 1], code)
    mask = _INTERNED_SLOTS - 1
    slot = np.int64(code >> _LOW) & mask
    while table.slots[slot] != 0:
        number = table.slots[slot] - 1
        if table.hashes[number] == code and _is_same(source, spans, fields, table, number):
            return number
        slot = (slot + 1) & mask
    number, start = table.used[0], table.used[1]
    if number >= MOST_DISTINCT or start + size + VECTOR > _ARENA_BYTES:
        return -1
    table.slots[slot], table.hashes[number], table.starts[number], table.seen_at[number] = number + 1, code, start, seen_at
    for field in range(fields):
        table.sizes[number * fields + field] = spans[2 * field + 1] - spans[2 * field]
        for place in range(spans[2 * field], spans[2 * field + 1]):
            table.arena[start] = source[place]
            start += 1
    table.used[0], table.used[1] = number + 1, start
    return number


@compiled
def _is_same(source, spans, fields, table, number):
    at = table.starts[number]
    for field in range(fields):
        size = spans[2 * field + 1] - spans[2 * field]
        if table.sizes[number * fields + field] != size or not equal(source, spans[2 * field], table.arena, at, size):
            return False
        at += size
    return True


@compiled
def known_price_end(text, at, end, work, remembered):
    """Behind a price object that repeats a recent one, its attributes and rate in `work`; MORE where it repeats none."""
    tries = _REMEMBERED if remembered.misses[0] < _PATIENCE else 1
    front, behind = -1, -1
    for place in range(tries):
        slot = remembered.order[place]
        size, rest = remembered.sizes[2 * slot], remembered.sizes[2 * slot + 1]
        if size == 0 or at + size + rest >= end:
            continue
        start = slot * _SLOT
        if remembered.fronts[slot] != front:
            if not equal(text, at, remembered.text, start, size):
                continue
            front, behind = remembered.fronts[slot], plain_rate_end(text, at + size, work.rate)
        if behind < 0 or behind + rest > end or not equal(text, behind, remembered.text, start + size, rest):
            continue
        for later in range(place, 0, -1):
            remembered.order[later] = remembered.order[later - 1]
        remembered.order[0] = slot
        remembered.misses[0] = 0
        work.found[0] = remembered.attributes[slot]
        return behind + rest
    remembered.misses[0] += 1
    return MORE


@compiled
def _remember(text, at, end, work, remembered, attributes):
    """Keep the text of a price object in the place of the one that was not seen for longest."""
    rate_start, rate_end = work.spans[_RATE_SPAN], work.spans[_RATE_SPAN + 1]
    size, rest = rate_start - at, end - rate_end
    if rate_start == rate_end or text[rate_start] == QUOTE or size + rest > _SLOT:
        return
    slot = remembered.order[_REMEMBERED - 1]
    for later in range(_REMEMBERED - 1, 0, -1):
        remembered.order[later] = remembered.order[later - 1]
    remembered.order[0] = slot
    start = slot * _SLOT
    copy(text, at, rate_start, remembered.text, start)
    copy(text, rate_end, end, remembered.text, start + size)
    remembered.sizes[2 * slot], remembered.sizes[2 * slot + 1], remembered.attributes[slot] = size, rest, attributes
    before = remembered.order[1]
    is_same = remembered.sizes[2 * before] == size and equal(remembered.text, start, remembered.text, before * _SLOT, size)
    newest = 0
    for other in range(_REMEMBERED):
        newest = max(newest, remembered.fronts[other])
    remembered.fronts[slot] = remembered.fronts[before] if is_same else newest + 1


@compiled
def _spans_of_price(text, at, end, work):
    """Behind a price object, its spans in `work`."""
    for key in range(_FIELDS + 1):
        work.spans[2 * key], work.spans[2 * key + 1] = 0, 0
    begin, seen = at, 0
    at = blanks(text, at + 1, end)
    while at < end and text[at] != CLOSE_OBJECT:
        if seen != 0:
            if text[at] != COMMA:
                return wrong(at)
            at = blanks(text, at + 1, end)
        key, at = _price_key(text, at, end, seen, work)
        if at < 0:
            return at
        if at < end and text[at] == QUOTE:
            after = string_end(text, at + 1, end)
        else:
            after = value_end(text, at, end, work.stack, work.inside)
        if after < 0:
            return after
        seen |= _ANY | (1 << key if key >= 0 else 0)
        if key >= 0:
            work.spans[2 * key], work.spans[2 * key + 1] = at, after
        at = blanks(text, after, end)
    return at + 1 if at < end and at > begin else MORE


@compiled
def _price_key(text, at, end, seen, work):
    """Number of a key of a price, and the place of its value."""
    if at >= end:
        return -1, MORE
    after = key_end(text, at, end)
    if after < 0:
        return -1, after
    key = key_number(text, at + 1, after - 1, PRICE_KEYS, len(KEYS), work) - PRICE_KEYS
    if key >= 0 and seen >> key & 1:
        work.reason[0] = KEY_AGAIN
        return -1, wrong(at)
    after = blanks(text, after, end)
    if after >= end:
        return -1, MORE
    return key, blanks(text, after + 1, end) if text[after] == COLON else wrong(after)


@compiled
def new_price_end(text, at, end, work, remembered, table, base):
    """Behind a price object whose keys are read, its attributes and rate in `work`."""
    after = _spans_of_price(text, at, end, work)
    if after < 0:
        return after
    place = read_rate(text, work.spans[_RATE_SPAN], work.spans[_RATE_SPAN + 1], work.scratch, work.rate)
    if place < 0:
        work.reason[0] = NO_NUMBER
        return place
    attributes = interned(text, work.spans, _FIELDS, table, base + at)
    if attributes < 0:
        work.reason[0] = TOO_MANY
        return wrong(at)
    work.found[0] = attributes
    _remember(text, at, after, work, remembered, attributes)
    return after


@compiled
def _slot_of(attributes, rate, mask):
    code = (np.uint64(rate) * _K1) ^ (np.uint64(attributes) * _K2)
    return np.int64((code * _K1) >> _HALF) & mask


@compiled
def count_price(counted, attributes, rate):
    """Count a price of the current item."""
    mask = counted.used[1]
    slot = _slot_of(attributes, rate, mask)
    while counted.slots[slot] != 0:
        number = counted.slots[slot] - 1
        if counted.rates[number] == rate and counted.attributes[number] == attributes:
            counted.prices[number] += 1
            return
        slot = (slot + 1) & mask
    number = counted.used[0]
    counted.slots[slot] = number + 1
    counted.attributes[number], counted.rates[number], counted.prices[number], counted.places[number] = attributes, rate, 1, slot
    counted.used[0] = number + 1
    if 2 * (number + 1) > mask and mask + 1 < _COUNT_SLOTS:
        _widen(counted, min(8 * (mask + 1), _COUNT_SLOTS) - 1)


@compiled
def _widen(counted, mask):
    for number in range(counted.used[0]):
        counted.slots[counted.places[number]] = 0
    counted.used[1] = mask
    for number in range(counted.used[0]):
        slot = _slot_of(counted.attributes[number], counted.rates[number], mask)
        while counted.slots[slot] != 0:
            slot = (slot + 1) & mask
        counted.slots[slot] = number + 1
        counted.places[number] = slot
