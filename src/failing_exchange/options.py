"""Options of the command line: how they are read, shown, and refused in one line."""

from __future__ import annotations

import argparse
import os
import re
import sys
from typing import Any, NoReturn

from failing_exchange.errors import ConfigurationError
from failing_exchange.spelling import meant

WRONG = 2  # the exit code for wrong arguments
SWITCH = {**dict.fromkeys(("1", "true", "yes", "on"), True),
          **dict.fromkeys(("0", "false", "no", "off"), False)}  # fmt: skip


class Parser(argparse.ArgumentParser):
    """Says what is wrong with an argument in one line."""

    def error(self, message: str) -> NoReturn:
        """Print the line and leave with exit code 2."""
        unknown = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if unknown is not None:
            known = re.findall(r"[\w-]+", unknown[2])
            message = f"there is no {unknown[1]!r}{meant(unknown[1], known)} ({', '.join(known)})"
        print(f"{self.prog}: {message} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(WRONG)


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
    """A number above 0."""
    value = _number(text)
    if not 0 < value < 10**9:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
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
