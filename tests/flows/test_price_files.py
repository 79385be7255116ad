"""Units of work on price files: what they give, that they are idempotent, what is refused, and how a refresh uses them."""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from flows import PROJECT, unit_runs
from flows.cache import Reading
from flows.discover import Inputs, discover
from flows.parts import Part
from flows.price_files import has_price_files, price_files
from flows.price_flow import Priced, known_price_files, price_reading, read_price_files, with_price_files
from flows.reading import read_sources, tables_of
from flows.settings import Settings, StopError
from flows.unit_parts import reader_of
from flows.unit_runs import largest_first, run_here
from flows.unit_store import Seen, UnitStore
from flows.unit_streams import Hashed, ReadFailedError
from flows.units import OtherProgramError, UnitDone, program, work
from tests.flows.price_builders import (
    CONTENTS_URL,
    hospital_csv,
    in_network,
    parts_of,
    put,
    result,
    some_files,
    table_of_contents,
    unit,
    zipped,
)


def reason_of(tmp_path: Path, content: bytes, name: str, source: str = "tic") -> str:
    """Why a file is refused; nothing else of it may be in the result."""
    done = work(unit(put(tmp_path / "raw", name, content), tmp_path / "store", source=source))
    store = UnitStore(str(tmp_path / "store"))
    (part,) = parts_of(tmp_path / "store", done.key)
    assert (part["kind"], part["rows_read"], part["rows_accepted"], part["rows_refused"]) == ("refused", 1, 0, 1)
    assert list(store.facts(done.key)["frames"]) == ["finding"]
    found = store.frame(done.key, "finding")
    assert found is not None
    (row,) = found.to_dicts()
    assert (row["rule_id"], row["severity"], row["column_name"]) == ("price_file.readable", "refused", "*")
    return str(row["reason"])


def test_the_market_of_the_plan_is_kept_as_published(tmp_path: Path) -> None:
    stated = in_network(plan_name="Gold", plan_market_type=" Individual ")
    for name, content, market in (("a.json", stated, "individual"), ("b.json", in_network(), None)):
        done = work(unit(put(tmp_path, name, content), tmp_path / "store"))
        found = UnitStore(str(tmp_path / "store")).frame(done.key, "observation")
        assert found is not None
        assert set(found["plan_market"]) == {market}


def test_a_unit_gives_observations_and_facts(tmp_path: Path) -> None:
    done = work(unit(put(tmp_path, "x.json", in_network()), tmp_path / "store"))
    found = UnitStore(str(tmp_path / "store")).frame(done.key, "observation")
    assert found is not None
    assert found.select("code", "modifiers", "rate_kind", "price_count", "payer_name", "source_file", "source_row").rows() == [
        ("70000", "", "dollars", 1, "Aetna Life Insurance Company", "<file>", 1),
        ("70000", "", "none", 1, "Aetna Life Insurance Company", "<file>", 2),
        ("70000", "26", "dollars", 1, "Aetna Life Insurance Company", "<file>", 3),
        ("70001", "", "dollars", 1, "Aetna Life Insurance Company", "<file>", 4),
        ("70001", "", "none", 1, "Aetna Life Insurance Company", "<file>", 5),
        ("70001", "26", "dollars", 1, "Aetna Life Insurance Company", "<file>", 6),
    ]
    (part,) = parts_of(tmp_path / "store", done.key)
    assert (part["kind"], part["rows_read"], part["publisher"], part["published"]) == (
        "in_network", 6, "Aetna Life Insurance Company", "2026-07-01",
    )  # fmt: skip


def test_the_same_bytes_give_one_result_under_any_name(tmp_path: Path) -> None:
    first = work(unit(put(tmp_path, "a.json.gz", gzip.compress(in_network(), mtime=0)), tmp_path / "store"))
    before = result(tmp_path / "store")
    second = work(unit(put(tmp_path, "deep/b.json.gz", gzip.compress(in_network(), mtime=0)), tmp_path / "store"))
    assert (first.key, first.sha256) == (second.key, second.sha256)
    assert result(tmp_path / "store") == before


def test_a_unit_that_is_done_is_not_read_again(tmp_path: Path) -> None:
    path = put(tmp_path, "x.json", in_network())
    given = unit(path, tmp_path / "store")
    done = work(given)
    path.unlink()
    assert work(given) == done


def test_a_result_without_its_end_is_made_again(tmp_path: Path) -> None:
    given = unit(put(tmp_path, "x.json", in_network()), tmp_path / "store")
    done = work(given)
    whole = result(tmp_path / "store")
    (tmp_path / "store" / "results" / done.key[:2] / done.key / "unit.json").unlink()
    assert UnitStore(str(tmp_path / "store")).finished() == set()
    work(given)
    assert result(tmp_path / "store") == whole


