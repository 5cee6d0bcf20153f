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
from failing_exchange.venues.binance_common.common_codes import (
    COMMON_CODES,
    COMMON_REASON_STATUSES,
    COMMON_REASONS,
    COMMON_REJECTIONS,
    COMMON_STATUSES,
)
from failing_exchange.venues.binance_common.refusals import Refusals

CODES: dict[str, int] = COMMON_CODES | {
    "SERVER_BUSY": -1008,
    "INVALID_MESSAGE": -1013,
    "TOO_MANY_CONNECTIONS": -1034,
    "PARAM_OVERFLOW": -1108,
    "INVALID_SYMBOLSTATUS": -1122,
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
    "CANCEL_REPLACE_PARTIALLY_FAILED": -2021,
    "CANCEL_REPLACE_FAILED": -2022,
    "SUBSCRIPTION_ACTIVE": -2035,
    "SUBSCRIPTION_INACTIVE": -2036,
    "ORDER_AMEND_REJECTED": -2038,
    "CLIENT_ORDER_ID_INVALID": -2039,
    "MAXIMUM_SUBSCRIPTION_IDS": -2042,
    "NO_REFERENCE_PRICE": -2043,
    "TRANSFER_FAILED": -5013,  # of /sapi, not in errors.md; as ccxt knows it
}
# Statuses other than 400. 401: seen with keys that are unknown; the documents name no status.
STATUSES = COMMON_STATUSES | {
    "UNKNOWN": 500,
    "DISCONNECTED": 500,
    "SERVER_BUSY": 503,
    "SBE_DISABLED": 406,  # faqs/sbe_faq.md; a handshake is refused with 400
}


# A refusal that does not come from this dialect: (code, words); empty words: those of the refusal.
REASONS: dict[Reason, tuple[str, str]] = COMMON_REASONS | {
    Reason.INVALID_ORDER: ("NEW_ORDER_REJECTED", "Unsupported order combination"),
    Reason.INVALID_PRICE: ("INVALID_MESSAGE", "Filter failure: PRICE_FILTER"),
    Reason.INVALID_AMOUNT: ("INVALID_MESSAGE", "Filter failure: LOT_SIZE"),
    Reason.INVALID_COST: ("INVALID_MESSAGE", "Filter failure: NOTIONAL"),
    Reason.PRICE_BAND: ("INVALID_MESSAGE", "Filter failure: PERCENT_PRICE_BY_SIDE"),
    Reason.WOULD_MATCH: ("NEW_ORDER_REJECTED", "Order would immediately match and take."),
    Reason.WOULD_TRIGGER: ("NEW_ORDER_REJECTED", "Order would trigger immediately."),
    Reason.TOO_MANY_ORDERS: ("INVALID_MESSAGE", "Filter failure: MAX_NUM_ORDERS"),
    Reason.DUPLICATE_CLIENT_ID: ("NEW_ORDER_REJECTED", "Duplicate order sent."),
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
    Reason.OUTCOME_UNKNOWN: COMMON_REASONS[Reason.TIMED_OUT],
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
REASON_STATUSES = COMMON_REASON_STATUSES | {Reason.MAINTENANCE: 503}
# What the engine says in place of NEW_ORDER_REJECTED where no new order was asked for (errors.md,
# "Messages for -1010 ERROR_MSG_RECEIVED, -2010 NEW_ORDER_REJECTED, ..."; CHANGELOG.md, 2025-04-07)
REJECTIONS = COMMON_REJECTIONS | {
    "amend_order": "ORDER_AMEND_REJECTED",
}


REFUSALS = Refusals(CODES, STATUSES, REASONS, RULES, REASON_STATUSES, REJECTIONS)
said = REFUSALS.said
