"""The pages. All state stands in the address; with `download=csv` or `download=parquet` what the page shows comes as a file."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from flows.answers import Question, explain
from flows.explore import questions, words
from flows.explore.api import releases_of
from flows.explore.code_tables import shown
from flows.explore.downloads import LARGEST, as_file
from flows.explore.questions import View, asked, day_of, of_every_payer
from flows.explore.rendering import page
from flows.release_query import Row

router = APIRouter(include_in_schema=False)
_ROWS = 200
_Offset = Annotated[int, Query(ge=0, le=100_000_000)]


def _answer(request: Request, template: str, name: str, parts: dict[str, list[Row]], **content: Any) -> Response:
    """The page, or a part of what it shows as a file: the first where the address names none."""
    kind = request.query_params.get("download")
    if not kind:
        return page(request, template, **content)
    part = request.query_params.get("part") or next(iter(parts))
    if part not in parts:
        raise questions.UnknownNameError(f"Unknown part '{part}' of this page: expected one of {', '.join(parts)}.")
    return as_file(parts[part], f"{name}_{part}", kind)


def _most(request: Request) -> int:
    """Rows that a page shows of a long list; a file has more."""
    return LARGEST if request.query_params.get("download") else _ROWS


def _view(request: Request) -> View:
    given = request.query_params
    return View(
        day_of(given.get("on")),
        given.get("component") or None,
        given.get("line_of_business") or None,
        given.get("market") or "any",
        (given.get("organization") or "any").strip().lower(),
    )


@router.get("/")
def home(request: Request, q: Annotated[str, Query(max_length=200)] = "") -> Response:
    """The search box, and what it found."""
    with releases_of(request).cursor() as connection:
        found = questions.search(connection, q, limit=50)
        sources = [] if q else questions.sources(connection)
        examples = [] if q else questions.examples(connection)
    parts = {"results": found} if q else {"sources": sources}
    return _answer(request, "home.html", "search", parts, q=q, found=found, sources=sources, examples=examples)


def _answers(connection: Any, question: Question, view: View) -> list[Row]:
    return questions.matrix(connection, of_every_payer(question, view), view.organization)


@router.get("/codes/{code}")
async def code_page(request: Request, code: str) -> Response:
    """A code: what it is, and every payer's answer for every modifier."""
    view = _view(request)
    if request.query_params.get("download"):
        return await run_in_threadpool(_code_file, request, code, view)
    told = await request.app.state.code_pages.page(code, view, request.query_params)
    return page(request, "code.html", **told._asdict())


def _code_file(request: Request, code: str, view: View) -> Response:
    """What the page of a code shows as a file."""
    with releases_of(request).cursor() as connection:
        question = asked(connection, code, view)
        cells = shown(_answers(connection, question, view), is_complete=request.query_params.get("all") == "1")
        facts = questions.code_facts(connection, [question.code], view.on, {})[question.code]
    parts = {"modifiers": [row for by in cells.values() for row in by.values()], "indicators": facts["indicators"]}
    return _answer(request, "code.html", question.code, parts)


@router.get("/codes/{code}/explain")
def explain_page(request: Request, code: str, payer: str, modifier: str) -> Response:
    """Why a cell says what it says."""
    view = _view(request)
    with releases_of(request).cursor() as connection:
        question = asked(connection, code, view, payer=payer, modifier=modifier.upper())
        considered = explain(connection, question)
        names = {row["payer_id"]: row["payer_name"] for row in questions.payers(connection)}
        modifier_name = questions.modifier_names(connection).get(str(question.modifier))
    return _answer(
        request,
        "explain.html",
        f"{question.code}_{question.modifier}_{question.payer}",
        {"rules": considered},
        question=question,
        considered=considered,
        payer_name=names[question.payer],
        modifier_name=modifier_name,
    )


