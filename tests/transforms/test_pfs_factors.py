"""Conversion factors, and the two relative value files of a release since 2026."""

from datetime import date
from decimal import Decimal

import pytest

from schemas import PfsIndicator
from tests.transforms.builders import ANES, OCTOBER, PFS_ROWS, PPRRVU, listed, pfs_row, pfs_text
from tests.transforms.pfs_builders import JULY, NON_QPP, QPP, built, csv_file, file_2026, read, row_2026
from tests.transforms.test_pfs_localities import ANES_2026
from transforms.errors import StructureError
from transforms.pfs_factors import conversion_factors
from transforms.sources import FileCount

NAMES = ("19307", "71046", "71046-26", "71046-TC")
ADVICE = "The two files of a release differ in nothing but their factors; fetch both again."
BASE = [row_2026(name) for name in (*NAMES, "00406")]
QUALIFYING = [row_2026(name, factor="33.5675", pricing="1") for name in NAMES]
COLUMNS = ("factor_kind", "apm_status", "conversion_factor_usd", "known_from", "source_file")


def disagreement(base: list[str], qualifying: list[str]) -> str:
    with pytest.raises(StructureError) as caught:
        built([file_2026(*base), file_2026(*qualifying, name=QPP)])
    return str(caught.value)


def test_conversion_factors_are_two_kinds() -> None:
    factors = conversion_factors(
        {"any": read(PFS_ROWS["19307"], PFS_ROWS["00406"])},
        {"any": Decimal("20.3178")},
        anesthesia_file=ANES,
        period=OCTOBER._replace(published=date(2025, 9, 11)),
    )
    assert factors.select(*COLUMNS, "valid_from", "valid_to", "release_id").rows() == [
        ("physician_fee_schedule", "any", Decimal("32.3465"), date(2025, 9, 11), PPRRVU, *OCTOBER[1:3], "2025-10"),
        ("anesthesia", "any", Decimal("20.3178"), date(2025, 9, 11), ANES, *OCTOBER[1:3], "2025-10"),
    ]


def test_conversion_factor_without_anesthesia_file_is_one() -> None:
    factors = conversion_factors({"any": read(PFS_ROWS["19307"])}, {}, anesthesia_file=None, period=OCTOBER)
    assert factors["factor_kind"].to_list() == ["physician_fee_schedule"]


def test_two_conversion_factors_in_one_file_stop() -> None:
    with pytest.raises(StructureError) as caught:
        built({"pprrvu": pfs_text(PFS_ROWS["19307"], pfs_row("00406", conversion_factor_usd="33.4009"))})
    assert str(caught.value) == (
        f"{PPRRVU}: expected one conversion factor on every accepted row, found 2: [Decimal('32.3465'), Decimal('33.4009')]. "
        "Fetch the file again; releases with two factors come as two files."
    )


def test_file_whose_rows_are_all_refused_is_named() -> None:
    with pytest.raises(StructureError) as caught:
        built({"pprrvu": pfs_text(pfs_row("19307", code="1"))})
    assert str(caught.value).startswith(f"{PPRRVU}: expected one conversion factor on every accepted row, found 0: [].")


