# mypy: disable-error-code="untyped-decorator,misc,no-any-return,no-untyped-def"
"""The compiled scanner: knows on which level of a file it stands, and can be stopped and gone on with at the end of any chunk.

A place it cannot go on from before more text comes is the start of a key, a scalar or a price; only these are ever held whole.
"""

from typing import NamedTuple

import numpy as np

from transforms.tic_compiled_prices import (
    ITEM_KEYS,
    KEY_AGAIN,
    MOST_COUNTED,
    NO_CODE,
    NO_LIST,
    NO_OBJECT,
    NO_TEXT,
    NOT_THE_END,
    PRICE_KEYS,
    RATE_KEYS,
    TOO_LONG,
    TOO_MANY,
    TOP_KEYS,
    Bytes,
    Counted,
    Interned,
    Numbers,
    Remembered,
    Work,
    count_price,
    interned,
    key_number,
    known_price_end,
    new_price_end,
)
from transforms.tic_compiled_rates import IS_ROUNDED, IS_TEXTUAL, VALUE
from transforms.tic_compiled_text import (
    CLOSE_LIST,
    CLOSE_OBJECT,
    COLON,
    COMMA,
    LETTER_F,
    LETTER_T,
    MORE,
    OPEN_LIST,
    OPEN_OBJECT,
    blanks,
    compiled,
    copy,
    is_over,
    key_end,
    pointer,
    scalar_end,
    step_over,
    value_end,
    wrong,
)
from transforms.tic_reader import HEADER_KEYS

START, TOP, ITEMS, ITEM, RATES, RATE, PRICES, ENTRIES, SKIP, DONE = range(10)
"""Levels of a file."""
AT, LEVEL, PHASE, BACK_TO, BASE, ITEM_AT, SEEN_TOP, SEEN_ITEM, SEEN_RATE, LATE, IS_LATE = range(11)
ITEM_COUNT, PRICE_COUNT, ROUNDED, TEXTUAL, STATUS, KEY, FROM, TO, OUT, FOUND, STATE_SIZE = range(11, 22)
"""Places in the state."""
HUNGRY, HEADER, FULL, SETTLED, ENTRY, WRONG = range(6)
"""Why the scanner stopped."""
_FIRST, _NEXT = 0, 1
_IN_NETWORK, _STRUCTURE = len(HEADER_KEYS), len(HEADER_KEYS) + 1
_SYSTEM, _CODE, _RATES_KEY = ITEM_KEYS, ITEM_KEYS + 1, ITEM_KEYS + 2
MOST_CODE_BYTES = 1000
OUT_ROWS = 1 << 20


class Out(NamedTuple):
    """Counts that are ready to be taken over, columns of tic_totals.ROW."""

    codes: "np.typing.NDArray[np.int32]"
    attributes: "np.typing.NDArray[np.int32]"
    rates: Numbers
    prices: Numbers


class ItemText(NamedTuple):
    """Texts of the current item's code system and code, one after the other at fixed places."""

    text: Bytes
    spans: Numbers


@compiled
def _emit(state, counted, out, code):
    """Hand the counts of the item over and begin anew; False where they must wait until others were taken."""
    size, at = counted.used[0], state[OUT]
    if at + size > OUT_ROWS:
        state[STATUS] = FULL
        return False
    for number in range(size):
        out.codes[at + number] = code
        out.attributes[at + number] = counted.attributes[number]
        out.rates[at + number] = counted.rates[number]
        out.prices[at + number] = counted.prices[number]
        counted.slots[counted.places[number]] = 0
    state[OUT] += size
    counted.used[0] = 0
    return True


@compiled
def _end_item(at, state, work, item, codes, counted, out):
    if item.spans[2] == item.spans[3]:
        work.reason[0] = NO_CODE
        return wrong(at)
    code = interned(item.text, item.spans, 2, codes, state[ITEM_AT])
    if code < 0:
        work.reason[0] = TOO_MANY
        return wrong(at)
    if not _emit(state, counted, out, code):
        return at
    if state[IS_LATE]:
        state[STATUS], state[FOUND], state[IS_LATE] = SETTLED, code, 0
    state[ITEM_COUNT] += 1
    state[LEVEL], state[PHASE] = ITEMS, _NEXT
    return at + 1


@compiled
def _end_object(at, state, work, item, codes, counted, out):
    if state[LEVEL] == ITEM:
        return _end_item(at, state, work, item, codes, counted, out)
    state[LEVEL] = RATES if state[LEVEL] == RATE else DONE
    state[PHASE] = _NEXT
    return at + 1


