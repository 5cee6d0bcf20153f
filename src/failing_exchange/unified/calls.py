"""The unified calls: a row for each in `CALLS`, and what reads and writes them.

A message is what a method of `client` sends for its arguments. A new call is such a method, a row,
and the command or query of `core` behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import lru_cache
from typing import Any, NamedTuple

from failing_exchange.core import commands as c, contract_queries as cq, queries as q
from failing_exchange.core.commands import NO_OPTIONS, PlaceOrder
from failing_exchange.core.conditional_order import Conditionals, ConditionalSnapshot
from failing_exchange.core.order import Fill, OrderSnapshot, record
from failing_exchange.core.reject import Reason, Refusal, Reject
from failing_exchange.core.units import MILLISECOND
from failing_exchange.journal.trip import Edited, Trip
from failing_exchange.unified import contracts, structures as write
from failing_exchange.unified.contract_calls import (
    CONTRACT_CALLS,
    QUESTIONS_CACHED_MAX,
    kinds_of,
    price_candles,
    read_balance,
    write_changed_positions,
    write_liquidation,
    write_liquidations,
)
from failing_exchange.unified.contract_data import price_candles as write_price_candles
from failing_exchange.unified.decode import Decoder, order_id_of
from failing_exchange.unified.message_fields import instant_of, limit_of, until_of
from failing_exchange.unified.numbers import LOTS, TICKS, hashable, lots_of
from failing_exchange.unified.order_dicts import order, public_trade, refused_order, trade
from failing_exchange.unified.order_params import BUY, CONTRACT_PARAMS, LIMIT, MARKET, SELL
from failing_exchange.unified.timeframes import seconds_of
from failing_exchange.unified.trigger_orders import trigger_order


class Codec(Decoder):
    """Reads calls into commands, and writes answers as ccxt's structures."""

    def decode(self, trip: Trip) -> Any:
        """The command of a trip; raises `Reject` for what cannot be read."""
        if trip.operation != "create_order":
            return READERS[trip.operation](self, trip)
        symbol, kind, side, amount, price, params = trip.message
        listed = self.listed.get(symbol) if symbol.__class__ is str else None
        if listed is None or params or amount.__class__ is not float or side not in ("buy", "sell"):
            return self.order(trip.account, trip.message)
        market = listed.market  # the busiest calls, without detours
        if kind == "limit" and (price.__class__ is float or price.__class__ is int):
            kind, ticks = LIMIT, TICKS[price, market.price_step]
        elif kind == "market":
            kind, ticks = MARKET, 0
        else:
            return self.order(trip.account, trip.message)
        lots = LOTS[amount, market.amount_step]
        used = (trip.account, symbol, BUY if side == "buy" else SELL, kind, lots, ticks)
        return record(PlaceOrder, used + NO_OPTIONS)

    def encode(self, operation: str, told: Any) -> Any:
        """What the client gets for an answer: made anew, so that changing it changes nothing."""
        if told.__class__ is OrderSnapshot:
            return order(told, self.listed[told.order.symbol].market)
        if told.__class__ is Edited:
            return _edit(self.encode(operation, told.answer), told.edits)
        return WRITERS[operation](self, told)


# ---- reading messages


def _window(since: Any, limit: Any) -> tuple[int, int | None]:
    """The first instant and the number of entries of an account's list; None = all."""
    return instant_of(since), None if limit is None else limit_of(limit, 500, 10_000)


def _pair(d: Codec, t: Trip) -> Any:
    first, second = (d.order(t.account, leg) for leg in t.message)
    if not isinstance(first, c.PlaceOrder) or not isinstance(second, c.PlaceOrder):
        raise Reject(
            Reason.NOT_SUPPORTED,
            f"create_oco_order is not supported for contracts ({t.symbol}): place a stopLossPrice "
            "and a takeProfitPrice, each with closePosition",
        )
    return c.PlaceOrderList(t.account, (first, second))


def _cancel(d: Codec, t: Trip) -> Any:
    value, symbol, params = t.message
    command = c.CancelConditional if is_conditional(params) else c.CancelOrder
    return command(t.account, d.known(symbol), *order_id_of(value, params))


def _cancel_all(d: Codec, t: Trip) -> Any:
    symbol = d.known(t.symbol)
    if is_conditional(t.message):
        return c.CancelAllConditionals(t.account, symbol)
    kind = dict(t.message).get("type", "")
    return c.CancelAllOrders(t.account, symbol, kinds=() if symbol else kinds_of(d, kind))


