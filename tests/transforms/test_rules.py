"""The cube against a resolver of plain loops, and each rule of resolution by itself."""

import random
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby, pairwise, product
from typing import Any, NamedTuple

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import CodePayerModifier
from schemas.vocabulary import TIERS
from tests.transforms.rule_builders import (
    APRIL_2024,
    OCTOBER_2025,
    PARENTS,
    PAYER_NAMES,
    cube_rows,
    indicator,
    indicators,
    resolved,
    rule,
    rules_frame,
)
from transforms.predicates import INDICATOR_FACTS, parse
from transforms.rules import governed_modifiers

Row = dict[str, Any]
MODIFIERS = ("50", "54", "QZ")
ANSWER = ("disposition", "effect_kind", "effect_percent", "effect_units", "effect_formula", "target_line")
KEY = CodePayerModifier.facts().key
SECTION_OF = {"00406": "anesthesia", "19307": "surgery", "99213": "evaluation_management"}
DAY = timedelta(days=1)

# ---------------------------------------------------------------- the reference: plain loops over plain rows

PREDICATES = {
    "any": lambda _facts: True,
    "code=19307|99213": lambda facts: facts["code"] in ("19307", "99213"),
    "code=00100..01999": lambda facts: facts["section"] == "anesthesia",
    "section!=anesthesia": lambda facts: facts["section"] != "anesthesia",
    "component=26": lambda facts: facts["component"] == "26",
    "bilateral_code=1": lambda facts: facts.get("bilateral_code") == "1",
    "bilateral_code!=1; section=surgery": lambda facts: (
        facts.get("bilateral_code") not in (None, "1") and facts["section"] == "surgery"
    ),
    "has_phases=true": lambda facts: sum(facts.get("phases", (0,))) > 0,
    "has_26=false": lambda facts: facts.get("has_26") is False,
}
"""Predicates of the random worlds, each with what it means."""


class Question(NamedTuple):
    """What is asked."""

    code: str
    component: str
    payer_id: str
    modifier: str
    organization_id: str
    line_of_business: str
    market: str
    day: date


class World(NamedTuple):
    """Rows of the fee schedule (see `indicator`) and rules."""

    listed: list[Row]
    rules: list[Row]


def known_facts(listed: list[Row], code: str, component: str, day: date) -> Row | None:
    """What is known of a row of a code on a day, or None where the release in force then does not have it."""
    releases = sorted({row["valid_from"] for row in listed})
    if day < releases[0]:
        is_listed = component == "global" and any(row["code"] == code for row in listed)
        return {"code": code, "component": component, "section": SECTION_OF[code]} if is_listed else None
    in_force = [row for row in listed if row["valid_from"] == max(start for start in releases if start <= day)]
    for row in in_force:
        if (row["code"], row["component"]) == (code, component):
            has_26 = any((other["code"], other["component"]) == (code, "26") for other in in_force)
            phases = (row["preoperative_percent"], row["intraoperative_percent"], row["postoperative_percent"])
            return {**row, "section": SECTION_OF[code], "has_26": has_26, "phases": phases}
    return None


def owners(organization: str) -> list[str]:
    line = [organization]
    while PARENTS.get(line[-1]):
        line.append(PARENTS[line[-1]])
    return line if organization == "any" else [*line, "any"]


def holds(stated: Row, question: Question, facts: Row) -> bool:
    """The rule is one of those that may answer the question."""
    return (
        stated["state"] == "effective"
        and stated["payer_id"] == question.payer_id
        and stated["modifier"] in ("any", question.modifier)
        and stated["effective_from"] <= question.day
        and (stated["effective_to"] is None or question.day <= stated["effective_to"])
        and stated["organization_id"] in owners(question.organization_id)
        and stated["line_of_business"] in ("any", question.line_of_business)
        and stated["market"] in ("any", question.market)
        and PREDICATES[stated["predicate"]](facts)
    )


