"""CMS's alpha-numeric file in its three formats, fixed width, workbook and csv, as one frame of text (record layout HCPCS16C).

A code or modifier is a first record (type 3 or 7) and the continuations of its long description (4 or 8). What the formats
do with the same content differs, and is levelled here: continuations are joined in sequence order with one blank, wherever they
stand; blanks around a cell, no-break spaces and runs of blanks in a text say nothing; a number that a workbook keeps as a number
gets its zeros back.
"""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from transforms.errors import StructureError
from transforms.fixed_width import numbered_lines
from transforms.gate import WHOLE_ROW, findings_frame
from transforms.read import RawText, TextTable, check_header, records, text_table
from transforms.sources import SourceFile
from transforms.workbook import hidden_sheet_findings, read_sheet, sheet_cells, sheet_table

TABLE = "hcpcs_record"
"""Stands for the table in the rule ids of findings about records."""


class Field(NamedTuple):
    """A column of the workbook and the csv file, and its place in the fixed-width file, counted from 1."""

    header: str
    begin: int
    length: int


def _fields() -> dict[str, Field]:
    """Every field by the name of its column, in the order of the workbook."""

    def several(name: str, header: str, count: int, begin: int, length: int) -> dict[str, Field]:
        return {f"{name}_{i + 1}": Field(f"{header}{i + 1}", begin + i * length, length) for i in range(count)}

    return {
        "code": Field("HCPC", 1, 5),
        "sequence": Field("SEQNUM", 6, 5),
        "record_type": Field("RECID", 11, 1),
        "long_description": Field("LONG DESCRIPTION", 12, 80),
        "short_description": Field("SHORT DESCRIPTION", 92, 28),
        **several("price", "PRICE", 4, 120, 2),
        "multiple_pricing_code": Field("MULT_PI", 128, 1),
        **several("coverage_issues_section", "CIM", 3, 129, 6),
        **several("carriers_manual_section", "MCM", 3, 147, 8),
        "statute": Field("STATUTE", 171, 10),
        **several("laboratory_certification", "LABCERT", 8, 181, 3),
        **several("cross_reference", "XREF", 5, 205, 5),
        "coverage_code": Field("COV", 230, 1),
        "asc_group_code": Field("ASC_GRP", 231, 2),
        "asc_date": Field("ASC_DT", 233, 8),
        "outpatient_group_code": Field("OPPS", 241, 3),
        "outpatient_policy_code": Field("OPPS_PI", 244, 1),
        "outpatient_group_date": Field("OPPS_DT", 245, 8),
        "processing_note_code": Field("PROCNOTE", 253, 4),
        "betos_code": Field("BETOS", 257, 3),
        **several("type_of_service", "TOS", 5, 261, 1),
        "anesthesia_base_unit_count": Field("ANEST_BU", 266, 3),
        "added_date": Field("ADD DT", 269, 8),
        "action_effective_date": Field("ACT EFF DT", 277, 8),
        "termination_date": Field("TERM DT", 285, 8),
        "action_code": Field("ACTION CD", 293, 1),
    }


FIELDS = _fields()
_HEADERS = [field.header for field in FIELDS.values()]
_ZERO_FILLED = ("price", "laboratory_certification", "outpatient_group_code", "processing_note_code")
"""Beginnings of the names of fields whose digits fill their whole width."""
_RECORD = r"^.{5}[0-9]{5}[3478]"
_MEANT_AS_RECORD = r"^(   [0-9A-Z]{2}|[A-Z][0-9]{4})[0-9]"
"""A code and the beginning of a sequence number: no line of a preamble looks like that."""
_IS_FIRST = pl.col("record_type").is_in(["3", "7"])
_IN_WORDS = "code 1-5, sequence number 6-10 and record type 11, one of 3, 4, 7, 8"


