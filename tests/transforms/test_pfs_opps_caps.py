"""Payments after the outpatient cap, in each format."""

from datetime import date
from decimal import Decimal

import pytest
from polars.testing import assert_frame_equal

from tests.transforms.builders import OCTOBER, finding, listed
from tests.transforms.pfs_builders import COMPARE, OTHER, csv_file, text_file, workbook_file
from transforms.errors import StructureError
from transforms.pfs_opps_caps import opps_caps

HEADER = "HCPCS,MOD,PROCSTAT,CARRIER,LOCALITY,FACILITY PRICE,NON-FACILTY PRICE"
ROWS = ("0633T,TC,C,01112,05,150.69,150.69", "70551,,A,02102,01,201.4,1201.05")
RECORDS = ("0633TTC C 01112  05   150.69    150.69", "70551   A 02102  01   201.40   1201.05")
TEXT, SHEET = OTHER.replace(".csv", ".txt"), OTHER.replace(".csv", ".xlsx")


def csv_text(*rows: str, header: str = HEADER) -> str:
    return "".join(f"{line}\r\n" for line in (header, *rows, ",,,,,,"))


def test_row_becomes_an_exact_cap() -> None:
    found = opps_caps(csv_file(csv_text(*ROWS), OTHER), period=OCTOBER)
    columns = found.rows.accepted.columns
    assert found.rows.accepted.row(0, named=True) == dict(
        zip(
            columns,
            [
                *("CPT", "0633T", "TC", "01112", "05", date(2025, 10, 1), date(2025, 12, 31), None, "C"),
                *(Decimal("150.69"), Decimal("150.69"), "2025-10", OTHER, 2),
            ],
            strict=True,
        )
    )
    assert found.rows.accepted.select("component", "facility_price_usd", "nonfacility_price_usd").row(1) == (
        "global",
        Decimal("201.40"),
        Decimal("1201.05"),
    )
    assert (found.rows_read, listed(found.rows.findings)) == (2, [])


def test_formats_give_the_same_rows() -> None:
    csv = opps_caps(csv_file(csv_text(*ROWS), OTHER), period=OCTOBER)
    text = opps_caps(text_file(*RECORDS, "\x1a", name=TEXT), period=OCTOBER)
    sheet = opps_caps(
        workbook_file("Caps of October", "", HEADER, *(row.replace(",0", ",") for row in ROWS), name=SHEET), period=OCTOBER
    )
    expected = csv.rows.accepted.drop("source_file", "source_row")
    for other in (text, sheet):
        assert_frame_equal(other.rows.accepted.drop("source_file", "source_row"), expected)
        assert (other.rows_read, listed(other.rows.findings)) == (2, [])


def test_name_of_the_last_column_may_be_spelt_right() -> None:
    text = csv_text(*ROWS, header=HEADER.replace("FACILTY", "FACILITY"))
    assert opps_caps(csv_file(text, OTHER), period=OCTOBER).rows_read == 2


def test_unknown_column_stops() -> None:
    with pytest.raises(StructureError) as caught:
        opps_caps(csv_file(csv_text(*ROWS, header=HEADER.replace("CARRIER", "MAC")), OTHER), period=OCTOBER)
    assert str(caught.value) == (
        f"{OTHER} line 1 column 4: the header changed (missing: CARRIER; unknown: MAC): expected 'CARRIER', found 'MAC'. {COMPARE}"
    )


def test_file_without_its_header_stops() -> None:
    with pytest.raises(StructureError) as caught:
        opps_caps(csv_file(ROWS[0] + "\r\n", OTHER), period=OCTOBER)
    assert str(caught.value) == (
        f"{OTHER}: expected a header beginning with 'HCPCS', found '{ROWS[0]}'. Check that this is the OPPSCAP file."
    )


def test_wrong_rows_are_refused() -> None:
    rows = (*ROWS, "70551,,A,2102,01,1,1", "70552,22,A,02102,01,1.005,1", ROWS[0] + ",")
    found = opps_caps(csv_file(csv_text(*rows), OTHER), period=OCTOBER)
    assert (found.rows_read, found.rows.accepted.height) == (5, 2)
    assert listed(found.rows.findings) == [
        finding(OTHER, 6, "*", "opps_cap.row.cell_count", "8 cells", "A row must have 7 cells."),
        finding(
            OTHER,
            5,
            "facility_price_usd",
            "opps_cap.facility_price_usd.type",
            "1.005",
            "Must be a number with at most 2 decimals.",
        ),
        finding(OTHER, 4, "contractor_code", "opps_cap.contractor_code.pattern", "2102", "Must look like ^[0-9]{5}$."),
    ]


def test_price_that_occurs_twice_refuses_both_rows() -> None:
    found = opps_caps(csv_file(csv_text(ROWS[0], ROWS[1], ROWS[0]), OTHER), period=OCTOBER)
    assert [row["source_row"] for row in listed(found.rows.findings)] == [2, 4]
    assert {row["rule_id"] for row in listed(found.rows.findings)} == {"opps_cap.key.unique"}
