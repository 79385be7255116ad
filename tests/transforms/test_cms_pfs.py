"""Releases of the Medicare Physician Fee Schedule: files become tables, releases stand side by side."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.transforms.builders import (
    ANES,
    GPCI,
    OCTOBER,
    PFS_ROWS,
    PPRRVU,
    finding,
    listed,
    pfs_row,
    pfs_text,
    section_table,
    shipped,
    shipped_tables,
    source_file,
)
from tests.transforms.pfs_builders import COUNTIES, OTHER, RECORDS, built, csv_file, pfs_workbook, records_file
from tests.transforms.test_pfs_counties import LINES
from tests.transforms.test_pfs_localities import ANES_2025, GPCI_2025
from tests.transforms.test_pfs_opps_caps import csv_text
from transforms.archive import members
from transforms.cms_pfs import build, combine
from transforms.errors import StructureError
from transforms.history import ReleaseTables
from transforms.pfs_layouts import FileKind, kind_of
from transforms.sources import Built, FileCount, Period, SourceFile, Statement

JANUARY = Period("2025-01", date(2025, 1, 1), date(2025, 3, 31))
JANUARY_FILE = "cms_pfs/2025-01/PPRRVU2025_Jan.csv"
APRIL = Period("2024-04", date(2024, 4, 1), date(2024, 6, 30), date(2024, 3, 15))
PUBLISHED = OCTOBER._replace(published=date(2025, 9, 11))


def side_by_side(*parts: tuple[Period, SourceFile]) -> Built:
    return combine([ReleaseTables(period, built([file])) for period, file in parts])


def test_build_makes_every_table_of_a_release() -> None:
    made = built(
        {
            "pprrvu": pfs_text(*(pfs_row(name, description="own words") for name in ("71046", "71046-26", "71046-TC"))),
            "anes": ANES_2025,
            "gpci": GPCI_2025,
            "oppscap": csv_text("71046,TC,A,02102,01,20.00,20.00"),
            "locco": "".join(f"{line}\r\n" for line in LINES),
        }
    )
    assert {name: frame.height for name, frame in made.tables.items()} == {
        "pfs_indicator": 3,
        "conversion_factor": 2,
        "code_listing": 1,
        "code_description": 1,
        "anesthesia_locality": 4,
        "gpci": 2,
        "opps_cap": 1,
        "locality_county": 6,
    }
    assert made.counts == [
        FileCount(PPRRVU, 3, 3, 0),
        FileCount(ANES, 4, 4, 0),
        FileCount(GPCI, 2, 2, 0),
        FileCount(OTHER, 1, 1, 0),
        FileCount(COUNTIES, 6, 6, 0),
    ]
    notice = "Codes are copyright 2024 First Owner. All Rights Reserved. Dental codes are COPYRIGHT 2025/26 Second Owner."
    assert made.statements == [Statement(PPRRVU, notice, date(2025, 9, 11))]
    assert listed(made.findings) == []


def test_listing_and_description_of_a_code() -> None:
    made = built({"pprrvu": pfs_text(pfs_row("71046", description="own words"), PFS_ROWS["71046-26"], PFS_ROWS["71046-TC"])})
    common = {"code_system": "CPT", "code": "71046", "valid_from": date(2025, 10, 1), "valid_to": None}
    release = {"known_from": date(2025, 9, 11), "release_id": "2025-10", "source_file": PPRRVU}
    (listing,) = made.tables["code_listing"].to_dicts()
    assert listing == {
        **common,
        **release,
        "valid_to": date(2025, 12, 31),
        "source": "cms_pfs",
        "action_code": None,
        "source_row": 11,
    }
    (description,) = made.tables["code_description"].to_dicts()
    assert description == {
        **common,
        **release,
        "kind": "short",
        "source": "cms_pfs",
        "description": "own words",
        "copyright_holder": "AMA",
        "licence": "AMA",
    }


def test_every_table_is_known_since_the_day_in_the_relative_value_file() -> None:
    made = built({"pprrvu": pfs_text(PFS_ROWS["19307"]), "anes": ANES_2025, "gpci": GPCI_2025})
    days = {name: frame["known_from"].unique().to_list() for name, frame in made.tables.items()}
    assert days == {name: [date(2025, 9, 11)] for name in days} | {"code_description": []}


def test_every_table_is_known_since_the_publication_of_the_release() -> None:
    published = OCTOBER._replace(published=date(2025, 9, 1))
    files = [csv_file(pfs_text(PFS_ROWS["19307"]), PPRRVU, period=published), csv_file(GPCI_2025, GPCI, period=published)]
    made = built(files)
    assert {day for frame in made.tables.values() for day in frame["known_from"]} == {date(2025, 9, 1)}
    assert made.statements[0].released == date(2025, 9, 11)


def test_formats_give_the_same_tables() -> None:
    names = list(PFS_ROWS)
    rows = [pfs_row(name) for name in names]
    csv = built([csv_file(pfs_text(*rows), period=PUBLISHED)])
    text = records_file(*(RECORDS[name] for name in names))
    others = [built([SourceFile(file.source_file, file.content, PUBLISHED, "local")]) for file in (text, pfs_workbook(*rows))]
    for other in others:
        for name, frame in csv.tables.items():
            place = [column for column in ("source_file", "source_row") if column in frame.columns]
            assert_frame_equal(other.tables[name].drop(place), frame.drop(place))
        assert [row["rule_id"] for row in listed(other.findings)] == [row["rule_id"] for row in listed(csv.findings)]


def test_build_counts_read_as_accepted_and_refused() -> None:
    made = built(
        {
            "pprrvu": pfs_text(PFS_ROWS["19307"], pfs_row("00406", code="406", status_code="Q"), PFS_ROWS["43239"] + ",,"),
            "anes": ANES_2025.replace("02102", "2102"),
        }
    )
    assert made.counts == [FileCount(PPRRVU, 3, 1, 2), FileCount(ANES, 4, 3, 1)]
    assert made.findings.select("source_file", "source_row", "rule_id").rows() == [
        (PPRRVU, 13, "pfs_indicator.row.cell_count"),
        (PPRRVU, 12, "pfs_indicator.code.pattern"),
        (PPRRVU, 12, "pfs_indicator.status_code.isin"),
        (ANES, 3, "anesthesia_locality.contractor_code.pattern"),
    ]


def test_warning_leaves_its_row_in_the_data() -> None:
    made = built({"pprrvu": pfs_text(PFS_ROWS["71046"], PFS_ROWS["71046-TC"])})
    assert made.counts == [FileCount(PPRRVU, 2, 2, 0)]
    assert [(row["rule_id"], row["severity"]) for row in listed(made.findings)] == [
        ("pfs_indicator.component.tc_beside_26", "warning")
    ]


def test_release_without_relative_values_stops() -> None:
    with pytest.raises(StructureError) as caught:
        built({"anes": ANES_2025, "gpci": GPCI_2025})
    assert str(caught.value) == (
        "cms_pfs/2025-10: expected the relative value file PPRRVU*.csv, found ANES2025.csv, GPCI2025.csv. "
        "Put the PPRRVU file of the release beside them."
    )


def test_file_without_period_stops() -> None:
    with pytest.raises(StructureError) as caught:
        build([source_file(pfs_text(PFS_ROWS["19307"]), "cms_pfs/latest/PPRRVU.csv")], {"code_section": section_table()})
    assert str(caught.value) == (
        "cms_pfs/latest/PPRRVU.csv: expected a release folder named YYYY-MM, or an origin.json that gives its period, "
        "found neither. Move the file to cms_pfs/<year>-<month of the release>/."
    )


def test_second_file_of_a_kind_stops() -> None:
    files = [
        csv_file(pfs_text(PFS_ROWS["19307"])),
        csv_file(GPCI_2025, GPCI),
        csv_file(GPCI_2025, GPCI.replace("2025.", "2025_1.")),
    ]
    with pytest.raises(StructureError, match=r"expected one file of its kind in a release folder, found GPCI2025\.csv beside it"):
        built(files)


def test_code_outside_every_section_is_refused_with_its_description() -> None:
    made = built({"pprrvu": pfs_text(PFS_ROWS["19307"], pfs_row("19307", code="02000", description="own words"))})
    assert made.tables["code_listing"]["code"].to_list() == ["19307"]
    assert made.tables["code_description"].height == 0
    assert listed(made.findings) == [
        finding(PPRRVU, 12, "code", "pfs_indicator.code.section", "02000", "Must fall into a range of code_section.")
    ]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("PPRRVU24_APR.csv", FileKind("relative_values", "any")),
        ("PPRRVU2026_Jul_nonQPP.csv", FileKind("relative_values", "non_qualifying")),
        ("PPRRvu2026_Jan_QPP.xlsx", FileKind("relative_values", "qualifying")),
        ("PPRRVU2026_Jul_nonQPP.excerpt.csv", FileKind("relative_values", "non_qualifying")),
        ("PPRRVU2026_nonqpp_1.txt", FileKind("relative_values", "non_qualifying")),
        ("PPRRVU2026_Oct_QPPX.csv", FileKind("relative_values", "any")),
        ("ANES2026.csv", FileKind("anesthesia", "any")),
        ("GPCI2025.txt", FileKind("indices", "any")),
        ("OPPSCAP_Apr.csv", FileKind("opps_caps", "any")),
        ("25LOCCO.csv", FileKind("counties", "any")),
    ],
)
def test_kind_of_a_file_is_in_its_name(name: str, kind: FileKind) -> None:
    assert kind_of(source_file("", f"cms_pfs/2026-07/x.zip/{name}")) == kind


def test_name_of_no_kind_stops() -> None:
    with pytest.raises(StructureError) as caught:
        kind_of(source_file("", "cms_pfs/2025-10/notes.csv"))
    assert str(caught.value) == (
        "cms_pfs/2025-10/notes.csv: expected a name with PPRRVU, ANES, GPCI, OPPSCAP or LOCCO, found notes.csv. "
        "Give the file the name under which CMS published it."
    )


def test_releases_stand_side_by_side_and_a_missing_code_is_closed() -> None:
    made = side_by_side(
        (JANUARY, csv_file(pfs_text(PFS_ROWS["19307"], PFS_ROWS["45378"]), JANUARY_FILE, period=JANUARY)),
        (OCTOBER, csv_file(pfs_text(pfs_row("19307", bilateral_code="2"), PFS_ROWS["00406"]))),
    )
    assert made.tables["code_listing"].sort("code").select("code", "valid_from", "valid_to", "source_file").rows() == [
        ("00406", date(2025, 10, 1), None, PPRRVU),
        ("19307", date(2025, 1, 1), None, JANUARY_FILE),
        ("45378", date(2025, 1, 1), date(2025, 9, 30), JANUARY_FILE),
    ]
    assert made.tables["pfs_indicator"].select("code", "release_id", "bilateral_code").rows() == [
        ("19307", "2025-01", "1"),
        ("45378", "2025-01", "0"),
        ("19307", "2025-10", "2"),
        ("00406", "2025-10", "9"),
    ]
    changed = made.tables["change"].filter(pl.col("column_name") == "bilateral_code")
    assert changed.select("record_key", "old_value", "new_value", "to_release").rows() == [
        ("CPT|19307|global", "1", "2", "2025-10")
    ]
    assert made.counts == [FileCount(JANUARY_FILE, 2, 2, 0), FileCount(PPRRVU, 2, 2, 0)]


def test_releases_that_claim_the_same_day_stop() -> None:
    late = Period("2025-09", date(2025, 9, 1), date(2025, 11, 30))
    with pytest.raises(StructureError) as caught:
        side_by_side(
            (late, csv_file(pfs_text(PFS_ROWS["19307"]), "cms_pfs/2025-09/PPRRVU.csv", period=late)),
            (OCTOBER, csv_file(pfs_text(PFS_ROWS["19307"]))),
        )
    assert str(caught.value) == (
        "cms_pfs/2025-10: expected a period after release 2025-09, which ends on 2025-11-30, found one that starts on 2025-10-01. "
        "State valid_from and valid_to in the origin.json of both releases."
    )


def test_release_far_larger_than_the_one_before_is_reported() -> None:
    smaller = csv_file(pfs_text(PFS_ROWS["19307"]), JANUARY_FILE, period=JANUARY)
    made = side_by_side((JANUARY, smaller), (OCTOBER, csv_file(pfs_text(PFS_ROWS["19307"], PFS_ROWS["00406"]))))
    assert listed(made.findings) == [
        finding(
            PPRRVU,
            0,
            "*",
            "pfs_indicator.release.row_count",
            "2",
            "Should be within 5 percent of the 1 rows of the release before.",
            "warning",
        )
    ]


def test_shipped_release_is_read_without_a_refusal() -> None:
    made = shipped()["cms_pfs"]
    assert made.counts == [FileCount(PPRRVU, 394, 394, 0), FileCount(ANES, 24, 24, 0), FileCount(GPCI, 24, 24, 0)]
    assert made.findings["severity"].unique().to_list() == ["warning"]
    assert made.tables["pfs_indicator"].height == 394
    assert made.tables["conversion_factor"].select("factor_kind", "conversion_factor_usd").rows() == [
        ("physician_fee_schedule", Decimal("32.3465")),
        ("anesthesia", Decimal("20.3178")),
    ]
    assert made.tables["code_description"].height == 0
    assert shipped_tables()["code"].height == 235


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
CUT_NAMES = 5
"""Localities of October 2025 whose names are longer than the 40 characters of the text file."""


@cache
def october(full_files: Path, suffix: str) -> Built:
    """The whole release of October 2025 in one of its formats."""
    folder = full_files / "cms_pfs" / "2025-10"
    names = (f"PPRRVU2025_Oct.{suffix}", f"ANES2025.{suffix}", f"GPCI2025.{suffix}")
    files = [
        SourceFile(f"cms_pfs/2025-10/{name}", (folder / name).read_bytes(), PUBLISHED, "local", allow_cp1252=True)
        for name in names
    ]
    return build(files, {"code_section": shipped_tables()["code_section"]})


@cache
def april(full_files: Path, suffix: str) -> Built:
    """The release of April 2024 from its archive: relative values and anesthesia in one format, indices as csv."""
    archive = "cms_pfs/2024-04/RVU24B.zip"
    patterns = (f"PPRRVU*.{suffix}", f"ANES*.{suffix}", "GPCI*.csv")
    found = members((full_files / archive).read_bytes(), source_file=archive, patterns=patterns)
    files = [SourceFile(f"{archive}/{member.name}", member.content, APRIL, "local", allow_cp1252=True) for member in found]
    return build(files, {"code_section": shipped_tables()["code_section"]})


def without_place(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.drop("source_file", "source_row", strict=False)


def differing(left: Built, right: Built) -> Iterator[tuple[str, str, int]]:
    """Table, column and number of rows that differ."""
    for name in left.tables:
        one, other = without_place(left.tables[name]), without_place(right.tables[name])
        if one.height != other.height:
            yield name, "*", one.height - other.height
        else:
            yield from (
                (name, column, differs) for column in one.columns if (differs := one[column].ne_missing(other[column]).sum())
            )


@pytest.mark.full
def test_full_release_of_october_2025(full_files: Path) -> None:
    made = october(full_files, "csv")
    rows = made.tables["pfs_indicator"]
    assert [count[1:] for count in made.counts] == [(19_090, 19_090, 0), (109, 109, 0), (109, 109, 0)]
    assert rows["code"].n_unique() == 16_852
    assert dict(Counter(rows["status_code"])) == STATUS_COUNTS
    assert dict(Counter(rows["component"])) == {"global": 16_851, "26": 1_127, "TC": 1_108, "53": 4}
    assert rows["is_not_used_for_payment"].sum() == 148
    assert rows.filter(pl.col("code") == "86153")["component"].to_list() == ["26"]
    assert rows["pricing_code"].null_count() == 19_090
    assert dict(Counter(made.findings["rule_id"])) == {"pfs_indicator.global_days_code.with_phases": 12}


@pytest.mark.full
def test_formats_of_october_2025_differ_in_what_the_anesthesia_text_leaves_out(full_files: Path) -> None:
    csv = october(full_files, "csv")
    assert list(differing(csv, october(full_files, "xlsx"))) == []
    text = october(full_files, "txt")
    assert list(differing(csv, text)) == [
        ("conversion_factor", "*", 1),
        ("anesthesia_locality", "locality_name", CUT_NAMES),
    ]
    assert [said.released for said in text.statements] == [None]


@pytest.mark.full
def test_full_release_of_april_2024(full_files: Path) -> None:
    csv = april(full_files, "csv")
    assert [count[1:] for count in csv.counts] == [(18_534, 18_534, 0), (109, 109, 0), (109, 109, 0)]
    assert list(differing(csv, april(full_files, "txt"))) == []
    assert csv.tables["conversion_factor"].select("factor_kind", "conversion_factor_usd").rows() == [
        ("physician_fee_schedule", Decimal("33.2875"))
    ]
    assert dict(Counter(csv.findings["rule_id"])) == {
        "pfs_indicator.global_days_code.with_phases": 12,
        "pfs_indicator.imaging_family_code.with_multiple_4": 24,
    }
    warned = csv.findings.filter(pl.col("column_name") == "imaging_family_code")
    dental = csv.tables["pfs_indicator"].join(warned, on=["source_file", "source_row"], how="semi")
    assert dental["code"].unique().sort().to_list() == ["D0322", *(f"D038{digit}" for digit in range(7))]


@pytest.mark.full
def test_two_full_releases_stand_side_by_side(full_files: Path) -> None:
    parts = [ReleaseTables(APRIL, april(full_files, "csv")), ReleaseTables(PUBLISHED, october(full_files, "csv"))]
    made = combine(parts)
    assert made.tables["pfs_indicator"].height == 18_534 + 19_090
    assert dict(Counter(made.findings["severity"])) == {"warning": 48}


@pytest.mark.full
def test_excerpt_of_2026_is_read(full_files: Path) -> None:
    (path,) = (full_files / "excerpts_2026").glob("PPRRVU*")
    july = Period("2026-07", date(2026, 7, 1), date(2026, 9, 30))
    file = SourceFile(f"cms_pfs/2026-07/{path.name}", path.read_bytes(), july, "local", allow_cp1252=True)
    made = build([file], {"code_section": shipped_tables()["code_section"]})
    assert made.tables["pfs_indicator"].select("code", "pricing_code", "known_from").rows() == [
        (code, "9", date(2026, 6, 30)) for code in ("0001F", "00100", "0012F")
    ]
    assert made.tables["conversion_factor"].select("apm_status", "conversion_factor_usd").rows() == [
        ("non_qualifying", Decimal("33.4009"))
    ]
