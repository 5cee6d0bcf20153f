"""From a unified call to a command. A message is the tuple of the call's arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from failing_exchange.core import commands as c
from failing_exchange.core.market import ListedMarket, Market, Prevention
from failing_exchange.core.order import LIMIT_TYPES, OrderType, Side, TimeInForce, record
from failing_exchange.core.queries import (
    FetchBalance,
    FetchBook,
    FetchCandles,
    FetchFills,
    FetchMarkets,
    FetchOrder,
    FetchOrders,
    FetchStatus,
    FetchTicker,
    FetchTickers,
    FetchTime,
    FetchTrades,
)
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import ATOMS, MILLISECOND
from failing_exchange.journal.trip import Trip
from failing_exchange.text.number_checks import is_number
from failing_exchange.unified.numbers import atoms_of, hashable, lots_of, ticks_of
from failing_exchange.unified.timeframes import TIMEFRAMES

BUY, SELL, LIMIT, MARKET = Side.BUY, Side.SELL, OrderType.LIMIT, OrderType.MARKET
SIDES = {"buy": BUY, "sell": SELL, "BUY": BUY, "SELL": SELL}
# order type -> (as a limit order, as a market order) when a trigger price is given
KINDS: dict[str, OrderType] = {
    "limit": LIMIT,
    "market": MARKET,
    "limit_maker": LIMIT,
    "stop_loss": OrderType.STOP_LOSS,
    "stop_loss_limit": OrderType.STOP_LOSS_LIMIT,
    "take_profit": OrderType.TAKE_PROFIT,
    "take_profit_limit": OrderType.TAKE_PROFIT_LIMIT,
    "trailing_stop": OrderType.TRAILING_STOP,
}
ALIASES = {"stop": "stop_loss", "stop_market": "stop_loss", "stop_limit": "stop_loss_limit",
           "trailing_stop_market": "trailing_stop"}  # fmt: skip
TRIGGERS = {  # parameter -> (as a limit order, as a market order)
    "triggerPrice": (OrderType.STOP_LOSS_LIMIT, OrderType.STOP_LOSS),
    "stopPrice": (OrderType.STOP_LOSS_LIMIT, OrderType.STOP_LOSS),
    "stopLossPrice": (OrderType.STOP_LOSS_LIMIT, OrderType.STOP_LOSS),
    "takeProfitPrice": (OrderType.TAKE_PROFIT_LIMIT, OrderType.TAKE_PROFIT),
}
SINCE_MAX = 10**15  # milliseconds; a later `since` is refused
QUESTIONS_CACHED_MAX = 1_024  # the one that was not asked for longest is made again
CLIENT_ID_LENGTH_MAX = 64  # a longer client order id is refused


class Decoder:
    """Reads calls with the markets in force."""

    def __init__(self, listed: Mapping[str, ListedMarket]) -> None:
        self._listed = listed

    def decode(self, trip: Trip) -> Any:
        """The command of a trip; raises `Reject` for what cannot be read."""
        if trip.operation != "create_order":
            return DECODERS[trip.operation](self, trip)
        symbol, kind, side, amount, price, params = trip.message
        listed = self._listed.get(symbol) if symbol.__class__ is str else None
        usual = amount.__class__ is float and side in ("buy", "sell")
        if listed is None or params or not usual:
            return self.order(trip.account, trip.message)
        market = listed.market  # the busiest calls, without detours
        if kind == "limit" and (price.__class__ is float or price.__class__ is int):
            kind, ticks = LIMIT, ticks_of(price, market.price_step)
        elif kind == "market":
            kind, ticks = MARKET, 0
        else:
            return self.order(trip.account, trip.message)
        lots = lots_of(amount, market.amount_step)
        used = (trip.account, symbol, BUY if side == "buy" else SELL, kind, lots, ticks)
        return record(c.PlaceOrder, used + c.NO_OPTIONS)

    def market(self, symbol: object) -> Market:
        """A market by its unified symbol."""
        listed = self._listed.get(symbol) if isinstance(symbol, str) else None
        if listed is None:
            raise Reject(Reason.UNKNOWN_SYMBOL, f"Symbol not found: {symbol!r} is not traded here")
        return listed.market

    def order(self, account: str, arguments: tuple[Any, ...]) -> c.PlaceOrder:
        """(symbol, type, side, amount, price, params) as a command."""
        symbol, kind, side, amount, price, params = arguments
        market = self.market(symbol)
        found = SIDES.get(side if side.__class__ is str else str(side).lower())
        if found is None:
            raise Reject(
                Reason.INVALID_ORDER, f'Invalid side: {side!r} is neither "buy" nor "sell"'
            )
        return _of_any_kind(account, market, kind, found, amount, price, params or {})


def _of_any_kind(
    account: str,
    market: Market,
    kind: object,
    side: Side,
    amount: object,
    price: object,
    params: Mapping[str, Any],
) -> c.PlaceOrder:
    order_type, stop = _kind(kind, price, params)
    priced = order_type in LIMIT_TYPES
    if priced and price is None:
        raise Reject(
            Reason.INVALID_PRICE, f"Invalid price: a {order_type} order needs one, not None"
        )
    cost = _one_of(params, "cost", "quoteOrderQty")
    by_cost = cost is not None
    if by_cost and priced:
        raise Reject(
            Reason.INVALID_ORDER, f"Invalid order: a {order_type} order takes no cost ({cost!r})"
        )
    return c.PlaceOrder(
        account=account,
        symbol=market.symbol,
        side=side,
        kind=order_type,
        lots=0 if by_cost else lots_of(hashable(amount), market.amount_step),
        ticks=_ticks(market, price) if priced else 0,
        cost=atoms_of(hashable(cost)) if by_cost else 0,
        time_in_force=_time_in_force(params),
        post_only=_post_only(kind, priced, params),
        client_id=_client_id(params),
        stop_ticks=_ticks(market, stop) if stop is not None else 0,
        trail_ticks=_trail(market, price, params) if order_type is OrderType.TRAILING_STOP else 0,
        prevention=_prevention(params),
        test=bool(params.get("test")),
    )


def _one_of(params: Mapping[str, Any], *names: str) -> Any:
    """The value of the one param that is given; raises `Reject` where there are two."""
    given = {name: params[name] for name in names if params.get(name) is not None}
    if len(given) > 1:
        both = " and ".join(f"{name} {value!r}" for name, value in given.items())
        raise Reject(Reason.INVALID_ORDER, f"Invalid order: {both}: give only one of them")
    return next(iter(given.values()), None)


def _ticks(market: Market, price: object) -> int:
    return ticks_of(hashable(price), market.price_step)


def _post_only(kind: object, priced: bool, params: Mapping[str, Any]) -> bool:
    wanted = bool(params.get("postOnly")) or _force(params) == "PO"
    if str(kind).lower() != "limit_maker" and not wanted:
        return False
    force = _time_in_force(params)
    if not priced or force is not TimeInForce.GTC:
        what = f"{force} order" if priced else "order without a price"
        raise Reject(Reason.INVALID_ORDER, f"Invalid order: an {what} can't be post-only")
    return True


def _kind(
    kind: object, price: object, params: Mapping[str, Any]
) -> tuple[OrderType, object | None]:
    """The order type and its trigger price. Without a type, a price makes it a limit order."""
    if kind is None:
        kind = "market" if price is None else "limit"
    name = ALIASES.get(str(kind).lower(), str(kind).lower())
    found = KINDS.get(name)
    if found is None:
        known = ", ".join([*KINDS, *ALIASES])
        raise Reject(Reason.INVALID_ORDER, f"Invalid type: {kind!r} is none of {known}")
    if _one_of(params, *TRIGGERS, "trailingAmount", "trailingPercent") is None:
        return found, None
    for name, (as_limit, as_market) in TRIGGERS.items():
        if params.get(name) is not None:
            plain = found in (LIMIT, MARKET)
            as_priced = as_limit if found is LIMIT else as_market
            return (as_priced if plain else found), params[name]
    return OrderType.TRAILING_STOP, None


def _trail(market: Market, price: object, params: Mapping[str, Any]) -> int:
    if params.get("trailingAmount") is not None:
        return _ticks(market, params["trailingAmount"])
    percent = params.get("trailingPercent")
    if percent is None or price is None:
        raise Reject(
            Reason.INVALID_ORDER,
            "Invalid order: a trailing stop needs params trailingAmount, or trailingPercent "
            "with a reference price",
        )
    return max(1, _ticks(market, price) * atoms_of(hashable(percent)) // (100 * ATOMS))


def _force(params: Mapping[str, Any]) -> str:
    return str(params.get("timeInForce") or "").upper()


def _time_in_force(params: Mapping[str, Any]) -> TimeInForce:
    text = _force(params)
    if not text or text == "PO":
        return TimeInForce.GTC
    if text not in TimeInForce.__members__:
        raise Reject(
            Reason.INVALID_ORDER, f"Invalid timeInForce: {text!r} is not GTC, IOC, FOK or PO"
        )
    return TimeInForce(text)


def _client_id(params: Mapping[str, Any]) -> str:
    value = params.get("clientOrderId") or params.get("newClientOrderId") or ""
    if not isinstance(value, str) or len(value) > CLIENT_ID_LENGTH_MAX:
        raise Reject(
            Reason.BAD_REQUEST,
            f"Invalid clientOrderId: {value!r} is not a string of at most {CLIENT_ID_LENGTH_MAX} "
            "characters",
        )
    return value


def _prevention(params: Mapping[str, Any]) -> Prevention | None:
    value = params.get("selfTradePrevention") or params.get("selfTradePreventionMode")
    if value is None:
        return None
    name = str(value).upper()
    if name not in Prevention.__members__:
        raise Reject(
            Reason.INVALID_ORDER,
            f"Invalid selfTradePrevention: {value!r} is none of "
            + ", ".join(Prevention.__members__),
        )
    return Prevention[name]


def order_id_of(value: object, params: Mapping[str, Any]) -> tuple[int, str]:
    """(order id, client order id) of a call that names an order."""
    client_id = _client_id(params) or str(params.get("origClientOrderId") or "")
    if value in (None, "") and client_id:
        return 0, client_id
    text = str(value)
    if not text.isascii() or not text.isdigit() or len(text) > 18 or text == "0":
        raise Reject(
            Reason.ORDER_NOT_FOUND, f"Order not found: {value!r} is not an order id of this venue"
        )
    return int(text), ""


def _instant(since: Any) -> int:
    if since is None:
        return 0
    if not is_number(since) or not 0 <= since < SINCE_MAX:
        raise Reject(Reason.BAD_REQUEST, f"Invalid since: {since!r} is not a time in milliseconds")
    return int(since) * MILLISECOND or 1  # 0 says that none was given


def _until(values: list[Any]) -> int:
    """The instant of a param `until`, which follows in a message where it is given; 0 = none."""
    return _instant(values[0]) if values else 0


def _limit(value: Any, default: int, most: int) -> int:
    if value is None:
        return default
    if not is_number(value) or not value >= 1:
        raise Reject(Reason.BAD_REQUEST, f"Invalid limit: {value!r} is not a number of at least 1")
    return int(min(value, most))


def _create_list(d: Decoder, t: Trip) -> Any:
    first, second = (d.order(t.account, leg) for leg in t.message)
    return c.PlaceOrderList(t.account, (first, second))


def _cancel(d: Decoder, t: Trip) -> Any:
    value, symbol, params = t.message
    if symbol:
        d.market(symbol)
    return c.CancelOrder(t.account, symbol or "", *order_id_of(value, params))


def _cancel_all(d: Decoder, t: Trip) -> Any:
    if t.symbol:
        d.market(t.symbol)
    return c.CancelAllOrders(t.account, t.symbol)


def _edit(d: Decoder, t: Trip) -> Any:
    value, order, params = t.message
    cancel = c.CancelOrder(t.account, order[0], *order_id_of(value, params))
    return c.ReplaceOrder(cancel, d.order(t.account, order))


def _amend(d: Decoder, t: Trip) -> Any:
    value, symbol, amount, params = t.message
    order_id, client_id = order_id_of(value, params)
    lots = lots_of(hashable(amount), d.market(symbol).amount_step)
    return c.AmendOrder(t.account, symbol, order_id, lots, client_id)


def _order(d: Decoder, t: Trip) -> Any:
    value, symbol, params = t.message
    if symbol:
        d.market(symbol)
    return FetchOrder(t.account, symbol or "", *order_id_of(value, params))


def _orders(which: str) -> Callable[[Decoder, Trip], Any]:
    def decode(d: Decoder, t: Trip) -> Any:
        since, limit, *until = t.message
        if t.symbol:
            d.market(t.symbol)
        most = None if limit is None else _limit(limit, 500, 10_000)
        return FetchOrders(t.account, t.symbol, which, _instant(since), most, until=_until(until))

    return decode


def _fills(d: Decoder, t: Trip) -> Any:
    order_id, since, limit, *until = t.message
    if t.symbol:
        d.market(t.symbol)
    number = order_id_of(order_id, {})[0] if order_id is not None else 0
    most = None if limit is None else _limit(limit, 500, 10_000)
    return FetchFills(t.account, t.symbol, number, _instant(since), most, until=_until(until))


def _book(d: Decoder, t: Trip) -> Any:
    d.market(t.symbol)
    return FetchBook(t.account, t.symbol, _limit(t.message, 100, 5_000))


def _trades(d: Decoder, t: Trip) -> Any:
    since, limit, *until = t.message
    d.market(t.symbol)
    most = _limit(limit, 500, 1_000)
    return FetchTrades(t.account, t.symbol, _instant(since), most, until=_until(until))


def _candles(d: Decoder, t: Trip) -> Any:
    timeframe, since, limit, *until = t.message
    d.market(t.symbol)
    seconds = TIMEFRAMES.get(timeframe) if isinstance(timeframe, str) else None
    if seconds is None:
        raise Reject(
            Reason.BAD_REQUEST,
            f"Invalid timeframe: {timeframe!r} is none of {', '.join(TIMEFRAMES)}",
        )
    since, most, last = _instant(since), _limit(limit, 500, 1_500), _until(until)
    return FetchCandles(t.account, t.symbol, seconds, since, most, until=last)


@lru_cache(maxsize=QUESTIONS_CACHED_MAX)
def _ask_ticker(account: str, symbol: str) -> FetchTicker:
    """One for all who ask the same: the journal keeps what was asked."""
    return FetchTicker(account, symbol)


def _ticker(d: Decoder, t: Trip) -> Any:
    return _ask_ticker(t.account, t.symbol)


def _tickers(d: Decoder, t: Trip) -> Any:
    for symbol in t.message:
        d.market(symbol)
    return FetchTickers(t.account, t.message)


DECODERS: dict[str, Callable[[Decoder, Trip], Any]] = {
    "create_order": lambda d, t: d.order(t.account, t.message),
    "create_oco_order": _create_list,
    "cancel_order": _cancel,
    "cancel_all_orders": _cancel_all,
    "edit_order": _edit,
    "amend_order": _amend,
    "fetch_order": _order,
    "fetch_open_orders": _orders("open"),
    "fetch_closed_orders": _orders("closed"),
    "fetch_canceled_orders": _orders("canceled"),
    "fetch_orders": _orders("all"),
    "fetch_my_trades": _fills,
    "fetch_order_trades": _fills,
    "fetch_balance": lambda d, t: FetchBalance(t.account),
    "fetch_ticker": _ticker,
    "fetch_tickers": _tickers,
    "fetch_bids_asks": _tickers,
    "fetch_last_prices": _tickers,
    "fetch_order_book": _book,
    "fetch_trades": _trades,
    "fetch_ohlcv": _candles,
    "fetch_markets": lambda d, t: FetchMarkets(t.account),
    "fetch_currencies": lambda d, t: FetchMarkets(t.account),
    "fetch_trading_fees": lambda d, t: FetchMarkets(t.account),
    "fetch_time": lambda d, t: FetchTime(t.account),
    "fetch_status": lambda d, t: FetchStatus(t.account),
}
