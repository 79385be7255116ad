"""From counts per code, attributes and rate to `modifier_observation`: exact numbers, in the order of their keys."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from transforms.tic_totals import Rows, Totals
from transforms.tic_values import NO_RATE, OUT_OF_RANGE, PERCENT_TYPES, Code, PriceFacts

OBSERVED: dict[str, pl.DataType | type[pl.DataType]] = {
    "reported_code_system": pl.String, "code_system": pl.String, "code": pl.String, "modifiers": pl.String,
    "published_modifiers": pl.String, "negotiated_type": pl.String, "rate_kind": pl.String, "billing_class": pl.String,
    "setting": pl.String, "price_count": pl.Int64, "distinct_rate_count": pl.Int64, "min_rate": pl.Decimal(18, 4),
    "median_rate": pl.Decimal(18, 4), "max_rate": pl.Decimal(18, 4), "first_expiration": pl.Date, "last_expiration": pl.Date,
}  # fmt: skip
REFUSED = {
    "rule_id": pl.String,
    "value": pl.String,
    "reported_code_system": pl.String,
    "code": pl.String,
    "price_count": pl.Int64,
}
_RANGE_RULE = "modifier_observation.rate.out_of_range"
_MODIFIER_RULE = "modifier_observation.modifiers.unreadable"
_ORDER = ("reported_code_system", "code", "modifiers", "negotiated_type", "rate_kind", "billing_class", "setting")
_Numbers = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]
_NEVER = 2**40
"""Day of an expiration that is not stated, and place of a text that is not published."""
_MOST_PACKED = 2**62
_FIRST_DAY = date(1970, 1, 1).toordinal()


class Observations(NamedTuple):
    """What the prices of a file come to."""

    observations: pl.DataFrame
    """One row per code, canonical modifiers, negotiated type, kind of rate, billing class and setting, in their order."""
    refusals: pl.DataFrame
    """Prices that are not used: rule, offending text, code and number of prices."""
    prices_by_remark: dict[str, int]
    """Prices whose code contradicts its type, whose expiration is unreadable, whose type of rate is unknown."""


class _Facts(NamedTuple):
    """The reader's lists as columns, by place in the list; the same code may stand in the file in several spellings."""

    codes: pl.DataFrame
    """Columns of a code, by `code_key`."""
    code_key: _Numbers
    is_contradicted: _Flags
    groups: pl.DataFrame
    """What a set of attributes gives an observation, by `group`."""
    group: _Numbers
    expiration: _Numbers
    """Days since 1970."""
    texts: list[str]
    """Sets of modifiers as published, in the order of texts."""
    published: _Numbers
    is_readable: _Flags
    is_refused: _Flags
    is_percent: _Flags
    is_known: _Flags


def observations(totals: Totals, codes: Sequence[Code], prices: Sequence[PriceFacts]) -> Observations:
    """Observations, refusals and remarks of one file; `codes` and `prices` are the lists that the counts refer to."""
    facts = _facts(codes, prices)
    parts = [_part(rows, facts) for rows in totals.parts()]
    found = pl.concat([part.observations for part in parts])
    remarks = {name: sum(part.prices_by_remark[name] for part in parts) for name in parts[0].prices_by_remark}
    refused = pl.concat([part.refusals for part in parts]).group_by(*list(REFUSED)[:-1]).agg(pl.col("price_count").sum())
    return Observations(
        found.sort(_ORDER, nulls_last=False).select(list(OBSERVED)), refused.select(list(REFUSED)).sort(list(REFUSED)), remarks
    )


