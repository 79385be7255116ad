"""payref check: pairs, units, add-on codes, days in force, places and diagnoses, each finding exact."""

from pathlib import Path

import pytest

from tests.flows.claim_builders import HEADER, checked, enriched, picked

WIDE = f"{HEADER},place_of_service,diagnosis,line_of_business"
NOBODYS = "No published rule of Aetna about it is known here. Medicare's answer is shown beside."


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return enriched(tmp_path_factory.mktemp("check"))


def test_a_pair_that_no_modifier_bypasses(output: Path, tmp_path: Path) -> None:
    lines = ("A,1,Medicare,33533,,,1,2025-10-15,", "A,2,Medicare,36620,59,,1,2025-10-15,")
    _, _, found = checked(output, tmp_path, *lines)
    names = (
        "source_row",
        "rule_id",
        "severity",
        "value",
        "effect_percent",
        "medicare_disposition",
        "related_row",
        "citation",
        "sentence",
    )
    assert picked(found, *names, family="ncci") == [
        (
            "3",
            "ncci.pair_never",
            "error",
            "36620",
            "0.00",
            "not_allowed",
            "2",
            "pairs, line 3",
            "36620 is denied beside 33533 on one claim and day, and no modifier bypasses that.",
        )
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("43239,,", "43235,,"), [("3", "ncci.pair_without_modifier", "error", "0.00", "not_allowed")]),
        (("43235,,", "43239,,"), [("2", "ncci.pair_without_modifier", "error", "0.00", "not_allowed")]),
        (("43239,,", "43235,59,"), [("3", "ncci.pair_bypassed", "info", "", "allowed_with_documentation")]),
        (("43239,,", "43235,LT,"), [("3", "ncci.pair_bypassed", "info", "", "allowed_with_documentation")]),
        (("43239,XE,", "43235,,"), [("3", "ncci.pair_bypassed", "info", "", "allowed_with_documentation")]),
        (("43239,LT,", "43235,,"), [("3", "ncci.pair_open", "unknown", "", "not_published")]),
        (("43239,,", "43235,51,"), [("3", "ncci.pair_without_modifier", "error", "0.00", "not_allowed")]),
        (("43239,,", "43235,25,"), [("3", "ncci.pair_without_modifier", "error", "0.00", "not_allowed")]),
        (("71046,,", "71045,,"), []),
        (("19307,59,", "36620,59,"), [("3", "ncci.pair_contradictory", "unknown", "", "not_published")]),
    ],
)  # fmt: skip
def test_where_a_modifier_may_stand(
    output: Path, tmp_path: Path, lines: tuple[str, str], expected: list[tuple[str, ...]]
) -> None:
    """25 belongs on visits, so Medicare does not take it on 43235 and it bypasses nothing; an edit with indicator 9 is none."""
    told = (f"A,{number},Medicare,{line},1,2025-10-15," for number, line in enumerate(lines, start=1))
    _, _, found = checked(output, tmp_path, *told)
    assert picked(found, "source_row", "rule_id", "severity", "effect_percent", "medicare_disposition", family="ncci") == expected


def test_59_on_column_one_counts_since_july_2019(output: Path, tmp_path: Path) -> None:
    lines = ("A,1,Medicare,43239,59,,1,2025-10-15,", "A,2,Medicare,43235,,,1,2025-10-15,")
    kinds = [
        picked(checked(output, tmp_path, *lines, options=("--on", day))[2], "rule_id", family="ncci")
        for day in ("2025-01-01", "2024-12-31")
    ]
    assert kinds == [[("ncci.pair_bypassed",)], []]


@pytest.mark.parametrize(
    "second",
    ["B,1,Medicare,43235,,,1,2025-10-15,", "A,2,Medicare,43235,,,1,2025-10-16,"],
    ids=["another claim", "another day"],
)
def test_a_pair_is_of_one_claim_and_day(output: Path, tmp_path: Path, second: str) -> None:
    _, _, found = checked(output, tmp_path, "A,1,Medicare,43239,,,1,2025-10-15,", second)
    assert picked(found, "rule_id", family="ncci") == []


def test_an_edit_holds_through_its_last_day(output: Path, tmp_path: Path) -> None:
    lines = [
        f"{day},{number},Medicare,{code},,,1,{day},"
        for day in ("2025-10-31", "2025-11-01")
        for number, code in enumerate(("19307", "19303"), start=1)
    ]
    _, _, found = checked(output, tmp_path, *lines)
    assert picked(found, "claim", "value", "citation", family="ncci") == [("2025-10-31", "19303", "pairs, line 5")]


