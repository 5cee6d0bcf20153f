"""What a person sees in a terminal: progress by the real clock, tables, the two columns."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from failing_exchange.core.reject import Reject
from failing_exchange.journal import row
from failing_exchange.runner import Report, RunConfig, run
from failing_exchange.trip import Trip
from failing_exchange.virtual.wallclock import REAL

TROUBLE_SHOWN = 3  # trips of which the two columns are shown


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
    name = f"{config.bot}, {span(config.duration)}"
    with bar:
        task = bar.add_task(name, total=1.0)

        def advance(share: float) -> None:
            bar.update(task, completed=share)
            bar.refresh()

        return run(config, progress=advance)


def show(reports: Sequence[Report], *, output: str | None = None) -> None:
    """The table at the end of a run."""
    from rich.console import Console

    console = Console()
    console.print(_table(reports))
    for report in reports:
        if report.crashed:
            console.print(f"The bot died: {report.crashed}", style="red", markup=False)
        if report.interrupted:
            console.print("Interrupted: this is what was gathered until then.", style="yellow")
    if output is not None:
        console.print(f"Results are in {output}", markup=False)


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
        ("orders intended", [_count(r.intended) for r in reports]),
        ("orders placed", [_count(r.placed) for r in reports]),
        ("  duplicated", [_count(r.duplicated) for r in reports]),
        ("  never told of", [_count(r.unaware) for r in reports]),
        ("intents lost", [_count(r.lost) for r in reports]),
        ("BTC, believed", [_amount(r.believed) for r in reports]),
        ("BTC, in truth", [_amount(r.true) for r in reports]),
        ("money in error", [_money(r.money) for r in reports]),
    ]


def _count(value: int | None) -> str:
    return "not judged" if value is None else f"{value:,}"


def _amount(changes: dict[str, float] | None) -> str:
    return "not judged" if changes is None else f"{changes.get('BTC', 0.0):+.5f}"


def _money(value: float | None) -> str:
    return "not judged" if value is None else f"{value:,.2f} USDT"


def show_demo(reports: Sequence[Report]) -> None:
    """Two bots side by side, who lost money, and why."""
    from rich.console import Console

    console = Console()
    show(reports)
    naive, careful = reports
    console.print(_verdict(naive), markup=False)
    console.print(_verdict(careful), markup=False)
    if naive.trouble:
        console.print("\nWhere it went wrong, in the two columns of the journal:", markup=False)
        console.print(two_columns(naive.trouble[:TROUBLE_SHOWN]), markup=False, highlight=False)
    console.print(
        f"\nAgain: failing-exchange demo --seed {naive.config.seed}"
        "   Your own bot: failing-exchange run --bot mybot.py:main",
        markup=False,
    )


def _verdict(report: Report) -> str:
    name = report.config.bot
    if not report.money:
        return f"The {name} bot knows exactly what it owns, after {report.placed:,} orders."
    return (
        f"The {name} bot is wrong about {report.money:,.2f} USDT: {report.duplicated} orders were "
        f"placed twice, and of {report.unaware} it was never told."
    )


def two_columns(trips: Sequence[Trip]) -> str:
    """Trips as text: what happened on the exchange, and what the client was told."""
    lines = [f"{'trip':>6}  {'asked':<28}{'HAPPENED':<34}TOLD"]
    for trip in trips:
        asked = f"{trip.operation} {trip.symbol}".strip()
        happened = ", ".join(_event(event) for event in row(trip)["happened"]) or "nothing"
        lines.append(f"{trip.number:>6}  {asked:<28}{happened[:32]:<34}{_told(trip)}")
        lines += [f"{'':>8}struck by {d.rule}: {type(d.verdict).__name__}" for d in trip.struck]
    return "\n".join(lines)


def _event(event: dict[str, Any]) -> str:
    what = str(event["is"]).removeprefix("Order").lower()
    return f"order {event['order_id']} {what}" if "order_id" in event else what


def _told(trip: Trip) -> str:
    if trip.hung_up:
        return "connection lost"
    if trip.told is None or trip.gave_up_at:
        return "nothing (timed out)"
    if isinstance(trip.told, Reject):
        return f"no: {trip.told.text}"
    return "the truth" if not trip.struck else "an answer"


def span(seconds: float) -> str:
    """A duration for people.

    >>> span(86_400), span(3_600), span(90)
    ('24 h', '1 h', '90 s')
    """
    if seconds >= 3_600:
        return f"{seconds / 3_600:g} h" if seconds % 3_600 == 0 else f"{seconds / 3_600:.1f} h"
    return f"{seconds:g} s"
