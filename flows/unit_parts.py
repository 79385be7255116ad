"""What a file, or a member of an archive, gives: the reader is chosen by content, what cannot be read is refused whole."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import polars as pl

from flows.counts_aside import OnDisk
from schemas.base import NOT_STATED
from schemas.prices import ModifierObservation, PriceFileWorklist
from transforms.errors import StructureError
from transforms.gate import WHOLE_ROW, findings_frame
from transforms.hpt import read_hospital_file
from transforms.tic import Observed, observe

REFUSED = "refused"
HOSPITAL = "hospital"
_START = 64 * 1024
"""Bytes by which the reader is chosen."""
_TIC_KEYS = {
    b"reporting_entity_name", b"reporting_entity_type", b"reporting_structure", b"in_network", b"negotiation_arrangement",
    b"negotiated_rates", b"provider_references", b"provider_groups", b"out_of_network", b"allowed_amounts",
}  # fmt: skip
_HOSPITAL_KEYS = {b"hospital_name", b"standard_charge_information", b"standard_charges", b"modifier_information"}
_KEY = re.compile(rb'"([a-z_]+)"\s*:')
_MOST_FINDINGS = 200
"""Distinct refused values of a file that get a finding of their own; the rest is summed up by rule."""
NOT_NAMED = "not named"
"""Reporting entity of a file that names none."""
REASONS = {
    "modifier_observation.modifiers.unreadable": "A modifier must be two letters or digits.",
    "modifier_observation.rate.out_of_range": "A rate must have at most 14 digits before the point.",
}
REMARKS = {
    "prices_of_contradicted_codes": "The code does not have the shape of its type; it counts as OTHER.",
    "prices_with_unreadable_expiration": "The expiration is no date and was left empty.",
    "prices_of_unknown_type": "The negotiated type is none of the schema's, so the rate is not taken as dollars.",
}
UNUSED = {
    "allowed_amounts": "Allowed amounts of out-of-network services: read and understood, not used.",
    "provider_reference": "Provider groups: read and understood, not used.",
}


_NAMES = {"payer_name": pl.String(), "plan_name": pl.String()}
OBSERVATION = {**ModifierObservation.polars_schema(), **_NAMES}
"""Columns of the table, and the names as published: whom they mean follows later, since aliases change and files do not."""
WORKLIST = {
    **{name: kind for name, kind in PriceFileWorklist.polars_schema().items() if name != "payer_id"},
    "payer_name": pl.String(),
}


class PartFacts(NamedTuple):
    """What is said of a file or member beside its rows."""

    name: str
    kind: str
    """in_network, table_of_contents, allowed_amounts, provider_reference, hospital, or refused."""
    encoding: str
    text_bytes: int
    rows_read: int
    rows_accepted: int
    rows_refused: int
    publisher: str | None = None
    published: str | None = None
    """Day on which the file says it was last updated."""
    sha256: str | None = None
    """Hash of a member's bytes."""


class Part(NamedTuple):
    """What a file or member gives."""

    facts: PartFacts
    frames: dict[str, Iterable[pl.DataFrame]]
    """Frames in parts, made when they are asked for."""


class _Counted:
    """Counts the bytes of a text and keeps its start."""

    def __init__(self, chunks: Iterator[bytes], *, is_hashed: bool) -> None:
        self.size = 0
        self._digest = hashlib.sha256() if is_hashed else None
        self.start = b""
        self._chunks = chunks
        self._held: list[bytes] = []
        for chunk in chunks:
            self._held.append(chunk)
            self.start += chunk
            if len(self.start) >= _START:
                break
        self.start = self.start[:_START]

    def __iter__(self) -> Iterator[bytes]:
        while self._held:
            yield self._count(self._held.pop(0))
        for chunk in self._chunks:
            yield self._count(chunk)

    def _count(self, chunk: bytes) -> bytes:
        self.size += len(chunk)
        if self._digest:
            self._digest.update(chunk)
        return chunk

    def sha256(self) -> str | None:
        """Hash of the text, where it was asked for and all of it was read."""
        return self._digest.hexdigest() if self._digest else None


def read_part(chunks: Iterator[bytes], source: str, name: str, *, aside: Path, is_member: bool = False) -> Part:
    """Read a text. What is wrong with it is a refusal, not an error. Counts of a large file wait in the folder `aside`."""
    try:
        text = _Counted(chunks, is_hashed=is_member)
        part = _hospital(text, name) if reader_of(text.start, source) == "hpt" else _payer(text, name, aside)
        return part._replace(facts=part.facts._replace(sha256=text.sha256()))
    except StructureError as error:
        return refused_part(name, error)


def reader_of(start: bytes, source: str) -> str:
    """`tic` or `hpt` by the keys at the start of a text; where they do not tell, by the folder the file lies in."""
    if start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] not in (b"{", b"["):
        return "hpt" if b"hospital_name" in start.lower() else source
    keys = set(_KEY.findall(start))
    payer, hospital = bool(keys & _TIC_KEYS), bool(keys & _HOSPITAL_KEYS)
    return source if payer == hospital else "tic" if payer else "hpt"


