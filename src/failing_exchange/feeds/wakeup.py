"""Waking the venue when the market may touch an order, while somebody listens for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from failing_exchange.venue.venue import RunningVenue
    from failing_exchange.venue.venue_clock import Cancelable

NEVER = 1 << 61  # an instant that does not come


class Alarm:
    """A timer at the engine's next waking. `rung` is called after it, to set it again."""

    def __init__(self, venue: RunningVenue, rung: Callable[[], None]) -> None:
        self._venue = venue
        self._rung = rung
        self._timer: Cancelable | None = None
        self._set_for: Any = None  # loop, instant, whether it counts

    def set(self, listened: bool, *, keeps_running: bool = True) -> None:
        """Set it anew, or cancel it when nobody listens; `keeps_running`: a client waits for it."""
        venue, engine = self._venue, self._venue.gateway.engine
        wanted = (venue.loop, engine.wake_at, keeps_running) if listened else None
        if wanted == self._set_for:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._set_for = None, wanted
        if listened and engine.wake_at < NEVER:
            at = max(engine.wake_at, venue.clock.now())
            self._timer = venue.gateway.later(at, self._ring, keeps_running=keeps_running)

    def _ring(self) -> None:
        self._timer = self._set_for = None
        self._venue.gateway.settle(self._venue.clock.now())
        self._rung()
