"""Facts of codes by period, and the profiles of predicates that they meet."""

import random
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from schemas import CodeProfile
from tests.transforms.rule_builders import SECTIONS, indicator, indicators
from transforms.predicates import INDICATOR_FACTS
from transforms.profiles import BEGINNING, code_facts, profiles

Row = dict[str, Any]
LAST_BEFORE_2024, LAST_BEFORE_2025 = date(2024, 3, 31), date(2025, 9, 30)
APRIL, OCTOBER = date(2024, 4, 1), date(2025, 10, 1)
PREDICATES = ["any", "bilateral_code!=1", "bilateral_code=1", "section=surgery"]
TWO_RELEASES = [
    indicator("19307", release="2024-04", phases=(10, 71, 19), bilateral_code="0"),
    indicator("19307", release="2025-10", phases=(10, 71, 19), bilateral_code="1"),
    indicator("99213", release="2024-04"),
    indicator("96406", release="2025-10", bilateral_code="1"),
    indicator("96406", release="2025-10", component="26"),
]


def facts_of(rows: list[Row]) -> pl.DataFrame:
    return code_facts(indicators(rows), SECTIONS, indicators(rows))


def periods(rows: list[Row]) -> list[tuple[Any, ...]]:
    return facts_of(rows).select("code", "component", "valid_from", "valid_to", "release_id").rows()


def test_a_release_answers_until_the_day_before_the_next_one() -> None:
    assert periods(TWO_RELEASES) == [
        ("19307", "global", BEGINNING, LAST_BEFORE_2024, None),
        ("19307", "global", APRIL, LAST_BEFORE_2025, "2024-04"),
        ("19307", "global", OCTOBER, None, "2025-10"),
        ("96406", "26", OCTOBER, None, "2025-10"),
        ("96406", "global", BEGINNING, LAST_BEFORE_2024, None),
        ("96406", "global", OCTOBER, None, "2025-10"),
        ("99213", "global", BEGINNING, LAST_BEFORE_2024, None),
        ("99213", "global", APRIL, LAST_BEFORE_2025, "2024-04"),
    ]


def test_one_release_is_open_ended_and_the_time_before_it_starts_with_medicare() -> None:
    assert date(1966, 7, 1) == BEGINNING
    assert periods([indicator("99213")]) == [
        ("99213", "global", BEGINNING, LAST_BEFORE_2025, None),
        ("99213", "global", OCTOBER, None, "2025-10"),
    ]


def test_before_the_oldest_release_only_facts_of_the_code_are_known() -> None:
    before = facts_of(TWO_RELEASES).filter(pl.col("valid_from") == BEGINNING)
    assert before.select("code", "component", "section").rows() == [
        ("19307", "global", "surgery"),
        ("96406", "global", "medicine"),
        ("99213", "global", "evaluation_management"),
    ]
    unknown = before.select(*INDICATOR_FACTS, "preoperative_percent", "intraoperative_percent", "postoperative_percent")
    assert unknown.null_count().row(0) == (3,) * unknown.width


def test_facts_of_a_release_are_its_own() -> None:
    found = facts_of(TWO_RELEASES).filter(pl.col("release_id").is_not_null())
    columns = ("code", "component", "valid_from", "bilateral_code", "has_26", "has_tc", "has_53", "has_phases")
    assert found.select(columns).rows() == [
        ("19307", "global", APRIL, "0", "false", "false", "false", "true"),
        ("19307", "global", OCTOBER, "1", "false", "false", "false", "true"),
        ("96406", "26", OCTOBER, "0", "true", "false", "false", "false"),
        ("96406", "global", OCTOBER, "1", "true", "false", "false", "false"),
        ("99213", "global", APRIL, "0", "false", "false", "false", "false"),
    ]


@pytest.mark.parametrize(("component", "fact"), [("26", "has_26"), ("TC", "has_tc"), ("53", "has_53")])
def test_a_component_counts_in_its_own_release_only(component: str, fact: str) -> None:
    rows = [
        indicator("19307", release="2024-04"),
        indicator("19307", release="2024-04", component=component),
        indicator("19307", release="2025-10"),
    ]
    found = facts_of(rows).filter((pl.col("component") == "global") & pl.col("release_id").is_not_null())
    assert found[fact].to_list() == ["true", "false"]


