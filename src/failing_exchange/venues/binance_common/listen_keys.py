"""User streams by listen key: a key from the REST API names a stream of /ws and /stream.

Of Spot, the documents until 2025-12-18. The feature `listen_keys` of its changes says whether there
are any: where it goes, no key is made or extended, and those that there are live their hour out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from failing_exchange.core.commands import SessionCommand
from failing_exchange.core.units import HOUR
from failing_exchange.feeds.account_feeds import UserStream, UserStreams, Write
from failing_exchange.server.conversation import Abort, Send
from failing_exchange.venues.binance_common.call import Endpoint, Reading, Security, Writing
from failing_exchange.venues.binance_common.refusals import refuse

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Damage
    from failing_exchange.server.conversation import Opened

LIFE = HOUR  # of a key, from its making or its last extension
LISTENERS_MAX = 1_000  # connections on one key; one more hears nothing
PATH = "/api/v3/userDataStream"


class ListenKeyExpired(NamedTuple):
    """A key has run out."""

    listen_key: str
    at: int


class _ListenKey:
    """A key: whose it is, until when, and who listens by it."""

    def __init__(self, name: str, account: str, until: int) -> None:
        self.name = name
        self.account = account
        self.until = until
        self.streams: dict[str, UserStream] = {}


class ListenKeys:
    """The listen keys of a venue; an account has one at a time.

    `writer` makes, for each listener, what writes a record in the product's words; it is told
    `micro` by keyword.
    """

    def __init__(self, streams: UserStreams, writer: Callable[..., Write], *, seed: int) -> None:
        self._streams = streams
        self._writer = writer
        self._seed = seed
        self._keys: dict[str, _ListenKey] = {}
        self._made = 0

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """What both APIs have for them, by method and path: all need a key, and no signature."""
        rows = (
            ("POST", "start", "", self._read_start),
            ("PUT", "ping", "listenKey!", self._read_extend),
            ("DELETE", "stop", "listenKey!", self._read_close),
        )
        return {
            f"{method} {PATH}": Endpoint(
                http=f"{method} {PATH}", socket=f"userDataStream.{name}", operation="session",
                weight=2, takes=takes, read=read, write=_as_it_is, security=Security.USER_STREAM,
                key_only=True,
            )
            for method, name, takes, read in rows
        }  # fmt: skip

    def _read_start(self, r: Reading) -> SessionCommand:
        return SessionCommand(r.account, lambda at: self.start(r.account, at))

    def _read_extend(self, r: Reading) -> SessionCommand:
        name = r.params.need("listenKey")
        return SessionCommand(r.account, lambda at: self.extend(self.find(name, r.account, at), at))

    def _read_close(self, r: Reading) -> SessionCommand:
        name = r.params.need("listenKey")
        return SessionCommand(r.account, lambda at: self.close(self.find(name, r.account, at)))

    # ---- what the requests do

    def start(self, account: str, at: int) -> dict[str, str]:
        """A new key, or the account's present one, extended."""
        known = self.of(account, at)
        if known is not None:
            self.extend(known, at)
            return {"listenKey": known.name}
        self._made += 1
        name = sha256(f"{self._seed}/{account}/{self._made}".encode()).hexdigest()
        made = self._keys[name] = _ListenKey(name, account, at + LIFE)
        self._watch(made)
        return {"listenKey": name}

    def of(self, account: str, at: int) -> _ListenKey | None:
        """The key that an account has now."""
        return next(
            (one for one in self._keys.values() if one.account == account and one.until > at), None
        )

    def find(self, name: str, account: str, at: int) -> _ListenKey:
        """An account's key of a name; raises `Reject` where it has none."""
        found = self._keys.get(name)
        if found is None or found.account != account or found.until <= at:
            refuse("INVALID_LISTEN_KEY", "This listenKey does not exist.")
        return found

    def extend(self, known: _ListenKey, at: int) -> dict[str, Any]:
        """Let it live for another hour."""
        known.until = at + LIFE
        return {}

    def close(self, known: _ListenKey) -> dict[str, Any]:
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

    def _expire_early(self, known: _ListenKey, client: str) -> None:
        """A fault has told a listener that the key has expired: it is void for all requests."""
        self.leave((known.name,), client)
        if self._keys.pop(known.name, None) is None:
            return
        at = self._streams.venue.clock.now()
        for stream in known.streams.values():
            self._streams.end(stream, ListenKeyExpired(known.name, at))

    # ---- who listens

    def listen(
        self, names: Iterable[str], opened: Opened, combined: bool, micro: bool,
        events: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        """Let a connection hear the accounts of those of these names that are keys.

        `events`: only those of these names; all where there are none.
        """
        for name in names:
            known = self._keys.get(name)
            if known is not None and len(known.streams) < LISTENERS_MAX:
                self._join(known, opened, combined, micro, events)

    def _join(
        self, known: _ListenKey, opened: Opened, combined: bool, micro: bool,
        events: frozenset[str],
    ) -> None:  # fmt: skip
        def say(event: Any, damage: Damage | None) -> None:
            if event is not ... and (not event or (events and event.get("e") not in events)):
                return  # it is not told in this API, or not asked for
            payload = UNREADABLE if event is ... else orjson.dumps(event)
            if combined:
                payload = b'{"stream":"%b","data":%b}' % (known.name.encode(), payload)
            opened.do((Send(payload, damage),))

        write = self._writer(micro=micro)
        stream = UserStream(known.account, write, say, lambda: opened.do((Abort(),)))
        stream.last = partial(ListenKeyExpired, known.name)
        stream.ended = partial(self._expire_early, known, opened.name)
        known.streams[opened.name] = stream
        past = self._streams.subscribe(stream, opened.name)
        if past is not None:
            past()

    def leave(self, names: Iterable[str], client: str) -> None:
        """Tell a connection no more of these keys; does nothing for other names."""
        for name in names:
            known = self._keys.get(name)
            stream = known.streams.pop(client, None) if known is not None else None
            if stream is not None:
                stream.over = True
                self._streams.remove(stream)


UNREADABLE = b'{"e":'  # what arrives of a push that can't be read


def _as_it_is(w: Writing, told: Any) -> Any:
    return told