def _edit_order(d: Codec, t: Trip) -> Any:
    value, order, params = t.message
    if d.market(order[0]).contract is not None:
        return _change(d, t.account, order, order_id_of(value, params))
    cancel = c.CancelOrder(t.account, order[0], *order_id_of(value, params))
    wanted = d.order(t.account, order)
    assert isinstance(wanted, c.PlaceOrder)  # of a spot market
    return c.ReplaceOrder(cancel, wanted)


def _change(d: Codec, account: str, order: tuple[Any, ...], named: tuple[int, str]) -> Any:
    """The change of an open limit order of a contract: it keeps its id."""
    wanted = d.order(account, order)
    if not isinstance(wanted, c.PlaceOrder) or wanted.kind is not LIMIT:
        raise Reject(
            Reason.NOT_SUPPORTED, f"edit_order changes limit orders of contracts, not {order[1]!r}"
        )
    return c.ChangeOrder(
        account, wanted.symbol, *named, wanted.lots, wanted.ticks, wanted.peg, side=wanted.side
    )


def _edits(d: Codec, t: Trip) -> Any:
    return c.BatchOrders(t.account, tuple(_edit_or_refused(d, t.account, o) for o in t.message))


def _edit_or_refused(d: Codec, account: str, asked: tuple[Any, ...]) -> Any:
    value, order = asked
    try:
        return _change(d, account, order, order_id_of(value, order[-1] or {}))
    except Reject as refused:
        return Refusal(refused.reason, refused.text)


def _batch(d: Codec, t: Trip) -> Any:
    return c.BatchOrders(t.account, tuple(_placed_or_refused(d, t.account, o) for o in t.message))


def _placed_or_refused(d: Codec, account: str, order: tuple[Any, ...]) -> Any:
    try:
        wanted = d.order(account, order)
    except Reject as refused:
        return Refusal(refused.reason, refused.text)
    if isinstance(wanted, c.PlaceConditional):
        return Refusal(Reason.NOT_SUPPORTED, "create_orders takes no conditional orders")
    return wanted


def _amend(d: Codec, t: Trip) -> Any:
    value, symbol, amount, params = t.message
    order_id, client_id = order_id_of(value, params)
    lots = lots_of(hashable(amount), d.market(symbol).amount_step)
    return c.AmendOrder(t.account, symbol, order_id, lots, client_id)


def _one(d: Codec, t: Trip) -> Any:
    value, symbol, params = t.message
    if is_conditional(params):
        return q.FetchConditional(t.account, d.known(symbol), *order_id_of(value, params))
    return q.FetchOrder(t.account, d.known(symbol), *order_id_of(value, params))


def _orders(which: str) -> Callable[[Codec, Trip], Any]:
    def decode(d: Codec, t: Trip) -> Any:
        kinds, message = _scope(d, t)
        trigger = message[0] == TRIGGER
        since, limit, *until = message[1:] if trigger else message
        symbol, (start, most) = d.known(t.symbol), _window(since, limit)
        if trigger:
            wanted = "open" if which == "open" else "all"
            last = until_of(until)
            return q.FetchConditionals(t.account, symbol, wanted, start, last, limit=most)
        last = until_of(until)
        return q.FetchOrders(t.account, symbol, which, start, most, until=last, kinds=kinds)

    return decode


def _own_fills(d: Codec, t: Trip) -> Any:
    kinds, (order_id, since, limit, *until) = _scope(d, t)
    symbol, number = d.known(t.symbol), order_id_of(order_id, {})[0] if order_id is not None else 0
    start, most = _window(since, limit)
    last = until_of(until)
    return q.FetchFills(t.account, symbol, number, start, most, until=last, kinds=kinds)


def _book(d: Codec, t: Trip) -> Any:
    d.market(t.symbol)
    return q.FetchBook(t.account, t.symbol, limit_of(t.message, 100, 5_000))


def _trades(d: Codec, t: Trip) -> Any:
    since, limit, *until = t.message
    d.market(t.symbol)
    most = limit_of(limit, 500, 1_000)
    return q.FetchTrades(t.account, t.symbol, instant_of(since), most, until=until_of(until))


def _candles(d: Codec, t: Trip) -> Any:
    timeframe, since, limit, *until = t.message
    d.market(t.symbol)
    seconds = seconds_of(timeframe)
    since, most, last = instant_of(since), limit_of(limit, 500, 1_500), until_of(until)
    if len(until) > 1:
        return price_candles(d, t, until[1], seconds, (since, most, last))
    return q.FetchCandles(t.account, t.symbol, seconds, since, most, until=last)


@lru_cache(maxsize=QUESTIONS_CACHED_MAX)
def _ask_ticker(account: str, symbol: str) -> q.FetchTicker:
    """One for all who ask the same: the journal keeps what was asked."""
    return q.FetchTicker(account, symbol)


