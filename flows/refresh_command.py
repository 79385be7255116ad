"""The commands `payref refresh` and `payref fetch`. Prefect is imported only where a flow runs."""

import atexit
import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows import SHIPPED_RAW
from flows.alerts import SECONDS, Alert, words_of
from flows.options import AlertCommand, AlertTimeout, Output, check_fetching, leave, screen
from flows.release_commands import known_tables, say_nothing_new, say_warnings
from flows.screen import show_summary
from flows.settings import ExitCode, UnknownNameError
from flows.stage_log import Log
from flows.stopping import before_leaving, stoppable

if TYPE_CHECKING:
    from flows.pipeline import Outcome
    from flows.run_end import End
    from flows.settings import Settings

FETCHED_RAW = Path("my-raw")
"""Where published files are downloaded to where no folder is named: what comes with the project is an extract."""


def add_commands(app: typer.Typer) -> None:
    """Make the commands known."""
    app.command("refresh")(refresh_command)
    app.command("fetch")(fetch_command)


def refresh_command(
    context: typer.Context,
    raw: Annotated[Path | None, typer.Option(help="Folder of the raw files; what comes with the project if none.")] = None,
    output: Output = Path("output"),
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Download the newest published files into the raw folder first.")
    ] = False,
    accept_licence: Annotated[bool, typer.Option("--accept-licence", help="With --fetch: accept the AMA's licence.")] = False,
    base_url: Annotated[str | None, typer.Option(help="With --fetch: a mirror, as for the command fetch.")] = None,
    licensed: Annotated[
        bool, typer.Option("--licensed", help="Carry AMA and ADA descriptors; for holders of the licences.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 4 where rows were refused.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Build even where nothing changed.")] = False,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Threads of the database.")] = 2,
    direct: Annotated[bool, typer.Option("--direct", help="Without Prefect: no server, no run in its database.")] = False,
    prices: Annotated[str | None, typer.Option(help="Price files elsewhere: a path or address with tic/ and hpt/.")] = None,
    units: Annotated[str | None, typer.Option(help="Path or address that keeps the results of price files.")] = None,
    dask: Annotated[str | None, typer.Option(help="Scheduler whose workers read price files: tcp://host:8786.")] = None,
    accept: Annotated[list[str] | None, typer.Option(help="Raise the limits of this table for this run, also several.")] = None,
    keep: Annotated[int | None, typer.Option(min=1, help="Delete all but so many releases; all stay if none is given.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for another refresh on the same folder.")] = 0,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Read and publish also what links out of the raw folder lead to.")
    ] = False,
    log: Annotated[Log, typer.Option(help="How standard error tells of stages: json writes one object a line.")] = Log.TEXT,
    alert_command: AlertCommand = None,
    alert_timeout: AlertTimeout = SECONDS,
) -> None:
    """Read the raw files and publish a release."""
    check_fetching(is_asked=fetch, is_licence_accepted=accept_licence, base_url=base_url)
    context.with_resource(stoppable(partial(_say_stopped, output)))
    accepted = known_tables(accept or [])  # not while options are read, because it imports what starts threads
    from flows.run_end import ending
    from flows.settings import Settings

    screen.log = log
    folder = raw or (FETCHED_RAW if fetch else SHIPPED_RAW)
    settings = Settings(folder, output, licensed, strict, force, threads, dask, prices, units, accepted, keep, wait, follow_links)
    began = time.monotonic()
    with ending(screen, output, alert=Alert(words_of(alert_command), alert_timeout) if alert_command else None) as end:
        before_leaving(end.stopped)
        fetched = _fetched(folder, is_licence_accepted=accept_licence, base_url=base_url) if fetch else ExitCode.OK
        _refresh(settings, end, is_direct=direct, began=began)
        if fetched != ExitCode.OK:
            leave("Not every file could be fetched, see above; the release is made of what is there.", fetched)


def _refresh(settings: "Settings", end: "End", *, is_direct: bool, began: float) -> None:
    """Publish a release and sum it up; what stops it becomes a sentence and an exit code."""
    from flows.pipeline import exit_code, unchanged
    from flows.run_record import Result

    output = settings.output
    try:
        release = unchanged(settings)
        if release is not None:
            end.reached(Result.NOTHING_NEW, release)
            say_nothing_new(screen, output, release=release, keep=settings.keep)
            return
        outcome = _run_directly(settings) if is_direct else _run_with_prefect(settings)
    except Exception as error:
        code = exit_code(error)
        if code is None:
            raise
        leave(str(error), code)
    end.reached(Result.PUBLISHED if outcome.is_new else Result.NOTHING_NEW, outcome.release)
    seconds = f"Pipeline {outcome.seconds:.1f} s" + ("." if is_direct else f", with Prefect {time.monotonic() - began:.1f} s.")
    show_summary(screen, output, release=outcome.release, refused=outcome.refused, seconds=seconds)
    say_warnings(screen, output, release=outcome.release)
    if settings.is_strict and outcome.refused:
        told = f"{outcome.refused} rows were refused and --strict was given; the release is published. See the table finding."
        leave(told, ExitCode.REFUSED_ROWS)


