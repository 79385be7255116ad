select
    regexp_replace(trim(line[7:13]), '^(.{3})(.+)$', '\1.\2') as diagnosis_code,
    make_date(cast({{ release_id() }} as integer) - 1, 10, 1) as valid_from,
    cast(null as date) as valid_to,
    line[15] = '1' as is_billable,
    trim(line[17:76]) as short_description,
    trim(line[78:]) as long_description,
    {{ provenance() }}
from {{ source('published', 'icd_order') }}
