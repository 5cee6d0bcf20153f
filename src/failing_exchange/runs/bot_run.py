"""One run: a bot on a failing exchange for a while, judged."""

from __future__ import annotations

import json
import math
import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from failing_exchange.client.exchange import FailingExchange
from failing_exchange.core.commands import ChangeApi
from failing_exchange.core.market import Market
from failing_exchange.core.units import HOUR_S, MINUTE_S, SECOND
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.catalogue import is_own
from failing_exchange.faults.modes import FailureMode
from failing_exchange.faults.triggers import chance
from failing_exchange.journal.trip import Trip
from failing_exchange.judge.judge import Judge
from failing_exchange.report.text import Shown
from failing_exchange.runs.bot_environment import BotEnvironment
from failing_exchange.runs.bot_loader import Bot, find_bot, makes_own_clients, symbols_of
from failing_exchange.runs.bot_process import (
    JudgedRun,
    Progress,
    calm_of,
    no_progress,
    recorded,
)
from failing_exchange.runs.bots import MANNERS, STRATEGIES
from failing_exchange.runs.user_code import load_faults, rules_of
from failing_exchange.runs.watchdog import watched
from failing_exchange.text.durations import FORMS, seconds_of
from failing_exchange.text.number_checks import is_number, is_whole
from failing_exchange.venue.default_world import listings_of
from failing_exchange.venue.maintenance import time_of_day
from failing_exchange.venues.base import DEFAULT, venue_of
from failing_exchange.virtual.errors import WallTimeExceeded

