"""Load what is explored: a bot, a function of a file or module, or a pytest test."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from failing_exchange.errors import ConfigurationError
from failing_exchange.explorer.trial import RunRequest, TrialResult, run
from failing_exchange.explorer.world import World
from failing_exchange.runs.bot_loader import (
    blocks,
    find_bot,
    is_whole_program,
    makes_own_clients,
    parameters,
    symbols_of,
)
from failing_exchange.venues.base import DEFAULT

TEST = "::"  # what a pytest test id has in it


class Target(NamedTuple):
    """What is explored, and how to run it.

    `venue`: the one that it reaches by its production host names, unless another is asked for;
    empty if it is given a client.
    `symbols`: the markets that it says it trades, by an attribute of the function; with a
    contract among them, its worlds are of contracts.
    `takes_intents`: whether the run tells it what orders to place.
    `blocks`: whether it is a plain function, which may have threads.
    `is_whole`: whether it is a script or a module: each run needs a process of its own.
    """

    name: str
    run: Callable[[World | RunRequest], TrialResult]
    venue: str = ""
    takes_intents: bool = False
    symbols: tuple[str, ...] = ()
    blocks: bool = False
    is_whole: bool = False


def load(name: str) -> Target:
    """Load a target by name; raises ConfigurationError if it does not exist.

    Its module is executed anew, so that nothing in it remembers an earlier run.
    """
    if TEST in name:
        from failing_exchange.explorer.pytest_target import collected, run_test

        if not (kind := collected(name)):
            raise ConfigurationError(
                f"no test {name!r} with the fixture failing_exchange; expected an id as pytest "
                "prints it, like tests/test_bot.py::test_trades"
            )
        return Target(name, partial(run_test, name), blocks=kind == "plain")
    bot = find_bot(name)
    venue = DEFAULT if makes_own_clients(bot) else ""
    play_it = partial(run, bot, again=partial(find_bot, name))
    wants_intents = "intents" in parameters(bot)
    return Target(
        name=name,
        run=play_it,
        venue=venue,
        takes_intents=wants_intents,
        symbols=symbols_of(bot),
        blocks=blocks(bot),
        is_whole=is_whole_program(bot),
    )
