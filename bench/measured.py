"""What one process takes with all that it starts: time, and the highest memory that the whole tree held at one time (Linux)."""

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_PROCESSES = Path("/proc")
_PAUSE_SECONDS = 0.05


class Measured(NamedTuple):
    """What one run took."""

    seconds: float
    processor_seconds: float
    """Time on all processors together, which a busy machine changes little."""
    peak_mb: float


class RunFailedError(Exception):
    """A measured process ended with an error; its log says which."""


def measured(command: Sequence[str], *, folder: Path, log: Path) -> Measured:
    """Run a command in a folder and wait for it. Raises RunFailedError with the end of its log where it fails.

    Every 50 ms the kernel's high-water mark of each process is read, and what the whole tree holds. What is known after the end,
    the mark that a process leaves behind, starts at the memory of whoever started it, so it only serves where nothing was read.
    """
    began = time.perf_counter()
    with log.open("wb") as sink:
        started = subprocess.Popen(command, cwd=folder, stdout=sink, stderr=subprocess.STDOUT)
        watch = _TreeWatch(started.pid)
        watch.start()
        _, status, usage = os.wait4(started.pid, 0)
    seconds = time.perf_counter() - began
    watch.stop()
    started.returncode = os.waitstatus_to_exitcode(status)
    if started.returncode:
        end = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])
        raise RunFailedError(f"{' '.join(command)} ended with {started.returncode}:\n{end}")
    return Measured(seconds, usage.ru_utime + usage.ru_stime, watch.peak_mb or usage.ru_maxrss / 1024)


class _TreeWatch(threading.Thread):
    """Samples the memory of a process and its descendants while there are any."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.peak_mb = 0.0
        self._root = root
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(_PAUSE_SECONDS):
            tree = _tree(self._root)
            together = sum(map(_share_mb, tree)) if len(tree) > 1 else 0.0
            self.peak_mb = max(self.peak_mb, together, *map(_high_water_mb, tree))

    def stop(self) -> None:
        self._ended.set()
        self.join()


def _tree(root: int) -> list[int]:
    """A process and its descendants."""
    found = [root]
    for process in found:
        for children in _PROCESSES.glob(f"{process}/task/*/children"):
            found += [int(child) for child in _read(children).split()]
    return found


def _share_mb(process: int) -> float:
    """Resident memory of a process, pages that several processes hold shared out among them."""
    return _stated_mb(process, "smaps_rollup", "Pss:")


def _high_water_mb(process: int) -> float:
    """Most resident memory of a process since it runs its program."""
    return _stated_mb(process, "status", "VmHWM:")


def _stated_mb(process: int, file: str, name: str) -> float:
    lines = _read(_PROCESSES / str(process) / file).splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def _read(path: Path) -> str:
    """Text of a kernel file; nothing where its process has just ended."""
    try:
        return path.read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""
