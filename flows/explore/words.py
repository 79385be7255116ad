"""Values in words, and links that carry what the reader chose."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode

from flows.answers import Row

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
SHORT = {**DISPOSITIONS, "allowed_with_documentation": "With documents", "not_published": "—", "not_applicable": "N/A"}
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
    kept = {name: value for name, value in query.items() if value not in {"", "any"}}
    return quote(path) + (f"?{urlencode(sorted(kept.items()))}" if kept else "")


def timeline(found: list[Row], width: int = 600) -> list[dict[str, Any]]:
    """Rules as bars in a picture `width` units wide, from the oldest start to a year after the newest day named."""
    days = [day for row in found for day in (row["effective_from"], row["effective_to"]) if day]
    if not days:
        return []
    first, last = min(days).toordinal(), max(*days, date.today()).toordinal() + 365
    bars = []
    for row in found:
        begin = (row["effective_from"].toordinal() - first) * width / (last - first)
        end = ((row["effective_to"].toordinal() if row["effective_to"] else last) - first) * width / (last - first)
        bars.append({"rule": row, "x": round(begin, 1), "width": max(2.0, round(end - begin, 1))})
    return bars
