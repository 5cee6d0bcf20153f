"""Requests that Binance refuses, and in which words: one row for each way to be refused.

errors.md, 2026-07-21.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

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


def opo(code: int, text: str, /, **changes: Any) -> Case:
    """A purchase of 0.1 BTC at 41,000 that pays for a sale at 56,000, with changes."""
    params = {"symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "BUY",
              "workingPrice": "41000", "workingQuantity": "0.1", "workingTimeInForce": "GTC",
              "pendingType": "LIMIT_MAKER", "pendingSide": "SELL",
              "pendingPrice": "56000"} | changes  # fmt: skip
    return signed(code, text, "POST", "orderList/opo", **params)


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
NO_SYMBOL = r"^[\w\-._&&[^a-z]]{1,50}$"
NO_SYMBOLS = r'^\\[("[\\w\\-._&&[^a-z]]{1,50}"(,"[\\w\\-._&&[^a-z]]{1,50}"){0,}){0,1}\\]$'
CASES = [
    # 11xx
    get(-1100, illegal("limit", "^[0-9]{1,20}$"), "depth", **BTC, limit="1.5"),
    get(-1100, illegal("symbol", NO_SYMBOL), "depth", symbol="btcusdt"),
    get(-1100, illegal("symbol", NO_SYMBOL), "klines", symbol="BTC/USDT", interval="1m"),
    get(-1100, illegal("symbols", NO_SYMBOLS), "ticker/price", symbols="BTCUSDT"),
    get(-1100, illegal("symbols", NO_SYMBOLS), "ticker/price", symbols='["BTCUSDT", "ETHUSDT"]'),
    get(-1100, illegal("symbols", NO_SYMBOLS), "exchangeInfo", symbols='["btcusdt"]'),
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
    get(-1105, "Parameter 'symbol' was empty.", "avgPrice", symbol=""),
    get(-1105, "Parameter 'interval' was empty.", "klines", **BTC, interval=""),
    get(-1105, "Parameter 'symbols' was empty.", "ticker/price", symbols="[]"),
    get(-1121, "Invalid symbol.", "depth", symbol="\u8fd9\u662f\u6d4b\u8bd5\u5e01456"),
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
    signed(-1128, COMBO, "GET", "myAllocations", **BTC, fromAllocationId=1, startTime=BEGAN),
    get(-1130, "Data sent for parameter 'permissions' is not valid.", "exchangeInfo",
        permissions="NOTSPOT"),
    get(-1130, "Data sent for parameter 'permissions' is not valid.", "exchangeInfo",
        permissions='["SPOT", "MARGIN"]'),
    get(-1130, "Data sent for parameter 'windowSize' is not valid.", "ticker", **BTC,
        windowSize="8d"),
    order(-1130, "Data sent for parameter 'newOrderRespType' is not valid.",
          newOrderRespType="ALL"),
    order(-1134, "`strategyType` was less than 1000000.", strategyType=999_999),
    get(-1139, "Invalid ticker type.", "ticker/24hr", **BTC, type="TINY"),
    signed(-1145, "Invalid cancelRestrictions",
           "DELETE", "order", **BTC, orderId=1, cancelRestrictions="ANY"),
    get(-1151, "Symbol is present multiple times in the list.", "ticker/price",
        symbols='["BTCUSDT","BTCUSDT"]'),
    get(-1220, "The symbol's status does not match the requested symbolStatus.", "depth", **BTC,
        symbolStatus="HALT"),
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
    opo(-1222, "Working order in an OPO list must be a bid.", workingSide="SELL"),
    opo(-1223, "Pending orders in an OPO list must be asks.", pendingSide="BUY"),
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
    order(-1013, "This symbol does not allow the specified self-trade prevention mode.",
          selfTradePreventionMode="NONE"),
    # 20xx and orders
    order(-1014, "Unsupported order combination.", timeInForce="IOC", icebergQty="0.01"),
    order(-1210, "Invalid pegPriceType.", pegPriceType="BEST"),
    order(-1211, "Invalid pegOffsetType.", pegPriceType="PRIMARY_PEG", pegOffsetType="TICKS"),
    order(-1128, COMBO, pegPriceType="PRIMARY_PEG", pegOffsetType="PRICE_LEVEL"),
    order(-1128, COMBO, pegOffsetType="PRICE_LEVEL", pegOffsetValue=1),
    order(-1130, "Data sent for parameter 'pegOffsetValue' is not valid.",
          pegPriceType="PRIMARY_PEG", pegOffsetType="PRICE_LEVEL", pegOffsetValue=101),
    order(-1014, "Unsupported order combination.", pegPriceType="PRIMARY_PEG", timeInForce="FOK"),
    order(-2010, "This order type may not use pegged price.", type="MARKET", price=None,
          timeInForce=None, pegPriceType="MARKET_PEG"),
    order(-2010, "This price peg cannot be used with this order type.", type="LIMIT_MAKER",
          timeInForce=None, price=None, pegPriceType="MARKET_PEG"),
    order(-2010, "Order book liquidity is too low for this pegged order.", price=None,
          pegPriceType="PRIMARY_PEG", pegOffsetType="PRICE_LEVEL", pegOffsetValue=7),
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
    signed(-2038, "Duplicate order sent.", "PUT", "order/amend/keepPriority", **BTC,
           origClientOrderId="mine", newClientOrderId="filler", newQty="0.05"),
    signed(-2038, "Unknown order sent.", "PUT", "order/amend/keepPriority", **BTC, orderId=4711,
           newQty="0.05"),
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
