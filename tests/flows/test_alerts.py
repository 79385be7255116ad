"""`--alert-command` with real processes: what it gets, and that nothing it does changes how the refresh ends."""

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flows import PROJECT
from flows.alerts import VARIABLE, Alert, send, words_of
from flows.lock import locked
from tests.end_to_end.raw_folder import changed, copied

pytestmark = pytest.mark.slow
KEEPS = "import sys; open(sys.argv[1], 'ab').write(sys.stdin.buffer.read())"


def refreshed(output: Path, *options: str, alert: str | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    named = ["--alert-command", alert] if alert is not None else []
    command = [sys.executable, "-m", "flows.cli", "refresh", "--direct", "--output", str(output), *named, *options]
    environment = {**os.environ, **variables}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT, env=environment, timeout=120)


def python(program: str, *arguments: str) -> str:
    return shlex.join([sys.executable, "-c", program, *arguments])


def told(path: Path) -> dict[str, Any]:
    (line,) = path.read_text(encoding="utf-8").splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alerts") / "output"
    heard = folder.parent / "heard with spaces.json"
    assert refreshed(folder, alert=python(KEEPS, str(heard))).returncode == 0
    assert not heard.exists()  # a release was published, and no limit is exceeded
    return folder


def test_a_refusal_is_told_with_everything_that_there_is_to_know(output: Path, tmp_path: Path) -> None:
    heard, raw = tmp_path / "heard $HOME;.json", tmp_path / "missing"
    done = refreshed(output, "--raw", str(raw), alert=python(KEEPS, str(heard)))
    sentence = f"{raw}: expected the folder with the raw files, found nothing. Give it with --raw."
    assert (done.returncode, done.stderr) == (3, f"{sentence}\n")
    found = told(heard)
    assert found.pop("begun") <= found.pop("ended")
    assert found == {
        "outcome": "refused",
        "exit_code": 3,
        "sentence": sentence,
        "release": None,
        "warnings": [],
        "current": (output / "current").resolve().name,
        "output": str(output.resolve()),
    }


def test_refused_rows_and_a_folder_in_use_are_told_and_nothing_new_is_not(output: Path, tmp_path: Path) -> None:
    heard = tmp_path / "heard.json"
    keeps = python(KEEPS, str(heard))
    assert refreshed(output, alert=keeps).returncode == 0
    assert not heard.exists()
    assert refreshed(output, "--force", "--strict", **{VARIABLE: keeps}).returncode == 4
    found = told(heard)
    assert (found["outcome"], found["exit_code"], found["release"]) == ("published", 4, found["current"])
    heard.unlink()
    with locked(output):
        assert refreshed(output, "--force", alert=keeps).returncode == 5
    found = told(heard)
    assert (found["outcome"], found["exit_code"]) == ("locked", 5)
    assert found["sentence"].startswith("Another refresh (process ")


def test_a_release_that_exceeds_limits_which_only_warn_is_told(tmp_path: Path) -> None:
    output, heard, raw = tmp_path / "output", tmp_path / "heard.json", copied(tmp_path)
    assert refreshed(output, "--raw", str(raw)).returncode == 0
    changed(raw, "code_sections/code_section.csv", "codes beginning with", "codes that begin with", times=32)
    done = refreshed(output, "--raw", str(raw), alert=python(KEEPS, str(heard)))
    assert done.returncode == 0, done.stderr
    found = told(heard)
    assert (found["outcome"], found["exit_code"], found["sentence"]) == ("published", 0, None)
    assert [warning.partition(":")[0] for warning in found["warnings"]] == ["code_section"]


@pytest.mark.parametrize(
    ("alert", "said"),
    [
        (
            python("import sys; print('secret'); sys.exit('secret')", "secret"),
            "The alert command {python} left with exit code 1.",
        ),
        ("no-such-program secret", "The alert command no-such-program could not be started: No such file or directory."),
        (python("import time; time.sleep(60)", "secret"), "The alert command {python} took longer than 0.5 s and was ended."),
    ],
)
def test_a_command_that_fails_changes_nothing_and_is_said_without_its_arguments(
    output: Path, tmp_path: Path, alert: str, said: str
) -> None:
    done = refreshed(output, "--raw", str(tmp_path / "missing"), "--alert-timeout", "0.5", alert=alert)
    assert done.returncode == 3
    assert done.stderr.splitlines()[1:] == [said.format(python=Path(sys.executable).name)]
    assert "secret" not in done.stdout + done.stderr


def test_a_command_ends_with_everything_it_started(tmp_path: Path) -> None:
    beacon = tmp_path / "beacon"
    child = f"import pathlib, time\nwhile True: pathlib.Path({str(beacon)!r}).touch(); time.sleep(0.05)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    began = time.monotonic()
    trouble = send(Alert((sys.executable, "-c", parent), 2), {"outcome": "refused"})
    assert trouble == f"The alert command {Path(sys.executable).name} took longer than 2 s and was ended."
    assert time.monotonic() - began < 30
    assert beacon.exists()
    time.sleep(0.3)
    beacon.unlink()
    time.sleep(0.3)
    assert not beacon.exists()


def test_a_command_need_not_read_what_it_gets() -> None:
    assert send(Alert(("true",), 20), {"sentence": "x" * 1_000_000}) is None


def test_a_command_that_cannot_be_split_is_refused_before_anything_runs(tmp_path: Path) -> None:
    for command in ("mail 'x", "   "):
        done = refreshed(tmp_path / "output", alert=command)
        assert done.returncode == 2
        assert "Invalid value for '--alert-command'" in done.stderr
    assert not (tmp_path / "output").exists()
    assert words_of("mail -s 'refresh failed' you@example.org") == ("mail", "-s", "refresh failed", "you@example.org")
