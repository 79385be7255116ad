"""Releases on disk: their name, their manifest, and the one atomic switch that makes a release current."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from flows.cache import program
from flows.database_name import DATABASE
from flows.dataset import Dataset
from flows.discover import Inputs
from flows.export import ExportedFile, write_json
from flows.file_hash import sha256_of
from flows.load import STORAGE_VERSION
from flows.report import REPORT
from flows.settings import Settings, StopError
from schemas import SCHEMA_VERSION
from transforms.errors import BrokenCheckError

BUILDING, NEW_LINK, WRITE_TEST = ".building", ".current-new", ".write-test"
DIFFER_BY_RUN = (DATABASE, REPORT)
"""Files of a release that the manifest cannot tell the hash of, since it is the same for the same inputs."""
REPLACING, SETTLING = ".replacing", ".settling"
"""What the name of a release's twin ends with, while the release is replaced and while that is finished after a death."""


def release_name(inputs: Inputs, *, build: str) -> str:
    """Newest publication date of the inputs and eight characters of the hash of all inputs, schema version and build.

    No clock in it: the same inputs make the same name anywhere.
    """
    stated = [[file.source_file, file.sha256, file.licence, str(file.origin.period)] for file in sorted(inputs.files)]
    digest = hashlib.sha256(json.dumps([SCHEMA_VERSION, build, stated]).encode()).hexdigest()
    dates = [file.origin.published for file in inputs.files if file.origin.published]
    return f"{max(dates).isoformat() if dates else 'local'}-{digest[:8]}"


def current_release(output: Path) -> dict[str, Any] | None:
    """Manifest of the current release, or None where there is none. Raises StopError where it cannot be read."""
    path = output / "current" / "manifest.json"
    if not path.is_file():
        return None
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StopError(f"{path}: expected JSON, found {error}. Remove output/current and refresh again.") from error
    return manifest if isinstance(manifest, dict) and {"release", "files"} <= manifest.keys() else None


def is_published(output: Path, release: str) -> bool:
    """The release is current, made by this program and whole: every export has its size and the database its hash."""
    described = current_release(output)
    if described is None or described.get("release") != release or described.get("program") != program():
        return False
    folder = (output / "current").resolve()
    if folder.name != release:  # a run died while it replaced the release
        return False
    files = [(folder / file["path"], file["size_bytes"]) for file in described["files"]]
    apart = [(folder / name, stated_hash(folder, name)) for name in DIFFER_BY_RUN]
    return all(path.is_file() and path.stat().st_size == size for path, size in files) and all(
        path.is_file() and sha256_of(path) == stated for path, stated in apart
    )


def stated_hash(folder: Path, name: str) -> str:
    """The hash that stands beside a file whose bytes differ by run; `none` where none does."""
    aside = folder / f"{name}.sha256"
    stated = aside.read_text(encoding="utf-8").split()[:1] if aside.is_file() else []
    return stated[0] if stated else "none"


def prepared(settings: Settings) -> None:
    """The output folder, writable. Raises StopError where it is not."""
    current = settings.output / "current"
    if settings.output.resolve().is_relative_to(settings.raw.resolve()):
        raise StopError(
            f"{settings.output}: expected a folder outside the raw files, found it in {settings.raw}. "
            "Choose another with --output."
        )
    if current.exists() and not current.is_symlink():
        raise StopError(f"{current}: expected a link to a release, found something else. Move it away.")
    try:
        (settings.output / "releases").mkdir(parents=True, exist_ok=True)
        probe = settings.output / WRITE_TEST
        probe.write_bytes(b"")
        probe.unlink()
        (settings.output / ".lock").touch()
    except OSError as error:
        raise StopError(
            f"{settings.output}: expected a folder that can be written, found: {error.strerror}. Choose another with --output."
        ) from error


@contextmanager
def building(output: Path, release: str) -> Iterator[Path]:
    """A folder to build in, gone afterwards unless it was moved away. Leftovers of a run that died are removed first."""
    root = output / BUILDING
    shutil.rmtree(root, ignore_errors=True)
    folder = root / release
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(root, ignore_errors=True)


