"""The language of predicates: what is read, what is refused, what it means."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.predicates import CODE_FACTS, INDICATOR_FACTS, PredicateError, Term, expression, parse, problem

KNOWN = (
    "code, component, section, status_code, pctc_code, global_days_code, multiple_procedure_code, bilateral_code, "
    "assistant_code, co_surgeon_code, team_surgeon_code, imaging_family_code, has_26, has_tc, has_53, has_phases"
)
WORDS = ("0", "1", "26", "TC", "090", "true", "surgery", "00406", "0042T", "evaluation_management")
words = st.sampled_from(WORDS)
ranges = st.sampled_from((("00100", "01999"), ("0", "2"), ("A0000", "Z9999"), ("000", "090"), ("99", "10")))


@st.composite
def terms(draw: st.DrawFn) -> Term:
    plain = draw(st.lists(words, max_size=3))
    spans = draw(st.lists(ranges, min_size=0 if plain else 1, max_size=2))
    return Term(draw(st.sampled_from((*CODE_FACTS, *INDICATOR_FACTS))), draw(st.booleans()), tuple(plain), tuple(spans))


def printed(written: tuple[Term, ...]) -> str:
    """Terms as the text that they are read from."""
    return "; ".join(
        f"{term.field}{'!=' if term.is_negated else '='}" + "|".join((*term.values, *(f"{a}..{b}" for a, b in term.ranges)))
        for term in written
    )


def met(text: str, facts: dict[str, list[str | None]]) -> list[bool]:
    frame = pl.DataFrame(facts, schema=dict.fromkeys(facts, pl.String))
    return frame.with_columns(met=expression(parse(text)))["met"].to_list()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("any", ()),
        (" any ", ()),
        ("bilateral_code=1", (Term("bilateral_code", is_negated=False, values=("1",), ranges=()),)),
        ("section!=surgery|radiology", (Term("section", is_negated=True, values=("surgery", "radiology"), ranges=()),)),
        ("code=00100..01999|99100", (Term("code", is_negated=False, values=("99100",), ranges=(("00100", "01999"),)),)),
        (
            "bilateral_code=1;has_phases=true ",
            (
                Term("bilateral_code", is_negated=False, values=("1",), ranges=()),
                Term("has_phases", is_negated=False, values=("true",), ranges=()),
            ),
        ),
    ],
)
def test_predicates_are_read_as_terms(text: str, expected: tuple[Term, ...]) -> None:
    assert parse(text) == expected
    assert problem(text) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is not field=value|value."),
        ("ANY", "'ANY' is not field=value|value."),
        ("bilateral_code", "'bilateral_code' is not field=value|value."),
        ("bilateral_code=", "'bilateral_code=' is not field=value|value."),
        ("bilateral_code = 1", "'bilateral_code = 1' is not field=value|value."),
        ("bilateral_code==1", "'bilateral_code==1' is not field=value|value."),
        ("bilateral_code>1", "'bilateral_code>1' is not field=value|value."),
        ("bilateral_code=1||2", "'bilateral_code=1||2' is not field=value|value."),
        ("bilateral_code=1,2", "'bilateral_code=1,2' is not field=value|value."),
        ("bilateral_code=1;", "'' is not field=value|value."),
        ("any; bilateral_code=1", "'any' is not field=value|value."),
        ("bilateral_code=1; has_phases", "'has_phases' is not field=value|value."),
        ("colour=1", f"'colour' is not a fact; known are {KNOWN}."),
        ("has_26=true; rvu=1", f"'rvu' is not a fact; known are {KNOWN}."),
        ("code=00100..199", "'00100..199' has a range that is not from..to of equal length."),
        ("code=..01999", "'..01999' has a range that is not from..to of equal length."),
        ("code=00100..", "'00100..' has a range that is not from..to of equal length."),
        ("code=..", "'..' has a range that is not from..to of equal length."),
        ("code=1..2..3", "'1..2..3' has a range that is not from..to of equal length."),
        ("code=0010...1999", "'0010...1999' has a range that is not from..to of equal length."),
        ("code=99100|1..22", "'99100|1..22' has a range that is not from..to of equal length."),
    ],
)
def test_unreadable_predicates_say_which_part(text: str, message: str) -> None:
    with pytest.raises(PredicateError) as raised:
        parse(text)
    assert str(raised.value) == message
    assert problem(text) == message


CODES: dict[str, list[str | None]] = {
    "code": ["00100", "00406", "01999", "02000", "A0428", "99100", None],
    "section": ["anesthesia"] * 3 + ["surgery", "level_2", "anesthesia", None],
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("any", ["00100", "00406", "01999", "02000", "A0428", "99100", None]),
        ("code=00406", ["00406"]),
        ("code=00406|A0428", ["00406", "A0428"]),
        ("code!=00406|A0428", ["00100", "01999", "02000", "99100"]),
        ("code=00100..01999", ["00100", "00406", "01999"]),
        ("code=00100..01999|99100", ["00100", "00406", "01999", "99100"]),
        ("code!=00100..01999|99100", ["02000", "A0428"]),
        ("code=01999..00100", []),
        ("code=0..9", []),
        ("section=anesthesia; code!=99100", ["00100", "00406", "01999"]),
        ("section=anesthesia; section=surgery", []),
    ],
)
def test_operators(text: str, expected: list[str | None]) -> None:
    assert [code for code, is_met in zip(CODES["code"], met(text, CODES), strict=True) if is_met] == expected


@given(st.lists(terms(), min_size=1, max_size=4))
def test_a_printed_predicate_reads_back_to_the_same_terms(written: list[Term]) -> None:
    assert parse(printed(tuple(written))) == tuple(written)


@settings(deadline=None)
@given(terms(), st.lists(words, min_size=1, max_size=8))
def test_a_negated_term_is_the_complement_on_known_facts(term: Term, facts: list[str]) -> None:
    known: dict[str, list[str | None]] = {term.field: list(facts)}
    plain = met(printed((term._replace(is_negated=False),)), known)
    negated = met(printed((term._replace(is_negated=True),)), known)
    assert negated == [not is_met for is_met in plain]


@settings(deadline=None)
@given(terms())
def test_an_unknown_fact_never_satisfies_a_term(term: Term) -> None:
    assert met(printed((term,)), {term.field: [None]}) == [False]


@settings(deadline=None)
@given(st.lists(terms(), min_size=1, max_size=4), st.lists(st.none() | words, min_size=1, max_size=6))
def test_all_terms_must_hold(written: list[Term], values: list[str | None]) -> None:
    facts = {term.field: values for term in written}
    each = [met(printed((term,)), facts) for term in written]
    assert met(printed(tuple(written)), facts) == [all(column) for column in zip(*each, strict=True)]


def test_a_range_of_digits_holds_no_code_with_a_letter() -> None:
    codes = pl.DataFrame({"code": ["00420", "0042T", "01999", "02000", None]})
    met = codes.select(met=expression(parse("code=00100..01999")))["met"].to_list()
    assert met == [True, False, True, False, False]
