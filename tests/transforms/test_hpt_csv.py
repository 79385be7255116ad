"""Hospitals' csv files, tall and wide: exact rows, exact findings, exact refusals."""

from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.prices import ModifierObservation, PublishedModifierEffect
from tests.transforms.builders import csv_text, finding, listed
from tests.transforms.hpt_builders import BY_ITSELF, FILE, GENERAL, ROW, TALL, hospital_csv, payer_columns, read, refusal, wide
from transforms.gate import gate
from transforms.hpt import OBSERVED
from transforms.hpt_facts import HospitalFacts
from transforms.hpt_rows import RowCounts

NOTE = "50% payment adjustment for the item or service to which the modifier is appended"
AETNA, UHC = ("Aetna", "HMO"), ("UnitedHealthcare", "PPO")


def test_a_tall_file_gives_observations_of_items_with_modifiers() -> None:
    file = read(
        hospital_csv(
            ROW,
            {**ROW, "modifiers": "TC"},
            {**ROW, "modifiers": "TC", "standard_charge|negotiated_dollar": "200"},
            {**ROW, "modifiers": "AS|80", "standard_charge|negotiated_dollar": "", "standard_charge|negotiated_percentage": "50"},
        )
    )
    assert file.rows == RowCounts(read=4, without_modifier=1, with_modifier=3)
    assert (file.prices_with_modifier, file.prices_without_modifier, file.layout, file.encoding) == (3, 1, "tall", "utf-8")
    assert file.observations.columns == list(OBSERVED)
    shared = {
        "payer_id": None, "organization_id": None, "file_kind": "hpt", "reporting_entity": "Aetna | HMO", "publisher": "Hill Hospital",
        "line_of_business": "any", "market": "TX", "plan_market": None, "reported_code_system": "CPT", "code_system": "CPT", "code": "70551",
        "negotiated_type": "fee schedule", "billing_class": None, "setting": "outpatient", "first_expiration": None,
        "last_expiration": None, "known_from": date(2026, 4, 1), "source_file": FILE, "payer_name": "Aetna", "plan_name": "HMO",
    }  # fmt: skip
    first = {"modifiers": "80|AS", "published_modifiers": "AS|80", "rate_kind": "percent", "price_count": 1, "source_row": 1}
    second = {"modifiers": "TC", "published_modifiers": "TC", "rate_kind": "dollars", "price_count": 2, "source_row": 2}
    assert file.observations.to_dicts() == [
        {name: (shared | row)[name] for name in OBSERVED}
        for row in (
            {**first, "distinct_rate_count": 1, **_rates("50", "50", "50")},
            {**second, "distinct_rate_count": 2, **_rates("100", "150", "200")},
        )
    ]
    assert file.findings.is_empty()


def test_the_rows_are_those_of_the_tables() -> None:
    text = hospital_csv(
        {**ROW, "modifiers": "TC"}, {**BY_ITSELF, "modifiers": "50", "standard_charge|negotiated_percentage": "150"}
    )
    file = read(text)
    observed = gate(file.observations.drop("payer_name", "plan_name"), ModifierObservation)
    effects = gate(file.effects, PublishedModifierEffect)
    assert (observed.accepted.height, effects.accepted.height) == (1, 1)
    assert observed.findings.is_empty()
    assert effects.findings.is_empty()


def test_dollars_stand_before_the_percentage_they_are_made_from() -> None:
    file = read(hospital_csv({**ROW, "modifiers": "TC", "standard_charge|negotiated_percentage": "50"}))
    assert file.observations.select("rate_kind", "min_rate").rows() == [("dollars", Decimal(100))]


def test_a_price_by_algorithm_or_zero_percent_has_no_rate() -> None:
    blank = {**ROW, "modifiers": "TC", "standard_charge|negotiated_dollar": ""}
    rows = (
        {**blank, "standard_charge|negotiated_algorithm": "words"},
        {**blank, "standard_charge|negotiated_percentage": "0.0"},
        blank,
    )
    file = read(hospital_csv(*rows))
    columns = ("rate_kind", "price_count", "distinct_rate_count", "min_rate", "median_rate", "max_rate")
    assert file.observations.select(columns).rows() == [("none", 2, 0, None, None, None)]


