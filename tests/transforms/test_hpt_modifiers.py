"""Modifier cells, codes and figures of hospitals' files."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.hpt_codes import ReportedCode, code_system, is_glued, priced, reported
from transforms.hpt_modifiers import GARBAGE, REVENUE_CODE, ModifierCell, joined_cell, modifier_cell
from transforms.hpt_numbers import is_count, is_no_number, number, plain, ten_thousandths

MODIFIERS = st.text("ABCXYZ0123456789", min_size=2, max_size=2).filter(lambda text: text not in {"00", "NA"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ModifierCell(())),
        ("  ", ModifierCell(())),
        ("00", ModifierCell(())),
        ("N/A", ModifierCell(())),
        ("none", ModifierCell(())),
        ("26", ModifierCell(("26",))),
        ("80|AS", ModifierCell(("80", "AS"))),
        ("AS | 80", ModifierCell(("80", "AS"))),
        ("tc, 26", ModifierCell(("26", "TC"))),
        ("26|26|", ModifierCell(("26",))),
        ("90TC", ModifierCell(("90", "TC"), None, was_glued=True)),
        ("TC90", ModifierCell(("90", "TC"), None, was_glued=True)),
        ("GOSP", ModifierCell(("GO", "SP"), None, was_glued=True)),
        ("360", ModifierCell((), REVENUE_CODE)),
        ("0360", ModifierCell((), REVENUE_CODE)),
        ("AS|761", ModifierCell((), REVENUE_CODE)),
        ("5062", ModifierCell((), REVENUE_CODE)),
        ("-L | ON", ModifierCell((), GARBAGE)),
        ("A123", ModifierCell((), GARBAGE)),
        ("C1377-GN", ModifierCell((), GARBAGE)),
        ("8707059", ModifierCell((), GARBAGE)),
        ("é1", ModifierCell((), GARBAGE)),
    ],
)
def test_a_modifier_cell_is_read_as_a_whole_or_refused(text: str, expected: ModifierCell) -> None:
    assert modifier_cell(text) == expected


@given(st.lists(MODIFIERS, min_size=1, max_size=5), st.sampled_from(["|", ",", " | ", ", "]))
def test_the_order_and_the_separator_do_not_matter(modifiers: list[str], separator: str) -> None:
    assert modifier_cell(separator.join(modifiers)).modifiers == tuple(sorted(set(modifiers)))


def test_cells_join_without_blanks_and_repetitions() -> None:
    assert joined_cell(["", " 50 ", "AS", "50"]) == "50|AS"


@pytest.mark.parametrize(
    ("code", "kind", "system"),
    [
        ("70551", "CPT", "CPT"),
        ("0001T", "CPT", "CPT"),
        ("70551", "HCPCS", "CPT"),
        ("J1450", "HCPCS", "HCPCS"),
        ("J1450", "CPT", "OTHER"),
        ("ATP02", "CPT", "OTHER"),
        ("01584", "APC", "APC"),
        ("0301", "RC", "RC"),
        ("PX-1", "CDM", "LOCAL"),
        ("1", "Local", "LOCAL"),
        ("1", "EAPG", "OTHER"),
        ("D0120", "CDT", "CDT"),
    ],
)
def test_the_system_follows_from_the_type_beside_the_code(code: str, kind: str, system: str) -> None:
    found = reported(code, kind)
    assert found is not None
    assert code_system(found) == system


def test_a_code_keeps_its_zeros_and_a_blank_is_none() -> None:
    assert reported(" 00406 ", " cpt ") == ReportedCode("00406", "CPT")
    assert reported("  ", "CPT") is None


@pytest.mark.parametrize(
    ("code", "kind", "glued"),
    [
        ("29888 AND 29882", "CPT", True),
        ("C1377-GN", "HCPCS", True),
        ("8707059", "CPT", True),
        ("8707059", "LOCAL", False),
        ("70551", "CPT", False),
        ("ATP", "CPT", False),
    ],
)
def test_glued_codes_are_seen(code: str, kind: str, *, glued: bool) -> None:
    assert is_glued(ReportedCode(code, kind)) is glued


def test_modifiers_belong_to_the_procedure_wherever_it_stands() -> None:
    house, revenue, procedure = ReportedCode("1", "CDM"), ReportedCode("0301", "RC"), ReportedCode("82652", "CPT")
    assert priced([house, procedure, revenue]) == [procedure]
    assert priced([house, revenue]) == [revenue]
    assert priced([house]) == [house]
    assert priced([procedure, procedure]) == [procedure]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("310.01", "310.01"), ("$1,234.50", "1234.5"), (" 13.6 % ", "13.6"), ("39.730000000000004", "39.73"), (".5", "0.5"), ("-2", "-2"),
        ("1e3", "1000"), ("0.00005", "0"), ("0.00015", "0.0002"),
    ],
)  # fmt: skip
def test_figures_are_exact_to_four_decimals(text: str, value: str) -> None:
    assert number(text) == Decimal(value)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1,23", "12 to 14", "1e99", "9999999999999", "x", "$", "."])
def test_what_is_no_number_is_none(text: str) -> None:
    assert number(text) is None
    assert is_no_number(text)


def test_blank_is_not_a_broken_number() -> None:
    assert number(" ") is None
    assert not is_no_number(" ")


@pytest.mark.parametrize(("text", "ok"), [("0", True), ("12", True), ("12.0", True), ("1 through 10", True), ("1 Through  10", True), ("", True), ("few", False), ("-1", False), ("1-10", False)])  # fmt: skip
def test_a_count_of_claims_is_a_number_or_few(text: str, *, ok: bool) -> None:
    assert is_count(text) is ok


@given(st.decimals(-(10**11), 10**11, places=4, allow_nan=False))
def test_figures_come_back(value: Decimal) -> None:
    assert number(f"{value:f}") == value
    assert ten_thousandths(f"{value:f}") == int(value.scaleb(4))
    assert Decimal(plain(value)) == value


@given(st.text("0123456789.,$e- %", max_size=9))
def test_the_quick_way_reads_like_the_exact_one(text: str) -> None:
    exact = number(text)
    assert ten_thousandths(text) == (None if exact is None else int(exact.scaleb(4)))
