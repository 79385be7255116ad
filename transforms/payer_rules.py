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
    own, strangers = _of_their_payer(judged.tables["modifier_rule"], tables["payer_organization"])
    rules, unreadable = _readable(own)
    every = pl.concat([judged.findings, strangers, unreadable])
    counts = [counted(count.source_file, rows_read=count.rows_read, accepted=rules, findings=every) for count in judged.counts]
    lines = organization_lines(tables["payer_organization"])
    return Built({"modifier_rule": ranked(rules, lines).select(ModifierRule.column_names())}, every, counts)


def _of_their_payer(rules: pl.DataFrame, organizations: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rules whose organization belongs to their payer, and findings for the others."""
    owners = organizations.select("organization_id", owner="payer_id")
    owned = rules.join(owners, on="organization_id", how="left", maintain_order="left")
    is_foreign = pl.col("owner").is_not_null() & (pl.col("owner") != pl.col("payer_id"))
    findings = owned.filter(is_foreign).select(
        "source_file",
        "source_row",
        rule_id=pl.lit("modifier_rule.organization_id.of_payer"),
        column_name=pl.lit("organization_id"),
        severity=pl.lit("refused"),
        value="organization_id",
        reason=pl.format("Must be an organization of {}.", "payer_id"),
    )
    return owned.filter(~is_foreign).drop("owner"), findings


def _readable(rules: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rules whose predicate can be read, and findings for the others."""
    problems = {text: predicates.problem(text) for text in rules["predicate"].unique()}
    readable = pl.Series([text for text, problem in problems.items() if problem is None], dtype=pl.String)
    is_readable = pl.col("predicate").is_in(readable.implode())
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
