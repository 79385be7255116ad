"""Latency of `search_codes` beside SQLite's FTS5 on the same texts: python -m bench.search --output FOLDER."""

import argparse
import random
import re
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb

from flows.release_query import opened

SHOWN = 20
_ODD = (
    "",
    " ",
    "a",
    "e",
    "z",
    "7",
    "of the and",
    "é",
    "日本語",
    "😀",
    "x" * 200,
    "ab " * 60,
    "' OR 1=1 --",
    '"',
    "A0428",
    "a04",
    "99213",
    "992",
)
_LETTERS = "aeilnorst"
Search = Callable[[str], list[str]]


class Query(NamedTuple):
    """A text, and the code whose own words it is made of, none for an odd one."""

    kind: str
    text: str
    code: str | None


class Took(NamedTuple):
    """What a search took for all queries, and how often the code meant was among those shown, by kind of query."""

    milliseconds: list[float]
    found: dict[str, float]


def queries(connection: duckdb.DuckDBPyConnection, *, count: int, seed: int) -> list[Query]:
    """Odd texts, and words of codes' texts in equal parts: a few as written, many as written, a few misspelt, many misspelt."""
    chance = random.Random(seed)  # noqa: S311 - the same queries each time, nothing secret
    described = connection.execute(
        "SELECT code, min(description) FROM code_description WHERE length(description) > 20 GROUP BY code ORDER BY code"
    ).fetchall()
    kinds = ("few words", "many words", "few misspelt", "many misspelt")
    made = [Query("odd", text, None) for text in _ODD]
    while len(made) < count:
        kind = kinds[len(made) % len(kinds)]
        code, text = chance.choice(described)
        words = re.findall(r"[a-z]{4,}", text.lower())
        if len(words) > 1:
            picked = words[:40] if kind.startswith("many") else chance.sample(words, min(3, len(words)))
            told = [_slipped(word, chance) for word in picked] if kind.endswith("misspelt") else picked
            made.append(Query(kind, " ".join(told), code))
    return made


def _slipped(word: str, chance: random.Random) -> str:
    """A word with one letter left out, put in or changed, never the first."""
    place = chance.randrange(1, len(word))
    return word[:place] + chance.choice(("", chance.choice(_LETTERS), chance.choice(_LETTERS) + word[place])) + word[place + 1 :]


def taken(search: Search, asked: Sequence[Query]) -> Took:
    """Processor time of each query after a first round that warms up, on all threads together."""
    for query in asked[:10]:
        search(query.text)
    times: list[float] = []
    hits: dict[str, list[bool]] = {}
    for query in asked:
        began = time.process_time()
        codes = search(query.text)
        times.append((time.process_time() - began) * 1_000)
        if query.code is not None:
            hits.setdefault(query.kind, []).append(query.code in codes)
    return Took(times, {kind: sum(found) / len(found) for kind, found in hits.items()})


def own_search(connection: duckdb.DuckDBPyConnection) -> Search:
    """The macro of the release."""
    query = f"SELECT code FROM search_codes($1, max_rows := {SHOWN})"
    return lambda text: [code for (code,) in connection.execute(query, [text]).fetchall()]


def fts5_search(connection: duckdb.DuckDBPyConnection) -> Search:
    """SQLite's full-text index in memory over the same texts: any word or beginning of a word, ranked by BM25."""
    texts = connection.execute("SELECT code, string_agg(description, ' ') FROM code_description GROUP BY code").fetchall()
    index = sqlite3.connect(":memory:")
    index.execute("CREATE VIRTUAL TABLE told USING fts5(code, description, tokenize = 'porter unicode61', prefix = '3 4')")
    index.executemany("INSERT INTO told VALUES (?, ?)", texts)
    query = f"SELECT code FROM told WHERE told MATCH ? ORDER BY rank LIMIT {SHOWN}"

    def search(text: str) -> list[str]:
        words = dict.fromkeys(re.findall(r"[a-z0-9]+", text[:200].lower()))
        matched = " OR ".join(f'"{word}"*' for word in words)
        return [code for (code,) in index.execute(query, [matched]).fetchall()] if matched else []

    return search


def table(took: dict[str, Took]) -> str:
    """A line of Markdown for each search."""
    kinds = list(next(iter(took.values())).found)
    lines = [
        f"| | p50 ms | p95 ms | max ms | {' | '.join(f'{kind}: found' for kind in kinds)} |",
        "|---" * (4 + len(kinds)) + "|",
    ]
    for name, run in took.items():
        ordered = sorted(run.milliseconds)
        shown = [ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)], ordered[-1]]
        shares = [f"{run.found[kind]:.0%}" for kind in kinds]
        lines.append(f"| {name} | {' | '.join([*(f'{number:.1f}' for number in shown), *shares])} |")
    return "\n".join(lines)


def main() -> None:
    """Ask both the same texts and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output"))
    parser.add_argument("--queries", type=int, default=200)
    given = parser.parse_args()
    with opened(given.output) as connection:
        asked = queries(connection, count=given.queries, seed=1)
        took = {name: taken(search, asked) for name, search in _searches(connection).items()}
    print(f"{len(asked)} queries, the first {SHOWN} codes each, processor time on all threads")
    print(table(took))


def _searches(connection: duckdb.DuckDBPyConnection) -> dict[str, Search]:
    return {"search_codes": own_search(connection), f"SQLite {sqlite3.sqlite_version} FTS5": fts5_search(connection)}


if __name__ == "__main__":
    main()
