"""What a bot intends: declared by it or by the scenario, or read from client order ids."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple

from failing_exchange.core.commands import PlaceConditional
from failing_exchange.core.events import OrderAccepted
from failing_exchange.core.market import Market
from failing_exchange.core.order import Order, Side
from failing_exchange.core.wanted_orders import WantedOrder, orders_in
from failing_exchange.errors import ConfigurationError
from failing_exchange.judge.bot_statements import deliver, give_up
from failing_exchange.text.number_checks import is_number

INTENTS_KEPT_MAX = 10_000  # the oldest are forgotten: their orders have long ended
INTENTS_TRIED_MAX = 100  # newest ones that an order is compared with; it belongs to no older one
AMOUNT_MAX = 1e15  # units of an intent; more is refused
KEYS = ("symbol", "side", "amount", "orders", "client_ids", "covered_within")


class DeclaredIntent(NamedTuple):
    """An intent as a bot declares it: an amount of a market, once, in units of the base asset."""

    symbol: str
    side: str
    amount: float
    covered_within: float | None = None

    def fits(self, command: Any) -> bool:
        """Whether a command places an order of this market and side."""
        return any(
            order.symbol == self.symbol and order.side == self.side for order in orders_in(command)
        )


class Intent:
    """One thing that a bot wants: an amount of a market, once.

    `lots` None: as the first order says. `covered_within`: the seconds within which the
    position is to have its stop; None = it needs none.
    """

    def __init__(
        self,
        number: int,
        symbol: str,
        side: Side,
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
        self.is_declared = False  # by the bot, not by a scenario or client ids
        self.has_order = False  # whether one was accepted for it
        self.waits: bool | None = None  # whether that waits for a price beside the book


class Intents:
    """All intents of one client. `source` says how they are known; empty: they are not."""

    def __init__(self, markets: Mapping[str, Any]) -> None:
        self.source = ""
        self.missed = False  # whether one was declared, and nothing has shown by whom
        self.declared = 0  # by the bot, one by one
        self.served = 0  # of those that were declared: for which an order was accepted
        self._markets = markets
        self._by_number: dict[int, Intent] = {}
        self._by_name: dict[str, Intent] = {}
        self._declared: dict[tuple[str, Side], deque[Intent]] = {}  # by market and side, in order
        self._of_trip: dict[int, tuple[Intent | None, ...]] = {}  # of each order that it asks for
        self._of_order: dict[int, Intent] = {}
        self._of_conditional: dict[int, Intent] = {}
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
        """Add an intent; `amount` in units of the base asset. Raises ConfigurationError."""
        market, wanted = self._market(symbol), _side(side)
        lots = round(_amount(amount) * 1e8) // market.amount_step
        intent = self._add(symbol, wanted, lots, at, covered_within=covered_within)
        self._declared.setdefault((symbol, wanted), deque()).append(intent)
        self.source = source
        intent.is_declared = source == "declared"
        self.declared += intent.is_declared
        return intent

    @property
    def lost(self) -> int | None:
        """Declared intents without an accepted order; None where none is declared one by one."""
        return self.declared - self.served if self.source == "declared" else None

    def group_by(self, pattern: str) -> None:
        """Orders whose client ids have the same first group of a pattern are for one intent.

        With the pattern `(.*)-[0-9]+`, entry-1 and entry-2 are two tries of one intent.
        """
        self._pattern = check_pattern(pattern)
        self.source = "client ids"

    def of_scenario(self, table: Mapping[str, Any], at: int) -> None:
        """What the table `intent` of a scenario says; raises ConfigurationError for other keys."""
        unknown = [key for key in table if key not in KEYS]
        if unknown:
            raise ConfigurationError(f"intent: {unknown[0]!r} is not one of {', '.join(KEYS)}")
        if "client_ids" in table:
            self.group_by(str(table["client_ids"]))
            self._named_cover = table.get("covered_within")
        if "amount" in table:
            self.declare(
                str(table.get("symbol", next(iter(self._markets), ""))),
                str(table.get("side", "buy")),
                float(table["amount"]) * int(table.get("orders", 1)),
                at,
                covered_within=table.get("covered_within"),
                source="scenario",
            )

    def of(self, order: WantedOrder | Order, at: int) -> Intent | None:
        """The intent that an order is for: the newest that fits; None where it can't be known.

        A conditional order and one that goes to the book are never tries of one declared intent:
        a bot that declares its exits need not declare its stops.
        """
        if self._pattern is not None:
            found = self._pattern.match(order.client_id)
            if found is not None:
                return self._named(found.group(1), order, at)
        declared = self._declared.get((order.symbol, order.side), ())  # type: ignore[arg-type]
        newest = islice(reversed(declared), INTENTS_TRIED_MAX)
        intent = next((intent for intent in newest if intent.began_at <= at), None)
        if intent is None or intent.waits in (None, order.__class__ is PlaceConditional):
            return intent
        return None

    def assign(self, trip: Any) -> None:
        """Orders have been sent: find their intents while these are known."""
        found = tuple(self.of(order, trip.born_at) for order in orders_in(trip.command))
        if any(found):
            self._of_trip[trip.number] = found
            if len(self._of_trip) > INTENTS_KEPT_MAX:
                del self._of_trip[next(iter(self._of_trip))]

    def accept(self, trip: Any, placed: Iterable[tuple[int, Any, Any]]) -> None:
        """What a trip has placed belongs to its intents: (place in the request, order, event)."""
        if trip.number not in self._of_trip:
            return
        for place, _, event in placed:
            intent = self.of_trip(trip, place)
            if intent is None:
                continue
            self.served += intent.is_declared and not intent.has_order
            intent.has_order = True
            intent.waits = event.__class__ is not OrderAccepted
            table = self._of_conditional if intent.waits else self._of_order
            table[event.conditional_id if intent.waits else event.order_id] = intent
            if len(table) > INTENTS_KEPT_MAX:
                del table[next(iter(table))]

    def of_trip(self, trip: Any, place: int = 0) -> Intent | None:
        """The intent of an order that was sent; `place`: which one of its request."""
        found = self._of_trip.get(trip.number, ())
        return found[place] if place < len(found) else None

    def of_order(self, order: Order) -> Intent | None:
        """The intent of an order that was accepted, once its trip is over.

        That of a conditional order is the intent of the order which it places, too.
        """
        if order.conditional_id:
            return self._of_conditional.get(order.conditional_id)
        return self._of_order.get(order.id)

    def numbered(self, number: int) -> Intent | None:
        """An intent by its number."""
        return self._by_number.get(number)

    def _named(self, name: str, order: WantedOrder | Order, at: int) -> Intent:
        intent = self._by_name.get(name)
        if intent is None:
            cover = self._named_cover
            side = order.side or Side.BUY  # a change may leave it out
            intent = self._add(order.symbol, side, None, at, name=name, covered_within=cover)
            self._by_name[name] = intent
        return intent

    def _add(self, symbol: str, side: Side, lots: int | None, at: int, **more: Any) -> Intent:
        self._last += 1
        intent = Intent(self._last, symbol, side, lots=lots, began_at=at, **more)
        self._by_number[self._last] = intent
        if len(self._by_number) > INTENTS_KEPT_MAX:
            self._forget(self._by_number.pop(next(iter(self._by_number))))
        return intent

    def _forget(self, oldest: Intent) -> None:
        if self._by_name.pop(oldest.name, None) is None:
            self._declared[oldest.symbol, oldest.side].popleft()

    def _market(self, symbol: str) -> Market:
        listed = self._markets.get(symbol)
        if listed is None:
            known = ", ".join(self._markets)
            raise ConfigurationError(f"intent: no market {symbol!r}; there are {known}")
        market: Market = listed.market
        return market


def check_pattern(pattern: str) -> re.Pattern[str]:
    """A compiled pattern of client ids.

    Raises ConfigurationError for what is not a regular expression, or has no group.
    """
    try:
        found = re.compile(pattern)
    except re.error as error:
        raise ConfigurationError(
            f"client_ids {pattern!r} is not a regular expression: {error}"
        ) from error
    if found.groups < 1:
        raise ConfigurationError(
            f"client_ids {pattern!r} needs a group that names the intent, as in '(.*)-\\d+'"
        )
    return found


def _side(side: str) -> Side:
    try:
        return Side(side)
    except ValueError:
        raise ConfigurationError(f"intent: side must be 'buy' or 'sell', not {side!r}") from None


def _amount(amount: float) -> float:
    if not is_number(amount) or not 0 < amount < AMOUNT_MAX:
        raise ConfigurationError(
            f"intent: amount must be a number of units above 0, like 0.1, not {amount!r}"
        )
    return amount


@contextmanager
def intend(
    symbol: str,
    side: str,
    amount: float,
    *,
    covered_within: float | None = None,
    account: str | None = None,
) -> Iterator[None]:
    """Declare what a bot wants: an amount once, however many requests that takes.

    Orders of the block, and later ones of the same market and side, are judged as tries of it.
    `amount`: units of the base asset. `covered_within`: the seconds within which the position is
    to have its stop. `account`: whose intent it is, where several clients are judged; without it
    the first order of the block shows it, if it is sent in process. Without a judge nothing
    happens, so the line can stay in a bot.

    Raises ConfigurationError for a market that the venue does not have, a side other than "buy"
    and "sell", an amount that is not above 0, and an account that is not judged.

    >>> with intend("BTC/USDT", "buy", 0.1):
    ...     pass
    """
    waiting = deliver(DeclaredIntent(symbol, side, amount, covered_within), account)
    try:
        yield
    finally:
        if waiting is not None:
            give_up(waiting)
