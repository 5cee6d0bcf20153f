"""ccxt's unified calls that change something: orders and their ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from failing_exchange.client.call_params import NONE, Params, own, with_param
from failing_exchange.client.unified_api import Symbol, UnifiedRequests, is_contract
from failing_exchange.errors import BadRequestError, ExchangeError, NotSupportedError
from failing_exchange.text.spelling import did_you_mean
from failing_exchange.unified.order_dicts import refused_order

CONTRACT_BATCH_MAX = 5  # orders of contracts in one request, as on Binance; more are refused
BATCH_MAX = 1_000  # orders in one call that takes a list; more are refused


class OrderApi(UnifiedRequests):
    """ccxt's calls that place, change and cancel orders; one request each, unless it says more.

    Amounts are in the base asset, prices and costs in the quote asset; both may be a float, a
    string or a Decimal. Amounts are cut to the market's step and prices rounded to it, as ccxt
    does before it sends. Each call returns ccxt's order structure.

    Raises, besides what faults bring about:
        BadRequestError: an unknown param, or a value that makes no sense; nothing was sent.
        InvalidOrderError and its kinds: the order breaks a rule of its market.
        InsufficientBalanceError: not enough is free.
        OrderNotFoundError: nothing to cancel or change under that id.
        RateLimitError, BannedError, MarketClosedError, ExchangeMaintenanceError: not now.
        RequestTimeoutError: no answer in time. The order may stand all the same: look it up by its
            client order id before you send another.

    >>> from failing_exchange import FailingExchange, simulate
    >>> async def main():
    ...     exchange = FailingExchange(seed=7)
    ...     order = await exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000)
    ...     canceled = await exchange.cancel_order(order["id"], "BTC/USDT")
    ...     return order["status"], order["remaining"], canceled["status"]
    >>> simulate(main())
    ('open', 0.1, 'canceled')
    """

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
        """Place an order and return it as it stands then: `status` "open", "closed" (filled) …

        Without `type`, a price makes it a limit order and no price a market order; `id` is taken as
        the client order id. `amount` is in the base asset, `price` and `cost` in the quote asset.
        Params: clientOrderId, timeInForce (GTC, IOC, FOK, PO), postOnly, cost (quoteOrderQty; of a
        market order, instead of the amount), one of triggerPrice (stopPrice), stopLossPrice,
        takeProfitPrice, trailingAmount and trailingPercent, selfTradePrevention, test. For
        contracts: conditional orders wait beside the book, with a trailingPercent from
        trailingTriggerPrice on, workingType (CONTRACT_PRICE or MARK_PRICE), priceProtect and
        closePosition (of all of the position; no amount); further goodTillDate (with a timeInForce
        of GTD), priceMatch (of a limit order, whose own price is ignored then, as in ccxt: OPPONENT
        or QUEUE, the best price of the other or the own side, or with _5, _10, _20 behind it that
        level), reduceOnly, positionSide ("LONG" or "SHORT" in hedge mode), or hedged (a buy is
        for the long position; with reduceOnly it closes the short one).

        The errors are those of the class; the gravest is RequestTimeoutError.

        >>> from failing_exchange import FailingExchange, RequestTimeoutError, simulate
        >>> async def main():
        ...     exchange = FailingExchange(seed=7)
        ...     exchange.arm("lose_answer", operations="create_order")
        ...     try:
        ...         await exchange.create_order("BTC/USDT", "market", "buy", 0.1, id="mine-1")
        ...     except RequestTimeoutError:
        ...         known = {"clientOrderId": "mine-1"}
        ...         order = await exchange.fetch_order(None, "BTC/USDT", known)
        ...         return order["status"], order["filled"]
        >>> simulate(main())
        ('closed', 0.1)
        """
        if id is not None:
            params = with_param(params, "clientOrderId", str(id))
        kept = own("create_order", params) if params else None
        message = (symbol, type, side, amount, price, kept)
        return await self._client.call("create_order", symbol, message)

    async def create_limit_order(
        self, symbol: str, side: str, amount: Any, price: Any, params: Params = NONE
    ) -> Any:
        """Place a limit order."""
        return await self.create_order(symbol, "limit", side, amount, price, params)

    async def create_market_order(
        self, symbol: str, side: str, amount: Any, price: Any = None, params: Params = NONE
    ) -> Any:
        """Place a market order; `price` is ignored, as in ccxt."""
        return await self.create_order(symbol, "market", side, amount, None, params)

    async def create_limit_buy_order(
        self, symbol: str, amount: Any, price: Any, params: Params = NONE
    ) -> Any:
        """Place a limit order that buys."""
        return await self.create_order(symbol, "limit", "buy", amount, price, params)

    async def create_limit_sell_order(
        self, symbol: str, amount: Any, price: Any, params: Params = NONE
    ) -> Any:
        """Place a limit order that sells."""
        return await self.create_order(symbol, "limit", "sell", amount, price, params)

    async def create_market_buy_order(self, symbol: str, amount: Any, params: Params = NONE) -> Any:
        """Place a market order that buys."""
        return await self.create_order(symbol, "market", "buy", amount, None, params)

    async def create_market_sell_order(
        self, symbol: str, amount: Any, params: Params = NONE
    ) -> Any:
        """Place a market order that sells."""
        return await self.create_order(symbol, "market", "sell", amount, None, params)

    async def create_market_order_with_cost(
        self, symbol: str, side: str, cost: Any, params: Params = NONE
    ) -> Any:
        """Place a market order for `cost`, an amount of the quote asset."""
        more = with_param(params, "cost", cost)
        return await self.create_order(symbol, "market", side, None, None, more)

    async def create_market_buy_order_with_cost(
        self, symbol: str, cost: Any, params: Params = NONE
    ) -> Any:
        """Place a market order that spends `cost` of the quote asset."""
        return await self.create_market_order_with_cost(symbol, "buy", cost, params)

    async def create_market_sell_order_with_cost(
        self, symbol: str, cost: Any, params: Params = NONE
    ) -> Any:
        """Place a market order that receives `cost` of the quote asset."""
        return await self.create_market_order_with_cost(symbol, "sell", cost, params)

    async def create_post_only_order(
        self, symbol: str, type: str, side: str, amount: Any, price: Any = None,
        params: Params = NONE
    ) -> Any:  # fmt: skip
        """Place a limit order that is refused (OrderWouldMatchError) if it would match at once."""
        more = with_param(params, "postOnly", True)
        return await self.create_order(symbol, type, side, amount, price, more)

    async def create_trigger_order(
        self, symbol: str, type: str, side: str, amount: Any, price: Any = None,
        triggerPrice: Any = None, params: Params = NONE
    ) -> Any:  # fmt: skip
        """Place an order that becomes live when the last price reaches `triggerPrice`."""
        if triggerPrice is None:
            raise BadRequestError("create_trigger_order needs triggerPrice, not None")
        more = with_param(params, "triggerPrice", triggerPrice)
        return await self.create_order(symbol, type, side, amount, price, more)

    create_stop_order = create_trigger_order

    async def create_stop_limit_order(
        self, symbol: str, side: str, amount: Any, price: Any, triggerPrice: Any,
        params: Params = NONE
    ) -> Any:  # fmt: skip
        """Place a limit order that becomes live at `triggerPrice`."""
        return await self.create_trigger_order(
            symbol, "limit", side, amount, price, triggerPrice, params
        )

    async def create_stop_market_order(
        self, symbol: str, side: str, amount: Any, triggerPrice: Any, params: Params = NONE
    ) -> Any:
        """Place a market order that becomes live at `triggerPrice`."""
        return await self.create_trigger_order(
            symbol, "market", side, amount, None, triggerPrice, params
        )

    async def create_stop_loss_order(
        self, symbol: str, type: str, side: str, amount: Any, price: Any = None,
        stopLossPrice: Any = None, params: Params = NONE
    ) -> Any:  # fmt: skip
        """Place an order that becomes live when the price has moved against it."""
        more = with_param(params, "stopLossPrice", _given("stopLossPrice", stopLossPrice))
        return await self.create_order(symbol, type, side, amount, price, more)

    async def create_take_profit_order(
        self, symbol: str, type: str, side: str, amount: Any, price: Any = None,
        takeProfitPrice: Any = None, params: Params = NONE
    ) -> Any:  # fmt: skip
        """Place an order that becomes live when the price has moved in its favour."""
        more = with_param(params, "takeProfitPrice", _given("takeProfitPrice", takeProfitPrice))
        return await self.create_order(symbol, type, side, amount, price, more)

    async def create_trailing_percent_order(
        self, symbol: str, type: str, side: str, amount: Any, price: Any = None,
        trailingPercent: Any = None, trailingTriggerPrice: Any = None, params: Params = NONE
    ) -> Any:  # fmt: skip
        """Place a stop that follows the best price by a percentage; see `create_order`."""
        more = with_param(params, "trailingPercent", _given("trailingPercent", trailingPercent))
        if trailingTriggerPrice is not None:
            more = with_param(more, "trailingTriggerPrice", trailingTriggerPrice)
        return await self.create_order(symbol, type, side, amount, price, more)

    async def create_reduce_only_order(
        self, symbol: str, type: str, side: str, amount: Any, price: Any = None,
        params: Params = NONE
    ) -> Any:  # fmt: skip
        """Place an order of a contract that only makes a position smaller."""
        more = with_param(params, "reduceOnly", True)
        return await self.create_order(symbol, type, side, amount, price, more)

    async def create_oco_order(
        self, symbol: str, side: str, amount: Any, price: Any, stopPrice: Any,
        stopLimitPrice: Any = None, params: Params = NONE
    ) -> Any:  # fmt: skip
        """Place a limit order and a stop of which the first to trade ends the other.

        Returns both orders, the limit order first.
        """
        limit = (symbol, "limit", side, amount, price, own("create_oco_order", params))
        kind = "stop_loss" if stopLimitPrice is None else "stop_loss_limit"
        stop = (symbol, kind, side, amount, stopLimitPrice, {"triggerPrice": stopPrice})
        return await self._client.call("create_oco_order", symbol, (limit, stop))

    async def create_orders(
        self, orders: Sequence[Mapping[str, Any]], params: Params = NONE
    ) -> Any:
        """Place several orders, one request after another; return an entry for each.

        `orders` are mappings of `create_order`'s arguments. A refused order has status "rejected"
        and its reason in `info`; what is unknown of it is None. An order whose outcome is unknown
        ends the batch: that is raised. Orders that are all for contracts are one request, of 5 at
        most; none may be conditional.
        """
        own("create_orders", params)
        asked = [_order(one, n) for n, one in enumerate(_listed(orders, "orders"))]
        if len(asked) > BATCH_MAX:
            raise BadRequestError(f"create_orders takes up to {BATCH_MAX} orders, not {len(asked)}")
        if asked and all(is_contract(order["symbol"]) for order in asked):
            return await self._batch(asked)
        placed: list[Any] = []
        for order in asked:
            try:
                placed.append(await self.create_order(**order))
            except ExchangeError as refused:
                placed.append(refused_order(str(refused), order["symbol"]))
        return placed

    async def _batch(self, asked: list[Mapping[str, Any]]) -> Any:
        """Orders of contracts in one request."""
        return await self._send_batch("create_orders", asked, map(_arguments, asked))

    async def _send_batch(
        self, call: str, asked: Sequence[Mapping[str, Any]], orders: Iterable[Any]
    ) -> Any:
        """A batch of contracts; the answer has an entry for each."""
        if len(asked) > CONTRACT_BATCH_MAX:
            raise BadRequestError(
                f"{call} takes up to {CONTRACT_BATCH_MAX} orders of contracts, not {len(asked)}"
            )
        symbols = dict.fromkeys(order["symbol"] for order in asked)
        symbol = next(iter(symbols)) if len(symbols) == 1 else ""
        found = await self._client.call(call, symbol, tuple(orders))
        if isinstance(found, list) and len(found) == len(asked):
            for entry, order in zip(found, asked, strict=True):
                if isinstance(entry, dict):
                    entry["symbol"] = entry.get("symbol") or order["symbol"]
        return found

    async def edit_order(
        self, id: Any, symbol: str, type: str, side: str, amount: Any = None, price: Any = None,
        params: Params = NONE
    ) -> Any:  # fmt: skip
        """Cancel an order and place another in one request; return the new one.

        An open limit order of a contract is changed instead: price and amount, not side; it keeps
        its id, and goes to the end of the queue.

        Raises OrderNotFoundError if there is nothing to cancel: then nothing is placed. Raises what
        `create_order` does if the new order is refused: then the old one may be gone.
        """
        kept = own("edit_order", params)
        order = (symbol, type, side, amount, price, kept)
        return await self._client.call("edit_order", symbol, (id, order, kept))

    async def edit_orders(self, orders: Sequence[Mapping[str, Any]], params: Params = NONE) -> Any:
        """Change up to 5 open limit orders of contracts in one request; return an entry for each.

        `orders` are mappings of `edit_order`'s arguments. A refused change has status "rejected",
        and its reason in `info`; the order stays as it was.
        """
        own("edit_orders", params)
        listed = _listed(orders, "orders")
        ids = [one.get("id") if isinstance(one, Mapping) else None for one in listed]
        asked = [_order(_without_id(one), number) for number, one in enumerate(listed)]
        spot = [one["symbol"] for one in asked if not is_contract(one["symbol"])]
        if spot:
            raise NotSupportedError(f"edit_orders changes orders of contracts, not of {spot[0]}")
        changes = zip(ids, map(_arguments, asked), strict=True)
        return await self._send_batch("edit_orders", asked, changes)

    async def amend_order(self, id: Any, symbol: str, amount: Any, params: Params = NONE) -> Any:
        """Reduce an open order's amount to `amount`; it keeps its place in the order book."""
        kept = own("amend_order", params)
        return await self._client.call("amend_order", symbol, (id, symbol, amount, kept))

    async def cancel_order(self, id: Any, symbol: Symbol = None, params: Params = NONE) -> Any:
        """Cancel an open order by id, or with `id=None` by params["clientOrderId"]; return it.

        Params: trigger (True: the id is that of a conditional order of a contract).

        Raises OrderNotFoundError if it has ended or never was: look at what it did.
        """
        kept = own("cancel_order", params)
        return await self._client.call("cancel_order", symbol or "", (id, symbol, kept))

    async def cancel_orders(
        self, ids: Sequence[Any], symbol: Symbol = None, params: Params = NONE
    ) -> Any:
        """Cancel several orders, one request after another; the first refusal is raised."""
        return [await self.cancel_order(id, symbol, params) for id in _listed(ids, "ids")]

    async def cancel_all_orders(self, symbol: Symbol = None, params: Params = NONE) -> Any:
        """Cancel every open order of one market, or of all of one type; return them.

        Params: trigger (True: the conditional orders of contracts, and no others); type, as in
        `fetch_tickers`.
        """
        kept = dict(own("cancel_all_orders", params))
        named = "" if symbol else self._type(kept)
        if named:
            kept["type"] = named
        return await self._client.call("cancel_all_orders", symbol or "", kept or ())


