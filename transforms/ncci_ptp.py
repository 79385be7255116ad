"""Procedure-to-procedure edits of NCCI: the text files and workbooks ccipra and ccioph, each in several parts."""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl
from polars.exceptions import ComputeError, SchemaError

from schemas import Finding, NcciPtp
from transforms.errors import StructureError
from transforms.gate import WHOLE_ROW, findings_frame, gate, has_repeats
from transforms.ncci_files import HEAD_LINES, Named, header_line, notice_of, refused_cells, words
from transforms.read import DOS_END_OF_FILE, TextTable, check_header, decode
from transforms.sources import Built, Period, SourceFile, Statement, counted
from transforms.workbook import hidden_sheet_findings, read_sheet, sheet_table

COLUMNS = {
    "Column 1": "column_one_code",
    "Column 2": "column_two_code",
    "*=in existence prior to 1996": "is_prior_to_1996",
    "Effective Date": "valid_from",
    "Deletion Date *=no data": "valid_to",
    "Modifier 0=not allowed 1=allowed 9=not applicable": "modifier_indicator",
    "PTP Edit Rationale": "rationale",
}
"""The header, spread over four lines, each name with the column it becomes."""
_TABLE = "ncci_ptp"
_NAMES = list(COLUMNS.values())
_TEXT = dict.fromkeys(_NAMES, pl.String)
_PAIR = ("column_one_code", "column_two_code", "valid_from")
_SAYS = ("valid_to", "modifier_indicator", "rationale", "is_prior_to_1996")
_AT = "_at"
_MARK, _CODE_BYTES, _DAY_BYTES, _HEAD_BYTES = "*", 5, 8, 65_536
_FEW = ("modifier_indicator", "rationale", "source_file")
"""Columns of a few texts, each kept once and not in millions of rows."""
_FLAGS = {"": False, "*": True}
_REASONS = {
    "valid_from": "Must be a date as YYYYMMDD.",
    "valid_to": "Must be a date as YYYYMMDD, or * for an edit in force.",
    "is_prior_to_1996": "Must be * or blank.",
}
_NEVER, _RETROACTIVE = "9", pl.col("valid_to") == pl.col("valid_from")


class Part(NamedTuple):
    """A part of a setting's pairs."""

    file: SourceFile
    what: Named


class _Cells(NamedTuple):
    """Text cells of a part below the header, and the notice above it."""

    table: TextTable
    notice: str


class _Read(NamedTuple):
    """A part read: rows of the declared types, refused rows, how many there were, and the notice."""

    file: SourceFile
    rows: pl.DataFrame
    findings: pl.DataFrame
    rows_read: int
    notice: str


def edits(parts: Sequence[Part], *, period: Period) -> Built:
    """`ncci_ptp` rows of one setting of one release.

    Raises StructureError where parts of several versions lie together, one is missing or there twice, or a header changed.
    """
    ordered = sorted(parts, key=lambda part: (part.what.part or 0, part.file.source_file))
    _check_parts(ordered)
    read = [_read(part.file) for part in ordered]
    joined = pl.concat([part.rows for part in read])
    read = [part._replace(rows=part.rows.clear()) for part in read]  # millions of rows need not be held twice
    numbered, repeated = _numbered(joined)
    rows = numbered.with_columns(
        setting=pl.lit(ordered[0].what.setting, dtype=pl.Categorical),
        known_from=pl.lit(period.published, dtype=pl.Date),
        release_id=pl.lit(period.release_id, dtype=pl.Categorical),
    )
    judged = gate(rows, NcciPtp)
    findings = pl.concat([*(part.findings for part in read), repeated, judged.findings])
    counts = [
        counted(part.file.source_file, rows_read=part.rows_read, accepted=judged.accepted, findings=findings) for part in read
    ]
    statements = [Statement(part.file.source_file, part.notice) for part in read if part.notice]
    return Built({_TABLE: judged.accepted}, pl.concat([findings, warnings(judged.accepted)]), counts, statements)


