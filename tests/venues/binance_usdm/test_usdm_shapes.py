"""Every answer has the venue's names and types."""

from __future__ import annotations

from typing import Any

from failing_exchange.server.api_keys import DEFAULT_KEY
from failing_exchange.venues.binance_usdm.usdm_examples import UsdmExamples
from tests.venues.binance_usdm.usdm_client import Got, UsdmClient, on_usdm
from tests.venues.binance_usdm.usdm_shapes import check_shape

SYMBOL = {"symbol": "BTCUSDT"}
ORDER = SYMBOL | {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1",
                  "price": "48000"}  # fmt: skip
ALGO = SYMBOL | {"algoType": "CONDITIONAL", "side": "SELL", "type": "STOP_MARKET",
                 "quantity": "0.1", "triggerPrice": "45000"}  # fmt: skip
CHANGE = SYMBOL | {"side": "BUY", "quantity": "0.2", "price": "48000", "modifyId": 5}
MINE = SYMBOL | {"origClientOrderId": "mine"}
# In this order: what is asked later finds what was done before.
ASKED: list[tuple[str, dict[str, Any]]] = [
    ("POST v1/multiAssetsMargin", {"multiAssetsMargin": "true"}),
    ("POST v1/multiAssetsMargin", {"multiAssetsMargin": "false"}),
    ("POST v1/feeBurn", {"feeBurn": "false"}),
    ("POST v1/marginType", SYMBOL | {"marginType": "ISOLATED"}),
    ("POST v1/leverage", SYMBOL | {"leverage": 10}),
    ("POST v1/positionSide/dual", {"dualSidePosition": "true"}),
    ("POST v1/positionSide/dual", {"dualSidePosition": "false"}),
    ("POST v1/order/test", ORDER),
    ("POST v1/order", ORDER | {"newClientOrderId": "taker", "price": "50000"}),
    ("POST v1/positionMargin", SYMBOL | {"amount": "10.5", "type": 1}),
    ("GET v1/positionMargin/history", SYMBOL),
    ("GET v1/apiTradingStatus", {}),
    ("POST v1/order", ORDER | {"newClientOrderId": "mine"}),
    ("PUT v1/order", MINE | CHANGE),
    ("GET v1/orderAmendment", MINE),
    ("GET v1/order", MINE),
    ("GET v1/openOrder", MINE),
    ("GET v1/openOrders", {}),
    ("GET v1/allOrders", SYMBOL),
    ("GET v1/userTrades", SYMBOL),
    ("POST v1/algoOrder", ALGO | {"clientAlgoId": "stop"}),
    ("GET v1/openAlgoOrders", {}),
    ("GET v1/allAlgoOrders", SYMBOL),
    ("DELETE v1/algoOrder", {"clientAlgoId": "stop"}),
    ("DELETE v1/algoOpenOrders", SYMBOL),
    ("POST v1/countdownCancelAll", SYMBOL | {"countdownTime": 5_000}),
    *((f"GET {path}", {}) for path in (
        "v2/account", "v3/account", "v2/balance", "v3/balance", "v2/positionRisk",
        "v3/positionRisk", "v1/symbolConfig", "v1/accountConfig", "v1/positionSide/dual",
        "v1/multiAssetsMargin", "v1/feeBurn", "v1/income",
        "v1/adlQuantile", "v1/rateLimit/order", "v1/leverageBracket",
    )),
    ("GET v1/commissionRate", SYMBOL),
    ("DELETE v1/order", MINE),
    ("DELETE v1/allOpenOrders", SYMBOL),
]  # fmt: skip
PUBLIC: list[tuple[str, dict[str, Any]]] = [
    ("GET v1/ping", {}), ("GET v1/time", {}), ("GET v1/exchangeInfo", {}),
    ("GET v1/depth", SYMBOL), ("GET v1/rpiDepth", SYMBOL), ("GET v1/trades", SYMBOL),
    ("GET v1/aggTrades", SYMBOL),
    ("GET v1/ticker/24hr", {}), ("GET v1/ticker/price", {}), ("GET v2/ticker/price", {}),
    ("GET v1/ticker/bookTicker", {}), ("GET v1/premiumIndex", {}), ("GET v1/fundingInfo", {}),
    ("GET v1/fundingRate", SYMBOL), ("GET v1/openInterest", SYMBOL),
    ("GET v1/assetIndex", {}), ("GET v1/insuranceBalance", {}), ("GET v1/symbolAdlRisk", {}),
    ("GET v1/constituents", SYMBOL),
]  # fmt: skip
# Shapes that other tests hold: rows of candles, lists of answers, liquidations.
ELSEWHERE = {
    "GET v1/klines", "GET v1/continuousKlines", "GET v1/indexPriceKlines",
    "GET v1/markPriceKlines", "GET v1/premiumIndexKlines", "POST v1/batchOrders",
    "PUT v1/batchOrders", "DELETE v1/batchOrders", "GET v1/algoOrder", "GET v1/forceOrders",
    "GET v1/historicalTrades",
}  # fmt: skip


def test_every_answer_has_the_shape_of_the_venues() -> None:
    """A client reads by name and type: one that is missing or other breaks it."""

    async def story(client: UsdmClient) -> None:
        for asks, requests in ((client.signed, ASKED), (client.public, PUBLIC)):
            for name, params in requests:
                method, path = name.split(" ")
                got: Got = await asks(method, path, **params)
                assert got.status == 200, (name, got)
                check_shape(name, got.body)

    on_usdm(story)
    names = UsdmExamples().endpoints
    ours = {name.replace("/fapi/", "") for name in names if "/fapi/" in name}
    assert ours == {name for name, _ in ASKED + PUBLIC} | ELSEWHERE


def test_one_symbol_is_answered_by_an_object() -> None:
    """And all of them by a list, of tickers and brackets alike."""

    async def story(client: UsdmClient) -> None:
        for path in (
            "v1/ticker/24hr",
            "v1/ticker/price",
            "v1/ticker/bookTicker",
            "v1/premiumIndex",
        ):
            got = await client.public("GET", path, **SYMBOL)
            check_shape(f"GET {path}", [got.body])
        got = await client.signed("GET", "v1/leverageBracket", **SYMBOL)
        check_shape("GET v1/leverageBracket", [got.body])

    on_usdm(story)


def test_candles_are_rows_of_twelve_and_a_key_opens_older_trades() -> None:
    """As in production: texts for prices, whole numbers for times and counts."""

    async def story(client: UsdmClient) -> None:
        await client.market()
        for path, named in (
            ("v1/klines", SYMBOL),
            ("v1/continuousKlines", {"pair": "BTCUSDT", "contractType": "PERPETUAL"}),
        ):
            got = await client.public("GET", path, interval="1m", **named)
            row = got.body[-1]
            assert [type(value).__name__[0] for value in row] == list("isssssisisss")
            assert (row[4], row[5], row[7]) == ("50000.00", "0.100", "5000.00000")
        got = await client.public("GET", "v1/historicalTrades", **SYMBOL)
        assert got.body["code"] == -2014
        key = {"x-mbx-apikey": DEFAULT_KEY}
        got = await client.ask("GET", "v1/historicalTrades", "symbol=BTCUSDT", key)
        check_shape("GET v1/historicalTrades", got.body)

    on_usdm(story)
