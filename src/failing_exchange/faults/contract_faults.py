"""Faults of contracts: forced closes, mark prices, views that lag, refused exits and leverage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from failing_exchange.core.commands import (
    Deleverage,
    LiquidatePosition,
    MoveMark,
    PayFunding,
    PlaceConditional,
    PlaceOrder,
    SetLeverage,
    SetMarginMode,
)
from failing_exchange.core.conditional_order import ConditionalSnapshot
from failing_exchange.core.contract_queries import Incomes
from failing_exchange.core.order import LIMIT, TRIGGERED_TYPES, Fill, OrderSnapshot
from failing_exchange.core.queries import FetchOrder, FetchOrders, FetchPositions, Positions
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import ATOMS
from failing_exchange.core.wanted_orders import orders_in
from failing_exchange.faults.fields import (
    SHORTEST,
    acts,
    choice,
    ends_after,
    executed,
    fault,
    flag,
    nanoseconds,
    number,
    ppm,
    reason,
    span,
    span_or_never,
)
from failing_exchange.faults.lookups import answer_of, market_of, refuse_orders, symbol_of
from failing_exchange.faults.plan import Answer, Cause, Delay, Drop, Match, Repeat, Replace, Verdict
from failing_exchange.faults.rejections import active_until, refusal
from failing_exchange.faults.stages import AtAnswer, AtRequest, AtStages
from failing_exchange.journal.trip import Edited, Stage

READS_KEPT_MAX = 1_000  # answers that a cache holds; the oldest is read anew
RATE_PERCENT_MAX = 3.0  # of a payment of funding; more than any cap seen


@fault
class ForceClose(AtRequest):
    """The venue closes the client's position in the request's contract, as in a liquidation."""

    how: str = choice("liquidation", "why it is closed", "liquidation", "adl")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Close it before the request is carried out; where nothing is held, do nothing."""
        symbol = _contract(match)
        if not symbol or not _held(match, symbol):
            return None
        account = match.trip.account
        if self.how == "adl":
            return Cause(Deleverage(account, symbol))
        return Cause(LiquidatePosition(account, symbol))


@fault
class HideForcedClose(AtAnswer):
    """No push tells of what the venue has closed by force."""

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Lose a push about an order that the venue itself has placed."""
        if not match.trip.is_push:
            return None
        return Drop() if any(_is_forced(match, one) for one in _parts(match)) else None


@fault
class LoseTrigger(AtAnswer):
    """A conditional order fires, and no push tells of it or of the order that it has placed."""

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        if not match.trip.is_push:
            return None
        return Drop() if any(_is_triggered(match, one) for one in _parts(match)) else None


@fault
class PayFundingNow(AtRequest):
    """Funding of the request's contract is paid out of turn, at an unusual rate."""

    rate: float = number(
        0.1, "of the notional; negative = shorts pay longs", "percent",
        minimum=-RATE_PERCENT_MAX, maximum=RATE_PERCENT_MAX,
    )  # fmt: skip

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Have it paid before the request is carried out."""
        symbol = _contract(match)
        rate = round(self.rate * ATOMS / 100)
        return Cause(PayFunding(symbol, rate)) if symbol else None


@fault
class DelayFunding(AtAnswer):
    """What was paid of funding is told late, while all else comes in time."""

    seconds: float = span(600.0, "how late")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Hold up a push; leave the newest payments out of a list."""
        if match.trip.is_push:
            late = any(map(_is_funding, _parts(match)))
            return Delay(nanoseconds(self.seconds)) if late else None
        answer, before = answer_of(match), match.at - nanoseconds(self.seconds)
        if not isinstance(answer, Incomes):
            return None
        told = tuple(one for one in answer.incomes if not _is_funding(one) or one.at <= before)
        return None if told == answer.incomes else Replace(Incomes(told))


