"""What is kept of a source: taken again when it is whole, made again when it is not."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.cache import Frames, Reading, keep_only, key_of, store, stored, unused
from flows.parts import Part
from transforms.gate import findings_frame
from transforms.sources import Built, FileCount, Statement

ROWS = pl.DataFrame(
    {"code": ["00100"], "usd": [Decimal("1.20")], "day": [date(2026, 4, 1)]}, schema_overrides={"usd": pl.Decimal(9, 2)}
)
PART = Part("s/r/a.csv", None, "s", "r", "0" * 64, 3, "local", "utf-8")


def reading(key: str) -> Reading:
    built = Built({}, findings_frame(), [FileCount("s/r/a.csv", 1, 1, 0)], [Statement("s/r/a.csv", "notice", date(2026, 3, 1))])
    return Reading(key, built, [PART], ["s/r/b.pdf"], Frames({"code": lambda: ROWS}))


def test_what_was_kept_comes_back_as_it_was(tmp_path: Path) -> None:
    store(tmp_path, reading("k"))
    found = stored(tmp_path, "k")
    assert found is not None
    assert_frame_equal(found.tables["code"], ROWS)
    assert (found.parts, found.unread, found.counts) == ((PART,), ("s/r/b.pdf",), (FileCount("s/r/a.csv", 1, 1, 0),))
    assert found.statements == (Statement("s/r/a.csv", "notice", date(2026, 3, 1)),)
    assert_frame_equal(found.findings, findings_frame())


@pytest.mark.parametrize("damage", ["missing", "short", "flipped", "{", "{}", "[]", "null"])
def test_an_entry_that_is_not_whole_is_no_entry(tmp_path: Path, damage: str) -> None:
    store(tmp_path, reading("k"))
    table = tmp_path / "k" / "code.parquet"
    match damage:
        case "missing":
            table.unlink()
        case "short":
            table.write_bytes(table.read_bytes()[:-1])
        case "flipped":
            table.write_bytes(table.read_bytes()[:-20] + bytes(20))
        case _:
            (tmp_path / "k" / "entry.json").write_text(damage, encoding="utf-8")
    assert stored(tmp_path, "k") is None
    assert stored(tmp_path, "other") is None


def test_entries_that_no_release_uses_are_removed(tmp_path: Path) -> None:
    for key in ("a", "b"):
        store(tmp_path, reading(key))
    keep_only(tmp_path, ["b"])
    assert sorted(place.name for place in tmp_path.iterdir()) == ["b", "used.json"]
    store(tmp_path, reading("c"))
    assert unused(tmp_path) == [tmp_path / "c"]


def test_a_key_depends_on_every_fact() -> None:
    assert key_of("a", 1) == key_of("a", 1)
    assert len({key_of("a", 1), key_of("a", 2), key_of("b", 1)}) == 3


def test_frames_are_made_once_and_again_after_they_were_dropped() -> None:
    made: list[str] = []

    def make() -> pl.DataFrame:
        made.append("made")
        return ROWS

    frames = Frames({"code": make})
    assert frames["code"] is frames["code"]
    frames.drop("code")
    assert frames["code"].height == 1
    assert (made, list(frames), len(frames)) == (["made", "made"], ["code"], 1)
