"""Files of a fee schedule release in each of their formats, with the facts of `builders.PFS_ROWS`."""

import io
import re
from collections.abc import Mapping, Sequence
from datetime import date

import xlsxwriter

from tests.transforms.builders import ANES, GPCI, OCTOBER, PFS_ROWS, PPRRVU, PREAMBLE, STACKED_HEADER, pfs_text, section_table
from transforms.cms_pfs import build
from transforms.pfs_layouts import RELATIVE_VALUES_2026
from transforms.pfs_relative_values import RelativeValues, relative_values
from transforms.sources import Built, Period, SourceFile

COMPARE = "Compare the file with the publisher's record layout before changing the declaration."
JULY = Period("2026-07", date(2026, 7, 1), date(2026, 9, 30))
NON_QPP = "cms_pfs/2026-07/PPRRVU2026_Jul_nonQPP.csv"
QPP = "cms_pfs/2026-07/PPRRVU2026_Jul_QPP.csv"
OTHER = "cms_pfs/2025-10/OPPSCAP_Oct.csv"
COUNTIES = "cms_pfs/2025-10/25LOCCO.csv"
RECORDS = {
    "00406": "00406                                                    J   0.00   0.00     0.00    0.00   0.00  0.009XXX.00.00.0099999             32.3465 090 99      0.00   0.00   0.00",
    "19307": "19307                                                    A  17.99  13.22NA  13.22    4.50  35.71 35.710090.10.71.1921210             32.3465 090 99      0.00   0.00   0.00",
    "43239": "43239                                                    A   2.39   8.36     1.42    0.29  11.04  4.100000.00.00.0030100       43235 32.3465 090 99      0.00   0.00   0.00",
    "45378": "45378                                                    A   3.26   6.44     1.79    0.43  10.13  5.480000.00.00.0020100             32.3465 090 99      0.00   0.00   0.00",
    "45378-53": "4537853                                                  A   1.63   3.22     0.90    0.22   5.07  2.750000.00.00.0020100             32.3465 090 99      0.00   0.00   0.00",
    "70551-TC": "70551TC                                                  A   0.00   3.88     3.88NA  0.02   3.90  3.901XXX.00.00.0040000             32.3465 090 88      7.43   7.43   0.04",
    "71046": "71046                                                    A   0.22   0.77     0.77NA  0.02   1.01  1.011XXX.00.00.0000000             32.3465 090 99      2.76   2.76   0.05",
    "71046-26": "7104626                                                  A   0.22   0.08     0.08    0.01   0.31  0.311XXX.00.00.0000000             32.3465 090 99      0.00   0.00   0.00",
    "71046-TC": "71046TC                                                  A   0.00   0.69     0.69NA  0.01   0.70  0.701XXX.00.00.0000000             32.3465 010 99      2.68   2.68   0.04",
}
"""The rows of `PFS_ROWS` as records of the text file."""
HEADER_RECORDS = (
    "HDR CODES AND DESCRIPTIONS ARE COPYRIGHT 2026     ",
    "HDR FIRST OWNER.  ALL RIGHTS                      ",
    "HDR RESERVED.                                     ",
)
HEADER_2026 = tuple(
    ",".join([*cells[:23], word, *cells[23:]])
    for cells, word in zip((line.split(",") for line in STACKED_HEADER), ("", "", "", "PRIC", "IND"), strict=True)
)
"""The stacked header since 2026, with PRIC IND before ENDO BASE."""


def csv_file(text: str, name: str = PPRRVU, *, period: Period | None = OCTOBER) -> SourceFile:
    return SourceFile(name, text.encode(), period, "CC0-1.0")


def text_file(*lines: str, name: str = PPRRVU.replace(".csv", ".txt"), period: Period | None = OCTOBER) -> SourceFile:
    """Lines with the line ends of the published text files."""
    return SourceFile(name, "".join(f"{line}\r\n" for line in lines).encode(), period, "CC0-1.0")


def records_file(*records: str, header: Sequence[str] = HEADER_RECORDS, end: str = "") -> SourceFile:
    return text_file(*header, *records, *([end] if end else []))


def workbook_file(*lines: str, name: str = PPRRVU.replace(".csv", ".xlsx"), hidden: bool = False) -> SourceFile:
    """Csv lines as a sheet whose cells have the types that Excel gives them when it opens a csv file."""
    written = io.BytesIO()
    with xlsxwriter.Workbook(written, {"in_memory": True}) as book:
        sheet = book.add_worksheet("values")
        for row, line in enumerate(lines):
            for column, cell in enumerate(line.split(",")):
                _write(sheet, row, column, cell)
        if hidden:
            book.add_worksheet("old").hide()
    return SourceFile(name, written.getvalue(), OCTOBER, "CC0-1.0")


def _write(sheet: xlsxwriter.worksheet.Worksheet, row: int, column: int, cell: str) -> None:
    """A number where the cell is one that loses no zero in front, text otherwise, nothing where it is empty."""
    if re.fullmatch(r"(0|[1-9][0-9]*)(\.[0-9]+)?", cell):
        sheet.write_number(row, column, float(cell))
    elif cell:
        sheet.write_string(row, column, cell)


def pfs_workbook(*rows: str, end: str = "", hidden: bool = False) -> SourceFile:
    return workbook_file(*PREAMBLE, *STACKED_HEADER, *rows, *([end] if end else []), hidden=hidden)


def row_2026(name: str, *, factor: str = "33.4009", pricing: str = "9", **cells: str) -> str:
    """A row of `PFS_ROWS` as in the layout since 2026."""
    values = PFS_ROWS[name].split(",")
    values.insert(23, pricing)
    names = list(RELATIVE_VALUES_2026.values())
    for column, value in {"conversion_factor_usd": factor, **cells}.items():
        values[names.index(column)] = value
    return ",".join(values)


def file_2026(*rows: str, name: str = NON_QPP) -> SourceFile:
    return csv_file(pfs_text(*rows, header=HEADER_2026), name, period=JULY)


def read(*rows: str, preamble: Sequence[str] = PREAMBLE, header: Sequence[str] = STACKED_HEADER) -> RelativeValues:
    """The rows of a csv file."""
    return relative_values(csv_file(pfs_text(*rows, preamble=preamble, header=header)), period=OCTOBER)


def built(files: Mapping[str, str] | Sequence[SourceFile]) -> Built:
    """A release of csv texts by kind, or of files."""
    if isinstance(files, Mapping):
        names = {"pprrvu": PPRRVU, "anes": ANES, "gpci": GPCI, "oppscap": OTHER, "locco": COUNTIES}
        files = [csv_file(text, names[kind]) for kind, text in files.items()]
    return build(files, {"code_section": section_table()})
