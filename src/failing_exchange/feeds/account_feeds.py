"""What accounts hear of themselves: each event of theirs is a push of its own, open to faults."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from failing_exchange.core.reject import Reject
from failing_exchange.faults.websocket_faults import FrameDamage
from failing_exchange.feeds.account_events import AccountEvents, StepView
from failing_exchange.feeds.account_records import (
    Record,
    Terminated,
    ends_stream,
    feed_of,
    symbol_of,
)
from failing_exchange.feeds.account_steps import Numbered, records
from failing_exchange.feeds.pushes import send
from failing_exchange.journal.trip import ENDED, Damage, parts_of
from failing_exchange.venue.connection_events import connection_fault

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Trip
    from failing_exchange.venue.gateway import Gateway
    from failing_exchange.venue.venue import RunningVenue


Say = Callable[[Any, "Damage | None"], None]
# (record, when it was sent, the markets by symbol, what a fault has edited) -> the venue's event
Write = Callable[[Any, int, Mapping[str, Any], Any], Any]

REPLAY_MAX = 100  # events of an account that are remembered for a replay; then the oldest is not


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
        self._markets: Mapping[str, Any] = {}

    def push(self, gateway: Gateway, record: Any) -> None:
        """Send an event on its way."""
        self._markets = gateway.engine.state.markets
        send(gateway, self.account, feed_of(record), symbol_of(record), record, self)

    # ---- as `pushes.Receiver`

    def hear(self, trip: Trip) -> None:
        """Say the event, unless the stream is over."""
        if self.over:
            return
        told, edits, damage = parts_of(trip.told)
        if isinstance(told, Reject):
            self._say(..., damage)
            return
        if told == ENDED:
            told = self.last(trip.born_at)
            self.ended()
        self.over = ends_stream(told)
        self._say(self._write(told, trip.born_at, self._markets, edits), damage)

    def lose(self, trip: Trip) -> None:
        """Break the connection off, unless the stream is over."""
        if not self.over:
            self.fail()

    def fail(self) -> None:
        """Break the connection off."""
        self.over = True
        self._hang_up()


def _nothing() -> None:
    return None


class UserStreams(AccountEvents):
    """All user streams of a venue: hears what happens there, and tells whom it concerns."""

    def __init__(self, venue: RunningVenue) -> None:
        super().__init__(venue)
        self._streams: dict[str, list[UserStream]] = {}
        self._told: dict[str, deque[Record]] = {}

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
        return lambda: self._push([stream], past)

    def add(self, stream: UserStream) -> None:
        """From now on it hears of its account."""
        self.listen(self.venue.gateway)
        self._streams.setdefault(stream.account, []).append(stream)
        self.set_alarm()

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
            self.set_alarm()

    def followed(self) -> Collection[str]:
        """The accounts that have a stream."""
        return self._streams

    def tell(self, account: str, events: Numbered, look: StepView) -> None:
        """Push each record of a step to the account's streams, one stream after the other."""
        told = self.records(account, events, look)
        self._told.setdefault(account, deque(maxlen=REPLAY_MAX)).extend(told)
        self._push(list(self._streams.get(account, ())), told)

    def records(self, account: str, events: Numbered, look: StepView) -> list[Record]:
        """What an account hears of a step."""
        return records(events, look)

    def _push(self, streams: Iterable[UserStream], told: Iterable[Record]) -> None:
        for stream in streams:
            for record in told:
                stream.push(self.venue.gateway, record)
