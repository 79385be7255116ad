"""Questions to the current release, read-only. Imports neither Prefect nor Polars, so that a look-up answers at once."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import duckdb

from flows.release_query import Row, rows
from flows.settings import NoAnswerError, UnknownNameError

_SHOWN_NAMES = 12
_LONGEST_TOLD = 60
_LONGEST_REASON = 600
_OWN_NAME = """
    SELECT payer_id, NULL AS organization_id, NULL AS line_of_business, default_line_of_business FROM payer WHERE payer_id = $1
    UNION ALL
    SELECT payer_id, organization_id, NULL, default_line_of_business
    FROM payer_organization JOIN payer USING (payer_id)
    WHERE organization_id = lower($1) AND contains(organization_id, '_')
"""
_COMPONENTS = ("global", "26", "TC", "53")
"""Rows that the fee schedule has of a code, in the order in which an answer takes the first that there is."""


class Question(NamedTuple):
    """One look-up. Empty fields take the release's defaults."""

    code: str
    payer: str
    on: date
    modifier: str | None = None
    component: str | None = None
    line_of_business: str | None = None
    market: str = "any"
    organization: str = "any"


def checked(connection: duckdb.DuckDBPyConnection, question: Question) -> Question:
    """The question as the release spells it, the payer's id in place of its spelling. Raises UnknownNameError, NoAnswerError."""
    named = spelled(connection, question)
    if not rows(connection, "SELECT 1 FROM code WHERE code = $1", [named.code]):
        raise NoAnswerError(_unknown_code(connection, named.code))
    _check_component(connection, named)
    return named


def spelled(connection: duckdb.DuckDBPyConnection, question: Question) -> Question:
    """The question as the release spells it, whether it knows the code or not. Raises UnknownNameError."""
    market = "any" if question.market.strip().lower() == "any" else known_state(question.market, what="market")
    meant = _payer_meant(connection, question._replace(market=market))
    payer, organization = str(meant["payer_id"]), question.organization.strip().lower()
    default = meant["line_of_business"] or str(meant["default_line_of_business"])
    named = question._replace(
        payer=payer,
        code=question.code.strip().upper(),
        modifier=None if question.modifier is None else question.modifier.strip().upper(),
        component=question.component if question.component is None else known_component(question.component),
        market=meant.get("market", market),
        organization=meant["organization_id"] or "any" if organization == "any" else organization,
        line_of_business=line.strip().lower() if (line := question.line_of_business) else default,
    )
    if named.organization != "any":
        own = "SELECT organization_id FROM payer_organization WHERE payer_id = $1"
        _known(connection, f"organization of {payer}", own, named.organization, [payer])
        _check_organization(connection, question.payer, meant["organization_id"], named.organization)
        named = _of_organization(connection, named, is_line_given=bool(question.line_of_business or meant["line_of_business"]))
    _known(connection, "modifier", "SELECT modifier FROM modifier", named.modifier)
    if question.line_of_business:
        lines = "SELECT unnest(['commercial', 'exchange', 'fep', 'medicaid', 'medicare_advantage', 'medicare_ffs'])"
        _known(connection, "line of business", lines, named.line_of_business)
    return named


def _check_organization(connection: duckdb.DuckDBPyConnection, name: str, meant: str | None, given: str) -> None:
    """Raises UnknownNameError where a name means one organization and another is given that is no part of it."""
    query = "SELECT 1 FROM organization_ancestor WHERE organization_id = $1 AND ancestor_id = $2"
    if meant and not rows(connection, query, [given, meant]):
        raise UnknownNameError(
            f"'{shortened(name)}' means the organization {meant}, of which {given} is no part: give one of them."
        )


def known_component(given: str) -> str:
    """A component as the fee schedule spells it. Raises UnknownNameError where there is no such component."""
    spelt = {name.lower(): name for name in _COMPONENTS}
    if given.strip().lower() not in spelt:
        raise UnknownNameError(f"Unknown component '{shortened(given)}': expected one of {', '.join(_COMPONENTS)}.")
    return spelt[given.strip().lower()]


