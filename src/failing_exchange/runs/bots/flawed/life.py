"""Bots that die, wait for ever, or never stop asking."""

from __future__ import annotations

import asyncio
from typing import Any

from failing_exchange.errors import (
    BadRequestError,
    ConnectionLostError,
    FailingExchangeError,
    MarketClosedError,
    OrderNotFoundError,
    RateLimitError,
)
from failing_exchange.runs.bots.careful import AMOUNT, crossing, quote, settle
from failing_exchange.runs.bots.flawed.base import Minute, Streamer, flawed
from failing_exchange.runs.bots.flawed.prices import BelievesSilentStream
from failing_exchange.runs.bots.notebook import SYMBOL, PlannedOrder

ENDS = {"open": False, "closed": True, "canceled": True, "expired": True, "rejected": True}
RECONNECTS_MAX = 5  # then it leaves the stream as it is


@flawed(Minute, "prices-from-empty-book")
class PricesFromEmptyBook(Minute):
    """`book_empty`: takes the first level of a side that has none."""

    async def price(self, side: str) -> float:
        book = await self.client.fetch_order_book(SYMBOL)
        return crossing(side, book["bids"][0][0], book["asks"][0][0])


@flawed(Minute, "multiplies-none")
class MultipliesNone(Minute):
    """`ticker_null`: reckons with a price that is not there."""

    async def price(self, side: str) -> float:
        ticker = await self.client.fetch_ticker(SYMBOL)
        return crossing(side, ticker["bid"], ticker["ask"])


@flawed(Minute, "knows-five-statuses")
class KnowsFiveStatuses(Minute):
    """`expired_in_match`, `unknown_enum`: a status that is not in its table ends it."""

    async def follow(self, intent: PlannedOrder, placed: Any) -> None:
        while not ENDS[placed["status"]]:
            await asyncio.sleep(2)
            placed = await self.client.fetch_order(placed["id"], SYMBOL)
        found = await self.client.fetch_order(placed["id"], SYMBOL)
        if ENDS[found["status"]]:
            self.books.enter(found)


@flawed(Minute, "opens-empty-answers")
class OpensEmptyAnswers(Minute):
    """`success_null`: looks into an answer that is empty."""

    async def trade(self, intent: PlannedOrder, side: str, amount: float, price: float) -> None:
        order = await self.send(intent, side, amount, price)
        self.books.enter(await settle(self.client, {**order}))


@flawed(Minute, "dies-of-lost-connection")
class DiesOfLostConnection(Minute):
    """`tls_failure`: takes what is transient for the end."""

    async def failed(self, error: Exception) -> None:
        if isinstance(error, ConnectionLostError):
            raise SystemExit(1)

    async def place(self, intent: PlannedOrder, side: str, amount: float, price: float) -> Any:
        return await self.send(intent, side, amount, price)


@flawed(Minute, "starts-once")
class StartsOnce(Minute):
    """`outage_at_startup`: what it reads at the start is read once, or it exits."""

    async def begin(self) -> None:
        await self.exchange.fetch_ticker(SYMBOL)


@flawed(Minute, "halts-on-bad-number")
class HaltsOnBadNumber(Minute):
    """`scientific_notation`: gives up trading when a number is refused."""

    async def place(self, intent: PlannedOrder, side: str, amount: float, price: float) -> Any:
        try:
            return await super().place(intent, side, amount, price)
        except BadRequestError:
            await asyncio.Event().wait()


@flawed(Minute, "waits-for-ever")
class WaitsForEver(Minute):
    """`ws_api_reply_lost`: an answer that does not come is waited for without end."""

    async def place(self, intent: PlannedOrder, side: str, amount: float, price: float) -> Any:
        try:
            return await self.send(intent, side, amount, price)
        except TimeoutError:
            await asyncio.Event().wait()


@flawed(Minute, "spins-on-halt")
class SpinsOnHalt(Minute):
    """`symbol_halted`: tries again at once while the market is halted, waits named or not."""

    async def place(self, intent: PlannedOrder, side: str, amount: float, price: float) -> Any:
        while True:
            try:
                return await self.send(intent, side, amount, price)
            except (MarketClosedError, RateLimitError):
                await asyncio.sleep(0.05)


@flawed(Minute, "retries-every-refusal")
class RetriesEveryRefusal(Minute):
    """`limit_mapped_as_network`: takes "too many open orders" for a hiccup of the network."""

    async def trade(self, intent: PlannedOrder, side: str, amount: float, price: float) -> None:
        far = price * 0.9
        grid = []
        try:
            for _ in range(3):
                with self.notebook.intend("buy", amount) as one:
                    grid.append(await self.insist(one, amount, far))
        finally:
            for order in grid:
                await self.client.cancel_order(order["id"], SYMBOL)

    async def wanted(self) -> tuple[str, float]:
        return "buy", AMOUNT / 10

    async def insist(self, intent: PlannedOrder, amount: float, price: float) -> Any:
        """Send until it is taken."""
        for _ in range(20):
            try:
                return await self.send(intent, "buy", amount, price)
            except FailingExchangeError:
                await asyncio.sleep(1)
        raise TimeoutError("twenty tries were not enough")


