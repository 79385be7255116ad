"""Modifier rows without an item: how a payer pays the modifier, as far as figures and note say the same.

CMS lets a hospital publish a modifier by itself, with a percentage, a dollar amount or a note (layout 2.2 and later, "modifier
encoded without an item or service"). The wordings "50% payment adjustment for the item or service to which the modifier is
appended" and "62.5% of the amount for the item or service ..." of the CMS examples both state the share that is paid.
The hospital's words stay behind: `note` says in ours what was recognised in them.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

import polars as pl

from schemas.base import NOT_STATED
from schemas.prices import PublishedModifierEffect
from transforms.hpt_facts import HospitalFacts
from transforms.hpt_numbers import is_no_number, number, plain

PLACEHOLDERS = frozenset(
    {
        "modifier_payer_description", "modifier_payer_information", "modifier_description", "description", "[description]",
        "additional_payer_notes", "additional_generic_notes",
    }
)  # fmt: skip
"""Names of fields that stand where a note should."""
_BOILERPLATE = re.compile(
    r"the modified (price|amount|rate|charge) is (presented|included|reflected) in the standard charges? values?"
)
_FIGURE = re.compile(r"(?<![0-9.])([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*(?:%|percent\b)")
_FACTOR = re.compile(
    r"%?\s*(payment adjustment\b|of (the )?(amount|allowed amount|rate|negotiated rate|standard charge amount)\b)"
)
_DOUBTS = (
    (r"[0-9]", "The note names further figures beside the percentage."),
    (
        r"\b(if|when|unless|except|until|first|second|primary|secondary|subsequent|additional|remaining|lesser|greater|maximum|"
        r"minimum|up to|only|after|before|conjunction|conjuction)\b",
        "The percentage of the note stands under a condition.",
    ),
    (
        r"\b(reduc\w*|discount\w*|decreas\w*|increas\w*|add-?on|surcharge|less|plus|minus|off)\b",
        "The note speaks of a change by a percentage, not of the share that is paid.",
    ),
    (
        r"\b(medicare|medicaid|cms|billed|gross|charges|cost|invoice|apc|opps|drg|rbrvs|wholesale)\b",
        "The percentage of the note is one of something else than the rate.",
    ),
)
"""What else a note may say, its percentage taken out, that keeps the percentage from being the share that is paid."""
_OF_CHARGES = "percent of total billed charges"
_LEAST, _MOST = Decimal(1), Decimal(1000)
"""A share of at most 1 may be a fraction (0.5 for 50 percent); one above 1000 percent is no share of a rate."""
_BEYOND = Decimal(100_000)
"""What the column of the table cannot hold is no percentage."""


class EffectCells(NamedTuple):
    """The cells of a payer in a modifier row, as published."""

    percent: str = ""
    dollars: str = ""
    algorithm: str = ""
    methodology: str = ""
    note: str = ""


class Effect(NamedTuple):
    """The row as understood. Percentages are shares of the rate that is paid without the modifier."""

    published_percent: Decimal | None
    published_dollars: Decimal | None
    effect_percent: Decimal | None
    note: str | None
    verdict: str
    reason: str


class NoteReading(NamedTuple):
    """What a note says: a factor, boilerplate, a placeholder, or nothing that can be relied on."""

    kind: str
    factor: Decimal | None = None
    words: str | None = None
    reason: str = ""


class Judgement(NamedTuple):
    """What a row comes to."""

    verdict: str
    reason: str
    share: Decimal | None = None


class EffectRow(NamedTuple):
    """A row of `published_modifier_effect` before the facts of its file are added."""

    payer_name: str
    plan_name: str | None
    modifier: str
    published_modifier: str
    billing_class: str | None
    setting: str | None
    effect: Effect
    source_row: int
    source_column: int


@lru_cache(maxsize=10_000)
def effect_of(cells: EffectCells) -> Effect | None:
    """The effect of a payer's cells in a modifier row; None where the payer has none. Figures are checked against the note."""
    if not any(cell.strip() for cell in cells):
        return None
    percent, dollars = share_of(cells.percent), number(cells.dollars)
    note = reading(cells.note)
    judged = _judged(cells, percent, dollars, note)
    return Effect(percent, dollars, judged.share, note.words, judged.verdict, judged.reason)


@lru_cache(maxsize=10_000)
def reading(note: str) -> NoteReading:
    """What a note says. Only wordings that state one share of the rate, without condition or other base, count as a factor."""
    text = " ".join(note.lower().split()).rstrip(". ")
    if not text:
        return NoteReading("none")
    if text in PLACEHOLDERS:
        return NoteReading("placeholder")
    if _BOILERPLATE.fullmatch(text):
        return NoteReading("boilerplate", words="the charges listed for items already include the modifier")
    figures = sorted({share for found in _FIGURE.findall(text) if (share := share_of(found)) is not None})
    words = f"names {' and '.join(plain(figure) for figure in figures)} percent" if figures else "names no percentage"
    if reason := _why_unreadable(text, figures):
        return NoteReading("unreadable", words=words, reason=reason)
    return NoteReading("factor", figures[0], f"{plain(figures[0])} percent of the rate")


