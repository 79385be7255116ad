"""Values in words, and links that carry what the reader chose."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from flows.release_query import Row

DISPOSITIONS = {
    "allowed": "Allowed",
    "allowed_with_documentation": "Allowed with documentation",
    "required": "Required",
    "informational": "Informational",
    "not_paid": "Not paid",
    "not_allowed": "Not allowed",
    "not_applicable": "Not applicable",
    "not_published": "Not published",
}
SHORT = {
    **DISPOSITIONS,
    "allowed_with_documentation": "With docu\u00adments",
    "informational": "Informa\u00adtional",
    "not_published": "—",
    "not_applicable": "N/A",
}
"""As in a narrow cell: the soft hyphen shows only where a line ends on a phone."""
_YEARS_SHOWN = 5
_YEAR_WIDTH = 26
"""Units that a year's four digits take in the picture."""
_ADDRESS = re.compile(r"https://[^\s;,]+|\b(?:[a-z0-9-]+\.)+(?:com|gov|net|org)\b(?:/[\w./-]*\w)?")
_SURGEONS = {
    "0": "not permitted",
    "1": "with documentation of medical necessity",
    "2": "permitted",
    "9": "concept does not apply",
}
INDICATORS = {
    "status_code": (
        "Status",
        {
            "A": "active, paid separately",
            "I": "not valid for Medicare",
            "N": "not covered",
            "R": "restricted coverage",
            "C": "priced by the contractor",
            "B": "bundled",
            "J": "anesthesia service",
            "X": "excluded by law",
            "T": "paid only if nothing else is paid that day",
            "P": "bundled or excluded",
            "E": "excluded by regulation",
            "M": "measurement code",
            "Q": "functional information",
        },
    ),
    "pctc_code": (
        "Professional and technical part",
        {
            "0": "physician service, no parts",
            "1": "diagnostic test with both parts",
            "2": "professional part only",
            "3": "technical part only",
            "4": "global test only",
            "5": "incident to a physician's service",
            "6": "laboratory service with interpretation",
            "7": "physical therapy",
            "8": "physician interpretation",
            "9": "concept does not apply",
        },
    ),
    "global_days_code": (
        "Global period",
        {
            "000": "day of the procedure",
            "010": "10 days",
            "090": "90 days",
            "MMM": "maternity",
            "XXX": "concept does not apply",
            "YYY": "set by the contractor",
            "ZZZ": "as the primary code (add-on)",
        },
    ),
    "multiple_procedure_code": (
        "Multiple procedures (51)",
        {
            "0": "no reduction",
            "1": "old standard reduction",
            "2": "standard reduction",
            "3": "endoscopy families",
            "4": "imaging, technical part",
            "5": "therapy",
            "6": "cardiovascular",
            "7": "ophthalmology",
            "9": "concept does not apply",
        },
    ),
    "bilateral_code": (
        "Bilateral (50)",
        {
            "0": "no 150 percent",
            "1": "150 percent",
            "2": "already bilateral",
            "3": "each side in full",
            "9": "concept does not apply",
        },
    ),
    "assistant_code": (
        "Assistant (80, 81, 82, AS)",
        {"0": "with documentation of medical necessity", "1": "not permitted", "2": "permitted", "9": "concept does not apply"},
    ),
    "co_surgeon_code": ("Co-surgeons (62)", _SURGEONS),
    "team_surgeon_code": ("Team (66)", {**_SURGEONS, "2": "permitted, by report"}),
}


def plain(value: Any) -> str:
    """A value as people read it."""
    return "" if value is None else str(value).replace("_", " ")


def indicator(name: str, value: str | None) -> str:
    """An indicator's meaning in own words."""
    return INDICATORS[name][1].get(str(value), "see the fee schedule's own file description")


def link(path: str, view: Mapping[str, str], **added: Any) -> str:
    """An address within the application: its parts quoted, the reader's choices kept, `None` left out."""
    query = {**view, **{name: str(value) for name, value in added.items() if value is not None}}
    return _address(path, tuple(sorted((name, value) for name, value in query.items() if value not in {"", "any"})))


@lru_cache(4_096)
def _address(path: str, query: tuple[tuple[str, str], ...]) -> str:
    return quote(path) + (f"?{urlencode(query)}" if query else "")


class Timeline(NamedTuple):
    """Rules as bars in a picture, with the years below and the day that the reader chose."""

    bars: list[dict[str, Any]]
    years: list[tuple[float, int]]
    day_x: float | None


def timeline(found: list[Row], on: date, width: int = 240) -> Timeline:
    """Rules in a picture `width` units wide, from the oldest start to a year after the newest day named or today."""
    days = [day for row in found for day in (row["effective_from"], row["effective_to"]) if day]
    if not days:
        return Timeline([], [], None)
    first, last = min(days), max(*days, date.today()) + timedelta(days=365)

    def place(day: date) -> float:
        return float(round((day - first).days * width / (last - first).days, 1))

    bars = []
    for row in found:
        begin, end = row["effective_from"], row["effective_to"]
        length = max(2.0, round(place(end or last) - place(begin), 1))
        bars.append({"rule": row, "x": place(begin), "width": length, "is_in_force": begin <= on <= (end or date.max)})
    step = -(-(last.year - first.year) // _YEARS_SHOWN)
    years = [(place(date(year, 1, 1)), year) for year in range(first.year + 1, last.year + 1, step)]
    return Timeline(
        bars, years[: -1 if years and years[-1][0] > width - _YEAR_WIDTH else None], place(on) if first <= on <= last else None
    )


def linked(text: str | None) -> list[tuple[str, str | None]]:
    """A citation's place in pieces, each with its address where it is one: `https://...` or a bare host such as `example.com`."""
    pieces: list[tuple[str, str | None]] = []
    rest = 0
    for found in _ADDRESS.finditer(text or ""):
        address = found[0] if "://" in found[0] else f"https://{found[0]}"
        pieces += [((text or "")[rest : found.start()], None), (found[0], address)]
        rest = found.end()
    return [piece for piece in [*pieces, ((text or "")[rest:], None)] if piece[0]]


def scope(row: Row) -> str:
    """Whom a rule is for, in words."""
    said = [
        "every organization" if row["organization_id"] == "any" else row["organization_id"],
        "every line of business" if row["line_of_business"] == "any" else plain(row["line_of_business"]),
        "every state" if row["market"] == "any" else row["market"],
    ]
    return ", ".join(said)
