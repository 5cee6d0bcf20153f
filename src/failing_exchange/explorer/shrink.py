"""Shrink a world that breaks a rule: fewest faults, shortest run, mildest values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple, TypeVar

from failing_exchange.explorer.trial import TrialSummary
from failing_exchange.explorer.world import FaultSpec, World
from failing_exchange.text.number_checks import is_number

T = TypeVar("T")
Attempt = Callable[[World], TrialSummary]

RUNS_MAX = 400  # trials of one shrinking; then the smallest so far is kept
SHORTEST_S = 60.0  # seconds behind the breach that are tried first
HALVINGS_MAX = 6  # of one parameter
EVIDENCE_MAX = 6  # strikes on the trips that show a breach: each is tried alone
MOVED_MAX = 12  # strikes that are moved together to earlier requests
GUESSES_MAX = 3  # strikes on the trips that show a breach: each is guessed to be enough
SHORT_S = (120.0, 720.0)  # worlds of a guess; in the second there is time to recover
FIRST = (1, 2, 3, 5)  # which requests are tried
STRIKES_TOLD_MAX = 3  # more of them are told as weather, where dice do it too: "on 5 % of orders"
STRIKES_SHRUNK_MAX = 24  # of more, weather is tried before they are left out one by one
RATES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # of the weather that is tried, the mildest first


# What surrounds a bot on a usual day, besides faults: what is other than this is needed, or goes.
USUAL: dict[str, Any] = {
    "rate_limit": None, "latency": "auto", "balances": None, "margin": {}, "brackets": 1,
    "schedule": "fifo", "migration": {},
}  # fmt: skip


class Example(NamedTuple):
    """A world in which a bot breaks a rule, what it shows, and the trials it took to make it small.

    `runs` is 0 if it has not been shrunk. `complete` is False if the trials ran out, or if the
    recorded faults alone did not break the rule: then the world is not the smallest.
    """

    world: World
    summary: TrialSummary
    runs: int = 0
    complete: bool = False

    @property
    def faults(self) -> int:
        """How much is needed: strikes, restarts, faults by dice, and what of USUAL is not so."""
        world = self.world
        strikes = sum(len(rule["strikes"]) for rule in world.plan)
        unusual = sum(bool(getattr(world, name) != value) for name, value in USUAL.items())
        caused = len(world.restarts) + len(world.faults) + len(world.incidents)
        return strikes + caused + unusual

    @property
    def extent(self) -> tuple[bool, int, float]:
        """A key by which examples of one cause are compared: the smaller one is easier to read."""
        return (not self.complete, self.faults, self.world.seconds)


def shrink(world: World, found: TrialSummary, rule: str, attempt: Attempt) -> Example:
    """Make a world smaller for as long as a bot breaks the same rule in it."""
    return _Shrinking(world, found, rule, attempt).done()


def shrink_alone(world: World, found: TrialSummary, rule: str, attempt: Attempt) -> Example | None:
    """As `shrink`, for what was seen when others had run before; None where it is not so alone."""
    shrinking = _Shrinking(world, found, rule, attempt)
    try:
        if not (shrinking.is_calm() or shrinking.guessed()):
            shrinking.runs += 1
            shrinking.summary = attempt(world)
            if shrinking.summary.breaks_of(rule) is None:
                return None
    except OutOfRuns:
        return Example(shrinking.best, shrinking.summary, shrinking.runs, complete=False)
    return shrinking.done()


class OutOfRuns(Exception):
    """No more trials: the limit or the time is used up."""


class _Shrinking:
    def __init__(self, world: World, found: TrialSummary, rule: str, attempt: Attempt) -> None:
        self.best, self.summary, self.rule = world, found, rule
        self.runs = 0
        self._attempt = attempt
        self._first = world
        self._halves = True  # in the first round whole parts go; later ones look at single ones
        self._is_guessed = False

    def is_calm(self) -> bool:
        """Is the rule broken without any fault? Then nothing else needs to be known."""
        calm = replace(self.best, faults=(), plan=(), restarts=(), incidents=(), **USUAL)
        self._is_guessed = calm != self.best and self._take(calm)
        return self._is_guessed

    def guessed(self) -> bool:
        """One of the faults that are seen on the breach, early, alone, in a short world?

        That is usually enough, and a short world runs much faster than one of an hour.
        """
        breach, usual = self.summary.breaks_of(self.rule), World(seed=0, seconds=0)
        assert breach is not None
        plan = self.summary.plan
        named = [atom for atom in _atoms(plan) if tuple(atom[1][:4]) in breach.requests]
        for atom in named[:GUESSES_MAX]:
            for nth, seconds in product(FIRST[:2], SHORT_S):
                guess = replace(
                    self.best, seconds=min(seconds, self.best.seconds), calm=0.0, faults=(),
                    restarts=(), latency=usual.latency, rate_limit=None, timeout=usual.timeout,
                    plan=_plan_of(plan, [_moved(atom, nth)]),
                )  # fmt: skip
                if self._take(guess):
                    self._is_guessed = True
                    return True
        return False

    def done(self) -> Example:
        """All steps, again and again until none makes it smaller."""
        try:
            recorded = (
                self._is_guessed
                or not self.summary.plan
                or self._take(replace(self.best, faults=(), plan=self.summary.plan))
            )
            self._cut()
            steps: list[Callable[[], bool]] = [
                self._by_evidence, self._earlier, self._fewer_strikes, self._fewer_faults,
                self._fewer_restarts, self._fewer_incidents, self._fewer_intents, self._plainer,
                self._shorter, self._milder,
            ]  # fmt: skip
            self._by_evidence()
            if self._strikes() > STRIKES_SHRUNK_MAX:
                self._as_weather()
            while self._round(steps):
                self._halves = False
            if self._strikes() > STRIKES_TOLD_MAX and self._as_weather():
                self._shorter()
        except OutOfRuns:
            return Example(self.best, self.summary, self.runs, complete=False)
        return Example(self.best, self.summary, self.runs, complete=recorded)

    def _strikes(self) -> int:
        return sum(1 for _ in _atoms(self.best.plan))

    def _as_weather(self) -> bool:
        """Faults by dice in the place of many strikes: how often is easier to read than which.

        One that lasts is tried first, then the mildest rate.
        """
        plan, first = self.best.plan, self._first
        first_nth = min(strike[3] for _, strike in _atoms(plan))
        whens = [f"nth({nth})" for nth in dict.fromkeys((1, first_nth))] if _lasts(plan) else []
        whens += [f"chance({rate})" if rate < 1 else "" for rate in RATES]
        return any(
            self._take(replace(self.best, seconds=first.seconds, calm=first.calm, plan=(),
                               faults=tuple(_weather(rule, when) for rule in plan)))
            for when in whens
        )  # fmt: skip

    def _round(self, steps: Sequence[Callable[[], bool]]) -> bool:
        """Each step once; whether one has made it smaller."""
        done = [step() for step in steps]
        return any(done)

    def _take(self, world: World) -> bool:
        """Whether the rule is broken in this world too; then it is the best one so far."""
        if self.runs >= RUNS_MAX:
            raise OutOfRuns
        self.runs += 1
        seen = self._attempt(world)
        if seen.error or seen.breaks_of(self.rule) is None:
            return False
        self.best, self.summary = world, seen
        return True

    # ---- the steps; each says whether it has made the world smaller

    def _by_evidence(self) -> bool:
        """Often the faults on the trips that show the breach are all that is needed."""
        breach = self.summary.breaks_of(self.rule)
        assert breach is not None
        atoms = list(_atoms(self.best.plan))
        named = [(n, strike) for n, strike in atoms if tuple(strike[:4]) in breach.requests]
        if not named or len(named) == len(atoms):
            return False
        if self._take(replace(self.best, plan=_plan_of(self.best.plan, named))):
            return True
        return any(
            self._take(replace(self.best, plan=_plan_of(self.best.plan, [_moved(atom, nth)])))
            for atom in named[:EVIDENCE_MAX]
            for nth in FIRST
        )

    def _earlier(self) -> bool:
        """Strike the first such requests instead of later ones: then little else is needed."""
        atoms = list(_atoms(self.best.plan))
        if not atoms or len(atoms) > MOVED_MAX:
            return False
        least: dict[tuple[Any, ...], int] = {}
        for _, strike in atoms:
            least[tuple(strike[:3])] = min(least.get(tuple(strike[:3]), strike[3]), strike[3])
        for first in FIRST:
            if all(nth <= first for nth in least.values()):
                return False
            moved = [_moved(atom, first + atom[1][3] - least[tuple(atom[1][:3])]) for atom in atoms]
            if self._take(replace(self.best, plan=_plan_of(self.best.plan, moved))):
                return True
        return False

    def _fewer_strikes(self) -> bool:
        atoms = list(_atoms(self.best.plan))
        return self._fewer(atoms, lambda kept: replace(
            self.best, plan=_plan_of(self.best.plan, kept)
        ))  # fmt: skip

    def _fewer_faults(self) -> bool:
        return self._fewer(
            list(self.best.faults), lambda kept: replace(self.best, faults=tuple(kept))
        )

    def _fewer_restarts(self) -> bool:
        return self._fewer(
            list(self.best.restarts), lambda kept: replace(self.best, restarts=tuple(kept))
        )

    def _fewer_incidents(self) -> bool:
        return self._fewer(
            list(self.best.incidents), lambda kept: replace(self.best, incidents=tuple(kept))
        )

    def _fewer_intents(self) -> bool:
        return self._fewer(
            list(self.best.intents), lambda kept: replace(self.best, intents=tuple(kept)), least=1
        )

    def _fewer(
        self, parts: list[T], world_of: Callable[[Sequence[T]], World], *, least: int = 0
    ) -> bool:
        """Delta debugging: leave out halves, then quarters, … then single ones."""
        if len(parts) <= least:
            return False
        before, size = len(parts), len(parts) if self._halves else min(2, len(parts))
        if least == 0 and self._take(world_of(())):
            return True
        while size > 1:
            size = (size + 1) // 2
            start = 0
            while start < len(parts):
                kept = parts[:start] + parts[start + size :]
                if len(kept) >= least and len(kept) < len(parts) and self._take(world_of(kept)):
                    parts = kept
                else:
                    start += size
        return len(parts) < before

    def _plainer(self) -> bool:
        """The usual latency, no limit on requests, an account with plenty."""
        usual = World(seed=0, seconds=0)
        done = [
            self._take(replace(self.best, **{name: getattr(usual, name)}))
            for name in (*USUAL, "timeout")
            if getattr(self.best, name) != getattr(usual, name)
        ]
        return any(done)

    def _cut(self) -> None:
        """Leave out what is far behind the breach: every trial from here on is cheaper."""
        breach = self.summary.breaks_of(self.rule)
        assert breach is not None
        slack = 11 * SHORTEST_S
        seconds = float(int(2 * breach.after) + slack)  # with fewer faults it may come later
        if seconds < self.best.seconds * 0.9:
            self._take(replace(self.best, seconds=seconds, calm=min(self.best.calm, slack)))

    def _shorter(self) -> bool:
        """End soon after the breach, where the rule does not need the time behind it."""
        breach = self.summary.breaks_of(self.rule)
        assert breach is not None
        for more in (SHORTEST_S, 5 * SHORTEST_S, 11 * SHORTEST_S):
            seconds = float(int(breach.after) + more)
            for calm in (0.0, min(self.best.calm, more)):
                smaller = seconds < self.best.seconds * 0.9
                if smaller and self._take(replace(self.best, seconds=seconds, calm=calm)):
                    return True
        return False

    def _milder(self) -> bool:
        """Smaller numbers in what the faults do."""
        done = [
            self._halved(place, name)
            for place, rule in enumerate(self.best.plan)
            for name, value in rule["fields"].items()
            if is_number(value) and value > 1
        ]
        return any(done)

    def _halved(self, place: int, name: str) -> bool:
        milder = False
        for _ in range(HALVINGS_MAX):
            rule = self.best.plan[place]
            value = rule["fields"][name]
            half = value // 2 if isinstance(value, int) else round(value / 2, 3)
            if half < 1:
                break
            changed = {**rule, "fields": {**rule["fields"], name: half}}
            plan = (*self.best.plan[:place], changed, *self.best.plan[place + 1 :])
            if not self._take(replace(self.best, plan=plan)):
                break
            milder = True
        return milder


Atom = tuple[int, Sequence[Any]]


def _lasts(plan: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all faults of a plan go on by themselves once they have begun."""
    return all(rule["fields"].get("lasts", 0) != 0 for rule in plan)


def _weather(rule: Mapping[str, Any], when: str) -> FaultSpec:
    """The fault of a recorded rule, armed on the operations that it struck."""
    operations = sorted(dict.fromkeys(str(strike[1]) for strike in rule["strikes"]))
    return FaultSpec(str(rule["fault"]), when, tuple(operations), rule["fields"])


def _atoms(plan: Sequence[Mapping[str, Any]]) -> Iterator[Atom]:
    """(place of the rule, strike) of each recorded strike."""
    for place, rule in enumerate(plan):
        for strike in rule["strikes"]:
            yield place, strike


def _moved(atom: Atom, nth: int) -> Atom:
    """The same strike, on another request of its kind."""
    place, strike = atom
    return place, [*strike[:3], nth, *strike[4:]]


def _plan_of(
    plan: Sequence[Mapping[str, Any]], kept: Sequence[Atom]
) -> tuple[Mapping[str, Any], ...]:
    """The plan with only these strikes; rules without any are left out."""
    found = []
    for place, rule in enumerate(plan):
        strikes = [list(strike) for n, strike in kept if n == place]
        if strikes:
            found.append({**rule, "strikes": strikes})
    return tuple(found)
