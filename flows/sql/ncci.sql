CREATE OR REPLACE MACRO ncci_releases() AS TABLE
SELECT DISTINCT
    kind.table_name,
    kind.setting,
    loaded.release_id,
    loaded.valid_from,
    loaded.valid_to
FROM (
    VALUES
        ('ncci_ptp', 'practitioner', '^ccipra'),
        ('ncci_ptp', 'outpatient_hospital', '^ccioph'),
        ('ncci_mue', 'practitioner', 'mue.*practitioner'),
        ('ncci_mue', 'outpatient_hospital', 'mue.*outpatient'),
        ('ncci_mue', 'dme', 'mue.*dme'),
        ('ncci_addon', 'any', '^aoc.*mcr')
) AS kind (table_name, setting, pattern)
JOIN raw_file AS file
    ON file.source = 'cms_ncci'
    AND file.rows_accepted > 0
    AND regexp_matches(lower(parse_filename(file.source_file)), kind.pattern)
JOIN release AS loaded ON loaded.source = file.source AND loaded.release_id = file.release_id
ORDER BY kind.table_name, kind.setting, loaded.valid_from;

COMMENT ON MACRO TABLE ncci_releases IS 'Which quarters of NCCI are loaded, by table and setting: ncci_releases().';

CREATE OR REPLACE MACRO ncci_release_at(the_table, the_setting, on_date) AS TABLE
SELECT
    min(given.valid_from) AS first_day,
    max_by(given.valid_to, given.valid_from) FILTER (WHERE given.valid_from <= CAST(on_date AS DATE)) AS last_day,
    max_by(given.release_id, given.valid_from) FILTER (WHERE given.valid_from <= CAST(on_date AS DATE)) AS used
FROM ncci_releases() AS given
WHERE given.table_name = the_table AND given.setting = the_setting;

COMMENT ON MACRO TABLE ncci_release_at IS 'First day that any quarter covers, the quarter in use on a day and its last day, always one row: ncci_release_at(table, setting, on_date).';

CREATE OR REPLACE MACRO ncci_pairs(the_code, on_date := current_date, for_setting := NULL) AS TABLE
WITH asked AS (
    SELECT the_code AS asked_code, CAST(on_date AS DATE) AS asked_date, kind.setting
    FROM (VALUES ('practitioner'), ('outpatient_hospital')) AS kind (setting)
    WHERE for_setting IS NULL OR kind.setting = for_setting
),
loaded AS (
    SELECT 'practitioner' AS setting, held.* FROM ncci_release_at('ncci_ptp', 'practitioner', on_date) AS held
    UNION ALL
    SELECT 'outpatient_hospital', held.* FROM ncci_release_at('ncci_ptp', 'outpatient_hospital', on_date) AS held
),
listed AS (
    SELECT edit.*, 'column_one' AS stands_in, edit.column_two_code AS other_code FROM ncci_ptp AS edit WHERE edit.column_one_code = the_code
    UNION ALL
    SELECT edit.*, 'column_two' AS stands_in, edit.column_one_code AS other_code FROM ncci_ptp AS edit WHERE edit.column_two_code = the_code
),
in_force AS (
    SELECT edit.*
    FROM listed AS edit
    JOIN asked
        ON asked.setting = edit.setting
        AND edit.is_ever_in_force
        AND asked.asked_date BETWEEN edit.valid_from AND coalesce(edit.valid_to, DATE '9999-12-31')
)
SELECT
    asked.setting,
    asked.asked_code AS code,
    edit.stands_in,
    edit.other_code,
    CASE edit.modifier_indicator
        WHEN '0' THEN 'not_allowed'
        WHEN '1' THEN 'allowed_with_documentation'
        ELSE 'not_published'
    END AS disposition,
    CASE
        WHEN edit.modifier_indicator = '0' THEN 'Indicator 0: no modifier bypasses the edit.'
        WHEN edit.modifier_indicator = '1' THEN 'Indicator 1: an NCCI-associated modifier bypasses the edit where clinically justified.'
        WHEN loaded.first_day IS NULL THEN 'No release of the pairs of this setting is loaded.'
        WHEN asked.asked_date < loaded.first_day
            THEN 'The oldest NCCI release here starts on ' || loaded.first_day || ' and lists no edit of the code that covers that day.'
        ELSE 'No edit of the code is published for that day.'
    END AS reason,
    edit.modifier_indicator,
    edit.rationale,
    edit.is_prior_to_1996,
    edit.valid_from,
    edit.valid_to,
    edit.edit_number,
    edit.release_id,
    edit.source_file,
    edit.source_row,
    coalesce(asked.asked_date > loaded.last_day, false) AS is_stale,
    loaded.used AS release_used,
    loaded.last_day AS release_last_day
