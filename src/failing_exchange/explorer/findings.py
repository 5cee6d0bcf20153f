"""The findings of an exploration: causes, grouped by the line of the bot that has to change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from failing_exchange.explorer.shrink import Example
from failing_exchange.explorer.token import Token
from failing_exchange.explorer.trial import BrokenRule, TrialSummary
from failing_exchange.explorer.world import FaultSpec, World
from failing_exchange.judge.catalogue import RULES
from failing_exchange.simulation import SCHEDULES
from failing_exchange.text.durations import span

CAUSES_MAX = 500  # different causes that are kept apart; more are counted as one
SHRUNK_EACH_MAX = 6  # causes of one group that are made small; further ones are counted with it
OPERATIONS_NAMED_MAX = 4  # of a fault, in a sentence; of more, the last ones are counted


class Spot(NamedTuple):
    """What the author has to change: a rule, and a line of the bot (if unknown, an operation)."""

    rule: str
    place: str

    def __str__(self) -> str:
        return f"{self.rule} at {self.place or 'the run'}"


class FailureCause(NamedTuple):
    """Why a bot fails: the rule, the faults that make it break it, the operation, the line."""

    rule: str
    kinds: tuple[str, ...]
    operation: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.rule} · {self.faults} · {self.operation or 'the run'}"

    @property
    def faults(self) -> str:
        """The kinds of fault in one text."""
        return " + ".join(self.kinds) or "no fault"

    @property
    def spot(self) -> Spot:
        """The group it belongs to."""
        return Spot(self.rule, self.place or self.operation)


@dataclass(slots=True, kw_only=True)
class Finding:
    """One cause, with an example: the first world that showed it, later made small.

    `worlds` has a bit for each trial that showed it. `token` is None until it is settled: until its
    example is as small as it could be made, and its cause therefore known.
    """

    cause: FailureCause
    example: Example
    seed: int
    worlds: int = 0
    token: Token | None = None
    columns: Sequence[Mapping[str, Any]] = ()  # both columns around the breach
    also: dict[str, None] = field(default_factory=dict)  # other rules broken by the same faults

    @property
    def is_settled(self) -> bool:
        """Whether its example has been shrunk, or the time for that was over."""
        return self.token is not None

    @property
    def times(self) -> int:
        """The number of worlds that showed it."""
        return self.worlds.bit_count()

    @property
    def breach(self) -> BrokenRule:
        """The broken rule in the example."""
        found = self.example.summary.breaks_of(self.cause.rule)
        assert found is not None
        return found

    @property
    def needs_no_fault(self) -> bool:
        """Whether the bot breaks the rule without any fault."""
        return self.is_settled and self.example.complete and not self.example.faults

    @property
    def size(self) -> tuple[bool, int, int, str]:
        """The sort key: what needs the fewest faults comes first."""
        small = self.example
        if not self.is_settled or not small.runs:
            return (True, 0, -self.times, str(self.cause))
        return (not small.complete, small.faults, -self.times, str(self.cause))

    @property
    def sentence(self) -> str:
        """The finding in one sentence."""
        text = f"seed {self.seed}: your bot {self.breach.text}"
        return f"{text}; {needed(self.example)}" if self.is_settled else text

    def take(self, other: Finding) -> bool:
        """Merge a finding with the same cause; True if its example is smaller and replaces ours."""
        self.worlds |= other.worlds
        for rule in (other.cause.rule, *other.also):
            if rule != self.cause.rule:
                self.also[rule] = None
        if other.token is None or other.token.rule != self.cause.rule:
            return False
        if other.example.extent >= self.example.extent:
            return False
        self.example, self.token = other.example, other.token
        self.columns, self.seed = other.columns, other.seed
        return True

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "rule": self.cause.rule,
            "kinds": list(self.cause.kinds),
            "operation": self.cause.operation,
            "place": self.cause.place,
            "sentence": self.sentence,
            "text": self.breach.text,
            "money": self.breach.money,
            "currency": self.example.summary.currency,
            "seed": self.seed,
            "times": self.times,
            "also": list(self.also),
            "needs": needed(self.example) if self.is_settled else "",
            "faults": self.example.faults if self.is_settled else None,
            "smallest": self.is_settled and self.example.complete,
            "token": None if self.token is None else str(self.token),
            "row": self.breach.row,
            "traceback": self.example.summary.traceback if self.cause.rule == "alive" else "",
            "columns": list(self.columns),
        }


class Group(NamedTuple):
    """All causes of one rule at one line of the bot; the first needs the fewest faults."""

    spot: Spot
    causes: tuple[Finding, ...]

    @property
    def first(self) -> Finding:
        """The one that is shown."""
        return self.causes[0]

    @property
    def is_baseline(self) -> bool:
        """Whether it takes no fault at all."""
        return self.first.needs_no_fault

    @property
    def worlds(self) -> int:
        """A bit for each world that showed it, however many of its causes that world showed."""
        worlds = 0
        for cause in self.causes:
            worlds |= cause.worlds
        return worlds

    @property
    def times(self) -> int:
        """In how many worlds it was seen."""
        return self.worlds.bit_count()

    @property
    def money(self) -> float:
        """Lost or at risk, in the currency of the verdict: the most of any cause."""
        return max(cause.breach.money for cause in self.causes)

    @property
    def currency(self) -> str:
        """What `money` is counted in."""
        return self.first.example.summary.currency

    @property
    def urgency(self) -> tuple[Any, ...]:
        """What to mend first: no fault needed; then worlds x money; then worlds."""
        return (
            not self.is_baseline,
            -self.times * self.money,
            -self.times,
            rank(self.spot.rule),
            str(self.first.cause),
        )

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it: the first cause, and all of them."""
        return {
            **self.first.as_dict(),
            "times": self.times,
            "money": self.money,
            "baseline": self.is_baseline,
            "causes": [cause.as_dict() for cause in self.causes],
        }


