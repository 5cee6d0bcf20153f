"""From an answer of the exchange to ccxt's structures, complete to the key and type."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from failing_exchange.core.ending import Replaced
from failing_exchange.core.market import ATOMS, PPM, Market, MarketStatus, atoms_text
from failing_exchange.core.order import Fill, Order, OrderSnapshot, OrderType, Status
from failing_exchange.core.queries import (
    Balances,
    BookSnapshot,
    Candles,
    Clock,
    Fills,
    Markets,
    Orders,
    Ticker,
)
from failing_exchange.core.reject import Reject
from failing_exchange.core.tape import Trade
from failing_exchange.core.triggers import stop_of
from failing_exchange.trip import Edited

DAY_MS = 86_400_000
STATUSES = {
    Status.OPEN: "open",
    Status.WAITING: "open",
    Status.FILLED: "closed",
    Status.CANCELED: "canceled",
    Status.EXPIRED: "expired",
}
UNIFIED_TYPES = {
    OrderType.MARKET: "market",
    OrderType.STOP_LOSS: "market",
    OrderType.TAKE_PROFIT: "market",
    OrderType.TRAILING_STOP: "market",
}
MarketOf = Callable[[str], Market]
_day = (-1, "")


def iso(ms: int) -> str:
    """Milliseconds since the epoch as ISO 8601 text.

    >>> iso(1_767_225_600_000)
    '2026-01-01T00:00:00.000Z'
    """
    global _day
    day, rest = divmod(ms, DAY_MS)
    cached, text = _day  # the text of a day is made once: it is most of the work
    if cached != day:
        text = _date(day)
        _day = (day, text)
    seconds, ms = divmod(rest, 1_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{text}T{hours:02d}:{minutes:02d}:{seconds:02d}.{ms:03d}Z"


def _date(day: int) -> str:
    from datetime import date

    return date.fromordinal(719_163 + day).isoformat()


def order(snapshot: OrderSnapshot, market: Market) -> dict[str, Any]:
    """ccxt's order structure."""
    o, status, ticks, lots, filled, cost, fills, updated_at = snapshot
    placed = o.created_at // 1_000_000
    price, step = market.price_step, market.amount_step
    stop = stop_of(o) * price / ATOMS if o.stop_ticks or o.extreme else None
    trades: list[dict[str, Any]] = []
    average = None
    if fills:
        trades = [trade(fill, market, o) for fill in o.fills[:fills]]
        average = cost / (filled * step)
    fees = _fees(o.fills[:fills]) if fills else []
    order_id = str(o.id)
    return {
        "info": {
            "orderId": order_id,
            "clientOrderId": o.client_id,
            "status": status.value,
            "ticks": ticks,
            "lots": lots,
            "filled": filled,
        },
        "id": order_id,
        "clientOrderId": o.client_id,
        "timestamp": placed,
        "datetime": iso(placed),
        "lastTradeTimestamp": trades[-1]["timestamp"] if fills else None,
        "lastUpdateTimestamp": updated_at // 1_000_000,
        "status": STATUSES[status],
        "symbol": o.symbol,
        "type": UNIFIED_TYPES.get(o.kind, "limit"),
        "timeInForce": "PO" if o.post_only else o.time_in_force.value,
        "postOnly": o.post_only,
        "reduceOnly": None,
        "side": o.side.value,
        "price": ticks * price / ATOMS if ticks else average,
        "stopPrice": stop,
        "triggerPrice": stop,
        "takeProfitPrice": None,
        "stopLossPrice": None,
        "average": average,
        "amount": lots * step / ATOMS,
        "filled": filled * step / ATOMS,
        "remaining": (lots - filled) * step / ATOMS,
        "cost": cost / ATOMS,
        "trades": trades,
        "fee": fees[0] if len(fees) == 1 else {"currency": None, "cost": None},
        "fees": fees,
    }


def _fees(fills: list[Fill]) -> list[dict[str, Any]]:
    by_asset: dict[str, int] = {}
    for fill in fills:
        by_asset[fill.fee_asset] = by_asset.get(fill.fee_asset, 0) + fill.fee
    return [{"currency": asset, "cost": atoms / ATOMS} for asset, atoms in by_asset.items()]


