-- What the payer answers about each modifier on a line that is in force, on a code that was not taken off the lists.

CREATE TEMP TABLE set_split AS
SELECT stated.set_id, list(stated.modifier ORDER BY stated.slot) AS components
FROM set_member AS stated
WHERE stated.modifier IN ('26', 'TC', '53')
GROUP BY stated.set_id;

-- Modifiers that Medicare pays on visits only, and those that its indicator for multiple procedures decides.
CREATE TEMP TABLE special_modifier AS
SELECT
    rule.modifier,
    bool_or(rule.target_line = 'evaluation_management') AS is_for_visits,
    bool_or(regexp_matches(rule.predicate, 'multiple_procedure_code')) AS is_for_multiples
FROM modifier_rule AS rule
WHERE rule.payer_id = 'medicare' AND rule.organization_id = 'any'
GROUP BY rule.modifier;

CREATE TEMP TABLE line_question AS
SELECT
    row_number() OVER () AS question_id,
    line.source_row,
    line.scope_id,
    line.period_from,
    line.judged_on,
    line.code,
    line.slot,
    line.modifier,
    coded.answer_set_id
FROM line_member AS line
SEMI JOIN answerable_span AS listed
    ON listed.code = line.code AND line.judged_on BETWEEN listed.valid_from AND listed.valid_to
SEMI JOIN modifier_span AS known
    ON known.modifier = line.modifier AND line.judged_on BETWEEN known.valid_from AND known.valid_to
LEFT JOIN code_rows AS rows_of_code ON rows_of_code.code = line.code AND rows_of_code.period_from = line.period_from
LEFT JOIN set_split AS split ON split.set_id = line.set_id AND line.modifier NOT IN ('26', 'TC', '53')
LEFT JOIN code_answer_set AS coded
    ON coded.code = line.code
    AND coded.component = CASE
        WHEN split.components IS NULL THEN coalesce(rows_of_code.default_component, 'global')
        ELSE coalesce(
            list_filter(split.components, lambda row: list_contains(rows_of_code.components, row))[1],
            rows_of_code.default_component,
            'global'
        )
    END;

-- The narrowest scope answers: the organization nearest to the one asked for, then its market, then its line of business.
CREATE TEMP TABLE payer_answer AS
SELECT
    asked.question_id,
    min_by(
        cell.rowid, 4 * near.distance + 2 * CAST(cell.market = 'any' AS INTEGER) + CAST(cell.line_of_business = 'any' AS INTEGER)
    ) AS answer_row
FROM line_question AS asked
JOIN scope ON scope.scope_id = asked.scope_id
JOIN answer AS cell
    ON cell.answer_set_id = asked.answer_set_id
    AND cell.payer_id = scope.payer_id
    AND cell.modifier = asked.modifier
    AND asked.period_from BETWEEN cell.valid_from AND coalesce(cell.valid_to, DATE '9999-12-31')
    AND cell.line_of_business IN ('any', scope.line_of_business)
    AND cell.market IN ('any', scope.market)
JOIN organization_ancestor AS near ON near.organization_id = scope.organization_id AND near.ancestor_id = cell.organization_id
GROUP BY asked.question_id;

CREATE TEMP TABLE medicare_answer AS
SELECT asked.question_id, asked.source_row, asked.slot, cell.rowid AS answer_row, cell.disposition, cell.effect_percent, cell.rule_id
FROM line_question AS asked
JOIN answer AS cell
    ON cell.answer_set_id = asked.answer_set_id
    AND cell.payer_id = 'medicare'
    AND cell.modifier = asked.modifier
    AND cell.organization_id = 'any'
    AND cell.line_of_business = 'any'
    AND cell.market = 'any'
    AND asked.period_from BETWEEN cell.valid_from AND coalesce(cell.valid_to, DATE '9999-12-31');

-- Only what changes or stops payment, or what nobody published, is worth telling.
CREATE TEMP TABLE answered AS
SELECT asked.*, given.answer_row, coalesce(cell.disposition, 'not_published') AS disposition, cell.tier
FROM line_question AS asked
LEFT JOIN payer_answer AS given ON given.question_id = asked.question_id
LEFT JOIN answer AS cell ON cell.rowid = given.answer_row
WHERE cell.disposition IS NULL
    OR cell.disposition IN ('not_published', 'not_allowed', 'not_paid', 'not_applicable', 'allowed_with_documentation')
    OR coalesce(cell.effect_percent, 100) <> 100
    OR coalesce(cell.effect_units, 0) <> 0
    OR cell.effect_formula IS NOT NULL;

-- Modifiers on visits only, on a code that is none.
CREATE TEMP TABLE off_visit AS
SELECT asked.question_id
FROM answered AS asked
JOIN special_modifier AS special ON special.modifier = asked.modifier AND special.is_for_visits
ANTI JOIN (
    SELECT listed.code, min(listed.section) AS section FROM code AS listed GROUP BY listed.code
) AS visit ON visit.code = asked.code AND visit.section = 'evaluation_management';

-- A code is an add-on code where the fee schedule says so by its global period, or NCCI lists it as one.
CREATE TEMP TABLE multiple_on_add_on AS
WITH asked AS (
    SELECT given.question_id, given.code, given.judged_on
    FROM answered AS given
    JOIN special_modifier AS special ON special.modifier = given.modifier AND special.is_for_multiples
)
SELECT asked.question_id
FROM asked
JOIN code_profile AS profile
    ON profile.code = asked.code
    AND asked.judged_on BETWEEN profile.valid_from AND coalesce(profile.valid_to, DATE '9999-12-31')
JOIN pfs_indicator AS fee
    ON fee.code = profile.code
    AND fee.component = profile.component
    AND fee.release_id = profile.release_id
    AND fee.global_days_code = 'ZZZ'
UNION
SELECT asked.question_id
FROM asked
JOIN ncci_addon AS edit
    ON edit.addon_code = asked.code
    AND edit.is_ever_in_force
    AND asked.judged_on BETWEEN edit.valid_from AND coalesce(edit.valid_to, DATE '9999-12-31');

-- Only what the payer or CMS itself published is an error; the trade press is a warning, what was inferred is not known.
CREATE TEMP TABLE answer_finding AS
SELECT
    given.source_row,
    CASE
        WHEN off_visit.question_id IS NOT NULL AND given.disposition IN ('not_published', 'not_allowed') THEN 'modifier.visits_only'
        WHEN multiple.question_id IS NOT NULL AND given.disposition IN ('not_published', 'not_allowed', 'not_applicable')
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
    CASE
        WHEN given.answer_row IS NOT NULL THEN NULL
        WHEN special.modifier IS NULL THEN 'No rule here says which codes take the modifier.'
        WHEN scope.payer_id IS NULL THEN NULL  -- finding_text says it with the name
        ELSE 'Nothing here answers for the code on that day.'
    END AS detail,
    given.answer_row,
    medicare.answer_row AS medicare_row,
    day.is_fee_stale AS is_stale
FROM answered AS given
JOIN scope ON scope.scope_id = given.scope_id
JOIN judged_day AS day ON day.judged_on = given.judged_on
LEFT JOIN special_modifier AS special ON special.modifier = given.modifier
LEFT JOIN off_visit ON off_visit.question_id = given.question_id
LEFT JOIN multiple_on_add_on AS multiple ON multiple.question_id = given.question_id
LEFT JOIN medicare_answer AS medicare ON medicare.question_id = given.question_id;
