"""Run one trial: a bot in a world, in virtual time, judged. A pure function of bot and world."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from failing_exchange.client.exchange import FailingExchange
from failing_exchange.core.commands import CancelOrder
from failing_exchange.core.events import OrderAccepted
from failing_exchange.core.queries import FetchOrder
from failing_exchange.core.units import SECOND
from failing_exchange.errors import InternalError
from failing_exchange.explorer import contract_world, migrations
from failing_exchange.explorer.call_sites import CallSites, shown_file
from failing_exchange.explorer.world import World, own_kinds
from failing_exchange.faults.catalogue import kind_of
from failing_exchange.faults.recorded_plan import Again, RecordedPlan, record
from failing_exchange.faults.triggers import always, parse
from failing_exchange.journal.journal import Journal
from failing_exchange.journal.serialize import line
from failing_exchange.judge.judge import Judge
from failing_exchange.judge.products import USDT
from failing_exchange.judge.rule import Outcome
from failing_exchange.report.recorder import trip_rows
from failing_exchange.runs.bot_environment import BotEnvironment
from failing_exchange.runs.bot_loader import Bot
from failing_exchange.runs.bot_process import JudgedRun
from failing_exchange.runs.first_request import spins, why_not_begun
from failing_exchange.runs.user_code import load_faults, rules_of
from failing_exchange.text.tracebacks import error_line
from failing_exchange.venue.used_account import leave_with
from failing_exchange.virtual.errors import WallTimeExceeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from failing_exchange.journal.trip import Trip
    from failing_exchange.judge.rule import Breach
    from failing_exchange.judge.verdict import Verdict
    from failing_exchange.runs.bots import Notebook

TRIPS_KEPT_MAX = 200_000  # of a trial; the plan of a longer one begins with the oldest that is kept
GROUND_MAX = 500  # new situations that one trial may report; more are left to other trials
FRAME = re.compile(r'^ *File "(.+)", line (\d+)', re.MULTILINE)  # a line of a traceback
START = "2026-01-05T00:00:00Z"  # a Monday, midnight
WAITING = re.compile(r"^ .* waits\b.* at (.+):(\d+)$", re.MULTILINE)  # of a Deadlock
ACCOUNT = "main"  # of the bot
Watch: TypeAlias = "Callable[[FailingExchange, Notebook | None], None]"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """What a trial showed, with all of its trips; `TrialSummary` is the part that travels.

    `plan` holds the faults that struck, `ground` the situations that were met (the coverage), and
    `error` a bug of ours.

    >>> async def bot(exchange):
    ...     await exchange.fetch_ticker("BTC/USDT")
    >>> found = run(bot, World(seed=7, seconds=60.0))
    >>> found.error, found.trips[-1].operation
    ('', 'fetch_ticker')
    """

    world: World
    verdict: Verdict | None = None
    plan: tuple[Mapping[str, Any], ...] = ()
    ground: tuple[str, ...] = ()
    digest: str = ""
    error: str = ""
    trips: tuple[Trip, ...] = field(default=(), repr=False)
    exchange: FailingExchange | None = field(default=None, repr=False)
    places: CallSites | None = field(default=None, repr=False)

    @property
    def broken(self) -> tuple[str, ...]:
        """The rules that the bot has broken, the gravest first."""
        return () if self.verdict is None else tuple(r.rule for r in self.verdict.failures)


def _ignore(exchange: FailingExchange, notebook: Notebook | None) -> None:
    """Watch nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What to run, from the command line to the trial.

    `rule_options`: parameters of rules, by name or path.py:Name. `digest`: whether to make the
    digest of the journal. `until`: stop before the trip of this number; 0 = never. `keep_files`:
    a folder for what the bot leaves in its working directory, where its world has one. `watch` is
    called before the run, with the exchange and the notebook of a bot that keeps one.
    """

    world: World
    rule_options: Mapping[str, Any] = field(default_factory=dict)
    digest: bool = False
    until: int = 0
    keep_files: str = ""
    watch: Watch = _ignore


def requested(wanted: World | RunRequest) -> RunRequest:
    """A world as a request without options; a request as it is."""
    return RunRequest(world=wanted) if isinstance(wanted, World) else wanted


def run(
    bot: Bot, wanted: World | RunRequest, *, again: Callable[[], Bot] | None = None
) -> TrialResult:
    """Run a bot in a world and judge it; `again` loads the bot anew when it is restarted.

    What the bot raises is in the verdict; a bug of ours is in `error`.

    >>> import asyncio
    >>> async def bot(exchange):
    ...     while True:
    ...         await exchange.fetch_ticker("BTC/USDT")
    ...         await asyncio.sleep(60)
    >>> run(bot, World(seed=7, seconds=600.0)).verdict.passed
    True
    """
    request = requested(wanted)
    world = request.world
    exchange = built(world)
    rules = rules_of(request.rule_options)
    places = CallSites(exchange.venue)
    judged = JudgedRun(
        bot=bot,
        exchange=exchange,
        judge=Judge(exchange.venue, intent=intent_of(world), **rules._asdict()),
        seconds=world.seconds,
        restarts=world.restarts,
        calm=world.calm,
        intents=world.intents,
        venue=world.venue,
        schedule=world.schedule,
        environment=BotEnvironment(world.env, world.files, request.keep_files),
        until=request.until,
        again=again,
    )
    request.watch(exchange, judged.notebook_of_bot)
    error = ""
    try:
        judged.simulate(seed=world.seed, start=START)
    except (WallTimeExceeded, InternalError) as stopped:
        error = error_line(stopped)
    return result_of(request, exchange, judged.verdict, places, error=error)


def intent_of(world: World) -> dict[str, str]:
    """How a judge knows what an order of a world's bot is for, if its client ids say it."""
    return {"client_ids": world.client_ids} if world.client_ids else {}


