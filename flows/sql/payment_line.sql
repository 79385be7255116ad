CREATE OR REPLACE MACRO fee_schedule_status() AS TABLE
SELECT
    meaning.status_code,
    meaning.route,
    meaning.reason,
    meaning.condition,
    'National Physician Fee Schedule Relative Value File, record layout RVU25D' AS citation_title,
    'CMS' AS citation_publisher,
    'Attachment A, STATUS CODE' AS citation_where
FROM (
    VALUES
        ('A', 'relative_values', 'Paid by relative values where Medicare covers the service.', NULL),
        ('B', 'never', 'Payment is always bundled into another service.', NULL),
        ('C', 'contractor', 'The Medicare contractor sets the price, case by case.', NULL),
        ('D', 'never', 'The code was deleted.', NULL),
        ('E', 'never', 'A regulation excludes the service from the fee schedule; another Medicare benefit may pay it.', NULL),
        ('F', 'never', 'The code was deleted or discontinued.', NULL),
        ('G', 'never', 'Medicare does not accept the code and pays the service under another one.', NULL),
        ('H', 'never', 'The component was deleted.', NULL),
        ('I', 'never', 'Medicare does not accept the code and pays the service under another one.', NULL),
        ('J', 'anesthesia', 'Anesthesia is paid by base and time units, not by relative values.', NULL),
        ('M', 'never', 'A measurement code serves reporting only.', NULL),
        ('N', 'never', 'Medicare does not cover the service.', NULL),
        ('P', 'never', 'The service is bundled or excluded and never paid separately.', NULL),
        (
            'R',
            'relative_values',
            'Coverage is restricted; where covered, the contractor prices what has no relative values.',
            'Coverage is restricted: special instructions decide whether Medicare pays.'
        ),
        (
            'T',
            'relative_values',
            'Paid by relative values where it is the only service of the day.',
            'Paid only where the same provider bills no other service of the fee schedule for that day.'
        ),
        ('X', 'never', 'By statute the service is no physician service; another Medicare benefit may pay it.', NULL)
) AS meaning(status_code, route, reason, condition);

COMMENT ON MACRO TABLE fee_schedule_status IS 'What each status code of the fee schedule means for payment: route is relative_values, anesthesia, contractor or never.';

CREATE OR REPLACE MACRO fee_schedule_setting_limits() AS TABLE
SELECT limits.pctc_code, limits.setting, limits.note
FROM (
    VALUES
        ('5', 'facility', 'Not paid by the fee schedule for hospital inpatients and outpatients: incident to a physician''s service (PC/TC 5).'),
        ('7', 'facility', 'Not paid to independent therapists for hospital patients (PC/TC 7).'),
        ('8', 'facility', 'Paid only for hospital inpatients with an abnormal smear (PC/TC 8).'),
        ('8', 'nonfacility', 'Paid only for hospital inpatients with an abnormal smear (PC/TC 8).')
) AS limits(pctc_code, setting, note);

COMMENT ON MACRO TABLE fee_schedule_setting_limits IS 'What the PC/TC indicator says about patients of facilities (record layout, attachment A).';

CREATE OR REPLACE MACRO medicare_localities(the_locality, on_date := current_date, for_apm := 'non_qualifying') AS TABLE
WITH spelled AS (
    SELECT
        upper(trim(CAST(the_locality AS VARCHAR))) AS given,
        regexp_extract(trim(CAST(the_locality AS VARCHAR)), '^([0-9]{5})[^0-9A-Za-z]*([0-9]{2})$', 1) AS contractor_code,
        regexp_extract(trim(CAST(the_locality AS VARCHAR)), '^([0-9]{5})[^0-9A-Za-z]*([0-9]{2})$', 2) AS locality_code
),
indices AS (
    SELECT place.*
    FROM gpci AS place
    WHERE CAST(on_date AS DATE) BETWEEN place.valid_from AND coalesce(place.valid_to, DATE '9999-12-31')
    QUALIFY row_number() OVER (PARTITION BY place.contractor_code, place.locality_code ORDER BY place.valid_from DESC) = 1
),
factors AS (
    SELECT place.*
    FROM anesthesia_locality AS place
    WHERE CAST(on_date AS DATE) BETWEEN place.valid_from AND coalesce(place.valid_to, DATE '9999-12-31')
        AND place.apm_status IN ('any', lower(for_apm))
    QUALIFY row_number() OVER (
        PARTITION BY place.contractor_code, place.locality_code ORDER BY place.apm_status <> 'any' DESC, place.valid_from DESC
    ) = 1
),
named AS (
    SELECT indices.contractor_code, indices.locality_code
    FROM indices CROSS JOIN spelled
    WHERE indices.state = spelled.given
        OR (indices.contractor_code = spelled.contractor_code AND indices.locality_code = spelled.locality_code)
    UNION
    SELECT factors.contractor_code, factors.locality_code
    FROM factors CROSS JOIN spelled
    WHERE factors.contractor_code = spelled.contractor_code AND factors.locality_code = spelled.locality_code
)
SELECT
    named.contractor_code,
    named.locality_code,
    coalesce(indices.locality_name, factors.locality_name) AS locality_name,
    indices.state,
    spelled.contractor_code = '' AS is_state,
    indices.work_gpci,
    indices.pe_gpci,
    indices.malpractice_gpci,
    indices.source_file AS gpci_file,
    indices.source_row AS gpci_row,
    factors.conversion_factor_usd AS anesthesia_factor_usd,
    factors.apm_status AS anesthesia_apm_status,
    factors.source_file AS anesthesia_file,
    factors.source_row AS anesthesia_row
