"""One search box over codes, modifiers and payers. The one place to change when the database searches by itself."""

import duckdb

from flows.answers import Row, rows

_QUERY = """
    WITH known AS (
        SELECT 'code' AS kind, listed.code AS key,
            coalesce(any_value(said.description), replace(any_value(listed.section), '_', ' ')) AS label
        FROM code AS listed
        LEFT JOIN code_description AS said ON said.code = listed.code AND said.kind = 'overview'
        GROUP BY listed.code
        UNION ALL
        SELECT 'modifier', modifier, max_by(modifier_name, valid_from) FROM modifier GROUP BY modifier
        UNION ALL
        SELECT 'payer', payer_id, payer_name FROM payer
        UNION ALL
        SELECT 'payer', payer_id, organization_name FROM payer_organization
    ),
    words AS (SELECT unnest(regexp_split_to_array(trim(lower($1)), '\\s+')) AS word),
    scored AS (
        SELECT
            known.*,
            lower(key) = trim(lower($1)) AS is_same,
            starts_with(lower(key), trim(lower($1))) AS is_start,
            (
                SELECT avg(CASE
                    WHEN contains(lower(known.key || ' ' || known.label), word) THEN 1.0
                    WHEN length(word) > 4 AND list_max(list_transform(
                        regexp_split_to_array(lower(known.label), '[^a-z0-9]+'), lambda told: jaro_winkler_similarity(told, word)
                    )) > 0.9 THEN 0.7
                    ELSE 0 END)
                FROM words
            ) AS fit
        FROM known
    )
    SELECT kind, key, label FROM scored
    WHERE is_start OR fit >= 0.7
    ORDER BY is_same DESC, is_start DESC, fit DESC, kind, key, label
    LIMIT $2 OFFSET $3
"""


def search(connection: duckdb.DuckDBPyConnection, text: str, *, limit: int, offset: int = 0) -> list[Row]:
    """What a text may mean, the best first: `kind` (code, modifier, payer), `key`, `label`."""
    return rows(connection, _QUERY, [text, limit, offset]) if text.strip() else []