def _given(name: str, value: Any) -> Any:
    if value is None:
        raise BadRequestError(f"the order needs {name}, not None")
    return value


ORDER_KEYS = ("symbol", "type", "side", "amount", "price", "params", "id")


def _order(order: object, n: int) -> Mapping[str, Any]:
    """One entry of a batch: the arguments of `create_order`."""
    if not isinstance(order, Mapping) or "symbol" not in order:
        raise BadRequestError(f"orders[{n}] must be a mapping with a symbol, not {order!r}")
    for key in order:
        if key not in ORDER_KEYS:
            raise BadRequestError(
                f"orders[{n}] has {key!r}{did_you_mean(key, ORDER_KEYS)}; the keys are "
                f"{', '.join(ORDER_KEYS)}"
            )
    return order


def _without_id(order: object) -> object:
    """The arguments of an edit as those of a new order: its id names the order to change."""
    if not isinstance(order, Mapping):
        return order
    return {name: value for name, value in order.items() if name != "id"}


def _arguments(order: Mapping[str, Any]) -> tuple[Any, ...]:
    """The message of one order of a batch."""
    params = order.get("params")
    if order.get("id") is not None:
        params = with_param(params, "clientOrderId", str(order["id"]))
    kept = own("create_order", params) if params else None
    values = [order.get(name) for name in ("symbol", "type", "side", "amount", "price")]
    return (*values, kept)


def _listed(values: Any, name: str) -> list[Any]:
    """Check for a list, and refuse a string, which would be a list of letters."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise BadRequestError(f"{name} must be a list, not {values!r}")
    return list(values)
