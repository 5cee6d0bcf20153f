"""How the venue says no: code, words and HTTP status of every refusal.

Codes and words: errors.md, 2026-07-21. Statuses: rest-api.md, "HTTP Return Codes", same date. Each
row of `CODES` is met in tests/venues/binance/test_codes.py. Of errors.md, this venue never says:

    code                why
    -1016               nothing here is out of service for good; maintenance is -1000, as seen
    -1033, -1035, -1169 to -1190, -1224, -1225      FIX sessions only
    -1103               its REST words never come; an unknown parameter is -1101 or -1104
    -1112               a market order that finds nothing expires, as in production
    -1118, -1119        an empty client order id is an empty parameter: -1105
    -1152, -1153, -1161, -1221                      SBE that is enabled
    -2016               every market has traded
    -2026               an order that is not kept any more is unknown: -2013
"""

from __future__ import annotations

from failing_exchange.core.reject import OrderRule, Reason
from failing_exchange.venues.binance_common.refusals import Refusals

CODES: dict[str, int] = {
    "UNKNOWN": -1000,
    "DISCONNECTED": -1001,
    "UNAUTHORIZED": -1002,
    "TOO_MANY_REQUESTS": -1003,
    "UNEXPECTED_RESP": -1006,
    "TIMEOUT": -1007,
    "SERVER_BUSY": -1008,
    "INVALID_MESSAGE": -1013,
    "UNKNOWN_ORDER_COMPOSITION": -1014,
    "TOO_MANY_ORDERS": -1015,
    "UNSUPPORTED_OPERATION": -1020,
    "INVALID_TIMESTAMP": -1021,
    "INVALID_SIGNATURE": -1022,
    "TOO_MANY_CONNECTIONS": -1034,
    "ILLEGAL_CHARS": -1100,
    "TOO_MANY_PARAMETERS": -1101,
    "MANDATORY_PARAM_EMPTY_OR_MALFORMED": -1102,
    "UNREAD_PARAMETERS": -1104,
    "PARAM_EMPTY": -1105,
    "PARAM_NOT_REQUIRED": -1106,
    "PARAM_OVERFLOW": -1108,
    "BAD_PRECISION": -1111,
    "TIF_NOT_REQUIRED": -1114,
    "INVALID_TIF": -1115,
    "INVALID_ORDER_TYPE": -1116,
    "INVALID_SIDE": -1117,
    "BAD_INTERVAL": -1120,
    "BAD_SYMBOL": -1121,
    "INVALID_SYMBOLSTATUS": -1122,
    "INVALID_LISTEN_KEY": -1125,
    "MORE_THAN_XX_HOURS": -1127,
    "OPTIONAL_PARAMS_BAD_COMBO": -1128,
    "INVALID_PARAMETER": -1130,
    "BAD_STRATEGY_TYPE": -1134,
    "INVALID_JSON": -1135,
    "INVALID_TICKER_TYPE": -1139,
    "INVALID_CANCEL_RESTRICTIONS": -1145,
    "DUPLICATE_SYMBOLS": -1151,
    "SBE_DISABLED": -1155,
    "OCO_ORDER_TYPE_REJECTED": -1158,
    "OCO_ICEBERGQTY_TIMEINFORCE": -1160,
    "BUY_OCO_LIMIT_MUST_BE_BELOW": -1165,
    "SELL_OCO_LIMIT_MUST_BE_ABOVE": -1166,
    "BOTH_OCO_ORDERS_CANNOT_BE_LIMIT": -1168,
    "TOO_MANY_SUBSCRIPTIONS": -1191,
    "INVALID_TIME_UNIT": -1194,
    "BUY_OCO_STOP_LOSS_MUST_BE_ABOVE": -1196,
    "SELL_OCO_STOP_LOSS_MUST_BE_BELOW": -1197,
    "BUY_OCO_TAKE_PROFIT_MUST_BE_BELOW": -1198,
    "SELL_OCO_TAKE_PROFIT_MUST_BE_ABOVE": -1199,
    "INVALID_PEG_PRICE_TYPE": -1210,
    "INVALID_PEG_OFFSET_TYPE": -1211,
    "SYMBOL_DOES_NOT_MATCH_STATUS": -1220,
    "OPO_WORKING_MUST_BE_BUY": -1222,
    "OPO_PENDING_MUST_BE_SELL": -1223,
    "NEW_ORDER_REJECTED": -2010,
    "CANCEL_REJECTED": -2011,
    "NO_SUCH_ORDER": -2013,
    "BAD_API_KEY_FMT": -2014,
    "REJECTED_MBX_KEY": -2015,
    "CANCEL_REPLACE_PARTIALLY_FAILED": -2021,
    "CANCEL_REPLACE_FAILED": -2022,
    "SUBSCRIPTION_ACTIVE": -2035,
    "SUBSCRIPTION_INACTIVE": -2036,
    "ORDER_AMEND_REJECTED": -2038,
    "CLIENT_ORDER_ID_INVALID": -2039,
    "MAXIMUM_SUBSCRIPTION_IDS": -2042,
    "NO_REFERENCE_PRICE": -2043,
    "UNSUPPORTED_KEY": -4056,  # seen in production; not in errors.md
}
# Statuses other than 400. 401: seen with keys that are unknown; the documents name no status.
STATUSES = {
    "UNKNOWN": 500,
    "DISCONNECTED": 500,
    "UNEXPECTED_RESP": 500,
    "TIMEOUT": 408,
    "SERVER_BUSY": 503,
    "TOO_MANY_REQUESTS": 429,
    "TOO_MANY_ORDERS": 429,
    "BAD_API_KEY_FMT": 401,
    "REJECTED_MBX_KEY": 401,
    "UNAUTHORIZED": 401,
    "SBE_DISABLED": 406,  # faqs/sbe_faq.md; a handshake is refused with 400
}


