"""Every kind of page under axe, light and dark, on a desktop and on a phone, where no page scrolls sideways."""

from typing import Any

import pytest

from tests.browsers import SIZES, serious

PAGES = (
    "/",
    "/?q=anesthesia",
    "/?q=xqzzzz",
    "/codes/19307?on=2025-10-05",
    "/codes/00406?on=2025-10-05&all=1",
    "/codes/19307",
    "/codes/19307/explain?payer=medicare&modifier=54&on=2025-10-05",
    "/codes/00406/explain?payer=cigna&modifier=QZ&on=2023-03-12",
    "/codes/19307/compare?left=medicare&right=uhc&on=2025-10-05",
    "/payers",
    "/payers/cigna",
    "/modifiers",
    "/modifiers/QZ?on=2023-03-12",
    "/contradictions",
    "/changes",
    "/docs",
    "/codes/99999",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_no_page_has_a_serious_finding_or_scrolls_sideways(browser: Any, site: str, size: str, scheme: str) -> None:
    context = browser.new_context(base_url=site, bypass_csp=True, color_scheme=scheme, viewport=SIZES[size])
    try:
        page = context.new_page()
        found = {}
        for path in PAGES:
            page.goto(path)
            found[path] = serious(page)
            if page.evaluate("document.documentElement.scrollWidth") > SIZES[size]["width"]:
                found[path].append("The page scrolls sideways.")
    finally:
        context.close()
    assert {path: told for path, told in found.items() if told} == {}


def test_open_suggestions_have_no_serious_finding(browser: Any, site: str) -> None:
    context = browser.new_context(base_url=site, bypass_csp=True)
    try:
        page = context.new_page()
        page.goto("/")
        assert page.evaluate("document.activeElement.id") == "q"
        page.keyboard.type("aetna")
        page.wait_for_selector("#suggestions [role=option]")
        page.keyboard.press("ArrowDown")
        assert serious(page) == []
        page.keyboard.press("Escape")
        assert page.get_attribute("#q", "aria-expanded") == "false"
    finally:
        context.close()
