"""Claim files, CSV or Parquet, as cells of text with the row they stand on. What is no row is kept as refused."""

import csv
from codecs import BOM_UTF8
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow as pa

from flows.claim_parquet import parquet_cells, parquet_columns
from flows.settings import UnknownNameError
from schemas.claim import LONGEST_LINE, OPTIONAL, REQUIRED
from transforms.claim_lines import REFUSAL

_PIECE_LINES = 100_000
_OTHER_FILES = {b"PK\x03\x04": "a workbook or another archive", b"\xff\xfe": "text in UTF-16", b"\xfe\xff": "text in UTF-16"}
"""By their first bytes."""
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_QUOTED_CELL = r'"(?:[^"]|"")*"'
_WHOLE_CELLS = rf'^(?:{_QUOTED_CELL}|[^",]*)(?:,(?:{_QUOTED_CELL}|[^",]*))*$'


class ClaimFile(NamedTuple):
    """What a file holds: `cells` and `unreadable` together are every line of it."""

    cells: pl.DataFrame
    """source_row and the columns of `schemas.claim` that the file has, as text."""
    unreadable: pl.DataFrame
    """Lines that are no row of the table; columns `transforms.claim_lines.REFUSAL`."""
    ignored: list[str]
    """Columns of the file that mean nothing here."""


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
    kept = _columns(path, names)
    return ClaimFile(parquet_cells(path, kept), _none(), _ignored(names, kept))


def _from_csv(path: Path) -> ClaimFile:
    """Lines are split as they stand, so that each keeps its number and a broken one spoils no other."""
    lines = _lines(path)
    if lines.is_empty():
        raise UnknownNameError(f"{path} is empty: expected a header with {', '.join(REQUIRED)}.")
    header = _split(lines["text"][0])
    if header is None:
        raise UnknownNameError(f"{path}: the quotation marks of the header do not pair up.")
    kept = _columns(path, header)
    body = lines.slice(1).filter(pl.col("text").str.strip_chars() != "").with_columns(is_whole=_is_whole(len(header)))
    places = {kept[name]: place for place, name in enumerate(header) if name in kept}
    whole = _parsed(body.filter("is_whole"), len(header), places)
    odd = pl.concat([_quoted(body.clear()), *map(_quoted, body.filter(~pl.col("is_whole")).iter_slices(_PIECE_LINES))])
    fits = (pl.col("cells").list.len() == len(header)).fill_null(value=False)
    mended = odd.filter(fits).select("source_row", *(pl.col("cells").list.get(at).alias(name) for name, at in places.items()))
    return ClaimFile(pl.concat([whole, mended]), _unreadable(odd.filter(~fits), len(header)), _ignored(header, kept))


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
    kind = next((kind for start, kind in _OTHER_FILES.items() if content.startswith(start)), None)
    if kind:
        raise UnknownNameError(f"{path} is {kind}: expected CSV. Save it as CSV (comma delimited) in UTF-8.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\n".join(map(_decoded, content.removeprefix(BOM_UTF8).split(b"\n")))
    if "\n" not in text:
        text = text.replace("\r", "\n")
    lines = pl.Series("text", [text], dtype=pl.String).str.split("\n").explode().str.strip_chars_end("\r")
    return pl.DataFrame([lines]).with_row_index("source_row", offset=1).cast({"source_row": pl.Int64})


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


def _columns(path: Path, header: list[str]) -> dict[str, str]:
    """Columns of the file that are known, by their name in the file. Raises UnknownNameError."""
    kept = {name: _plain(name) for name in header if _plain(name) in (*REQUIRED, *OPTIONAL)}
    twice = sorted({name for name in kept.values() if [_plain(each) for each in header].count(name) > 1})
    missing = [name for name in REQUIRED if name not in kept.values()]
    if twice:
        raise UnknownNameError(f"{path} has the column {twice[0]} twice.")
    if missing:
        raise UnknownNameError(
            f"{path} has no column {', '.join(missing)}. Expected {', '.join(REQUIRED)} and, where known, {', '.join(OPTIONAL)}; "
            f"found {', '.join(header)[:300]}.{_separator_advice(header)}"
        )
    return kept


def _separator_advice(header: list[str]) -> str:
    """What to do where something else than commas separates the cells."""
    found = next((name for mark, name in _SEPARATORS.items() if len(header) == 1 and mark in header[0]), None)
    return f" Its cells are separated by {found}: save it with commas." if found else ""


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_")


def _ignored(header: list[str], kept: dict[str, str]) -> list[str]:
    return [name for name in header if name not in kept]
