# mypy: disable-error-code="import-untyped,untyped-decorator,misc,no-any-return,no-untyped-def"
"""Compiled steps over JSON text: strings, numbers, whole values. Each takes a place and gives the next one.

A place below zero says that there is none: MORE where the text ends too early, `wrong(place)` where it is not JSON. Vectors of 32
bytes are read, so every text has 32 bytes of padding behind its end.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

_numba: Any = njit
compiled = _numba(nogil=True, _nrt=False, error_model="numpy")
"""No counting of references: it would cost more than the steps themselves, and nothing here makes an array."""
MORE = -1
VECTOR = 32
SCRATCH_BYTES = 4096
DEEPEST = 500
"""Levels of brackets; published files have ten."""
_ALL = 0xFFFFFFFF
QUOTE, BACKSLASH, COMMA, COLON, MINUS, PLUS, POINT, ZERO, NINE = 34, 92, 44, 58, 45, 43, 46, 48, 57
OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST = 123, 125, 91, 93
SPACE, TAB, LINE_FEED, RETURN = 32, 9, 10, 13
LETTER_U, LETTER_T, LETTER_F, LETTER_N, LETTER_E = 117, 116, 102, 110, 101
_LOWER = 0x20
_SURROGATES, _LOW_SURROGATES, _AFTER_SURROGATES = 0xD800, 0xDC00, 0xE000
_TWO, _THREE, _BEFORE_SURROGATES, _FOUR, _BEYOND = 0xC2, 0xE0, 0xED, 0xF0, 0xF5
_LEAST, _MOST = 0x80, 0xBF
_HIGH = 0x80
_WORD, _FACTOR, _HALF = 8, np.uint64(0x9E3779B97F4A7C15), np.uint64(32)
DEPTH, SUB, _VALUE, _AFTER, _FIRST, _KEY = 0, 1, 0, 1, 2, 3


def _pointer(typing_context, array):  # noqa: ARG001 - numba calls it so
    """Where the elements of an array begin: one word, where an array is seven, and all are copied at every call."""

    def build(context, builder, signature, arguments):
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), build  # type: ignore[no-untyped-call]


pointer: Any = intrinsic(_pointer)


def _vector(builder: Any, start: Any, at: Any) -> Any:
    """32 bytes as one LLVM vector."""
    kind = ir.VectorType(ir.IntType(8), VECTOR)
    return builder.load(builder.bitcast(builder.gep(start, [at]), kind.as_pointer()), align=1)


def _each(byte: int) -> Any:
    return ir.Constant(ir.VectorType(ir.IntType(8), VECTOR), [byte] * VECTOR)


def _plain_bytes(typing_context, array, at):  # noqa: ARG001 - numba calls it so
    """How many of the next 32 bytes come before a quote, a backslash, a control character or one beyond ASCII."""

    def build(context, builder, signature, arguments):  # noqa: ARG001 - numba calls it so
        loaded = _vector(builder, *arguments)
        quote = builder.icmp_unsigned("==", loaded, _each(QUOTE))
        escape = builder.icmp_unsigned("==", loaded, _each(BACKSLASH))
        other = builder.icmp_signed("<", loaded, _each(SPACE))  # beyond ASCII is below zero
        found = builder.bitcast(builder.or_(quote, builder.or_(escape, other)), ir.IntType(32))
        return builder.zext(builder.cttz(found, ir.Constant(ir.IntType(1), 0)), ir.IntType(64))

    return types.int64(array, types.int64), build


plain_bytes: Any = intrinsic(_plain_bytes)


def _same_bytes(typing_context, left, left_at, right, right_at):  # noqa: ARG001 - numba calls it so
    """A bit for each of 32 bytes that are equal in both."""

    def build(context, builder, signature, arguments):  # noqa: ARG001 - numba calls it so
        one, other = _vector(builder, *arguments[:2]), _vector(builder, *arguments[2:])
        return builder.zext(builder.bitcast(builder.icmp_unsigned("==", one, other), ir.IntType(32)), ir.IntType(64))

    return types.int64(left, types.int64, right, types.int64), build


same_bytes: Any = intrinsic(_same_bytes)


def _eight_bytes(typing_context, array, at):  # noqa: ARG001 - numba calls it so
    """The next eight bytes as one number."""

    def build(context, builder, signature, arguments):  # noqa: ARG001 - numba calls it so
        start, place = arguments
        return builder.load(builder.bitcast(builder.gep(start, [place]), ir.IntType(64).as_pointer()), align=1)

    return types.uint64(array, types.int64), build


eight_bytes: Any = intrinsic(_eight_bytes)


@compiled
def wrong(at):
    """The place that says: not JSON here."""
    return -2 - at


@compiled
def equal(left, left_at, right, right_at, size):
    """Whether two runs of bytes are the same."""
    done = 0
    while size - done >= VECTOR:
        if same_bytes(left, left_at + done, right, right_at + done) != _ALL:
            return False
        done += VECTOR
    wanted = (1 << (size - done)) - 1
    return same_bytes(left, left_at + done, right, right_at + done) & wanted == wanted


@compiled
def copy(source, start, end, into, at):
    """Copy a run of bytes to a place in another array."""
    for place in range(end - start):
        into[at + place] = source[start + place]


@compiled
def hashed(source, at, end, code):
    """A hash that goes on with the bytes between two places, eight at a time; of the last ones only those that belong to them."""
    while at + _WORD <= end:
        code = (code ^ eight_bytes(source, at)) * _FACTOR
        code ^= code >> _HALF
        at += _WORD
    if at < end:
        code = (code ^ (eight_bytes(source, at) << np.uint64(8 * (at + _WORD - end)))) * _FACTOR
        code ^= code >> _HALF
    return code


@compiled
def blanks(text, at, end):
    """The next place that is not blank, `end` where there is none."""
    while at < end and (text[at] == SPACE or text[at] == LINE_FEED or text[at] == RETURN or text[at] == TAB):
        at += 1
    return at


@compiled
def _hex(text, at):
    """Value of four hexadecimal digits, below zero where they are none."""
    value = 0
    for place in range(at, at + 4):
        byte = text[place]
        lower = byte | _LOWER
        if ZERO <= byte <= NINE:
            value = value * 16 + (byte - ZERO)
        elif ord("a") <= lower <= ord("f"):
            value = value * 16 + (lower - ord("a") + 10)
        else:
            return -1
    return value


@compiled
def _escape_end(text, at, end):  # noqa: PLR0911 - each kind of escape ends in its own way
    """Behind the escape whose backslash stands at a place; a surrogate must be one of a pair."""
    if at + 1 >= end:
        return MORE
    byte = text[at + 1]
    if byte != LETTER_U:
        for letter in (QUOTE, BACKSLASH, ord("/"), ord("b"), LETTER_F, LETTER_N, ord("r"), LETTER_T):
            if byte == letter:
                return at + 2
        return wrong(at)
    if at + 6 > end:
        return MORE
    value = _hex(text, at + 2)
    if value < 0 or _LOW_SURROGATES <= value < _AFTER_SURROGATES:
        return wrong(at)
    if not _SURROGATES <= value < _LOW_SURROGATES:
        return at + 6
    return _pair_end(text, at, end)


@compiled
def _pair_end(text, at, end):
    """Behind two escapes that make one character, whose first one stands at a place."""
    if at + 12 > end:
        return MORE
    is_escape = text[at + 6] == BACKSLASH and text[at + 7] == LETTER_U
    return at + 12 if is_escape and _LOW_SURROGATES <= _hex(text, at + 8) < _AFTER_SURROGATES else wrong(at)


@compiled
def _character_end(text, at, end):
    """Behind a character of two to four bytes in UTF-8, the shortest spelling of what is no surrogate."""
    first = text[at]
    if not _TWO <= first < _BEYOND:
        return wrong(at)
    size = 2 if first < _THREE else 3 if first < _FOUR else 4
    least, most = _LEAST, _MOST
    if first == _THREE:
        least = 0xA0
    elif first == _FOUR:
        least = 0x90
    elif first == _BEFORE_SURROGATES:
        most = 0x9F
    elif first == _BEYOND - 1:
        most = 0x8F
    if at + size > end:
        return MORE
    if not least <= text[at + 1] <= most:
        return wrong(at)
    for place in range(at + 2, at + size):
        if not _LEAST <= text[place] <= _MOST:
            return wrong(at)
    return at + size


@compiled
def string_end(text, at, end):
    """Behind the closing quote of the string whose first character stands at a place."""
    while True:
        at += plain_bytes(text, at)
        if at >= end:
            return MORE
        byte = text[at]
        if byte == QUOTE:
            return at + 1
        if byte == BACKSLASH:
            after = _escape_end(text, at, end)
        elif byte >= _HIGH:
            after = _character_end(text, at, end)
        elif byte < SPACE:
            return wrong(at)
        else:
            continue
        if after < 0:
            return after
        at = after


@compiled
def _digits_end(text, at, end):
    while at < end and ZERO <= text[at] <= NINE:
        at += 1
    return at


@compiled
def number_end(text, at, end):
    """Behind a number; MORE where it may go on behind the end of the text."""
    start = at
    if text[at] == MINUS:
        at += 1
    whole = _digits_end(text, at, end)
    if whole == at or (text[at] == ZERO and whole > at + 1):
        return MORE if whole == end and whole == at else wrong(start)
    at = whole
    if at < end and text[at] == POINT:
        whole = _digits_end(text, at + 1, end)
        if whole == at + 1:
            return MORE if whole == end else wrong(start)
        at = whole
    if at < end and text[at] | _LOWER == LETTER_E:
        at += 1
        if at < end and (text[at] == PLUS or text[at] == MINUS):
            at += 1
        whole = _digits_end(text, at, end)
        if whole == at:
            return MORE if whole == end else wrong(start)
        at = whole
    return MORE if at >= end else at


@compiled
def _word_end(text, at, end):
    """Behind true, false or null."""
    first = text[at]
    word = (ord("t"), ord("r"), ord("u"), ord("e"), 0)
    if first == LETTER_F:
        word = (ord("f"), ord("a"), ord("l"), ord("s"), ord("e"))
    elif first == LETTER_N:
        word = (ord("n"), ord("u"), ord("l"), ord("l"), 0)
    size = 5 if first == LETTER_F else 4
    for place in range(size):
        if at + place >= end:
            return MORE
        if text[at + place] != word[place]:
            return wrong(at)
    return at + size


@compiled
def scalar_end(text, at, end):
    """Behind a string, a number, true, false or null."""
    byte = text[at]
    if byte == QUOTE:
        return string_end(text, at + 1, end)
    if byte == MINUS or ZERO <= byte <= NINE:
        return number_end(text, at, end)
    return _word_end(text, at, end)


@compiled
def key_end(text, at, end):
    """Behind the closing quote of a key, which must stand at a place."""
    if text[at] != QUOTE:
        return wrong(at)
    return string_end(text, at + 1, end)


@compiled
def _colon_end(text, at, end):
    """Behind the colon that follows the key at a place."""
    after = key_end(text, at, end)
    if after < 0:
        return after
    after = blanks(text, after, end)
    if after >= end:
        return MORE
    return after + 1 if text[after] == COLON else wrong(after)


@compiled
def step_over(text, at, end, stack, inside):
    """As far behind a value as the text goes; `inside` says where in it, all zero at its start.

    Only a place that is wrong is below zero; `is_over` says whether the value has ended.
    """
    depth, sub = inside[DEPTH], inside[SUB]
    while sub != _AFTER or depth > 0:
        at = blanks(text, at, end)
        if at >= end:
            break
        byte = text[at]
        is_object = depth > 0 and stack[depth - 1] == OPEN_OBJECT
        if sub == _AFTER and byte == COMMA:
            sub, after = (_KEY if is_object else _VALUE), at + 1
        elif sub in (_AFTER, _FIRST) and byte == (CLOSE_OBJECT if is_object else CLOSE_LIST):
            depth, sub, after = depth - 1, _AFTER, at + 1
        elif sub == _AFTER:
            after = wrong(at)
        elif sub == _KEY or (sub == _FIRST and is_object):
            after = _colon_end(text, at, end)
            sub = _VALUE if after >= 0 else _KEY if sub == _KEY else sub
        elif byte in (OPEN_OBJECT, OPEN_LIST):
            after = at + 1 if depth < DEEPEST else wrong(at)
            stack[min(depth, DEEPEST)], depth, sub = byte, depth + 1, _FIRST
        else:
            after = scalar_end(text, at, end)
            sub = _AFTER if after >= 0 else sub
        if after == MORE:
            break
        if after < 0:
            return after
        at = after
    inside[DEPTH], inside[SUB] = depth, sub
    return at


@compiled
def is_over(inside):
    """Whether the value that is stepped over has ended."""
    return inside[SUB] == _AFTER and inside[DEPTH] == 0


@compiled
def value_end(text, at, end, stack, inside):
    """Behind a whole value; MORE where the text ends before it does."""
    inside[DEPTH] = 0
    inside[SUB] = _VALUE
    after = step_over(text, at, end, stack, inside)
    return after if after < 0 or is_over(inside) else MORE


@compiled
def unescaped(text, start, end, into):
    """Write what a string between its quotes means, if it is ASCII and short; its size, below zero if it is neither."""
    size, at = 0, start
    while at < end:
        byte = text[at]
        at += 1
        if byte == BACKSLASH:
            if text[at] == LETTER_U:
                value = _hex(text, at + 1)
                at += 5
            else:
                value = text[at]
                for letter, meaning in ((ord("b"), 8), (LETTER_F, 12), (LETTER_N, 10), (ord("r"), 13), (LETTER_T, 9)):
                    if text[at] == letter:
                        value = meaning
                at += 1
        else:
            value = byte
        if value >= _HIGH or size + VECTOR >= SCRATCH_BYTES:
            return -1
        into[size] = value
        size += 1
    return size
