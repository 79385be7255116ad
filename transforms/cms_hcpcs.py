"""HCPCS Level II: codes, descriptions and modifiers of CMS's alpha-numeric file (CMS record layout HCPCS16C).

Two things that the file says are not what they seem. A blank ACT EFF DT beside the action N, none, is the ADD DT: all 116 such
codes of the October 2020 workbook have it in the fixed-width file of 2019. An ASC group 19 or 20 before an ASC date of six
digits is the beginning of the date, which stands two places too far left (five codes of 2018; the later files
confirm the date of three); their group is not known.
"""

from collections.abc import Sequence

import polars as pl

from schemas import CodeDescription, CodeListing, HcpcsCode, ModifierListing
from schemas.base import Table
from transforms.code import code_system, descriptions, with_section
from transforms.gate import Gated, ensure, findings_frame, typed_and_gated
from transforms.hcpcs_records import FIELDS, read_records
from transforms.hcpcs_releases import with_meanings, without_restated
from transforms.history import Kind, ReleaseTables, combined
from transforms.released import only_file, period_of
from transforms.sources import Built, Period, SourceFile, Tables, counted

_DATES = ("added_date", "action_effective_date", "termination_date", "asc_date", "outpatient_group_date")
_FIRST_DAY = pl.coalesce("added_date", "action_effective_date")
_KINDS = combined(
    "cms_hcpcs",
    {
        HcpcsCode: Kind.SNAPSHOT,
        CodeDescription: Kind.SNAPSHOT,
        CodeListing: Kind.DATED,
        ModifierListing: Kind.DATED,
    },
)


def build(files: Sequence[SourceFile], tables: Tables) -> Built:
    """`hcpcs_code`, `modifier_listing`, `code_listing` and short and long `code_description` of one release.

    Raises StructureError for several files in one release and for a file that is in none of the three layouts.
    """
    file = only_file(files)
    period = period_of(file)
    read = read_records(file)
    rows = _typed_fields(read.rows, period)
    is_modifier = pl.col("record_type") == "7"
    codes = _in_sections(typed_and_gated(_codes(rows.filter(~is_modifier)), HcpcsCode), tables["code_section"])
    modifiers = typed_and_gated(_modifiers(rows.filter(is_modifier)), ModifierListing)
    findings = pl.concat([read.findings, _shifted(read.rows), codes.findings, modifiers.findings])
    place = ("source_file", "source_row")
    accepted = pl.concat([codes.accepted.select(place), modifiers.accepted.select(place)])
    return Built(
        tables={
            "hcpcs_code": codes.accepted,
            "modifier_listing": modifiers.accepted,
            "code_listing": _listing(codes.accepted),
            "code_description": _descriptions(codes.accepted, rows, period),
        },
        findings=findings,
        counts=[counted(file.source_file, rows_read=read.rows_read, accepted=accepted, findings=findings)],
    )


def combine(parts: Sequence[ReleaseTables]) -> Built:
    """Releases side by side. The newest that lists a code or modifier decides about its dates."""
    dated = with_meanings(parts)
    built = _KINDS(dated)
    models: tuple[type[Table], ...] = (CodeListing, ModifierListing)
    settled = {model.table_name(): without_restated(built.tables[model.table_name()], dated, model) for model in models}
    return built._replace(tables={**built.tables, **settled})


def _typed_fields(rows: pl.DataFrame, period: Period) -> pl.DataFrame:
    """Cells as the tables want their text: dates with hyphens, several numbers of one kind in one cell, the release's dates."""
    mended = _with_asc_date(rows).with_columns(_iso_date(name) for name in _DATES)
    no_action = (pl.col("action_effective_date") == "") & (pl.col("action_code") == "N")
    return mended.with_columns(
        pl.when(no_action).then("added_date").otherwise("action_effective_date").alias("action_effective_date"),
        coverage_issues_sections=_together("coverage_issues_section"),
        carriers_manual_sections=_together("carriers_manual_section"),
        laboratory_certifications=_together("laboratory_certification"),
        cross_reference=_together("cross_reference"),
        release_id=pl.lit(period.release_id),
        known_from=pl.lit(period.published, dtype=pl.Date),
        release_from=pl.lit(period.valid_from),
    )


