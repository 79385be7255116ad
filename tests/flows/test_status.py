"""`payref status`: ages of inputs, what is overdue, and the exit code that a health check reads."""

import json
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows import cli
from flows.pipeline import Outcome
from flows.status import Source, advice, status

STARTS, PUBLISHED = date(2025, 10, 1), date(2025, 9, 11)


def pfs(age_days: int, *, is_overdue: bool) -> Source:
    return Source("cms_pfs", "2025-10", STARTS, PUBLISHED, age_days, 92, is_overdue)


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2025, 12, 31), pfs(91, is_overdue=False)),
        (date(2026, 2, 1), pfs(123, is_overdue=False)),  # 92 days of a quarter and 31 of grace
        (date(2026, 2, 2), pfs(124, is_overdue=True)),
    ],
)
def test_a_quarterly_source_is_overdue_a_month_after_its_quarter(
    output: Path, published: Outcome, today: date, expected: Source
) -> None:
    found = status(output, today=today)
    assert (found.release, found.build) == (published.release, "open")
    assert found.sources[0] == expected
    assert found.overdue == (["cms_pfs"] if expected.is_overdue else [])


def test_a_source_that_was_never_read_is_not_overdue(output: Path, published: Outcome) -> None:
    found = {source.source: source for source in status(output, today=date(2026, 2, 2)).sources}
    assert list(found) == ["cms_pfs", "cms_ncci", "cms_hcpcs", "cms_icd10cm", "nucc", "cms_pos"]
    assert found["nucc"] == Source("nucc", None, None, None, None, 184, is_overdue=False)
    assert published.manifest["findings"] == status(output, today=PUBLISHED).findings


def test_the_advice_is_a_command_that_works_for_the_raw_folder(tmp_path: Path) -> None:
    raw, output = tmp_path / "my-raw", Path("output")
    assert advice(["cms_pfs", "nucc"], raw=raw, output=output) == (
        "Overdue: cms_pfs, nucc. payref refresh --fetch --accept-licence gets newer ones, and accepts the licence of the AMA."
    )
    (raw / "cms_pfs" / "2025-10").mkdir(parents=True)
    accepted = {"accepted_licence": True, "accepted_terms": "AMA"}
    (raw / "cms_pfs" / "2025-10" / "origin.json").write_text(json.dumps(accepted), encoding="utf-8")
    assert advice(["nucc"], raw=raw, output=output) == "Overdue: nucc. payref refresh --fetch gets newer ones."
    assert advice(["nucc"], raw=raw, output=Path("/my data")) == (
        "Overdue: nucc. payref refresh --fetch --output '/my data' gets newer ones."
    )


def test_the_command_is_a_health_check(output: Path, published: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli.app, ["status", "--output", str(output), "--json"])
    told = json.loads(done.stdout)
    assert (told["release"], told["overdue"]) == (published.release, ["cms_pfs"])
    assert (done.exit_code, done.stderr) == (1, advice(["cms_pfs"], raw=tmp_path, output=output) + "\n")


def test_without_a_release_there_is_no_status(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli.app, ["status", "--output", str(tmp_path)])
    assert done.exit_code == 1
    assert "There is no release in" in str(done.exception or done.stderr)
