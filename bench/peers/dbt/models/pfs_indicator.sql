{% set rvus = ['work_rvu', 'nonfacility_pe_rvu', 'facility_pe_rvu', 'malpractice_rvu', 'nonfacility_total_rvu',
               'facility_total_rvu', 'opps_nonfacility_pe_rvu', 'opps_facility_pe_rvu', 'opps_malpractice_rvu'] %}
with cleaned as (
    select
        * replace ({% for rvu in rvus %}cast(trim({{ rvu }}) as decimal(9, 2)) as {{ rvu }}{{ ", " if not loop.last }}{% endfor %}),
        {{ quarter_start() }} as first_day,
        {{ provenance() }}
    from {{ source('published', 'pprrvu') }}
    where trim(code) <> chr(26)
)
select
    {{ code_system('code') }} as code_system,
    trim(code) as code,
    coalesce(nullif(trim(component), ''), 'global') as component,
    first_day as valid_from,
    release_id,
    cast(first_day + interval 3 month - interval 1 day as date) as valid_to,
    trim(status_code) as status_code,
    coalesce(trim(not_used), '') = '+' as is_not_used_for_payment,
    work_rvu,
    nonfacility_pe_rvu,
    coalesce(trim(nonfacility_na), '') = 'NA' as is_rare_in_nonfacility,
    facility_pe_rvu,
    coalesce(trim(facility_na), '') = 'NA' as is_rare_in_facility,
    malpractice_rvu,
    nonfacility_total_rvu,
    facility_total_rvu,
    trim(pctc_code) as pctc_code,
    trim(global_days_code) as global_days_code,
    cast(cast(trim(preoperative) as decimal(9, 4)) * 100 as decimal(5, 2)) as preoperative_percent,
    cast(cast(trim(intraoperative) as decimal(9, 4)) * 100 as decimal(5, 2)) as intraoperative_percent,
    cast(cast(trim(postoperative) as decimal(9, 4)) * 100 as decimal(5, 2)) as postoperative_percent,
    trim(multiple_procedure_code) as multiple_procedure_code,
    trim(bilateral_code) as bilateral_code,
    trim(assistant_code) as assistant_code,
    trim(co_surgeon_code) as co_surgeon_code,
    trim(team_surgeon_code) as team_surgeon_code,
    cast(null as varchar) as pricing_code,
    nullif(trim(endoscopic_base_code), '') as endoscopic_base_code,
    cast(trim(conversion_factor_usd) as decimal(9, 4)) as conversion_factor_usd,
    trim(supervision_code) as supervision_code,
    trim(calculation_flag) as calculation_flag,
    trim(imaging_family_code) as imaging_family_code,
    opps_nonfacility_pe_rvu,
    opps_facility_pe_rvu,
    opps_malpractice_rvu,
    source_file
from cleaned
