"""The cube: which rule answers for each profile, payer, modifier, scope and period, and where sources disagree.

A rule answers where its predicate is met, its scope covers the question, its dates include the day and its state is
`effective`. Of those the highest rank answers: the narrower scope, then the declared precedence, then the better source.
Equal ranks that differ leave the cell `not_published` and make a contradiction. What hospitals publish about a payer ranks below
every rule of the payer, whatever the scope.
"""

from datetime import timedelta
from typing import NamedTuple

import polars as pl

from schemas.base import NOT_STATED
from schemas.cube import SCOPE
from schemas.vocabulary import TIERS
from transforms.predicates import INDICATOR_FACTS, parse
from transforms.profiles import Profiles
from transforms.scopes import EVERYWHERE, Ancestors, Scope, closure, covers, specificity

MEDICARE = "medicare"
ANSWER = ("disposition", "effect_kind", "effect_percent", "effect_units", "effect_formula", "target_line")
"""What makes two answers the same."""
_CELL = ("profile_id", "payer_id", "modifier", *SCOPE)
_MEDICARE = ("medicare_disposition", "medicare_effect_percent")
_DAY = timedelta(days=1)
_CONTRACTS = "hospital_published"
_BELOW_RULES = 100_000
"""Taken from the rank of what hospitals publish: more than any rank, so that a narrow scope does not lift it above a rule."""
_UNANSWERED = {"disposition": "not_published", "effect_kind": "none", "target_line": "line"}


class Cube(NamedTuple):
    """The cube over profiles, the rules each profile meets, and the disagreements found on the way."""

    cells: pl.DataFrame
    profile_rules: pl.DataFrame
    disagreements: pl.DataFrame


def ranked(rules: pl.DataFrame, lines: Ancestors) -> pl.DataFrame:
    """Rules with `rank`, one number in which the highest answers: scope, then precedence, then quality of the source."""
    scopes = rules.select(SCOPE).unique(maintain_order=True)
    weights = pl.Series("weight", [specificity(Scope(*row), lines) for row in scopes.iter_rows()], dtype=pl.Int64)
    own = [tier for tier in TIERS if tier != _CONTRACTS]
    strength = {tier: len(own) - 1 - index for index, tier in enumerate(own)} | {_CONTRACTS: -_BELOW_RULES}
    return (
        rules.join(scopes.with_columns(weights), on=SCOPE, how="left", nulls_equal=True, maintain_order="left")
        .with_columns(quality=pl.col("tier").replace_strict(strength, default=0, return_dtype=pl.Int64))
        .with_columns(rank=pl.col("weight") * 100 + pl.col("precedence") * 10 + pl.col("quality"))
        .drop("weight", "quality")
    )


def governed_modifiers(rules: pl.DataFrame) -> pl.Series:
    """Modifiers that at least one rule names: the modifiers of the cube."""
    return rules.filter(pl.col("modifier") != NOT_STATED)["modifier"].unique().sort()


def resolve(profiles: Profiles, rules: pl.DataFrame, payers: pl.DataFrame, lines: Ancestors) -> Cube:
    """The cube. `rules` are `modifier_rule` rows, `payers` give payer_id and payer_name, `lines` the organizations' ancestors."""
    profile_rules = profiles.matches.join(rules.select("rule_id", "predicate"), on="predicate").select("profile_id", "rule_id")
    modifiers = governed_modifiers(rules)
    effective = _for_each_modifier(rules.filter(pl.col("state") == "effective"), modifiers)
    candidates = _candidates(profiles, effective, lines)
    spans = _spans(_starts(profiles, candidates, payers, modifiers), profiles.periods)
    contenders = _contenders(spans, candidates)
    answered = _answered(spans, contenders, payers)
    cells = merged_spans(_beside_medicare(answered))
    return Cube(cells.sort(*_CELL, "valid_from"), profile_rules.sort("profile_id", "rule_id"), _disagreements(contenders))