def _ticker(d: Codec, t: Trip) -> Any:
    return _ask_ticker(t.account, t.symbol)


def _tickers(d: Codec, t: Trip) -> Any:
    kinds, symbols = _scope(d, t)
    for symbol in symbols:
        d.market(symbol)
    return q.FetchTickers(t.account, symbols, kinds=() if symbols else kinds)


def _scope(d: Codec, t: Trip) -> tuple[q.Kinds, tuple[Any, ...]]:
    """The kinds of market that a call means, and the rest of its message.

    None of them where it names a symbol, or one order; a `type` stands first in the message.
    """
    message: tuple[Any, ...] = t.message
    kind = ""
    if message and message[0].__class__ is dict:
        kind, message = message[0]["type"], message[1:]
    if t.symbol or t.operation == "fetch_order_trades":
        return (), message
    return kinds_of(d, kind), message


def _rules(d: Codec, t: Trip) -> Any:
    return q.FetchMarkets(t.account)


# ---- writing answers


def _edit(answer: Any, edits: tuple[tuple[str, Any], ...]) -> Any:
    """Fields that say something else. `*` = the whole answer, a missing value = `...`."""
    for name, said in edits:
        value = deepcopy(said) if said.__class__ in (dict, list) else said
        if name == "*":
            answer = value
        elif isinstance(answer, list):
            answer = [_edit(entry, ((name, value),)) for entry in answer]
        elif isinstance(answer, dict):
            if value is ...:
                answer.pop(name, None)
            else:
                answer[name] = value
    return answer


def _replaced(d: Codec, told: c.Replaced) -> Any:
    """The new order. Either half may have been refused: raises `Reject` that says which."""
    if isinstance(told.canceled, Reject) and not isinstance(told.placed, OrderSnapshot):
        raise Reject(told.canceled.reason, f"{told.canceled.text} (the order was not replaced)")
    if isinstance(told.placed, Reject):
        raise Reject(
            told.placed.reason, f"{told.placed.text} (the old order is canceled, no new one placed)"
        )
    return d.encode("create_order", told.placed)


def _last_prices(d: Codec, told: tuple[q.Ticker, ...]) -> Any:
    return {
        t["symbol"]: {key: t[key] for key in ("symbol", "timestamp", "datetime", "info")}
        | {"price": t["last"], "side": None}
        for t in map(write.ticker, told)
    }


def _orders_of(d: Codec, told: tuple[OrderSnapshot | ConditionalSnapshot, ...]) -> Any:
    return [_one_of(d, snapshot) for snapshot in told]


def _one_of(d: Codec, told: OrderSnapshot | ConditionalSnapshot) -> Any:
    if isinstance(told, ConditionalSnapshot):
        return trigger_order(told, d.market(told.command.symbol))
    return order(told, d.market(told.order.symbol))


def _list(d: Codec, told: q.Orders | Conditionals) -> Any:
    return _orders_of(d, told.conditionals if isinstance(told, Conditionals) else told.orders)


def _batch_done(d: Codec, told: c.BatchDone) -> Any:
    """The orders; of a refused one its reason in `info`."""
    return [
        refused_order(one.text) if isinstance(one, Reject) else d.encode("create_order", one)
        for one in told.results
    ]


def _edited(d: Codec, told: c.Replaced | OrderSnapshot) -> Any:
    return _replaced(d, told) if isinstance(told, c.Replaced) else _one_of(d, told)


def _trades_of(d: Codec, told: tuple[Fill, ...]) -> Any:
    return [trade(fill, d.market(fill.symbol)) for fill in told]


def _fills(d: Codec, told: q.Fills) -> Any:
    return _trades_of(d, told.fills)


def _by_symbol(d: Codec, told: tuple[q.Ticker, ...]) -> Any:
    return {t.market.symbol: write.ticker(t) for t in told}


def _balance(d: Codec, told: q.Balances | q.Margins) -> Any:
    if isinstance(told, q.Margins):
        return contracts.futures_balance(told)
    return write.balance(told)


def _candle_rows(d: Codec, told: q.Candles | cq.PriceCandles) -> Any:
    return write_price_candles(told) if isinstance(told, cq.PriceCandles) else write.candles(told)


