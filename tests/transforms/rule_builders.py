"""Small invented worlds for tests of rules: rows that state only what a test is about."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from schemas import CodePayerModifier, ModifierRule
from schemas.rule import PHASES
from transforms.answer_sets import answer_sets
from transforms.answer_sets import cube_rows as positions
from transforms.predicates import INDICATOR_FACTS
from transforms.profiles import Profiles, code_facts, profiles
from transforms.rules import Cube, ranked, resolve
from transforms.scopes import Ancestors, ancestors

APRIL_2024, OCTOBER_2025 = date(2024, 4, 1), date(2025, 10, 1)
RELEASES = {"2024-04": APRIL_2024, "2025-10": OCTOBER_2025}
PAYER_NAMES = {"bcbs": "Blue Cross Blue Shield", "medicare": "Medicare", "uhc": "UnitedHealthcare"}
PARENTS = {"anthem": None, "anthem_oh": "anthem", "ibx": None}
"""Organizations of the invented worlds with the one that owns them."""
LINES = ancestors(PARENTS)
SECTIONS = pl.DataFrame(
    [
        ("anesthesia", "00100", "01999", None),
        ("surgery", "10004", "69990", None),
        ("medicine", "90281", "99199", None),
        ("evaluation_management", "99202", "99499", None),
    ],
    schema=dict.fromkeys(("section", "code_from", "code_to", "suffix"), pl.String),
    orient="row",
)
_STATED = tuple(name for name in INDICATOR_FACTS if not name.startswith("has_"))
_INDICATORS = {
    **dict.fromkeys(("code_system", "code", "component", "release_id"), pl.String),
    "valid_from": pl.Date(),
    **dict.fromkeys(_STATED, pl.String),
    **dict.fromkeys(PHASES, pl.Decimal(5, 2)),
}
_RULE = {
    "rule_id": "uhc.first",
    "payer_id": "uhc",
    "organization_id": "any",
    "line_of_business": "any",
    "market": "any",
    "modifier": "50",
    "predicate": "any",
    "precedence": 0,
    "disposition": "allowed",
    "effect_kind": "none",
    "effect_percent": None,
    "effect_percent_from": None,
    "effect_units": None,
    "effect_formula": None,
    "target_line": "line",
    "effective_from": date(2020, 1, 1),
    "effective_from_basis": "stated",
    "effective_to": None,
    "state": "effective",
    "tier": "payer_policy",
    "reason": "Invented.",
    "citation_title": "Invented",
    "citation_publisher": "Invented",
    "citation_where": "page 1",
    "read_date": None,
    "source_file": "payer_rules/invented.csv",
    "source_row": 2,
}


def indicator(code: str, *, release: str = "2025-10", phases: tuple[int, int, int] = (0, 0, 0), **facts: str) -> dict[str, Any]:
    """A row of the fee schedule; `phases` are the shares before, during and after the operation."""
    stated = {**dict.fromkeys(_STATED, "0"), "status_code": "A", "component": "global", "code_system": "CPT", **facts}
    shares = dict(zip(PHASES, map(Decimal, phases), strict=True))
    return {**stated, **shares, "code": code, "release_id": release, "valid_from": RELEASES[release]}


def indicators(rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=_INDICATORS, orient="row")


def rule(rule_id: str = "uhc.first", **stated: Any) -> dict[str, Any]:
    """A rule of UnitedHealthcare that allows modifier 50 for every code, unless stated otherwise."""
    unknown = stated.keys() - _RULE.keys()
    assert not unknown, unknown
    return {**_RULE, "rule_id": rule_id, **stated}


def rules_frame(rows: Iterable[dict[str, Any]], lines: Ancestors = LINES) -> pl.DataFrame:
    """`modifier_rule` rows with their rank."""
    schema = {name: dtype for name, dtype in ModifierRule.polars_schema().items() if name != "rank"}
    return ranked(pl.DataFrame(list(rows), schema=schema, orient="row"), lines).select(ModifierRule.column_names())


def payers_frame() -> pl.DataFrame:
    return pl.DataFrame({"payer_id": list(PAYER_NAMES), "payer_name": list(PAYER_NAMES.values())})


def profiled(listed: pl.DataFrame, rules: pl.DataFrame) -> Profiles:
    return profiles(code_facts(listed, SECTIONS, listed.select("code_system", "code")), sorted(set(rules["predicate"])))


def resolved(listed: pl.DataFrame, rules: pl.DataFrame) -> tuple[Profiles, Cube]:
    """Profiles and cube of a small world."""
    found = profiled(listed, rules)
    return found, resolve(found, rules, payers_frame(), LINES)


def cube_rows(listed: pl.DataFrame, rules: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows of `code_payer_modifier` of a small world."""
    return cube_frame(listed, rules).to_dicts()


def cube_frame(listed: pl.DataFrame, rules: pl.DataFrame) -> pl.DataFrame:
    """Rows of `code_payer_modifier` of a small world, put together by position as an export does."""
    found, cube = resolved(listed, rules)
    sets = answer_sets(cube.cells, found.code_profile)
    places = positions(sets)
    codes, answers = sets.code_answer_set[places["code_at"]], sets.answer[places["answer_at"]]
    return pl.concat([codes, answers.drop("answer_set_id")], how="horizontal").select(CodePayerModifier.column_names())
