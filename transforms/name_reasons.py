"""What follows from everything found about a name: whom it means, or why it goes to review, in one sentence."""

import polars as pl

from schemas.base import NOT_STATED
from transforms.name_options import federations

_NAMED = ("resolved", "licensee_open")
"""Outcomes that name a payer."""


def with_outcome(rows: pl.DataFrame, organizations: pl.DataFrame) -> pl.DataFrame:
    """Names with `payer_id`, `organization_id`, `line_of_business`, `market`, `status` and `reason`.

    The first of these that applies is the reason; the order goes from what the name itself lacks to what the context leaves open.
    """
    judged = rows.with_columns(
        payer=pl.when(pl.col("payers").list.len() == 1).then(pl.col("payers").list.first()),
        organizations=pl.col("organizations").list.join(", "),
    ).with_columns(asked_payer=pl.coalesce("payer", "unfit_payer"))
    judged = judged.join(
        _licensees(organizations), left_on=("asked_payer", "state_meant"), right_on=("payer_id", "market"), how="left"
    )
    cases = _cases(federations(organizations))
    status, reason = pl.lit("resolved"), _resolved_by()
    for applies, outcome, sentence in reversed(cases):
        status, reason = (
            pl.when(applies).then(pl.lit(outcome)).otherwise(status),
            pl.when(applies).then(sentence).otherwise(reason),
        )
    decided = judged.with_columns(status=status, reason=reason)
    is_named = pl.col("status").is_in(_NAMED)
    return decided.join(_own_scope(organizations), on="organization_id", how="left", maintain_order="left").with_columns(
        payer_id=pl.when(is_named).then("payer"),
        organization_id=pl.when(is_named).then("organization_id"),
        line_of_business=pl.coalesce(_line(), pl.when(is_named).then("own_line"), pl.lit(NOT_STATED)),
        market=pl.coalesce("stated_market", "own_market", "state", pl.lit(NOT_STATED)),
    )


def _cases(federated: pl.Series) -> list[tuple[pl.Expr, str, pl.Expr]]:
    """What keeps a name from resolving: condition, status, sentence; the first that applies."""
    return [*_nameless(), *_rival(), *_uncertain(), _open_licensee(federated)]


def _nameless() -> list[tuple[pl.Expr, str, pl.Expr]]:
    """Names in which no alias holds."""
    is_blank, has_none = pl.col("is_blank"), pl.col("payers").is_null() & pl.col("unfit_spelling").is_null()
    only_words = has_none & (pl.col("rest") == "")
    ended = pl.col("unfit_spelling").is_not_null() & pl.col("ended_on").is_not_null()
    note = pl.format(" {}", "ended_note").fill_null("")
    return [
        (is_blank, "unknown", pl.lit("The name is empty.")),
        (only_words, "unknown", pl.format("Names no payer, only {}.", "words")),
        (has_none, "unknown", pl.format("No alias is known for '{}'.", "rest")),
        (ended, "other_payer", pl.format("'{}' meant a payer only until {}.{}", "unfit_spelling", "ended_on", note)),
        (pl.col("unfit_spelling").is_not_null(), "ambiguous", _undecided()),
    ]


def _undecided() -> pl.Expr:
    """A spelling that means a payer only in some states or plans."""
    unknown = pl.format("'{}' means a payer only in some places or plans ({}), and no state is known.", "unfit_spelling", "where")
    known = pl.format(
        "'{}' decides on nobody in {}; candidates: {}.",
        "unfit_spelling",
        "state_meant",
        pl.col("licensees").fill_null("none known"),
    )
    return pl.when(pl.col("state_meant").is_null()).then(unknown).otherwise(known)


