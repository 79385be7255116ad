"""Judges a claim file by a release: questions in SQL over all lines at once, findings written in pieces of bounded size."""

from collections.abc import Iterator
from datetime import date
from errno import ENOENT
from pathlib import Path
from string import Formatter
from typing import NamedTuple

import duckdb
import polars as pl
import pyarrow as pa

from flows.claim_files import read_claims
from flows.claim_findings import known_format, write_findings
from flows.names import meanings, name_tables
from flows.release_query import opened
from flows.settings import UnknownNameError
from schemas.claim import ADVICE, CHECK_RULES, ClaimFinding
from schemas.vocabulary import BEGINNING
from transforms.claim_lines import claim_lines

_SQL = Path(__file__).parent / "sql" / "check"
FAMILIES = ("lines.sql", "names.sql", "answers.sql", "combinations.sql", "ncci.sql", "findings.sql")
"""Checks by family, in the order in which they run; a later one may use the tables of an earlier one."""
NCCI = {"ncci_ptp": "NCCI pairs", "ncci_mue": "units per line and day", "ncci_addon": "add-on codes without their primary"}
"""Tables that only a release with NCCI's files has rows in, and what is checked by them."""
_LISTS = {"place_of_service": "cms_pos", "diagnosis": "cms_icd10cm"}
"""Columns, and the source whose list is complete on the days that it covers."""
_ORDER = "source_row, rule_id, column_name, value, related_row, sentence"
_SCOPE = ["payer_id", "organization_id", "line_of_business", "market"]
_NAME = ["status", "reason"]
_WORDS = tuple(f"word_{name}" for name in ("value", "code", "other", "detail", "day", "limit", "unpublished", "beside", "others"))
"""Words of a sentence, in the order in which `findings.sql` gives them."""
_PIECE_ROWS = 350_000
_MEMORY_LIMIT = "1500MB"


class Checked(NamedTuple):
    """What a check did. `judged` + `refused` is every line of the file."""

    judged: int
    refused: int
    counts: list[tuple[str, str, int]]
    """severity, rule_id and how many findings, the gravest first."""
    ignored: list[str]
    """Columns of the claim file that mean nothing here, each with what it may have been meant for."""
    has_modifiers: bool
    """Does the claim file have any column of modifiers?"""
    codes: int
    """Codes that the release holds."""
    not_checked: list[str]
    """What could not be looked at, because the release holds none of it."""
    partly_read: int
    """Claims with judged and with refused lines."""
    unclaimed: int
    """Refused lines that tell no claim."""
    uncovered: list[str]
    """Columns of which lines could not be looked at, because no list covers their day, with how many lines."""


class Judged(NamedTuple):
    """A claim file judged, whose findings wait in the connection's temporary tables."""

    judged: int
    refused: int
    ignored: list[str]
    last_row: int
    has_modifiers: bool


def check(claims: Path, out: Path, *, output: Path, on: date | None, threads: int) -> Checked:
    """Judge a claim file and write its findings. Raises UnknownNameError, NoAnswerError and OSError.

    `on` is the day whose rules judge every line; each line's own service date where there is none.
    """
    known_format(out)
    _keep_apart(claims, out, output)
    with opened(output) as connection:
        connection.execute(f"SET threads = {int(threads)}")
        connection.execute(f"SET memory_limit = '{_MEMORY_LIMIT}'")
        done = judge(connection, claims, on=on)
        write_findings(_pieces(connection, done), out)
        codes, not_checked = _coverage(connection)
        counts, uncovered = _counts(connection, done.refused), _uncovered(connection)
        partly_read, unclaimed = _refused_claims(connection)
        return Checked(
            judged=done.judged,
            refused=done.refused,
            counts=counts,
            ignored=done.ignored,
            has_modifiers=done.has_modifiers,
            codes=codes,
            not_checked=not_checked,
            partly_read=partly_read,
            unclaimed=unclaimed,
            uncovered=uncovered,
        )


def _keep_apart(claims: Path, out: Path, output: Path) -> None:
    """Findings may stand in any folder but in place of the claims or within a release. Raises UnknownNameError and OSError."""
    if out.resolve() == claims.resolve():
        raise UnknownNameError(f"{out} is the claim file itself: expected another file for the findings. Nothing was written.")
    if out.resolve().is_relative_to((output / "releases").resolve()):
        raise UnknownNameError(f"{out} lies within a published release: expected a file of your own. Nothing was written.")
    if not out.absolute().parent.is_dir():
        raise FileNotFoundError(ENOENT, "its folder is not there")