@router.get("/codes/{code}/compare")
def compare_page(request: Request, code: str, left: str = "medicare", right: str = "uhc", right_on: str = "") -> Response:
    """Two payers, or one payer on two days, side by side."""
    view = _view(request)
    later = view._replace(on=day_of(right_on or str(view.on)))
    with releases_of(request).cursor() as connection:
        question = asked(connection, code, view)
        known, ours = question.code, _answers(connection, question, view)
        theirs = ours if later == view else _answers(connection, question._replace(on=later.on), later)
        payers = questions.payers(connection)
    pairs = questions.compared(
        [row for row in ours if row["payer_id"] == left], [row for row in theirs if row["payer_id"] == right]
    )
    names = {row["payer_id"]: row["payer_name"] for row in payers}
    for payer in (left, right):
        if payer not in names:
            raise questions.UnknownNameError(f"Unknown payer '{payer}': expected one of {', '.join(names)}.")
    return _answer(
        request,
        "compare.html",
        f"{known}_{left}_{right}",
        {"differences": [questions.side_by_side(pair, (view.on, later.on)) for pair in pairs if pair["differs"]]},
        code=known,
        pairs=pairs,
        payers=payers,
        names=names,
        left=left,
        right=right,
        right_day=str(later.on),
    )


@router.get("/payers")
def payers_page(request: Request) -> Response:
    """All payers."""
    with releases_of(request).cursor() as connection:
        found = questions.payers(connection)
    return _answer(request, "payers.html", "all", {"payers": found}, payers=found)


@router.get("/payers/{payer}")
def payer_page(request: Request, payer: str) -> Response:
    """A payer: organizations, aliases, rules over time."""
    on = _view(request).on
    with releases_of(request).cursor() as connection:
        found = questions.payer_page(connection, payer)
    parts = {name: found[name] for name in ("rules", "organizations", "aliases")}
    name = found["payer"][0]["payer_id"]
    return _answer(request, "payer.html", name, parts, found=found, line=words.timeline(found["rules"], on))


@router.get("/organizations/{organization}")
def organization_page(request: Request, organization: str) -> Response:
    """An organization stands on the page of its payer."""
    with releases_of(request).cursor() as connection:
        payer = questions.owner(connection, organization)
    return RedirectResponse(words.link(f"/payers/{payer}", {"on": request.query_params.get("on", "")}) + f"#{organization}", 307)


@router.get("/modifiers")
def modifiers_page(request: Request) -> Response:
    """All modifiers."""
    with releases_of(request).cursor() as connection:
        found = questions.modifiers(connection, 1_000)
    return _answer(request, "modifiers.html", "all", {"modifiers": found}, modifiers=found)


@router.get("/modifiers/{modifier}")
def modifier_page(request: Request, modifier: str) -> Response:
    """A modifier: names over time, groups, rules."""
    on = _view(request).on
    with releases_of(request).cursor() as connection:
        found = questions.modifier_page(connection, modifier)
    parts = {name: found[name] for name in ("rules", "groups")}
    name = found["modifier"][0]["modifier"]
    return _answer(request, "modifier.html", name, parts, found=found, line=words.timeline(found["rules"], on))


@router.get("/contradictions")
def contradictions_page(request: Request, offset: _Offset = 0) -> Response:
    """Where sources disagree."""
    most = _most(request)
    with releases_of(request).cursor() as connection:
        found = questions.contradictions(connection, most + 1, offset)
    return _answer(
        request, "contradictions.html", "all", {"contradictions": found[:most]}, found=found[:most], next=_next(found, offset)
    )


@router.get("/changes")
def changes_page(request: Request, table: str | None = None, source: str | None = None, offset: _Offset = 0) -> Response:
    """What this release changed, and what the newest releases of the sources changed."""
    most = _most(request)
    with releases_of(request).cursor() as connection:
        found = questions.changes(connection, most + 1, offset, table=table, source=source)
        summary = questions.changes_counted(connection)
    before = questions.release_before(releases_of(request).output)
    parts = {"changes": found[:most], "summary": summary, "release": before["counts"]}
    return _answer(
        request, "changes.html", "all", parts, found=found[:most], next=_next(found, offset), summary=summary, before=before
    )


def _next(found: list[Row], offset: int) -> int | None:
    """Where the next page of a list begins; one row more than shown was read."""
    return offset + _ROWS if len(found) > _ROWS else None


@router.get("/docs")
def docs_page(request: Request) -> Response:
    """The API in words, made from its OpenAPI description; nothing is loaded from elsewhere."""
    return page(request, "docs.html", api=request.app.openapi())