def _status(d: Codec, told: q.Clock) -> Any:
    return {"status": "ok", "updated": told.at // MILLISECOND, "eta": None, "url": None, "info": {}}


# ---- the table

CLIENT_ID = ("clientOrderId", "newClientOrderId")
NAMED = (*CLIENT_ID, "origClientOrderId")
ORDER = (
    *CLIENT_ID, "timeInForce", "postOnly", "cost", "quoteOrderQty", "triggerPrice", "stopPrice",
    "stopLossPrice", "takeProfitPrice", "trailingAmount", "trailingPercent", "selfTradePrevention",
    "selfTradePreventionMode", "test", *CONTRACT_PARAMS,
)  # fmt: skip
CONDITIONAL = ("trigger", "stop", "conditional")  # flags: it is about a conditional order
TRIGGER = "trigger"  # the first field of a message about conditional orders
UNTIL = ("until",)
LISTED = (*UNTIL, "type", *CONDITIONAL)


def is_conditional(params: Mapping[str, Any]) -> bool:
    """Whether a call is about a conditional order of a contract."""
    return bool(params) and any(params.get(name) for name in CONDITIONAL)


class UnifiedCall(NamedTuple):
    """A unified call: what reads its message, what writes its answer, and the params it takes.

    An answer that is one order is written without asking `write`.
    """

    read: Callable[[Codec, Trip], Any]
    write: Callable[[Codec, Any], Any] | None
    params: tuple[str, ...] = ()


CALLS: dict[str, UnifiedCall] = {
    "create_order": UnifiedCall(lambda d, t: d.order(t.account, t.message), _one_of, ORDER),
    "create_orders": UnifiedCall(_batch, _batch_done),
    "edit_orders": UnifiedCall(_edits, _batch_done),
    "create_oco_order": UnifiedCall(_pair, _orders_of, ORDER),
    "edit_order": UnifiedCall(_edit_order, _edited, (*ORDER, "origClientOrderId")),
    "amend_order": UnifiedCall(_amend, None, NAMED),
    "cancel_order": UnifiedCall(_cancel, _one_of, (*NAMED, *CONDITIONAL)),
    "cancel_all_orders": UnifiedCall(_cancel_all, _orders_of, ("type", *CONDITIONAL)),
    "fetch_order": UnifiedCall(_one, _one_of, (*NAMED, *CONDITIONAL)),
    "fetch_orders": UnifiedCall(_orders("all"), _list, LISTED),
    "fetch_open_orders": UnifiedCall(_orders("open"), _list, LISTED),
    "fetch_closed_orders": UnifiedCall(_orders("closed"), _list, LISTED),
    "fetch_canceled_orders": UnifiedCall(_orders("canceled"), _list, LISTED),
    "fetch_my_trades": UnifiedCall(_own_fills, _fills, (*UNTIL, "type")),
    "fetch_order_trades": UnifiedCall(_own_fills, _fills, UNTIL),
    "fetch_balance": UnifiedCall(read_balance, _balance, ("type",)),
    "fetch_ticker": UnifiedCall(_ticker, lambda d, one: write.ticker(one)),
    "fetch_tickers": UnifiedCall(_tickers, _by_symbol, ("type",)),
    "fetch_bids_asks": UnifiedCall(_tickers, _by_symbol, ("type",)),
    "fetch_last_prices": UnifiedCall(_tickers, _last_prices, ("type",)),
    "fetch_order_book": UnifiedCall(_book, lambda d, book: write.book(book)),
    "fetch_trades": UnifiedCall(
        _trades, lambda d, told: [public_trade(t, told.market) for t in told.trades], UNTIL
    ),
    "fetch_ohlcv": UnifiedCall(_candles, _candle_rows, (*UNTIL, "price")),
    "fetch_markets": UnifiedCall(_rules, lambda d, told: [write.market(m) for m in told.markets]),
    "fetch_currencies": UnifiedCall(_rules, lambda d, told: write.currencies_of(told.markets)),
    "fetch_trading_fees": UnifiedCall(_rules, lambda d, told: write.fees(told)),
    "fetch_time": UnifiedCall(
        lambda d, t: q.FetchTime(t.account), lambda d, at: at.at // MILLISECOND
    ),
    "fetch_status": UnifiedCall(lambda d, t: q.FetchStatus(t.account), _status),
    **{name: UnifiedCall(*row) for name, row in CONTRACT_CALLS.items()},
}
READERS = {name: call.read for name, call in CALLS.items()}
WRITERS = {name: call.write for name, call in CALLS.items() if call.write is not None}
WRITERS |= {
    "watch_orders": _orders_of,
    "watch_my_trades": _trades_of,
    "watch_positions": write_changed_positions,
    "watch_liquidations": write_liquidation,
    "watch_my_liquidations": write_liquidations,
}
WRITERS |= {
    f"watch_{name}": WRITERS[f"fetch_{name}"]
    for name in (
        "ticker",
        "tickers",
        "bids_asks",
        "order_book",
        "trades",
        "ohlcv",
        "balance",
        "mark_price",
        "mark_prices",
    )
}
