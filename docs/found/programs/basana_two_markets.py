"""Two markets of one account on basana's Binance exchange; what is held follows from its events."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from decimal import Decimal

import basana as bs
from basana.external.binance import exchange as binance

from failing_exchange import probe

ORDERS = ((bs.Pair("BTC", "USDT"), Decimal("0.01")), (bs.Pair("ETH", "USDT"), Decimal("0.1")))
MARKETS = {"BTCUSDT": "BTC/USDT", "ETHUSDT": "ETH/USDT"}


async def main() -> None:
    """Buy in the one market and a second later in the other, every five minutes."""
    dispatcher = bs.realtime_dispatcher()
    dispatcher.idle_sleep = 0.05  # polls 20 times a second instead of 1,000
    exchange = binance.Exchange(dispatcher, api_key="any", api_secret="any")
    held: dict[str, Decimal] = defaultdict(Decimal)

    async def on_order(event: binance.spot.OrderEvent) -> None:
        fill = event.order_update.json
        if fill["x"] == "TRADE":
            held[MARKETS[fill["s"]]] += Decimal(fill["l"]) - Decimal(fill["n"])

    async def trade() -> None:
        while True:
            await asyncio.sleep(300.0)
            for pair, amount in ORDERS:
                await exchange.spot_account.create_market_order(
                    bs.OrderOperation.BUY, pair, amount=amount
                )
                await asyncio.sleep(1.0)

    exchange.spot_account.subscribe_to_order_events(on_order)
    probe(positions=lambda: {market: float(amount) for market, amount in held.items()})
    trading = asyncio.create_task(trade())
    try:
        await dispatcher.run(stop_signals=[])
    finally:
        trading.cancel()