def warnings(rows: pl.DataFrame) -> pl.DataFrame:
    """One warning per file and kind of oddity among accepted rows, at the first such row, with how many there are."""
    is_never = pl.col("modifier_indicator") == _NEVER
    oddities = {
        "edit_number.recurs": (
            pl.col("edit_number") > 1,
            "So many rows list a further edit of a pair from the same effective date; edit_number tells them apart.",
        ),
        "valid_to.indicator_9": (
            is_never & ~_RETROACTIVE.fill_null(value=False),
            "So many rows with indicator 9 are not deleted with their effective date; they are taken as never in force.",
        ),
        "modifier_indicator.retroactive": (
            _RETROACTIVE & ~is_never,
            "So many rows deleted with their effective date have not indicator 9; they are taken as never in force.",
        ),
    }
    return pl.concat([findings_frame(), *(_warning(rows, name, *oddity) for name, oddity in oddities.items())])


def _warning(rows: pl.DataFrame, name: str, mask: pl.Expr, reason: str) -> pl.DataFrame:
    return (
        rows.filter(mask)
        .group_by("source_file", maintain_order=True)
        .agg(pl.col("source_row").min(), value=pl.len().cast(pl.String))
        .with_columns(
            column_name=pl.lit(name.split(".", maxsplit=1)[0]),
            rule_id=pl.lit(f"{_TABLE}.{name}"),
            severity=pl.lit("warning"),
            reason=pl.lit(reason),
        )
        .select(pl.col("source_file").cast(pl.String), pl.exclude("source_file"))
        .select(Finding.column_names())
    )


def _check_parts(parts: Sequence[Part]) -> None:
    """Stop unless the files are parts 1, 2, ... of one version, each once."""
    first = parts[0]
    for part in parts[1:]:
        if part.what.version != first.what.version:
            raise StructureError(
                part.file.source_file,
                expected=f"a part of version {first.what.version}, as {first.file.name} is",
                found=f"version {part.what.version}",
                advice="Keep one version in a release folder.",
            )
    found = [part.what.part for part in parts]
    if found not in ([None], list(range(1, len(parts) + 1))):
        raise StructureError(
            first.file.source_file,
            expected="parts f1, f2, ... of the pairs without a gap, each once",
            found=", ".join(part.file.name for part in parts),
            advice="Fetch every part from CMS's page of PTP edits.",
        )


def _read(file: SourceFile) -> _Read:
    """A part as typed rows. Raises StructureError where the header is not as declared or nothing stands below it."""
    table, notice = _sheet_cells(file) if file.suffix == ".xlsx" else _text_cells(file)
    if not table.rows_read:
        raise StructureError(file.source_file, expected="edits below the header", found="none", advice="Fetch the file again.")
    rows, refused = _typed(table.rows)
    rows = rows.with_columns(pl.col(_FEW).cast(pl.Categorical))
    return _Read(file, rows, pl.concat([table.findings, refused]), table.rows_read, notice)


def _text_cells(file: SourceFile) -> _Cells:
    content = _utf8(file)
    lines = [line.rstrip("\r").split("\t") for line in content[:_HEAD_BYTES].decode(errors="replace").split("\n")[:HEAD_LINES]]
    at, first = _header(lines, source_file=file.source_file)
    return _Cells(tab_table(content, first_line=first + 1, source_file=file.source_file), notice_of(lines[:at]))


def _sheet_cells(file: SourceFile) -> _Cells:
    sheet = read_sheet(file.content, source_file=file.source_file)
    lines = sheet.rows.head(HEAD_LINES).rows()
    at, first = _header(lines, source_file=file.source_file)
    table = sheet_table(sheet, _NAMES, first_line=first + 1, table=_TABLE)
    findings = pl.concat([table.findings, hidden_sheet_findings(sheet, table=_TABLE)])
    return _Cells(table._replace(findings=findings), notice_of(lines[:at]))


def _utf8(file: SourceFile) -> bytes:
    """The file as UTF-8. ASCII, as published, is taken as it is: decoding 186 MB takes as long as parsing them."""
    content = file.content
    if not content.isascii() or b"\x00" in content:
        return file.raw.text.encode()
    decode(content[:_HEAD_BYTES], source_file=file.source_file, allow_cp1252=file.allow_cp1252)
    return content


