"""What a release holds: the same bytes each time, no licensed text in an open build, exports that others can read."""

import csv
import json
import re
from pathlib import Path

import duckdb
import polars as pl
import pytest

from flows.database_name import DATABASE
from flows.file_hash import sha256_of
from flows.pipeline import Outcome, run, unchanged
from flows.settings import Settings
from flows.verification import verify
from schemas import TABLES, table
from schemas.base import OF_ITS_TEXTS, Table
from tests.end_to_end.raw_folder import PFS, changed, copied, exported_bytes, restated

CANARY = re.compile(rb"LICENSED WORDS")


@pytest.fixture(scope="module")
def raw_with_descriptors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped raw folder with a canary where licensed text would stand: descriptors, a page, a row that is refused."""
    raw = copied(tmp_path_factory.mktemp("licensed"))
    path = raw / PFS
    lines = path.read_bytes().decode().split("\r\n")
    described = [
        re.sub(r"^([0-9][0-9A-Z]{4}|D[0-9]{4}),([^,]*),,", lambda m: f"{m[1]},{m[2]},LICENSED WORDS {m[1]},", line)
        for line in lines
    ]
    shifted = next(line for line in described if line.startswith("99213,"))
    described.append(shifted.replace("99213,,LICENSED WORDS 99213,A,", "99212,,x,LICENSED WORDS 99212,"))
    path.write_bytes("\r\n".join(described).encode())
    restated(path)
    changed(raw, "code_pages/96405_coding.txt", "[descriptor withheld: licensed text]", "LICENSED WORDS 96405, long form")
    (raw / "code_pages" / "00102_analysis.txt").write_text(
        "Summary & Overview\nLICENSED WORDS in a title without a code\n", encoding="utf-8"
    )
    (raw / "code_pages" / "origin.json").unlink()
    return raw


def files_with_canary(release: Path) -> set[str]:
    return {path.name for path in release.rglob("*") if path.is_file() and CANARY.search(path.read_bytes())}


def test_an_open_build_holds_no_licensed_text_in_any_file(raw_with_descriptors: Path, tmp_path: Path) -> None:
    made = run(Settings(raw_with_descriptors, tmp_path))
    release = tmp_path / "releases" / made.release
    assert files_with_canary(release) == set()
    left_out = {entry["reason"]: entry["rows"] for entry in made.manifest["left_out"]}
    assert {"licence ADA", "licence AMA", "licence local"} <= set(left_out)
    assert left_out["licence ADA"] == 9


def test_a_licensed_build_holds_it_so_the_search_can_find_it(raw_with_descriptors: Path, tmp_path: Path) -> None:
    made = run(Settings(raw_with_descriptors, tmp_path, is_licensed=True))
    release = tmp_path / "releases" / made.release
    assert {"code_description.csv", "finding.csv"} <= files_with_canary(release)
    with duckdb.connect(str(release / DATABASE), read_only=True) as connection:
        query = "SELECT kind, description, licence FROM code_description WHERE code = '96405' AND licence = 'AMA' ORDER BY ALL"
        assert connection.execute(query).fetchall() == [
            ("official", "LICENSED WORDS 96405, long form", "AMA"),
            ("short", "LICENSED WORDS 96405", "AMA"),
        ]
        assert connection.execute("SELECT count(*) FROM search_word WHERE word = 'licensed'").fetchone() != (0,)
        path = str(release / "parquet" / "search_word.parquet")
        query = "SELECT decode(value) FROM parquet_kv_metadata($1) WHERE decode(key) = 'licence'"
        assert connection.execute(query, [path]).fetchall() == [(OF_ITS_TEXTS,)]
    assert f"Licence: {OF_ITS_TEXTS}." in (release / "DICTIONARY.md").read_text(encoding="utf-8").partition("## search_word")[2]


def test_the_same_inputs_make_the_same_bytes_at_any_thread_count(tmp_path: Path, release: Path, published: Outcome) -> None:
    made = run(Settings(copied(tmp_path), tmp_path / "elsewhere", threads=1))
    assert made.release == published.release
    assert exported_bytes(tmp_path / "elsewhere" / "releases" / made.release) == exported_bytes(release)


def test_nothing_changed_publishes_nothing(output: Path, published: Outcome) -> None:
    settings = Settings(copied_settings_raw(), output)
    inode = (output / "current" / "manifest.json").stat().st_ino
    again = run(settings)
    assert (again.release, again.is_new, again.rows) == (published.release, False, {})
    assert unchanged(settings) == published.release
    assert (output / "current" / "manifest.json").stat().st_ino == inode


def copied_settings_raw() -> Path:
    from flows import SHIPPED_RAW

    return SHIPPED_RAW


def test_a_changed_input_makes_another_release_and_keeps_the_old_one(tmp_path: Path) -> None:
    raw = copied(tmp_path)
    first = run(Settings(raw, tmp_path / "output"))
    reader = duckdb.connect(str(tmp_path / "output" / "current" / DATABASE), read_only=True)
    changed(raw, "payers/payer.csv", "Aetna", "Aetna Inc")
    second = run(Settings(raw, tmp_path / "output"))
    assert first.release != second.release
    assert reader.execute("SELECT payer_name FROM payer WHERE payer_id = 'aetna'").fetchall() == [("Aetna",)]
    reader.close()
    assert sorted(path.name for path in (tmp_path / "output" / "releases").iterdir()) == sorted([first.release, second.release])
    assert (tmp_path / "output" / "current").resolve().name == second.release


def test_licensed_and_open_builds_have_different_names(raw_with_descriptors: Path, tmp_path: Path) -> None:
    names = {
        run(Settings(raw_with_descriptors, tmp_path / build, is_licensed=build == "licensed")).release
        for build in ("open", "licensed")
    }
    assert len(names) == 2


def test_accepted_and_refused_rows_add_up_for_every_file(connection: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT count(*), count(*) FILTER (WHERE rows_read = rows_accepted + rows_refused), sum(rows_refused) FROM raw_file"
    assert connection.execute(query).fetchall() == [(35, 35, 2)]


def test_the_manifest_describes_every_file(release: Path, published: Outcome) -> None:
    manifest = json.loads((release / "manifest.json").read_text(encoding="utf-8"))
    assert manifest == published.manifest
    on_disk = {path.relative_to(release).as_posix() for folder in ("parquet", "csv") for path in (release / folder).iterdir()}
    assert {file["path"] for file in manifest["files"]} == on_disk
    for file in manifest["files"]:
        assert file["sha256"] == sha256_of(release / file["path"])
        assert file["size_bytes"] == (release / file["path"]).stat().st_size
        assert file["columns"] == len(table(file["table"]).columns())
    assert manifest["left_out"] == []
    assert {entry["sha256"] for entry in manifest["inputs"]} >= {sha256_of(copied_settings_raw() / PFS)}


@pytest.mark.parametrize("model", TABLES, ids=[model.table_name() for model in TABLES])
def test_database_parquet_and_csv_hold_the_same_rows(
    release: Path, connection: duckdb.DuckDBPyConnection, model: type[Table]
) -> None:
    name = model.table_name()
    parquet = pl.read_parquet(release / "parquet" / f"{name}.parquet")
    assert parquet.schema == pl.Schema(model.polars_schema())
    key = list(model.facts().key)
    held = connection.sql(f"SELECT * FROM {name}").pl()  # a view gives its rows in any order
    assert (held.sort(key) if model.facts().is_view else held).equals(parquet)
    assert parquet.select(key).equals(parquet.sort(key).select(key))
    with (release / "csv" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == list(model.column_names())
    assert len(rows) - 1 == parquet.height
    texts = parquet.select(pl.all().cast(pl.String).fill_null(""))
    assert [unguarded(row) for row in rows[1:]] == [list(row) for row in texts.iter_rows()]


def unguarded(row: list[str]) -> list[str]:
    return [cell[1:] if re.match(r"'[=+\-@\t\r\n]", cell) else cell for cell in row]


def test_the_release_is_whole(release: Path) -> None:
    assert verify(release).damages == ()


def test_parquet_is_compressed_and_documented(release: Path, connection: duckdb.DuckDBPyConnection) -> None:
    path = str(release / "parquet" / "pfs_indicator.parquet")
    assert connection.execute("SELECT DISTINCT compression FROM parquet_metadata($1)", [path]).fetchall() == [("ZSTD",)]
    pairs = connection.execute("SELECT decode(key), decode(value) FROM parquet_kv_metadata($1)", [path]).fetchall()
    documented = dict(pairs)
    assert documented["key"] == "code_system, code, component, valid_from"
    assert documented["licence"] == "US-GOV"
    assert json.loads(documented["columns"])["work_rvu"] == "Work. Unit: RVU."


def test_a_cell_that_a_spreadsheet_would_run_is_neutralised_in_csv_only(tmp_path: Path) -> None:
    raw = copied(tmp_path)
    path = raw / "payers/payer_alias.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    alias = next(line for line in lines if line.startswith("Aetna,is,aetna,"))
    dangerous = ('=HYPERLINK("x")', "+1 Aetna", "-Aetna", "@Aetna", "＝Aetna")  # noqa: RUF001
    cells = next(csv.reader([alias]))
    with path.open("a", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(
            [text, *cells[1:]] for text in [f"{text} {n}" for n, text in enumerate(dangerous)]
        )
    run(Settings(raw, tmp_path / "output"))
    exported = tmp_path / "output" / "current"
    with (exported / "csv" / "payer_alias.csv").open(encoding="utf-8", newline="") as stream:
        written = {row["alias"] for row in csv.DictReader(stream)}
    held = set(pl.read_parquet(exported / "parquet" / "payer_alias.parquet")["alias"])
    for number, text in enumerate(dangerous):
        assert f"'{text} {number}" in written
        assert f"{text} {number}" in held
    assert not [alias for alias in written if alias[0] in "=+-@＝"]  # noqa: RUF001


def test_the_data_package_is_valid(release: Path) -> None:
    frictionless = pytest.importorskip("frictionless")
    report = frictionless.validate(str(release / "datapackage.json"))
    assert report.flatten(["title", "message"]) == []
    assert report.stats["tasks"] == len(TABLES)


def test_a_file_without_origin_is_taken_as_local(tmp_path: Path) -> None:
    raw = copied(tmp_path)
    (raw / "cms_pfs" / "2025-10" / "origin.json").unlink()
    made = run(Settings(raw, tmp_path / "output"))
    with duckdb.connect(str(tmp_path / "output" / "current" / DATABASE), read_only=True) as connection:
        query = "SELECT origin, count(*) FROM raw_file WHERE source = 'cms_pfs' GROUP BY ALL"
        assert connection.execute(query).fetchall() == [("local", 3)]
        period = "SELECT publisher, CAST(published_date AS VARCHAR), CAST(valid_from AS VARCHAR), CAST(valid_to AS VARCHAR) FROM release WHERE source = 'cms_pfs'"
        assert connection.execute(period).fetchall() == [("local", "2025-09-11", "2025-10-01", "2025-12-31")]
    assert [entry["licence"] for entry in made.manifest["inputs"] if entry["source"] == "cms_pfs"] == ["local"] * 3


def test_a_raw_folder_with_a_fee_schedule_alone_borrows_the_curated_sources(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    (raw / PFS.parent).mkdir(parents=True)
    (raw / PFS).write_bytes((copied_settings_raw() / PFS).read_bytes())
    (raw / "notes.txt").write_text("mine", encoding="utf-8")
    made = run(Settings(raw, tmp_path / "output"))
    assert made.manifest["taken_from_the_project"] == ["code_sections", "payers", "modifiers", "payer_rules", "code_pages"]
    assert made.manifest["not_read"] == ["notes.txt"]


def test_the_published_database_is_readable_by_older_clients_and_has_no_journal(release: Path) -> None:
    with (release / DATABASE).open("rb") as stream:
        stream.seek(12)
        version = int.from_bytes(stream.read(8), "little")
    assert version <= 68
    assert not list(release.glob("*.wal"))
