"""One request after the other: declared hosts only, retries with back-off, errors in words."""

import email.utils
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from random import SystemRandom
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

import httpx

Result = TypeVar("Result")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MEBIBYTE = 1024 * 1024
_REDIRECTS = 5
_LONGEST_BACK_OFF = 30.0
_PASSING = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}


class FetchError(Exception):
    """A file cannot be fetched. Says what was expected, what was found and what to do."""


class NotThereError(FetchError):
    """The address does not give the file: not found, or something else in its place. Another address may."""


class PassingError(FetchError):
    """May go better in a moment. `wait` is what the server asks for, in seconds."""

    def __init__(self, message: str, *, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class Limits(NamedTuple):
    """How long and how much."""

    timeout: float = 60.0
    """Seconds without a byte."""
    max_bytes: int = 512 * MEBIBYTE
    attempts: int = 5
    longest_wait: float = 120.0
    """Most seconds that a server may ask for with Retry-After."""


class Timing(NamedTuple):
    """The clock and the dice; tests bring their own."""

    pause: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = SystemRandom().random
    """Between 0 and 1; spreads the requests of many clients."""
    now: Callable[[], float] = time.time


class Web:
    """A client that goes to declared hosts only. Use as a context manager."""

    def __init__(
        self,
        hosts: tuple[str, ...],
        *,
        limits: Limits,
        timing: Timing,
        say: Callable[[str], None],
        base_url: str | None = None,
    ) -> None:
        """`base_url` takes the place of scheme and host of every declared address; its host then counts as declared."""
        self.limits, self.timing, self.say = limits, timing, say
        self.base_url = base_url and base_url.rstrip("/")
        self._hosts = {*hosts, *([urlsplit(base_url).hostname or ""] if base_url else [])}
        self._unreachable: set[str] = set()
        self._client = httpx.Client(
            timeout=limits.timeout,
            headers={"User-Agent": "payref (payer reference data)", "Accept-Encoding": "identity"},
            limits=httpx.Limits(max_keepalive_connections=0),
            verify=_certificates(),
            trust_env=not (base_url and urlsplit(base_url).hostname in LOOPBACK),
        )

    def __enter__(self) -> "Web":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def address(self, declared: str) -> str:
        """A declared address, at the mirror where there is one."""
        if self.base_url is None:
            return declared
        parts = urlsplit(declared)
        return self.base_url + parts.path + (f"?{parts.query}" if parts.query else "")

    @contextmanager
    def opened(self, address: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """The answer behind all redirects, its body not yet read. Raises FetchError, PassingError for broken connections."""
        try:
            response = self._followed(address, headers)
            try:
                yield response
            finally:
                response.close()
        except httpx.RequestError as error:
            raise PassingError(f"{address}: {_in_words(error)}") from error
        except httpx.InvalidURL as error:
            raise FetchError(f"{address}: expected an address, found {error}") from error

    def persistently(self, address: str, attempt: Callable[[], Result]) -> Result:
        """Try until it works, with growing pauses. Raises FetchError after the last attempt, NotThereError at once."""
        host = urlsplit(address).hostname or ""
        attempts = 1 if host in self._unreachable else self.limits.attempts
        for number in range(1, attempts + 1):
            try:
                return attempt()
            except PassingError as error:
                if number == attempts:
                    if isinstance(error.__cause__, httpx.ConnectError):
                        self._unreachable.add(host)
                    raise FetchError(f"{error} ({number} attempts). Try again later.") from error
                seconds = self._pause_after(error, number)
                self.say(f"{error}; attempt {number + 1} of {attempts} in {seconds:.0f} s")
                self.timing.pause(seconds)
        raise AssertionError("limits.attempts is below 1")

    def _followed(self, address: str, headers: Mapping[str, str]) -> httpx.Response:
        for _ in range(_REDIRECTS + 1):
            self._check(address)
            response = self._client.send(self._client.build_request("GET", address, headers=dict(headers)), stream=True)
            if not response.has_redirect_location:
                return response
            response.close()
            address = str(response.url.join(response.headers["location"]))
        raise FetchError(f"{address}: expected at most {_REDIRECTS} redirects, found more. The address may have moved.")

    def _check(self, address: str) -> None:
        parts = urlsplit(address)
        host = parts.hostname or ""
        if host not in self._hosts:
            raise FetchError(
                f"{address}: expected one of the declared hosts {', '.join(sorted(self._hosts))}, found {host or 'none'}. "
                "Nothing was taken from there; a host is declared in flows/addresses.py."
            )
        if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
            raise FetchError(f"{address}: expected https, found {parts.scheme or 'nothing'}. Nothing was taken from there.")

    def _pause_after(self, error: PassingError, number: int) -> float:
        if error.wait is None:
            return min(2.0 ** (number - 1), _LONGEST_BACK_OFF) * (0.5 + 0.5 * self.timing.chance())
        if error.wait > self.limits.longest_wait:
            raise FetchError(
                f"{error}; it asks to wait {error.wait:.0f} s, more than {self.limits.longest_wait:.0f} s. Try again then."
            ) from error
        return error.wait


@cache
def _certificates() -> ssl.SSLContext:
    """Read once, since every release has a client of its own."""
    return httpx.create_ssl_context()


def check_status(response: httpx.Response, *, now: float) -> None:
    """Raise where the answer is no success: PassingError, NotThereError or FetchError."""
    status, address = response.status_code, response.url
    if status in _PASSING:
        wait = _retry_after(response.headers.get("retry-after"), now=now)
        raise PassingError(f"{address}: the server answered {status}", wait=wait)
    if status in _GONE:
        raise NotThereError(f"{address}: not found ({status})")
    if not response.is_success:
        raise FetchError(f"{address}: expected 200, found {status}. A browser shows what the publisher says there.")


def moment(header: str | None) -> datetime | None:
    """A date as HTTP writes it, None where it is none."""
    try:
        found = email.utils.parsedate_to_datetime(header or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _retry_after(header: str | None, *, now: float) -> float | None:
    """Seconds to wait, given as a number or as a date."""
    if header is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", header.strip()):
        return float(header)
    until = moment(header)
    return max(0.0, until.timestamp() - now) if until else None


def _in_words(error: httpx.RequestError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "the server did not answer in time"
    if isinstance(error, httpx.ConnectError):
        return f"no connection ({error})"
    return f"the connection broke ({error})" if str(error) else "the connection broke"