def _header(lines: Sequence[Sequence[str | None]], *, source_file: str) -> tuple[int, int]:
    """Index of the first line of the header and of the first edit. The header goes on while the first cell is blank."""
    at = header_line(lines, next(iter(COLUMNS)), source_file=source_file)
    end = next((index for index in range(at + 1, len(lines)) if lines[index] and words(lines[index][0])), len(lines))
    stacked = [line for line in lines[at:end] if any(map(words, line))]
    width = max(len(line) for line in stacked)
    names = [words(" ".join(line[column] or "" for line in stacked if column < len(line))) for column in range(width)]
    while not names[-1]:
        names.pop()
    check_header(names, list(COLUMNS), source_file=source_file, line=at + 1)
    return at, end


def tab_table(content: bytes, *, first_line: int, source_file: str) -> TextTable:
    """Lines as cells. Polars fills short lines with nulls silently, so a row without a rationale sends the file the slow way."""
    try:
        cells = pl.read_csv(
            content,
            separator="\t",
            quote_char=None,
            has_header=False,
            skip_lines=first_line - 1,
            schema=_TEXT,
            raise_if_empty=False,
        )
    except (ComputeError, SchemaError):  # a line has more cells, or the first one fewer
        return _ragged_table(content, first_line=first_line, source_file=source_file)
    if cells[_NAMES[-1]].null_count():
        return _ragged_table(content, first_line=first_line, source_file=source_file)
    numbered = cells.with_columns(
        source_file=pl.lit(source_file), source_row=pl.int_range(first_line, first_line + pl.len(), dtype=pl.Int64)
    )
    return TextTable(numbered, findings_frame(), numbered.height)


def _ragged_table(content: bytes, *, first_line: int, source_file: str) -> TextTable:
    """The same, line by line: blank lines are skipped, lines with too few or too many cells become findings."""
    lines = pl.DataFrame({"line": content.decode().split("\n")[first_line - 1 :]}, schema={"line": pl.String}).with_columns(
        pl.col("line").str.strip_suffix("\r"),
        source_file=pl.lit(source_file),
        source_row=pl.int_range(first_line, first_line + pl.len(), dtype=pl.Int64),
    )
    filled = lines.filter(~pl.col("line").str.strip_chars().is_in(["", DOS_END_OF_FILE]))
    cells = filled.with_columns(pl.col("line").str.split("\t")).with_columns(count=pl.col("line").list.len())
    right = cells.filter(pl.col("count") == len(COLUMNS)).select(
        *(pl.col("line").list.get(index).replace("", None).alias(name) for index, name in enumerate(_NAMES)),
        "source_file",
        "source_row",
    )
    wrong = cells.filter(pl.col("count") != len(COLUMNS)).select(
        "source_file",
        "source_row",
        column_name=pl.lit(WHOLE_ROW),
        rule_id=pl.lit(f"{_TABLE}.row.cell_count"),
        severity=pl.lit("refused"),
        value=pl.format("{} cells", "count"),
        reason=pl.lit(f"A row must have {len(COLUMNS)} cells."),
    )
    return TextTable(right, wrong.select(Finding.column_names()), filled.height)


