"""Dispatcher: sends each request through the pass as a trip, and the reply when it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Protocol

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.journal.trip import Damaged, Edited, parts_of
from failing_exchange.server import engine_timeout
from failing_exchange.server.damage import steps_of
from failing_exchange.server.http_connection import BROKEN, logger
from failing_exchange.server.messages import Reply
from failing_exchange.server.observing import Observers
from failing_exchange.server.reply_headers import marked
from failing_exchange.server.turn_taking import Turns

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Trip
    from failing_exchange.server.messages import Request
    from failing_exchange.server.rest_api import Rest, RoutedCall
    from failing_exchange.server.turn_taking import Share
    from failing_exchange.venue.gateway import Gateway
    from failing_exchange.venue.venue import RunningVenue

UNAVAILABLE = Reject(Reason.UNAVAILABLE, "")  # where what happened can't be kept
LAYERED = (Damaged, Edited)  # answers that a fault has changed


class Dispatcher:
    """Sends the requests of one venue through the pass, on the running loop."""

    def __init__(self, venue: RunningVenue, rest: Rest, observers: Observers | None = None) -> None:
        self.venue = venue
        self.rest = rest
        self.turns = Turns(venue.clock)
        self.observers = observers or Observers()
        self.marks_replies = False  # whether headers name the request and the faults

    @property
    def gateway(self) -> Gateway:
        """The pass, bound to the running loop."""
        return self.venue.start(asyncio.get_running_loop())

    def send(
        self, gateway: Gateway, call: RoutedCall, hear: Callable[[Trip], None] | None = None
    ) -> Trip:
        """Send a call on its way through the pass."""
        account, operation, symbol, message, expires_at, read = call
        trip = gateway.receive(
            account, operation, message, symbol, hear, read or self.rest.read, expires_at
        )
        if trip.active:
            engine_timeout.limit(gateway, trip, self.rest.engine_time_max)
        return trip

    def reply(self, trip: Trip, written: bool) -> Reply | None:
        """What the client of a trip is told; None when the connection breaks instead.

        `written`: whether all that happened is kept, where it must be. Raises a bug of ours; for
        one in writing this answer it is `BROKEN` in real time, and the connection is to be closed.
        """
        gateway = self.venue.gateway
        if gateway.failure is not None:
            raise gateway.broken()
        told = trip.told if written else UNAVAILABLE
        if told is None:
            return None
        try:
            if told.__class__ in LAYERED:
                return self._layered(trip)
            if isinstance(told, Reject):
                reply = self.rest.refuse(trip, told)
            else:
                reply = self.rest.write(trip, told, ())
            return marked(reply, trip) if self.marks_replies else reply
        except Exception as bug:
            gateway.unanswered(bug, trip)
            return BROKEN

    def _layered(self, trip: Trip) -> Reply:
        """The bytes of what a fault has changed, and what happens to them."""
        answer, edits, damage = parts_of(trip.told)
        if isinstance(answer, Reject):
            reply = self.rest.refuse(trip, answer)
        else:
            reply = self.rest.write(trip, answer, edits)
        if damage is not None and not damage.acted:
            reply = reply._replace(status=200, body=self.rest.stand_in(trip))
        if self.marks_replies:
            reply = marked(reply, trip)
        if damage is None:
            return reply
        return reply._replace(damage=damage, steps=steps_of(reply, damage))

    def give_up(self, trip: Trip) -> None:
        """The client of a trip has left, or nobody waits for it any more."""
        self.venue.gateway.leave(trip)

    # ---- requests, as the HTTP server hands them on

    def handle(self, request: Request, client: Client) -> None:
        """Answer a request; what comes behind a costly one waits for it."""
        if request.path not in self.rest.costly:
            self._ask(request, client)
            return
        if client.share is None:
            client.share = self.turns.share()
        self.turns.take(client.share, self._in_steps(request, client))

    def refusal(self, status: int, reason: str) -> Reply:
        """The venue's reply to bytes that are not a request."""
        return Reply(417, b"") if status == 417 else self.rest.malformed(status)

    def failed(self, bug: Exception, client: Client) -> None:
        """Journal a bug of ours; it ends a simulation."""
        try:
            self.gateway.unanswered(bug, None)
        except Exception as broken:  # the venue, by this bug or an earlier one
            logger.error("Error handling request from %s", client.peer, exc_info=broken)

    async def ask(self, request: Request) -> Reply | None:
        """Answer a request that has no connection; None when a connection would break instead.

        It waits for as long as the answer takes, which for a lost one is for ever.
        """
        caller = _Caller(request.peer)
        self.handle(request, caller)
        try:
            return await caller.answer
        finally:
            if caller.on_lost is not None:
                caller.on_lost()

    def _in_steps(self, request: Request, client: Client) -> Iterator[None]:
        """Answer a costly request in steps, unless its client leaves meanwhile."""
        try:
            for step in self.rest.steps(request):
                yield step
                if client.gone:
                    return
            if not client.gone:
                self._ask(request, client)
        except Exception as bug:
            client.fail(bug)

    def _ask(self, request: Request, client: Client) -> None:
        if self.observers.all:
            self.observers.watch(request, partial(self._handle, request, client))
        else:
            self._handle(request, client)

    def _handle(self, request: Request, client: Client) -> Trip | None:
        """Send a request on its way; its trip, or None where no endpoint takes it."""
        gateway, call = self.venue.start(client.loop), self.rest.route(request)
        if call is None:
            at = gateway.clock.now()
            client.respond(self.rest.absent(request, at), at)
            return None
        trip = self.send(gateway, call)
        if trip.ended_at and (trip.told is not None or trip.hung_up):
            self._respond(client, trip)
        else:
            client.on_lost = partial(self.give_up, trip)
            trip.reply = partial(self._respond_late, client)
        return trip

    def _respond_late(self, client: Client, trip: Trip) -> None:
        client.on_lost = None
        self._respond(client, trip)

    def _respond(self, client: Client, trip: Trip) -> None:
        """Send what a trip is told, when all that has happened until then is written."""
        durable = self.venue.durable
        if durable is None:
            self._send(client, trip, True)
        elif durable.commits.has_pending:
            durable.commits.after_commit(partial(self._send_late, client, trip))
        else:
            self._send(client, trip, not durable.commits.halted)

    def _send_late(self, client: Client, trip: Trip, written: bool) -> None:
        if not client.gone:
            self._send(client, trip, written)

    def _send(self, client: Client, trip: Trip, written: bool) -> None:
        try:
            reply = self.reply(trip, written)
        except Exception as bug:
            client.fail(bug)
            return
        if reply is None:
            client.abort()
        elif reply is BROKEN:
            client.respond(reply, trip.told_at, close=True)
        else:
            client.respond(reply, trip.told_at)


class Client(Protocol):
    """Who is sent a reply: an `HttpConnection`, or a caller without one."""

    peer: str
    loop: asyncio.AbstractEventLoop
    share: Share | None
    on_lost: Callable[[], None] | None

    @property
    def gone(self) -> bool:
        """Whether nobody waits for a reply."""

    def respond(self, reply: Reply, at: int, *, close: bool = False) -> None:
        """Send the reply."""

    def abort(self) -> None:
        """End the connection in the reply's place."""

    def fail(self, bug: Exception) -> None:
        """A bug of ours costs the reply."""


class _Caller:
    """Waits for the reply to one request that came without a connection."""

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.loop = asyncio.get_running_loop()
        self.share: Share | None = None
        self.on_lost: Callable[[], None] | None = None
        self.answer: asyncio.Future[Reply | None] = self.loop.create_future()

    @property
    def gone(self) -> bool:
        return self.answer.done()

    def respond(self, reply: Reply, at: int, *, close: bool = False) -> None:
        self.answer.set_result(reply)

    def abort(self) -> None:
        self.answer.set_result(None)

    def fail(self, bug: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(bug)
