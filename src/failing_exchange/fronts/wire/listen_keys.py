"""The user streams of old: a listen key from the REST API names a stream of /ws and /stream.

The venue's documents until 2025-12-18; the venue itself retired them on 2026-02-20 (CHANGELOG.md,
2026-01-21) and has answered 410 since. Clients that still need them can have them back.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from failing_exchange.core.commands import Errand
from failing_exchange.core.market import SECOND
from failing_exchange.dialects.binance.call import Endpoint, Reading, Security, Writing
from failing_exchange.dialects.binance.codes import refuse
from failing_exchange.dialects.binance.user_events import ListenKeyExpired
from failing_exchange.fronts.wire.user_stream import UserStream, UserStreams

if TYPE_CHECKING:
    from failing_exchange.fronts.wire.connection import Connection

LIFE = 3_600 * SECOND  # of a key, from its making or its last extension
LISTENERS_MAX = 1_000  # connections on one key; one more hears nothing
PATH = "/api/v3/userDataStream"


class Listener(Protocol):
    """Who hears a stream of /ws or /stream."""

    connection: Connection
    micro: bool

    def wrapped(self, name: str, payload: bytes) -> bytes:
        """The frame of a push."""


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
        reads = {"POST": self._read_start, "PUT": self._read_extend, "DELETE": self._read_close}
        return {
            f"{method} {PATH}": Endpoint(
                http=f"{method} {PATH}", operation="session", weight=2, read=read, write=_as_it_is,
                security=Security.USER_STREAM, key_only=True,
            )
            for method, read in reads.items()
        }  # fmt: skip

    def _read_start(self, r: Reading) -> Errand:
        return Errand(r.account, lambda at: self._start(r.account, at))

    def _read_extend(self, r: Reading) -> Errand:
        name = r.params.need("listenKey")
        return Errand(r.account, lambda at: self._extend(self._find(name, r.account, at), at))

    def _read_close(self, r: Reading) -> Errand:
        name = r.params.need("listenKey")
        return Errand(r.account, lambda at: self._close(self._find(name, r.account, at)))

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
        gateway = self._streams.venue.running
        gateway.later(known.until, self._look, known, counts=False)

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

    def knows(self, name: str) -> bool:
        """Whether a stream's name is a valid listen key."""
        return name in self._keys

    def join(self, name: str, listener: Listener) -> None:
        """A connection listens by a key."""
        known, connection = self._keys[name], listener.connection
        if connection.name in known.streams or len(known.streams) >= LISTENERS_MAX:
            return

        def say(event: Any) -> None:
            payload = UNREADABLE if event is ... else orjson.dumps(event)
            connection.send_frame(listener.wrapped(name, payload))

        stream = UserStream(known.account, say, connection.abort, micro=listener.micro)
        known.streams[connection.name] = stream
        self._streams.add(stream)

    def leave(self, name: str, listener: Listener) -> None:
        """It listens no more; one that never did is no error."""
        known = self._keys.get(name)
        stream = known.streams.pop(listener.connection.name, None) if known is not None else None
        if stream is not None:
            stream.over = True
            self._streams.remove(stream)


UNREADABLE = b'{"e":'  # what arrives of a push that can't be read


def _as_it_is(w: Writing, told: Any) -> Any:
    return told
