"""What requests are answered: a trip each, and what its client is told when it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from failing_exchange.server.messages import Reply
from failing_exchange.venues.binance.parameters import COSTLY

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Trip
    from failing_exchange.server.messages import Request
    from failing_exchange.venue.clock import Cancelable
    from failing_exchange.venue.gateway import Gateway
    from failing_exchange.venues.binance.doorstep import Doorstep
    from failing_exchange.venues.binance.rest import Door

BROKEN = Reply(500, b"500 Internal Server Error\n\nServer got itself in trouble", kind="text/plain")


class Answering:
    """The door as whoever reads requests sees it, on the running loop."""

    def __init__(self, door: Door, doorstep: Doorstep) -> None:
        self.door = door
        self.doorstep = doorstep

    @property
    def gateway(self) -> Gateway:
        """The pass, bound to the running loop."""
        venue, loop = self.door.venue, asyncio.get_running_loop()
        return venue.running if venue.loop is loop else venue.start(loop)

    def reply(self, trip: Trip, *, written: bool = True) -> Reply | None:
        """What the client of a trip is told; None when the connection breaks instead.

        `written`: whether all that happened is kept, where it must be. Raises a bug of ours; for
        one in writing this answer it is `BROKEN` in real time, and the connection is to be closed.
        """
        gateway = self.gateway
        if gateway.failure is not None:
            raise gateway.broken()
        if not written:
            return self.door.unavailable(trip)
        if trip.told is None:
            return None
        try:
            return self.door.reply(trip)
        except Exception as bug:
            gateway.unanswered(bug, trip)
            return BROKEN

    def give_up(self, trip: Trip) -> None:
        """The client of a trip has left, or nobody waits for it any more."""
        trip.reply = None
        if not trip.ended_at:
            trip.gave_up_at = self.door.venue.clock.now()

    def later(self, wait: int, callback: Callable[[], None]) -> Cancelable:
        """Have something called so many nanoseconds from now."""
        gateway = self.gateway
        return gateway.later(gateway.clock.now() + wait, callback)

    async def ask(self, request: Request) -> Reply | None:
        """What a request is answered; None when the connection breaks instead.

        It waits for as long as the answer takes, which for a lost one is for ever.
        """
        gateway = self.gateway
        if request.path in COSTLY:
            await self.door.turns.mine()
        trip = self.door.receive(gateway, request)
        if trip is None:
            return self.doorstep.absent(request, gateway.clock.now())
        if not is_told(trip):
            await self._told(trip)
        durable = self.door.venue.durable
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