def unknowable(world: World, question: Question) -> int:
    """Highest precedence of the payer's rules that may hold on a day without a release, which nobody can know."""
    rivals = [stated for stated in world.rules if stated["state"] == "effective" and stated["payer_id"] == question.payer_id]
    asked = [stated for stated in rivals if stated["modifier"] in ("any", question.modifier)]
    return max((s["precedence"] for s in asked if {t.field for t in parse(s["predicate"])} & set(INDICATOR_FACTS)), default=0)


def strength(stated: Row) -> tuple[int, ...]:
    """A rule of the payer before a contract of a hospital, then narrower scope, then precedence, then better source."""
    return (
        stated["tier"] != "hospital_published",
        len(owners(stated["organization_id"])),
        stated["market"] != "any",
        stated["line_of_business"] != "any",
        stated["precedence"],
        -TIERS.index(stated["tier"]),
    )


def effect(stated: Row, facts: Row) -> Row:
    """The answer of a rule for a row of a code."""
    answer = {name: stated[name] for name in ANSWER}
    if stated["effect_percent_from"]:
        shares = dict(zip(("preoperative", "intraoperative", "postoperative"), facts["phases"], strict=True))
        answer["effect_percent"] = sum(shares[phase] for phase in stated["effect_percent_from"].split("+"))
    return answer


NOTHING: Row = {
    **dict.fromkeys(ANSWER),
    "disposition": "not_published",
    "effect_kind": "none",
    "target_line": "line",
    "rule_id": None,
    "tier": None,
}


def reference(world: World, question: Question) -> Row | None:
    """The answer by plain loops; None where the code has no row on that day."""
    facts = known_facts(world.listed, question.code, question.component, question.day)
    if facts is None:
        return None
    found = [stated for stated in world.rules if holds(stated, question, facts)]
    if question.day < min(row["valid_from"] for row in world.listed):
        found = [stated for stated in found if stated["precedence"] >= unknowable(world, question)]
    best = [stated for stated in found if strength(stated) == max(map(strength, found))]
    answers = [effect(stated, facts) for stated in best]
    if not best or any(answer != answers[0] for answer in answers):
        return NOTHING
    first = min(best, key=lambda stated: stated["rule_id"])
    return {**answers[0], "rule_id": first["rule_id"], "tier": first["tier"]}


# ---------------------------------------------------------------- looking up the cube

Cells = dict[tuple[str, ...], list[Row]]


def by_subject(rows: list[Row]) -> Cells:
    """Rows of the cube by code, component, payer and modifier."""
    found: Cells = {}
    for row in rows:
        found.setdefault((row["code"], row["component"], row["payer_id"], row["modifier"]), []).append(row)
    return found


def looked_up(cells: Cells, question: Question) -> Row | None:
    """The narrowest cell in force that covers the question."""
    covering = [
        row
        for row in cells.get(question[:4], [])
        if row["valid_from"] <= question.day
        and (row["valid_to"] is None or question.day <= row["valid_to"])
        and row["organization_id"] in owners(question.organization_id)
        and row["line_of_business"] in ("any", question.line_of_business)
        and row["market"] in ("any", question.market)
    ]
    return max(
        covering,
        key=lambda row: (len(owners(row["organization_id"])), row["market"] != "any", row["line_of_business"] != "any"),
        default=None,
    )


# ---------------------------------------------------------------- random worlds

DATES = (
    date(2023, 1, 1),
    date(2024, 3, 31),
    APRIL_2024,
    date(2024, 6, 15),
    date(2025, 9, 30),
    OCTOBER_2025,
    date(2026, 2, 1),
)
DAYS = sorted({day + shift * DAY for day in DATES for shift in (-1, 0, 1)})
EFFECTS = (
    {"disposition": "allowed", "effect_kind": "percent", "effect_percent": Decimal(85)},
    {"disposition": "allowed", "effect_kind": "percent", "effect_percent": Decimal(81)},
    {"disposition": "not_allowed"},
    {"disposition": "not_published"},
    {"disposition": "informational", "effect_kind": "units", "effect_units": Decimal("1.50")},
    {"disposition": "required", "effect_kind": "formula", "effect_formula": "base + time", "target_line": "anesthesia"},
)
FROM_PHASES = tuple(
    {
        "disposition": "allowed",
        "effect_kind": "percent",
        "effect_percent_from": phases,
        "predicate": "has_phases=true",
    }
    for phases in ("intraoperative", "postoperative", "preoperative", "preoperative+intraoperative")
)
ORGANIZATIONS = {"uhc": ("any",), "medicare": ("any", "ibx"), "bcbs": ("any", "anthem", "anthem_oh", "ibx")}
SCOPE_VALUES = (
    ("any", "anthem", "anthem_oh", "ibx"),
    ("any", "commercial", "medicaid"),
    ("any", "OH", "TX"),
)


