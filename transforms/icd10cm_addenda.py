"""Addenda of the ICD-10-CM files: what the publisher says it changed, held against what it published.

Their lines are `Add:`, `Delete:` and pairs of `Revise from:` and `Revise to:`; a summary with counts follows.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from transforms.errors import StructureError
from transforms.fixed_width import Layout, fixed_width, numbered_lines
from transforms.read import RawText

LAYOUTS = {
    "order": Layout(
        r"^(?<action>.{13})(?<flag>[01]) (?<code>.{7}) (?<short_description>.{60}) (?<long_description>.+)$",
        "action 1-13, flag 14, code 16-22, short description 24-83 and long description from 85",
    ),
    "codes": Layout(
        r"^(?<action>.{13})(?<code>.{7}) (?<long_description>.+)$", "action 1-13, code 14-20 and long description from 22"
    ),
}
_ACTIONS = ("Add:", "Delete:", "Revise from:", "Revise to:")
_SECTIONS = {"Headers": "0", "Codes": "1"}
"""Headings of the summary with the flag of the lines they count."""
_TITLES = {"both long and short titles": (True, True), "long title only": (False, True), "short title only": (True, False)}
"""Whether the short and the long description differ, in the summary's words."""
_TOTAL = re.compile(r"^([0-9]+) (?:headers?|codes?) in \S+$")
_COUNT = re.compile(rf"^([0-9]+) (additions|deletions|revisions(?: to (?:{'|'.join(_TITLES)}))?)$")
_SHOWN = 5
"""Codes that a message names."""


class Stated(NamedTuple):
    """A count in the summary."""

    line: int
    section: str
    what: str
    number: int


def check_addenda(raw: RawText, listed: pl.DataFrame, *, kind: str) -> int:
    """Number of lines with changes, all of which the release bears out.

    `listed` are the codes of the release: text columns code, flag, long_description and, of an order file, short_description.
    Raises StructureError where the addenda are not in their layout, or contradict themselves or the release.
    """
    lines = numbered_lines(raw)
    headings = lines.filter(pl.col("line").is_in(list(_SECTIONS)))["source_row"]
    if headings.is_empty():
        raise _contradiction(raw.source_file, "a summary headed 'Headers' or 'Codes' at the end", "none")
    is_summary = pl.col("source_row") >= headings[0]
    changes = _changes(lines.filter(~is_summary), raw.source_file, kind=kind)
    _check_release(changes, listed, source_file=raw.source_file)
    counts = _counts(changes, listed)
    for stated in _summary(lines.filter(is_summary & (pl.col("line") != "")), source_file=raw.source_file):
        found = counts.get((stated.section, stated.what), stated.number)
        if found != stated.number:
            where, expected = f"{raw.source_file} line {stated.line}", f"{stated.number} {stated.what} ({stated.section})"
            raise _contradiction(where, f"{expected} as the summary says", f"{found}")
    return changes.height


def _changes(lines: pl.DataFrame, source_file: str, *, kind: str) -> pl.DataFrame:
    """Lines with changes; those of the codes file's addenda have no flag and concern codes only, which have flag 1."""
    table = fixed_width(lines, LAYOUTS[kind], source_file=source_file, table="diagnosis")
    changes = table.rows if "flag" in table.rows.columns else table.rows.with_columns(flag=pl.lit("1"))
    if table.findings.height:
        raise _contradiction(f"{source_file} line {table.findings['source_row'][0]}", LAYOUTS[kind].in_words, "another line")
    revised = pl.col("action") == "Revise to:"
    opens = (pl.col("action") == "Revise from:").shift(1, fill_value=False)
    same = (pl.col("code") == pl.col("code").shift(1)) & (pl.col("flag") == pl.col("flag").shift(1))
    is_open_end = (pl.col("action") == "Revise from:") & (pl.int_range(pl.len()) == pl.len() - 1)
    is_broken = ~pl.col("action").is_in(list(_ACTIONS)) | (revised != opens) | (revised & ~same) | is_open_end
    broken = changes.filter(is_broken)
    if broken.height:
        where = f"{source_file} line {broken['source_row'][0]}"
        expected = "Add:, Delete:, or a pair of Revise from: and Revise to: for one code"
        raise _contradiction(where, expected, f"{broken['action'][0]} {broken['code'][0]}")
    return changes


