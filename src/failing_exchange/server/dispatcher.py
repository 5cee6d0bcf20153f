"""Requests of any venue: each becomes a trip, and is answered when the trip has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.journal.trip import Damage, Damaged, Edited
from failing_exchange.server import engine_timeout
from failing_exchange.server.damage import steps_of
from failing_exchange.server.http_connection import BROKEN
from failing_exchange.server.turn_taking import Turns

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Trip
    from failing_exchange.server.dialect import Rest, RoutedCall
    from failing_exchange.server.messages import Reply, Request
    from failing_exchange.venue.clock import Cancelable
    from failing_exchange.venue.gateway import Gateway
    from failing_exchange.venue.venue import Venue

UNAVAILABLE = Reject(Reason.UNAVAILABLE, "")  # where what happened can't be kept


class Told(NamedTuple):
    """What a client is told, in its parts: an answer or refusal, its edits, its damage."""

    answer: Any
    edits: tuple[tuple[str, Any], ...] = ()
    damage: Damage | None = None


def parts_of(told: Any) -> Told:
    """The parts of what a trip is told."""
    damage: Damage | None = None
    if told.__class__ is Damaged:
        told, damage = told
    if told.__class__ is Edited:
        return Told(told.answer, told.edits, damage)
    return Told(told, (), damage)


class Dispatcher:
    """Sends the requests of one venue through the pass, on the running loop."""

    def __init__(self, venue: Venue, rest: Rest) -> None:
        self.venue = venue
        self.rest = rest
        self.turns = Turns(venue.clock)

    @property
    def gateway(self) -> Gateway:
        """The pass, bound to the running loop."""
        venue, loop = self.venue, asyncio.get_running_loop()
        return venue.start(loop)

    def receive(
        self, gateway: Gateway, request: Request, hear: Callable[[Trip], None] | None = None
    ) -> Trip | None:
        """Send a request on its way; None for one that the venue has no endpoint for."""
        call = self.rest.route(request)
        return None if call is None else self.send(gateway, call, hear)

    def send(self, gateway: Gateway, call: RoutedCall, hear: Callable[[Trip], None] | None) -> Trip:
        """Send a call on its way through the pass."""
        account, operation, symbol, message, expires_at, read = call
        trip = gateway.receive(
            account, operation, message, symbol, hear, read or self.rest.read, expires_at
        )
        engine_timeout.limit(gateway, trip, self.rest.engine_time_max)
        return trip

    def reply(self, trip: Trip, *, written: bool = True) -> Reply | None:
        """What the client of a trip is told; None when the connection breaks instead.

        `written`: whether all that happened is kept, where it must be. Raises a bug of ours; for
        one in writing this answer it is `BROKEN` in real time, and the connection is to be closed.
        """
        gateway = self.gateway
        if gateway.failure is not None:
            raise gateway.broken()
        if not written:
            return self.rest.refuse(trip, UNAVAILABLE)
        if trip.told is None:
            return None
        try:
            return self._reply(trip)
        except Exception as bug:
            gateway.unanswered(bug, trip)
            return BROKEN

    def _reply(self, trip: Trip) -> Reply:
        """The bytes of what a client is told, and what happens to them."""
        answer, edits, damage = parts_of(trip.told)
        if isinstance(answer, Reject):
            reply = self.rest.refuse(trip, answer)
        else:
            reply = self.rest.write(trip, answer, edits)
        if damage is None:
            return reply
        if not damage.acted:
            reply = reply._replace(status=200, body=self.rest.stand_in(trip))
        return reply._replace(damage=damage, steps=steps_of(reply, damage))

    def give_up(self, trip: Trip) -> None:
        """The client of a trip has left, or nobody waits for it any more."""
        self.venue.gateway.leave(trip)

    def later(self, wait: int, callback: Callable[[], None]) -> Cancelable:
        """Have something called so many nanoseconds from now."""
        gateway = self.gateway
        return gateway.later(gateway.clock.now() + wait, callback)

    async def ask(self, request: Request) -> Reply | None:
        """What a request is answered; None when the connection breaks instead.

        It waits for as long as the answer takes, which for a lost one is for ever.
        """
        gateway = self.gateway
        if request.path in self.rest.costly:
            await self.turns.mine()
        trip = self.receive(gateway, request)
        if trip is None:
            return self.rest.absent(request, gateway.clock.now())
        if not is_told(trip):
            await self._told(trip)
        durable = self.venue.durable
        written = durable is None or await durable.commits.written()
        return self.reply(trip, written=written)

    async def _told(self, trip: Trip) -> None:
        """Wait until the client is told something; where its answer is lost, until it leaves."""
        heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def hear(_: Trip) -> None:
            if not heard.done():
                heard.set_result(None)

        trip.reply = hear
        try:
            await heard
        finally:
            self.give_up(trip)


def is_told(trip: Trip) -> bool:
    """Whether there is something to tell its client, be it by hanging up."""
    return trip.ended_at > 0 and (trip.told is not None or trip.hung_up)
