"""Medicare Physician Fee Schedule files in CMS's csv layout (record layout RVU25D): relative values, ANES, GPCI."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import PurePosixPath
from typing import NamedTuple

import polars as pl

from schemas import AnesthesiaLocality, CodeDescription, CodeListing, ConversionFactor, Gpci, PfsIndicator
from transforms.code import code_system, short_descriptions, with_section
from transforms.errors import StructureError
from transforms.gate import Gated, ensure, typed_and_gated
from transforms.history import Kind, ReleaseTables, combined
from transforms.read import RawText, Row, TextTable, check_header, records, text_table
from transforms.sources import Built, FileCount, Period, SourceFile, Statement, Tables, counted

COLUMNS = {
    "HCPCS": "code",
    "MOD": "component",
    "DESCRIPTION": "description",
    "STATUS CODE": "status_code",
    "NOT USED FOR MEDICARE PAYMENT": "is_not_used_for_payment",
    "WORK RVU": "work_rvu",
    "NON-FAC PE RVU": "nonfacility_pe_rvu",
    "NON-FAC NA INDICATOR": "is_rare_in_nonfacility",
    "FACILITY PE RVU": "facility_pe_rvu",
    "FACILITY NA INDICATOR": "is_rare_in_facility",
    "MP RVU": "malpractice_rvu",
    "NON-FACILITY TOTAL": "nonfacility_total_rvu",
    "FACILITY TOTAL": "facility_total_rvu",
    "PCTC IND": "pctc_code",
    "GLOB DAYS": "global_days_code",
    "PRE OP": "preoperative_percent",
    "INTRA OP": "intraoperative_percent",
    "POST OP": "postoperative_percent",
    "MULT PROC": "multiple_procedure_code",
    "BILAT SURG": "bilateral_code",
    "ASST SURG": "assistant_code",
    "CO- SURG": "co_surgeon_code",
    "TEAM SURG": "team_surgeon_code",
    "ENDO BASE": "endoscopic_base_code",
    "CONV FACTOR": "conversion_factor_usd",
    "PHYSICIAN SUPERVISION OF DIAGNOSTIC PROCEDURES": "supervision_code",
    "CALCULATION FLAG": "calculation_flag",
    "DIAGNOSTIC IMAGING FAMILY INDICATOR": "imaging_family_code",
    "NON-FACILITY PE USED FOR OPPS PAYMENT AMOUNT": "opps_nonfacility_pe_rvu",
    "FACILITY PE USED FOR OPPS PAYMENT AMOUNT": "opps_facility_pe_rvu",
    "MP USED FOR OPPS PAYMENT AMOUNT": "opps_malpractice_rvu",
}
"""The stacked header of the 2023 to 2025 layout, each name with the column it becomes."""
_FLAGS = {"is_not_used_for_payment": "+", "is_rare_in_nonfacility": "NA", "is_rare_in_facility": "NA"}
_KINDS = combined(
    "cms_pfs",
    {
        PfsIndicator: Kind.PER_RELEASE,
        ConversionFactor: Kind.PER_RELEASE,
        Gpci: Kind.PER_RELEASE,
        AnesthesiaLocality: Kind.PER_RELEASE,
        CodeListing: Kind.SNAPSHOT,
    },
)
_PHASES = ("preoperative_percent", "intraoperative_percent", "postoperative_percent")


class RelativeValues(NamedTuple):
    """A relative value file: indicators with refusals, descriptors apart from them, and what the preamble says."""

    indicators: Gated
    descriptors: pl.DataFrame
    notice: str
    released: date
    rows_read: int


class Localities(NamedTuple):
    """A file of localities with refusals, and the national factor its header carries, where it carries one."""

    rows: Gated
    national_factor: Decimal | None
    rows_read: int


def build(files: Sequence[SourceFile], tables: Tables) -> Built:
    """`pfs_indicator`, `conversion_factor`, `gpci`, `anesthesia_locality`, `code_listing`, short `code_description` of one release."""
    return _release_tables(files, tables["code_section"])


def combine(parts: Sequence[ReleaseTables]) -> Built:
    """Releases side by side. Raises StructureError where two of them claim the same day."""
    _check_periods([part.period for part in parts])
    built = _KINDS(parts)
    descriptions = built.tables["code_description"].unique(["code_system", "code", "kind", "source_file"], maintain_order=True)
    return built._replace(tables={**built.tables, "code_description": descriptions})


def relative_values(raw: RawText, *, period: Period) -> RelativeValues:
    """The PPRRVU csv: `pfs_indicator` rows and descriptors (code_system, code, description, source_file).

    Binds to the stacked header, not to line numbers. Raises StructureError where the header or the preamble is not as declared.
    """
    rows = records(raw)
    top, header = _released_row(rows, raw), _header_row(rows, raw)
    stacked = rows[top + 1 : header + 1]
    if not stacked:
        raise StructureError(
            f"{raw.source_file} line {rows[header].line}",
            expected="the header below the line 'RELEASED mm/dd/yyyy'",
            found=f"it above line {rows[top].line}",
            advice="Fetch the file again.",
        )
    check_header(_stacked_names(stacked), list(COLUMNS), source_file=raw.source_file, line=rows[header].line)
    table = text_table(rows[header + 1 :], list(COLUMNS.values()), source_file=raw.source_file, table="pfs_indicator")
    cells = table.rows.with_columns(pl.all().exclude("source_row").str.strip_chars()).with_columns(code_system=code_system())
    judged = typed_and_gated(_indicators(cells, period=period), PfsIndicator)
    return RelativeValues(
        indicators=Gated(judged.accepted, pl.concat([table.findings, judged.findings])),
        descriptors=cells.filter(pl.col("description") != "")
        .select("code_system", "code", "description", "source_file")
        .unique(["code_system", "code"], keep="first", maintain_order=True),
        notice=" ".join(" ".join(cell.split()) for row in rows[1:top] for cell in row.cells if "copyright" in cell.lower()),
        released=_released_date(rows[top], raw),
        rows_read=table.rows_read,
    )


def conversion_factors(
    indicators: pl.DataFrame, *, source_file: str, anesthesia: Decimal | None, anesthesia_file: str | None
) -> pl.DataFrame:
    """`conversion_factor` rows: the fee schedule's own, printed on every row, and the national anesthesia factor.

    Raises StructureError where the file prints more than one factor.
    """
    factors = indicators.select(
        "conversion_factor_usd", "release_id", "valid_from", "valid_to", "known_from", "source_file"
    ).unique()
    if factors.height != 1:
        raise StructureError(
            source_file,
            expected="one conversion factor on every accepted row",
            found=f"{factors.height}: {factors['conversion_factor_usd'].sort().to_list()}",
            advice="Fetch the file again; releases with two factors come as two files.",
        )
    pfs = factors.with_columns(factor_kind=pl.lit("physician_fee_schedule"), apm_status=pl.lit("any"))
    if anesthesia is None:
        return ensure(pfs, ConversionFactor)
    national = pfs.with_columns(
        factor_kind=pl.lit("anesthesia"),
        conversion_factor_usd=pl.lit(anesthesia, dtype=pl.Decimal(9, 4)),
        source_file=pl.lit(anesthesia_file),
    )
    return ensure(pl.concat([pfs, national]), ConversionFactor)


def anesthesia_localities(raw: RawText, *, period: Period) -> Localities:
    """The ANES csv. The last column's name changes every year and may hold the national factor."""
    rows = records(raw)
    header = [cell.strip() for cell in rows[0].cells]
    factor_name = header[-1] if re.search(r"An?es(thesia)?\b.*(CF|Conversion Factor)", header[-1]) else "Anesthesia CF"
    check_header(header, ["Contractor", "Locality", "Locality Name", factor_name], source_file=raw.source_file, line=rows[0].line)
    table = text_table(
        rows[1:],
        ["contractor_code", "locality_code", "locality_name", "conversion_factor_usd"],
        source_file=raw.source_file,
        table="anesthesia_locality",
    )
    national = re.search(r"([0-9]+\.[0-9]{2,4})", factor_name)
    return Localities(
        _localities(table, AnesthesiaLocality, period=period), Decimal(national.group(1)) if national else None, table.rows_read
    )


