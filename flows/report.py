"""report.html: what a release holds, from SQL over its database and from its manifest, and from nothing else."""

import base64
import hashlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from flows.load import configure
from schemas import TABLES

REPORT = "report.html"
"""Name of the page in every release."""
TEMPLATES = Path(__file__).parent / "templates"
BAND = 32
"""Modifiers side by side in the picture; more of them go into a further band."""
_EXAMPLES = 3
_ANSWERS = """
    SELECT
        answer.payer_id,
        answer.modifier,
        CAST(sum(sets.codes) AS BIGINT) AS cells,
        CAST(coalesce(sum(sets.codes) FILTER (WHERE answer.disposition <> 'not_published'), 0) AS BIGINT) AS answered
    FROM answer
    JOIN (SELECT answer_set_id, count(*) AS codes FROM code_answer_set GROUP BY ALL) AS sets USING (answer_set_id)
    GROUP BY ALL
"""
"""Cells of the cube by payer and modifier, counted over its two base tables: codes that share answers are counted, not joined."""
_QUERIES = {
    "inputs": """
        WITH
            newest AS (SELECT max(published_date) AS on_day FROM release),
            read AS (
                SELECT source, release_id, count(*) AS files, CAST(sum(rows_read) AS BIGINT) AS rows_read,
                    CAST(sum(rows_refused) AS BIGINT) AS rows_refused
                FROM raw_file GROUP BY ALL
            )
        SELECT release.*, read.* EXCLUDE (source, release_id), date_diff('day', published_date, newest.on_day) AS age_days,
            valid_to < newest.on_day AS is_over
        FROM release CROSS JOIN newest LEFT JOIN read USING (source, release_id)
        ORDER BY source, release_id
    """,
    "heat": f"""
        WITH disputes AS (
            SELECT payer_id, modifier, count(*) AS contradictions FROM contradiction WHERE modifier IS NOT NULL GROUP BY ALL
        )
        SELECT payer_id, modifier, cells, answered, cells - answered AS not_published,
            coalesce(contradictions, 0) AS contradictory
        FROM ({_ANSWERS}) LEFT JOIN disputes USING (payer_id, modifier)
        ORDER BY payer_id, modifier
    """,
    "coverage": f"""
        WITH
            cells AS (
                SELECT payer_id, CAST(sum(cells) AS BIGINT) AS cells, CAST(sum(answered) AS BIGINT) AS answered,
                    count(*) AS modifiers, count(*) FILTER (WHERE answered > 0) AS modifiers_answered
                FROM ({_ANSWERS}) GROUP BY ALL
            ),
            given AS (SELECT DISTINCT payer_id, answer_set_id FROM answer WHERE disposition <> 'not_published'),
            codes AS (
                SELECT payer_id, count(DISTINCT (code_system, code)) AS codes_answered
                FROM given JOIN code_answer_set USING (answer_set_id) GROUP BY ALL
            ),
            rules AS (SELECT payer_id, count(*) AS rules FROM modifier_rule GROUP BY ALL)
        SELECT payer.payer_id, payer.payer_name, coalesce(cells, 0) AS cells, coalesce(answered, 0) AS answered,
            coalesce(cells - answered, 0) AS not_published, coalesce(codes_answered, 0) AS codes_answered,
            coalesce(modifiers, 0) AS modifiers, coalesce(modifiers_answered, 0) AS modifiers_answered,
            coalesce(rules, 0) AS rules
        FROM payer LEFT JOIN cells USING (payer_id) LEFT JOIN codes USING (payer_id) LEFT JOIN rules USING (payer_id)
        ORDER BY payer.payer_id
    """,
    "findings": """
        SELECT severity, rule_id, count(*) AS findings, count(DISTINCT source_file) AS files
        FROM finding GROUP BY severity, rule_id
        ORDER BY array_position(['refused', 'warning', 'info'], severity), rule_id
    """,
    "examples": f"""
        SELECT severity, rule_id, source_file, source_row, column_name, value, reason
        FROM finding
        QUALIFY row_number() OVER (PARTITION BY severity, rule_id ORDER BY source_file, source_row, column_name) <= {_EXAMPLES}
        ORDER BY ALL
    """,
    "contradictions": """
        SELECT contradiction.*,
            concat_ws(', ', l.citation_title, l.citation_publisher, l.citation_where) AS left_citation,
            concat_ws(', ', r.citation_title, r.citation_publisher, r.citation_where) AS right_citation
        FROM contradiction
        LEFT JOIN modifier_rule AS l ON l.rule_id = left_source
        LEFT JOIN modifier_rule AS r ON r.rule_id = right_source
        ORDER BY NOT has_money_effect, contradiction_id
    """,
    "held": """
        SELECT (SELECT count(DISTINCT (code_system, code)) FROM code) AS codes, (SELECT count(*) FROM payer) AS payers,
            (SELECT count(*) FROM modifier_rule) AS rules, (SELECT count(DISTINCT modifier) FROM answer) AS modifiers,
            (SELECT count(*) FROM contradiction) AS contradictions,
            (SELECT coalesce(CAST(sum(rows_refused) AS BIGINT), 0) FROM raw_file) AS refused
    """,
}


