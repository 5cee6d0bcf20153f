"""The loop keeps a program away from the real world: threads, sockets, signals."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from failing_exchange.core.units import SECOND
from failing_exchange.virtual.errors import Escape
from failing_exchange.virtual.loop import VirtualLoop

DAY_NS = 86_400 * SECOND


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    if not made.is_closed():
        made.cancel_leftovers()
        made.close()


def test_executor_jobs_run_on_the_loops_own_thread(loop: VirtualLoop) -> None:
    """A pool of threads would run in real time and in an order of its own."""

    async def main() -> list[Any]:
        here = threading.get_ident()
        same = await asyncio.to_thread(threading.get_ident) == here
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, divmod, 1, 0)
        return [same, await loop.run_in_executor(None, divmod, 7, 2)]

    assert loop.run_until_complete(main()) == [True, (3, 1)]


def test_other_threads_are_refused(loop: VirtualLoop) -> None:
    """A call from a thread arrives at a moment that no seed decides."""
    errors: list[BaseException] = []

    def intrude() -> None:
        try:
            loop.call_soon_threadsafe(print)
        except Escape as error:
            errors.append(error)

    async def main() -> None:
        thread = threading.Thread(target=intrude, name="intruder")
        thread.start()
        thread.join()

    loop.run_until_complete(main())
    assert "intruder" in str(errors[0])


def test_the_real_world_is_out_of_reach(loop: VirtualLoop) -> None:
    """Sockets, pipes and processes say so instead of half working."""

    async def main() -> None:
        with pytest.raises(Escape, match="subprocess_exec"):
            await asyncio.create_subprocess_exec("true")
        with pytest.raises(Escape, match="create_datagram_endpoint"):
            await loop.create_datagram_endpoint(asyncio.DatagramProtocol)

    loop.run_until_complete(main())


def test_signal_handlers_are_accepted(loop: VirtualLoop) -> None:
    """Bots register them at start; nothing here sends a signal."""
    loop.add_signal_handler(15, print)
    assert loop.remove_signal_handler(15)
    assert not loop.remove_signal_handler(15)


def test_a_closed_loop_takes_no_more(loop: VirtualLoop) -> None:
    """As in asyncio."""
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_soon(print)
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_later(1, print)
