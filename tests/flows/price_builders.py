"""Price files in the published layouts, with names and figures of our own."""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flows.unit_store import UnitStore
from flows.units import Unit, program

CONTENTS_URL = "https://files.example.com/2026-07-01_plan_in-network-rates.json.gz?sig=one"


def in_network(*, entity: str = "Aetna Life Insurance Company", items: int = 2, codes: int = 1_000, **header: Any) -> bytes:
    """An in-network file whose items, of so many different codes, have a price without a modifier, one with 26 and one percentage of nothing."""
    prices = [
        price(100.5),
        price(40, billing_code_modifier=["26"]),
        price(0.0, negotiated_type="percentage", billing_code_modifier=[""]),
    ]
    listed = [
        {"negotiation_arrangement": "ffs", "name": "a service", "billing_code_type": "CPT", "billing_code": f"{70000 + number % codes}",
         "negotiated_rates": [{"provider_references": [1], "negotiated_prices": prices}]}
        for number in range(items)
    ]  # fmt: skip
    told = {
        "reporting_entity_name": entity,
        "reporting_entity_type": "insurer",
        "last_updated_on": "2026-07-01",
        "version": "2.0.0",
    }
    return json.dumps({**told, **header, "in_network": listed}).encode()


def price(rate: float, **other: Any) -> dict[str, Any]:
    told = {"negotiated_type": "negotiated", "negotiated_rate": rate, "expiration_date": "9999-12-31", "service_code": ["11"]}
    return {**told, "billing_class": "professional", **other}


def table_of_contents(*urls: str, entity: str = "Aetna Life Insurance Company") -> bytes:
    plans = [{"plan_name": f"plan {number}", "plan_id_type": "ein", "plan_id": str(number)} for number in range(3)]
    files = [{"description": "in-network file", "location": url} for url in urls]
    structure = {"reporting_plans": plans, "in_network_files": files}
    told = {"reporting_entity_name": entity, "reporting_entity_type": "insurer"}
    return json.dumps({**told, "reporting_structure": [structure]}).encode()


HOSPITAL_COLUMNS = (
    "description", "code|1", "code|1|type", "modifiers", "setting", "standard_charge|gross", "payer_name", "plan_name",
    "standard_charge|negotiated_dollar", "standard_charge|negotiated_percentage", "standard_charge|negotiated_algorithm",
    "standard_charge|methodology", "additional_generic_notes",
)  # fmt: skip


def hospital_csv() -> bytes:
    """A tall file with one priced item with a modifier, and one modifier without an item."""
    general = {"hospital_name": "Hill Hospital", "last_updated_on": "2026-04-01", "version": "3.0.0", "license_number|TX": "1"}
    note = "50% payment adjustment for the item or service to which the modifier is appended"
    rows: list[Mapping[str, str]] = [
        {"description": "a service", "code|1": "70551", "code|1|type": "CPT", "modifiers": "26", "setting": "outpatient",
         "payer_name": "Aetna", "plan_name": "HMO", "standard_charge|negotiated_dollar": "80", "standard_charge|methodology": "fee schedule"},
        {"description": "a modifier", "modifiers": "QK", "setting": "both", "payer_name": "Aetna", "plan_name": "HMO",
         "standard_charge|negotiated_percentage": "50", "additional_generic_notes": note},
    ]  # fmt: skip
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(general)
    writer.writerow(general.values())
    writer.writerow(HOSPITAL_COLUMNS)
    writer.writerows([row.get(name, "") for name in HOSPITAL_COLUMNS] for row in rows)
    return written.getvalue().encode()


def zipped(**members: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return written.getvalue()


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def unit(path: Path, store: Path, *, source: str = "tic") -> Unit:
    told = path.stat()
    return Unit(source, f"{source}/{path.name}", str(path), told.st_size, str(told.st_mtime), str(store), program())


def result(store: Path) -> dict[str, bytes]:
    """Every file of the results, which must not depend on who made them; what was seen where is another matter."""
    folder = store / "results"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def some_files(raw: Path) -> None:
    """A folder with good and bad files of every kind."""
    put(raw, "tic/payer/in-network.json.gz", gzip.compress(in_network(), mtime=0))
    put(raw, "tic/payer/index.json", table_of_contents(CONTENTS_URL))
    put(
        raw,
        "tic/other/both.zip",
        zipped(**{"a.json": in_network(entity="Cigna Health and Life Insurance Company"), "b.json": b"<html>"}),
    )
    put(raw, "tic/bad/cut.json.gz", gzip.compress(in_network(items=50), mtime=0)[:-20])
    put(raw, "tic/bad/page.json", b"<!doctype html><html>not here</html>")
    put(raw, "hpt/hill.csv", hospital_csv())


def parts_of(store: Path, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = UnitStore(str(store)).facts(key)["parts"]
    return found