def _facts(codes: Sequence[Code], prices: Sequence[PriceFacts]) -> _Facts:
    code_place = {code: at for at, code in enumerate(dict.fromkeys(codes))}
    kinds = [(facts.modifiers.canonical or "", facts.negotiated_type, facts.billing_class, facts.setting) for facts in prices]
    kind_place = {kind: at for at, kind in enumerate(dict.fromkeys(kinds))}
    texts = sorted({facts.modifiers.published for facts in prices if facts.modifiers.published is not None})
    text_place = {text: at for at, text in enumerate(texts)}
    return _Facts(
        pl.DataFrame(
            [(code.reported_system, code.code, code.system) for code in code_place],
            schema=dict.fromkeys(("reported_code_system", "code", "code_system"), pl.String),
            orient="row",
        ),
        np.array([code_place[code] for code in codes], np.int64),
        np.array([code.is_contradicted for code in code_place], np.bool_),
        pl.DataFrame(
            [(*kind, kind[1] in PERCENT_TYPES) for kind in kind_place],
            schema={
                **dict.fromkeys(("modifiers", "negotiated_type", "billing_class", "setting"), pl.String),
                "is_percent": pl.Boolean,
            },
            orient="row",
        ),
        np.array([kind_place[kind] for kind in kinds], np.int64),
        np.array([facts.expiration.toordinal() - _FIRST_DAY if facts.expiration else _NEVER for facts in prices], np.int64),
        texts,
        np.array([text_place.get(facts.modifiers.published or "", _NEVER) for facts in prices], np.int64),
        np.array([facts.is_expiration_readable for facts in prices], np.bool_),
        np.array([facts.modifiers.canonical is None for facts in prices], np.bool_),
        np.array([facts.is_percent for facts in prices], np.bool_),
        np.array([facts.is_known_type for facts in prices], np.bool_),
    )


def _part(rows: Rows, facts: _Facts) -> Observations:
    """Observations of the codes of one part."""
    refused = facts.is_refused[rows["attributes"]] | (rows["rate"] == OUT_OF_RANGE)
    kept = rows[~refused] if refused.any() else rows
    attributes, prices = kept["attributes"], kept["prices"]
    code = facts.code_key[kept["code"]]
    is_none = (kept["rate"] == NO_RATE) | ~facts.is_known[attributes]
    is_none |= facts.is_percent[attributes] & (kept["rate"] == 0)
    rate = np.where(is_none, 0, kept["rate"])
    key = (code * max(len(facts.groups), 1) + facts.group[attributes]) * 2 + is_none
    order = _order(key, rate)
    found = _by_key(key[order], rate[order], prices[order], attributes[order], facts)
    remarks = {
        "prices_of_contradicted_codes": int(prices[facts.is_contradicted[code]].sum()),
        "prices_with_unreadable_expiration": int(prices[~facts.is_readable[attributes]].sum()),
        "prices_of_unknown_type": int(prices[~facts.is_known[attributes]].sum()),
    }
    return Observations(found, _refusals(rows[refused], facts), remarks)


def _order(key: _Numbers, rate: _Numbers) -> _Numbers:
    """Order by key and rate; both fit into one number but for rates of millions beside thousands of keys."""
    if not len(key):
        return np.empty(0, np.int64)
    first_key, first_rate = int(key.min()), int(rate.min())
    span = int(rate.max()) - first_rate + 1
    if (int(key.max()) - first_key + 1) * span < _MOST_PACKED:
        return np.argsort((key - first_key) * span + (rate - first_rate))
    return np.lexsort((rate, key))


