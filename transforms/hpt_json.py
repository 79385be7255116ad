"""Hospitals' json files as a stream: one item in memory at a time, keys of the document in any order.

Layout: CMS hospital price transparency JSON schema, versions 2.x and 3.x.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from transforms.errors import StructureError
from transforms.hpt_codes import ReportedCode, is_glued, reported
from transforms.hpt_effects import EffectCells
from transforms.hpt_facts import HospitalFacts, facts_of_json
from transforms.hpt_modifiers import joined_cell
from transforms.hpt_prices import Entity
from transforms.hpt_rows import SETTINGS, Item, ModifierRow, PriceCells, Reading

MAX_ITEM = 16 * 1024 * 1024
"""Longest item, or value of the general data, in characters."""
ITEMS, MODIFIERS = "standard_charge_information", "modifier_information"
_RATES = ("standard_charge_dollar", "standard_charge_percentage", "standard_charge_algorithm")
_BLANKS = " \t\r\n"
_LONGEST_NUMBER = 64
"""A number that ends this close to the end of what is in memory may go on."""


def read_json_file(pieces: Iterable[str], reading: Reading, *, source_file: str) -> HospitalFacts:
    """Add the items and modifiers of a file to a reading.

    Raises StructureError, naming the character, for what is not JSON or not of the types of the schema, repeated keys, an item
    beyond the limit, or text after the end.
    """
    document = _Document(pieces, source_file=source_file)
    general: dict[str, Any] = {}
    sections = 0
    for key in document.members():
        if key in general:
            document.fail("every key once", f"the key {key!r} again")
        if key in (ITEMS, MODIFIERS):
            general[key] = True
            sections += 1
            add = _add_item if key == ITEMS else _add_modifier
            for place, value in enumerate(document.elements(), start=1):
                add(_Part(value, f"{source_file} {key} {place}"), reading, place)
        else:
            general[key] = document.value()
    if not sections:
        document.fail(f"{ITEMS} or {MODIFIERS}", "neither: a schema, or another kind of file")
    if ITEMS not in general:
        reason = "The file holds no items, only modifiers."
        reading.findings.add("items", "absent", row=1, column=ITEMS, reason=reason, severity="info")
    return facts_of_json(general, source_file=source_file)


class _Part:
    """An object of the file, read with its types checked."""

    def __init__(self, value: Any, where: str) -> None:
        self.where = where
        if not isinstance(value, dict):
            self._wrong("", "an object", value)
        self._members: dict[str, Any] = value

    def has(self, key: str) -> bool:
        """Whether the key stands there with a value."""
        return self._members.get(key) is not None

    def text(self, key: str) -> str:
        """A text, or a number as it is written; blank where there is none."""
        value = self._members.get(key)
        if value is None:
            return ""
        return value if isinstance(value, str) else self._wrong(key, "text or a number", value)

    def parts(self, key: str) -> list["_Part"]:
        """The objects of a list; none where the key is absent."""
        return [_Part(value, f"{self.where} {key} {place}") for place, value in enumerate(self._listed(key), start=1)]

    def texts(self, key: str) -> list[str]:
        """A text or a list of texts."""
        value = self._members.get(key)
        found = [value] if isinstance(value, str) else self._listed(key)
        return [
            text if isinstance(text, str) else self._wrong(key, "a list of texts", text) for text in found if text is not None
        ]

    def _listed(self, key: str) -> list[Any]:
        value = self._members.get(key)
        if value is None:
            return []
        return value if isinstance(value, list) else self._wrong(key, "a list", value)

    def _wrong(self, key: str, expected: str, value: Any) -> NoReturn:
        raise StructureError(
            f"{self.where} {key}".rstrip(),
            expected=expected,
            found={dict: "an object", list: "a list", bool: "true or false", str: "text"}.get(type(value), "null"),
            advice="Compare the file with the schema of CMS; nothing of it was taken.",
        )


def _add_item(item: _Part, reading: Reading, place: int) -> None:
    codes = [found for part in item.parts("code_information") if (found := reported(part.text("code"), part.text("type")))]
    glued = next((code for code in codes if is_glued(code)), None)
    for charge in item.parts("standard_charges"):
        reading.rows.read += 1
        text = joined_cell([*charge.texts("modifier_code"), *charge.texts("modifiers")])
        payers = charge.parts("payers_information")
        if glued is not None:
            reading.refuse_glued(glued, row=place)
        elif not text:
            _count_plain(payers, reading)
        else:
            _add_modified(charge, payers, codes, text, reading, place)


def _add_modified(
    charge: _Part, payers: Sequence[_Part], codes: list[ReportedCode], text: str, reading: Reading, place: int
) -> None:
    cell = reading.modifiers_of(text, row=place, column="modifier_code")
    if cell.refusal is not None:
        reading.rows.refused += 1
    elif not cell.modifiers:
        _count_plain(payers, reading)
    elif not codes:
        reading.rows.refused += 1
        reading.findings.add("code", "none", row=place, column="code_information", reason="An item must have a code.")
    else:
        item = Item(place, codes, text, charge.text("setting"), charge.text("billing_class"))
        reading.add_item(item, cell.modifiers, [_price(payer) for payer in payers])


def _count_plain(payers: Sequence[_Part], reading: Reading) -> None:
    reading.rows.without_modifier += 1
    reading.prices_without_modifier += sum(1 for payer in payers if any(payer.text(key).strip() for key in _RATES))


def _price(payer: _Part) -> PriceCells:
    dollars, percent, algorithm = (payer.text(key) for key in _RATES)
    entity = Entity(payer.text("payer_name").strip(), payer.text("plan_name").strip())
    return PriceCells(entity, dollars, percent, algorithm, payer.text("methodology"), payer.text("count"))


def _add_modifier(modifier: _Part, reading: Reading, place: int) -> None:
    """A modifier by itself: one row per payer, or one where it names none."""
    text = joined_cell(modifier.texts("code"))
    payers = modifier.parts("modifier_payer_information")
    reading.rows.read += max(len(payers), 1)
    cell = reading.modifiers_of(text, row=place, column="code")
    if cell.refusal is not None or not cell.modifiers:
        reading.rows.refused += max(len(payers), 1)
        if cell.refusal is None:
            reading.findings.add("modifiers.missing", "none", row=place, column="code", reason="A modifier must be named.")
        return
    reading.rows.of_effects += max(len(payers), 1)
    setting = reading.known_word(modifier.text("setting"), SETTINGS, row=place, column="setting")
    for column, payer in enumerate(payers, start=1):
        entity = Entity(payer.text("payer_name").strip(), payer.text("plan_name").strip())
        row = ModifierRow(place, column, cell.modifiers, text, setting)
        if not reading.add_effect(entity, EffectCells(note=payer.text("description")), row):
            reason = "A modifier by itself must say how it is paid."
            reading.findings.add("effect.payer", text, row=place, column="description", reason=reason, severity="info")


class _Document:
    """A JSON object that is read value by value from pieces of text."""

    def __init__(self, pieces: Iterable[str], *, source_file: str) -> None:
        self._pieces = iter(pieces)
        self._source_file = source_file
        self._text = ""
        self._at = 0
        self._before = 0
        """Characters of the file that are no longer in memory."""
        self._decoder = json.JSONDecoder(
            parse_float=str, parse_int=str, parse_constant=self._constant, object_pairs_hook=self._object
        )

    def members(self) -> Iterator[str]:
        """Keys of the document. The value of each must be read, with `value` or `elements`, before the next."""
        yield from (self._key() for _ in self._places("{", "}"))
        if self._next():
            self.fail("the end of the file", "more text after the document")

    def elements(self) -> Iterator[Any]:
        """Elements of the list that stands here."""
        yield from (self.value() for _ in self._places("[", "]"))

    def value(self) -> Any:
        """The value that stands here. Numbers are texts, as written."""
        self._next()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if len(self._text) - self._at > MAX_ITEM:
                    self.fail(f"valid JSON, a value having at most {MAX_ITEM:,} characters", "a longer or a broken one")
                if not self._grow():
                    self._at = error.pos
                    self.fail("valid JSON", error.msg)
                continue
            except RecursionError:
                self.fail("values nested as in the schema of CMS", "a value nested too deeply")
            if end + _LONGEST_NUMBER > len(self._text) and isinstance(value, str) and self._grow():
                continue
            self._at = end
            return value

    def fail(self, expected: str, found: str) -> NoReturn:
        """Raise a StructureError for where the reader is."""
        raise StructureError(
            f"{self._source_file} character {self._before + self._at:,}",
            expected=expected,
            found=found,
            advice="Fetch the file again; nothing of it was taken.",
        )

    def _places(self, opening: str, closing: str) -> Iterator[None]:
        """Stops before every member of an object or list, and goes on once it is read."""
        self._take(opening)
        if self._next() == closing:
            self._at += 1
            return
        while True:
            yield
            if self._next() == closing:
                self._at += 1
                return
            self._take(",")

    def _key(self) -> str:
        if self._next() != '"':
            self.fail("a key", "something else" if self._next() else "the end of the file")
        key = self.value()
        self._take(":")
        return str(key)

    def _take(self, wanted: str) -> None:
        found = self._next()
        if found != wanted:
            self.fail(repr(wanted), repr(found) if found else "the end of the file")
        self._at += 1

    def _next(self) -> str:
        """The next character that is not blank; blank at the end of the file."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _BLANKS:
                    return self._text[self._at]
                self._at += 1
            if not self._grow():
                return ""

    def _grow(self) -> bool:
        """Read as much again as is waiting, and forget what is read. Nothing changes where the file has ended."""
        more = []
        wanted = max(len(self._text) - self._at, 1)
        for piece in self._pieces:
            more.append(piece)
            wanted -= len(piece)
            if wanted <= 0:
                break
        if more:
            self._before += self._at
            self._text, self._at = "".join([self._text[self._at :], *more]), 0
        return bool(more)

    def _constant(self, word: str) -> NoReturn:
        self.fail("a number", word)

    def _object(self, pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            self.fail("every key of an object once", "one that stands twice")
        return found