@compiled
def _keep_code(text, at, end, key, work, item):
    """Copy the text of an item's code or code system."""
    if text[at] in (OPEN_LIST, OPEN_OBJECT, LETTER_T, LETTER_F):
        work.reason[0] = NO_TEXT
        return wrong(at)
    after = scalar_end(text, at, end)
    if after < 0:
        return after
    if after - at > MOST_CODE_BYTES:
        work.reason[0] = TOO_LONG
        return wrong(at)
    field = key - ITEM_KEYS
    start = field * MOST_CODE_BYTES
    copy(text, at, after, item.text, start)
    item.spans[2 * field], item.spans[2 * field + 1] = start, start + after - at
    return after


@compiled
def _enter(text, at, end, key, state, work, item):
    """Enter the value of a key, keep it or step over it."""
    level = state[LEVEL]
    inner = -1
    if level == TOP and key == _IN_NETWORK:
        inner = ITEMS
    elif level == TOP and key == _STRUCTURE:
        inner = ENTRIES
    elif level == ITEM and key == _RATES_KEY:
        inner = RATES
    elif level == RATE and key >= 0:
        inner = PRICES
    if inner >= 0:
        if text[at] != OPEN_LIST:
            work.reason[0] = NO_LIST
            return wrong(at)
        state[LEVEL], state[PHASE] = inner, _FIRST
        return at + 1
    if level == ITEM and key >= 0:
        return _keep_code(text, at, end, key, work, item)
    if level == TOP and 0 <= key < len(HEADER_KEYS):
        return _header(text, at, end, key, state, work)
    after = value_end(text, at, end, work.stack, work.inside)
    if after != MORE:
        return after
    work.inside[0], work.inside[1] = 0, 0
    state[BACK_TO], state[LEVEL] = level, SKIP
    return at


@compiled
def _header(text, at, end, key, state, work):
    if text[at] in (OPEN_LIST, OPEN_OBJECT, LETTER_T, LETTER_F):
        work.reason[0] = NO_TEXT
        return wrong(at)
    after = scalar_end(text, at, end)
    if after >= 0:
        state[STATUS], state[KEY], state[FROM], state[TO] = HEADER, key, at, after
    return after


@compiled
def _member(text, at, end, state, work, item):
    """Step over one key of an object and enter its value."""
    level = state[LEVEL]
    start = at
    at = key_end(text, at, end)
    if at < 0:
        return at
    if level == TOP:
        key, seen = key_number(text, start + 1, at - 1, TOP_KEYS, ITEM_KEYS, work), SEEN_TOP
    elif level == ITEM:
        key, seen = key_number(text, start + 1, at - 1, ITEM_KEYS, RATE_KEYS, work), SEEN_ITEM
    else:
        key, seen = key_number(text, start + 1, at - 1, RATE_KEYS, PRICE_KEYS, work), SEEN_RATE
    at = blanks(text, at, end)
    if at >= end or text[at] != COLON:
        return MORE if at >= end else wrong(at)
    at = blanks(text, at + 1, end)
    if at >= end:
        return MORE
    if key >= 0 and state[seen] >> key & 1:
        work.reason[0] = KEY_AGAIN
        return wrong(start)
    before = state[PHASE]
    state[PHASE] = _NEXT
    after = _enter(text, at, end, key, state, work, item)
    if after == MORE:
        state[PHASE] = before
    elif key >= 0:
        state[seen] |= 1 << key
    return after


@compiled
def _next_in(text, at, end, state, closing):
    """The next element or key of the level, its closing bracket, or what is wrong."""
    at = blanks(text, at, end)
    if at >= end:
        return MORE
    if state[PHASE] == _NEXT and text[at] != closing:
        if text[at] != COMMA:
            return wrong(at)
        at = blanks(text, at + 1, end)
        if at >= end:
            return MORE
        if text[at] == closing:
            return wrong(at)
    return at


@compiled
def _begin_element(text, at, end, state, work, item):
    """Enter an item or a rate, or hand over an entry of a table of contents."""
    if text[at] != OPEN_OBJECT:
        work.reason[0] = NO_OBJECT
        return wrong(at)
    if state[LEVEL] == ENTRIES:
        after = value_end(text, at, end, work.stack, work.inside)
        if after >= 0:
            state[STATUS], state[FROM], state[TO], state[PHASE] = ENTRY, at, after, _NEXT
        return after
    if state[LEVEL] == ITEMS:
        item.spans[0], item.spans[1], item.spans[2], item.spans[3] = 0, 0, 0, 0
        state[ITEM_AT], state[SEEN_ITEM], state[LEVEL] = state[BASE] + at, 0, ITEM
    else:
        state[SEEN_RATE], state[LEVEL] = 0, RATE
    state[PHASE] = _FIRST
    return at + 1


