"""Lines of a claim file: cells of text become typed columns, or the line is refused with the column at fault and the reason."""

from typing import NamedTuple

import polars as pl

from schemas.claim import ADVICE, MODIFIERS, MOST_LINES, OPTIONAL, REQUIRED
from schemas.vocabulary import BEGINNING, LINES_OF_BUSINESS, MARKETS

_DATES = ("%Y-%m-%d", "%Y%m%d")
_DATE_FORM = r"^([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8})$"
_UNITS_FORM = r"^[0-9]{1,9}(\.[0-9]{1,3})?$"
REFUSAL: dict[str, pl.DataType | type[pl.DataType]] = {
    "source_row": pl.Int64,
    "claim": pl.String,
    "line": pl.String,
    "column_name": pl.String,
    "value": pl.String,
    "reason": pl.String,
}
"""Columns of refused lines."""


class ClaimLines(NamedTuple):
    """Lines that can be judged and lines that cannot: together every line of the file."""

    lines: pl.DataFrame
    refused: pl.DataFrame


def claim_lines(cells: pl.DataFrame) -> ClaimLines:
    """Typed lines.

    Args:
        cells: `source_row` and text columns, `REQUIRED` and those of `OPTIONAL` that the file has; null where a cell is empty.

    Returns:
        lines: `source_row`, claim, line, claim_id (a number per claim), payer, code, modifier_1 to modifier_4, units (decimal),
        service_date (date), state, line_of_business, place_of_service, diagnosis. refused: columns `REFUSAL`, one row per line,
        the first fault of each.
    """
    absent = [pl.lit(None, dtype=pl.String).alias(name) for name in OPTIONAL if name not in cells.columns]
    typed = cells.select("source_row", *map(_trimmed, cells.select(pl.exclude("source_row")).columns), *absent).with_columns(
        code=pl.col("code").str.to_uppercase(),
        units_read=pl.when(pl.col("units").str.contains(_UNITS_FORM)).then("units").cast(pl.Decimal(18, 3), strict=False),
        date_read=_date(pl.col("service_date")),
        state_read=pl.col("state").str.to_uppercase(),
        line_read=pl.col("line_of_business").str.to_lowercase().str.replace_all(r"[ -]+", "_"),
        lines_of_claim=pl.len().over("claim"),
        **{name: pl.col(name).str.to_uppercase() for name in MODIFIERS},
    )
    faults = [
        pl.when(fails).then(pl.struct(column_name=pl.lit(name), reason=pl.lit(reason))) for name, fails, reason in _faults()
    ]
    judged = typed.with_columns(fault=pl.coalesce(faults))
    is_sound = pl.col("fault").is_null()
    return ClaimLines(_lines(judged.filter(is_sound)), _refused(judged.filter(~is_sound)))


def _faults() -> list[tuple[str, pl.Expr, str]]:
    """Column at fault, when it is, and what was expected; the first that applies is said."""
    empty = [(name, pl.col(name).is_null(), f"The column {name} is empty.") for name in REQUIRED]
    earliest = f"from {BEGINNING} on"
    return [
        *empty,
        (
            "units",
            pl.col("units_read").is_null() | (pl.col("units_read") <= 0),
            "units: expected a number above 0 with at most nine digits and three decimals and without commas, such as 1 or 2.5.",
        ),
        (
            "service_date",
            pl.col("date_read").is_null() | (pl.col("date_read") < BEGINNING),
            f"service_date: expected year, month and day such as 2025-10-15 or 20251015, {earliest}.",
        ),
        (
            "state",
            pl.col("state_read").is_not_null() & ~pl.col("state_read").is_in(MARKETS[1:]),
            "state: expected two letters such as TX, or nothing.",
        ),
        (
            "line_of_business",
            pl.col("line_read").is_not_null() & ~pl.col("line_read").is_in(LINES_OF_BUSINESS[1:]),
            f"line_of_business: expected one of {', '.join(LINES_OF_BUSINESS[1:])}, or nothing.",
        ),
        (
            "claim",
            pl.col("lines_of_claim") > MOST_LINES,
            f"claim: more than {MOST_LINES} lines carry this number; a claim has at most so many.",
        ),
    ]


def _lines(sound: pl.DataFrame) -> pl.DataFrame:
    return sound.select(
        "source_row",
        "claim",
        "line",
        pl.col("claim").rank("dense").cast(pl.Int64).alias("claim_id"),
        "payer",
        "code",
        *MODIFIERS,
        pl.col("units_read").alias("units"),
        pl.col("date_read").alias("service_date"),
        pl.col("state_read").alias("state"),
        pl.col("line_read").alias("line_of_business"),
        "place_of_service",
        "diagnosis",
    )


def _refused(faulty: pl.DataFrame) -> pl.DataFrame:
    column_name = pl.col("fault").struct.field("column_name")
    values = [pl.when(column_name == name).then(pl.col(name)) for name in (*REQUIRED, *OPTIONAL)]
    reason = pl.col("fault").struct.field("reason")
    no_day = (column_name == "service_date") & pl.col("date_read").is_null()
    advised = pl.when(no_day).then(
        pl.concat_str(pl.lit(" "), "service_date", pl.lit(" "), _looks_like("service_date"), pl.lit("."))
    )
    return faulty.select(
        "source_row",
        "claim",
        "line",
        column_name,
        pl.coalesce(values).alias("value"),
        pl.concat_str(reason, advised, ignore_nulls=True).alias("reason"),
    ).cast(dict(REFUSAL))  # type: ignore[arg-type]


def _looks_like(column_name: str) -> pl.Expr:
    """What a value that is not written as expected looks like; null where nothing is known of it."""
    fitting = [
        pl.when(pl.col(column_name).str.contains(f"^(?:{advice.pattern})$")).then(pl.lit(advice.says))
        for advice in ADVICE
        if advice.column_name == column_name
    ]
    return pl.coalesce(fitting)


def _trimmed(name: str) -> pl.Expr:
    cell = pl.col(name).str.strip_chars()
    return pl.when(cell != "").then(cell).alias(name)


def _date(cell: pl.Expr) -> pl.Expr:
    whole = pl.when(cell.str.contains(_DATE_FORM)).then(cell)
    return pl.coalesce([whole.str.to_date(form, strict=False) for form in _DATES])
