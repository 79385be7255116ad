"""What a hospital's file says about itself: hospital, state, day of the last update, version of the layout."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from schemas.base import NOT_STATED
from schemas.vocabulary import MARKETS
from transforms.errors import StructureError
from transforms.tic_values import published_date

_ATTESTATION = "to the best of its knowledge and belief"
_KNOWN_VERSION = re.compile(r"[23](\.[0-9]+){0,3}")
_STATE_AND_ZIP = re.compile(r"\b([A-Z]{2})[ ,]+[0-9]{5}(?:-[0-9]{4})?\b")


class HospitalFacts(NamedTuple):
    """The general data of a file."""

    hospital: str
    locations: tuple[str, ...]
    market: str
    """USPS code of the hospital's state; `any` where the file does not say it."""
    last_updated_on: date | None
    version: str
    is_attested: bool | None
    """Whether the hospital affirms that the file is complete; None where it does not say."""


def facts_of_csv(names: list[str], values: list[str], *, source_file: str) -> HospitalFacts:
    """General data of a csv file: the field names of its first line, their values in the second.

    Order and further fields vary, the sentence of the attestation is itself a field name, and the state stands behind
    `license_number|`. Raises StructureError for an unknown version or a file without a hospital's name.
    """
    fields = {re.sub(r"\s*\|\s*", "|", name.strip()).lower(): value.strip() for name, value in zip(names, values, strict=False)}
    licence = next((name for name in fields if name.startswith("license_number")), "license_number")
    attested = next((value for name, value in fields.items() if name.startswith(_ATTESTATION)), "")
    states = [licence.partition("|")[2], fields.get(licence, "").strip('"').rpartition("|")[2]]
    return HospitalFacts(
        hospital=_hospital(fields.get("hospital_name", ""), source_file=source_file),
        locations=_several(fields.get("location_name") or fields.get("hospital_location", "")),
        market=_market(states, fields.get("hospital_address", "")),
        last_updated_on=published_date(fields.get("last_updated_on", "")),
        version=known_version(fields.get("version", ""), source_file=source_file),
        is_attested={"true": True, "false": False}.get(attested.lower()),
    )


def facts_of_json(document: Mapping[str, Any], *, source_file: str) -> HospitalFacts:
    """General data of a json file: its members other than the charges. Raises like `facts_of_csv`."""
    licence = document.get("license_information")
    licences = [part for part in (licence if isinstance(licence, list) else [licence]) if isinstance(part, Mapping)]
    attestation = document.get("attestation") or document.get("affirmation")
    stated = attestation if isinstance(attestation, Mapping) else {}
    confirmed = stated.get("confirm_attestation", stated.get("confirm_affirmation"))
    return HospitalFacts(
        hospital=_hospital(_text(document.get("hospital_name")), source_file=source_file),
        locations=_several(_text(document.get("location_name") or document.get("hospital_location"))),
        market=_market([_text(part.get("state")) for part in licences], _text(document.get("hospital_address"))),
        last_updated_on=published_date(_text(document.get("last_updated_on"))),
        version=known_version(_text(document.get("version")), source_file=source_file),
        is_attested=confirmed if isinstance(confirmed, bool) else None,
    )


def known_version(text: str, *, source_file: str) -> str:
    """The version of the layout; blank where none is stated. Raises StructureError for one that nobody has looked at."""
    version = text.strip().lower().removeprefix("v")
    if version and not _KNOWN_VERSION.fullmatch(version):
        raise StructureError(
            source_file,
            expected="version 2 or 3 of the layout",
            found=repr(text.strip()[:20]),
            advice="Compare the file with the layout of CMS for that version before reading it.",
        )
    return version


def _hospital(name: str, *, source_file: str) -> str:
    if name.strip():
        return name.strip()
    raise StructureError(
        source_file,
        expected="the hospital's name in the general data",
        found="none",
        advice="An empty template or a schema is no file of a hospital; otherwise fetch the file again.",
    )


def _market(states: list[str], address: str) -> str:
    stated = [state.strip().upper() for state in states] + _STATE_AND_ZIP.findall(address)
    return next((state for state in stated if state in MARKETS), NOT_STATED)


def _several(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("|") if part.strip())


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "|".join(map(_text, value))
    return value if isinstance(value, str) else ""
