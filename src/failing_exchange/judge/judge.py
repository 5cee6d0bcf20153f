"""The judge: follows both columns of one client, and gives a verdict on its bot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from failing_exchange.core.reject import Reject
from failing_exchange.core.units import ATOMS, SECOND
from failing_exchange.core.wanted_orders import PLACING
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.plan import Cause
from failing_exchange.journal.journal import FAILED_KEPT_MAX, signature
from failing_exchange.judge.answers import received
from failing_exchange.judge.bot_statements import claim, listen, stop_listening
from failing_exchange.judge.catalogue import make
from failing_exchange.judge.facts import NEVER, Facts
from failing_exchange.judge.false_reads import note_false_read
from failing_exchange.judge.holdings import holdings, untold_money, wrong_money
from failing_exchange.judge.intents import DeclaredIntent, Intents
from failing_exchange.judge.probe import Probe, Sample, check_symbol
from failing_exchange.judge.requested_orders import placed
from failing_exchange.judge.rule import Breach, Outcome, Result, Rule, RuleContext, RunEnd, Severity
from failing_exchange.judge.true_amounts import note_bookers
from failing_exchange.judge.verdict import Verdict
from failing_exchange.text.tracebacks import own_call

if TYPE_CHECKING:
    from failing_exchange.core.events import Event
    from failing_exchange.journal.journal import Journal
    from failing_exchange.journal.trip import Trip
    from failing_exchange.venue.gateway import Gateway
    from failing_exchange.venue.venue import RunningVenue

Invariant = Callable[["Journal"], Iterable["str | Breach"]]

SAMPLE_S = 60.0  # seconds between two questions to the bot
BACKS_OFF = "backs_off"  # the rule whose breaches are the requests inside a ban
INVARIANT_BREACHES_MAX = 100  # of one function of yours; the rest are not read


class Judge:
    """Judges one client of a venue, from outside.

    `rules`: names, classes of your own or objects, None = all that ship; `options`: their
    parameters by rule name. `intent`: what the bot is meant to do, as in a scenario. `invariants`:
    functions over the journal, called at the end, that give a string (or a `Breach`) for each
    breach. `alone`: whether no other client can send the public requests, which carry no account.

    Raises ConfigurationError for an unknown rule or parameter.

    >>> from failing_exchange import FailingExchange
    >>> judge = Judge(FailingExchange().venue, rules=["once", "fresh"])
    >>> [rule.name for rule in judge.rules], judge.is_attached
    (['once', 'fresh'], False)
    """

    def __init__(
        self,
        venue: RunningVenue,
        *,
        account: str = "main",
        rules: Iterable[str | Rule | type[Rule]] | None = None,
        options: Mapping[str, Any] = {},
        intent: Mapping[str, Any] = {},
        invariants: Sequence[Invariant] = (),
        alone: bool = True,
    ) -> None:
        self.venue = venue
        self.account = account
        self.alone = alone
        self.rules = make(rules, options)
        self.invariants = list(invariants)
        self.probe: Probe | None = None
        self.booked: Callable[[], Mapping[str, float]] | None = None  # a notebook's changes
        self.requests = self.faults = 0
        self._intent = intent
        self._declared_early: list[DeclaredIntent] = []  # declared before `attach`
        self._failed: dict[Any, None] = {}  # requests that failed and were not repeated yet
        self._repeats = 0
        self._last: Sample | None = None
        self._last_fault_at = self._recovered_at = NEVER
        self._facts: Facts | None = None
        self._intents: Intents | None = None
        self._sent = _listening(self.rules, "sent")
        self._told = _listening(self.rules, "told")
        self._overheard = _listening(self.rules, "overheard")
        self._happened = _listening(self.rules, "happened")

    def attach(self) -> None:
        """Start to watch. The venue must have started; bots can now declare intents and probes."""
        gateway = self.venue.gateway
        self._facts = Facts(gateway.engine, self.account)
        self._intents = Intents(gateway.engine.state.markets)
        self._intents.of_scenario(self._intent, gateway.clock.now())
        context = RuleContext(self._facts, self._intents, gateway.clock.now, self.newest_belief)
        for rule in self.rules:
            with blame_user_code(f"rule {rule.name}"):
                rule.begin(context)
        gateway.watchers.append(self._on_sent)
        gateway.listeners.append(self._on_events)
        self.venue.journal.readers.append(self._on_ended)
        self.listen()
        for wanted in self._declared_early:
            self._declare(wanted)
        if self.probe is not None:
            self._ask_later(gateway)

    def listen(self) -> None:
        """Accept intents and probes of bots; those from before `attach` count from then."""
        listen(self)

    def stop_listening(self) -> None:
        """Accept no more intents and probes, for the run is over and another may follow."""
        stop_listening(self)

    def receive(self, what: DeclaredIntent | Probe) -> None:
        """Take an intent or a probe that the bot of this account has declared."""
        if isinstance(what, Probe):
            self.take(what)
        else:
            self._declare(what)

    def expect_intents(self, intents: Sequence[Mapping[str, Any]]) -> None:
        """Expect what the bot was given to do: each of these intents once, and no more.

        Their order and time do not matter: they are summed by market and side.
        """
        if self._intent:  # the scenario says the same
            return
        wanted: dict[tuple[str, str], float] = {}
        for one in intents:
            name = (str(one["symbol"]), str(one["side"]))
            wanted[name] = wanted.get(name, 0.0) + float(one["amount"])
        for (symbol, side), amount in wanted.items():
            now = self.venue.clock.now()
            self.intents.declare(symbol, side, amount, now, source="scenario")

    @property
    def is_attached(self) -> bool:
        """Whether it has begun to watch."""
        return self._facts is not None

    @property
    def facts(self) -> Facts:
        """Both columns of the client."""
        if self._facts is None:
            raise ConfigurationError("the judge is not attached yet: call attach() first")
        return self._facts

    @property
    def intents(self) -> Intents:
        """What the bot means to do."""
        if self._intents is None:
            raise ConfigurationError("the judge is not attached yet: call attach() first")
        return self._intents

    def take(self, probe: Probe) -> None:
        """Use this probe from now on to ask the bot what it believes."""
        first, self.probe = self.probe is None, probe
        if first and self._facts is not None:
            self._ask_later(self.venue.gateway)

    def _declare(self, wanted: DeclaredIntent) -> None:
        if self._intents is None:
            self._declared_early.append(wanted)
            return
        self._intents.declare(
            wanted.symbol, wanted.side, wanted.amount, self.venue.clock.now(),
            covered_within=wanted.covered_within,
        )  # fmt: skip

    def missed(self) -> None:
        """Note that some bot has declared an intent, and nothing has shown which."""
        if self._intents is not None:
            self._intents.missed = True

    def restarted(self) -> None:
        """Note that the bot was killed and is started again."""
        for rule in self.rules:
            with blame_user_code(f"rule {rule.name}"):
                rule.restarted()

    # ---- what the run shows, in its order

    def _is_mine(self, trip: Trip) -> bool:
        """Whether the client sent it; all public requests count where it is the only client."""
        return trip.account == self.account or (self.alone and self._is_public(trip))

    def _is_public(self, trip: Trip) -> bool:
        return trip.account not in self.facts.engine.state.accounts

    def _on_sent(self, trip: Trip) -> None:
        if self._is_mine(trip):
            self.requests += 1
            if self._failed and self._failed.pop(signature(trip), 1) is None:
                self._repeats += 1
            if trip.read is None and trip.account == self.account:  # sent by the bot's own task
                claim(self, partial(_is_shown_by, trip))
            if trip.command.__class__ in PLACING:
                self.intents.assign(trip)
            for sent in self._sent:
                sent(trip)

    def _on_events(self, events: tuple[Event, ...], at: int) -> None:
        self.facts.happened(events, at)
        for happened in self._happened:
            happened(events, at)

    def _on_ended(self, trip: Trip) -> None:
        mine = self._is_mine(trip)
        if trip.struck and (mine or self._is_public(trip) or _is_incident(trip)):
            self._note_fault(trip, mine=mine)
        if not mine:
            if self._is_public(trip):
                for overheard in self._overheard:
                    overheard(trip)
            return
        if trip.failed and not trip.is_push and not trip.echo_of:
            self._note_failed(trip)
        self.facts.told(trip)
        if trip.struck:
            note_false_read(self.facts, trip)
        if trip.happened and not trip.echo_of:
            self.intents.accept(trip, placed(trip, self.facts))
        for told in self._told:
            told(trip)
        if self._recovered_at == NEVER and not trip.struck:
            self._note_success(trip)

    def _note_failed(self, trip: Trip) -> None:
        if len(self._failed) >= FAILED_KEPT_MAX:
            del self._failed[next(iter(self._failed))]
        self._failed[signature(trip)] = None

    def _note_fault(self, trip: Trip, *, mine: bool) -> None:
        """Note a fault. One that struck another client, or a limit of the venue, only delays the
        instant from which the run counts as calm again.
        """
        self.faults += mine and not trip.is_only_limited
        until = trip.told.until if isinstance(trip.told, Reject) else None
        self._last_fault_at = max(self._last_fault_at, trip.ended_at, until or 0)
        self._recovered_at = NEVER

    def _note_success(self, trip: Trip) -> None:
        answer = received(trip)
        if answer is None or isinstance(answer, Reject) or trip.ended_at < self._last_fault_at:
            return
        if all(exposure.now <= 0 for exposure in self.facts.exposure.values()):
            self._recovered_at = trip.ended_at

    def _ask_later(self, gateway: Gateway) -> None:
        gateway.later(
            gateway.clock.now() + int(SAMPLE_S * SECOND), self._ask, gateway, keeps_running=False
        )

    def _ask(self, gateway: Gateway) -> None:
        self._sample()
        self._ask_later(gateway)

    def _sample(self) -> None:
        if self.probe is not None:
            self.sampled(self.probe.sample(self.venue.clock.now()))

    def sampled(self, sample: Sample) -> None:
        """Note what the bot believes. Raises ConfigurationError for an unknown market."""
        for symbol in sample.positions or ():
            check_symbol(symbol, self.facts.engine.state.markets)
        self._last = sample
        note_bookers(self.facts, sample)
        for rule in self.rules:
            with blame_user_code(f"rule {rule.name}"):
                rule.sampled(sample)

    def newest_belief(self) -> Sample | None:
        """What the bot believes: by its notebook now, else what it said last."""
        booked = None if self.booked is None else self.booked()
        if booked is None:
            return self._last
        state = self.facts.engine.state
        markets, wallets = state.markets, state.ledger.wallets(self.account)
        positions = {name: amount for name, amount in booked.items() if name in markets}
        totals = {
            name: self.facts.opened_with(name, wallets) / ATOMS + amount
            for name, amount in booked.items()
            if name not in markets
        }
        return Sample(self.venue.clock.now(), positions, None, totals)

    # ---- the end

    def verdict(
        self,
        *,
        crashed: str | None = None,
        traceback: str = "",
        returned: bool = False,
        outside: bool = False,
    ) -> Verdict:
        """Give the verdict as of now; can be called again. `outside`: the bot is another program.

        `crashed`: the error that ended the bot, with the `traceback` of its own code.
        """
        self._sample()
        at = self.venue.clock.now()
        end = RunEnd(at, self._last_fault_at, crashed, returned, outside)
        results = [self._result(self._concluded(rule, end)) for rule in self.rules]
        results += [self._ask_invariant(one, at) for one in self.invariants]
        facts = self.facts
        held = holdings(self.booked and self.booked(), self._last, facts, at)
        wrong = None if held is None else wrong_money(held, facts, at)
        untold = untold_money(held, facts, at)
        sums = (r.money for r in results if r.severity is Severity.MONEY)
        return Verdict(
            account=self.account,
            results=tuple(results),
            at=at,
            money=max(wrong or 0.0, untold, *sums, 0.0),
            holdings=held,
            wrong=wrong,
            untold=untold,
            intended=self.intents.declared if self.intents.lost is not None else None,
            lost=self.intents.lost,
            placed=facts.placed,
            faults=self.faults,
            last_fault_at=self._last_fault_at,
            recovery_s=self._recovery(),
            requests=self.requests,
            requests_in_ban=sum(r.times for r in results if r.rule == BACKS_OFF),
            amplification=self.requests / max(1, self.requests - self._repeats) or 1.0,
            orphans=len(facts.orphans()) + facts.orphans_ended,
            exposure={symbol: self._exposure(symbol, at) for symbol in facts.exposure},
            wrong_s=facts.wrong_s(at),
            crashed=crashed,
            traceback=traceback,
            currency=facts.currency,
        )

    def _concluded(self, rule: Rule, end: RunEnd) -> Result:
        with blame_user_code(f"rule {rule.name}"):
            return rule.copied().conclude(end)

    def _result(self, result: Result) -> Result:
        """A bot that sent no request can't pass a rule."""
        if self.requests or result.outcome is not Outcome.PASS:
            return result
        return result._replace(outcome=Outcome.NOT_JUDGED, why="the bot has sent nothing")

    def _recovery(self) -> float | None:
        if not self._last_fault_at or self._recovered_at == NEVER:
            return None
        return max(0.0, (self._recovered_at - self._last_fault_at) / SECOND)

    def _exposure(self, symbol: str, at: int) -> dict[str, float]:
        exposure = self.facts.exposure[symbol]
        exposure.move(0, 0, at)
        worst = self.facts.quote_money(symbol, exposure.worst, at)
        left = self.facts.quote_money(symbol, max(0, exposure.now), at)
        step = self.facts.market(symbol).amount_step
        return {
            "worst": worst or 0.0,
            "worst_amount": exposure.worst_lots * step / ATOMS,
            "seconds": exposure.seconds,
            "left": left or 0.0,
            "left_amount": max(0, exposure.lots) * step / ATOMS,
        }

    def _ask_invariant(self, ask: Invariant, at: int) -> Result:
        name = getattr(ask, "__name__", "invariant")
        found = []
        with blame_user_code(f"invariant {name}"):
            told = ask(self.venue.journal)
            if isinstance(told, str) or not isinstance(told, Iterable):
                raise ConfigurationError(
                    f"invariant {name} returned {told!r}; expected a string for each breach: "
                    "`yield` them, or return a list"
                )
            for one in told:
                found.append(one if isinstance(one, Breach) else Breach(name, at, str(one)))
                if len(found) >= INVARIANT_BREACHES_MAX:
                    break
        outcome = Outcome.FAIL if found else Outcome.PASS
        why = found[0].text if found else (ask.__doc__ or name).strip().split("\n")[0]
        money = sum(one.money or 0.0 for one in found)
        return Result(name, outcome, why, Severity.DANGER, len(found), tuple(found), money)


@contextmanager
def blame_user_code(what: str) -> Iterator[None]:
    """Report an error in a user's code as theirs, with its line; pass on one of ours."""
    try:
        yield
    except ConfigurationError:
        raise
    except Exception as error:
        call = own_call(error)
        if not call:
            raise
        raise ConfigurationError(f"{what}: {call}") from error


def _is_shown_by(trip: Trip, answer: DeclaredIntent | Probe) -> bool:
    """Whether a request shows whose statement it is: for an intent, only an order of it does."""
    return isinstance(answer, Probe) or answer.fits(trip.command)


def _is_incident(trip: Trip) -> bool:
    """Whether something was done to the exchange itself, which all of its clients may feel."""
    return any(isinstance(decision.verdict, Cause) for decision in trip.struck)


def _listening(rules: Iterable[Rule], name: str) -> list[Callable[..., None]]:
    """The hooks of those rules that have one: the others need not be called."""
    return [
        getattr(rule, name)
        for rule in rules
        if getattr(type(rule), name) is not getattr(Rule, name)
    ]
