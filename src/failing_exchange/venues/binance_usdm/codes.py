"""How USD-M says no: code, words and HTTP status of every refusal.

Codes and words: "Error Codes" of the USDⓈ-M documents, 2026-09-01. Statuses: "General Info", "HTTP
Return Codes", 2025-03-16; the page of codes names none, and 401 is as on Spot. Where another text
was seen on the wire, it stands here with a note.
"""

from __future__ import annotations

from decimal import Decimal

from failing_exchange.core.order import OrderType
from failing_exchange.core.reject import OrderRule, Reason, Reject
from failing_exchange.venues.binance_common.common_codes import (
    COMMON_CODES,
    COMMON_REASON_STATUSES,
    COMMON_REASONS,
    COMMON_REJECTIONS,
    COMMON_STATUSES,
)
from failing_exchange.venues.binance_common.refusals import Refusals, Said

CODES: dict[str, int] = COMMON_CODES | {
    "THROTTLED": -1008,
    "START_TIME_GREATER_THAN_END_TIME": -1023,
    "PARAM_OVERFLOW": -1130,  # a name of Spot's parser; this page has no code of its own for it
    "INVALID_NEW_ORDER_RESP_TYPE": -1136,
    "API_KEYS_LOCKED": -2017,
    "MARGIN_NOT_SUFFICIENT": -2019,
    "ORDER_WOULD_IMMEDIATELY_TRIGGER": -2021,
    "REDUCE_ONLY_REJECT": -2022,
    "MAX_OPEN_ORDER_EXCEEDED": -2025,
    "MAX_LEVERAGE_RATIO": -2027,
    "MIN_LEVERAGE_RATIO": -2028,
    "PRICE_LESS_THAN_ZERO": -4001,
    "PRICE_GREATER_THAN_MAX_PRICE": -4002,
    "QTY_LESS_THAN_ZERO": -4003,
    "STOP_PRICE_LESS_THAN_ZERO": -4006,
    "STOP_PRICE_GREATER_THAN_MAX_PRICE": -4007,
    "QTY_LESS_THAN_MIN_QTY": -4004,
    "QTY_GREATER_THAN_MAX_QTY": -4005,
    "PRICE_LESS_THAN_MIN_PRICE": -4013,
    "PRICE_NOT_INCREASED_BY_TICK_SIZE": -4014,
    "INVALID_CL_ORD_ID_LEN": -4015,
    "PRICE_HIGHER_THAN_MULTIPLIER_UP": -4016,
    "INVALID_DEPTH_LIMIT": -4021,
    "QTY_NOT_INCREASED_BY_STEP_SIZE": -4023,
    "PRICE_LOWER_THAN_MULTIPLIER_DOWN": -4024,
    "INVALID_LEVERAGE": -4028,
    "INVALID_WORKING_TYPE": -4031,
    "EXCEED_MAX_CANCEL_ORDER_SIZE": -4032,
    "MAX_STOP_ORDER_EXCEEDED": -4045,
    "NO_NEED_TO_CHANGE_MARGIN_TYPE": -4046,
    "THERE_EXISTS_OPEN_ORDERS": -4047,
    "THERE_EXISTS_QUANTITY": -4048,
    "ADD_ISOLATED_MARGIN_REJECT": -4049,
    "CROSS_BALANCE_INSUFFICIENT": -4050,
    "ISOLATED_BALANCE_INSUFFICIENT": -4051,
    "ADD_ISOLATED_MARGIN_NO_POSITION_REJECT": -4054,
    "AMOUNT_MUST_BE_POSITIVE": -4055,
    "NO_NEED_TO_CHANGE_POSITION_SIDE": -4059,
    "INVALID_POSITION_SIDE": -4060,
    "POSITION_SIDE_NOT_MATCH": -4061,
    "REDUCE_ONLY_CONFLICT": -4062,
    "POSITION_SIDE_CHANGE_EXISTS_OPEN_ORDERS": -4067,
    "POSITION_SIDE_CHANGE_EXISTS_QUANTITY": -4068,
    "INVALID_BATCH_PLACE_ORDER_SIZE": -4082,
    "NO_PLACE_ORDER_PERMISSION": -4088,
    "INVALID_CONTRACT_TYPE": -4104,
    "DUPLICATED_CLIENT_ORDER_ID": -4116,
    "REDUCE_ONLY_MARGIN_CHECK_FAILED": -4118,  # seen on the wire; the page does not have it
    "STOP_ORDER_SWITCH_ALGO": -4120,
    "OPEN_CLOSE_POSITION": -4130,  # seen on the test network; the page does not have it
    "MARKET_ORDER_REJECT": -4131,
    "INVALID_ACTIVATION_PRICE": -4135,
    "QUANTITY_EXISTS_WITH_CLOSE_POSITION": -4137,
    "REDUCE_ONLY_MUST_BE_TRUE": -4138,
    "INVALID_OPENING_POSITION_STATUS": -4140,
    "INVALID_PAIR": -4144,
    "ISOLATED_LEVERAGE_REJECT_WITH_POSITION": -4161,
    "MIN_NOTIONAL": -4164,
    "INVALID_TIME_INTERVAL": -4165,
    "ISOLATED_REJECT_WITH_JOINT_MARGIN": -4167,
    "JOINT_MARGIN_REJECT_WITH_ISOLATED": -4168,
    "JOINT_MARGIN_REJECT_WITH_MB": -4169,
    "JOINT_MARGIN_REJECT_WITH_OPEN_ORDER": -4170,
    "NO_NEED_TO_CHANGE_JOINT_MARGIN": -4171,
    "JOINT_MARGIN_REJECT_WITH_NEGATIVE_BALANCE": -4172,
    "GTE_WITHOUT_POSITION": -4509,  # in ccxt's table of 2026; the page does not have it
    "PATH_INVALID": -5000,  # seen on the wire; the page does not have it
    "FOK_ORDER_REJECT": -5021,
    "GTX_ORDER_REJECT": -5022,
    "MOVE_ORDER_NOT_ALLOWED_SYMBOL_REASON": -5024,
    "LIMIT_ORDER_ONLY": -5025,
    "EXCEED_MAXIMUM_MODIFY_ORDER_LIMIT": -5026,
    "SAME_ORDER": -5027,
    "MODIFICATION_MIN_NOTIONAL": -5029,
    "INVALID_PRICE_MATCH": -5037,
    "UNSUPPORTED_ORDER_TYPE_PRICE_MATCH": -5038,
    "INVALID_SELF_TRADE_PREVENTION_MODE": -5039,
    "FUTURE_GOOD_TILL_DATE": -5040,
    "BBO_ORDER_REJECT": -5041,
}
# Statuses other than 400. "Unknown error" and "Internal error" come with 503 (General Info).
STATUSES = COMMON_STATUSES | {
    "UNKNOWN": 503,
    "DISCONNECTED": 503,
    "THROTTLED": 503,
    "PATH_INVALID": 404,
}
# A refusal that does not come from this dialect: (code, words).
REASONS: dict[Reason, tuple[str, str]] = COMMON_REASONS | {
    Reason.INVALID_ORDER: ("UNKNOWN_ORDER_COMPOSITION", "Unsupported order combination."),
    Reason.INVALID_PRICE: (
        "PRICE_NOT_INCREASED_BY_TICK_SIZE", "Price not increased by tick size.",
    ),
    Reason.INVALID_AMOUNT: ("QTY_NOT_INCREASED_BY_STEP_SIZE", "Qty not increased by step size."),
    Reason.INVALID_COST: (
        "MIN_NOTIONAL",
        "Order's notional must be no smaller than 5.0 (unless you choose reduce only)",
    ),
    Reason.PRICE_BAND: (
        "PRICE_HIGHER_THAN_MULTIPLIER_UP", "Price is higher than mark price multiplier cap.",
    ),
    Reason.WOULD_MATCH: (
        "GTX_ORDER_REJECT",
        "Due to the order could not be executed as maker, the Post Only order will be rejected.",
    ),
    Reason.WOULD_TRIGGER: ("ORDER_WOULD_IMMEDIATELY_TRIGGER", "Order would immediately trigger."),
    Reason.TOO_MANY_ORDERS: ("MAX_OPEN_ORDER_EXCEEDED", "Reach max open order limit."),
    Reason.DUPLICATE_CLIENT_ID: ("DUPLICATED_CLIENT_ORDER_ID", "clientOrderId is duplicated"),
    Reason.INSUFFICIENT_FUNDS: ("MARGIN_NOT_SUFFICIENT", "Margin is insufficient."),
    Reason.MARKET_HALTED: (
        "INVALID_OPENING_POSITION_STATUS", "Invalid symbol status for opening position",
    ),
    Reason.CANCEL_ONLY: (
        "INVALID_OPENING_POSITION_STATUS", "Invalid symbol status for opening position",
    ),
    Reason.TRADING_DISABLED: ("NO_PLACE_ORDER_PERMISSION", "User can not place order currently"),
    Reason.ACCOUNT_FROZEN: ("API_KEYS_LOCKED", "API Keys are locked on this account."),
    Reason.RATE_LIMITED: (
        "TOO_MANY_REQUESTS",
        "Too many requests; current limit is 2400 requests per minute. Please use the websocket "
        "for live updates to avoid polling the API.",
    ),
    Reason.TOO_MANY_ORDERS_SENT: (
        "TOO_MANY_ORDERS", "Too many new orders; current limit is 300 orders per 10 SECOND.",
    ),
    Reason.BANNED: (
        "TOO_MANY_REQUESTS",
        "Way too many requests; IP banned until {until}. Please use the websocket for live updates "
        "to avoid bans.",
    ),
    Reason.MAINTENANCE: ("UNKNOWN", "Service Unavailable."),
    Reason.UNAVAILABLE: (
        "THROTTLED",
        "Request throttled by system-level protection. Reduce-only/close-position orders are "
        "exempt. Please try again.",
    ),
    Reason.OUTCOME_UNKNOWN: (
        "UNKNOWN", "Unknown error, please check your request or try again later.",
    ),
    Reason.CLIENT_ID_MISMATCH: ("NO_SUCH_ORDER", "Order does not exist."),
    Reason.CANCEL_RESTRICTED: ("CANCEL_REJECTED", "Unknown order sent."),
    Reason.REDUCE_ONLY: ("REDUCE_ONLY_REJECT", "ReduceOnly Order is rejected."),
    Reason.POSITION_SIDE: (
        "POSITION_SIDE_NOT_MATCH", "Order's position side does not match user's setting.",
    ),
    Reason.POSITION_LIMIT: (
        "MAX_LEVERAGE_RATIO", "Exceeded the maximum allowable position at current leverage.",
    ),
    Reason.LEVERAGE: ("INVALID_LEVERAGE", "Invalid leverage"),
    Reason.MODE_KEPT: (
        "THERE_EXISTS_QUANTITY", "Margin type cannot be changed if there exists position.",
    ),
    Reason.NO_CHANGE: ("NO_NEED_TO_CHANGE_MARGIN_TYPE", "No need to change margin type."),
    Reason.POSITION_NOT_FOUND: (
        "ADD_ISOLATED_MARGIN_NO_POSITION_REJECT", "Cannot add position margin: position is 0.",
    ),
    Reason.CLOSE_EXISTS: (
        "OPEN_CLOSE_POSITION",
        "An open stop or take profit order with GTE and closePosition in the direction is "
        "existing.",
    ),
    Reason.NOT_FILLABLE: (
        "FOK_ORDER_REJECT",
        "Due to the order could not be filled immediately, the FOK order has been rejected.",
    ),
}  # fmt: skip
RULES: dict[str, tuple[str, str]] = {
    OrderRule.ALGO_ORDERS: ("MAX_STOP_ORDER_EXCEEDED", "Reach max stop order limit."),
    OrderRule.CONDITIONAL_ORDERS: ("MAX_STOP_ORDER_EXCEEDED", "Reach max stop order limit."),
    OrderRule.LIMIT_ONLY: ("LIMIT_ORDER_ONLY", "Only limit order is supported."),
    OrderRule.AMENDS: ("EXCEED_MAXIMUM_MODIFY_ORDER_LIMIT", "Exceed maximum modify order limit."),
    OrderRule.PEG_LIQUIDITY: ("BBO_ORDER_REJECT", "No depth matches this BBO order"),
    OrderRule.CLOSE_POSITION: (
        "QUANTITY_EXISTS_WITH_CLOSE_POSITION",
        "Quantity must be zero with closePosition equals true",
    ),
    OrderRule.LIQUIDITY: (
        "MARKET_ORDER_REJECT",
        "The counterparty's best price does not meet the PERCENT_PRICE filter limit",
    ),
}
# The same reason has another code where a setting is changed: (operation, reason) -> code, words.
# For a mode that stays: whether it is for positions, or for open orders.
OF_SETTINGS: dict[tuple[str, Reason], tuple[str, str]] = {
    ("set_leverage", Reason.INSUFFICIENT_FUNDS): (
        "MIN_LEVERAGE_RATIO", "Leverage is smaller than permitted: insufficient margin balance.",
    ),
    ("set_position_mode", Reason.NO_CHANGE): (
        "NO_NEED_TO_CHANGE_POSITION_SIDE", "No need to change position side.",
    ),
    ("set_position_mode", Reason.MODE_KEPT): (
        "POSITION_SIDE_CHANGE_EXISTS_QUANTITY",
        "Position side cannot be changed if there exists position.",
    ),
    ("set_multi_assets_mode", Reason.NO_CHANGE): (
        "NO_NEED_TO_CHANGE_JOINT_MARGIN",
        "Adjusted asset mode is currently set and does not need to be adjusted repeatedly.",
    ),
    # With positions, which have no code of their own: "Unable to adjust" is the nearest.
    ("set_multi_assets_mode", Reason.MODE_KEPT): (
        "JOINT_MARGIN_REJECT_WITH_MB",
        "Unable to adjust Multi-Assets Mode with insufficient margin balance in USDⓈ-M Futures.",
    ),
    ("edit_order", Reason.NO_CHANGE): ("SAME_ORDER", "No need to modify the order."),
    ("edit_order", Reason.MARKET_HALTED): (
        "MOVE_ORDER_NOT_ALLOWED_SYMBOL_REASON",
        "Symbol is not in trading status. Order amendment is not permitted.",
    ),
    ("create_order", Reason.POSITION_NOT_FOUND): (
        "GTE_WITHOUT_POSITION",
        "TIF GTE can only be used with open positions. Please ensure that positions are "
        "available.",
    ),
    ("add_margin", Reason.INSUFFICIENT_FUNDS): (
        "CROSS_BALANCE_INSUFFICIENT", "Cross balance insufficient.",
    ),
    ("reduce_margin", Reason.INSUFFICIENT_FUNDS): (
        "ISOLATED_BALANCE_INSUFFICIENT", "Isolated balance insufficient.",
    ),
}  # fmt: skip
OPEN_ORDERS: dict[str, tuple[str, str]] = {
    "set_margin_mode": (
        "THERE_EXISTS_OPEN_ORDERS", "Margin type cannot be changed if there exists open orders.",
    ),
    "set_position_mode": (
        "POSITION_SIDE_CHANGE_EXISTS_OPEN_ORDERS",
        "Position side cannot be changed if there exists open orders.",
    ),
    "set_multi_assets_mode": (
        "JOINT_MARGIN_REJECT_WITH_OPEN_ORDER",
        "Unable to adjust Multi-Assets Mode with open orders in USDⓈ-M Futures.",
    ),
}  # fmt: skip
ISOLATED = (
    "ISOLATED_REJECT_WITH_JOINT_MARGIN",
    "Unable to adjust to Multi-Assets mode with symbols of USDⓈ-M Futures under isolated-margin "
    "mode.",
)
OWING = (
    "JOINT_MARGIN_REJECT_WITH_NEGATIVE_BALANCE",
    "Unable to adjust Multi-Assets Mode with a negative wallet balance of margin available asset "
    "in USDⓈ-M Futures account.",
)
JOINT = (
    "JOINT_MARGIN_REJECT_WITH_ISOLATED",
    "Unable to adjust to isolated-margin mode under the Multi-Assets mode.",
)


