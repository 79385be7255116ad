"""The refresh itself, beneath Prefect: discover, read, resolve, load, export, publish."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flows.cache import CACHE, keep_only
from flows.database_name import DATABASE
from flows.dataset import TOLD_ANEW, Dataset, build_dataset, table_keys
from flows.discover import Inputs, discover
from flows.disk import on_disk, told
from flows.export import export
from flows.guard import check_accepted, check_schema, compare
from flows.load import load
from flows.lock import locked
from flows.price_files import PRICES, UNITS, has_price_files
from flows.publish import building, current_release, finish, is_published, manifest, prepared, publish, release_name, settle
from flows.reading import read_sources, tables_of
from flows.releases import current_name, published_again, retire, rolled_back
from flows.report import REPORT, timed, write_report
from flows.reuse import remember, reusable
from flows.run_record import Result, recorded
from flows.settings import ExitCode, LockedError, RefusedRowsError, Settings, StopError
from flows.stage_log import being_made
from transforms.errors import BrokenCheckError, StructureError

if TYPE_CHECKING:
    from flows.price_flow import Priced

Step = Callable[..., Any]


class Outcome(NamedTuple):
    """How a refresh ended."""

    release: str
    rows: dict[str, int]
    """Rows by table; empty where nothing changed."""
    manifest: dict[str, Any]
    seconds: float
    is_new: bool = False
    """False where nothing changed."""

    @property
    def refused(self) -> int:
        """Rows and pages refused."""
        return sum(counts["rows_refused"] for counts in self.manifest.get("rows", {}).values())


def directly(_name: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """A step without Prefect."""
    return function(*arguments, **options)


def run(settings: Settings, *, step: Step = directly) -> Outcome:
    """One refresh. Whatever stops it, the release before it stays current and whole.

    Raises StructureError, StopError, LockedError or BrokenCheckError.
    """
    began = time.monotonic()
    check_accepted(settings.accepted)
    prepared(settings)
    seconds: dict[str, float] = {}
    step = timed(step, seconds)
    being_made.set(None)
    with (
        locked(settings.output, wait_seconds=settings.wait_seconds),
        recorded(settings.output, code_of=exit_code) as note,
        told(settings),
    ):
        settle(settings.output)
        check_schema(settings.output)
        found = step("discover", discover, settings.raw, follows_links=settings.follows_links)
        inputs, priced = _with_prices(settings, found, step=step)
        release = release_name(inputs, build=settings.build)
        being_made.set(release)
        held = None if settings.is_forced else _held(settings.output, release)
        if held is not None:
            retire(settings.output, keep=settings.keep)
            note.reached(Result.NOTHING_NEW, held)
            return Outcome(held, {}, {}, time.monotonic() - began)
        rows, described = _new_release(settings, inputs, priced, release, step=step, seconds=seconds)
        note.reached(Result.PUBLISHED, release)
        published_again(settings.output, release)
        retire(settings.output, keep=settings.keep)
    return Outcome(release, rows, described, time.monotonic() - began, is_new=True)


def _with_prices(settings: Settings, inputs: Inputs, *, step: Step) -> tuple[Inputs, "Priced | None"]:
    """Inputs with price files, which are read first, since only reading tells their hashes. Without any, nothing is imported."""
    if not has_price_files(settings.raw, settings.prices):
        return inputs, None
    from flows.price_flow import read_price_files, with_price_files

    priced = step("read price files", read_price_files, settings)
    return with_price_files(inputs, priced), priced


def _new_release(
    settings: Settings, inputs: Inputs, priced: "Priced | None", release: str, *, step: Step, seconds: dict[str, float]
) -> tuple[dict[str, int], dict[str, Any]]:
    """Build and publish; rows by table and the manifest. Sources and tables that did not change are taken over."""
    cache = settings.output / CACHE
    readings = read_sources(inputs.files, cache=cache, step=step, is_forced=settings.is_forced)
    if priced is not None:
        from flows.price_flow import price_reading

        readings[PRICES] = step("resolve names in price files", price_reading, priced, readings, tables_of(dict(readings)))
    keys = table_keys(readings, is_licensed=settings.is_licensed)
    found = None if settings.is_forced else reusable(settings.output, keys)
    kept = found.before.tables - TOLD_ANEW if found else frozenset[str]()
    before = found.before._replace(tables=kept) if found else None
    dataset: Dataset = build_dataset(
        inputs, readings, is_licensed=settings.is_licensed, step=step, kept=kept, accepted=settings.accepted
    )
    with building(settings.output, release) as folder:
        database = folder / DATABASE
        loaded = {"before": found.database if found else None, "kept": kept}
        rows = step("load the database", on_disk, load, dataset, database, threads=settings.threads, **loaded)
        files = step("export", on_disk, export, database, folder, release=release, threads=settings.threads, before=before)
        described = manifest(settings, inputs, dataset, files, found.manifest if found else {}, release=release)
        described = {**described, "report": {"path": REPORT}}
        described = step("compare", on_disk, compare, folder, settings, described)
        step("report", on_disk, write_report, folder, database, described, current_release(settings.output), seconds)
        step("publish", on_disk, _finish_and_publish, folder, settings, described, release)
    on_disk(remember, settings.output, release, keys)
    keep_only(cache, (UNITS, *(reading.key for reading in readings.values())))
    if priced is not None and settings.units is None:
        priced.store.keep_only(priced.keys)
    return rows, described


def unchanged(settings: Settings) -> str | None:
    """Name of the current release where a refresh would make nothing new, else None. Raises as `run` does."""
    if settings.is_forced:
        return None
    with told(settings):
        inputs = discover(settings.raw, follows_links=settings.follows_links)
        if has_price_files(settings.raw, settings.prices):
            from flows.price_flow import known_price_files, with_price_files

            priced = known_price_files(settings)
            if priced is None:
                return None
            inputs = with_price_files(inputs, priced)
        return _held(settings.output, release_name(inputs, build=settings.build))


def _held(output: Path, release: str) -> str | None:
    """Name of the current release where it stays current: it is the one asked for, or that one was left by a rollback."""
    if is_published(output, release):
        return release
    return current_name(output) if release in rolled_back(output) else None


def exit_code(error: BaseException) -> ExitCode | None:
    """Exit code of what stopped a refresh, None for a fault of this program."""
    if isinstance(error, LockedError):
        return ExitCode.LOCKED
    if isinstance(error, RefusedRowsError):
        return ExitCode.REFUSED_ROWS
    return ExitCode.STOPPED if isinstance(error, (StructureError, StopError, BrokenCheckError)) else None


def _finish_and_publish(folder: Any, settings: Settings, described: dict[str, Any], release: str) -> None:
    finish(folder, described)
    publish(folder, settings.output, release=release)
