"""What hospitals publish as rules: which effects make one, who agrees, who differs, and that none outranks a payer's rule."""

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import ModifierRule, PublishedModifierEffect
from tests.transforms.rule_builders import LINES, cube_rows, indicator, indicators, resolved, rule, rules_frame
from transforms.contradictions import between_rules
from transforms.gate import ensure
from transforms.hospital_rules import HospitalRules, hospital_rules
from transforms.rules import ranked

Row = dict[str, Any]
PAYERS = pl.DataFrame(
    {"payer_id": ["bcbs", "medicare", "uhc"], "default_line_of_business": ["commercial", "medicare_ffs", "commercial"]}
)
ORGANIZATIONS = pl.DataFrame(
    [("anthem", "bcbs", "licensee"), ("anthem_oh", "bcbs", "brand")],
    schema=["organization_id", "payer_id", "organization_kind"],
    orient="row",
)
MODIFIERS = pl.DataFrame(
    [("50", "general"), ("62", "multiple_surgeon"), ("QK", "anesthesia_performer")], schema=["modifier", "category"], orient="row"
)
EFFECT: Row = {
    "hospital": "Elm Hospital",
    "hospital_market": "TX",
    "payer_name": "UHC",
    "plan_name": "PPO",
    "payer_id": "uhc",
    "organization_id": None,
    "line_of_business": "any",
    "modifier": "50",
    "published_modifier": "50",
    "setting": "outpatient",
    "billing_class": None,
    "published_percent": Decimal(150),
    "published_dollars": None,
    "effect_percent": Decimal(150),
    "note": None,
    "verdict": "clear",
    "reason": "Invented.",
    "known_from": date(2026, 7, 1),
    "source_file": "hpt/elm.csv",
    "source_row": 4,
    "source_column": 1,
}
SCHEDULE = [indicator("19307", bilateral_code="1"), indicator("00406")]


def effect(**stated: Any) -> Row:
    assert not stated.keys() - EFFECT.keys()
    return {**EFFECT, **stated}


def made(*effects: Row) -> HospitalRules:
    frame = pl.DataFrame(list(effects), schema=PublishedModifierEffect.polars_schema(), orient="row")
    return hospital_rules(frame, payers=PAYERS, organizations=ORGANIZATIONS, modifiers=MODIFIERS, lines=LINES)


def answers(*stated: Row, rules: pl.DataFrame, modifier: str = "50") -> list[Row]:
    every = pl.concat([rules_frame(stated), rules])
    cells = cube_rows(indicators(SCHEDULE), every)
    return [cell for cell in cells if (cell["payer_id"], cell["modifier"], cell["valid_to"]) == ("uhc", modifier, None)]


def test_a_clear_effect_is_a_rule_with_everything_it_says() -> None:
    rules, findings = made(effect())
    assert findings.height == 0
    assert ensure(rules, ModifierRule).to_dicts() == [
        {
            "rule_id": "uhc.hospital.any.commercial.TX.50.150",
            "payer_id": "uhc",
            "organization_id": "any",
            "line_of_business": "commercial",
            "market": "TX",
            "modifier": "50",
            "predicate": "any",
            "precedence": 0,
            "rank": -99_700,
            "disposition": "not_published",
            "effect_kind": "percent",
            "effect_percent": Decimal("150.00"),
            "effect_percent_from": None,
            "effect_units": None,
            "effect_formula": None,
            "target_line": "line",
            "effective_from": date(2026, 7, 1),
            "effective_from_basis": "attested",
            "effective_to": None,
            "state": "effective",
            "tier": "hospital_published",
            "reason": "Pays 150 percent of the rate with 50 in TX, as 1 hospital publishes: Elm Hospital.",
            "citation_title": "Standard charges of Elm Hospital",
            "citation_publisher": "Elm Hospital",
            "citation_where": "hpt/elm.csv, row 4",
            "read_date": None,
            "source_file": "hpt/elm.csv",
            "source_row": 4,
        }
    ]


def test_scope_is_the_plans_line_the_organization_and_the_hospitals_state() -> None:
    rules = made(
        effect(line_of_business="medicaid", hospital_market="OH"),
        effect(payer_id="bcbs", payer_name="Anthem", organization_id="anthem_oh", hospital_market="OH"),
    ).rules
    assert rules.select("rule_id", "organization_id", "line_of_business", "market").rows() == [
        ("bcbs.hospital.anthem_oh.commercial.OH.50.150", "anthem_oh", "commercial", "OH"),
        ("uhc.hospital.any.medicaid.OH.50.150", "any", "medicaid", "OH"),
    ]


