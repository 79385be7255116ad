"""From readings of sources to the frames of every table: the part of a refresh between the files and the database."""

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any, NamedTuple

import polars as pl

from flows.cache import Frames, Reading, key_of
from flows.discover import OPEN_LICENCES, Inputs, Origin
from flows.price_files import PRICES
from flows.reading import Step, every_part, tables_of
from flows.registry import CUBE_SOURCES, CUBE_TABLES, PRICE_TABLES, SEARCH_SOURCES, SOURCES
from schemas import TABLES, CodePayerModifier, ProfileRule, RawFile, Release, table
from transforms.answer_sets import AnswerSets, answer_sets
from transforms.contradictions import contradictions
from transforms.errors import BrokenCheckError, StructureError
from transforms.gate import ensure, findings_frame
from transforms.hospital_rules import HospitalRules, hospital_rules
from transforms.modifiers import complete
from transforms.open_build import LeftOut, open_changes, open_table
from transforms.payers import organization_lines
from transforms.profiles import code_facts, profiles
from transforms.rules import Cube, resolve
from transforms.search_words import search_words
from transforms.sources import Statement, Tables

TOLD_ANEW = frozenset({"finding", "raw_file", "release"})
"""Tables about the run, which are small and made anew each time."""


class Dataset(NamedTuple):
    """Every table of a release, each made when it is asked for; the cube itself is a view over two of them."""

    tables: Frames
    keys: Mapping[str, str]
    """Hash of what each table depends on: equal keys, equal rows."""
    left_out: Mapping[str, list[LeftOut]]
    """What an open build left out, by table, filled as tables are made."""
    unread: list[str]
    """Files and members of archives that were left alone."""


def table_keys(readings: Mapping[str, Reading], *, is_licensed: bool) -> dict[str, str]:
    """What each table depends on, as a hash. Tables about the run depend on everything."""
    dependencies: dict[str, tuple[str, ...]] = {
        model.table_name(): tuple(source.name for source in SOURCES if model.table_name() in source.tables) for model in TABLES
    }
    dependencies |= dict.fromkeys(TOLD_ANEW, tuple(readings))
    dependencies |= dict.fromkeys(CUBE_TABLES, (*CUBE_SOURCES, PRICES))
    dependencies |= dict.fromkeys(PRICE_TABLES, (PRICES, "payers"))
    dependencies["modifier_rule"] = (*dependencies["modifier_rule"], "payers", "modifiers", PRICES)
    dependencies["change"] = tuple(source.name for source in SOURCES if source.has_releases)
    dependencies["search_word"] = SEARCH_SOURCES
    dependencies["code"] = (*dependencies["code_listing"], "code_sections")
    dependencies["modifier"] = (*dependencies["modifier"], *dependencies["modifier_listing"])
    return {
        name: key_of(name, is_licensed, [readings[source].key for source in sources if source in readings])
        for name, sources in dependencies.items()
    }


def build_dataset(
    inputs: Inputs,
    readings: Mapping[str, Reading],
    *,
    is_licensed: bool,
    step: Step,
    kept: Collection[str] = (),
    accepted: Collection[str] = (),
) -> Dataset:
    """Tables from readings. `kept` names tables that a release holds already, `accepted` those that may hold too few rows.

    Raises StructureError where a table holds fewer rows than is plausible, BrokenCheckError where a table of ours is wrong.
    """
    closed = _closed_files(inputs, readings)
    left_out: dict[str, list[LeftOut]] = {}
    made = _with_derived(tables_of(readings), readings, inputs)
    opened = Frames({name: _finished(name, made, left_out, closed=closed, is_licensed=is_licensed) for name in made})
    _check_envelopes(opened, {*kept, *accepted})
    if not set(CUBE_TABLES) <= set(kept):
        cube = step("resolve the cube", resolve_cube, opened)
        opened = opened.with_loaders({name: _given(in_order(rows, name)) for name, rows in cube.items()})
    if "search_word" not in kept:
        words = step("index the words", search_words, opened)
        opened = opened.with_loaders({"search_word": _given(in_order(words, "search_word"))})
    unread = [*inputs.ignored, *(name for reading in readings.values() for name in reading.unread)]
    return Dataset(opened, table_keys(readings, is_licensed=is_licensed), left_out, sorted(unread))


def resolve_cube(tables: Tables) -> dict[str, pl.DataFrame]:
    """The tables of the cube; its cells are judged by the cube's declaration on one code of each profile."""
    rules = tables["modifier_rule"]
    facts = code_facts(tables["pfs_indicator"], tables["code_section"], tables["code"])
    profiled = profiles(facts, sorted(set(rules["predicate"])))
    cube = resolve(profiled, rules, tables["payer"], organization_lines(tables["payer_organization"]))
    _judge_cells(cube, profiled.code_profile)
    sets: AnswerSets = answer_sets(cube.cells, profiled.code_profile)
    found = contradictions(cube.disagreements, profiled.code_profile, tables["code_claim"], tables["pfs_indicator"], cube.cells)
    return {
        "code_profile": profiled.code_profile,
        "profile_rule": cube.profile_rules,
        "code_answer_set": sets.code_answer_set,
        "answer": sets.answer,
        "contradiction": found,
    }


def _judge_cells(cube: Cube, code_profile: pl.DataFrame) -> None:
    example = code_profile.group_by("profile_id", maintain_order=True).agg(pl.col("code_system", "code", "component").first())
    ensure(cube.cells.join(example, on="profile_id"), CodePayerModifier)
    ensure(cube.profile_rules, ProfileRule)


