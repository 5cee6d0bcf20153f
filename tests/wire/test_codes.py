"""Every refusal that the venue can utter: code, status and words as the documents have them.

errors.md, 2026-07-21. What is never said stands in `dialects/binance/codes.py`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from failing_exchange import Binance, simulate
from failing_exchange.dialects.binance import codes
from failing_exchange.dialects.binance.codes import CODES
from failing_exchange.fronts.wire import socket_session
from failing_exchange.fronts.wire.keys import DEFAULT_KEY
from tests.wire.client import Client, Got
from tests.wire.socket_client import SocketClient, on_a_socket

# errors.md's list of codes
DOCUMENTED = [
    *range(-1003, -999), *range(-1008, -1005), *range(-1016, -1012), *range(-1022, -1019), -1033,
    -1034, -1035, *range(-1106, -1099), -1108, -1111, -1112, *range(-1122, -1113), -1125, -1127,
    -1128, -1130, -1134, -1135, -1139, -1145, -1151, -1152, -1153, -1155, -1158, -1160, -1161,
    -1165, -1166, *range(-1191, -1167), -1194, *range(-1199, -1195), -1210, -1211,
    *range(-1225, -1219), -2010, -2011, *range(-2016, -2012), -2021, -2022, -2026, -2035, -2036,
    -2038, -2039, -2042, -2043,
]  # fmt: skip
HOUR = 3_600_000
BEGAN = 1_767_225_600_000  # 2026-01-01 in milliseconds
WINDOW: dict[str, Any] = {"startTime": BEGAN, "endTime": BEGAN + 25 * HOUR}
BTC: dict[str, Any] = {"symbol": "BTCUSDT"}


class Case(NamedTuple):
    """A request, and what it is told."""

    code: int
    text: str
    method: str
    path: str
    params: dict[str, Any]
    status: int = 400
    signed: bool = False


def get(code: int, text: str, path: str, /, **params: Any) -> Case:
    """A public request."""
    return Case(code, text, "GET", f"/api/v3/{path}", params)


def signed(code: int, text: str, method: str, path: str, /, status: int = 400, **p: Any) -> Case:
    """A signed one."""
    return Case(code, text, method, f"/api/v3/{path}", p, status, True)


def order(code: int, text: str, /, **changes: Any) -> Case:
    """A limit buy of 0.1 BTC at 40,000, with changes; None takes a parameter away."""
    params = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
              "quantity": "0.1", "price": "40000"} | changes  # fmt: skip
    sent = {name: value for name, value in params.items() if value is not None}
    return signed(code, text, "POST", "order", **sent)


def market(code: int, text: str, /, **changes: Any) -> Case:
    """A market order."""
    return order(code, text, **({"type": "MARKET", "price": None, "timeInForce": None} | changes))


def oco(code: int, text: str, /, **changes: Any) -> Case:
    """An OCO sale of 0.1 BTC at 60,000 or below 40,000, with changes."""
    params = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.1", "aboveType": "LIMIT_MAKER",
              "abovePrice": "60000", "belowType": "STOP_LOSS",
              "belowStopPrice": "40000"} | changes  # fmt: skip
    sent = {name: value for name, value in params.items() if value is not None}
    return signed(code, text, "POST", "orderList/oco", **sent)


def illegal(name: str, legal: str) -> str:
    """-1100 of a parameter."""
    return f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."


def mandatory(name: str) -> str:
    """-1102 of a parameter."""
    return f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."


STOP = {"type": "STOP_LOSS", "side": "SELL", "price": None, "timeInForce": None}
BELOW_STOP = {"aboveType": "STOP_LOSS", "abovePrice": None, "aboveStopPrice": "60000"}
NOT_BOTH = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
COMBO = "Combination of optional parameters invalid."
UNREAD = "Not all sent parameters were read; read '1' parameter(s) but was sent '2'."
NO_SYMBOLS = '^\\\\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\\\\]$'
CASES = [
    # 11xx
    get(-1100, illegal("limit", "^[0-9]{1,20}$"), "depth", **BTC, limit="1.5"),
    get(-1100, illegal("symbols", NO_SYMBOLS), "ticker/price", symbols="BTCUSDT"),
    order(-1100, illegal("newClientOrderId", "^[a-zA-Z0-9-_]{1,36}$"), newClientOrderId="a b"),
    order(-1100, illegal("price", "^([0-9]{1,20})(\\\\.[0-9]{1,20})?$"), price="1e5"),
    order(-1100, illegal("recvWindow", "^([1-9][0-9]*|0)(\\\\.[0-9]{1,3})?$"), recvWindow="\u00b2"),
    get(-1101, "Too many parameters; expected '0' and received '1'.", "ping", a=1),
    get(-1101, "Too many values sent for parameter 'symbols', maximum allowed up to 100.",
        "ticker", symbols=json.dumps(["BTCUSDT"] * 101)),
    get(-1102, mandatory("symbol"), "depth"),
    order(-1102, mandatory("timeInForce"), timeInForce=None),
    order(-1102, "'recvWindow' contains unexpected value. Cannot be greater than 60000.",
          recvWindow=60_001),
    market(-1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!",
           quantity=None),
    order(-1102, "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!",
          **STOP),
    signed(-1102, NOT_BOTH, "GET", "order", **BTC),
    get(-1104, UNREAD, "depth", **BTC, depth=5),
    get(-1105, "Parameter 'limit' was empty.", "depth", **BTC, limit=""),
    order(-1106, "Parameter 'stopPrice' sent when not required.", stopPrice="39000"),
    market(-1106, "Parameter 'timeInForce' sent when not required.", timeInForce="GTC"),
    order(-1108, "Parameter 'quantity' overflowed.", quantity="99999999999999999999"),
    order(-1111, "Parameter 'price' has too much precision.", price="1.123456789"),
    order(-1114, "TimeInForce parameter sent when not required.", type="LIMIT_MAKER"),
    order(-1115, "Invalid timeInForce.", timeInForce="GTD"),
    order(-1116, "Invalid orderType.", type="ICEBERG"),
    order(-1117, "Invalid side.", side="LONG"),
    get(-1120, "Invalid interval.", "klines", **BTC, interval="7m"),
    get(-1121, "Invalid symbol.", "depth", symbol="NOPE"),
    get(-1122, "Invalid symbolStatus.", "ticker/price", symbolStatus="OPEN"),
    signed(-1127, "More than 24 hours between startTime and endTime.", "GET", "myTrades", **BTC,
           **WINDOW),
    get(-1128, COMBO, "exchangeInfo", **BTC, symbolStatus="TRADING"),
    signed(-1128, COMBO, "GET", "myTrades", **BTC, fromId=1, startTime=BEGAN),
    get(-1130, "Data sent for parameter 'windowSize' is not valid.", "ticker", **BTC,
        windowSize="8d"),
    order(-1130, "Data sent for parameter 'newOrderRespType' is not valid.",
          newOrderRespType="ALL"),
    order(-1134, "`strategyType` was less than 1000000.", strategyType=999_999),
    get(-1139, "Invalid ticker type.", "ticker/24hr", **BTC, type="TINY"),
    signed(-1145, "`cancelRestrictions` has to be either `ONLY_NEW` or `ONLY_PARTIALLY_FILLED`.",
           "DELETE", "order", **BTC, orderId=1, cancelRestrictions="ANY"),
    get(-1151, "Symbol is present multiple times in the list.", "ticker/price",
        symbols='["BTCUSDT","BTCUSDT"]'),
    get(-1220, "The symbol's status does not match the requested symbolStatus.", "depth", **BTC,
        symbolStatus="HALT"),
    get(-2043, "This symbol doesn't have a reference price.", "referencePrice", **BTC),
    # lists
    oco(-1158, "Order type not supported in OCO.", aboveType="LIMIT"),
    oco(-1160, "Parameter 'belowIcebergQty' is not supported if `aboveTimeInForce`/"
        "`belowTimeInForce` is not GTC.", belowType="STOP_LOSS_LIMIT", belowPrice="39000",
        belowTimeInForce="IOC", belowIcebergQty="0.01"),
    oco(-1165, "A limit order in a buy OCO must be below.", side="BUY"),
    oco(-1166, "A limit order in a sell OCO must be above.", aboveType="TAKE_PROFIT",
        abovePrice=None, aboveStopPrice="60000", belowType="LIMIT_MAKER", belowPrice="40000",
        belowStopPrice=None),
    oco(-1168, "At least one OCO order must be contingent.", belowType="LIMIT_MAKER",
        belowPrice="40000", belowStopPrice=None),
    oco(-1196, "A stop loss order in a buy OCO must be above.", side="BUY", **BELOW_STOP),
    oco(-1197, "A stop loss order in a sell OCO must be below.", **BELOW_STOP),
    oco(-1198, "A take profit order in a buy OCO must be below.", side="BUY",
        aboveType="TAKE_PROFIT", abovePrice=None, aboveStopPrice="60000"),
    oco(-1199, "A take profit order in a sell OCO must be above.", belowType="TAKE_PROFIT"),
    oco(-2010, "The relationship of the prices for the orders is not correct.",
        abovePrice="45000"),
    # -1013, the filters
    order(-1013, "Filter failure: PRICE_FILTER", price="40000.001"),
    order(-1013, "Filter failure: LOT_SIZE", quantity="0.000001"),
    order(-1013, "Filter failure: NOTIONAL", quantity="0.00001"),
    order(-1013, "Filter failure: ICEBERG_PARTS", icebergQty="0.0001"),
    order(-1013, "Filter failure: PERCENT_PRICE_BY_SIDE", price="9000"),
    order(-1013, "Filter failure: TRAILING_DELTA", **STOP, trailingDelta=9),
    market(-1013, "Filter failure: MARKET_LOT_SIZE", quantity="101"),
    order(-1013, "This symbol does not allow the STP mode.", selfTradePreventionMode="NONE"),
    # 20xx and orders
    order(-1014, "Unsupported order combination.", timeInForce="IOC", icebergQty="0.01"),
    order(-1210, "Invalid pegPriceType.", pegPriceType="BEST"),
    order(-1211, "Invalid pegOffsetType.", pegPriceType="PRIMARY_PEG", pegOffsetType="TICKS"),
    order(-2010, "Pegged orders are not supported for this symbol.", pegPriceType="MARKET_PEG"),
    order(-2010, "Account has insufficient balance for requested action.", side="SELL",
          quantity="150", price="55000"),
    order(-2010, "Order would immediately match and take.", type="LIMIT_MAKER", timeInForce=None,
          price="50001"),
    order(-2010, "Order would trigger immediately.", **STOP, stopPrice="60000"),
    order(-2010, "IcebergQty exceeds QTY.", icebergQty="0.2"),
    order(-2010, "Duplicate order sent.", newClientOrderId="mine"),
    market(-2010, "Order book liquidity is less than symbol minimum quantity.", symbol="ETHBTC",
           quantity=None, quoteOrderQty="0.1"),
    signed(-2010, "SOR is not supported for this symbol.", "POST", "sor/order", **BTC, side="BUY",
           type="MARKET", quantity="0.1"),
    signed(-2011, "Unknown order sent.", "DELETE", "order", **BTC, orderId=4711),
    signed(-2011, "Unknown order sent.", "DELETE", "openOrders", symbol="ETHBTC"),
    signed(-2011, "Order was not canceled due to cancel restrictions.", "DELETE", "order", **BTC,
           origClientOrderId="mine", cancelRestrictions="ONLY_PARTIALLY_FILLED"),
    signed(-2013, "Order does not exist.", "GET", "order", **BTC, orderId=4711),
    signed(-2039, "Client order ID is not correct for this order ID.", "DELETE", "order", **BTC,
           orderId=4, origClientOrderId="other"),
    signed(-2038, "Order amend (quantity increase) is not supported.", "PUT",
           "order/amend/keepPriority", **BTC, origClientOrderId="mine", newQty="0.2"),
    signed(-2038, "The requested action would change no state; rejecting", "PUT",
           "order/amend/keepPriority", **BTC, origClientOrderId="mine", newQty="0.1"),
    signed(-2022, "Order cancel-replace failed.", "POST", "order/cancelReplace", **BTC,
           side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.1", price="40000",
           cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=4711),
    signed(-2021, "Order cancel-replace partially failed.", "POST", "order/cancelReplace", 409,
           **BTC, side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.1", price="40000",
           cancelReplaceMode="ALLOW_FAILURE", cancelOrderId=4711),
    # who asks
    signed(-1021, "Timestamp for this request is outside of the recvWindow.", "GET", "account",
           timestamp=BEGAN - 5_001),
    signed(-1021, "Timestamp for this request was 1000ms ahead of the server's time.", "GET",
           "account", timestamp=BEGAN + 1_000),
]  # fmt: skip


async def play(story: Any, **options: Any) -> Any:
    """A venue without a background in which 1 BTC is offered at 50,000 and an order is open."""
    venue = Binance.like_production(latency=None, background=False, **options)
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

ELSEWHERE = {-1125: "test_listen_keys.py", -4056: "not in errors.md"}


def test_each_code_is_met_or_said_never_to_come() -> None:
    """A code that nothing can produce is dead; one that is documented nowhere, invented."""
    here = {case.code for case in CASES} | {code for _, code, _ in FAULTS.values()}
    source = (codes.__doc__ or "").partition("never says:")[2]
    never = {-int(n) for n in re.findall(r"^ {4}(.*?) {2,}\S", source, re.M) for n in _all(n)}
    text = Path(__file__).read_text(encoding="utf-8")
    for code in CODES.values():
        assert code in here or str(code) in text or code in ELSEWHERE, f"nothing meets {code}"
    assert never.isdisjoint(CODES.values())
    assert set(DOCUMENTED) == (set(CODES.values()) - {-4056}) | never


def _all(text: str) -> list[str]:
    found: list[str] = []
    for first, last in re.findall(r"-(\d+)(?: to -(\d+))?", text):
        found += map(str, range(int(first), int(last or first) + 1))
    return found
