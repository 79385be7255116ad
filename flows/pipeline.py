"""The refresh itself, beneath Prefect: discover, read, resolve, load, export, publish."""

import errno
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import duckdb
import polars as pl

from flows.database_name import DATABASE
from flows.dataset import Dataset, build_dataset
from flows.discover import discover
from flows.export import export
from flows.load import load
from flows.publish import building, finish, is_published, locked, manifest, prepared, publish, release_name
from flows.settings import ExitCode, LockedError, Settings, StopError
from transforms.errors import BrokenCheckError, StructureError

Step = Callable[..., Any]
_DISK_ERRORS = (duckdb.IOException, duckdb.OutOfMemoryException)


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
    prepared(settings)
    with locked(settings.output):
        inputs = step("discover", discover, settings.raw)
        release = release_name(inputs, build=settings.build)
        if not settings.is_forced and is_published(settings.output, release):
            return Outcome(release, {}, {}, time.monotonic() - began)
        dataset: Dataset = build_dataset(inputs, is_licensed=settings.is_licensed, step=step)
        with building(settings.output, release) as folder:
            rows = step("load the database", _on_disk, load, dataset, folder / DATABASE, threads=settings.threads)
            files = step("export", _on_disk, export, folder / DATABASE, folder, release=release, threads=settings.threads)
            described = manifest(settings, inputs, dataset, files, release=release)
            step("publish", _on_disk, _finish_and_publish, folder, settings, described, release)
    return Outcome(release, rows, described, time.monotonic() - began, is_new=True)


def unchanged(settings: Settings) -> str | None:
    """Name of the current release where a refresh would make nothing new, else None. Raises as `run` does."""
    if settings.is_forced:
        return None
    release = release_name(discover(settings.raw), build=settings.build)
    return release if is_published(settings.output, release) else None


def exit_code(error: BaseException) -> ExitCode | None:
    """Exit code of what stopped a refresh, None for a fault of this program."""
    if isinstance(error, LockedError):
        return ExitCode.LOCKED
    return ExitCode.STOPPED if isinstance(error, (StructureError, StopError, BrokenCheckError)) else None


def _finish_and_publish(folder: Any, settings: Settings, described: dict[str, Any], release: str) -> None:
    finish(folder, described)
    publish(folder, settings.output, release=release)


def _on_disk(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Run what writes; a disk that is full or fails stops the refresh with a sentence instead of a traceback."""
    try:
        return function(*arguments, **options)
    except (OSError, duckdb.Error, pl.exceptions.ComputeError) as error:
        if isinstance(error, duckdb.Error) and not isinstance(error, _DISK_ERRORS) and not _is_full(error):
            raise
        reason = "the disk is full" if _is_full(error) else str(error).splitlines()[0]
        what = function.__name__.strip("_").replace("_", " ")
        advice = "The current release is unchanged; make room in the output folder and refresh again."
        raise StopError(f"{what}: {reason}. {advice}") from error


def _is_full(error: Exception) -> bool:
    full = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
    return (isinstance(error, OSError) and error.errno in full) or any(
        words in str(error) for words in ("No space left", "File too large", "Disk quota exceeded", "Could not write")
    )
