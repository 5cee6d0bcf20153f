"""The served venue has production's filters; the default world, in process, has its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from failing_exchange import Binance, FailingExchange, VenueLimits, simulate
from failing_exchange.core.market import Market
from failing_exchange.venue.default_world import DEFAULTS, MARKETS
from failing_exchange.venues.binance.markets import LIMITS, as_in_production
from tests.venues.binance.client import Client

# exchangeInfo of BTCUSDT as production answered it in 2026, without what follows the volume
BTC: list[dict[str, Any]] = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.00000000",
     "tickSize": "0.01000000"},
    {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000",
     "stepSize": "0.00001000"},
    {"filterType": "ICEBERG_PARTS", "limit": 100},
    {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": "100.00000000",
     "stepSize": "0.00000000"},
    {"filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 10, "maxTrailingAboveDelta": 2000,
     "minTrailingBelowDelta": 10, "maxTrailingBelowDelta": 2000},
    {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "5", "bidMultiplierDown": "0.2",
     "askMultiplierUp": "5", "askMultiplierDown": "0.2", "avgPriceMins": 5},
    {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True,
     "maxNotional": "9000000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5},
    {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
    {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
    {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
    {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 10},
]  # fmt: skip


def test_the_venue_by_its_name_has_productions_filters() -> None:
    """All five markets, in production's order; the numbers that clients round by are the same."""

    async def story() -> Any:
        async with aiohttp.ClientSession() as session:
            url = "https://api.binance.com/api/v3/exchangeInfo"
            async with session.get(url) as response:
                return await response.json()

    found = {one["symbol"]: one for one in simulate(story(), venue="binance")["symbols"]}
    assert found["BTCUSDT"]["filters"] == BTC
    assert len(found) == 5
    kinds = [one["filterType"] for one in BTC]
    assert all([f["filterType"] for f in one["filters"]] == kinds for one in found.values())
    assert found["ETHBTC"]["filters"][6]["minNotional"] == "0.00010000"
    modes = found["BTCUSDT"]["allowedSelfTradePreventionModes"]
    assert modes == ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"price": "9000"}, "PERCENT_PRICE_BY_SIDE"),
        ({"quantity": "0.00009"}, "NOTIONAL"),
        ({"quantity": "300"}, "NOTIONAL"),
        ({"quantity": "9001", "price": "20000"}, "LOT_SIZE"),
        ({"price": "1000000.01"}, "PRICE_FILTER"),
        ({"type": "MARKET", "price": None, "timeInForce": None, "quantity": "101"},
         "MARKET_LOT_SIZE"),
        ({"icebergQty": "0.00099"}, "ICEBERG_PARTS"),
        ({"type": "STOP_LOSS", "price": None, "timeInForce": None, "side": "SELL",
          "trailingDelta": "2001"}, "TRAILING_DELTA"),
    ],
)  # fmt: skip
def test_what_production_refuses_is_refused(changes: dict[str, Any], says: str) -> None:
    """A bot that passes here has not been spared a filter."""

    async def story(client: Client) -> None:
        got = await client.order(**changes)
        assert (got.status, got.body) == (400, {"code": -1013, "msg": f"Filter failure: {says}"})

    _in_production(story)


def test_the_sixth_stop_and_the_two_hundred_and_first_order_are_too_many() -> None:
    """Bots that place ladders of orders meet these first."""

    async def story(client: Client) -> None:
        stop = {"type": "STOP_LOSS", "side": "SELL", "price": None, "timeInForce": None}
        for n in range(5):
            assert (await client.order(**stop, stopPrice=str(40_000 + n))).status == 200
        got = await client.order(**stop, stopPrice="39000")
        assert got.body["msg"] == "Filter failure: MAX_NUM_ALGO_ORDERS"
        for n in range(195):
            if n % 90 == 80:
                await asyncio.sleep(10)  # only a hundred in ten seconds
            assert (await client.order(quantity="0.001")).status == 200
        assert (await client.order()).body["msg"] == "Filter failure: MAX_NUM_ORDERS"

    _in_production(story)


def _in_production(story: Any) -> None:
    async def main() -> None:
        venue = Binance.like_production(latency=None)
        await venue.listen_in_simulation()
        try:
            async with aiohttp.ClientSession() as session:
                await story(Client(session, venue))
        finally:
            await venue.close()

    simulate(main())


def test_such_a_venue_takes_what_any_other_does() -> None:
    """Its own limits, its own places, and listen keys as of old."""
    venue = Binance.like_production(
        limits=VenueLimits().accelerated(1_000), places=[("venue.test", 443)],
        legacy_listen_keys=True,
    )  # fmt: skip
    assert venue.dialect.limits.limits.weight.limit == 6
    assert venue.places == (("venue.test", 443),)
    assert venue.dialect.listen_keys is not None
    assert venue.exchange.venue.markets["BTC/USDT"].orders_max == 200


def test_the_default_world_is_as_it_was(tmp_path: Path) -> None:
    """Only the doors that are production's have its filters; own markets keep their own rules."""
    assert FailingExchange().venue.markets == DEFAULTS
    assert MARKETS.keys() == LIMITS.keys()
    own = Market(symbol="X/Y", base="X", quote="Y", price_step=1, amount_step=1)
    assert as_in_production(own) is own
    path = tmp_path / "two.toml"
    path.write_text('markets = ["BTC/USDT", "ETH/BTC"]')
    venue = Binance.like_production(scenario=str(path)).exchange.venue
    assert list(venue.markets) == ["BTC/USDT", "ETH/BTC"]
    assert venue.markets["ETH/BTC"].rules is not None
