"""The command `simulate`: run any script or module in virtual time."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from failing_exchange.cli.exit_codes import CLEAN, FINDINGS
from failing_exchange.cli.options import AS_OF, add_environment, day

if TYPE_CHECKING:
    from failing_exchange.runs.programs import ProgramSpec


def add_parser(commands: Any) -> None:
    """Add `simulate` to the command line."""
    simulate = commands.add_parser("simulate", help="run any Python program in virtual time")
    simulate.add_argument("--seed", type=int, default=0, help="seed of all randomness (default 0)")
    simulate.add_argument(
        "--start", default="2026-01-01T00:00:00Z", metavar="TIME",
        help="start of virtual time, UTC (default 2026-01-01T00:00:00Z)",
    )  # fmt: skip
    simulate.add_argument(
        "--venue", metavar="NAME",
        help="the venue that clients reach by its production host names (default: none)",
    )  # fmt: skip
    add_environment(simulate)
    simulate.add_argument("--as-of", type=day, metavar="DATE", help=AS_OF)
    simulate.add_argument(
        "-m", dest="module", nargs=argparse.REMAINDER,
        help="a module, as Python runs it, and its arguments; our options go before it",
    )  # fmt: skip
    simulate.add_argument("script", nargs="?", help="the script, if no module is named")
    simulate.add_argument("arguments", nargs=argparse.REMAINDER, help="its own arguments")
    simulate.set_defaults(command=simulate_command)


def simulate_command(options: argparse.Namespace) -> int:
    """Run the program; an exception of the program is a finding."""
    from failing_exchange.errors import ConfigurationError
    from failing_exchange.runs.bot_environment import BotEnvironment
    from failing_exchange.runs.programs import LoadedProgram
    from failing_exchange.runs.watchdog import watched
    from failing_exchange.simulation import simulate
    from failing_exchange.text.tracebacks import own_traceback

    program = _program(options)
    environment = BotEnvironment(
        dict(options.env or ()), options.files, str(options.keep_files or "")
    )
    environment.check()
    if options.files and not program.is_module:
        program = program._replace(place=os.path.abspath(program.place))
    loaded = LoadedProgram(program)
    try:
        with watched(), environment.entered(), loaded.arguments():
            simulate(
                loaded.run, seed=options.seed, start=options.start, venue=options.venue or (),
                as_of=options.as_of,
            )  # fmt: skip
    except (SystemExit, KeyboardInterrupt, ConfigurationError, BrokenPipeError):
        raise
    except BaseException as error:
        print(own_traceback(error), file=sys.stderr)
        return FINDINGS
    return CLEAN


def _program(options: argparse.Namespace) -> ProgramSpec:
    """What to run; behind `-m` all that is left are arguments."""
    from failing_exchange.errors import ConfigurationError
    from failing_exchange.runs.programs import ProgramSpec

    if options.module:
        module, *arguments = options.module  # as far as a first --
        behind = [] if options.script is None else [options.script, *options.arguments]
        return ProgramSpec(module, True, (*arguments, *behind))
    if options.script is None:
        raise ConfigurationError("simulate: name a script as path.py, or a module as -m module")
    return ProgramSpec(options.script, False, tuple(options.arguments))
