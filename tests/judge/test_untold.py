"""What an order traded that was never found is money at risk, also where the bot can't be asked."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from failing_exchange import FailingExchangeError
from failing_exchange.judge.probe import probe
from failing_exchange.report.text import summary
from tests.judge.both_products import CONTRACT, SPOT, judged, loses

AMOUNT = 0.01  # worth 500 USDT


def buys(
    symbol: str = SPOT, *, asks: bool = False, again: bool = False, probes: bool = False
) -> Any:
    """Buys once, reads its account each minute, and perhaps `asks` what became of its order."""

    async def bot(exchange: Any) -> None:
        if probes:
            probe(positions=lambda: {symbol: 0.0})
        with suppress(FailingExchangeError):
            await exchange.create_order(
                symbol, "market", "buy", AMOUNT, None, {"clientOrderId": "entry"}
            )
        if again:
            await exchange.create_order(symbol, "market", "buy", AMOUNT)
        await asyncio.sleep(10)
        if asks:
            await exchange.fetch_order(None, symbol, {"clientOrderId": "entry"})
        while True:
            await asyncio.sleep(60)
            await exchange.fetch_balance()

    return bot


@pytest.mark.parametrize("symbol", [SPOT, CONTRACT])
def test_an_order_that_is_never_found_is_money_at_risk(symbol: str) -> None:
    """Its balances may have told the bot; nothing shows it, so the sum is told with the verdict."""
    verdict = judged(buys(symbol), loses("nth(1)"))
    assert verdict.wrong is None
    assert verdict.money == verdict.untold == pytest.approx(500, rel=0.1)
    assert f"; its orders traded {verdict.untold:,.2f} USDT that it was never told of" in (
        verdict.sentence
    )
    assert "that it was never told of." in summary("lone", verdict)[0]


def test_the_sum_stands_behind_the_first_breach() -> None:
    """A bot that buys once more has the headline of `resolves`, with money."""
    verdict = judged(buys(again=True), loses("nth(1)"))
    assert verdict.sentence.startswith("The bot sent another order")
    assert verdict.sentence.endswith(f"; {verdict.untold:,.2f} USDT are lost or at risk.")


@pytest.mark.parametrize(
    ("bot", "seconds"),
    [
        (buys(asks=True), 1_200.0),  # it was told
        (buys(), 280.0),  # it may still find out
        (buys(probes=True), 1_200.0),  # it says what it believes, which is `wrong` instead
    ],
    ids=["asks", "short", "probe"],
)
def test_what_it_may_know_is_not_counted(bot: Any, seconds: float) -> None:
    """No sum is told twice, and none that the bot was told of."""
    verdict = judged(bot, loses("nth(1)"), seconds=seconds)
    assert verdict.untold == 0.0
    assert verdict.money == (verdict.wrong or 0.0)


def test_buys_and_sells_that_it_was_never_told_of_cancel_out() -> None:
    """After both it holds what it held before."""

    async def bot(exchange: Any) -> None:
        for side in ("buy", "sell"):
            with suppress(FailingExchangeError):
                await exchange.create_order(CONTRACT, "market", side, AMOUNT)
        await asyncio.sleep(10_000)

    assert judged(bot, loses("nth(1) | nth(2)")).untold == 0.0
