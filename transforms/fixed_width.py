"""Lines of fixed width as rows of text. Such files have no header: their layout is the publisher's document."""

from typing import NamedTuple

import polars as pl

from transforms.errors import StructureError
from transforms.gate import WHOLE_ROW, findings_frame
from transforms.read import DOS_END_OF_FILE, RawText, TextTable

_SHOWN = 40
"""Characters of a line that a message shows."""


class Layout(NamedTuple):
    """Fields of a line, which is read without the blanks at its end."""

    pattern: str
    """A regular expression with a group for each field and the signs between them."""
    in_words: str
    """The fields with their positions, counted from 1."""


def numbered_lines(raw: RawText) -> pl.DataFrame:
    """Every line as `line`, blanks and DOS end-of-file signs at its end left out, with its number as `source_row`."""
    lines = pl.DataFrame({"line": raw.text.split("\n")}, schema={"line": pl.String})
    cut = pl.col("line").str.strip_chars_end(f" \t\r{DOS_END_OF_FILE}")
    return lines.select(source_row=pl.int_range(1, pl.len() + 1, dtype=pl.Int64), line=cut)


def fixed_width(lines: pl.DataFrame, layout: Layout, *, source_file: str, table: str) -> TextTable:
    """Stripped cells of the lines in the layout; blank lines are left out, other lines become findings.

    Raises StructureError where the first line is not in the layout: then it is not the file its name promises.
    """
    filled = lines.filter(pl.col("line") != "")
    cells = pl.col("line").str.extract_groups(layout.pattern).alias("cells")
    split = filled.with_columns(cells).unnest("cells").with_columns(source_file=pl.lit(source_file))
    is_right = pl.col("line").str.contains(layout.pattern)
    wrong = split.filter(~is_right)
    if filled.height and wrong.height and wrong["source_row"][0] == filled["source_row"][0]:
        raise StructureError(
            f"{source_file} line {filled['source_row'][0]}",
            expected=layout.in_words,
            found=repr(filled["line"][0][:_SHOWN]),
            advice="Compare the file with the publisher's record layout before changing the declaration.",
        )
    rows = split.filter(is_right).drop("line").with_columns(pl.col(pl.String).exclude("source_file").str.strip_chars())
    return TextTable(rows, _findings(wrong, layout, table=table), filled.height)


def _findings(wrong: pl.DataFrame, layout: Layout, *, table: str) -> pl.DataFrame:
    found = wrong.select(
        "source_file",
        "source_row",
        column_name=pl.lit(WHOLE_ROW),
        rule_id=pl.lit(f"{table}.row.layout"),
        severity=pl.lit("refused"),
        value=pl.format("{} characters", pl.col("line").str.len_chars()),
        reason=pl.lit(f"A line must have {layout.in_words}."),
    )
    return pl.concat([findings_frame(), found.select(findings_frame().columns)])
