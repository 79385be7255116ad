"""Signals that stop a refresh: heard whatever the main thread does, given back afterwards, heeded by child processes."""

import signal
import subprocess
import sys
import time

import pytest

from flows import PROJECT
from flows.stopping import LEAVES_WITHIN_SECONDS, stoppable

BUSY = """
import sys, time
from flows.stopping import before_leaving, stoppable
with stoppable(lambda name: print("stopped by", name, flush=True)):
    before_leaving(lambda code: print("and this", flush=True))
    {also}
    print("busy", flush=True)
    import duckdb
    duckdb.sql("SET enable_progress_bar = false")
    duckdb.sql("SELECT count(*) FROM range(200_000_000_000) AS a(i) WHERE hash(i) = 1").fetchall()
"""
CHILD = """
import multiprocessing, time
from concurrent.futures import ProcessPoolExecutor
from flows.stopping import stoppable
from flows.unit_runs import _begin
if __name__ == "__main__":
    with stoppable(print):
        pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_begin)
        pool.submit(time.sleep, 0).result()
        (child,) = multiprocessing.active_children()
        child.terminate()
        child.join(20)
        print(child.exitcode)
"""


def stopped(number: int, *, also: str = "pass") -> tuple[int, str, float]:
    program = BUSY.format(also=also)
    with subprocess.Popen([sys.executable, "-c", program], cwd=PROJECT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "busy\n"
        time.sleep(0.5)
        began = time.monotonic()
        running.send_signal(number)
        code = running.wait(60)
        return code, running.stdout.read(), time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_heard_during_a_long_query(number: signal.Signals) -> None:
    code, said, seconds = stopped(number)
    assert (code, said) == (128 + number, f"stopped by {number.name}\nand this\n")
    assert seconds < LEAVES_WITHIN_SECONDS + 1


def test_last_words_that_never_end_do_not_keep_the_process() -> None:
    code, said, seconds = stopped(signal.SIGTERM, also="before_leaving(lambda code: time.sleep(60))")
    assert (code, said) == (143, "stopped by SIGTERM\nand this\n")
    assert LEAVES_WITHIN_SECONDS - 0.1 < seconds < LEAVES_WITHIN_SECONDS + 2


def test_afterwards_signals_do_what_they_did_before() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with stoppable(print):
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) >= {signal.SIGTERM, signal.SIGINT}
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_a_child_process_still_ends_when_it_is_told_to(tmp_path_factory: pytest.TempPathFactory) -> None:
    program = tmp_path_factory.mktemp("child") / "child.py"
    program.write_text(CHILD, encoding="utf-8")
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False, cwd=PROJECT)
    assert (done.returncode, done.stdout) == (0, f"{-signal.SIGTERM}\n"), done.stderr
