"""What a client hears of its account on the WebSocket API, and what faults make of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from failing_exchange.core import commands as c
from failing_exchange.core.units import ATOMS
from failing_exchange.faults import operations as ops
from failing_exchange.faults.catalogue import CATALOGUE
from failing_exchange.faults.triggers import chance, first
from tests.venues.binance.socket_client import URL, SocketClient, on_a_socket
from tests.venues.binance.test_ws_api import log_on, two_keys

FEEDS = ("watch_orders", "watch_my_trades", "watch_balance")


def short(events: list[Any]) -> list[str]:
    """The events by name; reports as execution and status."""
    return [f"{one['x']} {one['X']}" if "x" in one else one["e"] for one in events]


async def quiet(client: SocketClient, seconds: float = 5.0) -> None:
    """Let time go by, then hear all that has come."""
    await asyncio.sleep(seconds)
    await client.ask("ping")


def test_an_order_is_told_from_its_birth_to_its_end() -> None:
    """Reports, then the position, wrapped with the number of the subscription."""

    async def story(client: SocketClient) -> None:
        assert await client.subscribe() == 0
        await client.order(newClientOrderId="mine")
        await client.signed("order.cancel", symbol="BTCUSDT", origClientOrderId="mine")
        await quiet(client)
        position = "outboundAccountPosition"
        assert short(client.events) == ["NEW NEW", position, "CANCELED CANCELED", position]
        wrapped = [message for message in client.heard if "event" in message]
        assert all(list(one) == ["subscriptionId", "event"] for one in wrapped)
        assert {one["subscriptionId"] for one in wrapped} == {0}

    on_a_socket(story)


def test_a_cancel_is_told_by_the_name_that_the_client_gave_it() -> None:
    """newClientOrderId of a cancel is the cancel's own."""

    async def story(client: SocketClient) -> None:
        await client.subscribe()
        await client.order(newClientOrderId="mine")
        await client.signed(
            "order.cancel", symbol="BTCUSDT", origClientOrderId="mine", newClientOrderId="away"
        )
        await quiet(client)
        report = next(one for one in client.events if one.get("x") == "CANCELED")
        assert (report["c"], report["C"]) == ("away", "mine")

    on_a_socket(story, latency="auto")


def test_what_the_market_does_is_told_without_a_request() -> None:
    """A resting order fills while the client only listens."""

    async def story(client: SocketClient) -> None:
        await client.subscribe()
        price = (await client.exchange.fetch_ticker("BTC/USDT"))["bid"]
        placed = await client.order(price=f"{price:.2f}")
        while True:
            event = await asyncio.wait_for(client.event(), 3_600)
            if event.get("x") == "TRADE":
                break
        assert (event["i"], event["m"]) == (placed["result"]["orderId"], True)

    on_a_socket(story)


def test_a_push_may_overtake_the_reply() -> None:
    """A client must not need the reply to understand the event: both orders occur."""

    async def story(client: SocketClient) -> list[str]:
        await client.subscribe()
        firsts = []
        for _ in range(12):
            already = len(client.heard)
            await client.order()
            await quiet(client)
            firsts.append("event" if "event" in client.heard[already] else "reply")
        return firsts

    assert set(on_a_socket(story, latency="auto", seed=3)) == {"event", "reply"}


def test_a_session_subscribes_once_per_account() -> None:
    """-2035, -2036, session.subscriptions, and a new number for each subscription."""

    async def story(client: SocketClient) -> None:
        assert (await client.ask("userDataStream.subscribe"))["error"]["code"] == -1102
        await log_on(client)
        subscribed = await client.ask("userDataStream.subscribe")
        assert subscribed["result"] == {"subscriptionId": 0}
        again = await client.signed("userDataStream.subscribe.signature")
        assert again["error"] == {
            "code": -2035, "msg": "User Data Stream subscription already active.",
        }  # fmt: skip
        assert (await client.ask("session.subscriptions"))["result"] == [{"subscriptionId": 0}]
        assert (await client.ask("session.status"))["result"]["userDataStream"] is True
        wrong = await client.ask("userDataStream.unsubscribe", subscriptionId=7)
        assert wrong["error"]["code"] == -2036
        assert (await client.ask("userDataStream.unsubscribe"))["result"] == {}
        assert await client.subscribe() == 1

    on_a_socket(story, venue=two_keys)


