"""From raw files to parts: archives unpacked, one format chosen, everything else said to be unread."""

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from flows.discover import InputFile, Origin, read_bytes
from flows.parts import fits, parts_of
from flows.registry import Source
from transforms.errors import StructureError
from transforms.gate import findings_frame
from transforms.periods import quarter
from transforms.sources import Built

SOURCE = Source(
    "cms_ncci",
    ("edits*.csv", "edits*.txt", "edits*.xlsx"),
    (),
    ("utf-8", "cp1252"),
    (),
    lambda _files, _tables: Built({}, findings_frame(), []),
)


def given(folder: Path, name: str, content: bytes) -> InputFile:
    path = folder / name
    path.write_bytes(content)
    origin = Origin("cms_ncci", "2026-04", "published", "CMS", "Edits", "US-GOV", period=quarter("2026-04"))
    return InputFile(
        "cms_ncci", path, f"cms_ncci/2026-04/{name}", origin, hashlib.sha256(content).hexdigest(), len(content), is_local=False
    )


def zipped(**files: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_dot_", "."), content)
    return written.getvalue()


def test_of_one_file_in_several_formats_the_preferred_one_is_read(tmp_path: Path) -> None:
    files = [given(tmp_path, name, b"a") for name in ("edits1.TXT", "edits1.csv", "edits2.txt", "edits2.xlsx")]
    found = parts_of(files, SOURCE)
    assert [file.source_file for file in found.files] == ["cms_ncci/2026-04/edits1.csv", "cms_ncci/2026-04/edits2.txt"]
    assert found.unread == ["cms_ncci/2026-04/edits1.TXT", "cms_ncci/2026-04/edits2.xlsx"]


def test_members_of_an_archive_are_parts_with_their_own_hash(tmp_path: Path) -> None:
    archive = given(tmp_path, "edits.zip", zipped(edits1_dot_txt=b"\xe9", readme_dot_pdf=b"no"))
    found = parts_of([archive], SOURCE)
    (part,) = found.parts
    assert part.source_file == "cms_ncci/2026-04/edits.zip/edits1.txt"
    assert (part.archive_file, part.size_bytes, part.encoding, part.origin) == (
        "cms_ncci/2026-04/edits.zip",
        1,
        "cp1252",
        "published",
    )
    assert part.sha256 != archive.sha256
    assert found.unread == ["cms_ncci/2026-04/edits.zip/readme.pdf"]
    assert found.files[0].raw.text == "é"


def test_an_unpacked_file_stands_before_the_same_file_in_an_archive(tmp_path: Path) -> None:
    files = [given(tmp_path, "edits1.csv", b"a"), given(tmp_path, "edits.zip", zipped(edits1_dot_csv=b"b"))]
    found = parts_of(files, SOURCE)
    assert [file.content for file in found.files] == [b"a"]
    assert found.unread == ["cms_ncci/2026-04/edits.zip/edits1.csv"]


def test_bytes_that_changed_since_they_were_hashed_stop_the_source(tmp_path: Path) -> None:
    file = given(tmp_path, "edits1.csv", b"a")
    file.path.write_bytes(b"b")
    with pytest.raises(StructureError) as caught:
        read_bytes(file)
    assert str(caught.value) == (
        "cms_ncci/2026-04/edits1.csv: expected the bytes hashed at the start, found others. Run the refresh again."
    )


@pytest.mark.parametrize(("name", "place"), [("EDITS.CSV", 0), ("edits9.Txt", 1), ("other.csv", None)])
def test_names_fit_patterns_whatever_their_case(name: str, place: int | None) -> None:
    assert fits(name, SOURCE.files) == place
