"""ICD-10-CM files: order file, codes file, addenda, and the reader of lines of fixed width beneath them."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from schemas import Change, Diagnosis
from tests.transforms.builders import finding, listed, raw_text
from transforms.archive import members
from transforms.cms_icd10cm import LAYOUTS, build, combine
from transforms.errors import StructureError
from transforms.fixed_width import fixed_width, numbered_lines
from transforms.history import ReleaseTables
from transforms.sources import Built, FileCount, Period, SourceFile

FY2026 = Period("2026", date(2025, 10, 1), date(2026, 9, 30), date(2025, 6, 6))
FY2027 = Period("2027", date(2026, 10, 1), date(2027, 9, 30))
FOLDER = "cms_icd10cm/2026/cms_2026_dx.zip"
ORDER, CODES = f"{FOLDER}/icd10cm_order_2026.txt", f"{FOLDER}/icd10cm_codes_2026.txt"
ORDER_ADDENDA, CODES_ADDENDA = f"{FOLDER}/icd10cm_order_addenda_2026.txt", f"{FOLDER}/icd10cm_codes_addenda_2026.txt"
LISTED = (
    ("B88", "0", "Other infestation", "Other infestations, by what infests"),
    ("B880", "0", "Mites, other", "Other mites"),
    ("B8801", "1", "Mites of one kind", "Mites of one kind, in full words"),
    ("QA0", "0", "Genes of development", "Disorders of development by gene"),
    ("QA00101", "1", "One gene", "A disorder of one gene"),
    ("S72001A", "1", "Hip, first visit", "Broken hip, first visit"),
)
"""Code without dot, flag and two descriptions of our own."""
CHANGES = (
    ("Delete:", *LISTED[1][:1], "1", "Mites, other", "Other mites"),
    ("Add:", *LISTED[1]),
    ("Add:", *LISTED[2]),
    ("Revise from:", "S72001A", "1", "Hip", "Broken hip"),
    ("Revise to:", *LISTED[5]),
    ("Revise from:", "B88", "0", "Other infestation", "Infestations"),
    ("Revise to:", *LISTED[0]),
)
SUMMARY = (
    "Headers",
    "      2 headers in icd10cm_order_2025.txt",
    "      3 headers in icd10cm_order_2026.txt",
    "      1 additions",
    "      0 deletions",
    "      1 revisions",
    "of which",
    "      0 revisions to both long and short titles",
    "      1 revisions to long title only",
    "      0 revisions to short title only",
    "",
    "Codes",
    "      3 codes in icd10cm_order_2025.txt",
    "      3 codes in icd10cm_order_2026.txt",
    "      1 additions",
    "      1 deletions",
    "      1 revisions",
    "of which",
    "      1 revisions to both long and short titles",
)
AGAIN = "Fetch all files of the release again."
LEAVE = "Fetch the files of the release again, or leave the addenda out."
COMPARE = "Compare the file with the publisher's record layout before changing the declaration."
ORDER_WORDS = "order number 1-5, code 7-13, flag 15, short description 17-76 and long description from 78"


def text(lines: Sequence[str], end: str = "\r\n") -> str:
    return "".join(f"{line}{end}" for line in lines)


def order_lines(rows: Sequence[Sequence[str]] = LISTED) -> list[str]:
    return [f"{number:05} {code:7} {flag} {short:60} {long}" for number, (code, flag, short, long) in enumerate(rows, start=1)]


def codes_lines(rows: Sequence[Sequence[str]] = LISTED) -> list[str]:
    return [f"{code:7} {long}" for code, flag, _, long in rows if flag == "1"]


def order_addenda(changes: Sequence[Sequence[str]] = CHANGES, summary: Sequence[str] = SUMMARY) -> list[str]:
    return [*(f"{action:13}{flag} {code:7} {short:60} {long}" for action, code, flag, short, long in changes), "", *summary]


def codes_addenda(changes: Sequence[Sequence[str]] = CHANGES, summary: Sequence[str] = SUMMARY[11:17]) -> list[str]:
    return [*(f"{action:13}{code:7} {long}" for action, code, flag, _, long in changes if flag == "1"), "", *summary]


def source(name: str, lines: Sequence[str], *, period: Period | None = FY2026) -> SourceFile:
    return SourceFile(name, text(lines).encode(), period, "US-GOV")


def everything(**lines: Sequence[str]) -> Built:
    """The four files of a release, some of them exchanged."""
    made = {
        ORDER_ADDENDA: lines.get("order_addenda", order_addenda()),
        CODES_ADDENDA: lines.get("codes_addenda", codes_addenda()),
        CODES: lines.get("codes", codes_lines()),
        ORDER: lines.get("order", order_lines()),
    }
    return build([source(name, content) for name, content in made.items()], {})


def structure_error(made: Callable[[], object]) -> str:
    with pytest.raises(StructureError) as caught:
        made()
    return str(caught.value)


def expected(*rows: tuple[str, bool, str | None, str, int], file: str = ORDER) -> pl.DataFrame:
    """`diagnosis` rows of the release 2026."""
    return pl.DataFrame(
        [
            (code, date(2025, 10, 1), None, date(2025, 6, 6), is_billable, short, long, "2026", file, line)
            for code, is_billable, short, long, line in rows
        ],
        schema=Diagnosis.polars_schema(),
        orient="row",
    )


EVERY_ROW = (
    ("B88", False, "Other infestation", "Other infestations, by what infests", 1),
    ("B88.0", False, "Mites, other", "Other mites", 2),
    ("B88.01", True, "Mites of one kind", "Mites of one kind, in full words", 3),
    ("QA0", False, "Genes of development", "Disorders of development by gene", 4),
    ("QA0.0101", True, "One gene", "A disorder of one gene", 5),
    ("S72.001A", True, "Hip, first visit", "Broken hip, first visit", 6),
)


def test_order_file_gives_categories_and_codes_with_their_dot() -> None:
    built = build([source(ORDER, order_lines())], {})
    assert_frame_equal(built.tables["diagnosis"], expected(*EVERY_ROW))
    assert (listed(built.findings), built.counts) == ([], [FileCount(ORDER, 6, 6, 0)])


def test_codes_file_alone_gives_billable_codes_without_short_description() -> None:
    built = build([source(CODES, codes_lines())], {})
    rows = [
        (code, True, None, long, line) for line, (code, long) in enumerate(((r[0], r[3]) for r in EVERY_ROW if r[1]), start=1)
    ]
    assert_frame_equal(built.tables["diagnosis"], expected(*rows, file=CODES))
    assert built.counts == [FileCount(CODES, 3, 3, 0)]


def test_files_that_confirm_count_their_lines_as_accepted() -> None:
    built = everything()
    assert_frame_equal(built.tables["diagnosis"], expected(*EVERY_ROW))
    assert built.counts == [
        FileCount(ORDER, 6, 6, 0),
        FileCount(CODES, 3, 3, 0),
        FileCount(ORDER_ADDENDA, 7, 7, 0),
        FileCount(CODES_ADDENDA, 4, 4, 0),
    ]


def test_addenda_are_held_against_a_codes_file_as_far_as_it_goes() -> None:
    files = [source(CODES, codes_lines()), source(ORDER_ADDENDA, order_addenda())]
    assert build(files, {}).counts == [FileCount(CODES, 3, 3, 0), FileCount(ORDER_ADDENDA, 7, 7, 0)]


def test_addenda_without_a_change_are_addenda() -> None:
    summary = ["Codes", "  3 codes in icd10cm_order_2025.txt", "  3 codes in icd10cm_order_2026.txt", "  0 additions"]
    built = build([source(ORDER, order_lines()), source(CODES_ADDENDA, codes_addenda((), summary))], {})
    assert built.counts[1] == FileCount(CODES_ADDENDA, 0, 0, 0)


@pytest.mark.parametrize("after", ["\x1a\r\n", "\x1a", "\r\n  \r\n", ""])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_line_ends_and_what_follows_the_last_line_do_not_matter(end: str, after: str) -> None:
    content = (text(order_lines(), end) + after).encode()
    assert_frame_equal(build([SourceFile(ORDER, content, FY2026, "US-GOV")], {}).tables["diagnosis"], expected(*EVERY_ROW))


@pytest.mark.parametrize("name", ["icd10cm-order-April-1-2026.txt", "ICD10CM_order_2026.txt", "icd10cm_order_2026.txt"])
def test_names_of_both_publishers_are_known(name: str) -> None:
    files = [source(f"{FOLDER}/{name}", order_lines()), source(f"{FOLDER}/icd10cm-order-addenda-2026.txt", order_addenda())]
    assert [count.rows_read for count in build(files, {}).counts] == [6, 7]


@pytest.mark.parametrize(
    ("lines", "difference"),
    [
        (codes_lines()[:2], "1 lacking: S72001A"),
        ([*codes_lines(), "Z999    More"], "1 it alone has: Z999"),
        ([*codes_lines()[:2], "S72001A A hip"], "1 described otherwise: S72001A"),
        (
            [f"Z99{letter}    More" for letter in "ABCDEFG"],
            "3 lacking: B8801, QA00101, S72001A; 7 it alone has: Z99A, Z99B, Z99C, Z99D, Z99E and 2 more",
        ),
        ([codes_lines()[0], *codes_lines()], "4 in another order or repeated"),
        (codes_lines()[::-1], "3 in another order or repeated"),
        ([*codes_lines(), "short"], None),
    ],
)
def test_codes_file_that_differs_from_the_order_file_stops(lines: list[str], difference: str | None) -> None:
    if difference is None:
        assert everything(codes=lines).counts[1] == FileCount(CODES, 4, 3, 1)
        return
    assert structure_error(lambda: everything(codes=lines)) == (
        f"{CODES}: expected the 3 billable codes of icd10cm_order_2026.txt in their order, found {difference}. {AGAIN}"
    )


def test_lines_that_break_a_rule_are_refused_and_the_others_stay() -> None:
    wrong = (("B8801", "1", "Again", "Again"), ("Z99", "2", "Flag", "Flag"), ("1A00", " ", "Digit", "Digit"))
    good, *_ = order_lines()
    lines = [*order_lines((*LISTED, *wrong)), good[:40], good[:77], good.replace(" 0 ", "0  "), "", good]
    built = build([source(ORDER, lines)], {})
    key = "The key (diagnosis_code, valid_from) must occur once."
    pattern = r"Must look like ^[A-Z][0-9A-Z]{2}(\.[0-9A-Z]{1,4})?$."
    assert listed(built.findings) == [
        finding(ORDER, 10, "*", "diagnosis.row.layout", "33 characters", f"A line must have {ORDER_WORDS}."),
        finding(ORDER, 11, "*", "diagnosis.row.layout", "33 characters", f"A line must have {ORDER_WORDS}."),
        finding(ORDER, 12, "*", "diagnosis.row.layout", "112 characters", f"A line must have {ORDER_WORDS}."),
        finding(ORDER, 8, "is_billable", "diagnosis.is_billable.type", "2", "Must be true or false."),
        finding(ORDER, 1, "*", "diagnosis.key.unique", None, key),
        finding(ORDER, 3, "*", "diagnosis.key.unique", None, key),
        finding(ORDER, 7, "*", "diagnosis.key.unique", None, key),
        finding(ORDER, 9, "diagnosis_code", "diagnosis.diagnosis_code.pattern", "1A0.0", pattern),
        finding(ORDER, 9, "is_billable", "diagnosis.is_billable.not_empty", None, "Must not be empty."),
        finding(ORDER, 14, "*", "diagnosis.key.unique", None, key),
    ]
    assert built.counts == [FileCount(ORDER, 13, 4, 9)]
    assert built.tables["diagnosis"]["source_row"].to_list() == [2, 4, 5, 6]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {ORDER: codes_lines()},
            f"{ORDER} line 1: expected {ORDER_WORDS}, found 'B8801   Mites of one kind, in full words'. {COMPARE}",
        ),
        (
            {CODES: ["", "short", *codes_lines()]},
            f"{CODES} line 2: expected code 1-7 and long description from 9, found 'short'. {COMPARE}",
        ),
        (
            {ORDER: order_lines(), f"{FOLDER}/icd10cm-order-2026.txt": order_lines()},
            f"{FOLDER}/icd10cm-order-2026.txt: expected one order file in a release, "
            f"found icd10cm_order_2026.txt beside it. {AGAIN}",
        ),
        (
            {ORDER_ADDENDA: order_addenda(), f"{FOLDER}/icd10cm_tabular_2026.txt": ["x"]},
            f"{ORDER_ADDENDA}: expected an order file icd10cm_order_* or a codes file icd10cm_codes_* beside it, "
            f"found icd10cm_order_addenda_2026.txt, icd10cm_tabular_2026.txt. {AGAIN}",
        ),
    ],
)
def test_release_that_is_not_what_its_names_promise_stops(files: dict[str, Sequence[str]], message: str) -> None:
    assert structure_error(lambda: build([source(name, lines) for name, lines in files.items()], {})) == message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", f"{ORDER}: expected at least a header, found an empty file. Fetch the file again."),
        (
            b"00001 B88\r\n00002 \xe9",
            f"{ORDER} line 2: expected text in UTF-8, found byte 0xe9 at byte 17. Save the file as UTF-8.",
        ),
        (
            b"PK\x03\x04",
            f"{ORDER}: expected the text its name promises, found a zip archive or Excel workbook. "
            "Fetch the file again or give it its real name.",
        ),
    ],
)
def test_file_that_is_no_text_stops(content: bytes, message: str) -> None:
    assert structure_error(lambda: build([SourceFile(ORDER, content, FY2026, "US-GOV")], {})) == message


def test_release_without_a_period_stops() -> None:
    assert structure_error(lambda: build([source("cms_icd10cm/new/icd10cm_order_2026.txt", order_lines(), period=None)], {})) == (
        "cms_icd10cm/new/icd10cm_order_2026.txt: expected a release folder whose name gives its period, or an origin.json that "
        "states it, found the folder 'new'. docs/sources.md says how the folders of the source are named."
    )


ADDED, DELETED, FROM, TO = CHANGES[2], CHANGES[0], CHANGES[3], CHANGES[4]
PAIR = "Add:, Delete:, or a pair of Revise from: and Revise to: for one code"


@pytest.mark.parametrize(
    ("changes", "where", "message"),
    [
        (
            (("Add:", "Z99", "1", "More", "More"),),
            "",
            "what was added or revised in the release, word for word, found not so Z99",
        ),
        (((*ADDED[:3], "Other", ADDED[4]),), "", "what was added or revised in the release, word for word, found not so B8801"),
        (((*ADDED[:2], "0", *ADDED[3:]),), "", "what was added or revised in the release, word for word, found not so B8801"),
        ((FROM, (*TO[:4], "Hip")), "", "what was added or revised in the release, word for word, found not so S72001A"),
        ((("Delete:", *LISTED[4]),), "", "what was deleted absent from the release, found it there: QA00101"),
        ((TO,), " line 1", f"{PAIR}, found Revise to: S72001A"),
        ((FROM, DELETED), " line 2", f"{PAIR}, found Delete: B880"),
        ((DELETED, FROM), " line 2", f"{PAIR}, found Revise from: S72001A"),
        ((FROM, ("Revise to:", *LISTED[4])), " line 2", f"{PAIR}, found Revise to: QA00101"),
        ((DELETED, ("Move:", *LISTED[4])), " line 2", f"{PAIR}, found Move: QA00101"),
    ],
)
def test_addenda_that_contradict_the_release_or_themselves_stop(
    changes: Sequence[Sequence[str]], where: str, message: str
) -> None:
    made = order_addenda(changes)
    assert structure_error(lambda: everything(order_addenda=made)) == f"{ORDER_ADDENDA}{where}: expected {message}. {LEAVE}"


WRONG_COUNTS = [
    ("2 headers in", "9 headers in", 10, "9 in the release before (Headers)", "2"),
    ("3 headers in", "9 headers in", 11, "9 in the release (Headers)", "3"),
    ("3 codes in icd10cm_order_2026", "9 codes in icd10cm_order_2026", 22, "9 in the release (Codes)", "3"),
    ("0 deletions", "9 deletions", 13, "9 deletions (Headers)", "0"),
    ("1 revisions to long", "9 revisions to long", 17, "9 revisions to long title only (Headers)", "1"),
    ("0 revisions to short", "9 revisions to short", 18, "9 revisions to short title only (Headers)", "0"),
    ("0 revisions to both", "9 revisions to both", 16, "9 revisions to both long and short titles (Headers)", "0"),
]


@pytest.mark.parametrize(("stated", "otherwise", "line", "count", "found"), WRONG_COUNTS, ids=[row[1] for row in WRONG_COUNTS])
def test_summary_that_counts_otherwise_stops(stated: str, otherwise: str, line: int, count: str, found: str) -> None:
    made = order_addenda(summary=[one.replace(stated, otherwise) for one in SUMMARY])
    assert structure_error(lambda: everything(order_addenda=made)) == (
        f"{ORDER_ADDENDA} line {line}: expected {count} as the summary says, found {found}. {LEAVE}"
    )


@pytest.mark.parametrize(("at", "name"), [(18, "additions"), (19, "deletions"), (20, "revisions")])
def test_every_count_of_codes_is_checked_in_the_codes_addenda_too(at: int, name: str) -> None:
    summary = [line.replace("1 ", "7 ", 1) if line.strip() == f"1 {name}" else line for line in SUMMARY[11:17]]
    line = 5 + 3 + ("additions", "deletions", "revisions").index(name) + 1
    assert structure_error(lambda: everything(codes_addenda=codes_addenda(summary=summary))) == (
        f"{CODES_ADDENDA} line {line}: expected 7 {name} (Codes) as the summary says, found 1. {LEAVE}"
    )


@pytest.mark.parametrize(
    ("lines", "where", "message"),
    [
        (order_addenda(summary=()), "", "a summary headed 'Headers' or 'Codes' at the end, found none"),
        (order_addenda(summary=[*SUMMARY, "  3 moved"]), " line 28", "a count of the summary, found '3 moved'"),
        (
            [*order_addenda()[:3], "Add: B8801", *order_addenda()[3:]],
            " line 4",
            "action 1-13, flag 14, code 16-22, short description 24-83 and long description from 85, found another line",
        ),
    ],
)
def test_addenda_that_are_not_in_their_layout_stop(lines: Sequence[str], where: str, message: str) -> None:
    assert structure_error(lambda: everything(order_addenda=lines)) == f"{ORDER_ADDENDA}{where}: expected {message}. {LEAVE}"


def test_releases_become_rows_over_time() -> None:
    later = [row for row in LISTED if row[0] != "B8801"]
    later[1] = ("B880", "1", *LISTED[1][2:])
    name = "cms_icd10cm/2027/icd10cm_order_2027.txt"
    parts = [
        ReleaseTables(FY2026, build([source(ORDER, order_lines())], {})),
        ReleaseTables(FY2027, build([source(name, order_lines(later), period=FY2027)], {})),
    ]
    built = combine(parts)
    rows = built.tables["diagnosis"].select(
        "diagnosis_code", "valid_from", "valid_to", "known_from", "is_billable", "source_file"
    )
    last, start = date(2026, 9, 30), date(2026, 10, 1)
    assert rows.rows()[:4] == [
        ("B88", date(2025, 10, 1), None, FY2026.published, False, ORDER),
        ("B88.0", date(2025, 10, 1), last, FY2026.published, False, ORDER),
        ("B88.0", start, None, None, True, name),
        ("B88.01", date(2025, 10, 1), last, FY2026.published, True, ORDER),
    ]
    assert rows.height == 7
    assert_frame_equal(
        built.tables["change"],
        pl.DataFrame(
            [
                ("diagnosis", "B88.0", "is_billable", "2027", "2026", "changed", "false", "true", start, None, "cms_icd10cm"),
                ("diagnosis", "B88.01", "*", "2027", "2026", "removed", None, None, start, None, "cms_icd10cm"),
            ],
            schema=Change.polars_schema(),
            orient="row",
        ),
    )


WORDS = st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1, max_size=70).map(str.strip).filter(bool)
ORDER_ROWS = st.lists(
    st.tuples(
        st.from_regex(r"[A-Z][0-9A-Z]{2,6}", fullmatch=True),
        st.sampled_from("01"),
        WORDS.map(lambda words: words[:60].strip()),
        WORDS,
    ),
    min_size=1,
)


@settings(deadline=None, max_examples=50)
@given(ORDER_ROWS, st.sampled_from(["\r\n", "\n"]))
def test_order_lines_written_in_the_layout_are_read_back(rows: list[tuple[str, str, str, str]], end: str) -> None:
    raw = raw_text(text(order_lines(rows), end))
    table = fixed_width(numbered_lines(raw), LAYOUTS["order"], source_file="a.txt", table="diagnosis")
    assert table.rows.columns == ["source_row", "code", "flag", "short_description", "long_description", "source_file"]
    assert table.rows.drop("source_file").rows() == [(number, *row) for number, row in enumerate(rows, start=1)]
    assert (table.rows_read, listed(table.findings)) == (len(rows), [])


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(max_size=100), max_size=8))
def test_any_text_is_read_refused_or_stopped_and_counted(lines: list[str]) -> None:
    raw = raw_text(text([*order_lines(), *lines], "\n"))
    table = fixed_width(numbered_lines(raw), LAYOUTS["order"], source_file="a.txt", table="diagnosis")
    assert table.rows.height + table.findings.height == table.rows_read
    assert table.rows.height >= len(LISTED)


@pytest.mark.full
def test_the_release_of_fiscal_year_2026(full_files: Path) -> None:
    archive = (full_files / "cms_icd10cm" / "2026" / "cms_2026_dx.zip").read_bytes()
    contents = {member.name: member.content for member in members(archive, source_file="x.zip", patterns=["icd10cm*.txt"])}
    built = build([SourceFile(f"{FOLDER}/{name}", content, FY2026, "US-GOV") for name, content in contents.items()], {})
    lines = contents["icd10cm_order_2026.txt"].decode("ascii").split("\r\n")[:-1]
    rows = built.tables["diagnosis"]
    assert [count[1:] for count in built.counts] == [(98_186, 98_186, 0), (74_719, 74_719, 0), (748, 748, 0), (591, 591, 0)]
    assert listed(built.findings) == []
    assert [code.replace(".", "") for code in rows["diagnosis_code"]] == [line[6:13].strip() for line in lines]
    assert rows["long_description"].to_list() == [line[77:] for line in lines]
    assert rows["short_description"].to_list() == [line[16:76].strip() for line in lines]
    assert Counter(rows["is_billable"]) == {True: 74_719, False: 23_467}
    assert rows["source_row"].to_list() == list(range(1, 98_187))
    actions = Counter(line[:14] for line in contents["icd10cm_order_addenda_2026.txt"].decode().splitlines())
    assert [actions[f"{action:13}{flag}"] for action, flag in (("Add:", 1), ("Delete:", 1), ("Revise to:", 1), ("Add:", 0))] == [
        487,
        28,
        38,
        143,
    ]
