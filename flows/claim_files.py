"""Claim files, CSV or Parquet, as cells of text with the row they stand on. What is no row is kept as refused."""

import csv
from codecs import BOM_UTF8
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow as pa

from flows.claim_columns import has_modifiers, known_columns, unused_columns
from flows.claim_parquet import parquet_cells, parquet_columns
from flows.settings import UnknownNameError
from schemas.claim import LONGEST_LINE, REQUIRED
from transforms.claim_lines import REFUSAL

_PIECE_LINES = 100_000
_OTHER_FILES = {
    b"PK\x03\x04": "is a workbook or another archive",
    b"\xff\xfe": "is text in UTF-16",
    b"\xfe\xff": "is text in UTF-16",
}
"""By their first bytes."""
_START = 64
"""Bytes that are looked at for zeros: in UTF-16 every other byte of a header is one."""
_QUOTED_CELL = r'"(?:[^"]|"")*"'
_WHOLE_CELLS = rf'^(?:{_QUOTED_CELL}|[^",]*)(?:,(?:{_QUOTED_CELL}|[^",]*))*$'


class ClaimFile(NamedTuple):
    """What a file holds: `cells` and `unreadable` together are every line of it."""

    cells: pl.DataFrame
    """source_row and the columns of `schemas.claim` that the file has, as text."""
    unreadable: pl.DataFrame
    """Lines that are no row of the table; columns `transforms.claim_lines.REFUSAL`."""
    ignored: list[str]
    """Columns of the file that mean nothing here, each with what it may have been meant for."""
    has_modifiers: bool
    """Does it have any column of modifiers?"""


def read_claims(path: Path) -> ClaimFile:
    """A claim file. Raises UnknownNameError where it cannot be opened or lacks a column."""
    known_file(path)
    try:
        return _from_parquet(path) if path.suffix.lower() == ".parquet" else _from_csv(path)
    except (OSError, pl.exceptions.PolarsError, pa.ArrowException) as error:
        raise UnknownNameError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error


def known_file(path: Path) -> None:
    """Raise UnknownNameError where no file is."""
    if path.is_dir():
        raise UnknownNameError(f"{path} is a folder: expected a claim file, .csv or .parquet.")
    if not path.is_file():
        raise UnknownNameError(f"{path} is not there: expected a claim file, .csv or .parquet.")


def _from_parquet(path: Path) -> ClaimFile:
    names = parquet_columns(path)
    kept = known_columns(path, names)
    return ClaimFile(parquet_cells(path, kept), _none(), unused_columns(names, kept), has_modifiers=has_modifiers(kept))


def _from_csv(path: Path) -> ClaimFile:
    """Lines are split as they stand, so that each keeps its number and a broken one spoils no other."""
    lines = _lines(path)
    if lines.is_empty():
        raise UnknownNameError(f"{path} is empty: expected a header with {', '.join(REQUIRED)}.")
    header = _split(lines["text"][0])
    if header is None:
        raise UnknownNameError(f"{path}: the quotation marks of the header do not pair up.")
    kept = known_columns(path, header)
    body = lines.slice(1).filter(pl.col("text").str.strip_chars() != "").with_columns(is_whole=_is_whole(len(header)))
    places = {kept[name]: place for place, name in enumerate(header) if name in kept}
    whole = _parsed(body.filter("is_whole"), len(header), places)
    odd = pl.concat([_quoted(body.clear()), *map(_quoted, body.filter(~pl.col("is_whole")).iter_slices(_PIECE_LINES))])
    fits = (pl.col("cells").list.len() == len(header)).fill_null(value=False)
    mended = odd.filter(fits).select("source_row", *(pl.col("cells").list.get(at).alias(name) for name, at in places.items()))
    unreadable = _unreadable(odd.filter(~fits), len(header))
    return ClaimFile(pl.concat([whole, mended]), unreadable, unused_columns(header, kept), has_modifiers=has_modifiers(kept))


