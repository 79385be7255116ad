"""What the system refuses, in a sentence: a disk that is full, fails or may only be read, and a raw file that is gone."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from flows.settings import Settings, StopError

_DISK_ERRORS = (duckdb.IOException, duckdb.OutOfMemoryException)
_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_FULL_IN_WORDS = ("No space left", "File too large", "Disk quota exceeded", "Could not write", "thrift: transport error")
"""The last is all that Polars says where the end of a Parquet file finds no room."""


def on_disk(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Run what writes. Raises StopError, which names the function, where the disk is full or fails."""
    try:
        return function(*arguments, **options)
    except (OSError, duckdb.Error, pl.exceptions.ComputeError) as error:
        if isinstance(error, duckdb.Error) and not isinstance(error, _DISK_ERRORS) and not _is_full(error):
            raise
        raise StopError(_sentence(function.__name__.strip("_").replace("_", " "), error)) from error


@contextmanager
def told(settings: Settings) -> Iterator[None]:
    """Whatever else the system refuses meanwhile. Raises StopError, which names the file where the system does."""
    try:
        yield
    except OSError as error:
        path = Path(error.filename) if isinstance(error.filename, str) else None
        if isinstance(error, FileNotFoundError) and path is not None and path.is_relative_to(settings.raw):
            raise StopError(
                f"{path}: expected the file that was there when the refresh began, found nothing. "
                "The current release is unchanged; put the file back, or refresh again without it."
            ) from error
        raise StopError(_sentence(str(path or settings.output), error)) from error
    except (duckdb.Error, pl.exceptions.ComputeError) as error:
        if not _is_full(error):
            raise
        raise StopError(_sentence(str(settings.output), error)) from error


def _sentence(what: str, error: Exception) -> str:
    if _is_full(error):
        return f"{what}: the disk is full. The current release is unchanged; make room in the output folder and refresh again."
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error).splitlines()[0]
    return f"{what}: {reason}. The current release is unchanged; refresh again once that is mended."


def _is_full(error: Exception) -> bool:
    return (isinstance(error, OSError) and error.errno in _FULL) or any(words in str(error) for words in _FULL_IN_WORDS)
