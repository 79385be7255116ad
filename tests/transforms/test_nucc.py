"""NUCC provider taxonomy."""

import csv
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from schemas import Taxonomy
from tests.transforms.builders import csv_text, finding, listed
from transforms.errors import StructureError
from transforms.history import ReleaseTables
from transforms.nucc import LAYOUTS, build, combine
from transforms.periods import half_year
from transforms.sources import FileCount, Period, SourceFile

PERIOD = Period("25.1", date(2025, 7, 1), date(2025, 12, 31), date(2025, 7, 1))
FILE = "nucc/25.1/nucc_taxonomy_251.csv"
NURSE = {
    "Code": "367500000X",
    "Grouping": "Nurses",
    "Classification": "Anesthesia nurse, certified",
    "Specialization": "",
    "Definition": " A nurse who gives anesthesia. ",
    "Effective Date": "7/1/2003",
    "Deactivation Date": "12/31/2024",
    "Last Modified Date": "",
    "Notes": "[7/1/2003: new]<br/>[1/1/2007: changed]  ",
    "Display Name": "Anesthesia Nurse ",
    "Section": "Individual",
}
CLINIC = {"Code": "261QA1903X", "Grouping": "Clinics", "Specialization": "Surgery", "Section": "Non-Individual"}
TEXTS = ("Nurses", "Anesthesia nurse, certified", None, "Anesthesia Nurse", "A nurse who gives anesthesia.")
NOTES = "[7/1/2003: new]<br/>[1/1/2007: changed]"
COMPARE = "Compare the file with the publisher's record layout before changing the declaration."
SIX, EIGHT, ELEVEN = sorted(LAYOUTS.values(), key=len)


def taxonomy(header: Sequence[str], *rows: dict[str, str], name: str = FILE, period: Period | None = PERIOD) -> SourceFile:
    text = csv_text(header, [[row.get(column, "") for column in header] for row in rows])
    return SourceFile(name, text.encode(), period, "local")


def structure_error(made: Callable[[], object]) -> str:
    with pytest.raises(StructureError) as caught:
        made()
    return str(caught.value)


def expected(*cells: object) -> pl.DataFrame:
    """The row of `NURSE` with its section, texts and dates."""
    first = ("367500000X", date(2025, 7, 1), None, date(2025, 7, 1))
    return pl.DataFrame([(*first, *cells, "25.1", FILE, 2)], schema=Taxonomy.polars_schema(), orient="row")


NO_DATES = (None, None, None)


@pytest.mark.parametrize(
    ("layout", "cells"),
    [
        (SIX, (None, *TEXTS[:3], None, TEXTS[4], NOTES, *NO_DATES)),
        (EIGHT, ("Individual", *TEXTS, NOTES, *NO_DATES)),
        (ELEVEN, ("Individual", *TEXTS, NOTES, date(2003, 7, 1), date(2024, 12, 31), None)),
        (EIGHT[::-1], ("Individual", *TEXTS, NOTES, *NO_DATES)),
    ],
    ids=["6", "8", "11", "another order"],
)
def test_every_layout_gives_trimmed_texts_and_dates(layout: Sequence[str], cells: Sequence[object]) -> None:
    built = build([taxonomy(layout, NURSE)], {})
    assert_frame_equal(built.tables["taxonomy"], expected(*cells))
    assert (listed(built.findings), built.counts) == ([], [FileCount(FILE, 1, 1, 0)])


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ([*EIGHT, "Status"], "column 9: the header changed (unknown: Status): expected no further column, found 'Status'"),
        (EIGHT[:-1], "column 8: the header changed (missing: Section): expected 'Section', found the end of the header"),
        (
            [*EIGHT[:-2], "Name", "Section"],
            "column 7: the header changed (missing: Display Name; unknown: Name): expected 'Display Name', found 'Name'",
        ),
        (
            [name for name in ELEVEN if name != "Deactivation Date"],
            "column 7: the header changed (missing: Deactivation Date): expected 'Deactivation Date', found 'Last Modified Date'",
        ),
        ([*EIGHT, "Code"], "column 9: the header changed (the order changed): expected no further column, found 'Code'"),
    ],
)
def test_columns_of_no_layout_stop(header: Sequence[str], message: str) -> None:
    assert structure_error(lambda: build([taxonomy(header, NURSE)], {})) == f"{FILE} line 1 {message}. {COMPARE}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", f"{FILE}: expected at least a header, found an empty file. Fetch the file again."),
        (b"Code\r\n\xff", f"{FILE} line 2: expected text in UTF-8, found byte 0xff at byte 6. Save the file as UTF-8."),
        (
            b'Code\r\n"a"b',
            f"""{FILE} line 2: expected a well-formed csv record, found ',' expected after '"'. """
            "Mend the quotes or fetch the file again.",
        ),
    ],
)
def test_file_that_is_no_csv_stops(content: bytes, message: str) -> None:
    assert structure_error(lambda: build([SourceFile(FILE, content, PERIOD, "local")], {})) == message