def timed(step: Callable[..., Any], seconds: dict[str, float]) -> Callable[..., Any]:
    """A step that adds how long it took to `seconds`, by name of the step."""

    def run(name: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        began = time.monotonic()
        try:
            return step(name, function, *arguments, **options)
        finally:
            seconds[name] = seconds.get(name, 0.0) + time.monotonic() - began

    return run


def write_report(
    folder: Path, database: Path, described: Mapping[str, Any], before: Mapping[str, Any] | None, seconds: Mapping[str, float]
) -> None:
    """The page into `folder`. `described` and `before` are manifests: of this release and of the one that was current.

    The same release after the same release before gives the same bytes, but for the run times. Raises duckdb.Error or OSError.
    """
    with duckdb.connect(str(database), read_only=True) as connection:
        configure(connection, threads=2)
        content = page(report(connection, described, before), seconds)
    (folder / REPORT).write_text(content, encoding="utf-8", newline="\n")


def report(
    connection: duckdb.DuckDBPyConnection, described: Mapping[str, Any], before: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Everything the page shows but the run times, as rows by part of the page."""
    found = {name: _rows(connection, query) for name, query in _QUERIES.items()}
    examples = found.pop("examples")
    for finding in found["findings"]:
        finding["examples"] = [row for row in examples if _rule(row) == _rule(finding)]
    compared = before if before and before["release"] != described["release"] else None
    days = [row["published_date"] for row in found["inputs"] if row["published_date"]]
    return {
        **found,
        "held": found["held"][0],
        "described": described,
        "release_day": max(days, default=None),
        "before": compared["release"] if compared else None,
        "tables": _tables(described, compared),
        "bands": _bands(found["heat"]),
        "changes": _rows(connection, _changes()),
        "other_changes": _rows(connection, _other_changes()),
    }


def page(content: Mapping[str, Any], seconds: Mapping[str, float]) -> str:
    """The page from its content; every value is escaped, and only the page's own style and script may run."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": _number, "signed": lambda value: f"{value:+,}" if value else "0", "share": share}
    style, script = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    own = {"style": style, "script": script, "style_hash": _hash(style), "script_hash": _hash(script)}
    return environment.get_template(REPORT).render(**content, **own, seconds=seconds).lstrip()


def share(part: int, whole: int) -> str:
    """A share in percent; what is not nothing is never shown as nothing, what is not all never as all."""
    if not whole:
        return "none"
    percent = 100 * part / whole
    if 0 < percent < 0.1:  # noqa: PLR2004
        return "under 0.1 %"
    return "over 99.9 %" if 99.9 < percent < 100 else f"{percent:.1f} %"  # noqa: PLR2004


def shade(part: int, whole: int) -> int:
    """Step of the colour scale, 0 (nothing answered) to 4 (nearly all): at most 5, 25 and 75 percent between."""
    return 0 if not part else 1 + sum(100 * part > limit * whole for limit in (5, 25, 75))


def _tables(described: Mapping[str, Any], before: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Rows by table and how many more than before; None where there is nothing to compare with."""
    now, then = (_rows_by_table(each) if each else {} for each in (described, before))
    return [
        {"table": name, "group": model.facts().group, "rows": now[name], "more": now[name] - then[name] if name in then else None}
        for model in TABLES
        if (name := model.table_name()) in now
    ]


def _rows_by_table(described: Mapping[str, Any]) -> dict[str, int]:
    return {file["table"]: file["rows"] for file in described["files"] if file["path"].endswith(".parquet")}


def _bands(heat: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The picture: bands of modifiers, in each a row per payer of cells with a step of the colour scale."""
    cells = {(row["payer_id"], row["modifier"]): {**row, "shade": shade(row["answered"], row["cells"])} for row in heat}
    payers = sorted({payer for payer, _ in cells})
    modifiers = sorted({modifier for _, modifier in cells})
    return [
        {"modifiers": band, "rows": [(payer, [cells.get((payer, modifier)) for modifier in band]) for payer in payers]}
        for band in _in_bands(modifiers)
    ]


def _in_bands(modifiers: list[str]) -> list[tuple[str, ...]]:
    """Bands of about equal length."""
    count = -(-len(modifiers) // BAND)
    size = -(-len(modifiers) // count) if count else 1
    return [tuple(modifiers[start : start + size]) for start in range(0, len(modifiers), size)]


def _changes() -> str:
    """Query of changes by section. Where the code stands in a record's key is taken from the declarations."""
    return f"""
        WITH
            told AS (SELECT *, CASE changed_table {_code_in_key()} END AS code FROM change),
            placed AS (SELECT code, arg_max(section, valid_from) AS section FROM code GROUP BY ALL)
        SELECT coalesce(placed.section, 'no section') AS section, told.source, told.from_release, told.to_release,
            count(DISTINCT told.code) FILTER (WHERE change_kind = 'added') AS added,
            count(DISTINCT told.code) FILTER (WHERE change_kind = 'removed') AS removed,
            count(DISTINCT told.code) FILTER (WHERE change_kind = 'changed') AS changed,
            count(*) AS cells
        FROM told LEFT JOIN placed USING (code)
        WHERE told.code IS NOT NULL
        GROUP BY ALL ORDER BY source, to_release, section
    """


def _other_changes() -> str:
    return f"""
        SELECT changed_table, source, from_release, to_release, count(*) AS cells FROM change
        WHERE CASE changed_table {_code_in_key()} END IS NULL
        GROUP BY ALL ORDER BY ALL
    """


def _code_in_key() -> str:
    keys = {model.table_name(): model.facts().key for model in TABLES}
    return " ".join(
        f"WHEN '{name}' THEN split_part(record_key, '|', {key.index('code') + 1})" for name, key in keys.items() if "code" in key
    )


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    found = connection.execute(query)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _rule(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["severity"], row["rule_id"]


def _number(value: int | None) -> str:
    return "none" if value is None else f"{value:,}"


def _hash(text: str) -> str:
    """Hash of an inline style or script as a content security policy wants it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
