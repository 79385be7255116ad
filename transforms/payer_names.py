"""Whom a payer's name means: one of the five payers with organization, line of business and market, or nobody, with the reason.

Identity is kept apart from context. Aliases (`payer_alias`) say who is meant, everywhere or only in a state or beside words of a
plan. Words (`name_word`) say what else a name says: product, market, network, legal form. A name resolves only where each of its
words is one or the other and all aliases in it mean the same payer; whatever else there is goes to review with the reason.
"""

from datetime import date
from typing import NamedTuple

import polars as pl

from schemas.base import NOT_STATED
from transforms.name_options import holds, narrowest, plan_options, with_states
from transforms.name_reasons import only, with_outcome
from transforms.name_words import Vocabulary, keyed, keyed_in_full, left_over, said, segments, shown, vocabulary
from transforms.scopes import ancestor_table, ancestors

_ASKED = {"name": pl.String, "plan": pl.String, "state": pl.String, "day": pl.Date}
_CORE = ("name_said", "plan_said", "has_rest", "is_blank", "seen_in", "day")
"""What decides on the outcome: known spellings in their order, not the words between them."""
_REST = "{rest}"
"""Stands in reasons for the words that are not known."""
OUTCOME = ("payer_id", "organization_id", "line_of_business", "market", "alias", "evidence", "status", "reason")
"""Columns that resolution adds. `status`: resolved, licensee_open, ambiguous, unknown, other_payer."""


class Meant(NamedTuple):
    """Whom a name means. `payer_id` is None where it means nobody for certain; `reason` says why in every case."""

    payer_id: str | None
    organization_id: str | None
    line_of_business: str
    """`any` where the name states none."""
    market: str
    """State that the name or its plan states, else the state it was seen in, else `any`."""
    alias: str | None
    evidence: str | None
    status: str
    """`resolved`; `licensee_open`: a Blue Cross Blue Shield name whose licensee nothing decides; `ambiguous`; `unknown`;
    `other_payer`: none of the five."""
    reason: str


def meant(
    name: str,
    *,
    plan: str | None = None,
    state: str | None = None,
    aliases: pl.DataFrame,
    organizations: pl.DataFrame,
    words: pl.DataFrame,
    on: date | None = None,
) -> Meant:
    """Whom one name means; `resolved` on one row."""
    asked = pl.DataFrame([(name, plan, state, on)], schema=_ASKED, orient="row")
    found = resolved(asked, aliases=aliases, organizations=organizations, words=words)
    return Meant(**found.select(OUTCOME).row(0, named=True))


def resolved(
    names: pl.DataFrame,
    *,
    aliases: pl.DataFrame,
    organizations: pl.DataFrame,
    words: pl.DataFrame,
) -> pl.DataFrame:
    """Names with whom they mean. Set-based: the work is done once per different name, plan, state and day.

    Args:
        names: `name` and, where known, `plan` (the plan's name), `state` (USPS code of the place it was seen in) and `day` (on
            which it was used; a name without one is taken as used now); further columns and the order of rows are kept.
        aliases: `payer_alias` rows.
        organizations: `payer_organization` rows.
        words: `name_word` rows.

    Returns:
        `names` with the columns `OUTCOME`.
    """
    known = vocabulary(aliases, words)
    missing = [pl.lit(None, dtype=kind).alias(column) for column, kind in _ASKED.items() if column not in names.columns]
    given = names.with_columns(missing)
    asked = _said(given.select(list(_ASKED)).unique(maintain_order=True), known)
    cores = asked.select(_CORE).unique(maintain_order=True).with_row_index("row")
    judged = _judged(cores, known, organizations).select(*_CORE, *OUTCOME)
    found = asked.join(judged, on=_CORE, how="left", nulls_equal=True, maintain_order="left").with_columns(
        reason=pl.col("reason").str.replace(_REST, pl.col("rest"), literal=True)
    )
    told = given.join(found.select(*_ASKED, *OUTCOME), on=list(_ASKED), how="left", nulls_equal=True, maintain_order="left")
    return _with_ids(told, organizations).drop(column for column in _ASKED if column not in names.columns)


def resolve_names(
    names: pl.DataFrame,
    aliases: pl.DataFrame,
    organizations: pl.DataFrame,
    words: pl.DataFrame,
) -> pl.DataFrame:
    """`names` (column `claim`) with `payer_id`, null where the name means none of the five for certain."""
    found = resolved(names.select(name="claim"), aliases=aliases, organizations=organizations, words=words)
    return names.with_columns(found["payer_id"])


