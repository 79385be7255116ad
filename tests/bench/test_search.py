"""The benchmark of search asks the same of both sides."""

import re

import duckdb

from bench.search import Took, fts5_search, own_search, queries, table, taken


def test_queries_are_the_same_each_time_and_of_every_kind(connection: duckdb.DuckDBPyConnection) -> None:
    asked = queries(connection, count=60, seed=1)
    assert asked == queries(connection, count=60, seed=1)
    assert {query.kind for query in asked} == {"odd", "few words", "many words", "few misspelt", "many misspelt"}
    assert len(asked) == 60
    (text,) = {query.text for query in asked if query.text and len(set(query.text)) == 1 and len(query.text) == 200}
    assert text == "x" * 200


def test_both_sides_find_what_is_meant_and_bear_anything(connection: duckdb.DuckDBPyConnection) -> None:
    asked = queries(connection, count=60, seed=1)
    own, peer = (taken(search, asked) for search in (own_search(connection), fts5_search(connection)))
    assert len(own.milliseconds) == len(peer.milliseconds) == 60
    assert own.found["many words"] == peer.found["many words"] == 1
    assert own.found["few misspelt"] > peer.found["few misspelt"]


def test_the_table_has_a_line_for_each() -> None:
    lines = table({"one": Took([1.0, 2.0, 30.0], {"few": 0.5})}).splitlines()
    assert lines[-1] == "| one | 2.0 | 30.0 | 30.0 | 50% |"
    assert len({len(re.findall(r"\|", line)) for line in lines}) == 1
