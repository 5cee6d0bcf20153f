"""Rules, faults, triggers and callbacks of a user: accepted as told, and their bugs are theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from failing_exchange import (
    ConfigurationError,
    ExchangeUnavailableError,
    FailingExchange,
    Judge,
    simulate,
)
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.faults.fields import fault, text
from failing_exchange.faults.plan import Match, Verdict
from failing_exchange.faults.triggers import nth
from failing_exchange.journal.trip import Stage, Trip
from failing_exchange.judge.catalogue import make
from failing_exchange.judge.rule import Breach, Outcome, Rule, RuleContext, RunEnd

BTC = "BTC/USDT"
HOOKS = ("begin", "sent", "told", "happened", "sampled", "restarted", "ended")


class Own(Rule):
    """A rule of a user."""

    name = "own"
    sentence = "It is as the user wants it."

    def __init__(self, *, most: int = 3) -> None:
        super().__init__()
        self.most = most


def with_a_bug(hook: str) -> type[Rule]:
    """A rule of which one method does not work."""

    def buggy(self: Rule, *_: Any) -> None:
        raise KeyError("a key of mine")

    return type("Buggy", (Own,), {hook: buggy})


async def judged(*rules: Any, **options: Any) -> Judge:
    exchange = FailingExchange(seed=3)
    await exchange.ready()
    judge = Judge(exchange.venue, rules=rules, **options)
    judge.attach()
    await exchange.create_order(BTC, "market", "buy", 0.1)
    judge.restarted()
    return judge


@pytest.mark.parametrize("hook", HOOKS)
def test_a_bug_in_a_rule_is_told_as_its_authors(hook: str) -> None:
    """With method, file and line; "a bug in the venue" sends them looking in the wrong place."""

    async def story() -> None:
        from failing_exchange import probe

        judge = await judged(with_a_bug(hook))
        probe(positions=lambda: {BTC: 0.1})
        judge.verdict()

    with pytest.raises(ConfigurationError, match=r"buggy\(\) at .*test_own_code.py:\d+ raised Key"):
        simulate(story())


class Unfit:
    """A fault that says what it must not, or breaks."""

    stages: ClassVar[tuple[Stage, ...]] = (Stage.REQUEST,)

    def __init__(self, what: Any) -> None:
        self.what = what

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        return self.what() if callable(self.what) else self.what  # type: ignore[no-any-return]


def breaks(*_: Any) -> Any:
    raise LookupError("of mine")


def armed(x: FailingExchange) -> None:
    x.arm(Unfit(breaks), operations="fetch_time")


def triggered(x: FailingExchange) -> None:
    x.arm("delay_answer", breaks, operations="fetch_time")


def listening(x: FailingExchange) -> None:
    x.journal.readers.append(breaks)


def watching(x: FailingExchange) -> None:
    x.venue.gateway.watchers.append(breaks)


def rated(x: FailingExchange) -> None:
    x.set_dynamic_failure_rate(breaks)


@pytest.mark.parametrize("latency", [None, 40.0])
@pytest.mark.parametrize("prepare", [armed, triggered, listening, watching, rated])
def test_a_bug_in_a_callback_is_told_as_its_authors(
    prepare: Callable[[FailingExchange], None], latency: float | None
) -> None:
    """Whoever calls it: the plan, the journal, the gateway."""

    async def story() -> None:
        exchange = FailingExchange(latency=latency)
        await exchange.ready()
        prepare(exchange)
        await exchange.fetch_time()
        await asyncio.sleep(1)

    with pytest.raises(ConfigurationError, match="of mine") as found:
        simulate(story())
    assert "bug in the venue" not in str(found.value)
    assert "test_own_code.py" in str(found.value) or prepare is rated


@pytest.mark.parametrize("what", ["no", 7, Reason.UNAVAILABLE])
def test_what_is_no_verdict_is_told_with_what_is_expected(what: Any) -> None:
    """A fault that returns a reason instead of a Reject does not strike silently, or at all."""

    async def story() -> None:
        exchange = FailingExchange(latency=None)
        exchange.arm(Unfit(what))
        await exchange.fetch_time()

    expected = "fault Unfit: strike.. returned .* expected None or one of Delay, Reject, Drop"
    with pytest.raises(ConfigurationError, match=expected):
        simulate(story())


def invariant_that_breaks(journal: Any) -> Any:
    """It holds."""
    yield journal.no_such_thing


def invariant_without_yield(journal: Any) -> Any:
    """It holds."""


@pytest.mark.parametrize(
    ("ask", "match"),
    [(invariant_that_breaks, r"invariant_that_breaks: .*test_own_code.py:\d+ raised Attribute"),
     (invariant_without_yield, "returned None; expected a string for each breach"),
     (lambda journal: "one text", "returned 'one text'; expected")],
)  # fmt: skip
def test_a_bug_in_an_invariant_is_told_as_its_authors(ask: Any, match: str) -> None:
    """At the end of a long run it is the last thing that anybody wants to guess."""

    async def story() -> None:
        (await judged(invariants=[ask])).verdict()

    with pytest.raises(ConfigurationError, match=match):
        simulate(story())


def it_holds(journal: Any) -> Any:
    """Nobody trades.

    On Sundays.
    """
    return []


def it_does_not(journal: Any) -> Any:
    """Nobody trades."""
    yield "traded on a Sunday"
    yield Breach("mine", 7, "traded on another", (2,), money=5.0)


def test_what_an_invariant_finds_is_in_the_verdict() -> None:
    """By its own name, in its own words, with the money; where it holds its docstring says what."""

    async def story() -> None:
        judge = await judged(invariants=[it_holds, it_does_not])
        holds, fails = judge.verdict().result("it_holds"), judge.verdict().result("it_does_not")
        assert (holds.outcome, holds.why, holds.breaches) == (Outcome.PASS, "Nobody trades.", ())
        assert (fails.outcome, fails.why, fails.times) == (Outcome.FAIL, "traded on a Sunday", 2)
        assert fails.money == 5.0
        first, second = fails.breaches
        assert first == Breach("it_does_not", judge.venue.clock.now(), "traded on a Sunday")
        assert second.trips == (2,)

    simulate(story())


class Timely(Own):
    """It accuses at every turn, and says nothing of the time."""

    def sent(self, trip: Trip) -> None:
        self.breach(f"sent {trip.operation}", trip)

    def told(self, trip: Trip) -> None:
        self.breach("was told", trip.number)

    def ended(self, end: RunEnd) -> None:
        self.breach("came to an end")


def test_a_breach_needs_a_text_and_its_trips() -> None:
    """When it was the rule need not say: it is now."""

    async def story() -> None:
        judge = await judged(Timely)
        sent, told, ended = judge.verdict().result("own").breaches
        trip = judge.venue.journal.find(sent.trips[0])
        assert (sent.at, told.at, ended.at) == (trip.born_at, trip.ended_at, trip.ended_at)
        assert (sent.operation, sent.symbol) == ("create_order", BTC)
        assert told.trips == (trip.number,)

    simulate(story())


def nameless() -> type[Rule]:
    return type("Nameless", (Rule,), {"sentence": "It holds."})


class Forgetful(Own):
    """Its constructor does not call that of Rule."""

    def __init__(self) -> None:
        self.mine = 1


@pytest.mark.parametrize(
    ("rules", "options", "match"),
    [
        ([nameless()], {}, "rule Nameless: `name` is None; expected a string"),
        ([type("Grave", (Own,), {"severity": "grave"})], {}, "`severity` is 'grave'; expected one"),
        ([Forgetful], {}, "rule own: its __init__ must call super"),
        ([Own, Own()], {}, "two rules are named 'own'"),
        ([Own], {"own": {"least": 1}}, "{'least': 1} are not its parameters; it has: most"),
        ([Own], {"owm": {}}, "no rule 'owm'; there are once, .*, own"),
        ([7], {}, "rules: 7 is not a rule; expected a name, a subclass of Rule or an instance"),
        (["onse"], {}, "no rule 'onse'"),
    ],
)
def test_a_rule_that_lacks_something_is_refused(rules: Any, options: Any, match: str) -> None:
    """Before anything runs."""
    with pytest.raises(ConfigurationError, match=match):
        make(rules, options)


def test_a_class_is_a_rule_with_its_parameters() -> None:
    """Like one that ships, by its name."""
    rule, other = make([Own, "once"], {"own": {"most": 7}})
    assert isinstance(rule, Own)
    assert (rule.most, other.name) == (7, "once")


@fault
class Grumpy:
    """It refuses."""

    says: str = text("No.", "what the client reads")
    stages: ClassVar[tuple[Stage, ...]] = (Stage.REQUEST,)

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        return Reject(Reason.UNAVAILABLE, self.says)


def test_a_class_is_a_fault_with_its_fields() -> None:
    """As the name of one that ships; what is no field is refused with those that there are."""

    async def story() -> None:
        exchange = FailingExchange()
        exchange.arm(Grumpy, nth(1), says="Never.")
        with pytest.raises(ExchangeUnavailableError, match="Never."):
            await exchange.fetch_time()
        await exchange.fetch_time()
        with pytest.raises(ConfigurationError, match="Grumpy has no field 'said'. It takes says"):
            exchange.arm(Grumpy, said="Never.")
        with pytest.raises(ConfigurationError, match="or as a class or an object"):
            exchange.arm(RuleContext)  # type: ignore[arg-type]

    simulate(story())