def trade(fill: Fill, market: Market, o: Order | None = None) -> dict[str, Any]:
    """ccxt's trade structure of an own fill."""
    ms = fill.at // 1_000_000
    fee = {"currency": fill.fee_asset, "cost": fill.fee / ATOMS}
    return {
        "info": {"tradeId": fill.trade_id, "ticks": fill.ticks, "lots": fill.lots,
                 "operator": fill.operator},
        "id": str(fill.trade_id),
        "order": str(fill.order_id),
        "timestamp": ms,
        "datetime": iso(ms),
        "symbol": fill.symbol,
        "type": UNIFIED_TYPES.get(o.kind, "limit") if o is not None else None,
        "side": fill.side.value,
        "takerOrMaker": "maker" if fill.maker else "taker",
        "price": fill.ticks * market.price_step / ATOMS,
        "amount": fill.lots * market.amount_step / ATOMS,
        "cost": fill.cost / ATOMS,
        "fee": fee,
        "fees": [fee],
    }  # fmt: skip


def public_trade(t: Trade, market: Market) -> dict[str, Any]:
    """ccxt's trade structure of a public print."""
    ms = t.at // 1_000_000
    return {
        "info": {"tradeId": t.id, "ticks": t.ticks, "lots": t.lots, "operator": t.operator},
        "id": str(t.id),
        "order": None,
        "timestamp": ms,
        "datetime": iso(ms),
        "symbol": market.symbol,
        "type": None,
        "side": str(t.side),
        "takerOrMaker": None,
        "price": t.ticks * market.price_step / ATOMS,
        "amount": t.lots * market.amount_step / ATOMS,
        "cost": market.cost(t.ticks, t.lots) / ATOMS,
        "fee": {"currency": None, "cost": None},
        "fees": [],
    }


def ticker(t: Ticker) -> dict[str, Any]:
    """ccxt's ticker structure."""
    market, at, bid, ask, last, day = t
    price, step = market.price_step, market.amount_step
    ms = at // 1_000_000
    close = last * price / ATOMS if last else None
    opened = day.open * price / ATOMS if day else None
    base = day.volume * step / ATOMS if day else 0.0
    quote = day.cost * price * step / ATOMS**2 if day else 0.0
    change = close - opened if close is not None and opened is not None else None
    return {
        "info": {"symbol": market.symbol, "last": last, "bid": bid, "ask": ask},
        "symbol": market.symbol,
        "timestamp": ms,
        "datetime": iso(ms),
        "high": day.high * price / ATOMS if day else None,
        "low": day.low * price / ATOMS if day else None,
        "bid": bid[0] * price / ATOMS if bid else None,
        "bidVolume": bid[1] * step / ATOMS if bid else None,
        "ask": ask[0] * price / ATOMS if ask else None,
        "askVolume": ask[1] * step / ATOMS if ask else None,
        "vwap": quote / base if base else None,
        "open": opened,
        "close": close,
        "last": close,
        "previousClose": None,
        "change": change,
        "percentage": change / opened * 100 if change is not None and opened else None,
        "average": (close + opened) / 2 if close is not None and opened is not None else None,
        "baseVolume": base,
        "quoteVolume": quote,
        "indexPrice": None,
        "markPrice": None,
    }


def book(b: BookSnapshot) -> dict[str, Any]:
    """ccxt's order book structure."""
    price, step, ms = b.market.price_step, b.market.amount_step, b.at // 1_000_000
    return {
        "symbol": b.market.symbol,
        "bids": [[ticks * price / ATOMS, lots * step / ATOMS] for ticks, lots in b.bids],
        "asks": [[ticks * price / ATOMS, lots * step / ATOMS] for ticks, lots in b.asks],
        "timestamp": ms,
        "datetime": iso(ms),
        "nonce": b.sequence,
    }


def candles(c: Candles) -> list[list[float]]:
    """ccxt's candles: [ms, open, high, low, close, volume] each."""
    price, step = c.market.price_step, c.market.amount_step
    return [
        [
            bar.at * 1_000,
            bar.open * price / ATOMS,
            bar.high * price / ATOMS,
            bar.low * price / ATOMS,
            bar.close * price / ATOMS,
            bar.volume * step / ATOMS,
        ]
        for bar in c.bars
    ]


def balance(b: Balances) -> dict[str, Any]:
    """ccxt's balance structure."""
    ms = b.at // 1_000_000
    answer: dict[str, Any] = {
        "info": {asset: {"free": atoms_text(f), "used": atoms_text(u)}
                 for asset, (f, u) in b.assets.items()},
        "timestamp": ms,
        "datetime": iso(ms),
        "free": {}, "used": {}, "total": {},
    }  # fmt: skip
    for asset, (free, used) in b.assets.items():
        entry = {"free": free / ATOMS, "used": used / ATOMS, "total": (free + used) / ATOMS}
        answer[asset] = entry
        for name, value in entry.items():
            answer[name][asset] = value
    return answer


