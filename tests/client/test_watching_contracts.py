"""The feeds of contracts in process: positions, mark prices, liquidations."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.core.commands import LiquidatePosition, MovePrice, PayFunding

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


def test_the_futures_wallet_is_told_when_it_changes() -> None:
    """Of the other wallet nothing is told: a trade of contracts leaves it as it was."""

    async def main() -> None:
        x = make(markets=[SWAP, "BTC/USDT"], balances={"USDT": 1_000})
        spot = asyncio.ensure_future(x.watch_balance())
        futures = asyncio.ensure_future(x.watch_balance({"type": "swap"}))
        await asyncio.sleep(0)
        await x.create_order(SWAP, "market", "buy", 0.01)
        told = (await futures)["USDT"]
        assert told == (await x.fetch_balance({"type": "swap"}))["USDT"] and told["used"] > 0
        assert not spot.done()
        await x.transfer("USDT", 10, "spot", "swap")
        assert (await spot)["USDT"]["free"] == 990

    simulate(main())


def test_a_long_position_through_its_life() -> None:
    """Opened, funded, stopped; opened again without a stop, and liquidated: each step is told."""

    async def main() -> None:
        x = make(balances={"USDT": 200})
        await x.set_margin_mode("isolated", SWAP)
        await x.set_leverage(50, SWAP)
        bought = await x.create_order(SWAP, "market", "buy", 0.01)
        stop = {"stopLossPrice": round(bought["average"] * 0.995, 1), "closePosition": True}
        await x.create_order(SWAP, "market", "sell", None, None, stop)
        await x.operate(PayFunding(SWAP, 100_000))  # 0.1 %
        [paid] = await x.fetch_funding_history(SWAP)
        assert paid["amount"] == pytest.approx(-bought["cost"] / 1_000, rel=1e-3)

        orders = asyncio.ensure_future(x.watch_orders())
        await asyncio.sleep(0)
        await x.operate(MovePrice(SWAP, ppm=-7_000))
        told = await orders
        assert [one["info"].get("algoStatus") for one in told] == [None, "finished"]
        assert [one["filled"] for one in told] == [0.01, 0.01]
        await asyncio.sleep(2)
        assert await x.fetch_positions() == []

        await x.create_order(SWAP, "market", "buy", 0.01)
        position = await x.fetch_position(SWAP)
        liquidated = asyncio.ensure_future(x.watch_my_liquidations())
        await asyncio.sleep(0)
        await x.operate(MovePrice(SWAP, ppm=-30_000))
        [seen] = await liquidated
        [kept] = await x.fetch_my_liquidations()
        assert (seen["side"], seen["contracts"]) == ("sell", kept["contracts"]) == ("sell", 0.01)
        assert (await x.fetch_position(SWAP))["contracts"] == 0
        wallet = (await x.fetch_balance())["USDT"]["total"]
        assert 0 < wallet < 200 - position["positionMargin"] * 0.9

    simulate(main())
