"""Values of Transparency in Coverage files: their many spellings, once per distinct text.

Schema 1.x and 2.x of CMS's price transparency guide. Rates are whole ten-thousandths, so that they are exact.
"""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from transforms.tic_errors import PriceFileError

NO_RATE = -(2**63)
"""Stands for a price that states no rate."""
OUT_OF_RANGE = NO_RATE + 1
"""Stands for a rate of more than 14 digits before the point, which no price is."""
RATE_LIMIT = 10**18
NOT_STATED = "not stated"
"""Reported code system or way of agreeing a rate where the file states none."""
_NO_MODIFIER = {"", "00", "NA", "N/A", "NONE", "NULL"}
_MODIFIER_SIZE = 2
_GLUED = re.compile(r"(?=.*[A-Z])(?:[0-9A-Z]{2}){2,4}")
DOLLAR_TYPES = frozenset({"negotiated", "derived", "fee schedule", "per diem"})
PERCENT_TYPES = frozenset({"percentage"})
_NUMBER = re.compile(r"[+-]?(?=\.?\d)(?P<whole>\d*)(?:\.(?P<decimals>\d*))?(?:[eE](?P<exponent>[+-]?\d+))?", re.ASCII)
_WHOLE_DIGITS = 14
_DECIMALS = 4
_HUGE, _HUGE_DIGITS = 10**9, 9
_SIGNIFICANT = 40
"""More digits than these decide a rounding only by not being zero."""
_DATES = (
    re.compile(r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?:[T ].*)?", re.ASCII),
    re.compile(r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})(?: .*)?", re.ASCII),
    re.compile(r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})", re.ASCII),
)
_ORDINAL = re.compile(r"(\d{4})(\d{3})", re.ASCII)
_SYSTEMS: Mapping[str, str] = MappingProxyType(
    {
        "CPT": "CPT", "CPT4": "CPT", "HCPCS": "HCPCS", "HCPC": "HCPCS", "RC": "RC", "REV": "RC", "REVCODE": "RC",
        "REVENUECODE": "RC", "NDC": "NDC", "MSDRG": "MS-DRG", "APRDRG": "APR-DRG", "APC": "APC", "ICD": "ICD", "ICD10": "ICD",
        "ICD9": "ICD", "ICD10CM": "ICD", "ICD10PCS": "ICD", "CDT": "CDT", "LOCAL": "LOCAL", "CSTMALL": "LOCAL",
    }
)  # fmt: skip
"""Reported types, capitals and digits only. `DRG` alone does not say which grouper and stays OTHER."""
_SHAPES: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "CPT": re.compile(r"\d{4}[0-9A-Z]", re.ASCII),
        "HCPCS": re.compile(r"[A-Z]\d{4}|\d{4}[0-9A-Z]", re.ASCII),  # level I of HCPCS is CPT
        "RC": re.compile(r"\d{3,4}", re.ASCII),
        "CDT": re.compile(r"D?\d{4}", re.ASCII),
    }
)
_LEVEL_TWO = re.compile(r"[A-Z]\d{4}", re.ASCII)
_EVERY_CODE = "CSTM-00"


class Code(NamedTuple):
    """A code as reported, what its system was recognised as, and whether its shape contradicts the reported system."""

    reported_system: str
    code: str
    system: str
    is_contradicted: bool


class RawPrice(NamedTuple):
    """JSON texts of what is kept of a price object beside the rate; empty where the key is absent."""

    negotiated_type: bytes
    expiration_date: bytes
    billing_class: bytes
    setting: bytes
    billing_code_modifier: bytes


class Modifiers(NamedTuple):
    """A set of modifiers in canonical order, joined by `|`, and as the file writes it."""

    canonical: str | None
    """None where the text holds something that is no modifier."""
    published: str | None


class PriceFacts(NamedTuple):
    """What is kept of a price object beside the rate."""

    negotiated_type: str
    is_percent: bool
    is_known_type: bool
    billing_class: str | None
    setting: str | None
    modifiers: Modifiers
    expiration: date | None
    is_expiration_readable: bool


