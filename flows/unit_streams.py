"""The bytes of a unit: hashed while they stream, and a failing disk or network told apart from a file that is not whole."""

import hashlib
import io
from collections.abc import Generator
from typing import IO, Any, cast

from flows.byte_stream import LIMITS, Limits, ahead, blocks, opened_zip, unpacked_text
from transforms.archive import Bounds, judged
from transforms.errors import StructureError

BLOCK_BYTES = 2 * 1024 * 1024
FILE = "<file>"
"""Stands for the path of a file in results, since files with the same bytes share one. Members stand behind it."""
_BOUNDS = Bounds(member_bytes=LIMITS.most_bytes, ratio=LIMITS.most_per_packed_byte)
_ENDINGS = (".json", ".csv")
_ZIP = b"PK\x03\x04"


class ReadFailedError(Exception):
    """Bytes could not be had. No OSError, which unpacking takes for a sign of a damaged file."""


class Guarded(io.RawIOBase):
    """A stream that raises ReadFailedError where its bytes cannot be had."""

    def __init__(self, stream: IO[bytes]) -> None:
        """`stream` is open and stands at its start."""
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        try:
            return self._stream.read(size)
        except OSError as error:
            raise ReadFailedError(str(error)) from error

    def readinto(self, buffer: Any) -> int:
        """The next bytes into a buffer."""
        block = self.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to another place."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Where the next byte is."""
        return self._stream.tell()

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def seekable(self) -> bool:
        """It can go to other places."""
        return True


class Hashed(Guarded):
    """A stream whose bytes are hashed as they are read, each once, in their order."""

    def __init__(self, stream: IO[bytes]) -> None:
        """`stream` is open and stands at its start."""
        super().__init__(stream)
        self._digest = hashlib.sha256()
        self._at = self._hashed_to = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes, hashed where they were not read before."""
        block = super().read(size)
        self._digest.update(block[max(0, self._hashed_to - self._at) :])
        self._at += len(block)
        self._hashed_to = max(self._hashed_to, self._at)
        return block

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go back to what was hashed already."""
        if whence != io.SEEK_SET or not 0 <= offset <= self._hashed_to:
            raise io.UnsupportedOperation("a stream that is hashed goes forward only")
        self._at = super().seek(offset)
        return self._at

    def tell(self) -> int:
        """Where the next byte is."""
        return self._at

    def finish(self) -> tuple[str, int]:
        """SHA-256 and size of the whole stream; reads what is left."""
        self.seek(self._hashed_to)
        while self.read(BLOCK_BYTES):
            pass
        return self._digest.hexdigest(), self._at


def is_zip(stream: Hashed) -> bool:
    """The first bytes are those of a zip archive; the stream stands at its start again."""
    first = stream.read(len(_ZIP))
    stream.seek(0)
    return first == _ZIP


def unpacked(stream: Guarded, *, name: str, member: str | None = None, limits: Limits = LIMITS) -> Generator[bytes, None, None]:
    """Unpacked blocks of a stream from its start, made ahead by a thread, which ends when the generator is closed."""
    stream.seek(0)
    packed = cast("IO[bytes]", stream)
    with unpacked_text(packed, name=name, member=member, limits=limits) as text:
        yield from ahead(blocks(text, packed, name=name, limits=limits))


def zip_names(stream: Guarded) -> list[str]:
    """Members of an archive that are price files by their ending. Raises StructureError for what is no safe archive."""
    with opened_zip(cast("IO[bytes]", stream), name=FILE) as archive:
        names = [entry.filename for entry in judged(archive, source_file=FILE, bounds=_BOUNDS)]
    found = [name for name in names if name.lower().endswith(_ENDINGS)]
    if not found:
        advice = "Unpack archives inside archives first."
        raise StructureError(
            FILE, expected="a price file inside the archive", found=", ".join(names[:5]) or "none", advice=advice
        )
    return found
