"""Where two sources answer the same question differently: rules against rules, pages against the fee schedule."""

import polars as pl

from schemas import Contradiction
from schemas.base import NOT_STATED
from schemas.cube import SCOPE
from transforms.gate import ensure

_MIXED_SECTIONS = ("category_2", "category_3", "level_2", "medicine", "vaccine_administration")
"""Sections that hold services of every type, so that no service type contradicts them."""
_DENIED = ("not_allowed", "not_applicable", "not_paid")


def contradictions(
    disagreements: pl.DataFrame, code_profile: pl.DataFrame, claims: pl.DataFrame, indicators: pl.DataFrame, cells: pl.DataFrame
) -> pl.DataFrame:
    """The table `contradiction`: `disagreements` come from `rules.resolve`, `cells` are its cells over profiles."""
    newest = code_profile.filter(pl.col("valid_to").is_null())
    parts = [
        between_rules(disagreements, code_profile),
        claimed_modifiers(claims, newest, cells),
        claimed_sites(claims, indicators),
        claimed_services(claims, newest),
    ]
    return ensure(
        pl.concat([part.select(Contradiction.column_names()) for part in parts]).sort("contradiction_id"), Contradiction
    )


def between_rules(disagreements: pl.DataFrame, code_profile: pl.DataFrame) -> pl.DataFrame:
    """One row per pair of rules that disagree, with the number of codes concerned."""
    codes = disagreements.join(code_profile.select("profile_id", "code_system", "code"), on="profile_id")
    pair = ("kind", "payer_id", "modifier", "left_rule_id", "rule_id")
    return (
        codes.group_by(pair)
        .agg(
            pl.col("code").min(),
            pl.col("code_system").sort_by("code").first(),
            pl.col("code").n_unique().cast(pl.Int64).alias("code_count"),
            pl.col("valid_from").min(),
            pl.when(pl.col("valid_to").is_null().any()).then(None).otherwise(pl.col("valid_to").max()).alias("valid_to"),
            *(pl.col(name).first() for name in ("left_reason", "left_answer", "reason", "answer")),
        )
        .with_columns(
            contradiction_id=pl.concat_str("kind", pl.lit(":"), "left_rule_id", pl.lit("|"), "rule_id", pl.lit(":"), "modifier"),
            question=pl.format("What follows from modifier {} for {}?", "modifier", "payer_id"),
            left_source="left_rule_id",
            right_source="rule_id",
            has_money_effect=_paid("left_answer") != _paid("answer"),
        )
        .with_columns(left_answer="left_reason", right_answer="reason")
    )


def _paid(answer: str) -> pl.Expr:
    """An answer with its disposition reduced to whether the line is paid: documents to be sent change no amount."""
    paid = pl.col(answer).str.replace(r"^(allowed|allowed_with_documentation|informational|required)\|", "paid|")
    return paid.str.replace(r"^(not_allowed|not_paid)\|", "unpaid|")


def claimed_modifiers(claims: pl.DataFrame, newest: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Modifiers that a page offers and Medicare's indicators do not."""
    unscoped = pl.all_horizontal(pl.col(name) == NOT_STATED for name in SCOPE)
    medicare = cells.filter((pl.col("payer_id") == "medicare") & unscoped & pl.col("valid_to").is_null())
    answers = (
        newest.filter(pl.col("component") == "global")
        .join(medicare, on="profile_id")
        .select("code", "modifier", "disposition", "reason", "rule_id", valid_from=pl.col("valid_from_right"))
    )
    found = (
        claims.filter(pl.col("kind") == "modifier")
        .join(answers, left_on=("code", "resolved"), right_on=("code", "modifier"))
        .filter(pl.col("disposition").is_in(_DENIED))
    )
    return _page_rows(
        found.with_columns(modifier="resolved"),
        question=pl.format("May {} be billed with modifier {}?", "code", "resolved"),
        claimed=pl.format("The page offers modifier {}.", "resolved"),
        published=pl.col("reason"),
        source=pl.col("rule_id"),
        has_money_effect=True,
    )


def claimed_sites(claims: pl.DataFrame, indicators: pl.DataFrame) -> pl.DataFrame:
    """Sites of service that the fee schedule marks as rare or never."""
    newest = indicators.filter((pl.col("component") == "global") & (pl.col("valid_from") == pl.col("valid_from").max()))
    rows = newest.select(
        "code",
        "valid_from",
        "is_rare_in_nonfacility",
        "is_rare_in_facility",
        at=pl.concat_str("source_file", pl.lit(":"), "source_row"),
    )
    is_rare = ((pl.col("resolved") == "nonfacility") & pl.col("is_rare_in_nonfacility")) | (
        (pl.col("resolved") == "facility") & pl.col("is_rare_in_facility")
    )
    found = claims.filter(pl.col("kind") == "site_of_service").join(rows, on="code").filter(is_rare)
    return _page_rows(
        found.with_columns(modifier=pl.lit(None, dtype=pl.String)),
        question=pl.format("Where is {} performed?", "code"),
        claimed=pl.format("The page says: {}.", "claim"),
        published=pl.format("The fee schedule marks the {} setting NA: rarely or never.", "resolved"),
        source=pl.col("at"),
        has_money_effect=False,
    )


def claimed_services(claims: pl.DataFrame, newest: pl.DataFrame) -> pl.DataFrame:
    """Types of service that name another section than the code's own."""
    rows = newest.filter(pl.col("component") == "global").select("code", "section", "valid_from", "release_id")
    found = (
        claims.filter((pl.col("kind") == "service_type") & pl.col("resolved").is_not_null())
        .join(rows, on="code")
        .filter((pl.col("resolved") != pl.col("section")) & ~pl.col("section").is_in(_MIXED_SECTIONS))
    )
    return _page_rows(
        found.with_columns(modifier=pl.lit(None, dtype=pl.String)),
        question=pl.format("What kind of service is {}?", "code"),
        claimed=pl.format("The page says: {}.", "claim"),
        published=pl.format("The code stands in the section {} of the code set.", "section"),
        source=pl.lit("code_section"),
        has_money_effect=False,
    )


def _page_rows(
    found: pl.DataFrame, *, question: pl.Expr, claimed: pl.Expr, published: pl.Expr, source: pl.Expr, has_money_effect: bool
) -> pl.DataFrame:
    return found.with_columns(
        kind=pl.lit("page"),
        payer_id=pl.lit("medicare"),
        question=question,
        left_answer=claimed,
        left_source=pl.concat_str("source_file", pl.lit(":"), "source_row"),
        right_answer=published,
        right_source=source,
        code_count=pl.lit(1, dtype=pl.Int64),
        valid_to=pl.lit(None, dtype=pl.Date),
        has_money_effect=pl.lit(has_money_effect),
        contradiction_id=pl.concat_str(
            pl.lit("page:"), "code", pl.lit(":"), pl.col("kind"), pl.lit(":"), pl.col("claim"), pl.lit(":"), "source_file"
        ),
    )