@st.composite
def fee_schedules(draw: st.DrawFn) -> list[Row]:
    """One or two releases; codes come, go and change between them."""
    releases = draw(st.sampled_from((["2024-04"], ["2025-10"], ["2024-04", "2025-10"])))
    rows = []
    for release in releases:
        codes = draw(st.sets(st.sampled_from(("19307", "99213")))) | {"00406"}
        for code in sorted(codes):
            bilateral = draw(st.sampled_from("01"))
            phases = (10, 71, 19) if code == "19307" and draw(st.booleans()) else (0, 0, 0)
            rows.append(indicator(code, release=release, phases=phases, bilateral_code=bilateral))
        if "99213" in codes and draw(st.booleans()):
            rows.append(indicator("99213", release=release, component="26", bilateral_code=draw(st.sampled_from("01"))))
    return rows


@st.composite
def payer_rules(draw: st.DrawFn) -> Row:
    """Everything about a rule but its id."""
    payer = draw(st.sampled_from(tuple(PAYER_NAMES)))
    starts, ends = draw(st.tuples(st.sampled_from(DATES), st.none() | st.sampled_from(DATES)))
    return {
        "payer_id": payer,
        "organization_id": draw(st.sampled_from(ORGANIZATIONS[payer])),
        "line_of_business": draw(st.sampled_from(("any", "any", "commercial", "medicaid"))),
        "market": draw(st.sampled_from(("any", "any", "OH"))),
        "modifier": draw(st.sampled_from(("any", "54", "54", "QZ"))),
        "predicate": draw(st.sampled_from(tuple(PREDICATES))),
        "precedence": draw(st.sampled_from((0, 0, 5))),
        "tier": draw(st.sampled_from(("cms_indicator", "payer_policy", "inferred", "hospital_published"))),
        "state": draw(st.sampled_from(("effective",) * 6 + ("announced", "withdrawn"))),
        "effective_from": starts,
        "effective_to": None if ends is None or ends < starts else ends,
        **draw(st.sampled_from(EFFECTS) | st.sampled_from(FROM_PHASES)),
    }


@st.composite
def worlds(draw: st.DrawFn) -> World:
    stated = draw(st.lists(payer_rules(), min_size=1, max_size=9))
    governing = [rule("uhc.governs.50", modifier="50", state="withdrawn")]
    return World(draw(fee_schedules()), governing + [rule(f"x.rule.{index}", **row) for index, row in enumerate(stated)])


def questions(world: World, scopes: list[tuple[str, str, str]]) -> list[Question]:
    """Every code, payer, modifier and day of interest in each of the scopes."""
    subjects = sorted({(row["code"], row["component"]) for row in world.listed})
    modifiers = sorted({stated["modifier"] for stated in world.rules} - {"any"})
    return [
        Question(*subject, payer, modifier, *scope, day)
        for subject, payer, modifier, scope, day in product(subjects, PAYER_NAMES, modifiers, scopes, DAYS)
    ]


def is_unscoped(row: Row) -> bool:
    return (row["organization_id"], row["line_of_business"], row["market"]) == ("any", "any", "any")


def cube_of(world: World) -> list[Row]:
    return cube_rows(indicators(world.listed), rules_frame(world.rules))


# ---------------------------------------------------------------- the cube agrees with the reference


