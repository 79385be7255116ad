"""Place of service codes in CMS's two formats."""

import csv
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from html import escape
from pathlib import Path

import polars as pl
import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from schemas import PlaceOfService
from tests.transforms.builders import csv_text, finding, listed
from transforms.cms_pos import build, combine
from transforms.errors import StructureError
from transforms.history import ReleaseTables
from transforms.periods import day
from transforms.sources import Built, FileCount, Period, SourceFile

PERIOD = Period("20240502", date(2024, 5, 2), date(2025, 5, 1), date(2025, 4, 26))
XML, CSV = "cms_pos/20240502/cs-CMS-PlaceofServiceCodes.xml", "cms_pos/20240502/pos_codes.csv"
CSV_HEADER = ("pos_code", "pos_type", "pos_name", "pos_description")
CONCEPTS = (
    (
        "02",
        "Telehealth away from the patient\u2019s home",
        "Care by wire.\xa0 (Effective January 1, 2017) (Revised, effective 2022.)",
    ),
    ("09", "Prison/ Correctional Facility", "A prison (or jail)."),
    ("23", "Emergency Room \u2013 Hospital", " A room  for emergencies. "),
    ("66", "Center for the elderly*", "Care (all of it) (This code is effective August 1, 2024)"),
)
TABLE = (
    ("02", "Facility", "Telehealth away from the patient\u2019s home", "Care by wire."),
    ("09", "Non-Facility", "Prison/Correctional Facility", "A prison (or jail)."),
    ("23", "Facility", "Emergency Room-Hospital", "A room for emergencies."),
    ("28", "Unassigned", "Unassigned", "Unassigned"),
    ("66", "Non-Facility", "Center for the elderly", "Care (all of it)"),
)
AGAIN = "Fetch the file from its publisher again."
SAME = ("place_of_service_code", "place_name", "description", "is_assigned", "valid_from", "valid_to", "known_from", "release_id")
"""Columns that both formats fill."""


def concept(*values: str) -> str:
    parts = zip(("code", "display", "definition"), values, strict=False)
    return "<concept>" + "".join(f'<{name} value="{escape(value)}"/>' for name, value in parts) + "</concept>"


def xml(*concepts: str, head: str = "", content: str = "complete", system: str = "CodeSystem") -> SourceFile:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{head}<{system} xmlns="http://hl7.org/fhir"><content value="{content}"/>'
    return SourceFile(XML, f"{text}{''.join(concepts)}</{system}>".encode(), PERIOD, "US-GOV")


def table(*rows: Sequence[str], header: Sequence[str] = CSV_HEADER) -> SourceFile:
    return SourceFile(CSV, csv_text(header, rows).encode(), PERIOD, "US-GOV")


def from_xml() -> Built:
    return build([xml(*(concept(*row) for row in CONCEPTS))], {})


def structure_error(made: Callable[[], object]) -> str:
    with pytest.raises(StructureError) as caught:
        made()
    return str(caught.value)


def expected(file: str, *rows: tuple[object, ...]) -> pl.DataFrame:
    dated = [(code, date(2024, 5, 2), None, date(2025, 4, 26), *cells, "20240502", file, row) for code, *cells, row in rows]
    return pl.DataFrame(dated, schema=PlaceOfService.polars_schema(), orient="row")


def test_xml_gives_assigned_codes_without_facility_flags() -> None:
    built = from_xml()
    home, wire = "Telehealth away from the patient\u2019s home", "(Effective January 1, 2017) (Revised, effective 2022.)"
    assert_frame_equal(
        built.tables["place_of_service"],
        expected(
            XML,
            ("02", home, "Care by wire.", wire, None, True, 1),
            ("09", "Prison/Correctional Facility", "A prison (or jail).", None, None, True, 2),
            ("23", "Emergency Room-Hospital", "A room for emergencies.", None, None, True, 3),
            ("66", "Center for the elderly", "Care (all of it)", "(This code is effective August 1, 2024)", None, True, 4),
        ),
    )
    assert (listed(built.findings), built.counts) == ([], [FileCount(XML, 4, 4, 0)])


def test_csv_gives_facility_flags_and_unassigned_codes() -> None:
    built = build([table(*TABLE)], {})
    assert_frame_equal(
        built.tables["place_of_service"],
        expected(
            CSV,
            ("02", "Telehealth away from the patient\u2019s home", "Care by wire.", None, True, True, 2),
            ("09", "Prison/Correctional Facility", "A prison (or jail).", None, False, True, 3),
            ("23", "Emergency Room-Hospital", "A room for emergencies.", None, True, True, 4),
            ("28", "Unassigned", None, None, None, False, 5),
            ("66", "Center for the elderly", "Care (all of it)", None, False, True, 6),
        ),
    )
    assert (listed(built.findings), built.counts) == ([], [FileCount(CSV, 5, 5, 0)])


