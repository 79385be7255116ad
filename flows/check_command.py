"""The command `payref check`: a claim file against the release."""

import shlex
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.options import Output, day_option, leave, screen
from flows.screen import command_name
from flows.settings import ExitCode, UnknownNameError

if TYPE_CHECKING:
    from flows.claim_check import Checked


def add_commands(app: typer.Typer) -> None:
    """Make the command known."""
    app.command("check")(check_command)


def check_command(
    claims: Annotated[Path, typer.Argument(help="Claim file, .csv or .parquet, one row per line of a claim.")],
    out: Annotated[Path | None, typer.Option(help="File of findings to write, .csv or .parquet; needed.")] = None,
    on_service_date: Annotated[
        bool, typer.Option("--on-service-date", help="Judge each line by the rules of its service date; so it is without --on.")
    ] = False,
    on: Annotated[date | None, day_option("Judge every line by the rules of this day instead.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 4 where there are errors or refused lines.")] = False,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Threads of the database.")] = 2,
    output: Output = Path("output"),
) -> None:
    """What speaks against each line of a claim file, with the rule, the effect on payment and who says so. No advice."""
    from flows.claim_check import check
    from flows.claim_files import known_file

    known_file(claims)
    if out is None:
        raise UnknownNameError(f"Give --out with the file of findings to write, such as --out {claims.stem}-findings.csv.")
    if on_service_date and on is not None:
        raise UnknownNameError("Give either --on-service-date or --on with a day.")
    began = time.monotonic()
    try:
        done = check(claims, out, output=output, on=on, threads=threads)
    except OSError as error:
        leave(f"{out} cannot be written: {error.strerror}.", ExitCode.STOPPED)
    _show(done, out, output, seconds=time.monotonic() - began)
    if strict and any(severity in ("refused", "error") for severity, _, _ in done.counts):
        raise SystemExit(int(ExitCode.REFUSED_ROWS))


def _show(done: "Checked", out: Path, output: Path, *, seconds: float) -> None:
    """Counts of findings, that no line is missing, and what to do next."""
    columns = ("severity", "rule_id", "findings")
    if done.counts:
        screen.table("Findings", [dict(zip(columns, row, strict=True)) for row in done.counts], columns)
    screen.say_answer(
        f"{done.judged + done.refused:,} lines = {done.judged:,} judged + {done.refused:,} refused; "
        f"{sum(count for _, _, count in done.counts):,} findings in {out} ({seconds:.1f} s)."
    )
    if done.not_checked:
        screen.say_answer(
            f"Not checked, because this release holds none of it: {', '.join(done.not_checked)} (README: payref fetch)."
        )
    for told in _unread(done):
        screen.say_answer(told)
    if done.uncovered:
        screen.say_answer(
            f"Not checked, because no list here covers the day: {', '.join(done.uncovered)} (README: payref fetch)."
        )
    if any(rule == "code.unknown" for _, rule, _ in done.counts):
        screen.say_answer(f"This release knows {done.codes:,} codes; a code that is unknown to it may well exist.")
    if done.ignored:
        screen.say_answer(f"Columns not used: {', '.join(done.ignored)}.")
    if not done.has_modifiers:
        screen.say_answer(
            "The file has none of the columns modifier_1 to modifier_4, so its lines were judged without modifiers."
        )
    screen.say_answer("This is no medical or legal advice, and no guarantee of payment.")
    if not done.counts:
        return
    screen.say_answer("Try next:")
    elsewhere = "" if output == Path("output") else f" --output {shlex.quote(str(output))}"
    screen.say_answer(f"  {command_name()} {_query(out, severity=done.counts[0][0])}{elsewhere}")
    screen.say_answer(f"  {command_name()} explain CODE --payer PAYER --modifier MODIFIER --on DAY{elsewhere}")


def _unread(done: "Checked") -> Iterator[str]:
    """What refused lines mean for the judged lines of the same claims."""
    if done.partly_read:
        yield (
            f"Claims with judged and with refused lines: {done.partly_read:,}. What is judged over a whole claim, such as its "
            "pairs, the units of a day and primary codes, was judged without the refused lines."
        )
    if done.unclaimed:
        yield f"Refused lines that tell no claim: {done.unclaimed:,}. The claims that they belong to were judged without them."


def _query(out: Path, *, severity: str) -> str:
    """A query for the gravest findings in a file."""
    from schemas.claim import ClaimFinding

    query = f"SELECT source_row, sentence, citation FROM {ClaimFinding.table_name()} WHERE severity = '{severity}'"
    return f'sql "{query}" --findings {shlex.quote(str(out))}'
