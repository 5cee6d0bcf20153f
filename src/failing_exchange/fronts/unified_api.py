"""ccxt's unified calls: names, arguments and their order as there, each one request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from failing_exchange.errors import BadRequestError, FailingExchangeError, NotSupportedError
from failing_exchange.fronts.local import LocalClient

Params = Mapping[str, Any]
BATCH_MAX = 1_000  # orders in one call that takes a list; more are refused
NONE: Params = {}


class UnifiedApi:
    """The calls of ccxt's unified API. All take `params` last; what a call raises is in `errors`.

    Amounts are cut to the market's step and prices rounded to it, as ccxt does before it sends.
    """

    _client: LocalClient

    # ---- market data

    async def fetch_markets(self, params: Params = NONE) -> Any:
        """The rules of every market, as a list."""
        return await self._client.call("fetch_markets", "", ())

    async def fetch_currencies(self, params: Params = NONE) -> Any:
        """Every asset that is traded, by code."""
        return await self._client.call("fetch_currencies", "", ())

    async def fetch_ticker(self, symbol: str, params: Params = NONE) -> Any:
        """Best prices, last price and 24 h statistics of a market."""
        return await self._client.call("fetch_ticker", symbol, ())

    async def fetch_tickers(
        self, symbols: Sequence[str] | None = None, params: Params = NONE
    ) -> Any:
        """Tickers by symbol; None = of every market."""
        return await self._client.call("fetch_tickers", "", tuple(symbols or ()))

    async def fetch_bids_asks(
        self, symbols: Sequence[str] | None = None, params: Params = NONE
    ) -> Any:
        """Tickers by symbol, for their best prices."""
        return await self._client.call("fetch_bids_asks", "", tuple(symbols or ()))

    async def fetch_last_prices(
        self, symbols: Sequence[str] | None = None, params: Params = NONE
    ) -> Any:
        """Last prices by symbol."""
        return await self._client.call("fetch_last_prices", "", tuple(symbols or ()))

    async def fetch_order_book(
        self, symbol: str, limit: int | None = None, params: Params = NONE
    ) -> Any:
        """The order book, best prices first; 100 levels a side unless `limit` says otherwise."""
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
        """Public trades, oldest first; at most 1,000."""
        return await self._client.call("fetch_trades", symbol, (since, limit))

    async def fetch_ohlcv(
        self,
        symbol: str,
        timeframe: str = "1m",
        since: int | None = None,
        limit: int | None = None,
        params: Params = NONE,
    ) -> Any:
        """Candles [ms, open, high, low, close, volume], oldest first; the last is still forming."""
        return await self._client.call("fetch_ohlcv", symbol, (timeframe, since, limit))

    async def fetch_time(self, params: Params = NONE) -> Any:
        """The venue's clock in milliseconds."""
        return await self._client.call("fetch_time", "", ())

    async def fetch_status(self, params: Params = NONE) -> Any:
        """Whether the venue is open; during a maintenance this call is refused like any other."""
        return await self._client.call("fetch_status", "", ())

    async def fetch_trading_fees(self, params: Params = NONE) -> Any:
        """Fees by symbol."""
        return await self._client.call("fetch_trading_fees", "", ())

    async def fetch_trading_fee(self, symbol: str, params: Params = NONE) -> Any:
        """The fees of one market."""
        fees = await self.fetch_trading_fees(params)
        if symbol not in fees:
            from failing_exchange.errors import SymbolNotFoundError

            raise SymbolNotFoundError(f"Symbol not found: {symbol!r} is not traded here")
        return fees[symbol]

    # ---- the account

    async def fetch_balance(self, params: Params = NONE) -> Any:
        """Free, used and total by asset."""
        return await self._client.call("fetch_balance", "", ())

    async def fetch_order(self, id: Any, symbol: str | None = None, params: Params = NONE) -> Any:
        """One order, by id, or with id None by params["clientOrderId"]."""
        return await self._client.call("fetch_order", symbol or "", (id, symbol, params))

    async def fetch_open_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Params = NONE,
    ) -> Any:
        """Orders that can still trade, oldest first."""
        return await self._client.call("fetch_open_orders", symbol or "", (since, limit))

    async def fetch_closed_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Params = NONE,
    ) -> Any:
        """Filled orders, oldest first."""
        return await self._client.call("fetch_closed_orders", symbol or "", (since, limit))

    async def fetch_canceled_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Params = NONE,
    ) -> Any:
        """Canceled and expired orders, oldest first."""
        return await self._client.call("fetch_canceled_orders", symbol or "", (since, limit))

    async def fetch_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Params = NONE,
    ) -> Any:
        """Orders of every status, oldest first."""
        return await self._client.call("fetch_orders", symbol or "", (since, limit))

    async def fetch_my_trades(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Params = NONE,
    ) -> Any:
        """The account's own fills, oldest first."""
        return await self._client.call("fetch_my_trades", symbol or "", (None, since, limit))

    async def fetch_order_trades(
        self,
        id: Any,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Params = NONE,
    ) -> Any:
        """The fills of one order, oldest first."""
        return await self._client.call("fetch_order_trades", symbol or "", (id, since, limit))

    # ---- orders

    async def create_order(
        self,
        symbol: str,
        type: str | None = None,
        side: str = "",
        amount: Any = None,
        price: Any = None,
        params: Params = NONE,
        *,
        id: str | None = None,
    ) -> Any:
        """Place an order.

        Without `type`, a price makes it a limit order and no price a market order; `id` is taken as
        the client order id. Params: clientOrderId, timeInForce (GTC, IOC, FOK, PO), postOnly, cost,
        triggerPrice (stopPrice), stopLossPrice, takeProfitPrice, trailingAmount, trailingPercent,
        selfTradePrevention, test.

        >>> # order = await exchange.create_order("BTC/USDT", "limit", "buy", 0.01, 50000)
        """
        if id is not None:
            params = {"clientOrderId": str(id), **params}
        message = (symbol, type, side, amount, price, params)
        return await self._client.call("create_order", symbol, message)

    async def create_limit_order(
        self, symbol: str, side: str, amount: Any, price: Any, params: Params = NONE
    ) -> Any:
        """A limit order."""
        return await self.create_order(symbol, "limit", side, amount, price, params)

    async def create_market_order(
        self, symbol: str, side: str, amount: Any, price: Any = None, params: Params = NONE
    ) -> Any:
        """A market order."""
        return await self.create_order(symbol, "market", side, amount, None, params)

    async def create_limit_buy_order(
        self, symbol: str, amount: Any, price: Any, params: Params = NONE
    ) -> Any:
        """A limit order to buy."""
        return await self.create_order(symbol, "limit", "buy", amount, price, params)

    async def create_limit_sell_order(
        self, symbol: str, amount: Any, price: Any, params: Params = NONE
    ) -> Any:
        """A limit order to sell."""
        return await self.create_order(symbol, "limit", "sell", amount, price, params)

    async def create_market_buy_order(self, symbol: str, amount: Any, params: Params = NONE) -> Any:
        """A market order to buy."""
        return await self.create_order(symbol, "market", "buy", amount, None, params)

    async def create_market_sell_order(
        self, symbol: str, amount: Any, params: Params = NONE
    ) -> Any:
        """A market order to sell."""
        return await self.create_order(symbol, "market", "sell", amount, None, params)

    async def create_market_order_with_cost(
        self, symbol: str, side: str, cost: Any, params: Params = NONE
    ) -> Any:
        """A market order for so much of the quote asset."""
        return await self.create_order(symbol, "market", side, None, None, {**params, "cost": cost})

    async def create_market_buy_order_with_cost(
        self, symbol: str, cost: Any, params: Params = NONE
    ) -> Any:
        """A market order that spends so much of the quote asset."""
        return await self.create_market_order_with_cost(symbol, "buy", cost, params)

    async def create_post_only_order(
        self, symbol: str, type: str, side: str, amount: Any, price: Any, params: Params = NONE
    ) -> Any:
        """A limit order that is refused where it would match at once."""
        return await self.create_order(
            symbol, type, side, amount, price, {**params, "postOnly": True}
        )

    async def create_trigger_order(
        self,
        symbol: str,
        type: str,
        side: str,
        amount: Any,
        price: Any = None,
        triggerPrice: Any = None,
        params: Params = NONE,
    ) -> Any:
        """An order that becomes live when the market reaches `triggerPrice`."""
        if triggerPrice is None:
            raise BadRequestError("create_trigger_order needs triggerPrice, not None")
        more = {**params, "triggerPrice": triggerPrice}
        return await self.create_order(symbol, type, side, amount, price, more)

    async def create_stop_order(
        self,
        symbol: str,
        type: str,
        side: str,
        amount: Any,
        price: Any = None,
        triggerPrice: Any = None,
        params: Params = NONE,
    ) -> Any:
        """The same as create_trigger_order."""
        return await self.create_trigger_order(
            symbol, type, side, amount, price, triggerPrice, params
        )

    async def create_stop_limit_order(
        self,
        symbol: str,
        side: str,
        amount: Any,
        price: Any,
        triggerPrice: Any,
        params: Params = NONE,
    ) -> Any:
        """A limit order behind a stop price."""
        return await self.create_trigger_order(
            symbol, "limit", side, amount, price, triggerPrice, params
        )

    async def create_stop_market_order(
        self, symbol: str, side: str, amount: Any, triggerPrice: Any, params: Params = NONE
    ) -> Any:
        """A market order behind a stop price."""
        return await self.create_trigger_order(
            symbol, "market", side, amount, None, triggerPrice, params
        )

    async def create_oco_order(
        self,
        symbol: str,
        side: str,
        amount: Any,
        price: Any,
        stopPrice: Any,
        stopLimitPrice: Any = None,
        params: Params = NONE,
    ) -> Any:
        """A limit order and a stop of which one ends the other; both orders, the limit first."""
        limit = (symbol, "limit", side, amount, price, dict(params))
        kind = "stop_loss" if stopLimitPrice is None else "stop_loss_limit"
        stop = (symbol, kind, side, amount, stopLimitPrice, {"triggerPrice": stopPrice})
        return await self._client.call("create_oco_order", symbol, (limit, stop))

    async def create_orders(
        self, orders: Sequence[Mapping[str, Any]], params: Params = NONE
    ) -> Any:
        """Place several orders, one after another; where one is refused, an entry says so."""
        if len(orders) > BATCH_MAX:
            raise BadRequestError(
                f"create_orders takes up to {BATCH_MAX} orders, not {len(orders)}"
            )
        placed: list[Any] = []
        for order in orders:
            try:
                placed.append(await self.create_order(**order))
            except FailingExchangeError as refused:
                placed.append({"info": {"error": str(refused)}, "id": None, "status": "rejected",
                               "symbol": order.get("symbol")})  # fmt: skip
        return placed

    async def edit_order(
        self,
        id: Any,
        symbol: str,
        type: str,
        side: str,
        amount: Any = None,
        price: Any = None,
        params: Params = NONE,
    ) -> Any:
        """Cancel an order and place another in one request; either half may be refused."""
        order = (symbol, type, side, amount, price, params)
        return await self._client.call("edit_order", symbol, (id, order, params))

    async def amend_order(self, id: Any, symbol: str, amount: Any, params: Params = NONE) -> Any:
        """Reduce an open order's amount; it keeps its place in the queue."""
        return await self._client.call("amend_order", symbol, (id, symbol, amount, params))

    async def cancel_order(self, id: Any, symbol: str | None = None, params: Params = NONE) -> Any:
        """Cancel an open order, by id, or with id None by params["clientOrderId"]."""
        return await self._client.call("cancel_order", symbol or "", (id, symbol, params))

    async def cancel_orders(
        self, ids: Sequence[Any], symbol: str | None = None, params: Params = NONE
    ) -> Any:
        """Cancel several orders, one after another; the first refusal is raised."""
        return [await self.cancel_order(id, symbol, params) for id in ids]

    async def cancel_all_orders(self, symbol: str | None = None, params: Params = NONE) -> Any:
        """Cancel every open order, of one market or of all."""
        return await self._client.call("cancel_all_orders", symbol or "", ())


