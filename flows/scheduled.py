"""The refresh as a schedule runs it, with nobody watching: fetches first if asked, logs its stages, and tells of its end.

Importing this module imports Prefect. Deployments name this flow as their entry point, `payref serve` serves it.
"""

import os
from datetime import date
from functools import partial
from pathlib import Path

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.alerts import from_environment
from flows.fetch import FetchOutcome, FetchSettings, FetchUsageError, LicenceError, Watch, fetch
from flows.fetch_report import line_of
from flows.options import screen
from flows.refresh import refresh, watching
from flows.release_commands import warnings_of
from flows.run_end import ending
from flows.run_record import Result
from flows.settings import ExitCode, RefusedRowsError, StopError
from flows.stage_log import measured


@flow(name="scheduled-refresh", flow_run_name="refresh of {raw} into {output}", validate_parameters=True)
def scheduled_refresh(
    raw: Path,
    output: Path,
    fetch_first: bool = False,
    accept_licence: bool = False,
    base_url: str | None = None,
    licensed: bool = False,
    strict: bool = False,
    threads: int = 2,
    accept: tuple[str, ...] = (),
    keep: int | None = None,
    wait: float = 0,
) -> str:
    """Refresh `output` from `raw`; name of the release that is current then. The parameters are the options of payref refresh.

    Raises what stops a refresh, so that the run counts as failed, and StopError where a release was published but not every
    file could be fetched, or rows were refused and `strict` was asked for.
    """
    logger = get_run_logger()
    watching.set(partial(measured, lambda stage: logger.info(stage.text().strip())))
    with ending(screen, output, alert=from_environment(os.environ)) as end:
        is_complete = not fetch_first or _fetched(raw, FetchSettings(accept_licence, base_url=base_url))
        outcome = refresh(
            raw=raw, output=output, is_licensed=licensed, threads=threads, accepted=accept, keep=keep, wait_seconds=wait
        )
        end.reached(Result.PUBLISHED if outcome.is_new else Result.NOTHING_NEW, outcome.release)
        logger.info("%s: release %s", Result.PUBLISHED if outcome.is_new else Result.NOTHING_NEW, outcome.release)
        for warning in warnings_of(output, outcome.release) if outcome.is_new else []:
            logger.warning("%s", warning)
        if strict and outcome.refused:
            raise RefusedRowsError(f"{outcome.refused} rows were refused; the release is published. See the table finding.")
        if not is_complete:
            raise StopError("Not every file could be fetched, see the log; the release is made of what is there.")
    return outcome.release


def _fetched(raw: Path, settings: FetchSettings) -> bool:
    """Fetch the newest files, as a task; whether all could be had. Raises StopError where a licence was not accepted."""
    logger = get_run_logger()
    watch = Watch(say=logger.info, done=lambda file: logger.info(line_of(file).strip()))
    as_task = task(name="fetch", cache_policy=NO_CACHE)(fetch)
    try:
        done: FetchOutcome = as_task([], [], raw, today=date.today(), settings=settings, watch=watch)
    except (FetchUsageError, LicenceError) as error:
        raise StopError(str(error)) from error
    return done.exit_code is ExitCode.OK