def test_another_program_is_refused(tmp_path: Path) -> None:
    given = unit(put(tmp_path, "x.json", in_network()), tmp_path / "store")._replace(program="another")
    with pytest.raises(OtherProgramError, match=r"^tic/x.json: this worker runs another version of the program"):
        work(given)


def test_the_program_is_what_reads_price_files_and_no_more() -> None:
    command = "from flows.units import _imported; from flows import PROJECT; print(*sorted(_imported(PROJECT / 'flows' / 'units.py', set())))"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True, cwd=PROJECT)
    names = {Path(name).relative_to(PROJECT).as_posix() for name in done.stdout.split()}
    assert {"transforms/tic.py", "transforms/hpt.py", "flows/byte_stream.py", "schemas/prices.py"} <= names
    assert not {"flows/cli.py", "flows/pipeline.py", "transforms/rules.py", "transforms/payer_names.py"} & names
    assert len(program()) == 64


@pytest.mark.parametrize(
    ("start", "source", "reader"),
    [
        (b'{"reporting_entity_name": "x"', "hpt", "tic"),
        (b'\xef\xbb\xbf {"version": "1", "in_network": [', "hpt", "tic"),
        (b'{"hospital_name": "x"', "tic", "hpt"),
        (b'{"version": "1"', "tic", "tic"),
        (b'{"version": "1"', "hpt", "hpt"),
        (b"Hospital_Name,last_updated_on", "tic", "hpt"),
        (b"<html>", "tic", "tic"),
        (b"", "hpt", "hpt"),
    ],
)
def test_the_reader_follows_from_the_content(start: bytes, source: str, reader: str) -> None:
    assert reader_of(start, source) == reader


def test_a_hospital_in_the_wrong_folder_is_read_all_the_same(tmp_path: Path) -> None:
    content = zipped(**{"hill.csv": hospital_csv()})
    done = work(unit(put(tmp_path, "x.zip", content), tmp_path / "store"))
    (part,) = parts_of(tmp_path / "store", done.key)
    assert (part["name"], part["kind"], part["publisher"]) == ("<file>/hill.csv", "hospital", "Hill Hospital")
    assert part["text_bytes"] == len(hospital_csv())
    effects = UnitStore(str(tmp_path / "store")).frame(done.key, "effect")
    assert effects is not None
    assert effects.select("modifier", "effect_percent", "verdict", "source_file").rows() == [
        ("QK", 50, "clear", "<file>/hill.csv")
    ]


CUT = gzip.compress(in_network(items=50), mtime=0)[:-20]


