"""Figures of hospitals' files: exact decimals, the sentinel of nine nines, counts of claims."""

import re
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

SCALE = 4
"""Decimals that tables keep. Longer ones are traces of binary arithmetic (`39.730000000000004`) and are rounded."""
_NUMBER = re.compile(r"\$?\s*(-?(?=\.?[0-9])(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)?(?:\.[0-9]*)?(?:[eE][-+]?[0-9]{1,2})?)\s*%?")
_PLAIN = re.compile(r"([0-9]{1,11})(?:\.([0-9]{1,4}))?", re.ASCII)
NINE_NINES = 999_999_999 * 10**SCALE
"""In ten-thousandths: they, and more than they, stand for `not known` (CMS, layout 2.2, which discourages them)."""
_BOUND = Decimal(10) ** 12
"""No figure of a bill is that large."""
_STEP = Decimal(1).scaleb(-SCALE)
_COUNT = re.compile(r"[0-9]+")
FEW = "1 through 10"
"""How a count of claims from 1 to 10 must be published (CMS, layout 3.0), to protect patients."""


def number(text: str) -> Decimal | None:
    """A figure in at most four decimals; None for a blank cell and for what is no number. Dollar signs and commas may stand."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        return None
    value = Decimal(found[1].replace(",", ""))
    return value.quantize(_STEP, rounding=ROUND_HALF_EVEN) if abs(value) < _BOUND else None


def ten_thousandths(text: str) -> int | None:
    """A figure as a whole number of ten-thousandths; None like `number`. The plain spelling of most figures is read at once."""
    if found := _PLAIN.fullmatch(text):
        return int(found[1] + (found[2] or "").ljust(SCALE, "0"))
    value = number(text)
    return None if value is None else int(value.scaleb(SCALE))


def is_no_number(text: str) -> bool:
    """Whether a cell holds something that is no number: NaN, words, a figure beyond all bounds."""
    return bool(text.strip()) and number(text) is None


@lru_cache(maxsize=10_000)
def is_count(text: str) -> bool:
    """Whether a cell is a count of claims: blank, a number, or `1 through 10`."""
    cleaned = " ".join(text.lower().split())
    return not cleaned or cleaned == FEW or _COUNT.fullmatch(cleaned.removesuffix(".0")) is not None


def plain(value: Decimal) -> str:
    """A figure without trailing zeros or exponent."""
    return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"
