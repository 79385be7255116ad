"""Raw files that lie elsewhere by a link, or are no regular files."""

import os
import shutil
from pathlib import Path

import pytest

from flows import SHIPPED_RAW
from flows.discover import discover
from flows.price_files import price_files
from flows.settings import StopError

NAME = "code_pages/22222_analysis.txt"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED_RAW, tmp_path / "raw"))


@pytest.fixture
def private(tmp_path: Path) -> Path:
    path = tmp_path / "private.txt"
    path.write_text("not to be published", encoding="utf-8")
    return path


def _refused(path: Path, root: Path, target: Path) -> str:
    return (
        f"{path}: expected a file inside {root}, found a link that leads to {target}. "
        "Put a copy of the file there, or give --follow-links if what links lead to may be read and published."
    )


def test_a_link_that_leaves_the_raw_folder_stops_unless_it_is_allowed(raw: Path, private: Path) -> None:
    (raw / NAME).symlink_to(private)
    with pytest.raises(StopError) as stopped:
        discover(raw)
    assert str(stopped.value) == _refused(raw / NAME, raw, private)
    assert NAME in {file.source_file for file in discover(raw, follows_links=True).files}


def test_a_linked_folder_of_a_source_stops(raw: Path, tmp_path: Path) -> None:
    shutil.move(raw / "code_pages", tmp_path / "pages")
    (raw / "code_pages").symlink_to(tmp_path / "pages")
    with pytest.raises(StopError, match="found a link that leads to "):
        discover(raw)


def test_links_inside_the_raw_folder_and_a_raw_folder_that_is_a_link_are_read(raw: Path, tmp_path: Path) -> None:
    before = len(discover(raw).files)
    page = min((raw / "code_pages").glob("*_analysis.txt"))
    (raw / NAME).symlink_to(page.name)
    (tmp_path / "other").symlink_to(raw)
    assert len(discover(tmp_path / "other").files) == before + 1


def test_a_pipe_and_a_dangling_link_are_refused(raw: Path) -> None:
    os.mkfifo(raw / NAME)
    with pytest.raises(StopError) as stopped:
        discover(raw)
    told = "expected a regular file, found {}. Remove it, or put a file in its place."
    assert str(stopped.value) == f"{raw / NAME}: {told.format('a pipe, device or socket')}"
    (raw / NAME).unlink()
    (raw / NAME).symlink_to("nothing.txt")
    with pytest.raises(StopError) as stopped:
        discover(raw)
    assert str(stopped.value) == f"{raw / NAME}: {told.format('a link that leads to nothing')}"


def test_price_files_stay_in_their_folder(tmp_path: Path, private: Path) -> None:
    folder = tmp_path / "prices"
    (folder / "tic").mkdir(parents=True)
    link = folder / "tic" / "a.json"
    link.symlink_to(private)
    for raw, address in ((folder, None), (Path("elsewhere"), str(folder))):
        with pytest.raises(StopError) as stopped:
            price_files(raw, address)
        assert str(stopped.value) == _refused(link, folder, private)
    assert [file.source_file for file in price_files(folder, None, follows_links=True)] == ["tic/a.json"]
    link.unlink()
    os.mkfifo(link)
    with pytest.raises(StopError, match="found a pipe, device or socket"):
        price_files(folder, None)


def test_nor_is_what_stands_beside_price_files_read_through_a_link(tmp_path: Path, private: Path) -> None:
    folder = tmp_path / "prices"
    (folder / "tic").mkdir(parents=True)
    (folder / "tic" / "a.json").write_text("{}", encoding="utf-8")
    link = folder / "tic" / "origin.json"
    link.symlink_to(private)
    with pytest.raises(StopError) as stopped:
        price_files(folder, None)
    assert str(stopped.value) == _refused(link, folder, private)
    link.unlink()
    os.mkfifo(link)
    with pytest.raises(StopError, match="found a pipe, device or socket"):
        price_files(folder, None)
