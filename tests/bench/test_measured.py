"""What the runner says about a process is so."""

import sys
from pathlib import Path

import pytest

from bench.measured import RunFailedError, measured
from bench.sources import Result, table_lines

HOLD_100_MB = "held = bytearray(100_000_000); import time; time.sleep(0.2)"


def test_the_memory_of_children_counts_together(tmp_path: Path) -> None:
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{HOLD_100_MB}'], check=True)"
    alone = measured([sys.executable, "-c", HOLD_100_MB], folder=tmp_path, log=tmp_path / "log")
    together = measured([sys.executable, "-c", f"{HOLD_100_MB}\n{child}"], folder=tmp_path, log=tmp_path / "log")
    assert 95 < alone.peak_mb < 180
    assert together.peak_mb > alone.peak_mb + 80
    assert alone.seconds >= 0.2 > alone.processor_seconds


def test_a_process_that_fails_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(RunFailedError, match=r"(?s)ended with 3:.*what went wrong"):
        measured([sys.executable, "-c", "print('what went wrong'); raise SystemExit(3)"], folder=tmp_path, log=tmp_path / "log")


def test_the_table_compares_every_side_with_the_first() -> None:
    rows = {"pfs_indicator": 1_200, "ncci_ptp": 30}
    lines = table_lines(
        [
            Result("ours", 3, 2.0, 3.0, 100.0, rows, 1.0, 2.0),
            Result("peer", 2, 5.0, 4.5, 250.0, rows, 1.5, 0.0),
        ]
    )
    table = {line[:26].strip(): line[26:].split() for line in lines}
    assert table[""] == ["ours", "peer"]
    assert table["pfs_indicator"] == ["1,200", "1,200"]
    assert table["hcpcs_code"] == ["-", "-"]
    assert table["rows"] == ["1,230", "1,230"]
    assert table["seconds / ours"] == ["1.00", "2.50"]
    assert table["processor seconds"] == ["3.00", "4.50"]
    assert table["peak MB / ours"] == ["1.00", "2.50"]
    assert table["DuckDB MB"] == ["2.0", "-"]
