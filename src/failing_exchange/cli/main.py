"""The command line: parse the arguments and run a command; each command is a module of its own."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

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
from failing_exchange.cli.exit_codes import CLEAN, COULD_NOT_RUN, INTERRUPTED, TABLE
from failing_exchange.cli.json_output import print_document, stdout_for_programs
from failing_exchange.cli.logs import all_as_json, error_line
from failing_exchange.cli.options import Parser, UsageError, Version
from failing_exchange.errors import ConfigurationError
from failing_exchange.system import print_all_characters

# As `--help` shows them: what a newcomer needs comes first.
GROUPS: dict[str, tuple[Any, ...]] = {
    "Start here": (demo, init, doctor),
    "Test a bot": (run, explore, replay, report, simulate, check_determinism),
    "Serve a venue": (serve, ctl, trade, mcp),
    "Look up": (faults, scenarios, rules, completion),
}
WAYS = ("failing-exchange COMMAND --help  shows the options of one",
        "failing-exchange --version       shows the version")  # fmt: skip
# what `--` begins: a program beside the server, or the arguments of the bot in that option
AFTER_DASHES = {"serve": "program", "run": "bot", "explore": "target",
                "check-determinism": "target"}  # fmt: skip
POSITIONAL = {"explore": "target", "check-determinism": "target"}  # or -m in its place
LOG_FORMAT_VARIABLE = "FAILING_EXCHANGE_LOG_FORMAT"
RUNNABLE = "path.py:function, a script as path.py, or a module as -m module"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit code is one of `exit_codes.TABLE`."""
    print_all_characters()
    own, program = split(sys.argv[1:] if argv is None else argv)
    try:
        options = _parsed(own, program)
    except UsageError as error:
        with _speaking(_asked_for(own)) as asked:
            _fail(asked, error.text, COULD_NOT_RUN)
        raise
    if not hasattr(options, "command"):
        options.whole_parser.print_help()
        return CLEAN
    logging.getLogger("failing_exchange").addHandler(logging.NullHandler())
    try:
        with _speaking(options):
            return _carried_out(options)
    except BrokenPipeError:  # the reader of stdout has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return COULD_NOT_RUN if getattr(options, "judges", False) else CLEAN


def _parsed(own: list[str], program: list[str] | None) -> argparse.Namespace:
    """The options of a command. Raises UsageError for arguments that it does not have."""
    arguments = parser()
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
    return options


def _asked_for(own: list[str]) -> argparse.Namespace:
    """How arguments that can't be read want their error to be told."""
    asked = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    asked.add_argument("--json", action="store_true")
    variable = os.environ.get(LOG_FORMAT_VARIABLE, "") if own[:1] == ["serve"] else ""
    asked.add_argument("--log-format", default=variable)
    try:
        return asked.parse_known_args(own)[0]
    except argparse.ArgumentError:  # an option without its value
        return argparse.Namespace(json="--json" in own, log_format=variable)


@contextmanager
def _speaking(options: argparse.Namespace) -> Iterator[argparse.Namespace]:
    """Speak as the options ask: documents on stdout (--json), lines of JSON (--log-format json)."""
    options.stdout = sys.stdout
    logs_json = options.log_format == "json"
    options.json = options.json or logs_json
    with ExitStack() as closing:
        if logs_json:
            closing.enter_context(all_as_json())
        if options.json:
            options.stdout = closing.enter_context(stdout_for_programs())
        yield options


def _carried_out(options: argparse.Namespace) -> int:
    """Run the command; errors of the user's input are told in one line."""
    try:
        return int(options.command(options))
    except UsageError as error:
        _fail(options, error.text, COULD_NOT_RUN)
        raise
    except ConfigurationError as error:
        return _fail(options, f"failing-exchange: {error}", COULD_NOT_RUN)
    except KeyboardInterrupt:
        return _fail(options, "interrupted", INTERRUPTED)


def _fail(options: argparse.Namespace, text: str, code: int) -> int:
    """Say on stderr why a command ended, and in a document where one is expected."""
    print(error_line(text) if options.log_format == "json" else text, file=sys.stderr)
    if options.json:
        said = text.removeprefix("failing-exchange: ")
        print_document(options.stdout, {"kind": "error", "error": said}, exit_code=code)
    return code


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
    made = _FirstScreen(
        prog="failing-exchange",
        description="A simulated crypto exchange that fails on command, so that your bot does not.",
    )
    made.add_argument("--version", action=Version, nargs=0, help="show the version and exit")
    commands = made.add_subparsers(metavar="COMMAND", parser_class=Parser)
    for title, group in GROUPS.items():
        made.groups[title] = []
        for command in group:
            command.add_parser(commands)
            made.groups[title].append(commands._choices_actions[-1])
    made.set_defaults(whole_parser=made, json=False, log_format="text")
    return made


class _FirstScreen(Parser):
    """The parser of all commands; its help shows them in groups, each in one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.groups: dict[str, list[argparse.Action]] = {}

    def format_help(self) -> str:
        """The help, in 80 columns."""
        width = max(len(one.dest) for group in self.groups.values() for one in group)
        lines = [str(self.description), "", f"usage: {self.prog} COMMAND [options]"]
        for title, group in self.groups.items():
            lines += ["", f"{title}:", *(f"  {one.dest:<{width}}  {one.help}" for one in group)]
        codes = ", ".join(f"{code} {text.partition(':')[0]}" for code, text in TABLE.items())
        return "\n".join([*lines, "", *WAYS, f"exit codes: {codes}", ""])
