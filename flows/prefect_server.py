"""A Prefect server for `payref serve`: on the loopback address only, and gone with the process that started it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

LOOPBACK = "127.0.0.1"
STARTS_WITHIN_SECONDS = 180
"""Longest that the server may take to answer; 12 to 40 seconds are usual."""
_ENDS_WITHIN_SECONDS = 15
_ASKED_EVERY_SECONDS = 0.5


class ServerError(Exception):
    """The server could not be started."""


class PortError(Exception):
    """The port is taken, or may not be used."""


@contextmanager
def listening(port: int) -> Iterator[socket.socket]:
    """A socket on the loopback address. Raises PortError where the port cannot be used."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
            listener.listen()
        except OSError as error:
            raise PortError(
                f"Port {port} on {LOOPBACK} cannot be used ({error.strerror}). Choose another with --port."
            ) from error
        yield listener


@contextmanager
def prefect_server(listener: socket.socket) -> Iterator[str]:
    """A server on the socket; its address. Raises ServerError where it does not answer in time."""
    port = listener.getsockname()[1]
    environment = {**os.environ, "PREFECT_SERVER_API_HOST": LOOPBACK, "PREFECT_SERVER_API_PORT": str(port)}
    command = [sys.executable, "-m", "flows.prefect_server", str(listener.fileno())]
    process = subprocess.Popen(  # noqa: S603 - this program
        command, stdin=subprocess.PIPE, pass_fds=[listener.fileno()], env=environment, start_new_session=True
    )
    try:
        address = f"http://{LOOPBACK}:{port}/api"
        _wait_for(process, address)
        yield address
    finally:
        _end(process)


def _wait_for(process: "subprocess.Popen[bytes]", address: str) -> None:
    import httpx

    give_up = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < give_up:
        if process.poll() is not None:
            raise ServerError(f"Prefect's server ended with exit code {process.returncode} before it answered.")
        with suppress(httpx.TransportError):  # it does not listen yet, or is busy
            if httpx.get(f"{address}/health", timeout=5).is_success:
                return
        time.sleep(_ASKED_EVERY_SECONDS)
    raise ServerError(f"Prefect's server did not answer within {STARTS_WITHIN_SECONDS} s at {address}.")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """The end of its input is the end of the server."""
    try:
        process.communicate(timeout=_ENDS_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_with_parent() -> None:
    """The input ends with the process that holds its other end, also where that is killed."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Serve on the socket that was handed over."""
    Thread(target=_end_with_parent, daemon=True).start()
    import uvicorn
    from prefect.server.api.server import create_app

    level = os.environ.get("PREFECT_SERVER_LOGGING_LEVEL", "warning").lower()
    settings = uvicorn.Config(create_app(final=True), log_level=level, access_log=False)
    uvicorn.Server(settings).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])


if __name__ == "__main__":
    main()
