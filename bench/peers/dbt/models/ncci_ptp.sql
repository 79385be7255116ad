with edits as (
    select
        *,
        cast(strptime(effective, '%Y%m%d') as date) as valid_from,
        cast(strptime(nullif(deleted, '*'), '%Y%m%d') as date) as valid_to,
        {{ provenance() }}
    from {{ source('published', 'ptp') }}
)
select
    'practitioner' as setting,
    column_one_code,
    column_two_code,
    valid_from,
    row_number() over (
        partition by column_one_code, column_two_code, valid_from order by valid_to nulls last
    ) as edit_number,
    valid_to,
    modifier_indicator,
    modifier_indicator <> '9' as is_ever_in_force,
    coalesce(prior, '') = '*' as is_prior_to_1996,
    rationale,
    release_id,
    source_file
from edits
