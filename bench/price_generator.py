"""Price files of any size, written compressed: realistic key orders, modifiers and rates, one huge item, many small ones.

`python -m bench.price_generator PATH --megabytes 2000 [--huge 400] [--nothing-repeats] [--seed 1]`. The same arguments give
the same bytes. Nothing of a published file is in it: names and codes are made up of numbers.
"""

import argparse
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from isal import igzip

_MEGABYTE = 1_000_000
_SHARE_CODE_FIRST, _SHARE_REFERENCES_FIRST = 0.8, 0.6
_MODIFIERS = (
    *("[]", '[""]', '["26"]', '["TC"]', '["25","CS"]', '["CS","25"]'),
    *('["NU"]', '["RR"]', '["SA","SB","UC"]', '["50"]', '["QZ","QS"]'),
)
_PLACES = ('["11"]', '["11","22"]', '["21","22","23"]', '["24"]')
_TYPES = ("negotiated", "fee schedule", "negotiated", "percentage", "per diem")


class Wanted(NamedTuple):
    """What kind of file is wanted."""

    megabytes: int
    huge_megabytes: int = 100
    """Size of every huge item; one in each 2,000 MB, the first one at the start."""
    repeats: bool = True
    """Whether texts of prices repeat apart from the rate, as they do in published files."""
    seed: int = 1


def main() -> None:
    """Write one file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--huge", type=int, default=100)
    parser.add_argument("--nothing-repeats", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    wanted = Wanted(given.megabytes, given.huge, not given.nothing_repeats, given.seed)
    print(f"{given.path}: {write(given.path, wanted):,} bytes unpacked")


def write(path: Path, wanted: Wanted) -> int:
    """Write a file in gzip; how many bytes it has unpacked."""
    written = 0
    opened: Any = igzip.open
    with opened(path, "wb", compresslevel=2) as file:
        for text in texts(wanted):
            written += file.write(text.encode())
    return written


def texts(wanted: Wanted) -> Iterator[str]:
    """The text of a file in pieces of about a megabyte or less."""
    choices = random.Random(wanted.seed)  # noqa: S311 - a repeatable file, no secret
    yield (
        '{"reporting_entity_name":"Generated Health Plan","reporting_entity_type":"health insurance issuer",'
        '"last_updated_on":"2026-06-01","version":"2.0.0","provider_references":['
    )
    written = 0
    groups = max(50, wanted.megabytes // 2)
    for at in range(groups):
        text = ("," if at else "") + _group(choices, at)
        written += len(text)
        yield text
    yield '],\n"in_network":['
    first, since_huge = True, 2000 * _MEGABYTE
    while written < wanted.megabytes * _MEGABYTE:
        is_huge = since_huge >= 2000 * _MEGABYTE and wanted.huge_megabytes > 0
        since_huge = 0 if is_huge else since_huge
        size = wanted.huge_megabytes * _MEGABYTE if is_huge else choices.choice((2_000, 6_000, 20_000, 60_000, 1_000_000))
        if not first:
            yield ",\n"
        for text in _item(choices, size, groups, repeats=wanted.repeats):
            written += len(text)
            since_huge += len(text)
            yield text
        first = False
    yield "]}\n"


def _group(choices: random.Random, number: int) -> str:
    """A provider reference with its groups of providers."""
    members = ",".join(
        f'{{"npi":[{",".join(str(choices.randrange(10**9, 2 * 10**9)) for _ in range(choices.randrange(1, 12)))}],'
        f'"tin":{{"type":"ein","value":"{choices.randrange(10, 99)}-{choices.randrange(10**6, 10**7)}"}}}}'
        for _ in range(choices.randrange(1, 30))
    )
    return f'{{"provider_group_id":{number},"provider_groups":[{members}]}}'


def _item(choices: random.Random, size: int, groups: int, *, repeats: bool) -> Iterator[str]:
    """An item of about so many bytes; its code stands before or behind its prices."""
    code = f"{choices.randrange(100, 99_999):05}"
    facts = (
        f'"negotiation_arrangement":"ffs","name":"Service {code}","billing_code_type":"CPT","billing_code_type_version":"2026",'
        f'"billing_code":"{code}","description":"A service that is written \\"{code}\\" \\u2013 generated \\\\"'
    )
    is_code_first = choices.random() < _SHARE_CODE_FIRST
    yield "{" + (facts + ',"negotiated_rates":[' if is_code_first else '"negotiated_rates":[')
    make = _prices(choices, repeats=repeats)
    written, first = 0, True
    while written < size:
        block = _rates(choices, make, groups, min(size - written, _MEGABYTE))
        written += len(block)
        yield block if first else "," + block
        first = False
    yield "]}" if is_code_first else f"],{facts}}}"


def _rates(choices: random.Random, make: "Prices", groups: int, size: int) -> str:
    """Some rates: the same prices for many groups of providers."""
    made, written = [], 0
    while written < size:
        prices = make.some(choices.choice((1, 1, 2, 3, 5)))
        references = ",".join(str(choices.randrange(groups)) for _ in range(choices.choice((1, 1, 2, 8))))
        text = (
            f'{{"provider_references":[{references}],"negotiated_prices":[{prices}]}}'
            if make.is_references_first
            else f'{{"negotiated_prices":[{prices}],"provider_references":[{references}]}}'
        )
        made.append(text)
        written += len(text) + 1
    return ",".join(made)


class Prices:
    """Prices of one item: a few kinds of them, in one order of keys, round about one fee."""

    def __init__(self, choices: random.Random, *, repeats: bool) -> None:
        self.choices, self.repeats = choices, repeats
        self.is_references_first = choices.random() < _SHARE_REFERENCES_FIRST
        self._fee = choices.randrange(800, 250_000) / 100
        is_rate_first = choices.choice((True, False))
        modifiers = choices.sample(_MODIFIERS, choices.randrange(2, 6))
        self._kinds = [self._kind(each, is_rate_first=is_rate_first) for each in modifiers for _ in range(2)]

    def some(self, count: int) -> str:
        """So many prices."""
        return ",".join(self._one() for _ in range(count))

    def _one(self) -> str:
        before, behind = self.choices.choice(self._kinds)
        rate = round(self._fee * self.choices.randrange(600, 1_900) / 1_000, 2)
        more = "" if self.repeats else f',"additional_information":"contract {self.choices.randrange(10**9)}"'
        return f"{before}{rate}{behind}{more}}}"

    def _kind(self, modifiers: str, *, is_rate_first: bool) -> tuple[str, str]:
        choices = self.choices
        how = f'"negotiated_type":"{choices.choice(_TYPES)}"'
        rest = (
            f'"expiration_date":"{choices.choice(("9999-12-31", "2026-12-31", "2027-06-30"))}",'
            f'"service_code":{choices.choice(_PLACES)},'
            f'"billing_class":"{choices.choice(("professional", "professional", "institutional"))}","setting":"outpatient",'
            f'"billing_code_modifier":{modifiers}'
        )
        if is_rate_first:
            return '{"negotiated_rate":', f",{how},{rest}"
        return f'{{{how},"negotiated_rate":', f",{rest}"


def _prices(choices: random.Random, *, repeats: bool) -> Prices:
    return Prices(choices, repeats=repeats)


if __name__ == "__main__":
    main()
