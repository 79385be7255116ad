"""Names of payers: the golden list, each alias by itself, what may never happen, and that many names are as good as one."""

from datetime import date
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from schemas.vocabulary import PAYERS
from tests.transforms.builders import PROJECT, shipped_tables
from transforms.name_words import vocabulary
from transforms.payer_names import OUTCOME, Meant, meant, resolved

GOLDEN = Path(__file__).parents[1] / "golden" / "payer_names.csv"
ASKED = {"name": pl.String, "plan": pl.String, "state": pl.String, "day": pl.Date}
NOW = date(2026, 11, 1)
SOLD = date(2025, 3, 19)


@cache
def given_tables() -> dict[str, pl.DataFrame]:
    tables = shipped_tables()
    return {"aliases": tables["payer_alias"], "organizations": tables["payer_organization"], "words": tables["name_word"]}


def who(name: str, **context: Any) -> Meant:
    return meant(name, **context, **given_tables())


def all_of(names: pl.DataFrame) -> pl.DataFrame:
    return resolved(names, **given_tables())


def named(*names: str) -> pl.DataFrame:
    return pl.DataFrame({"name": list(names)}, schema={"name": pl.String})


# ---------------------------------------------------------------- known answers


def test_the_golden_names_mean_what_they_are_known_to_mean() -> None:
    golden = pl.read_csv(GOLDEN, schema_overrides=ASKED, infer_schema=False).with_columns(pl.col("day").cast(pl.Date))
    assert golden.height >= 120
    found = all_of(golden.select(list(ASKED)))
    assert_frame_equal(found.select(golden.columns), golden)


@pytest.mark.parametrize(
    ("name", "context", "expected"),
    [
        ("UHC MCR ADV", {}, ("uhc", None, "medicare_advantage", "any")),
        ("AETNA MCR ADV", {}, ("aetna", "aetna_medicare", "medicare_advantage", "any")),
        ("AETNA COMM - ALL OTHER PLANS", {"state": "TX"}, ("aetna", None, "commercial", "TX")),
        ("BCBS MEDICAID", {"state": "IL"}, ("bcbs", "hcsc_il", "medicaid", "IL")),
        ("BlueCrossBlueShield", {"plan": "HMO_Professional_MD_DO", "state": "TX"}, ("bcbs", "hcsc_tx", "any", "TX")),
        ("Great West Healthcare", {}, ("cigna", "great_west_healthcare", "any", "any")),
    ],
)
def test_identity_is_kept_apart_from_product_and_market(
    name: str, context: dict[str, str], expected: tuple[str | None, ...]
) -> None:
    found = who(name, **context)
    assert (found.payer_id, found.organization_id, found.line_of_business, found.market) == expected
    assert found.status == "resolved"


def test_an_answer_in_full() -> None:
    found = who("Cigna PPO [9]", state="tx")
    assert found == Meant(
        payer_id="cigna",
        organization_id=None,
        line_of_business="any",
        market="TX",
        alias="Cigna",
        evidence="Hospital standard-charge files (45 CFR 180), payer names as published, various hospitals, "
        "payer_name column, 14 hospital files (read 2026-11-21)",
        status="resolved",
        reason="Alias 'Cigna'; beside it: ppo.",
    )


