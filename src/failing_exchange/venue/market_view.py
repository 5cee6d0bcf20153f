"""A running venue as the clients of one product see it: markets of some kinds, and their news.

What a venue speaks (`venues.base.Venue.speak`) is given such a view, never the exchange itself, so
that one product tells nothing of another on the same exchange.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from failing_exchange.core.commands import CancelAllOrders
from failing_exchange.core.queries import FetchFills, FetchMarkets, FetchOrders, FetchTickers
from failing_exchange.venue.venue import RunningVenue

if TYPE_CHECKING:
    from failing_exchange.core.events import Event
    from failing_exchange.core.market import Market
    from failing_exchange.core.state import MarketState, State

OVER_MARKETS = frozenset({CancelAllOrders, FetchFills, FetchMarkets, FetchOrders, FetchTickers})


class MarketView(RunningVenue):
    """All of a running venue, but for `markets` and `listed`, which are those of some `kinds`.

    It has no state of its own: it shares the attributes of `venue`. `as_of` is the day of the API
    that this product speaks.
    """

    __slots__ = ("_day", "_own", "_state", "kinds")

    def __init__(self, venue: RunningVenue, kinds: tuple[str, ...], as_of: str | None) -> None:
        self.__dict__ = venue.__dict__
        self.kinds = kinds
        self._day = as_of
        self._state: State | None = None
        self._own: dict[str, MarketState] = {}

    @property
    def as_of(self) -> str | None:
        """The day of the API of this product; None: the newest."""
        return self._day

    @property
    def markets(self) -> dict[str, Market]:
        """The markets of its kinds by symbol, as they were listed."""
        return {one.symbol: one for one in self.all_markets.values() if one.kind in self.kinds}

    @property
    def listed(self) -> dict[str, MarketState]:
        """The markets of its kinds by symbol, with the rules now in force."""
        assert self.engine is not None
        state = self.engine.state
        if state is not self._state:
            found = state.of_kinds(self.kinds)
            self._state, self._own = state, {one.market.symbol: one for one in found}
        return self._own

    def restricted(self, command: Any) -> Any:
        """The same command or query; one over all markets means those of its kinds."""
        asked: Any = command
        return asked._replace(kinds=self.kinds) if command.__class__ in OVER_MARKETS else command

    def own(self, events: tuple[Event, ...]) -> tuple[Event, ...]:
        """Those events that are not about markets of other kinds."""
        if len(self.listed) == len(self.all_markets):
            return events
        return tuple(event for event in events if self._is_own(event))

    def _is_own(self, event: Any) -> bool:
        symbol = self._symbol_of(event)
        return not symbol or symbol in self.listed

    def _symbol_of(self, event: Any) -> str:
        """The market that an event is about; empty for one about an account or the venue."""
        symbol: str | None = getattr(event, "symbol", None)
        if symbol is not None:
            return symbol
        fill = getattr(event, "fill", None)
        if fill is not None:
            return str(fill.symbol)
        number = getattr(event, "order_id", 0)
        if not number or self._state is None:
            return ""
        order = self._state.accounts[event.account].find(number)
        return "" if order is None else order.symbol
