"""Findings of a hospital's file: one per distinct value with its first row and how often it occurs, never thousands of one kind.

Values are cells of code, modifier and number columns only. What reads like prose is never repeated: it may be a description
that slipped into the wrong column, and descriptions belong to others.
"""

from typing import NamedTuple

import polars as pl

from transforms.gate import findings_frame

TABLE = "modifier_observation"
MAX_VALUES = 200
"""Distinct values of one rule that get a finding of their own; what comes after is summed up in one."""
_LONGEST_VALUE, _MOST_LETTERS = 60, 12
_FURTHER = "further values"


class _First(NamedTuple):
    """Where a value was seen first."""

    row: int
    column: str
    severity: str
    reason: str


class FindingCounts:
    """Collects findings while a file streams by; memory does not grow with the file."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str], _First] = {}
        self._count: dict[tuple[str, str], int] = {}
        self._values: dict[str, int] = {}

    def add(self, rule: str, value: str, *, row: int, column: str, reason: str, severity: str = "refused") -> None:
        """Count a value that breaks a rule. `rule` is the last part of the rule's id, `row` a line or place counted from 1."""
        key = (rule, shown(value))
        if key not in self._first:
            if self._values.get(rule, 0) >= MAX_VALUES:
                key = (rule, _FURTHER)
            self._values[rule] = self._values.get(rule, 0) + 1
        self._first.setdefault(key, _First(row, column, severity, reason))
        self._count[key] = self._count.get(key, 0) + 1

    def count(self, rule: str) -> int:
        """How often a rule was broken."""
        return sum(count for (broken, _), count in self._count.items() if broken == rule)

    def first_row(self, rule: str) -> int | None:
        """Where a rule was broken first; None where it never was."""
        return min((first.row for (broken, _), first in self._first.items() if broken == rule), default=None)

    def frame(self, source_file: str) -> pl.DataFrame:
        """The findings in the declared columns, in the order of their rows. Values first seen in one cell share a finding."""
        merged: dict[tuple[int, str, str], tuple[_First, list[str]]] = {}
        for (rule, value), first in self._first.items():
            words = f"{value} ({self._count[rule, value]:,} times, first here)" if self._count[rule, value] > 1 else value
            merged.setdefault((first.row, first.column, rule), (first, []))[1].append(words)
        rows = [
            {
                "source_file": source_file,
                "source_row": row,
                "column_name": column,
                "rule_id": f"{TABLE}.{rule}",
                "severity": first.severity,
                "value": "; ".join(words),
                "reason": first.reason,
            }
            for (row, column, rule), (first, words) in merged.items()
        ]
        return findings_frame(sorted(rows, key=lambda row: (row["source_row"], row["rule_id"], row["column_name"])))


def shown(value: str) -> str:
    """A value as findings and messages may repeat it: short, and one word or few letters."""
    is_prose = len(value.split()) > 1 and sum(character.isalpha() for character in value) > _MOST_LETTERS
    return f"a text of {len(value)} characters" if is_prose or len(value) > _LONGEST_VALUE else value
