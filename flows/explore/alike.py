"""Codes whose answers are the same: their tables are made once, and ahead of being asked for."""

from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

import duckdb

from flows.answers import Question
from flows.explore.questions import owner
from flows.release_query import Row, rows
from flows.settings import NoAnswerError
from schemas.vocabulary import COMPONENTS

_Connection = duckdb.DuckDBPyConnection
_QUERY = """
    WITH spans AS (
        SELECT
            listed.code,
            CASE
                WHEN NOT bool_or($1 BETWEEN listed.valid_from AND coalesce(listed.valid_to, DATE '9999-12-31'))
                    THEN max(listed.valid_to) FILTER (WHERE listed.valid_to < $1)
            END AS listed_until
        FROM code AS listed
        WHERE $3::VARCHAR[] IS NULL OR listed.code = ANY($3::VARCHAR[])
        GROUP BY listed.code
    ),
    profiles AS (
        SELECT profile.code, min(list_position($4, profile.component)) AS place
        FROM code_profile AS profile
        WHERE ($3::VARCHAR[] IS NULL OR profile.code = ANY($3::VARCHAR[]))
            AND $1 BETWEEN profile.valid_from AND coalesce(profile.valid_to, DATE '9999-12-31')
        GROUP BY profile.code
    ),
    chosen AS (
        SELECT spans.code, spans.listed_until, coalesce($2, $4[coalesce(profiles.place, 1)]) AS component
        FROM spans
        LEFT JOIN profiles ON profiles.code = spans.code
    )
    SELECT
        chosen.code,
        chosen.component,
        list(coded.answer_set_id ORDER BY coded.answer_set_id) AS answer_sets,
        chosen.listed_until
    FROM chosen
    LEFT JOIN code_answer_set AS coded ON coded.code = chosen.code AND coded.component = chosen.component
    GROUP BY chosen.code, chosen.component, chosen.listed_until
"""


class Alike(NamedTuple):
    """What decides a code's answers on a day, read as the macro `modifiers_for` reads it.

    Codes with the same of it have the same answers, whoever is asked about. With every published file 19,859 codes make 665 of
    these on a day of October 2025.
    """

    component: str
    answer_sets: tuple[int | None, ...]
    """`None` where the release has no row of the code."""
    listed_until: date | None


def alike(connection: _Connection, question: Question, codes: list[str] | None = None) -> dict[str, Alike]:
    """For each code, or for every code of the release, what decides its answers on the day and in the component asked about."""
    found = rows(connection, _QUERY, [question.on, question.component, codes, list(COMPONENTS)])
    return {row["code"]: Alike(row["component"], tuple(row["answer_sets"]), row["listed_until"]) for row in found}


def matrices(connection: _Connection, codes: Iterable[str], question: Question, organization: str) -> dict[str, list[Row]]:
    """What `questions.matrix` answers for each of several codes, asked at once: ten codes take twice as long as one."""
    asked = list(codes)
    found = _answers(connection, asked, question._replace(payer="any", organization="any"))
    if organization != "any":
        insurer = owner(connection, organization)
        own = _answers(connection, asked, question._replace(payer=insurer, organization=organization))
        found = [*(row for row in found if row["payer_id"] != insurer), *own]
    by_code: dict[str, list[Row]] = {code: [] for code in asked}
    for row in sorted(found, key=lambda row: (row["modifier"], row["payer_id"])):
        by_code[row["code"]].append(row)
    if not all(by_code.values()):
        raise NoAnswerError("This release cannot answer for all payers at once. Refresh once with --force.")
    return by_code


def _answers(connection: _Connection, codes: list[str], question: Question) -> list[Row]:
    query = """
        SELECT answer.*
        FROM (SELECT unnest($1::VARCHAR[]) AS asked_code) AS asked, LATERAL modifiers_for(
            asked.asked_code, $2, on_date := $3, as_component := $4, for_line := $5, in_market := $6, for_organization := $7
        ) AS answer
    """
    given: list[Any] = [codes, question.payer, question.on, question.component, question.line_of_business]
    return rows(connection, query, [*given, question.market, question.organization])
