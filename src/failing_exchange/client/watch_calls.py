"""ccxt.pro's watch calls: each await gives the next state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from failing_exchange.client.call_params import NONE, Params, own
from failing_exchange.client.unified_api import (
    Limit,
    Since,
    Symbol,
    Symbols,
    UnifiedRequests,
    count_of,
    names_of,
    recent,
)
from failing_exchange.core.units import MILLISECOND
from failing_exchange.errors import BadRequestError, SymbolNotFoundError

if TYPE_CHECKING:
    from failing_exchange.client.subscriptions import Channel, Streams, Wanted
    from failing_exchange.venue.venue import RunningVenue

LEVELS = 100  # of an order book, unless `limit` says otherwise
TRADES = 100  # in one push, likewise


class WatchApi(UnifiedRequests):
    """ccxt.pro's calls: each waits for the next state of a stream and returns it.

    Market data comes once a second, account data when it happens; the structures and units are
    those of the `fetch_*` calls. The first call subscribes, `un_watch_*` ends a subscription.

    Raises:
        ConnectionLostError: the stream broke; raised once, the next call subscribes anew.
        OperationFailedError: the subscription was ended while the call waited.
        SymbolNotFoundError, BadRequestError: nothing was subscribed.

    >>> from failing_exchange import FailingExchange, simulate
    >>> async def main():
    ...     exchange = FailingExchange(seed=7)
    ...     first = await exchange.watch_ticker("BTC/USDT")
    ...     second = await exchange.watch_ticker("BTC/USDT")
    ...     return second["timestamp"] - first["timestamp"]
    >>> simulate(main())
    1000
    """

    _venue: RunningVenue
    _watched: Streams | None = None

    async def watch_ticker(self, symbol: str, params: Params = NONE) -> Any:
        """Return the next ticker of a market."""
        return await self._watch("watch_ticker", params, "watch_ticker", [symbol])

    async def watch_tickers(self, symbols: Symbols = None, params: Params = NONE) -> Any:
        """Return the next tickers by symbol; `symbols=None` as in `fetch_tickers`."""
        own("watch_tickers", params)
        names = names_of(symbols) or self._listed(params)
        return await self._watch_all("watch_tickers", NONE, names)

    async def watch_bids_asks(self, symbols: Symbols = None, params: Params = NONE) -> Any:
        """Return the next best prices by symbol."""
        own("watch_bids_asks", params)
        names = names_of(symbols) or self._listed(params)
        return await self._watch_all("watch_bids_asks", NONE, names)

    async def watch_order_book(
        self, symbol: str, limit: Limit = None, params: Params = NONE
    ) -> Any:
        """Return the next order book of a market; 100 levels a side by default."""
        return await self.watch_order_book_for_symbols([symbol], limit, params)

    async def watch_order_book_for_symbols(
        self, symbols: Sequence[str], limit: Limit = None, params: Params = NONE
    ) -> Any:
        """Return the next order book of whichever of several markets changes first."""
        call, levels = "watch_order_book_for_symbols", count_of("limit", limit, LEVELS)
        return await self._watch(call, params, "watch_order_book", symbols, levels)

    async def watch_ohlcv(
        self, symbol: str, timeframe: str = "1m", since: Since = None, limit: Limit = None,
        params: Params = NONE,
    ) -> Any:  # fmt: skip
        """Return the next state of the candles; the last one is still forming."""
        fields = _candles(timeframe, since, limit)
        return await self._watch("watch_ohlcv", params, "watch_ohlcv", [symbol], *fields)

    async def watch_ohlcv_for_symbols(
        self, symbolsAndTimeframes: Sequence[Sequence[str]], since: Since = None,
        limit: Limit = None, params: Params = NONE,
    ) -> Any:  # fmt: skip
        """Return the next of several (symbol, timeframe), as {symbol: {timeframe: candles}}."""
        own("watch_ohlcv_for_symbols", params)
        pairs = {}
        for symbol, timeframe in _some(symbolsAndTimeframes):
            wanted = await self._market("watch_ohlcv", symbol, *_candles(timeframe, since, limit))
            pairs[wanted.channel] = (wanted, timeframe)
        channel, candles = await self._next(*(wanted for wanted, _ in pairs.values()))
        return {channel.symbol: {pairs[channel][1]: candles}}

    async def watch_trades(
        self, symbol: str, since: Since = None, limit: Limit = None, params: Params = NONE
    ) -> Any:
        """Return the public trades since the last call."""
        return await self.watch_trades_for_symbols([symbol], since, limit, params)

    async def watch_trades_for_symbols(
        self, symbols: Sequence[str], since: Since = None, limit: Limit = None,
        params: Params = NONE,
    ) -> Any:  # fmt: skip
        """Return the public trades since the last call of whichever of several markets has some."""
        call, most = "watch_trades_for_symbols", count_of("limit", limit, TRADES)
        found = await self._watch(call, params, "watch_trades", symbols, 0, most)
        return recent(found, since, limit)

    async def watch_orders(
        self, symbol: Symbol = None, since: Since = None, limit: Limit = None, params: Params = NONE
    ) -> Any:
        """Return the orders that changed since the last call, one entry per change."""
        found = await self._account("watch_orders", params, "watch_orders", [symbol or ""])
        return recent(found, since, limit)

    async def watch_orders_for_symbols(
        self, symbols: Sequence[str], since: Since = None, limit: Limit = None,
        params: Params = NONE,
    ) -> Any:  # fmt: skip
        """Return what `watch_orders` does, of several markets."""
        call = "watch_orders_for_symbols"
        return recent(await self._account(call, params, "watch_orders", symbols), since, limit)

    async def watch_my_trades(
        self, symbol: Symbol = None, since: Since = None, limit: Limit = None, params: Params = NONE
    ) -> Any:
        """Return the account's own fills since the last call."""
        found = await self._account("watch_my_trades", params, "watch_my_trades", [symbol or ""])
        return recent(found, since, limit)

    async def watch_my_trades_for_symbols(
        self, symbols: Sequence[str], since: Since = None, limit: Limit = None,
        params: Params = NONE,
    ) -> Any:  # fmt: skip
        """Return what `watch_my_trades` does, of several markets."""
        call = "watch_my_trades_for_symbols"
        return recent(await self._account(call, params, "watch_my_trades", symbols), since, limit)

    async def watch_balance(self, params: Params = NONE) -> Any:
        """Return the balances after their next change.

        Params: type, the wallet, as in `fetch_balance`. That of futures is told when something
        happens to the account, not with each change of the mark price.
        """
        from failing_exchange.client.subscriptions import FUTURES_WALLET, SPOT_WALLET, Wanted

        own("watch_balance", params)
        futures = self._means_contracts(params)
        return (await self._next(Wanted(FUTURES_WALLET if futures else SPOT_WALLET)))[1]

    def _means_contracts(self, params: Params) -> bool:
        """Whether a call without a symbol is about contracts; see `fetch_tickers`."""
        kind, markets = self._type(params or NONE), self._venue.markets.values()
        if not kind:
            return all(market.contract for market in markets)
        return kind in ("swap", "future")

    def _listed(self, params: Params) -> tuple[str, ...]:
        """The symbols of the type of market that a call means."""
        wanted, markets = self._means_contracts(params), self._venue.markets.values()
        found = tuple(m.symbol for m in markets if (m.contract is not None) is wanted)
        if not found:
            raise SymbolNotFoundError(
                f"no {'contract' if wanted else 'spot market'} is traded here"
            )
        return found

    async def watch_my_liquidations(
        self, symbol: Symbol = None, since: Since = None, limit: Limit = None, params: Params = NONE
    ) -> Any:
        """Return the account's own liquidations since the last call, of one contract or of all."""
        call = "watch_my_liquidations"
        return recent(await self._account(call, params, call, [symbol or ""]), since, limit)

    async def watch_my_liquidations_for_symbols(
        self, symbols: Sequence[str], since: Since = None, limit: Limit = None,
        params: Params = NONE,
    ) -> Any:  # fmt: skip
        """Return what `watch_my_liquidations` does, of several contracts."""
        call = "watch_my_liquidations_for_symbols"
        return recent(
            await self._account(call, params, "watch_my_liquidations", symbols), since, limit
        )

    async def watch_positions(
        self, symbols: Symbols = None, since: Since = None, limit: Limit = None,
        params: Params = NONE,
    ) -> Any:  # fmt: skip
        """Return the positions that changed since the last call; one that was closed has 0."""
        names = names_of(symbols) or [""]
        found = await self._account("watch_positions", params, "watch_positions", names)
        return recent(found, since, limit)

    async def watch_mark_price(self, symbol: str, params: Params = NONE) -> Any:
        """Return the next mark price of a contract."""
        return await self._watch("watch_mark_price", params, "watch_mark_price", [symbol])

    async def watch_mark_prices(self, symbols: Symbols = None, params: Params = NONE) -> Any:
        """Return the next mark prices by symbol; `symbols=None` means every contract."""
        return await self._watch_all("watch_mark_prices", params, symbols)

    async def watch_liquidations(
        self, symbol: str, since: Since = None, limit: Limit = None, params: Params = NONE
    ) -> Any:
        """Return the next liquidations in a contract; of a second, the largest one."""
        return await self.watch_liquidations_for_symbols([symbol], since, limit, params)

    async def watch_liquidations_for_symbols(
        self, symbols: Sequence[str], since: Since = None, limit: Limit = None,
        params: Params = NONE,
    ) -> Any:  # fmt: skip
        """Return what `watch_liquidations` does, of several contracts."""
        from failing_exchange.client.subscriptions import Channel, Wanted
        from failing_exchange.feeds.contract_sources import LiquidationSource

        own("watch_liquidations_for_symbols", params)
        wanted = []
        for symbol in _some(symbols):
            await self._check(symbol)
            at = self._venue.gateway.clock.now()
            source = LiquidationSource(self._streams.watched_events(), symbol, at)
            wanted.append(Wanted(Channel("watch_liquidations", symbol), source))
        return recent((await self._next(*wanted))[1], since, limit)

    # ---- the ends of subscriptions: who waits for one is raised OperationFailedError

    async def un_watch_ticker(self, symbol: str, params: Params = NONE) -> bool:
        """End the subscription to one market's tickers."""
        return self._end("un_watch_ticker", params, "watch_ticker", symbol)

    async def un_watch_tickers(self, symbols: Symbols = None, params: Params = NONE) -> bool:
        """End the subscription to tickers of several markets."""
        return self._end("un_watch_tickers", params, "watch_tickers")

    async def un_watch_bids_asks(self, symbols: Symbols = None, params: Params = NONE) -> bool:
        """End the subscription to best prices."""
        return self._end("un_watch_bids_asks", params, "watch_bids_asks")

    async def un_watch_order_book(self, symbol: str, params: Params = NONE) -> bool:
        """End the subscription to one market's order books."""
        return self._end("un_watch_order_book", params, "watch_order_book", symbol)

    async def un_watch_order_book_for_symbols(
        self, symbols: Sequence[str], params: Params = NONE
    ) -> bool:
        """End the subscription to several markets' order books."""
        return self._end("un_watch_order_book_for_symbols", params, "watch_order_book", *symbols)

    async def un_watch_trades(self, symbol: str, params: Params = NONE) -> bool:
        """End the subscription to one market's trades."""
        return self._end("un_watch_trades", params, "watch_trades", symbol)

    async def un_watch_trades_for_symbols(
        self, symbols: Sequence[str], params: Params = NONE
    ) -> bool:
        """End the subscription to several markets' trades."""
        return self._end("un_watch_trades_for_symbols", params, "watch_trades", *symbols)

    async def un_watch_ohlcv(
        self, symbol: str, timeframe: str = "1m", params: Params = NONE
    ) -> bool:
        """End the subscription to one market's candles, of all timeframes."""
        return self._end("un_watch_ohlcv", params, "watch_ohlcv", symbol)

    async def un_watch_ohlcv_for_symbols(
        self, symbolsAndTimeframes: Sequence[Sequence[str]], params: Params = NONE
    ) -> bool:
        """End the subscription to several markets' candles, of all timeframes."""
        own("un_watch_ohlcv_for_symbols", params)
        symbols = [symbol for symbol, _ in symbolsAndTimeframes]
        return self._streams.forget("watch_ohlcv", *symbols)

    async def un_watch_orders(self, symbol: Symbol = None, params: Params = NONE) -> bool:
        """End the subscription to own orders, of one market or those of all."""
        return self._end("un_watch_orders", params, "watch_orders", symbol or "")

    async def un_watch_my_trades(self, symbol: Symbol = None, params: Params = NONE) -> bool:
        """End the subscription to own fills, of one market or those of all."""
        return self._end("un_watch_my_trades", params, "watch_my_trades", symbol or "")

    async def un_watch_balance(self, params: Params = NONE) -> bool:
        """End the subscription to balances."""
        return self._end("un_watch_balance", params, "watch_balance")

    async def un_watch_positions(self, symbols: Symbols = None, params: Params = NONE) -> bool:
        """End the subscription to positions, of some contracts or those of all."""
        return self._end(
            "un_watch_positions", params, "watch_positions", *(names_of(symbols) or [""])
        )

    async def un_watch_mark_price(self, symbol: str, params: Params = NONE) -> bool:
        """End the subscription to the mark prices of a contract."""
        return self._end("un_watch_mark_price", params, "watch_mark_price", symbol)

    async def un_watch_mark_prices(self, symbols: Symbols = None, params: Params = NONE) -> bool:
        """End the subscription to mark prices of several contracts."""
        return self._end("un_watch_mark_prices", params, "watch_mark_prices")

    async def un_watch_my_liquidations(self, symbol: Symbol = None, params: Params = NONE) -> bool:
        """End the subscription to own liquidations, of one contract or those of all."""
        call = "watch_my_liquidations"
        return self._end(f"un_{call}", params, call, symbol or "")

    async def un_watch_liquidations(self, symbol: str, params: Params = NONE) -> bool:
        """End the subscription to the liquidations in a contract."""
        return self._end("un_watch_liquidations", params, "watch_liquidations", symbol)

    def _end(self, call: str, params: Params, operation: str, *symbols: str) -> bool:
        own(call, params)
        return self._streams.forget(operation, *symbols)

    @property
    def _streams(self) -> Streams:
        if self._watched is None:
            from failing_exchange.client.subscriptions import Streams

            self._watched = Streams(self._venue, self._client.account)
        return self._watched

    async def _next(self, *wanted: Wanted) -> tuple[Channel, Any]:
        """The next state of one of several channels: of snapshots the last, of changes all."""
        channel, pushes = await self._streams.next(*wanted)
        encoded = [self._venue.encode(channel.operation, told) for told in pushes]
        if channel.operation not in CHANGES or not all(isinstance(one, list) for one in encoded):
            return channel, encoded[-1]
        return channel, [entry for one in encoded for entry in one]

    async def _watch(
        self, call: str, params: Params, operation: str, symbols: Sequence[str], *fields: Any
    ) -> Any:
        """The next state of one of several markets; `fields` are its query's, after the symbol."""
        own(call, params)
        found = [await self._market(operation, symbol, *fields) for symbol in _some(symbols)]
        return (await self._next(*found))[1]

    async def _watch_all(self, operation: str, params: Params, symbols: Symbols) -> Any:
        """The next state of several markets together."""
        own(operation, params)
        names = names_of(symbols)
        for symbol in names:
            await self._check(symbol)
        return (await self._next(self._wanted(operation, "", names)))[1]

    async def _market(self, operation: str, symbol: str, *fields: Any) -> Wanted:
        await self._check(symbol)
        return self._wanted(operation, symbol, symbol, *fields)

    def _wanted(self, operation: str, symbol: str, *fields: Any) -> Wanted:
        """A channel of market data; its pushes answer a query."""
        from failing_exchange.client.subscriptions import Channel, Wanted
        from failing_exchange.core import queries
        from failing_exchange.feeds import sources

        query, source = FEEDS[operation]
        asked = getattr(queries, query)(self._client.account, *fields)
        world = sources.EngineView(self._venue.gateway.engine)
        found = getattr(sources, source)(world, operation, symbol, asked)
        return Wanted(Channel(operation, symbol, asked), found)

    async def _account(
        self, call: str, params: Params, operation: str, symbols: Sequence[str]
    ) -> Any:
        """The next changes of the account, of some markets; "" = of all."""
        from failing_exchange.client.subscriptions import Channel, Wanted

        own(call, params)
        for symbol in _some(symbols):
            if symbol != "":
                await self._check(symbol)
        of_type = self._means_contracts(params) if operation in OF_ONE_TYPE else None
        found = [
            Wanted(Channel(operation, symbol, None if symbol else of_type))
            for symbol in dict.fromkeys(symbols)
        ]
        return (await self._next(*found))[1]

    async def _check(self, symbol: str) -> None:
        """Start the venue; raise for a symbol that is not traded."""
        gateway = await self._client.ready()
        if not isinstance(symbol, str) or symbol not in gateway.engine.state.markets:
            raise SymbolNotFoundError(f"Symbol not found: {symbol!r} is not traded here")


