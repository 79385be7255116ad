"""What a refresh that was killed can leave in the output folder. None of it is a release, and no release needs it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from flows.cache import CACHE, unused
from flows.lock import locked
from flows.publish import BUILDING, NEW_LINK, REPLACING, SETTLING, WRITE_TEST, settle
from flows.releases import REMOVING
from flows.settings import StopError


class Leftover(NamedTuple):
    """A file or folder that nothing needs."""

    path: Path
    reason: str

    @property
    def size_bytes(self) -> int:
        """Bytes of all files in it; files that a release holds under a second name count, too."""
        files = [self.path, *self.path.rglob("*")] if not self.path.is_symlink() else []
        return sum(file.lstat().st_size for file in files if file.is_file())


def leftovers(output: Path) -> list[Leftover]:
    """Leftovers in the order of their paths. The release that is current is never among them."""
    current = (output / "current").resolve()
    return sorted(found for found in _candidates(output) if found.path.resolve() != current or found.path.is_symlink())


def remove_leftovers(output: Path) -> list[Leftover]:
    """Remove them and say which they were. Raises LockedError while a refresh works there, StopError without a folder."""
    if not output.is_dir():
        raise StopError(f"{output}: expected the folder of the releases, found nothing. Give it with --output.")
    with locked(output):
        settle(output)
        found = leftovers(output)
        for leftover in found:
            if leftover.path.is_dir() and not leftover.path.is_symlink():
                shutil.rmtree(leftover.path)
            else:
                leftover.path.unlink()
    return found


def _candidates(output: Path) -> Iterator[Leftover]:
    for name in (BUILDING, NEW_LINK, REMOVING, WRITE_TEST):
        path = output / name
        if path.exists() or path.is_symlink():
            yield Leftover(path, "left by a refresh that died")
    for ending in (REPLACING, SETTLING):
        for path in (output / "releases").glob(f"*{ending}"):
            yield Leftover(path, "copy of a release that was being replaced")
    for path in unused(output / CACHE):
        yield Leftover(path, "not used by the release published last; what is read again is kept again")
    current = (output / "current").resolve().name
    for path in (output / CACHE).glob("*.tables.json"):
        if path.name != f"{current}.tables.json":
            yield Leftover(path, "about a release that is not current")
    for path in output.glob("*.part"):
        yield Leftover(path, "half-written record")