def _for_each_modifier(rules: pl.DataFrame, modifiers: pl.Series) -> pl.DataFrame:
    """Rules for `any` modifier written out for every governed one."""
    general = rules.filter(pl.col("modifier") == NOT_STATED).drop("modifier").join(modifiers.to_frame("modifier"), how="cross")
    return pl.concat([rules.filter(pl.col("modifier") != NOT_STATED), general.select(rules.columns)])


def _candidates(profiles: Profiles, rules: pl.DataFrame, lines: Ancestors) -> pl.DataFrame:
    """Rules per cell they may answer, clipped to the profile's period, with percentages taken from the code's phases."""
    met = profiles.matches.join(rules, on="predicate").join(profiles.periods, on="profile_id").with_columns(_percent())
    covering = met.join(_covering(rules, lines), on=("payer_id", "modifier", *SCOPE)).with_columns(
        starts=pl.max_horizontal("effective_from", "valid_from"),
        ends=pl.min_horizontal("effective_to", "valid_to"),
        is_own_scope=pl.all_horizontal(pl.col(name) == pl.col(f"cell_{name}") for name in SCOPE),
    )
    needed = (
        pl.col("is_own_scope").any()
        | pl.all_horizontal(pl.col(f"cell_{name}") == NOT_STATED for name in SCOPE).any()
        | (pl.struct(SCOPE).n_unique() > 1)
    )
    cell = ("profile_id", "payer_id", "modifier", *(f"cell_{name}" for name in SCOPE))
    return (
        covering.filter(needed.over(cell))
        .join(_unknowable(rules), on=("payer_id", "modifier"), how="left")
        .filter(~pl.col("has_no_indicators") | (pl.col("precedence") >= pl.col("unknowable").fill_null(0)))
        .filter(pl.col("ends").is_null() | (pl.col("starts") <= pl.col("ends")))
        .drop(SCOPE)
        .rename({f"cell_{name}": name for name in SCOPE})
        .select(*_CELL, "starts", "ends", "rule_id", "rank", "tier", "reason", *ANSWER)
    )


def _unknowable(rules: pl.DataFrame) -> pl.DataFrame:
    """Per payer and modifier the highest precedence of rules on facts that only a release of the fee schedule states.

    Before the oldest release such a rule may or may not hold, so no rule below it can answer there.
    """
    on_release = [text for text in rules["predicate"].unique() if any(term.field in INDICATOR_FACTS for term in parse(text))]
    asks_release = pl.col("predicate").is_in(pl.Series(on_release, dtype=pl.String).implode())
    return rules.filter(asks_release).group_by("payer_id", "modifier").agg(pl.col("precedence").max().alias("unknowable"))


def _percent() -> pl.Expr:
    """The rule's percentage, or the sum of the phases that it names; none where the code has no phases, never 0."""
    parts = pl.col("effect_percent_from").fill_null("")
    phases = ("preoperative", "intraoperative", "postoperative")
    share = pl.sum_horizontal(pl.when(parts.str.contains(rf"\b{p}\b")).then(pl.col(f"{p}_percent")) for p in phases)
    stated = pl.when(pl.col("effect_percent_from").is_null()).then("effect_percent").when(share > 0).then(share)
    return stated.cast(pl.Decimal(7, 2)).alias("effect_percent")


