"""Price files on a real cluster, from a store that speaks S3, with a worker killed in the middle; and every real file at full size."""

import gzip
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import fsspec
import pytest

from flows import SHIPPED_RAW
from flows.cache import CACHE
from flows.pipeline import run
from flows.settings import Settings
from tests.end_to_end.cluster import (
    environment,
    free_port,
    has_open,
    payref,
    running,
    scheduler_command,
    wait_for_port,
    worker_command,
)
from tests.end_to_end.raw_folder import exported_bytes
from tests.flows.price_builders import in_network, put, result, some_files

pytestmark = pytest.mark.slow
BUCKET, NOBODY = "price-files", "nobody"


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped sources and price files, good and bad ones."""
    folder = tmp_path_factory.mktemp("raw")
    for source in SHIPPED_RAW.iterdir():
        shutil.copytree(source, folder / source.name)
    some_files(folder)
    return folder


@pytest.fixture(scope="module")
def single(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output of a refresh on this machine alone, without Prefect. It compiles the reader, so that workers find it compiled."""
    output = tmp_path_factory.mktemp("single")
    run(Settings(raw, output))
    return output


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    with running(*scheduler_command(port), settings=environment(), log=tmp_path / "scheduler.log"):
        wait_for_port(port)
        yield port


def exports(output: Path) -> dict[str, bytes]:
    return exported_bytes((output / "current").resolve())


def test_a_cluster_that_reads_from_s3_gives_the_same_bytes(raw: Path, single: Path, scheduler: int, tmp_path: Path) -> None:
    port = free_port()
    place = f"http://127.0.0.1:{port}"
    s3 = environment(**dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), NOBODY), AWS_ENDPOINT_URL=place)
    output = tmp_path / "output"
    with ExitStack() as stack:
        server = (str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", str(port))
        stack.enter_context(running(*server, settings=s3, log=tmp_path / "s3.log"))
        wait_for_port(port)
        fs = fsspec.filesystem("s3", key=NOBODY, secret=NOBODY, client_kwargs={"endpoint_url": place})
        fs.mkdir(BUCKET)
        for folder in ("tic", "hpt"):
            fs.put(str(raw / folder), f"{BUCKET}/raw/{folder}", recursive=True)
        for name in ("one", "two"):
            stack.enter_context(running(*worker_command(scheduler, name, tmp_path), settings=s3, log=tmp_path / f"{name}.log"))
        places = ("--prices", f"s3://{BUCKET}/raw", "--units", f"s3://{BUCKET}/units", "--dask", f"tcp://127.0.0.1:{scheduler}")
        done = payref("refresh", "--raw", str(raw), "--output", str(output), *places, settings=s3)
        assert done.returncode == 0, done.stderr[-3000:]
        fs.invalidate_cache()
        found = {name.removeprefix(f"{BUCKET}/units/results/"): fs.cat_file(name) for name in fs.find(f"{BUCKET}/units/results")}
        again = payref("refresh", "--raw", str(raw), "--output", str(output), *places, settings=s3)
    assert found == result(single / CACHE / "units")
    assert exports(output) == exports(single)
    assert again.stdout.startswith("Nothing changed: "), again.stderr[-3000:]


def test_a_worker_killed_in_the_middle_changes_nothing(scheduler: int, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    put(raw, "tic/small.json.gz", gzip.compress(in_network(), mtime=0))
    for source in SHIPPED_RAW.iterdir():
        shutil.copytree(source, raw / source.name, dirs_exist_ok=True)
    large = put(raw, "tic/large.json.gz", gzip.compress(in_network(items=400_000, codes=50), 1, mtime=0))
    run(Settings(raw, tmp_path / "alone"))
    settings, output = environment(), tmp_path / "output"
    arguments = ("refresh", "--direct", "--raw", str(raw), "--output", str(output), "--dask", f"tcp://127.0.0.1:{scheduler}")
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                running(*worker_command(scheduler, name, tmp_path), settings=settings, log=tmp_path / f"{name}.log")
            )
            for name in ("one", "two")
        ]
        command = (sys.executable, "-m", "flows.cli", *arguments)
        refresh = stack.enter_context(running(*command, settings=settings, log=tmp_path / "refresh.log"))
        victim = _reader_of(large, workers, refresh)
        os.kill(victim.pid, signal.SIGSTOP)
        assert has_open(victim.pid, large), "the unit was over before the worker could be stopped"
        os.kill(victim.pid, signal.SIGKILL)
        assert refresh.wait(timeout=120) == 0, (tmp_path / "refresh.log").read_text(encoding="utf-8")[-3000:]
        assert victim.wait() == -signal.SIGKILL
    assert result(output / CACHE / "units") == result(tmp_path / "alone" / CACHE / "units")
    assert exports(output) == exports(tmp_path / "alone")


def _reader_of(path: Path, workers: list[subprocess.Popen[bytes]], refresh: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """The worker that has a file open."""
    until = time.monotonic() + 120
    while time.monotonic() < until and refresh.poll() is None:
        for worker in workers:
            if has_open(worker.pid, path):
                return worker
        time.sleep(0.001)
    raise AssertionError(f"no worker opened {path.name}")


def test_a_scheduler_that_is_not_there_stops_the_run_with_a_sentence(raw: Path, tmp_path: Path) -> None:
    port = free_port()
    settings = environment(DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="2s")
    done = payref(
        "refresh", "--raw", str(raw), "--output", str(tmp_path / "o"), "--dask", f"tcp://127.0.0.1:{port}", settings=settings
    )
    assert done.returncode == 3, done.stderr[-3000:]
    assert f"tcp://127.0.0.1:{port}: " in done.stderr.splitlines()[-1]
    assert "check --dask and refresh again" in done.stderr.splitlines()[-1]
