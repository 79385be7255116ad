-- What every family of checks asks: lines with the period of the rules that answer their day, sets of modifiers, rows of codes.
-- Given: given_line, given_scope (from the claim file). Nothing changes within a period, so a period's first day stands for it.

CREATE TEMP TABLE period AS
SELECT DISTINCT starts.day AS period_from
FROM (
    SELECT DATE '1900-01-01' AS day
    UNION ALL SELECT edit.valid_from FROM ncci_addon AS edit
    UNION ALL SELECT CAST(edit.valid_to + 1 AS DATE) FROM ncci_addon AS edit
    UNION ALL SELECT cell.valid_from FROM answer AS cell
    UNION ALL SELECT CAST(cell.valid_to + 1 AS DATE) FROM answer AS cell
    UNION ALL SELECT profile.valid_from FROM code_profile AS profile
    UNION ALL SELECT CAST(profile.valid_to + 1 AS DATE) FROM code_profile AS profile
    UNION ALL SELECT member.effective_from FROM modifier_group AS member
    UNION ALL SELECT CAST(member.effective_to + 1 AS DATE) FROM modifier_group AS member
) AS starts
WHERE starts.day IS NOT NULL;

-- A day after the last day of the release in use is answered from that release, and findings say so.
CREATE TEMP TABLE judged_day AS
WITH days AS (SELECT DISTINCT line.judged_on FROM given_line AS line),
fee AS (SELECT DISTINCT listed.valid_from, listed.valid_to FROM pfs_indicator AS listed),
held AS (
    SELECT
        days.judged_on,
        max_by(loaded.valid_to, loaded.valid_from) FILTER (WHERE loaded.table_name = 'ncci_ptp') AS pairs_until,
        max_by(loaded.valid_to, loaded.valid_from) FILTER (WHERE loaded.table_name = 'ncci_mue') AS limits_until,
        max_by(loaded.valid_to, loaded.valid_from) FILTER (WHERE loaded.table_name = 'ncci_addon') AS addons_until
    FROM days
    LEFT JOIN ncci_releases() AS loaded ON loaded.setting IN ('practitioner', 'any') AND loaded.valid_from <= days.judged_on
    GROUP BY days.judged_on
)
SELECT
    days.judged_on,
    (SELECT max(period.period_from) FROM period WHERE period.period_from <= days.judged_on) AS period_from,
    coalesce(
        days.judged_on > (SELECT max_by(fee.valid_to, fee.valid_from) FROM fee WHERE fee.valid_from <= days.judged_on), false
    ) AS is_fee_stale,
    coalesce(days.judged_on > held.pairs_until, false) AS is_pair_stale,
    coalesce(days.judged_on > held.limits_until, false) AS is_limit_stale,
    coalesce(days.judged_on > held.addons_until, false) AS is_addon_stale
FROM days
JOIN held ON held.judged_on = days.judged_on;

CREATE TEMP TABLE scope AS
SELECT
    given.scope_id,
    given.payer_id,
    given.status,
    given.reason,
    given.organization_id,
    coalesce(given.line_of_business, insurer.default_line_of_business, 'any') AS line_of_business,
    given.market,
    coalesce(given.payer_id = 'medicare' AND coalesce(given.line_of_business, 'medicare_ffs') = 'medicare_ffs', false) AS is_medicare,
    CASE
        WHEN insurer.payer_id IS NULL THEN 'Whose rule answers is not known.'
        ELSE 'No published rule of ' || CASE WHEN given.payer_id = 'medicare' AND NOT is_medicare THEN 'the plan' ELSE insurer.payer_name END
            || ' about it is known here.'
    END AS unpublished,
    CASE WHEN is_medicare THEN '' ELSE ' Medicare''s answer stands beside.' END AS beside
FROM given_scope AS given
LEFT JOIN payer AS insurer ON insurer.payer_id = given.payer_id;

CREATE TEMP TABLE modifier_set AS
SELECT
    row_number() OVER (ORDER BY sets.modifier_1, sets.modifier_2, sets.modifier_3, sets.modifier_4) AS set_id,
    sets.*
FROM (SELECT DISTINCT line.modifier_1, line.modifier_2, line.modifier_3, line.modifier_4 FROM given_line AS line) AS sets;

CREATE TEMP TABLE set_member AS
SELECT
    placed.set_id,
    placed.slot,
    placed.modifier
FROM (
    SELECT sets.set_id, 1 AS slot, sets.modifier_1 AS modifier FROM modifier_set AS sets
    UNION ALL SELECT sets.set_id, 2, sets.modifier_2 FROM modifier_set AS sets
    UNION ALL SELECT sets.set_id, 3, sets.modifier_3 FROM modifier_set AS sets
    UNION ALL SELECT sets.set_id, 4, sets.modifier_4 FROM modifier_set AS sets
) AS placed
WHERE placed.modifier IS NOT NULL;

CREATE TEMP TABLE claim_line AS
SELECT
    line.source_row,
    line.claim,
    line.line,
    line.claim_id,
    line.scope_id,
    line.payer,
    line.code,
    line.units,
    line.service_date,
    line.judged_on,
    day.period_from,
    sets.set_id,
    line.place_of_service,
    line.diagnosis