@settings(deadline=None, max_examples=50)
@given(worlds(), st.lists(st.tuples(*map(st.sampled_from, SCOPE_VALUES)), min_size=2, max_size=4, unique=True))
def test_every_question_is_answered_as_by_the_reference(world: World, scopes: list[tuple[str, str, str]]) -> None:
    cells = by_subject(cube_of(world))
    for question in questions(world, scopes):
        expected = reference(world, question)
        cell = looked_up(cells, question)
        if cell is None:
            first_release = min(row["valid_from"] for row in world.listed)
            is_silent = expected is None or (expected is NOTHING and question.day < first_release)
            assert is_silent, (question, expected)
        elif expected is None:
            pytest.fail(f"{question} has no row on that day, but the cube answers {cell}")
        else:
            assert {name: cell[name] for name in expected} == expected, question


@settings(deadline=None, max_examples=20)
@given(worlds())
def test_medicares_answer_stands_beside_every_day_of_a_cell(world: World) -> None:
    for row in cube_of(world):
        for day in DAYS:
            if row["valid_from"] <= day and (row["valid_to"] is None or day <= row["valid_to"]):
                question = Question(row["code"], row["component"], "medicare", row["modifier"], "any", "any", "any", day)
                expected = reference(world, question)
                assert expected is not None
                found = (row["medicare_disposition"], row["medicare_effect_percent"])
                assert found == (expected["disposition"], expected["effect_percent"]), (question, row)


@settings(deadline=None, max_examples=20)
@given(worlds())
def test_cells_of_one_key_never_overlap_and_say_something_new_where_they_touch(world: World) -> None:
    said = [name for name in CodePayerModifier.column_names() if name not in {"valid_from", "valid_to"}]
    rows = sorted(cube_of(world), key=lambda row: [row[name] for name in KEY])
    for key, group in groupby(rows, key=lambda row: [row[name] for name in KEY[:-1]]):
        for earlier, later in pairwise(group):
            assert earlier["valid_to"] is not None, key
            assert earlier["valid_to"] < later["valid_from"], key
            is_touching = earlier["valid_to"] + DAY == later["valid_from"]
            assert not is_touching or [earlier[name] for name in said] != [later[name] for name in said], key


@settings(deadline=None, max_examples=12)
@given(worlds())
def test_every_day_of_a_release_has_one_unscoped_cell_per_payer_and_governed_modifier(world: World) -> None:
    modifiers = governed_modifiers(rules_frame(world.rules)).to_list()
    starts = sorted({row["valid_from"] for row in world.listed})
    after = {start: following - DAY for start, following in pairwise(starts)}
    spans: dict[tuple[str, ...], list[tuple[date, date | None]]] = {}
    for row in filter(is_unscoped, cube_of(world)):
        key = (row["code"], row["component"], row["payer_id"], row["modifier"])
        spans.setdefault(key, []).append((row["valid_from"], row["valid_to"]))
    for listed, payer, modifier in product(world.listed, PAYER_NAMES, modifiers):
        for day in (listed["valid_from"], after.get(listed["valid_from"], listed["valid_from"] + 400 * DAY)):
            cells = spans[listed["code"], listed["component"], payer, modifier]
            assert sum(first <= day and (last is None or day <= last) for first, last in cells) == 1


@settings(deadline=None, max_examples=20)
@given(worlds())
def test_rows_stand_in_the_order_of_the_key_and_each_key_once(world: World) -> None:
    keys = [tuple(row[name] for name in KEY) for row in cube_of(world)]
    assert keys == sorted(set(keys))


@settings(deadline=None, max_examples=12)
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_the_inputs_does_not_matter(world: World, shuffler: random.Random) -> None:
    shuffled = World(shuffler.sample(world.listed, len(world.listed)), shuffler.sample(world.rules, len(world.rules)))
    assert cube_of(shuffled) == cube_of(world)


# ---------------------------------------------------------------- each rule of resolution by itself

SCHEDULE = [indicator("19307", phases=(10, 71, 19), bilateral_code="1")]


