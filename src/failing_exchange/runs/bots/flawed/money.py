"""Bots that are wrong about what they may sell, about the rules of a market, or a position."""

from __future__ import annotations

import asyncio
from typing import Any

from failing_exchange.errors import FailingExchangeError, InvalidOrderError
from failing_exchange.runs.bots import stop_loss as stopper
from failing_exchange.runs.bots.careful import AMOUNT, patiently, settle
from failing_exchange.runs.bots.flawed.base import Minute, flawed
from failing_exchange.runs.bots.flawed.order_bots import Quoter
from failing_exchange.runs.bots.notebook import BASE, SYMBOL, PlannedOrder

MOST_OF_IT = 60.0  # BTC, of the 100 that an account has
STEP = 1e-5  # BTC, the market's step as this file knows it


@flawed(Minute, "sells-the-balance-it-reads")
class SellsTheBalanceItReads(Minute):
    """`balance_lag_after_fill`: trades by a balance that lags behind its own fills."""

    async def wanted(self) -> tuple[str, float]:
        balance = await self.client.fetch_balance()
        free = float(balance[BASE]["free"])
        return ("sell", free) if free >= AMOUNT / 2 else ("buy", AMOUNT)

    async def rest(self) -> None:
        await asyncio.sleep(2.0)


@flawed(Minute, "sells-what-it-bought")
class SellsWhatItBought(Minute):
    """`external_lock`: what it bought must be free, and what is refused it tries again."""

    async def place(self, intent: PlannedOrder, side: str, amount: float, price: float) -> Any:
        for _ in range(10):
            try:
                return await super().place(intent, side, amount, price)
            except FailingExchangeError:
                await asyncio.sleep(10)
        raise TimeoutError("ten tries were not enough")


@flawed(Minute, "sells-before-fees")
class SellsBeforeFees(Minute):
    """`trades_lag_order`: without the trades it knows of no fee, and sells what it ordered."""

    amount = 0.0

    async def wanted(self) -> tuple[str, float]:
        return ("sell", self.amount) if self.amount else ("buy", AMOUNT)

    async def follow(self, intent: PlannedOrder, placed: Any) -> None:
        await super().follow(intent, placed)
        trades = await self.client.fetch_my_trades(SYMBOL, limit=5)
        fees = sum(t["fee"]["cost"] for t in trades if t["order"] == placed["id"])
        self.amount = AMOUNT - fees if placed["side"] == "buy" else 0.0


@flawed(Minute, "hard-codes-the-rules")
class HardCodesTheRules(Minute):
    """`lot_size`, `price_filter`, `filter_changed_live`: knows the market's steps by heart."""

    async def catch_up(self) -> None:
        """Its notes are enough."""

    async def trade(self, intent: PlannedOrder, side: str, amount: float, price: float) -> None:
        lots = int(amount / STEP + 1e-6) - 3  # not a multiple of a coarser step
        order = await self.exchange.create_order(
            SYMBOL, "limit", side, lots * STEP, round(price, 2)
        )
        await self.follow(intent, order)

    async def follow(self, intent: PlannedOrder, placed: Any) -> None:
        self.notebook.book(await settle(self.client, placed))


@flawed(Minute, "trades-small-whatever-the-minimum")
class TradesSmallWhateverTheMinimum(HardCodesTheRules):
    """`filter_changed_live`: goes on with an amount that a new minimum does not allow."""

    async def wanted(self) -> tuple[str, float]:
        return ("sell" if self.notebook.holds(BASE) > 0.0007 else "buy"), 0.001


@flawed(Minute, "believes-an-empty-wallet")
class BelievesAnEmptyWallet(Minute):
    """`wallet_reads_zero`: a wallet that reads zero means that the position is gone."""

    async def catch_up(self) -> None:
        await super().catch_up()
        balance = await self.client.fetch_balance()
        if not balance[BASE]["total"] and self.notebook.holds(BASE):
            self.notebook.believed[BASE] = 0.0


