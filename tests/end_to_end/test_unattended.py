"""Flows that fail with nobody watching: what the example of a webhook posts, and what a scheduled refresh fetches and tells."""

import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from flows import PROJECT
from flows.alerts import VARIABLE
from flows.database_name import DATABASE
from flows.run_record import Result, last_run
from tests.end_to_end.raw_folder import copied
from tests.end_to_end.test_refresh_fetch import Publisher

pytestmark = pytest.mark.slow
SECRET = "/services/T0/B0/secret-in-the-address"  # noqa: S105 - of no service
EXAMPLE = PROJECT / "docs" / "examples" / "webhook_on_failure.py"
PROGRAM = """
import importlib.util, json, sys
from pathlib import Path
example, folder, raw, mirror, *missing = sys.argv[1:]
spec = importlib.util.spec_from_file_location("webhook_on_failure", example)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
for each in missing:
    module.refresh_with_webhook(raw=Path(each), output=Path(folder, "output"), return_state=True)
from flows.scheduled import scheduled_refresh
asked = {"fetch": True, "accept_licence": True, "base_url": mirror}
state = scheduled_refresh(raw=Path(raw), output=Path(folder, "scheduled"), **asked, return_state=True)
print(json.dumps({"name": state.name, "message": state.message}))
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


class Ran(NamedTuple):
    """What three flow runs in one process did: two of the example that fail, and a scheduled one that fetches."""

    folder: Path
    missing: list[str]
    received: list[tuple[str, dict[str, Any]]]
    said: str
    state: dict[str, str]
    """Of the scheduled run."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("unattended")
    missing = [str(folder / "missing"), str(folder / "gone")]
    keeps = "import sys; open(sys.argv[1], 'ab').write(sys.stdin.buffer.read())"
    with webhook(200, 500) as (address, received), Publisher() as mirror:
        settings = {
            "PREFECT_HOME": str(folder / "home"),
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "REFRESH_WEBHOOK": address,
            VARIABLE: shlex.join([sys.executable, "-c", keeps, str(folder / "alerts")]),
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "PAYREF_"))}
        command = [sys.executable, "-c", PROGRAM, str(EXAMPLE), str(folder), str(copied(folder)), mirror.url, *missing]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**kept, **settings}, timeout=280)
    assert done.returncode == 0, done.stderr
    return Ran(folder, missing, received, done.stdout + done.stderr, json.loads(done.stdout.splitlines()[-1]))


def test_a_flow_that_fails_posts_why_and_the_address_is_in_no_log(ran: Ran) -> None:
    assert [path for path, _ in ran.received] == [SECRET, SECRET]
    bodies = [body for _, body in ran.received]
    assert [set(body) for body in bodies] == [{"flow", "run", "state", "message", "output"}] * 2
    for body, folder in zip(bodies, ran.missing, strict=True):
        assert (body["flow"], body["state"], body["output"]) == ("refresh-with-webhook", "Failed", str(ran.folder / "output"))
        assert f"{folder}: expected the folder with the raw files, found nothing. Give it with --raw." in body["message"]
    assert "The webhook was not told: HTTPStatusError" in ran.said
    assert "secret-in-the-address" not in ran.said


def test_a_scheduled_run_fetches_and_publishes_what_could_be_had_and_fails_where_something_could_not(ran: Ran) -> None:
    told = "Not every file could be fetched, see the log; the release is made of what is there."
    assert ran.state["name"] == "Failed"
    assert told in ran.state["message"]
    found = last_run(ran.folder / "scheduled")
    assert found is not None
    assert (found.outcome, found.exit_code, found.sentence) == (Result.PUBLISHED, 3, told)
    with duckdb.connect(str(ran.folder / "scheduled" / "current" / DATABASE), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM taxonomy").fetchall() == [(2,)]
    assert "nucc_taxonomy_" in ran.said


def test_every_failed_run_ran_the_alert_command(ran: Ran) -> None:
    alerts = [json.loads(line) for line in (ran.folder / "alerts").read_text(encoding="utf-8").splitlines()]
    assert [(alert["outcome"], alert["exit_code"]) for alert in alerts] == [("refused", 3), ("refused", 3), ("published", 3)]
    assert alerts[-1]["release"] == alerts[-1]["current"] == (ran.folder / "scheduled" / "current").resolve().name
    assert [alert["output"] for alert in alerts] == [str(ran.folder / name) for name in ("output", "output", "scheduled")]
