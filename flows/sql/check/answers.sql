-- What the payer answers about each modifier on a line. Each different question is resolved once, then joined back to its lines.

CREATE TEMP TABLE set_split AS
SELECT stated.set_id, list(stated.modifier ORDER BY stated.slot) AS components
FROM set_member AS stated
WHERE stated.modifier IN ('26', 'TC', '53')
GROUP BY stated.set_id;

CREATE TEMP TABLE line_question AS
SELECT
    line.source_row,
    line.scope_id,
    line.period_from,
    line.judged_on,
    line.code,
    member.slot,
    member.modifier,
    CASE
        WHEN member.modifier IN ('26', 'TC', '53') THEN rows_of_code.default_component
        ELSE coalesce(list_filter(split.components, lambda row: list_contains(rows_of_code.components, row))[1], rows_of_code.default_component)
    END AS component,
    listed.section,
    rows_of_code.is_add_on
FROM claim_line AS line
JOIN set_member AS member ON member.set_id = line.set_id
JOIN code_day AS listed ON listed.code = line.code AND listed.judged_on = line.judged_on AND listed.is_listed
JOIN modifier_day AS known ON known.modifier = member.modifier AND known.judged_on = line.judged_on AND known.is_valid
JOIN code_rows AS rows_of_code ON rows_of_code.code = line.code AND rows_of_code.period_from = line.period_from
LEFT JOIN set_split AS split ON split.set_id = line.set_id;

CREATE TEMP TABLE code_set AS
SELECT coded.code, coded.component, min(coded.answer_set_id) AS answer_set_id
FROM code_answer_set AS coded
GROUP BY coded.code, coded.component;

CREATE TEMP TABLE question AS
SELECT DISTINCT coded.answer_set_id, asked.scope_id, asked.period_from, asked.modifier
FROM line_question AS asked
JOIN code_set AS coded ON coded.code = asked.code AND coded.component = asked.component;

-- The narrowest scope answers: the organization nearest to the one asked for, then its market, then its line of business.
CREATE TEMP TABLE payer_answer AS
SELECT
    question.answer_set_id,
    question.scope_id,
    question.period_from,
    question.modifier,
    cell.disposition,
    cell.effect_percent,
    cell.effect_units,
    cell.effect_formula,
    cell.rule_id,
    cell.tier,
    cell.reason
FROM question
JOIN scope ON scope.scope_id = question.scope_id
JOIN answer AS cell
    ON cell.answer_set_id = question.answer_set_id
    AND cell.payer_id = scope.payer_id
    AND cell.modifier = question.modifier
    AND question.period_from BETWEEN cell.valid_from AND coalesce(cell.valid_to, DATE '9999-12-31')
    AND cell.line_of_business IN ('any', scope.line_of_business)
    AND cell.market IN ('any', scope.market)
JOIN organization_ancestor AS near ON near.organization_id = scope.organization_id AND near.ancestor_id = cell.organization_id
QUALIFY row_number() OVER (
    PARTITION BY question.answer_set_id, question.scope_id, question.period_from, question.modifier
    ORDER BY near.distance, (cell.market <> 'any') DESC, (cell.line_of_business <> 'any') DESC
) = 1;

CREATE TEMP TABLE medicare_answer AS
SELECT asked.answer_set_id, asked.period_from, asked.modifier, cell.disposition, cell.effect_percent, cell.rule_id
FROM (SELECT DISTINCT question.answer_set_id, question.period_from, question.modifier FROM question) AS asked
JOIN answer AS cell
    ON cell.answer_set_id = asked.answer_set_id
    AND cell.payer_id = 'medicare'
    AND cell.modifier = asked.modifier
    AND cell.organization_id = 'any'
    AND cell.line_of_business = 'any'
    AND cell.market = 'any'
    AND asked.period_from BETWEEN cell.valid_from AND coalesce(cell.valid_to, DATE '9999-12-31');

-- Modifiers that Medicare pays on visits only, and those that its indicator for multiple procedures decides.
CREATE TEMP TABLE special_modifier AS
SELECT
    rule.modifier,
    bool_or(rule.target_line = 'evaluation_management') AS is_for_visits,
    bool_or(regexp_matches(rule.predicate, 'multiple_procedure_code')) AS is_for_multiples
