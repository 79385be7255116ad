"""Prefect's server in a process of its own that does not outlive the refresh it was started for.

Prefect would start one itself, but a refresh that is killed would leave that one running for good. This one reads a pipe whose
other end only the refresh holds: the system closes it with the process, however that ends.
"""

import atexit
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from threading import Thread

from flows.settings import StopError
from flows.stopping import heed_signals

STARTS_WITHIN_SECONDS = 180
"""Two cores that are busy take 50 seconds for a new database."""
_STOPS_WITHIN_SECONDS = 5
_OUTLIVES_SECONDS = 20
"""How long at most the server finishes what it writes after the refresh is gone."""


def start_server() -> Callable[[], None]:
    """Start the server and name it in the environment, to be called before Prefect is imported.

    Returns a function that waits until the server answers and raises StopError where it does not.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{listening.getsockname()[1]}/api"
        server = subprocess.Popen(  # noqa: S603 - this program itself
            [sys.executable, "-m", "flows.embedded_server", str(listening.fileno())],
            stdin=subprocess.PIPE,
            pass_fds=[listening.fileno()],
            env=os.environ | {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"},
            start_new_session=True,  # Ctrl-C is meant for the refresh, which has something left to tell the server
        )
    atexit.register(_stop, server)  # runs after what Prefect registers when it is imported
    return _await


def _await() -> None:
    """The port has been open from the start, so one question is enough: it is answered once the server is ready, or never."""
    import httpx

    try:
        httpx.get(f"{os.environ['PREFECT_API_URL']}/health", timeout=STARTS_WITHIN_SECONDS, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise StopError(
            f"Prefect's embedded server: expected an answer within {STARTS_WITHIN_SECONDS} s, found {error!r}. Its database "
            f"needs room in {os.environ['PREFECT_HOME']}; PREFECT_SERVER_LOGGING_LEVEL=INFO says more, --direct needs no server."
        ) from error


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.stdin:
        server.stdin.close()
    try:
        server.wait(_STOPS_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _serve(descriptor: int) -> None:
    """What the other process does: serve the open port until the pipe at standard input ends."""
    from uvicorn import Config, Server

    heed_signals()
    app = "prefect.server.api.server:create_app"
    server = Server(Config(app, factory=True, lifespan="on", log_level="error", timeout_graceful_shutdown=2))

    def leave() -> None:
        os.read(0, 1)  # not through sys.stdin, whose lock a server that ends by itself would miss
        server.should_exit = True  # looked at once a database that is being made is whole
        time.sleep(_OUTLIVES_SECONDS)
        os._exit(1)

    Thread(target=leave, daemon=True).start()
    server.run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
