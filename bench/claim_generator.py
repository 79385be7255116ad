"""Claim files made up from what a release holds: real codes, pairs and spellings beside wrong ones, equal for equal seeds."""

from datetime import date

import duckdb
import polars as pl
import polars.selectors as cs

_FIRST_DAY, _DAYS = date(2024, 4, 1), 980
_WRONG_CODES = ("00000", "9921", "ZZ999", "J9999", "406", "99213.0", "99213-25")
_WRONG_MODIFIERS = ("ZZ", "9", "Q0X", "00", "25.0", "25, 59")
_PLACES = ("11", "22", "11", "99", "00", "7", "11.0")
_LINES_OF_BUSINESS = (None, None, None, "commercial", "Medicare Advantage", "fep", "medicaid")
_WRONG_DAYS = ("2025-02-30", "10/01/2025", "45931", "2025-10-1", "2025-10-15 08:00", "1950-01-01", "")
_WRONG_CELLS = {
    "units": ("0", "-1", "1.2345", ""),
    "service_date": _WRONG_DAYS,
    "state": ("Texas", "ZZ"),
}
_ONE_IN = 600
"""One line in so many is spoilt in each column of `_WRONG_CELLS`."""
_PAIRS = """
    SELECT DISTINCT edit.column_one_code || ' ' || edit.column_two_code AS codes
    FROM ncci_ptp AS edit
    WHERE hash(edit.column_one_code || edit.column_two_code) % greatest(1, (SELECT count(*) FROM ncci_ptp) // 5000) = 0
    ORDER BY codes
"""
_LINES_PER_CLAIM = 4
_MOST = 9


def generated(connection: duckdb.DuckDBPyConnection, *, lines: int, seed: int) -> pl.DataFrame:
    """A claim file of text cells with `lines` rows: about a third of the codes come from NCCI pairs, so that pairs meet."""
    every = _drawn(connection, lines, seed)
    kinds = {**dict.fromkeys(range(15), "first"), **dict.fromkeys(range(15, 30), "second"), 30: "wrong"}
    kind = pl.col("pick").replace_strict(
        {**dict.fromkeys(range(31, 60), "any"), **kinds}, default="common", return_dtype=pl.String
    )
    code = pl.coalesce([pl.when(kind == each).then(f"{each}_code") for each in ("first", "second", "wrong", "any", "common")])
    told = every.select(
        "claim",
        "line",
        "payer",
        code=code,
        **{f"modifier_{slot}": pl.when(pl.col("modifier_count") >= 4 + 2 * slot).then(f"draw_{slot}") for slot in (1, 2, 3)},
        modifier_4=pl.when((pl.col("modifier_count") == _MOST) & (pl.col("pick") % 2 == 0)).then("draw_4"),
        units="units",
        service_date=(pl.lit(_FIRST_DAY) + pl.duration(days="days")).dt.strftime("%Y-%m-%d"),
        state="state",
        line_of_business="line_of_business",
        place_of_service="place_of_service",
        diagnosis="diagnosis",
        **{name: pl.col(name) for name in every.columns if "wrong_" in name},
    )
    spoilt = {name: pl.when(pl.col(f"draw_wrong_{name}") == 0).then(f"wrong_{name}").otherwise(name) for name in _WRONG_CELLS}
    line = pl.when(pl.col("draw_wrong_line") == 0).then(pl.lit("1")).otherwise("line")
    return told.with_columns(line=line, **spoilt).select(~cs.contains("wrong_"))


def _drawn(connection: duckdb.DuckDBPyConnection, lines: int, seed: int) -> pl.DataFrame:
    """Everything that a line may hold, drawn independently by line or by claim."""
    codes = _texts(connection, "SELECT code FROM code ORDER BY code, valid_from")
    common = codes.sample(min(400, codes.len()), seed=seed)
    paired = _texts(connection, _PAIRS)
    governed = _texts(connection, "SELECT DISTINCT modifier FROM modifier_rule WHERE modifier <> 'any' ORDER BY 1")
    members = _texts(connection, "SELECT DISTINCT modifier FROM modifier_group ORDER BY 1")
    payers = _texts(connection, "SELECT DISTINCT alias FROM payer_alias ORDER BY alias").sample(fraction=0.5, seed=seed)
    modifiers = pl.concat([governed, members, governed, pl.Series(_WRONG_MODIFIERS)])
    payer_of_claim = pl.concat([pl.Series(["Medicare"] * payers.len()), payers])
    listed = _texts(connection, "SELECT DISTINCT diagnosis_code FROM diagnosis ORDER BY 1")
    diagnoses = pl.concat([listed, pl.Series(["A00", "Z99.99X"])])
    draws = _Draws(lines, seed)
    claim = pl.Series(range(lines)) // _LINES_PER_CLAIM
    claims = int(claim.max() or 0) + 1  # type: ignore[arg-type]
    payer = _Draws(claims, seed + 1).of(payer_of_claim).gather(claim)
    days = pl.Series(_Draws(claims, seed + 2).below(_DAYS)).gather(claim)
    pick = draws.below(100)
    first, second = (paired.str.split(" ").list.get(side) for side in (0, 1)) if paired.len() else (codes, codes)
    pair_of_claim = _Draws(claims, seed + 3).below(max(1, first.len())).gather(claim)
    return pl.DataFrame(
        {
            "claim": claim.cast(pl.String),
            "line": (pl.Series(range(lines)) % _LINES_PER_CLAIM + 1).cast(pl.String),
            "payer": payer,
            "any_code": draws.of(codes),
            "common_code": draws.of(common),
            "first_code": first.gather(pair_of_claim),
            "second_code": second.gather(pair_of_claim),
            "wrong_code": draws.of(pl.Series(_WRONG_CODES)),
            "pick": pick,
            "modifier_count": draws.below(10),
            "units": (draws.below(6) + 1).cast(pl.String),
            "place_of_service": draws.of(pl.Series([None, *_PLACES])),
            "diagnosis": draws.of(diagnoses) + draws.of(pl.Series(["", ";Z00.00", "", ", A0"])),
            "line_of_business": _Draws(claims, seed + 5).of(pl.Series(_LINES_OF_BUSINESS)).gather(claim),
            **{f"wrong_{name}": draws.of(pl.Series(texts)) for name, texts in _WRONG_CELLS.items()},
            **{f"draw_wrong_{name}": draws.below(_ONE_IN) for name in (*_WRONG_CELLS, "line")},
            "days": days,
            "state": _Draws(claims, seed + 4).of(pl.Series([None, "TX", "NC", "OH", "CA"])).gather(claim),
            **{f"draw_{slot}": draws.of(modifiers) for slot in (1, 2, 3, 4)},
        }
    )


class _Draws:
    """Independent draws of one length, the same for the same seed."""

    def __init__(self, count: int, seed: int) -> None:
        self._count, self._seed = count, seed

    def below(self, limit: int) -> pl.Series:
        self._seed += 1_000
        numbers = pl.Series(range(self._count), dtype=pl.UInt64)
        return (numbers.hash(seed=self._seed) % limit).cast(pl.Int64)

    def of(self, values: pl.Series) -> pl.Series:
        return values.gather(self.below(values.len()))


def _texts(connection: duckdb.DuckDBPyConnection, query: str) -> pl.Series:
    found: pl.DataFrame = connection.sql(query).pl()
    return found.to_series()
