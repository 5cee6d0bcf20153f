"""The command line: parse the arguments and run a command; each command is a module of its own."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from failing_exchange.cli import (
    check_determinism,
    completion,
    ctl,
    demo,
    doctor,
    explore,
    faults,
    init,
    mcp,
    replay,
    report,
    rules,
    run,
    scenarios,
    serve,
    simulate,
    trade,
)
from failing_exchange.cli.exit_codes import CLEAN, COULD_NOT_RUN, INTERRUPTED
from failing_exchange.cli.options import Parser, Version

# in the order in which `--help` shows them
COMMANDS = (demo, init, run, explore, report, rules, serve, ctl, mcp, trade, faults, scenarios,
            simulate, replay, check_determinism, doctor, completion)  # fmt: skip
# what `--` begins: a program beside the server, or the arguments of the bot in that option
AFTER_DASHES = {"serve": "program", "run": "bot", "explore": "target",
                "check-determinism": "target"}  # fmt: skip
POSITIONAL = {"explore": "target", "check-determinism": "target"}  # or -m in its place
RUNNABLE = "path.py:function, a script as path.py, or a module as -m module"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit code is one of `exit_codes.TABLE`."""
    from failing_exchange.errors import ConfigurationError

    arguments = parser()
    own, program = split(sys.argv[1:] if argv is None else argv)
    options, unknown = arguments.parse_known_args(own)
    if unknown:
        hint = _hint(own[0], unknown)
        arguments.error(f"{own[0]}: unrecognized arguments: {' '.join(unknown)}{hint}")
    if own and own[0] in POSITIONAL and not hasattr(options, POSITIONAL[own[0]]):
        arguments.error(f"{own[0]}: name what to run: {RUNNABLE}")
    if program is not None:
        from failing_exchange.runs.bot_loader import with_arguments

        name = AFTER_DASHES[own[0]]
        value = program if name == "program" else with_arguments(getattr(options, name), program)
        setattr(options, name, value)
    if not hasattr(options, "command"):
        arguments.print_help()
        return CLEAN
    logging.getLogger("failing_exchange").addHandler(logging.NullHandler())
    try:
        return int(options.command(options))
    except ConfigurationError as error:
        print(f"failing-exchange: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    except BrokenPipeError:  # the reader of stdout has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return COULD_NOT_RUN if getattr(options, "judges", False) else CLEAN
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _hint(command: str, unknown: Sequence[str]) -> str:
    """What to do about arguments that a command does not have."""
    if command == "run" and ".py" in unknown[0]:
        return f"; name the bot with --bot {unknown[0]}"
    return "; arguments of the program stand behind --" if command in AFTER_DASHES else ""


def split(argv: Sequence[str]) -> tuple[list[str], list[str] | None]:
    """Split our own arguments from those behind `--`, for the commands of `AFTER_DASHES`.

    >>> split(["serve", "--port", "0", "--", "python", "bot.py", "--", "x"])
    (['serve', '--port', '0'], ['python', 'bot.py', '--', 'x'])
    """
    own = list(argv)
    if not own or own[0] not in AFTER_DASHES or "--" not in own:
        return own, None
    at = own.index("--")
    return own[:at], own[at + 1 :]


def parser() -> Parser:
    """The parser of all commands."""
    made = Parser(
        prog="failing-exchange",
        description="A simulated crypto exchange that fails on command, so that your bot does not.",
    )
    made.add_argument("--version", action=Version, nargs=0, help="show the version and exit")
    commands = made.add_subparsers(metavar="COMMAND", parser_class=Parser)
    for command in COMMANDS:
        command.add_parser(commands)
    made.set_defaults(whole_parser=made)  # for `completion`
    return made
