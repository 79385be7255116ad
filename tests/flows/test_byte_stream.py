"""Unpacking price files: what is read, what is refused and where."""

import gzip
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from flows.byte_stream import Limits, chunks, members
from flows.counts_aside import OnDisk
from transforms.errors import StructureError
from transforms.tic import PriceFileError, observe
from transforms.tic_totals import PARTS, ROW, InMemory, Totals

TEXT = b'{"in_network":[]}' + b" " * 5_000_000 + b"\n"


def read(path: Path, **given: object) -> bytes:
    return b"".join(chunks(path, **given))  # type: ignore[arg-type]


def test_the_first_bytes_say_what_a_file_is(tmp_path: Path) -> None:
    packed = tmp_path / "a.json"
    packed.write_bytes(gzip.compress(TEXT))
    assert read(packed) == TEXT
    plain = tmp_path / "b.json.gz"
    plain.write_bytes(TEXT)
    assert read(plain) == TEXT


def test_gzip_of_several_members(tmp_path: Path) -> None:
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(TEXT[:7]) + gzip.compress(TEXT[7:]))
    assert read(path) == TEXT


def test_zip(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in/a.json", TEXT[:1000])
    assert read(path) == TEXT[:1000]
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("in/b.json", "{}")
    assert members(path) == ["in/a.json", "in/b.json"]
    assert read(path, member="in/b.json") == b"{}"
    with pytest.raises(
        StructureError, match=r"a.zip: expected a zip with one file, found in/a.json, in/b.json. Name the member."
    ):
        read(path)
    with pytest.raises(StructureError, match="a zip with a file 'c'"):
        read(path, member="c")
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(StructureError, match="a whole zip archive"):
        read(path)


@pytest.mark.parametrize("size", [15, 100, -1, -8])
def test_truncated_gzip(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(TEXT)[:size])
    with pytest.raises(PriceFileError, match=r"a.json.gz byte [\d,]+: expected whole packed bytes, found "):
        read(path)


def test_gzip_with_a_wrong_checksum_or_something_behind_it(tmp_path: Path) -> None:
    path, packed = tmp_path / "a.json.gz", gzip.compress(TEXT)
    for wrong in (packed[:-8] + b"\0\1\2\3" + packed[-4:], packed + b"garbage"):
        path.write_bytes(wrong)
        with pytest.raises(PriceFileError, match="whole packed bytes"):
            read(path)


def test_a_gzip_bomb_is_refused_by_its_ratio(tmp_path: Path) -> None:
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(b'{"in_network":[' + b" " * 30_000_000))
    with pytest.raises(PriceFileError, match=r"a.json.gz byte [\d,]+: expected at most .* and 300 per packed byte, found "):
        read(path, limits=Limits(free_bytes=1_000_000))
    with pytest.raises(PriceFileError, match=r"at most 5,000,000 bytes"):
        read(path, limits=Limits(most_bytes=5_000_000))


def test_threads_end_with_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(b"<html>" + TEXT))
    with pytest.raises(PriceFileError, match="an object"):
        observe(chunks(path))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("unpack")]


def test_counts_that_wait_on_a_disk_come_back(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    rows = np.zeros(5_000, ROW)
    rows["code"], rows["rate"], rows["prices"] = generator.integers(-3, 300, 5_000), generator.integers(0, 9, 5_000), 1
    for aside in (OnDisk(tmp_path), InMemory()):
        totals = Totals(aside, most_held=700)
        for at in range(0, 5_000, 250):
            totals.add(rows[at : at + 250].copy())
        for late in (-3, -2, -1):
            totals.settle(late, 1_000 + late)
        parts = list(totals.parts())
        expected = rows.copy()
        expected["code"] = np.where(rows["code"] < 0, rows["code"] + 1_000, rows["code"])
        assert sorted(np.concatenate(parts).tolist()) == sorted(expected.tolist())
        assert all(len(set(part["code"] % PARTS)) <= 1 for part in parts)
    assert list(tmp_path.iterdir()) == []
