"""Days as people write them in questions."""

import re
from datetime import date

_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
"""What is taken of the forms of ISO 8601: no weeks, no days of the year."""


def day_from(text: str) -> date:
    """A day such as 2025-10-01. Raises ValueError where the text is none."""
    if not _FORM.fullmatch(text.strip()):
        raise ValueError("not year-month-day")
    return date.fromisoformat(text.strip())
