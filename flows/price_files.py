"""Which price files there are: payers' below `tic/`, hospitals' below `hpt/`, in a folder or anywhere fsspec reaches.

Nothing is read here but names, sizes and origin.json; the files themselves may be larger than any memory.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from flows.cache import CACHE
from flows.discover import InputFile, Origin
from flows.raw_links import check_raw_file
from flows.registry import PRICE_SOURCES, PriceSource
from flows.settings import StopError

PRICES = "prices"
"""Name of the reading that all price files give together."""
UNITS = "units"
"""Folder of the results of units below the cache, where no other store is named."""


_ORIGIN = "origin.json"


class PriceFile(NamedTuple):
    """A price file found, not yet read."""

    source: str
    source_file: str
    """Path below raw/ with forward slashes."""
    address: str
    """Where workers read it: a path, or an address such as s3://bucket/tic/x.json.gz."""
    size_bytes: int
    version: str
    """What its file system says of its version: an ETag, or the moment of its last change."""
    origin: Origin
    stated_sha256: str | None = None
    """The hash that an origin.json beside the file states."""

    def as_input(self, sha256: str) -> InputFile:
        """The file as the manifest lists it."""
        is_local = self.origin.kind == "local" or self.stated_sha256 is None
        return InputFile(self.source, Path(self.address), self.source_file, self.origin, sha256, self.size_bytes, is_local)


def has_price_files(raw: Path, address: str | None) -> bool:
    """There is a folder that could hold some; asked before anything of this is imported."""
    return address is not None or any((raw / source.name).is_dir() for source in PRICE_SOURCES)


def default_store(output: Path) -> Path:
    """Where results of units are kept where no store is named."""
    return output / CACHE / UNITS


def price_files(raw: Path, address: str | None, *, follows_links: bool = False) -> list[PriceFile]:
    """Every price file below the raw folder, or below an address in its place, in the order of their paths.

    Raises StopError where an address cannot be listed, or a file lies outside its folder.
    """
    import fsspec
    from fsspec.implementations.local import LocalFileSystem

    root = address or str(raw.resolve())
    try:
        fs, base = fsspec.core.url_to_fs(root)
        named = [(source, _named(fs, base.rstrip("/"), source)) for source in PRICE_SOURCES]
        if fs.protocol == LocalFileSystem.protocol:
            for name in (name for _, listed in named for name in listed):
                check_raw_file(Path(name), Path(base), follows_links=follows_links)
        is_remote = address is not None
        found = [file for source, listed in named for file in _files(fs, base.rstrip("/"), source, listed, is_remote=is_remote)]
    except (OSError, ValueError, ImportError) as error:
        raise StopError(
            f"{root}: expected a folder with tic/ or hpt/, found {error}. Check --prices and its credentials."
        ) from error
    if address is not None and not found:
        raise StopError(f"{root}: expected price files below tic/ or hpt/, found none. Check --prices.")
    return sorted(found, key=lambda file: (file.source, file.source_file))


def _named(fs: Any, base: str, source: PriceSource) -> dict[str, dict[str, Any]]:
    """What will be read of a source, with what its file system tells: price files, and each origin.json beside them."""
    listed: dict[str, dict[str, Any]] = fs.find(f"{base}/{source.name}", detail=True)
    patterns = (*source.files, _ORIGIN)
    return {
        name: told
        for name, told in listed.items()
        if any(fnmatchcase(PurePosixPath(name).name.lower(), each) for each in patterns)
    }


def _files(
    fs: Any, base: str, source: PriceSource, listed: Mapping[str, dict[str, Any]], *, is_remote: bool
) -> Iterator[PriceFile]:
    stated = {str(PurePosixPath(name).parent): _stated(fs, name) for name in listed if PurePosixPath(name).name == _ORIGIN}
    for name, told in listed.items():
        path = PurePosixPath(name)
        if path.name == _ORIGIN:
            continue
        below = path.relative_to(base)
        beside = stated.get(str(path.parent), {})
        yield PriceFile(
            source.name,
            below.as_posix(),
            fs.unstrip_protocol(name) if is_remote else name,
            int(told["size"]),
            str(told.get("ETag") or told.get("etag") or told.get("LastModified") or told.get("mtime")),
            _origin(beside, source.name, below),
            _hash_of(beside, path.name),
        )


def _stated(fs: Any, name: str) -> Mapping[str, Any]:
    """What an origin.json says. Raises StopError where it is not JSON."""
    try:
        found = json.loads(fs.cat_file(name))
    except ValueError as error:
        raise StopError(f"{name}: expected JSON as docs/sources.md shows it, found {error}. Mend it or move it away.") from error
    return found if isinstance(found, dict) else {}


def _origin(stated: Mapping[str, Any], source: str, below: PurePosixPath) -> Origin:
    """Where a file comes from; its release is the folder it lies in."""
    release = "/".join(below.parts[1:-1]) or "current"
    if not stated:
        return Origin(source, release, "local", "local", "Local price files without origin.json", "local")
    published = str(stated.get("published") or "")
    return Origin(
        source,
        release,
        "published",
        str(stated.get("publisher") or "not stated"),
        str(stated.get("title") or "Price files"),
        str(stated.get("licence") or "local"),
        str(stated["url"]) if stated.get("url") else None,
        date.fromisoformat(published) if published else None,
    )


def _hash_of(stated: Mapping[str, Any], name: str) -> str | None:
    told = (stated.get("files") or {}).get(name) or {}
    return str(told["sha256"]) if told.get("sha256") else None
