"""Two releases, a real server over a copy of them, a real browser."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from flows import PROJECT, SHIPPED_RAW
from flows.database_name import DATABASE
from tests.databases import database_of

HOSTILE = "<script>document.title='taken'</script>"


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Releases `first`, which is current, and `second`, in which a payer has a hostile name."""
    output = tmp_path_factory.mktemp("explore")
    for name in ("first", "second"):
        (output / "releases" / name).mkdir(parents=True)
    database = database_of(SHIPPED_RAW, output / "releases" / "first" / DATABASE)
    other = output / "releases" / "second" / DATABASE
    shutil.copy(database, other)
    with duckdb.connect(str(other)) as connection:
        connection.execute("UPDATE payer SET payer_name = $1 WHERE payer_id = 'aetna'", [HOSTILE]).fetchall()
    switch(output, "first")
    return output


def switch(output: Path, release: str) -> None:
    """Make a release current, in one step."""
    fresh = output / "next"
    fresh.symlink_to(Path("releases") / release)
    fresh.replace(output / "current")


@contextmanager
def served(output: Path) -> Iterator[str]:
    """Address of `payref explore` as a process of its own."""
    command = [sys.executable, "-m", "flows.cli", "explore", "--port", "0", "--output", str(output)]
    with subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        try:
            assert " at http://127.0.0.1:" in said, said
            yield said.split(" at ")[1].split("/ ")[0]
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="session")
def site(releases: Path) -> Iterator[str]:
    with served(releases) as address:
        yield address
