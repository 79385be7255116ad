"""The sides of the benchmark give the same rows, so that their times and memory can be compared."""

import os
import shutil
import zipfile
from pathlib import Path

import duckdb
import pytest

from bench.measured import measured
from bench.sources import DBT, OURS, PANDAS, SOURCES, TABLES, sides

PROJECT = Path(__file__).resolve().parents[2]
ONLY_OURS = {"known_from", "source_row"}
"""Columns that the peers do not keep."""
LINES_OF_PAIRS = 3_000
"""Lines of each part of the pairs of codes, which are enough to hold repeated pairs."""


@pytest.fixture(scope="session")
def peers_python() -> Path:
    python = Path(os.environ.get("PEERS_PYTHON", PROJECT / ".venv-peers" / "bin" / "python"))
    if not python.exists():
        pytest.skip("`make peers` has not made the environment of the peers; PEERS_PYTHON names another")
    return python


@pytest.fixture(scope="session")
def small_raw(full_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published files with the beginnings of the parts of the pairs of codes."""
    raw = tmp_path_factory.mktemp("raw")
    for source in SOURCES:
        shutil.copytree(full_files / source, raw / source)
    for path in (raw / "cms_ncci").rglob("ccipra*.zip"):
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name).split(b"\r\n")[:LINES_OF_PAIRS] for name in archive.namelist()}
        path.chmod(0o644)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, lines in parts.items():
                archive.writestr(name, b"\r\n".join(lines) + b"\r\n")
    return raw


@pytest.fixture(scope="session")
def outputs(small_raw: Path, peers_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What every side but the floor wrote."""
    folder = tmp_path_factory.mktemp("sides")
    for side in sides(small_raw, folder, peers_python=str(peers_python), runs=1, peer_runs=1, threads=2):
        if side.name in {OURS, PANDAS, DBT}:
            (folder / side.name / "parquet").mkdir(parents=True)
            measured(side.command, folder=PROJECT, log=folder / f"{side.name}.log")
    return folder


@pytest.mark.full
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("peer", [PANDAS, DBT])
def test_a_peer_gives_the_same_rows_of_the_same_types(outputs: Path, peer: str, table: str) -> None:
    with duckdb.connect() as connection:
        ours = f"(SELECT * EXCLUDE ({', '.join(ONLY_OURS)}) FROM '{outputs / OURS / 'parquet' / table}.parquet')"
        theirs = f"'{outputs / peer / 'parquet' / table}.parquet'"
        columns = [connection.execute(f"DESCRIBE SELECT * FROM {side}").fetchall() for side in (ours, theirs)]
        assert [row[:2] for row in columns[1]] == [row[:2] for row in columns[0]]
        assert connection.execute(f"FROM {theirs} EXCEPT ALL FROM {ours}").fetchall() == []
        assert connection.execute(f"FROM {ours} EXCEPT ALL FROM {theirs}").fetchall() == []
        assert connection.execute(f"SELECT count(*) > 0 FROM {ours}").fetchall() == [(True,)]


@pytest.mark.full
@pytest.mark.parametrize("side", [OURS, PANDAS, DBT])
def test_the_database_of_a_side_holds_what_its_parquet_files_hold(outputs: Path, side: str) -> None:
    with duckdb.connect(str(outputs / side / "tables.duckdb"), read_only=True) as connection:
        for table in TABLES:
            parquet = f"'{outputs / side / 'parquet' / table}.parquet'"
            assert connection.execute(f"FROM {table} EXCEPT ALL FROM {parquet}").fetchall() == []
            assert connection.execute(f"FROM {parquet} EXCEPT ALL FROM {table}").fetchall() == []
