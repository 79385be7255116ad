"""Dated rules of payers about modifiers, one row each, with citation and rank."""

from collections.abc import Sequence

import polars as pl

from schemas import ModifierRule
from transforms import predicates
from transforms.curated import curated
from transforms.gate import findings_frame
from transforms.payers import organization_lines
from transforms.rules import ranked
from transforms.sources import Built, SourceFile, Tables, counted


def build(files: Sequence[SourceFile], tables: Tables) -> Built:
    """`modifier_rule` rows. A rule whose predicate cannot be read is refused with the reason."""
    known = {
        "modifier": tables["modifier"]["modifier"],
        "payer_id": tables["payer"]["payer_id"],
        "organization_id": tables["payer_organization"]["organization_id"],
    }
    judged = curated(files, ModifierRule, known=known)
    rules, findings = _readable(judged.tables["modifier_rule"])
    every = pl.concat([judged.findings, findings])
    counts = [counted(count.source_file, rows_read=count.rows_read, accepted=rules, findings=every) for count in judged.counts]
    lines = organization_lines(tables["payer_organization"])
    return Built({"modifier_rule": ranked(rules, lines).select(ModifierRule.column_names())}, every, counts)


def _readable(rules: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rules whose predicate can be read, and findings for the others."""
    problems = {text: predicates.problem(text) for text in rules["predicate"].unique()}
    is_readable = pl.col("predicate").is_in([text for text, problem in problems.items() if problem is None])
    findings = findings_frame(
        {
            "source_file": row["source_file"],
            "source_row": row["source_row"],
            "column_name": "predicate",
            "rule_id": "modifier_rule.predicate.readable",
            "severity": "refused",
            "value": row["predicate"],
            "reason": problems[row["predicate"]],
        }
        for row in rules.filter(~is_readable).iter_rows(named=True)
    )
    return rules.filter(is_readable), findings
