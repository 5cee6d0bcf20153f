"""A loop on real sockets whose clock stands still while anything is under way.

Time moves only when no callback is due, no socket is ready and nothing is on its way between two
sockets of this process; then it jumps to the next timer. So "nothing comes for 0.3 seconds" is a
fact about the venue, however busy the machine is, and costs no waiting.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
DEADLOCK = 30.0  # seconds until a test fails in which nothing can happen any more
REAL_SECONDS_MAX = 240.0  # of a story; one that runs on, on timers without an end, fails then
START = 1_000.0  # the loop's first instant; asyncio wants no more of it than that it grows


class _Fence:
    """What was sent over loopback before it has arrived when it is through: packets queue up."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self._out = socket.create_connection(server.getsockname())
            self._in, _ = server.accept()
        self._out.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def pass_through(self) -> None:
        """Send a byte, and wait for it."""
        self._out.sendall(b"x")
        assert self._in.recv(1) == b"x"

    def close(self) -> None:
        """Let go of the sockets."""
        self._out.close()
        self._in.close()


class _Selector(selectors.DefaultSelector):
    """Tells what is ready; where nothing is, and nothing is under way, it moves the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.threads = 0  # at work for the loop
        self._fence = _Fence()
        self.until = time.monotonic() + REAL_SECONDS_MAX

    def select(self, timeout: float | None = None) -> Any:
        """What is ready, as asyncio asks for it."""
        if time.monotonic() > self.until:
            self.until = float("inf")  # the loop closes without another failure
            raise AssertionError(f"the story has not ended; its clock shows {self.now - START} s")
        found = super().select(0)
        if found or (timeout is not None and timeout <= 0):
            return found
        if self.threads:
            found = super().select(DEADLOCK)
            assert found, "a thread has not come back"
            return found
        self._fence.pass_through()
        found = super().select(0)
        if found:
            return found
        if timeout is None:  # a thread that asyncio does not tell us of, when the loop closes
            found = super().select(DEADLOCK)
            assert found, "nothing is under way, and no timer is set"
            return found
        self.now += timeout
        return []

    def close(self) -> None:
        """As asyncio does in the end."""
        super().close()
        self._fence.close()


class SettledLoop(asyncio.SelectorEventLoop):
    """Its time is the selector's."""

    def __init__(self) -> None:
        self._settled = _Selector()
        self.began = time.time() - START
        super().__init__(self._settled)

    def time(self) -> float:
        """The instant, in seconds."""
        return self._settled.now

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Any, *args: Any
    ) -> Any:
        """Names are looked up in threads: time stands still meanwhile."""
        future: Any = super().run_in_executor(executor, func, *args)
        self._settled.threads += 1
        future.add_done_callback(self._is_back)
        return future

    def _is_back(self, _: object) -> None:
        self._settled.threads -= 1


def milliseconds() -> int:
    """What a client's clock shows on the running loop: a venue's moves with its loop, too."""
    loop = asyncio.get_running_loop()
    now = loop.began + loop.time() if isinstance(loop, SettledLoop) else time.time()
    return int(now * 1_000)


def run(main: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`."""
    with asyncio.Runner(loop_factory=SettledLoop) as runner:
        return runner.run(main)
