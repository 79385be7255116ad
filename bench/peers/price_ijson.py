"""Price files as one would read them first: isal and ijson items, lists of rates per key, the standard library's median.

A side of `bench.price_files`; it imports nothing of the project. Its memory grows with the prices and with the largest item.
"""
# mypy: disable-error-code="import-untyped, no-untyped-call"

import argparse
import json
import statistics
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import ijson
from isal import igzip


def main() -> None:
    """Read one file and print how many keys and prices it has and the sum of the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    rates: dict[tuple[Any, ...], list[Decimal]] = defaultdict(list)
    with igzip.open(parser.parse_args().path, "rb") as file:
        for item in ijson.items(file, "in_network.item"):
            for rate in item["negotiated_rates"]:
                for price in rate["negotiated_prices"]:
                    rates[_key(item, price)].append(Decimal(price["negotiated_rate"]))
    medians = sum((statistics.median(found) for found in rates.values()), Decimal(0))
    print(json.dumps([len(rates), sum(map(len, rates.values())), str(medians)]))


def _key(item: dict[str, Any], price: dict[str, Any]) -> tuple[Any, ...]:
    modifiers = tuple(sorted(filter(None, price.get("billing_code_modifier") or [])))
    return (
        item["billing_code_type"],
        item["billing_code"],
        modifiers,
        *(price.get(name) for name in ("negotiated_type", "billing_class", "setting")),
    )


if __name__ == "__main__":
    main()
