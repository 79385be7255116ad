"""The pages. All state stands in the address."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader

from flows.answers import Row, explain
from flows.explore import questions, words
from flows.explore.api import releases_of
from flows.explore.downloads import LARGEST, as_file
from flows.explore.questions import View, asked, day_of
from flows.explore.releases import identity
from flows.explore.search import search
from flows.screen import effect

router = APIRouter(include_in_schema=False)
_ROWS = 500
_LONGEST_CHOICE = 100
_CHOICES = ("on", "component", "line_of_business", "market", "organization")
_environment = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, trim_blocks=True)
_environment.filters["plain"] = words.plain
_environment.globals.update(
    dispositions=words.DISPOSITIONS, short=words.SHORT, indicators=words.INDICATORS, meaning=words.indicator, effect=effect
)


def page(request: Request, template: str, *, status: int = 200, **content: Any) -> HTMLResponse:
    """A page; what the reader chose goes along with every link."""
    chosen = {name: value for name in _CHOICES if (value := request.query_params.get(name)) and len(value) <= _LONGEST_CHOICE}
    day = content.pop("day", None) or chosen.get("on") or str(day_of(None))
    here = {name: value for name, value in request.query_params.items() if name != "on"}
    made = _environment.get_template(template).render(
        view=chosen,
        day=day,
        here=here,
        path=request.url.path,
        release=identity(releases_of(request).output).release,
        link=lambda path, **added: words.link(path, chosen, **added),
        again=lambda path, **added: words.link(path, dict(request.query_params), **added),
        only_day=lambda path: words.link(path, {"on": chosen["on"]} if "on" in chosen else {}),
        **content,
    )
    return HTMLResponse(made, status)


def _view(request: Request) -> View:
    given = request.query_params
    return View(
        day_of(given.get("on")),
        given.get("component") or None,
        given.get("line_of_business") or None,
        given.get("market") or "any",
        given.get("organization") or "any",
    )


@router.get("/")
def home(request: Request, q: Annotated[str, Query(max_length=200)] = "") -> Response:
    """The search box, and what it found."""
    with releases_of(request).cursor() as connection:
        found = search(connection, q, limit=50)
        sources = questions.sources(connection)
    return page(request, "home.html", q=q, found=found, sources=sources)


def _matrix(connection: Any, code: str, view: View) -> tuple[str, list[Row]]:
    question = asked(connection, code, view)
    given = question._replace(line_of_business=view.line_of_business)
    return question.code, questions.matrix(connection, given, view.organization)


@router.get("/codes/{code}")
def code_page(request: Request, code: str) -> Response:
    """A code: what it is, and every payer's answer for every modifier."""
    view = _view(request)
    with releases_of(request).cursor() as connection:
        known, found = _matrix(connection, code, view)
        facts = questions.code_facts(connection, known, view.on)
        payers = questions.payers(connection)
    cells: dict[str, dict[str, Row]] = {}
    for row in found:
        cells.setdefault(row["modifier"], {})[row["payer_id"]] = row
    is_complete = request.query_params.get("all") == "1"
    shown = {name: by for name, by in cells.items() if is_complete or any(_says(row) for row in by.values())}
    return page(
        request,
        "code.html",
        code=known,
        facts=facts,
        payers=payers,
        cells=shown,
        hidden=len(cells) - len(shown),
        first=found[0] if found else None,
    )


def _says(row: Row) -> bool:
    """Whether a cell says more than that the modifier is not meant for the code or that nobody published an answer."""
    return row["disposition"] not in {"not_published", "not_applicable"} or (row["effect_percent"] is not None)


@router.get("/codes/{code}/explain")
def explain_page(request: Request, code: str, payer: str, modifier: str) -> Response:
    """Why a cell says what it says."""
    view = _view(request)
    with releases_of(request).cursor() as connection:
        question = asked(connection, code, view, payer=payer, modifier=modifier.upper())
        considered = explain(connection, question)
    return page(request, "explain.html", question=question, considered=considered)


@router.get("/codes/{code}/compare")
def compare_page(request: Request, code: str, left: str = "medicare", right: str = "uhc", right_on: str = "") -> Response:
    """Two payers, or one payer on two days, side by side."""
    view = _view(request)
    later = view._replace(on=day_of(right_on or str(view.on)))
    with releases_of(request).cursor() as connection:
        known, ours = _matrix(connection, code, view)
        _, theirs = _matrix(connection, code, later)
        payers = questions.payers(connection)
    pairs = questions.compared(
        [row for row in ours if row["payer_id"] == left], [row for row in theirs if row["payer_id"] == right]
    )
    return page(request, "compare.html", code=known, pairs=pairs, payers=payers, left=left, right=right, right_day=str(later.on))


@router.get("/payers")
def payers_page(request: Request) -> Response:
    """All payers."""
    with releases_of(request).cursor() as connection:
        return page(request, "payers.html", payers=questions.payers(connection))


@router.get("/payers/{payer}")
def payer_page(request: Request, payer: str) -> Response:
    """A payer: organizations, aliases, rules over time."""
    with releases_of(request).cursor() as connection:
        found = questions.payer_page(connection, payer)
    return page(request, "payer.html", found=found, bars=words.timeline(found["rules"]), as_of=_view(request).on)


@router.get("/modifiers")
def modifiers_page(request: Request) -> Response:
    """All modifiers."""
    with releases_of(request).cursor() as connection:
        return page(request, "modifiers.html", modifiers=questions.modifiers(connection, 1_000))


@router.get("/modifiers/{modifier}")
def modifier_page(request: Request, modifier: str) -> Response:
    """A modifier: names over time, groups, rules."""
    with releases_of(request).cursor() as connection:
        found = questions.modifier_page(connection, modifier)
    return page(request, "modifier.html", found=found, bars=words.timeline(found["rules"]), as_of=_view(request).on)


@router.get("/contradictions")
def contradictions_page(request: Request) -> Response:
    """Where sources disagree."""
    with releases_of(request).cursor() as connection:
        return page(request, "contradictions.html", found=questions.contradictions(connection, _ROWS))


@router.get("/changes")
def changes_page(request: Request) -> Response:
    """What the newest releases of the sources changed."""
    with releases_of(request).cursor() as connection:
        return page(request, "changes.html", found=questions.changes(connection, _ROWS), sources=questions.sources(connection))


@router.get("/docs")
def docs_page(request: Request) -> Response:
    """The API in words, made from its OpenAPI description; nothing is loaded from elsewhere."""
    return page(request, "docs.html", api=request.app.openapi())


@router.get("/download/codes/{code}/{kind}")
def download_code(request: Request, code: str, kind: str) -> Response:
    """The matrix of a code as a file."""
    with releases_of(request).cursor() as connection:
        known, found = _matrix(connection, code, _view(request))
    return as_file(found, f"{known}_modifiers", kind)


@router.get("/download/{what}/{kind}")
def download(request: Request, what: str, kind: str) -> Response:
    """A whole list as a file."""
    lists = {"contradictions": questions.contradictions, "changes": questions.changes, "modifiers": questions.modifiers}
    if what not in lists:
        raise questions.NoAnswerError(f"There is no list '{what}': expected one of {', '.join(lists)}.")
    with releases_of(request).cursor() as connection:
        return as_file(lists[what](connection, LARGEST), what, kind)


@router.get("/download/payers/{payer}/{kind}")
def download_payer(request: Request, payer: str, kind: str) -> Response:
    """A payer's rules as a file."""
    with releases_of(request).cursor() as connection:
        found = questions.payer_page(connection, payer)
    return as_file(found["rules"], f"{found['payer'][0]['payer_id']}_rules", kind)
