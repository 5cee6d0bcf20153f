"""Every refusal that the venue can utter: code, status and words as the documents have them."""

from __future__ import annotations

import asyncio

import pytest

from failing_exchange.core.commands import SetMarketStatus
from failing_exchange.core.market import MarketStatus
from failing_exchange.server.api_keys import DEFAULT_KEY
from failing_exchange.venues.binance_usdm.codes import CODES
from tests.venues.binance_usdm.contracts import BTC, ETH
from tests.venues.binance_usdm.usdm_client import UsdmClient, on_usdm
from tests.venues.binance_usdm.usdm_refused import CASES

# What a fault says, whatever is asked.
FAULTS = {
    "connection_lost": (
        503, -1001, "Internal error; unable to process your request. Please try again.",
    ),
    "permission_denied": (401, -1002, "You are not authorized to execute this request."),
    "malformed": (
        500, -1006,
        "An unexpected response was received from the message bus. Execution status unknown.",
    ),
    "timed_out": (
        408, -1007,
        "Timeout waiting for response from backend server. Send status unknown; execution status "
        "unknown.",
    ),
    "outcome_unknown": (
        503, -1000, "Unknown error, please check your request or try again later.",
    ),
    "unavailable": (
        503, -1008,
        "Request throttled by system-level protection. Reduce-only/close-position orders are "
        "exempt. Please try again.",
    ),
    "maintenance": (503, -1000, "Service Unavailable."),
    "invalid_order": (400, -1014, "Unsupported order combination."),
    "too_many_orders_sent": (
        429, -1015, "Too many new orders; current limit is 300 orders per 10 SECOND.",
    ),
    "not_supported": (400, -1020, "This operation is not supported."),
    "key_refused": (401, -2015, "Invalid API-key, IP, or permissions for action."),
    "account_frozen": (400, -2017, "API Keys are locked on this account."),
    "too_many_orders": (400, -2025, "Reach max open order limit."),
    "trading_disabled": (400, -4088, "User can not place order currently"),
    "market_halted": (400, -4140, "Invalid symbol status for opening position"),
}  # fmt: skip
# Codes that other tests meet: by name.
ELSEWHERE = {
    "TOO_MANY_REQUESTS", "TOO_MANY_ORDERS",  # test_usdm_limits.py
    "INVALID_SIGNATURE", "BAD_API_KEY_FMT", "REJECTED_MBX_KEY",  # below
    "POSITION_SIDE_CHANGE_EXISTS_QUANTITY", "MIN_LEVERAGE_RATIO",  # below
    "MOVE_ORDER_NOT_ALLOWED_SYMBOL_REASON",  # below
    "REDUCE_ONLY_MARGIN_CHECK_FAILED",  # tests/scenarios/test_library.py
    "OPEN_CLOSE_POSITION",  # test_algo_orders.py
    "JOINT_MARGIN_REJECT_WITH_ISOLATED", "JOINT_MARGIN_REJECT_WITH_MB",  # test_usdm_multi_assets.py
    "JOINT_MARGIN_REJECT_WITH_OPEN_ORDER",
    "JOINT_MARGIN_REJECT_WITH_NEGATIVE_BALANCE",  # likewise
}  # fmt: skip
# Codes that no test meets yet, and why.
NOT_MET = {
    "UNREAD_PARAMETERS": "unknown parameters are ignored (binance_common/parameter_checks.py)",
    "PARAM_OVERFLOW": "a name of Spot's parser for -1130",
    "UNSUPPORTED_KEY": "keys of a kind that there is not are refused when the venue is made",
    "TIF_NOT_REQUIRED": "said of no order that this venue takes",
    "INVALID_LISTEN_KEY": "listen keys come with the streams",
    "QTY_LESS_THAN_MIN_QTY": "the least amount is one step in every contract here",
    "QTY_NOT_INCREASED_BY_STEP_SIZE": "likewise: the precision of amounts is the step",
    "MAX_STOP_ORDER_EXCEEDED": "200 conditional orders; held in tests/core",
    "ADD_ISOLATED_MARGIN_REJECT": "the exchange does not tell it from a position that is not there",
    "REDUCE_ONLY_CONFLICT": "-1106 is said instead, as seen",
    "REDUCE_ONLY_MUST_BE_TRUE": "reduceOnly is refused beside closePosition: -1106",
    "MARKET_ORDER_REJECT": "a market order that finds nothing expires",
    "LIMIT_ORDER_ONLY": "no open order is of another type here",
    "EXCEED_MAXIMUM_MODIFY_ORDER_LIMIT": "10,000 changes; held in tests/core",
}
# Names whose number is met under another name, or by a fault as well.
MET_BY_NUMBER = {"PARAM_OVERFLOW", "TOO_MANY_ORDERS", "REJECTED_MBX_KEY"}


