{{ config(materialized='ephemeral', post_hook='') }}
{% set fields = {
    'code': (1, 5), 'record': (11, 11), 'price_1': (120, 121), 'price_2': (122, 123), 'price_3': (124, 125),
    'price_4': (126, 127), 'mult_pi': (128, 128), 'cim_1': (129, 134), 'cim_2': (135, 140), 'cim_3': (141, 146),
    'mcm_1': (147, 154), 'mcm_2': (155, 162), 'mcm_3': (163, 170), 'statute': (171, 180), 'lab_1': (181, 183),
    'lab_2': (184, 186), 'lab_3': (187, 189), 'lab_4': (190, 192), 'lab_5': (193, 195), 'lab_6': (196, 198),
    'lab_7': (199, 201), 'lab_8': (202, 204), 'xref_1': (205, 209), 'xref_2': (210, 214), 'xref_3': (215, 219),
    'xref_4': (220, 224), 'xref_5': (225, 229), 'cov': (230, 230), 'asc_grp': (231, 232), 'asc_dt': (233, 240),
    'opps': (241, 243), 'opps_pi': (244, 244), 'opps_dt': (245, 252), 'procnote': (253, 256), 'betos': (257, 259),
    'tos_1': (261, 261), 'tos_2': (262, 262), 'tos_3': (263, 263), 'tos_4': (264, 264), 'tos_5': (265, 265),
    'anest_bu': (266, 268), 'add_dt': (269, 276), 'act_eff_dt': (277, 284), 'term_dt': (285, 292), 'action_cd': (293, 293)
} %}
select
    {% for name, place in fields.items() %}nullif(trim(line[{{ place[0] }}:{{ place[1] }}]), '') as {{ name }},
    {% endfor %}filename
from {{ source('published', 'hcpcs_lines') }}
where line[11] = '3' and regexp_matches(line[6:10], '^[0-9]{5}$')
union all
select
    {% for name in fields %}nullif(trim({{ name }}), '') as {{ name }},
    {% endfor %}filename
from {{ source('published', 'hcpcs_sheets') }}
where record = '3'
