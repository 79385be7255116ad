"""Encodings and other kinds of file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.hpt_builders import FILE, ROW, chunks, hospital_csv, hospital_json, json_item, read, refusal
from transforms.hpt_text import Lines, TextStream

MARTHAS = "Martha\N{RIGHT SINGLE QUOTATION MARK}s Plan"
PAYER = {**ROW, "payer_name": MARTHAS, "modifiers": "TC"}


@pytest.mark.parametrize(("codec", "encoding"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("cp1252", "cp1252")])
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_encodings_are_found_and_recorded(codec: str, encoding: str, size: int) -> None:
    file = read(hospital_csv(ROW, PAYER).encode(codec), size=size)
    assert file.encoding == encoding
    assert file.observations["payer_name"].to_list() == [MARTHAS]


def test_json_may_be_cp1252_too() -> None:
    text = hospital_json([json_item("26", payer_name="Marthas Plan")]).replace("Marthas Plan", MARTHAS)
    assert read(text.encode("cp1252")).encoding == "cp1252"


def test_a_replacement_character_is_text_like_any_other() -> None:
    assert read(hospital_csv({**PAYER, "payer_name": "Plan�"})).observations["payer_name"].to_list() == ["Plan�"]


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_refused(codec: str) -> None:
    message = refusal(hospital_csv(ROW).encode(codec))
    assert message.startswith(f"{FILE} byte ")
    assert message.endswith("Save the file as UTF-8.")


def test_two_encodings_in_one_file_are_refused() -> None:
    text = hospital_csv(PAYER).encode() + hospital_csv(PAYER).splitlines()[-1].encode("cp1252")
    odd, first = text.rindex(b"\x92"), text.index(MARTHAS[6].encode())
    assert refusal(text) == (
        f"{FILE} byte {odd}: expected one encoding, found a byte that is not UTF-8 and, near byte {first}, characters that are. "
        "Ask the hospital for the file in UTF-8."
    )


def test_a_byte_of_neither_encoding_is_named() -> None:
    text = hospital_csv(ROW).encode() + b"\x81"
    assert f"{FILE} byte {len(text) - 1}: expected text in UTF-8 or cp1252, found byte 0x81." in refusal(text)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b" \r\n", "an empty file"),
        (b"\xef\xbb\xbf", "an empty file"),
        (b"<!DOCTYPE html><html>", "an HTML page or XML document"),
        (b"\xef\xbb\xbf\n<html>", "an HTML page or XML document"),
        (b"PK\x03\x04rest", "a zip archive or Excel workbook"),
        (b"\x1f\x8b\x08rest", "a gzip archive"),
        (b"%PDF-1.7", "a PDF document"),
        (b"hospital_name,\x00", "a NUL byte"),
    ],
)
def test_other_kinds_of_file_are_refused(content: bytes, found: str) -> None:
    assert f"found {found}." in refusal(content)


@given(st.text(st.characters(blacklist_characters="\x00", blacklist_categories=["Cs"]), min_size=1), st.integers(1, 9))
def test_text_comes_through_whatever_the_chunks(text: str, size: int) -> None:
    content = b"a" + text.encode()
    stream = TextStream(chunks(content, size), source_file=FILE)
    assert "".join(stream.pieces()) == f"a{text}"


@given(st.lists(st.text('ab\n\r,"', max_size=8)))
def test_lines_are_those_of_the_text(pieces: list[str]) -> None:
    whole = "".join(pieces)
    lines = list(Lines(iter(pieces), source_file=FILE))
    assert "".join(lines) == whole
    assert all(line.endswith("\n") for line in lines[:-1])
    assert all("\n" not in line[:-1] for line in lines)
