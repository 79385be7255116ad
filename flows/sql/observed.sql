CREATE OR REPLACE VIEW policy_vs_observed AS
WITH seen AS (
    SELECT
        observation.payer_id,
        coalesce(observation.organization_id, 'any') AS organization_id,
        observation.line_of_business,
        observation.market,
        observation.code,
        observation.modifiers,
        unnest(string_split(observation.modifiers, '|')) AS modifier,
        observation.source_file,
        observation.source_row,
        observation.file_kind,
        observation.publisher,
        observation.rate_kind,
        observation.price_count,
        observation.min_rate,
        observation.median_rate,
        observation.max_rate,
        observation.known_from
    FROM modifier_observation AS observation
    WHERE observation.payer_id IS NOT NULL AND observation.modifiers <> ''
),
unmodified AS (
    SELECT
        alone.source_file,
        alone.source_row,
        100 * CAST(any_value(alone.median_rate) AS DOUBLE) / CAST(median(plain.median_rate) AS DOUBLE) AS percent
    FROM modifier_observation AS alone
    JOIN modifier_observation AS plain
        ON plain.source_file = alone.source_file
        AND plain.modifiers = ''
        AND plain.code = alone.code
        AND plain.code_system = alone.code_system
        AND plain.reporting_entity = alone.reporting_entity
        AND plain.negotiated_type = alone.negotiated_type
        AND plain.rate_kind = alone.rate_kind
        AND plain.line_of_business = alone.line_of_business
        AND plain.billing_class IS NOT DISTINCT FROM alone.billing_class
        AND plain.setting IS NOT DISTINCT FROM alone.setting
    WHERE alone.rate_kind = 'dollars' AND length(alone.modifiers) = 2 AND alone.payer_id IS NOT NULL
    GROUP BY ALL
    HAVING median(plain.median_rate) > 0
),
observed AS (
    SELECT
        seen.payer_id,
        seen.organization_id,
        seen.line_of_business,
        seen.market,
        seen.code,
        seen.modifier,
        count(DISTINCT seen.source_file) AS file_count,
        count(DISTINCT seen.publisher) AS publisher_count,
        string_agg(DISTINCT seen.file_kind, ' ' ORDER BY seen.file_kind) AS file_kinds,
        CAST(sum(seen.price_count) AS BIGINT) AS price_count,
        CAST(coalesce(sum(seen.price_count) FILTER (WHERE seen.modifiers = seen.modifier), 0) AS BIGINT) AS alone_price_count,
        min(seen.min_rate) FILTER (WHERE seen.rate_kind = 'dollars') AS min_rate,
        median(seen.median_rate) FILTER (WHERE seen.rate_kind = 'dollars') AS median_of_medians,
        max(seen.max_rate) FILTER (WHERE seen.rate_kind = 'dollars') AS max_rate,
        round(median(unmodified.percent), 2) AS observed_percent,
        count(unmodified.percent) AS compared_count,
        max(seen.known_from) AS seen_on
    FROM seen
    LEFT JOIN unmodified USING (source_file, source_row)
    GROUP BY ALL
),
stated AS (
    SELECT
        observed.*,
        cell.component,
        cell.disposition,
        cell.effect_percent,
        cell.rule_id,
        cell.tier,
        cell.reason,
        row_number() OVER (
            PARTITION BY
                observed.payer_id,
                observed.organization_id,
                observed.line_of_business,
                observed.market,
                observed.code,
                observed.modifier
            ORDER BY
                list_position(['global', '26', 'TC', '53'], cell.component),
                line.distance,
                (cell.market <> 'any') DESC,
                (cell.line_of_business <> 'any') DESC
        ) AS place
    FROM observed
    JOIN payer AS insurer ON insurer.payer_id = observed.payer_id
    JOIN organization_ancestor AS line ON line.organization_id = observed.organization_id
    LEFT JOIN code_payer_modifier AS cell
        ON cell.code = observed.code
        AND cell.payer_id = observed.payer_id
        AND cell.modifier = observed.modifier
        AND cell.organization_id = line.ancestor_id
        AND coalesce(observed.seen_on, current_date) BETWEEN cell.valid_from AND coalesce(cell.valid_to, DATE '9999-12-31')
        AND cell.market IN ('any', observed.market)
        AND cell.line_of_business IN (
            'any',
            CASE WHEN observed.line_of_business = 'any' THEN insurer.default_line_of_business ELSE observed.line_of_business END
        )
)
SELECT
    stated.payer_id,
    stated.organization_id,
    stated.line_of_business,
    stated.market,
    stated.code,
    stated.modifier,
    coalesce(stated.disposition, 'not_published') AS disposition,
    stated.effect_percent,
    stated.rule_id,
    stated.tier,
    stated.reason,
    stated.file_kinds,
    stated.file_count,
    stated.publisher_count,
    stated.price_count,
    stated.alone_price_count,
    stated.min_rate,
    stated.median_of_medians,
    stated.max_rate,
    stated.observed_percent,
    stated.compared_count,
    stated.seen_on,
    CASE
        WHEN stated.rule_id IS NULL THEN 'no_rule'
        WHEN stated.disposition IN ('not_allowed', 'not_applicable') THEN 'priced_though_not_allowed'
        WHEN stated.disposition = 'not_paid' THEN 'priced_though_not_paid'
        WHEN stated.effect_percent IS NULL THEN 'priced_as_allowed'
        WHEN stated.observed_percent IS NULL THEN 'not_comparable'
        WHEN abs(stated.observed_percent - stated.effect_percent) <= 1 THEN 'same_percent'
        ELSE 'other_percent'
    END AS finding
