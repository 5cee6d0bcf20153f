"""What an order is priced from: each way to look at a market counts, and how old it is."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from failing_exchange.core.candles import Bar
from failing_exchange.core.market import Market
from failing_exchange.core.queries import Candles
from failing_exchange.core.units import SECOND
from failing_exchange.explorer.trial import run
from failing_exchange.explorer.world import FaultSpec, World
from failing_exchange.judge.answers import quotes_of
from failing_exchange.judge.rule import Outcome, Result

BTC = "BTC/USDT"
API = "https://api.binance.com/api/v3"
KEY = {"X-MBX-APIKEY": "any"}
ORDER = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001",
    "price": "40000",
}  # fmt: skip


def fresh(bot: Any, *faults: FaultSpec) -> Result:
    """What the rule says of a bot after a quarter of an hour."""
    verdict = run(bot, World(seed=1, seconds=900.0, faults=faults)).verdict
    assert verdict is not None
    return verdict.result("fresh")


async def buys_at(exchange: Any, price: float) -> None:
    price = float(exchange.price_to_precision(BTC, price))
    await exchange.create_order(BTC, "limit", "buy", 0.001, price)


async def prices_from_candles(exchange: Any) -> None:
    await exchange.fetch_ticker(BTC)
    for timeframe in ("1m", "5m", "1d", "1M"):
        await asyncio.sleep(120)
        await buys_at(exchange, (await exchange.fetch_ohlcv(BTC, timeframe, limit=3))[-1][4])


async def prices_from_pushed_candles(exchange: Any) -> None:
    await exchange.fetch_ticker(BTC)
    await asyncio.sleep(120)
    await buys_at(exchange, (await exchange.watch_ohlcv(BTC, "1m"))[-1][4])


async def prices_from_an_average() -> None:
    async with aiohttp.ClientSession() as session:
        for path in ("ticker/price", "avgPrice", "referencePrice"):
            async with session.get(f"{API}/{path}?symbol=BTCUSDT") as response:
                assert response.status == 200
            order = {**ORDER, "timestamp": str(int(time.time() * 1_000)), "signature": "any"}
            async with session.post(f"{API}/order", params=order, headers=KEY) as response:
                assert response.status == 200
            await asyncio.sleep(120)


async def protects_what_it_bought(exchange: Any) -> None:
    price = (await exchange.fetch_ticker(BTC))["bid"]
    await exchange.create_order(BTC, "market", "buy", 0.01)
    await asyncio.sleep(45)
    stop, limit = (float(exchange.price_to_precision(BTC, price * s)) for s in (0.95, 0.94))
    await exchange.create_order(BTC, "limit", "sell", 0.009, limit, {"stopLossPrice": stop})


@pytest.mark.parametrize(
    "bot", [prices_from_candles, prices_from_pushed_candles, prices_from_an_average]
)
def test_who_has_just_looked_prices_freshly(bot: Any) -> None:
    """Whatever it has looked at."""
    result = fresh(bot)
    assert result.outcome is Outcome.PASS, result.why


def test_old_candles_are_old_data() -> None:
    """Where a venue serves them late, or without those that are newer."""
    stale = FaultSpec("stale_read", "always", ("fetch_ohlcv",), {"seconds": 60.0})
    late = FaultSpec("late_candle", "always", ("fetch_ohlcv",), {"count": 2})
    for fault in (stale, late):
        result = fresh(prices_from_candles, fault)
        assert result.outcome is Outcome.FAIL
        assert "priced an order" in result.why


def test_the_levels_of_a_stop_are_not_priced_from_the_market() -> None:
    """They come from what was paid; a wrong one is refused, or trades at a price of the market."""
    assert fresh(protects_what_it_bought).outcome is Outcome.PASS


def test_a_candle_is_of_now_while_it_forms_and_then_of_its_end() -> None:
    """One of an hour is no promise for the hour; a month has no fixed length."""

    def at(now: int, seconds: int) -> list[int]:
        bars = (Bar(3_600, 10, 12, 9, 11, 5, 55, 3, 2),)
        found = Candles(market, now * SECOND, seconds, bars)
        return [quote.at // SECOND for quote in quotes_of(found)]

    market = Market(symbol=BTC, base="BTC", quote="USDT", price_step=10**6, amount_step=10**3)
    assert (at(4_000, 3_600), at(9_000, 3_600), at(9_000, 0)) == ([4_000], [7_200], [9_000])
    assert not [*quotes_of(Candles(market, SECOND, 60, ()))]
