"""The reference bots of perpetuals: what the naive one breaks, and why the careful one does not."""

from __future__ import annotations

from typing import Any

import pytest

from failing_exchange.core.commands import PlaceConditional
from failing_exchange.core.events import OrderFilled, PositionChanged
from failing_exchange.core.order import Side
from failing_exchange.explorer.trial import TrialResult, run
from failing_exchange.explorer.world import FaultSpec, World, draw
from failing_exchange.runs.bot_loader import find_bot
from failing_exchange.runs.bot_run import RunConfig, run as run_bot

S = "BTC/USDT:USDT"
HOUR = 3_600.0


def world(seconds: float = 1_200.0, **more: Any) -> World:
    """A world without faults, but for what is given."""
    return World(seed=1, seconds=seconds, markets=(S,), **more)


def plays(bot: str, where: World) -> TrialResult:
    """What a reference bot did in a world."""
    found = run(find_bot(bot), where)
    assert found.error == ""
    return found


def stops_of(found: TrialResult) -> list[PlaceConditional]:
    """The conditional orders that a bot sent."""
    commands = (trip.command for trip in found.trips)
    return [one for one in commands if isinstance(one, PlaceConditional)]


@pytest.mark.parametrize("bot", ["perp-naive", "perp-careful"])
def test_both_open_long_and_short_and_keep_every_rule_on_a_calm_day(bot: str) -> None:
    """What the naive one breaks elsewhere is the failure's doing."""
    report = run_bot(RunConfig(bot=bot, duration=1_500, modes=(("NONE", 1.0),), seed=3))
    assert report.verdict is not None
    assert report.verdict.passed, str(report.verdict)
    found = plays(bot, world(1_500.0))
    held = [one.lots for trip in found.trips for one in trip.happened
            if isinstance(one, PositionChanged)]  # fmt: skip
    assert max(held) == 100
    assert min(held) == -100


def test_the_careful_one_protects_both_sides_by_stops_that_only_reduce() -> None:
    """A stop of a short position lies above it, and none opens anything."""
    found = plays("perp-careful", world())
    stops = stops_of(found)
    fills = [one.fill for trip in found.trips for one in trip.happened
             if isinstance(one, OrderFilled)]  # fmt: skip
    assert {one.side for one in stops} == {Side.BUY, Side.SELL}
    assert all(one.reduce_only for one in stops)
    price = fills[0].ticks
    for one in stops:
        assert (one.stop_ticks > price) is (one.side is Side.BUY)


def test_the_careful_one_sets_modes_and_leverage_before_its_first_order() -> None:
    """The account was left in hedge mode, with ten times the leverage."""
    margin = {"leverage": 50, "margin_mode": "cross", "hedge": True}
    found = plays("perp-careful", world(300.0, margin=margin))
    assert found.broken == ()
    operations = [trip.operation for trip in found.trips]
    assert operations.index("set_leverage") < operations.index("create_order")
    assert plays("perp-naive", world(300.0, margin=margin)).broken[0] in ("modes", "no_hot_loop")


def test_the_careful_one_keeps_half_of_its_margin_free() -> None:
    """What is all used can't pay for what the next hour asks."""
    found = plays("perp-careful", world(300.0, balances={"USDT": 800.0}))
    changed = [one for trip in found.trips for one in trip.happened
               if isinstance(one, PositionChanged)]  # fmt: skip
    assert changed[0].margin
    assert changed[0].margin <= 400 * 10**8


FAILURES: dict[str, dict[str, Any]] = {
    "books_forced": {"incidents": ({"at": 100.0, "do": "deleverage", "symbol": S},)},
    "funding_once": {
        "incidents": ({"at": 100.0, "do": "pay_funding", "symbol": S, "rate": 0.5},)
    },
    "one_exit": {"incidents": ({"at": 100.0, "do": "liquidate", "symbol": S},)},
    "modes": {"faults": (FaultSpec("lose_request", "nth(1)", ("set_leverage",)),)},
    "protected": {"faults": (FaultSpec("reject_request", "nth(2)", ("create_order",),
                                       {"why": "invalid_price"}),)},  # the first stop
}  # fmt: skip


@pytest.mark.parametrize("rule", FAILURES)
def test_what_the_naive_one_breaks_the_careful_one_keeps(rule: str) -> None:
    """Each in a world of one failure."""
    where = world(**FAILURES[rule])
    assert rule in plays("perp-naive", where).broken
    careful = plays("perp-careful", where)
    assert careful.verdict is not None
    assert careful.broken == (), str(careful.verdict)


def test_an_exit_that_is_refused_for_good_is_tried_ever_more_slowly() -> None:
    """It has to be tried again, for the position is naked; but not each two minutes for ever."""
    refused = FaultSpec("reject_request", "after(2)", ("create_order",), {"why": "invalid_cost"})
    careful = plays("perp-careful", world(HOUR, faults=(refused,)))
    assert careful.verdict is not None
    tries = [trip for trip in careful.trips if trip.operation == "create_order"]
    assert len(tries) > 10
    assert careful.broken == (), str(careful.verdict)


def test_what_was_closed_during_a_wait_of_days_need_not_be_booked() -> None:
    """The venue said when to come back; a bot that asks before is banned."""
    settled = {"at": 100.0, "do": "settle_contract", "symbol": S}
    waits = FaultSpec("rate_limited", "after(24)", (), {"retry_after": 259_200.0})
    careful = plays("perp-careful", world(HOUR, faults=(waits,), incidents=(settled,)))
    assert careful.broken == ()


@pytest.mark.parametrize("seed", [7, 15, 28])
def test_the_careful_one_is_clean_in_drawn_worlds(seed: int) -> None:
    """Forced closes with little margin; the market, or all reads, refused behind an entry."""
    careful = plays("perp-careful", draw(seed, seconds=HOUR / 2, symbols=(S,)))
    assert careful.verdict is not None
    assert careful.broken == (), str(careful.verdict)
