"""Envelopes: what a release may not lose, refuse or change without somebody having said that it is meant.

Too little stops a release before it is published, too much only warns. Limits stand beside each table in its declaration.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import polars as pl

from schemas.base import Table
from transforms.answer_sets import AnswerSets

FEWEST_ROWS = 20
"""Below so many rows a share says nothing."""
DIMENSIONS = ("payer", "modifier", "section")


class Breach(NamedTuple):
    """A limit that a release broke."""

    table: str
    is_stop: bool
    text: str
    """What was expected and what was found."""


def row_breaches(model: type[Table], *, held: int, before: int | None) -> list[Breach]:
    """Rows of a table against its declared range and against the release before, where there is one."""
    name, facts = model.table_name(), model.facts()
    fewest, most = facts.expected_rows
    kept, found = 100 - facts.limits.most_lost_percent, []
    if fewest and held < fewest and (before is None or held < before):
        found.append(Breach(name, is_stop=True, text=f"expected at least {fewest:,} rows, found {held:,}"))
    elif before is not None and before >= FEWEST_ROWS and held * 100 < before * kept:
        text = f"expected at least {kept} % of the {before:,} rows of the release before, found {held:,}"
        found.append(Breach(name, is_stop=True, text=text))
    if held > most:
        found.append(Breach(name, is_stop=False, text=f"expected at most {most:,} rows, found {held:,}"))
    return found


def change_breaches(model: type[Table], *, touched: int, before: int) -> list[Breach]:
    """Share of the earlier release's rows that changed or went."""
    limit = model.facts().limits.most_changed_percent
    if before < FEWEST_ROWS or touched * 100 <= before * limit:
        return []
    text = f"expected at most {limit} % of the {before:,} rows of the release before to change or go, found {touched:,}"
    return [Breach(model.table_name(), is_stop=False, text=text)]


def refusal_breaches(
    models: Iterable[type[Table]], *, source: str, read: int, refused: int, is_stop: bool = True
) -> list[Breach]:
    """Share of a source's rows that were refused; the most patient of its tables counts.

    Price files of thousands of publishers are refused one by one and the rest is used, so of them it only warns.
    """
    patient = max(models, key=lambda model: model.facts().limits.most_refused_percent)
    limit = patient.facts().limits.most_refused_percent
    if refused < FEWEST_ROWS or refused * 100 <= read * limit:
        return []
    text = f"expected at most {limit} % of the {read:,} rows of {source} to be refused, found {refused:,} (table finding)"
    return [Breach(patient.table_name(), is_stop=is_stop, text=text)]


def coverage(sets: AnswerSets, sections: pl.DataFrame) -> pl.DataFrame:
    """Cells and answered cells of the cube by payer, modifier and code section.

    `sections` has code_system, code and section. Columns of the answer: dimension, value, cells, answered.
    """
    coded = sets.code_answer_set.join(sections.unique(["code_system", "code"]), on=["code_system", "code"], how="left")
    codes = coded.group_by("answer_set_id", "section").agg(codes=pl.len().cast(pl.Int64))
    is_answered = pl.col("disposition") != "not_published"
    counted = sets.answer.group_by("answer_set_id", payer="payer_id", modifier="modifier").agg(
        cells=pl.len().cast(pl.Int64), answered=is_answered.sum().cast(pl.Int64)
    )
    cells = counted.join(codes, on="answer_set_id").with_columns(pl.col("cells", "answered") * pl.col("codes"))
    sums = [
        cells.group_by(value=pl.col(name).fill_null("none"))
        .agg(pl.col("cells", "answered").sum())
        .with_columns(dimension=pl.lit(name))
        for name in DIMENSIONS
    ]
    return pl.concat(sums).select("dimension", "value", "cells", "answered").sort("dimension", "value")


def coverage_breaches(model: type[Table], *, held: pl.DataFrame, before: pl.DataFrame) -> list[Breach]:
    """Payers, modifiers and code sections that lost more of their cells, or of their answered cells, than is plausible."""
    kept = 100 - model.facts().limits.most_lost_percent
    both = before.join(held, on=["dimension", "value"], how="left", suffix="_later").fill_null(0).sort("dimension", "value")
    found = []
    for row in both.iter_rows(named=True):
        shrunk = [
            what for what in ("cells", "answered") if row[what] >= FEWEST_ROWS and row[f"{what}_later"] * 100 < row[what] * kept
        ]
        for what in shrunk[:1]:
            words = f"{row[what]:,} {'answered ' if what == 'answered' else ''}cells"
            text = f"{row['dimension']} {row['value']}: expected at least {kept} % of its {words}, found {row[f'{what}_later']:,}"
            found.append(Breach(model.table_name(), is_stop=True, text=text))
    return found


def stops(breaches: Iterable[Breach], *, accepted: Iterable[str]) -> Mapping[str, list[str]]:
    """What stops, by table, without what was accepted."""
    meant = set(accepted)
    by_table: dict[str, list[str]] = {}
    for breach in breaches:
        if breach.is_stop and breach.table not in meant:
            by_table.setdefault(breach.table, []).append(breach.text)
    return by_table