def test_the_procedure_is_found_wherever_it_stands() -> None:
    swapped = {**ROW, "code|1": "70551", "code|1|type": "CPT", "code|2": "611", "code|2|type": "RC", "modifiers": "TC"}
    assert read(hospital_csv({**ROW, "modifiers": "TC"}, swapped)).observations["price_count"].to_list() == [2]


def test_a_wide_file_has_payers_in_its_columns() -> None:
    columns = wide(AETNA, UHC, ("PromptPay", ""))
    row = {
        **ROW,
        "modifiers": "26",
        payer_columns(*AETNA)[0]: "10",
        payer_columns(*UHC)[1]: "80",
        payer_columns("PromptPay", "")[0]: "30",
        "standard_charge|UnitedHealthcare|PPO|methodology": "Fee  Schedule",
    }
    file = read(hospital_csv(row, {**row, "modifiers": ""}, columns=columns))
    assert file.layout == "wide"
    assert file.prices_without_modifier == 3
    names = ("reporting_entity", "payer_name", "plan_name", "negotiated_type", "rate_kind", "min_rate")
    assert file.observations.select(names).rows() == [
        ("Aetna | HMO", "Aetna", "HMO", "not stated", "dollars", Decimal(10)),
        ("PromptPay", "PromptPay", None, "not stated", "dollars", Decimal(30)),
        ("UnitedHealthcare | PPO", "UnitedHealthcare", "PPO", "fee schedule", "percent", Decimal(80)),
    ]


def test_modifiers_by_themselves_are_effects() -> None:
    columns = wide(AETNA, UHC)
    alone = {"description": "a modifier", "modifiers": "QK", "setting": "Both", "billing_class": "Professional"}
    cells = {
        payer_columns(*AETNA)[0]: "50",
        payer_columns(*AETNA)[-1]: NOTE,
        payer_columns(*UHC)[1]: "50",
        payer_columns(*UHC)[-1]: NOTE,
    }
    file = read(hospital_csv(alone | cells, columns=columns))
    assert file.rows == RowCounts(read=1, of_effects=1)
    shared = {
        "hospital": "Hill Hospital", "hospital_market": "TX", "payer_id": None, "organization_id": None, "line_of_business": "any",
        "modifier": "QK", "published_modifier": "QK", "billing_class": "professional", "setting": "both",
        "effect_percent": Decimal("50.0000"), "note": "50 percent of the rate", "known_from": date(2026, 4, 1), "source_file": FILE,
        "source_row": 4,
    }  # fmt: skip
    misplaced = {
        "payer_name": "Aetna", "plan_name": "HMO", "published_percent": None, "published_dollars": Decimal("50.0000"),
        "verdict": "contradicts_note", "reason": "50 stands in the dollar column, but the note says 50 percent.", "source_column": 10,
    }  # fmt: skip
    clear = {
        "payer_name": "UnitedHealthcare", "plan_name": "PPO", "published_percent": Decimal("50.0000"), "published_dollars": None,
        "verdict": "clear", "reason": "Column and note state the same share.", "source_column": 17,
    }  # fmt: skip
    assert file.effects.to_dicts() == [
        {name: (shared | row)[name] for name in PublishedModifierEffect.column_names()} for row in (misplaced, clear)
    ]


def test_a_combination_of_modifiers_is_one_effect() -> None:
    row = {**BY_ITSELF, "modifiers": "62|50", "standard_charge|negotiated_percentage": "93.75"}
    file = read(hospital_csv(row))
    assert file.effects.select("modifier", "published_modifier", "effect_percent").rows() == [
        ("50|62", "62|50", Decimal("93.75"))
    ]


def test_the_note_for_all_payers_counts_for_those_with_cells_of_their_own() -> None:
    row = {"modifiers": "50", "additional_generic_notes": NOTE, payer_columns(*UHC)[1]: "40"}
    file = read(hospital_csv(row, columns=wide(AETNA, UHC)))
    assert file.effects.select("payer_name", "verdict").rows() == [("UnitedHealthcare", "contradicts_note")]


def test_placeholders_are_counted_and_not_loaded() -> None:
    row = {**BY_ITSELF, "modifiers": "50", "additional_generic_notes": "modifier_payer_description"}
    file = read(hospital_csv(row, row, row))
    assert (file.effects.height, file.placeholders) == (0, 3)
    assert listed(file.findings) == [
        finding(
            FILE,
            4,
            "note",
            "modifier_observation.effect.placeholder",
            "modifier_payer_description (3 times, first here)",
            "The name of a field stands where the note should.",
        )
    ]


