"""The alpha-numeric file of HCPCS in its three published formats, from one list of records."""

import csv
import io
import textwrap
from collections.abc import Mapping, Sequence
from datetime import date

import xlsxwriter

from schemas import CodeSection
from tests.transforms.builders import curated_text, source_file
from transforms import cms_hcpcs, code_sections
from transforms.hcpcs_records import FIELDS
from transforms.sources import Built, Period, SourceFile

JANUARY = Period("2018-01", date(2018, 1, 1), date(2018, 3, 31), date(2017, 11, 15))
TXT, XLSX, CSV = (f"cms_hcpcs/2018-01/HCPC2018_CONTR_ANWEB.{ending}" for ending in ("txt", "xlsx", "csv"))
DISCLAIMER = (
    "***Disclaimers",
    "",
    "-- Codes that were retired stay listed for four years.  After that these procedure and",
    "   modifier codes go.",
    "",
)
Record = Mapping[str, str]


def code(name: str, **cells: str) -> dict[str, str]:
    """A code with what the file states for nearly all of them."""
    usual = {
        "short_description": f"Short {name}",
        "long_description": f"Long text about {name}",
        "price_1": "00",
        "multiple_pricing_code": "9",
        "coverage_code": "C",
        "betos_code": "Z2",
        "type_of_service_1": "1",
        "anesthesia_base_unit_count": "0",
        "added_date": "20100101",
        "action_effective_date": "20100101",
        "action_code": "N",
    }
    return {**dict.fromkeys(FIELDS, ""), "code": name, "record_type": "3", **usual, **cells}


def modifier(name: str, **cells: str) -> dict[str, str]:
    """A modifier with what the file states for nearly all of them."""
    usual = {
        "short_description": f"Short {name}",
        "long_description": f"Long text about {name}",
        "coverage_code": "C",
        "added_date": "20050101",
        "action_effective_date": "20050101",
        "action_code": "N",
    }
    return {**dict.fromkeys(FIELDS, ""), "code": name, "record_type": "7", **usual, **cells}


def lines(record: Record, *, width: int = 320, continued_width: int = 320) -> list[str]:
    """The records of a code in fixed width: the first, and one for every further 80 characters of its long description."""
    parts = textwrap.wrap(record["long_description"], 80, break_on_hyphens=False) or [""]
    made = [line({**record, "long_description": parts[0]}, width=width)]
    further = str(int(record["record_type"]) + 1)
    for number, part in enumerate(parts[1:], start=2):
        cells = {"code": record["code"], "sequence": f"{number}00".zfill(5), "record_type": further, "long_description": part}
        made.append(line({**dict.fromkeys(FIELDS, ""), **cells}, width=continued_width))
    return made


def line(record: Record, *, width: int = 320) -> str:
    """One record, each field at its place, codes flush right and everything else flush left."""
    record = {**record, "sequence": record["sequence"] or "00100"}
    signs = [" "] * 320
    for name, field in FIELDS.items():
        cell = record[name].rjust(field.length) if name in ("code", "anesthesia_base_unit_count") else record[name]
        signs[field.begin - 1 : field.begin - 1 + field.length] = cell.ljust(field.length)
    return "".join(signs)[:width]


def txt(records: Sequence[Record], *, before: Sequence[str] = DISCLAIMER, width: int = 320, continued_width: int = 320) -> str:
    """The fixed-width file."""
    written = [part for record in records for part in lines(record, width=width, continued_width=continued_width)]
    return "\r\n".join((*before, *written, ""))


def rows(records: Sequence[Record]) -> list[list[str]]:
    """Cells as workbook and csv file hold them: modifiers with three blanks before them, other sequence numbers."""
    return [
        [_padded(name, cell) for name, cell in {**record, "sequence": record["sequence"] or "0010"}.items()] for record in records
    ]


def xlsx(
    records: Sequence[Record], *, header_row: int = 11, cells: Mapping[tuple[int, str], object] = {}, header: Sequence[str] = ()
) -> bytes:
    """The workbook. `cells` are those, by record and column, that it does not hold as text."""
    written = io.BytesIO()
    with xlsxwriter.Workbook(written, {"in_memory": True}) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet = book.add_worksheet("A")
        if header_row > 1:
            sheet.write_string(0, 0, "Note on coverage and payment of new codes")
        sheet.write_row(header_row - 1, 0, header or [field.header for field in FIELDS.values()])
        for number, row in enumerate(rows(records)):
            for column, (name, cell) in enumerate(zip(FIELDS, row, strict=True)):
                value = cells.get((number, name), cell)
                if isinstance(value, date):
                    sheet.write_datetime(header_row + number, column, value, day)  # type: ignore[arg-type]
                elif value != "":
                    write = sheet.write_string if isinstance(value, str) else sheet.write_number
                    write(header_row + number, column, value)  # type: ignore[arg-type]
    return written.getvalue()


def csv_file(records: Sequence[Record]) -> str:
    """The csv file."""
    written = io.StringIO(newline="")
    csv.writer(written).writerows([[field.header for field in FIELDS.values()], *rows(records)])
    return written.getvalue()


def built(content: str | bytes, name: str = TXT, *, period: Period | None = JANUARY) -> Built:
    """What the source makes of one file."""
    return cms_hcpcs.build([published(content, name, period=period)], {"code_section": SECTIONS})


def published(content: str | bytes, name: str = TXT, *, period: Period | None = JANUARY) -> SourceFile:
    """A file of a release."""
    content = content.encode("cp1252") if isinstance(content, str) else content
    return SourceFile(name, content, period, "US-GOV", allow_cp1252=True)


def _padded(name: str, cell: str) -> str:
    if name == "code":
        return cell.rjust(5)
    return cell.rjust(3) if name == "anesthesia_base_unit_count" and cell else cell


_RANGES = [
    {"section": "level_2", "code_from": f"{letter}0000", "code_to": f"{letter}9999", "section_name": letter}
    for letter in "ACDEGJ"
]
_LEVEL_1 = {"section": "evaluation_management", "code_from": "99202", "code_to": "99499", "section_name": "Visits"}
SECTIONS = code_sections.build([source_file(curated_text(CodeSection, *_RANGES, _LEVEL_1))], {}).tables["code_section"]
