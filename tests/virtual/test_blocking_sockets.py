"""A blocking client in a simulation does not get out: it would reach the real exchange."""

from __future__ import annotations

import asyncio
import socket
import threading
import urllib.request
from functools import partial
from pathlib import Path

import pytest

from failing_exchange import simulate
from failing_exchange.errors import ConfigurationError
from failing_exchange.runs.bot_loader import find_bot
from failing_exchange.virtual.blocking_sockets import barred
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


def test_a_block_within_a_block_leaves_the_outer_one_closed() -> None:
    """A bot that is started again is loaded within a simulation, which goes on."""
    with barred():
        with barred():
            pass
        with pytest.raises(Escape, match="serve binance -- python bot.py"):
            socket.create_connection(("192.0.2.1", 9), timeout=0.1)
    assert "connect" not in vars(socket.socket)


LOADED = """
import urllib.request

urllib.request.urlopen("http://192.0.2.1/", timeout=0.1)

async def main(exchange):
    pass
"""


@pytest.mark.parametrize("form", ["{}/connects.py:main", "connects:main"])
def test_a_bot_that_connects_while_it_is_loaded_is_refused(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call at module level would reach the real exchange, with the user's real keys."""
    (tmp_path / "connects.py").write_text(LOADED)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=r"Escape: a blocking connection to 192\.0\.2\.1"):
        find_bot(form.format(tmp_path))