class UsdmRefusals(Refusals):
    """Codes that depend on the values of a refusal: too high or too low, orders or positions."""

    __slots__ = ()

    def said(self, refused: Reject, operation: str) -> Said:
        """Word a refusal by the venue's parser, by the engine or by a fault."""
        found = None if refused.code in self.codes else _by_values(refused, operation)
        if found is None:
            return super().said(refused, operation)
        return Said(400, self.codes[found[0]], found[1], refused.until)


def _by_values(no: Reject, operation: str) -> tuple[str, str] | None:
    """(code, words) of a refusal by what was wrong in particular; None: by its reason alone."""
    values = no.values
    if no.rule == OrderRule.PRICE and "minimum" in values:
        if _number(values["price"]) < _number(values["minimum"]):
            return "PRICE_LESS_THAN_MIN_PRICE", "Price less than min price."
        if values.get("stop") is OrderType.TRAILING_STOP:
            return "INVALID_ACTIVATION_PRICE", "Invalid activation price"
        if "stop" in values:
            return "STOP_PRICE_GREATER_THAN_MAX_PRICE", "Stop price greater than max price."
        return "PRICE_GREATER_THAN_MAX_PRICE", "Price greater than max price."
    if no.rule in (OrderRule.AMOUNT, OrderRule.MARKET_AMOUNT):
        if "maximum" in values:
            return "QTY_GREATER_THAN_MAX_QTY", "Quantity greater than max quantity."
        if "minimum" in values:
            return "QTY_LESS_THAN_MIN_QTY", "Quantity less than min quantity."
    if no.rule == OrderRule.PRICE_BAND and "price" in values:
        return _out_of_band(values)
    if no.rule == OrderRule.NOTIONAL and "minimum" in values:
        if operation == "edit_order":
            text = f"Order's notional must be no smaller than {values['minimum']}"
            return "MODIFICATION_MIN_NOTIONAL", text
        return (
            "MIN_NOTIONAL",
            f"Order's notional must be no smaller than {values['minimum']} (unless you choose "
            "reduce only)",
        )
    if operation == "edit_order" and "asked" in values:  # the page has no code of its own
        return "INVALID_SIDE", "Invalid side."
    if no.reason is Reason.ORDER_NOT_FOUND and "conditional" in values:
        return "NO_SUCH_ORDER", "Order does not exist."  # seen on 2026-09-19, also for a cancel
    if no.reason is Reason.LEVERAGE:
        return _leverage(values)
    if no.reason is Reason.MODE_KEPT:
        if "where" in values:
            return OPEN_ORDERS.get(operation)
        if "isolated" in values or "owed" in values:
            return ISOLATED if "isolated" in values else OWING
        if not values and operation == "set_margin_mode":
            return JOINT
    return OF_SETTINGS.get((operation, no.reason))


