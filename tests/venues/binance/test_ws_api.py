"""The WebSocket API as a client meets it: requests, sessions, limits, faults."""

from __future__ import annotations

import asyncio
import base64
import json

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from failing_exchange import FailingExchange
from failing_exchange.core.units import MINUTE
from failing_exchange.server.api_keys import DEFAULT_KEY, Key, Keyring
from failing_exchange.venues.binance.venue import Binance
from failing_exchange.venues.binance_common.call import Security
from failing_exchange.venues.binance_common.metering import Interval, VenueLimits
from tests.venues.binance.socket_client import SocketClient, on_a_socket

ED_PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(32))
ED_PUBLIC = ED_PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
ED_KEY = "ed25519Key"
SESSION = ["apiKey", "authorizedSince", "connectedSince", "returnRateLimits", "serverTime",
           "userDataStream"]  # fmt: skip


def ed_sign(payload: bytes) -> str:
    """With the Ed25519 key."""
    return base64.b64encode(ED_PRIVATE.sign(payload)).decode()


def two_keys(exchange: FailingExchange) -> Binance:
    """A venue that knows an Ed25519 key of `main` beside the default one."""
    keys = Keyring.default()
    keys.add(Key(name=ED_KEY, account="main", public_key=ED_PUBLIC.decode()))
    return Binance(exchange, keys=keys)


async def log_on(client: SocketClient) -> object:
    """session.logon with the Ed25519 key."""
    return await client.signed("session.logon", key=ED_KEY, sign=ed_sign)


def test_an_order_is_placed_shown_and_canceled() -> None:
    """The same table of endpoints as over HTTP, in the WebSocket API's envelope."""

    async def story(client: SocketClient) -> None:
        placed = await client.order(newClientOrderId="mine")
        assert (placed["status"], placed["result"]["status"]) == (200, "NEW")
        kinds = [row["rateLimitType"] for row in placed["rateLimits"]]
        assert kinds == ["ORDERS", "ORDERS", "REQUEST_WEIGHT"]
        shown = await client.signed("order.status", symbol="BTCUSDT", origClientOrderId="mine")
        assert shown["result"]["orderId"] == placed["result"]["orderId"]
        assert [row["rateLimitType"] for row in shown["rateLimits"]] == ["REQUEST_WEIGHT"]
        gone = await client.signed("order.cancel", symbol="BTCUSDT", origClientOrderId="mine")
        assert gone["result"]["status"] == "CANCELED"
        again = await client.signed("order.cancel", symbol="BTCUSDT", origClientOrderId="mine")
        assert (again["status"], again["error"]) == (
            400, {"code": -2011, "msg": "Unknown order sent."},
        )  # fmt: skip

    on_a_socket(story)


def test_what_can_not_be_read_or_is_not_known_is_refused_and_the_line_stays() -> None:
    """A client's bug in one message must not end its other business."""

    async def story(client: SocketClient) -> None:
        await client.ws.send_str('{"id": 1, "method"')
        broken = await client.hear()
        assert (broken["id"], broken["status"], broken["error"]["code"]) == (None, 400, -1135)
        unknown = await client.ask("order.frobnicate")
        assert (unknown["status"], unknown["error"]["code"]) == (400, -1020)
        unsigned = await client.ask("account.status")
        assert unsigned["error"]["code"] == -1102
        assert "'apiKey'" in unsigned["error"]["msg"]
        assert (await client.ask("ping"))["result"] == {}

    on_a_socket(story)


def test_a_wrong_signature_and_an_unknown_key_are_refused() -> None:
    """The same refusals as over HTTP."""

    async def story(client: SocketClient) -> None:
        forged = await client.signed("account.status", sign=lambda payload: "00")
        assert (forged["status"], forged["error"]["code"]) == (400, -1022)
        stranger = await client.signed("account.status", key="nobody")
        assert (stranger["status"], stranger["error"]["code"]) == (401, -2015)
        late = await client.signed("account.status", timestamp=1)
        assert late["error"]["code"] == -1021

    on_a_socket(story)


def test_limits_are_left_out_where_asked_for() -> None:
    """By request, or for the whole connection by the URL."""

    async def shown(client: SocketClient) -> None:
        assert "rateLimits" in await client.ask("time")
        assert "rateLimits" not in await client.ask("time", returnRateLimits=False)

    async def hidden(client: SocketClient) -> None:
        assert "rateLimits" not in await client.ask("time")
        assert "rateLimits" in await client.ask("time", returnRateLimits=True)
        assert (await client.ask("session.status"))["result"]["returnRateLimits"] is False

    on_a_socket(shown)
    on_a_socket(hidden, query="?returnRateLimits=false")


def test_instants_are_in_microseconds_where_the_url_asks_for_them() -> None:
    """timeUnit=MICROSECOND, in either case, for replies and events."""

    async def story(client: SocketClient) -> None:
        seconds = (await client.ask("time"))["result"]["serverTime"] // 10**6
        assert 1_700_000_000 < seconds < 2_000_000_000
        await client.subscribe()
        await client.order()
        assert client.events[0]["E"] // 10**6 == client.events[0]["T"] // 10**6 == seconds

    on_a_socket(story, query="?timeUnit=microsecond")


def test_who_has_logged_on_needs_neither_key_nor_signature() -> None:
    """session.logon, session.status and session.logout, with the documented fields."""

    async def story(client: SocketClient) -> None:
        before = await client.ask("session.status")
        assert list(before["result"]) == SESSION
        assert before["result"]["apiKey"] is before["result"]["authorizedSince"] is None
        logged_on = await log_on(client)
        assert isinstance(logged_on, dict)
        assert logged_on["result"]["apiKey"] == ED_KEY
        now = (await client.ask("time"))["result"]["serverTime"]
        balance = await client.ask("account.status", timestamp=now)
        assert balance["status"] == 200
        untimed = await client.ask("account.status")
        assert "'timestamp'" in untimed["error"]["msg"]
        other = await client.signed("account.status")
        assert other["status"] == 200  # ad hoc, with another key
        after = await client.ask("session.logout")
        assert after["result"]["apiKey"] is None
        refused = await client.ask("account.status", timestamp=now)
        assert "'apiKey'" in refused["error"]["msg"]

    on_a_socket(story, venue=two_keys)


