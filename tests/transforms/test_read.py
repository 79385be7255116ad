"""Bytes to text frames."""

import csv
import io

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.transforms.builders import finding, listed, raw_text
from transforms import read
from transforms.errors import StructureError
from transforms.read import RawText, Row, check_header, csv_table, decode, records, text_table

COLUMNS = ["code", "name", "value"]


def decoded(content: bytes, *, allow_cp1252: bool = False) -> RawText:
    return decode(content, source_file="raw.csv", allow_cp1252=allow_cp1252)


def refusal_of(content: bytes, *, allow_cp1252: bool = False) -> str:
    with pytest.raises(StructureError) as caught:
        decoded(content, allow_cp1252=allow_cp1252)
    return str(caught.value)


def header_refusal(found: list[str], expected: list[str] = COLUMNS) -> str:
    with pytest.raises(StructureError) as caught:
        check_header(found, expected, source_file="raw.csv", line=3)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "allow_cp1252", "text", "encoding"),
    [
        (b"code\r\n00406\r\n", False, "code\r\n00406\r\n", "utf-8"),
        (b"\xef\xbb\xbfcode\n", False, "code\n", "utf-8-sig"),
        ("Île".encode(), True, "Île", "utf-8"),
        (b"patient\x92s", True, "patient\u2019s", "cp1252"),
    ],
)
def test_decode_says_which_encoding_it_found(content: bytes, allow_cp1252: bool, text: str, encoding: str) -> None:
    assert decoded(content, allow_cp1252=allow_cp1252) == RawText("raw.csv", text, encoding)


@pytest.mark.parametrize("content", [b"", b" \r\n\t"])
def test_empty_file_is_refused(content: bytes) -> None:
    assert refusal_of(content) == "raw.csv: expected at least a header, found an empty file. Fetch the file again."


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04\x14\x00", "a zip archive or Excel workbook"),
        (b"\x1f\x8b\x08\x00", "a gzip archive"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Excel workbook"),
        (b"<!DOCTYPE html>\n<html>", "an HTML page"),
        (b"\r\n  <HTML lang='en'>", "an HTML page"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>", "an XML document"),
    ],
)
def test_file_of_another_kind_is_refused(content: bytes, kind: str) -> None:
    assert refusal_of(content, allow_cp1252=True) == (
        f"raw.csv: expected the text its name promises, found {kind}. Fetch the file again or give it its real name."
    )


def test_nul_byte_is_refused_with_its_place() -> None:
    assert refusal_of(b"code\n004\x0006\n") == (
        "raw.csv: expected the text its name promises, found a NUL byte at byte 8. Save the file as UTF-8 text."
    )


def test_invalid_utf_8_is_refused_with_line_and_byte() -> None:
    assert refusal_of(b"code,name\n00406,patient\x92s\n") == (
        "raw.csv line 2: expected text in UTF-8, found byte 0x92 at byte 23. Save the file as UTF-8."
    )


def test_bytes_that_are_in_neither_encoding_are_refused() -> None:
    assert refusal_of(b"code\n\x81", allow_cp1252=True) == (
        "raw.csv line 2: expected text in UTF-8 or cp1252, found byte 0x81 at byte 5. Save the file as UTF-8."
    )


def test_file_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "MAX_BYTES", 1000)
    assert refusal_of(b"x" * 1001) == (
        "raw.csv: expected at most 1,000 bytes, found 1,001. Check that this is the file you meant."
    )
    assert decoded(b"x" * 1000).text == "x" * 1000


def test_records_carry_the_line_on_which_they_end() -> None:
    assert records(raw_text('code,name\r\n1,"two\r\nlines"\r\n\r\n2,b')) == [
        Row(1, ["code", "name"]),
        Row(3, ["1", "two\r\nlines"]),
        Row(5, ["2", "b"]),
    ]


@pytest.mark.parametrize("end", ["\x1a", "\x1a,,", "\x1a ,  ,\r\n", " \x1a,,\n"])
def test_dos_end_of_file_record_is_left_out(end: str) -> None:
    assert records(raw_text(f"a,b,c\n1,2,3\n{end}")) == [Row(1, ["a", "b", "c"]), Row(2, ["1", "2", "3"])]


def test_end_of_file_sign_beside_data_is_kept() -> None:
    assert records(raw_text("\x1a,2")) == [Row(1, ["\x1a", "2"])]


@pytest.mark.parametrize(
    ("text", "line", "fault"),
    [
        ('a,b\n1,"two"x\n', 2, "',' expected after '\"'"),
        ('a,b\n1,"two\n3,4\n', 3, "unexpected end of data"),
    ],
)
def test_broken_quotes_are_refused(text: str, line: int, fault: str) -> None:
    with pytest.raises(StructureError) as caught:
        records(raw_text(text))
    assert str(caught.value) == (
        f"raw.csv line {line}: expected a well-formed csv record, found {fault}. Mend the quotes or fetch the file again."
    )


