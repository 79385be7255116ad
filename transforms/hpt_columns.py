"""Columns of a hospital's csv file: found by name, whatever their order, blanks, capitals and brackets.

Layout: CMS hospital price transparency data dictionary, versions 2.x and 3.x, tall (payers in rows) and wide (payers in columns).
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from transforms.errors import StructureError
from transforms.hpt_findings import FindingCounts, shown
from transforms.hpt_prices import Entity

MAX_COLUMNS = 50_000
"""Beyond this a header is no header of a hospital; the widest seen has 1,277 columns."""
_BAR = re.compile(r"\s*\|\s*")
_CODE = re.compile(r"code\|([0-9]+)")
_PLACEHOLDERS = frozenset({"code|[i]", "code|[i]|type"})
_CHARGES = {"negotiated_dollar": "dollars", "negotiated_percentage": "percent", "negotiated_algorithm": "algorithm"}
_PAYER_ENDINGS = {**_CHARGES, "methodology": "methodology"}
_PAYER_STARTS = {
    "count": "claim_count", "additional_payer_notes": "note", "median_amount": None, "10th_percentile": None,
    "90th_percentile": None, "estimated_amount": None,
}  # fmt: skip
"""First parts of names of a payer's columns, and what is read from them."""
_TALL = {
    **{f"standard_charge|{ending}": name for ending, name in _PAYER_ENDINGS.items()},
    "count": "claim_count",
    "additional_payer_notes": "note",
}
_MODIFIERS = ("modifiers", "modifier")
_SHARED = ("setting", "billing_class", "additional_generic_notes")
_NOT_READ = frozenset(
    {
        "description", "drug_unit_of_measurement", "drug_type_of_measurement", "standard_charge|gross",
        "standard_charge|discounted_cash", "standard_charge|min", "standard_charge|max", "payer_name", "plan_name",
        *_PAYER_STARTS,
    }
)  # fmt: skip


class PayerColumns(NamedTuple):
    """Places of a payer's cells in a row; None where the file has no such column."""

    entity: Entity | None
    """None in the tall layout, whose rows name the payer."""
    dollars: int | None = None
    percent: int | None = None
    algorithm: int | None = None
    methodology: int | None = None
    claim_count: int | None = None
    note: int | None = None

    @property
    def first(self) -> int:
        """The first of the columns."""
        return min(place for place in self[1:] if isinstance(place, int))


class Layout(NamedTuple):
    """Where the cells of a row are."""

    names: tuple[str, ...]
    """Names of all columns, blanks round the bar removed, payers and plans spelled as published."""
    codes: tuple[tuple[int, int], ...]
    """Places of code and type, in the order of their numbers."""
    modifiers: tuple[int, ...]
    setting: int | None
    billing_class: int | None
    generic_note: int | None
    payer_name: int | None
    plan_name: int | None
    payers: tuple[PayerColumns, ...]

    @property
    def is_tall(self) -> bool:
        """Whether rows name their payer."""
        return self.payer_name is not None


def is_header(cells: Sequence[str]) -> bool:
    """Whether a record looks like the names of the columns."""
    names = {_plain(cell).lower() for cell in cells}
    return "description" in names and any(name.startswith(("code|", "standard_charge|")) for name in names)


def layout_of(cells: Sequence[str], *, source_file: str, line: int, findings: FindingCounts) -> Layout:
    """Places of the columns. Unknown columns become findings.

    Raises StructureError for too many columns, a name that stands twice, a template, or columns that are missing.
    """
    where = f"{source_file} line {line}"
    names = [_plain(cell) for cell in cells]
    if len(names) > MAX_COLUMNS:
        advice = "Check that line ends and quotes of the header are right."
        raise StructureError(where, expected=f"at most {MAX_COLUMNS:,} columns", found=f"{len(names):,}", advice=advice)
    places = _places(names, where=where)
    codes = _codes(places, where=where)
    payers, unknown = _payers(names, where=where)
    if "payer_name" in places:
        payers = (_tall_columns(places, where=where),)
    for name in unknown:
        reason = "No column of the layout; it is not read."
        findings.add("column.unknown", name, row=line, column=shown(name), reason=reason, severity="info")
    return Layout(
        names=tuple(names),
        codes=codes,
        modifiers=tuple(places[name] for name in _MODIFIERS if name in places),
        setting=places.get("setting"),
        billing_class=places.get("billing_class"),
        generic_note=places.get("additional_generic_notes"),
        payer_name=places.get("payer_name"),
        plan_name=places.get("plan_name"),
        payers=payers,
    )


