CREATE OR REPLACE MACRO asked_market_of(the_payer, the_market, the_organization) AS (
    -- An organization in one state only is asked about there; a question about every payer keeps to what it says.
    CASE
        WHEN upper(the_market) = 'ANY' AND the_payer <> 'any' THEN coalesce(
            (
                SELECT max(scope_owner.markets)
                FROM payer_organization AS scope_owner
                WHERE scope_owner.organization_id = the_organization AND length(scope_owner.markets) = 2
            ),
            'ANY'
        )
        ELSE upper(the_market)
    END
);

CREATE OR REPLACE MACRO asked_line_of(the_payer, the_line, the_organization, the_default) AS (
    -- An organization of one line of business only is asked about that line, everybody else about the payer's default.
    coalesce(
        the_line,
        (
            SELECT max(scope_owner.lines_of_business)
            FROM payer_organization AS scope_owner
            WHERE scope_owner.organization_id = the_organization AND scope_owner.lines_of_business NOT LIKE '% %' AND the_payer <> 'any'
        ),
        the_default
    )
);

CREATE OR REPLACE MACRO no_such_scope(the_payer, the_insurer, the_line, the_market, the_organization) AS (
    -- Why nobody can answer for a scope, in a sentence; null where somebody can. An argument is pasted as it stands, so no table in
    -- here may be called as one of a query that calls.
    SELECT
        CASE
            WHEN scope_owner.organization_id IS NULL AND the_organization <> 'any'
                THEN 'The organization ' || the_organization || ' is not in payer_organization.'
            WHEN the_payer <> 'any' AND scope_owner.payer_id <> scope_insurer.payer_id
                THEN 'The organization ' || scope_owner.organization_id || ' belongs to ' || scope_owner.payer_id || '.'
            WHEN the_payer <> 'any' AND length(scope_owner.markets) = 2 AND upper(the_market) NOT IN ('ANY', scope_owner.markets)
                THEN 'The organization ' || scope_owner.organization_id || ' is in ' || scope_owner.markets || ' only.'
            WHEN upper(the_market) NOT IN (
                'ANY',
                'AK', 'AL', 'AR', 'AS', 'AZ', 'CA', 'CO', 'CT', 'DC', 'DE', 'FL', 'GA', 'GU', 'HI',
                'IA', 'ID', 'IL', 'IN', 'KS', 'KY', 'LA', 'MA', 'MD', 'ME', 'MI', 'MN', 'MO', 'MP',
                'MS', 'MT', 'NC', 'ND', 'NE', 'NH', 'NJ', 'NM', 'NV', 'NY', 'OH', 'OK', 'OR', 'PA',
                'PR', 'RI', 'SC', 'SD', 'TN', 'TX', 'UT', 'VA', 'VI', 'VT', 'WA', 'WI', 'WV', 'WY'
            )
                THEN 'The market ' || the_market || ' is no state: two letters such as TX, or any.'
            WHEN the_line NOT IN ('commercial', 'exchange', 'fep', 'medicaid', 'medicare_advantage', 'medicare_ffs')
                THEN 'The line of business ' || the_line || ' is none of commercial, exchange, fep, medicaid, medicare_advantage, medicare_ffs.'
            WHEN scope_insurer.payer_kind = 'government' AND the_line <> scope_insurer.default_line_of_business
                THEN scope_insurer.payer_name || ' has only the line of business ' || scope_insurer.default_line_of_business
                    || '; a plan of another line is a product of its insurer.'
        END
    FROM payer AS scope_insurer
    LEFT JOIN payer_organization AS scope_owner ON scope_owner.organization_id = the_organization
    WHERE scope_insurer.payer_id = the_insurer
);

COMMENT ON MACRO no_such_scope IS 'Why nobody can answer for a scope, in a sentence, null where somebody can: no_such_scope(payer or any, insurer, line, market, organization).';

