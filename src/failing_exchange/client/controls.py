"""The failing, from the test's side: modes, faults, limits, maintenance, statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from failing_exchange.core.units import MILLISECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from failing_exchange.client.client_arming import Armed, Arming
    from failing_exchange.faults.modes import FailureMode
    from failing_exchange.faults.plan import Fault, FaultRule, Trigger
    from failing_exchange.faults.recorded_plan import RecordedPlan
    from failing_exchange.venue.venue import RunningVenue

LOGGER = "failing_exchange"


class Controls:
    """Methods that say what goes wrong, and how often; the clients of one venue share it.

    All may be called before the venue has started. Probabilities are numbers from 0 to 1. A wrong
    argument raises ConfigurationError at once, and changes nothing.

    >>> from failing_exchange import FailingExchange, FailureMode, RateLimitError, simulate
    >>> async def main():
    ...     exchange = FailingExchange(seed=7)
    ...     exchange.set_failure_mode(FailureMode.RATE_LIMIT, probability=0.5)
    ...     refused = 0
    ...     for _ in range(100):
    ...         try:
    ...             await exchange.fetch_ticker("BTC/USDT")
    ...         except RateLimitError:
    ...             refused += 1
    ...     return refused == exchange.get_failure_statistics()["total"]
    >>> simulate(main())
    True
    """

    _venue: RunningVenue
    _shared: dict[str, Any]  # of all clients of the venue

    @property
    def _arming(self) -> Arming:
        found: Arming | None = self._shared.get("arming")
        if found is None:
            from failing_exchange.client.client_arming import Arming

            found = self._shared["arming"] = Arming(self._venue)
        return found

    # ---- modes: presets of the catalogue

    def set_failure_mode(
        self,
        mode: FailureMode | str | None,
        probability: float = 1.0,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        """Fail in one way from now on, in place of all modes set before; None or NONE: not at all.

        Each mode documents its `params`; unknown ones raise ConfigurationError.
        """
        self._arming.set_mode(mode, probability, params)

    def add_failure_mode(
        self,
        mode: FailureMode | str | None,
        probability: float = 1.0,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        """Fail in one more way, beside those set before."""
        self._arming.add_mode(mode, probability, params)

    @property
    def failure_mode(self) -> FailureMode:
        """The mode in force: NONE without one, MIXED with several."""
        return self._arming.mode

    @property
    def failure_rate(self) -> float:
        """The probability of the mode in force; of several, that at least one strikes."""
        return self._arming.rate

    def set_base_failure_rate(self, rate: float) -> None:
        """Have any request fail with this probability, in a way drawn at random."""
        self._arming.set_base(rate)

    def set_dynamic_failure_rate(self, rate: Callable[[int], float] | None) -> None:
        """Have requests fail with the probability `rate(hour)`, by the hour of the day in UTC."""
        self._arming.set_dynamic(rate)

    # ---- single faults of the catalogue

    def arm(
        self,
        fault: Fault | type[Fault] | str,
        when: Trigger | str | None = None,
        *,
        name: str | None = None,
        operations: Iterable[str] | str = (),
        symbols: Iterable[str] | str = (),
        sides: Iterable[str] | str = (),
        clients: Iterable[str] | str = (),
        client_order_ids: Iterable[str] | str = (),
        **fields: Any,
    ) -> Armed:
        """Arm a fault: by name or class with its fields, or an object; see `armed`.

        `when` is a trigger of `failing_exchange.faults.triggers` or its text, None = always.
        Without `operations`, by ccxt's names, it strikes those that its catalogue row names.
        Returns the armed fault: a context manager that disarms it at the end of the block.

        >>> from failing_exchange import FailingExchange
        >>> from failing_exchange.faults.triggers import nth
        >>> exchange = FailingExchange(seed=7)
        >>> with exchange.arm("lose_answer", nth(1), operations="create_order") as armed:
        ...     armed.name, armed.struck
        ('lose_answer', 0)
        >>> exchange.armed
        []
        """
        whom = {
            "operations": operations,
            "symbols": symbols,
            "sides": sides,
            "clients": clients,
            "client_order_ids": client_order_ids,
        }
        return self._arming.arm(fault, when, name, whom, fields)

    def disarm(self, name: str) -> None:
        """Take one armed fault away, by its name. What a ban has begun goes on to its end."""
        self._arming.disarm(name)

    @property
    def armed(self) -> list[FaultRule]:
        """All armed rules, in the order in which they are asked."""
        return list(self._venue.plan.rules.values())

    def reset(self) -> None:
        """Take back all faults, bans, limits and maintenance.

        What has happened stays: orders, balances, the journal, and a market that an incident has
        halted or closed for good (`operate(SetMarketStatus(symbol, MarketStatus.TRADING))`).
        """
        self._arming.reset()

    def recorded(self) -> RecordedPlan:
        """What has struck so far, as data that strikes again without dice; see `replay`."""
        from failing_exchange.faults.recorded_plan import record

        return record(self._venue.journal.trips)

    def replay(self, plan: RecordedPlan) -> RecordedPlan:
        """Arm a recorded plan; afterwards `plan.unused()` says what met no request."""
        from failing_exchange.errors import ConfigurationError
        from failing_exchange.faults.recorded_plan import RecordedPlan

        if not isinstance(plan, RecordedPlan):
            raise ConfigurationError(f"replay needs what `recorded()` gives, not {plan!r}")
        plan.arm(self._venue.plan)
        return plan

    def explain(self, number: int) -> str:
        """Why a trip went as it did: the rules that met it, in words. Trips have numbers from 1."""
        from failing_exchange.client.arguments import check_whole
        from failing_exchange.faults.explain import explain

        check_whole(number, "a trip's number", 1)
        return explain(self._venue.journal.find(number))

    # ---- gates

    def set_rate_limit(self, calls_per_minute: int | None) -> None:
        """Limit the rate of all requests: a token bucket with a burst of ten seconds' worth.

        None takes the limit away.
        """
        self._arming.limit_rate(calls_per_minute)

    def schedule_maintenance(
        self,
        start_time: datetime,
        duration_minutes: float,
        message: str = "System maintenance",
    ) -> None:
        """Plan a maintenance; every request is refused while it lasts. Naive times are local."""
        self._arming.plan_maintenance(start_time, duration_minutes, message)

    # ---- what has been observed

    def get_failure_statistics(self) -> dict[str, Any]:
        """`total` requests that failed by our doing, `by_type`, and `rate` of all requests."""
        journal = self._venue.journal
        total, requests = journal.failed_requests, journal.requests
        by_type = dict(sorted(journal.by_label.items()))
        return {"total": total, "by_type": by_type, "rate": total / requests if requests else 0.0}

    def get_failure_timeline(self) -> list[dict[str, Any]]:
        """Each failure: `timestamp` (UTC datetime), `type`, `details`; oldest first."""
        from datetime import UTC, datetime, timedelta

        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        return [
            {
                "timestamp": epoch + timedelta(microseconds=failure.at // 1_000),
                "type": failure.label,
                "details": failure.details,
            }
            for failure in self._venue.journal.failures
        ]

    def get_performance_metrics(self) -> dict[str, float]:
        """`avg_latency_ms`, `p99_latency_ms` (of the last 10,000), `success_rate`, `retry_rate`.

        The retry rate is the share of requests that repeat one that failed.
        """
        journal = self._venue.journal
        times = sorted(journal.latencies)
        count = len(times)
        return {
            "avg_latency_ms": sum(times) / count / MILLISECOND if count else 0.0,
            "p99_latency_ms": times[min(count - 1, count * 99 // 100)] / MILLISECOND
            if count
            else 0.0,
            "success_rate": journal.succeeded / journal.ended if journal.ended else 1.0,
            "retry_rate": journal.repeats / journal.requests if journal.requests else 0.0,
        }

    def enable_debug_logging(self) -> None:
        """Log every trip with both columns, to the logger "failing_exchange"."""
        import logging

        logger = logging.getLogger(LOGGER)
        if not logger.handlers:
            logger.addHandler(logging.StreamHandler())
        logger.setLevel(logging.DEBUG)
        self._venue.journal.log_to(logger)