def _out_of_band(values: dict[str, object]) -> tuple[str, str]:
    """As seen on the wire, 2021 to 2025: with the bound, where the page has a general sentence."""
    low = values.get("minimum", values.get("low"))
    high = values.get("maximum", values.get("high"))
    if high is None or (low is not None and _number(values["price"]) < _number(low)):
        return "PRICE_LOWER_THAN_MULTIPLIER_DOWN", f"Limit price can't be lower than {low}."
    return "PRICE_HIGHER_THAN_MULTIPLIER_UP", f"Limit price can't be higher than {high}."


def _leverage(values: dict[str, object]) -> tuple[str, str] | None:
    if "present" in values:
        return (
            "ISOLATED_LEVERAGE_REJECT_WITH_POSITION",
            "Leverage reduction is not supported in Isolated Margin Mode with open positions",
        )
    if "allowed" in values:
        return REASONS[Reason.POSITION_LIMIT]
    if "leverage" in values:
        return "INVALID_LEVERAGE", f"Leverage {values['leverage']} is not valid"
    return None


def _number(text: object) -> Decimal:
    """The number in "0.5 BTC", or in "0.5"."""
    return Decimal(str(text).partition(" ")[0])


REFUSALS = UsdmRefusals(CODES, STATUSES, REASONS, RULES, COMMON_REASON_STATUSES, COMMON_REJECTIONS)
said = REFUSALS.said
