"""A real HTTP server on loopback whose answers are scripted, bad ones among them."""

import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import NamedTuple

_LONGEST_STALL = 30.0


@dataclass(frozen=True)
class Reply:
    """One answer. Ranges and conditions are honoured where there is an etag or a date to judge them by."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    etag: str | None = None
    last_modified: str | None = None
    announced: int | None = None
    """Content-Length where it is not that of the body; -1 for none."""
    cut_after: int | None = None
    """Bytes of this answer after which the connection is dropped."""
    stall_after: int | None = None
    """Bytes of this answer after which nothing comes until the server is closed."""


class Seen(NamedTuple):
    """A request that came in."""

    path: str
    headers: dict[str, str]


class FileServer:
    """Use as a context manager. A path without a script is not found; the last reply of a script is repeated."""

    def __init__(self) -> None:
        self.scripts: dict[str, list[Reply]] = {}
        self.seen: list[Seen] = []
        self.closing = threading.Event()
        self._current: dict[str, Reply] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> "FileServer":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def script(self, path: str, *replies: Reply) -> None:
        self.scripts[path] = list(replies)

    def asked(self, path: str) -> list[Seen]:
        """Requests for a path, without those that only ask whether a file goes on behind its end."""
        return [seen for seen in self.seen if seen.path == path and not _is_probe(seen.headers)]

    def next_reply(self, path: str, headers: dict[str, str]) -> Reply:
        self.seen.append(Seen(path, headers))
        if _is_probe(headers):
            return self._current[path]
        script = self.scripts.get(path, [])
        reply = script.pop(0) if len(script) > 1 else script[0] if script else Reply(b"nothing here", 404)
        self._current[path] = reply
        return reply


def _is_probe(headers: dict[str, str]) -> bool:
    return "range" in headers and "if-range" not in headers


def _handler(server: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._answer(server.next_reply(self.path, headers), headers)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def _answer(self, reply: Reply, headers: dict[str, str]) -> None:
            status, body, extra = _ranged(reply, headers)
            self.send_response(status)
            for name, value in {**reply.headers, **_validators(reply), **extra}.items():
                self.send_header(name, value)
            announced = reply.announced if reply.announced is not None and status == reply.status else len(body)
            if announced >= 0:
                self.send_header("Content-Length", str(announced))
            else:
                self.send_header("Connection", "close")
            self.end_headers()
            self._send(reply, body)
            self.close_connection = True

        def _send(self, reply: Reply, body: bytes) -> None:
            try:
                self.wfile.write(body[: reply.cut_after][: reply.stall_after])
                if reply.stall_after is not None:
                    server.closing.wait(_LONGEST_STALL)
            except (BrokenPipeError, ConnectionResetError):
                pass

    return Handler


def _validators(reply: Reply) -> dict[str, str]:
    named = {"ETag": reply.etag, "Last-Modified": reply.last_modified}
    return {name: value for name, value in named.items() if value}


def _ranged(reply: Reply, headers: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and further headers as the request's conditions and range make them."""
    if reply.status != 200:
        return reply.status, reply.body, {}
    if reply.etag and reply.etag in headers.get("if-none-match", "").split(", "):
        return 304, b"", {}
    if "if-none-match" not in headers and reply.last_modified and headers.get("if-modified-since") == reply.last_modified:
        return 304, b"", {}
    asked = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
    if not asked or headers.get("if-range", reply.etag) not in (reply.etag, reply.last_modified):
        return 200, reply.body, {}
    start, size = int(asked[1]), len(reply.body)
    if start >= size:
        return 416, b"", {"Content-Range": f"bytes */{size}"}
    return 206, reply.body[start:], {"Content-Range": f"bytes {start}-{size - 1}/{size}"}
