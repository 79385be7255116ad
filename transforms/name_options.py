"""Which organization a name means: licensees decided by a state, and organizations that the plan's name adds."""

from typing import NamedTuple

import polars as pl

from transforms.name_words import shown


class PlanOptions(NamedTuple):
    """What the names of plans add."""

    organizations: pl.DataFrame
    """row, organization_id: organizations of the payer that the name means."""
    conflicts: pl.DataFrame
    """row, conflict: spellings in the plan that mean another of the five payers."""


def federations(organizations: pl.DataFrame) -> pl.Series:
    """Payers that are a federation of licensees: their bare name decides on no organization."""
    return organizations.filter(pl.col("organization_kind") == "licensee")["payer_id"].unique()


def with_states(aliases: pl.DataFrame, organizations: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Aliases, and for those that leave a licensee open what the bare name in them means in each state.

    'BCBS HMO IP/OP ONLY' names the federation; the rows of 'BCBS' per state say which licensee it means. 'Anthem BCBS' names
    an owner of some licensees; there only those count.

    Args:
        aliases: `payer_alias` rows with `key`.
        organizations: `payer_organization` rows.
        lines: organization_id, ancestor_id, distance.
    """
    of_federation = (pl.col("match") == "is") & pl.col("payer_id").is_in(federations(organizations).implode())
    by_state = aliases.filter(of_federation & (pl.col("scope") == "state")).with_columns(bare=_glued("key"))
    below = lines.filter(pl.col("distance") > 0).select(open_organization="ancestor_id", organization_id="organization_id")
    open_names = (
        aliases.filter(of_federation & (pl.col("scope") == "global"))
        .select("key", open_alias="alias", open_line="line_of_business", open_organization="organization_id", glued=_glued("key"))
        .join(by_state.select("bare").unique(), how="cross")
        .filter(pl.col("glued").str.contains(pl.col("bare"), literal=True))
        .with_columns(is_longest=pl.col("bare").str.len_chars() == pl.col("bare").str.len_chars().max().over("key"))
    )
    found = open_names.join(by_state.drop("key"), on="bare")
    whole = found.filter(pl.col("open_organization").is_null() & pl.col("is_longest"))
    parts = found.join(below, on=("open_organization", "organization_id"), how="semi")
    added = (
        pl.concat([whole, parts])
        .with_columns(alias="open_alias", line_of_business=pl.coalesce("open_line", "line_of_business"))
        .join(by_state.select("key", "state"), on=("key", "state"), how="anti")
        .unique(["key", "state", "organization_id"], keep="first", maintain_order=True)
        .select(aliases.columns)
    )
    return pl.concat([aliases, added])


def holds() -> pl.Expr:
    """The alias holds on the day. A name without a day is taken as used now: what has ended does not hold."""
    day, starts, ends = pl.col("day"), pl.col("valid_from"), pl.col("valid_to")
    has_begun = day.is_null() | starts.is_null() | (starts <= day)
    return has_begun & (ends.is_null() | (day <= ends).fill_null(value=False))


def plan_options(
    rows: pl.DataFrame, in_plan: pl.DataFrame, choices: pl.DataFrame, own: pl.DataFrame, lines: pl.DataFrame
) -> PlanOptions:
    """What aliases in a plan's name add to a name of one payer: an organization where it has none, or one inside it.

    Args:
        rows: Names with `row`, `payers` (list), `state_meant` and `day`.
        in_plan: Spellings in plans, `is_identity` where they say who pays.
        choices: Aliases, licensees by state included.
        own: row, organization_id that the name itself means.
        lines: organization_id, ancestor_id, distance.
    """
    single = rows.filter(pl.col("payers").list.len() == 1).select(
        "row", "state_meant", "day", meant_payer=pl.col("payers").list.first()
    )
    in_scope = (pl.col("scope") == "global") | ((pl.col("scope") == "state") & (pl.col("state") == pl.col("state_meant")))
    named = (
        in_plan.filter("is_identity")
        .select("row", "key")
        .join(single, on="row")
        .join(choices.filter((pl.col("match") == "is") & (pl.col("scope") != "plan")), on="key")
        .filter(holds() & in_scope)
    )
    is_same = pl.col("payer_id") == pl.col("meant_payer")
    of_payer = named.filter(is_same & pl.col("organization_id").is_not_null()).select("row", "organization_id").unique()
    inside = own.join(lines.filter(pl.col("distance") > 0), left_on="organization_id", right_on="ancestor_id").select(
        "row", organization_id="organization_id_right"
    )
    adding = pl.concat(
        [of_payer.join(own, on="row", how="anti"), of_payer.join(inside, on=("row", "organization_id"), how="semi")]
    )
    conflicts = named.filter(~is_same).group_by("row").agg(conflict=shown(pl.col("key")).unique().sort().str.join(", "))
    return PlanOptions(adding, conflicts)


def narrowest(options: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """row, organization_id where one organization is inside all the others named; row, organizations for the others."""
    inside = lines.filter(pl.col("distance") > 0).select(organization_id="ancestor_id", other="organization_id")
    wider = (
        options.join(options.select("row", other="organization_id"), on="row")
        .join(inside, on=("organization_id", "other"))
        .select("row", "organization_id")
    )
    return (
        options.join(wider, on=("row", "organization_id"), how="anti")
        .group_by("row")
        .agg(organizations=pl.col("organization_id").unique().sort())
        .with_columns(organization_id=pl.when(pl.col("organizations").list.len() == 1).then(pl.col("organizations").list.first()))
    )


def _glued(column: str) -> pl.Expr:
    return pl.col(column).str.replace_all(" ", "", literal=True)