def geographic_indices(raw: RawText, *, period: Period) -> Localities:
    """The GPCI csv: a title, a blank line, the header with the year in its names, localities, then footnotes."""
    rows = records(raw)
    at = next((i for i, row in enumerate(rows) if row.cells[0].startswith("Medicare Administrative Contractor")), None)
    if at is None:
        raise StructureError(
            raw.source_file,
            expected="a header beginning with 'Medicare Administrative Contractor (MAC)'",
            found=repr(",".join(rows[0].cells)[:60]),
            advice="Check that this is the GPCI file.",
        )
    found = [re.sub(r"^[0-9]{4} |\*+$", "", cell.strip()) for cell in rows[at].cells]
    expected = [
        "Medicare Administrative Contractor (MAC)",
        "State",
        "Locality Number",
        "Locality Name",
        "PW GPCI (with 1.0 Floor)",
        "PE GPCI",
        "MP GPCI",
    ]
    check_header(found, expected, source_file=raw.source_file, line=rows[at].line)
    table = text_table(
        [row for row in rows[at + 1 :] if not _is_footnote(row)],
        ["contractor_code", "state", "locality_code", "locality_name", "work_gpci", "pe_gpci", "malpractice_gpci"],
        source_file=raw.source_file,
        table="gpci",
    )
    return Localities(_localities(table, Gpci, period=period), None, table.rows_read)


