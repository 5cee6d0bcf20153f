"""Lookups for faults: the order that a request places or names, the rules of its market."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from failing_exchange.core.commands import BatchOrders, PlaceOrder, ReplaceOrder
from failing_exchange.core.ledger import Wallet
from failing_exchange.core.market import Market
from failing_exchange.core.order import OrderSnapshot
from failing_exchange.core.positions import MarginStatus
from failing_exchange.core.queries import (
    FetchBalance,
    FetchMargin,
    FetchMarkets,
    FetchOrder,
    FetchOrders,
)
from failing_exchange.core.reject import Refusal, Reject
from failing_exchange.core.wanted_orders import orders_in, parts_of
from failing_exchange.faults.plan import Match, Replace, Verdict
from failing_exchange.journal.trip import Edited, Trip

FEEDS_REMEMBERED_MAX = 10_000  # by a rule; then the oldest is forgotten, and looks new


def symbol_of(trip: Trip) -> str:
    """The market of a request; of a batch that names none, that of its first order."""
    if trip.symbol:
        return trip.symbol
    return next((order.symbol for order in orders_in(trip.command)), "")


def refuse_orders(
    match: Match, refused: Reject, *, whole: bool = True, where: Callable[[Any], bool] = bool
) -> Verdict | None:
    """Refuse the orders of a request for which `where` holds; None where there is none.

    A batch goes on with its other orders, and of a replacement only the new order is refused: the
    old one is canceled. `whole`: refuse the request itself where it carries nothing else.
    """
    command: Any = match.trip.command
    no = Refusal(refused.reason, refused.text, refused.code)
    if not any(map(where, orders_in(command))):
        return None
    if isinstance(command, ReplaceOrder) and command.refused is None:
        return Replace(command._replace(refused=no))
    if isinstance(command, BatchOrders):
        parts = zip(command.commands, parts_of(command), strict=True)
        commands = tuple(
            no._replace(of=part) if any(map(where, orders_in(part))) else one for one, part in parts
        )
        return Replace(command._replace(commands=commands))
    return refused if whole else None


def named_by(match: Match) -> OrderSnapshot | None:
    """The order that a request names, as it is now; None when there is none."""
    command: Any = match.trip.command
    if isinstance(command, ReplaceOrder):
        command = command.cancel
    order_id, client_id = getattr(command, "order_id", 0), getattr(command, "client_id", "")
    if isinstance(command, PlaceOrder) or not (order_id or client_id):
        return None
    try:
        query = FetchOrder(match.trip.account, "", order_id, client_id)
        found: OrderSnapshot = match.look(query)
    except Reject:  # the engine itself will refuse: there is nothing to lie about
        return None
    return found


def open_order(match: Match) -> OrderSnapshot | None:
    """The open order that a request names, else the client's oldest one in the request's market."""
    command = match.trip.command
    if getattr(command, "order_id", 0) or isinstance(command, ReplaceOrder):
        named = named_by(match)
        return named if named is not None and named.order.is_open else None
    query = FetchOrders(match.trip.account, symbol_of(match.trip), "open")
    try:
        found = match.look(query).orders
    except Reject:  # no such symbol: no such order
        return None
    return found[0] if found else None


def market_of(match: Match, symbol: str) -> Market | None:
    """The rules in force of a market."""
    found = match.look(FetchMarkets(match.trip.account))
    return next((market for market in found.markets if market.symbol == symbol), None)


def wallet_of(match: Match) -> Wallet:
    """The wallet that the request's market is paid from; without a symbol, the first market."""
    markets = match.look(FetchMarkets(match.trip.account)).markets
    market = next((one for one in markets if one.symbol == match.trip.symbol), markets[0])
    return Wallet.SPOT if market.contract is None else Wallet.FUTURES


def free_of(match: Match, asset: str, wallet: Wallet = Wallet.SPOT) -> int:
    """What the client has free of an asset in a wallet, in atoms."""
    account = match.trip.account
    if not account:
        return 0  # a public request has no account
    if wallet is Wallet.FUTURES:
        margins: dict[str, MarginStatus] = match.look(FetchMargin(account)).assets
        return margins[asset].available if asset in margins else 0
    found: dict[str, tuple[int, int]] = match.look(FetchBalance(account)).assets
    return found.get(asset, (0, 0))[0]


def by_feed(match: Match, value: Any, *, newest: bool) -> Any:
    """What a rule remembers of the feed of a push: the newest value, or the first one."""
    trip = match.trip
    feeds: dict[Any, Any] = match.memory.setdefault("feeds", {})
    name = (trip.account, trip.operation, trip.symbol)
    if newest:
        feeds.pop(name, None)
    kept = feeds.setdefault(name, value)
    if len(feeds) > FEEDS_REMEMBERED_MAX:
        del feeds[next(iter(feeds))]
    return kept


def answer_of(match: Match) -> Any:
    """The answer on its way; None when there is none, or when it is a refusal."""
    answer = match.trip.answer
    return None if isinstance(answer, Reject) else answer


def edited(match: Match, *edits: tuple[str, Any]) -> Replace | None:
    """The answer with some fields changed; a refusal has none."""
    answer = answer_of(match)
    return None if answer is None else Replace(Edited(answer, edits))
