"""HCPCS Level II: three formats of the alpha-numeric file, what is refused, and several releases of it."""

import io
import re
import zipfile
from datetime import date
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path
from typing import Any

import fastexcel
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from flows.registry import SOURCES
from schemas import CodeDescription, CodeListing, HcpcsCode, ModifierListing
from schemas.base import Table
from tests.transforms.builders import finding, listed, shipped_tables
from tests.transforms.hcpcs_builders import (
    CSV,
    JANUARY,
    SECTIONS,
    TXT,
    XLSX,
    Record,
    built,
    code,
    csv_file,
    line,
    lines,
    modifier,
    published,
    txt,
    xlsx,
)
from transforms import cms_hcpcs
from transforms.errors import StructureError
from transforms.gate import findings_frame
from transforms.hcpcs_records import FIELDS, read_records
from transforms.hcpcs_releases import without_restated
from transforms.history import Kind, ReleaseTables, combined
from transforms.periods import quarter
from transforms.sources import Built, FileCount, Period, SourceFile

QK_TEXT = "Physician directs from two up to four anesthesia cases that go on at the same time, each with a qualified person"
LONG = (
    "Follow-up month of shared behavioral care: the care manager spends an hour, and the patient's progress is kept in a "
    "register with notes; the team meets every week, and works with the doctor in charge and with everybody else who treats "
    "the patient; a plan against relapse is made when the patient is about to leave"
)
RECORDS = [
    modifier(
        "AA", added_date="19840101", action_effective_date="20010101", coverage_code="D", carriers_manual_section_1="3350.5"
    ),
    modifier("CP", added_date="20160101", action_effective_date="20180101", termination_date="20171231", action_code="D"),
    modifier("QK", long_description=QK_TEXT, cross_reference_1="QM", processing_note_code="0069"),
    code("A0021", long_description="Ambulance into another state, by mile", cross_reference_1="A0030", coverage_code="I"),
    code("C9488", asc_group_code="YY", asc_date="20170401", statute="1833(t)", action_code="A", price_1="51"),
    code("E0210", type_of_service_1="A", type_of_service_2="L", type_of_service_3="P", price_1="32", multiple_pricing_code="A"),
    code("G0124", price_1="11", price_2="21", laboratory_certification_1="630", laboratory_certification_2="220"),
    code("G0503", long_description=LONG, added_date="20170101", action_effective_date="20180101", termination_date="20171231"),
]
MODELS: tuple[type[Table], ...] = (HcpcsCode, ModifierListing, CodeListing, CodeDescription)


def content_of(made: Built) -> dict[str, pl.DataFrame]:
    return {name: rows.drop("source_file", "source_row", strict=False) for name, rows in made.tables.items()}


def only(made: Built, table: str, **cells: Any) -> dict[str, Any]:
    (row,) = made.tables[table].filter(**cells).to_dicts()
    return row


def structure_error(content: str | bytes, name: str = TXT, *, period: Period | None = JANUARY) -> str:
    with pytest.raises(StructureError) as caught:
        built(content, name, period=period)
    return str(caught.value)


def test_three_formats_give_the_same_rows() -> None:
    made = [built(txt(RECORDS), TXT), built(xlsx(RECORDS), XLSX), built(csv_file(RECORDS), CSV)]
    for other in made[1:]:
        for name, rows in content_of(made[0]).items():
            assert_frame_equal(content_of(other)[name], rows)
    for each, name in zip(made, (TXT, XLSX, CSV), strict=True):
        assert listed(each.findings) == []
        assert each.counts == [FileCount(name, 8, 8, 0)]
        assert each.tables.keys() == {model.table_name() for model in MODELS}
        for model in MODELS:
            assert dict(each.tables[model.table_name()].schema) == model.polars_schema()


def test_rows_say_on_which_line_they_stand() -> None:
    rows = {
        name: built(content, name).tables["hcpcs_code"].filter(code="A0021")["source_row"].item()
        for content, name in ((txt(RECORDS), TXT), (xlsx(RECORDS), XLSX), (csv_file(RECORDS), CSV))
    }
    assert rows == {TXT: 10, XLSX: 15, CSV: 5}


def test_fields_of_a_code() -> None:
    made = built(txt(RECORDS))
    filled = {name: value for name, value in only(made, "hcpcs_code", code="G0124").items() if value is not None}
    assert filled == {
        "code_system": "HCPCS",
        "code": "G0124",
        "valid_from": date(2018, 1, 1),
        "known_from": date(2017, 11, 15),
        "added_date": date(2010, 1, 1),
        "action_effective_date": date(2010, 1, 1),
        "action_code": "N",
        "coverage_code": "C",
        "price_1_code": "11",
        "price_2_code": "21",
        "multiple_pricing_code": "9",
        "betos_code": "Z2",
        "type_of_service_1_code": "1",
        "anesthesia_base_unit_count": 0,
        "laboratory_certifications": "630;220",
        "release_id": "2018-01",
        "source_file": TXT,
        "source_row": 13,
    }
    asc = only(made, "hcpcs_code", code="C9488")
    assert (asc["asc_group_code"], asc["asc_date"], asc["statute"], asc["action_code"]) == (
        "YY",
        date(2017, 4, 1),
        "1833(t)",
        "A",
    )
    assert only(made, "hcpcs_code", code="A0021")["cross_reference_1"] == "A0030"