def share_of(text: str) -> Decimal | None:
    """A percentage; None for a blank cell, for what is no number and for more than a percentage can be."""
    share = number(text)
    return share if share is not None and abs(share) < _BEYOND else None


def effect_frame(rows: Sequence[EffectRow], facts: HospitalFacts, *, source_file: str) -> pl.DataFrame:
    """Rows as the table `published_modifier_effect`; payer, organization and line of business are for the names to resolve."""
    constant = {
        "hospital": facts.hospital,
        "hospital_market": facts.market,
        "payer_id": None,
        "organization_id": None,
        "line_of_business": NOT_STATED,
        "known_from": facts.last_updated_on,
        "source_file": source_file,
    }
    taken = {name: [getattr(row, name) for row in rows] for name in EffectRow._fields if name != "effect"}
    understood = {name: [getattr(row.effect, name) for row in rows] for name in Effect._fields}
    columns = {**taken, **understood, **{name: [value] * len(rows) for name, value in constant.items()}}
    schema = PublishedModifierEffect.polars_schema()
    return pl.DataFrame({name: pl.Series(columns[name], dtype=dtype) for name, dtype in schema.items()})


def _why_unreadable(text: str, figures: Sequence[Decimal]) -> str | None:
    """Why a note states no single share of the rate; None where it does."""
    if len(figures) != 1:
        return (
            "The note names several percentages and does not say which one applies."
            if figures
            else "The note states no percentage."
        )
    rest = _FIGURE.sub("", text)
    doubt = next((reason for pattern, reason in _DOUBTS if re.search(pattern, rest)), None)
    if doubt is None and not _FACTOR.search(text):
        return "The wording of the note is not one that states a share of the rate."
    return doubt


def _judged(cells: EffectCells, percent: Decimal | None, dollars: Decimal | None, note: NoteReading) -> Judgement:
    if note.kind == "placeholder":
        return Judgement("placeholder", "The name of a field stands where the note should.")
    if (percent is None and cells.percent.strip()) or is_no_number(cells.dollars):
        return Judgement("unreadable", "A figure is no number.")
    if percent is not None and dollars is not None:
        return Judgement("unreadable", "Both a percentage and a dollar amount are published for the modifier alone.")
    if note.kind == "unreadable":
        return Judgement("unreadable", note.reason)
    if dollars is not None:
        return _of_dollars(dollars, note)
    return _of_note(note) if percent is None else _of_percent(percent, note, methodology=cells.methodology)


def _of_percent(percent: Decimal, note: NoteReading, *, methodology: str) -> Judgement:
    shown = plain(percent)
    if note.factor is not None and note.factor != percent:
        return Judgement("contradicts_note", f"The note says {plain(note.factor)} percent, the column says {shown}.")
    if methodology.strip().lower() == _OF_CHARGES:
        return Judgement("unreadable", "The percentage is one of billed charges, not of the rate.")
    if not 0 < percent <= _MOST:
        return Judgement("unreadable", f"{shown} percent is no share of a rate.")
    if note.factor is not None:
        return Judgement("clear", "Column and note state the same share.", percent)
    if percent <= _LEAST:
        return Judgement("unreadable", f"{shown} may be a fraction or a percentage, and no note says which.")
    return Judgement("clear", "The column states a percentage, and no note speaks against it.", percent)


def _of_dollars(dollars: Decimal, note: NoteReading) -> Judgement:
    if note.factor is None:
        return Judgement("unreadable", "A dollar amount for a modifier alone does not say of which service it is the price.")
    figure = plain(dollars)
    if note.factor == dollars:
        said = f"{figure} stands in the dollar column, but the note says {figure} percent."
        return Judgement("contradicts_note", said, dollars)
    return Judgement("contradicts_note", f"The note says {plain(note.factor)} percent, the dollar column {figure}.")


def _of_note(note: NoteReading) -> Judgement:
    if note.kind == "boilerplate":
        return Judgement("boilerplate", "The note only says that the charges listed for items include the modifier.")
    if note.factor is None:
        return Judgement("unreadable", "Neither a figure nor a note is published, only how the rate is found.")
    if not 0 < note.factor <= _MOST:
        return Judgement("unreadable", f"{plain(note.factor)} percent is no share of a rate.")
    return Judgement("clear", "The note states the share, and no figure speaks against it.", note.factor)
