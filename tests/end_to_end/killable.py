"""A process that imports what a refresh needs once and forks one refresh for each line it is given, to be killed from outside.

Forking is sound here because nothing has run before it: the threads of Polars and DuckDB start with their first use, in the child.

A line asks, as JSON: raw, output, and optionally `step` with `event`, the number of a change of the file system within that step.
Before that change the child says `now` and waits to be killed. What the child says: `begin STEP`, `event STEP NUMBER WHAT`, `now`.
"""

import gc
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from pandera.backends.polars.register import register_polars_backends

from flows import price_flow, release_feed  # noqa: F401 - imported late by the refresh
from flows.cache import program
from flows.pipeline import run
from flows.settings import Settings
from schemas import TABLES

CHANGES = {"os.rename", "os.remove", "os.link", "os.symlink", "os.mkdir", "os.rmdir", "shutil.rmtree", "shutil.copytree"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
AFTER = "after"
"""What follows the last step: notes for the next run, and the end of the lock."""


class Watched:
    """Says which step runs, and stops before the change of the file system that was asked for."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.asked, self.now, self.count = asked, "before", 0

    def step(self, name: str, function: Any, *arguments: Any, **options: Any) -> Any:
        self.now, self.count = name, 0
        say(f"begin {name}")
        result = function(*arguments, **options)
        say(f"done {name}")
        if name == self.asked.get("step") and self.asked["event"] is None:
            signal.pause()  # a step that was faster than usual waits for its death
        if name == "publish":
            self.now, self.count = AFTER, 0
        return result

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in CHANGES and not (event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING):
            return
        self.count += 1
        say(f"event {self.now}|{self.count}|{event} {arguments[0]}")
        if (self.now, self.count) == (self.asked.get("step"), self.asked.get("event")):
            say("now")
            signal.pause()


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def refresh(asked: dict[str, Any]) -> None:
    watched = Watched(asked)
    sys.addaudithook(watched.hook)
    settings = Settings(
        Path(asked["raw"]), Path(asked["output"]), is_forced=asked.get("is_forced", False), accepted=tuple(asked["accepted"])
    )
    outcome = run(settings, step=watched.step)
    say(f"release {outcome.release}")


def warm_up() -> None:
    """What every refresh does once whatever it reads, as far as it starts no thread."""
    register_polars_backends()
    for model in TABLES:
        model.to_schema()
    program()
    gc.collect()
    gc.freeze()  # else the first collection in each child would copy all of this


def main() -> None:
    warm_up()
    say("ready")
    for line in sys.stdin:
        began, child = time.monotonic(), os.fork()
        if child == 0:
            try:
                refresh(json.loads(line))
            except BaseException as error:  # noqa: BLE001 - said to the test, which judges it
                say(f"error {error!r}")
                os._exit(1)
            os._exit(0)
        say(f"child {child}")
        _, status = os.waitpid(child, 0)
        say(f"ended {os.waitstatus_to_exitcode(status)} {time.monotonic() - began:.2f}")


if __name__ == "__main__":
    main()
