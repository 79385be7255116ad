"""Which raw files there are, where they come from, and whether they are what their origin.json says."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from flows import SHIPPED_RAW
from flows.file_hash import sha256_of
from flows.raw_links import check_raw_file
from flows.registry import SOURCES, Source
from flows.settings import StopError
from transforms.errors import StructureError
from transforms.profiles import BEGINNING
from transforms.read import MAX_BYTES
from transforms.sources import Period

OPEN_LICENCES = ("CC0-1.0", "US-GOV")
"""Licences under which the words of a file may stand in an open build."""


class Origin(NamedTuple):
    """What origin.json says about a release; a folder without one is local."""

    source: str
    release_id: str
    kind: str
    publisher: str
    title: str
    licence: str
    url: str | None = None
    published: date | None = None
    period: Period | None = None
    hashes: tuple[tuple[str, str], ...] = ()


class InputFile(NamedTuple):
    """A raw file found."""

    source: str
    path: Path
    source_file: str
    """Path below raw/ with forward slashes."""
    origin: Origin
    sha256: str
    size_bytes: int
    is_local: bool
    """Not named by an origin.json."""

    @property
    def is_archive(self) -> bool:
        """A zip archive whose members are read."""
        return self.path.suffix.lower() == ".zip"

    @property
    def licence(self) -> str:
        """Licence of the file's own words."""
        return "local" if self.is_local else self.origin.licence


_NO_NAME = re.compile(r"[\ud800-\udfff\x00-\x1f\x7f]")
"""Bytes that are no UTF-8, which Python gives as surrogates and no table can hold, and control characters."""


class Inputs(NamedTuple):
    """Everything a refresh reads."""

    files: tuple[InputFile, ...]
    ignored: tuple[str, ...]
    shipped: tuple[str, ...]
    """Sources that the raw folder lacks and that were taken from the project instead."""


def discover(raw: Path, *, follows_links: bool = False) -> Inputs:
    """Files of every registered source.

    Raises StopError without a raw folder or where a file lies outside it, StructureError for a source that is not whole.
    """
    if not raw.is_dir():
        raise StopError(
            f"{raw}: expected the folder with the raw files, found {'a file' if raw.exists() else 'nothing'}. Give it with --raw."
        )
    files: list[InputFile] = []
    shipped: list[str] = []
    for source in SOURCES:
        found = list(_files(raw, source, follows_links=follows_links))
        if not found and not source.has_releases and (SHIPPED_RAW / source.name).is_dir() and raw.resolve() != SHIPPED_RAW:
            found = list(_files(SHIPPED_RAW, source, follows_links=follows_links))
            shipped.append(source.name)
        _check_complete(source, found, raw=raw)
        files += found
    taken = {file.path for file in files}
    ignored = [_relative(path, raw) for path in _every_file(raw) if path not in taken and path.name != "origin.json"]
    return Inputs(tuple(files), tuple(ignored), tuple(shipped))


def read_bytes(file: InputFile) -> bytes:
    """The bytes of a file, which must be those that were hashed."""
    content = file.path.read_bytes()
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise StructureError(
            file.source_file, expected="the bytes hashed at the start", found="others", advice="Run the refresh again."
        )
    return content


def _files(raw: Path, source: Source, *, follows_links: bool) -> Iterator[InputFile]:
    folder = raw / source.name
    for place in _release_folders(folder) if source.has_releases else [folder]:
        stated = place / "origin.json"
        if stated.is_symlink() or stated.exists():
            check_raw_file(stated, raw, follows_links=follows_links)
        origin = _origin(place, source, raw=raw)
        for path in sorted(place.iterdir()) if place.is_dir() else []:
            if not path.is_dir() and _is_of(path, source):
                check_raw_file(path, raw, follows_links=follows_links)
                yield _input(path, source, origin, raw=raw)


def _is_of(path: Path, source: Source) -> bool:
    patterns = (*source.files, "*.zip") if source.has_releases else source.files
    return any(fnmatchcase(path.name.lower(), pattern.lower()) for pattern in patterns)


def _release_folders(folder: Path) -> list[Path]:
    return sorted(place for place in folder.iterdir() if place.is_dir()) if folder.is_dir() else []