def answers(stated: list[Row], *, listed: list[Row] | None = None, payer: str = "uhc", modifier: str = "50") -> list[Row]:
    """Rows of the cube for one payer and modifier since the newest release, clipped to its first day."""
    rows = cube_rows(indicators(listed or SCHEDULE), rules_frame(stated))
    since = [row for row in rows if row["valid_to"] is None or row["valid_to"] >= OCTOBER_2025]
    asked = [row for row in since if (row["payer_id"], row["modifier"]) == (payer, modifier)]
    return [{**row, "valid_from": max(row["valid_from"], OCTOBER_2025)} for row in asked]


def test_a_rule_answers_with_everything_it_says() -> None:
    stated = rule(effect_kind="percent", effect_percent=Decimal(150), target_line="procedure", reason="Both sides.")
    (cell,) = answers([stated])
    assert cell == {
        "code_system": "CPT",
        "code": "19307",
        "component": "global",
        "payer_id": "uhc",
        "modifier": "50",
        "organization_id": "any",
        "line_of_business": "any",
        "market": "any",
        "valid_from": OCTOBER_2025,
        "valid_to": None,
        "disposition": "allowed",
        "effect_kind": "percent",
        "effect_percent": Decimal("150.00"),
        "effect_units": None,
        "effect_formula": None,
        "target_line": "procedure",
        "rule_id": "uhc.first",
        "tier": "payer_policy",
        "reason": "Both sides.",
        "medicare_disposition": "not_published",
        "medicare_effect_percent": None,
    }


def test_no_rule_gives_not_published_with_the_payers_name() -> None:
    (cell,) = answers([rule()], payer="bcbs")
    assert [cell[name] for name in (*ANSWER, "rule_id", "tier")] == [
        "not_published",
        "none",
        None,
        None,
        None,
        "line",
        None,
        None,
    ]
    assert cell["reason"] == "No dated rule of Blue Cross Blue Shield for 50 covers this code."


def test_a_tie_leaves_the_cell_unanswered_and_names_the_rules() -> None:
    (cell,) = answers([rule("uhc.second", disposition="not_allowed"), rule("uhc.first")])
    assert [cell[name] for name in (*ANSWER, "rule_id", "tier")] == [
        "not_published",
        "none",
        None,
        None,
        None,
        "line",
        None,
        None,
    ]
    assert cell["reason"] == "Rules of equal rank disagree, so none answers: uhc.first, uhc.second."


def test_of_equal_rules_that_agree_the_first_by_name_answers() -> None:
    (cell,) = answers([rule("uhc.b", reason="B."), rule("uhc.a", reason="A.")])
    assert (cell["disposition"], cell["rule_id"], cell["reason"]) == ("allowed", "uhc.a", "A.")


@pytest.mark.parametrize(
    "difference", [{"effect_formula": "by rank"}, {"target_line": "procedure"}, {"effect_units": Decimal(1)}]
)
def test_rules_disagree_in_any_part_of_the_answer(difference: Row) -> None:
    (cell,) = answers([rule("uhc.a"), rule("uhc.b", **difference)])
    assert (cell["disposition"], cell["rule_id"]) == ("not_published", None)


@pytest.mark.parametrize("state", ["announced", "withdrawn"])
def test_rules_that_are_not_effective_never_answer(state: str) -> None:
    (cell,) = answers([rule(state=state)])
    assert (cell["disposition"], cell["rule_id"]) == ("not_published", None)


def test_a_rule_for_any_modifier_holds_for_every_governed_one() -> None:
    stated = [rule("uhc.all", modifier="any", disposition="not_paid"), rule("uhc.54", modifier="54", state="withdrawn")]
    stated.append(rule("medicare.QZ", payer_id="medicare", modifier="QZ"))
    assert governed_modifiers(rules_frame(stated)).to_list() == ["54", "QZ"]
    rows = cube_rows(indicators(SCHEDULE), rules_frame(stated))
    found = {(row["modifier"], row["disposition"], row["rule_id"]) for row in rows if row["payer_id"] == "uhc"}
    assert found == {("54", "not_paid", "uhc.all"), ("QZ", "not_paid", "uhc.all")}