def test_ncci_of_a_payer_that_published_nothing_is_unknown(output: Path, tmp_path: Path) -> None:
    lines = (
        "A,1,Aetna,43239,,,1,2025-10-15,",
        "A,2,Aetna,43235,,,1,2025-10-15,",
        "A,3,Aetna,33533,,,2,2025-10-15,",
        "A,4,Aetna,43235,59,,1,2025-10-15,",
    )
    _, _, found = checked(output, tmp_path, *lines)
    names = ("source_row", "rule_id", "severity", "effect_percent", "medicare_disposition")
    assert picked(found, *names, family="ncci") == [("3", "ncci.pair_without_modifier", "unknown", "", "not_allowed")]
    assert picked(found, *names, family="units") == [("4", "units.over_limit_of_day", "unknown", "", "not_paid")]
    assert all(row["sentence"].endswith(NOBODYS) for row in found if row["rule_id"] == "ncci.pair_without_modifier")


def test_units_are_counted_by_line_or_by_day(output: Path, tmp_path: Path) -> None:
    """71046 is limited by line, 33533 by day without appeal, 99213 by day with; the day is told on its last line."""
    lines = (
        "A,1,Medicare,71046,,,2,2025-10-15,",
        "A,2,Medicare,71046,76,,2.5,2025-10-15,",
        "A,3,Medicare,33533,,,1,2025-10-15,",
        "A,4,Medicare,33533,59,,1,2025-10-15,",
        "A,5,Medicare,33533,,,1,2025-10-16,",
        "B,1,Medicare,33533,,,1,2025-10-15,",
        "C,1,Medicare,99213,,,10,2025-10-15,",
    )
    _, _, found = checked(output, tmp_path, *lines)
    names = ("source_row", "rule_id", "severity", "value", "effect_units", "related_row", "citation", "sentence")
    assert picked(found, *names, family="units") == [
        (
            "3",
            "units.over_limit_of_line",
            "error",
            "2.5",
            "2.000",
            "",
            "limits, line 11",
            "2.5 units of 71046 on a line, and the limit is 2: lines may be split with a modifier where that is justified.",
        ),
        (
            "5",
            "units.over_limit_of_day",
            "error",
            "2",
            "1.000",
            "4",
            "limits, line 12",
            "2 units of 33533 on the day, and the limit is 1: no appeal lifts it.",
        ),
        (
            "8",
            "units.over_limit_of_day",
            "warning",
            "10",
            "1.000",
            "",
            "limits, line 13",
            "10 units of 99213 on the day, and the limit is 1: more may be paid on appeal.",
        ),
    ]


@pytest.mark.parametrize(("units", "told"), [("1", "1 unit"), ("0.5", "0.5 units"), ("1.0", "1 unit"), ("2", "2 units")])
def test_one_unit_is_told_in_the_singular(output: Path, tmp_path: Path, units: str, told: str) -> None:
    _, _, found = checked(output, tmp_path, f"A,1,Medicare,93000,,,{units},2025-10-15,")
    assert picked(found, "sentence", family="units") == [
        (f"{told} of 93000 on the day, and the limit is 0: no appeal lifts it.",)
    ]


def test_a_day_after_the_tables_end_is_said_to_be_stale(output: Path, tmp_path: Path) -> None:
    lines = [
        f"{day},{number},Medicare,{code},,,2,{day},"
        for day in ("2025-12-31", "2026-01-01")
        for number, code in enumerate(("33533", "36620"), start=1)
    ]
    _, _, found = checked(output, tmp_path, *lines)
    told = {family: picked(found, "claim", "rule_id", "is_stale", family=family) for family in ("ncci", "units")}
    assert told == {
        family: [("2025-12-31", rule_id, "false"), ("2026-01-01", rule_id, "true")]
        for family, rule_id in (("ncci", "ncci.pair_never"), ("units", "units.over_limit_of_day"))
    }