def _with_ids(told: pl.DataFrame, organizations: pl.DataFrame) -> pl.DataFrame:
    """An id of an organization, written as it stands in `payer_organization` (`hcsc_tx`), means that organization."""
    cited = pl.format("{}, {}, {}", "citation_title", "citation_publisher", "citation_where")
    ids = organizations.filter(pl.col("organization_id").str.contains("_", literal=True)).select(
        "payer_id",
        "organization_id",
        line_of_business=only("lines_of_business").fill_null(NOT_STATED),
        market=only("markets"),
        alias="organization_id",
        evidence=cited,
        status=pl.lit("resolved"),
        reason=pl.format("'{}' is the id of an organization.", "organization_id"),
        asked_id="organization_id",
    )
    found = told.with_columns(asked_id=pl.col("name").str.strip_chars().str.to_lowercase()).join(
        ids, on="asked_id", how="left", maintain_order="left", suffix="_of_id"
    )
    is_id = pl.col("status_of_id").is_not_null()
    market = pl.coalesce("market_of_id", pl.col("state").str.to_uppercase(), pl.lit(NOT_STATED))
    return found.with_columns(
        **{name: pl.when(is_id).then(f"{name}_of_id").otherwise(name) for name in OUTCOME if name != "market"},
        market=pl.when(is_id).then(market).otherwise("market"),
    ).drop("asked_id", *(f"{name}_of_id" for name in OUTCOME))


def _said(asked: pl.DataFrame, known: Vocabulary) -> pl.DataFrame:
    """Names with what their known spellings say; names that differ only in other words are one question."""
    texts = asked.with_columns(name_text=keyed(pl.col("name"), known), plan_text=keyed(pl.col("plan"), known))
    return texts.with_columns(
        name_said=said(pl.col("name_text"), known),
        plan_said=said(pl.col("plan_text"), known),
        rest=left_over(keyed_in_full(pl.col("name"), known), known),
        seen_in=pl.col("state").str.to_uppercase(),
    ).with_columns(has_rest=pl.col("rest") != "", is_blank=(shown(pl.col("name_text")) == "") & (pl.col("rest") == ""))


def _judged(cores: pl.DataFrame, known: Vocabulary, organizations: pl.DataFrame) -> pl.DataFrame:
    """Different questions with everything found about them, and the outcome."""
    texts = cores.with_columns(
        rest=pl.when("has_rest").then(pl.lit(_REST)).otherwise(pl.lit("")), name_text="name_said", plan_text="plan_said"
    ).with_columns(state="seen_in")
    in_name = _with_identity(segments(texts.select("row", text="name_text"), known), may_be_weak=True)
    in_plan = _with_identity(segments(texts.select("row", text="plan_text"), known), may_be_weak=False)
    rows = _with_context(texts, in_name, in_plan)
    lines = ancestor_table(ancestors(dict(organizations.select("organization_id", "parent_organization_id").iter_rows())))
    choices = with_states(known.aliases, organizations, lines)
    best, unfit = _chosen(rows, in_name, choices)
    summed = rows.join(_summed(best), on="row", how="left").join(unfit, on="row", how="left")
    own = best.filter(pl.col("organization_id").is_not_null()).select("row", "organization_id").unique()
    planned = plan_options(summed, in_plan, choices, own, lines)
    meant_organizations = narrowest(pl.concat([own, planned.organizations]), lines)
    return with_outcome(
        summed.join(planned.conflicts, on="row", how="left").join(meant_organizations, on="row", how="left"), organizations
    )


def _with_identity(found: pl.DataFrame, *, may_be_weak: bool) -> pl.DataFrame:
    """Which spellings say who pays. One that may also be a word, such as Medicare, does only where no other alias stands."""
    strong = pl.col("is_alias") & pl.col("kind").is_null()
    weak = pl.col("is_alias") & ~strong.any().over("row") if may_be_weak else pl.lit(value=False)
    return found.with_columns(is_identity=strong | weak, is_strong=strong)


