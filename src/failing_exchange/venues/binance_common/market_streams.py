"""What clients say on market streams: subscribe, unsubscribe, list, properties.

web-socket-streams.md, "Live Subscribing/Unsubscribing to streams" and its error messages,
2026-07-21. As in production, a name that no stream has is accepted, and nothing ever comes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

import orjson

from failing_exchange.feeds.market_feeds import Feeds
from failing_exchange.server.conversation import (
    Action,
    Close,
    Conversation,
    Join,
    Leave,
    Opened,
    Send,
)
from failing_exchange.server.websocket_frames import Code
from failing_exchange.text.number_checks import is_whole
from failing_exchange.venues.binance_common.connection_query import Given, given
from failing_exchange.venues.binance_common.values import instant

if TYPE_CHECKING:
    from failing_exchange.feeds.market_feeds import Topic
    from failing_exchange.venues.binance_common.listen_keys import ListenKeys

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


class StreamSession(Conversation):
    """A connection to market streams: what it has subscribed to, and how it is told.

    /ws/<stream>: messages as they are; /stream?streams=a/b/c: messages that name their stream.
    Names in the URL that are listen keys are left to `keys`. `prefix` is what stands before.
    A product says which streams there are.
    """

    def __init__(
        self, feeds: Feeds, keys: ListenKeys | None, opened: Opened, prefix: str = ""
    ) -> None:
        self.feeds = feeds
        self.keys = keys
        self.opened_as = opened
        query = given(opened.request.query)
        path = unquote(opened.request.path).removeprefix(prefix)
        self.combined = path == "/stream"
        listed = query.get("streams", [""])[0] if self.combined else path.removeprefix("/ws")
        self.names = [name for name in listed.split("/") if name]
        self.micro = self.is_micro(query)
        self.events: frozenset[str] = frozenset()  # of listen keys; empty: all
        self.streams: dict[str, None] = {}

    def is_micro(self, query: Given) -> bool:
        """Whether the URL asks for instants in microseconds."""
        return False

    def topic(self, name: str) -> Topic | None:
        """The topic of a stream; None for one that does not exist, or never has anything to say."""
        raise NotImplementedError

    def tells_shutdown(self) -> bool:
        """Whether a client is told that the venue is about to shut down."""
        return True

    def exists(self, name: str) -> bool:
        """Whether there is a stream of this name."""
        raise NotImplementedError

    def opened(self, at: int) -> Iterable[Action]:
        """Subscribe to what the URL names; in that of single streams any token may stand."""
        combined = self.combined
        try:
            yield from self.subscribe([n for n in self.names if combined or self.exists(n)])
        except RefusedCommand as no:
            yield Close(Code.POLICY, str(no))
        if self.keys is not None:
            self.keys.listen(self.names, self.opened_as, combined, self.micro, self.events)

    def closed(self, at: int) -> None:
        """Its listen keys have one listener less."""
        if self.keys is not None:
            self.keys.leave(self.names, self.opened_as.name)

    def heard(self, text: str, at: int) -> Iterable[Action]:
        """Answer a request, after what it asks for is done."""
        try:
            asked = read(text)
            actions, result = METHOD[asked.method](self, asked)
            answer = {"result": result, "id": asked.id}
        except RefusedCommand as no:
            actions, answer = [], no.answer
        return [*actions, Send(orjson.dumps(answer))]

    def subscribe(self, names: list[str]) -> list[Action]:
        """Listen to streams; raises `RefusedCommand` for too many."""
        new = [name for name in dict.fromkeys(names) if name not in self.streams]
        if len(self.streams) + len(new) > STREAMS_MAX:
            # the limit is documented, its refusal is not
            raise RefusedCommand(2, "Invalid request: too many streams")
        if not new:
            return []
        self.streams.update(dict.fromkeys(new))
        found = [self.topic(name) for name in new]
        return [Join([one for one in found if one is not None])]

    def unsubscribe(self, names: list[str]) -> list[Action]:
        """Stop listening; names that were not subscribed to are ignored."""
        gone = [name for name in dict.fromkeys(names) if name in self.streams]
        for name in gone:
            del self.streams[name]
        return [Leave((name, self.micro)) for name in gone]

    def shutdown(self, at: int) -> Iterable[Action]:
        """The venue is about to shut down ("Server Shutdown")."""
        if not self.tells_shutdown():
            return
        event = {"e": "serverShutdown", "E": instant(at, micro=self.micro)}
        yield Send(self.news((SHUTDOWN, self.micro), orjson.dumps(event)))

    # ---- pushes

    @property
    def form(self) -> bool:
        """Combined, or as they are."""
        return self.combined

    def news(self, key: Any, payload: bytes) -> bytes:
        """The text of a push; the key of a topic is (name of the stream, microseconds)."""
        if self.combined:
            return b'{"stream":%b,"data":%b}' % (orjson.dumps(key[0]), payload)
        return payload


Outcome = tuple[list[Action], Any]  # of a request: what is to be done, and its result


def _subscribe(session: StreamSession, asked: StreamCommand) -> Outcome:
    return session.subscribe(_names(asked)), None


def _unsubscribe(session: StreamSession, asked: StreamCommand) -> Outcome:
    return session.unsubscribe(_names(asked)), None


def _list(session: StreamSession, asked: StreamCommand) -> Outcome:
    if asked.params:
        raise RefusedCommand(2, "Invalid request: too many parameters")
    return [], list(session.streams)


def _set(session: StreamSession, asked: StreamCommand) -> Outcome:
    values = _property(asked, 2)
    if len(values) < 2 or not isinstance(values[1], bool):
        raise RefusedCommand(1, "Invalid value type: expected Boolean")
    session.combined = values[1]
    return [], None


def _get(session: StreamSession, asked: StreamCommand) -> Outcome:
    _property(asked, 1)
    return [], session.combined


METHOD: dict[str, Callable[[StreamSession, StreamCommand], Outcome]] = dict(
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