def _covering(rules: pl.DataFrame, lines: Ancestors) -> pl.DataFrame:
    """Per payer and modifier: each scope that needs a cell beside each scope of a rule that holds in it."""
    rows: list[tuple[str, ...]] = []
    groups = (
        rules.select("payer_id", "modifier", pl.struct(SCOPE).alias("scope"))
        .unique()
        .group_by("payer_id", "modifier")
        .agg("scope")
    )
    for payer, modifier, structs in groups.sort("payer_id", "modifier").iter_rows():
        scopes = [Scope(**struct) for struct in structs]
        pairs = ((wide, cell) for cell in closure(scopes, lines) for wide in scopes if covers(wide, cell, lines))
        rows.extend((payer, modifier, *wide, *cell) for wide, cell in pairs)
    columns = ("payer_id", "modifier", *SCOPE, *(f"cell_{name}" for name in SCOPE))
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def _starts(profiles: Profiles, candidates: pl.DataFrame, payers: pl.DataFrame, modifiers: pl.Series) -> pl.DataFrame:
    """Days on which the answer of a cell may change: the period's first day, and where a rule starts or has ended.

    Medicare's days are added to every payer's cells, so that Medicare's answer beside a cell holds for the whole row.
    """
    scope = {name: pl.lit(value) for name, value in zip(SCOPE, EVERYWHERE, strict=True)}
    in_release = profiles.periods.filter(~pl.col("is_before_releases")).select("profile_id", start="valid_from")
    unscoped = (
        in_release.join(payers.select("payer_id"), how="cross")
        .join(modifiers.to_frame("modifier"), how="cross")
        .with_columns(**scope)
    )
    scoped = candidates.select(_CELL).unique().join(in_release, on="profile_id")
    begins = candidates.select(*_CELL, start="starts")
    ended = candidates.filter(pl.col("ends").is_not_null()).select(*_CELL, start=pl.col("ends") + _DAY)
    own = pl.concat([frame.select(*_CELL, "start") for frame in (unscoped, scoped, begins, ended)])
    medicare = own.filter(pl.col("payer_id") == MEDICARE).select("profile_id", "modifier", "start").unique()
    beside = own.select(_CELL).unique().join(medicare, on=("profile_id", "modifier"))
    return pl.concat([own, beside.select(own.columns)]).unique()


def _spans(starts: pl.DataFrame, periods: pl.DataFrame) -> pl.DataFrame:
    """Spans of days between the starts of a cell, clipped to the profile's period."""
    return (
        starts.join(periods.select("profile_id", "valid_to", "is_before_releases"), on="profile_id")
        .filter(pl.col("valid_to").is_null() | (pl.col("start") <= pl.col("valid_to")))
        .sort(*_CELL, "start")
        .with_columns(next_start=pl.col("start").shift(-1).over(_CELL))
        .select(
            *_CELL, "is_before_releases", valid_from="start", valid_to=(pl.col("next_start") - _DAY).fill_null(pl.col("valid_to"))
        )
        .with_row_index("span_id")
    )


def _contenders(spans: pl.DataFrame, candidates: pl.DataFrame) -> pl.DataFrame:
    """Rules in force in each span; `top` is the highest rank there."""
    in_force = (pl.col("starts") <= pl.col("valid_from")) & (pl.col("ends").is_null() | (pl.col("valid_from") <= pl.col("ends")))
    return (
        spans.join(candidates, on=_CELL)
        .filter(in_force)
        .with_columns(answer=pl.concat_str([pl.col(name).cast(pl.String).fill_null("-") for name in ANSWER], separator="|"))
        .with_columns(top=pl.col("rank").max().over("span_id"))
    )


def _answered(spans: pl.DataFrame, contenders: pl.DataFrame, payers: pl.DataFrame) -> pl.DataFrame:
    """Spans with their answer; spans before the oldest release stay only where a rule of the payer is in force."""
    best = contenders.filter(pl.col("rank") == pl.col("top")).sort("span_id", "rule_id")
    winners = best.group_by("span_id", maintain_order=True).agg(
        *(pl.col(name).first() for name in (*ANSWER, "rule_id", "tier", "reason")),
        is_tied=pl.col("answer").n_unique() > 1,
        tied_rules=pl.col("rule_id").str.join(", "),
    )
    answered = (
        spans.join(winners, on="span_id", how="left", maintain_order="left")
        .join(payers.select("payer_id", "payer_name"), on="payer_id", maintain_order="left")
        .filter(~pl.col("is_before_releases") | pl.col("rule_id").is_not_null())
    )
    unanswered = pl.col("is_tied").fill_null(value=True)
    no_rule = pl.format("No dated rule of {} for {} covers this code.", "payer_name", "modifier")
    tie = pl.format("Rules of equal rank disagree, so none answers: {}.", "tied_rules")
    return answered.with_columns(
        reason=pl.when("is_tied").then(tie).when(pl.col("rule_id").is_null()).then(no_rule).otherwise("reason"),
        **{name: pl.when(unanswered).then(pl.lit(_UNANSWERED.get(name))).otherwise(name) for name in ANSWER},
        rule_id=pl.when(~unanswered).then("rule_id"),
        tier=pl.when(~unanswered).then("tier"),
    ).drop("is_tied", "tied_rules", "payer_name", "is_before_releases", "span_id")


