"""What changed from one release to the next, in the release's folder: `changes.parquet`, `CHANGES.md` and `changes.json`.

These three files depend on the release they were made against, which changes.json names. Everything else in the folder, the
manifest included, depends on the inputs alone, so they are not among the manifest's files.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from flows.export import write_json
from flows.file_hash import sha256_of
from flows.releases import Listed, json_object, listed
from flows.settings import StopError
from schemas import TABLES, Answer, CodeAnswerSet, CodePayerModifier
from schemas.base import Table
from transforms.answer_sets import AnswerSets
from transforms.release_changes import COUNTS, FEED, aligned, counted, cube_counts, differences

FEED_FILES = ("changes.parquet", "CHANGES.md", "changes.json")
_NONE = (0, 0, 0)
PIECE_ROWS = 400_000
"""Rows of a table compared at a time, which bounds the memory."""
Manifest = dict[str, Any]


class Compared(NamedTuple):
    """Two releases side by side."""

    counts: pl.DataFrame
    """Changed records and cells by table, payer and kind; the cube is counted, too, but not in the feed."""
    rows_before: dict[str, int]
    rows_now: dict[str, int]


def predecessor(output: Path, *, release: str, build: str) -> Path | None:
    """Folder of the release that a feed of `release` is made against: the current one, or the one made last of the same build.

    An open build is never compared with a licensed one, whose words the feed would repeat.
    """
    found = [entry for entry in listed(output) if entry.release != release and entry.build == build]
    if not found:
        return None
    current = next((entry for entry in found if entry.is_current), None)
    return output / "releases" / (current or _made_against(output, release, found) or found[0]).release


def _made_against(output: Path, release: str, found: Sequence[Listed]) -> Listed | None:
    """What the feed of a release that is made again was made against."""
    against = json_object(output / "releases" / release / "changes.json").get("against")
    return next((entry for entry in found if entry.release == against), None)


def write_changes(old: Path | None, new: Path, to: Path, *, described: Manifest) -> Compared | None:
    """Write `changes.parquet` for the release in `new` against the one in `old` into the folder `to`; what changed, counted.

    Raises StopError where the two have different major versions of the schema, OSError.
    """
    before = _before(old)
    if old is not None:
        check_major(before, described)
    with pq.ParquetWriter(to / "changes.parquet", _arrow_schema(), compression="zstd", store_schema=False) as writer:
        return None if old is None else _compared(old, new, before, described, writer)


def write_account(
    old: Path | None, to: Path, *, described: Manifest, compared: Compared | None, warnings: Sequence[str] = ()
) -> None:
    """Write `CHANGES.md` and `changes.json` beside `changes.parquet`. Raises OSError."""
    before = _before(old)
    text = _as_text(before, described, compared, warnings)
    (to / "CHANGES.md").write_text(text, encoding="utf-8", newline="\n")
    write_json(to / "changes.json", _as_json(to, before, described, compared, warnings))


def manifest_of(folder: Path) -> Manifest:
    """Manifest of a release. Raises StopError where it cannot be read."""
    path = folder / "manifest.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StopError(f"{path}: expected the manifest of a release, found: {error}.") from error
    if not isinstance(content, dict) or not {"release", "files", "schema_version"} <= content.keys():
        raise StopError(f"{path}: expected release, files and schema_version, found something else.")
    return content


def check_major(before: Manifest, described: Manifest) -> None:
    """Stop where columns of one release mean something else in the other."""
    versions = [str(manifest["schema_version"]) for manifest in (before, described)]
    if versions[0].partition(".")[0] != versions[1].partition(".")[0]:
        raise StopError(
            f"Releases {before['release']} and {described['release']} have schema versions {versions[0]} and {versions[1]}; "
            "expected the same major version, because rows of another one cannot be compared column by column."
        )


def unequal(before: Manifest, described: Manifest) -> list[type[Table]]:
    """Tables whose Parquet files do not have the same bytes, the cube's view included."""
    hashes = [{file["path"]: file["sha256"] for file in manifest["files"]} for manifest in (before, described)]
    paths = {model: f"parquet/{model.table_name()}.parquet" for model in TABLES}
    return [model for model, path in paths.items() if hashes[0].get(path) != hashes[1].get(path)]


