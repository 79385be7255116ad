"""Bytes to text frames: encoding, layout, row shape. Every cell stays text; nothing is inferred."""

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from transforms.errors import StructureError
from transforms.gate import WHOLE_ROW, findings_frame

DOS_END_OF_FILE = "\x1a"
_SIGNATURES = {
    b"PK\x03\x04": "a zip archive or Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF document",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"<!doctype": "an HTML page",
    b"<html": "an HTML page",
    b"<?xml": "an XML document",
}
MAX_BYTES = 256 * 1024 * 1024
"""Largest text file that is read whole."""


class RawText(NamedTuple):
    """A decoded file."""

    source_file: str
    text: str
    encoding: str


class Row(NamedTuple):
    """One csv record and the line on which it ends."""

    line: int
    cells: list[str]


class TextTable(NamedTuple):
    """Rows of a file as text under its own column names, with `source_file` and `source_row`, and what was refused."""

    rows: pl.DataFrame
    findings: pl.DataFrame
    rows_read: int


def decode(content: bytes, *, source_file: str, allow_cp1252: bool, may_be_blank: bool = False) -> RawText:
    """Text of a file in UTF-8, with or without a byte order mark, or in cp1252 where the publisher is known to use it.

    Raises StructureError for an empty file, a file of another kind, or bytes that are not text in these encodings.
    """
    if not content.strip() and not may_be_blank:
        raise _empty(source_file)
    _refuse_other_kinds(content, source_file=source_file)
    marked = content.startswith(b"\xef\xbb\xbf")
    try:
        return RawText(source_file, content.decode("utf-8-sig"), "utf-8-sig" if marked else "utf-8")
    except UnicodeDecodeError as error:
        if allow_cp1252:
            return _decode_cp1252(content, source_file=source_file)
        raise _not_text(content, error, source_file=source_file, encoding="UTF-8") from error


def encoding_of(content: bytes, *, source_file: str) -> str:
    """How the bytes of a file are to be read: one of the values of `raw_file.encoding`."""
    if source_file.lower().endswith(".xlsx"):
        return "xlsx"
    if content.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if content.isascii():
        return "utf-8"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def records(raw: RawText) -> list[Row]:
    """Records of a csv text with their line numbers, blank lines and DOS end-of-file records left out.

    Raises StructureError where quoting is broken or there is no record at all.
    """
    reader = csv.reader(io.StringIO(raw.text, newline=""), strict=True)
    rows: list[Row] = []
    try:
        rows.extend(Row(reader.line_num, cells) for cells in reader if cells and not _is_end_of_file(cells))
    except csv.Error as error:
        raise StructureError(
            f"{raw.source_file} line {reader.line_num}",
            expected="a well-formed csv record",
            found=str(error),
            advice="Mend the quotes or fetch the file again.",
        ) from error
    if not rows:
        raise _empty(raw.source_file)
    return rows


def check_header(found: Sequence[str], expected: Sequence[str], *, source_file: str, line: int) -> None:
    """Stop unless the columns are exactly the expected ones in the expected order, and say the exact difference."""
    if list(found) == list(expected):
        return
    at = next((i for i, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b), min(len(found), len(expected)))
    missing = [name for name in expected if name not in found]
    unknown = [name for name in found if name not in expected]
    difference = "; ".join(
        part
        for part in (
            f"missing: {', '.join(missing)}" if missing else "",
            f"unknown: {', '.join(unknown)}" if unknown else "",
            "" if missing or unknown else "the order changed",
        )
        if part
    )
    raise StructureError(
        f"{source_file} line {line} column {at + 1}: the header changed ({difference})",
        expected=repr(expected[at]) if at < len(expected) else "no further column",
        found=repr(found[at]) if at < len(found) else "the end of the header",
        advice="Compare the file with the publisher's record layout before changing the declaration.",
    )


def text_table(rows: Sequence[Row], columns: Sequence[str], *, source_file: str, table: str) -> TextTable:
    """Rows as a frame of text; blank rows are skipped, rows with too few or too many cells become findings."""
    filled = [row for row in rows if any(cell.strip() for cell in row.cells)]
    right = [row for row in filled if len(row.cells) == len(columns)]
    wrong = [row for row in filled if len(row.cells) != len(columns)]
    frame = pl.DataFrame([row.cells for row in right], schema=dict.fromkeys(columns, pl.String), orient="row").with_columns(
        source_file=pl.lit(source_file), source_row=pl.Series([row.line for row in right], dtype=pl.Int64)
    )
    findings = findings_frame(
        {
            "source_file": source_file,
            "source_row": row.line,
            "column_name": WHOLE_ROW,
            "rule_id": f"{table}.row.cell_count",
            "severity": "refused",
            "value": f"{len(row.cells)} cells",
            "reason": f"A row must have {len(columns)} cells.",
        }
        for row in wrong
    )
    return TextTable(frame, findings, len(filled))


def csv_table(raw: RawText, columns: Sequence[str], *, table: str) -> TextTable:
    """A csv file whose first record is the header."""
    rows = records(raw)
    check_header(rows[0].cells, columns, source_file=raw.source_file, line=rows[0].line)
    return text_table(rows[1:], columns, source_file=raw.source_file, table=table)


def _refuse_other_kinds(content: bytes, *, source_file: str) -> None:
    if len(content) > MAX_BYTES:
        raise StructureError(
            source_file,
            expected=f"at most {MAX_BYTES:,} bytes",
            found=f"{len(content):,}",
            advice="Check that this is the file you meant.",
        )
    start = content.removeprefix(b"\xef\xbb\xbf").lstrip()[:16].lower()
    for signature, kind in _SIGNATURES.items():
        if start.startswith(signature.lower()):
            raise StructureError(
                source_file,
                expected="the text its name promises",
                found=kind,
                advice="Fetch the file again or give it its real name.",
            )
    if b"\x00" in content:
        raise StructureError(
            source_file,
            expected="the text its name promises",
            found=f"a NUL byte at byte {content.find(0)}",
            advice="Save the file as UTF-8 text.",
        )


def _decode_cp1252(content: bytes, *, source_file: str) -> RawText:
    try:
        return RawText(source_file, content.decode("cp1252"), "cp1252")
    except UnicodeDecodeError as error:
        raise _not_text(content, error, source_file=source_file, encoding="UTF-8 or cp1252") from error


def _not_text(content: bytes, error: UnicodeDecodeError, *, source_file: str, encoding: str) -> StructureError:
    line = content.count(b"\n", 0, error.start) + 1
    return StructureError(
        f"{source_file} line {line}",
        expected=f"text in {encoding}",
        found=f"byte 0x{content[error.start]:02x} at byte {error.start}",
        advice="Save the file as UTF-8.",
    )


def _empty(source_file: str) -> StructureError:
    return StructureError(source_file, expected="at least a header", found="an empty file", advice="Fetch the file again.")


def _is_end_of_file(cells: list[str]) -> bool:
    return bool(cells) and cells[0].strip() == DOS_END_OF_FILE and not any(cell.strip() for cell in cells[1:])
