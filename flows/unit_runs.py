"""Units of work on the processors of this machine.

A plain pool of processes inside one coarse step, not Prefect's ProcessPoolTaskRunner: that one makes a new pool per flow whose
children each import Prefect (24 to 36 s for 100 small tasks, 4 s for the first), and every task run costs its server 60 to
170 ms of CPU. A child here imports the readers once, about 2 s, and takes one unit after the other.
"""

import multiprocessing
import os
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait

from flows.settings import StopError
from flows.stopping import heed_signals
from flows.units import Unit, UnitDone, work

SMALL_BYTES = 32 * 1024 * 1024
"""Below this many bytes in all, starting processes takes longer than reading."""
_DEATHS = 2
"""How often a unit may lose its process; memory is bounded, so more than once is no accident."""


def run_here(units: Sequence[Unit], *, processes: int) -> Iterator[UnitDone]:
    """Every unit, each as it is finished, the largest first. Raises StopError for a unit that cannot be finished."""
    ordered = largest_first(units)
    if len(units) == 1 or processes == 1 or sum(unit.size_bytes for unit in units) < SMALL_BYTES:
        yield from map(work, ordered)
        return
    left = dict.fromkeys(ordered)
    try:
        for done in _pooled(ordered, processes):
            left.pop(done.unit)
            yield done
    except BrokenProcessPool:
        # Whose process died is not told, so what is left runs one at a time. Results of finished units are kept and found again.
        yield from _one_by_one(list(left))


def largest_first(units: Sequence[Unit]) -> list[Unit]:
    """Units in the order in which they are begun, so that none of the large ones is left to the end."""
    return sorted(units, key=lambda unit: (-unit.size_bytes, unit.source_file))


def _pooled(units: Sequence[Unit], processes: int) -> Iterator[UnitDone]:
    with _pool(min(processes, len(units))) as pool:
        futures = [pool.submit(work, unit) for unit in units]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _one_by_one(units: Sequence[Unit]) -> Iterator[UnitDone]:
    deaths: Counter[str] = Counter()
    waiting = list(units)
    while waiting:
        with _pool(1) as pool:
            while waiting:
                unit = waiting[0]
                try:
                    yield pool.submit(work, unit).result()
                except BrokenProcessPool as error:
                    deaths[unit.source_file] += 1
                    if deaths[unit.source_file] >= _DEATHS:
                        raise StopError(
                            f"{unit.source_file}: its process was killed {_DEATHS} times, perhaps for want of memory. "
                            "What other files gave is kept; give the machine more memory or move the file away."
                        ) from error
                    break
                waiting.pop(0)


def _pool(processes: int) -> ProcessPoolExecutor:
    """Fresh processes: a fork of one that runs the threads of Polars and Prefect would stand still."""
    return ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"), initializer=_begin)


def _begin() -> None:
    """A child whose parent was killed would wait for work for ever, and one that no signal ends could not be told to stop."""
    heed_signals()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_watch, args=(parent.sentinel,), daemon=True).start()


def _watch(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
