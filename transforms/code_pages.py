"""Text pages about codes as rows: descriptions, claims, relations, diagnoses. Claims are kept apart from rules."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from schemas import CodeClaim, CodeDescription, CodeDiagnosis, CodePage, CodeRelation
from schemas.base import Table
from schemas.vocabulary import BEGINNING
from transforms.gate import WHOLE_ROW, ensure, findings_frame
from transforms.page_text import Page, PageRefusedError, parse
from transforms.payer_names import resolve_names
from transforms.sources import Built, FileCount, SourceFile, Tables

_SERVICE_WORDS = {
    "anesthesia": r"anesthe",
    "evaluation_management": r"\b(visit|consultation|evaluation and management)\b",
    "surgery": r"\bsurg",
    "radiology": r"\b(imaging|radiolog|x-ray)",
    "pathology": r"\b(laborator|patholog)",
}
"""Words of a service type that name a section, the first that fits."""
_NONFACILITY_WORDS = r"\b(office|clinic|home|imaging center|independent laboratory)\b"
_FACILITY_WORDS = r"\b(hospital|operating room|surgical suite|surgery center|endoscopy|emergency department|facility)\b"


def build(files: Sequence[SourceFile], tables: Tables) -> Built:
    """Rows of `code_page` and the four tables beside it; each page is taken whole or refused."""
    known = dict(tables["code"].select("code", "code_system").iter_rows())
    pages: list[tuple[SourceFile, Page]] = []
    findings: list[dict[str, Any]] = []
    for file in files:
        try:
            pages.append((file, _known(parse(file.raw.text), known)))
        except PageRefusedError as error:
            findings.append(_finding(file, error.rule_id, error.line, error.value, error.reason, severity="refused"))
    findings += [finding for file, page in pages for finding in _warnings(file, page)]
    accepted = {file.raw.source_file for file, _ in pages}
    counts = [FileCount(name := file.raw.source_file, 1, int(name in accepted), int(name not in accepted)) for file in files]
    built = {
        "code_page": _frame(pages, CodePage, _page_row),
        "code_description": _frame(pages, CodeDescription, _description_rows),
        "code_claim": _resolved(_frame(pages, CodeClaim, _claim_rows), tables),
        "code_relation": _frame(pages, CodeRelation, _relation_rows),
        "code_diagnosis": _frame(pages, CodeDiagnosis, _diagnosis_rows),
    }
    models = {model.table_name(): model for model in (CodePage, CodeDescription, CodeClaim, CodeRelation, CodeDiagnosis)}
    return Built({name: ensure(frame, models[name]) for name, frame in built.items()}, findings_frame(findings), counts)


def _known(page: Page, code_systems: Mapping[str, str]) -> Page:
    """The page with the code system of its code as the releases state it: pages call every code a CPT code."""
    if page.code not in code_systems:
        raise PageRefusedError(
            "code_page.code.known", line=1, value=page.code, reason="The code must be in a release of the fee schedule in raw/."
        )
    return page._replace(code_system=code_systems[page.code])


def _warnings(file: SourceFile, page: Page) -> Iterable[dict[str, Any]]:
    if page.is_truncated:
        yield _finding(
            file,
            "code_page.sections.complete",
            1,
            page.code,
            "The page stops early; what follows is unknown.",
            severity="warning",
        )
    if page.gated_section_count:
        count = f"{page.gated_section_count} sections"
        yield _finding(
            file, "code_page.sections.open", 1, count, "Sections behind a registration were not read.", severity="info"
        )


def _finding(file: SourceFile, rule_id: str, line: int, value: str, reason: str, *, severity: str) -> dict[str, Any]:
    where = {"source_file": file.raw.source_file, "source_row": line, "column_name": WHOLE_ROW}
    return {**where, "rule_id": rule_id, "severity": severity, "value": value, "reason": reason}


def _frame(
    pages: Iterable[tuple[SourceFile, Page]], model: type[Table], rows: Callable[[SourceFile, Page], Iterable[dict[str, Any]]]
) -> pl.DataFrame:
    made = [{"code_system": page.code_system, "code": page.code, **row} for file, page in pages for row in rows(file, page)]
    for_all = pl.DataFrame(made, schema=model.polars_schema(), orient="row")
    return for_all.unique(model.to_schema().unique, keep="first", maintain_order=True)


def _page_row(file: SourceFile, page: Page) -> Iterable[dict[str, Any]]:
    yield {
        "source_file": file.raw.source_file,
        "page_format": page.page_format,
        "gated_section_count": page.gated_section_count,
        "is_truncated": page.is_truncated,
        "copyright_holders": "; ".join(page.holders) or None,
    }


def _description_rows(file: SourceFile, page: Page) -> Iterable[dict[str, Any]]:
    for text in page.texts:
        licence = file.licence if text.holder is None else _licence_of(text.holder)
        made = {"kind": text.kind, "description": text.text, "copyright_holder": text.holder, "licence": licence}
        yield {**made, "source": file.raw.source_file, "valid_from": BEGINNING, "source_file": file.raw.source_file}


def _licence_of(holder: str) -> str:
    owners = {"American Medical Association": "AMA", "American Dental Association": "ADA"}
    return owners.get(holder, "third_party")


def _claim_rows(file: SourceFile, page: Page) -> Iterable[dict[str, Any]]:
    for claim in page.claims:
        yield {
            "kind": claim.kind,
            "claim": claim.claim,
            "resolved": None,
            "source_file": file.raw.source_file,
            "source_row": claim.line,
        }


def _relation_rows(file: SourceFile, page: Page) -> Iterable[dict[str, Any]]:
    place = {"source_file": file.raw.source_file}
    for band in page.bands:
        bounds = {"unit_basis": band.unit_basis, "lower_bound": band.lower, "upper_bound": band.upper}
        yield {"related_code": band.code, "relation": "unit_band", **bounds, **place, "source_row": band.line}
    for line, code in page.related:
        yield {"related_code": code, "relation": "related", **place, "source_row": line}


def _diagnosis_rows(file: SourceFile, page: Page) -> Iterable[dict[str, Any]]:
    for line, diagnosis, context in page.diagnoses:
        yield {"diagnosis_code": diagnosis, "context": context, "source_file": file.raw.source_file, "source_row": line}


def _resolved(claims: pl.DataFrame, tables: Tables) -> pl.DataFrame:
    """Claims with what they mean, where that is certain."""
    text, kind = pl.col("claim").str.to_lowercase(), pl.col("kind")
    named = resolve_names(claims, tables["payer_alias"], tables["payer_organization"], tables["name_word"])
    return named.with_columns(
        resolved=pl.when(kind == "payer")
        .then("payer_id")
        .when(kind.is_in(["modifier", "taxonomy"]))
        .then("claim")
        .when(kind == "service_type")
        .then(_section_named(text))
        .otherwise(_site_named(text))
    ).select(CodeClaim.column_names())


def _section_named(text: pl.Expr) -> pl.Expr:
    return pl.coalesce(pl.when(text.str.contains(words)).then(pl.lit(section)) for section, words in _SERVICE_WORDS.items())


def _site_named(text: pl.Expr) -> pl.Expr:
    outside, inside = text.str.contains(_NONFACILITY_WORDS), text.str.contains(_FACILITY_WORDS)
    return (
        pl.when(outside & inside)
        .then(pl.lit("both"))
        .when(outside)
        .then(pl.lit("nonfacility"))
        .when(inside)
        .then(pl.lit("facility"))
    )
