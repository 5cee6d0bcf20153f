"""The failing, from the test's side: modes, faults, limits, maintenance, statistics."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.modes import FailureMode, preset
from failing_exchange.faults.plan import Fault, Rule, Trigger, Whom
from failing_exchange.faults.triggers import always, by_hour, chance, probability_of
from failing_exchange.gates import RateGate
from failing_exchange.limits import SlidingWindow, TokenBucket
from failing_exchange.maintenance import once
from failing_exchange.venue import Venue

if TYPE_CHECKING:
    from failing_exchange.faults.recorded import RecordedPlan

logger = logging.getLogger("failing_exchange")
BASE_RULE = "base failure rate"
DYNAMIC_RULE = "dynamic failure rate"


class Armed:
    """An armed fault. As a context manager it is disarmed at the end of the block."""

    def __init__(self, venue: Venue, rule: Rule) -> None:
        self._venue = venue
        self.rule = rule

    @property
    def name(self) -> str:
        """The rule's name."""
        return self.rule.name

    @property
    def struck(self) -> int:
        """How often it has struck."""
        return self.rule.struck

    def disarm(self) -> None:
        """Take it away; doing so twice changes nothing."""
        if self._venue.plan.rules.get(self.rule.name) is self.rule:
            self._venue.plan.disarm(self.rule.name)

    def __enter__(self) -> Armed:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.disarm()