def _coverage(connection: duckdb.DuckDBPyConnection) -> tuple[int, list[str]]:
    """How many codes the release holds, and what of NCCI it holds nothing of."""
    counted = ", ".join(f"(SELECT count(*) FROM {name})" for name in ("code", *NCCI))
    codes, *rows = connection.execute(f"SELECT {counted}").fetchall()[0]
    return int(codes), [what for what, held in zip(NCCI.values(), rows, strict=True) if not held]


def _uncovered(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Columns that are judged by lists of some days only, with the number of lines of other days that have a value there."""
    counted = ", ".join(
        f"count(line.{column}) FILTER (WHERE NOT EXISTS (SELECT 1 FROM covered_day AS given "
        f"WHERE given.source = '{source}' AND given.judged_on = line.judged_on))"
        for column, source in _LISTS.items()
    )
    counts = connection.execute(f"SELECT {counted} FROM given_line AS line").fetchall()[0]
    return [f"{column} of {count:,} line{'s' * (count != 1)}" for column, count in zip(_LISTS, counts, strict=True) if count]


def _refused_claims(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Claims with judged and with refused lines, and refused lines that tell no claim."""
    query = "SELECT (SELECT count(*) FROM partly_read), (SELECT count(*) FROM refused_line WHERE refused_line.claim IS NULL)"
    claims, lines = connection.execute(query).fetchall()[0]
    return int(claims), int(lines)


def judge(connection: duckdb.DuckDBPyConnection, claims: Path, *, on: date | None) -> Judged:
    """Read a claim file and find what there is to find; `findings` reads it."""
    cells, unreadable, ignored, has_modifiers = read_claims(claims)
    split = claim_lines(cells)
    refused = pl.concat([unreadable, split.refused]).sort("source_row")
    del cells  # a million lines as text are held once, not twice
    height, last_row = split.lines.height, max([0, *_last(split.lines), *_last(refused)])
    lines, scopes, names = _scoped(connection, split.lines.with_columns(judged_on=pl.lit(on) if on else pl.col("service_date")))
    del split
    for name, rows in {"given_line": lines, "given_scope": scopes, "given_name": names, "refused_line": refused}.items():
        connection.register("frame", rows.to_arrow())
        connection.execute(f"CREATE TEMP TABLE {name} AS FROM frame")
        connection.unregister("frame")
    del lines
    connection.execute(_told())
    connection.execute(_advised())
    for family in FAMILIES:
        connection.execute((_SQL / family).read_text(encoding="utf-8"))
    return Judged(height, refused.height, ignored, last_row, has_modifiers=has_modifiers)


def findings(connection: duckdb.DuckDBPyConnection, done: Judged) -> Iterator[pl.DataFrame]:
    """Findings in the order of lines, in pieces; columns of `schemas.claim.ClaimFinding`."""
    for piece in _pieces(connection, done):
        yield pl.DataFrame(piece)


def _pieces(connection: duckdb.DuckDBPyConnection, done: Judged) -> Iterator[pa.Table]:
    query = (
        f"SELECT {', '.join(ClaimFinding.column_names())} FROM finding_text WHERE source_row BETWEEN $1 AND $2 ORDER BY {_ORDER}"
    )
    for first in range(1, done.last_row + 1, _PIECE_ROWS):
        yield connection.sql(query, params=[first, first + _PIECE_ROWS - 1]).to_arrow_table()


def _scoped(connection: duckdb.DuckDBPyConnection, lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Lines with `scope_id` and `name_id`; the scopes; the names that do not resolve, with status and reason.

    A name is resolved once per state and span in which its aliases stay the same.
    """
    aliases = name_tables(connection).aliases
    starts = pl.concat([aliases["valid_from"], aliases["valid_to"].dt.offset_by("1d")]).drop_nulls().unique()
    days = pl.concat([pl.Series([BEGINNING]), starts.filter(starts > BEGINNING)]).sort().rename("day")
    spans = lines.select("judged_on").unique().sort("judged_on").join_asof(days.to_frame(), left_on="judged_on", right_on="day")
    asked = lines.join(spans, on="judged_on", how="left", maintain_order="left")
    names = asked.select("payer", "state", "line_of_business", "day").unique(maintain_order=True)
    found = meanings(connection, names.select("state", "day", name="payer"))
    meant = names.with_columns(
        found["payer_id", "status", "reason"],
        organization_id=found["organization_id"].fill_null("any"),
        market=found["market"].fill_null("any"),
        meant_line=found["line_of_business"].replace("any", None),
        asked_line=pl.col("line_of_business"),
    ).with_columns(line_of_business=pl.coalesce("line_of_business", "meant_line"))
    meant = _of_own_line(meant, connection.sql("FROM payer").pl())
    scopes = meant.select(_SCOPE).unique(maintain_order=True).with_row_index("scope_id")
    unresolved = meant.filter(pl.col("status") != "resolved").select(_NAME).unique(maintain_order=True).with_row_index("name_id")
    placed = (
        meant.join(scopes, on=_SCOPE, how="left", nulls_equal=True)
        .join(unresolved, on=_NAME, how="left")
        .select("payer", "state", "day", "scope_id", "name_id", line_of_business="asked_line")
    )
    numbered = asked.join(placed, on=list(names.columns), nulls_equal=True, maintain_order="left")
    return numbered.drop("day", "state", "line_of_business"), scopes, unresolved


def _of_own_line(meant: pl.DataFrame, payers: pl.DataFrame) -> pl.DataFrame:
    """Names; one that means Medicare means nobody beside another line of business, because such a plan is an insurer's."""
    own = payers.filter(pl.col("payer_kind") == "government").select("payer_id", "payer_name", "default_line_of_business")
    is_other = (pl.col("line_of_business") != pl.col("default_line_of_business")).fill_null(value=False)
    why = pl.format(
        "Beside the line of business {} '{}' is a plan of an insurer whom the line does not give.",
        "line_of_business",
        "payer_name",
    )
    return (
        meant.join(own, on="payer_id", how="left", maintain_order="left")
        .with_columns(
            payer_id=pl.when(~is_other).then("payer_id"),
            status=pl.when(is_other).then(pl.lit("ambiguous")).otherwise("status"),
            reason=pl.when(is_other).then(why).otherwise("reason"),
        )
        .drop("payer_name", "default_line_of_business")
    )


def _told() -> str:
    """The macro `told`: the sentence of a finding. A CASE over the rules takes half the time of templates filled row by row."""
    sentence = _case({rule.rule_id: rule.sentence for rule in CHECK_RULES})
    addition = _case({rule.rule_id: rule.if_unknown for rule in CHECK_RULES if rule.if_unknown})
    return f"""
        CREATE TEMP MACRO told(rule_id, severity, {", ".join(_WORDS)}) AS
            concat({sentence}, CASE WHEN severity = 'unknown' THEN {addition} END)
    """


def _advised() -> str:
    """The macro `advised`: what a value looks like that is not written as its column is, as a sentence; else nothing."""
    cases = " ".join(
        f"WHEN named = {_quoted(advice.column_name)} AND regexp_full_match(given, {_quoted(advice.pattern)}) "
        f"THEN {_quoted(f' It {advice.says}.')}"
        for advice in ADVICE
    )
    return f"CREATE TEMP MACRO advised(named, given) AS CASE {cases} ELSE '' END"


def _case(templates: dict[str, str]) -> str:
    cases = (f"WHEN '{rule_id}' THEN {_concatenated(template)}" for rule_id, template in templates.items())
    return f"CASE rule_id {' '.join(cases)} END"


def _concatenated(template: str) -> str:
    """SQL of a text with names of words in braces; a word that is null is left out."""
    parts = []
    for text, word, _, _ in Formatter().parse(template):
        parts += [_quoted(text)] * bool(text) + [f"word_{word}"] * bool(word)
    return f"concat({', '.join(parts)})"


def _quoted(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def _last(rows: pl.DataFrame) -> list[int]:
    return [] if rows.is_empty() else [int(rows["source_row"].max())]  # type: ignore[arg-type]


def _counts(connection: duckdb.DuckDBPyConnection, refused: int) -> list[tuple[str, str, int]]:
    query = """
        SELECT found.severity, found.rule_id, count(*) AS findings FROM found GROUP BY found.severity, found.rule_id
        ORDER BY list_position(['error', 'warning', 'unknown', 'info'], found.severity), findings DESC, found.rule_id
    """
    found = [(str(severity), str(rule), int(count)) for severity, rule, count in connection.execute(query).fetchall()]
    return [("refused", "line.refused", refused), *found] if refused else found
