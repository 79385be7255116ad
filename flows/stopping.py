"""SIGTERM and Ctrl-C end a refresh within seconds, whatever it is doing.

Nothing is unwound: a handler in Python would run only after the call into Polars or DuckDB in which the main thread is, and
cleaning up beside a thread that still writes could damage what it writes. So the process just ends, which is as harmless at any
moment as being killed, after it said so. The signals are blocked in every thread but one, which waits for them.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

LEAVES_WITHIN_SECONDS = 4
"""Longest that the last words take, such as those to Prefect's server."""
_last_words: list[Callable[[int], None]] = []


def before_leaving(say: Callable[[int], None]) -> None:
    """Call this, too, when a signal ends the process, with the exit code that it leaves with."""
    _last_words.append(say)


def heed_signals() -> None:
    """For the main thread of a process that a refresh started: it inherits that signals are blocked, and has nobody who waits."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


@contextmanager
def stoppable(say: Callable[[str], None]) -> Iterator[None]:
    """Meanwhile SIGTERM and SIGINT end the process with 128 and their number, after `say` was told the signal's name.

    Threads that were started before are not covered, so this comes before whatever starts some.
    """
    heard = {number for number in (signal.SIGTERM, signal.SIGINT) if signal.getsignal(number) != signal.SIG_IGN}
    if not heard:
        yield
        return
    blocked, is_over = signal.pthread_sigmask(signal.SIG_BLOCK, heard), Event()
    waiting = Thread(target=_wait, args=(heard, is_over, say), name="stopping", daemon=True)
    waiting.start()
    try:
        yield
    finally:
        is_over.set()
        signal.pthread_kill(waiting.ident or 0, next(iter(heard)))
        waiting.join()
        _last_words.clear()
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _wait(heard: set[signal.Signals], is_over: Event, say: Callable[[str], None]) -> None:
    number = signal.sigwait(heard)
    if is_over.is_set():
        return

    code = 128 + number
    say(signal.Signals(number).name)
    ends = time.monotonic() + LEAVES_WITHIN_SECONDS
    speaking = [Thread(target=each, args=(code,), daemon=True) for each in _last_words]
    for thread in speaking:
        thread.start()
    for thread in speaking:
        thread.join(max(0.0, ends - time.monotonic()))
    os._exit(code)
