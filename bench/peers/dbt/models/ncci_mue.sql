select
    'practitioner' as setting,
    code,
    {{ quarter_start() }} as valid_from,
    cast(null as date) as valid_to,
    cast(mue_value as bigint) as mue_value,
    left(indicator, 1) as adjudication_indicator,
    case left(indicator, 1) when '1' then 'line' when '2' then 'day_absolute' when '3' then 'day_appealable' end as adjudication,
    rationale,
    {{ provenance() }}
from {{ source('published', 'mue') }}
where regexp_full_match(code, '[0-9A-Z]{5}')
