"""The command `simulate`: run any asyncio script in virtual time."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from failing_exchange.cli.exit_codes import CLEAN, FINDINGS
from failing_exchange.cli.options import AS_OF, day


def add_parser(commands: Any) -> None:
    """Add `simulate` to the command line."""
    simulate = commands.add_parser("simulate", help="run any asyncio script in virtual time")
    simulate.add_argument("--seed", type=int, default=0, help="seed of all randomness (default 0)")
    simulate.add_argument(
        "--start", default="2026-01-01T00:00:00Z", metavar="TIME",
        help="start of virtual time, UTC (default 2026-01-01T00:00:00Z)",
    )  # fmt: skip
    simulate.add_argument(
        "--venue", metavar="NAME",
        help="the venue that clients reach by its production host names (default: none)",
    )  # fmt: skip
    simulate.add_argument("--as-of", type=day, metavar="DATE", help=AS_OF)
    simulate.add_argument("script", help="the script")
    simulate.add_argument("arguments", nargs=argparse.REMAINDER, help="its own arguments")
    simulate.set_defaults(command=simulate_command)


def simulate_command(options: argparse.Namespace) -> int:
    """Run the script; an exception of the script is a finding."""
    from failing_exchange.errors import ConfigurationError
    from failing_exchange.runs.watchdog import watched
    from failing_exchange.simulation import run_script
    from failing_exchange.text.tracebacks import own_traceback

    if not Path(options.script).is_file():
        raise ConfigurationError(f"no script {options.script!r}")
    try:
        with watched():
            run_script(
                options.script, options.arguments, seed=options.seed, start=options.start,
                venue=options.venue or (), as_of=options.as_of,
            )  # fmt: skip
    except (SystemExit, KeyboardInterrupt, ConfigurationError, BrokenPipeError):
        raise
    except BaseException as error:
        print(own_traceback(error), file=sys.stderr)
        return FINDINGS
    return CLEAN
