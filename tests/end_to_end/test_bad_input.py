"""What is wrong with the input or the machine stops the run or refuses the row, says so, and never damages a release."""

import fcntl
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from flows import PROJECT, cli
from flows.database_name import DATABASE
from flows.lock import locked
from flows.pipeline import Outcome
from flows.settings import LockedError
from tests.end_to_end.raw_folder import PFS, changed, copied, exported_bytes, restated

HEADER_ADVICE = "Compare the file with the publisher's record layout before changing the declaration."
FIRST_RULE = "aetna.increased.22,aetna,any,any,any,22,any,"


def refreshed(raw: Path, output: Path, *options: str) -> Result:
    return CliRunner().invoke(cli.app, ["refresh", "--direct", "--raw", str(raw), "--output", str(output), *options])


def findings(output: Path) -> list[tuple[object, ...]]:
    query = (
        "SELECT source_file, source_row, column_name, rule_id, value, reason FROM finding WHERE severity = 'refused' ORDER BY ALL"
    )
    with duckdb.connect(str(output / "current" / DATABASE), read_only=True) as connection:
        return connection.execute(query).fetchall()


def without_origin_entry(raw: Path) -> None:
    (raw / PFS).write_bytes((raw / PFS).read_bytes() + b"\r\n")


def add_cell(raw: Path) -> None:
    path = raw / "payers/payer_alias.csv"
    lines = path.read_text(encoding="utf-8").split("\n")
    lines[1] += ",one more"
    path.write_text("\n".join(lines), encoding="utf-8")


STRUCTURE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a missing column": (
        lambda raw: changed(raw, "payers/payer.csv", "payer_id,payer_name,", "payer_id,"),
        "payers/payer.csv line 1 column 2: the header changed (missing: payer_name): "
        f"expected 'payer_name', found 'payer_kind'. {HEADER_ADVICE}",
    ),
    "a renamed column": (
        lambda raw: changed(raw, "payers/payer.csv", "payer_name", "name"),
        "payers/payer.csv line 1 column 2: the header changed (missing: payer_name; unknown: name): "
        f"expected 'payer_name', found 'name'. {HEADER_ADVICE}",
    ),
    "an unknown column": (
        lambda raw: changed(raw, PFS, "TEAM,ENDO", "TEAM PRIC,ENDO"),
        "cms_pfs/2025-10/PPRRVU2025_Oct.csv line 10 column 23: the header changed (missing: TEAM SURG; unknown: TEAM PRIC SURG): "
        f"expected 'TEAM SURG', found 'TEAM PRIC SURG'. {HEADER_ADVICE}",
    ),
    "a changed header order": (
        lambda raw: changed(
            raw, "modifiers/modifier.csv", "modifier,modifier_level,modifier_name", "modifier,modifier_name,modifier_level"
        ),
        "modifiers/modifier.csv line 1 column 2: the header changed (the order changed): "
        f"expected 'modifier_level', found 'modifier_name'. {HEADER_ADVICE}",
    ),
    "invalid UTF-8": (
        lambda raw: (raw / "payers/payer.csv").write_bytes((raw / "payers/payer.csv").read_bytes() + b"\xff"),
        "payers/payer.csv line 7: expected text in UTF-8, found byte 0xff at byte 1562. Save the file as UTF-8.",
    ),
    "an empty file": (
        lambda raw: (raw / "payer_rules/uhc.csv").write_bytes(b""),
        "payer_rules/uhc.csv: expected at least a header, found an empty file. Fetch the file again.",
    ),
    "a file that is not what its name says": (
        lambda raw: (raw / "payers/payer.csv").write_bytes(b"PK\x03\x04rest of a workbook"),
        "payers/payer.csv: expected the text its name promises, found a zip archive or Excel workbook. "
        "Fetch the file again or give it its real name.",
    ),
    "an error page in place of a file": (
        lambda raw: (raw / PFS).write_bytes(b"\r\n<!DOCTYPE html><title>404</title>") and restated(raw / PFS),
        "cms_pfs/2025-10/PPRRVU2025_Oct.csv: expected the text its name promises, found an HTML page. "
        "Fetch the file again or give it its real name.",
    ),
    "broken quotes": (
        lambda raw: changed(raw, "payers/payer.csv", "aetna,Aetna", 'aetna,"Aet"na'),
        "payers/payer.csv line 2: expected a well-formed csv record, found ',' expected after '\"'. Mend the quotes or fetch the file again.",
    ),
    "a hash that differs from origin.json": (
        without_origin_entry,
        "cms_pfs/2025-10/PPRRVU2025_Oct.csv: expected sha256 ",
    ),
    "an origin.json that is no JSON": (
        lambda raw: (raw / "payers/origin.json").write_text("{", encoding="utf-8"),
        "payers/origin.json: expected JSON with kind, publisher, title, licence and dates as YYYY-MM-DD, found JSONDecodeError",
    ),
    "a missing file": (
        lambda raw: (raw / "payers/payer.csv").unlink(),
        "raw/payers/: expected the file payer.csv, found name_word.csv, payer_alias.csv, payer_organization.csv. "
        "Put the file there; docs/sources.md says where it is published.",
    ),
    "no fee schedule": (
        lambda raw: (raw / PFS).unlink(),
        "raw/cms_pfs/<release>/: expected the file PPRRVU*, found ANES2025.csv, GPCI2025.csv. "
        "Put the file there; docs/sources.md says where it is published.",
    ),
}


