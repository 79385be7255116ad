CREATE OR REPLACE VIEW code_payer_modifier AS
SELECT
    coded.code_system,
    coded.code,
    coded.component,
    answer.payer_id,
    answer.modifier,
    answer.organization_id,
    answer.line_of_business,
    answer.market,
    answer.valid_from,
    answer.valid_to,
    answer.disposition,
    answer.effect_kind,
    answer.effect_percent,
    answer.effect_units,
    answer.effect_formula,
    answer.target_line,
    answer.rule_id,
    answer.tier,
    answer.reason,
    answer.medicare_disposition,
    answer.medicare_effect_percent
FROM code_answer_set AS coded
JOIN answer ON answer.answer_set_id = coded.answer_set_id;
