"""A naive reader of price files, written without the project's readers, and files to hold the readers to it."""

import json
import random
import statistics
from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

import polars as pl

from transforms.tic import OBSERVED

DOLLARS = {"negotiated", "derived", "fee schedule", "per diem"}


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    yield from (content[at : at + size] for at in range(0, len(content), size))


# ---------------------------------------------------------------------------------------------- the naive reader


def naive(content: bytes) -> pl.DataFrame:
    """Observations by way of one whole document in memory, a list per key and the standard library's statistics."""
    document = json.loads(content.decode("utf-8-sig"), parse_float=Decimal, parse_int=Decimal)
    found: dict[tuple[Any, ...], list[tuple[Decimal | None, date | None, str | None]]] = {}
    for item in document["in_network"]:
        system = " ".join((item.get("billing_code_type") or "").split()) or "not stated"
        for rate in item.get("negotiated_rates", []):
            for price in rate.get("negotiated_prices", []):
                observed = naive_price(price)
                if observed is not None:
                    key, value = observed
                    found.setdefault((system, item["billing_code"].strip(), *key), []).append(value)
    rows = [naive_row(key, values) for key, values in found.items()]
    frame = pl.DataFrame(rows, schema={name: kind for name, kind in OBSERVED.items() if name != "code_system"}, orient="row")
    return frame.sort("reported_code_system", "code", "modifiers", "negotiated_type", "rate_kind", "billing_class", "setting")


def naive_price(price: dict[str, Any]) -> tuple[tuple[Any, ...], tuple[Decimal | None, date | None, str | None]] | None:
    published = price.get("billing_code_modifier")
    texts = [published] if isinstance(published, str) else published or []
    words = [part.strip().upper() for text in texts if text for part in text.replace("|", ",").split(",")]
    words = [word for word in words if word not in ("", "00", "NA", "N/A", "NONE", "NULL")]
    pairs = set()
    for word in words:
        if len(word) % 2 or not word.isascii() or not word.isalnum() or (len(word) > 2 and word.isdigit()) or len(word) > 8:
            return None
        pairs |= {word[at : at + 2] for at in range(0, len(word), 2)}
    how = " ".join((price.get("negotiated_type") or "").lower().split())
    stated = price.get("negotiated_rate")
    value = None if stated is None or stated == "" else naive_rate(stated)
    if value is not None and abs(value) >= 10**14:
        return None
    is_none = value is None or how not in DOLLARS | {"percentage"} or (how == "percentage" and value == 0)
    kind = "none" if is_none else "percent" if how == "percentage" else "dollars"
    words_of = [(price.get(name) or "").strip().lower() or None for name in ("billing_class", "setting")]
    shown = None if published is None else json.dumps(published, separators=(",", ":"), ensure_ascii=False)
    until = naive_date(price.get("expiration_date"))
    return ("|".join(sorted(pairs)), how or "not stated", kind, *words_of), (None if is_none else value, until, shown)


def naive_rate(stated: Decimal | str) -> Decimal:
    with localcontext() as context:
        context.prec = 400
        return Decimal(stated).quantize(Decimal("0.0001"), ROUND_HALF_EVEN)


def naive_date(text: str | None) -> date | None:
    if not text:
        return None
    if "/" in text:
        month, day, year = text.split("/")
        return date(int(year), int(month), int(day))
    if text.isdigit():
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    try:
        return date(*map(int, text.split("T")[0].split("-")))
    except ValueError:
        return None