def test_sections_are_found_by_range_and_suffix() -> None:
    sections = pl.DataFrame(
        [("anesthesia", "00100", "01999", None), ("category_3", "0001", "0999", "T"), ("level_2", "A0000", "Z9999", None)],
        schema=SECTIONS.schema,
        orient="row",
    )
    rows = [indicator("00406"), indicator("0042T"), indicator("A0428", code_system="HCPCS")]
    found = code_facts(indicators(rows), sections, indicators(rows)).filter(pl.col("valid_to").is_null())
    assert found.select("code", "section").rows() == [("00406", "anesthesia"), ("0042T", "category_3"), ("A0428", "level_2")]


def test_profiles_are_shared_by_rows_that_meet_the_same_predicates() -> None:
    rows = [
        indicator("19307", bilateral_code="1", phases=(10, 71, 19)),
        indicator("27447", bilateral_code="1", phases=(10, 69, 21)),
        indicator("33533", bilateral_code="1", phases=(10, 71, 19), status_code="N"),
        indicator("99213", bilateral_code="1", phases=(10, 71, 19)),
    ]
    found = profiles(facts_of(rows), PREDICATES)
    newest = found.code_profile.filter(pl.col("valid_to").is_null())
    assert newest.select("code", "profile_id").rows() == [("19307", 1), ("27447", 2), ("33533", 1), ("99213", 4)]
    assert found.code_profile.filter(pl.col("valid_from") == BEGINNING).select("code", "profile_id").rows() == [
        ("19307", 0),
        ("27447", 0),
        ("33533", 0),
        ("99213", 3),
    ]


def test_matches_name_the_predicates_that_a_profile_meets() -> None:
    found = profiles(facts_of([indicator("19307", bilateral_code="1"), indicator("99213")]), PREDICATES)
    assert found.code_profile.select("code", "valid_from", "profile_id").rows() == [
        ("19307", BEGINNING, 0),
        ("19307", OCTOBER, 1),
        ("99213", BEGINNING, 2),
        ("99213", OCTOBER, 3),
    ]
    assert found.matches.sort("profile_id", "predicate").rows() == [
        (0, "any"),
        (0, "section=surgery"),
        (1, "any"),
        (1, "bilateral_code=1"),
        (1, "section=surgery"),
        (2, "any"),
        (3, "any"),
        (3, "bilateral_code!=1"),
    ]


def test_periods_carry_dates_and_phases_of_each_profile() -> None:
    found = profiles(facts_of([indicator("19307", phases=(10, 71, 19))]), PREDICATES)
    assert found.periods.sort("profile_id").rows() == [
        (0, BEGINNING, LAST_BEFORE_2025, None, None, None, True, True),
        (1, OCTOBER, None, Decimal(10), Decimal(71), Decimal(19), False, False),
    ]
    assert found.periods.columns == [
        "profile_id",
        "valid_from",
        "valid_to",
        "preoperative_percent",
        "intraoperative_percent",
        "postoperative_percent",
        "has_no_indicators",
        "is_before_releases",
    ]


def test_code_profile_has_the_declared_columns() -> None:
    found = profiles(facts_of(TWO_RELEASES), PREDICATES)
    assert found.code_profile.columns == list(CodeProfile.column_names())
    assert found.code_profile.height == 8


@pytest.mark.parametrize("seed", range(5))
def test_ids_are_the_same_whatever_the_order_of_the_rows(seed: int) -> None:
    shuffled = random.Random(seed).sample(TWO_RELEASES, len(TWO_RELEASES))  # noqa: S311 - not a secret
    expected = profiles(facts_of(TWO_RELEASES), PREDICATES)
    found = profiles(facts_of(shuffled), PREDICATES)
    assert found.code_profile.equals(expected.code_profile)
    assert found.periods.equals(expected.periods)
    assert found.matches.equals(expected.matches)