COMMENT ON MACRO asked_line_of IS 'The line of business that is asked about: asked_line_of(payer or any, line, organization, default).';

COMMENT ON MACRO asked_market_of IS 'The market that is asked about: asked_market_of(payer or any, market, organization).';

CREATE OR REPLACE MACRO modifiers_for(
    the_code,
    the_payer,
    on_date := current_date,
    as_component := NULL,
    for_line := NULL,
    in_market := 'any',
    for_organization := 'any'
) AS TABLE
-- Arguments are named where no table is: a bare column of the query that calls, such as payer_id, would be taken for one of these.
WITH given AS (
    SELECT
        upper(the_code) AS given_code,
        lower(the_payer) AS given_payer,
        CAST(on_date AS DATE) AS given_date,
        as_component AS given_component,
        nullif(lower(for_line), 'any') AS given_line,
        upper(coalesce(in_market, 'any')) AS given_market,
        lower(coalesce(for_organization, 'any')) AS given_organization
),
asked AS (
    SELECT
        known.code AS asked_code,
        insurer.payer_id AS asked_payer,
        known.given_date AS asked_date,
        asked_line_of(
            known.given_payer, known.given_line, known.given_organization, insurer.default_line_of_business
        ) AS asked_line,
        asked_market_of(known.given_payer, known.given_market, known.given_organization) AS asked_market,
        known.given_organization AS asked_organization,
        no_such_scope(
            known.given_payer, insurer.payer_id, known.given_line, known.given_market, known.given_organization
        ) AS no_such_scope,
        coalesce(
            known.given_component,
            (
                SELECT rows_of_code.component
                FROM code_profile AS rows_of_code
                WHERE rows_of_code.code = known.code
                    AND known.given_date BETWEEN rows_of_code.valid_from AND coalesce(rows_of_code.valid_to, DATE '9999-12-31')
                ORDER BY list_position(['global', '26', 'TC', '53'], rows_of_code.component)
                LIMIT 1
            ),
            'global'
        ) AS asked_component,
        coalesce(' in component ' || known.given_component, '') AS of_component,
        known.listed_until
    FROM (
        SELECT
            listed.code,
            given.*,
            CASE
                WHEN bool_or(given.given_date BETWEEN listed.valid_from AND coalesce(listed.valid_to, DATE '9999-12-31')) THEN NULL
                ELSE max(listed.valid_to) FILTER (WHERE listed.valid_to < given.given_date)
            END AS listed_until
        FROM given
        JOIN code AS listed ON listed.code = given.given_code
        GROUP BY ALL
    ) AS known
    JOIN payer AS insurer ON known.given_payer IN (insurer.payer_id, 'any')
),
governed AS (SELECT DISTINCT rule.modifier FROM modifier_rule AS rule WHERE rule.modifier <> 'any'),
releases AS (
    SELECT
        min(fee.valid_from) AS first_day,
        max_by(fee.release_id, fee.valid_from) FILTER (WHERE fee.valid_from <= given.given_date) AS used,
        max_by(fee.valid_to, fee.valid_from) FILTER (WHERE fee.valid_from <= given.given_date) AS last_day
    FROM given
    CROSS JOIN (SELECT DISTINCT listed.release_id, listed.valid_from, listed.valid_to FROM pfs_indicator AS listed) AS fee
),
answers AS (
    SELECT
        cell.* REPLACE (
            CASE WHEN asked.no_such_scope IS NULL THEN cell.disposition END AS disposition,
            CASE WHEN asked.no_such_scope IS NULL THEN cell.effect_kind END AS effect_kind,
            CASE WHEN asked.no_such_scope IS NULL THEN cell.effect_percent END AS effect_percent,
            CASE WHEN asked.no_such_scope IS NULL THEN cell.effect_units END AS effect_units,
            CASE WHEN asked.no_such_scope IS NULL THEN cell.effect_formula END AS effect_formula,
            CASE WHEN asked.no_such_scope IS NULL THEN cell.target_line END AS target_line,
            CASE WHEN asked.no_such_scope IS NULL THEN cell.rule_id END AS rule_id,
            CASE WHEN asked.no_such_scope IS NULL THEN cell.tier END AS tier
        ),
        row_number() OVER (
            PARTITION BY cell.payer_id, cell.modifier
            ORDER BY line.distance, (cell.market <> 'any') DESC, (cell.line_of_business <> 'any') DESC
        ) AS place
    FROM asked
    JOIN code_payer_modifier AS cell
        ON cell.code = asked.asked_code
        AND cell.component = asked.asked_component
        AND cell.payer_id = asked.asked_payer
        AND asked.asked_date BETWEEN cell.valid_from AND coalesce(cell.valid_to, DATE '9999-12-31')
        AND asked.listed_until IS NULL
        AND cell.line_of_business IN ('any', asked.asked_line)
        AND cell.market IN ('any', asked.asked_market)
    JOIN organization_ancestor AS line ON line.organization_id = asked.asked_organization AND line.ancestor_id = cell.organization_id
)
SELECT
    asked.asked_code AS code,
    asked.asked_component AS component,
    asked.asked_payer AS payer_id,
    governed.modifier,
    coalesce(answers.disposition, 'not_published') AS disposition,
    coalesce(answers.effect_kind, 'none') AS effect_kind,
    answers.effect_percent,
    answers.effect_units,
    answers.effect_formula,
    coalesce(answers.target_line, 'line') AS target_line,
    answers.rule_id,
    answers.tier,
    coalesce(
        asked.no_such_scope,
        answers.reason,
        CASE
            WHEN asked.listed_until IS NOT NULL
                THEN 'No source lists the code on that day; it was listed until ' || asked.listed_until || '.'
            WHEN asked.asked_date < releases.first_day
                THEN 'The oldest fee schedule release here starts on ' || releases.first_day || ' and no dated rule of the payer answers for that day.'
            ELSE 'No accepted row of the fee schedule in force on that day has this code' || asked.of_component
                || '; the table finding lists refused rows.'
        END
    ) AS reason,
    coalesce(answers.organization_id, 'any') AS organization_id,
    coalesce(answers.line_of_business, 'any') AS line_of_business,
    coalesce(answers.market, 'any') AS market,
    answers.valid_from,
    answers.valid_to,
    applied.effective_from,
    applied.effective_from_basis,
    applied.effective_to,
    coalesce(answers.medicare_disposition, 'not_published') AS medicare_disposition,
    answers.medicare_effect_percent,
    coalesce(asked.asked_date > releases.last_day, false) AS is_stale,
    releases.used AS release_used,
    releases.last_day AS release_last_day,
    asked.listed_until
