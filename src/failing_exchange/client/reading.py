"""ccxt's unified calls that only read: market data and the account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from failing_exchange.client.params import NONE, Params, own, until_of
from failing_exchange.client.request import LocalClient
from failing_exchange.client.unified_api import names_of
from failing_exchange.errors import SymbolNotFoundError


class ReadApi:
    """Names, arguments and their order as in ccxt; each call is one request."""

    _client: LocalClient

    async def fetch_markets(self, params: Params = NONE) -> Any:
        """The rules of every market, as a list."""
        own("fetch_markets", params)
        return await self._client.call("fetch_markets", "", ())

    async def fetch_currencies(self, params: Params = NONE) -> Any:
        """Every asset that is traded, by code."""
        own("fetch_currencies", params)
        return await self._client.call("fetch_currencies", "", ())

    async def fetch_ticker(self, symbol: str, params: Params = NONE) -> Any:
        """Best prices, last price and 24 h statistics of a market."""
        own("fetch_ticker", params)
        return await self._client.call("fetch_ticker", symbol, ())

    async def fetch_tickers(
        self, symbols: Sequence[str] | None = None, params: Params = NONE
    ) -> Any:
        """Tickers by symbol; None = of every market."""
        own("fetch_tickers", params)
        return await self._client.call("fetch_tickers", "", names_of(symbols))

    async def fetch_bids_asks(
        self, symbols: Sequence[str] | None = None, params: Params = NONE
    ) -> Any:
        """Tickers by symbol, for their best prices."""
        own("fetch_bids_asks", params)
        return await self._client.call("fetch_bids_asks", "", names_of(symbols))

    async def fetch_last_prices(
        self, symbols: Sequence[str] | None = None, params: Params = NONE
    ) -> Any:
        """Last prices by symbol."""
        own("fetch_last_prices", params)
        return await self._client.call("fetch_last_prices", "", names_of(symbols))

    async def fetch_order_book(
        self, symbol: str, limit: int | None = None, params: Params = NONE
    ) -> Any:
        """The order book, best prices first; 100 levels a side unless `limit` says otherwise."""
        own("fetch_order_book", params)
        return await self._client.call("fetch_order_book", symbol, limit)

    async def fetch_l2_order_book(
        self, symbol: str, limit: int | None = None, params: Params = NONE
    ) -> Any:
        """The same: offers at one price are always added up here."""
        return await self.fetch_order_book(symbol, limit, params)

    async def fetch_trades(
        self,
        symbol: str,
        since: int | None = None,
        limit: int | None = None,
        params: Params = NONE,
    ) -> Any:
        """Public trades, oldest first; at most 1,000. Params: until (milliseconds)."""
        message = (since, limit, *until_of("fetch_trades", params))
        return await self._client.call("fetch_trades", symbol, message)

    async def fetch_ohlcv(
        self,
        symbol: str,
        timeframe: str = "1m",
        since: int | None = None,
        limit: int | None = None,
        params: Params = NONE,
    ) -> Any:
        """Candles [ms, open, high, low, close, volume], oldest first; the last is still forming.

        Params: until (milliseconds; no candle opens later).
        """
        message = (timeframe, since, limit, *until_of("fetch_ohlcv", params))
        return await self._client.call("fetch_ohlcv", symbol, message)

    async def fetch_time(self, params: Params = NONE) -> Any:
        """The venue's clock in milliseconds."""
        own("fetch_time", params)
        return await self._client.call("fetch_time", "", ())

    async def fetch_status(self, params: Params = NONE) -> Any:
        """Whether the venue is open; during a maintenance this call is refused like any other."""
        own("fetch_status", params)
        return await self._client.call("fetch_status", "", ())

    async def fetch_trading_fees(self, params: Params = NONE) -> Any:
        """Fees by symbol."""
        own("fetch_trading_fees", params)
        return await self._client.call("fetch_trading_fees", "", ())

    async def fetch_trading_fee(self, symbol: str, params: Params = NONE) -> Any:
        """The fees of one market."""
        fees = await self.fetch_trading_fees(params)
        if symbol not in fees:
            raise SymbolNotFoundError(f"Symbol not found: {symbol!r} is not traded here")
        return fees[symbol]

    # ---- the account

    async def fetch_balance(self, params: Params = NONE) -> Any:
        """Free, used and total by asset."""
        own("fetch_balance", params)
        return await self._client.call("fetch_balance", "", ())

    async def fetch_order(self, id: Any, symbol: str | None = None, params: Params = NONE) -> Any:
        """One order, by id, or with id None by params["clientOrderId"]."""
        kept = own("fetch_order", params)
        return await self._client.call("fetch_order", symbol or "", (id, symbol, kept))

    async def fetch_open_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Params = NONE,
    ) -> Any:
        """Orders that can still trade, oldest first. Params: until (milliseconds)."""
        message = (since, limit, *until_of("fetch_open_orders", params))
        return await self._client.call("fetch_open_orders", symbol or "", message)

    async def fetch_closed_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Params = NONE,
    ) -> Any:
        """Filled orders, oldest first. Params: until (milliseconds)."""
        message = (since, limit, *until_of("fetch_closed_orders", params))
        return await self._client.call("fetch_closed_orders", symbol or "", message)

    async def fetch_canceled_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Params = NONE,
    ) -> Any:
        """Canceled and expired orders, oldest first. Params: until (milliseconds)."""
        message = (since, limit, *until_of("fetch_canceled_orders", params))
        return await self._client.call("fetch_canceled_orders", symbol or "", message)

    async def fetch_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Params = NONE,
    ) -> Any:
        """Orders of every status, oldest first. Params: until (milliseconds)."""
        message = (since, limit, *until_of("fetch_orders", params))
        return await self._client.call("fetch_orders", symbol or "", message)

    async def fetch_my_trades(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Params = NONE,
    ) -> Any:
        """The account's own fills, oldest first. Params: until (milliseconds)."""
        message = (None, since, limit, *until_of("fetch_my_trades", params))
        return await self._client.call("fetch_my_trades", symbol or "", message)

    async def fetch_order_trades(
        self,
        id: Any,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Params = NONE,
    ) -> Any:
        """The fills of one order, oldest first. Params: until (milliseconds)."""
        message = (id, since, limit, *until_of("fetch_order_trades", params))
        return await self._client.call("fetch_order_trades", symbol or "", message)