@fault
class RepeatFunding(AtAnswer):
    """A payment of funding is told twice."""

    after: float = span(1.0, "how much later a push comes again")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Repeat a push; list the newest payment a second time."""
        if match.trip.is_push:
            paid = any(map(_is_funding, _parts(match)))
            return Repeat(nanoseconds(self.after)) if paid else None
        answer = answer_of(match)
        if not isinstance(answer, Incomes):
            return None
        paid_last = [one for one in answer.incomes if _is_funding(one)][-1:]
        return Replace(Incomes((*answer.incomes, *paid_last))) if paid_last else None


@fault
class SpikeMark(AtRequest):
    """The mark price of the request's contract jumps away from the last price."""

    by: float = number(
        -0.05, "by how much of it; negative = down", "share", minimum=-0.99, maximum=10
    )
    lasts: float | None = span_or_never(
        5.0, "then it comes back; None = it stays", minimum=SHORTEST
    )

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Move it before the request is carried out; trades and the book stay."""
        symbol = _contract(match)
        if not symbol:
            return None
        return Cause(MoveMark(symbol, 0, ends_after(self.lasts), ppm(self.by)))


@fault
class CacheReads(AtAnswer):
    """A read of positions or margin is answered with what an earlier one was told."""

    seconds: float = span(10.0, "how old an answer may be", minimum=SHORTEST)

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Keep an answer; give it again until it is too old."""
        trip, answer = match.trip, answer_of(match)
        if trip.is_push or answer is None:
            return None
        kept: dict[Any, tuple[int, Any]] = match.memory.setdefault("answers", {})
        name = (trip.account, trip.operation, repr(trip.command))
        at, earlier = kept.get(name, (0, None))
        if earlier is not None and match.at - at <= nanoseconds(self.seconds):
            return None if earlier == answer else Replace(earlier)
        kept.pop(name, None)
        kept[name] = (match.at, answer)
        if len(kept) > READS_KEPT_MAX:
            del kept[next(iter(kept))]
        return None


@fault
class RefuseLeverage(AtRequest):
    """The venue refuses to change leverage or margin mode, which stay as they are."""

    lasts: float | None = span_or_never(
        0, "how long all further such requests are refused too; None = until disarmed"
    )

    def decide(self, match: Match, hit: bool) -> bool:
        """Strike for as long as it lasts once it has begun."""
        return active_until(match, hit, self.lasts) is not None

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Refuse in the words of each."""
        command: Any = match.trip.command
        if isinstance(command, SetLeverage):
            message = f"Leverage {command.leverage} is not valid"
            return refusal(Reason.LEVERAGE, match, message)
        if isinstance(command, SetMarginMode):
            return refusal(Reason.MODE_KEPT, match)
        return None


@fault
class ListPositionTwice(AtAnswer):
    """A list of positions has one of them twice."""

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        answer = answer_of(match)
        if not isinstance(answer, Positions) or not answer.positions:
            return None
        return Replace(Positions((*answer.positions, answer.positions[-1])))


@fault
class RefuseStop(AtRequest):
    """The venue refuses what waits for a price, and takes all other orders."""

    why: Reason = reason(Reason.NOT_SUPPORTED)
    lasts: float | None = span_or_never(
        0, "how long all further stops are refused too; None = until disarmed"
    )

    def decide(self, match: Match, hit: bool) -> bool:
        """Strike for as long as it lasts once a stop was met."""
        waits = any(map(_waits, orders_in(match.trip.command)))
        return active_until(match, hit and waits, self.lasts) is not None

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Refuse a stop; by default because it is to be sent elsewhere."""
        message, code = MOVED if self.why is Reason.NOT_SUPPORTED else ("", "")
        refused = refusal(self.why, match, message, code=code)
        return refuse_orders(match, refused, where=_waits)


@fault
class RefuseReduceOnly(AtRequest):
    """An order that may only reduce a position is refused, although there is one to reduce."""

    beside_others: bool = flag(False, "whether only beside an open order that closes it, too")
    lasts: float | None = span_or_never(
        0, "how long all further ones are refused too; None = until disarmed"
    )

    def decide(self, match: Match, hit: bool) -> bool:
        """Strike for as long as it lasts once an order that closes was met."""
        closes = any(map(_closes_now, orders_in(match.trip.command)))
        return active_until(match, hit and closes, self.lasts) is not None

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Refuse the orders that close now; by default all of them."""

        def blocked(order: Any) -> bool:
            closes = _closes_now(order)
            return closes and (not self.beside_others or _is_being_closed(match, order))

        message, code = BLOCKED if self.beside_others else ("", "")
        refused = refusal(Reason.REDUCE_ONLY, match, message, code=code)
        return refuse_orders(match, refused, where=blocked)


@fault
class Overload(AtStages):
    """The venue says that it is overloaded, and has accepted the order or not."""

    executed: str = executed()
    spares_exits: bool = flag(True, "whether orders that only reduce a position are exempt")
    stages: ClassVar[tuple[Stage, ...]] = (Stage.REQUEST, Stage.WIRE)

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Say it before or behind the engine; the words are the same."""
        orders = orders_in(match.trip.command)
        if self.spares_exits and orders and all(map(_is_exit, orders)):
            return None
        refused = refusal(Reason.UNAVAILABLE, match, OVERLOADED)
        if stage is Stage.REQUEST:
            return None if acts(match, self.executed) else Answer(refused)
        return None if isinstance(match.trip.answer, Reject) else refused


