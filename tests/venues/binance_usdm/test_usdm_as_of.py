"""USD-M as of a date: each change has two sides, and may come while a client is there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

import aiohttp
import pytest

from failing_exchange.core.commands import ChangeApi
from failing_exchange.venue.api_changes import Change
from failing_exchange.venues.binance_usdm.usdm_changes import CHANGES
from tests.venues.binance_usdm.contracts import BTC
from tests.venues.binance_usdm.test_usdm_streams import Clients, on_streams
from tests.venues.binance_usdm.usdm_client import UsdmClient, on_usdm

DAY = 86_400
STOP = {
    "type": "STOP_MARKET", "side": "SELL", "stopPrice": "45000", "price": None,
    "timeInForce": None,
}  # fmt: skip


async def algo_orders(client: UsdmClient) -> bool:
    """What a bot of old sends, as it sends it: an unknown parameter must not hide the -4120."""
    placed = await client.order(**STOP, workingType="MARK_PRICE", priceProtect="true")
    moved = await client.stop()
    assert (placed.body.get("code"), moved.body.get("code")) in ((None, -5000), (-4120, None))
    return moved.status == 200


async def algo_responses(client: UsdmClient) -> bool:
    got = await client.stop(newOrderRespType="LOUD")
    assert got.status == 200 or got.body["code"] == -1136
    return got.status != 200


async def bare_acknowledgements(client: UsdmClient) -> bool:
    bought = await client.market(quantity="0.01")
    placed = await client.order(price="48000")
    canceled = await client.signed(
        "DELETE", "v1/order", symbol="BTCUSDT", orderId=placed.body["orderId"]
    )
    found = [one.body.get("avgPrice") for one in (bought, placed, canceled)]
    assert found in ([None] * 3, ["50000.00000", "0.00000", "0.00000"])
    assert ("cumQuote" in bought.body) is (found[0] is not None)
    asked = await client.signed("GET", "v1/order", symbol="BTCUSDT", orderId=bought.body["orderId"])
    assert asked.body["avgPrice"] == "50000.00000"
    return found[0] is None


async def heavy_old_trades(client: UsdmClient) -> bool:
    got = await client.signed("GET", "v1/historicalTrades", symbol="BTCUSDT")
    later = await client.signed("GET", "v1/historicalTrades", symbol="BTCUSDT")
    used = [int(one.headers["x-mbx-used-weight-1m"]) for one in (got, later)]
    return used[1] - used[0] == 200


async def modify_ids(client: UsdmClient) -> bool:
    placed = await client.order()
    changed = {"symbol": "BTCUSDT", "orderId": placed.body["orderId"], "side": "BUY",
               "quantity": "0.2", "price": "40000", "modifyId": 7}  # fmt: skip
    got = await client.signed("PUT", "v1/order", **changed)
    assert (got.status, got.body["price"]) == (200, "40000.00")
    return "modifyId" in got.body


async def pairs_in_history(client: UsdmClient) -> bool:
    await client.market(quantity="0.01")
    orders = await client.signed("GET", "v1/allOrders", symbol="BTCUSDT")
    trades = await client.signed("GET", "v1/userTrades", symbol="BTCUSDT")
    found = "pair" in trades.body[0]
    assert ("cumBase" in orders.body[0]) is found
    return found


async def longer_aggregates(client: UsdmClient) -> bool:
    began = client.now
    await client.trade_at(49_500)
    await asyncio.sleep(1.5 * DAY)
    got = await client.public("GET", "v1/aggTrades", symbol="BTCUSDT", startTime=began)
    return bool(got.body)


async def shorter_trade_history(client: UsdmClient) -> bool:
    began = client.now
    await client.market(quantity="0.01")
    await asyncio.sleep(100 * DAY)
    span = {"startTime": began, "endTime": began + 1_000}
    old = await client.signed("GET", "v1/userTrades", symbol="BTCUSDT", **span)
    return bool(old.body == [])


async def wider_trails(client: UsdmClient) -> bool:
    trail = {"type": "TRAILING_STOP_MARKET", "triggerPrice": None, "callbackRate": "15"}
    return (await client.stop(**trail)).status == 200


async def _pushed(clients: Clients, path: str) -> Any:
    """What comes first on a path; None for one that does not exist or stays silent."""
    try:
        async with clients.listen(path) as socket, asyncio.timeout(3):
            await clients.trade()
            return await socket.next()
    except (TimeoutError, aiohttp.WSServerHandshakeError):
        return None


async def routed_streams(clients: Clients) -> bool:
    found = [await _pushed(clients, f"/{route}/ws/btcusdt@{stream}") is not None
             for route, stream in (("public", "bookTicker"), ("market", "aggTrade"))]  # fmt: skip
    assert found in ([True, True], [False, False])
    return found[0]


async def unrouted_streams(clients: Clients) -> bool:
    assert await _pushed(clients, "/ws/btcusdt@bookTicker") is not None
    return await _pushed(clients, "/ws/btcusdt@aggTrade") is not None


async def rpi_quantities(clients: Clients) -> bool:
    return "nq" in await _pushed(clients, "/ws/btcusdt@aggTrade")


async def average_marks(clients: Clients) -> bool:
    return "ap" in await _pushed(clients, "/market/ws/btcusdt@markPrice@1s")


async def um_cm_integration(clients: Clients) -> bool:
    found = await _pushed(clients, "/public/ws/btcusdt@bookTicker")
    candle = await _pushed(clients, "/market/ws/btcusdt_perpetual@continuousKline_1m")
    assert ("st" in found, "ps" in candle) == ("ps" in found, True)
    return "st" in found


ON_SOCKETS: dict[str, Callable[[Clients], Awaitable[bool]]] = {
    one.__name__: one
    for one in (routed_streams, unrouted_streams, rpi_quantities, average_marks, um_cm_integration)
}
PROBES: dict[str, Callable[[UsdmClient], Awaitable[bool]]] = {
    one.__name__: one
    for one in (
        algo_orders, algo_responses, bare_acknowledgements, heavy_old_trades, modify_ids,
        pairs_in_history, longer_aggregates, shorter_trade_history, wider_trails,
    )
}  # fmt: skip


def day_before(change: Change) -> str:
    return str(date.fromisoformat(change.day) - timedelta(days=1))


def seen(change: Change, **options: Any) -> bool:
    """Whether a client sees the feature."""
    if change.name in ON_SOCKETS:
        return on_streams(ON_SOCKETS[change.name], **options)
    return on_usdm(PROBES[change.name], **options)


@pytest.mark.parametrize("change", CHANGES.changes, ids=lambda one: one.name)
def test_each_change_has_two_sides(change: Change) -> None:
    """The venue of the day before behaves otherwise than that of the day and that of today."""
    assert seen(change, as_of=day_before(change)) is not change.on
    assert seen(change, as_of=change.day) is change.on
    if change.name != "rpi_quantities":  # its stream has moved since
        assert seen(change) is change.on


@pytest.mark.parametrize("change", CHANGES.changes, ids=lambda one: one.name)
def test_each_change_may_come_while_a_client_is_there(change: Change) -> None:
    """The next request meets the new rules."""

    probe: Any = {**PROBES, **ON_SOCKETS}[change.name]

    async def story(client: Any) -> None:
        assert await probe(client) is not change.on
        await client.venue.exchange.operate(ChangeApi(change.name))
        assert await probe(client) is change.on

    run: Any = on_streams if change.name in ON_SOCKETS else on_usdm
    run(story, as_of=day_before(change))


def test_the_old_path_falls_silent_under_its_listeners() -> None:
    """What a bot met on 2026-04-23: its connection stays open, and only books still come."""

    async def story(clients: Clients) -> None:
        _, body = await clients.listen_key()
        streams = f"/stream?streams=btcusdt@aggTrade/btcusdt@bookTicker/{body['listenKey']}"
        async with clients.listen(streams) as socket:
            await clients.mine.create_order(BTC, "market", "buy", 0.1)
            before = {(await socket.next())["data"]["e"] for _ in range(6)}
            await clients.venue.exchange.operate(ChangeApi("unrouted_streams"))
            await clients.mine.create_order(BTC, "market", "sell", 0.1)
            after = {(await socket.next())["data"]["e"]}
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(5):
                    while True:
                        after.add((await socket.next())["data"]["e"])
        assert {"aggTrade", "bookTicker", "ORDER_TRADE_UPDATE"} < before
        assert after == {"bookTicker"}

    on_streams(story, as_of="2026-04-01")


def test_all_changes_are_probed_and_in_order() -> None:
    """A row without a test would be a promise."""
    days = [change.day for change in CHANGES.changes]
    assert (days, days[0] > CHANGES.since) == (sorted(days), True)
    assert sorted({**PROBES, **ON_SOCKETS}) == sorted(change.name for change in CHANGES.changes)


OLD = "2025-12-01"


def test_a_conditional_order_of_old_is_an_order_like_any_other() -> None:
    """It is found, listed and canceled by the endpoints of orders, before and after its trigger."""

    async def story(client: UsdmClient) -> None:
        placed = (await client.order(**STOP, newClientOrderId="mine")).body
        assert (placed["type"], placed["status"], placed["stopPrice"]) == (
            "STOP_MARKET", "NEW", "45000.00",
        )  # fmt: skip
        order = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
        found = (await client.signed("GET", "v1/order", **order)).body
        assert {**found, "cumQty": "0.000"} == {**placed, "time": found["time"]}
        named = await client.signed("GET", "v1/order", symbol="BTCUSDT", origClientOrderId="mine")
        listed = await client.signed("GET", "v1/openOrders", symbol="BTCUSDT")
        assert (named.body, listed.body) == (found, [found])
        assert (await client.signed("DELETE", "v1/order", **order)).body["status"] == "CANCELED"
        assert (await client.signed("GET", "v1/openOrders")).body == []
        assert (await client.signed("DELETE", "v1/order", **order)).body["code"] == -2011

    on_usdm(story, as_of=OLD)


def test_a_conditional_order_of_old_keeps_its_id_when_it_triggers() -> None:
    """Bots matched fills of a stop by the id that they were given."""

    async def story(client: UsdmClient) -> None:
        await client.market()
        await client.trade_at(49_500)
        placed = (await client.order(**{**STOP, "stopPrice": "49200"})).body
        await client.trade_at(49_100)
        order = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
        found = (await client.signed("GET", "v1/order", **order)).body
        trades = (await client.signed("GET", "v1/userTrades", symbol="BTCUSDT")).body
        assert (found["status"], found["type"], found["origType"]) == (
            "FILLED", "MARKET", "STOP_MARKET",
        )  # fmt: skip
        assert found["orderId"] == placed["orderId"] == trades[-1]["orderId"]

    on_usdm(story, as_of=OLD)


def test_the_user_stream_of_old_tells_a_conditional_order_as_an_order() -> None:
    """Waiting, canceled, triggered and filled it is one order, of one id and one type."""

    async def story(clients: Clients) -> None:
        _, body = await clients.listen_key()

        async def ask(method: str, **params: Any) -> Any:
            now = clients.venue.exchange.venue.clock.now() // 1_000_000
            sent = {"symbol": "BTCUSDT", **params, "timestamp": str(now), "signature": "any"}
            url, headers = "https://fapi.binance.com/fapi/v1/order", {"X-MBX-APIKEY": "any"}
            async with clients.session.request(method, url, params=sent, headers=headers) as got:
                return await got.json()

        stop = {"side": "SELL", "type": "STOP_MARKET", "quantity": "0.1", "stopPrice": "49200"}
        async with clients.listen(f"/ws/{body['listenKey']}") as socket:

            async def told(count: int) -> list[Any]:
                found: list[Any] = []
                while len(found) < count:
                    event = await socket.next()
                    assert event["e"] != "ALGO_UPDATE"
                    if event["e"] == "ORDER_TRADE_UPDATE":
                        found.append(event["o"])
                return found

            await clients.mine.create_order(BTC, "market", "buy", 0.1)
            await told(2)
            placed = await ask("POST", **stop)
            await ask("DELETE", orderId=placed["orderId"])
            (new, canceled) = await told(2)
            assert (new["x"], canceled["x"], new["ot"]) == ("NEW", "CANCELED", "STOP_MARKET")
            await ask("POST", **stop)
            (waiting,) = await told(1)
            await clients.carol.create_order(BTC, "market", "sell", 0.01)  # at 49,000
            fills = await told(2)
            assert {one["ot"] for one in fills} == {"STOP_MARKET"}
            assert {one["i"] for one in fills} == {waiting["i"]}

    on_streams(story, as_of=OLD)


def test_all_orders_of_old_are_canceled_and_placed_together() -> None:
    """allOpenOrders takes the conditional ones with it, and a batch may hold them."""

    async def story(client: UsdmClient) -> None:
        stop: dict[str, Any] = {name: value for name, value in STOP.items() if value is not None}
        batch = [{**stop, "symbol": "BTCUSDT", "quantity": "0.1"},
                 {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
                  "quantity": "0.1", "price": "40000"}]  # fmt: skip
        got = await client.signed("POST", "v1/batchOrders", batchOrders=json.dumps(batch))
        assert [one["type"] for one in got.body] == ["STOP_MARKET", "LIMIT"]
        assert len((await client.signed("GET", "v1/openOrders")).body) == 2
        await client.signed("DELETE", "v1/allOpenOrders", symbol="BTCUSDT")
        assert (await client.signed("GET", "v1/openOrders")).body == []
        tested = await client.signed(
            "POST", "v1/order/test", **{**stop, "symbol": "BTCUSDT", "quantity": "0.1"}
        )
        assert (tested.status, tested.body) == (200, {})

    on_usdm(story, as_of=OLD)


def test_a_conditional_order_is_found_in_the_service_that_took_it_over() -> None:
    """What was placed before the change waits on, where no bot of old looks for it."""

    async def story(client: UsdmClient) -> None:
        placed = (await client.order(**STOP)).body
        await client.exchange.operate(ChangeApi("algo_orders"))
        gone = await client.signed("GET", "v1/order", symbol="BTCUSDT", orderId=placed["orderId"])
        there = await client.signed("GET", "v1/algoOrder", algoId=placed["orderId"])
        assert (gone.body["code"], there.body["algoStatus"]) == (-2013, "NEW")

    on_usdm(story, as_of=OLD)