def read_records(file: SourceFile) -> TextTable:
    """One row per code or modifier with every field of `FIELDS` as text, `source_file` and the line of its first record.

    Records without a first record are refused. Raises StructureError where the file is not in one of the three layouts.
    """
    table = _cells(file)
    rows = table.rows.with_columns(_levelled(name) for name in FIELDS)
    known = pl.col("record_type").is_in(["3", "4", "7", "8"])
    strange = _findings(
        rows.filter(~known), "record_type", f"{TABLE}.record_type.isin", "Must be one of 3, 4, 7, 8.", pl.col("record_type")
    )
    owned = _with_first_record(rows.filter(known))
    orphans = owned.filter(pl.col("first_row").is_null())
    alone = _findings(
        orphans, "code", f"{TABLE}.continuation.first_record", "A continuation must have a first record.", pl.col("code")
    )
    kept = owned.filter(pl.col("first_row").is_not_null())
    warnings = [_holes(kept), _details(kept)] + ([] if file.suffix == ".txt" else [_continuations(kept)])
    joined = kept.filter(_IS_FIRST).height
    findings = pl.concat([table.findings, strange, alone, *warnings])
    refused = table.rows_read - table.rows.height + rows.filter(~known).height + orphans.height
    return TextTable(_joined(kept), findings, joined + refused)


def _cells(file: SourceFile) -> TextTable:
    if file.suffix == ".txt":
        return _fixed_width_cells(file.raw)
    return _workbook_cells(file) if file.suffix == ".xlsx" else _csv_cells(file.raw)


def _fixed_width_cells(raw: RawText) -> TextTable:
    """Records by their shape: lines differ in length from release to release, and what stands above the first varies."""
    lines = numbered_lines(raw).filter(pl.col("line").str.strip_chars() != "")
    is_record = pl.col("line").str.contains(_RECORD)
    begins = lines.filter(is_record | pl.col("line").str.contains(_MEANT_AS_RECORD))["source_row"].min()
    if lines.filter(is_record).is_empty():
        raise StructureError(
            raw.source_file,
            expected=f"records with {_IN_WORDS}",
            found="none",
            advice="Check that this is the alpha-numeric file in fixed width.",
        )
    listed = lines.filter(pl.col("source_row") >= begins).with_columns(source_file=pl.lit(raw.source_file))
    found = pl.format("{} characters", pl.col("line").str.len_chars())
    wrong = _findings(listed.filter(~is_record), WHOLE_ROW, f"{TABLE}.row.layout", f"A line must have {_IN_WORDS}.", found)
    rows = listed.filter(is_record).select(
        *(pl.col("line").str.slice(field.begin - 1, field.length).alias(name) for name, field in FIELDS.items()),
        "source_file",
        "source_row",
    )
    return TextTable(rows, wrong, listed.height)


def _workbook_cells(file: SourceFile) -> TextTable:
    sheet = read_sheet(file.content, source_file=file.source_file)
    first = pl.col("column_1").fill_null("").str.strip_chars() == "HCPC"
    headers = sheet.rows.with_row_index("line", offset=1).filter(first)["line"].to_list()
    if not headers:
        raise _no_header(file.source_file)
    line = headers[0]
    cells = sheet_cells(sheet, line)
    while cells and not cells[-1]:
        cells.pop()
    check_header(cells, _HEADERS, source_file=file.source_file, line=line)
    table = sheet_table(sheet, list(FIELDS), first_line=line + 1, table=TABLE)
    return table._replace(findings=pl.concat([table.findings, hidden_sheet_findings(sheet, table=TABLE)]))


def _csv_cells(raw: RawText) -> TextTable:
    rows = records(raw)
    at = next((i for i, row in enumerate(rows) if row.cells[0].strip() == "HCPC"), None)
    if at is None:
        raise _no_header(raw.source_file)
    check_header([cell.strip() for cell in rows[at].cells], _HEADERS, source_file=raw.source_file, line=rows[at].line)
    return text_table(rows[at + 1 :], list(FIELDS), source_file=raw.source_file, table=TABLE)


