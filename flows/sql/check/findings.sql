-- Every finding in one shape: with its sentence from check_rule, its citation, and the cells by which its line is found again.

CREATE TEMP TABLE found AS
SELECT
    named.source_row, named.rule_id, named.severity, named.column_name, named.value, named.other, named.detail,
    CAST(NULL AS DECIMAL(7, 2)) AS effect_percent,
    CAST(NULL AS DECIMAL(18, 3)) AS effect_units,
    CAST(NULL AS VARCHAR) AS effect_formula,
    CAST(NULL AS VARCHAR) AS medicare_disposition,
    CAST(NULL AS DECIMAL(7, 2)) AS medicare_effect_percent,
    CAST(NULL AS VARCHAR) AS answer_rule_id,
    CAST(NULL AS VARCHAR) AS cited_rule_id,
    named.citation, named.related_row, named.is_stale
FROM name_finding AS named
UNION ALL
SELECT
    given.source_row, given.rule_id, given.severity, given.column_name, given.value, NULL, given.detail, given.effect_percent,
    given.effect_units, given.effect_formula, given.medicare_disposition, given.medicare_effect_percent, given.answer_rule_id, given.cited_rule_id, NULL, NULL,
     given.is_stale
FROM answer_finding AS given
UNION ALL
SELECT
    held.source_row, held.rule_id, held.severity, held.column_name, held.value, held.other, held.detail, NULL, NULL, NULL,
    held.medicare_disposition, NULL, held.answer_rule_id, NULL, held.citation, held.related_row, false
FROM combination_finding AS held
UNION ALL
SELECT
    edit.source_row, edit.rule_id, edit.severity, edit.column_name, edit.value, edit.other, edit.detail, edit.effect_percent,
    edit.effect_units, NULL, edit.medicare_disposition, NULL, NULL, NULL, edit.citation, edit.related_row, edit.is_stale
FROM ncci_finding AS edit;

CREATE TEMP VIEW finding_text AS
SELECT
    found.source_row,
    line.claim,
    line.line,
    found.rule_id,
    found.severity,
    found.column_name,
    found.value,
    replace(replace(replace(replace(replace(replace(replace(replace(
        told.sentence || CASE WHEN found.severity = 'unknown' THEN told.if_unknown ELSE '' END,
        '{unpublished}', scope.unpublished),
        '{beside}', scope.beside),
        '{code}', line.code),
        '{day}', CAST(line.judged_on AS VARCHAR)),
        '{limit}', coalesce(CAST(CAST(found.effect_units AS BIGINT) AS VARCHAR), '')),
        '{other}', coalesce(found.other, '')),
        '{detail}', coalesce(found.detail, '')),
        '{value}', coalesce(found.value, '')) AS sentence,
    found.effect_percent,
    found.effect_units,
    found.effect_formula,
    found.medicare_disposition,
    found.medicare_effect_percent,
    scope.payer_id,
    found.answer_rule_id,
    found.related_row,
    found.is_stale,
    coalesce(
        found.citation, nullif(concat_ws(', ', rule.citation_title, rule.citation_publisher, rule.citation_where), '')
    ) AS citation
FROM found
JOIN claim_line AS line ON line.source_row = found.source_row
JOIN scope ON scope.scope_id = line.scope_id
JOIN check_rule AS told ON told.rule_id = found.rule_id
LEFT JOIN modifier_rule AS rule ON rule.rule_id = found.cited_rule_id;