def test_only_ed25519_keys_log_on() -> None:
    """Other keys sign each request, and subscribe by signature."""

    async def story(client: SocketClient) -> None:
        refused = await client.signed("session.logon")
        assert refused["error"] == {"code": -4056, "msg": "HMAC_SHA256 API key is not supported."}
        assert (await client.ask("session.status"))["result"]["apiKey"] is None

    on_a_socket(story)


def test_a_key_that_is_revoked_ends_the_session() -> None:
    """ "Regarding API key revocation": the next request is answered 401 with an id of null."""

    async def story(client: SocketClient) -> None:
        await log_on(client)
        client.venue.keys.remove(ED_KEY)
        await client.send("account.status", {"timestamp": 1})
        got = await client.hear()
        assert (got["id"], got["status"], got["error"]["code"]) == (None, 401, -2015)
        assert (await client.ask("session.status"))["result"]["apiKey"] is None

    on_a_socket(story, venue=two_keys)


def test_a_key_may_do_only_what_it_is_allowed() -> None:
    """A key that reads the account can neither trade nor listen."""

    def reading(exchange: FailingExchange) -> Binance:
        key = Keyring.default().find(DEFAULT_KEY)
        assert key is not None
        allowed = frozenset({Security.USER_DATA})
        reader = Key(name=key.name, account="main", secret=key.secret, permissions=allowed)
        return Binance(exchange, keys=Keyring([reader]))

    async def story(client: SocketClient) -> None:
        assert (await client.signed("account.status"))["status"] == 200
        assert (await client.order())["error"]["code"] == -2015
        subscribed = await client.signed("userDataStream.subscribe.signature")
        assert subscribed["error"]["code"] == -2015

    on_a_socket(story, venue=reading)


def test_a_late_answer_lets_later_ones_pass() -> None:
    """Replies are told apart by id, and a client that takes them in order is wrong."""

    async def story(client: SocketClient) -> None:
        client.exchange.arm("delay_answer", operations="create_order", seconds=3.0)
        order = client.sign({"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"})
        first = await client.send("order.place", order)
        second = await client.send("ping")
        assert [(await client.hear())["id"] for _ in range(2)] == [second, first]

    on_a_socket(story)


def test_a_lost_answer_is_never_heard_and_the_order_lives() -> None:
    """The line stays open; only the reply does not come."""

    async def story(client: SocketClient) -> None:
        client.exchange.arm("lose_answer", operations="create_order")
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
                 "quantity": "0.1", "price": "40000"}  # fmt: skip
        await client.send("order.place", client.sign(order))
        await asyncio.sleep(60)
        shown = await client.signed("openOrders.status", symbol="BTCUSDT")
        assert len(shown["result"]) == 1
        assert [message["id"] for message in client.heard] == [2]

    on_a_socket(story)


def test_a_broken_connection_ends_the_line_in_the_replys_place() -> None:
    """The order lives, and the client has to find out."""

    async def story(client: SocketClient) -> int:
        client.exchange.arm("break_connection", operations="create_order", executed="before")
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
                 "quantity": "0.1", "price": "40000"}  # fmt: skip
        await client.send("order.place", client.sign(order))
        message = await client.ws.receive()
        assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        return len(await client.exchange.fetch_open_orders("BTC/USDT"))

    assert on_a_socket(story) == 1


def test_a_client_that_leaves_undoes_no_order() -> None:
    """What is under way goes on, and nobody hears of it."""

    async def story(client: SocketClient) -> int:
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
                 "quantity": "0.1", "price": "40000"}  # fmt: skip
        await client.send("order.place", client.sign(order))
        await asyncio.sleep(0.01)
        await client.ws.close()
        await asyncio.sleep(5)
        trip = next(t for t in client.exchange.journal.trips if t.operation == "create_order")
        assert trip.gave_up_at
        return len(await client.exchange.fetch_open_orders("BTC/USDT"))

    assert on_a_socket(story, latency=200) == 1


def test_who_goes_on_after_429_is_banned_and_disconnected() -> None:
    """CHANGELOG, 2023: "will now be disconnected if their IP is banned"; 418 comes before."""
    tight = VenueLimits(weight=Interval(60, 1, MINUTE))

    async def story(client: SocketClient) -> None:
        statuses: list[int] = []
        while not client.ws.closed and len(statuses) < 50:
            await client.send("account.status", client.sign({}))
            message = await client.ws.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            reply = json.loads(message.data)
            statuses.append(reply["status"])
            if reply["status"] in (418, 429):
                data = reply["error"]["data"]
                assert data["retryAfter"] > data["serverTime"]
        assert statuses[:3] == [200, 200, 429]
        assert statuses[-1] == 418
        assert client.ws.close_code == 1008

    on_a_socket(story, venue=lambda exchange: Binance(exchange, limits=tight))


def test_a_venue_that_shuts_down_says_so() -> None:
    """ "Server Shutdown": an event without a subscription, then the end."""

    async def story(client: SocketClient) -> None:
        await client.ask("ping")
        await client.venue.close()
        assert list(await client.hear()) == ["event"]
        assert client.events[0]["e"] == "serverShutdown"
        assert (await client.ws.receive()).type is not aiohttp.WSMsgType.TEXT

    on_a_socket(story)
