"""What each trial needs is loaded once, before any of them: their processes inherit it.

Modules are imported when they are first needed, tables made when they are first asked for. Without
this, every process that runs trials would do all of that for its few worlds again.
"""

from __future__ import annotations

from failing_exchange.explorer.trial import run
from failing_exchange.explorer.world import World, draw
from failing_exchange.runs.bot_loader import find_bot
from failing_exchange.simulation import simulate

SEEDS = range(8)  # of worlds that are drawn as those of trials are
SECONDS = 300.0  # that each of them lasts
HOST = "api.binance.com"
ASKED = ("exchangeInfo", "depth?symbol=BTCUSDT", "ticker/24hr?symbol=BTCUSDT", "account")


def in_process() -> None:
    """A bot of ours in some worlds, a calm one first."""
    careful = find_bot("careful")
    for world in (World(seed=0, seconds=SECONDS), *(draw(n, seconds=SECONDS) for n in SEEDS)):
        run(careful, world)


def on_the_wire() -> None:
    """A client of the venue: answers, a refusal, a stream."""
    simulate(_visit(), venue="binance")


async def _visit() -> None:
    import aiohttp

    async with aiohttp.ClientSession() as session:
        for path in ASKED:
            async with session.get(f"https://{HOST}/api/v3/{path}") as answer:
                await answer.read()
        async with session.ws_connect(f"wss://stream.{HOST.removeprefix('api.')}/ws/btcusdt@trade"):
            pass
