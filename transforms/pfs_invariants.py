"""What holds across the rows of a fee schedule release. A broken invariant is a warning: the row stays, and says what it says.

Measured on the releases of April 2024 and October 2025 and described in CMS's record layout RVU25D. Invariants of one row that
no release broke are checks of `pfs_indicator` and refuse the row.
"""

from typing import NamedTuple

import polars as pl

from schemas import Finding
from transforms.gate import findings_frame

_TOTALS = ("nonfacility_total_rvu", "facility_total_rvu")
_PHASES = ("preoperative_percent", "intraoperative_percent", "postoperative_percent")
_IS_TC, _IS_26 = pl.col("component") == "TC", pl.col("component") == "26"
_IS_PART = _IS_TC | _IS_26
_HAS_PARTS = pl.col("_has_26") & pl.col("_has_tc")
_IS_WHOLE = (pl.col("component") == "global") & (pl.col("status_code") == "A") & _HAS_PARTS
_HAS_PERIOD = pl.col("global_days_code").is_in(["010", "090"])
_HAS_PHASES = pl.sum_horizontal(_PHASES) > 0


class Invariant(NamedTuple):
    """Something that holds on every row of a release."""

    column: str
    check: str
    """Last part of the rule's id."""
    is_broken: pl.Expr
    reason: str


INVARIANTS = (
    Invariant("component", "tc_beside_26", _IS_TC & ~pl.col("_has_26"), "A TC row must stand beside a 26 row of its code."),
    Invariant(
        "component",
        "26_beside_tc",
        _IS_26 & ~pl.col("_has_tc") & (pl.col("pctc_code") != "6"),
        "A 26 row without a TC row of its code must have PCTC IND 6.",
    ),
    *(
        Invariant(
            total,
            "sum_of_components",
            _IS_WHOLE & (pl.col(total) != pl.col(f"_parts_{total}")),
            "With status A, the total of the whole service must be that of its 26 and TC rows.",
        )
        for total in _TOTALS
    ),
    *(
        Invariant(
            total,
            "sum_of_terms",
            pl.col(total) != pl.sum_horizontal("work_rvu", total.replace("_total_", "_pe_"), "malpractice_rvu"),
            "The total must be work, practice expense and malpractice together.",
        )
        for total in _TOTALS
    ),
    Invariant(
        "endoscopic_base_code",
        "listed",
        pl.col("endoscopic_base_code").is_not_null() & ~pl.col("_is_base_listed"),
        "ENDO BASE must be a code of the file.",
    ),
    Invariant(
        "imaging_family_code",
        "with_multiple_4",
        (pl.col("multiple_procedure_code") == "4") != (pl.col("imaging_family_code") == "88"),
        "The imaging family must be 88 exactly where MULT PROC is 4.",
    ),
    Invariant(
        "global_days_code",
        "with_phases",
        _HAS_PERIOD & ~_HAS_PHASES,
        "With GLOB DAYS 010 or 090, PRE, INTRA and POST should share the global package.",
    ),
    Invariant(
        "global_days_code",
        "without_phases",
        ~_HAS_PERIOD & _HAS_PHASES,
        "PRE, INTRA and POST must be 0 unless GLOB DAYS is 010 or 090.",
    ),
    Invariant("calculation_flag", "zero", pl.col("calculation_flag") != "0", "CALCULATION FLAG must be 0, as since July 2014."),
)


def invariant_findings(indicators: pl.DataFrame) -> pl.DataFrame:
    """A warning per row of one release and invariant that it breaks. `indicators` are `pfs_indicator` rows of that release."""
    known = indicators.with_columns(
        _has_26=_IS_26.any().over("code"),
        _has_tc=_IS_TC.any().over("code"),
        _is_base_listed=pl.col("endoscopic_base_code").is_in(indicators["code"].unique().implode()),
        **{f"_parts_{total}": pl.col(total).filter(_IS_PART).sum().over("code") for total in _TOTALS},
    )
    broken = [_broken(known, invariant) for invariant in INVARIANTS]
    return pl.concat([findings_frame(), *broken]).sort("source_row", "rule_id", maintain_order=True)


def _broken(known: pl.DataFrame, invariant: Invariant) -> pl.DataFrame:
    return (
        known.filter(invariant.is_broken)
        .select(
            "source_file",
            "source_row",
            column_name=pl.lit(invariant.column),
            rule_id=pl.lit(f"pfs_indicator.{invariant.column}.{invariant.check}"),
            severity=pl.lit("warning"),
            value=pl.col(invariant.column).cast(pl.String),
            reason=pl.lit(invariant.reason),
        )
        .select(Finding.column_names())
    )