def test_a_modifier_of_anesthesia_speaks_of_anesthesia_only() -> None:
    rules = made(effect(modifier="QK", effect_percent=Decimal(50))).rules
    assert rules["predicate"].to_list() == ["section=anesthesia"]
    codes = {cell["code"] for cell in answers(rules=rules, modifier="QK") if cell["rule_id"]}
    assert codes == {"00406"}


def test_hospitals_that_agree_make_one_rule_that_counts_them_from_the_first_day() -> None:
    others = [
        effect(hospital=f"{name} Hospital", source_file=f"hpt/{name}.csv", known_from=date(2026, month, 1))
        for month, name in enumerate(("Ash", "Oak", "Fir"), start=3)
    ]
    rules = made(effect(), effect(plan_name="HMO", source_row=5), *others).rules
    assert rules.select("effective_from", "source_file", "reason").rows() == [
        (
            date(2026, 3, 1),
            "hpt/Ash.csv",
            "Pays 150 percent of the rate with 50 in TX, as 4 hospitals agree: Ash Hospital, Oak Hospital, Fir Hospital and others.",
        )
    ]


def test_hospitals_that_differ_leave_the_cell_unanswered_and_are_a_contradiction() -> None:
    other = effect(hospital="Oak Hospital", source_file="hpt/oak.csv", effect_percent=Decimal("62.5"))
    rules = made(effect(), other).rules
    assert rules["rule_id"].to_list() == ["uhc.hospital.any.commercial.TX.50.62_5", "uhc.hospital.any.commercial.TX.50.150"]
    scoped = [cell for cell in answers(rules=rules) if cell["market"] == "TX" and cell["code"] == "19307"]
    assert [(cell["disposition"], cell["rule_id"], cell["tier"]) for cell in scoped][-1] == ("not_published", None, None)
    profiles, cube = resolved(indicators(SCHEDULE), rules)
    (found,) = between_rules(cube.disagreements, profiles.code_profile).to_dicts()
    assert (found["kind"], found["code_count"], found["has_money_effect"]) == ("tie", 2, True)
    assert {found["left_answer"], found["right_answer"]} == set(rules["reason"])


def test_of_a_hospitals_files_the_newest_speaks() -> None:
    older = effect(effect_percent=Decimal(140), known_from=date(2025, 7, 1), source_file="hpt/elm_2025.csv")
    undated = effect(effect_percent=Decimal(130), known_from=None, source_file="hpt/elm_undated.csv")
    assert made(older, effect(), undated).rules["effect_percent"].to_list() == [Decimal(150)]


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        ({"payer_id": "bcbs"}, "The name means a federation of licensees, not one of them."),
        ({"effect_percent": None, "published_dollars": Decimal(310)}, "Its effect is no percentage of the rate."),
        ({"effect_percent": Decimal(1500)}, "The percentage lies outside 0 to 1000."),
        ({"effect_percent": Decimal(-1)}, "The percentage lies outside 0 to 1000."),
        ({"effect_percent": Decimal("33.3333")}, "The percentage has more than two decimals."),
        ({"known_from": None}, "The file states no date, so nothing says since when."),
        ({"modifier": "50|62"}, "The row is about several modifiers together."),
        ({"modifier": "ZZ"}, "The modifier is not in the table modifier."),
    ],
)
def test_a_clear_effect_that_makes_no_rule_is_a_finding(stated: Row, reason: str) -> None:
    rules, findings = made(effect(**stated))
    assert rules.height == 0
    assert findings.to_dicts() == [
        {
            "source_file": "hpt/elm.csv",
            "source_row": 4,
            "column_name": "*",
            "rule_id": "published_modifier_effect.rule",
            "severity": "info",
            "value": f"{stated.get('modifier', '50')} UHC",
            "reason": reason,
        }
    ]


@pytest.mark.parametrize("verdict", ["contradicts_note", "boilerplate", "placeholder", "unreadable"])
def test_an_effect_that_is_not_clear_makes_neither(verdict: str) -> None:
    assert [frame.height for frame in made(effect(verdict=verdict))] == [0, 0]


def test_an_unresolved_payer_makes_neither() -> None:
    assert [frame.height for frame in made(effect(payer_id=None))] == [0, 0]


