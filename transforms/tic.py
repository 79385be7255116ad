"""Transparency in Coverage files (45 CFR 147.212): JSON of any size to observations of modifiers, in one pass.

Layout: CMS price transparency guide, in-network-rates and table-of-contents, schema 1.x and 2.x. Keys may stand in any order. A
compiled scanner reads where numba is installed, a plain one otherwise; both give the same frames.
"""

from collections.abc import Callable, Iterable
from datetime import date
from typing import NamedTuple

import msgspec
import polars as pl

from transforms import tic_plain
from transforms.tic_errors import FETCH_AGAIN, PriceFileError
from transforms.tic_observations import OBSERVED, REFUSED, observations
from transforms.tic_reader import HEADER_KEYS, KINDS, Plan, Reading, Structures
from transforms.tic_totals import Aside, InMemory, Totals
from transforms.tic_values import code, price_facts, published_date

__all__ = ["OBSERVED", "REFUSED", "Header", "Observed", "PriceFileError", "compiled_reader", "observe"]
LISTED = {"location": pl.String, "description": pl.String, "file_kind": pl.String, "plan_count": pl.Int64}
PLANS = {**dict.fromkeys(Plan.__struct_fields__, pl.String), "structure_count": pl.Int64}
Read = Callable[[Iterable[bytes], Totals, Structures], Reading]


class Header(NamedTuple):
    """What a file says of itself; texts without blanks at their ends, None where it says nothing."""

    kind: str
    """in_network, table_of_contents, allowed_amounts or provider_reference."""
    reporting_entity_name: str | None
    reporting_entity_type: str | None
    plan_name: str | None
    plan_id_type: str | None
    plan_id: str | None
    plan_market_type: str | None
    issuer_name: str | None
    plan_sponsor_name: str | None
    last_updated_on: date | None
    """None where the text is in no spelling of a date, too."""
    version: str | None


class Observed(NamedTuple):
    """All that is taken from one file."""

    header: Header
    observations: pl.DataFrame
    """Columns of OBSERVED; one row per code, canonical modifiers, negotiated type, kind of rate, billing class and setting."""
    refusals: pl.DataFrame
    """Columns of REFUSED: prices that are not used and why."""
    listed_files: pl.DataFrame
    """Columns of LISTED: files that a table of contents names, each once, with the plans named beside it."""
    listed_plans: pl.DataFrame
    """Columns of PLANS: plans of a table of contents, each once."""
    counts: dict[str, int]
    """Items and prices read, prices kept and refused (their sum is what was read), and prices with something remarkable."""


def observe(
    chunks: Iterable[bytes], *, source_file: str = "price file", aside: Aside | None = None, read: Read | None = None
) -> Observed:
    """Everything a price file shows, from its unpacked bytes in pieces of any size.

    `aside` is where counts of a large file wait, in memory where it is not given; `read` chooses the reader. Raises
    PriceFileError, which names the byte, for a file that is not whole and right: nothing of it is returned.
    """
    totals, structures = Totals(aside or InMemory()), Structures()
    try:
        reading = (read or compiled_reader() or tic_plain.read)(chunks, totals, structures)
        header = _header(reading)
        codes = [code(system, stated, byte=byte) for system, stated, byte in reading.codes]
        prices = [price_facts(raw, byte=byte) for raw, byte in reading.prices]
    except PriceFileError as error:
        raise error.within(source_file) from error
    found = observations(totals, codes, prices)
    refused = int(found.refusals["price_count"].sum())
    counts = {
        "items": reading.item_count,
        "prices_read": reading.price_count,
        "prices_kept": reading.price_count - refused,
        "prices_refused": refused,
        "rates_rounded": reading.rounded_count,
        "rates_as_text": reading.textual_count,
        **found.prices_by_remark,
    }
    return Observed(header, found.observations, found.refusals, _listed(structures), _plans(structures), counts)


def compiled_reader() -> Read | None:
    """The compiled scanner; None where numba is not installed."""
    try:
        from transforms import tic_scan
    except ImportError:
        return None
    return tic_scan.read


def _header(reading: Reading) -> Header:
    kind = next((name for key, name in KINDS.items() if key in reading.kinds), None)
    if kind is None:
        raise PriceFileError(
            0,
            expected=f"a Transparency in Coverage file with one of the keys {', '.join(KINDS)}",
            found="a JSON object without any",
            advice=FETCH_AGAIN,
        )
    texts = {key: _text(reading.header.get(key)) for key in HEADER_KEYS}
    updated = published_date(texts.pop("last_updated_on"))
    return Header(kind=kind, last_updated_on=updated, **texts)


def _text(raw: bytes | None) -> str | None:
    if raw is None or raw == b"null":
        return None
    text = msgspec.json.decode(raw, type=str) if raw.startswith(b'"') else raw.decode()
    return text.strip() or None


def _listed(structures: Structures) -> pl.DataFrame:
    rows = [(link.location, link.description, kind, count) for (link, kind), count in structures.links.items()]
    return pl.DataFrame(rows, schema=LISTED, orient="row").sort("location", "description", "file_kind", nulls_last=True)


def _plans(structures: Structures) -> pl.DataFrame:
    rows = [(*_plan_texts(plan), count) for plan, count in structures.plans.items()]
    named = pl.DataFrame(rows, schema=PLANS, orient="row")
    return named.group_by(list(PLANS)[:-1]).agg(pl.col("structure_count").sum()).sort(list(PLANS)[:-1], nulls_last=True)


def _plan_texts(plan: Plan) -> list[str | None]:
    values = (getattr(plan, name) for name in Plan.__struct_fields__)
    return [None if value is None else str(value).strip() or None for value in values]
