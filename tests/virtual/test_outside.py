"""A blocking client in a simulation does not get out: it would reach the real exchange."""

from __future__ import annotations

import asyncio
import socket
import threading
import urllib.request
from functools import partial

import pytest

from failing_exchange import simulate
from failing_exchange.virtual.errors import Escape


@pytest.mark.parametrize("place", ["http://api.binance.com/api/v3/ping", "http://192.0.2.1/"])
def test_urllib_is_refused_with_the_way_out(place: str) -> None:
    """By name and by address, before anything is resolved or sent."""

    async def main() -> None:
        with pytest.raises(Escape, match="use an asynchronous client"):
            urllib.request.urlopen(place, timeout=0.1)

    simulate(main())


def test_a_job_of_the_executor_is_refused_too() -> None:
    """Synchronous clients of asynchronous programs live there."""

    async def main() -> None:
        ask = partial(socket.create_connection, ("api.binance.com", 443))
        with pytest.raises(Escape, match=r"api\.binance\.com:443"):
            await asyncio.get_running_loop().run_in_executor(None, ask)

    simulate(main())


def test_this_machine_and_other_threads_go_on() -> None:
    """A database beside the bot, and a debugger or a cluster around the simulation."""
    listener = socket.create_server(("127.0.0.1", 0))
    reached = []

    def elsewhere() -> None:
        with socket.socket() as probe:
            probe.settimeout(0)
            reached.append(probe.connect_ex(("192.0.2.1", 9)))

    async def main() -> None:
        socket.create_connection(listener.getsockname()).close()
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()

    simulate(main())
    listener.close()
    assert len(reached) == 1
    assert "connect" not in vars(socket.socket)