def _is_whole(width: int) -> pl.Expr:
    """Lines that are a row whatever stands around them: quotation marks only around whole cells, and as many cells as columns."""
    text = pl.col("text")
    is_quoted = text.str.contains('"', literal=True)
    unquoted = pl.when(is_quoted & text.str.contains(_WHOLE_CELLS)).then(text.str.replace_all(_QUOTED_CELL, ""))
    commas = pl.coalesce(unquoted, pl.when(~is_quoted).then(text)).str.count_matches(",", literal=True)
    return (commas == width - 1).fill_null(value=False) & (text.str.len_chars() <= LONGEST_LINE)


def _parsed(lines: pl.DataFrame, width: int, places: dict[str, int]) -> pl.DataFrame:
    """Cells of lines that are whole."""
    if lines.is_empty():
        return pl.DataFrame(schema={"source_row": pl.Int64, **dict.fromkeys(places, pl.String)})
    content = str(lines["text"].str.join("\n")[0]).encode()
    names = {at: f"column_{at}" for at in range(width)} | {at: name for name, at in places.items()}
    schema = dict.fromkeys(names.values(), pl.String)
    cells = pl.read_csv(content, has_header=False, schema=schema, columns=sorted(places.values()))
    return cells.select(lines["source_row"], *places)


def _lines(path: Path) -> pl.DataFrame:
    """source_row, text: the lines of a file in UTF-8; a line that is no UTF-8 is read as cp1252."""
    content = path.read_bytes()
    kind = _kind(content)
    if kind:
        raise UnknownNameError(f"{path} {kind}: expected CSV. Save it as CSV (comma delimited) in UTF-8.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\n".join(map(_decoded, content.removeprefix(BOM_UTF8).split(b"\n")))
    if "\n" not in text:
        text = text.replace("\r", "\n")
    lines = pl.Series("text", [text], dtype=pl.String).str.split("\n").explode().str.strip_chars_end("\r")
    return pl.DataFrame([lines]).with_row_index("source_row", offset=1).cast({"source_row": pl.Int64})


def _kind(content: bytes) -> str | None:
    """What a file is that is no CSV file; None where nothing speaks against it."""
    start = content[:_START]
    has_mark = next((kind for mark, kind in _OTHER_FILES.items() if start.startswith(mark)), None)
    is_even_zero, is_odd_zero = (2 * start[side::2].count(0) > len(start[side::2]) for side in (0, 1))
    return has_mark or ("looks like text in UTF-16" if is_even_zero != is_odd_zero else None)


def _decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")


def _quoted(lines: pl.DataFrame) -> pl.DataFrame:
    cells = pl.Series("cells", [_split(text) for text in lines["text"]], dtype=pl.List(pl.String))
    return lines.select("source_row", "text", cells)


def _split(text: str) -> list[str] | None:
    """Cells of one line; None where its quotation marks do not pair up or it is too long."""
    if len(text) > LONGEST_LINE:
        return None
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error:
        return None


def _unreadable(lines: pl.DataFrame, width: int) -> pl.DataFrame:
    count = pl.col("cells").list.len()
    reason = (
        pl.when(pl.col("text").str.len_chars() > LONGEST_LINE)
        .then(pl.lit(f"The line is longer than {LONGEST_LINE:,} characters."))
        .when(pl.col("cells").is_null())
        .then(pl.lit("The quotation marks on this line do not pair up; a cell may hold no line break."))
        .otherwise(pl.format("Expected {} cells as in the header, found {}.", pl.lit(width), count))
    )
    nothing = pl.lit(None, dtype=pl.String)
    rows = lines.select(
        "source_row",
        claim=nothing,
        line=nothing,
        column_name=pl.lit("*"),
        value=pl.col("text").str.slice(0, 200),
        reason=reason,
    )
    return rows.cast(dict(REFUSAL))  # type: ignore[arg-type]


def _none() -> pl.DataFrame:
    return pl.DataFrame(schema=REFUSAL)
