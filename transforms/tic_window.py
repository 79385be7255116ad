"""A window that moves over JSON text: whole values are taken from it, long ones are entered instead of held."""

import codecs
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, NoReturn, TypeVar

import msgspec

from transforms.tic_errors import FETCH_AGAIN, PriceFileError
from transforms.tic_reader import LONGEST_VALUE

_BLANKS = re.compile(rb"[ \t\n\r]*")
_STRUCTURE = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|["\[\]{}]', re.DOTALL)
"""A string, a bracket, or the quote of a string that does not end in the window."""
_SCALAR = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[^\[\]{}",: \t\n\r]+', re.DOTALL)
_FIRST_KEY = re.compile(rb'\{[ \t\n\r]*("[^"\\]*")')
_BEFORE = re.compile(rb"\}[ \t\n\r]*(,)[ \t\n\r]*(\{)[ \t\n\r]*\Z")
_MOST_BLANKS = 200
_DEEPEST = 500
"""Levels of brackets within one value; published files have ten in all."""
_RAW = msgspec.json.Decoder(msgspec.Raw)
_MARK = b"\xef\xbb\xbf"
Taken = TypeVar("Taken")


class Window:
    """Part of a text, and the place in it up to which it is read."""

    def __init__(self, chunks: Iterable[bytes], *, size: int) -> None:
        """`size` is how many bytes are looked at together, at most 16 MiB."""
        self._chunks, self._size = iter(chunks), size
        self._text, self._at, self._dropped = b"", 0, 0
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._read = 0
        self._is_at_end = False
        self._doubtful = 0

    @property
    def byte(self) -> int:
        """Where the next unread byte stands in the file."""
        return self._dropped + self._at

    def drop_mark(self) -> None:
        """Step over a byte order mark at the beginning."""
        while len(self._text) < len(_MARK) and self._more():
            pass
        self._at = len(_MARK) if self._text.startswith(_MARK) else 0

    def next_byte(self) -> bytes:
        """The next byte that is not blank, still unread; empty at the end."""
        while True:
            self._at = self._match_end(_BLANKS)
            if self._at < len(self._text):
                return self._text[self._at : self._at + 1]
            if not self._more():
                return b""

    def expect(self, wanted: bytes, what: str) -> None:
        """Step over a byte. Raises PriceFileError where it is another one or the text ends."""
        if self.next_byte() != wanted:
            self.refuse(what)
        self._at += 1

    def refuse(self, what: str) -> NoReturn:
        """Stop: something else was expected here."""
        found = self._text[self._at : self._at + 40]
        shown = repr(found.decode("utf-8", "replace")) if found else "the end of the file"
        raise PriceFileError(self.byte, expected=what, found=shown, advice=FETCH_AGAIN)

    def keys(self, known: Collection[str]) -> Iterator[str]:
        """Keys of the object that follows; the caller takes each value. A known key that comes twice is refused."""
        self.expect(b"{", "an object")
        seen: set[str] = set()
        if self.next_byte() == b"}":
            self._at += 1
            return
        while True:
            if self.next_byte() != b'"':
                self.refuse("a key")
            start = self.byte
            key = str(msgspec.json.decode(self.value()))
            if key in seen:
                raise PriceFileError(start, expected="every key once", found=f"{key!r} again in the same object")
            seen |= {key} & set(known)
            self.expect(b":", "a colon after a key")
            yield key
            if self.next_byte() == b"}":
                self._at += 1
                return
            self.expect(b",", "a comma or the end of an object")

    def value(self) -> bytes:
        """The value that follows, held whole. Raises PriceFileError where it is too long for that or not JSON."""
        end = self._value_end(most=LONGEST_VALUE)
        if end is None and self._is_at_end:
            raise PriceFileError(
                self.byte, expected="a whole value from here on", found="the end of the file", advice=FETCH_AGAIN
            )
        if end is None:
            raise PriceFileError(self.byte, expected=f"a value of at most {LONGEST_VALUE:,} bytes", found="a longer one")
        text = self._text[self._at : end]
        self._decoded(_RAW, text)
        self._at = end
        return text

    def skip(self) -> None:
        """Step over the value that follows, whatever its size; it must be JSON."""
        first = self.next_byte()
        if self._value_end(most=self._size) is not None or first not in b"[{":
            self.value()
        elif first == b"[":
            for piece in self.elements(_RAWS, _nothing):
                if piece is None:
                    self.skip()
        else:
            for _ in self.keys(()):
                self.skip()

    def elements(
        self, decoder: "msgspec.json.Decoder[list[Any]]", take: Callable[[list[Any], bytes], Taken | None]
    ) -> Iterator[Taken | None]:
        """What `take` makes of the elements of the list that follows, many at once, and of their text.

        None stands for an element that is too long, or is not what decoder and `take` accept: the caller enters it itself.
        """
        self.expect(b"[", "a list")
        if self.next_byte() == b"]":
            self._at += 1
            return
        while True:
            piece = self._many(decoder, take)
            if piece is not None:
                yield piece
                continue
            yield self._one(decoder, take)
            if self.next_byte() == b"]":
                self._at += 1
                return
            self.expect(b",", "a comma or the end of a list")
            self.next_byte()

    def _many(self, decoder: "msgspec.json.Decoder[list[Any]]", take: Callable[[list[Any], bytes], Taken | None]) -> Taken | None:
        """Elements up to a place that looks like the start of another one, and proves right.

        The text before it decodes as a whole list, and a text that is a whole list can be read in one way only. Where it is not,
        most often as the list has ended before, the next try goes half as far, and none goes farther until that is read.
        """
        self._fill(self._size)
        first = _FIRST_KEY.match(self._text, self._at)
        end = self._doubtful - self._dropped if self.byte < self._doubtful else len(self._text)
        while first and (end := self._text.rfind(first[1], first.end(), end)) >= 0:
            near = max(self._at, end - _MOST_BLANKS)
            before = _BEFORE.search(self._text[near:end])
            if before is None:
                continue
            taken = self._taken(decoder, take, self._text[self._at : near + before.start(1)])
            if taken is not None:
                self._at = near + before.start(2)
                return taken
            self._doubtful = self._dropped + end
            end = self._at + (end - self._at) // 2
        return None

    def _one(self, decoder: "msgspec.json.Decoder[list[Any]]", take: Callable[[list[Any], bytes], Taken | None]) -> Taken | None:
        end = self._value_end(most=self._size)
        taken = None if end is None else self._taken(decoder, take, self._text[self._at : end])
        if taken is not None and end is not None:
            self._at = end
        return taken

    @staticmethod
    def _taken(
        decoder: "msgspec.json.Decoder[list[Any]]", take: Callable[[list[Any], bytes], Taken | None], text: bytes
    ) -> Taken | None:
        """What is made of elements; None where the text is not a whole list of what the decoder takes."""
        try:
            return take(decoder.decode(b"[" + text + b"]"), text)
        except (msgspec.DecodeError, RecursionError):
            return None

    def _value_end(self, *, most: int) -> int | None:
        """Where the value that follows ends; None where that is farther away than `most` bytes, or nowhere in the file."""
        if self.next_byte() == b"":
            self.refuse("a value")
        while True:
            end = self._end_in_window()
            if end is not None:
                return end
            if len(self._text) - self._at >= most:
                return None
            if not self._more(len(self._text) - self._at):
                return None

    def _end_in_window(self) -> int | None:
        if self._text[self._at : self._at + 1] not in (b"[", b"{"):
            scalar = _SCALAR.match(self._text, self._at)
            if scalar is None and self._text[self._at : self._at + 1] != b'"':
                self.refuse("a value")
            return scalar.end() if scalar and (scalar.end() < len(self._text) or scalar[0].endswith(b'"')) else None
        depth = 0
        for token in _STRUCTURE.finditer(self._text, self._at):
            first = token[0][:1]
            if token[0] == b'"':
                return None
            depth += (first in b"[{") - (first in b"]}")
            if depth == 0:
                return token.end()
            if depth > _DEEPEST:
                self._at = token.start()
                self.refuse(f"at most {_DEEPEST} levels of brackets")
        return None

    def _decoded(self, decoder: "msgspec.json.Decoder[Any]", text: bytes) -> Any:
        """A value; a text that is not JSON is refused at the byte where it goes wrong."""
        try:
            return decoder.decode(text)
        except msgspec.DecodeError as error:
            place = re.search(r"\(byte (\d+)\)", str(error))
            raise PriceFileError(self.byte + int(place[1] if place else 0), expected="valid JSON", found=str(error)) from error

    def _match_end(self, pattern: "re.Pattern[bytes]") -> int:
        found = pattern.match(self._text, self._at)
        return found.end() if found else self._at

    def _fill(self, size: int) -> None:
        missing = size - (len(self._text) - self._at)
        if missing > 0:
            self._more(missing)

    def _more(self, wanted: int = 1) -> bool:
        """Take at least so many bytes more in, and let what is read go; False where there are none."""
        taken: list[bytes] = []
        while wanted > 0 and (chunk := next(self._chunks, None)) is not None:
            self._check_text(chunk)
            taken.append(chunk)
            wanted -= len(chunk)
        if not any(taken):
            self._check_text(b"", is_last=True)
            self._is_at_end = True
            return False
        self._dropped += self._at
        self._text, self._at = b"".join((self._text[self._at :], *taken)), 0
        return True

    def _check_text(self, chunk: bytes, *, is_last: bool = False) -> None:
        waiting = len(self._utf8.getstate()[0])
        try:
            self._utf8.decode(chunk, is_last)
        except UnicodeDecodeError as error:
            raise PriceFileError(
                self._read - waiting + error.start, expected="text in UTF-8", found=error.reason, advice=FETCH_AGAIN
            ) from error
        self._read += len(chunk)


_RAWS: "msgspec.json.Decoder[list[Any]]" = msgspec.json.Decoder(list[msgspec.Raw])


def _nothing(elements: list[Any], _: bytes) -> int:
    """Something that is not None: what is stepped over is not looked at."""
    return len(elements)


def may_repeat_a_key(text: bytes, known: Collection[str]) -> bool:
    """Whether an object in a list without its brackets has a known key twice; whether it matters there is not looked at."""

    def names(pairs: list[tuple[str, Any]]) -> bool:
        keys = [key for key, _ in pairs if key in known]
        return len(keys) != len(set(keys)) or any(_is_doubled(value) for _, value in pairs)

    return any(_is_doubled(value) for value in json.loads(b"[" + text + b"]", object_pairs_hook=names, parse_int=str))


def _is_doubled(value: Any) -> bool:
    return value is True or (isinstance(value, list) and any(map(_is_doubled, value)))