def test_who_logs_out_loses_only_the_subscription_of_the_logon() -> None:
    """eventStreamTerminated is its last event; one by signature goes on."""

    async def story(client: SocketClient) -> None:
        await log_on(client)
        await client.ask("userDataStream.subscribe")
        await client.ask("session.logout")
        await client.order()
        await quiet(client)
        assert short(client.events) == ["eventStreamTerminated"]
        number = await client.subscribe()
        await client.ask("session.logout")
        await client.order()
        await quiet(client)
        assert (number, len(client.events)) == (1, 3)

    on_a_socket(story, venue=two_keys)


def test_the_venue_can_end_a_subscription() -> None:
    """Its last event says so, the connection stays, and the client may subscribe anew."""

    async def story(client: SocketClient) -> None:
        await client.subscribe()
        client.exchange.arm("end_subscription", first(1))
        await client.order()
        await client.order()
        await quiet(client)
        assert short(client.events) == ["eventStreamTerminated"]
        assert (await client.ask("session.subscriptions"))["result"] == []
        assert await client.subscribe() == 1
        await client.order()
        await quiet(client)
        assert short(client.events)[1:] == ["NEW NEW", "outboundAccountPosition"]

    on_a_socket(story)


@pytest.mark.parametrize(
    ("fault", "fields"),
    [("refuse_replacement", {}), ("reject_request", {"why": "insufficient_funds"})],
)
def test_the_second_half_of_a_replacement_can_fail(fault: str, fields: dict[str, str]) -> None:
    """409, -2021: the old order is gone, and there is no new one. Without it, -2022."""

    async def story(client: SocketClient) -> None:
        old = (await client.order())["result"]["orderId"]
        client.exchange.arm(fault, operations="edit_order", **fields)
        new: dict[str, Any] = {
            "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
            "quantity": "0.01", "price": "30000", "cancelReplaceMode": "STOP_ON_FAILURE",
        }  # fmt: skip
        told = await client.signed("order.cancelReplace", cancelOrderId=old, **new)
        assert (told["status"], told["error"]["code"]) == (409, -2021)
        halves = told["error"]["data"]
        assert (halves["cancelResult"], halves["newOrderResult"]) == ("SUCCESS", "FAILURE")
        assert halves["newOrderResponse"]["code"] == -2010
        opened = await client.signed("openOrders.status", symbol="BTCUSDT")
        assert opened["result"] == []
        again = await client.signed("order.cancelReplace", cancelOrderId=old, **new)
        assert (again["status"], again["error"]["code"]) == (400, -2022)

    on_a_socket(story)


def test_two_connections_hear_the_same() -> None:
    """Each is pushed to by itself: a fault may strike one and not the other."""

    async def story(client: SocketClient) -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(URL) as ws:
            other = SocketClient(ws, client.venue)
            await client.subscribe()
            await other.subscribe()
            await client.order()
            await quiet(client)
            await quiet(other)
            assert other.events == client.events
            await ws.close()
        await client.order()
        await quiet(client)
        assert len(client.events) == 4

    on_a_socket(story)


def test_money_and_locks_are_told() -> None:
    """A deposit and a lock of another system, each with the position after it."""

    async def story(client: SocketClient) -> None:
        await client.subscribe()
        await client.exchange.operate(c.Credit("main", "BNB", 5 * ATOMS))
        await client.exchange.operate(c.Freeze("main", "BNB", 2 * ATOMS))
        await quiet(client)
        assert short(client.events)[::2] == ["balanceUpdate", "externalLockUpdate"]
        assert client.events[-1]["B"] == [{"a": "BNB", "f": "1003.00000000", "l": "2.00000000"}]

    on_a_socket(story)


