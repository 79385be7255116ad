"""The commands about releases: `payref releases`, `rollback`, `diff` and `verify`."""

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from flows.options import AsJson, Output, leave, print_json, screen
from flows.screen import Screen
from flows.settings import ExitCode, LockedError, NoReleaseError, StopError

_HOURS_SHOWN = 48
Release = Annotated[str | None, typer.Argument(help="Name of a release; see the command releases.")]


def add_commands(app: typer.Typer) -> None:
    """Make the commands known."""
    app.command("releases")(releases_command)
    app.command("rollback")(rollback_command)
    app.command("diff")(diff_command)
    app.command("verify")(verify_command)


def releases_command(output: Output = Path("output"), as_json: AsJson = False) -> None:
    """The releases of a folder, the one made last first."""
    from flows.releases import listed

    found = listed(output)
    if not found:
        raise NoReleaseError(output)
    if as_json:
        print_json([entry._asdict() for entry in found])
        return
    rows = [
        {
            "release": entry.release,
            "build": entry.build,
            "age": age(datetime.now(UTC) - entry.made),
            "size MB": round(entry.size_bytes / 1_000_000),
            "current": "current" if entry.is_current else "",
            "read by": entry.leases,
        }
        for entry in found
    ]
    screen.table(None, rows)


def rollback_command(release: Release = None, output: Output = Path("output")) -> None:
    """Make the release current that was published before the current one, or the one named."""
    from flows.releases import roll_back

    try:
        left, now = roll_back(output, release)
    except (StopError, LockedError) as error:
        leave(str(error), ExitCode.LOCKED if isinstance(error, LockedError) else ExitCode.STOPPED)
    screen.say_answer(f"{output / 'current'} is release {now}, no longer {left}.")
    screen.say_answer(f"{left} is not published again while its inputs stay the same; `payref rollback {left}` goes back to it.")


def diff_command(
    earlier: Annotated[str, typer.Argument(help="Name of the earlier release.")],
    later: Annotated[str, typer.Argument(help="Name of the later release.")] = "current",
    output: Output = Path("output"),
    to: Annotated[Path | None, typer.Option(help="Folder for changes.parquet, CHANGES.md and changes.json.")] = None,
    as_json: AsJson = False,
) -> None:
    """What changed from one release to another, by table and payer; any two of one build."""
    from flows.release_feed import manifest_of, write_account, write_changes
    from flows.releases import folder_of

    try:
        old, new = folder_of(output, earlier), folder_of(output, later)
        described = manifest_of(new)
        with tempfile.TemporaryDirectory() as temporary:
            place = to or Path(temporary)
            place.mkdir(parents=True, exist_ok=True)
            compared = write_changes(old, new, place, described=described)
            write_account(old, place, described=described, compared=compared)
            found = place / ("changes.json" if as_json else "CHANGES.md")
            screen.say_answer(found.read_text(encoding="utf-8"))
    except (StopError, OSError) as error:
        leave(str(error), ExitCode.STOPPED)


def verify_command(release: Release = None, output: Output = Path("output")) -> None:
    """Hash every file of a release, and compare the rows of Parquet, CSV and DuckDB."""
    from flows.leases import leased
    from flows.releases import folder_of
    from flows.verification import verify

    try:
        folder = folder_of(output, release)
    except StopError as error:
        leave(str(error), ExitCode.STOPPED)
    with leased(output, folder.name):
        verdict = verify(folder)
    if verdict.damages:
        screen.say_answer("\n".join(verdict.damages))
        leave(
            f"Release {verdict.release} is damaged in {len(verdict.damages)} places. Go back with `payref rollback` or make it "
            "again with `payref refresh --force`.",
            ExitCode.STOPPED,
        )
    screen.say_answer(
        f"Release {verdict.release} is whole: {verdict.files} files have the bytes that were published; Parquet, CSV and DuckDB "
        f"hold the same {verdict.rows:,} rows in {verdict.tables} tables."
    )


def known_tables(names: list[str]) -> tuple[str, ...]:
    """Names of tables as they were given with --accept. Raises typer.BadParameter for a name that no table carries."""
    from flows.guard import check_accepted

    try:
        check_accepted(names)
    except StopError as error:
        raise typer.BadParameter(str(error), param_hint="'--accept'") from error
    return tuple(names)


def say_nothing_new(shown: Screen, output: Path, *, release: str, keep: int | None) -> None:
    """Say that a refresh finds nothing to do, and delete old releases all the same."""
    from flows.lock import locked
    from flows.releases import retire, rolled_back

    shown.say_answer(f"Nothing changed: {output / 'current'} is release {release}.")
    if left := rolled_back(output):
        names = ", ".join(sorted(left))
        shown.say(
            f"Left by a rollback and not published again: {names}. `payref rollback RELEASE` goes back, --force publishes anew."
        )
    if keep is None:
        return
    try:
        with locked(output):
            gone = retire(output, keep=keep)
    except LockedError as error:
        leave(str(error), ExitCode.LOCKED)
    if gone:
        shown.say(f"Deleted: {', '.join(gone)}.")


def say_warnings(shown: Screen, output: Path, *, release: str) -> None:
    """Limits that the release just published exceeds."""
    for warning in warnings_of(output, release):
        shown.say(f"Warning: {warning}.")


def warnings_of(output: Path, release: str) -> list[str]:
    """Limits that a release exceeds without being stopped by them, in words."""
    path = output / "releases" / release / "changes.json"
    return list(json.loads(path.read_text(encoding="utf-8"))["warnings"]) if path.is_file() else []


def age(passed: timedelta) -> str:
    """Time passed in one number."""
    hours = max(0, passed.total_seconds()) / 3600  # the clock may have been turned back
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.0f} h" if hours < _HOURS_SHOWN else f"{hours / 24:.0f} d"
