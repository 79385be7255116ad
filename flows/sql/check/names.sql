-- Payers, codes, modifiers, places and diagnoses that nobody lists, or not on that day; lines and modifiers that come twice.

CREATE TEMP TABLE name_finding AS
SELECT
    line.source_row,
    CASE name.status WHEN 'licensee_open' THEN 'payer.licensee_open' ELSE 'payer.unknown' END AS rule_id,
    'unknown' AS severity,
    'payer' AS column_name,
    line.payer AS value,
    CAST(NULL AS VARCHAR) AS other,
    name.reason AS detail,
    CAST(NULL AS VARCHAR) AS citation,
    CAST(NULL AS BIGINT) AS related_row,
    false AS is_stale
FROM given_line AS line
JOIN given_name AS name ON name.name_id = line.name_id;

CREATE TEMP TABLE unlisted_line AS
SELECT line.source_row, line.code, line.judged_on
FROM claim_line AS line
ANTI JOIN code_span AS listed ON listed.code = line.code AND line.judged_on BETWEEN listed.valid_from AND listed.valid_to;

-- Published is an absence after the last listing, on a day that a release of a source that lists the code covers, or before the
-- day on which CMS added it.
CREATE TEMP TABLE unlisted_code AS
WITH used AS (SELECT DISTINCT line.code, line.judged_on FROM unlisted_line AS line),
spans AS (
    SELECT
        used.code,
        used.judged_on,
        count(listed.code) > 0 AS is_known,
        max_by(listed.source_file, listed.valid_from) AS source_file,
        max(listed.valid_to) FILTER (WHERE listed.valid_to < used.judged_on) AS listed_until,
        min(listed.valid_from) FILTER (WHERE listed.valid_from > used.judged_on) AS listed_from
    FROM used
    LEFT JOIN code AS listed ON listed.code = used.code
    GROUP BY used.code, used.judged_on
)
SELECT
    spans.*,
    spans.is_known AND (
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
        WHEN rule_id = 'code.malformed' THEN advised('code', line.code)
        WHEN listed.listed_until IS NOT NULL THEN 'it was listed until ' || listed.listed_until
            || coalesce(' and is again from ' || listed.listed_from, '') || '.'
        WHEN listed.is_absence_published THEN 'it is listed from ' || listed.listed_from || '.'
        ELSE 'it is listed from ' || listed.listed_from || ', and no release here covers the day.'
    END,
    CASE WHEN rule_id = 'code.not_in_force' THEN listed.source_file END,
    NULL,
    day.is_fee_stale
FROM unlisted_line AS line
JOIN unlisted_code AS listed ON listed.code = line.code AND listed.judged_on = line.judged_on
JOIN judged_day AS day ON day.judged_on = line.judged_on;

-- CMS publishes every modifier that starts with a letter; those of figures belong to the AMA, whose list is not public. So a
-- letter that CMS does not list is an error on a day that one of its releases covers.
INSERT INTO name_finding
SELECT
    line.source_row,
    CASE
        WHEN NOT regexp_full_match(line.modifier, '[0-9A-Z]{2}') THEN 'modifier.malformed'
        WHEN known.modifier IS NOT NULL THEN 'modifier.not_in_force'
        ELSE 'modifier.unknown'
    END AS rule_id,
    CASE
        WHEN rule_id <> 'modifier.unknown' THEN 'error'
        WHEN regexp_matches(line.modifier, '^[A-Z]') AND covered.title IS NOT NULL THEN 'error'
        ELSE 'unknown'
    END,
    'modifier_' || line.slot,
    line.modifier,
    NULL,
    CASE WHEN rule_id = 'modifier.malformed' THEN advised('modifier', line.modifier) ELSE known.spans END,
    coalesce(known.citation, covered.title),
    NULL,
    false
FROM line_member AS line
ANTI JOIN modifier_span AS valid
    ON valid.modifier = line.modifier AND line.judged_on BETWEEN valid.valid_from AND valid.valid_to
LEFT JOIN (
    SELECT
        listed.modifier,
        string_agg(
            'valid from ' || listed.valid_from || coalesce(' to ' || listed.valid_to, ''), ', ' ORDER BY listed.valid_from
        ) AS spans,
        min_by(
            concat_ws(', ', listed.citation_title, listed.citation_publisher, listed.citation_where), listed.valid_from
        ) AS citation
    FROM modifier AS listed
    GROUP BY listed.modifier
) AS known ON known.modifier = line.modifier
LEFT JOIN covered_day AS covered ON covered.source = 'cms_hcpcs' AND covered.judged_on = line.judged_on;

-- Lists of places and diagnoses are complete on every day that a release covers; on other days nothing is said.
INSERT INTO name_finding
SELECT
    line.source_row, 'place_of_service.unknown', 'error', 'place_of_service', line.place_of_service, NULL,
    advised('place_of_service', line.place_of_service), given.title, NULL, false
FROM given_line AS line
JOIN covered_day AS given ON given.source = 'cms_pos' AND given.judged_on = line.judged_on
ANTI JOIN place_of_service AS place
    ON place.place_of_service_code = line.place_of_service
    AND line.judged_on BETWEEN place.valid_from AND coalesce(place.valid_to, DATE '9999-12-31')
WHERE line.place_of_service IS NOT NULL;

INSERT INTO name_finding
SELECT DISTINCT
    named.source_row, 'diagnosis.unknown', 'error', 'diagnosis', named.code, NULL, NULL, named.title, CAST(NULL AS BIGINT), false
FROM (
    SELECT line.source_row, line.judged_on, given.title, unnest(string_split_regex(upper(line.diagnosis), '[ ;,|]+')) AS code
    FROM given_line AS line
    JOIN covered_day AS given ON given.source = 'cms_icd10cm' AND given.judged_on = line.judged_on
    WHERE line.diagnosis IS NOT NULL
) AS named
ANTI JOIN (
    SELECT replace(dated.diagnosis_code, '.', '') AS undotted, dated.valid_from, coalesce(dated.valid_to, DATE '9999-12-31') AS valid_to
    FROM diagnosis AS dated
) AS listed
    ON listed.undotted = replace(named.code, '.', '') AND named.judged_on BETWEEN listed.valid_from AND listed.valid_to
WHERE named.code <> '';

INSERT INTO name_finding
SELECT line.source_row, 'line.repeated', 'warning', 'line', line.line, line.claim, NULL, NULL, numbered.first_row, false
FROM (
    SELECT given.claim_id, given.line, min(given.source_row) AS first_row
    FROM given_line AS given
    GROUP BY given.claim_id, given.line
    HAVING count(*) > 1
) AS numbered
JOIN given_line AS line
    ON line.claim_id = numbered.claim_id AND line.line = numbered.line AND line.source_row > numbered.first_row;

-- Nobody published what a repeated modifier means in general, so it is no error.
INSERT INTO name_finding
SELECT line.source_row, 'modifiers.repeated', 'warning', 'modifier_' || member.repeated_slot, member.modifier, NULL, NULL, NULL, NULL, false
FROM claim_line AS line
JOIN set_member AS member ON member.set_id = line.set_id
WHERE member.repeated_slot IS NOT NULL;
