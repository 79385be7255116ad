"""One file from one address into a `.part` file: resumed where it broke off, judged by its bytes before it is taken."""

import hashlib
import json
import os
import re
import zipfile
from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any, NamedTuple

import httpx

from flows.web import FetchError, NotThereError, PassingError, Web, check_status

Advance = Callable[[int, int | None], None]
"""Told the bytes that are there and those that are expected."""
_CHUNK = 64 * 1024
_ARCHIVES = {".zip": "a zip archive", ".xlsx": "a workbook"}
_TEXTS = {".csv": "a CSV file", ".txt": "a text file", ".xml": "an XML file"}
_ZIP_START = b"PK\x03\x04"
_HTML_STARTS = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<meta")
_HTML_ADVICE = "The address may have moved, or the publisher asks for something first; open it in a browser."


class Validators(NamedTuple):
    """By what a server knows a version of a file again."""

    etag: str | None = None
    last_modified: str | None = None

    @property
    def strong(self) -> str | None:
        """The one that vouches for every byte."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.last_modified


class Received(NamedTuple):
    """A whole file in its `.part` file, on the disk."""

    part: Path
    sha256: str
    size_bytes: int
    address: str
    validators: Validators


class NotModified(NamedTuple):
    """The server still has a version that is known here."""

    etag: str | None


class _Begun(NamedTuple):
    """A `.part` file of an earlier attempt."""

    size: int = 0
    validators: Validators = Validators()


def download(web: Web, address: str, part: Path, *, known: Sequence[Validators], advance: Advance) -> Received | NotModified:
    """Bring a file into `part`, whose name is the wanted one with `.part` behind it.

    Raises NotThereError where the address has no such file, FetchError for everything else that is final, OSError for the disk.
    """
    return web.persistently(address, lambda: _attempt(web, address, part, known=known, advance=advance))


def discard(part: Path) -> None:
    """Remove a `.part` file and what is noted about it."""
    part.unlink(missing_ok=True)
    _notes(part).unlink(missing_ok=True)


def _attempt(web: Web, address: str, part: Path, *, known: Sequence[Validators], advance: Advance) -> Received | NotModified:
    begun = _begun(part, address)
    with web.opened(address, _headers(begun, known)) as response:
        if response.status_code == HTTPStatus.NOT_MODIFIED and known:
            return NotModified(response.headers.get("etag"))
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return _whole(response, begun, part, address)
        check_status(response, now=web.timing.now())
        begun = _continued(response, begun, part, address)
        try:
            received = _receive(response, begun, part, address, web=web, advance=advance)
        except (OSError, NotThereError):
            discard(part)
            raise
    _check_end(web, received)
    return received


def _whole(response: httpx.Response, begun: _Begun, part: Path, address: str) -> Received:
    """The file where nothing was left to fetch: the server says that it ends where the part ends."""
    if begun.size and response.headers.get("content-range") == f"bytes */{begun.size}":
        return Received(part, _digest(part).hexdigest(), begun.size, address, begun.validators)
    discard(part)
    raise PassingError(f"{address}: the rest of the file cannot be had; starting over")


def _headers(begun: _Begun, known: Sequence[Validators]) -> dict[str, str]:
    """Ask for the rest of what was begun, otherwise for the file unless it is one of those known."""
    if begun.size and begun.validators.strong:
        return {"Range": f"bytes={begun.size}-", "If-Range": begun.validators.strong}
    etags = [version.etag for version in known if version.etag]
    dates = [version.last_modified for version in known if version.last_modified]
    conditions = {"If-None-Match": ", ".join(etags)} if etags else {}
    return {**conditions, "If-Modified-Since": dates[-1]} if dates else conditions


def _continued(response: httpx.Response, begun: _Begun, part: Path, address: str) -> _Begun:
    """What of `begun` the answer goes on with; nothing where the server sends the file from its start."""
    found = Validators(response.headers.get("etag"), response.headers.get("last-modified"))
    if response.headers.get("content-encoding", "identity") != "identity":
        raise FetchError(f"{address}: expected the file as it is, found it packed as {response.headers['content-encoding']}.")
    if response.status_code != HTTPStatus.PARTIAL_CONTENT:
        discard(part)
        _notes(part).write_text(json.dumps({"address": address, **found._asdict()}), encoding="utf-8")
        return _Begun(0, found)
    named = re.fullmatch(r"bytes ([0-9]+)-[0-9]+/(?:[0-9]+|\*)", response.headers.get("content-range", ""))
    if not named or int(named[1]) != begun.size or (found.etag or begun.validators.etag) != begun.validators.etag:
        discard(part)
        raise PassingError(f"{address}: the rest belongs to another version of the file; starting over")
    return begun


def _receive(response: httpx.Response, begun: _Begun, part: Path, address: str, *, web: Web, advance: Advance) -> Received:
    """Write the body behind what is there, with size, hash and kind in view."""
    expected = _announced(response, begun)
    _check_size(expected or 0, part, address, limit=web.limits.max_bytes)
    digest, size = _digest(part), begun.size
    with part.open("ab") as file:
        for chunk in response.iter_raw(_CHUNK):
            if size == 0:
                _check_start(chunk, part, response)
            size += len(chunk)
            _check_size(size, part, address, limit=web.limits.max_bytes)
            _write(file, chunk)
            digest.update(chunk)
            advance(size, expected)
        file.flush()
        os.fsync(file.fileno())
    if size == 0:
        raise NotThereError(f"{address}: expected {_kind(part)}, found an empty file")
    if expected is not None and size != expected:
        raise PassingError(f"{address}: expected {expected:,} bytes, found {size:,}")
    return Received(part, digest.hexdigest(), size, address, begun.validators)


def _write(file: IO[bytes], chunk: bytes) -> None:
    """Write all of it; what does not fit on the disk is an OSError here and not at the end."""
    file.write(chunk)
    file.flush()


def _announced(response: httpx.Response, begun: _Begun) -> int | None:
    """Bytes that the whole file will have, None where the server does not say."""
    length = response.headers.get("content-length", "")
    return begun.size + int(length) if re.fullmatch(r"[0-9]{1,15}", length) else None


def _check_size(size: int, part: Path, address: str, *, limit: int) -> None:
    if size > limit:
        discard(part)
        raise FetchError(f"{address}: expected at most {limit:,} bytes, found {size:,} or more. --max-bytes sets the limit.")


def _check_start(chunk: bytes, part: Path, response: httpx.Response) -> None:
    """Refuse at the first bytes what is not the kind of file that the name says."""
    start = chunk.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    type_named = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if start.startswith(_HTML_STARTS) or (type_named == "text/html" and not chunk.startswith(_ZIP_START)):
        raise NotThereError(f"{response.url}: expected {_kind(part)}, found a web page. {_HTML_ADVICE}")
    if _suffix(part) in _ARCHIVES and not chunk.startswith(_ZIP_START):
        raise NotThereError(f"{response.url}: expected {_kind(part)}, found something else. {_HTML_ADVICE}")
    if _suffix(part) in _TEXTS and b"\0" in chunk:
        raise NotThereError(f"{response.url}: expected {_kind(part)}, found bytes that are no text. {_HTML_ADVICE}")


def _check_end(web: Web, received: Received) -> None:
    """Refuse a file that goes on behind its announced end: an archive shows it, of others the server is asked for more."""
    part, address = received.part, received.address
    if _suffix(part) in _ARCHIVES:
        try:
            with zipfile.ZipFile(part) as archive:
                archive.infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            discard(part)
            raise PassingError(f"{address}: expected {_kind(part)}, found one that is cut off or damaged ({error})") from error
        return
    with web.opened(address, {"Range": f"bytes={received.size_bytes}-"}) as response:
        begins_there = response.headers.get("content-range", "").startswith(f"bytes {received.size_bytes}-")
        if response.status_code == HTTPStatus.PARTIAL_CONTENT and begins_there:
            discard(part)
            raise PassingError(f"{address}: expected the {received.size_bytes:,} bytes that were announced, found more")


def _begun(part: Path, address: str) -> _Begun:
    """What an earlier attempt left of the same address; anything else is removed."""
    try:
        noted: dict[str, Any] = json.loads(_notes(part).read_text(encoding="utf-8"))
        validators = Validators(noted["etag"], noted["last_modified"])
        if noted["address"] == address and validators.strong and part.is_file():
            return _Begun(part.stat().st_size, validators)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass
    discard(part)
    return _Begun()


def _digest(part: Path) -> "hashlib._Hash":
    """Hash of what is there already."""
    digest = hashlib.sha256()
    if part.is_file():
        with part.open("rb") as file:
            while block := file.read(_CHUNK):
                digest.update(block)
    return digest


def _notes(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _suffix(part: Path) -> str:
    return Path(part.stem).suffix.lower()


def _kind(part: Path) -> str:
    return {**_ARCHIVES, **_TEXTS}.get(_suffix(part), "a file")
