"""What changed in the declarations since the last release of the project, and which version number that raises."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from schemas.base import Table
from schemas.derive.ddl import sql_type

Snapshot = dict[str, dict[str, Any]]
"""By table its key and its columns' types; as JSON in schemas/released.json."""


class Evolution(NamedTuple):
    """Differences, in sentences: those that break readers, and those that only add."""

    breaking: tuple[str, ...]
    additive: tuple[str, ...]


def snapshot(tables: Iterable[type[Table]]) -> Snapshot:
    """Names, keys and types of the declared tables."""
    return {
        model.table_name(): {
            "key": list(model.facts().key),
            "columns": {column.name: sql_type(column.dtype) for column in model.columns()},
        }
        for model in tables
    }


def evolution(released: Snapshot, declared: Snapshot) -> Evolution:
    """What a reader of the released tables meets in the declared ones."""
    breaking = [f"table {name} was removed" for name in released if name not in declared]
    additive = [f"table {name} was added" for name in declared if name not in released]
    for name in (name for name in released if name in declared):
        old, new = released[name], declared[name]
        if old["key"] != new["key"]:
            breaking.append(f"table {name}: the key {', '.join(old['key'])} became {', '.join(new['key'])}")
        breaking += [f"column {name}.{column} was removed" for column in old["columns"] if column not in new["columns"]]
        breaking += _retyped(name, old["columns"], new["columns"])
        additive += [f"column {name}.{column} was added" for column in new["columns"] if column not in old["columns"]]
    return Evolution(tuple(breaking), tuple(additive))


def least_version(released: str, changed: Evolution) -> str:
    """Lowest version, major.minor, that says what changed since the version released."""
    major, minor = parts(released)
    if changed.breaking:
        return f"{major + 1}.0"
    return f"{major}.{minor + 1}" if changed.additive else released


def parts(version: str) -> tuple[int, int]:
    """Major and minor number of a version. Raises ValueError where it has not these two."""
    major, minor = version.split(".")
    return int(major), int(minor)


def _retyped(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return [
        f"column {name}.{column} of type {old[column]} became {new[column]}"
        for column in old
        if column in new and old[column] != new[column]
    ]
