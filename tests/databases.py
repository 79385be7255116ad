"""A raw folder as a database, without exports and without a release."""

from pathlib import Path

from flows.dataset import build_dataset
from flows.discover import discover
from flows.load import load
from flows.pipeline import directly
from flows.reading import read_sources


def database_of(raw: Path, path: Path) -> Path:
    """The database of what `raw` holds, at `path`."""
    inputs = discover(raw)
    readings = read_sources(inputs.files, cache=path.parent / "cache", step=directly)
    load(build_dataset(inputs, readings, is_licensed=False, step=directly), path, threads=2)
    return path
