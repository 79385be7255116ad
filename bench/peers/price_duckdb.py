"""Price files in DuckDB's and Polars' own JSON readers, which take a document whole: `--reader duckdb` or `--reader polars`.

A side of `bench.price_files`; it imports nothing of the project. Both need many times the size of the document in memory.
"""

import argparse
import json
from pathlib import Path

import duckdb
import polars as pl

_QUERY = """
    with item as (select unnest(in_network) as item from read_json(?, maximum_object_size = 4000000000)),
    rate as (select item.billing_code_type as system, item.billing_code as code, unnest(item.negotiated_rates) as rate from item),
    price as (select system, code, unnest(rate.negotiated_prices) as price from rate),
    kept as (
        select system, code, list_sort(list_filter(price.billing_code_modifier, lambda modifier: modifier <> '')) as modifiers,
            price.negotiated_type as how, price.billing_class as class, price.setting as setting,
            price.negotiated_rate::decimal(18, 4) as amount
        from price
    ),
    keyed as (
        select system, code, modifiers, how, class, setting, count(*) as prices, median(amount) as median
        from kept group by all
    )
    select count(*), sum(prices), sum(median) from keyed
"""


def main() -> None:
    """Read one file and print how many keys and prices it has and the sum of the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--reader", choices=("duckdb", "polars"), default="duckdb")
    given = parser.parse_args()
    print(json.dumps([str(value) for value in (_duckdb(given.path) if given.reader == "duckdb" else _polars(given.path))]))


def _duckdb(path: Path) -> tuple[object, ...]:
    return duckdb.execute(_QUERY, [str(path)]).fetchone() or ()


def _polars(path: Path) -> tuple[object, ...]:
    modifiers = pl.col("billing_code_modifier").list.eval(pl.element().filter(pl.element() != "")).list.sort().list.join("|")
    rate = pl.col("negotiated_rate").cast(pl.Decimal(18, 4))
    keyed = (
        pl.read_json(path)
        .select(pl.col("in_network").explode())
        .unnest("in_network")
        .select("billing_code_type", "billing_code", pl.col("negotiated_rates"))
        .explode("negotiated_rates")
        .unnest("negotiated_rates")
        .explode("negotiated_prices")
        .unnest("negotiated_prices")
        .group_by(
            "billing_code_type", "billing_code", modifiers.alias("modifiers"), "negotiated_type", "billing_class", "setting"
        )
        .agg(prices=pl.len(), median=rate.median())
    )
    return keyed.select(pl.len(), pl.col("prices").sum(), pl.col("median").sum()).row(0)


if __name__ == "__main__":
    main()