def test_modifiers_are_listed_with_their_own_dates_and_words() -> None:
    filled = [
        {name: value for name, value in row.items() if value is not None}
        for row in built(txt(RECORDS)).tables["modifier_listing"].to_dicts()
    ]
    release = {"known_from": date(2017, 11, 15), "release_id": "2018-01", "source_file": TXT}
    assert filled == [
        {
            "modifier": "AA",
            "valid_from": date(1984, 1, 1),
            "modifier_name": "Long text about AA",
            "short_name": "Short AA",
            "added_date": date(1984, 1, 1),
            "action_effective_date": date(2001, 1, 1),
            "action_code": "N",
            "coverage_code": "D",
            "carriers_manual_sections": "3350.5",
            **release,
            "source_row": 6,
        },
        {
            "modifier": "CP",
            "valid_from": date(2016, 1, 1),
            "valid_to": date(2017, 12, 31),
            "modifier_name": "Long text about CP",
            "short_name": "Short CP",
            "added_date": date(2016, 1, 1),
            "action_effective_date": date(2018, 1, 1),
            "action_code": "D",
            "coverage_code": "C",
            **release,
            "source_row": 7,
        },
        {
            "modifier": "QK",
            "valid_from": date(2005, 1, 1),
            "modifier_name": QK_TEXT,
            "short_name": "Short QK",
            "added_date": date(2005, 1, 1),
            "action_effective_date": date(2005, 1, 1),
            "action_code": "N",
            "coverage_code": "C",
            "processing_note_code": "0069",
            "cross_reference": "QM",
            **release,
            "source_row": 8,
        },
    ]


def test_codes_are_listed_with_their_own_dates() -> None:
    listing = built(txt(RECORDS)).tables["code_listing"]
    assert listing["source"].unique().to_list() == ["cms_hcpcs"]
    assert listing.filter(code="G0503").select("valid_from", "valid_to", "known_from", "action_code").rows() == [
        (date(2017, 1, 1), date(2017, 12, 31), date(2017, 11, 15), "N")
    ]
    assert listing.filter(code="A0021").select("valid_from", "valid_to").rows() == [(date(2010, 1, 1), None)]


def test_descriptions_are_short_and_long() -> None:
    texts = built(txt(RECORDS)).tables["code_description"]
    shown = ("kind", "source", "valid_from", "valid_to", "description", "copyright_holder", "licence", "release_id")
    assert texts.filter(code="G0503").select(shown).rows() == [
        (kind, "cms_hcpcs", date(2018, 1, 1), None, text, "CMS", "US-GOV", "2018-01")
        for kind, text in (("short", "Short G0503"), ("long", LONG))
    ]
    assert texts.height == 10


def test_texts_of_others_carry_the_licence_of_their_owner() -> None:
    texts = built(txt([code("99213"), code("D0120")])).tables["code_description"]
    assert texts.select("code_system", "code", "licence").unique().sort("code").rows() == [
        ("CPT", "99213", "AMA"),
        ("HCPCS", "D0120", "ADA"),
    ]


def test_a_code_without_a_long_description_has_a_short_one_only() -> None:
    made = built(txt([code("A0021", long_description="")]))
    assert made.tables["code_description"]["kind"].to_list() == ["short"]
    assert listed(made.findings) == []


@pytest.mark.parametrize(
    "text",
    [
        txt(RECORDS, before=()),
        txt(RECORDS, before=("***Disclaimers\t\t", "*Brand names.\xa0 They serve the index\t", "\xa0\xa0 only.\t", "")),
        txt(RECORDS, continued_width=91),
        txt(RECORDS, width=293, continued_width=91),
        txt(RECORDS) + "\r\n   \r\n",
        txt(RECORDS) + "\x1a",
        txt(RECORDS).replace("\r\n", "\n"),
    ],
    ids=["no preamble", "no-break spaces", "91 characters", "293 characters", "blank end", "end-of-file sign", "unix"],
)
def test_fixed_width_files_of_all_years_are_read(text: str) -> None:
    made = built(text)
    for name, rows in content_of(built(txt(RECORDS))).items():
        assert_frame_equal(content_of(made)[name], rows)
    assert listed(made.findings) == []


@pytest.mark.parametrize("header_row", [1, 8, 11])
def test_header_of_the_workbook_moves(header_row: int) -> None:
    made = built(xlsx(RECORDS, header_row=header_row), XLSX)
    assert made.tables["hcpcs_code"]["source_row"].to_list() == [header_row + 4 + i for i in range(5)]


def test_numbers_and_days_in_a_workbook_are_the_text_they_stand_for() -> None:
    records = [
        code(
            "C9488",
            asc_group_code="YY",
            asc_date="20170401",
            processing_note_code="0088",
            price_1="07",
            outpatient_group_code="012",
        )
    ]
    numbers = {
        "record_type": 3,
        "added_date": 20100101,
        "action_effective_date": date(2010, 1, 1),
        "asc_date": 20170401,
        "processing_note_code": 88,
        "price_1": 7,
        "outpatient_group_code": 12,
        "multiple_pricing_code": 9,
        "anesthesia_base_unit_count": 0,
        "sequence": 10,
    }
    made = built(xlsx(records, cells={(0, name): value for name, value in numbers.items()}), XLSX)
    assert listed(made.findings) == []
    for name, rows in content_of(built(txt(records))).items():
        assert_frame_equal(content_of(made)[name], rows)


