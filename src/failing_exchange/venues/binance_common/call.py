"""A request as the pass carries it: which endpoint, with which parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from failing_exchange.core.market import ListedMarket, Market
from failing_exchange.core.reject import Reject
from failing_exchange.venues.binance_common.params import Params
from failing_exchange.venues.binance_common.refusals import refuse

SIGNING = ("recvWindow", "timestamp", "signature")  # what is signed may have these, too


class Security(StrEnum):
    """What a key must be allowed (rest-api.md, "Request Security", 2026-07-21)."""

    NONE = "NONE"
    MARKET_DATA = "MARKET_DATA"
    USER_STREAM = "USER_STREAM"
    USER_DATA = "USER_DATA"
    TRADE = "TRADE"


class Meter(Protocol):
    """The venue's limits, and what is used of them."""

    def rows(self) -> list[dict[str, Any]]:
        """The limits, as exchangeInfo lists them."""

    def order_rows(self, account: str, at: int) -> list[dict[str, Any]]:
        """How many unfilled orders of an account count, by interval."""


class Answered(NamedTuple):
    """An answer that is neither a plain success nor a plain refusal: its status and its body.

    `until`: the instant from which it would pass, where a limit is the reason.
    """

    status: int
    body: Any
    until: int | None = None


class Reading(NamedTuple):
    """What reading a request needs: its parameters, and the markets in force."""

    params: Params
    account: str
    markets: Mapping[str, ListedMarket]
    symbols: Mapping[str, str]  # venue's name -> unified symbol
    at: int = 0  # the venue's clock

    def market(self, name: str = "symbol") -> Market:
        """The market that a parameter names; raises `Reject` for an unknown one."""
        symbol = self.symbols.get(self.params.get(name, ""))
        if symbol is None:
            self.params.symbol(name)  # it may be missing, or no name at all
            refuse("BAD_SYMBOL", "Invalid symbol.")
        return self.markets[symbol].market

    def maybe_market(self, name: str = "symbol") -> Market | None:
        """The same for a parameter that may be left out."""
        return self.market(name) if name in self.params else None


class Writing(NamedTuple):
    """What writing an answer needs."""

    params: Params
    command: Any
    markets: Mapping[str, ListedMarket]
    at: int
    micro: bool = False
    meter: Meter | None = None

    def market(self, symbol: str) -> Market:
        """A market by its unified symbol."""
        return self.markets[symbol].market


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Endpoint:
    """A row of the table of endpoints.

    `http` is method and path, `socket` the WebSocket API's name; empty where there is none.
    `weight` counts against the address, `orders` against the account's unfilled orders. `takes`
    names the parameters, `!` marks a mandatory one; without it, none is checked. `example` has
    what a right request says beside the mandatory parameters of `table_examples.USUAL`.

    >>> depth = Endpoint(
    ...     http="GET /depth", operation="fetch_order_book", takes="symbol! limit", read=print,
    ...     write=print,
    ... )
    >>> depth.needed, depth.costly
    (('symbol',), True)
    """

    http: str
    operation: str
    takes: str | None = None
    example: str = ""
    read: Callable[[Reading], Any]
    write: Callable[[Writing, Any], Any]
    socket: str = ""
    security: Security = Security.NONE
    weight: int | Callable[[Params], int] = 1
    orders: int = 0
    key_only: bool = False  # it needs a key, and no signature
    free: bool = False  # a success weighs nothing (CHANGELOG.md, 2026-03-27)
    of_account: bool = False  # of /sapi: its weight counts against the account
    has_own_pool: bool = field(init=False)  # of weight: each endpoint of /sapi (`sapi_pools`)
    names: frozenset[str] = field(init=False)  # of all parameters
    needed: tuple[str, ...] = field(init=False)  # the mandatory ones, in the documents' order
    most: int = field(init=False)  # parameters of a request, where they are checked
    named: str = field(init=False)  # the operation of a request that names a symbol

    def __post_init__(self) -> None:
        words = (self.takes or "").split()
        names = frozenset(word.rstrip("!") for word in words)
        signing = len(SIGNING) if self.signed and not self.key_only else 0
        # one ticker that is asked for by name is not a list
        named = "fetch_ticker" if self.operation == "fetch_tickers" else self.operation
        for name, value in (
            ("names", names),
            ("needed", tuple(word[:-1] for word in words if word.endswith("!"))),
            ("most", len(names) + signing),
            ("named", named),
            ("has_own_pool", " /sapi/" in self.http),
        ):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:  # short: requests that did not succeed are remembered by it
        return self.http or self.socket

    @property
    def signed(self) -> bool:
        """Whether a request must be signed."""
        return self.security is not Security.NONE

    @property
    def costly(self) -> bool:
        """Whether the answer may be long: some of those take tens of milliseconds to make."""
        return "limit" in self.names

    def weighs(self, params: Params) -> int:
        """What a request with these parameters weighs."""
        return self.weight if isinstance(self.weight, int) else self.weight(params)


class Call(NamedTuple):
    """The message of a trip: what the client asked, without its key, signature and times.

    `refused` is why it can't be read, for the pass to say at its place. Each product has a class of
    its own, which knows its words.
    """

    endpoint: Endpoint
    params: Params
    weight: int = 1
    address: str = ""
    micro: bool = False
    refused: Reject | None = None
