"""What a client has gained by its trades, and by how much it is wrong about that."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from failing_exchange.core.order import Side
from failing_exchange.core.units import ATOMS, SECOND
from failing_exchange.judge import products as module
from failing_exchange.judge.holdings import Holding, holdings, wrong_money
from failing_exchange.judge.products import Traded
from failing_exchange.venue.default_world import MARKETS

MARKET = MARKETS["BTC/USDT"]
STEP = MARKET.amount_step


def fill(side: Side, fee_asset: str, lots: int = 100) -> Any:
    """So many lots for a cost of 5,000 atoms, with a fee of 7 atoms."""
    return SimpleNamespace(lots=lots, side=side, cost=5_000, fee=7, fee_asset=fee_asset)


@pytest.mark.parametrize(
    ("side", "fee_asset", "gained"),
    [
        (Side.BUY, "BTC", {"BTC": 100 * STEP - 7, "USDT": -5_000}),
        (Side.BUY, "BNB", {"BTC": 100 * STEP, "USDT": -5_000, "BNB": -7}),
        (Side.SELL, "USDT", {"BTC": -100 * STEP, "USDT": 5_000 - 7}),
    ],
)
def test_a_fill_changes_both_sides_and_the_fee(
    side: Side, fee_asset: str, gained: dict[str, int]
) -> None:
    """The fee lessens what is received, or a third asset."""
    traded = Traded()
    traded.add(fill(side, fee_asset), MARKET, 1)
    assert traded.total == gained


def test_what_was_held_at_each_moment_is_known() -> None:
    """Oldest first; the last is now. Of an asset that was never traded it is nothing."""
    traded = Traded()
    for at in (1, 2, 3):
        traded.add(fill(Side.BUY, "BNB"), MARKET, at)
    one = 100 * STEP
    assert traded.states("BTC", since=0) == [0, one, 2 * one, 3 * one]
    assert traded.states("BTC", since=2) == [2 * one, 3 * one]
    assert traded.states("BTC", since=3) == [3 * one]
    assert traded.states("ETH", since=0) == [0]


def facts(traded: Traded | None = None, **totals: list[int]) -> Any:
    """Of an account; 1 unit of any asset is worth 2 USDT; `totals`: newest first."""
    ledger = SimpleNamespace(totals=lambda account, asset, since: totals[asset])
    markets = {name: SimpleNamespace(market=market) for name, market in MARKETS.items()}
    engine = SimpleNamespace(state=SimpleNamespace(markets=markets, ledger=ledger))
    return SimpleNamespace(
        traded=traded or Traded(), engine=engine, account="main",
        wallets_meant=lambda asset, believed: ("main",),
        opened_with=lambda asset, wallets: 10 * ATOMS if asset == "USDT" and totals else 0,
        value=lambda asset, atoms, at: 2 * atoms / ATOMS,
        market=lambda symbol: markets[symbol].market,
    )  # fmt: skip


def test_a_notebook_is_compared_with_all_that_was_traded() -> None:
    """Also with what it does not mention; what changed within the last minute may be missing."""
    traded = Traded()
    traded.add(fill(Side.BUY, "BNB"), MARKET, 10 * SECOND)
    units = 100 * STEP / ATOMS
    known = facts(traded)
    late = holdings({"USDT": -5_000 / ATOMS}, None, known, 70 * SECOND + 1)
    assert late is not None
    assert list(late) == ["BNB", "BTC", "USDT"]
    assert late["BTC"] == Holding(0.0, units, units)
    assert late["USDT"].difference == 0.0
    soon = holdings({"USDT": -5_000 / ATOMS}, None, known, 70 * SECOND - 1)
    assert soon is not None
    assert soon["BTC"] == Holding(0.0, units, 0.0)


def test_a_probe_tells_positions_or_balances() -> None:
    """Positions of one asset in two markets are one; balances count from what there was."""
    sample: Any = SimpleNamespace(positions={"BTC/USDT": 1.0, "BTC/USDT2": 2.0}, balances=None)
    known = facts()
    known.engine.state.markets["BTC/USDT2"] = known.engine.state.markets["BTC/USDT"]
    assert holdings(None, sample, known, 0) == {"BTC": Holding(3.0, 0.0, -3.0)}
    sample = SimpleNamespace(positions=None, balances={"USDT": 12.0})
    known = facts(USDT=[15 * ATOMS, 11 * ATOMS])
    found = holdings(None, sample, known, 0)
    assert found == {"USDT": Holding(2.0, 5.0, 3.0)}
    sample = SimpleNamespace(positions=None, balances=None)
    assert holdings(None, sample, known, 0) is None
    assert holdings(None, None, known, 0) is None


@pytest.mark.parametrize(
    ("differences", "usdt"),
    [
        ({"BTC": 3.0, "USDT": -4.0}, 8.0),
        ({"BTC": 5.0, "USDT": -4.0}, 10.0),
        ({"BTC": 3.0, "ETH": 1.0, "USDT": -1.0}, 8.0),
        ({"BTC": -3.0, "ETH": -1.0}, 8.0),
        ({"BTC": 0.005}, 0.0),
        ({"BTC": 0.006}, 0.012),
        ({}, 0.0),
    ],
)
def test_both_sides_of_an_unknown_trade_count_once(
    differences: dict[str, float], usdt: float
) -> None:
    """What is there unawares, or what lacks, whichever is more; a cent is rounding."""
    found = {asset: Holding(0.0, 0.0, amount) for asset, amount in differences.items()}
    assert wrong_money(found, facts(), 0) == pytest.approx(usdt)


def test_of_a_fast_trader_only_the_newest_changes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sum stays right."""
    monkeypatch.setattr(module, "LATE_KEPT_MAX", 2)
    traded = Traded()
    for at in (1, 2, 3):
        traded.add(fill(Side.BUY, "BTC"), MARKET, at)
    assert traded.total["BTC"] == 3 * (100 * STEP - 7)
    assert len(traded.states("USDT", since=0)) == 2
