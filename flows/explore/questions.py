"""Every query of the application; parameters are bound. Each function takes a cursor and returns rows."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from flows.answers import Question, checked, modifiers_for, shortened, spelled
from flows.days import day_from
from flows.release_query import Row, rows
from flows.releases import json_object
from flows.search import search as found_by_words
from flows.settings import NoAnswerError, UnknownNameError
from schemas.vocabulary import COMPONENTS

_Connection = duckdb.DuckDBPyConnection
Titles = dict[str, str]
Facts = dict[str, list[Row]]


class View(NamedTuple):
    """What the address says besides the path. Empty fields take the release's defaults."""

    on: date
    component: str | None = None
    line_of_business: str | None = None
    market: str = "any"
    organization: str = "any"


def day_of(text: str | None) -> date:
    """A day from an address; today where there is none. Raises UnknownNameError."""
    if not text:
        return date.today()
    try:
        return day_from(text)
    except ValueError as error:
        raise UnknownNameError(f"Unknown date '{text}': {error}.") from error


def asked(connection: _Connection, code: str, view: View, *, payer: str = "medicare", modifier: str | None = None) -> Question:
    """The question as the release spells it; an organization counts only for the payer that it belongs to."""
    given = Question(code, payer, view.on, modifier, view.component, view.line_of_business, view.market, "any")
    question = checked(connection, given)
    if view.organization == "any" or owner(connection, view.organization) != question.payer:
        return question
    return checked(connection, given._replace(organization=view.organization))


def scope(connection: _Connection, view: View) -> Question:
    """What a view asks about every payer, of no code yet. Raises UnknownNameError."""
    if view.organization != "any":
        owner(connection, view.organization)
    given = Question("", "medicare", view.on, None, view.component, view.line_of_business, view.market)
    return of_every_payer(spelled(connection, given), view)


def of_every_payer(question: Question, view: View) -> Question:
    """A question about all payers: each has its own default line of business, so only one that was asked for counts."""
    return question if view.line_of_business else question._replace(line_of_business=None)


def owner(connection: _Connection, organization: str) -> str:
    """The payer that an organization belongs to. Raises UnknownNameError."""
    found = rows(connection, "SELECT payer_id FROM payer_organization WHERE organization_id = $1", [organization])
    if not found:
        raise UnknownNameError(f"Unknown organization '{organization}': the pages of the payers list them.")
    return str(found[0]["payer_id"])


def code_facts(connection: _Connection, codes: Sequence[str], on: date, titles: Titles) -> dict[str, Facts]:
    """Validity, texts and indicators of each code on a day. Queries are as plain as they can be: pages wait for each of them."""
    texts = """
        SELECT code, kind, description, source, licence, source_file FROM code_description
        WHERE code = ANY($1) AND $2 BETWEEN valid_from AND coalesce(valid_to, DATE '9999-12-31')
    """
    spans = rows(connection, "SELECT * FROM code WHERE code = ANY($1)", [codes])
    told = [{**row, "source_title": titles.get(row["source_file"])} for row in rows(connection, texts, [codes, on])]
    begun = rows(connection, "SELECT * FROM pfs_indicator WHERE code = ANY($1) AND valid_from <= $2", [codes, on])
    facts: dict[str, Facts] = {code: {"spans": [], "texts": [], "indicators": []} for code in codes}
    for row in sorted(spans, key=lambda row: row["valid_from"]):
        facts[row["code"]]["spans"].append(row)
    for row in sorted(told, key=lambda row: (row["kind"], row["description"], row["source"])):
        facts[row.pop("code")]["texts"].append(row)
    newest = {row["code"]: row["valid_from"] for row in sorted(begun, key=lambda row: row["valid_from"])}
    for row in sorted(begun, key=lambda row: COMPONENTS.index(row["component"])):
        if row["valid_from"] == newest[row["code"]]:
            facts[row["code"]]["indicators"].append(row)
    return facts


def titles_of_texts(connection: _Connection) -> Titles:
    """Titles of the files that texts about codes come from."""
    query = """
        SELECT source_file, title FROM source_file_title
        WHERE source_file IN (SELECT told.source_file FROM code_description AS told)
    """
    return {row["source_file"]: row["title"] for row in rows(connection, query)}