@pytest.mark.parametrize(
    ("phases", "percent"),
    [("preoperative+intraoperative", 81), ("postoperative", 19), ("intraoperative", 71), ("preoperative", 10)],
)
def test_a_percentage_is_taken_from_the_phases_of_the_code(phases: str, percent: int) -> None:
    (cell,) = answers(
        [rule(modifier="54", predicate="has_phases=true", effect_kind="percent", effect_percent_from=phases)], modifier="54"
    )
    assert cell["effect_percent"] == Decimal(percent)


def test_percentages_follow_each_codes_own_phases() -> None:
    listed = [indicator("19307", phases=(10, 71, 19)), indicator("27447", phases=(10, 69, 21)), indicator("99213")]
    stated = [rule(predicate="has_phases=true", effect_kind="percent", effect_percent_from="preoperative+intraoperative")]
    found = [(cell["code"], cell["disposition"], cell["effect_percent"]) for cell in answers(stated, listed=listed)]
    assert found == [
        ("19307", "allowed", Decimal(81)),
        ("27447", "allowed", Decimal(79)),
        ("99213", "not_published", None),
    ]


NARROWING = (
    {},
    {"line_of_business": "commercial"},
    {"market": "OH"},
    {"market": "OH", "line_of_business": "commercial"},
    {"organization_id": "anthem"},
    {"organization_id": "anthem", "market": "OH", "line_of_business": "commercial"},
    {"organization_id": "anthem_oh"},
)
"""Scopes from the widest to the one that outranks all others."""


@pytest.mark.parametrize(("wide", "narrow"), list(pairwise(NARROWING)))
def test_a_narrower_scope_outranks_precedence_and_source(wide: Row, narrow: Row) -> None:
    stated = [
        rule("bcbs.wide", payer_id="bcbs", precedence=9, tier="cms_indicator", **wide),
        rule("bcbs.narrow", payer_id="bcbs", precedence=0, tier="inferred", disposition="not_allowed", **narrow),
    ]
    cells = by_subject(cube_rows(indicators(SCHEDULE), rules_frame(stated)))
    day = OCTOBER_2025
    cell = looked_up(cells, Question("19307", "global", "bcbs", "50", "anthem_oh", "commercial", "OH", day))
    assert cell is not None
    assert cell["rule_id"] == "bcbs.narrow"


def test_precedence_outranks_the_source_and_the_source_decides_between_equals() -> None:
    weak = rule("uhc.weak", tier="inferred", precedence=1, disposition="not_allowed")
    (cell,) = answers([rule("uhc.strong", tier="cms_indicator"), weak])
    assert cell["rule_id"] == "uhc.weak"
    (cell,) = answers([rule("uhc.strong", tier="trade_press"), {**weak, "precedence": 0}])
    assert cell["rule_id"] == "uhc.strong"


def test_answers_change_on_the_day_a_rule_starts_and_after_its_last_day() -> None:
    stated = [rule("uhc.wide"), rule("uhc.cut", precedence=1, effective_from=date(2025, 11, 1), effective_to=date(2025, 11, 30))]
    found = [(cell["valid_from"], cell["valid_to"], cell["rule_id"]) for cell in answers(stated)]
    assert found == [
        (OCTOBER_2025, date(2025, 10, 31), "uhc.wide"),
        (date(2025, 11, 1), date(2025, 11, 30), "uhc.cut"),
        (date(2025, 12, 1), None, "uhc.wide"),
    ]


def test_before_the_oldest_release_only_rules_on_the_code_itself_answer() -> None:
    stated = [
        rule("uhc.code", predicate="section=surgery", modifier="54", effective_from=date(2022, 1, 1)),
        rule("uhc.indicator", predicate="bilateral_code=1", effective_from=date(2022, 1, 1)),
    ]
    rows = cube_rows(indicators(SCHEDULE), rules_frame(stated))
    found = [(row["valid_from"], row["valid_to"], row["rule_id"]) for row in rows if row["valid_from"] < OCTOBER_2025]
    assert found == [(date(2022, 1, 1), None, "uhc.code")]


