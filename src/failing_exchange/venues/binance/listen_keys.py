"""The user streams of old: a listen key from the REST API names a stream of /ws and /stream.

The venue's documents until 2025-12-18; the venue itself retired them on 2026-02-20 (CHANGELOG.md,
2026-01-21) and has answered 410 since. Clients that still need them can have them back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from failing_exchange.core.commands import SessionCommand
from failing_exchange.core.units import HOUR
from failing_exchange.feeds.account_feeds import UserStream, UserStreams
from failing_exchange.server.damage import send_frame
from failing_exchange.server.websocket_connection import WebSocketRoute
from failing_exchange.server.websocket_frames import text_frame
from failing_exchange.venues.binance.call import Endpoint, Reading, Security, Writing
from failing_exchange.venues.binance.codes import refuse
from failing_exchange.venues.binance.connecting import given, is_micro_in
from failing_exchange.venues.binance.user_events import ListenKeyExpired, event_of

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Damage
    from failing_exchange.server.websocket_connection import Connection

LIFE = HOUR  # of a key, from its making or its last extension
LISTENERS_MAX = 1_000  # connections on one key; one more hears nothing
PATH = "/api/v3/userDataStream"


class _ListenKey:
    """A key: whose it is, until when, and who listens by it."""

    def __init__(self, name: str, account: str, until: int) -> None:
        self.name = name
        self.account = account
        self.until = until
        self.streams: dict[str, UserStream] = {}


class ListenKeys:
    """The listen keys of a venue; an account has one at a time."""

    def __init__(self, streams: UserStreams, *, seed: int) -> None:
        self._streams = streams
        self._seed = seed
        self._keys: dict[str, _ListenKey] = {}
        self._made = 0

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """What the REST API has for them, by method and path: all need a key, and no signature."""
        rows = (
            ("POST", "", self._read_start),
            ("PUT", "listenKey!", self._read_extend),
            ("DELETE", "listenKey!", self._read_close),
        )
        return {
            f"{method} {PATH}": Endpoint(
                http=f"{method} {PATH}", operation="session", weight=2, takes=takes, read=read,
                write=_as_it_is, security=Security.USER_STREAM, key_only=True,
            )
            for method, takes, read in rows
        }  # fmt: skip

    def _read_start(self, r: Reading) -> SessionCommand:
        return SessionCommand(r.account, lambda at: self._start(r.account, at))

    def _read_extend(self, r: Reading) -> SessionCommand:
        name = r.params.need("listenKey")
        return SessionCommand(
            r.account, lambda at: self._extend(self._find(name, r.account, at), at)
        )

    def _read_close(self, r: Reading) -> SessionCommand:
        name = r.params.need("listenKey")
        return SessionCommand(r.account, lambda at: self._close(self._find(name, r.account, at)))

    # ---- what the requests do

    def _start(self, account: str, at: int) -> dict[str, str]:
        """A new key, or the account's present one, extended."""
        for known in self._keys.values():
            if known.account == account and known.until > at:
                self._extend(known, at)
                return {"listenKey": known.name}
        self._made += 1
        name = sha256(f"{self._seed}/{account}/{self._made}".encode()).hexdigest()
        made = self._keys[name] = _ListenKey(name, account, at + LIFE)
        self._watch(made)
        return {"listenKey": name}

    def _find(self, name: str, account: str, at: int) -> _ListenKey:
        found = self._keys.get(name)
        if found is None or found.account != account or found.until <= at:
            refuse("INVALID_LISTEN_KEY", "This listenKey does not exist.")
        return found

    def _extend(self, known: _ListenKey, at: int) -> dict[str, Any]:
        known.until = at + LIFE
        return {}

    def _close(self, known: _ListenKey) -> dict[str, Any]:
        """It is void at once; who listens hears no more, not even that."""
        del self._keys[known.name]
        for stream in known.streams.values():
            stream.over = True
            self._streams.remove(stream)
        return {}

    def _watch(self, known: _ListenKey) -> None:
        gateway = self._streams.venue.gateway
        gateway.later(known.until, self._look, known, keeps_running=False)

    def _look(self, known: _ListenKey) -> None:
        """Its hour is over, unless it was extended."""
        at = self._streams.venue.clock.now()
        if self._keys.get(known.name) is not known:
            return
        if known.until > at:
            self._watch(known)
            return
        del self._keys[known.name]
        for stream in known.streams.values():
            self._streams.end(stream, ListenKeyExpired(known.name, at))

    # ---- who listens

    def join_routes(self, routes: dict[str, WebSocketRoute]) -> None:
        """Let keys stand where streams stand: /ws/<key> and /stream?streams=<key>."""
        for path in ("/ws/", "/stream"):
            before = routes.get(path, WebSocketRoute(_nothing_else))
            routes[path] = before._replace(open=partial(self._open, before.open))

    def _open(self, before: Callable[[Connection], None], connection: Connection) -> None:
        """A connection may name keys among its streams."""
        before(connection)
        request = connection.request
        options = given(request.query)
        combined = request.path == "/stream"
        named = options.get("streams", [""])[0] if combined else request.path.removeprefix("/ws/")
        names = [name for name in named.split("/") if name in self._keys]
        if not names:
            return
        micro = is_micro_in(options)
        for name in names:
            self._join(self._keys[name], connection, combined=combined, micro=micro)
        closed = connection.on_closed

        def on_closed(connection: Connection) -> None:
            for name in names:
                self._leave(name, connection)
            if closed is not None:
                closed(connection)

        connection.on_closed = on_closed

    def _join(
        self, known: _ListenKey, connection: Connection, *, combined: bool, micro: bool
    ) -> None:
        if len(known.streams) >= LISTENERS_MAX:
            return

        def say(event: Any, damage: Damage | None) -> None:
            payload = UNREADABLE if event is ... else orjson.dumps(event)
            if combined:
                payload = b'{"stream":"%b","data":%b}' % (known.name.encode(), payload)
            send_frame(connection, text_frame(payload), damage)

        write = partial(event_of, micro=micro)
        stream = UserStream(known.account, write, say, connection.abort)
        stream.last = partial(ListenKeyExpired, known.name)
        stream.ended = partial(self._leave, known.name, connection)
        known.streams[connection.name] = stream
        past = self._streams.subscribe(stream, connection.name)
        if past is not None:
            past()

    def _leave(self, name: str, connection: Connection) -> None:
        known = self._keys.get(name)
        stream = known.streams.pop(connection.name, None) if known is not None else None
        if stream is not None:
            stream.over = True
            self._streams.remove(stream)


UNREADABLE = b'{"e":'  # what arrives of a push that can't be read


def _nothing_else(connection: Connection) -> None:
    """No market streams here."""


def _as_it_is(w: Writing, told: Any) -> Any:
    return told
