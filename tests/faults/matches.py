"""Hand-made matches: a rule meets a trip, without a venue around it."""

from __future__ import annotations

from typing import Any, ClassVar

from failing_exchange.core.units import SECOND
from failing_exchange.faults.plan import FaultPlan, FaultRule, Match, Stage, Trigger
from failing_exchange.journal.trip import Trip


class Meeting:
    """One rule that meets request after request; `hits` says which its trigger strikes."""

    def __init__(self, when: Trigger, *, seed: int = 0, fault: Any = None) -> None:
        self.plan = FaultPlan(seed)
        self.rule = FaultRule(
            name="rule", fault=fault if fault is not None else Nothing(), when=when
        )
        self.plan.arm(self.rule)
        self.trips = 0

    def meet(self, at: float = 0.0, *, client: str = "main", symbol: str = "BTC/USDT") -> bool:
        """Whether the rule strikes the next request, at so many seconds."""
        self.trips += 1
        trip = Trip(self.trips, 0, client, "fetch_ticker", None, symbol)
        trip.request_number = self.trips
        self.plan.match(trip, int(at * SECOND))
        return bool(trip.active)

    def hits(self, times: int, *, every: float = 0.0, start: float = 0.0) -> list[bool]:
        """The next so many requests."""
        return [self.meet(start + every * n) for n in range(times)]


class Nothing:
    """A fault that does nothing."""

    stages: ClassVar[tuple[Stage, ...]] = ()

    def strike(self, stage: Any, match: Match) -> None:
        return None