def naive_row(key: tuple[Any, ...], values: list[tuple[Decimal | None, date | None, str | None]]) -> tuple[Any, ...]:
    system, code, modifiers, how, kind, billing_class, setting = key
    rates = [rate for rate, _, _ in values if rate is not None]
    days = [day for _, day, _ in values if day is not None]
    shown = [text for _, _, text in values if text is not None]
    median = statistics.median(rates).quantize(Decimal("0.0001"), ROUND_HALF_EVEN) if rates else None
    return (
        system, code, modifiers, min(shown, default=None), how, kind, billing_class, setting, len(values), len(set(rates)),
        min(rates, default=None), median, max(rates, default=None), min(days, default=None), max(days, default=None),
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------- files of every spelling


class Writer:
    """Writes JSON with keys in any order, blanks anywhere, escapes and numbers in every spelling."""

    def __init__(self, choices: random.Random) -> None:
        self.choices = choices

    def blanks(self) -> str:
        return self.choices.choice(["", "", "", " ", "\n", "\t ", "\r\n   "])

    def text(self, value: str) -> str:
        def spelled(character: str) -> str:
            if character in '"\\' or character < " ":
                return json.dumps(character)[1:-1]
            if character == "/" and self.choices.random() < 0.3:
                return "\\/"
            if self.choices.random() < 0.04:
                return json.dumps(character)[1:-1] if character > "~" else f"\\u{ord(character):04{self.choices.choice('xX')}}"
            return character

        return '"' + "".join(map(spelled, value)) + '"'

    def value(self, value: Any) -> str:
        if isinstance(value, Spelled):
            return value.text
        if isinstance(value, dict):
            pairs = list(value.items())
            if self.choices.random() < 0.7:
                self.choices.shuffle(pairs)
            inner = ",".join(
                f"{self.blanks()}{self.text(key)}{self.blanks()}:{self.blanks()}{self.value(each)}{self.blanks()}"
                for key, each in pairs
            )
            return "{" + (inner or self.blanks()) + "}"
        if isinstance(value, list):
            return "[" + (",".join(f"{self.blanks()}{self.value(each)}{self.blanks()}" for each in value) or self.blanks()) + "]"
        return self.text(value) if isinstance(value, str) else json.dumps(value)


class Spelled:
    """A number, or anything, as it is to be written."""

    def __init__(self, text: str) -> None:
        self.text = text


def document(choices: random.Random) -> bytes:
    """A whole file of a few items, written in a random way."""
    made = {
        "reporting_entity_name": 'Blüe \\ "Plan" 保険 \U0001f3e5',
        "reporting_entity_type": "health insurance issuer",
        "plan_name": choices.choice(["  Gold 1  ", None, "in_network"]),
        "last_updated_on": "2025-06-23",
        "version": choices.choice(["1.0.0", Spelled("1"), "2.0.0"]),
        "provider_references": [references(choices) for _ in range(choices.randrange(4))],
        "in_network": [item(choices) for _ in range(choices.randrange(7))],
        "other": deep(choices, 6),
    }
    mark = b"\xef\xbb\xbf" if choices.random() < 0.2 else b""
    writer = Writer(choices)
    return mark + (writer.blanks() + writer.value(made) + writer.blanks()).encode()


def references(choices: random.Random) -> dict[str, Any]:
    groups = [
        {"npi": [1111111111, Spelled("0")], "tin": {"type": "ein", "value": "11-1111111"}} for _ in range(choices.randrange(3))
    ]
    return {"provider_group_id": Spelled(choices.choice(["690.64470", "7", "-1E+2"])), "provider_groups": groups}


def deep(choices: random.Random, levels: int) -> Any:
    leaf = choices.choice(
        [None, True, False, Spelled("-0.0e-0"), "a\\", '\\"', "[{]}", "negotiated_rate", 'end\\\\"', "\x7fü\u2028"]
    )
    if levels == 0 or choices.random() < 0.2:
        return leaf
    inner = [deep(choices, levels - 1) for _ in range(choices.randrange(3))]
    return inner if choices.random() < 0.5 else {f"key {at}": each for at, each in enumerate(inner)} | {"setting": leaf}


def item(choices: random.Random) -> dict[str, Any]:
    made = {
        "negotiation_arrangement": "ffs",
        "name": choices.choice(["Surgery", 'a "name" that ends in \\', '},{"billing_code":"1"']),
        "billing_code_type": choices.choice(["CPT", "HCPCS", "rc", " MS-DRG ", None]),
        "billing_code": choices.choice(["99213", "J1100", "0450", "ATP02", "30560", "CSTM-00"]),
        "bundled_codes": [{"billing_code": "27447", "billing_code_type": "CPT"}],
        "negotiated_rates": [rate(choices) for _ in range(choices.randrange(5))],
        "severity_of_illness": deep(choices, 3),
    }
    optional = ("bundled_codes", "severity_of_illness", "negotiation_arrangement", "billing_code_type", "negotiated_rates")
    return {key: value for key, value in made.items() if key not in optional or choices.random() < 0.8}


def rate(choices: random.Random) -> dict[str, Any]:
    made: dict[str, Any] = {"negotiated_prices": [price(choices) for _ in range(choices.randrange(6))]}
    if choices.random() < 0.7:
        made["provider_references"] = [Spelled("690.65627"), 1]
    if choices.random() < 0.3:
        made["provider_groups"] = references(choices)["provider_groups"]
    return made


NUMBERS = (
    "12.5", "12.50", "0", "0.0", "-0", "-3.25", "1e2", "1.25E+1", "12500e-3", "100", "42.0", "219.17", "0.00005", "0.00015", "123456789012.1234",
    "1234567890.12345678901234567890", "0.1000000000000000055511151231257827", "1e-400", "0e999", "99999999999999.9999", "99999999999999.99995",
    "1e14", "-1e15", "12345678901234567890e-10", "0.000000000000000000000000000000125e30",
)  # fmt: skip
MODIFIERS = (
    [""],
    [],
    ["26"],
    ["TC", "26"],
    ["26", "TC"],
    ["tc, 26"],
    ["50|62"],
    ["00"],
    None,
    ["90TC"],
    [None, "RR"],
    ["360"],
    ["é1"],
    "25",
    ["25", "25"],
)
TYPES = ("negotiated", "Fee Schedule", "percentage", "per  diem", "derived", "capitated", None)


def price(choices: random.Random) -> dict[str, Any]:
    number = Spelled(choices.choice(NUMBERS))
    written: Any = choices.choice([number, number, number, number.text, f" {number.text} ", None, ""])
    made = {
        "negotiated_type": choices.choice(TYPES),
        "negotiated_rate": written,
        "expiration_date": choices.choice(
            ["9999-12-31", "2025-12-31T00:00:00", "2022-08-5", "3/14/2026", "20240229", "soon", None]
        ),
        "service_code": choices.choice([["11"], ["00", "99"], []]),
        "billing_class": choices.choice(["professional", "Institutional", "", None]),
        "setting": choices.choice(["inpatient", "both", None]),
        "billing_code_modifier": choices.choice(MODIFIERS),
        "additional_information": choices.choice(["", "APC[9397-9397]", "setting", "ends in \\"]),
        "extra": deep(choices, 2),
    }
    return {key: value for key, value in made.items() if choices.random() < 0.85}
