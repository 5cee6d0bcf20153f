"""The report card: run one bot in every shipped scenario and judge each run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from failing_exchange.judge.products import USDT
from failing_exchange.judge.rule import Severity
from failing_exchange.judge.verdict import WRONG
from failing_exchange.runs.bot_loader import find_bot, makes_own_clients
from failing_exchange.runs.bot_run import RunConfig, run
from failing_exchange.runs.process_pool import processes
from failing_exchange.scenarios.scenario import Scenario, load, shipped
from failing_exchange.venue.default_world import DEFAULTS
from failing_exchange.venue.market_definitions import Listing
from failing_exchange.venues.base import DEFAULT, venue_of


class Grade(NamedTuple):
    """How a bot did in one scenario. `broken`: the rules it broke, with the first breach each.

    `money` is in `currency`, that of the verdict. `again`: the command line that makes the run
    again.
    """

    scenario: str
    family: str
    passed: bool
    broken: Mapping[str, str]
    money: float
    error: str = ""
    again: str = ""
    currency: str = USDT

    @property
    def money_text(self) -> str:
        """The sum of money with its currency; empty where there is none."""
        return f"{self.money:,.2f} {self.currency}" if self.money else ""


@dataclass(kw_only=True)
class Card:
    """The grades of a bot, in the order of the scenarios.

    `baseline`: rules that it breaks when nothing fails, with the first breach each. They are
    reported once, and left out of the grades.
    """

    bot: str
    baseline: dict[str, str] = field(default_factory=dict)
    grades: list[Grade] = field(default_factory=list)
    wanted: int = 0  # scenarios; fewer grades where it was interrupted
    interrupted: bool = False
    broken_off: str = ""  # why it ended early, if not by Ctrl-C

    @property
    def clean(self) -> bool:
        """Whether the bot broke no rule in any scenario."""
        return not self.baseline and all(one.passed for one in self.grades)

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "kind": "card",
            "bot": self.bot,
            "baseline": self.baseline,
            "grades": [one._asdict() for one in self.grades],
            "wanted": self.wanted,
            "interrupted": self.interrupted,
            "broken_off": self.broken_off,
        }


def grade(name: str, bot: str, venue: str = "", baseline: Iterable[str] = ()) -> Grade:
    """Run a bot in a scenario, as `run --scenario` does; `baseline`: rules that do not count."""
    scenario = load(name)
    report = run(RunConfig(bot=bot, venue=venue, scenario=name))
    verdict, again = report.verdict, report.config.again()
    if verdict is None or report.stopped:
        error = report.stopped or "the run has no verdict"
        return Grade(name, scenario.family, False, {}, 0.0, error, again)
    broken = {rule: why for rule, why in verdict.broken.items() if rule not in baseline}
    sums = [r.money for r in verdict.failures if r.rule in broken and r.severity is Severity.MONEY]
    wrong, untold = verdict.wrong or 0.0, verdict.untold if broken else 0.0
    money = max(wrong if {WRONG, "converges"} & broken.keys() else 0.0, untold, *sums)
    return Grade(name, scenario.family, not broken, broken, money, "", again, verdict.currency)


def calm(scenario: Scenario) -> Scenario:
    """The same scenario without faults, incidents, limits, restarts and a used account."""
    arguments = {**scenario.arguments, "maintenance_schedule": None}
    return replace(
        scenario, faults=(), modes=(), incidents=(), restarts=(), rate_limit=None, left_with={},
        arguments=arguments,
    )  # fmt: skip


def baseline(name: str, bot: str, venue: str = "") -> dict[str, str]:
    """The rules that a bot breaks in a scenario from which all that fails was taken."""
    config = RunConfig(bot=bot, venue=venue, scenario=name)
    verdict = run(config, scenario=calm(load(name))).verdict
    return {} if verdict is None else verdict.broken


def scenarios_of(bot: str, venue: str = "") -> list[str]:
    """The shipped scenarios that a bot can meet.

    A bot with clients of its own reaches a venue, which has no markets of other kinds. Raises
    ConfigurationError for a bot or a venue that is not there.
    """
    found, kinds = find_bot(bot), venue_of(venue or DEFAULT).kinds
    if not makes_own_clients(found):
        return shipped()
    markets = {name: load(name).arguments["markets"] for name in shipped()}
    return [name for name, listed in markets.items() if _kinds_of(listed) <= set(kinds)]


def _kinds_of(listed: Sequence[Listing]) -> set[str]:
    """The kinds of market that a scenario is about: Spot, where it lists the default world."""
    if {one.market.symbol for one in listed} == DEFAULTS.keys():
        return {"spot"}
    return {one.market.kind for one in listed}


def make(bot: str, names: Sequence[str] | None = None, *, venue: str = "", jobs: int = 0) -> Card:
    """A bot's card; each scenario in a process, several side by side.

    Ctrl-C, and a bot that ends its process, leave what there is until then. Raises
    ConfigurationError for a bot or a venue that is not there.
    """
    wanted = in_order(scenarios_of(bot, venue) if names is None else names)
    card = Card(bot=bot, wanted=len(wanted))
    try:
        with processes(jobs) as pool:
            _fill(card, wanted, venue, pool)
    except KeyboardInterrupt:
        card.interrupted = True
    except BrokenProcessPool:
        done = len(card.grades)
        where = wanted[done] if done < len(wanted) else wanted[-1]
        card.broken_off = f"the bot ended its process, in {where} or in a scenario run beside it"
    return card


def _fill(card: Card, wanted: Sequence[str], venue: str, pool: ProcessPoolExecutor) -> None:
    kinds = {name: _kind(card.bot, load(name)) for name in wanted}
    examples = {kind: name for name, kind in reversed(kinds.items())}
    asked = {kind: pool.submit(baseline, name, card.bot, venue) for kind, name in examples.items()}
    found = {kind: one.result() for kind, one in asked.items()}
    for broken in found.values():
        card.baseline = {**broken, **card.baseline}
    grades: list[Future[Grade]] = [
        pool.submit(grade, name, card.bot, venue, tuple(found[kinds[name]])) for name in wanted
    ]
    for one in grades:
        card.grades.append(one.result())


def _kind(bot: str, scenario: Scenario) -> str:
    """A key: scenarios that differ only in what fails have the same baseline."""
    config = RunConfig(bot=bot).resolved(scenario)
    same = calm(scenario)
    return repr((config.bot, config.duration, same.intent, same.options, same.accounts,
                 sorted(map(str, same.arguments.items()))))  # fmt: skip


def in_order(names: Iterable[str]) -> list[str]:
    """Scenarios by family, then by name."""
    families = {name: load(name).family for name in names}
    return sorted(families, key=lambda name: (len(families[name]), families[name], name))


def show(card: Card) -> None:
    """Print the card as a table, and the result in one line."""
    from failing_exchange.report.text import console

    out = console()

    def say(text: str) -> None:
        out.print(text, markup=False, highlight=False)

    for rule, why in card.baseline.items():
        say(f"Without any fault it breaks {rule}: it {why}. Below this is not repeated.")
    out.print(_table(card.grades))
    failed = [one for one in card.grades if not one.passed]
    say(f"{card.bot} passes {len(card.grades) - len(failed)} of {len(card.grades)} scenarios.")
    left = card.wanted - len(card.grades)
    if left:
        why = "Interrupted" if card.interrupted else card.broken_off or "Ended early"
        say(f"{why}: {left} scenarios were not run.")
    worst = max(failed, key=lambda one: one.money, default=None)
    if worst is not None:
        why = next(iter(worst.broken.values()), worst.error)
        money = f", {worst.money_text} at risk" if worst.money else ""
        say(f"Worst: {worst.scenario}{money}: it {why}.")
        say(f"  again: {worst.again}")


def _table(grades: Sequence[Grade]) -> Any:
    from failing_exchange.report.text import table

    currencies = dict.fromkeys(one.currency for one in grades)
    alone = next(iter(currencies), "") if len(currencies) == 1 else ""
    made = table("", "scenario", "", "breaks", f"{alone} at risk".strip())
    scenario, mark, breaks, risk = made.columns[1:]
    scenario.no_wrap = mark.no_wrap = True
    scenario.min_width = max([8, *(len(g.scenario) for g in grades)])
    breaks.overflow = risk.overflow = "fold"
    risk.justify = "right"
    for one in grades:
        passes = "[green]passes[/]" if one.passed else "[red]fails[/]"
        money = one.money_text.removesuffix(f" {alone}")
        made.add_row(one.family, one.scenario, passes, ", ".join(one.broken) or one.error, money)
    return made
