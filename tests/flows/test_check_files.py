"""payref check: files as programs write them, broken lines, and findings read again by the command that is shown."""

import json
import shlex
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from flows import cli
from flows.settings import UnknownNameError
from tests.flows.claim_builders import HEADER, checked, enriched, picked


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return enriched(tmp_path_factory.mktemp("check"))


def test_every_line_is_judged_or_refused_with_row_and_column(output: Path, tmp_path: Path) -> None:
    long = "9" * 200_000
    lines = (
        "A,1,Medicare,99213,,,1,2025-10-15,",
        'A,2,"Medicare,99213,,,1,2025-10-15,',
        'A,3,"Medi"care,99213,,,1,2025-10-15,',
        f'A,4,"Medicare",{long},,,1,2025-10-15,',
        "A,5,Medicare,99213,,,1,2025-10-15",
        "",
        ",6,Medicare,99213,,,1,2025-10-15,",
        "A,7,Medicare,99213,,,1e3,2025-10-15,",
        "A,8,Medicare,99213,,,1,2025-02-30,",
        "A,9,Medicare,99213,,,1,1965-01-01,",
        "A,10,Medicare,99213,,,1,2025-10-15,Texas",
    )
    _, said, found = checked(output, tmp_path, *lines)
    assert picked(found, "source_row", "column_name") == [
        ("3", "*"),
        ("4", "*"),
        ("5", "*"),
        ("6", "*"),
        ("8", "claim"),
        ("9", "units"),
        ("10", "service_date"),
        ("11", "service_date"),
        ("12", "state"),
    ]
    assert {row["severity"] for row in found} == {"refused"}
    assert found[2]["sentence"] == "The line is longer than 100,000 characters."
    assert "10 lines = 1 judged + 9 refused" in said


def test_more_lines_than_a_claim_can_have_are_refused(output: Path, tmp_path: Path) -> None:
    lines = [f"A,{number},Medicare,99213,,,1,2025-10-15," for number in range(1_000)]
    _, said, found = checked(output, tmp_path, *lines, "B,1,Medicare,43235,,,1,2025-10-15,")
    assert "1,001 lines = 1 judged + 1,000 refused" in said
    assert set(picked(found, "claim", "rule_id", "column_name")) == {("A", "line.refused", "claim")}


@pytest.mark.parametrize(
    "content",
    [
        HEADER.encode() + b"\r\nA,1,Medicare,33533,62,,1,2025-10-15,\r\n",
        HEADER.encode() + b"\rA,1,Medicare,33533,62,,1,2025-10-15,",
        b"\xef\xbb\xbf" + HEADER.encode() + b"\nA,1,Medicare,33533,62,,1,2025-10-15,",
        HEADER.upper().replace(",", " , ").encode() + b"\n A , 1 , medicare ,33533, 62 ,, 1 ,20251015,",
        HEADER.encode() + b'\n"A","1","Medicare","33533","62","","1","2025-10-15",""\n',
    ],
    ids=["Windows", "old Mac", "byte order mark", "blanks and capitals", "all quoted"],
)
def test_files_as_programs_write_them(output: Path, tmp_path: Path, content: bytes) -> None:
    claims, out = tmp_path / "claims.csv", tmp_path / "findings.csv"
    claims.write_bytes(content)
    CliRunner().invoke(cli.app, ["check", str(claims), "--out", str(out), "--output", str(output)])
    found = pl.read_csv(out, infer_schema=False)
    assert found.select("source_row", "claim", "rule_id").rows() == [("2", "A", "modifier.not_allowed")]


def test_a_payer_is_quoted_as_it_is_written_in_whichever_encoding(output: Path, tmp_path: Path) -> None:
    """A file is UTF-8, a line that is no UTF-8 is Windows-1252, and a byte that neither knows spoils no other line."""
    names = ("Médicare".encode(), "Médicare".encode("cp1252"), b"M\x81dicare")
    lines = [name.join((b"A,%d," % number, b",43239,,,1,2025-10-15,")) for number, name in enumerate(names, start=1)]
    claims, out = tmp_path / "claims.csv", tmp_path / "findings.csv"
    claims.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join([HEADER.encode(), *lines]))
    CliRunner().invoke(cli.app, ["check", str(claims), "--out", str(out), "--output", str(output)])
    found = pl.read_csv(out, infer_schema=False)
    assert found["value"].to_list() == ["Médicare", "Médicare", "M\ufffddicare"]
    assert found["sentence"].str.extract("No alias is known for ('[^']*')").to_list() == [
        "'médicare'",
        "'médicare'",
        "'m dicare'",
    ]


@pytest.mark.parametrize("body", ["", "A,1,x\n", '"\n'], ids=["header alone", "a cell short", "a quotation mark"])
def test_a_file_of_which_no_line_can_be_judged(output: Path, tmp_path: Path, body: str) -> None:
    _, said, found = checked(output, tmp_path, body.strip())
    lines = body.count("\n")
    assert f"{lines} lines = 0 judged + {lines} refused; {lines} findings" in said
    assert len(found) == lines