def result_of(
    request: RunRequest,
    exchange: FailingExchange,
    verdict: Verdict | None,
    places: CallSites,
    *,
    error: str = "",
) -> TrialResult:
    """What a run on an exchange showed, once it is over."""
    trips = tuple(exchange.journal.trips)
    rules = () if verdict is None else [one.rule for one in verdict.failures]
    return TrialResult(
        world=request.world,
        verdict=verdict,
        plan=tuple(record(trips).as_rules()) if rules else (),
        ground=_ground(exchange, trips, rules),
        digest=_digest(exchange.journal) if request.digest else "",
        error=error,
        trips=trips,
        exchange=exchange,
        places=places,
    )


def built(world: World, **options: Any) -> FailingExchange:
    """The exchange of a world, with its faults armed; `options` are those of a test."""
    load_faults(own_kinds(world))
    drawn: dict[str, Any] = {
        "seed": world.seed, "latency": world.latency, "connection_timeout": world.timeout,
    }  # fmt: skip
    if world.balances is not None and options.keys().isdisjoint(("balances", "scenario")):
        drawn["balances"] = world.balances  # the balances of a test have priority
    migration = migrations.planned(world.migration, world.venue) if world.migration else None
    if migration is not None or world.as_of:
        drawn["as_of"] = world.as_of if migration is None else migration.as_of
    if world.markets and "markets" not in options:
        drawn["markets"] = contract_world.listed(world)
    exchange = FailingExchange(**{**options, **drawn})
    exchange.venue.journal = Journal(keep=TRIPS_KEPT_MAX)
    if world.rate_limit is not None:
        exchange.set_rate_limit(world.rate_limit)
    for arm in world.faults:
        when = parse(arm.when) if arm.when else always
        exchange.arm(arm.kind, when, operations=arm.operations, **arm.fields)
    if world.plan:
        RecordedPlan.of_rules(world.plan).arm(exchange.venue.plan)
    caused = contract_world.planned(world) if world.incidents else []
    for after, command in (*caused, *(migration.changes if migration is not None else ())):
        exchange.venue.plan_incident(round(after * SECOND), command)
    if world.margin:
        leave_with(exchange.venue, ACCOUNT, world.margin)
    return exchange


def _digest(journal: Journal) -> str:
    whole = sha256()
    for trip in journal.trips:
        whole.update(line(trip).encode())
    return whole.hexdigest()[:16]


def _ground(
    exchange: FailingExchange, trips: Iterable[Trip], rules: Iterable[str]
) -> tuple[str, ...]:
    """The situations that were met: fault, operation, state of the order, broken rules."""
    broken, met = ",".join(sorted(rules)), dict[str, None]()
    for trip in trips:
        for decision in trip.struck:
            if len(met) < GROUND_MAX:
                state = _order_state(exchange, trip)
                met[f"{decision.rule}|{trip.operation}|{state}|{broken}"] = None
    return tuple(met)


def _order_state(exchange: FailingExchange, trip: Trip) -> str:
    """The final state of the order that a request is about; empty if there is none."""
    command, engine = trip.command, exchange.venue.engine
    assert engine is not None
    order_id = command.order_id if command.__class__ in (CancelOrder, FetchOrder) else 0
    for event in trip.happened:
        if isinstance(event, OrderAccepted):
            order_id = event.order_id
    account = engine.state.accounts.get(trip.account)
    order = account.find(order_id) if account is not None and order_id else None
    if order is None:
        return ""
    return f"{order.status}{'+' if 0 < order.filled < order.lots else ''}"


class BrokenRule(NamedTuple):
    """A rule that was broken in a trial, by its first breach; `kinds` are the faults behind it.

    `requests` names the trips that show it as a recorded plan does; `after` is in seconds from the
    start. `place` is the line of the bot that sent the request, as "mybot.py:16", or in which it
    died; empty where that is not known.
    """

    rule: str
    text: str
    trips: tuple[int, ...]
    requests: tuple[tuple[str, str, str, int], ...]
    operation: str
    money: float
    after: float
    kinds: tuple[str, ...]
    row: str = ""
    place: str = ""


