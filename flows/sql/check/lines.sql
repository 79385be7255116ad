-- What every family of checks asks: lines with the period of the answers that hold on their day, and with their sets of modifiers.
-- Given: given_line, given_scope, given_name (from the claim file). No answer changes within a period, so its first day stands for
-- it. Tables of lines hold numbers, days and short codes; texts are joined when a finding is told.

CREATE TEMP TABLE period AS
SELECT DISTINCT starts.day AS period_from
FROM (
    SELECT DATE '1900-01-01' AS day
    UNION ALL SELECT cell.valid_from FROM answer AS cell
    UNION ALL SELECT CAST(cell.valid_to + 1 AS DATE) FROM answer AS cell
    UNION ALL SELECT profile.valid_from FROM code_profile AS profile
    UNION ALL SELECT CAST(profile.valid_to + 1 AS DATE) FROM code_profile AS profile
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

-- Where no payer is meant, `unpublished` is null, and finding_text says so with the name.
CREATE TEMP TABLE scope AS
SELECT
    given.scope_id,
    given.payer_id,
    given.organization_id,
    coalesce(given.line_of_business, insurer.default_line_of_business, 'any') AS line_of_business,
    given.market,
    coalesce(given.payer_id = 'medicare', false) AS is_medicare,
    CASE
        WHEN is_medicare THEN 'No rule of Medicare says so in words; what is cited is the basis.'
        ELSE 'No published rule of ' || insurer.payer_name || ' about it is known here.'
    END AS unpublished,
    CASE WHEN is_medicare THEN '' ELSE ' Medicare''s answer is shown beside.' END AS beside
FROM given_scope AS given
LEFT JOIN payer AS insurer ON insurer.payer_id = given.payer_id;

-- The newest release of a source that covers a day: its list is complete on that day.
CREATE TEMP TABLE covered_day AS
SELECT day.judged_on, listed.source, max_by(listed.title, (listed.valid_from, listed.release_id)) AS title
FROM judged_day AS day
JOIN release AS listed ON day.judged_on BETWEEN listed.valid_from AND coalesce(listed.valid_to, DATE '9999-12-31')
GROUP BY day.judged_on, listed.source;

CREATE TEMP TABLE modifier_set AS
SELECT
    row_number() OVER (ORDER BY sets.modifier_1, sets.modifier_2, sets.modifier_3, sets.modifier_4) AS set_id,
    sets.*
FROM (
    SELECT DISTINCT line.modifier_1, line.modifier_2, line.modifier_3, line.modifier_4
    FROM given_line AS line
    WHERE coalesce(line.modifier_1, line.modifier_2, line.modifier_3, line.modifier_4) IS NOT NULL
) AS sets;

-- A modifier that stands several times is judged once, where it stands first; an empty place between two is none.
CREATE TEMP TABLE set_member AS
SELECT
    placed.set_id,
    min(placed.slot) AS slot,
    placed.modifier,
    list_sort(list(placed.slot))[2] AS repeated_slot
FROM (
    SELECT sets.set_id, 1 AS slot, sets.modifier_1 AS modifier FROM modifier_set AS sets
    UNION ALL SELECT sets.set_id, 2, sets.modifier_2 FROM modifier_set AS sets
    UNION ALL SELECT sets.set_id, 3, sets.modifier_3 FROM modifier_set AS sets
    UNION ALL SELECT sets.set_id, 4, sets.modifier_4 FROM modifier_set AS sets
) AS placed
WHERE placed.modifier IS NOT NULL
GROUP BY placed.set_id, placed.modifier;

-- A line without modifiers has no set.
CREATE TEMP TABLE claim_line AS
SELECT
    line.source_row,
    line.claim_id,
    line.scope_id,
    line.code,
    line.units,
    line.service_date,
    line.judged_on,
    day.period_from,
    sets.set_id
FROM given_line AS line
JOIN judged_day AS day ON day.judged_on = line.judged_on
LEFT JOIN modifier_set AS sets
    ON sets.modifier_1 IS NOT DISTINCT FROM line.modifier_1
    AND sets.modifier_2 IS NOT DISTINCT FROM line.modifier_2
    AND sets.modifier_3 IS NOT DISTINCT FROM line.modifier_3
    AND sets.modifier_4 IS NOT DISTINCT FROM line.modifier_4;

-- Claims of which some lines were judged and others refused. What looks at the lines of a claim together sees the judged ones alone.
CREATE TEMP TABLE partly_read AS
SELECT DISTINCT line.claim_id
FROM given_line AS line
SEMI JOIN refused_line AS refused ON refused.claim = line.claim;

-- Codes and modifiers with the days on which they are in force.
CREATE TEMP TABLE code_span AS
SELECT listed.code, listed.valid_from, coalesce(listed.valid_to, DATE '9999-12-31') AS valid_to FROM code AS listed;

-- Days on which rules answer for a code: also before the first release that lists it, where a dated rule of a payer may answer.
CREATE TEMP TABLE answerable_span AS
SELECT
    listed.code,
    CASE
        WHEN listed.valid_from > min(listed.valid_from) OVER (PARTITION BY listed.code) THEN listed.valid_from
        ELSE DATE '0001-01-01'
    END AS valid_from,
    listed.valid_to
FROM code_span AS listed;

CREATE TEMP TABLE modifier_span AS
SELECT known.modifier, known.valid_from, coalesce(known.valid_to, DATE '9999-12-31') AS valid_to, known.is_ncci_associated
FROM modifier AS known;

CREATE TEMP TABLE line_member AS
SELECT line.source_row, line.scope_id, line.code, line.judged_on, line.period_from, line.set_id, member.slot, member.modifier
FROM claim_line AS line
JOIN set_member AS member ON member.set_id = line.set_id;

-- Rows that the fee schedule has of a code in a period. Indicators differ by row, so a line with 26 is asked as its row 26.
CREATE TEMP TABLE code_rows AS
WITH used AS (SELECT DISTINCT asked.code, asked.period_from FROM line_member AS asked)
SELECT
    used.code,
    used.period_from,
    list(profile.component) AS components,
    min_by(profile.component, list_position(['global', '26', 'TC', '53'], profile.component)) AS default_component
FROM used
JOIN code_profile AS profile
    ON profile.code = used.code
    AND used.period_from BETWEEN profile.valid_from AND coalesce(profile.valid_to, DATE '9999-12-31')
GROUP BY used.code, used.period_from;
