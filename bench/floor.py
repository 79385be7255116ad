"""The floor below every pipeline: read and unpack the bytes, and write the tables as Parquet from frames that lie in memory.

A side of `bench.sources`. It judges nothing and computes nothing, so no pipeline that gives these files can be faster.
"""

import argparse
import io
import itertools
import json
import time
import zipfile
from pathlib import Path

import polars as pl

from bench.sources import FLOOR_TIMES
from flows.discover import discover
from flows.load import ROW_GROUP_ROWS
from flows.parts import parts_of
from flows.registry import SOURCES


def main() -> None:
    """Write the Parquet files and, in `times.json`, the times that count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--tables", type=Path, required=True, help="folder with the Parquet files to write once more")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    frames = {path.name: pl.read_parquet(path) for path in sorted(given.tables.glob("*.parquet"))}
    chosen = chosen_files(given.raw)
    began, began_busy = time.perf_counter(), time.process_time()
    unpacked_bytes = sum(unpacked(path, names) for path, names in chosen)
    read_seconds = time.perf_counter() - began
    for name, frame in frames.items():
        frame.write_parquet(
            given.output / "parquet" / name, compression="zstd", compression_level=3, row_group_size=ROW_GROUP_ROWS
        )
    seconds = time.perf_counter() - began
    times = {"seconds": seconds, "processor_seconds": time.process_time() - began_busy}
    (given.output / FLOOR_TIMES).write_text(json.dumps(times), encoding="utf-8")
    print(f"{unpacked_bytes:,} bytes read and unpacked in {read_seconds:.2f} s, written in {seconds - read_seconds:.2f} s")


def chosen_files(raw: Path) -> list[tuple[Path, frozenset[str]]]:
    """The files that this project reads, archives with the members that it reads: one format of each file."""
    chosen = []
    files = [file for file in discover(raw).files if file.source in {source.name for source in SOURCES if source.has_releases}]
    for (source, _), group in itertools.groupby(files, key=lambda file: (file.source, file.origin.release_id)):
        release = list(group)
        registered = next(declared for declared in SOURCES if declared.name == source)
        names = {part.source_file for part in parts_of(release, registered).files}
        for file in release:
            inside = {name.removeprefix(f"{file.source_file}/") for name in names if name.startswith(f"{file.source_file}/")}
            if inside or file.source_file in names:
                chosen.append((file.path, frozenset(inside)))
    return chosen


def unpacked(path: Path, members: frozenset[str]) -> int:
    """Read a file, inflate the wanted members of an archive and every part of a workbook; the number of bytes."""
    content = path.read_bytes()
    if path.suffix.lower() not in {".zip", ".xlsx"}:
        return len(content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return sum(len(archive.read(name)) for name in archive.namelist() if not members or name in members)


if __name__ == "__main__":
    main()
