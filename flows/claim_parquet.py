"""Claim files in Parquet: the columns in use as the text that a CSV file would hold. What is no day becomes a text that is none.

Read by PyArrow: Polars makes a schema of all columns first, and panics at one of a type that it lacks, such as an interval.
"""

import re
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from flows.settings import UnknownNameError

_TAKEN = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_integer,
    pa.types.is_floating,
    lambda dtype: pa.types.is_decimal(dtype) and not pa.types.is_decimal256(dtype),  # Polars panics over 256 bits
    pa.types.is_date,
    pa.types.is_timestamp,
    pa.types.is_null,
)
"""Types that hold text, a number or a date; bytes are text in files of programs that mark no text."""
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
"""0001-01-01 and 9999-12-31 as days since 1970-01-01; beyond them Polars panics, and a file may well hold `infinity`."""
_ZONE = re.compile(r"[A-Za-z_]{2,}(/[A-Za-z0-9_+-]+)*|[+-][0-9]{2}:00")
"""Names of time zones, and offsets of whole hours: Polars knows no others."""
_TICKS_OF_A_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


def parquet_columns(path: Path) -> list[str]:
    """Names of the columns of a file."""
    with pq.ParquetFile(path) as file:
        return list(file.schema_arrow.names)


def parquet_cells(path: Path, kept: dict[str, str]) -> pl.DataFrame:
    """source_row and the columns `kept`, by their new names, as text. No other column is read.

    Raises UnknownNameError for a column of a type that is neither text nor a number nor a date.
    """
    with pq.ParquetFile(path) as file:
        for name in kept:
            _know(path, name, file.schema_arrow.field(name).type)
        table = file.read(columns=list(kept))
    cells = pl.DataFrame(table).rename(kept)
    texts = cells.select(_text(name, dtype).alias(name) for name, dtype in cells.schema.items())
    return texts.with_row_index("source_row", offset=1).with_columns(pl.col("source_row").cast(pl.Int64))


def _know(path: Path, name: str, dtype: pa.DataType) -> None:
    """Raise UnknownNameError where a type cannot be taken."""
    held = dtype.value_type if pa.types.is_dictionary(dtype) else dtype
    if not any(takes(held) for takes in _TAKEN):
        raise UnknownNameError(
            f"{path}: column '{name}' holds {dtype}, expected text, a number or a date. Write the column with such a type."
        )
    if pa.types.is_timestamp(held) and held.tz and not _ZONE.fullmatch(held.tz):
        raise UnknownNameError(
            f"{path}: column '{name}' holds times of the zone '{held.tz}', which cannot be read. Write it as dates."
        )


def _text(name: str, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Date):
        return _text_of_date(name)
    if isinstance(dtype, pl.Datetime):
        return _text_of_time(name, dtype)
    text = pl.col(name).cast(pl.String)
    return text.str.replace(r"\.?0+$", "") if name == "units" and isinstance(dtype, pl.Decimal) and dtype.scale else text


def _text_of_date(name: str) -> pl.Expr:
    days = pl.col(name).to_physical().cast(pl.Int64)
    is_near = days.is_between(_FIRST_DAY, _LAST_DAY)
    return pl.when(is_near).then(_near(pl.col(name), is_near).cast(pl.String)).otherwise(_text_of_days(days))


def _text_of_time(name: str, dtype: pl.Datetime) -> pl.Expr:
    """A time is a day where it is midnight, in the zone of the column if it has one; any other keeps its time of day."""
    days = pl.col(name).to_physical() // _TICKS_OF_A_DAY[dtype.time_unit]
    is_near = days.is_between(_FIRST_DAY + 1, _LAST_DAY - 1)  # a zone may move it by a day
    time = _near(pl.col(name), is_near)
    local = time.dt.replace_time_zone(None)
    written = time.dt.to_string("%Y-%m-%d %H:%M:%S%.f%:z" if dtype.time_zone else "%Y-%m-%d %H:%M:%S%.f")
    day = pl.when(local.dt.truncate("1d") == local).then(local.dt.date().cast(pl.String))
    return pl.when(is_near).then(pl.coalesce(day, written)).otherwise(_text_of_days(days))


def _near(value: pl.Expr, is_near: pl.Expr) -> pl.Expr:
    return pl.when(is_near).then(value)


def _text_of_days(days: pl.Expr) -> pl.Expr:
    """How a day is written that no calendar has; `schemas.claim.ADVICE` knows the form."""
    sign = pl.when(days >= 0).then(pl.lit("+")).otherwise(pl.lit(""))
    return pl.concat_str(pl.lit("1970-01-01 "), sign, days, pl.lit(" days"))
