"""Options of the command line: how they are read, shown, and refused in one line."""

from __future__ import annotations

import argparse
import os
import re
import sys
from typing import Any, NoReturn

from failing_exchange.cli.exit_codes import COULD_NOT_RUN, HELP
from failing_exchange.core.units import HOUR_S
from failing_exchange.errors import ConfigurationError
from failing_exchange.text.durations import seconds_of
from failing_exchange.text.spelling import did_you_mean

RULE = "a rule of yours, as rules.py:Name (docs/own_rules.md); may be repeated"
FAULT = "a fault of yours, as faults.py:Name (docs/own_faults.md); may be repeated"
SWITCH = {**dict.fromkeys(("1", "true", "yes", "on"), True),
          **dict.fromkeys(("0", "false", "no", "off"), False)}  # fmt: skip


def add_own_code(parser: Any) -> None:
    """The options `--rule` and `--fault`."""
    for name, text in (("rule", RULE), ("fault", FAULT)):
        parser.add_argument(f"--{name}", action="append", metavar="PATH:NAME", help=text)


class Parser(argparse.ArgumentParser):
    """Says what is wrong with an argument in one line; its help ends with the exit codes."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"epilog": HELP, **options})

    def error(self, message: str) -> NoReturn:
        """Print the line and leave with exit code 2."""
        unknown = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if unknown is not None:
            known = re.findall(r"[\w-]+", unknown[2])
            message = (
                f"there is no {unknown[1]!r}{did_you_mean(unknown[1], known)} ({', '.join(known)})"
            )
        print(f"{self.prog}: {message} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(COULD_NOT_RUN)


class Version(argparse.Action):
    """Asks for the version only when somebody wants it."""

    def __call__(self, parser: argparse.ArgumentParser, *args: Any, **kwargs: Any) -> NoReturn:
        from importlib.metadata import version

        print(f"{parser.prog} {version('failing-exchange')}")
        raise SystemExit(0)


class Formatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults, where there are any and the help does not."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        if action.default in (None, False, argparse.SUPPRESS) or "default" in text:
            return text
        return f"{text} (default: {action.default})"


def switched(variable: str, default: bool = False) -> bool | None:
    """What the environment says of a switch; None for a value that says neither on nor off."""
    given = os.environ.get(variable)
    return SWITCH.get(given.lower()) if given else default


def says_neither(variable: str) -> ConfigurationError:
    """What is raised for such a value."""
    given = os.environ.get(variable)
    return ConfigurationError(f"{variable}={given}; expected 1 or 0, true or false")


def seconds(text: str) -> float:
    """A number of seconds above 0, or a span.

    >>> seconds("90"), seconds("1.5h")
    (90.0, 5400.0)
    """
    value = _span(text)
    if not 0 < value < 10**9:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0 and below 10^9 seconds")
    return value


def seconds_or_none(text: str) -> float:
    """As `seconds`, and 0 for none."""
    value = _span(text)
    if not 0 <= value < 10**9:
        raise argparse.ArgumentTypeError(f"{text!r} is not from 0 to 10^9 seconds")
    return value


def minutes(text: str) -> float:
    """A number of minutes above 0, or a span.

    >>> minutes("30"), minutes("2h")
    (30.0, 120.0)
    """
    return _counted(text, "minutes", 60)


def hours(text: str) -> float:
    """A number of hours above 0, or a span.

    >>> hours("1.5"), hours("30m")
    (1.5, 0.5)
    """
    return _counted(text, "hours", HOUR_S)


def _counted(text: str, unit: str, unit_seconds: int) -> float:
    """A plain number of a unit other than seconds, or a span, as a number of that unit."""
    try:
        value = float(text)
    except ValueError:
        value = _span(text) / unit_seconds
    if not 0 < value * unit_seconds < 10**9:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0 and below 10^9 s in {unit}")
    return value


def probability(text: str) -> float:
    """From 0 to 1."""
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no probability from 0 to 1")
    return value


def count(text: str) -> int:
    """A whole number from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def _span(text: str) -> float:
    try:
        return float(seconds_of(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None