def _no_header(source_file: str) -> StructureError:
    return StructureError(
        source_file,
        expected="a header row whose first cell is 'HCPC'",
        found="none",
        advice="Check that this is the alpha-numeric file.",
    )


def _levelled(name: str) -> pl.Expr:
    """A cell without what only its format adds to it."""
    cell = pl.col(name).str.replace_all(r"\s+", " ").str.strip_chars()
    if not name.startswith(_ZERO_FILLED):
        return cell.alias(name)
    is_number = cell.str.contains("^[0-9]+$")
    return pl.when(is_number).then(cell.str.zfill(FIELDS[name].length)).otherwise(cell).alias(name)


def _with_first_record(rows: pl.DataFrame) -> pl.DataFrame:
    """Records with `first_row`, the line of the first record of their code: the one above them or, without it, below."""
    first = pl.when(_IS_FIRST).then("source_row")
    return rows.with_columns(first_row=pl.coalesce(first.forward_fill(), first.backward_fill()).over("code"))


def _joined(rows: pl.DataFrame) -> pl.DataFrame:
    """First records with their whole long description."""
    text = pl.col("long_description").filter(pl.col("long_description") != "")
    whole = (
        rows.sort("first_row", ~_IS_FIRST, pl.col("sequence").cast(pl.Int64, strict=False), "source_row")
        .group_by("first_row", maintain_order=True)
        .agg(text.str.join(" ").alias("whole"))
    )
    joined = rows.filter(_IS_FIRST).join(whole, on="first_row", how="left", maintain_order="left")
    return joined.with_columns(long_description="whole").drop("whole", "first_row")


def _holes(rows: pl.DataFrame) -> pl.DataFrame:
    """A warning for every code whose records are not numbered 1, 2, 3 ... times the step of the file: a text has a hole."""
    number = pl.col("sequence").cast(pl.Int64, strict=False)
    numbered = rows.sort("first_row", ~_IS_FIRST, number, "source_row").with_columns(
        place=pl.int_range(1, pl.len() + 1).over("first_row"), step=number.first().over("first_row")
    )
    out = numbered.filter((number != pl.col("place") * pl.col("step")).fill_null(value=True)).unique(
        "first_row", keep="first", maintain_order=True
    )
    reason = "A record before this one is missing or repeated, so the long description may not be whole."
    return _findings(out, "sequence", f"{TABLE}.sequence.complete", reason, pl.col("sequence"), severity="warning")


def _details(rows: pl.DataFrame) -> pl.DataFrame:
    """A warning for continuations with anything but a text: it was not read."""
    silent = [name for name in FIELDS if name not in ("code", "sequence", "record_type", "long_description")]
    filled = rows.filter(~_IS_FIRST & pl.any_horizontal(pl.col(name) != "" for name in silent))
    reason = "A continuation has a description only; its other cells were not read."
    return _findings(filled, WHOLE_ROW, f"{TABLE}.continuation.details", reason, pl.col("code"), severity="warning")


def _continuations(rows: pl.DataFrame) -> pl.DataFrame:
    """A warning for continuations in files whose long descriptions are whole as a rule."""
    reason = "The rest of a long description in a row of its own was joined to its code."
    return _findings(
        rows.filter(~_IS_FIRST), WHOLE_ROW, f"{TABLE}.continuation.joined", reason, pl.col("code"), severity="warning"
    )


def _findings(
    rows: pl.DataFrame, column_name: str, rule_id: str, reason: str, value: pl.Expr, *, severity: str = "refused"
) -> pl.DataFrame:
    found: Sequence[str] = findings_frame().columns
    return rows.select(
        "source_file",
        "source_row",
        column_name=pl.lit(column_name),
        rule_id=pl.lit(rule_id),
        severity=pl.lit(severity),
        value=value,
        reason=pl.lit(reason),
    ).select(found)
