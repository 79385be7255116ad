"""What was made once and may be asked for again, within a bound of memory."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Piece = TypeVar("Piece")


class Kept(Generic[Key, Piece]):
    """Pieces by key, for all threads; what was not asked for the longest goes first, so that memory stays bounded."""

    def __init__(self, most_bytes: int) -> None:
        """`most_bytes` is what all pieces together may take."""
        self._most_bytes = most_bytes
        self._bytes = 0
        self._pieces: OrderedDict[Key, tuple[Piece, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Key) -> Piece | None:
        """The piece, or none where it is not kept."""
        with self._lock:
            if key not in self._pieces:
                return None
            self._pieces.move_to_end(key)
            return self._pieces[key][0]

    def keep(self, key: Key, piece: Piece, *, size: int) -> None:
        """Keep a piece of so many bytes; one that is kept already stays."""
        with self._lock:
            if key in self._pieces:
                return
            self._pieces[key] = (piece, size)
            self._bytes += size
            while self._bytes > self._most_bytes:
                self._bytes -= self._pieces.popitem(last=False)[1][1]
