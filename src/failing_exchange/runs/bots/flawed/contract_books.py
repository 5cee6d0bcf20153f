"""Bots with one bug each in what they know of a contract: modes, books, streams, limits."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from failing_exchange.errors import FailingExchangeError
from failing_exchange.runs.bots.flawed.base import SURVIVES, flawed
from failing_exchange.runs.bots.flawed.contract_exits import Steady
from failing_exchange.runs.bots.long_position import AMOUNT, BELOW, CONTRACT, HOLD_ROUNDS, LEVERAGE

KNOWN_ASSETS = ("USDT", "BTC")
PANIC = 0.8  # of the peak; with less it closes what it holds
NOTICED = 1e-4  # USDT; sums of floats differ by less


@flawed(Steady, "trades-at-any-leverage")
class TradesAtAnyLeverage(Steady):
    """Asks for its leverage and its margin mode, and trades with whatever there is.

    `leverage_refusal_ignored`, `multi_assets_mode`, `cross_loss_beyond_the_stake`.
    """

    async def prepare(self) -> None:
        for name, *arguments in (("set_margin_mode", "isolated"), ("set_leverage", 5)):
            with suppress(FailingExchangeError):
                await getattr(self.exchange, name)(*arguments, CONTRACT)
        self.is_ready = True


@flawed(Steady, "sizes-by-any-leverage")
class SizesByAnyLeverage(TradesAtAnyLeverage):
    """`wrong_contract_size_or_leverage`: its stake times the leverage of the account is its size.

    It never compares what was filled with what it meant.
    """

    async def enter(self) -> None:
        self.rounds = 0
        position = await self.ask(self.client.fetch_position, CONTRACT)
        with self.notebook.intend("buy", AMOUNT, symbol=CONTRACT):
            await self.send("market", "buy", AMOUNT * position["leverage"] / LEVERAGE)
        await self.look()
        await self.protect()


@flawed(Steady, "dies-of-no-change")
class DiesOfNoChange(Steady):
    """`mode_already_set_is_an_error`: a mode that is set already is an error that ends it."""

    async def set_modes(self) -> None:
        try:
            await self.exchange.set_margin_mode("isolated", CONTRACT)
        except FailingExchangeError as error:
            raise RuntimeError("cannot set the margin mode") from error
        await self.exchange.set_leverage(5, CONTRACT)


@flawed(Steady, "dies-of-an-unknown-asset")
class DiesOfAnUnknownAsset(Steady):
    """`unknown_margin_asset`: an asset that it does not know is an error of its own."""

    async def look(self) -> None:
        await super().look()
        for asset in (await self.ask(self.client.fetch_balance))["total"]:
            if asset not in KNOWN_ASSETS:
                raise KeyError(asset)


@flawed(Steady, "books-fills-of-its-own-ids")
class BooksFillsOfItsOwnIds(Steady):
    """Books only fills of orders whose ids it was told when it sent them; stops have another one.

    `triggered_stop_has_new_id`, `liquidated_before_the_stop`, `adl_takes_one_leg`,
    `delisted_with_position`.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.ids: dict[str, None] = {}

    async def send(self, kind: str, side: str, amount: float, **params: Any) -> Any:
        order = await super().send(kind, side, amount, **params)
        self.ids[order["id"]] = None
        return order

    def enter_trade(self, trade: Any) -> None:
        if trade["order"] in self.ids:
            super().enter_trade(trade)


class ByStream(Steady):
    """Books by pushes of its own trades, each once."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.listener: asyncio.Task[None] | None = None

    async def run(self) -> None:
        self.listener = asyncio.get_running_loop().create_task(self.listen())
        try:
            await super().run()
        finally:
            self.listener.cancel()

    async def listen(self) -> None:
        """Book what comes; subscribe anew after a break."""
        while True:
            try:
                for trade in await self.exchange.watch_my_trades(CONTRACT):
                    self.take(trade)
            except SURVIVES:
                await self.broken()

    async def broken(self) -> None:
        """What is done about a broken stream."""
        await asyncio.sleep(1)

    def take(self, trade: Any) -> None:
        """Book a push."""
        if trade["id"] not in self.notebook.booked:
            self.enter_trade(trade)

    async def book(self) -> None:
        """The stream tells it all."""


@flawed(Steady, "books-only-by-stream")
class BooksOnlyByStream(ByStream):
    """What no push told has not happened.

    `liquidation_unseen`, `listen_key_rotation_gap`, `shared_listen_key_deleted`.
    """


@flawed(Steady, "never-subscribes-again")
class NeverSubscribesAgain(ByStream):
    """`expiry_event_has_a_string`: it can't read that its stream ends, and stays deaf."""

    async def broken(self) -> None:
        await asyncio.sleep(1e6)


@flawed(Steady, "books-each-push-it-gets")
class BooksEachPushItGets(ByStream):
    """`fill_delivered_twice`: a fill that is told twice is two fills."""

    def take(self, trade: Any) -> None:
        self.enter_trade(trade)


