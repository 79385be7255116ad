"""From raw files to the frames of every table: the part of a refresh between the disk and the database."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import polars as pl

from flows.discover import OPEN_LICENCES, InputFile, Inputs, Origin, read_bytes
from flows.registry import SOURCES, Source
from schemas import TABLES, CodePayerModifier, ProfileRule, RawFile, Release, table
from transforms.contradictions import contradictions
from transforms.errors import StructureError
from transforms.gate import ensure
from transforms.open_build import open_tables
from transforms.payers import organization_lines
from transforms.profiles import code_facts, profiles
from transforms.read import RawText, decode
from transforms.rules import Cube, resolve
from transforms.sources import Built, FileCount, SourceFile, Statement, Tables, empty

Step = Callable[..., Any]
"""Runs a function under a name: directly, or as a Prefect task."""


class Dataset(NamedTuple):
    """Frames of every table but the cube, the cube over profiles, and what an open build left out."""

    tables: dict[str, pl.DataFrame]
    cells: pl.DataFrame
    """`code_payer_modifier` without the code, by `profile_id`."""
    left_out: list[tuple[str, str, int]]


def build_dataset(inputs: Inputs, *, is_licensed: bool, step: Step) -> Dataset:
    """Every source read and normalised, the cube resolved, contradictions found. Raises StructureError and BrokenCheckError."""
    tables: dict[str, pl.DataFrame] = {name: empty(name) for name in (model.table_name() for model in TABLES)}
    findings: list[pl.DataFrame] = []
    counts: list[FileCount] = []
    statements: list[Statement] = []
    encodings: dict[str, str] = {}
    for source in SOURCES:
        texts, built = step(f"read {source.name}", read_source, source, inputs.files, tables)
        encodings |= {text.source_file: text.encoding for text in texts}
        tables |= {name: pl.concat([tables[name], frame]) for name, frame in built.tables.items()}
        findings.append(built.findings)
        counts += built.counts
        statements += built.statements
    found = pl.concat(findings)
    left_out: list[tuple[str, str, int]] = []
    if not is_licensed:
        closed = {file.source_file for file in inputs.files if file.licence not in OPEN_LICENCES or file.source == "cms_pfs"}
        tables, found, left_out = open_tables(tables, found, open_licences=OPEN_LICENCES, closed_files=closed)
    _check_envelopes(tables)
    code_profile, cube, disagreements = step("resolve the cube", resolve_cube, tables)
    tables |= {"code_profile": code_profile, "profile_rule": cube.profile_rules, "contradiction": disagreements}
    tables |= {
        "finding": found,
        "raw_file": _raw_files(inputs.files, counts, encodings),
        "release": _releases(inputs.files, statements),
    }
    return Dataset({name: _sorted(tables[name], name) for name in tables}, cube.cells, left_out)


def _check_envelopes(tables: Tables) -> None:
    """Stop before anything is derived from a table that holds fewer rows than its declaration says is plausible."""
    for source in SOURCES:
        for name in source.tables:
            expected, _ = table(name).facts().expected_rows
            if tables[name].height < expected:
                raise StructureError(
                    f"{source.name}: table {name}",
                    expected=f"at least {expected} accepted rows",
                    found=str(tables[name].height),
                    advice="Check that the source is complete; the release before stays current.",
                )


def read_source(source: Source, files: Sequence[InputFile], tables: Tables) -> tuple[list[RawText], Built]:
    """Texts of a source's files and what its build makes of them."""
    own = [file for file in files if file.source == source.name]
    has_cp1252 = "cp1252" in source.encodings
    texts = [
        decode(read_bytes(file), source_file=file.source_file, allow_cp1252=has_cp1252, may_be_blank=source.may_be_blank)
        for file in own
    ]
    given = [SourceFile(text, file.origin.period, file.licence) for text, file in zip(texts, own, strict=True)]
    return texts, source.build(given, tables)


def resolve_cube(tables: Tables) -> tuple[pl.DataFrame, Cube, pl.DataFrame]:
    """The tables `code_profile` and `contradiction` and the cube over profiles, which is judged by its declaration here."""
    rules = tables["modifier_rule"]
    profiled = profiles(code_facts(tables["pfs_indicator"], tables["code_section"]), sorted(set(rules["predicate"])))
    cube = resolve(profiled, rules, tables["payer"], organization_lines(tables["payer_organization"]))
    example = profiled.code_profile.group_by("profile_id", maintain_order=True).agg(
        pl.col("code_system", "code", "component").first()
    )
    ensure(cube.cells.join(example, on="profile_id"), CodePayerModifier)
    ensure(cube.profile_rules, ProfileRule)
    found = contradictions(cube.disagreements, profiled.code_profile, tables["code_claim"], tables["pfs_indicator"], cube.cells)
    return profiled.code_profile, cube, found


def _raw_files(files: Iterable[InputFile], counts: Iterable[FileCount], encodings: dict[str, str]) -> pl.DataFrame:
    counted = {count.source_file: count for count in counts}
    rows = [
        {
            "source_file": file.source_file,
            "source": file.source,
            "release_id": file.origin.release_id,
            "sha256": file.sha256,
            "size_bytes": file.size_bytes,
            "origin": "local" if file.is_local else file.origin.kind,
            "encoding": encodings[file.source_file],
            **counted[file.source_file]._asdict(),
        }
        for file in files
    ]
    return ensure(pl.DataFrame(rows, schema=RawFile.polars_schema(), orient="row"), RawFile)


def _releases(files: Iterable[InputFile], statements: Iterable[Statement]) -> pl.DataFrame:
    stated = {statement.source_file: statement for statement in statements}
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for file in files:
        said, key = stated.get(file.source_file), (file.source, file.origin.release_id)
        rows[key] = _release_row(file.origin, said, rows.get(key, {}))
    return ensure(pl.DataFrame(list(rows.values()), schema=Release.polars_schema(), orient="row"), Release)


def _release_row(origin: Origin, said: Statement | None, before: dict[str, Any]) -> dict[str, Any]:
    return {
        "source": origin.source,
        "release_id": origin.release_id,
        "publisher": origin.publisher,
        "title": origin.title,
        "published_date": origin.published or (said.released if said else before.get("published_date")),
        "valid_from": origin.period.valid_from if origin.period else None,
        "valid_to": origin.period.valid_to if origin.period else None,
        "licence": origin.licence,
        "url": origin.url,
        "notice": said.notice if said else before.get("notice"),
    }


def _sorted(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    model = {declared.table_name(): declared for declared in TABLES}[name]
    return rows.select(model.column_names()).sort(model.facts().key, nulls_last=False)
