"""Observers: what is told of each request that a server has handled, such as metrics and traces."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from failing_exchange.journal.trip import Trip
    from failing_exchange.server.messages import Request

logger = logging.getLogger("failing_exchange.http")


class Observer(Protocol):
    """Is told of requests; it changes nothing."""

    def handled(self, request: Request, trip: Trip | None, nanoseconds: int, /) -> None:
        """A request was handled: answered, or set aside until its answer is due.

        `request` is that of the connection, for a call on a WebSocket the upgrade. `trip`: None
        where the venue has no endpoint for it. `nanoseconds`: for how long the loop was busy.
        """


class Observers:
    """The observers of a server. One that fails is left out from then on, and logged."""

    def __init__(self) -> None:
        self.all: list[Observer] = []

    def watch(self, request: Request, handle: Callable[[], Trip | None]) -> None:
        """Handle a request, and tell the observers of it."""
        began = time.perf_counter_ns()
        trip = handle()
        took = time.perf_counter_ns() - began
        for observer in list(self.all):
            try:
                observer.handled(request, trip, took)
            except Exception as bug:
                self.all.remove(observer)
                logger.error("%s fails and is left out", type(observer).__name__, exc_info=bug)
