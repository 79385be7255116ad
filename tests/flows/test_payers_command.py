"""payref payers resolve: one name, a whole column, and what is no usage."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from flows import SHIPPED_RAW, cli
from flows.answers import Question, checked, spelled
from flows.database_name import DATABASE
from flows.names import meanings, name_tables
from flows.release_query import opened, rows
from flows.settings import NoAnswerError, UnknownNameError
from tests.databases import database_of
from tests.transforms.test_payer_names import NOW

TAB = "\t"
HEADER = ["payer_id", "organization_id", "line_of_business", "market", "alias", "evidence", "status", "reason"]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of releases whose current one holds the shipped raw files."""
    folder = tmp_path_factory.mktemp("payers")
    (folder / "current").mkdir()
    database_of(SHIPPED_RAW, folder / "current" / DATABASE)
    return folder


def called(output: Path, *arguments: str) -> tuple[int, str, str]:
    return called_with(output, "payers", "resolve", *arguments)


def called_with(output: Path, *arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli.app, [*arguments, "--output", str(output)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def test_one_name_in_words(output: Path) -> None:
    code, said, _ = called(output, "BCBS HMO - ALL PLANS", "--state", "tx")
    assert code == 0
    assert said.splitlines() == [
        "BCBS HMO - ALL PLANS:",
        "  payer         bcbs (Blue Cross Blue Shield)",
        "  organization  hcsc_tx (Blue Cross and Blue Shield of Texas)",
        "  line          any",
        "  market        TX",
        "  alias         BCBS",
        "  evidence      BCBS companies and licensees, Blue Cross Blue Shield Association, bcbs.com, list of companies by state",
        "  because       Alias 'BCBS'; beside it: hmo, all plans.",
    ]


def test_a_name_of_nobody_is_exit_code_1_with_the_reason(output: Path) -> None:
    assert called(output, "Humana Gold") == (
        1,
        "Humana Gold:\n"
        "  payer         none for certain (other_payer)\n"
        "  because       Not one of the five payers: Humana, an insurer of its own.\n",
        "",
    )


def test_a_misspelt_name_is_asked_about_and_stays_nobody(output: Path) -> None:
    assert called(output, "Unitd Helthcare") == (
        1,
        "Unitd Helthcare:\n"
        "  payer         none for certain (unknown)\n"
        "  because       No alias is known for 'unitd helthcare'.\n"
        "  did you mean  UnitedHealthcare; United HealthCare Services, Inc.; UnitedHealthcare Community Plan?\n",
        "",
    )


@pytest.mark.parametrize(
    ("name", "status", "names"),
    [
        ("Aetnna comm", "unknown", ["Aetna"]),
        ("Zzzqq", "unknown", []),
        ("", "unknown", []),
        ("Aetnna " * 100, "unknown", []),
        ("Humana", "other_payer", []),
        ("Blue Cross", "ambiguous", []),
        ("Aetna", "resolved", []),
    ],
)
def test_only_unknown_names_are_asked_about_and_only_with_names_that_mean_somebody(
    output: Path, name: str, status: str, names: list[str]
) -> None:
    found = json.loads(called(output, name, "--json")[1])
    assert (found["status"], found["did_you_mean"], found["payer_id"] is None) == (status, names, status != "resolved")
    assert all(json.loads(called(output, close, "--json")[1])["payer_id"] for close in names)


def test_a_look_up_asks_about_a_misspelt_payer(output: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"No alias is known for 'aetnna'\. Did you mean: Aetna\?$"):
        called_with(output, "lookup", "00406", "--payer", "Aetnna comm")


def test_one_name_as_json_with_plan_and_day(output: Path) -> None:
    code, said, _ = called(output, "Cigna", "--plan", "Medicare PPO", "--on", "2024-05-01", "--state", "FL", "--json")
    found = json.loads(said)
    assert code == 0
    assert {name: found[name] for name in ("payer_id", "organization_id", "line_of_business", "market", "on", "payer_name")} == {
        "payer_id": "cigna",
        "organization_id": "healthspring",
        "line_of_business": "medicare_advantage",
        "market": "FL",
        "on": "2024-05-01",
        "payer_name": "Cigna Healthcare",
    }


def test_a_file_keeps_its_rows_and_columns(output: Path, tmp_path: Path) -> None:
    names, out = tmp_path / "names.csv", tmp_path / "resolved.csv"
    names.write_text('id,payer,where,status\n007,"AETNA [1], PPO",TX,x\n8,Zzz Trust,,y\n9,Blue Cross,CA,z\n', encoding="utf-8")
    code, said, told = called(output, "--file", str(names), "--column", "payer", "--state-column", "where", "--out", str(out))
    assert (code, said) == (0, "")
    assert told == "3 rows, names from column 'payer': 2 resolved, 1 unknown.\n"
    header, *found = csv.reader(out.read_text(encoding="utf-8").splitlines())
    assert header == ["id", "payer", "where", "status", *("resolved_status" if name == "status" else name for name in HEADER)]
    assert [row[:6] + row[7:8] for row in found] == [
        ["007", "AETNA [1], PPO", "TX", "x", "aetna", "", "TX"],
        ["8", "Zzz Trust", "", "y", "", "", "any"],
        ["9", "Blue Cross", "CA", "z", "bcbs", "anthem_ca", "CA"],
    ]
    assert found[1][-1] == "No alias is known for 'zzz trust'."


def test_a_file_in_cp1252_with_one_state_goes_to_standard_output(output: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.csv"
    names.write_bytes("payer\nBCBS \x96 PPO\nMartin\x92s\n".encode("latin-1"))
    code, said, _ = called(output, "--file", str(names), "--state", "NC")
    first, second = list(csv.reader(said.splitlines()))[1:]
    assert code == 0
    assert first[:5] == ["BCBS \u2013 PPO", "bcbs", "bcbs_nc", "any", "NC"]
    assert second[:3] == ["Martin\u2019s", "", ""]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give either a name or --file with a CSV file of names."),
        (["Aetna", "--file", "x.csv"], "Give either a name or --file with a CSV file of names."),
        (["Aetna", "--state", "Texas"], "Unknown state 'Texas': expected two letters of a state such as TX."),
        (["Aetna", "--out", "x.csv"], "--column, --plan-column, --state-column and --out go with --file."),
        (["--file", "x.csv", "--json"], "--plan and --json go with one name; a file has --plan-column."),
        (["--file", "/nowhere/x.csv"], "/nowhere/x.csv cannot be read: No such file or directory."),
    ],
)
def test_what_is_no_usage(output: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        called(output, *arguments)
    assert str(caught.value) == message


def test_a_file_without_the_column_and_an_empty_one_are_refused(output: Path, tmp_path: Path) -> None:
    names, empty = tmp_path / "names.csv", tmp_path / "empty.csv"
    names.write_text("a,b\n1,2\n", encoding="utf-8")
    empty.write_text("", encoding="utf-8")
    with pytest.raises(UnknownNameError, match=r"The file has no column 'payer', it has: a, b\."):
        called(output, "--file", str(names), "--column", "payer")
    with pytest.raises(UnknownNameError, match="is no CSV file with a header"):
        called(output, "--file", str(empty))
    with pytest.raises(UnknownNameError, match="cannot be written"):
        called(output, "--file", str(names), "--out", str(tmp_path))


@pytest.mark.parametrize(("sign", "called_sign"), [(";", "semicolons"), (TAB, "tabs"), ("|", "bars")])
def test_a_file_parted_by_other_signs_is_hinted_at(output: Path, tmp_path: Path, sign: str, called_sign: str) -> None:
    names = tmp_path / "names.csv"
    names.write_text(f"payer{sign}plan\nZzzqq{sign}HMO\n", encoding="utf-8")
    hint = f"Its only column has {called_sign} in its header: if they part columns, save the file with commas."
    code, _, told = called(output, "--file", str(names))
    assert (code, told) == (0, f"1 row, names from column 'payer{sign.replace(TAB, ' ')}plan': 1 unknown. {hint}\n")
    with pytest.raises(UnknownNameError) as caught:
        called(output, "--file", str(names), "--column", "payer")
    assert str(caught.value) == f"The file has no column 'payer', it has: payer{sign}plan. {hint}"


def test_names_that_a_spreadsheet_would_run_are_written_harmless(output: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.csv"
    names.write_text('payer,rate\n"=HYPERLINK(""x"")",-1\n@Aetna,2\n', encoding="utf-8")
    _, said, _ = called(output, "--file", str(names))
    assert [row[:3] for row in csv.reader(said.splitlines())][1:] == [
        ['\'=HYPERLINK("x")', "'-1", ""],
        ["'@Aetna", "2", "aetna"],
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_is_refused_in_words(output: Path, tmp_path: Path, encoding: str) -> None:
    names = tmp_path / "names.csv"
    names.write_text("payer\nAetna\n", encoding=encoding)
    with pytest.raises(UnknownNameError) as caught:
        called(output, "--file", str(names))
    assert str(caught.value) == (
        f"{names} is no CSV file in UTF-8: it looks like a workbook, an archive or text in UTF-16. Save it as CSV."
    )


def test_a_file_with_a_header_alone_is_told_so(output: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.csv"
    names.write_text("payer,plan\n", encoding="utf-8")
    assert called(output, "--file", str(names))[2] == "0 rows, names from column 'payer': none below the header.\n"


def test_without_a_release_there_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(NoAnswerError, match="There is no release"):
        called(tmp_path, "Aetna")


def test_the_command_exits_with_2_and_one_sentence(output: Path) -> None:
    command = [sys.executable, "-m", "flows.cli", "payers", "resolve", "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Give either a name or --file with a CSV file of names.\n"


# ---------------------------------------------------------------- look-ups resolve by the same function


@pytest.mark.parametrize(
    ("payer", "market", "expected"),
    [
        ("aetna", "any", ("aetna", "any", "commercial", "any")),
        ("UHC MCR ADV HMO", "any", ("uhc", "any", "medicare_advantage", "any")),
        ("Blue Cross", "CA", ("bcbs", "anthem_ca", "commercial", "CA")),
        ("BCBS of Texas PPO", "any", ("bcbs", "hcsc_tx", "commercial", "TX")),
        ("Blue Cross Blue Shield of Texas", "any", ("bcbs", "hcsc_tx", "commercial", "TX")),
        ("UHC of Arkansas", "any", ("uhc", "any", "commercial", "AR")),
        ("Anthem", "OH", ("bcbs", "anthem_oh", "commercial", "OH")),
        ("anthem", "OH", ("bcbs", "anthem_oh", "commercial", "OH")),
        ("uhc_oh", "OH", ("uhc", "uhc_oh", "commercial", "OH")),
        ("bcbs", "ND", ("bcbs", "any", "commercial", "ND")),
        ("BCBS", "nd", ("bcbs", "bcbs_nd", "commercial", "ND")),
        (" HCSC_TX", "any", ("bcbs", "hcsc_tx", "commercial", "TX")),
        ("aetna_better_health_tx", "any", ("aetna", "aetna_better_health_tx", "medicaid", "TX")),
    ],
)
def test_a_look_up_takes_any_name_that_resolves(output: Path, payer: str, market: str, expected: tuple[str, ...]) -> None:
    with opened(output) as connection:
        found = checked(connection, Question("00406", payer, NOW, market=market))
    assert (found.payer, found.organization, found.line_of_business, found.market) == expected


@pytest.mark.parametrize(
    ("payer", "organization", "message"),
    [
        ("UHC of Arkansas", "any", "'UHC of Arkansas' is in AR, not in TX: leave the market out."),
        ("uhc_oh", "any", "uhc_oh is in OH, not in TX: leave the market out."),
        ("UHC_OH", "any", "uhc_oh is in OH, not in TX: leave the market out."),
        ("uhc", "uhc_oh", "uhc_oh is in OH, not in TX: leave the market out."),
    ],
)
def test_a_look_up_refuses_a_market_that_the_name_contradicts(output: Path, payer: str, organization: str, message: str) -> None:
    with opened(output) as connection, pytest.raises(UnknownNameError) as caught:
        checked(connection, Question("00406", payer, NOW, market="TX", organization=organization))
    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["HealthSpring", "healthspring", "Oxford", "coventry"])
def test_an_id_that_is_a_word_too_is_read_as_a_word(output: Path, name: str) -> None:
    """HealthSpring was Cigna's until it was sold on 2025-03-19; Oxford is other businesses' name too."""
    with opened(output) as connection:
        assert meanings(connection, pl.DataFrame({"name": [name]}))["payer_id"].to_list() == [None]
        with pytest.raises(UnknownNameError):
            checked(connection, Question("00406", name, NOW))


def test_a_look_up_says_why_a_name_means_nobody(output: Path) -> None:
    with opened(output) as connection, pytest.raises(UnknownNameError) as caught:
        checked(connection, Question("00406", "Humana", NOW))
    assert str(caught.value) == (
        "Unknown payer 'Humana': expected one of aetna, bcbs, cigna, medicare, uhc, or a name that means one of them. "
        "Not one of the five payers: Humana, an insurer of its own."
    )


def test_what_a_look_up_takes_at_once_is_what_the_resolver_says(output: Path) -> None:
    """Every alias that means a payer everywhere, and every id of an organization that no alias can be mistaken for."""
    query = """
        SELECT alias FROM payer_alias WHERE scope = 'global' AND match = 'is' AND valid_to IS NULL
        UNION SELECT organization_id FROM payer_organization WHERE contains(organization_id, '_') ORDER BY ALL
    """
    with opened(output) as connection:
        names = [str(row["alias"]) for row in rows(connection, query)]
        asked = pl.DataFrame({"name": names}).with_columns(state=pl.lit(None, pl.String), day=pl.lit(NOW))
        defaults = {row["payer_id"]: row["default_line_of_business"] for row in rows(connection, "FROM payer")}
        taken = [spelled(connection, Question("00406", name, NOW))[1:] for name in names]
        expected = [
            (
                said["payer_id"],
                NOW,
                None,
                None,
                defaults[said["payer_id"]] if said["line_of_business"] == "any" else said["line_of_business"],
                said["market"],
                said["organization_id"] or "any",
            )
            for said in meanings(connection, asked).to_dicts()
        ]
    assert len(names) > 500
    assert list(zip(names, taken, strict=True)) == list(zip(names, expected, strict=True))


def test_a_release_without_words_cannot_resolve(tmp_path: Path) -> None:
    import duckdb

    with duckdb.connect(str(tmp_path / "old.duckdb")) as connection:
        connection.execute("CREATE TABLE payer_alias (source_file VARCHAR, source_row BIGINT)")
        connection.execute("CREATE TABLE payer_organization (source_file VARCHAR, source_row BIGINT)")
        with pytest.raises(NoAnswerError, match="Refresh once with --force"):
            name_tables(connection)
