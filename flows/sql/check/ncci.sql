-- CMS's National Correct Coding Initiative: pairs of codes of one claim and day, units per line or day, add-on codes. The tables are
-- those of practitioners. They are Medicare's, so for any other payer a finding is `unknown` with Medicare's answer beside it.

CREATE TEMP TABLE day_code AS
SELECT
    line.claim_id,
    line.service_date,
    line.code,
    any_value(line.judged_on) AS judged_on,
    min(line.source_row) AS first_row,
    max(line.source_row) AS last_row,
    max_by(line.scope_id, line.source_row) AS scope_id,
    sum(line.units) AS units
FROM claim_line AS line
GROUP BY line.claim_id, line.service_date, line.code;

CREATE TEMP TABLE pair AS
SELECT
    one.claim_id,
    one.service_date,
    one.judged_on,
    edit.column_one_code,
    edit.column_two_code,
    one.first_row AS related_row,
    min(edit.modifier_indicator) AS modifier_indicator,
    count(DISTINCT edit.modifier_indicator) > 1 AS is_contradictory,
    min(edit.source_file || ', line ' || edit.source_row) AS citation
FROM day_code AS one
JOIN day_code AS two ON two.claim_id = one.claim_id AND two.service_date = one.service_date AND two.code <> one.code
JOIN ncci_ptp AS edit
    ON edit.setting = 'practitioner'
    AND edit.column_one_code = one.code
    AND edit.column_two_code = two.code
    AND edit.is_ever_in_force
    AND one.judged_on BETWEEN edit.valid_from AND coalesce(edit.valid_to, DATE '9999-12-31')
GROUP BY ALL;

-- Modifiers that may bypass a pair. One that Medicare does not take on the code cannot stand there. On column two any may stand; on
-- column one those for which a rule says since when, and for the others nobody published it.
CREATE TEMP TABLE bypass AS
SELECT
    line.source_row,
    line.claim_id,
    line.service_date,
    line.code,
    min(member.modifier) AS on_column_two,
    min(member.modifier) FILTER (WHERE line.judged_on >= placement.effective_from) AS on_column_one,
    min(member.modifier) FILTER (WHERE placement.effective_from IS NULL) AS on_column_one_open
FROM (
    SELECT given.source_row, given.claim_id, given.service_date, given.judged_on, given.code, given.set_id
    FROM claim_line AS given
    SEMI JOIN pair ON pair.claim_id = given.claim_id AND pair.service_date = given.service_date
) AS line
JOIN set_member AS member ON member.set_id = line.set_id
SEMI JOIN modifier_span AS known
    ON known.modifier = member.modifier
    AND known.is_ncci_associated
    AND line.judged_on BETWEEN known.valid_from AND known.valid_to
ANTI JOIN medicare_answer AS refused
    ON refused.source_row = line.source_row AND refused.slot = member.slot AND refused.disposition = 'not_allowed'
LEFT JOIN modifier_rule AS placement
    ON placement.payer_id = 'medicare' AND placement.rule_id = 'medicare.ncci.' || member.modifier
GROUP BY line.source_row, line.claim_id, line.service_date, line.code;

CREATE TEMP TABLE pair_line AS
WITH bypass_of_code AS (
    SELECT
        held.claim_id, held.service_date, held.code, min(held.on_column_one) AS on_column_one, min(held.on_column_one_open) AS open
    FROM bypass AS held
    GROUP BY held.claim_id, held.service_date, held.code
)
SELECT
    line.source_row,
    line.scope_id,
    pair.*,
    coalesce(two.on_column_two, one.on_column_one) AS bypassed_by,
    one.open AS may_be_bypassed_by
FROM pair
JOIN claim_line AS line
    ON line.claim_id = pair.claim_id AND line.service_date = pair.service_date AND line.code = pair.column_two_code
LEFT JOIN bypass AS two ON two.source_row = line.source_row
LEFT JOIN bypass_of_code AS one
    ON one.claim_id = pair.claim_id AND one.service_date = pair.service_date AND one.code = pair.column_one_code;

