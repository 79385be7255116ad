"""Pages from templates; what the reader chose goes along with every link."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, Template

from flows.days import FIRST, LAST
from flows.explore import words
from flows.explore.api import releases_of
from flows.explore.questions import day_of
from flows.explore.releases import identity
from flows.screen import effect
from flows.settings import NoReleaseError
from schemas.vocabulary import LINES_OF_BUSINESS

_CHOICES = ("on", "component", "line_of_business", "market", "organization")
_LONGEST_CHOICE = 100
_environment = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, trim_blocks=True)
_environment.filters["plain"] = words.plain
_environment.globals.update(
    dispositions=words.DISPOSITIONS,
    short=words.SHORT,
    indicators=words.INDICATORS,
    meaning=words.indicator,
    effect=effect,
    linked=words.linked,
    scope=words.scope,
    lines_of_business=LINES_OF_BUSINESS[1:],
    first_day=FIRST,
    last_day=LAST,
)


def page(request: Request, template: str, *, status: int = 200, release: str | None = None, **content: Any) -> HTMLResponse:
    """A page; what the reader chose goes along with every link. The release is the current one where none is named."""
    try:
        release = release or identity(releases_of(request).output).release
    except NoReleaseError:
        release = "none"
    return HTMLResponse(rendered(request, template, path=request.url.path, release=release, **content), status)


def rendered(request: Request, template: str, **content: Any) -> str:
    """HTML of a template."""
    return named(template).render(**choices_of(request.query_params), **content)


def choices_of(query: Mapping[str, str]) -> dict[str, Any]:
    """What templates know of the reader's choices in an address: values, and links that keep them, each made once."""
    chosen = {name: value for name in _CHOICES if (value := query.get(name)) and len(value) <= _LONGEST_CHOICE}
    here = dict(query)
    return {
        "view": chosen,
        "day": chosen.get("on") or str(day_of(None)),
        "here": {name: value for name, value in here.items() if name != "on"},
        "link": cache(lambda path, **added: words.link(path, chosen, **added)),
        "again": cache(lambda path, **added: words.link(path, here, **added)),
        "only_day": cache(lambda path: words.link(path, {"on": chosen["on"]} if "on" in chosen else {})),
    }


def named(name: str) -> Template:
    """A template with all that pages share."""
    return _environment.get_template(name)
