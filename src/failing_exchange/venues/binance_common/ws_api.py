"""The WebSocket API: requests on a connection that stays open. It does no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import orjson

from failing_exchange.core.commands import SessionCommand
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.feeds.account_feeds import UserStream, UserStreams, Write
from failing_exchange.server.conversation import Abort, Action, Ask, Close, Conversation, Send
from failing_exchange.server.damage import repeated
from failing_exchange.server.websocket_frames import Code
from failing_exchange.venues.binance_common import ws_envelope
from failing_exchange.venues.binance_common.binance_rest import NOBODY, BinanceRest
from failing_exchange.venues.binance_common.call import Answered, Call, Endpoint, Security
from failing_exchange.venues.binance_common.connection_query import given
from failing_exchange.venues.binance_common.parameter_checks import check
from failing_exchange.venues.binance_common.params import TRUE_FALSE, Params
from failing_exchange.venues.binance_common.refusals import Said, missing
from failing_exchange.venues.binance_common.signing import (
    check_permission,
    check_signature,
    refused_key,
)
from failing_exchange.venues.binance_common.values import instant
from failing_exchange.venues.binance_common.ws_envelope import WsRequest
from failing_exchange.venues.binance_common.ws_session import ApiSession

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Damage, Told, Trip
    from failing_exchange.server.api_keys import Key
    from failing_exchange.server.conversation import Opened
    from failing_exchange.server.rest_api import RoutedCall
    from failing_exchange.venue.gateway import Decode

BANNED = 418
UNREADABLE = b'{"subscriptionId":'  # what arrives of a push that can't be read
# errors.md, -1000: what is said of a reply that could not be written
UNKNOWN = Said(500, -1000, "An unknown error occurred while processing the request.")
# errors.md, -1020; what production says was not seen
UNKNOWN_METHOD = Reject(
    Reason.NOT_SUPPORTED, "This operation is not supported.", code="UNSUPPORTED_OPERATION"
)


class ApiConversation(Conversation):
    """What is said on one connection. Replies leave as their trips end, not as they were asked.

    A product has a class of its own. A `version` may stand before each method; a handshake weighs
    `connect_weight`. `weight_first`: replies tell the weight that is used before the orders.
    """

    sessions: type[ApiSession] = ApiSession
    version: str
    connect_weight: int
    weight_first = False

    def __init__(self, rest: BinanceRest, streams: UserStreams, opened: Opened) -> None:
        options = given(opened.request.query)
        self.rest = rest
        self.opened_as = opened
        self.micro = rest.is_micro_in(options)
        self.session = self.sessions(
            streams,
            self._open_stream,
            client=opened.name,
            connected_at=opened.at,
            limits_shown=options.get("returnRateLimits", [""])[0].lower() != "false",
            micro=self.micro,
        )

    def writer(self) -> Write:
        """What writes the events of a user stream on this connection."""
        raise NotImplementedError

    def tells_shutdown(self) -> bool:
        """Whether a client is told that the venue is about to shut down."""
        return True

    def opened(self, at: int) -> Iterable[Action]:
        """Connecting weighs."""
        self.rest.metering.weigh(self.opened_as.request.peer, at, self.connect_weight)
        return ()

    def heard(self, text: str, at: int) -> Iterable[Action]:
        """Answer a message of text that has arrived."""
        asked = ws_envelope.asked(text, self.version)
        method = self.rest.sessions.get(asked.method)
        endpoint = self.rest.sockets.get(asked.method) if method is None else method.endpoint
        if endpoint is None:
            self.rest.metering.weigh(self.opened_as.request.peer, at, 1)
            no = self.rest.refusals.said(asked.refused or UNKNOWN_METHOD, "")
            return (self.say(ws_envelope.refused(asked.id, no, at, micro=self.micro)),)
        request = ApiRequest(self, asked, endpoint)
        return (Ask(request, request.steps() if endpoint.costly else None),)

    def shutdown(self, at: int) -> Iterable[Action]:
        """The venue is about to shut down."""
        if not self.tells_shutdown():
            return ()
        event = {"e": "serverShutdown", "E": instant(at, micro=self.micro)}
        return (self.say({"event": event}),)

    def closed(self, at: int) -> None:
        """The connection is gone: its streams end."""
        self.session.close()

    def say(self, message: dict[str, Any], damage: Damage | None = None) -> Send:
        """A message as JSON."""
        return Send(orjson.dumps(message), damage)

    def _open_stream(self, number: int, account: str) -> UserStream:
        do = self.opened_as.do

        def say(event: Any, damage: Damage | None) -> None:
            if event is ...:
                do((Send(UNREADABLE),))
            else:
                do((self.say({"subscriptionId": number, "event": event}, damage),))

        write = self.writer()
        return UserStream(account, write, say, lambda: do((Abort(),)))


class ApiRequest:
    """One request on a connection (see `server.conversation.Inquiry`)."""

    def __init__(self, conversation: ApiConversation, asked: WsRequest, endpoint: Endpoint) -> None:
        self._conversation = conversation
        self._asked = asked
        self._endpoint = endpoint
        # None: it concerns more than its connection
        self._method = conversation.rest.sessions.get(endpoint.socket)
        self._given = asked.id  # which comes back in the reply
        self._limits_shown = conversation.session.limits_shown

    def call(self) -> RoutedCall:
        """Whose it is, and what is wrong with it, is found now."""
        asked, endpoint, session = self._asked, self._endpoint, self._conversation.session
        rest, address = self._conversation.rest, self._conversation.opened_as.request.peer
        params, sent = asked.params, len(asked.params)
        shown = params.pop("returnRateLimits", "").lower()
        account, expires_at, refused, action = NOBODY, 0, None, None
        signed_in = session.key
        try:
            key = self._signer()
            if key is not None:
                method = self._method
                needs = endpoint.security if method is None else method.permission
                account, expires_at = self._admit(key, needs, address)
            check(endpoint, params, sent, rest.lenient)
            if self._method is not None:
                action = self._method.act(session, params, key)
        except Reject as no:
            no.__traceback__ = None
            refused = no
            if signed_in is not None and session.key is None:
                self._given = None  # "Regarding API key revocation"
        self._limits_shown = TRUE_FALSE.get(shown, session.limits_shown)
        micro = self._conversation.micro
        call = rest.calls(endpoint, params, endpoint.weighs(params), address, micro, refused)
        read = None if self._method is None else _reader(refused, account, action)
        return rest.routed(call, account, expires_at, read)

    def _admit(self, key: Key, needs: Security | None, address: str) -> tuple[str, int]:
        """Whose request it is, and until when it is fresh; raises `Reject`."""
        if self._endpoint.key_only:
            check_permission(key, needs, address)
            return key.account, 0
        return self._conversation.rest.admit(key, needs, self._asked.params, address)

    def steps(self) -> Iterator[None]:
        """Make in steps what it will ask for, where that is costly."""
        yield from self._conversation.rest.make(self._endpoint, Params(self._asked.params))

    def _signer(self) -> Key | None:
        """Whose request it is, by its own signature or the session's; None where nobody's."""
        asked, session = self._asked, self._conversation.session
        by_itself = self._method is not None and self._method.own_signature
        if not self._endpoint.signed and not by_itself:
            return None
        rest, params, signed_in = self._conversation.rest, asked.params, session.key
        own = "apiKey" in params or "signature" in params or by_itself
        if not own and signed_in is not None:
            if rest.keys.find(signed_in.name) is not signed_in:
                session.key = None
                refused_key()
            return signed_in
        name = params.pop("apiKey", "") or (signed_in.name if signed_in is not None else "")
        if not name:
            missing("apiKey")
        key = rest.known(name)
        if self._endpoint.key_only:
            return key
        payload = asked.payload.encode("utf-8", "surrogateescape")
        check_signature(rest.signatures, key, payload, params)
        return key

    def reply(self, trip: Trip, told: Told) -> Iterable[Action]:
        """Status, result or error, and what is used of the limits."""
        at, status, micro = trip.told_at, 200, self._conversation.micro
        if isinstance(told.answer, Reject):
            no = self._conversation.rest.refusals.said(told.answer, trip.operation)
            reply, status = ws_envelope.refused(self._given, no, at, micro=micro), no.status
        else:
            written = self._conversation.rest.written(trip, told.answer, told.edits)
            if written.__class__ is Answered:
                status = written.status
                reply = {"id": self._given, "status": status, "error": written.body}
            else:
                reply = ws_envelope.accepted(self._given, written)
        yield self._said(trip, reply, told.damage)
        if status == BANNED:
            yield Close(Code.POLICY, "IP banned")

    def stand_in(self, trip: Trip) -> bytes:
        """What repeats the parameters of the request."""
        call: Call = trip.message
        return self._said(trip, ws_envelope.accepted(self._given, repeated(call.params))).text

    def lost(self, at: int) -> bytes:
        """Nobody knows."""
        micro = self._conversation.micro
        return orjson.dumps(ws_envelope.refused(self._given, UNKNOWN, at, micro=micro))

    def _said(self, trip: Trip, reply: dict[str, Any], damage: Damage | None = None) -> Send:
        if self._limits_shown:
            call: Call = trip.message
            metering, at = self._conversation.rest.metering, trip.told_at
            orders = metering.order_rows(trip.account, at) if call.endpoint.orders else []
            weight = metering.weight_row(call.address, at)
            first = self._conversation.weight_first
            reply["rateLimits"] = [weight, *orders] if first else [*orders, weight]
        return self._conversation.say(reply, damage)


def _reader(refused: Reject | None, account: str, action: Any) -> Decode:
    """How a method of the session is read: its action becomes the command of the trip."""

    def read(trip: Trip) -> SessionCommand:
        if refused is not None:
            raise refused
        return SessionCommand(account, action)

    return read
