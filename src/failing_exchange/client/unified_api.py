"""What all of ccxt's unified calls share: symbols, camelCase names, and what is not supported."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from typing import Any

from failing_exchange.client.call_params import Params, own
from failing_exchange.client.request import LocalClient
from failing_exchange.errors import BadRequestError, NotSupportedError
from failing_exchange.text.number_checks import is_number

Symbol = str | None  # None: every market
Symbols = Sequence[str] | None  # likewise
Since = int | None  # milliseconds since 1970 (UTC)
Limit = int | None  # entries at most


class UnifiedRequests:
    """Sends a unified call: its row in `unified.calls.CALLS` says how."""

    _client: LocalClient
    options: dict[str, Any]

    def _ask(
        self, operation: str, params: Params, symbol: str = "", message: Any = ()
    ) -> Awaitable[Any]:
        """Send a request; its params are refused where the call does not take them."""
        if params:
            own(operation, params)
        return self._client.call(operation, symbol, message)

    def _type(self, kept: Params) -> str:
        """The type of market that a caller means: by its params, else by its options; or ""."""
        return str(kept.get("type") or self.options.get("defaultType") or "")

    def _scope(self, kept: Params) -> tuple[Any, ...]:
        """What the message of a call without a symbol begins with: its type, if one is named."""
        named = self._type(kept)
        return ({"type": named},) if named else ()

    def _page(
        self, operation: str, params: Params, symbol: Symbol, *message: Any
    ) -> Awaitable[Any]:
        """Send a request for a list; the param `until` follows what the message holds."""
        until = own(operation, params).get("until") if params else None
        more = () if until is None else (until,)
        return self._client.call(operation, symbol or "", (*message, *more))


def names_of(symbols: Sequence[str] | str | None) -> tuple[str, ...]:
    """The symbols that a caller names; none = all."""
    if symbols is not None and not isinstance(symbols, Iterable):
        raise BadRequestError(f"symbols must be a list of symbols or None, not {symbols!r}")
    return (symbols,) if isinstance(symbols, str) else tuple(symbols or ())


def is_contract(symbol: object) -> bool:
    """Whether a unified symbol is that of a contract: it names what it settles in."""
    return isinstance(symbol, str) and ":" in symbol


def count_of(name: str, value: Any, default: int) -> int:
    """A number that a caller gives, or what holds without one."""
    if value is None:
        return default
    if not is_number(value) or not 0 <= value < 10**15:
        raise BadRequestError(f"Invalid {name}: {value!r} is not a number of at least 0")
    return int(value) or default


def recent(entries: list[Any], since: Any, limit: Any) -> list[Any]:
    """Entries from `since` (milliseconds) on, the last `limit` of them, as ccxt cuts what came."""
    start = count_of("since", since, 0)
    if start:
        entries = [one for one in entries if not one["timestamp"] or one["timestamp"] >= start]
    return entries[-count_of("limit", limit, len(entries)) :] if limit is not None else entries


NOT_SUPPORTED = (
    "withdraw", "fetch_deposits", "fetch_withdrawals", "fetch_deposit_address",
    "fetch_deposits_withdrawals", "create_deposit_address",
    "fetch_deposit_withdraw_fees", "borrow_cross_margin", "repay_cross_margin",
    "create_order_with_take_profit_and_stop_loss", "fetch_borrow_interest", "fetch_greeks",
    "fetch_option", "fetch_liquidations",
)  # fmt: skip


class Unsupported:
    """ccxt's calls for which this venue has no product."""


def _not_supported(name: str) -> Any:
    async def refuse(self: Unsupported, *args: Any, **kwargs: Any) -> Any:
        raise NotSupportedError(f"{name} is not supported: this venue has no such product")

    refuse.__name__ = name
    refuse.__doc__ = "Not supported here: raises NotSupportedError."
    return refuse


for _name in NOT_SUPPORTED:
    setattr(Unsupported, _name, _not_supported(_name))


# Calls that ccxt.pro also has over a WebSocket, as create_order_ws: here they are the same request.
OVER_WEBSOCKET = (
    "create_order", "create_limit_order", "create_market_order", "edit_order", "cancel_order",
    "cancel_all_orders", "fetch_order", "fetch_orders", "fetch_open_orders", "fetch_closed_orders",
    "fetch_my_trades", "fetch_balance", "fetch_positions", "fetch_ticker", "fetch_order_book",
    "fetch_trades", "fetch_ohlcv",
)  # fmt: skip


ACRONYMS = ("ohlcv", "adl")


def camel(name: str) -> str:
    """ccxt's camelCase name of a call.

    >>> camel("fetch_ohlcv"), camel("create_order")
    ('fetchOHLCV', 'createOrder')
    """
    first, *rest = name.split("_")
    return (
        (first + "".join(part.capitalize() for part in rest))
        .replace("Ohlcv", "OHLCV")
        .replace("Adl", "ADL")
    )


def add_aliases(cls: type) -> None:
    """Let every call of a class be found under its camelCase name too, some with Ws behind it."""
    for name in OVER_WEBSOCKET:
        setattr(cls, f"{name}_ws", getattr(cls, name))
    for name in dir(cls):
        if "_" in name.strip("_") and not name.startswith("_") and callable(getattr(cls, name)):
            setattr(cls, camel(name), getattr(cls, name))
