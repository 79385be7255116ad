"""What an open build may carry."""

from typing import Any, ClassVar

import polars as pl
from polars.testing import assert_frame_equal

from schemas import CodeClaim, CodeDescription, Finding
from schemas.base import Table, TableFacts, column
from tests.transforms.builders import finding, listed
from transforms.gate import findings_frame
from transforms.open_build import WITHHELD, OpenTable, open_changes, open_table

OPEN = ("CC0-1.0", "US-GOV")


class Owned(Table):
    """A table with words of somebody."""

    code: str = column("A code.")
    words: str = column("Words.", nullable=True, owner="AMA")
    source_file: str = column("A file.")

    class Config:
        """Facts about the table."""

        name = "owned"
        metadata: ClassVar = {"facts": TableFacts("codes", "code", ("code",), "CC0-1.0", (0, 10))}


def descriptions(*licences: str) -> pl.DataFrame:
    rows = [
        {
            "code_system": "CPT",
            "code": "96406",
            "kind": "short",
            "description": f"words {at}",
            "licence": licence,
            "source_file": str(at),
        }
        for at, licence in enumerate(licences)
    ]
    return pl.DataFrame(rows, schema=CodeDescription.polars_schema(), orient="row")


def claims(*rows: dict[str, Any]) -> pl.DataFrame:
    common = {"code_system": "CPT", "code": "00406", "source_file": "closed.txt", "source_row": 6}
    return pl.DataFrame([{**common, **row} for row in rows], schema=CodeClaim.polars_schema(), orient="row")


def opened(rows: pl.DataFrame, model: type[Table]) -> OpenTable:
    return open_table(rows, model, open_licences=OPEN, closed_files=["closed.txt"])


def test_only_open_descriptions_stay_and_the_others_are_counted() -> None:
    every = descriptions("AMA", "CC0-1.0", "ADA", "US-GOV", "third_party", "local", "AMA")
    made = opened(every, CodeDescription)
    assert_frame_equal(made.rows, every.filter(pl.col("licence").is_in(OPEN)))
    assert made.left_out == [
        ("code_description", "licence ADA", 1),
        ("code_description", "licence AMA", 2),
        ("code_description", "licence local", 1),
        ("code_description", "licence third_party", 1),
    ]


def test_prose_claims_of_closed_files_are_reduced_to_their_meaning() -> None:
    made = opened(
        claims(
            {"kind": "service_type", "claim": "anesthesia of some kind", "resolved": "anesthesia"},
            {"kind": "site_of_service", "claim": "somewhere else"},
            {"kind": "payer", "claim": "Aetna", "resolved": "aetna"},
            {"kind": "modifier", "claim": "AA", "resolved": "AA"},
            {"kind": "service_type", "claim": "its own words", "source_file": "open.txt"},
        ),
        CodeClaim,
    )
    assert made.rows.select("kind", "claim", "resolved", "source_file").rows() == [
        ("service_type", "anesthesia", "anesthesia", "closed.txt"),
        ("site_of_service", WITHHELD, None, "closed.txt"),
        ("payer", "Aetna", "aetna", "closed.txt"),
        ("modifier", "AA", "AA", "closed.txt"),
        ("service_type", "its own words", None, "open.txt"),
    ]


def test_claims_that_become_equal_stay_once() -> None:
    made = opened(
        claims(
            {"kind": "site_of_service", "claim": "a hospital", "resolved": "facility"},
            {"kind": "site_of_service", "claim": "a surgery center", "resolved": "facility"},
        ),
        CodeClaim,
    )
    assert made.rows["claim"].to_list() == ["facility"]


def test_refused_values_of_closed_files_are_shown_only_where_they_are_codes_or_numbers() -> None:
    shown = ["406", "17.99500", "HCPCS+1-", None, ""]
    hidden = ["HCPCS+1-2", "own words", "words", "Word"]
    values = {"closed.txt": [*shown, *hidden], "open.txt": hidden}
    rows = [
        finding(file, row, "*", "code_page.format.known", value, "Is odd.")
        for file, listed_values in values.items()
        for row, value in enumerate(listed_values, start=1)
    ]
    made = opened(findings_frame(rows), Finding)
    assert [row["value"] for row in listed(made.rows)] == [*shown, *[WITHHELD] * len(hidden), *hidden]


def test_columns_that_somebody_owns_are_emptied_and_counted() -> None:
    rows = pl.DataFrame({"code": ["1", "2"], "words": ["own words", None], "source_file": ["a", "b"]})
    made = opened(rows, Owned)
    assert_frame_equal(made.rows, rows.with_columns(words=pl.lit(None, dtype=pl.String)))
    assert made.left_out == [("owned", "column words, owned by AMA", 1)]


def test_changes_show_no_words_that_somebody_owns() -> None:
    cells = [("owned", "words", "old", None), ("owned", "code", "1", "2"), ("code_description", "description", "old", "new")]
    rows = pl.DataFrame(cells, schema=["changed_table", "column_name", "old_value", "new_value"], orient="row")
    assert open_changes(rows, [Owned]).rows() == [
        ("owned", "words", WITHHELD, None),
        ("owned", "code", "1", "2"),
        ("code_description", "description", WITHHELD, WITHHELD),
    ]


def test_other_tables_and_the_given_ones_are_untouched() -> None:
    findings = findings_frame([finding("open.txt", 1, "*", "a.b", "own words", "Is odd.")])
    assert_frame_equal(opened(findings, Finding).rows, findings)
    every = descriptions("AMA")
    assert (opened(every, CodeDescription).rows.height, every.height) == (0, 1)
