"""What a reader of Transparency in Coverage files hands over: facts of the header, codes, attributes of prices, links."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from transforms.tic_errors import PriceFileError
from transforms.tic_values import RawPrice

HEADER_KEYS = (
    "reporting_entity_name", "reporting_entity_type", "plan_name", "plan_id_type", "plan_id", "plan_market_type", "issuer_name",
    "plan_sponsor_name", "last_updated_on", "version",
)  # fmt: skip
KINDS = {
    "in_network": "in_network",
    "reporting_structure": "table_of_contents",
    "out_of_network": "allowed_amounts",
    "provider_groups": "provider_reference",
}
"""Kinds of files by the key that only they have, the most telling one first."""
LONGEST_VALUE = 16 * 1024 * 1024
"""Most bytes of one value that must be held whole: a price object, a code, an entry of a table of contents."""
MOST_DISTINCT = 4_000_000
"""Most different codes, and most different sets of attributes, of one file; published files have thousands."""


class Reading(NamedTuple):
    """What was read. Texts are JSON as it stands in the file, with the byte where each first stood."""

    header: dict[str, bytes]
    kinds: frozenset[str]
    codes: list[tuple[bytes, bytes, int]]
    prices: list[tuple[RawPrice, int]]
    item_count: int
    price_count: int
    rounded_count: int
    textual_count: int


class Plan(msgspec.Struct, frozen=True):
    """A plan of a table of contents."""

    plan_name: str | None = None
    plan_id_type: str | None = None
    plan_id: str | int | None = None
    plan_market_type: str | None = None
    issuer_name: str | None = None
    plan_sponsor_name: str | None = None


class Link(msgspec.Struct, frozen=True):
    """A file that a table of contents names."""

    location: str | None = None
    description: str | None = None


class Structure(msgspec.Struct):
    """An entry of a table of contents: plans and the files that hold their prices."""

    reporting_plans: list[Plan] | None = None
    in_network_files: list[Link] | None = None
    allowed_amount_file: Link | list[Link] | None = None

    def links(self) -> Iterator[tuple[Link, str]]:
        """Links with the kind of file they lead to."""
        yield from ((link, "in_network") for link in self.in_network_files or [])
        allowed = self.allowed_amount_file or []
        yield from ((link, "allowed_amounts") for link in (allowed if isinstance(allowed, list) else [allowed]))


_STRUCTURE = msgspec.json.Decoder(Structure)


class Structures:
    """Entries of a table of contents, each link and plan once: large ones repeat the same lists thousands of times."""

    def __init__(self) -> None:
        self.plans: dict[Plan, int] = {}
        self.links: dict[tuple[Link, str], int] = {}

    def add(self, text: bytes, *, byte: int) -> None:
        """Take an entry in. Raises PriceFileError where it is not what the schema says."""
        try:
            structure = _STRUCTURE.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise PriceFileError(byte, expected="an entry of a table of contents", found=str(error)) from error
        plans = structure.reporting_plans or []
        for plan in plans:
            self.plans[plan] = self.plans.get(plan, 0) + 1
        for link in structure.links():
            self.links[link] = self.links.get(link, 0) + len(plans)


def header_text(raw: bytes, key: str, *, byte: int) -> None:
    """Stop where a value of the header is neither text nor number nor null."""
    if raw[:1] in (b"[", b"{", b"t", b"f"):
        raise PriceFileError(byte, expected=f"{key} to be text", found=repr(raw[:60].decode("utf-8", "replace")))
