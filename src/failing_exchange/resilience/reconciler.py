"""Reconciler: keeps what the bot believes about its orders in step with the venue."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from failing_exchange.resilience.outcomes import (
    Exchange,
    Order,
    RequestOutcome,
    log,
    outcome_of,
    readable,
    wait_for,
)
from failing_exchange.resilience.retrying_placement import HORIZON

ENDED_REMEMBERED_MAX = 10_000  # then the one that ended first is forgotten, and may look unknown
EXPECTED_MAX = 10_000  # client order ids of requests under way; then the oldest is forgotten
EVERY = 30.0  # seconds between two comparisons


class DifferenceKind(Enum):
    """How the venue's orders differ from what the bot believed.

    >>> DifferenceKind("filled") is DifferenceKind.FILLED
    True
    """

    UNKNOWN = "unknown"  # open at the venue, and never tracked
    PROGRESSED = "progressed"  # filled further
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    DISAPPEARED = "disappeared"  # the venue has not known it for longer than lag explains
    STALE = "stale"  # a reading older than what is known already; nothing was believed of it


ENDS: dict[str, DifferenceKind] = {
    "closed": DifferenceKind.FILLED,
    "canceled": DifferenceKind.CANCELED,
    "expired": DifferenceKind.EXPIRED,
    "rejected": DifferenceKind.REJECTED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One difference: what was believed, and what was found (None: nothing).

    >>> lost = Difference(kind=DifferenceKind.DISAPPEARED, order_id="17", believed={"id": "17"})
    >>> lost.found is None
    True
    """

    kind: DifferenceKind
    order_id: str
    believed: Order | None = None
    found: Order | None = None


