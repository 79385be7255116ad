"""The cube of codes, payers and modifiers, what it is resolved from, and where sources disagree."""

import polars as pl

from schemas.base import ABOUT_THE_RUN, RENUMBERED, Table, TableFacts, column
from schemas.vocabulary import (
    CODE_PATTERN,
    CODE_SYSTEMS,
    COMPONENTS,
    DISPOSITIONS,
    EFFECT_KINDS,
    LINES_OF_BUSINESS,
    MARKETS,
    MODIFIER_PATTERN,
    PAYERS,
    SECTIONS,
    TARGET_LINES,
    TIERS,
)

SCOPE = ("organization_id", "line_of_business", "market")
"""Columns that narrow a payer's answer; `any` does not."""


class CodeProfile(Table):
    """Codes and components with the set of rule predicates they meet, by period. Codes with one profile share all answers."""

    code_system: str = column("CPT or HCPCS.", values=CODE_SYSTEMS)
    code: str = column("The code.", pattern=CODE_PATTERN, references="code.code")
    component: str = column("Row of the fee schedule.", values=COMPONENTS)
    valid_from: pl.Date = column("First service date; before the oldest release only predicates on the code itself are met.")
    valid_to: pl.Date = column(
        "Last service date; empty for the newest release, which answers until the next one.", nullable=True
    )
    release_id: str = column("Release the indicators come from; empty before the oldest release.", nullable=True)
    section: str = column("Section of the code set.", values=SECTIONS)
    has_26: str = column("The release has a row for the professional component.", nullable=True, values=("false", "true"))
    has_tc: str = column("The release has a row for the technical component.", nullable=True, values=("false", "true"))
    has_53: str = column("The release has a row for the discontinued procedure.", nullable=True, values=("false", "true"))
    has_phases: str = column("The row's global package has shares above zero.", nullable=True, values=("false", "true"))
    profile_id: pl.Int64 = column("Number of the profile within this release of the dataset.", at_least=0)

    class Config:
        """Facts about the table."""

        name = "code_profile"
        unique = ["code_system", "code", "component", "valid_from"]
        metadata = {
            "facts": TableFacts(
                "the cube",
                "code, component and period",
                ("code_system", "code", "component", "valid_from"),
                "CC0-1.0",
                (600, 1_000_000),
                limits=RENUMBERED,
            )
        }


class ProfileRule(Table):
    """Which rules' predicates a profile meets, whether they win or not: what `explain` reads."""

    profile_id: pl.Int64 = column("The profile.", references="code_profile.profile_id", at_least=0)
    rule_id: str = column("The rule.", references="modifier_rule.rule_id")

    class Config:
        """Facts about the table."""

        name = "profile_rule"
        unique = ["profile_id", "rule_id"]
        metadata = {
            "facts": TableFacts(
                "the cube", "profile and rule it meets", ("profile_id", "rule_id"), "CC0-1.0", (100, 5_000_000), limits=RENUMBERED
            )
        }


class Coded(Table):
    """What a row of the cube is about."""

    code_system: str = column("CPT or HCPCS.", values=CODE_SYSTEMS)
    code: str = column("The code.", pattern=CODE_PATTERN, references="code.code")
    component: str = column("Row of the fee schedule the line is billed as.", values=COMPONENTS)


class Answered(Table):
    """What a row of the cube says."""

    payer_id: str = column("The payer.", values=PAYERS, references="payer.payer_id")
    modifier: str = column("The modifier.", pattern=MODIFIER_PATTERN, references="modifier.modifier")
    organization_id: str = column(
        "Organization the answer is for; `any` where none is named.", references="payer_organization.organization_id"
    )
    line_of_business: str = column("Line of business the answer is for.", values=LINES_OF_BUSINESS)
    market: str = column("USPS code of the market the answer is for.", values=MARKETS)
    valid_from: pl.Date = column("First service date.")
    valid_to: pl.Date = column("Last service date; empty answers until something newer is known.", nullable=True)
    disposition: str = column("What follows for a line that carries the modifier.", values=DISPOSITIONS)
    effect_kind: str = column("How payment changes.", values=EFFECT_KINDS)
    effect_percent: pl.Decimal(7, 2) = column("Share of the allowed amount paid.", unit="percent", nullable=True, at_least=0)
    effect_units: pl.Decimal(7, 2) = column("Anesthesia units added.", unit="anesthesia units", nullable=True, at_least=0)
    effect_formula: str = column("Formula where neither a percentage nor units say it.", nullable=True, free_text=True)
    target_line: str = column("Line whose payment changes.", values=TARGET_LINES)
    rule_id: str = column(
        "The rule that answers; empty for `not_published` without a rule.", nullable=True, references="modifier_rule.rule_id"
    )
    tier: str = column("How good its source is.", nullable=True, values=TIERS)
    reason: str = column("Why, in one sentence.", free_text=True)
    medicare_disposition: str = column(
        "Medicare's own answer, beside a commercial payer's, never in its place.", values=DISPOSITIONS
    )
    medicare_effect_percent: pl.Decimal(7, 2) = column("Medicare's percentage.", unit="percent", nullable=True, at_least=0)