@pytest.mark.parametrize(("change", "message"), STRUCTURE.values(), ids=STRUCTURE.keys())
def test_structure_stops_the_run_and_leaves_the_release_whole(
    tmp_path: Path, output: Path, release: Path, published: Outcome, change: Callable[[Path], object], message: str
) -> None:
    raw, before = copied(tmp_path), exported_bytes(release)
    change(raw)
    done = refreshed(raw, output)
    assert (done.exit_code, done.stderr.splitlines()[-1][: len(message)]) == (3, message)
    assert (output / "current").resolve() == release.resolve()
    assert exported_bytes(release) == before
    assert not (output / ".building").exists()


BAD_ROWS: dict[str, tuple[Callable[[Path], object], tuple[object, ...]]] = {
    "a duplicate key": (
        lambda raw: changed(raw, "payer_rules/aetna.csv", "aetna.physical_status.P1,", "aetna.increased.22,"),
        ("payer_rules/aetna.csv", 3, "*", "modifier_rule.key.unique", None, "The key (rule_id) must occur once."),
    ),
    "an enum value nobody knows": (
        lambda raw: changed(raw, PFS, "\n19307,,,A,", "\n19307,,,Q,"),
        (
            str(PFS),
            78,
            "status_code",
            "pfs_indicator.status_code.isin",
            "Q",
            "Must be one of A, B, C, D, E, F, G, H, I, J, M, N, P, R, T, X.",
        ),
    ),
    "a code without its leading zeros": (
        lambda raw: changed(raw, PFS, "\n00406,", "\n406,"),
        (
            str(PFS),
            13,
            "code",
            "pfs_indicator.code.pattern",
            "406",
            "Must look like ^([0-9]{5}|[0-9]{4}[A-Z]|[A-Z][0-9]{4})$.",
        ),
    ),
    "a rule that ends before it starts": (
        lambda raw: changed(raw, "payer_rules/cigna.csv", "2023-03-11", "2022-03-11"),
        (
            "payer_rules/cigna.csv",
            2,
            "*",
            "modifier_rule.ends_after_start",
            None,
            "effective_to must not be before effective_from.",
        ),
    ),
    "an unknown payer": (
        lambda raw: changed(raw, "payer_rules/aetna.csv", FIRST_RULE, FIRST_RULE.replace(",aetna,", ",humana,")),
        (
            "payer_rules/aetna.csv",
            2,
            "payer_id",
            "modifier_rule.payer_id.isin",
            "humana",
            "Must be one of aetna, bcbs, cigna, medicare, uhc.",
        ),
    ),
    "an unknown modifier": (
        lambda raw: changed(raw, "payer_rules/aetna.csv", FIRST_RULE, FIRST_RULE.replace(",22,", ",ZZ,")),
        ("payer_rules/aetna.csv", 2, "modifier", "modifier_rule.modifier.known", "ZZ", "Must exist in modifier.modifier."),
    ),
    "an unknown predicate": (
        lambda raw: changed(
            raw, "payer_rules/aetna.csv", FIRST_RULE, FIRST_RULE.replace(",any,22,any,", ",any,22,weather=fine,")
        ),
        (
            "payer_rules/aetna.csv",
            2,
            "predicate",
            "modifier_rule.predicate.readable",
            "weather=fine",
            "'weather' is not a fact; known are code, component, section, status_code, pctc_code, global_days_code, "
            "multiple_procedure_code, bilateral_code, assistant_code, co_surgeon_code, team_surgeon_code, imaging_family_code, "
            "has_26, has_tc, has_53, has_phases.",
        ),
    ),
    "a row with too many cells": (
        add_cell,
        ("payers/payer_alias.csv", 2, "*", "payer_alias.row.cell_count", "17 cells", "A row must have 16 cells."),
    ),
}