def grouped(findings: Iterable[Finding]) -> list[Group]:
    """Causes by what the author would mend, what to mend first at the head."""
    spots: dict[Spot, list[Finding]] = {}
    for finding in findings:
        spots.setdefault(finding.cause.spot, []).append(finding)
    groups = [
        Group(spot, tuple(sorted(causes, key=lambda one: one.size)))
        for spot, causes in spots.items()
    ]
    return sorted(groups, key=lambda group: group.urgency)


class Findings:
    """All causes found so far; the first example of each is kept."""

    def __init__(self) -> None:
        self._by_cause: dict[FailureCause, Finding] = {}  # those whose cause is settled
        self._pending: dict[FailureCause, Finding] = {}  # by the cause as it was first seen
        self._really: dict[FailureCause, FailureCause] = {}  # the settled cause of each
        self._begun: dict[Spot, list[FailureCause]] = {}  # causes by group, as first seen
        self.uncounted = 0  # breaches of causes that there was no place for

    def __iter__(self) -> Iterator[Finding]:
        return iter((*self._by_cause.values(), *self._pending.values()))

    def __len__(self) -> int:
        return len(self._by_cause) + len(self._pending)

    def note(self, one: BrokenRule, worlds: int, *, as_one: bool = False) -> bool:
        """Count a breach with the cause that is known to make it; False where none is.

        `as_one`: all of a group counts as one cause.
        """
        seen = cause_of(one)
        known = (
            self._pending.get(seen)
            or self._by_cause.get(self._resolved(seen))
            or self._covering(seen, as_one)
        )
        if known is None:
            return False
        known.worlds |= worlds
        return True

    def add(
        self, one: BrokenRule, worlds: int, world: World, summary: TrialSummary
    ) -> Finding | None:
        """A breach of no known cause becomes a finding; None if there are too many."""
        cause = cause_of(one)
        if len(self) >= CAUSES_MAX:
            self.uncounted += 1
            return None
        self._begun.setdefault(cause.spot, []).append(cause)
        example = Example(world, summary)
        finding = Finding(cause=cause, example=example, seed=world.seed, worlds=worlds)
        self._pending[cause] = finding
        return finding

    def _covering(self, seen: FailureCause, as_one: bool) -> Finding | None:
        """A cause that explains a breach of its group: its faults are among those seen.

        Where enough causes of the group were made small, the smallest of them stands for more.
        """
        begun = self._begun.get(seen.spot, [])
        led_to = dict.fromkeys(map(self._resolved, begun))
        near = [one for one in self if one.cause.spot == seen.spot or one.cause in led_to]
        near = sorted((one for one in near if as_one or one.is_settled), key=lambda one: one.size)
        explains = [one for one in near if set(one.cause.kinds) <= set(seen.kinds)]
        if explains:
            return explains[0]
        return near[0] if near and (as_one or len(begun) >= SHRUNK_EACH_MAX) else None

    def _resolved(self, cause: FailureCause) -> FailureCause:
        while cause in self._really:
            cause = self._really[cause]
        return cause

    def drop(self, finding: Finding) -> None:
        """Remove a finding that did not reproduce in a process of its own."""
        del self._pending[finding.cause]

    def settle(self, finding: Finding, example: Example, token: Token) -> Finding | None:
        """A finding has been made small: its true cause is known now.

        None where that cause had been found before by an example at most as large, or where the
        same faults break a rule too that says it more plainly: it is counted there.
        """
        breach = example.summary.breaks_of(token.rule)
        assert breach is not None
        finding.example, finding.token = example, token
        if example.complete:
            finding.also = {b.rule: None for b in example.summary.breaks if b.rule != token.rule}
        first = finding.cause
        del self._pending[first]
        finding.cause = cause_of(breach)._replace(kinds=_kinds(example))
        known = self._by_cause.get(finding.cause) or self._same(finding)
        if known is not None and rank(known.cause.rule) <= rank(finding.cause.rule):
            is_smaller = known.take(finding)
            self._rename(first, known.cause)
            return known if is_smaller else None
        if known is not None:
            del self._by_cause[known.cause]
            finding.take(known)
            self._rename(known.cause, finding.cause)
        self._really.pop(finding.cause, None)
        self._by_cause[finding.cause] = finding
        self._rename(first, finding.cause)
        return finding

    def _rename(self, first: FailureCause, cause: FailureCause) -> None:
        if first != cause:
            self._really[first] = cause

    def _same(self, finding: Finding) -> Finding | None:
        """Another finding whose smallest world has the same faults on the same operations."""
        shape = _shape(finding.example.world)
        if not any(shape):  # what needs no fault may have many reasons
            return None
        return next((f for f in self if f.is_settled and _shape(f.example.world) == shape), None)


