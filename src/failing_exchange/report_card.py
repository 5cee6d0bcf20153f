"""A report card: one bot in every scenario that ships, judged in each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from failing_exchange.bots import STRATEGIES
from failing_exchange.errors import ConfigurationError
from failing_exchange.playing import find_bot
from failing_exchange.runner import RunConfig, run
from failing_exchange.scenario import load, shipped

MANNERS = ("naive", "careful")  # of the reference bots: each scenario has a strategy of theirs
DURATION = 3_600.0  # of a scenario that names none


class Grade(NamedTuple):
    """How a bot did in one scenario. `broken`: the rules it broke, with the first breach each."""

    scenario: str
    family: str
    passed: bool
    broken: dict[str, str]
    money: float
    error: str = ""


def grade(name: str, bot: str) -> Grade:
    """Run a bot in a scenario; `naive` and `careful` are those of the scenario's strategy."""
    scenario = load(name)
    if bot in MANNERS and scenario.bot in STRATEGIES:
        bot = f"{scenario.bot}-{bot}"
    config = RunConfig(
        bot=bot,
        scenario=name,
        duration=scenario.duration or DURATION,
        modes=(),
        rate_limit=None,
        seed=scenario.seed,
    )
    verdict = run(config).verdict
    if verdict is None:
        return Grade(name, scenario.family, False, {}, 0.0, "the run has no verdict")
    broken = {result.rule: result.why for result in verdict.failures}
    return Grade(name, scenario.family, verdict.passed, broken, verdict.money)


def grades(bot: str, names: Sequence[str] | None = None, *, jobs: int = 0) -> Iterator[Grade]:
    """A bot's grades in all scenarios, in their order; each in a process, several side by side.

    Raises ConfigurationError for a bot that is not there.
    """
    find_bot(bot)
    wanted = in_order(shipped() if names is None else names)
    with ProcessPoolExecutor(jobs or None) as processes:
        yield from processes.map(partial(grade, bot=bot), wanted)


def in_order(names: Iterable[str]) -> list[str]:
    """Scenarios by family, then by name."""
    families = {name: load(name).family for name in names}
    return sorted(families, key=lambda name: (len(families[name]), families[name], name))


def show(bot: str, found: Sequence[Grade]) -> None:
    """The card as a table, and what it comes to in a line."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "scenario", "", "breaks", "USDT at risk"):
        table.add_column(name)
    for one in found:
        mark = "[green]passes[/]" if one.passed else "[red]fails[/]"
        money = f"{one.money:,.2f}" if one.money else ""
        table.add_row(one.family, one.scenario, mark, ", ".join(one.broken) or one.error, money)
    console = Console()
    console.print(table)
    failed = [one for one in found if not one.passed]
    worst = max(failed, key=lambda one: one.money, default=None)
    console.print(
        f"{bot} passes {len(found) - len(failed)} of {len(found)} scenarios.", highlight=False
    )
    if worst is not None:
        why = next(iter(worst.broken.values()), worst.error)
        console.print(f"Worst: {worst.scenario}: it {why}.", markup=False, highlight=False)


def write(path: Path, bot: str, found: Sequence[Grade]) -> None:
    """The card as JSON."""
    card: dict[str, Any] = {"kind": "card", "bot": bot, "grades": [one._asdict() for one in found]}
    try:
        path.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"--output {path}: {error.strerror}") from error
