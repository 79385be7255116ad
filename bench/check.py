"""How long `payref check` takes for a million generated lines, and how much memory: python -m bench.check --output FOLDER."""

import argparse
import sys
import tempfile
from pathlib import Path

from bench.claim_generator import generated
from bench.measured import measured
from flows.answers import opened


def main() -> None:
    """Generate a claim file, judge it in a process of its own, print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output"))
    parser.add_argument("--lines", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        claims, out = Path(place) / "claims.csv", Path(place) / "findings.parquet"
        with opened(given.output) as connection:
            generated(connection, lines=given.lines, seed=1).write_csv(claims)
        command = [
            sys.executable,
            "-m",
            "flows.cli",
            "check",
            str(claims),
            "--out",
            str(out),
            "--output",
            str(given.output.resolve()),
        ]
        took = measured(command, folder=Path.cwd(), log=Path(place) / "log")
    print(f"{given.lines:,} lines: {took.seconds:.1f} s, {took.processor_seconds:.1f} processor seconds, {took.peak_mb:,.0f} MB")


if __name__ == "__main__":
    main()
