"""The JSON API below /api."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request

from flows.answers import Question, explain, known_state
from flows.explore import questions
from flows.explore.models import CodeFacts, Explained, Health, ModifierFacts, Page, PayerFacts, Problem, Resolved
from flows.explore.questions import View, asked, day_of, of_every_payer, owner
from flows.explore.releases import Releases, identity
from flows.release_query import rows
from flows.settings import UnknownNameError

_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {
        "model": Problem,
        "description": "A payer, scope or date that cannot be understood; the detail says what was expected.",
    },
    404: {"model": Problem, "description": "The release holds no such code, payer or modifier."},
    503: {"model": Problem, "description": "There is no release to answer from."},
}
router = APIRouter(prefix="/api", tags=["api"], responses=_REFUSALS)
_Code = Annotated[str, Path(max_length=20, description="Code such as 19307 or J0585.")]
_Modifier = Annotated[str, Path(max_length=20, description="Modifier such as 62.")]
_Payer = Annotated[str, Path(max_length=100, description="Payer's id: aetna, bcbs, cigna, medicare or uhc.")]
_Text = Annotated[str | None, Query(max_length=100)]
_Limit = Annotated[int, Query(ge=1, le=500, description="Rows of a page.")]
_Offset = Annotated[int, Query(ge=0, le=100_000_000, description="Rows before the page.")]
_On = Annotated[str | None, Query(max_length=10, description="Service date such as 2025-10-01; today where none is given.")]


def releases_of(request: Request) -> Releases:
    """What the application reads from."""
    found: Releases = request.app.state.releases
    return found


def _page(found: list[dict[str, Any]], limit: int, offset: int) -> Page:
    """One row more than asked for was read: it says whether there is a next page."""
    return Page(rows=found[:limit], offset=offset, next_offset=offset + limit if len(found) > limit else None)


def _view(
    on: str | None, component: str | None, line_of_business: str | None, market: str | None, organization: str | None
) -> View:
    return View(day_of(on), component, line_of_business, market or "any", (organization or "any").strip().lower())


def _asked_of(connection: Any, code: str, view: View, payer: str, modifier: str | None = None) -> Question:
    """The question about one payer. Raises UnknownNameError for another payer's organization, which would count for nothing."""
    question = asked(connection, code, view, payer=payer, modifier=modifier)
    if view.organization != "any" and (insurer := owner(connection, view.organization)) != question.payer:
        raise UnknownNameError(f"The organization {view.organization} belongs to {insurer}, not to {question.payer}.")
    return question


@router.get("/codes")
def codes(request: Request, on: _On = None, limit: _Limit = 100, offset: _Offset = 0) -> Page:
    """Codes in force on a day."""
    with releases_of(request).cursor() as connection:
        return _page(questions.codes(connection, day_of(on), limit + 1, offset), limit, offset)


@router.get("/codes/{code}")
def code(request: Request, code: _Code, on: _On = None) -> CodeFacts:
    """Validity, texts and indicators of a code."""
    with releases_of(request).cursor() as connection:
        question = asked(connection, code, View(day_of(on)))
        titles = releases_of(request).titles(connection)
        facts = questions.code_facts(connection, [question.code], question.on, titles)[question.code]
    return CodeFacts(code=question.code, on=question.on, **facts)


@router.get("/codes/{code}/modifiers")
def modifiers_of_code(
    request: Request,
    code: _Code,
    on: _On = None,
    payer: _Text = None,
    component: _Text = None,
    line_of_business: _Text = None,
    market: _Text = None,
    organization: _Text = None,
    limit: _Limit = 500,
    offset: _Offset = 0,
) -> Page:
    """Answers of all payers, or one, for every governed modifier of a code."""
    view = _view(on, component, line_of_business, market, organization)
    with releases_of(request).cursor() as connection:
        question = _asked_of(connection, code, view, payer) if payer else of_every_payer(asked(connection, code, view), view)
        found = questions.matrix(connection, question, question.organization if payer else view.organization)
    kept = [row for row in found if payer is None or row["payer_id"] == question.payer]
    return _page(kept[offset : offset + limit + 1], limit, offset)