def test_modifier_without_blanks_before_it_is_the_same() -> None:
    made = built(xlsx([modifier("J5")], cells={(0, "code"): "J5"}), XLSX)
    assert made.tables["modifier_listing"]["modifier"].to_list() == ["J5"]


def test_blanks_in_a_text_say_nothing() -> None:
    spaced = xlsx([code("A0021", long_description=" Ambulance  into\xa0another state, by   mile ")], cells={})
    assert only(built(spaced, XLSX), "code_description", kind="long")["description"] == "Ambulance into another state, by mile"


def test_continuations_are_joined_in_sequence_order_wherever_they_stand() -> None:
    first, second, third, fourth = lines(RECORDS[-1])
    text = "\r\n".join((fourth, first, line(code("A0021")), third, second))
    made = built(text)
    assert only(made, "code_description", code="G0503", kind="long")["description"] == LONG
    assert (listed(made.findings), made.counts) == ([], [FileCount(TXT, 2, 2, 0)])


WORDS = st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30), min_size=1, max_size=60)


@settings(deadline=None, max_examples=25)
@given(WORDS, st.sampled_from([91, 293, 320]))
def test_a_long_description_comes_back_whole(words: list[str], width: int) -> None:
    text = " ".join(words)
    read = read_records(published(txt([code("A0021", long_description=text)], width=320, continued_width=width)))
    assert read.rows["long_description"].to_list() == [text]


def stray(text: str, *, sequence: str = "0020", record_type: str = "4", name: str = "G0503") -> Record:
    cells = {"code": name, "sequence": sequence, "record_type": record_type, "long_description": text}
    return {**dict.fromkeys(FIELDS, ""), **cells}


@pytest.mark.parametrize(("write", "name", "row"), [(xlsx, XLSX, 13), (csv_file, CSV, 3)], ids=["xlsx", "csv"])
def test_rest_of_a_description_in_a_row_of_its_own_is_joined_and_reported(write: Any, name: str, row: int) -> None:
    made = built(write([code("G0503", long_description="Follow-up month of"), stray("shared care")]), name)
    assert only(made, "code_description", kind="long")["description"] == "Follow-up month of shared care"
    assert made.counts == [FileCount(name, 1, 1, 0)]
    assert listed(made.findings) == [
        finding(
            name,
            row,
            "*",
            "hcpcs_record.continuation.joined",
            "G0503",
            "The rest of a long description in a row of its own was joined to its code.",
            severity="warning",
        )
    ]


def test_continuation_without_a_first_record_is_refused() -> None:
    made = built("\r\n".join((line(code("A0021")), line(stray("lost", sequence="00200")))))
    assert made.counts == [FileCount(TXT, 2, 1, 1)]
    assert listed(made.findings) == [
        finding(TXT, 2, "code", "hcpcs_record.continuation.first_record", "G0503", "A continuation must have a first record.")
    ]


def test_missing_continuation_is_reported() -> None:
    first, _, third, fourth = lines(RECORDS[-1])
    made = built("\r\n".join((first, third, fourth)))
    reason = "A record before this one is missing or repeated, so the long description may not be whole."
    assert made.counts == [FileCount(TXT, 1, 1, 0)]
    assert listed(made.findings) == [
        finding(TXT, 2, "sequence", "hcpcs_record.sequence.complete", "00300", reason, severity="warning")
    ]


def test_details_of_a_continuation_are_reported() -> None:
    first, second = lines(modifier("QK", long_description=QK_TEXT))
    made = built("\r\n".join((first, second[:229] + "C")))
    reason = "A continuation has a description only; its other cells were not read."
    assert listed(made.findings) == [finding(TXT, 2, "*", "hcpcs_record.continuation.details", "QK", reason, severity="warning")]


def test_line_that_is_no_record_is_refused() -> None:
    damaged = line(code("A0021")).replace("A002100100", "A00210O100")
    made = built("\r\n".join((*txt([], before=("Note",)).split("\r\n"), damaged, line(code("A0080")), "End of list")))
    words = "A line must have code 1-5, sequence number 6-10 and record type 11, one of 3, 4, 7, 8."
    assert made.counts == [FileCount(TXT, 3, 1, 2)]
    assert listed(made.findings) == [
        finding(TXT, 3, "*", "hcpcs_record.row.layout", "293 characters", words),
        finding(TXT, 5, "*", "hcpcs_record.row.layout", "11 characters", words),
    ]


def test_record_of_an_unknown_type_is_refused() -> None:
    made = built(csv_file([code("A0021"), {**code("A0080"), "record_type": "5"}]), CSV)
    assert made.counts == [FileCount(CSV, 2, 1, 1)]
    assert listed(made.findings) == [
        finding(CSV, 3, "record_type", "hcpcs_record.record_type.isin", "5", "Must be one of 3, 4, 7, 8.")
    ]


