"""What a person sees in a terminal: progress by the real clock, tables, the two columns."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from failing_exchange.core.commands import PlaceOrder
from failing_exchange.core.market import Market, parse_symbol
from failing_exchange.core.units import HOUR_S
from failing_exchange.journal.trip import Trip
from failing_exchange.judge.rule import Outcome
from failing_exchange.judge.verdict import Verdict
from failing_exchange.report.words import event_text, told_text
from failing_exchange.runs.run import Report, RunConfig, run
from failing_exchange.venue.admission import instant_text
from failing_exchange.virtual.wallclock import REAL

if TYPE_CHECKING:
    from rich.console import Console

RULE_WIDTH = 13  # columns: the longest name of a rule
RULE_INDENT = " " * (RULE_WIDTH + 3)
RULES_SHOWN = 5  # broken rules that a summary tells more of than the name
UNJUDGED = Outcome.NOT_JUDGED
TROUBLE_SHOWN = 3  # trips of which the two columns are shown
WIDTH_PIPED = 10_000  # columns where no terminal limits them: nothing is cut or wrapped


def console() -> Console:
    """Standard output: as wide as the terminal, or whole where it is a pipe or a file."""
    from rich.console import Console

    limited = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if limited else WIDTH_PIPED)


def run_with_progress(config: RunConfig) -> Report:
    """Run, with a progress bar on a terminal; its clock is the real one."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console,
        auto_refresh=False,
        transient=True,
        disable=not sys.stderr.isatty(),
        get_time=REAL["perf_counter"],
    )
    name = config.bot if config.duration is None else f"{config.bot}, {span(config.duration)}"
    with bar:
        task = bar.add_task(name, total=1.0)

        def advance(share: float) -> None:
            bar.update(task, completed=share)
            bar.refresh()

        return run(config, progress=advance)


def show(reports: Sequence[Report]) -> None:
    """The table at the end of a run."""
    out = console()
    out.print(_table(reports))
    for report in reports:
        if report.stopped:
            out.print(f"Stopped: {report.stopped}", style="red", markup=False)
        if report.interrupted:
            out.print("Interrupted: this is what was gathered until then.", style="yellow")