def _with_context(texts: pl.DataFrame, in_name: pl.DataFrame, in_plan: pl.DataFrame) -> pl.DataFrame:
    """Names with what their words say beside the identity: line of business, market, and what speaks against resolving."""
    said = pl.concat([in_name.with_columns(part=pl.lit("name")), in_plan.with_columns(part=pl.lit("plan"))]).filter(
        ~pl.col("is_identity")
    )
    of_name, of_plan = pl.col("part") == "name", pl.col("part") == "plan"
    is_ambiguous, is_excluded = pl.col("kind") == "ambiguous", pl.col("kind") == "excluded"
    context = said.group_by("row").agg(
        name_lines=pl.col("word_line").filter(of_name).drop_nulls().unique().sort(),
        plan_lines=pl.col("word_line").filter(of_plan).drop_nulls().unique().sort(),
        name_markets=pl.col("word_market").filter(of_name).drop_nulls().unique().sort(),
        plan_markets=pl.col("word_market").filter(of_plan).drop_nulls().unique().sort(),
        words=shown(pl.col("key").filter(of_name)).str.join(", "),
        unfit_for_medicare=shown(pl.col("key").filter(~pl.col("is_fit_for_medicare")).first()),
        ambiguous=pl.format("'{}' ({})", shown(pl.col("key")), "meaning").filter(of_name & is_ambiguous).first(),
        excluded=pl.format("'{}': {}", shown(pl.col("key")), "meaning").filter(is_excluded).first(),
    )
    stated = [
        _only("name_lines", "plan_lines").alias("stated_line"),
        _only("name_markets", "plan_markets").alias("stated_market"),
    ]
    return (
        texts.join(context, on="row", how="left", maintain_order="left")
        .with_columns(stated)
        .with_columns(
            state_meant=pl.when(pl.col("name_markets").list.len().fill_null(0) <= 1).then(pl.coalesce("stated_market", "state"))
        )
    )


def _only(first: str, second: str) -> pl.Expr:
    """The only value of a list, of the second where the first is empty; null where there are several."""
    is_empty = pl.col(first).list.len().fill_null(0) == 0
    chosen = pl.when(is_empty).then(second).otherwise(first)
    return pl.when(chosen.list.len() == 1).then(chosen.list.first())


def _chosen(rows: pl.DataFrame, in_name: pl.DataFrame, choices: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The aliases that hold for each name, the narrowest scope of each spelling; and names with a spelling that has none."""
    identities = in_name.filter("is_identity").select("row", "key", "is_strong").unique()
    facts = rows.select("row", "state_meant", "stated_line", "day", context=pl.concat_str("name_text", "plan_text"))
    candidates = identities.join(facts, on="row").join(choices, on="key")
    best = (
        candidates.filter(_fits_scope() & holds())
        .with_columns(place=pl.col("scope").replace_strict({"plan": 0, "state": 1, "global": 2}, return_dtype=pl.Int8))
        .filter(pl.col("place") == pl.col("place").min().over("row", "key"))
        .sort("row", "alias_at")
        .unique(["row", "key", "match", "payer_id", "organization_id"], keep="first", maintain_order=True)
    )
    without = identities.join(best, on=("row", "key"), how="anti").join(
        best.select("row", key="plan_key"), on=("row", "key"), how="anti"
    )
    ended = candidates.filter(_fits_scope() & ~holds()).unique(["row", "key"], keep="last")
    unfit = (
        without.join(ended.select("row", "key", "valid_to", "note"), on=("row", "key"), how="left")
        .join(_elsewhere(choices), on="key", how="left")
        .unique("row", keep="first", maintain_order=True)
        .select("row", "where", "unfit_payer", unfit_spelling=shown(pl.col("key")), ended_on="valid_to", ended_note="note")
    )
    return best, unfit


def _elsewhere(choices: pl.DataFrame) -> pl.DataFrame:
    """key, where, unfit_payer: where a spelling means somebody, and whom if it is one payer."""
    payers = pl.col("payer_id").drop_nulls().unique()
    return choices.group_by("key").agg(
        where=pl.coalesce("state", shown(pl.col("plan_key"))).drop_nulls().unique().sort().str.join(", "),
        unfit_payer=pl.when(payers.len() == 1).then(payers.first()),
    )


def _fits_scope() -> pl.Expr:
    in_state = (pl.col("scope") != "state") | (pl.col("state") == pl.col("state_meant")).fill_null(value=False)
    beside = pl.col("context").str.contains(pl.col("plan_key").fill_null(""), literal=True)
    by_line = (pl.col("plan_line") == pl.col("stated_line")).fill_null(value=False)
    return in_state & ((pl.col("scope") != "plan") | beside | by_line)


def _summed(best: pl.DataFrame) -> pl.DataFrame:
    """One row per name: the payers its aliases mean, what other payer they name, and the evidence."""
    is_not = pl.col("match") == "is_not"
    cited = pl.format(
        "{}, {}, {}{}",
        "citation_title",
        "citation_publisher",
        "citation_where",
        pl.format(" (read {})", "read_date").fill_null(""),
    )
    return best.group_by("row", maintain_order=True).agg(
        payers=pl.col("payer_id").drop_nulls().unique().sort(),
        is_also_other=is_not.any(),
        is_strong=pl.col("is_strong").any(),
        spelling_count=pl.col("key").n_unique(),
        alias=pl.col("alias").unique(maintain_order=True).str.join(" + "),
        evidence=pl.concat_str(cited).unique(maintain_order=True).str.join("; "),
        other_note=pl.col("note").filter(is_not).first(),
        alias_lines=pl.col("line_of_business").drop_nulls().unique().sort(),
    )
