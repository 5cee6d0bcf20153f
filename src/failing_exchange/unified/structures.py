"""ccxt's structures of market data, balances and rules, complete to the key and type."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from failing_exchange.core.contract import Contract
from failing_exchange.core.market import Market, MarketStatus
from failing_exchange.core.queries import Balances, BookSnapshot, Candles, Markets, Ticker
from failing_exchange.core.units import ATOMS, MILLISECOND, PPM, atoms_text
from failing_exchange.unified.instants import iso

ATOMS_SQUARED = ATOMS**2

# Every field in its place. To copy it and write over most is quicker than to make it from nothing.
BLANK: dict[str, Any] = dict.fromkeys((
    "info", "symbol", "timestamp", "datetime", "high", "low", "bid", "bidVolume", "ask",
    "askVolume", "vwap", "open", "close", "last", "previousClose", "change", "percentage",
    "average", "baseVolume", "quoteVolume", "indexPrice", "markPrice",
)) | {"baseVolume": 0.0, "quoteVolume": 0.0}  # fmt: skip


def ticker(t: Ticker) -> dict[str, Any]:
    """ccxt's ticker structure."""
    market, at, bid, ask, last, day, *_ = t
    symbol, price, step = market.symbol, market.price_step, market.amount_step
    fields = BLANK.copy()
    fields["info"] = {"symbol": symbol, "last": last, "bid": bid, "ask": ask}
    fields["symbol"] = symbol
    fields["timestamp"] = ms = at // MILLISECOND
    fields["datetime"] = iso(ms)
    if bid is not None:
        fields["bid"], fields["bidVolume"] = bid[0] * price / ATOMS, bid[1] * step / ATOMS
    if ask is not None:
        fields["ask"], fields["askVolume"] = ask[0] * price / ATOMS, ask[1] * step / ATOMS
    if last:
        fields["close"] = fields["last"] = last * price / ATOMS
    if day is None:
        return fields
    _, first, high, low, _, volume, cost, _, _ = day
    fields["high"] = high * price / ATOMS
    fields["low"] = low * price / ATOMS
    fields["open"] = first * price / ATOMS
    fields["baseVolume"] = base = volume * step / ATOMS
    fields["quoteVolume"] = quote = cost * price * step / ATOMS_SQUARED
    if base:
        fields["vwap"] = quote / base
    if last:
        fields["change"] = (last - first) * price / ATOMS
        fields["percentage"] = (last - first) / first * 100 if first else None
        fields["average"] = (last + first) * price / (2 * ATOMS)
    return fields


def book(b: BookSnapshot) -> dict[str, Any]:
    """ccxt's order book structure."""
    price, step, ms = b.market.price_step, b.market.amount_step, b.at // MILLISECOND
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
    ms = b.at // MILLISECOND
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
    contract = {} if m.contract is None else contract_fields(m.contract)
    leverage = {"min": 1.0, "max": float(m.contract.leverage_max)} if m.contract else nothing
    return {
        "info": {"symbol": m.symbol, "status": m.status.value},
        "id": m.base + m.quote, "lowercaseId": (m.base + m.quote).lower(), "symbol": m.symbol,
        "base": m.base, "quote": m.quote, "settle": None,
        "baseId": m.base, "quoteId": m.quote, "settleId": None,
        "type": "spot", "spot": True, "margin": False, "swap": False, "future": False,
        "option": False, "index": False, "active": m.status is MarketStatus.TRADING,
        "contract": False,
        "linear": None, "inverse": None, "subType": None,
        "taker": m.taker_fee / PPM, "maker": m.maker_fee / PPM,
        "percentage": True, "tierBased": False, "feeSide": "get",
        "contractSize": None, "expiry": None, "expiryDatetime": None,
        "strike": None, "optionType": None,
        "precision": {"amount": step * m.amount_every, "price": price * m.price_every,
                      "cost": None, "base": 1 / ATOMS, "quote": 1 / ATOMS},
        "limits": {
            "leverage": dict(leverage),
            "amount": {"min": m.amount_min * step, "max": _times(m.amount_max, step)},
            "price": {"min": m.price_min * price, "max": _times(m.price_max, price)},
            "cost": {"min": m.cost_min / ATOMS, "max": None},
        },
        "marginModes": {"cross": False, "isolated": False}, "created": None, **contract,
    }  # fmt: skip


def contract_fields(contract: Contract) -> dict[str, Any]:
    """What a contract's market structure has in place of a spot market's fields."""
    return {
        "settle": contract.settle, "settleId": contract.settle, "type": "swap", "spot": False,
        "swap": True, "contract": True, "linear": True, "inverse": False, "subType": "linear",
        "feeSide": "quote", "contractSize": contract.size / ATOMS,
        "marginModes": {"cross": True, "isolated": True},
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