async def prepare(client: UsdmClient) -> None:
    """What the cases suppose."""
    await client.market()
    await client.signed("POST", "v1/marginType", symbol="ETHUSDT", marginType="ISOLATED")
    await client.bob.create_order(ETH, "limit", "sell", 30, 4_000)
    await client.market(symbol="ETHUSDT", quantity="25")
    await client.order(newClientOrderId="mine", price="48000")


def test_requests_are_refused_in_the_documents_words() -> None:
    """Bots decide by code and status, and some by the words."""

    async def story(client: UsdmClient) -> None:
        await prepare(client)
        wrong = []
        for case in CASES:
            send = client.signed if case.signed else client.public
            got = await send(case.method, case.path, **case.params)
            told = (got.status, got.body.get("code"), got.body.get("msg"))
            if told != (case.status, case.code, case.text):
                wrong.append(f"{case.code} {case.params}: {told}, not {case.text!r}")
            await asyncio.sleep(1)
        assert not wrong, "\n".join(wrong)

    on_usdm(story, balances={"USDT": 400_000})


@pytest.mark.parametrize("why", FAULTS)
def test_an_armed_refusal_is_said_in_the_documents_words(why: str) -> None:
    """A fault's refusal is that of the venue: nobody can tell it from the real one."""

    async def story(client: UsdmClient) -> tuple[int, int, str]:
        client.exchange.arm("reject_request", operations="create_order", why=why)
        got = await client.order()
        return got.status, got.body["code"], got.body["msg"]

    assert on_usdm(story) == FAULTS[why]


def test_who_asks_must_be_known_and_sign() -> None:
    """Keys and signatures, as on Spot."""

    async def story(client: UsdmClient) -> None:
        for headers, code, status in (
            ({}, -2014, 401), ({"x-mbx-apikey": "no-key!"}, -2014, 401),
            ({"x-mbx-apikey": "unknown"}, -2015, 401),
        ):  # fmt: skip
            got = await client.ask("GET", "v1/openOrders", "timestamp=1&signature=00", headers)
            assert (got.status, got.body["code"]) == (status, code)
        query = f"timestamp={client.now}&signature=00"
        got = await client.ask("GET", "v1/openOrders", query, {"x-mbx-apikey": DEFAULT_KEY})
        assert (got.status, got.body["code"]) == (400, -1022)

    on_usdm(story)


def test_modes_and_leverage_stay_where_something_stands_on_them() -> None:
    """-4068 for positions without orders, -2028 where the margin would not do, -5024 in a halt."""

    async def story(client: UsdmClient) -> None:
        await client.order(newClientOrderId="mine", price="48000")
        await client.exchange.operate(SetMarketStatus(BTC, MarketStatus.HALTED))
        halted = await client.signed(
            "PUT", "v1/order", symbol="BTCUSDT", origClientOrderId="mine", side="BUY",
            quantity="0.2", price="48000",
        )  # fmt: skip
        assert halted.body["code"] == -5024
        await client.exchange.operate(SetMarketStatus(BTC, MarketStatus.TRADING))
        await client.signed("DELETE", "v1/allOpenOrders", symbol="BTCUSDT")
        await client.market(quantity="1")
        dual = await client.signed("POST", "v1/positionSide/dual", dualSidePosition="true")
        assert dual.body["code"] == -4068
        low = await client.signed("POST", "v1/leverage", symbol="BTCUSDT", leverage=1)
        assert low.body["code"] == -2028

    on_usdm(story, balances={"USDT": 10_000})


def test_each_code_of_the_table_is_met_or_says_why_not() -> None:
    """A row that nothing reaches would be believed without ever having been said."""
    met = {case.code for case in CASES} | {code for _, code, _ in FAULTS.values()}
    left = {name for name, code in CODES.items() if code not in met}
    assert left == (ELSEWHERE | NOT_MET.keys()) - MET_BY_NUMBER
