"""Addresses that a publisher's page links to, for files whose address cannot be foretold."""

import re
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

from flows.web import MEBIBYTE, FetchError, PassingError, Web, check_status

_LARGEST_PAGE = 8 * MEBIBYTE


class Pages:
    """Pages read in one run, each once."""

    def __init__(self, web: Web) -> None:
        """`web` knows from which hosts pages are read."""
        self._web = web
        self._links: dict[str, list[str] | FetchError] = {}

    def address(self, page: str, link: str, *, query: str) -> str:
        """Address of the one file on a declared page whose path fits `link`. Raises FetchError where there is none or several."""
        if page not in self._links:
            self._links[page] = self._read(page)
        links = self._links[page]
        if isinstance(links, FetchError):
            raise links
        fitting = sorted({path for path in map(_path, links) if re.fullmatch(link, path, flags=re.IGNORECASE)})
        if len(fitting) != 1:
            found = ", ".join(fitting) if fitting else "none"
            raise FetchError(f"{page}: expected one link like {link}, found {found}.")
        return self._web.address(urljoin(page, fitting[0]) + query)

    def _read(self, page: str) -> list[str] | FetchError:
        address = self._web.address(page)
        try:
            return self._web.persistently(address, lambda: _links(self._web, address))
        except FetchError as error:
            return error


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where links go to."""
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]


def _links(web: Web, page: str) -> list[str]:
    content = b""
    with web.opened(page, {}) as response:
        check_status(response, now=web.timing.now())
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > _LARGEST_PAGE:
                raise FetchError(f"{page}: expected a page of at most {_LARGEST_PAGE:,} bytes, found more.")
    if not content:
        raise PassingError(f"{page}: expected a page, found nothing")
    links = _Links()
    links.feed(content.decode("utf-8", errors="replace"))
    return links.found


def _path(link: str) -> str:
    """Path of a link, behind the page of CMS on which a licence is accepted (`/license/ama?file=/files/zip/...`)."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return ""
    return parse_qs(parts.query).get("file", [parts.path])[0]
