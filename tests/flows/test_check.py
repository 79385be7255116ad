"""payref check: each kind of finding that the shipped files can give, exact, through the command line."""

from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from flows import SHIPPED_RAW, cli
from flows.database_name import DATABASE
from flows.settings import UnknownNameError
from schemas.claim import ClaimFinding
from tests.databases import database_of
from tests.flows.claim_builders import HEADER, checked


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("check")
    (folder / "current").mkdir()
    database_of(SHIPPED_RAW, folder / "current" / DATABASE)
    return folder


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "A,1,Medicare,33533,62,,1,2025-10-15,",
            ("modifier.not_allowed", "error", "62", "", "not_allowed", "medicare.co_surgeon.0"),
        ),
        ("A,1,Cigna,00406,QZ,,1,2025-10-15,", ("modifier.effect", "info", "QZ", "85.00", "required", "cigna.anesthesia.QZ.2023")),
        ("A,1,Aetna,33533,62,,1,2025-10-15,", ("modifier.not_published", "unknown", "62", "", "not_allowed", "")),
        (
            "A,1,Medicare,43239,25,,1,2025-10-15,",
            ("modifier.visits_only", "error", "25", "", "not_allowed", "medicare.visit.25.other"),
        ),
        (
            "A,1,Medicare,00406,,,1,2025-10-15,",
            ("anesthesia.no_performer", "error", "AA AD QK QX QY QZ", "", "required", "required.anesthesia_performer.medicare"),
        ),
        (
            "A,1,Medicare,00406,QZ,AA,1,2025-10-15,",
            ("anesthesia.two_performers", "error", "AA QZ", "", "not_allowed", "exclusive.anesthesia_performer"),
        ),
        (
            "A,1,Medicare,71046,26,TC,1,2025-10-15,",
            ("modifiers.exclusive", "error", "26 TC", "", "not_allowed", "not_together.26_tc"),
        ),
        (
            "A,1,Aetna,71046,26,TC,1,2025-10-15,",
            ("modifiers.exclusive", "unknown", "26 TC", "", "not_allowed", "not_together.26_tc"),
        ),
        (
            "A,1,Medicare,19307,50,LT,1,2025-10-15,",
            ("modifiers.exclusive", "unknown", "50 LT", "", "not_published", "not_together.50_lt"),
        ),
        (
            "A,1,BCBS of NC,00406,P3,AA,1,2026-04-01,NC",
            ("modifiers.position", "error", "P3", "", "not_published", "bcbs_nc.position.2026.commercial"),
        ),
        ("A,1,Medicare,00000,,,1,2025-10-15,", ("code.unknown", "unknown", "00000", "", "", "")),
        ("A,1,Medicare,XX,,,1,2025-10-15,", ("code.malformed", "error", "XX", "", "", "")),
        ("A,1,Medicare,99213,ZZ,,1,2025-10-15,", ("modifier.unknown", "unknown", "ZZ", "", "", "")),
        ("A,1,Medicare,99213,2,,1,2025-10-15,", ("modifier.malformed", "error", "2", "", "", "")),
        ("A,1,Humana,99213,,,1,2025-10-15,", ("payer.unknown", "unknown", "Humana", "", "", "")),
        ("A,1,Medicare,99213,,,0,2025-10-15,", ("line.refused", "refused", "0", "", "", "")),
        ("A,1,Medicare,99213,,,1,15.10.2025,", ("line.refused", "refused", "15.10.2025", "", "", "")),
        ("A,1,Medicare,99213,,,1", ("line.refused", "refused", "A,1,Medicare,99213,,,1", "", "", "")),
    ],
)
def test_a_kind_of_finding(output: Path, tmp_path: Path, line: str, expected: tuple[str, ...]) -> None:
    names = ("rule_id", "severity", "value", "effect_percent", "medicare_disposition", "answer_rule_id")
    code, _, found = checked(output, tmp_path, line)
    assert code == 0
    assert expected in [tuple(row[name] for name in names) for row in found]


