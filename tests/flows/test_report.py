"""The page of a release: same numbers as its tables, nothing unescaped, and it works in a real browser."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows.database_name import DATABASE
from flows.report import REPORT, page, report, share, write_report
from tests.browsers import CHROMIUM, SIZES, serious

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium")


def in_browser(page_path: Path, profile: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        f"--user-data-dir={profile}",
    ]
    return subprocess.run([*command, *options, page_path.as_uri()], capture_output=True, text=True, check=True, timeout=120)


def shown(text: str, table: str) -> list[list[str]]:
    """Cells of a table in the page, as text."""
    body = re.search(rf'<table id="table-{table}">.*?<tbody>(.*?)</tbody>', text, flags=re.DOTALL)
    assert body
    rows = re.findall(r"<tr>(.*?)</tr>", body[1], flags=re.DOTALL)
    return [
        [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, flags=re.DOTALL)] for row in rows
    ]


def test_the_browser_shows_the_numbers_of_the_tables(
    release: Path, connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    done = in_browser(release / REPORT, tmp_path, "--dump-dom")
    assert "CONSOLE" not in done.stderr
    assert "days ago)" in done.stdout  # the page's own script ran under its policy
    query = """
        SELECT payer_id, modifier, count(*), count(*) FILTER (WHERE disposition <> 'not_published'),
            count(*) FILTER (WHERE disposition = 'not_published')
        FROM code_payer_modifier GROUP BY ALL ORDER BY ALL
    """
    cells = [[payer, modifier, *(f"{n:,}" for n in counts)] for payer, modifier, *counts in connection.execute(query).fetchall()]
    assert [row[:5] for row in shown(done.stdout, "heat")] == cells
    for name, _, rows, change in shown(done.stdout, "tables"):
        assert (rows, change) == (f"{connection.sql(f'FROM {name}').shape[0]:,}", "first")


@needs_chromium
def test_a_screenshot_is_made(release: Path, tmp_path: Path) -> None:
    picture = tmp_path / "page.png"
    in_browser(release / REPORT, tmp_path / "profile", f"--screenshot={picture}", "--window-size=1200,2000")
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_page_has_no_serious_finding_and_does_not_scroll_sideways(
    release: Path, browser: Any, size: str, scheme: str
) -> None:
    context = browser.new_context(bypass_csp=True, color_scheme=scheme, viewport=SIZES[size])
    try:
        opened = context.new_page()
        opened.goto((release / REPORT).as_uri())
        opened.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
        assert serious(opened) == []
        assert opened.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
    finally:
        context.close()


def test_the_inputs_fit_a_small_desktop(release: Path, browser: Any) -> None:
    opened = browser.new_page(viewport={"width": 1200, "height": 800})
    try:
        opened.goto((release / REPORT).as_uri())
        table = opened.locator("#table-inputs")
        assert table.evaluate("table => table.scrollWidth") <= table.evaluate("table => table.parentElement.clientWidth")
    finally:
        opened.close()


def test_every_anchor_leads_somewhere(release: Path) -> None:
    text = (release / REPORT).read_text(encoding="utf-8")
    anchors = re.findall(r'href="#([^"]+)"', text)
    identifiers = re.findall(r'\bid="([^"]+)"', text)
    assert len(anchors) == 10
    assert set(anchors) <= set(identifiers)
    assert len(identifiers) == len(set(identifiers))


def test_only_run_times_differ(release: Path, tmp_path: Path) -> None:
    manifest = json.loads((release / "manifest.json").read_text(encoding="utf-8"))
    write_report(tmp_path, release / DATABASE, manifest, None, {})
    again, first = ((folder / REPORT).read_text(encoding="utf-8") for folder in (tmp_path, release))
    assert again.split('<table id="table-times">')[0] == first.split('<table id="table-times">')[0]


def test_every_value_is_escaped(release: Path, connection: duckdb.DuckDBPyConnection) -> None:
    content = report(connection, json.loads((release / "manifest.json").read_text(encoding="utf-8")), None)
    content["coverage"][0]["payer_name"] = "<script>"
    text = page(content, {"<script>": 1.0})
    assert text.count("<script>") == 1  # its own
    assert text.count("&lt;script&gt;") == 2


def test_change_is_counted_against_the_release_before(release: Path, connection: duckdb.DuckDBPyConnection) -> None:
    now = json.loads((release / "manifest.json").read_text(encoding="utf-8"))
    before = {"release": "2020-01-01-00000000", "files": [{"path": "parquet/payer.parquet", "table": "payer", "rows": 3}]}
    more = {row["table"]: row["more"] for row in report(connection, now, before)["tables"]}
    assert (more["payer"], more["code"]) == (2, None)


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 9, "0.0 %"), (1, 5000, "under 0.1 %"), (1, 2, "50.0 %"), (4999, 5000, "over 99.9 %"), (9, 9, "100.0 %"), (0, 0, "none")],
)
def test_a_share_never_hides_what_is_there(part: int, whole: int, text: str) -> None:
    assert share(part, whole) == text
