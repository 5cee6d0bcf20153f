"""Liquidation in steps, the insurance fund, auto-deleveraging, margin calls and settlement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from failing_exchange.core import commands as c
from failing_exchange.core.events import (
    ContractSettled,
    FuturesBalanceChanged,
    MarginCalled,
    PositionLiquidated,
)
from failing_exchange.core.ledger import INSURANCE
from failing_exchange.core.liquidation import ranked
from failing_exchange.core.order import BUY, SELL, PositionSide
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import ATOMS, SECOND
from failing_exchange.durable.serialize import Graph, from_graph
from tests.core.contracts import BTC, PERPETUAL, Floor, S, world


@pytest.fixture
def floor() -> Floor:
    """Alice and Bob with 10,000 USDT, Carol and Dave with ten million; leverage 20."""
    floor = Floor()
    for name in ("carol", "dave"):
        floor.open(name, 10_000_000)
    return floor


def of(kind: type, events: Iterable[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def fund(floor: Floor) -> int:
    return floor.engine.state.ledger.free(INSURANCE, "USDT")


def test_a_large_position_is_reduced_bracket_by_bracket() -> None:
    """100 BTC: down to the end of the bracket below, which the rest of the wallet carries."""
    assert PERPETUAL.contract is not None
    contract = replace(PERPETUAL.contract, liquidation_fee=1_000)  # below the maintenance margin
    floor = Floor(market=replace(PERPETUAL, contract=contract))
    for name in ("carol", "dave"):
        floor.open(name, 10_000_000)
    floor.do(c.TransferFunds("carol", "USDT", 9_947_000 * ATOMS, to_futures=False))
    floor.limit("carol", BUY, 10_000, 100 * BTC)
    floor.limit("dave", SELL, 10_000, 100 * BTC)
    floor.limit("dave", BUY, 9_999, 200 * BTC)
    floor.do(c.MoveMark(S, -480 * ATOMS))
    [told] = of(PositionLiquidated, floor.events)
    assert told.lots < 40 * BTC
    worth = floor.positions["carol"] * 9_520 * ATOMS // BTC
    assert 590_000 * ATOMS < worth <= 600_000 * ATOMS
    [clear] = of(FuturesBalanceChanged, floor.events)
    assert (clear.why, clear.account) == ("insurance_clear", "carol")
    assert clear.change < 0


def test_what_the_book_does_not_take_goes_to_the_insurance_fund(floor: Floor) -> None:
    """Nobody bids: the fund takes the position at its bankruptcy price, and bears the loss."""
    before = fund(floor)
    floor.cross("alice", "dave", 10_000, 10 * BTC)
    floor.do(c.MoveMark(S, -1_100 * ATOMS))
    order = floor.engine.state.accounts["alice"].contract_names
    assert any(name.startswith("autoclose-") for name in order)
    assert "alice" not in floor.positions
    assert floor.wallet("alice") == (0, 0)
    assert fund(floor) < before
    assert floor.positions["dave"] == -10 * BTC


def test_without_a_fund_the_winners_are_deleveraged(floor: Floor) -> None:
    """Who gains most with the most leverage is closed first, at the bankruptcy price."""
    floor.do(c.SetInsuranceFund("USDT", 0))
    floor.do(c.SetLeverage("bob", S, 100))
    floor.limit("alice", BUY, 10_000, 10 * BTC)
    floor.limit("bob", SELL, 10_000, 6 * BTC)
    floor.limit("dave", SELL, 10_000, 4 * BTC)
    resting = floor.limit("bob", SELL, 20_000, 1)
    floor.do(c.MoveMark(S, -1_100 * ATOMS))
    assert floor.positions.get("bob") is None, "the higher rank: all of it"
    assert floor.positions.get("dave") is None
    fills = floor.engine.state.accounts["bob"].fills
    assert [(fill.lots, fill.fee) for fill in fills][-1] == (6 * BTC, 0)
    assert fills[-1].ticks * 10**6 > 8_900 * ATOMS, "at the bankruptcy price, not the mark"
    assert not resting.is_open
    assert "adl_autoclose" in floor.engine.state.accounts["bob"].contract_names


def test_a_margin_call_comes_once(floor: Floor) -> None:
    """While the margin ratio stays above 80 %; and again after it was better."""
    floor.cross("alice", "dave", 10_000, 10 * BTC)
    floor.do(c.MoveMark(S, -950 * ATOMS))
    [call] = of(MarginCalled, floor.events)
    assert (call.account, call.symbol) == ("alice", "")
    floor.do(c.MoveMark(S, -951 * ATOMS))
    assert not of(MarginCalled, floor.events)
    floor.do(c.MoveMark(S, 0))
    floor.do(c.MoveMark(S, -950 * ATOMS))
    assert of(MarginCalled, floor.events)


def test_an_operator_liquidates_and_deleverages(floor: Floor) -> None:
    """Rehearsals need not wait for a price."""
    floor.cross("alice", "dave", 10_000, 2 * BTC)
    floor.do(c.Deleverage("dave", S, BTC))
    assert floor.positions["dave"] == -BTC
    floor.limit("carol", BUY, 9_990, 5 * BTC)
    floor.do(c.LiquidatePosition("alice", S))
    assert "alice" not in floor.positions
    with pytest.raises(Reject) as refused:
        floor.do(c.LiquidatePosition("alice", S))
    assert refused.value.reason is Reason.BAD_REQUEST


def test_a_delisted_contract_is_settled(floor: Floor) -> None:
    """All orders are canceled, all positions closed at one price, and nothing is traded then."""
    floor.cross("alice", "dave", 10_000, 2 * BTC)
    order = floor.limit("alice", SELL, 11_000, BTC)
    floor.do(c.SettleContract(S, 1_010_000))
    assert of(ContractSettled, floor.events)
    assert not order.is_open
    assert floor.positions == {}
    assert floor.wallet("alice")[0] == (10_000 - 4 + 200) * ATOMS
    with pytest.raises(Reject) as refused:
        floor.limit("alice", SELL, 11_000, BTC)
    assert refused.value.reason is Reason.MARKET_HALTED


def test_a_forced_close_is_not_a_public_trade(floor: Floor) -> None:
    """It must not trigger the stops of others, nor move the last price."""
    floor.cross("alice", "dave", 10_000, 10 * BTC)
    trades = len(floor.engine.state.markets[S].tape.trades)
    floor.do(c.MoveMark(S, -1_100 * ATOMS))
    assert "alice" not in floor.positions
    assert len(floor.engine.state.markets[S].tape.trades) == trades


def test_positions_survive_a_snapshot(floor: Floor) -> None:
    """A venue that survives its process goes on with them, and with their bounds."""
    floor.cross("alice", "dave", 10_000, 10 * BTC)
    floor.engine.restore(from_graph(Graph({}).to_text(floor.engine.state), {}))
    assert floor.positions == {"alice": 10 * BTC, "dave": -10 * BTC}
    floor.do(c.MoveMark(S, -1_100 * ATOMS))
    assert "alice" not in floor.positions


def test_an_isolated_position_never_loses_more_than_its_margin(floor: Floor) -> None:
    """Nor does the liquidation fee of what the book took, where the fund has to take the rest."""
    floor.isolate("alice", 20)
    floor.cross("alice", "dave", 10_000, 4 * BTC)
    free = floor.wallet("alice")[0]
    floor.limit("carol", BUY, 9_500, 3 * BTC)
    floor.do(c.MoveMark(S, -490 * ATOMS))
    assert "alice" not in floor.positions
    assert floor.wallet("alice") == (free, 0)


def test_an_isolated_position_without_margin_loses_nothing(floor: Floor) -> None:
    """Funding has used up its margin, and a gain has kept it alive: the fund bears its loss."""
    floor.isolate("alice", 20)
    floor.cross("alice", "dave", 10_000, BTC)
    floor.do(c.MoveMark(S, 2_000 * ATOMS))
    floor.do(c.PayFunding(S, 5_000_000))
    assert floor.position("alice").margin == 0
    free = floor.wallet("alice")[0]
    floor.limit("dave", BUY, 9_999, BTC)
    floor.limit("alice", SELL, 9_999, BTC)
    assert floor.wallet("alice") == (free - 499_950_000, 0), "only the fee"


def test_each_step_of_a_liquidation_is_reckoned_anew(floor: Floor) -> None:
    """Half of a position is too small for a step down a bracket: it is closed at once."""
    assert PERPETUAL.contract is not None
    contract = replace(PERPETUAL.contract, liquidation_fee=1_000)
    floor = Floor(market=replace(PERPETUAL, contract=contract))
    for name in ("carol", "dave"):
        floor.open(name, 10_000_000)
    floor.limit("carol", SELL, 10_000, 10 * BTC)
    floor.isolate("alice", 20)
    floor.limit("alice", BUY, 10_000, 10 * BTC)
    floor.limit("carol", BUY, 9_600, 30 * BTC)
    floor.do(c.MoveMark(S, -470 * ATOMS))
    steps = [told.lots for told in of(PositionLiquidated, floor.events)]
    assert len(steps) == 2, steps
    assert sum(steps) == 10 * BTC


def test_ranks_tell_small_gains_apart(floor: Floor) -> None:
    """Two winners that hardly gain: the one that gains more is closed first."""
    floor.limit("alice", BUY, 10_000, 9)
    floor.limit("dave", SELL, 10_000, 5)
    floor.limit("carol", SELL, 10_000, 4)
    floor.do(c.MoveMark(S, -100 * ATOMS))
    state = floor.engine.state
    found = ranked(state, state.markets[S], floor.at, long=False)
    assert [name for _, name, _ in found] == ["dave", "carol"]


def test_a_liquidation_may_deleverage_the_other_side_of_the_same_account(floor: Floor) -> None:
    """In hedge mode: what that closes is not looked at any more."""
    floor.do(c.SetInsuranceFund("USDT", 0))
    floor.do(c.SetPositionMode("alice", True))
    floor.isolate("alice", 20)
    floor.limit("dave", SELL, 10_000, 2 * BTC)
    floor.limit("alice", BUY, 10_000, 2 * BTC, position_side=PositionSide.LONG)
    floor.limit("carol", BUY, 10_000, BTC)
    floor.limit("alice", SELL, 10_000, BTC, position_side=PositionSide.SHORT)
    floor.do(c.MoveMark(S, -1_000 * ATOMS))
    assert "alice" not in floor.positions


def test_no_debt_outlives_its_position(floor: Floor) -> None:
    """A position is settled far below its entry: the fund pays what the wallet then owes."""
    floor.cross("alice", "dave", 10_000, 10 * BTC)
    before = fund(floor)
    floor.do(c.SettleContract(S, 800_000))
    assert floor.wallet("alice") == (0, 0)
    assert before - fund(floor) == 10_020 * ATOMS, "the loss of 20,000 and the fee, less 10,000"


def test_the_quantile_tells_the_place_in_the_queue(floor: Floor) -> None:
    """Who gains alone goes first; among two the higher rank does; who loses is not in it."""
    floor.limit("dave", BUY, 10_000, 4)
    floor.limit("bob", SELL, 10_000, 2)
    floor.do(c.MoveMark(S, -100 * ATOMS))
    assert (floor.position("bob").adl, floor.position("dave").adl) == (4, 0)
    floor.limit("carol", SELL, 10_000, 2)
    assert (floor.position("bob").adl, floor.position("carol").adl) == (4, 2)


@pytest.mark.parametrize(("leverage", "looks"), [(2, 0), (20, 1)])
def test_marks_are_looked_at_only_where_one_may_touch_a_bound(leverage: int, looks: int) -> None:
    """A match moves the price from the next second on; a bound below 0 is no bound."""
    floor = world()
    floor.do(c.SetLeverage("alice", S, leverage))
    floor.market("alice", BUY, 9_000 * leverage)
    agenda = floor.engine.state.agenda
    marks = [one for one in agenda if isinstance(one.command, c.CheckMarks)]
    assert len(marks) == looks
    assert all(one.at > floor.at + 600 * SECOND for one in marks)
