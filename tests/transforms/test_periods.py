"""Names of release folders as service dates."""

from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.periods import PeriodOf, day, fiscal_year, half_year, quarter
from transforms.sources import Period

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("period_of", "name", "first", "last"),
    [
        (quarter, "2025-10", date(2025, 10, 1), date(2025, 12, 31)),
        (quarter, "2024-02", date(2024, 2, 1), date(2024, 4, 30)),
        (quarter, "2025-12", date(2025, 12, 1), date(2026, 2, 28)),
        (fiscal_year, "2026", date(2025, 10, 1), date(2026, 9, 30)),
        (fiscal_year, "2026-04", date(2026, 4, 1), date(2026, 9, 30)),
        (half_year, "25.0", date(2025, 1, 1), date(2025, 6, 30)),
        (half_year, "25.1", date(2025, 7, 1), date(2025, 12, 31)),
        (half_year, "09.1", date(2009, 7, 1), date(2009, 12, 31)),
        (day, "20240502", date(2024, 5, 2), date(2025, 5, 1)),
        (day, "20240229", date(2024, 2, 29), date(2025, 2, 1)),
    ],
)
def test_name_of_a_folder_gives_its_period(period_of: PeriodOf, name: str, first: date, last: date) -> None:
    assert period_of(name) == Period(name, first, last)


@pytest.mark.parametrize(
    ("period_of", "name"),
    [
        (quarter, "2025-13"),
        (quarter, "2025-00"),
        (quarter, "2025-1"),
        (quarter, "2025-10b"),
        (fiscal_year, "26"),
        (fiscal_year, "2026-05"),
        (fiscal_year, "FY2026"),
        (half_year, "25.2"),
        (half_year, "2025.1"),
        (half_year, "25"),
        (day, "20240230"),
        (day, "20241301"),
        (day, "2024-05-02"),
        (day, ""),
    ],
)
def test_name_that_says_nothing_gives_none(period_of: PeriodOf, name: str) -> None:
    assert period_of(name) is None


@pytest.mark.parametrize(
    ("period_of", "names"),
    [
        (quarter, [f"{year}-{month:02}" for year in range(2000, 2040) for month in (1, 4, 7, 10)]),
        (fiscal_year, [f"{year}" for year in range(2000, 2100)]),
        (half_year, [f"{year:02}.{half}" for year in range(100) for half in (0, 1)]),
    ],
    ids=["quarters", "fiscal years", "half years"],
)
def test_periods_follow_one_another_without_gap_or_overlap(period_of: PeriodOf, names: list[str]) -> None:
    periods = [period for name in names if (period := period_of(name))]
    assert len(periods) == len(names)
    assert all(later.valid_from == earlier.valid_to + DAY for earlier, later in pairwise(periods))


NAMED: list[tuple[PeriodOf, Callable[[date], str]]] = [
    (quarter, "{:%Y-%m}".format),
    (fiscal_year, "{:%Y}".format),
    (fiscal_year, "{:%Y-04}".format),
    (half_year, "{:%y.0}".format),
    (day, "{:%Y%m%d}".format),
]


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)), st.sampled_from(NAMED))
def test_a_period_lasts_at_most_a_year_and_keeps_its_name(start: date, named: tuple[PeriodOf, Callable[[date], str]]) -> None:
    period_of, name_of = named
    period = period_of(name_of(start))
    assert period is not None
    assert period.release_id == name_of(start)
    assert period.published is None
    assert period.valid_from < period.valid_to <= period.valid_from + 366 * DAY


@given(st.text(max_size=8), st.sampled_from([quarter, fiscal_year, half_year, day]))
def test_text_without_digits_gives_none(name: str, period_of: PeriodOf) -> None:
    assert period_of("".join(sign for sign in name if not sign.isdecimal())) is None
