"""What an exploration has found, grouped by cause: rule, kinds of fault, operation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from failing_exchange.conduct.rules import RULES
from failing_exchange.explorer.shrink import Shrunk
from failing_exchange.explorer.token import Token
from failing_exchange.explorer.trial import Break, Seen
from failing_exchange.explorer.world import World

GROUPS_MAX = 500  # different causes that are kept apart; more are counted as one


class Cause(NamedTuple):
    """Why a bot fails: the rule it breaks, the faults that make it, the operation that does it."""

    rule: str
    kinds: tuple[str, ...]
    operation: str

    def __str__(self) -> str:
        faults = " + ".join(self.kinds) or "no fault"
        return f"{self.rule} · {faults} · {self.operation or 'the run'}"


@dataclass(kw_only=True)
class Finding:
    """One cause, with its first example, made as small as it could be."""

    cause: Cause
    world: World
    seen: Seen
    seed: int
    times: int = 1
    shrunk: Shrunk | None = None
    token: Token | None = None
    columns: Sequence[Mapping[str, Any]] = ()  # both of them, around the breach
    also: dict[str, None] = field(default_factory=dict)  # other rules broken by the same faults

    @property
    def breach(self) -> Break:
        """What the example breaks."""
        found = self.seen.breaks_of(self.cause.rule)
        assert found is not None
        return found

    @property
    def sentence(self) -> str:
        """The finding in one sentence."""
        text = f"seed {self.seed}: your bot {self.breach.text}"
        return text if self.shrunk is None else f"{text}; {_needed(self.shrunk)}"

    def take(self, other: Finding) -> None:
        """Another finding is this one, seen by another rule."""
        self.times += other.times
        for rule in (other.cause.rule, *other.also):
            if rule != self.cause.rule:
                self.also[rule] = None

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "rule": self.cause.rule,
            "kinds": list(self.cause.kinds),
            "operation": self.cause.operation,
            "sentence": self.sentence,
            "text": self.breach.text,
            "money": self.breach.money,
            "seed": self.seed,
            "times": self.times,
            "also": list(self.also),
            "faults": None if self.shrunk is None else self.shrunk.faults,
            "smallest": self.shrunk is not None and self.shrunk.complete,
            "token": None if self.token is None else str(self.token),
            "row": self.breach.row,
            "columns": list(self.columns),
        }


class Findings:
    """All causes found so far; the first example of each is kept."""

    def __init__(self) -> None:
        self._by_cause: dict[Cause, Finding] = {}
        self.uncounted = 0  # breaches of causes that there was no place for

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._by_cause.values())

    def __len__(self) -> int:
        return len(self._by_cause)

    def add(self, world: World, seen: Seen) -> list[Finding]:
        """Note what a trial broke; what is new."""
        new = []
        for one in seen.breaks:
            cause = Cause(one.rule, one.kinds, one.operation)
            if cause in self._by_cause:
                self._by_cause[cause].times += 1
            elif len(self._by_cause) >= GROUPS_MAX:
                self.uncounted += 1
            else:
                finding = Finding(cause=cause, world=world, seen=seen, seed=world.seed)
                self._by_cause[cause] = finding
                new.append(finding)
        return new

    def drop(self, finding: Finding) -> None:
        """It was none."""
        del self._by_cause[finding.cause]

    def settle(self, finding: Finding, shrunk: Shrunk, token: Token) -> Finding | None:
        """A finding has been made small: its true cause is known now.

        None where that cause had been found before, or where the same faults break a rule too that
        says it more plainly: it is counted there.
        """
        breach = shrunk.seen.breaks_of(token.rule)
        assert breach is not None
        finding.shrunk, finding.token = shrunk, token
        finding.seen, finding.world = shrunk.seen, shrunk.world
        if shrunk.complete:
            finding.also = {b.rule: None for b in shrunk.seen.breaks if b.rule != token.rule}
        cause = Cause(token.rule, _kinds(shrunk), breach.operation)
        del self._by_cause[finding.cause]
        finding.cause = cause
        known = self._by_cause.get(cause) or self._same(finding)
        if known is not None:
            if known.cause == cause or rank(known.cause.rule) <= rank(cause.rule):
                known.take(finding)
                return None
            del self._by_cause[known.cause]
            finding.take(known)
        self._by_cause[cause] = finding
        return finding

    def _same(self, finding: Finding) -> Finding | None:
        """Another finding whose smallest world has the same faults on the same operations."""
        shape = _shape(finding.world)
        if not any(shape):  # what needs no fault may have many reasons
            return None
        return next((f for f in self if f.shrunk is not None and _shape(f.world) == shape), None)


def plainest(rule: str, shrunk: Shrunk) -> str:
    """The rule by which to tell of a finding that was made small for one: others may say more."""
    if not shrunk.complete or not shrunk.faults:
        return rule
    return min((one.rule for one in shrunk.seen.breaks), key=rank)


def rank(rule: str) -> int:
    """Which of several broken rules says it most plainly: a test of the user's own, then ours."""
    return list(RULES).index(rule) if rule in RULES else -1


def _needed(shrunk: Shrunk) -> str:
    """How little it takes, in words."""
    restarts, faults = len(shrunk.world.restarts), shrunk.faults - len(shrunk.world.restarts)
    counts = ((faults, "fault"), (restarts, "restart"))
    parts = [f"{n} {what}{'' if n == 1 else 's'}" for n, what in counts if n]
    if not parts:
        return "no fault is needed for it"
    perhaps = "" if shrunk.complete else " (perhaps fewer)"
    return f"{' and '.join(parts)} suffice{'s' if shrunk.faults == 1 else ''}{perhaps}"


def _kinds(shrunk: Shrunk) -> tuple[str, ...]:
    found = [str(rule["fault"]) for rule in shrunk.world.plan]
    found += [arm.kind for arm in shrunk.world.faults]
    found += ["bot_restart"] * bool(shrunk.world.restarts)
    return tuple(sorted(dict.fromkeys(found)))


def _shape(world: World) -> tuple[Any, ...]:
    """What of a world makes two findings one: fault and operation of each strike."""
    strikes = sorted(
        (rule["fault"], str(strike[1])) for rule in world.plan for strike in rule["strikes"]
    )
    return (tuple(strikes), tuple(arm.kind for arm in world.faults), bool(world.restarts))
