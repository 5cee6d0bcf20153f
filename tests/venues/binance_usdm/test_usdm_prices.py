"""Mark price, index and funding over REST, in a market with a background."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

from failing_exchange import simulate
from failing_exchange.server.api_keys import Keyring
from failing_exchange.venues.base import like_production
from tests.venues.binance_usdm.usdm_client import UsdmClient

SYMBOL, PAIR = {"symbol": "BTCUSDT"}, {"pair": "BTCUSDT"}
KINDS: list[tuple[str, dict[str, Any], str]] = [
    ("v1/markPriceKlines", SYMBOL, "markPrice"),
    ("v1/indexPriceKlines", PAIR, "indexPrice"),
]


def test_candles_end_at_the_prices_of_the_premium_index() -> None:
    """A client that mixes both sources sees one price; the candles hang together."""

    async def main() -> None:
        venue = like_production("binance-usdm", latency=None, keys=Keyring.default(), seed=7,
                                markets=["BTC/USDT:USDT"])  # fmt: skip
        client = UsdmClient(venue)
        try:
            await client.exchange.ready()
            await asyncio.sleep(90)
            now = (await client.public("GET", "v1/premiumIndex", **SYMBOL)).body
            assert now["interestRate"] == "0.00010000"
            (terms,) = (await client.public("GET", "v1/fundingInfo")).body
            assert terms["adjustedFundingRateCap"] == "0.00300000"
            assert now["nextFundingTime"] == 1_767_225_600_000 + 8 * 3_600_000
            for path, named, price in KINDS:
                rows = (await client.public("GET", path, **named, interval="5m", limit=24)).body
                assert rows[-1][4] == now[price]
                assert len(rows) == 24
                for row, following in pairwise(rows):
                    assert following[0] == row[6] + 1 == row[0] + 300_000
                    opened, high, low, close = map(float, row[1:5])
                    assert low <= min(opened, close) <= max(opened, close) <= high
            premiums = await client.public("GET", "v1/premiumIndexKlines", **SYMBOL, interval="1h")
            assert all(abs(float(row[4])) < 0.01 for row in premiums.body)
        finally:
            await venue.close()

    simulate(main(), seed=7)


def test_funding_is_paid_at_the_rate_that_is_told() -> None:
    """The history has what was paid, with the mark price of then."""

    async def main() -> None:
        venue = like_production("binance-usdm", latency=None, keys=Keyring.default(), seed=7,
                                markets=["BTC/USDT:USDT"])  # fmt: skip
        client = UsdmClient(venue)
        try:
            await client.exchange.ready()
            await client.market()
            await asyncio.sleep(8 * 3_600 + 60)
            (last,) = (await client.public("GET", "v1/fundingRate", **SYMBOL, limit=1)).body
            assert last["fundingTime"] == 1_767_225_600_000 + 8 * 3_600_000
            assert float(last["markPrice"]) > 0
            assert len((await client.public("GET", "v1/fundingRate", **SYMBOL)).body) == 100
            got = await client.public("GET", "v1/fundingRate", **SYMBOL)
            assert "x-mbx-used-weight-1m" not in got.headers
        finally:
            await venue.close()

    simulate(main(), seed=7)


def test_the_rates_of_all_contracts_come_in_the_order_of_time() -> None:
    """The symbol may be left out: of one instant, each contract has a row."""

    async def main() -> None:
        venue = like_production("binance-usdm", latency=None, keys=Keyring.default(), seed=7)
        client = UsdmClient(venue)
        try:
            await client.exchange.ready()
            rows = (await client.public("GET", "v1/fundingRate", limit=6)).body
            assert [row["symbol"] for row in rows] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"] * 2
            times = [row["fundingTime"] for row in rows]
            assert times == sorted(times)
            (eth,) = (await client.public("GET", "v1/fundingRate", symbol="ETHUSDT", limit=1)).body
            assert rows[-2] == eth
        finally:
            await venue.close()

    simulate(main(), seed=7)


def test_prices_have_the_precision_of_production() -> None:
    """BTCUSDT has two places, though its tick is 0.1: "0.10" (exchangeInfo of 2026-09)."""

    async def main() -> None:
        venue = like_production("binance-usdm", latency=None, keys=Keyring.default(), seed=7,
                                markets=["BTC/USDT:USDT"])  # fmt: skip
        client = UsdmClient(venue)
        try:
            await client.exchange.ready()
            (row,) = (await client.public("GET", "v1/exchangeInfo")).body["symbols"]
            assert row["pricePrecision"] == 2
            assert row["filters"][0] == {
                "filterType": "PRICE_FILTER", "minPrice": "556.80", "maxPrice": "4529764",
                "tickSize": "0.10",
            }  # fmt: skip
            book = (await client.public("GET", "v1/ticker/bookTicker", **SYMBOL)).body
            placed = (await client.order(price=book["bidPrice"])).body
            assert placed["price"] == book["bidPrice"]
            assert book["bidPrice"][-3:] == f".{book['bidPrice'][-2]}0"
            for price, code in (("40000.05", -4014), ("40000.001", -1111)):
                assert (await client.order(price=price)).body["code"] == code
        finally:
            await venue.close()

    simulate(main(), seed=7)
