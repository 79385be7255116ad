"""Fetching against a real server on loopback that drops, lies, redirects and changes its mind."""

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows import PROJECT, cli
from flows.addresses import OFFERS, Offer, Wanted
from flows.discover import discover
from flows.fetch import FetchOutcome, FetchSettings, LicenceError, Status, Watch, fetch
from flows.settings import ExitCode
from flows.web import Limits, Timing
from tests.flows.file_server import FileServer, Reply

TODAY = date(2025, 11, 25)
SEPTEMBER, OCTOBER = "Thu, 11 Sep 2025 14:00:00 GMT", "Wed, 15 Oct 2025 09:30:00 GMT"
RVU, PAGE = "/files/zip/rvu25d.zip", "/medicare/payment/fee-schedules/physician/pfs-relative-value-files/rvu25d"
NUCC = "/images/stories/CSV/nucc_taxonomy_251.csv"
CSV = b"Code,Grouping\r\n207L00000X,Group\r\n" * 20_000
HTML = b"<!DOCTYPE html>\n<html><head><title>License</title></head><body>Please accept</body></html>"
FOLDER = "cms_pfs/2025-10"


def archive(seed: int = 1, size: int = 400_000) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as members:
        members.writestr(zipfile.ZipInfo("PPRRVU2025_Oct.csv"), random.Random(seed).randbytes(size))  # noqa: S311
    return written.getvalue()


ZIP, OTHER_ZIP = archive(1), archive(2)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as running:
        yield running


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "raw"


class Fetcher:
    """Fetches from a server and remembers the pauses and what was said."""

    def __init__(self, server: FileServer, raw: Path) -> None:
        self.server, self.raw = server, raw
        self.pauses: list[float] = []
        self.said: list[str] = []

    def __call__(
        self,
        source: str = "cms_pfs",
        release: str = "2025-10",
        *,
        limits: Limits | None = None,
        is_licence_accepted: bool = True,
        takes_changed: bool = False,
        offers: tuple[Offer, ...] = OFFERS,
    ) -> FetchOutcome:
        timing = Timing(self.pauses.append, lambda: 1.0, lambda: 1_760_000_000.0)
        settings = FetchSettings(
            is_licence_accepted, takes_changed, base_url=self.server.url, limits=limits or Limits(), timing=timing
        )
        watch = Watch(say=self.said.append)
        return fetch([source], [release], self.raw, today=TODAY, settings=settings, watch=watch, offers=offers)


@pytest.fixture
def fetched(server: FileServer, raw: Path) -> Fetcher:
    return Fetcher(server, raw)


def only(outcome: FetchOutcome) -> tuple[Status, str]:
    (file,) = outcome.files
    return file.status, file.detail


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def origin(raw: Path, folder: str = FOLDER) -> dict[str, object]:
    found: dict[str, object] = json.loads((raw / folder / "origin.json").read_text(encoding="utf-8"))
    return found


def offer_of(source: str) -> Offer:
    (found,) = (offer for offer in OFFERS if offer.source == source)
    return found