def test_parquet_rows_without_a_number_are_refused(output: Path, tmp_path: Path) -> None:
    codes = {
        "code": ["99213"] * 2,
        "payer": ["Medicare"] * 2,
        "service_date": pl.Series(["2025-10-15 00:00"] * 2).str.to_datetime(),
    }
    rows = pl.DataFrame({"claim": [1, None], "line": [1, 2], "units": [1, 1], **codes})
    rows.write_parquet(tmp_path / "claims.parquet")
    called = ["check", str(tmp_path / "claims.parquet"), "--out", str(tmp_path / "f.parquet"), "--output", str(output)]
    done = CliRunner().invoke(cli.app, called)
    assert "2 lines = 1 judged + 1 refused" in done.stdout
    written = pl.read_parquet(tmp_path / "f.parquet")
    assert written.select("source_row", "rule_id", "column_name").rows() == [(2, "line.refused", "claim")]


LINE = "A,1,Medicare,33533,62,,1,2025-10-15,"


@pytest.mark.parametrize("name", ["findings.csv", "findings.parquet", "it's $HOME.csv"])
def test_the_command_shown_finds_the_gravest_findings(output: Path, tmp_path: Path, name: str) -> None:
    claims = tmp_path / "claims.csv"
    claims.write_text(f"{HEADER}\n{LINE}\nB,1,Medicare,43239,59,59,1,2025-10-15,\n", encoding="utf-8")
    said = CliRunner().invoke(cli.app, ["check", str(claims), "--out", str(tmp_path / name), "--output", str(output)]).stdout
    shown = next(line for line in said.splitlines() if " sql " in line)
    program, *arguments = shlex.split(shown)
    assert program.endswith("payref")
    done = CliRunner().invoke(cli.app, [*arguments, "--json"])
    assert done.exit_code == 0
    assert [row["source_row"] for row in json.loads(done.stdout)] == [2]
    assert "Modifier 62 is not allowed with 33533" in done.stdout


def test_findings_are_asked_beside_the_release(output: Path, tmp_path: Path) -> None:
    checked(output, tmp_path, LINE)
    query = "SELECT rule.predicate FROM claim_finding AS told JOIN modifier_rule AS rule ON rule.rule_id = told.answer_rule_id"
    called = ["sql", query, "--csv", "--findings", str(tmp_path / "findings.csv"), "--output", str(output)]
    assert CliRunner().invoke(cli.app, called).stdout == "predicate\nco_surgeon_code=0\n"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("claims.csv", "claims.csv holds no findings: expected the columns that payref check writes."),
        ("nothing.csv", "nothing.csv is not there: expected findings that payref check wrote."),
        ("claims.txt", "claims.txt has no known format: expected a name that ends in .csv or .parquet."),
    ],
)
def test_another_file_is_no_findings(output: Path, tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "claims.csv").write_text(f"{HEADER}\n{LINE}\n", encoding="utf-8")
    done = CliRunner().invoke(cli.app, ["sql", "SELECT 1", "--findings", str(tmp_path / name), "--output", str(output)])
    assert isinstance(done.exception, UnknownNameError)
    assert str(done.exception).endswith(told)


@pytest.mark.parametrize("options", [(), ("--out", "findings.csv"), ("--on", "2025-10-15", "--on-service-date")])
def test_a_missing_claim_file_is_told_first(tmp_path: Path, options: tuple[str, ...]) -> None:
    done = CliRunner().invoke(cli.app, ["check", str(tmp_path / "claims.csv"), "--output", str(tmp_path), *options])
    assert isinstance(done.exception, UnknownNameError)
    assert str(done.exception) == f"{tmp_path / 'claims.csv'} is not there: expected a claim file, .csv or .parquet."


def test_a_folder_that_is_not_there_is_told_before_a_line_is_judged(output: Path, tmp_path: Path) -> None:
    (tmp_path / "claims.csv").write_text("no claims", encoding="utf-8")
    out = tmp_path / "gone" / "findings.csv"
    done = CliRunner().invoke(cli.app, ["check", str(tmp_path / "claims.csv"), "--out", str(out), "--output", str(output)])
    assert (done.exit_code, done.stderr) == (3, f"{out} cannot be written: its folder is not there.\n")


def test_then_a_missing_name_for_the_findings(tmp_path: Path) -> None:
    (tmp_path / "march.csv").write_text(HEADER, encoding="utf-8")
    done = CliRunner().invoke(cli.app, ["check", str(tmp_path / "march.csv"), "--output", str(tmp_path)])
    assert isinstance(done.exception, UnknownNameError)
    assert str(done.exception) == "Give --out with the file of findings to write, such as --out march-findings.csv."
