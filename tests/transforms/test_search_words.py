"""The words by which codes, modifiers and payers are found."""

import polars as pl
from polars.testing import assert_frame_equal

from schemas import SearchWord, table
from transforms.search_words import search_words


def tables(**rows: list[dict[str, str]]) -> dict[str, pl.DataFrame]:
    """Tables of texts with the columns that count, all others empty."""
    names = ("code", "code_description", "modifier", "modifier_listing", "payer", "payer_organization", "payer_alias")
    return {name: pl.DataFrame(rows.get(name, []), schema=table(name).polars_schema()) for name in names}


def expected(*rows: tuple[str, str, str, int, int, int, bool]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SearchWord.polars_schema(), orient="row")


def test_a_code_has_its_number_its_words_and_what_people_say_for_them() -> None:
    found = search_words(
        tables(
            code=[{"code": "A0001"}],
            code_description=[
                {"code": "A0001", "kind": "long", "description": "Cancer drug, CANCER"},
                {"code": "A0001", "kind": "overview", "description": "A drug, über"},
            ],
        )
    )
    words = [("a", 2), ("a0001", 10), ("cancer", 3), ("chemo", 1), ("chemotherapy", 1), ("drug", 3), ("uber", 2)]
    assert_frame_equal(found, expected(*(("code", word, "A0001", weight, 7, 1, True) for word, weight in words)))


def test_a_word_of_two_subjects_is_in_the_vocabulary_once() -> None:
    found = search_words(
        tables(modifier=[{"modifier": "Q1", "modifier_name": "side"}, {"modifier": "Q2", "modifier_name": "side"}])
    )
    assert_frame_equal(
        found,
        expected(
            ("modifier", "q1", "Q1", 10, 2, 1, True),
            ("modifier", "q2", "Q2", 10, 2, 1, True),
            ("modifier", "side", "Q1", 3, 2, 2, True),
            ("modifier", "side", "Q2", 3, 2, 2, False),
        ),
    )


def test_an_alias_leads_to_the_organization_it_means_or_to_the_payer_and_to_nobody_where_it_means_nobody() -> None:
    found = search_words(
        tables(
            payer_alias=[
                {"comparison_form": "one", "payer_id": "uhc", "organization_id": "oxford"},
                {"comparison_form": "two", "payer_id": "uhc"},
                {"comparison_form": "three"},
            ]
        )
    )
    assert found.select("kind", "word", "subject").rows() == [("organization", "one", "oxford"), ("payer", "two", "uhc")]