@pytest.mark.parametrize(
    ("name", "context", "status", "reason"),
    [
        ("", {}, "unknown", "The name is empty."),
        ("[1001]", {}, "unknown", "The name is empty."),
        ("\u65e5\u672c", {}, "unknown", "No alias is known for '\u65e5\u672c'."),
        ("Aetna \u65e5\u672c", {}, "unknown", "Names 'Aetna' beside words that are not known: '\u65e5\u672c'."),
        ("M\u00e9dicare", {}, "unknown", "No alias is known for 'm\u00e9dicare'."),
        ("Me\u0301dicare", {}, "unknown", "No alias is known for 'm\u00e9dicare'."),
        ("Aetna of Qu\u00e9bec", {}, "unknown", "Names 'Aetna' beside words that are not known: 'qu\u00e9bec'."),
        ("HMO - ALL PLANS", {}, "unknown", "Names no payer, only hmo, all plans."),
        ("Elk Valley Trust", {}, "unknown", "No alias is known for 'elk valley trust'."),
        ("Foo Medicare Advantage", {}, "unknown", "No alias is known for 'foo'."),
        ("Sutter Aetna", {}, "unknown", "Names 'Aetna' beside words that are not known: 'sutter'."),
        ("Aetna/Cigna", {}, "ambiguous", "Names several payers: Aetna, Cigna."),
        (
            "Aetna MA",
            {},
            "ambiguous",
            "Beside 'Aetna' a word means more than one thing: 'ma' (Massachusetts or Medicare Advantage).",
        ),
        ("Aetna", {"plan": "Cigna PPO"}, "ambiguous", "The name means 'Aetna', its plan names another payer: 'cigna'."),
        (
            "Blue Cross",
            {"state": "PA"},
            "ambiguous",
            "'blue cross' decides on nobody in PA; candidates: capital_bc, highmark, ibx.",
        ),
        (
            "Blue Shield",
            {},
            "ambiguous",
            "'blue shield' means a payer only in some places or plans (CA, ID), and no state is known.",
        ),
        (
            "Medicare",
            {"plan": "Medicare Advantage"},
            "ambiguous",
            "Beside 'medicare advantage' Medicare is a plan of an insurer whom the name does not give.",
        ),
        (
            "AETNA WORKERS COMP",
            {},
            "other_payer",
            "Names 'Aetna' with another business, 'workers comp': workers compensation, which is no health plan.",
        ),
        ("HUMANA MCR ADV HMO", {}, "other_payer", "Not one of the five payers: Humana, an insurer of its own."),
        (
            "BCBS",
            {"state": "KS"},
            "licensee_open",
            "'BCBS' names a federation of independent licensees and nothing decides which: state KS, candidates bcbs_kc, bcbs_ks.",
        ),
        (
            "BCBS",
            {},
            "licensee_open",
            "'BCBS' names a federation of independent licensees and nothing decides which: state not known, candidates any of them.",
        ),
    ],
)
def test_what_does_not_resolve_says_why(name: str, context: dict[str, str], status: str, reason: str) -> None:
    found = who(name, **context)
    assert (found.status, found.reason, found.organization_id) == (status, reason, None)
    assert found.payer_id == ("bcbs" if status == "licensee_open" else None)


def test_a_name_that_was_sold_means_its_payer_only_before_the_sale() -> None:
    for name, plan in (("CIGNA MCR ADV", None), ("Cigna", "Medicare Managed Care Plan"), ("Cigna Medicare", None)):
        before, after = who(name, plan=plan, on=date(2025, 3, 18)), who(name, plan=plan, on=SOLD)
        assert (before.payer_id, before.organization_id) == ("cigna", "healthspring"), name
        assert (after.payer_id, after.status) == (None, "other_payer"), name
        assert who(name, plan=plan)._replace(reason="") == after._replace(reason=""), name


def test_the_plan_names_the_organization_only_of_the_same_payer() -> None:
    assert who("UHC", plan="UMR PPO").organization_id == "umr"
    assert who("UMR", plan="Optum PPO").organization_id == "umr"
    assert who("Highmark", plan="Highmark Wholecare").organization_id == "highmark_wholecare"


# ---------------------------------------------------------------- every alias, every word


def test_every_alias_that_holds_everywhere_means_its_own_payer() -> None:
    aliases = given_tables()["aliases"].filter((pl.col("scope") == "global") & pl.col("valid_to").is_null())
    found = all_of(aliases.select(name="alias", match="match", own="payer_id", own_organization="organization_id"))
    wrong = found.filter(pl.col("payer_id").ne_missing(pl.col("own")))
    assert wrong.select("name", "payer_id", "reason").rows() == []
    assert found.filter(pl.col("organization_id").ne_missing(pl.col("own_organization"))).height == 0