@router.get("/modifiers")
def modifiers(request: Request, limit: _Limit = 100, offset: _Offset = 0) -> Page:
    """Modifiers."""
    with releases_of(request).cursor() as connection:
        return _page(questions.modifiers(connection, limit + 1, offset), limit, offset)


@router.get("/modifiers/{modifier}")
def modifier(request: Request, modifier: _Modifier) -> ModifierFacts:
    """A modifier with its rules."""
    with releases_of(request).cursor() as connection:
        return ModifierFacts(**questions.modifier_page(connection, modifier))


@router.get("/payers")
def payers(request: Request) -> Page:
    """Payers."""
    with releases_of(request).cursor() as connection:
        return Page(rows=questions.payers(connection), offset=0, next_offset=None)


@router.get("/payers/{payer}")
def payer(request: Request, payer: _Payer) -> PayerFacts:
    """A payer with organizations, aliases and rules."""
    with releases_of(request).cursor() as connection:
        return PayerFacts(**questions.payer_page(connection, payer))


@router.get("/resolve")
def resolve(
    request: Request,
    name: Annotated[str, Query(min_length=1, max_length=300)],
    plan: Annotated[str | None, Query(max_length=300)] = None,
    state: Annotated[str | None, Query(pattern="^[A-Za-z]{2}$")] = None,
    on: _On = None,
) -> Resolved:
    """Whom a payer's name means, and by which evidence."""
    from flows.names import meaning

    with releases_of(request).cursor() as connection:
        found = meaning(connection, name, plan=plan, state=known_state(state) if state else None, on=day_of(on))
    return Resolved(name=name, **found._asdict())


@router.get("/explain")
def explain_cell(
    request: Request,
    code: Annotated[str, Query(max_length=10)],
    payer: Annotated[str, Query(max_length=100)],
    modifier: Annotated[str, Query(max_length=2)],
    on: _On = None,
    component: _Text = None,
    line_of_business: _Text = None,
    market: _Text = None,
    organization: _Text = None,
) -> Explained:
    """The rules considered for one cell, the winner first, with citations."""
    view = _view(on, component, line_of_business, market, organization)
    with releases_of(request).cursor() as connection:
        question = _asked_of(connection, code, view, payer, modifier)
        return Explained(question=question._asdict(), rows=explain(connection, question))


@router.get("/changes")
def changes(request: Request, table: _Text = None, source: _Text = None, limit: _Limit = 100, offset: _Offset = 0) -> Page:
    """What later releases of the sources changed."""
    with releases_of(request).cursor() as connection:
        return _page(questions.changes(connection, limit + 1, offset, table=table, source=source), limit, offset)


@router.get("/contradictions")
def contradictions(request: Request, limit: _Limit = 100, offset: _Offset = 0) -> Page:
    """Where sources disagree."""
    with releases_of(request).cursor() as connection:
        return _page(questions.contradictions(connection, limit + 1, offset), limit, offset)


@router.get("/search")
def found(request: Request, q: Annotated[str, Query(max_length=200)] = "", limit: _Limit = 12, offset: _Offset = 0) -> Page:
    """Codes, modifiers, payers and organizations that a text may mean."""
    with releases_of(request).cursor() as connection:
        return _page(questions.search(connection, q, limit=limit + 1, offset=offset), limit, offset)


@router.get("/health")
def health(request: Request) -> Health:
    """Whether the current release answers."""
    with releases_of(request).cursor() as connection:
        if not rows(connection, "SELECT 1 FROM payer LIMIT 1"):
            raise HTTPException(503, "The release holds no payer.")
    return Health(status="ok", release=identity(releases_of(request).output).release)
