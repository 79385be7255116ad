"""Where two sources answer the same question differently: rules against rules, pages against the fee schedule."""

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from schemas import CodeClaim, Contradiction
from tests.transforms.rule_builders import OCTOBER_2025, indicator, indicators, resolved, rule, rules_frame
from transforms.contradictions import between_rules, claimed_services, claimed_sites, contradictions

Row = dict[str, Any]
LISTED = [indicator("19307"), indicator("33533"), indicator("99213")]
STARTED = date(2020, 1, 1)


def fee_schedule(listed: list[Row], *, rare_sites: tuple[str, ...] = ()) -> pl.DataFrame:
    """Indicators with the columns about sites of service and the line each row stands on."""
    return (
        indicators(listed)
        .with_columns(
            is_rare_in_nonfacility=pl.lit("nonfacility" in rare_sites),
            is_rare_in_facility=pl.lit("facility" in rare_sites),
            source_file=pl.lit("cms_pfs/2025-10/PPRRVU.csv"),
        )
        .with_columns(source_row=pl.int_range(11, 11 + pl.len(), dtype=pl.Int64))
    )


def claim(kind: str, words: str, resolved_to: str | None, *, code: str = "19307", row: int = 7) -> Row:
    return {
        "code_system": "CPT",
        "code": code,
        "kind": kind,
        "claim": words,
        "resolved": resolved_to,
        "source_file": f"code_pages/{code}_analysis.txt",
        "source_row": row,
    }


def found_in(
    stated: list[Row], claims: list[Row] | None = None, *, listed: list[Row] | None = None, rare_sites: tuple[str, ...] = ()
) -> list[Row]:
    """The table `contradiction` of a small world."""
    schedule = fee_schedule(listed or LISTED, rare_sites=rare_sites)
    profiles, cube = resolved(schedule, rules_frame(stated))
    claimed = pl.DataFrame(claims or [], schema=CodeClaim.polars_schema(), orient="row")
    table = contradictions(cube.disagreements, profiles.code_profile, claimed, schedule, cube.cells)
    assert table.columns == list(Contradiction.column_names())
    return list(table.iter_rows(named=True))


def paid(percent: int) -> Row:
    return {"effect_kind": "percent", "effect_percent": Decimal(percent)}


# ---------------------------------------------------------------- rules against rules


def test_a_tie_of_two_rules() -> None:
    stated = [rule("uhc.a", reason="Half.", **paid(50)), rule("uhc.b", reason="In full.", **paid(100))]
    assert found_in(stated) == [
        {
            "contradiction_id": "tie:uhc.a|uhc.b:50",
            "kind": "tie",
            "question": "What follows from modifier 50 for uhc?",
            "code_system": "CPT",
            "code": "19307",
            "code_count": 3,
            "payer_id": "uhc",
            "modifier": "50",
            "valid_from": STARTED,
            "valid_to": None,
            "left_answer": "Half.",
            "left_source": "uhc.a",
            "right_answer": "In full.",
            "right_source": "uhc.b",
            "has_money_effect": True,
        }
    ]


def test_a_tie_counts_the_codes_that_meet_both_predicates() -> None:
    stated = [rule("uhc.a", predicate="section=surgery"), rule("uhc.b", predicate="code!=19307", target_line="procedure")]
    (row,) = found_in(stated)
    assert (row["contradiction_id"], row["code"], row["code_count"]) == ("tie:uhc.a|uhc.b:50", "33533", 1)


def test_a_weaker_source_that_differs_is_outranked_and_the_stronger_stands_left() -> None:
    stated = [rule("uhc.a", tier="trade_press", reason="Weak.", **paid(50)), rule("uhc.b", reason="Strong.", **paid(100))]
    (row,) = found_in(stated)
    assert (row["contradiction_id"], row["kind"]) == ("outranked:uhc.b|uhc.a:50", "outranked")
    assert (row["left_answer"], row["left_source"], row["right_answer"], row["right_source"]) == (
        "Strong.",
        "uhc.b",
        "Weak.",
        "uhc.a",
    )


def test_three_rules_make_a_row_for_each_pair_that_disagrees() -> None:
    stated = [rule("uhc.a", **paid(50)), rule("uhc.b", **paid(100)), rule("uhc.c", tier="inferred", **paid(50))]
    assert [row["contradiction_id"] for row in found_in(stated)] == [
        "outranked:uhc.b|uhc.c:50",
        "tie:uhc.a|uhc.b:50",
    ]


