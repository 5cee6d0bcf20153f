"""The in-process door: one call is one trip; answers are dicts, refusals are errors."""

from __future__ import annotations

import asyncio
from typing import Any

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.errors import ConnectionLostError, RequestTimeoutError
from failing_exchange.trip import Trip
from failing_exchange.venue import Venue

TURN_EVERY = 32  # calls that need not wait, after which a client gives up one turn of the loop


class LocalClient:
    """One account's way into a venue, inside its own process.

    `timeout`: seconds after which a call gives up; the venue goes on with it all the same.
    """

    def __init__(self, venue: Venue, account: str, *, timeout: float | None) -> None:
        self.venue = venue
        self.account = account
        self.timeout = timeout
        self._calls = 0

    async def call(self, operation: str, symbol: str, message: Any) -> Any:
        """Send a request; its answer as the unified structure, or the matching error raised."""
        venue = self.venue
        loop = asyncio.get_running_loop()
        gateway = venue.gateway if venue.loop is loop else venue.start(loop)
        trip = gateway.receive(self.account, operation, message, symbol)
        if trip.ended_at and (trip.told is not None or trip.hung_up):
            self._calls += 1
            if self._calls % TURN_EVERY == 0:
                await asyncio.sleep(0)
        else:
            await self._wait(trip, loop)
        return self._hear(trip)

    async def ready(self) -> None:
        """Start the venue, or bind it to the loop that runs now."""
        loop = asyncio.get_running_loop()
        if self.venue.loop is not loop:
            self.venue.start(loop)

    async def _wait(self, trip: Trip, loop: asyncio.AbstractEventLoop) -> None:
        """Until the answer comes, or until the client has waited long enough."""
        answered: asyncio.Future[None] = loop.create_future()

        def hear(_: object = None) -> None:
            if not answered.done():
                answered.set_result(None)

        trip.reply = hear
        clock = self.venue.clock
        timer = None
        if self.timeout is not None:
            give_up_at = trip.born_at + int(self.timeout * 1_000_000_000)
            timer = clock.call_at(give_up_at, hear)
        try:
            await answered
        finally:
            trip.reply = None
            if not trip.ended_at:
                trip.gave_up_at = clock.now()
            if timer is not None:
                timer.cancel()

    def _hear(self, trip: Trip) -> Any:
        told = trip.told
        if told is None or not trip.ended_at:
            raise self._silence(trip)
        if told.__class__ is Reject:
            raise self._refusal(told)
        try:
            return self.venue.encode(trip.operation, told)
        except Reject as refused:  # a half of a cancel-and-replace
            raise self._refusal(refused) from None

    def _refusal(self, refused: Reject) -> Exception:
        from failing_exchange.dialects.unified.errors import error_of

        return error_of(refused, self.venue.clock.now())

    def _silence(self, trip: Trip) -> Exception:
        what = f"{trip.operation} {trip.symbol}".strip()
        if trip.hung_up:
            return ConnectionLostError(
                f"connection lost during {what}: whether the venue acted is unknown",
                reason=Reason.CONNECTION_LOST.value,
            )
        return RequestTimeoutError(
            f"request timed out: no answer to {what} within {self.timeout:g} s; "
            "whether the venue acted is unknown",
            reason=Reason.TIMED_OUT.value,
        )
