"""Medicare Physician Fee Schedule files."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from schemas import AnesthesiaLocality, Gpci, PfsIndicator
from tests.transforms.builders import (
    ANES,
    GPCI,
    OCTOBER,
    PFS_ROWS,
    PPRRVU,
    PREAMBLE,
    PUBLISHED,
    STACKED_HEADER,
    finding,
    listed,
    pfs_row,
    pfs_text,
    raw_text,
    section_table,
    shipped,
    source_file,
)
from transforms.cms_pfs import (
    Localities,
    RelativeValues,
    anesthesia_localities,
    build,
    conversion_factors,
    geographic_indices,
    relative_values,
)
from transforms.errors import StructureError
from transforms.read import decode
from transforms.sources import Built, FileCount, Period, Statement

ANES_2025 = (
    "Contractor,Locality,Locality Name,National Anes CF of 20.3178\r\n"
    "10112 ,00 ,ALABAMA,19.31 \r\n02102 ,01 ,ALASKA*,27.86 \r\n03602 ,21 ,WYOMING**,19.97 \r\n,,,\r\n"
)
ANES_2024 = (
    "Contractor,Locality,Locality Name,2024 Anesthesia Conversion Factor\r\n"
    "10112,00,ALABAMA,19.77\r\n03602,21,WYOMING,20.43\r\n\x1a,,,\r\n"
)
GPCI_HEADER = (
    "Medicare Administrative Contractor (MAC),State,Locality Number,Locality Name,"
    "2025 PW GPCI (with 1.0 Floor),2025 PE GPCI,2025 MP GPCI"
)
GPCI_2025 = (
    "ADDENDUM E. GEOGRAPHIC PRACTICE COST INDICES,,,,,,\r\n,,,,,,\r\n" + GPCI_HEADER + "\r\n"
    "10112,AL,00,ALABAMA,1,0.869,0.575\r\n02102,AK,01,ALASKA*,1.5,1.081,0.592\r\n"
)
GPCI_FOOTNOTES = (
    '"MAC Assignments as of November 22, 2023",,,,,,\r\n,,,,,,\r\n*Work GPCI reflects a floor.,,,,,,\r\n'
    '"   Therefore, the Work GPCIs for 2025 do not.",,,,,,\r\n'
)
COMPARE = "Compare the file with the publisher's record layout before changing the declaration."


def read(*rows: str, preamble: Sequence[str] = PREAMBLE, header: Sequence[str] = STACKED_HEADER) -> RelativeValues:
    return relative_values(raw_text(pfs_text(*rows, preamble=preamble, header=header), PPRRVU), period=OCTOBER)


def structure_error(text: str) -> str:
    with pytest.raises(StructureError) as caught:
        relative_values(raw_text(text, PPRRVU), period=OCTOBER)
    return str(caught.value)


def built(**texts: str) -> Built:
    names = {"pprrvu": PPRRVU, "anes": ANES, "gpci": GPCI}
    files = [source_file(text, names[name], period=OCTOBER) for name, text in texts.items()]
    return build(files, {"code_section": section_table()})


def test_row_becomes_exact_indicators() -> None:
    values = read(PFS_ROWS["19307"])
    row = {
        "code_system": "CPT",
        "code": "19307",
        "component": "global",
        "release_id": "2025-10",
        "valid_from": date(2025, 10, 1),
        "valid_to": date(2025, 12, 31),
        "status_code": "A",
        "is_not_used_for_payment": False,
        "work_rvu": Decimal("17.99"),
        "nonfacility_pe_rvu": Decimal("13.22"),
        "is_rare_in_nonfacility": True,
        "facility_pe_rvu": Decimal("13.22"),
        "is_rare_in_facility": False,
        "malpractice_rvu": Decimal("4.50"),
        "nonfacility_total_rvu": Decimal("35.71"),
        "facility_total_rvu": Decimal("35.71"),
        "pctc_code": "0",
        "global_days_code": "090",
        "preoperative_percent": Decimal("10.00"),
        "intraoperative_percent": Decimal("71.00"),
        "postoperative_percent": Decimal("19.00"),
        "multiple_procedure_code": "2",
        "bilateral_code": "1",
        "assistant_code": "2",
        "co_surgeon_code": "1",
        "team_surgeon_code": "0",
        "endoscopic_base_code": None,
        "conversion_factor_usd": Decimal("32.3465"),
        "supervision_code": "09",
        "calculation_flag": "0",
        "imaging_family_code": "99",
        "opps_nonfacility_pe_rvu": Decimal("0.00"),
        "opps_facility_pe_rvu": Decimal("0.00"),
        "opps_malpractice_rvu": Decimal("0.00"),
        "source_file": PPRRVU,
        "source_row": 11,
    }
    expected = pl.DataFrame([row], schema=PfsIndicator.polars_schema(), orient="row")
    assert_frame_equal(values.indicators.accepted, expected)
    assert listed(values.indicators.findings) == []


def test_preamble_gives_notice_and_day_of_release() -> None:
    values = read(PFS_ROWS["00406"])
    assert values.notice == (
        "Codes are copyright 2024 First Owner. All Rights Reserved. Dental codes are COPYRIGHT 2025/26 Second Owner."
    )
    assert values.released == date(2025, 9, 11)


def test_components_of_a_code_are_rows_of_their_own() -> None:
    names = ("45378", "45378-53", "71046", "71046-26", "71046-TC", "00406", "43239", "70551-TC")
    values = read(*(PFS_ROWS[name] for name in names))
    columns = ("code", "component", "supervision_code", "is_rare_in_facility", "endoscopic_base_code", "imaging_family_code")
    assert values.indicators.accepted.select(*columns, "source_row").rows() == [
        ("45378", "global", "09", False, None, "99", 11),
        ("45378", "53", "09", False, None, "99", 12),
        ("71046", "global", "09", True, None, "99", 13),
        ("71046", "26", "09", False, None, "99", 14),
        ("71046", "TC", "01", True, None, "99", 15),
        ("00406", "global", "09", False, None, "99", 16),
        ("43239", "global", "09", False, "43235", "99", 17),
        ("70551", "TC", "09", True, None, "88", 18),
    ]
    assert (values.rows_read, values.indicators.findings.height) == (8, 0)


def test_descriptors_stand_apart_once_per_code() -> None:
    values = read(pfs_row("71046", description=" Two pictures "), pfs_row("71046-26", description="Reading"), PFS_ROWS["00406"])
    assert "description" not in values.indicators.accepted.columns
    assert values.descriptors.rows() == [("CPT", "71046", "Two pictures", PPRRVU)]


def test_header_is_found_by_content_not_by_line() -> None:
    values = read(
        PFS_ROWS["00406"],
        preamble=(
            ",,Another title",
            *PREAMBLE[1:],
        ),
    )
    later = relative_values(
        raw_text("title\r\n\r\n" + pfs_text(PFS_ROWS["00406"]) + "\x1a" + "," * 30 + "\r\n", PPRRVU), period=OCTOBER
    )
    assert values.indicators.accepted["source_row"].to_list() == [11]
    assert later.indicators.accepted["source_row"].to_list() == [13]
    assert later.rows_read == 1


def test_cells_may_be_padded() -> None:
    padded = ",".join(f" {cell} " for cell in PFS_ROWS["19307"].split(","))
    assert_frame_equal(read(padded).indicators.accepted, read(PFS_ROWS["19307"]).indicators.accepted)


def edited_header(old: str, new: str) -> tuple[str, ...]:
    return tuple(line.replace(old, new) for line in STACKED_HEADER)


def dropped(column: int) -> tuple[str, ...]:
    """The stacked header without one column."""
    return tuple(",".join(cell for at, cell in enumerate(line.split(",")) if at != column) for line in STACKED_HEADER)


def inserted(column: int, words: Sequence[str]) -> tuple[str, ...]:
    cells = [line.split(",") for line in STACKED_HEADER]
    return tuple(",".join([*row[:column], word, *row[column:]]) for row, word in zip(cells, words, strict=True))


def swapped(left: int, right: int) -> tuple[str, ...]:
    rows = [line.split(",") for line in STACKED_HEADER]
    for row in rows:
        row[left], row[right] = row[right], row[left]
    return tuple(",".join(row) for row in rows)


@pytest.mark.parametrize(
    ("header", "column", "difference", "expected", "found"),
    [
        (dropped(23), 24, "missing: ENDO BASE", "'ENDO BASE'", "'CONV FACTOR'"),
        (
            dropped(30),
            31,
            "missing: MP USED FOR OPPS PAYMENT AMOUNT",
            "'MP USED FOR OPPS PAYMENT AMOUNT'",
            "the end of the header",
        ),
        (edited_header("BILAT", "BOTH"), 20, "missing: BILAT SURG; unknown: BOTH SURG", "'BILAT SURG'", "'BOTH SURG'"),
        (inserted(23, ("", "", "", "PRIC", "IND")), 24, "unknown: PRIC IND", "'ENDO BASE'", "'PRIC IND'"),
        (swapped(20, 21), 21, "the order changed", "'ASST SURG'", "'CO- SURG'"),
    ],
    ids=["missing", "missing last", "renamed", "unknown", "order"],
)
def test_changed_header_stops_the_file(header: tuple[str, ...], column: int, difference: str, expected: str, found: str) -> None:
    assert structure_error(pfs_text(PFS_ROWS["00406"], header=header)) == (
        f"{PPRRVU} line 10 column {column}: the header changed ({difference}): expected {expected}, found {found}. {COMPARE}"
    )


def test_file_without_header_stops() -> None:
    assert structure_error(pfs_text(PFS_ROWS["00406"], header=())) == (
        f"{PPRRVU}: expected a header line whose first cell is 'HCPCS', found none. "
        "Check that this is the PPRRVU csv file of a fee schedule release."
    )


def test_file_without_released_line_stops() -> None:
    assert structure_error(pfs_text(PFS_ROWS["00406"], preamble=PREAMBLE[:4])) == (
        f"{PPRRVU}: expected a preamble line 'RELEASED mm/dd/yyyy', found none. "
        "Check that this is the PPRRVU csv file of a fee schedule release."
    )


def test_day_of_release_that_is_no_date_stops() -> None:
    preamble = (*PREAMBLE[:4], ",,RELEASED in autumn" + "," * 28)
    assert structure_error(pfs_text(PFS_ROWS["00406"], preamble=preamble)) == (
        f"{PPRRVU} line 5: expected RELEASED mm/dd/yyyy, found 'in autumn'. Fetch the file again."
    )


def test_text_layout_of_the_release_stops() -> None:
    assert structure_error("HDR 2025 National Physician Fee Schedule\r\n00406  J\r\n") == (
        f"{PPRRVU}: expected a preamble line 'RELEASED mm/dd/yyyy', found none. "
        "Check that this is the PPRRVU csv file of a fee schedule release."
    )


CODE_LOOKS = "Must look like ^([0-9]{5}|[0-9]{4}[A-Z]|[A-Z][0-9]{4})$."
TWO_DECIMALS = "Must be a number with at most 2 decimals."


@pytest.mark.parametrize(
    ("name", "cells", "column", "rule", "value", "reason"),
    [
        ("00406", {"code": "406"}, "code", "code.pattern", "406", CODE_LOOKS),
        ("00406", {"code": ""}, "code", "code.not_empty", None, "Must not be empty."),
        ("00406", {"component": "22"}, "component", "component.isin", "22", "Must be one of global, 26, TC, 53."),
        (
            "00406",
            {"status_code": "Q"},
            "status_code",
            "status_code.isin",
            "Q",
            "Must be one of A, B, C, D, E, F, G, H, I, J, M, N, P, R, T, X.",
        ),
        (
            "00406",
            {"global_days_code": "0"},
            "global_days_code",
            "global_days_code.isin",
            "0",
            "Must be one of 000, 010, 090, MMM, XXX, YYY, ZZZ.",
        ),
        ("00406", {"bilateral_code": "4"}, "bilateral_code", "bilateral_code.isin", "4", "Must be one of 0, 1, 2, 3, 9."),
        (
            "00406",
            {"supervision_code": "9"},
            "supervision_code",
            "supervision_code.pattern",
            "9",
            "Must look like ^[0-9][0-9A]$.",
        ),
        ("19307", {"work_rvu": "17.995"}, "work_rvu", "work_rvu.type", "17.995", TWO_DECIMALS),
        ("19307", {"work_rvu": "a lot"}, "work_rvu", "work_rvu.type", "a lot", TWO_DECIMALS),
        ("19307", {"work_rvu": ""}, "work_rvu", "work_rvu.not_empty", None, "Must not be empty."),
        ("19307", {"work_rvu": "-17.99"}, "work_rvu", "work_rvu.at_least", "-17.99", "Must be at least 0."),
        (
            "19307",
            {"conversion_factor_usd": "32.34651"},
            "conversion_factor_usd",
            "conversion_factor_usd.type",
            "32.34651",
            "Must be a number with at most 4 decimals.",
        ),
        (
            "19307",
            {"preoperative_percent": "0.20"},
            "*",
            "phases_sum",
            None,
            "PRE, INTRA and POST shares add up to 0 or 100 percent.",
        ),
        (
            "43239",
            {"endoscopic_base_code": ""},
            "*",
            "endoscopic_base_with_multiple_3",
            None,
            "ENDO BASE is filled exactly where MULT PROC is 3.",
        ),
        (
            "70551-TC",
            {"imaging_family_code": "99"},
            "*",
            "imaging_family_with_multiple_4",
            None,
            "MULT PROC 4 stands exactly where the imaging family is 88.",
        ),
        (
            "19307",
            {"is_not_used_for_payment": "+"},
            "*",
            "unused_rvu_flag",
            None,
            "The '+' stands exactly where a status outside A, R, T shows relative values.",
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_wrong_row_is_refused_and_the_others_stay(
    name: str, cells: dict[str, str], column: str, rule: str, value: str | None, reason: str
) -> None:
    values = read(PFS_ROWS["45378"], pfs_row(name, **cells), PFS_ROWS["71046"])
    assert values.indicators.accepted["code"].to_list() == ["45378", "71046"]
    assert listed(values.indicators.findings) == [finding(PPRRVU, 12, column, f"pfs_indicator.{rule}", value, reason)]


def test_duplicate_code_and_component_refuses_both_rows() -> None:
    values = read(PFS_ROWS["19307"], PFS_ROWS["45378"], PFS_ROWS["45378-53"], PFS_ROWS["19307"])
    reason = "The key (code, component, release_id) must occur once."
    assert values.indicators.accepted["component"].to_list() == ["global", "53"]
    assert listed(values.indicators.findings) == [
        finding(PPRRVU, line, "*", "pfs_indicator.key.unique", None, reason) for line in (11, 14)
    ]


def test_rows_of_another_width_are_refused() -> None:
    values = read(PFS_ROWS["19307"], PFS_ROWS["00406"] + ",", PFS_ROWS["45378"].rsplit(",", 1)[0])
    reason = "A row must have 31 cells."
    assert values.rows_read == 3
    assert values.indicators.accepted["code"].to_list() == ["19307"]
    assert listed(values.indicators.findings) == [
        finding(PPRRVU, 12, "*", "pfs_indicator.row.cell_count", "32 cells", reason),
        finding(PPRRVU, 13, "*", "pfs_indicator.row.cell_count", "30 cells", reason),
    ]


def test_conversion_factors_are_two_kinds() -> None:
    factors = conversion_factors(
        read(PFS_ROWS["19307"], PFS_ROWS["00406"]).indicators.accepted,
        source_file=PPRRVU,
        anesthesia=Decimal("20.3178"),
        anesthesia_file=ANES,
    )
    columns = ("factor_kind", "apm_status", "valid_from", "valid_to", "conversion_factor_usd", "release_id", "source_file")
    period = (date(2025, 10, 1), date(2025, 12, 31))
    assert factors.select(columns).rows() == [
        ("physician_fee_schedule", "any", *period, Decimal("32.3465"), "2025-10", PPRRVU),
        ("anesthesia", "any", *period, Decimal("20.3178"), "2025-10", ANES),
    ]


def test_conversion_factor_without_anesthesia_file_is_one() -> None:
    factors = conversion_factors(
        read(PFS_ROWS["19307"]).indicators.accepted, source_file=PPRRVU, anesthesia=None, anesthesia_file=None
    )
    assert factors["factor_kind"].to_list() == ["physician_fee_schedule"]


def test_two_conversion_factors_in_one_file_stop() -> None:
    rows = (PFS_ROWS["19307"], pfs_row("00406", conversion_factor_usd="33.4009"))
    with pytest.raises(StructureError) as caught:
        built(pprrvu=pfs_text(*rows))
    assert str(caught.value) == (
        f"{PPRRVU}: expected one conversion factor on every accepted row, found 2: [Decimal('32.3465'), Decimal('33.4009')]. "
        "Fetch the file again; releases with two factors come as two files."
    )


def localities(text: str) -> pl.DataFrame:
    return anesthesia_localities(raw_text(text, ANES), period=OCTOBER).rows.accepted


def test_anesthesia_file_of_2025_carries_the_national_factor_in_its_header() -> None:
    found = anesthesia_localities(raw_text(ANES_2025, ANES), period=OCTOBER)
    period = {"release_id": "2025-10", "valid_from": date(2025, 10, 1), "valid_to": date(2025, 12, 31), "source_file": ANES}
    rows = [
        {"contractor_code": contractor, "locality_code": code, "locality_name": name, "conversion_factor_usd": Decimal(factor)}
        for contractor, code, name, factor in [
            ("10112", "00", "ALABAMA", "19.31"),
            ("02102", "01", "ALASKA", "27.86"),
            ("03602", "21", "WYOMING", "19.97"),
        ]
    ]
    numbered = [{**row, **period, "source_row": line} for line, row in enumerate(rows, start=2)]
    assert_frame_equal(found.rows.accepted, pl.DataFrame(numbered, schema=AnesthesiaLocality.polars_schema(), orient="row"))
    assert (found.national_factor, found.rows_read, listed(found.rows.findings)) == (Decimal("20.3178"), 3, [])


def test_anesthesia_file_of_2024_carries_no_national_factor() -> None:
    found = anesthesia_localities(raw_text(ANES_2024, ANES), period=OCTOBER)
    assert found.rows.accepted.select("contractor_code", "locality_code", "conversion_factor_usd", "source_row").rows() == [
        ("10112", "00", Decimal("19.7700"), 2),
        ("03602", "21", Decimal("20.4300"), 3),
    ]
    assert (found.national_factor, found.rows_read, listed(found.rows.findings)) == (None, 2, [])


def test_contractor_without_its_leading_zero_is_refused() -> None:
    found = anesthesia_localities(raw_text(ANES_2024.replace("03602,21", "3602,21"), ANES), period=OCTOBER)
    assert found.rows.accepted["locality_name"].to_list() == ["ALABAMA"]
    assert listed(found.rows.findings) == [
        finding(ANES, 3, "contractor_code", "anesthesia_locality.contractor_code.pattern", "3602", "Must look like ^[0-9]{5}$.")
    ]


def test_anesthesia_file_with_another_last_column_stops() -> None:
    with pytest.raises(StructureError) as caught:
        localities(ANES_2025.replace("National Anes CF of 20.3178", "Price"))
    assert str(caught.value) == (
        f"{ANES} line 1 column 4: the header changed (missing: Anesthesia CF; unknown: Price): expected 'Anesthesia CF', "
        f"found 'Price'. {COMPARE}"
    )


@pytest.mark.parametrize("blank", [",,,,,,\r\n", ""])
def test_geographic_indices_stop_at_footnotes(blank: str) -> None:
    found = geographic_indices(raw_text(GPCI_2025 + blank + GPCI_FOOTNOTES, GPCI), period=OCTOBER)
    period = {"release_id": "2025-10", "valid_from": date(2025, 10, 1), "valid_to": date(2025, 12, 31), "source_file": GPCI}
    names = ("contractor_code", "state", "locality_code", "locality_name", "work_gpci", "pe_gpci", "malpractice_gpci")
    cells = [
        ("10112", "AL", "00", "ALABAMA", Decimal("1.000"), Decimal("0.869"), Decimal("0.575")),
        ("02102", "AK", "01", "ALASKA", Decimal("1.500"), Decimal("1.081"), Decimal("0.592")),
    ]
    rows = [{**dict(zip(names, row, strict=True)), **period, "source_row": line} for line, row in enumerate(cells, start=4)]
    assert_frame_equal(found.rows.accepted, pl.DataFrame(rows, schema=Gpci.polars_schema(), orient="row"))
    assert (found.national_factor, found.rows_read, listed(found.rows.findings)) == (None, 2, [])


def test_header_of_geographic_indices_may_carry_footnote_marks_and_another_year() -> None:
    text = GPCI_2025.replace("2025 PW GPCI (with 1.0 Floor)", "2026 PW GPCI (with 1.0 Floor)***")
    assert geographic_indices(raw_text(text, GPCI), period=OCTOBER).rows.accepted.height == 2


def test_geographic_indices_with_two_work_columns_stop() -> None:
    text = GPCI_2025.replace("2025 PW GPCI (with 1.0 Floor)", "2025 PW GPCI (without 1.0 Floor),2025 PW GPCI (with 1.0 Floor)")
    with pytest.raises(StructureError) as caught:
        geographic_indices(raw_text(text, GPCI), period=OCTOBER)
    assert str(caught.value) == (
        f"{GPCI} line 3 column 5: the header changed (unknown: PW GPCI (without 1.0 Floor)): "
        f"expected 'PW GPCI (with 1.0 Floor)', found 'PW GPCI (without 1.0 Floor)'. {COMPARE}"
    )


def test_geographic_indices_without_header_stop() -> None:
    with pytest.raises(StructureError) as caught:
        geographic_indices(raw_text("MAC,State\r\n10112,AL\r\n", GPCI), period=OCTOBER)
    assert str(caught.value) == (
        f"{GPCI}: expected a header beginning with 'Medicare Administrative Contractor (MAC)', found 'MAC,State'. "
        "Check that this is the GPCI file."
    )


def test_build_makes_every_table_of_a_release() -> None:
    made = built(pprrvu=pfs_text(pfs_row("71046", description="own words"), PFS_ROWS["71046-26"]), anes=ANES_2025, gpci=GPCI_2025)
    assert {name: frame.height for name, frame in made.tables.items()} == {
        "pfs_indicator": 2,
        "conversion_factor": 2,
        "code_description": 1,
        "anesthesia_locality": 3,
        "gpci": 2,
        "code": 1,
    }
    assert made.counts == [FileCount(PPRRVU, 2, 2, 0), FileCount(ANES, 3, 3, 0), FileCount(GPCI, 2, 2, 0)]
    assert [(said.source_file, said.released) for said in made.statements] == [(PPRRVU, date(2025, 9, 11))]
    assert isinstance(made.statements[0], Statement)
    assert made.tables["code"].rows(named=True) == [
        {
            "code_system": "CPT",
            "code": "71046",
            "valid_from": date(2025, 10, 1),
            "valid_to": date(2025, 12, 31),
            "section": "radiology",
            "copyright_holder": "AMA",
            "source_file": PPRRVU,
        }
    ]


def test_build_counts_read_as_accepted_and_refused() -> None:
    made = built(
        pprrvu=pfs_text(PFS_ROWS["19307"], pfs_row("00406", code="406", status_code="Q"), PFS_ROWS["43239"] + ",,"),
        anes=ANES_2025.replace("02102", "2102"),
    )
    assert made.counts == [FileCount(PPRRVU, 3, 1, 2), FileCount(ANES, 3, 2, 1)]
    assert made.findings.select("source_file", "source_row", "rule_id").rows() == [
        (PPRRVU, 13, "pfs_indicator.row.cell_count"),
        (PPRRVU, 12, "pfs_indicator.code.pattern"),
        (PPRRVU, 12, "pfs_indicator.status_code.isin"),
        (ANES, 3, "anesthesia_locality.contractor_code.pattern"),
    ]


def test_code_lives_from_its_first_to_its_last_release() -> None:
    january = Period("2025-01", date(2025, 1, 1), date(2025, 3, 31))
    older = "cms_pfs/2025-01/PPRRVU2025_Jan.csv"
    files = [
        source_file(pfs_text(PFS_ROWS["19307"]), PPRRVU, period=OCTOBER),
        source_file(pfs_text(PFS_ROWS["19307"], PFS_ROWS["45378"]), older, period=january),
    ]
    made = build(files, {"code_section": section_table()})
    assert made.tables["code"].select("code", "valid_from", "valid_to", "source_file").rows() == [
        ("19307", date(2025, 1, 1), date(2025, 12, 31), PPRRVU),
        ("45378", date(2025, 1, 1), date(2025, 3, 31), older),
    ]
    assert made.counts == [FileCount(older, 2, 2, 0), FileCount(PPRRVU, 1, 1, 0)]


def test_release_without_relative_values_stops() -> None:
    with pytest.raises(StructureError) as caught:
        built(anes=ANES_2025, gpci=GPCI_2025)
    assert str(caught.value) == (
        "cms_pfs/2025-10: expected the relative value file PPRRVU*.csv, found ANES2025.csv, GPCI2025.csv. "
        "Put the PPRRVU csv file of the release beside them."
    )


def test_file_without_period_stops() -> None:
    with pytest.raises(StructureError) as caught:
        build([source_file(pfs_text(PFS_ROWS["19307"]), "cms_pfs/latest/PPRRVU.csv")], {"code_section": section_table()})
    assert str(caught.value) == (
        "cms_pfs/latest/PPRRVU.csv: expected a release folder named YYYY-MM, or an origin.json that gives its period, "
        "found neither. Move the file to cms_pfs/<year>-<month of the release>/."
    )


ODD_CELLS = st.fixed_dictionaries(
    {
        "code": st.sampled_from(["00406", "406", "A0021", "0042T", ""]),
        "component": st.sampled_from(["", "26", "99"]),
        "status_code": st.sampled_from(["J", "Q", ""]),
        "work_rvu": st.sampled_from(["0.00", "0.001", "x", ""]),
        "preoperative_percent": st.sampled_from(["0.00", "0.5", "x", "."]),
    }
)


@settings(deadline=None, max_examples=10)
@given(st.lists(ODD_CELLS, max_size=5))
def test_every_row_is_accepted_or_refused(rows: list[dict[str, str]]) -> None:
    values = read(*(pfs_row("00406", **row) for row in rows))
    refused = set(values.indicators.findings["source_row"])
    assert sorted([*values.indicators.accepted["source_row"], *refused]) == list(range(11, 11 + len(rows)))


def test_shipped_release_is_read_without_a_finding() -> None:
    made = shipped()["cms_pfs"]
    assert made.counts == [FileCount(PPRRVU, 394, 394, 0), FileCount(ANES, 24, 24, 0), FileCount(GPCI, 24, 24, 0)]
    assert listed(made.findings) == []
    assert made.tables["pfs_indicator"].height == 394
    assert made.tables["conversion_factor"].select("factor_kind", "conversion_factor_usd").rows() == [
        ("physician_fee_schedule", Decimal("32.3465")),
        ("anesthesia", Decimal("20.3178")),
    ]
    assert made.tables["code_description"].height == 0


STATUS_COUNTS = {
    "A": 9021,
    "X": 2548,
    "E": 1569,
    "I": 1486,
    "C": 1347,
    "M": 1216,
    "R": 1058,
    "N": 336,
    "J": 276,
    "P": 142,
    "B": 83,
    "T": 8,
}


@pytest.mark.full
def test_full_release_of_october_2025() -> None:
    path = PUBLISHED / "cms_pfs" / "2025-10" / "PPRRVU2025_Oct.csv"
    if not path.is_file():
        pytest.skip("the full published fee schedule is not beside the project")
    values = relative_values(decode(path.read_bytes(), source_file=PPRRVU, allow_cp1252=True), period=OCTOBER)
    rows = values.indicators.accepted
    assert (values.rows_read, rows.height, listed(values.indicators.findings)) == (19_090, 19_090, [])
    assert rows["code"].n_unique() == 16_852
    assert dict(Counter(rows["status_code"])) == STATUS_COUNTS
    assert dict(Counter(rows["component"])) == {"global": 16_851, "26": 1_127, "TC": 1_108, "53": 4}
    assert rows["is_not_used_for_payment"].sum() == 148
    assert rows.filter(pl.col("code") == "86153")["component"].to_list() == ["26"]


@pytest.mark.parametrize("text", [GPCI_2025.replace("\r\n,,,,,,\r\n", "\r\n\r\n", 1), GPCI_2025 + "\r\n"])
def test_blank_lines_in_geographic_indices_are_skipped(text: str) -> None:
    assert geographic_indices(raw_text(text, GPCI), period=OCTOBER).rows.accepted.height == 2


@pytest.mark.parametrize(("reader", "name"), [(anesthesia_localities, ANES), (geographic_indices, GPCI)])
@pytest.mark.parametrize("text", ["\x1a\r\n", ""])
def test_file_without_any_record_is_an_empty_file(reader: Callable[..., Localities], name: str, text: str) -> None:
    with pytest.raises(StructureError) as caught:
        reader(raw_text(text, name), period=OCTOBER)
    assert str(caught.value) == f"{name}: expected at least a header, found an empty file. Fetch the file again."


def test_blank_line_before_the_anesthesia_header_is_skipped() -> None:
    blank_first = anesthesia_localities(raw_text("\r\n" + ANES_2024, ANES), period=OCTOBER)
    plain = anesthesia_localities(raw_text(ANES_2024, ANES), period=OCTOBER)
    assert blank_first.rows.accepted.drop("source_row").equals(plain.rows.accepted.drop("source_row"))


def test_released_line_below_the_header_stops() -> None:
    text = pfs_text(PFS_ROWS["19307"], preamble=PREAMBLE[:4], after=(PREAMBLE[4],))
    with pytest.raises(StructureError, match="expected the header below the line 'RELEASED mm/dd/yyyy'"):
        relative_values(raw_text(text, PPRRVU), period=OCTOBER)


def test_phase_with_more_decimals_than_the_column_holds_is_refused() -> None:
    assert read(pfs_row("19307", preoperative_percent="0.10006")).indicators.accepted.height == 0


def test_phases_are_added_up_exactly() -> None:
    assert read(pfs_row("19307", preoperative_percent="0.105")).indicators.accepted.height == 0


def test_phase_that_is_no_number_shows_its_value() -> None:
    found = listed(read(pfs_row("19307", preoperative_percent="x")).indicators.findings)
    (first, *_) = [row for row in found if row["column_name"] != "*"]
    assert (first["value"], first["rule_id"]) == ("x", "pfs_indicator.preoperative_percent.type")


@pytest.mark.parametrize(("column", "mark"), [("is_rare_in_facility", "N/A"), ("is_not_used_for_payment", "x")])
def test_flag_nobody_knows_is_refused(column: str, mark: str) -> None:
    assert read(pfs_row("19307", **{column: mark})).indicators.accepted.height == 0


def test_file_whose_rows_are_all_refused_is_named() -> None:
    with pytest.raises(StructureError) as caught:
        built(pprrvu=pfs_text(pfs_row("19307", code="1")))
    assert str(caught.value).startswith(f"{PPRRVU}: expected one conversion factor on every accepted row, found 0: [].")


def test_second_relative_value_file_of_a_release_stops() -> None:
    files = [
        source_file(pfs_text(PFS_ROWS["19307"]), PPRRVU, period=OCTOBER),
        source_file(pfs_text(PFS_ROWS["45378"]), PPRRVU.replace("_Oct", "_Oct_2"), period=OCTOBER),
    ]
    with pytest.raises(StructureError, match="expected one file of its kind in a release folder"):
        build(files, {"code_section": section_table()})


def test_code_outside_every_section_is_refused() -> None:
    made = built(pprrvu=pfs_text(PFS_ROWS["19307"], pfs_row("19307", code="02000")))
    assert made.tables["code"]["code"].to_list() == ["19307"]
    assert [row["rule_id"] for row in listed(made.findings)] == ["pfs_indicator.code.section"]
