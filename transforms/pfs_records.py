"""Records of fixed width as rows of text: fields by position, blanks between them, nothing inferred."""

from itertools import pairwise
from typing import NamedTuple

import polars as pl

from schemas import Finding
from transforms.errors import StructureError
from transforms.gate import WHOLE_ROW
from transforms.read import DOS_END_OF_FILE, RawText, TextTable


class Field(NamedTuple):
    """Where a column stands in a record."""

    name: str
    first: int
    """Position of its first character, counted from 1 as publishers do."""
    last: int


class Record(NamedTuple):
    """Layout of a record. Positions that belong to no field are blank; what stands there means the layout changed."""

    fields: tuple[Field, ...]
    length: int
    """Characters of a record."""


def text_lines(raw: RawText) -> pl.DataFrame:
    """Lines that hold something: `source_row` (counted from 1) and `text`; a DOS end-of-file line is left out."""
    lines = pl.DataFrame({"text": raw.text.split("\n")}, schema={"text": pl.String}).with_row_index("source_row", offset=1)
    held = pl.col("text").str.strip_chars()
    return lines.select(pl.col("source_row").cast(pl.Int64), pl.col("text").str.strip_chars_end("\r")).filter(
        (held != "") & (held != DOS_END_OF_FILE)
    )


def record_table(lines: pl.DataFrame, record: Record, *, source_file: str, table: str) -> TextTable:
    """Records of `text_lines` as a frame of text under the names of the fields, blanks round a cell kept.

    A record of another length, or with something between its fields, becomes a finding. Raises StructureError where no record
    fits, since then the layout is another one.
    """
    is_clear = pl.all_horizontal(pl.lit(value=True), *(_is_blank(*gap) for gap in gaps(record)))
    judged = lines.with_columns(_is_long=pl.col("text").str.len_chars() == record.length, _is_clear=is_clear)
    right = judged.filter("_is_long", "_is_clear")
    if right.is_empty():
        raise _other_layout(judged, record, source_file=source_file)
    rows = right.select(
        *(pl.col("text").str.slice(field.first - 1, field.last - field.first + 1).alias(field.name) for field in record.fields),
        source_file=pl.lit(source_file),
        source_row=pl.col("source_row"),
    )
    return TextTable(rows, _refused(judged, record, source_file=source_file, table=table), lines.height)


def gaps(record: Record) -> list[tuple[int, int]]:
    """First and last position of each stretch that no field covers."""
    edges = [(0, 0), *((field.first, field.last) for field in record.fields), (record.length + 1, 0)]
    return [(left[1] + 1, right[0] - 1) for left, right in pairwise(edges) if right[0] - left[1] > 1]


def _is_blank(first: int, last: int) -> pl.Expr:
    return pl.col("text").str.slice(first - 1, last - first + 1).str.strip_chars() == ""


def _refused(judged: pl.DataFrame, record: Record, *, source_file: str, table: str) -> pl.DataFrame:
    between = ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in gaps(record))
    wrong = judged.filter(~(pl.col("_is_long") & pl.col("_is_clear")))
    return wrong.select(
        "source_row",
        source_file=pl.lit(source_file),
        column_name=pl.lit(WHOLE_ROW),
        rule_id=pl.when("_is_long").then(pl.lit(f"{table}.row.gap")).otherwise(pl.lit(f"{table}.row.length")),
        severity=pl.lit("refused"),
        value=pl.when(~pl.col("_is_long")).then(pl.col("text").str.len_chars().cast(pl.String)),
        reason=pl.when("_is_long")
        .then(pl.lit(f"Positions {between} must be blank."))
        .otherwise(pl.lit(f"A record must have {record.length} characters.")),
    ).select(Finding.column_names())


def _other_layout(judged: pl.DataFrame, record: Record, *, source_file: str) -> StructureError:
    advice = "Compare the file with the publisher's record layout before changing the declaration."
    expected = f"records of {record.length} characters"
    if judged.is_empty():
        return StructureError(source_file, expected=expected, found="none", advice="Fetch the file again.")
    text, line = judged["text"][0], judged["source_row"][0]
    where = f"{source_file} line {line}: the record layout changed"
    if len(text) != record.length:
        return StructureError(where, expected=expected, found=f"one of {len(text)}", advice=advice)
    first, last = next(gap for gap in gaps(record) if text[gap[0] - 1 : gap[1]].strip())
    return StructureError(
        where, expected=f"blanks at positions {first} to {last}", found=repr(text[first - 1 : last]), advice=advice
    )
