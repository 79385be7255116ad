"""Curated sources: payers, modifiers, rules of payers, sections of codes."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from schemas import (
    CodeSection,
    Modifier,
    ModifierGroup,
    ModifierRule,
    NameWord,
    OrganizationAncestor,
    Payer,
    PayerAlias,
    PayerOrganization,
)
from schemas.vocabulary import PAYERS, SECTIONS
from tests.transforms.builders import CITATION, curated_text, finding, listed, shipped, shipped_tables, source_file
from transforms import code_sections, modifiers, payer_rules, payers
from transforms.curated import comparison_form, curated, file_columns
from transforms.errors import StructureError
from transforms.payer_names import resolve_names
from transforms.payers import organization_lines
from transforms.sources import Built, FileCount

RULES = "payer_rules/uhc.csv"
RULE = {
    "rule_id": "uhc.test.QZ",
    "payer_id": "uhc",
    "organization_id": "any",
    "line_of_business": "commercial",
    "market": "any",
    "modifier": "QZ",
    "predicate": "section=anesthesia",
    "precedence": "0",
    "disposition": "allowed",
    "effect_kind": "percent",
    "effect_percent": "85",
    "target_line": "anesthesia",
    "effective_from": "2025-10-01",
    "effective_from_basis": "stated",
    "state": "effective",
    "tier": "trade_press",
    "reason": "Paid 85 percent.",
}
PAYER = {
    "payer_id": "aetna",
    "payer_name": "Aetna",
    "payer_kind": "insurer",
    "default_line_of_business": "commercial",
    "is_single_entity": "true",
}
ORGANIZATION = {
    "organization_id": "aetna_tx",
    "payer_id": "aetna",
    "organization_name": "Aetna of Texas",
    "organization_kind": "subsidiary",
}
ALIAS = {"scope": "global", "alias": "AETNA [1001]", "match": "is", "payer_id": "aetna", "evidence_kind": "hospital_file"}
MODIFIER = {
    "modifier": "QZ",
    "modifier_level": "HCPCS",
    "modifier_name": "Nurse anesthetist alone",
    "category": "anesthesia_performer",
    "is_payment_affecting": "true",
    "is_ncci_associated": "false",
    "valid_from": "2002-01-01",
    "valid_from_basis": "stated",
}
GROUP = {
    "group_id": "exclusive.test",
    "modifier": "QZ",
    "group_kind": "exclusive",
    "payer_id": "any",
    "organization_id": "any",
    "line_of_business": "any",
    "market": "any",
    "applies_to": "line",
    "tier": "cms_manual",
    "reason": "Only one of these.",
}
SECTION = {"section": "surgery", "code_from": "10004", "code_to": "69990", "section_name": "Surgery"}
SECTION_FILE = "code_sections/code_section.csv"
COMPARE = "Compare the file with the publisher's record layout before changing the declaration."
PAYERS_IN_WORDS = "aetna, bcbs, cigna, medicare, uhc"
FACTS = (
    "code, component, section, status_code, pctc_code, global_days_code, multiple_procedure_code, bilateral_code, assistant_code, "
    "co_surgeon_code, team_surgeon_code, imaging_family_code, has_26, has_tc, has_53, has_phases"
)

WORDS = (
    {"words": "hmo", "kind": "product", "is_fit_for_medicare": "false", "meaning": "Kind of plan."},
    {"words": "of", "kind": "joining", "is_fit_for_medicare": "true", "meaning": "Joins words."},
)


def rules(*rows: Mapping[str, str]) -> Built:
    return payer_rules.build([source_file(curated_text(ModifierRule, *rows), RULES)], shipped_tables())


def payer_files(
    payer: tuple[Mapping[str, str], ...] = (PAYER,),
    organization: tuple[Mapping[str, str], ...] = (ORGANIZATION,),
    alias: tuple[Mapping[str, str], ...] = (ALIAS,),
) -> Built:
    texts = {
        "payer": curated_text(Payer, *payer),
        "payer_organization": curated_text(PayerOrganization, *organization),
        "payer_alias": curated_text(PayerAlias, *alias),
        "name_word": curated_text(NameWord, *WORDS),
    }
    return payers.build([source_file(text, f"payers/{name}.csv") for name, text in texts.items()], {})


def resolved_by(names: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    return resolve_names(names, tables["payer_alias"], tables["payer_organization"], tables["name_word"])


def modifier_files(*groups: Mapping[str, str]) -> Built:
    texts = {"modifier": curated_text(Modifier, MODIFIER), "modifier_group": curated_text(ModifierGroup, *groups)}
    files = [source_file(text, f"modifiers/{name}.csv") for name, text in texts.items()]
    return modifiers.build(files, shipped_tables())


def sections(text: str) -> Built:
    return code_sections.build([source_file(text, SECTION_FILE)], {})


def structure_error(text: str) -> str:
    with pytest.raises(StructureError) as caught:
        sections(text)
    return str(caught.value)


def test_header_of_a_curated_file_is_the_declaration_without_derived_columns() -> None:
    assert file_columns(CodeSection) == [
        "section",
        "code_from",
        "code_to",
        "suffix",
        "section_name",
        "citation_title",
        "citation_publisher",
        "citation_where",
        "read_date",
    ]
    assert "comparison_form" not in file_columns(PayerAlias)
    assert "rank" not in file_columns(ModifierRule)


@pytest.mark.parametrize(
    ("spelling", "form"),
    [
        ("AETNA [1001]", "aetna"),
        ("Aetna", "aetna"),
        ("UMR, Inc.", "umr inc"),
        ("UMR-Inc", "umr inc"),
        ("  Blue  Cross/Blue Shield ", "blue cross blue shield"),
        ("[1001]", ""),
        ("", ""),
    ],
)
def test_comparison_form_keeps_letters_and_digits(spelling: str, form: str) -> None:
    assert pl.select(comparison_form(pl.lit(spelling))).item() == form


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=20))
def test_comparison_form_is_idempotent(spelling: str) -> None:
    once = pl.select(comparison_form(pl.lit(spelling))).item()
    assert pl.select(comparison_form(pl.lit(once))).item() == once


ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="[]"), max_size=15)


@settings(deadline=None, max_examples=100)
@given(ASCII, ASCII)
def test_comparison_form_ignores_case_and_brackets(spelling: str, bracketed: str) -> None:
    forms = [
        pl.select(comparison_form(pl.lit(text))).item() for text in (spelling, spelling.swapcase(), f"{spelling} [{bracketed}]")
    ]
    assert len(set(forms)) == 1


def test_curated_rows_are_typed_and_cite_their_line() -> None:
    made = sections(curated_text(CodeSection, SECTION))
    row = {**SECTION, **CITATION, "read_date": date(2026, 11, 21), "source_file": SECTION_FILE, "source_row": 2}
    expected = pl.DataFrame([row], schema=CodeSection.polars_schema(), orient="row")
    assert_frame_equal(made.tables["code_section"], expected)
    assert (made.counts, listed(made.findings)) == ([FileCount(SECTION_FILE, 1, 1, 0)], [])


HEADER = file_columns(CodeSection)


@pytest.mark.parametrize(
    ("header", "column", "difference", "expected", "found"),
    [
        ([name for name in HEADER if name != "suffix"], 4, "missing: suffix", "'suffix'", "'section_name'"),
        (["part", *HEADER[1:]], 1, "missing: section; unknown: part", "'section'", "'part'"),
        ([*HEADER, "note"], 10, "unknown: note", "no further column", "'note'"),
        ([HEADER[1], HEADER[0], *HEADER[2:]], 1, "the order changed", "'section'", "'code_from'"),
    ],
    ids=["missing", "renamed", "unknown", "order"],
)
def test_changed_header_of_a_curated_file_stops(
    header: list[str], column: int, difference: str, expected: str, found: str
) -> None:
    assert structure_error(",".join(header) + "\n") == (
        f"{SECTION_FILE} line 1 column {column}: the header changed ({difference}): expected {expected}, found {found}. {COMPARE}"
    )


def test_section_nobody_knows_is_refused() -> None:
    made = sections(curated_text(CodeSection, SECTION, {**SECTION, "section": "dentistry", "code_from": "7"}))
    assert made.counts == [FileCount(SECTION_FILE, 2, 1, 1)]
    assert listed(made.findings) == [
        finding(SECTION_FILE, 3, "code_from", "code_section.code_from.pattern", "7", "Must look like ^[0-9A-Z][0-9]{3,4}$."),
        finding(SECTION_FILE, 3, "section", "code_section.section.isin", "dentistry", f"Must be one of {', '.join(SECTIONS)}."),
    ]


def test_row_without_a_citation_is_refused() -> None:
    made = sections(curated_text(CodeSection, {**SECTION, "citation_title": " ", "read_date": ""}))
    assert listed(made.findings) == [
        finding(SECTION_FILE, 2, "citation_title", "code_section.citation_title.not_empty", None, "Must not be empty.")
    ]


def test_curated_keeps_the_counts_of_several_files_apart() -> None:
    short = curated_text(CodeSection, {**SECTION, "section": "anesthesia"}) + "a,b\r\n"
    files = [source_file(curated_text(CodeSection, SECTION), "a.csv"), source_file(short, "b.csv")]
    made = curated(files, CodeSection)
    assert made.counts == [FileCount("a.csv", 1, 1, 0), FileCount("b.csv", 2, 1, 1)]
    assert made.tables["code_section"].select("source_file", "source_row").rows() == [("a.csv", 2), ("b.csv", 2)]
    assert listed(made.findings) == [
        finding("b.csv", 3, "*", "code_section.row.cell_count", "2 cells", "A row must have 9 cells.")
    ]


def test_payer_files_become_five_tables() -> None:
    child = {**ORGANIZATION, "organization_id": "aetna_dallas", "parent_organization_id": "aetna_tx"}
    made = payer_files(organization=(ORGANIZATION, child))
    assert listed(made.findings) == []
    assert made.counts == [
        FileCount("payers/payer.csv", 1, 1, 0),
        FileCount("payers/payer_organization.csv", 2, 2, 0),
        FileCount("payers/payer_alias.csv", 1, 1, 0),
        FileCount("payers/name_word.csv", 2, 2, 0),
    ]
    assert made.tables["payer_alias"].select("alias", "comparison_form", "payer_id").rows() == [
        ("AETNA [1001]", "aetna", "aetna")
    ]
    ancestors = [
        ("aetna_dallas", "aetna_dallas", 0),
        ("aetna_dallas", "aetna_tx", 1),
        ("aetna_dallas", "any", 2),
        ("aetna_tx", "aetna_tx", 0),
        ("aetna_tx", "any", 1),
        ("any", "any", 0),
    ]
    expected = pl.DataFrame(ancestors, schema=OrganizationAncestor.polars_schema(), orient="row")
    assert_frame_equal(made.tables["organization_ancestor"], expected)


def test_organization_of_an_unknown_payer_or_parent_is_refused() -> None:
    stranger = {**ORGANIZATION, "organization_id": "humana_tx", "payer_id": "humana"}
    orphan = {**ORGANIZATION, "organization_id": "orphan", "parent_organization_id": "nobody"}
    absent = {**ORGANIZATION, "organization_id": "cigna_tx", "payer_id": "cigna"}
    made = payer_files(organization=(ORGANIZATION, stranger, orphan, absent))
    file, table = "payers/payer_organization.csv", "payer_organization"
    assert made.tables[table]["organization_id"].to_list() == ["aetna_tx"]
    assert listed(made.findings) == [
        finding(file, 3, "payer_id", f"{table}.payer_id.isin", "humana", f"Must be one of {PAYERS_IN_WORDS}."),
        finding(file, 3, "payer_id", f"{table}.payer_id.known", "humana", "Must exist in payer.payer_id."),
        finding(file, 5, "payer_id", f"{table}.payer_id.known", "cigna", "Must exist in payer.payer_id."),
        finding(
            file,
            4,
            "parent_organization_id",
            f"{table}.parent_organization_id.known",
            "nobody",
            "Must exist in payer_organization.organization_id.",
        ),
    ]


def test_two_spellings_that_compare_equal_are_a_duplicate_key() -> None:
    made = payer_files(alias=(ALIAS, {**ALIAS, "alias": "aetna"}, {**ALIAS, "alias": "Aetna Texas"}))
    reason = "The key (comparison_form, scope, state, plan_text, valid_from) must occur once."
    assert made.tables["payer_alias"]["alias"].to_list() == ["Aetna Texas"]
    assert listed(made.findings) == [
        finding("payers/payer_alias.csv", line, "*", "payer_alias.key.unique", None, reason) for line in (2, 3)
    ]


def test_names_resolve_only_by_global_spellings_that_mean_a_payer() -> None:
    made = payer_files(
        alias=(
            ALIAS,
            {**ALIAS, "alias": "Blue Cross", "scope": "state", "state": "TX"},
            {**ALIAS, "alias": "Aetna Dental", "match": "is_not", "payer_id": ""},
            {**ALIAS, "alias": "Aetna Vision", "match": "is_not"},
        )
    )
    names = pl.DataFrame({"claim": ["aetna", "Blue Cross", "Aetna Dental", "Aetna Vision", "Humana", "Aetna [7]", ""]})
    resolved = resolved_by(names, made.tables)
    assert resolved.select("claim", "payer_id").rows() == [
        ("aetna", "aetna"),
        ("Blue Cross", None),
        ("Aetna Dental", None),
        ("Aetna Vision", None),
        ("Humana", None),
        ("Aetna [7]", "aetna"),
        ("", None),
    ]


@pytest.mark.parametrize("name", ["Blues", "BCBS of the Moon", "United", "United American Insurance Company", "Humana"])
def test_generic_and_strange_names_resolve_to_nobody(name: str) -> None:
    resolved = resolved_by(pl.DataFrame({"claim": [name]}), shipped_tables())
    assert resolved["payer_id"].to_list() == [None]


def test_each_global_spelling_means_one_payer() -> None:
    spellings = shipped_tables()["payer_alias"].filter((pl.col("scope") == "global") & (pl.col("match") == "is"))
    meanings = spellings.group_by("comparison_form").agg(pl.col("payer_id").n_unique())
    assert meanings.filter(pl.col("payer_id") != 1).rows() == []


def test_modifier_group_of_unknown_members_is_refused() -> None:
    made = modifier_files(GROUP, {**GROUP, "modifier": "Z9"}, {**GROUP, "group_id": "exclusive.other", "payer_id": "humana"})
    file, table = "modifiers/modifier_group.csv", "modifier_group"
    assert made.counts == [FileCount("modifiers/modifier.csv", 1, 1, 0), FileCount(file, 3, 1, 2)]
    assert listed(made.findings) == [
        finding(file, 4, "payer_id", f"{table}.payer_id.isin", "humana", f"Must be one of any, {PAYERS_IN_WORDS}."),
        finding(file, 3, "modifier", f"{table}.modifier.known", "Z9", "Must exist in modifier.modifier."),
        finding(file, 4, "payer_id", f"{table}.payer_id.known", "humana", "Must exist in payer.payer_id."),
    ]


def test_modifier_group_that_ends_before_it_starts_is_refused() -> None:
    made = modifier_files({**GROUP, "effective_from": "2026-04-01", "effective_to": "2026-03-31"})
    assert listed(made.findings) == [
        finding(
            "modifiers/modifier_group.csv",
            2,
            "*",
            "modifier_group.ends_after_start",
            None,
            "effective_to must not be before effective_from.",
        )
    ]


def test_rule_is_typed_and_ranked() -> None:
    made = rules(RULE, {**RULE, "rule_id": "uhc.test.QZ.tx", "market": "TX", "precedence": "3"})
    table = made.tables["modifier_rule"]
    assert table.columns == list(ModifierRule.column_names())
    assert table.select("rule_id", "rank", "effect_percent", "effective_from", "effective_to", "source_row").rows() == [
        ("uhc.test.QZ", 101, Decimal("85.00"), date(2025, 10, 1), None, 2),
        ("uhc.test.QZ.tx", 331, Decimal("85.00"), date(2025, 10, 1), None, 3),
    ]
    assert (made.counts, listed(made.findings)) == ([FileCount(RULES, 2, 2, 0)], [])


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (
            {"effective_to": "2025-09-30"},
            [("*", "ends_after_start", None, "effective_to must not be before effective_from.")],
        ),
        (
            {"payer_id": "humana"},
            [
                ("payer_id", "payer_id.isin", "humana", f"Must be one of {PAYERS_IN_WORDS}."),
                ("payer_id", "payer_id.known", "humana", "Must exist in payer.payer_id."),
            ],
        ),
        ({"modifier": "Z9"}, [("modifier", "modifier.known", "Z9", "Must exist in modifier.modifier.")]),
        (
            {"organization_id": "oxford_street"},
            [("organization_id", "organization_id.known", "oxford_street", "Must exist in payer_organization.organization_id.")],
        ),
        (
            {"disposition": "perhaps"},
            [
                (
                    "disposition",
                    "disposition.isin",
                    "perhaps",
                    "Must be one of allowed, allowed_with_documentation, required, informational, not_paid, not_allowed, "
                    "not_applicable, not_published.",
                )
            ],
        ),
        ({"effective_from": ""}, [("effective_from", "effective_from.not_empty", None, "Must not be empty.")]),
        (
            {"effective_from": "10/01/2025"},
            [("effective_from", "effective_from.type", "10/01/2025", "Must be a date as YYYY-MM-DD.")],
        ),
        (
            {"effect_percent": "62.555"},
            [("effect_percent", "effect_percent.type", "62.555", "Must be a number with at most 2 decimals.")],
        ),
        ({"effect_percent": "-1"}, [("effect_percent", "effect_percent.at_least", "-1.00", "Must be at least 0.")]),
        ({"precedence": "10"}, [("precedence", "precedence.at_most", "10", "Must be at most 9.")]),
        (
            {"effect_percent": ""},
            [
                (
                    "*",
                    "effect_is_stated",
                    None,
                    "The effect kind must come with its percentage, units or formula and with no other.",
                )
            ],
        ),
        (
            {"predicate": "colour=red"},
            [("predicate", "predicate.readable", "colour=red", f"'colour' is not a fact; known are {FACTS}.")],
        ),
        (
            {"predicate": "section is anesthesia"},
            [("predicate", "predicate.readable", "section is anesthesia", "'section is anesthesia' is not field=value|value.")],
        ),
        (
            {"predicate": "code=00100..1999"},
            [
                (
                    "predicate",
                    "predicate.readable",
                    "code=00100..1999",
                    "'00100..1999' has a range that is not from..to of equal length.",
                )
            ],
        ),
        ({"predicate": ""}, [("predicate", "predicate.not_empty", None, "Must not be empty.")]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_wrong_rule_is_refused_with_the_reason(cells: dict[str, str], expected: list[tuple[str, str, str | None, str]]) -> None:
    made = rules(RULE, {**RULE, "rule_id": "uhc.test.wrong", **cells})
    assert made.tables["modifier_rule"]["rule_id"].to_list() == ["uhc.test.QZ"]
    assert made.counts == [FileCount(RULES, 2, 1, 1)]
    assert listed(made.findings) == [
        finding(RULES, 3, column, f"modifier_rule.{rule}", value, reason) for column, rule, value, reason in expected
    ]


def test_rule_id_that_occurs_in_two_files_is_refused_in_both() -> None:
    files = [source_file(curated_text(ModifierRule, RULE), f"payer_rules/{name}.csv") for name in ("a", "b")]
    made = payer_rules.build(files, shipped_tables())
    assert made.tables["modifier_rule"].height == 0
    assert made.counts == [FileCount(f"payer_rules/{name}.csv", 1, 0, 1) for name in ("a", "b")]
    assert listed(made.findings) == [
        finding(f"payer_rules/{name}.csv", 2, "*", "modifier_rule.key.unique", None, "The key (rule_id) must occur once.")
        for name in ("a", "b")
    ]


@pytest.mark.parametrize("source", ["code_sections", "payers", "modifiers", "payer_rules"])
def test_shipped_curated_files_have_no_finding(source: str) -> None:
    made = shipped()[source]
    assert listed(made.findings) == []
    assert all(count.rows_read == count.rows_accepted > 0 for count in made.counts)


def test_shipped_payers_are_the_five() -> None:
    assert sorted(shipped_tables()["payer"]["payer_id"]) == list(PAYERS)


def test_parents_of_shipped_organizations_exist() -> None:
    lines = organization_lines(shipped_tables()["payer_organization"])
    assert {ancestor for line in lines.values() for ancestor in line} == set(lines)


def test_child_of_a_refused_organization_is_refused() -> None:
    stranger = {**ORGANIZATION, "organization_id": "humana_tx", "payer_id": "humana"}
    child = {**ORGANIZATION, "organization_id": "child", "parent_organization_id": "humana_tx"}
    made = payer_files(organization=(ORGANIZATION, stranger, child))
    assert made.tables["payer_organization"]["organization_id"].to_list() == ["aetna_tx"]


def test_spelling_that_means_a_payer_names_it() -> None:
    assert payer_files(alias=({**ALIAS, "payer_id": ""},)).tables["payer_alias"].height == 0