def test_medicares_answer_stands_beside_another_payers_and_splits_its_cell() -> None:
    medicare = rule(
        "medicare.50",
        payer_id="medicare",
        effective_from=date(2025, 12, 1),
        effect_kind="percent",
        effect_percent=Decimal(150),
    )
    columns = ("valid_from", "valid_to", "rule_id", "medicare_disposition", "medicare_effect_percent")
    assert [tuple(cell[name] for name in columns) for cell in answers([rule(), medicare])] == [
        (OCTOBER_2025, date(2025, 11, 30), "uhc.first", "not_published", None),
        (date(2025, 12, 1), None, "uhc.first", "allowed", Decimal(150)),
    ]


def test_profile_rules_list_every_rule_whose_predicate_is_met_whatever_its_state() -> None:
    stated = [rule("uhc.met", state="withdrawn"), rule("uhc.unmet", predicate="bilateral_code=2"), rule("uhc.first")]
    profiles, cube = resolved(indicators(SCHEDULE), rules_frame(stated))
    newest = profiles.code_profile.filter(pl.col("valid_to").is_null())["profile_id"].item()
    assert cube.profile_rules.filter(pl.col("profile_id") == newest)["rule_id"].to_list() == ["uhc.first", "uhc.met"]


@pytest.mark.parametrize(
    ("scope", "rank"),
    [
        (("any", "any", "any"), 53),
        (("any", "commercial", "any"), 153),
        (("any", "any", "OH"), 253),
        (("anthem", "any", "any"), 453),
        (("anthem_oh", "commercial", "OH"), 1153),
        (("never_heard_of", "any", "any"), 453),
    ],
)
def test_rank_is_scope_then_precedence_then_source(scope: tuple[str, str, str], rank: int) -> None:
    names = ("organization_id", "line_of_business", "market")
    stated = rule(precedence=5, tier="cms_manual", **dict(zip(names, scope, strict=True)))
    assert rules_frame([stated])["rank"].to_list() == [rank]


def test_medicares_scoped_cells_are_split_where_its_unscoped_answer_changes() -> None:
    stated = [
        rule("medicare.narrow", payer_id="medicare", organization_id="ibx", disposition="not_allowed"),
        rule(
            "medicare.until",
            payer_id="medicare",
            effective_to=date(2025, 12, 31),
            effect_kind="percent",
            effect_percent=Decimal(85),
        ),
        rule(
            "medicare.since",
            payer_id="medicare",
            effective_from=date(2026, 1, 1),
            effect_kind="percent",
            effect_percent=Decimal(81),
        ),
    ]
    cells = [cell for cell in answers(stated, payer="medicare") if cell["organization_id"] == "ibx"]
    assert [(cell["valid_from"], cell["valid_to"], cell["medicare_effect_percent"]) for cell in cells] == [
        (OCTOBER_2025, date(2025, 12, 31), Decimal(85)),
        (date(2026, 1, 1), None, Decimal(81)),
    ]


def test_without_known_phases_there_is_no_percentage() -> None:
    stated = [rule(effect_kind="percent", effect_percent_from="preoperative+intraoperative")]
    rows = [row for row in cube_rows(indicators(SCHEDULE), rules_frame(stated)) if row["payer_id"] == "uhc"]
    assert [(row["valid_to"], row["effect_percent"]) for row in rows] == [(date(2025, 9, 30), None), (None, Decimal(81))]


def test_before_the_oldest_release_nothing_answers_that_an_unknown_exclusion_could_beat() -> None:
    stated = [
        rule(
            "medicare.excluded",
            payer_id="medicare",
            modifier="any",
            predicate="status_code=N",
            precedence=5,
            disposition="not_paid",
        ),
        rule("medicare.visit", payer_id="medicare", predicate="any"),
        rule("uhc.visit", predicate="any"),
    ]
    rows = cube_rows(indicators(SCHEDULE), rules_frame(stated))
    before = {(row["payer_id"], row["rule_id"]) for row in rows if row["valid_from"] < OCTOBER_2025}
    assert before == {("uhc", "uhc.visit")}