FROM modifier_rule AS rule
WHERE rule.payer_id = 'medicare' AND rule.organization_id = 'any'
GROUP BY rule.modifier;

CREATE TEMP TABLE answered AS
SELECT
    asked.source_row,
    asked.scope_id,
    asked.judged_on,
    asked.slot,
    asked.modifier,
    coalesce(given.disposition, 'not_published') AS disposition,
    given.effect_percent,
    given.effect_units,
    given.effect_formula,
    given.rule_id,
    given.tier,
    given.reason,
    coalesce(medicare.disposition, 'not_published') AS medicare_disposition,
    medicare.effect_percent AS medicare_effect_percent,
    coalesce(given.rule_id, medicare.rule_id) AS cited_rule_id,
    special.modifier IS NOT NULL AS is_governed,
    coalesce(special.is_for_visits, false) AND asked.section <> 'evaluation_management' AS is_off_visit,
    coalesce(special.is_for_multiples, false) AND asked.is_add_on AS is_multiple_on_add_on
FROM line_question AS asked
LEFT JOIN code_set AS coded ON coded.code = asked.code AND coded.component = asked.component
LEFT JOIN payer_answer AS given
    ON given.answer_set_id = coded.answer_set_id
    AND given.scope_id = asked.scope_id
    AND given.period_from = asked.period_from
    AND given.modifier = asked.modifier
LEFT JOIN medicare_answer AS medicare
    ON medicare.answer_set_id = coded.answer_set_id
    AND medicare.period_from = asked.period_from
    AND medicare.modifier = asked.modifier
LEFT JOIN special_modifier AS special ON special.modifier = asked.modifier;

-- Only what the payer or CMS itself published is an error; the trade press is a warning, what was inferred is not known.
CREATE TEMP TABLE answer_finding AS
SELECT
    given.source_row,
    CASE
        WHEN given.is_off_visit AND given.disposition IN ('not_published', 'not_allowed') THEN 'modifier.visits_only'
        WHEN given.is_multiple_on_add_on AND given.disposition IN ('not_published', 'not_allowed', 'not_applicable')
            THEN 'modifier.multiple_on_add_on'
        WHEN given.disposition = 'allowed_with_documentation' THEN 'modifier.documentation'
        WHEN given.disposition IN ('not_allowed', 'not_paid', 'not_applicable', 'not_published') THEN 'modifier.' || given.disposition
        ELSE 'modifier.effect'
    END AS rule_id,
    CASE
        WHEN given.disposition = 'not_published' THEN 'unknown'
        WHEN given.disposition NOT IN ('not_allowed', 'not_paid', 'not_applicable') THEN 'info'
        WHEN given.tier = 'inferred' THEN 'unknown'
        WHEN given.disposition = 'not_allowed' AND given.tier IN ('cms_indicator', 'cms_manual', 'payer_policy') THEN 'error'
        ELSE 'warning'
    END AS severity,
    'modifier_' || given.slot AS column_name,
    given.modifier AS value,
    coalesce(
        given.reason,
        CASE
            WHEN NOT given.is_governed THEN 'No rule here names the modifier.'
            WHEN scope.payer_id IS NULL THEN 'Nobody is asked.'
            ELSE 'Nothing here answers for the code on that day.'
        END
    ) AS detail,
    given.effect_percent,
    given.effect_units,
    given.effect_formula,
    given.medicare_disposition,
    given.medicare_effect_percent,
    given.rule_id AS answer_rule_id,
    given.cited_rule_id,
    day.is_fee_stale AS is_stale
FROM answered AS given
JOIN scope ON scope.scope_id = given.scope_id
JOIN judged_day AS day ON day.judged_on = given.judged_on
WHERE given.disposition IN ('not_published', 'not_allowed', 'not_paid', 'not_applicable', 'allowed_with_documentation')
    OR coalesce(given.effect_percent, 100) <> 100
    OR coalesce(given.effect_units, 0) <> 0
    OR given.effect_formula IS NOT NULL;