def rows_by_table(manifest: Manifest) -> dict[str, int]:
    """Rows of each table of a release."""
    return {file["table"]: file["rows"] for file in manifest["files"] if file["path"].endswith(".parquet")}


def read_table(folder: Path, model: type[Table]) -> pl.DataFrame:
    """Rows of a table of a release, without any where the release does not have it yet."""
    return aligned(_scan(folder, model).collect(), model)


def read_sets(folder: Path) -> AnswerSets:
    """The two tables of which a release's cube is made."""
    return AnswerSets(read_table(folder, CodeAnswerSet), read_table(folder, Answer))


def _before(old: Path | None) -> Manifest:
    return manifest_of(old) if old else {"files": [], "inputs": [], "release": None}


def _compared(old: Path, new: Path, before: Manifest, described: Manifest, writer: pq.ParquetWriter) -> Compared:
    rows_before, rows_now = rows_by_table(before), rows_by_table(described)
    found = []
    for model in unequal(before, described):
        name = model.table_name()
        if model.facts().is_view:
            counts = [cube_counts(read_sets(old), read_sets(new))]
        else:
            counts = []
            for old_rows, new_rows in _pieces(old, new, model, most=max(rows_before.get(name, 0), rows_now.get(name, 0))):
                feed = differences(old_rows, new_rows, model)
                counts.append(counted(feed))
                if feed.height:
                    writer.write_table(_arrow(feed))
        found += [rows.with_columns(table=pl.lit(name)) for rows in counts]
    empty = pl.DataFrame(schema={**COUNTS, "table": pl.String})
    by = ("table", "payer_id", "change_kind")
    summed = pl.concat([empty, *found]).group_by(by).agg(pl.col("records", "cells", "moved").sum())
    return Compared(summed.sort(by), rows_before, rows_now)