def _beside_medicare(cells: pl.DataFrame) -> pl.DataFrame:
    """Cells with Medicare's answer in columns of its own."""
    unscoped = pl.all_horizontal(pl.col(name) == NOT_STATED for name in SCOPE)
    medicare = cells.filter((pl.col("payer_id") == MEDICARE) & unscoped).select(
        "profile_id",
        "modifier",
        "valid_from",
        medicare_ends="valid_to",
        medicare_disposition="disposition",
        medicare_effect_percent="effect_percent",
    )
    beside = cells.sort("valid_from").join_asof(
        medicare.sort("valid_from"), on="valid_from", by=("profile_id", "modifier"), strategy="backward", check_sortedness=False
    )
    is_over = pl.col("medicare_disposition").is_null() | (pl.col("medicare_ends") < pl.col("valid_from")).fill_null(value=False)
    return beside.with_columns(
        medicare_disposition=pl.when(is_over).then(pl.lit("not_published")).otherwise("medicare_disposition"),
        medicare_effect_percent=pl.when(~is_over).then("medicare_effect_percent"),
    ).drop("medicare_ends")


def merged_spans(cells: pl.DataFrame, *, subject: str = "profile_id") -> pl.DataFrame:
    """Neighbouring spans of a cell with the same answer, rule and Medicare answer as one. `subject` is what cells are about."""
    cell = (subject, *_CELL[1:])
    same = pl.all_horizontal(
        *(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in (*cell, *ANSWER, "rule_id", "reason", *_MEDICARE)),
        pl.col("valid_from") == pl.col("valid_to").shift(1) + _DAY,
    )
    return (
        cells.sort(*cell, "valid_from")
        .with_columns(run=(~same.fill_null(value=False)).cum_sum())
        .group_by("run", maintain_order=True)
        .agg(pl.all().exclude("valid_to").first(), pl.col("valid_to").last())
        .drop("run")
    )


def _disagreements(contenders: pl.DataFrame) -> pl.DataFrame:
    """Pairs of rules in force on the same span with equal scope and precedence and different answers.

    Columns: profile_id, payer_id, modifier, kind, valid_from, valid_to, and rule_id, answer, tier, reason of left and right.
    """
    rival = ("rule_id", "answer", "rank", "reason")
    pairs = contenders.filter(pl.col("rank") // 10 == pl.col("top") // 10).select("span_id", *rival)
    left = contenders.filter(pl.col("rank") == pl.col("top")).select(
        "span_id",
        "profile_id",
        "payer_id",
        "modifier",
        "valid_from",
        "valid_to",
        *(pl.col(name).alias(f"left_{name}") for name in rival),
    )
    return (
        left.join(pairs, on="span_id")
        .filter(pl.col("left_answer") != pl.col("answer"))
        .filter((pl.col("left_rank") > pl.col("rank")) | (pl.col("left_rule_id") < pl.col("rule_id")))
        .with_columns(kind=pl.when(pl.col("left_rank") == pl.col("rank")).then(pl.lit("tie")).otherwise(pl.lit("outranked")))
    )