def cause_of(one: BrokenRule) -> FailureCause:
    """The cause of a breach as it looks before it is made small."""
    return FailureCause(one.rule, one.kinds, one.operation, one.place)


def plainest(rule: str, example: Example) -> str:
    """The rule by which to tell of a finding that was made small for one: others may say more."""
    if not example.complete or not example.faults:
        return rule
    return min((one.rule for one in example.summary.breaks), key=rank)


def rank(rule: str) -> int:
    """Which of several broken rules says it most plainly: a test of the user's own, then ours."""
    return list(RULES).index(rule) if rule in RULES else -1


def _kinds(example: Example) -> tuple[str, ...]:
    found = [str(rule["fault"]) for rule in example.world.plan]
    found += [arm.kind for arm in example.world.faults]
    found += [str(one["do"]) for one in example.world.incidents]
    found += [str(one["change"]) for one in [example.world.migration] if one]
    found += ["used_account"] * bool(example.world.margin)
    found += ["low_brackets"] * (example.world.brackets != 1)
    found += ["order_of_threads"] * (example.world.schedule != SCHEDULES[0])
    found += ["bot_restart"] * bool(example.world.restarts)
    found += ["rate_limit"] * (example.world.rate_limit is not None)
    found += ["small_account"] * (example.world.balances is not None)
    found += ["latency"] * (example.world.latency != World(seed=0, seconds=0).latency)
    return tuple(sorted(dict.fromkeys(found)))


def _shape(world: World) -> tuple[Any, ...]:
    """What of a world makes two findings one: fault and operation of each strike."""
    strikes = sorted(
        (rule["fault"], str(strike[1])) for rule in world.plan for strike in rule["strikes"]
    )
    arms = tuple((arm.kind, arm.operations) for arm in world.faults)
    weather = (bool(world.restarts), bool(world.rate_limit), world.balances is not None)
    caused = tuple(sorted(str(one["do"]) for one in world.incidents))
    account = (tuple(sorted(world.margin)), world.brackets != 1)
    migration = str(world.migration.get("change", ""))
    return (tuple(strikes), arms, *weather, caused, account, world.schedule, migration)


def needed(example: Example) -> str:
    """Say what an example needs: faults and restarts by number, random faults by rate."""
    if not example.runs:
        return "not made small"
    world = example.world
    strikes = sum(len(rule["strikes"]) for rule in world.plan)
    counts = ((strikes, "fault"), (len(world.restarts), "restart"))
    parts = [f"{n} {what}{'' if n == 1 else 's'}" for n, what in counts if n]
    parts += [weather(arm) for arm in world.faults]
    parts += [f"{one['do']} after {span(one['at'])}" for one in world.incidents]
    if world.migration:
        change, at = world.migration["change"], world.migration["at"]
        parts.append(f"the change {change} of the venue's API after {span(at)}")
    if world.rate_limit is not None:
        parts.append(f"a limit of {world.rate_limit} requests a minute")
    if world.balances is not None:
        held = [f"{amount:,.8g} {asset}" for asset, amount in world.balances.items()]
        parts.append(f"an account of {', '.join(held) or 'nothing'}")
    if world.margin:
        said = (f"{name.replace('_', ' ')} {value}" for name, value in world.margin.items())
        parts.append(f"an account with {', '.join(said)}")
    if world.schedule != SCHEDULES[0]:
        parts.append(f"a {world.schedule} order of its threads")
    if world.brackets != 1:
        parts.append(f"brackets of 1/{world.brackets:,}")
    if world.latency != World(seed=0, seconds=0).latency:
        parts.append(f"a latency of {world.latency or 0:g} ms")
    if not parts:
        return "no fault is needed for it"
    perhaps = "" if example.complete else " (perhaps less)"
    return f"{' and '.join(parts)} suffice{'s' if example.faults == 1 else ''}{perhaps}"


def weather(arm: FaultSpec) -> str:
    """Describe a random fault: how often it strikes, and which requests.

    >>> weather(FaultSpec("rate_limited", "chance(0.05)", ("create_order",)))
    'rate_limited on 5 % of create_order'
    """
    named = list(arm.operations)
    if len(named) > OPERATIONS_NAMED_MAX:
        named[OPERATIONS_NAMED_MAX - 1 :] = [f"{len(named) - OPERATIONS_NAMED_MAX + 1} others"]
    whom = " and ".join(named) or "all requests"
    how, _, number = arm.when.rstrip(")").partition("(")
    if not arm.when:
        return f"{arm.kind} on every one of {whom}"
    if how == "chance":
        return f"{arm.kind} on {100 * float(number):g} % of {whom}"
    if how == "nth":
        return f"one {arm.kind} on {whom}, from request {number} on,"
    return f"{arm.kind} when {arm.when} on {whom}"
