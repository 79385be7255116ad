"""Archives: what is taken out of them, and everything that is refused before a byte is unpacked."""

import io
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.archive import Bounds, listing, members
from transforms.errors import StructureError

ADVICE = "Nothing was unpacked; fetch the archive from its publisher."


def zipped(*files: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return written.getvalue()


def taken(content: bytes, *patterns: str, bounds: Bounds | None = None) -> list[tuple[str, bytes]]:
    return [
        tuple(member)
        for member in members(content, source_file="s/r/a.zip", patterns=patterns or ("*",), bounds=bounds or Bounds())
    ]


def refused(content: bytes, *, bounds: Bounds | None = None) -> str:
    with pytest.raises(StructureError) as caught:
        taken(content, bounds=bounds)
    return str(caught.value)


def test_members_that_fit_a_pattern_in_any_case_are_taken_in_order() -> None:
    content = zipped(("b/EDITS.TXT", b"1"), ("a/edits.txt", b"2"), ("notes.pdf", b"3"))
    assert taken(content, "edits*.txt") == [("b/EDITS.TXT", b"1"), ("a/edits.txt", b"2")]


def test_an_archive_inside_an_archive_is_opened_once() -> None:
    inner = zipped(("x.txt", b"inner"))
    assert taken(zipped(("part.zip", inner), ("y.txt", b"outer")), "*.txt") == [("part.zip/x.txt", b"inner"), ("y.txt", b"outer")]
    deeper = zipped(("part.zip", zipped(("third.zip", inner))))
    assert (
        refused(deeper)
        == f"s/r/a.zip/part.zip/third.zip: expected at most one archive inside another, found a third level. {ADVICE}"
    )


@pytest.mark.parametrize("name", ["../out.txt", "a/../../out.txt", "/etc/out.txt", "..\\out.txt", "c:out.txt"])
def test_a_member_that_would_leave_the_folder_is_refused_before_anything_is_taken(name: str) -> None:
    content = zipped(("first.txt", b"1"), (name, b"2"))
    assert refused(content) == f"s/r/a.zip/{name}: expected a path inside the archive, found {name!r}. {ADVICE}"


def test_a_link_is_refused() -> None:
    link = zipfile.ZipInfo("link.txt")
    link.external_attr = 0o120777 << 16
    assert refused(zipped((link, b"/etc/passwd"))) == f"s/r/a.zip/link.txt: expected a file, found a symbolic link. {ADVICE}"


def test_an_encrypted_member_is_refused() -> None:
    content = bytearray(zipped(("a.txt", b"secret")))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.index(signature) + offset
        content[at : at + 2] = struct.pack("<H", 1)
    assert refused(bytes(content)) == (
        f"s/r/a.zip/a.txt: expected an archive without encryption, found an encrypted member. {ADVICE}"
    )


def test_bounds_are_kept() -> None:
    many = zipped(*((f"{at}.txt", b"x") for at in range(4)))
    assert refused(many, bounds=Bounds(members=3)) == f"s/r/a.zip: expected at most 3 members, found 4. {ADVICE}"
    twice = zipped(("a.txt", b"x" * 6), ("b.txt", b"x" * 6))
    assert refused(twice, bounds=Bounds(total_bytes=10)) == (
        f"s/r/a.zip: expected at most 10 bytes unpacked, found 12 in 2 members. {ADVICE}"
    )
    assert refused(zipped(("a.txt", b"x" * 11)), bounds=Bounds(member_bytes=10)) == (
        f"s/r/a.zip/a.txt: expected at most 10 bytes unpacked, found 11. {ADVICE}"
    )


def test_a_bomb_is_refused_by_its_ratio() -> None:
    bomb = zipped(("a.txt", bytes(10_000_000)))
    assert refused(bomb).startswith("s/r/a.zip/a.txt: expected at most 200 unpacked bytes per packed byte, found ")


def test_a_member_that_states_fewer_bytes_than_it_holds_gives_no_more() -> None:
    content = bytearray(zipped(("a.txt", b"x" * 5_000)))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.index(signature) + offset
        content[at : at + 4] = struct.pack("<I", 100)
    assert "expected a whole member, found Bad CRC-32" in refused(bytes(content))


@pytest.mark.parametrize("cut", [10, 40, -30])
def test_a_broken_archive_is_an_error(cut: int) -> None:
    whole = zipped(("a.txt", b"x" * 1_000))
    assert refused(whole[:cut]).startswith("s/r/a.zip: expected a zip archive, found ")


@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8})?\.(txt|csv)", fullmatch=True), st.binary(max_size=200), max_size=8)
)
def test_what_goes_in_comes_out(files: dict[str, bytes]) -> None:
    content = zipped(*files.items())
    assert dict(taken(content)) == files
    assert listing(content, source_file="a.zip") == list(files)
