"""Bytes of a hospital's file, chunk by chunk, as text: encoding, other kinds of file, bounded lines."""

import codecs
import re
from collections.abc import Iterable, Iterator

from transforms.errors import StructureError

MAX_RECORD = 16 * 1024 * 1024
"""Longest csv record in characters. 20,000 payer columns of 800 characters fit; a file without line ends does not."""
_MARK = b"\xef\xbb\xbf"
_SIGNATURES = {
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"PK\x03\x04": "a zip archive or Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF document",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"<": "an HTML page or XML document",
}
_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


class TextStream:
    """Text of a file given as chunks of bytes, in UTF-8 or cp1252. `encoding` is known once the chunks are read.

    A file that holds characters of both encodings is refused: no choice would read all of it right.
    """

    def __init__(self, chunks: Iterable[bytes], *, source_file: str) -> None:
        self.source_file = source_file
        self.encoding = "utf-8"
        self._chunks = iter(chunks)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._offset = 0
        self._utf8_at: int | None = None

    def pieces(self) -> Iterator[str]:
        """Pieces of text, none empty. Raises StructureError for what is not text, naming the byte."""
        head = self._head()
        yield from filter(None, map(self._decode, head))
        yield from filter(None, map(self._decode, self._chunks))
        if self.encoding != "cp1252":
            yield from filter(None, [self._decode_last()])

    def _head(self) -> list[bytes]:
        """The first chunks, joined until their kind can be told, without a byte order mark."""
        start = b""
        for chunk in self._chunks:
            start += chunk
            if len(start.lstrip()) >= len(_MARK) + 1:
                break
        if not start.removeprefix(_MARK).strip():
            raise self._error("", expected="a hospital's standard charges", found="an empty file", advice="Fetch the file again.")
        self._refuse_other_kinds(start)
        if start.startswith(_MARK):
            self.encoding, self._offset = "utf-8-sig", len(_MARK)
        return [start.removeprefix(_MARK)]

    def _refuse_other_kinds(self, start: bytes) -> None:
        plain = start.removeprefix(_MARK).lstrip()
        for signature, kind in _SIGNATURES.items():
            if plain.startswith(signature):
                advice = "Save the file as UTF-8." if kind == "UTF-16 text" else "Fetch the file again or unpack it."
                raise self._error(" byte 0", expected="csv or json text", found=kind, advice=advice)

    def _decode(self, chunk: bytes) -> str:
        if b"\x00" in chunk:
            at = self._offset + chunk.find(0)
            raise self._error(f" byte {at}", expected="text", found="a NUL byte", advice="Save the file as UTF-8.")
        text = self._cp1252(chunk) if self.encoding == "cp1252" else self._utf8(chunk)
        self._offset += len(chunk)
        return text

    def _utf8(self, chunk: bytes) -> str:
        waiting = self._decoder.getstate()[0]
        try:
            text = self._decoder.decode(chunk)
        except UnicodeDecodeError:
            self._offset -= len(waiting)
            self._decoder.reset()
            text = self._cp1252(waiting + chunk)
            self._offset += len(waiting)
            return text
        if self._utf8_at is None and not (chunk.isascii() and not waiting):
            self._utf8_at = self._offset
        return text

    def _decode_last(self) -> str:
        waiting = self._decoder.getstate()[0]
        self._decoder.reset()
        self._offset -= len(waiting)
        return self._cp1252(waiting) if waiting else ""

    def _cp1252(self, chunk: bytes) -> str:
        """The chunk in cp1252, unless text before it or in it is UTF-8 beyond ASCII."""
        self.encoding = "cp1252"
        sequence = None if chunk.isascii() else _UTF8_SEQUENCE.search(chunk)
        if sequence is not None or self._utf8_at is not None:
            at = self._offset + sequence.start() if sequence is not None else self._utf8_at
            raise self._error(
                f" byte {self._offset + _first_odd(chunk)}",
                expected="one encoding",
                found=f"a byte that is not UTF-8 and, near byte {at}, characters that are",
                advice="Ask the hospital for the file in UTF-8.",
            )
        try:
            return chunk.decode("cp1252")
        except UnicodeDecodeError as error:
            raise self._error(
                f" byte {self._offset + error.start}",
                expected="text in UTF-8 or cp1252",
                found=f"byte 0x{chunk[error.start]:02x}",
                advice="Save the file as UTF-8.",
            ) from error

    def _error(self, where: str, *, expected: str, found: str, advice: str) -> StructureError:
        return StructureError(f"{self.source_file}{where}", expected=expected, found=found, advice=advice)


class Lines:
    """Lines of pieces of text, with their ends. Refuses a record that never ends, so memory stays bounded."""

    def __init__(self, pieces: Iterable[str], *, source_file: str) -> None:
        self._pieces = pieces
        self._source_file = source_file
        self._waiting = 0

    def __iter__(self) -> Iterator[str]:
        """Lines with their ends; the last one may have none."""
        rest = ""
        for piece in self._pieces:
            *lines, last = piece.split("\n")
            for line in lines:
                whole = f"{rest}{line}\n" if rest else f"{line}\n"
                rest = ""
                self._waiting += len(whole)
                if self._waiting > MAX_RECORD:
                    raise self._too_long()
                yield whole
            rest += last
            if self._waiting + len(rest) > MAX_RECORD:
                raise self._too_long()
        if rest:
            yield rest

    def record_ended(self) -> None:
        """To be called after every record: the count of its characters starts anew."""
        self._waiting = 0

    def _too_long(self) -> StructureError:
        return StructureError(
            self._source_file,
            expected=f"records of at most {MAX_RECORD:,} characters",
            found="a longer one",
            advice="Look for a quote that is never closed, or line ends that are missing.",
        )


def _first_odd(chunk: bytes) -> int:
    """Place of the first byte that is not UTF-8."""
    try:
        chunk.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return 0
