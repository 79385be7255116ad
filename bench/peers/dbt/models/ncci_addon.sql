with edits as (
    select *, {{ ordinal('effective') }} as valid_from, {{ ordinal('deleted') }} as valid_to
    from {{ source('published', 'addon') }}
    where regexp_full_match(edit_type, '[0-9]')
)
select
    trim(addon_code) as addon_code,
    trim(primary_code) as primary_code,
    valid_from,
    valid_to,
    case when trim(primary_code) = 'CCCCC' then 'contractor_defined' else 'code' end as primary_kind,
    trim(edit_type) as edit_type,
    valid_to is distinct from valid_from as is_ever_in_force,
    {{ ordinal('addon_deleted') }} as addon_deletion_date,
    {{ ordinal('primary_deleted') }} as primary_deletion_date,
    nullif(trim(special_instruction), '') as special_instruction,
    {{ provenance() }}
from edits
