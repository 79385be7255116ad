"""Real processes on loopback: a Dask scheduler with workers, and a server that speaks the protocol of S3."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from flows import PROJECT

_BIN = Path(sys.executable).parent


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def environment(**more: str) -> dict[str, str]:
    """Ours without Prefect's settings, quiet Dask, and this project in front of others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return {**kept, "DASK_LOGGING__DISTRIBUTED": "error", "PYTHONPATH": str(PROJECT), **more}


@contextmanager
def running(*command: str, settings: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process with its output in a file, gone afterwards."""
    with log.open("ab") as written:
        started = subprocess.Popen(list(command), stdout=written, stderr=written, cwd=PROJECT, env=dict(settings))
    try:
        yield started
    finally:
        if started.poll() is None:
            started.send_signal(signal.SIGCONT)
            started.kill()
        started.wait()


def scheduler_command(port: int) -> tuple[str, ...]:
    return (str(_BIN / "dask"), "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")


def worker_command(port: int, name: str, folder: Path) -> tuple[str, ...]:
    place = ("--host", "127.0.0.1", "--local-directory", str(folder / name))
    size = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", name)
    return (str(_BIN / "dask"), "worker", f"tcp://127.0.0.1:{port}", *size, *place)


def wait_for_port(port: int, *, seconds: float = 40) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens on port {port}")


def has_open(process: int, path: Path) -> bool:
    """Whether a process has a file open at this moment."""
    try:
        return any(entry.readlink() == path for entry in Path(f"/proc/{process}/fd").iterdir())
    except OSError:
        return False


def payref(*arguments: str, settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flows.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT, env=dict(settings), timeout=240)
