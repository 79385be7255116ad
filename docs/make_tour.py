"""The tour in docs/tour.md with its pictures, from a release that exists: python docs/make_tour.py --output output.

Made from the data that the project ships, so that no picture shows licensed text. Needs playwright and Chromium.
"""

import argparse
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Page, sync_playwright

from bench.explore import served

HERE = Path(__file__).parent
MOST_BYTES = 150_000
DESKTOP = {"width": 1200, "height": 750}
LOW = {"width": 1200, "height": 560}
PHONE = {"width": 390, "height": 844}
FOOT = (
    "These pictures are made by `python docs/make_tour.py` from the release that the project ships; docs/explore.md says more.\n"
)


def search(page: Page) -> None:
    """Type two misspelled words and choose the first suggestion, without opening it."""
    page.keyboard.type("anesthisia nurse", delay=20)
    page.wait_for_timeout(1_000)
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("#suggestions [aria-selected=true]")


def click_cell(page: Page) -> None:
    """Open the reason of one cell, as a reader does."""
    page.click("a.cell:has-text('Medicare, 54:')")
    page.wait_for_url("**/explain?*")


def show_matrix(page: Page) -> None:
    """Scroll to the colours."""
    page.evaluate("document.querySelector('.legend').scrollIntoView()")


def pick_day(page: Page) -> None:
    """Choose the day on which the answer changes."""
    page.fill("#on", "2023-03-12")
    page.press("#on", "Enter")
    page.wait_for_url("**on=2023-03-12**")


class Stop(NamedTuple):
    """One picture of the tour and its two sentences."""

    name: str
    title: str
    address: str
    told: str
    act: Callable[[Page], None] | None = None
    view: dict[str, int] = DESKTOP
    scheme: str = "light"


STOPS = [
    Stop(
        "search",
        "Search",
        "/",
        "The box has the keyboard from the start and takes codes, modifiers, payers and words, misspelled ones too. Arrow keys "
        "and Enter open a suggestion, and `/` leads back to the box from anywhere.",
        search,
        LOW,
    ),
    Stop(
        "code",
        "A code",
        "/codes/00406?on=2025-10-05",
        "What the code is, and every payer's answer for every modifier, in colours and in words. A dash means that nobody "
        "published an answer; it never means that Medicare's is copied.",
    ),
    Stop(
        "reason",
        "The reason",
        "/codes/19307?on=2025-10-05",
        "A click on a cell shows the rules that were considered, the winner first. It names the rule, its dates, the indicator "
        "values, both files with their lines, and the citation.",
        click_cell,
    ),
    Stop(
        "day",
        "Another day",
        "/codes/00406/explain?payer=cigna&modifier=QZ&on=2023-03-11",
        "The date at the top changes everything below. One day earlier the first of these rules was not yet in force and the "
        "answer was 100 percent.",
        pick_day,
    ),
    Stop(
        "compare",
        "Two days side by side",
        "/codes/00406/compare?left=uhc&right=uhc&on=2025-09-30&right_on=2025-10-01",
        "Two payers, or one payer on two days: only what differs is listed. Here UnitedHealthcare stops paying for physical "
        "status on the first of October 2025.",
    ),
    Stop(
        "payer",
        "A payer's rules over time",
        "/payers/uhc?on=2025-10-05",
        "Every rule as a bar, with the chosen day as a line across; what is not in force on it is pale. Below are the payer's "
        "organizations and the spellings of its names.",
        None,
        LOW,
    ),
    Stop(
        "contradictions",
        "Contradictions",
        "/contradictions?on=2025-10-05",
        "Where two sources give two answers to one question, both stand side by side with their sources. Those that change a "
        "payment come first.",
    ),
    Stop(
        "phone",
        "On a phone, in the dark",
        "/codes/00406?on=2025-10-05",
        "The pages follow the system's colours and fit a narrow screen without scrolling sideways. Everything chosen stands in "
        "the address, so this page can be sent to somebody else.",
        show_matrix,
        PHONE,
        "dark",
    ),
]


def main() -> None:
    """Take every picture, then write the page. Exits where a picture is too large."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("output"), help="folder with a current release")
    parser.add_argument("--to", type=Path, default=HERE, help="folder for tour.md and tour/")
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="program; playwright's own where there is none")
    given = parser.parse_args()
    (given.to / "tour").mkdir(parents=True, exist_ok=True)
    with served(given.output) as server, sync_playwright() as playwright:
        site = f"http://127.0.0.1:{server.port}"
        browser = playwright.chromium.launch(
            executable_path=given.chromium, args=["--no-sandbox", "--disable-gpu", "--disable-lcd-text"]
        )
        for stop in STOPS:
            take(browser, site, stop, given.to / "tour" / f"{stop.name}.png")
        browser.close()
    (given.to / "tour.md").write_text(written(STOPS), encoding="utf-8", newline="\n")


def take(browser: Any, site: str, stop: Stop, path: Path) -> None:
    """One picture."""
    context = browser.new_context(base_url=site, viewport=stop.view, color_scheme=stop.scheme, locale="en-US")
    page = context.new_page()
    page.goto(stop.address)
    if stop.act:
        stop.act(page)
    path.write_bytes(packed(page.screenshot()))
    context.close()
    size = path.stat().st_size
    print(f"{path.name:<22}{size:>9,} bytes")
    if size > MOST_BYTES:
        raise SystemExit(f"{path}: expected at most {MOST_BYTES:,} bytes, found {size:,}. Choose a smaller part of the page.")


def packed(picture: bytes) -> bytes:
    """The same PNG, its pixels packed as tightly as zlib can; a browser packs them fast instead."""
    chunks, place = [], 8
    while place < len(picture):
        (length,) = struct.unpack(">I", picture[place : place + 4])
        chunks.append((picture[place + 4 : place + 8], picture[place + 8 : place + 8 + length]))
        place += 12 + length
    pixels = zlib.compress(zlib.decompress(b"".join(content for kind, content in chunks if kind == b"IDAT")), 9)
    head = next(content for kind, content in chunks if kind == b"IHDR")
    told = [(b"IHDR", head), (b"IDAT", pixels), (b"IEND", b"")]
    return picture[:8] + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content)) for kind, content in told
    )


def written(stops: list[Stop]) -> str:
    """The page in Markdown."""
    parts = [f"## {stop.title}\n\n{stop.told}\n\n![{stop.title}](tour/{stop.name}.png)\n" for stop in stops]
    return "\n".join(["# A tour of `payref explore`\n", *parts, FOOT])


if __name__ == "__main__":
    main()