if TYPE_CHECKING:
    from collections.abc import Callable

    from failing_exchange.judge.verdict import Verdict
    from failing_exchange.scenarios.scenario import Scenario

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday, midnight
LEAD = timedelta(minutes=10)  # a run with a maintenance starts so long before it
DURATION_S = float(HOUR_S)
TIMEOUT_S = 5.0
RATE_LIMIT = 60  # requests a minute of a run without a scenario
MODES = ((FailureMode.RANDOM.value, 0.1),)  # of a run without a scenario
MAINTENANCE_MINUTES = 30.0
TROUBLE_MAX = 20  # trips that are kept of orders that the client never heard of


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What to run. `modes` are (mode, probability); times are in seconds.

    None means: as the scenario says, else the default of this module. A given value overrides the
    scenario; `rate_limit=0` and `calm=0` are given values that mean none.
    """

    bot: str = "careful"
    duration: float | None = None
    seed: int | None = None
    modes: tuple[tuple[str, float], ...] | None = None
    rate_limit: int | None = None
    timeout: float | None = None
    calm: float | None = None
    maintenance_start: str | None = None
    maintenance_minutes: float = MAINTENANCE_MINUTES
    scenario: str | None = None
    real_time: bool = False
    journal: str | None = None
    rules: Mapping[str, Any] = field(default_factory=dict)  # parameters; None: it is left out
    client_ids: str = ""  # a pattern whose first group names what an order is for
    env: Mapping[str, str] = field(default_factory=dict)  # environment variables of the bot
    files: str = ""  # a folder: the bot works in a copy of it
    keep_files: str = ""  # a folder for what it wrote there
    faults: tuple[tuple[str, float], ...] = ()  # of the user, each with its probability
    venue: str = ""  # that a bot with clients of its own reaches; empty: the default one
    as_of: str = ""  # the day of its API; empty: the scenario's, else the newest
    wall_seconds: float | None = None  # real time after which it is stopped
    change: str = ""  # of its API, in the middle of the run; NAME@TIME: so long after its start

    def resolved(self, scenario: Scenario | None) -> RunConfig:
        """The same run with nothing left to a scenario or a default."""
        duration = _first(self.duration, scenario and scenario.duration, DURATION_S)
        calm = _first(self.calm, scenario and scenario.calm, calm_of(duration))
        if calm and not calm < duration:
            raise ConfigurationError(
                f"--calm {_span(calm)}: expected less than the duration of {_span(duration)}"
            )
        modes = _first(self.modes, MODES if scenario is None and not self.faults else ())
        fails = self.faults or any(mode != FailureMode.NONE for mode, _ in modes)
        rate_limit = RATE_LIMIT if fails and scenario is None else 0
        wanted = {} if scenario is None else scenario.arguments
        return replace(
            self,
            bot=_of_strategy(self.bot, scenario),
            duration=duration,
            calm=calm,
            seed=_first(self.seed, scenario and scenario.seed, 0),
            modes=modes,
            rate_limit=_first(self.rate_limit, scenario and scenario.rate_limit, rate_limit),
            timeout=_first(self.timeout, wanted.get("connection_timeout"), TIMEOUT_S),
        )

    def start(self) -> datetime:
        """The start of the run: shortly before the maintenance, if there is one."""
        if self.maintenance_start is None:
            return START
        minutes = time_of_day(self.maintenance_start) // (60 * SECOND)
        return START + timedelta(days=1, minutes=minutes) - LEAD

    def again(self) -> str:
        """The command line that repeats this run, without its journal."""
        given = {"scenario": self.scenario, "duration": self.duration, "seed": self.seed,
                 "rate-limit": self.rate_limit, "timeout": self.timeout, "calm": self.calm,
                 "time": self.wall_seconds,
                 "maintenance-start": self.maintenance_start}  # fmt: skip
        parts = ["failing-exchange", "run", "--bot", self.bot]
        for name, value in given.items():
            if value is not None:
                parts += [f"--{name}", _number_text(value)]
        if self.modes:
            parts += ["--modes", *(mode for mode, _ in self.modes)]
            parts += ["--probabilities", *(_number_text(p) for _, p in self.modes)]
        elif self.modes is not None and self.scenario is None and not self.faults:
            parts += ["--mode", FailureMode.NONE.value]
        parts += _judging_arguments(self.rules, self.client_ids)
        parts += [part for one in self.env.items() for part in ("--env", "=".join(one))]
        parts += ["--files", self.files] if self.files else []
        for name, probability in self.faults:
            parts += ["--fault", name, "--probability", _number_text(probability)]
        if self.maintenance_start is not None:
            minutes = _number_text(self.maintenance_minutes)
            parts += ["--maintenance", "--maintenance-duration", minutes]
        if self.real_time:
            parts.append("--real-time")
        if self.venue:
            parts += ["--venue", self.venue]
        if self.as_of:
            parts += ["--as-of", self.as_of]
        if self.change:
            parts += ["--change", self.change]
        return shlex.join(parts)


def _number_text(value: object) -> str:
    """A number as short as it can be read back.

    >>> _number_text(3_600.0), _number_text(0.1)
    ('3600', '0.1')
    """
    return str(value).removesuffix(".0")


def _judging_arguments(rules: Mapping[str, Any], client_ids: str) -> list[str]:
    """The options that choose the rules, their parameters and the client ids of intents."""
    parts = [part for name in rules if is_own(name) for part in ("--rule", name)]
    left_out = [name for name, given in rules.items() if given is None]
    parts += ["--ignore", ",".join(left_out)] if left_out else []
    for name, given in rules.items():
        for option, value in (given or {}).items():
            parts += ["--set", f"{name}.{option}={json.dumps(value)}"]
    return [*parts, "--client-ids", client_ids] if client_ids else parts


def _span(seconds: float) -> str:
    """A number of seconds as an option takes it, in the largest unit that divides it.

    >>> _span(7_200.0), _span(600.0), _span(90.0), _span(0.5)
    ('2h', '10m', '90s', '0.5s')
    """
    for unit, size in (("h", HOUR_S), ("m", MINUTE_S)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def _first(*values: Any) -> Any:
    """The first value that is not None."""
    return next(value for value in values if value is not None)


def _of_strategy(bot: str, scenario: Scenario | None) -> str:
    """In a scenario `naive` and `careful` are the bots of its strategy."""
    if scenario is not None and bot in MANNERS and scenario.bot in STRATEGIES:
        return f"{scenario.bot}-{bot}"
    return bot


@dataclass(kw_only=True)
class RunReport:
    """The results of a run. `config` is complete: it repeats the run."""

    config: RunConfig
    seconds: float = 0.0
    interrupted: bool = False
    stopped: str = ""  # why the run ended early, where the bot was not the reason
    statistics: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    timeline: list[dict[str, Any]] = field(default_factory=list)
    verdict: Verdict | None = None
    recording: dict[str, Any] = field(default_factory=dict)
    trouble: list[Trip] = field(default_factory=list)  # for the terminal, as `markets`
    markets: dict[str, Market] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        verdict = self.verdict
        return {
            "kind": "run",
            "config": {**asdict(self.config), "start": self.config.start().isoformat()},
            "seed": self.config.seed,
            "again": self.config.again(),
            "headline": None if verdict is None else verdict.headline(),
            "seconds": self.seconds,
            "interrupted": self.interrupted,
            "stopped": self.stopped,
            "statistics": self.statistics,
            "metrics": self.metrics,
            "timeline": [
                {**line, "timestamp": line["timestamp"].isoformat()} for line in self.timeline
            ],
            "verdict": None if verdict is None else verdict.as_dict(),
            "recording": self.recording,
        }

    def shown(self) -> Shown:
        """What a terminal shows of it."""
        struck = self.statistics["total"], self.statistics["rate"]
        return Shown(
            self.config.bot, self.seconds, struck, self.verdict, self.stopped, self.interrupted,
            self.trouble, self.markets,
        )  # fmt: skip


class Run:
    """One run of a configuration: its parts, and the report on it.

    `waiting_bot` replaces the bot that the configuration names; it waits for somebody outside.
    """

    def __init__(
        self,
        config: RunConfig,
        scenario: Scenario | None,
        progress: Progress = no_progress,
        waiting_bot: Bot | None = None,
    ) -> None:
        self.config = config
        bot = waiting_bot or find_bot(config.bot)
        _check_as_of(config, bot)
        load_faults(name for name, _ in config.faults)
        self.exchange = _exchange(config, scenario, symbols_of(bot))
        options, intent = ({}, {}) if scenario is None else (scenario.options, scenario.intent)
        rules = rules_of({**options, **config.rules})
        if config.client_ids:
            intent = {**intent, "client_ids": config.client_ids}
        self.judged = JudgedRun(
            bot=bot,
            exchange=self.exchange,
            judge=Judge(self.exchange.venue, intent=intent, **rules._asdict()),
            seconds=config.duration or DURATION_S,
            calm=config.calm or 0.0,
            restarts=() if scenario is None else scenario.restarts,
            venue=config.venue,
            intents=[] if scenario is None else scenario.intents(),
            progress=progress,
            environment=BotEnvironment(config.env, config.files, config.keep_files),
            again=partial(find_bot, config.bot),
            wall_seconds=config.wall_seconds if waiting_bot is None else math.inf,
        )
        self.recorder = recorded(self.exchange, self.judged.notebook_of_bot)
        self.report = RunReport(config=config)

    def carry_out(self) -> RunReport:
        """Run it. Ctrl-C ends it early; what was gathered is in the report."""
        config, judged, report = self.config, self.judged, self.report
        if config.real_time and makes_own_clients(judged.bot):
            raise ConfigurationError(
                f"--real-time: {config.bot} makes its own clients, which find the venue by its "
                "name in virtual time only; for the real clock start it beside "
                "`failing-exchange serve binance`"
            )
        try:
            with watched():
                if config.real_time:
                    judged.run()
                else:
                    judged.simulate(seed=config.seed or 0, start=config.start())
        except KeyboardInterrupt:
            report.interrupted = True
            judged.conclude()
        except WallTimeExceeded as late:
            report.stopped = f"{late}; give it more with --time, or a shorter --duration"
            judged.conclude()
        self.conclude()
        return report

    def conclude(self) -> None:
        """Put together what is shown; nothing of a run that has not begun."""
        report, exchange, judged = self.report, self.exchange, self.judged
        report.seconds = judged.lasted
        report.statistics = exchange.get_failure_statistics()
        report.metrics = exchange.get_performance_metrics()
        report.timeline = exchange.get_failure_timeline()
        if judged.verdict is None:
            return
        report.verdict = judged.verdict
        report.recording = self.recorder.recording(report.verdict)
        orphans = judged.judge.facts.orphans()
        trips = [known.placed_by for known in orphans if known.placed_by is not None]
        report.trouble = trips[:TROUBLE_MAX]
        report.markets = exchange.venue.markets


def run(
    config: RunConfig,
    *,
    scenario: Scenario | None = None,
    progress: Progress = no_progress,
) -> RunReport:
    """Run a bot as configured. Ctrl-C ends it early; what was gathered is in the report.

    `scenario` replaces the one that the configuration names.
    """
    if scenario is None and config.scenario is not None:
        from failing_exchange.scenarios.scenario import load

        scenario = load(config.scenario)
    config = config.resolved(scenario)
    BotEnvironment(config.env, config.files, config.keep_files).check()
    return Run(config, scenario, progress).carry_out()


def _check_as_of(config: RunConfig, bot: Bot) -> None:
    """Raise ConfigurationError for a day that the bot can't notice, or that is not known."""
    if not config.as_of and not config.change:
        return
    if not makes_own_clients(bot):
        given = f"--as-of {config.as_of}" if config.as_of else f"--change {config.change}"
        raise ConfigurationError(
            f"{given}: {config.bot} takes a client of ours, which speaks no venue's "
            "protocol; let it make its own, or leave this out"
        )
    venue = venue_of(config.venue or DEFAULT)
    venue.check_as_of(config.as_of or None)
    if config.change:
        if venue.changes is None:
            raise ConfigurationError(f"--change: {venue.name} has no table of changes")
        venue.changes.named(_change_of(config)[0])


