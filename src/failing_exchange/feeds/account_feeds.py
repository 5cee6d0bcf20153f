"""What accounts hear of themselves: each event of theirs is a push of its own, open to faults."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Reversible
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from failing_exchange.core.commands import PlaceOrder, Replaced
from failing_exchange.core.events import TradeBusted
from failing_exchange.core.queries import FetchOrder
from failing_exchange.core.reject import Reject
from failing_exchange.faults.websocket_faults import FrameDamage
from failing_exchange.feeds.account_records import (
    Record,
    Terminated,
    ends_stream,
    feed_of,
    symbol_of,
)
from failing_exchange.feeds.account_steps import account_of, records
from failing_exchange.feeds.wakeup import Alarm
from failing_exchange.journal.trip import ENDED, Damage, Damaged, Edited
from failing_exchange.venue.connection_events import connection_fault

if TYPE_CHECKING:
    from failing_exchange.core.events import Event
    from failing_exchange.core.market import Market
    from failing_exchange.core.order import OrderSnapshot
    from failing_exchange.journal.trip import Trip
    from failing_exchange.venue.gateway import Gateway
    from failing_exchange.venue.venue import RunningVenue


Say = Callable[[Any, "Damage | None"], None]
# (record, when it was sent, the markets by symbol, what a fault has edited) -> the venue's event
Write = Callable[[Any, int, Mapping[str, Any], Any], Any]

REPLAY_MAX = 100  # events of an account that are remembered for a replay; then the oldest is not
LOOK_BACK_MAX = 1_000  # trips among which a step looks for its own; then a rejection is not told


class UserStream:
    """An account's events on one connection, until the last of them is told.

    `write` puts a record (`account_records`) into the venue's words. `say` is given each event as
    it arrives, `...` for one that can't be read, and what happens to its bytes; `hang_up` is called
    when the connection breaks in a push's place.
    """

    def __init__(
        self,
        account: str,
        write: Write,
        say: Say,
        hang_up: Callable[[], None],
    ) -> None:
        self.account = account
        self.over = False  # nothing is told any more
        self.last: Callable[[int], Any] = Terminated  # its last event, if the venue ends it
        self.ended: Callable[[], Any] = _nothing  # called then
        self._write = write
        self._say = say
        self._hang_up = hang_up

    def push(self, gateway: Gateway, record: Any) -> None:
        """Send an event on its way. A bug of ours in writing it costs the connection."""
        markets = gateway.engine.state.markets

        def hear(trip: Trip) -> None:
            try:
                self._hear(trip, markets)
            except Exception as bug:
                gateway.unanswered(bug, trip)
                self.over = True
                self._hang_up()

        gateway.push(self.account, feed_of(record), symbol_of(record), record, hear)

    def _hear(self, trip: Trip, markets: Mapping[str, Any]) -> None:
        """A push has arrived, or the connection breaks in its place."""
        if self.over:
            return
        if trip.hung_up:
            self.over = True
            self._hang_up()
            return
        told: Any = trip.told
        damage: Damage | None = None
        if told.__class__ is Damaged:
            told, damage = told
        edits: Any = ()
        if told.__class__ is Edited:
            told, edits = told
        if isinstance(told, Reject):
            self._say(..., damage)
            return
        if told == ENDED:
            told = self.last(trip.born_at)
            self.ended()
        self.over = ends_stream(told)
        self._say(self._write(told, trip.born_at, markets, edits), damage)


def _nothing() -> None:
    return None


class UserStreams:
    """All user streams of a venue: hears what happens there, and tells whom it concerns.

    While there is a stream, a timer of the venue lets the market do what is due in time: an order
    that the market touches is told of without anybody asking.
    """

    def __init__(self, venue: RunningVenue) -> None:
        self.venue = venue
        self._streams: dict[str, list[UserStream]] = {}
        self._told: dict[str, deque[Record]] = {}
        self._listens_to: Gateway | None = None
        self._alarm = Alarm(venue, self._set_alarm)

    def subscribe(self, stream: UserStream, client: str) -> Callable[[], None] | None:
        """Let it hear of its account, unless a fault forgets it.

        What is to be told of the past, if a fault wants that, comes with the call of what this
        gives: the answer goes first.
        """
        damage = connection_fault(self.venue.gateway, "subscribe_account", client)
        if damage is not None and damage.kind is not FrameDamage.REPLAY:
            return None
        self.add(stream)
        if damage is None:
            return None
        past = list(self._told.get(stream.account, ()))[-damage.size :]
        return lambda: self._tell_again(stream, past)

    def _tell_again(self, stream: UserStream, past: list[Record]) -> None:
        for record in past:
            stream.push(self.venue.gateway, record)

    def add(self, stream: UserStream) -> None:
        """From now on it hears of its account."""
        gateway = self.venue.gateway
        if self._listens_to is not gateway:
            self._listens_to = gateway
            gateway.listeners.append(self._on_events)
        self._streams.setdefault(stream.account, []).append(stream)
        self._set_alarm()

    def end(self, stream: UserStream, last: Any) -> None:
        """It hears no more; `last` is pushed behind what is on its way."""
        self.remove(stream)
        stream.push(self.venue.gateway, last)

    def remove(self, stream: UserStream) -> None:
        """Stop sending to a stream; does nothing if it is not registered."""
        streams = self._streams.get(stream.account, [])
        if stream in streams:
            streams.remove(stream)
            if not streams:
                del self._streams[stream.account]
            self._set_alarm()

    def _on_events(self, events: tuple[Event, ...], at: int) -> None:
        if not self._streams:
            return
        concerned: dict[str, list[tuple[int, Event]]] = {}
        first = self.venue.gateway.engine.executions - len(events) + 1
        for number, event in enumerate(events, first):
            for account in self._concerned(event):
                if account in self._streams:
                    concerned.setdefault(account, []).append((number, event))
        gateway = self.venue.gateway
        for account, its in concerned.items():
            told = records(its, _Sight(gateway, account, events, at))
            self._told.setdefault(account, deque(maxlen=REPLAY_MAX)).extend(told)
            for stream in list(self._streams.get(account, ())):
                for record in told:
                    stream.push(gateway, record)
        self._set_alarm()

    def _concerned(self, event: Event) -> Iterable[str]:
        """The accounts that an event is about: of an undone trade, those that had it."""
        if not isinstance(event, TradeBusted):
            return (account_of(event),)
        accounts = self.venue.gateway.engine.state.accounts
        which = (event.symbol, event.trade_id)
        return [
            name
            for name in self._streams
            if any((fill.symbol, fill.trade_id) == which for fill in accounts[name].fills)
        ]

    def _set_alarm(self) -> None:
        state = self.venue.gateway.engine.state
        keeps_running = any(state.account(account).open for account in self._streams)
        self._alarm.set(bool(self._streams), keeps_running=keeps_running)


class _Sight:
    """An account as it is after a step (see `account_steps.Look`)."""

    def __init__(self, gateway: Gateway, account: str, events: tuple[Event, ...], at: int) -> None:
        self._engine = gateway.engine
        self._trips = gateway.journal.trips
        self._events = events
        self._account = account
        self._at = at

    def order(self, order_id: int) -> OrderSnapshot:
        """An order of the account."""
        query = FetchOrder(self._account, "", order_id)
        found: OrderSnapshot = self._engine.execute(query, self._at)[1]
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
