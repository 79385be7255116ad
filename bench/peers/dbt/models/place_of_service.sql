{% set remarks = "(?i)((?:\\s*\\([^()]*\\beffective\\b[^()]*\\))+)$" %}
with tidy as (
    select *, trim(regexp_replace(definition, '[\s\x{00A0}]+', ' ', 'g')) as definition_text,
        trim(regexp_replace(display, '[\s\x{00A0}]+', ' ', 'g')) as display_text
    from {{ source('published', 'pos') }}
)
select
    code as place_of_service_code,
    cast(strptime({{ release_id() }}, '%Y%m%d') as date) as valid_from,
    cast(null as date) as valid_to,
    rtrim(replace(regexp_replace(display_text, ' ?([/–-]) ?', '\1', 'g'), '–', '-'), '*') as place_name,
    regexp_replace(definition_text, '{{ remarks }}', '') as description,
    nullif(trim(regexp_extract(definition_text, '{{ remarks }}', 1)), '') as effective_note,
    cast(null as boolean) as is_facility,
    true as is_assigned,
    {{ provenance() }}
from tidy
