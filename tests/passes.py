"""What stories of the pass share: faults that say what the test wants, and short calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from failing_exchange import FailingExchange, simulate
from failing_exchange.client.controls import Armed
from failing_exchange.core.events import OrderAccepted
from failing_exchange.faults.plan import Match, Verdict
from failing_exchange.journal.trip import Stage, Trip
from failing_exchange.venue import gateway

SYMBOL = "BTC/USDT"
SECOND = 1_000_000_000
REQUEST, ANSWER, WIRE = Stage


def as_ours(function: Any) -> Any:
    """A function of a test as if it were the venue's own: its bug is a bug of ours."""
    function.__code__ = function.__code__.replace(co_filename=gateway.__file__)
    return function


class Says:
    """A fault that says what the test wants, at one stage."""

    stages: ClassVar[tuple[Stage, ...]] = tuple(Stage)

    def __init__(self, stage: Stage, verdict: Verdict) -> None:
        self.stage = stage
        self.verdict = verdict

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """The verdict, at its stage."""
        return self.verdict if stage is self.stage else None


def run(
    story: Callable[[FailingExchange], Awaitable[Any]], latency: object = None, **options: Any
) -> FailingExchange:
    """Run a story on an exchange without latency, unless it asks for some."""
    made = []

    async def main() -> None:
        exchange = FailingExchange(latency=latency, **options)
        made.append(exchange)
        await story(exchange)

    simulate(main())
    return made[0]


def arm(x: FailingExchange, stage: Stage, verdict: Verdict, **more: Any) -> Armed:
    return x.arm(Says(stage, verdict), operations=more.pop("operations", "create_order"), **more)


async def buy(x: FailingExchange, price: float = 30_000.0) -> Any:
    return await x.create_order(SYMBOL, "limit", "buy", 0.01, price)


def accepted(x: FailingExchange) -> int:
    """How many orders the exchange has accepted, by the first column."""
    return sum(isinstance(e, OrderAccepted) for trip in x.journal.trips for e in trip.happened)


def placed(x: FailingExchange) -> list[Trip]:
    return [trip for trip in x.journal.trips if trip.operation == "create_order"]


def now() -> float:
    return asyncio.get_running_loop().time()
