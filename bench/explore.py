"""How fast code pages come from `payref explore` for 50 users at once: python -m bench.explore --output FOLDER.

The server is a process of its own on loopback. A user asks for the next page as soon as one is there, or after reading it where
the line says so. The server's own header says which answers it had kept; in lines named `each once` no page is asked for twice.
"""

import argparse
import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

from flows.release_query import opened, rows

_OK = b"HTTP/1.1 200"


class Server(NamedTuple):
    """A running server."""

    port: int
    process: int

    def processor_seconds(self) -> float:
        """Time on all processors since it started."""
        fields = Path(f"/proc/{self.process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mb(self) -> float:
        """The most memory that it ever held."""
        status = Path(f"/proc/{self.process}/status").read_text(encoding="ascii")
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


class Load(NamedTuple):
    """What users do: which addresses they ask for in turn, and how long they read, on average, before the next."""

    name: str
    addresses: list[str]
    seconds: float
    pause: float = 0.0


class Asked(NamedTuple):
    """One answer: how long it took, and whether it was kept."""

    seconds: float
    is_kept: bool


def main() -> None:
    """Start the server, put each load on it, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("output"))
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=15)
    given = parser.parse_args()
    with served(given.output) as server:
        print(f"{given.users} users; memory after start {server.peak_mb():,.0f} MB; load of the machine {os.getloadavg()[0]:.1f}")
        print(f"{'load':<34}{'answers':>8}{'per s':>8}{'p50 ms':>9}{'p95 ms':>9}{'server ms':>11}{'kept':>8}")
        for load in _loads(_codes(given.output), given.seconds):
            before = server.processor_seconds()
            found = asyncio.run(_crowd(server.port, load, given.users))
            _print(load, found, server.processor_seconds() - before)
        print(f"peak memory of the server: {server.peak_mb():,.0f} MB")


def _codes(output: Path) -> list[str]:
    """Codes of the release in an order that has nothing to do with their numbers, the same each time."""
    with opened(output) as connection:
        return [str(row["code"]) for row in rows(connection, "SELECT DISTINCT code FROM code ORDER BY hash(code), code")]


def _loads(codes: list[str], seconds: float) -> list[Load]:
    pages = [f"/codes/{code}?on=2025-10-05" for code in codes]
    quarters = [pages[start::4] for start in range(4)]
    popular = random.Random(1).choices(  # noqa: S311
        quarters[0], weights=[1 / place for place in range(1, len(quarters[0]) + 1)], k=200_000
    )
    return [
        Load("the same page", pages[:1], seconds),
        Load("each once, 5 s to read, at first", quarters[1], 2 * seconds, 5.0),
        Load("each once, 5 s to read, later on", quarters[2], 2 * seconds, 5.0),
        Load("each once", quarters[3], seconds),
        Load("few often, many seldom (1/rank)", popular, 2 * seconds),
        Load("few often, 5 s to read", popular[100_000:], 2 * seconds, 5.0),
    ]


def _print(load: Load, found: list[Asked], processor_seconds: float) -> None:
    if not found:
        print(f"{load.name:<34}{0:>8,}")
        return
    times = sorted(1_000 * answer.seconds for answer in found)
    middle, late = (times[min(len(times) - 1, int(len(times) * share))] for share in (0.5, 0.95))
    kept = sum(answer.is_kept for answer in found) / len(found)
    print(
        f"{load.name:<34}{len(times):>8,}{len(times) / load.seconds:>8.1f}{middle:>9.1f}{late:>9.1f}"
        f"{1_000 * processor_seconds / len(times):>11.1f}{kept:>8.1%}"
    )


async def _crowd(port: int, load: Load, users: int) -> list[Asked]:
    numbers, end = count(), time.monotonic() + load.seconds
    parts = await asyncio.gather(*(_user(port, load, numbers, end, seed) for seed in range(users)))
    return [answer for part in parts for answer in part]


async def _user(port: int, load: Load, numbers: Iterator[int], end: float, seed: int) -> list[Asked]:
    """One user until the end; who reads for long comes back with a connection of their own."""
    chance, found = random.Random(seed), []  # noqa: S311
    connection = None
    while (rest := end - time.monotonic()) > 0:
        pause = chance.expovariate(1 / load.pause) if load.pause else 0.0
        if pause >= rest:
            break
        await asyncio.sleep(pause)
        address = load.addresses[next(numbers) % len(load.addresses)]
        began = time.perf_counter()
        if connection is None:
            connection = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = connection
        writer.write(f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
        if not head.upper().startswith(_OK):
            raise SystemExit(f"{address}: expected 200, found {head.splitlines()[0].decode()}")
        found.append(Asked(time.perf_counter() - began, b"server-timing: kept" in head))
        if load.pause:
            writer.close()
            connection = None
    if connection:
        connection[1].close()
    return found


@contextmanager
def served(output: Path) -> Iterator[Server]:
    """`payref explore` over the folder's current release on a free port."""
    command = [sys.executable, "-m", "flows.cli", "explore", "--port", "0", "--output", str(output)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        said = process.stderr.readline() if process.stderr else ""
        try:
            if " at http://127.0.0.1:" not in said:
                raise SystemExit(f"The server did not start: {said}")
            yield Server(int(said.split("127.0.0.1:")[1].split("/")[0]), process.pid)
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
