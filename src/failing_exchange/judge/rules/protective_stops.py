"""A position has its protective stop (I12)."""

from __future__ import annotations

from typing import Any

from failing_exchange.core import events as e
from failing_exchange.core.market import MarketStatus
from failing_exchange.core.order import PositionSide, Side
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.state import MarketState
from failing_exchange.core.units import SECOND
from failing_exchange.faults.operations import PLACE, PRIVATE_CALLS
from failing_exchange.journal.trip import Edited, Trip
from failing_exchange.judge.answers import is_success, received
from failing_exchange.judge.facts import HALTS, OrderFacts
from failing_exchange.judge.products import product_of
from failing_exchange.judge.requested_orders import parts_and_told
from failing_exchange.judge.rule import Rule, RunEnd, Severity
from failing_exchange.judge.rules.back_off import FOR_THE_ACCOUNT, BacksOff
from failing_exchange.judge.rules.duplicates import AMBIGUOUS
from failing_exchange.text.durations import span

SHUT = 1 << 62  # the clock stands still until the market opens, or the account has access again
VENUE_FAILURES = frozenset({
    *AMBIGUOUS, *HALTS, *BacksOff.windows, Reason.MAINTENANCE, Reason.ACCOUNT_FROZEN,
})  # fmt: skip


class Covered(Rule):
    """I12: a position has its stop, within the seconds that its intent names.

    The seconds start again whenever the venue fails the bot: a request about that market or the
    account is not answered, is refused by a fault, or is refused as it would be to any client (a
    limit, a ban, a halt, an overload). A wait that the venue names is added. Any request counts,
    for a stop needs a price, an amount, the market's rules and the time. While the account is
    refused for good (a key, a location), no stop can be placed, and the clock stands still. A
    refusal that the bot could have avoided, such as of a stop on the wrong side of the market,
    gives no more time.

    A position is what was bought for intents with `covered_within` and is still held; where a
    market has short positions, also what was sold for them. What is too small to be closed does
    not count. A stop is an order of the other side that waits for a price.
    """

    name = "covered"
    invariant = "I12"
    severity = Severity.MONEY
    sentence = "An open position is not left without its intended stop."
    care = "places its stop at once, for what it holds; what can't be protected is sold."

    def __init__(self) -> None:
        super().__init__()
        self._unprotected_since: dict[str, int] = {}
        self._positions: dict[str, int] = {}  # atoms gained by trading; negative: short
        self._to_cover: dict[str, int] = {}  # those of them that are to have a stop
        self._limits: dict[str, float] = {}

    def begin(self, context: Any) -> None:
        """Not judged until an intent asks for a stop."""
        super().begin(context)
        self.unknown = "no intent asks for a stop: say covered_within= when you declare it"

    def happened(self, events: Any, at: int) -> None:
        """Follow positions and stops; the clock stands still while a market is halted."""
        for event in events:
            if event.__class__ is e.MarketChanged and event.symbol in self._unprotected_since:
                self._check(event.symbol, event.at)
                opened = event.status is MarketStatus.TRADING
                self._unprotected_since[event.symbol] = event.at if opened else SHUT
        touched = {}
        for event in events:
            locked = event.__class__ is e.BalanceChanged  # it may have ended while nobody asked
            for symbol in self._touched(event):
                touched[symbol] = event.at if locked else at
        for symbol in [symbol for symbol in touched if symbol in self._limits]:
            self._look(symbol, touched[symbol])

    def _touched(self, event: Any) -> list[str]:
        """The markets in which an event changes one of the client's orders, or what is locked."""
        if event.__class__ in (e.ConditionalChanged, e.PositionChanged):
            return self._of_contract(event)
        if event.__class__ is e.BalanceChanged:
            return list(self._limits) if event.account == self.context.facts.account else []
        if event.__class__ is e.ConditionalChanged:
            return [event.symbol] if event.account == self.context.facts.account else []
        known = self.context.facts.orders.get(getattr(event, "order_id", 0))
        if known is None:
            return []
        limit = self._limit(known)
        if limit is not None:
            self.unknown = ""
            self._limits[known.symbol] = limit
        if event.__class__ is e.OrderFilled:
            self._fill(event.fill, covers=limit is not None)
        return [known.symbol]

    def _of_contract(self, event: Any) -> list[str]:
        """The contract in which a stop or a position changes; a bust trade is told by no fill."""
        if event.account != self.context.facts.account:
            return []
        symbol: str = event.symbol
        if event.__class__ is e.PositionChanged and event.why == "bust":
            step = self.context.facts.market(symbol).amount_step
            self._positions[symbol] = event.lots * step
            self._to_cover[symbol] = self._to_cover.get(symbol, 0) if event.lots else 0
        return [symbol]

    def _limit(self, known: OrderFacts) -> float | None:
        """In how many seconds what an order opens is to have its stop; None: it needs none."""
        intents, order = self.context.intents, known.order
        market = self.context.facts.market(known.symbol)
        if order.side is Side.SELL and not product_of(market).opens_shorts:
            return None
        intent = intents.of_order(order) or intents.of(order, known.accepted_at)
        return None if intent is None else intent.covered_within

    def _fill(self, fill: Any, *, covers: bool) -> None:
        symbol, market = fill.symbol, self.context.facts.market(fill.symbol)
        change = product_of(market).gained(market, fill)
        self._positions[symbol] = self._positions.get(symbol, 0) + change
        before = self._to_cover.get(symbol, 0)
        after = before + change
        closes = before * change < 0
        if not covers:  # it can close what needs a stop, and opens nothing that does
            after = after if closes and before * after > 0 else 0 if closes else before
        self._to_cover[symbol] = after

    def told(self, trip: Trip) -> None:
        """Start the clock again where the venue failed the bot."""
        if not self._unprotected_since or trip.is_push or trip.echo_of:
            return
        answer = received(trip)
        until = (answer.until or 0) if isinstance(answer, Reject) else 0
        if isinstance(answer, Reject) and answer.reason in FOR_THE_ACCOUNT:
            until = SHUT
        elif is_success(answer) and trip.operation in PRIVATE_CALLS:
            self._let_in(trip.ended_at)
        if not until and not any(_failed(trip, told) for _, told in parts_and_told(trip)):
            return
        for symbol, since in self._unprotected_since.items():
            if until or trip.symbol in ("", symbol):
                if since < trip.born_at:
                    self._check(symbol, trip.born_at)
                self._unprotected_since[symbol] = max(since, trip.ended_at, until)

    def _let_in(self, at: int) -> None:
        markets = self.context.facts.engine.state.markets
        for symbol, since in self._unprotected_since.items():
            if since == SHUT and markets[symbol].market.status is MarketStatus.TRADING:
                self._unprotected_since[symbol] = at

    def overheard(self, trip: Trip) -> None:
        """Count it for this client: it may have been the one."""
        self.told(trip)

    def _look(self, symbol: str, at: int) -> None:
        if self._unprotected(symbol, at) > 0:
            status = self.context.facts.market(symbol).status
            self._unprotected_since.setdefault(
                symbol, at if status is MarketStatus.TRADING else SHUT
            )
        elif symbol in self._unprotected_since:
            self._check(symbol, at)
            del self._unprotected_since[symbol]

    def _unprotected(self, symbol: str, at: int) -> int:
        """Lots without a stop, where they are worth closing."""
        state = self.context.facts.engine.state
        ms, account = state.markets[symbol], state.accounts[self.context.facts.account]
        held, to_cover = self._positions.get(symbol, 0), self._to_cover.get(symbol, 0)
        protectable = product_of(ms.market).protectable(state, ms, account)
        position = max(0, min(abs(held), abs(to_cover), protectable)) if held * to_cover > 0 else 0
        closing = Side.SELL if held > 0 else Side.BUY
        stops = product_of(ms.market).protected(ms, account, closing, PositionSide.BOTH)
        return self._worth_closing(ms, position // ms.market.amount_step - stops, at)

    def _worth_closing(self, ms: MarketState, unprotected: int, at: int) -> int:
        """Lots without a stop; 0 where they are too few to be closed."""
        symbol = ms.market.symbol
        unprotected -= unprotected % ms.market.amount_every
        worth = self.context.facts.money(symbol, max(0, unprotected), at) or 0.0
        least = self.context.facts.quote_money(symbol, ms.market.cost_min, at) or 0.0
        return 0 if worth < 2 * least or unprotected < ms.market.amount_min else unprotected

    def _check(self, symbol: str, at: int) -> None:
        seconds = (at - self._unprotected_since[symbol]) / SECOND
        if seconds > self._limits[symbol]:
            facts, lots = self.context.facts, self._held(symbol)
            self.breach(
                f"left a position in {symbol} without its stop for {span(seconds)}, where "
                f"{span(self._limits[symbol])} were meant",
                money=facts.money(symbol, lots, at),
                at=at,
            )

    def _held(self, symbol: str) -> int:
        """Lots of the position in a market."""
        return abs(self._positions[symbol]) // self.context.facts.market(symbol).amount_step

    def ended(self, end: RunEnd) -> None:
        """Report positions without a stop at the end."""
        for symbol in self._unprotected_since:
            self._check(symbol, end.at)


class Protected(Covered):
    """I12 of contracts: a position has its stop within some seconds, or an order that closes it.

    `within_s`: the seconds; without it, those of the intents with `covered_within`. Conditional
    orders count as stops (those with close-position for all of it), and reduce-only orders on
    their way. Both sides of a hedged position need one. The time runs as for `covered`.
    """

    name = "protected"
    sentence = "A position in a contract has its stop, or is being closed."
    care = "places a stop that closes the whole position, and looks whether it stands."

    def __init__(self, *, within_s: float | None = None) -> None:
        super().__init__()
        self.within_s = within_s
        self._naked: dict[str, int] = {}  # lots that were last without a stop, by market

    def begin(self, context: Any) -> None:
        """Not judged until there is a position that is to have a stop."""
        super().begin(context)
        self.unknown = "no position is to have a stop: give within_s, or intents covered_within"

    def _touched(self, event: Any) -> list[str]:
        """The contract in which an event changes a position, or an order that protects one."""
        facts = self.context.facts
        if event.__class__ in (e.PositionChanged, e.ConditionalChanged):
            if event.account != facts.account:
                return []
            symbol: str = event.symbol
            if self.within_s is not None and event.__class__ is e.PositionChanged:
                self._limits[symbol], self.unknown = self.within_s, ""
            return [symbol]
        known = facts.orders.get(getattr(event, "order_id", 0))
        if known is None or not product_of(facts.market(known.symbol)).opens_shorts:
            return []
        if self.within_s is None and not known.order.forced:
            limit = self._limit(known)
            if limit is not None:
                self._limits[known.symbol], self.unknown = limit, ""
        return [known.symbol]

    def _unprotected(self, symbol: str, at: int) -> int:
        """Lots of both sides of the position without a stop."""
        state = self.context.facts.engine.state
        ms, account = state.markets[symbol], state.accounts[self.context.facts.account]
        product, found = product_of(ms.market), 0
        for side, lots in product.sides(ms, account):
            closing = Side.SELL if lots > 0 else Side.BUY
            found += max(0, abs(lots) - product.protected(ms, account, closing, side))
        found = self._worth_closing(ms, found, at)
        if found:
            self._naked[symbol] = found
        return found

    def _held(self, symbol: str) -> int:
        return self._naked.get(symbol, 0)


def _failed(trip: Trip, answer: Any) -> bool:
    """Whether the venue lost the request or its answer, or refused what anybody had asked."""
    if answer.__class__ is Edited and any(name == "*" for name, _ in answer.edits):
        return True  # something stands in the answer's place
    if answer is None or (trip.operation in PLACE and trip.struck and not trip.happened):
        return True
    return isinstance(answer, Reject) and (bool(trip.struck) or answer.reason in VENUE_FAILURES)
