-- Modifiers of one line that exclude each other, of which one must stand, or that stand in the wrong order. The sets of modifiers
-- are rows of modifier_group. A payer's own set is nearest, then Medicare's, which is only shown beside, then everybody's.

CREATE TEMP TABLE held_group AS
SELECT
    member.group_id, member.group_kind, member.applies_to, member.payer_id, member.organization_id, member.line_of_business,
    member.market, member.tier,
    coalesce(member.effective_from, DATE '1900-01-01') AS effective_from,
    coalesce(member.effective_to, DATE '9999-12-31') AS effective_to,
    min(member.reason) AS reason,
    min(concat_ws(', ', member.citation_title, member.citation_publisher, member.citation_where)) AS citation
FROM modifier_group AS member
GROUP BY ALL;

CREATE TEMP TABLE group_fit AS
SELECT
    scope.scope_id,
    held.group_id,
    held.group_kind,
    held.effective_from,
    held.effective_to,
    CASE held.payer_id WHEN scope.payer_id THEN 1 WHEN 'medicare' THEN 2 ELSE 3 END AS nearness,
    near.distance,
    CASE
        WHEN held.tier = 'inferred' THEN 'unknown'
        WHEN held.payer_id = scope.payer_id
            THEN CASE WHEN held.tier IN ('cms_indicator', 'cms_manual', 'payer_policy') THEN 'error' ELSE 'warning' END
        WHEN held.payer_id = 'any' AND scope.is_medicare AND held.tier IN ('cms_indicator', 'cms_manual') THEN 'error'
        ELSE 'unknown'
    END AS severity,
    held.payer_id = 'medicare' OR (held.payer_id = 'any' AND held.tier IN ('cms_indicator', 'cms_manual')) AS is_medicares
FROM scope
JOIN held_group AS held
    ON held.payer_id IN ('any', 'medicare')
    OR (
        held.payer_id = scope.payer_id
        AND held.line_of_business IN ('any', scope.line_of_business)
        AND held.market IN ('any', scope.market)
    )
JOIN organization_ancestor AS near
    ON near.organization_id = CASE WHEN held.payer_id = scope.payer_id THEN scope.organization_id ELSE 'any' END
    AND near.ancestor_id = held.organization_id
WHERE held.payer_id <> 'medicare'
    OR scope.payer_id IS DISTINCT FROM 'medicare'
    OR held.line_of_business IN ('any', scope.line_of_business);

-- Sets of modifiers with two or more members of a group that allows one.
CREATE TEMP TABLE excluded AS
SELECT
    member.set_id,
    held.group_id,
    string_agg(DISTINCT member.modifier, ' ' ORDER BY member.modifier) AS members,
    bool_and(coalesce(named.category, '') = 'anesthesia_performer') AS is_performer
FROM set_member AS member
JOIN modifier_group AS held ON held.modifier = member.modifier AND held.group_kind = 'exclusive' AND held.applies_to <> 'claim'
LEFT JOIN (
    SELECT known.modifier, min(known.category) AS category FROM modifier AS known GROUP BY known.modifier
) AS named ON named.modifier = member.modifier
WHERE member.set_id IN (SELECT several.set_id FROM set_member AS several GROUP BY several.set_id HAVING count(*) > 1)
GROUP BY member.set_id, held.group_id
HAVING count(DISTINCT member.modifier) > 1;

CREATE TEMP TABLE combination_finding AS
SELECT
    line.source_row,
    CASE WHEN excluded.is_performer THEN 'anesthesia.two_performers' ELSE 'modifiers.exclusive' END AS rule_id,
    fit.severity,
    excluded.members AS value,
    CAST(NULL AS VARCHAR) AS other,
    CASE WHEN fit.is_medicares THEN 'not_allowed' ELSE 'not_published' END AS medicare_disposition,
    fit.group_id,
    CAST(NULL AS BIGINT) AS related_row
FROM claim_line AS line
JOIN excluded ON excluded.set_id = line.set_id
JOIN group_fit AS fit
    ON fit.scope_id = line.scope_id
    AND fit.group_id = excluded.group_id
    AND line.judged_on BETWEEN fit.effective_from AND fit.effective_to
QUALIFY row_number() OVER (
    PARTITION BY line.source_row, excluded.members ORDER BY fit.nearness, fit.distance, fit.group_id
) = 1;

-- Two modifiers in the order of the set, of a group that gives both a place; judged by the nearest such group.
CREATE TEMP TABLE placed_pair AS
SELECT
    one.set_id,
    one.slot AS first_slot,
    two.slot AS second_slot,
    one.modifier AS first_modifier,
    two.modifier AS second_modifier,
    first_place.group_id,
    first_place.position > second_place.position AS is_violated
FROM set_member AS one
JOIN set_member AS two ON two.set_id = one.set_id AND two.slot > one.slot
JOIN modifier_group AS first_place ON first_place.group_kind = 'position' AND first_place.modifier = one.modifier
JOIN modifier_group AS second_place
    ON second_place.group_id = first_place.group_id AND second_place.modifier = two.modifier;