@pytest.mark.parametrize(
    ("payer", "state", "severity", "answer_rule", "because", "citation"),
    [
        (
            "Medicare",
            "",
            "unknown",
            "not_together.50_lt",
            "50 already means both sides, and LT names one of them. No rule of Medicare says so in words; what is cited is the basis.",
            "RVU25D.pdf, record layout, CMS, field Bilateral Surgery",
        ),
        (
            "BCBSND",
            "ND",
            "error",
            "bcbs_nd.not_together.50_lt",
            "Blue Cross Blue Shield of North Dakota wants no LT and no RT where 50 fits.",
            "Bilateral Procedures, NDRP-Surg-008, Blue Cross Blue Shield of North Dakota, "
            "bcbsndreimbursementpolicy.com, right and left modifiers",
        ),
    ],
)
def test_50_with_lt_cites_whom_its_sentence_speaks_of(
    output: Path, tmp_path: Path, payer: str, state: str, severity: str, answer_rule: str, because: str, citation: str
) -> None:
    _, _, found = checked(output, tmp_path, f"A,1,{payer},19307,50,LT,1,2025-10-15,{state}")
    told = [row for row in found if row["rule_id"] == "modifiers.exclusive"]
    names = ("severity", "answer_rule_id", "sentence", "citation")
    sentence = f"Modifiers 50 LT exclude each other on one line: {because}"
    assert [tuple(row[name] for name in names) for row in told] == [(severity, answer_rule, sentence, citation)]


DAY = "service_date: expected year, month and day such as 2025-10-15 or 20251015, from 1966-07-01 on."
NO_CODE = "is no CPT or HCPCS code: expected five characters such as 99213, J1100 or 0001F."
NO_MODIFIER = "is no modifier: expected two figures or capital letters."
NUMBER = "It looks like a number from a spreadsheet: format the column as text."
SEVERAL = "It looks like several modifiers: write one a column, in modifier_1 to modifier_4."
ZEROS = "It may have lost leading zeros: a spreadsheet drops them, and CPT codes have five characters, such as 00406."


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("service_date", "10/01/2025", f"{DAY} 10/01/2025 looks like month/day/year or day/month/year: write the year first."),
        ("service_date", "1/10/25", f"{DAY} 1/10/25 looks like month/day/year or day/month/year: write the year first."),
        (
            "service_date",
            "10/1/2025 12:00 AM",
            f"{DAY} 10/1/2025 12:00 AM looks like month/day/year or day/month/year: write the year first.",
        ),
        ("service_date", "45931", f"{DAY} 45931 looks like a spreadsheet's day number: format the column as a date."),
        ("service_date", "45931.5", f"{DAY} 45931.5 looks like a spreadsheet's day number: format the column as a date."),
        (
            "service_date",
            "2025-10-1",
            f"{DAY} 2025-10-1 has the year first: write month and day in two figures each, with hyphens between.",
        ),
        ("service_date", "2025-02-30", f"{DAY} 2025-02-30 is no day of the calendar, read as year, month and day."),
        ("service_date", "10152025", f"{DAY} 10152025 is no day of the calendar, read as year, month and day."),
        ("service_date", "2025-10-15T08:00:00Z", f"{DAY} 2025-10-15T08:00:00Z carries a time of day: write the day without it."),
        ("service_date", "1965-12-31", DAY),
        ("service_date", "October 1", DAY),
        ("code", "406", f"'406' {NO_CODE} {ZEROS}"),
        ("code", "99213.0", f"'99213.0' {NO_CODE} {NUMBER}"),
        (
            "code",
            "99213-25",
            f"'99213-25' {NO_CODE} It looks like a code with modifiers: write those in modifier_1 to modifier_4.",
        ),
        ("code", "visit", f"'VISIT' {NO_CODE}"),
        ("modifier_1", "25.0", f"'25.0' {NO_MODIFIER} {NUMBER}"),
        ("modifier_1", '"25, 59"', f"'25, 59' {NO_MODIFIER} {SEVERAL}"),
        ("modifier_1", "25 59 lt", f"'25 59 LT' {NO_MODIFIER} {SEVERAL}"),
        ("modifier_1", "2", f"'2' {NO_MODIFIER}"),
    ],
)
def test_what_a_value_looks_like_is_said_and_no_value_is_guessed(
    output: Path, tmp_path: Path, column: str, value: str, sentence: str
) -> None:
    cells = {"claim": "A", "line": "1", "payer": "Medicare", "code": "99213", "units": "1", "service_date": "2025-10-15"}
    cells |= {column: value}
    _, _, found = checked(output, tmp_path, ",".join(cells.values()), header=",".join(cells))
    assert [(row["column_name"], row["sentence"]) for row in found if row["severity"] in ("error", "refused")] == [
        (column, sentence)
    ]


