"""Price files in a refresh: units that are not done yet are done, their results put together, the names in them resolved."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import polars as pl

from flows.cache import Frames, Reading, key_of
from flows.discover import Inputs
from flows.parts import Part
from flows.price_files import PRICES, PriceFile, default_store, price_files
from flows.registry import PRICE_TABLES
from flows.settings import Settings, StopError
from flows.unit_parts import refused_part
from flows.unit_runs import run_here
from flows.unit_store import UnitStore
from flows.unit_streams import FILE
from flows.units import OtherProgramError, Unit, UnitDone, program, result_key
from transforms import price_tables
from transforms.errors import StructureError
from transforms.gate import findings_frame
from transforms.sources import Built, FileCount, Tables, empty

REVIEW = "name_review"
_FRAMES = {
    "modifier_observation": "observation",
    "published_modifier_effect": "effect",
    "price_file_worklist": "worklist",
}
"""Frame of a result that gives a table."""
_NAME_COLUMNS = ("payer_name", "plan_name", "hospital_market", "market", "known_from", "source_file")


class Priced(NamedTuple):
    """Price files whose units are done."""

    files: tuple[PriceFile, ...]
    hashes: Mapping[str, str]
    """SHA-256 by path below raw/."""
    store: UnitStore

    def key(self, file: PriceFile) -> str:
        """Name of a file's result."""
        return result_key(file.source, self.hashes[file.source_file], program())

    @property
    def keys(self) -> list[str]:
        """Names of all results."""
        return [self.key(file) for file in self.files]


def known_price_files(settings: Settings) -> Priced | None:
    """The price files where all their units are done, None where there is work left."""
    units = _units(settings)
    hashes = _done(units, UnitStore(_store(settings)))
    return _priced(settings, units, hashes) if len(hashes) == len(units) else None


def read_price_files(settings: Settings) -> Priced:
    """Do the units that are not done yet, here or on a cluster. Raises StopError, OSError."""
    units = _units(settings)
    hashes = _done(units, UnitStore(_store(settings)))
    left = [unit for unit, _ in units.values() if unit.source_file not in hashes]
    if left:
        hashes |= {done.unit.source_file: done.sha256 for done in _runner(settings)(left)}
    return _priced(settings, units, hashes)


def with_price_files(inputs: Inputs, priced: Priced) -> Inputs:
    """Inputs of a refresh with the price files among them."""
    taken = {file.source_file for file in priced.files}
    files = [file.as_input(priced.hashes[file.source_file]) for file in priced.files]
    return inputs._replace(files=(*inputs.files, *files), ignored=tuple(name for name in inputs.ignored if name not in taken))


def price_reading(priced: Priced, readings: Mapping[str, Reading], tables: Tables) -> Reading:
    """What the price files give, as a reading beside those of sources."""
    facts = [(file.source_file, priced.key(file), str(file.origin), file.stated_sha256) for file in priced.files]
    key = key_of(PRICES, facts, readings["payers"].key)
    results = _Results(priced, tables)
    built = Built({}, results.findings, results.counts)
    loaders: dict[str, Callable[[], pl.DataFrame]] = {name: _loader(results, name) for name in PRICE_TABLES}
    return Reading(key, built, results.parts, (), Frames(loaders))


