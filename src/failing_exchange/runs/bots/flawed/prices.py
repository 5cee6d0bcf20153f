"""Bots that price their orders from what they should not believe."""

from __future__ import annotations

import asyncio
from typing import Any

from failing_exchange.errors import OrderWouldMatchError
from failing_exchange.runs.bots.careful import crossing
from failing_exchange.runs.bots.flawed.base import SURVIVES, Minute, Streamer, flawed
from failing_exchange.runs.bots.notebook import SYMBOL

TICK = 0.01  # USDT, the market's price step


@flawed(Minute, "falls-back-on-old-price")
class FallsBackOnOldPrice(Minute):
    """`maintenance_nan`, `ticker_null`: where a price is missing, it takes the last one it had."""

    bid = ask = 0.0

    async def price(self, side: str) -> float:
        ticker = await self.client.fetch_ticker(SYMBOL)
        self.bid, self.ask = ticker["bid"] or self.bid, ticker["ask"] or self.ask
        return crossing(side, self.bid, self.ask)


@flawed(Minute, "sells-at-zero")
class SellsAtZero(Minute):
    """`price_zero`: takes a price of zero for a crash, and sells at any price."""

    async def price(self, side: str) -> float:
        ticker = await self.client.fetch_ticker(SYMBOL)
        return max(TICK, crossing(side, ticker["bid"] or 0.0, ticker["ask"] or 0.0))


@flawed(Minute, "values-absent-at-last-price")
class ValuesAbsentAtLastPrice(Minute):
    """`ticker_list_incomplete`: a symbol that the list lacks keeps its first price for ever."""

    known: dict[str, Any]

    async def begin(self) -> None:
        while True:
            try:
                self.known = {SYMBOL: await self.client.fetch_ticker(SYMBOL)}
                return
            except SURVIVES:
                await asyncio.sleep(5)

    async def price(self, side: str) -> float:
        self.known |= await self.client.fetch_tickers()
        return crossing(side, self.known[SYMBOL]["bid"], self.known[SYMBOL]["ask"])


@flawed(Minute, "takes-last-candle-for-now")
class TakesLastCandleForNow(Minute):
    """`candle_unclosed_or_late`: the last candle's close is its price, however old."""

    async def price(self, side: str) -> float:
        rows = await self.client.fetch_ohlcv(SYMBOL, "1m", limit=5)
        return crossing(side, rows[-1][4], rows[-1][4])


@flawed(Minute, "reads-book-without-its-time")
class ReadsBookWithoutItsTime(Minute):
    """`snapshot_older_than_stream`: does not look at how old a book is."""

    async def price(self, side: str) -> float:
        book = await self.client.fetch_order_book(SYMBOL)
        return crossing(side, book["bids"][0][0], book["asks"][0][0])


@flawed(Minute, "quotes-the-stale-book")
class QuotesTheStaleBook(Minute):
    """`post_only_crosses`: quotes again from the book of before its refusal."""

    kept: tuple[float, float] | None = None

    async def price(self, side: str) -> float:
        if self.kept is None:
            book = await self.client.fetch_order_book(SYMBOL)
            self.kept = book["bids"][0][0], book["asks"][0][0]
        return crossing(side, *self.kept)

    async def trade(self, intent: Any, side: str, amount: float, price: float) -> None:
        try:
            await super().trade(intent, side, amount, price)
        except OrderWouldMatchError:
            return
        self.kept = None


@flawed(Streamer, "believes-silent-stream")
class BelievesSilentStream(Streamer):
    """`silent_stall` and others: the stream's last price stands, however long ago.

    `ack_without_data`, `subscription_format_changed`, `reconnects_but_dead`.
    """

    async def price(self, side: str) -> float:
        if self.latest is None:
            self.latest = await self.client.fetch_ticker(SYMBOL)
        return crossing(side, self.latest["bid"], self.latest["ask"])


@flawed(Streamer, "believes-any-book")
class BelievesAnyBook(Streamer):
    """`ghost_levels_after_reconnect`, `depth_gap`: the first level is the best, crossed or not."""

    feed = "watch_order_book"

    async def price(self, side: str) -> float:
        if self.latest is None:
            self.latest = await self.client.fetch_order_book(SYMBOL)
        return crossing(side, self.latest["bids"][0][0], self.latest["asks"][0][0])


@flawed(Streamer, "lives-on-one-trade-stream")
class LivesOnOneTradeStream(Streamer):
    """`trades_gap_on_reconnect`: prices by the trades of a stream that it does not renew."""

    feed = "watch_trades"

    async def price(self, side: str) -> float:
        if self.latest is None:
            self.latest = await self.client.fetch_trades(SYMBOL, limit=1)
        return crossing(side, self.latest[-1]["price"], self.latest[-1]["price"])

    async def lost(self, error: Exception, failures: int) -> None:
        await asyncio.Event().wait()
