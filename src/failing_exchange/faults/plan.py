"""The plan: which faults are armed, and their verdicts on a trip, which the gateway executes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias

from failing_exchange.core.chance import key, mix
from failing_exchange.core.commands import Operator
from failing_exchange.core.queries import Query
from failing_exchange.core.reject import Reject
from failing_exchange.core.wanted_orders import orders_in, parts_of
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.operations import MET_AS
from failing_exchange.journal.trip import Decision, Edited, Stage, Trip

ENDLESS = 1 << 62  # the number of a request that never comes
WITHIN = "within"  # keys of memories that belong to parts
RULES_MAX = 1_000  # armed at once; one more is refused


# ---- the eight verdicts (the eighth is `Reject`)


class Delay(NamedTuple):
    """The trip waits here, for a number of nanoseconds."""

    nanoseconds: int


class Drop(NamedTuple):
    """The message is lost; the client waits until its own timeout."""


class HangUp(NamedTuple):
    """The connection breaks: the client notices at once, and knows nothing of the outcome."""


class Repeat(NamedTuple):
    """The request arrives a second time, some nanoseconds later; that answer is dropped."""

    nanoseconds: int = 0


class Replace(NamedTuple):
    """The message becomes another: a command at REQUEST, an answer at ANSWER and WIRE."""

    value: Any


class Answer(NamedTuple):
    """The engine is not asked; this is the answer (REQUEST only)."""

    value: Any


class Cause(NamedTuple):
    """An incident in the same engine step, before or after the command (REQUEST only)."""

    command: Operator
    after: bool = False


ENDING = (Reject, Drop, HangUp, Answer)
BEHIND_ENGINE = (Delay, Reject, Drop, HangUp, Repeat, Replace)
BEFORE_ENGINE = (*BEHIND_ENGINE, Answer, Cause)
Verdict: TypeAlias = Delay | Reject | Drop | HangUp | Repeat | Replace | Answer | Cause


# ---- who is struck, and when


class Match:
    """A trip that a rule concerns: all that its trigger and its fault may look at."""

    __slots__ = ("_key", "at", "chosen", "due", "memory", "n", "plan", "rule", "trip")

    def __init__(
        self,
        trip: Trip,
        at: int,
        n: int,
        draw_key: int | None,
        memory: dict[Any, Any],
        plan: FaultPlan,
        rule: str = "",
    ) -> None:
        self.trip = trip
        self.at = at  # the instant of the match
        self.n = n  # the number of this trip among those the rule has met, from 1
        self._key = draw_key  # None: that of `rule`, made when the first number is drawn
        self.memory = memory  # what the rule remembers from trip to trip
        self.plan = plan
        self.rule = rule
        self.chosen: Any = None  # the part of a mixture that was drawn for this trip
        self.due = False  # a trigger that counts requests has named this one

    @property
    def key(self) -> int:
        """The key of all its draws: made of the seed, the rule, and which request this is."""
        if self._key is None:
            trip = self.trip
            of_kind = key(
                self.plan.seed, "rule", self.rule, trip.account, trip.operation, trip.symbol
            )
            self._key = mix(of_kind, trip.request_number)
        return self._key

    @key.setter
    def key(self, draw_key: int) -> None:
        """Draw from another key: a recorded plan has those of the recording."""
        self._key = draw_key

    def look(self, query: Query) -> Any:
        """Read the first column; may raise `Reject`."""
        look = self.plan.look()
        assert look is not None  # of a gateway that is in use
        return look(query)

    def within(self, name: str) -> Match:
        """This match for a part of a trigger or fault, with its own draws and memory."""
        memory = self.memory.setdefault((WITHIN, name), {})
        return Match(self.trip, self.at, self.n, mix(self.key, key(name)), memory, self.plan)

    def draw(self, k: int = 0) -> int:
        """Draw the k-th number of this match, uniform in [0, 2**64); independent of all others."""
        return mix(self.key, k)

    def remembers(self, name: str) -> bool:
        """Whether that part has been asked before."""
        return (WITHIN, name) in self.memory


class Trigger(Protocol):
    """When to strike: a pure function of a match."""

    def __call__(self, match: Match, /) -> bool: ...


class Fault(Protocol):
    """What goes wrong: a frozen dataclass with a sentence, some fields, and one method.

    Three more are optional. `decide(match, hit) -> bool` is asked about every trip that the rule
    meets, with the trigger's decision as `hit`: a fault that lasts returns True while it does.
    `label(match) -> str` is its name in statistics. `sticky = True` lets it outlast its disarming,
    until `over(match) -> bool`.
    """

    stages: ClassVar[tuple[Stage, ...]]

    def strike(self, stage: Stage, match: Match, /) -> Verdict | None:
        """The verdict at a stage; None = none here."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Which trips a rule meets; an empty field means all.

    `operations` are unified names: create_order (create_orders, too), cancel_order, fetch_balance,
    … A batch or a list is met where one of its orders has the wanted side or client order id.
    """

    operations: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    sides: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    client_order_ids: tuple[str, ...] = ()

    @property
    def narrow(self) -> bool:
        """Whether it asks for more than the operation."""
        return bool(self.symbols or self.sides or self.clients or self.client_order_ids)

    def meets(self, trip: Trip) -> bool:
        """Whether the rule concerns this trip (its operation has been looked at already)."""
        if self.clients and trip.account not in self.clients:
            return False
        if self.symbols and trip.symbol and trip.symbol not in self.symbols:
            return False
        return (
            (bool(trip.symbol) or self._names("symbol", self.symbols, trip))
            and self._names("side", self.sides, trip)
            and self._names("client_id", self.client_order_ids, trip)
        )

    def _names(self, field: str, wanted: tuple[str, ...], trip: Trip) -> bool:
        """Whether the command, or an order that it carries, has a field of the wanted values."""
        if not wanted:
            return True
        parts = (*parts_of(trip.command), *orders_in(trip.command))
        return any(getattr(part, field, None) in wanted for part in parts)


@dataclass(slots=True, kw_only=True, eq=False)
class FaultRule:
    """An armed fault: what, when, which requests. `label` is how statistics count its strikes.

    `struck` counts the requests for which something differed. Where a trigger names requests by
    number (`nth`, `first`) and the fault had nothing to do for one, the next request takes its
    place: `owed` counts those that are still to come.
    """

    name: str
    fault: Fault
    when: Trigger
    scope: Scope = field(default_factory=Scope)
    label: str = ""
    met: int = 0
    struck: int = 0
    owed: int = 0
    striking: bool = False  # whether it struck the last trip it met
    leaving: bool = False  # disarmed, but what it has begun lasts
    memory: dict[Any, Any] = field(default_factory=dict)
    narrow: bool = field(init=False, repr=False)
    ask: Callable[[Match], bool] = field(init=False, repr=False)  # the trigger, ready to call
    decide: Callable[[Match, bool], bool] | None = field(init=False, repr=False)
    first: int = field(init=False, repr=False)  # the trips it need be asked about, by number
    last: int = field(init=False, repr=False)
    counts: bool = field(init=False, repr=False)  # whether it names requests by number

    def __post_init__(self) -> None:
        self.narrow = self.scope.narrow
        self.ask = self.when.__call__
        self.decide = getattr(self.fault, "decide", None)
        span = getattr(self.when, "span", None) or (1, ENDLESS)
        self.counts = span[1] < ENDLESS
        self.first, self.last = span if self.decide is None else (1, ENDLESS)


# The rules that may strike an operation, and their names where all of them meet all its trips.
Concerned: TypeAlias = tuple[tuple[FaultRule, ...], tuple[str, ...] | None]


class FaultPlan:
    """The armed rules, asked in the order in which they were armed.

    A draw depends on the run's seed, the rule's name, the client, the operation, the symbol and how
    many such requests that client has made: arming another rule changes no other draw.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.began = 0  # the instant of the venue's start
        self.rules: dict[str, FaultRule] = {}
        # Reads the exchange. Weak, since the gateway that sets it holds the plan: a venue that has
        # no cycles is freed at once after its last use, journal and all.
        self.look: Callable[[], Callable[[Query], Any] | None] = lambda: _no_exchange
        self.changed: Callable[[], None] = _nothing  # called when rules come or go
        self._by_operation: dict[str, Concerned] = {}

    def arm(self, rule: FaultRule) -> FaultRule:
        """Add a rule behind the others; a name that is armed already is refused."""
        if rule.name in self.rules:
            raise ConfigurationError(
                f"a rule named {rule.name!r} is armed already: disarm it first, or give name="
            )
        if len(self.rules) >= RULES_MAX:
            raise ConfigurationError(f"{RULES_MAX} rules are armed already; disarm some")
        self.rules[rule.name] = rule
        self._change()
        return rule

    def disarm(self, name: str) -> None:
        """Take a rule away; unknown names are an error.

        What a sticky fault (a ban) has begun lasts for its time, or until `lift`.
        """
        rule = self._rule(name)
        if rule.struck and getattr(rule.fault, "sticky", False):
            rule.leaving = True
            self.changed()
        else:
            self.lift(name)

    def lift(self, name: str) -> None:
        """Take a rule away with all that it has begun."""
        self._rule(name)
        del self.rules[name]
        self._change()

    def _change(self) -> None:
        self._by_operation.clear()
        self.changed()

    def _rule(self, name: str) -> FaultRule:
        if name not in self.rules:
            armed = ", ".join(self.rules) or "nothing"
            raise ConfigurationError(f"no rule named {name!r} is armed; armed: {armed}")
        return self.rules[name]

    def disarm_all(self) -> None:
        """Take all rules away, with all that they have begun."""
        self.rules.clear()
        self._change()

    def free_name(self, wanted: str) -> str:
        """`wanted`, or with the first number behind it that is not armed."""
        name, n = wanted, 1
        while name in self.rules:
            n += 1
            name = f"{wanted}-{n}"
        return name

    def match(self, trip: Trip, at: int) -> None:
        """Note on a trip which rules strike it. Their counters move now, before any delay."""
        rules, names = self._by_operation.get(trip.operation) or self._concerned(trip.operation)
        if names is None:
            rules = tuple([rule for rule in rules if not rule.narrow or rule.scope.meets(trip)])
            names = tuple([rule.name for rule in rules])
        trip.considered = names
        for rule in rules:
            n = rule.met = rule.met + 1
            if rule.first <= n <= rule.last or rule.owed or rule.leaving:
                self._ask(rule, trip, at, n)
            else:
                rule.striking = False

    def _ask(self, rule: FaultRule, trip: Trip, at: int, n: int) -> None:
        """Ask a rule about the n-th trip that it meets."""
        match = Match(trip, at, n, None, rule.memory, self, rule.name)
        hit = not rule.leaving and rule.ask(match)
        if rule.counts and not rule.leaving:
            if rule.owed and not hit:
                rule.owed -= 1
                hit = True
            match.due = hit
        if rule.decide is not None:
            hit = rule.decide(match, hit)
            if match.due and not hit:
                rule.owed += 1
        rule.striking = hit
        if hit:
            trip.active = (*trip.active, (rule, match))
        elif rule.leaving and _is_over(rule, match):
            self.lift(rule.name)

    def withdraw(self, trip: Trip, cause: Cause) -> None:
        """An incident that a rule wanted has not happened: it has not struck with it."""
        gone = next(one for one in trip.struck if one.verdict is cause)
        trip.struck = tuple(one for one in trip.struck if one is not gone)
        rule = next((rule for rule, _ in trip.active if rule.name == gone.rule), None)
        if rule is not None and all(one.rule != gone.rule for one in trip.struck):
            rule.struck -= 1

    def conclude(self, trip: Trip) -> None:
        """A trip is over. Where a rule was due and found nothing to do, the next request is due.

        Where another fault has ended the trip, its turn is over.
        """
        faults = [one for one in trip.struck if one.__class__ is Decision]
        if any(isinstance(one.verdict, ENDING) for one in faults):
            return
        for rule, match in trip.active:
            if match.due and all(one.rule != rule.name for one in trip.struck):
                rule.owed += 1

    def concerns(self, operation: str) -> bool:
        """Whether a rule may strike trips of an operation."""
        return bool(self.rules and self._concerned(operation)[0])

    def _concerned(self, operation: str) -> Concerned:
        found = self._by_operation.get(operation)
        if found is None:
            names_met = {operation, MET_AS.get(operation, operation)}
            rules = tuple(
                rule
                for rule in self.rules.values()
                if not rule.scope.operations or not names_met.isdisjoint(rule.scope.operations)
            )
            narrow = any(rule.narrow for rule in rules)
            names = None if narrow else tuple(rule.name for rule in rules)
            found = self._by_operation[operation] = (rules, names)
        return found

    def verdicts(self, stage: Stage, trip: Trip) -> Iterable[Verdict]:
        """The verdicts on a trip at a stage, each journalled on it before it acts."""
        for rule, match in trip.active:
            if stage not in rule.fault.stages:
                continue
            verdict = rule.fault.strike(stage, match)
            if verdict is not None:
                _check(verdict, stage, rule)
                if all(decision.rule != rule.name for decision in trip.struck):
                    rule.struck += 1
                trip.struck = (
                    *trip.struck,
                    Decision(rule.name, _label(rule, match), stage, verdict),
                )
                yield verdict


