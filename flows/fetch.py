"""Bring published files into the raw folder: never overwriting, each with its origin, one bad source beside good others."""

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from flows.addresses import OFFERS, FetchUsageError, Offer, Release, Terms, Wanted, offered, release_of
from flows.download import NotModified, Received, discard, download
from flows.file_hash import sha256_of
from flows.links import Pages
from flows.origins import (
    NEWER,
    REPLACED,
    VERSIONS,
    Entry,
    Stated,
    Version,
    entry_of,
    is_accepted,
    stated,
    synced,
    version_name,
    write,
)
from flows.settings import ExitCode
from flows.web import LOOPBACK, FetchError, Limits, NotThereError, Timing, Web


class Status(StrEnum):
    """What became of a file."""

    DOWNLOADED = "downloaded"
    UNCHANGED = "unchanged"
    CHANGED = "changed"
    """The publisher has other bytes now; they lie in versions/, the file in force is the old one."""
    REPLACED = "replaced"
    """The changed file is in force now, the old one lies in versions/."""
    PLANNED = "would be fetched"
    MISSING = "not found"
    FAILED = "failed"


class Fetched(NamedTuple):
    """A file and what became of it."""

    source: str
    release_id: str
    file: str
    status: Status
    detail: str
    size_bytes: int = 0

    @property
    def place(self) -> str:
        """Path below raw/."""
        return f"{self.source}/{self.release_id}/{self.file}"


class FetchOutcome(NamedTuple):
    """What a fetch did."""

    raw: Path
    files: tuple[Fetched, ...]

    @property
    def exit_code(self) -> ExitCode:
        """STOPPED where something could not be fetched."""
        bad = any(file.status in (Status.MISSING, Status.FAILED) for file in self.files)
        return ExitCode.STOPPED if bad else ExitCode.OK

    def having(self, *statuses: Status) -> tuple[Fetched, ...]:
        """The files of which one of these became true."""
        return tuple(file for file in self.files if file.status in statuses)


class LicenceError(Exception):
    """A licence has to be accepted first; the text is its notice."""


class FetchSettings(NamedTuple):
    """How to fetch; the defaults are those of the command."""

    is_licence_accepted: bool = False
    """The user accepts the licences that the publishers show, here and now."""
    takes_changed: bool = False
    """A file that changed at the publisher replaces the one here, which moves to versions/."""
    is_dry: bool = False
    base_url: str | None = None
    """A mirror: takes the place of scheme and host of every declared address."""
    limits: Limits = Limits()
    timing: Timing = Timing()


class Watch(NamedTuple):
    """Who is told what happens."""

    say: Callable[[str], None] = lambda _: None
    advance: Callable[[str, int, int | None], None] = lambda _name, _size, _expected: None
    """Told the file, the bytes that are there, and those that are expected."""
    done: Callable[[Fetched], None] = lambda _: None


class _Task(NamedTuple):
    """A release that is being fetched."""

    release: Release
    folder: Path
    web: Web
    pages: Pages
    settings: FetchSettings
    watch: Watch
    today: date


def fetch(
    sources: Sequence[str],
    releases: Sequence[str],
    raw: Path,
    *,
    today: date,
    settings: FetchSettings | None = None,
    watch: Watch | None = None,
    offers: Sequence[Offer] = OFFERS,
) -> FetchOutcome:
    """Fetch releases of sources into a raw folder.

    Args:
        sources: Names of sources; every source with an address where there are none.
        releases: Names of releases; the newest that is out on `today` where there are none.
        raw: The raw folder; made where it is missing.
        today: Day of the fetch, for the newest release and for the record of an accepted licence.
        settings: How to fetch.
        watch: Who is told what happens.
        offers: Where what is published.

    Returns:
        One entry per file, those that failed among them; nothing of one release keeps the others from being fetched.

    Raises:
        FetchUsageError: A source or a release that does not exist, a mirror that is none; nothing was fetched.
        LicenceError: A licence that nobody accepted yet for this raw folder; nothing was fetched.
    """
    given, watch = settings or FetchSettings(), watch or Watch()
    _check_mirror(given.base_url)
    chosen = [offered(source, offers) for source in dict.fromkeys(sources)] or list(offers)
    wanted = [release_of(offer, name) for offer in chosen for name in dict.fromkeys(releases or [offer.cadence.newest(today)])]
    if given.is_dry:
        return FetchOutcome(raw, tuple(file for release in wanted for file in _planned(release, raw)))
    _check_licences([release.offer for release in wanted], raw, given)
    files: list[Fetched] = []
    for release in wanted:
        for file in _fetch_release(release, raw, today=today, settings=given, watch=watch):
            files.append(file)
            watch.done(file)
    return FetchOutcome(raw, tuple(files))


