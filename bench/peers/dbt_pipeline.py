"""The same tables with dbt and DuckDB: unpack into a folder, external sources over it, models that clean, tests on the models.

A side of `bench.sources`; it runs in an environment with bench/peers/requirements.txt and without the project's packages.
DuckDB reads neither zip nor xlsx nor XML here, so a small step before dbt turns them into text; it counts like everything else.
"""
# mypy: disable-error-code="import-not-found, import-untyped"

import argparse
import csv
import os
import shutil
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree as ET

import openpyxl
from dbt.cli.main import dbtRunner

_PROJECT = Path(__file__).parent / "dbt"
_WANTED = (
    "PPRRVU*.csv", "HCPC*ANWEB*.txt", "*_anweb.xlsx", "ccipra*.txt", "MCR_MUE_Practitioner*.csv", "AOC*.xlsx",
    "icd10cm_order_[0-9]*.txt", "nucc_taxonomy_*.csv", "cs-CMS-PlaceofServiceCodes.xml",
)  # fmt: skip
_SOURCES = ("cms_pfs", "cms_hcpcs", "cms_ncci", "cms_icd10cm", "nucc", "cms_pos")


def main() -> None:
    """Unpack, then `dbt build`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--threads", default="2")
    given = parser.parse_args()
    landing = given.output / "landing"
    for source in _SOURCES:
        for release in sorted(path for path in (given.raw / source).iterdir() if path.is_dir()):
            land(release, landing / source / release.name)
    os.environ |= {"LANDING": str(landing), "OUTPUT": str(given.output), "THREADS": given.threads, "DO_NOT_TRACK": "1"}
    folders = ["--project-dir", str(_PROJECT), "--profiles-dir", str(_PROJECT)]
    kept = given.output.parent / "dbt-kept"  # what dbt keeps of its project from run to run
    made = ["--target-path", str(kept / "target"), "--log-path", str(kept / "logs")]
    sys.exit(0 if dbtRunner().invoke(["build", *folders, *made]).success else 1)


def land(release: Path, folder: Path) -> None:
    """Put the wanted files of a release into a folder as text, members of an archive into one named after it."""
    folder.mkdir(parents=True)
    for path in sorted(release.iterdir()):
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder / path.name, [name for name in archive.namelist() if is_wanted(Path(name))])
        elif is_wanted(path) and path.suffix == ".xlsx":
            sheet = openpyxl.load_workbook(path, read_only=True).worksheets[0]
            write_csv(folder / f"{path.name}.csv", sheet.iter_rows(values_only=True))
        elif is_wanted(path) and path.suffix == ".xml":
            concepts = ET.parse(path).getroot().findall("{http://hl7.org/fhir}concept")  # noqa: S314 - the shared files only
            write_csv(folder / f"{path.name}.csv", ([part.get("value") for part in concept] for concept in concepts))
        elif is_wanted(path):
            shutil.copyfile(path, folder / path.name)


def is_wanted(path: Path) -> bool:
    """A file that some model reads."""
    return any(Path(path.name.lower()).match(pattern.lower()) for pattern in _WANTED)


def write_csv(path: Path, rows: Iterable[Iterable[object]]) -> None:
    """Rows as a csv file."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)


if __name__ == "__main__":
    main()