def _check_component(connection: duckdb.DuckDBPyConnection, question: Question) -> None:
    """Raises NoAnswerError for a component of which the code has no row, on a day on which it has rows of others.

    A code without any row in the fee schedule of that day is not published, which is an answer.
    """
    if question.component is None:
        return
    query = """
        SELECT component FROM code_profile
        WHERE code = $1 AND release_id IS NOT NULL AND $2 BETWEEN valid_from AND coalesce(valid_to, DATE '9999-12-31')
    """
    held = {row["component"] for row in rows(connection, query, [question.code, question.on])}
    if held and question.component not in held:
        there = ", ".join(name for name in _COMPONENTS if name in held)
        raise NoAnswerError(f"{question.code} has no row of component {question.component} on {question.on}; it has: {there}.")


def shortened(given: str, *, most: int = _LONGEST_TOLD) -> str:
    """What somebody gave, short enough to stand in a sentence."""
    return given if len(given) <= most else f"{given[:most]}..."


def known_state(given: str, *, what: str = "state") -> str:
    """The USPS code of a state as it is spelled here. Raises UnknownNameError where there is no such state."""
    from schemas.vocabulary import MARKETS  # Loads Polars, which a question without a state does not wait for.

    state = given.strip().upper()
    if state not in MARKETS[1:]:
        raise UnknownNameError(f"Unknown {what} '{shortened(given)}': expected two letters of a state such as TX.")
    return state


def modifiers_for(connection: duckdb.DuckDBPyConnection, question: Question) -> list[Row]:
    """One row per governed modifier, or the one asked for."""
    answers = rows(
        connection,
        f"SELECT * FROM modifiers_for($1, $2, {_options_from(3)})",
        [question.code, question.payer, *_options(question)],
    )
    return [row for row in answers if question.modifier in (None, row["modifier"])]


def explain(connection: duckdb.DuckDBPyConnection, question: Question) -> list[Row]:
    """The rules considered for one cell, the winner first."""
    given = [question.code, question.payer, question.modifier, *_options(question)]
    return rows(connection, f"SELECT * FROM explain($1, $2, $3, {_options_from(4)})", given)


def elsewhere(connection: duckdb.DuckDBPyConnection, question: Question, answer: Row) -> list[Row]:
    """Cells of the same code, payer and modifier whose narrower scope gives another answer on that day."""
    query = """
        SELECT organization_id, line_of_business, market, disposition, effect_percent, effect_units, effect_formula, rule_id
        FROM code_payer_modifier
        WHERE code = $1 AND component = $2 AND payer_id = $3 AND modifier = $4
            AND $5 BETWEEN valid_from AND coalesce(valid_to, DATE '9999-12-31')
            AND rule_id IS NOT NULL AND rule_id IS DISTINCT FROM $6
        ORDER BY ALL
    """
    return rows(
        connection, query, [question.code, answer["component"], question.payer, question.modifier, question.on, answer["rule_id"]]
    )


def positions(connection: duckdb.DuckDBPyConnection, question: Question) -> list[Row]:
    """The payer's own order of modifiers on a line on that day."""
    query = """
        SELECT * FROM position_rules($1, on_date := $2, for_line := $3, for_organization := $4)
        WHERE group_id NOT LIKE 'any.%'
    """
    return rows(connection, query, [question.payer, question.on, question.line_of_business, question.organization])


def _options_from(first: int) -> str:
    names = ("on_date", "as_component", "for_line", "in_market", "for_organization")
    return ", ".join(f"{name} := ${number}" for number, name in enumerate(names, start=first))


def _options(question: Question) -> list[Any]:
    return [question.on, question.component, question.line_of_business, question.market, question.organization]


def _of_organization(connection: duckdb.DuckDBPyConnection, named: Question, *, is_line_given: bool) -> Question:
    """The question in the only state and the only line of its organization, as the macros take it, unless others are said."""
    query = "SELECT markets, lines_of_business FROM payer_organization WHERE organization_id = $1"
    (own,) = rows(connection, query, [named.organization])
    states, lines = (own["markets"] or "").split(), (own["lines_of_business"] or "").split()
    if len(states) == 1 and named.market not in ("any", states[0]):
        raise UnknownNameError(f"{named.organization} is in {states[0]}, not in {named.market}: leave the market out.")
    return named._replace(
        market=states[0] if named.market == "any" and len(states) == 1 else named.market,
        line_of_business=lines[0] if not is_line_given and len(lines) == 1 else named.line_of_business,
    )