def test_a_modifier_that_names_no_payer_is_reported() -> None:
    file = read(hospital_csv({"modifiers": "50", "additional_generic_notes": NOTE}))
    reason = "A modifier by itself must name a payer and say how it is paid."
    assert listed(file.findings) == [
        finding(FILE, 4, "payer_name", "modifier_observation.effect.payer", "50", reason, severity="info")
    ]


def test_what_is_no_modifier_is_refused_once_per_value() -> None:
    cells = ("360", "-L | ON", "360", "360", "90TC")
    file = read(hospital_csv(*({**ROW, "modifiers": cell} for cell in cells)))
    assert file.rows == RowCounts(read=5, with_modifier=1, refused=4)
    rule = "modifier_observation.modifiers"
    glued = "Two modifiers stand together without a separator; read as 90 and TC."
    assert listed(file.findings) == [
        finding(FILE, 4, "modifiers", f"{rule}.revenue_code", "360 (3 times, first here)", "A revenue code is no modifier."),
        finding(FILE, 5, "modifiers", f"{rule}.garbage", "-L | ON", "A modifier is two letters or digits."),
        finding(FILE, 8, "modifiers", f"{rule}.glued", "90TC", glued, severity="info"),
    ]
    assert file.observations.select("modifiers", "published_modifiers").rows() == [("90|TC", "90TC")]


def test_many_values_of_one_kind_do_not_become_many_findings() -> None:
    file = read(hospital_csv(*({**ROW, "modifiers": f"{number:04}"} for number in range(100, 900))))
    assert file.findings.height == 201
    assert file.findings["value"].to_list()[-1] == "further values (600 times, first here)"


def test_a_description_in_the_wrong_column_is_not_repeated() -> None:
    file = read(hospital_csv({**ROW, "modifiers": "words of somebody else", "setting": "words of somebody else"}))
    assert file.findings["value"].to_list() == ["a text of 22 characters"]
    other = read(hospital_csv({**ROW, "modifiers": "TC", "setting": "words of somebody else"}))
    assert other.findings["value"].to_list() == ["a text of 22 characters"]
    assert other.observations["setting"].to_list() == [None]


def test_glued_codes_are_refused() -> None:
    glued = {**ROW, "code|2": "29888 and 29882"}
    file = read(hospital_csv(glued, {**glued, "modifiers": "50"}, {**ROW, "code|2": "C1377-GN", "code|2|type": "HCPCS"}))
    assert file.rows == RowCounts(read=3, refused=3)
    reason = "Several codes, or a code and a modifier, stand in one cell."
    assert listed(file.findings) == [
        finding(FILE, 4, "code", "modifier_observation.code.glued", "29888 AND 29882 (2 times, first here)", reason),
        finding(FILE, 6, "code", "modifier_observation.code.glued", "C1377-GN", reason),
    ]


def test_figures_that_are_none_are_refused_or_left_out() -> None:
    row = {**ROW, "modifiers": "TC"}
    cells = ({"standard_charge|negotiated_dollar": "NaN"}, {"standard_charge|negotiated_dollar": "999999999"}, {"count": "some"})
    file = read(hospital_csv(*(row | cell for cell in cells)))
    assert file.observations.select("rate_kind", "price_count").rows() == [("dollars", 1), ("none", 1)]
    assert [(found["rule_id"], found["value"], found["severity"]) for found in listed(file.findings)] == [
        ("modifier_observation.rate.type", "NaN", "refused"),
        ("modifier_observation.rate.sentinel", "999999999", "info"),
        ("modifier_observation.count", "some", "warning"),
    ]


@pytest.mark.parametrize("count", ["0", "25", "1 through 10", ""])
def test_counts_of_claims_in_all_their_spellings_pass(count: str) -> None:
    assert read(hospital_csv({**ROW, "modifiers": "TC", "count": count})).findings.is_empty()


