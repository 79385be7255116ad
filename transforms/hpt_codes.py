"""Codes of items: the type stands beside the code, and the shape only tells whether the code can be of that type."""

import re
from functools import lru_cache
from typing import NamedTuple

from schemas.vocabulary import CODE_PATTERN

_CODE = re.compile(CODE_PATTERN)
_SYSTEMS = {
    "CPT": "CPT", "HCPCS": "HCPCS", "RC": "RC", "NDC": "NDC", "MS-DRG": "MS-DRG", "APR-DRG": "APR-DRG", "APC": "APC",
    "ICD": "ICD", "CDT": "CDT", "LOCAL": "LOCAL", "CDM": "LOCAL",
}  # fmt: skip
"""Types of the CMS layouts (data dictionary, `code|n|type`) and what the tables call them; the others are OTHER."""
CODE_LENGTH = 5
"""Of CPT and HCPCS codes."""
PROCEDURE_TYPES = frozenset({"CPT", "HCPCS"})
_HOUSE_TYPES = frozenset({"CDM", "LOCAL"})
_GLUED = re.compile(r"[0-9A-Z]{5}(\s*[-/|,;&+ ]\s*[0-9A-Z]+|\s+AND\s+.+|[0-9A-Z]{2,})+")
GLUED = "Several codes, or a code and a modifier, stand in one cell."


class ReportedCode(NamedTuple):
    """A code and its type as the file states them, in capitals."""

    code: str
    type: str


@lru_cache(maxsize=100_000)
def reported(code: str, kind: str) -> ReportedCode | None:
    """A code cell and its type cell; None where there is no code."""
    cleaned = code.strip().upper()
    return ReportedCode(cleaned, kind.strip().upper()) if cleaned else None


def code_system(found: ReportedCode) -> str:
    """What a reported code is recognised as.

    CPT codes are level I of HCPCS, and some hospitals type all of theirs HCPCS, so a code typed HCPCS in the shape of level I is
    CPT. A type that the shape contradicts is OTHER: nothing says which of the two is wrong.
    """
    if found.type not in PROCEDURE_TYPES:
        return _SYSTEMS.get(found.type, "OTHER")
    if not _CODE.fullmatch(found.code):
        return "OTHER"
    is_level_two = found.code[0].isalpha()
    if found.type == "CPT":
        return "OTHER" if is_level_two else "CPT"
    return "HCPCS" if is_level_two else "CPT"


def is_glued(found: ReportedCode) -> bool:
    """Whether a cell typed CPT or HCPCS holds more than a code (`29888 AND 29882`, `C1377-GN`, `8707059`)."""
    return found.type in PROCEDURE_TYPES and len(found.code) > CODE_LENGTH and bool(_GLUED.fullmatch(found.code))


def priced(codes: list[ReportedCode]) -> list[ReportedCode]:
    """The codes that a row's modifiers belong to.

    Those typed CPT or HCPCS; without one the others, and the hospital's own numbers only where there is nothing else.
    """
    procedures = [found for found in codes if found.type in PROCEDURE_TYPES]
    public = [found for found in codes if found.type not in _HOUSE_TYPES]
    return list(dict.fromkeys(procedures or public or codes))
