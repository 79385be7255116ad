"""Records of fixed width."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.builders import finding, listed, raw_text
from transforms.errors import StructureError
from transforms.pfs_layouts import ANESTHESIA_TEXT, INDICES_TEXT, OPPS_CAPS_TEXT, RELATIVE_VALUES_2023, RELATIVE_VALUES_TEXT
from transforms.pfs_records import Field, Record, gaps, record_table, text_lines

RECORD = Record((Field("code", 1, 3), Field("price", 5, 8)), length=9)
WHERE = "raw.csv"


def lines_of(text: str) -> list[tuple[int, str]]:
    return text_lines(raw_text(text)).rows()


def test_lines_keep_their_numbers_and_their_blanks() -> None:
    assert lines_of("a \r\n\r\n  \r\n b\n\x1a") == [(1, "a "), (4, " b")]


def test_line_separators_other_than_line_feeds_are_text() -> None:
    assert lines_of("a\x0cb\x85c\u2028d\n") == [(1, "a\x0cb\x85c\u2028d")]


def test_fields_are_cut_at_their_positions() -> None:
    table = record_table(text_lines(raw_text("abc 1.50 \nxyz   .5 \n")), RECORD, source_file=WHERE, table="prices")
    assert table.rows.rows() == [("abc", "1.50", WHERE, 1), ("xyz", "  .5", WHERE, 2)]
    assert (table.rows_read, listed(table.findings)) == (2, [])


def test_positions_count_characters_and_not_bytes() -> None:
    table = record_table(text_lines(raw_text("åbc 1.50 ")), RECORD, source_file=WHERE, table="prices")
    assert table.rows["price"].to_list() == ["1.50"]


def test_gaps_are_the_positions_of_no_field() -> None:
    assert gaps(RECORD) == [(4, 4), (9, 9)]
    assert gaps(RELATIVE_VALUES_TEXT) == [
        *[(66, 66), (75, 75), (84, 84), (90, 90), (121, 127), (141, 141), (145, 145), (148, 151), (158, 158), (165, 165)]
    ]


def test_wrong_records_are_refused_and_the_others_stay() -> None:
    table = record_table(
        text_lines(raw_text("abc 1.50 \nabc 1.50\nabc51.50 \nabc 1.50x")), RECORD, source_file=WHERE, table="prices"
    )
    blank = "Positions 4, 9 must be blank."
    assert table.rows["source_row"].to_list() == [1]
    assert listed(table.findings) == [
        finding(WHERE, 2, "*", "prices.row.length", "8", "A record must have 9 characters."),
        finding(WHERE, 3, "*", "prices.row.gap", None, blank),
        finding(WHERE, 4, "*", "prices.row.gap", None, blank),
    ]


def test_file_without_a_right_record_stops() -> None:
    with pytest.raises(StructureError, match="line 1: the record layout changed: expected blanks at positions 4 to 4, found '5'"):
        record_table(text_lines(raw_text("abc51.50 \n")), RECORD, source_file=WHERE, table="prices")


@pytest.mark.parametrize("record", [RELATIVE_VALUES_TEXT, ANESTHESIA_TEXT, INDICES_TEXT, OPPS_CAPS_TEXT])
def test_declared_fields_stand_one_after_the_other(record: Record) -> None:
    edges = [edge for field in record.fields for edge in (field.first, field.last)]
    assert edges == sorted(edges)
    assert all(left.last < right.first for left, right in zip(record.fields, record.fields[1:], strict=False))
    assert record.fields[-1].last == record.length


def test_text_file_has_the_columns_of_the_csv_file() -> None:
    assert [field.name for field in RELATIVE_VALUES_TEXT.fields] == list(RELATIVE_VALUES_2023.values())


CELL = st.text(alphabet="ab1. ", max_size=3)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(CELL, CELL, st.sampled_from([" ", "x"])), min_size=1, max_size=6))
def test_every_line_that_holds_something_is_read_once(cells: list[tuple[str, str, str]]) -> None:
    lines = ["abc 1.50 ", *(f"{code:<3}{gap}{price:<4} " for code, price, gap in cells)]
    table = record_table(text_lines(raw_text("\r\n".join(lines))), RECORD, source_file=WHERE, table="prices")
    held = [at for at, line in enumerate(lines, start=1) if line.strip()]
    assert sorted([*table.rows["source_row"], *table.findings["source_row"]]) == held
    assert table.rows_read == len(held)
