"""The venue's own limits, as a client meets them."""

from __future__ import annotations

import asyncio

from failing_exchange.cli.serve_texts import farewell
from failing_exchange.core.commands import CrossOrder
from failing_exchange.core.units import MINUTE, SECOND
from failing_exchange.faults.triggers import first
from failing_exchange.judge.judge import Judge
from failing_exchange.venues.binance_common.metering import Interval, VenueLimits
from tests.venues.binance.client import HOST, Client, on_the_wire

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


def test_limits_and_bans_are_not_counted_as_faults() -> None:
    """They are the client's own doing; only what a fault did to a refusal was struck."""

    async def story(client: Client) -> tuple[str, float, int]:
        judge = Judge(client.venue.exchange.venue)
        judge.attach()
        for _ in range(14):  # 2 are answered, 9 are over the limit, 3 are banned
            await client.signed("GET", "/api/v3/account")
        exchange = client.venue.exchange
        exchange.arm("truncate_json", when=first(2))
        for _ in range(3):  # banned as well, and 2 of them can't be read
            async with client.session.get(f"{HOST}/api/v3/ping") as got:
                await got.read()
        total = exchange.get_failure_statistics()["total"]
        return farewell(exchange), total, judge.verdict().faults

    said = "stopped after 17 requests: {} struck by faults, {} refused by the venue's limits"
    assert on_the_wire(story, limits=TIGHT) == (said.format(2, 13), 2, 2)


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


def test_the_first_fill_of_a_resting_order_gives_five_orders_back() -> None:
    """A maker is credited more than a taker (faqs/order_count_decrement.md, the example's 5)."""

    async def story(client: Client) -> None:
        numbers = [(await client.order()).body["orderId"] for _ in range(6)]
        await client.venue.exchange.operate(CrossOrder(numbers[0]))
        counts = await client.signed("GET", "/api/v3/rateLimit/order")
        assert [row["count"] for row in counts.body] == [6 - 5]

    roomy = VenueLimits(orders=(Interval(10, 10, SECOND),))
    on_the_wire(story, limits=roomy)


REPLACE = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1",
    "price": "40000", "orderRateLimitExceededMode": "CANCEL_ONLY",
}  # fmt: skip


def test_a_replacement_above_the_limit_may_still_cancel() -> None:
    """orderRateLimitExceededMode: by itself nothing is done; CANCEL_ONLY cancels."""

    async def story(client: Client) -> None:
        made = [(await client.order()).body["orderId"] for _ in range(3)]

        async def replace(number: int, mode: str, **changes: str) -> tuple[int, int, str, str]:
            sent = {**REPLACE, "cancelOrderId": number, "cancelReplaceMode": mode, **changes}
            got = await client.signed("POST", "/api/v3/order/cancelReplace", **sent)
            data = got.body.get("data", {})
            results = data.get("cancelResult", ""), data.get("newOrderResult", "")
            if data.get("newOrderResponse"):
                assert data["newOrderResponse"]["code"] == -1015
            assert ("Retry-After" in got.headers) is (got.status == 429)
            return got.status, got.body["code"], *results

        nothing = {"orderRateLimitExceededMode": "DO_NOTHING"}
        found = [
            await replace(made[0], "STOP_ON_FAILURE", **nothing),
            await replace(made[0], "STOP_ON_FAILURE"),
            await replace(made[0], "STOP_ON_FAILURE"),
            await replace(made[1], "ALLOW_FAILURE"),
            await replace(made[1], "ALLOW_FAILURE"),
        ]
        assert found == [
            (429, -1015, "", ""),
            (429, -2021, "SUCCESS", "FAILURE"),
            (429, -2022, "FAILURE", "NOT_ATTEMPTED"),
            (409, -2021, "SUCCESS", "FAILURE"),
            (400, -2022, "FAILURE", "FAILURE"),
        ]
        orders = await client.signed("GET", "/api/v3/openOrders", symbol="BTCUSDT")
        assert [one["orderId"] for one in orders.body] == made[2:]

    on_the_wire(story, limits=TIGHT)


def test_a_replacement_that_was_not_attempted_counts() -> None:
    """It increases the unfilled order count all the same, and weighs as what has failed."""

    async def story(client: Client) -> None:
        sent = {**REPLACE, "cancelOrderId": 4711, "cancelReplaceMode": "STOP_ON_FAILURE"}
        got = await client.signed("POST", "/api/v3/order/cancelReplace", **sent)
        assert (got.status, got.body["code"]) == (400, -2022)
        assert got.body["data"]["newOrderResult"] == "NOT_ATTEMPTED"
        counts = await client.signed("GET", "/api/v3/rateLimit/order")
        assert [row["count"] for row in counts.body] == [1, 1]
        assert counts.headers["X-MBX-USED-WEIGHT-1M"] == "41"

    on_the_wire(story, limits=TIGHT)


def test_an_order_that_was_too_late_for_the_engine_counts() -> None:
    """CHANGELOG.md, 2025-05-22: the last check of recvWindow increments the count, no other."""

    async def story(client: Client) -> None:
        client.venue.exchange.arm("delay_request", seconds=6, operations="create_order")
        assert (await client.order()).body["code"] == -1021
        client.venue.exchange.reset()
        assert (await client.order(timestamp=1)).body["code"] == -1021
        counts = await client.signed("GET", "/api/v3/rateLimit/order")
        assert [row["count"] for row in counts.body] == [1, 1]

    on_the_wire(story, limits=TIGHT)
