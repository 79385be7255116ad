-- Modifiers of one line that exclude each other, of which one must stand, or that stand in the wrong order. The sets of modifiers
-- are rows of modifier_group. A payer's own set is nearest, then Medicare's, which is only shown beside, then everybody's.

CREATE TEMP TABLE held_group AS
SELECT
    member.group_id, member.group_kind, member.applies_to, member.payer_id, member.organization_id, member.line_of_business,
    member.market, member.effective_from, member.effective_to, member.tier,
    min(member.reason) AS reason,
    min(concat_ws(', ', member.citation_title, member.citation_publisher, member.citation_where)) AS citation
FROM modifier_group AS member
GROUP BY ALL;

CREATE TEMP TABLE group_fit AS
SELECT
    asked.scope_id,
    asked.period_from,
    held.group_id,
    held.group_kind,
    held.applies_to,
    held.payer_id,
    CASE held.payer_id WHEN scope.payer_id THEN 1 WHEN 'medicare' THEN 2 ELSE 3 END AS nearness,
    near.distance,
    CASE
        WHEN held.tier = 'inferred' THEN 'unknown'
        WHEN held.payer_id = scope.payer_id
            THEN CASE WHEN held.tier IN ('cms_indicator', 'cms_manual', 'payer_policy') THEN 'error' ELSE 'warning' END
        WHEN held.payer_id = 'any' AND scope.is_medicare AND held.tier IN ('cms_indicator', 'cms_manual') THEN 'error'
        ELSE 'unknown'
    END AS severity,
    held.payer_id = 'medicare' OR (held.payer_id = 'any' AND held.tier IN ('cms_indicator', 'cms_manual')) AS is_medicares,
    held.reason,
    held.citation
FROM (SELECT DISTINCT line.scope_id, line.period_from FROM claim_line AS line) AS asked
JOIN scope ON scope.scope_id = asked.scope_id
JOIN held_group AS held
    ON asked.period_from BETWEEN coalesce(held.effective_from, DATE '1900-01-01') AND coalesce(held.effective_to, DATE '9999-12-31')
    AND (
        held.payer_id IN ('any', 'medicare')
        OR (
            held.payer_id = scope.payer_id
            AND held.line_of_business IN ('any', scope.line_of_business)
            AND held.market IN ('any', scope.market)
        )
    )
    AND (held.payer_id <> 'medicare' OR scope.payer_id IS DISTINCT FROM 'medicare' OR held.line_of_business IN ('any', scope.line_of_business))
JOIN organization_ancestor AS near
    ON near.organization_id = CASE WHEN held.payer_id = scope.payer_id THEN scope.organization_id ELSE 'any' END
    AND near.ancestor_id = held.organization_id;

CREATE TEMP TABLE combination AS
SELECT DISTINCT line.scope_id, line.period_from, line.set_id FROM claim_line AS line;

-- Sets of modifiers with two or more members of a group that allows one.
CREATE TEMP TABLE excluded AS
SELECT
    asked.scope_id,
    asked.period_from,
    asked.set_id,
    present.members,
    present.is_performer,
    fit.group_id,
    fit.severity,
    fit.is_medicares,
    fit.reason,
    fit.citation
FROM combination AS asked
JOIN (
    SELECT
        member.set_id,
        held.group_id,
        string_agg(DISTINCT member.modifier, ' ' ORDER BY member.modifier) AS members,
        bool_and(named.category = 'anesthesia_performer') AS is_performer
    FROM set_member AS member
    JOIN modifier_group AS held ON held.modifier = member.modifier AND held.group_kind = 'exclusive' AND held.applies_to <> 'claim'
    LEFT JOIN (
        SELECT known.modifier, min(known.category) AS category FROM modifier AS known GROUP BY known.modifier
    ) AS named ON named.modifier = member.modifier
    GROUP BY member.set_id, held.group_id
    HAVING count(DISTINCT member.modifier) > 1
) AS present ON present.set_id = asked.set_id
JOIN group_fit AS fit
    ON fit.scope_id = asked.scope_id AND fit.period_from = asked.period_from AND fit.group_id = present.group_id
QUALIFY row_number() OVER (
    PARTITION BY asked.scope_id, asked.period_from, asked.set_id, present.members ORDER BY fit.nearness, fit.distance, fit.group_id
) = 1;

CREATE TEMP TABLE combination_finding AS
SELECT
    line.source_row,
    CASE WHEN excluded.is_performer THEN 'anesthesia.two_performers' ELSE 'modifiers.exclusive' END AS rule_id,
    excluded.severity,
    'modifiers' AS column_name,
    excluded.members AS value,
    CAST(NULL AS VARCHAR) AS other,
    excluded.reason AS detail,
    CASE WHEN excluded.is_medicares THEN 'not_allowed' ELSE 'not_published' END AS medicare_disposition,
    excluded.group_id AS answer_rule_id,
    excluded.citation,
    CAST(NULL AS BIGINT) AS related_row
FROM claim_line AS line
JOIN excluded
    ON excluded.scope_id = line.scope_id AND excluded.period_from = line.period_from AND excluded.set_id = line.set_id;

