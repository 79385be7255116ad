"""What csv rows and json items have in common: their modifiers, codes and prices, and what is refused of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from transforms.errors import StructureError
from transforms.hpt_codes import GLUED, ReportedCode, priced
from transforms.hpt_effects import Effect, EffectCells, EffectRow, effect_of
from transforms.hpt_findings import FindingCounts
from transforms.hpt_modifiers import REVENUE_CODE, ModifierCell, modifier_cell
from transforms.hpt_numbers import NINE_NINES, is_count, ten_thousandths
from transforms.hpt_prices import Entity, PricedItem, PriceSums, Terms
from transforms.tic_values import NOT_STATED

SETTINGS = frozenset({"inpatient", "outpatient", "both"})
BILLING_CLASSES = frozenset({"professional", "facility", "institutional", "both"})
MAX_EFFECTS = 1_000_000
"""Payers of modifier rows in one file; the most seen are 2,275."""


class PriceCells(NamedTuple):
    """The cells of one price, as published."""

    entity: Entity
    dollars: str = ""
    percent: str = ""
    algorithm: str = ""
    methodology: str = ""
    claim_count: str = ""

    @property
    def is_price(self) -> bool:
        """Whether a rate or a way to find it is published."""
        return bool(self.dollars.strip() or self.percent.strip() or self.algorithm.strip())


class Item(NamedTuple):
    """A row or a charge of an item: where it stands and what holds for all its prices."""

    row: int
    codes: list[ReportedCode]
    modifiers: str
    setting: str
    billing_class: str


@dataclass
class RowCounts:
    """Rows of a file. Each is counted in exactly one of the fields but the first."""

    read: int = 0
    without_modifier: int = 0
    with_modifier: int = 0
    of_effects: int = 0
    refused: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether every row read is accounted for."""
        return self.read == self.without_modifier + self.with_modifier + self.of_effects + self.refused


@dataclass
class Reading:
    """What is gathered while a file streams by."""

    source_file: str
    sums: PriceSums
    findings: FindingCounts = field(default_factory=FindingCounts)
    rows: RowCounts = field(default_factory=RowCounts)
    effects: list[EffectRow] = field(default_factory=list)
    prices_without_modifier: int = 0
    placeholders: int = 0

    def modifiers_of(self, text: str, *, row: int, column: str) -> ModifierCell:
        """The modifiers of a cell; what is refused or taken apart becomes a finding."""
        cell = modifier_cell(text)
        if cell.refusal is not None:
            rule = "modifiers.revenue_code" if cell.refusal == REVENUE_CODE else "modifiers.garbage"
            self.findings.add(rule, text.strip(), row=row, column=column, reason=cell.refusal)
        elif cell.was_glued:
            reason = f"Two modifiers stand together without a separator; read as {' and '.join(cell.modifiers)}."
            self.findings.add("modifiers.glued", text.strip(), row=row, column=column, reason=reason, severity="info")
        return cell

    def add_item(self, item: Item, modifiers: Sequence[str], prices: Sequence[PriceCells]) -> None:
        """Count the prices of an item with modifiers."""
        codes = priced(item.codes)
        self.rows.with_modifier += 1
        items = [PricedItem(code, tuple(modifiers)) for code in codes]
        setting = self.known_word(item.setting, SETTINGS, row=item.row, column="setting")
        billing_class = self.known_word(item.billing_class, BILLING_CLASSES, row=item.row, column="billing_class")
        for price in prices:
            if price.is_price:
                self._add_price(price, items, setting=setting, billing_class=billing_class, item=item)

    def refuse_glued(self, code: ReportedCode, *, row: int) -> None:
        """Refuse a row whose code cell holds several."""
        self.rows.refused += 1
        self.findings.add("code.glued", code.code, row=row, column="code", reason=GLUED)

    def add_effect(self, entity: Entity, cells: EffectCells, row: "ModifierRow") -> bool:
        """Take a payer's cells of a modifier row. Tells whether there was anything in them."""
        effect = effect_of(cells)
        if effect is None:
            return False
        if effect.verdict == "placeholder":
            self.placeholders += 1
            self.findings.add("effect.placeholder", cells.note.strip(), row=row.row, column="note", reason=effect.reason)
            return True
        if len(self.effects) >= MAX_EFFECTS:
            raise StructureError(
                self.source_file,
                expected=f"at most {MAX_EFFECTS:,} payers of modifiers that stand by themselves",
                found="more",
                advice="Check that the file is a hospital's and not made of repetitions.",
            )
        self.effects.append(_effect_row(entity, effect, row))
        return True

    def known_word(self, text: str, known: frozenset[str], *, row: int, column: str) -> str:
        """A word of a vocabulary in lower case; blank, and a finding, where it is another."""
        word = _word(text)
        if not word or word in known:
            return word
        reason = f"Must be one of {', '.join(sorted(known))}; taken as not stated."
        self.findings.add(column, word, row=row, column=column, reason=reason, severity="warning")
        return ""

    def _add_price(self, price: PriceCells, items: list[PricedItem], *, setting: str, billing_class: str, item: Item) -> None:
        rate = self._rate(price, row=item.row)
        if rate is None:
            return
        if not is_count(price.claim_count):
            reason = "A count of claims is a number or `1 through 10`."
            self.findings.add("count", price.claim_count.strip(), row=item.row, column="count", reason=reason, severity="warning")
        kind, value = rate
        terms = Terms(_word(price.methodology) or NOT_STATED, kind, billing_class, setting)
        for priced_item in items:
            self.sums.add(priced_item, price.entity, terms, value, published=item.modifiers.strip())

    def _rate(self, price: PriceCells, *, row: int) -> tuple[str, int | None] | None:
        """Kind and rate of a price: dollars before a percentage, which they are made from; None where a figure is no number."""
        dollars = ten_thousandths(price.dollars) if price.dollars else None
        percent = ten_thousandths(price.percent) if price.percent else None
        for column, text, value in (
            ("negotiated_dollar", price.dollars, dollars),
            ("negotiated_percentage", price.percent, percent),
        ):
            if value is None and text.strip():
                self.findings.add("rate.type", text.strip(), row=row, column=column, reason="A rate must be a number.")
                return None
        if dollars is not None and dollars >= NINE_NINES:
            shown, reason = price.dollars.strip(), "Nine nines stand for an amount that is not known."
            self.findings.add("rate.sentinel", shown, row=row, column="negotiated_dollar", reason=reason, severity="info")
            dollars = None
        if dollars is not None:
            return "dollars", dollars
        return ("percent", percent) if percent else ("none", None)


class ModifierRow(NamedTuple):
    """A modifier that stands by itself."""

    row: int
    column: int
    modifiers: tuple[str, ...]
    published: str
    setting: str
    billing_class: str = ""


def _effect_row(entity: Entity, effect: Effect, row: ModifierRow) -> EffectRow:
    return EffectRow(
        payer_name=entity.payer_name,
        plan_name=entity.plan_name or None,
        modifier="|".join(row.modifiers),
        published_modifier=row.published.strip(),
        billing_class=_word(row.billing_class) or None,
        setting=_word(row.setting) or None,
        effect=effect,
        source_row=row.row,
        source_column=row.column,
    )


@lru_cache(maxsize=10_000)
def _word(text: str) -> str:
    """A word of a vocabulary, in lower case and with single blanks."""
    return " ".join(text.lower().split())
