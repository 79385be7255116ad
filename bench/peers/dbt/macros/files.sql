{# Path of the published file, as the other sides spell it. #}
{% macro source_file() %}regexp_replace(replace(filename, '{{ env_var("LANDING") }}/', ''), '(xlsx|xml)\.csv$', '\1'){% endmacro %}

{# The release is the folder below the source's. #}
{% macro release_id() %}split_part(replace(filename, '{{ env_var("LANDING") }}/', ''), '/', 2){% endmacro %}

{% macro quarter_start() %}cast({{ release_id() }} || '-01' as date){% endmacro %}

{% macro code_system(column) %}case when regexp_matches({{ column }}, '^[A-Z]') then 'HCPCS' else 'CPT' end{% endmacro %}

{% macro provenance() %}{{ release_id() }} as release_id, {{ source_file() }} as source_file{% endmacro %}

{# A day as YYYYMMDD. #}
{% macro day(column) %}cast(strptime({{ column }}, '%Y%m%d') as date){% endmacro %}

{# A day as year and day of the year. #}
{% macro ordinal(column) %}cast(strptime(nullif(trim({{ column }}), ''), '%Y%j') as date){% endmacro %}