class CodeAnswerSet(Coded):
    """Codes and components with the set of answers they have; codes with one set share every answer on every day."""

    answer_set_id: pl.Int64 = column(
        "Number of the set within this release of the dataset.", references="answer.answer_set_id", at_least=0
    )

    class Config:
        """Facts about the table."""

        name = "code_answer_set"
        unique = ["code_system", "code", "component"]
        metadata = {
            "facts": TableFacts(
                "the cube",
                "code and component",
                ("code_system", "code", "component"),
                "CC0-1.0",
                (200, 1_000_000),
                limits=RENUMBERED,
            )
        }


class Answer(Answered):
    """The cells of each set of answers: what `code_payer_modifier` says, once for all codes with the set."""

    answer_set_id: pl.Int64 = column("The set.", at_least=0)

    class Config:
        """Facts about the table."""

        name = "answer"
        unique = ["answer_set_id", "payer_id", "modifier", *SCOPE, "valid_from"]
        metadata = {
            "facts": TableFacts(
                "the cube",
                "set, payer, modifier, scope and period",
                ("answer_set_id", "payer_id", "modifier", *SCOPE, "valid_from"),
                "CC0-1.0",
                (1_000, 50_000_000),
                limits=RENUMBERED,
            )
        }


class CodePayerModifier(Answered, Coded):
    """The answer for every code, component, payer and governed modifier, by scope and period, with rule and reason."""

    class Config:
        """Facts about the table."""

        name = "code_payer_modifier"
        unique = [
            "code_system",
            "code",
            "component",
            "payer_id",
            "modifier",
            "organization_id",
            "line_of_business",
            "market",
            "valid_from",
        ]
        metadata = {
            "facts": TableFacts(
                "the cube",
                "code, component, payer, modifier, scope and period",
                (
                    "code_system",
                    "code",
                    "component",
                    "payer_id",
                    "modifier",
                    "organization_id",
                    "line_of_business",
                    "market",
                    "valid_from",
                ),
                "CC0-1.0",
                (10_000, 500_000_000),
                is_view=True,
            )
        }


class Contradiction(Table):
    """Two sources that answer the same question differently. Neither is hidden."""

    contradiction_id: str = column("Identifier made of what disagrees.")
    kind: str = column(
        "`tie`: equal rank, so the cell stays unanswered; `outranked`: a weaker source differs; `page`: a page differs.",
        values=("outranked", "page", "tie"),
    )
    question: str = column("What both answer.", free_text=True)
    code_system: str = column("CPT or HCPCS; empty where several.", nullable=True, values=CODE_SYSTEMS)
    code: str = column("The code, or one of the codes concerned.", pattern=CODE_PATTERN)
    code_count: pl.Int64 = column("Codes concerned.", unit="codes", at_least=1)
    payer_id: str = column("The payer concerned.", values=PAYERS)
    modifier: str = column("The modifier concerned, where one is.", nullable=True)
    valid_from: pl.Date = column("First service date on which they disagree.")
    valid_to: pl.Date = column("Last service date; empty is open.", nullable=True)
    left_answer: str = column("What the first source says.", free_text=True)
    left_source: str = column("Rule id or file and line of the first source.", free_text=True)
    right_answer: str = column("What the second source says.", free_text=True)
    right_source: str = column("Rule id or file and line of the second source.", free_text=True)
    has_money_effect: bool = column("The two answers pay differently.")

    class Config:
        """Facts about the table."""

        name = "contradiction"
        unique = ["contradiction_id"]
        metadata = {
            "facts": TableFacts(
                "conflicts", "disagreement", ("contradiction_id",), "CC0-1.0", (0, 1_000_000), limits=ABOUT_THE_RUN
            )
        }
