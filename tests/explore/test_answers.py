"""What the server answers, without a browser."""

import io
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import duckdb
import httpx
import polars as pl
import pytest
from starlette.testclient import TestClient

from flows import SHIPPED_RAW
from flows.answers import Question
from flows.database_name import DATABASE
from flows.explore.app import application
from flows.explore.questions import matrix
from flows.explore.words import link, linked, timeline
from flows.pipeline import run
from flows.settings import NoAnswerError, Settings
from tests.explore.conftest import HOSTILE, served, switch


def test_pages_say_what_they_are(site: str) -> None:
    for path in ("/", "/?q=19307", "/codes/19307", "/codes/19307/compare?left=uhc&right=cigna", "/payers", "/payers/bcbs", "/modifiers",
                 "/modifiers/QZ", "/contradictions", "/changes", "/docs"):  # fmt: skip
        answer = httpx.get(site + path)
        assert answer.status_code == 200, path
        assert "Release first." in answer.text, path
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';"), path
        assert "style=" not in answer.text, path
        assert "onclick" not in answer.text, path


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/codes/99999", 404, "Code 99999 is not among the"),
        ("/codes/19307?on=yesterday", 400, "Unknown date &#39;yesterday&#39;: expected year-month-day such as 2025-10-01."),
        ("/codes/19307?organization=nobody", 400, "Unknown organization &#39;nobody&#39;"),
        ("/codes/19307?line_of_business=%27%20OR%201=1", 400, "Unknown line of business"),
        ("/codes/19307?market=XX", 400, "Unknown market &#39;XX&#39;: expected two letters of a state such as TX."),
        ("/api/codes/19307/modifiers?market=XX", 400, "Unknown market 'XX': expected two letters of a state such as TX."),
        ("/api/resolve?name=Aetna&state=XX", 400, "Unknown state 'XX': expected two letters of a state such as TX."),
        ("/codes/19307?on=20251015", 400, "Unknown date &#39;20251015&#39;: expected year-month-day such as 2025-10-01."),
        ("/codes/19307?on=2025-W42-3", 400, "Unknown date &#39;2025-W42-3&#39;"),
        (
            "/api/explain?code=19307&payer=cigna&modifier=50&organization=ibx",
            400,
            '{"detail":"The organization ibx belongs to bcbs, not to cigna."}',
        ),
        ("/payers/nobody", 404, "Payer &#39;nobody&#39; is not in this release."),
        (
            "/payers/uhc?download=csv&part=secrets",
            400,
            "Unknown part &#39;secrets&#39; of this page: expected one of rules, organizations, aliases.",
        ),
        ("/contradictions?download=exe", 400, "Unknown format &#39;exe&#39;: expected csv or parquet."),
        ("/codes/19307/compare?left=nobody", 400, "Unknown payer &#39;nobody&#39;: expected one of aetna"),
        ("/api/codes/99999", 404, "Code 99999 is not among the"),
        ("/api/codes?limit=501", 422, "less than or equal to 500"),
        (
            "/nowhere",
            404,
            '<p class="notice">There is no such page. The search box above finds codes, modifiers, payers and words.</p>',
        ),
        ("/api/nowhere", 404, '{"detail":"Not Found"}'),
        ("/codes/19307/explain?payer=uhc", 422, '<p class="notice">&#39;modifier&#39; is missing in the address.</p>'),
        (
            "/contradictions?offset=-1",
            422,
            '<p class="notice">&#39;offset&#39; is &#39;-1&#39;: input should be greater than or equal to 0.</p>',
        ),
        ("/codes/19307?q=" + "x" * 5_000, 414, "The address is too long: at most 4,096 characters."),
    ],
)
def test_refusals_say_why(site: str, path: str, status: int, said: str) -> None:
    answer = httpx.get(site + path)
    assert answer.status_code == status
    assert said in answer.text


def test_a_folder_without_a_release_is_told_everywhere(tmp_path: Path) -> None:
    said = f"There is no release in {tmp_path}. Make one with: payref refresh --output {tmp_path}"
    with TestClient(application(tmp_path), base_url="http://127.0.0.1") as client:
        for path in ("/", "/codes/19307", "/payers", "/contradictions"):
            answer = client.get(path)
            assert (answer.status_code, f'<p class="notice">{said}</p>' in answer.text) == (503, True), path
        for path in ("/api/codes", "/api/codes/19307", "/api/health"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()) == (503, {"detail": said}), path


def test_it_only_reads_and_only_for_this_machine(site: str) -> None:
    assert httpx.post(site + "/api/codes", content=b"x").status_code == 405
    assert httpx.get(site + "/api/codes", headers={"host": "elsewhere.example"}).status_code == 400


