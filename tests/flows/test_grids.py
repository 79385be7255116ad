"""Tables on a screen and in a pipe: no cell is cut, no word is parted, a row in a pipe is one line."""

import io
from typing import Any

import pytest
from rich.console import Console

from flows.grids import shared
from flows.screen import Screen

LONG = "Unusual work is priced individually from the documents, whatever their length, as the manual of the programme says."
ROWS = [
    {"modifier": "22", "disposition": "allowed_with_documentation", "reason": LONG, "effect_percent": 16},
    {"modifier": "23", "disposition": "not_applicable", "reason": "", "effect_percent": 1_200},
]


def shown(rows: list[dict[str, Any]], *, width: int | None, title: str | None = None) -> list[str]:
    """Lines on a terminal of a width, or in a pipe where there is none."""
    screen, file = Screen(), io.StringIO()
    is_pipe = width is None
    screen.out = Console(
        file=file, width=screen.out.width if is_pipe else width, force_terminal=not is_pipe, color_system=None,
        highlight=False, emoji=False,
    )  # fmt: skip
    screen.table(title, rows)
    return file.getvalue().splitlines()


def test_a_row_in_a_pipe_is_one_line_without_blanks_at_its_end() -> None:
    assert shown(ROWS, width=None, title="A title that is longer than the table, and is not wrapped either " * 3) == [
        ("A title that is longer than the table, and is not wrapped either " * 3),
        "",
        f" modifier   disposition                  {'reason':<{len(LONG)}}   effect percent",
        f" {'─' * (8 + 3 + 26 + 3 + len(LONG) + 3 + 14)}",
        f" 22         allowed_with_documentation   {LONG}               16",
        f" 23         not_applicable               {'':<{len(LONG)}}            1,200",
        "",
    ]


@pytest.mark.parametrize("width", [71, 80, 100, 160])
def test_a_terminal_gets_a_table_whose_words_are_whole(width: int) -> None:
    lines = shown(ROWS, width=width)
    assert max(map(len, lines)) <= width
    assert ["22", "allowed_with_documentation"] in [line.split()[:2] for line in lines]
    words = " ".join(lines).split()
    assert set(LONG.split()) <= set(words)


def test_a_terminal_too_narrow_for_a_table_gets_records() -> None:
    assert [line.rstrip() for line in shown(ROWS, width=60)] == [
        "",
        "modifier        22",
        "disposition     allowed_with_documentation",
        "reason          Unusual work is priced individually from the",
        "                documents, whatever their length, as the",
        "                manual of the programme says.",
        "effect percent  16",
        "",
        "modifier        23",
        "disposition     not_applicable",
        "effect percent  1,200",
    ]


def test_what_a_cell_holds_is_text_and_nothing_else() -> None:
    found = [{"markup": "[red]x[/red]", "emoji": ":cat:", "lines": "one\ntwo", "bell": "a\x07b", "bracket": r"a\[b"}]
    for width in (None, 80):
        text = "\n".join(shown(found, width=width))
        assert [part in text for part in ("[red]x[/red]", ":cat:", "one two", "ab", r"a\[b")] == [True] * 5


@pytest.mark.parametrize(
    ("least", "most", "width", "expected"),
    [
        ([3, 4], [3, 4], 100, [3, 4]),
        ([3, 4], [3, 4], 6, None),
        ([3, 4], [13, 34], 7, [3, 4]),
        ([3, 4], [13, 34], 27, [8, 19]),
        ([], [], 10, []),
    ],
)
def test_what_is_spare_is_shared_by_what_columns_want(
    least: list[int], most: list[int], width: int, expected: list[int] | None
) -> None:
    assert shared(least=least, most=most, width=width) == expected