def test_row_with_too_many_cells_is_refused() -> None:
    made = built(csv_file([code("A0021")]) + "A0080,1\r\n", CSV)
    assert made.counts == [FileCount(CSV, 2, 1, 1)]
    assert listed(made.findings) == [finding(CSV, 3, "*", "hcpcs_record.row.cell_count", "2 cells", "A row must have 48 cells.")]


CODE_IN_WORDS = "Must look like ^([0-9]{5}|[0-9]{4}[A-Z]|[A-Z][0-9]{4})$."


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"code": "A00"}, [("code", "code.pattern", "A00", CODE_IN_WORDS)]),
        ({"code": "B0021"}, [("code", "code.section", "B0021", "Must fall into a range of code_section.")]),
        ({"coverage_code": "X"}, [("coverage_code", "coverage_code.isin", "X", "Must be one of C, D, I, M, S.")]),
        ({"action_code": "Z"}, [("action_code", "action_code.isin", "Z", "Must be one of A, B, C, D, F, N, P, R, S, T.")]),
        ({"price_1": "A1"}, [("price_1_code", "price_1_code.pattern", "A1", "Must look like ^[0-9]{2}$.")]),
        (
            {"termination_date": "20171331"},
            [("termination_date", "termination_date.type", "2017-13-31", "Must be a date as YYYY-MM-DD.")],
        ),
        ({"added_date": "2017"}, [("added_date", "added_date.type", "2017", "Must be a date as YYYY-MM-DD.")]),
        (
            {"termination_date": "20091231"},
            [("*", "ends_after_start", None, "TERM DT must not be before the code's first day.")],
        ),
        (
            {"added_date": "", "action_effective_date": ""},
            [("*", "first_day_stated", None, "ADD DT or ACT EFF DT must be stated: one is the code's first day.")],
        ),
        (
            {"anesthesia_base_unit_count": "x"},
            [("anesthesia_base_unit_count", "anesthesia_base_unit_count.type", "x", "Must be a whole number.")],
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_wrong_code_is_refused_with_the_reason(cells: dict[str, str], expected: list[tuple[str, str, str | None, str]]) -> None:
    made = built(
        csv_file([code("A0080"), code(**{"name": "A0021", **cells}) if "code" not in cells else {**code("A0021"), **cells}]), CSV
    )
    assert made.tables["code_listing"]["code"].to_list() == ["A0080"]
    assert made.counts == [FileCount(CSV, 2, 1, 1)]
    assert listed(made.findings) == [
        finding(CSV, 3, column, f"hcpcs_code.{rule}", value, reason) for column, rule, value, reason in expected
    ]


@pytest.mark.parametrize(
    ("cells", "column", "rule", "value", "reason"),
    [
        ({"code": "QKX"}, "modifier", "modifier.pattern", "QKX", "Must look like ^[0-9A-Z]{2}$."),
        ({"long_description": ""}, "modifier_name", "modifier_name.not_empty", None, "Must not be empty."),
        ({"added_date": "", "action_effective_date": ""}, "valid_from", "valid_from.not_empty", None, "Must not be empty."),
        ({"termination_date": "20041231"}, "*", "ends_after_start", None, "TERM DT must not be before the modifier's first day."),
    ],
    ids=["shape", "words", "day", "order"],
)
def test_wrong_modifier_is_refused_with_the_reason(
    cells: dict[str, str], column: str, rule: str, value: str | None, reason: str
) -> None:
    made = built(csv_file([modifier("AA"), {**modifier("QK"), **cells}]), CSV)
    assert made.tables["modifier_listing"]["modifier"].to_list() == ["AA"]
    assert listed(made.findings) == [finding(CSV, 3, column, f"modifier_listing.{rule}", value, reason)]


def test_code_that_stands_twice_is_refused_twice() -> None:
    made = built(csv_file([code("A0021"), code("A0021", price_1="51"), code("A0080")]), CSV)
    reason = "The key (code_system, code, valid_from) must occur once."
    assert made.counts == [FileCount(CSV, 3, 1, 2)]
    assert listed(made.findings) == [finding(CSV, row, "*", "hcpcs_code.key.unique", None, reason) for row in (2, 3)]


@pytest.mark.parametrize(
    ("cells", "effective", "starts"),
    [
        ({"action_effective_date": ""}, date(2010, 1, 1), date(2010, 1, 1)),
        ({"action_effective_date": "", "action_code": "B"}, None, date(2010, 1, 1)),
        ({"added_date": "", "action_effective_date": "20110301"}, date(2011, 3, 1), date(2011, 3, 1)),
        ({"action_effective_date": "20090101"}, date(2009, 1, 1), date(2010, 1, 1)),
    ],
    ids=["no action", "an action of an unknown day", "no day of addition", "effective before it was added"],
)
def test_first_day_of_a_code(cells: dict[str, str], effective: date | None, starts: date) -> None:
    made = built(txt([code("A0021", **cells)]))
    assert only(made, "hcpcs_code")["action_effective_date"] == effective
    assert only(made, "code_listing")["valid_from"] == starts


def test_termination_may_take_effect_the_day_after_the_last_day() -> None:
    made = built(txt([modifier("GD", added_date="20080101", action_effective_date="20200101", termination_date="20191231")]))
    assert listed(made.findings) == []
    assert made.tables["modifier_listing"].select("valid_from", "valid_to").rows() == [(date(2008, 1, 1), date(2019, 12, 31))]


def test_asc_date_that_began_in_the_group_is_read_whole() -> None:
    made = built(txt([code("C9488", asc_group_code="20", asc_date="170401")]))
    row = only(made, "hcpcs_code")
    assert (row["asc_group_code"], row["asc_date"]) == (None, date(2017, 4, 1))
    reason = "The date began in the ASC group; it was read from both, and the group is not known."
    assert listed(made.findings) == [
        finding(TXT, 6, "asc_date", "hcpcs_code.asc_date.shifted", "20170401", reason, severity="warning")
    ]


HEADER = [field.header for field in FIELDS.values()]
COMPARE = "Compare the file with the publisher's record layout before changing the declaration."


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (
            "A file of something else\r\n",
            TXT,
            f"{TXT}: expected records with code 1-5, sequence number 6-10 and record type 11, one of 3, 4, 7, 8, found none. "
            "Check that this is the alpha-numeric file in fixed width.",
        ),
        (
            "code,text\r\nA0021,Ambulance\r\n",
            CSV,
            f"{CSV}: expected a header row whose first cell is 'HCPC', found none. Check that this is the alpha-numeric file.",
        ),
        (
            xlsx([code("A0021")], header=["CODE", *HEADER[1:]]),
            XLSX,
            f"{XLSX}: expected a header row whose first cell is 'HCPC', found none. Check that this is the alpha-numeric file.",
        ),
        (
            xlsx([], header=[*HEADER[:30], "COVERAGE", *HEADER[31:]]),
            XLSX,
            f"{XLSX} line 11 column 31: the header changed (missing: COV; unknown: COVERAGE): expected 'COV', found 'COVERAGE'. {COMPARE}",
        ),
        (
            ",".join([*HEADER, "NEW"]) + "\r\n",
            CSV,
            f"{CSV} line 1 column 49: the header changed (unknown: NEW): expected no further column, found 'NEW'. {COMPARE}",
        ),
        ("", TXT, f"{TXT}: expected at least a header, found an empty file. Fetch the file again."),
    ],
    ids=["txt", "csv", "xlsx", "renamed column", "new column", "empty"],
)
def test_file_of_another_layout_stops(content: str | bytes, name: str, message: str) -> None:
    assert structure_error(content, name) == message