class Reconciler:
    """Compares the bot's open orders with the venue's, and says how they differ.

    An order missing from the list of open orders is not gone: it is looked up by its id, and only
    when the venue has not known it for `horizon` seconds has it DISAPPEARED. What is certain is
    never taken back: no order leaves its end, no fill shrinks; such readings are STALE.

    `every` (between two comparisons of `run`) and `horizon` are seconds.

    >>> from failing_exchange import FailingExchange, simulate
    >>> async def main():
    ...     exchange = FailingExchange()
    ...     reconciler = Reconciler(exchange)
    ...     order = await exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000)
    ...     reconciler.track(order)
    ...     await exchange.cancel_order(order["id"], "BTC/USDT")  # by hand, say
    ...     return [one.kind.value for one in await reconciler.sync()]  # or, for ever: `run`
    >>> simulate(main())
    ['canceled']
    """

    def __init__(
        self,
        exchange: Exchange,
        *,
        symbol: str | None = None,
        every: float = EVERY,
        horizon: float = HORIZON,
        on_difference: Callable[[Difference], None] = lambda _: None,
        on_error: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        self.exchange = exchange
        self.symbol = symbol
        self.every = every
        self.horizon = horizon
        self.on_difference = on_difference
        self.on_error = on_error
        self._open: dict[str, Order] = {}  # as many as the venue lets be open
        self._ended: OrderedDict[str, Order] = OrderedDict()
        self._expected: OrderedDict[str, None] = OrderedDict()
        self._missing_since: dict[str, float] = {}  # loop time; only of orders in `_open`
        self._lock = asyncio.Lock()

    @property
    def orders(self) -> dict[str, Order]:
        """The orders believed open, by id: each as last read, never older than read before."""
        return dict(self._open)

    def expect(self, client_order_id: str) -> None:
        """Expect an order with this client id: when it is found, it is not reported as UNKNOWN."""
        self._expected[client_order_id] = None
        while len(self._expected) > EXPECTED_MAX:
            self._expected.popitem(last=False)

    def track(self, order: Order) -> None:
        """Take note of an order as the venue gave it, from a create, a cancel or a fetch.

        Raises MalformedResponseError for one without an id.
        """
        order_id = str(readable(order)["id"])
        self._expected.pop(str(order.get("clientOrderId")), None)
        if order_id in self._open or order_id in self._ended:
            self._read(order)
        else:
            self._keep(order_id, order)

    async def sync(self) -> list[Difference]:
        """Compare once; the differences, each also given to `on_difference`.

        Raises what reading the open orders raises. An order that cannot be looked up now is left
        for the next time, and the error given to `on_error`.
        """
        async with self._lock:
            before = list(self._open)  # what is tracked during the request can't be in the answer
            listed = await self.exchange.fetch_open_orders(self.symbol)
            found = [self._read(readable(order)) for order in listed]
            self._report(found)
            seen = {str(order["id"]): None for order in listed}
            for order_id in before:
                if order_id not in seen and order_id in self._open:
                    found.append(await self._look_up(order_id))
                    self._report(found[-1:])
                else:
                    self._missing_since.pop(order_id, None)
        return [difference for difference in found if difference is not None]

    async def run(self) -> None:
        """Compare every `every` seconds, for ever; cancel the task to stop it.

        A venue that does not answer is asked again; a rejection (a revoked key) or a bug is raised.
        """
        while True:
            pause = self.every
            try:
                await self.sync()
            except Exception as error:
                outcome = outcome_of(error)
                if outcome not in (RequestOutcome.REFUSED, RequestOutcome.UNKNOWN):
                    raise
                log.warning("Orders could not be compared: %r", error)
                self.on_error(error)
                if outcome is RequestOutcome.REFUSED:
                    pause = max(pause, wait_for(error))
            await asyncio.sleep(pause)

    def _report(self, differences: Iterable[Difference | None]) -> None:
        """Hand them to the callback."""
        for difference in differences:
            if difference is not None:
                log.warning("Order %s: %s", difference.order_id, difference.kind.value)
                self.on_difference(difference)

    async def _look_up(self, order_id: str) -> Difference | None:
        """What became of an order that is not among the open ones."""
        believed = self._open[order_id]
        try:
            found = readable(await self.exchange.fetch_order(order_id, believed.get("symbol")))
        except Exception as error:
            outcome = outcome_of(error)
            if outcome is RequestOutcome.ABSENT:
                return self._missed(order_id)
            if outcome is RequestOutcome.FOREIGN:
                raise
            log.warning("Order %s could not be looked up: %r", order_id, error)
            self.on_error(error)
            return None
        self._missing_since.pop(order_id, None)
        difference = self._read(found)
        if difference is None and order_id in self._open:  # then the list was behind
            return Difference(
                kind=DifferenceKind.STALE, order_id=order_id, believed=believed, found=found
            )
        return difference

    def _missed(self, order_id: str) -> Difference | None:
        """The venue does not know the order; believe it only after the horizon."""
        now = asyncio.get_running_loop().time()
        since = self._missing_since.setdefault(order_id, now)
        if now - since < self.horizon:
            return None
        del self._missing_since[order_id]
        believed = self._open.pop(order_id)
        return Difference(kind=DifferenceKind.DISAPPEARED, order_id=order_id, believed=believed)

    def _read(self, found: Order) -> Difference | None:
        """Merge one reading of an order into what is believed; how they differed, if they did."""
        order_id = str(found["id"])
        believed = self._open.get(order_id) or self._ended.get(order_id)
        if believed is None:
            return self._first_seen(order_id, found)
        kind = _change(believed, found)
        if kind is DifferenceKind.STALE or kind is None:
            return kind and Difference(kind=kind, order_id=order_id, believed=believed, found=found)
        ended = believed.get("status") in ENDS and found.get("status") not in ENDS
        self._keep(order_id, found | {"status": believed["status"]} if ended else found)
        return Difference(kind=kind, order_id=order_id, believed=believed, found=found)

    def _first_seen(self, order_id: str, found: Order) -> Difference | None:
        """Report an order that was not known, unless it was expected."""
        expected = str(found.get("clientOrderId")) in self._expected
        self._expected.pop(str(found.get("clientOrderId")), None)
        self._keep(order_id, found)
        return (
            None
            if expected
            else Difference(kind=DifferenceKind.UNKNOWN, order_id=order_id, found=found)
        )

    def _keep(self, order_id: str, order: Order) -> None:
        """Believe it from now on."""
        if order.get("status") not in ENDS:
            self._open[order_id] = order
            return
        self._open.pop(order_id, None)
        self._missing_since.pop(order_id, None)
        self._ended[order_id] = order
        while len(self._ended) > ENDED_REMEMBERED_MAX:
            self._ended.popitem(last=False)


def _change(believed: Order, found: Order) -> DifferenceKind | None:
    """What a reading adds to what is believed: fills only grow, and an end is final."""
    already = believed.get("filled") or 0.0
    filled = found.get("filled")  # a venue that leaves it out says nothing new
    more = 0.0 if filled is None else filled - already
    ended, ends = believed.get("status") in ENDS, ENDS.get(found.get("status") or "")
    if more < 0 or (ended and ends is None and more == 0):
        return DifferenceKind.STALE
    if ends is not None and (more > 0 or not ended):
        return ends
    return DifferenceKind.PROGRESSED if more > 0 else None