# Binance USD-M, -4120, as seen on the wire (freqtrade/freqtrade#12610, 2025-12-09)
MOVED = (
    "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
    "STOP_ORDER_SWITCH_ALGO",
)
# Binance USD-M, -4118, as seen on the wire (xLydianSoftware/Qubx#386, 2026-08-21)
BLOCKED = (
    "ReduceOnly Order Failed. Please check your existing position and open orders.",
    "REDUCE_ONLY_MARGIN_CHECK_FAILED",
)
# Binance USD-M, -1008, as seen on the wire (banbox/banbot#114, 2025-09-22)
OVERLOADED = (
    "Server is currently overloaded with other requests. Please try again in a few minutes."
)


def _contract(match: Match) -> str:
    """The contract that a request of an account names; "" for a spot market or none."""
    symbol = symbol_of(match.trip)
    market = market_of(match, symbol) if match.trip.account and symbol else None
    return "" if market is None or market.contract is None else symbol


def _held(match: Match, symbol: str) -> bool:
    """Whether the client holds something of a contract."""
    try:
        found = match.look(FetchPositions(match.trip.account, symbol)).positions
    except Reject:  # a market stream's client is a connection
        return False
    return any(one.lots for one in found)


def _waits(order: Any) -> bool:
    """Whether an order waits for a price."""
    if isinstance(order, PlaceOrder):
        return order.kind in TRIGGERED_TYPES
    return isinstance(order, PlaceConditional)


def _is_exit(order: Any) -> bool:
    if isinstance(order, PlaceConditional):
        return order.reduce_only or order.close_position
    return isinstance(order, PlaceOrder) and order.reduce_only


def _closes_now(order: Any) -> bool:
    return _is_exit(order) and not _waits(order)


def _is_being_closed(match: Match, command: PlaceOrder) -> bool:
    """Whether a limit order that closes the position rests already."""
    found = match.look(FetchOrders(command.account, command.symbol, "open")).orders
    return any(
        one.order.reduce_only and one.order.side is command.side and one.order.kind is LIMIT
        for one in found
    )


def _parts(match: Match) -> Iterator[Any]:
    """What a push tells, one by one."""
    answer = answer_of(match)
    if isinstance(answer, Edited):
        answer = answer.answer
    yield from (answer if answer.__class__ is tuple else (answer,))


def _order_of(match: Match, one: Any) -> Any:
    """The order that a part of a push is about; None where there is none."""
    if isinstance(one, Fill):
        try:
            return match.look(FetchOrder(one.account, "", one.order_id, "")).order
        except Reject:  # it has long been forgotten
            return None
    snapshot = one if isinstance(one, OrderSnapshot) else getattr(one, "snapshot", None)
    return getattr(snapshot, "order", None)


def _is_forced(match: Match, one: Any) -> bool:
    return bool(getattr(_order_of(match, one), "forced", False))


def _is_funding(one: Any) -> bool:
    """Whether a record, or a part of a push, tells of a payment of funding."""
    return str(getattr(one, "why", "")) in FUNDING


FUNDING = ("funding", "FUNDING_FEE")  # as lists have it, and pushes


def _is_triggered(match: Match, one: Any) -> bool:
    report = one if isinstance(one, ConditionalSnapshot) else getattr(one, "conditional", None)
    if isinstance(report, ConditionalSnapshot):
        return report.triggered_at > 0
    return bool(getattr(_order_of(match, one), "conditional_id", 0))
