"""The readable reader of in-network files: typed structs over pieces of the text, entered where they are too long.

A piece is many items, rates or prices at once. An item that does not fit into the window is read rate by rate, a rate that does
not fit price by price; a price must fit. So memory is bounded whatever the size of the file and of an item.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np

from transforms.tic_errors import FETCH_AGAIN, PriceFileError
from transforms.tic_reader import HEADER_KEYS, KINDS, MOST_DISTINCT, Reading, Structures, header_text
from transforms.tic_totals import ROW, Totals
from transforms.tic_values import RawPrice, code, price_facts, rate
from transforms.tic_window import Window, may_repeat_a_key

_ABSENT = msgspec.Raw(b"")
_TOP = (*HEADER_KEYS, *KINDS)
_ITEM = ("billing_code_type", "billing_code", "negotiated_rates")
_RATE = ("negotiated_prices",)
_PRICE = (*RawPrice._fields, "negotiated_rate")
_AROUND_PRICES = [f'"{key}"'.encode() for key in (*_ITEM, *_RATE)]
_IN_PRICES = [f'"{key}"'.encode() for key in _PRICE]
_ESCAPED_KEY = re.compile(rb"\\u00[567]")
"""An escape that a key may hide behind: they are of small letters and underscores."""
_NUMBER = re.compile(rb'"negotiated_rate"[ \t\r\n]*:[ \t\r\n]*(-?[0-9]+(?:\.[0-9]+)?)(?=[ \t\r\n,}])')
_MOST_COUNTED = 400_000
_MOST_REMEMBERED = 50_000
_Counted = tuple[int, int, bytes]
"""Code, attributes and text of the rate of a price."""


class _Price(msgspec.Struct):
    negotiated_type: msgspec.Raw = _ABSENT
    expiration_date: msgspec.Raw = _ABSENT
    billing_class: msgspec.Raw = _ABSENT
    setting: msgspec.Raw = _ABSENT
    billing_code_modifier: msgspec.Raw = _ABSENT
    negotiated_rate: msgspec.Raw = _ABSENT


class _Rate(msgspec.Struct):
    negotiated_prices: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


class _Item(msgspec.Struct):
    billing_code_type: msgspec.Raw = _ABSENT
    billing_code: msgspec.Raw = _ABSENT
    negotiated_rates: list[_Rate] | msgspec.UnsetType = msgspec.UNSET


_ITEMS: "msgspec.json.Decoder[list[Any]]" = msgspec.json.Decoder(list[_Item])
_RATES: "msgspec.json.Decoder[list[Any]]" = msgspec.json.Decoder(list[_Rate])
_PRICES: "msgspec.json.Decoder[list[Any]]" = msgspec.json.Decoder(list[msgspec.Raw])
_ONE_PRICE = msgspec.json.Decoder(_Price)
_ENTRIES: "msgspec.json.Decoder[list[Any]]" = msgspec.json.Decoder(list[msgspec.Raw])


def read(chunks: Iterable[bytes], totals: Totals, structures: Structures, *, size: int = 2 * 1024 * 1024) -> Reading:
    """Read a file to its end; prices go to `totals`, entries of a table of contents to `structures`.

    `size` is how many bytes are looked at together. Raises PriceFileError for a file that is not whole and right.
    """
    reader = _Reader(Window(chunks, size=size), totals, structures)
    try:
        return reader.document()
    except RecursionError as error:
        raise PriceFileError(reader.window.byte, expected="JSON of ordinary depth", found="hundreds of levels") from error


class _Reader:
    """What has been read so far."""

    def __init__(self, window: Window, totals: Totals, structures: Structures) -> None:
        self.window = window
        self._totals, self._structures = totals, structures
        self._codes: dict[tuple[bytes, bytes], tuple[int, int]] = {}
        self._prices: dict[tuple[bytes, ...], tuple[int, int]] = {}
        self._texts: dict[tuple[bytes, bytes], int] = {}
        self._counted: Counter[_Counted] = Counter()
        self._items = self._late = self._rounded = self._textual = self._read = 0

    def document(self) -> Reading:
        """The whole text."""
        self.window.drop_mark()
        header: dict[str, bytes] = {}
        kinds: set[str] = set()
        for key in self.window.keys(_TOP):
            kinds |= {key} & set(KINDS)
            if key == "in_network":
                self._in_network()
            elif key == "reporting_structure":
                self._table_of_contents()
            elif key in HEADER_KEYS:
                header_text(self.window.next_byte(), key, byte=self.window.byte)
                header[key] = self.window.value()
            else:
                self.window.skip()
        if self.window.next_byte():
            self.window.refuse("nothing after the end of the document")
        self._flush()
        return self._reading(header, frozenset(kinds))

    def _reading(self, header: dict[str, bytes], kinds: frozenset[str]) -> Reading:
        return Reading(
            header,
            kinds,
            [(*raw, byte) for raw, (_, byte) in self._codes.items()],
            [(RawPrice(*raw), byte) for raw, (_, byte) in self._prices.items()],
            self._items,
            self._read,
            self._rounded,
            self._textual,
        )

    def _table_of_contents(self) -> None:
        def take(entries: list[Any], text: bytes) -> int:
            for entry in entries:
                self._structures.add(bytes(entry), byte=self.window.byte)
            return len(text)

        for taken in self.window.elements(_ENTRIES, take):
            if taken is None:
                byte = self.window.byte
                self._structures.add(self.window.value(), byte=byte)

    def _in_network(self) -> None:
        for taken in self.window.elements(_ITEMS, self._items_taken):
            if taken is None:
                self._item()
            else:
                self._add(taken)

    def _item(self) -> None:
        """An item key by key; its code may stand behind its prices."""
        self.window.next_byte()
        start, found = self.window.byte, dict.fromkeys(_ITEM[:2], b"")
        self._late -= 1
        late = self._late
        for key in self.window.keys(_ITEM):
            if key == "negotiated_rates":
                self._rate_list(late)
            elif key in found:
                found[key] = self.window.value()
            else:
                self.window.skip()
        self._totals.settle(late, self._code(found["billing_code_type"], found["billing_code"], byte=start))
        self._items += 1

    def _rate_list(self, number: int) -> None:
        def take(rates: list[_Rate], text: bytes) -> list[_Counted] | None:
            return self._rates_taken(number, rates, text)

        for taken in self.window.elements(_RATES, take):
            if taken is not None:
                self._add(taken)
                continue
            for key in self.window.keys(_RATE):
                if key == "negotiated_prices":
                    self._price_list(number)
                else:
                    self.window.skip()

    def _price_list(self, number: int) -> None:
        def take(prices: list[msgspec.Raw], _: bytes) -> list[_Counted] | None:
            return self._prices_taken(number, prices)

        for taken in self.window.elements(_PRICES, take):
            if taken is None:
                self._price(number)
            else:
                self._add(taken)

    def _price(self, number: int) -> None:
        """A price key by key, so that what is wrong with it is told where it stands."""
        self.window.next_byte()
        start, at_rate = self.window.byte, self.window.byte
        found = dict.fromkeys(_PRICE, b"")
        for key in self.window.keys(_PRICE):
            if key not in found:
                self.window.skip()
                continue
            self.window.next_byte()
            at_rate = self.window.byte if key == "negotiated_rate" else at_rate
            found[key] = self.window.value()
        stated = found.pop("negotiated_rate") or b"null"
        rate(stated, byte=at_rate)
        self._add([(number, self._attributes(tuple(found.values()), byte=start), stated)])

    def _items_taken(self, items: list[_Item], text: bytes) -> list[_Counted] | None:
        """Prices of whole items; None where something about them must be told, or looked at, key by key."""
        counted: list[_Counted] = []
        keys = 0
        try:
            for item in items:
                named = self._code(bytes(item.billing_code_type), bytes(item.billing_code), byte=self.window.byte)
                rates = item.negotiated_rates or []
                counted += self._counted_in(named, [price for each in rates for price in each.negotiated_prices or ()])
                keys += 1 + bool(bytes(item.billing_code_type)) + (item.negotiated_rates is not msgspec.UNSET) + _lists(rates)
        except PriceFileError:
            return None
        if _may_repeat(text, _AROUND_PRICES, keys):
            return None
        self._items += len(items)
        return counted

    def _rates_taken(self, number: int, rates: list[_Rate], text: bytes) -> list[_Counted] | None:
        if _may_repeat(text, _AROUND_PRICES, _lists(rates)):
            return None
        return self._prices_taken(number, [price for each in rates for price in each.negotiated_prices or ()])

    def _prices_taken(self, number: int, prices: list[msgspec.Raw]) -> list[_Counted] | None:
        try:
            return self._counted_in(number, prices)
        except PriceFileError:
            return None

    def _counted_in(self, number: int, prices: list[msgspec.Raw]) -> list[_Counted]:
        """Prices with their attributes. Nearly all repeat the text of an earlier one around the number, and mean the same."""
        known, counted = self._texts, []
        for price in prices:
            text = bytes(price)
            found = _NUMBER.search(text)
            attributes = known.get((text[: found.start(1)], text[found.end(1) :])) if found else None
            if attributes is None or not found:
                counted.append((number, *self._new_price(text, found)))
            else:
                counted.append((number, attributes, found[1]))
        return counted

    def _new_price(self, text: bytes, found: "re.Match[bytes] | None") -> tuple[int, bytes]:
        """Attributes and rate of a price that repeats no earlier one. Raises PriceFileError where it must be read key by key."""
        byte = self.window.byte
        price = _ONE_PRICE.decode(text)
        raw = tuple(bytes(getattr(price, key)) for key in RawPrice._fields)
        stated = bytes(price.negotiated_rate)
        if _may_repeat(text, _IN_PRICES, sum(map(bool, raw)) + bool(stated)):
            raise PriceFileError(byte, expected="every key once", found="one that may stand twice")
        rate(stated or b"null", byte=byte)
        attributes = self._attributes(raw, byte=byte)
        if found and found[1] == stated and text.count(b'"negotiated_rate"') == 1:
            if len(self._texts) >= _MOST_REMEMBERED:
                self._texts.clear()
            self._texts[text[: found.start(1)], text[found.end(1) :]] = attributes
        return attributes, stated or b"null"

    def _attributes(self, raw: tuple[bytes, ...], *, byte: int) -> int:
        """Number of a set of attributes, which is judged when it is first seen."""
        known = self._prices.get(raw)
        if known is None:
            _refuse_too_many(self._prices, byte=byte)
            price_facts(RawPrice(*raw), byte=byte)
            known = self._prices[raw] = (len(self._prices), byte)
        return known[0]

    def _code(self, raw_system: bytes, raw_code: bytes, *, byte: int) -> int:
        known = self._codes.get((raw_system, raw_code))
        if known is None:
            _refuse_too_many(self._codes, byte=byte)
            code(raw_system, raw_code, byte=byte)
            known = self._codes[raw_system, raw_code] = (len(self._codes), byte)
        return known[0]

    def _add(self, counted: Sequence[_Counted]) -> None:
        self._read += len(counted)
        self._counted.update(counted)
        if len(self._counted) >= _MOST_COUNTED:
            self._flush()

    def _flush(self) -> None:
        rates = {text: rate(text, byte=0) for text in {text for _, _, text in self._counted}}
        rows = [(number, attributes, rates[text].value, count) for (number, attributes, text), count in self._counted.items()]
        self._rounded += sum(count for (_, _, text), count in self._counted.items() if rates[text].is_rounded)
        self._textual += sum(count for (_, _, text), count in self._counted.items() if rates[text].is_textual)
        self._totals.add(np.array(rows, ROW))
        self._counted.clear()


def _may_repeat(text: bytes, keys: Sequence[bytes], taken: int) -> bool:
    """Whether a key that matters may stand twice in an object, of which a struct keeps the last in silence.

    `taken` is how many of the keys structs took from the text.
    """
    if not _ESCAPED_KEY.search(text) and sum(map(text.count, keys)) == taken:
        return False
    return may_repeat_a_key(text, {key[1:-1].decode() for key in keys})


def _lists(rates: Sequence[_Rate]) -> int:
    return sum(each.negotiated_prices is not msgspec.UNSET for each in rates)


def _refuse_too_many(seen: dict[Any, Any], *, byte: int) -> None:
    if len(seen) >= MOST_DISTINCT:
        raise PriceFileError(
            byte,
            expected=f"at most {MOST_DISTINCT:,} different codes, and sets of attributes",
            found="more",
            advice=FETCH_AGAIN,
        )