@pytest.mark.parametrize(
    ("content", "name", "source", "reason"),
    [
        (b"", "x.json", "tic", r"<file> byte 0: expected"),
        (b"<!doctype html><p>", "x.json", "tic", r"<file> byte 0: expected"),
        (CUT, "x.json.gz", "tic", r"<file> byte [\d,]+: expected whole packed bytes"),
        (in_network()[:-1], "x.json", "tic", r"<file> byte [\d,]+: expected"),
        (in_network() + b"x", "x.json", "tic", r"<file> byte [\d,]+: expected"),
        (b'{"$schema": "http://json-schema.org"}', "x.json", "tic", r"<file> byte 0: expected a Transparency in Coverage file"),
        (zipped(**{"read.txt": b"x"}), "x.zip", "tic", r"<file>: expected a price file inside the archive, found read.txt"),
        (zipped(**{"../x.json": b"{}"}), "x.zip", "tic", r"<file>/../x.json: expected a path inside the archive"),
        (b"PK\x03\x04 no archive", "x.zip", "tic", r"<file>: expected a whole zip archive"),
        (b"a,b\n1,2\n", "x.csv", "hpt", r"<file>"),
        (gzip.compress(b"[" * 200_000_000, 9, mtime=0), "bomb.json.gz", "tic", r"<file> byte [\d,]+: expected"),
    ],
    ids=["empty", "page", "cut", "open", "more", "schema", "no member", "outside", "no zip", "no hospital", "bomb"],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_whole(tmp_path: Path, content: bytes, name: str, source: str, reason: str) -> None:
    found = reason_of(tmp_path, content, name, source)
    assert re.match(reason, found), found


def test_bytes_behind_the_fault_are_hashed_too(tmp_path: Path) -> None:
    first = work(unit(put(tmp_path, "a.json", b"x" * 9_000_000 + b"1"), tmp_path / "store"))
    second = work(unit(put(tmp_path, "b.json", b"x" * 9_000_000 + b"2"), tmp_path / "store"))
    assert first.sha256 != second.sha256


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    given = unit(put(tmp_path, "x.json", in_network()), tmp_path / "store")._replace(size_bytes=5)
    with pytest.raises(OSError, match=r"tic/x.json: changed while it was read"):
        work(given)


def test_a_failing_disk_is_no_damaged_file(tmp_path: Path) -> None:
    class Failing:
        def read(self, _size: int) -> bytes:
            raise OSError("the network went away")

    with pytest.raises(ReadFailedError, match="the network went away"):
        Hashed(Failing()).read(10)  # type: ignore[arg-type]


def test_a_changed_file_is_known_by_its_version(tmp_path: Path) -> None:
    store = UnitStore(str(tmp_path / "store"))
    seen = Seen("s3://a/b", 5, "v1")
    store.remember(seen, "0" * 64)
    assert store.known_hashes([seen, seen._replace(version="v2")]) == {seen: "0" * 64}
    assert store.known_hash(seen._replace(size_bytes=6)) is None


def test_a_price_file_is_found_at_any_depth(tmp_path: Path) -> None:
    some_files(tmp_path)
    put(tmp_path, "tic/notes.md", b"not one")
    put(
        tmp_path,
        "tic/payer/origin.json",
        json.dumps({"publisher": "aetna", "files": {"index.json": {"sha256": "0" * 64}}}).encode(),
    )
    found = price_files(tmp_path, None)
    assert [(file.source_file, file.origin.release_id, file.origin.kind, file.stated_sha256) for file in found] == [
        ("hpt/hill.csv", "current", "local", None),
        ("tic/bad/cut.json.gz", "bad", "local", None),
        ("tic/bad/page.json", "bad", "local", None),
        ("tic/other/both.zip", "other", "local", None),
        ("tic/payer/in-network.json.gz", "payer", "published", None),
        ("tic/payer/index.json", "payer", "published", "0" * 64),
    ]
    assert [file._replace(address="") for file in price_files(Path("elsewhere"), str(tmp_path))] == [
        file._replace(address="") for file in found
    ]


def test_an_address_without_price_files_is_an_error(tmp_path: Path) -> None:
    assert not has_price_files(tmp_path, None)
    with pytest.raises(StopError, match=r"expected price files below tic/ or hpt/, found none"):
        price_files(tmp_path, str(tmp_path))
    with pytest.raises(StopError, match=r"expected a folder with tic/ or hpt/, found"):
        price_files(tmp_path, "nosuchprotocol://x")


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Priced]:
    raw, output = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("output")
    some_files(raw)
    stated = {
        "publisher": "somebody",
        "published": "2026-07-02",
        "licence": "local",
        "files": {"index.json": {"sha256": "0" * 64}},
    }
    put(raw, "tic/payer/origin.json", json.dumps(stated).encode())
    settings = Settings(raw, output)
    return settings, read_price_files(settings)


@pytest.fixture(scope="module")
def reading(priced: tuple[Settings, Priced], tmp_path_factory: pytest.TempPathFactory) -> Reading:
    inputs = discover(PROJECT / "raw")
    readings = read_sources(
        inputs.files, cache=tmp_path_factory.mktemp("cache"), step=lambda _, function, *given: function(*given)
    )
    return price_reading(priced[1], readings, tables_of(readings))


def test_a_second_look_finds_everything_done(priced: tuple[Settings, Priced]) -> None:
    settings, done = priced
    known = known_price_files(settings)
    assert known is not None
    assert (known.files, known.hashes) == (done.files, done.hashes)
    put(settings.raw, "tic/new.json", in_network(items=1))
    assert known_price_files(settings) is None
    (settings.raw / "tic" / "new.json").unlink()


def test_price_files_are_inputs_like_others(priced: tuple[Settings, Priced]) -> None:
    files = ("tic/payer/index.json", "tic/note.md")
    inputs = with_price_files(Inputs((), files, ()), priced[1])
    assert inputs.ignored == ("tic/note.md",)
    assert [file.source_file for file in inputs.files] == sorted(priced[1].hashes)
    assert all(len(file.sha256) == 64 for file in inputs.files)


