"""The application as people use it, in Chromium."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def page(browser: Any, site: str) -> Iterator[Any]:
    """A page that fails its test where the browser complains about the policy or a script."""
    context = browser.new_context(base_url=site)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield opened
    context.close()
    assert complaints == []


def test_keyboard_alone_reaches_the_reason(page: Any) -> None:
    page.goto("/?on=2025-10-05")
    page.keyboard.press("/")
    page.keyboard.type("33533")
    page.wait_for_selector("#suggestions [role=option]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/codes/33533?on=2025-10-05")
    page.locator("a.cell", has_text="Medicare, 62:").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/codes/33533/explain?*")
    text = page.inner_text("main")
    for told in (
        "Not allowed",
        "medicare.co_surgeon.0",
        "co_surgeon_code=0",
        "PPRRVU2025_Oct.csv line 93",
        "medicare.csv line 62",
    ):
        assert told in text


def test_search_finds_by_words(page: Any) -> None:
    page.goto("/")
    page.fill("#q", "anesthesia")
    page.press("#q", "Enter")
    page.wait_for_url("**/?q=anesthesia")
    page.click(".results a:has-text('00100')")
    assert page.inner_text("h1").startswith("00100")


def test_a_click_then_another_date_changes_the_answer(page: Any) -> None:
    page.goto("/codes/00406?on=2023-03-11")
    page.click("a.cell:has-text('Cigna Healthcare, QZ:')")
    assert "cigna.anesthesia.QZ.before_2023" in page.inner_text("article >> nth=0")
    page.fill("#on", "2023-03-12")
    page.press("#on", "Enter")
    page.wait_for_url("**on=2023-03-12**")
    assert "85 %" in page.inner_text("article >> nth=0")


def test_the_date_can_be_typed(page: Any) -> None:
    page.goto("/codes/19307?on=2025-10-05")
    page.focus("#on")
    page.keyboard.type("03112023", delay=30)
    assert page.url.endswith("?on=2025-10-05")
    assert page.input_value("#on") == "2023-03-11"
    page.keyboard.press("Enter")
    page.wait_for_url("**on=2023-03-11**")


def test_a_typed_date_counts_with_the_button(page: Any) -> None:
    page.goto("/codes/19307?on=2025-10-05")
    page.focus("#on")
    page.keyboard.type("03112023", delay=30)
    page.click("form.day button")
    page.wait_for_url("**on=2023-03-11**")


def test_download(page: Any) -> None:
    page.goto("/codes/19307?on=2025-10-05")
    with page.expect_download() as waiting:
        page.click("a:has-text('CSV of modifiers')")
    assert waiting.value.suggested_filename == "19307_modifiers.csv"
