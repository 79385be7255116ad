"""Scopes: which covers which, their meets, their closure and their rank."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.scopes import EVERYWHERE, Scope, ancestor_table, ancestors, closure, covers, meet, specificity

LINES = ancestors({"anthem": None, "anthem_oh": "anthem", "anthem_oh_north": "anthem_oh", "anthem_ny": "anthem", "ibx": None})
scopes = st.builds(
    Scope,
    organization_id=st.sampled_from(("any", "anthem", "anthem_oh", "anthem_oh_north", "anthem_ny", "ibx", "not_listed")),
    line_of_business=st.sampled_from(("any", "commercial", "medicaid")),
    market=st.sampled_from(("any", "OH", "TX")),
)
several_scopes = st.lists(scopes, max_size=6)


def test_ancestors_lead_to_any() -> None:
    assert LINES == {
        "any": ("any",),
        "anthem": ("anthem", "any"),
        "anthem_oh": ("anthem_oh", "anthem", "any"),
        "anthem_oh_north": ("anthem_oh_north", "anthem_oh", "anthem", "any"),
        "anthem_ny": ("anthem_ny", "anthem", "any"),
        "ibx": ("ibx", "any"),
    }


@pytest.mark.parametrize(
    ("parents", "lines"),
    [
        ({"a": "a"}, {"any": ("any",), "a": ("a", "any")}),
        ({"a": "b", "b": "a"}, {"any": ("any",), "a": ("a", "b", "any"), "b": ("b", "a", "any")}),
        (
            {"a": "b", "b": "c", "c": "b"},
            {"any": ("any",), "a": ("a", "b", "c", "any"), "b": ("b", "c", "any"), "c": ("c", "b", "any")},
        ),
        ({"a": "not_listed"}, {"any": ("any",), "a": ("a", "not_listed", "any")}),
        ({}, {"any": ("any",)}),
    ],
)
def test_parents_that_form_a_cycle_end(parents: dict[str, str | None], lines: dict[str, tuple[str, ...]]) -> None:
    assert ancestors(parents) == lines


@given(st.dictionaries(st.sampled_from("abcdef"), st.none() | st.sampled_from("abcdef")))
def test_every_line_starts_with_itself_ends_with_any_and_repeats_nothing(parents: dict[str, str | None]) -> None:
    for organization, line in ancestors(parents).items():
        assert (line[0], line[-1]) == (organization, "any")
        assert len(set(line)) == len(line)


def test_ancestor_table_counts_the_steps() -> None:
    table = ancestor_table(ancestors({"anthem": None, "anthem_oh": "anthem"}))
    assert table.rows() == [
        ("anthem", "anthem", 0),
        ("anthem", "any", 1),
        ("anthem_oh", "anthem", 1),
        ("anthem_oh", "anthem_oh", 0),
        ("anthem_oh", "any", 2),
        ("any", "any", 0),
    ]


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        (EVERYWHERE, Scope("anthem_oh", "commercial", "OH"), True),
        (Scope("anthem", "any", "any"), Scope("anthem_oh", "any", "any"), True),
        (Scope("anthem_oh", "any", "any"), Scope("anthem", "any", "any"), False),
        (Scope("anthem_oh", "any", "any"), Scope("anthem_ny", "any", "any"), False),
        (Scope("any", "commercial", "any"), Scope("any", "any", "any"), False),
        (Scope("any", "commercial", "any"), Scope("ibx", "commercial", "TX"), True),
        (Scope("any", "any", "OH"), Scope("any", "any", "TX"), False),
        (Scope("not_listed", "any", "any"), Scope("not_listed", "any", "OH"), True),
        (EVERYWHERE, Scope("not_listed", "any", "any"), True),
    ],
)
def test_covers(wide: Scope, narrow: Scope, *, expected: bool) -> None:
    assert covers(wide, narrow, LINES) is expected


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (Scope("any", "commercial", "any"), Scope("any", "any", "OH"), Scope("any", "commercial", "OH")),
        (Scope("anthem", "any", "any"), Scope("anthem_oh", "commercial", "any"), Scope("anthem_oh", "commercial", "any")),
        (Scope("anthem_oh", "any", "any"), Scope("anthem_ny", "any", "any"), None),
        (Scope("any", "commercial", "any"), Scope("any", "medicaid", "any"), None),
        (Scope("any", "any", "OH"), Scope("any", "any", "TX"), None),
    ],
)
def test_meet(left: Scope, right: Scope, expected: Scope | None) -> None:
    assert meet(left, right, LINES) == expected


@given(scopes, scopes)
def test_meet_is_commutative_idempotent_and_absorbs(left: Scope, right: Scope) -> None:
    assert meet(left, right, LINES) == meet(right, left, LINES)
    assert meet(left, left, LINES) == left
    assert meet(left, EVERYWHERE, LINES) == left
    assert (meet(left, right, LINES) == right) == covers(left, right, LINES)


@given(scopes, scopes, scopes)
def test_meet_is_the_widest_scope_inside_both(left: Scope, right: Scope, inner: Scope) -> None:
    both = meet(left, right, LINES)
    is_inside = covers(left, inner, LINES) and covers(right, inner, LINES)
    assert is_inside == (both is not None and covers(both, inner, LINES))


@given(scopes, scopes, scopes)
def test_covers_is_an_order(first: Scope, second: Scope, third: Scope) -> None:
    assert covers(first, first, LINES)
    if covers(first, second, LINES) and covers(second, first, LINES):
        assert first == second
    if covers(first, second, LINES) and covers(second, third, LINES):
        assert covers(first, third, LINES)


@given(several_scopes)
def test_closure_contains_everywhere_and_is_closed_under_meet(given_scopes: list[Scope]) -> None:
    found = closure(given_scopes, LINES)
    assert found == sorted(set(found))
    assert {EVERYWHERE, *given_scopes} <= set(found)
    assert all(meet(left, right, LINES) in {None, *found} for left in found for right in found)
    assert closure(found, LINES) == found


@given(several_scopes)
def test_closure_adds_nothing_but_meets(given_scopes: list[Scope]) -> None:
    for scope in closure(given_scopes, LINES):
        widest: Scope | None = EVERYWHERE
        for given_scope in given_scopes:
            if widest is not None and covers(given_scope, scope, LINES):
                widest = meet(widest, given_scope, LINES)
        assert widest == scope


@given(several_scopes, scopes)
def test_each_scope_has_exactly_one_narrowest_covering_scope(given_scopes: list[Scope], asked: Scope) -> None:
    covering = [scope for scope in closure(given_scopes, LINES) if covers(scope, asked, LINES)]
    narrowest = [scope for scope in covering if all(covers(other, scope, LINES) for other in covering)]
    assert len(narrowest) == 1
    assert max(covering, key=lambda scope: specificity(scope, LINES)) == narrowest[0]


@given(scopes, scopes)
def test_specificity_grows_when_a_scope_is_strictly_narrower(wide: Scope, narrow: Scope) -> None:
    if wide != narrow and covers(wide, narrow, LINES):
        assert specificity(wide, LINES) < specificity(narrow, LINES)


@given(scopes, scopes, scopes)
def test_different_scopes_that_cover_one_question_differ_in_specificity(left: Scope, right: Scope, asked: Scope) -> None:
    if left != right and covers(left, asked, LINES) and covers(right, asked, LINES):
        assert specificity(left, LINES) != specificity(right, LINES)


def test_specificity_puts_organization_before_market_before_line() -> None:
    ordered = [
        EVERYWHERE,
        Scope("any", "commercial", "any"),
        Scope("any", "any", "OH"),
        Scope("any", "commercial", "OH"),
        Scope("anthem", "any", "any"),
        Scope("anthem", "commercial", "OH"),
        Scope("anthem_oh", "any", "any"),
    ]
    assert [specificity(scope, LINES) for scope in ordered] == [0, 1, 2, 3, 4, 7, 8]