FROM asked
CROSS JOIN governed
CROSS JOIN releases
LEFT JOIN answers ON answers.payer_id = asked.asked_payer AND answers.modifier = governed.modifier AND answers.place = 1
LEFT JOIN modifier_rule AS applied ON applied.rule_id = answers.rule_id
ORDER BY governed.modifier, asked.asked_payer;

COMMENT ON MACRO TABLE modifiers_for IS 'Every governed modifier of a code for a payer on a day: modifiers_for(code, payer, on_date, as_component :=, for_line :=, in_market :=, for_organization :=). The payer any stands for all of them. Without a line of business the payer''s default is taken.';

CREATE OR REPLACE MACRO explain(
    the_code,
    the_payer,
    the_modifier,
    on_date := current_date,
    as_component := NULL,
    for_line := NULL,
    in_market := 'any',
    for_organization := 'any'
) AS TABLE
WITH wanted AS (
    SELECT
        upper(the_modifier) AS wanted_modifier,
        lower(the_payer) AS wanted_payer,
        CAST(on_date AS DATE) AS asked_date,
        nullif(lower(for_line), 'any') AS wanted_line,
        upper(coalesce(in_market, 'any')) AS wanted_market,
        lower(coalesce(for_organization, 'any')) AS asked_organization
),
answer AS (
    SELECT given.*, wanted.*
    FROM modifiers_for(
        the_code,
        the_payer,
        on_date := on_date,
        as_component := as_component,
        for_line := for_line,
        in_market := in_market,
        for_organization := for_organization
    ) AS given
    JOIN wanted ON given.modifier = wanted.wanted_modifier AND given.payer_id = wanted.wanted_payer
),
asked AS (
    SELECT
        answer.*,
        asked_line_of(answer.payer_id, answer.wanted_line, answer.asked_organization, insurer.default_line_of_business) AS asked_line,
        asked_market_of(answer.payer_id, answer.wanted_market, answer.asked_organization) AS asked_market,
        no_such_scope(
            answer.payer_id, answer.payer_id, answer.wanted_line, answer.wanted_market, answer.asked_organization
        ) AS no_such_scope
    FROM answer
    JOIN payer AS insurer ON insurer.payer_id = answer.payer_id
),
profiled AS (
    SELECT kept.*
    FROM code_profile AS kept
    JOIN asked
        ON kept.code = asked.code
        AND kept.component = asked.component
        AND asked.asked_date BETWEEN kept.valid_from AND coalesce(kept.valid_to, DATE '9999-12-31')
),
facts AS (
    SELECT
        profiled.profile_id,
        profiled.release_id,
        fee.source_file,
        fee.source_row,
        json_merge_patch(coalesce(to_json(fee), '{}'), to_json(profiled)) AS known
    FROM profiled
    LEFT JOIN pfs_indicator AS fee
        ON fee.code = profiled.code AND fee.component = profiled.component AND fee.release_id = profiled.release_id
),
considered AS (
    SELECT
        rule.*,
        facts.known,
        facts.source_file AS indicator_file,
        facts.source_row AS indicator_row,
        asked.rule_id AS answering_rule,
        facts.release_id IS NULL AND rule.precedence < (
            SELECT coalesce(max(higher.precedence), 0)
            FROM modifier_rule AS higher
            WHERE higher.payer_id = asked.payer_id
                AND higher.modifier IN ('any', asked.modifier)
                AND higher.state = 'effective'
                AND regexp_matches(higher.predicate, '_code|has_')
        ) AS is_unknowable,
        asked.is_stale,
        asked.release_used,
        asked.release_last_day,
        asked.listed_until,
        asked.no_such_scope,
        asked.asked_date BETWEEN rule.effective_from AND coalesce(rule.effective_to, DATE '9999-12-31') AS is_in_force,
        asked.no_such_scope IS NULL
            AND rule.line_of_business IN ('any', asked.asked_line)
            AND rule.market IN ('any', asked.asked_market)
            AND rule.organization_id IN (
                SELECT line.ancestor_id FROM organization_ancestor AS line WHERE line.organization_id = asked.asked_organization
            ) AS is_in_scope
    FROM asked
    CROSS JOIN facts
    JOIN profile_rule AS met ON met.profile_id = facts.profile_id
    JOIN modifier_rule AS rule
        ON rule.rule_id = met.rule_id AND rule.payer_id = asked.payer_id AND rule.modifier IN ('any', asked.modifier)
),
judged AS (
    SELECT
        considered.*,
        considered.state = 'effective'
            AND considered.is_in_force
            AND considered.is_in_scope
            AND NOT considered.is_unknowable
            AND considered.listed_until IS NULL AS may_answer,
        max(considered.rank) FILTER (
            WHERE considered.state = 'effective'
                AND considered.is_in_force
                AND considered.is_in_scope
                AND NOT considered.is_unknowable
                AND considered.listed_until IS NULL
        ) OVER () AS top_rank
    FROM considered
),
verdicts AS (
    SELECT
        judged.*,
        CASE
            WHEN judged.state <> 'effective' THEN judged.state
            WHEN NOT judged.is_in_force THEN 'not_in_force'
            WHEN NOT judged.is_in_scope THEN 'other_scope'
            WHEN judged.is_unknowable THEN 'not_known'
            WHEN judged.listed_until IS NOT NULL THEN 'not_listed'
            WHEN judged.rank < judged.top_rank THEN 'outranked'
            WHEN judged.answering_rule IS NULL THEN 'tied'
            WHEN judged.rule_id = judged.answering_rule THEN 'won'
            ELSE 'agrees'
        END AS verdict
    FROM judged
)
SELECT
    asked.code,
    asked.component,
    asked.payer_id,
    asked.modifier,
    coalesce(verdicts.verdict, 'no_rule') AS verdict,
    CASE coalesce(verdicts.verdict, 'no_rule')
        WHEN 'won' THEN 'Highest rank in force: ' || verdicts.rank || '.'
        WHEN 'agrees' THEN 'Same rank and same answer as the rule that won.'
        WHEN 'tied' THEN 'Same rank as another rule with another answer, so none answers.'
        WHEN 'outranked' THEN 'Rank ' || verdicts.rank || ' is below ' || verdicts.top_rank || '.'
        WHEN 'other_scope' THEN coalesce(
            verdicts.no_such_scope, 'Holds for ' || verdicts.organization_id || ', ' || verdicts.line_of_business || ', ' || verdicts.market || ' only.'
        )
        WHEN 'not_in_force' THEN 'In force from ' || verdicts.effective_from || coalesce(' to ' || verdicts.effective_to, '') || '.'
        WHEN 'not_known' THEN 'A rule of higher precedence asks for indicators that no release states for that day.'
        WHEN 'not_listed' THEN 'The code was listed until ' || verdicts.listed_until || ' only.'
        WHEN 'no_rule' THEN asked.reason
        ELSE 'The rule was ' || verdicts.verdict || ', so it does not answer.'
    END AS why,
    verdicts.rule_id,
    coalesce(verdicts.disposition, asked.disposition) AS disposition,
    coalesce(verdicts.effect_kind, asked.effect_kind) AS effect_kind,
    CASE WHEN verdicts.verdict = 'won' THEN asked.effect_percent ELSE verdicts.effect_percent END AS effect_percent,
    verdicts.effect_units,
    verdicts.effect_formula,
    verdicts.target_line,
    verdicts.organization_id,
    verdicts.line_of_business,
    verdicts.market,
    verdicts.effective_from,
    verdicts.effective_from_basis,
    verdicts.effective_to,
    verdicts.state,
    verdicts.tier,
    verdicts.rank,
    verdicts.reason,
    verdicts.predicate,
    list_aggregate(
        list_transform(
            regexp_extract_all(verdicts.predicate, '([a-z0-9_]+)!?=', 1),
            lambda fact: fact || '=' || coalesce(json_extract_string(verdicts.known, '$.' || fact), 'unknown')
        ),
        'string_agg',
        '; '
    ) AS indicator_values,
    verdicts.indicator_file,
    verdicts.indicator_row,
    verdicts.source_file AS rule_file,
    verdicts.source_row AS rule_row,
    verdicts.citation_title,
    verdicts.citation_publisher,
    verdicts.citation_where,
    verdicts.read_date,
    asked.is_stale,
    asked.release_used,
    asked.release_last_day
