"""A disk that is full or read-only, a raw file that vanishes, a clock that is turned back: the current release stays whole."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows import PROJECT
from flows.pipeline import Outcome, directly, run
from flows.releases import listed, roll_back
from flows.settings import Settings, StopError
from tests.end_to_end.output_folder import assert_current_is_whole, linked
from tests.end_to_end.raw_folder import changed, copied, exported_hashes

YEAR_SECONDS = 365 * 24 * 3600
DISK_BYTES = 200_000_000


def payref(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flows.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a disk of a certain size can only be mounted by root: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw files that make another release than the shipped ones."""
    folder = copied(tmp_path_factory.mktemp("changed"))
    changed(folder, "payers/payer.csv", "Aetna", "Aetna Inc")
    return folder


@pytest.fixture(scope="module")
def expected(raw: Path, output: Path, published: Outcome, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    """The release that an undisturbed run makes of them, and the hashes of its files."""
    undisturbed = linked(output, tmp_path_factory.mktemp("undisturbed") / "output")
    release = run(Settings(raw, undisturbed)).release
    return release, exported_hashes(undisturbed / "releases" / release)


@pytest.mark.slow
@pytest.mark.parametrize(("left", "what"), [(8_000, "{output}"), (2_000_000, "load"), (40_000_000, "export")])
def test_a_disk_that_is_full(
    left: int, what: str, disk: Path, output: Path, published: Outcome, raw: Path, expected: tuple[str, dict[str, str]]
) -> None:
    mine = shutil.copytree(output, disk / "output", symlinks=True)
    shutil.rmtree(mine / ".cache")  # what was read is kept anew, which is the first that needs room
    filler = disk / "filler"
    with filler.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, shutil.disk_usage(disk).free - left)
    done = payref("refresh", "--direct", "--raw", str(raw), "--output", str(mine))
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        3,
        f"{what.format(output=mine)}: the disk is full. The current release is unchanged; make room in the output folder and refresh again.",
    )
    assert assert_current_is_whole(mine) == published.release
    filler.unlink()
    assert payref("refresh", "--direct", "--raw", str(raw), "--output", str(mine)).returncode == 0
    assert (assert_current_is_whole(mine), exported_hashes(mine / "current")) == expected


@pytest.mark.slow
def test_an_output_folder_that_may_only_be_read(disk: Path, output: Path, published: Outcome, raw: Path) -> None:
    mine = shutil.copytree(output, disk / "output", symlinks=True)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for command in (["refresh", "--raw", str(raw)], ["refresh", "--direct", "--force"], ["clean", "--yes"], ["rollback"]):
        done = payref(*command, "--output", str(mine))
        assert (done.returncode, done.stderr) == (
            3,
            f"{mine}: expected a folder that can be written, found: Read-only file system. Choose another with --output.\n",
        )
    assert assert_current_is_whole(mine) == published.release
    assert payref("lookup", "00406", "--payer", "cigna", "--output", str(mine)).returncode == 0


@pytest.mark.parametrize("after", ["discover", "read payers"])
def test_a_raw_file_that_vanishes_while_a_refresh_works(after: str, tmp_path: Path, output: Path, published: Outcome) -> None:
    raw, mine = copied(tmp_path), linked(output, tmp_path / "output")
    changed(raw, "payers/payer.csv", "Aetna", "Aetna Inc")
    rules = raw / "payer_rules" / "uhc.csv"

    def step(name: str, function: Any, *arguments: Any, **options: Any) -> Any:
        found = function(*arguments, **options)
        if name == after:
            rules.rename(tmp_path / "aside.csv")
        return found

    with pytest.raises(StopError) as stopped:
        run(Settings(raw, mine), step=step)
    assert str(stopped.value) == (
        f"{rules}: expected the file that was there when the refresh began, found nothing. "
        "The current release is unchanged; put the file back, or refresh again without it."
    )
    assert assert_current_is_whole(mine) == published.release


def test_a_raw_file_that_vanishes_while_files_are_listed(
    tmp_path: Path, output: Path, published: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, mine = copied(tmp_path), linked(output, tmp_path / "output")
    rules = raw / "payer_rules" / "uhc.csv"
    real = Path.is_file

    def is_file(path: Path) -> bool:
        found = real(path)
        if path == rules:
            rules.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(Path, "is_file", is_file)
    with pytest.raises(StopError, match=r"uhc\.csv: expected the file that was there when the refresh began, found nothing"):
        run(Settings(raw, mine), step=directly)
    assert assert_current_is_whole(mine) == published.release


def test_a_clock_that_is_turned_back_a_year(
    tmp_path: Path, output: Path, published: Outcome, raw: Path, expected: tuple[str, dict[str, str]]
) -> None:
    """What was made before it was turned back bears times a year ahead of the clock."""
    mine = linked(output, tmp_path / "output")
    for path in mine.rglob("*"):
        if path.suffix != ".duckdb" and path.parent.name not in {"csv", "parquet"}:  # those are the other folder's, too
            os.utime(path, times := (time.time() + YEAR_SECONDS,) * 2, follow_symlinks=False)
            assert path.lstat().st_mtime == pytest.approx(times[1], abs=1)
    assert payref("status", "--output", str(mine)).stdout.startswith(f"Release {published.release} (open), made 0 min ago.")
    second = run(Settings(raw, mine)).release
    assert (second, exported_hashes(mine / "current")) == expected
    changed(third_raw := copied(tmp_path), "payers/payer.csv", "Aetna", "Aetna Corporation")
    third = run(Settings(third_raw, mine)).release
    assert [entry.release for entry in listed(mine)] == [third, second, published.release]
    assert roll_back(mine) == (third, second)
    assert roll_back(mine) == (second, published.release)
    assert roll_back(mine, third) == (published.release, third)
    run(Settings(third_raw, mine, is_forced=True, keep=2))
    assert [entry.release for entry in listed(mine)] == [third, second]
