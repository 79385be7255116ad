"""What the reference of `payref check` knows: tables of a release as plain dictionaries, loaded once."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple

import duckdb
import polars as pl

from bench.check_claims import Line
from flows.names import meanings

Row = dict[str, Any]
Index = dict[Any, list[Row]]
_PAIRS = "SELECT * FROM ncci_ptp WHERE setting = 'practitioner' AND is_ever_in_force AND list_contains($1, column_one_code)"
_PROFILES = """
    SELECT profile.*, fee.global_days_code FROM code_profile AS profile
    LEFT JOIN pfs_indicator AS fee USING (code, component, release_id)
"""
_DIAGNOSES = "SELECT replace(diagnosis_code, '.', '') AS undotted, valid_from, valid_to FROM diagnosis"
PUBLISHED_TIERS = ("cms_indicator", "cms_manual", "payer_policy")
"""What the payer itself, or CMS, published."""


class Scope(NamedTuple):
    """Whom the name on a line means."""

    payer_id: str | None
    payer_name: str | None
    status: str
    reason: str
    organization_id: str
    line_of_business: str
    market: str
    is_medicare: bool
    """Medicare itself, not a plan of a private insurer."""


class Facts(NamedTuple):
    """Rows by what they are asked by."""

    codes: Index
    listings: Index
    hcpcs: Index
    profiles: Index
    answer_sets: dict[tuple[str, str], int]
    answers: Index
    """By answer set, payer and modifier."""
    rules: dict[str, Row]
    governed: set[str]
    """Modifiers that a rule of Medicare names."""
    for_visits: set[str]
    """Modifiers that Medicare pays on visits."""
    for_multiples: set[str]
    """Modifiers that Medicare's indicator for multiple procedures decides."""
    modifiers: Index
    categories: dict[str, str]
    groups: list[Row]
    """Sets of modifiers, each with `members`: place by modifier."""
    distances: dict[tuple[str, str], int]
    """Steps from an organization to one it belongs to."""
    releases: Index
    places: Index
    diagnoses: Index
    pairs: Index
    limits: Index
    addons: Index
    ncci_releases: Index
    fee_releases: list[Row]
    payers: dict[str, Row]


def loaded(connection: duckdb.DuckDBPyConnection, codes: Iterable[str]) -> Facts:
    """Facts of a release; of NCCI's pairs only those of the codes in question, because all of them are millions."""

    def rows(query: str) -> list[Row]:
        return _rows(connection, query)

    def by(query: str, *names: str) -> Index:
        return _by(rows(query), names)

    modifiers = by("FROM modifier", "modifier")
    rules = rows("FROM modifier_rule")
    medicares = [row for row in rules if row["payer_id"] == "medicare" and row["organization_id"] == "any"]
    return Facts(
        codes=by("FROM code", "code"),
        listings=by("FROM code_listing", "code"),
        hcpcs=by("SELECT code, valid_from FROM hcpcs_code", "code"),
        profiles=by(_PROFILES, "code"),
        answer_sets={(row["code"], row["component"]): row["answer_set_id"] for row in rows("FROM code_answer_set")},
        answers=by("FROM answer", "answer_set_id", "payer_id", "modifier"),
        rules={row["rule_id"]: row for row in rules},
        governed={row["modifier"] for row in medicares},
        for_visits={row["modifier"] for row in medicares if row["target_line"] == "evaluation_management"},
        for_multiples={row["modifier"] for row in medicares if "multiple_procedure_code" in row["predicate"]},
        modifiers=modifiers,
        categories={name: min(row["category"] for row in rows) for name, rows in modifiers.items()},
        groups=_groups(rows("FROM modifier_group ORDER BY group_id, modifier")),
        distances={(row["organization_id"], row["ancestor_id"]): row["distance"] for row in rows("FROM organization_ancestor")},
        releases=by("FROM release WHERE valid_from IS NOT NULL", "source"),
        places=by("FROM place_of_service", "place_of_service_code"),
        diagnoses=by(_DIAGNOSES, "undotted"),
        pairs=_by(_rows(connection, _PAIRS, [sorted(set(codes))]), ("column_one_code", "column_two_code")),
        limits=by("FROM ncci_mue WHERE setting = 'practitioner'", "code"),
        addons=by("FROM ncci_addon WHERE is_ever_in_force", "addon_code"),
        ncci_releases=by("FROM ncci_releases() WHERE setting IN ('practitioner', 'any')", "table_name"),
        fee_releases=rows("SELECT DISTINCT valid_from, valid_to FROM pfs_indicator"),
        payers={row["payer_id"]: row for row in rows("FROM payer")},
    )


