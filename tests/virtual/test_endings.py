"""How a simulation is begun wrongly, and how it ends when tasks are left over."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from failing_exchange.errors import ConfigurationError
from failing_exchange.simulation import simulate
from failing_exchange.virtual.errors import SimulationError


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"seed": "x"}, "seed='x'"),
        ({"venue": 5}, "venue=5"),
        ({"venue": "binanse"}, "binance"),
        ({"virtual_seconds_max": "a year"}, "virtual_seconds_max='a year'"),
        ({"virtual_seconds_max": float("nan")}, "virtual_seconds_max=nan"),
        ({"wall_seconds_max": -1}, "wall_seconds_max=-1"),
        ({"steps_per_instant_max": 0}, "steps_per_instant_max=0"),
    ],
)
def test_wrong_options_are_told_of(wrong: dict[str, Any], says: str) -> None:
    """Before anything runs, with what was given."""
    with pytest.raises(ConfigurationError, match=says):
        simulate(asyncio.sleep(0), **wrong)


def test_a_task_that_swallows_every_cancel_is_named() -> None:
    """asyncio.run would wait for it for ever; here its time runs out, and the error says who."""

    async def stubborn() -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(10)

    async def main() -> None:
        asyncio.create_task(stubborn())
        await asyncio.sleep(1)

    with pytest.raises(SimulationError, match=r"let CancelledError pass\n.*stubborn"):
        simulate(main())


def test_a_task_may_take_its_time_to_tidy_up() -> None:
    """A clean-up that waits is waited for, even when it takes a second cancel."""
    told: list[str] = []

    async def tidy() -> None:
        try:
            await asyncio.sleep(86_400)
        finally:
            await asyncio.sleep(600)
            told.append("tidy")
            await asyncio.sleep(7_200)

    async def main() -> None:
        asyncio.create_task(tidy())
        await asyncio.sleep(1)

    simulate(main())
    assert told == ["tidy"]
