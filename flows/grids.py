"""Rows as text for people: a table where its words fit the width, else one record after the other. Nothing is cut off."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

_BESIDE_A_COLUMN = 3
"""A sign of padding on either side, and the box."""
_BETWEEN = 2
_NARROWEST = 10
"""Text of a record wraps in no less than this, however narrow the screen."""


def grid(names: Sequence[str], cells: Sequence[Sequence[str]], *, numbers: Sequence[bool], width: int) -> Table:
    """A table of `width`, or records where a table would part words.

    Args:
        names: Headers of the columns.
        cells: Texts, row by row.
        numbers: For each column whether it holds numbers only.
        width: Signs in a line of the screen.
    """
    columns = [[name, *(row[place] for row in cells)] for place, name in enumerate(names)]
    widths = shared(
        least=[max(map(_longest_word, column)) for column in columns],
        most=[max(map(cell_len, column)) for column in columns],
        width=width - _BESIDE_A_COLUMN * len(names),
    )
    return _records(names, cells, width=width) if widths is None else _table(names, cells, numbers=numbers, widths=widths)


def shared(*, least: Sequence[int], most: Sequence[int], width: int) -> list[int] | None:
    """Widths of columns: each its `most` where that fits, else what is spare is shared out by what they want.

    None where not even `least` fits.
    """
    spare = width - sum(least)
    if spare < 0:
        return None
    wanted = [wide - narrow for wide, narrow in zip(most, least, strict=True)]
    total = max(sum(wanted), 1)
    given = min(spare, total)
    return [narrow + more * given // total for narrow, more in zip(least, wanted, strict=True)]


def _longest_word(text: str) -> int:
    return max(map(cell_len, text.split()), default=0)


def _table(names: Sequence[str], cells: Sequence[Sequence[str]], *, numbers: Sequence[bool], widths: Sequence[int]) -> Table:
    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name, is_number, width in zip(names, numbers, widths, strict=True):
        made.add_column(Text(name), justify="right" if is_number else "left", width=width)
    for row in cells:
        made.add_row(*map(Text, row))
    return made


def _records(names: Sequence[str], cells: Sequence[Sequence[str]], *, width: int) -> Table:
    made = Table.grid(padding=(0, _BETWEEN, 0, 0))
    labels = max(map(cell_len, names))
    made.add_column(no_wrap=True, width=labels)
    made.add_column(overflow="fold", width=max(width - labels - _BETWEEN, _NARROWEST))
    for row in cells:
        made.add_row()
        for name, text in zip(names, row, strict=True):
            if text:
                made.add_row(Text(name), Text(text))
    return made