# Market data by operation: the query of `core.queries` behind it, and its kind of `feeds.sources`.
FEEDS = {
    "watch_ticker": ("FetchTicker", "QuerySource"),
    "watch_tickers": ("FetchTickers", "QuerySource"),
    "watch_bids_asks": ("FetchTickers", "QuerySource"),
    "watch_order_book": ("FetchBook", "QuerySource"),
    "watch_ohlcv": ("FetchCandles", "QuerySource"),
    "watch_trades": ("FetchTrades", "LatestTradesSource"),
    "watch_mark_price": ("FetchMarkPrice", "QuerySource"),
    "watch_mark_prices": ("FetchMarkPrices", "QuerySource"),
}
OF_ONE_TYPE = ("watch_orders", "watch_my_trades")  # where no symbol is named
CHANGES = (
    "watch_trades",
    "watch_orders",
    "watch_my_trades",
    "watch_positions",
    "watch_liquidations",
    "watch_my_liquidations",
)  # each push says what is new


def _candles(timeframe: str, since: Since, limit: Limit) -> tuple[int, int, int]:
    """What a query of candles asks for: seconds, the first instant, how many."""
    from failing_exchange.unified.errors import checked
    from failing_exchange.unified.timeframes import seconds_of

    start = count_of("since", since, 0) * MILLISECOND
    return checked(seconds_of, timeframe), start, count_of("limit", limit, 1)


def _some(entries: Sequence[Any]) -> Sequence[Any]:
    if not entries or isinstance(entries, str):
        raise BadRequestError(f"a list of at least one symbol is expected, not {entries!r}")
    return entries