def test_two_files_in_a_release_stop() -> None:
    files = [published(txt(RECORDS), TXT), published(csv_file(RECORDS), CSV.replace("ANWEB", "ANWEB_v2"))]
    with pytest.raises(StructureError, match="expected one file in a release folder"):
        cms_hcpcs.build(files, {"code_section": SECTIONS})


def test_file_without_a_period_stops() -> None:
    assert "expected a release folder whose name gives its period" in structure_error(txt(RECORDS), period=None)


@pytest.mark.parametrize(
    ("name", "is_read"),
    [
        ("HCPC2018_CONTR_ANWEB_disc.txt", True),
        ("HCPC2018_CONTR_ANWEB_disc.xlsx", True),
        ("HCPC2019_CONTR_ANWEB.txt", True),
        ("2020_10_anweb.xlsx", True),
        ("HCPC2025_OCT_ANWEB_v3.txt", True),
        ("HCPC2026_OCT_ANWEB.csv", True),
        ("HCPC18_Trans_Report_Alpha.xlsx", False),
        ("HCPC18_Trans_Report_Alpha_ChangesbyAction.prn", False),
        ("HCPC2018_README.txt", False),
        ("proc_notes_2018.txt", False),
    ],
)
def test_which_files_are_read(name: str, is_read: bool) -> None:
    (source,) = [source for source in SOURCES if source.name == "cms_hcpcs"]
    assert any(fnmatchcase(name.lower(), pattern.lower()) for pattern in source.files) == is_read
    assert [pattern.rsplit(".")[-1] for pattern in source.files] == ["txt", "xlsx", "csv"]
    assert set(source.tables) == {model.table_name() for model in MODELS}


def releases(**records: list[Record]) -> Built:
    """Releases by name such as `r2018_01`, combined."""
    parts = []
    for name, listing in records.items():
        period = quarter(name.removeprefix("r").replace("_", "-"))
        assert period is not None
        file = TXT.replace("2018-01", period.release_id)
        parts.append(ReleaseTables(period, built(txt(listing), file, period=period)))
    return cms_hcpcs.combine(parts)


def dates_of(made: Built, table: str) -> list[tuple[Any, ...]]:
    about = "modifier" if table == "modifier_listing" else "code"
    return made.tables[table].select(about, "valid_from", "valid_to", "release_id").rows()


def test_retired_and_removed_codes_stay_with_their_last_day() -> None:
    retired = code("A0021", termination_date="20171231", action_effective_date="20180101")
    made = releases(
        r2018_01=[retired, code("A0080"), code("G9976"), code("G9999", added_date="20190101")], r2019_01=[code("A0080")]
    )
    assert dates_of(made, "code_listing") == [
        ("A0021", date(2010, 1, 1), date(2017, 12, 31), "2018-01"),
        ("A0080", date(2010, 1, 1), None, "2018-01"),
        ("G9976", date(2010, 1, 1), date(2018, 12, 31), "2018-01"),
    ]