def _by_key(key: _Numbers, rate: _Numbers, prices: _Numbers, attributes: npt.NDArray[np.int32], facts: _Facts) -> pl.DataFrame:
    """Observations from counts in the order of key and rate."""
    if not len(key):
        return pl.DataFrame(schema=OBSERVED)
    is_new = np.r_[True, key[1:] != key[:-1]]
    starts = np.flatnonzero(is_new)
    ends = np.append(starts[1:], len(key))
    seen = np.cumsum(prices)
    before = seen[starts] - prices[starts]
    total = seen[ends - 1] - before
    lower = rate[np.searchsorted(seen, before + (total - 1) // 2, side="right")]
    upper = rate[np.searchsorted(seen, before + total // 2, side="right")]
    expiration = facts.expiration[attributes]
    last = np.maximum.reduceat(np.where(expiration == _NEVER, -_NEVER, expiration), starts)
    group, is_none = (key[starts] // 2) % len(facts.groups), pl.Series(key[starts] % 2 == 1)
    published = np.minimum.reduceat(facts.published[attributes], starts)
    distinct = np.add.reduceat((is_new | np.r_[True, rate[1:] != rate[:-1]]).astype(np.int64), starts)
    made = pl.DataFrame(
        {
            "published_modifiers": pl.Series(facts.texts, dtype=pl.String).gather(_place_or_null(published)),
            "price_count": total,
            "distinct_rate_count": distinct,
            "min_rate": _decimals(rate[starts]),
            "median_rate": _decimals(_mean(lower, upper)),
            "max_rate": _decimals(rate[ends - 1]),
            "first_expiration": _dates(np.minimum.reduceat(expiration, starts)),
            "last_expiration": _dates(last),
        }
    )
    return _without_rates(
        pl.concat([made, facts.codes[key[starts] // 2 // len(facts.groups)], facts.groups[group]], how="horizontal"), is_none
    )


def _without_rates(found: pl.DataFrame, is_none: pl.Series) -> pl.DataFrame:
    """The same rows, empty rates where there is none, with the kind of the rates."""
    kind = pl.when("is_percent").then(pl.lit("percent")).otherwise(pl.lit("dollars"))
    rates = ("min_rate", "median_rate", "max_rate")
    return found.with_columns(
        pl.when(is_none).then(None).otherwise(pl.col(*rates)).name.keep(),
        distinct_rate_count=pl.when(is_none).then(0).otherwise("distinct_rate_count"),
        rate_kind=pl.when(is_none).then(pl.lit("none")).otherwise(kind),
    ).select(pl.col(name).cast(kind) for name, kind in OBSERVED.items())


def _place_or_null(places: _Numbers) -> pl.Series:
    found = pl.Series(places, dtype=pl.Int64)
    return found.set(found == _NEVER, None)


def _dates(days: _Numbers) -> pl.Series:
    found = pl.Series(days, dtype=pl.Int64)
    return found.set(found.abs() == _NEVER, None).cast(pl.Int32).cast(pl.Date)


def _mean(lower: _Numbers, upper: _Numbers) -> _Numbers:
    """The mean, half a ten-thousandth rounded to the even one."""
    total = lower + upper
    down = total >> 1
    return down + ((total & 1) & (down & 1))


def _decimals(ten_thousandths: _Numbers) -> pl.Series:
    """Whole ten-thousandths as decimals, by their bits and not by way of floats."""
    wide = np.empty((len(ten_thousandths), 2), "<i8")
    wide[:, 0], wide[:, 1] = ten_thousandths, ten_thousandths >> 63
    made = pa.Array.from_buffers(pa.decimal128(18, 4), len(ten_thousandths), [None, pa.py_buffer(wide.tobytes())])
    return pl.Series(made, dtype=pl.Decimal(18, 4))


def _refusals(refused: Rows, facts: _Facts) -> pl.DataFrame:
    """Refused prices by rule, offending text and code."""
    if not len(refused):
        return pl.DataFrame(schema=REFUSED)
    is_range = pl.Series(refused["rate"] == OUT_OF_RANGE)
    published = pl.Series(facts.texts, dtype=pl.String).gather(_place_or_null(facts.published[refused["attributes"]]))
    named = facts.codes[facts.code_key[refused["code"]]].with_columns(published=published, prices=pl.Series(refused["prices"]))
    made: pl.DataFrame = named.group_by(
        rule_id=pl.when(is_range).then(pl.lit(_RANGE_RULE)).otherwise(pl.lit(_MODIFIER_RULE)),
        value=pl.when(is_range).then(pl.lit("more than 14 digits before the point")).otherwise("published"),
        reported_code_system="reported_code_system",
        code="code",
    ).agg(price_count=pl.col("prices").sum())
    return made
