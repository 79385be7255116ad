"""The cube over time: codes whose answers are the same on every day share one set of answers.

Profiles hold for one period. A code's profiles, one after the other, make its history; distinct histories are few, and a cell
that says the same in two periods is one row in them.
"""

from typing import NamedTuple

import polars as pl

from schemas import Answer, CodeAnswerSet
from transforms.gate import ensure
from transforms.rules import merged_spans

_CODE = ("code_system", "code", "component")


class AnswerSets(NamedTuple):
    """The two tables of which the cube is made."""

    code_answer_set: pl.DataFrame
    """Code and component with the number of their set."""
    answer: pl.DataFrame
    """Cells of each set, in the order of their key."""


def answer_sets(cells: pl.DataFrame, code_profile: pl.DataFrame) -> AnswerSets:
    """Sets of answers from cells by profile. Numbers follow the order of the codes, so they are the same everywhere."""
    ordered = code_profile.sort(*_CODE, "valid_from")
    histories = ordered.group_by(_CODE, maintain_order=True).agg("profile_id")
    distinct = histories.select("profile_id").unique(maintain_order=True).with_row_index("answer_set_id")
    numbered = distinct.cast({"answer_set_id": pl.Int64})
    assigned = histories.join(numbered, on="profile_id", how="left", maintain_order="left").select(*_CODE, "answer_set_id")
    spans = numbered.explode("profile_id").join(cells, on="profile_id").drop("profile_id")
    answers = merged_spans(spans, subject="answer_set_id").sort(Answer.facts().key).select(Answer.column_names())
    return AnswerSets(ensure(assigned, CodeAnswerSet), ensure(answers, Answer))


def cube_rows(sets: AnswerSets) -> pl.DataFrame:
    """Positions of the cube's rows in the order of its key: row `code_at` of `code_answer_set`, row `answer_at` of `answer`."""
    places = (
        sets.answer.with_row_index("at")
        .group_by("answer_set_id", maintain_order=True)
        .agg(first=pl.col("at").min(), until=pl.col("at").max() + 1)
    )
    placed = sets.code_answer_set.with_row_index("code_at").join(places, on="answer_set_id", maintain_order="left")
    return placed.select("code_at", answer_at=pl.int_ranges("first", "until", dtype=pl.UInt32)).explode("answer_at")
