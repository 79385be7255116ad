-- Payers, codes, modifiers, places and diagnoses that nobody lists, or not on that day; lines that come twice.

CREATE TEMP TABLE name_finding AS
SELECT
    line.source_row,
    CASE scope.status WHEN 'licensee_open' THEN 'payer.licensee_open' ELSE 'payer.unknown' END AS rule_id,
    'unknown' AS severity,
    'payer' AS column_name,
    line.payer AS value,
    CAST(NULL AS VARCHAR) AS other,
    scope.reason AS detail,
    CAST(NULL AS VARCHAR) AS citation,
    CAST(NULL AS BIGINT) AS related_row,
    false AS is_stale
FROM claim_line AS line
JOIN scope ON scope.scope_id = line.scope_id
WHERE scope.status <> 'resolved';

INSERT INTO name_finding
SELECT
    line.source_row,
    CASE
        WHEN NOT regexp_full_match(line.code, '[0-9]{5}|[0-9]{4}[A-Z]|[A-Z][0-9]{4}') THEN 'code.malformed'
        WHEN listed.is_known THEN 'code.not_in_force'
        ELSE 'code.unknown'
    END AS rule_id,
    CASE
        WHEN rule_id = 'code.malformed' OR listed.is_absence_published THEN 'error'
        ELSE 'unknown'
    END,
    'code',
    line.code,
    NULL,
    CASE
        WHEN listed.listed_until IS NOT NULL THEN 'it was listed until ' || listed.listed_until
            || coalesce(' and is again from ' || listed.listed_from, '') || '.'
        WHEN listed.is_absence_published THEN 'it is listed from ' || listed.listed_from || '.'
        ELSE 'it is listed from ' || listed.listed_from || ', and no release here covers the day.'
    END,
    CASE WHEN rule_id = 'code.not_in_force' THEN listed.source_file END,
    NULL,
    day.is_fee_stale
FROM claim_line AS line
JOIN code_day AS listed ON listed.code = line.code AND listed.judged_on = line.judged_on
JOIN judged_day AS day ON day.judged_on = line.judged_on
WHERE NOT listed.is_listed;

-- CMS publishes every modifier that starts with a letter; those of figures belong to the AMA, whose list is not public. So a
-- letter that CMS does not list is an error on a day that one of its releases covers.
INSERT INTO name_finding
SELECT
    line.source_row,
    CASE
        WHEN NOT regexp_full_match(member.modifier, '[0-9A-Z]{2}') THEN 'modifier.malformed'
        WHEN known.is_known THEN 'modifier.not_in_force'
        ELSE 'modifier.unknown'
    END AS rule_id,
    CASE
        WHEN rule_id <> 'modifier.unknown' THEN 'error'
        WHEN regexp_matches(member.modifier, '^[A-Z]') AND covered.title IS NOT NULL THEN 'error'
        ELSE 'unknown'
    END,
    'modifier_' || member.slot,
    member.modifier,
    NULL,
    known.spans,
    coalesce(known.citation, covered.title),
    NULL,
    false
FROM claim_line AS line
JOIN set_member AS member ON member.set_id = line.set_id
JOIN modifier_day AS known ON known.modifier = member.modifier AND known.judged_on = line.judged_on
LEFT JOIN covered_day AS covered ON covered.source = 'cms_hcpcs' AND covered.judged_on = line.judged_on
WHERE NOT known.is_valid;

-- Lists of places and diagnoses are complete on every day that a release covers; on other days nothing is said.
INSERT INTO name_finding
SELECT line.source_row, 'place_of_service.unknown', 'error', 'place_of_service', line.place_of_service, NULL, NULL, given.title, NULL, false
FROM claim_line AS line
JOIN covered_day AS given ON given.source = 'cms_pos' AND given.judged_on = line.judged_on
WHERE line.place_of_service IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM place_of_service AS place
        WHERE place.place_of_service_code = line.place_of_service
            AND line.judged_on BETWEEN place.valid_from AND coalesce(place.valid_to, DATE '9999-12-31')
    );

INSERT INTO name_finding
SELECT DISTINCT line.source_row, 'diagnosis.unknown', 'error', 'diagnosis', named.code, NULL, NULL, given.title, CAST(NULL AS BIGINT), false
FROM claim_line AS line
CROSS JOIN unnest(string_split_regex(upper(line.diagnosis), '[ ;,|]+')) AS named (code)
JOIN covered_day AS given ON given.source = 'cms_icd10cm' AND given.judged_on = line.judged_on
WHERE line.diagnosis IS NOT NULL
    AND named.code <> ''
    AND NOT EXISTS (
        SELECT 1 FROM diagnosis AS listed
        WHERE replace(listed.diagnosis_code, '.', '') = replace(named.code, '.', '')
            AND line.judged_on BETWEEN listed.valid_from AND coalesce(listed.valid_to, DATE '9999-12-31')
    );

INSERT INTO name_finding
SELECT numbered.source_row, 'line.repeated', 'warning', 'line', numbered.line, numbered.claim, NULL, NULL, numbered.first_row, false
FROM (
    SELECT line.source_row, line.claim, line.line, min(line.source_row) OVER (PARTITION BY line.claim_id, line.line) AS first_row
    FROM claim_line AS line
) AS numbered
WHERE numbered.source_row > numbered.first_row;
