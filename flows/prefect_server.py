"""Prefect's server in a process of its own, on the loopback address only, that does not outlive the command it was started for.

Prefect would start one itself, but a command that is killed would leave that one running for good. This one reads a pipe whose
other end only the command holds: the system closes it with the process, however that ends.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from threading import Thread

from flows.settings import StopError

LOOPBACK = "127.0.0.1"
STARTS_WITHIN_SECONDS = 180
"""Two cores that are busy take 50 seconds for a new database."""
FOR_ONE_RUN = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1"}
"""Neither pages nor what makes scheduled runs."""
_STOPS_WITHIN_SECONDS = 15
_OUTLIVES_SECONDS = 20
"""How long at most the server finishes what it writes after the command is gone."""


class PortError(Exception):
    """The port is taken, or may not be used."""


class PrefectServer:
    """A server that starts; `wait` until it answers, `stop` it in the end."""

    def __init__(self, port: int = 0, *, variables: Mapping[str, str]) -> None:
        """Start it on a port, 0 for any that is free. Raises PortError where the port cannot be used."""
        try:
            listening = socket.create_server((LOOPBACK, port))
        except OSError as error:
            raise PortError(
                f"Port {port} on {LOOPBACK} cannot be used ({error.strerror}). Choose another with --port."
            ) from error
        with listening:
            used = listening.getsockname()[1]
            self.address = f"http://{LOOPBACK}:{used}/api"
            told = {"PREFECT_SERVER_API_HOST": LOOPBACK, "PREFECT_SERVER_API_PORT": str(used), "PREFECT__SERVER_FINAL": "1"}
            self._process = subprocess.Popen(  # noqa: S603 - this program itself
                [sys.executable, "-m", "flows.prefect_server", str(listening.fileno())],
                stdin=subprocess.PIPE,
                pass_fds=[listening.fileno()],
                env={**os.environ, **told, **variables},
                start_new_session=True,  # Ctrl-C is meant for the command, which has something left to tell the server
            )

    def wait(self) -> None:
        """Until it answers. Raises StopError where it does not.

        The port is open from the start, so one question is enough: it is answered once the server is ready, or never.
        """
        import httpx

        try:
            httpx.get(f"{self.address}/health", timeout=STARTS_WITHIN_SECONDS, trust_env=False).raise_for_status()
        except httpx.HTTPError as error:
            raise StopError(
                f"Prefect's server: expected an answer within {STARTS_WITHIN_SECONDS} s, found {error!r}. "
                f"Its database needs room in {os.environ['PREFECT_HOME']}; PREFECT_SERVER_LOGGING_LEVEL=INFO says more, "
                "refresh --direct needs no server."
            ) from error

    def stop(self) -> None:
        """The end of its input is the end of the server."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(_STOPS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _serve(descriptor: int) -> None:
    """What the other process does: serve the open port until the pipe at standard input ends."""
    from uvicorn import Config, Server

    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # a refresh blocks the signals that its thread waits for
    level = os.environ.get("PREFECT_SERVER_LOGGING_LEVEL", "error").lower()
    app = "prefect.server.api.server:create_app"
    settings = Config(app, factory=True, lifespan="on", log_level=level, access_log=False, timeout_graceful_shutdown=2)
    server = Server(settings)

    def leave() -> None:
        os.read(0, 1)  # not through sys.stdin, whose lock a server that ends by itself would miss
        server.should_exit = True  # looked at once a database that is being made is whole
        time.sleep(_OUTLIVES_SECONDS)
        os._exit(1)

    Thread(target=leave, daemon=True).start()
    server.run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
