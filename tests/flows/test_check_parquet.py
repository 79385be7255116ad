"""payref check: claim files in Parquet, whatever types their columns have."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from flows import cli
from flows.settings import UnknownNameError
from tests.flows.claim_builders import enriched

LINE = {
    "claim": "A",
    "line": 1,
    "payer": "Medicare",
    "code": "33533",
    "modifier_1": "62",
    "units": 1,
    "service_date": "2025-10-15",
}
JUDGED = [("modifier.not_allowed", "modifier_1", "62", "Modifier 62 is not allowed with 33533: Co-surgeons are not permitted for this procedure.")]  # fmt: skip
DAY = "service_date: expected year, month and day such as 2025-10-15 or 20251015, from 1966-07-01 on."
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return enriched(tmp_path_factory.mktemp("check"))


def told(output: Path, claims: Path) -> tuple[str, list[tuple[str, ...]]]:
    """What was said, and the findings. Raises what the command raises."""
    out = claims.with_name("findings.csv")
    done = CliRunner().invoke(cli.app, ["check", str(claims), "--out", str(out), "--output", str(output)])
    if done.exception is not None:
        raise done.exception
    return done.stdout, pl.read_csv(out, infer_schema=False).select("rule_id", "column_name", "value", "sentence").rows()


def refused(value: str, says: str) -> list[tuple[str, ...]]:
    return [("line.refused", "service_date", value, f"{DAY} {value} {says}.")]


TIME_OF_DAY = "carries a time of day: write the day without it"
FAR = "lies outside the years 1 to 9999 and may be infinity or in another unit of time: write the day of the service"


@pytest.mark.parametrize(
    ("day", "dtype", "expected"),
    [
        (datetime(2025, 10, 15), pl.Datetime("us"), JUDGED),  # noqa: DTZ001 - a time without zone
        (datetime(2025, 10, 15), pl.Datetime("ns"), JUDGED),  # noqa: DTZ001
        (datetime(2025, 10, 15, 23, 59, 59), pl.Datetime("ms"), refused("2025-10-15 23:59:59", TIME_OF_DAY)),  # noqa: DTZ001
        (datetime(2025, 10, 15, tzinfo=UTC), pl.Datetime("us", "UTC"), JUDGED),
        (datetime(2025, 10, 15, 4, tzinfo=UTC), pl.Datetime("us", "UTC"), refused("2025-10-15 04:00:00+00:00", TIME_OF_DAY)),
        (datetime(2025, 10, 15, tzinfo=NEW_YORK), pl.Datetime("us", "America/New_York"), JUDGED),
        (
            datetime(2025, 10, 15, 20, tzinfo=NEW_YORK),
            pl.Datetime("us", "America/New_York"),
            refused("2025-10-15 20:00:00-04:00", TIME_OF_DAY),
        ),
    ],
    ids=["midnight", "in nanoseconds", "a second before", "midnight in UTC", "in New York told in UTC", "in New York", "evening"],
)
def test_a_timestamp_is_a_day_where_it_is_midnight(
    output: Path, tmp_path: Path, day: datetime, dtype: pl.Datetime, expected: list[tuple[str, ...]]
) -> None:
    lines = pl.DataFrame({**{name: [value] for name, value in LINE.items()}, "service_date": pl.Series([day], dtype=dtype)})
    lines.write_parquet(tmp_path / "claims.parquet")
    assert told(output, tmp_path / "claims.parquet")[1] == expected


def written(folder: Path, **columns: str) -> Path:
    """A claim file of one line that DuckDB writes, its columns as SQL."""
    path = folder / "claims.parquet"
    values = {**{name: f"'{value}'" for name, value in LINE.items()}, **columns}
    duckdb.sql(f"COPY (SELECT {', '.join(f'{value} AS {name}' for name, value in values.items())}) TO '{path}'")
    return path


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("DATE 'infinity'", refused("1970-01-01 +2147483647 days", FAR)),
        ("DATE '-infinity'", refused("1970-01-01 -2147483647 days", FAR)),
        ("DATE '5000000-01-01'", refused("1970-01-01 +1825492972 days", FAR)),
        ("DATE '0044-03-15 (BC)'", refused("1970-01-01 -735160 days", FAR)),
        ("TIMESTAMP 'infinity'", refused("1970-01-01 +106751991 days", FAR)),
        ("TIMESTAMPTZ '-infinity'", refused("1970-01-01 -106751992 days", FAR)),
        ("DATE '0001-01-01'", [("line.refused", "service_date", "0001-01-01", DAY)]),
    ],
)
def test_a_day_that_no_calendar_has_is_refused(output: Path, tmp_path: Path, day: str, expected: list[tuple[str, ...]]) -> None:
    assert told(output, written(tmp_path, service_date=day))[1] == expected


@pytest.mark.parametrize(
    ("value", "type_name"),
    [
        ("INTERVAL 1 DAY", "fixed_size_binary[12]"),
        ("['62']", "list<element: string>"),
        ("TIME '10:00'", "time64[us]"),
        ("true", "bool"),
    ],
)
def test_a_column_of_another_type_is_told_where_it_is_used(output: Path, tmp_path: Path, value: str, type_name: str) -> None:
    claims = written(tmp_path, modifier_1=value)
    with pytest.raises(UnknownNameError) as stopped:
        told(output, claims)
    assert str(stopped.value) == (
        f"{claims}: column 'modifier_1' holds {type_name}, expected text, a number or a date. Write the column with such a type."
    )
    said, found = told(output, written(tmp_path, stay=value, paid="DATE 'infinity'"))
    assert found == JUDGED
    assert "Columns not used: stay, paid." in said


UNITS = "units: expected a number above 0 with at most nine digits and three decimals and without commas, such as 1 or 2.5."


@pytest.mark.parametrize(
    ("value", "scale", "expected"),
    [
        ("1.500000", 6, [("units.over_limit_of_day", "units", "1.5")]),
        ("10.00", 2, [("units.over_limit_of_day", "units", "10")]),
        ("10", 0, [("units.over_limit_of_day", "units", "10")]),
        ("1.000500", 6, [("line.refused", "units", "1.0005")]),
        ("0.00", 2, [("line.refused", "units", "0")]),
    ],
)
def test_units_of_a_decimal_column(output: Path, tmp_path: Path, value: str, scale: int, expected: list[tuple[str, ...]]) -> None:
    units: dict[str, Any] = {"units": pl.Series([Decimal(value)], dtype=pl.Decimal(18, scale))}
    day: dict[str, Any] = {"service_date": [date(2025, 10, 15)], "modifier_1": [None]}
    lines = pl.DataFrame({**{name: [each] for name, each in LINE.items()}, **day, **units})
    lines.write_parquet(tmp_path / "claims.parquet")
    found = told(output, tmp_path / "claims.parquet")[1]
    assert [row[:3] for row in found] == expected
    assert [row[3] for row in found if row[0] == "line.refused"] in ([], [UNITS])


@pytest.mark.parametrize(
    ("column", "kind", "message"),
    [
        (
            "units",
            pa.decimal256(50, 2),
            "column 'units' holds decimal256(50, 2), expected text, a number or a date. Write the column with such a type.",
        ),
        (
            "service_date",
            pa.timestamp("us", "Z"),
            "column 'service_date' holds times of the zone 'Z', which cannot be read. Write it as dates.",
        ),
        (
            "service_date",
            pa.timestamp("us", "+05:30"),
            "column 'service_date' holds times of the zone '+05:30', which cannot be read. Write it as dates.",
        ),
    ],
)
def test_types_that_only_some_writers_know_are_told(
    output: Path, tmp_path: Path, column: str, kind: pa.DataType, message: str
) -> None:
    lines = pa.table({**{name: [each] for name, each in LINE.items()}, "units": ["1"], "service_date": ["2025-10-15"]})
    value = pa.array([Decimal("1.00")] if column == "units" else [0], pa.decimal128(5, 2) if column == "units" else pa.int64())
    claims = tmp_path / "claims.parquet"
    pq.write_table(lines.set_column(lines.schema.get_field_index(column), column, value.cast(kind)), claims)
    with pytest.raises(UnknownNameError) as stopped:
        told(output, claims)
    assert str(stopped.value) == f"{claims}: {message}"
