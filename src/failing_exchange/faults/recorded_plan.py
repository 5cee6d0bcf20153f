"""Recorded plans: what struck in one run, as data that strikes the same requests again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NamedTuple

from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.catalogue import CATALOGUE, OWN, fields_of, kind_of, make
from failing_exchange.faults.modes import OneOf
from failing_exchange.faults.plan import Fault, FaultPlan, FaultRule, Match, Stage, Verdict
from failing_exchange.faults.triggers import RequestKey, always, key_of
from failing_exchange.journal.trip import Trip

VERSION = 1


class Strike(NamedTuple):
    """A request that was struck, and the key of the draws that the fault then made."""

    key: RequestKey
    draws: int


class RecordedRule(NamedTuple):
    """A rule with all its strikes."""

    name: str
    label: str
    kind: str
    fields: dict[str, Any]
    strikes: tuple[Strike, ...]


class Again:
    """A fault that strikes the recorded requests, and no others; the recorded draws are its own."""

    stages: ClassVar[tuple[Stage, ...]] = tuple(Stage)

    def __init__(self, fault: Fault, strikes: Iterable[Strike]) -> None:
        self.fault = fault
        self.draws = {strike.key: strike.draws for strike in strikes}
        self.seen: set[RequestKey] = set()
        self._decide = getattr(fault, "decide", None)

    def decide(self, match: Match, hit: bool) -> bool:
        """Strike the recorded requests, and ignore what the fault itself would decide."""
        key = key_of(match)
        again = key in self.draws
        if again:
            self.seen.add(key)
            match.key = self.draws[key]
        if self._decide is not None:
            self._decide(match, again)
        return again

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """The verdict of the fault."""
        return self.fault.strike(stage, match) if stage in self.fault.stages else None


class RecordedPlan:
    """Which faults struck which requests. `arm` it on a plan in the place of the rules it is from.

    Requests are named by client, operation, symbol and number, so that it also strikes a bot that
    was changed in between, as far as it still makes those requests.
    """

    def __init__(self, recordings: Iterable[RecordedRule]) -> None:
        self.recordings = tuple(recordings)
        self._armed: list[tuple[RecordedRule, Again]] = []

    def arm(self, plan: FaultPlan) -> None:
        """Arm all its rules; raise ConfigurationError for a name that is armed already."""
        self._armed = []
        for one in self.recordings:
            again = Again(make(one.kind, **one.fields), one.strikes)
            plan.arm(FaultRule(name=one.name, fault=again, when=always, label=one.label))
            self._armed.append((one, again))

    def unused(self) -> list[tuple[str, RequestKey]]:
        """(rule, request) of each recorded strike that has met no request since it was armed."""
        return [
            (one.name, strike.key)
            for one, again in self._armed
            for strike in one.strikes
            if strike.key not in again.seen
        ]

    def to_json(self) -> str:
        """The plan as JSON, which `from_json` reads."""
        return json.dumps({"recorded_plan": VERSION, "rules": self.as_rules()}, indent=1)

    def as_rules(self) -> list[dict[str, Any]]:
        """Its rules as plain values, for JSON."""
        return [
            {
                "name": one.name,
                "label": one.label,
                "fault": one.kind,
                "fields": one.fields,
                "strikes": [[*strike.key, str(strike.draws)] for strike in one.strikes],
            }
            for one in self.recordings
        ]

    @classmethod
    def of_rules(cls, rules: Iterable[Mapping[str, Any]]) -> RecordedPlan:
        """The plan of rules that `as_rules` gave; raises ConfigurationError for anything else."""
        try:
            return cls([_recording(rule) for rule in rules])
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(
                f"these are not the rules of a recorded plan: {error!r}"
            ) from None

    @classmethod
    def from_json(cls, text: str) -> RecordedPlan:
        """Read a plan from JSON; raise ConfigurationError for anything else."""
        try:
            found = json.loads(text)
            version, rules = found["recorded_plan"], found["rules"]
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(
                f"this is not a recorded plan ({error!r}); `RecordedPlan.to_json` writes one"
            ) from None
        if version != VERSION:
            raise ConfigurationError(
                f"a recorded plan of version {version!r} can't be read: this is version {VERSION}"
            )
        return cls.of_rules(rules)


def record(trips: Iterable[Trip]) -> RecordedPlan:
    """Make a plan of what struck these trips, without limits and maintenance, which are settings.

    Raises ConfigurationError for a fault that is not in the catalogue: it can't be written down.
    """
    found: dict[tuple[str, str], tuple[RecordedRule, list[Strike]]] = {}
    for trip in trips:
        struck = {decision.rule: decision.label for decision in trip.struck}
        for rule, match in trip.active:
            if rule.name in struck:
                _note(found, rule, match, struck[rule.name])
    return RecordedPlan(one._replace(strikes=tuple(strikes)) for one, strikes in found.values())


def _note(
    found: dict[tuple[str, str], tuple[RecordedRule, list[Strike]]],
    rule: FaultRule,
    match: Match,
    label: str,
) -> None:
    name, fault, draws = rule.name, rule.fault, match.key
    if isinstance(fault, Again):
        fault = fault.fault
    if isinstance(fault, OneOf):
        part = match.chosen
        name, fault, draws = f"{name}: {part.label}", part.fault, match.within(part.label).key
    kind = kind_of(fault).name
    if kind not in CATALOGUE and kind not in OWN:
        raise ConfigurationError(
            f"the fault {kind!r} of rule {name!r} is not in the catalogue, so it can't be recorded"
        )
    if (name, kind) not in found:
        found[name, kind] = RecordedRule(name, label, kind, fields_of(fault), ()), []
    found[name, kind][1].append(Strike(key_of(match), draws))


def _recording(rule: Mapping[str, Any]) -> RecordedRule:
    strikes = tuple(
        Strike(RequestKey(client, operation, symbol, int(nth)), int(draws))
        for client, operation, symbol, nth, draws in rule["strikes"]
    )
    return RecordedRule(rule["name"], rule["label"], rule["fault"], rule["fields"], strikes)