def price_facts(raw: RawPrice, *, byte: int) -> PriceFacts:
    """Decoded facts of a price object. `byte` is where it first stands, for the error about values of a wrong type."""
    how = " ".join((_text(raw.negotiated_type, "negotiated_type", byte=byte) or "").lower().split())
    until = _text(raw.expiration_date, "expiration_date", byte=byte)
    expiration = published_date(until)
    return PriceFacts(
        how or NOT_STATED,
        how in PERCENT_TYPES,
        how in PERCENT_TYPES or how in DOLLAR_TYPES,
        _word(raw.billing_class, "billing_class", byte=byte),
        _word(raw.setting, "setting", byte=byte),
        modifiers(raw.billing_code_modifier, byte=byte),
        expiration,
        expiration is not None or not until,
    )


def modifiers(raw: bytes, *, byte: int) -> Modifiers:
    """The set of modifiers of a price. Absent, null, `[]`, `[""]` and `00` are none; commas, pipes and glued pairs are split."""
    found = _decoded(raw, byte=byte)
    texts = [found] if isinstance(found, str) else [] if found is None else found
    if not isinstance(texts, list) or not all(text is None or isinstance(text, str) for text in texts):
        raise PriceFileError(byte, expected="billing_code_modifier to be a list of texts", found=_shown(raw))
    words = {part.strip().upper() for text in texts if text for part in re.split(r"[,|]", text)} - _NO_MODIFIER
    pairs = {pair for word in words for pair in _pairs(word)}
    published = None if found is None else msgspec.json.encode(found).decode()
    return Modifiers(None if "" in pairs else "|".join(sorted(pairs)), published)


def code(raw_system: bytes, raw_code: bytes, *, byte: int) -> Code:
    """The code of an item. A system is never inferred from the shape of a code; a shape that contradicts it refutes it.

    Molina reports level II of HCPCS and codes of its own as CPT: what has the shape of another national system becomes OTHER,
    because nothing says which is right, and what has the shape of none becomes LOCAL. Level I of HCPCS is CPT, and many type it
    HCPCS, so a code typed HCPCS in that shape is CPT, as it is in hospitals' files.
    """
    reported = " ".join((_text(raw_system, "billing_code_type", byte=byte) or "").split()) or NOT_STATED
    stated = (_text(raw_code, "billing_code", byte=byte) or "").strip()
    if not stated:
        raise PriceFileError(byte, expected="an item with a billing_code", found="none")
    system = _SYSTEMS.get(re.sub(r"[^A-Z0-9]", "", reported.upper()), "OTHER")
    if system == "HCPCS" and _SHAPES["CPT"].fullmatch(stated):
        return Code(reported, stated, "CPT", is_contradicted=False)  # level I of HCPCS is CPT, in hospitals' files, too
    shape = _SHAPES.get(system)
    if shape is None or shape.fullmatch(stated) or stated == _EVERY_CODE:
        return Code(reported, stated, system, is_contradicted=False)
    is_national = _LEVEL_TWO.fullmatch(stated) or _SHAPES["CPT"].fullmatch(stated)
    return Code(reported, stated, "OTHER" if is_national else "LOCAL", is_contradicted=True)


def published_date(text: str | None) -> date | None:
    """A date in any of the spellings seen: ISO with or without time and zone, one-digit days, month first, yyyymmdd, yyyyDDD."""
    stripped = (text or "").strip()
    matches = (pattern.fullmatch(stripped) for pattern in _DATES)
    found = next((match for match in matches if match), None)
    ordinal = _ORDINAL.fullmatch(stripped)
    try:
        if found:
            return date(int(found["year"]), int(found["month"]), int(found["day"]))
        if ordinal:
            year, day = int(ordinal[1]), int(ordinal[2])
            last = date(year, 12, 31).timetuple().tm_yday
            return date(year, 1, 1) + timedelta(days=day - 1) if 1 <= day <= last else None
    except ValueError:
        return None
    return None