def _plain(cell: str) -> str:
    return _BAR.sub("|", cell.strip())


def _places(names: Sequence[str], *, where: str) -> dict[str, int]:
    """Place by name in lower case; nameless columns are left out."""
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        if not name:
            continue
        before = places.setdefault(name.lower() if _is_known(name.lower()) else name, place)
        if before != place:
            raise _twice(where, name, before, place)
    return places


def _twice(where: str, name: str, before: int, place: int) -> StructureError:
    return StructureError(
        where,
        expected="every column name once",
        found=f"{shown(name)!r} in columns {before + 1} and {place + 1}",
        advice="Ask the hospital which of the two holds.",
    )


def _codes(places: Mapping[str, int], *, where: str) -> tuple[tuple[int, int], ...]:
    if _PLACEHOLDERS & places.keys():
        raise StructureError(
            where,
            expected="columns such as code|1",
            found="code|[i]",
            advice="This is the empty template, no file of a hospital.",
        )
    numbers = sorted(int(found[1]) for name in places if (found := _CODE.fullmatch(name)))
    missing = [f"code|{number}|type" for number in numbers if f"code|{number}|type" not in places]
    if not numbers or missing:
        raise StructureError(
            where,
            expected="columns code|1 and code|1|type",
            found=f"no {', '.join(missing) or 'code|1'}",
            advice="Compare the header with the layout of CMS.",
        )
    return tuple((places[f"code|{number}"], places[f"code|{number}|type"]) for number in numbers)


def _tall_columns(places: Mapping[str, int], *, where: str) -> PayerColumns:
    found = {part: places[name] for name, part in _TALL.items() if name in places}
    if not found.keys() & set(_CHARGES.values()):
        raise StructureError(
            where,
            expected="a column such as standard_charge|negotiated_dollar beside payer_name",
            found="none",
            advice="Compare the header with the layout of CMS.",
        )
    return PayerColumns(None, **found)


def _payers(names: Sequence[str], *, where: str) -> tuple[tuple[PayerColumns, ...], list[str]]:
    """Columns of every payer and plan of a wide file, in the order of the file, and the names that mean nothing here."""
    found: dict[Entity, dict[str, int]] = {}
    unknown = []
    for place, name in enumerate(names):
        entity, part = _payer_column(name)
        if entity is not None:
            columns = found.setdefault(entity, {})
            if part is not None and columns.setdefault(part, place) != place:
                raise _twice(where, name, columns[part], place)
        elif name and not _is_known(name.lower()):
            unknown.append(name)
    return tuple(PayerColumns(entity, **columns) for entity, columns in _merged(found).items() if columns), unknown


def _merged(found: Mapping[Entity, Mapping[str, int]]) -> dict[Entity, dict[str, int]]:
    """Payers and plans that differ in capitals only are one where their columns complete each other (MD Anderson has such)."""
    first: dict[tuple[str, str], Entity] = {}
    merged: dict[Entity, dict[str, int]] = {}
    for entity, columns in found.items():
        same = first.setdefault((entity.payer_name.lower(), entity.plan_name.lower()), entity)
        is_another = same in merged and bool(merged[same].keys() & columns.keys())
        merged.setdefault(entity if is_another else same, {}).update(columns)
    return merged


def _payer_column(name: str) -> tuple[Entity | None, str | None]:
    """Payer and plan of a column and what it holds of what is read; none for a column that is no payer's."""
    parts = name.split("|")
    start, ending = parts[0].lower(), parts[-1].lower()
    if start == "standard_charge" and len(parts) > 2 and ending in _PAYER_ENDINGS:  # noqa: PLR2004 - start, payer, ending
        return _entity(parts[1:-1]), _PAYER_ENDINGS[ending]
    if start in _PAYER_STARTS and len(parts) > 1:
        return _entity(parts[1:]), _PAYER_STARTS[start]
    return None, None


def _entity(parts: Sequence[str]) -> Entity:
    """Payer and plan of a name; brackets round them are the notation of the layout that a hospital left standing."""
    cleaned = [part[1:-1].strip() if part.startswith("[") and part.endswith("]") else part for part in parts]
    return Entity(cleaned[0], "|".join(cleaned[1:]))


def _is_known(name: str) -> bool:
    return name in _NOT_READ or name in _TALL or name in _MODIFIERS or name in _SHARED or name.startswith("code|")