class Controls:
    """What goes wrong, and how often. All of it may be called before the venue has started."""

    _venue: Venue
    _modes: dict[str, tuple[FailureMode, float]]

    # ---- modes: presets of the catalogue

    def set_failure_mode(
        self,
        mode: FailureMode | str | None,
        probability: float = 1.0,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        """Fail in one way from now on, in place of all modes set before; None or NONE = not at all.

        Each mode documents its `params`; unknown ones raise ConfigurationError.
        """
        wanted = _mode(mode)
        fault = None if wanted is FailureMode.NONE else preset(wanted, params or {})
        p = probability_of(probability)
        for name in list(self._modes):
            self._venue.plan.disarm(name)
        self._modes.clear()
        if fault is not None:
            self._arm_mode(wanted, p, fault.fault, fault.whom)

    def add_failure_mode(
        self,
        mode: FailureMode | str,
        probability: float = 1.0,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        """Fail in one more way, beside those set before."""
        wanted, p = _mode(mode), probability_of(probability)
        if wanted is not FailureMode.NONE:
            fault = preset(wanted, params or {})
            self._arm_mode(wanted, p, fault.fault, fault.whom)

    def _arm_mode(self, mode: FailureMode, p: float, fault: Fault, whom: Whom) -> None:
        name = self._venue.plan.free_name(mode.value)
        rule = Rule(name=name, fault=fault, when=chance(p), whom=whom, label=mode.value)
        self._venue.plan.arm(rule)
        self._modes[name] = (mode, p)

    @property
    def failure_mode(self) -> FailureMode:
        """The mode in force: NONE without one, MIXED with several."""
        modes = [mode for mode, _ in self._modes.values()]
        if not modes:
            return FailureMode.NONE
        return modes[0] if len(modes) == 1 else FailureMode.MIXED

    @property
    def failure_rate(self) -> float:
        """The probability of the mode in force; of several, that at least one strikes."""
        passes = 1.0
        for _, p in self._modes.values():
            passes *= 1.0 - p
        return next(iter(self._modes.values()))[1] if len(self._modes) == 1 else 1.0 - passes

    def set_base_failure_rate(self, rate: float) -> None:
        """Have any request fail with this probability, in a way drawn at random."""
        self._set_base(BASE_RULE, chance(rate) if probability_of(rate, "rate") else None)

    def set_dynamic_failure_rate(self, rate: Callable[[int], float] | None) -> None:
        """Have requests fail with the probability `rate(hour)`, by the hour of the day in UTC."""
        if rate is not None and not callable(rate):
            raise ConfigurationError(f"rate must be a function of the hour (0 to 23), not {rate!r}")
        self._set_base(DYNAMIC_RULE, by_hour(rate) if rate is not None else None)

    def _set_base(self, name: str, when: Trigger | None) -> None:
        if name in self._venue.plan.rules:
            self._venue.plan.disarm(name)
        if when is not None:
            found = preset(FailureMode.RANDOM, {})
            self._venue.plan.arm(
                Rule(name=name, fault=found.fault, whom=found.whom, when=when, label=name)
            )

    # ---- single faults of the catalogue

    def arm(
        self,
        fault: Fault | str,
        when: Trigger = always,
        *,
        name: str | None = None,
        operations: Iterable[str] | str = (),
        symbols: Iterable[str] | str = (),
        sides: Iterable[str] | str = (),
        clients: Iterable[str] | str = (),
        client_order_ids: Iterable[str] | str = (),
        **fields: Any,
    ) -> Armed:
        """Arm a fault of the catalogue, by object or by name with its fields.

        Without `operations` it strikes those that its catalogue row names. Names are unified calls.

        >>> # exchange.arm("lose_answer", nth(1), operations="create_order")
        """
        from failing_exchange.faults.catalogue import kind_of, make

        made = make(fault, **fields) if isinstance(fault, str) else fault
        kind = kind_of(made)
        whom = Whom(
            operations=_names(operations) or kind.operations,
            symbols=_names(symbols),
            sides=_names(sides),
            clients=_names(clients),
            client_order_ids=_names(client_order_ids),
        )
        plan = self._venue.plan
        rule = Rule(
            name=name or plan.free_name(kind.name),
            fault=made,
            when=when,
            whom=whom,
            label=kind.name,
        )
        return Armed(self._venue, plan.arm(rule))

    def recorded(self) -> RecordedPlan:
        """What has struck so far, as data that strikes again without dice; see `replay`."""
        from failing_exchange.faults.recorded import record

        return record(self._venue.journal.trips)

    def replay(self, plan: RecordedPlan) -> RecordedPlan:
        """Arm a recorded plan; afterwards `plan.unused()` says what met no request."""
        plan.arm(self._venue.plan)
        return plan

    def explain(self, number: int) -> str:
        """Why a trip went as it did: the rules that met it, in words. Trips have numbers from 1."""
        from failing_exchange.faults.explain import explain

        for trip in self._venue.journal.trips:
            if trip.number == number:
                return explain(trip)
        raise ConfigurationError(
            f"the journal has no trip {number!r}; it keeps the last "
            f"{len(self._venue.journal.trips)}"
        )

    def disarm(self, name: str) -> None:
        """Take one armed fault away, by its name."""
        self._venue.plan.disarm(name)
        self._modes.pop(name, None)

    @property
    def armed(self) -> list[Rule]:
        """All armed rules, in the order in which they are asked."""
        return list(self._venue.plan.rules.values())

    def reset(self) -> None:
        """Health again: no faults, no limits, no maintenance. Orders, balances, journal stay."""
        self._venue.plan.disarm_all()
        self._modes.clear()
        self._venue.maintenance.windows.clear()
        self._venue.limit_rate(None)

    # ---- gates

    def set_rate_limit(self, calls_per_minute: int | None) -> None:
        """Limit the rate of all requests: a token bucket with a burst of ten seconds' worth.

        None takes the limit away.
        """
        if calls_per_minute is None:
            self._venue.limit_rate(None)
            return
        self._venue.limit_rate(RateGate(TokenBucket.per_minute(calls_per_minute)))

    def _set_sliding_window(self, threshold: int, window: float) -> None:
        self._venue.limit_rate(
            RateGate(SlidingWindow(limit=threshold, window=int(window * 1_000_000_000)))
        )

    def schedule_maintenance(
        self,
        start_time: datetime,
        duration_minutes: float,
        message: str = "System maintenance",
    ) -> None:
        """Plan a maintenance; every request is refused while it lasts. Naive times are local."""
        self._venue.maintenance.add(once(start_time, duration_minutes, message))
        self._venue.plan_maintenance()

    # ---- what has been observed

    def get_failure_statistics(self) -> dict[str, Any]:
        """`total` requests that failed by our doing, `by_type`, and `rate` of all requests."""
        journal = self._venue.journal
        total, requests = journal.failed_requests, journal.requests
        by_type = dict(sorted(journal.by_label.items()))
        return {"total": total, "by_type": by_type, "rate": total / requests if requests else 0.0}

    def get_failure_timeline(self) -> list[dict[str, Any]]:
        """Each failure: `timestamp` (UTC datetime), `type`, `details`; oldest first."""

        return [
            {
                "timestamp": datetime.fromtimestamp(failure.at / 1e9, tz=UTC),
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
            "avg_latency_ms": sum(times) / count / 1e6 if count else 0.0,
            "p99_latency_ms": times[min(count - 1, count * 99 // 100)] / 1e6 if count else 0.0,
            "success_rate": journal.succeeded / journal.ended if journal.ended else 1.0,
            "retry_rate": journal.repeats / journal.requests if journal.requests else 0.0,
        }

    def enable_debug_logging(self) -> None:
        """Log every trip with both columns, to the logger "failing_exchange"."""
        if not logger.handlers:
            logger.addHandler(logging.StreamHandler())
        logger.setLevel(logging.DEBUG)
        self._venue.journal.logger = logger


def _mode(mode: FailureMode | str | None) -> FailureMode:
    if mode is None:
        return FailureMode.NONE
    try:
        return FailureMode(mode)
    except ValueError:
        known = ", ".join(FailureMode)
        raise ConfigurationError(f"no failure mode {mode!r}; there are {known}") from None


def _names(value: Iterable[str] | str) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
