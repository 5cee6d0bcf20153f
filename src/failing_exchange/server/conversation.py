"""What is spoken on a WebSocket connection, sans-I/O: text in, actions out.

A venue writes a `Conversation` for each kind of connection that it has. `converse` makes it a
route: it hands on what the client says, and carries out the actions that come back.

>>> class Echo(Conversation):
...     def heard(self, text, at): return [Send(text.encode())]
>>> list(Echo().heard("hello", at=0))
[Send(text=b'hello', damage=None)]
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from failing_exchange.feeds.market_feeds import Feeds, Topic
from failing_exchange.journal.trip import parts_of
from failing_exchange.server.damage import send_frame
from failing_exchange.server.websocket_frames import Code, text_frame
from failing_exchange.venue.connection_events import connection_fault

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Damage, Told, Trip
    from failing_exchange.server.messages import Request
    from failing_exchange.server.rest_api import RoutedCall
    from failing_exchange.server.websocket_connection import Connection

CALLS_REMEMBERED_MAX = 10_000  # under way, of one connection; the oldest then counts as answered


class Send(NamedTuple):
    """Send a message of text, whole or damaged."""

    text: bytes
    damage: Damage | None = None


class Inquiry(Protocol):
    """A request that was made on a connection: what goes through the pass, and what comes back."""

    def call(self) -> RoutedCall:
        """The call that it is."""

    def reply(self, trip: Trip, told: Told) -> Iterable[Action]:
        """What its client is told; not where the exchange was never asked (`stand_in`)."""

    def stand_in(self, trip: Trip) -> bytes:
        """The text of an answer that does not exist, of which only a part will arrive."""

    def lost(self, at: int) -> bytes:
        """What is said where a bug of ours has cost the reply."""


class Ask(NamedTuple):
    """Send a request through the pass.

    `steps` make a costly one beforehand; what the client says meanwhile waits.
    """

    inquiry: Inquiry
    steps: Iterator[None] | None = None


class Join(NamedTuple):
    """Listen to topics from now on: their news comes through `Conversation.news`.

    It counts as one "subscribe" for faults, however many topics it has.
    """

    topics: Sequence[Topic]


class Leave(NamedTuple):
    """Stop listening to the topic of a key; does nothing if it was not joined."""

    key: Hashable


class Close(NamedTuple):
    """Close the connection with a code and a reason."""

    code: int = Code.NORMAL
    reason: str = ""


class Abort(NamedTuple):
    """Break the connection off without a word."""


Action = Send | Ask | Join | Leave | Close | Abort


class Opened(NamedTuple):
    """A connection that a client has opened: how journal and faults call it, and how it came.

    `do` carries out what is to be done without the client having said anything.
    """

    name: str
    request: Request
    at: int
    do: Callable[[Iterable[Action]], None]


class Conversation:
    """A venue's side of one connection: here one that says nothing. It does no I/O.

    A venue's own derives from it; it may remember what was said.
    """

    @property
    def form(self) -> Hashable:
        """Conversations of equal form write equal `news`; None: this one writes its own."""
        return None

    def opened(self, at: int) -> Iterable[Action]:
        """The connection stands."""
        return ()

    def heard(self, text: str, at: int) -> Iterable[Action]:
        """The client has said something."""
        return ()

    def news(self, key: Hashable, payload: bytes) -> bytes:
        """The text of a push: what a topic has to say, in this connection's envelope."""
        return payload

    def shutdown(self, at: int) -> Iterable[Action]:
        """The venue is about to shut down."""
        return ()

    def closed(self, at: int) -> None:
        """The connection is gone."""


