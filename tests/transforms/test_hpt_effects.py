"""What a modifier row without an item is understood to say."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.hpt_effects import Effect, EffectCells, NoteReading, effect_of, reading

ADJUSTED = "{}% payment adjustment for the item or service to which the modifier is appended"


def understood(**cells: str) -> Effect:
    found = effect_of(EffectCells(**cells))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("note", "factor"),
    [
        (ADJUSTED.format(50), "50"),
        (ADJUSTED.format(150) + ".", "150"),
        ("62.5% of the amount for the item or service is appended for each co-surgeon", "62.5"),
        ("87% of the amount for the item or service to which this combination of modifiers is appended", "87"),
        ("85 % of the amount", "85"),
        ("CT: 85% OF THE ALLOWED AMOUNT", "85"),
        ("50 percent payment adjustment", "50"),
    ],
)
def test_both_wordings_state_the_share_that_is_paid(note: str, factor: str) -> None:
    assert reading(note) == NoteReading("factor", Decimal(factor), f"{factor} percent of the rate")


@pytest.mark.parametrize(
    ("note", "words", "reason"),
    [
        (
            "150%/200% payment adjustment",
            "names 150 and 200 percent",
            "The note names several percentages and does not say which one applies.",
        ),
        ("Paid as agreed", "names no percentage", "The note states no percentage."),
        (
            "50% of the amount when billed with another",
            "names 50 percent",
            "The percentage of the note stands under a condition.",
        ),
        ("50% of the amount for 2 procedures", "names 50 percent", "The note names further figures beside the percentage."),
        (
            "20% reduction of the rate",
            "names 20 percent",
            "The note speaks of a change by a percentage, not of the share that is paid.",
        ),
        (
            "110% of the amount of Medicare",
            "names 110 percent",
            "The percentage of the note is one of something else than the rate.",
        ),
        ("pays 110%", "names 110 percent", "The wording of the note is not one that states a share of the rate."),
    ],
)
def test_other_wordings_are_not_guessed_at(note: str, words: str, reason: str) -> None:
    assert reading(note) == NoteReading("unreadable", None, words, reason)


def test_percentage_and_note_agree() -> None:
    assert understood(percent="13.6", note=ADJUSTED.format("13.6")) == Effect(
        Decimal("13.6"), None, Decimal("13.6"), "13.6 percent of the rate", "clear", "Column and note state the same share."
    )


def test_a_percentage_without_note_is_clear() -> None:
    expected = "The column states a percentage, and no note speaks against it."
    assert understood(percent="50")[2:] == (Decimal(50), None, "clear", expected)


def test_a_note_without_figure_is_clear() -> None:
    found = understood(note=ADJUSTED.format(120))
    assert found == Effect(
        None,
        None,
        Decimal(120),
        "120 percent of the rate",
        "clear",
        "The note states the share, and no figure speaks against it.",
    )


def test_a_percentage_in_the_dollar_column_contradicts_the_note() -> None:
    assert understood(dollars="12", note=ADJUSTED.format(12)) == Effect(
        None,
        Decimal(12),
        Decimal(12),
        "12 percent of the rate",
        "contradicts_note",
        "12 stands in the dollar column, but the note says 12 percent.",
    )


@pytest.mark.parametrize(
    ("cells", "verdict", "reason"),
    [
        ({"percent": "50", "note": ADJUSTED.format(60)}, "contradicts_note", "The note says 60 percent, the column says 50."),
        ({"dollars": "310.01", "note": ADJUSTED.format(50)}, "contradicts_note", "The note says 50 percent, the dollar column 310.01."),
        (
            {"dollars": "310.01", "methodology": "Fee Schedule"},
            "unreadable",
            "A dollar amount for a modifier alone does not say of which service it is the price.",
        ),
        (
            {"dollars": "1", "percent": "2"},
            "unreadable",
            "Both a percentage and a dollar amount are published for the modifier alone.",
        ),
        ({"percent": "NaN"}, "unreadable", "A figure is no number."),
        ({"percent": "1000000"}, "unreadable", "A figure is no number."),
        ({"percent": "0"}, "unreadable", "0 percent is no share of a rate."),
        ({"percent": "0.5"}, "unreadable", "0.5 may be a fraction or a percentage, and no note says which."),
        ({"percent": "2000"}, "unreadable", "2000 percent is no share of a rate."),
        ({"note": ADJUSTED.format(0)}, "unreadable", "0 percent is no share of a rate."),
        (
            {"percent": "50", "methodology": "Percent of total billed charges"},
            "unreadable",
            "The percentage is one of billed charges, not of the rate.",
        ),
        ({"algorithm": "words"}, "unreadable", "Neither a figure nor a note is published, only how the rate is found."),
        ({"note": "150%/200% payment adjustment"}, "unreadable", "The note names several percentages and does not say which one applies."),
        (
            {"note": "The modified price is presented in the standard charge value."},
            "boilerplate",
            "The note only says that the charges listed for items include the modifier.",
        ),
        ({"note": "modifier_payer_description"}, "placeholder", "The name of a field stands where the note should."),
    ],
)  # fmt: skip
def test_every_other_case_has_its_verdict_and_no_effect(cells: dict[str, str], verdict: str, reason: str) -> None:
    found = understood(**cells)
    assert (found.verdict, found.reason, found.effect_percent) == (verdict, reason, None)


def test_no_cell_is_no_effect() -> None:
    assert effect_of(EffectCells(" ", "", "", "", "")) is None


@given(st.text(max_size=80), st.text("0123456789.%", max_size=6))
def test_no_word_of_a_note_reaches_what_is_kept(note: str, percent: str) -> None:
    found = effect_of(EffectCells(percent=percent, note=f"Qzx{note}Qzx"))
    assert found is not None
    assert "qzx" not in f"{found.note} {found.reason}".lower()


@given(st.decimals("1.1", "999", places=1))
def test_a_share_is_read_from_the_note_as_from_the_column(share: Decimal) -> None:
    by_note, by_column = understood(note=ADJUSTED.format(share)), understood(percent=str(share))
    assert by_note.effect_percent == by_column.effect_percent == share