FROM stated
WHERE stated.place = 1;

COMMENT ON VIEW policy_vs_observed IS 'Per payer, scope, code and modifier: what the rules say beside what price files show.';
COMMENT ON COLUMN policy_vs_observed.payer_id IS 'The payer.';
COMMENT ON COLUMN policy_vs_observed.organization_id IS 'The organization; any where the files name none.';
COMMENT ON COLUMN policy_vs_observed.line_of_business IS 'Line of business of the plans.';
COMMENT ON COLUMN policy_vs_observed.market IS 'USPS code of the market.';
COMMENT ON COLUMN policy_vs_observed.code IS 'The code as reported.';
COMMENT ON COLUMN policy_vs_observed.modifier IS 'The modifier, also one of several on a price.';
COMMENT ON COLUMN policy_vs_observed.disposition IS 'What the narrowest cell of the cube says; not_published where there is none.';
COMMENT ON COLUMN policy_vs_observed.effect_percent IS 'Percentage of the rule. Unit: percent.';
COMMENT ON COLUMN policy_vs_observed.rule_id IS 'The rule. Refers to modifier_rule.rule_id.';
COMMENT ON COLUMN policy_vs_observed.tier IS 'How good its source is.';
COMMENT ON COLUMN policy_vs_observed.reason IS 'Why, in one sentence.';
COMMENT ON COLUMN policy_vs_observed.file_kinds IS 'Kinds of files that show it.';
COMMENT ON COLUMN policy_vs_observed.file_count IS 'Files that show it.';
COMMENT ON COLUMN policy_vs_observed.publisher_count IS 'Publishers of these files.';
COMMENT ON COLUMN policy_vs_observed.price_count IS 'Prices with the modifier, alone or among others.';
COMMENT ON COLUMN policy_vs_observed.alone_price_count IS 'Prices with this modifier and no other.';
COMMENT ON COLUMN policy_vs_observed.min_rate IS 'Lowest rate in dollars. Unit: USD.';
COMMENT ON COLUMN policy_vs_observed.median_of_medians IS 'Median of the medians in dollars. Unit: USD.';
COMMENT ON COLUMN policy_vs_observed.max_rate IS 'Highest rate in dollars. Unit: USD.';
COMMENT ON COLUMN policy_vs_observed.observed_percent IS 'Median share of the rate without a modifier in the same file. Unit: percent.';
COMMENT ON COLUMN policy_vs_observed.compared_count IS 'Prices for which there is a rate without a modifier to compare with.';
COMMENT ON COLUMN policy_vs_observed.seen_on IS 'Day of the newest of the files.';
COMMENT ON COLUMN policy_vs_observed.finding IS 'How rules and files stand to each other.';
