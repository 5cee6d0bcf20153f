"""ccxt on real sockets: asynchronous, synchronous and pro."""

from __future__ import annotations

import asyncio
from textwrap import dedent
from typing import Any

import pytest

from failing_exchange import redirect, simulate
from tests.clients.venue import KEYS, SPOT, Served
from tests.server.test_serve import served

ccxt = pytest.importorskip("ccxt")
asynchronous = pytest.importorskip("ccxt.async_support")
pro = pytest.importorskip("ccxt.pro")


def test_the_life_of_an_order_synchronously(venue: Served) -> None:
    """Placed, found, canceled, and gone: with the defaults of ccxt."""
    exchange = redirect(ccxt.binance(KEYS), venue.url)
    order = exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000)
    assert exchange.fetch_order(order["id"], "BTC/USDT")["status"] == "open"
    assert [one["id"] for one in exchange.fetch_open_orders("BTC/USDT")] == [order["id"]]
    assert exchange.cancel_order(order["id"], "BTC/USDT")["status"] == "canceled"
    with pytest.raises(ccxt.OrderNotFound):
        exchange.cancel_order(order["id"], "BTC/USDT")


def test_the_life_of_an_order_asynchronously(venue: Served) -> None:
    """A purchase shows in the balance, among the trades and in the order's own fills."""

    async def story(exchange: Any) -> None:
        before = await exchange.fetch_balance()
        order = await exchange.create_order("BTC/USDT", "market", "buy", 0.1)
        assert (order["status"], order["filled"]) == ("closed", 0.1)
        trades = await exchange.fetch_my_trades("BTC/USDT")
        assert sum(trade["amount"] for trade in trades) == pytest.approx(0.1)
        after = await exchange.fetch_balance()
        assert after["USDT"]["total"] == pytest.approx(before["USDT"]["total"] - order["cost"])
        with pytest.raises(asynchronous.InsufficientFunds):
            await exchange.create_order("BTC/USDT", "limit", "sell", 150, 55_000)

    asyncio.run(told(asynchronous.binance(KEYS), venue, story))


def test_the_life_of_an_order_as_it_happens(venue: Served) -> None:
    """Over the WebSocket: an order, its fill and the balance, beside the market's streams."""

    async def story(exchange: Any) -> None:
        book = await exchange.watch_order_book("BTC/USDT")
        assert book["bids"][0][0] < book["asks"][0][0]
        watches = exchange.watch_orders("BTC/USDT"), exchange.watch_balance()
        tasks = [asyncio.ensure_future(watch) for watch in watches]
        await asyncio.sleep(1)  # until ccxt has subscribed
        order = await exchange.create_order_ws("BTC/USDT", "market", "buy", 0.1)
        async with asyncio.timeout(30):
            orders, balance = await asyncio.gather(*tasks)
        assert orders[-1]["id"] == order["id"]
        mine = await exchange.fetch_balance()
        assert balance["BTC"]["total"] == mine["BTC"]["total"]

    asyncio.run(told(pro.binance({**KEYS, **SPOT}), venue, story))


def test_a_lost_answer_is_looked_up_by_the_clients_own_id(venue: Served) -> None:
    """ccxt raises its network error, and the order that it does not know of is live."""

    async def story(exchange: Any) -> None:
        await exchange.load_markets()
        venue.control.arm("break_connection", operations="create_order", executed="before")
        mine = {"newClientOrderId": "looked-up"}
        with pytest.raises(asynchronous.NetworkError):
            await exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000, mine)
        found = await exchange.fetch_order(None, "BTC/USDT", {"origClientOrderId": "looked-up"})
        assert found["status"] == "open"

    asyncio.run(told(asynchronous.binance({**KEYS, **SPOT}), venue, story))


def test_the_life_of_an_order_in_a_simulation() -> None:
    """ccxt.pro with production URLs: its streams and its order by socket, in no time."""

    async def main() -> None:
        exchange = pro.binance({**KEYS, **SPOT})
        orders = asyncio.ensure_future(exchange.watch_orders("BTC/USDT"))
        book = await exchange.watch_order_book("BTC/USDT")
        assert book["bids"][0][0] < book["asks"][0][0]
        order = await exchange.create_order_ws("BTC/USDT", "market", "buy", 0.1)
        assert (await orders)[-1]["id"] == order["id"]
        await asyncio.sleep(60)
        book = await exchange.watch_order_book("BTC/USDT")
        assert exchange.milliseconds() - book["timestamp"] < 2_000
        await exchange.close()

    simulate(main(), venue="binance")


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")  # urllib3 says so, rightly
@pytest.mark.parametrize("options", [(), ("--tls",)])
@pytest.mark.parametrize("flavour", ["ccxt.async_support", "ccxt.pro", "ccxt"])
def test_the_printed_snippet_works_as_printed(options: tuple[str, ...], flavour: str) -> None:
    """It is the first thing a new user runs; the other flavours need another import only."""

    async def main() -> None:
        async with served("--port", "0", *options, last="    redirect(") as venue:
            snippet = dedent("\n".join(venue.lines[1:]))
            names: dict[str, Any] = {}
            exec(snippet.replace("ccxt.async_support", flavour), names)
            exchange = names["exchange"]
            if flavour == "ccxt":
                assert (await asyncio.to_thread(exchange.fetch_balance))["USDT"]["free"] > 0
                return
            try:
                assert (await exchange.fetch_balance())["USDT"]["free"] > 0
                if flavour == "ccxt.pro":
                    assert (await exchange.watch_ticker("BTC/USDT"))["last"] > 0
            finally:
                await exchange.close()

    asyncio.run(main())


def test_a_venue_is_verified_unless_its_user_says_otherwise() -> None:
    """ccxt's own settings say whom it trusts, and they hold behind `redirect`."""

    async def main() -> None:
        async with served("--port", "0", "--tls") as venue:
            exchange = redirect(asynchronous.binance(KEYS), venue.url_of("failing-exchange"))
            try:
                with pytest.raises(asynchronous.ExchangeNotAvailable) as caught:
                    await exchange.fetch_time()
                assert "CERTIFICATE_VERIFY_FAILED" in repr(caught.value.__cause__)
            finally:
                await exchange.close()

    asyncio.run(main())


async def told(exchange: Any, venue: Served, story: Any, *, product: str = "binance") -> None:
    """Run a story with a redirected exchange, and close it."""
    redirect(exchange, venue.url, venue=product)
    try:
        await story(exchange)
    finally:
        await exchange.close()
