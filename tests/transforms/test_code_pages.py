"""Text pages as rows, the twenty shipped ones among them."""

import polars as pl
import pytest

from schemas import CodeClaim, CodeDescription, CodeDiagnosis, CodePage, CodeRelation
from tests.transforms.builders import finding, listed, shipped, shipped_tables, source_file
from tests.transforms.test_page_text import LONG, coding
from transforms.code_pages import build
from transforms.open_build import open_table
from transforms.sources import Built, FileCount

CODES = {
    "00100_analysis.txt": ("analysis", "CPT", "00100", 0, True, None),
    "00406_analysis.txt": ("analysis", "CPT", "00406", 0, True, None),
    "17110_coding.txt": ("coding", "CPT", "17110", 3, False, "American Medical Association"),
    "19307_analysis.txt": ("analysis", "CPT", "19307", 0, False, None),
    "20552_coding.txt": ("coding", "CPT", "20552", 4, False, "American Medical Association"),
    "27447_analysis.txt": ("analysis", "CPT", "27447", 0, False, None),
    "33533_analysis.txt": ("analysis", "CPT", "33533", 0, False, None),
    "36415_coding.txt": ("coding", "CPT", "36415", 0, False, "American Medical Association"),
    "43239_analysis.txt": ("analysis", "CPT", "43239", 0, False, None),
    "45378_analysis.txt": ("analysis", "CPT", "45378", 0, False, None),
    "71046_analysis.txt": ("analysis", "CPT", "71046", 0, False, None),
    "93000_coding.txt": ("coding", "CPT", "93000", 4, False, "American Medical Association"),
    "93010_analysis.txt": ("analysis", "CPT", "93010", 0, False, None),
    "96405_coding.txt": ("coding", "CPT", "96405", 3, False, "American Medical Association"),
    "96406_coding.txt": ("coding", "CPT", "96406", 5, False, "American Medical Association"),
    "99213_analysis.txt": ("analysis", "CPT", "99213", 0, False, None),
    "99214_coding.txt": ("coding", "CPT", "99214", 0, True, "American Medical Association"),
    "A0428_analysis.txt": ("analysis", "HCPCS", "A0428", 0, False, None),
}
REFUSED = ("no_code_analysis.txt", "two_codes_analysis.txt")
PAYERS = {
    "00100": ["aetna", "bcbs", "cigna", "uhc", None, None, "medicare"],
    "00406": ["aetna", "bcbs", "cigna", "uhc", "medicare"],
    "19307": ["aetna", "cigna", "uhc", "medicare"],
    "27447": ["aetna", "bcbs", "uhc", "medicare"],
    "33533": ["bcbs", "uhc", "medicare"],
    "43239": ["aetna", "bcbs", "cigna", "uhc", "medicare"],
    "45378": ["aetna", "bcbs", "cigna", "uhc", "medicare"],
    "71046": ["aetna", "bcbs", "cigna", "uhc", "medicare"],
    "93010": ["aetna", "cigna", "medicare"],
    "99213": ["aetna", "bcbs", "cigna", "uhc", "medicare"],
    "A0428": ["aetna", "uhc", "medicare"],
}
SERVICE_TYPES = {
    "00100": "anesthesia",
    "00406": "anesthesia",
    "19307": "surgery",
    "27447": "surgery",
    "33533": "surgery",
    "43239": None,
    "45378": None,
    "71046": "radiology",
    "93010": None,
    "99213": "surgery",
    "A0428": None,
}
SITES = {
    "00100": "facility",
    "00406": "facility",
    "19307": "facility",
    "27447": "nonfacility",
    "33533": "facility",
    "43239": "facility",
    "45378": "facility",
    "71046": "both",
    "93010": "facility",
    "99213": "nonfacility",
    "A0428": None,
}
ANALYSIS = """Summary & Overview
CPT 71046: Two Pictures
This page is about two pictures.
Key payers included in this analysis are Aetna and AETNA [1001].
Coding Specifications
- Modifier 26: The reading.
"""
CODING = """Official Description
Own words of the owner
© Copyright 2026 American Medical Association. All rights reserved.
Common Language Description
CPT® Code 71046 is for two pictures of the chest, and these words make the paragraph long enough.
© Copyright 2026 Example Coding Site. All rights reserved.
Register to view content
"""


def pages() -> Built:
    return shipped()["code_pages"]


def page_file(name: str) -> str:
    return f"code_pages/{name}"


def built(*texts: str, licence: str = "local") -> Built:
    files = [source_file(text, page_file(f"{at}.txt"), licence=licence) for at, text in enumerate(texts)]
    return build(files, shipped_tables())


