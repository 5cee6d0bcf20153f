"""Refusals: one exception, for parser, limits, engine and faults alike.

The exchange says why (`Reason`, `OrderRule`) and with which values. Each venue has its own words
for that; `SENTENCES` are the project's, for journals, reports and the in-process client.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from string import Formatter
from typing import Any, NamedTuple


class Reason(StrEnum):
    """Why a request is refused or has failed. Each venue maps it to its own code and words."""

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
    REDUCE_ONLY = "reduce_only"
    POSITION_SIDE = "position_side"
    POSITION_LIMIT = "position_limit"
    LEVERAGE = "leverage"
    MODE_KEPT = "mode_kept"
    NO_CHANGE = "no_change"
    POSITION_NOT_FOUND = "position_not_found"
    CLOSE_EXISTS = "close_exists"
    NOT_FILLABLE = "not_fillable"


# What only an order for a contract, or a change of its margin, is refused for.
OF_CONTRACTS = frozenset({
    Reason.REDUCE_ONLY, Reason.POSITION_SIDE, Reason.POSITION_LIMIT, Reason.LEVERAGE,
    Reason.MODE_KEPT, Reason.NO_CHANGE, Reason.POSITION_NOT_FOUND, Reason.CLOSE_EXISTS,
    Reason.NOT_FILLABLE,
})  # fmt: skip


class OrderRule(StrEnum):
    """The rule of a market that is broken, where the reason alone does not tell."""

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
    CONDITIONAL_ORDERS = "conditional_orders"
    LIMIT_ONLY = "limit_only"  # only a limit order can be changed
    EXPIRY = "expiry"
    CLOSE_POSITION = "close_position"  # an order that closes it has an amount, price or trail
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


# A sentence for each reason and the names of the values that are given with it. The first of each
# reason is what a fault says, which knows no more than the symbol.
SENTENCES: dict[Reason, tuple[str, ...]] = {
    Reason.UNKNOWN_SYMBOL: ("Symbol not found: {symbol!r} is not traded here",),
    Reason.KEY_REFUSED: (
        "The API key is unknown, or may not be used from this address",
        "Unknown account: {account!r}",
    ),
    Reason.MARKET_HALTED: (
        "Market closed: {symbol} is halted",
        "Market closed: {delisted} is delisted",
    ),
    Reason.CANCEL_ONLY: ("{symbol} only accepts cancels now",),
    Reason.DUPLICATE_CLIENT_ID: (
        "Duplicate client id: an open order has it",
        "Duplicate client id: an open order has the id {client_id!r}",
        "Duplicate client id: an open order list has the id {list_client_id!r}",
        "Duplicate client id: two orders of the list share one of {client_ids}",
    ),
    Reason.ORDER_NOT_FOUND: (
        "Order not found",
        "Order not found: this account has no order {order!r}",
        "Order not found: this account has no open order {open_order!r}",
        "Order list not found: this account has no list {order_list!r}",
        "Order list not found: this account has no open list {open_order_list!r}",
        "Order {ended} is not open any more",
        "This venue has no order {never}",
        "Order not found: this account has no conditional order {conditional!r}",
    ),
    Reason.CLIENT_ID_MISMATCH: (
        "Client id mismatch: the order with this id has another client id",
        "Client id mismatch: the order with this id has the client id {own!r}, not {given!r}",
    ),
    Reason.CANCEL_RESTRICTED: (
        "Not canceled: the cancel is limited to orders in another state",
        "Not canceled: {filled} are filled, and the cancel is limited to {only} orders",
    ),
    Reason.WOULD_MATCH: (
        "Post-only order refused: it would match immediately",
        "Post-only order refused: at {price} it would match immediately",
    ),
    Reason.WOULD_TRIGGER: (
        "Invalid trigger price: it is met already",
        "Invalid trigger price: {trigger} is met already, the last price is {last}",
    ),
    Reason.TOO_MANY_ORDERS: (
        "Too many open orders on {symbol}",
        "Too many open orders: {count} of {maximum} on {symbol}",
        "Too many open orders of the kind {kind}: {count} of {maximum} on {symbol}",
        "Too many open order lists: {count_of_lists} of {maximum} on {symbol}",
        "Too many conditional orders: {conditionals} of {maximum}",
    ),
    Reason.INSUFFICIENT_FUNDS: (
        "Insufficient funds: the free balance is too small for this order",
        "Insufficient funds: the balance has {free} {asset} free, the order needs {needed}",
    ),
    Reason.INVALID_PRICE: (
        "Invalid price: the price filter of {symbol} refuses it",
        "Invalid price: {price} is not a multiple of {step}",
        "Invalid price: {price} is outside {minimum} to {maximum}",
        "Invalid price: a {kind} order needs a trigger price",
        "Invalid price: the book has no price to peg the order to ({level})",
    ),
    Reason.PRICE_BAND: (
        "Invalid price: outside the band around the last price of {symbol}",
        "Invalid price: {price} is outside the band {minimum} to {maximum} around the last price",
        "Invalid price: {price} is outside {low} to {high} around the average price",
        "Invalid price: {price} is above {maximum}, the most for a buy at this mark price",
        "Invalid price: {price} is below {minimum}, the least for a sell at this mark price",
    ),
    Reason.INVALID_AMOUNT: (
        "Invalid amount: the lot size filter of {symbol} refuses it",
        "Invalid amount: {amount} is not a multiple of {step}",
        "Invalid amount: {amount} is below the minimum {minimum}",
        "Invalid amount: {amount} is above the maximum {maximum}",
        "Invalid amount: a market order of {amount} is below {minimum} or not a multiple of {step}",
        "Invalid amount: the {kind} order has none",
        "Invalid amount: {amount} must be less than the order's {present} and more than is filled",
        "Invalid amount: shown by {shown}, the order has {parts} parts, at most {maximum} are "
        "allowed",
        "Invalid amount: with it the position would be {position}, at most {maximum} are allowed",
    ),
    Reason.INVALID_COST: (
        "Invalid cost: the order is worth less than the minimum of {symbol}",
        "Invalid cost: {cost} is below the minimum {minimum}",
        "Invalid cost: {cost} is above the maximum {maximum}",
        "Invalid cost: {cost} buys less than the minimum amount {amount}",
    ),
    Reason.INVALID_ORDER: (
        "Invalid order: the venue refuses this combination of parameters",
        "Invalid order: a {kind} needs a distance",
        "Invalid order: only a stop loss or a take profit trails by basis points, not a {trails}",
        "Invalid order: only a limit order that stays can be shown in parts, not a {parted}",
        "Invalid order: a {conditional} order does not wait for a price",
        "Invalid order: only a limit order can be changed, not a {changed}",
        "Invalid order: its time was up {late} ns before it is placed",
        "Invalid order: only the price of a limit order can be pegged, not that of a {pegged}",
        "Invalid order: the part to be shown, {shown}, exceeds the amount {amount}",
        "Invalid order: self-trade prevention {mode} is none of {allowed}",
        "Invalid order: it trails by {trail} basis points, allowed are {minimum} to {maximum}",
        "Invalid order: it was amended {count} times already, the most that is allowed",
        "Invalid order: its amount is known once the working order of list {order_list} is filled",
        "Invalid side: order {order} is a {side}, not a {asked}, and its side can't be changed: "
        "cancel it and place another",
        "Invalid order list: {shape}",
        "Invalid order list: the last price {last} is not between {below} and {above}",
    ),
    Reason.REDUCE_ONLY: (
        "Reduce-only order refused: it would not make a position smaller",
        "Reduce-only order refused: a {side} of {amount} would not reduce the position of {held}",
    ),
    Reason.POSITION_SIDE: (
        "Invalid position side: it does not fit the position mode of the account",
        "Invalid position side: the account is in {mode} mode, the order is for {position_side!r}",
    ),
    Reason.POSITION_LIMIT: (
        "Position too large for its leverage",
        "Position too large: {notional} with a leverage of {leverage}, at most {maximum}",
    ),
    Reason.LEVERAGE: (
        "Invalid leverage: the contract does not allow it",
        "Invalid leverage: {leverage} is not a whole number from 1 to {maximum}",
        "Invalid leverage: the position of {notional} allows at most {allowed}, not {leverage}",
        "Invalid leverage: an isolated position can't lower it from {present} to {leverage}",
    ),
    Reason.MODE_KEPT: (
        "The mode stays: there are open orders or positions",
        "The mode stays as it is while there are open orders{where}",
        "The mode stays as it is while there is a position{held_in}",
        "The asset mode stays as it is while {isolated}",
        "The asset mode stays as it is while {owed}",
    ),
    Reason.NO_CHANGE: ("Nothing to change", "Nothing to change: {setting} is {value} already"),
    Reason.POSITION_NOT_FOUND: (
        "Position not found",
        "Position not found: no isolated position in {contract}",
        "Position not found: an order can't end with a position in {ends_with} that is not there",
    ),
    Reason.NOT_FILLABLE: (
        "Fill-or-kill order refused: it can't be filled at once",
        "Fill-or-kill order refused: {amount} can't be filled at once",
    ),
    Reason.CLOSE_EXISTS: (
        "Close-position order refused: there is one already",
        "Close-position order refused: a {side} of its kind waits to close the position already",
    ),
    Reason.BAD_REQUEST: ("Bad request: a mandatory parameter was not sent or is malformed",),
    Reason.NOT_SUPPORTED: ("Not supported: this venue has no such method any more",),
    Reason.TRADING_DISABLED: ("Trading is disabled for this account",),
    Reason.ACCOUNT_FROZEN: ("This account is frozen; please contact customer service",),
    Reason.PERMISSION_DENIED: ("This key may not do that",),
    Reason.RESTRICTED_LOCATION: ("Service unavailable from a restricted location",),
    Reason.CLOCK_SKEW: (
        "The timestamp of the request is outside the window that the venue accepts",
    ),
    Reason.RATE_LIMITED: ("rate limit exceeded",),
    Reason.TOO_MANY_ORDERS_SENT: ("Too many new orders: the rate limit of orders is used up",),
    Reason.BANNED: ("banned: way too many requests from this address",),
    Reason.MAINTENANCE: ("System maintenance",),
    Reason.UNAVAILABLE: ("Service unavailable: the venue is overloaded, try again",),
    Reason.OUTCOME_UNKNOWN: ("Timeout waiting for a response from the backend: status unknown",),
    Reason.CONNECTION_LOST: ("connection lost",),
    Reason.TIMED_OUT: ("request timed out",),
    Reason.MALFORMED: ("the answer can't be read",),
}


def _by_names() -> Iterator[tuple[tuple[Reason, frozenset[str]], str]]:
    for reason, sentences in SENTENCES.items():
        for sentence in sentences:
            names = frozenset(name for _, name, _, _ in Formatter().parse(sentence) if name)
            yield (reason, names), sentence


_SENTENCES = dict(_by_names())
assert len(_SENTENCES) == sum(map(len, SENTENCES.values())), "two sentences for the same values"


def sentence_of(reason: Reason, names: Iterable[str]) -> str | None:
    """The sentence for a reason and the names of its values, None where there is none."""
    return _SENTENCES.get((reason, frozenset(names)))


class Reject(Exception):
    """A refusal; the only exception that crosses the core. Two with the same content are equal.

    `values` are what a sentence about it can contain, as it is to be read. `until` is the instant
    (nanoseconds since the epoch) from which the request would pass, if known. `rule` names the rule
    of a market that is broken, where the reason does not tell. `text` and `code` are for those
    who have words and codes of their own: a venue's parser and limits, the operator's commands.

    >>> Reject(Reason.MARKET_HALTED, symbol="BTC/USDT").text
    'Market closed: BTC/USDT is halted'
    """

    def __init__(
        self,
        reason: Reason,
        text: str = "",
        *,
        until: int | None = None,
        rule: str = "",
        code: str = "",
        **values: object,
    ) -> None:
        super().__init__(reason, text)
        self.reason = reason
        self.until = until
        self.rule = rule
        self.code = code
        self.values = values
        self._text = text

    @property
    def text(self) -> str:
        """The words of the one who refuses, else a plain-English sentence."""
        if self._text:
            return self._text
        sentence = sentence_of(self.reason, self.values) or SENTENCES[self.reason][0]
        return sentence.format(**{"symbol": "this market", **self.values})

    def __str__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reject) and self.content == other.content

    def __hash__(self) -> int:
        return hash(self.content)

    def __repr__(self) -> str:
        return f"Reject({self.reason.value}: {self.text})"

    @property
    def content(self) -> tuple[Reason, str, int | None, str, str]:
        """The fields that equality compares."""
        return (self.reason, self.text, self.until, self.rule, self.code)

    def settled(self) -> Reject:
        """Drop the traceback, so that a kept refusal does not keep frames alive; return self."""
        self.__traceback__ = self.__context__ = None
        return self


class Refusal(NamedTuple):
    """A refusal as a value, for commands to carry; see `Reject`. `of`: the command refused."""

    reason: Reason
    text: str = ""
    code: str = ""
    until: int | None = None
    of: Any = None

    def as_reject(self) -> Reject:
        """The same as an exception."""
        return Reject(self.reason, self.text, until=self.until, code=self.code)
