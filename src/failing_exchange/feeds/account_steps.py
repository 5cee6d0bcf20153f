"""From what happened in one step of the exchange to what an account hears of it, in order.

The order is that of Binance Spot: faq "market_orders", sample payload, 2026-07-21: NEW, each TRADE,
EXPIRED, then one position. One comes after each "event that generated the balance change (a
deposit, withdrawal, trade, order placement, or cancellation)" (CHANGELOG.md, 2019-08-15), of which
a step may have several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Reversible, Sequence
from itertools import takewhile
from typing import Any, Protocol

from failing_exchange.core import events as e
from failing_exchange.core.commands import PlaceOrder
from failing_exchange.core.conditional_order import ConditionalSnapshot
from failing_exchange.core.market import Market
from failing_exchange.core.order import (
    TRIGGERED_TYPES,
    Fill,
    Order,
    OrderSnapshot,
    PreventedMatch,
    Status,
    Why,
)
from failing_exchange.core.queries import Positions
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.feeds.account_records import (
    AssetBalances,
    BalanceChange,
    Delta,
    Execution,
    ExecutionReport,
    Prevented,
    Record,
    RejectReason,
)

Numbered = Sequence[tuple[int, e.Event]]  # events, each with its number in the venue's life


class Look(Protocol):
    """What stands behind the events of an account, as it is after their step."""

    def order(self, order_id: int) -> OrderSnapshot:
        """An order of the account."""

    def balances(self, before: int = 0) -> Mapping[str, tuple[int, int]]:
        """(free, used) by asset; with `before`, as it was when an event that is a turn began."""

    def turns(self) -> Reversible[int]:
        """The numbers of late events that happened by themselves, not because of those before."""

    def market(self, symbol: str) -> Market:
        """A market's rules."""

    def refused(self) -> tuple[PlaceOrder, Reject] | None:
        """The order of this step that was refused after another was canceled for it."""


class StateLook(Look, Protocol):
    """The same where positions are told, too."""

    def positions(self, symbol: str) -> Positions:
        """The account's positions in a contract, empty ones as well."""

    def conditional(self, number: int) -> ConditionalSnapshot:
        """A conditional order of the account."""


def account_of(event: e.Event) -> str:
    """Whom an event concerns; empty for nobody."""
    fill = getattr(event, "fill", None)
    account: str = getattr(event if fill is None else fill, "account", "")
    return account


def records(events: Numbered, look: Look) -> list[Record]:
    """What one account hears of its events of one step, each with its number.

    Reports and lists as things happened, and after each that happened by itself the balances that
    may have changed.
    """
    events = of_kind(events, look, contracts=False)
    step = AccountStep(events, look)
    first = events[0][0] if events else 0
    turns = [*takewhile(lambda number: number > first, reversed(look.turns()))]
    for number, event in events:
        while turns and turns[-1] <= number:
            step.settle(before=turns.pop())
        note = NOTES.get(type(event))
        if note is not None:
            step.number = number
            note(step, event)
    refused = look.refused()
    if refused is not None:
        step.told.append(_rejected(*refused, step.at, step.number + 1))
    step.settle()
    return step.told


def of_kind(events: Numbered, look: Look, *, contracts: bool) -> Numbered:
    """Those events about orders that concern contracts, or other markets; all of the others."""
    return [
        (number, event)
        for number, event in events
        if (symbol := _market_of(event, look)) is None
        or (look.market(symbol).contract is not None) is contracts
    ]


def _market_of(event: e.Event, look: Look) -> str | None:
    """The market of an event about an order; None for other events."""
    fill = getattr(event, "fill", None)
    if fill is not None:
        symbol: str = fill.symbol
        return symbol
    if isinstance(event, ORDER_EVENTS):
        return look.order(event.order_id).order.symbol
    return event.symbol if isinstance(event, e.TradeBusted) else None


ORDER_EVENTS = (
    e.OrderAccepted, e.OrderCanceled, e.OrderExpired, e.OrderTriggered, e.OrderActivated,
    e.OrderAmended, e.OrderDecremented,
)  # fmt: skip


OF_FUTURES = (
    e.PositionChanged, e.FuturesBalanceChanged, e.MarginSettingsChanged, e.PositionLiquidated,
    e.MarginCalled, e.ConditionalChanged,
)  # fmt: skip


def wallets_of(events: Numbered, look: Look) -> tuple[bool, bool]:
    """Whether events of an account may have changed its spot wallet, and its futures wallet."""
    others = [one for _, one in of_kind(events, look, contracts=False)]
    futures = [one for one in others if isinstance(one, OF_FUTURES)]
    return len(futures) < len(others), bool(futures) or len(others) < len(events)


