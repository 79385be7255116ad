"""In-network files from a worklist: whose, how many, from where, and that nothing is taken twice or from anywhere else."""

import csv
import json
import re
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows import cli
from flows.addresses import FetchUsageError
from flows.fetch import FetchOutcome, FetchSettings, Status
from flows.price_fetch import COLUMNS, Listed, Pick, check_hosts, fetch_worklist, picked
from flows.price_files import price_files
from flows.web import Limits
from tests.flows.file_server import FileServer, Reply
from tests.flows.price_builders import in_network

TODAY = date(2026, 7, 20)
MODIFIED = {"Last-Modified": "Thu, 02 Jul 2026 00:00:00 GMT"}


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as started:
        yield started


def worklist(folder: Path, rows: Sequence[tuple[str, str, int]], *, columns: Sequence[str] = COLUMNS) -> Path:
    """Rows of address, payer and number of plans."""
    path = folder / "price_file_worklist.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        for url, payer, plans in rows:
            told = {"url": url, "reporting_entity": "Somebody", "payer_id": payer, "plan_count": plans, "description": "a file"}
            writer.writerow({name: told[name] for name in columns})
    return path


def taken(path: Path, raw: Path, server: FileServer, **pick: object) -> FetchOutcome:
    chosen = Pick(hosts=("127.0.0.1",))._replace(**pick)  # type: ignore[arg-type]
    return fetch_worklist(
        path, raw, today=TODAY, pick=chosen, settings=FetchSettings(limits=Limits(timeout=5, max_bytes=1_000_000))
    )


def url(server: FileServer, name: str) -> str:
    return f"http://127.0.0.1:{server.port}/{name}"


def test_a_file_is_taken_with_its_origin_and_only_once(server: FileServer, tmp_path: Path) -> None:
    server.scripts["/2026-07/plan_in-network-rates.json?sig=a"] = [Reply(in_network(), etag='"1"', headers=MODIFIED)]
    path = worklist(tmp_path, [(url(server, "2026-07/plan_in-network-rates.json?sig=a"), "aetna", 5)])
    raw = tmp_path / "raw"
    (first,) = taken(path, raw, server).files
    assert (first.status, first.release_id) == (Status.DOWNLOADED, "aetna/2026-07")
    place = raw / "tic" / "aetna" / "2026-07" / first.file
    assert place.read_bytes() == in_network()
    origin = json.loads((place.parent / "origin.json").read_text(encoding="utf-8"))
    assert (origin["publisher"], origin["published"], list(origin["files"])) == ("aetna", "2026-07-02", [first.file])
    (found,) = price_files(raw, None)
    assert (found.origin.published, found.stated_sha256) == (date(2026, 7, 2), origin["files"][first.file]["sha256"])
    asked = len(server.seen)
    newer = worklist(tmp_path, [(url(server, "2026-07/plan_in-network-rates.json?sig=b"), "aetna", 5)])
    (second,) = taken(newer, raw, server).files
    assert (second.status, second.file, len(server.seen)) == (Status.UNCHANGED, first.file, asked)


def test_a_download_that_broke_off_goes_on(server: FileServer, tmp_path: Path) -> None:
    content = in_network(items=400)
    server.scripts["/x.json"] = [
        Reply(content, etag='"1"', cut_after=70_000),
        Reply(content, etag='"1"', cut_after=10),
        Reply(content, etag='"1"'),
    ]
    path = worklist(tmp_path, [(url(server, "x.json"), "uhc", 1)])
    (file,) = taken(path, tmp_path / "raw", server).files
    assert file.status is Status.DOWNLOADED, file.detail
    assert "range" in {name.lower() for seen in server.seen for name in seen.headers}
    assert (tmp_path / "raw" / "tic" / "uhc" / "undated" / file.file).read_bytes() == content


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("https://elsewhere.example.com/x.json.gz", "expected one of the declared hosts"),
        ("http://mrf.healthsparq.com/x.json.gz", "expected https, found http"),
    ],
)
def test_other_hosts_are_refused(server: FileServer, tmp_path: Path, address: str, reason: str) -> None:
    (file,) = taken(worklist(tmp_path, [(address, "aetna", 1)]), tmp_path / "raw", server).files
    assert file.status is Status.FAILED
    assert reason in file.detail
    assert "flows/addresses.py" not in file.detail