def test_first_day_is_the_one_that_the_newest_release_states() -> None:
    before = [
        code("A0021", added_date="20100101"),
        code("A0080", added_date="20180101"),
        code("A0100", termination_date="20151231"),
    ]
    after = [code("A0021", added_date="20050101"), code("A0080", added_date="20180401"), code("A0100", added_date="20190101")]
    assert dates_of(releases(r2018_01=before, r2019_01=after), "code_listing") == [
        ("A0021", date(2005, 1, 1), None, "2019-01"),
        ("A0080", date(2018, 1, 1), date(2018, 3, 31), "2018-01"),
        ("A0080", date(2018, 4, 1), None, "2019-01"),
        ("A0100", date(2010, 1, 1), date(2015, 12, 31), "2018-01"),
        ("A0100", date(2019, 1, 1), None, "2019-01"),
    ]


def test_facts_and_texts_hold_until_a_release_says_otherwise() -> None:
    same, priced = code("A0080"), code("A0021", price_1="51", long_description="Another text")
    made = releases(r2018_01=[code("A0021"), same], r2018_04=[code("A0021"), same], r2019_01=[priced, same])
    assert made.tables["hcpcs_code"].select("code", "price_1_code", "valid_from", "valid_to").rows() == [
        ("A0021", "00", date(2018, 1, 1), date(2018, 12, 31)),
        ("A0021", "51", date(2019, 1, 1), None),
        ("A0080", "00", date(2018, 1, 1), None),
    ]
    assert made.tables["code_description"].filter(code="A0021").select(
        "kind", "description", "valid_from", "valid_to"
    ).rows() == [
        ("long", "Long text about A0021", date(2018, 1, 1), date(2018, 12, 31)),
        ("long", "Another text", date(2019, 1, 1), None),
        ("short", "Short A0021", date(2018, 1, 1), None),
    ]
    shown = ("changed_table", "record_key", "column_name", "old_value", "new_value", "to_release")
    assert made.tables["change"].select(shown).rows() == [
        ("hcpcs_code", "HCPCS|A0021", "price_1_code", "00", "51", "2019-01"),
        ("code_description", "HCPCS|A0021|long|cms_hcpcs", "description", "Long text about A0021", "Another text", "2019-01"),
    ]


SPILL = modifier("CS", added_date="20110101", action_effective_date="20110101", long_description="Harm from an oil spill")
WAIVED = {**SPILL, "action_effective_date": "20200301", "long_description": "Patient pays nothing for a test"}


def test_modifier_that_got_another_meaning_is_two_rows() -> None:
    later = {**WAIVED, "action_effective_date": "20210101", "action_code": "F"}
    made = releases(r2018_01=[SPILL], r2019_01=[SPILL], r2020_10=[WAIVED], r2021_01=[later])
    assert made.tables["modifier_listing"].select("modifier_name", "valid_from", "valid_to", "added_date").rows() == [
        ("Harm from an oil spill", date(2011, 1, 1), date(2020, 2, 29), date(2011, 1, 1)),
        ("Patient pays nothing for a test", date(2020, 3, 1), None, date(2011, 1, 1)),
    ]


def test_modifier_that_was_retired_and_came_back_is_two_rows() -> None:
    retired = modifier("QA", added_date="20000101", termination_date="20071231", action_effective_date="20080101")
    back = modifier("QA", added_date="20180401", action_effective_date="20180401", long_description="Another meaning")
    for other in ([back], []):
        made = releases(r2010_01=[retired, modifier("AA")], r2018_04=[*other, modifier("AA")])
        expected = [("QA", date(2000, 1, 1), date(2007, 12, 31), "2010-01"), ("QA", date(2018, 4, 1), None, "2018-04")]
        assert dates_of(made, "modifier_listing") == [("AA", date(2005, 1, 1), None, "2010-01"), *expected[: 1 + len(other)]]


@pytest.mark.parametrize(
    "cells",
    [
        {"long_description": "Harm from  an OIL-spill", "action_effective_date": "20180101"},
        {"long_description": "Harm from a spill of oil"},
        {"long_description": "Harm", "action_effective_date": "20180101", "termination_date": "20171231"},
    ],
    ids=["punctuation", "no later day", "retired with other words"],
)
def test_other_words_alone_are_no_other_meaning(cells: dict[str, str]) -> None:
    listing = releases(r2018_01=[SPILL], r2019_01=[{**SPILL, **cells}]).tables["modifier_listing"]
    assert listing["valid_from"].to_list() == [date(2011, 1, 1)]


def test_meaning_that_is_terminated_before_it_began_ends_with_the_release_that_says_so() -> None:
    undone = {**WAIVED, "action_effective_date": "20210101", "termination_date": "20200131"}
    made = releases(r2019_01=[SPILL], r2020_10=[WAIVED], r2021_01=[undone])
    assert dates_of(made, "modifier_listing") == [
        ("CS", date(2011, 1, 1), date(2020, 1, 31), "2021-01"),
        ("CS", date(2020, 3, 1), date(2020, 12, 31), "2020-10"),
    ]