def test_every_file_and_member_is_counted(reading: Reading) -> None:
    counts = {count.source_file: tuple(count)[1:] for count in reading.counts}
    assert counts == {
        "hpt/hill.csv": (2, 2, 0),
        "tic/bad/cut.json.gz": (1, 0, 1),
        "tic/bad/page.json": (1, 0, 1),
        "tic/other/both.zip/a.json": (6, 6, 0),
        "tic/other/both.zip/b.json": (1, 0, 1),
        "tic/payer/in-network.json.gz": (6, 6, 0),
        "tic/payer/index.json": (1, 0, 1),
    }
    parts: dict[str, Part] = {part.source_file: part for part in reading.parts}
    assert parts["tic/other/both.zip/a.json"].archive_file == "tic/other/both.zip"
    assert parts["tic/other/both.zip/a.json"].release_id == "other"


def test_every_refusal_names_its_file(reading: Reading) -> None:
    found = dict(reading.findings.select("source_file", "reason").iter_rows())
    assert sorted(found) == ["tic/bad/cut.json.gz", "tic/bad/page.json", "tic/other/both.zip/b.json", "tic/payer/index.json"]
    assert all(reason.startswith(name) for name, reason in found.items()), found
    assert "as its origin.json says" in found["tic/payer/index.json"]


def test_names_are_resolved(reading: Reading) -> None:
    observations = reading.tables["modifier_observation"]
    assert observations.group_by("source_file", "payer_id").len().sort("source_file").rows() == [
        ("hpt/hill.csv", "aetna", 1),
        ("tic/other/both.zip/a.json", "cigna", 6),
        ("tic/payer/in-network.json.gz", "aetna", 6),
    ]
    assert set(observations.filter(pl.col("source_file") == "tic/payer/in-network.json.gz")["known_from"].cast(pl.String)) == {
        "2026-07-02"
    }
    assert reading.tables["published_modifier_effect"].select("payer_id", "modifier", "source_file").rows() == [
        ("aetna", "QK", "hpt/hill.csv"),
    ]
    review = reading.tables["name_review"]
    assert review.select("name", "plan_name", "state", "file_count", "row_count", "payer_id").rows() == [
        ("Aetna", "HMO", "TX", 1, 2, "aetna"),
        ("Aetna Life Insurance Company", "", "any", 1, 6, "aetna"),
        ("Cigna Health and Life Insurance Company", "", "any", 1, 6, "cigna"),
    ]


def test_a_table_of_contents_becomes_a_worklist(tmp_path: Path) -> None:
    done = work(unit(put(tmp_path, "index.json", table_of_contents(CONTENTS_URL, CONTENTS_URL)), tmp_path / "store"))
    rows = UnitStore(str(tmp_path / "store")).frame(done.key, "worklist")
    assert rows is not None
    (row,) = rows.to_dicts()
    assert (row["url"], row["reporting_entity"], row["description"]) == (
        CONTENTS_URL,
        "Aetna Life Insurance Company",
        "in-network file",
    )


def test_units_run_on_processes_and_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [put(tmp_path / "raw", f"{number}.json", in_network(items=number)) for number in range(1, 5)]
    here, pooled = [[unit(path, tmp_path / store) for path in paths] for store in ("here", "pooled")]
    done = list(run_here(here, processes=1))
    monkeypatch.setattr(unit_runs, "SMALL_BYTES", 0)
    others = list(run_here(pooled, processes=2))
    assert sorted(each.key for each in done) == sorted(each.key for each in others)
    assert result(tmp_path / "here") == result(tmp_path / "pooled")


def test_a_unit_that_fails_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = unit(put(tmp_path, "a.json", in_network()), tmp_path / "store")
    monkeypatch.setattr(unit_runs, "SMALL_BYTES", 0)
    with pytest.raises(FileNotFoundError):
        list(
            run_here(
                [good, good._replace(source_file="tic/b.json", address=str(tmp_path / "none.json"), version="x")], processes=2
            )
        )


def test_the_largest_units_are_begun_first(tmp_path: Path) -> None:
    given = unit(put(tmp_path, "a.json", b"{}"), tmp_path / "store")
    units = [given._replace(source_file=name, size_bytes=size) for name, size in (("b", 1), ("a", 1), ("c", 7))]
    assert [each.source_file for each in largest_first(units)] == ["c", "a", "b"]


def test_results_nobody_uses_are_removed(tmp_path: Path) -> None:
    store = UnitStore(str(tmp_path / "store"))
    kept, dropped = [work(unit(put(tmp_path, f"{n}.json", in_network(items=n)), tmp_path / "store")) for n in (1, 2)]
    store.keep_only([kept.key])
    assert store.finished() == {kept.key}
    assert UnitDone(dropped.unit, dropped.sha256).key not in store.finished()


def test_without_price_files_nothing_of_this_is_imported() -> None:
    command = "import flows.pipeline, sys; print([n for n in ('fsspec', 'isal', 'numba', 'dask', 'flows.price_flow') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert done.stdout.strip() == "[]"
