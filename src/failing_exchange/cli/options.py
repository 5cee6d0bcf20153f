"""Options of the command line: converters, environment variables, errors in one line."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from failing_exchange.cli.exit_codes import COULD_NOT_RUN, HELP
from failing_exchange.core.units import HOUR_S
from failing_exchange.text.durations import seconds_of
from failing_exchange.text.spelling import did_you_mean

VENUE_OF_BOT = (
    "the venue that a bot without a parameter `exchange` reaches by its production host names: a "
    "name, or path.py:NAME (default binance)"
)
AS_OF = "the day of the venue's API, as 2025-12-01 (docs/api_changes.md; default: the newest)"
ENV = (
    "an environment variable of the bot; may be repeated. Tokens and results hold it: give no real "
    "key, for the venue accepts any"
)
FILES = (
    "a folder: in each run the bot works in a fresh copy of it; a restart of the bot keeps what it "
    "wrote there"
)
KEEP_FILES = "a folder for what the bot wrote there; of an exploration, for each finding"
FAULT = "a fault of yours, as faults.py:Name (docs/own_faults.md); may be repeated"
SWITCH = {**dict.fromkeys(("1", "true", "yes", "on"), True),
          **dict.fromkeys(("0", "false", "no", "off"), False)}  # fmt: skip
SECONDS_LIMIT = 10**9  # of an option; as much or more is refused
HOURS_MAX = 8_784  # a leap year; more is refused
T = TypeVar("T")


def add_program(parser: Any, dest: str, help_text: str) -> None:
    """Add a positional argument for what is run, and `-m` for a module in its place."""
    parser.add_argument(dest, nargs="?", default=argparse.SUPPRESS, help=help_text)
    add_module(parser, dest)


def add_module(parser: Any, dest: str) -> None:
    """Add `-m`, which names a module as Python does."""
    parser.add_argument(
        "-m", dest=dest, type=lambda name: f"-m {name}", metavar="MODULE",
        default=argparse.SUPPRESS,
        help="run a module as a program, as Python does; its arguments stand behind --",
    )  # fmt: skip


def add_environment(parser: Any, *, keep: bool = True) -> None:
    """Add the options for a bot's environment variables and files, with `keep` for keeping them."""
    add = parser.add_argument
    add("--env", action="append", type=variable, metavar="NAME=VALUE", help=ENV)
    add("--files", default="", metavar="DIR", help=FILES)
    if keep:
        add("--keep-files", type=Path, metavar="DIR", help=KEEP_FILES)


def add_fault(parser: Any) -> None:
    """Add the option `--fault`."""
    parser.add_argument("--fault", action="append", metavar="PATH:NAME", help=FAULT)


class UsageError(SystemExit):
    """Arguments that can't be read; `text` says why. main() prints it and ends with code 2."""

    def __init__(self, text: str) -> None:
        super().__init__(COULD_NOT_RUN)
        self.text = text


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and whose help ends with the exit codes."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"epilog": HELP, **options})

    def error(self, message: str) -> NoReturn:
        """Raise UsageError with one line."""
        unknown = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if unknown is not None:
            known = re.findall(r"[\w-]+", unknown[2])
            near = did_you_mean(unknown[1], known)
            message = f"unknown choice {unknown[1]!r}{near} ({', '.join(known)})"
        raise UsageError(f"{self.prog}: {message} (see {self.prog} --help)")


class Version(argparse.Action):
    """Looks up the version only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *args: Any, **kwargs: Any) -> NoReturn:
        from importlib.metadata import version

        print(f"{parser.prog} {version('failing-exchange')}")
        raise SystemExit(0)


class Formatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults that the help does not mention."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        if action.default in (None, False, "", argparse.SUPPRESS) or "default" in text:
            return text
        return f"{text} (default: {action.default})"


# ---- options that the environment can give too


class FromEnvironment(str):
    """The value of an environment variable: a default that is checked as an argument is."""

    variable: str

    @classmethod
    def first(cls, *variables: str) -> FromEnvironment | None:
        """The first of these variables that is set and not empty."""
        for variable in variables:
            if os.environ.get(variable):
                found = cls(os.environ[variable])
                found.variable = variable
                return found
        return None


def environment_or(default: object, *variables: str) -> Any:
    """The default of an option: the first variable that is set, else `default`."""
    found = FromEnvironment.first(*variables)
    return default if found is None else found


def reading(kind: Callable[[str], T]) -> Callable[[str], T]:
    """Let an error of a converter name the environment variable that the value came from."""

    def read(text: str) -> T:
        try:
            return kind(text)
        except argparse.ArgumentTypeError as error:
            if isinstance(text, FromEnvironment):
                raise argparse.ArgumentTypeError(f"{text.variable}={error}") from None
            raise

    return read


class Switch(argparse.Action):
    """An option without a value; its default may be a string such as `1` or `false`."""

    def __init__(self, option_strings: Any, dest: str, **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, type=reading(on_or_off), **options)

    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        """Switch it on."""
        setattr(namespace, self.dest, True)


class ReplaceDefault(argparse.Action):
    """Collects the values of a repeated option; the first one replaces the environment's."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        """Add a value."""
        given = getattr(namespace, self.dest)
        kept = [] if given is None or given is self.default else given
        setattr(namespace, self.dest, [*kept, values])


