"""Run bots side by side, each in a process: Ctrl-C ends them all."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager


def ignore_interrupts() -> None:
    """Ctrl-C goes to all processes of a terminal: the first one decides, and ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def processes(
    jobs: int, prepare: Callable[[], None] = ignore_interrupts
) -> Iterator[ProcessPoolExecutor]:
    """A pool of `jobs` processes (0: one for each core), each of which calls `prepare` first.

    What still waits at the end is not run; after Ctrl-C what runs is ended, too.
    """
    pool = ProcessPoolExecutor(jobs or None, initializer=prepare)
    try:
        yield pool
    except KeyboardInterrupt:
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
