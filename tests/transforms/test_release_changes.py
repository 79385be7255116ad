"""A feed turns the earlier table into the later one, whatever they hold."""

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from schemas import Answer, CodeAnswerSet, ModifierRule, NameWord, Payer, ProfileRule, table
from schemas.base import Table, TableFacts, column
from transforms.answer_sets import AnswerSets, cube_rows
from transforms.release_changes import COUNTS, FEED, aligned, applied, counted, cube_counts, differences


class Sample(Table):
    """Every type a table may use."""

    name: str = column("Name.")
    day: pl.Date = column("Day.")
    note: str = column("Note.", nullable=True)
    count: pl.Int64 = column("Count.", nullable=True)
    amount: pl.Decimal(7, 2) = column("Amount.", nullable=True)
    is_kept: bool = column("Kept.", nullable=True)
    until: pl.Date = column("Until.", nullable=True)

    class Config:
        """Facts about the table."""

        name = "sample"
        unique = ["name", "day"]  # noqa: RUF012
        metadata = {"facts": TableFacts("test", "sample", ("name", "day"), "CC0-1.0", (0, 100))}  # noqa: RUF012


DAYS = st.dates(date(1990, 1, 1), date(2100, 1, 1))
TEXTS = st.text(st.characters(codec="utf-8"), max_size=6)
ROWS = st.dictionaries(
    st.tuples(st.one_of(st.sampled_from(["a", "b|c", '"', "{}"]), TEXTS), st.sampled_from([date(2025, 1, 1), date(2026, 1, 1)])),
    st.tuples(
        st.none() | TEXTS,
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.integers(-9_999_999, 9_999_999).map(lambda cents: Decimal(cents) / 100),
        st.none() | st.booleans(),
        st.none() | DAYS,
    ),
    max_size=8,
)


def sample(rows: dict[Any, Any]) -> pl.DataFrame:
    whole = [(*key, *values) for key, values in rows.items()]
    return pl.DataFrame(whole, schema=Sample.polars_schema(), orient="row").sort(Sample.facts().key)


@settings(max_examples=150, deadline=None)
@given(ROWS, ROWS, st.booleans())
def test_a_feed_applied_to_the_earlier_table_gives_the_later_one(old: Any, new: Any, overlaps: Any) -> None:
    before, after = sample(old), sample({**old, **new} if overlaps else new)
    feed = differences(before, after, Sample)
    assert feed.schema == pl.Schema(FEED)
    assert_frame_equal(applied(before, feed, Sample), after)
    assert feed.equals(differences(before.reverse(), after.reverse(), Sample))
    assert feed.is_empty() == before.equals(after)


def test_a_feed_says_cell_by_cell_what_happened() -> None:
    day = date(2025, 1, 1)
    before = sample({("a", day): ("x", 1, Decimal("1.50"), True, None), ("gone", day): (None,) * 5})
    after = sample({("a", day): (None, 1, Decimal("2.00"), True, day), ("new", day): ("é", None, None, False, None)})
    assert differences(before, after, Sample).rows() == [
        ("sample", "changed", '{"name":"a","day":"2025-01-01"}', "amount", "1.50", "2.00", None),
        ("sample", "changed", '{"name":"a","day":"2025-01-01"}', "note", "x", None, None),
        ("sample", "changed", '{"name":"a","day":"2025-01-01"}', "until", None, "2025-01-01", None),
        (
            "sample", "removed", '{"name":"gone","day":"2025-01-01"}', "*",
            '{"note":null,"count":null,"amount":null,"is_kept":null,"until":null}', None, None,
        ),
        (
            "sample", "added", '{"name":"new","day":"2025-01-01"}', "*", None,
            '{"note":"é","count":null,"amount":null,"is_kept":"false","until":null}', None,
        ),
    ]  # fmt: skip


def test_a_table_that_is_all_key_has_rows_that_come_and_go() -> None:
    before = pl.DataFrame({"profile_id": [1, 2], "rule_id": ["a", "b"]})
    after = pl.DataFrame({"profile_id": [2, 3], "rule_id": ["b", "c"]})
    feed = differences(before, after, ProfileRule)
    assert feed["change_kind"].to_list() == ["removed", "added"]
    assert applied(before, feed, ProfileRule).equals(after)


