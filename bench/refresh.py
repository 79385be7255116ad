"""How long each stage of a refresh takes and how much memory it needs, beneath Prefect.

`make bench` measures what raw/ ships, `make bench RAW=folder` any other raw folder. Memory is the highest resident set of the
process during the stage, read from the Linux kernel; elsewhere it is the highest since the start.
"""

import argparse
import platform
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from flows import SHIPPED_RAW
from flows.pipeline import Outcome, run
from flows.settings import Settings

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


class Stage(NamedTuple):
    """One measured stage."""

    name: str
    seconds: float
    peak_mb: float


def main() -> None:
    """Measure one refresh and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", type=Path, default=SHIPPED_RAW)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    stages: list[Stage] = []
    with tempfile.TemporaryDirectory() as output:
        outcome = run(Settings(given.raw, Path(output), threads=given.threads), step=_measured(stages))
        size = sum(path.stat().st_size for path in (Path(output) / "current").resolve().rglob("*") if path.is_file())
    _print_table(stages, outcome, size_mb=size / 1e6, threads=given.threads)


def _measured(stages: list[Stage]) -> Callable[..., Any]:
    def step(name: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if _CLEAR.exists():
            _CLEAR.write_text("5", encoding="ascii")  # start the high-water mark anew
        began = time.perf_counter()
        result = function(*arguments, **options)
        stages.append(Stage(name, time.perf_counter() - began, _peak_mb()))
        return result

    return step


def _peak_mb() -> float:
    if not _STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    (line,) = [line for line in _STATUS.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1e3


def _print_table(stages: Sequence[Stage], outcome: Outcome, *, size_mb: float, threads: int) -> None:
    read = {f"read {source}": counts["rows_read"] for source, counts in outcome.manifest["rows"].items()}
    total = sum(outcome.rows.values())
    rows = {**read, "resolve the cube": outcome.rows["code_payer_modifier"], "load the database": total, "export": 2 * total}
    print(
        f"{date.today()}, {platform.machine()}, {platform.python_implementation()} {platform.python_version()}, {threads} threads"
    )
    print(f"{'stage':<22} {'rows':>12} {'seconds':>9} {'peak MB':>9}")
    for stage in stages:
        print(f"{stage.name:<22} {rows.get(stage.name, 0):>12,} {stage.seconds:>9.2f} {stage.peak_mb:>9,.0f}")
    print(f"{'all':<22} {total:>12,} {outcome.seconds:>9.2f} {max(stage.peak_mb for stage in stages):>9,.0f}")
    print(f"release of {size_mb:,.0f} MB")


if __name__ == "__main__":
    main()