class Rate(NamedTuple):
    """A rate in ten-thousandths; NO_RATE and OUT_OF_RANGE stand for themselves."""

    value: int
    is_rounded: bool
    is_textual: bool


def rate(raw: bytes, *, byte: int) -> Rate:
    """The exact rate of a JSON number, or of a text that is one. More than four decimals are rounded, half to even.

    Raises PriceFileError where it is neither.
    """
    is_textual = raw.startswith(b'"')
    text = (str(_decoded(raw, byte=byte)) if is_textual else raw.decode()).strip(" \t")
    if not text or raw == b"null":
        return Rate(NO_RATE, is_rounded=False, is_textual=False)
    found = _NUMBER.fullmatch(text)
    if not found:
        raise PriceFileError(byte, expected="negotiated_rate to be a number", found=_shown(raw))
    value, is_rounded = _ten_thousandths(found["whole"] or "", found["decimals"] or "", found["exponent"] or "0")
    return Rate(-value if text.startswith("-") and value != OUT_OF_RANGE else value, is_rounded=is_rounded, is_textual=is_textual)


def decimal_of(ten_thousandths: int) -> Decimal:
    """A rate as it is kept: 4 decimals."""
    return Decimal(ten_thousandths).scaleb(-_DECIMALS)


def _ten_thousandths(whole: str, decimals: str, exponent: str) -> tuple[int, bool]:
    """Ten-thousandths of whole.decimals * 10 ** exponent and whether they are rounded; only what can matter is computed."""
    digits = (whole + decimals).lstrip("0")
    power = _exponent(exponent) - len(decimals)
    if not digits:
        return 0, False
    if len(digits) + power > _WHOLE_DIGITS:
        return OUT_OF_RANGE, False
    if len(digits) + power < -_DECIMALS:
        return 0, True
    kept, rest = digits[:_SIGNIFICANT], digits[_SIGNIFICANT:]
    mantissa, shift = int(kept + ("1" if rest.strip("0") else "0")), power + len(rest) - 1 + _DECIMALS
    if shift >= 0:
        return mantissa * 10**shift, False
    quotient, remainder = divmod(mantissa, 10**-shift)
    half = 10**-shift // 2
    rounded = quotient + (remainder > half or (remainder == half and quotient % 2 == 1))
    return (OUT_OF_RANGE, False) if rounded >= RATE_LIMIT else (rounded, remainder != 0)


def _exponent(text: str) -> int:
    """An exponent, one of more than nine digits cut to what is far out of range all the same."""
    digits = text.lstrip("+-").lstrip("0")
    size = _HUGE if len(digits) > _HUGE_DIGITS else int(digits or "0")
    return -size if text.startswith("-") else size


def _pairs(word: str) -> list[str]:
    """The modifiers in a word; an empty one where it is no modifier."""
    if len(word) == _MODIFIER_SIZE and word.isascii() and word.isalnum():
        return [word]
    return [word[at : at + 2] for at in range(0, len(word), 2)] if _GLUED.fullmatch(word) else [""]


def _word(raw: bytes, key: str, *, byte: int) -> str | None:
    """A word in lower case without blanks around it; None where there is none."""
    return (_text(raw, key, byte=byte) or "").strip().lower() or None


def _text(raw: bytes, key: str, *, byte: int) -> str | None:
    found = _decoded(raw, byte=byte)
    if found is None or isinstance(found, str):
        return found
    raise PriceFileError(byte, expected=f"{key} to be text", found=_shown(raw))


def _decoded(raw: bytes, *, byte: int) -> Any:
    """Value of a JSON text; None where the key is absent."""
    if not raw:
        return None
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PriceFileError(byte, expected="valid JSON", found=_shown(raw)) from error


def _shown(raw: bytes) -> str:
    return repr(raw[:60].decode("utf-8", "replace"))
