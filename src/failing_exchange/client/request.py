"""Execute calls in process: each is one trip; answers are dicts, refusals are errors."""

from __future__ import annotations

from asyncio import get_running_loop, sleep
from typing import TYPE_CHECKING, Any

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import SECOND
from failing_exchange.errors import (
    ConnectionLostError,
    RequestTimeoutError,
)
from failing_exchange.journal.trip import UNHEARD

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future

    from failing_exchange.journal.trip import Damaged, Trip
    from failing_exchange.venue.gateway import Gateway
    from failing_exchange.venue.venue import RunningVenue
    from failing_exchange.venue.venue_clock import Cancelable

FOREVER = 1 << 62  # nanoseconds
TURN_EVERY = 32  # calls that need not wait, after which a client gives up one turn of the loop
REAL_TURN_EVERY = 128  # likewise in real time, where a turn costs as much as half a call: 1.5 ms


class LocalClient:
    """One account's way into a venue, inside its own process.

    A call gives up after its timeout; the venue goes on with it all the same.
    """

    def __init__(self, venue: RunningVenue, account: str, *, timeout: float | None) -> None:
        self.venue = venue
        self.account = account
        self.timeout = timeout
        self._calls = 0

    @property
    def timeout(self) -> float | None:
        """Seconds after which a call gives up; None: never."""
        return self._timeout

    @timeout.setter
    def timeout(self, seconds: float | None) -> None:
        """Set it for the calls to come."""
        self._timeout = seconds
        self._patience = FOREVER if seconds is None else int(seconds * SECOND)

    async def call(self, operation: str, symbol: Any, message: Any) -> Any:
        """Send a request; its answer as the unified structure, or the matching error raised."""
        venue = self.venue
        loop = get_running_loop()
        gateway = venue.gateway if venue.loop is loop else venue.start(loop)
        if symbol.__class__ is not str:
            symbol = str(symbol)
        waits = self._patience if gateway.latency is not None and gateway.clock.awaits() else 0
        trip = gateway.receive(self.account, operation, message, symbol, None, None, 0, waits)
        told: Any = trip.told
        if trip.ended_at and (told is not None or trip.hung_up):
            if not trip.due_at:  # it took no time
                self._calls = calls = self._calls + 1
                if not calls % TURN_EVERY:
                    await self._give_way(loop)
        else:
            answered, timer = self._listen(trip, gateway, loop)
            try:
                await answered
            finally:
                if timer is not None or not trip.ended_at:
                    self._leave(trip, gateway, timer)
            if gateway.failure is not None:
                raise gateway.broken()
            told = trip.told if trip.ended_at else None
        if told.__class__ in UNHEARD:
            if told is None:
                raise self._silence(trip)
            if told.__class__ is Reject:
                raise self._refusal(told)
            told = await self._without_bytes(trip, trip.told, loop)
        encode = venue.encode  # an attribute: called as a method it is looked up at length
        try:
            return encode(operation, told)
        except Reject as refused:  # a half of a cancel-and-replace
            raise self._refusal(refused) from None

    async def ready(self) -> Gateway:
        """Start the venue, or bind it to the loop that runs now."""
        loop = get_running_loop()
        return self.venue.start(loop)

    async def _give_way(self, loop: AbstractEventLoop) -> None:
        """One turn for all others. Calls that take no time count as steps of the loop."""
        if self.venue.clock.is_virtual:
            loop.turns += TURN_EVERY - 1  # type: ignore[attr-defined]  # a VirtualLoop's
        elif self._calls % REAL_TURN_EVERY:
            return
        await sleep(0)

    def _listen(
        self, trip: Trip, gateway: Gateway, loop: AbstractEventLoop
    ) -> tuple[Future[None], Cancelable | None]:
        """What is awaited for the answer, and the timer that ends the waiting, where it may."""
        answered: Future[None] = loop.create_future()

        def hear(_: object = None) -> None:
            if not answered.done():
                answered.set_result(None)

        trip.reply = hear
        if self.timeout is None:
            return answered, None
        give_up_at = trip.born_at + self._patience
        if 0 < trip.due_at < give_up_at:
            return answered, None
        return answered, gateway.clock.call_at(give_up_at, hear)

    def _leave(self, trip: Trip, gateway: Gateway, timer: Cancelable | None) -> None:
        """Answered, or not waiting any more; the trip goes on by itself."""
        gateway.leave(trip)
        if timer is not None:
            timer.cancel()

    def _refusal(self, refused: Reject) -> Exception:
        from failing_exchange.unified.errors import error_of

        return error_of(refused, self.venue.clock.now())

    async def _without_bytes(self, trip: Trip, told: Damaged, loop: AbstractEventLoop) -> Any:
        """What a call is told for damaged bytes: an error in their place, or the answer."""
        from failing_exchange.client.stand_in import stand_in

        refused = stand_in(told.damage, f"{trip.operation} {trip.symbol}".strip())
        if refused is None and told.answer.__class__ is not Reject:
            return told.answer
        if refused is not None and refused.reason is Reason.TIMED_OUT and self.timeout:
            waited = (self.venue.clock.now() - trip.born_at) / SECOND
            await sleep(max(0.0, self.timeout - waited))
        raise self._refusal(refused or told.answer)

    def _silence(self, trip: Trip) -> Exception:
        what = f"{trip.operation} {trip.symbol}".strip()
        if trip.hung_up and trip.ended_at:
            return ConnectionLostError(
                f"connection lost during {what}: whether the venue acted is unknown",
                reason=Reason.CONNECTION_LOST.value,
            )
        return RequestTimeoutError(
            f"request timed out: no answer to {what} within {self.timeout:g} s; "
            "whether the venue acted is unknown",
            reason=Reason.TIMED_OUT.value,
        )
