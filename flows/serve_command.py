"""The command `payref serve`: the refresh on a schedule, on one machine, without a work pool. It imports Prefect late."""

import multiprocessing
import os
import shlex
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from cronsim import CronSim, CronSimError

from flows.alerts import SECONDS, TIMEOUT_VARIABLE, VARIABLE
from flows.options import AlertCommand, AlertTimeout, Output, check_fetching, leave, screen
from flows.release_commands import known_tables
from flows.settings import ExitCode, StopError

_FIELDS = "minute hour day-of-month month day-of-week"
_RUNS_END_WITHIN_SECONDS = 10


def serve_command(
    cron: Annotated[str, typer.Option(help=f"When: {_FIELDS}.")] = "0 6 * * *",
    timezone: Annotated[str, typer.Option(help="Time zone of --cron, such as America/New_York.")] = "UTC",
    raw: Annotated[Path, typer.Option(help="Folder of the raw files.")] = Path("my-raw"),
    output: Output = Path("output"),
    fetch: Annotated[bool, typer.Option("--fetch", help="Download the newest published files before every refresh.")] = False,
    accept_licence: Annotated[bool, typer.Option("--accept-licence", help="With --fetch: accept the AMA's licence.")] = False,
    base_url: Annotated[str | None, typer.Option(help="With --fetch: a mirror, as for the command fetch.")] = None,
    licensed: Annotated[bool, typer.Option("--licensed", help="As for the command refresh.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="A run in which rows were refused counts as failed.")] = False,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Threads of the database.")] = 2,
    accept: Annotated[list[str] | None, typer.Option(help="Raise the limits of this table, also several.")] = None,
    keep: Annotated[int | None, typer.Option(min=1, help="Delete all but so many releases; all stay if none is given.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for another refresh on the same folder.")] = 0,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Read and publish also what links out of the raw folder lead to.")
    ] = False,
    alert_command: AlertCommand = None,
    alert_timeout: AlertTimeout = SECONDS,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of Prefect's server on 127.0.0.1; 0 takes a free one.")
    ] = 4200,
    name: Annotated[str, typer.Option(help="Name of the deployment, where several share a Prefect server.")] = "serve",
) -> None:
    """Refresh at the times that --cron names, until stopped; Prefect's server listens on this machine alone."""
    check_fetching(is_asked=fetch, is_licence_accepted=accept_licence, base_url=base_url)
    due = next_due(cron, timezone)
    parameters = {
        "raw": str(raw.resolve()), "output": str(output.resolve()), "fetch": fetch, "accept_licence": accept_licence,
        "base_url": base_url, "licensed": licensed, "strict": strict, "threads": threads, "keep": keep, "wait": wait,
        "accept": list(known_tables(accept or [])), "follow_links": follow_links,
    }  # fmt: skip
    if alert_command:
        os.environ |= {VARIABLE: alert_command, TIMEOUT_VARIABLE: str(alert_timeout)}
    with _server(output, port) as address, _runs_ended():
        screen.say(f"Next refresh of {output} at {due:%Y-%m-%d %H:%M %Z}, as Prefect shows at {address} - stop with Ctrl+C.")
        _serve(name, cron, timezone, parameters)


def next_due(cron: str, timezone: str) -> datetime:
    """The next time that is due; leaves where there is none."""
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        leave(f"--timezone: expected a name such as UTC or America/New_York, found {timezone!r}.", ExitCode.USAGE)
    try:
        due = next(CronSim(cron, datetime.now(zone)), None) if len(cron.split()) == len(_FIELDS.split()) else None
        why = "wrong number of fields, or a day that never comes"
    except CronSimError as error:
        due, why = None, str(error)
    if due is None:
        leave(f"--cron: expected {_FIELDS}, such as '0 6 * * *' for every day at 6, found {cron!r} ({why}).", ExitCode.USAGE)
    return due


@contextmanager
def _server(output: Path, port: int) -> Iterator[str]:
    """Address of the Prefect server: the one that is configured, or one of our own for as long as this lasts."""
    from flows.prefect_server import PortError, PrefectServer
    from flows.prefect_settings import has_server, use_embedded_server

    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "INFO")
    use_embedded_server(output)
    if has_server():
        yield os.environ["PREFECT_API_URL"]
        return
    try:
        server = PrefectServer(port, variables={})
    except PortError as error:
        leave(str(error), ExitCode.USAGE)
    screen.say("Starting Prefect's server; this takes 10 to 40 seconds.")
    try:
        try:
            server.wait()
        except StopError as error:
            leave(str(error), ExitCode.STOPPED)
        os.environ["PREFECT_API_URL"] = server.address
        yield server.address
    finally:
        server.stop()


@contextmanager
def _runs_ended() -> Iterator[None]:
    """A run that goes on when the command is stopped is ended while there is still a server to be told."""
    try:
        yield
    finally:
        runs = multiprocessing.active_children()
        for run in runs:
            run.terminate()
        for run in runs:
            run.join(_RUNS_END_WITHIN_SECONDS)
            run.kill()


def _serve(name: str, cron: str, timezone: str, parameters: dict[str, Any]) -> None:
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
    from prefect.schedules import Cron
    from prefect.types.entrypoint import EntrypointType

    from flows.scheduled import scheduled_refresh

    # On SIGTERM Prefect's runner ends all the same, but Python remarks that it did not wait for itself.
    warnings.filterwarnings("ignore", message="coroutine 'Runner.astop' was never awaited", category=RuntimeWarning)
    scheduled_refresh.serve(
        name=name,
        schedule=Cron(cron, timezone=timezone),
        parameters=parameters,
        tags=["payer-reference"],
        description=f"Refresh of {shlex.quote(parameters['output'])}.",
        limit=1,
        global_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
        entrypoint_type=EntrypointType.MODULE_PATH,
        print_starting_message=False,
    )
