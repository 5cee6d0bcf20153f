"""A strategy on basana's Binance exchange: buy below the market, sell what was bought above it.

It holds what its order events say, as basana's own sample position manager does between two of its
looks. A call that fails is looked up by its client order id before anything else is sent.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import aiohttp
import basana as bs
from basana.external.binance import exchange as binance

from failing_exchange import probe

PAIR = bs.Pair("BTC", "USDT")
LOT = Decimal("0.01")
STEP = Decimal("0.00001")
ROUND_S = 30.0
REFUSED_S = 120.0  # after a refusal; basana does not pass on what Retry-After says
UNKNOWN_ORDER = -2013
FAILURES = (binance.Error, aiohttp.ClientError, asyncio.TimeoutError)


class Maker:
    """One order at a time, by turns a buy and a sell."""

    def __init__(self, exchange: binance.Exchange) -> None:
        self.account = exchange.spot_account
        self.exchange = exchange
        self.filled: dict[str, Decimal] = {}  # by client order id, signed
        self.fees: dict[int, Decimal] = {}  # in BTC, by trade id
        self.open = ""
        self.count = 0

    @property
    def position(self) -> Decimal:
        """What the order events say was gained, after fees."""
        return sum(self.filled.values(), Decimal(0)) - sum(self.fees.values(), Decimal(0))

    async def on_order(self, event: binance.spot.OrderEvent) -> None:
        """Book an order event."""
        update = event.order_update
        sign = 1 if update.operation == bs.OrderOperation.BUY else -1
        self.filled[update.client_order_id] = sign * update.amount_filled
        self.fees[update.json["t"]] = update.fees.get(PAIR.base_symbol, Decimal(0))
        if update.client_order_id == self.open and not update.is_open:
            self.open = ""

    async def trade(self) -> None:
        """Send an order whenever none is open."""
        await self.restore()
        while True:
            await asyncio.sleep(ROUND_S)
            if not self.open:
                try:
                    await self.place()
                except FAILURES:
                    await asyncio.sleep(REFUSED_S)
                    if self.open and not await self.found(self.open):
                        self.open = ""

    async def restore(self) -> None:
        """Book the orders of an earlier run."""
        while info := await self.found(f"maker-{self.count + 1}"):
            self.count += 1
            name = info.client_order_id
            sign = 1 if info.operation == bs.OrderOperation.BUY else -1
            self.filled[name] = sign * info.amount_filled
            for trade in info.trades:
                self.fees[int(trade.id)] = info_fee(trade)
            if info.is_open:
                self.open = name

    async def place(self) -> None:
        """Send the next order."""
        bid, ask = await self.exchange.get_bid_ask(PAIR)
        buy = self.position < LOT / 2
        self.count += 1
        self.open = f"maker-{self.count}"
        await self.account.create_limit_order(
            bs.OrderOperation.BUY if buy else bs.OrderOperation.SELL,
            PAIR,
            amount=LOT if buy else (self.position // STEP) * STEP,
            limit_price=bid if buy else ask,
            client_order_id=self.open,
        )

    async def found(self, name: str) -> binance.spot.OrderInfo | None:
        """An order by its client order id, asked for until the venue says whether it exists."""
        while True:
            try:
                return await self.account.get_order_info(PAIR, client_order_id=name)
            except binance.Error as error:
                if error.code == UNKNOWN_ORDER:
                    return None
            except FAILURES:
                pass
            await asyncio.sleep(REFUSED_S)


def info_fee(trade: binance.spot.Trade) -> Decimal:
    """The fee of a trade in what was bought."""
    return trade.commission if trade.commission_asset == PAIR.base_symbol else Decimal(0)


async def main() -> None:
    """Trade until the run ends."""
    dispatcher = bs.realtime_dispatcher()
    dispatcher.idle_sleep = 0.05  # polls 20 times a second instead of 1,000
    exchange = binance.Exchange(dispatcher, api_key="any", api_secret="any")
    maker = Maker(exchange)
    exchange.spot_account.subscribe_to_order_events(maker.on_order)
    probe(positions=lambda: {"BTC/USDT": float(maker.position)})
    trading = asyncio.create_task(maker.trade())
    try:
        await dispatcher.run(stop_signals=[])
    finally:
        trading.cancel()
