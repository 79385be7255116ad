"""When and where bytes move: Prefect, files, DuckDB and the clock live here and nowhere else."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
SHIPPED_RAW = PROJECT / "raw"
"""The raw folder that comes with the project."""
