"""The command `payref fetch`: progress on standard error, a summary and the next command on standard output."""

import shlex
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from flows.addresses import FetchUsageError
from flows.fetch import Fetched, FetchOutcome, FetchSettings, LicenceError, Status, Watch, fetch
from flows.screen import Screen, command_name
from flows.settings import ExitCode

_TROUBLE = (Status.MISSING, Status.FAILED, Status.CHANGED, Status.REPLACED, Status.PLANNED)


Listed = tuple[Path, tuple[str, ...], int, tuple[str, ...]]
"""A worklist of price files, payers, most files, and hosts to allow."""


def fetch_and_report(
    screen: Screen,
    sources: Sequence[str],
    releases: Sequence[str],
    raw: Path,
    settings: FetchSettings,
    *,
    listed: Listed | None = None,
) -> ExitCode:
    """Fetch, print what happens, and say how to go on. Files that a worklist names are taken in place of sources."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    try:
        with Progress(*columns, console=screen.messages, transient=True, disable=not screen.messages.is_terminal) as progress:
            watch = _watch(screen, progress)
            if listed:
                outcome = _fetch_listed(listed, raw, settings, watch)
            else:
                outcome = fetch(sources, releases, raw, today=date.today(), settings=settings, watch=watch)
    except (FetchUsageError, LicenceError) as error:
        screen.say(str(error))
        return ExitCode.USAGE
    _show_summary(screen, outcome, is_dry=settings.is_dry)
    return outcome.exit_code


def _fetch_listed(listed: Listed, raw: Path, settings: FetchSettings, watch: Watch) -> FetchOutcome:
    from flows.price_fetch import Pick, check_hosts, fetch_worklist

    worklist, payers, most, hosts = listed
    pick = Pick(payers, most, check_hosts(hosts))
    return fetch_worklist(worklist, raw, today=date.today(), pick=pick, settings=settings, watch=watch)


def _watch(screen: Screen, progress: Progress) -> Watch:
    bars: dict[str, TaskID] = {}

    def advance(name: str, size: int, expected: int | None) -> None:
        if name not in bars:
            bars[name] = progress.add_task(escape(name))
        progress.update(bars[name], completed=size, total=expected)

    def done(file: Fetched) -> None:
        if file.place in bars:
            progress.remove_task(bars.pop(file.place))
        screen.say(line_of(file))

    return Watch(screen.say, advance, done)


def line_of(file: Fetched) -> str:
    """A file, what became of it, and why where that matters."""
    size = f", {file.size_bytes / 1_000_000:,.1f} MB" if file.size_bytes else ""
    why = f": {file.detail}" if file.status in _TROUBLE else ""
    return f"  {file.place}: {file.status.value}{size}{why}"


def _show_summary(screen: Screen, outcome: FetchOutcome, *, is_dry: bool) -> None:
    if is_dry:
        for file in outcome.files:
            screen.say_answer(line_of(file))
    counts = Counter(file.status for file in outcome.files)
    told = ", ".join(f"{counts[status]} {status.value}" for status in Status if counts[status])
    screen.say_answer(f"{len(outcome.files)} files: {told}.")
    if is_dry:
        screen.say_answer("Try next: the same command without --dry-run.")
    elif outcome.exit_code is not ExitCode.OK:
        screen.say_answer("What could not be fetched is named above; the rest is not affected. Try next: the same command again.")
    else:
        screen.say_answer("Try next:")
        screen.say_answer(f"  {command_name()} refresh --raw {shlex.quote(str(outcome.raw))}")
