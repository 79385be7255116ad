"""Scopes of rules: organization, line of business, market. Which scope covers which, and the scopes that need an answer."""

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import NamedTuple

import polars as pl

from schemas.base import NOT_STATED

ORGANIZATION_WEIGHT, MARKET_WEIGHT, LINE_WEIGHT = 4, 2, 1
"""An organization's own rule outranks a rule for a market, which outranks a rule for a line of business."""


class Scope(NamedTuple):
    """Where an answer holds; 'any' does not narrow."""

    organization_id: str
    line_of_business: str
    market: str


EVERYWHERE = Scope(NOT_STATED, NOT_STATED, NOT_STATED)
Ancestors = Mapping[str, tuple[str, ...]]
"""Organization to itself, its parent, its parent's parent and so on, 'any' last."""


def ancestors(parents: Mapping[str, str | None]) -> Ancestors:
    """Ancestors of every organization. A parent that leads back to itself ends the line."""
    lines: dict[str, tuple[str, ...]] = {NOT_STATED: (NOT_STATED,)}
    for organization in parents:
        line: list[str] = []
        current: str | None = organization
        while current is not None and current not in line:
            line.append(current)
            current = parents.get(current)
        lines[organization] = (*line, NOT_STATED)
    return lines


def covers(wide: Scope, narrow: Scope, lines: Ancestors) -> bool:
    """A rule for `wide` holds in `narrow`."""
    return (
        wide.organization_id in lines.get(narrow.organization_id, (narrow.organization_id, NOT_STATED))
        and wide.line_of_business in (NOT_STATED, narrow.line_of_business)
        and wide.market in (NOT_STATED, narrow.market)
    )


def meet(left: Scope, right: Scope, lines: Ancestors) -> Scope | None:
    """The widest scope inside both, or None where they do not overlap."""
    organization = _narrower_organization(left.organization_id, right.organization_id, lines)
    line = _narrower(left.line_of_business, right.line_of_business)
    market = _narrower(left.market, right.market)
    return None if organization is None or line is None or market is None else Scope(organization, line, market)


def closure(scopes: Iterable[Scope], lines: Ancestors) -> list[Scope]:
    """The scopes and all their meets, 'everywhere' included: so each question has exactly one narrowest scope."""
    found = {EVERYWHERE, *scopes}
    while True:
        more = {m for a, b in combinations(sorted(found), 2) if (m := meet(a, b, lines)) is not None} - found
        if not more:
            return sorted(found)
        found |= more


def specificity(scope: Scope, lines: Ancestors) -> int:
    """How narrow a scope is: depth of the organization first, then market, then line of business."""
    depth = len(lines.get(scope.organization_id, (scope.organization_id, NOT_STATED))) - 1
    return (
        depth * ORGANIZATION_WEIGHT
        + (scope.market != NOT_STATED) * MARKET_WEIGHT
        + (scope.line_of_business != NOT_STATED) * LINE_WEIGHT
    )


def ancestor_table(lines: Ancestors) -> pl.DataFrame:
    """`organization_ancestor` rows: organization_id, ancestor_id, distance."""
    rows = [(name, ancestor, distance) for name, line in lines.items() for distance, ancestor in enumerate(line)]
    schema = {"organization_id": pl.String, "ancestor_id": pl.String, "distance": pl.Int64}
    return pl.DataFrame(sorted(rows), schema=schema, orient="row")


def _narrower(left: str, right: str) -> str | None:
    if NOT_STATED in (left, right):
        return right if left == NOT_STATED else left
    return left if left == right else None


def _narrower_organization(left: str, right: str, lines: Ancestors) -> str | None:
    if right in lines.get(left, (left, NOT_STATED)):
        return left
    return right if left in lines.get(right, (right, NOT_STATED)) else None