def test_codes_and_modifiers_by_their_days(output: Path, tmp_path: Path) -> None:
    """A code before the first release; a modifier before CMS made it, and one that CMS does not list in a covered quarter."""
    lines = (
        "A,1,Medicare,99213,,,1,2025-09-30,",
        "B,1,Medicare,99213,XE,,1,2014-12-31,",
        "C,1,Medicare,99213,ZZ,00,1,2025-10-15,",
        "D,1,Medicare,99213,ZZ,,1,2026-10-15,",
    )
    _, _, found = checked(output, tmp_path, *lines)
    names = ("claim", "rule_id", "severity", "sentence", "citation")
    assert picked(found, *names, family="code") == [
        (
            claim,
            "code.not_in_force",
            "unknown",
            f"No source lists the code 99213 on {day}; it is listed from 2025-10-01, and no release here covers the day.",
            "cms_pfs/2025-10/PPRRVU2025_Oct.csv",
        )
        for claim, day in (("A", "2025-09-30"), ("B", "2014-12-31"))
    ]
    assert picked(found, "claim", "rule_id", "severity", "value", "citation", family="modifier") == [
        ("B", "modifier.not_in_force", "error", "XE", next(row["citation"] for row in found if row["value"] == "XE")),
        ("C", "modifier.unknown", "error", "ZZ", "HCPCS of the quarter"),
        ("C", "modifier.unknown", "unknown", "00", "HCPCS of the quarter"),
        ("D", "modifier.unknown", "unknown", "ZZ", ""),
    ]


def test_places_and_diagnoses_of_the_list_that_covers_the_day(output: Path, tmp_path: Path) -> None:
    lines = (
        "A,1,Medicare,99213,,,1,2025-10-15,,22,A000;z00.00,",
        "B,1,Medicare,99213,,,1,2025-11-15,,22,A00.0 Z99,",
        "C,1,Medicare,99213,,,1,2026-02-15,,22,Z99,",
        "D,1,Medicare,99213,,,1,2025-10-15,,7,,",
        "E,1,Medicare,99213,,,1,2025-10-15,,11.0,,",
    )
    _, _, found = checked(output, tmp_path, *lines, header=WIDE)
    assert picked(found, "claim", "rule_id", "severity", "value", "sentence", "citation") == [
        ("B", "diagnosis.unknown", "error", "Z99", "ICD-10-CM lists no diagnosis Z99 on 2025-11-15.", "ICD-10-CM of November"),
        ("B", "place_of_service.unknown", "error", "22", "CMS lists no place of service 22 on 2025-11-15.", "Places of service"),
        (
            "D",
            "place_of_service.unknown",
            "error",
            "7",
            "CMS lists no place of service 7 on 2025-10-15. It may have lost a leading zero: a spreadsheet drops it, and CMS writes 02, "
            "not 2.",
            "Places of service",
        ),
        (
            "E",
            "place_of_service.unknown",
            "error",
            "11.0",
            "CMS lists no place of service 11.0 on 2025-10-15. It looks like a number from a spreadsheet: format the column as text.",
            "Places of service",
        ),
    ]


def test_a_repeated_line_points_to_the_first(output: Path, tmp_path: Path) -> None:
    lines = ("A,1,Medicare,43235,,,1,2025-10-15,", "B,1,Medicare,43235,,,1,2025-10-15,", "A,1,Medicare,43235,,,1,2025-10-15,")
    _, _, found = checked(output, tmp_path, *lines)
    assert picked(found, "source_row", "rule_id", "severity", "related_row", "sentence", family="line") == [
        ("4", "line.repeated", "warning", "2", "Line 1 of claim A comes again.")
    ]


WARNED = ("modifiers.repeated", "warning")


@pytest.mark.parametrize(
    ("modifiers", "expected"),
    [
        ("25,25,,", [("modifier.visits_only", "error", "modifier_1", "25"), (*WARNED, "modifier_2", "25")]),
        ("25,,25,25", [("modifier.visits_only", "error", "modifier_1", "25"), (*WARNED, "modifier_3", "25")]),
        (",zz9,ZZ9,", [("modifier.malformed", "error", "modifier_2", "ZZ9"), (*WARNED, "modifier_3", "ZZ9")]),
        (",25,,", [("modifier.visits_only", "error", "modifier_2", "25")]),
        ("59,59,,", [(*WARNED, "modifier_2", "59")]),
    ],
    ids=["twice", "three times", "malformed", "after a gap", "nothing else to tell"],
)
def test_a_modifier_that_stands_several_times_is_judged_once(
    output: Path, tmp_path: Path, modifiers: str, expected: list[tuple[str, ...]]
) -> None:
    line = f"A,1,Medicare,43239,{modifiers},1,2025-10-15"
    header = "claim,line,payer,code,modifier_1,modifier_2,modifier_3,modifier_4,units,service_date"
    _, _, found = checked(output, tmp_path, line, header=header)
    assert picked(found, "rule_id", "severity", "column_name", "value") == expected
    repeated = [sentence for (sentence,) in picked(found, "sentence", family="modifiers.repeated")]
    assert repeated in ([], [f"Modifier {expected[-1][-1]} stands more than once on the line; it was judged once."])


