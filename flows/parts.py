"""From raw files to the parts a source reads: archives unpacked, one format of each file chosen."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import PurePosixPath
from typing import NamedTuple

from flows.discover import InputFile, read_bytes
from flows.registry import Source
from transforms.archive import listing, member, members
from transforms.read import encoding_of
from transforms.sources import SourceFile


class Part(NamedTuple):
    """What `raw_file` says about a file or a member of an archive that was read."""

    source_file: str
    archive_file: str | None
    source: str
    release_id: str
    sha256: str
    size_bytes: int
    origin: str
    encoding: str


class Parts(NamedTuple):
    """Files ready to be read, what is said about each, and what was left unread."""

    files: list[SourceFile]
    parts: list[Part]
    unread: list[str]


def parts_of(files: Sequence[InputFile], source: Source) -> Parts:
    """Files of one release, or of a source without releases. Raises StructureError for archives that are not safe."""
    contents = [(file, read_bytes(file)) for file in files]
    opened = [pair for file, content in contents for pair in _opened(file, content, source)]
    chosen = _preferred(opened, source.files)
    kept = [(file, part) for file, part in opened if file.source_file in chosen]
    names = {part.source_file for _, part in kept}
    every = [name for file, content in contents for name in _names(file, content)]
    return Parts([file for file, _ in kept], [part for _, part in kept], [name for name in every if name not in names])


def fits(name: str, patterns: Iterable[str]) -> int | None:
    """Place of the first pattern that a file name fits, whatever the case of its letters."""
    return next((at for at, pattern in enumerate(patterns) if fnmatchcase(name.lower(), pattern.lower())), None)


def _opened(file: InputFile, content: bytes, source: Source) -> Iterator[tuple[SourceFile, Part]]:
    if not file.is_archive:
        yield _file(file, content, source), _part(file, file.source_file, content, archive=None)
        return
    for found in members(content, source_file=file.source_file, patterns=source.files):
        name, archive = f"{file.source_file}/{found.name}", file.source_file
        unpacked = partial(member, content, found.name, source_file=archive)
        yield _file(file, unpacked, source, name=name), _part(file, name, found.content, archive=archive)


def _file(file: InputFile, given: bytes | Callable[[], bytes], source: Source, *, name: str | None = None) -> SourceFile:
    return SourceFile(
        source_file=name or file.source_file,
        given=given,
        period=file.origin.period,
        licence=file.licence,
        allow_cp1252="cp1252" in source.encodings,
        may_be_blank=source.may_be_blank,
    )


def _part(file: InputFile, name: str, content: bytes, *, archive: str | None) -> Part:
    return Part(
        source_file=name,
        archive_file=archive,
        source=file.source,
        release_id=file.origin.release_id,
        sha256=file.sha256 if archive is None else hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        origin="local" if file.is_local else file.origin.kind,
        encoding=encoding_of(content, source_file=name),
    )


def _preferred(opened: Sequence[tuple[SourceFile, Part]], patterns: Sequence[str]) -> set[str]:
    """Of files with one stem the one that an origin.json attests, then the format named first, then the one found first."""
    best: dict[str, tuple[bool, int, int, str]] = {}
    for at, (file, part) in enumerate(opened):
        stem, rank = PurePosixPath(file.name).stem.lower(), fits(file.name, patterns)
        candidate = (part.origin == "local", len(patterns) if rank is None else rank, at, file.source_file)
        best[stem] = min(best.get(stem, candidate), candidate)
    return {name for *_, name in best.values()}


def _names(file: InputFile, content: bytes) -> list[str]:
    if not file.is_archive:
        return [file.source_file]
    return [f"{file.source_file}/{name}" for name in listing(content, source_file=file.source_file)]