def test_pages_and_files_above_the_limit_are_refused(server: FileServer, tmp_path: Path) -> None:
    server.scripts["/page.json"] = [Reply(b"<html>sign in</html>")]
    server.scripts["/large.json"] = [Reply(b"{" + b" " * 2_000_000 + b"}")]
    rows = [(url(server, name), "aetna", plans) for name, plans in (("page.json", 3), ("large.json", 2), ("gone.json", 1))]
    outcome = taken(worklist(tmp_path, rows), tmp_path / "raw", server)
    assert [file.status for file in outcome.files] == [Status.MISSING, Status.FAILED, Status.MISSING]
    assert "take a newer table of contents" in outcome.files[0].detail
    assert "--max-bytes sets the limit" in outcome.files[1].detail
    assert [path.name for path in (tmp_path / "raw").rglob("*") if path.is_file()] == []


def test_files_of_the_payers_asked_for_those_of_most_plans_first(tmp_path: Path) -> None:
    rows = [
        ("https://a.example.com/1.json", "aetna", 1),
        ("https://a.example.com/2.json?sig=x", "aetna", 9),
        ("https://a.example.com/2.json?sig=y", "aetna", 9),
        ("https://a.example.com/3.json", "uhc", 5),
        ("https://a.example.com/4.json", "", 100),
    ]
    path = worklist(tmp_path, rows)
    found, more = picked(path, Pick(most=2))
    assert ([row.url for row in found], more) == (["https://a.example.com/2.json?sig=x", "https://a.example.com/3.json"], 1)
    only, _ = picked(path, Pick(payers=("aetna",)))
    assert [row.plan_count for row in only] == [9, 1]


@pytest.mark.parametrize(
    ("address", "folder", "name"),
    [
        (
            "https://x.example.com/2026-07-01_A%20plan/../b_in-network.json.gz?sig=1",
            "aetna/2026-07",
            r"b_in-network.[0-9a-f]{8}.json.gz",
        ),
        ("https://x.example.com/files/", "aetna/undated", r"files.[0-9a-f]{8}.json"),
        ("https://x.example.com/%2e%2e%2fetc%2fpasswd", "aetna/undated", r"passwd.[0-9a-f]{8}.json"),
        ("https://x.example.com/a.ZIP", "aetna/undated", r"a.[0-9a-f]{8}.zip"),
        ("https://x.example.com/" + "n" * 300 + ".gz", "aetna/undated", r"n{80}.[0-9a-f]{8}.json.gz"),
    ],
)
def test_names_are_ours(address: str, folder: str, name: str) -> None:
    listed = Listed(address, "Somebody", "aetna", 1, "")
    assert listed.folder == folder
    assert re.fullmatch(name, listed.name), listed.name


def test_what_is_no_worklist_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(FetchUsageError, match=r"found no plan_count"):
        picked(worklist(tmp_path, [], columns=COLUMNS[:3]), Pick())
    with pytest.raises(FetchUsageError, match=r"line 2: expected an address and a number of plans, found 'ftp://x'"):
        picked(worklist(tmp_path, [("ftp://x", "aetna", 1)]), Pick())
    with pytest.raises(FetchUsageError, match=r"expected a worklist"):
        picked(tmp_path / "none.csv", Pick())
    with pytest.raises(FetchUsageError, match=r"--host: expected the name of a host"):
        check_hosts(["https://x"])


def test_the_command_lists_without_asking_anybody(tmp_path: Path) -> None:
    path = worklist(tmp_path, [("https://mrf.healthsparq.com/2026-07-05_x.json.gz", "aetna", 3)])
    arguments = ["fetch", "--worklist", str(path), "--payer", "aetna", "--most", "1", "--raw", str(tmp_path / "raw"), "--dry-run"]
    done = CliRunner().invoke(cli.app, arguments)
    assert done.exit_code == 0, done.output
    assert "tic/aetna/2026-07/2026-07-05_x." in done.output
    assert "from https://mrf.healthsparq.com/2026-07-05_x.json.gz" in done.output
    assert not (tmp_path / "raw").exists()
