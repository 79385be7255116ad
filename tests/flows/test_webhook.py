"""The example of a webhook in docs, run for real: a flow that fails, and the body that a server on loopback receives."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flows import PROJECT

pytestmark = pytest.mark.slow
SECRET = "/services/T0/B0/secret-in-the-address"  # noqa: S105 - of no service
PROGRAM = """
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("webhook_on_failure", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
for missing in sys.argv[3:]:
    module.refresh_with_webhook(raw=Path(missing), output=Path(sys.argv[2]), return_state=True)
"""


@contextmanager
def webhook(*statuses: int) -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """Address of a webhook that answers with these statuses, and what it received."""
    received: list[tuple[str, dict[str, Any]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(statuses[len(received) - 1])
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}{SECRET}", received
        server.shutdown()
        thread.join()


def test_a_flow_that_fails_posts_why_and_the_address_is_in_no_log(tmp_path: Path) -> None:
    example, output = PROJECT / "docs" / "examples" / "webhook_on_failure.py", tmp_path / "output"
    missing = [str(tmp_path / "missing"), str(tmp_path / "gone")]
    with webhook(200, 500) as (address, received):
        settings = {
            "PREFECT_HOME": str(tmp_path / "home"),
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "REFRESH_WEBHOOK": address,
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        command = [sys.executable, "-c", PROGRAM, str(example), str(output), *missing]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**kept, **settings}, timeout=240)
    assert done.returncode == 0, done.stderr
    assert [path for path, _ in received] == [SECRET, SECRET]
    bodies = [body for _, body in received]
    assert [set(body) for body in bodies] == [{"flow", "run", "state", "message", "output"}] * 2
    for body, folder in zip(bodies, missing, strict=True):
        assert (body["flow"], body["state"], body["output"]) == ("refresh-with-webhook", "Failed", str(output))
        assert f"{folder}: expected the folder with the raw files, found nothing. Give it with --raw." in body["message"]
    said = done.stdout + done.stderr
    assert "The webhook was not told: HTTPStatusError" in said
    assert "secret-in-the-address" not in said
