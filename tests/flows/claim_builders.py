"""The release that the project ships with rows of NCCI, HCPCS, places and diagnoses beside, and claim files judged by it."""

import csv
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from typer.testing import CliRunner

from flows import SHIPPED_RAW, cli
from flows.database_name import DATABASE
from schemas import Diagnosis, NcciAddon, NcciMue, NcciPtp, PlaceOfService, RawFile, Release
from tests.databases import database_of
from tests.flows.test_ncci_macros import edit, insert

HEADER = "claim,line,payer,code,modifier_1,modifier_2,units,service_date,state"
Finding = dict[str, str]
SINCE = date(2025, 1, 1)
COVERED = {"valid_from": date(2025, 10, 1), "valid_to": date(2025, 12, 31)}
RELEASES = (
    {"source": "cms_ncci", "release_id": "2025-10", "title": "NCCI of the quarter", **COVERED},
    {"source": "cms_pos", "release_id": "20251001", "title": "Places of service", **COVERED},
    {"source": "cms_icd10cm", "release_id": "2026", "title": "ICD-10-CM of the year", **COVERED},
    {"source": "cms_icd10cm", "release_id": "2026-11", "title": "ICD-10-CM of November", "valid_from": date(2025, 11, 1), "valid_to": date(2025, 12, 31)},
    {"source": "cms_hcpcs", "release_id": "2025-10", "title": "HCPCS of the quarter", **COVERED},
)  # fmt: skip
FILES = ("ccipra-v313r0-f1.txt", "MCR_MUE_PractitionerServices_Eff_10-01-2025.csv", "AOC_V2025Q4-MCR.xlsx")
RAW_FILE = {"source": "cms_ncci", "release_id": "2025-10", "sha256": "0" * 64, "rows_accepted": 1}
EDITS = (
    edit("33533", "36620", SINCE, None, "0", source_file="pairs", source_row=3),
    edit("43239", "43235", SINCE, None, "1", source_file="pairs", source_row=4),
    edit("19307", "19303", SINCE, date(2025, 10, 31), "1", source_file="pairs", source_row=5),
    edit("19307", "36620", SINCE, None, "0", source_file="pairs", source_row=8),
    edit("19307", "36620", SINCE, None, "1", edit_number=2, source_file="pairs", source_row=7),
    edit("71046", "71045", SINCE, SINCE, "9", source_file="pairs", source_row=6),
)
LIMITS = (
    {"code": "71046", "mue_value": 2, "adjudication_indicator": "1", "adjudication": "line", "source_row": 11},
    {"code": "33533", "mue_value": 1, "adjudication_indicator": "2", "adjudication": "day_absolute", "source_row": 12},
    {"code": "99213", "mue_value": 1, "adjudication_indicator": "3", "adjudication": "day_appealable", "source_row": 13},
    {"code": "93000", "mue_value": 0, "adjudication_indicator": "2", "adjudication": "day_absolute", "source_row": 14},
)
ADDONS = (
    {"addon_code": "33518", "primary_code": "33533", "edit_type": "1", "source_row": 21},
    {"addon_code": "33518", "primary_code": "33534", "edit_type": "1", "source_row": 22},
    {"addon_code": "29826", "primary_code": "29827", "edit_type": "3", "source_row": 23},
)
PLACES = (
    {"place_of_service_code": "11", "valid_from": date(2003, 10, 1)},
    {"place_of_service_code": "22", "valid_from": date(2003, 10, 1), "valid_to": date(2025, 10, 31)},
)
DIAGNOSES = ("A00.0", "Z00.00")


def enriched(folder: Path) -> Path:
    """An output folder whose current release is the shipped one with the rows of this module."""
    (folder / "current").mkdir()
    path = database_of(SHIPPED_RAW, folder / "current" / DATABASE)
    with duckdb.connect(str(path)) as connection:
        insert(connection, Release, *RELEASES)
        insert(connection, RawFile, *({**RAW_FILE, "source_file": name} for name in FILES))
        insert(connection, NcciPtp, *EDITS)
        insert(connection, NcciMue, *(_ncci({"setting": "practitioner", "source_file": "limits", **row}) for row in LIMITS))
        insert(connection, NcciAddon, *(_ncci({"is_ever_in_force": True, "source_file": "add-ons", **row}) for row in ADDONS))
        insert(connection, PlaceOfService, *PLACES)
        insert(connection, Diagnosis, *({"diagnosis_code": code, "valid_from": SINCE} for code in DIAGNOSES))
    return folder


def _ncci(row: dict[str, Any]) -> dict[str, Any]:
    return {"valid_from": SINCE, "release_id": "2025-10", **row}


def checked(
    output: Path, folder: Path, *lines: str, header: str = HEADER, options: tuple[str, ...] = ()
) -> tuple[int, str, list[Finding]]:
    """Exit code, what was said, and findings as cells of text."""
    claims, out = folder / "claims.csv", folder / "findings.csv"
    claims.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    done = CliRunner().invoke(cli.app, ["check", str(claims), "--out", str(out), "--output", str(output), *options])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))


def picked(findings: Iterable[Finding], *names: str, family: str = "") -> list[tuple[str, ...]]:
    """Cells of the findings whose rule starts with `family`."""
    return [tuple(row[name] for name in names) for row in findings if row["rule_id"].startswith(family)]
