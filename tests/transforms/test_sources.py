"""What sources give back, counted and put together."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from schemas import TABLES
from tests.transforms.builders import finding, listed
from transforms.errors import BrokenCheckError
from transforms.gate import findings_frame
from transforms.sources import Built, FileCount, counted, empty, merged


def accepted(*places: tuple[str, int]) -> pl.DataFrame:
    return pl.DataFrame(list(places), schema={"source_file": pl.String, "source_row": pl.Int64}, orient="row")


FINDINGS = findings_frame(
    [
        finding("a.csv", 3, "x", "t.x.type", "?", "Must be a whole number."),
        finding("a.csv", 3, "y", "t.y.type", "?", "Must be a whole number."),
        finding("a.csv", 2, "*", "t.note", None, "Is odd.", severity="warning"),
        finding("b.csv", 3, "x", "t.x.type", "?", "Must be a whole number."),
    ]
)


def test_refused_rows_are_counted_once_however_many_findings_they_have() -> None:
    rows = accepted(("a.csv", 2), ("a.csv", 4), ("b.csv", 2))
    assert counted("a.csv", rows_read=3, accepted=rows, findings=FINDINGS) == FileCount("a.csv", 3, 2, 1)
    assert counted("b.csv", rows_read=2, accepted=rows, findings=FINDINGS) == FileCount("b.csv", 2, 1, 1)


@pytest.mark.parametrize("rows_read", [2, 4])
def test_count_that_does_not_add_up_is_a_broken_check(rows_read: int) -> None:
    rows = accepted(("a.csv", 2), ("a.csv", 4))
    with pytest.raises(BrokenCheckError) as caught:
        counted("a.csv", rows_read=rows_read, accepted=rows, findings=FINDINGS)
    assert str(caught.value) == f"a.csv: {rows_read} rows read, but 2 accepted and 1 refused."


def test_merged_keeps_the_order_of_the_parts() -> None:
    left = Built({"t": accepted(("a.csv", 2))}, FINDINGS.head(1), [FileCount("a.csv", 2, 1, 1)])
    right = Built({"t": accepted(("b.csv", 2)), "u": accepted(("b.csv", 9))}, FINDINGS.tail(1), [FileCount("b.csv", 2, 1, 1)])
    both = merged([left, right])
    assert list(both.tables) == ["t", "u"]
    assert_frame_equal(both.tables["t"], accepted(("a.csv", 2), ("b.csv", 2)))
    assert_frame_equal(both.tables["u"], accepted(("b.csv", 9)))
    assert_frame_equal(both.findings, pl.concat([FINDINGS.head(1), FINDINGS.tail(1)]))
    assert both.counts == [FileCount("a.csv", 2, 1, 1), FileCount("b.csv", 2, 1, 1)]
    assert both.statements == []


def test_merging_nothing_gives_nothing() -> None:
    nothing = merged([])
    assert (nothing.tables, listed(nothing.findings), nothing.counts) == ({}, [], [])


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.table_name())
def test_empty_table_has_its_declared_columns(model: type) -> None:
    assert dict(empty(model.table_name()).schema) == model.polars_schema()
