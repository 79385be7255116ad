"""Releases over time: which there are, going back, deleting old ones, what changed, what stops, what verify finds."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

from flows.cli import app
from flows.database_name import DATABASE
from flows.discover import discover
from flows.file_hash import sha256_of
from flows.leases import began, leased, leases
from flows.lock import locked
from flows.pipeline import run, unchanged
from flows.publish import release_name
from flows.release_feed import FEED_FILES, predecessor, read_sets, read_table, write_changes
from flows.releases import current_name, listed, retire, roll_back
from flows.settings import Settings, StopError
from flows.verification import verify
from schemas import TABLES, table
from schemas.base import Table
from tests.end_to_end.raw_folder import changed, copied, exported_bytes
from transforms.answer_sets import cube_rows
from transforms.release_changes import COUNTS, applied, counted, differences

EVERY = pytest.mark.parametrize("model", TABLES, ids=[model.table_name() for model in TABLES])


class Made(NamedTuple):
    """An output folder with two releases of one raw folder, the later one current."""

    raw: Path
    output: Path
    first: str
    second: str

    def folder(self, release: str) -> Path:
        return self.output / "releases" / release


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The second release has another fee schedule status, another rule, one alias, one code page and the first row of modifier_group fewer."""
    folder = tmp_path_factory.mktemp("releases")
    raw = copied(folder)
    first = run(Settings(raw, folder / "output")).release
    changed(raw, "payers/payer.csv", "Aetna", "Aetna Inc")
    rules = (raw / "payer_rules" / "cigna.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (raw / "payer_rules" / "cigna.csv").write_text("".join(rules[:2] + rules[3:]), encoding="utf-8")
    aliases = (raw / "payers" / "payer_alias.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (raw / "payers" / "payer_alias.csv").write_text("".join(aliases[:-1]), encoding="utf-8")
    groups = (raw / "modifiers" / "modifier_group.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (raw / "modifiers" / "modifier_group.csv").write_text("".join(groups[:1] + groups[2:]), encoding="utf-8")
    next(iter(sorted((raw / "code_pages").glob("*_analysis.txt")))).unlink()
    second = run(Settings(raw, folder / "output")).release
    return Made(raw, folder / "output", first, second)


@pytest.fixture
def mine(made: Made, tmp_path: Path) -> Made:
    """The same folder to be changed at will; the files themselves are shared."""
    shutil.copytree(made.output, tmp_path / "output", symlinks=True, copy_function=os.link)
    return made._replace(output=tmp_path / "output")


def called(*words: str, output: Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*words, "--output", str(output)])
    return result.exit_code, " ".join(result.output.split())


def replaced(path: Path, content: bytes) -> None:
    """New bytes under the name alone: the file may have other names in other releases."""
    path.unlink()
    path.write_bytes(content)


def test_releases_are_listed_with_the_current_one(made: Made) -> None:
    found = listed(made.output)
    assert [(entry.release, entry.is_current, entry.build, entry.leases) for entry in found] == [
        (made.second, True, "open", 0),
        (made.first, False, "open", 0),
    ]
    code, said = called("releases", output=made.output)
    assert code == 0
    assert re.search(rf"{made.second} open \d+ min \d+ current 0 {made.first} open \d+ min \d+ 0", said)


def test_an_empty_folder_has_no_release(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    told = f"There is no release in {missing}. Make one with: payref refresh --output {missing}"
    for words in (
        ["releases"],
        ["rollback"],
        ["diff", "earlier"],
        ["verify"],
        ["clean"],
        ["lookup", "00406", "--payer", "cigna"],
    ):
        done = CliRunner().invoke(app, [*words, "--output", str(missing)])
        assert (done.exit_code, str(done.exception)) == (1, told), words
    assert not missing.exists()


def test_a_rollback_goes_to_the_release_before_and_stays_there(mine: Made) -> None:
    code, said = called("rollback", output=mine.output)
    assert (code, current_name(mine.output)) == (0, mine.first)
    assert f"is release {mine.first}, no longer {mine.second}." in said
    settings = Settings(mine.raw, mine.output)
    assert unchanged(settings) == mine.first
    assert run(settings).is_new is False
    assert current_name(mine.output) == mine.first
    assert f"not published again: {mine.second}." in called("refresh", "--raw", str(mine.raw), output=mine.output)[1]
    with pytest.raises(StopError, match=f"expected a release published before {mine.first}, found none"):
        roll_back(mine.output)
    assert roll_back(mine.output, mine.second) == (mine.first, mine.second)
    assert unchanged(settings) == mine.second


def test_a_rollback_refuses_what_is_not_there_or_not_whole(mine: Made) -> None:
    with pytest.raises(StopError, match=f"expected a release ../../etc, found {mine.second}, {mine.first}"):
        roll_back(mine.output, "../../etc")
    with pytest.raises(StopError, match=f"{mine.second} is the current release already"):
        roll_back(mine.output, mine.second)
    (mine.folder(mine.first) / "csv" / "payer.csv").unlink()
    with pytest.raises(StopError, match=rf"Release {mine.first} is not whole \(csv/payer.csv\)"):
        roll_back(mine.output)
    assert current_name(mine.output) == mine.second


def test_a_rollback_waits_for_nobody(mine: Made) -> None:
    with locked(mine.output):
        assert called("rollback", output=mine.output)[0] == 5


READER = """
import sys, duckdb
with duckdb.connect(sys.argv[1], read_only=True) as connection:
    print(connection.execute("SELECT payer_name FROM payer WHERE payer_id = 'aetna'").fetchall(), flush=True)
    sys.stdin.readline()
    print(connection.execute("SELECT count(*), max(reason) IS NOT NULL FROM code_payer_modifier").fetchall(), flush=True)
"""


def test_a_reader_with_the_old_database_open_goes_on(mine: Made) -> None:
    path = str(mine.output / "current" / DATABASE)
    with subprocess.Popen(
        [sys.executable, "-c", READER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdin is not None
        assert reader.stdout.readline() == "[('Aetna Inc',)]\n"
        roll_back(mine.output)
        with locked(mine.output):
            assert retire(mine.output, keep=1) == [mine.second]
        reader.stdin.write("\n")
        reader.stdin.flush()
        rows = pl.scan_parquet(made_parquet(mine.folder(mine.first))).select(pl.len()).collect().item()
        count, has_reasons = re.findall(r"\d+|True", reader.stdout.readline())
        assert has_reasons == "True"
        assert 0 < abs(int(count) - rows) < rows / 2  # the release that is gone, not the one that is there
        assert reader.wait(timeout=30) == 0


def made_parquet(folder: Path) -> Path:
    return folder / "parquet" / "code_payer_modifier.parquet"


HOLDER = """
import sys
from pathlib import Path
from flows.release_query import opened
with opened(Path(sys.argv[1])) as connection:
    print("open", flush=True)
    sys.stdin.readline()
"""


def test_a_release_that_is_being_read_is_not_deleted_until_its_reader_is_gone(mine: Made) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(mine.output)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "open\n"
        roll_back(mine.output)
        assert leases(mine.output) == {mine.second: 1}
        assert retire(mine.output, keep=1) == []
        reader.kill()  # leaves its lease behind
    assert len(list((mine.output / "leases").iterdir())) == 1
    assert retire(mine.output, keep=1) == [mine.second]
    assert list((mine.output / "leases").iterdir()) == []
    assert [entry.release for entry in listed(mine.output)] == [mine.first]


def test_leases_of_other_machines_and_half_files_count_for_a_day(tmp_path: Path) -> None:
    folder = tmp_path / "leases"
    folder.mkdir()
    said = {"release": "r", "process": 1, "host": "elsewhere.example", "began": None}
    (folder / "foreign.json").write_text(json.dumps(said), encoding="utf-8")
    (folder / "half.json").write_text('{"rel', encoding="utf-8")
    reused = {**said, "host": os.uname().nodename, "process": os.getpid(), "began": "1"}
    (folder / "another process with this id.json").write_text(json.dumps(reused), encoding="utf-8")
    with leased(tmp_path, "mine"):
        assert leases(tmp_path) == {"r": 1, "": 1, "mine": 1}
    assert began(os.getpid()) is not None
    for path in folder.iterdir():
        os.utime(path, (0, 0))
    assert leases(tmp_path) == {}
    assert list(folder.iterdir()) == []


def test_keep_deletes_the_oldest_and_never_the_current_one(mine: Made) -> None:
    assert retire(mine.output, keep=2) == []
    assert called("refresh", "--raw", str(mine.raw), "--keep", "1", "--direct", output=mine.output)[0] == 0
    assert [entry.release for entry in listed(mine.output)] == [mine.second]


@EVERY
def test_the_feed_applied_to_the_first_release_gives_the_second(made: Made, model: type[Table]) -> None:
    old, new = made.folder(made.first), made.folder(made.second)
    feed = pl.read_parquet(new / "changes.parquet")
    if model.facts().is_view:
        tables = {part: applied(read_table(old, table(part)), feed, table(part)) for part in ("code_answer_set", "answer")}
        sets = read_sets(old)._replace(**tables)
        places = cube_rows(sets)
        parts = (sets.code_answer_set[places["code_at"]], sets.answer[places["answer_at"]])
        given = pl.concat([part.drop("answer_set_id") for part in parts], how="horizontal").select(model.column_names())
    else:
        given = applied(read_table(old, model), feed, model)
    assert_frame_equal(given, pl.read_parquet(new / "parquet" / f"{model.table_name()}.parquet"))


def test_the_account_counts_by_table_and_payer(made: Made) -> None:
    account = json.loads((made.folder(made.second) / "changes.json").read_text(encoding="utf-8"))
    assert (account["release"], account["against"]) == (made.second, made.first)
    counts = pl.DataFrame(account["counts"]).select("table", *COUNTS)
    assert ("payer", "aetna", "changed", 1, 1, 0) in counts.rows()
    assert ("payer_alias", None, "removed", 1, 0, 0) not in counts.rows()
    assert counts.filter(table="payer_alias", change_kind="removed")["records"].sum() == 1
    groups = counts.filter(table="modifier_group")
    assert groups.filter(change_kind="removed").rows() == [("modifier_group", "medicare", "removed", 1, 0, 0)]
    records, cells, moved = groups.filter(change_kind="changed").select(pl.col("records", "cells", "moved").sum()).row(0)
    assert records == cells == moved > 200  # all below the removed row, which is no reason to warn
    assert account["warnings"] == []
    cube = table("code_payer_modifier")
    frames = [read_table(made.folder(release), cube) for release in (made.first, made.second)]
    written_out = counted(differences(frames[0], frames[1], cube))
    assert counts.filter(table="code_payer_modifier").drop("table").rows() == written_out.rows()
    text = (made.folder(made.second) / "CHANGES.md").read_text(encoding="utf-8")
    assert f"Against release {made.first}." in text
    assert "- changed: `payers/payer.csv`" in text
    assert "| payer | 5 | 5 | 0 | 0 | 1 | 1 | 0 |" in text
    assert "| payer | aetna | 0 | 0 | 1 |" in text


def test_a_first_release_has_a_feed_without_rows(made: Made) -> None:
    folder = made.folder(made.first)
    assert pl.read_parquet(folder / "changes.parquet").is_empty()
    assert json.loads((folder / "changes.json").read_text(encoding="utf-8"))["against"] is None


def test_bytes_do_not_depend_on_the_release_before_and_the_feed_only_on_both(made: Made, tmp_path: Path) -> None:
    run(Settings(made.raw, tmp_path))
    alone = tmp_path / "releases" / made.second
    assert exported_bytes(alone) == exported_bytes(made.folder(made.second))
    assert called("diff", made.first, made.second, "--to", str(tmp_path / "feed"), output=made.output)[0] == 0
    for name in FEED_FILES[:2]:
        assert (tmp_path / "feed" / name).read_bytes() == (made.folder(made.second) / name).read_bytes()


def test_any_two_releases_are_compared_in_any_direction(made: Made, tmp_path: Path) -> None:
    code, said = called("diff", made.second, made.first, output=made.output)
    assert code == 0
    assert f"Against release {made.second}." in said
    manifest = json.loads((made.folder(made.first) / "manifest.json").read_text(encoding="utf-8"))
    write_changes(made.folder(made.second), made.folder(made.first), tmp_path, described=manifest)
    feed = pl.read_parquet(tmp_path / "changes.parquet")
    forth = pl.read_parquet(made.folder(made.second) / "changes.parquet")
    columns = ["changed_table", "record_key", "column_name", "old_value", "new_value"]
    swapped = forth.select(columns).rename({"old_value": "new_value", "new_value": "old_value"}).select(columns)
    assert_frame_equal(feed.select(columns), swapped, check_row_order=False)
    assert called("diff", "nowhere", output=made.output)[0] == 3


def test_tables_larger_than_a_piece_are_compared_in_ranges_of_keys(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.release_feed.PIECE_ROWS", 500)
    manifest = json.loads((made.folder(made.second) / "manifest.json").read_text(encoding="utf-8"))
    write_changes(made.folder(made.first), made.folder(made.second), tmp_path, described=manifest)
    whole = pl.read_parquet(made.folder(made.second) / "changes.parquet")
    assert_frame_equal(pl.read_parquet(tmp_path / "changes.parquet"), whole, check_row_order=False)


def test_verify_finds_nothing_in_a_whole_release(made: Made) -> None:
    for release in (made.first, made.second):
        assert verify(made.folder(release)).damages == ()
    code, said = called("verify", output=made.output)
    assert code == 0
    assert f"Release {made.second} is whole: " in said


def damaged(mine: Made, name: str, content: bytes) -> tuple[str, ...]:
    replaced(mine.folder(mine.second) / name, content)
    return verify(mine.folder(mine.second)).damages


def test_verify_names_a_changed_csv_cell(mine: Made) -> None:
    text = (mine.folder(mine.second) / "csv/payer.csv").read_bytes()
    found = damaged(mine, "csv/payer.csv", text.replace(b"Aetna Inc", b"Aetna Ink"))
    assert re.fullmatch(r"csv/payer.csv: expected SHA-256 [0-9a-f]{64}, found [0-9a-f]{64}\.", found[0])
    assert found[1].startswith("csv/payer.csv: line 2 differs from Parquet: expected b'aetna,Aetna Inc,")
    assert len(found) == 2
    code, said = called("verify", output=mine.output)
    assert code == 3
    assert f"Release {mine.second} is damaged in 2 places." in said


def test_verify_names_lines_too_few_and_too_many(mine: Made) -> None:
    text = (mine.folder(mine.second) / "csv/payer.csv").read_bytes()
    lines = text.splitlines(keepends=True)
    shorter = damaged(mine, "csv/payer.csv", b"".join(lines[:-1]))
    assert shorter[0] == f"csv/payer.csv: expected {len(text):,} bytes, found {len(text) - len(lines[-1]):,}."
    assert shorter[1].startswith("csv/payer.csv: line 6 differs from Parquet: expected b'uhc,")
    assert shorter[1].endswith("found b''.")
    longer = damaged(mine, "csv/payer.csv", text + b"x\n")
    assert longer[1] == "csv/payer.csv: expected no line after the 5 rows of Parquet, found b'x\\n'."


def test_verify_names_files_that_are_missing_or_that_nobody_named(mine: Made) -> None:
    folder = mine.folder(mine.second)
    (folder / "parquet/payer.parquet").rename(folder / "parquet/mayor.parquet")
    (folder / "DICTIONARY.md").unlink()
    assert verify(folder).damages == (
        "parquet/payer.parquet: expected a file, found none.",
        "DICTIONARY.md: expected a file, found none.",
        "parquet/mayor.parquet: expected no such file, the manifest does not name it.",
    )


def test_verify_names_a_page_that_was_touched_or_has_no_hash(mine: Made) -> None:
    folder = mine.folder(mine.second)
    page, aside = folder / "report.html", folder / "report.html.sha256"
    stated = aside.read_text(encoding="utf-8").split()[0]
    content = page.read_bytes()
    page.unlink()  # a second name of the file that other tests read
    page.write_bytes(content + b"<!-- touched -->")
    (touched,) = verify(folder).damages
    aside.unlink()
    (unsaid,) = verify(folder).damages
    found = sha256_of(page)
    assert touched == f"report.html: expected SHA-256 {stated}, found {found}."
    assert unsaid == f"report.html: expected SHA-256 none, found {found}."


def test_verify_names_parquet_that_cannot_be_read_or_has_other_rows(mine: Made) -> None:
    folder = mine.folder(mine.second)
    broken = damaged(mine, "parquet/payer.parquet", b"PAR1")
    assert broken[1].startswith("parquet/payer.parquet: cannot be read: ")
    replaced(folder / "parquet/payer.parquet", (mine.folder(mine.first) / "parquet/payer.parquet").read_bytes())
    other = verify(folder).damages
    assert [damage.split(":")[0] for damage in other] == ["parquet/payer.parquet", "csv/payer.csv", DATABASE]
    assert other[2].startswith(f"{DATABASE}: table payer: row 1 differs from Parquet: expected ('aetna', 'Aetna', ")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DELETE FROM payer_alias", "table payer_alias: row 1 differs from Parquet"),
        ("UPDATE answer SET reason = 'x' WHERE answer_set_id = 0", "table answer: row 1 differs from Parquet"),
        ("DROP VIEW policy_vs_observed; DROP TABLE taxonomy", "table taxonomy cannot be read"),
    ],
)
def test_verify_names_a_database_with_other_rows(mine: Made, statement: str, expected: str) -> None:
    path = mine.folder(mine.second) / DATABASE
    replaced(path, (mine.folder(mine.second) / DATABASE).read_bytes())
    with duckdb.connect(str(path)) as connection:
        connection.execute(statement)
    found = verify(path.parent).damages
    assert found[0].startswith(f"{DATABASE}: expected SHA-256 ")
    assert expected in found[1]


def test_verify_names_a_database_or_a_manifest_that_is_none(mine: Made) -> None:
    folder = mine.folder(mine.second)
    assert damaged(mine, DATABASE, b"no database")[1].startswith(f"{DATABASE}: cannot be read: ")
    renamed = json.loads((folder / "manifest.json").read_text(encoding="utf-8")) | {"release": "other"}
    assert damaged(mine, "manifest.json", json.dumps(renamed).encode())[0] == (
        f"manifest.json: expected release {mine.second}, the name of the folder, found other."
    )
    assert damaged(mine, "manifest.json", b"{")[0].startswith(
        f"{folder}/manifest.json: expected the manifest of a release, found: "
    )


def shrunk(mine: Made, tmp_path: Path) -> Path:
    """A raw folder whose aliases are mostly gone."""
    raw = tmp_path / "raw"
    shutil.copytree(mine.raw, raw)
    path = raw / "payers" / "payer_alias.csv"
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:301]), encoding="utf-8")
    return raw


def test_a_release_that_lost_most_of_a_table_is_published_only_when_that_is_accepted(mine: Made, tmp_path: Path) -> None:
    raw, now = shrunk(mine, tmp_path), read_table(mine.folder(mine.second), table("payer_alias")).height
    with pytest.raises(StopError) as stopped:
        run(Settings(raw, mine.output))
    expected = f"payer_alias: expected at least 50 % of the {now:,} rows of the release before, found 300"
    assert expected in str(stopped.value)
    assert str(stopped.value).endswith("raise the limits for one run: payref refresh --accept payer_alias")
    assert current_name(mine.output) == mine.second
    code, said = called("refresh", "--raw", str(raw), "--direct", "--accept", "payer_alias", output=mine.output)
    assert code == 0, said
    assert f"Warning: {expected}" in said
    manifest: dict[str, Any] = json.loads((mine.output / "current" / "manifest.json").read_text(encoding="utf-8"))
    assert [entry["table"] for entry in manifest["accepted"]] == ["payer_alias"]
    assert called("refresh", "--raw", str(raw), "--direct", "--accept", "nothing", output=mine.output)[0] == 2


def test_a_folder_of_another_major_version_is_left_alone(mine: Made) -> None:
    path = mine.folder(mine.second) / "manifest.json"
    stated = json.loads(path.read_text(encoding="utf-8")) | {"schema_version": "0.9", "release": "older"}
    replaced(path, json.dumps(stated).encode())
    code, said = called("refresh", "--raw", str(mine.raw), "--direct", output=mine.output)
    assert code == 3
    assert "found older of version 0.9, in which columns have other names or types" in said
    assert "publish into another one with --output" in said


def test_a_feed_is_made_against_a_release_of_the_same_build(mine: Made) -> None:
    licensed = mine.folder(mine.second) / "manifest.json"
    assert predecessor(mine.output, release="new", build="open") == mine.folder(mine.second)
    assert predecessor(mine.output, release=mine.second, build="open") == mine.folder(mine.first)
    replaced(licensed, licensed.read_bytes().replace(b'"build": "open"', b'"build": "licensed"'))
    assert predecessor(mine.output, release="new", build="open") == mine.folder(mine.first)
    assert predecessor(mine.output, release=mine.second, build="licensed") is None


def test_a_name_is_the_newest_publication_date_and_a_hash_of_inputs_and_schema_version(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = discover(made.raw)
    name = release_name(inputs, build="open")
    newest = max(file.origin.published for file in inputs.files if file.origin.published)
    assert re.fullmatch(rf"{newest}-[0-9a-f]{{8}}", name)
    assert name == made.second == release_name(inputs._replace(files=inputs.files[::-1]), build="open")
    others = [release_name(inputs, build="licensed"), release_name(inputs._replace(files=inputs.files[1:]), build="open")]
    monkeypatch.setattr("flows.publish.SCHEMA_VERSION", "9.9")
    others.append(release_name(inputs, build="open"))
    assert len({name, *others}) == 4