class Driver:
    """Carries out what a conversation says on its connection."""

    def __init__(
        self,
        connection: Connection,
        make: Callable[[Opened], Conversation],
        feeds: Feeds | None,
    ) -> None:
        self.connection = connection
        request, at = connection.request, connection.opened_at
        self.conversation = make(Opened(connection.name, request, at, self.carry_out))
        self._feeds = feeds
        self._joined: dict[Hashable, None] = {}
        self._under_way: dict[int, Trip] = {}
        self._share = connection.dispatcher.turns.share()
        connection.on_text = self._heard
        connection.on_shutdown = self._shutdown
        connection.on_closed = self._closed

    def carry_out(self, actions: Iterable[Action]) -> None:
        """Do one after the other."""
        for action in actions:
            DO[action.__class__](self, action)

    def _heard(self, connection: Connection, text: str) -> None:
        self.carry_out(self.conversation.heard(text, connection.gateway.clock.now()))

    def _shutdown(self) -> None:
        self.carry_out(self.conversation.shutdown(self.connection.gateway.clock.now()))

    def _closed(self, connection: Connection) -> None:
        """Its requests go on unheard."""
        self.conversation.closed(connection.gateway.clock.now())
        for key in list(self._joined):
            self._leave(Leave(key))
        connection.gateway.push_order.forget(self.name)
        for trip in self._under_way.values():
            connection.gateway.leave(trip)
        self._under_way.clear()

    # ---- as `feeds.market_feeds.Subscriber`

    @property
    def name(self) -> str:
        """What journal and faults call the connection."""
        return self.connection.name

    @property
    def form(self) -> Hashable:
        """That of the conversation; without one its pushes are framed for it alone."""
        form = self.conversation.form
        return self.connection.name if form is None else form

    def framed(self, key: Hashable, payload: bytes) -> bytes:
        """The frame of a push."""
        return text_frame(self.conversation.news(key, payload))

    def send(self, frame: bytes, damage: Damage | None = None) -> None:
        """Send a frame, whole or damaged."""
        send_frame(self.connection, frame, damage)

    def fail(self, reason: str = "") -> None:
        """Close the connection for an error of the venue."""
        self.connection.close(Code.INTERNAL, reason)

    def abort(self) -> None:
        """Break the connection off without a word."""
        self.connection.abort()

    # ---- actions

    def _send(self, action: Send) -> None:
        send_frame(self.connection, text_frame(action.text), action.damage)

    def _ask(self, action: Ask) -> None:
        """Send a call, or let it and what comes after it wait for its turn."""
        if action.steps is None:
            self._dispatch(action)
            return
        if not self.connection.dispatcher.turns.take(self._share, self._in_steps(action)):
            self.connection.reader.hold()

    def _in_steps(self, action: Ask) -> Iterator[None]:
        connection = self.connection
        try:
            for step in action.steps or ():
                yield step
                if connection.gone:
                    return
            self._dispatch(action)
        except Exception as bug:
            self._lose(action.inquiry, bug, None)
        finally:
            connection.reader.release()

    def _dispatch(self, action: Ask) -> None:
        """Send it on its way, and tell the observers of it."""
        observers = self.connection.dispatcher.observers
        if observers.all:
            observers.watch(self.connection.request, partial(self._call, action.inquiry))
        else:
            self._call(action.inquiry)

    def _call(self, inquiry: Inquiry) -> Trip | None:
        """Send a call through the pass. A bug of ours in reading or answering it costs this reply;
        None for one in reading it.
        """
        connection = self.connection

        def hear(trip: Trip) -> None:
            self._under_way.pop(trip.number, None)
            try:
                connection.gateway.tell(trip, partial(self._answer, inquiry))
            except Exception as bug:
                self._lose(inquiry, bug, trip)

        try:
            trip = connection.dispatcher.send(connection.gateway, inquiry.call(), hear)
        except Exception as bug:
            self._lose(inquiry, bug, None)
            return None
        if not trip.ended_at:
            self._under_way[trip.number] = trip
            if len(self._under_way) > CALLS_REMEMBERED_MAX:
                del self._under_way[next(iter(self._under_way))]
        return trip

    def _answer(self, inquiry: Inquiry, trip: Trip) -> None:
        if trip.told is None:
            if trip.hung_up:
                self.connection.abort()
            return
        told = parts_of(trip.told)
        if told.damage is not None and not told.damage.acted:
            self._send(Send(inquiry.stand_in(trip), told.damage))
        else:
            self.carry_out(inquiry.reply(trip, told))

    def _lose(self, inquiry: Inquiry, bug: Exception, trip: Trip | None) -> None:
        """A bug of ours costs this reply; in a simulation it ends the run."""
        gateway = self.connection.gateway
        gateway.unanswered(bug, trip)
        self._send(Send(inquiry.lost(gateway.clock.now() if trip is None else trip.told_at)))

    def _join(self, action: Join) -> None:
        assert self._feeds is not None
        silent = connection_fault(self.connection.gateway, "subscribe", self.name) is not None
        for topic in action.topics:
            self._joined[topic.key] = None
            if not silent:
                self._feeds.join(topic, self)

    def _leave(self, action: Leave) -> None:
        if action.key in self._joined and self._feeds is not None:
            del self._joined[action.key]
            self._feeds.leave(action.key, self)

    def _close(self, action: Close) -> None:
        self.connection.close(action.code, action.reason)

    def _abort(self, action: Abort) -> None:
        self.connection.abort()


DO: dict[type, Callable[[Driver, Any], None]] = {
    Send: Driver._send,
    Ask: Driver._ask,
    Join: Driver._join,
    Leave: Driver._leave,
    Close: Driver._close,
    Abort: Driver._abort,
}


def converse(
    make: Callable[[Opened], Conversation], feeds: Feeds | None = None
) -> Callable[[Connection], None]:
    """The `open` of a `WebSocketRoute`: connections speak as `make` says, and may join `feeds`."""

    def open(connection: Connection) -> None:
        driver = Driver(connection, make, feeds)
        driver.carry_out(driver.conversation.opened(connection.opened_at))

    return open
