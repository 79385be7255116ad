"""What the server keeps: within its bound, and only what is true for whom it is kept."""

import time
from collections.abc import Collection
from datetime import date
from pathlib import Path
from threading import current_thread
from typing import Any
from unittest.mock import Mock

import duckdb
import pytest
from starlette.testclient import TestClient

from flows.answers import Question
from flows.database_name import DATABASE
from flows.explore import code_tables
from flows.explore.alike import alike, matrices
from flows.explore.app import application
from flows.explore.kept import Kept
from flows.release_query import Row
from tests.explore.conftest import switch


def test_what_was_not_asked_for_the_longest_goes_first() -> None:
    kept: Kept[str, str] = Kept(10)
    kept.keep("a", "first", size=4)
    kept.keep("b", "second", size=4)
    assert kept.get("a") == "first"
    kept.keep("c", "third", size=4)
    assert [kept.get(key) for key in "abc"] == ["first", None, "third"]
    kept.keep("a", "other", size=4)
    assert kept.get("a") == "first"
    kept.keep("d", "too large", size=11)
    assert [kept.get(key) for key in "abcd"] == [None] * 4


@pytest.mark.parametrize(
    "chosen",
    [
        "on=2025-10-05",
        "on=2025-10-05&market=TX&all=1",
        "on=2025-10-05&line_of_business=Medicaid&all=1",
        "on=2023-01-01&organization=anthem_oh",
        "on=2016-01-01&all=1",
    ],
)
def test_a_code_with_the_answers_of_another_has_the_page_it_would_have_alone(
    releases: Path, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch(releases, "first")
    with duckdb.connect(str(releases / "releases" / "first" / DATABASE), read_only=True) as connection:
        codes = [
            code for (code,) in connection.execute("SELECT DISTINCT code FROM code_answer_set ORDER BY ALL LIMIT 40").fetchall()
        ]
    waited_for: list[str] = []

    def noted(connection: duckdb.DuckDBPyConnection, some: Collection[str], *choices: Any) -> dict[str, list[Row]]:
        if "ahead" not in current_thread().name:
            waited_for.extend(some)
        return matrices(connection, some, *choices)

    monkeypatch.setattr(code_tables, "matrices", noted)
    with TestClient(application(releases), base_url="http://127.0.0.1") as together:
        shared = [together.get(f"/codes/{code}?{chosen}") for code in codes]
    assert 3 <= len(waited_for) < len(codes)
    for code, page in list(zip(codes, shared, strict=True))[::4]:
        with TestClient(application(releases), base_url="http://127.0.0.1") as alone:
            assert page.text == alone.get(f"/codes/{code}?{chosen}").text
        assert page.text.count(f"/codes/{code}/explain?") >= 5


def test_tables_are_made_ahead_once_several_were_asked_for(releases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    switch(releases, "first")
    with duckdb.connect(str(releases / "releases" / "first" / DATABASE), read_only=True) as connection:
        question = Question("", "medicare", date(2025, 10, 7))
        known = alike(connection, question)
        some = list(known)[::20]
        assert alike(connection, question, some) == {code: known[code] for code in some}
        assert alike(connection, question, some[:1]) == {some[0]: known[some[0]]}
    codes = list({decides: code for code, decides in known.items()}.values())
    assert sorted(map(str, code_tables.most_frequent(known))) == sorted(map(str, set(known.values())))
    path = "/codes/{}?on=2025-10-07&organization=anthem_oh"
    with TestClient(application(releases), base_url="http://127.0.0.1") as alone:
        expected = [alone.get(path.format(code)).text for code in codes[:2]]
        made = Mock(wraps=code_tables.matrices)
        monkeypatch.setattr(code_tables, "matrices", made)
        assert alone.get(path.format(codes[2])).status_code == 200
        until = time.monotonic() + 60
        while sum(len(call.args[1]) for call in made.call_args_list) < len(codes) - 3 and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(1)
        made.reset_mock()
        ahead = [alone.get(path.format(code)) for code in codes[3:]]
    made.assert_not_called()
    monkeypatch.undo()
    assert [page.status_code for page in ahead] == [200] * len(codes[3:])
    for code, page in [
        *zip(codes, expected, strict=False),
        *zip(codes[3::6], [answer.text for answer in ahead[::6]], strict=True),
    ]:
        with TestClient(application(releases), base_url="http://127.0.0.1") as fresh:
            assert page == fresh.get(path.format(code)).text


def test_a_switch_forgets_what_was_made_of_the_release_before(releases: Path) -> None:
    switch(releases, "first")
    with TestClient(application(releases), base_url="http://127.0.0.1") as client:
        first = client.get("/codes/19307?on=2025-10-06").text
        switch(releases, "second")
        second = client.get("/codes/19307?on=2025-10-06").text
    switch(releases, "first")
    assert "<script>document" not in second
    assert "&lt;script&gt;document.title=" in second
    assert "document.title=" not in first
