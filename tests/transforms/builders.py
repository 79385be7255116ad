"""Small builders of raw texts, and the shipped raw files as tables."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from schemas import TABLES, CodeSection, Finding
from transforms import cms_pfs, code_pages, code_sections, modifiers, payer_rules, payers
from transforms.code import code_list
from transforms.curated import file_columns
from transforms.history import ReleaseTables
from transforms.pfs_layouts import RELATIVE_VALUES_2023
from transforms.read import RawText
from transforms.sources import Built, Period, SourceFile, empty

PROJECT = Path(__file__).resolve().parents[2]
RAW = PROJECT / "raw"
PUBLISHED = PROJECT.parent / "shared" / "data"
"""Full published files, which are not part of the project."""
OCTOBER = Period("2025-10", date(2025, 10, 1), date(2025, 12, 31))
RELEASE_FOLDER = "cms_pfs/2025-10"
PPRRVU = f"{RELEASE_FOLDER}/PPRRVU2025_Oct.csv"
ANES = f"{RELEASE_FOLDER}/ANES2025.csv"
GPCI = f"{RELEASE_FOLDER}/GPCI2025.csv"

PREAMBLE = (
    ",,2025 National Physician Fee Schedule Relative Value File October Release" + "," * 28,
    ",,Codes are copyright 2024 First Owner.  All Rights Reserved. " + "," * 28,
    ",,Dental codes are COPYRIGHT 2025/26 Second Owner." + "," * 28,
    ",, " + "," * 28,
    ",,RELEASED 09/11/2025" + "," * 28,
)
STACKED_HEADER = (
    ",, , ,,,,,,,,,,,,,,,,,,,,,,,,,NON-FACILITY,FACILITY,",
    ",,,,NOT USED,,,,,,,,,,,,,,,,,,,,,PHYSICIAN,,DIAGNOSTIC,PE USED,PE USED,MP USED",
    ",,,,FOR,,,NON-FAC,,FACILITY ,,,,,,,,,,,,,,,,SUPERVISION OF,,IMAGING,FOR OPPS,FOR OPPS,FOR OPPS",
    ",,,STATUS,MEDICARE ,WORK,NON-FAC,NA,FACILITY,NA,MP,NON-FACILITY,FACILITY,PCTC,GLOB,PRE,INTRA,POST,MULT,BILAT,ASST,CO-,TEAM,"
    "ENDO,CONV,DIAGNOSTIC,CALCULATION,FAMILY,PAYMENT,PAYMENT,PAYMENT",
    "HCPCS,MOD,DESCRIPTION,CODE,PAYMENT,RVU,PE RVU,INDICATOR,PE RVU,INDICATOR,RVU,TOTAL,TOTAL,IND,DAYS,OP,OP,OP,PROC,SURG,SURG,"
    "SURG,SURG,BASE,FACTOR,PROCEDURES,FLAG,INDICATOR,AMOUNT,AMOUNT,AMOUNT",
)
PFS_ROWS = {
    "00406": "00406,,,J,,0.00,0.00,,0.00,,0.00,0.00,0.00,9,XXX,0.00,0.00,0.00,9,9,9,9,9,,32.3465,09,0,99,0.00,0.00,0.00",
    "19307": "19307,,,A,,17.99,13.22,NA,13.22,,4.50,35.71,35.71,0,090,0.10,0.71,0.19,2,1,2,1,0,,32.3465,09,0,99,0.00,0.00,0.00",
    "43239": "43239,,,A,,2.39,8.36,,1.42,,0.29,11.04,4.10,0,000,0.00,0.00,0.00,3,0,1,0,0,43235,32.3465,09,0,99,0.00,0.00,0.00",
    "45378": "45378,,,A,,3.26,6.44,,1.79,,0.43,10.13,5.48,0,000,0.00,0.00,0.00,2,0,1,0,0,,32.3465,09,0,99,0.00,0.00,0.00",
    "45378-53": "45378,53,,A,,1.63,3.22,,0.90,,0.22,5.07,2.75,0,000,0.00,0.00,0.00,2,0,1,0,0,,32.3465,09,0,99,0.00,0.00,0.00",
    "70551-TC": "70551,TC,,A,,0.00,3.88,,3.88,NA,0.02,3.90,3.90,1,XXX,0.00,0.00,0.00,4,0,0,0,0,,32.3465,09,0,88,7.43,7.43,0.04",
    "71046": "71046,,,A,,0.22,0.77,,0.77,NA,0.02,1.01,1.01,1,XXX,0.00,0.00,0.00,0,0,0,0,0,,32.3465,09,0,99,2.76,2.76,0.05",
    "71046-26": "71046,26,,A,,0.22,0.08,,0.08,,0.01,0.31,0.31,1,XXX,0.00,0.00,0.00,0,0,0,0,0,,32.3465,09,0,99,0.00,0.00,0.00",
    "71046-TC": "71046,TC,,A,,0.00,0.69,,0.69,NA,0.01,0.70,0.70,1,XXX,0.00,0.00,0.00,0,0,0,0,0,,32.3465,01,0,99,2.68,2.68,0.04",
}
"""Rows of the October 2025 release; line 11 of a file is its first row."""
CITATION = {
    "citation_title": "A document",
    "citation_publisher": "Its publisher",
    "citation_where": "page 1",
    "read_date": "2026-11-21",
}


def raw_text(text: str, source_file: str = "raw.csv") -> RawText:
    """A decoded file."""
    return RawText(source_file, text, "utf-8")


def source_file(text: str, name: str = "raw.csv", *, period: Period | None = None, licence: str = "CC0-1.0") -> SourceFile:
    """A file ready to be read by a source."""
    return SourceFile(name, text.encode(), period, licence)


def pfs_text(
    *rows: str, preamble: Sequence[str] = PREAMBLE, header: Sequence[str] = STACKED_HEADER, after: Sequence[str] = ()
) -> str:
    """A relative value file in the published layout."""
    return "".join(f"{line}\r\n" for line in (*preamble, *header, *rows, *after))


def pfs_row(name: str, **cells: str) -> str:
    """A row of `PFS_ROWS` with some cells, by column name, exchanged."""
    names = list(RELATIVE_VALUES_2023.values())
    values = PFS_ROWS[name].split(",")
    for column, value in cells.items():
        values[names.index(column)] = value
    return ",".join(values)


def csv_text(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A csv text with a header."""
    written = io.StringIO(newline="")
    csv.writer(written).writerows([header, *rows])
    return written.getvalue()


