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


def fill(side: Side, fee_asset: str, at: int = 1) -> Any:
    """100 lots for a cost of 5,000 atoms, with a fee of 7 atoms."""
    return SimpleNamespace(
        lots=100, side=side, cost=5_000, fee=7, fee_asset=fee_asset, symbol=MARKET.symbol, at=at,
        order_id=1, trade_id=at,
    )  # fmt: skip


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
    traded.add(fill(side, fee_asset), MARKET)
    assert traded.total == gained
    assert traded.held == {"BTC/USDT": gained["BTC"]}


def test_what_was_gained_lately_is_known() -> None:
    """Oldest first: by market, and by asset."""
    traded = Traded()
    for at in (1, 2, 3):
        traded.add(fill(Side.BUY, "BTC", at), MARKET)
    assert [gain.fill.at for gain in traded.newest(0)] == [1, 2, 3]
    (last,) = traded.newest(2)
    assert (last.held, last.changes["BTC"]) == (100 * STEP - 7, 100 * STEP - 7)
    assert traded.newest(3) == []


def facts(traded: Traded | None = None, **totals: int) -> Any:
    """Of an account that was told of nothing; 1 unit of any asset is worth 2 USDT."""
    ledger = SimpleNamespace(
        total=lambda wallets, asset: totals[asset], changes=lambda wallets, asset, since: ()
    )
    markets = {name: SimpleNamespace(market=market) for name, market in MARKETS.items()}
    engine = SimpleNamespace(state=SimpleNamespace(markets=markets, ledger=ledger))
    return SimpleNamespace(
        traded=traded or Traded(), engine=engine, account="main",
        wallets_meant=lambda asset, believed: ("main",),
        opened_with=lambda asset, wallets: 10 * ATOMS if asset == "USDT" and totals else 0,
        value=lambda asset, atoms, at: 2 * atoms / ATOMS,
        market=lambda symbol: markets[symbol].market, fills_told=lambda since: {},
        looked=lambda kind, told: (0, 0), bookers={},
    )  # fmt: skip


def test_a_notebook_is_compared_with_all_that_was_traded() -> None:
    """Also with what it does not mention; what changed within the last minute may be missing."""
    traded = Traded()
    traded.add(fill(Side.BUY, "BNB", 10 * SECOND), MARKET)
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
    sample: Any = SimpleNamespace(
        at=0, positions={"BTC/USDT": 1.0, "BTC/USDT2": 2.0}, balances=None
    )
    known = facts()
    known.engine.state.markets["BTC/USDT2"] = known.engine.state.markets["BTC/USDT"]
    assert holdings(None, sample, known, 0) == {"BTC": Holding(3.0, 0.0, -3.0)}
    sample = SimpleNamespace(at=0, positions=None, balances={"USDT": 12.0})
    known = facts(USDT=15 * ATOMS)
    found = holdings(None, sample, known, 0)
    assert found == {"USDT": Holding(2.0, 5.0, 3.0)}
    sample = SimpleNamespace(at=0, positions=None, balances=None)
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
        traded.add(fill(Side.BUY, "BTC", at), MARKET)
    assert traded.total["BTC"] == 3 * (100 * STEP - 7)
    assert len(traded.newest(0)) == 2
