"""Units of work on an existing Dask cluster. Needs the extra `dask`.

Prefect sees one task that drives the cluster; the units are plain tasks of Dask. As task runs of Prefect's DaskTaskRunner they
would have to report to Prefect's server: a worker that does not reach it starts one of its own, which takes 20 s and lives on
when the worker is killed, and every task run costs the server 60 to 170 ms of CPU. Dask itself gives the units of a dead worker
to another one. Workers need this program and no Prefect; input and results must lie where every worker reaches them.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from distributed import Client, KilledWorker, as_completed

from flows.settings import StopError
from flows.unit_runs import largest_first
from flows.units import Unit, UnitDone, work

_CLIENT: Any = Client
_FINISHED: Any = as_completed
_RETRIES = 2
"""How often a unit is tried again whose input or results could not be reached."""
_KEPT = "What other files gave is kept"


def run_on_cluster(units: Sequence[Unit], *, scheduler: str) -> Iterator[UnitDone]:
    """Every unit, each as it is finished, on the workers of `scheduler`, such as tcp://host:8786.

    Raises StopError where no scheduler answers, where one unit costs several workers, or where a file cannot be had.
    """
    try:
        with _CLIENT(scheduler, set_as_default=False) as client:
            futures = client.map(work, largest_first(units), pure=False, retries=_RETRIES)
            yield from (done for _, done in _FINISHED(futures, loop=client.loop, with_results=True))
    except KilledWorker as error:
        deaths = error.allowed_failures + 1
        advice = f"{_KEPT}; give workers more memory and refresh again."
        raise StopError(f"{scheduler}: {deaths} workers died of one unit, perhaps for want of memory. {advice}") from error
    except OSError as error:
        raise StopError(f"{scheduler}: {error}. {_KEPT}; check --dask and refresh again.") from error
