"""A connection of the WebSocket API as the venue remembers it: who is signed in, who listens.

web-socket-api.md, "Session Authentication", "Authentication requests" and "User Data Stream
requests", 2026-07-21.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.feeds.account_feeds import UserStream, UserStreams
from failing_exchange.feeds.account_records import Terminated
from failing_exchange.venues.binance_common import general
from failing_exchange.venues.binance_common.call import Endpoint, Security, Writing
from failing_exchange.venues.binance_common.refusals import missing, refuse
from failing_exchange.venues.binance_common.signing import KeyKind, kind_of, refused_key
from failing_exchange.venues.binance_common.values import instant

if TYPE_CHECKING:
    from failing_exchange.server.api_keys import Key
    from failing_exchange.venues.binance_common.params import Params

SUBSCRIPTIONS_MAX = 1_000  # active ones of a connection; one more is refused
SUBSCRIPTION_IDS_MAX = 65_535  # those of a connection's whole life; then it can begin none

Action = Callable[[int], Any]  # carried out when its trip is due; gives the answer
Open = Callable[[int, str], UserStream]


class ApiSession:
    """What the venue knows of one connection. Its methods give what to do when their turn comes.

    `open_stream` makes the stream of a subscription from its number and account; `client` is the
    connection's name.
    """

    def __init__(
        self,
        streams: UserStreams,
        open_stream: Open,
        *,
        client: str,
        connected_at: int,
        limits_shown: bool,
        micro: bool,
    ) -> None:
        self.key: Key | None = None
        self.limits_shown = limits_shown
        self._streams = streams
        self._open_stream = open_stream
        self._client = client
        self._connected_at = connected_at
        self._micro = micro
        self._authorized_at = 0
        self._subscriptions: dict[int, UserStream] = {}
        self._of_logon: int | None = None  # the subscription that ends with the session
        self._next_id = 0

    def close(self) -> None:
        """The connection is gone."""
        for stream in self._subscriptions.values():
            stream.over = True
            self._streams.remove(stream)
        self._subscriptions.clear()

    # ---- who

    def logon(self, params: Params, key: Key | None) -> Action:
        """session.logon."""
        assert key is not None
        kind = kind_of(key)
        if kind is not KeyKind.ED25519:
            # seen in production; the documents do not name it
            refuse("UNSUPPORTED_KEY", f"{kind} API key is not supported.")

        def run(at: int) -> dict[str, Any]:
            self.key, self._authorized_at = key, at
            return self._state(at)

        return run

    def status(self, params: Params, key: Key | None) -> Action:
        """session.status."""
        return self._state

    def logout(self, params: Params, key: Key | None) -> Action:
        """session.logout: the subscription that was begun as this key ends with it."""

        def run(at: int) -> dict[str, Any]:
            self.key = None
            if self._of_logon is not None:
                self._end(self._of_logon, at)
            return self._state(at)

        return run

    def _state(self, at: int) -> dict[str, Any]:
        key, micro = self.key, self._micro
        return {
            "apiKey": None if key is None else key.name,
            "authorizedSince": None if key is None else instant(self._authorized_at, micro=micro),
            "connectedSince": instant(self._connected_at, micro=micro),
            "returnRateLimits": self.limits_shown,
            "serverTime": instant(at, micro=micro),
            **self._streams_open(),
        }

    def _streams_open(self) -> dict[str, Any]:
        """Whether the connection listens to an account."""
        return {"userDataStream": bool(self._subscriptions)}

    # ---- subscriptions

    def subscribe(self, params: Params, key: Key | None) -> Action:
        """userDataStream.subscribe: to the account that is signed in."""
        if self.key is None:
            missing("apiKey")
        allowed = self.key.permissions
        if allowed is not None and Security.USER_STREAM not in allowed:
            refused_key()
        account = self.key.account

        def run(at: int) -> dict[str, Any]:
            answer = self._begin(account)
            self._of_logon = answer["subscriptionId"]
            return answer

        return run

    def subscribe_signed(self, params: Params, key: Key | None) -> Action:
        """userDataStream.subscribe.signature: to the account of the key that has signed."""
        assert key is not None
        account = key.account
        return lambda at: self._begin(account)

    def unsubscribe(self, params: Params, key: Key | None) -> Action:
        """userDataStream.unsubscribe: one, or all."""
        wanted = params.integer("subscriptionId") if "subscriptionId" in params else None

        def run(at: int) -> dict[str, Any]:
            if not self._subscriptions or (
                wanted is not None and wanted not in self._subscriptions
            ):
                refuse("SUBSCRIPTION_INACTIVE", "User Data Stream subscription not active.")
            for number in [wanted] if wanted is not None else list(self._subscriptions):
                self._end(number, at)
            return {}

        return run

    def subscriptions(self, params: Params, key: Key | None) -> Action:
        """session.subscriptions."""
        return lambda at: [{"subscriptionId": number} for number in self._subscriptions]

    def _begin(self, account: str) -> dict[str, Any]:
        active = self._subscriptions.values()
        if any(stream.account == account for stream in active):
            refuse("SUBSCRIPTION_ACTIVE", "User Data Stream subscription already active.")
        if len(active) >= SUBSCRIPTIONS_MAX:
            refuse(
                "TOO_MANY_SUBSCRIPTIONS",
                f"Too many subscriptions. Connection may create up to '{SUBSCRIPTIONS_MAX}' "
                "subscriptions at a time.",
            )
        if self._next_id >= SUBSCRIPTION_IDS_MAX:
            refuse(
                "MAXIMUM_SUBSCRIPTION_IDS", "Maximum subscription ID reached for this connection."
            )
        number, self._next_id = self._next_id, self._next_id + 1
        stream = self._subscriptions[number] = self._open_stream(number, account)
        stream.ended = partial(self._forget, number)
        past = self._streams.subscribe(stream, self._client)
        if past is not None:
            self._streams.venue.gateway.later(self._streams.venue.clock.now(), past)
        return {"subscriptionId": number}

    def _end(self, number: int, at: int) -> None:
        stream = self._forget(number)
        if stream is not None:
            self._streams.end(stream, Terminated(at))

    def _forget(self, number: int) -> UserStream | None:
        """A subscription is over: it hears of nothing that happens from now on."""
        stream = self._subscriptions.pop(number, None)
        if number == self._of_logon:
            self._of_logon = None
        if stream is not None:
            self._streams.remove(stream)
        return stream


class SessionMethod(NamedTuple):
    """A method that concerns only its connection: its row in the table, and what it does.

    `act` gives the action of a request, or raises `Reject` for its parameters. `own_signature`: it
    needs a signature of its own, even on a signed-in connection; `permission`: what its key must
    be allowed.
    """

    endpoint: Endpoint
    act: Callable[[ApiSession, Params, Key | None], Action]
    own_signature: bool = False
    permission: Security | None = None


def _as_it_is(w: Writing, told: Any) -> Any:
    return told


def _method(name: str, act: Any, *signed: Any, takes: str = "") -> SessionMethod:
    """A row of `SESSION`; all of them weigh 2."""
    endpoint = Endpoint(
        http="", socket=name, operation="session", weight=2, takes=takes,
        read=general.read_time, write=_as_it_is,
    )  # fmt: skip
    return SessionMethod(endpoint, act, *signed)


# "Authentication requests" and "User Data Stream requests"
SESSION = {
    row.endpoint.socket: row
    for row in (
        _method("session.logon", ApiSession.logon, True),
        _method("session.status", ApiSession.status),
        _method("session.logout", ApiSession.logout),
        _method("session.subscriptions", ApiSession.subscriptions),
        _method("userDataStream.subscribe", ApiSession.subscribe),
        _method(
            "userDataStream.subscribe.signature", ApiSession.subscribe_signed,
            True, Security.USER_STREAM,
        ),
        _method("userDataStream.unsubscribe", ApiSession.unsubscribe, takes="subscriptionId"),
    )
}  # fmt: skip
