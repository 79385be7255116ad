"""Facts about each code and component by period, and the profile of rule predicates they meet.

Codes with one profile have the same answers, so the cube is resolved over a few hundred profiles and not over every code.
"""

from datetime import date, timedelta
from typing import NamedTuple

import polars as pl

from schemas import CodeProfile
from schemas.rule import PHASES
from schemas.vocabulary import BEGINNING
from transforms.code import with_section
from transforms.gate import ensure
from transforms.predicates import INDICATOR_FACTS, expression, parse

_DAY = timedelta(days=1)
_KEY = ("code_system", "code", "component", "valid_from")


class Profiles(NamedTuple):
    """Profiles and who has them."""

    code_profile: pl.DataFrame
    """The table `code_profile`."""
    periods: pl.DataFrame
    """profile_id, valid_from, valid_to, has_no_indicators, is_before_releases and the three phases in percent."""
    matches: pl.DataFrame
    """profile_id and each predicate (text) that it meets."""


def code_facts(indicators: pl.DataFrame, sections: pl.DataFrame, codes: pl.DataFrame) -> pl.DataFrame:
    """One row per code, component and period with every fact that a predicate may name, as text, null where unknown.

    A release answers until the day before the next release, the newest without end. Before the oldest release only the
    facts of the code itself are known, and so they are at any time for `codes` that no release of the fee schedule lists.
    """
    oldest: date = indicators["valid_from"].min()  # type: ignore[assignment]
    releases = indicators.select("release_id", "valid_from").unique().sort("valid_from")
    ends = releases.select("release_id", until=pl.col("valid_from").shift(-1) - _DAY)
    listed = (
        indicators.join(ends, on="release_id")
        .with_columns(valid_to="until")
        .with_columns(_has_component("26"), _has_component("TC"), _has_component("53"), _has_phases())
    )
    known = listed.select(*_KEY, "valid_to", "release_id", *INDICATOR_FACTS, *PHASES)
    before = (
        known.select("code_system", "code")
        .unique()
        .with_columns(component=pl.lit("global"), valid_from=pl.lit(BEGINNING), valid_to=pl.lit(oldest - _DAY))
    )
    unlisted = (
        codes.select("code_system", "code")
        .unique()
        .join(known, on=("code_system", "code"), how="anti")
        .with_columns(component=pl.lit("global"), valid_from=pl.lit(BEGINNING), valid_to=pl.lit(None, dtype=pl.Date))
    )
    return with_section(pl.concat([known, before, unlisted], how="diagonal"), sections).sort(_KEY)


def profiles(facts: pl.DataFrame, predicates: list[str]) -> Profiles:
    """Profiles of the facts under the given predicates; ids follow the order of the codes, so they are the same everywhere."""
    marks = {f"predicate_{index}": predicate for index, predicate in enumerate(predicates)}
    marked = facts.with_columns(expression(parse(predicate)).alias(mark) for mark, predicate in marks.items())
    signature = [*marks, *PHASES, "valid_from", "valid_to"]
    distinct = marked.select(signature).unique(maintain_order=True).with_row_index("profile_id").cast({"profile_id": pl.Int64})
    assigned = marked.join(distinct, on=signature, how="left", nulls_equal=True, maintain_order="left")
    matches = (
        distinct.unpivot(list(marks), index="profile_id", variable_name="mark", value_name="is_met")
        .filter("is_met")
        .select("profile_id", predicate=pl.col("mark").replace_strict(marks, return_dtype=pl.String))
    )
    periods = distinct.select(
        "profile_id",
        "valid_from",
        "valid_to",
        *PHASES,
        has_no_indicators=pl.col("valid_from") == BEGINNING,
        is_before_releases=(pl.col("valid_from") == BEGINNING) & pl.col("valid_to").is_not_null(),
    )
    return Profiles(ensure(assigned, CodeProfile), periods, matches)


def _has_component(component: str) -> pl.Expr:
    found = (pl.col("component") == component).any().over("code", "release_id")
    return _as_text(found).alias(f"has_{component.lower()}")


def _has_phases() -> pl.Expr:
    return _as_text(pl.sum_horizontal(PHASES) > 0).alias("has_phases")


def _as_text(condition: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(pl.lit("true")).otherwise(pl.lit("false"))
