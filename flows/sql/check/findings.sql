-- Every finding in one shape. A view, so that texts are made when a piece of the findings is read: its sentence (macro told), its
-- citation, and the cells by which its line is found again.

CREATE TEMP VIEW found AS
SELECT
    named.source_row, named.rule_id, named.severity, named.column_name, named.value, named.other, named.detail,
    CAST(NULL AS DECIMAL(7, 2)) AS effect_percent,
    CAST(NULL AS DECIMAL(18, 3)) AS effect_units,
    CAST(NULL AS VARCHAR) AS medicare_disposition,
    CAST(NULL AS BIGINT) AS answer_row,
    CAST(NULL AS BIGINT) AS medicare_row,
    CAST(NULL AS VARCHAR) AS group_id,
    named.citation, named.related_row, named.is_stale
FROM name_finding AS named
UNION ALL
SELECT
    given.source_row, given.rule_id, given.severity, given.column_name, given.value, NULL, given.detail, NULL, NULL,
    CASE WHEN given.medicare_row IS NULL THEN 'not_published' END, given.answer_row, given.medicare_row, NULL, NULL, NULL, given.is_stale
FROM answer_finding AS given
UNION ALL
SELECT
    held.source_row, held.rule_id, held.severity, 'modifiers', held.value, held.other, NULL, NULL, NULL, held.medicare_disposition,
    NULL, NULL, held.group_id, NULL, held.related_row, false
FROM combination_finding AS held
UNION ALL
SELECT
    edit.source_row, edit.rule_id, edit.severity, edit.column_name, edit.value, edit.other, edit.detail, edit.effect_percent,
    edit.effect_units, edit.medicare_disposition, NULL, NULL, NULL, edit.citation, edit.related_row, edit.is_stale
FROM ncci_finding AS edit;

-- Answers that are told, with their citation.
CREATE TEMP TABLE told_answer AS
SELECT
    cell.rowid AS answer_row,
    cell.disposition,
    cell.effect_percent,
    cell.effect_units,
    cell.effect_formula,
    cell.rule_id,
    cell.reason,
    nullif(concat_ws(', ', rule.citation_title, rule.citation_publisher, rule.citation_where), '') AS citation
FROM answer AS cell
SEMI JOIN (
    SELECT given.answer_row FROM answer_finding AS given UNION SELECT beside.medicare_row FROM answer_finding AS beside
) AS used ON used.answer_row = cell.rowid
LEFT JOIN modifier_rule AS rule ON rule.rule_id = cell.rule_id;

CREATE TEMP MACRO unasked(name) AS
    'No payer''s rules were asked, because ''' || name || ''' means none of the five payers for certain.';

CREATE TEMP VIEW finding_text AS
SELECT
    found.source_row,
    line.claim,
    line.line,
    found.rule_id,
    found.severity,
    found.column_name,
    found.value,
    told(
        found.rule_id,
        found.severity,
        found.value,
        line.code,
        found.other,
        coalesce(found.detail, cell.reason, held.reason, CASE WHEN scope.payer_id IS NULL THEN unasked(line.payer) END),
        CAST(line.judged_on AS VARCHAR),
        CAST(CAST(found.effect_units AS BIGINT) AS VARCHAR),
        coalesce(scope.unpublished, unasked(line.payer)),
        scope.beside,
        CASE WHEN NOT scope.is_medicare THEN concat(' ', coalesce(scope.unpublished, unasked(line.payer)), scope.beside) END
    ) AS sentence,
    coalesce(found.effect_percent, cell.effect_percent) AS effect_percent,
    coalesce(found.effect_units, cell.effect_units) AS effect_units,
    cell.effect_formula,
    coalesce(found.medicare_disposition, medicares.disposition) AS medicare_disposition,
    medicares.effect_percent AS medicare_effect_percent,
    scope.payer_id,
    coalesce(cell.rule_id, found.group_id) AS answer_rule_id,
    found.related_row,
    found.is_stale,
    coalesce(found.citation, held.citation, cell.citation, medicares.citation) AS citation
FROM found
JOIN given_line AS line ON line.source_row = found.source_row
JOIN scope ON scope.scope_id = line.scope_id
LEFT JOIN told_answer AS cell ON cell.answer_row = found.answer_row
LEFT JOIN told_answer AS medicares ON medicares.answer_row = found.medicare_row
LEFT JOIN held_group AS held ON held.group_id = found.group_id
UNION ALL
SELECT
    refused.source_row, refused.claim, refused.line, 'line.refused', 'refused', refused.column_name, refused.value, refused.reason,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL
FROM refused_line AS refused;