def test_both_formats_say_the_same_of_assigned_codes() -> None:
    left, right = from_xml().tables["place_of_service"], build([table(*TABLE)], {}).tables["place_of_service"]
    assert_frame_equal(left.select(SAME), right.filter("is_assigned").select(SAME))


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (
            table(header=("pos_code", "pos_name", "pos_description")),
            f"{CSV} line 1 column 2: the header changed (missing: pos_type): expected 'pos_type', found 'pos_name'. "
            "Compare the file with the publisher's record layout before changing the declaration.",
        ),
        (
            xml(concept("01", "Pharmacy")),
            f"{XML} line 1 column 3: the header changed (missing: definition): expected 'definition', "
            "found the end of the header. Compare the file with the publisher's record layout before changing the declaration.",
        ),
        (
            xml(concept("01", "Pharmacy", "Sells drugs."), "<concept><code value='02'/><property/></concept>"),
            f"{XML} line 2 column 2: the header changed (missing: display, definition; unknown: property): "
            "expected 'display', found 'property'. Compare the file with the publisher's record layout before changing the "
            "declaration.",
        ),
        (
            xml(system="ValueSet"),
            f"{XML}: expected a FHIR CodeSystem whose content is 'complete', "
            f"found {{http://hl7.org/fhir}}ValueSet with content ['complete']. {AGAIN}",
        ),
        (
            xml(content="fragment"),
            f"{XML}: expected a FHIR CodeSystem whose content is 'complete', "
            f"found {{http://hl7.org/fhir}}CodeSystem with content ['fragment']. {AGAIN}",
        ),
        (
            SourceFile(XML, b"", PERIOD, "US-GOV"),
            f"{XML}: expected XML without document type and entities, found ParseError: no element found: line 1, column 0. {AGAIN}",
        ),
        (
            SourceFile(XML, b"<CodeSystem>\n\xff</CodeSystem>", PERIOD, "US-GOV"),
            f"{XML}: expected XML without document type and entities, "
            f"found ParseError: not well-formed (invalid token): line 2, column 0. {AGAIN}",
        ),
        (
            SourceFile(CSV, b"pos_code\n\xff", PERIOD, "US-GOV"),
            f"{CSV} line 2: expected text in UTF-8, found byte 0xff at byte 9. Save the file as UTF-8.",
        ),
        (
            SourceFile(CSV, b"", PERIOD, "US-GOV"),
            f"{CSV}: expected at least a header, found an empty file. Fetch the file again.",
        ),
    ],
)
def test_file_that_is_not_in_its_layout_stops(file: SourceFile, message: str) -> None:
    assert structure_error(lambda: build([file], {})) == message


BOMB = '<!ENTITY a "lol">' + "".join(f'<!ENTITY {one} "{f"&{before};" * 10}">' for before, one in ("ab", "bc", "cd", "de", "ef"))


@pytest.mark.parametrize(
    ("declared", "reference"),
    [
        (BOMB, "&f;"),
        ('<!ENTITY outside SYSTEM "file:///etc/passwd">', "&outside;"),
        ('<!ENTITY % outside SYSTEM "http://localhost/x.dtd"> %outside;', ""),
        ("", ""),
    ],
    ids=["entity bomb", "external entity", "external parameter entity", "document type alone"],
)
def test_xml_with_entities_or_a_document_type_stops(declared: str, reference: str) -> None:
    one = concept("01", "Pharmacy", "Sells drugs.").replace("Sells drugs.", reference)
    found = structure_error(lambda: build([xml(one, head=f"<!DOCTYPE CodeSystem [{declared}]>")], {}))
    assert found == (
        f"{XML}: expected XML without document type and entities, found DTDForbidden: "
        f"DTDForbidden(name='CodeSystem', system_id=None, public_id=None). {AGAIN}"
    )


def test_release_is_one_file() -> None:
    assert structure_error(lambda: build([xml(), table()], {})) == (
        "cms_pos/20240502: expected one file in a release folder, found cs-CMS-PlaceofServiceCodes.xml, pos_codes.csv. "
        "Keep the one that is meant, or give each release a folder."
    )


