"""Copies of the shipped raw folder with one thing changed."""

import hashlib
import json
import shutil
from pathlib import Path

from flows import SHIPPED_RAW
from flows.release_feed import FEED_FILES

PFS = Path("cms_pfs/2025-10/PPRRVU2025_Oct.csv")


def copied(folder: Path) -> Path:
    """A raw folder of one's own."""
    raw = folder / "raw"
    shutil.copytree(SHIPPED_RAW, raw)
    return raw


def changed(raw: Path, file: Path | str, old: str, new: str, *, times: int = 1) -> Path:
    """The file with a text replaced, and its origin.json told so."""
    path = raw / file
    text = path.read_bytes().decode("utf-8")
    assert old in text
    path.write_bytes(text.replace(old, new, times).encode("utf-8"))
    restated(path)
    return path


def restated(path: Path) -> None:
    """Give origin.json the hash of the file as it is now."""
    origin = path.parent / "origin.json"
    stated = json.loads(origin.read_text(encoding="utf-8"))
    if path.name in stated.get("files", {}):
        stated["files"][path.name]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        origin.write_text(json.dumps(stated), encoding="utf-8")


def exported_bytes(release: Path) -> dict[str, bytes]:
    """Every file of a release whose bytes must not depend on the run or on the release before."""
    return {path.relative_to(release).as_posix(): path.read_bytes() for path in _exported(release)}


def exported_hashes(release: Path) -> dict[str, str]:
    """The same files with the hash of their bytes, for releases too large to hold in memory."""
    hashes = {}
    for path in _exported(release):
        with path.open("rb") as stream:
            hashes[path.relative_to(release).as_posix()] = hashlib.file_digest(stream, "sha256").hexdigest()
    return hashes


def _exported(release: Path) -> list[Path]:
    kept = {".parquet", ".csv", ".json", ".md"}
    return [path for path in sorted(release.rglob("*")) if path.suffix in kept and path.name not in FEED_FILES]