def payers(connection: _Connection) -> list[Row]:
    """All payers."""
    return rows(connection, "SELECT * FROM payer ORDER BY payer_id")


def matrix(connection: _Connection, question: Question, organization: str = "any") -> list[Row]:
    """A code's answers of all payers, a row for each payer and governed modifier. `question` is as `checked` left it.

    An organization counts only for its own payer; the others answer for all their organizations. A code that `checked` knows
    has a row for each payer and governed modifier; raises NoAnswerError for a release whose macro does not know the payer `any`.
    """
    found = modifiers_for(connection, question._replace(payer="any", organization="any"))
    if not found:
        raise NoAnswerError("This release cannot answer for all payers at once. Refresh once with --force.")
    if organization == "any":
        return found
    insurer = owner(connection, organization)
    own = modifiers_for(connection, question._replace(payer=insurer, organization=organization))
    others = [row for row in found if row["payer_id"] != insurer]
    return sorted([*others, *own], key=lambda row: (row["modifier"], row["payer_id"]))


def payer_page(connection: _Connection, payer: str) -> dict[str, list[Row]]:
    """A payer's row, organizations, aliases and rules. Raises NoAnswerError where there is no such payer."""
    known = rows(connection, "SELECT * FROM payer WHERE payer_id = $1", [payer.lower()])
    if not known:
        raise NoAnswerError(f"Payer '{payer}' is not in this release.")
    by_payer = {
        "organizations": "SELECT * FROM payer_organization WHERE payer_id = $1 ORDER BY organization_id",
        "aliases": "SELECT * FROM payer_alias WHERE payer_id = $1 ORDER BY alias, scope, source_row",
        "rules": "SELECT * FROM modifier_rule WHERE payer_id = $1 ORDER BY modifier, effective_from, rule_id",
    }
    return {"payer": known, **{name: rows(connection, query, [payer.lower()]) for name, query in by_payer.items()}}


def modifiers(connection: _Connection, limit: int, offset: int = 0) -> list[Row]:
    """Modifiers, each as it is named last, with the number of rules that name it."""
    query = """
        SELECT modifier, max_by(modifier_name, valid_from) AS modifier_name, max_by(category, valid_from) AS category,
            (SELECT count(*) FROM modifier_rule AS rule WHERE rule.modifier = modifier.modifier) AS rules
        FROM modifier GROUP BY modifier ORDER BY modifier LIMIT $1 OFFSET $2
    """
    return rows(connection, query, [limit, offset])


def modifier_page(connection: _Connection, modifier: str) -> dict[str, list[Row]]:
    """A modifier's rows, groups and rules. Raises NoAnswerError where there is no such modifier."""
    key = [modifier.upper()]
    known = rows(connection, "SELECT * FROM modifier WHERE modifier = $1 ORDER BY valid_from", key)
    if not known:
        raise NoAnswerError(f"Modifier '{modifier}' is not in this release.")
    return {
        "modifier": known,
        "groups": rows(connection, "SELECT * FROM modifier_group WHERE modifier = $1 ORDER BY group_id", key),
        "rules": rows(
            connection, "SELECT * FROM modifier_rule WHERE modifier = $1 ORDER BY payer_id, effective_from, rule_id", key
        ),
    }


def codes(connection: _Connection, on: date, limit: int, offset: int) -> list[Row]:
    """Codes in force on a day."""
    query = """
        SELECT code_system, code, section, valid_from, valid_to FROM code
        WHERE $1 BETWEEN valid_from AND coalesce(valid_to, DATE '9999-12-31') ORDER BY code, code_system LIMIT $2 OFFSET $3
    """
    return rows(connection, query, [on, limit, offset])


def contradictions(connection: _Connection, limit: int, offset: int = 0) -> list[Row]:
    """Disagreements of sources, those with money in them first."""
    query = "SELECT * FROM contradiction ORDER BY has_money_effect DESC, contradiction_id LIMIT $1 OFFSET $2"
    return rows(connection, query, [limit, offset])


