"""The small language in which a rule says which rows of the fee schedule it covers (docs/predicates.md).

`any`, or terms joined by `;`, all of which must hold: `bilateral_code=1; has_phases=true`, `section!=evaluation_management`,
`code=00100..01999|99100`. A term about a fact that is not known never holds.
"""

import re
from functools import reduce
from typing import NamedTuple

import polars as pl

from schemas import PfsIndicator
from schemas.vocabulary import COMPONENTS, SECTIONS

CODE_FACTS = ("code", "component", "section")
"""Facts of the code itself, known without a release of the fee schedule."""
INDICATOR_FACTS = (
    "status_code",
    "pctc_code",
    "global_days_code",
    "multiple_procedure_code",
    "bilateral_code",
    "assistant_code",
    "co_surgeon_code",
    "team_surgeon_code",
    "imaging_family_code",
    "has_26",
    "has_tc",
    "has_53",
    "has_phases",
)
"""Facts that a release of the fee schedule states, as text; the `has_` facts are `true` or `false`."""
_TRUTH = ("false", "true")
_VALUES = {
    column.name: column.values for column in PfsIndicator.columns() if column.name in INDICATOR_FACTS and column.values
} | {
    "section": SECTIONS,
    "component": COMPONENTS,
    **{fact: _TRUTH for fact in INDICATOR_FACTS if fact.startswith("has_")},
}
"""Values of facts that have a fixed vocabulary."""
_TERM = re.compile(r"^(?P<field>[a-z0-9_]+)(?P<operator>!?=)(?P<values>[0-9A-Za-z_.]+(\|[0-9A-Za-z_.]+)*)$")


class Term(NamedTuple):
    """One condition. `ranges` are inclusive and compare text of equal length."""

    field: str
    is_negated: bool
    values: tuple[str, ...]
    ranges: tuple[tuple[str, str], ...]


class PredicateError(ValueError):
    """A predicate that cannot be read; says which part."""


def parse(text: str) -> tuple[Term, ...]:
    """Terms of a predicate; `any` has none. Raises PredicateError."""
    if text.strip() == "any":
        return ()
    return tuple(_term(part.strip()) for part in text.split(";"))


def expression(terms: tuple[Term, ...]) -> pl.Expr:
    """The predicate as an expression over a frame of facts (see `rules.code_facts`), never null."""
    conditions = [_condition(term).fill_null(value=False) for term in terms]
    return reduce(lambda left, right: left & right, conditions, pl.lit(value=True))


def problem(text: str) -> str | None:
    """What is wrong with a predicate, or None: it cannot be read, or asks for a value that its fact never has."""
    try:
        terms = parse(text)
    except PredicateError as error:
        return str(error)
    for term in terms:
        unknown = [value for value in term.values if term.field in _VALUES and value not in _VALUES[term.field]]
        if unknown:
            return f"'{term.field}' is never {', '.join(unknown)}; it is one of {', '.join(_VALUES[term.field])}."
        if any(low > high for low, high in term.ranges):
            return f"'{term.field}' has a range that ends before it starts."
    return None


def _term(part: str) -> Term:
    match = _TERM.match(part)
    if not match:
        raise PredicateError(f"'{part}' is not field=value|value.")
    field = match["field"]
    if field not in (*CODE_FACTS, *INDICATOR_FACTS):
        raise PredicateError(f"'{field}' is not a fact; known are {', '.join((*CODE_FACTS, *INDICATOR_FACTS))}.")
    plain = tuple(value for value in match["values"].split("|") if ".." not in value)
    pairs = [value.partition("..") for value in match["values"].split("|") if ".." in value]
    if any(not low or len(low) != len(high) or "." in low + high for low, _, high in pairs):
        raise PredicateError(f"'{match['values']}' has a range that is not from..to of equal length.")
    return Term(
        field=field,
        is_negated=match["operator"] == "!=",
        values=plain,
        ranges=tuple((low, high) for low, _, high in pairs),
    )


def _alike(bound: str) -> str:
    """Pattern of texts that a range may hold: as long as its bounds, and digits where they are, so 0042T is no 00420."""
    return f"^[0-9]{{{len(bound)}}}$" if bound.isdigit() else f"^.{{{len(bound)}}}$"


def _condition(term: Term) -> pl.Expr:
    fact = pl.col(term.field)
    inside = [fact.is_between(pl.lit(low), pl.lit(high)) & fact.str.contains(_alike(low)) for low, high in term.ranges]
    met = reduce(lambda left, right: left | right, inside, fact.is_in(list(term.values)))
    return ~met if term.is_negated else met