def _rival() -> list[tuple[pl.Expr, str, pl.Expr]]:
    """Names that name several payers, or another one."""
    payers = pl.col("payers").list.len()
    several = (payers > 1) | ((payers > 0) & pl.col("is_also_other") & (pl.col("spelling_count") > 1))
    is_other = pl.col("is_also_other") & (pl.col("is_strong") | (pl.col("rest") == ""))
    names_several = pl.format("Names several payers: {}.", pl.col("alias").str.replace_all(" + ", ", ", literal=True))
    return [
        (several, "ambiguous", names_several),
        (
            is_other,
            "other_payer",
            pl.format("Not one of the five payers: {}", pl.col("other_note").fill_null("no more is known.")),
        ),
    ]


def _uncertain() -> list[tuple[pl.Expr, str, pl.Expr]]:
    """Names of one payer beside words that may change whom they mean."""
    has_rest = (pl.col("rest") != "") & (pl.col("is_strong") | (pl.col("payers").list.len() > 0))
    weak_rest = pl.col("rest") != ""
    of_medicare = (pl.col("payer") == "medicare") & pl.col("unfit_for_medicare").is_not_null()
    return [
        (has_rest, "unknown", pl.format("Names '{}' beside words that are not known: '{}'.", "alias", "rest")),
        (weak_rest, "unknown", pl.format("No alias is known for '{}'.", "rest")),
        (
            pl.col("ambiguous").is_not_null(),
            "ambiguous",
            pl.format("Beside '{}' a word means more than one thing: {}.", "alias", "ambiguous"),
        ),
        (
            pl.col("excluded").is_not_null(),
            "other_payer",
            pl.format("Names '{}' with another business, {}.", "alias", "excluded"),
        ),
        (
            pl.col("conflict").is_not_null(),
            "ambiguous",
            pl.format("The name means '{}', its plan names another payer: '{}'.", "alias", "conflict"),
        ),
        (
            of_medicare,
            "ambiguous",
            pl.format("Beside '{}' Medicare is a plan of an insurer whom the name does not give.", "unfit_for_medicare"),
        ),
    ]


def _open_licensee(federated: pl.Series) -> tuple[pl.Expr, str, pl.Expr]:
    """Names of a federation whose member nothing decides."""
    is_open = pl.col("payer").is_in(federated.implode()) & pl.col("organization_id").is_null()
    sentence = pl.format(
        "'{}' names a federation of independent licensees and nothing decides which: state {}, candidates {}.",
        "alias",
        pl.col("state_meant").fill_null("not known"),
        pl.coalesce("organizations", "licensees", pl.lit("any of them")),
    )
    return is_open, "licensee_open", sentence


def _resolved_by() -> pl.Expr:
    beside = pl.when(pl.col("words").fill_null("") != "").then(pl.format("; beside it: {}", "words")).otherwise(pl.lit(""))
    return pl.format("Alias '{}'{}.", "alias", beside)


def _line() -> pl.Expr:
    """The line that the alias itself names, else the one that words name; null where there is none or more than one."""
    by_alias = pl.when(pl.col("alias_lines").list.len() == 1).then(pl.col("alias_lines").list.first())
    has_own = pl.col("alias_lines").list.len().fill_null(0) > 0
    return pl.when(has_own).then(by_alias).otherwise("stated_line")


def _licensees(organizations: pl.DataFrame) -> pl.DataFrame:
    """payer_id, market, licensees: whose the name is in a state."""
    return (
        organizations.filter((pl.col("organization_kind") == "licensee") & pl.col("markets").is_not_null())
        .select("payer_id", "organization_id", market=pl.col("markets").str.split(" "))
        .explode("market")
        .group_by("payer_id", "market")
        .agg(licensees=pl.col("organization_id").sort().str.join(", "))
    )


def _own_scope(organizations: pl.DataFrame) -> pl.DataFrame:
    """organization_id with own_market of organizations in one state only, own_line of those of one line of business only."""
    return organizations.select("organization_id", own_market=only("markets"), own_line=only("lines_of_business"))


def only(words: str) -> pl.Expr:
    """The only word of a column of words parted by blanks; null where there are none or several."""
    return pl.when(~pl.col(words).str.contains(" ", literal=True)).then(words)