def _payer_meant(connection: duckdb.DuckDBPyConnection, question: Question) -> Row:
    """Payer, organization and line of business that a spelling means: an id or an alias as it stands, else what its words say.

    Aliases that mean a payer everywhere are looked up at once; only other spellings, and those beside a state, need the resolver:
    `BCBS` in North Dakota is the licensee there, while the id `bcbs` stays what it is, as do ids such as `hcsc_tx`. Those of
    organizations without an underscore are words too, and are read as words.
    """
    spelling = question.payer.strip()
    given = rows(connection, _OWN_NAME, [spelling.lower() if question.market == "any" else spelling])
    if given:
        return given[0]
    if question.market != "any":
        return _payer_resolved(connection, question)
    form = re.sub(r"[^a-z0-9]+", " ", re.sub(r"\[[^\]]*\]", " ", question.payer.lower())).strip()
    query = """
        SELECT DISTINCT payer_id, organization_id, alias.line_of_business, default_line_of_business
        FROM payer_alias AS alias
        JOIN payer USING (payer_id)
        WHERE comparison_form = $1 AND scope = 'global' AND match = 'is'
            AND current_date <= coalesce(valid_to, DATE '9999-12-31')
        ORDER BY organization_id NULLS LAST, alias.line_of_business NULLS LAST
    """
    found = rows(connection, query, [form])
    if len({row["payer_id"] for row in found}) != 1:
        return _payer_resolved(connection, question)
    return found[0]


def _payer_resolved(connection: duckdb.DuckDBPyConnection, question: Question) -> Row:
    """What the resolver of names says. Raises UnknownNameError with its reason where it names nobody."""
    from flows.names import meaning, suggested

    market = None if question.market == "any" else question.market
    found = meaning(connection, question.payer, state=market, on=question.on)
    payers = rows(connection, "SELECT payer_id, default_line_of_business FROM payer ORDER BY ALL")
    if found.payer_id is None:
        expected = ", ".join(row["payer_id"] for row in payers)
        near = "; ".join(suggested(connection, question.payer, found))
        raise UnknownNameError(
            f"Unknown payer '{shortened(question.payer)}': expected one of {expected}, or a name that means one of them. "
            + shortened(found.reason, most=_LONGEST_REASON)
            + (f" Did you mean: {near}?" if near else "")
        )
    (default,) = (row for row in payers if row["payer_id"] == found.payer_id)
    if market is not None and found.market != market:
        raise UnknownNameError(f"'{shortened(question.payer)}' is in {found.market}, not in {market}: leave the market out.")
    line = None if found.line_of_business == "any" else found.line_of_business
    return {**default, "organization_id": found.organization_id, "line_of_business": line, "market": found.market}


def _known(
    connection: duckdb.DuckDBPyConnection, what: str, query: str, value: str | None, parameters: Sequence[Any] = ()
) -> None:
    if value is None:
        return
    names = sorted({str(next(iter(row.values()))) for row in rows(connection, query, parameters)})
    if value not in names:
        close = [name for name in names if value.lower() in name.lower()] or names
        more = len(close) - _SHOWN_NAMES
        hint = ", ".join(close[:_SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")
        raise UnknownNameError(f"Unknown {what} '{shortened(value)}': expected one of {hint}.")


def _unknown_code(connection: duckdb.DuckDBPyConnection, code: str) -> str:
    (held,) = rows(
        connection, "SELECT count(DISTINCT code) AS codes, string_agg(DISTINCT release_id, ', ') AS releases FROM pfs_indicator"
    )
    if not re.fullmatch(r"[0-9]{5}|[0-9]{4}[A-Z]|[A-Z][0-9]{4}", code):
        expected = "codes have five figures, zeros included, or four and a letter, such as 00406, J1100 and 0001F"
        meant = " It looks like a modifier." if re.fullmatch("[0-9A-Z]{2}", code) else ""
        return f"'{shortened(code)}' is no code: {expected}.{meant}"
    return (
        f"Code {code} is not among the {held['codes']:,} codes of this release (fee schedule {held['releases']}). "
        "README says how to load the full fee schedule in place of the extract that the project ships."
    )
