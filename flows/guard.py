"""Before a release is published: compare it with the one before, stop where it lost too much, say what changed."""

from collections.abc import Collection
from pathlib import Path

import polars as pl

from flows.file_hash import sha256_of
from flows.publish import current_release
from flows.registry import PRICE_SOURCES, SOURCES
from flows.release_feed import (
    Compared,
    Manifest,
    manifest_of,
    predecessor,
    read_sets,
    read_table,
    rows_by_table,
    unequal,
    write_account,
    write_changes,
)
from flows.settings import Settings, StopError
from schemas import SCHEMA_VERSION, TABLES, CodePayerModifier, CodeProfile, ModifierObservation, table
from transforms.envelopes import (
    Breach,
    change_breaches,
    coverage,
    coverage_breaches,
    refusal_breaches,
    row_breaches,
    stops,
)

_MOST_TOLD = 10
"""Broken limits of a table that a message tells."""
DOCUMENTS = ("datapackage.json", "DICTIONARY.md")


def compare(folder: Path, settings: Settings, described: Manifest) -> Manifest:
    """The manifest with hashes of the documents and the limits that were raised; the change feed is in the folder.

    Raises StopError where the release lost or refused more than its declarations allow.
    """
    documents = [
        {"path": name, "size_bytes": (folder / name).stat().st_size, "sha256": sha256_of(folder / name)} for name in DOCUMENTS
    ]
    before = _before(settings)
    breaches = [*_of_rows(described, before), *_of_refusals(described), *_of_coverage(folder, described, before)]
    _stop(breaches, accepted=settings.accepted, described=described)
    raised = [breach for breach in breaches if breach.is_stop]
    complete = {**described, "documents": documents, "accepted": [{"table": each.table, "limit": each.text} for each in raised]}
    old = predecessor(settings.output, release=described["release"], build=described["build"])
    compared = write_changes(old, folder, folder, described=complete)
    told = [f"{breach.table}: {breach.text}" for breach in (*breaches, *_of_changes(compared))]
    write_account(old, folder, described=complete, compared=compared, warnings=told)
    return complete


def check_schema(output: Path) -> None:
    """Stop before anything is built where the folder holds releases of another major schema version."""
    current = current_release(output)
    held = str(current.get("schema_version", "")) if current else ""
    if current and held.partition(".")[0] != SCHEMA_VERSION.partition(".")[0]:
        raise StopError(
            f"{output}: expected releases of schema version {SCHEMA_VERSION.partition('.')[0]}, found {current['release']} of "
            f"version {held}, in which columns have other names or types. Readers of this folder would break: publish "
            "into another one with --output, let the readers change over, and delete the old folder when nobody reads it."
        )


def check_accepted(names: Collection[str]) -> None:
    """Names of tables given with --accept. Raises StopError for one that no table carries."""
    known = {model.table_name() for model in TABLES}
    for name in names:
        if name not in known:
            raise StopError(
                f"--accept {name}: expected the name of a table, found none of that name. DICTIONARY.md lists the tables."
            )


def _before(settings: Settings) -> Path | None:
    """The current release where it is of the same build: it is what readers would lose."""
    current = current_release(settings.output)
    same = current is not None and current.get("build") == settings.build
    return (settings.output / "current").resolve() if same else None


def _of_rows(described: Manifest, before: Path | None) -> list[Breach]:
    now, then = rows_by_table(described), rows_by_table(manifest_of(before)) if before else {}
    return [
        breach
        for model in TABLES
        for breach in row_breaches(model, held=now[model.table_name()], before=then.get(model.table_name()))
    ]


def _of_refusals(described: Manifest) -> list[Breach]:
    models = {source.name: [table(name) for name in source.tables] for source in SOURCES}
    models |= {source.name: [ModifierObservation] for source in PRICE_SOURCES}
    seen = {source: (counts["rows_read"], counts["rows_refused"]) for source, counts in described["rows"].items()}
    prices = {source.name for source in PRICE_SOURCES}
    return [
        breach
        for source, (read, refused) in seen.items()
        if source in models
        for breach in refusal_breaches(models[source], source=source, read=read, refused=refused, is_stop=source not in prices)
    ]


def _of_coverage(folder: Path, described: Manifest, before: Path | None) -> list[Breach]:
    if before is None or CodePayerModifier not in unequal(manifest_of(before), described):
        return []
    now, then = (
        coverage(read_sets(place), read_table(place, CodeProfile).select("code_system", "code", "section"))
        for place in (folder, before)
    )
    return coverage_breaches(CodePayerModifier, held=now, before=then)


def _of_changes(compared: Compared | None) -> list[Breach]:
    if compared is None:
        return []
    stayed = compared.counts.filter(pl.col("change_kind") != "added")
    touched = stayed.group_by("table").agg((pl.col("records") - pl.col("moved")).sum()).sort("table")
    return [
        breach
        for name, records in touched.rows()
        for breach in change_breaches(table(name), touched=records, before=compared.rows_before.get(name, 0))
    ]


def _shortened(texts: list[str]) -> list[str]:
    more = len(texts) - _MOST_TOLD
    return texts if more <= 0 else [*texts[:_MOST_TOLD], f"and {more} more"]


def _stop(breaches: Collection[Breach], *, accepted: Collection[str], described: Manifest) -> None:
    stopping = stops(breaches, accepted=accepted)
    if not stopping:
        return
    lines = [f"  {name}: {text}" for name, texts in stopping.items() for text in _shortened(texts)]
    options = " ".join(f"--accept {name}" for name in (*accepted, *(name for name in stopping if name not in accepted)))
    raise StopError(
        f"Release {described['release']} is not published, the one before stays current:\n" + "\n".join(lines) + "\n"
        f"Check that the inputs are complete. If this is meant, raise the limits for one run: payref refresh {options}"
    )
