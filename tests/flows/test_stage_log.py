"""`payref refresh --log json`: one object a line on standard error, whose counts are those of the release."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows import PROJECT
from flows.stage_log import Stage, being_made, measured

FIELDS = ["at", "event", "stage", "seconds", "rows_read", "rows_accepted", "rows_refused", "rows_loaded", "release", "error"]


def refreshed(
    output: Path, *options: str, way: tuple[str, ...] = ("--direct",)
) -> tuple[subprocess.CompletedProcess[str], list[dict[str, Any]]]:
    command = [sys.executable, "-m", "flows.cli", "refresh", *way, "--log", "json", "--output", str(output), *options]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "PAYREF_"))}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT, env=kept, timeout=240)
    return done, [json.loads(line) for line in done.stderr.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("way", [("--direct",), ()], ids=["direct", "with Prefect"])
def test_every_stage_of_a_real_run_is_one_object_with_the_counts_of_the_manifest(tmp_path: Path, way: tuple[str, ...]) -> None:
    done, lines = refreshed(tmp_path / "output", way=way)
    assert done.returncode == 0, done.stderr
    described = json.loads((tmp_path / "output" / "current" / "manifest.json").read_text(encoding="utf-8"))
    stages = {line["stage"]: line for line in lines if line["event"] == "stage"}
    assert next(iter(stages)) == "discover"
    assert list(stages)[-4:] == ["export", "compare", "report", "publish"]
    assert all(list(line) == FIELDS for line in stages.values())
    counts = {name.removeprefix("read "): line for name, line in stages.items() if name.startswith("read ")}
    names = ("rows_read", "rows_accepted", "rows_refused")
    told = {source: {name: line[name] for name in names} for source, line in counts.items()}
    assert told == {source: {name: rows[name] for name in names} for source, rows in described["rows"].items()}
    loaded = sum(file["rows"] for file in described["files"] if file["path"].endswith(".parquet"))
    assert stages["load the database"]["rows_loaded"] == loaded
    assert {line["release"] for name, line in stages.items() if name != "discover"} == {described["release"]}
    assert stages["discover"]["release"] is None
    assert all(line["seconds"] >= 0 and line["error"] is None for line in stages.values())
    assert datetime.now(UTC) - datetime.fromisoformat(stages["publish"]["at"]) < timedelta(minutes=5)
    assert f"Release {described['release']}" in done.stdout
    assert lines[-1]["event"] == "end"
    ended = {name: lines[-1][name] for name in ("outcome", "exit_code", "sentence", "release")}
    assert ended == {"outcome": "published", "exit_code": 0, "sentence": None, "release": described["release"]}


@pytest.mark.slow
def test_the_stage_that_stopped_says_why_and_the_sentence_for_people_is_an_object_too(tmp_path: Path) -> None:
    folder = tmp_path / "raw" / "cms_pfs" / "2025-10"
    folder.mkdir(parents=True)
    (folder / "PPRRVU2025_Oct.csv").write_text("a,b\n", encoding="utf-8")
    done, lines = refreshed(tmp_path / "output", "--raw", str(tmp_path / "raw"))
    assert done.returncode == 3
    stopped = {line["stage"]: line["error"] for line in lines if line["event"] == "stage" and line["error"]}
    sentence = "cms_pfs/2025-10/PPRRVU2025_Oct.csv: expected a preamble line 'RELEASED mm/dd/yyyy', found none. "
    assert list(stopped) == ["read cms_pfs"]
    assert stopped["read cms_pfs"].startswith(sentence)
    assert [line["text"] for line in lines if line["event"] == "message"][-1].startswith(sentence)
    assert (lines[-1]["event"], lines[-1]["outcome"], lines[-1]["exit_code"]) == ("end", "refused", 3)
    assert lines[-1]["sentence"].startswith(sentence)


def test_the_line_for_people_carries_the_same_facts() -> None:
    read = Stage("read cms_pfs", 1.25, 1442, 1440, 2, release="2026-11-21-23a70d96")
    assert read.text() == "  read cms_pfs              1.2 s  1,442 rows read, 1,440 accepted, 2 refused"
    assert Stage("load the database", 12.0, rows_loaded=5_400_000).text() == (
        "  load the database        12.0 s  5,400,000 rows loaded"
    )
    assert (
        Stage("publish", 0.04, error="the disk is full").text() == "  publish                   0.0 s  stopped: the disk is full"
    )
    assert Stage("compare", 0.04).text() == "  compare                   0.0 s"


def test_a_stage_that_raises_is_told_and_raises_on() -> None:
    told: list[Stage] = []
    being_made.set("2026-11-21-23a70d96")

    def broken() -> None:
        raise OSError("first line\nsecond line")

    with pytest.raises(OSError, match="first line"):
        measured(told.append, "export", broken)
    assert [(stage.stage, stage.error, stage.release) for stage in told] == [("export", "first line", "2026-11-21-23a70d96")]