NOT_SUPPORTED = (
    "withdraw", "transfer", "fetch_deposits", "fetch_withdrawals", "fetch_deposit_address",
    "fetch_ledger", "fetch_positions", "set_leverage", "set_margin_mode", "fetch_funding_rate",
)  # fmt: skip


def _not_supported(name: str) -> Any:
    async def refuse(self: UnifiedApi, *args: Any, **kwargs: Any) -> Any:
        raise NotSupportedError(f"{name} is not supported: this venue trades spot only")

    refuse.__name__ = name
    refuse.__doc__ = "Not supported here: raises NotSupportedError."
    return refuse


for _name in NOT_SUPPORTED:
    setattr(UnifiedApi, _name, _not_supported(_name))


def camel(name: str) -> str:
    """ccxt's camelCase name of a call.

    >>> camel("fetch_ohlcv"), camel("create_order")
    ('fetchOHLCV', 'createOrder')
    """
    first, *rest = name.split("_")
    return (first + "".join(part.capitalize() for part in rest)).replace("Ohlcv", "OHLCV")


def add_aliases(cls: type) -> None:
    """Let every call of a class be found under its camelCase name too."""
    for name in dir(cls):
        if "_" in name.strip("_") and not name.startswith("_") and callable(getattr(cls, name)):
            setattr(cls, camel(name), getattr(cls, name))
