"""A program's own references to the clock follow virtual time, also when it is made anew."""

from __future__ import annotations

import asyncio
import importlib
import sys
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any

import pytest

from failing_exchange import simulate
from failing_exchange.explorer import targets
from failing_exchange.explorer.world import World
from failing_exchange.runs.bot_loader import find_bot
from failing_exchange.virtual.wallclock import REAL

BOT = """
import asyncio
from random import random
from time import monotonic

async def main(exchange):
    began = monotonic()
    await asyncio.sleep(5)
    await exchange.create_order("BTC/USDT", "market", "buy", 0.01,
                                params={"clientOrderId": f"{monotonic() - began}-{random()}"})
"""


def names(place: Path) -> list[str]:
    """What the bot calls its order in five runs, its module made anew for each."""
    found = []
    for _ in range(5):
        target = targets.load(f"{place}:main")
        trips = target.run(World(seed=1, seconds=60.0)).trips
        found += [t.command.client_id for t in trips if t.operation == "create_order"]
    return found


def test_a_module_that_is_made_anew_under_its_old_name_keeps_virtual_time(tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text(BOT)
    found = names(tmp_path / "bot.py")
    assert found[0].startswith("5.0-")
    assert found == found[:1] * 5


async def elapsed() -> float:
    began = monotonic()
    await asyncio.sleep(7)
    return monotonic() - began


def test_a_module_whose_name_another_one_has_taken_keeps_virtual_time(tmp_path: Path) -> None:
    both = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "bot.py").write_text(
            "import asyncio\nfrom time import monotonic\n"
            "async def main(exchange=None):\n"
            "    began = monotonic()\n"
            "    await asyncio.sleep(7)\n"
            "    return monotonic() - began\n"
        )
        both.append(find_bot(f"{tmp_path / folder / 'bot.py'}:main"))
        assert simulate(both[-1]) == 7.0
    assert [simulate(bot) for bot in (*both, *both, elapsed)] == [7.0] * 5


def test_outside_of_a_simulation_every_module_has_its_own_functions_back(tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text(BOT)
    for _ in range(3):
        bot = find_bot(f"{tmp_path / 'bot.py'}:main")
        simulate(elapsed)
        assert bot.__globals__["monotonic"] is REAL["monotonic"]


CACHE = """
import time

class Cache:
    def __init__(self, timer=time.monotonic, *, nap=time.sleep):
        self.timer, self.nap = timer, nap

    def age(self):
        began = self.timer()
        self.nap(3600)
        return self.timer() - began

def stamp(clock=time.perf_counter, unit=None):
    return clock()
"""


def test_a_clock_in_a_default_argument_follows_virtual_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sched.scheduler` and caches that expire keep theirs there; no hour may be a real one."""
    (tmp_path / "a_cache.py").write_text(CACHE)
    monkeypatch.syspath_prepend(tmp_path)
    library = importlib.import_module("a_cache")

    def main() -> tuple[float, float]:
        return library.Cache().age(), library.stamp()

    try:
        assert simulate(main) == (3600.0, 3600.0)
        method = library.Cache.__init__
        assert method.__defaults__ == (REAL["monotonic"],)
        assert method.__kwdefaults__ == {"nap": REAL["sleep"]}
        assert library.stamp.__defaults__ == (REAL["perf_counter"], None)
    finally:
        del sys.modules["a_cache"]


def test_a_module_that_takes_the_place_of_another_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then neither the number of modules nor their names tell that one of them is new."""
    for name in ("a_module", "a_later_one"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    simulate(elapsed)
    other: Any = ModuleType("a_module")
    other.monotonic = monotonic
    monkeypatch.setitem(sys.modules, "a_module", other)

    async def main() -> float:
        await asyncio.sleep(7)
        found: float = other.monotonic()
        return found

    assert simulate(main) == 7.0
    assert other.monotonic is REAL["monotonic"]
