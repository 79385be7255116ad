"""Anesthesia factors and geographic indices by locality, in each format."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from schemas import AnesthesiaLocality, Gpci
from tests.transforms.builders import ANES, GPCI, OCTOBER, finding, listed
from tests.transforms.pfs_builders import COMPARE, JULY, csv_file, text_file, workbook_file
from transforms.errors import StructureError
from transforms.pfs_localities import anesthesia_localities, geographic_indices
from transforms.pfs_tables import Companion
from transforms.sources import SourceFile

ANES_TEXT, ANES_SHEET = ANES.replace(".csv", ".txt"), ANES.replace(".csv", ".xlsx")
GPCI_TEXT, GPCI_SHEET = GPCI.replace(".csv", ".txt"), GPCI.replace(".csv", ".xlsx")
LONG_NAME = "LOS ANGELES-LONG BEACH-ANAHEIM (LOS ANGELES/ORANGE CNTY)"
ANES_2025 = (
    "Contractor,Locality,Locality Name,National Anes CF of 20.3178\r\n"
    f"10112 ,00 ,ALABAMA,19.31 \r\n02102 ,01 ,ALASKA*,27.86 \r\n01182 ,18 ,{LONG_NAME},21.22 \r\n"
    "03602 ,21 ,WYOMING**,19.97 \r\n,,,\r\n"
)
ANES_2025_RECORDS = (
    "10112       00    ALABAMA                                                1931",
    "02102       01    ALASKA                                                 2786",
    "01182       18    LOS ANGELES-LONG BEACH-ANAHEIM (LOS ANGE               2122",
    "03602       21    WYOMING                                                1997",
)
ANES_2025_SHEET = (
    "Contractor,Locality,Locality Name,Anes CF of 20.3178",
    "10112,0,ALABAMA,19.31",
    "2102,1,ALASKA,27.86",
    f"1182,18,{LONG_NAME},21.22",
    "3602,21,WYOMING,19.97",
)
ANES_2024 = (
    "Contractor,Locality,Locality Name,2024 Anesthesia Conversion Factor\r\n"
    "10112,00,ALABAMA,19.77\r\n03602,21,WYOMING,20.43\r\n\x1a,,,\r\n"
)
ANES_2026 = (
    "Contractor,Locality,Locality Name,Qualifying APM National Anes CF (with 2.5% statutory increase) of 20.599835,"
    "Non-Qualifying APM National Anes CF (with 2.5% Statutory increase)  of 20.49754\r\n"
    "10112 ,00 ,ALABAMA,19.63,19.53\r\n02102 ,01 ,ALASKA*,28.29,28.15\r\n"
)
GPCI_NAMES = (
    "Medicare Administrative Contractor (MAC),State,Locality Number,Locality Name,"
    "2025 PW GPCI (with 1.0 Floor),2025 PE GPCI,2025 MP GPCI"
)
GPCI_2025_ROWS = ("10112,AL,00,ALABAMA,1,0.869,0.575", "02102,AK,01,ALASKA*,1.5,1.081,0.592")
GPCI_TITLE = "ADDENDUM E. GEOGRAPHIC PRACTICE COST INDICES"
GPCI_2025 = "".join(f"{line}\r\n" for line in (f"{GPCI_TITLE},,,,,,", ",,,,,,", GPCI_NAMES, *GPCI_2025_ROWS))
GPCI_FOOTNOTES = (
    '"MAC Assignments as of November 22, 2023",,,,,,\r\n,,,,,,\r\n*Work GPCI reflects a floor.,,,,,,\r\n'
    '"   Therefore, the Work GPCIs for 2025 do not.",,,,,,\r\n'
)
GPCI_RECORDS = (
    "10112           AL      00   ALABAMA                                                                                     1.000       0.869       0.575",
    "02102           AK      01   ALASKA*                                                                                     1.500       1.081       0.592",
)
GPCI_TEXT_HEADER = (
    "Medicare Admi State  Locality                                      Locality Name"
    "                                      2025 PW GPCI2025 PE GPCI2025 MP GPCI"
)
NOTES = ("MAC Assignments as of November 22, 2023", "", "*Work GPCI reflects a floor.", "")
PERIOD = {"valid_from": date(2025, 10, 1), "valid_to": date(2025, 12, 31), "known_from": None, "release_id": "2025-10"}


def anesthesia(text: str) -> Companion:
    return anesthesia_localities(csv_file(text, ANES), period=OCTOBER)


def indices(text: str) -> Companion:
    return geographic_indices(csv_file(text, GPCI), period=OCTOBER)


def test_anesthesia_file_of_2025_carries_the_national_factor_in_its_header() -> None:
    found = anesthesia(ANES_2025)
    cells = [
        ("10112", "00", "ALABAMA", "19.31"),
        ("02102", "01", "ALASKA", "27.86"),
        ("01182", "18", LONG_NAME, "21.22"),
        ("03602", "21", "WYOMING", "19.97"),
    ]
    rows = [
        {
            **PERIOD,
            "contractor_code": contractor,
            "locality_code": code,
            "apm_status": "any",
            "locality_name": name,
            "conversion_factor_usd": Decimal(factor),
            "source_file": ANES,
            "source_row": line,
        }
        for line, (contractor, code, name, factor) in enumerate(cells, start=2)
    ]
    assert_frame_equal(found.rows.accepted, pl.DataFrame(rows, schema=AnesthesiaLocality.polars_schema(), orient="row"))
    assert (found.national_factors, found.rows_read, listed(found.rows.findings)) == ({"any": Decimal("20.3178")}, 4, [])


def test_anesthesia_file_of_2024_carries_no_national_factor() -> None:
    found = anesthesia(ANES_2024)
    assert found.rows.accepted.select("contractor_code", "locality_code", "conversion_factor_usd", "source_row").rows() == [
        ("10112", "00", Decimal("19.7700"), 2),
        ("03602", "21", Decimal("20.4300"), 3),
    ]
    assert (found.national_factors, found.rows_read, listed(found.rows.findings)) == ({}, 2, [])


def test_anesthesia_file_of_2026_has_two_factors_per_locality() -> None:
    found = anesthesia_localities(csv_file(ANES_2026, ANES, period=JULY), period=JULY)
    columns = ("contractor_code", "locality_code", "apm_status", "conversion_factor_usd", "source_row")
    assert found.rows.accepted.select(columns).rows() == [
        ("10112", "00", "qualifying", Decimal("19.63"), 2),
        ("10112", "00", "non_qualifying", Decimal("19.53"), 2),
        ("02102", "01", "qualifying", Decimal("28.29"), 3),
        ("02102", "01", "non_qualifying", Decimal("28.15"), 3),
    ]
    assert found.national_factors == {"qualifying": Decimal("20.599835"), "non_qualifying": Decimal("20.49754")}
    assert found.rows_read == 2


def test_columns_of_two_factors_may_change_places() -> None:
    header, *rows = ANES_2026.split("\r\n")
    names, cells = header.split(","), [row.split(",") for row in rows if row]
    swapped = [names, *cells]
    text = "".join(",".join([*row[:3], row[4], row[3]]) + "\r\n" for row in swapped)
    found, plain = anesthesia(text), anesthesia(ANES_2026)
    assert found.national_factors == plain.national_factors
    key = ["contractor_code", "locality_code", "apm_status"]
    assert_frame_equal(found.rows.accepted.sort(key), plain.rows.accepted.sort(key))


def test_locality_with_one_wrong_factor_of_two_is_refused_once() -> None:
    found = anesthesia(ANES_2026.replace("28.15", "28,15").replace("28,15", "n/a").replace("10112 ", "112 "))
    assert found.rows.accepted.height == 0
    assert [(row["source_row"], row["rule_id"], row["value"]) for row in listed(found.rows.findings)] == [
        (3, "anesthesia_locality.conversion_factor_usd.type", "n/a"),
        (2, "anesthesia_locality.contractor_code.pattern", "112"),
    ]


def test_anesthesia_formats_differ_in_long_names_and_the_national_factor_only() -> None:
    csv = anesthesia(ANES_2025)
    text = anesthesia_localities(text_file(*ANES_2025_RECORDS, "\x1a", name=ANES_TEXT), period=OCTOBER)
    sheet = anesthesia_localities(workbook_file(*ANES_2025_SHEET, name=ANES_SHEET), period=OCTOBER)
    expected = csv.rows.accepted.drop("source_file", "source_row")
    assert_frame_equal(sheet.rows.accepted.drop("source_file", "source_row"), expected)
    cut = expected.with_columns(pl.col("locality_name").str.slice(0, 40))
    assert_frame_equal(text.rows.accepted.drop("source_file", "source_row"), cut)
    assert (text.rows_read, sheet.rows_read) == (4, 4)
    assert [part.national_factors for part in (csv, text, sheet)] == [{"any": Decimal("20.3178")}, {}, csv.national_factors]


def test_factor_of_the_text_file_that_is_no_number_is_refused() -> None:
    records = (*ANES_2025_RECORDS[:1], ANES_2025_RECORDS[1][:-4] + "27.8", ANES_2025_RECORDS[2][:-4] + "12x4")
    found = anesthesia_localities(text_file(*records, name=ANES_TEXT), period=OCTOBER)
    assert found.rows.accepted["conversion_factor_usd"].to_list() == [Decimal("19.31"), Decimal("27.8")]
    assert [(row["source_row"], row["rule_id"], row["value"]) for row in listed(found.rows.findings)] == [
        (3, "anesthesia_locality.conversion_factor_usd.type", "12x4")
    ]


def test_contractor_without_its_leading_zero_is_refused_in_a_csv_file() -> None:
    found = anesthesia(ANES_2024.replace("03602,21", "3602,21"))
    assert found.rows.accepted["locality_name"].to_list() == ["ALABAMA"]
    assert listed(found.rows.findings) == [
        finding(ANES, 3, "contractor_code", "anesthesia_locality.contractor_code.pattern", "3602", "Must look like ^[0-9]{5}$.")
    ]


def test_contractor_of_a_sheet_that_is_no_number_gets_no_zeros() -> None:
    rows = ("Contractor,Locality,Locality Name,Anes CF of 20.3178", "2102,1,ALASKA,27.86", "A12,1,X,27.86")
    found = anesthesia_localities(workbook_file(*rows, name=ANES_SHEET), period=OCTOBER)
    assert found.rows.accepted["contractor_code"].to_list() == ["02102"]
    assert [row["value"] for row in listed(found.rows.findings)] == ["A12"]


def test_anesthesia_file_with_another_last_column_stops() -> None:
    with pytest.raises(StructureError) as caught:
        anesthesia(ANES_2025.replace("National Anes CF of 20.3178", "Price"))
    assert str(caught.value) == (
        f"{ANES} line 1 column 4: the header changed (missing: Anesthesia CF; unknown: Price): expected 'Anesthesia CF', "
        f"found 'Price'. {COMPARE}"
    )


@pytest.mark.parametrize("factor", ["20.3178x", "20", "20.31780001", "1,020.31"])
def test_national_factor_that_is_no_factor_stops(factor: str) -> None:
    text = ANES_2025.replace("National Anes CF of 20.3178", f'"National Anes CF of {factor}"')
    with pytest.raises(StructureError) as caught:
        anesthesia(text)
    assert str(caught.value) == (
        f"{ANES} line 1: expected a national factor of two to six decimals at the end of the column's name, found {factor!r}. "
        "Compare the file with the one of another year."
    )


def test_blank_line_before_the_anesthesia_header_is_skipped() -> None:
    blank_first, plain = anesthesia("\r\n" + ANES_2024), anesthesia(ANES_2024)
    assert blank_first.rows.accepted.drop("source_row").equals(plain.rows.accepted.drop("source_row"))


@pytest.mark.parametrize("blank", [",,,,,,\r\n", ""])
def test_geographic_indices_stop_at_footnotes(blank: str) -> None:
    found = indices(GPCI_2025 + blank + GPCI_FOOTNOTES)
    names = ("contractor_code", "state", "locality_code", "locality_name", "work_gpci", "pe_gpci", "malpractice_gpci")
    cells = [
        ("10112", "AL", "00", "ALABAMA", Decimal("1.000"), Decimal("0.869"), Decimal("0.575")),
        ("02102", "AK", "01", "ALASKA", Decimal("1.500"), Decimal("1.081"), Decimal("0.592")),
    ]
    rows = [
        {**dict(zip(names, row, strict=True)), **PERIOD, "work_gpci_without_floor": None, "source_file": GPCI, "source_row": line}
        for line, row in enumerate(cells, start=4)
    ]
    assert_frame_equal(found.rows.accepted, pl.DataFrame(rows, schema=Gpci.polars_schema(), orient="row"))
    assert (found.national_factors, found.rows_read, listed(found.rows.findings)) == ({}, 2, [])


def test_index_formats_give_the_same_rows() -> None:
    csv = indices(GPCI_2025 + GPCI_FOOTNOTES)
    lines = (GPCI_TITLE, "", GPCI_TEXT_HEADER, *GPCI_RECORDS, *NOTES)
    text = geographic_indices(text_file(*lines, name=GPCI_TEXT), period=OCTOBER)
    notes = [note.replace(",", ";") for note in NOTES]
    sheet_lines = (GPCI_TITLE, "", GPCI_NAMES, *GPCI_2025_ROWS, *notes)
    sheet = geographic_indices(workbook_file(*sheet_lines, name=GPCI_SHEET), period=OCTOBER)
    expected = csv.rows.accepted.drop("source_file", "source_row")
    for other in (text, sheet):
        assert_frame_equal(other.rows.accepted.drop("source_file", "source_row"), expected)
        assert (other.rows_read, listed(other.rows.findings)) == (2, [])


def test_numbers_of_a_sheet_get_their_zeros_back() -> None:
    rows = (GPCI_TITLE, "", GPCI_NAMES, "2102,AK,1,ALASKA*,1.5,1.081,0.592")
    found = geographic_indices(workbook_file(*rows, name=GPCI_SHEET), period=OCTOBER)
    assert found.rows.accepted.select("contractor_code", "locality_code").rows() == [("02102", "01")]


def test_header_of_geographic_indices_may_carry_footnote_marks_and_another_year() -> None:
    assert indices(GPCI_2025.replace("2025 PW GPCI (with 1.0 Floor)", "2026 PW GPCI (with 1.0 Floor)***")).rows_read == 2


def test_work_index_without_the_floor_stands_beside_the_one_used_for_payment() -> None:
    both = GPCI_NAMES.replace("2025 PW GPCI (with", "2024 PW GPCI (without 1.0 Floor),2024 PW GPCI (with")
    text = "\r\n".join((GPCI_TITLE, "", both, "10112,AL,00,ALABAMA,0.982,1.000,0.869,0.575", ""))
    found = indices(text)
    assert found.rows.accepted.select("work_gpci", "work_gpci_without_floor", "pe_gpci").rows() == [
        (Decimal("1.000"), Decimal("0.982"), Decimal("0.869"))
    ]


def test_geographic_indices_with_an_unknown_column_stop() -> None:
    with pytest.raises(StructureError) as caught:
        indices(GPCI_2025.replace("2025 PE GPCI", "2025 PX GPCI"))
    assert str(caught.value) == (
        f"{GPCI} line 3 column 6: the header changed (missing: PE GPCI; unknown: PX GPCI): expected 'PE GPCI', "
        f"found 'PX GPCI'. {COMPARE}"
    )


def test_geographic_indices_without_header_stop() -> None:
    with pytest.raises(StructureError) as caught:
        indices("MAC,State\r\n10112,AL\r\n")
    assert str(caught.value) == (
        f"{GPCI}: expected a header beginning with 'Medicare Administrative Contractor (MAC)', found 'MAC,State'. "
        "Check that this is the GPCI file."
    )


def test_text_of_geographic_indices_without_header_stops() -> None:
    with pytest.raises(StructureError) as caught:
        geographic_indices(text_file(*GPCI_RECORDS, name=GPCI_TEXT), period=OCTOBER)
    assert str(caught.value) == (
        f"{GPCI_TEXT}: expected a header beginning with 'Medicare Admi', found "
        f"{GPCI_RECORDS[0][:60]!r}. Check that this is the GPCI file."
    )


def test_index_record_of_another_length_is_refused_and_not_taken_for_a_footnote() -> None:
    found = geographic_indices(text_file(GPCI_TEXT_HEADER, *GPCI_RECORDS, GPCI_RECORDS[1][:-1], name=GPCI_TEXT), period=OCTOBER)
    assert (found.rows_read, found.rows.accepted.height) == (3, 2)
    assert listed(found.rows.findings) == [
        finding(GPCI_TEXT, 4, "*", "gpci.row.length", "149", "A record must have 150 characters.")
    ]


def test_index_record_whose_contractor_is_no_number_is_refused_and_not_taken_for_a_footnote() -> None:
    found = geographic_indices(
        text_file(GPCI_TEXT_HEADER, GPCI_RECORDS[0], "X" + GPCI_RECORDS[1][1:], name=GPCI_TEXT), period=OCTOBER
    )
    assert [(row["source_row"], row["rule_id"]) for row in listed(found.rows.findings)] == [(3, "gpci.contractor_code.pattern")]


@pytest.mark.parametrize("text", [GPCI_2025.replace("\r\n,,,,,,\r\n", "\r\n\r\n", 1), GPCI_2025 + "\r\n"])
def test_blank_lines_in_geographic_indices_are_skipped(text: str) -> None:
    assert indices(text).rows.accepted.height == 2


@pytest.mark.parametrize(("reader", "name"), [(anesthesia_localities, ANES), (geographic_indices, GPCI)])
@pytest.mark.parametrize("text", ["\x1a\r\n", ""])
def test_file_without_any_record_is_an_empty_file(reader: Callable[..., Companion], name: str, text: str) -> None:
    with pytest.raises(StructureError) as caught:
        reader(SourceFile(name, text.encode(), OCTOBER, "CC0-1.0"), period=OCTOBER)
    assert str(caught.value) == f"{name}: expected at least a header, found an empty file. Fetch the file again."


def test_sheet_without_a_header_stops() -> None:
    with pytest.raises(StructureError) as caught:
        anesthesia_localities(workbook_file("10112,0,ALABAMA,19.31", name=ANES_SHEET), period=OCTOBER)
    assert str(caught.value) == (
        f"{ANES_SHEET}: expected a header beginning with 'Contractor', found '10112,0,ALABAMA,19.31'. "
        "Check that this is the ANES file."
    )
