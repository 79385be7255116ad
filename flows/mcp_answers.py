"""What the tools for assistants answer: rows, who says so, and a status in words."""

from datetime import date
from typing import Any, NamedTuple

import duckdb

from flows.answers import Question, checked, explain, known_state, modifiers_for
from flows.names import meaning
from flows.price import Line, price, sources
from flows.release_query import Row, rows
from flows.search import search

PUBLISHED = "published"
NOT_PUBLISHED = "not published: no source in this release says so; that is neither yes nor no"
NOT_LISTED = "not listed: no source in this release lists the code on that day"
NOT_FOUND = "not found: no word of this release comes close to the text"
NOT_RESOLVED = "not resolved: the name means nobody here for certain; the answer says why"
CHANGED = "changed"
UNCHANGED = "unchanged: the loaded releases of the sources that list this code say the same about it"
NO_EARLIER = (
    "no earlier release: of each source that lists this code one release is loaded, so there is nothing to compare it with"
)
_ANSWERING = ("won", "agrees", "tied")
_OF_RULE = ("rule_id", "tier", "citation_title", "citation_publisher", "citation_where", "rule_file", "rule_row")


class Told(NamedTuple):
    """An answer before release and day are put to it."""

    answers: list[Row]
    citation: list[Any]
    status: str
    tier: list[str]


def code_on(connection: duckdb.DuckDBPyConnection, code: str, day: date) -> Told:
    """A code with its texts on a day, or the days on which it was listed."""
    known = _known_code(connection, code, day)
    found = rows(connection, "SELECT * FROM codes_on($1) WHERE code = $2", [day, known])
    if not found:
        spans = rows(connection, "SELECT code, valid_from, valid_to, source_file FROM code WHERE code = $1 ORDER BY ALL", [known])
        return Told(spans, _files(connection, spans), NOT_LISTED, [])
    texts = """
        SELECT told.kind, told.description, told.licence, told.source_file, origin.title AS source_title
        FROM code_description AS told
        LEFT JOIN source_file_title AS origin ON origin.source_file = told.source_file
        WHERE told.code = $1 AND $2 BETWEEN told.valid_from AND coalesce(told.valid_to, DATE '9999-12-31') ORDER BY ALL
    """
    told = rows(connection, texts, [known, day])
    note = None if told else "No text: an open build carries no descriptor of the AMA or the ADA."
    return Told([{**row, "texts": told, "note": note} for row in found], _files(connection, [*found, *told]), PUBLISHED, [])


def modifiers(connection: duckdb.DuckDBPyConnection, question: Question) -> Told:
    """The modifiers about which the payer or Medicare says something."""
    answers = modifiers_for(connection, checked(connection, question))
    said = [row for row in answers if row["rule_id"] or row["medicare_disposition"] != "not_published"]
    told = [{**row, "status": _status(row["disposition"])} for row in said]
    rules = [row["rule_id"] for row in said if row["rule_id"]]
    return Told(told, _of_rules(connection, rules), _together(told), _tiers(told))


def rules(connection: duckdb.DuckDBPyConnection, question: Question) -> Told:
    """The rules considered for a cell; only those that answer it make it published."""
    considered = explain(connection, checked(connection, question))
    told = [{**row, "status": _status_of_rule(row)} for row in considered]
    cited = [{name: row[name] for name in _OF_RULE} for row in considered if row["rule_id"]]
    return Told(told, cited, _together(told), _tiers([row for row in told if row["verdict"] in _ANSWERING]))


def whom(connection: duckdb.DuckDBPyConnection, name: str, state: str | None, plan: str | None, day: date) -> Told:
    """Whom a name means, or why nobody."""
    found = meaning(connection, name, plan=plan, state=known_state(state) if state else None, on=day)
    evidence = [found.evidence] if found.evidence else []
    return Told([found._asdict()], evidence, PUBLISHED if found.payer_id else NOT_RESOLVED, [])


def found_for(connection: duckdb.DuckDBPyConnection, text: str, kinds: list[str] | None, limit: int) -> Told:
    """What comes closest to a text."""
    found = search(connection, text, kinds=kinds, limit=limit)
    return Told(found, _files(connection, found), PUBLISHED if found else NOT_FOUND, [])


def paid(connection: duckdb.DuckDBPyConnection, line: Line) -> Told:
    """What the fee schedule pays for a line."""
    found = price(connection, line)
    status = _status(found["payment_status"])
    return Told([{**found, "status": status}], sources(found), status, _tiers([found]))


def changed(connection: duckdb.DuckDBPyConnection, code: str, limit: int) -> Told:
    """What changed about a code between the loaded releases of its sources, which are cited also where nothing did."""
    known = _known_code(connection, code, date.today())
    query = """
        SELECT * FROM change
        WHERE EXISTS (
            SELECT 1 FROM code AS listed
            WHERE listed.code = $1 AND contains('|' || record_key || '|', '|' || listed.code_system || '|' || listed.code || '|')
        )
        ORDER BY changed_on DESC, changed_table, record_key, column_name LIMIT $2
    """
    found = rows(connection, query, [known, limit])
    pairs = """
        SELECT source, lag(release_id) OVER (PARTITION BY source ORDER BY valid_from, release_id) AS earlier, release_id
        FROM release
        WHERE source IN (SELECT source FROM code_listing WHERE code = $1) ORDER BY ALL
    """
    loaded = rows(connection, pairs, [known])
    compared = [f"{row['source']} {row['earlier']} to {row['release_id']}" for row in loaded if row["earlier"]]
    alone = [f"{row['source']} {row['release_id']}" for row in loaded]
    return Told(found, compared or alone, CHANGED if found else UNCHANGED if compared else NO_EARLIER, [])


def _known_code(connection: duckdb.DuckDBPyConnection, code: str, day: date) -> str:
    """The code as the release spells it. Raises NoAnswerError where it is not in it."""
    return checked(connection, Question(code.strip(), "medicare", day)).code


def _of_rules(connection: duckdb.DuckDBPyConnection, rule_ids: list[str]) -> list[Row]:
    query = """
        SELECT rule_id, tier, citation_title, citation_publisher, citation_where, source_file, source_row
        FROM modifier_rule WHERE list_contains($1, rule_id) ORDER BY rule_id
    """
    return rows(connection, query, [rule_ids])


def _status(disposition: str) -> str:
    return NOT_PUBLISHED if disposition == "not_published" else PUBLISHED


def _status_of_rule(row: Row) -> str:
    if row["rule_id"] is None or row["verdict"] in _ANSWERING:
        return NOT_PUBLISHED if row["verdict"] == "tied" else _status(row["disposition"])
    return f"does not answer: {row['verdict']}"


def _together(told: list[Row]) -> str:
    return PUBLISHED if any(row["status"] == PUBLISHED for row in told) else NOT_PUBLISHED


def _tiers(told: list[Row]) -> list[str]:
    return sorted({str(row["tier"]) for row in told if row.get("tier")})


def _files(connection: duckdb.DuckDBPyConnection, told: list[Row]) -> list[Any]:
    """The files that answers stand in, each with the title that says what it is, such as invented sample pages."""
    query = "SELECT source_file, title, publisher FROM source_file_title WHERE list_contains($1, source_file) ORDER BY ALL"
    return rows(connection, query, [[row["source_file"] for row in told if row["source_file"]]])