def test_a_day_changes_the_answer(site: str) -> None:
    before, after = (
        httpx.get(f"{site}/api/explain?code=00406&payer=cigna&modifier=QZ&on={day}").json()["rows"][0]
        for day in ("2023-03-11", "2023-03-12")
    )
    assert (before["rule_id"], float(before["effect_percent"])) == ("cigna.anesthesia.QZ.before_2023", 100)
    assert (after["rule_id"], float(after["effect_percent"])) == ("cigna.anesthesia.QZ.2023", 85)


def test_lists_are_paged(site: str) -> None:
    whole = httpx.get(f"{site}/api/codes?limit=500&on=2025-10-05").json()
    assert whole["next_offset"] is None
    parts, offset = [], 0
    while offset is not None:
        page = httpx.get(f"{site}/api/codes?limit=100&offset={offset}&on=2025-10-05").json()
        parts, offset = parts + page["rows"], page["next_offset"]
    assert parts == whole["rows"]
    assert len(parts) == 235


def test_an_answer_that_is_still_true_is_not_sent_again(site: str) -> None:
    first = httpx.get(site + "/api/payers")
    again = httpx.get(site + "/api/payers", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_files_hold_what_the_page_shows(site: str) -> None:
    address = site + "/codes/19307?on=2025-10-05"
    whole = httpx.get(site + "/api/codes/19307/modifiers?on=2025-10-05").json()["rows"]
    keys = [(row["modifier"], row["payer_id"], row["disposition"]) for row in whole]
    says = {
        row["modifier"] for row in whole if row["disposition"] not in {"not_published", "not_applicable"} or row["effect_percent"]
    }
    for addition, expected in (("&all=1", keys), ("", [key for key in keys if key[0] in says])):
        csv = pl.read_csv(httpx.get(f"{address}{addition}&download=csv").content, infer_schema=False)
        parquet = pl.read_parquet(io.BytesIO(httpx.get(f"{address}{addition}&download=parquet").content))
        assert csv.select("modifier", "payer_id", "disposition").rows() == expected
        assert parquet.select("modifier", "payer_id", "disposition").rows() == expected
    assert 0 < len(says) < len({modifier for modifier, _, _ in keys})


@pytest.mark.parametrize(
    ("path", "columns"),
    [
        ("/?q=anesthesia", {"kind", "id", "text"}),
        ("/?x=1", {"source", "release_id"}),
        ("/codes/19307?on=2025-10-05&part=indicators", {"component", "co_surgeon_code"}),
        ("/codes/19307/explain?payer=medicare&modifier=54&on=2025-10-05", {"rule_id", "citation_where", "indicator_values"}),
        (
            "/codes/19307/compare?left=uhc&right=medicare&on=2025-10-05",
            {"modifier", "left_on", "left_disposition", "right_rule_id"},
        ),
        ("/payers?x=1", {"payer_id"}),
        ("/payers/bcbs?part=organizations", {"organization_id"}),
        ("/payers/bcbs?part=aliases", {"alias"}),
        ("/modifiers?x=1", {"modifier", "rules"}),
        ("/modifiers/QZ?part=rules", {"rule_id", "effective_from"}),
        ("/contradictions?x=1", {"left_answer", "right_answer"}),
    ],
)
def test_every_list_can_be_had_as_a_file(site: str, path: str, columns: set[str]) -> None:
    csv, parquet = (httpx.get(f"{site}{path}&download={kind}") for kind in ("csv", "parquet"))
    assert csv.headers["content-disposition"].startswith("attachment; filename=")
    shown = pl.read_parquet(io.BytesIO(parquet.content))
    assert columns <= set(shown.columns)
    assert pl.read_csv(csv.content, infer_schema=False).shape == shown.shape


def test_the_matrix_says_what_the_macro_says_payer_by_payer(site: str, releases: Path) -> None:
    shown = httpx.get(site + "/api/codes/19307/modifiers?on=2025-10-05&organization=ibx").json()["rows"]
    with duckdb.connect(str(releases / "releases" / "first" / DATABASE), read_only=True) as connection:
        for payer in ("aetna", "bcbs", "cigna", "medicare", "uhc"):
            query = """
                SELECT modifier, disposition, rule_id
                FROM modifiers_for('19307', $1, on_date := DATE '2025-10-05', for_organization := $2)
            """
            expected = connection.execute(query, [payer, "ibx" if payer == "bcbs" else "any"]).fetchall()
            assert [
                (row["modifier"], row["disposition"], row["rule_id"]) for row in shown if row["payer_id"] == payer
            ] == expected


def test_files_of_the_pages_are_served_again_and_again(site: str) -> None:
    for _ in range(2):
        for name, kind in (("explore.css", "text/css"), ("explore.js", "text/javascript"), ("icon.svg", "image/svg+xml")):
            answer = httpx.get(f"{site}/static/{name}", timeout=20)
            assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, kind)