def test_what_a_moving_price_fills_is_told_one_after_the_other() -> None:
    """Three orders in one second, each with the balances after it: they agree with the trades."""

    async def story(client: SocketClient) -> None:
        await client.subscribe()
        bid = (await client.exchange.fetch_ticker("SOL/USDT"))["bid"]
        sol = {"symbol": "SOLUSDT", "price": None, "timeInForce": None}
        rests = {"price": f"{bid * 0.97:.2f}", "timeInForce": "GTC"}
        await client.order(**sol | rests | {"quantity": "0.2"})
        stop = sol | {"side": "SELL", "type": "STOP_LOSS"}
        await client.order(**stop, quantity="0.3", stopPrice=f"{bid * 0.98:.2f}")
        await client.order(**stop, quantity="0.4", trailingDelta="200")
        await quiet(client, 1)
        before = len(client.events)
        await client.exchange.operate(c.MovePrice("SOL/USDT", ppm=-60_000))
        await quiet(client)
        told = client.events[before:]
        bought = ["TRADE FILLED", "outboundAccountPosition"]
        sold = ["NEW NEW", *bought]
        assert short(told) == [*bought, *sold, *sold]
        dollars = Decimal(10_000_000)
        for one in told:
            if one.get("x") == "TRADE":
                cost = Decimal(one["Y"])
                dollars += cost - Decimal(one["n"]) if one["S"] == "SELL" else -cost
            elif "B" in one:
                row = next(row for row in one["B"] if row["a"] == "USDT")
                assert Decimal(row["f"]) + Decimal(row["l"]) == dollars

    on_a_socket(story)


def test_a_trade_that_is_undone_shows_in_the_balances() -> None:
    """There is no event for it: the position is all that the client hears."""

    async def story(client: SocketClient) -> None:
        await client.subscribe()
        placed = await client.order(type="MARKET", price=None, timeInForce=None)
        trade = placed["result"]["fills"][0]["tradeId"]
        before = len(client.events)
        await client.exchange.operate(c.BustTrade("BTC/USDT", trade))
        await quiet(client)
        assert short(client.events[before:]) == ["outboundAccountPosition"]
        assert client.events[-1]["B"][0] == {"a": "BTC", "f": "100.00000000", "l": "0.00000000"}

    on_a_socket(story)


@pytest.mark.parametrize(
    ("fault", "fields", "told"),
    [
        ("lose_push", {}, []),
        ("silence_feed", {}, []),
        ("repeat_push", {"after": 1.0}, ["NEW NEW", "NEW NEW"]),
        ("delay_push", {"seconds": 2.0}, ["NEW NEW"]),
    ],
)
def test_faults_of_feeds_strike_reports(
    fault: str, fields: dict[str, Any], told: list[str]
) -> None:
    """The order is live in each case, and the position is told."""

    async def story(client: SocketClient) -> None:
        await client.subscribe()
        client.exchange.arm(fault, operations="watch_orders", **fields)
        await client.order()
        await quiet(client)
        reports = [one for one in client.events if "x" in one]
        assert short(reports) == told
        assert "outboundAccountPosition" in short(client.events)
        assert len(await client.exchange.fetch_open_orders("BTC/USDT")) == 1

    on_a_socket(story)


def test_a_late_report_is_overtaken() -> None:
    """The position comes first: a client must not deduce the one from the other."""

    async def story(client: SocketClient) -> None:
        await client.subscribe()
        client.exchange.arm("delay_push", operations="watch_orders", seconds=2.0)
        await client.order()
        await quiet(client)
        assert short(client.events) == ["outboundAccountPosition", "NEW NEW"]

    on_a_socket(story)


