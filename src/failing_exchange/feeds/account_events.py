"""What happens to accounts, step by step, for the streams that follow them.

While a client waits for an account's events, a timer lets the market do what is due: a fill by the
market is pushed without any request.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Reversible
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from failing_exchange.core.commands import PlaceOrder, Replaced
from failing_exchange.core.events import TradeBusted
from failing_exchange.core.margin import positions_in
from failing_exchange.core.queries import FetchMargin, FetchOrder, FetchPositions, Query
from failing_exchange.core.reject import Reject
from failing_exchange.feeds.account_steps import Numbered, account_of

if TYPE_CHECKING:
    from failing_exchange.core.conditional_order import ConditionalSnapshot
    from failing_exchange.core.events import Event
    from failing_exchange.core.market import Market
    from failing_exchange.core.order import Fill, OrderSnapshot
    from failing_exchange.core.queries import Margins, Positions
    from failing_exchange.journal.trip import Trip
    from failing_exchange.venue.gateway import Gateway
    from failing_exchange.venue.venue import RunningVenue
    from failing_exchange.venue.venue_clock import Cancelable

NEVER = 1 << 61  # an instant that does not come
LOOK_BACK_MAX = 1_000  # trips among which a step looks for its own; then a rejection is not told


class AccountEvents:
    """Follows accounts of a venue. A subclass says which, and what it tells of their events."""

    def __init__(self, venue: RunningVenue) -> None:
        self.venue = venue
        self._listens_to: Gateway | None = None
        self._timer: Cancelable | None = None
        self._set_for: Any = None  # loop, instant, whether it counts

    def followed(self) -> Collection[str]:
        """The accounts whose events are told."""
        raise NotImplementedError

    def awaited(self) -> Collection[str]:
        """Those of them for whose events a client waits now."""
        return self.followed()

    def tell(self, account: str, events: Numbered, look: StepView) -> None:
        """Tell an account's events of one step."""
        raise NotImplementedError

    def listen(self, gateway: Gateway) -> None:
        """Hear each step of this gateway from now on."""
        if self._listens_to is not gateway:
            self._listens_to = gateway
            gateway.listeners.append(self._on_events)

    def set_alarm(self) -> None:
        """Set the timer for what is due next, or cancel it if no client waits."""
        venue, gateway, awaited = self.venue, self.venue.gateway, self.awaited()
        wake_at = gateway.engine.wake_at
        keeps_running = any(may_change(venue, account) for account in awaited)
        wanted = (venue.loop, wake_at, keeps_running) if awaited else None
        if wanted == self._set_for:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._set_for = None, wanted
        if awaited and wake_at < NEVER:
            at = max(wake_at, venue.clock.now())
            self._timer = gateway.later(at, self._ring, keeps_running=keeps_running)

    def _ring(self) -> None:
        self._timer = self._set_for = None
        self.venue.gateway.settle(self.venue.clock.now())
        self.set_alarm()

    def _on_events(self, events: tuple[Event, ...], at: int) -> None:
        followed = self.followed()
        if not followed:
            return
        gateway = self.venue.gateway
        concerned: dict[str, list[tuple[int, Event]]] = {}
        first = gateway.engine.executions - len(events) + 1
        for number, event in enumerate(events, first):
            for account in self._concerned(event):
                if account in followed:
                    concerned.setdefault(account, []).append((number, event))
        for account, its in concerned.items():
            self.tell(account, its, StepView(gateway, account, events, at))
        self.set_alarm()

    def _concerned(self, event: Event) -> Iterable[str]:
        """The accounts that an event is about: of an undone trade, those that had it."""
        if not isinstance(event, TradeBusted):
            return (account_of(event),)
        accounts = self.venue.gateway.engine.state.accounts
        which = (event.symbol, event.trade_id)
        return [
            name
            for name in self.followed()
            if any((fill.symbol, fill.trade_id) == which for fill in accounts[name].fills)
        ]


def may_change(venue: RunningVenue, account: str) -> bool:
    """Whether time alone may bring an account news: it has orders, or positions, in its markets."""
    assert venue.engine is not None
    found, listed = venue.engine.state.account(account), venue.listed
    return (
        any(order.symbol in listed for order in found.open.values())
        or any(one.command.symbol in listed for one in found.conditionals.values())
        or any(
            position.lots
            for ms in listed.values()
            if ms.positions
            for position in positions_in(ms, account)
        )
    )


class StepView:
    """An account as it is after a step (see `account_steps.Look`)."""

    def __init__(self, gateway: Gateway, account: str, events: tuple[Event, ...], at: int) -> None:
        self._engine = gateway.engine
        self._trips = gateway.journal.trips
        self._events = events
        self._account = account
        self._at = at

    def ask(self, query: Query) -> Any:
        """The answer to a query."""
        return self._engine.execute(query, self._at)[1]

    def order(self, order_id: int) -> OrderSnapshot:
        """An order of the account."""
        found: OrderSnapshot = self.ask(FetchOrder(self._account, "", order_id))
        return found

    def balances(self, before: int = 0) -> Mapping[str, tuple[int, int]]:
        """(free, used) by asset; with `before`, as it was when an event that is a turn began."""
        return self._engine.state.ledger.balances(self._account, before=before)

    def turns(self) -> Reversible[int]:
        """The numbers of late events that happened by themselves, not because of those before."""
        return self._engine.state.transactions

    def market(self, symbol: str) -> Market:
        """A market's rules."""
        return self._engine.state.markets[symbol].market

    def positions(self, symbol: str) -> Positions:
        """The account's positions in a contract, empty ones as well."""
        found: Positions = self.ask(FetchPositions(self._account, symbol, idle=True))
        return found

    def margins(self) -> Margins:
        """The account's futures wallet."""
        found: Margins = self.ask(FetchMargin(self._account))
        return found

    def conditional(self, number: int) -> ConditionalSnapshot:
        """A conditional order of the account."""
        found = self._engine.state.accounts[self._account].find_conditional(number)
        assert found is not None, f"no conditional order {number} of {self._account}"
        return found.snapshot()

    def fills(self) -> Reversible[Fill]:
        """The account's latest fills, oldest first."""
        return self._engine.state.accounts[self._account].fills

    def refused(self) -> tuple[PlaceOrder, Reject] | None:
        """The order of this step that was refused after another was canceled for it."""
        trip = self._trip
        if trip is None or not isinstance(trip.answer, Replaced):
            return None
        placed = trip.answer.placed
        return (trip.command.place, placed) if isinstance(placed, Reject) else None

    @cached_property
    def _trip(self) -> Trip | None:
        """Whose step it is; None where the market did it by itself."""
        near = islice(reversed(self._trips), LOOK_BACK_MAX)
        return next((trip for trip in near if trip.happened is self._events), None)