def test_the_order_that_the_licensee_wanted_before_april_2026_is_no_finding(output: Path, tmp_path: Path) -> None:
    _, _, found = checked(output, tmp_path, "A,1,BCBS of NC,00406,P3,AA,1,2026-03-31,NC")
    assert {row["rule_id"] for row in found} == {"modifier.not_published"}


def test_a_finding_in_full_with_a_formula_made_harmless(output: Path, tmp_path: Path) -> None:
    _, _, found = checked(output, tmp_path, "=1+1,1,Medicare,33533,62,,1,2025-10-15,")
    assert found == [
        {
            **dict.fromkeys(ClaimFinding.column_names(), ""),
            "source_row": "2",
            "claim": "'=1+1",
            "line": "1",
            "rule_id": "modifier.not_allowed",
            "severity": "error",
            "column_name": "modifier_1",
            "value": "62",
            "sentence": "Modifier 62 is not allowed with 33533: Co-surgeons are not permitted for this procedure.",
            "medicare_disposition": "not_allowed",
            "payer_id": "medicare",
            "answer_rule_id": "medicare.co_surgeon.0",
            "is_stale": "false",
            "citation": "National Physician Fee Schedule Relative Value File, record layout RVU25D, CMS, Data record, Co-surgeons",
        }
    ]


def test_no_line_is_lost_and_strict_says_so(output: Path, tmp_path: Path) -> None:
    lines = (
        "A,1,Medicare,99213,,,1,2025-10-15,",
        '"A,2,Medicare,99213,,,1,2025-10-15,',
        "",
        "A,3,Medicare,99213,,,x,2025-10-15,",
    )
    code, said, found = checked(output, tmp_path, *lines, options=("--strict", "--on-service-date"))
    assert code == 4
    assert "3 lines = 1 judged + 2 refused; 2 findings in" in said
    assert [(row["source_row"], row["column_name"]) for row in found] == [("3", "*"), ("5", "units")]


def test_parquet_in_and_out_gives_the_same_findings(output: Path, tmp_path: Path) -> None:
    line = "A,1,Medicare,33533,62,,1,2025-10-15,"
    _, _, found = checked(output, tmp_path, line)
    pl.read_csv(tmp_path / "claims.csv", infer_schema=False).write_parquet(tmp_path / "claims.parquet")
    out = tmp_path / "findings.parquet"
    called = ["check", str(tmp_path / "claims.parquet"), "--out", str(out), "--output", str(output)]
    assert CliRunner().invoke(cli.app, called).exit_code == 0
    written = pl.read_parquet(out)
    assert written["sentence"].to_list() == [row["sentence"] for row in found]
    assert dict(written.schema) == ClaimFinding.polars_schema()


@pytest.mark.parametrize("out", ["claims.csv", "sub/../claims.csv", "link.csv"])
def test_the_claims_are_never_overwritten_by_findings(output: Path, tmp_path: Path, out: str) -> None:
    claims = tmp_path / "claims.csv"
    claims.write_text("claim,line,payer,code,units,service_date\nA,1,Medicare,99213,1,2025-10-15\n", encoding="utf-8")
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.csv").symlink_to(claims)
    before = claims.read_bytes()
    done = CliRunner().invoke(cli.app, ["check", str(claims), "--out", str(tmp_path / out), "--output", str(output)])
    assert isinstance(done.exception, UnknownNameError)
    assert "is the claim file itself" in str(done.exception)
    assert claims.read_bytes() == before


