"""Bots with one bug each in how they protect or close a position in a contract."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from failing_exchange.errors import (
    FailingExchangeError,
    OrderNotFoundError,
)
from failing_exchange.runs.bots.flawed.base import SURVIVES, flawed
from failing_exchange.runs.bots.long_position import (
    AMOUNT,
    BELOW,
    CONTRACT,
    STEP,
    Perpetual,
    is_stop,
)

TRIES = 10


class Steady(Perpetual):
    """The careful bot of perpetuals; it survives what an exchange raises, and no error of its own.

    Its stops are of the kind that can open a position: a habit of many bots, harmless by itself.
    """

    survives = SURVIVES

    async def plain_stop(self, price: float) -> Any:
        """A stop that is not reduce-only."""
        level = float(self.exchange.price_to_precision(CONTRACT, price))
        return await self.send_exit(stopLossPrice=level)

    async def entry(self) -> float:
        """The average price at which the position was entered."""
        [position] = await self.ask(self.client.fetch_positions, [CONTRACT])
        return float(position["entryPrice"])


@flawed(Steady, "trades-on-without-a-stop")
class TradesOnWithoutAStop(Steady):
    """`stop_refused_since_migration`: it stays in its position when the stop is refused."""

    is_tried = False  # for the present position

    async def enter(self) -> None:
        self.is_tried = False
        await super().enter()

    async def protect(self) -> None:
        if self.stop is None and not self.is_tried:
            self.is_tried = True
            with suppress(FailingExchangeError):
                self.stop = await self.place_stop()


@flawed(Steady, "places-a-second-stop")
class PlacesASecondStop(Steady):
    """`stop_accepted_then_not_found`: a stop that is not found is placed again."""

    async def protect(self) -> None:
        if self.stop is not None:
            return
        level = await self.entry() * (1 - BELOW)
        self.stop = await self.plain_stop(level)
        try:
            await self.client.fetch_order(self.stop["id"], CONTRACT)
        except OrderNotFoundError:
            self.stop = await self.plain_stop(level)


@flawed(Steady, "forgets-stops-it-cannot-cancel")
class ForgetsStopsItCannotCancel(Steady):
    """`orphaned_algo_stops`: a stop that can't be canceled is gone, as far as it knows."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.own: Any = None

    async def protect(self) -> None:
        if self.own is None:
            self.own = await self.plain_stop(await self.entry() * (1 - BELOW))

    async def clear(self) -> None:
        own, self.own = self.own, None
        if own is not None:
            await self.cancel(own)


@flawed(Steady, "keeps-a-stop-of-the-first-size")
class KeepsAStopOfTheFirstSize(Steady):
    """`stop_of_fixed_size`: its stop is for what it ordered, whatever it holds."""

    async def protect(self) -> None:
        if self.stop is None:
            self.held = min(self.held, AMOUNT)
            self.stop = await self.place_stop()


@flawed(Steady, "sends-its-stop-before-the-entry")
class SendsItsStopBeforeTheEntry(Steady):
    """`stop_before_the_position`: the stop goes out first, and is not asked for again."""

    async def enter(self) -> None:
        price = (await self.ask(self.client.fetch_ticker, CONTRACT))["last"]
        level = float(self.exchange.price_to_precision(CONTRACT, price * (1 - BELOW)))
        loop = asyncio.get_running_loop()
        with self.notebook.intend("buy", AMOUNT, symbol=CONTRACT):
            entry = loop.create_task(self.send("market", "buy", AMOUNT))
            await asyncio.sleep(0.5)
        self.held = AMOUNT
        try:
            await self.send_exit(stopLossPrice=level, reduceOnly=True, timeInForce="GTE_GTC")
        except FailingExchangeError:
            self.stop = None
        self.rounds = 0
        await entry

    async def protect(self) -> None:
        """It was sent."""


@flawed(Steady, "leaves-the-other-exit")
class LeavesTheOtherExit(Steady):
    """`sibling_stays_when_other_fires`: where one exit fires, it leaves the other."""

    async def round(self) -> None:
        await self.look()
        if abs(self.held) < STEP / 2:
            await self.enter()
        elif self.held > 0 and self.rounds >= 2 * TRIES:
            await self.leave()
        self.rounds += 1

    async def protect(self) -> None:
        entry = await self.entry()
        self.stop = await self.plain_stop(entry * (1 - BELOW))
        target = float(self.exchange.price_to_precision(CONTRACT, entry * (1 + BELOW)))
        await self.send_exit(takeProfitPrice=target)


@flawed(Steady, "repeats-a-refused-stop")
class RepeatsARefusedStop(Steady):
    """`would_trigger_now`: a stop that would trigger at once is sent again and again."""

    async def protect(self) -> None:
        for _ in range(TRIES):
            try:
                self.stop = await self.place_stop()
                return
            except FailingExchangeError:
                await asyncio.sleep(2)