def test_names_of_columns_are_found_in_all_their_spellings() -> None:
    spelled = {
        "code|1": "Code | 1", "code|1|type": "CODE |1| Type", "description": "Description", "modifiers": "Modifiers ",
        "standard_charge|negotiated_dollar": "standard_charge | Negotiated_Dollar", "payer_name": "Payer_Name",
    }  # fmt: skip
    text = hospital_csv({**ROW, "modifiers": "TC"})
    for name, other in spelled.items():
        text = (
            text.replace(f",{name},", f",{other},", 1) if name != "description" else text.replace(f"\n{name},", f"\n{other},", 1)
        )
    assert read(text).observations["price_count"].to_list() == [1]


def test_brackets_round_payers_and_two_modifier_columns_are_understood() -> None:
    columns = ("description", "modifier", *wide(("[PLAN, INC.]", "[COMMERCIAL]"))[1:])
    row = {**ROW, "modifier": "80", "modifiers": "AS", payer_columns("[PLAN, INC.]", "[COMMERCIAL]")[0]: "7"}
    file = read(hospital_csv(row, columns=columns))
    assert file.observations.select("payer_name", "plan_name", "modifiers").rows() == [("PLAN, INC.", "COMMERCIAL", "80|AS")]


def test_a_plan_in_two_spellings_is_one_where_its_columns_complete_each_other() -> None:
    dollars, percent, *rest = payer_columns(*AETNA)
    split = (*TALL[:9], dollars, percent.replace("HMO", "hmo"), *rest)
    row = {**ROW, "modifiers": "TC", percent.replace("HMO", "hmo"): "80"}
    assert read(hospital_csv(row, columns=split)).observations["plan_name"].to_list() == ["HMO"]
    twice = (*wide(AETNA), *payer_columns("Aetna", "hmo"))
    both = {**row, dollars: "1", dollars.replace("HMO", "hmo"): "2"}
    assert read(hospital_csv(both, columns=twice)).observations["plan_name"].to_list() == ["HMO", "hmo"]


def test_a_column_that_is_none_of_the_layout_is_reported() -> None:
    file = read(hospital_csv(ROW, columns=(*TALL, "additional_generic_notes_with_LPP")))
    name, reason = "additional_generic_notes_with_LPP", "No column of the layout; it is not read."
    assert listed(file.findings) == [finding(FILE, 3, name, "modifier_observation.column.unknown", name, reason, severity="info")]


def test_general_data_in_any_order() -> None:
    facts = read(hospital_csv(ROW, general=dict(reversed(GENERAL.items())))).facts
    expected = HospitalFacts("Hill Hospital", ("Hill Hospital", "Hill Annex"), "TX", date(2026, 4, 1), "3.0.0", is_attested=True)
    assert facts == expected


@pytest.mark.parametrize(
    ("spelled", "day"),
    [("2026-03-27", date(2026, 3, 27)), ("4/1/2026", date(2026, 4, 1)), ("07/01/2026", date(2026, 7, 1)),
     ("2022-08-5", date(2022, 8, 5)), ("20260401", date(2026, 4, 1)), ("2026-03-27T00:00:00", date(2026, 3, 27))],
)  # fmt: skip
def test_days_in_all_their_spellings(spelled: str, day: date) -> None:
    assert read(hospital_csv(ROW, general={**GENERAL, "last_updated_on": spelled})).facts.last_updated_on == day


@pytest.mark.parametrize(("field", "number", "market"), [("license_number | GA", "1", "GA"), ("license_number", "140000052 | CA", "CA"), ("license_number", '"1060000024|MI"', "MI"), ("license_number", "74-6001118 (EIN)", "TX")])  # fmt: skip
def test_the_state_stands_beside_the_licence_or_in_the_address(field: str, number: str, market: str) -> None:
    general = {(field if name == "license_number|TX" else name): value for name, value in GENERAL.items()} | {field: number}
    assert read(hospital_csv(ROW, general=general)).facts.market == market


def test_what_the_general_data_leave_open_is_reported() -> None:
    general = {"hospital_name": "Hill Hospital", "last_updated_on": "soon", "version": ""}
    findings = listed(read(hospital_csv(general=general)).findings)
    assert [found["rule_id"].removeprefix("modifier_observation.") for found in findings] == [
        "last_updated_on", "market", "rows", "version",
    ]  # fmt: skip


