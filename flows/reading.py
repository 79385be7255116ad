"""Every source read and normalised: from the cache where its files did not change, from the files otherwise."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl

from flows.cache import Frames, Reading, key_of, store, stored
from flows.discover import InputFile
from flows.parts import Part, Parts, parts_of
from flows.registry import SOURCES, Source
from schemas import TABLES
from transforms.code import code_list
from transforms.errors import SeveralSourcesError, StructureError
from transforms.gate import findings_frame
from transforms.history import ReleaseTables
from transforms.sources import Built, SourceFile, Tables, empty, merged

Step = Callable[..., Any]
"""Runs a function under a name: directly, or as a Prefect task."""


def read_sources(files: Sequence[InputFile], *, cache: Path, step: Step, is_forced: bool = False) -> dict[str, Reading]:
    """What every source gave, by its name. Raises StructureError for the sources that are not what they are declared to be.

    Every source is tried, so that one refresh names all that must be mended, and what was read is kept for the next. Published
    sources that need no other are read beside the rest, because half of reading keeps only one processor busy.
    """
    readings: dict[str, Reading] = {}
    errors: dict[str, StructureError] = {}
    tables = tables_of(readings)

    def read(source: Source) -> None:
        own = tuple(file for file in files if file.source == source.name)
        try:
            readings[source.name] = _reading(source, own, readings, tables, cache=cache, step=step, is_forced=is_forced)
        except StructureError as error:
            errors[source.name] = error

    with ThreadPoolExecutor(max_workers=1) as beside:
        apart = [source for source in SOURCES if source.has_releases and not source.needs]
        running = [beside.submit(copy_context().run, read, source) for source in apart]
        for source in SOURCES:
            if source not in apart and all(name in readings for name in source.needs):
                read(source)
        for each in running:
            each.result()
    if errors:
        found = [errors[source.name] for source in SOURCES if source.name in errors]
        raise found[0] if len(found) == 1 else SeveralSourcesError(found)
    return {source.name: readings[source.name] for source in SOURCES}


def tables_of(readings: Mapping[str, Reading]) -> Frames:
    """Tables of sources, put together over all that have one when somebody asks, and `code`, which is made of `code_listing`."""
    names = dict.fromkeys(model.table_name() for model in TABLES)
    loaders: dict[str, Callable[[], pl.DataFrame]] = {name: _joined(name, readings) for name in names}
    frames = Frames(loaders)
    return frames.with_loaders({"code": lambda: code_list(_joined("code_listing", readings)(), frames["code_section"])})


def read_files(source: Source, files: Sequence[InputFile], tables: Tables) -> tuple[Built, list[Part], list[str]]:
    """What the files of a source give, read anew."""
    parts: list[Part] = []
    unread: list[str] = []
    built: list[ReleaseTables] = []
    for _, group in groupby(files, key=lambda file: file.origin.release_id):
        opened = parts_of(list(group), source)
        parts += opened.parts
        unread += opened.unread
        if not source.has_releases:
            return source.build(opened.files, tables), parts, unread
        if opened.files:
            built.append(_built(source, opened, tables))
    if not source.has_releases:
        return source.build([], tables), parts, unread
    in_order = sorted(built, key=lambda release: (release.period.valid_from, release.period.release_id))
    combine = source.combine or (lambda releases: merged(release.built for release in releases))
    return combine(in_order), parts, unread


def _reading(
    source: Source,
    files: Sequence[InputFile],
    readings: Mapping[str, Reading],
    tables: Tables,
    *,
    cache: Path,
    step: Step,
    is_forced: bool,
) -> Reading:
    facts = [(file.source_file, file.sha256, file.licence, str(file.origin.period)) for file in files]
    key = key_of(source.name, facts, [readings[name].key for name in source.needs])
    if source.has_releases and not files:
        return Reading(key, Built({}, findings_frame(), []), (), (), Frames({}))
    kept = stored(cache, key) if source.has_releases and not is_forced else None
    if kept is not None:
        return kept
    built, parts, unread = step(f"read {source.name}", read_files, source, files, tables)
    reading = Reading(key, built, parts, unread, Frames({name: _given(frame) for name, frame in built.tables.items()}))
    if source.has_releases:
        store(cache, reading)
    return reading


def _built(source: Source, opened: Parts, tables: Tables) -> ReleaseTables:
    first: SourceFile = opened.files[0]
    if first.period is None:
        raise StructureError(
            first.source_file,
            expected="a release folder whose name gives its period, or an origin.json that states it",
            found="neither",
            advice=f"docs/sources.md says how the folders of {source.name} are named.",
        )
    return ReleaseTables(first.period, source.build(opened.files, tables))


def _joined(name: str, readings: Mapping[str, Reading]) -> Callable[[], pl.DataFrame]:
    def join() -> pl.DataFrame:
        found = [reading.tables[name] for reading in readings.values() if name in reading.tables]
        return pl.concat([empty(name), *found]) if len(found) != 1 else found[0]

    return join


def _given(frame: pl.DataFrame) -> Callable[[], pl.DataFrame]:
    return lambda: frame


def every_part(readings: Mapping[str, Reading]) -> Iterable[Part]:
    """Files and members of archives that were read."""
    return (part for reading in readings.values() for part in reading.parts)
