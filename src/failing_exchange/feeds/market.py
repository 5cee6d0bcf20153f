"""The feeds of a venue: who listens to which stream, and when it pushes.

The background market moves in whole seconds, clients' orders act at once. So each second every
feed looks what is new, and those in real time do so after each step of the engine as well. There
is a timer only while somebody listens.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import orjson

from failing_exchange.core.reject import Reject
from failing_exchange.core.units import SECOND
from failing_exchange.feeds.sources import SOURCES, DepthSource, Source, World
from failing_exchange.journal.trip import Damaged, Edited, Trip
from failing_exchange.server.damage import send_frame
from failing_exchange.server.websocket_frames import Code
from failing_exchange.venues.binance.stream_events import edit
from failing_exchange.venues.binance.stream_names import Kind, StreamName, parse
from failing_exchange.venues.binance.values import venue_symbol

if TYPE_CHECKING:
    from failing_exchange.core.events import Event
    from failing_exchange.core.queries import FetchBook
    from failing_exchange.venue.clock import Cancelable
    from failing_exchange.venue.gateway import Gateway
    from failing_exchange.venue.venue import Venue
    from failing_exchange.venues.binance.market_streams import Session

FAST = SECOND // 10  # the beat of the streams of 100 ms


class Feed:
    """One stream, in milliseconds or in microseconds: its source and its listeners."""

    def __init__(self, name: str, stream: StreamName, source: Source, *, micro: bool) -> None:
        self.name = name
        self.stream = stream
        self.source = source
        self.micro = micro
        self.listeners: dict[str, Session] = {}

    def payload(self, answer: Any, at: int) -> bytes:
        """A push as JSON."""
        if answer.__class__ is not Edited:
            return orjson.dumps(self.source.write(answer, at, self.micro))
        said = edit(self.source.write(answer.answer, at, self.micro), answer.edits)
        return said.encode() if isinstance(said, str) else orjson.dumps(said)


class Feeds:
    """All feeds of a venue.

    A push that no armed rule concerns, on a venue without latency, is encoded once and written
    straight to its listeners: it is counted in `pushed`, not journalled. Otherwise each listener
    gets it by a trip of its own, under the name of its connection ("ws-1"), so that faults strike
    it and the journal keeps it.
    """

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.symbols = {venue_symbol(symbol): symbol for symbol in venue.markets}
        self.pushed = 0  # straight pushes, one a listener
        self._feeds: dict[tuple[str, bool], Feed] = {}
        self._by_symbol: dict[str, list[Feed]] = {}
        self._world: World | None = None
        self._beat: Cancelable | None = None
        self._fast: Cancelable | None = None

    # ---- listeners

    def knows(self, name: str) -> bool:
        """Whether a stream has this name."""
        return parse(name) is not None

    def join(self, name: str, session: Session) -> None:
        """A session listens to a stream from now on."""
        key = (name, session.micro)
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._open(name, session.micro)
            if feed is None:
                return
            self._feeds[key] = feed
            self._by_symbol.setdefault(feed.source.symbol, []).append(feed)
        feed.listeners[session.connection.name] = session
        self._set_beat()

    def leave(self, name: str, session: Session) -> None:
        """It listens no more; a stream without listeners rests."""
        feed = self._feeds.get((name, session.micro))
        if feed is None:
            return
        feed.listeners.pop(session.connection.name, None)
        if not feed.listeners:
            del self._feeds[(name, session.micro)]
            beside = self._by_symbol[feed.source.symbol]
            beside.remove(feed)
            if self._world is not None and not any(_is_depth(other) for other in beside):
                self._world.depths.pop(feed.source.symbol, None)

    def _open(self, name: str, micro: bool) -> Feed | None:
        stream = parse(name)
        if stream is None or stream.kind is Kind.SILENT:
            return None
        symbol = self.symbols.get(stream.symbol, "")
        if stream.symbol and not symbol:
            return None
        world = self._worlds(self.venue.gateway)
        now = self._gateway.clock.now()
        return Feed(name, stream, SOURCES[stream.kind](world, stream, symbol, now), micro=micro)

    @property
    def _gateway(self) -> Gateway:
        return self.venue.gateway

    def _worlds(self, gateway: Gateway) -> World:
        if self._world is None or self._world.engine is not gateway.engine:
            self._world = World(gateway.engine)
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
        markets = self._gateway.engine.state.markets
        symbols = (feed.source.symbol,) if feed.source.symbol else tuple(markets)
        return any(markets[symbol].liquidity.background is not None for symbol in symbols)

    def _on_beat(self) -> None:
        self._beat = None
        now = self._gateway.clock.now()
        self._gateway.settle(now)
        for feed in list(self._feeds.values()):
            self._push(feed, feed.source.new(now), now)
        self._set_beat()

    def _on_fast(self) -> None:
        self._fast = None
        now = self._gateway.clock.now()
        for feed in list(self._feeds.values()):
            if feed.stream.every == 100:
                self._push(feed, feed.source.new(now), now)

    def _on_events(self, events: tuple[Event, ...], at: int) -> None:
        """Something happened: real time pushes now, the others with their next beat."""
        if not self._feeds or self._world is None:
            return
        fast = False
        for symbol, levels in self._world.touched(events).items():
            for feed in list(self._by_symbol.get(symbol, ())):
                if isinstance(feed.source, DepthSource):
                    feed.source.touch(levels, at)
                if not feed.stream.every:
                    self._push(feed, feed.source.new(at), at)
                fast = fast or feed.stream.every == 100
        if fast and self._fast is None and (at + FAST) // FAST * FAST % SECOND:
            self._fast = self._gateway.later((at // FAST + 1) * FAST, self._on_fast)

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
                for session in list(feed.listeners.values()):
                    self._push_by_trip(feed, session, answer)

    def _push_straight(self, feed: Feed, answer: Any, at: int) -> None:
        try:
            payload = feed.payload(answer, at)
        except Exception as bug:  # it costs those who listen to this feed
            self._gateway.unanswered(bug, None)
            for session in list(feed.listeners.values()):
                session.connection.close(Code.INTERNAL, "internal error")
            return
        frames: list[bytes | None] = [None, None]
        for session in feed.listeners.values():
            frame = frames[session.combined]
            if frame is None:
                frame = frames[session.combined] = session.wrapped(feed.name, payload)
            session.connection.send_frame(frame)
        self.pushed += len(feed.listeners)

    def _push_by_trip(self, feed: Feed, session: Session, answer: Any) -> None:
        def write(trip: Trip) -> None:
            connection, told, damage = session.connection, trip.told, None
            if told.__class__ is Damaged:
                told, damage = told
            if trip.hung_up:
                connection.abort()
            elif isinstance(told, Reject):  # a stream has no words for it
                connection.close(Code.INTERNAL)
            else:
                whole = session.wrapped(feed.name, feed.payload(told, trip.born_at))
                send_frame(connection, whole, damage)

        def hear(trip: Trip) -> None:
            session.connection.answer(trip, write)

        source = feed.source
        name = session.connection.name
        self._gateway.push(name, source.operation, source.symbol, answer, hear)


def _is_depth(feed: Feed) -> bool:
    return isinstance(feed.source, DepthSource)