# ---- converters: the `type` of an option


def on_or_off(text: str) -> bool:
    """Read a switch.

    >>> on_or_off("yes"), on_or_off("0")
    (True, False)
    """
    if text.lower() not in SWITCH:
        raise argparse.ArgumentTypeError(f"{text}; expected 1 or 0, true or false")
    return SWITCH[text.lower()]


def day(text: str) -> str:
    """Read the day of an API.

    >>> day("2025-12-01")
    '2025-12-01'
    """
    from failing_exchange.errors import ConfigurationError
    from failing_exchange.venue.api_changes import day_of

    try:
        return str(day_of(text))
    except ConfigurationError:
        raise argparse.ArgumentTypeError(f"{text}; expected a date, as 2025-12-01") from None


def one_of(*names: str) -> Callable[[str], str]:
    """A converter that takes one of these names."""

    def read(text: str) -> str:
        if text not in names:
            expected = f"{', '.join(names[:-1])} or {names[-1]}"
            raise argparse.ArgumentTypeError(
                f"{text}; expected {expected}{did_you_mean(text, names)}"
            )
        return text

    return read


def whole(least: int = 0, most: int | None = None) -> Callable[[str], int]:
    """A converter for whole numbers of a range.

    >>> whole(1)("20")
    20
    """

    def read(text: str) -> int:
        number = int(text) if text.isdecimal() and text.isascii() else None
        if number is None or number < least or (most is not None and number > most):
            upto = "" if most is None else f" to {most}"
            raise argparse.ArgumentTypeError(f"{text}; expected a whole number from {least}{upto}")
        return number

    return read


def shard(text: str) -> tuple[int, int]:
    """Read a share of the seeds, counted from 1.

    >>> shard("2/8")
    (2, 8)
    """
    number, _, shards = text.partition("/")
    if not (number.isdigit() and shards.isdigit() and 1 <= int(number) <= int(shards)):
        raise argparse.ArgumentTypeError(f"{text}; expected i/n, from 1/n to n/n")
    return int(number), int(shards)


def variable(text: str) -> tuple[str, str]:
    """Read an environment variable.

    >>> variable("PAIR=BTCUSDT")
    ('PAIR', 'BTCUSDT')
    """
    name, is_given, value = text.partition("=")
    if not name or not is_given:
        raise argparse.ArgumentTypeError(f"{text!r}; expected NAME=VALUE")
    return name, value


def seconds(text: str) -> float:
    """Read a number of seconds above 0, or a duration.

    >>> seconds("90"), seconds("1.5h")
    (90.0, 5400.0)
    """
    value = _span(text)
    if not 0 < value < SECONDS_LIMIT:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0 and below 10^9 seconds")
    return value


def seconds_or_none(text: str) -> float:
    """Read as `seconds` does; 0 means none."""
    value = _span(text)
    if not 0 <= value < SECONDS_LIMIT:
        raise argparse.ArgumentTypeError(f"{text!r} is not from 0 to 10^9 seconds")
    return value


def minutes(text: str) -> float:
    """Read a number of minutes above 0, or a duration.

    >>> minutes("30"), minutes("2h")
    (30.0, 120.0)
    """
    return _counted(text, "minutes", 60)


def hours(text: str) -> float:
    """Read a number of hours above 0, at most a year; or a duration.

    >>> hours("1.5"), hours("30m")
    (1.5, 0.5)
    """
    value = _counted(text, "hours", HOUR_S)
    if value > HOURS_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is more than a year")
    return value


def _counted(text: str, unit: str, unit_seconds: int) -> float:
    """Read a plain number of a unit, or a duration, as a number of that unit."""
    try:
        value = float(text)
    except ValueError:
        value = _span(text) / unit_seconds
    if not 0 < value * unit_seconds < SECONDS_LIMIT:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0 and below 10^9 s in {unit}")
    return value


def probability(text: str) -> float:
    """Read a probability, from 0 to 1."""
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a probability from 0 to 1")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def _span(text: str) -> float:
    try:
        return float(seconds_of(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None
