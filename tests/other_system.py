"""Run a command as on another system: `python -m tests.other_system windows COMMAND ...`.

Windows lacks modules and functions of POSIX, macOS those of Linux. They are taken away here, after
the standard library and other packages were imported, which know their system themselves.
"""

from __future__ import annotations

import asyncio
import fcntl
import importlib
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from types import ModuleType
from typing import Any

# What the standard library and other packages import late.
BEFORE = (
    "aiohttp", "asyncio.unix_events", "concurrent.futures.process", "cryptography.x509", "dask",
    "httptools", "multiprocessing.popen_spawn_posix", "multiprocessing.resource_tracker", "orjson",
    "prometheus_client", "pytest", "pty", "rich.console", "rich.progress", "rich.table", "runpy",
    "sqlite3", "tempfile", "time_machine", "websockets", "zoneinfo",
)  # fmt: skip
WINDOWS_LACKS = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "crypt")
LINUX_ALONE: dict[ModuleType, tuple[str, ...]] = {
    os: ("sched_getaffinity", "sched_setaffinity", "fdatasync", "posix_fadvise", "memfd_create",
         "pidfd_open", "eventfd", "splice", "copy_file_range", "getrandom", "O_DIRECT"),
    select: ("epoll",),
    socket: ("TCP_QUICKACK", "TCP_USER_TIMEOUT", "SOCK_CLOEXEC", "SOCK_NONBLOCK"),
    signal: ("SIGRTMIN", "SIGRTMAX", "sigtimedwait", "sigwaitinfo"),
    time: ("CLOCK_BOOTTIME",),
}  # fmt: skip
POSIX_ALONE: dict[ModuleType, tuple[str, ...]] = {
    os: ("fork", "forkpty", "killpg", "getpgid", "setpgid", "getsid", "setsid", "getuid",
         "geteuid", "getgid", "getegid", "getgroups", "uname", "wait", "wait3", "wait4", "nice",
         "mkfifo", "chown", "fchmod", "sysconf", "getloadavg", "pread", "pwrite", "sendfile",
         "fchdir", "register_at_fork", "O_NOFOLLOW", "O_DIRECTORY", "WNOHANG"),
    select: ("poll",),
    socket: ("AF_UNIX", "SO_REUSEPORT", "MSG_DONTWAIT", "MSG_NOSIGNAL"),
    signal: ("SIGKILL", "SIGALRM", "SIGVTALRM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGCHLD",
             "SIGPIPE", "SIGQUIT", "setitimer", "getitimer", "ITIMER_VIRTUAL", "alarm", "pause",
             "sigwait"),
    time: ("tzset",),
}  # fmt: skip
# As Python itself makes a pair of sockets on Windows, out of a listener.
SOCKETPAIR = """
def socketpair(family=AF_INET, type=SOCK_STREAM, proto=0):
    listener = socket(family, type, proto)
    try:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        one = socket(family, type, proto)
        one.connect(listener.getsockname()[:2])
        other, _ = listener.accept()
    finally:
        listener.close()
    return other, one
"""


def become(system: str) -> None:
    """Take away what a system lacks, and give what it has in its place."""
    for name in BEFORE:
        with suppress(ImportError):
            importlib.import_module(name)
    for table in (LINUX_ALONE, POSIX_ALONE) if system == "windows" else (LINUX_ALONE,):
        for module, names in table.items():
            for name in names:
                if hasattr(module, name):
                    delattr(module, name)
    sys.platform = {"windows": "win32", "macos": "darwin"}[system]
    if system == "windows":
        sys.modules.update(dict.fromkeys(WINDOWS_LACKS, None))  # type: ignore[arg-type]
        sys.modules["msvcrt"] = _msvcrt()
        exec(SOCKETPAIR, vars(socket))
        loop: Any = asyncio.SelectorEventLoop
        loop.add_signal_handler = _no_handlers


def _no_handlers(self: object, *_: object) -> None:
    raise NotImplementedError


def _msvcrt() -> ModuleType:
    """As much of it as is used: the lock of a file."""
    made: Any = ModuleType("msvcrt")
    made.LK_NBLCK = 2
    made.locking = lambda file, mode, size: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    found: ModuleType = made
    return found


if __name__ == "__main__":
    become(sys.argv[1])
    from failing_exchange.cli.main import main

    sys.exit(main(sys.argv[2:]))
