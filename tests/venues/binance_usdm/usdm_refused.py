"""Requests that are refused, and how: code, status and words.

The client holds 0.1 BTC (cross) and 25 ETH (isolated), and has the open order `mine` to buy 0.1 BTC
at 48,000; bob offers BTC at 50,000. "Error Codes" of the USDⓈ-M documents, 2026-09-01.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from failing_exchange.venues.binance_common.params import PARAMETERS_MAX


class UsdmCase(NamedTuple):
    """A request, and what is said of it."""

    code: int
    text: str
    method: str
    path: str
    params: dict[str, Any]
    status: int = 400
    signed: bool = True


BTC = {"symbol": "BTCUSDT"}
ORDER = BTC | {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1",
               "price": "48000"}  # fmt: skip
MANY = {f"p{n}": "1" for n in range(PARAMETERS_MAX + 1)}
MARKET = BTC | {"side": "BUY", "type": "MARKET", "quantity": "0.1"}
ALGO = BTC | {"algoType": "CONDITIONAL", "side": "SELL", "type": "STOP_MARKET", "quantity": "0.1",
              "triggerPrice": "45000"}  # fmt: skip


def placed(code: int, text: str, **changes: Any) -> UsdmCase:
    """A limit order with changes; None takes a parameter away."""
    sent = {name: value for name, value in (ORDER | changes).items() if value is not None}
    return UsdmCase(code, text, "POST", "v1/order", sent)


def conditional(code: int, text: str, **changes: Any) -> UsdmCase:
    """A stop with changes."""
    sent = {name: value for name, value in (ALGO | changes).items() if value is not None}
    return UsdmCase(code, text, "POST", "v1/algoOrder", sent)


def asked(code: int, text: str, path: str, **params: Any) -> UsdmCase:
    """A query."""
    return UsdmCase(code, text, "GET", path, params)


def data(code: int, text: str, path: str, **params: Any) -> UsdmCase:
    """A query that nobody signs."""
    return UsdmCase(code, text, "GET", path, params, signed=False)


def changed(code: int, text: str, path: str, **params: Any) -> UsdmCase:
    """A setting."""
    return UsdmCase(code, text, "POST", path, params)


def amended(code: int, text: str, **changes: Any) -> UsdmCase:
    """A change of the open order."""
    sent = BTC | {"origClientOrderId": "mine", "side": "BUY", "quantity": "0.1", "price": "48000"}
    return UsdmCase(code, text, "PUT", "v1/order", sent | changes)


MALFORMED = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
UNWANTED = "Parameter '{}' sent when not required."
NOT_VALID = "Data sent for parameter '{}' is not valid."
NONE_OF_BOTH = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
CASES = [
    UsdmCase(
        -1021, "Timestamp for this request is outside of the recvWindow.", "GET", "v1/openOrders",
        {"timestamp": 1_600_000_000_000},
    ),
    UsdmCase(
        -1021, "Timestamp for this request was 1000ms ahead of the server's time.", "GET",
        "v1/openOrders", {"timestamp": 9_600_000_000_000},
    ),
    data(-1023, "Start time is greater than end time.", "v1/klines", **BTC, interval="1m",
         startTime=2, endTime=1),
    placed(
        -1100,
        "Illegal characters found in parameter 'price'; legal range is "
        "'^([0-9]{1,20})(\\\\.[0-9]{1,20})?$'.",
        price="abc",
    ),
    data(-1101, "Too many parameters sent for this endpoint.", "v1/time", **MANY),
    placed(-1102, MALFORMED.format("price"), price=None),
    asked(-1102, NONE_OF_BOTH, "v1/order", **BTC),
    data(-1105, "Parameter 'limit' was empty.", "v1/depth", **BTC, limit=""),
    UsdmCase(-1106, UNWANTED.format("timeInForce"), "POST", "v1/order",
             MARKET | {"timeInForce": "GTC"}),
    placed(-1111, "Precision is over the maximum defined for this asset.", price="48000.123"),
    placed(-1111, "Precision is over the maximum defined for this asset.", quantity="0.1234"),
    placed(-1115, "Invalid timeInForce.", timeInForce="DAY"),
    placed(-1116, "Invalid orderType.", type="LIMIT_MAKER"),
    placed(-1117, "Invalid side.", side="HOLD"),
    data(-1120, "Invalid interval.", "v1/klines", **BTC, interval="1s"),
    data(-1121, "Invalid symbol.", "v1/depth", symbol="BTCUSD"),
    data(-1127, "More than 1 hours between startTime and endTime.", "v1/aggTrades", **BTC,
         startTime=1, endTime=3_600_002),
    asked(-1128, "Combination of optional parameters invalid.", "v1/userTrades", **BTC, fromId=1,
          startTime=1),
    data(-1130, NOT_VALID.format("limit"), "v1/klines", **BTC, interval="1m", limit=1_501),
    placed(-1136, "Invalid newOrderRespType.", newOrderRespType="FULL"),
    UsdmCase(-2011, "Unknown order sent.", "DELETE", "v1/order", BTC | {"orderId": 77}),
    asked(-2013, "Order does not exist.", "v1/order", **BTC, orderId=77),
    placed(-2019, "Margin is insufficient.", quantity="180"),
    conditional(-2021, "Order would immediately trigger.", triggerPrice="51000"),
    UsdmCase(-2022, "ReduceOnly Order is rejected.", "POST", "v1/order",
             MARKET | {"reduceOnly": "true"}),
    placed(-2027, "Exceeded the maximum allowable position at current leverage.", quantity="250"),
    changed(-2027, "Exceeded the maximum allowable position at current leverage.", "v1/leverage",
            symbol="ETHUSDT", leverage=125),
    placed(-4001, "Price less than 0.", price="-1"),
    placed(-4002, "Price greater than max price.", price="9000000", side="SELL"),
    placed(-4003, "Quantity less than zero.", quantity="0"),
    conditional(-4006, "Stop price less than zero.", triggerPrice="-1"),
    conditional(-4007, "Stop price greater than max price.", triggerPrice="9000000"),
    conditional(-4014, "Price not increased by tick size.", triggerPrice="45000.05"),
    conditional(-4135, "Invalid activation price", type="TRAILING_STOP_MARKET", triggerPrice=None,
                callbackRate="1", activatePrice="9000000"),
    placed(-4005, "Quantity greater than max quantity.", quantity="1001"),
    placed(-4013, "Price less than min price.", price="100"),
    placed(-4014, "Price not increased by tick size.", price="48000.05"),
    placed(-4015, "Client order id length should be less than 36 chars",
           newClientOrderId="x" * 37),
    placed(-4016, "Limit price can't be higher than 52500.", price="53000"),
    data(-4021, "77 is not valid depth limit.", "v1/depth", **BTC, limit=77),
    data(-4021, "500 is not valid depth limit.", "v1/rpiDepth", **BTC, limit=500),
    placed(-4024, "Limit price can't be lower than 47500.", price="47000", side="SELL"),
    changed(-4028, "Leverage 126 is not valid", "v1/leverage", **BTC, leverage=126),
    conditional(-4031, "Invalid parameter working type", workingType="LAST"),
    UsdmCase(-4032, "Exceed maximum cancel order size.", "DELETE", "v1/batchOrders",
             BTC | {"orderIdList": "[1,2,3,4,5,6,7,8,9,10,11]"}),
    changed(-4046, "No need to change margin type.", "v1/marginType", **BTC, marginType="CROSSED"),
    changed(-4047, "Margin type cannot be changed if there exists open orders.", "v1/marginType",
            **BTC, marginType="ISOLATED"),
    changed(-4048, "Margin type cannot be changed if there exists position.", "v1/marginType",
            symbol="ETHUSDT", marginType="CROSSED"),
    changed(-4050, "Cross balance insufficient.", "v1/positionMargin", symbol="ETHUSDT",
            amount="20000000", type=1),
    changed(-4051, "Isolated balance insufficient.", "v1/positionMargin", symbol="ETHUSDT",
            amount="20000000", type=2),
    changed(-4054, "Cannot add position margin: position is 0.", "v1/positionMargin",
            symbol="ETHUSDT", amount="1", type=1, positionSide="LONG"),
    changed(-4055, "Amount must be positive.", "v1/positionMargin", symbol="ETHUSDT", amount="0",
            type=1),
    changed(-4059, "No need to change position side.", "v1/positionSide/dual",
            dualSidePosition="false"),
    placed(-4060, "Invalid position side.", positionSide="UP"),
    placed(-4061, "Order's position side does not match user's setting.", positionSide="LONG"),
    changed(-4067, "Position side cannot be changed if there exists open orders.",
            "v1/positionSide/dual", dualSidePosition="true"),
    UsdmCase(-4082, "Invalid number of batch place orders: 0", "POST", "v1/batchOrders",
             {"batchOrders": "[]"}),
    data(-4104, "Invalid contract type", "v1/continuousKlines", pair="BTCUSDT", contractType="X",
         interval="1m"),
    placed(-4116, "clientOrderId is duplicated", newClientOrderId="mine"),
    placed(
        -4120,
        "Order type not supported for this endpoint. Please use the Algo Order API endpoints "
        "instead.",
        type="STOP_MARKET",
    ),
    conditional(-4137, "Quantity must be zero with closePosition equals true",
                closePosition="true"),
    data(-4144, "Invalid pair", "v1/continuousKlines", pair="BTCUSD", contractType="PERPETUAL",
         interval="1m"),
    changed(
        -4161, "Leverage reduction is not supported in Isolated Margin Mode with open positions",
        "v1/leverage", symbol="ETHUSDT", leverage=5,
    ),
    placed(-4164, "Order's notional must be no smaller than 50 (unless you choose reduce only)",
           quantity="0.001"),
    asked(-4165, "Maximum time interval is 7 days.", "v1/allOrders", **BTC, startTime=1,
          endTime=700_000_000),
    changed(-4167, "Unable to adjust to Multi-Assets mode with symbols of USDⓈ-M Futures under "
            "isolated-margin mode.", "v1/multiAssetsMargin", multiAssetsMargin="true"),
    changed(-4171, "Adjusted asset mode is currently set and does not need to be adjusted "
            "repeatedly.", "v1/multiAssetsMargin", multiAssetsMargin="false"),
    conditional(
        -4509,
        "TIF GTE can only be used with open positions. Please ensure that positions are available.",
        timeInForce="GTE_GTC", side="BUY", symbol="ETHUSDT", triggerPrice="4100",
    ),
    data(-5000, "Path /fapi/v1/nothing, Method GET is invalid", "v1/nothing")._replace(status=404),
    placed(
        -5021, "Due to the order could not be filled immediately, the FOK order has been rejected.",
        timeInForce="FOK",
    ),
    placed(
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected.",
        timeInForce="GTX", price="50000",
    ),
    amended(-5027, "No need to modify the order."),
    amended(-5029, "Order's notional must be no smaller than 50", quantity="0.001"),
    placed(-5037, "Invalid price match", price=None, priceMatch="BEST"),
    UsdmCase(-5038, "Price match only supports order type: LIMIT, STOP AND TAKE_PROFIT", "POST",
             "v1/order", MARKET | {"priceMatch": "QUEUE"}),
    placed(-5039, "Invalid self trade prevention mode", selfTradePreventionMode="DECREMENT"),
    placed(
        -5040,
        "The goodTillDate timestamp must be greater than the current time plus 600 seconds and "
        "smaller than 253402300799000 (UTC 9999-12-31 23:59:59)",
        timeInForce="GTD", goodTillDate=1,
    ),
    placed(-5041, "No depth matches this BBO order", price=None, priceMatch="QUEUE_20"),
]  # fmt: skip