def _change_of(config: RunConfig) -> tuple[str, float]:
    """Name of the change of the API, and the seconds after which it comes."""
    name, at, when = config.change.partition("@")
    if not at:
        return name, (config.duration or DURATION_S) / 2
    try:
        return name, float(seconds_of(when))
    except ValueError:
        raise ConfigurationError(
            f"--change {config.change}: expected NAME, or NAME@TIME with {FORMS}"
        ) from None


def _exchange(
    config: RunConfig, scenario: Scenario | None, symbols: tuple[str, ...]
) -> FailingExchange:
    """The exchange of a run: the scenario's, else one with what the bot trades."""
    arguments: dict[str, Any] = {"markets": list(symbols) or None}
    arguments |= {} if scenario is None else scenario.arguments
    arguments |= {"seed": config.seed, "connection_timeout": config.timeout}
    if config.as_of:
        arguments["as_of"] = config.as_of
    kinds = venue_of(config.venue or DEFAULT).kinds
    if not arguments.get("markets") and "spot" not in kinds:
        arguments["markets"] = list(listings_of(None, kinds=kinds).values())
    if config.maintenance_start is not None:
        daily = {"start": config.maintenance_start, "duration": config.maintenance_minutes}
        arguments["maintenance_schedule"] = {"daily": daily}
    journal = config.journal and os.path.abspath(config.journal)
    exchange = FailingExchange(journal=journal, **arguments)
    if config.change:
        name, after = _change_of(config)
        exchange.venue.plan_incident(round(after * SECOND), ChangeApi(name))
    for mode, probability in config.modes or ():
        exchange.add_failure_mode(mode, probability)
    for name, probability in config.faults:
        exchange.arm(name, chance(probability))
    if scenario is not None:
        scenario.apply(exchange)
    if config.rate_limit or (scenario is not None and scenario.rate_limit):
        exchange.set_rate_limit(config.rate_limit or None)
    return exchange


