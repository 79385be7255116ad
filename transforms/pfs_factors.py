"""Conversion factors of a release, and whether its two relative value files are one schedule with two factors."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import polars as pl

from schemas import ConversionFactor, PfsIndicator
from schemas.cms_pfs import PAID_BY_RVU
from transforms.errors import StructureError
from transforms.gate import ensure
from transforms.pfs_relative_values import RelativeValues
from transforms.sources import Period

_KEY = ("code", "component")
_OWN = ("conversion_factor_usd", "pricing_code", "known_from", "source_file", "source_row")
"""Columns in which the files for the two kinds of clinicians may differ. PRIC IND is one value on every row of a file."""
_PERIOD = ("release_id", "valid_from", "valid_to", "known_from")


def check_agreement(base: RelativeValues, qualifying: RelativeValues) -> None:
    """Stop unless the rows of the file for qualifying clinicians are rows of the other file, apart from the factor.

    The file for qualifying clinicians may leave out rows that Medicare does not pay by relative values. Raises StructureError
    with the first row that is in that file alone, says something else, or is paid and missing.
    """
    _check_listed(base, qualifying)
    _check_equal(base, qualifying)
    _check_paid(base, qualifying)


def conversion_factors(
    values: Mapping[str, RelativeValues], anesthesia: Mapping[str, Decimal], *, anesthesia_file: str | None, period: Period
) -> pl.DataFrame:
    """`conversion_factor` rows: the fee schedule's own, printed on every row, and the national anesthesia factors.

    `values` and `anesthesia` are by `apm_status`. Raises StructureError where a file prints more than one factor.
    """
    own = [_printed(status, part) for status, part in values.items()]
    national = [("anesthesia", status, factor, anesthesia_file, period.published) for status, factor in anesthesia.items()]
    rows = pl.DataFrame(
        [*own, *national],
        schema={
            "factor_kind": pl.String,
            "apm_status": pl.String,
            "conversion_factor_usd": pl.Decimal(9, 6),
            "source_file": pl.String,
            "known_from": pl.Date,
        },
        orient="row",
    )
    dated = rows.with_columns(
        release_id=pl.lit(period.release_id), valid_from=pl.lit(period.valid_from), valid_to=pl.lit(period.valid_to)
    )
    return ensure(dated, ConversionFactor)


def in_order(values: Mapping[str, RelativeValues]) -> Sequence[RelativeValues]:
    """The files of a release, the one that gives `pfs_indicator` first."""
    order = ("any", "non_qualifying", "qualifying")
    return [values[status] for status in order if status in values]


def _printed(status: str, part: RelativeValues) -> tuple[object, ...]:
    factors = part.indicators.accepted.select("conversion_factor_usd", "known_from").unique()
    if factors.height != 1:
        raise StructureError(
            part.source_file,
            expected="one conversion factor on every accepted row",
            found=f"{factors.height}: {factors['conversion_factor_usd'].sort().to_list()}",
            advice="Fetch the file again; releases with two factors come as two files.",
        )
    factor, known_from = factors.row(0)
    return ("physician_fee_schedule", status, factor, part.source_file, known_from)


def _check_listed(base: RelativeValues, qualifying: RelativeValues) -> None:
    alone = qualifying.indicators.accepted.join(base.listed, on=_KEY, how="anti", maintain_order="left")
    if not alone.is_empty():
        raise _disagreement(qualifying, base, alone.row(0, named=True), found="a row that it lacks")


def _check_equal(base: RelativeValues, qualifying: RelativeValues) -> None:
    compared = [name for name in PfsIndicator.column_names() if name not in (*_KEY, *_OWN)]
    paired = qualifying.indicators.accepted.join(
        base.indicators.accepted.select(*_KEY, *compared), on=_KEY, suffix="_base", maintain_order="left"
    )
    differs = [pl.col(name).ne_missing(pl.col(f"{name}_base")) for name in compared]
    first = paired.filter(pl.any_horizontal(differs)).head(1)
    if first.is_empty():
        return
    row = first.row(0, named=True)
    name = next(name for name in compared if row[name] != row[f"{name}_base"])
    raise _disagreement(qualifying, base, row, found=f"{name} {row[name]} and not {row[f'{name}_base']}")


def _check_paid(base: RelativeValues, qualifying: RelativeValues) -> None:
    paid = base.indicators.accepted.filter(pl.col("status_code").is_in(PAID_BY_RVU))
    missing = paid.join(qualifying.listed, on=_KEY, how="anti", maintain_order="left")
    if not missing.is_empty():
        raise _disagreement(base, qualifying, missing.row(0, named=True), found="a row that it lacks, with a status that is paid")


def _disagreement(here: RelativeValues, there: RelativeValues, row: Mapping[str, object], *, found: str) -> StructureError:
    return StructureError(
        f"{here.source_file} line {row['source_row']}",
        expected=f"{row['code']} {row['component']} as in {there.source_file}",
        found=found,
        advice="The two files of a release differ in nothing but their factors; fetch both again.",
    )
