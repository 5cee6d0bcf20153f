"""Some worlds begin with a small account, and in some the clock of the bot goes wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from failing_exchange.explorer import targets
from failing_exchange.explorer.recipes import CREATE, SHORTAGE, WRONG_CLOCK
from failing_exchange.explorer.trial import built
from failing_exchange.explorer.world import World, draw
from failing_exchange.venue.default_world import SMALL_BALANCES

WORLDS = 200
SMALL = World(seed=1, seconds=1_200.0, balances=SMALL_BALANCES)


@pytest.mark.parametrize("venue", ["", "binance"])
def test_a_quarter_of_all_worlds_begins_with_a_small_account(venue: str) -> None:
    """With plenty of each asset nothing is ever refused for lack of it."""
    worlds = [draw(seed, seconds=3_600.0, venue=venue) for seed in range(WORLDS)]
    small = [world for world in worlds if world.balances is not None]
    short = [world for world in small if any(arm.fields == SHORTAGE.fields for arm in world.faults)]
    assert 0.15 * WORLDS < len(small) < 0.35 * WORLDS
    assert 0.3 * len(small) < len(short) < 0.7 * len(small)


async def test_such_an_account_holds_that_and_nothing_else() -> None:
    """An order that is larger is refused."""
    held = await built(SMALL).fetch_balance()
    assert held["total"] == SMALL_BALANCES


@pytest.mark.parametrize("given", [{"balances": {"BTC": 2}}, {"scenario": "external_lock"}])
async def test_a_test_that_says_what_it_owns_owns_that(given: dict[str, object]) -> None:
    """Its asserts count on it."""
    world = World(seed=1, seconds=60.0, balances={"USDT": 7.0})
    held = await built(world, **given).fetch_balance()
    assert held["total"] in ({"BTC": 2}, {"USDT": 10_000})


@pytest.mark.parametrize(
    ("bot", "when", "broken"),
    [
        ("sells-what-it-bought", "nth(4)", True),
        ("careful", "nth(4)", False),
        ("careful", "chance(0.5)", False),  # lock after lock, and each is a surprise
    ],
)
def test_a_lock_is_seen_in_a_small_account_by_who_sells_regardless(
    bot: str, when: str, broken: bool
) -> None:
    """What was bought can't be sold for a while: a bot that insists has not looked."""
    locked = SHORTAGE._replace(when=when)
    found = targets.load(bot).run(replace(SMALL, seconds=2_400.0, faults=(locked,)))
    assert found.verdict is not None
    assert ("sells_free" in found.broken) is broken


def test_some_clocks_go_wrong_for_longer_than_one_request() -> None:
    """A bot that never sets its clock is not seen where the next request finds it right."""
    worlds = [draw(seed, seconds=3_600.0) for seed in range(WORLDS)]
    wrong = [
        world
        for world in worlds
        if any(arm.fields == WRONG_CLOCK.fields and arm.when[:4] == "nth(" for arm in world.faults)
    ]
    assert len(wrong) >= WORLDS / 20
    assert {found.broken for found in map(targets.load("careful").run, wrong[:2])} == {()}
    assert any("keeps_time" in targets.load("never-sets-its-clock").run(world).broken
               for world in wrong[:4])  # fmt: skip


def test_a_fault_of_orders_is_drawn_often_enough_to_strike() -> None:
    """In an hour a bot sends tens of orders: at 0.2 % nothing happens to any of them."""
    worlds = [draw(seed, seconds=3_600.0) for seed in range(WORLDS)]
    rates = [
        float(arm.when[len("chance(") : -1])
        for world in worlds
        for arm in world.faults
        if arm.operations == CREATE and arm.when.startswith("chance(")
    ]
    assert len(rates) > WORLDS / 10
    assert min(rates) >= 0.02