def scopes_of(connection: duckdb.DuckDBPyConnection, facts: Facts, lines: Sequence[Line]) -> dict[int, Scope]:
    """Whom each line's payer means on its own day, by the row of the line."""
    asked = list({(line.payer, line.state, line.judged_on): None for line in lines})
    names = pl.DataFrame(asked, schema={"name": pl.String, "state": pl.String, "day": pl.Date}, orient="row")
    found = dict(zip(asked, meanings(connection, names).to_dicts(), strict=True))
    return {line.source_row: _scope(facts, line, found[line.payer, line.state, line.judged_on]) for line in lines}


def _scope(facts: Facts, line: Line, meant: Row) -> Scope:
    insurer = facts.payers.get(meant["payer_id"])
    stated = None if meant["line_of_business"] == "any" else meant["line_of_business"]
    line_said = line.line_of_business or stated
    if insurer and insurer["payer_kind"] == "government" and line_said not in (None, insurer["default_line_of_business"]):
        named = insurer["payer_name"]
        why = f"Beside the line of business {line_said} '{named}' is a plan of an insurer whom the line does not give."
        meant, insurer = {**meant, "payer_id": None, "status": "ambiguous", "reason": why}, None
    default = insurer["default_line_of_business"] if insurer else "any"
    business = line_said or default
    return Scope(
        payer_id=meant["payer_id"],
        payer_name=insurer["payer_name"] if insurer else None,
        status=meant["status"],
        reason=meant["reason"],
        organization_id=meant["organization_id"] or "any",
        line_of_business=business,
        market=meant["market"] or "any",
        is_medicare=meant["payer_id"] == "medicare",
    )


def in_force(row: Row, day: date, first: str = "valid_from", last: str = "valid_to") -> bool:
    """Is a dated row in force on a day? A row without a first or last day is open there."""
    return (row[first] is None or row[first] <= day) and (row[last] is None or day <= row[last])


def covering(facts: Facts, source: str, day: date) -> Row | None:
    """The newest release of a source that covers a day."""
    found = [row for row in facts.releases.get(source, []) if in_force(row, day)]
    return max(found, key=lambda row: (row["valid_from"], row["release_id"]), default=None)


def is_after(releases: Sequence[Row], day: date) -> bool:
    """Does a day lie after the last day of the release in use?"""
    begun = [row for row in releases if row["valid_from"] <= day]
    newest = max(begun, key=lambda row: row["valid_from"], default=None)
    return newest is not None and newest["valid_to"] is not None and day > newest["valid_to"]


def cited(row: Row) -> str:
    """Title, publisher and place of a citation."""
    parts = (row["citation_title"], row["citation_publisher"], row["citation_where"])
    return ", ".join(part for part in parts if part is not None)


def _groups(rows: list[Row]) -> list[Row]:
    groups: dict[str, Row] = {}
    for row in rows:
        group = groups.setdefault(row["group_id"], {**row, "members": {}, "citation": cited(row)})
        group["members"][row["modifier"]] = row["position"]
    return list(groups.values())


def _rows(connection: duckdb.DuckDBPyConnection, query: str, parameters: list[Any] | None = None) -> list[Row]:
    asked = connection.execute(query, parameters)
    names = [column[0] for column in asked.description or []]
    return [dict(zip(names, row, strict=True)) for row in asked.fetchall()]


def _by(rows: Iterable[Row], names: Sequence[str]) -> Index:
    index: Index = defaultdict(list)
    for row in rows:
        index[row[names[0]] if len(names) == 1 else tuple(row[name] for name in names)].append(row)
    return dict(index)