@flawed(Minute, "repairs-again-and-again")
class RepairsAgainAndAgain(Minute):
    """`fill_voided`: takes a voided fill off its position each time that it notices it."""

    async def begin(self) -> None:
        self.start = (await patiently(self.client.fetch_balance))[BASE]["total"]

    async def catch_up(self) -> None:
        await super().catch_up()
        orders = await patiently(lambda: self.client.fetch_orders(SYMBOL, limit=100))
        gained = sum(_gained(one) for one in orders if one["id"] in self.books._booked)
        balance = await patiently(self.client.fetch_balance)
        missing = gained - (balance[BASE]["total"] - self.start)
        if abs(missing) > STEP / 2:
            self.notebook._add(BASE, -missing)


def _gained(order: Any) -> float:
    """What an order has added to the position, after its fee."""
    fees = sum(fee["cost"] for fee in order["fees"] if fee["currency"] == BASE)
    filled = float(order["filled"])
    return (filled if order["side"] == "buy" else -filled) - float(fees)


@flawed(Quoter, "reckons-canceled-funds-free")
class ReckonsCanceledFundsFree(Quoter):
    """`hold_after_cancel`: what a cancel gives back is free at once, and it offers it again."""

    async def wanted(self) -> tuple[str, float]:
        return "sell", MOST_OF_IT

    async def price(self, side: str) -> float:
        return await super().price(side) * 1.05

    async def place(self, intent: PlannedOrder, side: str, amount: float, price: float) -> Any:
        for _ in range(4):
            try:
                return await super().place(intent, side, amount, price)
            except FailingExchangeError:
                await asyncio.sleep(5)
        raise TimeoutError("four tries were not enough")

    async def rest(self) -> None:
        await asyncio.sleep(1.0)


class Protector(Minute):
    """Buys, protects what it bought by a stop, and sells it some minutes later; looks at nothing.

    Where it should look at its stop it looks at the price.
    """

    hold = 900.0
    amount = AMOUNT

    async def round(self) -> None:
        intent = self.notebook.intend("buy", self.amount, covered_within=stopper.COVERED_S)
        with intent:
            entry = await self.exchange.create_order(SYMBOL, "market", "buy", self.amount)
        self.notebook.book(entry)
        stop = await self.protect(entry)
        for _ in range(int(self.hold / stopper.LOOK)):
            await asyncio.sleep(stopper.LOOK)
            await self.exchange.fetch_ticker(SYMBOL)
        await self.leave(entry, stop)

    async def protect(self, entry: Any) -> Any:
        """Place the stop for what was bought."""
        level = entry["average"] * (1 - stopper.BELOW)
        params = {"stopLossPrice": float(self.exchange.price_to_precision(SYMBOL, level))}
        amount = entry["filled"]
        with self.notebook.intend("sell", amount):
            return await self.exchange.create_order(SYMBOL, "market", "sell", amount, None, params)

    async def leave(self, entry: Any, stop: Any) -> None:
        """Sell without the stop."""
        await self.exchange.cancel_order(stop["id"], SYMBOL)
        await self.sell(entry["filled"])

    async def sell(self, amount: float) -> None:
        """Sell at the market."""
        with self.notebook.intend("sell", amount):
            order = await self.exchange.create_order(SYMBOL, "market", "sell", amount)
        self.notebook.book(order)


@flawed(Minute, "never-looks-at-its-stop")
class NeverLooksAtItsStop(Protector):
    """`flash_print`, `expired_by_exchange`: a stop that was placed stands, and has not traded."""


@flawed(Minute, "dies-of-small-remainder")
class DiesOfSmallRemainder(Protector):
    """`min_notional_remainder`: a part of its order is too small to be sold, which ends it."""

    async def sell(self, amount: float) -> None:
        try:
            await super().sell(amount)
        except InvalidOrderError as error:
            raise SystemExit(f"cannot sell {amount} BTC") from error


@flawed(Minute, "leaves-outside-the-band")
class LeavesOutsideTheBand(Protector):
    """`price_band`: takes its stop away, and then tries to sell far below the market."""

    hold = 120.0

    async def sell(self, amount: float) -> None:
        ticker = await self.exchange.fetch_ticker(SYMBOL)
        price = float(self.exchange.price_to_precision(SYMBOL, ticker["bid"] * 0.95))
        with self.notebook.intend("sell", amount):
            order = await self.exchange.create_order(SYMBOL, "limit", "sell", amount, price)
        self.notebook.book(order)