def fetch_command(
    sources: Annotated[list[str] | None, typer.Argument(help="Sources such as cms_pfs; all if none is given.")] = None,
    release: Annotated[list[str] | None, typer.Option(help="Release such as 2025-10, also several; the newest if none.")] = None,
    raw: Annotated[Path, typer.Option(help="Folder of the raw files.")] = FETCHED_RAW,
    accept_licence: Annotated[bool, typer.Option("--accept-licence", help="Accept the AMA's licence; needed once.")] = False,
    take_changed: Annotated[bool, typer.Option("--take-changed", help="Put files that changed into force.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be fetched.")] = False,
    timeout: Annotated[float, typer.Option(min=1, max=3600, help="Seconds without a byte before a new attempt.")] = 60,
    max_bytes: Annotated[int, typer.Option(min=1, help="Largest file taken.")] = 512 * 1024 * 1024,
    base_url: Annotated[str | None, typer.Option(help="Mirror: takes the place of scheme and host of every address.")] = None,
    worklist: Annotated[Path | None, typer.Option(help="Take in-network files from a price_file_worklist.csv instead.")] = None,
    payer: Annotated[list[str] | None, typer.Option(help="With --worklist: of this payer only, also several.")] = None,
    most: Annotated[int, typer.Option(min=1, help="With --worklist: most files taken.")] = 10,
    host: Annotated[list[str] | None, typer.Option(help="With --worklist: allow this host, too, also several.")] = None,
) -> None:
    """Download published files into the raw folder; nothing there is overwritten."""
    from flows.fetch import FetchSettings
    from flows.fetch_report import fetch_and_report
    from flows.web import Limits

    if worklist is None and (payer or host):
        raise UnknownNameError("--payer and --host go with --worklist.")
    if worklist is not None and (sources or release):
        raise UnknownNameError("Give either sources with --release, or --worklist.")

    limits = Limits(timeout=timeout, max_bytes=max_bytes)
    settings = FetchSettings(accept_licence, take_changed, dry_run, base_url, limits)
    listed = (worklist, tuple(payer or ()), most, tuple(host or ())) if worklist else None
    raise typer.Exit(int(fetch_and_report(screen, sources or [], release or [], raw, settings, listed=listed)))


def _fetched(raw: Path, *, is_licence_accepted: bool, base_url: str | None) -> ExitCode:
    """Newest files of every source; what could not be had does not keep the rest from being refreshed."""
    from flows.fetch import FetchSettings
    from flows.fetch_report import fetch_and_report

    code = fetch_and_report(screen, [], [], raw, FetchSettings(is_licence_accepted, base_url=base_url))
    if code == ExitCode.USAGE:
        leave("Nothing was fetched, so nothing was refreshed.", code)
    return code


def _run_directly(settings: "Settings") -> "Outcome":
    from flows.pipeline import run

    return run(settings, step=screen.watch)


def _run_with_prefect(settings: "Settings") -> "Outcome":
    from flows.prefect_server import FOR_ONE_RUN, PrefectServer
    from flows.prefect_settings import has_server, use_embedded_server
    from flows.publish import prepared

    prepared(settings)  # says what is wrong with the folder, in which Prefect keeps its records, too
    use_embedded_server(settings.output)
    atexit.register(close_messages)  # before Prefect registers its own, so after they ran
    server: PrefectServer | None = None
    if not has_server():
        screen.say("Starting Prefect's embedded server; this takes 10 to 40 seconds, the pipeline itself a few.")
        server = PrefectServer(variables=FOR_ONE_RUN)
        atexit.register(server.stop)  # after what Prefect registers when it is imported
        os.environ["PREFECT_API_URL"] = server.address
    from flows.refresh import refresh as flow
    from flows.refresh import watching

    if server:
        server.wait()
    watching.set(screen.watch)
    return flow(
        raw=settings.raw,
        output=settings.output,
        is_licensed=settings.is_licensed,
        is_forced=settings.is_forced,
        threads=settings.threads,
        dask=settings.dask,
        prices=settings.prices,
        units=settings.units,
        accepted=settings.accepted,
        keep=settings.keep,
        wait_seconds=settings.wait_seconds,
        follows_links=settings.follows_links,
    )


def _say_stopped(output: Path, signal_name: str) -> None:
    """One sentence, true at whichever moment it is said."""
    from flows.releases import current_name

    current = current_name(output)
    kept = f"The current release {current} is whole and untouched" if current else "There is no release yet"
    screen.messages.show_cursor()
    screen.say(f"The refresh was stopped by {signal_name}. {kept}; the same command goes on.")


def close_messages() -> None:
    """Nothing is left to say. Prefect's threads keep modules alive, of which the database's binding would complain at length."""
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
