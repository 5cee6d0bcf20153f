"""Worlds in which the venue's API changes while the bot runs: drawn, shrunk, replayed."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import aiohttp
import pytest

from failing_exchange.errors import ConfigurationError
from failing_exchange.explorer.findings import needed
from failing_exchange.explorer.shrink import shrink
from failing_exchange.explorer.token import Token
from failing_exchange.explorer.trial import run, summary_of
from failing_exchange.explorer.world import FaultSpec, World, draw
from failing_exchange.venues.base import venue_of

API = "https://api.binance.com/api"
MIGRATED = {"at": 60.0, "change": "api_v1"}


async def asks(path: str, seen: list[int]) -> None:
    async with aiohttp.ClientSession() as session, session.get(API + path) as answer:
        seen.append(answer.status)


async def follows(seen: list[int]) -> None:
    """Asks before the change, for what came later than that, and behind it."""
    await asks("/v1/ping", seen)
    await asks("/v3/executionRules", seen)
    await asyncio.sleep(120)
    await asks("/v1/ping", seen)
    await asks("/v3/ping", seen)


async def dies_of_it() -> None:
    """A bot that looks once, at its start, which path there is."""
    first: list[int] = []
    await asks("/v1/ping", first)
    path = "/v1/ping" if first == [200] else "/v3/ping"
    while True:
        seen: list[int] = []
        await asks(path, seen)
        if seen != [200]:
            raise RuntimeError("no ping")
        await asyncio.sleep(20)


def test_the_change_comes_while_the_bot_runs_and_no_other_is_missing() -> None:
    """The API of the day before would lack what the bot has used for months."""
    seen: list[int] = []
    found = run(partial(follows, seen), World(seed=1, seconds=300.0, migration=MIGRATED))
    assert found.error == ""
    assert seen == [200, 200, 404, 200]


@pytest.mark.parametrize("venue", ["binance", "binance-usdm"])
def test_some_worlds_of_bots_that_speak_the_protocol_have_one(venue: str) -> None:
    """Of the venue's own table; none of those that no run can show."""
    drawn = [draw(seed, seconds=3_600, venue=venue).migration for seed in range(300)]
    some = [one for one in drawn if one]
    assert 30 < len(some) < 80
    table = venue_of(venue).changes
    assert table is not None
    assert {one["change"] for one in some} <= {c.name for c in table.changes if not c.unseen}
    assert len({one["change"] for one in some}) > 5
    assert all(1 <= one["at"] <= 1_801 for one in some)


def test_bots_in_process_have_none() -> None:
    """They speak no venue's protocol."""
    symbols = ("BTC/USDT:USDT",)
    assert not any(draw(seed, seconds=3_600).migration for seed in range(100))
    assert not any(draw(n, seconds=3_600, symbols=symbols).migration for n in range(100))


def test_what_breaks_a_bot_is_shrunk_to_the_change_and_replays() -> None:
    """The faults around it go, the change stays, and a token brings it back."""
    world = World(
        seed=1, seconds=600.0, migration=MIGRATED, rate_limit=300,
        faults=(FaultSpec("delay_answer", "chance(0.2)", ("fetch_ticker",)),),
    )  # fmt: skip

    def attempt(one: World) -> Any:
        return summary_of(run(dies_of_it, one))

    summary = attempt(world)
    assert [one.rule for one in summary.breaks] == ["alive"]
    example = shrink(world, summary, "alive", attempt)
    small = example.world
    assert (small.faults, small.plan, small.rate_limit) == ((), (), None)
    assert small.migration == MIGRATED
    assert needed(example) == "the change api_v1 of the venue's API after 60 s suffices"
    token = Token(target="bot.py:main", world=small, rule="alive")
    again = Token.parse(str(token)).world
    assert [one.rule for one in attempt(again).breaks] == ["alive"]


@pytest.mark.parametrize(
    "migration",
    [{"at": 60.0}, {"at": -1, "change": "api_v1"}, {"at": 1, "change": "algo_orders"},
     {"at": 1, "change": "api_v1", "do": 1}],
)  # fmt: skip
def test_a_migration_that_the_venue_can_not_have_is_refused(migration: dict[str, Any]) -> None:
    """A token may come from anywhere."""
    with pytest.raises(ConfigurationError):
        World(seed=1, seconds=60.0, migration=migration).check()
