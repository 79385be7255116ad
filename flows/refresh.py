"""The refresh as a Prefect flow: every step is a task. Importing this module imports Prefect, which takes seconds."""

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run
from prefect.states import Cancelled

from flows.pipeline import Outcome, directly, run
from flows.settings import Settings
from flows.stopping import before_leaving

watching: ContextVar[Callable[..., Any]] = ContextVar("watching", default=directly)
"""Runs each step and may show progress around it."""
_RETRIED_STEPS = ("discover", "read ")
"""Steps that only read files: a network folder that stumbles is worth another try, a file that is wrong is not."""


def run_name() -> str:
    """Name of a flow run: the build and the fee schedule releases that lie in the raw folder."""
    asked = flow_run.parameters
    folder = Path(asked["raw"]) / "cms_pfs"
    releases = sorted(place.name for place in folder.iterdir() if place.is_dir()) if folder.is_dir() else []
    return f"refresh {'licensed' if asked.get('is_licensed') else 'open'} build, fee schedule {', '.join(releases) or 'absent'}"


@flow(name="refresh", flow_run_name=run_name, validate_parameters=True)
def refresh(
    raw: Path,
    output: Path,
    is_licensed: bool = False,
    is_forced: bool = False,
    threads: int = 2,
    dask: str | None = None,
    prices: str | None = None,
    units: str | None = None,
    accepted: tuple[str, ...] = (),
    keep: int | None = None,
    wait_seconds: float = 0,
    follows_links: bool = False,
) -> Outcome:
    """Read `raw` and publish a release into `output`; price files on the cluster `dask` where one is named."""
    before_leaving(partial(_mark_cancelled, flow_run.id))
    settings = Settings(
        raw,
        output,
        is_licensed=is_licensed,
        is_forced=is_forced,
        threads=threads,
        dask=dask,
        prices=prices,
        units=units,
        accepted=accepted,
        keep=keep,
        wait_seconds=wait_seconds,
        follows_links=follows_links,
    )

    def as_task(name: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        retries = 2 if name.startswith(_RETRIED_STEPS) else 0
        retried = task(name=name, cache_policy=NO_CACHE, retries=retries, retry_delay_seconds=1, retry_condition_fn=_is_passing)
        wrapped = retried(function)
        return watching.get()(name, wrapped, *arguments, **options)

    outcome = run(settings, step=as_task)
    if outcome.is_new:
        create_table_artifact(
            key="rows-by-table",
            table=[{"table": name, "rows": rows} for name, rows in outcome.rows.items()],
            description=f"Rows of release {outcome.release}",
        )
    return outcome


def _mark_cancelled(run_id: str, _code: int) -> None:
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(run_id), Cancelled(message="Stopped by a signal; the same command goes on."), force=True)


def _is_passing(_task: Any, _run: Any, state: Any) -> bool:
    """Retry only what a second try can mend: an error of the operating system."""
    return isinstance(state.result(raise_on_failure=False), OSError)
