"""Both ways to a schedule for real: `payref serve` with its own Prefect server, and prefect.yaml with a pool and a worker on it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil
import pytest

from flows import PROJECT, SHIPPED_RAW
from flows.run_record import LastRun, Result, last_run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PREFECT = [sys.executable, "-m", "prefect"]
POOL = "payer-reference"
WAITS_SECONDS = 240


class Ran(NamedTuple):
    """What both schedules did before everything was stopped."""

    folder: Path
    address: str
    runs: list[dict[str, Any]]
    """Flow runs as the server tells them."""
    deployments: dict[str, dict[str, Any]]
    """Deployments by name."""
    listening_on: set[str]
    exit_code: int
    """Of payref serve, after SIGTERM."""


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def until(is_so: Callable[[], Any], what: str, folder: Path) -> None:
    give_up = time.monotonic() + WAITS_SECONDS
    while not is_so():
        if time.monotonic() > give_up:
            told = "".join(f"\n--- {log.name}\n{log.read_text(encoding='utf-8')[-3000:]}" for log in folder.glob("*.log"))
            raise AssertionError(f"{what} did not happen{told}")
        time.sleep(0.5)


def tree(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    try:
        parent = psutil.Process(process.pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


@contextmanager
def running(command: list[str], log: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is gone afterwards, with everything it started."""
    with log.open("wb") as said:
        process = subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=said, stderr=said, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            yield process
        finally:
            everybody = tree(process)
            for each in everybody:
                each.terminate()
            _, left = psutil.wait_procs(everybody, timeout=20)
            for each in left:
                each.kill()
            process.wait(20)


def done(command: list[str], environment: dict[str, str]) -> None:
    said = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert said.returncode == 0, said.stdout + said.stderr


def published(output: Path) -> LastRun | None:
    found = last_run(output)
    return found if found and found.ended else None


def listening(processes: list[psutil.Process]) -> set[str]:
    """Addresses on which they listen."""
    found = [connection for each in processes for connection in each.net_connections(kind="inet")]
    return {connection.laddr.ip for connection in found if connection.status == psutil.CONN_LISTEN}


def asked(address: str, what: str) -> list[dict[str, Any]]:
    answer = httpx.post(f"{address}/{what}/filter", json={}, timeout=30)
    answer.raise_for_status()
    found: list[dict[str, Any]] = answer.json()
    return found


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One Prefect server, that of `payref serve`; beside it a worker that runs what prefect.yaml deploys, every 15 seconds."""
    folder, port = tmp_path_factory.mktemp("scheduled"), free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "PAYREF_"))}
    environment = {**kept, "PREFECT_HOME": str(folder / "home"), "DO_NOT_TRACK": "1", "PYTHONWARNINGS": "ignore"}
    address = f"http://127.0.0.1:{port}/api"
    serve = [sys.executable, "-m", "flows.cli", "serve", "--cron", "* * * * *", "--port", str(port), "--keep", "2"]
    serve += ["--raw", str(SHIPPED_RAW), "--output", str(folder / "by_serve")]
    with running(serve, folder / "serve.log", environment) as serving:
        until(lambda: "Next refresh" in (folder / "serve.log").read_text(encoding="utf-8"), "payref serve", folder)
        asking = {**environment, "PREFECT_API_URL": address}
        httpx.post(f"{address}/work_pools/", json={"name": POOL, "type": "process"}, timeout=30).raise_for_status()
        told = {"raw": str(SHIPPED_RAW), "output": str(folder / "by_worker"), "fetch": False, "keep": 2, "wait": 0}
        deploy = [*PREFECT, "--no-prompt", "deploy", "--name", "daily", "--interval", "15", "--params", json.dumps(told)]
        with running([*PREFECT, "worker", "start", "--pool", POOL], folder / "worker.log", asking) as working:
            done(deploy, asking)
            until(lambda: published(folder / "by_serve"), "the run of payref serve", folder)
            until(lambda: published(folder / "by_worker"), "the run of the worker", folder)

            def both_completed() -> bool:
                complete = [run for run in asked(address, "flow_runs") if run["state_type"] == "COMPLETED"]
                return len({run["deployment_id"] for run in complete if run["deployment_id"]}) == 2

            until(both_completed, "the end of both runs", folder)
            found = listening([*tree(serving), *tree(working)])
        runs, deployments = asked(address, "flow_runs"), asked(address, "deployments")
        serving.send_signal(signal.SIGTERM)
        code = serving.wait(60)
    return Ran(folder, address, runs, {each["name"]: each for each in deployments}, found, code)


@pytest.mark.parametrize(("name", "output"), [("serve", "by_serve"), ("daily", "by_worker")])
def test_the_schedule_itself_started_a_run_that_published_a_release(ran: Ran, name: str, output: str) -> None:
    found = published(ran.folder / output)
    assert found is not None
    assert (found.exit_code, found.sentence) == (0, None)
    assert found.outcome in {Result.PUBLISHED, Result.NOTHING_NEW}
    current = ran.folder / output / "current"
    assert current.resolve().name == found.release
    assert (current / "payer_reference.duckdb").is_file()
    own = [run for run in ran.runs if run["deployment_id"] == ran.deployments[name]["id"]]
    completed = [run for run in own if run["state_type"] == "COMPLETED"]
    assert completed
    assert all(run["auto_scheduled"] for run in completed)
    assert all(run["tags"].count("payer-reference") for run in completed)


def test_both_ways_publish_the_same_release(ran: Ran) -> None:
    releases = {(ran.folder / output / "current").resolve().name for output in ("by_serve", "by_worker")}
    assert len(releases) == 1


def test_one_run_at_a_time_and_a_second_one_is_cancelled(ran: Ran) -> None:
    limits = {name: each["global_concurrency_limit"]["limit"] for name, each in ran.deployments.items()}
    strategies = {name: each["concurrency_options"]["collision_strategy"] for name, each in ran.deployments.items()}
    assert (limits, strategies) == ({"serve": 1, "daily": 1}, {"serve": "CANCEL_NEW", "daily": "CANCEL_NEW"})


def test_stages_are_in_the_log(ran: Ran) -> None:
    for log in ("serve.log", "worker.log"):
        text = (ran.folder / log).read_text(encoding="utf-8")
        assert "442 rows read, 442 accepted, 0 refused" in text
        assert "published: release " in text


def test_nothing_listens_but_on_this_machine_and_everything_ends_with_the_command(ran: Ran) -> None:
    assert ran.listening_on == {"127.0.0.1"}
    assert ran.exit_code == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{ran.address}/health")