def changes(
    connection: _Connection, limit: int, offset: int = 0, *, table: str | None = None, source: str | None = None
) -> list[Row]:
    """Changed cells, of one table or source or of all, the newest release first. Raises UnknownNameError."""
    _check_named(
        connection, "table", "SELECT table_name AS name FROM duckdb_tables() WHERE NOT internal AND NOT temporary", table
    )
    _check_named(connection, "source", "SELECT DISTINCT source AS name FROM release", source)
    query = """
        SELECT * FROM change
        WHERE changed_table = coalesce($1, changed_table) AND source = coalesce($2, source)
        ORDER BY to_release DESC, changed_table, record_key, column_name LIMIT $3 OFFSET $4
    """
    return rows(connection, query, [table or None, source or None, limit, offset])


def _check_named(connection: _Connection, what: str, query: str, given: str | None) -> None:
    if given and given not in (names := sorted(str(row["name"]) for row in rows(connection, query))):
        raise UnknownNameError(f"Unknown {what} '{shortened(given)}': expected one of {', '.join(names)}.")


def changes_counted(connection: _Connection) -> list[Row]:
    """Changed cells and records by source, releases and table."""
    query = """
        SELECT source, from_release, to_release, changed_table,
            count(DISTINCT record_key) FILTER (WHERE change_kind = 'added') AS added,
            count(DISTINCT record_key) FILTER (WHERE change_kind = 'removed') AS removed,
            count(DISTINCT record_key) FILTER (WHERE change_kind = 'changed') AS changed
        FROM change GROUP BY ALL ORDER BY to_release DESC, source, changed_table
    """
    return rows(connection, query)


def release_before(output: Path) -> dict[str, Any]:
    """What the current release changed against the one before: `against`, and `counts` by table, payer and kind."""
    found = json_object(output / "current" / "changes.json")
    return {"against": found.get("against"), "counts": found.get("counts") or []}


def modifier_names(connection: _Connection) -> dict[str, str]:
    """Names of modifiers, each as it is named last."""
    query = "SELECT modifier, max_by(modifier_name, valid_from) AS name FROM modifier GROUP BY modifier"
    return {row["modifier"]: row["name"] for row in rows(connection, query)}


def examples(connection: _Connection) -> list[Row]:
    """Codes to begin with: those that a page tells about, with its first sentence and what kind of page it is."""
    query = """
        SELECT told.code, min(split_part(told.description, '. ', 1)) AS told, min(origin.title) AS source_title
        FROM code_description AS told
        LEFT JOIN source_file_title AS origin ON origin.source_file = told.source_file
        WHERE told.kind = 'overview' GROUP BY told.code ORDER BY told.code LIMIT 6
    """
    return rows(connection, query)


def search(connection: _Connection, text: str, *, limit: int, offset: int = 0) -> list[Row]:
    """What a text may mean, the best first: `kind`, `id`, `matched`, `text` and more; nothing for an empty text."""
    if not text.strip():
        return []
    return found_by_words(connection, text, limit=limit + offset)[offset:]


def sources(connection: _Connection) -> list[Row]:
    """Releases of the sources that were read."""
    return rows(connection, "SELECT * FROM release ORDER BY source, valid_from")


def compared(left: list[Row], right: list[Row]) -> list[dict[str, Any]]:
    """Two lists of answers side by side, by modifier, with whether they differ."""
    says = ("disposition", "effect_percent", "effect_units", "effect_formula")
    other = {row["modifier"]: row for row in right}
    return [
        {
            "modifier": row["modifier"],
            "left": row,
            "right": other[row["modifier"]],
            "differs": any(row[name] != other[row["modifier"]][name] for name in says),
        }
        for row in left
        if row["modifier"] in other
    ]


def side_by_side(pair: dict[str, Any], days: tuple[date, date]) -> Row:
    """A pair of answers as one row of a file."""
    told: Row = {"modifier": pair["modifier"]}
    for side, day in zip(("left", "right"), days, strict=True):
        told[f"{side}_on"] = day
        told |= {f"{side}_{name}": value for name, value in pair[side].items() if name != "modifier"}
    return told
