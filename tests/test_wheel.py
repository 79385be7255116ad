"""The wheel carries whatever the programs read beside their modules."""

import subprocess
import sys
import zipfile
from pathlib import Path

from flows import PROJECT

PACKAGES = ("schemas", "transforms", "flows")


def test_the_wheel_holds_every_file_of_the_packages(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("payer_reference-*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        path.relative_to(PROJECT).as_posix()
        for package in PACKAGES
        for path in (PROJECT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert expected - held == set()
    for needed in ("static/explore.css", "static/explore.js", "static/icon.svg", "templates/code.html", "templates/parts.html"):
        assert f"flows/explore/{needed}" in held
    assert {
        "flows/templates/report.html",
        "flows/templates/report.css",
        "flows/templates/report.js",
        "flows/sql/macros.sql",
    } <= held
