"""ccxt's binanceusdm on real sockets: synchronous, asynchronous and pro."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from failing_exchange import redirect
from tests.clients.test_ccxt import told
from tests.clients.venue import KEYS, Served, serving

ccxt = pytest.importorskip("ccxt")
asynchronous = pytest.importorskip("ccxt.async_support")
pro = pytest.importorskip("ccxt.pro")

BTC = "BTC/USDT:USDT"
MONEY = 1_000.0
WAITING = {"trigger": True}  # ccxt's word for conditional orders


@pytest.fixture
def venue() -> Iterator[Served]:
    """A new venue of perpetuals, where the account owns 1,000 USDT."""
    with serving("--balance", f"USDT={MONEY:.0f}", venue="binance-usdm") as served:
        yield served


def test_a_position_from_its_modes_to_its_end_synchronously(venue: Served) -> None:
    """Modes first, then a position, its stop, more margin, and out: with the defaults of ccxt."""
    exchange = redirect(ccxt.binanceusdm(KEYS), venue.url, venue="binance-usdm")
    exchange.set_margin_mode("isolated", BTC)
    exchange.set_leverage(10, BTC)
    exchange.create_order(BTC, "market", "buy", 0.02)
    stop = exchange.create_order(BTC, "market", "sell", 0.02, None, {"stopLossPrice": 40_000})
    exchange.add_margin(BTC, 20)
    (position,) = exchange.fetch_positions([BTC])
    assert (position["side"], position["contracts"]) == ("long", 0.02)
    assert position["marginMode"] == "isolated"
    margin = float(position["info"]["isolatedWallet"])
    assert margin == pytest.approx(position["entryPrice"] * 0.02 / 10 + 20, rel=0.01)
    assert exchange.fetch_leverage(BTC)["longLeverage"] == 10
    (waiting,) = exchange.fetch_open_orders(BTC, params=WAITING)
    assert (waiting["id"], waiting["triggerPrice"]) == (stop["id"], 40_000)
    assert exchange.fetch_open_orders(BTC) == []
    exchange.cancel_all_orders(BTC, params=WAITING)
    exchange.create_order(BTC, "market", "sell", 0.02, None, {"reduceOnly": True})
    assert exchange.fetch_positions([BTC]) == []
    fees = sum(trade["fee"]["cost"] for trade in exchange.fetch_my_trades(BTC))
    realised = sum(float(t["info"]["realizedPnl"]) for t in exchange.fetch_my_trades(BTC))
    assert exchange.fetch_balance()["USDT"]["total"] == pytest.approx(MONEY + realised - fees)


def test_a_stop_fires_and_a_liquidation_is_told_asynchronously(venue: Served) -> None:
    """Two ways in which a position ends that its owner did not end: an order, and the venue."""

    async def story(exchange: Any) -> None:
        await exchange.create_order(BTC, "market", "buy", 0.02)
        stop = await exchange.create_order(
            BTC, "market", "sell", 0.02, None, {"stopLossPrice": 48_500, "reduceOnly": True}
        )
        await moved(venue, "move_price", percent=-4)
        await until_flat(exchange)
        fired = await exchange.fetch_order(stop["id"], BTC, WAITING)
        assert fired["status"] == "closed"
        placed = await exchange.fetch_order(fired["info"]["actualOrderId"], BTC)
        assert (placed["status"], placed["filled"]) == ("closed", 0.02)
        await exchange.create_order(BTC, "market", "sell", 0.2)  # 9,600 USDT: ten times the money
        await moved(venue, "move_mark", percent=12)
        await until_flat(exchange)
        (forced, *_) = await exchange.fetch_my_liquidations(BTC)
        assert forced["side"] == "buy"
        assert forced["info"]["clientOrderId"].startswith("autoclose-")

    asyncio.run(told_usdm(asynchronous.binanceusdm(KEYS), venue, story))


def test_a_lost_answer_leaves_a_position_that_can_be_found(venue: Served) -> None:
    """ccxt raises its network error; position and own id say that the order was filled."""

    async def story(exchange: Any) -> None:
        await exchange.load_markets()
        await asyncio.to_thread(
            venue.control.arm, "lose_answer", "nth(1)", operations=["create_order"]
        )
        with pytest.raises(asynchronous.NetworkError):
            await exchange.create_order(BTC, "market", "buy", 0.02, None, {"clientOrderId": "mine"})
        (position,) = await exchange.fetch_positions()
        assert (position["side"], position["contracts"]) == ("long", 0.02)
        found = await exchange.fetch_order("", BTC, {"clientOrderId": "mine"})
        assert (found["status"], found["filled"]) == ("closed", 0.02)

    asyncio.run(told_usdm(asynchronous.binanceusdm({**KEYS, "timeout": 2_000}), venue, story))


def test_a_position_as_it_happens(venue: Served) -> None:
    """Orders, positions and balance of one order by socket, beside book and mark price."""

    async def story(exchange: Any) -> None:
        book = await exchange.watch_order_book(BTC)
        assert book["bids"][0][0] < book["asks"][0][0]
        assert (await exchange.watch_mark_price(BTC))["markPrice"] > 0
        watches = (exchange.watch_orders(BTC), exchange.watch_positions(), exchange.watch_balance())
        tasks = [asyncio.ensure_future(watch) for watch in watches]
        await asyncio.sleep(2)  # until ccxt has subscribed
        order = await exchange.create_order_ws(BTC, "market", "buy", 0.02)
        async with asyncio.timeout(30):
            orders, positions, balance = await asyncio.gather(*tasks)
        assert orders[-1]["id"] == order["id"]
        assert (positions[-1]["side"], positions[-1]["contracts"]) == ("long", 0.02)
        assert balance["USDT"]["total"] < MONEY  # the fee

    asyncio.run(told_usdm(pro.binanceusdm(KEYS), venue, story))


async def until_flat(exchange: Any) -> None:
    """Wait until there is no position any more."""
    async with asyncio.timeout(20):
        while await exchange.fetch_positions():
            await asyncio.sleep(0.2)


async def moved(venue: Served, do: str, **fields: Any) -> None:
    """Have the operator move a price."""
    await asyncio.to_thread(venue.control.incident, do, symbol=BTC, **fields)


async def told_usdm(exchange: Any, venue: Served, story: Any) -> None:
    """Run a story with a redirected exchange, and close it."""
    await told(exchange, venue, story, product="binance-usdm")