FROM asked
LEFT JOIN loaded ON loaded.setting = asked.setting
LEFT JOIN in_force AS edit ON edit.setting = asked.setting
ORDER BY asked.setting DESC, edit.stands_in, edit.other_code, edit.valid_from, edit.edit_number;

COMMENT ON MACRO TABLE ncci_pairs IS 'Every pair in force on a day that has the code in either column, and whether a modifier may bypass it: ncci_pairs(code, on_date, for_setting :=). One row not_published per setting without any.';

CREATE OR REPLACE MACRO ncci_bypass(code_one, code_two, on_date := current_date, for_setting := 'practitioner') AS TABLE
WITH asked AS (SELECT CAST(on_date AS DATE) AS asked_date),
loaded AS (SELECT held.* FROM ncci_release_at('ncci_ptp', for_setting, on_date) AS held),
listed AS (
    SELECT edit.* FROM ncci_ptp AS edit
    WHERE edit.setting = for_setting AND edit.column_one_code = code_one AND edit.column_two_code = code_two
    UNION ALL
    SELECT edit.* FROM ncci_ptp AS edit
    WHERE edit.setting = for_setting AND edit.column_one_code = code_two AND edit.column_two_code = code_one
),
placed AS (
    SELECT
        edit.*,
        edit.is_ever_in_force AND asked.asked_date BETWEEN edit.valid_from AND coalesce(edit.valid_to, DATE '9999-12-31') AS is_in_force,
        CASE
            WHEN NOT edit.is_ever_in_force THEN 'CMS deleted the edit with its effective date, so it never was in force.'
            WHEN edit.valid_from > asked.asked_date THEN 'The edit is in force from ' || edit.valid_from || ' on, not on that day.'
            ELSE 'The edit was in force until ' || edit.valid_to || ', not on that day.'
        END AS why_not
    FROM listed AS edit
    CROSS JOIN asked
),
counted AS (
    SELECT
        count(*) AS edits,
        count(*) FILTER (WHERE edit.is_in_force) AS edits_in_force,
        count(DISTINCT edit.column_one_code || edit.modifier_indicator) FILTER (WHERE edit.is_in_force) AS answers,
        coalesce(bool_or(edit.is_ever_in_force), false) AS is_any_dated
    FROM placed AS edit
),
chosen AS (
    SELECT edit.*
    FROM placed AS edit
    CROSS JOIN asked
    ORDER BY
        edit.is_in_force DESC,
        edit.is_ever_in_force DESC,
        edit.valid_from <= asked.asked_date DESC,
        abs(edit.valid_from - asked.asked_date),
        edit.edit_number DESC,
        edit.column_one_code
    LIMIT 1
),
verdict AS (
    SELECT
        asked.asked_date,
        loaded.*,
        chosen.* EXCLUDE (setting, known_from, is_ever_in_force, is_prior_to_1996, edit_number, is_in_force, why_not),
        CASE
            WHEN loaded.first_day IS NULL THEN 'not_published'
            WHEN counted.answers > 1 THEN 'not_published'
            WHEN chosen.is_in_force AND chosen.modifier_indicator = '1' THEN 'allowed_with_documentation'
            WHEN chosen.is_in_force THEN 'not_allowed'
            WHEN counted.edits > 0 AND (asked.asked_date >= loaded.first_day OR NOT counted.is_any_dated) THEN 'not_applicable'
            ELSE 'not_published'
        END AS disposition,
        CASE
            WHEN loaded.first_day IS NULL THEN 'No release of the pairs of this setting is loaded.'
            WHEN counted.answers > 1
                THEN 'The table lists ' || counted.edits_in_force || ' edits of the pair in force on that day, and they differ.'
            WHEN chosen.is_in_force AND chosen.modifier_indicator = '1'
                THEN 'Indicator 1: an NCCI-associated modifier bypasses the edit where clinically justified.'
            WHEN chosen.is_in_force THEN 'Indicator 0: no modifier bypasses the edit.'
            WHEN counted.edits > 0 AND (asked.asked_date >= loaded.first_day OR NOT counted.is_any_dated) THEN chosen.why_not
            WHEN asked.asked_date < loaded.first_day
                THEN 'The oldest NCCI release here starts on ' || loaded.first_day || ' and lists no edit of the pair that covers that day.'
            ELSE 'No edit of this pair is published; that does not say that both codes are paid.'
        END AS reason
    FROM asked
    CROSS JOIN loaded
    CROSS JOIN counted
    LEFT JOIN chosen ON true
),
-- Before the day from which a rule lets a modifier stand on either code of a pair, it stood on column two (MLN1783722, CR 11168).
placement AS (
    SELECT rule.modifier, rule.effective_from, rule.rule_id
    FROM modifier_rule AS rule
    WHERE rule.payer_id = 'medicare' AND rule.rule_id = 'medicare.ncci.' || rule.modifier
),
associated AS (
    SELECT
        known.*,
        asked.asked_date BETWEEN known.valid_from AND coalesce(known.valid_to, DATE '9999-12-31') AS is_valid,
        row_number() OVER (PARTITION BY known.modifier ORDER BY is_valid DESC, known.valid_from DESC) AS place
    FROM modifier AS known
    CROSS JOIN asked
    WHERE known.is_ncci_associated
),
-- A modifier that Medicare does not take on a code cannot stand there, whatever the pair's indicator says.
taken AS (
    SELECT
        cell.modifier,
        bool_or(cell.disposition = 'not_allowed' AND cell.code = verdict.column_one_code) AS is_refused_on_one,
        bool_or(cell.disposition = 'not_allowed' AND cell.code = verdict.column_two_code) AS is_refused_on_two
    FROM verdict
    JOIN code_payer_modifier AS cell
        ON cell.code IN (verdict.column_one_code, verdict.column_two_code)
        AND cell.component = 'global'
        AND cell.payer_id = 'medicare'
        AND cell.organization_id = 'any'
        AND cell.line_of_business = 'any'
        AND cell.market = 'any'
        AND verdict.asked_date BETWEEN cell.valid_from AND coalesce(cell.valid_to, DATE '9999-12-31')
    GROUP BY cell.modifier
),
answers AS (
    SELECT
        known.modifier,
        verdict.*,
        coalesce(taken.is_refused_on_one, false) AS is_refused_on_one,
        coalesce(taken.is_refused_on_two, false) AS is_refused_on_two,
        verdict.disposition = 'allowed_with_documentation'
            AND is_refused_on_two
            AND (is_refused_on_one OR verdict.asked_date < placement.effective_from) AS is_refused,
        verdict.disposition = 'allowed_with_documentation' AND NOT known.is_valid AS is_no_modifier,
        known.valid_from AS modifier_valid_from,
        known.valid_to AS modifier_valid_to,
        placement.rule_id AS placement_rule_id,
        placement.effective_from AS on_either_from
    FROM verdict
    JOIN associated AS known ON known.place = 1
    LEFT JOIN placement ON placement.modifier = known.modifier
    LEFT JOIN taken ON taken.modifier = known.modifier
)
SELECT
    for_setting AS setting,
    answers.column_one_code,
    answers.column_two_code,
    answers.modifier,
    CASE WHEN answers.is_no_modifier OR answers.is_refused THEN 'not_allowed' ELSE answers.disposition END AS disposition,
    CASE
        WHEN answers.is_no_modifier
            THEN 'The modifier is valid from ' || answers.modifier_valid_from || coalesce(' to ' || answers.modifier_valid_to, '') || ', not on that day.'
        WHEN answers.is_refused THEN 'Medicare does not take the modifier on the code on which it would have to stand.'
        ELSE answers.reason
    END AS reason,
    CASE WHEN answers.disposition IN ('allowed_with_documentation', 'not_allowed') THEN answers.column_two_code END AS denied_code,
    CASE
        WHEN answers.disposition <> 'allowed_with_documentation' OR answers.is_no_modifier OR answers.is_refused THEN 'not_applicable'
        WHEN answers.on_either_from IS NULL THEN 'not_published'
        WHEN answers.asked_date >= answers.on_either_from AND answers.is_refused_on_two THEN 'column_one'
        WHEN answers.asked_date >= answers.on_either_from AND answers.is_refused_on_one THEN 'column_two'
        WHEN answers.asked_date >= answers.on_either_from THEN 'column_one_or_two'
        ELSE 'column_two'
    END AS modifier_stands_on,
    answers.on_either_from,
    answers.placement_rule_id,
    answers.modifier_indicator,
    answers.rationale,
    answers.valid_from,
    answers.valid_to,
    answers.release_id,
    answers.source_file,
    answers.source_row,
    coalesce(answers.asked_date > answers.last_day, false) AS is_stale,
    answers.used AS release_used,
    answers.last_day AS release_last_day
