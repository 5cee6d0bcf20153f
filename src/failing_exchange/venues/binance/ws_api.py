"""The WebSocket API's entrance: text in, its trip through the pass, text out. It does no I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import orjson

from failing_exchange.core.commands import Errand
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.feeds.account import UserStream, UserStreams
from failing_exchange.server.damage import repeated, send_frame
from failing_exchange.server.dispatcher import parts_of
from failing_exchange.server.websocket_frames import Code, text_frame
from failing_exchange.venues.binance import connecting, socket_api
from failing_exchange.venues.binance.call import Answered, Call, Endpoint
from failing_exchange.venues.binance.codes import CODES, Said, missing, said
from failing_exchange.venues.binance.endpoints import BY_SOCKET
from failing_exchange.venues.binance.parameters import COSTLY, check
from failing_exchange.venues.binance.params import TRUE_FALSE, Params
from failing_exchange.venues.binance.rest import NOBODY, SpotRest
from failing_exchange.venues.binance.signing import check_signature, refused_key
from failing_exchange.venues.binance.socket_api import SESSION, Asked
from failing_exchange.venues.binance.values import instant
from failing_exchange.venues.binance.ws_session import SIGNED, Session

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Damage, Trip
    from failing_exchange.server.api_keys import Key
    from failing_exchange.server.websocket_connection import Connection
    from failing_exchange.venue.gateway import Decode

CONNECT_WEIGHT = 2  # web-socket-api.md, "IP limits", 2026-07-21
REQUESTS_REMEMBERED_MAX = 10_000  # under way, of one connection; the oldest then counts as heard
BANNED = 418
UNREADABLE = '{"subscriptionId":'  # what arrives of a push that can't be read
# errors.md, -1000: what is said of a reply that could not be written
UNKNOWN = Said(500, CODES["UNKNOWN"], "An unknown error occurred while processing the request.")
# errors.md, -1020; what production says was not seen
UNKNOWN_METHOD = Reject(
    Reason.NOT_SUPPORTED, "This operation is not supported.", code="UNSUPPORTED_OPERATION"
)


def check_api(found: connecting.Given) -> None:
    """Raise `Reject` for parameters of a connection's URL that are not understood."""
    connecting.is_micro_in(found)
    connecting.check_format(found)


class SocketDoor:
    """Where `/ws-api/v3` leads: each connection is given a conversation."""

    def __init__(self, door: SpotRest, streams: UserStreams) -> None:
        self.door = door
        self.streams = streams
        self.conversations: dict[str, Conversation] = {}

    def announce_shutdown(self) -> None:
        """Tell all clients that the venue is about to shut down ("Server Shutdown")."""
        for conversation in self.conversations.values():
            conversation.announce_shutdown()

    def open(self, connection: Connection) -> None:
        """Begin to converse on a new connection."""
        at = connection.gateway.clock.now()
        self.door.metering.weigh(connection.request.peer, at, CONNECT_WEIGHT)
        conversation = self.conversations[connection.name] = Conversation(self, connection)
        connection.on_text = conversation.hear
        connection.on_shutdown = conversation.announce_shutdown
        connection.on_closed = self._closed

    def _closed(self, connection: Connection) -> None:
        self.conversations.pop(connection.name).close(connection)


