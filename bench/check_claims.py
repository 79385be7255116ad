"""Claim files read line by line, as the reference of `payref check` reads them: nothing but Python."""

import csv
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from schemas.claim import ADVICE, LONGEST_LINE, MODIFIERS, MOST_LINES, OPTIONAL, REQUIRED
from schemas.vocabulary import BEGINNING, LINES_OF_BUSINESS, MARKETS

_SHOWN = 200


class Line(NamedTuple):
    """A line that can be judged."""

    source_row: int
    claim: str
    line: str
    payer: str
    code: str
    modifiers: tuple[tuple[int, str], ...]
    """Place from 1 to 4 and modifier, without the empty places, each where it stands first."""
    repeated: tuple[tuple[int, str], ...]
    """Modifiers that stand again, with the place of the second."""
    units: Decimal
    service_date: date
    judged_on: date
    state: str | None
    line_of_business: str | None
    place_of_service: str | None
    diagnosis: str | None
    is_partly_read: bool = False
    """Was another line of the claim refused?"""


class Refused(NamedTuple):
    """A line that cannot be judged, with the column at fault."""

    source_row: int
    claim: str | None
    line: str | None
    column_name: str
    value: str | None
    reason: str


Cells = dict[str, str | None]


def read(path: Path, *, on: date | None) -> tuple[list[Line], list[Refused]]:
    """Lines and refused lines of a CSV file in UTF-8 with the columns of `schemas.claim`."""
    first, *rest = path.read_text(encoding="utf-8").split("\n")
    header = [name.strip().lower() for name in next(csv.reader([first]))]
    rows = [(number, text.rstrip("\r")) for number, text in enumerate(rest, start=2) if text.strip()]
    split = [(number, text, _cells(text)) for number, text in rows]
    whole = [
        (number, _trimmed(dict(zip(header, cells, strict=True))))
        for number, _, cells in split
        if cells is not None and len(cells) == len(header)
    ]
    broken = [
        _broken(number, text, cells, len(header)) for number, text, cells in split if cells is None or len(cells) != len(header)
    ]
    counts: dict[str | None, int] = {}
    for _, cells in whole:
        counts[cells["claim"]] = counts.get(cells["claim"], 0) + 1
    judged = [_judged(number, cells, lines_of_claim=counts[cells["claim"]], on=on) for number, cells in whole]
    refused = broken + [each for each in judged if isinstance(each, Refused)]
    of_claims = {each.claim for each in refused}
    return [each._replace(is_partly_read=each.claim in of_claims) for each in judged if isinstance(each, Line)], refused


def _cells(text: str) -> list[str] | None:
    if len(text) > LONGEST_LINE:
        return None
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error:
        return None


def _broken(number: int, text: str, cells: list[str] | None, width: int) -> Refused:
    if len(text) > LONGEST_LINE:
        reason = f"The line is longer than {LONGEST_LINE:,} characters."
        return Refused(number, None, None, "*", text[:_SHOWN], reason)
    reason = (
        "The quotation marks on this line do not pair up; a cell may hold no line break."
        if cells is None
        else f"Expected {width} cells as in the header, found {len(cells)}."
    )
    return Refused(number, None, None, "*", text[:_SHOWN], reason)


def _trimmed(given: dict[str, str]) -> Cells:
    return {name: (given.get(name) or "").strip() or None for name in (*REQUIRED, *OPTIONAL)}


def _judged(number: int, cells: Cells, *, lines_of_claim: int, on: date | None) -> Line | Refused:
    """The line, or the first of its faults."""
    units, day = _units(cells["units"] or ""), _day(cells["service_date"] or "")
    state, business = _upper(cells["state"]), re.sub("[ -]+", "_", (cells["line_of_business"] or "").lower()) or None
    faults = [(name, cells[name] is None, f"The column {name} is empty.") for name in REQUIRED] + [
        (
            "units",
            units is None,
            "units: expected a number above 0 with at most nine digits and three decimals and without commas, such as 1 or 2.5.",
        ),
        (
            "service_date",
            day is None or day < BEGINNING,
            _about_day(cells["service_date"] or "", day),
        ),
        ("state", state not in (None, *MARKETS[1:]), "state: expected two letters such as TX, or nothing."),
        (
            "line_of_business",
            business not in (None, *LINES_OF_BUSINESS[1:]),
            f"line_of_business: expected one of {', '.join(LINES_OF_BUSINESS[1:])}, or nothing.",
        ),
        (
            "claim",
            lines_of_claim > MOST_LINES,
            f"claim: more than {MOST_LINES} lines carry this number; a claim has at most so many.",
        ),
    ]
    fault = next(((name, reason) for name, fails, reason in faults if fails), None)
    if fault or units is None or day is None:
        name, reason = fault or ("*", "")
        return Refused(number, cells["claim"], cells["line"], name, cells[name], reason)
    placed = [(slot, str(_upper(cells[name]))) for slot, name in enumerate(MODIFIERS, start=1) if cells[name]]
    return Line(
        source_row=number,
        claim=str(cells["claim"]),
        line=str(cells["line"]),
        payer=str(cells["payer"]),
        code=str(_upper(cells["code"])),
        modifiers=_at_their(1, placed),
        repeated=_at_their(2, placed),
        units=units,
        service_date=day,
        judged_on=on or day,
        state=state,
        line_of_business=business,
        place_of_service=cells["place_of_service"],
        diagnosis=cells["diagnosis"],
    )


def _at_their(time: int, placed: list[tuple[int, str]]) -> tuple[tuple[int, str], ...]:
    """Modifiers where they stand for the first, second, ... time."""
    names = [name for _, name in placed]
    return tuple((slot, name) for at, (slot, name) in enumerate(placed, start=1) if names[:at].count(name) == time)


def _units(text: str) -> Decimal | None:
    """A number above 0 with three decimals, as DuckDB writes it."""
    read_units = Decimal(text).quantize(Decimal("0.001")) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?", text) else Decimal(0)
    return read_units if read_units > 0 else None


def _day(text: str) -> date | None:
    """A day written with or without its hyphens."""
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}", text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _about_day(text: str, day: date | None) -> str:
    expected = f"service_date: expected year, month and day such as 2025-10-15 or 20251015, from {BEGINNING} on."
    says = looks_like("service_date", text) if day is None else ""
    return f"{expected} {text} {says}." if says else expected


def looks_like(column_name: str, text: str) -> str:
    """What a value that is not written as expected looks like."""
    fitting = (advice.says for advice in ADVICE if advice.column_name == column_name and re.fullmatch(advice.pattern, text))
    return next(fitting, "")


def _upper(text: str | None) -> str | None:
    return text.upper() if text else None
