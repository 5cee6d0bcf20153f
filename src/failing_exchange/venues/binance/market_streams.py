"""What clients say on market streams: subscribe, unsubscribe, list, properties.

web-socket-streams.md, "Live Subscribing/Unsubscribing to streams" and its error messages,
2026-07-21. As in production, a name that no stream has is accepted, and nothing ever comes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote

import orjson

from failing_exchange.feeds.market_feeds import Feeds
from failing_exchange.journal.trip import Damage
from failing_exchange.server.damage import send_frame
from failing_exchange.server.websocket_connection import Connection
from failing_exchange.server.websocket_frames import Code, text_frame
from failing_exchange.text.number_checks import is_whole
from failing_exchange.venue.connection_events import connection_fault
from failing_exchange.venues.binance.connecting import given, is_micro_in
from failing_exchange.venues.binance.stream_names import parse
from failing_exchange.venues.binance.stream_topics import topic
from failing_exchange.venues.binance.values import instant

STREAMS_MAX = 1_024  # of one connection; a request for more is refused
ID_LENGTH_MAX = 36  # characters of a request's id; a longer one is refused
METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
METHOD_VALUE = re.compile(r'"method"\s*:\s*"(?:[^"\\]|\\.)*"')
ID = re.compile(r"[A-Za-z0-9_-]*\Z")  # ids of clients have hyphens, too
SHUTDOWN = "!serverShutdown"


class RefusedCommand(Exception):
    """The venue says no; `answer` is how."""

    def __init__(self, code: int, text: str, **more: Any) -> None:
        super().__init__(text)
        self.answer = {"code": code, "msg": text, **more}


class StreamCommand(NamedTuple):
    """A request that can be read."""

    method: str
    params: list[Any] | None
    id: int | str | None


class StreamSession:
    """A connection to market streams: what it has subscribed to, and how it is told.

    It is a `feeds.market_feeds.Subscriber`.
    """

    def __init__(self, connection: Connection, feeds: Feeds, *, combined: bool) -> None:
        self.connection = connection
        self.name = connection.name
        self.feeds = feeds
        self.combined = combined
        self.micro = is_micro_in(given(connection.request.query))
        self.streams: dict[str, None] = {}
        connection.on_text = self.heard
        connection.on_shutdown = self.announce_shutdown

    def heard(self, connection: Connection, text: str) -> None:
        """Answer a request."""
        try:
            asked = read(text)
            answer = {"result": METHOD[asked.method](self, asked), "id": asked.id}
        except RefusedCommand as no:
            answer = no.answer
        connection.send_text(orjson.dumps(answer))

    def subscribe(self, names: list[str]) -> None:
        """Listen to streams; raises `RefusedCommand` for too many."""
        new = [name for name in dict.fromkeys(names) if name not in self.streams]
        if len(self.streams) + len(new) > STREAMS_MAX:
            # the limit is documented, its refusal is not
            raise RefusedCommand(2, "Invalid request: too many streams")
        if not new:
            return
        silent = (
            connection_fault(self.connection.gateway, "subscribe", self.connection.name) is not None
        )
        for name in new:
            self.streams[name] = None
            found = None if silent else topic(name, self.feeds.venue.markets, micro=self.micro)
            if found is not None:
                self.feeds.join(found, self)

    def unsubscribe(self, names: list[str]) -> None:
        """Listen no more; names that were not subscribed to are ignored."""
        for name in dict.fromkeys(names):
            if name in self.streams:
                del self.streams[name]
                self.feeds.leave((name, self.micro), self)

    def announce_shutdown(self) -> None:
        """The venue is about to shut down ("Server Shutdown")."""
        at = self.connection.gateway.clock.now()
        event = {"e": "serverShutdown", "E": instant(at, micro=self.micro)}
        self.send(self.framed((SHUTDOWN, self.micro), orjson.dumps(event)))

    # ---- pushes

    @property
    def form(self) -> bool:
        """Combined, or as they are."""
        return self.combined

    def framed(self, key: Any, payload: bytes) -> bytes:
        """The frame of a push; the key of a topic is (name of the stream, microseconds)."""
        if self.combined:
            payload = b'{"stream":%b,"data":%b}' % (orjson.dumps(key[0]), payload)
        return text_frame(payload)

    def send(self, frame: bytes, damage: Damage | None = None) -> None:
        """Send a frame, whole or damaged."""
        send_frame(self.connection, frame, damage)

    def fail(self, reason: str = "") -> None:
        """Close for an error of the venue."""
        self.connection.close(Code.INTERNAL, reason)

    def abort(self) -> None:
        """Break off without a word."""
        self.connection.abort()


def _subscribe(session: StreamSession, asked: StreamCommand) -> None:
    session.subscribe(_names(asked))


def _unsubscribe(session: StreamSession, asked: StreamCommand) -> None:
    session.unsubscribe(_names(asked))


def _list(session: StreamSession, asked: StreamCommand) -> list[str]:
    if asked.params:
        raise RefusedCommand(2, "Invalid request: too many parameters")
    return list(session.streams)


def _set(session: StreamSession, asked: StreamCommand) -> None:
    values = _property(asked, 2)
    if len(values) < 2 or not isinstance(values[1], bool):
        raise RefusedCommand(1, "Invalid value type: expected Boolean")
    session.combined = values[1]


def _get(session: StreamSession, asked: StreamCommand) -> bool:
    _property(asked, 1)
    return session.combined


METHOD: dict[str, Callable[[StreamSession, StreamCommand], Any]] = dict(
    zip(METHODS, (_subscribe, _unsubscribe, _list, _set, _get), strict=True)
)


def _names(asked: StreamCommand) -> list[str]:
    params = asked.params or []
    if not all(isinstance(name, str) for name in params):
        raise RefusedCommand(2, "Invalid request: stream name must be a string")
    return params


def _property(asked: StreamCommand, most: int) -> list[Any]:
    params = asked.params or []
    if not params or not isinstance(params[0], str):
        raise RefusedCommand(2, "Invalid request: property name must be a string")
    if len(params) > most:
        raise RefusedCommand(2, "Invalid request: too many parameters")
    if params[0] != "combined":
        raise RefusedCommand(0, "Unknown property", id=asked.id)
    return params


def read(text: str) -> StreamCommand:
    """A request as it was sent; raises `RefusedCommand`."""
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise RefusedCommand(3, f"Invalid JSON: expected value at {where}") from None
    end = _place(text, len(text.rstrip()))
    if not isinstance(body, dict) or "method" not in body:
        raise RefusedCommand(2, f"Invalid request: missing field `method` at {end}")
    method, params = body["method"], body.get("params")
    if not isinstance(method, str) or method not in METHOD:
        found = METHOD_VALUE.search(text)
        known = ", ".join(f"`{name}`" for name in METHODS)
        where = _place(text, found.end()) if found else end
        said = f"unknown variant `{method}`, expected one of {known} at {where}"
        raise RefusedCommand(2, f"Invalid request: {said}")
    if params is not None and not isinstance(params, list):
        raise RefusedCommand(2, f"Invalid request: invalid type: expected a sequence at {end}")
    return StreamCommand(method, params, _id(body))


def _id(body: dict[str, Any]) -> int | str | None:
    given = body.get("id", ...)
    if given is None:
        return None
    if is_whole(given) and -(2**63) <= given < 2**63:
        return given
    if isinstance(given, str) and len(given) <= ID_LENGTH_MAX and ID.match(given):
        return given
    raise RefusedCommand(2, "Invalid request: request ID must be an unsigned integer")


def _place(text: str, end: int) -> str:
    before = text[:end]
    return f"line {before.count(chr(10)) + 1} column {end - (before.rfind(chr(10)) + 1)}"


class MarketStreams:
    """What is spoken at /ws and /stream."""

    def __init__(self, feeds: Feeds) -> None:
        self.feeds = feeds
        self.sessions: dict[str, StreamSession] = {}

    def open_raw(self, connection: Connection) -> None:
        """/ws, /ws/<stream>, /ws/<any token>: messages as they are."""
        path = unquote(connection.request.path)
        names = [name for name in path.removeprefix("/ws").split("/") if name]
        self._open(connection, names, combined=False)

    def open_combined(self, connection: Connection) -> None:
        """/stream?streams=a/b/c: messages that name their stream."""
        listed = given(connection.request.query).get("streams", [""])[0]
        names = [name for name in listed.split("/") if name]
        self._open(connection, names, combined=True)

    def _open(self, connection: Connection, names: list[str], *, combined: bool) -> None:
        session = StreamSession(connection, self.feeds, combined=combined)
        self.sessions[connection.name] = session
        connection.on_closed = self._closed
        if not combined:  # any token may stand in the path
            names = [name for name in names if parse(name) is not None]
        try:
            session.subscribe(names)
        except RefusedCommand as no:
            connection.close(Code.POLICY, str(no))

    def _closed(self, connection: Connection) -> None:
        session = self.sessions.pop(connection.name)
        session.unsubscribe(list(session.streams))
        connection.gateway.push_order.forget(connection.name)
