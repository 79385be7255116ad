"""National Correct Coding Initiative of Medicare: pairs of codes, units limits and add-on codes of one quarter (CMS)."""

from collections.abc import Sequence

import polars as pl

from schemas import NcciAddon, NcciMue, NcciPtp
from schemas.base import Table
from transforms.errors import StructureError
from transforms.history import Kind, ReleaseTables, changes, history, no_change, ordered
from transforms.ncci_files import Named, named, period_findings, period_of
from transforms.ncci_limits import addon_edits, units_limits
from transforms.ncci_ptp import Part, edits
from transforms.sources import Built, SourceFile, Tables, merged

_KINDS: dict[type[Table], Kind] = {NcciPtp: Kind.DATED, NcciMue: Kind.SNAPSHOT, NcciAddon: Kind.DATED}
_SILENT = {"known_from", "release_id", "source_file", "source_row"}
"""Columns that say which release a row comes from, not what it says."""
_PERIOD = {"valid_from", "valid_to"}


def build(files: Sequence[SourceFile], tables: Tables) -> Built:  # noqa: ARG001 - every source is given the tables before it
    """`ncci_ptp`, `ncci_mue` and `ncci_addon` of one release; a table of which there is no file is left out.

    Raises StructureError for a file of another name, another layout, or two files of a kind.
    """
    known = [(file, named(file)) for file in files]
    _check_single([pair for pair in known if pair[1].table != "ncci_ptp"])
    pairs = [Part(file, what) for file, what in known if what.table == "ncci_ptp"]
    settings = sorted({part.what.setting for part in pairs})
    built = [
        *(edits([part for part in pairs if part.what.setting == setting], period=period_of(files[0])) for setting in settings),
        *(units_limits(file, what) for file, what in known if what.table == "ncci_mue"),
        *(addon_edits(file, what) for file, what in known if what.table == "ncci_addon"),
    ]
    whole = merged(built)
    misplaced = [period_findings(file, what) for file, what in known]
    return whole._replace(findings=pl.concat([whole.findings, *misplaced]))


def combine(parts: Sequence[ReleaseTables]) -> Built:
    """Releases over time, each setting by itself: a release without a setting's file says nothing about that setting."""
    built = merged(part.built for part in parts)
    finished: dict[str, pl.DataFrame] = {}
    found = [no_change()]
    for model, kind in _KINDS.items():
        name = model.table_name()
        if name in built.tables and built.tables[name].height:
            over_time = [_over_time(parts, setting, model, kind) for setting in _settings(built.tables[name])]
            finished[name] = pl.concat([rows for rows, _ in over_time])
            found += [changed for _, changed in over_time]
    return built._replace(tables={**built.tables, **finished, "change": pl.concat(found)})


def _over_time(
    parts: Sequence[ReleaseTables], setting: str | None, model: type[Table], kind: Kind
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of one setting over the releases that have it, and what changed between them."""
    name = model.table_name()
    mine = pl.lit(value=True) if setting is None else pl.col("setting") == setting
    given = [(part.period, part.built.tables[name].filter(mine)) for part in parts if name in part.built.tables]
    having = [(period, rows) for period, rows in given if rows.height]
    releases = ordered([period for period, _ in having])
    settled, others = _settled([rows for _, rows in having], model, kind)
    rows = pl.concat(others)
    return pl.concat([settled, history(rows, model, kind, releases)]), changes(rows, model, kind, releases, source="cms_ncci")


def _settled(releases: Sequence[pl.DataFrame], model: type[Table], kind: Kind) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Rows that every release says alike, as the oldest says them, and what else each release says.

    Of 2.5 million pairs a quarter changes some thousands, and only those need to be set in order over time.
    """
    if len(releases) == 1:
        return releases[0].clear(), list(releases)
    silent = _SILENT | (_PERIOD if kind is Kind.SNAPSHOT else set())
    says = [name for name in model.column_names() if name not in silent]
    alike = _placed(releases[0], says, 0)
    for number, rows in enumerate(releases[1:], start=1):
        alike = alike.join(_placed(rows, says, number), on=says, nulls_equal=True)
    others = [rows.filter(~_is_at(alike[str(number)])) for number, rows in enumerate(releases)]
    return releases[0].filter(_is_at(alike["0"])), others


def _placed(rows: pl.DataFrame, names: Sequence[str], number: int) -> pl.DataFrame:
    """The named columns and, under the release's number, the place of each row."""
    return rows.select(*names, pl.int_range(pl.len(), dtype=pl.UInt32).alias(str(number)))


def _is_at(places: pl.Series) -> pl.Expr:
    return pl.int_range(pl.len(), dtype=pl.UInt32).is_in(places.implode())


def _settings(rows: pl.DataFrame) -> list[str | None]:
    """Settings among the rows; one that is none for a table without settings."""
    return rows["setting"].unique().sort().to_list() if "setting" in rows.columns else [None]


def _check_single(known: Sequence[tuple[SourceFile, Named]]) -> None:
    """Stop where a release has two files of units limits of a setting, or two of add-on codes."""
    seen: dict[tuple[str, str], str] = {}
    for file, what in known:
        kind = (what.table, what.setting)
        if kind in seen:
            raise StructureError(
                file.source_file,
                expected="one file of its kind in a release folder",
                found=f"{seen[kind]} beside it",
                advice="Keep the one that is meant, or give each release a folder.",
            )
        seen[kind] = file.name
