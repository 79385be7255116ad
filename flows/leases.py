"""Leases: small files by which readers say that they read a release, so that it is not deleted under them.

A lease is a JSON file `leases/<any name>.json` in the output folder: `release`, `process` (its id), `host`, and `began`, the
process's start as the system counts it, which tells a process from a later one with the same id. The lease of a process of this
machine ends with the process; that of another machine a day after it was last written.
"""

import json
import os
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

LEASES = "leases"
_FOREIGN_SECONDS = 24 * 3600
"""How long the lease of another machine counts without being written again."""


@contextmanager
def leased(output: Path, release: str) -> Iterator[None]:
    """A lease of this process on a release. A folder that may only be read is read without one."""
    path = output / LEASES / f"{os.getpid()}-{uuid.uuid4().hex[:8]}.json"
    said = {"release": release, "process": os.getpid(), "host": socket.gethostname(), "began": began(os.getpid())}
    with suppress(OSError):  # readers without the right to write, or on a full disk, still get their answer
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(said) + "\n", encoding="utf-8")
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def leases(output: Path) -> dict[str, int]:
    """Leases that count, by release. Those of dead processes are removed, where they may be, and do not count in any case."""
    counts: dict[str, int] = {}
    for path in sorted((output / LEASES).glob("*.json")):
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            release, counts_still = str(said["release"]), holds(said, path)
        except FileNotFoundError:
            continue
        except (ValueError, KeyError, TypeError):
            # Half a file is a reader that is just writing it; after a day it is nobody's.
            release, counts_still = "", _is_recent(path)
        if counts_still:
            counts[release] = counts.get(release, 0) + 1
        else:
            with suppress(OSError):
                path.unlink(missing_ok=True)
    return counts


def began(process: int) -> str | None:
    """Start of a process in the system's own count, None where the process is gone, dead, or the system does not tell."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *facts = stat.rpartition(")")[2].split()
    return None if state in {"Z", "X"} else facts[18]  # dead, and nobody asked yet how it ended


def holds(said: dict[str, Any], path: Path) -> bool:
    """The process that wrote a file with its id, its host and its start still lives. One of another machine does for a day."""
    if said["host"] != socket.gethostname():
        return _is_recent(path)
    process = int(said["process"])
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it lives and is another user's
    return said.get("began") in {None, began(process)}


def _is_recent(path: Path) -> bool:
    return time.time() - path.stat().st_mtime < _FOREIGN_SECONDS
