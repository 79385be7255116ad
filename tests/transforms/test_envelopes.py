"""What a release may not lose or refuse, and what only warns."""

from datetime import date

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from schemas import Answer, CodeAnswerSet, CodePayerModifier, Contradiction, ModifierObservation, Payer, PayerAlias, PfsIndicator
from transforms.answer_sets import AnswerSets
from transforms.envelopes import (
    Breach,
    change_breaches,
    coverage,
    coverage_breaches,
    refusal_breaches,
    row_breaches,
    stops,
)
from transforms.release_changes import aligned


def test_too_few_rows_stop_and_too_many_warn() -> None:
    fewest, most = Payer.facts().expected_rows
    assert row_breaches(Payer, held=fewest, before=None) == []
    assert row_breaches(Payer, held=fewest - 1, before=None) == [
        Breach("payer", is_stop=True, text=f"expected at least {fewest} rows, found {fewest - 1}")
    ]
    assert row_breaches(Payer, held=most + 1, before=None) == [
        Breach("payer", is_stop=False, text=f"expected at most {most} rows, found {most + 1}")
    ]


def test_a_table_may_keep_half_of_its_rows_but_not_less() -> None:
    assert row_breaches(PayerAlias, held=400, before=800) == []
    assert row_breaches(PayerAlias, held=399, before=800) == [
        Breach("payer_alias", is_stop=True, text="expected at least 50 % of the 800 rows of the release before, found 399")
    ]
    assert row_breaches(Contradiction, held=0, before=800) == []


@given(st.integers(1, 10**7), st.integers(1, 10**7))
def test_a_table_that_grew_never_stops(before: int, more: int) -> None:
    assert not [breach for breach in row_breaches(PayerAlias, held=before + more, before=before) if breach.is_stop]


def test_many_changed_rows_warn() -> None:
    assert change_breaches(PayerAlias, touched=50, before=100) == []
    assert change_breaches(PayerAlias, touched=51, before=100) == [
        Breach(
            "payer_alias",
            is_stop=False,
            text="expected at most 50 % of the 100 rows of the release before to change or go, found 51",
        )
    ]
    assert change_breaches(PayerAlias, touched=19, before=19) == []
    assert change_breaches(Answer, touched=1_000, before=1_000) == []


def test_a_source_that_is_mostly_refused_stops() -> None:
    assert refusal_breaches([PfsIndicator], source="cms_pfs", read=1_000, refused=100) == []
    assert refusal_breaches([PfsIndicator], source="cms_pfs", read=1_000, refused=101) == [
        Breach(
            "pfs_indicator",
            is_stop=True,
            text="expected at most 10 % of the 1,000 rows of cms_pfs to be refused, found 101 (table finding)",
        )
    ]
    assert refusal_breaches([PfsIndicator], source="cms_pfs", read=19, refused=19) == []


def test_price_files_that_are_mostly_refused_only_warn() -> None:
    (breach,) = refusal_breaches([ModifierObservation], source="tic", read=30, refused=29, is_stop=False)
    assert breach == Breach(
        "modifier_observation",
        is_stop=False,
        text="expected at most 10 % of the 30 rows of tic to be refused, found 29 (table finding)",
    )
    assert stops([breach], accepted=[]) == {}


def sets(*, codes: int, modifiers: list[str], answered: bool = True) -> AnswerSets:
    coded = [("CPT", f"{number:05}", "global", 0) for number in range(codes)]
    answers = [
        {
            "answer_set_id": 0, "payer_id": payer, "modifier": modifier, "valid_from": date(2025, 1, 1),
            "disposition": "allowed" if answered or payer == "uhc" else "not_published",
        }
        for payer in ("cigna", "uhc")
        for modifier in modifiers
    ]  # fmt: skip
    rows = aligned(pl.DataFrame(answers), Answer).cast(Answer.polars_schema())  # type: ignore[arg-type]
    return AnswerSets(pl.DataFrame(coded, schema=CodeAnswerSet.polars_schema(), orient="row"), rows)


SECTIONS = pl.DataFrame(
    [("CPT", f"{number:05}", "surgery" if number < 30 else "radiology") for number in range(60)],
    schema=["code_system", "code", "section"],
    orient="row",
)


def test_coverage_counts_cells_by_payer_modifier_and_section() -> None:
    assert coverage(sets(codes=40, modifiers=["26", "50"], answered=False), SECTIONS).rows() == [
        ("modifier", "26", 80, 40),
        ("modifier", "50", 80, 40),
        ("payer", "cigna", 80, 0),
        ("payer", "uhc", 80, 80),
        ("section", "radiology", 40, 20),
        ("section", "surgery", 120, 60),
    ]


def test_what_lost_most_of_its_cells_stops() -> None:
    before = coverage(sets(codes=60, modifiers=["26", "50"]), SECTIONS)
    after = coverage(sets(codes=30, modifiers=["26"], answered=False), SECTIONS)
    breaches = coverage_breaches(CodePayerModifier, held=after, before=before)
    assert {breach.table for breach in breaches} == {"code_payer_modifier"}
    assert [breach.text for breach in breaches] == [
        "modifier 26: expected at least 50 % of its 120 answered cells, found 30",
        "modifier 50: expected at least 50 % of its 120 cells, found 0",
        "payer cigna: expected at least 50 % of its 120 cells, found 30",
        "payer uhc: expected at least 50 % of its 120 cells, found 30",
        "section radiology: expected at least 50 % of its 120 cells, found 0",
        "section surgery: expected at least 50 % of its 120 answered cells, found 30",
    ]
    assert coverage_breaches(CodePayerModifier, held=before, before=after) == []


def test_what_was_accepted_and_what_only_warns_does_not_stop() -> None:
    breaches = [
        Breach("a", is_stop=True, text="1"),
        Breach("b", is_stop=True, text="2"),
        Breach("b", is_stop=True, text="3"),
        Breach("c", is_stop=False, text="4"),
    ]
    assert stops(breaches, accepted=["a"]) == {"b": ["2", "3"]}
