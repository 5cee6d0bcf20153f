"""Which worlds are drawn, and what of a run is remembered as new."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from failing_exchange import FailingExchangeError
from failing_exchange.explorer.search import BATCH, Options, explore
from failing_exchange.explorer.trial import TrialSummary, run
from failing_exchange.explorer.world import FaultSpec, World, draw, mutate, with_own
from failing_exchange.faults import catalogue, operations

OWN = ("mine.py:First", "mine.py:Second")
BTC = "BTC/USDT"
SEEDS = 180


@pytest.fixture
def own_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two faults of a user, as if they had been loaded."""
    for name in OWN:
        monkeypatch.setitem(catalogue.OWN, name, catalogue.entry_of("lose_answer")._replace(
            name=name, operations=operations.CALLS))  # fmt: skip


@pytest.mark.usefixtures("own_faults")
def test_faults_of_a_users_are_in_every_other_world_each_for_itself() -> None:
    """Worlds with one, with both and with none tell which of them the bot does not survive."""
    drawn = World(seed=0, seconds=60.0, faults=(FaultSpec("lose_answer", "always"),))
    have: list[tuple[str, ...]] = []
    whens = set()
    for seed in range(400):
        world = with_own(World(**{**vars(drawn), "seed": seed}), OWN)
        assert world.faults[-1:] == drawn.faults
        have.append(tuple(arm.kind for arm in world.faults[:-1]))
        whens |= {arm.when for arm in world.faults[:-1]}
    for kinds in ((), OWN[:1], OWN[1:], OWN):
        assert have.count(kinds) == pytest.approx(100, abs=30), kinds
    assert len(whens) > 20
    assert all(when.startswith(("nth(", "chance(", "burst(")) for when in whens)


@pytest.mark.usefixtures("own_faults")
def test_a_seed_draws_the_same_faults_of_a_users_tomorrow() -> None:
    """A seed in a bug report is worth something only if it stays that world."""
    drawn = [with_own(World(seed=seed, seconds=60.0), OWN).faults for seed in range(5)]
    first, second = OWN
    assert [[(arm.kind, arm.when) for arm in faults] for faults in drawn] == [
        [],
        [(first, "chance(0.005)")],
        [(first, "burst(0.01, 0.005, 0.8)"), (second, "chance(0.01)")],
        [(first, "burst(0.01, 0.05, 0.8)"), (second, "chance(0.01)")],
        [(second, "burst(0.01, 0.002, 0.8)")],
    ]


class Novel(Executor):
    """Runs nothing; every world shows something new, so that the next may be its neighbour."""

    def __init__(self) -> None:
        self.worlds: list[World] = []

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        shown = []
        for world in args[0]["worlds"]:
            self.worlds.append(World.of(world))
            shown.append(TrialSummary(ground=(f"new {len(self.worlds)}",)).as_dict())
        future: Future[Any] = Future()
        future.set_result(shown)
        return future


def worlds_of(bot: str) -> list[World]:
    """The worlds of an exploration in their order, without the calm ones."""
    executor = Novel()
    found = explore(Options(target=bot, seeds=SEEDS, seconds=600.0), executor=executor)
    return executor.worlds[found.calm :]


def parent_of(world: World, seed: int, before: list[World], venue: str) -> World | None:
    """The world of which this is the neighbour."""
    return next((one for one in before if mutate(one, seed, venue=venue) == world), None)


@pytest.mark.parametrize("venue", ["", "binance"])
def test_one_world_in_three_is_a_neighbour_of_one_that_showed_something(
    tmp_path: Path, venue: str
) -> None:
    """More would stay where it is; fewer would not follow what was found. The rest is drawn."""
    bot = tmp_path / "bot.py"
    given = "" if venue else "exchange"
    bot.write_text(f"async def main({given}):\n    pass\n")
    worlds = worlds_of(f"{bot}:main")
    drawn = [one == draw(n, seconds=600.0, venue=venue) for n, one in enumerate(worlds)]
    assert all(drawn[:BATCH]), "nothing is known before the first batch"
    others = [n for n in range(BATCH, SEEDS) if not drawn[n]]
    assert len(others) == pytest.approx((SEEDS - BATCH) / 3, abs=15)
    parents = [parent_of(worlds[n], n, worlds[:n], venue) for n in others[::3]]
    assert None not in parents
    assert len({one.seed for one in parents if one}) > 5, "of any of them, not of one"


async def trades(exchange: Any) -> None:
    """Orders of which one stays open, one is filled in part, one wholly; two more requests."""
    for price in (39_000, 40_000, 70_000):
        await exchange.create_order(BTC, "limit", "buy", 0.01, price)
    await exchange.fetch_order("2", BTC)
    await exchange.cancel_order("1", BTC)
    with suppress(FailingExchangeError):
        await exchange.fetch_order("77", BTC)
    await exchange.fetch_ticker(BTC)


def test_what_was_met_is_a_fault_an_operation_and_how_its_order_stood() -> None:
    """The search follows what is new: with states mixed up it would not see half of it."""
    part = FaultSpec("partial_fill", "nth(2)", ("create_order",), {"complete_after": None})
    late = FaultSpec("delay_answer", "always", (), {"seconds": 0.1})
    found = run(trades, World(seed=1, seconds=60.0, faults=(part, late)))
    assert found.ground == (
        "delay_answer|create_order|canceled|",
        "partial_fill|create_order|open+|",
        "delay_answer|create_order|open+|",
        "delay_answer|create_order|filled|",
        "delay_answer|fetch_order|open+|",
        "delay_answer|cancel_order|canceled|",
        "delay_answer|fetch_order||",
        "delay_answer|fetch_ticker||",
    )