def _typed(cells: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Cells as the declared types, and refusals of rows whose dates or 1996 mark are none."""
    bare = _stripped(cells)
    is_open = (pl.col("valid_to") == _MARK).fill_null(value=False)
    typed = bare.with_columns(
        valid_from=_day("valid_from"),
        valid_to=pl.when(~is_open).then(_day("valid_to")),
        is_prior_to_1996=pl.col("is_prior_to_1996").fill_null("").replace_strict(_FLAGS, default=None, return_dtype=pl.Boolean),
    ).with_columns(is_ever_in_force=(pl.col("modifier_indicator") != _NEVER) & (~_RETROACTIVE).fill_null(value=True))
    lost = {
        "valid_from": typed["valid_from"].is_null(),
        "valid_to": typed["valid_to"].is_null() & ~bare.select(is_open).to_series(),
        "is_prior_to_1996": typed["is_prior_to_1996"].is_null(),
    }
    refused = [
        refused_cells(bare, mask, table=_TABLE, column=name, check="type", reason=_REASONS[name])
        for name, mask in lost.items()
        if mask.any()
    ]
    if not refused:
        return typed, findings_frame()
    return typed.filter(~(lost["valid_from"] | lost["valid_to"] | lost["is_prior_to_1996"])), pl.concat(refused)


def _stripped(cells: pl.DataFrame) -> pl.DataFrame:
    """Cells without blanks around them; where all are as wide as published ones there are none to take away."""
    width = {name: pl.col(name).str.len_bytes() for name in _NAMES}
    as_published = (
        width["column_one_code"] == _CODE_BYTES,
        width["column_two_code"] == _CODE_BYTES,
        pl.col("is_prior_to_1996").fill_null(_MARK) == _MARK,
        width["valid_from"] == _DAY_BYTES,
        (pl.col("valid_to") == _MARK) | (width["valid_to"] == _DAY_BYTES),
        width["modifier_indicator"] == 1,
        ~(pl.col("rationale").str.starts_with(" ") | pl.col("rationale").str.ends_with(" ")),
    )
    is_bare = cells.select(pl.all_horizontal(holds.all(ignore_nulls=False) for holds in as_published)).item()
    return cells if is_bare else cells.with_columns(pl.col(_NAMES).str.strip_chars().replace("", None))


def _day(name: str) -> pl.Expr:
    """`20230101` as a date, null for anything else: the parser alone would take `2023011` for a date, too."""
    text = pl.col(name)
    return pl.when(text.str.contains(r"^[0-9]{8}$")).then(text).str.to_date("%Y%m%d", strict=False)


def _numbered(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows with their `edit_number`, and a refusal for every row that says the same as an earlier one.

    The number is 1 unless a pair has several edits of one effective date: they count in the order of their deletion dates, the
    one in force last.
    """
    pairs = rows.select(pl.struct(_PAIR).hash()).to_series()  # equal pairs have equal hashes, which are quicker to compare
    if not has_repeats(pairs):
        return rows.with_columns(edit_number=pl.lit(1, dtype=pl.Int64)), findings_frame()
    placed = rows.with_row_index(_AT)
    several = placed.filter(pairs.is_duplicated()).sort(*_PAIR, *_SAYS, _AT, nulls_last=True)
    is_again = several.select(pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in (*_PAIR, *_SAYS)))
    marked = several.select(_AT, *_PAIR, "source_file", "source_row", _again=is_again.to_series() & (pl.int_range(pl.len()) > 0))
    repeated = marked.filter("_again").sort(_AT)
    numbers = marked.filter(~pl.col("_again")).select(_AT, edit_number=_position_in_pair())
    ones = pl.repeat(1, rows.height, dtype=pl.Int64, eager=True)
    counted_up = rows.with_columns(ones.scatter(numbers[_AT], numbers["edit_number"]).alias("edit_number"))
    kept = pl.repeat(value=True, n=rows.height, dtype=pl.Boolean, eager=True).scatter(repeated[_AT], values=False)
    return counted_up.filter(kept) if repeated.height else counted_up, _repeated_findings(repeated)


def _position_in_pair() -> pl.Expr:
    """1, 2, ... within runs of rows of the same pair and effective date."""
    begins = ~pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in _PAIR)
    at = pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
    return at - pl.when(begins | (at == 1)).then(at).forward_fill() + 1


def _repeated_findings(repeated: pl.DataFrame) -> pl.DataFrame:
    return repeated.select(
        pl.col("source_file").cast(pl.String),
        "source_row",
        column_name=pl.lit(WHOLE_ROW),
        rule_id=pl.lit(f"{_TABLE}.row.repeated"),
        severity=pl.lit("refused"),
        value=pl.lit(None, dtype=pl.String),
        reason=pl.lit("The same edit stands in an earlier row."),
    ).select(Finding.column_names())
