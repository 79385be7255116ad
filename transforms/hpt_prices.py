"""Prices of items with modifiers, summed up while a file streams by.

Every price becomes two whole numbers: a key that packs which code and modifiers, which payer and plan and which terms, and the
rate in ten-thousandths. Full batches are sorted into counts per key and rate, so memory follows the number of different prices,
not the size of the file, up to a declared limit.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from schemas.base import NOT_STATED
from schemas.prices import ModifierObservation
from transforms.errors import StructureError
from transforms.hpt_codes import ReportedCode, code_system
from transforms.hpt_facts import HospitalFacts
from transforms.hpt_numbers import SCALE

FLUSH_AT = 500_000
"""Prices held before they are counted."""
MAX_DIFFERENT = 1_500_000
"""Different prices with modifiers in one file; the most seen are 72."""
MAX_ITEMS, MAX_ENTITIES, MAX_TERMS = 300_000, 1 << 20, 1 << 12
"""Different codes with modifiers, payers with plans, and terms in one file. The last two are the widths of a packed key."""
GROUPS_AT_ONCE = 100_000
"""Groups whose columns are spelled out at a time."""
_ENTITY_BITS, _TERMS_BITS = 20, 12
_NO_RATE = -(2**63)
_ONE_STEP = Decimal(1).scaleb(-SCALE)
_Numbers = npt.NDArray[np.int64]


class PricedItem(NamedTuple):
    """A code with its modifiers, which are sorted."""

    found: ReportedCode
    modifiers: tuple[str, ...]


class Entity(NamedTuple):
    """Payer and plan as the file spells them; the plan is blank where the file names none."""

    payer_name: str
    plan_name: str


class Terms(NamedTuple):
    """Under which circumstances a price holds."""

    negotiated_type: str
    rate_kind: str
    billing_class: str
    setting: str


class _Counts(NamedTuple):
    """Different prices in the order of key and rate, and how often each stands in the file."""

    key: _Numbers
    rate: _Numbers
    prices: _Numbers


class PriceSums:
    """Adds prices up. Rates are whole numbers of ten-thousandths; None where there is no rate."""

    def __init__(self, *, source_file: str) -> None:
        self.price_count = 0
        self._source_file = source_file
        self._items: dict[PricedItem, int] = {}
        self._spellings: list[str] = []
        self._entities: dict[Entity, int] = {}
        self._terms: dict[Terms, int] = {}
        self._keys, self._rates = array("q"), array("q")
        self._counts = _Counts(*(np.empty(0, np.int64) for _ in _Counts._fields))

    def add(self, item: PricedItem, entity: Entity, terms: Terms, rate: int | None, *, published: str) -> None:
        """Count one price. `published` is the modifier cell as the file writes it; the first spelling of a set is kept."""
        place = self._items.setdefault(item, len(self._items))
        if place == len(self._spellings):
            self._spellings.append(published)
        who = self._entities.setdefault(entity, len(self._entities))
        what = self._terms.setdefault(terms, len(self._terms))
        if place >= MAX_ITEMS or who >= MAX_ENTITIES or what >= MAX_TERMS:
            raise self._too_many("different codes, payers or terms", MAX_ITEMS)
        self._keys.append((place << _ENTITY_BITS | who) << _TERMS_BITS | what)
        self._rates.append(_NO_RATE if rate is None else rate)
        self.price_count += 1
        if len(self._keys) >= FLUSH_AT:
            self._flush()

    def parts(self, facts: HospitalFacts) -> Iterator[pl.DataFrame]:
        """The observations, `payer_name` and `plan_name` beside the table's columns, in parts and always in the same order."""
        self._flush()
        words = _words(self._items, self._spellings, self._entities, self._terms)
        groups = _grouped(_ranked(self._counts, words)).with_row_index("source_row", offset=1)
        for start in range(0, groups.height, GROUPS_AT_ONCE):
            yield _spelled(groups.slice(start, GROUPS_AT_ONCE), words, facts, source_file=self._source_file)

    def _flush(self) -> None:
        """Count what was added since the last time. Raises StructureError beyond the declared limit."""
        before = self._counts
        added = np.frombuffer(self._keys, np.int64), np.frombuffer(self._rates, np.int64), np.ones(len(self._keys), np.int64)
        self._counts = _counted(_Counts(*(np.concatenate(pair) for pair in zip(before, added, strict=True))))
        self._keys, self._rates = array("q"), array("q")
        if len(self._counts.key) > MAX_DIFFERENT:
            raise self._too_many("different prices with modifiers", MAX_DIFFERENT)

    def _too_many(self, what: str, limit: int) -> StructureError:
        return StructureError(
            self._source_file,
            expected=f"at most {limit:,} {what}",
            found="more",
            advice="Split the file, or raise the limit on a machine with more memory.",
        )


class _Words(NamedTuple):
    """What the numbers in a key stand for: frames in the order of their rows, and the place of every number in that order."""

    frames: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]
    places: tuple[_Numbers, _Numbers, _Numbers]


