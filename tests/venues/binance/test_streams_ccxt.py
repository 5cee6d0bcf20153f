"""ccxt.pro, unmodified, on the market streams."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.faults.triggers import nth
from failing_exchange.venues.binance.venue import Binance

ccxtpro = pytest.importorskip("ccxt.pro")
BTC, ETH = "BTC/USDT", "ETH/USDT"


async def for_ever(watch: Callable[[str], Awaitable[Any]]) -> None:
    """Watch until something breaks."""
    while True:
        await watch(BTC)


def with_ccxt(story: Callable[[Any, Binance], Awaitable[None]], **options: Any) -> None:
    """Run a story with a ccxt.pro exchange against a venue, in virtual time."""

    async def main() -> None:
        venue = Binance(FailingExchange(**{"latency": None} | options))
        await venue.listen_in_simulation()
        client = ccxtpro.binance({"options": {"fetchMarkets": {"types": ["spot"]}}})
        try:
            await story(client, venue)
        finally:
            await client.close()
            await venue.close()

    simulate(main())


def test_tickers_trades_and_candles_are_watched() -> None:
    """What ccxt makes of the streams is what the venue shows in process."""

    async def story(client: Any, venue: Binance) -> None:
        ticker = await client.watch_ticker(BTC, {"name": "ticker"})
        truth = await venue.exchange.fetch_ticker(BTC)
        for name in ("last", "bid", "ask", "high", "low", "open", "bidVolume", "baseVolume"):
            assert ticker[name] == truth[name], name
        trades = await client.watch_trades(BTC)
        shown = {t["id"]: t for t in await venue.exchange.fetch_trades(BTC, limit=20)}
        for trade in trades:
            for name in ("price", "amount", "side", "timestamp"):
                assert trade[name] == shown[trade["id"]][name]
        candle = (await client.watch_ohlcv(BTC, "1m"))[-1]
        assert candle == (await venue.exchange.fetch_ohlcv(BTC, "1m", limit=1))[-1]
        both = [await client.watch_tickers([BTC, ETH]) for _ in range(2)]
        assert {symbol for one in both for symbol in one} == {BTC, ETH}
        best = await client.watch_bids_asks([ETH])
        assert best[ETH]["bid"] < best[ETH]["ask"]

    with_ccxt(story)


@pytest.mark.parametrize("latency", [None, "auto"])
@pytest.mark.parametrize("limit", [pytest.param(None, marks=pytest.mark.slow), 100])
def test_the_order_book_of_ccxt_stays_the_venues(latency: object, limit: int | None) -> None:
    """ccxt checks U and u of each event itself, and gives up where they do not join."""

    async def story(client: Any, venue: Binance) -> None:
        compared = 0
        for n in range(60):
            book = await client.watch_order_book(BTC, limit)
            truth = await venue.exchange.fetch_order_book(BTC, 10)
            if latency is None and truth["nonce"] == book["nonce"] + 1:  # of the same instant
                assert book["bids"][:10] == truth["bids"]
                assert book["asks"][:10] == truth["asks"]
                compared += 1
            if n % 4 == 0:
                price = round(truth["asks"][0][0] - 0.01, 2)
                await venue.exchange.create_order(BTC, "limit", "buy", 0.02, price)
        assert latency is not None or compared > 20

    with_ccxt(story, latency=latency)


def test_a_lost_update_is_noticed_and_mended() -> None:
    """ccxt raises a checksum error and begins anew; the venue lets it."""

    async def story(client: Any, venue: Binance) -> None:
        await client.watch_order_book(BTC)
        venue.exchange.arm("lose_push", operations="watch_order_book", when=nth(2))
        with pytest.raises(ccxtpro.ChecksumError):
            await for_ever(client.watch_order_book)
        venue.exchange.disarm("lose_push")
        book = await client.watch_order_book(BTC)
        assert book["nonce"]

    with_ccxt(story)


def test_a_silent_feed_is_silent_and_its_connection_lives() -> None:
    """The worst of all: everything looks healthy, and prices are old."""

    async def story(client: Any, venue: Binance) -> None:
        await client.watch_trades(BTC)
        venue.exchange.arm("silence_feed", operations="watch_trades")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(for_ever(client.watch_trades), 120)
        assert len(venue.sockets.connections) == 1
        venue.exchange.disarm("silence_feed")
        assert await client.watch_trades(BTC)

    with_ccxt(story)


def test_ccxt_reconnects_after_a_reset() -> None:
    """A broken connection raises NetworkError; the next call connects again."""

    async def story(client: Any, venue: Binance) -> None:
        await client.watch_trades(BTC)
        for connection in venue.sockets.connections:
            connection.abort()
        with pytest.raises(ccxtpro.NetworkError):
            await for_ever(client.watch_trades)
        assert await client.watch_trades(BTC)
        assert [c.name for c in venue.sockets.connections] == ["ws-2"]

    with_ccxt(story)
