"""Values of the exchange for people and tests: amounts as decimal text, instants as ISO text.

The names of fields say their unit: `price` and `amount` are decimal text in units of
an asset, `at` is ISO 8601 in UTC, `at_ms` the same in milliseconds. No number is larger than what
every language's JSON reader keeps exactly (2^53); a larger one is text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from failing_exchange.core.conditional_order import ConditionalSnapshot
from failing_exchange.core.market import Market
from failing_exchange.core.positions import MarginStatus
from failing_exchange.core.queries import PositionReport
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import ATOMS, MILLISECOND, PPM, SECOND, atoms_text
from failing_exchange.journal.serialize import LEFT_OUT, is_secret, order_head, plain, row
from failing_exchange.journal.trip import Trip
from failing_exchange.text.number_checks import is_whole
from failing_exchange.unified.instants import iso

EXACT_MAX = 2**53 - 1  # a larger whole number is shown as text: JavaScript would round it
YEAR_9999_MS = 253_402_300_799_999  # a later instant is shown in milliseconds alone
PRICES = {
    "ticks": "price", "stop_ticks": "stop_price", "old_ticks": "old_price",
    "new_ticks": "new_price", "trail_ticks": "trail", "last": "last",
    "open": "open", "high": "high", "low": "low", "close": "close",
}  # fmt: skip
AMOUNTS = {
    "lots": "amount", "lots_left": "amount_left", "old_lots": "old_amount",
    "new_lots": "new_amount", "taker_lots": "taker_amount", "maker_lots": "maker_amount",
    "iceberg_lots": "iceberg_amount", "volume": "volume", "bought": "bought", "filled": "filled",
}  # fmt: skip
ATOM_FIELDS = {"atoms": "amount"} | {
    name: name
    for name in (
        "cost", "fee", "free", "used", "profit", "value", "change", "balance", "wallet", "notional",
        "notional_max", "margin", "initial", "maintenance", "unrealised", "open_order",
        "collateral", "mark", "index_price", "entry", "liquidation", "isolated", "isolated_initial",
        "isolated_unrealised", "position_margin", "order_margin", "locked", "rate", "cap", "floor",
        "price", "threshold", "equity", "exchange_bid", "exchange_ask",
    )
}  # fmt: skip
PPM_FIELDS = ("bid_buffer", "ask_buffer", "exchange_bid_buffer", "exchange_ask_buffer")
LEVELS = ("bids", "asks", "bid", "ask")
OF_POSITION = (
    "cost", "entry", "mark", "notional", "unrealised", "leverage", "margin", "initial",
    "open_order", "maintenance", "liquidation", "collateral", "adl",
)  # fmt: skip

Named = Iterator[tuple[str, Any]]


class View:
    """Shows values of a venue. It only reads, from any thread.

    `market`: the market of a symbol in force; `symbol_of`: that of an order, by its id.
    """

    def __init__(
        self, market: Callable[[str], Market | None], symbol_of: Callable[[int], str]
    ) -> None:
        self._market = market
        self._symbol_of = symbol_of
        self._own: dict[str, Callable[[Any], dict[str, Any]]] = {
            "OrderSnapshot": self._order,
            "PositionReport": self.position,
            "ConditionalSnapshot": self.conditional,
            "MarginStatus": self.margin,
            "PriceCandle": price_candle,
        }

    def trip(self, trip: Trip) -> dict[str, Any]:
        """A trip with both columns."""
        market = self._market(trip.symbol)
        found = row(trip, lambda value: self.value(value, market), instant)
        return found | {"message": self.value(found["message"])}

    def value(self, value: Any, market: Market | None = None) -> Any:
        """Any value, as JSON can hold it. `market`: whose ticks and lots these are."""
        if isinstance(value, (bool, int, float, str)) or value is None:
            return scalar(value)
        if isinstance(value, Market):
            return value.symbol
        if isinstance(value, Reject):
            until = instant("until", value.until or 0)
            return {"reject": value.reason.value, "text": value.text, **dict(until)}
        if isinstance(value, tuple) and hasattr(value, "_asdict"):
            return self._record(value, market)
        if isinstance(value, (tuple, list)):
            return [self.value(part, market) for part in value]
        if isinstance(value, Mapping):
            return {str(name): self._kept(str(name), part) for name, part in value.items()}
        return self.value(plain(value))

    def balances(self, assets: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
        """What an account has: free and used units by asset."""
        return {
            asset: {"free": atoms_text(free), "used": atoms_text(used)}
            for asset, (free, used) in assets.items()
        }

    def margin(self, status: MarginStatus) -> dict[str, Any]:
        """What an account has and needs in one asset of its futures wallet."""
        fields = status._asdict()
        updated = dict(instant("updated", fields.pop("updated_at")))
        del fields["joint"]  # it is part of what is available
        for name in ("margin_balance", "available", "withdrawable"):
            fields[name] = getattr(status, name)
        return {name: atoms_text(atoms) for name, atoms in fields.items()} | updated

    def position(self, p: PositionReport) -> dict[str, Any]:
        """A position at the mark price; a short one has an amount below 0."""
        market = p.market
        fields = [(name, getattr(p, name)) for name in OF_POSITION]
        return {
            "symbol": market.symbol,
            "side": str(p.side),
            "mode": str(p.mode),
            "amount": market.amount_text(p.lots),
            **dict(shown for name, one in fields for shown in self._field(name, one, market)),
            **dict(instant("updated", p.updated_at)),
        }

    def conditional(self, c: ConditionalSnapshot) -> dict[str, Any]:
        """A conditional order, named as an order is."""
        placed = c.command
        market = self._market(placed.symbol)
        assert market is not None, "an order of a market that there is not"
        return {
            "id": c.id,
            "client_id": c.client_id,
            "symbol": placed.symbol,
            "side": str(placed.side),
            "type": str(placed.kind),
            "status": str(c.status),
            "position_side": str(placed.position_side),
            "reduce_only": placed.reduce_only,
            "close_position": placed.close_position,
            "by": str(placed.by),
            "price": market.price_text(placed.ticks) if placed.ticks else None,
            "stop_price": market.price_text(placed.stop_ticks) if placed.stop_ticks else None,
            "trail_percent": placed.trail_bips / 100 if placed.trail_bips else None,
            "amount": market.amount_text(placed.lots),
            **dict(instant("created", c.created_at)),
            **dict(instant("updated", c.updated_at)),
        }

    def _kept(self, name: str, part: Any) -> Any:
        return LEFT_OUT if part and is_secret(name) else self.value(part)

    def _record(self, value: Any, market: Market | None) -> dict[str, Any]:
        kind = type(value).__name__
        if kind in self._own:
            return self._own[kind](value)
        fields = value._asdict()
        market = self._market_of(fields) or market
        if kind == "Bar" and market is not None:
            fields |= {"at": value.at * SECOND, "cost": market.cost(value.cost, 1)}
        if kind == "ContractStatistics":
            fields["at"] = value.at * SECOND
        if "weight" in fields and "ticks" in fields:  # an average: ticks / weight
            fields["ticks"] = value.ticks // value.weight
        shown = {"is": kind}
        for name, part in fields.items():
            shown.update(self._field(name, part, market))
        return shown

    def _market_of(self, fields: Mapping[str, Any]) -> Market | None:
        """The market that a record names, itself or by its order."""
        found = fields.get("market")
        if isinstance(found, Market):
            return found
        symbol = fields.get("symbol") or self._symbol_of(fields.get("order_id", 0))
        return self._market(symbol) if symbol else None

    def _field(self, name: str, part: Any, market: Market | None) -> Named:
        whole = is_whole(part)
        if name in PRICES and whole and market is not None:
            yield PRICES[name], market.price_text(part)
        elif name in AMOUNTS and whole and market is not None:
            yield AMOUNTS[name], market.amount_text(part)
        elif name in ATOM_FIELDS and whole:
            yield ATOM_FIELDS[name], atoms_text(part)
        elif name in PPM_FIELDS and whole:
            yield name, atoms_text(part * ATOMS // PPM)
        elif name in LEVELS and whole:
            yield name, atoms_text(part)  # the notional of a position's open orders
        elif name in LEVELS and market is not None:
            yield name, _levels(part, market)
        elif name == "funds":
            yield name, {asset: atoms_text(atoms) for asset, atoms in part.items()}
        elif name == "assets":
            yield name, self._assets(part)
        elif (name == "at" or name.endswith("_at")) and whole:
            yield from instant(name, part)
        elif name == "nanoseconds":
            yield "ms", None if part is None else part / MILLISECOND
        else:
            yield name, self.value(part, market)

    def _assets(self, part: Any) -> dict[str, Any]:
        """Balances by asset: free and used ones, or those of a futures wallet."""
        pairs = part if isinstance(part, Mapping) else {one[0]: one[1:] for one in part}
        if any(isinstance(one, MarginStatus) for one in pairs.values()):
            return {asset: self.value(status) for asset, status in pairs.items()}
        return self.balances(pairs)

    def _order(self, snapshot: Any) -> dict[str, Any]:
        order, market = snapshot.order, self._market(snapshot.order.symbol)
        assert market is not None, "an order of a market that there is not"
        return order_head(snapshot) | {
            "price": market.price_text(snapshot.ticks) if snapshot.ticks else None,
            "stop_price": market.price_text(order.stop_ticks) if order.stop_ticks else None,
            "amount": market.amount_text(snapshot.lots),
            "filled": market.amount_text(snapshot.filled),
            "cost": atoms_text(snapshot.cost),
            **dict(instant("created", order.created_at)),
            **dict(instant("updated", snapshot.updated_at)),
        }


def price_candle(candle: Any) -> dict[str, Any]:
    """A candle of a mark or index price, or of a premium: atoms, which are finer than ticks."""
    return {name: atoms_text(part) for name, part in candle._asdict().items()}


def scalar(value: Any) -> Any:
    """A plain value that every JSON reader keeps as it is."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and abs(value) > EXACT_MAX:
        return str(value)
    return value


def instant(name: str, at: int) -> Named:
    """An instant (nanoseconds since the epoch, 0 for none) as ISO text and in milliseconds.

    >>> dict(instant("at", 1_767_225_600_000_000_000))
    {'at': '2026-01-01T00:00:00.000Z', 'at_ms': 1767225600000}
    """
    ms = at // MILLISECOND
    yield name, iso(ms) if 0 < ms <= YEAR_9999_MS else None
    yield f"{name}_ms", ms if at else None


def _levels(part: Any, market: Market) -> Any:
    """Offers of a book, or the best one, as [price, amount]."""
    if part is None:
        return None
    if part and isinstance(part[0], int):
        return [market.price_text(part[0]), market.amount_text(part[1])]
    return [[market.price_text(ticks), market.amount_text(lots)] for ticks, lots in part]
