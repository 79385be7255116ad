"""Hospitals' standard charges (45 CFR 180.50): which modifiers a hospital prices for whom, and how payers pay a modifier.

Rows without modifiers are counted, not kept: one file holds millions of such prices and they say nothing about modifiers.
Descriptions and notes are the words of others and reach no output.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import polars as pl

from schemas.base import NOT_STATED
from schemas.prices import ModifierObservation
from transforms.errors import BrokenCheckError, StructureError
from transforms.hpt_csv import read_csv_file
from transforms.hpt_effects import effect_frame
from transforms.hpt_facts import HospitalFacts
from transforms.hpt_json import read_json_file
from transforms.hpt_prices import Entity, PriceSums
from transforms.hpt_rows import Reading, RowCounts
from transforms.hpt_text import TextStream

OBSERVED = {**ModifierObservation.polars_schema(), **dict.fromkeys(Entity._fields, pl.String())}
"""Columns of observations: those of the table, and `payer_name`, `plan_name`, from which the payer is resolved later."""


@dataclass(frozen=True)
class HospitalFile:
    """What a file says."""

    source_file: str
    facts: HospitalFacts
    layout: str
    """tall, wide or json."""
    encoding: str
    """utf-8, utf-8-sig or cp1252."""
    effects: pl.DataFrame
    """Rows of `published_modifier_effect`; payer, organization and line of business are still to be resolved."""
    findings: pl.DataFrame
    rows: RowCounts
    prices_with_modifier: int
    prices_without_modifier: int
    placeholders: int
    """Payers of modifier rows that have the name of a field in place of a note; they are not among the effects."""
    sums: PriceSums

    def observation_parts(self) -> Iterator[pl.DataFrame]:
        """The observations in parts of bounded size, in order; columns as in OBSERVED."""
        return self.sums.parts(self.facts)

    @cached_property
    def observations(self) -> pl.DataFrame:
        """The observations as one frame: one row per code, modifiers, payer, plan, type, kind of rate, class and setting."""
        return pl.concat([pl.DataFrame(schema=OBSERVED), *self.observation_parts()])

    @property
    def rows_read(self) -> int:
        """Rows of a csv file after its header; charges, and payers of modifiers, of a json file."""
        return self.rows.read


def read_hospital_file(content: Iterable[bytes], *, source_file: str) -> HospitalFile:
    """Read a file given as chunks of bytes, unpacked, of any size; memory is bounded.

    Raises StructureError, naming file and line, byte or character, for a file that cannot be read as a whole; nothing of such a
    file is to be published.
    """
    stream = TextStream(content, source_file=source_file)
    reading = Reading(source_file, PriceSums(source_file=source_file))
    first, pieces = _peeked(stream)
    if first == "{":
        facts, layout = read_json_file(pieces, reading, source_file=source_file), "json"
    elif first == "[":
        raise StructureError(
            source_file, expected="a JSON object with hospital_name", found="a list", advice="This is no file of a hospital."
        )
    else:
        found = read_csv_file(pieces, reading, source_file=source_file)
        facts, layout = found.facts, "tall" if found.is_tall else "wide"
    if not reading.rows.is_whole:
        raise BrokenCheckError(f"{source_file}: rows do not add up: {reading.rows}.")
    _remark_on(facts, reading)
    return HospitalFile(
        source_file=source_file,
        facts=facts,
        layout=layout,
        encoding=stream.encoding,
        effects=effect_frame(reading.effects, facts, source_file=source_file),
        findings=reading.findings.frame(source_file),
        rows=reading.rows,
        prices_with_modifier=reading.sums.price_count,
        prices_without_modifier=reading.prices_without_modifier,
        placeholders=reading.placeholders,
        sums=reading.sums,
    )


def _peeked(stream: TextStream) -> tuple[str, Iterator[str]]:
    """The first character that is not blank, and all of the text."""
    pieces = stream.pieces()
    seen: list[str] = []
    for piece in pieces:
        seen.append(piece)
        if piece.strip():
            break
    return "".join(seen).lstrip()[:1], chain(seen, pieces)


def _remark_on(facts: HospitalFacts, reading: Reading) -> None:
    """Findings about what the general data leave open."""
    if not reading.rows.read:
        reason = "The file ends after its header."
        reading.findings.add("rows", "none", row=1, column="*", reason=reason, severity="info")
    if facts.last_updated_on is None:
        reason = "The day of the last update is missing or no date, so what the file says is not dated."
        reading.findings.add("last_updated_on", "none", row=1, column="last_updated_on", reason=reason, severity="warning")
    if not facts.version:
        reason = "The file does not say which version of the layout it follows."
        reading.findings.add("version", "none", row=1, column="version", reason=reason, severity="warning")
    if facts.market == NOT_STATED:
        reason = "Neither licence nor address names the hospital's state."
        reading.findings.add("market", "none", row=1, column="license_number", reason=reason, severity="info")
