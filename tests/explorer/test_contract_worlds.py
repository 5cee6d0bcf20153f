"""Worlds of bots that trade contracts: what is drawn, that it replays, and how it is made small."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from typing import Any

import pytest

from failing_exchange import ConfigurationError
from failing_exchange.core.market import is_contract
from failing_exchange.core.units import ATOMS
from failing_exchange.errors import OperationRejectedError
from failing_exchange.explorer import targets
from failing_exchange.explorer.findings import needed
from failing_exchange.explorer.shrink import shrink
from failing_exchange.explorer.token import Token
from failing_exchange.explorer.trial import RunRequest, TrialResult, built, run, summary_of
from failing_exchange.explorer.world import World, draw, mutate
from failing_exchange.simulation import simulate

S = "BTC/USDT:USDT"
BOT = f"""
import asyncio

async def main(exchange):
    while True:
        try:
            await exchange.create_order("{S}", "market", "buy", 0.01)
            await exchange.fetch_positions()
        except Exception:
            pass
        await asyncio.sleep(60)

main.symbols = ["{S}"]
"""


def drawn(seeds: int) -> Iterator[World]:
    """Some worlds of an hour."""
    return (draw(seed, seconds=3_600.0, symbols=(S,)) for seed in range(seeds))


@pytest.mark.parametrize(
    ("venue", "digest"), [("", "0a682a355a3577f3"), ("binance", "627cc96e37c1b700")]
)
def test_the_worlds_of_spot_stay_what_they_are(venue: str, digest: str) -> None:
    """A seed in a bug report is worth something only while it draws the same world.

    The operations of a fault are left out: they grow with the calls that there are. So is a
    migration, which is drawn by itself: it changes with the table of the venue's changes.
    """
    worlds = [
        draw(seed, seconds=3_600.0, venue=venue, intents=seed % 2 == 0) for seed in range(200)
    ]
    pairs = [[one.as_dict(), mutate(one, one.seed + 1, venue=venue).as_dict()] for one in worlds]
    for one in (world for pair in pairs for world in pair):
        assert not {"markets", "margin", "brackets", "incidents"} & {*one}
        one.pop("migration", None)
        one["faults"] = [[kind, when, fields] for kind, when, _, fields in one["faults"]]
    text = json.dumps(pairs, sort_keys=True, default=list)
    assert sha256(text.encode()).hexdigest()[:16] == digest


@pytest.mark.parametrize("symbol", [S, "ETH/USDT"])
def test_every_drawn_world_can_be_built(symbol: str) -> None:
    """A fault of an asset that no listed market has would end the exploration as a user's error."""
    worlds = [draw(seed, seconds=3_600.0, symbols=(symbol,)) for seed in range(200)]
    assert all(set(world.markets) == {symbol} for world in worlds)
    naming = [one for one in worlds if any("asset" in arm.fields for arm in one.faults)]
    for world in (*worlds[:10], *naming[:30]):
        built(world)


def test_worlds_of_contracts_have_all_that_can_go_wrong_with_them() -> None:
    """Small margins, old settings, low brackets, and each thing that an operator does."""
    worlds = list(drawn(300))
    for world in worlds:
        world.check()
        assert world.markets == (S,)
        assert World.of(json.loads(json.dumps(world.as_dict()))).as_dict() == world.as_dict()
    assert {one["do"] for world in worlds for one in world.incidents} == {
        "liquidate", "deleverage", "pay_funding", "change_funding", "move_mark", "move_price",
        "halt", "cancel_only", "settle_contract",
    }  # fmt: skip
    assert {world.margin.get("margin_mode") for world in worlds} == {None, "isolated"}
    assert {bool(world.margin.get("hedge")) for world in worlds} == {False, True}
    assert {bool(world.margin.get("multi_assets")) for world in worlds} == {False, True}
    assert {world.brackets for world in worlds} == {1, 1_000, 10_000, 40_000}
    assert {world.balances and world.balances["USDT"] for world in worlds} > {None, 800.0}
    settings = [arm for one in worlds for arm in one.faults if "set_leverage" in arm.operations]
    assert len(settings) > 50, "changes of leverage and modes fail, too"
    assert len({repr(world) for world in worlds}) == 300


def test_a_neighbour_of_a_world_of_contracts_is_one_too() -> None:
    """The search must not leave the product that the bot trades."""
    for world in drawn(50):
        neighbour = mutate(world, world.seed + 1_000)
        neighbour.check()
        assert neighbour.markets == (S,)


