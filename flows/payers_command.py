"""The commands `payref payers ...`: whom a payer's name means, for one name or for a whole column."""

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.answers import known_state
from flows.options import day_option, print_json, screen
from flows.release_query import Row, opened, rows
from flows.settings import ExitCode, UnknownNameError

if TYPE_CHECKING:
    import polars as pl

payers = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Payers and the spellings of their names.")
_WIDEST_LABEL = 13
_FIRST_BYTES = 1_000
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


@payers.command("resolve")
def resolve_command(
    name: Annotated[str | None, typer.Argument(help="Name as a file or a card spells it.")] = None,
    state: Annotated[str | None, typer.Option(help="State in which the name was seen, such as TX.")] = None,
    plan: Annotated[str | None, typer.Option(help="Name of the plan beside it.")] = None,
    on: Annotated[date | None, day_option("Day on which the name was used; today if none.")] = None,
    file: Annotated[Path | None, typer.Option(help="CSV file with a column of names, in place of one name.")] = None,
    column: Annotated[str | None, typer.Option(help="Column of the names; the first if none.")] = None,
    plan_column: Annotated[str | None, typer.Option(help="Column of the plans' names.")] = None,
    state_column: Annotated[str | None, typer.Option(help="Column of the states.")] = None,
    out: Annotated[Path | None, typer.Option(help="CSV file to write; standard output if none.")] = None,
    output: Annotated[Path, typer.Option(help="Folder of the releases.")] = Path("output"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for one name.")] = False,
) -> None:
    """Whom a name means: payer, organization, line of business, the alias used and its evidence, or why nobody."""
    day, market = on or date.today(), known_state(state) if state else None
    if (name is None) == (file is None):
        raise UnknownNameError("Give either a name or --file with a CSV file of names.")
    if file is None:
        if any((column, plan_column, state_column, out)):
            raise UnknownNameError("--column, --plan-column, --state-column and --out go with --file.")
        _resolve_one(str(name), plan, market, day, output, as_json=as_json)
        return
    if plan is not None or as_json:
        raise UnknownNameError("--plan and --json go with one name; a file has --plan-column.")
    given = _read(file)
    columns = {"name": column or given.columns[0], "plan": plan_column, "state": state_column}
    _resolve_all(given, columns, market, day, output, out)


def _resolve_one(name: str, plan: str | None, state: str | None, day: date, output: Path, *, as_json: bool) -> None:
    """Print whom one name means; exit code 1 where it is nobody for certain."""
    from flows.names import meaning, suggested

    with opened(output) as connection:
        found = meaning(connection, name, plan=plan, state=state, on=day)
        called = _called(connection, found.payer_id, found.organization_id)
        told = {**found._asdict(), **called, "did_you_mean": suggested(connection, name, found)}
    if as_json:
        print_json({"name": name, "plan": plan, "state": state, "on": str(day), **told})
    else:
        screen.say_answer(_in_words(name, told))
    if found.payer_id is None:
        raise SystemExit(int(ExitCode.NO_ANSWER))


def _resolve_all(
    given: "pl.DataFrame", columns: dict[str, str | None], state: str | None, day: date, output: Path, out: Path | None
) -> None:
    """Write the rows of a file with whom their names mean; unresolved rows stay, with the reason."""
    import polars as pl

    from flows.names import meanings

    missing = [column for column in columns.values() if column is not None and column not in given.columns]
    if missing:
        there = f"The file has no column '{missing[0]}', it has: {', '.join(given.columns)}."
        raise UnknownNameError(f"{there} {_parted_otherwise(given)}".rstrip())
    asked = given.select(pl.col(column).alias(name) for name, column in columns.items() if column is not None)
    seen = pl.col("state").fill_null(pl.lit(state)) if columns["state"] else pl.lit(state, dtype=pl.String)
    with opened(output) as connection:
        found = meanings(connection, asked.with_columns(state=seen, day=pl.lit(day)))
    added = found.select(pl.exclude("name", "plan", "state", "day"))
    taken = {name: f"resolved_{name}" for name in added.columns if name in given.columns}
    written = pl.concat([given, added.rename(taken)], how="horizontal")
    _write(written, out)
    counts = found["status"].value_counts(sort=True).iter_rows()
    told = ", ".join(f"{count:,} {status}" for status, count in counts) or "none below the header"
    counted = "1 row" if given.height == 1 else f"{given.height:,} rows"
    read = " ".join(str(columns["name"]).split())
    screen.say(f"{counted}, names from column '{read}': {told}. {_parted_otherwise(given)}".rstrip())


def _parted_otherwise(given: "pl.DataFrame") -> str:
    """A hint where a file of one column looks like one of several that are not parted by commas."""
    (header, *others) = given.columns
    sign = next((name for mark, name in _OTHER_SEPARATORS.items() if mark in header), None)
    if others or sign is None:
        return ""
    return f"Its only column has {sign} in its header: if they part columns, save the file with commas."


def _read(file: Path) -> "pl.DataFrame":
    """A CSV file as text, in UTF-8 or else in cp1252. Raises UnknownNameError where it is none."""
    import polars as pl

    try:
        content = file.read_bytes()
    except OSError as error:
        raise UnknownNameError(f"{file} cannot be read: {error.strerror}.") from error
    if b"\0" in content[:_FIRST_BYTES]:
        raise UnknownNameError(
            f"{file} is no CSV file in UTF-8: it looks like a workbook, an archive or text in UTF-16. Save it as CSV."
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    try:
        return pl.read_csv(text.encode(), infer_schema=False)
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise UnknownNameError(f"{file} is no CSV file with a header: {str(error).splitlines()[0]}") from error


def _write(written: "pl.DataFrame", out: Path | None) -> None:
    import polars as pl

    from flows.tables import harmless_text

    texts = [name for name, kind in written.schema.items() if kind == pl.String]
    text = written.with_columns(harmless_text(name) for name in texts).write_csv(line_terminator="\n")
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise UnknownNameError(f"{out} cannot be written: {error.strerror}.") from error


def _called(connection: Any, payer: str | None, organization: str | None) -> Row:
    """Names of the payer and of the organization."""
    query = """
        SELECT
            (SELECT payer_name FROM payer WHERE payer_id = $1) AS payer_name,
            (SELECT organization_name FROM payer_organization WHERE organization_id = $2) AS organization_name
    """
    (found,) = rows(connection, query, [payer, organization])
    return found


def _in_words(name: str, found: Row) -> str:
    lines = [f"{name}:"]
    if found["payer_id"]:
        lines += [
            _line("payer", f"{found['payer_id']} ({found['payer_name']})"),
            _line("organization", _both(found["organization_id"], found["organization_name"])),
            _line("line", found["line_of_business"]),
            _line("market", found["market"]),
            _line("alias", found["alias"]),
            _line("evidence", found["evidence"]),
        ]
    else:
        lines.append(_line("payer", f"none for certain ({found['status']})"))
    lines.append(_line("because", found["reason"]))
    if found["did_you_mean"]:
        lines.append(_line("did you mean", f"{'; '.join(found['did_you_mean'])}?"))
    return "\n".join(lines)


def _both(identifier: str | None, called: str | None) -> str:
    return f"{identifier} ({called})" if identifier else "none named"


def _line(label: str, text: str) -> str:
    return f"  {label:<{_WIDEST_LABEL}} {text}"