def refused_part(name: str, error: StructureError) -> Part:
    """A part of which nothing is published, with the reason."""
    words = str(error)
    line = re.search(r" (?:line|row) ([0-9]+)", words)
    byte = re.search(r" byte ([0-9,]+)", words)
    place = f"byte {byte[1]}" if byte else None
    finding = _finding(name, int(line[1]) if line else 0, "price_file.readable", REFUSED, place, words)
    return Part(PartFacts(name, REFUSED, "utf-8", 0, 1, 0, 1), {"finding": [findings_frame([finding])]})


def _hospital(text: _Counted, name: str) -> Part:
    file = read_hospital_file(text, source_file=name)
    rows, facts = file.rows, file.facts
    told = PartFacts(
        name,
        HOSPITAL,
        file.encoding,
        text.size,
        rows.read,
        rows.read - rows.refused,
        rows.refused,
        facts.hospital,
        _iso(facts.last_updated_on),
    )
    observations = (part.select(list(OBSERVATION)) for part in file.observation_parts())
    return Part(told, {"observation": observations, "effect": [file.effects], "finding": [file.findings]})


def _payer(text: _Counted, name: str, aside: Path) -> Part:
    seen = observe(text, source_file=name, aside=OnDisk(aside))
    counts, header, listed = seen.counts, seen.header, _worklist(seen, name)
    told = PartFacts(
        name,
        header.kind,
        "utf-8",
        text.size,
        counts["prices_read"] + listed.height,
        counts["prices_kept"] + listed.height,
        counts["prices_refused"],
        header.reporting_entity_name,
        _iso(header.last_updated_on),
    )
    return Part(told, {"observation": [_observations(seen, name)], "finding": [_findings(seen, name)], "worklist": [listed]})


def _observations(seen: Observed, name: str) -> pl.DataFrame:
    """Observations of a payer's file under the names that it states."""
    header = seen.header
    entity = header.reporting_entity_name or NOT_NAMED
    return seen.observations.with_columns(
        payer_id=pl.lit(None, pl.String),
        organization_id=pl.lit(None, pl.String),
        line_of_business=pl.lit(NOT_STATED),
        market=pl.lit(NOT_STATED),
        plan_market=pl.lit(header.plan_market_type, pl.String).str.to_lowercase(),
        file_kind=pl.lit("tic"),
        reporting_entity=pl.lit(entity),
        publisher=pl.lit(entity),
        payer_name=pl.lit(entity),
        plan_name=pl.lit(header.plan_name, pl.String),
        known_from=pl.lit(header.last_updated_on, pl.Date),
        source_file=pl.lit(name),
        source_row=pl.int_range(1, pl.len() + 1, dtype=pl.Int64),
    ).select(list(OBSERVATION))


def _worklist(seen: Observed, name: str) -> pl.DataFrame:
    """In-network files that a table of contents names."""
    entity = seen.header.reporting_entity_name or NOT_NAMED
    listed = seen.listed_files.filter((pl.col("file_kind") == "in_network") & pl.col("location").is_not_null())
    return listed.with_columns(
        url=pl.col("location").str.strip_chars(),
        reporting_entity=pl.lit(entity),
        payer_name=pl.lit(entity),
        source_file=pl.lit(name),
        source_row=pl.int_range(1, pl.len() + 1, dtype=pl.Int64),
    ).select(list(WORKLIST))


def _findings(seen: Observed, name: str) -> pl.DataFrame:
    """Refused prices by rule and value with their number, what is remarkable about others, kinds that are not used."""
    by_value = (
        seen.refusals.group_by("rule_id", "value").agg(pl.col("price_count").sum()).sort("rule_id", "value", nulls_last=True)
    )
    rows = [
        _finding(name, at, rule, "refused", f"{value} ({count:,} prices)", REASONS.get(rule, "The price cannot be used."))
        for at, (rule, value, count) in enumerate(by_value.head(_MOST_FINDINGS).iter_rows(), start=1)
    ]
    further = by_value.slice(_MOST_FINDINGS).group_by("rule_id", maintain_order=True).agg(pl.col("price_count").sum())
    rows += [
        _finding(name, _MOST_FINDINGS + 1, rule, "refused", f"further values ({count:,} prices)", REASONS.get(rule, ""))
        for rule, count in further.iter_rows()
    ]
    rows += [
        _finding(name, 0, f"price_file.{remark}", "warning", f"{seen.counts[remark]:,} prices", reason)
        for remark, reason in REMARKS.items()
        if seen.counts.get(remark)
    ]
    if seen.header.kind in UNUSED:
        rows.append(_finding(name, 0, "price_file.kind", "info", seen.header.kind, UNUSED[seen.header.kind]))
    return findings_frame(rows)


def _finding(name: str, row: int, rule: str, severity: str, value: str | None, reason: str) -> dict[str, str | int | None]:
    return {
        "source_file": name, "source_row": row, "column_name": WHOLE_ROW, "rule_id": rule, "severity": severity, "value": value,
        "reason": reason,
    }  # fmt: skip


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