def test_every_shipped_page_is_read_or_refused_whole() -> None:
    assert pages().counts == [
        FileCount(page_file(name), 1, int(name in CODES), int(name in REFUSED)) for name in sorted([*CODES, *REFUSED])
    ]


def test_shipped_pages_carry_code_layout_gates_and_truncation() -> None:
    columns = ("source_file", "page_format", "code_system", "code", "gated_section_count", "is_truncated", "copyright_holders")
    assert pages().tables["code_page"].select(columns).rows() == [(page_file(name), *facts) for name, facts in CODES.items()]


def test_findings_of_the_shipped_pages() -> None:
    present = (
        "code_page.code.present",
        "Running a Calm Front Desk: Checking Cover Before the Visit",
        "The page carries no recognisable code.",
    )
    single = (
        "code_page.code.single",
        "11042, 11045",
        "The page is about several codes, so its statements belong to none of them for certain.",
    )
    complete, early = "code_page.sections.complete", "The page stops early; what follows is unknown."
    gated, unread = "code_page.sections.open", "Sections behind a registration were not read."
    assert listed(pages().findings) == [
        finding(page_file("no_code_analysis.txt"), 2, "*", *present),
        finding(page_file("two_codes_analysis.txt"), 2, "*", *single),
        finding(page_file("00100_analysis.txt"), 1, "*", complete, "00100", early, severity="warning"),
        finding(page_file("00406_analysis.txt"), 1, "*", complete, "00406", early, severity="warning"),
        finding(page_file("17110_coding.txt"), 1, "*", gated, "3 sections", unread, severity="info"),
        finding(page_file("20552_coding.txt"), 1, "*", gated, "4 sections", unread, severity="info"),
        finding(page_file("93000_coding.txt"), 1, "*", gated, "4 sections", unread, severity="info"),
        finding(page_file("96405_coding.txt"), 1, "*", gated, "3 sections", unread, severity="info"),
        finding(page_file("96406_coding.txt"), 1, "*", gated, "5 sections", unread, severity="info"),
        finding(page_file("99214_coding.txt"), 1, "*", complete, "99214", early, severity="warning"),
    ]


def test_payers_named_on_shipped_pages_are_resolved() -> None:
    named = pages().tables["code_claim"].filter(pl.col("kind") == "payer")
    resolved = named.group_by("code", maintain_order=True).agg("resolved")
    assert dict(resolved.iter_rows()) == PAYERS
    unresolved = named.filter(pl.col("resolved").is_null())["claim"].to_list()
    assert unresolved == ["Humana", "Kaiser Permanente"]


@pytest.mark.parametrize(("kind", "expected"), [("service_type", SERVICE_TYPES), ("site_of_service", SITES)])
def test_prose_claims_of_shipped_pages_are_understood_where_certain(kind: str, expected: dict[str, str | None]) -> None:
    claims = pages().tables["code_claim"].filter(pl.col("kind") == kind)
    assert dict(claims.select("code", "resolved").iter_rows()) == expected


def test_modifiers_of_shipped_pages_stay_claims_even_where_they_are_wrong() -> None:
    claims = pages().tables["code_claim"].filter(pl.col("kind") == "modifier")
    assert claims["claim"].to_list() == claims["resolved"].to_list()
    assert dict(claims.group_by("code", maintain_order=True).agg("claim").iter_rows()) == {
        "19307": ["50", "54", "62", "80"],
        "27447": ["RT", "LT", "50"],
        "33533": ["62", "80"],
        "43239": ["51", "59"],
        "45378": ["53"],
        "71046": ["26", "TC"],
        "93010": ["26", "TC"],
        "99213": ["25"],
        "A0428": ["RH", "QN"],
    }


def test_bands_of_shipped_pages() -> None:
    bands = pages().tables["code_relation"].filter(pl.col("relation") == "unit_band")
    columns = ("code", "related_code", "unit_basis", "lower_bound", "upper_bound", "source_row")
    assert bands.select(columns).rows() == [
        ("17110", "17110", "lesion", 1, 14, 18),
        ("17110", "17111", "lesion", 15, None, 18),
        ("20552", "20552", "muscle", 1, 2, 18),
        ("20552", "20553", "muscle", 3, None, 18),
        ("96405", "96405", "lesion", 1, 7, 18),
        ("96405", "96406", "lesion", 8, None, 18),
        ("96406", "96405", "lesion", 1, 7, 18),
        ("96406", "96406", "lesion", 8, None, 18),
    ]


