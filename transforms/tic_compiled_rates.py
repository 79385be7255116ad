# mypy: disable-error-code="untyped-decorator,misc,no-any-return,no-untyped-def"
"""Compiled reading of rates: exact ten-thousandths of a number in any spelling, half a ten-thousandth rounded to the even one."""

from transforms.tic_compiled_text import (
    LETTER_E,
    LETTER_N,
    MINUS,
    NINE,
    PLUS,
    POINT,
    QUOTE,
    SPACE,
    TAB,
    ZERO,
    compiled,
    unescaped,
    wrong,
)
from transforms.tic_values import NO_RATE, OUT_OF_RANGE, RATE_LIMIT

VALUE, IS_ROUNDED, IS_TEXTUAL = 0, 1, 2
"""Places of what was read in the array `rate`."""
_LOWER = 0x20
_MOST_FAST_DIGITS = 13
_MOST_KEPT = 18
_MOST_WHOLE = 14
_DECIMALS = 4
_HUGE = 10**9


@compiled
def plain_rate_end(text, at, rate):
    """Behind a number of at most 13 digits and 4 decimals, which every rate is but a few; below zero where it is another one."""
    is_negative = text[at] == MINUS
    at += is_negative
    start, value = at, 0
    while ZERO <= text[at] <= NINE:
        value = value * 10 + (text[at] - ZERO)
        at += 1
    if at == start or at - start > _MOST_FAST_DIGITS or (text[start] == ZERO and at > start + 1):
        return -1
    decimals = 0
    if text[at] == POINT:
        at += 1
        while decimals <= _DECIMALS and ZERO <= text[at] <= NINE:
            value = value * 10 + (text[at] - ZERO)
            at, decimals = at + 1, decimals + 1
        if decimals == 0 or decimals > _DECIMALS:
            return -1
    for _ in range(_DECIMALS - decimals):
        value *= 10
    rate[VALUE] = -value if is_negative else value
    return at


@compiled
def read_rate(text, start, end, scratch, rate):
    """Read a rate of any spelling into `rate`; the place is below zero where the text is none."""
    rate[VALUE], rate[IS_ROUNDED], rate[IS_TEXTUAL] = NO_RATE, 0, 0
    if start == end or text[start] == LETTER_N:
        return end
    if text[start] != QUOTE:
        return end if _number(text, start, end, rate) else wrong(start)
    size = unescaped(text, start + 1, end - 1, scratch)
    if size < 0:
        return wrong(start)
    first = 0
    while first < size and (scratch[first] == SPACE or scratch[first] == TAB):
        first += 1
    while first < size and (scratch[size - 1] == SPACE or scratch[size - 1] == TAB):
        size -= 1
    if first == size:
        return end
    rate[IS_TEXTUAL] = 1
    return end if _number(scratch, first, size, rate) else wrong(start)


@compiled
def _number(text, at, end, rate):
    """Read all of a text as a number; whether it is one."""
    is_negative = text[at] == MINUS
    if is_negative or text[at] == PLUS:
        at += 1
    mantissa, digits, dropped, is_more, seen, decimals, is_behind = 0, 0, 0, False, 0, 0, False
    while at < end and (ZERO <= text[at] <= NINE or (text[at] == POINT and not is_behind)):
        if text[at] == POINT:
            is_behind = True
        else:
            digit = text[at] - ZERO
            seen, decimals = seen + 1, decimals + is_behind
            if digits < _MOST_KEPT:
                mantissa = mantissa * 10 + digit
            elif digits == _MOST_KEPT:
                dropped = digit
            else:
                is_more = is_more or digit > 0
            digits += 1 if digits > 0 or digit > 0 else 0
        at += 1
    if seen == 0:
        return False
    exponent, at = _exponent(text, at, end)
    if at < end:
        return False
    _scale(mantissa, digits, dropped, is_more, exponent - decimals, rate)
    if is_negative and rate[VALUE] != OUT_OF_RANGE:
        rate[VALUE] = -rate[VALUE]
    return True


@compiled
def _exponent(text, at, end):
    """The exponent that may stand at a place, and the place behind it; the same place where it has no digits."""
    start, exponent = at, 0
    if at + 1 >= end or text[at] | _LOWER != LETTER_E:
        return 0, start
    is_down = text[at + 1] == MINUS
    at += 2 if is_down or text[at + 1] == PLUS else 1
    if at >= end:
        return 0, start
    while at < end and ZERO <= text[at] <= NINE:
        exponent = min(exponent * 10 + (text[at] - ZERO), _HUGE)
        at += 1
    return -exponent if is_down else exponent, at


@compiled
def _scale(mantissa, digits, dropped, is_more, power, rate):
    """Ten-thousandths of a number of so many digits, of which 18 are in the mantissa, the next one and whether more follow."""
    rate[VALUE] = 0
    if digits == 0:
        return
    if digits + power > _MOST_WHOLE:
        rate[VALUE] = OUT_OF_RANGE
        return
    if digits + power < -_DECIMALS:
        rate[IS_ROUNDED] = 1
        return
    shift = power + max(digits - _MOST_KEPT, 0) + _DECIMALS
    unit = 1
    for _ in range(abs(shift)):
        unit *= 10
    if shift >= 0:
        quotient, over, half, below = mantissa * unit, dropped, 5, is_more
    else:
        quotient, over, half, below = mantissa // unit, mantissa % unit, unit // 2, dropped > 0 or is_more
    is_up = over > half or (over == half and (below or quotient % 2 == 1))
    rate[IS_ROUNDED] = 1 if over > 0 or below else 0
    rate[VALUE] = quotient + (1 if is_up else 0)
    if rate[VALUE] >= RATE_LIMIT:
        rate[VALUE], rate[IS_ROUNDED] = OUT_OF_RANGE, 0