def curated_text(model: type, *rows: Mapping[str, str]) -> str:
    """A curated csv file; cells that a row does not name are blank, its citation is made up."""
    header = file_columns(model)
    return csv_text(header, [[{**CITATION, **row}.get(name, "") for name in header] for row in rows])


def finding(
    where: str, row: int, column: str, rule: str, value: str | None, reason: str, severity: str = "refused"
) -> dict[str, Any]:
    """One expected finding."""
    names = ("source_file", "source_row", "column_name", "rule_id", "severity", "value", "reason")
    return dict(zip(names, (where, row, column, rule, severity, value, reason), strict=True))


def listed(findings: pl.DataFrame) -> list[dict[str, Any]]:
    """Findings as dictionaries; a frame whose columns are not the declared ones fails."""
    assert findings.columns == list(Finding.column_names())
    return findings.to_dicts()


@cache
def section_table() -> pl.DataFrame:
    """Four sections, enough for the rows of `PFS_ROWS`."""
    ranges = [
        ("anesthesia", "00100", "01999", ""),
        ("surgery", "10004", "69990", ""),
        ("radiology", "70010", "79999", ""),
        ("category_3", "0001", "9999", "T"),
    ]
    rows = [
        {"section": section, "code_from": low, "code_to": high, "suffix": suffix, "section_name": section}
        for section, low, high, suffix in ranges
    ]
    return code_sections.build([source_file(curated_text(CodeSection, *rows))], {}).tables["code_section"]


def shipped_files(source: str, *, period: Period | None = None) -> list[SourceFile]:
    """The shipped raw files of a source."""
    folder = RAW / source
    paths = sorted(path for path in folder.iterdir() if path.suffix in {".csv", ".txt"})
    return [SourceFile(path.relative_to(RAW).as_posix(), path.read_bytes(), period, "CC0-1.0") for path in paths]


@cache
def shipped() -> dict[str, Built]:
    """What every source makes of the shipped raw files, by source."""
    steps = (
        ("code_sections", code_sections.build, None),
        ("payers", payers.build, None),
        ("modifiers", modifiers.build, None),
        ("payer_rules", payer_rules.build, None),
        (RELEASE_FOLDER, cms_pfs.build, OCTOBER),
        ("code_pages", code_pages.build, None),
    )
    tables: dict[str, pl.DataFrame] = {name: empty(name) for name in (model.table_name() for model in TABLES)}
    made: dict[str, Built] = {}
    for folder, build, period in steps:
        built = build(shipped_files(folder, period=period), tables)
        if period is not None:
            built = cms_pfs.combine([ReleaseTables(period, built)])
            tables["code"] = code_list(built.tables["code_listing"], tables["code_section"])
        made[folder.split("/", maxsplit=1)[0]] = built
        tables |= {name: pl.concat([tables[name], frame]) for name, frame in built.tables.items()}
    return made


@cache
def shipped_tables() -> dict[str, pl.DataFrame]:
    """The tables of the shipped raw files."""
    made = shipped().values()
    names = dict.fromkeys(name for built in made for name in built.tables)
    tables = {name: pl.concat([built.tables[name] for built in made if name in built.tables]) for name in names}
    return {**tables, "code": code_list(tables["code_listing"], tables["code_section"])}