FROM answers
ORDER BY answers.modifier;

COMMENT ON MACRO TABLE ncci_bypass IS 'For two codes on one day, whether each NCCI-associated modifier may bypass the edit between them, which code is denied without it, and on which code the modifier may stand: ncci_bypass(code, code, on_date, for_setting :=). The codes may come in either order.';

CREATE OR REPLACE MACRO units_limit(the_code, on_date := current_date, for_setting := 'practitioner') AS TABLE
WITH asked AS (SELECT the_code AS asked_code, for_setting AS asked_setting, CAST(on_date AS DATE) AS asked_date),
loaded AS (SELECT held.* FROM ncci_release_at('ncci_mue', for_setting, on_date) AS held)
SELECT
    asked.asked_setting AS setting,
    asked.asked_code AS code,
    CASE WHEN units.code IS NULL THEN 'not_published' ELSE 'published' END AS status,
    units.mue_value,
    coalesce(units.adjudication, 'not_published') AS adjudication,
    units.adjudication_indicator,
    CASE
        WHEN units.adjudication = 'line' THEN 'Counted on each claim line.'
        WHEN units.adjudication = 'day_absolute' THEN 'Counted over the date of service; no appeal lifts it.'
        WHEN units.adjudication = 'day_appealable' THEN 'Counted over the date of service; more may be paid on appeal.'
        WHEN loaded.first_day IS NULL THEN 'No release of the units limits of this setting is loaded.'
        WHEN loaded.used IS NULL THEN 'The oldest release of units limits here starts on ' || loaded.first_day || '.'
        ELSE 'No limit is published; that is not ''no limit'', since CMS keeps some limits confidential.'
    END AS reason,
    units.rationale,
    units.valid_from,
    units.valid_to,
    units.release_id,
    units.source_file,
    units.source_row,
    coalesce(asked.asked_date > loaded.last_day, false) AS is_stale,
    loaded.used AS release_used,
    loaded.last_day AS release_last_day