INSERT INTO combination_finding
SELECT
    judged.source_row,
    'modifiers.position',
    judged.severity,
    judged.first_modifier,
    judged.second_modifier,
    CASE WHEN judged.is_medicares THEN 'not_allowed' ELSE 'not_published' END,
    judged.group_id,
    NULL
FROM (
    SELECT line.source_row, pair.*, fit.severity, fit.is_medicares
    FROM claim_line AS line
    JOIN placed_pair AS pair ON pair.set_id = line.set_id
    JOIN group_fit AS fit
        ON fit.scope_id = line.scope_id
        AND fit.group_id = pair.group_id
        AND line.judged_on BETWEEN fit.effective_from AND fit.effective_to
    WHERE pair.set_id IN (SELECT violated.set_id FROM placed_pair AS violated WHERE violated.is_violated)
    QUALIFY row_number() OVER (
        PARTITION BY line.source_row, pair.first_slot, pair.second_slot ORDER BY fit.nearness, fit.distance, fit.group_id
    ) = 1
) AS judged
WHERE judged.is_violated;

-- Codes that need one of a group are those on which the group's payer answers `required` for its members.
CREATE TEMP TABLE needed AS
SELECT
    used.period_from,
    held.group_id,
    coded.code,
    coded.component,
    string_agg(DISTINCT held.modifier, ' ' ORDER BY held.modifier) AS members
FROM modifier_group AS held
JOIN answer AS cell
    ON cell.payer_id = held.payer_id AND cell.modifier = held.modifier AND cell.disposition = 'required' AND cell.market = 'any'
JOIN (SELECT DISTINCT day.period_from FROM judged_day AS day) AS used
    ON used.period_from BETWEEN cell.valid_from AND coalesce(cell.valid_to, DATE '9999-12-31')
JOIN code_answer_set AS coded ON coded.answer_set_id = cell.answer_set_id
WHERE held.group_kind = 'required_one_of'
GROUP BY used.period_from, held.group_id, coded.code, coded.component
HAVING coded.component = coalesce(
    (
        SELECT min_by(profile.component, list_position(['global', '26', 'TC', '53'], profile.component))
        FROM code_profile AS profile
        WHERE profile.code = coded.code
            AND used.period_from BETWEEN profile.valid_from AND coalesce(profile.valid_to, DATE '9999-12-31')
    ),
    'global'
);

INSERT INTO combination_finding
SELECT
    line.source_row,
    'anesthesia.no_performer',
    fit.severity,
    needed.members,
    NULL,
    CASE WHEN fit.is_medicares THEN 'required' ELSE 'not_published' END,
    fit.group_id,
    NULL
FROM claim_line AS line
SEMI JOIN answerable_span AS listed
    ON listed.code = line.code AND line.judged_on BETWEEN listed.valid_from AND listed.valid_to
JOIN needed ON needed.code = line.code AND needed.period_from = line.period_from
JOIN group_fit AS fit
    ON fit.scope_id = line.scope_id
    AND fit.group_id = needed.group_id
    AND line.judged_on BETWEEN fit.effective_from AND fit.effective_to
ANTI JOIN (
    SELECT member.set_id, held.group_id
    FROM set_member AS member
    JOIN modifier_group AS held ON held.modifier = member.modifier AND held.group_kind = 'required_one_of'
) AS present ON present.set_id = line.set_id AND present.group_id = needed.group_id
QUALIFY row_number() OVER (PARTITION BY line.source_row ORDER BY fit.nearness, fit.distance, fit.group_id) = 1;

-- Members of a group that is counted over the claim, on lines of one code: said on the last of them.
INSERT INTO combination_finding
SELECT
    spread.source_row,
    'modifiers.exclusive_on_claim',
    fit.severity,
    spread.members,
    NULL,
    CASE WHEN fit.is_medicares THEN 'not_allowed' ELSE 'not_published' END,
    fit.group_id,
    nullif(spread.first_row, spread.source_row)
FROM (
    SELECT
        held.group_id,
        max(line.source_row) AS source_row,
        min(line.source_row) AS first_row,
        max_by(line.scope_id, line.source_row) AS scope_id,
        max_by(line.judged_on, line.source_row) AS judged_on,
        string_agg(DISTINCT held.modifier, ' ' ORDER BY held.modifier) AS members
    FROM modifier_group AS held
    JOIN set_member AS member ON member.modifier = held.modifier
    JOIN claim_line AS line ON line.set_id = member.set_id
    WHERE held.group_kind = 'exclusive' AND held.applies_to = 'claim'
    GROUP BY held.group_id, line.claim_id, line.code
    HAVING count(DISTINCT held.modifier) > 1
) AS spread
JOIN group_fit AS fit
    ON fit.scope_id = spread.scope_id
    AND fit.group_id = spread.group_id
    AND spread.judged_on BETWEEN fit.effective_from AND fit.effective_to;
