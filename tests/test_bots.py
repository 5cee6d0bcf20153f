"""What the careful bots do right where a careless one, or an earlier one of ours, went wrong."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.core.commands import CrossOrder, SetMarketStatus
from failing_exchange.core.market import MarketStatus
from failing_exchange.faults.triggers import nth
from failing_exchange.runs.bots import Notebook, stop_loss as stopper
from failing_exchange.runs.bots.careful import settle

S = "BTC/USDT"


async def plays(exchange: FailingExchange, seconds: float) -> list[Any]:
    """The orders that are open after the stopper has played for a while."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopper.careful(exchange, Notebook())
    found: list[Any] = await exchange.fetch_open_orders(S)
    return found


def test_a_stop_stands_for_as_long_as_its_position_is_held() -> None:
    """To look whether all is as it should be must not take it away."""

    async def story() -> None:
        stops = await plays(FailingExchange(), 140)
        assert [(one["side"], bool(one["triggerPrice"])) for one in stops] == [("sell", True)]

    simulate(story())


def test_a_stop_is_not_given_up_while_nothing_can_be_sold() -> None:
    """In a halted market the ticker is old, and a position without a stop can't be left."""

    async def story() -> None:
        exchange = FailingExchange()
        halt = SetMarketStatus(S, MarketStatus.HALTED)
        asyncio.get_running_loop().call_later(
            100, lambda: exchange.venue.gateway.operate(halt)
        )  # by the operator
        stops = await plays(exchange, 700)
        assert [(one["side"], bool(one["triggerPrice"])) for one in stops] == [("sell", True)]

    simulate(story())


def traded(side: str, filled: float, cost: float) -> dict[str, Any]:
    """A filled order of contracts of 0.1 BTC each, with its fee."""
    fees = [{"currency": "USDT", "cost": 1.0}]
    return {"symbol": f"{S}:USDT", "side": side, "filled": filled, "cost": cost, "fees": fees}


def test_a_notebook_books_contracts_as_a_position_and_its_profit() -> None:
    """They are no coins: nobody has bought BTC, and each contract is a tenth of one."""
    notebook = Notebook()
    notebook.book(traded("buy", 3, 15_000.0), contract_size=0.1)
    assert notebook.positions() == {f"{S}:USDT": pytest.approx(0.3)}
    assert notebook.believed == {"USDT": -1.0, f"{S}:USDT": pytest.approx(0.3)}
    notebook.book(traded("sell", 1, 5_200.0), contract_size=0.1)  # bought for 5,000
    assert notebook.holds("USDT") == pytest.approx(200 - 2)
    notebook.book(traded("sell", 4, 19_600.0), contract_size=0.1)  # two close, two open a short
    assert notebook.positions() == {f"{S}:USDT": pytest.approx(-0.2)}
    assert notebook.holds("USDT") == pytest.approx(200 - 200 - 3)
    notebook.book(traded("buy", 2, 9_700.0), contract_size=0.1)  # sold for 9,800
    assert notebook.positions() == {f"{S}:USDT": pytest.approx(0.0)}
    assert notebook.holds("USDT") == pytest.approx(100 - 4)
    assert notebook.holds("BTC") == 0.0


def test_an_end_without_a_fill_is_believed_when_it_is_said_twice() -> None:
    """An order that was called expired by mistake may still trade."""

    async def story() -> None:
        exchange = FailingExchange()
        exchange.arm("set_field", nth(1), operations="fetch_order", field="status", value="expired")
        order = await exchange.create_order(S, "limit", "buy", 0.1, 40_000)
        settled = asyncio.create_task(settle(exchange, order))
        await asyncio.sleep(1)
        assert not settled.done()
        await exchange.operate(CrossOrder(int(order["id"])))
        assert (await settled)["filled"] == 0.1

    simulate(story())


def test_a_careful_bot_takes_no_unknown_status_for_the_end_of_an_order() -> None:
    """It may still trade: `steady-minute` booked half of it, and sold too little later."""
    amounts = {"id": "1", "symbol": "BTC/USDT", "amount": 0.1}
    unknown = {**amounts, "status": "insurance_fund", "filled": 0.05}
    answers = [unknown, unknown, unknown, {**amounts, "status": "closed", "filled": 0.1}]

    class Venue:
        async def fetch_order(self, *asked: Any) -> dict[str, Any]:
            return answers.pop(0)

    assert simulate(settle(Venue(), amounts))["filled"] == 0.1
