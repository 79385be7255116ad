"""kill -9 at forty seeded moments: the current release stays whole, the next run makes the same bytes, nothing stays behind.

What a next run finds is what lies on the disk, so two kills that left the same there share one.

Half of the moments lie within a step, while Polars or DuckDB works; the others are the changes of the file system, before each of
which the run can be stopped exactly: between any two of them, the two renames that make a release current included.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from flows import PROJECT
from flows.export import sha256_of
from flows.leftovers import remove_leftovers
from tests.end_to_end.killable import AFTER
from tests.end_to_end.output_folder import assert_current_is_whole, linked, names, unlisted
from tests.end_to_end.raw_folder import PFS, changed, copied, exported_hashes, restated

pytestmark = pytest.mark.slow
SEED = 20261126
WITHIN, BETWEEN, REPLACING = 16, 16, 8
"""Kills within a step, between changes of the file system, and while a release is replaced by one of the same name."""
FEE_SCHEDULE_LINES = 110
ACCEPTED = ["pfs_indicator", "code_listing", "code", "code_profile", "code_answer_set"]
"""Tables that so short a fee schedule leaves below their limits."""


class Moment(NamedTuple):
    """When to kill."""

    step: str
    share: float | None = None
    """Share of the step's usual time."""
    event: int | None = None
    """Change of the file system before which the run is stopped."""