def test_modifier_missing_from_one_release_is_there_throughout() -> None:
    made = releases(r2018_01=[SPILL, modifier("DA")], r2019_01=[SPILL], r2020_10=[SPILL, modifier("DA")])
    assert dates_of(made, "modifier_listing") == [
        ("CS", date(2011, 1, 1), None, "2018-01"),
        ("DA", date(2005, 1, 1), None, "2020-10"),
    ]


DAYS = st.dates(date(2000, 1, 1), date(2022, 12, 31))
LISTED = st.lists(
    st.tuples(DAYS, st.one_of(st.none(), DAYS)).filter(lambda days: days[1] is None or days[0] <= days[1]), max_size=1
)
PERIODS = [quarter(name) for name in ("2010-01", "2012-07", "2015-04", "2020-10")]


@settings(deadline=None, max_examples=20)
@given(st.lists(LISTED, min_size=4, max_size=4))
def test_no_two_rows_about_a_code_hold_on_one_day_and_the_newest_listing_stands(
    listings: list[list[tuple[date, date | None]]],
) -> None:
    parts = [listing_of(period, days) for period, days in zip(PERIODS, listings, strict=True) if period]
    dated = combined(HCPCS, {CodeListing: Kind.DATED})(parts).tables["code_listing"]
    rows = without_restated(dated, parts, CodeListing).select("valid_from", "valid_to").sort("valid_from").rows()
    assert all(last is not None and last < later for (_, last), (later, _) in pairwise(rows))
    assert all(last is None or first <= last for first, last in rows)
    assert {first for first, _ in listings[-1]} <= {first for first, _ in rows}


def listing_of(period: Period, days: list[tuple[date, date | None]]) -> ReleaseTables:
    """A release that lists one code with its own dates, or does not list it."""
    usual = {"source": HCPCS, "code_system": "HCPCS", "code": "A0021", "source_file": "x.csv", "source_row": 2}
    rows = [{**usual, "valid_from": first, "valid_to": last, "release_id": period.release_id} for first, last in days]
    frame = pl.DataFrame(rows, schema=CodeListing.polars_schema(), orient="row")
    return ReleaseTables(period, Built({"code_listing": frame}, findings_frame(), []))


HCPCS = "cms_hcpcs"
ARCHIVE = "2018-Alpha-Numeric-HCPCS-File.zip"


def full_file(folder: Path, release: str, name: str) -> SourceFile:
    """A published file, out of its archive where it is in one."""
    place = folder / HCPCS / release
    inside = place / ARCHIVE
    content = zipfile.ZipFile(inside).read(name) if inside.is_file() else (place / name).read_bytes()
    return SourceFile(f"{HCPCS}/{release}/{name}", content, quarter(release), "US-GOV", allow_cp1252=True)


def full_built(folder: Path, release: str, name: str) -> Built:
    return cms_hcpcs.build([full_file(folder, release, name)], shipped_tables())


def counted_codes(file: SourceFile) -> tuple[int, int]:
    """Codes and modifiers of a fixed-width file or a workbook by an independent count of first records."""
    if file.suffix == ".txt":
        found = re.findall(rb"(?m)^.{5}00100([37])", file.content)
        return found.count(b"3"), found.count(b"7")
    cells = fastexcel.read_excel(file.content).load_sheet(0, header_row=None, dtypes="string").to_polars().to_series(2).to_list()
    return cells.count("3"), cells.count("7")


@pytest.mark.full
@pytest.mark.parametrize(
    ("release", "name", "codes", "modifiers"),
    [
        ("2018-01", "HCPC2018_CONTR_ANWEB_disc.txt", 6205, 354),
        ("2018-01", "HCPC2018_CONTR_ANWEB_disc.xlsx", 6205, 354),
        ("2019-01", "HCPC2019_CONTR_ANWEB.txt", 6440, 360),
        ("2020-10", "2020_10_anweb.xlsx", 6825, 371),
    ],
)
def test_published_files_are_read_whole(full_files: Path, release: str, name: str, codes: int, modifiers: int) -> None:
    file = full_file(full_files, release, name)
    assert counted_codes(file) == (codes, modifiers)
    made = full_built(full_files, release, name)
    assert made.counts == [FileCount(file.source_file, codes + modifiers, codes + modifiers, 0)]
    assert {table: rows.height for table, rows in made.tables.items()} == {
        "hcpcs_code": codes,
        "modifier_listing": modifiers,
        "code_listing": codes,
        "code_description": 2 * codes,
    }


SHIFTED = ["20170401", "20170701", "20170701", "20170701", "20180101"]


@pytest.mark.full
def test_findings_of_the_published_files_are_the_known_ones(full_files: Path) -> None:
    names = {"2018-01": "HCPC2018_CONTR_ANWEB_disc.xlsx", "2019-01": "HCPC2019_CONTR_ANWEB.txt", "2020-10": "2020_10_anweb.xlsx"}
    found = {release: full_built(full_files, release, name).findings for release, name in names.items()}
    shown = {release: rows.select("rule_id", "severity", "value").rows() for release, rows in found.items()}
    assert shown == {
        "2018-01": [("hcpcs_code.asc_date.shifted", "warning", value) for value in SHIFTED],
        "2019-01": [],
        "2020-10": [("hcpcs_record.continuation.joined", "warning", "G0503")],
    }