def test_a_release_that_cannot_answer_for_all_payers_says_so() -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE MACRO modifiers_for(c, p, on_date := 1, as_component := 1, for_line := 1, in_market := 1, for_organization := 1) AS TABLE SELECT 1 AS modifier WHERE p = 'uhc'"
        )
        with pytest.raises(NoAnswerError, match="Refresh once with --force"):
            matrix(connection, Question("19307", "medicare", date(2025, 10, 5)))


def test_many_who_ask_for_the_same_are_answered_once(site: str) -> None:
    address = f"{site}/codes/19307?on=2025-07-0"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: httpx.get(f"{address}{1 + number % 2}", timeout=60), range(16)))
    assert {(answer.status_code, answer.url.query[-1:]) for answer in answers} == {(200, b"1"), (200, b"2")}
    assert len({answer.text for answer in answers}) == 2
    assert httpx.get(f"{address}1").headers["server-timing"] == "kept"


def test_search_forgives_a_misspelling(site: str) -> None:
    assert httpx.get(site + "/api/search?q=19307").json()["rows"][0]["id"] == "19307"
    right, wrong = (httpx.get(f"{site}/api/search?q={text}&limit=50").json()["rows"] for text in ("anesthesia", "anesthisia"))
    assert right
    assert {(row["kind"], row["id"]) for row in wrong} >= {(row["kind"], row["id"]) for row in right}
    assert {"00100", "00406", "AA"} <= {row["id"] for row in wrong}


@pytest.mark.parametrize(
    ("query", "start"),
    [
        ("table=zzz", "Unknown table 'zzz': expected one of anesthesia_locality, answer, "),
        ("source=zzz", "Unknown source 'zzz': expected one of cms_pfs, "),
    ],
)
def test_changes_of_what_there_is_not_are_refused(site: str, query: str, start: str) -> None:
    refused = httpx.get(f"{site}/api/changes?{query}")
    assert (refused.status_code, refused.json()["detail"][: len(start)]) == (400, start)
    assert httpx.get(f"{site}/changes?{query}").status_code == 400
    assert httpx.get(f"{site}/changes?table=code&source=cms_pfs").status_code == 200


@pytest.mark.parametrize("payer", ["bcbs", "BCBS", "Blue Cross Blue Shield"])
def test_an_organization_counts_however_its_payer_is_spelled(site: str, payer: str) -> None:
    given = {"code": "19307", "payer": payer, "modifier": "50", "organization": " IBX", "on": "2026-12-01"}
    answer = httpx.get(f"{site}/api/explain", params=given).json()
    assert (answer["question"]["payer"], answer["question"]["organization"]) == ("bcbs", "ibx")
    assert [row["rule_id"] for row in answer["rows"] if row["verdict"] == "won"] == ["bcbs.ibx.bilateral.1"]
    own = {name: value for name, value in given.items() if name not in {"code", "modifier"}}
    listed = httpx.get(f"{site}/api/codes/19307/modifiers", params=own).json()["rows"]
    assert {row["rule_id"] for row in listed if row["modifier"] == "50"} == {"bcbs.ibx.bilateral.1"}
    page = httpx.get(f"{site}/codes/19307/explain", params=given).text
    assert "<small>ibx, commercial, PA, on 2026-12-01</small>" in page
    assert "bcbs.ibx.bilateral.1" in page


def test_texts_say_what_kind_of_page_they_are_from(site: str) -> None:
    title = "Sample pages about codes, invented in the two layouts, some wrong on purpose"
    assert f"from code_pages/96405_coding.txt: {title}</small>" in httpx.get(site + "/codes/96405").text
    for path in ("/", "/?q=chemo+lesion"):
        assert f'<small class="source">{title}</small>' in httpx.get(site + path).text
    assert [text["source_title"] for text in httpx.get(site + "/api/codes/96405").json()["texts"]] == [title]


def test_a_release_of_an_earlier_version_says_so(releases: Path, tmp_path: Path) -> None:
    (tmp_path / "releases" / "old").mkdir(parents=True)
    database = tmp_path / "releases" / "old" / DATABASE
    shutil.copy(releases / "releases" / "first" / DATABASE, database)
    with duckdb.connect(str(database)) as connection:
        connection.execute("DROP VIEW source_file_title")
    switch(tmp_path, "old")
    said = "This release was made by an earlier version of the project. Make it anew with: payref refresh --force"
    with TestClient(application(tmp_path), base_url="http://127.0.0.1") as client:
        page, answer = client.get("/codes/19307"), client.get("/api/codes/19307")
    assert (page.status_code, f'<p class="notice">{said}</p>' in page.text) == (503, True)
    assert (answer.status_code, answer.json()) == (503, {"detail": said})