def _with_derived(tables: Frames, readings: Mapping[str, Reading], inputs: Inputs) -> Frames:
    """Tables of sources and those about the run; `modifier` with the dates and the modifiers that publishers list.

    Rules of payers are followed by those that hospitals' files show, which answer only where no rule of a payer does.
    """
    curated, rules = _given(tables["modifier"]), _given(tables["modifier_rule"])
    of_hospitals = cache(lambda: _hospital_rules(tables, curated()))
    return tables.with_loaders(
        {
            "modifier": lambda: complete(curated(), tables["modifier_listing"]),
            "modifier_rule": lambda: pl.concat([rules(), of_hospitals().rules]),
            "finding": lambda: pl.concat(
                [findings_frame(), *(reading.findings for reading in readings.values()), of_hospitals().findings]
            ),
            "raw_file": lambda: _raw_files(readings),
            "release": lambda: _releases(inputs, readings),
        }
    )


def _hospital_rules(tables: Tables, modifiers: pl.DataFrame) -> HospitalRules:
    organizations = tables["payer_organization"]
    return hospital_rules(
        tables["published_modifier_effect"],
        payers=tables["payer"],
        organizations=organizations,
        modifiers=modifiers,
        lines=organization_lines(organizations),
    )


def _finished(
    name: str, tables: Tables, left_out: dict[str, list[LeftOut]], *, closed: Collection[str], is_licensed: bool
) -> Callable[[], pl.DataFrame]:
    """A table as a release holds it: fit for its build, columns and rows in order."""

    def finish() -> pl.DataFrame:
        rows = tables[name]
        if not is_licensed:
            opened = open_table(rows, table(name), open_licences=OPEN_LICENCES, closed_files=closed)
            rows, left_out[name] = opened.rows, opened.left_out
            if name == "change":
                rows = open_changes(rows, TABLES)
        return in_order(rows, name)

    return finish


def _closed_files(inputs: Inputs, readings: Mapping[str, Reading]) -> set[str]:
    """Files whose own words may not stand in an open build; those of the fee schedule always carry descriptors."""
    closed = {file.source_file for file in inputs.files if file.licence not in OPEN_LICENCES or file.source == "cms_pfs"}
    return closed | {part.source_file for part in every_part(readings) if part.archive_file in closed}


def _check_envelopes(tables: Tables, passed: Collection[str]) -> None:
    """Stop before anything is derived from a table that holds fewer rows than its declaration says is plausible."""
    for source in SOURCES:
        for name in source.tables:
            expected, _ = table(name).facts().expected_rows
            if expected and name not in passed and tables[name].height < expected:
                raise StructureError(
                    f"{source.name}: table {name}",
                    expected=f"at least {expected} accepted rows",
                    found=str(tables[name].height),
                    advice="Check that the source is complete; the release before stays current. "
                    f"If this is meant: --accept {name}.",
                )


def _raw_files(readings: Mapping[str, Reading]) -> pl.DataFrame:
    counts = {count.source_file: count for reading in readings.values() for count in reading.counts}
    uncounted = [part.source_file for part in every_part(readings) if part.source_file not in counts]
    if uncounted:
        raise BrokenCheckError(f"Read, but its rows were not counted: {', '.join(uncounted)}")
    rows = [{**counts[part.source_file]._asdict(), **part._asdict()} for part in every_part(readings)]
    return ensure(pl.DataFrame(rows, schema=RawFile.polars_schema(), orient="row"), RawFile)


def _releases(inputs: Inputs, readings: Mapping[str, Reading]) -> pl.DataFrame:
    parts = {part.source_file: part for part in every_part(readings)}
    said = [statement for reading in readings.values() for statement in reading.statements]
    stated: dict[tuple[str, str], Statement] = {}
    for each in sorted(
        said, key=lambda statement: statement.released is not None
    ):  # one with a day of release comes last and stays
        stated[parts[each.source_file].source, parts[each.source_file].release_id] = each
    origins = {(file.source, file.origin.release_id): file.origin for file in inputs.files}
    rows = [_release_row(origin, stated.get(key)) for key, origin in origins.items()]
    return ensure(pl.DataFrame(rows, schema=Release.polars_schema(), orient="row"), Release)


def _release_row(origin: Origin, said: Statement | None) -> dict[str, Any]:
    return {
        "source": origin.source,
        "release_id": origin.release_id,
        "publisher": origin.publisher,
        "title": origin.title,
        "published_date": origin.published or (said.released if said else None),
        "valid_from": origin.period.valid_from if origin.period else None,
        "valid_to": origin.period.valid_to if origin.period else None,
        "licence": origin.licence,
        "url": origin.url,
        "notice": said.notice if said else None,
    }


def _given(rows: pl.DataFrame) -> Callable[[], pl.DataFrame]:
    return lambda: rows


def in_order(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """A table's columns as declared and its rows in the order of its key."""
    model = table(name)
    chosen, key = rows.select(model.column_names()), model.facts().key
    return chosen if _is_sorted(chosen, key) else chosen.sort(key, nulls_last=False)


def _is_sorted(rows: pl.DataFrame, key: tuple[str, ...]) -> bool:
    """Rows stand in the order of their key, which is quicker to see than to make for millions of rows."""
    follows, equal = pl.lit(value=False), pl.lit(value=True)
    for name in key:
        before = pl.col(name).shift(1)
        follows = follows | (equal & ((pl.col(name) > before) | (before.is_null() & pl.col(name).is_not_null())))
        equal = equal & pl.col(name).eq_missing(before)
    return bool(rows.select((follows | equal).slice(1).all(ignore_nulls=False)).item())
