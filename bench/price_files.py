"""How fast price files are read and how much memory that takes, beside `zcat` in the same minute and peers that do the same.

`python -m bench.price_files FILE.json.gz ... [--peers] [--rounds 3]` with files of `bench.price_generator` or real ones. Every
line is one process of its own, imports and all. Lines take turns with `zcat`; a ratio is the median over the rounds of seconds
by the seconds of the `zcat` just before. A small file is read before, so that no measured run compiles the reader; bytecode is
kept, as on any installation. Whole-document readers get the unpacked file and only up to 300 MB.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.measured import Measured, RunFailedError, measured
from bench.price_generator import Wanted, write
from flows import PROJECT
from flows.byte_stream import chunks

_PYTHON = sys.executable
_MOST_FOR_DOCUMENTS = 300_000_000
_READ = """
import pathlib, sys, tempfile
from flows.byte_stream import chunks
from flows.counts_aside import OnDisk
from transforms import tic, tic_plain
with tempfile.TemporaryDirectory() as folder:
    read = tic_plain.read if sys.argv[2] == "plain" else None
    seen = tic.observe(chunks(sys.argv[1]), aside=OnDisk(pathlib.Path(folder)), read=read)
print(seen.observations.height, seen.counts["prices_read"])
"""
_UNPACK = "import sys; from flows.byte_stream import chunks; print(sum(map(len, chunks(sys.argv[1]))))"


class Side(NamedTuple):
    """One line of the table."""

    name: str
    command: tuple[str, ...]


def main() -> None:
    """Measure and print one table for each file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--peers", action="store_true", help="also ijson, and DuckDB and Polars where the file is small enough")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--without-plain", action="store_true", help="leave the plain reader out, which takes minutes on large files"
    )
    given = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    _compile_once()
    with tempfile.TemporaryDirectory() as temporary:
        for file in given.files:
            _print_table(file, Path(temporary), rounds=given.rounds, with_peers=given.peers, with_plain=not given.without_plain)


def _compile_once() -> None:
    """Read a small file, so that no measured run compiles."""
    with tempfile.TemporaryDirectory() as temporary:
        small = Path(temporary) / "small.json.gz"
        write(small, Wanted(1, 0))
        measured((_PYTHON, "-c", _READ, str(small), "compiled"), folder=PROJECT, log=Path(temporary) / "log")


def _print_table(file: Path, folder: Path, *, rounds: int, with_peers: bool, with_plain: bool) -> None:
    size = sum(map(len, chunks(file)))
    print(f"\n{file.name}: {size / 1e6:,.0f} MB, packed {file.stat().st_size / 1e6:,.0f} MB")
    print(f"{'':<44}{'seconds':>9}{'MB/s':>8}{'by zcat':>9}{'CPU s':>8}{'peak MB':>9}")
    sides = _sides(file.resolve(), with_plain=with_plain) + (_peers(file.resolve(), folder, size=size) if with_peers else [])
    zcat = Side("zcat > /dev/null", ("zcat", str(file.resolve())))
    floors: list[Measured] = []
    for side in sides:
        taken: list[Measured] = []
        before: list[Measured] = []
        for _ in range(rounds):
            before.append(measured(zcat.command, folder=folder, log=Path("/dev/null")))
            try:
                taken.append(measured(side.command, folder=PROJECT, log=folder / "log"))
            except RunFailedError as error:
                print(f"{side.name:<44}  {str(error).splitlines()[-1][:70]}")
                break
        floors += before
        if taken:
            _print_line(side.name, taken, before, size=size)
    _print_line(zcat.name, floors, floors, size=size)


def _print_line(name: str, taken: Sequence[Measured], floors: Sequence[Measured], *, size: int) -> None:
    seconds = statistics.median(each.seconds for each in taken)
    ratio = statistics.median(each.seconds / floor.seconds for each, floor in zip(taken, floors, strict=False))
    processor = statistics.median(each.processor_seconds for each in taken)
    peak = max(each.peak_mb for each in taken)
    print(f"{name:<44}{seconds:>9.2f}{size / 1e6 / seconds:>8.0f}{ratio:>9.2f}{processor:>8.2f}{peak:>9.0f}", flush=True)


def _sides(file: Path, *, with_plain: bool) -> list[Side]:
    igzip = shutil.which("igzip")
    return [
        *([Side("igzip -dc > /dev/null", (igzip, "-dc", str(file)))] if igzip else []),
        Side("unpack only, in a thread (isal)", (_PYTHON, "-c", _UNPACK, str(file))),
        Side("observe, compiled scanner", (_PYTHON, "-c", _READ, str(file), "compiled")),
        *([Side("observe, plain reader", (_PYTHON, "-c", _READ, str(file), "plain"))] if with_plain else []),
    ]


def _peers(file: Path, folder: Path, *, size: int) -> list[Side]:
    peers = PROJECT / "bench" / "peers"
    found = [Side("isal + ijson, aggregating", (_PYTHON, str(peers / "price_ijson.py"), str(file)))]
    if size > _MOST_FOR_DOCUMENTS:
        return found
    unpacked = folder / "document.json"
    with unpacked.open("wb") as target:
        target.writelines(chunks(file))
    whole = (_PYTHON, str(peers / "price_duckdb.py"), str(unpacked))
    return [
        *found,
        *(Side(f"{name}, whole document unpacked", (*whole, "--reader", name.lower())) for name in ("DuckDB", "Polars")),
    ]


if __name__ == "__main__":
    main()