def _table(reports: Sequence[Report]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for report in reports:
        table.add_column(report.config.bot, justify="right")
    for name, values in _rows(reports):
        table.add_row(name, *values)
    return table


def _rows(reports: Sequence[Report]) -> list[tuple[str, list[str]]]:
    requests = [f"{r.statistics['total']:,} ({r.statistics['rate']:.1%})" for r in reports]
    return [
        ("time simulated", [span(r.seconds) for r in reports]),
        ("requests struck", requests),
        *[(name, [_cell(r.verdict, tell) for r in reports]) for name, tell in ROWS.items()],
    ]


def _cell(verdict: Verdict | None, tell: Callable[[Verdict], str | None]) -> str:
    told = None if verdict is None else tell(verdict)
    return "not judged" if told is None else told


def _count(value: int | None) -> str | None:
    return None if value is None else f"{value:,}"


def _money(value: float | None) -> str | None:
    return None if value is None else f"{value:,.2f} USDT"


def _holding(verdict: Verdict, name: str) -> str | None:
    """BTC gained, as believed or as it is; 0 where no BTC was traded."""
    if verdict.holdings is None:
        return None
    one = verdict.holdings.get("BTC")
    return f"{0.0 if one is None else getattr(one, name):+.5f}"


ROWS: dict[str, Callable[[Verdict], str | None]] = {
    "orders intended": lambda v: _count(v.intended),
    "orders placed": lambda v: _count(v.placed),
    "  duplicated": lambda v: _count(v.duplicated),
    "  never told of": lambda v: _count(v.orphans),
    "intents lost": lambda v: _count(v.lost),
    "BTC, believed": lambda v: _holding(v, "believed"),
    "BTC, in truth": lambda v: _holding(v, "true"),
    "wrong at the end": lambda v: _money(v.wrong),
    "lost or at risk": lambda v: _money(v.money),
}


def show_demo(reports: Sequence[Report]) -> None:
    """Two bots side by side, who lost money, and why."""
    out = console()
    show(reports)
    for report in reports:
        if report.trouble:
            out.print(
                f"How the {report.config.bot} bot came to it, in the journal's two columns:",
                markup=False, highlight=False,
            )  # fmt: skip
            out.print(columns(report.trouble[:TROUBLE_SHOWN], report.markets))
            break
    for report in reports:
        if report.verdict is not None:
            for text in summary(report.config.bot, report.verdict):
                out.print(_hanging(text, out.width), markup=False, highlight=False)
            out.print()
    command = _command()
    out.print(f"Another day:   {command} demo --seed {(reports[0].config.seed or 0) + 1}")
    out.print(f"Your own bot:  {command} run --bot mybot.py:main")


def _command() -> str:
    """How this program is called from here: by its path where its name is not on PATH."""
    name = "failing-exchange"
    own = Path(sys.argv[0])
    if shutil.which(name) is not None or own.name != name:
        return name
    return os.path.relpath(own) if own.is_absolute() else str(own)


def summary(bot: str, verdict: Verdict) -> list[str]:
    """The verdict in at most ten lines: what a page about the run says at its top.

    The first line has the headline: `Verdict.money`. Amounts below it are in units.
    """
    failed = verdict.failures
    lines = [_headline(bot, verdict)]
    for result in failed[:RULES_SHOWN]:
        more = f", and {result.times - 1} times more" if result.times > 1 else ""
        lines.append(f"  {result.rule:<{RULE_WIDTH}} {result.breaches[0].text}{more}")
    if len(failed) > RULES_SHOWN:
        lines.append(f"  and {', '.join(result.rule for result in failed[RULES_SHOWN:])}")
    for symbol, exposure in list(verdict.exposure.items())[:1]:
        if exposure["worst_amount"]:
            base = parse_symbol(symbol).base
            lines.append(
                f"  Traded without being told: {exposure['worst_amount']:.8g} {base} at worst, "
                f"over {span(round(exposure['seconds']))}; {exposure['left_amount']:.8g} {base} "
                "at the end."
            )
    if verdict.faults:
        recovery = verdict.recovery_s
        lines.append(
            f"  Well again {span(round(recovery, 1))} after the last of {verdict.faults} faults."
            if recovery is not None
            else f"  Not well again after the last of {verdict.faults} faults."
        )
    return lines


def _headline(bot: str, verdict: Verdict) -> str:
    failed, judged = verdict.failures, [r for r in verdict.results if r.outcome is not UNJUDGED]
    wrong = f"at the end it is wrong about {verdict.wrong:,.2f} USDT" if verdict.wrong else ""
    if failed:
        money = f"; {verdict.money:,.2f} USDT lost or at risk" if verdict.money else ""
        more = f"; {wrong}" if wrong else ""
        return (
            f"The {bot} bot breaks {len(failed)} of {len(judged)} rules that could be judged"
            f"{money}{more}."
        )
    keeps = f"The {bot} bot keeps all {len(judged)} rules that could be judged"
    if wrong:
        return f"{keeps}, but {wrong}."
    knows = "" if verdict.wrong is None else ", and knows what it owns, to the cent"
    return f"{keeps}{knows}, after {verdict.placed:,} orders."


def _hanging(text: str, width: int) -> str:
    """A line that goes on below its own words where the terminal is narrower than it."""
    indent = RULE_INDENT if text.startswith("  ") else ""
    return "\n".join(wrap(text, width, subsequent_indent=indent, break_on_hyphens=False))


def columns(trips: Sequence[Trip], markets: Mapping[str, Market]) -> Any:
    """The two columns of some trips: what happened on the exchange, what the client was told."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("trip", "asked", "HAPPENED", "TOLD"):
        table.add_column(name)
    for trip in trips:
        market = markets.get(trip.symbol)
        asked = f"{trip.operation}\n{_request(trip, market)}"
        happened = "\n".join(event_text(e, markets) for e in trip.happened) or "nothing"
        told = told_text(trip, markets) + "".join(f"\nstruck by {d.rule}" for d in trip.struck)
        cells = (f"{trip.number}\n{instant_text(trip.born_at)[11:19]}", asked, happened, told)
        table.add_row(*map(Text, cells))
    return table


def _request(trip: Trip, market: Market | None) -> str:
    command = trip.command
    if not isinstance(command, PlaceOrder) or market is None:
        return trip.symbol
    return f"{command.side} {market.amount_text(command.lots)} {market.base}"


def span(seconds: float) -> str:
    """A duration for people.

    >>> span(86_400), span(3_600), span(90)
    ('24 h', '1 h', '90 s')
    """
    if seconds >= HOUR_S:
        return f"{seconds / HOUR_S:g} h" if seconds % HOUR_S == 0 else f"{seconds / HOUR_S:.1f} h"
    return f"{seconds:g} s"
