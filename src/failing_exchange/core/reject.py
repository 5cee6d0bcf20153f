"""How the venue says no: one exception, for decoder, limits, engine and faults alike."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a request is refused or has failed. A dialect maps each to its own code and words."""

    BAD_REQUEST = "bad_request"
    NOT_SUPPORTED = "not_supported"
    UNKNOWN_SYMBOL = "unknown_symbol"
    INVALID_ORDER = "invalid_order"
    INVALID_PRICE = "invalid_price"
    INVALID_AMOUNT = "invalid_amount"
    INVALID_COST = "invalid_cost"
    PRICE_BAND = "price_band"
    WOULD_MATCH = "would_match"
    WOULD_TRIGGER = "would_trigger"
    TOO_MANY_ORDERS = "too_many_orders"
    DUPLICATE_CLIENT_ID = "duplicate_client_id"
    ORDER_NOT_FOUND = "order_not_found"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    MARKET_HALTED = "market_halted"
    CANCEL_ONLY = "cancel_only"
    TRADING_DISABLED = "trading_disabled"
    ACCOUNT_FROZEN = "account_frozen"
    KEY_REFUSED = "key_refused"
    PERMISSION_DENIED = "permission_denied"
    RESTRICTED_LOCATION = "restricted_location"
    CLOCK_SKEW = "clock_skew"
    RATE_LIMITED = "rate_limited"
    TOO_MANY_ORDERS_SENT = "too_many_orders_sent"
    BANNED = "banned"
    MAINTENANCE = "maintenance"
    UNAVAILABLE = "unavailable"
    OUTCOME_UNKNOWN = "outcome_unknown"
    CONNECTION_LOST = "connection_lost"
    TIMED_OUT = "timed_out"
    MALFORMED = "malformed"
    CLIENT_ID_MISMATCH = "client_id_mismatch"
    CANCEL_RESTRICTED = "cancel_restricted"


class Rule(StrEnum):
    """Which rule of a market is broken, where the reason alone does not tell."""

    __hash__ = str.__hash__

    PRICE = "price"
    AMOUNT = "amount"
    MARKET_AMOUNT = "market_amount"
    NOTIONAL = "notional"
    PRICE_BAND = "price_band"
    ORDERS = "orders"
    ALGO_ORDERS = "algo_orders"
    ICEBERG_ORDERS = "iceberg_orders"
    ORDER_LISTS = "order_lists"
    AMENDS = "amends"
    POSITION = "position"
    ICEBERG_PARTS = "iceberg_parts"
    PREVENTION = "prevention"
    TRAILING_DELTA = "trailing_delta"
    LIQUIDITY = "liquidity"  # nothing is offered that a market order by cost could take
    LIST_PRICES = "list_prices"
    LIST_SHAPE = "list_shape"
    AMEND_SAME = "amend_same"
    AMEND_INCREASE = "amend_increase"
    AMEND_PENDING = "amend_pending"  # its amount is not known yet
    PEG_TYPE = "peg_type"
    PEG_LIQUIDITY = "peg_liquidity"
    ICEBERG_SIZE = "iceberg_size"


class Reject(Exception):
    """A refusal; the only exception that crosses the core. Two with the same content are equal.

    `until` is the instant (nanoseconds since the epoch) from which it would pass, if known; `rule`
    names the rule that is broken where the reason does not say it all: a filter, a venue's code.
    """

    def __init__(
        self, reason: Reason, text: str, *, until: int | None = None, rule: str = ""
    ) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text
        self.until = until
        self.rule = rule

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reject) and self.content == other.content

    def __hash__(self) -> int:
        return hash(self.content)

    def __repr__(self) -> str:
        return f"Reject({self.reason.value}: {self.text})"

    @property
    def content(self) -> tuple[Reason, str, int | None, str]:
        """What is compared."""
        return (self.reason, self.text, self.until, self.rule)

    def settled(self) -> Reject:
        """Itself as an answer: it is kept, but not the frames it was raised through."""
        self.__traceback__ = self.__context__ = None
        return self