def test_the_feed_of_trades_can_fail_alone() -> None:
    """The report of a trade belongs to watch_my_trades, that of the order to watch_orders."""

    async def story(client: SocketClient) -> None:
        await client.subscribe()
        client.exchange.arm("lose_push", operations="watch_my_trades")
        await client.order(type="MARKET", price=None, timeInForce=None)
        await quiet(client)
        assert short(client.events) == ["NEW NEW", "outboundAccountPosition"]

    on_a_socket(story)


def test_a_feed_that_breaks_takes_its_connection_along() -> None:
    """The client notices by the line; its order is live."""

    async def story(client: SocketClient) -> None:
        await client.subscribe()
        client.exchange.arm("break_feed", operations="watch_orders")
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
                 "quantity": "0.1", "price": "40000"}  # fmt: skip
        await client.send("order.place", client.sign(order))
        message = await client.ws.receive()
        assert message.type is not aiohttp.WSMsgType.TEXT
        assert len(await client.exchange.fetch_open_orders("BTC/USDT")) == 1

    on_a_socket(story)


def test_a_lost_acknowledgement_leaves_the_subscription_live() -> None:
    """The client hears events of a subscription whose number it does not know."""

    async def story(client: SocketClient) -> None:
        client.exchange.arm("lose_answer", first(1), operations="session")
        await client.send("userDataStream.subscribe.signature", client.sign({}))
        await client.order()
        await quiet(client)
        assert [message.get("id") for message in client.heard if "id" in message] == [2, 3]
        assert short(client.events) == ["NEW NEW", "outboundAccountPosition"]
        again = await client.signed("userDataStream.subscribe.signature")
        assert again["error"]["code"] == -2035

    on_a_socket(story)


def test_a_push_that_can_not_be_read_arrives_as_half_a_message() -> None:
    """The client's decoder must survive it, and the next event comes."""

    async def story(client: SocketClient) -> None:
        await client.subscribe()
        client.exchange.arm("garble_answer", operations="watch_orders")
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
                 "quantity": "0.1", "price": "40000"}  # fmt: skip
        await client.send("order.place", client.sign(order))
        with pytest.raises(json.JSONDecodeError):
            await client.hear()
        assert (await client.event())["e"] == "outboundAccountPosition"

    on_a_socket(story)


def test_the_same_seed_tells_the_same_bytes() -> None:
    """Pushes, replies and their races are part of the run."""

    async def story(client: SocketClient) -> list[Any]:
        await client.subscribe()
        client.exchange.arm("delay_push", chance(0.5), operations=FEEDS)
        for _ in range(5):
            await client.order(type="MARKET", price=None, timeInForce=None)
        await quiet(client, 60)
        return client.heard

    assert on_a_socket(story, latency="auto", seed=5) == on_a_socket(story, latency="auto", seed=5)


def test_a_report_may_say_something_else() -> None:
    """Fields of events are changed as those of answers are."""

    async def story(client: SocketClient) -> None:
        await client.subscribe()
        client.exchange.arm("set_field", operations="watch_orders", field="status", value="closed")
        placed = await client.order()
        assert placed["result"]["status"] == "NEW"
        assert client.events[0]["X"] == "FILLED"

    on_a_socket(story)


@pytest.mark.parametrize("fault", [n for n, e in CATALOGUE.items() if e.scope == "process"])
def test_each_fault_of_the_catalogue_can_strike_here(fault: str) -> None:
    """Whatever is armed, on all that is asked and told: the venue itself stays whole."""

    async def story(client: SocketClient) -> None:
        client.exchange.arm(fault, operations=(*ops.ALL, "session"))
        for name, params in (
            ("userDataStream.subscribe.signature", {}),
            ("order.place", {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET",
                             "quantity": "0.1"}),
            ("account.status", {}),
        ):  # fmt: skip
            with contextlib.suppress(aiohttp.ClientConnectionError):  # the line may be broken
                await client.send(name, client.sign(params))
                await asyncio.sleep(30)
        async with aiohttp.ClientSession() as session, session.ws_connect(URL) as ws:
            assert not ws.closed
        client.exchange.venue.close()  # raises a bug of ours

    on_a_socket(story)
