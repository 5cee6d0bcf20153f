"""ccxt's binanceusdm on real sockets: synchronous, asynchronous and pro."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from failing_exchange import redirect, simulate
from failing_exchange.core.commands import ChangeApi
from failing_exchange.venues.base import like_production
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


def test_the_day_on_which_the_stream_urls_split() -> None:
    """The old path stays open and silent, where REST answers and a new release hears."""
    # with a slash at its end ccxt takes the URL as it is: that of its releases before the day
    before = {"urls": {"api": {"ws": {"linear": "wss://fstream.binance.com/ws/"}}}}

    async def main() -> None:
        venue = like_production("binance-usdm", as_of="2026-04-01")
        await venue.listen_in_simulation()
        old, new = pro.binanceusdm({**KEYS, **before}), pro.binanceusdm(KEYS)
        try:
            assert (await old.watch_mark_price(BTC))["markPrice"] > 0
            await venue.exchange.operate(ChangeApi("unrouted_streams"))
            await asyncio.sleep(5)  # for what is on its way
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(60):
                    await old.watch_mark_price(BTC)
            assert (await old.fetch_mark_price(BTC))["markPrice"] > 0
            assert (await new.watch_mark_price(BTC))["markPrice"] > 0
        finally:
            await old.close()
            await new.close()
            await venue.close()

    simulate(main(), seed=1)


def test_the_day_on_which_conditional_orders_moved() -> None:
    """What a release of before sends is refused after that day; its stop of before still rests."""

    async def main() -> None:
        venue = like_production("binance-usdm", as_of="2025-12-01")
        await venue.listen_in_simulation()
        exchange = asynchronous.binanceusdm(KEYS)
        try:
            await exchange.create_order(BTC, "market", "buy", 0.02)
            old = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "quantity": "0.02",
                   "stopPrice": "48500"}  # fmt: skip
            await exchange.fapiPrivatePostOrder(old)
            await venue.exchange.operate(ChangeApi("algo_orders"))
            with pytest.raises(ccxt.BaseError, match="-4120"):
                await exchange.fapiPrivatePostOrder(old)
            new = {"stopLossPrice": 48_000}
            await exchange.create_order(BTC, "market", "sell", 0.02, None, new)
            resting = await exchange.fetch_open_orders(BTC, params=WAITING)
            assert [order["triggerPrice"] for order in resting] == [48_500, 48_000]
        finally:
            await exchange.close()
            await venue.close()

    simulate(main(), seed=1)


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


def test_one_client_of_binance_trades_both_products() -> None:
    """`ccxt.binance` with `defaultType: swap`, as many bots have it, against one served venue."""
    with serving("--balance", "USDT=1000", venue="binance") as venue:
        options = {**KEYS, "options": {"defaultType": "swap"}}
        exchange = redirect(ccxt.binance(options), venue.url)
        exchange.transfer("USDT", 400, "spot", "swap")
        exchange.create_order(BTC, "market", "buy", 0.01)
        (position,) = exchange.fetch_positions([BTC])
        assert (position["side"], position["contracts"]) == ("long", 0.01)
        exchange.create_order(BTC, "market", "sell", 0.01, None, {"reduceOnly": True})
        assert exchange.fetch_positions([BTC]) == []
        # with that default ccxt takes BTC/USDT for the contract, too
        exchange.options["defaultType"] = "spot"
        exchange.create_order("BTC/USDT", "market", "buy", 0.005)
        assert exchange.fetch_balance()["BTC"]["total"] == pytest.approx(0.005 * 0.999)
        assert not exchange.fetch_balance({"type": "swap"}).get("BTC", {}).get("total")