def states(events: Numbered, look: StateLook) -> Iterator[tuple[str, str, Any]]:
    """The same as unified feeds tell it: (feed, symbol, answer).

    Each fill, then each order (one that closed a position by force also as a liquidation), each
    conditional order and the positions of each contract, once a step, as they are after it; a
    position that was closed comes as well.
    """
    orders: dict[int, None] = {}
    contracts: dict[str, None] = {}
    conditionals: dict[int, str] = {}
    for _, event in events:
        fill = getattr(event, "fill", None)
        if fill is not None:
            yield "watch_my_trades", fill.symbol, (fill,)
        if order_id := getattr(event, "order_id", 0):
            orders[order_id] = None
        if isinstance(event, e.PositionChanged):
            contracts[event.symbol] = None
        if isinstance(event, e.ConditionalChanged):
            conditionals[event.conditional_id] = event.symbol
    for order_id in orders:
        snapshot = look.order(order_id)
        yield "watch_orders", snapshot.order.symbol, (snapshot,)
        if snapshot.order.forced and snapshot.filled:
            yield "watch_my_liquidations", snapshot.order.symbol, (snapshot,)
    for number, symbol in conditionals.items():
        yield "watch_orders", symbol, (look.conditional(number),)
    for symbol in contracts:
        yield "watch_positions", symbol, look.positions(symbol)


REJECT_REASONS = {
    Reason.INSUFFICIENT_FUNDS: RejectReason.INSUFFICIENT_FUNDS,
    Reason.WOULD_TRIGGER: RejectReason.WOULD_TRIGGER,
    Reason.WOULD_MATCH: RejectReason.WOULD_MATCH,
}


def _rejected(place: PlaceOrder, refused: Reject, at: int, number: int) -> ExecutionReport:
    """The report of an order that was never placed: it has neither number nor birth."""
    order = Order(-1, place.account, place.symbol, place.side, place.kind, place.lots, at)
    order.ticks, order.stop_ticks, order.client_id = place.ticks, place.stop_ticks, place.client_id
    order.time_in_force, order.post_only = place.time_in_force, place.post_only
    order.cost_wanted, order.iceberg_lots = place.cost, place.iceberg_lots
    order.trail_bips, order.prevention = place.trail_bips, place.prevention
    order.extra = place.extra
    order.status = Status.EXPIRED
    reason = REJECT_REASONS.get(refused.reason, RejectReason.NONE)
    return ExecutionReport(Execution.REJECTED, order.snapshot(), at, number, reason=reason)


class AccountStep:
    """The events of one account in one step; orders are unrolled from their state after it."""

    def __init__(self, events: Numbered, look: Look) -> None:
        self.look = look
        self.told: list[Record] = []
        self.assets: dict[str, None] = {}
        self.at = self.number = 0
        self._states: dict[int, OrderSnapshot] = {}
        self._fills: dict[int, list[Fill]] = {}
        self._expired: dict[int, list[PreventedMatch]] = {}
        self._decremented: dict[int, int] = {}
        self._began: dict[int, Status] = {}
        self._new: set[int] = set()
        for _, event in events:
            if isinstance(event, e.OrderFilled):
                self._fills.setdefault(event.order_id, []).append(event.fill)
            elif isinstance(event, e.OrderDecremented):
                self._expired.setdefault(event.order_id, []).append(event.match)
                so_far = self._decremented.get(event.order_id, 0)
                self._decremented[event.order_id] = so_far + event.lots
            elif isinstance(event, e.OrderExpired) and event.why == Why.SELF_TRADE:
                last = look.order(event.order_id).prevented_matches[-1]
                self._expired.setdefault(event.order_id, []).append(last)
            elif isinstance(event, e.OrderAccepted):
                self._new.add(event.order_id)
            elif isinstance(event, e.OrderTriggered):
                self._began.setdefault(event.order_id, Status.WAITING)
            elif isinstance(event, e.OrderActivated):
                self._began.setdefault(event.order_id, Status.PENDING)

    def order(self, order_id: int, at: int) -> OrderSnapshot:
        """An order as it stood before this event; its assets are noted."""
        self.at = at
        state = self._states.get(order_id)
        if state is None:
            state = self._before(self.look.order(order_id))
        self.touch(self.look.market(state.order.symbol))
        return state

    def touch(self, market: Market) -> None:
        """Note the assets of a market, whose balances may have changed."""
        self.assets[market.base] = self.assets[market.quote] = None

    def _before(self, after: OrderSnapshot) -> OrderSnapshot:
        order = after.order
        fills = self._fills.get(order.id, ())
        expired = self._expired.get(order.id, ())
        after = after._replace(lots=self.lots(after))
        if self._began.get(order.id) is Status.PENDING:  # what is known only from its turn on
            if order.order_list is not None and order.order_list.orders[0].proceeds_pay:
                after = after._replace(lots=0)
            if order.peg is not None:
                after = after._replace(ticks=0)
        return after._replace(
            status=self._status_before(after),
            filled=after.filled - sum(fill.lots for fill in fills),
            cost=after.cost - sum(fill.cost for fill in fills),
            fills=after.fills - len(fills),
            prevented_matches=tuple(m for m in after.prevented_matches if m not in expired),
        )

    def lots(self, after: OrderSnapshot) -> int:
        """The amount of an order before this step's prevented matches made it smaller."""
        return after.lots + self._decremented.get(after.order.id, 0)

    def _status_before(self, after: OrderSnapshot) -> Status:
        order = after.order
        if order.id in self._new:
            if order.follows:
                return Status.PENDING
            return Status.WAITING if order.kind in TRIGGERED_TYPES else Status.OPEN
        return self._began.get(order.id, after.status if order.is_open else Status.OPEN)

    def tell(
        self,
        execution: Execution,
        state: OrderSnapshot,
        fill: Fill | None = None,
        prevented: Prevented | None = None,
        **more: Any,
    ) -> None:
        """Something happened to an order, and this is how it stands now."""
        self._states[state.order.id] = state = state._replace(updated_at=self.at)
        self.told.append(
            ExecutionReport(execution, state, self.at, self.number, fill, prevented, **more)
        )

    def prevent(self, state: OrderSnapshot, match: PreventedMatch) -> None:
        """A part of an order has expired for a prevented match, and the order with the last one."""
        order_id = state.order.id
        lots = match.lots_of(order_id)
        counter_id = match.maker_id if order_id == match.taker_id else match.taker_id
        counter = self._states.get(counter_id) or self.look.order(counter_id)
        other = match.lots_of(counter_id) or counter.remaining
        state = state._replace(prevented_matches=(*state.prevented_matches, match))
        seen = Prevented(match, counter_id, lots, state.prevented, min(lots, other))
        self.tell(Execution.PREVENTED, state, prevented=seen)

    def settle(self, before: int = 0) -> None:
        """Tell the balances of the assets that were touched since the last time.

        As they were before a turn, or else as they are after the step.
        """
        if self.assets:
            balances = self.look.balances(before)
            assets = tuple((name, *balances.get(name, (0, 0))) for name in self.assets)
            self.told.append(AssetBalances(assets, self.at))
            self.assets.clear()


