"""A trip in words: what was asked, what happened, what was told."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from failing_exchange.core import queries as q
from failing_exchange.core.commands import PlaceOrder
from failing_exchange.core.events import OrderFilled
from failing_exchange.core.market import Market
from failing_exchange.core.order import Fill, OrderSnapshot
from failing_exchange.core.queries import Ticker
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import atoms_text
from failing_exchange.journal.trip import Damaged, Edited, Trip
from failing_exchange.venue.admission import instant_text

NAMED_MAX = 6  # of a list; the others are counted


def asked_text(trip: Trip, market: Market | None) -> str:
    """The request."""
    command = trip.command
    if not isinstance(command, PlaceOrder) or market is None:
        return f"{trip.operation} {trip.symbol}".strip()
    amount = market.amount_text(command.lots) if command.lots else "for its cost"
    price = f" at {market.price_text(command.ticks)}" if command.ticks else ""
    return f"{trip.operation}: {command.side} {amount} {market.base}{price}"


def happened_text(trip: Trip, markets: Mapping[str, Market]) -> str:
    """The first column."""
    return "; ".join(event_text(event, markets) for event in trip.happened) or "nothing"


def event_text(event: Any, markets: Mapping[str, Market]) -> str:
    """One event."""
    if isinstance(event, OrderFilled) and event.fill.symbol in markets:
        return _fill(event.fill, markets)
    words = _words(type(event).__name__.removeprefix("Order"))
    order_id = getattr(event, "order_id", None)
    return words if order_id is None else f"order {order_id} {words}"


def told_text(trip: Trip, markets: Mapping[str, Market]) -> str:
    """The second column: what the client heard; "nothing" where the answer was lost or too late."""
    if trip.hung_up:
        return "connection lost"
    if trip.told is None or trip.gave_up_at:
        return "nothing"
    if isinstance(trip.told, Reject):
        return f"no: {trip.words(trip.told)}"
    return answer_text(trip.told, markets.get(trip.symbol), markets)


def answer_text(told: Any, market: Market | None, markets: Mapping[str, Market] = {}) -> str:
    """What an answer says, as short as it tells one from another."""
    if isinstance(told, Reject):
        return f"no: {told.text}"
    if isinstance(told, Damaged):
        return "bytes that can't be read"
    if isinstance(told, Edited):
        edits = ", ".join(map(_edit, told.edits))
        return f"{answer_text(told.answer, market, markets)}; with {edits}"
    if isinstance(told, OrderSnapshot):
        return _order(told, markets)
    if isinstance(told, q.Orders):
        return _some("orders", told.orders, lambda one: _order(one, markets))
    if isinstance(told, q.Fills):
        return _some("fills", told.fills, lambda one: _fill(one, markets))
    if isinstance(told, tuple) and type(told) is tuple:  # of answers, as for several markets
        return _some("answers", told, lambda one: answer_text(one, market, markets))
    say = SAYS.get(type(told))
    return say(told) if say is not None else _words(type(told).__name__)


def _edit(edit: tuple[str, Any]) -> str:
    """A field that says something else; "*" is the whole answer."""
    name, value = edit
    text = json.dumps(value, default=str)
    return f"{text} in its place" if name == "*" else f"{name} = {text}"


def _some(what: str, found: Sequence[Any], say: Callable[[Any], str]) -> str:
    """How many, and the first of them."""
    if not found:
        return f"no {what}"
    if len(found) == 1:
        return say(found[0])
    more = "; …" if len(found) > NAMED_MAX else ""
    return f"{len(found)} {what}: {'; '.join(map(say, found[:NAMED_MAX]))}{more}"


def _order(told: OrderSnapshot, markets: Mapping[str, Market]) -> str:
    market = markets.get(told.order.symbol)
    if market is None:
        return f"order {told.order.id} {told.status.value}"
    filled, amount = market.amount_text(told.filled), market.amount_text(told.lots)
    return f"order {told.order.id} {told.status.value}: {filled} of {amount} filled"


def _fill(fill: Fill, markets: Mapping[str, Market]) -> str:
    market = markets[fill.symbol]
    amount, price = market.amount_text(fill.lots), market.price_text(fill.ticks)
    return f"order {fill.order_id}: {fill.side} {amount} at {price}"


def _prices(market: Market, **ticks: int | None) -> str:
    said = ((name, "none" if t is None else market.price_text(t)) for name, t in ticks.items())
    return ", ".join(f"{name} {text}" for name, text in said)


def _best(side: Sequence[tuple[int, int]] | None) -> int | None:
    return side[0][0] if side else None


def _balances(told: q.Balances) -> str:
    held = [(asset, free, used) for asset, (free, used) in told.assets.items() if free or used]
    some = (
        f"{asset} {atoms_text(free)} free, {atoms_text(used)} used"
        for asset, free, used in held[:NAMED_MAX]
    )
    return "; ".join(some) + ("; …" if len(held) > NAMED_MAX else "") if held else "no balances"


def _words(name: str) -> str:
    """The name of a class in words."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()


# What the answers say that are of one market, or of none.
SAYS: dict[type, Callable[[Any], str]] = {
    Ticker: lambda t: _prices(
        t.market, bid=t.bid and t.bid[0], ask=t.ask and t.ask[0], last=t.last
    ),
    q.BookSnapshot: lambda t: f"book: {_prices(t.market, bid=_best(t.bids), ask=_best(t.asks))}",
    q.Trades: lambda t: (
        f"{len(t.trades)} trades: {_prices(t.market, last=t.trades[-1].ticks)}"
        if t.trades
        else "no trades"
    ),
    q.Candles: lambda t: (
        f"{len(t.bars)} candles: {_prices(t.market, close=t.bars[-1].close)}"
        if t.bars
        else "no candles"
    ),
    q.AveragePrice: lambda t: _prices(t.market, average=t.ticks),
    q.Balances: _balances,
    q.Markets: lambda t: f"the rules of {len(t.markets)} markets",
    q.OrderLists: lambda t: f"{len(t.lists)} order lists",
    q.Amendments: lambda t: f"{len(t.amendments)} amendments",
    q.PreventedMatches: lambda t: f"{len(t.matches)} prevented matches",
    q.Clock: lambda t: f"the time: {instant_text(t.at)}",
}
