"""False answers: phantom orders and cancels, errors in successes, impossible states."""

from __future__ import annotations

from failing_exchange.core.commands import CancelOrder, PlaceOrder, Replaced, ReplaceOrder
from failing_exchange.core.generated_ids import made_id
from failing_exchange.core.order import Order, OrderSnapshot, Status
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.faults.fields import choice, draw_below, fault, reason, text
from failing_exchange.faults.lookups import edited, named_by, placed_by
from failing_exchange.faults.plan import Answer, Match, Verdict
from failing_exchange.faults.rejections import refusal
from failing_exchange.faults.stages import AtAnswer, AtRequest, AtWire
from failing_exchange.journal.trip import Edited, Stage

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
        answer = ghostly(match)
        if answer is None:
            return None
        info = {"result": False, "error_code": 10016, "msg": self.message}
        unknown = ("id", "status", "filled", "remaining", "amount", "price", "cost", "timestamp",
                   "datetime")  # fmt: skip
        edits = (("info", info), *((name, None) for name in unknown))
        return Answer(Edited(answer, edits))


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


def ghostly(match: Match) -> OrderSnapshot | Replaced | None:
    """The answer to a request that places an order, had it been accepted; None for any other."""
    place = placed_by(match.trip)
    if place is None:
        return None
    made = ghost(place, match)
    if not isinstance(match.trip.command, ReplaceOrder):
        return made
    old = named_by(match)
    if old is None or not old.order.is_open:  # the engine will refuse by itself
        return None
    return Replaced(old._replace(status=Status.CANCELED, updated_at=match.at), made)


def ghost(place: PlaceOrder, match: Match) -> OrderSnapshot:
    """An order as it would look had it been accepted."""
    order = Order(
        ghost_id(match), place.account, place.symbol, place.side, place.kind,
        max(1, place.lots), match.at,
    )  # fmt: skip
    order.ticks, order.client_id = place.ticks, place.client_id or made_id(order.id)
    return order.snapshot()