def _check(verdict: object, stage: Stage, rule: FaultRule) -> None:
    """Raise ConfigurationError for what a fault must not return at a stage."""
    expected = BEFORE_ENGINE if stage is Stage.REQUEST else BEHIND_ENGINE
    if not isinstance(verdict, expected):
        names = ", ".join(kind.__name__ for kind in expected)
        raise ConfigurationError(
            f"fault {type(rule.fault).__name__}: strike() returned {verdict!r} at the stage "
            f"{stage}; expected None or one of {names}"
        )


def _is_over(rule: FaultRule, match: Match) -> bool:
    over = getattr(rule.fault, "over", None)
    return over is None or bool(over(match))


def _label(rule: FaultRule, match: Match) -> str:
    label = getattr(rule.fault, "label", None)
    return (label(match) if label is not None else "") or rule.label or rule.name


def _nothing() -> None:
    return None


def _no_exchange(query: Query) -> Any:
    raise RuntimeError("a plan without a venue has no exchange to read")


__all__ = [
    "Answer",
    "Cause",
    "Decision",
    "Delay",
    "Drop",
    "Edited",
    "Fault",
    "FaultPlan",
    "FaultRule",
    "HangUp",
    "Match",
    "Repeat",
    "Replace",
    "Scope",
    "Stage",
    "Trigger",
    "Verdict",
]  # fmt: skip
