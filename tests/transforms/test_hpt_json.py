"""Hospitals' json files, read as a stream."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.builders import finding, listed
from tests.transforms.hpt_builders import JSON_FILE, hospital_json, json_item, json_modifier
from tests.transforms.hpt_builders import read as read_any
from tests.transforms.hpt_builders import refusal as refusal_of_any
from transforms.hpt import HospitalFile
from transforms.hpt_facts import HospitalFacts
from transforms.hpt_rows import RowCounts

NOTE = "{}% payment adjustment for the item or service to which the modifier is appended"


def read(text: str | bytes, *, size: int = 1 << 16) -> HospitalFile:
    return read_any(text, size=size, source_file=JSON_FILE)


def refusal(text: str | bytes) -> str:
    return refusal_of_any(text, source_file=JSON_FILE)


def test_items_and_modifiers_are_read() -> None:
    file = read(hospital_json([json_item(), json_item(["26", "TC"])], [json_modifier("50", NOTE.format(150), setting="Both")]))
    assert file.layout == "json"
    assert file.rows == RowCounts(read=3, without_modifier=1, with_modifier=1, of_effects=1)
    assert file.facts == HospitalFacts("Hill Hospital", ("Hill Hospital",), "TX", date(2026, 4, 1), "3.0.0", is_attested=True)
    assert file.observations.select("modifiers", "published_modifiers", "min_rate", "reporting_entity").rows() == [
        ("26|TC", "26|TC", Decimal(100), "Aetna | HMO")
    ]
    effects = file.effects.select("modifier", "setting", "effect_percent", "verdict", "source_row", "source_column", "plan_name")
    assert effects.rows() == [("50", "both", Decimal(150), "clear", 1, 1, "Plan 1")]
    assert file.findings.is_empty()


@pytest.mark.parametrize("modifiers", [["26", "TC"], ["TC|26"], "26,TC", ["26TC"]])
def test_modifiers_as_a_list_a_text_or_glued(modifiers: Any) -> None:
    assert read(hospital_json([json_item(modifiers)])).observations["modifiers"].to_list() == ["26|TC"]


def test_the_key_modifiers_counts_as_well() -> None:
    item = json_item()
    item["standard_charges"][0]["modifiers"] = "26"
    assert read(hospital_json([item])).observations["modifiers"].to_list() == ["26"]


def test_numbers_are_exact_and_numbers_as_text_are_numbers() -> None:
    items = [json_item("26", standard_charge_dollar=value) for value in ("39.73", 39.730000000000004, 1e2)]
    file = read(hospital_json(items))
    assert file.observations.select("price_count", "distinct_rate_count", "min_rate", "max_rate").rows() == [
        (3, 2, Decimal("39.73"), Decimal(100))
    ]


def test_placeholders_and_boilerplate_are_told_apart() -> None:
    boilerplate = "The modified price is presented in the standard charge value."
    file = read(hospital_json(modifiers=[json_modifier("50", *["modifier_payer_description"] * 5, boilerplate)]))
    assert (file.placeholders, file.effects["verdict"].to_list()) == (5, ["boilerplate"])


def test_what_cannot_be_a_modifier_is_refused() -> None:
    items = [json_item("360"), json_item("26", code=" ")]
    file = read(hospital_json(items, [json_modifier("ABC", "x", "y"), json_modifier("", "x")]))
    assert file.rows == RowCounts(read=5, refused=5)
    rule = "modifier_observation"
    assert listed(file.findings) == [
        finding(JSON_FILE, 1, "code", f"{rule}.modifiers.garbage", "ABC", "A modifier is two letters or digits."),
        finding(JSON_FILE, 1, "modifier_code", f"{rule}.modifiers.revenue_code", "360", "A revenue code is no modifier."),
        finding(JSON_FILE, 2, "code_information", f"{rule}.code", "none", "An item must have a code."),
        finding(JSON_FILE, 2, "code", f"{rule}.modifiers.missing", "none", "A modifier must be named."),
    ]


def test_a_modifier_without_description_is_reported() -> None:
    modifier = json_modifier("50", " ")
    findings = listed(read(hospital_json(modifiers=[modifier])).findings)
    assert [found["rule_id"] for found in findings] == ["modifier_observation.effect.payer"]


def test_layout_two_and_items_absent() -> None:
    text = json.dumps(
        {"hospital_name": "Hill", "version": "2.2.0", "modifier_information": [], "affirmation": {"confirm_affirmation": True}}
    )
    file = read(text)
    assert (file.facts.version, file.facts.is_attested) == ("2.2.0", True)
    assert "The file holds no items, only modifiers." in file.findings["reason"].to_list()


@settings(deadline=None, max_examples=40)
@given(size=st.integers(1, 200), order=st.permutations(range(8)))
def test_chunks_and_the_order_of_keys_do_not_matter(size: int, order: list[int]) -> None:
    document = json.loads(
        hospital_json([json_item("26", standard_charge_dollar=12.5), json_item("TC")], [json_modifier("50", NOTE.format(50))])
    )
    document["hospital_name"] = 'H"ill {[\\ Hospïtal'
    keys = list(document)
    shuffled = json.dumps({keys[place]: document[keys[place]] for place in order}, ensure_ascii=False, indent=size % 3 or None)
    whole, streamed = read(json.dumps(document)), read(shuffled, size=size)
    assert streamed.observations.equals(whole.observations)
    assert streamed.effects.equals(whole.effects)
    assert streamed.facts == whole.facts


def test_an_item_of_many_chunks_is_read_whole() -> None:
    item = json_item("26")
    item["standard_charges"][0]["payers_information"] *= 5_000
    assert read(hospital_json([item]), size=1_000).observations["price_count"].to_list() == [5_000]


def test_an_item_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transforms.hpt_json.MAX_ITEM", 500)
    item = json_item("26")
    item["standard_charges"][0]["payers_information"] *= 1_000
    message = refusal(hospital_json([item]))
    assert "expected valid JSON, a value having at most 500 characters, found a longer or a broken one." in message


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda text: text[:-2], "expected ',', found the end of the file."),
        (lambda text: text[: len(text) // 2], "expected valid JSON, found"),
        (lambda text: text + "{}", "expected the end of the file, found more text after the document."),
        (
            lambda text: text.replace('"methodology"', '"plan_name"', 1),
            "expected every key of an object once, found one that stands twice.",
        ),
        (lambda text: text.replace(": 100", ": NaN", 1), "expected a number, found NaN."),
        (
            lambda text: text.replace('"version"', '"hospital_name"', 1),
            "expected every key once, found the key 'hospital_name' again.",
        ),
        (lambda text: text.replace('"code_information"', "code_information", 1), "expected valid JSON, found"),
        (lambda text: text.replace("{", "{" + '"a":' + "[" * 100_000, 1), "expected values nested as in the schema of CMS"),
    ],
)
def test_a_document_that_is_not_whole_is_refused_with_its_place(broken: Any, message: str) -> None:
    found = refusal(broken(hospital_json([json_item("26")])))
    assert found.startswith(f"{JSON_FILE} character ")
    assert message in found
    assert "a service" not in found


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("text", "standard_charge_information 1: expected an object, found text."),
        ({"standard_charges": {}}, "standard_charge_information 1 standard_charges: expected a list, found an object."),
        (
            {"standard_charges": [{"modifier_code": [["26"]]}]},
            "standard_charge_information 1 standard_charges 1 modifier_code: expected a list of texts, found a list.",
        ),
        (
            {"standard_charges": [{"payers_information": [{"standard_charge_dollar": True}]}]},
            "standard_charges 1 payers_information 1 standard_charge_dollar: expected text or a number, found true or false.",
        ),
    ],
)
def test_wrong_types_are_refused_with_their_place(item: Any, message: str) -> None:
    assert message in refusal(hospital_json([item]))


def test_lists_and_schemas_are_no_files_of_a_hospital() -> None:
    assert (
        refusal("[1]") == f"{JSON_FILE}: expected a JSON object with hospital_name, found a list. This is no file of a hospital."
    )
    found = refusal(json.dumps({"$schema": "x", "hospital_name": "Hill"}))
    assert (
        "expected standard_charge_information or modifier_information, found neither: a schema, or another kind of file." in found
    )


def test_an_unknown_version_is_refused() -> None:
    assert "expected version 2 or 3 of the layout, found '1.1'." in refusal(hospital_json([json_item()], version="1.1"))


def test_the_state_may_stand_in_a_list_of_licences_or_be_absent() -> None:
    assert read(hospital_json(license_information=[{"state": "ny"}])).facts.market == "NY"
    assert read(hospital_json(license_information=None)).facts.market == "any"