def test_blank_rows_and_blank_cells_too_many_are_no_fault() -> None:
    text = hospital_csv({**ROW, "modifiers": "TC"}) + "," * (len(TALL) - 1) + "\r\n" + "\r\n"
    trailing = text.replace("TC,", "TC,", 1).rstrip("\r\n,") + "," * 5 + "\r\n"
    assert read(text).rows.read == 1
    assert read(trailing).observations.height == 1


def test_a_row_of_another_length_is_refused() -> None:
    lines = hospital_csv(*[ROW] * 300).splitlines()
    lines[10] = "broken here"
    file = read("\n".join(lines))
    assert file.rows == RowCounts(read=300, without_modifier=299, refused=1)
    reason = f"A row must have {len(TALL)} cells."
    assert listed(file.findings) == [finding(FILE, 11, "*", "modifier_observation.row.cell_count", "1 cells", reason)]


def test_a_line_break_inside_cells_stops_the_file() -> None:
    lines = hospital_csv(*[ROW] * 3).splitlines()
    lines[4] = lines[4].replace("a service", "a\nservice")
    assert refusal("\n".join(lines)) == (
        f"{FILE} line 5: expected rows of {len(TALL)} cells, found 1 of 4 rows with more or fewer, the first here. "
        "Look for line breaks or separators inside cells that are not quoted."
    )


def test_a_quoted_line_break_is_no_fault_and_lines_still_count() -> None:
    file = read(hospital_csv({**ROW, "description": "a\nservice"}, {**ROW, "modifiers": "360"}))
    assert file.findings["source_row"].to_list() == [6]


def test_a_quote_that_never_closes_stops_the_file() -> None:
    lines = hospital_csv(*[ROW] * 5).splitlines()
    lines[4] = lines[4].replace("a service", '"a service')
    assert refusal("\n".join(lines)) == (
        f"{FILE} line 8: expected the record that starts in line 5 to be well-formed, found unexpected end of data. "
        "Look for a quote or a line break inside a cell; nothing of the file was taken."
    )


def test_a_long_record_stops_the_file_before_memory_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transforms.hpt_text.MAX_RECORD", 2_000)
    assert refusal(hospital_csv(ROW) + "a" * 3_000) == (
        f"{FILE}: expected records of at most 2,000 characters, found a longer one. "
        "Look for a quote that is never closed, or line ends that are missing."
    )


def test_a_header_with_too_many_columns_is_refused() -> None:
    text = hospital_csv(columns=(*TALL, *(f"x{number}" for number in range(100_000))))
    assert refusal(text) == (
        f"{FILE} line 3: expected at most 50,000 columns, found 100,018. Check that line ends and quotes of the header are right."
    )


def test_thousands_of_columns_are_read() -> None:
    payers = [(f"Payer {number}", "PPO") for number in range(1_000)]
    row = {**ROW, "modifiers": "TC", **{payer_columns(*payer)[0]: "5" for payer in payers}}
    assert read(hospital_csv(row, columns=wide(*payers))).observations.height == 1_000


def test_a_name_that_stands_twice_is_refused() -> None:
    assert refusal(hospital_csv(ROW, columns=(*TALL, "Setting"))) == (
        f"{FILE} line 3: expected every column name once, found 'Setting' in columns 7 and 19. "
        "Ask the hospital which of the two holds."
    )
    twice = (*wide(AETNA), payer_columns("[Aetna]", "[HMO]")[0])
    assert "expected every column name once" in refusal(hospital_csv(ROW, columns=twice))


@pytest.mark.parametrize("version", ["1.0.0", "4.0.0", "draft"])
def test_an_unknown_version_is_refused(version: str) -> None:
    assert refusal(hospital_csv(ROW, general={**GENERAL, "version": version})) == (
        f"{FILE}: expected version 2 or 3 of the layout, found {version!r}. "
        "Compare the file with the layout of CMS for that version before reading it."
    )


@pytest.mark.parametrize(
    ("dropped", "message"),
    [
        (0, "expected two lines of general data, names and values, before the column names, found no line with hospital_name."),
        (1, "expected two lines of general data, names and values, before the column names, found names without values."),
        (2, "expected a line with the column names description and code|1 within the first 10 records, found none."),
    ],
)
def test_a_missing_header_line_is_named(dropped: int, message: str) -> None:
    lines = hospital_csv(ROW).splitlines()
    del lines[dropped]
    assert refusal("\n".join(lines)).startswith(f"{FILE}: {message}")