def test_a_bot_says_what_it_trades_and_its_world_replays(tmp_path: Any) -> None:
    """The token holds all of the world: the same journal comes of it, to the byte."""
    bot = tmp_path / "bot.py"
    bot.write_text(BOT)
    target = targets.load(f"{bot}:main")
    assert target.symbols == (S,)
    world = next(one for one in drawn(50) if len(one.incidents) > 1 and one.margin)
    world = World.of({**world.as_dict(), "seconds": 600.0, "calm": 0.0})
    first = target.run(RunRequest(world=world, digest=True))
    assert first.error == ""
    assert first.trips
    token = Token.parse(str(Token(target=target.name, world=world, digest=first.digest)))
    again = targets.load(token.target).run(RunRequest(world=token.world, digest=True))
    assert again.digest == token.digest


def test_a_bot_that_says_nonsense_of_what_it_trades_is_refused(tmp_path: Any) -> None:
    """A string would be read as a list of letters."""
    bot = tmp_path / "bot.py"
    bot.write_text(BOT.replace(f'["{S}"]', f'"{S}"'))
    with pytest.raises(ConfigurationError, match="expected a list of symbols"):
        targets.load(f"{bot}:main")


def test_a_venue_without_spot_has_worlds_of_contracts() -> None:
    """A ccxt client of it has nothing else to trade."""
    world = draw(3, seconds=600.0, venue="binance-usdm")
    assert world.markets
    assert all(map(is_contract, world.markets))
    assert world.venue == "binance-usdm"


def test_the_account_of_a_world_is_as_others_left_it() -> None:
    """Leverage and modes of an account that was used before are not the defaults."""
    world = World(
        seed=1, seconds=60.0, markets=(S,), balances={"USDT": 500.0}, brackets=10_000,
        margin={"leverage": 75, "margin_mode": "isolated", "hedge": True},
    )  # fmt: skip
    exchange = built(world)
    simulate(exchange.ready())
    assert exchange.venue.engine is not None
    state = exchange.venue.engine.state
    settings, contract = state.accounts["main"].margin, state.markets[S].market.contract
    assert contract is not None
    assert (settings.hedge, settings.is_isolated(S), settings.leverage_of(S)) == (True, True, 75)
    assert contract.brackets[0].notional_max == 30 * ATOMS
    assert contract.leverage_max == 150


def test_the_account_of_a_world_may_be_in_multi_assets_mode() -> None:
    """There is no isolated margin then: a bot that only asks for it trades in cross."""
    world = World(seed=1, seconds=60.0, markets=(S,), margin={"multi_assets": True})
    exchange = built(world)

    async def main() -> None:
        assert (await exchange.fetch_multi_assets_mode())["multiAssets"] is True
        with pytest.raises(OperationRejectedError):
            await exchange.set_margin_mode("isolated", S)

    simulate(main())


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("markets", ["DOGE/USDT:USDT"], "no default market"),
        ("incidents", [{"at": 5.0, "do": "explode"}], "explode"),
        ("incidents", [{"do": "liquidate", "symbol": S}], "expected at"),
        ("incidents", [{"at": 5.0, "do": "liquidate", "symbol": "BTC/USDT"}], "no market"),
        ("margin", {"leverage": 0}, "expected leverage"),
        ("margin", {"hedged": True}, "expected leverage"),
        ("margin", {"multi_assets": True, "margin_mode": "isolated"}, "only cross margin"),
        ("brackets", 0, "1 to 1,000,000"),
    ],
)
def test_a_world_that_no_exchange_can_have_is_refused(field: str, value: Any, says: str) -> None:
    """A token may have been changed by hand: nothing runs before it is checked."""
    with pytest.raises(ConfigurationError, match=says):
        World.of({"seed": 1, "seconds": 60.0, "markets": [S], field: value}).check()


async def opens(exchange: Any) -> None:
    """Opens one position, and looks at nothing any more but the price."""
    import asyncio

    with suppress(Exception):
        await exchange.create_order(S, "market", "buy", 0.1)
    while True:
        await asyncio.sleep(30)
        await exchange.fetch_ticker(S)


def test_what_the_operator_need_not_have_done_is_left_out() -> None:
    """The smallest world that shows an unbooked liquidation has that liquidation alone."""
    incidents = [
        {"at": 50.0, "do": "pay_funding", "symbol": S, "rate": 0.1},
        {"at": 100.0, "do": "liquidate", "symbol": S},
        {"at": 200.0, "do": "halt", "symbol": S, "seconds": 30},
    ]
    world = World(
        seed=1, seconds=1_200.0, markets=(S,), incidents=tuple(incidents), brackets=1_000,
        margin={"leverage": 10},
    )  # fmt: skip

    def attempt(wanted: World) -> TrialResult:
        return run(opens, wanted)

    found = summary_of(attempt(world))
    breach = found.breaks_of("books_forced")
    assert breach is not None
    assert "liquidate" in breach.kinds
    small = shrink(world, found, "books_forced", lambda one: summary_of(attempt(one)))
    assert small.world.incidents == (incidents[1],)
    assert (small.world.margin, small.world.brackets, small.faults) == ({}, 1, 1)
    assert needed(small) == "liquidate after 100 s suffices"
