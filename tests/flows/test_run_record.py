"""The record of the last run: what it says after every kind of end, whose it is, and what `payref status` makes of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner
from typer.testing import Result as Done

from flows import PROJECT, SHIPPED_RAW, cli
from flows.leftovers import leftovers
from flows.lock import locked
from flows.pipeline import run
from flows.run_record import RECORD, LastRun, Result, last_run, recorded, settle_record
from flows.settings import ExitCode, LockedError, Settings, StopError


def payref(*arguments: str) -> Done:
    return CliRunner().invoke(cli.app, list(arguments))


def no_code(error: BaseException) -> ExitCode | None:
    return ExitCode.STOPPED if isinstance(error, StopError) else None


def ended(output: Path) -> tuple[Result | None, int | None, str | None, str | None]:
    found = last_run(output)
    assert found is not None
    assert found.ended is not None
    assert found.begun <= found.ended <= datetime.now(UTC)
    return found.outcome, found.exit_code, found.sentence, found.release


def started(output: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "flows.cli", "refresh", "--direct", "--output", str(output), *options]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with a release made by the command."""
    output = tmp_path_factory.mktemp("recorded") / "output"
    done = payref("refresh", "--direct", "--output", str(output))
    assert done.exit_code == 0, done.output
    return output


def test_a_refresh_notes_what_it_published_and_then_that_nothing_is_new(tmp_path: Path) -> None:
    output = tmp_path / "output"
    assert payref("refresh", "--direct", "--strict", "--output", str(output)).exit_code == 4
    release = (output / "current").resolve().name
    told = "2 rows were refused and --strict was given; the release is published. See the table finding."
    assert ended(output) == (Result.PUBLISHED, 4, told, release)
    first = last_run(output)
    assert payref("refresh", "--direct", "--output", str(output)).exit_code == 0
    assert ended(output) == (Result.NOTHING_NEW, 0, None, release)
    second = last_run(output)
    assert first is not None
    assert second is not None
    assert first.begun < second.begun
    assert leftovers(output) == []
    assert not list(output.glob("*.part"))


def test_the_pipeline_alone_notes_it_too(folder: Path) -> None:
    outcome = run(Settings(SHIPPED_RAW, folder))
    assert ended(folder) == (Result.NOTHING_NEW, 0, None, outcome.release)


def test_a_refusal_is_noted_with_its_sentence_and_fails_the_health_check(folder: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert payref("refresh", "--direct", "--raw", str(missing), "--output", str(folder)).exit_code == 3
    told = f"{missing}: expected the folder with the raw files, found nothing. Give it with --raw."
    assert ended(folder) == (Result.REFUSED, 3, told, None)
    done = payref("status", "--output", str(folder))
    assert done.exit_code == 1
    line = done.stderr.splitlines()[0]
    assert line.startswith("Last run: began 20")
    assert line.endswith(f", exit code 3: {told}")
    assert "refused after 0 s" in line
    shown = json.loads(payref("status", "--output", str(folder), "--json").stdout)["last_run"]
    assert {name: shown[name] for name in ("outcome", "exit_code", "sentence", "is_running")} == {
        "outcome": "refused",
        "exit_code": 3,
        "sentence": told,
        "is_running": False,
    }


@pytest.mark.slow
def test_a_run_that_never_got_the_lock_leaves_the_record_of_the_one_that_holds_it(folder: Path) -> None:
    with locked(folder), recorded(folder, code_of=no_code) as note:
        before = (folder / RECORD).read_bytes()
        for options, code in (([], 0), (["--force"], 5), (["--raw", "missing"], 3)):
            assert started(folder, *options).wait(60) == code
            assert (folder / RECORD).read_bytes() == before
        done = payref("status", "--output", str(folder))
        assert "goes on.\n" in done.stdout
        note.reached(Result.NOTHING_NEW, "2026-01-01-00000000")
    assert ended(folder) == (Result.NOTHING_NEW, 0, None, "2026-01-01-00000000")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (StopError("disk\nfull"), (Result.REFUSED, 3, "disk\nfull", None)),
        (KeyError("x"), (Result.FAILED, 1, "KeyError: 'x'", None)),
        (KeyboardInterrupt(), (Result.STOPPED, 130, "KeyboardInterrupt", None)),
    ],
)
def test_every_error_has_an_outcome(tmp_path: Path, error: BaseException, expected: tuple[Result, int, str, str | None]) -> None:
    with pytest.raises(type(error)), recorded(tmp_path, code_of=no_code):
        raise error
    assert ended(tmp_path) == expected


def test_an_end_is_not_noted_over_a_run_that_began_later(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    with recorded(tmp_path, code_of=no_code) as note:
        note.reached(Result.PUBLISHED, "2026-01-01-00000000")
    said = json.loads((tmp_path / RECORD).read_text(encoding="utf-8"))
    said["by"]["process"] = 1
    (tmp_path / RECORD).write_text(json.dumps(said), encoding="utf-8")
    late = LastRun(now - timedelta(hours=1), now, Result.REFUSED, 3, "no raw folder")
    settle_record(tmp_path, late)
    assert ended(tmp_path)[0] is Result.PUBLISHED
    now = datetime.now(UTC)
    settle_record(tmp_path, late._replace(begun=now, ended=now))
    assert ended(tmp_path)[0] is Result.REFUSED


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"begun": "yesterday", "ended": null, "outcome": null}'])
def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / RECORD).write_text(content, encoding="utf-8")
    assert last_run(tmp_path) is None


def test_without_a_release_status_still_says_what_the_last_run_did(tmp_path: Path) -> None:
    payref("refresh", "--direct", "--raw", "missing", "--output", str(tmp_path))
    done = payref("status", "--output", str(tmp_path))
    assert done.exit_code == 1
    assert "exit code 3: missing: expected the folder with the raw files" in str(done.exception)


def until(is_so: Callable[[], bool], *, seconds: float = 60) -> None:
    give_up = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < give_up
        time.sleep(0.05)


@pytest.mark.slow
def test_a_killed_run_began_and_did_not_end_and_the_next_one_ends(tmp_path: Path) -> None:
    output = tmp_path / "output"
    process = started(output, "--force")
    until(lambda: last_run(output) is not None and (output / ".building").is_dir())
    running = last_run(output)
    assert running is not None
    assert (running.is_running, running.is_failure) == (True, False)
    with pytest.raises(LockedError):
        run(Settings(SHIPPED_RAW, output))
    assert last_run(output) == running
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").split()[2] == "Z")
    killed = last_run(output)  # nobody asked yet how the process ended
    process.wait()
    assert killed == last_run(output) == running._replace(is_running=False)
    assert killed.is_failure
    assert killed.text() == f"Last run: began {running.begun:%Y-%m-%d %H:%M:%S} UTC, did not end."
    assert payref("clean", "--output", str(output), "--yes").exit_code == 0
    assert last_run(output) == killed
    outcome = run(Settings(SHIPPED_RAW, output))
    assert ended(output) == (Result.PUBLISHED, 0, None, outcome.release)
