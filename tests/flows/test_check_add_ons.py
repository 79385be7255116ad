"""payref check: add-on codes without a primary code, with lines refused beside them, and with 51, each finding exact."""

from pathlib import Path

import pytest

from tests.flows.claim_builders import checked, enriched, picked

NOBODYS = "No published rule of Aetna about it is known here. Medicare's answer is shown beside."
UNASKED = (
    "No payer's rules were asked, because 'Humana' means none of the five payers for certain. Medicare's answer is shown beside."
)
WITHOUT_PRIMARY = "The add-on code 33518 has none of its primary codes on the claim and day."
PARTLY_READ = f"{WITHOUT_PRIMARY[:-1]}; a line of the claim was refused, and its primary code may stand there."
SOME_REFUSED = (
    "Claims with judged and with refused lines: 1. What is judged over a whole claim, such as its pairs, the units of a day and primary "
    "codes, was judged without the refused lines."
)
NO_CLAIM = "Refused lines that tell no claim: 1. The claims that they belong to were judged without them."


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return enriched(tmp_path_factory.mktemp("check"))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("1,Medicare,33518,,,1,2025-10-15,",), [("addon.without_primary", "error", "0.00", "not_paid", "add-ons, line 21")]),
        (("1,Medicare,33518,,,1,2025-10-15,", "2,Medicare,33534,,,1,2025-10-15,"), []),
        (
            ("1,Medicare,33518,,,1,2025-10-15,", "2,Medicare,33534,,,1,2025-10-16,"),
            [("addon.without_primary", "error", "0.00", "not_paid", "add-ons, line 21")],
        ),
        (("1,Aetna,33518,,,1,2025-10-15,",), [("addon.without_primary", "unknown", "", "not_paid", "add-ons, line 21")]),
        (("1,Medicare,29826,,,1,2025-10-15,",), [("addon.primary_open", "unknown", "", "not_published", "add-ons, line 23")]),
    ],
    ids=["alone", "with a primary", "primary on another day", "other payer", "contractors choose"],
)
def test_an_add_on_code_needs_a_primary(
    output: Path, tmp_path: Path, lines: tuple[str, ...], expected: list[tuple[str, ...]]
) -> None:
    _, _, found = checked(output, tmp_path, *(f"A,{line}" for line in lines))
    assert picked(found, "rule_id", "severity", "effect_percent", "medicare_disposition", "citation", family="addon") == expected


@pytest.mark.parametrize(
    ("payer", "refused", "severity", "effect", "disposition", "sentence", "told"),
    [
        ("Medicare", "A,1,Medicare,33533,,,1,10/15/2025,", "unknown", "", "not_published", PARTLY_READ, SOME_REFUSED),
        ("Medicare", " A ,1,Medicare,33533,,,,2025-10-15,", "unknown", "", "not_published", PARTLY_READ, SOME_REFUSED),
        ("Aetna", "A,1,Aetna,33533,,,1,10/15/2025,", "unknown", "", "not_published", f"{PARTLY_READ} {NOBODYS}", SOME_REFUSED),
        ("Medicare", "B,1,Medicare,33533,,,1,10/15/2025,", "error", "0.00", "not_paid", WITHOUT_PRIMARY, ""),
        ("Aetna", "B,1,Aetna,33533,,,1,10/15/2025,", "unknown", "", "not_paid", f"{WITHOUT_PRIMARY} {NOBODYS}", ""),
        ("Humana", "A,1,Humana,33533,,,1,10/15/2025,", "unknown", "", "not_published", f"{PARTLY_READ} {UNASKED}", SOME_REFUSED),
        ("Humana", "B,1,Humana,33533,,,1,10/15/2025,", "unknown", "", "not_paid", f"{WITHOUT_PRIMARY} {UNASKED}", ""),
        ("Medicare", "A,1,Medicare, Inc,33533,,,1,2025-10-15,", "error", "0.00", "not_paid", WITHOUT_PRIMARY, NO_CLAIM),
    ],
    ids=[
        "no day",
        "no units",
        "other payer",
        "another claim",
        "another claim of another payer",
        "no payer known",
        "another claim of no payer known",
        "a cell too many",
    ],
)
def test_a_refused_line_of_the_claim_may_hold_the_primary(
    output: Path, tmp_path: Path, payer: str, refused: str, severity: str, effect: str, disposition: str, sentence: str, told: str
) -> None:
    _, said, found = checked(output, tmp_path, refused, f"A,2,{payer},33518,,,1,2025-10-15,")
    names = ("source_row", "rule_id", "severity", "effect_percent", "medicare_disposition", "citation", "sentence")
    assert picked(found, *names, family="addon") == [
        ("3", "addon.without_primary", severity, effect, disposition, "add-ons, line 21", sentence)
    ]
    assert [line for line in said.splitlines() if "refused line" in line.lower()] == [told] * bool(told)


def test_51_on_an_add_on_code(output: Path, tmp_path: Path) -> None:
    _, _, found = checked(output, tmp_path, "A,1,Medicare,33518,51,,1,2025-10-15,", "B,1,UHC,33518,51,,1,2025-10-15,")
    names = ("source_row", "rule_id", "severity", "medicare_disposition", "answer_rule_id")
    assert picked(found, *names, family="modifier.") == [
        ("2", "modifier.multiple_on_add_on", "warning", "not_applicable", "medicare.multiple_procedure.0"),
        ("3", "modifier.multiple_on_add_on", "unknown", "not_applicable", ""),
    ]
