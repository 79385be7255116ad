"""The application: pages, API, and what becomes of errors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import anyio.to_thread
import duckdb
from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from flows.explore import api, pages
from flows.explore.cache import Front
from flows.explore.code_pages import CodePages
from flows.explore.releases import Releases
from flows.explore.rendering import page
from flows.settings import NoAnswerError, NoReleaseError, UnknownNameError

_PARALLEL_QUESTIONS = 8
_NO_PAGE = "There is no such page. The search box above finds codes, modifiers, payers and words."
_EARLIER = "This release was made by an earlier version of the project. Make it anew with: payref refresh --force"
_TITLES = {404: "Not found", 503: "No release to answer from"}
_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
"""Names under which a browser on this machine calls; another name would be a page of somebody else that points here."""


def application(output: Path) -> ASGIApp:
    """The application over the releases in `output`, read-only."""
    releases = Releases(output)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = _PARALLEL_QUESTIONS
        app.state.code_pages = CodePages(releases)
        yield
        app.state.code_pages.close()
        releases.close()

    app = FastAPI(title="Payer reference", version="1", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.releases = releases
    app.include_router(pages.router)
    app.include_router(api.router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    for kind in (UnknownNameError, NoAnswerError, HTTPException, RequestValidationError, duckdb.CatalogException):
        app.add_exception_handler(kind, _said)
    return TrustedHostMiddleware(Front(app, releases), allowed_hosts=_HOSTS)


async def _said(request: Request, error: Exception) -> Response:
    """A known failure in words: JSON below /api, a page elsewhere."""
    status, detail = _status(error), _detail(error)
    if _is_api(request):
        return JSONResponse({"detail": jsonable_encoder(detail)}, status)
    message = " ".join(_wrong(problem) for problem in detail) if isinstance(error, RequestValidationError) else str(detail)
    if message == HTTPStatus.NOT_FOUND.phrase:
        message = _NO_PAGE
    return page(request, "error.html", status=status, title=_TITLES.get(status, "No answer"), message=message)


def _is_api(request: Request) -> bool:
    return request.url.path.startswith("/api/") or request.url.path == "/openapi.json"


def _status(error: Exception) -> int:
    """400 for what cannot be understood, 404 where there is no answer, 503 where there is no release to answer from."""
    if isinstance(error, HTTPException):
        return error.status_code
    if isinstance(error, RequestValidationError):
        return 422
    if isinstance(error, NoReleaseError | duckdb.CatalogException):
        return 503
    return 404 if isinstance(error, NoAnswerError) else 400


def _detail(error: Exception) -> Any:
    if isinstance(error, RequestValidationError):
        return error.errors()
    if isinstance(error, HTTPException):
        return error.detail
    return _EARLIER if isinstance(error, duckdb.CatalogException) else str(error)


def _wrong(problem: dict[str, Any]) -> str:
    """A value of an address that cannot be taken: which, what was found, what was expected."""
    if problem["type"] == "missing":
        return f"'{problem['loc'][-1]}' is missing in the address."
    return f"'{problem['loc'][-1]}' is {str(problem.get('input'))[:80]!r}: {problem['msg'][:1].lower()}{problem['msg'][1:]}."