FROM asked
CROSS JOIN loaded
LEFT JOIN ncci_mue AS units
    ON units.setting = asked.asked_setting
    AND units.code = asked.asked_code
    AND asked.asked_date BETWEEN units.valid_from AND coalesce(units.valid_to, DATE '9999-12-31');

COMMENT ON MACRO TABLE units_limit IS 'The most units of a code on a line or a day (MUE), or one row not_published: units_limit(code, on_date, for_setting :=). The release is the last one that starts on or before the day.';

CREATE OR REPLACE MACRO addon_primaries(the_code, on_date := current_date) AS TABLE
WITH asked AS (SELECT the_code AS asked_code, CAST(on_date AS DATE) AS asked_date),
loaded AS (SELECT held.* FROM ncci_release_at('ncci_addon', 'any', on_date) AS held)
SELECT
    asked.asked_code AS addon_code,
    edit.primary_code,
    coalesce(edit.primary_kind, 'not_published') AS primary_kind,
    edit.edit_type,
    CASE
        WHEN edit.edit_type = '1' THEN 'Paid only beside one of the listed primary codes.'
        WHEN edit.edit_type = '2' THEN 'Paid only beside a primary code that the contractor chooses.'
        WHEN edit.edit_type = '3' THEN 'Paid beside a listed primary code or one that the contractor adds.'
        WHEN loaded.first_day IS NULL THEN 'No release of add-on codes is loaded.'
        WHEN asked.asked_date < loaded.first_day
            THEN 'The oldest release of add-on codes here starts on ' || loaded.first_day || ' and lists no edit of the code that covers that day.'
        ELSE 'No add-on edit of the code is published for that day.'
    END AS reason,
    edit.special_instruction,
    edit.valid_from,
    edit.valid_to,
    edit.release_id,
    edit.source_file,
    edit.source_row,
    coalesce(asked.asked_date > loaded.last_day, false) AS is_stale,
    loaded.used AS release_used,
    loaded.last_day AS release_last_day
FROM asked
CROSS JOIN loaded
LEFT JOIN ncci_addon AS edit
    ON edit.addon_code = asked.asked_code
    AND edit.is_ever_in_force
    AND asked.asked_date BETWEEN edit.valid_from AND coalesce(edit.valid_to, DATE '9999-12-31')
ORDER BY edit.primary_kind, edit.primary_code;

COMMENT ON MACRO TABLE addon_primaries IS 'The primary codes beside which an add-on code is paid on a day, or that the contractor chooses them, or one row not_published: addon_primaries(code, on_date).';
