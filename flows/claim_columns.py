"""The header of a claim file: which columns are known, which are missing, and what an unknown one may have been meant for."""

import re
from difflib import SequenceMatcher
from pathlib import Path

from flows.settings import UnknownNameError
from schemas.claim import MODIFIERS, OPTIONAL, OTHER_NAMES, REQUIRED

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_ALIKE = 0.8
"""`modifer_1` and `modifier_1` are as alike as that, `status` and `state` are not."""
_NUMBERED_MODIFIER = re.compile(r"mod(?:ifier)?([1-9][0-9]?)$")
_LONGEST_NAME = 60
_LONGEST_HEADER = 300


def known_columns(path: Path, header: list[str]) -> dict[str, str]:
    """Columns of the file that are known, by their name in the file. Raises UnknownNameError where one is missing or twice."""
    kept = {name: _plain(name) for name in header if _plain(name) in (*REQUIRED, *OPTIONAL)}
    twice = sorted({name for name in kept.values() if [_plain(each) for each in header].count(name) > 1})
    missing = [name for name in REQUIRED if name not in kept.values()]
    if twice:
        raise UnknownNameError(f"{path} has the column {twice[0]} twice.")
    if missing:
        found = ", ".join(map(_printable, header))[:_LONGEST_HEADER]
        questions = "".join(
            f" By {_printable(name)}, did you mean {meant}?" for name in header if (meant := _meant(name)) in missing
        )
        raise UnknownNameError(
            f"{path} has no column {', '.join(missing)}. Expected {', '.join(REQUIRED)} and, where known, {', '.join(OPTIONAL)}; "
            f"found {found}.{_separator_advice(header)}{questions}"
        )
    return kept


def unused_columns(header: list[str], kept: dict[str, str]) -> list[str]:
    """Columns of the file that mean nothing here, each with what it may have been meant for or why it is not used."""
    absent = {name for name in OPTIONAL if name not in kept.values()}
    return [f"{_printable(name)}{_remark(name, absent)}" for name in header if name not in kept]


def has_modifiers(kept: dict[str, str]) -> bool:
    """Does a file have any column of modifiers?"""
    return any(name in MODIFIERS for name in kept.values())


def _remark(name: str, absent: set[str]) -> str:
    number = _modifier_number(name)
    if number and number > len(MODIFIERS):
        return f" (only {MODIFIERS[0]} to {MODIFIERS[-1]} are judged)"
    meant = _meant(name)
    return f" (did you mean {meant}?)" if meant in absent else ""


def _meant(name: str) -> str | None:
    """The known column that an unknown name is like; it is a question to the reader, never an answer."""
    number = _modifier_number(name)
    if number:
        return f"modifier_{number}"
    squeezed = _squeezed(name)
    unnumbered = re.sub("[0-9]", "", squeezed)
    told = next((column for column, names in OTHER_NAMES.items() if {squeezed, unnumbered} & set(names)), None)
    alike = {column: SequenceMatcher(None, _squeezed(column), squeezed).ratio() for column in (*REQUIRED, *OPTIONAL)}
    nearest = max(alike, key=alike.__getitem__)
    return told or (nearest if alike[nearest] >= _ALIKE else None)


def _modifier_number(name: str) -> int | None:
    found = _NUMBERED_MODIFIER.search(_squeezed(name))
    return int(found[1]) if found else None


def _squeezed(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name[:_LONGEST_NAME].lower())


def _separator_advice(header: list[str]) -> str:
    """What to do where something else than commas separates the cells."""
    found = next((name for mark, name in _SEPARATORS.items() if len(header) == 1 and mark in header[0]), None)
    return f" Its cells are separated by {found}: save it with commas." if found else ""


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_")


def _printable(name: str) -> str:
    """A name from a file, fit for a terminal."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name[:_LONGEST_NAME])
