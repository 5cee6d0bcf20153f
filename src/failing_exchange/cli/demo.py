"""The command `demo`: two bots trade one day on a failing exchange."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from failing_exchange.cli.exit_codes import CLEAN, INTERRUPTED
from failing_exchange.cli.report import write_page
from failing_exchange.cli.run import run_with_progress
from failing_exchange.core.units import DAY_S

if TYPE_CHECKING:
    from failing_exchange.runs.bot_run import RunReport

DEMO_SECONDS = DAY_S
DEMO_SEED = 7
DEMO_REPORT = "failing-exchange-demo.html"


def add_parser(commands: Any) -> None:
    """Add `demo` to the command line."""
    demo = commands.add_parser("demo", help="two bots trade a day; read who lost money, and why")
    demo.add_argument("--seed", type=int, default=DEMO_SEED, help="seed of the day (default 7)")
    demo.set_defaults(command=demo_command)


def demo_command(options: argparse.Namespace) -> int:
    """Run both bots, show them side by side, write the report."""
    from failing_exchange.report.text import show, show_demo
    from failing_exchange.runs.bot_run import RunConfig

    modes = (("TIMEOUT", 0.01), ("CONNECTION_ERROR", 0.01), ("PARTIAL_FILL", 0.05))
    reports: list[RunReport] = []
    for bot in ("naive", "careful"):
        config = RunConfig(bot=bot, duration=DEMO_SECONDS, seed=options.seed, modes=modes)
        reports.append(run_with_progress(config))
        if reports[-1].interrupted:
            show([one.shown() for one in reports])
            return INTERRUPTED
    show_demo([one.shown() for one in reports], reports[0].config.seed or 0)
    write_page(reports[0].as_dict(), Path(DEMO_REPORT))
    print(f"The whole day as a page:  {Path(DEMO_REPORT).absolute()}")
    return CLEAN