@pytest.mark.full
def test_both_formats_of_2018_give_the_same_rows(full_files: Path) -> None:
    text, book = (full_built(full_files, "2018-01", f"HCPC2018_CONTR_ANWEB_disc.{ending}") for ending in ("txt", "xlsx"))
    for name, rows in content_of(text).items():
        assert_frame_equal(content_of(book)[name], rows)


def plain_text_cells(content: bytes) -> dict[str, dict[str, str]]:
    """Stripped cells of the fixed-width file by code and column, continuations joined with one blank, nothing else levelled."""
    found: dict[str, dict[str, str]] = {}
    for row in content.decode("ascii").split("\r\n"):
        if not re.match(r".{5}[0-9]{5}[3478]", row):
            continue
        cells = {field.header: row[field.begin - 1 : field.begin - 1 + field.length].strip() for field in FIELDS.values()}
        if cells["RECID"] in "37":
            found[cells["HCPC"]] = cells
        else:
            found[cells["HCPC"]]["LONG DESCRIPTION"] += " " + cells["LONG DESCRIPTION"]
    return found


def plain_workbook_cells(content: bytes, *, header_row: int) -> dict[str, dict[str, str]]:
    sheet = fastexcel.read_excel(content).load_sheet(0, header_row=header_row - 1, dtypes="string").to_polars()
    rows = sheet.fill_null("").with_columns(pl.all().str.strip_chars()).to_dicts()
    return {row["HCPC"]: row for row in rows if row["HCPC"]}


SPACED = (
    "A4221 C9738 G0490 G0492 G0502 G0503 G0504 G8126 G9481 G9482 G9483 G9484 G9485 G9486 G9487 G9488 G9489 G9490 G9667 G9678 G9703 "
    "G9712 G9776 G9909 G9911 G9916 G9943 G9944 J0150 K2 K3 L3760 L5668 S3620 TC"
)
"""Codes and modifiers of 2018 whose long description has runs of blanks in the fixed-width file and not in the workbook."""


@pytest.mark.full
def test_cells_in_which_the_formats_of_2018_differ(full_files: Path) -> None:
    text = plain_text_cells(full_file(full_files, "2018-01", "HCPC2018_CONTR_ANWEB_disc.txt").content)
    book = plain_workbook_cells(full_file(full_files, "2018-01", "HCPC2018_CONTR_ANWEB_disc.xlsx").content, header_row=11)
    assert list(text) == list(book)
    differing = {
        (name, column) for name in text for column in HEADER if column != "SEQNUM" and text[name][column] != book[name][column]
    }
    assert differing == {(name, "LONG DESCRIPTION") for name in SPACED.split()}
    assert all(text[name][column].split() == book[name][column].split() for name, column in differing)


@pytest.mark.full
def test_description_cut_off_in_the_workbook_of_2020_is_whole(full_files: Path) -> None:
    made = full_built(full_files, "2020-10", "2020_10_anweb.xlsx")
    before = full_built(full_files, "2019-01", "HCPC2019_CONTR_ANWEB.txt")
    assert len({only(each, "code_description", code="G0503", kind="long")["description"] for each in (made, before)}) == 1


@pytest.mark.full
def test_blank_effective_dates_of_2020_are_those_of_2019(full_files: Path) -> None:
    content = full_file(full_files, "2020-10", "2020_10_anweb.xlsx").content
    sheet = fastexcel.read_excel(io.BytesIO(content).getvalue()).load_sheet(0, header_row=10, dtypes="string").to_polars()
    blank = sheet.filter(pl.col("ACT EFF DT").is_null() & (pl.col("RECID") == "3"))["HCPC"]
    made, before = (
        full_built(full_files, release, name).tables["hcpcs_code"].filter(pl.col("code").is_in(blank.implode()))
        for release, name in (("2020-10", "2020_10_anweb.xlsx"), ("2019-01", "HCPC2019_CONTR_ANWEB.txt"))
    )
    assert blank.len() == 116
    assert_frame_equal(made.select("code", "action_effective_date"), before.select("code", "action_effective_date"))


@pytest.mark.full
def test_csv_layout_of_2026_is_read(full_files: Path) -> None:
    path = full_files / "excerpts_2026" / "HCPC2026_OCT_ANWEB.excerpt.abridged.csv"
    made = cms_hcpcs.build(
        [SourceFile(f"{HCPCS}/2026-10/{path.name}", path.read_bytes(), quarter("2026-10"), "US-GOV")], shipped_tables()
    )
    assert listed(made.findings) == []
    assert made.tables["modifier_listing"].filter(modifier="JG").select(
        "valid_from", "valid_to", "action_effective_date"
    ).rows() == [(date(2018, 1, 1), date(2024, 12, 31), date(2025, 1, 1))]
    assert made.tables["modifier_listing"]["modifier"].to_list() == ["A1", "AA", "AC", "AD", "AH", "AM", "AS", "CP", "JG"]