def _codes(rows: pl.DataFrame) -> pl.DataFrame:
    numbered = {f"price_{i}": f"price_{i}_code" for i in range(1, 5)}
    numbered |= {f"type_of_service_{i}": f"type_of_service_{i}_code" for i in range(1, 6)}
    return rows.rename(numbered).with_columns(
        code_system=code_system(), valid_from="release_from", valid_to=pl.lit(None, dtype=pl.Date)
    )


def _modifiers(rows: pl.DataFrame) -> pl.DataFrame:
    first_day = pl.when(pl.col("added_date") != "").then("added_date").otherwise("action_effective_date")
    named = {"code": "modifier", "long_description": "modifier_name", "short_description": "short_name"}
    return rows.rename(named).with_columns(valid_from=first_day, valid_to="termination_date")


def _listing(codes: pl.DataFrame) -> pl.DataFrame:
    """`code_listing` rows with the codes' own dates."""
    dated = codes.with_columns(source=pl.lit("cms_hcpcs"), valid_from=_FIRST_DAY, valid_to="termination_date")
    return ensure(dated, CodeListing)


def _descriptions(codes: pl.DataFrame, rows: pl.DataFrame, period: Period) -> pl.DataFrame:
    """`code_description` rows, short and long, of the accepted codes; a blank text has none."""
    texts = codes.select("code_system", "code", "source_file", "source_row").join(
        rows.select("source_row", "short_description", "long_description"), on="source_row", maintain_order="left"
    )
    made = [
        descriptions(
            texts.filter(pl.col(f"{kind}_description") != "").with_columns(description=f"{kind}_description"),
            kind=kind,
            source="cms_hcpcs",
            period=period,
        )
        for kind in ("short", "long")
    ]
    return ensure(pl.concat(made), CodeDescription)


def _in_sections(judged: Gated, sections: pl.DataFrame) -> Gated:
    """Codes that fall into a section of the code set; the others are refused."""
    placed = with_section(judged.accepted, sections)
    outside = placed.filter(pl.col("section").is_null()).select(
        "source_file",
        "source_row",
        column_name=pl.lit("code"),
        rule_id=pl.lit("hcpcs_code.code.section"),
        severity=pl.lit("refused"),
        value="code",
        reason=pl.lit("Must fall into a range of code_section."),
    )
    findings = pl.concat([judged.findings, outside.select(findings_frame().columns)])
    return Gated(placed.filter(pl.col("section").is_not_null()).drop("section"), findings)


_IS_SHIFTED = pl.col("asc_group_code").is_in(["19", "20"]) & pl.col("asc_date").str.contains("^[0-9]{6}$")


def _with_asc_date(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows whose ASC date began in the ASC group with the whole date and no group."""
    return rows.with_columns(
        asc_date=pl.when(_IS_SHIFTED).then(pl.col("asc_group_code") + pl.col("asc_date")).otherwise("asc_date"),
        asc_group_code=pl.when(_IS_SHIFTED).then(pl.lit("")).otherwise("asc_group_code"),
    )


def _shifted(rows: pl.DataFrame) -> pl.DataFrame:
    found = rows.filter(_IS_SHIFTED).select(
        "source_file",
        "source_row",
        column_name=pl.lit("asc_date"),
        rule_id=pl.lit("hcpcs_code.asc_date.shifted"),
        severity=pl.lit("warning"),
        value=pl.col("asc_group_code") + pl.col("asc_date"),
        reason=pl.lit("The date began in the ASC group; it was read from both, and the group is not known."),
    )
    return found.select(findings_frame().columns)


def _iso_date(name: str) -> pl.Expr:
    """20180401 as 2018-04-01, and the day of a cell that a workbook keeps as a time; anything else stays and is refused."""
    cell = pl.col(name).str.strip_suffix(" 00:00:00")
    return cell.str.replace(r"^([0-9]{4})([0-9]{2})([0-9]{2})$", "${1}-${2}-${3}").alias(name)


def _together(beginning: str) -> pl.Expr:
    """Filled cells of the fields with numbered names, separated by semicolons."""
    cells = [pl.col(name).replace("", None) for name in FIELDS if name.startswith(f"{beginning}_")]
    return pl.concat_str(cells, separator=";", ignore_nulls=True)
