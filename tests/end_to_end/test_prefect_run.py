"""The whole command with Prefect's embedded server, as a user runs it."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from flows import PROJECT

pytestmark = pytest.mark.slow


def payref(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    command = [sys.executable, "-m", "flows.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT, env=environment, timeout=240)


def test_a_refresh_runs_as_a_flow_and_a_second_one_has_nothing_to_do(tmp_path: Path) -> None:
    output = tmp_path / "output"
    done = payref("refresh", "--output", str(output))
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == (
        "Starting Prefect's embedded server; this takes 10 to 40 seconds, the pipeline itself a few."
    )
    assert "Traceback" not in done.stderr
    assert "nanobind" not in done.stderr
    assert "lookup 00406 --payer cigna --modifier QZ --on 2023-03-12" in done.stdout
    with sqlite3.connect(output / ".prefect" / "prefect.db") as database:
        runs = database.execute("SELECT name, state_type FROM flow_run").fetchall()
        artifacts = database.execute("SELECT key, type FROM artifact").fetchall()
    assert runs == [("refresh open build, fee schedule 2025-10", "COMPLETED")]
    assert artifacts == [("rows-by-table", "table")]
    database.close()
    again = payref("refresh", "--output", str(output))
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.startswith(f"Nothing changed: {output}/current is release ")


def test_a_flow_that_stops_says_why_without_a_traceback(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    (raw / "cms_pfs" / "2025-10").mkdir(parents=True)
    (raw / "cms_pfs" / "2025-10" / "PPRRVU2025_Oct.csv").write_text("a,b\n", encoding="utf-8")
    done = payref("refresh", "--raw", str(raw), "--output", str(tmp_path / "output"))
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == (
        "cms_pfs/2025-10/PPRRVU2025_Oct.csv: expected a preamble line 'RELEASED mm/dd/yyyy', found none. "
        "Check that this is the PPRRVU csv file of a fee schedule release."
    )
