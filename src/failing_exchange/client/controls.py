"""The failing, from the test's side: modes, faults, limits, maintenance, statistics."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from failing_exchange.client.arguments import check_whole
from failing_exchange.core.units import MILLISECOND, SECOND
from failing_exchange.errors import ConfigurationError
from failing_exchange.text.spelling import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from failing_exchange.faults.modes import FailureMode
    from failing_exchange.faults.plan import Fault, FaultRule, Scope, Trigger
    from failing_exchange.faults.recorded_plan import RecordedPlan
    from failing_exchange.venue.venue import RunningVenue

    Mode = FailureMode | str | None  # a mode or its name; None is NONE
    ModeParams = Mapping[str, Any] | None

LOGGER = "failing_exchange"
BASE_RULE = "base failure rate"
DYNAMIC_RULE = "dynamic failure rate"


class Armed:
    """An armed fault. As a context manager it is disarmed at the end of the block."""

    def __init__(self, venue: RunningVenue, rule: FaultRule) -> None:
        self._venue = venue
        self.rule = rule

    @property
    def name(self) -> str:
        """The rule's name."""
        return self.rule.name

    @property
    def struck(self) -> int:
        """How many requests it has struck."""
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
    # modes that are armed, by the name of the rule, with the probability; shared by all clients
    _modes: dict[str, tuple[FailureMode, float]]

    # ---- modes: presets of the catalogue

    def set_failure_mode(
        self, mode: Mode, probability: float = 1.0, params: ModeParams = None
    ) -> None:
        """Fail in one way from now on, in place of all modes set before; None or NONE: not at all.

        Each mode documents its `params`; unknown ones raise ConfigurationError.
        """
        made = _checked(mode, probability, params)
        for name in self._modes:
            if name in self._venue.plan.rules:
                self._venue.plan.disarm(name)
        self._modes.clear()
        self._arm_mode(*made)

    def add_failure_mode(
        self, mode: Mode, probability: float = 1.0, params: ModeParams = None
    ) -> None:
        """Fail in one more way, beside those set before."""
        self._arm_mode(*_checked(mode, probability, params))

    def _arm_mode(self, mode: FailureMode, p: float, made: tuple[Fault, Scope] | None) -> None:
        from failing_exchange.faults.plan import FaultRule
        from failing_exchange.faults.triggers import chance

        if made is not None:
            name, (fault, scope) = self._venue.plan.free_name(mode.value), made
            rule = FaultRule(name=name, fault=fault, when=chance(p), scope=scope, label=mode.value)
            self._venue.plan.arm(rule)
            self._modes[name] = (mode, p)

    def _adopt_modes(self) -> None:
        """Take over the modes that are already armed, as after a crash."""
        from failing_exchange.faults.modes import FailureMode
        from failing_exchange.faults.triggers import Chance

        for name, rule in self._venue.plan.rules.items():
            if rule.label in FailureMode.__members__ and isinstance(rule.when, Chance):
                self._modes[name] = (FailureMode(rule.label), float(rule.when.probability))

    @property
    def failure_mode(self) -> FailureMode:
        """The mode in force: NONE without one, MIXED with several."""
        from failing_exchange.faults.modes import FailureMode

        modes = [mode for mode, _ in self._modes.values()]
        if not modes:
            return FailureMode.NONE
        return modes[0] if len(modes) == 1 else FailureMode.MIXED

    @property
    def failure_rate(self) -> float:
        """The probability of the mode in force; of several, that at least one strikes."""
        rates = [p for _, p in self._modes.values()]
        return rates[0] if len(rates) == 1 else 1.0 - prod(1.0 - p for p in rates)

    def set_base_failure_rate(self, rate: float) -> None:
        """Have any request fail with this probability, in a way drawn at random."""
        from failing_exchange.faults.triggers import chance, probability_of

        wanted = probability_of(rate, "the base failure rate")
        self._replace(BASE_RULE, chance(wanted) if wanted else None)

    def set_dynamic_failure_rate(self, rate: Callable[[int], float] | None) -> None:
        """Have requests fail with the probability `rate(hour)`, by the hour of the day in UTC."""
        from failing_exchange.faults.triggers import by_hour

        if rate is not None and not callable(rate):
            raise ConfigurationError(f"rate must be a function of the hour (0 to 23), not {rate!r}")
        self._replace(DYNAMIC_RULE, by_hour(rate) if rate is not None else None)

    def _replace(self, name: str, when: Trigger | None) -> None:
        """Arm the random fault under a name of its own, or disarm it."""
        from failing_exchange.faults.modes import FailureMode, preset
        from failing_exchange.faults.plan import FaultRule

        if name in self._venue.plan.rules:
            self._venue.plan.disarm(name)
        if when is not None:
            fault, scope = preset(FailureMode.RANDOM, {})
            rule = FaultRule(name=name, fault=fault, scope=scope, when=when, label=name)
            self._venue.plan.arm(rule)

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
        from failing_exchange.faults import arming
        from failing_exchange.faults.catalogue import kind_of
        from failing_exchange.faults.plan import FaultRule, Scope

        venue, plan = self._venue, self._venue.plan
        arming.check_name(name)
        made = arming.fault_of(fault, fields)
        arming.check_asset(made, venue.assets())
        kind = kind_of(made)
        whom = {"operations": operations, "symbols": symbols, "sides": sides, "clients": clients,
                "client_order_ids": client_order_ids}  # fmt: skip
        names, trigger = arming.scope_of(whom, venue.markets), arming.trigger_of(when)
        names["operations"] = names["operations"] or kind.operations
        arming.check_strikes(trigger, names["operations"], plan.rules)
        name = name or plan.free_name(kind.name)
        rule = FaultRule(name=name, fault=made, when=trigger, scope=Scope(**names), label=kind.name)
        return Armed(venue, plan.arm(rule))

    def disarm(self, name: str) -> None:
        """Take one armed fault away, by its name. What a ban has begun goes on to its end."""
        self._venue.plan.disarm(name)
        self._modes.pop(name, None)

    @property
    def armed(self) -> list[FaultRule]:
        """All armed rules, in the order in which they are asked."""
        return list(self._venue.plan.rules.values())

    def reset(self) -> None:
        """Take back all faults, bans, limits and maintenance.

        What has happened stays: orders, balances, the journal, and a market that an incident has
        halted or closed for good (`operate(SetMarketStatus(symbol, MarketStatus.TRADING))`).
        """
        self._venue.plan.disarm_all()
        self._modes.clear()
        self._venue.maintenance.windows.clear()
        self._venue.limit_rate(None)

    def recorded(self) -> RecordedPlan:
        """What has struck so far, as data that strikes again without dice; see `replay`."""
        from failing_exchange.faults.recorded_plan import record

        return record(self._venue.journal.trips)

    def replay(self, plan: RecordedPlan) -> RecordedPlan:
        """Arm a recorded plan; afterwards `plan.unused()` says what met no request."""
        from failing_exchange.faults.recorded_plan import RecordedPlan

        if not isinstance(plan, RecordedPlan):
            raise ConfigurationError(f"replay needs what `recorded()` gives, not {plan!r}")
        plan.arm(self._venue.plan)
        return plan

    def explain(self, number: int) -> str:
        """Why a trip went as it did: the rules that met it, in words. Trips have numbers from 1."""
        from failing_exchange.faults.explain import explain

        check_whole(number, "a trip's number", 1)
        return explain(self._venue.journal.find(number))

    # ---- gates

    def set_rate_limit(self, calls_per_minute: int | None) -> None:
        """Limit the rate of all requests: a token bucket with a burst of ten seconds' worth.

        None takes the limit away.
        """
        from failing_exchange.core.rate_limits import TokenBucket
        from failing_exchange.venue.admission import RateGate

        gate = None
        if calls_per_minute is not None:
            check_whole(calls_per_minute, "calls_per_minute", 1)
            gate = RateGate(TokenBucket.per_minute(calls_per_minute))
        self._venue.limit_rate(gate)

    def _limit_window(self, threshold: int | None, window: float) -> None:
        """Limit requests to `threshold` in a sliding window of seconds; None sets no limit."""
        if threshold is not None:
            from failing_exchange.core.rate_limits import SlidingWindow
            from failing_exchange.venue.admission import RateGate

            limit = SlidingWindow(limit=threshold, window=round(window * SECOND))
            self._venue.limit_rate(RateGate(limit))

    def schedule_maintenance(
        self, start_time: datetime, duration_minutes: float, message: str = "System maintenance"
    ) -> None:
        """Plan a maintenance; every request is refused while it lasts. Naive times are local."""
        from failing_exchange.venue.maintenance import once

        self._venue.maintenance.add(once(start_time, duration_minutes, message))
        self._venue.gates_changed()

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


def _checked(
    mode: Mode, probability: float, params: ModeParams
) -> tuple[FailureMode, float, tuple[Fault, Scope] | None]:
    """Everything checked, before anything changes."""
    from failing_exchange.faults.modes import FailureMode, preset
    from failing_exchange.faults.triggers import probability_of

    wanted, p = _mode_of(mode), probability_of(probability)
    if params is not None and not isinstance(params, Mapping):
        raise ConfigurationError(
            f'params must be a mapping like {{"fill_ratio": 0.3}}, not {params!r}'
        )
    if wanted is FailureMode.NONE and params:
        raise ConfigurationError(f"NONE takes no params, not {dict(params)!r}")
    return wanted, p, None if wanted is FailureMode.NONE else preset(wanted, params or {})


def _mode_of(mode: Mode) -> FailureMode:
    """A mode by its name; None is NONE."""
    from failing_exchange.faults.modes import FailureMode

    if mode is None:
        return FailureMode.NONE
    try:
        return FailureMode(mode)
    except ValueError:
        raise ConfigurationError(
            f"no failure mode {mode!r}{did_you_mean(mode, map(str, FailureMode))} (there are "
            f"{', '.join(FailureMode)})"
        ) from None
