"""Bytes of price files, unpacked ahead of whoever reads them: json, json.gz and members of a zip, on any path fsspec knows."""

import zipfile
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import fsspec
from isal import igzip

from transforms.archive import Bounds, judged
from transforms.errors import StructureError
from transforms.tic_errors import FETCH_AGAIN, PriceFileError

_BLOCK_BYTES = 2 * 1024 * 1024
_BLOCKS_AHEAD = 3
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"


class Limits(NamedTuple):
    """What a packed file may unpack to; beyond it is refused, however little memory it takes."""

    most_bytes: int = 400 * 1024**3
    """Largest file known: about 100 GB."""
    most_per_packed_byte: int = 300
    """Published files unpack to 20 to 60 bytes per byte; gzip itself can do 1,030."""
    free_bytes: int = 64 * 1024 * 1024
    """Unpacked bytes up to which the ratio is not looked at."""


LIMITS = Limits()


def chunks(path: str | Path, *, member: str | None = None, limits: Limits = LIMITS) -> Iterator[bytes]:
    """Unpacked bytes of a file in blocks of 2 MiB, read and unpacked by a thread of its own while the caller works.

    What the file is its first bytes say, not its name. `member` names the file in a zip; a zip of one file needs no name. Raises
    PriceFileError for packed bytes that are not whole or unpack to more than the limits, StructureError for a zip outside them.
    """
    name = Path(path).name if isinstance(path, Path) else path.rsplit("/", 1)[-1]
    with fsspec.open(str(path), "rb") as packed, unpacked_text(packed, name=name, member=member, limits=limits) as stream:
        yield from ahead(blocks(stream, packed, name=name, limits=limits))


def members(path: str | Path) -> list[str]:
    """Names of the files in a zip; none for a file of another kind."""
    with fsspec.open(str(path), "rb") as packed:
        if packed.read(len(_ZIP)) != _ZIP:
            return []
        with opened_zip(packed, name=str(path)) as archive:
            return [entry.filename for entry in archive.infolist() if not entry.is_dir()]


@contextmanager
def unpacked_text(packed: IO[bytes], *, name: str, member: str | None, limits: Limits) -> Iterator[IO[bytes]]:
    """The text in a packed stream: what its first bytes say it is, gzip, a member of a zip, or the text itself."""
    first = packed.read(len(_ZIP))
    packed.seek(0)
    if first.startswith(_GZIP):
        opened: Any = igzip.IGzipFile
        with opened(fileobj=packed) as stream:
            yield stream
    elif first == _ZIP:
        with opened_zip(packed, name=name) as archive:
            entry = _entry(archive, name=name, member=member, limits=limits)
            with archive.open(entry) as stream:
                yield stream
    else:
        yield packed


def blocks(stream: IO[bytes], packed: IO[bytes], *, name: str, limits: Limits) -> Iterator[bytes]:
    """Blocks of unpacked bytes, each judged before it is handed on."""
    unpacked = 0
    while True:
        try:
            block = stream.read(_BLOCK_BYTES)
        except (EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
            raise PriceFileError(
                unpacked, expected="whole packed bytes", found=str(error), advice=FETCH_AGAIN, source_file=name
            ) from error
        if not block:
            return
        unpacked += len(block)
        if unpacked > limits.most_bytes or unpacked > max(limits.free_bytes, limits.most_per_packed_byte * packed.tell()):
            raise PriceFileError(
                unpacked,
                expected=f"at most {limits.most_bytes:,} bytes and {limits.most_per_packed_byte} per packed byte",
                found=f"{unpacked:,} bytes from {packed.tell():,}",
                advice="Check that this is the file you meant.",
                source_file=name,
            )
        yield block


def ahead(made: Iterator[bytes]) -> Iterator[bytes]:
    """The same blocks, the next ones made by a thread while one is used. Errors come in their turn."""
    with ThreadPoolExecutor(1, thread_name_prefix="unpack") as thread:
        coming: deque[Future[bytes]] = deque(thread.submit(next, made, b"") for _ in range(_BLOCKS_AHEAD))
        try:
            while block := coming.popleft().result():
                coming.append(thread.submit(next, made, b""))
                yield block
        finally:
            for waiting in coming:
                waiting.cancel()


def opened_zip(packed: IO[bytes], *, name: str) -> zipfile.ZipFile:
    """An archive. Raises StructureError where it is none."""
    try:
        return zipfile.ZipFile(packed)
    except (zipfile.BadZipFile, OSError) as error:
        raise StructureError(name, expected="a whole zip archive", found=str(error), advice=FETCH_AGAIN) from error


def _entry(archive: zipfile.ZipFile, *, name: str, member: str | None, limits: Limits) -> zipfile.ZipInfo:
    bounds = Bounds(member_bytes=limits.most_bytes, ratio=limits.most_per_packed_byte)
    entries = judged(archive, source_file=name, bounds=bounds)
    found = [entry for entry in entries if member in (None, entry.filename)]
    if len(found) != 1:
        wanted = "one file" if member is None else f"a file {member!r}"
        names = ", ".join(entry.filename for entry in entries[:5]) or "none"
        raise StructureError(name, expected=f"a zip with {wanted}", found=names, advice="Name the member.")
    return found[0]
