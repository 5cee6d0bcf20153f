"""What a bot means to have: declared by it, by the scenario, or read from its client order ids."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from failing_exchange.core.commands import PlaceOrder
from failing_exchange.core.events import OrderAccepted
from failing_exchange.core.market import Market
from failing_exchange.core.order import Order, Side
from failing_exchange.errors import ConfigurationError

INTENTS_KEPT_MAX = 10_000  # the oldest are forgotten: their orders have long ended
KEYS = ("symbol", "side", "amount", "orders", "client_ids", "covered_within")


class Intent:
    """One thing that a bot wants: so much of a market, once. `lots` None: as the first order says.

    `covered_within`: in how many seconds the position is to have its stop; None = it needs none.
    """

    def __init__(
        self,
        number: int,
        symbol: str,
        side: Side | None,
        *,
        lots: int | None = None,
        began_at: int = 0,
        name: str = "",
        covered_within: float | None = None,
    ) -> None:
        self.number = number
        self.symbol = symbol
        self.side = side
        self.lots = lots
        self.began_at = began_at
        self.ended_at = 0
        self.name = name or f"intent {number}"
        self.covered_within = covered_within

    def fits(self, order: PlaceOrder | Order, at: int) -> bool:
        """Whether an order sent at an instant may be for it."""
        if at < self.began_at or (self.side is not None and order.side is not self.side):
            return False
        return not self.symbol or order.symbol == self.symbol


class Intents:
    """All that one client means to have. `source` says how it is known; empty: it is not."""

    def __init__(self, markets: Mapping[str, Any]) -> None:
        self.source = ""
        self._markets = markets
        self._by_number: dict[int, Intent] = {}
        self._by_name: dict[str, Intent] = {}
        self._of_trip: dict[int, Intent] = {}
        self._of_order: dict[int, Intent] = {}
        self._pattern: re.Pattern[str] | None = None
        self._named_cover: float | None = None  # of the intents that client ids name
        self._last = 0

    def declare(
        self,
        symbol: str,
        side: str,
        amount: float,
        at: int,
        *,
        covered_within: float | None = None,
        source: str = "declared",
    ) -> Intent:
        """The bot, or its scenario, says that it wants so much (in units of the base asset)."""
        market = self._market(symbol)
        lots = round(amount * 1e8) // market.amount_step
        intent = self._add(symbol, Side(side), lots, at, covered_within=covered_within)
        self.source = source
        return intent

    def group_by(self, pattern: str) -> None:
        """Orders whose client ids have the same first group of a pattern are for one intent.

        >>> # group_by(r"(.*)-\\d+") : entry-1 and entry-2 are two tries of one intent
        """
        try:
            self._pattern = re.compile(pattern)
        except re.error as error:
            raise ConfigurationError(f"client_ids {pattern!r} is no pattern: {error}") from error
        if self._pattern.groups < 1:
            raise ConfigurationError(
                f"client_ids {pattern!r} needs a group that names the intent, as in '(.*)-\\d+'"
            )
        self.source = "client ids"

    def of_scenario(self, table: Mapping[str, Any], at: int) -> None:
        """What the table `intent` of a scenario says; raises ConfigurationError for other keys."""
        unknown = [key for key in table if key not in KEYS]
        if unknown:
            raise ConfigurationError(f"intent: {unknown[0]!r} is none of {', '.join(KEYS)}")
        if "client_ids" in table:
            self.group_by(str(table["client_ids"]))
            self._named_cover = table.get("covered_within")
        if "amount" in table:
            self.declare(
                str(table.get("symbol", "BTC/USDT")),
                str(table.get("side", "buy")),
                float(table["amount"]) * int(table.get("orders", 1)),
                at,
                covered_within=table.get("covered_within"),
                source="scenario",
            )

    def of(self, order: PlaceOrder | Order, at: int) -> Intent | None:
        """The intent that an order is for: the newest that fits; None where it can't be known."""
        if self._pattern is not None:
            found = self._pattern.match(order.client_id)
            if found is not None:
                return self._named(found.group(1), order, at)
        for number in range(self._last, max(0, self._last - INTENTS_KEPT_MAX), -1):
            intent = self._by_number.get(number)
            if intent is not None and intent.name not in self._by_name and intent.fits(order, at):
                return intent
        return None

    def assign(self, trip: Any) -> None:
        """An order has been sent: find its intent while it is known."""
        intent = self.of(trip.command, trip.born_at)
        if intent is not None:
            self._of_trip[trip.number] = intent
            if len(self._of_trip) > INTENTS_KEPT_MAX:
                del self._of_trip[next(iter(self._of_trip))]

    def accept(self, trip: Any) -> None:
        """What a trip has placed belongs to its intent."""
        intent = self._of_trip.get(trip.number)
        if intent is not None:
            for event in trip.happened:
                if event.__class__ is OrderAccepted:
                    self._of_order[event.order_id] = intent
                    if len(self._of_order) > INTENTS_KEPT_MAX:
                        del self._of_order[next(iter(self._of_order))]

    def of_trip(self, trip: Any) -> Intent | None:
        """The intent of an order that was sent."""
        return self._of_trip.get(trip.number)

    def of_order(self, order_id: int) -> Intent | None:
        """The intent of an order that was accepted, once its trip is over."""
        return self._of_order.get(order_id)

    def numbered(self, number: int) -> Intent | None:
        """An intent by its number."""
        return self._by_number.get(number)

    def _named(self, name: str, order: PlaceOrder | Order, at: int) -> Intent:
        intent = self._by_name.get(name)
        if intent is None:
            cover = self._named_cover
            intent = self._add(order.symbol, order.side, None, at, name=name, covered_within=cover)
            self._by_name[name] = intent
        return intent

    def _add(self, symbol: str, side: Side, lots: int | None, at: int, **more: Any) -> Intent:
        self._last += 1
        intent = Intent(self._last, symbol, side, lots=lots, began_at=at, **more)
        self._by_number[self._last] = intent
        if len(self._by_number) > INTENTS_KEPT_MAX:
            oldest = self._by_number.pop(next(iter(self._by_number)))
            self._by_name.pop(oldest.name, None)
        return intent

    def _market(self, symbol: str) -> Market:
        listed = self._markets.get(symbol)
        if listed is None:
            known = ", ".join(self._markets)
            raise ConfigurationError(f"intent: no market {symbol!r}; there are {known}")
        market: Market = listed.market
        return market


@contextmanager
def intend(
    symbol: str, side: str, amount: float, *, covered_within: float | None = None
) -> Iterator[None]:
    """A bot declares what it wants: so much once, however many requests that takes.

    Orders of the block, and later ones of the same market and side, are judged as tries of it.
    `covered_within`: the position is to have its stop within so many seconds. Without a judge
    nothing happens, so that the line can stay in a bot.

    >>> with intend("BTC/USDT", "buy", 0.1):
    ...     pass
    """
    declare = DECLARE.get()
    if declare is not None:
        declare(symbol, side, amount, covered_within)
    yield


DECLARE: ContextVar[Any] = ContextVar("failing_exchange_declare", default=None)