FROM asked
LEFT JOIN verdicts ON true
ORDER BY
    list_position(['won', 'tied', 'agrees', 'outranked', 'not_listed', 'not_known', 'other_scope', 'not_in_force', 'announced', 'withdrawn'], verdicts.verdict),
    verdicts.rank DESC,
    verdicts.rule_id;

COMMENT ON MACRO TABLE explain IS 'The rules considered for one cell, which won and why, with indicator values, file, row and citation: explain(code, payer, modifier, on_date, as_component :=, for_line :=, in_market :=, for_organization :=).';

CREATE OR REPLACE MACRO position_rules(the_payer, on_date := current_date, for_line := NULL, for_organization := 'any') AS TABLE
WITH given AS (
    SELECT
        lower(the_payer) AS given_payer,
        CAST(on_date AS DATE) AS given_date,
        nullif(lower(for_line), 'any') AS given_line,
        lower(coalesce(for_organization, 'any')) AS given_organization
)
SELECT
    member.group_id,
    member.position,
    string_agg(member.modifier, ' ' ORDER BY member.modifier) AS modifiers,
    member.organization_id,
    member.line_of_business,
    member.effective_from,
    member.effective_to,
    member.tier,
    min(member.reason) AS reason,
    min(member.citation_title) AS citation_title,
    min(member.citation_publisher) AS citation_publisher,
    min(member.citation_where) AS citation_where