@pytest.mark.parametrize("is_reversed", [False, True])
def test_two_files_give_two_factors_and_the_indicators_once(*, is_reversed: bool) -> None:
    files = [file_2026(*BASE), file_2026(*QUALIFYING, name=QPP), csv_file(ANES_2026, ANES.replace("2025", "2026"), period=JULY)]
    made = built(files[::-1] if is_reversed else files)
    day = date(2025, 9, 11)
    assert made.tables["conversion_factor"].select(COLUMNS).sort("factor_kind", "apm_status").rows() == [
        ("anesthesia", "non_qualifying", Decimal("20.49754"), day, ANES.replace("2025", "2026")),
        ("anesthesia", "qualifying", Decimal("20.599835"), day, ANES.replace("2025", "2026")),
        ("physician_fee_schedule", "non_qualifying", Decimal("33.4009"), day, NON_QPP),
        ("physician_fee_schedule", "qualifying", Decimal("33.5675"), day, QPP),
    ]
    indicators = made.tables["pfs_indicator"]
    assert indicators.select("code", "component").rows() == [
        ("19307", "global"),
        ("71046", "global"),
        ("71046", "26"),
        ("71046", "TC"),
        ("00406", "global"),
    ]
    assert indicators["source_file"].unique().to_list() == [NON_QPP]
    assert indicators["pricing_code"].unique().to_list() == ["9"]
    assert made.counts == [
        FileCount(NON_QPP, 5, 5, 0),
        FileCount(QPP, 4, 4, 0),
        FileCount(ANES.replace("2025", "2026"), 2, 2, 0),
    ]
    assert [said.source_file for said in made.statements] == [NON_QPP, QPP]
    assert listed(made.findings) == []


@pytest.mark.parametrize(("name", "status"), [(NON_QPP, "non_qualifying"), (QPP, "qualifying")])
def test_release_with_one_of_the_two_files_gives_its_factor(name: str, status: str) -> None:
    made = built([file_2026(*BASE, name=name)])
    assert made.tables["conversion_factor"].select("factor_kind", "apm_status").rows() == [("physician_fee_schedule", status)]
    assert made.tables[PfsIndicator.table_name()].height == 5


def test_row_that_says_something_else_stops() -> None:
    other = [QUALIFYING[0], row_2026("71046", factor="33.5675", pricing="1", bilateral_code="1"), *QUALIFYING[2:]]
    assert disagreement(BASE, other) == (
        f"{QPP} line 12: expected 71046 global as in {NON_QPP}, found bilateral_code 1 and not 0. {ADVICE}"
    )


def test_row_in_the_file_for_qualifying_clinicians_alone_stops() -> None:
    assert disagreement(BASE[:2] + BASE[3:], QUALIFYING) == (
        f"{QPP} line 13: expected 71046 26 as in {NON_QPP}, found a row that it lacks. {ADVICE}"
    )


def test_paid_row_that_the_file_for_qualifying_clinicians_lacks_stops() -> None:
    assert disagreement(BASE, QUALIFYING[1:]) == (
        f"{NON_QPP} line 11: expected 19307 global as in {QPP}, found a row that it lacks, with a status that is paid. {ADVICE}"
    )


def test_row_refused_in_one_file_is_no_disagreement() -> None:
    refused = [row_2026("19307", status_code="Q"), *BASE[1:]]
    made = built([file_2026(*refused), file_2026(*QUALIFYING, name=QPP)])
    assert made.counts == [FileCount(NON_QPP, 5, 4, 1), FileCount(QPP, 4, 4, 0)]
    also = built([file_2026(*BASE), file_2026(row_2026("19307", factor="33.5675", status_code="Q"), *QUALIFYING[1:], name=QPP)])
    assert also.counts == [FileCount(NON_QPP, 5, 5, 0), FileCount(QPP, 4, 3, 1)]


@pytest.mark.parametrize(
    "names",
    [
        (NON_QPP, NON_QPP.replace("_Jul", "_Jul_1")),
        (NON_QPP, "cms_pfs/2026-07/PPRRVU2026_Jul.csv"),
        ("cms_pfs/2026-07/PPRRVU2026_Jul.csv", QPP),
    ],
)
def test_second_relative_value_file_that_is_no_counterpart_stops(names: tuple[str, str]) -> None:
    with pytest.raises(StructureError) as caught:
        built([file_2026(*BASE, name=name) for name in names])
    assert str(caught.value) == (
        f"{names[1]}: expected one file of its kind in a release folder, found {names[0].rsplit('/', 1)[1]} beside it. "
        "Keep the one that is meant, or give each release a folder."
    )
