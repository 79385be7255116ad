"""Zip archives as bytes: only members that were asked for, within declared bounds, and never onto a disk."""

import io
import zipfile
import zlib
from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import NamedTuple

from transforms.errors import StructureError

_ENCRYPTED = 0x1
_UNIX_LINK, _UNIX_KIND = 0o120000, 0o170000


class Bounds(NamedTuple):
    """What an archive of a publisher may hold; an archive outside the bounds is refused whole."""

    members: int = 64
    """Most members, those of an archive inside included."""
    member_bytes: int = 256 * 1024 * 1024
    """Most bytes of one member, unpacked."""
    total_bytes: int = 2 * 1024 * 1024 * 1024
    """Most bytes of all members together, unpacked."""
    ratio: int = 200
    """Most unpacked bytes per packed byte; text of fixed width packs 10 to 60 times."""


class Member(NamedTuple):
    """A file inside an archive."""

    name: str
    """Path in the archive; members of an archive inside stand behind its path."""
    content: bytes


BOUNDS = Bounds()


def members(content: bytes, *, source_file: str, patterns: Collection[str], bounds: Bounds = BOUNDS) -> Iterator[Member]:
    """Members whose file name fits a pattern, whatever its case, and those of archives inside, in the order of the archive.

    Every entry is judged before anything is unpacked. Raises StructureError for entries that would leave the folder, links,
    encrypted entries, archives nested deeper than one level, and archives outside the bounds.
    """
    yield from _members(content, source_file=source_file, patterns=patterns, bounds=bounds, is_inside=False)


def member(content: bytes, name: str, *, source_file: str, bounds: Bounds = BOUNDS) -> bytes:
    """One member by the name that `members` gave it. Raises as `members` does."""
    patterns = [PurePosixPath(name).name.replace("[", "[[]")]
    return next(
        found.content
        for found in members(content, source_file=source_file, patterns=patterns, bounds=bounds)
        if found.name == name
    )


def listing(content: bytes, *, source_file: str) -> list[str]:
    """Names of the files in an archive. Raises StructureError where it is none."""
    with _opened(content, source_file=source_file) as archive:
        return [entry.filename for entry in archive.infolist() if not entry.is_dir()]


def judged(archive: zipfile.ZipFile, *, source_file: str, bounds: Bounds = BOUNDS) -> list[zipfile.ZipInfo]:
    """The files of an archive, every one inside the bounds. Raises StructureError before anything is unpacked."""
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > bounds.members:
        raise _refused(source_file, f"at most {bounds.members} members", f"{len(entries)}")
    total = sum(entry.file_size for entry in entries)
    if total > bounds.total_bytes:
        raise _refused(source_file, f"at most {bounds.total_bytes:,} bytes unpacked", f"{total:,} in {len(entries)} members")
    for entry in entries:
        _judge(entry, source_file=source_file, bounds=bounds)
    return entries


def _members(content: bytes, *, source_file: str, patterns: Collection[str], bounds: Bounds, is_inside: bool) -> Iterator[Member]:
    with _opened(content, source_file=source_file) as archive:
        for entry in judged(archive, source_file=source_file, bounds=bounds):
            name = PurePosixPath(entry.filename).name
            if name.lower().endswith(".zip"):
                yield from _inside(archive, entry, source_file=source_file, patterns=patterns, bounds=bounds, is_inside=is_inside)
            elif any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns):
                yield Member(entry.filename, content_of(archive, entry, source_file=source_file))


def _inside(
    archive: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    *,
    source_file: str,
    patterns: Collection[str],
    bounds: Bounds,
    is_inside: bool,
) -> Iterator[Member]:
    """Members of an archive inside the archive, one level and no deeper."""
    if is_inside:
        raise _refused(f"{source_file}/{entry.filename}", "at most one archive inside another", "a third level")
    content = content_of(archive, entry, source_file=source_file)
    inner = f"{source_file}/{entry.filename}"
    for member in _members(content, source_file=inner, patterns=patterns, bounds=bounds, is_inside=True):
        yield Member(f"{entry.filename}/{member.name}", member.content)


def _judge(entry: zipfile.ZipInfo, *, source_file: str, bounds: Bounds) -> None:
    where, path = f"{source_file}/{entry.filename}", PurePosixPath(entry.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in entry.filename or not path.name:
        raise _refused(where, "a path inside the archive", f"{entry.filename!r}")
    if (entry.external_attr >> 16) & _UNIX_KIND == _UNIX_LINK:
        raise _refused(where, "a file", "a symbolic link")
    if entry.flag_bits & _ENCRYPTED:
        raise _refused(where, "an archive without encryption", "an encrypted member")
    if entry.file_size > bounds.member_bytes:
        raise _refused(where, f"at most {bounds.member_bytes:,} bytes unpacked", f"{entry.file_size:,}")
    if entry.file_size > bounds.ratio * max(entry.compress_size, 1):
        ratio = entry.file_size // max(entry.compress_size, 1)
        raise _refused(where, f"at most {bounds.ratio} unpacked bytes per packed byte", f"{ratio:,}")


def content_of(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, *, source_file: str) -> bytes:
    """Bytes of a judged member: as many as the entry states and as its checksum says, whatever the packed data would give.

    Raises StructureError where the member is not whole.
    """
    try:
        content = archive.read(entry)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, OSError, EOFError) as error:
        raise _refused(f"{source_file}/{entry.filename}", "a whole member", str(error)) from error
    if len(content) != entry.file_size:
        raise _refused(f"{source_file}/{entry.filename}", f"{entry.file_size:,} bytes as the archive states", f"{len(content):,}")
    return content


def _opened(content: bytes, *, source_file: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
        raise _refused(source_file, "a zip archive", str(error)) from error


def _refused(where: str, expected: str, found: str) -> StructureError:
    return StructureError(
        where, expected=expected, found=found, advice="Nothing was unpacked; fetch the archive from its publisher."
    )
