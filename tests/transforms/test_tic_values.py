"""Spellings of dates, modifiers, codes and rates."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.tic_values import NO_RATE, OUT_OF_RANGE, Code, Modifiers, code, decimal_of, modifiers, published_date, rate


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-12-31", date(2025, 12, 31)),
        ("2025-06-23T00:00:00-05:00", date(2025, 6, 23)),
        ("2025-12-31T00:00:00", date(2025, 12, 31)),
        ("2025-12-31 00:00:00", date(2025, 12, 31)),
        ("2022-08-5", date(2022, 8, 5)),
        ("9999-12-31", date(9999, 12, 31)),
        ("07/01/2026", date(2026, 7, 1)),
        ("4/1/2026", date(2026, 4, 1)),
        ("20240229", date(2024, 2, 29)),
        ("2024366", date(2024, 12, 31)),
        ("2023366", None),
        ("2023000", None),
        ("2023-02-29", None),
        ("13/01/2026", None),
        (" 2025-12-31 ", date(2025, 12, 31)),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_dates(text: str | None, expected: date | None) -> None:
    assert published_date(text) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ('""', Modifiers("", '""')),
        ('[""]', Modifiers("", '[""]')),
        ("[]", Modifiers("", "[]")),
        ("", Modifiers("", None)),
        ("null", Modifiers("", None)),
        ("[null]", Modifiers("", "[null]")),
        ('["00"]', Modifiers("", '["00"]')),
        ('"00"', Modifiers("", '"00"')),
        ('["N/A"]', Modifiers("", '["N/A"]')),
        ('["CS","25"]', Modifiers("25|CS", '["CS","25"]')),
        ('[ "25" , "CS" ]', Modifiers("25|CS", '["25","CS"]')),
        ('["tc, 26"]', Modifiers("26|TC", '["tc, 26"]')),
        ('["50|62"]', Modifiers("50|62", '["50|62"]')),
        ('["90TC"]', Modifiers("90|TC", '["90TC"]')),
        ('["","RR"]', Modifiers("RR", '["","RR"]')),
        ('["26","26"]', Modifiers("26", '["26","26"]')),
        ('["360"]', Modifiers(None, '["360"]')),
        ('["0360"]', Modifiers(None, '["0360"]')),
        ('["C1377-GN"]', Modifiers(None, '["C1377-GN"]')),
        ('["2\\u0036"]', Modifiers("26", '["26"]')),
    ],
)
def test_modifiers(raw: str, expected: Modifiers) -> None:
    assert modifiers(raw.encode(), byte=0) == expected


@pytest.mark.parametrize(
    ("system", "stated", "expected"),
    [
        ('"CPT"', '"99213"', Code("CPT", "99213", "CPT", is_contradicted=False)),
        ('"cpt-4"', '"0001A"', Code("cpt-4", "0001A", "CPT", is_contradicted=False)),
        ('"CPT"', '"A9999"', Code("CPT", "A9999", "OTHER", is_contradicted=True)),
        ('"CPT"', '"ATP02"', Code("CPT", "ATP02", "LOCAL", is_contradicted=True)),
        ('"CPT"', '"SH900"', Code("CPT", "SH900", "LOCAL", is_contradicted=True)),
        ('"CPT"', '"CSTM-00"', Code("CPT", "CSTM-00", "CPT", is_contradicted=False)),
        ('"HCPCS"', '"99213"', Code("HCPCS", "99213", "CPT", is_contradicted=False)),
        ('"RC"', '"261"', Code("RC", "261", "RC", is_contradicted=False)),
        ('"REV"', '"0220"', Code("REV", "0220", "RC", is_contradicted=False)),
        ('"Revenue Code"', '"0220"', Code("Revenue Code", "0220", "RC", is_contradicted=False)),
        ('"MS-DRG"', '"470"', Code("MS-DRG", "470", "MS-DRG", is_contradicted=False)),
        ('"DRG"', '"470"', Code("DRG", "470", "OTHER", is_contradicted=False)),
        ('"R-DRG"', '"470"', Code("R-DRG", "470", "OTHER", is_contradicted=False)),
        ("", '"99213"', Code("not stated", "99213", "OTHER", is_contradicted=False)),
        ("null", '" 99213 "', Code("not stated", "99213", "OTHER", is_contradicted=False)),
    ],
)
def test_a_system_is_what_the_file_says_unless_the_shape_refutes_it(system: str, stated: str, expected: Code) -> None:
    assert code(system.encode(), stated.encode(), byte=0) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("12.5", "12.5"), ("1.25E+1", "12.5"), ('"12.50"', "12.5"), ('" +12.5 "', "12.5"), ('"\\u0031"', "1"), ("-0.0", "0"), ("1e-400", "0"),
        ("0.00005", "0"), ("0.00015", "0.0002"), ("0.00025", "0.0002"), ("99999999999999.9999", "99999999999999.9999"), ("0e99999999999999999999", "0"),
    ],
)  # fmt: skip
def test_rates_are_exact(raw: str, expected: str) -> None:
    assert decimal_of(rate(raw.encode(), byte=0).value) == Decimal(expected)


@pytest.mark.parametrize("raw", ["1e14", "-1e15", "99999999999999.99995", "1e99999999999999999999", '"100000000000000"'])
def test_what_no_price_can_be_is_out_of_range(raw: str) -> None:
    assert rate(raw.encode(), byte=0).value == OUT_OF_RANGE


@pytest.mark.parametrize("raw", ["null", '""', '"  "'])
def test_no_rate(raw: str) -> None:
    assert rate(raw.encode(), byte=0).value == NO_RATE


SPELLINGS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-"]),
    st.one_of(st.integers(0, 10**6), st.integers(0, 10**30)).map(str),
    st.one_of(st.just(""), st.from_regex(r"\.[0-9]{1,30}", fullmatch=True)),
    st.one_of(st.just(""), st.from_regex(r"[eE][+-]?[0-9]{1,2}", fullmatch=True)),
)


@settings(max_examples=400, deadline=None)
@given(spelling=SPELLINGS, is_text=st.booleans())
def test_both_readings_of_a_rate_are_the_rounded_fraction(spelling: str, is_text: bool) -> None:
    compiled = pytest.importorskip("transforms.tic_compiled_rates")
    exact = Fraction(spelling) * 10_000
    expected = OUT_OF_RANGE if abs(round(exact)) >= 10**18 else round(exact)
    raw = (f'"{spelling}"' if is_text else spelling).encode()
    found = rate(raw, byte=0)
    assert found.value == expected
    assert found.is_rounded == (expected not in (OUT_OF_RANGE, exact))
    text, scratch, read = np.frombuffer(raw + bytes(64), np.uint8).copy(), np.zeros(4096, np.uint8), np.zeros(3, np.int64)
    assert compiled.read_rate(text, 0, len(raw), scratch, read) == len(raw)
    assert (read[0], bool(read[1]), bool(read[2])) == (found.value, found.is_rounded, found.is_textual)
    if not is_text:
        plain = compiled.plain_rate_end(text, 0, read)
        assert plain < 0 or plain < len(raw) or read[0] == found.value