class Conversation:
    """What is said on one connection. Replies leave as their trips end, not as they were asked."""

    def __init__(self, entrance: SocketDoor, connection: Connection) -> None:
        options = connecting.given(connection.request.query)
        self.door = entrance.door
        self.connection = connection
        self.micro = connecting.is_micro_in(options)
        self.session = Session(
            entrance.streams,
            self._open_stream,
            client=connection.name,
            connected_at=connection.opened_at,
            limits_shown=options.get("returnRateLimits", [""])[0].lower() != "false",
            micro=self.micro,
        )
        self._under_way: dict[int, Trip] = {}
        self._share = connection.dispatcher.turns.share()

    def hear(self, connection: Connection, text: str) -> None:
        """A text message has arrived."""
        asked = socket_api.asked(text)
        endpoint = BY_SOCKET.get(asked.method) or SESSION.get(asked.method)
        if endpoint is not None:
            try:
                self._send_in_turn(asked, endpoint)
            except Exception as bug:
                self._tell_of_bug(bug, asked.id)
            return
        at, address = connection.gateway.clock.now(), connection.request.peer
        self.door.metering.weigh(address, at, 1)
        no = said(asked.refused or UNKNOWN_METHOD, "")
        reply = socket_api.refused(asked.id, no, at, micro=self.micro)
        if self.session.limits_shown:
            reply["rateLimits"] = [self.door.metering.weight_row(address, at)]
        self._say(reply)

    def close(self, connection: Connection) -> None:
        """The connection is gone: its streams end, its requests go on unheard."""
        self.session.close()
        for trip in self._under_way.values():
            trip.reply = None
            if not trip.ended_at:
                trip.gave_up_at = connection.gateway.clock.now()
        self._under_way.clear()

    # ---- requests

    def _send_in_turn(self, asked: Asked, endpoint: Endpoint) -> None:
        """Send a call, or let it and what comes after it wait for its turn."""
        if endpoint.http.partition(" ")[2] not in COSTLY:
            self._send(asked, endpoint)
            return

        def steps() -> Iterator[None]:
            try:
                for step in self.door.make(endpoint, Params(asked.params)):
                    yield step
                    if connection.gone:
                        return
                self._send(asked, endpoint)
            except Exception as bug:
                self._tell_of_bug(bug, asked.id)
            finally:
                if reader is not None:
                    reader.release()

        connection, reader = self.connection, self.connection.reader
        if not connection.dispatcher.turns.take(self._share, steps()) and reader is not None:
            reader.hold()

    def _tell_of_bug(self, bug: Exception, given: int | str | None) -> None:
        """Reply to a request that could not be read because of a bug of ours, in real time."""
        gateway = self.connection.gateway
        gateway.unanswered(bug, None)
        self._say(socket_api.refused(given, UNKNOWN, gateway.clock.now(), micro=self.micro))

    def _send(self, asked: Asked, endpoint: Endpoint) -> None:
        """A call on its way through the pass."""
        request, params = self.connection.request, asked.params
        sent = len(params)
        given, shown = asked.id, params.pop("returnRateLimits", "").lower()
        account, expires_at, refused, errand = NOBODY, 0, None, None
        signed_in = self.session.key
        try:
            key = self._signer(asked, endpoint)
            if key is not None:
                security = SIGNED.get(endpoint.socket, endpoint.security)
                account, expires_at = self.door.admit(key, security, params, request.peer)
            check(endpoint, params, sent)
            if endpoint.socket in SESSION:
                errand = self.session.errand(endpoint.socket, params, key)
        except Reject as no:
            no.__traceback__ = None
            refused = no
            if signed_in is not None and self.session.key is None:
                given = None  # "Regarding API key revocation"
        call = Call(endpoint, params, endpoint.weighs(params), request.peer, self.micro, refused)
        limits_shown = TRUE_FALSE.get(shown, self.session.limits_shown)

        def hear(trip: Trip) -> None:
            try:
                self._answer(trip, given, limits_shown)
            except Exception as bug:  # it costs this reply
                self.connection.gateway.unanswered(bug, trip)
                self._say(socket_api.refused(given, UNKNOWN, trip.told_at, micro=self.micro))

        read = None if endpoint.socket not in SESSION else _reader(refused, account, errand)
        routed = self.door.routed(call, account, expires_at, read)
        trip = self.connection.dispatcher.send(self.connection.gateway, routed, hear)
        if not trip.ended_at:
            self._remember(trip)

    def _signer(self, asked: Asked, endpoint: Endpoint) -> Key | None:
        """Whose request it is, by its own signature or the session's; None where nobody's."""
        if not endpoint.signed and endpoint.socket not in SIGNED:
            return None
        params, signed_in = asked.params, self.session.key
        own = "apiKey" in params or "signature" in params or endpoint.socket in SIGNED
        if not own and signed_in is not None:
            if self.door.keys.find(signed_in.name) is not signed_in:
                self.session.key = None
                refused_key()
            return signed_in
        name = params.pop("apiKey", "") or (signed_in.name if signed_in is not None else "")
        if not name:
            missing("apiKey")
        key = self.door.known(name)
        check_signature(self.door.signatures, key, asked.payload, params)
        return key

    def _remember(self, trip: Trip) -> None:
        self._under_way[trip.number] = trip
        if len(self._under_way) > REQUESTS_REMEMBERED_MAX:
            del self._under_way[next(iter(self._under_way))]

    # ---- replies and events

    def _answer(self, trip: Trip, given: int | str | None, limits_shown: bool) -> None:
        self._under_way.pop(trip.number, None)
        at, status = trip.told_at, 200
        if trip.told is None:
            if trip.hung_up:
                self.connection.abort()
            return
        told, edits, damage = parts_of(trip.told)
        if isinstance(told, Reject) and (damage is None or damage.acted):
            no = said(told, trip.operation)
            reply, status = socket_api.refused(given, no, at, micro=self.micro), no.status
        elif damage is not None and not damage.acted:
            call: Call = trip.message
            reply = socket_api.accepted(given, repeated(call.params))
        else:
            written = self.door.written(trip, told, edits)
            if written.__class__ is Answered:
                status = written.status
                reply = {"id": given, "status": status, "error": written.body}
            else:
                reply = socket_api.accepted(given, written)
        if limits_shown:
            reply["rateLimits"] = self._limits(trip, at)
        self._say(reply, damage)
        if status == BANNED:
            self.connection.close(Code.POLICY, "IP banned")

    def _limits(self, trip: Trip, at: int) -> list[dict[str, Any]]:
        call: Call = trip.message
        metering = self.door.metering
        orders = metering.order_rows(trip.account, at) if call.endpoint.orders else []
        return [*orders, metering.weight_row(call.address, at)]

    def announce_shutdown(self) -> None:
        """The venue is about to shut down."""
        at = instant(self.connection.gateway.clock.now(), micro=self.micro)
        self._say({"event": {"e": "serverShutdown", "E": at}})

    def _open_stream(self, number: int, account: str) -> UserStream:
        def say(event: Any, damage: Damage | None) -> None:
            if event is ...:
                self.connection.send_text(UNREADABLE)
            else:
                self._say({"subscriptionId": number, "event": event}, damage)

        return UserStream(account, say, self.connection.abort, micro=self.micro)

    def _say(self, message: dict[str, Any], damage: Damage | None = None) -> None:
        send_frame(self.connection, text_frame(orjson.dumps(message)), damage)


def _reader(refused: Reject | None, account: str, errand: Any) -> Decode:
    """How a method of the session is read: it is an errand of the connection."""

    def read(trip: Trip) -> Errand:
        if refused is not None:
            raise refused
        return Errand(account, errand)

    return read
