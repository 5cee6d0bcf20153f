"""Stale reads: answers that show an earlier or an incomplete state."""

from __future__ import annotations

from typing import Any, ClassVar

from failing_exchange.core.order import OrderSnapshot, Status
from failing_exchange.core.queries import Balances, Orders
from failing_exchange.core.reject import Reason
from failing_exchange.core.units import PPM
from failing_exchange.faults.fields import draw_below, fault, nanoseconds, ppm, share, span
from failing_exchange.faults.lookups import answer_of, named_by
from failing_exchange.faults.plan import Match, Replace, Verdict
from failing_exchange.faults.rejections import refusal
from failing_exchange.faults.stages import AtAnswer, AtRequest, AtStages
from failing_exchange.journal.trip import Stage

READ_LAG_MAX = 120.0  # seconds; the ledger can't be read further back, so a longer lag is refused


@fault
class StaleRead(AtRequest):
    """The answer shows the state of some time ago."""

    seconds: float = span(10.0, "how far the view lags behind", maximum=READ_LAG_MAX)

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Read an earlier state of the first column."""
        command: Any = match.trip.command
        if not hasattr(command, "as_of"):
            return None
        return Replace(command._replace(as_of=match.at - nanoseconds(self.seconds)))


@fault
class HideNewOrders(AtStages):
    """An order can't be found for a while after it was accepted."""

    seconds: float = span(10.0, "for how long")
    stages: ClassVar[tuple[Stage, ...]] = (Stage.REQUEST, Stage.ANSWER)

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Refuse a look at a new order; leave new orders out of lists."""
        born_before = match.at - nanoseconds(self.seconds)
        if stage is Stage.REQUEST:
            named = named_by(match)
            if named is None or named.order.created_at <= born_before:
                return None
            return refusal(Reason.ORDER_NOT_FOUND, match)
        return _only(match, lambda found: found.order.created_at <= born_before)


@fault
class HideOrders(AtAnswer):
    """A list of orders lacks some that are there."""

    part: float = share(0.5, "how many of them; at least one")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Leave some out, drawn anew each time."""
        answer = answer_of(match)
        if not isinstance(answer, Orders) or not answer.orders:
            return None
        orders = list(answer.orders)
        for k in range(max(1, len(orders) * ppm(self.part) // PPM)):
            del orders[draw_below(match, k, len(orders))]
        return Replace(Orders(tuple(orders)))


@fault
class ListTwice(AtAnswer):
    """A list shows an open order a second time, as canceled."""

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Add the contradiction behind the rest."""
        answer = answer_of(match)
        if not isinstance(answer, Orders):
            return None
        alive = [one for one in answer.orders if one.status is Status.OPEN]
        if not alive:
            return None
        return Replace(Orders((*answer.orders, alive[0]._replace(status=Status.CANCELED))))


@fault
class ZeroWallet(AtAnswer):
    """The balance reads zero, and the money is there."""

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        answer = answer_of(match)
        if not isinstance(answer, Balances):
            return None
        return Replace(answer._replace(assets=dict.fromkeys(answer.assets, (0, 0))))


def _only(match: Match, keep: Any) -> Replace | None:
    answer = answer_of(match)
    if not isinstance(answer, Orders):
        return None
    kept: tuple[OrderSnapshot, ...] = tuple(one for one in answer.orders if keep(one))
    return None if len(kept) == len(answer.orders) else Replace(Orders(kept))
