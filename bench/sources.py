"""The same published files to the same tables, side by side: this project, plain pandas, dbt with DuckDB, and the floor.

`make peers RAW=folder` runs it. Every side is a process of its own that writes one DuckDB file and one Parquet file per
table; sides take turns, and the figures are medians. The peers keep neither the line of each row nor its publication date and
report no refused rows; this project does, in the same seconds. The floor reads and unpacks the same bytes and writes the
same Parquet from frames that lie in memory, and nothing else; its seconds leave out its start and the reading of the frames.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import duckdb

from bench.measured import Measured, measured

_PROJECT = Path(__file__).resolve().parents[1]
SOURCES = ("cms_pfs", "cms_hcpcs", "cms_ncci", "cms_icd10cm", "nucc", "cms_pos")
"""Folders that every side reads."""
TABLES = (
    "pfs_indicator",
    "hcpcs_code",
    "ncci_ptp",
    "ncci_mue",
    "ncci_addon",
    "diagnosis",
    "taxonomy",
    "place_of_service",
)
"""Tables that every side writes."""
OURS, PANDAS, DBT, FLOOR = "payer-reference", "pandas", "dbt-duckdb", "floor"
FLOOR_TIMES = "times.json"
"""File in which the floor writes the times that count."""
_BLOCK_BYTES = 1 << 20


class Side(NamedTuple):
    """One way from the files to the tables."""

    name: str
    command: tuple[str, ...]
    runs: int


class Result(NamedTuple):
    """What the counted runs of a side gave."""

    name: str
    runs: int
    seconds: float
    processor_seconds: float
    peak_mb: float
    rows: dict[str, int]
    parquet_mb: float
    database_mb: float


def main() -> None:
    """Measure every side and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", type=Path, required=True, help="folder with <source>/<release>/ as published")
    parser.add_argument("--peers-python", required=True, help="python of an environment with bench/peers/requirements.txt")
    parser.add_argument("--runs", type=int, default=3, help="counted runs of this project and the floor")
    parser.add_argument("--peer-runs", type=int, default=2, help="counted runs of each peer")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="keep what every side wrote in this folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        outputs = given.keep or Path(temporary)
        python = given.peers_python
        chosen = sides(given.raw, outputs, peers_python=python, runs=given.runs, peer_runs=given.peer_runs, threads=given.threads)
        read_mb = _warm(given.raw) / 1e6
        runs = _take_turns(chosen, outputs)
        results = [_result(side, runs[side.name], outputs / side.name) for side in chosen]
    print(f"{date.today()}, {platform.machine()}, {given.threads} threads, {os.cpu_count()} processors, {read_mb:,.1f} MB read")
    print("\n".join(table_lines(results)))


def sides(raw: Path, outputs: Path, *, peers_python: str, runs: int, peer_runs: int, threads: int) -> list[Side]:
    """The sides, in the order in which they take turns; the floor needs what this project wrote."""

    def command(*start: str, name: str) -> tuple[str, ...]:
        return (*start, "--raw", str(raw.resolve()), "--output", str((outputs / name).resolve()), "--threads", str(threads))

    own, tables = (sys.executable, "-m"), str((outputs / OURS / "parquet").resolve())
    return [
        Side(OURS, command(*own, "bench.project_pipeline", name=OURS), runs),
        Side(PANDAS, command(peers_python, "-m", "bench.peers.pandas_pipeline", name=PANDAS), peer_runs),
        Side(DBT, command(peers_python, "-m", "bench.peers.dbt_pipeline", name=DBT), peer_runs),
        Side(FLOOR, (*command(*own, "bench.floor", name=FLOOR), "--tables", tables), runs),
    ]


def _take_turns(chosen: Sequence[Side], outputs: Path) -> dict[str, list[Measured]]:
    """Counted runs of every side by its name, one of each in turn, after a first turn that is not counted."""
    runs: dict[str, list[Measured]] = {side.name: [] for side in chosen}
    for turn in range(max(side.runs for side in chosen) + 1):
        for side in chosen:
            if turn <= side.runs:
                taken = _run(side, outputs)
                runs[side.name] += [taken] if turn else []
                print(f"{side.name}: {taken.seconds:.1f} s{'' if turn else ', not counted'}", file=sys.stderr)
    return runs


def _run(side: Side, outputs: Path) -> Measured:
    """One run into an empty folder."""
    output = outputs / side.name
    shutil.rmtree(output, ignore_errors=True)
    (output / "parquet").mkdir(parents=True)
    taken = measured(side.command, folder=_PROJECT, log=outputs / f"{side.name}.log")
    stated = output / FLOOR_TIMES
    return taken._replace(**json.loads(stated.read_text(encoding="utf-8"))) if stated.exists() else taken


def _warm(raw: Path) -> int:
    """Read every byte once, so that no side pays for the disk; the number of bytes."""
    total = 0
    for path in [path for source in SOURCES for path in sorted((raw / source).rglob("*")) if path.is_file()]:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK_BYTES):
                total += len(block)
    return total


def _result(side: Side, runs: Sequence[Measured], output: Path) -> Result:
    parquet = sorted((output / "parquet").glob("*.parquet"))
    database = output / "tables.duckdb"
    return Result(
        side.name,
        len(runs),
        statistics.median(run.seconds for run in runs),
        statistics.median(run.processor_seconds for run in runs),
        statistics.median(run.peak_mb for run in runs),
        dict(_rows(parquet, database)),
        sum(path.stat().st_size for path in parquet) / 1e6,
        database.stat().st_size / 1e6 if database.exists() else 0.0,
    )


def _rows(parquet: Iterable[Path], database: Path) -> Iterator[tuple[str, int]]:
    """Rows by table. Raises ValueError where the database and the Parquet file of a table disagree."""
    with duckdb.connect(str(database), read_only=True) if database.exists() else duckdb.connect() as connection:
        for path in parquet:
            (rows,) = connection.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchall()[0]
            if database.exists():
                (loaded,) = connection.execute(f"SELECT count(*) FROM {path.stem}").fetchall()[0]
                if loaded != rows:
                    raise ValueError(f"{database}: {path.stem} holds {loaded} rows, its Parquet file {rows}")
            yield path.stem, rows


def table_lines(results: Sequence[Result]) -> list[str]:
    """The results as the lines of one table, a side per column."""
    first = results[0]
    lines = [("", [result.name for result in results])]
    lines += [(name, [_count(result.rows, name) for result in results]) for name in TABLES]
    lines += [
        ("rows", [f"{sum(result.rows.values()):,}" for result in results]),
        ("Parquet MB", [f"{result.parquet_mb:,.1f}" for result in results]),
        ("DuckDB MB", [f"{result.database_mb:,.1f}" if result.database_mb else "-" for result in results]),
        ("counted runs", [str(result.runs) for result in results]),
        ("seconds", [f"{result.seconds:,.2f}" for result in results]),
        (f"seconds / {first.name}", [f"{result.seconds / first.seconds:,.2f}" for result in results]),
        ("processor seconds", [f"{result.processor_seconds:,.2f}" for result in results]),
        ("peak MB", [f"{result.peak_mb:,.0f}" for result in results]),
        (f"peak MB / {first.name}", [f"{result.peak_mb / first.peak_mb:,.2f}" for result in results]),
    ]
    return [f"{label:<26}" + "".join(f"{cell:>17}" for cell in cells) for label, cells in lines]


def _count(rows: Mapping[str, int], name: str) -> str:
    return f"{rows[name]:,}" if name in rows else "-"


if __name__ == "__main__":
    main()
