"""How close reading NCCI's pairs of codes comes to what cannot be avoided: counting the lines, inflating the workbooks.

`python -m bench.ncci RELEASE` with a folder that holds the parts as published: the text is read from its archive beforehand and
compared with `wc -l` over the same lines. Workbooks are compared with inflating their XML; where the folder has none, they are
made of the text first, which takes minutes.
"""

import argparse
import io
import statistics
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import xlsxwriter

from transforms.archive import members
from transforms.cms_ncci import build
from transforms.periods import quarter
from transforms.sources import SourceFile

_BLOCK_BYTES = 1 << 20


def main() -> None:
    """Measure text and workbooks and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release", type=Path, help="folder of a release of cms_ncci")
    parser.add_argument("--workbooks", type=Path, help="folder for the workbooks; what is there is not made again")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    texts = _texts(given.release)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.workbooks or Path(temporary)
        print(f"{'':<34}{'rows':>12}{'seconds':>10}{'ratio':>8}")
        paths = [_written(file, Path(temporary)) for file in texts]
        _print_pair("wc -l", lambda: _count_lines(paths), "text, read and judged", texts, runs=given.runs)
        books = [_workbook(file, folder) for file in texts]
        _print_pair(
            "inflate the XML of the workbooks", lambda: _inflate(books), "workbooks, read and judged", books, runs=given.runs
        )


def _texts(release: Path) -> list[SourceFile]:
    """The parts of the pairs as text, archives unpacked."""
    patterns = ("ccipra*.txt", "ccioph*.txt")
    found: list[SourceFile] = []
    for path in sorted(release.iterdir()):
        if path.suffix.lower() == ".zip":
            content = path.read_bytes()
            found += [
                _file(each.name, each.content, release) for each in members(content, source_file=path.name, patterns=patterns)
            ]
        elif path.suffix.lower() == ".txt":
            found.append(_file(path.name, path.read_bytes(), release))
    return found


def _file(name: str, content: bytes, release: Path) -> SourceFile:
    return SourceFile(f"cms_ncci/{release.name}/{name}", content, quarter(release.name), "US-GOV", allow_cp1252=True)


def _written(file: SourceFile, folder: Path) -> Path:
    path = folder / file.name
    path.write_bytes(file.content)
    return path


def _workbook(file: SourceFile, folder: Path) -> SourceFile:
    """A part as the workbook that CMS publishes beside the text."""
    path = folder / f"{Path(file.name).stem}.xlsx"
    if not path.exists():
        with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
            sheet = book.add_worksheet("PTP")
            for row, line in enumerate(file.content.decode("cp1252").splitlines()):
                for column, cell in enumerate(line.split("\t")):
                    if cell:
                        sheet.write_string(row, column, cell)
    return SourceFile(str(Path(file.source_file).with_name(path.name)), path.read_bytes(), file.period, file.licence)


def _count_lines(paths: Sequence[Path]) -> None:
    subprocess.run(["wc", "-l", *map(str, paths)], check=True, capture_output=True)  # noqa: S607 - the machine's own wc


def _inflate(books: Sequence[SourceFile]) -> None:
    for book in books:
        with zipfile.ZipFile(io.BytesIO(book.content)) as archive:
            for name in archive.namelist():
                with archive.open(name) as stream:
                    while stream.read(_BLOCK_BYTES):
                        pass


def _print_pair(floor_name: str, floor: Callable[[], None], name: str, files: Sequence[SourceFile], *, runs: int) -> None:
    """Two lines: the floor and this project, taking turns."""
    rows = 0
    floors, ours = [], []
    for _ in range(runs):
        floors.append(_seconds(floor))
        fresh = [SourceFile(f.source_file, f.content, f.period, f.licence, allow_cp1252=f.allow_cp1252) for f in files]
        began = time.perf_counter()
        rows = build(fresh, {}).tables["ncci_ptp"].height
        ours.append(time.perf_counter() - began)
    least, taken = statistics.median(floors), statistics.median(ours)
    print(f"{floor_name:<34}{'':>12}{least:>10.2f}{1:>8.1f}")
    print(f"{name:<34}{rows:>12,}{taken:>10.2f}{taken / least:>8.1f}")


def _seconds(function: Callable[[], None]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
