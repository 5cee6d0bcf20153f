"""ccxt.pro's watch calls: each await gives the next state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from failing_exchange.core import commands as c
from failing_exchange.core.queries import Fills, Orders, Trades
from failing_exchange.errors import BadRequestError
from failing_exchange.fronts.local import LocalClient
from failing_exchange.fronts.streams import Look, Streams
from failing_exchange.fronts.unified_api import NONE, Params
from failing_exchange.trip import Edited
from failing_exchange.venue import Venue

EDGE = "watch_for_symbols needs at least one symbol"


class WatchApi:
    """The calls of ccxt.pro. Market data comes once a second, account data when it happens."""

    _venue: Venue
    _client: LocalClient
    _streams: Streams

    async def watch_ticker(self, symbol: str, params: Params = NONE) -> Any:
        """The next ticker."""
        return await self._latest("watch_ticker", "fetch_ticker", c.FetchTicker(self._me, symbol))

    async def watch_tickers(
        self, symbols: Sequence[str] | None = None, params: Params = NONE
    ) -> Any:
        """The next tickers, by symbol."""
        query = c.FetchTickers(self._me, tuple(symbols or ()))
        return await self._latest("watch_tickers", "fetch_tickers", query)

    async def watch_bids_asks(
        self, symbols: Sequence[str] | None = None, params: Params = NONE
    ) -> Any:
        """The next best prices, by symbol."""
        query = c.FetchTickers(self._me, tuple(symbols or ()))
        return await self._latest("watch_bids_asks", "fetch_bids_asks", query)

    async def watch_order_book(
        self, symbol: str, limit: int | None = None, params: Params = NONE
    ) -> Any:
        """The next order book."""
        query = c.FetchBook(self._me, symbol, limit or 100)
        return await self._latest("watch_order_book", "fetch_order_book", query)

    async def watch_ohlcv(
        self,
        symbol: str,
        timeframe: str = "1m",
        since: int | None = None,
        limit: int | None = None,
        params: Params = NONE,
    ) -> Any:
        """The next state of the candles; the last one is still forming."""
        seconds = self._seconds(timeframe)
        query = c.FetchCandles(self._me, symbol, seconds, (since or 0) * 1_000_000, limit or 1)
        return await self._latest("watch_ohlcv", "fetch_ohlcv", query)

    async def watch_trades(
        self,
        symbol: str,
        since: int | None = None,
        limit: int | None = None,
        params: Params = NONE,
    ) -> Any:
        """The public trades since the last call."""
        await self._check(symbol)
        seen = self._seen

        def look(at: int) -> Trades | None:
            query = c.FetchTrades(self._me, symbol, 0, limit or 100)
            found: Trades = self._look(query, at)
            new = tuple(t for t in found.trades if t.id > seen.get(symbol, 0))
            if not new:
                return None
            seen[symbol] = new[-1].id
            return Trades(found.market, new)

        pushes = await self._streams.next("watch_trades", symbol, look)
        trades = [self._venue.encode("fetch_trades", told) for told in pushes]
        return [trade for part in trades for trade in part or ()]

    async def watch_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Params = NONE,
    ) -> Any:
        """The orders that have changed since the last call, one entry a change."""
        pushes = await self._account("watch_orders", symbol)
        return [o for told in pushes for o in self._encode_pushed("fetch_orders", Orders, told)]

    async def watch_my_trades(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Params = NONE,
    ) -> Any:
        """The account's own fills since the last call."""
        pushes = await self._account("watch_my_trades", symbol)
        return [f for told in pushes for f in self._encode_pushed("fetch_my_trades", Fills, told)]

    async def watch_balance(self, params: Params = NONE) -> Any:
        """The balances after their next change."""
        pushes = await self._streams.next("watch_balance", "", None)
        return self._venue.encode("fetch_balance", pushes[-1])

    async def watch_order_book_for_symbols(
        self, symbols: Sequence[str], limit: int | None = None, params: Params = NONE
    ) -> Any:
        """The next order book of one of several markets, in turn."""
        return await self.watch_order_book(self._turn("book", symbols), limit, params)

    async def watch_trades_for_symbols(
        self,
        symbols: Sequence[str],
        since: int | None = None,
        limit: int | None = None,
        params: Params = NONE,
    ) -> Any:
        """The next public trades of one of several markets, in turn."""
        return await self.watch_trades(self._turn("trades", symbols), since, limit, params)

    async def un_watch_ticker(self, symbol: str, params: Params = NONE) -> bool:
        """End a subscription to tickers."""
        self._streams.forget("watch_ticker", symbol)
        return True

    async def un_watch_order_book(self, symbol: str, params: Params = NONE) -> bool:
        """End a subscription to order books."""
        self._streams.forget("watch_order_book", symbol)
        return True

    async def un_watch_trades(self, symbol: str, params: Params = NONE) -> bool:
        """End a subscription to trades."""
        self._streams.forget("watch_trades", symbol)
        return True

    # ---- in common

    @property
    def _me(self) -> str:
        return self._client.account

    @property
    def _seen(self) -> dict[str, int]:
        found: dict[str, int] = self.__dict__.setdefault("_trades_seen", {})
        return found

    def _turn(self, kind: str, symbols: Sequence[str]) -> str:
        if not symbols:
            raise BadRequestError(EDGE)
        turns: dict[str, int] = self.__dict__.setdefault("_turns", {})
        turns[kind] = turns.get(kind, -1) + 1
        return symbols[turns[kind] % len(symbols)]

    async def _check(self, symbol: str | None) -> None:
        """Start the venue; raise for a symbol that is not traded."""
        await self._client.ready()
        if symbol and symbol not in self._venue.running.engine.state.markets:
            await self._client.call("fetch_ticker", symbol, ())

    async def _latest(self, operation: str, encode_as: str, query: Any) -> Any:
        symbol = getattr(query, "symbol", "")
        await self._check(symbol)
        look: Look = lambda at: self._look(query, at)  # noqa: E731  a closure over the query
        pushes = await self._streams.next(operation, symbol, look)
        return self._venue.encode(encode_as, pushes[-1])

    async def _account(self, operation: str, symbol: str | None) -> list[Any]:
        await self._check(symbol)
        return await self._streams.next(operation, symbol or "", None)

    def _look(self, query: Any, at: int) -> Any:
        engine = self._venue.engine
        assert engine is not None
        return engine.execute(query, at)[1]

    def _encode_pushed(self, operation: str, kind: Any, told: Any) -> Any:
        return self._venue.encode(operation, _as_list(kind, told)) or ()

    def _seconds(self, timeframe: str) -> int:
        from failing_exchange.dialects.unified.timeframes import TIMEFRAMES

        if timeframe not in TIMEFRAMES:
            known = ", ".join(TIMEFRAMES)
            raise BadRequestError(f"Invalid timeframe: {timeframe!r} is none of {known}")
        return TIMEFRAMES[timeframe]


def _as_list(kind: Any, told: Any) -> Any:
    """Pushed entries as the answer of the call that lists them, altered fields and all."""
    if isinstance(told, Edited):
        return told._replace(answer=_as_list(kind, told.answer))
    return told if hasattr(told, "_asdict") else kind(told)