def test_every_alias_of_a_state_means_its_own_organization_there() -> None:
    aliases = given_tables()["aliases"].filter((pl.col("scope") == "state") & (pl.col("match") == "is"))
    found = all_of(aliases.select("state", name="alias", own="organization_id"))
    assert (
        found.filter(pl.col("organization_id").ne_missing(pl.col("own"))).select("name", "state", "organization_id").rows() == []
    )


def test_every_alias_of_a_plan_holds_beside_its_words() -> None:
    aliases = given_tables()["aliases"].filter((pl.col("scope") == "plan") & pl.col("valid_to").is_null())
    found = all_of(aliases.select(name="alias", plan="plan_text", own="payer_id", own_organization="organization_id"))
    kept = found.filter(
        pl.col("payer_id").ne_missing(pl.col("own")) | pl.col("organization_id").ne_missing(pl.col("own_organization"))
    )
    assert kept.select("name", "plan", "payer_id", "organization_id", "reason").rows() == []


def test_spellings_that_are_looked_for_alike_mean_one_payer_in_one_scope() -> None:
    known = vocabulary(given_tables()["aliases"], given_tables()["words"])
    meanings = known.aliases.group_by("key", "scope", "state", "plan_key", "valid_from").agg(
        pl.struct("match", "payer_id", "organization_id").n_unique()
    )
    assert meanings.filter(pl.col("match") > 1)["key"].to_list() == []


def test_no_word_alone_names_a_payer_except_medicare_itself() -> None:
    words = given_tables()["words"]
    found = all_of(words.select(name="words"))
    resolved_words = dict(found.filter(pl.col("payer_id").is_not_null()).select("name", "payer_id").iter_rows())
    assert resolved_words == dict.fromkeys(("medicare", "original medicare", "traditional medicare"), "medicare")


@pytest.mark.parametrize(
    "name", ["Blue", "Blues", "Blue Cross", "Blue Shield", "Cross", "United", "Health", "Advantage", "Oxford"]
)
def test_no_generic_name_means_anybody(name: str) -> None:
    assert who(name).payer_id is None


# ---------------------------------------------------------------- properties

PARTS = ("Aetna", "BCBS", "Blue Cross", "Cigna", "UHC", "Humana", "Medicare", "Medicaid", "Optum", "UMR", "Anthem", "PPO", "MCR ADV",
         "FEP", "EXCH", "COMM", "TX", "OH", "Dental", "MA", "ALL PLANS", "of", "zzqx", "Better Health", "Community Plan")  # fmt: skip
NAMES = st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map(" ".join)
PLANS = st.none() | st.lists(st.sampled_from(PARTS), min_size=1, max_size=3).map(" ".join)
QUESTIONS = st.tuples(NAMES, PLANS, st.sampled_from((None, "TX", "OH", "PA")), st.sampled_from((None, date(2024, 1, 1), NOW)))


def asked(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=ASKED, orient="row")


@settings(deadline=None, max_examples=10)
@given(st.lists(QUESTIONS, min_size=1, max_size=12))
def test_many_names_are_answered_like_each_alone(rows: list[tuple[Any, ...]]) -> None:
    together = all_of(asked(rows))
    alone = pl.concat([all_of(asked([row])) for row in rows])
    assert_frame_equal(together, alone)


@settings(deadline=None, max_examples=20)
@given(QUESTIONS)
def test_an_unknown_word_keeps_a_name_from_resolving(row: tuple[Any, ...]) -> None:
    (found,) = all_of(asked([(f"{row[0]} qqzz", *row[1:])])).to_dicts()
    assert found["payer_id"] is None
    assert found["organization_id"] is None


