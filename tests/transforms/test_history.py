"""Releases side by side, held against a naive reference that goes through them day by day."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise, permutations
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from schemas import Change
from schemas.base import KNOWN_FROM, Table, TableFacts, column
from transforms.errors import StructureError
from transforms.gate import ensure, findings_frame
from transforms.history import Kind, ReleaseTables, combined, no_change
from transforms.sources import Built, Period


class Thing(Table):
    """Things of a made-up source, one row per thing and first day."""

    part: str = column("First part of the key.")
    thing: str = column("Second part of the key.")
    valid_from: pl.Date = column("First day.")
    valid_to: pl.Date = column("Last day.", nullable=True)
    known_from: pl.Date = column(KNOWN_FROM, nullable=True)
    amount: pl.Int64 = column("A number.", nullable=True)
    is_new: bool = column("A truth value.")
    release_id: str = column("Release.")
    source_file: str = column("File.")
    source_row: pl.Int64 = column("Line.")

    class Config:
        """Facts about the table."""

        name = "thing"
        unique = ["part", "thing", "valid_from"]  # noqa: RUF012 - pandera: configuration is a class
        metadata = {"facts": TableFacts("tests", "thing", ("part", "thing", "valid_from"), "CC0-1.0", (0, 10))}  # noqa: RUF012


FIRST, DAY = date(2024, 1, 1), timedelta(days=1)
HORIZON = 40
"""Days that the reference looks at; an open row holds on the last of them."""
Said = tuple[int | None, bool]
Snapshot = Mapping[str, Said]
Dated = Mapping[tuple[str, int], tuple[int | None, Said]]
"""(name, first day) to (last day, what is said); days are counted from FIRST."""


def on(day: int | None) -> date | None:
    return None if day is None else FIRST + day * DAY


def release(start: int, rows: Sequence[tuple[str, int, int | None, Said]], *, published: bool = True) -> ReleaseTables:
    """A release that starts on a day and lists (name, first day, last day, what is said)."""
    name, known = f"r{start:02}", date(2023, 12, 1) + start * DAY if published else None
    first, frame = (
        FIRST + start * DAY,
        [
            ("p", thing, on(low), on(high), known, *said, name, f"{name}.csv", line)
            for line, (thing, low, high, said) in enumerate(rows, start=2)
        ],
    )
    table = pl.DataFrame(frame, schema=Thing.polars_schema(), orient="row")
    return ReleaseTables(Period(name, first, first + 89 * DAY, known), Built({"thing": table}, findings_frame(), []))


def snapshot(start: int, listed: Snapshot) -> ReleaseTables:
    return release(start, [(name, start, None, said) for name, said in listed.items()])


def dated(start: int, listed: Dated) -> ReleaseTables:
    return release(start, [(name, low, high, said) for (name, low), (high, said) in listed.items()])


def tables(parts: Sequence[ReleaseTables], kind: Kind) -> Mapping[str, pl.DataFrame]:
    return combined("made_up", {Thing: kind})(parts).tables


def days_of(rows: pl.DataFrame) -> Counter[tuple[str, int, Said]]:
    """(name, day, what is said) that rows hold, each as often as rows hold it."""
    held: Counter[tuple[str, int, Said]] = Counter()
    for row in rows.iter_rows(named=True):
        last = row["valid_to"] or FIRST + HORIZON * DAY
        days = range((row["valid_from"] - FIRST).days, (last - FIRST).days + 1)
        held.update((row["thing"], day, (row["amount"], row["is_new"])) for day in days if day <= HORIZON)
    return held


SAID = st.tuples(st.none() | st.integers(0, 2), st.booleans())
STARTS = st.integers(0, 30)
SNAPSHOTS = st.dictionaries(STARTS, st.dictionaries(st.sampled_from("abc"), SAID), min_size=1, max_size=6)
SPANS = st.tuples(st.none() | st.integers(0, HORIZON), SAID)
DATED = st.dictionaries(
    STARTS, st.dictionaries(st.tuples(st.sampled_from("ab"), st.integers(0, HORIZON)), SPANS, max_size=4), min_size=1, max_size=5
)


@settings(deadline=None)
@given(SNAPSHOTS)
def test_a_snapshot_holds_from_its_release_until_the_next_one(releases: dict[int, Snapshot]) -> None:
    rows = tables([snapshot(start, releases[start]) for start in sorted(releases)], Kind.SNAPSHOT)["thing"]
    expected: Counter[tuple[str, int, Said]] = Counter()
    for day in range(min(releases), HORIZON + 1):
        current = releases[max(start for start in releases if start <= day)]
        expected.update((name, day, said) for name, said in current.items())
    assert days_of(rows) == expected
    ensure(rows, Thing)


@settings(deadline=None)
@given(SNAPSHOTS)
def test_a_snapshot_row_names_the_release_that_first_said_so(releases: dict[int, Snapshot]) -> None:
    rows = tables([snapshot(start, releases[start]) for start in sorted(releases)], Kind.SNAPSHOT)["thing"]
    expected, before = [], {}
    for start in sorted(releases):
        listed = releases[start]
        expected += [(name, on(start), f"r{start:02}") for name, said in listed.items() if before.get(name) != said]
        before = listed
    assert rows.select("thing", "valid_from", "release_id").rows() == sorted(expected)
    assert (rows["known_from"] == pl.Series([date(2023, 12, 1) + int(name[1:]) * DAY for name in rows["release_id"]])).all()


def dated_reference(releases: Mapping[int, Dated]) -> Counter[tuple[str, int, Said]]:
    """The newest release that lists a row decides; the release after it ends the row, if the row has not ended before."""
    held: Counter[tuple[str, int, Said]] = Counter()
    starts = sorted(releases)
    for name, low in {key for listed in releases.values() for key in listed}:
        newest = max(start for start in starts if (name, low) in releases[start])
        high, said = releases[newest][name, low]
        for day in range(low, HORIZON + 1):
            withdrawn = any(newest < start <= day for start in starts)
            if (high is None or day <= high) and not withdrawn:
                held[name, day, said] += 1
    return held


@settings(deadline=None)
@given(DATED)
def test_the_newest_release_that_lists_a_dated_row_decides(releases: dict[int, Dated]) -> None:
    rows = tables([dated(start, releases[start]) for start in sorted(releases)], Kind.DATED)["thing"]
    assert days_of(rows) == dated_reference(releases)
    ensure(rows, Thing)


RELEASES = st.one_of(
    SNAPSHOTS.map(lambda made: (Kind.SNAPSHOT, [snapshot(start, made[start]) for start in sorted(made)])),
    DATED.map(lambda made: (Kind.DATED, [dated(start, made[start]) for start in sorted(made)])),
)


@settings(deadline=None, max_examples=25)
@given(RELEASES, st.randoms())
def test_the_order_in_which_releases_are_read_does_not_matter(made: tuple[Kind, list[ReleaseTables]], random: Any) -> None:
    kind, parts = made
    right, left = tables(parts, kind), tables(random.sample(parts, len(parts)), kind)
    assert_frame_equal(left["thing"], right["thing"])
    assert_frame_equal(left["change"], right["change"])


def texts(part: ReleaseTables, kind: Kind) -> dict[str, dict[str, str | None]]:
    """What a release says as `change` writes it: by key, the columns that are neither key nor provenance."""
    said = {}
    for row in part.built.tables["thing"].iter_rows(named=True):
        key, names = [row["part"], row["thing"]], ["amount", "is_new"]
        if kind is Kind.DATED:
            key, names = [*key, str(row["valid_from"])], [*names, "valid_to"]
        said["|".join(key)] = {name: None if row[name] is None else str(row[name]).lower() for name in names}
    return said


@settings(deadline=None)
@given(RELEASES)
def test_changes_turn_each_release_into_the_next_one(made: tuple[Kind, list[ReleaseTables]]) -> None:
    kind, parts = made
    change, found = tables(parts, kind)["change"], 0
    for old, new in pairwise(parts):
        state, wanted = texts(old, kind), texts(new, kind)
        step = change.filter(pl.col("to_release") == new.period.release_id)
        for row in step.iter_rows(named=True):
            key, name = row["record_key"], row["column_name"]
            if row["change_kind"] == "added":
                assert key not in state
                state[key] = wanted[key]
            elif row["change_kind"] == "removed":
                del state[key]
            else:
                assert state[key][name] == row["old_value"]
                state[key][name] = row["new_value"]
        assert state == wanted
        assert set(step["from_release"]) <= {old.period.release_id}
        assert set(step["changed_on"]) <= {new.period.valid_from}
        found += step.height
    assert found == change.height
    ensure(change, Change)


def test_what_left_is_closed_and_what_came_back_has_a_second_row() -> None:
    parts = [
        snapshot(0, {"a": (1, True), "b": (1, True)}),
        snapshot(10, {"b": (1, True)}),
        snapshot(20, {"a": (1, True), "b": (2, True)}),
    ]
    made = tables(parts, Kind.SNAPSHOT)
    assert made["thing"].select("thing", "valid_from", "valid_to", "amount", "release_id", "source_row").rows() == [
        ("a", on(0), on(9), 1, "r00", 2),
        ("a", on(20), None, 1, "r20", 2),
        ("b", on(0), on(19), 1, "r00", 3),
        ("b", on(20), None, 2, "r20", 3),
    ]
    whole, known = ("thing", "p|a", "*"), date(2023, 12, 1)
    assert_frame_equal(
        made["change"],
        pl.DataFrame(
            [
                (*whole, "r10", "r00", "removed", None, None, on(10), known + 10 * DAY, "made_up"),
                (*whole, "r20", "r10", "added", None, None, on(20), known + 20 * DAY, "made_up"),
                ("thing", "p|b", "amount", "r20", "r10", "changed", "1", "2", on(20), known + 20 * DAY, "made_up"),
            ],
            schema=Change.polars_schema(),
            orient="row",
        ),
    )


def test_a_dated_row_that_left_is_closed_whatever_it_announced() -> None:
    said = (1, True)
    parts = [
        dated(0, {("a", 0): (None, said), ("b", 0): (30, said), ("c", 0): (5, said), ("d", 15): (None, said)}),
        dated(10, {}),
    ]
    made = tables(parts, Kind.DATED)
    assert made["thing"].select("thing", "valid_from", "valid_to").rows() == [
        ("a", on(0), on(9)),
        ("b", on(0), on(9)),
        ("c", on(0), on(5)),
    ]
    assert made["change"].select("record_key", "change_kind").rows() == [
        (f"p|{name}|{on(low)}", "removed") for name, low in (("a", 0), ("b", 0), ("c", 0), ("d", 15))
    ]


def test_a_dated_row_says_since_when_its_last_day_is_known() -> None:
    said = (1, True)
    parts = [dated(0, {("a", 0): (None, said)}), dated(10, {("a", 0): (30, said)}), dated(20, {("a", 0): (30, said)})]
    made = tables(parts, Kind.DATED)
    assert made["thing"].select("valid_from", "valid_to", "release_id").rows() == [(on(0), on(30), "r10")]
    assert made["change"].select("column_name", "to_release", "old_value", "new_value").rows() == [
        ("valid_to", "r10", None, "2024-01-31")
    ]


def test_a_release_without_the_table_closes_nothing() -> None:
    parts = [snapshot(0, {"a": (1, True)}), snapshot(10, {}), snapshot(20, {"a": (1, True)})]
    parts[1] = parts[1]._replace(built=parts[1].built._replace(tables={}))
    made = tables(parts, Kind.SNAPSHOT)
    assert made["thing"].select("valid_from", "valid_to").rows() == [(on(0), None)]
    assert_frame_equal(made["change"], no_change())


def test_rows_kept_by_release_stay_as_they_are() -> None:
    parts = [release(0, [("a", 0, 9, (1, True))]), release(10, [("a", 10, None, (1, False))])]
    made = tables(parts, Kind.PER_RELEASE)
    assert_frame_equal(made["thing"], pl.concat(part.built.tables["thing"] for part in parts).select(Thing.column_names()))
    assert made["change"].select("record_key", "column_name", "old_value", "new_value").rows() == [
        ("p|a", "is_new", "true", "false")
    ]


def test_findings_and_tables_without_history_of_every_release_stay() -> None:
    finding = ("a.csv", 1, "*", "thing.x", "refused", None, "Why.")
    parts = [snapshot(0, {}), snapshot(10, {})]
    noted = findings_frame([dict(zip(findings_frame().columns, finding, strict=True))])
    parts = [
        part._replace(built=part.built._replace(tables={"other": pl.DataFrame({"x": [1]})}, findings=noted)) for part in parts
    ]
    built = combined("made_up", {Thing: Kind.SNAPSHOT})(parts)
    assert (built.tables["other"]["x"].to_list(), built.findings.height, "thing" in built.tables) == ([1, 1], 2, False)


@pytest.mark.parametrize("kind", [Kind.SNAPSHOT, Kind.DATED])
def test_two_releases_that_start_on_one_day_stop(kind: Kind) -> None:
    first, second = snapshot(0, {"a": (1, True)}), snapshot(0, {"a": (2, True)})
    corrected = second.period._replace(release_id="r00-corrected")
    table = second.built.tables["thing"].with_columns(release_id=pl.lit("r00-corrected"))
    parts = [first, ReleaseTables(corrected, second.built._replace(tables={"thing": table}))]
    for order in permutations(parts):
        with pytest.raises(StructureError) as caught:
            tables(order, kind)
        assert str(caught.value) == (
            "made_up/r00-corrected: expected a first service date of its own, found that of release r00, 2024-01-01. "
            "Keep the release that is meant, or state valid_from in the origin.json of both."
        )
