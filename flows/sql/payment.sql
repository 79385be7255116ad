CREATE OR REPLACE MACRO medicare_payment(
    the_code,
    the_modifiers := NULL,
    in_setting := 'nonfacility',
    in_locality := NULL,
    on_date := current_date,
    for_apm := 'non_qualifying',
    base_units := NULL,
    minutes := NULL,
    at_induction := false
) AS TABLE
WITH given AS (
    SELECT
        upper(trim(CAST(the_code AS VARCHAR))) AS code,
        regexp_extract_all(upper(coalesce(CAST(the_modifiers AS VARCHAR), '')), '[0-9A-Z]+') AS written,
        regexp_replace(lower(CAST(in_setting AS VARCHAR)), '[^a-z]', '', 'g') AS setting,
        upper(trim(CAST(in_locality AS VARCHAR))) AS place_given,
        CAST(on_date AS DATE) AS service_date,
        lower(CAST(for_apm AS VARCHAR)) AS apm_asked,
        CAST(base_units AS DECIMAL(9, 2)) AS base_units,
        CAST(minutes AS DECIMAL(9, 2)) AS minutes,
        coalesce(CAST(at_induction AS BOOLEAN), false) AS is_at_induction
),
edition AS (
    SELECT
        max_by(period.release_id, period.valid_from) AS release_id,
        max_by(period.valid_to, period.valid_from) AS release_last_day
    FROM (SELECT DISTINCT fee.release_id, fee.valid_from, fee.valid_to FROM pfs_indicator AS fee) AS period
    WHERE period.valid_from <= CAST(on_date AS DATE)
),
listed AS (
    SELECT
        given.*,
        edition.*,
        least(given.service_date, edition.release_last_day) AS pricing_date,
        list_filter(given.written, lambda token, place: list_position(given.written, token) = place) AS modifiers,
        (
            SELECT list(fee.component ORDER BY fee.component)
            FROM pfs_indicator AS fee
            WHERE fee.code = given.code AND fee.release_id = edition.release_id
        ) AS components
    FROM given CROSS JOIN edition
),
billed AS (
    SELECT
        listed.*,
        coalesce(list_filter(listed.modifiers, lambda token: list_contains(listed.components, token))[1], 'global') AS component
    FROM listed
),
places AS (
    SELECT
        count(*) AS matches,
        string_agg(place.contractor_code || '-' || place.locality_code || ' ' || place.locality_name, ', ' ORDER BY place.contractor_code, place.locality_code) AS names,
        any_value(place) AS place
    FROM billed
    CROSS JOIN LATERAL medicare_localities(billed.place_given, on_date := billed.pricing_date, for_apm := billed.apm_asked) AS place
),
factors AS (
    SELECT
        factor.factor_kind,
        max_by(factor.conversion_factor_usd, (factor.apm_status <> 'any', factor.valid_from)) AS conversion_factor_usd,
        max_by(factor.apm_status, (factor.apm_status <> 'any', factor.valid_from)) AS apm_status,
        max_by(factor.source_file, (factor.apm_status <> 'any', factor.valid_from)) AS source_file
    FROM billed
    JOIN conversion_factor AS factor
        ON billed.pricing_date BETWEEN factor.valid_from AND coalesce(factor.valid_to, DATE '9999-12-31')
        AND factor.apm_status IN ('any', billed.apm_asked)
    GROUP BY factor.factor_kind
),
drawn AS (
    SELECT
        billed.*,
        meaning.route,
        meaning.reason AS status_reason,
        meaning.condition AS status_condition,
        fee.status_code,
        fee.work_rvu,
        CASE billed.setting WHEN 'facility' THEN fee.facility_pe_rvu WHEN 'nonfacility' THEN fee.nonfacility_pe_rvu END AS pe_rvu,
        fee.malpractice_rvu,
        CASE billed.setting WHEN 'facility' THEN fee.opps_facility_pe_rvu WHEN 'nonfacility' THEN fee.opps_nonfacility_pe_rvu END AS opps_pe_rvu,
        fee.opps_malpractice_rvu,
        CASE billed.setting WHEN 'facility' THEN fee.is_rare_in_facility WHEN 'nonfacility' THEN fee.is_rare_in_nonfacility END AS is_rare,
        fee.multiple_procedure_code,
        limits.note AS setting_note,
        fee.source_file AS indicator_file,
        fee.source_row AS indicator_row,
        billed.place_given IS NULL AS is_national,
        places.matches AS place_matches,
        places.names AS place_names,
        CASE WHEN places.matches = 1 THEN places.place END AS place,
        factor.conversion_factor_usd AS national_factor_usd,
        factor.apm_status AS national_apm_status,
        factor.source_file AS national_factor_file
    FROM billed
    CROSS JOIN places
    LEFT JOIN pfs_indicator AS fee
        ON fee.code = billed.code AND fee.component = billed.component AND fee.release_id = billed.release_id
    LEFT JOIN fee_schedule_status() AS meaning ON meaning.status_code = fee.status_code
    LEFT JOIN fee_schedule_setting_limits() AS limits ON limits.pctc_code = fee.pctc_code AND limits.setting = billed.setting
    LEFT JOIN factors AS factor
        ON factor.factor_kind = CASE meaning.route WHEN 'anesthesia' THEN 'anesthesia' ELSE 'physician_fee_schedule' END
),
weighed AS (
    SELECT
        drawn.*,
        effects.*,
        drawn.route = 'anesthesia' AS is_anesthesia,
        CASE WHEN drawn.is_national THEN CAST(1 AS DECIMAL(7, 4)) ELSE drawn.place.work_gpci END AS work_gpci,
        CASE WHEN drawn.is_national THEN CAST(1 AS DECIMAL(7, 4)) ELSE drawn.place.pe_gpci END AS pe_gpci,
        CASE WHEN drawn.is_national THEN CAST(1 AS DECIMAL(7, 4)) ELSE drawn.place.malpractice_gpci END AS malpractice_gpci,
        CASE WHEN is_anesthesia AND NOT drawn.is_national THEN drawn.place.anesthesia_factor_usd ELSE drawn.national_factor_usd END AS factor_usd,
        CASE WHEN is_anesthesia AND NOT drawn.is_national THEN drawn.place.anesthesia_file ELSE drawn.national_factor_file END AS factor_file,
        CASE WHEN is_anesthesia AND NOT drawn.is_national THEN drawn.place.anesthesia_row END AS factor_row,
        CASE WHEN is_anesthesia AND NOT drawn.is_national THEN drawn.place.anesthesia_apm_status ELSE drawn.national_apm_status END AS apm_status,
        CAST((4 * CAST(drawn.minutes * 100 AS BIGINT) + 300) // 600 AS DECIMAL(9, 0)) * CAST(0.1 AS DECIMAL(2, 1)) AS time_units,
        CAST(
            CASE
                WHEN effects.formula_base IS NULL THEN drawn.base_units + time_units + CAST(effects.added_units AS DECIMAL(9, 2))
                WHEN drawn.is_at_induction THEN effects.formula_base + effects.formula_time
                ELSE effects.formula_base
            END AS DECIMAL(15, 2)
        ) AS total_units
    FROM drawn
    CROSS JOIN LATERAL medicare_line(drawn.code, drawn.component, drawn.modifiers, on_date := drawn.service_date) AS effects
),
measured AS (
    SELECT
        weighed.*,
        CAST(
            CASE
                WHEN weighed.is_anesthesia THEN weighed.total_units * weighed.factor_usd
                WHEN weighed.route = 'relative_values' AND weighed.work_rvu + weighed.pe_rvu + weighed.malpractice_rvu > 0 THEN (
                    CAST(weighed.work_rvu AS DECIMAL(15, 2)) * weighed.work_gpci
                    + CAST(weighed.pe_rvu AS DECIMAL(15, 2)) * weighed.pe_gpci
                    + CAST(weighed.malpractice_rvu AS DECIMAL(15, 2)) * weighed.malpractice_gpci
                ) * weighed.factor_usd
            END AS DECIMAL(24, 12)
        ) AS exact_fee,
        CAST(
            CASE
                WHEN weighed.route IN ('relative_values', 'contractor') AND weighed.opps_pe_rvu + weighed.opps_malpractice_rvu > 0 THEN (
                    CAST(weighed.work_rvu AS DECIMAL(15, 2)) * weighed.work_gpci
                    + CAST(weighed.opps_pe_rvu AS DECIMAL(15, 2)) * weighed.pe_gpci
                    + CAST(weighed.opps_malpractice_rvu AS DECIMAL(15, 2)) * weighed.malpractice_gpci
                ) * weighed.factor_usd
            END AS DECIMAL(24, 12)
        ) AS exact_cap,
        coalesce(exact_cap < exact_fee, false) AS is_capped
    FROM weighed
),
judged AS (
    SELECT
        measured.*,
        CASE
            WHEN measured.code IS NULL THEN struct_pack(status := 'not_published', reason := 'No code was given.')
            WHEN measured.service_date IS NULL THEN struct_pack(status := 'not_published', reason := 'No service date was given.')
            WHEN measured.setting IS NULL OR measured.setting NOT IN ('facility', 'nonfacility')
                THEN struct_pack(status := 'not_published', reason := 'The setting must be facility or nonfacility.')
            WHEN measured.apm_asked IS NULL OR measured.apm_asked NOT IN ('any', 'non_qualifying', 'qualifying')
                THEN struct_pack(status := 'not_published', reason := 'The APM status must be non_qualifying or qualifying.')
            WHEN measured.release_id IS NULL THEN struct_pack(
                status := 'not_published',
                reason := coalesce(
                    'The oldest fee schedule release here starts on ' || CAST((SELECT min(fee.valid_from) FROM pfs_indicator AS fee) AS VARCHAR) || '.',
                    'There is no fee schedule here.'
                )
            )
            WHEN measured.components IS NULL
                THEN struct_pack(status := 'not_published', reason := 'Release ' || measured.release_id || ' of the fee schedule has no accepted row of ' || measured.code || '.')
            WHEN measured.status_code IS NULL THEN struct_pack(
                status := 'not_published',
                reason := 'Release ' || measured.release_id || ' has no row of ' || measured.code || ' without a modifier, only ' || list_aggregate(measured.components, 'string_agg', ', ') || '.'
            )
            WHEN measured.route = 'never' THEN struct_pack(status := 'not_paid', reason := 'Status ' || measured.status_code || ': ' || measured.status_reason)
            WHEN measured.denied IS NOT NULL THEN struct_pack(status := 'not_paid', reason := measured.denied)
            WHEN measured.excluded IS NOT NULL THEN struct_pack(status := 'not_paid', reason := measured.excluded)
            WHEN measured.route = 'relative_values' AND measured.setting_note IS NOT NULL
                THEN struct_pack(status := 'not_published', reason := measured.setting_note || ' Which of these the patient is was not asked.')
            WHEN measured.route = 'contractor'
                THEN struct_pack(status := 'not_published', reason := 'Status ' || measured.status_code || ': ' || measured.status_reason)
            WHEN measured.unpublished IS NOT NULL THEN struct_pack(status := 'not_published', reason := measured.unpublished)
            WHEN measured.doubtfully_excluded IS NOT NULL THEN struct_pack(status := 'not_published', reason := measured.doubtfully_excluded)
            WHEN NOT measured.has_required
                THEN struct_pack(status := 'not_published', reason := 'The amount depends on one of the modifiers ' || measured.required || ', and none was given.')
            WHEN measured.shares > 1 THEN struct_pack(
                status := 'not_published',
                reason := 'Medicare publishes no percentage for ' || measured.share_names || ' together, and percentages are not multiplied unless the payer says so.'
            )
            WHEN measured.is_anesthesia AND measured.formula_base IS NULL AND measured.base_units IS NULL
                THEN struct_pack(status := 'not_published', reason := 'Base units are in no public file of CMS: give them (base_units, --base-units).')
            WHEN measured.is_anesthesia AND measured.formula_base IS NULL AND measured.minutes IS NULL
                THEN struct_pack(status := 'not_published', reason := 'The anesthesia time is missing: give the minutes (minutes, --minutes).')
            WHEN measured.is_anesthesia AND (measured.base_units < 0 OR measured.minutes < 0)
                THEN struct_pack(status := 'not_published', reason := 'Base units and minutes cannot be negative.')
            WHEN NOT measured.is_national AND measured.place_matches = 0 THEN struct_pack(
                status := 'not_published',
                reason := 'Release ' || measured.release_id || ' has no locality ' || measured.place_given || ': give contractor and locality, such as 10112-00, or a state with one locality.'
            )
            WHEN NOT measured.is_national AND measured.place_matches > 1 THEN struct_pack(
                status := 'not_published',
                reason := measured.place_given || ' has ' || measured.place_matches || ' localities; give one of ' || measured.place_names || '.'
            )
            WHEN NOT measured.is_anesthesia AND (measured.work_gpci IS NULL OR measured.pe_gpci IS NULL OR measured.malpractice_gpci IS NULL)
                THEN struct_pack(status := 'not_published', reason := 'Release ' || measured.release_id || ' states no geographic indices for ' || measured.place_given || '.')
            WHEN measured.factor_usd IS NULL THEN struct_pack(
                status := 'not_published',
                reason := 'Release ' || measured.release_id || ' states no ' || CASE WHEN measured.is_anesthesia THEN 'anesthesia ' ELSE '' END || 'conversion factor for '
                    || coalesce(measured.place_given || ', ', '') || 'APM status ' || measured.apm_asked || '.'
            )
            WHEN measured.exact_fee IS NULL
                THEN struct_pack(status := 'not_published', reason := 'Status ' || measured.status_code || ' without relative values in this setting: ' || measured.status_reason)
            ELSE struct_pack(status := 'paid', reason := 'Status ' || measured.status_code || ': ' || measured.status_reason || coalesce(' ' || measured.explained, ''))
        END AS verdict
    FROM measured
)
SELECT
    judged.code,
    judged.component,
    list_aggregate(judged.modifiers, 'string_agg', ' ') AS modifiers,
    judged.setting,
    CASE WHEN judged.is_national THEN 'national' ELSE coalesce(judged.place.contractor_code || '-' || judged.place.locality_code, judged.place_given) END AS locality,
    CASE WHEN judged.is_national THEN 'National amount, no geographic adjustment' ELSE judged.place.locality_name END AS locality_name,
    judged.service_date,
    judged.verdict.status AS payment_status,
    CASE
        WHEN judged.verdict.status = 'paid' THEN CAST(
            round(
                CASE WHEN judged.is_capped THEN judged.exact_cap ELSE judged.exact_fee END
                * (coalesce(judged.share, CAST(100 AS DECIMAL(7, 2))) * CAST(0.01 AS DECIMAL(3, 2))),
                2
            ) AS DECIMAL(18, 2)
        )
    END AS amount_usd,
    judged.verdict.reason AS reason,
    CASE WHEN judged.verdict.status = 'paid' THEN nullif(concat_ws(' ', judged.status_condition, judged.documentation), '') END AS condition,
    list_filter(
        [
            CASE WHEN judged.is_national AND judged.route IN ('relative_values', 'anesthesia') THEN 'National amount: no locality was given, so no geographic adjustment is in it.' END,
            CASE WHEN judged.place.is_state THEN judged.place_given || ' has one locality in this release.' END,
            CASE WHEN judged.is_rare THEN 'NA indicator: the service is rarely or never performed in this setting.' END,
            CASE WHEN judged.route NOT IN ('never', 'relative_values') THEN judged.setting_note END,
            CASE WHEN judged.is_capped THEN 'The OPPS amount is lower and caps the fee.' END,
            CASE WHEN judged.route = 'contractor' AND judged.exact_cap IS NOT NULL THEN 'The contractor''s price cannot exceed the OPPS amount.' END,
            CASE
                WHEN judged.route = 'relative_values' AND NOT list_contains(judged.modifiers, '51')
                    THEN 'Other procedures of the day can change the amount, which is not applied here (MULT PROC ' || judged.multiple_procedure_code || '): ' || judged.ranking || '.'
            END,
            CASE WHEN judged.apm_status <> 'any' THEN 'Conversion factor of APM status ' || judged.apm_status || '; the other status has another one.' END,
            CASE WHEN NOT judged.is_anesthesia AND coalesce(judged.base_units, judged.minutes) IS NOT NULL THEN 'Base units and minutes concern anesthesia codes and are not used.' END
        ],
        lambda note: note IS NOT NULL
    ) AS notes,
    judged.status_code,
    judged.work_rvu,
    judged.pe_rvu,
    judged.malpractice_rvu,
    judged.work_gpci,
    judged.pe_gpci,
    judged.malpractice_gpci,
    judged.factor_usd AS conversion_factor_usd,
    judged.apm_status,
    CAST(round(judged.exact_fee, 2) AS DECIMAL(18, 2)) AS fee_usd,
    judged.opps_pe_rvu,
    judged.opps_malpractice_rvu,
    CAST(round(judged.exact_cap, 2) AS DECIMAL(18, 2)) AS opps_cap_usd,
    judged.is_capped,
    CASE WHEN judged.verdict.status = 'paid' THEN coalesce(judged.share, CAST(100 AS DECIMAL(7, 2))) END AS effect_percent,
    CASE WHEN judged.is_anesthesia THEN coalesce(judged.formula_base, judged.base_units) END AS base_units,
    CASE WHEN judged.is_anesthesia THEN judged.total_units - coalesce(judged.formula_base, judged.base_units + CAST(judged.added_units AS DECIMAL(9, 2))) END AS time_units,
    CASE WHEN judged.is_anesthesia THEN CAST(judged.added_units AS DECIMAL(9, 2)) END AS added_units,
    CASE WHEN judged.is_anesthesia THEN judged.total_units END AS total_units,
    judged.release_id,
    judged.release_last_day,
    coalesce(judged.service_date > judged.release_last_day, false) AS is_stale,
    judged.indicator_file,
    judged.indicator_row,
    judged.place.gpci_file AS gpci_file,
    judged.place.gpci_row AS gpci_row,
    judged.factor_file,
    judged.factor_row,
    judged.decided_by.rule_id AS rule_id,
    judged.decided_by.rule_file AS rule_file,
    judged.decided_by.rule_row AS rule_row
FROM judged;

COMMENT ON MACRO TABLE medicare_payment IS 'What the Medicare fee schedule pays for a line, with every factor and its source; always one row: medicare_payment(code, modifiers, setting, locality, on_date, for_apm :=, base_units :=, minutes :=, at_induction :=). payment_status is paid, not_paid or not_published.';
