"""The formulas of margin agree with the examples that the venue has published.

Sources: Binance FAQ, "Liquidation Price of USDⓈ-M Futures Contracts" (copies of 2020 and 2024),
"Cost Required to Open a Position in Perpetual Futures Contracts" (copy of 2026-01), "Leverage and
Margin of USDⓈ-M Futures".
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from failing_exchange.core import commands as c
from failing_exchange.core.contract import Bracket, Contract, brackets_of
from failing_exchange.core.ledger import futures_wallet
from failing_exchange.core.margin import liquidation_price, maintenance_margin
from failing_exchange.core.market import Market
from failing_exchange.core.order import BUY, SELL, PositionSide, Side
from failing_exchange.core.positions import MarginStatus, Position
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.state import MarketState
from failing_exchange.core.units import ATOMS
from tests.core.contracts import BTC, PERPETUAL, Floor

BOTH = PositionSide.BOTH
K, M = 1_000 * ATOMS, 1_000_000 * ATOMS


def atoms(value: str) -> int:
    return int(Decimal(value) * ATOMS)


def market(rate: int, deduction: str = "0") -> MarketState:
    """A contract in steps of 0.001, with one bracket."""
    bracket = Bracket(10**18, 20, rate, atoms(deduction))
    steps = Market(
        symbol="X/USDT:USDT", base="X", quote="USDT", price_step=10**5, amount_step=10**5,
        kind="linear", contract=Contract(settle="USDT", brackets=(bracket,)),
    )  # fmt: skip
    return MarketState(steps, None)


def position(amount: str, entry: str) -> Position:
    lots, cost = Decimal(amount) * 1_000, Decimal(amount) * Decimal(entry) * ATOMS
    return Position("a", BOTH, futures_wallet("a"), int(lots), int(cost))


@pytest.mark.parametrize(
    ("rate", "deduction", "amount", "entry", "wallet", "others", "profit", "price"),
    [  # 10 % and 2.5 % of old brackets; two cross positions, then the same ones isolated
        (25_000, "16300", "109.488", "32481.980", "1535443.01", "356512.508", "-448192.89",
         "26316.89"),
        (100_000, "135365", "3683.979", "1456.84", "1535443.01", "71200.81144", "-56354.57",
         "1153.26"),
        (100_000, "135365", "3683.979", "1456.84", "1535443.01", "0", "0", "1114.78"),
        (25_000, "16300", "109.488", "32481.980", "1535443.01", "0", "0", "18778.73"),
        (4_000, "0", "-0.005", "9451.53", "10.72", "1.3", "0.47", "11383.99"),
        (6_500, "0", "1", "199.53", "10.72", "0.19", "-0.06", "190.29"),
    ],
)  # fmt: skip
def test_liquidation_prices(
    rate: int, deduction: str, amount: str, entry: str, wallet: str, others: str, profit: str,
    price: str,
) -> None:  # fmt: skip
    """Six published examples: cross with others, and isolated; long and short."""
    rest = MarginStatus(0, unrealised=atoms(profit), maintenance=atoms(others))
    found = liquidation_price(
        market(rate, deduction), [position(amount, entry)], atoms(wallet), rest
    )
    assert abs(found - atoms(price)) < 10**6


def test_deductions_of_brackets() -> None:
    """Level 3 of an old table: 250,000 x (1 % - 0.5 %) + 50 = 1,300; level 5: 141,300."""
    found = brackets_of([
        (50 * K, 125, 4_000), (250 * K, 100, 5_000), (1 * M, 50, 10_000), (5 * M, 20, 25_000),
        (20 * M, 10, 50_000),
    ])  # fmt: skip
    assert [one.deduction // ATOMS for one in found] == [0, 50, 1_300, 16_300, 141_300]


@pytest.mark.parametrize(
    ("rate", "deduction", "notional", "margin"),
    [(100_000, "135365", "4918775.081", "356512.508"), (25_000, "16300", "3500032.458",
                                                        "71200.81144")],
)  # fmt: skip
def test_maintenance_margins(rate: int, deduction: str, notional: str, margin: str) -> None:
    """Notional x rate - deduction."""
    brackets = (Bracket(10**18, 20, rate, atoms(deduction)),)
    assert abs(maintenance_margin(brackets, atoms(notional)) - atoms(margin)) <= 10**4


@pytest.mark.parametrize(
    ("side", "cost"), [(BUY, "462.67"), (SELL, "470.19")], ids=["long", "short"]
)
def test_cost_of_opening(side: Side, cost: str) -> None:
    """1 BTC at 9,253.30, mark 9,259.84, last 9,258.99, leverage 20: 462.66 and 470.18 USDT."""
    floor = Floor()
    floor.cross("alice", "bob", 9_258.99, 1)
    floor.do(c.MoveMark(PERPETUAL.symbol, atoms("0.85")))
    for name, funds in (("enough", atoms(cost)), ("short", atoms(cost) - 10**6)):
        floor.do(c.OpenAccount(name, (), None, (("USDT", funds),)))
    with pytest.raises(Reject) as refused:
        floor.limit("short", side, 9_253.30, BTC)
    assert refused.value.reason is Reason.INSUFFICIENT_FUNDS
    assert floor.limit("enough", side, 9_253.30, BTC).id