def manifest(
    settings: Settings, inputs: Inputs, dataset: Dataset, files: list[ExportedFile], before: dict[str, Any], *, release: str
) -> dict[str, Any]:
    """What the release holds, from what, and what was left out. The database file is hashed apart: its bytes differ by run.

    `before` is the manifest of the release from which tables were taken over, with what was left out of them.
    """
    finding = dataset.tables["finding"]
    counted = dataset.tables["raw_file"].group_by("source").agg(pl.col("^rows_.*$").sum()).sort("source")
    taken_over = [entry for entry in before.get("left_out", []) if entry["table"] not in dataset.left_out]
    left_out = [entry._asdict() for entries in dataset.left_out.values() for entry in entries]
    return {
        "release": release,
        "build": settings.build,
        "schema_version": SCHEMA_VERSION,
        "program": program(),
        "database": {"path": DATABASE, "storage_version": STORAGE_VERSION},
        "inputs": [
            {
                "file": file.source_file,
                "source": file.source,
                "release": file.origin.release_id,
                "origin": "local" if file.is_local else file.origin.kind,
                "licence": file.licence,
                "bytes": file.size_bytes,
                "sha256": file.sha256,
            }
            for file in inputs.files
        ],
        "rows": {row.pop("source"): row for row in counted.to_dicts()},
        "findings": dict(finding.group_by("severity").len().sort("severity").iter_rows()),
        "files": [file._asdict() for file in files],
        "left_out": sorted([*taken_over, *left_out], key=lambda entry: (entry["table"], entry["reason"])),
        "not_read": dataset.unread,
        "taken_from_the_project": list(inputs.shipped),
    }


def finish(folder: Path, described: dict[str, Any]) -> None:
    """Manifest and hashes of what differs by run beside the exports, everything verified and on disk. Raises BrokenCheckError."""
    shutil.rmtree(folder / "spill", ignore_errors=True)
    for name in DIFFER_BY_RUN:
        (folder / f"{name}.sha256").write_text(f"{sha256_of(folder / name)}  {name}\n", encoding="utf-8")
    write_json(folder / "manifest.json", described)
    _verify(folder, described)
    for path in sorted(folder.rglob("*")):
        _sync(path)
    _sync(folder)


def settle(output: Path) -> None:
    """Finish what a run that died while it replaced a release began: current points to its twin, which becomes the release."""
    link = output / "current"
    twin = link.resolve()
    if not link.is_symlink() or twin.suffix != REPLACING:
        return
    target, copy = twin.with_suffix(""), twin.with_suffix(SETTLING)
    for broken in (target, copy):
        shutil.rmtree(broken, ignore_errors=True)
    shutil.copytree(twin, copy, copy_function=_second_name)
    copy.rename(target)
    switch(output, target.name)
    shutil.rmtree(twin)


def publish(folder: Path, output: Path, *, release: str) -> None:
    """The built folder as a release, then current: one rename, after which readers find the new one.

    A release of the same name that is there already is replaced without a moment in which there is none: current points to a
    twin made of second names for the new files while the old folder is exchanged.
    """
    target = output / "releases" / release
    _date_after_others(folder, output)
    if target.exists():
        twin = output / "releases" / f"{release}{REPLACING}"
        shutil.rmtree(twin, ignore_errors=True)
        shutil.copytree(folder, twin, copy_function=_second_name)
        switch(output, twin.name)
        shutil.rmtree(target)
        folder.rename(target)
        switch(output, release)
        shutil.rmtree(twin)
        return
    folder.rename(target)
    _sync(target.parent)
    switch(output, release)


def switch(output: Path, release: str) -> None:
    """Make a release current by one rename."""
    link = output / NEW_LINK
    link.unlink(missing_ok=True)
    link.symlink_to(Path("releases") / release)
    link.replace(output / "current")
    _sync(output)


def _date_after_others(folder: Path, output: Path) -> None:
    """The manifest's time puts releases in order, so it is later than every other's, also where the clock was turned back."""
    manifests = (output / "releases").glob("*/manifest.json")
    newest = max((path.stat().st_mtime_ns for path in manifests), default=0)
    own = folder / "manifest.json"
    if own.stat().st_mtime_ns <= newest:
        os.utime(own, ns=(newest + 1_000_000_000, newest + 1_000_000_000))


def _second_name(source: str, target: str) -> str:
    os.link(source, target)
    return target


def _verify(folder: Path, described: dict[str, Any]) -> None:
    """The database opens, has no journal beside it, and holds as many rows as the Parquet files say."""
    journal = folder / f"{DATABASE}.wal"
    if journal.exists():
        raise BrokenCheckError(f"{journal} was left behind, so the database was not closed.")
    with duckdb.connect(str(folder / DATABASE), read_only=True) as connection:
        for file in described["files"]:
            if file["path"].endswith(".parquet"):
                found = connection.execute("SELECT count(*) FROM read_parquet($1)", [str(folder / file["path"])]).fetchall()[0][0]
                held = connection.execute(f"SELECT count(*) FROM {file['table']}").fetchall()[0][0]
                if not file["rows"] == found == held:
                    raise BrokenCheckError(
                        f"{file['path']}: {file['rows']} rows exported, {found} found, {held} in the database."
                    )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