@settings(deadline=None, max_examples=20)
@given(QUESTIONS, st.sampled_from((" ", " - ", "/", "_", " , ")))
def test_case_signs_and_ids_in_brackets_do_not_matter(row: tuple[Any, ...], sign: str) -> None:
    name, *context = row
    written = f"  {name.upper().replace(' ', sign)} [1234]"
    plain, signed = all_of(asked([row])), all_of(asked([(written, *context)]))
    assert_frame_equal(plain.select(OUTCOME), signed.select(OUTCOME))


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=30) | NAMES, PLANS, st.sampled_from((None, "TX", "tx", "ZZ")))
def test_whatever_is_asked_there_is_one_outcome_with_a_reason(name: str, plan: str | None, state: str | None) -> None:
    found = who(name, plan=plan, state=state)
    assert found.reason.endswith(".")
    assert found.payer_id in (None, *PAYERS)
    assert (found.payer_id is None) == (found.status not in {"resolved", "licensee_open"})
    assert found.payer_id is not None or found.organization_id is None
    assert (found.status == "licensee_open") <= (found.organization_id is None)
    assert (found.payer_id, found.organization_id) != ("bcbs", None) or found.status == "licensee_open"


def test_rows_and_columns_are_kept_in_their_order() -> None:
    names = pl.DataFrame({"id": [3, 1, 2, 4], "name": ["Aetna", "Humana", "Aetna", None], "files": [1, 2, 3, 4]})
    found = all_of(names)
    assert found.columns == ["id", "name", "files", *OUTCOME]
    assert found.select("id", "payer_id").rows() == [(3, "aetna"), (1, None), (2, "aetna"), (4, None)]


def test_no_names_give_no_rows() -> None:
    found = all_of(named())
    assert (found.height, found.columns) == (0, ["name", *OUTCOME])


def test_without_aliases_and_words_nobody_is_meant() -> None:
    tables = {name: rows.clear() for name, rows in given_tables().items()}
    found = resolved(named("Aetna", ""), **tables)
    assert found["reason"].to_list() == ["No alias is known for 'aetna'.", "The name is empty."]


def test_a_hundred_thousand_names_take_seconds() -> None:
    parts = cycle(PARTS)
    rows = [(f"{next(parts)} {next(parts)} {number}", next(parts)) for number in range(100_000)]
    found = all_of(pl.DataFrame(rows, schema=["name", "plan"], orient="row"))
    assert found["payer_id"].drop_nulls().len() == 0
    assert found["reason"].null_count() == 0


# ---------------------------------------------------------------- the observed spellings


@pytest.mark.full
def test_the_document_counts_the_observed_spellings_rightly(full_files: Path) -> None:
    observed = pl.read_csv(full_files / "payers" / "observed_hospital_payer_names.csv", infer_schema=False)
    found = all_of(observed.select(name="raw_payer_name"))
    counted = found.group_by("status", pl.col("payer_id").fill_null("")).len().sort("status", "payer_id")
    text = (PROJECT / "docs" / "payer_names.md").read_text(encoding="utf-8")
    for status, payer, count in counted.iter_rows():
        assert f"| `{status}` | {payer or 'nobody'} | {count} |" in text
    assert f"{observed.height} spellings" in text


@pytest.mark.full
def test_every_observed_spelling_resolves_or_says_why(full_files: Path) -> None:
    observed = pl.read_csv(full_files / "payers" / "observed_hospital_payer_names.csv", infer_schema=False)
    found = all_of(observed.select(name="raw_payer_name"))
    assert found.height == observed.height
    assert found["reason"].null_count() == 0
    assert found.filter(pl.col("payer_id").is_not_null() & pl.col("evidence").is_null()).height == 0
    strangers = "humana|kaiser|molina|tricare|champva|concordia|united american|wellcare|ambetter|centene|oscar|multiplan|liberty"
    assert found.filter(pl.col("name").str.to_lowercase().str.contains(strangers))["payer_id"].drop_nulls().to_list() == []
