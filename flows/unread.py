"""Standard error whose reader may leave: what is said then is lost, and the work goes on."""

import io
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Unread(io.FileIO):
    """A file that takes what nobody reads any more."""

    def write(self, data: "ReadableBuffer", /) -> int:
        """Bytes taken, all of them where the reader is gone."""
        try:
            return super().write(data)
        except BrokenPipeError:
            return memoryview(data).nbytes


def lasting(stream: TextIO | None) -> TextIO | None:
    """The stream in a form that outlives its reader, for every library that writes messages; None where there is none."""
    if stream is None:
        return None
    file = io.BufferedWriter(_Unread(stream.fileno(), "w", closefd=False))
    return io.TextIOWrapper(file, encoding=stream.encoding, errors="backslashreplace", line_buffering=True)


def outlive_readers() -> None:
    """Let no closed pipe behind standard error end this process."""
    if lasts := lasting(sys.stderr):
        sys.stderr = lasts
