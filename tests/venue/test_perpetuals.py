"""The perpetuals of the default world are those of Binance USD-M."""

from __future__ import annotations

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.core.contract import bracket_of
from failing_exchange.core.units import ATOMS
from failing_exchange.errors import ConfigurationError
from failing_exchange.venue.perpetuals import PERPETUALS


@pytest.mark.parametrize(
    ("symbol", "deductions"),
    [  # "cum" of the venue's table; BTC's fourth as published in 2026-09
        ("BTC/USDT:USDT", (0, 300, 1_500, 12_000)),
        ("ETH/USDT:USDT", (0, 50, 950, 11_450, 131_450, 381_450, 2_006_450, 9_506_450)),
        ("SOL/USDT:USDT", (0, 30, 380, 8_380, 28_380, 228_380, 2_228_380, 4_228_380, 16_728_380)),
    ],
)
def test_brackets_are_the_published_ones(symbol: str, deductions: tuple[int, ...]) -> None:
    """The cumulative amounts follow from rates and edges; a wrong one moves a liquidation."""
    contract = PERPETUALS[symbol].contract
    assert contract is not None
    found = [bracket.deduction // ATOMS for bracket in contract.brackets]
    assert tuple(found[: len(deductions)]) == deductions


def test_the_caps_of_funding_are_three_quarters_of_the_first_rate() -> None:
    """As `fundingInfo` shows them: 0.3 % for BTC and ETH, 0.375 % for SOL."""
    for market in PERPETUALS.values():
        assert market.contract is not None
        rate = bracket_of(market.contract.brackets, 1).rate * 100  # in atoms
        assert market.contract.funding_cap == -market.contract.funding_floor == rate * 3 // 4


def test_they_are_listed_by_name() -> None:
    """Beside the spot market whose price they follow."""

    async def main() -> tuple[float, float]:
        exchange = FailingExchange(markets=["BTC/USDT", "BTC/USDT:USDT"])
        spot, contract = [await exchange.fetch_ticker(s) for s in exchange.venue.markets]
        return spot["last"], contract["last"]

    spot, contract = simulate(main())
    assert 0 < abs(contract / spot - 1) < 0.003
    with pytest.raises(ConfigurationError, match="did you mean 'BTC/USDT:USDT'"):
        FailingExchange(markets=["BTC/USDT:USD"])
