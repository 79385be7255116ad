"""What hospitals publish about modifiers as rules of the weakest tier, `hospital_published`.

A hospital's standard-charge file (45 CFR 180.50) says how its contract with a payer pays a modifier. That is evidence of one
contract, never the payer's policy, so such a rule answers only where no rule of the payer does, whatever its scope
(`transforms.rules.ranked`). It says how the modifier is paid and not for which codes, so the cell stays `not_published` and
carries the percentage; only performers of anesthesia, which no other line carries, are `allowed` on its codes. Hospitals that say
the same make one rule that counts them; those that differ make rules of equal rank, of which none answers and which the table
`contradiction` shows side by side.
"""

from typing import NamedTuple

import polars as pl

from schemas import Finding, ModifierRule
from schemas.base import NOT_STATED
from transforms.gate import WHOLE_ROW
from transforms.name_options import federations
from transforms.rules import ranked
from transforms.scopes import Ancestors

TIER = "hospital_published"
_RULE_ID = "published_modifier_effect.rule"
_LARGEST_PERCENT = 1_000
_ANESTHESIA = ("anesthesia_care", "anesthesia_performer")
"""Categories of modifiers that only anesthesia lines carry; a file that prices them says nothing about other codes."""
_SCOPE = ("payer_id", "organization_id", "line_of_business", "market", "modifier")
_SHOWN = 3


class HospitalRules(NamedTuple):
    """Rules from hospitals' files, and clear effects of the five payers from which none could be made."""

    rules: pl.DataFrame
    """`modifier_rule` rows with their rank; to be added to those of the payers before the cube is resolved."""
    findings: pl.DataFrame
    """`finding` rows, severity info."""


def hospital_rules(
    effects: pl.DataFrame, *, payers: pl.DataFrame, organizations: pl.DataFrame, modifiers: pl.DataFrame, lines: Ancestors
) -> HospitalRules:
    """Rules from clear effects that state a percentage.

    Args:
        effects: `published_modifier_effect` rows whose payer was resolved.
        payers: `payer` rows; a plan that states no line of business is taken as the payer's usual one, never as all of them.
        organizations: `payer_organization` rows.
        modifiers: `modifier` rows.
        lines: Ancestors of organizations.

    Returns:
        One rule per payer, organization, line of business, market, modifier and percentage, dated by the earliest of the files
        that say so (`attested`). Of several files of a hospital the newest speaks.
    """
    clear = _newest(effects.filter((pl.col("verdict") == "clear") & pl.col("payer_id").is_not_null())).join(
        payers.select("payer_id", "default_line_of_business"), on="payer_id", how="left", maintain_order="left"
    )
    known = modifiers.select("modifier", "category").unique("modifier", keep="first", maintain_order=True)
    judged = clear.join(known, on="modifier", how="left", maintain_order="left").with_columns(
        problem=_problem(federations(organizations))
    )
    said = judged.filter(pl.col("problem").is_null()).with_columns(
        organization_id=pl.col("organization_id").fill_null(NOT_STATED),
        line_of_business=pl.when(pl.col("line_of_business") == NOT_STATED)
        .then("default_line_of_business")
        .otherwise("line_of_business"),
        market="hospital_market",
        effect_percent=pl.col("effect_percent").cast(pl.Decimal(7, 2)),
    )
    return HospitalRules(
        ranked(_rules(_agreeing(said)), lines).select(ModifierRule.column_names()),
        _findings(judged.filter(~pl.col("problem").is_null())),
    )


def _newest(effects: pl.DataFrame) -> pl.DataFrame:
    """Of what a hospital says about a payer's modifier, what its newest file says; files without a date say it last."""
    subject = ("hospital", "payer_name", "modifier")
    newest = pl.col("known_from").max().over(subject)
    return effects.filter(pl.col("known_from").eq_missing(newest))


