"""The limits of an address and of an account."""

from __future__ import annotations

import asyncio

from failing_exchange.venues.binance_usdm.usdm_limits import LIMITS
from tests.venues.binance_usdm.usdm_client import UsdmClient, on_usdm


def test_answers_tell_what_is_used_of_the_limits() -> None:
    """Weight on all of them, orders on those to orders; a refused order has counted, too."""

    async def story(client: UsdmClient) -> None:
        got = await client.public("GET", "v1/ticker/24hr")
        assert got.headers["x-mbx-used-weight-1m"] == "40"
        assert "x-mbx-used-weight" not in got.headers
        got = await client.order()
        assert got.headers["x-mbx-used-weight-1m"] == "40"  # an order weighs nothing
        assert got.headers["x-mbx-order-count-10s"] == "1"
        await client.order(quantity="0.001")
        got = await client.order()
        assert got.headers["x-mbx-order-count-1m"] == "3"
        await asyncio.sleep(10)
        got = await client.order()
        assert got.headers["x-mbx-order-count-10s"] == "1"
        assert got.headers["x-mbx-order-count-1m"] == "4"

    on_usdm(story)


def test_an_account_that_orders_too_fast_is_refused_until_the_window_ends() -> None:
    """300 orders in ten seconds, 1200 in a minute; canceling goes on."""

    async def story(client: UsdmClient) -> None:
        for _ in range(3):
            assert (await client.order()).status == 200
        got = await client.order()
        assert (got.status, got.body) == (
            429,
            {"code": -1015, "msg": "Too many new orders; current limit is 3 orders per 10 SECOND."},
        )
        assert int(got.headers["Retry-After"]) <= 10
        gone = await client.signed("DELETE", "v1/allOpenOrders", symbol="BTCUSDT")
        assert gone.status == 200

    on_usdm(story, limits=LIMITS.accelerated(100))


def test_an_address_that_asks_too_much_is_refused_and_then_banned() -> None:
    """429, and 418 for a client that does not listen."""

    async def story(client: UsdmClient) -> None:
        for _ in range(24):
            assert (await client.public("GET", "v1/time")).status == 200
        got = await client.public("GET", "v1/time")
        assert (got.status, got.body["code"]) == (429, -1003)
        assert got.body["msg"].startswith("Too many requests; current limit is 24 requests per m")
        statuses = [(await client.public("GET", "v1/time")).status for _ in range(20)]
        assert statuses[-1] == 418
        banned = await client.public("GET", "v1/nothing")
        assert banned.body["msg"].startswith("Way too many requests; IP banned until ")

    on_usdm(story, limits=LIMITS.accelerated(100))


def test_exchange_info_lists_the_limits() -> None:
    """Clients pace themselves by it."""

    async def story(client: UsdmClient) -> None:
        rows = (await client.public("GET", "v1/exchangeInfo")).body["rateLimits"]
        assert [(row["rateLimitType"], row["interval"], row["limit"]) for row in rows] == [
            ("REQUEST_WEIGHT", "MINUTE", 2_400), ("ORDERS", "MINUTE", 1_200),
            ("ORDERS", "SECOND", 300),
        ]  # fmt: skip

    on_usdm(story)