def test_a_file_is_taken_with_its_origin(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    server.script(RVU, Reply(ZIP, etag='"one"', last_modified=SEPTEMBER))
    outcome = fetched()
    assert only(outcome) == (Status.DOWNLOADED, f"from {server.url}{RVU}")
    assert outcome.exit_code is ExitCode.OK
    assert names(raw) == [f"{FOLDER}/origin.json", f"{FOLDER}/rvu25d.zip"]
    assert (raw / FOLDER / "rvu25d.zip").read_bytes() == ZIP
    assert origin(raw) == {
        "kind": "published",
        "publisher": "Centers for Medicare & Medicaid Services",
        "title": "Physician Fee Schedule relative value files, release RVU25D",
        "url": f"https://www.cms.gov{PAGE}",
        "published": "2025-09-11",
        "published_basis": "last_modified",
        "valid_from": "2025-10-01",
        "valid_to": "2025-12-31",
        "licence": "US-GOV",
        "accepted_licence": True,
        "accepted_terms": "AMA",
        "accepted_on": "2025-11-25",
        "files": {
            "rvu25d.zip": {
                "sha256": sha256(ZIP).hexdigest(),
                "bytes": len(ZIP),
                "url": f"{server.url}{RVU}",
                "etag": '"one"',
                "last_modified": SEPTEMBER,
            }
        },
    }


def test_what_was_fetched_is_discovered(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    server.script(RVU, Reply(ZIP, etag='"one"', last_modified=SEPTEMBER), Reply(OTHER_ZIP, etag='"two"', last_modified=OCTOBER))
    fetched()
    fetched()
    (file,) = (file for file in discover(raw).files if file.source == "cms_pfs")
    assert (file.source_file, file.sha256, file.is_local) == (f"{FOLDER}/rvu25d.zip", sha256(ZIP).hexdigest(), False)
    assert (file.origin.release_id, file.licence, file.origin.published) == ("2025-10", "US-GOV", date(2025, 9, 11))
    assert file.origin.period is not None
    assert (file.origin.period.valid_from, file.origin.period.valid_to) == (date(2025, 10, 1), date(2025, 12, 31))


def test_a_file_that_did_not_change_is_not_sent_again(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    server.script(RVU, Reply(ZIP, etag='"one"', last_modified=SEPTEMBER))
    fetched()
    before = (raw / FOLDER / "origin.json").read_bytes()
    assert only(fetched()) == (Status.UNCHANGED, "the publisher says it did not change")
    assert server.asked(RVU)[1].headers["if-none-match"] == '"one"'
    assert server.asked(RVU)[1].headers["if-modified-since"] == SEPTEMBER
    assert (raw / FOLDER / "origin.json").read_bytes() == before


def test_a_date_is_enough_for_a_condition(server: FileServer, fetched: Fetcher) -> None:
    server.script(RVU, Reply(ZIP, last_modified=SEPTEMBER))
    fetched()
    assert only(fetched())[0] is Status.UNCHANGED


def test_a_server_without_conditions_sends_the_same_bytes_again(server: FileServer, fetched: Fetcher) -> None:
    server.script(RVU, Reply(ZIP))
    fetched()
    assert only(fetched()) == (Status.UNCHANGED, "fetched again, the bytes are the same")


@pytest.mark.parametrize("told", [None, "no date", "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_without_a_date_of_the_server_the_first_day_counts_and_never_the_clock(
    server: FileServer, fetched: Fetcher, raw: Path, told: str | None
) -> None:
    server.script(RVU, Reply(ZIP, last_modified=told))
    fetched()
    assert (origin(raw)["published"], origin(raw)["published_basis"]) == ("2025-10-01", "valid_from")


def test_a_dropped_connection_is_resumed(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    server.script(RVU, Reply(ZIP, etag='"one"', cut_after=200_000), Reply(ZIP, etag='"one"'))
    assert only(fetched())[0] is Status.DOWNLOADED
    second = server.asked(RVU)[1].headers
    assert (second["range"], second["if-range"]) == (f"bytes={200_000 // 65_536 * 65_536}-", '"one"')
    assert (raw / FOLDER / "rvu25d.zip").read_bytes() == ZIP
    assert names(raw) == [f"{FOLDER}/origin.json", f"{FOLDER}/rvu25d.zip"]
    assert fetched.pauses == [1.0]


def test_a_date_is_enough_to_resume(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    server.script(
        RVU,
        Reply(ZIP, etag='W/"weak"', last_modified=SEPTEMBER, cut_after=200_000),
        Reply(ZIP, etag='W/"weak"', last_modified=SEPTEMBER),
    )
    assert only(fetched())[0] is Status.DOWNLOADED
    assert server.asked(RVU)[1].headers["if-range"] == SEPTEMBER
    assert (raw / FOLDER / "rvu25d.zip").read_bytes() == ZIP


def test_without_a_validator_a_dropped_file_starts_over(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    server.script(RVU, Reply(ZIP, cut_after=200_000), Reply(OTHER_ZIP))
    assert only(fetched())[0] is Status.DOWNLOADED
    assert "range" not in server.asked(RVU)[1].headers
    assert (raw / FOLDER / "rvu25d.zip").read_bytes() == OTHER_ZIP


def test_a_file_that_changed_while_broken_off_starts_over(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    server.script(RVU, Reply(ZIP, etag='"one"', cut_after=200_000), Reply(OTHER_ZIP, etag='"two"'))
    assert only(fetched())[0] is Status.DOWNLOADED
    assert (raw / FOLDER / "rvu25d.zip").read_bytes() == OTHER_ZIP


def test_a_server_that_resumes_with_another_version_is_not_believed(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    start = 200_000 // 65_536 * 65_536
    wrong = Reply(OTHER_ZIP[start:], 206, {"Content-Range": f"bytes {start}-{len(ZIP) - 1}/{len(ZIP)}", "ETag": '"two"'})
    server.script(RVU, Reply(ZIP, etag='"one"', cut_after=200_000), wrong, Reply(OTHER_ZIP, etag='"two"'))
    assert only(fetched())[0] is Status.DOWNLOADED
    assert (raw / FOLDER / "rvu25d.zip").read_bytes() == OTHER_ZIP
    assert "another version" in fetched.said[1]


def test_a_connection_that_always_breaks_is_given_up_and_what_came_is_kept(
    server: FileServer, fetched: Fetcher, raw: Path
) -> None:
    server.script(RVU, Reply(ZIP, etag='"one"', cut_after=0))
    outcome = fetched()
    status, detail = only(outcome)
    assert (status, outcome.exit_code) == (Status.FAILED, ExitCode.STOPPED)
    assert detail.startswith(f"{server.url}{RVU}: the connection broke (")
    assert detail.endswith("(5 attempts). Try again later.")
    assert fetched.pauses == [1.0, 2.0, 4.0, 8.0]
    assert not (raw / FOLDER / "rvu25d.zip").exists()


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_when_it_says(server: FileServer, fetched: Fetcher, status: int) -> None:
    server.script(RVU, Reply(status=status, headers={"Retry-After": "7"}), Reply(ZIP))
    assert only(fetched())[0] is Status.DOWNLOADED
    assert fetched.pauses == [7.0]
    assert fetched.said == [f"{server.url}{RVU}: the server answered {status}; attempt 2 of 5 in 7 s"]


def test_a_date_to_come_back_is_understood(server: FileServer, fetched: Fetcher) -> None:
    server.script(RVU, Reply(status=429, headers={"Retry-After": "Thu, 09 Oct 2025 08:53:30 GMT"}), Reply(ZIP))
    assert only(fetched())[0] is Status.DOWNLOADED
    assert fetched.pauses == [10.0]


def test_a_server_that_wants_a_long_wait_is_left_alone(server: FileServer, fetched: Fetcher) -> None:
    server.script(RVU, Reply(status=429, headers={"Retry-After": "3600"}), Reply(ZIP))
    status, detail = only(fetched())
    assert (status, fetched.pauses) == (Status.FAILED, [])
    assert detail == (f"{server.url}{RVU}: the server answered 429; it asks to wait 3600 s, more than 120 s. Try again then.")


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_that_is_down_for_a_moment_is_asked_again(server: FileServer, fetched: Fetcher, status: int) -> None:
    server.script(RVU, Reply(status=status), Reply(status=status), Reply(ZIP))
    assert only(fetched())[0] is Status.DOWNLOADED
    assert fetched.pauses == [1.0, 2.0]


def test_pauses_grow_to_a_limit_and_are_spread(server: FileServer, raw: Path) -> None:
    server.script(NUCC, Reply(status=503))
    pauses: list[float] = []
    timing = Timing(pauses.append, lambda: 0.0)
    settings = FetchSettings(base_url=server.url, limits=Limits(attempts=8), timing=timing)
    fetch(["nucc"], ["25.1"], raw, today=TODAY, settings=settings)
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]


def test_a_file_that_is_not_there_says_what_to_do(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    outcome = fetched()
    assert (only(outcome)[0], outcome.exit_code) == (Status.MISSING, ExitCode.STOPPED)
    assert only(outcome)[1] == (
        f"{server.url}{PAGE}: not found (404); {server.url}{RVU}: not found (404). Where the release is not out yet, "
        f"--release names an earlier one; otherwise download it from https://www.cms.gov{PAGE} and put it into {raw / FOLDER}"
    )
    assert names(raw) == []


def test_a_refusal_is_not_asked_again(server: FileServer, fetched: Fetcher) -> None:
    server.script(RVU, Reply(status=403))
    assert only(fetched()) == (
        Status.FAILED,
        f"{server.url}{RVU}: expected 200, found 403. A browser shows what the publisher says there.",
    )
    assert len(server.asked(RVU)) == 1


def test_fewer_bytes_than_announced_are_an_error_and_tried_again(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    server.script(RVU, Reply(ZIP, announced=len(ZIP) + 10), Reply(ZIP))
    assert only(fetched())[0] is Status.DOWNLOADED
    assert len(fetched.pauses) == 1
    assert (raw / FOLDER / "rvu25d.zip").read_bytes() == ZIP


def test_more_bytes_than_announced_are_an_error_and_tried_again(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    server.script(RVU, Reply(ZIP, announced=len(ZIP) - 10), Reply(ZIP))
    assert only(fetched())[0] is Status.DOWNLOADED
    assert "expected a zip archive, found one that is cut off or damaged" in fetched.said[0]
    assert (raw / FOLDER / "rvu25d.zip").read_bytes() == ZIP


def test_a_text_that_goes_on_behind_its_announced_end_is_tried_again(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    server.script(NUCC, Reply(CSV, etag='"one"', announced=len(CSV) - 10), Reply(CSV, etag='"one"'))
    assert only(fetched("nucc", "25.1"))[0] is Status.DOWNLOADED
    assert fetched.said == [
        f"{server.url}{NUCC}: expected the {len(CSV) - 10:,} bytes that were announced, found more; attempt 2 of 5 in 1 s"
    ]
    assert (raw / "nucc/25.1/nucc_taxonomy_251.csv").read_bytes() == CSV


def test_an_archive_without_announced_length_that_breaks_off_is_noticed(server: FileServer, fetched: Fetcher) -> None:
    server.script(RVU, Reply(ZIP, announced=-1, cut_after=200_000), Reply(ZIP, announced=-1))
    assert only(fetched())[0] is Status.DOWNLOADED
    assert len(fetched.pauses) == 1


@pytest.mark.parametrize("type_named", ["text/html; charset=utf-8", "application/zip"])
def test_a_page_in_the_place_of_an_archive_is_refused(server: FileServer, fetched: Fetcher, raw: Path, type_named: str) -> None:
    server.script(RVU, Reply(HTML, headers={"Content-Type": type_named}))
    outcome = fetched()
    status, detail = only(outcome)
    assert (status, outcome.exit_code) == (Status.MISSING, ExitCode.STOPPED)
    assert (
        f"{server.url}{RVU}: expected a zip archive, found a web page. The address may have moved, or the publisher asks for "
        "something first; open it in a browser."
    ) in detail
    assert names(raw) == []
    assert fetched.pauses == []


@pytest.mark.parametrize(
    ("body", "found"),
    [(b"\xef\xbb\xbf\r\n <HTML>", "a web page"), (b"Code\0Grouping\r\n", "bytes that are no text"), (b"", "an empty file")],
)
def test_what_is_no_csv_is_refused(server: FileServer, fetched: Fetcher, raw: Path, body: bytes, found: str) -> None:
    server.script(NUCC, Reply(body))
    status, detail = only(fetched("nucc", "25.1"))
    assert status is Status.MISSING
    assert f"expected a CSV file, found {found}" in detail
    assert names(raw) == []


def test_what_is_no_archive_is_refused(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    server.script(RVU, Reply(b"\x1f\x8b\x08 a gzip file"))
    assert "expected a zip archive, found something else" in only(fetched())[1]
    assert names(raw) == []


def test_a_packed_answer_is_refused(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    server.script(NUCC, Reply(CSV, headers={"Content-Encoding": "gzip"}))
    assert only(fetched("nucc", "25.1")) == (
        Status.FAILED,
        f"{server.url}{NUCC}: expected the file as it is, found it packed as gzip.",
    )
    assert server.asked(NUCC)[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("announced", [None, -1])
def test_a_file_above_the_limit_is_refused(server: FileServer, fetched: Fetcher, raw: Path, announced: int | None) -> None:
    server.script(RVU, Reply(ZIP, announced=announced))
    status, detail = only(fetched(limits=Limits(max_bytes=100_000)))
    assert status is Status.FAILED
    assert detail.startswith(f"{server.url}{RVU}: expected at most 100,000 bytes, found ")
    assert names(raw) == []


def test_a_redirect_on_a_declared_host_is_followed(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    server.script(RVU, Reply(status=302, headers={"Location": "/somewhere/../files/evil.exe"}))
    server.script("/files/evil.exe", Reply(ZIP, headers={"Content-Disposition": "attachment; filename=../../evil.zip"}))
    assert only(fetched())[0] is Status.DOWNLOADED
    assert names(raw) == [f"{FOLDER}/origin.json", f"{FOLDER}/rvu25d.zip"]


def test_a_redirect_to_another_host_is_refused_unless_declared(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    with FileServer() as other:
        elsewhere = f"http://localhost:{other.port}/stored.zip"
        other.script("/stored.zip", Reply(ZIP))
        server.script(RVU, Reply(status=302, headers={"Location": elsewhere}))
        assert only(fetched()) == (
            Status.FAILED,
            f"{elsewhere}: expected one of the declared hosts 127.0.0.1, cms.gov, www.cms.gov, found localhost. "
            "Nothing was taken from there; a host is declared in flows/addresses.py.",
        )
        assert other.seen == []
        declared = offer_of("cms_pfs")._replace(hosts=("www.cms.gov", "localhost"))
        assert only(fetched(offers=(declared,)))[0] is Status.DOWNLOADED
        assert (raw / FOLDER / "rvu25d.zip").read_bytes() == ZIP


@pytest.mark.parametrize("location", ["http://www.cms.gov/files/zip/rvu25d.zip", "ftp://www.cms.gov/x.zip", "file:///etc/passwd"])
def test_a_redirect_away_from_https_is_refused(server: FileServer, fetched: Fetcher, location: str) -> None:
    server.script(RVU, Reply(status=301, headers={"Location": location}))
    status, detail = only(fetched())
    assert status is Status.FAILED
    assert "expected https" in detail or "expected one of the declared hosts" in detail
    assert "Nothing was taken from there" in detail


def test_a_circle_of_redirects_ends(server: FileServer, fetched: Fetcher) -> None:
    server.script(RVU, Reply(status=302, headers={"Location": RVU}))
    assert only(fetched())[1] == (f"{server.url}{RVU}: expected at most 5 redirects, found more. The address may have moved.")


def test_a_file_that_changed_under_its_name_is_kept_beside(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    server.script(RVU, Reply(ZIP, etag='"one"', last_modified=SEPTEMBER), Reply(OTHER_ZIP, etag='"two"', last_modified=OCTOBER))
    fetched()
    outcome = fetched()
    new_name = f"rvu25d.{sha256(OTHER_ZIP).hexdigest()[:8]}.zip"
    assert only(outcome)[0] is Status.CHANGED
    assert f"they are in versions/{new_name}, the file in force stays" in only(outcome)[1]
    assert outcome.exit_code is ExitCode.OK
    assert (raw / FOLDER / "rvu25d.zip").read_bytes() == ZIP
    assert (raw / FOLDER / "versions" / new_name).read_bytes() == OTHER_ZIP
    assert origin(raw)["published"] == "2025-09-11"
    third = fetched()
    assert only(third)[0] is Status.CHANGED
    assert server.asked(RVU)[2].headers["if-none-match"] == '"one", "two"'
    assert names(raw) == [f"{FOLDER}/origin.json", f"{FOLDER}/rvu25d.zip", f"{FOLDER}/versions/{new_name}"]


def test_a_changed_file_is_put_into_force_when_asked(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    server.script(RVU, Reply(ZIP, etag='"one"', last_modified=SEPTEMBER), Reply(OTHER_ZIP, etag='"two"', last_modified=OCTOBER))
    fetched()
    fetched()
    old_name = f"rvu25d.{sha256(ZIP).hexdigest()[:8]}.zip"
    assert only(fetched(takes_changed=True)) == (Status.REPLACED, f"the file before is in versions/{old_name}")
    assert (raw / FOLDER / "rvu25d.zip").read_bytes() == OTHER_ZIP
    assert (raw / FOLDER / "versions" / old_name).read_bytes() == ZIP
    assert origin(raw)["published"] == "2025-10-15"
    assert only(fetched())[0] is Status.UNCHANGED
    (file,) = (file for file in discover(raw).files if file.source == "cms_pfs")
    assert file.sha256 == sha256(OTHER_ZIP).hexdigest()


def test_a_publisher_that_takes_its_change_back_changes_nothing(server: FileServer, fetched: Fetcher) -> None:
    server.script(RVU, Reply(ZIP, etag='"one"'), Reply(OTHER_ZIP, etag='"two"'), Reply(ZIP, etag='"one"'))
    assert [only(fetched())[0] for _ in range(3)] == [Status.DOWNLOADED, Status.CHANGED, Status.UNCHANGED]


def test_a_waiting_file_that_was_spoiled_is_not_put_into_force(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    server.script(RVU, Reply(ZIP, etag='"one"'), Reply(OTHER_ZIP, etag='"two"'))
    fetched()
    fetched()
    (waiting,) = (raw / FOLDER / "versions").iterdir()
    waiting.write_bytes(b"spoiled")
    assert only(fetched(takes_changed=True)) == (
        Status.FAILED,
        f"{waiting}: is not the file that was fetched. Remove it and fetch again.",
    )
    assert (raw / FOLDER / "rvu25d.zip").read_bytes() == ZIP


def test_a_file_of_the_user_is_not_overwritten(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    (raw / FOLDER).mkdir(parents=True)
    (raw / FOLDER / "rvu25d.zip").write_bytes(OTHER_ZIP)
    server.script(RVU, Reply(ZIP, etag='"one"'))
    assert only(fetched())[0] is Status.CHANGED
    assert (raw / FOLDER / "rvu25d.zip").read_bytes() == OTHER_ZIP
    assert origin(raw)["files"] == {}
    assert only(fetched())[0] is Status.CHANGED


def test_the_users_own_copy_of_a_published_file_gets_its_origin(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    (raw / FOLDER).mkdir(parents=True)
    (raw / FOLDER / "rvu25d.zip").write_bytes(ZIP)
    server.script(RVU, Reply(ZIP, etag='"one"'))
    assert only(fetched())[0] is Status.UNCHANGED
    (file,) = (file for file in discover(raw).files if file.source == "cms_pfs")
    assert not file.is_local


def test_a_file_that_was_removed_is_fetched_again(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    server.script(RVU, Reply(ZIP, etag='"one"'))
    fetched()
    (raw / FOLDER / "rvu25d.zip").unlink()
    assert only(fetched())[0] is Status.DOWNLOADED


def test_a_file_that_was_spoiled_is_named(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    server.script(RVU, Reply(ZIP, etag='"one"'))
    fetched()
    target = raw / FOLDER / "rvu25d.zip"
    target.write_bytes(b"spoiled")
    assert only(fetched()) == (
        Status.FAILED,
        f"{target}: is not the file that its origin.json names. Move it away and fetch again.",
    )
    assert target.read_bytes() == b"spoiled"


def test_a_folder_with_other_published_files_is_left_alone(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    (raw / FOLDER).mkdir(parents=True)
    stated = json.dumps({"files": {"PPRRVU2025_Oct.csv": {"sha256": "00"}}})
    (raw / FOLDER / "origin.json").write_text(stated, encoding="utf-8")
    assert only(fetched()) == (
        Status.FAILED,
        f"{raw / FOLDER}: expected a folder of its own for this release, found published files already (PPRRVU2025_Oct.csv). "
        "Give another raw folder with --raw.",
    )
    assert (raw / FOLDER / "origin.json").read_text(encoding="utf-8") == stated


@pytest.mark.parametrize("text", ["", "[]", '{"files": {"rvu25d.zip": 1}}', '{"files": {"rvu25d.zip": {"sha256": 1}}}'])
def test_an_origin_that_cannot_be_read_is_named(fetched: Fetcher, raw: Path, text: str) -> None:
    (raw / FOLDER).mkdir(parents=True)
    (raw / FOLDER / "origin.json").write_text(text, encoding="utf-8")
    status, detail = only(fetched())
    assert status is Status.FAILED
    assert detail.startswith(f"{raw / FOLDER / 'origin.json'}: expected JSON as docs/sources.md shows it")
    assert (raw / FOLDER / "origin.json").read_text(encoding="utf-8") == text


def test_the_publishers_page_names_an_address_that_cannot_be_foretold(server: FileServer, fetched: Fetcher) -> None:
    page = (
        b"<html><body><a>none</a><a href='https://[broken'>x</a><a href='/files/zip/rvu25c.zip'>before</a>"
        b"<a href='/license/ama?file=/files/zip/rvu25d-updated-09-11-2025.zip'>RVU25D</a></body></html>"
    )
    server.script(PAGE, Reply(page, headers={"Content-Type": "text/html"}))
    server.script("/files/zip/rvu25d-updated-09-11-2025.zip", Reply(ZIP))
    assert only(fetched()) == (Status.DOWNLOADED, f"from {server.url}/files/zip/rvu25d-updated-09-11-2025.zip")
    assert server.asked(RVU) == []


@pytest.mark.parametrize(
    "links", ["<a href='/files/zip/rvu25d.zip'/><a href='/files/zip/rvu25d-1.zip'/>", "<a href='/etc/rvu25d.zip'/>", "<a/>"]
)
def test_a_page_that_names_none_or_several_is_of_no_use(server: FileServer, fetched: Fetcher, links: str) -> None:
    server.script(PAGE, Reply(links.encode()))
    server.script(RVU, Reply(ZIP))
    assert only(fetched()) == (Status.DOWNLOADED, f"from {server.url}{RVU}")
    server.script(RVU, Reply(status=404))
    (detail,) = (file.detail for file in fetched("cms_pfs").files)
    assert f"{server.url}{RVU}: not found (404)" in detail
    assert "expected one link like" in detail


def test_a_licence_that_nobody_accepted_stops_before_anything(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    with pytest.raises(LicenceError, match="American Medical Association") as raised:
        fetched(is_licence_accepted=False)
    assert "add --accept-licence once" in str(raised.value)
    assert server.seen == []
    assert not raw.exists()


def test_an_accepted_licence_is_remembered(server: FileServer, fetched: Fetcher) -> None:
    server.script(RVU, Reply(ZIP))
    server.script("/files/zip/rvu25c.zip", Reply(OTHER_ZIP))
    fetched()
    assert only(fetched(release="2025-07", is_licence_accepted=False))[0] is Status.DOWNLOADED


def test_a_source_without_terms_needs_no_licence(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    server.script(NUCC, Reply(CSV))
    assert only(fetched("nucc", "25.1", is_licence_accepted=False))[0] is Status.DOWNLOADED
    assert "accepted_licence" not in origin(raw, "nucc/25.1")


def test_a_bad_source_does_not_keep_the_others_away(server: FileServer, raw: Path) -> None:
    server.script("/files/zip/october-2025-alpha-numeric-hcpcs-file.zip", Reply(ZIP))
    settings = FetchSettings(is_licence_accepted=True, base_url=server.url)
    outcome = fetch(["cms_pfs", "cms_hcpcs"], ["2025-10"], raw, today=TODAY, settings=settings)
    assert [(file.source, file.status) for file in outcome.files] == [
        ("cms_pfs", Status.MISSING),
        ("cms_hcpcs", Status.DOWNLOADED),
    ]
    assert outcome.exit_code is ExitCode.STOPPED
    assert [file.source for file in outcome.having(Status.DOWNLOADED)] == ["cms_hcpcs"]


def test_a_server_out_of_reach_is_asked_often_once_only(raw: Path) -> None:
    with FileServer() as closed:
        address = closed.url
    pauses: list[float] = []
    settings = FetchSettings(is_licence_accepted=True, base_url=address, timing=Timing(pauses.append, lambda: 1.0))
    outcome = fetch(["cms_ncci"], ["2025-10"], raw, today=TODAY, settings=settings)
    assert {file.status for file in outcome.files} == {Status.FAILED}
    assert "no connection (" in outcome.files[0].detail
    assert pauses == [1.0, 2.0, 4.0, 8.0]


def test_a_silent_server_is_not_waited_for_for_ever(server: FileServer, fetched: Fetcher) -> None:
    server.script(RVU, Reply(ZIP, etag='"one"', stall_after=100_000), Reply(ZIP, etag='"one"'))
    assert only(fetched(limits=Limits(timeout=0.2)))[0] is Status.DOWNLOADED
    assert fetched.said == [f"{server.url}{RVU}: the server did not answer in time; attempt 2 of 5 in 1 s"]


def test_a_folder_that_cannot_be_made_is_named(fetched: Fetcher, raw: Path) -> None:
    raw.mkdir()
    (raw / "cms_pfs").write_text("a file", encoding="utf-8")
    outcome = fetched()
    assert only(outcome) == (
        Status.FAILED,
        f"{raw / FOLDER}: Not a directory. Nothing that was there before is lost.",
    )
    assert outcome.exit_code is ExitCode.STOPPED


def test_two_fetches_of_one_release_do_not_meet(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    import fcntl

    (raw / FOLDER).mkdir(parents=True)
    number = os.open(raw / FOLDER, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        assert only(fetched())[1] == f"{raw / FOLDER}: another fetch works on this release. Try again when it is done."
    finally:
        os.close(number)
    assert server.seen == []


def test_a_full_disk_loses_nothing_that_was_there(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    """The system's own limit for the size of a file stands for the disk: the write fails in the same way."""
    server.script(RVU, Reply(ZIP, etag='"one"'), Reply(OTHER_ZIP, etag='"two"'))
    fetched()
    program = (
        "import resource, sys; from pathlib import Path; from datetime import date; from flows.fetch import *\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        f"settings = FetchSettings(is_licence_accepted=True, base_url={server.url!r})\n"
        f"print(fetch(['cms_pfs'], ['2025-10'], Path({str(raw)!r}), today=date(2025, 11, 25), settings=settings).files[0].detail)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert done.stdout.strip() == f"{raw / FOLDER}: File too large. Nothing that was there before is lost."
    assert names(raw) == [f"{FOLDER}/origin.json", f"{FOLDER}/rvu25d.zip"]
    assert (raw / FOLDER / "rvu25d.zip").read_bytes() == ZIP


def test_a_killed_fetch_goes_on_where_it_was(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    body = archive(3, 2_000_000)
    server.script(RVU, Reply(body, etag='"one"', stall_after=1_000_000), Reply(body, etag='"one"'))
    command = ("fetch", "cms_pfs", "--release", "2025-10", "--raw", str(raw), "--accept-licence", "--base-url", server.url)
    part = raw / FOLDER / "rvu25d.zip.part"
    running = subprocess.Popen([sys.executable, "-m", "flows.cli", *command], cwd=PROJECT, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while not part.is_file() or part.stat().st_size < 900_000:
            assert time.monotonic() < until, "the part was not written"
            time.sleep(0.02)
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
    size = part.stat().st_size
    assert names(raw) == [f"{FOLDER}/rvu25d.zip.part", f"{FOLDER}/rvu25d.zip.part.json"]
    assert only(fetched())[0] is Status.DOWNLOADED
    assert server.asked(RVU)[1].headers["range"] == f"bytes={size}-"
    assert (raw / FOLDER / "rvu25d.zip").read_bytes() == body
    assert names(raw) == [f"{FOLDER}/origin.json", f"{FOLDER}/rvu25d.zip"]


def test_a_fetch_killed_before_the_rename_needs_no_byte_again(server: FileServer, fetched: Fetcher, raw: Path) -> None:
    (raw / FOLDER).mkdir(parents=True)
    (raw / FOLDER / "rvu25d.zip.part").write_bytes(ZIP)
    notes = {"address": f"{server.url}{RVU}", "etag": '"one"', "last_modified": None}
    (raw / FOLDER / "rvu25d.zip.part.json").write_text(json.dumps(notes), encoding="utf-8")
    server.script(RVU, Reply(ZIP, etag='"one"'))
    assert only(fetched())[0] is Status.DOWNLOADED
    assert fetched.pauses == []
    assert (raw / FOLDER / "rvu25d.zip").read_bytes() == ZIP


@pytest.mark.parametrize("notes", ["", "[]", "{}", '{"address": "http://elsewhere", "etag": "1", "last_modified": null}'])
def test_a_part_of_unknown_origin_is_not_continued(server: FileServer, fetched: Fetcher, raw: Path, notes: str) -> None:
    (raw / FOLDER).mkdir(parents=True)
    (raw / FOLDER / "rvu25d.zip.part").write_bytes(b"PK something else")
    (raw / FOLDER / "rvu25d.zip.part.json").write_text(notes, encoding="utf-8")
    server.script(RVU, Reply(ZIP, etag='"one"'))
    assert only(fetched())[0] is Status.DOWNLOADED
    assert (raw / FOLDER / "rvu25d.zip").read_bytes() == ZIP


def test_the_command_prints_the_notice_and_leaves_with_2(server: FileServer, raw: Path) -> None:
    done = CliRunner().invoke(cli.app, ["fetch", "cms_pfs", "--raw", str(raw), "--base-url", server.url])
    assert done.exit_code == ExitCode.USAGE
    assert "American Medical Association" in done.stderr
    assert "add --accept-licence once" in done.stderr
    assert (server.seen, raw.exists()) == ([], False)


def test_the_command_sums_up_and_names_the_next_one(server: FileServer, raw: Path) -> None:
    server.script(NUCC, Reply(CSV))
    command = ["fetch", "nucc", "--release", "25.1", "--raw", str(raw), "--base-url", server.url]
    done = CliRunner().invoke(cli.app, command)
    assert done.exit_code == ExitCode.OK
    assert done.stdout == f"1 files: 1 downloaded.\nTry next:\n  payref refresh --raw {raw}\n"
    assert done.stderr == "  nucc/25.1/nucc_taxonomy_251.csv: downloaded, 0.7 MB\n"


def test_the_command_leaves_with_3_where_something_is_missing(server: FileServer, raw: Path) -> None:
    server.script(NUCC, Reply(CSV))
    command = ["fetch", "nucc", "--release", "25.1", "--release", "25.0", "--raw", str(raw), "--base-url", server.url]
    done = CliRunner().invoke(cli.app, command)
    assert done.exit_code == ExitCode.STOPPED
    assert done.stdout.startswith("2 files: 1 downloaded, 1 not found.\n")
    assert "nucc/25.0/nucc_taxonomy_250.csv: not found: " in done.stderr


def test_a_dry_run_asks_nobody_and_writes_nothing(server: FileServer, raw: Path) -> None:
    command = ["fetch", "cms_pfs", "--release", "2025-10", "--raw", str(raw), "--base-url", server.url, "--dry-run"]
    done = CliRunner().invoke(cli.app, command)
    assert done.exit_code == ExitCode.OK
    assert done.stdout == (
        f"  {FOLDER}/rvu25d.zip: would be fetched: from the link on https://www.cms.gov{PAGE}, else https://www.cms.gov{RVU} "
        "(licence of the AMA)\n1 files: 1 would be fetched.\nTry next: the same command without --dry-run.\n"
    )
    assert (server.seen, raw.exists()) == ([], False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], "No address is declared for the source 'nope'. There are: cms_pfs, "),
        (["cms_pfs", "--release", "2025-11"], "cms_pfs has no release '2025-11'; its releases are named like 2025-10."),
        (["cms_pfs", "--release", "../../etc"], "cms_pfs has no release '../../etc'"),
        (["nucc", "--release", "2025-10"], "nucc has no release '2025-10'; its releases are named like 25.1."),
        (["nucc", "--base-url", "http://mirror.example"], "expected an address like https://mirror.example, found 'http:"),
        (["nucc", "--base-url", "http://["], "expected an address like https://mirror.example, found 'http://['."),
        (["nucc", "--base-url", "mirror.example"], "expected an address like https://mirror.example, found 'mirror"),
    ],
)
def test_wrong_usage_leaves_with_2(raw: Path, arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(cli.app, ["fetch", *arguments, "--raw", str(raw), "--accept-licence"])
    assert (done.exit_code, message in done.stderr) == (ExitCode.USAGE, True)
    assert not raw.exists()


def test_a_look_up_does_not_import_httpx() -> None:
    program = (
        "import flows.cli, sys; print([name for name in sys.modules if name.startswith(('httpx', 'flows.fetch', 'flows.web'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("today", "newest"),
    [
        (date(2025, 12, 31), ("2025-10", "2025-10", "2025-10", "2026", "25.1", "20240502")),
        (date(2026, 1, 1), ("2026-01", "2026-01", "2026-01", "2026", "26.0", "20240502")),
        (date(2026, 4, 1), ("2026-04", "2026-04", "2026-04", "2026-04", "26.0", "20240502")),
        (date(2026, 9, 30), ("2026-07", "2026-07", "2026-07", "2026-04", "26.1", "20240502")),
        (date(2026, 10, 1), ("2026-10", "2026-10", "2026-10", "2027", "26.1", "20240502")),
    ],
)
def test_the_newest_release_follows_from_cadence_and_day(raw: Path, today: date, newest: tuple[str, ...]) -> None:
    outcome = fetch([], [], raw, today=today, settings=FetchSettings(is_dry=True))
    found = {file.source: file.release_id for file in outcome.files}
    assert tuple(found[offer.source] for offer in OFFERS) == newest


def test_a_declared_host_must_use_https(server: FileServer, raw: Path) -> None:
    plain = offer_of("nucc")._replace(files=(Wanted("x.csv", ("http://www.nucc.org/x.csv",)),))
    (file,) = fetch(["nucc"], ["25.1"], raw, today=TODAY, offers=(plain,)).files
    assert (file.status, file.detail) == (
        Status.FAILED,
        "http://www.nucc.org/x.csv: expected https, found http. Nothing was taken from there.",
    )