def _check_release(changes: pl.DataFrame, listed: pl.DataFrame, *, source_file: str) -> None:
    """Stop unless the release lists what was added or revised, word for word, and lacks what was deleted."""
    seen = changes.filter(pl.col("flag").is_in(listed["flag"].unique().implode()))
    words = [name for name in ("short_description", "long_description") if name in listed.columns and name in changes.columns]
    came = seen.filter(pl.col("action").is_in(["Add:", "Revise to:"]))
    absent = came.join(listed, on=["code", "flag", *words], how="anti", maintain_order="left")
    if absent.height:
        raise _contradiction(source_file, "what was added or revised in the release, word for word", f"not so {_named(absent)}")
    kept = seen.filter(pl.col("action") == "Delete:").join(listed, on=["code", "flag"], how="semi", maintain_order="left")
    if kept.height:
        raise _contradiction(source_file, "what was deleted absent from the release", f"it there: {_named(kept)}")


def _counts(changes: pl.DataFrame, listed: pl.DataFrame) -> dict[tuple[str, str], int]:
    """What the summary counts, as it is in the lines and in the release."""
    counts: dict[tuple[str, str], int] = {}
    for section, flag in _SECTIONS.items():
        of_section = changes.filter(pl.col("flag") == flag)
        number = dict(of_section["action"].value_counts().iter_rows())
        added, deleted = number.get("Add:", 0), number.get("Delete:", 0)
        counts |= {(section, "additions"): added, (section, "deletions"): deleted}
        counts[section, "revisions"] = number.get("Revise to:", 0)
        counts |= {(section, f"revisions to {titles}"): rows for titles, rows in _revised_titles(of_section).items()}
        total = listed.filter(pl.col("flag") == flag).height
        if total:
            counts |= {(section, "in the release"): total, (section, "in the release before"): total - added + deleted}
    return counts


def _revised_titles(changes: pl.DataFrame) -> dict[str, int]:
    """Revised pairs by which of their descriptions differ; nothing where the lines have no short description."""
    if "short_description" not in changes.columns:
        return {}
    is_new = {name: pl.col(name) != pl.col(name).shift(1) for name in ("short_description", "long_description")}
    pairs = changes.select("action", **is_new).filter(pl.col("action") == "Revise to:")
    kinds = pairs.select("short_description", "long_description").rows()
    return {titles: kinds.count(differs) for titles, differs in _TITLES.items()}


def _summary(lines: pl.DataFrame, *, source_file: str) -> list[Stated]:
    """Counts of the summary. Raises StructureError for a line that is none."""
    stated: list[Stated] = []
    section = ""
    for line, text in lines.iter_rows():
        words = text.strip()
        total, count = _TOTAL.match(words), _COUNT.match(words)
        if words in _SECTIONS:
            section = words
        elif total:
            is_first = not any(one.section == section for one in stated)
            stated.append(Stated(line, section, "in the release before" if is_first else "in the release", int(total[1])))
        elif count:
            stated.append(Stated(line, section, count[2], int(count[1])))
        elif words != "of which":
            raise _contradiction(f"{source_file} line {line}", "a count of the summary", repr(words[:40]))
    return stated


def _named(rows: pl.DataFrame) -> str:
    codes: Sequence[str] = rows["code"].unique(maintain_order=True).to_list()
    return ", ".join(codes[:_SHOWN]) + (f" and {len(codes) - _SHOWN} more" if len(codes) > _SHOWN else "")


def _contradiction(where: str, expected: str, found: str) -> StructureError:
    advice = "Fetch the files of the release again, or leave the addenda out."
    return StructureError(where, expected=expected, found=found, advice=advice)