def _check_mirror(base_url: str | None) -> None:
    """Raise FetchUsageError for what is no address of a mirror; plain http is for this machine only."""
    try:
        parts = urlsplit(base_url or "https://www.cms.gov")
    except ValueError:
        parts = urlsplit("")
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not is_safe or not parts.hostname or parts.query or parts.fragment:
        raise FetchUsageError(f"--base-url: expected an address like https://mirror.example, found {base_url!r}.")


def _check_licences(offers: Sequence[Offer], raw: Path, settings: FetchSettings) -> None:
    """Raise LicenceError with every notice that was not accepted."""
    needed: dict[Terms, list[str]] = {}
    for offer in {offer.source: offer for offer in offers}.values():
        if offer.terms and not settings.is_licence_accepted and not is_accepted(raw, offer.terms):
            needed.setdefault(offer.terms, []).append(offer.source)
    if needed:
        notices = [f"{', '.join(sources)}: {terms.notice}" for terms, sources in needed.items()]
        owners = " and ".join(terms.owner for terms in needed)
        raise LicenceError(
            "\n\n".join([*notices, f"Nothing was fetched. To accept the licence of the {owners}, add --accept-licence once."])
        )


def _planned(release: Release, raw: Path) -> Iterator[Fetched]:
    terms = f" (licence of the {release.offer.terms.owner})" if release.offer.terms else ""
    for wanted in release.files:
        places = ([f"the link on {wanted.page}"] if wanted.page else []) + list(wanted.addresses)
        is_there = (raw / release.place / wanted.name).is_file()
        detail = ("is there; asked whether it changed, " if is_there else "") + "from " + ", else ".join(places) + terms
        yield Fetched(release.offer.source, release.release_id, wanted.name, Status.PLANNED, detail)


def _fetch_release(release: Release, raw: Path, *, today: date, settings: FetchSettings, watch: Watch) -> Iterator[Fetched]:
    offer, folder = release.offer, raw / release.place
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            _locked(folder),
            Web(offer.hosts, limits=settings.limits, timing=settings.timing, say=watch.say, base_url=settings.base_url) as web,
        ):
            _check_own(release, folder)
            task = _Task(release, folder, web, Pages(web), settings, watch, today)
            for wanted in release.files:
                yield _fetch_one(task, wanted)
    except (FetchError, OSError) as error:
        for wanted in release.files:
            yield Fetched(offer.source, release.release_id, wanted.name, Status.FAILED, _in_words(error, folder))


def _fetch_one(task: _Task, wanted: Wanted) -> Fetched:
    """Fetch a file; what goes wrong becomes its status."""
    release = task.release
    try:
        status, detail, size = _fetch_file(task, wanted)
    except NotThereError as error:
        status, detail, size = Status.MISSING, _missing(error, task), 0
    except (FetchError, OSError) as error:
        status, detail, size = Status.FAILED, _in_words(error, task.folder), 0
    return Fetched(release.offer.source, release.release_id, wanted.name, status, detail, size)


def _fetch_file(task: _Task, wanted: Wanted) -> tuple[Status, str, int]:
    told = stated(task.folder)
    entry = told.files.get(wanted.name)
    target = task.folder / wanted.name
    if entry and target.is_file() and sha256_of(target) != entry.sha256:
        raise FetchError(f"{target}: is not the file that its origin.json names. Move it away and fetch again.")
    answer = _answer(task, wanted, told if target.is_file() else Stated({}, {}))
    told = told._replace(accepted_on=told.accepted_on or (task.today.isoformat() if task.release.offer.terms else None))
    if isinstance(answer, NotModified):
        return _not_modified(task, wanted.name, told, answer)
    return _kept(task, wanted.name, told, answer)


def _answer(task: _Task, wanted: Wanted, told: Stated) -> Received | NotModified:
    """The file from the first address that has it. Raises NotThereError where none has."""
    reasons: list[str] = []
    part = task.folder / f"{wanted.name}.part"
    for address in _addresses(task, wanted, reasons):
        entries = [told.files.get(wanted.name), *(version.entry for version in _newer(task, told, wanted.name).values())]
        known = [entry.validators for entry in entries if entry and entry.url == address]
        try:
            return download(
                task.web,
                address,
                part,
                known=known,
                advance=lambda size, expected: task.watch.advance(f"{task.release.place}/{wanted.name}", size, expected),
            )
        except NotThereError as error:
            reasons.append(str(error))
    raise NotThereError("; ".join(reasons))


