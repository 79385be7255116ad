"""Every published price file at full size: loaded, or refused for the reason stated here, counts checked by another reader."""

import csv
import gzip
import io
import json
import os
import shutil
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from flows import SHIPPED_RAW
from flows.database_name import DATABASE
from flows.pipeline import Outcome, run
from flows.price_files import price_files
from flows.settings import Settings

pytestmark = [pytest.mark.full, pytest.mark.slow]
SCHEMA, TEMPLATE = "a JSON object without any", "expected the hospital's name in the general data, found none"
NO_CHARGES = "found neither: a schema, or another kind of file"
NO_MODIFIERS = [None, "", "00"]


@pytest.fixture(scope="module")
def raw(full_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped sources, with the full price files beside them."""
    folder = tmp_path_factory.mktemp("raw")
    for source in SHIPPED_RAW.iterdir():
        shutil.copytree(source, folder / source.name)
    for name in ("tic", "hpt"):
        (folder / name).symlink_to(full_files / name)
    return folder


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("output")


@pytest.fixture(scope="module")
def outcome(raw: Path, output: Path) -> Outcome:
    return run(Settings(raw, output, follows_links=True))


@pytest.fixture(scope="module")
def tables(outcome: Outcome, output: Path) -> dict[str, pl.DataFrame]:
    folder = output / "current" / "parquet"
    names = ("modifier_observation", "published_modifier_effect", "price_file_worklist", "raw_file", "finding", "name_review")
    return {name: pl.read_parquet(folder / f"{name}.parquet") for name in names}


def text_of(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def documents(raw: Path) -> dict[str, dict[str, Any]]:
    """Payers' files as whole documents."""
    names = [file.source_file for file in price_files(raw, None, follows_links=True) if file.source == "tic"]
    return {name: json.loads(text_of(raw / name), parse_float=Decimal) for name in names}


def expected_reason(name: str) -> str | None:
    """Why a file is refused: schemas and empty templates of CMS are no price files."""
    if name.startswith("tic/") and "/schemas/" in name:
        return SCHEMA
    if "/JSON/schemas/" in name:
        return NO_CHARGES
    return TEMPLATE if "/CSV/templates/" in name else None


def test_every_file_is_loaded_or_refused_for_a_stated_reason(raw: Path, tables: dict[str, pl.DataFrame]) -> None:
    found = dict(tables["finding"].filter(pl.col("rule_id") == "price_file.readable").select("source_file", "reason").iter_rows())
    counted = {
        name for (name,) in tables["raw_file"].filter(pl.col("source").is_in(["tic", "hpt"])).select("source_file").iter_rows()
    }
    names = [file.source_file for file in price_files(raw, None, follows_links=True)]
    assert len(names) == 57
    assert counted == set(names)
    for name in names:
        reason = expected_reason(name)
        assert (name in found) == (reason is not None), name
        assert reason is None or (reason in found[name] and found[name].startswith(name)), found[name]


def test_no_file_is_left_unread_that_could_be_a_price_file(raw: Path, outcome: Outcome) -> None:
    left = [name for name in outcome.manifest["not_read"] if name.startswith(("tic/", "hpt/"))]
    assert {os.path.splitext(name)[1] for name in left} <= {".md", ".xml"}  # noqa: PTH122 - names, not paths


def test_prices_of_payers_are_all_there(raw: Path, tables: dict[str, pl.DataFrame]) -> None:
    """Prices and prices with a modifier by file, counted in whole documents by the standard library."""
    expected: Counter[tuple[str, bool]] = Counter()
    for name, document in documents(raw).items():
        for item in document.get("in_network", []) if "$schema" not in document else []:
            for rate in item["negotiated_rates"]:
                for price in rate["negotiated_prices"]:
                    said = [word for word in price.get("billing_code_modifier") or [] if word not in NO_MODIFIERS]
                    expected[(name, bool(said))] += 1
    seen = tables["modifier_observation"].filter(pl.col("file_kind") == "tic")
    counts = seen.group_by("source_file", pl.col("modifiers") != "").agg(pl.col("price_count").sum())
    assert {(name, has): count for name, has, count in counts.iter_rows()} == dict(expected)
    assert sum(expected.values()) > 126_000


def test_rates_of_carefirst_are_exact(raw: Path, tables: dict[str, pl.DataFrame]) -> None:
    name = "tic/carefirst/examplefile.json.gz"
    rates: dict[tuple[str, str], list[Decimal]] = {}
    for item in json.loads(text_of(raw / name), parse_float=Decimal, parse_int=Decimal)["in_network"]:
        for rate in item["negotiated_rates"]:
            for price in rate["negotiated_prices"]:
                rates.setdefault((item["billing_code"], price["billing_class"]), []).append(price["negotiated_rate"])
    seen = tables["modifier_observation"].filter((pl.col("source_file") == name) & (pl.col("rate_kind") == "dollars"))
    summed = seen.group_by("code", "billing_class").agg(
        pl.col("price_count").sum(), pl.col("min_rate").min(), pl.col("max_rate").max()
    )
    found = {(code, kind): tuple(numbers) for code, kind, *numbers in summed.iter_rows()}
    assert found == {key: (len(values), min(values), max(values)) for key, values in rates.items()}


def test_every_address_of_a_table_of_contents_is_on_the_worklist(raw: Path, tables: dict[str, pl.DataFrame]) -> None:
    expected = {
        (name, file["location"])
        for name, document in documents(raw).items()
        if "$schema" not in document
        for structure in document.get("reporting_structure", [])
        for file in structure.get("in_network_files", [])
    }
    assert set(tables["price_file_worklist"].select("source_file", "url").iter_rows()) == expected
    assert len([url for name, url in expected if "molina" in name]) == 30


@pytest.mark.parametrize(
    ("modifier", "percents"),
    [
        ("AS", {"aetna": ["12"], "bcbs": ["13.6"], "cigna": ["13.6"], "uhc": ["13.6"]}),
        ("QK", {"aetna": ["50"], "cigna": ["50"], "uhc": ["50"]}),
        ("22", {"aetna": ["115"], "bcbs": ["125"], "cigna": ["120"], "uhc": ["120"]}),
    ],
)
def test_md_anderson_pays_modifiers_as_published(
    tables: dict[str, pl.DataFrame], modifier: str, percents: dict[str, list[str]]
) -> None:
    effects = tables["published_modifier_effect"].filter(
        pl.col("source_file").str.contains("md-anderson") & (pl.col("modifier") == modifier) & (pl.col("verdict") == "clear")
    )
    found = effects.drop_nulls(["payer_id", "effect_percent"]).group_by("payer_id").agg(pl.col("effect_percent").unique().sort())
    assert {
        payer: [f"{value.normalize():f}" for value in values] for payer, values in found.iter_rows() if payer in percents
    } == percents


def test_the_misplaced_percentages_of_aetnas_ppo_are_caught(tables: dict[str, pl.DataFrame]) -> None:
    effects = tables["published_modifier_effect"].filter(
        pl.col("plan_name") == "PPO_Professional_MD", pl.col("payer_id") == "aetna"
    )
    assert effects["verdict"].unique().to_list() == ["contradicts_note"]
    assert effects["published_percent"].null_count() == effects.height == 17


def test_rows_of_marthas_vineyard_are_all_counted(raw: Path, tables: dict[str, pl.DataFrame]) -> None:
    name = "hpt/marthas-vineyard_standardcharges.csv"
    rows = list(csv.reader(io.StringIO((raw / name).read_bytes().decode("cp1252"), newline="")))[3:]
    filled = [row for row in rows if any(cell.strip() for cell in row)]
    (counted,) = tables["raw_file"].filter(pl.col("source_file") == name).to_dicts()
    assert (counted["rows_read"], counted["encoding"]) == (len(filled), "cp1252")


def test_what_hospitals_show_answers_where_no_payer_does(outcome: Outcome, output: Path) -> None:
    with duckdb.connect(str(output / "current" / DATABASE), read_only=True) as connection:
        rules = connection.execute("SELECT count(*) FROM modifier_rule WHERE tier = 'hospital_published'").fetchall()
        seen = connection.execute("SELECT count(*) FROM policy_vs_observed").fetchall()
    assert rules[0][0] > 50
    assert seen[0][0] > 0


def test_a_second_refresh_has_nothing_to_do(outcome: Outcome, raw: Path, output: Path) -> None:
    again = run(Settings(raw, output, follows_links=True))
    assert (again.release, again.is_new) == (outcome.release, False)
