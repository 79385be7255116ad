"""What several test folders share: a release built once per test process, and where the full published files lie."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows import SHIPPED_RAW
from flows.database_name import DATABASE
from flows.pipeline import Outcome, run
from flows.settings import Settings
from tests.browsers import chromium

FULL_FILES = Path(__file__).resolve().parents[2] / "shared" / "data"
"""Complete published files beside the project, where somebody put them."""


@pytest.fixture(scope="session")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("output")


@pytest.fixture(scope="session")
def published(output: Path) -> Outcome:
    """The release of what the project ships."""
    return run(Settings(SHIPPED_RAW, output))


@pytest.fixture(scope="session")
def release(output: Path, published: Outcome) -> Path:
    """Folder of the release."""
    return output / "releases" / published.release


@pytest.fixture
def connection(release: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(release / DATABASE), read_only=True) as opened:
        yield opened


@pytest.fixture(scope="session")
def full_files() -> Path:
    if not FULL_FILES.is_dir():
        pytest.skip("the full published files are not on this machine")
    return FULL_FILES


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium for the tests of one file: its event loop would be in the way of other files' loops."""
    with chromium() as opened:
        yield opened
