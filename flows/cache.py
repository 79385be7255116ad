"""What a source gave, kept beside the releases, so that a source whose files did not change is not read again.

An entry is named by a hash of everything it depends on: the files, the sources it uses, the declarations and this program.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from flows import PROJECT
from flows.file_hash import sha256_of
from flows.parts import Part
from schemas import SCHEMA_VERSION
from transforms.sources import Built, FileCount, Statement

CACHE = ".cache"
"""Folder below the output folder."""
USED = "used.json"
"""Names of the entries that the release published last uses."""
HALF_WRITTEN = ".new-"
"""In the name of an entry that is being written."""
_FINDINGS = "_findings"
_ROW_GROUP_ROWS = 500_000


class Frames(Mapping[str, pl.DataFrame]):
    """Tables by name, each made when it is first asked for and kept until it is dropped."""

    def __init__(self, loaders: Mapping[str, Callable[[], pl.DataFrame]]) -> None:
        self._loaders = dict(loaders)
        self._frames: dict[str, pl.DataFrame] = {}

    def __getitem__(self, name: str) -> pl.DataFrame:
        if name not in self._frames:
            self._frames[name] = self._loaders[name]()
        return self._frames[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaders)

    def __len__(self) -> int:
        return len(self._loaders)

    def drop(self, name: str) -> None:
        """Forget a frame; the next one who asks makes it again."""
        self._frames.pop(name, None)

    def with_loaders(self, loaders: Mapping[str, Callable[[], pl.DataFrame]]) -> "Frames":
        """The same tables and some more, or others in their place."""
        more = Frames({**self._loaders, **loaders})
        more._frames = {name: frame for name, frame in self._frames.items() if name not in loaders}
        return more


class Reading:
    """What a source gave, with what is said about its files. Tables come from memory or from the cache."""

    def __init__(self, key: str, built: Built, parts: Iterable[Part], unread: Iterable[str], tables: Frames) -> None:
        self.key, self.parts, self.unread, self.tables = key, tuple(parts), tuple(unread), tables
        self.findings, self.counts, self.statements = built.findings, tuple(built.counts), tuple(built.statements)


@cache
def program() -> str:
    """Hash of this program and of the libraries that write files."""
    digest = hashlib.sha256(" ".join(f"{name} {version(name)}" for name in ("duckdb", "polars", "pyarrow")).encode())
    for folder in ("schemas", "transforms", "flows"):
        for path in sorted((PROJECT / folder).rglob("*")):
            if path.suffix in {".py", ".sql"}:
                digest.update(path.relative_to(PROJECT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def key_of(*facts: Any) -> str:
    """Name of what depends on the facts, on the declarations and on this program."""
    return hashlib.sha256(json.dumps([SCHEMA_VERSION, program(), facts], default=str).encode()).hexdigest()[:32]


def stored(folder: Path, key: str) -> Reading | None:
    """The entry of a key, or None where there is none that is whole: every table has the bytes that were kept."""
    place = folder / key
    try:
        said = json.loads((place / "entry.json").read_text(encoding="utf-8"))
        paths = {name: place / f"{name}.parquet" for name in [*said["tables"], _FINDINGS]}
        if any(sha256_of(path) != said["sha256"][name] for name, path in paths.items()):
            return None
        built = Built(
            {},
            pl.read_parquet(paths[_FINDINGS]),
            [FileCount(*count) for count in said["counts"]],
            [Statement(file, notice, date.fromisoformat(day) if day else None) for file, notice, day in said["statements"]],
        )
        parts, unread = [Part(*part) for part in said["parts"]], said["unread"]
    except (OSError, ValueError, TypeError, KeyError, pl.exceptions.PolarsError):
        return None
    return Reading(key, built, parts, unread, Frames({name: _loader(path) for name, path in paths.items() if name != _FINDINGS}))


def store(folder: Path, reading: Reading) -> None:
    """Keep what a source gave; the entry appears whole or not at all. Raises OSError."""
    place, building = folder / reading.key, folder / f"{reading.key}{HALF_WRITTEN}{os.getpid()}"
    shutil.rmtree(building, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds what the raw files hold, descriptors included
    building.mkdir()
    for name in reading.tables:
        reading.tables[name].write_parquet(building / f"{name}.parquet", compression="zstd", row_group_size=_ROW_GROUP_ROWS)
    reading.findings.write_parquet(building / f"{_FINDINGS}.parquet")
    said = {
        "tables": list(reading.tables),
        "sha256": {path.stem: sha256_of(path) for path in building.glob("*.parquet")},
        "counts": reading.counts,
        "statements": reading.statements,
        "parts": reading.parts,
        "unread": reading.unread,
    }
    (building / "entry.json").write_text(json.dumps(said, default=str), encoding="utf-8")
    shutil.rmtree(place, ignore_errors=True)
    building.rename(place)


def keep_only(folder: Path, keys: Iterable[str]) -> None:
    """Remove entries that the release just published does not use, and note which it uses."""
    used = sorted(set(keys))
    if folder.is_dir():
        (folder / USED).write_text(json.dumps(used), encoding="utf-8")
    for place in folder.iterdir() if folder.is_dir() else []:
        if place.is_dir() and place.name not in used:
            shutil.rmtree(place, ignore_errors=True)


def unused(folder: Path) -> list[Path]:
    """Entries that no release uses: half-written ones, and what a run that published nothing has read."""
    try:
        used: set[str] | None = set(json.loads((folder / USED).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        used = None
    places = [place for place in folder.iterdir() if place.is_dir()] if folder.is_dir() else []
    return sorted(place for place in places if HALF_WRITTEN in place.name or (used is not None and place.name not in used))


def _loader(path: Path) -> Callable[[], pl.DataFrame]:
    return lambda: pl.read_parquet(path)