FROM given_line AS line
JOIN judged_day AS day ON day.judged_on = line.judged_on
JOIN modifier_set AS sets
    ON sets.modifier_1 IS NOT DISTINCT FROM line.modifier_1
    AND sets.modifier_2 IS NOT DISTINCT FROM line.modifier_2
    AND sets.modifier_3 IS NOT DISTINCT FROM line.modifier_3
    AND sets.modifier_4 IS NOT DISTINCT FROM line.modifier_4;

-- The newest release of a source that covers a day: its list is complete on that day.
CREATE TEMP TABLE covered_day AS
SELECT day.judged_on, listed.source, max_by(listed.title, (listed.valid_from, listed.release_id)) AS title
FROM judged_day AS day
JOIN release AS listed ON day.judged_on BETWEEN listed.valid_from AND coalesce(listed.valid_to, DATE '9999-12-31')
GROUP BY day.judged_on, listed.source;

-- Rows that the fee schedule has of a code in a period. Indicators differ by row, so a line with 26 is asked as its row 26.
CREATE TEMP TABLE code_rows AS
WITH used AS (SELECT DISTINCT line.code, line.period_from FROM claim_line AS line)
SELECT
    used.code,
    used.period_from,
    list(profile.component) FILTER (WHERE profile.component IS NOT NULL) AS components,
    coalesce(
        min_by(profile.component, list_position(['global', '26', 'TC', '53'], profile.component)), 'global'
    ) AS default_component,
    coalesce(bool_or(fee.global_days_code = 'ZZZ'), false) OR EXISTS (
        SELECT 1
        FROM ncci_addon AS edit
        WHERE edit.addon_code = used.code
            AND edit.is_ever_in_force
            AND used.period_from BETWEEN edit.valid_from AND coalesce(edit.valid_to, DATE '9999-12-31')
    ) AS is_add_on
FROM used
LEFT JOIN code_profile AS profile
    ON profile.code = used.code
    AND used.period_from BETWEEN profile.valid_from AND coalesce(profile.valid_to, DATE '9999-12-31')
LEFT JOIN pfs_indicator AS fee
    ON fee.code = profile.code AND fee.component = profile.component AND fee.release_id = profile.release_id
GROUP BY used.code, used.period_from;

-- Is a code listed on a day? `why` says how it fails to be.
CREATE TEMP TABLE code_day AS
WITH used AS (SELECT DISTINCT line.code, line.judged_on FROM claim_line AS line),
spans AS (
    SELECT
        used.code,
        used.judged_on,
        coalesce(bool_or(used.judged_on BETWEEN listed.valid_from AND coalesce(listed.valid_to, DATE '9999-12-31')), false) AS is_listed,
        count(listed.code) > 0 AS is_known,
        min(listed.section) AS section,
        max_by(listed.source_file, listed.valid_from) AS source_file,
        max(listed.valid_to) FILTER (WHERE listed.valid_to < used.judged_on) AS listed_until,
        min(listed.valid_from) FILTER (WHERE listed.valid_from > used.judged_on) AS listed_from
    FROM used
    LEFT JOIN code AS listed ON listed.code = used.code
    GROUP BY used.code, used.judged_on
)
SELECT
    spans.*,
    NOT spans.is_listed AND spans.is_known AND (
        (spans.listed_until IS NOT NULL AND spans.listed_from IS NULL)
        OR EXISTS (
            SELECT 1
            FROM code_listing AS listing
            JOIN covered_day AS given ON given.source = listing.source AND given.judged_on = spans.judged_on
            WHERE listing.code = spans.code
        )
        OR EXISTS (SELECT 1 FROM hcpcs_code AS dated WHERE dated.code = spans.code AND dated.valid_from > spans.judged_on)
    ) AS is_absence_published
FROM spans;

CREATE TEMP TABLE modifier_day AS
WITH used AS (
    SELECT DISTINCT member.modifier, line.judged_on
    FROM (SELECT DISTINCT given.set_id, given.judged_on FROM claim_line AS given) AS line
    JOIN set_member AS member ON member.set_id = line.set_id
)
SELECT
    used.modifier,
    used.judged_on,
    coalesce(bool_or(used.judged_on BETWEEN known.valid_from AND coalesce(known.valid_to, DATE '9999-12-31')), false) AS is_valid,
    count(known.modifier) > 0 AS is_known,
    coalesce(bool_or(
        known.is_ncci_associated AND used.judged_on BETWEEN known.valid_from AND coalesce(known.valid_to, DATE '9999-12-31')
    ), false) AS is_ncci_associated,
    string_agg(
        'valid from ' || known.valid_from || coalesce(' to ' || known.valid_to, ''), ', ' ORDER BY known.valid_from
    ) AS spans,
    min_by(
        concat_ws(', ', known.citation_title, known.citation_publisher, known.citation_where), known.valid_from
    ) AS citation
FROM used
LEFT JOIN modifier AS known ON known.modifier = used.modifier
GROUP BY used.modifier, used.judged_on;
