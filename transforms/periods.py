"""Service dates that the name of a release folder stands for, where no origin.json states them."""

import re
from collections.abc import Callable
from datetime import date, timedelta

from transforms.sources import Period

PeriodOf = Callable[[str], Period | None]
"""Name of a release folder to its period, None where the name says nothing."""
_DAY = timedelta(days=1)
_MONTHS_OF_QUARTER = 3


def quarter(release_id: str) -> Period | None:
    """`2025-10`: the quarter that starts in the month (CMS's quarterly files)."""
    named = re.fullmatch(r"((?:19|20)\d{2})-(0[1-9]|1[0-2])", release_id)
    if not named:
        return None
    first = date(int(named[1]), int(named[2]), 1)
    return Period(release_id, first, _months_later(first, _MONTHS_OF_QUARTER) - _DAY)


def fiscal_year(release_id: str) -> Period | None:
    """`2026`: 1 October 2025 to 30 September 2026; `2026-04`: from its April update on (CMS, ICD-10-CM files)."""
    named = re.fullmatch(r"((?:19|20)\d{2})(-04)?", release_id)
    if not named:
        return None
    year = int(named[1])
    first = date(year, 4, 1) if named[2] else date(year - 1, 10, 1)
    return Period(release_id, first, date(year, 9, 30))


def half_year(release_id: str) -> Period | None:
    """`25.0`: January to June 2025, `25.1`: July to December 2025 (NUCC's versions)."""
    named = re.fullmatch(r"(\d{2})\.([01])", release_id)
    if not named:
        return None
    first = date(2000 + int(named[1]), 7 if named[2] == "1" else 1, 1)
    return Period(release_id, first, _months_later(first, 6) - _DAY)


def day(release_id: str) -> Period | None:
    """`20240502`: from that day on, for a year (CMS, place of service)."""
    named = re.fullmatch(r"((?:19|20)\d{2})(\d{2})(\d{2})", release_id)
    try:
        first = date(int(named[1]), int(named[2]), int(named[3])) if named else None
    except ValueError:
        return None
    return Period(release_id, first, _months_later(first.replace(day=1), 12)) if first else None


def _months_later(first: date, months: int) -> date:
    after = first.month - 1 + months
    return date(first.year + after // 12, after % 12 + 1, 1)