FROM named
CROSS JOIN spelled
LEFT JOIN indices ON indices.contractor_code = named.contractor_code AND indices.locality_code = named.locality_code
LEFT JOIN factors ON factors.contractor_code = named.contractor_code AND factors.locality_code = named.locality_code
ORDER BY named.contractor_code, named.locality_code;

COMMENT ON MACRO TABLE medicare_localities IS 'Localities that a contractor and locality (10112-00) or a state (AL) names on a day, with their indices and anesthesia factor: medicare_localities(locality, on_date, for_apm :=).';

CREATE OR REPLACE MACRO medicare_line(the_code, the_component, the_modifiers, on_date := current_date) AS TABLE
WITH asked AS (
    SELECT the_code AS code, the_component AS component, the_modifiers AS modifiers, CAST(on_date AS DATE) AS service_date
),
governed AS (
    SELECT cell.*, rule.source_file AS rule_file, rule.source_row AS rule_row
    FROM asked
    CROSS JOIN LATERAL modifiers_for(
        asked.code, 'medicare', on_date := asked.service_date, as_component := asked.component
    ) AS cell
    LEFT JOIN modifier_rule AS rule ON rule.rule_id = cell.rule_id
),
tokens AS (
    SELECT
        asked.component,
        unnest(asked.modifiers) AS modifier,
        generate_subscripts(asked.modifiers, 1) AS place
    FROM asked
),
answered AS (
    SELECT
        tokens.*,
        known.category,
        cell.disposition,
        cell.effect_kind,
        cell.effect_percent,
        cell.effect_units,
        cell.rule_id,
        cell.rule_file,
        cell.rule_row,
        regexp_extract(cell.effect_formula, '^([0-9]+) base units, plus [0-9]+ time unit if present at induction$', 1) AS formula_base,
        regexp_extract(cell.effect_formula, '^[0-9]+ base units, plus ([0-9]+) time unit if present at induction$', 1) AS formula_time,
        CASE
            WHEN cell.modifier IS NULL OR cell.disposition IN ('not_published', 'not_applicable') OR cell.effect_kind = 'by_report' THEN 'not_published'
            WHEN cell.disposition IN ('not_paid', 'not_allowed') THEN 'not_paid'
            WHEN cell.effect_kind = 'formula' AND formula_base = '' THEN 'not_published'
            WHEN cell.effect_kind <> 'percent' THEN 'paid'
            WHEN cell.target_line = 'practice_expense' OR (cell.target_line = 'technical_component' AND tokens.component <> 'TC') THEN 'not_published'
            ELSE 'paid'
        END AS outcome,
        CASE
            WHEN known.modifier IS NULL THEN tokens.modifier || ' is no modifier that this release knows.'
            WHEN cell.modifier IS NULL THEN 'No rule here says what modifier ' || tokens.modifier || ' does to a Medicare amount.'
            WHEN cell.effect_kind = 'formula' THEN 'Modifier ' || tokens.modifier || ': ' || cell.reason || ' Formula: ' || cell.effect_formula || '.'
            ELSE 'Modifier ' || tokens.modifier || ': ' || cell.reason
        END AS message,
        coalesce(cell.effect_kind = 'percent', false) AS is_percent,
        is_percent AND cell.effect_percent <> 100 AS is_share
    FROM tokens
    LEFT JOIN modifier AS known ON known.modifier = tokens.modifier
    LEFT JOIN governed AS cell ON cell.modifier = tokens.modifier
),
effects AS (
    SELECT
        arg_min(answered.message, answered.place) FILTER (WHERE answered.outcome = 'not_paid') AS denied,
        arg_min(answered.message, answered.place) FILTER (WHERE answered.outcome = 'not_published') AS unpublished,
        -- Two statements about one global period, such as 58 in full and 78 in part, contradict each other: then 100 percent counts, too.
        CASE
            WHEN count(*) FILTER (WHERE answered.is_percent AND answered.category = 'global_period') > 1
                THEN count(*) FILTER (WHERE answered.is_percent AND answered.outcome = 'paid')
            ELSE count(*) FILTER (WHERE answered.is_share AND answered.outcome = 'paid')
        END AS shares,
        string_agg(
            answered.modifier || ' (' || rtrim(rtrim(CAST(answered.effect_percent AS VARCHAR), '0'), '.') || ' %)', ' and ' ORDER BY answered.place
        ) FILTER (WHERE answered.is_share OR (answered.is_percent AND answered.category = 'global_period')) AS share_names,
        arg_min(answered.effect_percent, answered.place) FILTER (WHERE answered.is_share) AS share,
        coalesce(sum(answered.effect_units), 0) AS added_units,
        max(TRY_CAST(answered.formula_base AS DECIMAL(9, 2))) AS formula_base,
        max(TRY_CAST(answered.formula_time AS DECIMAL(9, 2))) AS formula_time,
        string_agg(answered.message, ' ' ORDER BY answered.place) FILTER (WHERE answered.outcome = 'paid') AS explained,
        string_agg(answered.message, ' ' ORDER BY answered.place) FILTER (
            WHERE answered.outcome = 'paid' AND answered.disposition = 'allowed_with_documentation'
        ) AS documentation,
        arg_min(
            struct_pack(rule_id := answered.rule_id, rule_file := answered.rule_file, rule_row := answered.rule_row),
            answered.place + 100 * CASE
                WHEN answered.outcome = 'not_paid' THEN 0
                WHEN answered.outcome = 'not_published' THEN 1
                WHEN answered.is_share THEN 2
                WHEN answered.effect_kind <> 'none' THEN 3
                ELSE 4
            END
        ) AS decided_by
    FROM answered
),
exclusions AS (
    SELECT
        min(pairs.reason) FILTER (WHERE pairs.is_of_cms) AS denied,
        min(pairs.reason) FILTER (WHERE NOT pairs.is_of_cms) AS doubtful
    FROM (
        SELECT
            bool_or(member.tier IN ('cms_indicator', 'cms_manual')) AS is_of_cms,
            string_agg(member.modifier, ' and ' ORDER BY member.modifier) || ' exclude each other: ' || min(member.reason) AS reason
        FROM asked
        JOIN payer AS insurer ON insurer.payer_id = 'medicare'
        JOIN modifier_group AS member ON list_contains(asked.modifiers, member.modifier)
        WHERE member.group_kind = 'exclusive'
            AND member.payer_id IN ('any', 'medicare')
            AND member.organization_id = 'any'
            AND member.market = 'any'
            AND member.line_of_business IN ('any', insurer.default_line_of_business)
            AND asked.service_date BETWEEN coalesce(member.effective_from, DATE '1900-01-01') AND coalesce(member.effective_to, DATE '9999-12-31')
        GROUP BY member.group_id
        HAVING count(*) > 1
    ) AS pairs
),
standing AS (
    SELECT
        string_agg(governed.modifier, ', ' ORDER BY governed.modifier) FILTER (WHERE governed.disposition = 'required') AS required,
        coalesce(bool_or(list_contains(asked.modifiers, governed.modifier)) FILTER (WHERE governed.disposition = 'required'), true) AS has_required,
        max(governed.effect_formula) FILTER (WHERE governed.modifier = '51' AND governed.effect_kind = 'formula') AS ranking
    FROM governed CROSS JOIN asked
)
SELECT
    effects.*,
    exclusions.denied AS excluded,
    exclusions.doubtful AS doubtfully_excluded,
    standing.required,
    standing.has_required,
    standing.ranking
FROM effects
CROSS JOIN exclusions
CROSS JOIN standing;

COMMENT ON MACRO TABLE medicare_line IS 'What the modifiers of one line (a list) do to its Medicare amount, in one row: what denies it, what leaves it unpublished, the share paid and the rule that decides. medicare_payment reads it.';
