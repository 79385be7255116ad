"""The whole command as a user runs it, with Prefect's embedded server: it ends, it stops, it is stopped, it is killed."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from flows import PROJECT
from flows.leftovers import remove_leftovers
from tests.end_to_end.output_folder import assert_current_is_whole, linked, names, unlisted
from tests.end_to_end.raw_folder import changed, copied, exported_hashes

pytestmark = pytest.mark.slow
CHOSEN = random.Random(20261126)  # noqa: S311 - moments, no secrets
STARTING = "Starting Prefect's embedded server"
STEPS = [
    "discover",
    "read payers",
    "read payer_rules",
    "resolve the cube",
    "index the words",
    "load the database",
    "export",
    "report",
]
"""After what each says the refresh is stopped a little later, so within a step that follows."""


class Started(NamedTuple):
    """An output folder in which Prefect made a release, so that the next server starts faster."""

    output: Path
    done: subprocess.CompletedProcess[str]


class Undisturbed(NamedTuple):
    """Changed raw files, and what an undisturbed run makes of them."""

    raw: Path
    release: str
    hashes: dict[str, str]
    names: set[str]


def command(*arguments: str) -> dict[str, object]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return {"args": [sys.executable, "-m", "flows.cli", *arguments], "cwd": PROJECT, "env": environment, "text": True}


def payref(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(**command(*arguments), capture_output=True, check=False, timeout=240)  # type: ignore[call-overload]


def flow_runs(output: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(output / ".prefect" / "prefect.db")) as database:
        return database.execute("SELECT name, state_type FROM flow_run ORDER BY created").fetchall()


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def interrupted(number: int, after: str, *arguments: str) -> tuple[int, str, float]:
    """Exit code and messages of a refresh that got a signal a little after it said something, and how long it took to leave.

    No process that it started outlives it for long.
    """
    with subprocess.Popen(**command("refresh", *arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as running:  # type: ignore[call-overload]
        said = []
        while not said or after not in said[-1]:
            said.append(running.stderr.readline())
            assert said[-1], f"it ended without saying {after!r}: {''.join(said)}"
        time.sleep(CHOSEN.uniform(0, 2 if after == STARTING else 0.4))
        children = [int(child) for child in Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()]
        assert len(children) == (0 if "--direct" in arguments else 1)
        began = time.monotonic()
        running.send_signal(number)
        code = running.wait(60)
        seconds = time.monotonic() - began
        while any(is_running(child) for child in children):
            assert time.monotonic() - began < 25, "Prefect's server outlives the refresh"
            time.sleep(0.05)
        return code, "".join([*said, *running.stderr.readlines()]), seconds


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Started:
    output = tmp_path_factory.mktemp("started") / "output"
    return Started(output, payref("refresh", "--output", str(output)))


@pytest.fixture(scope="module")
def undisturbed(started: Started, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    raw, output = copied(folder), linked(started.output, folder / "output")
    changed(raw, "payers/payer.csv", "Aetna", "Aetna Inc")
    done = payref("refresh", "--direct", "--raw", str(raw), "--output", str(output))
    assert done.returncode == 0, done.stderr
    release = (output / "current").resolve().name
    return Undisturbed(raw, release, exported_hashes(output / "releases" / release), names(output))


@pytest.fixture
def mine(started: Started, tmp_path: Path) -> Iterator[Path]:
    """The output folder as Prefect left it, for one test."""
    output = linked(started.output, tmp_path / "output")
    yield output
    shutil.rmtree(output)


def assert_recovers(output: Path, started: Started, undisturbed: Undisturbed) -> None:
    """The release of before is current and whole; the next run makes the same bytes and leaves nothing that is not listed."""
    assert assert_current_is_whole(output) == (started.output / "current").resolve().name
    done = payref("refresh", "--direct", "--raw", str(undisturbed.raw), "--output", str(output))
    assert done.returncode == 0, done.stderr
    assert assert_current_is_whole(output) == undisturbed.release
    assert exported_hashes(output / "releases" / undisturbed.release) == undisturbed.hashes
    assert {name for name in unlisted(output, undisturbed.names) if not name.startswith(".prefect/")} == set()
    remove_leftovers(output)
    assert {name for name in names(output) - undisturbed.names if not name.startswith(".prefect/")} == set()


def test_a_refresh_runs_as_a_flow_and_a_second_one_has_nothing_to_do(started: Started) -> None:
    output, done = started
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == f"{STARTING}; this takes 10 to 40 seconds, the pipeline itself a few."
    assert "Traceback" not in done.stderr
    assert "nanobind" not in done.stderr
    assert "lookup 00406 --payer cigna --modifier QZ --on 2023-03-12" in done.stdout
    with closing(sqlite3.connect(output / ".prefect" / "prefect.db")) as database:
        artifacts = database.execute("SELECT key, type FROM artifact").fetchall()
    assert flow_runs(output) == [("refresh open build, fee schedule 2025-10", "COMPLETED")]
    assert artifacts == [("rows-by-table", "table")]
    again = payref("refresh", "--output", str(output))
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.startswith(f"Nothing changed: {output}/current is release ")


def test_a_flow_that_stops_says_why_without_a_traceback(mine: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    (raw / "cms_pfs" / "2025-10").mkdir(parents=True)
    (raw / "cms_pfs" / "2025-10" / "PPRRVU2025_Oct.csv").write_text("a,b\n", encoding="utf-8")
    done = payref("refresh", "--raw", str(raw), "--output", str(mine))
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == (
        "cms_pfs/2025-10/PPRRVU2025_Oct.csv: expected a preamble line 'RELEASED mm/dd/yyyy', found none. "
        "Check that this is the PPRRVU csv file of a fee schedule release."
    )
    assert [state for _, state in flow_runs(mine)] == ["COMPLETED", "FAILED"]


@pytest.mark.parametrize(
    ("number", "after", "options"),
    [
        (signal.SIGTERM, CHOSEN.choice(STEPS[3:]), ()),
        (signal.SIGTERM, CHOSEN.choice(STEPS[:4]), ("--direct",)),
        (signal.SIGTERM, CHOSEN.choice(STEPS[4:]), ("--direct",)),
        (signal.SIGINT, CHOSEN.choice(STEPS), ("--direct",)),
    ],
)
def test_a_refresh_that_is_stopped_leaves_at_once_and_says_how_to_go_on(
    number: signal.Signals, after: str, options: tuple[str, ...], mine: Path, started: Started, undisturbed: Undisturbed
) -> None:
    asked = ("--raw", str(undisturbed.raw), "--output", str(mine), *options)
    code, said, seconds = interrupted(number, after, *asked)
    assert code == 128 + number
    assert seconds < 5
    current = (started.output / "current").resolve().name
    assert (
        f"The refresh was stopped by {number.name}. The current release {current} is whole and untouched; the same command goes on."
        in said
    )
    assert "Traceback" not in said
    assert [state for _, state in flow_runs(mine)] == ["COMPLETED"] + ([] if options else ["CANCELLED"])
    assert_recovers(mine, started, undisturbed)


@pytest.mark.parametrize("after", [STARTING, *CHOSEN.sample(STEPS, 2)])
def test_a_refresh_that_is_killed_leaves_no_server_behind(
    after: str, mine: Path, started: Started, undisturbed: Undisturbed
) -> None:
    code, said, _ = interrupted(signal.SIGKILL, after, "--raw", str(undisturbed.raw), "--output", str(mine))
    assert code == -signal.SIGKILL
    assert "Traceback" not in said
    assert_recovers(mine, started, undisturbed)
