"""The feeds of contracts in process: positions, mark prices, liquidations."""

from __future__ import annotations

import asyncio
from typing import Any

from failing_exchange import FailingExchange, simulate
from failing_exchange.core.commands import LiquidatePosition

SWAP = "BTC/USDT:USDT"


def make(**options: Any) -> FailingExchange:
    return FailingExchange(**{"seed": 7, "markets": [SWAP], "latency": None, **options})


def test_positions_come_as_they_change_and_once_more_when_closed() -> None:
    """A bot that keeps its positions by the feed alone ends with none."""

    async def main() -> list[Any]:
        x, heard = make(), list[Any]()

        async def follow() -> None:
            while True:
                heard.extend(await x.watch_positions())

        following = asyncio.ensure_future(follow())
        await asyncio.sleep(1)
        await x.create_order(SWAP, "market", "buy", 0.1)
        await asyncio.sleep(1)
        await x.create_order(SWAP, "market", "sell", 0.1, params={"reduceOnly": True})
        await asyncio.sleep(1)
        following.cancel()
        assert await x.un_watch_positions() is True
        return heard

    heard = simulate(main())
    assert [(one["symbol"], one["contracts"]) for one in heard] == [(SWAP, 0.1), (SWAP, 0)]
    assert (heard[0]["side"], heard[1]["side"]) == ("long", None)


def test_mark_prices_come_each_second() -> None:
    """The price that liquidates is not that of the last trade."""

    async def main() -> tuple[Any, Any, Any]:
        x = make(markets=[SWAP, "ETH/USDT:USDT"])
        first = await x.watch_mark_price(SWAP)
        second = await x.watch_mark_price(SWAP)
        return first, second, await x.watch_mark_prices()

    first, second, every = simulate(main())
    assert second["timestamp"] - first["timestamp"] == 1_000
    assert first["markPrice"] > 0 and list(every) == [SWAP, "ETH/USDT:USDT"]


def test_liquidations_of_others_are_public() -> None:
    """Of one second, the largest; without a liquidation nothing comes."""

    async def main() -> list[Any]:
        x = make()
        other = x.client("other")
        await other.create_order(SWAP, "market", "buy", 0.1)
        watching = asyncio.ensure_future(x.watch_liquidations(SWAP))
        await asyncio.sleep(5)
        assert not watching.done()
        await x.operate(LiquidatePosition("other", SWAP))
        found: list[Any] = await watching
        return found

    (found,) = simulate(main())
    assert (found["symbol"], found["side"], found["contracts"]) == (SWAP, "sell", 0.1)