@flawed(Steady, "prices-from-a-retired-stream")
class PricesFromARetiredStream(Steady):
    """`retired_path_says_yes`: a stream that was confirmed and then says nothing is believed."""

    latest: Any = None

    async def run(self) -> None:
        task = asyncio.get_running_loop().create_task(self.listen())
        try:
            await super().run()
        finally:
            task.cancel()

    async def listen(self) -> None:
        """Keep the newest price."""
        while True:
            try:
                self.latest = await self.exchange.watch_ticker(CONTRACT)
            except SURVIVES:
                await asyncio.sleep(1)

    async def enter(self) -> None:
        if self.latest is None:
            return
        self.rounds = 0
        price = float(self.exchange.price_to_precision(CONTRACT, self.latest["ask"] * 1.001))
        with self.notebook.intend("buy", AMOUNT, symbol=CONTRACT):
            await self.exchange.create_order(
                CONTRACT, "limit", "buy", AMOUNT, price, {"timeInForce": "IOC"}
            )


@flawed(Steady, "polls-its-limit-away")
class PollsItsLimitAway(Steady):
    """Polls for the best price, and has no request left.

    `cannot_close_when_limited`, `um_and_cm_share_a_budget`.
    """

    async def close(self, amount: float) -> None:
        for _ in range(60):
            with suppress(FailingExchangeError):
                await self.exchange.fetch_ticker(CONTRACT)
        with suppress(FailingExchangeError):
            await self.exchange.create_order(
                CONTRACT, "market", "sell", amount, None, {"reduceOnly": True}
            )


@flawed(Steady, "rebuilds-from-a-short-history")
class RebuildsFromAShortHistory(Steady):
    """`history_too_short_for_the_position`: adds its position up from the last trades."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.notebook.believed.clear()
        self.notebook.entry_costs.clear()
        self.notebook.booked.clear()

    async def trades(self) -> Any:
        return await self.client.fetch_my_trades(CONTRACT, limit=2)


@flawed(Steady, "reckons-with-the-reply")
class ReckonsWithTheReply(Steady):
    """`reply_without_average_price`: its stop follows from the average price in the reply."""

    async def enter(self) -> None:
        self.rounds = 0
        with self.notebook.intend("buy", AMOUNT, symbol=CONTRACT):
            entry = await self.send("market", "buy", AMOUNT)
        self.held = AMOUNT
        self.stop = await self.plain_stop(entry["average"] * (1 - BELOW))


class ByTrades(Steady):
    """Knows its cash by its trades; what else has changed its wallet it takes for funding."""

    funding = 0.0  # USDT, all of it so far

    async def book_cash(self) -> None:
        found = await self.ask(self.client.fetch_balance, {"type": "swap"})
        wallet = float(found["info"]["USDT"]["walletBalance"])
        if self.first_wallet is None:
            self.first_wallet = wallet
        traded = self.notebook.holds("USDT") - self.booked_funding
        funding = round(wallet - self.first_wallet - traded, 6)
        if abs(funding - self.funding) > NOTICED:
            self.paid(funding - self.funding)
            self.funding = funding

    booked_funding = 0.0

    def book_funding(self, amount: float) -> None:
        """Book what it takes for funding."""
        self.booked_funding += amount
        self.notebook.believed["USDT"] = self.notebook.holds("USDT") + amount

    def paid(self, amount: float) -> None:
        """What is done about a payment of funding."""


@flawed(Steady, "books-all-funding-again")
class BooksAllFundingAgain(ByTrades):
    """`funding_counted_twice`: with each new position it books all funding so far once more."""

    async def enter(self) -> None:
        await super().enter()
        if self.funding:
            self.book_funding(self.funding)

    def paid(self, amount: float) -> None:
        self.book_funding(amount)


@flawed(Steady, "books-funding-every-eight-hours")
class BooksFundingEveryEightHours(ByTrades):
    """`funding_interval_changes`: funding is paid at 0, 8 and 16 o'clock; so it looks only then."""

    def paid(self, amount: float) -> None:
        if self.exchange.milliseconds() // 3_600_000 % 8 == 0:
            self.book_funding(amount)


@flawed(Steady, "reads-funding-as-a-fill")
class ReadsFundingAsAFill(ByTrades):
    """`funding_read_as_a_fill`: a payment among its executions is booked as one of them."""

    def paid(self, amount: float) -> None:
        self.book_funding(amount)
        self.notebook.believed[CONTRACT] = self.notebook.holds(CONTRACT) + round(amount / 1_000, 3)


@flawed(Steady, "takes-locks-for-losses")
class TakesLocksForLosses(Steady):
    """`own_locks_read_as_loss`: what is neither free nor the margin of its position is lost."""

    def book_equity(self, balance: Any) -> None:
        found = balance["info"]["USDT"]
        position = float(found["initialMargin"]) - float(found["openOrderInitialMargin"])
        self.notebook.book_equity("USDT", balance["free"]["USDT"] + position)


@flawed(Steady, "panics-of-a-rebuilt-peak")
class PanicsOfARebuiltPeak(Steady):
    """`panic_from_rebuilt_history`: its peak is today's wallet and what its last trades brought.

    The histories of both begin at other instants. What it takes for a draw-down ends its position.
    """

    is_rebuilt = False

    async def look(self) -> None:
        await super().look()
        if self.notebook.booked and not self.is_rebuilt and self.rounds == 0 and self.held:
            trades = await self.ask(self.trades)
            brought = sum(one["cost"] for one in trades if one["side"] == "sell")
            self.notebook.peak_equity["USDT"] = self.notebook.equity["USDT"] + brought
        self.is_rebuilt = True
        if self.notebook.equity["USDT"] < self.notebook.peak_equity["USDT"] * PANIC:
            self.rounds = HOLD_ROUNDS