-- NCCI-associated modifiers that Medicare takes on the codes of a pair that none bypasses, as the macro ncci_bypass names them. They
-- depend on the code and not on the line, because the line is denied as it stands.
CREATE TEMP TABLE place_for_bypass AS
WITH asked AS (
    SELECT edit.column_one_code AS code, edit.judged_on
    FROM pair_line AS edit
    WHERE edit.bypassed_by IS NULL AND edit.may_be_bypassed_by IS NULL
    UNION
    SELECT edit.column_two_code, edit.judged_on
    FROM pair_line AS edit
    WHERE edit.bypassed_by IS NULL AND edit.may_be_bypassed_by IS NULL
),
not_taken AS (
    SELECT asked.code, asked.judged_on, list(cell.modifier) AS modifiers
    FROM asked
    JOIN code_answer_set AS coded ON coded.code = asked.code AND coded.component = 'global'
    JOIN answer AS cell
        ON cell.answer_set_id = coded.answer_set_id
        AND cell.payer_id = 'medicare'
        AND cell.organization_id = 'any'
        AND cell.line_of_business = 'any'
        AND cell.market = 'any'
        AND cell.disposition = 'not_allowed'
        AND asked.judged_on BETWEEN cell.valid_from AND coalesce(cell.valid_to, DATE '9999-12-31')
    SEMI JOIN modifier_span AS known ON known.modifier = cell.modifier AND known.is_ncci_associated
    GROUP BY asked.code, asked.judged_on
),
associated AS (
    SELECT
        day.judged_on,
        list(DISTINCT known.modifier ORDER BY known.modifier) AS modifiers,
        list(DISTINCT known.modifier ORDER BY known.modifier) FILTER (WHERE day.judged_on >= placement.effective_from) AS dated
    FROM judged_day AS day
    JOIN modifier_span AS known ON known.is_ncci_associated AND day.judged_on BETWEEN known.valid_from AND known.valid_to
    LEFT JOIN modifier_rule AS placement
        ON placement.payer_id = 'medicare' AND placement.rule_id = 'medicare.ncci.' || known.modifier
    GROUP BY day.judged_on
)
SELECT
    asked.code,
    asked.judged_on,
    nullif(array_to_string(list_filter(day.modifiers, lambda each: list_contains(cell.modifiers, each) IS NOT TRUE), ', '), '') AS on_column_two,
    nullif(array_to_string(list_filter(day.dated, lambda each: list_contains(cell.modifiers, each) IS NOT TRUE), ', '), '') AS on_column_one
FROM asked
JOIN associated AS day ON day.judged_on = asked.judged_on
LEFT JOIN not_taken AS cell ON cell.code = asked.code AND cell.judged_on = asked.judged_on;

CREATE TEMP TABLE ncci_finding AS
SELECT
    pair.source_row,
    CASE
        WHEN pair.is_contradictory THEN 'ncci.pair_contradictory'
        WHEN pair.modifier_indicator = '0' THEN 'ncci.pair_never'
        WHEN pair.bypassed_by IS NOT NULL THEN 'ncci.pair_bypassed'
        WHEN pair.may_be_bypassed_by IS NOT NULL THEN 'ncci.pair_open'
        ELSE 'ncci.pair_without_modifier'
    END AS rule_id,
    CASE
        WHEN rule_id = 'ncci.pair_bypassed' THEN 'info'
        WHEN NOT scope.is_medicare OR rule_id IN ('ncci.pair_contradictory', 'ncci.pair_open') THEN 'unknown'
        ELSE 'error'
    END AS severity,
    'code' AS column_name,
    pair.column_two_code AS value,
    pair.column_one_code AS other,
    CASE
        WHEN rule_id <> 'ncci.pair_without_modifier' THEN coalesce(pair.bypassed_by, pair.may_be_bypassed_by)
        WHEN coalesce(two.on_column_two, one.on_column_one) IS NULL THEN 'Medicare takes none of them on either code.'
        ELSE concat(
            'Where clinically justified one may stand ',
            concat_ws(
                ' or ',
                'on ' || two.code || ' (' || two.on_column_two || ')',
                'on ' || one.code || ' (' || one.on_column_one || ')'
            ),
            '.'
        )
    END AS detail,
    CAST(CASE WHEN scope.is_medicare AND rule_id IN ('ncci.pair_never', 'ncci.pair_without_modifier') THEN 0 END AS DECIMAL(7, 2)) AS effect_percent,
    CAST(NULL AS DECIMAL(18, 3)) AS effect_units,
    CASE rule_id
        WHEN 'ncci.pair_bypassed' THEN 'allowed_with_documentation'
        WHEN 'ncci.pair_open' THEN 'not_published'
        WHEN 'ncci.pair_contradictory' THEN 'not_published'
        ELSE 'not_allowed'
    END AS medicare_disposition,
    pair.citation,
    pair.related_row,
    day.is_pair_stale AS is_stale
FROM pair_line AS pair
JOIN scope ON scope.scope_id = pair.scope_id
JOIN judged_day AS day ON day.judged_on = pair.judged_on
LEFT JOIN place_for_bypass AS one ON one.code = pair.column_one_code AND one.judged_on = pair.judged_on
LEFT JOIN place_for_bypass AS two ON two.code = pair.column_two_code AND two.judged_on = pair.judged_on
WHERE scope.is_medicare OR pair.modifier_indicator = '0' OR pair.bypassed_by IS NULL;

