"""A refresh whose messages nobody reads any more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.output_folder import assert_current_is_whole

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("log", ["json", "text"])
def test_a_closed_pipe_of_messages_does_not_end_a_refresh(tmp_path: Path, log: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    called = [
        sys.executable,
        "-m",
        "flows.cli",
        "refresh",
        "--direct",
        "--force",
        "--log",
        log,
        "--output",
        str(tmp_path / "out"),
    ]
    try:
        done = subprocess.run(called, stdout=subprocess.PIPE, stderr=writing, timeout=300, check=False)
    finally:
        os.close(writing)
    assert done.returncode == 0
    assert assert_current_is_whole(tmp_path / "out") in done.stdout.decode()