def _is_number(value: object) -> bool:
    return is_number(value) and value >= 0


def _is_count(value: object) -> bool:
    return is_whole(value) and value >= 0


def _are_modes(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, list) and len(one) == 2 and isinstance(one[0], str) and _is_number(one[1])
        for one in value
    )


# What a field of a recorded configuration must be, in words and as a check.
FIELDS: dict[str, tuple[str, Callable[[object], bool]]] = {
    "bot": ("a string", lambda v: isinstance(v, str)),
    "duration": ("seconds above 0", lambda v: _is_number(v) and bool(v)),
    "seed": ("a whole number", is_whole),
    "modes": ("a list of [mode, probability]", _are_modes),
    "rate_limit": ("a whole number from 0", _is_count),
    "timeout": ("seconds above 0", lambda v: _is_number(v) and bool(v)),
    "calm": ("seconds from 0", _is_number),
    "maintenance_start": ("HH:MM or null", lambda v: v is None or isinstance(v, str)),
    "maintenance_minutes": ("minutes above 0", lambda v: _is_number(v) and bool(v)),
    "scenario": ("a string or null", lambda v: v is None or isinstance(v, str)),
    "rules": ("a table", lambda v: isinstance(v, dict)),
    "client_ids": ("a string", lambda v: isinstance(v, str)),
    "env": ("a table", lambda v: isinstance(v, dict)),
    "files": ("a string", lambda v: isinstance(v, str)),
    "faults": ("a list of [fault, probability]", _are_modes),
    "real_time": ("true or false", lambda v: isinstance(v, bool)),
    "venue": ("a string", lambda v: isinstance(v, str)),
    "as_of": ("a string", lambda v: isinstance(v, str)),
    "wall_seconds": (
        "seconds above 0 or null",
        lambda v: v is None or (_is_number(v) and bool(v)),
    ),
    "change": ("a string", lambda v: isinstance(v, str)),
}


def config_of(recorded: object, place: str) -> RunConfig:
    """The configuration in a results file, without its journal, which stays as it is.

    Raises ConfigurationError that names the file, the field and what is expected.
    """
    if not isinstance(recorded, dict):
        raise ConfigurationError(f"{place}: `config` is missing; expected what `run` has written")
    for name, (expected, fits) in FIELDS.items():
        if name not in recorded or not fits(recorded[name]):
            value = f"= {recorded[name]!r}" if name in recorded else "is missing"
            raise ConfigurationError(f"{place}: config.{name} {value}; expected {expected}")
    found = {name: recorded[name] for name in FIELDS}
    for name in ("modes", "faults"):
        found[name] = tuple((one, probability) for one, probability in found[name])
    return RunConfig(**found)
