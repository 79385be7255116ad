"""The unit of work on price files: one file, read once as a stream, its result a few small Parquet files in a `UnitStore`.

A unit is idempotent. Its result is named by the hash of the file's bytes and of the program that read them, holds no path of its
own (the file is called `<file>`), and has the same bytes wherever and however often it is made.
"""

import ast
import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import cache
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import fsspec
import polars as pl

from flows import PROJECT
from flows.unit_parts import Part, read_part, refused_part
from flows.unit_store import Seen, UnitStore
from flows.unit_streams import FILE, Guarded, Hashed, ReadFailedError, is_zip, unpacked, zip_names
from transforms.errors import StructureError

_LIBRARIES = ("isal", "msgspec", "numba", "numpy", "polars", "pyarrow")
FRAMES = ("observation", "effect", "finding", "worklist")
"""Frames of a result, beside what it says of its parts."""


class Unit(NamedTuple):
    """A file to be read, where its result is kept, and by which program it is read."""

    source: str
    source_file: str
    """Path below raw/, for messages."""
    address: str
    size_bytes: int
    version: str
    store: str
    program: str

    @property
    def seen(self) -> Seen:
        """By what the file is known before it is read."""
        return Seen(self.address, self.size_bytes, self.version)


class UnitDone(NamedTuple):
    """A unit whose result is in the store."""

    unit: Unit
    sha256: str

    @property
    def key(self) -> str:
        """Name of the result."""
        return result_key(self.unit.source, self.sha256, self.unit.program)


class OtherProgramError(Exception):
    """A worker runs another version of this program, whose results would have other names."""


def work(unit: Unit) -> UnitDone:
    """Read a file unless its result is there. Raises OSError where it cannot be had; what is wrong in it is in the result."""
    if unit.program != program():
        raise OtherProgramError(f"{unit.source_file}: this worker runs another version of the program; install the same on all.")
    store = UnitStore(unit.store)
    known = store.known_hash(unit.seen)
    if known and store.has(UnitDone(unit, known).key):
        return UnitDone(unit, known)
    sha256, parts = _read(unit)
    done = UnitDone(unit, sha256)
    if not store.has(done.key):
        store.put(done.key, _frames(parts), {"sha256": sha256, "parts": [part.facts._asdict() for part in parts]})
    store.remember(unit.seen, sha256)
    return done


def result_key(source: str, sha256: str, program_hash: str) -> str:
    """Name of a result: by the bytes, the folder, which decides where the content does not, and the program."""
    return hashlib.sha256(json.dumps([source, sha256, program_hash]).encode()).hexdigest()[:32]


@cache
def program() -> str:
    """Hash of what reads price files: this module, what it imports of ours, and the libraries that parse and write.

    Narrower than `cache.program`, so that a new rule or command does not read terabytes again.
    """
    digest = hashlib.sha256(" ".join(f"{name} {version(name)}" for name in _LIBRARIES).encode())
    for path in sorted(_imported(PROJECT / "flows" / "units.py", set())):
        digest.update(path.relative_to(PROJECT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _imported(path: Path, found: set[Path]) -> set[Path]:
    """A module of ours and those that it imports, wherever in it."""
    found.add(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        names = [module, *(f"{module}.{alias.name}" for alias in node.names)] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            place = PROJECT / name.replace(".", "/")
            for candidate in (place.with_suffix(".py"), place / "__init__.py"):
                if candidate.is_file() and candidate not in found:
                    _imported(candidate, found)
    return found


def _read(unit: Unit) -> tuple[str, list[Part]]:
    """The hash of a file and its parts. The bytes behind the point where reading stopped are hashed, too."""
    with fsspec.open(unit.address, "rb") as stream, tempfile.TemporaryDirectory(prefix="payref-") as aside:
        hashed = Hashed(stream)
        try:
            if is_zip(hashed):
                sha256, size = hashed.finish()  # the directory of an archive stands at its end, so it takes a pass of its own
                parts = list(_members(Guarded(stream), unit.source, Path(aside)))
            else:
                with closing(unpacked(hashed, name=FILE)) as blocks:
                    parts = [read_part(blocks, unit.source, FILE, aside=Path(aside))]
                sha256, size = hashed.finish()
        except ReadFailedError as error:
            raise OSError(f"{unit.source_file}: {error}") from error
    if size != unit.size_bytes:
        raise OSError(f"{unit.source_file}: changed while it was read, {size:,} bytes instead of {unit.size_bytes:,}")
    return sha256, parts


def _members(stream: Guarded, source: str, aside: Path) -> Iterator[Part]:
    """The members of an archive that can be price files; a refusal in their place where it is none."""
    try:
        names = zip_names(stream)
    except StructureError as error:
        yield refused_part(FILE, error)
        return
    for name in names:
        place = f"{FILE}/{name}"
        with closing(unpacked(stream, name=place, member=name)) as blocks:
            yield read_part(blocks, source, place, aside=aside, is_member=True)


def _frames(parts: list[Part]) -> dict[str, Iterable[pl.DataFrame]]:
    """The frames of all parts by kind, one after the other."""
    return {name: chain.from_iterable([part.frames.get(name, ()) for part in parts]) for name in FRAMES}
