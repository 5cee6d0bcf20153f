"""What a message says about orders, fills, balances and prices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from failing_exchange.core.commands import BatchDone, Replaced
from failing_exchange.core.conditional_order import Conditionals, ConditionalSnapshot
from failing_exchange.core.order import Fill, OrderSnapshot, Status
from failing_exchange.core.queries import (
    AveragePrice,
    BookSnapshot,
    Candles,
    Fills,
    Margins,
    OrderLists,
    Orders,
    Ticker,
    Trades,
)
from failing_exchange.core.reference_price import ReferencePrice
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import SECOND
from failing_exchange.journal.trip import Damaged, Edited, Trip

NAMELESS = ("*", "id", "clientOrderId")  # edits after which it is not known which order is meant


def received(trip: Trip) -> Any:
    """What the client received by a trip, as the venue wrote it; None where that was nothing.

    A damaged answer, or one whose client had given up, tells nothing.
    """
    told = trip.told
    if told is None or trip.gave_up_at or trip.echo_of or told.__class__ is Damaged:
        return None
    return told


def is_success(told: Any) -> bool:
    """Whether there was an answer, and not a refusal."""
    return told is not None and not isinstance(told, Reject)


def orders_of(told: Any) -> Iterator[OrderSnapshot]:
    """The states of orders in a message, without the fields that a fault altered."""
    kind = told.__class__
    if kind is OrderSnapshot:
        yield told
    elif kind is Edited:
        fields = [field for field, _ in told.edits]
        if not any(field in NAMELESS for field in fields):
            for order in orders_of(told.answer):
                yield _as_told(order, fields)
    elif kind is Orders:
        yield from told.orders
    elif kind is Replaced:
        yield from orders_of(told.canceled)
        yield from orders_of(told.placed)
    elif kind is BatchDone:
        for part in told.results:
            yield from orders_of(part)
    elif kind is ConditionalSnapshot:
        if told.order is not None:
            yield told.order
    elif kind is Conditionals:
        for one in told.conditionals:
            yield from orders_of(one)
    elif kind is OrderLists:
        for one in told.lists:
            yield from one.orders
    elif kind is tuple:
        for part in told:
            yield from orders_of(part)
    elif kind is not Reject:
        inner = getattr(told, "snapshot", None) or getattr(told, "orders", None)
        if inner is not None and not callable(inner):  # a report or a list of the wire's own
            yield from orders_of(inner)


def _as_told(order: OrderSnapshot, fields: list[str]) -> OrderSnapshot:
    """What is left of an order's state when some fields say something else."""
    if "status" in fields:
        order = order._replace(status=Status.OPEN)  # its end is not told
    if "filled" in fields or "remaining" in fields:
        order = order._replace(filled=0, cost=0, fills=0)
    return order


def fills_of(told: Any) -> Iterator[Fill]:
    """The fills that a message tells, one by one."""
    kind = told.__class__
    if kind is Fill:
        yield told
    elif kind is Edited:
        yield from fills_of(told.answer)
    elif kind is Fills:
        yield from told.fills
    elif kind is tuple:
        for part in told:
            yield from fills_of(part)


def balances_of(told: Any) -> tuple[int, dict[str, int]] | None:
    """(as of, free atoms by asset) where a message tells balances."""
    if told.__class__ is Edited:
        told = told.answer
    assets = getattr(told, "assets", None)
    if assets is None or callable(assets) or told.__class__ is Margins:
        return None
    if isinstance(assets, dict):
        return told.at, {asset: free for asset, (free, _) in assets.items()}
    return told.at, {asset: free for asset, free, _ in assets}


def totals_of(told: Any) -> dict[str, int] | None:
    """Atoms by asset, free and used together, where a message tells balances."""
    assets = getattr(told, "assets", None)
    if assets is None or callable(assets) or told.__class__ is Margins:
        return None
    if isinstance(assets, dict):
        return {asset: free + used for asset, (free, used) in assets.items()}
    return {asset: free + used for asset, free, used in assets}


class Quote(NamedTuple):
    """A look at a market: of which instant, and whether its prices can be believed."""

    symbol: str
    at: int
    sound: bool


def quotes_of(told: Any) -> Iterator[Quote]:
    """The looks at markets that a message gives."""
    kind = told.__class__
    if kind is OrderSnapshot:
        return
    if kind is Edited:
        edits = dict(told.edits)
        broken = any(edits.get(name, 1) in (None, 0, 0.0) for name in PRICES) or "*" in edits
        for quote in quotes_of(told.answer):
            yield quote._replace(sound=quote.sound and not broken)
    elif kind is Ticker:
        yield Quote(told.market.symbol, told.at, _in_order(told.bid, told.ask))
    elif kind is BookSnapshot:
        bid, ask = (side[0] if side else None for side in (told.bids, told.asks))
        yield Quote(told.market.symbol, told.at, _in_order(bid, ask))
    elif kind is Trades:
        if told.trades:
            yield Quote(told.market.symbol, told.trades[-1].at, told.trades[-1].ticks > 0)
    elif kind is Candles:
        if told.bars:
            yield Quote(told.market.symbol, _closed_at(told), told.bars[-1].close > 0)
    elif kind is AveragePrice or kind is ReferencePrice:
        yield Quote(told.market.symbol, told.at, told.ticks > 0)
    elif kind is tuple:
        for part in told:
            yield from quotes_of(part)
    elif hasattr(told, "bids") and hasattr(told, "first"):  # an update of a book
        yield Quote(told.market.symbol, told.at, sound=True)


def _closed_at(told: Candles) -> int:
    """Of which instant the newest price of candles is: of now, while the last one still forms."""
    end = (told.bars[-1].at + told.seconds) * SECOND
    return min(end, told.at) if told.seconds else told.at


def _in_order(bid: tuple[int, int] | None, ask: tuple[int, int] | None) -> bool:
    """Whether both sides are there, above zero and not crossed."""
    return bid is not None and ask is not None and 0 < bid[0] < ask[0]


PRICES = ("bid", "ask", "last", "close")
