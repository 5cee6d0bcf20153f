"""A bot that trades equal lots each minute and lacks one is wrong, though it was right before.

A belief that is one lot behind was true a minute ago; that does not excuse it. A bot that looks
the order up when its answer is lost is right.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from failing_exchange import FailingExchangeError
from failing_exchange.judge.probe import probe
from failing_exchange.judge.rule import Outcome
from tests.judge.both_products import CONTRACT, SPOT, judged, loses

LOT = 0.01
CALM = 600.0  # seconds at the end in which nothing fails
LOSSES = ("nth(1)", "nth(3)")  # the first answer: then it has never been right


class Trader:
    """Trades a lot each minute. `finds`: whether it looks up an order whose answer was lost."""

    def __init__(self, exchange: Any, symbol: str, side: str, *, finds: bool) -> None:
        self.exchange, self.symbol, self.side, self.finds = exchange, symbol, side, finds
        self.held, self.cash = 0.0, 0.0
        self.order: dict[str, Any] = {}

    async def trade(self, number: int) -> None:
        name = f"lot-{number}"
        try:
            self.order = await self.exchange.create_order(
                self.symbol, "market", self.side, LOT, None, {"clientOrderId": name}
            )
        except FailingExchangeError:
            if not self.finds:
                return
            await asyncio.sleep(6)
            self.order = await self.exchange.fetch_order(None, self.symbol, {"clientOrderId": name})
        sign = 1 if self.side == "buy" else -1
        self.held += sign * self.order["filled"]
        self.cash -= sign * self.order["cost"]
        for fee in self.order["fees"]:
            if fee["currency"] == "BTC":
                self.held -= fee["cost"]
            else:
                self.cash -= fee["cost"]


def told_by_probe(symbol: str, side: str, *, finds: bool, reads: bool = False) -> Any:
    """States its position; `reads`: it looks at its account before each order."""

    async def bot(exchange: Any) -> None:
        trader = Trader(exchange, symbol, side, finds=finds)
        probe(positions=lambda: {symbol: trader.held})
        for number in range(1_000):
            if reads and symbol == SPOT:
                await exchange.fetch_balance()
            elif reads:
                await exchange.fetch_positions()
            await trader.trade(number)
            await asyncio.sleep(60)

    return bot


def told_by_balances(*, finds: bool, reads: bool = False) -> Any:
    """States what it owns of both assets, as it reckons it."""

    async def bot(exchange: Any) -> None:
        trader = Trader(exchange, SPOT, "buy", finds=finds)
        probe(balances=lambda: {"BTC": trader.held, "USDT": 100_000 + trader.cash})
        for number in range(1_000):
            if reads:
                await exchange.fetch_balance()
            await trader.trade(number)
            await asyncio.sleep(60)

    return bot


def told_by_notebook(*, finds: bool) -> Any:
    """Books its orders in a notebook."""

    async def bot(exchange: Any, notebook: Any) -> None:
        trader = Trader(exchange, SPOT, "buy", finds=finds)
        for number in range(1_000):
            trader.order = {}
            await trader.trade(number)
            if trader.order:
                notebook.book(trader.order)
            await asyncio.sleep(60)

    return bot


BOTS: dict[str, Callable[..., Any]] = {
    "probe": lambda finds: told_by_probe(SPOT, "buy", finds=finds),
    "balances": told_by_balances,
    "notebook": told_by_notebook,
    "perpetual": lambda finds: told_by_probe(CONTRACT, "buy", finds=finds),
    "short": lambda finds: told_by_probe(CONTRACT, "sell", finds=finds),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("bot", BOTS.values(), ids=list(BOTS))
def test_a_missing_lot_is_found_though_lots_are_equal(bot: Any, loss: str) -> None:
    """It lacks an old lot; that the newest is as large does not excuse it."""
    verdict = judged(bot(finds=False), loses(loss), calm=CALM)
    assert verdict.result("converges").outcome is Outcome.FAIL, str(verdict)
    assert verdict.wrong == pytest.approx(LOT * 60_000, rel=0.2)
    assert verdict.money >= (verdict.wrong or 0.0)


@pytest.mark.parametrize("bot", BOTS.values(), ids=list(BOTS))
def test_a_bot_that_looks_it_up_is_right(bot: Any) -> None:
    """In each of these ways to state what it believes."""
    verdict = judged(bot(finds=True), loses("nth(3)"), calm=CALM)
    assert verdict.result("converges").outcome is Outcome.PASS, str(verdict)
    assert verdict.wrong == 0.0


@pytest.mark.parametrize(
    "bot",
    [
        told_by_probe(SPOT, "buy", finds=False, reads=True),
        told_by_balances(finds=False, reads=True),
        told_by_probe(CONTRACT, "sell", finds=False, reads=True),
    ],
    ids=["spot", "balances", "short"],
)
def test_a_look_before_each_order_does_not_excuse_it(bot: Any) -> None:
    """Its look was a lot behind as well; but it did not go by its looks before the loss."""
    verdict = judged(bot, loses("nth(3)"), calm=CALM)
    assert verdict.result("converges").outcome is Outcome.FAIL, str(verdict)


def goes_by_its_balance(what: str) -> Any:
    """Trades once a minute, and takes what it holds from a look at its balance once a minute."""

    async def bot(exchange: Any) -> None:
        seen: dict[str, float] = {}
        if what == "balances":
            probe(balances=lambda: dict(seen))
        else:
            probe(positions=lambda: {SPOT: seen.get("BTC", 0.0)})
        trader = Trader(exchange, SPOT, "buy", finds=False)
        for number in range(1_000):
            seen.update((await exchange.fetch_balance())["total"])
            await asyncio.sleep(20)
            await trader.trade(number)
            await asyncio.sleep(40)

    return bot


async def goes_by_its_positions(exchange: Any) -> None:
    """The same with a look at its positions."""
    seen = {CONTRACT: 0.0}
    probe(positions=lambda: seen)
    trader = Trader(exchange, CONTRACT, "sell", finds=False)
    for number in range(1_000):
        found = await exchange.fetch_positions()
        seen[CONTRACT] = -sum(one["contracts"] for one in found)
        await asyncio.sleep(20)
        await trader.trade(number)
        await asyncio.sleep(40)


async def goes_by_its_stream(exchange: Any) -> None:
    """Books each fill when the stream tells it, and what it missed by a list of its fills."""
    booked: dict[str, float] = {}
    probe(positions=lambda: {SPOT: sum(booked.values())})

    def book(trades: Any) -> None:
        for one in trades:
            fee = one["fee"]["cost"] if one["fee"]["currency"] == "BTC" else 0.0
            booked[one["id"]] = one["amount"] - fee

    async def trade() -> None:
        trader = Trader(exchange, SPOT, "buy", finds=False)
        for number in range(1_000):
            await trader.trade(number)
            await asyncio.sleep(60)

    trading = asyncio.ensure_future(trade())
    try:
        while True:
            try:
                book(await exchange.watch_my_trades(SPOT))
            except FailingExchangeError:
                book(await exchange.fetch_my_trades(SPOT))
    finally:
        trading.cancel()


@pytest.mark.parametrize("seconds", [1_200, 1_203, 1_219, 1_221, 1_224, 1_238, 1_259])
@pytest.mark.parametrize(
    "bot",
    [
        goes_by_its_balance("balances"),
        goes_by_its_balance("positions"),
        goes_by_its_positions,
        goes_by_its_stream,
    ],
    ids=["balances", "spot", "contracts", "stream"],
)
def test_a_bot_that_goes_by_looks_or_streams_is_right_at_any_time(bot: Any, seconds: float) -> None:
    """The answers to its orders tell it earlier, and it need not book these."""
    verdict = judged(bot, loses("nth(3)"), seconds=seconds, calm=CALM)
    assert verdict.result("converges").outcome is Outcome.PASS, str(verdict)
    assert verdict.wrong == 0.0
