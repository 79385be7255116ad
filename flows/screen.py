"""What the command line prints: progress, tables, the summary of a refresh."""

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from threading import Lock
from typing import Any

import typer
from rich.console import Console

from flows.answers import Question
from flows.grids import grid
from flows.release_query import Row, opened, rows
from flows.stage_log import Log, Stage, json_line, measured

_PIPE_WIDTH = 1_000_000
"""Nothing in a pipe is wrapped: whoever reads it, such as grep, reads lines."""
_SUMMARY = """
    SELECT
        payer_id AS payer,
        count(*) AS cells,
        count(*) FILTER (WHERE disposition <> 'not_published') AS answered,
        count(*) FILTER (WHERE disposition = 'not_published') AS "not published",
        count(DISTINCT rule_id) AS "rules that answer"
    FROM code_payer_modifier
    GROUP BY ALL ORDER BY ALL
"""


class Screen:
    """Standard output for answers, standard error for progress and messages."""

    def __init__(self) -> None:
        """Colours and widths follow the terminal; a pipe gets plain text."""
        self.out = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
        self._is_shown = Lock()
        self.log = Log.TEXT
        self.messages = Console(stderr=True, highlight=False, emoji=False, width=None if sys.stderr.isatty() else _PIPE_WIDTH)

    def watch(self, name: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Run a step and say what it took and gave. Of steps side by side the first shows that something goes on."""
        with self._waiting(name):
            return measured(self._tell, name, function, *arguments, **options)

    @contextmanager
    def _waiting(self, name: str) -> Iterator[None]:
        if self.log is Log.JSON or not self._is_shown.acquire(blocking=False):
            yield
            return
        try:
            with self.messages.status(f"{name} ..."):
                yield
        finally:
            self._is_shown.release()

    def _tell(self, stage: Stage) -> None:
        if self.log is Log.JSON:
            typer.echo(stage.json(), err=True)
        else:
            self.say(stage.text())

    def say(self, text: str) -> None:
        """A message beside the answer."""
        if self.log is Log.JSON:
            typer.echo(json_line("message", text=text), err=True)
        else:
            self.messages.print(text, markup=False, soft_wrap=True)

    def say_answer(self, text: str) -> None:
        """A part of the answer in words."""
        self.out.print(text, markup=False, soft_wrap=True)

    def table(self, title: str | None, found: Sequence[Row], columns: Sequence[str] | None = None) -> None:
        """Rows as a table; in a pipe every row is one line, so that it can be searched."""
        names = list(columns or (found[0] if found else []))
        made = grid(
            [name.replace("_", " ") for name in names],
            [[cell(row[name]) for name in names] for row in found],
            numbers=[bool(found) and all(_is_number(row[name]) for row in found) for name in names],
            width=self.out.width,
        )
        if title:
            self.out.print(title, markup=False, soft_wrap=True, style="italic")
        if self.out.is_terminal:
            self.out.print(made)
            return
        with self.out.capture() as captured:
            self.out.print(made)
        self.say_answer("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)


def cell(value: Any) -> str:
    """A value as people read it, in one line."""
    if value is None:
        return ""
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return "".join(sign for sign in " ".join(text.split()) if sign.isprintable())


def effect(row: Row) -> str:
    """The effect of a rule or cell in a few words."""
    if row["effect_percent"] is not None:
        return f"{row['effect_percent'].normalize():f} %"
    if row["effect_units"] is not None:
        units = row["effect_units"].normalize()
        return f"{units:f} {'unit' if units == 1 else 'units'}"
    return row["effect_formula"] or {"component_row": "the component's own row", "by_report": "by report"}.get(
        row["effect_kind"], ""
    )


def show_summary(screen: Screen, output: Path, *, release: str, refused: int, seconds: str) -> None:
    """What a refresh made, and what to try next."""
    with opened(output) as connection:
        (held,) = rows(
            connection,
            "SELECT (SELECT count(DISTINCT code) FROM code) AS codes, (SELECT count(*) FROM modifier_rule) AS rules, "
            "(SELECT count(*) FROM contradiction) AS contradictions",
        )
        screen.table(f"Release {release}", rows(connection, _SUMMARY))
    screen.say_answer(
        f"{held['codes']:,} codes, {held['rules']:,} rules, {held['contradictions']:,} contradictions, {refused:,} rows refused "
        f"(table finding). {seconds}"
    )
    command, where = command_name(), "" if output == Path("output") else f" --output {shlex.quote(str(output))}"
    screen.say_answer(f"Published in {output / 'current'}. Try next:")
    screen.say_answer(f"  {command} lookup 00406 --payer cigna --modifier QZ --on 2023-03-12{where}")
    screen.say_answer(f"  {command} explain 19307 --payer medicare --modifier 54{where}")
    screen.say_answer(f"  open {output / 'current' / 'report.html'} in a browser")


def command_name() -> str:
    """How this command was called, short enough to be typed again."""
    called = Path(sys.argv[0])
    if called.is_absolute() and called.is_relative_to(Path.cwd()):
        called = called.relative_to(Path.cwd())
    return str(called) if called.name == "payref" else "payref"


def show_answers(screen: Screen, question: Question, answers: Sequence[Row], *, is_complete: bool) -> None:
    """Answers of a look-up: one in full, several as a table, those nobody published only where `is_complete`."""
    scope = [part for part in (question.organization, question.line_of_business, question.market) if part and part != "any"]
    title = f"{answers[0]['code']} ({answers[0]['component']}) for {', '.join([question.payer, *scope])} on {question.on}"
    if question.modifier:
        screen.say_answer(f"{title}, modifier {question.modifier}:\n{_in_full(answers[0])}")
    else:
        kept = [row for row in answers if is_complete or row["rule_id"] or row["disposition"] != "not_published"]
        shown = [{**row, "effect": effect(row), "medicare": row["medicare_disposition"]} for row in kept]
        screen.table(title, shown, ("modifier", "disposition", "effect", "reason", "tier", "medicare"))
        if len(kept) < len(answers):
            screen.say_answer(f"{len(answers) - len(kept)} more modifiers are not published for this payer; --all lists them.")
    show_staleness(screen, answers[0])


def _in_full(row: Row) -> str:
    percent = row["medicare_effect_percent"]
    lines = [f"  answer    {row['disposition']} {effect(row)}".rstrip(), f"  because   {row['reason']}"]
    if row["rule_id"]:
        dates = f"from {row['effective_from']} ({row['effective_from_basis']}) to {row['effective_to'] or 'open'}"
        lines.append(f"  rule      {row['rule_id']} ({row['tier']}), {dates}")
        scope = ", ".join((row["organization_id"], row["line_of_business"], row["market"]))
        lines.append(f"  scope     {scope} (organization, line of business, market)")
    lines.append(f"  Medicare  {row['medicare_disposition']}" + (f" {percent.normalize():f} %" if percent is not None else ""))
    return "\n".join(lines)


def show_staleness(screen: Screen, answer: Row) -> None:
    """Say where a question lies after the newest fee schedule."""
    if answer["is_stale"]:
        screen.say_answer(
            f"Answered from fee schedule release {answer['release_used']}, whose last day is {answer['release_last_day']}."
        )
