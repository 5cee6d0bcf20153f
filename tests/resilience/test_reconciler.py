"""Reconciler: what changed is told by its name, what is certain is kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from failing_exchange.errors import (
    InsufficientBalanceError,
    RateLimitError,
)
from failing_exchange.resilience import (
    Difference,
    DifferenceKind,
    Order,
    Reconciler,
)
from tests.resilience.scripted import (
    GARBLED,
    LOST,
    ORDER,
    Scripted,
    in_virtual_time,
)


async def tracked(venue: Scripted, **options: Any) -> tuple[Reconciler, Order, list[Difference]]:
    """A reconciler that knows one open order, which everybody can see."""
    seen: list[Difference] = []
    reconciler = Reconciler(venue, on_difference=seen.append, **options)
    order = await venue.create_order(**ORDER, params={"clientOrderId": "mine"})
    reconciler.track(order)
    return reconciler, venue.placed[0], seen


@pytest.mark.parametrize(
    ("status", "filled", "kind"),
    [
        ("closed", 2.0, DifferenceKind.FILLED),
        ("canceled", 0.5, DifferenceKind.CANCELED),
        ("expired", 0.0, DifferenceKind.EXPIRED),
        ("rejected", 0.0, DifferenceKind.REJECTED),
        ("open", 0.5, DifferenceKind.PROGRESSED),
    ],
)
@in_virtual_time
async def test_a_change_at_the_venue_is_told_once_and_by_its_name(
    status: str, filled: float, kind: DifferenceKind
) -> None:
    """An order that left the list is looked up: filled and canceled are not the same."""
    venue = Scripted()
    reconciler, order, seen = await tracked(venue)
    assert await reconciler.sync() == []
    order |= {"status": status, "filled": filled}
    (difference,) = await reconciler.sync()
    assert difference.kind is kind
    assert difference.order_id == "1"
    assert difference.found is not None
    assert difference.found["filled"] == filled
    assert ("1" in reconciler.orders) == (status == "open")
    assert await reconciler.sync() == []
    assert seen == [difference]


@in_virtual_time
async def test_an_order_that_does_not_show_yet_has_not_disappeared() -> None:
    """The seed's loop deletes it here, and the bot buys again."""
    venue = Scripted(lag=15.0)
    reconciler, _, seen = await tracked(venue)
    for _ in range(4):
        assert await reconciler.sync() == []
        await asyncio.sleep(4)
    assert "1" in reconciler.orders
    assert not seen


@in_virtual_time
async def test_an_order_that_nobody_knows_after_the_horizon_has_disappeared() -> None:
    """A success reply for nothing: it is told once."""
    venue = Scripted()
    reconciler, _, seen = await tracked(venue)
    venue.placed.clear()
    assert await reconciler.sync() == []
    await asyncio.sleep(21)
    (difference,) = await reconciler.sync()
    assert difference.kind is DifferenceKind.DISAPPEARED
    assert difference.found is None
    assert reconciler.orders == {}
    assert await reconciler.sync() == []
    assert seen == [difference]


@in_virtual_time
async def test_a_list_that_is_behind_is_stale_and_changes_nothing() -> None:
    """Missing from the list, found by id: the list is wrong, not the order."""
    venue = Scripted()
    reconciler, _, _ = await tracked(venue)

    async def behind(symbol: str | None = None) -> list[Order]:
        return []

    venue.fetch_open_orders = behind  # type: ignore[method-assign]
    (difference,) = await reconciler.sync()
    assert difference.kind is DifferenceKind.STALE
    assert "1" in reconciler.orders


@in_virtual_time
async def test_an_order_never_leaves_its_end_and_a_fill_never_shrinks() -> None:
    """What is certain is not taken back by an old reading."""
    venue = Scripted()
    reconciler, order, _ = await tracked(venue)
    order["filled"] = 0.5
    await reconciler.sync()
    order["filled"] = 0.2
    (shrunk,) = await reconciler.sync()
    assert shrunk.kind is DifferenceKind.STALE
    assert reconciler.orders["1"]["filled"] == 0.5
    order["filled"] = 0.5
    reconciler.track(dict(order) | {"status": "canceled"})
    (reopened,) = await reconciler.sync()
    assert reopened.kind is DifferenceKind.STALE
    assert reconciler.orders == {}


@in_virtual_time
async def test_a_cancel_that_lost_to_a_fill_comes_to_light() -> None:
    """Told canceled, in truth filled: more fill is always news, even after the end."""
    venue = Scripted()
    reconciler, order, _ = await tracked(venue)
    reconciler.track(dict(order) | {"status": "canceled"})
    order["filled"] = 2.0
    (difference,) = await reconciler.sync()
    assert difference.kind is DifferenceKind.PROGRESSED
    assert reconciler.orders == {}


@in_virtual_time
async def test_unknown_orders_are_told_and_expected_ones_are_not() -> None:
    """An order whose answer is still on its way is no surprise."""
    venue = Scripted()
    reconciler = Reconciler(venue)
    venue.place("stranger", **ORDER)
    venue.place("mine", **ORDER)
    reconciler.expect("mine")
    (difference,) = await reconciler.sync()
    assert difference.kind is DifferenceKind.UNKNOWN
    assert difference.found is not None
    assert difference.found["clientOrderId"] == "stranger"
    assert list(reconciler.orders) == ["1", "2"]
    assert await reconciler.sync() == []


@in_virtual_time
async def test_the_loop_survives_an_outage_and_honours_the_venues_wait() -> None:
    """It compares every 30 s; a ban is not knocked at; a revoked key ends it."""
    venue, errors = Scripted(), list[Exception]()
    venue.reading_fails = [LOST, RateLimitError("slow", retry_after=100)]
    reconciler = Reconciler(venue, on_error=errors.append)
    running = asyncio.create_task(reconciler.run())
    await asyncio.sleep(140)
    assert [round(at) for at, _ in venue.calls] == [0, 30, 130]
    assert len(errors) == 2
    venue.reading_fails = [InsufficientBalanceError("stands for any rejection")]
    with pytest.raises(InsufficientBalanceError):
        await running


@in_virtual_time
async def test_an_order_that_cannot_be_looked_up_waits_for_the_next_time() -> None:
    """One bad answer must not hide the other differences."""
    venue, errors = Scripted(), list[Exception]()
    reconciler, order, _ = await tracked(venue, on_error=errors.append)
    order |= {"status": "closed", "filled": 2.0}

    async def fails_once(id: str, symbol: str | None = None, params: Any = None) -> Order:
        del venue.fetch_order
        raise GARBLED

    venue.fetch_order = fails_once  # type: ignore[method-assign]
    assert await reconciler.sync() == []
    assert errors == [GARBLED]
    (difference,) = await reconciler.sync()
    assert difference.kind is DifferenceKind.FILLED