def test_the_dates_are_those_on_which_both_are_in_force() -> None:
    stated = [
        rule("uhc.a", effective_from=date(2025, 11, 1), effective_to=date(2026, 1, 31)),
        rule("uhc.b", effective_from=date(2025, 12, 1), effective_to=date(2026, 3, 31), target_line="procedure"),
    ]
    (row,) = found_in(stated)
    assert (row["valid_from"], row["valid_to"]) == (date(2025, 12, 1), date(2026, 1, 31))


def test_answers_that_differ_in_words_only_have_no_effect_on_money() -> None:
    (row,) = found_in([rule("uhc.a"), rule("uhc.b", disposition="informational")])
    assert row["has_money_effect"] is False


@pytest.mark.parametrize(
    "second",
    [
        {},
        {"tier": "inferred"},
        {"disposition": "not_allowed", "effective_from": date(2026, 1, 1)},
        {"disposition": "not_allowed", "precedence": 1},
        {"disposition": "not_allowed", "market": "OH"},
        {"disposition": "not_allowed", "modifier": "51"},
        {"disposition": "not_allowed", "payer_id": "bcbs"},
        {"disposition": "not_allowed", "state": "withdrawn"},
        {"disposition": "not_allowed", "state": "announced"},
        {"disposition": "not_allowed", "predicate": "status_code=N"},
    ],
    ids=lambda second: ", ".join(second) or "same answer",
)
def test_no_contradiction(second: Row) -> None:
    assert found_in([rule("uhc.a", effective_to=date(2025, 12, 31)), rule("uhc.b", **second)]) == []


def test_between_rules_counts_a_code_once_however_many_rows_it_has() -> None:
    listed = [indicator("99213"), indicator("99213", component="26")]
    schedule = fee_schedule(listed)
    profiles, cube = resolved(schedule, rules_frame([rule("uhc.a"), rule("uhc.b", disposition="not_paid")]))
    assert between_rules(cube.disagreements, profiles.code_profile)["code_count"].to_list() == [1]


# ---------------------------------------------------------------- pages against the fee schedule

DENIAL = rule(
    "medicare.co_surgeon.0",
    payer_id="medicare",
    modifier="62",
    predicate="co_surgeon_code=0",
    disposition="not_allowed",
    reason="Co-surgeons are not permitted.",
)


def test_a_page_that_offers_a_modifier_which_medicare_denies() -> None:
    assert found_in([DENIAL], [claim("modifier", "62", "62", code="33533", row=12)]) == [
        {
            "contradiction_id": "page:33533:modifier:62:code_pages/33533_analysis.txt",
            "kind": "page",
            "question": "May 33533 be billed with modifier 62?",
            "code_system": "CPT",
            "code": "33533",
            "code_count": 1,
            "payer_id": "medicare",
            "modifier": "62",
            "valid_from": OCTOBER_2025,
            "valid_to": None,
            "left_answer": "The page offers modifier 62.",
            "left_source": "code_pages/33533_analysis.txt:12",
            "right_answer": "Co-surgeons are not permitted.",
            "right_source": "medicare.co_surgeon.0",
            "has_money_effect": True,
        }
    ]


@pytest.mark.parametrize("disposition", ["not_allowed", "not_applicable", "not_paid"])
def test_every_denial_contradicts_the_page(disposition: str) -> None:
    rows = found_in([{**DENIAL, "disposition": disposition}], [claim("modifier", "62", "62")])
    assert [row["kind"] for row in rows] == ["page"]


@pytest.mark.parametrize("disposition", ["allowed", "allowed_with_documentation", "informational", "not_published", "required"])
def test_a_modifier_that_medicare_does_not_deny_is_no_contradiction(disposition: str) -> None:
    assert found_in([{**DENIAL, "disposition": disposition}], [claim("modifier", "62", "62")]) == []


@pytest.mark.parametrize(
    "stated",
    [
        {**DENIAL, "rule_id": "uhc.62", "payer_id": "uhc"},
        {**DENIAL, "organization_id": "ibx"},
        {**DENIAL, "effective_to": date(2025, 12, 31)},
        {**DENIAL, "modifier": "66"},
    ],
    ids=["another payer", "one contractor only", "over", "another modifier"],
)
def test_only_medicares_own_present_answer_counts_against_a_page(stated: Row) -> None:
    assert found_in([stated], [claim("modifier", "62", "62")]) == []


