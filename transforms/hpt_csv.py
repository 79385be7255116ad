"""Hospitals' csv files: three header lines, then rows, read record by record in bounded memory.

Line 1 holds the names of the general data, line 2 their values, line 3 the names of the columns. Rows are looped over here, and
not in Polars, because a record of a file with a broken quote is only known to be one when the csv reader has closed it, and
because nearly all rows carry no modifier and only need counting.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

from transforms.errors import StructureError
from transforms.hpt_codes import CODE_LENGTH, ReportedCode, is_glued, reported
from transforms.hpt_columns import Layout, PayerColumns, is_header, layout_of
from transforms.hpt_effects import EffectCells
from transforms.hpt_facts import HospitalFacts, facts_of_csv
from transforms.hpt_modifiers import NONE_WORDS, joined_cell
from transforms.hpt_prices import Entity
from transforms.hpt_rows import BILLING_CLASSES, SETTINGS, Item, ModifierRow, PriceCells, Reading
from transforms.hpt_text import Lines
from transforms.read import Row

HEADER_WITHIN = 10
"""Records among which the three header lines must stand."""
MOST_REFUSED = 100
"""One row in so many may have a wrong number of cells; beyond that the file is broken, not a row."""


class CsvFile(NamedTuple):
    """Facts and layout of a file whose rows went into a reading."""

    facts: HospitalFacts
    is_tall: bool


def read_csv_file(pieces: Iterable[str], reading: Reading, *, source_file: str) -> CsvFile:
    """Add the rows of a file to a reading.

    Raises StructureError for header lines that are missing, broken quotes, endless records, or too many rows that do not
    have as many cells as the header.
    """
    records = _records(Lines(pieces, source_file=source_file), source_file=source_file)
    facts, header = _header(records, source_file=source_file)
    layout = layout_of(header.cells, source_file=source_file, line=header.line, findings=reading.findings)
    rows = _Rows(layout, reading)
    for record in records:
        rows.add(record)
    _check_shapes(reading, source_file=source_file, width=len(layout.names))
    return CsvFile(facts, layout.is_tall)


def _records(lines: Lines, *, source_file: str) -> Iterator[Row]:
    """Records that are not blank, with the line on which they end."""
    reader = csv.reader(iter(lines), strict=True)
    start = 1
    try:
        for cells in reader:
            if cells:
                yield Row(reader.line_num, cells)
            lines.record_ended()
            start = reader.line_num + 1
    except csv.Error as error:
        raise StructureError(
            f"{source_file} line {reader.line_num}",
            expected=f"the record that starts in line {start} to be well-formed",
            found=str(error),
            advice="Look for a quote or a line break inside a cell; nothing of the file was taken.",
        ) from error


def _header(records: Iterator[Row], *, source_file: str) -> tuple[HospitalFacts, Row]:
    """General data and the names of the columns, found by content. Raises StructureError where one of the lines is missing."""
    before: list[Row] = []
    for record in islice(records, HEADER_WITHIN):
        if is_header(record.cells):
            return _general(before, source_file=source_file), record
        before.append(record)
    raise StructureError(
        source_file,
        expected=f"a line with the column names description and code|1 within the first {HEADER_WITHIN} records",
        found="none",
        advice="This is no hospital's csv file, or its header line is missing.",
    )


def _general(before: Sequence[Row], *, source_file: str) -> HospitalFacts:
    starts = [place for place, row in enumerate(before) if any(cell.strip().lower() == "hospital_name" for cell in row.cells)]
    if not starts or starts[0] + 1 >= len(before):
        raise StructureError(
            source_file,
            expected="two lines of general data, names and values, before the column names",
            found="no line with hospital_name" if not starts else "names without values",
            advice="The header line is missing; fetch the file again.",
        )
    names, values = before[starts[0]], before[starts[0] + 1]
    return facts_of_csv(names.cells, values.cells, source_file=source_file)


def _check_shapes(reading: Reading, *, source_file: str, width: int) -> None:
    wrong = reading.findings.count("row.cell_count")
    if wrong * MOST_REFUSED > reading.rows.read:
        first = reading.findings.first_row("row.cell_count")
        raise StructureError(
            f"{source_file} line {first}",
            expected=f"rows of {width} cells",
            found=f"{wrong} of {reading.rows.read} rows with more or fewer, the first here",
            advice="Look for line breaks or separators inside cells that are not quoted.",
        )


class _Rows:
    """Sorts the rows of a file: without modifiers, items with modifiers, modifiers by themselves."""

    def __init__(self, layout: Layout, reading: Reading) -> None:
        self._layout = layout
        self._reading = reading
        self._width = len(layout.names)
        self._rates = [
            _getter(places) for places in zip(*((p.dollars, p.percent, p.algorithm) for p in layout.payers), strict=True)
        ]

    def add(self, record: Row) -> None:
        """Take one row."""
        reading, cells = self._reading, record.cells
        if not any(cells):
            return
        reading.rows.read += 1
        if len(cells) != self._width and not self._trimmed(record):
            return
        text = self._modifier_text(cells)
        glued = self._glued(cells)
        if glued is not None:
            reading.refuse_glued(glued, row=record.line)
        elif not text:
            reading.rows.without_modifier += 1
            reading.prices_without_modifier += self._price_count(cells)
        else:
            self._add_modified(record, text, self._codes(cells))

    def _trimmed(self, record: Row) -> bool:
        """Whether a row of another length is whole all the same, because what is too much is blank."""
        if len(record.cells) > self._width and not any(record.cells[self._width :]):
            return True
        self._reading.rows.refused += 1
        self._reading.findings.add(
            "row.cell_count",
            f"{len(record.cells)} cells",
            row=record.line,
            column="*",
            reason=f"A row must have {self._width} cells.",
        )
        return False

    def _modifier_text(self, cells: Sequence[str]) -> str:
        found = [cell for place in self._layout.modifiers if (cell := cells[place])]
        if not found:
            return ""
        text = joined_cell(found)
        return "" if text.upper() in NONE_WORDS else text

    def _codes(self, cells: Sequence[str]) -> list[ReportedCode]:
        return [
            found
            for code, kind in self._layout.codes
            if cells[code] and (found := reported(cells[code], cells[kind])) is not None
        ]

    def _glued(self, cells: Sequence[str]) -> ReportedCode | None:
        """A code cell that holds several codes. Nearly all codes are five long and need no second look."""
        for code, kind in self._layout.codes:
            if len(cells[code]) > CODE_LENGTH and (found := reported(cells[code], cells[kind])) is not None and is_glued(found):
                return found
        return None

    def _price_count(self, cells: list[str]) -> int:
        """Payers for whom a row states a rate or a way to find it."""
        ended = [*cells, ""]
        rates = [getter(ended) for getter in self._rates]
        return sum(1 for one, two, three in zip(*rates, strict=True) if (one or two or three) and (one + two + three).strip())

    def _add_modified(self, record: Row, text: str, codes: list[ReportedCode]) -> None:
        reading, layout, cells = self._reading, self._layout, record.cells
        cell = reading.modifiers_of(text, row=record.line, column=layout.names[layout.modifiers[0]])
        if cell.refusal is not None:
            reading.rows.refused += 1
        elif codes and cell.modifiers:
            item = Item(record.line, codes, text, _at(cells, layout.setting), _at(cells, layout.billing_class))
            reading.add_item(item, cell.modifiers, [self._price(payer, cells) for payer in layout.payers])
        elif cell.modifiers:
            self._add_effects(record, text, cell.modifiers)
        else:
            reading.rows.without_modifier += 1
            reading.prices_without_modifier += self._price_count(cells)

    def _add_effects(self, record: Row, text: str, modifiers: tuple[str, ...]) -> None:
        reading, layout, cells = self._reading, self._layout, record.cells
        reading.rows.of_effects += 1
        generic = _at(cells, layout.generic_note)
        circumstances = (
            reading.known_word(_at(cells, layout.setting), SETTINGS, row=record.line, column="setting"),
            reading.known_word(_at(cells, layout.billing_class), BILLING_CLASSES, row=record.line, column="billing_class"),
        )
        found = False
        for payer in layout.payers:
            entity = self._entity(payer, cells)
            row = ModifierRow(record.line, payer.first + 1, modifiers, text, *circumstances)
            found |= bool(entity.payer_name) and reading.add_effect(entity, _effect_cells(payer, cells, generic), row)
        if not found:
            reason = "A modifier by itself must name a payer and say how it is paid."
            reading.findings.add("effect.payer", text, row=record.line, column="payer_name", reason=reason, severity="info")

    def _price(self, payer: PayerColumns, cells: Sequence[str]) -> PriceCells:
        return PriceCells(
            self._entity(payer, cells),
            _at(cells, payer.dollars),
            _at(cells, payer.percent),
            _at(cells, payer.algorithm),
            _at(cells, payer.methodology),
            _at(cells, payer.claim_count),
        )

    def _entity(self, payer: PayerColumns, cells: Sequence[str]) -> Entity:
        if payer.entity is not None:
            return payer.entity
        return Entity(_at(cells, self._layout.payer_name).strip(), _at(cells, self._layout.plan_name).strip())


def _effect_cells(payer: PayerColumns, cells: Sequence[str], generic: str) -> EffectCells:
    """A payer's cells of a modifier row. The note for all payers counts where the payer has cells of its own but no note."""
    own = EffectCells(
        _at(cells, payer.percent),
        _at(cells, payer.dollars),
        _at(cells, payer.algorithm),
        _at(cells, payer.methodology),
        _at(cells, payer.note),
    )
    is_named = payer.entity is None or any(cell.strip() for cell in own)
    return own._replace(note=generic) if is_named and not own.note.strip() else own


def _getter(places: Sequence[int | None]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    """Takes the cells at some places out of a row that ends in a blank cell; that one stands for columns the file lacks."""
    taken = [-1 if place is None else place for place in places]
    return itemgetter(*taken, -1)


def _at(cells: Sequence[str], place: int | None) -> str:
    return "" if place is None else cells[place]