def test_rows_that_break_a_rule_are_refused() -> None:
    wrong = (
        ("1", "Facility", "One digit", "Text"),
        ("03", "Maybe", "Type", "Text"),
        ("04", "Facility", "Nothing said", ""),
        ("05", "Facility", "Unassigned", "Unassigned"),
        ("09", "Non-Facility", "Again", "Again"),
        ("06", "Facility", "", "No name"),
        ("07", "Facility"),
    )
    built = build([table(*TABLE, *wrong)], {})
    key, says = "The key (place_of_service_code, valid_from) must occur once.", "place_of_service.described_where_assigned"
    described = "An assigned code has a description, an unassigned one says nothing."
    assert sorted(listed(built.findings), key=lambda one: (one["source_row"], one["rule_id"])) == [
        finding(CSV, 3, "*", "place_of_service.key.unique", None, key),
        finding(
            CSV, 7, "place_of_service_code", "place_of_service.place_of_service_code.pattern", "1", "Must look like ^[0-9]{2}$."
        ),
        finding(CSV, 8, "is_facility", "place_of_service.is_facility.type", "Maybe", "Must be true or false."),
        finding(CSV, 9, "*", says, None, described),
        finding(CSV, 10, "*", says, None, described),
        finding(CSV, 11, "*", "place_of_service.key.unique", None, key),
        finding(CSV, 12, "place_name", "place_of_service.place_name.not_empty", None, "Must not be empty."),
        finding(CSV, 13, "*", "place_of_service.row.cell_count", "2 cells", "A row must have 4 cells."),
    ]
    assert built.counts == [FileCount(CSV, 12, 4, 8)]


def test_place_that_was_renamed_has_a_row_before_and_after() -> None:
    later = day("20250601")
    assert later is not None
    file = SourceFile(CSV, csv_text(CSV_HEADER, [("03", "Facility", "Place", "A place.")]).encode(), later, "US-GOV")
    parts = [
        ReleaseTables(PERIOD, build([table(("03", "Facility", "School", "A place."))], {})),
        ReleaseTables(later, build([file], {})),
    ]
    assert combine(parts).tables["place_of_service"].select("place_name", "valid_from", "valid_to").rows() == [
        ("School", date(2024, 5, 2), date(2025, 5, 31)),
        ("Place", date(2025, 6, 1), None),
    ]


WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1).filter(lambda words: words != "Unassigned")


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(
        st.from_regex("[0-9]{2}", fullmatch=True), st.tuples(st.sampled_from(["Facility", "Non-Facility"]), WORDS, WORDS)
    )
)
def test_formats_agree_whatever_is_written_in_them(places: dict[str, tuple[str, str, str]]) -> None:
    left = build([xml(*(concept(code, *words) for code, (_, *words) in places.items()))], {}).tables["place_of_service"]
    right = build([table(*((code, *cells) for code, cells in places.items()))], {}).tables["place_of_service"]
    assert_frame_equal(left.select(SAME), right.select(SAME))
    assert right["is_facility"].to_list() == [kind == "Facility" for kind, *_ in places.values()]


@pytest.mark.full
def test_the_code_set_of_2024(full_files: Path) -> None:
    folder = full_files / "cms_pos"
    content, path = (folder / "20240502" / "cs-CMS-PlaceofServiceCodes.xml").read_bytes(), folder / "pos_codes_2024_derived.csv"
    left, right = (
        build([SourceFile(XML, content, PERIOD, "US-GOV")], {}),
        build([SourceFile(CSV, path.read_bytes(), PERIOD, "US-GOV")], {}),
    )
    assert [*left.counts, *right.counts] == [FileCount(XML, 52, 52, 0), FileCount(CSV, 99, 99, 0)]
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    codes = [element.get("value") for element in fromstring(content).iter("{http://hl7.org/fhir}code")]
    assert left.tables["place_of_service"]["place_of_service_code"].to_list() == codes
    table_of_csv = right.tables["place_of_service"]
    assert Counter(row["pos_type"] for row in rows) == {"Unassigned": 47, "Non-Facility": 34, "Facility": 18}
    assert Counter(table_of_csv["is_facility"]) == {None: 47, False: 34, True: 18}
    assert table_of_csv["is_assigned"].to_list() == [row["pos_type"] != "Unassigned" for row in rows]
    assigned = table_of_csv.filter("is_assigned")
    renamed = left.tables["place_of_service"].filter(left.tables["place_of_service"]["place_name"] != assigned["place_name"])
    assert renamed["place_of_service_code"].to_list() == ["06", "18", "71", "72"]
    without_name = [name for name in SAME if name != "place_name"]
    assert_frame_equal(left.tables["place_of_service"].select(without_name), assigned.select(without_name))
