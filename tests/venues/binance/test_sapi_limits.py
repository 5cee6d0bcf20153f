"""Each endpoint of /sapi has its own pool of weight, and says in a header how much is used."""

from __future__ import annotations

import asyncio

from failing_exchange.core.units import MINUTE
from failing_exchange.venues.binance_common.metering import Interval, VenueLimits
from tests.venues.binance.client import Client, on_the_wire

COINS, RESTRICTIONS = "/sapi/v1/capital/config/getall", "/sapi/v1/account/apiRestrictions"


def test_an_endpoint_of_sapi_counts_by_itself() -> None:
    """A bot that reads its coins each minute has no less weight for its orders."""

    async def story(client: Client) -> None:
        for used in ("10", "20"):
            got = await client.signed("GET", COINS)
            assert got.headers["X-SAPI-USED-IP-WEIGHT-1M"] == used
            assert "X-MBX-USED-WEIGHT-1M" not in got.headers
        got = await client.signed("GET", RESTRICTIONS)
        assert got.headers["X-SAPI-USED-IP-WEIGHT-1M"] == "1"
        got = await client.signed("GET", "/api/v3/account")
        assert got.headers["X-MBX-USED-WEIGHT-1M"] == "20"
        assert "X-SAPI-USED-IP-WEIGHT-1M" not in got.headers

    on_the_wire(story, limits=VenueLimits(weight=Interval(30, 1, MINUTE)))


def test_transfers_count_against_the_account_until_they_are_refused() -> None:
    """900 of 180,000 a minute: the 201st is refused until the minute is over."""

    async def story(client: Client) -> None:
        move = {"type": "MAIN_UMFUTURE", "asset": "USDT", "amount": "1"}
        for n in range(1, 201):
            got = await client.signed("POST", "/sapi/v1/asset/transfer", **move)
            assert got.status == 200, got.body
            assert got.headers["X-SAPI-USED-UID-WEIGHT-1M"] == str(900 * n)
        got = await client.signed("POST", "/sapi/v1/asset/transfer", **move)
        assert (got.status, got.body["code"]) == (429, -1003)
        assert "180000 request weight per 1 MINUTE" in got.body["msg"]
        await asyncio.sleep(int(got.headers["Retry-After"]))
        got = await client.signed("POST", "/sapi/v1/asset/transfer", **move)
        assert (got.status, got.headers["X-SAPI-USED-UID-WEIGHT-1M"]) == (200, "900")

    on_the_wire(story)
