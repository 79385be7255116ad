"""In-network files from a worklist: allowed hosts only, resumed, one at a time, each with its origin. docs/price_files.md."""

import csv
import hashlib
import json
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from flows.addresses import FetchUsageError
from flows.download import NotModified, Received, discard, download
from flows.fetch import Fetched, FetchOutcome, FetchSettings, Status, Watch
from flows.file_hash import sha256_of
from flows.origins import ORIGIN, Entry, entry_of, stated, synced
from flows.web import LOOPBACK, FetchError, NotThereError, Web, moment

HOSTS = (
    "antm-pt-prod-dataz-nogbd-nophi-us-east1.s3.amazonaws.com",
    "app0004702110a5prdnc868.blob.core.windows.net",
    "d25kgz5rikkq4n.cloudfront.net",
    "mrf.healthsparq.com",
    "mrfstorageprod.blob.core.windows.net",
    "mrfstore.uhc.com",
    "uhc-tic-mrf.azureedge.net",
)
"""Hosts from which in-network files of the five payers are taken: Anthem, HCSC, Cigna, Aetna and three of UnitedHealthcare."""
COLUMNS = ("url", "reporting_entity", "payer_id", "plan_count", "description")
"""Columns that a worklist needs; it may have more."""
_MOST_PLAIN = 80


class Pick(NamedTuple):
    """Which files of a worklist are wanted."""

    payers: tuple[str, ...] = ()
    """Payers; every resolved one where there are none. Files of unresolved entities are never taken."""
    most: int = 10
    """Most files, those for most plans first; a worklist of one payer may name terabytes."""
    hosts: tuple[str, ...] = ()
    """Hosts to allow beside `HOSTS`."""


class Listed(NamedTuple):
    """A file that a worklist names."""

    url: str
    reporting_entity: str
    payer_id: str
    plan_count: int
    description: str

    @property
    def folder(self) -> str:
        """Folder below raw/tic/: payer and month of the file, as its address states it."""
        month = re.search(r"(20\d{2}-[01]\d)", self.url)
        return f"{self.payer_id}/{month[1] if month else 'undated'}"

    @property
    def name(self) -> str:
        """A name of our own: the last part of the address in plain letters, and eight characters of the hash of the address.

        The signature behind the question mark changes with every table of contents, so it is no part of the name.
        """
        last = PurePosixPath(unquote(urlsplit(self.url).path)).name
        found = re.fullmatch(r"(?P<stem>.*?)(?P<suffix>\.json\.gz|\.json|\.zip|\.gz)?", last, re.IGNORECASE | re.DOTALL)
        stem, suffix = (found["stem"], found["suffix"] or ".json") if found else ("", ".json")
        plain = re.sub(r"[^0-9A-Za-z_-]+", "-", stem).strip("-")[:_MOST_PLAIN] or "file"
        ending = ".json.gz" if suffix.lower() == ".gz" else suffix.lower()
        return f"{plain}.{hashlib.sha256(self.url.partition('?')[0].encode()).hexdigest()[:8]}{ending}"


def picked(worklist: Path, pick: Pick) -> tuple[list[Listed], int]:
    """The files wanted, and how many more there are. Raises FetchUsageError for what is no worklist."""
    try:
        with worklist.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
            if missing:
                raise FetchUsageError(f"{worklist}: expected the columns {', '.join(COLUMNS)}, found no {', '.join(missing)}.")
            rows = [_listed(row, f"{worklist} line {reader.line_num}") for row in reader]
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise FetchUsageError(f"{worklist}: expected a worklist such as csv/price_file_worklist.csv, found {error}.") from error
    wanted = [row for row in rows if row.payer_id and (not pick.payers or row.payer_id in pick.payers)]
    once = {row.url.partition("?")[0]: row for row in reversed(wanted)}
    ordered = sorted(once.values(), key=lambda row: (-row.plan_count, row.url))
    return ordered[: pick.most], max(0, len(ordered) - pick.most)


def fetch_worklist(
    worklist: Path,
    raw: Path,
    *,
    today: date,
    pick: Pick | None = None,
    settings: FetchSettings | None = None,
    watch: Watch | None = None,
) -> FetchOutcome:
    """Fetch files that a worklist names into raw/tic/. Raises FetchUsageError; what goes wrong with a file is in its status."""
    chosen, given, watch = pick or Pick(), settings or FetchSettings(), watch or Watch()
    wanted, more = picked(worklist, chosen)
    if more:
        watch.say(f"{more:,} more files are on the list; --most takes more of them.")
    if given.is_dry:
        return FetchOutcome(raw, tuple(_fetched(row, Status.PLANNED, f"from {row.url}") for row in wanted))
    hosts = (*HOSTS, *chosen.hosts)
    files: list[Fetched] = []
    with Web(hosts, limits=given.limits, timing=given.timing, say=watch.say, base_url=given.base_url) as web:
        for row in wanted:
            files.append(_fetch_one(web, row, raw, today=today, watch=watch))
            watch.done(files[-1])
    return FetchOutcome(raw, tuple(files))