@flawed(Steady, "resends-a-filled-exit")
class ResendsAFilledExit(Steady):
    """`reduce_only_after_filled_exit`: an exit without an answer is sent until one says yes."""

    async def close(self, amount: float) -> None:
        for _ in range(TRIES):
            try:
                await self.exchange.create_order(
                    CONTRACT, "market", "sell", amount, None, {"reduceOnly": True}
                )
                return
            except (FailingExchangeError, TimeoutError):
                await asyncio.sleep(1)


@flawed(Steady, "retries-a-refused-close")
class RetriesARefusedClose(ResendsAFilledExit):
    """Sends a refused close again at once, ten times.

    `one_way_close_refused`, `hedge_close_refused`, `percent_price_refuses_the_exit`.
    """


@flawed(Steady, "closes-beside-its-target")
class ClosesBesideItsTarget(ResendsAFilledExit):
    """`resting_exit_blocks_close`: its target rests while it tries to close at market."""

    async def protect(self) -> None:
        await super().protect()
        if all(map(is_stop, await self.open_orders())):
            price = float(self.exchange.price_to_precision(CONTRACT, await self.entry() * 1.05))
            await self.exchange.create_order(
                CONTRACT, "limit", "sell", self.held, price, {"reduceOnly": True}
            )

    async def leave(self) -> None:
        if self.stop is not None:
            await self.cancel(self.stop)
        await self.close(abs(self.held))


@flawed(Steady, "books-the-size-it-asked")
class BooksTheSizeItAsked(Steady):
    """`venue_shrinks_reduce_only`: what it asked for is what was traded."""

    async def leave(self) -> None:
        await self.clear()
        await self.close(AMOUNT)

    def enter_trade(self, trade: Any) -> None:
        is_exit = trade["side"] == "sell" and trade["order"] == self.exit
        super().enter_trade({**trade, "amount": AMOUNT} if is_exit else trade)

    exit = ""

    async def close(self, amount: float) -> None:
        with self.notebook.intend("sell", amount, symbol=CONTRACT):
            self.exit = (await self.send("market", "sell", amount, reduceOnly=True))["id"]


@flawed(Steady, "closes-each-listed-position")
class ClosesEachListedPosition(Steady):
    """`two_stops_in_hedge_mode`: a position that is listed twice is closed twice."""

    async def leave(self) -> None:
        await self.clear()
        for one in await self.ask(self.client.fetch_positions, [CONTRACT]):
            await self.send("market", "sell", one["contracts"])


@flawed(Steady, "ignores-a-mode-mismatch")
class IgnoresAModeMismatch(Steady):
    """`position_side_mismatch`: an order that names the wrong mode is sent again each minute."""

    async def enter(self) -> None:
        try:
            await super().enter()
        except FailingExchangeError:
            return

    async def failed(self, error: Exception) -> None:
        """Nothing."""


@flawed(Steady, "closes-again-after-silence")
class ClosesAgainAfterSilence(Steady):
    """`close_then_reverse`: a close without an answer is sent again, and can open a position."""

    async def close(self, amount: float) -> None:
        for _ in range(2):
            try:
                await self.exchange.create_order(CONTRACT, "market", "sell", amount)
                return
            except (FailingExchangeError, TimeoutError):
                await asyncio.sleep(1)


@flawed(Steady, "gives-up-an-exit")
class GivesUpAnExit(Steady):
    """`overloaded_unhandled`: an error that it does not know ends the exit."""

    is_given_up = False

    async def close(self, amount: float) -> None:
        try:
            await self.exchange.create_order(
                CONTRACT, "market", "sell", amount, None, {"reduceOnly": True}
            )
        except FailingExchangeError:
            self.is_given_up = True

    async def round(self) -> None:
        if self.is_given_up:
            await self.book()
        else:
            await super().round()


@flawed(Steady, "sends-an-overloaded-order-again")
class SendsAnOverloadedOrderAgain(Steady):
    """`overloaded_but_accepted`: the venue was overloaded: it sends another."""

    async def enter(self) -> None:
        self.rounds = 0
        with self.notebook.intend("buy", AMOUNT, symbol=CONTRACT):
            for _ in range(3):
                try:
                    await self.exchange.create_order(CONTRACT, "market", "buy", AMOUNT)
                    break
                except FailingExchangeError:
                    await asyncio.sleep(1)


@flawed(Steady, "insists-on-its-size")
class InsistsOnItsSize(Steady):
    """Sends an order that its margin or its bracket does not allow again and again.

    `wallet_is_not_available`, `market_order_needs_more_margin`, `bracket_exceeded`.
    """

    async def enter(self) -> None:
        for _ in range(2 * TRIES):
            try:
                await super().enter()
                return
            except FailingExchangeError:
                await asyncio.sleep(2)
