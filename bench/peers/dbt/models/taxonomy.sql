select
    "Code" as taxonomy_code,
    make_date(
        2000 + cast(split_part({{ release_id() }}, '.', 1) as integer),
        case split_part({{ release_id() }}, '.', 2) when '1' then 7 else 1 end,
        1
    ) as valid_from,
    cast(null as date) as valid_to,
    trim("Section") as section,
    trim("Grouping") as grouping,
    trim("Classification") as classification,
    nullif(trim("Specialization"), '') as specialization,
    trim("Display Name") as display_name,
    nullif(trim("Definition"), '') as definition,
    nullif(trim("Notes"), '') as notes,
    cast(null as date) as effective_date,
    cast(null as date) as deactivation_date,
    cast(null as date) as last_modified_date,
    {{ provenance() }}
from {{ source('published', 'taxonomy_csv') }}
