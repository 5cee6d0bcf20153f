"""The venue's own limits, as a client meets them."""

from __future__ import annotations

import asyncio

from failing_exchange.fronts.wire.metering import Interval, VenueLimits
from failing_exchange.limits import MINUTE, SECOND
from tests.wire.client import Client, on_the_wire

TIGHT = VenueLimits(
    weight=Interval(50, 1, MINUTE),
    orders=(Interval(3, 10, SECOND), Interval(100, 1, 86_400 * SECOND)),
)


def test_weight_is_counted_and_then_refused_with_429() -> None:
    """The client can see from the header how near it is, and from Retry-After how long to wait."""

    async def story(client: Client) -> None:
        for used in (20, 40):
            got = await client.signed("GET", "/api/v3/account")
            assert got.headers["X-MBX-USED-WEIGHT-1M"] == str(used)
        got = await client.signed("GET", "/api/v3/account")
        assert (got.status, got.body["code"]) == (429, -1003)
        assert 0 < int(got.headers["Retry-After"]) <= 60
        await asyncio.sleep(int(got.headers["Retry-After"]))
        assert (await client.signed("GET", "/api/v3/account")).status == 200

    on_the_wire(story, limits=TIGHT)


def test_who_goes_on_after_429_is_banned_and_told_until_when() -> None:
    """A 429 becomes a 418, whose message names the end of the ban in milliseconds."""

    async def story(client: Client) -> None:
        codes = [(await client.signed("GET", "/api/v3/account")).status for _ in range(14)]
        assert codes == [200, 200, *[429] * 9, *[418] * 3]
        got = await client.public("GET", "/api/v3/ping")
        assert got.status == 418
        assert "IP banned until 1767225720" in got.body["msg"]
        assert int(got.headers["Retry-After"]) == 120

    on_the_wire(story, limits=TIGHT)


def test_successful_orders_weigh_nothing_and_failed_ones_do() -> None:
    """A loop of rejections can by itself lead to a ban; a loop of orders can't."""

    async def story(client: Client) -> None:
        got = await client.order()
        assert got.headers["X-MBX-USED-WEIGHT-1M"] == "0"
        got = await client.order(price="0.001")
        assert (got.status, got.headers["X-MBX-USED-WEIGHT-1M"]) == (400, "1")

    on_the_wire(story, limits=TIGHT)


def test_unfilled_orders_are_limited_and_a_fill_gives_credit_back() -> None:
    """Who trades may go on trading (faqs/order_count_decrement.md)."""

    async def story(client: Client) -> None:
        counts = []
        for _ in range(3):
            counts.append((await client.order()).headers["X-MBX-ORDER-COUNT-10S"])
        assert counts == ["1", "2", "3"]
        refused = await client.order()
        assert (refused.status, refused.body["code"]) == (429, -1015)
        assert refused.body["msg"] == (
            "Too many new orders; current limit is 3 orders per 10 SECOND."
        )
        await asyncio.sleep(10)
        taken = await client.order(type="MARKET", timeInForce=None, price=None)
        assert taken.headers["X-MBX-ORDER-COUNT-10S"] == "0"

    on_the_wire(story, limits=TIGHT)