def _pieces(old: Path, new: Path, model: type[Table], *, most: int) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Both tables in ranges of keys, so that a key lies in the same range on both sides. Files are in the order of their key."""
    before, after = _scan(old, model), _scan(new, model)
    key = list(model.facts().key)
    larger, bounds = (before if _height(before) > _height(after) else after), []
    if most > PIECE_ROWS:
        bounds = larger.select(key).gather_every(PIECE_ROWS, PIECE_ROWS).collect().rows()
    starts = [[0, *_places(rows, key, bounds), _height(rows)] for rows in (before, after)]
    for number in range(len(bounds) + 1):
        piece = [
            aligned(rows.slice(at[number], at[number + 1] - at[number]).collect(), model)
            for rows, at in zip((before, after), starts, strict=True)
        ]
        if not piece[0].equals(piece[1]):
            yield piece[0], piece[1]


def _places(rows: pl.LazyFrame, key: list[str], bounds: Sequence[tuple[Any, ...]]) -> list[int]:
    """How many rows have a key before each bound."""
    if not bounds:
        return []
    counts = [_precedes(key, bound).sum().alias(str(number)) for number, bound in enumerate(bounds)]
    return [int(count) for count in rows.select(counts).collect().row(0)]


def _precedes(key: Sequence[str], bound: Sequence[Any]) -> pl.Expr:
    before = pl.lit(value=False)
    for name, value in reversed(list(zip(key, bound, strict=True))):
        before = (pl.col(name) < pl.lit(value)) | ((pl.col(name) == pl.lit(value)) & before)
    return before


def _scan(folder: Path, model: type[Table]) -> pl.LazyFrame:
    path = folder / "parquet" / f"{model.table_name()}.parquet"
    return pl.scan_parquet(path) if path.is_file() else pl.LazyFrame(schema=model.polars_schema())


def _height(rows: pl.LazyFrame) -> int:
    return int(rows.select(pl.len()).collect().item())


def _arrow_schema() -> pa.Schema:
    return pa.schema([pa.field(name, pa.string()) for name in FEED])


def _arrow(feed: pl.DataFrame) -> pa.Table:
    return feed.to_arrow().cast(_arrow_schema())


def _as_json(
    to: Path, before: Manifest, described: Manifest, compared: Compared | None, warnings: Sequence[str]
) -> dict[str, Any]:
    files = [to / name for name in FEED_FILES if name != "changes.json"]
    return {
        "release": described["release"],
        "against": before["release"],
        "files": [{"path": path.name, "size_bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in files],
        "counts": compared.counts.to_dicts() if compared else [],
        "warnings": list(warnings),
    }


def _as_text(before: Manifest, described: Manifest, compared: Compared | None, warnings: Sequence[str]) -> str:
    title = f"# Changes in release {described['release']}\n\n"
    if compared is None:
        return title + "There is no earlier release to compare it with.\n"
    said = [f"Against release {before['release']}. `changes.parquet` has every change; docs/releases.md says how to apply it.\n"]
    if warnings:
        said.append("## Warnings\n\n" + "".join(f"- {warning}\n" for warning in warnings))
    said.append("## Inputs\n\n" + _inputs(before, described))
    kinds = ("added", "removed", "changed")
    sums = compared.counts.group_by("table", "change_kind").agg(pl.col("records", "cells", "moved").sum())
    by = {(table, kind): counts for table, kind, *counts in sums.rows()}
    lines = [
        (
            model.table_name(),
            compared.rows_before.get(model.table_name(), 0),
            compared.rows_now.get(model.table_name(), 0),
            *(by.get((model.table_name(), kind), _NONE)[0] for kind in kinds),
            *by.get((model.table_name(), "changed"), _NONE)[1:],
        )
        for model in TABLES
        if model.table_name() in set(compared.counts["table"])
    ]
    said.append("## Tables\n\n" + _grid(("table", "rows before", "rows now", *kinds, "cells changed", "only moved"), lines))
    if CodePayerModifier.table_name() in set(compared.counts["table"]):
        said.append(
            "`code_payer_modifier` is `code_answer_set` joined with `answer`, whose numbers of sets are a release's own: "
            "how much of the answers changed is told by the cube.\n"
        )
    payers = compared.counts.filter(pl.col("payer_id").is_not_null())
    wide = {(table, payer): dict.fromkeys(kinds, 0) for table, payer in payers.select("table", "payer_id").rows()}
    for payer, kind, records, table in payers.select("payer_id", "change_kind", "records", "table").rows():
        wide[table, payer][kind] = records
    said.append("## Payers\n\n" + _grid(("table", "payer", *kinds), [(*key, *row.values()) for key, row in wide.items()]))
    return title + "\n".join(said)


def _inputs(before: Manifest, described: Manifest) -> str:
    old, new = ({entry["file"]: entry["sha256"] for entry in manifest["inputs"]} for manifest in (before, described))
    told = [f"- removed: `{name}`" for name in sorted(old.keys() - new.keys())]
    told += [f"- added: `{name}`" for name in sorted(new.keys() - old.keys())]
    told += [f"- changed: `{name}`" for name in sorted(old.keys() & new.keys()) if old[name] != new[name]]
    return "\n".join(told or ["- the same"]) + "\n"


def _grid(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    if not rows:
        return "Nothing.\n"
    cells = [[f"{value:,}" if isinstance(value, int) else str(value) for value in row] for row in rows]
    align = ["---:" if isinstance(value, int) else "---" for value in rows[0]]
    return "\n".join(f"| {' | '.join(row)} |" for row in (names, align, *cells)) + "\n"
