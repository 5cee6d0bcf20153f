"""What only some operating systems have is asked for in one module, with a way out."""

from __future__ import annotations

import ast
import asyncio
import os
import signal
import subprocess
import sys

import pytest

from failing_exchange.errors import ConfigurationError
from failing_exchange.explorer.search import explore
from failing_exchange.system import end_processes, on_stop, processors
from tests.sources import check, modules, place, tree

# of Linux or POSIX alone; `explorer.worker` runs only after `check_fork`
SOME_SYSTEMS = {
    "fork", "forkpty", "killpg", "getpgid", "setsid", "getuid", "geteuid", "getgid", "uname",
    "wait3",
    "sched_getaffinity", "SIGKILL", "SIGALRM", "SIGHUP", "SIGUSR1", "SIGUSR2", "alarm", "nice",
    "add_signal_handler", "remove_signal_handler", "getrusage", "fdatasync", "mkfifo", "waitpid",
}  # fmt: skip
ALLOWED = {"system", "explorer.worker", "virtual.isolation"}  # the last forwards a loop's method


def test_calls_that_some_systems_lack_stand_in_one_module() -> None:
    """Elsewhere they would end a command on Windows or macOS with an AttributeError."""
    check(
        f"{place(path, node.lineno)}: {node.attr}; move it to failing_exchange.system"
        for name, path in modules().items()
        if name not in ALLOWED
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in SOME_SYSTEMS
    )


def test_exploring_without_fork_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows cannot explore; the error comes before anything runs, and names the ways out."""
    monkeypatch.delattr(os, "fork")
    with pytest.raises(ConfigurationError, match=r"explore needs `fork`.*WSL"):
        explore("careful")


def test_all_processors_are_used_where_none_are_set_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS knows no affinity of processes."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert processors() == os.cpu_count()


def test_a_signal_stops_a_loop_that_takes_no_handlers() -> None:
    """The loops of Windows raise NotImplementedError."""

    class Loop(asyncio.SelectorEventLoop):
        def add_signal_handler(self, *_: object) -> None:
            raise NotImplementedError

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    loop = Loop()
    stopped = loop.create_future()
    try:
        on_stop(loop, lambda: stopped.set_result(True))
        loop.call_soon(signal.raise_signal, signal.SIGTERM)
        assert loop.run_until_complete(stopped)
    finally:
        loop.close()
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.parametrize("kill", [False, True])
def test_a_process_is_ended_without_process_groups(
    kill: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without groups the process itself is ended; one that has ended already is no error."""
    monkeypatch.delattr(os, "killpg")
    process = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
    )
    end_processes(process, kill=kill)
    assert process.wait() == -(signal.SIGKILL if kill else signal.SIGTERM)
    end_processes(process, kill=kill)
    assert process.stdin is not None
    process.stdin.close()