def _problem(federated: pl.Series) -> pl.Expr:
    """Why no rule follows from a clear effect; null where one does."""
    percent = pl.col("effect_percent")
    is_whose = pl.col("payer_id").is_in(federated.implode()) & pl.col("organization_id").is_null()
    reasons = {
        "The name means a federation of licensees, not one of them.": is_whose,
        "Its effect is no percentage of the rate.": percent.is_null(),
        "The percentage lies outside 0 to 1000.": (percent < 0) | (percent > _LARGEST_PERCENT),
        "The percentage has more than two decimals.": percent != percent.round(2),
        "The file states no date, so nothing says since when.": pl.col("known_from").is_null(),
        "The row is about several modifiers together.": pl.col("modifier").str.contains("|", literal=True),
        "The modifier is not in the table modifier.": pl.col("category").is_null(),
    }
    return pl.coalesce(pl.when(applies).then(pl.lit(reason)) for reason, applies in reasons.items())


def _agreeing(said: pl.DataFrame) -> pl.DataFrame:
    """One row per scope, modifier and percentage with the hospitals that say so and the first row that does."""
    first = ("hospital", "source_file", "source_row")
    return (
        said.sort("known_from", "source_file", "source_row")
        .group_by(*_SCOPE, "effect_percent", maintain_order=True)
        .agg(
            pl.col("known_from").first(),
            pl.col("category").first(),
            *(pl.col(name).first() for name in first),
            hospitals=pl.col("hospital").unique(maintain_order=True),
        )
        .sort(*_SCOPE, "effect_percent")
    )


def _rules(agreeing: pl.DataFrame) -> pl.DataFrame:
    """`modifier_rule` rows without rank."""
    percent = pl.col("effect_percent").cast(pl.String).str.replace(r"\.?0+$", "")
    is_of_anesthesia = pl.col("category").is_in(_ANESTHESIA)
    stated = {
        "rule_id": pl.concat_str(
            "payer_id",
            pl.lit("hospital"),
            "organization_id",
            "line_of_business",
            "market",
            "modifier",
            percent.str.replace(".", "_", literal=True),
            separator=".",
        ),
        "predicate": pl.when(is_of_anesthesia).then(pl.lit("section=anesthesia")).otherwise(pl.lit("any")),
        "precedence": pl.lit(0, dtype=pl.Int64),
        "rank": pl.lit(0, dtype=pl.Int64),
        "disposition": pl.when(is_of_anesthesia).then(pl.lit("allowed")).otherwise(pl.lit("not_published")),
        "effect_kind": pl.lit("percent"),
        "target_line": pl.lit("line"),
        "effective_from": pl.col("known_from"),
        "effective_from_basis": pl.lit("attested"),
        "state": pl.lit("effective"),
        "tier": pl.lit(TIER),
        "reason": _reason(percent),
        "citation_title": pl.format("Standard charges of {}", "hospital"),
        "citation_publisher": pl.col("hospital"),
        "citation_where": pl.format("{}, row {}", "source_file", "source_row"),
    }
    schema = {name: kind for name, kind in ModifierRule.polars_schema().items() if name != "rank"}
    empty = [pl.lit(None, dtype=kind).alias(name) for name, kind in schema.items() if name not in {*stated, *agreeing.columns}]
    return agreeing.with_columns(**stated).with_columns(empty).select(list(schema))


def _reason(percent: pl.Expr) -> pl.Expr:
    """The rule in one sentence, with the number of hospitals that agree."""
    count = pl.col("hospitals").list.len()
    named = pl.col("hospitals").list.head(_SHOWN).list.join(", ")
    more = pl.when(count > _SHOWN).then(pl.lit(" and others")).otherwise(pl.lit(""))
    who = pl.when(count == 1).then(pl.lit("1 hospital publishes")).otherwise(pl.format("{} hospitals agree", count))
    return pl.format("Pays {} percent of the rate with {} in {}, as {}: {}{}.", percent, "modifier", "market", who, named, more)


def _findings(unused: pl.DataFrame) -> pl.DataFrame:
    return unused.select(
        "source_file",
        "source_row",
        column_name=pl.lit(WHOLE_ROW),
        rule_id=pl.lit(_RULE_ID),
        severity=pl.lit("info"),
        value=pl.format("{} {}", "modifier", "payer_name"),
        reason="problem",
    ).select(Finding.column_names())
