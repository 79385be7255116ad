"""The benchmark of the application runs, and says which answers were kept."""

import sys
from pathlib import Path

import pytest

from bench import explore


def test_it_prints_a_line_for_each_load(
    output: Path, release: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["explore", "--output", str(output), "--users", "3", "--seconds", "1"])
    explore.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line[:34].strip() for line in lines[2:8]] == [
        "the same page",
        "each once, 5 s to read, at first",
        "each once, 5 s to read, later on",
        "each once",
        "few often, many seldom (1/rank)",
        "few often, 5 s to read",
    ]
    assert float(lines[2].split()[-1].rstrip("%")) > 50
    assert lines[5].split()[-1] == "0.0%"
    assert lines[-1].startswith("peak memory of the server: ")
