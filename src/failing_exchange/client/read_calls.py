"""ccxt's unified calls that only read: market data and the account."""

from __future__ import annotations

from typing import Any

from failing_exchange.client.call_params import NONE, Params, own, with_param
from failing_exchange.client.unified_api import (
    Limit,
    Since,
    Symbol,
    Symbols,
    UnifiedRequests,
    names_of,
    recent,
)
from failing_exchange.errors import OrderNotFoundError, SymbolNotFoundError

CONDITIONAL = ("trigger", "stop", "conditional")
ENDED = {"fetch_closed_orders": ("closed",), "fetch_canceled_orders": ("canceled", "expired")}


class ReadApi(UnifiedRequests):
    """ccxt's calls that only read, with its names, arguments and structures; one request each.

    Prices are in the quote asset, amounts in the base asset, both floats; `timestamp` and `since`
    are milliseconds since 1970 (UTC). Lists are oldest first; `limit` keeps the newest, or with
    `since` the first of them. `params` takes what a call names, and nothing else.

    Raises, besides what faults bring about:
        SymbolNotFoundError: the market is not traded here.
        BadRequestError: an unknown param, or a value that makes no sense; nothing was sent.
        RateLimitError, BannedError, ExchangeMaintenanceError: the venue's limits and windows.
        RequestTimeoutError: no answer within `connection_timeout` seconds.

    >>> from failing_exchange import FailingExchange, simulate
    >>> async def main():
    ...     exchange = FailingExchange(seed=7)
    ...     candles = await exchange.fetch_ohlcv("BTC/USDT", "1h", limit=24)
    ...     balance = await exchange.fetch_balance()
    ...     return len(candles), balance["USDT"]["used"]
    >>> simulate(main())
    (24, 0.0)
    """

    async def fetch_markets(self, params: Params = NONE) -> Any:
        """Return the market structures: price and amount steps, minimums and maximums, fees."""
        return await self._ask("fetch_markets", params)

    async def fetch_currencies(self, params: Params = NONE) -> Any:
        """Return the currency structures of all traded assets, by code."""
        return await self._ask("fetch_currencies", params)

    async def fetch_ticker(self, symbol: str, params: Params = NONE) -> Any:
        """Return a ticker: best bid and ask, last price, statistics of the last 24 hours."""
        return await self._ask("fetch_ticker", params, symbol)

    async def fetch_tickers(self, symbols: Symbols = None, params: Params = NONE) -> Any:
        """Return tickers by symbol; `symbols=None` means every market of one type.

        Params: type, "spot" or "swap" ("future"). By default it is `options["defaultType"]`, else
        "spot", or "swap" where no spot market is listed. So for all calls without a symbol.
        """
        return await self._tickers("fetch_tickers", params, symbols)

    async def fetch_bids_asks(self, symbols: Symbols = None, params: Params = NONE) -> Any:
        """Return tickers by symbol with the best bid and ask and their amounts."""
        return await self._tickers("fetch_bids_asks", params, symbols)

    async def fetch_last_prices(self, symbols: Symbols = None, params: Params = NONE) -> Any:
        """Return the last price of each market by symbol: `price`, `timestamp`, `side`."""
        return await self._tickers("fetch_last_prices", params, symbols)

    async def _tickers(self, call: str, params: Params, symbols: Symbols) -> Any:
        names = names_of(symbols)
        scope = () if names else self._scope(own(call, params))
        return await self._client.call(call, "", (*scope, *names))

    async def fetch_order_book(
        self, symbol: str, limit: Limit = None, params: Params = NONE
    ) -> Any:
        """Return `bids` and `asks` as [price, amount], best first; 100 levels a side by default."""
        return await self._ask("fetch_order_book", params, symbol, limit)

    fetch_l2_order_book = fetch_order_book  # amounts at one price are always added up

    async def fetch_trades(
        self, symbol: str, since: Since = None, limit: Limit = None, params: Params = NONE
    ) -> Any:
        """Return public trades, at most 1,000. Params: until (milliseconds)."""
        return await self._page("fetch_trades", params, symbol, since, limit)

    async def fetch_ohlcv(
        self,
        symbol: str,
        timeframe: str = "1m",
        since: Since = None,
        limit: Limit = None,
        params: Params = NONE,
    ) -> Any:
        """Return candles as [ms, open, high, low, close, volume]; the last one is still forming.

        `timeframe` is one of `timeframes`: "1s" to "1d". Params: until (milliseconds; no candle
        opens later); of contracts price ("mark", "index" or "premiumIndex": candles of that).
        """
        if not params or params.get("price") is None:
            return await self._page("fetch_ohlcv", params, symbol, timeframe, since, limit)
        kept = own("fetch_ohlcv", params)
        message = (timeframe, since, limit, kept.get("until"), kept["price"])
        return await self._client.call("fetch_ohlcv", symbol, message)

    async def fetch_mark_ohlcv(
        self, symbol: str, timeframe: str = "1m", since: Since = None, limit: Limit = None,
        params: Params = NONE,
    ) -> Any:  # fmt: skip
        """Return candles of the mark price, as `fetch_ohlcv` with the param price "mark"."""
        return await self._priced("mark", symbol, timeframe, since, limit, params)

    async def fetch_index_ohlcv(
        self, symbol: str, timeframe: str = "1m", since: Since = None, limit: Limit = None,
        params: Params = NONE,
    ) -> Any:  # fmt: skip
        """Return candles of the index, as `fetch_ohlcv` with the param price "index"."""
        return await self._priced("index", symbol, timeframe, since, limit, params)

    async def fetch_premium_index_ohlcv(
        self, symbol: str, timeframe: str = "1m", since: Since = None, limit: Limit = None,
        params: Params = NONE,
    ) -> Any:  # fmt: skip
        """Return candles of the premium over the index, a share; see `fetch_ohlcv`."""
        return await self._priced("premiumIndex", symbol, timeframe, since, limit, params)

    async def _priced(
        self, price: str, symbol: str, timeframe: str, since: Since, limit: Limit, params: Params
    ) -> Any:
        more = with_param(params, "price", price)
        return await self.fetch_ohlcv(symbol, timeframe, since, limit, more)

    async def fetch_time(self, params: Params = NONE) -> Any:
        """Return the venue's clock in milliseconds."""
        return await self._ask("fetch_time", params)

    async def fetch_status(self, params: Params = NONE) -> Any:
        """Return `status` "ok"; during a maintenance this call is refused as any other."""
        return await self._ask("fetch_status", params)

    async def fetch_trading_fees(self, params: Params = NONE) -> Any:
        """Return maker and taker fees by symbol, as shares: 0.001 is 0.1 %."""
        return await self._ask("fetch_trading_fees", params)

    async def fetch_trading_fee(self, symbol: str, params: Params = NONE) -> Any:
        """Return maker and taker fee of one market, as shares."""
        fees = await self.fetch_trading_fees(params)
        if symbol not in fees:
            raise SymbolNotFoundError(f"Symbol not found: {symbol!r} is not traded here")
        return fees[symbol]

    # ---- the account

    async def fetch_balance(self, params: Params = NONE) -> Any:
        """Return `free`, `used` (in open orders, or locked) and `total` by asset, in units.

        Params: type, the wallet: "spot" or "swap" ("future"). By default it is that of
        `options["defaultType"]`, else "spot", or "swap" where no spot market is listed. Of the
        futures wallet `free` is what new orders can use, `used` the initial margin of positions and
        orders, and `total` the margin balance, with unrealised profit.
        """
        wallet = self._type(own("fetch_balance", params))
        return await self._client.call("fetch_balance", "", wallet)

    async def fetch_order(self, id: Any, symbol: Symbol = None, params: Params = NONE) -> Any:
        """Return one order by id, or with `id=None` by params["clientOrderId"].

        Raises OrderNotFoundError where this account has no such order.
        """
        kept = own("fetch_order", params)
        return await self._client.call("fetch_order", symbol or "", (id, symbol, kept))

    async def fetch_open_order(self, id: Any, symbol: Symbol = None, params: Params = NONE) -> Any:
        """Return one order that can still trade; raises OrderNotFoundError for any other."""
        found = await self.fetch_order(id, symbol, params)
        if isinstance(found, dict) and found.get("status") != "open":
            raise OrderNotFoundError(f"Order not found: {id!r} is {found.get('status')}, not open")
        return found

    async def fetch_open_orders(
        self, symbol: Symbol = None, since: Since = None, limit: Limit = None, params: Params = NONE
    ) -> Any:
        """Return the orders that can still trade; without a symbol, of all markets of one type.

        Params: until (milliseconds); trigger (True: the conditional orders of contracts that wait,
        and no others); type, as in `fetch_tickers`. So for the other lists.
        """
        return await self._orders("fetch_open_orders", params, symbol, since, limit)

    async def fetch_closed_orders(
        self, symbol: Symbol = None, since: Since = None, limit: Limit = None, params: Params = NONE
    ) -> Any:
        """Return the orders that were filled. Params as in `fetch_open_orders`."""
        return await self._orders("fetch_closed_orders", params, symbol, since, limit)

    async def fetch_canceled_orders(
        self, symbol: Symbol = None, since: Since = None, limit: Limit = None, params: Params = NONE
    ) -> Any:
        """Return the orders that were canceled or expired. Params as in `fetch_open_orders`."""
        return await self._orders("fetch_canceled_orders", params, symbol, since, limit)

    async def fetch_canceled_and_closed_orders(
        self, symbol: Symbol = None, since: Since = None, limit: Limit = None, params: Params = NONE
    ) -> Any:
        """Return the orders that are over. Params as in `fetch_open_orders`."""
        found = await self.fetch_orders(symbol, since, None, params)
        if not isinstance(found, list):
            return found
        return recent([one for one in found if one["status"] != "open"], since, limit)

    async def fetch_orders(
        self, symbol: Symbol = None, since: Since = None, limit: Limit = None, params: Params = NONE
    ) -> Any:
        """Return orders of every status. Params as in `fetch_open_orders`."""
        return await self._orders("fetch_orders", params, symbol, since, limit)

    async def _orders(
        self, call: str, params: Params, symbol: Symbol, since: Since, limit: Limit
    ) -> Any:
        """A list of orders; what the venue can't tell apart is told apart here, as in ccxt."""
        kept = own(call, params)
        scope = () if symbol else self._scope(kept)
        until = kept.get("until")
        trigger = any(kept.get(name) for name in CONDITIONAL)
        cuts = trigger and call in ENDED
        message: tuple[Any, ...] = (since, None if cuts else limit)
        message += () if until is None else (until,)
        message = ("trigger", *message) if trigger else (*scope, *message)
        found = await self._client.call(call, symbol or "", message)
        if not cuts or not isinstance(found, list):
            return found
        return recent([one for one in found if one["status"] in ENDED[call]], since, limit)

    async def fetch_my_trades(
        self, symbol: Symbol = None, since: Since = None, limit: Limit = None, params: Params = NONE
    ) -> Any:
        """Return the account's own fills, with fees; without a symbol, in markets of one type.

        Params: until (milliseconds); type, as in `fetch_tickers`.
        """
        scope = () if symbol else self._scope(own("fetch_my_trades", params))
        return await self._page("fetch_my_trades", params, symbol, *scope, None, since, limit)

    async def fetch_order_trades(
        self,
        id: Any,
        symbol: Symbol = None,
        since: Since = None,
        limit: Limit = None,
        params: Params = NONE,
    ) -> Any:
        """Return the fills of one order. Params: until (milliseconds)."""
        return await self._page("fetch_order_trades", params, symbol, id, since, limit)
