"""What only some operating systems have: fork, process groups, signals of the event loop."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from typing import Any

from failing_exchange.errors import ConfigurationError

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
Process = asyncio.subprocess.Process | subprocess.Popen[Any]


def print_all_characters() -> None:
    """Escape what the encoding of stdout and stderr lacks, as cp1252 on Windows.

    Otherwise a character that a bot or a symbol has ends the run with a UnicodeEncodeError.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux; elsewhere a process may use all of them
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_fork(what: str) -> None:
    """Raise ConfigurationError, which begins with `what`, where a process can't be forked.

    Windows has no `fork`. Each world of an exploration runs in a forked process, so that a bot that
    ends its process or never waits harms no other world.
    """
    if not hasattr(os, "fork"):
        raise ConfigurationError(
            f"{what} needs `fork`, which this system does not have; run it on Linux or macOS, in "
            "WSL, or in the container image. `run`, `simulate`, `serve` and pytest work here"
        )


def on_stop(loop: asyncio.AbstractEventLoop, stop: Callable[[], object]) -> None:
    """Call `stop` in the loop at SIGTERM or Ctrl-C.

    An event loop of Windows takes no signal handlers; there Python's own handler wakes the loop.
    """
    for number in STOP_SIGNALS:
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))


def end_processes(process: Process, *, kill: bool) -> None:
    """Ask a process and all that it has started to end, or kill them.

    The process was made with `start_new_session=True`. Without process groups (Windows) only the
    process itself is ended.
    """
    with suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL if kill else signal.SIGTERM)
        elif kill:
            process.kill()
        else:
            process.terminate()
