"""What stands between the server and the pages: limits, security headers, ETag, and answers kept by release and address."""

import asyncio
import hashlib
import time
from datetime import date
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows.explore.kept import Kept
from flows.explore.releases import Releases, identity
from flows.settings import NoAnswerError

LONGEST_ADDRESS = 4_096
_KEPT_BYTES = 64 * 2**20
_LARGEST_KEPT = 2**20
_OK = 200
_SECURITY = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
_PROGRAM = hashlib.sha256(
    b"".join(
        path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*")) if path.suffix in {".py", ".html", ".css", ".js"}
    )
).hexdigest()[:8]
_Answer = tuple[Message, bytes]


class Front:
    """ASGI middleware. Same release, same day, same address: same answer, so it is kept and has an ETag."""

    def __init__(self, app: ASGIApp, releases: Releases) -> None:
        """`app` makes the answers that are not kept yet."""
        self._app = app
        self._releases = releases
        self._kept: Kept[tuple[str, str, bytes], _Answer] = Kept(_KEPT_BYTES)
        self._making: dict[tuple[str, str, bytes], asyncio.Task[_Answer]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = _refused(scope)
        if refusal:
            await refusal(scope, receive, _secured(send, None))
            return
        tag = self._tag()
        if tag and Headers(scope=scope).get("if-none-match") == tag:
            await _send_unchanged(_secured(send, tag))
            return
        key = (str(tag), scope["path"], scope["query_string"])
        kept, timing = self._kept.get(key), "kept"
        if kept is None:
            began = time.perf_counter()
            kept = await self._shared(key, scope)
            timing = f"made;dur={1_000 * (time.perf_counter() - began):.1f}"
            if tag != self._tag():
                tag = None  # The release was switched meanwhile: the answer may be of either one.
            elif kept[0]["status"] == _OK and len(kept[1]) <= _LARGEST_KEPT:
                self._kept.keep(key, kept, size=len(kept[1]))
        start, body = kept
        secured = _secured(send, tag if start["status"] == _OK else None)
        await secured({**start, "headers": [*start["headers"], (b"server-timing", timing.encode())]})
        await secured({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _tag(self) -> str | None:
        try:
            current = identity(self._releases.output)
        except NoAnswerError:
            return None
        return f'"{current.release}.{current.changed:x}.{date.today():%Y%m%d}.{_PROGRAM}"'

    async def _shared(self, key: tuple[str, str, bytes], scope: Scope) -> _Answer:
        """An answer that everybody waits for who asks for it while it is made."""
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._made(scope))
            task.add_done_callback(lambda _: self._making.pop(key))
        return await asyncio.shield(task)

    async def _made(self, scope: Scope) -> _Answer:
        start: Message = {}
        pieces: list[bytes] = []

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                pieces.append(message.get("body", b""))

        await self._app({**scope, "method": "GET"}, _whole_request(), collect)
        return start, b"".join(pieces)


def _refused(scope: Scope) -> PlainTextResponse | None:
    if scope["method"] not in {"GET", "HEAD"}:
        return PlainTextResponse("This application only reads: expected GET or HEAD.", 405, {"allow": "GET, HEAD"})
    if len(scope["path"]) + len(scope["query_string"]) > LONGEST_ADDRESS:
        return PlainTextResponse(f"The address is too long: at most {LONGEST_ADDRESS:,} characters.", 414)
    headers = Headers(scope=scope)
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        return PlainTextResponse("This application takes no content.", 413)
    return None


def _secured(send: Send, tag: str | None) -> Send:
    async def secured(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(_SECURITY)
            headers["cache-control"] = "no-cache" if tag else "no-store"
            if tag:
                headers["etag"] = tag
        await send(message)

    return secured


def _whole_request() -> Receive:
    """What an answer hears that belongs to several readers: a request without content, and then never that somebody left."""
    is_told = False

    async def receive() -> Message:
        nonlocal is_told
        if is_told:
            await asyncio.Event().wait()
        is_told = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive


async def _send_unchanged(send: Send) -> None:
    await send({"type": "http.response.start", "status": 304, "headers": []})
    await send({"type": "http.response.body", "body": b""})