def _words(
    items: Mapping[PricedItem, int], spellings: Sequence[str], entities: Mapping[Entity, int], terms: Mapping[Terms, int]
) -> _Words:
    item = {
        "reported_code_system": [item.found.type for item in items],
        "code": [item.found.code for item in items],
        "modifiers": ["|".join(item.modifiers) for item in items],
        "code_system": [code_system(item.found) for item in items],
        "published_modifiers": list(spellings),
    }
    named = (
        pl.DataFrame(item, schema=dict.fromkeys(item, pl.String)),
        pl.DataFrame(list(entities), schema=dict.fromkeys(Entity._fields, pl.String), orient="row"),
        pl.DataFrame(list(terms), schema=dict.fromkeys(Terms._fields, pl.String), orient="row"),
    )
    ordered = [frame.with_row_index("number").sort(frame.columns) for frame in named]
    places = [np.argsort(frame["number"].to_numpy()) for frame in ordered]
    first, second, third = (frame.drop("number") for frame in ordered)
    return _Words((first, second, third), (places[0], places[1], places[2]))


def _counted(prices: _Counts) -> _Counts:
    """Prices in the order of key and rate, equal ones as one."""
    order = np.lexsort((prices.rate, prices.key))
    key, rate = prices.key[order], prices.rate[order]
    starts = np.flatnonzero(np.r_[len(key) > 0, (key[1:] != key[:-1]) | (rate[1:] != rate[:-1])])
    return _Counts(key[starts], rate[starts], np.add.reduceat(prices.prices[order], starts) if len(starts) else prices.prices)


def _ranked(counts: _Counts, words: _Words) -> _Counts:
    """The same with numbers that follow the order of the words, in the order of item, payer and plan, terms, and rate."""
    item, entity, terms = _unpacked(counts.key)
    items, entities, kinds = words.places
    key = (items[item] << _ENTITY_BITS | entities[entity]) << _TERMS_BITS | kinds[terms]
    return _counted(counts._replace(key=key))


def _unpacked(key: _Numbers) -> tuple[_Numbers, _Numbers, _Numbers]:
    entity = (key >> _TERMS_BITS) & (MAX_ENTITIES - 1)
    return key >> (_ENTITY_BITS + _TERMS_BITS), entity, key & (MAX_TERMS - 1)


def _grouped(counts: _Counts) -> pl.DataFrame:
    """One row per key with its figures.

    The median is exact: the middle price, or the mean of the middle two with half a ten-thousandth rounded to the even one.
    """
    key, rate, prices = counts
    starts = np.flatnonzero(np.r_[len(key) > 0, key[1:] != key[:-1]])
    ends = np.r_[starts[1:], len(key)][: len(starts)]
    seen = np.cumsum(prices)
    before = seen[starts] - prices[starts]
    total = seen[ends - 1] - before
    lower = rate[np.searchsorted(seen, before + (total - 1) // 2, side="right")]
    upper = rate[np.searchsorted(seen, before + total // 2, side="right")]
    half = (lower >> 1) + (upper >> 1) + (lower & upper & 1)
    median = half + ((lower ^ upper) & half & 1)
    item, entity, terms = _unpacked(key[starts])
    low, high = rate[starts], rate[ends - 1]
    figures = {"lowest": low, "median": np.where(low == _NO_RATE, _NO_RATE, median), "highest": high}
    numbers = {"item": item, "entity": entity, "terms": terms, "price_count": total, "distinct": ends - starts, **figures}
    return pl.DataFrame({name: pl.Series(values, dtype=pl.Int64) for name, values in numbers.items()}).with_columns(
        pl.col(*figures).replace(_NO_RATE, None)
    )


def _spelled(groups: pl.DataFrame, words: _Words, facts: HospitalFacts, *, source_file: str) -> pl.DataFrame:
    """Groups with words in place of numbers, in the declared columns and `payer_name`, `plan_name`."""
    named = [frame[groups[name]] for name, frame in zip(("item", "entity", "terms"), words.frames, strict=True)]
    plan = pl.col("plan_name").replace("", None)
    return (
        pl.concat([groups, *named], how="horizontal")
        .select(
            "reported_code_system",
            "code_system",
            "code",
            "modifiers",
            "published_modifiers",
            "negotiated_type",
            "rate_kind",
            "price_count",
            "payer_name",
            plan_name=plan,
            payer_id=pl.lit(None, pl.String),
            organization_id=pl.lit(None, pl.String),
            file_kind=pl.lit("hpt"),
            reporting_entity=pl.concat_str("payer_name", plan, separator=" | ", ignore_nulls=True),
            publisher=pl.lit(facts.hospital),
            line_of_business=pl.lit(NOT_STATED),
            market=pl.lit(facts.market),
            plan_market=pl.lit(None, pl.String),
            billing_class=pl.col("billing_class").replace("", None),
            setting=pl.col("setting").replace("", None),
            distinct_rate_count=pl.when(pl.col("lowest").is_null()).then(0).otherwise("distinct").cast(pl.Int64),
            min_rate=_decimal("lowest"),
            median_rate=_decimal("median"),
            max_rate=_decimal("highest"),
            first_expiration=pl.lit(None, pl.Date),
            last_expiration=pl.lit(None, pl.Date),
            known_from=pl.lit(facts.last_updated_on, pl.Date),
            source_file=pl.lit(source_file),
            source_row=pl.col("source_row").cast(pl.Int64),
        )
        .select(*ModifierObservation.column_names(), *Entity._fields)
    )


def _decimal(rate: str) -> pl.Expr:
    """Ten-thousandths as the exact decimal."""
    return (pl.col(rate).cast(pl.Decimal(38, SCALE)) * pl.lit(_ONE_STEP)).cast(pl.Decimal(18, SCALE))
