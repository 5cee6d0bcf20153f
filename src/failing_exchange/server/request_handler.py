"""A venue's request handler: one trip per request, and its reply when the trip has ended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from failing_exchange.faults.connection import ConnectionDamage
from failing_exchange.server.closing import close
from failing_exchange.server.damage import false_handshake, steps_of
from failing_exchange.server.dispatcher import is_told
from failing_exchange.server.http_connection import BROKEN, logger
from failing_exchange.server.messages import Reply, Request
from failing_exchange.venue.connection_events import connection_fault

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Damage, Trip
    from failing_exchange.server.dispatcher import Dispatcher
    from failing_exchange.server.http_connection import HttpConnection
    from failing_exchange.server.websocket import WebSocketFront

SOCKET_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")  # RFC 6455, section 4.1: 16 bytes in base64
NOTHING = Reply(200, b"")


class RequestHandler:
    """Answers requests through the pass, and upgrades to WebSocket."""

    upgrades = True

    def __init__(self, dispatcher: Dispatcher, sockets: WebSocketFront) -> None:
        self._dispatcher = dispatcher
        self._sockets = sockets

    # ---- calls

    def handle(self, request: Request, connection: HttpConnection) -> None:
        """Answer a request; what comes behind a costly one waits for it."""
        if request.path in self._dispatcher.rest.costly:
            turns = self._dispatcher.turns
            if connection.share is None:
                connection.share = turns.share()
            turns.take(connection.share, self._in_steps(request, connection))
        else:
            self._receive(request, connection)

    def _in_steps(self, request: Request, connection: HttpConnection) -> Iterator[None]:
        """Answer a costly request in steps, unless its client leaves meanwhile."""
        try:
            for step in self._dispatcher.rest.steps(request):
                yield step
                if connection.gone:
                    return
            if not connection.gone:
                self._receive(request, connection)
        except Exception as bug:
            connection.fail(bug)

    def _receive(self, request: Request, connection: HttpConnection) -> None:
        dispatcher = self._dispatcher
        gateway = dispatcher.gateway
        trip = dispatcher.receive(gateway, request)
        if trip is None:
            at = gateway.clock.now()
            connection.respond(dispatcher.rest.absent(request, at), at)
        elif is_told(trip):
            self._reply(connection, trip)
        else:
            connection.on_lost = partial(dispatcher.give_up, trip)
            trip.reply = partial(self._reply_late, connection)

    def _reply_late(self, connection: HttpConnection, trip: Trip) -> None:
        connection.on_lost = None
        self._reply(connection, trip)

    def _reply(self, connection: HttpConnection, trip: Trip) -> None:
        """Send what a trip is told, when all that has happened until then is written."""
        durable = self._dispatcher.venue.durable
        if durable is None:
            self._send(connection, trip, True)
        elif durable.commits.has_pending:
            durable.commits.after_commit(partial(self._send, connection, trip))
        else:
            self._send(connection, trip, not durable.commits.halted)

    def _send(self, connection: HttpConnection, trip: Trip, written: bool) -> None:
        if connection.gone:
            return
        try:
            reply = self._dispatcher.reply(trip, written=written)
        except Exception as bug:
            connection.fail(bug)
            return
        if reply is None:
            connection.abort()
        else:
            connection.respond(reply, trip.told_at, close=reply is BROKEN)

    # ---- upgrades

    def upgrade(self, request: Request, connection: HttpConnection) -> None:
        """Grant an upgrade to WebSocket, or refuse or damage it."""
        gateway = self._dispatcher.gateway
        at = gateway.clock.now()
        if not is_handshake(request):
            connection.respond(self._dispatcher.rest.malformed(400), at, close=True)
            return
        refused = self._sockets.refusal(request, at)
        if refused is not None:
            connection.respond(refused, at, close=True)
            return
        damage = connection_fault(gateway, self._sockets.moment(request.path))
        if damage is None:
            self._sockets.connect(request, connection, gateway)
        else:
            steps = self._damaged(request, damage, at)
            connection.respond(NOTHING._replace(damage=damage, steps=steps), at)

    def _damaged(self, request: Request, damage: Damage, at: int) -> list[Any]:
        """A page, a handshake that no client accepts, or a broken connection."""
        if damage.kind is ConnectionDamage.UPGRADE:
            return [false_handshake(request.headers["sec-websocket-key"], damage, at), close]
        return steps_of(NOTHING, damage)

    # ---- what goes wrong

    def refusal(self, status: int, reason: str) -> Reply:
        """The venue's reply to bytes that are no request."""
        if status == 417:
            return Reply(417, b"")
        return self._dispatcher.rest.malformed(status)

    def failed(self, bug: Exception, connection: HttpConnection) -> None:
        """Journal a bug of ours; it ends a simulation."""
        try:
            self._dispatcher.gateway.unanswered(bug, None)
        except Exception as broken:  # the venue, by this bug or an earlier one
            logger.error("Error handling request from %s", connection.peer, exc_info=broken)


def is_handshake(request: Request) -> bool:
    """Whether an upgrade is one that RFC 6455, section 4.2.1 allows."""
    headers = request.headers
    options = [option.strip().lower() for option in headers.get("connection", "").split(",")]
    return (
        request.method == "GET"
        and "upgrade" in options
        and headers.get("sec-websocket-version") == "13"
        and SOCKET_KEY.fullmatch(headers.get("sec-websocket-key", "")) is not None
    )
