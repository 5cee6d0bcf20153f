"""OrderQueue: nothing lost, nothing twice, nothing sent to a closed venue."""

from __future__ import annotations

import asyncio

import pytest

from failing_exchange.errors import (
    ConfigurationError,
    ExchangeMaintenanceError,
    InsufficientBalanceError,
    InvalidOrderError,
)
from failing_exchange.resilience import (
    OrderQueue,
    QueueResult,
)
from tests.resilience.scripted import (
    LATE,
    LOST,
    ORDER,
    Scripted,
    in_virtual_time,
)

MAINTENANCE = ExchangeMaintenanceError("upgrade", retry_after=600)


@in_virtual_time
async def test_orders_wait_for_the_end_of_maintenance_and_follow_in_order() -> None:
    """The seed's example; while the venue is closed it is not asked."""
    venue, settled = Scripted(MAINTENANCE), list[QueueResult]()
    queue = OrderQueue(venue)
    running = asyncio.create_task(queue.run(settled.append))
    assert [await queue.submit(**ORDER, id=f"n{i}") for i in range(3)] == [None] * 3
    assert queue.waiting == ("n0", "n1", "n2")
    await asyncio.sleep(599)
    assert len(venue.sent) == 1
    await asyncio.sleep(10)
    assert [s.order and s.order["clientOrderId"] for s in settled] == ["n0", "n1", "n2"]
    assert len(queue) == 0
    running.cancel()


@in_virtual_time
async def test_an_open_venue_gets_the_order_at_once() -> None:
    """Nothing waits without need; a rejection is the caller's."""
    queue = OrderQueue(Scripted(None, InsufficientBalanceError("no funds")))
    order = await queue.submit(**ORDER)
    assert order is not None
    assert order["status"] == "open"
    with pytest.raises(InsufficientBalanceError):
        await queue.submit(**ORDER)
    assert len(queue) == 0


@in_virtual_time
async def test_a_rejected_order_does_not_hold_up_those_behind_it() -> None:
    """Each settles for itself."""
    queue = OrderQueue(Scripted(InvalidOrderError("Invalid price"), None))
    ids = [queue.put(**ORDER), queue.put(**ORDER)]
    first, second = await queue.drain()
    assert [first.client_order_id, second.client_order_id] == ids
    assert isinstance(first.error, InvalidOrderError)
    assert second.order is not None


@in_virtual_time
async def test_an_order_in_doubt_when_the_venue_closes_is_looked_up_later() -> None:
    """It was sent, its answer lost, then maintenance began: it must not be sent again."""
    venue = Scripted((LATE,))
    venue.reading_fails = [MAINTENANCE]
    queue = OrderQueue(venue)
    assert await queue.submit(**ORDER) is None
    assert await queue.drain() == []
    await asyncio.sleep(600)
    (settled,) = await queue.drain()
    assert settled.order is not None
    assert len(venue.sent) == 1


@in_virtual_time
async def test_an_order_that_cannot_be_resolved_stays_at_the_head() -> None:
    """Those behind it may depend on it, and letting go of it would lose its client id."""
    venue = Scripted((LATE,))
    venue.reading_fails = [LOST] * 100
    queue = OrderQueue(venue)
    assert await queue.submit(**ORDER, id="mine") is None
    assert queue.waiting == ("mine",)
    venue.reading_fails.clear()
    (settled,) = await queue.drain()
    assert settled.order is not None
    assert len(venue.sent) == 1


@in_virtual_time
async def test_the_queue_has_an_end() -> None:
    """What nobody can place any more must not be promised."""
    queue = OrderQueue(Scripted(), limit=2)
    queue.put(**ORDER)
    queue.put(**ORDER)
    with pytest.raises(asyncio.QueueFull, match="2 orders wait"):
        queue.put(**ORDER)
    with pytest.raises(ConfigurationError, match="limit is 0"):
        OrderQueue(Scripted(), limit=0)