def _input(path: Path, source: Source, origin: Origin, *, raw: Path) -> InputFile:
    name, size = _relative(path, raw), path.stat().st_size
    if size > MAX_BYTES:
        raise StructureError(
            name, expected=f"at most {MAX_BYTES:,} bytes", found=f"{size:,}", advice="Check that this is the file you meant."
        )
    sha256 = sha256_of(path)
    stated = dict(origin.hashes).get(path.name)
    if stated is not None and stated != sha256:
        raise StructureError(
            name,
            expected=f"sha256 {stated[:12]}... as its origin.json says",
            found=f"{sha256[:12]}...",
            advice="Fetch the file again, or remove its entry from origin.json to take it as a local file.",
        )
    is_local = origin.kind == "local" or (origin.kind == "published" and stated is None)
    return InputFile(source.name, path, name, origin, sha256, size, is_local)


def _origin(place: Path, source: Source, *, raw: Path) -> Origin:
    release_id = place.name if source.has_releases else "current"
    path = place / "origin.json"
    if not path.is_file():
        period = source.period_of(release_id) if source.has_releases else None
        return Origin(source.name, release_id, "local", "local", "Local files without origin.json", "local", period=period)
    try:
        return _stated_origin(json.loads(path.read_text(encoding="utf-8-sig")), source, release_id)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise StructureError(
            _relative(path, raw),
            expected="JSON with kind, publisher, title, licence and dates as YYYY-MM-DD",
            found=f"{type(error).__name__}: {error}",
            advice="Compare it with the origin.json files that the project ships.",
        ) from error


def _stated_origin(stated: dict[str, Any], source: Source, release_id: str) -> Origin:
    texts = [stated["kind"], stated["publisher"], stated["title"], stated["licence"], stated.get("url") or ""]
    hashes = tuple((name, entry["sha256"]) for name, entry in stated.get("files", {}).items())
    if not all(isinstance(text, str) for text in [*texts, *(part for pair in hashes for part in pair)]):
        raise TypeError("a value that is no text")
    if stated["kind"] not in ("published", "curated"):
        raise ValueError(f"kind is {stated['kind']!r}, not 'published' or 'curated'")
    return Origin(
        source.name,
        release_id,
        stated["kind"],
        stated["publisher"],
        stated["title"],
        stated["licence"],
        stated.get("url"),
        date.fromisoformat(stated["published"]),
        _stated_period(stated, release_id) if source.has_releases else None,
        hashes,
    )


def _stated_period(stated: dict[str, Any], release_id: str) -> Period:
    first, last = date.fromisoformat(stated["valid_from"]), date.fromisoformat(stated["valid_to"])
    if not BEGINNING <= first <= last:
        raise ValueError(f"valid_from {first} and valid_to {last} are no period")
    return Period(release_id, first, last, date.fromisoformat(stated["published"]))


def _check_complete(source: Source, found: Iterable[InputFile], *, raw: Path) -> None:
    names = [file.path.name for file in found]
    has_archive = any(file.is_archive for file in found)
    missing = [
        pattern
        for pattern in source.required
        if not has_archive and not any(fnmatchcase(name.lower(), pattern.lower()) for name in names)
    ]
    if missing:
        where = f"{source.name}/<release>/" if source.has_releases else f"{source.name}/"
        raise StructureError(
            f"{raw.name}/{where}",
            expected=f"the file {', '.join(missing)}",
            found=", ".join(names) or "no file of this source",
            advice="Put the file there; docs/sources.md says where it is published.",
        )


def _every_file(raw: Path) -> Iterator[Path]:
    yield from sorted(path for path in raw.rglob("*") if not path.is_dir())


def _relative(path: Path, raw: Path) -> str:
    """Name of a raw file below its folder, as it stands in every table. Raises StructureError where it is no text."""
    root = raw if path.is_relative_to(raw) else SHIPPED_RAW
    name = path.relative_to(root).as_posix()
    if _NO_NAME.search(name):
        raise StructureError(
            ascii(name), expected="a file name in UTF-8 without control characters", found="others", advice="Rename the file."
        )
    return name
