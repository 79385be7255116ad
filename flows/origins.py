"""origin.json of fetched releases: what it says of every file, which licence was accepted, and how it is written."""

import json
import os
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from flows.addresses import Release, Terms
from flows.download import Received, Validators
from flows.web import FetchError, moment

ORIGIN = "origin.json"
VERSIONS = "versions"
"""Folder inside a release for other versions of its files; discovery reads no folder inside a release."""
NEWER, REPLACED = "newer", "replaced"


class Entry(NamedTuple):
    """What origin.json says of a file."""

    sha256: str
    bytes: int
    url: str
    etag: str | None = None
    last_modified: str | None = None

    @property
    def validators(self) -> Validators:
        """By what the server knows this version again."""
        return Validators(self.etag, self.last_modified)


class Version(NamedTuple):
    """Another version of a file, kept in `versions/` under a name with eight characters of its hash."""

    of: str
    state: str
    """`newer` waits for a decision, `replaced` was in force before."""
    entry: Entry


class Stated(NamedTuple):
    """The part of origin.json that fetching keeps."""

    files: dict[str, Entry]
    versions: dict[str, Version]
    accepted_on: str | None = None


def entry_of(received: Received) -> Entry:
    """What is to be said of a file just received."""
    return Entry(received.sha256, received.size_bytes, received.address, *received.validators)


def stated(folder: Path) -> Stated:
    """What origin.json of a release says. Raises FetchError where it is not one that fetching wrote or could go on with."""
    path = folder / ORIGIN
    if not path.is_file():
        return Stated({}, {})
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        files = {name: _entry(told) for name, told in found.get("files", {}).items()}
        versions = {name: Version(told["of"], told["state"], _entry(told)) for name, told in found.get("versions", {}).items()}
        return Stated(files, versions, found.get("accepted_on"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FetchError(f"{path}: expected JSON as docs/sources.md shows it, found {error!r}. Move it away.") from error


def write(folder: Path, release: Release, told: Stated, *, today: date) -> None:
    """Write origin.json whole or not at all."""
    path, draft = folder / ORIGIN, folder / f"{ORIGIN}.part"
    text = json.dumps(_content(release, told, today=today), indent=2, ensure_ascii=False) + "\n"
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    synced(folder)


def is_accepted(raw: Path, terms: Terms) -> bool:
    """A release in this raw folder records that the licence was accepted."""
    for path in sorted(raw.glob(f"*/*/{ORIGIN}")):
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(found, dict) and found.get("accepted_licence") is True and found.get("accepted_terms") == terms.owner:
            return True
    return False


def version_name(name: str, sha256: str) -> str:
    """`rvu25d.zip` with eight characters of its hash."""
    path = Path(name)
    return f"{path.stem}.{sha256[:8]}{path.suffix}"


def synced(folder: Path) -> None:
    """The names in a folder are on the disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _content(release: Release, told: Stated, *, today: date) -> dict[str, Any]:
    offer, period = release.offer, release.period
    published, basis = _published(told, first=period.valid_from, today=today)
    terms = offer.terms
    accepted = (
        {"accepted_licence": True, "accepted_terms": terms.owner, "accepted_on": told.accepted_on}
        if terms and told.accepted_on
        else {}
    )
    versions = {
        name: {"of": version.of, "state": version.state, **version.entry._asdict()} for name, version in told.versions.items()
    }
    return {
        "kind": "published",
        "publisher": offer.publisher,
        "title": release.title,
        "url": release.url,
        "published": published.isoformat(),
        "published_basis": basis,
        "valid_from": period.valid_from.isoformat(),
        "valid_to": period.valid_to.isoformat(),
        "licence": offer.licence,
        **accepted,
        "files": {name: entry._asdict() for name, entry in sorted(told.files.items())},
        **({"versions": versions} if versions else {}),
    }


def _published(told: Stated, *, first: date, today: date) -> tuple[date, str]:
    """Day on which the last file changed at the publisher; the first day of the release where no server says it.

    Never the day of the fetch: the same files fetched later must make the same dataset. A day after `today` is no such day.
    """
    moments = (moment(entry.last_modified) for entry in told.files.values())
    days = [found.date() for found in moments if found and found.date() <= today]
    return (max(days), "last_modified") if days else (first, "valid_from")


def _entry(told: dict[str, Any]) -> Entry:
    entry = Entry(told["sha256"], told.get("bytes", 0), told.get("url") or "", told.get("etag"), told.get("last_modified"))
    texts = (entry.sha256, entry.url, entry.etag or "", entry.last_modified or "")
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a value that is no text")
    return entry