FROM given
JOIN payer AS insurer ON insurer.payer_id = given.given_payer
JOIN modifier_group AS member ON member.payer_id IN ('any', given.given_payer)
JOIN organization_ancestor AS line ON line.organization_id = given.given_organization AND line.ancestor_id = member.organization_id
WHERE member.group_kind = 'position'
    AND member.line_of_business IN (
        'any', asked_line_of(insurer.payer_id, given.given_line, given.given_organization, insurer.default_line_of_business)
    )
    AND (
        member.payer_id = 'any'
        OR no_such_scope(insurer.payer_id, insurer.payer_id, given.given_line, 'any', given.given_organization) IS NULL
    )
    AND given.given_date BETWEEN coalesce(member.effective_from, DATE '1900-01-01') AND coalesce(member.effective_to, DATE '9999-12-31')
GROUP BY ALL
ORDER BY min(CASE WHEN member.payer_id = 'any' THEN 1 ELSE 0 END), min(line.distance), member.group_id, member.position;

COMMENT ON MACRO TABLE position_rules IS 'The order of modifiers on a line that a payer asks for on a day, its own rules first: position_rules(payer, on_date, for_line :=, for_organization :=).';

CREATE OR REPLACE MACRO codes_on(on_date := current_date) AS TABLE
WITH read AS (
    SELECT
        given.source,
        max_by(given.release_id, given.valid_from) AS release_used,
        max_by(given.valid_to, given.valid_from) AS release_last_day
    FROM release AS given
    WHERE given.valid_from <= CAST(on_date AS DATE)
    GROUP BY given.source
),
listed_by AS (
    SELECT
        listing.code_system,
        listing.code,
        string_agg(DISTINCT listing.source, ' ' ORDER BY listing.source) AS sources,
        max_by(read.release_used, read.release_last_day) AS release_used,
        max(read.release_last_day) AS release_last_day
    FROM code_listing AS listing
    JOIN read ON read.source = listing.source
    WHERE CAST(on_date AS DATE) BETWEEN listing.valid_from AND coalesce(listing.valid_to, DATE '9999-12-31')
    GROUP BY listing.code_system, listing.code
)
SELECT
    listed.code_system,
    listed.code,
    listed.section,
    listed.valid_from,
    listed.valid_to,
    listed.known_from,
    listed.source_file,
    listed_by.sources,
    coalesce(CAST(on_date AS DATE) > listed_by.release_last_day, true) AS is_stale,
    listed_by.release_used,
    listed_by.release_last_day
FROM code AS listed
LEFT JOIN listed_by ON listed_by.code_system = listed.code_system AND listed_by.code = listed.code
WHERE CAST(on_date AS DATE) BETWEEN listed.valid_from AND coalesce(listed.valid_to, DATE '9999-12-31')
ORDER BY listed.code_system, listed.code, listed.valid_from;

COMMENT ON MACRO TABLE codes_on IS 'Codes that a source lists on a day, by which sources, and whether that day lies after the last release of all of them: codes_on(on_date). A code that was retired and came back is listed for each of its spans.';
