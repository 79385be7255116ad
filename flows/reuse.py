"""What a refresh can take over from the release before: tables that depend on nothing that changed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from flows.cache import CACHE
from flows.database_name import DATABASE
from flows.export import Before, ExportedFile
from flows.file_hash import sha256_of
from flows.publish import current_release


class Reusable(NamedTuple):
    """The release before and its tables that can be taken over."""

    before: Before
    database: Path
    manifest: dict[str, Any]


def reusable(output: Path, keys: Mapping[str, str]) -> Reusable | None:
    """What the current release still holds of tables with the given keys; None where it holds none or is not whole."""
    manifest = current_release(output)
    if manifest is None:
        return None
    folder = (output / "current").resolve()
    same = frozenset(name for name, key in _known_keys(output, str(manifest["release"])).items() if keys.get(name) == key)
    files = tuple(ExportedFile(**file) for file in manifest["files"])
    if not same or not _is_whole(folder, [file for file in files if file.table in same]):
        return None
    return Reusable(Before(folder, files, same), folder / DATABASE, manifest)


def remember(output: Path, release: str, keys: Mapping[str, str]) -> None:
    """Note what each table of a release depends on. Raises OSError."""
    folder = output / CACHE
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.tables.json"):
        old.unlink()
    (folder / f"{release}.tables.json").write_text(json.dumps(dict(keys)), encoding="utf-8")


def _known_keys(output: Path, release: str) -> dict[str, str]:
    try:
        known = json.loads((output / CACHE / f"{release}.tables.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _is_whole(folder: Path, files: list[ExportedFile]) -> bool:
    """Every file and the database have the bytes that were published: a damaged release is not carried on."""
    stated = folder / f"{DATABASE}.sha256"
    try:
        has_database = stated.read_text(encoding="utf-8").split()[:1] == [sha256_of(folder / DATABASE)]
        return has_database and all(sha256_of(folder / file.path) == file.sha256 for file in files)
    except OSError:
        return False
