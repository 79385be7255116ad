"""Declarations as documents: the data dictionary, the Frictionless data package, the table of tables."""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from schemas.base import Column, Table
from schemas.derive.ddl import described, sql_type

_FRICTIONLESS: dict[type[pl.DataType], str] = {
    pl.String: "string",
    pl.Int64: "integer",
    pl.Boolean: "boolean",
    pl.Date: "date",
    pl.Decimal: "number",
}


def dictionary(tables: Iterable[type[Table]]) -> str:
    """DICTIONARY.md: every table, its key, and every column with type, unit, values and meaning."""
    return "# Data dictionary\n\n" + "\n".join(_dictionary_entry(declared) for declared in tables)


def table_of_tables(tables: Iterable[type[Table]]) -> str:
    """A Markdown table with one line per table: group, name, what a row is, key."""
    lines = ["| group | table | one row per | key |", "|---|---|---|---|"]
    for declared in tables:
        facts = declared.facts()
        lines.append(f"| {facts.group} | `{declared.table_name()}` | {facts.row} | {', '.join(facts.key)} |")
    return "\n".join(lines) + "\n"


def resource(declared: type[Table], *, path: str, sha256: str, size_bytes: int) -> dict[str, Any]:
    """One tabular resource of a data package (specs.frictionlessdata.io) for a CSV export."""
    facts = declared.facts()
    return {
        "name": declared.table_name().replace("_", "-"),
        "path": path,
        "profile": "tabular-data-resource",
        "title": declared.table_name(),
        "description": f"{declared.summary()} One row per {facts.row}.",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": size_bytes,
        "hash": f"sha256:{sha256}",
        "schema": {
            "fields": [_field(column) for column in declared.columns()],
            "primaryKey": list(facts.key),
            "missingValues": [""],
        },
    }


def package(resources: list[dict[str, Any]], *, release: str, licences: Mapping[str, str]) -> dict[str, Any]:
    """The data package descriptor of a release. `licences` maps names to titles."""
    return {
        "profile": "tabular-data-package",
        "name": "payer-reference",
        "title": "Payer reference: billing codes, payers and modifiers",
        "version": release,
        "licenses": [{"name": name, "title": title} for name, title in licences.items()],
        "resources": resources,
    }


def _field(column: Column) -> dict[str, Any]:
    constraints: dict[str, Any] = {} if column.nullable else {"required": True}
    if column.values:
        constraints["enum"] = list(column.values)
    if column.pattern:
        constraints["pattern"] = column.pattern
    if column.at_least is not None:
        constraints["minimum"] = column.at_least
    if column.at_most is not None:
        constraints["maximum"] = column.at_most
    field: dict[str, Any] = {
        "name": column.name,
        "type": _FRICTIONLESS[type(column.dtype)],
        "description": described(column),
    }
    return field | ({"constraints": constraints} if constraints else {})


def _dictionary_entry(declared: type[Table]) -> str:
    facts = declared.facts()
    lines = [
        f"## {declared.table_name()}",
        "",
        f"{declared.summary()} One row per {facts.row}. Key: {', '.join(facts.key)}. Licence: {facts.licence}.",
        "",
        "| column | type | empty | meaning | values |",
        "|---|---|---|---|---|",
    ]
    for column in declared.columns():
        values = ", ".join(column.values) if column.values else ""
        empty = "yes" if column.nullable else "no"
        lines.append(f"| {column.name} | {sql_type(column.dtype)} | {empty} | {described(column)} | {values} |")
    return "\n".join(lines) + "\n"
