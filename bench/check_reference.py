"""`payref check` line by line: what the set-based judge is compared with, in findings and in time. One function per rule."""

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from bench import check_claim_rules, check_line_rules
from bench.check_claims import Line, Refused, read
from bench.check_facts import Facts, Scope, loaded, scopes_of
from bench.check_line_rules import Found, unasked
from flows.release_query import opened
from schemas.claim import CHECK_RULES, ClaimFinding

_RULES = {rule.rule_id: rule for rule in CHECK_RULES}
_COPIED = (
    "rule_id",
    "severity",
    "column_name",
    "value",
    "effect_percent",
    "effect_units",
    "effect_formula",
    "medicare_disposition",
    "medicare_effect_percent",
    "answer_rule_id",
    "related_row",
    "is_stale",
    "citation",
)


def reference_findings(connection: duckdb.DuckDBPyConnection, claims: Path, *, on: date | None = None) -> pl.DataFrame:
    """Findings of a claim file in the columns of `schemas.claim.ClaimFinding`, in no order."""
    lines, refused = read(claims, on=on)
    facts = loaded(connection, {line.code for line in lines})
    scopes = scopes_of(connection, facts, lines)
    found = [_refusal(each) for each in refused] + judged(facts, lines, scopes)
    return pl.DataFrame(found, schema=ClaimFinding.polars_schema())


def judged(facts: Facts, lines: Sequence[Line], scopes: dict[int, Scope]) -> list[dict[str, Any]]:
    """Findings of lines that can be judged."""
    claims: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        claims[line.claim].append(line)
    by_row = {line.source_row: line for line in lines}
    of_lines = ((line.source_row, found) for line in lines for found in _of_line(facts, line, scopes[line.source_row]))
    of_claims = chain.from_iterable(_of_claim(facts, claim, scopes) for claim in claims.values())
    return [_told(by_row[row], scopes[row], found) for row, found in chain(of_lines, of_claims)]


def _of_line(facts: Facts, line: Line, scope: Scope) -> Iterator[Found]:
    for rule in check_line_rules.RULES:
        yield from rule(facts, line, scope)


def _of_claim(facts: Facts, claim: Sequence[Line], scopes: dict[int, Scope]) -> Iterator[tuple[int, Found]]:
    for rule in check_claim_rules.RULES:
        yield from rule(facts, claim, scopes)


def _told(line: Line, scope: Scope, found: Found) -> dict[str, Any]:
    """A finding with its sentence and its citation."""
    rule = _RULES[found.rule_id]
    beside = "" if scope.is_medicare else " Medicare's answer is shown beside."
    words = {
        "code": line.code,
        "day": line.judged_on.isoformat(),
        "limit": "" if found.effect_units is None else str(int(found.effect_units)),
        "other": found.other or "",
        "detail": found.detail or "",
        "value": found.value or "",
        "unpublished": _unpublished(line, scope),
        "beside": beside,
        "others": "" if scope.is_medicare else f" {_unpublished(line, scope)}{beside}",
    }
    sentence = rule.sentence + (rule.if_unknown if found.severity == "unknown" else "")
    return {
        "source_row": line.source_row,
        "claim": line.claim,
        "line": line.line,
        "payer_id": scope.payer_id,
        "sentence": sentence.format_map(words),
        **{name: getattr(found, name) for name in _COPIED},
    }


def _unpublished(line: Line, scope: Scope) -> str:
    if scope.payer_id is None:
        return unasked(line)
    if scope.is_medicare:
        return "No rule of Medicare says so in words; what is cited is the basis."
    return f"No published rule of {scope.payer_name} about it is known here."


def _refusal(refused: Refused) -> dict[str, Any]:
    given = {**refused._asdict(), "rule_id": "line.refused", "severity": "refused", "is_stale": False}
    given["sentence"] = given.pop("reason")
    return {name: given.get(name) for name in ClaimFinding.column_names()}


def main() -> None:
    """Judge a claim file and say how many findings there are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("claims", type=Path)
    parser.add_argument("--output", type=Path, default=Path("output"))
    given = parser.parse_args()
    with opened(given.output) as connection:
        print(f"{reference_findings(connection, given.claims).height:,} findings")


if __name__ == "__main__":
    main()
