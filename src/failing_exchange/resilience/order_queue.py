"""OrderQueue: orders wait while the venue refuses requests, and are placed in order afterwards."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from failing_exchange.errors import ConfigurationError
from failing_exchange.resilience.outcomes import (
    Exchange,
    Order,
    RequestOutcome,
    outcome_of,
    wait_for,
)
from failing_exchange.resilience.retrying_placement import HORIZON, Placement, new_client_order_id

QUEUE_LENGTH_MAX = 1_000  # then `put` and `submit` raise asyncio.QueueFull: prices grow stale
PATIENCE = 5.0  # seconds; a refusal that asks for more leaves the order in the queue


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueResult:
    """What became of an order that had waited: it was placed (`order`), or it failed (`error`).

    >>> QueueResult(client_order_id="a1", request={"amount": 0.1}, order={"id": "17"}).error
    """

    client_order_id: str
    request: dict[str, Any]
    order: Order | None = None
    error: Exception | None = None


class OrderQueue:
    """Orders for a venue that is sometimes closed; at most `limit` of them wait.

    An order keeps its client order id while it waits, so that none is placed twice. Orders are
    written as for `create_order`; an `id` is taken as the client order id. `horizon` and `patience`
    are seconds, as for `place_order_with_retry`.

    >>> from failing_exchange import FailingExchange, simulate
    >>> async def main():
    ...     exchange = FailingExchange()
    ...     exchange.arm("maintenance", "nth(1)", duration=600)
    ...     queue = OrderQueue(exchange)
    ...     order = await queue.submit(
    ...         symbol="BTC/USDT", type="market", side="buy", amount=0.1
    ...     )  # None: it waits
    ...     await asyncio.sleep(600)
    ...     settled = await queue.drain()
    ...     return order, settled[0].order["status"]
    >>> simulate(main())
    (None, 'closed')

    Raises ConfigurationError for a `limit` below 1.
    """

    def __init__(
        self,
        exchange: Exchange,
        *,
        limit: int = QUEUE_LENGTH_MAX,
        max_retries: int | None = None,
        horizon: float = HORIZON,
        patience: float = PATIENCE,
        new_id: Callable[[], str] = new_client_order_id,
    ) -> None:
        if limit < 1:
            raise ConfigurationError(f"limit is {limit!r}; expected room for at least 1 order")
        self.exchange = exchange
        self.limit = limit
        self._options: dict[str, Any] = {
            "max_retries": max_retries,
            "horizon": horizon,
            "patience": patience,
            "new_id": new_id,
        }
        self._waiting: deque[Placement] = deque()
        self._opens_at = float("-inf")  # loop time
        self._lock = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def waiting(self) -> tuple[str, ...]:
        """The client order ids of the orders that wait, the next one first."""
        return tuple(placement.client_order_id for placement in self._waiting)

    def put(self, **order: Any) -> str:
        """Let an order wait; its client order id. Raises asyncio.QueueFull at the limit."""
        placement = self._placement(order)
        self._append(placement)
        return placement.client_order_id

    async def submit(self, **order: Any) -> Order | None:
        """Place an order now, or let it wait (None) behind others or until the venue is open.

        Raises asyncio.QueueFull at the limit, and what `place_order_with_retry` does.
        """
        placement = self._placement(order)
        async with self._lock:
            if self._waiting or self._closed_for() > 0:
                self._append(placement)
                return None
            settled = await self._settle(placement)
            if settled is None:
                self._append(placement)
                return None
        if settled.error is not None:
            raise settled.error
        return settled.order

    async def drain(self) -> list[QueueResult]:
        """Place what waits, in order, until none is left or the venue is closed (again).

        A rejection settles its order and the next one follows. An order whose outcome stays unknown
        remains at the head, to be looked up next time. Before the time that the venue named for its
        return nothing is sent.
        """
        settled: list[QueueResult] = []
        async with self._lock:
            while self._waiting and self._closed_for() <= 0:
                result = await self._settle(self._waiting[0])
                if result is None:
                    break
                self._waiting.popleft()
                settled.append(result)
        return settled

    async def run(
        self, on_settled: Callable[[QueueResult], None] = lambda _: None, *, every: float = 5.0
    ) -> None:
        """Drain the queue every `every` seconds, for ever; cancel the task to stop it."""
        while True:
            for settled in await self.drain():
                on_settled(settled)
            await asyncio.sleep(max(every, self._closed_for()))

    def _placement(self, order: dict[str, Any]) -> Placement:
        """The order as one intent, with its client order id."""
        return Placement(self.exchange, order, **self._options)

    def _append(self, placement: Placement) -> None:
        """Let it wait, if there is room."""
        if len(self._waiting) >= self.limit:
            raise asyncio.QueueFull(
                f"{self.limit} orders wait already; drain the queue, or give it a higher limit"
            )
        self._waiting.append(placement)

    async def _settle(self, placement: Placement) -> QueueResult | None:
        """Place an order; None when it has to wait."""
        order, failure = None, None
        try:
            order = await placement.place()
        except Exception as error:
            refusal = error if outcome_of(error) is RequestOutcome.REFUSED else error.__cause__
            if refusal is not None and outcome_of(refusal) is RequestOutcome.REFUSED:
                self._opens_at = asyncio.get_running_loop().time() + wait_for(refusal)
                return None
            if placement.in_doubt:
                return None
            failure = error
        return QueueResult(
            client_order_id=placement.client_order_id,
            request=placement.request,
            order=order,
            error=failure,
        )

    def _closed_for(self) -> float:
        """Seconds until the venue may be asked again; not above 0 when it may be now."""
        return self._opens_at - asyncio.get_running_loop().time()