def _addresses(task: _Task, wanted: Wanted, reasons: list[str]) -> Iterator[str]:
    """Addresses to ask: the one that the publisher's page links to, then those declared. Notes why a page is of no use."""
    asked: set[str] = set()
    if wanted.page and wanted.link:
        try:
            linked = task.pages.address(wanted.page, wanted.link, query=wanted.query)
            asked.add(linked)
            yield linked
        except FetchError as error:
            reasons.append(str(error))
    for declared in wanted.addresses:
        address = task.web.address(declared)
        if address not in asked:
            asked.add(address)
            yield address


def _not_modified(task: _Task, name: str, told: Stated, answer: NotModified) -> tuple[Status, str, int]:
    """The server still has the file that is here, or the newer one that waits in versions/."""
    waiting, in_force = list(_newer(task, told, name).items()), told.files.get(name)
    if in_force and (not waiting or (answer.etag and answer.etag == in_force.etag)):
        return Status.UNCHANGED, "the publisher says it did not change", in_force.bytes
    return _changed(task, name, told, *waiting[-1])


def _kept(task: _Task, name: str, told: Stated, received: Received) -> tuple[Status, str, int]:
    """Put a file that was received in its place, where nothing else is in it."""
    target, entry = task.folder / name, entry_of(received)
    is_there = target.exists()
    if is_there and sha256_of(target) != entry.sha256:
        new_name = version_name(name, entry.sha256)
        return _changed(task, name, told, new_name, Version(name, NEWER, entry), part=received.part)
    if not is_there:
        received.part.replace(target)
    discard(received.part)
    _record(task, told._replace(files={**told.files, name: entry}))
    if is_there:
        return Status.UNCHANGED, "fetched again, the bytes are the same", entry.bytes
    return Status.DOWNLOADED, f"from {entry.url}", entry.bytes


def _changed(
    task: _Task, name: str, told: Stated, new_name: str, version: Version, *, part: Path | None = None
) -> tuple[Status, str, int]:
    """Keep another version beside the one in force, or put it into force where that was asked for."""
    versions = task.folder / VERSIONS
    versions.mkdir(exist_ok=True)
    if part is not None:
        part.replace(versions / new_name)
        discard(part)
        synced(versions)
    if task.settings.takes_changed:
        return _put_into_force(task, name, told, new_name, version)
    _record(task, told._replace(versions={**told.versions, new_name: version}))
    return (
        Status.CHANGED,
        f"the publisher has other bytes now; they are in {VERSIONS}/{new_name}, the file in force stays. "
        "--take-changed puts them into force",
        version.entry.bytes,
    )


def _put_into_force(task: _Task, name: str, told: Stated, new_name: str, version: Version) -> tuple[Status, str, int]:
    target, versions = task.folder / name, task.folder / VERSIONS
    if sha256_of(versions / new_name) != version.entry.sha256:
        raise FetchError(f"{versions / new_name}: is not the file that was fetched. Remove it and fetch again.")
    before = told.files.get(name) or Entry(sha256_of(target), target.stat().st_size, "")
    old_name = version_name(name, before.sha256)
    target.replace(versions / old_name)
    (versions / new_name).replace(target)
    kept = {other: held for other, held in told.versions.items() if other != new_name}
    _record(
        task,
        told._replace(files={**told.files, name: version.entry}, versions={**kept, old_name: Version(name, REPLACED, before)}),
    )
    return Status.REPLACED, f"the file before is in {VERSIONS}/{old_name}", version.entry.bytes


def _record(task: _Task, told: Stated) -> None:
    synced(task.folder)
    write(task.folder, task.release, told, today=task.today)


def _newer(task: _Task, told: Stated, name: str) -> dict[str, Version]:
    """Versions of a file that wait for a decision and are still there."""
    folder = task.folder / VERSIONS
    return {
        other: version
        for other, version in told.versions.items()
        if version.of == name and version.state == NEWER and (folder / other).is_file()
    }


def _check_own(release: Release, folder: Path) -> None:
    """Refuse a folder that holds published files of another description, such as the extract that the project ships."""
    foreign = sorted(set(stated(folder).files) - {wanted.name for wanted in release.files})
    if foreign:
        raise FetchError(
            f"{folder}: expected a folder of its own for this release, found published files already ({', '.join(foreign)}). "
            "Give another raw folder with --raw."
        )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The folder of a release for this process alone; the system drops the lock with the process."""
    number = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise FetchError(f"{folder}: another fetch works on this release. Try again when it is done.") from error
    finally:
        os.close(number)


def _missing(error: NotThereError, task: _Task) -> str:
    return (
        f"{error}. Where the release is not out yet, --release names an earlier one; otherwise download it from "
        f"{task.release.url} and put it into {task.folder}"
    )


def _in_words(error: Exception, folder: Path) -> str:
    if isinstance(error, OSError):
        return f"{folder}: {error.strerror or error}. Nothing that was there before is lost."
    return str(error)