def _listing(indicators: pl.DataFrame) -> pl.DataFrame:
    """Codes that the release lists, each at its first row."""
    listed = indicators.unique(["code_system", "code"], keep="first", maintain_order=True)
    nothing = pl.lit(None, dtype=pl.String)
    return listed.with_columns(source=pl.lit("cms_pfs"), action_code=nothing).select(CodeListing.column_names())


def _release(file: SourceFile) -> Period:
    if file.period is None:
        raise StructureError(
            file.raw.source_file,
            expected="a release folder named YYYY-MM, or an origin.json that gives its period",
            found="neither",
            advice="Move the file to cms_pfs/<year>-<month of the release>/.",
        )
    return file.period


def _check_periods(periods: Sequence[Period]) -> None:
    """Stop where two releases claim the same day: only one of them can be the fee schedule of that day."""
    for earlier, later in pairwise(periods):
        if later.valid_from <= earlier.valid_to:
            raise StructureError(
                f"cms_pfs/{later.release_id}",
                expected=f"a period after release {earlier.release_id}, which ends on {earlier.valid_to}",
                found=f"one that starts on {later.valid_from}",
                advice="State valid_from and valid_to in the origin.json of both releases.",
            )


def _release_tables(files: Sequence[SourceFile], sections: pl.DataFrame) -> Built:
    """All tables of one release."""
    kinds = _by_kind(files)
    if "PPRR" not in kinds:
        raise StructureError(
            str(PurePosixPath(files[0].raw.source_file).parent),
            expected="the relative value file PPRRVU*.csv",
            found=", ".join(PurePosixPath(file.raw.source_file).name for file in files),
            advice="Put the PPRRVU csv file of the release beside them.",
        )
    relative = kinds["PPRR"]
    period = _release(relative)
    values = _in_sections(relative_values(relative.raw, period=period), sections)
    localities = anesthesia_localities(kinds["ANES"].raw, period=period) if "ANES" in kinds else None
    indices = geographic_indices(kinds["GPCI"].raw, period=period) if "GPCI" in kinds else None
    factors = conversion_factors(
        values.indicators.accepted,
        source_file=relative.raw.source_file,
        anesthesia=localities.national_factor if localities else None,
        anesthesia_file=kinds["ANES"].raw.source_file if localities else None,
    )
    parts = {"anesthesia_locality": localities, "gpci": indices}
    present = {name: part for name, part in parts.items() if part is not None}
    counts = [_count(relative, values.rows_read, values.indicators)]
    counts += [_count(kinds[key], part.rows_read, part.rows) for key, part in (("ANES", localities), ("GPCI", indices)) if part]
    return Built(
        tables={
            "pfs_indicator": values.indicators.accepted,
            "conversion_factor": factors,
            "code_listing": _listing(values.indicators.accepted),
            "code_description": short_descriptions(values.descriptors).select(CodeDescription.column_names()),
            **{name: part.rows.accepted for name, part in present.items()},
        },
        findings=pl.concat([values.indicators.findings, *(part.rows.findings for part in present.values())]),
        counts=counts,
        statements=[Statement(relative.raw.source_file, values.notice, values.released)],
    )


def _by_kind(files: Sequence[SourceFile]) -> dict[str, SourceFile]:
    """Files of a release by the first four letters of their names. Raises StructureError for two of one kind."""
    kinds: dict[str, SourceFile] = {}
    for file in files:
        kind = PurePosixPath(file.raw.source_file).name[:4].upper()
        if kind in kinds:
            raise StructureError(
                file.raw.source_file,
                expected="one file of its kind in a release folder",
                found=f"{PurePosixPath(kinds[kind].raw.source_file).name} beside it",
                advice="Keep the one that is meant, or give each release a folder.",
            )
        kinds[kind] = file
    return kinds