def test_release_is_one_file() -> None:
    files = [taxonomy(SIX, NURSE), taxonomy(SIX, NURSE, name="nucc/25.1/nucc_taxonomy_250.csv")]
    assert structure_error(lambda: build(files, {})) == (
        "nucc/25.1: expected one file in a release folder, found nucc_taxonomy_251.csv, nucc_taxonomy_250.csv. "
        "Keep the one that is meant, or give each release a folder."
    )


def test_rows_that_break_a_rule_are_refused() -> None:
    bad = {"Code": "207Q00000Y", "Section": "Group", "Effective Date": "7/1/03", "Last Modified Date": "13/1/2020"}
    file = taxonomy(ELEVEN, NURSE, CLINIC, {**CLINIC, "Grouping": "Again"}, bad, {**NURSE, "Code": "", "Section": "Group"})
    short = file.content + b"207Q00000X,Physicians\r\n,,,,,,,,,,\r\n"
    built = build([SourceFile(FILE, short, PERIOD, "local")], {})
    key, when = "The key (taxonomy_code, valid_from) must occur once.", "Must be a date as YYYY-MM-DD."
    assert listed(built.findings) == [
        finding(FILE, 7, "*", "taxonomy.row.cell_count", "2 cells", "A row must have 11 cells."),
        finding(FILE, 5, "effective_date", "taxonomy.effective_date.type", "7/1/03", when),
        finding(FILE, 5, "last_modified_date", "taxonomy.last_modified_date.type", "13/1/2020", when),
        finding(FILE, 3, "*", "taxonomy.key.unique", None, key),
        finding(FILE, 4, "*", "taxonomy.key.unique", None, key),
        finding(FILE, 6, "section", "taxonomy.section.isin", "Group", "Must be one of Individual, Non-Individual."),
        finding(FILE, 6, "taxonomy_code", "taxonomy.taxonomy_code.not_empty", None, "Must not be empty."),
    ]
    assert built.counts == [FileCount(FILE, 6, 1, 5)]


def test_only_codes_sections_and_dates_have_no_owner() -> None:
    words = {"grouping", "classification", "specialization", "display_name", "definition", "notes"}
    assert {column.name for column in Taxonomy.columns() if column.owner == "AMA"} == words
    assert {column.name for column in Taxonomy.columns() if column.dtype == pl.String and not column.owner} == {
        "taxonomy_code",
        "section",
        "release_id",
        "source_file",
    }


def test_code_that_left_is_closed_on_the_day_before() -> None:
    january = half_year("26.0")
    assert january is not None
    parts = [
        ReleaseTables(PERIOD, build([taxonomy(EIGHT, NURSE, CLINIC)], {})),
        ReleaseTables(january, build([taxonomy(EIGHT, NURSE, period=january, name="nucc/26.0/nucc_taxonomy_260.csv")], {})),
    ]
    assert combine(parts).tables["taxonomy"].select("taxonomy_code", "valid_from", "valid_to").rows() == [
        ("261QA1903X", date(2025, 7, 1), date(2025, 12, 31)),
        ("367500000X", date(2025, 7, 1), None),
    ]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.booleans()), min_size=1, max_size=20))
def test_dates_of_the_publisher_are_read_with_and_without_zeros(days: list[tuple[date, bool]]) -> None:
    written = [f"{day:%m/%d/%Y}" if is_padded else f" {day.month}/{day.day}/{day.year} " for day, is_padded in days]
    rows = [{**NURSE, "Code": f"{number:09}X", "Last Modified Date": cell} for number, cell in enumerate(written)]
    assert build([taxonomy(ELEVEN, *rows)], {}).tables["taxonomy"]["last_modified_date"].to_list() == [day for day, _ in days]


@pytest.mark.full
def test_version_25_1(full_files: Path) -> None:
    path = full_files / "nucc" / "25.1" / "nucc_taxonomy_251.csv"
    built = build([SourceFile(FILE, path.read_bytes(), PERIOD, "local")], {})
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    found = built.tables["taxonomy"]
    assert (len(rows), built.counts, listed(built.findings)) == (883, [FileCount(FILE, 883, 883, 0)], [])
    for name, column in (
        ("Code", "taxonomy_code"),
        ("Notes", "notes"),
        ("Definition", "definition"),
        ("Display Name", "display_name"),
    ):
        assert found[column].to_list() == [row[name].strip() or None for row in rows]
    assert Counter(found["section"]) == {"Individual": 698, "Non-Individual": 185}
    assert sum(any(cell != cell.strip() for cell in row.values()) for row in rows) == 46
