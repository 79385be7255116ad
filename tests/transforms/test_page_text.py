"""Text pages parsed into facts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.builders import PUBLISHED
from transforms.page_text import ANALYSIS_OPENING, COMMON, GATE, OFFICIAL, Band, Claim, Page, PageRefusedError, Text, parse
from transforms.read import decode

ANALYSIS = """Summary & Overview
CPT 71046: Two Pictures of the Chest
This page is about two pictures.
Key payers included in this analysis are Aetna, Cigna Health, and Medicare. More (J18.9).
Billing Code Overview
The service type is imaging. The typical site of service is a clinic.
Clinical & Coding Specifications
Clinical Context
A person coughs (R05.9; not a code, E11.621).
Coding Specifications
- An opening line.
- Modifier 26: The reading.
- Taxonomy 2085R0202X: Reader.
- Related code 71045: One picture.
"""
LONG = "CPT® Code 96405 is for a few growths, and these words make the paragraph as long as a description has to be. "


def coding(common: str, *, question: str = "96405", gates: int = 0, official: str = "[withheld]", tail: str = "") -> str:
    lines = ["Example", "", OFFICIAL, "", official, "", "© Copyright 2026 American Medical Association. All rights reserved.", ""]
    lines += [COMMON, "", common, "", tail, f"Have a question about CPT® Code {question}?", *[GATE] * gates]
    return "\n".join(lines)


def refused(text: str) -> tuple[str, int, str, str]:
    with pytest.raises(PageRefusedError) as caught:
        parse(text)
    error = caught.value
    assert str(error) == error.reason
    return error.rule_id, error.line, error.value, error.reason


def test_analysis_page_becomes_facts() -> None:
    assert parse(ANALYSIS) == Page(
        page_format="analysis",
        code_system="CPT",
        code="71046",
        texts=[Text("overview", "This page is about two pictures.", None)],
        claims=[
            Claim(4, "payer", "Aetna"),
            Claim(4, "payer", "Cigna Health"),
            Claim(4, "payer", "Medicare"),
            Claim(6, "service_type", "imaging"),
            Claim(6, "site_of_service", "a clinic"),
            Claim(12, "modifier", "26"),
            Claim(13, "taxonomy", "2085R0202X"),
        ],
        bands=[],
        related=[(14, "71045")],
        diagnoses=[(4, "J18.9", "stated"), (9, "R05.9", "vignette"), (9, "E11.621", "vignette")],
        gated_section_count=0,
        is_truncated=False,
        holders=[],
    )


def test_coding_page_becomes_facts() -> None:
    common = LONG + "Up to seven lesions is CPT® Code 96405; more than seven lesions is CPT® Code 96406."
    assert parse(coding(common, gates=2)) == Page(
        page_format="coding",
        code_system="CPT",
        code="96405",
        texts=[Text("plain_language", common, None)],
        claims=[],
        bands=[Band(11, "96405", "lesion", 1, 7), Band(11, "96406", "lesion", 8, None)],
        related=[(11, "96406")],
        diagnoses=[],
        gated_section_count=2,
        is_truncated=False,
        holders=["American Medical Association"],
    )


def test_official_description_belongs_to_the_owner_named_below_it() -> None:
    page = parse(
        coding(LONG, official="Own words for growths", tail="© Copyright 2026 Example Coding Site. All rights reserved.")
    )
    assert page.texts == [
        Text("official", "Own words for growths", "American Medical Association"),
        Text("plain_language", LONG.strip(), "Example Coding Site"),
    ]
    assert page.holders == ["American Medical Association", "Example Coding Site"]


def test_level_two_page_says_so() -> None:
    page = parse(ANALYSIS.replace("CPT 71046", "HCPCS A0428"))
    assert (page.code_system, page.code) == ("HCPCS", "A0428")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n  \n"])
def test_line_ends_do_not_matter(end: str) -> None:
    page = parse(ANALYSIS.replace("\n", end))
    assert (page.code, [claim.claim for claim in page.claims if claim.kind == "modifier"]) == ("71046", ["26"])


@pytest.mark.parametrize(
    ("sentence", "bands"),
    [
        ("Up to fourteen lesions is CPT® Code 17110.", [("17110", "lesion", 1, 14)]),
        ("With 15 or more lesions it is CPT® Code 17111.", [("17111", "lesion", 15, None)]),
        ("One or two muscles make CPT® Code 20552.", [("20552", "muscle", 1, 2)]),
        ("More than seven malignant lesions are CPT® Code 96406.", [("96406", "lesion", 8, None)]),
        ("More than 7 lesions or up to nine spots are CPT® Code 96406.", []),
        ("CPT® Code 96405 and CPT® Code 96406 share up to seven lesions.", []),
        ("A few lesions are CPT® Code 96405.", []),
    ],
)
def test_bands_are_read_where_bounds_and_codes_are_as_many(
    sentence: str, bands: list[tuple[str, str, int | None, int | None]]
) -> None:
    found = [(band.code, band.unit_basis, band.lower, band.upper) for band in parse(coding(LONG + sentence)).bands]
    assert found == bands


def test_first_bounds_of_a_code_stay() -> None:
    sentences = "Up to two lesions is CPT® Code 96405. Up to nine lesions is CPT® Code 96405."
    assert [(band.lower, band.upper) for band in parse(coding(LONG + sentences)).bands] == [(1, 2)]


def test_description_that_stops_in_a_sentence_is_truncated() -> None:
    assert parse(coding(LONG + "Because many payers")).is_truncated
    assert not parse(coding(LONG.strip())).is_truncated


def test_analysis_page_without_a_coding_list_is_truncated() -> None:
    assert parse(ANALYSIS.split("- Modifier", maxsplit=1)[0]).is_truncated


def test_heading_of_the_list_is_not_an_entry() -> None:
    page = parse(ANALYSIS.replace("- Modifier 26: The reading.", "- Modifier and taxonomy entries follow."))
    assert [claim.kind for claim in page.claims if claim.kind == "modifier"] == []


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("", ("code_page.format.known", 1, "")),
        ("<p>hello</p>", ("code_page.format.known", 1, "<p>hello</p>")),
        ("\n" + "x" * 100, ("code_page.format.known", 1, "x" * 80)),
        ("A line\n" + ANALYSIS, ("code_page.format.known", 1, "A line")),
    ],
)
def test_page_of_unknown_layout_is_refused(text: str, finding: tuple[str, int, str]) -> None:
    reason = "A page must open with 'Summary & Overview' or hold the heading 'Official Description'."
    assert refused(text) == (*finding, reason)


@pytest.mark.parametrize(
    ("text", "line", "value"),
    [
        (ANALYSIS_OPENING, 1, ""),
        ("Summary & Overview\nRunning a Front Desk: Cover", 2, "Running a Front Desk: Cover"),
        ("Summary & Overview\nCPT 406: A Code Without Its Zeros", 2, "CPT 406: A Code Without Its Zeros"),
        ("\n\nSummary & Overview\n\nCPT: No Code", 5, "CPT: No Code"),
        (f"{OFFICIAL}\nwords\n{COMMON}\nToo short for a description.", 1, ""),
    ],
)
def test_page_without_a_code_is_refused(text: str, line: int, value: str) -> None:
    assert refused(text) == ("code_page.code.present", line, value, "The page carries no recognisable code.")


SEVERAL = "The page is about several codes, so its statements belong to none of them for certain."


def test_page_about_two_codes_is_refused() -> None:
    text = ANALYSIS.replace("CPT 71046:", "CPT 11042 and 11045:")
    assert refused(text) == ("code_page.code.single", 2, "11042, 11045", SEVERAL)


def test_coding_page_whose_question_is_about_another_code_is_refused() -> None:
    assert refused(coding(LONG, question="96406")) == ("code_page.code.single", 11, "96405, 96406", SEVERAL)


PIECES = st.sampled_from(
    [
        *(f"{line}\n" for line in ANALYSIS.splitlines()),
        f"{OFFICIAL}\n",
        f"{COMMON}\n",
        f"{GATE}\n",
        LONG,
        "© Copyright 2026 Example Coding Site. All rights reserved.\n",
        "Have a question about CPT® Code 96405?\n",
        "Up to seven lesions is CPT® Code 96405. ",
        "three or more spots is CPT® Code 0042T, one or two muscles is CPT® Code A0428.\n",
        "(H25.11, (J18.9))",
        "CPT 11042 and 11045: ",
        ":",
        "\n",
    ]
)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.one_of(PIECES, st.text(max_size=20)), max_size=20).map("".join),
    st.sampled_from(["", "Summary & Overview\n", f"{OFFICIAL}\n"]),
)
def test_arbitrary_text_is_parsed_or_refused(text: str, opening: str) -> None:
    try:
        page = parse(opening + text)
    except PageRefusedError:
        return
    assert page.page_format in {"analysis", "coding"}
    assert len(page.code) == 5
    assert {context for _, _, context in page.diagnoses} <= {"vignette", "stated"}


@pytest.mark.full
def test_real_pages_are_parsed() -> None:
    folder = PUBLISHED / "code_pages"
    if not folder.is_dir():
        pytest.skip("the two published pages are not beside the project")
    pages = {
        path.name: parse(decode(path.read_bytes(), source_file=path.name, allow_cp1252=True).text)
        for path in sorted(folder.iterdir())
    }
    analysis, coded = pages["00406_payer_analysis_page.txt"], pages["96406_coding_page.txt"]
    assert (analysis.code, analysis.page_format, analysis.gated_section_count, analysis.is_truncated) == (
        "00406",
        "analysis",
        0,
        True,
    )
    assert [claim.claim for claim in analysis.claims if claim.kind == "payer"] == [
        "Aetna",
        "Blue Cross Blue Shield",
        "Cigna Health",
        "United Healthcare",
        "Medicare",
    ]
    assert [(diagnosis, context) for _, diagnosis, context in analysis.diagnoses] == [
        ("C32.0", "vignette"),
        ("J95.02", "vignette"),
        ("R09.3", "vignette"),
        ("J38.00", "vignette"),
        ("Q31.5", "vignette"),
    ]
    assert (coded.code, coded.page_format, coded.gated_section_count, coded.is_truncated) == ("96406", "coding", 6, False)
    assert [(band.code, band.unit_basis, band.lower, band.upper) for band in coded.bands] == [
        ("96406", "lesion", 8, None),
        ("96405", "lesion", 1, 7),
    ]
    assert [(text.kind, text.holder) for text in coded.texts] == [
        ("official", "American Medical Association"),
        ("plain_language", "Coding Ahead"),
    ]


@pytest.mark.parametrize("number", ["\u017fix", "9" * 5000])
def test_odd_numbers_in_bands_never_crash_the_parser(number: str) -> None:
    assert parse(coding(LONG + f"Up to {number} lesions is CPT® Code 96405.")).bands == []
