"""Spot as of a date: each change has two sides, and may come while a client is connected."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL

from failing_exchange import Binance, ConfigurationError, FailingExchange, simulate
from failing_exchange.core.commands import ChangeApi
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET
from failing_exchange.venue.api_changes import Change
from failing_exchange.venue.default_world import MARKETS
from failing_exchange.venues.binance.markets import as_in_production
from failing_exchange.venues.binance.spot_changes import CHANGES
from tests.venues.binance.client import HOST, Client, on_the_wire
from tests.venues.binance.socket_client import URL as API, SocketClient
from tests.venues.binance.streams import streams

V3 = "/api/v3/"


async def there(client: Client, method: str, path: str, **params: Any) -> bool:
    """Whether there is an endpoint, whatever it answers."""
    return (await client.signed(method, V3 + path, **params)).status != 404


async def microseconds(client: Client) -> bool:
    got = await client.send("GET", f"{V3}time", headers={"X-MBX-TIME-UNIT": "MICROSECOND"})
    late = await client.signed("GET", f"{V3}openOrders", timestamp=int(time.time() * 1_000_000))
    assert late.body == [] or late.body["code"] == -1021
    assert (late.body == []) is (len(str(got.body["serverTime"])) == 16)
    return bool(late.body == [])


async def amend(client: Client) -> bool:
    changed = await there(client, "PUT", "order/amend/keepPriority", symbol="BTCUSDT", newQty=1)
    assert changed is await there(client, "GET", "order/amendments", symbol="BTCUSDT", orderId=1)
    return changed


async def signed_subscriptions(client: Client) -> bool:
    async with client.session.ws_connect(API) as ws:
        got = await SocketClient(ws, client.venue).signed("userDataStream.subscribe.signature")
    assert got["status"] == 200 or got["error"]["code"] == -1020
    return bool(got["status"] == 200)


async def pegged_orders(client: Client) -> bool:
    got = await client.order(price=None, timeInForce=None, pegPriceType="PRIMARY_PEG")
    return bool(got.body["code"] != -1104)


async def my_filters(client: Client) -> bool:
    return await there(client, "GET", "myFilters", symbol="BTCUSDT")


async def symbol_status(client: Client) -> bool:
    got = await client.public("GET", f"{V3}depth", symbol="BTCUSDT", symbolStatus="TRADING")
    assert got.status == 200 or got.body["code"] == -1104
    return got.status == 200


async def opo(client: Client) -> bool:
    info = await client.public("GET", f"{V3}exchangeInfo", symbol="BTCUSDT")
    found = await there(client, "POST", "orderList/opoco")
    assert found is ("opoAllowed" in info.body["symbols"][0])
    return found


async def percent_encoding(client: Client) -> bool:
    """Whether a signature over the plain payload is refused."""
    plain = f"symbol=BTCUSDT&origClientOrderId=a:b&timestamp={int(time.time() * 1000)}"
    sent = plain.replace("a:b", quote("a:b", safe=""))
    codes = []
    for payload in (sent, plain):
        signature = hmac.new(DEFAULT_SECRET.encode(), payload.encode(), sha256).hexdigest()
        url = URL(f"{HOST}{V3}order?{sent}&signature={signature}", encoded=True)
        async with client.session.get(url, headers={"X-MBX-APIKEY": DEFAULT_KEY}) as got:
            codes.append((await got.json())["code"])
    assert codes[0] == -2013  # the signature was right
    return bool(codes[1] == -1022)


async def listen_keys(client: Client) -> bool:
    headers = {"X-MBX-APIKEY": DEFAULT_KEY}
    url = f"{HOST}{V3}userDataStream"
    async with client.session.post(url, headers=headers) as response:
        status = response.status
    async with client.session.ws_connect(API) as ws:
        got = await SocketClient(ws, client.venue).ask("userDataStream.start", apiKey=DEFAULT_KEY)
    assert (status, got["status"]) in ((200, 200), (410, 400))
    return status == 200


async def api_v1(client: Client) -> bool:
    return (await client.public("GET", "/api/v1/depth", symbol="BTCUSDT")).status == 200


async def all_tickers_stream(client: Client) -> bool:
    async with streams(client) as socket:
        assert await socket.ask("SUBSCRIBE", ["!ticker@arr"]) == {"result": None, "id": 1}
        try:
            async with asyncio.timeout(5):
                return bool((await socket.next())[0]["e"] == "24hrTicker")
        except TimeoutError:
            return False


async def expiry_reason(client: Client) -> bool:
    async with client.session.ws_connect(API) as ws:
        socket = SocketClient(ws, client.venue)
        await socket.subscribe()
        got = await client.order(timeInForce="IOC", newOrderRespType="RESULT")
        assert (await socket.event())["x"] == "NEW"
        event = await socket.event()
    assert (got.body["status"], event["x"]) == ("EXPIRED", "EXPIRED")
    assert ("expiryReason" in got.body) is ("eR" in event)
    return "eR" in event


async def reference_prices(client: Client) -> bool:
    rules = await there(client, "GET", "executionRules")
    async with streams(client, "/ws/btcusdt@referencePrice") as socket:
        try:
            async with asyncio.timeout(5):
                told = bool((await socket.next())["e"])
        except TimeoutError:
            told = False
    assert rules is told
    return rules


async def free_orders(client: Client) -> bool:
    name = "X-MBX-USED-WEIGHT-1M"
    before = int((await client.public("GET", f"{V3}time")).headers[name])
    assert (await client.order()).status == 200
    return int((await client.public("GET", f"{V3}time")).headers[name]) == before + 1


async def expiry_reason_in_queries(client: Client) -> bool:
    placed = await client.order(timeInForce="IOC")
    got = await client.signed("GET", f"{V3}order", symbol="BTCUSDT", orderId=placed.body["orderId"])
    assert got.body["status"] == "EXPIRED"
    return "expiryReason" in got.body


async def server_shutdown(client: Client) -> bool:
    async with streams(client) as socket, client.session.ws_connect(API) as ws:
        for connection in client.venue.sockets.connections:
            assert connection.on_shutdown is not None
            connection.on_shutdown()
        try:
            async with asyncio.timeout(1):
                assert (await socket.next())["e"] == "serverShutdown"
                assert (await SocketClient(ws, client.venue).event())["e"] == "serverShutdown"
                return True
        except TimeoutError:
            return False


async def block_trades(client: Client) -> bool:
    return await there(client, "GET", "historicalBlockTrades", symbol="BTCUSDT", fromId=1)


PROBES: dict[str, Callable[[Client], Awaitable[bool]]] = {
    one.__name__: one
    for one in (
        microseconds, amend, signed_subscriptions, pegged_orders, my_filters, symbol_status, opo,
        percent_encoding, listen_keys, api_v1, all_tickers_stream, expiry_reason, reference_prices,
        free_orders, expiry_reason_in_queries, server_shutdown, block_trades,
    )
}  # fmt: skip
BTC = [as_in_production(MARKETS["BTC/USDT"])]  # with reference prices


def day_before(change: Change) -> str:
    return str(date.fromisoformat(change.day) - timedelta(days=1))


@pytest.mark.parametrize("change", CHANGES.changes, ids=lambda one: one.name)
def test_each_change_has_two_sides(change: Change) -> None:
    """The venue of the day before behaves otherwise than that of the day and that of today."""
    probe = PROBES[change.name]
    assert on_the_wire(probe, as_of=day_before(change), markets=BTC) is not change.on
    assert on_the_wire(probe, as_of=change.day, markets=BTC) is change.on
    assert on_the_wire(probe, markets=BTC) is change.on


@pytest.mark.parametrize("change", CHANGES.changes, ids=lambda one: one.name)
def test_each_change_may_come_while_a_client_is_there(change: Change) -> None:
    """The next request meets the new rules; what happened stays in the journal."""

    async def story(client: Client) -> None:
        exchange = client.venue.exchange
        assert await PROBES[change.name](client) is not change.on
        await exchange.operate(ChangeApi(change.name))
        assert await PROBES[change.name](client) is change.on

    on_the_wire(story, as_of=day_before(change), markets=BTC)


def test_a_stream_that_is_retired_falls_silent_under_its_subscriber() -> None:
    """The connection stays open, as clients met it: nothing says that nothing will come."""

    async def story(client: Client) -> None:
        async with streams(client, "/ws/!ticker@arr") as socket:
            assert (await socket.next())[0]["e"] == "24hrTicker"
            await client.venue.exchange.operate(ChangeApi("all_tickers_stream"))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(10):
                    while True:
                        await socket.next()

    on_the_wire(story, as_of="2026-03-01")


def test_a_listen_key_lives_its_hour_out_when_listen_keys_go() -> None:
    """A bot that only listens notices the change an hour late."""

    async def story(client: Client) -> None:
        headers = {"X-MBX-APIKEY": DEFAULT_KEY}
        url = f"{HOST}{V3}userDataStream"
        async with client.session.post(url, headers=headers) as response:
            key = (await response.json())["listenKey"]
        async with streams(client, f"/ws/{key}") as socket:
            await client.venue.exchange.operate(ChangeApi("listen_keys"))
            async with client.session.put(url, params={"listenKey": key}, headers=headers) as late:
                assert late.status == 410
            await client.order()
            assert (await socket.next())["e"] == "executionReport"
            assert (await socket.next())["e"] == "outboundAccountPosition"
            assert (await socket.next())["e"] == "listenKeyExpired"

    on_the_wire(story, as_of="2026-02-01")


def test_the_first_version_of_listen_keys_was_there_too() -> None:
    """/api/v1/userDataStream gave the same keys until its own retirement."""

    async def story(client: Client) -> int:
        url, headers = f"{HOST}/api/v1/userDataStream", {"X-MBX-APIKEY": DEFAULT_KEY}
        async with client.session.post(url, headers=headers) as response:
            return response.status

    assert on_the_wire(story, as_of="2026-01-01") == 200
    assert on_the_wire(story) == 410


def test_a_planned_change_comes_when_it_is_due() -> None:
    """As from a scenario, or from the control API with `after`."""

    async def story(client: Client) -> list[int]:
        seen = []
        await client.venue.exchange.operate(ChangeApi("api_v1", after=60 * 10**9))
        for _ in range(3):
            seen.append((await client.public("GET", "/api/v1/ping")).status)
            await asyncio.sleep(40)
        return seen

    assert on_the_wire(story, as_of="2026-01-01") == [200, 200, 404]


def test_an_unknown_change_is_refused_with_what_there_is() -> None:
    """Also where it was planned before the venue started."""

    async def story(client: Client) -> None:
        with pytest.raises(ConfigurationError, match=r"'listen_key'; did you mean 'listen_keys'"):
            await client.venue.exchange.operate(ChangeApi("listen_key"))

    on_the_wire(story)
    exchange = FailingExchange()
    exchange.venue.plan_incident(1, ChangeApi("percent"))

    async def start() -> None:
        venue = Binance(exchange)
        await venue.listen_in_simulation()

    with pytest.raises(ConfigurationError, match="known of binance and binance-usdm: micro"):
        simulate(start())


@pytest.mark.parametrize("given", ["2025-13-01", "yesterday", "20251201", 20251201, ""])
def test_what_is_not_a_date_is_refused(given: Any) -> None:
    """Before anything starts, with the form that is expected."""
    with pytest.raises(ConfigurationError, match="expected a date, as 2025-12-01"):
        FailingExchange(as_of=given)


def test_a_day_before_the_table_is_refused() -> None:
    """The venue of that day is not known, and would not be told from a guess."""
    with pytest.raises(ConfigurationError, match="binance is known from 2024-12-01 on"):
        Binance(FailingExchange(as_of="2024-11-30"))


def test_all_changes_are_probed_and_in_order() -> None:
    """A row without a test would be a promise."""
    days = [change.day for change in CHANGES.changes]
    assert (days, days[0] > CHANGES.since) == (sorted(days), True)
    assert list(PROBES) == [change.name for change in CHANGES.changes]
    assert all(date.fromisoformat(day).isoformat() == day for day in days)
