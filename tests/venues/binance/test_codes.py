"""Every refusal that the venue can utter: code, status and words as the documents have them.

errors.md, 2026-07-21. What is never said stands in `venues/binance/codes.py`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from failing_exchange import Binance, simulate
from failing_exchange.server.api_keys import DEFAULT_KEY, Keyring
from failing_exchange.venues.binance import codes
from failing_exchange.venues.binance.codes import CODES
from failing_exchange.venues.binance_common import ws_session as socket_session
from tests.venues.binance.client import Client, Got
from tests.venues.binance.refused import BEGAN, CASES, Case
from tests.venues.binance.socket_client import SocketClient, on_a_socket

# errors.md's list of codes
DOCUMENTED = [
    *range(-1003, -999), *range(-1008, -1005), *range(-1016, -1012), *range(-1022, -1019), -1033,
    -1034, -1035, *range(-1106, -1099), -1108, -1111, -1112, *range(-1122, -1113), -1125, -1127,
    -1128, -1130, -1134, -1135, -1139, -1145, -1151, -1152, -1153, -1155, -1158, -1160, -1161,
    -1165, -1166, *range(-1191, -1167), -1194, *range(-1199, -1195), -1210, -1211,
    *range(-1225, -1219), -2010, -2011, *range(-2016, -2012), -2021, -2022, -2026, -2035, -2036,
    -2038, -2039, -2042, -2043,
]  # fmt: skip


async def play(story: Any, **options: Any) -> Any:
    """A venue without a background in which 1 BTC is offered at 50,000 and an order is open."""
    venue = Binance.like_production(
        keys=Keyring.default(), latency=None, background=False, **options
    )
    await venue.listen_in_simulation()
    try:
        async with aiohttp.ClientSession() as session:
            client, bob = Client(session, venue), venue.exchange.client("bob")
            await bob.create_order("BTC/USDT", "limit", "sell", 1, 50_000)
            await client.order(price="50000", quantity="0.1")
            await client.order(newClientOrderId="filler", price="40000")
            await client.order(newClientOrderId="mine")
            return await story(client)
    finally:
        await venue.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code} {case.text[:40]}")
def test_a_request_is_refused_in_the_documents_words(case: Case) -> None:
    """Bots decide by code and status, and some by the words."""

    async def story(client: Client) -> Got:
        if case.signed:
            return await client.signed(case.method, case.path, **case.params)
        return await client.public(case.method, case.path, **case.params)

    got = simulate(play(story))
    assert (got.status, got.body["code"], got.body["msg"]) == (case.status, case.code, case.text)


# what a fault says, whatever is asked: errors.md, "10xx"
FAULTS = {
    "connection_lost": (
        500, -1001, "Internal error; unable to process your request. Please try again.",
    ),
    "permission_denied": (401, -1002, "You are not authorized to execute this request."),
    "malformed": (
        500, -1006,
        "An unexpected response was received from the message bus. Execution status unknown.",
    ),
    "outcome_unknown": (
        408, -1007,
        "Timeout waiting for response from backend server. Send status unknown; execution status "
        "unknown.",
    ),
    "unavailable": (
        503, -1008,
        "Server is currently overloaded with other requests. Please try again in a few minutes.",
    ),
    "maintenance": (503, -1000, "System is under maintenance."),
    "market_halted": (400, -1013, "Market is closed."),
    "trading_disabled": (400, -2010, "This account may not place or cancel orders."),
    "account_frozen": (400, -2010, "This action is disabled on this account."),
    "key_refused": (401, -2015, "Invalid API-key, IP, or permissions for action."),
    "not_supported": (400, -1020, "This operation is not supported."),
    "too_many_orders_sent": (
        429, -1015, "Too many new orders; current limit is 100 orders per 10 SECOND.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("why", FAULTS)
def test_an_armed_refusal_is_said_in_the_documents_words(why: str) -> None:
    """A fault's refusal is that of the venue: nobody can tell it from the real one."""

    async def story(client: Client) -> Got:
        client.venue.exchange.arm("reject_request", operations="create_order", why=why)
        return await client.order()

    got = simulate(play(story))
    assert (got.status, got.body["code"], got.body["msg"]) == FAULTS[why]


@pytest.mark.parametrize(
    ("method", "path", "operation", "code"),
    [
        ("DELETE", "order", "cancel_order", -2011),
        ("DELETE", "openOrders", "cancel_all_orders", -2011),
        ("PUT", "order/amend/keepPriority", "amend_order", -2038),
    ],
)
def test_what_the_engine_refuses_has_the_code_of_the_operation(
    method: str, path: str, operation: str, code: int
) -> None:
    """errors.md, "Messages for -1010, -2010, -2011 and -2038": the words are the same."""

    async def story(client: Client) -> Got:
        client.venue.exchange.arm("reject_request", operations=operation, why="account_frozen")
        named: dict[str, Any] = {"symbol": "BTCUSDT"}
        if path != "openOrders":
            named["origClientOrderId"] = "mine"
        if operation == "amend_order":
            named["newQty"] = "0.05"
        return await client.signed(method, f"/api/v3/{path}", **named)

    got = simulate(play(story))
    words = "This action is disabled on this account."
    assert (got.status, got.body) == (400, {"code": code, "msg": words})


