"""Hospitals' files in the published layouts, with descriptions of our own."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from tests.transforms.builders import csv_text
from transforms.errors import StructureError
from transforms.hpt import HospitalFile, read_hospital_file

FILE = "hpt/somewhere/charges.csv"
JSON_FILE = "hpt/somewhere/charges.json"
ATTESTATION = "To the best of its knowledge and belief, this hospital has included all of it."
GENERAL = {
    "hospital_name": "Hill Hospital",
    "last_updated_on": "2026-04-01",
    "version": "3.0.0",
    "location_name": "Hill Hospital|Hill Annex",
    "hospital_address": "1 Hill Street, Hilltop, TX  77001",
    "license_number|TX": "12345",
    "type_2_npi": "1000000001",
    ATTESTATION: "true",
    "attester_name": "A. Person",
}
TALL = (
    "description", "code|1", "code|1|type", "code|2", "code|2|type", "modifiers", "setting", "billing_class", "standard_charge|gross",
    "payer_name", "plan_name", "standard_charge|negotiated_dollar", "standard_charge|negotiated_percentage",
    "standard_charge|negotiated_algorithm", "median_amount", "count", "standard_charge|methodology", "additional_generic_notes",
)  # fmt: skip
ROW = {
    "description": "a service",
    "code|1": "611",
    "code|1|type": "RC",
    "code|2": "70551",
    "code|2|type": "CPT",
    "setting": "outpatient",
    "payer_name": "Aetna",
    "plan_name": "HMO",
    "standard_charge|negotiated_dollar": "100",
    "standard_charge|methodology": "fee schedule",
}
BY_ITSELF = {"description": "a modifier", "setting": "both", "payer_name": "Aetna", "plan_name": "HMO"}


def payer_columns(payer: str, plan: str) -> tuple[str, ...]:
    """Columns of a payer and plan of a wide file."""
    both = f"{payer}|{plan}" if plan else payer
    return (
        f"standard_charge|{both}|negotiated_dollar",
        f"standard_charge|{both}|negotiated_percentage",
        f"standard_charge|{both}|negotiated_algorithm",
        f"median_amount|{both}",
        f"count|{both}",
        f"standard_charge|{both}|methodology",
        f"additional_payer_notes|{both}",
    )


def wide(*payers: tuple[str, str]) -> tuple[str, ...]:
    """Columns of a wide file."""
    return (*TALL[:9], *(name for payer in payers for name in payer_columns(*payer)), "additional_generic_notes")


def hospital_csv(*rows: Mapping[str, str], columns: Sequence[str] = TALL, general: Mapping[str, str] = GENERAL) -> str:
    """A csv file; cells that a row does not name are blank."""
    lines = [list(general.values()), list(columns), *([row.get(name, "") for name in columns] for row in rows)]
    return csv_text(list(general), lines)


def hospital_json(items: Sequence[Any] = (), modifiers: Sequence[Any] = (), **general: Any) -> str:
    """A json file."""
    document = {
        "hospital_name": "Hill Hospital",
        "last_updated_on": "2026-04-01",
        "version": "3.0.0",
        "location_name": ["Hill Hospital"],
        "license_information": {"license_number": "12345", "state": "TX"},
        "attestation": {"attestation": ATTESTATION, "confirm_attestation": True},
        **general,
    }
    return json.dumps(
        {key: value for key, value in document.items() if value is not None}
        | {"modifier_information": list(modifiers), "standard_charge_information": list(items)}
    )


def json_item(modifiers: Any = None, *, code: str = "70551", kind: str = "CPT", **price: Any) -> dict[str, Any]:
    """An item with one charge and one price."""
    priced = {"payer_name": "Aetna", "plan_name": "HMO", "methodology": "fee schedule", "standard_charge_dollar": 100} | price
    charge = {"setting": "outpatient", "payers_information": [priced]} | ({"modifier_code": modifiers} if modifiers else {})
    return {"description": "a service", "code_information": [{"code": code, "type": kind}], "standard_charges": [charge]}


def json_modifier(code: str, *descriptions: str, **more: Any) -> dict[str, Any]:
    """A modifier by itself, with one payer per description."""
    payers = [
        {"payer_name": "Aetna", "plan_name": f"Plan {number}", "description": description}
        for number, description in enumerate(descriptions, start=1)
    ]
    return {"code": code, "description": "a modifier", "modifier_payer_information": payers, **more}


def chunks(content: bytes, size: int) -> Iterator[bytes]:
    """Content in chunks of a size in bytes."""
    return (content[start : start + size] for start in range(0, len(content), size))


def read(text: str | bytes, *, size: int = 1 << 16, source_file: str = FILE) -> HospitalFile:
    """What a text is read as."""
    content = text.encode() if isinstance(text, str) else text
    return read_hospital_file(chunks(content, size), source_file=source_file)


def refusal(text: str | bytes, *, source_file: str = FILE) -> str:
    """The message with which a text is refused."""
    with pytest.raises(StructureError) as caught:
        read(text, source_file=source_file)
    return str(caught.value)
