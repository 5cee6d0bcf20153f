"""The multi-assets mode and fees in BNB, in process."""

from __future__ import annotations

import pytest

from failing_exchange import (
    FailingExchange,
    NoChangeError,
    OperationRejectedError,
    simulate,
)
from failing_exchange.core.contract_queries import Income, Incomes
from failing_exchange.core.units import ATOMS
from failing_exchange.unified.contract_data import ledger

SWAP = "BTC/USDT:USDT"
BALANCES = {"USDT": 1_000, "BTC": 1, "BNB": 1}


def make() -> FailingExchange:
    markets = ["BTC/USDT", "BNB/USDT", SWAP]
    return FailingExchange(seed=3, markets=markets, balances=BALANCES, latency=None)


def test_collateral_makes_more_margin_available() -> None:
    """1 BTC counts for 95 % of its index; the balance tells it in USDT."""

    async def story() -> None:
        exchange = make()
        await exchange.transfer("BTC", 1, "spot", "swap")
        alone = (await exchange.fetch_balance({"type": "swap"}))["USDT"]["free"]
        await exchange.set_multi_assets_mode(True)
        assert (await exchange.fetch_multi_assets_mode())["multiAssets"] is True
        joint = (await exchange.fetch_balance({"type": "swap"}))["USDT"]["free"]
        index = (await exchange.fetch_funding_rate(SWAP))["indexPrice"]
        assert joint == pytest.approx(alone + 0.95 * index, rel=0.01)
        with pytest.raises(NoChangeError):
            await exchange.set_multi_assets_mode(True)
        with pytest.raises(OperationRejectedError):
            await exchange.set_margin_mode("isolated", SWAP)

    simulate(story())


def test_a_fee_in_bnb_is_in_the_trade() -> None:
    """It is less than the rate of the market, and named in BNB; switched off, in USDT."""

    async def story() -> None:
        exchange = make()
        await exchange.transfer("BNB", 1, "spot", "swap")
        await exchange.create_order(SWAP, "market", "buy", 0.01)
        await exchange.set_fee_burn(False)
        await exchange.create_order(SWAP, "market", "sell", 0.01)
        first, second = await exchange.fetch_my_trades(SWAP)
        assert (first["fee"]["currency"], second["fee"]["currency"]) == ("BNB", "USDT")
        bnb = (await exchange.fetch_ticker("BNB/USDT"))["last"]
        assert first["fee"]["cost"] * bnb == pytest.approx(0.9 * second["fee"]["cost"], rel=0.01)

    simulate(story())


def test_an_exchange_of_collateral_is_a_trade_in_the_ledger() -> None:
    """ccxt's type of Binance's AUTO_EXCHANGE."""
    sold = Income(1, "", "BTC", -ATOMS // 2, "auto_exchange", 0)
    (entry,) = ledger(Incomes((sold,)))
    assert (entry["type"], entry["direction"], entry["amount"]) == ("trade", "out", 0.5)
    assert entry["info"]["incomeType"] == "AUTO_EXCHANGE"