def test_keys_and_signatures_are_refused_in_the_documents_words() -> None:
    """-1022, -2014, -2015, -1101 for a signature that came twice, and -1194."""

    async def story(client: Client) -> None:
        path = "/api/v3/account"
        got = await client.signed("GET", path, signature="00")
        assert got.body == {"code": -1101, "msg": "Duplicate values for a parameter detected."}
        key = "x" * 64
        url = f"{path}?timestamp={BEGAN}&signature=00"
        said = [
            await client.send("GET", url, headers={"X-MBX-APIKEY": name})
            for name in (key, "no key!", DEFAULT_KEY)
        ]
        assert [(one.status, one.body["code"], one.body["msg"]) for one in said] == [
            (401, -2015, "Invalid API-key, IP, or permissions for action."),
            (401, -2014, "API-key format invalid."),
            (400, -1022, "Signature for this request is not valid."),
        ]
        got = await client.send("GET", "/api/v3/time", headers={"X-MBX-TIME-UNIT": "HOUR"})
        words = "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."
        assert (got.status, got.body) == (400, {"code": -1194, "msg": words})

    simulate(play(story))


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def test_limits_are_refused_in_the_documents_words() -> None:
    """-1003 with 429 and then 418, -1015, and -1034 for too many connects."""
    too_much = (
        "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. Please "
        "use WebSocket Streams for live updates to avoid polling the API."
    )

    async def story(client: Client) -> None:
        url = "wss://stream.binance.com:9443/ws"
        for _ in range(300):
            async with client.session.ws_connect(url):
                continue
        async with client.session.get(url.replace("wss", "https"), headers=UPGRADE) as response:
            words = "Too many connection attempts from IP; current limit is 300 per '5 MINUTE'."
            body = await response.json(content_type=None)
            assert (response.status, body) == (429, {"code": -1034, "msg": words})
            assert response.headers["Retry-After"] == "300"  # to the edge of five minutes
        got = await client.public("GET", "/api/v3/time")
        while got.status == 200:
            got = await client.public("GET", "/api/v3/ticker/24hr")
        assert (got.status, got.body) == (429, {"code": -1003, "msg": too_much})
        while got.status == 429:
            got = await client.public("GET", "/api/v3/ticker/24hr")
        assert (got.status, got.body["code"]) == (418, -1003)
        assert re.match(
            r"Way too much request weight used; IP banned until \d{13}\. Please use WebSocket "
            r"Streams for live updates to avoid bans\.\Z",
            got.body["msg"],
        )

    simulate(play(story))


def test_the_websocket_api_refuses_in_the_documents_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """-1020, -1135, and those of subscriptions."""
    monkeypatch.setattr(socket_session, "SUBSCRIPTION_IDS_MAX", 1)

    async def story(client: SocketClient) -> None:
        async def said(method: str, **params: Any) -> tuple[int, str]:
            error = (await client.signed(method, **params))["error"]
            return error["code"], error["msg"]

        got = (await client.ask("dance"))["error"]
        assert got == {"code": -1020, "msg": "This operation is not supported."}
        await client.ws.send_str("{")
        got = (await client.hear())["error"]
        assert got["code"] == -1135
        got = (await client.ask("userDataStream.unsubscribe"))["error"]
        assert got == {"code": -2036, "msg": "User Data Stream subscription not active."}
        await client.subscribe()
        subscribe = "userDataStream.subscribe.signature"
        active = "User Data Stream subscription already active."
        assert await said(subscribe) == (-2035, active)
        await client.ask("userDataStream.unsubscribe")
        most = "Maximum subscription ID reached for this connection."
        assert await said(subscribe) == (-2042, most)
        monkeypatch.setattr(socket_session, "SUBSCRIPTIONS_MAX", 0)
        many = "Too many subscriptions. Connection may create up to '0' subscriptions at a time."
        assert await said(subscribe) == (-1191, many)
        assert (await client.signed("session.logon"))["error"]["code"] == -4056

    on_a_socket(story)


# ---- nothing is forgotten

ELSEWHERE = {
    -1125: "test_listen_keys.py", -2043: "test_references.py", -4056: "not in errors.md",
    -5013: "binance_usdm/test_both_products.py",
}  # fmt: skip


def test_each_code_is_met_or_said_never_to_come() -> None:
    """A code that nothing can produce is dead; one that is documented nowhere, invented."""
    here = {case.code for case in CASES} | {code for _, code, _ in FAULTS.values()}
    source = (codes.__doc__ or "").partition("never says:")[2]
    never = {-int(n) for n in re.findall(r"^ {4}(.*?) {2,}\S", source, re.M) for n in _all(n)}
    text = Path(__file__).read_text(encoding="utf-8")
    for code in CODES.values():
        assert code in here or str(code) in text or code in ELSEWHERE, f"nothing meets {code}"
    assert never.isdisjoint(CODES.values())
    assert set(DOCUMENTED) == (set(CODES.values()) - {-4056, -5013}) | never


def _all(text: str) -> list[str]:
    found: list[str] = []
    for first, last in re.findall(r"-(\d+)(?: to -(\d+))?", text):
        found += map(str, range(int(first), int(last or first) + 1))
    return found
