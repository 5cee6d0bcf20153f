"""One run: a bot on a failing exchange for a while, and what it cost."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from failing_exchange.auditor import audit
from failing_exchange.bots import Notebook
from failing_exchange.conduct.judge import Judge
from failing_exchange.core.events import Event, OrderAccepted
from failing_exchange.core.market import ATOMS, SECOND, Market
from failing_exchange.core.order import OrderSnapshot
from failing_exchange.core.queries import Orders
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.modes import FailureMode
from failing_exchange.fronts.exchange import FailingExchange
from failing_exchange.maintenance import time_of_day
from failing_exchange.playing import (
    Bot,
    Progress,
    find_bot,
    left_text,
    makes_own_clients,
    parameters,
    play,
    venue_of,
)
from failing_exchange.report.recording import Recorder
from failing_exchange.trip import Edited, Trip

if TYPE_CHECKING:
    from failing_exchange.conduct.verdict import Verdict
    from failing_exchange.scenario import Scenario

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday, midnight
LEAD = timedelta(minutes=10)  # a run with a maintenance starts so long before it
HIDDEN = ("trouble", "markets")  # what only the terminal shows
MONEY_NOTICED = 0.01  # USDT; a smaller difference is rounding


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What is to be run. `modes` are (mode, probability); times are in seconds."""

    bot: str = "careful"
    duration: float = 3_600.0
    seed: int = 0
    modes: tuple[tuple[str, float], ...] = ((FailureMode.RANDOM.value, 0.1),)
    rate_limit: int | None = 60
    timeout: float = 5.0
    maintenance_start: str | None = None
    maintenance_minutes: float = 30.0
    scenario: str | None = None
    real_time: bool = False
    journal: str | None = None

    def start(self) -> datetime:
        """When the run starts: shortly before the maintenance, if there is one."""
        if self.maintenance_start is None:
            return START
        minutes = time_of_day(self.maintenance_start) // (60 * SECOND)
        return START + timedelta(days=1, minutes=minutes) - LEAD


@dataclass(kw_only=True)
class Report:
    """What a run showed. Money is in USDT at the last price."""

    config: RunConfig
    seconds: float = 0.0
    interrupted: bool = False
    crashed: str | None = None
    intended: int | None = None
    placed: int = 0
    duplicated: int | None = None
    lost: int | None = None
    unaware: int = 0
    believed: dict[str, float] | None = None
    true: dict[str, float] = field(default_factory=dict)
    money: float | None = None
    statistics: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    timeline: list[dict[str, Any]] = field(default_factory=list)
    verdict: Verdict | None = None
    recording: dict[str, Any] = field(default_factory=dict)
    trouble: list[Trip] = field(default_factory=list)
    markets: dict[str, Market] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        found = {name: value for name, value in vars(self).items() if name not in HIDDEN}
        found["config"] = {**asdict(self.config), "start": self.config.start().isoformat()}
        found["seed"] = self.config.seed
        found["verdict"] = None if self.verdict is None else self.verdict.as_dict()
        found["timeline"] = [
            {**line, "timestamp": line["timestamp"].isoformat()} for line in self.timeline
        ]
        return found


class Observer:
    """Watches one client's run from outside: which orders there were, and which it was told of."""

    def __init__(self, exchange: FailingExchange, account: str = "main") -> None:
        self.exchange = exchange
        self.account = account
        self.accepted: dict[int, int] = {}  # order id -> when
        self.told: dict[int, None] = {}
        self.trouble: list[Trip] = []  # the first trips whose order the client was not told of

    async def begin(self) -> None:
        """Start the venue and listen."""
        await self.exchange.ready()
        self.exchange.venue.gateway.listeners.append(self._on_events)
        self.exchange.journal.readers.append(self._on_trip)

    def _on_events(self, events: tuple[Event, ...], at: int) -> None:
        for event in events:
            if isinstance(event, OrderAccepted) and event.account == self.account:
                self.accepted[event.order_id] = event.at

    def _on_trip(self, trip: Trip) -> None:
        told = trip.told.answer if isinstance(trip.told, Edited) else trip.told
        if trip.gave_up_at or trip.echo_of:
            told = None
        if isinstance(told, OrderSnapshot):
            self.told[told.order.id] = None
        elif isinstance(told, Orders):
            self.told.update(dict.fromkeys(snapshot.order.id for snapshot in told.orders))
        created = any(isinstance(event, OrderAccepted) for event in trip.happened)
        if created and told is None and len(self.trouble) < 20:
            self.trouble.append(trip)

    def unaware(self) -> list[int]:
        """Orders that the client was never told of."""
        return [order_id for order_id in self.accepted if order_id not in self.told]

    def true_changes(self) -> dict[str, float]:
        """How the account's balances have really changed, by asset, in units."""
        engine = self.exchange.venue.engine
        assert engine is not None
        began = self.exchange.venue.accounts[self.account]
        now = engine.state.ledger.balances(self.account)
        changes = {a: sum(now[a]) - began.get(a, 0) for a in now}
        return {asset: atoms / ATOMS for asset, atoms in sorted(changes.items()) if atoms}


