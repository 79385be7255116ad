"""What holds across the rows of a release."""

import pytest

from tests.transforms.builders import PFS_ROWS, PPRRVU, finding, listed, pfs_row, shipped_tables
from tests.transforms.pfs_builders import read
from transforms.pfs_invariants import INVARIANTS, invariant_findings

WHOLE, PART_26, PART_TC = PFS_ROWS["71046"], PFS_ROWS["71046-26"], PFS_ROWS["71046-TC"]
SUM_OF_TERMS = "The total must be work, practice expense and malpractice together."
SUM_OF_PARTS = "With status A, the total of the whole service must be that of its 26 and TC rows."


def warned(*rows: str) -> list[dict[str, object]]:
    values = read(*rows)
    assert listed(values.indicators.findings) == []
    return listed(invariant_findings(values.indicators.accepted))


def warning(row: int, column: str, check: str, value: str, reason: str) -> dict[str, object]:
    return finding(PPRRVU, row, column, f"pfs_indicator.{column}.{check}", value, reason, "warning")


def test_rows_that_hold_give_no_warning() -> None:
    assert warned(WHOLE, PART_26, PART_TC, PFS_ROWS["19307"], PFS_ROWS["45378"], PFS_ROWS["45378-53"], PFS_ROWS["00406"]) == []


def test_empty_release_gives_no_warning() -> None:
    indicators = read(WHOLE).indicators.accepted.clear()
    assert listed(invariant_findings(indicators)) == []


CASES: list[tuple[list[str], list[dict[str, object]]]] = [
    ([WHOLE, PART_TC], [warning(12, "component", "tc_beside_26", "TC", "A TC row must stand beside a 26 row of its code.")]),
    (
        [WHOLE, PART_26],
        [warning(12, "component", "26_beside_tc", "26", "A 26 row without a TC row of its code must have PCTC IND 6.")],
    ),
    ([pfs_row("71046-26", pctc_code="6")], []),
    (
        [pfs_row("43239", endoscopic_base_code="43235")],
        [warning(11, "endoscopic_base_code", "listed", "43235", "ENDO BASE must be a code of the file.")],
    ),
    ([PFS_ROWS["43239"], pfs_row("45378", code="43235")], []),
    (
        [pfs_row("45378", imaging_family_code="88")],
        [
            warning(
                11,
                "imaging_family_code",
                "with_multiple_4",
                "88",
                "The imaging family must be 88 exactly where MULT PROC is 4.",
            )
        ],
    ),
    (
        [pfs_row("45378", multiple_procedure_code="4")],
        [
            warning(
                11,
                "imaging_family_code",
                "with_multiple_4",
                "99",
                "The imaging family must be 88 exactly where MULT PROC is 4.",
            )
        ],
    ),
    (
        [pfs_row("45378", calculation_flag="1")],
        [warning(11, "calculation_flag", "zero", "1", "CALCULATION FLAG must be 0, as since July 2014.")],
    ),
    (
        [pfs_row("45378", global_days_code="090")],
        [
            warning(
                11,
                "global_days_code",
                "with_phases",
                "090",
                "With GLOB DAYS 010 or 090, PRE, INTRA and POST should share the global package.",
            )
        ],
    ),
    (
        [pfs_row("19307", global_days_code="000")],
        [
            warning(
                11,
                "global_days_code",
                "without_phases",
                "000",
                "PRE, INTRA and POST must be 0 unless GLOB DAYS is 010 or 090.",
            )
        ],
    ),
    (
        [pfs_row("45378", nonfacility_total_rvu="10.14")],
        [warning(11, "nonfacility_total_rvu", "sum_of_terms", "10.14", SUM_OF_TERMS)],
    ),
    (
        [pfs_row("45378", facility_pe_rvu="1.80")],
        [warning(11, "facility_total_rvu", "sum_of_terms", "5.48", SUM_OF_TERMS)],
    ),
    (
        [pfs_row("71046", work_rvu="0.23", nonfacility_total_rvu="1.02", facility_total_rvu="1.02"), PART_26, PART_TC],
        [
            warning(11, "facility_total_rvu", "sum_of_components", "1.02", SUM_OF_PARTS),
            warning(11, "nonfacility_total_rvu", "sum_of_components", "1.02", SUM_OF_PARTS),
        ],
    ),
    (
        [
            pfs_row("71046", status_code="R", work_rvu="0.23", nonfacility_total_rvu="1.02", facility_total_rvu="1.02"),
            PART_26,
            PART_TC,
        ],
        [],
    ),
]


@pytest.mark.parametrize(("rows", "expected"), CASES)
def test_broken_invariant_is_a_warning_on_its_row(rows: list[str], expected: list[dict[str, object]]) -> None:
    assert warned(*rows) == expected


def test_every_invariant_is_broken_by_a_case_above_and_has_an_id_of_its_own() -> None:
    names = [f"pfs_indicator.{invariant.column}.{invariant.check}" for invariant in INVARIANTS]
    assert len(set(names)) == len(names)
    assert {row["rule_id"] for _, expected in CASES for row in expected} == set(names)


def test_shipped_extract_breaks_none_but_for_four_brachytherapy_codes_without_phases() -> None:
    found = invariant_findings(shipped_tables()["pfs_indicator"])
    assert found["rule_id"].unique().to_list() == ["pfs_indicator.global_days_code.with_phases"]
    rows = shipped_tables()["pfs_indicator"].join(found, on=["source_file", "source_row"], how="semi")
    assert sorted(rows.select("code", "component").rows()) == [
        (code, part) for code in ("77750", "77761", "77762", "77763") for part in ("26", "TC", "global")
    ]
