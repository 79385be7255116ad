"""Modifier cells of hospitals' files: what is a modifier, what means none, what is something else in the wrong place."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

NONE_WORDS = frozenset({"", "00", "NA", "N/A", "NONE", "NULL"})
"""Spellings of no modifier."""
_MODIFIER = re.compile(r"[0-9A-Z]{2}")
_GLUED = re.compile(r"([0-9]{2}|[A-Z]{2})([0-9]{2}|[A-Z]{2})")
_REVENUE_CODE = re.compile(r"[0-9]{3,4}")
_SEPARATORS = re.compile(r"[|,]")
REVENUE_CODE = "A revenue code is no modifier."
GARBAGE = "A modifier is two letters or digits."


class ModifierCell(NamedTuple):
    """A modifier cell as read."""

    modifiers: tuple[str, ...]
    """Sorted, each once; empty for none."""
    refusal: str | None = None
    """Why the cell is refused; no modifier is taken from a cell that is not understood as a whole."""
    was_glued: bool = False
    """Whether two modifiers stood together without a separator, as in `90TC`."""


@lru_cache(maxsize=10_000)
def modifier_cell(text: str) -> ModifierCell:
    """Modifiers of a cell: split at `|` and `,`, and two that are glued together where both are plainly two wide.

    `90TC` is 90 and TC. `0360` and `360` are revenue codes, and `5062` may be one, so they are refused, as is every cell
    with a part that is no modifier (`-L | ON`).
    """
    parts = [part for part in (part.strip().upper() for part in _SEPARATORS.split(text)) if part not in NONE_WORDS]
    found: set[str] = set()
    glued = False
    for part in parts:
        pair = _GLUED.fullmatch(part)
        if _MODIFIER.fullmatch(part):
            found.add(part)
        elif pair and not part.isdigit():
            found.update(pair.groups())
            glued = True
        else:
            return ModifierCell((), REVENUE_CODE if _REVENUE_CODE.fullmatch(part) else GARBAGE)
    return ModifierCell(tuple(sorted(found)), None, glued)


def joined_cell(values: Sequence[str]) -> str:
    """Several cells or list entries as one cell: blanks and repetitions left out."""
    return "|".join(dict.fromkeys(value.strip() for value in values if value.strip()))