def test_nor_is_a_file_of_a_release(output: Path, tmp_path: Path) -> None:
    (tmp_path / "claims.csv").write_text("claim,line,payer,code,units,service_date\n", encoding="utf-8")
    published = output / "releases" / "2026-01-01-00000000" / "csv" / "code.csv"
    done = CliRunner().invoke(cli.app, ["check", str(tmp_path / "claims.csv"), "--out", str(published), "--output", str(output)])
    assert isinstance(done.exception, UnknownNameError)
    assert "lies within a published release" in str(done.exception)
    assert not published.exists()


def test_what_the_release_cannot_tell_is_said(output: Path, tmp_path: Path) -> None:
    _, said, _ = checked(output, tmp_path, "A,1,Medicare,11047,,,1,2025-10-15,")
    missing = "NCCI pairs, units per line and day, add-on codes without their primary"
    assert f"Not checked, because this release holds none of it: {missing} (README: payref fetch)." in " ".join(said.split())
    assert "This release knows 235 codes; a code that is unknown to it may well exist." in said


def test_what_no_list_covers_is_said(output: Path, tmp_path: Path) -> None:
    header = "claim,line,payer,code,units,service_date,place_of_service,diagnosis"
    lines = ("A,1,Medicare,99213,1,2025-10-15,1,X99.999", "A,2,Medicare,99214,1,2025-10-15,11,")
    _, said, _ = checked(output, tmp_path, *lines, header=header)
    told = "Not checked, because no list here covers the day: place_of_service of 2 lines, diagnosis of 1 line"
    assert f"{told} (README: payref fetch)." in " ".join(said.split())


def test_a_dated_rule_answers_for_a_day_before_the_first_list(output: Path, tmp_path: Path) -> None:
    _, _, found = checked(output, tmp_path, "A,1,Cigna,00406,QZ,,1,2023-03-12,")
    assert [(row["rule_id"], row["severity"], row["effect_percent"], row["answer_rule_id"]) for row in found] == [
        ("code.not_in_force", "unknown", "", ""),
        ("modifier.effect", "info", "85.00", "cigna.anesthesia.QZ.2023"),
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"claim;line;payer;code;units;service_date\n", "Its cells are separated by semicolons: save it with commas."),
        (b"claim\tline\tpayer\n", "Its cells are separated by tabs: save it with commas."),
        ("claim,line".encode("utf-16"), "is text in UTF-16: expected CSV. Save it as CSV (comma delimited) in UTF-8."),
        (
            f"{HEADER}\n".encode("utf-16-le"),
            "looks like text in UTF-16: expected CSV. Save it as CSV (comma delimited) in UTF-8.",
        ),
        (
            f"{HEADER}\n".encode("utf-16-be"),
            "looks like text in UTF-16: expected CSV. Save it as CSV (comma delimited) in UTF-8.",
        ),
        (bytes(100), "found " + "\ufffd" * 60 + "."),
        (b"PK\x03\x04rest", "is a workbook or another archive: expected CSV."),
    ],
)
def test_other_kinds_of_files_are_named(output: Path, tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "c.csv").write_bytes(content)
    done = CliRunner().invoke(
        cli.app, ["check", str(tmp_path / "c.csv"), "--out", str(tmp_path / "f.csv"), "--output", str(output)]
    )
    assert isinstance(done.exception, UnknownNameError)
    assert told in str(done.exception)


def test_a_file_without_a_column_is_no_usage(output: Path, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("claim,line\n1,1\n", encoding="utf-8")
    arguments = ["check", str(tmp_path / "c.csv"), "--out", str(tmp_path / "f.csv"), "--output", str(output)]
    done = CliRunner().invoke(cli.app, arguments)
    assert isinstance(done.exception, UnknownNameError)
    assert "has no column payer, code, units, service_date" in str(done.exception)
