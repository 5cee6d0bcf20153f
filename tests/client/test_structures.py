"""Our structures are ccxt's, by the word of ccxt's own validators."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from importlib import import_module
from typing import Any

import ccxt.async_support as ccxt
import pytest

from failing_exchange import FailingExchange, simulate

SYMBOL = "BTC/USDT"


class Judge(ccxt.Exchange):  # type: ignore[misc]
    """What the validators ask for besides a structure: ccxt's own helpers, over our markets."""

    def __init__(self, exchange: FailingExchange) -> None:
        super().__init__({"id": "failing_exchange"})
        self.set_markets(list(exchange.markets.values()))


def validator(name: str) -> Callable[..., None]:
    """ccxt.test.exchange.base.test_<name>.test_<name>"""
    module = import_module(f"ccxt.test.exchange.base.test_{name}")
    found: Callable[..., None] = getattr(module, f"test_{name}")
    return found


async def orders(exchange: FailingExchange) -> list[Any]:
    ticker = await exchange.fetch_ticker(SYMBOL)
    limit = await exchange.create_order(SYMBOL, "limit", "buy", 0.1, ticker["bid"] * 0.9)
    market = await exchange.create_order(SYMBOL, "market", "buy", 0.1)
    stop = await exchange.create_stop_order(
        SYMBOL, "limit", "sell", 0.1, ticker["bid"] * 0.8, ticker["bid"] * 0.85
    )
    canceled = await exchange.cancel_order(limit["id"], SYMBOL)
    return [limit, market, stop, canceled, *await exchange.fetch_orders(SYMBOL)]


async def my_trades(exchange: FailingExchange) -> list[Any]:
    await exchange.create_order(SYMBOL, "market", "buy", 0.1)
    return list(await exchange.fetch_my_trades(SYMBOL))


async def tickers(exchange: FailingExchange) -> list[Any]:
    return [await exchange.fetch_ticker(SYMBOL), *(await exchange.fetch_tickers()).values()]


ASKED: dict[str, Callable[[FailingExchange], Any]] = {
    "order": orders,
    "ticker": tickers,
    "order_book": lambda e: _one(e.fetch_order_book(SYMBOL)),
    "balance": lambda e: _one(e.fetch_balance()),
    "market": lambda e: e.fetch_markets(),
    "status": lambda e: _one(e.fetch_status()),
}


async def _one(call: Any) -> list[Any]:
    return [await call]


@pytest.mark.parametrize("name", ASKED)
def test_ccxt_accepts(name: str) -> None:
    """A bot that was written for ccxt reads these keys, and expects these types."""

    async def story() -> None:
        exchange = FailingExchange()
        judge = Judge(exchange)
        for entry in await ASKED[name](exchange):
            symbol = entry.get("symbol", SYMBOL)
            arguments = [judge, {}, f"fetch_{name}", entry]
            if name in ("order", "ticker", "order_book", "trade"):
                arguments.append(symbol)
            if name in ("order", "status"):
                arguments.append(judge.milliseconds())
            validator(name)(*arguments)
        await judge.close()

    simulate(story())


@pytest.mark.parametrize("own", [False, True])
def test_ccxt_accepts_trades(own: bool) -> None:
    """Public and own trades share a structure."""

    async def story() -> None:
        exchange = FailingExchange()
        judge = Judge(exchange)
        trades = await (my_trades(exchange) if own else exchange.fetch_trades(SYMBOL))
        assert trades
        for trade in trades:
            validator("trade")(
                judge, {}, "fetch_trades", trade, SYMBOL, judge.milliseconds(), not own
            )
        await judge.close()

    simulate(story())


@pytest.mark.parametrize("timeframe", ["1s", "1m", "1h", "1d"])
def test_ccxt_accepts_candles(timeframe: str) -> None:
    """At least 1,000 candles of each timeframe are there from the start."""

    async def story() -> None:
        exchange = FailingExchange()
        judge = Judge(exchange)
        candles = await exchange.fetch_ohlcv(SYMBOL, timeframe, limit=1_000)
        assert len(candles) == 1_000
        for candle in candles:
            seconds = {0: "candles of seconds do not begin with minutes"}
            skipped = seconds if timeframe == "1s" else {}
            validator("ohlcv")(judge, skipped, "fetchOHLCV", candle, SYMBOL, judge.milliseconds())
        await judge.close()

    simulate(story())


def test_a_change_is_exact() -> None:
    """From the prices as they are, not from their floats: 0.1 + 0.2 is no price."""

    async def story() -> None:
        for symbol in ("BTC/USDT", "ETH/BTC"):
            for seed in range(5):
                ticker = await FailingExchange(seed=seed, latency=None).fetch_ticker(symbol)
                change = Decimal(str(ticker["last"])) - Decimal(str(ticker["open"]))
                assert Decimal(str(ticker["change"])) == change

    simulate(story())