def test_header_as_declared_passes() -> None:
    check_header(COLUMNS, COLUMNS, source_file="raw.csv", line=1)


@pytest.mark.parametrize(
    ("found", "column", "difference", "expected", "seen"),
    [
        (["code", "value"], 2, "missing: name", "'name'", "'value'"),
        (["code", "name"], 3, "missing: value", "'value'", "the end of the header"),
        (["code", "title", "value"], 2, "missing: name; unknown: title", "'name'", "'title'"),
        (["code", "PRIC IND", "name", "value"], 2, "unknown: PRIC IND", "'name'", "'PRIC IND'"),
        ([*COLUMNS, "extra"], 4, "unknown: extra", "no further column", "'extra'"),
        (["name", "code", "value"], 1, "the order changed", "'code'", "'name'"),
        (["code", "name", "name", "value"], 3, "the order changed", "'value'", "'name'"),
        (["Code", "name", "value"], 1, "missing: code; unknown: Code", "'code'", "'Code'"),
        ([], 1, "missing: code, name, value", "'code'", "the end of the header"),
    ],
)
def test_changed_header_is_refused_with_the_difference(
    found: list[str], column: int, difference: str, expected: str, seen: str
) -> None:
    assert header_refusal(found) == (
        f"raw.csv line 3 column {column}: the header changed ({difference}): expected {expected}, found {seen}. "
        "Compare the file with the publisher's record layout before changing the declaration."
    )


def test_text_table_keeps_cells_as_they_are() -> None:
    table = text_table([Row(2, ["00406", " NA ", ""])], COLUMNS, source_file="raw.csv", table="sample")
    expected = pl.DataFrame({"code": ["00406"], "name": [" NA "], "value": [""], "source_file": ["raw.csv"], "source_row": [2]})
    assert_frame_equal(table.rows, expected)
    assert (listed(table.findings), table.rows_read) == ([], 1)


def test_rows_with_too_many_or_too_few_cells_become_findings() -> None:
    rows = [Row(2, ["1", "a", "x"]), Row(3, ["2", "b"]), Row(4, []), Row(5, ["3", "c", "y", ""]), Row(6, ["", " ", ""])]
    table = text_table(rows, COLUMNS, source_file="raw.csv", table="sample")
    assert table.rows["code"].to_list() == ["1"]
    assert table.rows_read == 3
    assert listed(table.findings) == [
        finding("raw.csv", 3, "*", "sample.row.cell_count", "2 cells", "A row must have 3 cells."),
        finding("raw.csv", 5, "*", "sample.row.cell_count", "4 cells", "A row must have 3 cells."),
    ]


def test_csv_table_without_rows_has_the_declared_columns() -> None:
    table = csv_table(raw_text("code,name,value\n"), COLUMNS, table="sample")
    assert dict(table.rows.schema) == {**dict.fromkeys([*COLUMNS, "source_file"], pl.String), "source_row": pl.Int64}
    assert (table.rows.height, table.findings.height, table.rows_read) == (0, 0, 0)


def test_csv_table_numbers_rows_by_the_line_of_the_file() -> None:
    table = csv_table(raw_text("code,name,value\r\n1,a,x\r\n\r\n2,b,y\r\n\x1a,,\r\n"), COLUMNS, table="sample")
    assert table.rows.select("code", "source_row").rows() == [("1", 2), ("2", 4)]
    assert table.rows_read == 2


def test_csv_table_without_any_record_is_an_empty_file() -> None:
    with pytest.raises(StructureError) as caught:
        csv_table(raw_text("\x1a\r\n"), COLUMNS, table="sample")
    assert str(caught.value) == "raw.csv: expected at least a header, found an empty file. Fetch the file again."


def is_end_of_file(cells: list[str]) -> bool:
    return cells[0].strip() == "\x1a" and not "".join(cells[1:]).strip()


@settings(deadline=None, max_examples=80)
@given(
    st.lists(
        st.lists(st.text(max_size=8), min_size=1, max_size=4).filter(lambda row: not is_end_of_file(row)), min_size=1, max_size=5
    )
)
def test_records_survive_writing_and_reading(rows: list[list[str]]) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows(rows)
    assert [row.cells for row in records(raw_text(written.getvalue()))] == rows


@settings(deadline=None, max_examples=80)
@given(st.binary(max_size=60), st.booleans())
def test_decode_gives_text_or_a_structure_error(content: bytes, allow_cp1252: bool) -> None:
    try:
        text = decoded(content, allow_cp1252=allow_cp1252)
    except StructureError:
        return
    assert "\x00" not in text.text
    assert text.encoding in {"utf-8", "utf-8-sig", "cp1252"}
