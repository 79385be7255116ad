{% set says = ['added_date', 'action_effective_date', 'termination_date', 'action_code', 'coverage_code', 'price_1_code',
               'price_2_code', 'price_3_code', 'price_4_code', 'multiple_pricing_code', 'betos_code', 'type_of_service_1_code',
               'type_of_service_2_code', 'type_of_service_3_code', 'type_of_service_4_code', 'type_of_service_5_code',
               'anesthesia_base_unit_count', 'asc_group_code', 'asc_date', 'outpatient_group_code', 'outpatient_policy_code',
               'outpatient_group_date', 'statute', 'processing_note_code', 'coverage_issues_sections',
               'carriers_manual_sections', 'laboratory_certifications', 'cross_reference_1', 'cross_reference_2',
               'cross_reference_3', 'cross_reference_4', 'cross_reference_5'] %}
with mended as (  -- an ASC date may stand two places too far left
    select * replace (
        case when asc_grp in ('19', '20') and length(asc_dt) = 6 then asc_grp || asc_dt else asc_dt end as asc_dt,
        case when asc_grp in ('19', '20') and length(asc_dt) = 6 then null else asc_grp end as asc_grp,
        case when act_eff_dt is null and action_cd = 'N' then add_dt else act_eff_dt end as act_eff_dt
    )
    from {{ ref('hcpcs_field') }}
),
listed as (
    select
        {{ code_system('code') }} as code_system, code, {{ quarter_start() }} as valid_from,
        {{ day('add_dt') }} as added_date, {{ day('act_eff_dt') }} as action_effective_date,
        {{ day('term_dt') }} as termination_date, action_cd as action_code, cov as coverage_code, price_1 as price_1_code,
        price_2 as price_2_code, price_3 as price_3_code, price_4 as price_4_code, mult_pi as multiple_pricing_code,
        betos as betos_code, tos_1 as type_of_service_1_code, tos_2 as type_of_service_2_code,
        tos_3 as type_of_service_3_code, tos_4 as type_of_service_4_code, tos_5 as type_of_service_5_code,
        cast(anest_bu as bigint) as anesthesia_base_unit_count, asc_grp as asc_group_code, {{ day('asc_dt') }} as asc_date,
        opps as outpatient_group_code, opps_pi as outpatient_policy_code, {{ day('opps_dt') }} as outpatient_group_date,
        regexp_replace(statute, '\s+', ' ', 'g') as statute, procnote as processing_note_code, nullif(concat_ws(';', cim_1, cim_2, cim_3), '') as coverage_issues_sections,
        nullif(concat_ws(';', mcm_1, mcm_2, mcm_3), '') as carriers_manual_sections,
        nullif(concat_ws(';', lab_1, lab_2, lab_3, lab_4, lab_5, lab_6, lab_7, lab_8), '') as laboratory_certifications,
        xref_1 as cross_reference_1, xref_2 as cross_reference_2, xref_3 as cross_reference_3, xref_4 as cross_reference_4,
        xref_5 as cross_reference_5, {{ provenance() }}
    from mended
),
releases as (
    select valid_from, row_number() over (order by valid_from) as place, lead(valid_from) over (order by valid_from) as next_start
    from (select distinct valid_from from listed)
),
compared as (
    select
        *,
        hash({{ says | join(', ') }}) as said,
        lag(said) over codes is not distinct from said and lag(place) over codes = place - 1 as continues
    from listed join releases using (valid_from)
    window codes as (partition by code_system, code order by place)
),
runs as (
    select *, sum(case when continues then 0 else 1 end) over (partition by code_system, code order by place) as run
    from compared
),
closed as (
    select *, last_value(next_start) over (
        partition by code_system, code, run order by place rows between unbounded preceding and unbounded following
    ) as ends
    from runs
)
select code_system, code, valid_from, cast(ends - interval 1 day as date) as valid_to, {{ says | join(', ') }}, release_id, source_file
from closed
where not coalesce(continues, false)
