"""The command `init`: write a first test and a scenario for a bot."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path
from typing import Any

from failing_exchange.cli.exit_codes import CLEAN
from failing_exchange.cli.options import add_program

TARGET = (
    "your bot: path.py:function, module:function, or a script; left out: bot.py, a small bot with "
    "a bug, is written, too"
)
EXAMPLE = '''"""A small bot: it buys 0.01 BTC every five minutes. It has a bug."""

import asyncio


async def main(exchange):
    """Trade until the end. `exchange` has the unified API of ccxt."""
    while True:
        await buy(exchange)
        await asyncio.sleep(300)


async def buy(exchange):
    """Buy once. The bug: an order without an answer may have been accepted."""
    for _ in range(3):
        try:
            return await exchange.create_order("BTC/USDT", "market", "buy", 0.01)
        except Exception:  # "it failed, so I send it again"
            await asyncio.sleep(5)
'''
SCENARIO = """\
description = "A bad hour: answers of orders get lost, requests are refused, reads are late."
seed = 7
duration = "1h"
calm = "10m"  # at the end nothing fails, so that the bot can recover

# One order in ten is accepted, and its answer never comes.
[[faults]]
kind = "lose_answer"
when = "chance(0.1)"
operations = ["create_order"]

# One request in fifty is refused because there were too many.
[[faults]]
kind = "rate_limited"
when = "every(50)"
retry_after = 10

# What is read is five seconds old, now and then.
[[faults]]
kind = "stale_read"
when = "chance(0.05)"
seconds = 5
operations = ["fetch_balance", "fetch_open_orders", "fetch_order"]
"""
TEST = '''"""The bot lives through a bad hour. `bad_hour.toml` says what fails in it."""

from pathlib import Path

from failing_exchange.runs.bot_run import RunConfig, run

FOLDER = Path(__file__).parent
BOT = {bot}


def test_the_bot_survives_a_bad_hour() -> None:
    """It breaks no rule of conduct, and knows at the end what it holds."""
    report = run(RunConfig(bot=BOT, scenario=str(FOLDER / "bad_hour.toml")))
    assert report.verdict is not None, report.stopped
    assert report.verdict.judged, "nothing could be judged: the bot sent no request"
    problems = [f"{{rule}}: it {{why}}" for rule, why in report.verdict.broken.items()]
    assert not problems, "\\n".join(problems)
'''


def add_parser(commands: Any) -> None:
    """Add `init` to the command line."""
    init = commands.add_parser(
        "init",
        help="write a first test and a scenario for your bot",
        description="Writes test_bad_hour.py and bad_hour.toml. No file is overwritten.",
    )
    add_program(init, "target", TARGET)
    init.add_argument(
        "--folder", type=Path, default=Path("tests"), metavar="DIR",
        help="where they are written (default: tests)",
    )  # fmt: skip
    init.set_defaults(command=init_command)


def init_command(options: argparse.Namespace) -> int:
    """Check the bot and the paths, then write the files and say what to do next."""
    from failing_exchange.errors import ConfigurationError
    from failing_exchange.runs.bot_loader import find_bot
    from failing_exchange.text.files import check_folder, write_file

    folder: Path = options.folder
    target = getattr(options, "target", "bot.py:main")
    wanted = {
        folder / "bad_hour.toml": SCENARIO,
        folder / "test_bad_hour.py": TEST.format(bot=_bot_from(folder, target)),
    }
    if hasattr(options, "target"):
        find_bot(target)  # its errors say how a bot is named
    else:
        wanted[Path("bot.py")] = EXAMPLE
    there = [str(path) for path in wanted if path.exists()]
    if there:
        raise ConfigurationError(
            f"{', '.join(there)}: already there, and nothing is overwritten; name another folder "
            "with --folder, or your bot as bot.py:main"
        )
    check_folder("--folder", folder)
    for path, text in wanted.items():
        write_file(path, text)
    print(_next_steps(list(wanted), target, example=len(wanted) > 2))
    return CLEAN


def _bot_from(folder: Path, target: str) -> str:
    """The expression that names the bot in the test: a file is found from the test's folder.

    >>> _bot_from(Path("tests"), "trader:main")
    "'trader:main'"
    >>> print(_bot_from(Path("tests"), "bot.py:main"))
    f"{FOLDER.parent / 'bot.py'}:main"
    """
    path, is_file, rest = target.partition(".py")
    if not is_file:
        return repr(target)
    there = Path(os.path.relpath(f"{path}.py", folder)).parts
    up = sum(part == os.pardir for part in there)
    found = f"FOLDER{'.parent' * up} / {Path(*there[up:]).as_posix()!r}"
    if {'"', "{", "\\"} & set(found):  # no f-string
        return f"str({found}) + {rest!r}"
    return f'f"{{{found}}}{rest}"'


def _next_steps(written: list[Path], target: str, *, example: bool) -> str:
    lines = [f"wrote {path}" for path in sorted(written)]
    test, named = next(path for path in written if path.suffix == ".py"), shlex.quote(target)
    lines += [
        "",
        "Next:",
        f"  pytest {shlex.quote(str(test))}",
        f"  failing-exchange explore {named} --seeds 100   # draws what fails, and makes it small",
    ]
    if example:
        lines.append("bot.py has a bug on purpose: the test fails until it is mended.")
    return "\n".join(lines)