class Forks:
    """The process that forks refreshes, and what it says."""

    def __init__(self) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "tests.end_to_end.killable"]
        self.process = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        assert self.said() == ["ready"]

    def said(self) -> list[str]:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n").split(" ", 1)

    def refresh(self, raw: Path, output: Path, **asked: Any) -> Iterator[list[str]]:
        """Start a refresh; what it says, until it ended."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"raw": str(raw), "output": str(output), "accepted": ACCEPTED, **asked}) + "\n")
        while (said := self.said())[0] != "ended":
            yield said
        yield said

    def finished(self, raw: Path, output: Path, **asked: Any) -> tuple[dict[str, float], list[tuple[str, int]], str]:
        """A refresh that nobody kills: seconds by step, its changes of the file system, its last words."""
        seconds: dict[str, float] = {}
        events, last, ended = [], "", ""
        for word, *rest in self.refresh(raw, output, **asked):
            if word in ("begin", "done"):
                seconds[rest[0]] = time.monotonic() - seconds.get(rest[0], 0)
            elif word == "event":
                step, number, _ = rest[0].split("|", 2)
                events.append((step, int(number)))
            elif word == "ended":
                ended = rest[0].split()[0]
            else:
                last = " ".join([word, *rest])
        assert ended == "0", last
        return seconds, events, last

    def killed(self, raw: Path, output: Path, moment: Moment, seconds: dict[str, float], **asked: Any) -> int:
        """A refresh that is killed at the moment; its exit code."""
        pid = 0
        for word, *rest in self.refresh(raw, output, step=moment.step, event=moment.event, **asked):
            if word == "child":
                pid = int(rest[0])
            elif word == "begin" and moment.share is not None and rest[0] == moment.step:
                time.sleep(moment.share * seconds[moment.step])
                os.kill(pid, signal.SIGKILL)
            elif word == "now":
                os.kill(pid, signal.SIGKILL)
            elif word == "ended":
                return int(rest[0].split()[0])
        raise AssertionError("it never ended")

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


class Undisturbed(NamedTuple):
    """Two raw folders, the output folder after each, and what an undisturbed run makes of the second."""

    first_raw: Path
    raw: Path
    before: Path
    after: Path
    seconds: dict[str, float]
    events: list[tuple[str, int]]
    events_when_replacing: list[tuple[str, int]]
    release: str
    hashes: dict[str, str]
    names: set[str]


def small_raw(folder: Path) -> Path:
    """The shipped files with one code page, few codes and few rules: as many stages, a shorter run."""
    raw = copied(folder)
    lines = (raw / PFS).read_bytes().splitlines(keepends=True)
    (raw / PFS).write_bytes(b"".join(lines[:FEE_SCHEDULE_LINES]))
    restated(raw / PFS)
    for page in (raw / "code_pages").glob("*.txt"):
        if page.name != "00406_analysis.txt":
            page.unlink()
    for rules in (raw / "payer_rules").glob("*.csv"):
        kept = 110 if rules.name == "medicare.csv" else 5
        rules.write_text("\n".join([*rules.read_text(encoding="utf-8").split("\n")[:kept], ""]), encoding="utf-8")
    return raw


@pytest.fixture(scope="module")
def forks() -> Iterator[list[Forks]]:
    both = [Forks(), Forks()]
    yield both
    for each in both:
        each.close()


@pytest.fixture(scope="module")
def undisturbed(forks: list[Forks], tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    first_raw = small_raw(folder)
    raw = folder / "second" / "raw"
    shutil.copytree(first_raw, raw)
    changed(raw, "payers/payer.csv", "Aetna", "Aetna Inc")
    before, after = folder / "before", folder / "after"
    forks[0].finished(first_raw, before)
    seconds, events, last = forks[0].finished(raw, linked(before, after))
    release = last.removeprefix("release ")
    _, when_replacing, _ = forks[0].finished(raw, linked(after, folder / "replaced"), is_forced=True)
    hashes = exported_hashes(after / "releases" / release)
    assert exported_hashes(folder / "replaced" / "releases" / release) == hashes
    return Undisturbed(first_raw, raw, before, after, seconds, events, when_replacing, release, hashes, names(after))


def moments(undisturbed: Undisturbed) -> list[tuple[Moment, bool]]:
    """Forty moments and whether they fall into replacing a release. Every step has one, every change that publishes, too."""
    chosen = random.Random(SEED)  # noqa: S311 - moments, no secrets
    steps = [*undisturbed.seconds, "resolve the cube", "export"]
    long = [step for step in steps if step != "publish"]
    within = [Moment(step, share=chosen.uniform(0, 0.9)) for step in long]
    within += [Moment("load the database", share=chosen.uniform(0, 0.9)) for _ in range(WITHIN - len(within))]
    publishing = [event for event in undisturbed.events if event[0] in ("publish", AFTER)]
    elsewhere = [event for event in undisturbed.events if event not in publishing]
    between = [*publishing[-(BETWEEN - 2) :], *chosen.sample(elsewhere, 2)]
    switches = [event for event in undisturbed.events_when_replacing if event[0] == "publish"]
    replacing = chosen.sample(switches, REPLACING)
    return [(moment, False) for moment in [*within, *(Moment(step, event=number) for step, number in between)]] + [
        (Moment(step, event=number), True) for step, number in replacing
    ]


def state(output: Path) -> str:
    """What lies in the folder: every name, and every content but that of the lock and of what is being built.

    A refresh reads neither: the lock says who died, and the half-built folder is removed first.
    """
    digest = hashlib.sha256()
    for name in sorted(names(output)):
        path = output / name
        digest.update(f"{name} {path.readlink() if path.is_symlink() else ''}\n".encode())
        if path.is_file() and not name.startswith((".building/", ".lock")):
            digest.update(sha256_of(path).encode())
    return digest.hexdigest()


def kill_and_recover(
    forks: Forks, undisturbed: Undisturbed, moment: Moment, output: Path, *, is_replacing: bool, recovered: set[str]
) -> None:
    linked(undisturbed.after if is_replacing else undisturbed.before, output)
    assert forks.killed(undisturbed.raw, output, moment, undisturbed.seconds, is_forced=is_replacing) == -signal.SIGKILL, moment
    before = (undisturbed.before / "current").resolve().name
    assert assert_current_is_whole(output) in ({undisturbed.release} if is_replacing else {before, undisturbed.release}), moment
    if (found := state(output)) in recovered:
        shutil.rmtree(output)
        return
    recovered.add(found)
    forks.finished(undisturbed.raw, output)
    assert (output / "current").resolve().name == undisturbed.release, moment
    assert exported_hashes(output / "releases" / undisturbed.release) == undisturbed.hashes, moment
    assert unlisted(output, undisturbed.names) == set(), moment
    remove_leftovers(output)
    assert names(output) <= undisturbed.names, moment
    assert assert_current_is_whole(output) == undisturbed.release
    shutil.rmtree(output)


@pytest.mark.timeout(900)
def test_forty_kills_damage_no_release_and_leave_nothing_behind(
    forks: list[Forks], undisturbed: Undisturbed, tmp_path: Path
) -> None:
    planned = moments(undisturbed)
    assert len(planned) == 40
    assert {moment.step for moment, _ in planned} >= {*undisturbed.seconds, AFTER}

    recovered: set[str] = set()

    def lane(number: int) -> None:
        for count, (moment, is_replacing) in enumerate(planned[number::2]):
            kill_and_recover(
                forks[number], undisturbed, moment, tmp_path / f"{number}-{count}", is_replacing=is_replacing, recovered=recovered
            )

    with ThreadPoolExecutor(max_workers=2) as lanes:
        list(lanes.map(lane, range(2)))
    assert exported_hashes(undisturbed.after / "releases" / undisturbed.release) == undisturbed.hashes
