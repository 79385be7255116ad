"""The releases of an output folder: which there are, which is current, going back to one, and deleting old ones."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from flows.database_name import DATABASE
from flows.leases import leases
from flows.lock import locked
from flows.publish import REPLACING, SETTLING, switch
from flows.settings import NoReleaseError, StopError

ROLLED_BACK = ".rolled-back.json"
"""Names of releases that somebody left by a rollback; a refresh does not publish them again by itself."""
REMOVING = ".removing"
"""Where a release is moved to before it is deleted, so that no half of one lies among the releases."""


class Listed(NamedTuple):
    """One release of an output folder."""

    release: str
    build: str
    schema_version: str
    made: datetime
    size_bytes: int
    """Bytes of its files; releases share the files of tables that did not change."""
    is_current: bool
    leases: int
    """Readers that hold it."""


def listed(output: Path) -> list[Listed]:
    """Releases with a manifest, the one made last first."""
    current, held = current_name(output), leases(output)
    folders = [folder for folder in (output / "releases").glob("*") if (folder / "manifest.json").is_file()]
    found = [_described(folder, current, held) for folder in folders if not folder.name.endswith((REPLACING, SETTLING))]
    return sorted(found, key=lambda release: (release.made, release.release), reverse=True)


def current_name(output: Path) -> str | None:
    """Name of the current release."""
    link = output / "current"
    return link.resolve().name.removesuffix(REPLACING) if link.is_symlink() else None


def folder_of(output: Path, release: str | None) -> Path:
    """Folder of a release, of the current one where none is named. Raises StopError with the names that there are."""
    found = _some(output)
    wanted = current_name(output) if release in {None, "current"} else release
    if wanted in {entry.release for entry in found}:  # a name is compared with those that are there, never used as a path
        return output / "releases" / str(wanted)
    names = ", ".join(entry.release for entry in found) or "none"
    meant = "(current)" if wanted is None else wanted or "''"
    raise StopError(f"{output}: expected a release {meant}, found {names}. `payref releases` lists them.")


def _some(output: Path) -> list[Listed]:
    """The releases. Raises NoReleaseError where there is none."""
    if found := listed(output):
        return found
    raise NoReleaseError(output)


def before(output: Path) -> str | None:
    """The release published before the current one: what its change feed was made against, else the one made before it."""
    found = listed(output)
    current = next((entry for entry in found if entry.is_current), None)
    if current is None:
        return None
    against = json_object(output / "releases" / current.release / "changes.json").get("against")
    if against in {entry.release for entry in found}:
        return str(against)
    return next((entry.release for entry in found if entry.made < current.made), None)


def roll_back(output: Path, release: str | None = None) -> tuple[str, str]:
    """Make an earlier release current by one rename; names of the release left and of the one that is current now.

    Raises StopError where there is no such release or it is not whole, LockedError while a refresh works.
    """
    _some(output)  # before a lock is made in a folder that may not be there
    with locked(output):
        left = current_name(output)
        target = release or before(output)
        if left is None or target is None:
            raise StopError(f"{output}: expected a release published before {left or 'the current one'}, found none.")
        folder = folder_of(output, target)
        if folder.name == left:
            raise StopError(f"{left} is the current release already.")
        _check_sizes(folder)
        # The note comes first: a refresh that runs between both would publish again what somebody is leaving.
        _note(output, {*rolled_back(output), left} - {folder.name})
        switch(output, folder.name)
    return left, folder.name


def rolled_back(output: Path) -> frozenset[str]:
    """Releases left by a rollback."""
    return frozenset(json_object(output / ROLLED_BACK).get("releases", []))


def published_again(output: Path, release: str) -> None:
    """A release that was left is current again."""
    if release in rolled_back(output):
        _note(output, rolled_back(output) - {release})


def retire(output: Path, *, keep: int | None) -> list[str]:
    """Delete all but the `keep` releases made last; names of those deleted. The current one and those being read stay.

    The caller holds the lock. Raises OSError.
    """
    shutil.rmtree(output / REMOVING, ignore_errors=True)
    if keep is None:
        return []
    found = listed(output)
    kept = [entry for entry in found if entry.is_current]
    kept += [entry for entry in found if not entry.is_current][: keep - len(kept)]
    gone = [entry.release for entry in found if entry not in kept and not entry.leases]
    for release in gone:
        (output / REMOVING).mkdir(exist_ok=True)
        (output / "releases" / release).rename(output / REMOVING / release)
    shutil.rmtree(output / REMOVING, ignore_errors=True)
    return gone


def _described(folder: Path, current: str | None, held: dict[str, int]) -> Listed:
    manifest, path = json_object(folder / "manifest.json"), folder / "manifest.json"
    return Listed(
        release=folder.name,
        build=str(manifest.get("build", "unreadable")),
        schema_version=str(manifest.get("schema_version", "unreadable")),
        made=datetime.fromtimestamp(path.stat().st_mtime, tz=UTC),
        size_bytes=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
        is_current=folder.name == current,
        leases=held.get(folder.name, 0),
    )


def _check_sizes(folder: Path) -> None:
    """A release is whole as far as names and sizes tell. Raises StopError."""
    files = [(folder / file["path"], file["size_bytes"]) for file in json_object(folder / "manifest.json").get("files", [])]
    missing = [path for path, size in files if not path.is_file() or path.stat().st_size != size]
    if not files or missing or not (folder / DATABASE).is_file():
        what = missing[0].relative_to(folder) if missing else "the manifest or the database"
        raise StopError(f"Release {folder.name} is not whole ({what}); choose another. `payref verify {folder.name}` says more.")


def _note(output: Path, releases: set[str] | frozenset[str]) -> None:
    path, fresh = output / ROLLED_BACK, output / f"{ROLLED_BACK}.new"
    fresh.write_text(json.dumps({"releases": sorted(releases)}) + "\n", encoding="utf-8")
    fresh.replace(path)


def json_object(path: Path) -> dict[str, Any]:
    """A JSON object; an empty one where there is none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
