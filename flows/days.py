"""Days as people write them in questions."""

import re
from datetime import date

FIRST = date(1966, 7, 1)
"""`schemas.vocabulary.BEGINNING`, which would load Polars."""
LAST = date(2199, 12, 31)
_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
"""What is taken of the forms of ISO 8601: no weeks, no days of the year."""


def day_from(text: str) -> date:
    """A day such as 2025-10-01. Raises ValueError, which says what was expected."""
    try:
        day = date.fromisoformat(text.strip()) if _FORM.fullmatch(text.strip()) else None
    except ValueError:
        day = None
    if day is None:
        raise ValueError("expected year-month-day such as 2025-10-01")
    if not FIRST <= day <= LAST:
        raise ValueError(f"expected a day from {FIRST} to {LAST}")
    return day
