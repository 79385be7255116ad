"""The small files of NCCI: medically unlikely edits (units limits) and add-on code edits."""

import polars as pl

from schemas import NcciAddon, NcciMue
from schemas.base import Table
from schemas.cms_ncci import CONTRACTOR_DEFINED
from transforms.errors import StructureError
from transforms.gate import typed_and_gated
from transforms.ncci_files import Listed, Named, listed, period_of, refused_cells
from transforms.sources import Built, SourceFile, Statement, counted

_VALUES_OF = {
    "DME Supplier Services MUE Values": "dme",
    "Outpatient Hospital Services MUE Values": "outpatient_hospital",
    "Practitioner Services MUE Values": "practitioner",
}
MUE_COLUMNS = {
    "HCPCS/CPT Code": "code",
    "MUE Values": "mue_value",
    "MUE Adjudication Indicator": "adjudication_text",
    "MUE Rationale": "rationale",
}
"""The header of a file of units limits; its second name says whose claims they are for."""
ADDON_COLUMNS = {
    "AOC_Edit_Type": "edit_type",
    "Add-On_Code": "addon_code",
    "AOC_DelDT": "addon_deletion_date",
    "Primary_Code": "primary_code",
    "Primary_Code_DelDT": "primary_deletion_date",
    "AOC_Edit_EffDT": "valid_from",
    "AOC_Edit_DelDT": "valid_to",
    "Special_Instruction_Notes": "special_instruction",
}
_ADJUDICATION = {
    "1 Line Edit": ("1", "line"),
    "2 Date of Service Edit: Policy": ("2", "day_absolute"),
    "3 Date of Service Edit: Clinical": ("3", "day_appealable"),
}
"""What the file prints, with the indicator and what it means (NCCI policy manual, chapter 1, on MUE adjudication)."""
_DATES = ("addon_deletion_date", "primary_deletion_date", "valid_from", "valid_to")


def units_limits(file: SourceFile, what: Named) -> Built:
    """`ncci_mue` rows of one file. Raises StructureError where its header is not that of the setting in its name."""
    read = listed(file, MUE_COLUMNS, table=what.table, rename=dict.fromkeys(_VALUES_OF, "MUE Values"))
    setting = _VALUES_OF[read.header[1]]
    if setting != what.setting:
        raise StructureError(
            file.source_file,
            expected=f"the limits of {what.setting}, as the name says",
            found=f"the column {read.header[1]!r}",
            advice="Give the file CMS's name again.",
        )
    text = pl.col("adjudication_text").str.strip_chars()
    indicators, meanings = ({printed: pair[place] for printed, pair in _ADJUDICATION.items()} for place in (0, 1))
    unknown = refused_cells(
        read.table.rows,
        ~text.is_in(list(_ADJUDICATION)),
        table=what.table,
        column="adjudication_text",
        check="isin",
        reason=f"Must be one of {', '.join(_ADJUDICATION)}.",
    ).with_columns(column_name=pl.lit("adjudication_indicator"), rule_id=pl.lit(f"{what.table}.adjudication_indicator.isin"))
    rows = read.table.rows.with_columns(
        setting=pl.lit(setting),
        adjudication_indicator=text.replace_strict(indicators, default=None, return_dtype=pl.String),
        adjudication=text.replace_strict(meanings, default=None, return_dtype=pl.String),
        valid_from=pl.lit(period_of(file).valid_from),
        valid_to=pl.lit(None, dtype=pl.Date),
    )
    return _built(file, read, rows, unknown, NcciMue)


def addon_edits(file: SourceFile, what: Named) -> Built:
    """`ncci_addon` rows of the file of add-on codes; its dates are a year and a day of the year (`2013091` is 1 April 2013)."""
    read = listed(file, ADDON_COLUMNS, table=what.table)
    cells = read.table.rows.with_columns(pl.col(name).str.strip_chars() for name in ADDON_COLUMNS.values())
    lost = pl.concat(
        refused_cells(
            cells,
            (pl.col(name) != "") & _ordinal(name).is_null(),
            table=what.table,
            column=name,
            check="type",
            reason="Must be a date as YYYYDDD, a year and a day of the year.",
        )
        for name in _DATES
    )
    ends, starts = pl.col("valid_to"), pl.col("valid_from")
    is_left_open = pl.col("primary_code") == CONTRACTOR_DEFINED
    rows = cells.with_columns(_ordinal(name) for name in _DATES).with_columns(
        primary_kind=pl.when(is_left_open).then(pl.lit("contractor_defined")).otherwise(pl.lit("code")),
        is_ever_in_force=(ends != starts).fill_null(value=True),
    )
    return _built(file, read, rows, lost, NcciAddon)


def _ordinal(name: str) -> pl.Expr:
    """`2013091` as 1 April 2013, null for anything else: the parser alone would take `201391` for a date, too."""
    text = pl.col(name)
    return pl.when(text.str.contains(r"^[0-9]{7}$")).then(text).str.to_date("%Y%j", strict=False).alias(name)


def _built(file: SourceFile, read: Listed, rows: pl.DataFrame, refused: pl.DataFrame, model: type[Table]) -> Built:
    """Rows that were not refused, judged by their declaration."""
    period = period_of(file)
    kept = rows.join(refused, on=["source_file", "source_row"], how="anti", maintain_order="left").with_columns(
        known_from=pl.lit(period.published, dtype=pl.Date), release_id=pl.lit(period.release_id)
    )
    judged = typed_and_gated(kept, model)
    findings = pl.concat([read.table.findings, refused, judged.findings])
    return Built(
        tables={model.table_name(): judged.accepted},
        findings=findings,
        counts=[counted(file.source_file, rows_read=read.table.rows_read, accepted=judged.accepted, findings=findings)],
        statements=[Statement(file.source_file, read.notice)] if read.notice else [],
    )
