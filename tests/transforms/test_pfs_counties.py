"""Localities and their counties."""

import pytest
from polars.testing import assert_frame_equal

from tests.transforms.builders import OCTOBER, listed
from tests.transforms.pfs_builders import COMPARE, COUNTIES, csv_file, text_file, workbook_file
from transforms.errors import StructureError
from transforms.pfs_counties import locality_counties
from transforms.pfs_tables import Companion

LINES = (
    "COUNTIES INCLUDED IN 2025 LOCALITIES,,,,",
    ",,,,",
    "Medicare Adminstrative Contractor,Locality Number,State ,Fee Schedule Area ,Counties",
    ",,,,",
    "10112,0,ALABAMA ,STATEWIDE ,ALL COUNTIES ",
    ",,,,",
    "2102,1,ALASKA ,STATEWIDE ,ALL COUNTIES ",
    ",,,,",
    "1112,54,CALIFORNIA ,BAKERSFIELD,KERN",
    "1182,18,,LOS ANGELES,LOS ANGELES/ORANGE",
    ",,,,",
    "5302,99,MISSOURI ,REST OF STATE* ,ALL OTHER COUNTIES",
    "5302,99,,REST OF STATE* ,ALL OTHER COUNTIES ",
    ",,,,",
    "*  Payment locality is serviced by two carriers.,,,,",
)


def counties(*lines: str) -> Companion:
    return locality_counties(csv_file("".join(f"{line}\r\n" for line in lines), COUNTIES), period=OCTOBER)


def test_state_is_filled_down_and_zeros_come_back() -> None:
    found = counties(*LINES)
    columns = ("contractor_code", "locality_code", "part_number", "state_name", "fee_schedule_area", "counties")
    assert found.rows.accepted.select(*columns, "is_split_between_contractors", "source_row").rows() == [
        ("10112", "00", 1, "ALABAMA", "STATEWIDE", "ALL COUNTIES", False, 5),
        ("02102", "01", 1, "ALASKA", "STATEWIDE", "ALL COUNTIES", False, 7),
        ("01112", "54", 1, "CALIFORNIA", "BAKERSFIELD", "KERN", False, 9),
        ("01182", "18", 1, "CALIFORNIA", "LOS ANGELES", "LOS ANGELES/ORANGE", False, 10),
        ("05302", "99", 1, "MISSOURI", "REST OF STATE", "ALL OTHER COUNTIES", True, 12),
        ("05302", "99", 2, "MISSOURI", "REST OF STATE", "ALL OTHER COUNTIES", True, 13),
    ]
    assert (found.rows_read, listed(found.rows.findings)) == (6, [])


def test_sheet_gives_the_same_rows() -> None:
    sheet = locality_counties(workbook_file(*LINES, name=COUNTIES.replace(".csv", ".xlsx")), period=OCTOBER)
    expected = counties(*LINES)
    assert_frame_equal(sheet.rows.accepted.drop("source_file"), expected.rows.accepted.drop("source_file"))
    assert (sheet.rows_read, listed(sheet.rows.findings)) == (6, [])


def test_first_row_without_a_state_is_refused() -> None:
    found = counties(*LINES[:4], "1182,18,,LOS ANGELES,LOS ANGELES/ORANGE", *LINES[6:8])
    assert found.rows.accepted["state_name"].to_list() == ["ALASKA"]
    assert [(row["source_row"], row["rule_id"]) for row in listed(found.rows.findings)] == [
        (5, "locality_county.state_name.not_empty")
    ]


def test_row_of_another_width_stops_the_file() -> None:
    with pytest.raises(StructureError) as caught:
        counties(*LINES[:8], "1112,54,CALIFORNIA ,BAKERSFIELD,KERN,", *LINES[9:])
    assert str(caught.value) == (
        f"{COUNTIES} line 9: expected five cells, since the states of the rows below are filled down, found 6 cells. "
        "Mend the row or fetch the file again."
    )


def test_changed_header_stops() -> None:
    with pytest.raises(StructureError) as caught:
        counties(*LINES[:2], LINES[2].replace("Counties", "County"), *LINES[3:])
    assert str(caught.value) == (
        f"{COUNTIES} line 3 column 5: the header changed (missing: Counties; unknown: County): expected 'Counties', "
        f"found 'County'. {COMPARE}"
    )


def test_text_file_is_not_read() -> None:
    with pytest.raises(StructureError, match=r"expected a name that ends in \.csv, \.xlsx, found \.txt"):
        locality_counties(text_file(*LINES, name=COUNTIES.replace(".csv", ".txt")), period=OCTOBER)