def test_related_codes_of_shipped_pages() -> None:
    related = pages().tables["code_relation"].filter(pl.col("relation") == "related")
    assert dict(related.group_by("code", maintain_order=True).agg("related_code").iter_rows()) == {
        "17110": ["17111"],
        "19307": ["19303", "00406"],
        "20552": ["20553"],
        "27447": ["27446", "27486"],
        "33533": ["33518", "33534"],
        "43239": ["43235", "43249"],
        "45378": ["45380", "45385"],
        "71046": ["71045", "71047"],
        "93000": ["93005", "93010"],
        "93010": ["93000", "93005"],
        "96405": ["96406"],
        "96406": ["96405"],
        "99213": ["99212", "99214"],
        "A0428": ["A0425", "A0429"],
    }


def test_diagnoses_of_a_clinical_example_are_never_stated() -> None:
    diagnoses = pages().tables["code_diagnosis"]
    assert diagnoses.height == 33
    assert diagnoses["context"].unique().to_list() == ["vignette"]
    assert diagnoses["source_row"].unique().to_list() == [9]
    assert diagnoses.filter(pl.col("code") == "00406")["diagnosis_code"].to_list() == ["H25.11", "H35.30", "N20.0", "H90.3"]


def test_shipped_pages_describe_their_codes_in_own_words_only() -> None:
    texts = pages().tables["code_description"]
    assert texts.group_by("kind", "licence", "copyright_holder").len().sort("kind").rows() == [
        ("overview", "CC0-1.0", None, 11),
        ("plain_language", "CC0-1.0", None, 7),
    ]
    assert texts["code"].to_list() == [facts[2] for facts in CODES.values()]


def test_page_about_a_code_outside_the_fee_schedule_is_refused() -> None:
    made = built(ANALYSIS.replace("71046", "71999"))
    assert {name: frame.height for name, frame in made.tables.items()} == dict.fromkeys(made.tables, 0)
    assert made.counts == [FileCount("code_pages/0.txt", 1, 0, 1)]
    assert listed(made.findings) == [
        finding(
            "code_pages/0.txt",
            1,
            "*",
            "code_page.code.known",
            "71999",
            "The code must be in a release of the fee schedule in raw/.",
        )
    ]


def test_page_of_unknown_layout_is_refused_and_the_others_stay() -> None:
    made = built("<p>Not found</p>", ANALYSIS)
    assert made.counts == [FileCount("code_pages/0.txt", 1, 0, 1), FileCount("code_pages/1.txt", 1, 1, 0)]
    assert made.tables["code_page"]["source_file"].to_list() == ["code_pages/1.txt"]
    assert listed(made.findings) == [
        finding(
            "code_pages/0.txt",
            1,
            "*",
            "code_page.format.known",
            "<p>Not found</p>",
            "A page must open with 'Summary & Overview' or hold the heading 'Official Description'.",
        )
    ]


def test_payer_in_another_spelling_is_resolved() -> None:
    claims = built(ANALYSIS).tables["code_claim"].filter(pl.col("kind") == "payer")
    assert claims.select("claim", "resolved").rows() == [("Aetna", "aetna"), ("AETNA [1001]", "aetna")]


def test_texts_have_the_licence_of_the_owner_named_below_them() -> None:
    texts = built(CODING, ANALYSIS, licence="CC0-1.0").tables["code_description"]
    assert texts.select("kind", "copyright_holder", "licence").rows() == [
        ("official", "American Medical Association", "AMA"),
        ("plain_language", "Example Coding Site", "third_party"),
        ("overview", None, "CC0-1.0"),
    ]


def test_open_build_withholds_texts_of_named_owners() -> None:
    made = built(CODING, ANALYSIS, licence="CC0-1.0")
    texts = made.tables["code_description"]
    opened = open_table(texts, CodeDescription, open_licences=("CC0-1.0", "US-GOV"), closed_files=())
    assert opened.rows["description"].to_list() == ["This page is about two pictures."]
    assert opened.left_out == [("code_description", "licence AMA", 1), ("code_description", "licence third_party", 1)]


def test_page_without_an_owner_has_the_licence_of_its_file() -> None:
    assert built(ANALYSIS, licence="local").tables["code_description"]["licence"].to_list() == ["local"]


def test_no_pages_give_empty_tables() -> None:
    made = built()
    models = (CodePage, CodeDescription, CodeClaim, CodeRelation, CodeDiagnosis)
    assert {name: dict(frame.schema) for name, frame in made.tables.items()} == {
        model.table_name(): model.polars_schema() for model in models
    }
    assert (listed(made.findings), made.counts) == ([], [])


def test_bound_beyond_whole_numbers_never_crashes_the_source() -> None:
    made = built(coding(LONG + f"Up to {'9' * 25} lesions is CPT® Code 96405."))
    assert made.tables["code_relation"].height == 0
