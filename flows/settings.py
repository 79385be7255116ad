"""What a refresh is asked to do, and how it and questions end."""

from enum import IntEnum
from pathlib import Path
from typing import NamedTuple


class ExitCode(IntEnum):
    """Exit codes of `payref`; README lists them."""

    OK = 0
    NO_ANSWER = 1
    USAGE = 2
    STOPPED = 3
    REFUSED_ROWS = 4
    LOCKED = 5


class Settings(NamedTuple):
    """One refresh."""

    raw: Path
    output: Path
    is_licensed: bool = False
    """Carry AMA and ADA descriptors and texts of unknown terms; for holders of the licences."""
    is_strict: bool = False
    """Refused rows make exit code 4."""
    is_forced: bool = False
    """Build even where nothing changed."""
    threads: int = 2
    dask: str | None = None
    """Scheduler of a Dask cluster that reads price files, such as tcp://host:8786."""
    prices: str | None = None
    """Folder or address with the price files' tic/ and hpt/, in place of the raw folder."""
    units: str | None = None
    """Folder or address that keeps the results of price files; inside the output folder if none."""
    accepted: tuple[str, ...] = ()
    """Tables whose limits are raised for this run."""
    keep: int | None = None
    """Releases that stay; all of them where none is given."""
    wait_seconds: float = 0
    """How long to wait for another refresh on the same output folder."""
    follows_links: bool = False
    """Read raw files also where links lead out of the raw folder."""

    @property
    def build(self) -> str:
        """Kind of build: `open` or `licensed`."""
        return "licensed" if self.is_licensed else "open"


class StopError(Exception):
    """A refresh that cannot go on for a reason outside the data: no raw folder, no space, no permission."""


class RefusedRowsError(Exception):
    """A release was published, but rows were refused and the run was to be strict."""


class LockedError(Exception):
    """Another refresh works on the same output folder."""


class NoAnswerError(Exception):
    """There is nothing to answer from, or the code is not in the release."""


class NoReleaseError(NoAnswerError):
    """A folder in which nothing was published yet."""

    def __init__(self, output: Path) -> None:
        super().__init__(f"There is no release in {output}. Make one with: payref refresh --output {output}")


class UnknownNameError(Exception):
    """A payer, organization, modifier, line of business or component that the release does not know."""
