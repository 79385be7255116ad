"""The command `payref explore`: the release in a browser on this machine."""

import socket
from pathlib import Path
from typing import Annotated

import typer

from flows.options import Output, leave, screen
from flows.settings import ExitCode

_LOOPBACK = "127.0.0.1"


def explore_command(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 8420,
    output: Output = Path("output"),
) -> None:
    """Browse the current release: a local web page and a JSON API, read-only, for this machine alone."""
    import uvicorn

    from flows.explore.app import application
    from flows.explore.releases import identity

    release = identity(output).release
    # The protocol is named so that asyncio sends small answers at once: where it is 0, Nagle's algorithm makes each wait 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_LOOPBACK, port))
            listener.listen()
        except OSError as error:
            leave(f"Port {port} on {_LOOPBACK} cannot be used ({error.strerror}). Choose another with --port.", ExitCode.USAGE)
        screen.say(f"Release {release} at http://{_LOOPBACK}:{listener.getsockname()[1]}/ - stop with Ctrl+C.")
        settings = uvicorn.Config(application(output), log_level="warning", access_log=False, server_header=False)
        uvicorn.Server(settings).run(sockets=[listener])