def test_the_order_of_modifiers_passes_over_an_empty_place(output: Path, tmp_path: Path) -> None:
    header = "claim,line,payer,code,modifier_1,modifier_2,modifier_3,modifier_4,units,service_date,state"
    lines = ("A,1,BCBS of NC,00406,P3,,,AA,1,2026-04-01,NC", "B,1,BCBS of NC,00406,,AA,,P3,1,2026-04-01,NC")
    _, _, found = checked(output, tmp_path, *lines, header=header)
    assert picked(found, "claim", "rule_id", "value", family="modifiers") == [("A", "modifiers.position", "P3")]


def test_an_unknown_payer_hears_medicares_answer_and_no_rule_of_its_own(output: Path, tmp_path: Path) -> None:
    _, _, found = checked(output, tmp_path, "A,1,Humana,00406,,,1,2025-10-15,", "B,1,Humana,33533,62,,1,2025-10-15,")
    assert {row["severity"] for row in found} == {"unknown"}
    assert picked(found, "rule_id", "payer_id", "medicare_disposition") == [
        ("anesthesia.no_performer", "", "required"),
        ("payer.unknown", "", ""),
        ("modifier.not_published", "", "not_allowed"),
        ("payer.unknown", "", ""),
    ]
    by_rule = {row["rule_id"]: row for row in found}
    unasked = "No payer's rules were asked, because 'Humana' means none of the five payers for certain."
    beside = "Medicare's answer is shown beside."
    assert by_rule["payer.unknown"]["sentence"] == (
        "'Humana' means none of the five payers for certain, by any alias known here: Not one of the five payers: Humana, an insurer "
        "of its own. So no payer's rules were asked; Medicare's answers are shown beside. How a name is read: payref payers resolve NAME."
    )
    assert by_rule["modifier.not_published"]["sentence"] == f"Modifier 62 with 33533: {unasked} {beside}"
    assert by_rule["anesthesia.no_performer"]["sentence"].endswith(
        f": Medicare pays an anesthesia line by its performer modifier, so exactly one has to be there. {unasked} {beside}"
    )
    assert by_rule["modifier.not_published"]["citation"].startswith("National Physician Fee Schedule Relative Value File")


@pytest.mark.parametrize("line_of_business", ["Medicare Advantage", "medicaid", "commercial"])
def test_a_plan_under_medicares_name_is_not_medicare(output: Path, tmp_path: Path, line_of_business: str) -> None:
    """Such a line is judged like one of an unknown payer: no rule of Medicare makes an error, and none is left out."""
    lines = [
        f"{claim},1,{{}},{code},{modifiers},{units},2025-10-15,,,,{{}}"
        for claim, code, modifiers, units in (
            ("A", "33533", ",", 2),
            ("B", "33533", "62,", 1),
            ("C", "00406", ",", 1),
            ("D", "00406", "P3,AA", 1),
            ("E", "00406", "QZ,AA", 1),
            ("F", "71046", "26,TC", 1),
        )
    ]
    _, _, found = checked(output, tmp_path, *(line.format("Medicare", line_of_business) for line in lines), header=WIDE)
    _, _, nobodys = checked(output, tmp_path, *(line.format("Humana", "") for line in lines), header=WIDE)
    names = ("claim", "rule_id", "severity", "value", "payer_id", "medicare_disposition", "effect_percent")
    assert {row["severity"] for row in found} == {"unknown"}
    assert [picked([row], *names) for row in found if row["rule_id"] != "payer.unknown"] == [
        picked([row], *names) for row in nobodys if row["rule_id"] != "payer.unknown"
    ]
    line = line_of_business.lower().replace(" ", "_")
    told = [row["sentence"] for row in found if row["rule_id"] == "payer.unknown"]
    assert len(told) == len(lines)
    assert {
        f"Beside the line of business {line} 'Medicare' is a plan of an insurer whom the line does not give." in sentence
        for sentence in told
    } == {True}


def test_medicares_own_line_of_business_is_medicare(output: Path, tmp_path: Path) -> None:
    _, _, found = checked(output, tmp_path, "A,1,Medicare,33533,62,,1,2025-10-15,,,,medicare ffs", header=WIDE)
    assert picked(found, "rule_id", "severity") == [("modifier.not_allowed", "error")]
