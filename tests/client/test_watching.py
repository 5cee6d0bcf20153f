"""The watch calls: each await gives the next state; pushes are trips, so faults reach them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from failing_exchange import (
    BadRequestError,
    ConnectionLostError,
    FailingExchange,
    OperationFailedError,
    SymbolNotFoundError,
    simulate,
)
from failing_exchange.core.commands import BustTrade, CrossOrder
from failing_exchange.faults.triggers import nth
from failing_exchange.virtual.errors import Deadlock
from tests.sources import modules

SYMBOL, OTHER = "BTC/USDT", "ETH/USDT"
Story = Callable[[FailingExchange], Awaitable[None]]


def run(story: Story, **options: Any) -> None:
    async def main() -> None:
        async with FailingExchange(**options) as exchange:
            await story(exchange)

    simulate(main())


def now() -> float:
    return asyncio.get_running_loop().time()


async def buy(x: FailingExchange, price: float = 30_000) -> Any:
    return await x.create_order(SYMBOL, "limit", "buy", 0.01, price)


# ---- market data


@pytest.mark.parametrize("latency", [None, "auto"])
def test_a_ticker_comes_once_a_second(latency: object) -> None:
    """The first at once, the next when a new second has begun."""

    async def story(x: FailingExchange) -> None:
        seen = [await x.watch_ticker(SYMBOL) for _ in range(5)]
        assert [ticker["timestamp"] // 1_000 % 60 for ticker in seen] == [0, 1, 2, 3, 4]
        assert {ticker["symbol"] for ticker in seen} == {SYMBOL}
        assert 4 <= now() < 5

    run(story, latency=latency)


def test_a_ticker_that_nobody_took_in_its_second_is_dropped() -> None:
    """A minute later the old price would be taken for the present one."""

    async def story(x: FailingExchange) -> None:
        x.arm("delay_answer", nth(1), operations="watch_ticker", seconds=5)
        with suppress(TimeoutError):
            await asyncio.wait_for(x.watch_ticker(SYMBOL), 1)
        await asyncio.sleep(60)
        asked_at = x.milliseconds()
        assert (await x.watch_ticker(SYMBOL))["timestamp"] >= asked_at // 1_000 * 1_000

    run(story)


def test_every_feed_of_the_market_gives_ccxts_structure() -> None:
    """The same dicts as the fetch calls."""

    async def story(x: FailingExchange) -> None:
        assert (await x.watch_order_book(SYMBOL, 5))["nonce"]
        assert len((await x.watch_order_book(SYMBOL, 5))["bids"]) == 5
        assert sorted(await x.watch_tickers([SYMBOL, OTHER])) == [SYMBOL, OTHER]
        assert sorted(await x.watch_tickers()) == [one for one in x.symbols if ":" not in one]
        assert (await x.watch_bids_asks([SYMBOL]))[SYMBOL]["bid"]
        assert len(await x.watch_ohlcv(SYMBOL, "1m", None, 3)) == 3
        assert {trade["symbol"] for trade in await x.watch_trades(SYMBOL)} == {SYMBOL}

    run(story)


def test_streams_of_one_market_do_not_mix() -> None:
    """Candles of a minute and of an hour, tickers of one list and of another."""

    async def story(x: FailingExchange) -> None:
        minute, hour = await asyncio.gather(
            x.watch_ohlcv(SYMBOL, "1m", None, 2), x.watch_ohlcv(SYMBOL, "1h", None, 2)
        )
        assert minute[1][0] - minute[0][0] == 60_000
        assert hour[1][0] - hour[0][0] == 3_600_000
        one, other = await asyncio.gather(x.watch_tickers([SYMBOL]), x.watch_tickers([OTHER]))
        assert (list(one), list(other)) == ([SYMBOL], [OTHER])

    run(story)


def test_trades_come_once() -> None:
    """Each push holds what the one before did not."""

    async def story(x: FailingExchange) -> None:
        seen: list[str] = []
        while now() < 20:
            seen += [trade["id"] for trade in await x.watch_trades(SYMBOL)]
        assert len(seen) == len(set(seen))
        assert seen == sorted(seen, key=int)

    run(story)


def test_of_several_markets_the_first_to_speak_is_heard() -> None:
    """A quiet market does not hold up a busy one."""

    async def story(x: FailingExchange) -> None:
        bob = x.client("bob")
        waiting = asyncio.ensure_future(x.watch_trades_for_symbols([OTHER, SYMBOL]))
        await asyncio.sleep(5)
        assert not waiting.done()
        await bob.create_order(SYMBOL, "limit", "sell", 0.01, 40_000)
        await x.create_order(SYMBOL, "limit", "buy", 0.01, 40_000)
        assert [trade["symbol"] for trade in await waiting] == [SYMBOL]

    run(story, background=False)


def test_several_markets_take_turns() -> None:
    """None of them starves."""

    async def story(x: FailingExchange) -> None:
        books = [await x.watch_order_book_for_symbols([SYMBOL, OTHER]) for _ in range(6)]
        assert {book["symbol"] for book in books[:2]} == {SYMBOL, OTHER}
        assert sum(book["symbol"] == OTHER for book in books) == 3
        pairs = [(SYMBOL, "1m"), (OTHER, "1h")]
        candles = [await x.watch_ohlcv_for_symbols(pairs) for _ in range(2)]
        assert sorted((s, t) for found in candles for s in found for t in found[s]) == pairs

    run(story)


def test_two_who_wait_for_the_same_hear_the_same() -> None:
    """As in ccxt; neither waits for ever, and they share no dict."""

    async def story(x: FailingExchange) -> None:
        one, other = await asyncio.gather(x.watch_ticker(SYMBOL), x.watch_ticker(SYMBOL))
        assert one == other
        assert one is not other
        assert sum(trip.is_push for trip in x.journal.trips) == 1

    run(story)


def test_a_wrong_subscription_is_refused_at_once() -> None:
    """Not by silence."""

    async def story(x: FailingExchange) -> None:
        with pytest.raises(SymbolNotFoundError):
            await x.watch_ticker("NO/SUCH")
        with pytest.raises(SymbolNotFoundError):
            await x.watch_orders("NO/SUCH")
        with pytest.raises(BadRequestError, match="timeframe"):
            await x.watch_ohlcv(SYMBOL, "7m")
        with pytest.raises(BadRequestError, match="limit"):
            await x.watch_order_book(SYMBOL, "many")  # type: ignore[arg-type]
        with pytest.raises(BadRequestError, match="at least one"):
            await x.watch_trades_for_symbols([])

    run(story)


# ---- the account


@pytest.mark.parametrize("latency", [None, "auto"])
def test_own_orders_fills_and_balances_are_pushed_when_they_happen(latency: object) -> None:
    """One entry a change; nothing is asked for."""

    async def story(x: FailingExchange) -> None:
        waiting = [
            asyncio.ensure_future(feed)
            for feed in (x.watch_orders(), x.watch_my_trades(SYMBOL), x.watch_balance())
        ]
        await asyncio.sleep(1)
        order = await x.create_order(SYMBOL, "market", "buy", 0.01)
        orders, trades, balance = await asyncio.gather(*waiting)
        assert [(o["id"], o["status"]) for o in orders] == [(order["id"], "closed")]
        assert [trade["order"] for trade in trades] == [order["id"]] * len(order["trades"])
        assert balance["BTC"]["total"] == pytest.approx(100.00999)
        assert not [trip for trip in x.journal.trips if trip.is_push and trip.message]

    run(story, latency=latency)


def test_an_undone_trade_pushes_the_balances() -> None:
    """They are as before the trade, and nobody asked for them."""

    async def story(x: FailingExchange) -> None:
        before = (await x.fetch_balance())["BTC"]
        await x.create_order(SYMBOL, "market", "buy", 0.01)
        trade = (await x.fetch_my_trades(SYMBOL))[0]
        waiting = asyncio.ensure_future(x.watch_balance())
        await asyncio.sleep(0)
        await x.operate(BustTrade(SYMBOL, int(trade["id"])))
        assert (await waiting)["BTC"] == before

    run(story, latency=None)


def test_what_arrives_between_two_calls_is_kept() -> None:
    """A slow client hears of each change, in order."""

    async def story(x: FailingExchange) -> None:
        first = await asyncio.gather(x.watch_orders(), buy(x))
        for _ in range(3):
            await buy(x)
        assert [o["id"] for o in first[0]] == ["1"]
        assert [o["id"] for o in await x.watch_orders()] == ["2", "3", "4"]

    run(story, latency=None)


def test_a_client_hears_nothing_of_others() -> None:
    """Neither their orders nor their fills."""

    async def story(x: FailingExchange) -> None:
        bob = x.client("bob")
        waiting = asyncio.ensure_future(bob.watch_orders())
        await asyncio.sleep(1)
        await buy(x)
        await asyncio.sleep(1)
        assert not waiting.done()
        await buy(bob)
        assert [o["id"] for o in await waiting] == ["2"]

    run(story)


def test_a_fill_by_the_market_wakes_who_waits_for_it() -> None:
    """Nobody asks the exchange anything: it wakes up when the market reaches the order."""

    async def story(x: FailingExchange) -> None:
        ticker = await x.fetch_ticker(SYMBOL)
        order = await buy(x, ticker["bid"])
        changed = await x.watch_orders(SYMBOL)
        while changed[-1]["status"] == "open":
            changed = await x.watch_orders(SYMBOL)
        assert (changed[-1]["id"], changed[-1]["status"]) == (order["id"], "closed")
        assert now() < 3_600
        assert changed[-1]["lastTradeTimestamp"] // 1_000 == 1_767_225_600 + int(now())

    run(story)


def test_a_fill_by_the_market_is_pushed_in_real_time_too() -> None:
    """The alarm is a timer of whatever loop runs; here the operator is the market."""

    async def story() -> None:
        x = FailingExchange()
        order = await buy(x)
        waiting = asyncio.ensure_future(x.watch_orders())
        await asyncio.sleep(0)
        gateway = x.venue.gateway
        gateway.engine.state.schedule(x.venue.clock.now() + 50_000_000, CrossOrder(1))
        await buy(x)
        assert [o["id"] for o in await waiting] == ["2"]
        filled = await asyncio.wait_for(x.watch_orders(), 10)
        assert [(o["id"], o["status"]) for o in filled] == [(order["id"], "closed")]

    asyncio.run(story())


def test_who_waits_for_what_can_never_happen_is_told_so() -> None:
    """No open order, nobody else: a deadlock, rather than silence."""

    async def story(x: FailingExchange) -> None:
        await x.watch_orders()

    with pytest.raises(Deadlock, match="but something waits"):
        run(story)


def test_an_order_placed_later_ends_the_silence() -> None:
    """Whoever waited before there was an order is woken by its fill."""

    async def story(x: FailingExchange) -> None:
        bob = x.client("bob")
        price = (await x.fetch_ticker(SYMBOL))["bid"] * 0.9999
        await buy(bob, price)
        waiting = asyncio.ensure_future(x.watch_my_trades())
        await asyncio.sleep(0.5)
        await buy(x, price)
        assert (await waiting)[0]["order"] == "2"

    run(story)


# ---- ends and faults


def test_an_ended_subscription_tells_who_waits_for_it() -> None:
    """Otherwise it would wait for ever."""

    async def story(x: FailingExchange) -> None:
        waiting = asyncio.ensure_future(x.watch_orders())
        await asyncio.sleep(1)
        assert await x.un_watch_orders() is True
        with pytest.raises(OperationFailedError, match="un_watch_orders"):
            await waiting
        await buy(x)
        assert not [trip for trip in x.journal.trips if trip.is_push]
        assert await x.un_watch_tickers() is await x.un_watch_ohlcv(SYMBOL) is True

    run(story)


def test_every_subscription_can_be_ended() -> None:
    """By the name of the call that began it, with its arguments."""

    async def story(x: FailingExchange) -> None:
        for name, arguments in {
            "ticker": (SYMBOL,), "tickers": ([SYMBOL],), "bids_asks": (), "trades": (SYMBOL,),
            "order_book": (SYMBOL,), "ohlcv": (SYMBOL, "1h"), "orders": (), "my_trades": (SYMBOL,),
            "balance": (), "order_book_for_symbols": ([SYMBOL, OTHER],),
            "trades_for_symbols": ([SYMBOL],), "ohlcv_for_symbols": ([[SYMBOL, "1m"]],),
        }.items():  # fmt: skip
            waiting = asyncio.ensure_future(getattr(x, f"watch_{name}")(*arguments))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert await getattr(x, f"un_watch_{name}")(*arguments) is True
            with pytest.raises(OperationFailedError):
                await waiting

    run(story, latency=1e9)


def test_a_lost_push_is_followed_by_the_next() -> None:
    """Market data goes on a second later; a lost change of an order is lost."""

    async def story(x: FailingExchange) -> None:
        x.arm("lose_push", nth(1), operations="watch_ticker")
        assert (await x.watch_ticker(SYMBOL))["timestamp"] // 1_000 % 60 == 1
        x.arm("lose_push", nth(1), operations="watch_orders")
        waiting = asyncio.ensure_future(x.watch_orders())
        await asyncio.sleep(0)
        await buy(x)
        await buy(x)
        assert [o["id"] for o in await waiting] == ["2"]

    for latency in (None, "auto"):
        run(story, latency=latency)


def test_a_broken_feed_is_heard_once_and_then_subscribed_anew() -> None:
    """What happened in between is not pushed: the client has to ask."""

    async def story(x: FailingExchange) -> None:
        x.arm("break_feed", nth(2))
        assert (await asyncio.gather(x.watch_orders(), buy(x)))[0]
        with pytest.raises(ConnectionLostError, match="subscribe anew"):
            await asyncio.gather(x.watch_orders(), buy(x))
        await buy(x)
        assert [o["id"] for o in (await asyncio.gather(x.watch_orders(), buy(x)))[0]] == ["4"]
        assert len(await x.fetch_open_orders()) == 4

    run(story)


def test_a_push_is_struck_and_counted_like_a_reply() -> None:
    """It is in the journal with both columns."""

    async def story(x: FailingExchange) -> None:
        x.arm("null_ticker", operations="watch_ticker")
        assert (await x.watch_ticker(SYMBOL))["last"] is None
        trip = x.journal.trips[-1]
        assert trip.is_push
        assert "null_ticker" in x.explain(trip.number)
        assert x.get_failure_statistics()["by_type"] == {"null_ticker": 1}

    run(story)


def test_a_watcher_may_be_canceled_at_any_time() -> None:
    """Its stream goes on for the others, and for its next call."""

    async def story(x: FailingExchange) -> None:
        for seconds in (0.0001, 0.3, 0.9999):
            for feed in (x.watch_ticker, x.watch_orders):
                with suppress(TimeoutError):
                    await asyncio.wait_for(feed(SYMBOL), 1e-5)
                await asyncio.sleep(seconds)
        assert await x.watch_ticker(SYMBOL)

    run(story)
    asyncio.run(asyncio.wait_for(FailingExchange().watch_ticker(SYMBOL), 10))


def test_every_push_is_sent_by_one_engine() -> None:
    """A second one would have its own idea of faults, broken connections and bugs."""
    senders = [name for name, path in modules().items() if "gateway.push(" in path.read_text()]
    assert senders == ["feeds.pushes"]


def test_too_many_streams_are_a_limit_and_no_lost_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A bot that connects anew on each lost connection would try for ever."""
    monkeypatch.setattr("failing_exchange.client.subscriptions.STREAMS_MAX", 1)

    async def story() -> None:
        x = FailingExchange()
        await x.watch_ticker("BTC/USDT")
        with pytest.raises(BadRequestError, match="no more: end some with un_watch_"):
            await x.watch_ticker("ETH/USDT")

    simulate(story())
