"""What a scheduled refresh does: fetches first if asked, logs its stages to Prefect, and tells somebody how it ended."""

import atexit
import os
from datetime import date
from functools import partial

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.alerts import from_environment
from flows.fetch import FetchOutcome, FetchSettings, FetchUsageError, LicenceError, Watch, fetch
from flows.fetch_report import line_of
from flows.options import screen
from flows.refresh import refresh, watching
from flows.refresh_command import close_messages
from flows.release_commands import warnings_of
from flows.run_end import ending
from flows.run_record import Result
from flows.settings import ExitCode, RefusedRowsError, Settings, StopError
from flows.stage_log import measured


def refresh_unattended(settings: Settings, fetching: FetchSettings | None) -> str:
    """Name of the release that is current afterwards; called from within a flow.

    Raises what stops a refresh, StopError where a release was published but not every file could be fetched, and
    RefusedRowsError where rows were refused and the settings are strict.
    """
    logger = get_run_logger()
    atexit.register(close_messages)
    watching.set(partial(measured, lambda stage: logger.info(stage.text().strip())))
    with ending(screen, settings.output, alert=from_environment(os.environ)) as end:
        is_complete = fetching is None or _fetched(settings, fetching)
        outcome = refresh(
            raw=settings.raw,
            output=settings.output,
            is_licensed=settings.is_licensed,
            threads=settings.threads,
            accepted=settings.accepted,
            keep=settings.keep,
            wait_seconds=settings.wait_seconds,
            follows_links=settings.follows_links,
        )
        reached = Result.PUBLISHED if outcome.is_new else Result.NOTHING_NEW
        end.reached(reached, outcome.release)
        logger.info("%s: release %s", reached, outcome.release)
        for warning in warnings_of(settings.output, outcome.release) if outcome.is_new else []:
            logger.warning("%s", warning)
        if settings.is_strict and outcome.refused:
            raise RefusedRowsError(f"{outcome.refused} rows were refused; the release is published. See the table finding.")
        if not is_complete:
            raise StopError("Not every file could be fetched, see the log; the release is made of what is there.")
    return outcome.release


def _fetched(settings: Settings, fetching: FetchSettings) -> bool:
    """Fetch the newest files, as a task; whether all could be had. Raises StopError where a licence was not accepted."""
    logger = get_run_logger()
    watch = Watch(say=logger.info, done=lambda file: logger.info(line_of(file).strip()))
    as_task = task(name="fetch", cache_policy=NO_CACHE)(fetch)
    try:
        done: FetchOutcome = as_task([], [], settings.raw, today=date.today(), settings=fetching, watch=watch)
    except (FetchUsageError, LicenceError) as error:
        raise StopError(str(error)) from error
    return done.exit_code is ExitCode.OK