def _listed(row: dict[str, str], where: str) -> Listed:
    url = (row["url"] or "").strip()
    if urlsplit(url).scheme not in ("https", "http") or not re.fullmatch(r"[0-9]{1,9}", row["plan_count"] or ""):
        raise FetchUsageError(f"{where}: expected an address and a number of plans, found {url!r} and {row['plan_count']!r}.")
    return Listed(url, row["reporting_entity"] or "", row["payer_id"] or "", int(row["plan_count"]), row["description"] or "")


def _fetch_one(web: Web, row: Listed, raw: Path, *, today: date, watch: Watch) -> Fetched:
    try:
        status, detail, size = _fetch_file(web, row, raw, today=today, watch=watch)
    except NotThereError as error:
        advice = "Addresses are signed and expire; take a newer table of contents."
        return _fetched(row, Status.MISSING, f"{error}. {advice}")
    except FetchError as error:
        return _fetched(row, Status.FAILED, str(error).replace("flows/addresses.py", "flows/price_fetch.py or given with --host"))
    except OSError as error:
        return _fetched(row, Status.FAILED, f"{row.folder}: {error.strerror or error}. Nothing that was there before is lost.")
    return _fetched(row, status, detail, size)


def _fetch_file(web: Web, row: Listed, raw: Path, *, today: date, watch: Watch) -> tuple[Status, str, int]:
    """A file that is there already stays: price files are published anew every month under addresses of their own."""
    folder = raw / "tic" / row.folder
    folder.mkdir(parents=True, exist_ok=True)
    target, part = folder / row.name, folder / f"{row.name}.part"
    entry = stated(folder).files.get(row.name)
    if target.is_file():
        if entry is None or sha256_of(target) != entry.sha256:
            raise FetchError(f"{target}: is not the file that its origin.json names. Move it away and fetch again.")
        return Status.UNCHANGED, "is there already", entry.bytes
    place = f"tic/{row.folder}/{row.name}"
    answer = download(web, web.address(row.url), part, known=(), advance=lambda size, whole: watch.advance(place, size, whole))
    if isinstance(answer, NotModified):
        raise FetchError(f"{row.url}: expected a file, found 304 without having asked for a change.")
    _take(answer, target, row, today=today)
    return Status.DOWNLOADED, f"from {answer.address}", answer.size_bytes


def _take(received: Received, target: Path, row: Listed, *, today: date) -> None:
    """Put a file that was received in its place, and say where it comes from."""
    folder = target.parent
    received.part.replace(target)
    discard(received.part)
    synced(folder)
    files = {**stated(folder).files, target.name: entry_of(received)}
    draft = folder / f"{ORIGIN}.part"
    draft.write_text(json.dumps(_origin(row, files, today=today), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(folder / ORIGIN)
    synced(folder)


def _origin(row: Listed, files: dict[str, Entry], *, today: date) -> dict[str, object]:
    """What origin.json says: `published` is the latest Last-Modified that is not in the future, never the clock."""
    moments = [found.date() for entry in files.values() if (found := moment(entry.last_modified))]
    published = [day for day in moments if day <= today]
    return {
        "kind": "published",
        "publisher": row.payer_id,
        "title": f"Transparency in Coverage, in-network files, {row.folder}",
        "url": f"https://{urlsplit(row.url).hostname}/",
        **({"published": max(published).isoformat(), "published_basis": "last_modified"} if published else {}),
        "licence": "local",
        "files": {name: entry._asdict() for name, entry in sorted(files.items())},
    }


def _fetched(row: Listed, status: Status, detail: str, size: int = 0) -> Fetched:
    return Fetched("tic", row.folder, row.name, status, detail, size)


def check_hosts(hosts: Sequence[str]) -> tuple[str, ...]:
    """Names of hosts as given with --host. Raises FetchUsageError for what is none."""
    return tuple(_host(host) for host in hosts)


def _host(host: str) -> str:
    if host not in LOOPBACK and not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", host):
        raise FetchUsageError(f"--host: expected the name of a host such as files.example.com, found {host!r}.")
    return host