def market(m: Market) -> dict[str, Any]:
    """ccxt's market structure."""
    nothing = {"min": None, "max": None}
    step, price = m.amount_step / ATOMS, m.price_step / ATOMS
    return {
        "info": {"symbol": m.symbol, "status": m.status.value},
        "id": m.base + m.quote, "lowercaseId": (m.base + m.quote).lower(), "symbol": m.symbol,
        "base": m.base, "quote": m.quote, "settle": None,
        "baseId": m.base, "quoteId": m.quote, "settleId": None,
        "type": "spot", "spot": True, "margin": False, "swap": False, "future": False,
        "option": False, "active": m.status is MarketStatus.TRADING, "contract": False,
        "linear": None, "inverse": None, "subType": None,
        "taker": m.taker_fee / PPM, "maker": m.maker_fee / PPM,
        "percentage": True, "tierBased": False, "feeSide": "get",
        "contractSize": None, "expiry": None, "expiryDatetime": None,
        "strike": None, "optionType": None,
        "precision": {"amount": step * m.amount_every, "price": price * m.price_every,
                      "cost": None, "base": 1 / ATOMS, "quote": 1 / ATOMS},
        "limits": {
            "leverage": dict(nothing),
            "amount": {"min": m.amount_min * step, "max": _times(m.amount_max, step)},
            "price": {"min": m.price_min * price, "max": _times(m.price_max, price)},
            "cost": {"min": m.cost_min / ATOMS, "max": None},
        },
        "marginModes": {"cross": False, "isolated": False}, "created": None,
    }  # fmt: skip


def _times(value: int | None, step: float) -> float | None:
    return None if value is None else value * step


def currencies_of(markets: Iterable[Market]) -> dict[str, dict[str, Any]]:
    """ccxt's currency structures, by code."""
    codes = dict.fromkeys(code for m in markets for code in (m.base, m.quote))
    nothing = {"min": None, "max": None}
    return {
        code: {
            "info": {"code": code}, "id": code, "numericId": None, "code": code, "type": "crypto",
            "name": code, "active": True, "deposit": False, "withdraw": False, "fee": None,
            "precision": 1 / ATOMS, "margin": False, "networks": {},
            "limits": {kind: dict(nothing) for kind in ("amount", "withdraw", "deposit")},
        }
        for code in codes
    }  # fmt: skip


def fees(markets: Markets) -> dict[str, dict[str, Any]]:
    """ccxt's trading fee structures, by symbol."""
    return {m.symbol: fee(m) for m in markets.markets}


def fee(m: Market) -> dict[str, Any]:
    """ccxt's trading fee structure."""
    return {
        "info": {"symbol": m.symbol}, "symbol": m.symbol, "maker": m.maker_fee / PPM,
        "taker": m.taker_fee / PPM, "percentage": True, "tierBased": False,
    }  # fmt: skip


class Encoder:
    """Writes answers; it only needs to look up markets."""

    def __init__(self, market_of: MarketOf) -> None:
        self._market = market_of

    def __call__(self, operation: str, told: Any) -> Any:
        """What the client gets for an answer."""
        if isinstance(told, Edited):
            return _edit(self(operation, told.answer), told.edits)
        if told.__class__ is OrderSnapshot:
            return order(told, self._market(told.order.symbol))
        return ENCODERS[operation](self, told)

    def orders(self, found: tuple[OrderSnapshot, ...]) -> list[dict[str, Any]]:
        """Several orders."""
        return [order(snapshot, self._market(snapshot.order.symbol)) for snapshot in found]


def _edit(answer: Any, edits: tuple[tuple[str, Any], ...]) -> Any:
    """Fields that say something else. `*` = the whole answer, a missing value = `...`."""
    for name, value in edits:
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
    return e("create_order", told.placed)


def _last_prices(e: Encoder, told: tuple[Ticker, ...]) -> Any:
    return {
        t["symbol"]: {key: t[key] for key in ("symbol", "timestamp", "datetime", "info")}
        | {"price": t["last"], "side": None}
        for t in map(ticker, told)
    }


def _list(e: Encoder, told: Orders) -> Any:
    return e.orders(told.orders)


def _fills(e: Encoder, told: Fills) -> Any:
    return [trade(fill, e._market(fill.symbol)) for fill in told.fills]


def _tickers(e: Encoder, told: tuple[Ticker, ...]) -> Any:
    return {t.market.symbol: ticker(t) for t in told}


def _status(e: Encoder, told: Clock) -> Any:
    return {"status": "ok", "updated": told.at // 1_000_000, "eta": None, "url": None, "info": {}}


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
    "fetch_time": lambda e, told: told.at // 1_000_000,
    "fetch_status": _status,
}