def run(config: RunConfig, *, progress: Progress = lambda share: None) -> Report:
    """Run a bot as configured. Ctrl-C ends it early; what was gathered is in the report."""
    bot, scenario = find_bot(config.bot), _scenario(config)
    exchange = _exchange(config, scenario)
    report, observer, notebook = Report(config=config), Observer(exchange), Notebook()
    judge = _judge(exchange, scenario)
    if config.real_time and makes_own_clients(bot):
        raise ConfigurationError(
            f"--real-time: {config.bot} makes its own clients, which find the venue by its name in "
            "virtual time only; for the real clock start it beside `failing-exchange serve binance`"
        )
    main = _play(bot, observer, judge, notebook, report, scenario, progress)
    try:
        if config.real_time:
            asyncio.run(main)
        else:
            from failing_exchange.simulation import simulate

            limit, venue = config.duration + 86_400, venue_of(bot, exchange)
            simulate(
                main, seed=config.seed, start=config.start(), virtual_seconds_max=limit, venue=venue
            )
    except KeyboardInterrupt:
        report.interrupted = True
    except SystemExit as left:
        report.crashed = left_text(left)
        report.verdict = judge.verdict(crashed=report.crashed)
    _conclude(report, observer, notebook if "notebook" in parameters(bot) else None)
    return report


def _scenario(config: RunConfig) -> Scenario | None:
    if config.scenario is None:
        return None
    from failing_exchange.scenario import load

    return load(config.scenario)


def _judge(exchange: FailingExchange, scenario: Scenario | None) -> Judge:
    if scenario is None:
        return Judge(exchange.venue)
    return Judge(exchange.venue, options=scenario.options, intent=scenario.intent)


def _exchange(config: RunConfig, scenario: Scenario | None) -> FailingExchange:
    """The exchange of a run: the scenario's, with what the configuration adds."""
    arguments: dict[str, Any] = {"seed": config.seed, "connection_timeout": config.timeout}
    if scenario is not None:
        arguments = {**arguments, **scenario.arguments}
        arguments["seed"] = config.seed or scenario.seed
    if config.maintenance_start is not None:
        daily = {"start": config.maintenance_start, "duration": config.maintenance_minutes}
        arguments["maintenance_schedule"] = {"daily": daily}
    exchange = FailingExchange(journal=config.journal, **arguments)
    for mode, probability in config.modes:
        exchange.add_failure_mode(mode, probability)
    if config.rate_limit is not None:
        exchange.set_rate_limit(config.rate_limit)
    if scenario is not None:
        scenario.apply(exchange)
    return exchange


async def _play(
    bot: Bot,
    observer: Observer,
    judge: Judge,
    notebook: Notebook,
    report: Report,
    scenario: Scenario | None,
    progress: Progress,
) -> None:
    """Run the bot for its time, and hear the judge."""
    exchange = observer.exchange
    await observer.begin()
    recorder = Recorder(exchange)
    recorder.believed = notebook.holds if "notebook" in parameters(bot) else None
    recorder.attach()
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        ending = await play(
            bot,
            exchange,
            seconds=report.config.duration,
            judge=judge,
            notebook=notebook,
            calm=0.0 if scenario is None else scenario.calm,
            restarts=() if scenario is None else scenario.restarts,
            intents=[] if scenario is None else scenario.intents(),
            progress=progress,
            again=partial(find_bot, report.config.bot),
        )
        report.crashed = ending.crashed
        report.verdict = judge.verdict(crashed=ending.crashed, returned=ending.returned)
        report.recording = recorder.recording(report.verdict)
    finally:
        report.seconds = loop.time() - began
        await exchange.close()


def _conclude(report: Report, observer: Observer, notebook: Notebook | None) -> None:
    """Compare what the bot meant and believes with the first column."""
    exchange = observer.exchange
    report.statistics = exchange.get_failure_statistics()
    report.metrics = exchange.get_performance_metrics()
    report.timeline = exchange.get_failure_timeline()
    if exchange.venue.engine is None:
        return
    audit(exchange.venue.engine)
    report.placed = len(observer.accepted)
    report.unaware = len(observer.unaware())
    report.true = observer.true_changes()
    report.trouble = observer.trouble
    report.markets = exchange.venue.markets
    if notebook is not None:
        _judge_intents(report, observer, notebook)
        report.believed = {a: v for a, v in sorted(notebook.believed.items()) if abs(v) > 1e-12}
        report.money = _money(report, exchange)


def _judge_intents(report: Report, observer: Observer, notebook: Notebook) -> None:
    """Each order belongs to the intent during which it was accepted, or to the last one before."""
    counts = [0] * len(notebook.intents)
    index = 0
    for at in sorted(observer.accepted.values()):
        while index + 1 < len(counts) and notebook.intents[index + 1].began_at <= at:
            index += 1
        if counts:
            counts[index] += 1
    report.intended = len(counts)
    report.duplicated = sum(count - 1 for count in counts if count > 1)
    report.lost = sum(count == 0 for count in counts)


def _money(report: Report, exchange: FailingExchange) -> float:
    """How much the bot does not know of, in USDT: what it has unawares, or lacks, if that is more.

    Both sides of an unknown trade count once: 0.1 BTC that were bought twice are 0.1 BTC in error.
    """
    engine = exchange.venue.engine
    assert engine is not None
    at, believed = exchange.venue.clock.now(), report.believed or {}
    more = less = 0.0
    for asset in sorted({*believed, *report.true}):
        difference = report.true.get(asset, 0.0) - believed.get(asset, 0.0)
        value = engine.state.value(asset, round(abs(difference) * ATOMS), "USDT", at)
        if difference > 0:
            more += (value or 0) / ATOMS
        else:
            less += (value or 0) / ATOMS
    return max(more, less) if max(more, less) > MONEY_NOTICED else 0.0
