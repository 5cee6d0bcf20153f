"""Arming and disarming: from what a test asks for to rules of the venue's plan, limits, windows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from failing_exchange.client.arguments import check_whole
from failing_exchange.core.rate_limits import SlidingWindow, TokenBucket
from failing_exchange.core.units import SECOND
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.modes import FailureMode, preset
from failing_exchange.faults.plan import Fault, FaultRule, Scope, Trigger
from failing_exchange.faults.triggers import Chance, by_hour, chance, probability_of
from failing_exchange.text.spelling import did_you_mean
from failing_exchange.venue.admission import RateGate
from failing_exchange.venue.maintenance import once
from failing_exchange.venue.venue import RunningVenue

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


class Arming:
    """What is armed on a venue, for all of its clients together."""

    def __init__(self, venue: RunningVenue) -> None:
        self.venue = venue
        self.modes: dict[str, tuple[FailureMode, float]] = {}  # by the name of the rule

    def set_mode(
        self, mode: FailureMode | str | None, probability: float, params: Mapping[str, Any] | None
    ) -> None:
        """One mode in place of all."""
        made = self._made(mode, probability, params)
        for name in list(self.modes):
            if name in self.venue.plan.rules:
                self.venue.plan.disarm(name)
        self.modes.clear()
        self._arm_mode(*made)

    def add_mode(
        self, mode: FailureMode | str | None, probability: float, params: Mapping[str, Any] | None
    ) -> None:
        """One mode more."""
        self._arm_mode(*self._made(mode, probability, params))

    def _made(
        self, mode: FailureMode | str | None, probability: float, params: Mapping[str, Any] | None
    ) -> tuple[FailureMode, float, tuple[Fault, Scope] | None]:
        """Everything checked, before anything changes."""
        wanted, p = mode_of(mode), probability_of(probability)
        if params is not None and not isinstance(params, Mapping):
            raise ConfigurationError(
                f'params must be a mapping like {{"fill_ratio": 0.3}}, not {params!r}'
            )
        if wanted is FailureMode.NONE and params:
            raise ConfigurationError(f"NONE takes no params, not {dict(params)!r}")
        return wanted, p, None if wanted is FailureMode.NONE else preset(wanted, params or {})

    def _arm_mode(self, mode: FailureMode, p: float, made: tuple[Fault, Scope] | None) -> None:
        if made is not None:
            name = self.venue.plan.free_name(mode.value)
            fault, scope = made
            rule = FaultRule(name=name, fault=fault, when=chance(p), scope=scope, label=mode.value)
            self.venue.plan.arm(rule)
            self.modes[name] = (mode, p)

    def adopt(self) -> None:
        """Know the modes again that are armed already, as after a crash."""
        for name, rule in self.venue.plan.rules.items():
            if rule.label in FailureMode.__members__ and isinstance(rule.when, Chance):
                self.modes[name] = (FailureMode(rule.label), float(rule.when.probability))

    @property
    def mode(self) -> FailureMode:
        """The mode in force."""
        modes = [mode for mode, _ in self.modes.values()]
        if not modes:
            return FailureMode.NONE
        return modes[0] if len(modes) == 1 else FailureMode.MIXED

    @property
    def rate(self) -> float:
        """The probability that at least one mode strikes."""
        rates = [p for _, p in self.modes.values()]
        if len(rates) == 1:
            return rates[0]
        passes = 1.0
        for p in rates:
            passes *= 1.0 - p
        return 1.0 - passes

    def set_base(self, rate: float) -> None:
        """Any request, with a probability."""
        wanted = probability_of(rate, "the base failure rate")
        self._replace(BASE_RULE, chance(wanted) if wanted else None)

    def set_dynamic(self, rate: Callable[[int], float] | None) -> None:
        """Any request, with a probability by the hour."""
        if rate is not None and not callable(rate):
            raise ConfigurationError(f"rate must be a function of the hour (0 to 23), not {rate!r}")
        self._replace(DYNAMIC_RULE, by_hour(rate) if rate is not None else None)

    def _replace(self, name: str, when: Trigger | None) -> None:
        if name in self.venue.plan.rules:
            self.venue.plan.disarm(name)
        if when is not None:
            fault, scope = preset(FailureMode.RANDOM, {})
            self.venue.plan.arm(
                FaultRule(name=name, fault=fault, scope=scope, when=when, label=name)
            )

    def arm(
        self,
        fault: Fault | type[Fault] | str,
        when: Trigger | str | None,
        name: str | None,
        whom: Mapping[str, Iterable[str] | str],
        fields: Mapping[str, Any],
    ) -> Armed:
        """A fault of the catalogue."""
        from failing_exchange.faults.arming import (
            check_asset,
            check_name,
            fault_of,
            scope_of,
            trigger_of,
        )
        from failing_exchange.faults.catalogue import kind_of

        check_name(name)
        made = fault_of(fault, fields)
        check_asset(made, self.venue.assets())
        kind = kind_of(made)
        names, trigger = scope_of(whom, self.venue.markets), trigger_of(when)
        plan = self.venue.plan
        rule = FaultRule(
            name=name or plan.free_name(kind.name),
            fault=made,
            when=trigger,
            scope=Scope(**names | {"operations": names["operations"] or kind.operations}),
            label=kind.name,
        )
        return Armed(self.venue, plan.arm(rule))

    def disarm(self, name: str) -> None:
        """One rule, by name."""
        self.venue.plan.disarm(name)
        self.modes.pop(name, None)

    def reset(self) -> None:
        """Health again."""
        self.venue.plan.disarm_all()
        self.modes.clear()
        self.venue.maintenance.windows.clear()
        self.venue.limit_rate(None)

    # ---- gates

    def limit_rate(self, calls_per_minute: int | None) -> None:
        """A token bucket, or none."""
        gate = None
        if calls_per_minute is not None:
            check_whole(calls_per_minute, "calls_per_minute", 1)
            gate = RateGate(TokenBucket.per_minute(calls_per_minute))
        self.venue.limit_rate(gate)

    def limit_window(self, threshold: int | None, window: float) -> None:
        """Set a sliding window of `window` seconds; None sets no limit."""
        if threshold is None:
            return
        nanoseconds = round(window * SECOND)
        self.venue.limit_rate(RateGate(SlidingWindow(limit=threshold, window=nanoseconds)))

    def plan_maintenance(self, start: datetime, minutes: float, message: str) -> None:
        """A window, once."""
        self.venue.maintenance.add(once(start, minutes, message))
        self.venue.gates_changed()


def mode_of(mode: FailureMode | str | None) -> FailureMode:
    """A mode by its name; None is NONE."""
    if mode is None:
        return FailureMode.NONE
    try:
        return FailureMode(mode)
    except ValueError:
        raise ConfigurationError(
            f"no failure mode {mode!r}{did_you_mean(mode, map(str, FailureMode))} (there are "
            f"{', '.join(FailureMode)})"
        ) from None
