"""Who may import whom, and what each folder may touch."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows import PROJECT
from flows.registry import PRICE_TABLES, SOURCES
from schemas import TABLES

OURS = {"schemas", "transforms", "flows", "tests", "bench"}
FORBIDDEN_IN_TRANSFORMS = {
    "duckdb", "glob", "httpx", "importlib", "os", "prefect", "random", "requests", "shutil", "socket", "subprocess", "tempfile", "time",
    "urllib",
}  # fmt: skip
FORBIDDEN_NAMES_IN_TRANSFORMS = {
    "Path",
    "now",
    "open",
    "print",
    "read_bytes",
    "read_csv",
    "read_text",
    "scan_csv",
    "today",
    "utcnow",
}
READS_BYTES = {"ncci_ptp.py": {"read_csv"}}
"""Polars reads the bytes it is given here, no file."""
DERIVED_TABLES = {
    *PRICE_TABLES, "answer", "change", "code", "code_answer_set", "code_payer_modifier", "code_profile", "contradiction", "finding", "profile_rule",
    "raw_file", "release", "search_word",
}  # fmt: skip


def modules(folder: str) -> list[Path]:
    return sorted((PROJECT / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


def used_names(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.id if isinstance(node, ast.Name) else node.attr for node in nodes if isinstance(node, (ast.Name, ast.Attribute))}


@pytest.mark.parametrize(("folder", "allowed"), [("schemas", {"schemas"}), ("transforms", {"schemas", "transforms"})])
def test_imports_go_one_way(folder: str, allowed: set[str]) -> None:
    found = {name for path in modules(folder) for name in imported(path)}
    assert found & OURS <= allowed


def test_transforms_touch_no_prefect_database_clock_file_or_network() -> None:
    for path in modules("transforms"):
        assert not set(imported(path)) & FORBIDDEN_IN_TRANSFORMS, path
        assert not used_names(path) & (FORBIDDEN_NAMES_IN_TRANSFORMS - READS_BYTES.get(path.name, set())), path


def test_a_look_up_imports_neither_prefect_nor_polars() -> None:
    program = "import flows.cli, sys; print([name for name in ('prefect', 'polars', 'pandera') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert done.stdout.strip() == "[]"


def test_every_table_comes_from_a_source_or_is_derived() -> None:
    from_sources = {table for source in SOURCES for table in source.tables}
    assert from_sources.isdisjoint(DERIVED_TABLES)
    assert from_sources | DERIVED_TABLES == {model.table_name() for model in TABLES}


def test_every_schema_module_is_registered() -> None:
    declared = {model.__module__ for model in TABLES}
    on_disk = {f"schemas.{path.stem}" for path in (PROJECT / "schemas").glob("*.py")}
    assert on_disk - declared == {"schemas.__init__", "schemas.base", "schemas.claim", "schemas.vocabulary"}


@pytest.mark.parametrize("path", [path for folder in ("schemas", "transforms", "flows") for path in modules(folder)], ids=str)
def test_files_stay_readable(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    long = [node.name for node in functions if (node.end_lineno or 0) - node.lineno > 50]
    assert not long, f"{path}: what are {long} really made of?"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_the_project_names_no_place_of_this_machine() -> None:
    names = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=True, cwd=PROJECT).stdout
    texts = {name: (PROJECT / name).read_bytes() for name in names.split("\0") if name and (PROJECT / name).is_file()}
    place = str(PROJECT.parent).encode() + b"/"
    assert [name for name, content in texts.items() if len(place) > len("/x/") and place in content] == []