class TrialSummary(NamedTuple):
    """The result of a trial as plain data that can be sent to another process."""

    breaks: tuple[BrokenRule, ...] = ()
    sentence: str = ""
    money: float = 0.0
    plan: tuple[Mapping[str, Any], ...] = ()
    ground: tuple[str, ...] = ()
    digest: str = ""
    error: str = ""
    requests: int = 0
    faults: int = 0
    unjudged: Mapping[str, str] = {}  # why, by rule
    columns: Sequence[Mapping[str, Any]] = ()  # both columns around the breach of one rule
    traceback: str = ""  # of the bot's own code, where it died
    currency: str = USDT  # of all sums of money
    spins: bool = False  # the bot was ended because it never waits
    not_begun: str = ""  # why it died before its first request

    def breaks_of(self, rule: str) -> BrokenRule | None:
        """The breach of a rule; None if it was kept."""
        return next((one for one in self.breaks if one.rule == rule), None)

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> TrialSummary:
        """Read what `as_dict` has written."""
        breaks = tuple(
            BrokenRule(**{
                **one,
                "trips": tuple(one["trips"]),
                "requests": tuple(tuple(name) for name in one["requests"]),
                "kinds": tuple(one["kinds"]),
            })
            for one in found["breaks"]
        )  # fmt: skip
        parts = {name: tuple(found[name]) for name in ("plan", "ground", "columns")}
        return cls(**{**found, **parts, "breaks": breaks})

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {**self._asdict(), "breaks": [one._asdict() for one in self.breaks]}


def summary_of(result: TrialResult) -> TrialSummary:
    """The result of a trial as plain data."""
    verdict = result.verdict
    if verdict is None:
        return TrialSummary(ground=result.ground, error=result.error, digest=result.digest)
    trips = {trip.number: trip for trip in result.trips}
    began = result.trips[0].born_at if result.trips else verdict.at
    return TrialSummary(
        breaks=tuple(
            _broken_rule(
                one.breaches[0], trips, began, _place(one.breaches[0], result), result.world
            )
            for one in verdict.failures
        ),
        sentence=verdict.sentence,
        money=verdict.money,
        plan=result.plan,
        ground=result.ground,
        digest=result.digest,
        error=result.error,
        requests=verdict.requests,
        faults=verdict.faults,
        traceback=verdict.traceback,
        currency=verdict.currency,
        spins=spins(verdict.crashed),
        not_begun=why_not_begun(verdict, _place_of_death(verdict.traceback)),
        unjudged={r.rule: r.why for r in verdict.results if r.outcome is Outcome.NOT_JUDGED},
    )


def columns_of(result: TrialResult, rule: str) -> list[dict[str, Any]]:
    """Both columns around the first breach of a rule; empty where it was kept."""
    verdict, exchange = result.verdict, result.exchange
    if verdict is None or exchange is None or not result.trips:
        return []
    broken = [one for one in verdict.failures if one.rule == rule and one.breaches]
    trips = {trip.number: trip for trip in result.trips}
    began, markets = result.trips[0].born_at, exchange.venue.markets
    return [
        row for one in broken for row in trip_rows(one.breaches[0].trips, trips, markets, began)
    ]


def _place(breach: Breach, result: TrialResult) -> str:
    """The line of the bot that broke a rule: of the last such request, or where it died."""
    assert result.verdict is not None
    dead = breach.rule == "alive" and result.verdict.crashed
    if dead and (place := _place_of_death(result.verdict.traceback)):
        return place
    if result.places is None:
        return ""
    trips = {trip.number: trip for trip in result.trips}
    shown = [trips[number] for number in breach.trips if number in trips]
    sent = [one for one in shown if one.operation == breach.operation] or shown
    places = (result.places.of(one.echo_of or one.number) for one in reversed(sent))
    return next(filter(None, places), "")


def _place_of_death(traceback: str) -> str:
    """The line of the bot in which it died, or waits for ever; empty where it is not known."""
    lines = FRAME.findall(traceback) or WAITING.findall(traceback)
    return f"{shown_file(lines[-1][0])}:{lines[-1][1]}" if lines else ""


def _broken_rule(
    breach: Breach, trips: Mapping[int, Trip], began: int, place: str, world: World
) -> BrokenRule:
    shown = [trips[number] for number in breach.trips if number in trips]
    after = (breach.at - began) / SECOND
    came = {str(one["do"]) for one in world.incidents if one["at"] <= after}
    if world.migration and world.migration["at"] <= after:
        came.add(str(world.migration["change"]))
    caused = tuple(sorted(came))
    before = [t for t in trips.values() if t.born_at <= breach.at]
    return BrokenRule(
        rule=breach.rule,
        text=breach.text,
        trips=breach.trips,
        requests=tuple((t.account, t.operation, t.symbol, t.request_number) for t in shown),
        operation=breach.operation or next((t.operation for t in shown), ""),
        money=breach.money or 0.0,
        after=after,
        kinds=_kinds(shown) or _kinds(before[-50:]) or caused,
        row=breach.row,
        place=place,
    )


def _kinds(trips: Iterable[Trip]) -> tuple[str, ...]:
    """The kinds of fault that struck these trips."""
    found = (
        kind_of(rule.fault.fault if isinstance(rule.fault, Again) else rule.fault).name
        for trip in trips
        for rule, _ in trip.active
        if any(decision.rule == rule.name for decision in trip.struck)
    )
    return tuple(sorted(dict.fromkeys(found)))