def test_no_effects_make_no_rules() -> None:
    rules, findings = made()
    assert (rules.height, findings.height) == (0, 0)
    assert dict(rules.schema) == {name: ModifierRule.polars_schema()[name] for name in ModifierRule.column_names()}


# ---------------------------------------------------------------- it never outranks a payer's rule


def test_a_payers_widest_and_weakest_rule_answers_before_a_hospitals() -> None:
    rules = made(effect()).rules
    weak = rule("uhc.weak", tier="inferred", disposition="not_allowed")
    for cell in answers(weak, rules=rules):
        assert (cell["rule_id"], cell["disposition"]) == ("uhc.weak", "not_allowed"), cell


def test_a_hospital_answers_where_the_payer_says_nothing_and_only_in_its_scope() -> None:
    rules = made(effect()).rules
    other = rule("uhc.other", predicate="code=00406", disposition="not_allowed")
    found = {
        (cell["code"], cell["market"], cell["line_of_business"], cell["valid_from"]): (cell["disposition"], cell["tier"])
        for cell in answers(other, rules=rules)
    }
    assert found["19307", "TX", "commercial", date(2026, 7, 1)] == ("not_published", "hospital_published")
    assert {said for (code, *_), said in found.items() if code == "00406"} == {("not_allowed", "payer_policy")}
    unscoped = {said for (code, market, *_), said in found.items() if code == "19307" and market == "any"}
    assert unscoped == {("not_published", None)}


TIERS = st.sampled_from(("cms_indicator", "cms_manual", "payer_policy", "trade_press", "inferred"))
SCOPES = st.tuples(
    st.sampled_from(("any", "anthem", "anthem_oh")),
    st.sampled_from(("any", "commercial", "medicaid")),
    st.sampled_from(("any", "OH", "TX")),
)
COLUMNS = ("organization_id", "line_of_business", "market")


@given(SCOPES, SCOPES, TIERS, st.integers(0, 9), st.integers(0, 9))
def test_every_rank_of_a_payers_rule_is_above_every_rank_of_a_hospitals(
    own: tuple[str, ...], narrow: tuple[str, ...], tier: str, low: int, high: int
) -> None:
    stated = rule("bcbs.own", payer_id="bcbs", tier=tier, precedence=low, **dict(zip(COLUMNS, own, strict=True)))
    published = rule(
        "bcbs.seen", payer_id="bcbs", tier="hospital_published", precedence=high, **dict(zip(COLUMNS, narrow, strict=True))
    )
    ours, theirs = rules_frame([stated, published])["rank"]
    assert theirs < 0 <= ours


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(SCOPES, TIERS), min_size=1, max_size=4))
def test_adding_hospitals_changes_no_cell_that_a_payers_rule_answers(own: list[tuple[tuple[str, ...], str]]) -> None:
    rules = made(effect(payer_id="bcbs", organization_id="anthem_oh", hospital_market="OH"), effect()).rules
    stated = [
        rule(
            f"bcbs.own.{number}", payer_id="bcbs", tier=tier, disposition="not_allowed", **dict(zip(COLUMNS, scope, strict=True))
        )
        for number, (scope, tier) in enumerate(own)
    ]
    before = cube_rows(indicators(SCHEDULE), rules_frame(stated))
    after = cube_rows(indicators(SCHEDULE), pl.concat([rules_frame(stated), rules]))
    key = ("code", "component", "payer_id", "modifier", *COLUMNS)
    covered = {
        tuple(cell[name] for name in key): cell["disposition"] for cell in before if cell["rule_id"] and cell["valid_to"] is None
    }
    kept = {tuple(cell[name] for name in key): cell for cell in after if cell["valid_to"] is None}
    for place, disposition in covered.items():
        assert (kept[place]["disposition"], kept[place]["tier"] == "hospital_published") == (disposition, False), place


def test_ranks_of_payers_are_what_they_were_before() -> None:
    frame = rules_frame([rule(tier=tier) for tier in ("cms_indicator", "payer_policy", "inferred", "hospital_published")])
    assert ranked(frame.drop("rank"), LINES)["rank"].to_list() == [4, 2, 0, -100_000]


def test_a_rule_in_force_only_since_its_file() -> None:
    days = {cell["valid_from"] for cell in answers(rules=made(effect()).rules) if cell["tier"] == "hospital_published"}
    assert days == {date(2026, 7, 1)}
