"""The market feeds of a venue: who listens to which topic, and when it pushes.

The background market moves in whole seconds, clients' orders act at once. So each second every
feed looks what is new, and those in real time do so after each step of the engine as well. There
is a timer only while somebody listens.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import orjson

from failing_exchange.core.reject import Reject
from failing_exchange.core.units import SECOND
from failing_exchange.feeds.pushes import send
from failing_exchange.feeds.sources import DepthSource, EngineView, Source
from failing_exchange.journal.trip import Damaged, Edited, Trip

if TYPE_CHECKING:
    from failing_exchange.core.events import Event
    from failing_exchange.core.queries import FetchBook
    from failing_exchange.journal.trip import Damage
    from failing_exchange.venue.gateway import Gateway
    from failing_exchange.venue.venue import RunningVenue
    from failing_exchange.venue.venue_clock import Cancelable


class Topic(NamedTuple):
    """Something that clients can listen to. Topics of equal `key` are written once for all.

    `source(world, at)` makes what finds news (`feeds.sources`), from an instant on. Each answer is
    written by `write(answer, at)`, as JSON can hold it, and changed by `edit(written, edits)` where
    a fault wants that. `every` is the span between two looks in nanoseconds: 0 for after each
    change, a part of a second, or a second (the source may skip some).
    """

    key: Hashable
    source: Callable[[EngineView, int], Source]
    write: Callable[[Any, int], Any]
    edit: Callable[[Any, Any], Any]
    every: int = 0


class Subscriber(Protocol):
    """A client's connection, as feeds see it."""

    @property
    def name(self) -> str:
        """What journal and faults call it."""

    @property
    def form(self) -> Hashable:
        """Listeners of equal form are sent the same bytes."""

    def framed(self, key: Hashable, payload: bytes) -> bytes:
        """The bytes of a push of a topic."""

    def send(self, frame: bytes, damage: Damage | None = None) -> None:
        """Send them, whole or damaged."""

    def fail(self, reason: str = "") -> None:
        """Close the connection for an error of the venue."""

    def abort(self) -> None:
        """Break the connection off without a word."""


class Feed:
    """One topic: its source and its listeners."""

    def __init__(self, topic: Topic, source: Source) -> None:
        self.topic = topic
        self.source = source
        self.listeners: dict[str, Subscriber] = {}

    def payload(self, answer: Any, at: int) -> bytes:
        """A push as JSON."""
        if answer.__class__ is not Edited:
            return orjson.dumps(self.topic.write(answer, at))
        said = self.topic.edit(self.topic.write(answer.answer, at), answer.edits)
        return said.encode() if isinstance(said, str) else orjson.dumps(said)