class _Results:
    """Results of units under the paths of their files."""

    def __init__(self, priced: Priced, tables: Tables) -> None:
        self._priced, self._tables = priced, tables
        self.parts: list[Part] = []
        self.counts: list[FileCount] = []
        self._files: dict[str, list[PriceFile]] = {}
        self._facts = priced.store.all_facts(list(dict.fromkeys(priced.keys)))
        refused = [finding for file in priced.files for finding in self._add(file)]
        self.findings = pl.concat([findings_frame(), *refused, *self.frames("finding")])

    def frames(self, name: str) -> Iterator[pl.DataFrame]:
        """A frame of every result, with the paths of its file; files with the same bytes share a result."""
        for key, frame in self._priced.store.frames({key: self._facts[key] for key in self._files}, name):
            for file in self._files[key]:
                yield price_tables.placed(frame, FILE, file.source_file, published=file.origin.published)

    @cached_property
    def review(self) -> pl.DataFrame:
        """Every name with whom it means; only names and files of the observations are held for it."""
        names = (name for frame in _FRAMES.values() for name in self._names(frame))
        return price_tables.name_review(list(names), self._tables)

    def table(self, name: str) -> pl.DataFrame:
        """A table, names resolved."""
        if name == REVIEW:
            return self.review
        rows = [price_tables.price_table(name, frame, self.review) for frame in self.frames(_FRAMES[name])]
        return pl.concat([empty(name), *rows])

    def _names(self, frame: str) -> Iterator[pl.DataFrame]:
        for rows in self.frames(frame):
            yield rows.select(column for column in _NAME_COLUMNS if column in rows.columns)

    def _add(self, file: PriceFile) -> list[pl.DataFrame]:
        """Note what is said of a file; a finding where it is not what its origin.json says, of which nothing is taken."""
        key, sha256 = self._priced.key(file), self._priced.hashes[file.source_file]
        if file.stated_sha256 not in (None, sha256):
            part = refused_part(FILE, _other_bytes(file, sha256))
            self._note(file, part.facts._asdict(), sha256)
            return [price_tables.placed(frame, FILE, file.source_file) for frame in part.frames["finding"]]
        for facts in self._facts[key]["parts"]:
            self._note(file, facts, facts["sha256"] or sha256)
        self._files.setdefault(key, []).append(file)
        return []

    def _note(self, file: PriceFile, facts: Mapping[str, Any], sha256: str) -> None:
        name = str(facts["name"]).replace(FILE, file.source_file, 1)
        is_member = name != file.source_file
        size = int(facts["text_bytes"]) if is_member else file.size_bytes
        origin = "local" if file.origin.kind == "local" or not file.stated_sha256 else file.origin.kind
        archive = file.source_file if is_member else None
        self.parts.append(Part(name, archive, file.source, file.origin.release_id, sha256, size, origin, str(facts["encoding"])))
        self.counts.append(FileCount(name, facts["rows_read"], facts["rows_accepted"], facts["rows_refused"]))


def _loader(results: _Results, name: str) -> Callable[[], pl.DataFrame]:
    return lambda: results.table(name)


def _units(settings: Settings) -> dict[str, tuple[Unit, PriceFile]]:
    """A unit per price file, by path below raw/."""
    store, hash_of_program = _store(settings), program()
    return {
        file.source_file: (
            Unit(file.source, file.source_file, file.address, file.size_bytes, file.version, store, hash_of_program),
            file,
        )
        for file in price_files(settings.raw, settings.prices, follows_links=settings.follows_links)
    }


def _done(units: Mapping[str, tuple[Unit, PriceFile]], store: UnitStore) -> dict[str, str]:
    """Hashes of the files whose result is there, found by two listings and not by reading a file."""
    known, finished = store.known_hashes([unit.seen for unit, _ in units.values()]), store.finished()
    found = {name: UnitDone(unit, known[unit.seen]) for name, (unit, _) in units.items() if unit.seen in known}
    return {name: done.sha256 for name, done in found.items() if done.key in finished}


def _priced(settings: Settings, units: Mapping[str, tuple[Unit, PriceFile]], hashes: Mapping[str, str]) -> Priced:
    return Priced(tuple(file for _, file in units.values()), hashes, UnitStore(_store(settings)))


def _store(settings: Settings) -> str:
    return settings.units or str(default_store(settings.output).resolve())


def _runner(settings: Settings) -> Callable[[Sequence[Unit]], Iterator[UnitDone]]:
    """What does units: processes of this machine, or the workers of a cluster."""

    def run(units: Sequence[Unit]) -> Iterator[UnitDone]:
        try:
            if settings.dask is None:
                yield from run_here(units, processes=settings.threads)
                return
            from flows.unit_cluster import run_on_cluster

            yield from run_on_cluster(units, scheduler=settings.dask)
        except ModuleNotFoundError as error:
            raise StopError(f"--dask needs the extra dask ({error}): pip install 'payer-reference[dask]'.") from error
        except OtherProgramError as error:
            raise StopError(str(error)) from error

    return run


def _other_bytes(file: PriceFile, sha256: str) -> StructureError:
    return StructureError(
        FILE,
        expected=f"sha256 {(file.stated_sha256 or '')[:12]}... as its origin.json says",
        found=f"{sha256[:12]}...",
        advice="Fetch the file again, or remove its entry from origin.json to take it as a local file.",
    )