@flawed(Minute, "sends-again-at-once")
class SendsAgainAtOnce(Minute):
    """`weight_table_changed`: asks again at once, whatever it was told to wait."""

    async def price(self, side: str) -> float:
        for _ in range(10):
            try:
                await self.exchange.fetch_ohlcv(SYMBOL, "1m", limit=5)
                ticker = await self.exchange.fetch_ticker(SYMBOL)
                return crossing(side, ticker["bid"], ticker["ask"])
            except RateLimitError:
                await asyncio.sleep(0.2)
        raise TimeoutError("ten tries were not enough")


@flawed(Minute, "never-sets-its-clock")
class NeverSetsItsClock(Minute):
    """`signed_then_queued`: sends again what was refused for its time, with the same clock."""

    async def place(self, intent: PlannedOrder, side: str, amount: float, price: float) -> Any:
        for _ in range(6):
            try:
                return await self.send(intent, side, amount, price)
            except FailingExchangeError as error:
                if type(error).__name__ != "ClockSkewError":
                    raise
                await asyncio.sleep(1)
        raise TimeoutError("six tries were not enough")


@flawed(Minute, "trades-on-with-dead-key")
class TradesOnWithDeadKey(Minute):
    """`signature_rule_changed`: goes on each minute, as if the key had not been refused."""

    async def catch_up(self) -> None:
        try:
            await super().catch_up()
        except FailingExchangeError:
            await asyncio.sleep(0)

    async def rest(self) -> None:
        await asyncio.sleep(self.pause)


@flawed(Streamer, "never-reconnects")
class NeverReconnects(Streamer):
    """`disconnect_24h`, `pong_lost`, `server_shutdown`: a stream that ends stays ended."""

    async def lost(self, error: Exception, failures: int) -> None:
        await asyncio.Event().wait()


@flawed(Streamer, "rides-a-dead-stream")
class RidesADeadStream(BelievesSilentStream):
    """`ws_control_1008`: does not notice that its stream is gone."""

    async def lost(self, error: Exception, failures: int) -> None:
        await asyncio.Event().wait()


@flawed(Streamer, "gives-up-reconnecting")
class GivesUpReconnecting(BelievesSilentStream):
    """`reconnect_gives_up`, `ws_connect_limit`, `upgrade_refused`: a few tries, then silence."""

    def __init__(self, exchange: Any, notebook: Any) -> None:
        super().__init__(exchange, notebook)
        self.breaks = 0

    async def lost(self, error: Exception, failures: int) -> None:
        self.breaks += 1
        if self.breaks >= RECONNECTS_MAX:
            await asyncio.Event().wait()
        await asyncio.sleep(1)


@flawed(Streamer, "dies-of-broken-stream")
class DiesOfBrokenStream(Streamer):
    """`server_shutdown`, `ws_frame_garbage`: an error in the stream's decoder ends the bot."""

    async def round(self) -> None:
        ended = [task for task in self.tasks if task.done()]
        for task in ended:
            task.result()
        await super().round()

    async def lost(self, error: Exception, failures: int) -> None:
        raise KeyError("e") from error


@flawed(Streamer, "snapshots-on-reconnect")
class SnapshotsOnReconnect(Streamer):
    """`resync_weight_amplification`: takes a snapshot at each reconnect, ban or no ban."""

    async def lost(self, error: Exception, failures: int) -> None:
        await asyncio.sleep(1)
        for _ in range(5):
            try:
                await self.exchange.fetch_open_orders(SYMBOL)
                return
            except FailingExchangeError:
                await asyncio.sleep(2)


@flawed(Streamer, "insists-on-one-truth")
class InsistsOnOneTruth(Streamer):
    """`event_ahead_of_rest`: ends where the order as asked for is not as it was told."""

    async def follow(self, intent: PlannedOrder, placed: Any) -> None:
        if placed["status"] == "closed":
            try:
                seen = await self.client.fetch_order(placed["id"], SYMBOL)
            except OrderNotFoundError as error:
                raise RuntimeError(f"order {placed['id']} is filled and unknown") from error
            assert seen["status"] == "closed", f"order {placed['id']} is {seen['status']}"
        await super().follow(intent, placed)


@flawed(Minute, "indexes-candles-by-minute")
class IndexesCandlesByMinute(Minute):
    """`candles_missing`: looks candles up by their minute, and one is not there."""

    async def price(self, side: str) -> float:
        rows = await self.client.fetch_ohlcv(SYMBOL, "1m", limit=10)
        closes = {row[0]: row[4] for row in rows}
        latest = rows[-1][0]
        mean = sum(closes[latest - 60_000 * n] for n in range(len(rows))) / len(rows)
        assert mean > 0
        bid, ask = await quote(self.client)
        return crossing(side, bid, ask)