class Feeds:
    """All market feeds of a venue.

    A push that no armed rule concerns, on a venue without latency, is encoded once and written
    straight to its listeners: it is counted in `pushed`, not journalled. Otherwise each listener
    gets it by a trip of its own, under the name of its connection ("ws-1"), so that faults strike
    it and the journal keeps it.
    """

    def __init__(self, venue: RunningVenue) -> None:
        self.venue = venue
        self.pushed = 0  # straight pushes, one a listener
        self._feeds: dict[Hashable, Feed] = {}
        self._by_symbol: dict[str, list[Feed]] = {}
        self._world: EngineView | None = None
        self._beat: Cancelable | None = None
        self._fast: dict[int, Cancelable] = {}  # beats within a second that are to come

    # ---- listeners

    def join(self, topic: Topic, listener: Subscriber) -> None:
        """Let a client hear of a topic from now on."""
        feed = self._feeds.get(topic.key)
        if feed is None:
            world = self._worlds(self._gateway)
            feed = Feed(topic, topic.source(world, self._gateway.clock.now()))
            self._feeds[topic.key] = feed
            self._by_symbol.setdefault(feed.source.symbol, []).append(feed)
        feed.listeners[listener.name] = listener
        self._set_beat()

    def leave(self, key: Hashable, listener: Subscriber) -> None:
        """Let it hear no more, if it did; a topic without listeners rests."""
        feed = self._feeds.get(key)
        if feed is None:
            return
        feed.listeners.pop(listener.name, None)
        if not feed.listeners:
            del self._feeds[key]
            beside = self._by_symbol[feed.source.symbol]
            beside.remove(feed)
            if self._world is not None and not any(_is_depth(other) for other in beside):
                self._world.depths.pop(feed.source.symbol, None)

    @property
    def _gateway(self) -> Gateway:
        return self.venue.gateway

    def _worlds(self, gateway: Gateway) -> EngineView:
        if self._world is None or self._world.engine is not gateway.engine:
            self._world = EngineView(gateway.engine)
            gateway.listeners.append(self._on_events)
            self.venue.add_protocol_gate(self._on_request)
        return self._world

    # ---- the beat

    def _set_beat(self) -> None:
        """Each second; it counts as something to wait for where a market moves by itself."""
        if self._beat is not None:
            self._beat.cancel()
        self._beat = None
        if self._feeds:
            moves = any(self._moves(feed) for feed in self._feeds.values())
            at = (self._gateway.clock.now() // SECOND + 1) * SECOND
            self._beat = self._gateway.later(at, self._on_beat, keeps_running=moves)

    def _moves(self, feed: Feed) -> bool:
        markets = self.venue.listed
        symbols = (feed.source.symbol,) if feed.source.symbol else tuple(markets)
        return any(markets[symbol].liquidity.background is not None for symbol in symbols)

    def _on_beat(self) -> None:
        self._beat = None
        now = self._gateway.clock.now()
        self._gateway.settle(now)
        for feed in list(self._feeds.values()):
            self._push(feed, feed.source.new(now), now)
        self._set_beat()

    def _on_fast(self, every: int) -> None:
        del self._fast[every]
        now = self._gateway.clock.now()
        for feed in list(self._feeds.values()):
            if feed.topic.every == every:
                self._push(feed, feed.source.new(now), now)

    def _on_events(self, events: tuple[Event, ...], at: int) -> None:
        """Something happened: real time pushes now, the others with their next beat."""
        if not self._feeds or self._world is None:
            return
        fast: dict[int, None] = {}
        for symbol, levels in self._world.touched(events).items():
            for feed in list(self._by_symbol.get(symbol, ())):
                if isinstance(feed.source, DepthSource):
                    feed.source.touch(levels, at)
                if not feed.topic.every:
                    self._push(feed, feed.source.new(at), at)
                elif feed.topic.every < SECOND:
                    fast[feed.topic.every] = None
        for every in fast:
            due = (at // every + 1) * every
            if every not in self._fast and due % SECOND:  # else the beat of the second is next
                self._fast[every] = self._gateway.later(due, self._on_fast, every)

    def _on_request(self, trip: Trip, at: int, /) -> None:
        """A snapshot is about to be read: the updates after it must be as deep as it is."""
        query: FetchBook | Any = trip.command
        if self._feeds and self._world is not None and hasattr(query, "limit"):
            beside = self._by_symbol.get(getattr(query, "symbol", ""), ())
            self._world.snapshot_read(query, at, [feed.source for feed in beside])

    # ---- pushes

    def _push(self, feed: Feed, answers: Iterable[Any], at: int) -> None:
        for answer in answers:
            if self._gateway.is_straight(feed.source.operation, at):
                self._push_straight(feed, answer, at)
            else:
                operation, symbol = feed.source.operation, feed.source.symbol
                for listener in list(feed.listeners.values()):
                    to = Subscription(feed, listener)
                    send(self._gateway, listener.name, operation, symbol, answer, to)

    def _push_straight(self, feed: Feed, answer: Any, at: int) -> None:
        try:
            payload = feed.payload(answer, at)
        except Exception as bug:  # it costs those who listen to this feed
            self._gateway.unanswered(bug, None)
            for listener in list(feed.listeners.values()):
                Subscription(feed, listener).fail()
            return
        frames: dict[Hashable, bytes] = {}
        for listener in feed.listeners.values():
            form = listener.form
            frame = frames.get(form)
            if frame is None:
                frame = frames[form] = listener.framed(feed.topic.key, payload)
            listener.send(frame)
        self.pushed += len(feed.listeners)


class Subscription(NamedTuple):
    """A listener of a feed, as a push on its way sees it."""

    feed: Feed
    listener: Subscriber

    def hear(self, trip: Trip) -> None:
        """Send the push, whole or damaged; a feed has no words for a refusal."""
        damaged = trip.told.__class__ is Damaged
        told, damage = trip.told if damaged else (trip.told, None)
        if isinstance(told, Reject):
            self.listener.fail()
            return
        payload = self.feed.payload(told, trip.born_at)
        self.listener.send(self.listener.framed(self.feed.topic.key, payload), damage)

    def lose(self, trip: Trip) -> None:
        """Break the connection off."""
        self.listener.abort()

    def fail(self) -> None:
        """A bug costs this listener."""
        self.listener.fail("internal error")


def _is_depth(feed: Feed) -> bool:
    return isinstance(feed.source, DepthSource)