-- A pair in the order of the line is judged by the nearest group that holds both.
INSERT INTO combination_finding
SELECT
    line.source_row,
    'modifiers.position',
    pair.severity,
    'modifiers',
    pair.first_modifier,
    pair.second_modifier,
    pair.reason,
    CASE WHEN pair.is_medicares THEN 'not_allowed' ELSE 'not_published' END,
    pair.group_id,
    pair.citation,
    NULL
FROM claim_line AS line
JOIN (
    SELECT
        asked.scope_id, asked.period_from, asked.set_id, fit.group_id, fit.severity, fit.is_medicares, fit.reason, fit.citation,
        one.modifier AS first_modifier,
        two.modifier AS second_modifier,
        first_place.position > second_place.position AS is_violated
    FROM combination AS asked
    JOIN set_member AS one ON one.set_id = asked.set_id
    JOIN set_member AS two ON two.set_id = asked.set_id AND two.slot > one.slot
    JOIN modifier_group AS first_place ON first_place.group_kind = 'position' AND first_place.modifier = one.modifier
    JOIN modifier_group AS second_place
        ON second_place.group_id = first_place.group_id AND second_place.modifier = two.modifier
    JOIN group_fit AS fit
        ON fit.scope_id = asked.scope_id AND fit.period_from = asked.period_from AND fit.group_id = first_place.group_id
    QUALIFY row_number() OVER (
        PARTITION BY asked.scope_id, asked.period_from, asked.set_id, one.slot, two.slot
        ORDER BY fit.nearness, fit.distance, fit.group_id
    ) = 1
) AS pair
    ON pair.scope_id = line.scope_id AND pair.period_from = line.period_from AND pair.set_id = line.set_id AND pair.is_violated;

-- Codes that need one of a group are those on which the group's payer answers `required` for its members.
INSERT INTO combination_finding
SELECT
    line.source_row,
    'anesthesia.no_performer',
    fit.severity,
    'modifiers',
    needed.members,
    NULL,
    fit.reason,
    CASE WHEN fit.is_medicares THEN 'required' ELSE 'not_published' END,
    fit.group_id,
    fit.citation,
    NULL
FROM claim_line AS line
JOIN code_day AS listed ON listed.code = line.code AND listed.judged_on = line.judged_on AND listed.is_listed
JOIN code_rows AS rows_of_code ON rows_of_code.code = line.code AND rows_of_code.period_from = line.period_from
JOIN code_set AS coded ON coded.code = line.code AND coded.component = rows_of_code.default_component
JOIN (
    SELECT
        used.period_from,
        held.group_id,
        cell.answer_set_id,
        string_agg(DISTINCT held.modifier, ' ' ORDER BY held.modifier) AS members
    FROM modifier_group AS held
    JOIN answer AS cell
        ON cell.payer_id = held.payer_id AND cell.modifier = held.modifier AND cell.disposition = 'required' AND cell.market = 'any'
    JOIN (SELECT DISTINCT given.period_from FROM claim_line AS given) AS used
        ON used.period_from BETWEEN cell.valid_from AND coalesce(cell.valid_to, DATE '9999-12-31')
    WHERE held.group_kind = 'required_one_of'
    GROUP BY used.period_from, held.group_id, cell.answer_set_id
) AS needed ON needed.answer_set_id = coded.answer_set_id AND needed.period_from = line.period_from
JOIN group_fit AS fit
    ON fit.scope_id = line.scope_id AND fit.period_from = line.period_from AND fit.group_id = needed.group_id
WHERE NOT EXISTS (
    SELECT 1
    FROM set_member AS member
    JOIN modifier_group AS held ON held.group_id = needed.group_id AND held.modifier = member.modifier
    WHERE member.set_id = line.set_id
)
QUALIFY row_number() OVER (PARTITION BY line.source_row ORDER BY fit.nearness, fit.distance, fit.group_id) = 1;

-- Members of a group that is counted over the claim, on lines of one code: said on the last of them.
INSERT INTO combination_finding
SELECT
    spread.source_row,
    'modifiers.exclusive_on_claim',
    fit.severity,
    'modifiers',
    spread.members,
    NULL,
    fit.reason,
    CASE WHEN fit.is_medicares THEN 'not_allowed' ELSE 'not_published' END,
    fit.group_id,
    fit.citation,
    nullif(spread.first_row, spread.source_row)
FROM (
    SELECT
        held.group_id,
        max(line.source_row) AS source_row,
        min(line.source_row) AS first_row,
        max_by(line.scope_id, line.source_row) AS scope_id,
        max_by(line.period_from, line.source_row) AS period_from,
        string_agg(DISTINCT held.modifier, ' ' ORDER BY held.modifier) AS members
    FROM modifier_group AS held
    JOIN set_member AS member ON member.modifier = held.modifier
    JOIN claim_line AS line ON line.set_id = member.set_id
    WHERE held.group_kind = 'exclusive' AND held.applies_to = 'claim'
    GROUP BY held.group_id, line.claim_id, line.code
    HAVING count(DISTINCT held.modifier) > 1
) AS spread
JOIN group_fit AS fit
    ON fit.scope_id = spread.scope_id AND fit.period_from = spread.period_from AND fit.group_id = spread.group_id;