@pytest.mark.parametrize("site", ["facility", "nonfacility"])
def test_a_page_that_names_a_site_which_the_fee_schedule_marks_rare(site: str) -> None:
    assert found_in([DENIAL], [claim("site_of_service", "a place", site)], rare_sites=(site,)) == [
        {
            "contradiction_id": "page:19307:site_of_service:a place:code_pages/19307_analysis.txt",
            "kind": "page",
            "question": "Where is 19307 performed?",
            "code_system": "CPT",
            "code": "19307",
            "code_count": 1,
            "payer_id": "medicare",
            "modifier": None,
            "valid_from": OCTOBER_2025,
            "valid_to": None,
            "left_answer": "The page says: a place.",
            "left_source": "code_pages/19307_analysis.txt:7",
            "right_answer": f"The fee schedule marks the {site} setting NA: rarely or never.",
            "right_source": "cms_pfs/2025-10/PPRRVU.csv:11",
            "has_money_effect": False,
        }
    ]


@pytest.mark.parametrize(
    ("site", "rare_sites"),
    [
        ("facility", ("nonfacility",)),
        ("nonfacility", ("facility",)),
        ("facility", ()),
        ("both", ("facility", "nonfacility")),
        (None, ("facility", "nonfacility")),
    ],
)
def test_other_sites_are_no_contradiction(site: str | None, rare_sites: tuple[str, ...]) -> None:
    assert found_in([DENIAL], [claim("site_of_service", "a place", site)], rare_sites=rare_sites) == []


def test_sites_are_judged_by_the_newest_release_and_the_global_row() -> None:
    claims = pl.DataFrame([claim("site_of_service", "an office", "nonfacility")], schema=CodeClaim.polars_schema(), orient="row")
    older = fee_schedule([indicator("19307", release="2024-04")], rare_sites=("nonfacility",))
    part = fee_schedule([indicator("19307", component="26")], rare_sites=("nonfacility",))
    newest = fee_schedule([indicator("19307")])
    assert claimed_sites(claims, pl.concat([older, part, newest])).is_empty()


def test_a_page_that_names_a_type_of_service_of_another_section() -> None:
    assert found_in([DENIAL], [claim("service_type", "an office visit", "evaluation_management")]) == [
        {
            "contradiction_id": "page:19307:service_type:an office visit:code_pages/19307_analysis.txt",
            "kind": "page",
            "question": "What kind of service is 19307?",
            "code_system": "CPT",
            "code": "19307",
            "code_count": 1,
            "payer_id": "medicare",
            "modifier": None,
            "valid_from": OCTOBER_2025,
            "valid_to": None,
            "left_answer": "The page says: an office visit.",
            "left_source": "code_pages/19307_analysis.txt:7",
            "right_answer": "The code stands in the section surgery of the code set.",
            "right_source": "code_section",
            "has_money_effect": False,
        }
    ]


@pytest.mark.parametrize("named", ["surgery", None])
def test_the_own_or_an_unresolved_type_of_service_is_no_contradiction(named: str | None) -> None:
    assert found_in([DENIAL], [claim("service_type", "an operation", named)]) == []


@pytest.mark.parametrize("section", ["category_2", "category_3", "level_2", "medicine", "vaccine_administration"])
def test_mixed_sections_hold_services_of_every_type(section: str) -> None:
    newest = pl.DataFrame(
        {"code": ["19307"], "component": ["global"], "section": [section], "valid_from": [OCTOBER_2025], "release_id": ["x"]}
    )
    claims = pl.DataFrame([claim("service_type", "an operation", "surgery")], schema=CodeClaim.polars_schema(), orient="row")
    assert claimed_services(claims, newest).is_empty()
    assert claimed_services(claims, newest.with_columns(section=pl.lit("radiology"))).height == 1


@pytest.mark.parametrize("kind", ["payer", "taxonomy"])
def test_other_claims_contradict_nothing(kind: str) -> None:
    assert found_in([DENIAL], [claim(kind, "62", "62")], rare_sites=("facility", "nonfacility")) == []


def test_a_page_is_contradicted_once_however_many_scopes_deny() -> None:
    narrow = {**DENIAL, "rule_id": "medicare.narrow", "line_of_business": "medicare_ffs"}
    assert [row["kind"] for row in found_in([DENIAL, narrow], [claim("modifier", "62", "62")])] == ["page"]
