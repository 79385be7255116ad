"""Writes the declarations as they stand as those last released: `make released`."""

import json
from pathlib import Path

from schemas import SCHEMA_VERSION, TABLES
from schemas.derive.evolution import snapshot

PATH = Path(__file__).parents[1] / "released.json"

if __name__ == "__main__":
    content = {"schema_version": SCHEMA_VERSION, "tables": snapshot(TABLES)}
    PATH.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8", newline="\n")
