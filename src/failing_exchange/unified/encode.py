"""From an answer of the exchange to what the client gets, altered fields and all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from failing_exchange.core.commands import Replaced
from failing_exchange.core.market import ListedMarket, Market
from failing_exchange.core.order import OrderSnapshot
from failing_exchange.core.queries import Clock, Fills, Orders, Ticker
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import MILLISECOND
from failing_exchange.journal.trip import Edited
from failing_exchange.unified.order_dicts import order, public_trade, trade
from failing_exchange.unified.structures import (
    balance,
    book,
    candles,
    currencies_of,
    fees,
    market,
    ticker,
)


class Encoder:
    """Writes answers; it only needs to look up markets."""

    def __init__(self, listed: Mapping[str, ListedMarket]) -> None:
        self._listed = listed

    def encode(self, operation: str, told: Any) -> Any:
        """What the client gets for an answer: made anew, so that changing it changes nothing."""
        if told.__class__ is OrderSnapshot:
            return order(told, self._listed[told.order.symbol].market)
        if told.__class__ is Edited:
            return _edit(self.encode(operation, told.answer), told.edits)
        return ENCODERS[operation](self, told)

    def orders(self, found: tuple[OrderSnapshot, ...]) -> list[dict[str, Any]]:
        """Several orders."""
        return [order(snapshot, self.market(snapshot.order.symbol)) for snapshot in found]

    def market(self, symbol: str) -> Market:
        """The rules in force."""
        return self._listed[symbol].market


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


def _replaced(e: Encoder, told: Replaced) -> Any:
    """The new order. Either half may have been refused: raises `Reject` that says which."""
    if isinstance(told.canceled, Reject) and not isinstance(told.placed, OrderSnapshot):
        raise Reject(told.canceled.reason, f"{told.canceled.text} (the order was not replaced)")
    if isinstance(told.placed, Reject):
        raise Reject(
            told.placed.reason, f"{told.placed.text} (the old order is canceled, no new one placed)"
        )
    return e.encode("create_order", told.placed)


def _last_prices(e: Encoder, told: tuple[Ticker, ...]) -> Any:
    return {
        t["symbol"]: {key: t[key] for key in ("symbol", "timestamp", "datetime", "info")}
        | {"price": t["last"], "side": None}
        for t in map(ticker, told)
    }


def _list(e: Encoder, told: Orders) -> Any:
    return e.orders(told.orders)


def _fills(e: Encoder, told: Fills) -> Any:
    return [trade(fill, e.market(fill.symbol)) for fill in told.fills]


def _tickers(e: Encoder, told: tuple[Ticker, ...]) -> Any:
    return {t.market.symbol: ticker(t) for t in told}


def _status(e: Encoder, told: Clock) -> Any:
    return {"status": "ok", "updated": told.at // MILLISECOND, "eta": None, "url": None, "info": {}}


ENCODERS: dict[str, Callable[[Encoder, Any], Any]] = {
    "create_oco_order": lambda e, told: e.orders(told),
    "edit_order": _replaced,
    "cancel_all_orders": lambda e, told: e.orders(told),
    "fetch_open_orders": _list,
    "fetch_closed_orders": _list,
    "fetch_canceled_orders": _list,
    "fetch_orders": _list,
    "fetch_my_trades": _fills,
    "fetch_order_trades": _fills,
    "fetch_balance": lambda e, told: balance(told),
    "fetch_ticker": lambda e, told: ticker(told),
    "fetch_tickers": _tickers,
    "fetch_bids_asks": _tickers,
    "fetch_last_prices": _last_prices,
    "fetch_order_book": lambda e, told: book(told),
    "fetch_trades": lambda e, told: [public_trade(t, told.market) for t in told.trades],
    "fetch_ohlcv": lambda e, told: candles(told),
    "fetch_markets": lambda e, told: [market(m) for m in told.markets],
    "fetch_currencies": lambda e, told: currencies_of(told.markets),
    "fetch_trading_fees": lambda e, told: fees(told),
    "fetch_time": lambda e, told: told.at // MILLISECOND,
    "fetch_status": _status,
    "watch_orders": lambda e, told: e.orders(told),
    "watch_my_trades": lambda e, told: [trade(fill, e.market(fill.symbol)) for fill in told],
}
ENCODERS |= {
    f"watch_{name}": ENCODERS[f"fetch_{name}"]
    for name in ("ticker", "tickers", "bids_asks", "order_book", "trades", "ohlcv", "balance")
}
