"""`payref serve` before it serves: times that never come, time zones and ports that cannot be used, and the next time due."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from inspect import signature
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psutil
import pytest
from typer.testing import CliRunner

from flows import PROJECT, serve_command
from flows.cli import app
from flows.prefect_server import LOOPBACK, PortError, PrefectServer
from flows.scheduled import scheduled_refresh
from flows.serve_command import next_due
from flows.settings import ExitCode


@pytest.mark.parametrize(
    ("cron", "why"),
    [
        ("0 6 * *", "wrong number of fields, or a day that never comes"),
        ("* * * * * *", "wrong number of fields, or a day that never comes"),
        ("@daily", "wrong number of fields, or a day that never comes"),
        ("61 6 * * *", "Bad minute"),
        ("0 6 * * funday", "Bad day-of-week"),
        ("0 6 31 2 *", "Bad day-of-month"),
    ],
)
def test_a_time_that_never_comes_is_wrong_usage(capsys: pytest.CaptureFixture[str], cron: str, why: str) -> None:
    with pytest.raises(SystemExit) as left:
        next_due(cron, "UTC")
    assert left.value.code == ExitCode.USAGE
    assert capsys.readouterr().err == (
        "--cron: expected minute hour day-of-month month day-of-week, such as '0 6 * * *' for every day at 6, "
        f"found {cron!r} ({why}).\n"
    )


@pytest.mark.parametrize("zone", ["Mars", "", "../UTC", "America"])
def test_a_time_zone_that_is_none_is_wrong_usage(capsys: pytest.CaptureFixture[str], zone: str) -> None:
    with pytest.raises(SystemExit) as left:
        next_due("0 6 * * *", zone)
    assert left.value.code == ExitCode.USAGE
    assert capsys.readouterr().err == f"--timezone: expected a name such as UTC or America/New_York, found {zone!r}.\n"


def test_the_next_time_due_is_that_of_the_time_zone() -> None:
    due = next_due("30 5 * * 1", "America/New_York")
    assert (due.weekday(), due.hour, due.minute, due.tzinfo) == (0, 5, 30, ZoneInfo("America/New_York"))
    assert timedelta(0) < due - datetime.now(UTC) <= timedelta(days=7, hours=1)


def test_every_parameter_of_the_scheduled_refresh_can_be_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    served: dict[str, Any] = {}
    monkeypatch.setattr(serve_command, "_server", lambda *_: nullcontext("http://127.0.0.1:1"))
    monkeypatch.setattr(serve_command, "_serve", lambda _name, _cron, _timezone, parameters: served.update(parameters))
    place = ["serve", "--raw", str(tmp_path), "--output", str(tmp_path)]
    assert CliRunner().invoke(app, place).exit_code == 0
    assert served["follow_links"] is False
    assert set(served) == set(signature(scheduled_refresh.fn).parameters)
    assert CliRunner().invoke(app, [*place, "--follow-links"]).exit_code == 0
    assert served["follow_links"] is True


def test_a_port_that_is_taken_is_refused_and_no_other_address_is_used() -> None:
    assert LOOPBACK == "127.0.0.1"
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        told = f"Port {port} on 127.0.0.1 cannot be used .* Choose another with --port."
        with pytest.raises(PortError, match=told):
            PrefectServer(port, variables={})


@pytest.mark.slow
def test_the_server_ends_with_a_command_that_is_killed(tmp_path: Path) -> None:
    """Killed before the server answered: what would stay behind if it did not watch its parent."""
    with socket.socket() as asked:
        asked.bind((LOOPBACK, 0))
        port = asked.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "PAYREF_"))}
    command = [sys.executable, "-m", "flows.cli", "serve", "--port", str(port), "--output", str(tmp_path / "output")]
    serving = subprocess.Popen(command, cwd=PROJECT, env=kept, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        parent, children, give_up = psutil.Process(serving.pid), [], time.monotonic() + 60
        while not children:
            assert serving.poll() is None
            assert time.monotonic() < give_up
            children = parent.children(recursive=True)
            time.sleep(0.1)
    finally:
        serving.send_signal(signal.SIGKILL)
        serving.wait(20)
    _, left = psutil.wait_procs(children, timeout=60)
    for each in left:
        each.kill()
    assert left == []