def _in_sections(values: RelativeValues, sections: pl.DataFrame) -> RelativeValues:
    """Values whose codes fall into a section of the code set; the others are refused."""
    placed = with_section(values.indicators.accepted, sections)
    outside = placed.filter(pl.col("section").is_null()).select(
        "source_file",
        "source_row",
        rule_id=pl.lit("pfs_indicator.code.section"),
        column_name=pl.lit("code"),
        severity=pl.lit("refused"),
        value="code",
        reason=pl.lit("Must fall into a range of code_section."),
    )
    accepted = placed.filter(pl.col("section").is_not_null()).drop("section")
    return values._replace(indicators=Gated(accepted, pl.concat([values.indicators.findings, outside])))


def _count(file: SourceFile, rows_read: int, judged: Gated) -> FileCount:
    return counted(file.raw.source_file, rows_read=rows_read, accepted=judged.accepted, findings=judged.findings)


def _indicators(cells: pl.DataFrame, *, period: Period) -> pl.DataFrame:
    """Text cells with flags as booleans, phases as percent, blank MOD as `global`, and the release's period."""
    return cells.with_columns(
        *(_flag(name, mark) for name, mark in _FLAGS.items()),
        *(_percent(name) for name in _PHASES),
        component=pl.col("component").replace("", "global"),
        release_id=pl.lit(period.release_id),
        valid_from=pl.lit(period.valid_from),
        valid_to=pl.lit(period.valid_to),
        known_from=pl.lit(period.published, dtype=pl.Date),
    )


def _flag(name: str, mark: str) -> pl.Expr:
    """`true` for the mark, `false` for a blank cell; anything else stays as it is and is refused as no truth value."""
    cell = pl.col(name)
    return pl.when(cell == mark).then(pl.lit("true")).when(cell == "").then(pl.lit("false")).otherwise(cell).alias(name)


def _percent(name: str) -> pl.Expr:
    """A share such as 0.71 as 71.00; a cell that is no share of at most four decimals stays as it is and is refused."""
    cell = pl.col(name)
    is_share = cell.str.contains(r"^[0-9]*\.?[0-9]{0,4}0*$") & cell.str.contains("[0-9]")
    share = pl.when(is_share).then(cell).cast(pl.Decimal(9, 4), strict=False)
    percent = (share * 100).cast(pl.Decimal(9, 2)).cast(pl.String)
    return pl.when(is_share).then(percent).otherwise(cell).alias(name)


def _localities(table: TextTable, model: type[AnesthesiaLocality] | type[Gpci], *, period: Period) -> Gated:
    named = table.rows.with_columns(
        pl.col("contractor_code", "locality_code").str.strip_chars(),
        locality_name=pl.col("locality_name").str.strip_chars(" *"),
        release_id=pl.lit(period.release_id),
        valid_from=pl.lit(period.valid_from),
        valid_to=pl.lit(period.valid_to),
        known_from=pl.lit(period.published, dtype=pl.Date),
    )
    judged = typed_and_gated(named, model)
    return Gated(judged.accepted, pl.concat([table.findings, judged.findings]))


def _is_footnote(row: Row) -> bool:
    """A line of prose in the first cell and nothing beside it, below the localities."""
    return not re.match(r"\s*[0-9]", row.cells[0]) and not any(cell.strip() for cell in row.cells[1:])


def _header_row(rows: Sequence[Row], raw: RawText) -> int:
    for index, row in enumerate(rows):
        if row.cells and row.cells[0].strip() == "HCPCS":
            return index
    raise StructureError(
        raw.source_file,
        expected="a header line whose first cell is 'HCPCS'",
        found="none",
        advice="Check that this is the PPRRVU csv file of a fee schedule release.",
    )


def _released_row(rows: Sequence[Row], raw: RawText) -> int:
    for index, row in enumerate(rows):
        if any(cell.startswith("RELEASED ") for cell in row.cells):
            return index
    raise StructureError(
        raw.source_file,
        expected="a preamble line 'RELEASED mm/dd/yyyy'",
        found="none",
        advice="Check that this is the PPRRVU csv file of a fee schedule release.",
    )


def _released_date(row: Row, raw: RawText) -> date:
    text = next(cell for cell in row.cells if cell.startswith("RELEASED ")).removeprefix("RELEASED ").strip()
    try:
        return datetime.strptime(text, "%m/%d/%Y").date()  # noqa: DTZ007 - a date has no zone
    except ValueError as error:
        raise StructureError(
            f"{raw.source_file} line {row.line}", expected="RELEASED mm/dd/yyyy", found=repr(text), advice="Fetch the file again."
        ) from error


def _stacked_names(stacked: Sequence[Row]) -> list[str]:
    """Names of the columns: the words of the stacked header lines, top to bottom."""
    width = len(stacked[-1].cells)
    return [" ".join(" ".join(row.cells[i] for row in stacked if i < len(row.cells)).split()) for i in range(width)]
