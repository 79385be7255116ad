"""Days as people write them: one form, within the days that a question can be about."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.days import FIRST, LAST, day_from
from schemas.vocabulary import BEGINNING

FORM = "expected year-month-day such as 2025-10-01"
SPAN = "expected a day from 1966-07-01 to 2199-12-31"


def test_no_question_is_older_than_medicare() -> None:
    assert FIRST == BEGINNING


@given(st.dates(FIRST, LAST))
def test_a_day_is_read_as_it_is_written(day: date) -> None:
    assert day_from(f" {day} ") == day


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-2-3", FORM),
        ("20260203", FORM),
        ("02/03/2026", FORM),
        ("2026-02-30", FORM),
        ("2026-W05-1", FORM),
        ("2026-02-03T00:00", FORM),
        ("", FORM),
        ("1966-06-30", SPAN),
        ("0001-01-01", SPAN),
        ("2200-01-01", SPAN),
        ("9999-12-31", SPAN),
    ],
)
def test_what_is_no_day_of_a_question_says_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        day_from(text)