def test_columns_that_are_missing_are_named() -> None:
    without = tuple(name for name in TALL if name != "code|2|type")
    assert "expected columns code|1 and code|1|type, found no code|2|type." in refusal(hospital_csv(ROW, columns=without))
    no_rate = tuple(name for name in TALL if not name.startswith("standard_charge|negotiated"))
    assert "expected a column such as standard_charge|negotiated_dollar beside payer_name" in refusal(
        hospital_csv(ROW, columns=no_rate)
    )


def test_templates_are_no_files_of_a_hospital() -> None:
    columns = ("description", "code|[i]", "code|[i]|type", "modifiers")
    assert "expected columns such as code|1, found code|[i]." in refusal(hospital_csv(columns=columns))
    assert "expected the hospital's name in the general data, found none." in refusal(
        hospital_csv(general={**GENERAL, "hospital_name": ""})
    )


@settings(deadline=None, max_examples=40)
@given(size=st.integers(1, 400), order=st.permutations(range(4)))
def test_chunks_and_the_order_of_rows_do_not_matter(size: int, order: list[int]) -> None:
    rows = [
        {**ROW, "modifiers": "TC", "payer_name": "Señora"},
        {**ROW, "modifiers": "26", "standard_charge|negotiated_dollar": "3.5"},
        {**ROW, "modifiers": "26", "standard_charge|negotiated_dollar": "4.25"},
        {**ROW, "modifiers": "26|TC"},
    ]
    plain = read(hospital_csv(*rows)).observations
    assert read(hospital_csv(*(rows[place] for place in order)), size=size).observations.equals(plain)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(["TC", "26"]), st.integers(1, 6)), min_size=1, max_size=30))
def test_sums_are_those_of_a_naive_reader(prices: list[tuple[str, int]]) -> None:
    rows = [{**ROW, "modifiers": modifier, "standard_charge|negotiated_dollar": str(rate)} for modifier, rate in prices]
    file = read(hospital_csv(*rows))
    rates = {modifier: sorted(rate for other, rate in prices if other == modifier) for modifier, _ in prices}
    assert file.observations.select(
        "modifiers", "price_count", "distinct_rate_count", "min_rate", "median_rate", "max_rate"
    ).rows() == [
        (modifier, len(found), len(set(found)), found[0], _median(found), found[-1]) for modifier, found in sorted(rates.items())
    ]


def test_sums_in_many_batches_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{**ROW, "modifiers": "TC", "standard_charge|negotiated_dollar": str(number % 7)} for number in range(50)]
    whole = read(hospital_csv(*rows)).observations
    monkeypatch.setattr("transforms.hpt_prices.FLUSH_AT", 3)
    assert read(hospital_csv(*rows)).observations.equals(whole)


def test_too_many_different_prices_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transforms.hpt_prices.FLUSH_AT", 3)
    monkeypatch.setattr("transforms.hpt_prices.MAX_DIFFERENT", 5)
    rows = [{**ROW, "modifiers": "TC", "standard_charge|negotiated_dollar": str(number)} for number in range(9)]
    assert "expected at most 5 different prices with modifiers, found more." in refusal(hospital_csv(*rows))


def test_parts_are_numbered_on_and_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transforms.hpt_prices.GROUPS_AT_ONCE", 2)
    file = read(hospital_csv(*({**ROW, "modifiers": modifier} for modifier in ("26", "TC", "50"))))
    parts = list(file.observation_parts())
    assert [part["source_row"].to_list() for part in parts] == [[1, 2], [3]]
    assert pl.concat(parts).equals(file.observations)


def test_a_csv_without_modifiers_column_counts_its_prices() -> None:
    columns = tuple(name for name in TALL if name != "modifiers")
    assert read(hospital_csv(ROW, columns=columns)).prices_without_modifier == 1


def test_csv_text_of_other_kinds_is_refused() -> None:
    assert "within the first 10 records, found none." in refusal(csv_text(["a", "b"], [["1", "2"]]))


def _rates(low: str, middle: str, high: str) -> dict[str, Decimal]:
    return {"min_rate": Decimal(low), "median_rate": Decimal(middle), "max_rate": Decimal(high)}


def _median(found: list[int]) -> Decimal:
    return Decimal(found[(len(found) - 1) // 2] + found[len(found) // 2]) / 2