@compiled
def price_steps(text, at, end, state, work, remembered, prices, counted, out):
    """Step over as many prices as there are."""
    while True:
        begin = at
        at = _next_in(text, at, end, state, CLOSE_LIST)
        if at < 0:
            return begin if at == MORE else at
        if text[at] == CLOSE_LIST:
            state[LEVEL], state[PHASE] = RATE, _NEXT
            return at + 1
        if text[at] != OPEN_OBJECT:
            work.reason[0] = NO_OBJECT
            return wrong(at)
        if counted.used[0] == MOST_COUNTED:
            state[LATE] -= 1 - state[IS_LATE]
            state[IS_LATE] = 1
            if not _emit(state, counted, out, state[LATE]):
                return begin
        after = known_price_end(text, at, end, work, remembered)
        if after == MORE:
            after = new_price_end(text, at, end, work, remembered, prices, state[BASE])
            if after < 0:
                return begin if after == MORE else after
            state[ROUNDED] += work.rate[IS_ROUNDED]
            state[TEXTUAL] += work.rate[IS_TEXTUAL]
        count_price(counted, work.found[0], work.rate[VALUE])
        state[PRICE_COUNT] += 1
        state[PHASE] = _NEXT
        at = after


@compiled
def _at_the_edge(text, at, end, state, work):
    """One step before or behind the document."""
    level = state[LEVEL]
    at = blanks(text, at, end)
    if at >= end:
        return end
    if level == DONE or text[at] != OPEN_OBJECT:
        work.reason[0] = NOT_THE_END if level == DONE else NO_OBJECT
        return wrong(at)
    state[LEVEL], state[PHASE] = TOP, _FIRST
    return at + 1


@compiled
def _skipped(text, at, end, state, work):
    """As far behind a value that nothing is taken from as the text goes."""
    after = step_over(text, at, end, work.stack, work.inside)
    if after >= 0 and is_over(work.inside):
        state[LEVEL] = state[BACK_TO]
    return after


@compiled
def step(text, at, end, state, work, item, codes, counted, out):
    """One step on any level but that of prices."""
    level = state[LEVEL]
    if level == SKIP:
        return _skipped(text, at, end, state, work)
    if level in (START, DONE):
        return _at_the_edge(text, at, end, state, work)
    is_list = level in (ITEMS, RATES, ENTRIES)
    at = _next_in(text, at, end, state, CLOSE_LIST if is_list else CLOSE_OBJECT)
    if at < 0:
        return at
    if is_list and text[at] == CLOSE_LIST:
        state[LEVEL], state[PHASE] = ITEM if level == RATES else TOP, _NEXT
        after = at + 1
    elif is_list:
        after = _begin_element(text, at, end, state, work, item)
    elif text[at] == CLOSE_OBJECT:
        after = _end_object(at, state, work, item, codes, counted, out)
    else:
        after = _member(text, at, end, state, work, item)
    return after


@compiled
def pointers(work, item, out):
    """Where the arrays begin."""
    return (
        Work(
            pointer(work.key_text),
            pointer(work.key_starts),
            pointer(work.stack),
            pointer(work.inside),
            pointer(work.scratch),
            pointer(work.spans),
            pointer(work.rate),
            pointer(work.found),
            pointer(work.reason),
        ),
        ItemText(pointer(item.text), pointer(item.spans)),
        Out(pointer(out.codes), pointer(out.attributes), pointer(out.rates), pointer(out.prices)),
    )


@compiled
def table_pointers(table):
    """Where the arrays of a table begin."""
    return Interned(
        pointer(table.slots),
        pointer(table.hashes),
        pointer(table.starts),
        pointer(table.sizes),
        pointer(table.seen_at),
        pointer(table.arena),
        pointer(table.used),
    )


@compiled
def price_pointers(remembered, counted):
    """Where the arrays of prices begin."""
    return (
        Remembered(
            pointer(remembered.text),
            pointer(remembered.sizes),
            pointer(remembered.attributes),
            pointer(remembered.fronts),
            pointer(remembered.order),
            pointer(remembered.misses),
        ),
        Counted(
            pointer(counted.slots),
            pointer(counted.attributes),
            pointer(counted.rates),
            pointer(counted.prices),
            pointer(counted.places),
            pointer(counted.used),
        ),
    )
