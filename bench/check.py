"""How long `payref check` takes for a million generated lines, how much memory, and how much longer a reference line by line.

python -m bench.check --output FOLDER. Both sides run in processes of their own and judge files made by one generator. The
reference judges the first lines only, because a million would take it many minutes; the ratio compares processor time per line.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from bench.claim_generator import generated
from bench.measured import Measured, measured
from flows.release_query import opened

_PROJECT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Generate claim files, judge them on both sides, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output"))
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--reference-lines", type=int, default=20_000)
    given = parser.parse_args()
    output = str(given.output.resolve())
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with opened(given.output) as connection:
            claims = generated(connection, lines=given.lines, seed=1)
        claims.write_csv(folder / "claims.csv")
        claims.head(given.reference_lines).write_csv(folder / "first.csv")
        del claims
        judge = ["flows.cli", "check", str(folder / "claims.csv"), "--out", str(folder / "findings.parquet"), "--output", output]
        fast = _ran(judge, folder)
        slow = _ran(["bench.check_reference", str(folder / "first.csv"), "--output", output], folder)
    print(f"{'side':<14}{'lines':>12}{'seconds':>10}{'processor':>11}{'peak MB':>10}{'lines/s':>12}")
    for side, lines, took in (("payref check", given.lines, fast), ("line by line", given.reference_lines, slow)):
        rate = lines / took.seconds
        print(f"{side:<14}{lines:>12,}{took.seconds:>10.1f}{took.processor_seconds:>11.1f}{took.peak_mb:>10,.0f}{rate:>12,.0f}")
    ratio = (slow.processor_seconds / given.reference_lines) / (fast.processor_seconds / given.lines)
    print(f"Line by line takes {ratio:.1f} times the processor time per line.")


def _ran(module: list[str], folder: Path) -> Measured:
    return measured([sys.executable, "-m", *module], folder=_PROJECT, log=folder / "log")


if __name__ == "__main__":
    main()
