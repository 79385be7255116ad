"""Output folders: a copy that shares what nobody changes in place, and whether one is whole and free of leftovers."""

import json
import os
import shutil
from pathlib import Path

import duckdb

from flows.database_name import DATABASE
from flows.file_hash import sha256_of
from flows.leftovers import leftovers


def linked(source: Path, target: Path) -> Path:
    """A copy of an output folder, with second names for files that nobody may change in place."""

    def second_name(old: str, new: str) -> str:
        if Path(old).parent.name in {"csv", "parquet"} or Path(old).suffix == ".duckdb":
            os.link(old, new)
        else:
            shutil.copyfile(old, new)
        return new

    shutil.copytree(source, target, symlinks=True, copy_function=second_name)
    return target


def names(output: Path) -> set[str]:
    return {path.relative_to(output).as_posix() for path in output.rglob("*")}


def assert_current_is_whole(output: Path) -> str:
    """Every file has the hash that the manifest states, and the database opens and holds as many rows as it says."""
    current = output / "current"
    described = json.loads((current / "manifest.json").read_text(encoding="utf-8"))
    assert [file["path"] for file in described["files"] if sha256_of(current / file["path"]) != file["sha256"]] == []
    with duckdb.connect(str(current / DATABASE), read_only=True) as connection:
        for file in described["files"]:
            if file["path"] in {"parquet/payer.parquet", "parquet/modifier_rule.parquet", "parquet/answer.parquet"}:
                assert connection.execute(f"SELECT count(*) FROM {file['table']}").fetchall() == [(file["rows"],)]
    return str(described["release"])


def unlisted(output: Path, expected: set[str]) -> set[str]:
    """Files and folders that are neither expected nor among what `payref clean` would remove."""
    listed = [leftover.path.relative_to(output).as_posix() for leftover in leftovers(output)]
    extra = names(output) - expected
    return {name for name in extra if not any(name == each or name.startswith(f"{each}/") for each in listed)}
