"""The codes, statuses and words that all products of Binance share.

Sources: errors.md of Spot, 2026-07-21, and "Error Codes" of USDⓈ-M, 2026-09-01.
"""

from __future__ import annotations

from failing_exchange.core.reject import Reason

COMMON_CODES: dict[str, int] = {
    "UNKNOWN": -1000,
    "DISCONNECTED": -1001,
    "UNAUTHORIZED": -1002,
    "TOO_MANY_REQUESTS": -1003,
    "UNEXPECTED_RESP": -1006,
    "TIMEOUT": -1007,
    "UNKNOWN_ORDER_COMPOSITION": -1014,
    "TOO_MANY_ORDERS": -1015,
    "UNSUPPORTED_OPERATION": -1020,
    "INVALID_TIMESTAMP": -1021,
    "INVALID_SIGNATURE": -1022,
    "ILLEGAL_CHARS": -1100,
    "TOO_MANY_PARAMETERS": -1101,
    "MANDATORY_PARAM_EMPTY_OR_MALFORMED": -1102,
    "UNREAD_PARAMETERS": -1104,
    "PARAM_EMPTY": -1105,
    "PARAM_NOT_REQUIRED": -1106,
    "BAD_PRECISION": -1111,
    "TIF_NOT_REQUIRED": -1114,
    "INVALID_TIF": -1115,
    "INVALID_ORDER_TYPE": -1116,
    "INVALID_SIDE": -1117,
    "BAD_INTERVAL": -1120,
    "BAD_SYMBOL": -1121,
    "INVALID_LISTEN_KEY": -1125,
    "MORE_THAN_XX_HOURS": -1127,
    "OPTIONAL_PARAMS_BAD_COMBO": -1128,
    "INVALID_PARAMETER": -1130,
    "CANCEL_REJECTED": -2011,
    "NO_SUCH_ORDER": -2013,
    "BAD_API_KEY_FMT": -2014,
    "REJECTED_MBX_KEY": -2015,
    "UNSUPPORTED_KEY": -4056,  # seen in production; not in errors.md
}
COMMON_STATUSES: dict[str, int] = {
    "UNEXPECTED_RESP": 500,
    "TIMEOUT": 408,
    "TOO_MANY_REQUESTS": 429,
    "TOO_MANY_ORDERS": 429,
    "BAD_API_KEY_FMT": 401,
    "REJECTED_MBX_KEY": 401,
    "UNAUTHORIZED": 401,
}
COMMON_REASONS: dict[Reason, tuple[str, str]] = {
    Reason.BAD_REQUEST: ("INVALID_PARAMETER", "Invalid data sent for a parameter."),
    Reason.NOT_SUPPORTED: ("UNSUPPORTED_OPERATION", "This operation is not supported."),
    Reason.UNKNOWN_SYMBOL: ("BAD_SYMBOL", "Invalid symbol."),
    Reason.ORDER_NOT_FOUND: ("NO_SUCH_ORDER", "Order does not exist."),
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
    Reason.CONNECTION_LOST: (
        "DISCONNECTED",
        "Internal error; unable to process your request. Please try again.",
    ),
    Reason.TIMED_OUT: (
        "TIMEOUT",
        "Timeout waiting for response from backend server. Send status unknown; execution status "
        "unknown.",
    ),
    Reason.MALFORMED: (
        "UNEXPECTED_RESP",
        "An unexpected response was received from the message bus. Execution status unknown.",
    ),
}
COMMON_REASON_STATUSES = {Reason.BANNED: 418, Reason.RESTRICTED_LOCATION: 451}
COMMON_REJECTIONS = dict.fromkeys(("cancel_order", "cancel_all_orders"), "CANCEL_REJECTED")