# A refusal that does not come from this dialect: (code, words); empty words: those of the refusal.
REASONS: dict[Reason, tuple[str, str]] = {
    Reason.BAD_REQUEST: ("INVALID_PARAMETER", "Invalid data sent for a parameter."),
    Reason.NOT_SUPPORTED: ("UNSUPPORTED_OPERATION", "This operation is not supported."),
    Reason.UNKNOWN_SYMBOL: ("BAD_SYMBOL", "Invalid symbol."),
    Reason.INVALID_ORDER: ("NEW_ORDER_REJECTED", "Unsupported order combination"),
    Reason.INVALID_PRICE: ("INVALID_MESSAGE", "Filter failure: PRICE_FILTER"),
    Reason.INVALID_AMOUNT: ("INVALID_MESSAGE", "Filter failure: LOT_SIZE"),
    Reason.INVALID_COST: ("INVALID_MESSAGE", "Filter failure: NOTIONAL"),
    Reason.PRICE_BAND: ("INVALID_MESSAGE", "Filter failure: PERCENT_PRICE_BY_SIDE"),
    Reason.WOULD_MATCH: ("NEW_ORDER_REJECTED", "Order would immediately match and take."),
    Reason.WOULD_TRIGGER: ("NEW_ORDER_REJECTED", "Order would trigger immediately."),
    Reason.TOO_MANY_ORDERS: ("INVALID_MESSAGE", "Filter failure: MAX_NUM_ORDERS"),
    Reason.DUPLICATE_CLIENT_ID: ("NEW_ORDER_REJECTED", "Duplicate order sent."),
    Reason.ORDER_NOT_FOUND: ("NO_SUCH_ORDER", "Order does not exist."),
    Reason.INSUFFICIENT_FUNDS: (
        "NEW_ORDER_REJECTED",
        "Account has insufficient balance for requested action.",
    ),
    Reason.MARKET_HALTED: ("INVALID_MESSAGE", "Market is closed."),
    Reason.CANCEL_ONLY: ("INVALID_MESSAGE", "Market is closed."),
    Reason.TRADING_DISABLED: (
        "NEW_ORDER_REJECTED",
        "This account may not place or cancel orders.",
    ),
    Reason.ACCOUNT_FROZEN: ("NEW_ORDER_REJECTED", "This action is disabled on this account."),
    Reason.KEY_REFUSED: (
        "REJECTED_MBX_KEY",
        "Invalid API-key, IP, or permissions for action.",
    ),
    Reason.PERMISSION_DENIED: ("UNAUTHORIZED", "You are not authorized to execute this request."),
    Reason.RESTRICTED_LOCATION: (
        "UNKNOWN",
        "Service unavailable from a restricted location according to 'b. Eligibility' in "
        "https://www.binance.com/en/terms. Please contact customer service if you believe you "
        "received this message in error.",
    ),
    Reason.CLOCK_SKEW: (
        "INVALID_TIMESTAMP",
        "Timestamp for this request is outside of the recvWindow.",
    ),
    Reason.RATE_LIMITED: (
        "TOO_MANY_REQUESTS",
        "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. Please "
        "use WebSocket Streams for live updates to avoid polling the API.",
    ),
    Reason.TOO_MANY_ORDERS_SENT: (
        "TOO_MANY_ORDERS",
        "Too many new orders; current limit is 100 orders per 10 SECOND.",
    ),
    Reason.BANNED: (
        "TOO_MANY_REQUESTS",
        "Way too much request weight used; IP banned until {until}. Please use WebSocket Streams "
        "for live updates to avoid bans.",
    ),
    Reason.MAINTENANCE: ("UNKNOWN", "System is under maintenance."),
    Reason.UNAVAILABLE: (
        "SERVER_BUSY",
        "Server is currently overloaded with other requests. Please try again in a few minutes.",
    ),
    Reason.OUTCOME_UNKNOWN: (
        "TIMEOUT",
        "Timeout waiting for response from backend server. Send status unknown; execution status "
        "unknown.",
    ),
    Reason.CONNECTION_LOST: ("DISCONNECTED", "Internal error; unable to process your request. "
                             "Please try again."),
    Reason.TIMED_OUT: (
        "TIMEOUT",
        "Timeout waiting for response from backend server. Send status unknown; execution status "
        "unknown.",
    ),
    Reason.MALFORMED: (
        "UNEXPECTED_RESP",
        "An unexpected response was received from the message bus. Execution status unknown.",
    ),
    Reason.CLIENT_ID_MISMATCH: (
        "CLIENT_ORDER_ID_INVALID",
        "Client order ID is not correct for this order ID.",
    ),
    Reason.CANCEL_RESTRICTED: (
        "CANCEL_REJECTED",
        "Order was not canceled due to cancel restrictions.",
    ),
}  # fmt: skip
# A broken rule of a market: its filter, or the engine's words (filters.md; errors.md).
RULES: dict[str, tuple[str, str]] = {
    OrderRule.PRICE: ("INVALID_MESSAGE", "Filter failure: PRICE_FILTER"),
    OrderRule.AMOUNT: ("INVALID_MESSAGE", "Filter failure: LOT_SIZE"),
    OrderRule.MARKET_AMOUNT: ("INVALID_MESSAGE", "Filter failure: MARKET_LOT_SIZE"),
    OrderRule.NOTIONAL: ("INVALID_MESSAGE", "Filter failure: NOTIONAL"),
    OrderRule.PRICE_BAND: ("INVALID_MESSAGE", "Filter failure: PERCENT_PRICE_BY_SIDE"),
    OrderRule.ORDERS: ("INVALID_MESSAGE", "Filter failure: MAX_NUM_ORDERS"),
    OrderRule.ALGO_ORDERS: ("INVALID_MESSAGE", "Filter failure: MAX_NUM_ALGO_ORDERS"),
    OrderRule.ICEBERG_ORDERS: ("INVALID_MESSAGE", "Filter failure: MAX_NUM_ICEBERG_ORDERS"),
    OrderRule.ORDER_LISTS: ("INVALID_MESSAGE", "Filter failure: MAX_NUM_ORDER_LISTS"),
    OrderRule.AMENDS: ("ORDER_AMEND_REJECTED", "Filter failure: MAX_NUM_ORDER_AMENDS"),
    OrderRule.POSITION: ("INVALID_MESSAGE", "Filter failure: MAX_POSITION"),
    OrderRule.ICEBERG_PARTS: ("INVALID_MESSAGE", "Filter failure: ICEBERG_PARTS"),
    OrderRule.TRAILING_DELTA: ("INVALID_MESSAGE", "Filter failure: TRAILING_DELTA"),
    OrderRule.PREVENTION: (  # faqs/stp_faq.md
        "INVALID_MESSAGE",
        "This symbol does not allow the specified self-trade prevention mode.",
    ),
    OrderRule.PEG_TYPE: ("NEW_ORDER_REJECTED", "This order type may not use pegged price."),
    OrderRule.PEG_LIQUIDITY: (
        "NEW_ORDER_REJECTED",
        "Order book liquidity is too low for this pegged order.",
    ),
    OrderRule.AMEND_PENDING: (
        "ORDER_AMEND_REJECTED",
        "Order amend (pending OPO order) is not supported.",
    ),
    OrderRule.LIQUIDITY: (
        "NEW_ORDER_REJECTED",
        "Order book liquidity is less than symbol minimum quantity.",
    ),
    OrderRule.LIST_PRICES: (
        "NEW_ORDER_REJECTED",
        "The relationship of the prices for the orders is not correct.",
    ),
    OrderRule.LIST_SHAPE: ("UNKNOWN_ORDER_COMPOSITION", "Unsupported order combination."),
    OrderRule.AMEND_SAME: (
        "ORDER_AMEND_REJECTED",
        "The requested action would change no state; rejecting",
    ),
    OrderRule.AMEND_INCREASE: (
        "ORDER_AMEND_REJECTED",
        "Order amend (quantity increase) is not supported.",
    ),
    OrderRule.ICEBERG_SIZE: ("NEW_ORDER_REJECTED", "IcebergQty exceeds QTY."),
}
REASON_STATUSES = {Reason.BANNED: 418, Reason.RESTRICTED_LOCATION: 451, Reason.MAINTENANCE: 503}
# What the engine says in place of NEW_ORDER_REJECTED where no new order was asked for (errors.md,
# "Messages for -1010 ERROR_MSG_RECEIVED, -2010 NEW_ORDER_REJECTED, ..."; CHANGELOG.md, 2025-04-07)
REJECTIONS = {
    "cancel_order": "CANCEL_REJECTED",
    "cancel_all_orders": "CANCEL_REJECTED",
    "amend_order": "ORDER_AMEND_REJECTED",
}


REFUSALS = Refusals(CODES, STATUSES, REASONS, RULES, REASON_STATUSES, REJECTIONS)
said = REFUSALS.said
