"""The application: pages, API, and what becomes of errors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from flows.explore import api, pages
from flows.explore.cache import Front
from flows.explore.releases import Releases
from flows.settings import NoAnswerError, UnknownNameError

_PARALLEL_QUESTIONS = 8
_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
"""Names under which a browser on this machine calls; another name would be a page of somebody else that points here."""


def application(output: Path) -> ASGIApp:
    """The application over the releases in `output`, read-only."""
    releases = Releases(output)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = _PARALLEL_QUESTIONS
        yield
        releases.close()

    app = FastAPI(title="Payer reference", version="1", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.releases = releases
    app.include_router(api.router)
    app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    app.add_exception_handler(UnknownNameError, _said)
    app.add_exception_handler(NoAnswerError, _said)
    return TrustedHostMiddleware(Front(app, releases), allowed_hosts=_HOSTS)


async def _said(request: Request, error: Exception) -> Response:
    """A known failure in words: 400 for what cannot be understood, 404 where there is no answer."""
    status = 404 if isinstance(error, NoAnswerError) else 400
    if request.url.path.startswith("/api"):
        return JSONResponse({"detail": str(error)}, status)
    try:
        return pages.page(request, "error.html", status=status, message=str(error))
    except NoAnswerError:
        return Response(str(error), 503, media_type="text/plain")