@pytest.mark.parametrize(("change", "finding"), BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_a_bad_row_is_refused_and_the_run_goes_on(
    tmp_path: Path, change: Callable[[Path], object], finding: tuple[object, ...]
) -> None:
    raw = copied(tmp_path)
    change(raw)
    done = refreshed(raw, tmp_path / "output")
    assert done.exit_code == 0, done.stderr
    assert finding in findings(tmp_path / "output")
    refused = len({row[:2] for row in findings(tmp_path / "output")})
    assert f"{refused} rows refused (table finding)" in done.stdout


def test_two_rules_that_tie_leave_the_cell_unanswered_and_are_shown_as_a_contradiction(tmp_path: Path) -> None:
    raw = copied(tmp_path)
    path = raw / "payer_rules/uhc.csv"
    rule = next(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("uhc.reduced.52,"))
    with path.open("a", encoding="utf-8") as stream:
        stream.write(rule.replace("uhc.reduced.52,", "uhc.reduced.52_again,").replace(",50,", ",60,") + "\n")
    assert refreshed(raw, tmp_path / "output").exit_code == 0
    with duckdb.connect(str(tmp_path / "output" / "current" / DATABASE), read_only=True) as connection:
        cell = "SELECT disposition, effect_percent, rule_id, reason FROM modifiers_for('19307', 'uhc', DATE '2026-12-01') WHERE modifier = '52'"
        assert connection.execute(cell).fetchall() == [
            ("not_published", None, None, "Rules of equal rank disagree, so none answers: uhc.reduced.52, uhc.reduced.52_again.")
        ]
        tie = "SELECT contradiction_id, left_source, right_source, has_money_effect FROM contradiction WHERE kind = 'tie'"
        assert connection.execute(tie).fetchall() == [
            ("tie:uhc.reduced.52|uhc.reduced.52_again:52", "uhc.reduced.52", "uhc.reduced.52_again", True)
        ]


def test_rules_that_state_one_answer_in_two_ways_agree(tmp_path: Path) -> None:
    raw = copied(tmp_path)
    path = raw / "payer_rules/uhc.csv"
    rule = next(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("uhc.reduced.52,"))
    cells = rule.split(",")
    given = {"plain": ("code=19307", "19", ""), "phases": ("global_days_code=090; has_phases=true", "", "postoperative")}
    with path.open("a", encoding="utf-8") as stream:
        for name, (predicate, percent, phases) in given.items():
            line = [f"uhc.two_ways.{name}", *cells[1:5], "55", predicate, *cells[7:10], percent, phases, *cells[12:]]
            stream.write(",".join(line) + "\n")
    assert refreshed(raw, tmp_path / "output").exit_code == 0
    with duckdb.connect(str(tmp_path / "output" / "current" / DATABASE), read_only=True) as connection:
        query = "SELECT verdict, rule_id, CAST(effect_percent AS VARCHAR) FROM explain('19307', 'uhc', '55', DATE '2026-12-01')"
        assert connection.execute(query).fetchall() == [
            ("won", "uhc.two_ways.phases", "19.00"),
            ("agrees", "uhc.two_ways.plain", "19.00"),
        ]


def test_strict_makes_refused_rows_an_exit_code_and_still_publishes(tmp_path: Path) -> None:
    done = refreshed(copied(tmp_path), tmp_path / "output", "--strict")
    assert done.exit_code == 4
    assert (
        done.stderr.splitlines()[-1]
        == "2 rows were refused and --strict was given; the release is published. See the table finding."
    )
    assert (tmp_path / "output" / "current" / DATABASE).is_file()


def test_no_raw_folder(tmp_path: Path) -> None:
    done = refreshed(tmp_path / "nowhere", tmp_path / "output")
    assert done.exit_code == 3
    assert done.stderr == f"{tmp_path}/nowhere: expected the folder with the raw files, found nothing. Give it with --raw.\n"


def test_an_output_within_the_raw_files(tmp_path: Path) -> None:
    raw = copied(tmp_path)
    done = refreshed(raw, raw / "releases")
    assert (done.exit_code, done.stderr) == (
        3,
        f"{raw / 'releases'}: expected a folder outside the raw files, found it in {raw}. Choose another with --output.\n",
    )
    assert not (raw / "releases").exists()


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    done = refreshed(copied(tmp_path), tmp_path / "file" / "output")
    assert done.exit_code == 3
    assert done.stderr == (
        f"{tmp_path}/file/output: expected a folder that can be written, found: Not a directory. Choose another with --output.\n"
    )


FULL_WHILE_EXPORTING = """
import resource, sys
from pathlib import Path
from flows.pipeline import exit_code, run
from flows.settings import Settings

def step(name, function, *arguments, **options):
    if name == "export":
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
    return function(*arguments, **options)

try:
    run(Settings(Path(sys.argv[1]), Path(sys.argv[2])), step=step)
except Exception as error:
    print(error, file=sys.stderr)
    raise SystemExit(int(exit_code(error) or 99))
"""


def test_a_disk_that_fills_up_while_exporting(tmp_path: Path, output: Path, release: Path) -> None:
    """From the export on no file may grow above a megabyte, as on a full disk."""
    assert (release / "csv" / "code_payer_modifier.csv").stat().st_size > 1_000_000
    raw, before = copied(tmp_path), exported_bytes(release)
    changed(raw, "payers/payer.csv", "Aetna", "Aetna Inc")
    command = [sys.executable, "-c", FULL_WHILE_EXPORTING, str(raw), str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert done.returncode == 3, done.stderr
    assert done.stderr.splitlines()[-1] == (
        "export: the disk is full. The current release is unchanged; make room in the output folder and refresh again."
    )
    assert (output / "current").resolve() == release.resolve()
    assert exported_bytes(release) == before
    assert not (output / ".building").exists()


def test_a_second_refresh_at_the_same_time_leaves(tmp_path: Path) -> None:
    output = tmp_path / "output"
    output.mkdir()
    with (output / ".lock").open("w", encoding="utf-8") as stream:
        stream.write(f"process {os.getpid()}")
        stream.flush()
        fcntl.flock(stream, fcntl.LOCK_EX)
        done = refreshed(copied(tmp_path), output)
    assert done.exit_code == 5
    assert done.stderr.splitlines()[-1] == f"Another refresh (process {os.getpid()}) works on {output}."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lookup", "00406", "--payer", "humana"], "Unknown payer 'humana'"),
        (["lookup", "00406", "--payer", "Blue Cross"], "Unknown payer 'Blue Cross'"),
        (["lookup", "00406", "--payer", "uhc", "--modifier", "ZZ"], "Unknown modifier 'ZZ'"),
        (["lookup", "00406", "--payer", "uhc", "--organization", "anthem_oh"], "Unknown organization of uhc 'anthem_oh'"),
        (["lookup", "00406", "--payer", "uhc", "--component", "99"], "Unknown component '99'"),
        (["lookup", "00406", "--payer", "uhc", "--line-of-business", "dental"], "Unknown line of business 'dental'"),
        (["lookup", "00406", "--payer", "uhc", "--market", "Texas"], "Unknown market 'Texas'"),
        (
            ["lookup", "00406", "--payer", "uhc", "--market", "XX"],
            "Unknown market 'XX': expected two letters of a state such as TX.",
        ),
        (["sql", "SELECT nothing"], "Binder Error"),
    ],
)
def test_wrong_usage_is_exit_code_2(output: Path, published: Outcome, arguments: list[str], message: str) -> None:
    command = [sys.executable, "-m", "flows.cli", *arguments, "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr[: len(message)], done.stdout) == (2, message, "")


@pytest.mark.parametrize(
    "arguments",
    [["lookup"], ["lookup", "00406", "--payer", "uhc", "--on", "yesterday"], ["refresh", "--threads", "0"], ["nonsense"]],
)
def test_wrong_options_are_exit_code_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(cli.app, arguments).exit_code == 2


def test_a_question_without_an_answer_is_exit_code_1(tmp_path: Path, output: Path, published: Outcome) -> None:
    for where, code, message in (
        (output, "99999", "Code 99999 is not among the 235 codes of this release (fee schedule 2025-10)."),
        (tmp_path, "00406", f"There is no release in {tmp_path}. Make one with: payref refresh --output {tmp_path}"),
    ):
        command = [sys.executable, "-m", "flows.cli", "lookup", code, "--payer", "uhc", "--output", str(where)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr[: len(message)]) == (1, message)


def test_a_large_answer_is_cut_on_the_screen_and_whole_in_csv(output: Path, published: Outcome) -> None:
    query = "SELECT modifier FROM code_payer_modifier"
    command = [sys.executable, "-m", "flows.cli", "sql", query, "--output", str(output)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stderr == "The first 200 rows; --csv or --json prints all.\n"
    whole = subprocess.run([*command, "--csv"], capture_output=True, text=True, check=True)
    assert len(whole.stdout.splitlines()) == published.rows["code_payer_modifier"] + 1


MORE_STRUCTURE: dict[str, tuple[Callable[[Path], object], str]] = {
    "rules of one payer only": (
        lambda raw: (raw / "payer_rules/medicare.csv").unlink(),
        "raw/payer_rules/: expected the file medicare.csv, found aetna.csv, bcbs.csv, cigna.csv, uhc.csv. "
        "Put the file there; docs/sources.md says where it is published.",
    ),
    "a table with hardly a row": (
        lambda raw: (raw / "modifiers/modifier.csv").write_text(
            "\n".join((raw / "modifiers/modifier.csv").read_text(encoding="utf-8").splitlines()[:3]), encoding="utf-8"
        ),
        "modifiers: table modifier: expected at least 100 accepted rows, found 2. "
        "Check that the source is complete; the release before stays current.",
    ),
    "a file of rules without a rule": (
        lambda raw: (raw / "payer_rules/uhc.csv").write_text(
            (raw / "payer_rules/uhc.csv").read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8"
        ),
        "payer_rules/uhc.csv: expected at least one row below the header, found none. "
        "Put its rows back; a file that shall say nothing must go with its source.",
    ),
    "a control character in a reason": (
        lambda raw: changed(raw, "payer_rules/cigna.csv", "is not published.", "is not \x1epublished."),
        "payer_rules/cigna.csv line 2: expected text without control characters, found U+001E. "
        "Take it out; editors show it as a box or not at all.",
    ),
    "a file name that is no text": (
        lambda raw: Path(os.fsdecode(os.fsencode(raw) + b"/notes-\xff.txt")).write_text("?"),
        "'notes-\\udcff.txt': expected a file name in UTF-8 without control characters, found others. Rename the file.",
    ),
    "a period that ends before it starts": (
        lambda raw: changed(raw, "cms_pfs/2025-10/origin.json", '"valid_to": "2025-12-31"', '"valid_to": "2025-09-30"'),
        "cms_pfs/2025-10/origin.json: expected JSON with kind, publisher, title, licence and dates as YYYY-MM-DD, "
        "found ValueError: valid_from 2025-10-01 and valid_to 2025-09-30 are no period.",
    ),
    "a hash that is no text": (
        lambda raw: (raw / "payers/origin.json").write_text(
            '{"kind": "curated", "publisher": [], "title": "", "licence": "", "published": "2026-01-01"}', encoding="utf-8"
        ),
        "payers/origin.json: expected JSON with kind, publisher, title, licence and dates as YYYY-MM-DD, "
        "found TypeError: a value that is no text.",
    ),
    "two releases that claim one day": (
        lambda raw: shutil.copytree(raw / "cms_pfs/2025-10", raw / "cms_pfs/2025-11"),
        "cms_pfs/2025-11: expected a period after release 2025-10, which ends on 2025-12-31, found one that starts on 2025-10-01. "
        "State valid_from and valid_to in the origin.json of both releases.",
    ),
}


@pytest.mark.parametrize(("change", "message"), MORE_STRUCTURE.values(), ids=MORE_STRUCTURE.keys())
def test_what_is_not_whole_stops_the_run(tmp_path: Path, change: Callable[[Path], object], message: str) -> None:
    raw = copied(tmp_path)
    change(raw)
    done = refreshed(raw, tmp_path / "output")
    assert (done.exit_code, done.stderr.splitlines()[-1][: len(message)]) == (3, message)


@pytest.mark.parametrize(
    ("old", "new", "rule_id", "reason"),
    [
        (",any,22,any,", ",anthem,22,any,", "modifier_rule.organization_id.of_payer", "Must be an organization of aetna."),
        (",any,22,any,", ",any,22,section=surgrey,", "modifier_rule.predicate.readable", "'section' is never surgrey"),
        (
            ",any,22,any,",
            ",any,22,code=20000..10000,",
            "modifier_rule.predicate.readable",
            "'code' has a range that ends before it starts.",
        ),
    ],
)
def test_a_rule_that_can_never_hold_is_refused(tmp_path: Path, old: str, new: str, rule_id: str, reason: str) -> None:
    raw = copied(tmp_path)
    first = (
        FIRST_RULE.replace(",any,22,any,", new) if "anthem" not in new else FIRST_RULE.replace("22,aetna,any", "22,aetna,anthem")
    )
    changed(raw, "payer_rules/aetna.csv", FIRST_RULE, first)
    assert refreshed(raw, tmp_path / "output").exit_code == 0
    (found,) = [row for row in findings(tmp_path / "output") if row[3] == rule_id]
    assert str(found[5]).startswith(reason)


def test_a_blank_page_is_refused_and_the_run_goes_on(tmp_path: Path) -> None:
    raw = copied(tmp_path)
    (raw / "code_pages" / "blank.txt").write_text("\n", encoding="utf-8")
    assert refreshed(raw, tmp_path / "output").exit_code == 0
    assert ("code_pages/blank.txt", 1, "*", "code_page.format.known") in [row[:4] for row in findings(tmp_path / "output")]


def test_a_damaged_release_is_built_again(tmp_path: Path) -> None:
    raw, output = copied(tmp_path), tmp_path / "output"
    assert refreshed(raw, output).exit_code == 0
    (output / "current" / DATABASE).write_bytes(b"")
    command = [sys.executable, "-m", "flows.cli", "lookup", "00406", "--payer", "uhc", "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert refreshed(raw, output).stdout.startswith("Release ")
    (output / "current" / "csv" / "code.csv").unlink()
    assert refreshed(raw, output).stdout.startswith("Release ")
    assert refreshed(raw, output).stdout.startswith("Nothing changed")


def test_a_folder_in_the_place_of_the_current_release_stops(tmp_path: Path) -> None:
    (tmp_path / "output" / "current").mkdir(parents=True)
    done = refreshed(copied(tmp_path), tmp_path / "output")
    assert done.exit_code == 3
    assert done.stderr == f"{tmp_path}/output/current: expected a link to a release, found something else. Move it away.\n"


def test_a_disk_that_is_full_while_loading(tmp_path: Path) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))

    command = [sys.executable, "-m", "flows.cli", "refresh", "--direct", "--output", str(tmp_path / "output")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limited)
    assert (done.returncode, "Traceback" in done.stderr) == (3, False)
    assert done.stderr.splitlines()[-1] == (
        "load: the disk is full. The current release is unchanged; make room in the output folder and refresh again."
    )


@pytest.mark.parametrize(
    ("payer", "modifier", "organization", "percent"),
    [("Independence Blue Cross", "50", "ibx", "150.00"), ("Oxford Health Plans", "62", "oxford", "63.00")],
)
def test_a_name_narrower_than_a_payer_is_taken_as_such(
    output: Path, published: Outcome, payer: str, modifier: str, organization: str, percent: str
) -> None:
    command = [
        "lookup",
        "19307",
        "--payer",
        payer,
        "--modifier",
        modifier,
        "--on",
        "2026-12-01",
        "--output",
        str(output),
        "--json",
    ]
    answer = json.loads(CliRunner().invoke(cli.app, command).stdout)
    assert (answer["question"]["organization"], answer["answers"][0]["effect_percent"]) == (organization, percent)


def test_a_second_refresh_waits_for_the_first_when_it_may(tmp_path: Path) -> None:
    program = "import sys, time; from pathlib import Path; from flows.lock import locked\nwith locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(1)"
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, cwd=PROJECT) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(LockedError, match=rf"Another refresh \(process {holder.pid} since .* UTC\) works on "),
            locked(tmp_path),
        ):
            pass
        with locked(tmp_path, wait_seconds=20):
            assert (tmp_path / ".lock").read_text(encoding="utf-8").startswith(f"process {os.getpid()} since ")