def becomes(execution: Execution, **changes: Any) -> Callable[[AccountStep, Any], None]:
    """The note of an event by which an order becomes something, without more."""

    def note(step: AccountStep, event: Any) -> None:
        state = step.order(event.order_id, event.at)
        step.tell(execution, state._replace(**changes))

    return note


def _filled(step: AccountStep, event: e.OrderFilled) -> None:
    state = step.order(event.order_id, event.fill.at)
    step.assets[event.fill.fee_asset] = None
    step.tell(Execution.FILLED, after_fill(state, event), event.fill)


def after_fill(state: OrderSnapshot, event: e.OrderFilled) -> OrderSnapshot:
    """An order after a fill, from how it stood before."""
    fill = event.fill
    return state._replace(
        status=Status.OPEN if event.lots_left else Status.FILLED,
        filled=state.filled + fill.lots,
        cost=state.cost + fill.cost,
        fills=state.fills + 1,
    )


def _expired(step: AccountStep, event: e.OrderExpired) -> None:
    state = step.order(event.order_id, event.at)
    ended = state._replace(status=Status.EXPIRED)
    if event.why != Why.SELF_TRADE:
        step.tell(Execution.EXPIRED, ended)
        return
    step.prevent(ended, step.look.order(event.order_id).prevented_matches[-1])


def _decremented(step: AccountStep, event: e.OrderDecremented) -> None:
    state = step.order(event.order_id, event.at)
    step.prevent(state._replace(lots=state.lots - event.lots), event.match)


def _activated(step: AccountStep, event: e.OrderActivated) -> None:
    state = step.order(event.order_id, event.at)
    waits = state.order.kind in TRIGGERED_TYPES
    after = step.look.order(event.order_id)
    status = Status.WAITING if waits else Status.OPEN
    step.tell(
        Execution.ACCEPTED, state._replace(status=status, lots=step.lots(after), ticks=after.ticks)
    )


def _list_changed(step: AccountStep, event: e.OrderListChanged) -> None:
    step.told.append(event)


def _amended(step: AccountStep, event: e.OrderAmended) -> None:
    state = step.order(event.order_id, event.at)
    ticks = event.ticks or state.ticks
    step.tell(Execution.AMENDED, state._replace(lots=event.lots, ticks=ticks))


def _balance(step: AccountStep, event: e.BalanceChanged) -> None:
    locked = event.why == "lock"
    kind = BalanceChange.LOCKED if locked else BalanceChange.DEPOSITED
    atoms = event.used if locked else event.free
    step.at = event.at
    step.assets[event.asset] = None
    step.told.append(Delta(kind, event.asset, atoms, event.at))


def _busted(step: AccountStep, event: e.TradeBusted) -> None:
    step.at = event.at
    step.touch(step.look.market(event.symbol))


NOTES: dict[type, Callable[[AccountStep, Any], None]] = {
    e.OrderAccepted: becomes(Execution.ACCEPTED),
    e.OrderTriggered: becomes(Execution.ACCEPTED, status=Status.OPEN),
    e.OrderFilled: _filled,
    e.OrderCanceled: becomes(Execution.CANCELED, status=Status.CANCELED),
    e.OrderExpired: _expired,
    e.OrderDecremented: _decremented,
    e.OrderAmended: _amended,
    e.OrderActivated: _activated,
    e.OrderListChanged: _list_changed,
    e.BalanceChanged: _balance,
    e.TradeBusted: _busted,
}
