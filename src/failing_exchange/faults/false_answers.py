"""False answers: phantom orders and cancels, errors in successes, impossible states."""

from __future__ import annotations

from typing import Any, TypeAlias

from failing_exchange.core.commands import (
    BatchDone,
    BatchOrders,
    CancelOrder,
    ChangeOrder,
    PlaceConditional,
    PlaceOrder,
    Replaced,
    ReplaceOrder,
)
from failing_exchange.core.conditional_order import (
    FIRST_CONDITIONAL_ID,
    ConditionalSnapshot,
    ConditionalStatus,
)
from failing_exchange.core.generated_ids import made_id
from failing_exchange.core.order import Order, OrderSnapshot, Status
from failing_exchange.core.reject import Reason, Refusal, Reject
from failing_exchange.core.wanted_orders import orders_in, parts_of
from failing_exchange.faults.fields import choice, draw_below, fault, reason, text
from failing_exchange.faults.lookups import edited, named_by
from failing_exchange.faults.plan import Answer, Match, Verdict
from failing_exchange.faults.rejections import refusal
from failing_exchange.faults.stages import AtAnswer, AtRequest, AtWire
from failing_exchange.journal.trip import Edited, Stage

Edits: TypeAlias = tuple[tuple[str, Any], ...]

GHOST_IDS_FROM = 9_000_000_000  # no real order of a run gets so far


@fault
class FalseReject(AtAnswer):
    """The exchange acts, and the client is told that it refused."""

    why: Reason = reason(Reason.UNAVAILABLE)
    message: str = text("", "what the client reads; empty = the venue's usual words")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Say no to what was done; an honest refusal stays."""
        if isinstance(match.trip.answer, Reject):
            return None
        return refusal(self.why, match, self.message)


@fault
class PhantomSuccess(AtRequest):
    """The client is told that its order is open, and the exchange has never heard of it."""

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        answer = ghostly(match)
        return None if answer is None else Answer(answer)


@fault
class PhantomCancel(AtRequest):
    """The client is told that its order is canceled, and the exchange has not canceled it."""

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Answer in the engine's place; what can't be canceled is refused by the engine itself."""
        snapshot = named_by(match)
        cancels = isinstance(match.trip.command, CancelOrder)
        if not cancels or snapshot is None or not snapshot.order.is_open:
            return None
        return Answer(snapshot._replace(status=Status.CANCELED, updated_at=match.at))


@fault
class PhantomId(AtWire):
    """The order is live, and the answer names it by the id of an order that does not exist."""

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        return edited(match, ("id", str(ghost_id(match))))


@fault
class ErrorInSuccess(AtRequest):
    """The request is refused inside an answer that looks like a success, without an id."""

    message: str = text("insufficient balance", "the error inside the answer")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Answer with an order of which nothing is known but the error."""
        info = {"result": False, "error_code": 10016, "msg": self.message}
        unknown = ("id", "status", "filled", "remaining", "amount", "price", "cost", "timestamp",
                   "datetime")  # fmt: skip
        answer = ghostly(match, (("info", info), *((name, None) for name in unknown)))
        return None if answer is None else Answer(answer)


@fault
class ContradictoryOrder(AtWire):
    """The answer shows an order in a state that can't be."""

    how: str = choice(
        "closed_unfilled", "which", "closed_unfilled", "canceled_filled", "filled_null"
    )

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Change status or amounts, so that they don't fit together."""
        if self.how == "closed_unfilled":
            return edited(match, ("status", "closed"), ("filled", 0.0), ("average", None))
        if self.how == "canceled_filled":
            return edited(match, ("status", "canceled"), ("remaining", 0.0))
        return edited(match, ("filled", None), ("remaining", None), ("cost", None))


def ghost_id(match: Match) -> int:
    """The id of an order that does not exist."""
    return GHOST_IDS_FROM + draw_below(match, 2, 10**9)


def ghostly(match: Match, edits: Edits = ()) -> Any:
    """The answer to a request that places orders, had they been accepted; None for any other.

    `edits`: fields of each new order that say something else.
    """
    command: Any = match.trip.command
    if isinstance(command, BatchOrders):
        places = any(_is_new(part) for part in parts_of(command))
        return BatchDone(tuple(_part(one, n, match, edits) for n, one in
                               enumerate(command.commands))) if places else None  # fmt: skip
    placed = [one for one in orders_in(command) if not isinstance(one, ChangeOrder)]
    if len(placed) != 1:  # a list has names that only the exchange can give
        return None
    made: Any = _with(ghost(placed[0], match), edits)
    if not isinstance(command, ReplaceOrder):
        return made
    old = named_by(match)
    if old is None or not old.order.is_open:  # the engine will refuse by itself
        return None
    return Replaced(old._replace(status=Status.CANCELED, updated_at=match.at), made)


def _is_new(command: Any) -> bool:
    return isinstance(command, (PlaceOrder, PlaceConditional))


def _with(made: Any, edits: Edits) -> Any:
    return Edited(made, edits) if edits else made


def _part(command: Any, place: int, match: Match, edits: Edits) -> Any:
    """The answer to one command of a batch: new orders are taken, others are not found."""
    if isinstance(command, Refusal):
        return command.as_reject().settled()
    if not _is_new(command):
        return Reject(Reason.ORDER_NOT_FOUND).settled()
    return _with(ghost(command, match, place), edits)


def ghost(
    place: PlaceOrder | PlaceConditional, match: Match, n: int = 0
) -> OrderSnapshot | ConditionalSnapshot:
    """An order as it would look had it been accepted; `n`: its place in a batch."""
    order_id = ghost_id(match) + n
    client_id = place.client_id or made_id(order_id)
    if isinstance(place, PlaceConditional):
        at = match.at
        return ConditionalSnapshot(
            FIRST_CONDITIONAL_ID + order_id, client_id, place, ConditionalStatus.NEW, at, at, 0,
            False, "", None, None,
        )  # fmt: skip
    order = Order(
        order_id, place.account, place.symbol, place.side, place.kind, max(1, place.lots), match.at
    )
    order.ticks, order.client_id = place.ticks, client_id
    return order.snapshot()
