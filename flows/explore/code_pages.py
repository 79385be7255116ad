"""What a page of a code shows, read for all that wait at the same time: ten pages take little longer to read than one."""

from collections.abc import Mapping
from typing import NamedTuple

import duckdb
from markupsafe import Markup

from flows.answers import Question, checked
from flows.explore import questions
from flows.explore.code_tables import Choices, CodeTables
from flows.explore.questions import Facts, View
from flows.explore.releases import Releases
from flows.explore.together import Together
from flows.settings import NoAnswerError, UnknownNameError

_MOST = 24
"""Pages read at once: while some are read, those read before are written."""
_Connection = duckdb.DuckDBPyConnection


class CodePage(NamedTuple):
    """What a page of a code shows."""

    code: str
    release: str
    facts: Facts
    table: Markup


class _Wanted(NamedTuple):
    code: str
    view: View
    query: tuple[tuple[str, str], ...]


class CodePages:
    """Pages of codes; one for an application."""

    def __init__(self, releases: Releases) -> None:
        """What is made is kept with the open release."""
        self._releases = releases
        self._tables = CodeTables(releases)
        self._together = Together(self._pages, most=_MOST)

    async def page(self, code: str, view: View, query: Mapping[str, str]) -> CodePage:
        """What the page shows. Raises NoAnswerError and UnknownNameError."""
        return await self._together.answer(_Wanted(code.strip().upper(), view, tuple(sorted(dict(query).items()))))

    def close(self) -> None:
        """End what is being made ahead."""
        self._tables.close()

    def _pages(self, wanted: list[_Wanted]) -> dict[_Wanted, CodePage | Exception]:
        alike: dict[_Wanted, list[str]] = {}
        for one in wanted:
            alike.setdefault(one._replace(code=""), []).append(one.code)
        with self._releases.cursor() as connection:
            return {
                choice._replace(code=code): told
                for choice, codes in alike.items()
                for code, told in self._of_view(connection, codes, choice).items()
            }

    def _of_view(self, connection: _Connection, codes: list[str], choice: _Wanted) -> dict[str, CodePage | Exception]:
        """Pages of codes that readers look at in the same way."""
        try:
            scope = questions.scope(connection, choice.view)
        except UnknownNameError as error:
            return dict.fromkeys(codes, error)
        facts = questions.code_facts(connection, codes, scope.on, self._releases.titles(connection))
        doubtful = codes if scope.component else [code for code in codes if not facts[code]["spans"]]
        refused = {code: why for code in doubtful if (why := _refusal(connection, scope._replace(code=code)))}
        there = [code for code in codes if code not in refused]
        tables = self._tables.tables(connection, there, Choices(scope, choice.view.organization, choice.query))
        return {**refused, **{code: CodePage(code, self._releases.release, facts[code], tables[code]) for code in there}}


def _refusal(connection: _Connection, question: Question) -> NoAnswerError | None:
    """Why there is no page of a code, if there is none."""
    try:
        checked(connection, question)
    except NoAnswerError as error:
        return error
    return None
