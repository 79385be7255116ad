"""Results of units of work: small Parquet files on any path that fsspec knows, named by what went in and by the program.

A result appears whole or not at all: `unit.json`, which names the size of every frame, is written last. Two workers that do the
same unit write the same bytes, so whoever comes later changes nothing.
"""

import hashlib
import io
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import fsspec
import polars as pl
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

_DONE = "unit.json"
_SEEN, _RESULTS = "seen", "results"
_AT_ONCE = 32
_ROW_GROUP_ROWS = 122_880
"""Fixed, so that bytes do not depend on threads."""


class Seen(NamedTuple):
    """What a file is known by before it is read: where it lies, its size, and what its file system says of its version."""

    address: str
    size_bytes: int
    version: str


class UnitStore:
    """A folder of results. Cheap to make; every worker makes its own."""

    def __init__(self, root: str) -> None:
        """`root` is a path or an address such as s3://bucket/folder."""
        self.root = root

    def __reduce__(self) -> tuple[type["UnitStore"], tuple[str]]:
        return UnitStore, (self.root,)

    def known_hash(self, seen: Seen) -> str | None:
        """SHA-256 of a file that was read before, as long as it is what it was then."""
        return next((_last(name) for name in self._names(self._seen_place(seen))), None)

    def remember(self, seen: Seen, sha256: str) -> None:
        """Note the hash of a file: in the name of a file without content, so that a listing tells all hashes."""
        self._write(f"{self._seen_place(seen)}/{sha256}", b"")

    def known_hashes(self, files: Iterable[Seen]) -> dict[Seen, str]:
        """`known_hash` of many files, by one listing."""
        noted = {name.rsplit("/", 2)[1]: _last(name) for name in self._names(f"{self._root}/{_SEEN}")}
        places = {seen: _last(self._seen_place(seen)) for seen in files}
        return {seen: noted[place] for seen, place in places.items() if place in noted}

    def finished(self) -> set[str]:
        """Keys of all results that are whole, by one listing."""
        suffix = f"/{_DONE}"
        names = self._names(f"{self._root}/{_RESULTS}")
        return {_last(name.removesuffix(suffix)) for name in names if name.endswith(suffix)}

    def has(self, key: str) -> bool:
        """A result is whole."""
        return self._told(key) is not None

    def put(self, key: str, frames: Mapping[str, Iterable[pl.DataFrame]], facts: Mapping[str, Any]) -> None:
        """Keep a result. A frame comes in parts, of which one is held at a time; one without rows is not written.

        Raises OSError.
        """
        sizes = {}
        for name, parts in frames.items():
            content = _parquet(parts)
            if content:
                sizes[name] = len(content)
                self._write(f"{self._place(key)}/{name}.parquet", content)
        told = {**facts, "frames": sizes}
        self._write(f"{self._place(key)}/{_DONE}", json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False).encode())

    def facts(self, key: str) -> dict[str, Any]:
        """What a result says about its file. Raises FileNotFoundError."""
        told = self._told(key)
        if told is None:
            raise FileNotFoundError(f"{self._place(key)}/{_DONE}")
        return told

    def frame(self, key: str, name: str) -> pl.DataFrame | None:
        """A frame of a result, None where it has no rows."""
        return next((frame for _, frame in self.frames({key: self.facts(key)}, name)), None)

    def all_facts(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """`facts` of many results, many at a time where the file system can. Raises FileNotFoundError."""
        told = self._many([f"{self._place(key)}/{_DONE}" for key in keys])
        return {key: json.loads(content) for key, content in zip(keys, told, strict=True)}

    def frames(self, facts: Mapping[str, Mapping[str, Any]], name: str) -> Iterator[tuple[str, pl.DataFrame]]:
        """A frame of each result that has it, by key, in the order of `facts`; some are fetched at a time, never all."""
        keys = [key for key, told in facts.items() if name in told["frames"]]
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            found = self._many([f"{self._place(key)}/{name}.parquet" for key in some])
            yield from ((key, pl.read_parquet(io.BytesIO(content))) for key, content in zip(some, found, strict=True))

    def keep_only(self, keys: Iterable[str]) -> None:
        """Remove results that nobody uses."""
        used = set(keys)
        for key in self.finished() - used:
            self._fs.rm(self._place(key), recursive=True)

    @cached_property
    def _fs(self) -> fsspec.AbstractFileSystem:
        return fsspec.core.url_to_fs(self.root)[0]

    @cached_property
    def _root(self) -> str:
        return str(fsspec.core.url_to_fs(self.root)[1]).rstrip("/")

    def _told(self, key: str) -> dict[str, Any] | None:
        try:
            told: dict[str, Any] = json.loads(self._fs.cat_file(f"{self._place(key)}/{_DONE}"))
        except (FileNotFoundError, ValueError):
            return None
        return told

    def _place(self, key: str) -> str:
        return f"{self._root}/{_RESULTS}/{key[:2]}/{key}"

    def _seen_place(self, seen: Seen) -> str:
        return f"{self._root}/{_SEEN}/{hashlib.sha256(json.dumps(list(seen)).encode()).hexdigest()[:32]}"

    def _many(self, places: Sequence[str]) -> list[bytes]:
        """Contents of files, at the same time where the file system can."""
        found: dict[str, bytes] = self._fs.cat(list(places)) if len(places) > 1 else {}
        return [found[place] if place in found else self._fs.cat_file(place) for place in places]

    def _names(self, folder: str) -> set[str]:
        """Every file below a folder as it is now, whatever was listed before."""
        self._fs.invalidate_cache()
        try:
            return {str(name) for name in self._fs.find(folder)}
        except FileNotFoundError:
            return set()

    def _write(self, place: str, content: bytes) -> None:
        """Write whole or not at all: object stores do so by themselves, folders by a rename."""
        if not isinstance(self._fs, LocalFileSystem):
            self._fs.pipe_file(place, content)
            return
        path = Path(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
        try:
            draft.write_bytes(content)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _parquet(parts: Iterable[pl.DataFrame]) -> bytes:
    """The parts one after the other as one file; nothing where none has rows. Written on one thread, so always the same bytes."""
    written = io.BytesIO()
    with ExitStack() as stack:
        writer: pq.ParquetWriter | None = None
        for part in filter(len, parts):
            rows = part.to_arrow(compat_level=pl.CompatLevel.oldest())
            writer = writer or stack.enter_context(
                pq.ParquetWriter(written, rows.schema, compression="zstd", compression_level=3)
            )
            writer.write_table(rows, row_group_size=_ROW_GROUP_ROWS)
    return written.getvalue()