def test_an_organization_stands_on_the_page_of_its_payer(site: str) -> None:
    answer = httpx.get(site + "/organizations/anthem_oh?on=2025-10-05")
    assert (answer.status_code, answer.headers["location"]) == (307, "/payers/bcbs?on=2025-10-05#anthem_oh")
    assert '<li id="anthem_oh">' in httpx.get(site + "/payers/bcbs").text


def test_a_hostile_payer_is_text_and_a_switch_under_load_drops_nothing(site: str, releases: Path) -> None:
    failed: list[int] = []
    answered = 0
    stop = threading.Event()

    def ask(number: int) -> None:
        nonlocal answered
        with httpx.Client(base_url=site, timeout=60) as client:
            while not stop.is_set():
                answered += 1
                answer = client.get(f"/codes/19307?on=20{10 + answered % 80}-01-0{number + 1}")
                failed.extend([answer.status_code] if answer.status_code != 200 else [])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        for name in ("second", "first", "second"):
            switch(releases, name)
            enough = answered + 8
            while answered < enough and not failed:
                stop.wait(0.02)
        page = httpx.get(site + "/payers/aetna", timeout=60).text
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        switch(releases, "first")
    assert "Release second." in page
    assert HOSTILE not in page
    assert "&lt;script&gt;document.title=&#39;taken&#39;&lt;/script&gt;" in page
    assert failed == []
    assert answered > 12


@pytest.mark.slow
def test_a_refresh_under_load_drops_nothing(tmp_path: Path) -> None:
    raw, output = tmp_path / "raw", tmp_path / "output"
    shutil.copytree(SHIPPED_RAW, raw)
    first = run(Settings(raw, output)).release
    failed: list[int] = []
    seen: list[str] = []
    stop = threading.Event()

    def ask(address: str) -> None:
        with httpx.Client(base_url=address, timeout=60) as client:
            while not stop.is_set():
                answer = client.get(f"/codes/19307?on=2025-10-0{1 + len(seen) % 9}")
                failed.extend([answer.status_code] if answer.status_code != 200 else [])
                seen.append(answer.text.split("<footer>Release ")[1].split(".")[0])

    with served(output) as address:
        threads = [threading.Thread(target=ask, args=(address,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            (raw / "code_pages" / "17110_coding.txt").unlink()
            second = run(Settings(raw, output, keep=1)).release
            enough = len(seen) + 6
            while len(seen) < enough and not failed:
                stop.wait(0.02)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert failed == []
    assert first != second
    assert {seen[0], seen[-1]} == {first, second}
    assert set(seen) == {first, second}


def test_links_quote_and_keep_what_was_chosen() -> None:
    assert (
        link("/codes/a b?", {"on": "2025-10-01", "market": "any"}, modifier="<&", x=None)
        == "/codes/a%20b%3F?modifier=%3C%26&on=2025-10-01"
    )


def test_a_timeline_puts_days_where_they_belong() -> None:
    assert timeline([], date(2025, 1, 1)) == ([], [], None)
    last = date.today() + timedelta(days=365)
    first = last - timedelta(days=2400)
    rule = {"effective_from": first, "effective_to": first + timedelta(days=99)}
    line = timeline([rule, {"effective_from": first + timedelta(days=100), "effective_to": None}], first + timedelta(days=100))
    assert [(bar["x"], bar["width"], bar["is_in_force"]) for bar in line.bars] == [(0.0, 9.9, False), (10.0, 230.0, True)]
    assert line.day_x == 10.0
    assert all(first < date(year, 1, 1) < last for _, year in line.years)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("section 40.4", [("section 40.4", None)]),
        ("regence.com, version of April 2020", [("regence.com", "https://regence.com"), (", version of April 2020", None)]),
        (
            "section 40.4; info.prsnetwork.com/modifier-78",
            [("section 40.4; ", None), ("info.prsnetwork.com/modifier-78", "https://info.prsnetwork.com/modifier-78")],
        ),
        ("javascript:alert(1)", [("javascript:alert(1)", None)]),
        (None, []),
    ],
)
def test_a_citation_becomes_a_link_only_where_it_is_an_address(text: str | None, pieces: list[tuple[str, str | None]]) -> None:
    assert linked(text) == pieces