def test_a_column_that_an_earlier_release_lacked_is_empty_there() -> None:
    after = sample({("a", date(2025, 1, 1)): ("x", 1, None, True, None)})
    before = aligned(after.drop("note"), Sample)
    feed = differences(before, after, Sample)
    assert feed.select("column_name", "old_value", "new_value").rows() == [("note", None, "x")]
    assert applied(before, feed, Sample).equals(after)


def test_changes_are_counted_by_payer_record_and_cell() -> None:
    schema = dict.fromkeys(FEED, pl.String)
    feed = pl.DataFrame(
        [
            ("t", "changed", "1", "a", None, "x", "uhc"),
            ("t", "changed", "1", "b", None, "x", "uhc"),
            ("t", "changed", "1", "source_row", "8", "9", "uhc"),
            ("t", "changed", "4", "source_row", "9", "10", "uhc"),
            ("t", "added", "2", "*", None, "{}", "uhc"),
            ("t", "removed", "3", "*", "{}", None, None),
        ],
        schema=schema,
        orient="row",
    )
    assert counted(feed).rows() == [
        (None, "removed", 1, 0, 0), ("uhc", "added", 1, 0, 0), ("uhc", "changed", 2, 4, 1),
    ]  # fmt: skip


def answers(*rows: tuple[int, str, str, str]) -> pl.DataFrame:
    """Set, payer, modifier, disposition."""
    whole = [
        {
            "answer_set_id": number, "payer_id": payer, "modifier": modifier, "organization_id": "any", "line_of_business": "any",
            "market": "any", "valid_from": date(2025, 1, 1), "disposition": disposition, "effect_kind": "none", "target_line": "x",
            "reason": "r", "medicare_disposition": "allowed",
        }
        for number, payer, modifier, disposition in rows
    ]  # fmt: skip
    return aligned(pl.DataFrame(whole), Answer).cast(Answer.polars_schema())  # type: ignore[arg-type]


def coded(**sets: int) -> pl.DataFrame:
    return pl.DataFrame(
        [("CPT", code[1:], "global", number) for code, number in sets.items()], schema=CodeAnswerSet.polars_schema(), orient="row"
    )


def written_out(sets: AnswerSets) -> pl.DataFrame:
    at = cube_rows(sets)
    return pl.concat(
        [
            sets.code_answer_set[at["code_at"].to_list()].drop("answer_set_id"),
            sets.answer[at["answer_at"].to_list()].drop("answer_set_id"),
        ],
        how="horizontal",
    )


def test_changes_of_the_cube_are_those_of_the_cube_written_out() -> None:
    old = AnswerSets(
        coded(c1=0, c2=0, c3=1), answers((0, "uhc", "50", "allowed"), (0, "uhc", "51", "allowed"), (1, "cigna", "50", "allowed"))
    )
    new = AnswerSets(
        coded(c1=7, c2=7, c4=8),  # numbers of sets are a release's own and no change
        answers((7, "uhc", "50", "not_paid"), (7, "uhc", "52", "allowed"), (8, "cigna", "50", "allowed")),
    )
    found = cube_counts(old, new)
    assert found.rows() == [
        ("cigna", "added", 1, 0, 0), ("cigna", "removed", 1, 0, 0),
        ("uhc", "added", 2, 0, 0), ("uhc", "changed", 2, 2, 0), ("uhc", "removed", 2, 0, 0),
    ]  # fmt: skip
    cube = table("code_payer_modifier")
    assert_frame_equal(found, counted(differences(written_out(old), written_out(new), cube)))
    assert cube_counts(old, old).schema == pl.Schema(COUNTS)
    assert cube_counts(old, old).is_empty()


def test_tables_with_a_payer_repeat_it() -> None:
    assert {model for model in (Payer, ModifierRule, Answer) if "payer_id" in model.column_names()} == {
        Payer,
        ModifierRule,
        Answer,
    }
    assert "payer_id" not in NameWord.column_names()