-- Units over the limit: on a line of its own, or over the day, said on the last line of the day with the sum.
INSERT INTO ncci_finding
SELECT
    over.source_row,
    CASE over.adjudication WHEN 'line' THEN 'units.over_limit_of_line' ELSE 'units.over_limit_of_day' END,
    CASE WHEN NOT scope.is_medicare THEN 'unknown' WHEN over.adjudication = 'day_appealable' THEN 'warning' ELSE 'error' END,
    'units',
    regexp_replace(CAST(over.units AS VARCHAR), '\.?0+$', ''),
    CASE WHEN over.units = 1 THEN 'unit of ' ELSE 'units of ' END || over.code,
    CASE over.adjudication
        WHEN 'day_absolute' THEN 'no appeal lifts it.'
        WHEN 'day_appealable' THEN 'more may be paid on appeal.'
        ELSE 'lines may be split with a modifier where that is justified.'
    END,
    NULL,
    over.mue_value,
    'not_paid',
    over.citation,
    nullif(over.first_row, over.source_row),
    day.is_limit_stale
FROM (
    SELECT
        line.source_row, line.scope_id, line.judged_on, line.code, line.units, line.source_row AS first_row,
        held.mue_value, held.adjudication, held.source_file || ', line ' || held.source_row AS citation
    FROM claim_line AS line
    JOIN ncci_mue AS held
        ON held.setting = 'practitioner'
        AND held.adjudication = 'line'
        AND held.code = line.code
        AND line.judged_on BETWEEN held.valid_from AND coalesce(held.valid_to, DATE '9999-12-31')
    WHERE line.units > held.mue_value
    UNION ALL
    SELECT
        day_code.last_row, day_code.scope_id, day_code.judged_on, day_code.code, day_code.units, day_code.first_row,
        held.mue_value, held.adjudication, held.source_file || ', line ' || held.source_row
    FROM day_code
    JOIN ncci_mue AS held
        ON held.setting = 'practitioner'
        AND held.adjudication <> 'line'
        AND held.code = day_code.code
        AND day_code.judged_on BETWEEN held.valid_from AND coalesce(held.valid_to, DATE '9999-12-31')
    WHERE day_code.units > held.mue_value
) AS over
JOIN scope ON scope.scope_id = over.scope_id
JOIN judged_day AS day ON day.judged_on = over.judged_on;

-- An add-on code without any of its primary codes on the claim and day. Where contractors choose primary codes nobody can tell, nor
-- where a line of the claim was refused: the primary code may stand on that line.
CREATE TEMP TABLE addon_day AS
SELECT
    used.claim_id,
    used.service_date,
    used.code,
    bool_or(edit.edit_type <> '1') AS is_open,
    bool_or(partly.claim_id IS NOT NULL) AS is_partly_read,
    min(edit.source_file || ', line ' || edit.source_row) AS citation
FROM day_code AS used
JOIN ncci_addon AS edit
    ON edit.addon_code = used.code
    AND edit.is_ever_in_force
    AND used.judged_on BETWEEN edit.valid_from AND coalesce(edit.valid_to, DATE '9999-12-31')
LEFT JOIN day_code AS beside
    ON beside.claim_id = used.claim_id AND beside.service_date = used.service_date AND beside.code = edit.primary_code
LEFT JOIN partly_read AS partly ON partly.claim_id = used.claim_id
GROUP BY used.claim_id, used.service_date, used.code
HAVING count(beside.code) = 0;

INSERT INTO ncci_finding
SELECT
    line.source_row,
    CASE WHEN edit.is_open THEN 'addon.primary_open' ELSE 'addon.without_primary' END,
    CASE WHEN edit.is_untold OR NOT scope.is_medicare THEN 'unknown' ELSE 'error' END,
    'code',
    line.code,
    CASE WHEN edit.is_partly_read THEN '; a line of the claim was refused, and its primary code may stand there' END,
    NULL,
    CASE WHEN NOT edit.is_untold AND scope.is_medicare THEN 0 END,
    NULL,
    CASE WHEN edit.is_untold THEN 'not_published' ELSE 'not_paid' END,
    edit.citation,
    NULL,
    day.is_addon_stale
FROM claim_line AS line
JOIN (SELECT day.*, day.is_open OR day.is_partly_read AS is_untold FROM addon_day AS day) AS edit
    ON edit.claim_id = line.claim_id AND edit.service_date = line.service_date AND edit.code = line.code
JOIN scope ON scope.scope_id = line.scope_id
JOIN judged_day AS day ON day.judged_on = line.judged_on;
